"""Laws of exports: what goes out comes back, and no name breaks a format."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET

import networkx as nx
import pytest
import sympy as sp

import symfold as sf
from symfold.errors import UnknownName
from symfold.show.export import EXPORTS, save, to_text
from symfold.show.graph import LEVELS
from symfold.show.render import render

X = sf.tensor("x")
HOSTILE = ['a"b', "a<b>&amp;", "back\\slash", "two\nlines", "50%_$#{}~^", "a:b", "end", "nul\0", "<b>bold</b>", "日本"]


def residual(depth, init=X):
    return sf.fold(lambda z, f: f(z) + z, sf.layers("f", count=depth), init)


@pytest.mark.parametrize("level", LEVELS)
def test_json_and_graphml_come_back(level):
    net = residual(3)
    graph = net.graph(level)
    back = nx.node_link_graph(json.loads(to_text(net, "json", level)), edges="edges")
    assert nx.utils.graphs_equal(back, graph)
    read = nx.read_graphml(io.BytesIO(to_text(net, "graphml", level).encode()), force_multigraph=True)
    assert dict(read.nodes(data=True)) == dict(graph.nodes(data=True))
    assert sorted(read.edges(data="port")) == sorted(graph.edges(data="port"))


def test_mermaid_at_depth_2():
    assert to_text(residual(2), "mermaid") == """flowchart LR
  x{{"x"}}
  subgraph step_z1["step 1"]
    f1["f1"]
    z1(("+"))
  end
  subgraph step_z2["step 2"]
    f2["f2"]
    z2(("+"))
  end
  out{{"out"}}
  x --> f1
  x ==> z1
  f1 --> z1
  z1 --> f2
  z1 ==> z2
  f2 --> z2
  z2 --> out
