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
from symfold.show.export.tikz import layout
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
    assert r"$\mathbf{h}_{\ell-1}$" in text and r"{$\mathcal{F}_{1}$, \dots{}, $\mathcal{F}_{L}$}" in text
    assert r"{$\phi_{2}$}" in sf.export.save(net.at(n=2), tmp_path / "net.tex").read_text()
    with pytest.raises(ValueError, match=r"save to \.tex"):
        sf.export.save(net, tmp_path / "net.mmd", level="fold", names=names)


def test_tikz_at_depth_2():
    text = to_text(residual(2), "tikz")
    assert text.startswith("\\documentclass") and text.endswith("\\end{document}\n")
    assert [line.strip() for line in text.splitlines() if line.startswith((r"  \node", r"  \path"))] == [
        r"\node[input node] (x) at (0,0) {$x$};",
        r"\node[layer node] (f1) at (1,-1) {$f_{1}$};",
        r"\node[join node, label=above:{$z_{1}$}] (z1) at (2,0) {$+$};",
        r"\node[layer node] (f2) at (3,-1) {$f_{2}$};",
        r"\node[join node, label=above:{$z_{2}$}] (z2) at (4,0) {$+$};",
        r"\node[output node] (out) at (5,0) {out};",
        r"\path (x) edge[] (f1);",
        r"\path (x) edge[skip edge] (z1);",
        r"\path (f1) edge[] (z1);",
        r"\path (z1) edge[] (f2);",
        r"\path (z1) edge[skip edge] (z2);",
        r"\path (f2) edge[] (z2);",
        r"\path (z2) edge[] (out);",
    ]
    boxes = [line.split("[on background layer]")[1] for line in text.splitlines() if "fit=" in line]
    assert boxes == [
        r"\node[group, fit=(f1) (z1), label={[title]north west:step 1}] {};\end{scope}",
        r"\node[group, fit=(f2) (z2), label={[title]north west:step 2}] {};\end{scope}",
    ]


def test_tikz_puts_each_step_after_the_one_before():
    boosted = sf.fold(lambda z, f: f(X) + z, sf.layers("f1:4"), X)
    places = layout(boosted.graph())
    across = [places[name][0] for name in ("x", "f1", "z1", "f2", "z2", "f3", "z3", "out")]
    assert across == sorted(set(across))
    assert {places[name][1] for name in ("x", "z1", "z2", "z3", "out")} == {0} != {places[name][1] for name in ("f1", "f2", "f3")}


def test_tikz_marks_operands_and_names_no_key_of_its_own():
    text = to_text(sf.fold(lambda z, f: z - f(z), sf.layers("f1:2"), X), "tikz")
    assert r"\path (f1) edge[] node[draw=none, auto, font=\scriptsize] {$-$} (z1);" in text
    styles = re.findall(r"(\w[\w ]*)/\.style", text)  # join, step, shape, ... are TikZ's own
    assert all(name.endswith((" node", " edge", " label")) or name in ("every node", "every edge", "group", "title") for name in styles)


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
    body = texts["tikz"].split("loop edge/.style={thick}]\n")[1].replace("\\\\", "").replace(r"\{", "").replace(r"\}", "")
    assert body.count("{") == body.count("}")
    assert "%" not in body.replace(r"\%", "") and "&" not in body.replace(r"\&", "")


def test_every_edge_is_in_every_format():
    net = residual(5)
    edges = net.graph().number_of_edges()
    assert sum(line.startswith(r"  \path") for line in to_text(net, "tikz").splitlines()) == edges
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