"""


def test_tikz_takes_the_symbols_of_a_paper(tmp_path):
    net = sf.fold(sf.mappers.residual, sf.layers("phi", count="n"), sf.tensor("x"))
    names = {"z": r"\mathbf{h}", "phi": r"\mathcal{F}", "k": r"\ell", "n": "L"}
    text = sf.export.save(net, tmp_path / "net.tex", level="fold", names=names).read_text()
    assert r"$\mathbf{h}_{\ell-1}$" in text and r"{$\mathcal{F}_{\ell}$}" in text and ", ..., $L$};" in text
    assert r"{$\phi_{2}$}" in sf.export.save(net.at(n=2), tmp_path / "net.tex").read_text()
    with pytest.raises(ValueError, match=r"save to \.tex"):
        sf.export.save(net, tmp_path / "net.mmd", level="fold", names=names)


def test_tikz_at_depth_1():
    text = to_text(residual(1), "tikz")
    assert text.startswith("\\documentclass") and text.endswith("\\end{tikzpicture}\n\\end{document}\n")
    steps = re.findall(r"^ *(\\path\[[\w ]+\]|\\node\[.*\] \(.*?\)) .*?(\{.*\})?;$", text, re.MULTILINE)
    assert [(re.sub(r"\\node\[.*\]", "", head), label) for head, label in steps] == [
        (r"\path[group]", ""),
        *((rf"\path[{kind} edge]", "") for kind in ("data", "state", "data", "output", "skip")),
        (r"\path[input node]", ""), (" (x)", "{$x$}"),
        (r"\path[layer node]", ""), (" (f1)", "{$f_{1}$}"),
        (r"\path[join node]", ""), (" (z1)", "{+}"),
        (r"\path[state node]", ""), (" (z1-state)", "{$z_{1}$}"),
        (r"\path[output node]", ""), (" (out)", "{out}"),
    ]  # fmt: skip


N = r"-?\d+(?:\.\d+)?"  # a number


@pytest.mark.parametrize("name", ["residual", "lstm", "pre_norm", "unet"])
@pytest.mark.parametrize(("depth", "level"), [(2, None), (2, "primitive"), (2, "step"), ("n", None), ("n", "fold")])
def test_tikz_is_the_picture_that_draw_draws(name, depth, level, tmp_path):
    """Nodes, arrows, and texts beside them stand where SVG has them."""
    row = sf.mappers.ARCHITECTURES[name]
    if depth == "n" and name == "unet":
        pytest.skip("its depth is a number")
    for options in ({}, {"direction": "BT", "legend": True, "title": "a net"}):
        svg, tikz = (sf.draw(row.net(depth), tmp_path / f"net.{suffix}", level, **options).read_text() for suffix in ("svg", "tex"))
        shapes = re.findall(rf'class="node [\w-]+"><title>[^<]*</title>.*?<text x="({N})" y="({N})"', svg)
        nodes = re.findall(rf"\\node\[minimum.*\] \(.*\) at \(({N}),({N})\)", tikz)
        assert sorted(x for x, _ in shapes) == sorted(x for x, _ in nodes)
        beside = re.findall(rf'<text x="({N})" y="({N})"', re.sub('<g class="node.*?</g>', "", svg))
        assert sorted(beside) == sorted(re.findall(rf"\\node\[anchor.*\] at \(({N}),({N})\)", tikz))
        assert len(re.findall(r"\\path\[\w+ edge\]", tikz.split("\\end{scope}")[0])) == svg.count('class="edge ')


def test_tikz_of_several_nets_has_a_name_for_each_node(tmp_path):
    nets = [residual(3), residual(3), residual(2) * 2]
    text = sf.draw(nets, tmp_path / "nets.tex", columns=2, title=["a", "b", "c"], theme="dark", width=300).read_text()
    names = re.findall(r"\\node\[.*\] \((.*?)\) at", text)
    assert len(names) == len(set(names)) == text.count("minimum width")
    assert {"f1", "f1-2", "f1-3"} <= {*names} and r"\resizebox{225bp}{!}" in text and r"\fill[fill={rgb,255:red,22;" in text


def test_tikz_names_no_key_of_its_own():
    text = to_text(sf.fold(lambda z, f: z - f(z), sf.layers("f1:2"), X), "tikz")
    assert re.search(r"\\node\[anchor=base.*\] at .* \{\$-\$\};", text)
    styles = re.findall(r"(\w[\w ]*)/\.style", text)  # join, step, shape, ... are TikZ's own
    assert all(name.endswith((" node", " edge", " label")) or name in ("every node", "group") for name in styles)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_a_format(name, level):
    net = residual(2, sp.Symbol(name)) * 2
    texts = {format: to_text(net, format, level) for format in EXPORTS}
    assert all(text == to_text(net, format, level) for format, text in texts.items())
    ET.fromstring(texts["graphml"].encode())
    ET.fromstring(render(texts["dot"], "svg", "wasm"))
    assert name in {data["label"] for data in json.loads(texts["json"])["nodes"]}
    for line in texts["mermaid"].splitlines():
        assert line.count('"') % 2 == 0
    body = texts["tikz"].split("boundingbox")[1].replace("\\\\", "").replace(r"\{", "").replace(r"\}", "")
    assert body.count("{") == body.count("}")
    assert "%" not in body.replace(r"\%", "") and "&" not in body.replace(r"\&", "")


def test_every_edge_is_in_every_format():
    net = residual(5)
    edges = net.graph().number_of_edges()
    states = 5  # a join leads to its state
    assert len(re.findall(r"\\path\[\w+ edge\]", to_text(net, "tikz"))) == edges + states
    assert sum("--" in line or "==" in line or "-." in line for line in to_text(net, "mermaid").splitlines()) == edges
    assert len(json.loads(to_text(net, "json"))["edges"]) == edges


def test_save_goes_by_suffix(tmp_path):
    for row in EXPORTS.values():
        assert save(residual(2), tmp_path / f"net{row.suffix}").read_text() == to_text(residual(2), row.name)


def test_unknown_formats_are_named():
    with pytest.raises(UnknownName, match=r"unknown format: 'gexf' .*'graphml'"):
        to_text(residual(2), "gexf")
    with pytest.raises(UnknownName, match=r"unknown suffix: '.gexf'"):
        save(residual(2), "net.gexf")


def test_a_title_as_wide_as_its_step_is_set_smaller_in_tikz(tmp_path):
    names = {"z": r"\mathbf{h}"}
    narrow, wide = residual("n"), sf.fold(lambda z, f: z + f(f(f(z))), sf.layers("f", count="n"), X)
    texts = [sf.draw(net, tmp_path / "net.tex", level="fold", names=names).read_text() for net in (narrow, wide)]
    titles = [next(line for line in text.split("\n") if "= 1, ..., " in line) for text in texts]
    assert [re.search(r"font=\\(\w+)", title)[1] for title in titles] == ["scriptsize", "footnotesize"]
