"""Laws of pictures: every route draws, the same net gives the same bytes, files are whole, errors say what to do."""

from __future__ import annotations

import os
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from functools import lru_cache

import graphviz
import numpy as np
import pytest

import symfold as sf
from symfold.core.conversion import as_node
from symfold.core.functions import elu as elu_head
from symfold.core.leaves import number as constant
from symfold.core.nodes import Node
from symfold.core.primitives import attention
from symfold.errors import DataError, InvalidType, InvalidValue, MissingPackage, TooLarge, UnknownName
from symfold.show import render as rendering
from symfold.show.diagram import PictureSize, diagram, display_svg, picture_size, svg_of_several, to_svg
from symfold.show.diagram.layout import Picture
from symfold.show.render import render

X = sf.tensor("x")
ROUTES = ["wasm", pytest.param("dot", marks=pytest.mark.skipif(shutil.which("dot") is None, reason="needs the program dot"))]


def elu(value, alpha):
    return Node(elu_head, (as_node(value), constant(alpha)))


def residual(depth):
    return sf.fold(lambda z, f: f(z) + z, sf.layers("f", count=depth), X)


def boosting(depth):
    return sf.fold(lambda z, f: f(X) + z, sf.layers("f", count=depth), X)


def texts(svg):
    return {text.replace("\xa0", " ") for text in ET.fromstring(svg).itertext() if text.strip()}


@pytest.mark.parametrize("route", ROUTES)
def test_an_svg_is_well_formed_and_names_every_layer_and_state(route):
    found = texts(render(diagram(residual(10)).source, "svg", route))
    subscript = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    for number in range(1, 11):
        index = str(number).translate(subscript)
        assert {f"f{index}", f"z{index}", f"step {number}"} <= found


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("depth", [1000, "n"])
def test_a_folded_picture_tells_where_each_layer_reads(route, depth):
    for make, told in ((residual, "zₖ = fₖ(zₖ₋₁) + zₖ₋₁"), (boosting, "zₖ = fₖ(x) + zₖ₋₁")):
        assert f"{told}, k = 1, …, {depth}" in texts(render(diagram(make(depth)).source, "svg", route))


@pytest.mark.parametrize("route", ROUTES)
def test_the_same_net_gives_the_same_bytes(route):
    assert render(diagram(boosting(4)).source, "svg", route) == render(diagram(boosting(4)).source, "svg", route)


def test_an_edge_shows_what_it_carries_by_more_than_colour():
    from symfold.show.diagram.style import EDGES, NODES

    def without_colour(style):
        return tuple(sorted((key, value) for key, value in style.items() if "color" not in key.lower()))

    told_apart = ["data", "skip", "capture", "item", "parameter", "loop"]
    assert len({without_colour(EDGES[kind]) for kind in told_apart}) == len(told_apart)
    shapes = ["input", "state", "layer", "join", "parameter"]
    assert len({NODES[kind]["shape"] for kind in shapes}) == len(shapes)


MARKS = [
    (lambda z, f: z + f(z), {}),
    (lambda z, f: f(z) - 2 * z, {("x", "z1"): "− 2 ×"}),
    (lambda z, f: z - f(z) / 3, {("f1", "z1"): "− 1/3 ×"}),
    (lambda z, f: -f(z) + z, {("f1", "z1"): "−"}),
    (lambda z, f: -f(z) - z, {("f1", "z1"): "−1 ×", ("x", "z1"): "−"}),
    (lambda z, f: z > f(z), {("x", "z1"): "1", ("f1", "z1"): "2"}),
    (lambda z, f: np.equal(z, f(z)), {}),
    (lambda z, f: z - f(z), {("f1", "z1"): "−"}),
    (lambda z, f: f(z) - z, {("x", "z1"): "−"}),
    (lambda z, f: f(z) / z, {("x", "z1"): "÷"}),
    (lambda z, f: z / f(z), {("f1", "z1"): "÷"}),
    (lambda z, f: z ** f(z), {("x", "z1"): "base"}),
    (lambda z, f: f(z) ** z, {("x", "z1"): "exponent"}),
    (lambda z, f: 2 * f(z) + z, {("f1", "z1"): "2 ×"}),
    (lambda z, f: np.concatenate([f(z), z], axis=-1), {("f1", "z1"): "1", ("x", "z1"): "2"}),
]


@pytest.mark.parametrize(("mapper", "marks"), MARKS)
def test_operands_are_told_apart_where_their_order_matters(mapper, marks):
    drawn = Picture(sf.fold(mapper, sf.layers("f1:2"), sf.tensor("x", (None, 3))).graph()).graph
    assert {(source, end): mark for source, end, mark in drawn.edges(data="mark") if mark} == marks
    assert set(drawn) == {"x", "f1", "z1", "out"}


@pytest.mark.parametrize(("mapper", "label"), [
    (lambda z, f: f(z) + 1, "+ 1"), (lambda z, f: f(z) - 1, "− 1"), (lambda z, f: -f(z), "× −1"), (lambda z, f: f(z) ** 2, "^ 2"), (lambda z, f: 2 ** f(z), "2 ^"),
    (lambda z, f: 1 / f(z), "1 ÷"), (lambda z, f: 0.5 / f(z), "0.5 ÷"), (lambda z, f: f(z) > 0, "> 0"), (lambda z, f: f(z) <= -1, "≤ −1"),
    (lambda z, f: np.clip(f(z), -1, 1), "clip(−1, 1)"), (lambda z, f: elu(f(z), 2), "elu(2)"),
])  # fmt: skip
def test_a_number_is_written_into_what_reads_it(mapper, label):
    drawn = Picture(sf.fold(mapper, sf.layers("f1:2"), X).graph()).graph
    assert [drawn.nodes[name]["label"] for name in ("x", "f1", "z1", "out")] == ["x", "f1", label, "out"] and len(drawn) == 4


def test_a_choice_names_what_it_reads():
    choice = Picture(sf.fold(lambda z, f: np.where(z > 0, z, f(z)), sf.layers("f1:2"), X).graph()).graph
    assert [(choice.nodes[a]["label"], mark) for a, _, mark in choice.in_edges("z1", data="mark")] == [("x", "then"), ("> 0", "if"), ("f1", "else")]
    numbers = Picture(sf.Net.of(np.where(sf.tensor("y") < X, 1, 0)).graph()).graph
    assert {(numbers.nodes[a]["label"], mark) for a, _, mark in numbers.in_edges("where1", data="mark")} == {("<", "if"), ("1", "then"), ("0", "else")}


def test_infinite_and_negative_numbers_are_drawn_by_their_signs():
    drawn = Picture(sf.Net.of(np.where(X < 0, -np.inf, -1) + np.clip(X, 0, None)).graph()).graph
    assert {"−∞", "−1", "clip(0, ∞)"} <= {data["label"] for _, data in drawn.nodes(data=True)}


def test_attention_names_what_it_reads():
    q, k, v, mask = sf.tensor("q", (3, 4)), sf.tensor("k", (3, 4)), sf.tensor("v", (3, 4)), sf.tensor("m", (3, 3))
    drawn = Picture(sf.Net.of(attention(q, k, v, mask, scale=0.5, causal=False)).graph()).graph
    marks = {(source, end): mark for source, end, mark in drawn.edges(data="mark") if mark}
    assert marks == {("q", "attention1"): "query", ("k", "attention1"): "key", ("v", "attention1"): "value", ("m", "attention1"): "bias"}


@pytest.mark.parametrize(("mapper", "marks"), [
    (lambda z, f: z + 0.5 * f(z) / 2, {("f1", "z1"): "0.5/2 ×"}),
    (lambda z, f: z + 3 * (0.5 * f(z)), {("f1", "z1"): "0.5 · 3 ×"}),
    (lambda z, f: z + 3 * (0.5 * (4 * f(z))), {("f1", "z1"): "4 · 0.5 · 3 ×"}),
    (lambda z, f: z + 3 * (s := 0.5 * f(z)) + s, {("mul1", "add1"): "3 ×"}),  # read by another too
])  # fmt: skip
def test_factors_in_a_row_are_one(mapper, marks):
    drawn = Picture(sf.fold(mapper, sf.layers("f1:2"), X).graph()).graph
    assert {(source, end): mark for source, end, mark in drawn.edges(data="mark") if mark} == marks


@pytest.mark.parametrize(("mapper", "label"), [(lambda z, f: z * (1 - f(z)), "1 −"), (lambda z, f: z * (-2 - f(z)), "−2 −"), (lambda z, f: z * (1 + f(z)), "+ 1")])
def test_a_number_less_something_is_one_operation(mapper, label):
    drawn = Picture(sf.fold(mapper, sf.layers("f1:2"), X).graph()).graph
    assert [data["label"] for _, data in drawn.nodes(data=True)] == ["x", "f1", label, "*", "out"]
    assert not [mark for _, _, mark in drawn.edges(data="mark") if mark]


def test_a_weight_read_transposed_is_drawn_as_its_transpose():
    W = sf.parameter("W", (3, 3))
    alone = Picture(sf.Net.of(np.dot(sf.tensor("x", (2, 3)), W.T)).graph()).graph
    assert [data["label"] for _, data in alone.nodes(data=True)] == ["Wᵀ", "x", "dot", "out"] and alone.edges["W", "dot1", 1]["kind"] == "parameter"
    both = Picture(sf.Net.of(np.dot(np.dot(sf.tensor("x", (2, 3)), W.T), W)).graph()).graph
    assert {"W", "T"} <= {data["label"] for _, data in both.nodes(data=True)}


def test_what_one_step_alone_reads_is_its_item_and_what_all_read_is_captured():
    pairs = list(zip(sf.layers("f1:3"), [sf.tensor("a"), sf.tensor("b")], strict=True))
    alone = Picture(sf.fold(lambda z, pair: pair[0](pair[1] * z), pairs, X).graph())
    assert {alone.place(name) for name in ("a", "b")} == {("z1",), ("z2",)} and "capture" not in alone.kinds[1]
    for level in ("layer", "block", "fold"):
        shared = Picture(sf.fold(lambda h, g: g(X) + h, [sf.layer("g")] * 3, sf.tensor("h")).graph(level))
        assert {kind for _, _, kind in shared.graph.out_edges("x", data="kind")} == {"capture"}


def centres(svg):
    """Where each node of a picture is, from the points of its outline."""
    found = {}
    for group in ET.fromstring(svg).findall(".//{*}g"):
        shapes = [part for part in group if group.get("class") == "node" and part.tag.endswith(("polygon", "ellipse"))]
        if shapes:
            points = shapes[0].get("points") or f"{shapes[0].get('cx')},{shapes[0].get('cy')}"
            across, down = zip(*(map(float, point.split(",")) for point in points.split()), strict=True)
            found[group.find("{*}title").text.replace("\xa0", " ")] = ((min(across) + max(across)) / 2, (min(down) + max(down)) / 2)
    return found


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("depth", [1, 4, 10])
def test_the_states_stand_on_a_line_and_the_layers_below_it(depth, route):
    for net in (residual, boosting):
        found = centres(render(diagram(net(depth)).source, "svg", route))
        line = {found[name][1] for k in range(1, depth + 1) for name in ("x", f"z{k}", f"z{k} state")}
        assert max(line) - min(line) < 0.5
        assert all(found[f"f{k}"][1] > max(line) + 10 for k in range(1, depth + 1))  # below, away from the titles of the steps


def drawn_folded(row):
    try:
        return row.net("n") is not None
    except sf.SymfoldError:
        return False


DRAWN = [(name, depth) for name, row in sf.mappers.ARCHITECTURES.items() for depth in (3, "n") if depth == 3 or drawn_folded(row)]
STREAMS = {"mixture", "lstm", "leapfrog"}  # whose states Graphviz does not keep on their lines where every step is drawn
CROWDED = {"mixture", "denseformer", "depth_attention", "bidirectional"}  # where a line that skips steps runs over the number of one


@pytest.mark.parametrize(("name", "depth"), DRAWN)
def test_the_zoo_is_drawn_on_lines(name, depth):
    svg = render(diagram(sf.mappers.ARCHITECTURES[name].net(depth)).source, "svg", "wasm")
    lines = {}
    for node, (_, y) in centres(svg).items():
        if found := re.fullmatch(r"([zyw])\d+ state", node):
            lines.setdefault(found[1], []).append(y)
    for found in lines.values() if name not in STREAMS else ():
        assert max(found) - min(found) < 0.5
    points = list(line_points(svg))
    crossed = [box for box in titles(svg) if any(box[0] < x < box[1] and box[2] < y < box[3] for x, y in points)]
    assert len(crossed) <= (depth == 3 and name in CROWDED)


def test_what_one_architecture_is_can_be_seen():
    """By where things stand: norms inside or outside of the branches, gates on the way of the state, two directions, nested ways."""
    found = {name: centres(render(diagram(sf.mappers.ARCHITECTURES[name].net(3)).source, "svg", "wasm")) for name in sf.mappers.ARCHITECTURES}
    first = {"highway": "z1 state", "pre_norm": "z1 state", "post_norm": "q1 state", "unet": "f1 state"}
    on_line = {name: {node for node, (_, y) in found[name].items() if abs(y - found[name][state][1]) < 0.5} for name, state in first.items()}
    assert {"add1", "z1", "add2", "z2"} <= on_line["pre_norm"] and not {"p1", "a1", "q1", "m1"} & on_line["pre_norm"]
    assert {"add1", "p1", "add2", "q1"} <= on_line["post_norm"] and not {"a1", "m1"} & on_line["post_norm"]
    assert {"mul2", "z1"} <= on_line["highway"] and not {"f1", "g1", "sigmoid1"} & on_line["highway"]
    there, back = ([f"{letter}{number} state" for number in ("", "_2", "_3")] for letter in "fg")
    for a, b in zip(there, back, strict=True):
        assert found["bidirectional"][a][0] == pytest.approx(found["bidirectional"][b][0], abs=5)  # side by side in time
    assert {f"{letter}{k} state" for letter in "fg" for k in (1, 2, 3)} <= on_line["unet"]


def test_a_label_fits_into_its_node():
    """Helvetica takes about 0.52 of its size for a small letter."""
    label = "embedding_hidden_mapping_in"
    svg = ET.fromstring(render(diagram(sf.Net.of(sf.layer(label)(X))).source, "svg", "wasm"))
    box = next(g for g in svg.findall(".//{*}g") if label in (g.findtext("{*}text") or ""))
    across = [float(point.split(",")[0]) for point in box.find("{*}polygon").get("points").split()]
    assert max(across) - min(across) > 0.52 * 12 * len(label)


def titles(svg):
    """The boxes that the lines of the titles of the steps take, half the size of the font a letter."""
    for text in ET.fromstring(svg).findall(".//{*}g[@class='cluster']/{*}text"):
        across, down, size = float(text.get("x")), float(text.get("y")), float(text.get("font-size"))
        half = 0.25 * size * len(text.text)
        left = across if text.get("text-anchor") == "start" else across - half
        yield left, left + 2 * half, down - 0.7 * size, down


def line_points(svg):
    """Points along every line: each piece of a path is a Bezier curve of four points."""
    for path in ET.fromstring(svg).findall(".//{*}g[@class='edge']/{*}path"):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.get("d"))]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        for first in range(0, len(points) - 1, 3):
            for t in np.linspace(0, 1, 40):
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                yield tuple(sum(w * p[axis] for w, p in zip(weights, points[first : first + 4], strict=True)) for axis in (0, 1))


def grid():
    inputs = sf.stack([sf.tensor(f"x{t}") for t in (1, 2, 3)])
    return sf.fold(lambda seq, f: sf.scan(lambda h, u: f(h, u), seq, sf.tensor("h")), sf.layers("f1:3"), inputs)


def long_names(depth):
    """A decoder's block with the names that PyTorch's modules have."""
    names = ("input_layernorm", "self_attn", "post_attention_layernorm", "mlp")
    return sf.fold(sf.mappers.pre_norm, sf.zipped(*(sf.layers(f"{name}_", count=depth) for name in names)), sf.tensor("tokens"))


TITLED = {
    "residual": lambda: diagram(residual(10)),
    "boosting": lambda: diagram(boosting(10)),
    "downwards": lambda: diagram(boosting(10), direction="TB"),
    "folded": lambda: diagram(boosting("n")),
    "long names": lambda: diagram(long_names("n")),
    "backwards": lambda: diagram(sf.adjoint(residual(1000))),
    "time by depth": lambda: diagram(grid()),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", TITLED)
def test_no_line_runs_through_the_title_of_a_step(case, route):
    svg = render(TITLED[case]().source, "svg", route)
    boxes, points = list(titles(svg)), list(line_points(svg))
    assert boxes and points
    assert not [box for box in boxes for x, y in points if box[0] < x < box[1] and box[2] < y < box[3]]


def test_the_layers_of_a_step_are_listed_in_order_below_it():
    f, g = sf.layers("f1:3"), sf.layers("g1:3")
    net = sf.fold(lambda z, item: item[1](item[0](z)) + z, sf.zipped(f, g), sf.tensor("x"))
    drawn = to_svg(net, "step")
    assert drawn.count('class="node layer"') == 2 and drawn.count('class="node step"') == 2
    assert [re.sub("<[^>]*>", "", group) for group in re.findall(r'<g class="node layer">.*?</title>(.*?)</g>', drawn)] == ["f1g1", "f2g2"]


def test_a_legend_says_what_is_there_and_no_more():
    assert "skip" in diagram(residual(3), legend=True).source and "in every step" not in diagram(residual(3), legend=True).source
    both = svg_of_several({"residual": residual(3), "boosting": boosting(3)}, legend=True)
    assert "the state bypasses the layer" in both and "the same value in every step" in both
    titled = texts(render(diagram(residual(1000), title="a < b", legend=True).source, "svg", "wasm"))
    assert {"a < b", "━▶ skip connection: the state bypasses the layer     ⤺ to the next step"} <= titled
    assert "state, past" not in diagram(residual(3)).source


@pytest.mark.parametrize("level", ["fold", "block", "step", "layer", "primitive"])
@pytest.mark.parametrize("route", ROUTES)
def test_every_level_of_a_hard_net_draws(level, route):
    h, g = sf.tensor("h", (2,)), sf.layer("g")
    deep = sf.fold(lambda seq, f: sf.scan(lambda h, u: f(h, u) + np.tanh(u), seq, h), sf.layers("f1:3"), sf.tensor("u", (3, 2)))
    pair = sf.fold(lambda s, u: (g(s[0], u) + s[1], s[1] * 2), sf.tensor("u", (2, 2)), (h, sf.tensor("c", (2,))))
    for net in (deep, pair, sf.fold(lambda z, f: f(X) + z, sf.layers("f1:4"), 0), residual(0)):
        ET.fromstring(render(diagram(net, level).source, "svg", route))


def test_draw_writes_a_whole_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "net.svg"
    assert residual(3).draw(path) == path
    ET.fromstring(path.read_bytes())
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(DataError, match="full"):
        boosting(3).draw(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.svg"]


def test_an_unknown_suffix_lists_those_allowed(tmp_path):
    with pytest.raises(InvalidValue, match=r"net.gif.*\.svg, \.png, \.pdf"):
        residual(2).draw(tmp_path / "net.gif")
    with pytest.raises(InvalidValue, match="unknown direction: 'up'"):
        residual(2).diagram(direction="up")
    with pytest.raises(UnknownName, match="unknown renderer: 'magic'"):
        render("digraph {}", route="magic")


def test_a_png_without_dot_names_the_remedy(monkeypatch):
    missing = tuple((f"no_such_{name}", formats, how) for name, formats, how in rendering.CONVERTERS)
    monkeypatch.setattr(rendering, "CONVERTERS", missing)
    with pytest.raises(MissingPackage, match=r"dot.*pip install"):
        render("digraph { a }", "png", "wasm")


def test_a_converter_from_pypi_is_asked(monkeypatch):
    monkeypatch.setattr(rendering, "CONVERTERS", (("json", ("png",), lambda module, svg, format: b"PNG" + svg[:5]),))
    assert render("digraph { a }", "png", "wasm") == b"PNG<?xml"


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs the program dot")
def test_png_and_pdf_by_dot(tmp_path):
    assert residual(2).draw(tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
    assert residual(2).draw(tmp_path / "net.pdf").read_bytes().startswith(b"%PDF")


def test_bad_dot_is_a_clear_error():
    for route in ["wasm", *(["dot"] if shutil.which("dot") else [])]:
        with pytest.raises(rendering.RenderError, match="could not draw"):
            render("digraph { a -> ", "svg", route)


def test_a_notebook_shows_a_picture_and_never_an_error(monkeypatch):
    assert "<title>f1000" in display_svg(residual(1000))
    monkeypatch.setattr("symfold.show.diagram.Layout.grid", lambda self: 1 / 0)
    assert display_svg(residual(3)) is None


def test_what_is_too_large_for_a_notebook_is_not_drawn():
    steps = [((lambda z, f, k=k: k * f(z)), f) for k, f in enumerate(sf.layers("f1:1500"))]
    mixed = sf.fold(lambda z, pair: pair[0](z, pair[1]), steps, X)
    assert display_svg(mixed) is None


def test_a_long_unrolled_net_is_drawn_as_the_fold_it_is():
    assert diagram(sf.unroll(residual(50))).source == diagram(residual(50)).source


@pytest.mark.parametrize("depth", [1, 7, 100])
def test_the_size_of_a_picture_is_counted_before_it_is_laid_out(depth):
    """By hand: in boosting layer k stands k - 1 ranks before its sum; a residual net is a straight line."""
    straight, long = picture_size(residual(depth).graph()), picture_size(boosting(depth).graph())
    assert straight == PictureSize(2 * depth + 2, 3 * depth + 1, 4 * depth + 1)
    assert long == PictureSize(2 * depth + 2, 3 * depth + 1, depth * (depth + 1) // 2 + 2 * depth + 2)


@pytest.mark.parametrize("make", [residual, boosting])
def test_a_picture_too_large_to_lay_out_is_refused(make):
    with pytest.raises(TooLarge, match=r"2,002 nodes and 3,001 edges.*level='fold'.*max_size=None"):
        make(1000).diagram("layer")
    with pytest.raises(TooLarge, match="1,000,000 steps"):
        make(10**6).diagram("step")
    assert make(1000).diagram("layer", max_size=None).source.count("->") > 3000
    with pytest.raises(TooLarge, match="over the bound of 60"):
        svg_of_several({"one": make(6), "two": make(6)}, "layer", max_size=60)
    assert svg_of_several({"one": make(6)}, "layer", max_size=60)
    with pytest.raises(InvalidType, match="max_size='large' is not a number"):
        make(2).diagram(max_size="large")


def test_a_trap_of_webassembly_is_our_error_and_the_next_picture_is_drawn(monkeypatch):
    wasmtime = pytest.importorskip("wasmtime")

    class Full:
        def render(self, source, format):
            raise wasmtime.WasmtimeError("wasm trap: call stack exhausted\nwasm backtrace: ...")

    made = iter([Full(), rendering._wasm()])
    monkeypatch.setattr(rendering, "_wasm", lru_cache(maxsize=1)(lambda: next(made)))
    with pytest.raises(rendering.RenderError, match=r"ran out of room .*level='fold'") as error:
        render("digraph { a }", "svg", "wasm")
    assert "backtrace" not in str(error.value)
    assert render("digraph { a }", "svg", "wasm").startswith(b"<?xml")


PROGRAMS = {
    "fails": ("import sys; sys.exit(3)", "status 3"),
    "hangs": ("import time; time.sleep(30)", "within 0.5 seconds .*SYMFOLD_RENDER_SECONDS=5"),
    "leaves a process behind": ("import os, time; print('<svg/>', flush=True)\nif not os.fork(): time.sleep(5)", "gave no PNG"),
    "never reads": ("import os; os.close(0); print('garbage')", "gave no PNG"),
    "prints garbage": ("print('garbage')", "gave no PNG"),
    "prints another page": ("print('<html></html>')", "gave no PNG"),
    "prints half": ("print('<svg xmlns=\"http://www.w3.org/2000/svg\"><g>')", "gave no PNG"),
    "prints without end": ("import sys\nwhile True: sys.stdout.write('x' * 2**20)", "wrote more than 10,000,000 bytes"),
    "complains in lines": ("import sys; sys.exit('one\\ntwo\\x1b[31m')", r"one two\\x1b\[31m$"),
}


@pytest.mark.skipif(os.name != "posix", reason="needs programs that are files with a mode")
@pytest.mark.parametrize("case", PROGRAMS)
def test_a_program_that_fails_is_our_error(case, monkeypatch, tmp_path):
    text, words = PROGRAMS[case]
    (tmp_path / "bin").mkdir()
    dot, picture = tmp_path / "bin" / "dot", tmp_path / "net.png"
    picture.write_text("the old picture")
    dot.write_text(f"#!{sys.executable}\n{text}\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(dot.parent))
    monkeypatch.setenv("SYMFOLD_RENDERER", "dot")
    monkeypatch.setenv("SYMFOLD_RENDER_SECONDS", "0.5" if case == "hangs" else "20")
    monkeypatch.setattr(rendering, "MAX_BYTES", 10**7)
    monkeypatch.setattr(rendering, "CONVERTERS", ())
    with pytest.raises(rendering.RenderError, match=words):
        residual(2).draw(picture)
    assert picture.read_text() == "the old picture" and sorted(os.listdir(tmp_path)) == ["bin", "net.png"]


def test_a_program_that_cannot_be_run_is_our_error(monkeypatch, tmp_path):
    if os.name != "posix":
        pytest.skip("needs programs that are files with a mode")
    dot = tmp_path / "dot"
    dot.write_text("#!/no/such/program\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(rendering.RenderError, match="cannot be run"):
        render("digraph { a }", "svg", "dot")
    monkeypatch.setenv("SYMFOLD_RENDER_SECONDS", "soon")
    dot.write_text(f"#!{sys.executable}\n")
    with pytest.raises(InvalidValue, match="SYMFOLD_RENDER_SECONDS='soon'"):
        render("digraph { a }", "svg", "dot")


def test_images_are_told_from_garbage():
    assert not rendering._is_image(b"garbage", "png") and not rendering._is_image(b"%PDF-1.7 half", "pdf")
    assert rendering._is_image(b"\x89PNG\r\n ... IEND\xaeB`\x82", "png") and rendering._is_image(b"%PDF-1.7 ... %%EOF\n", "pdf")


@pytest.mark.parametrize("level", ["step", "layer"])
def test_no_part_of_a_picture_is_copied_for_another(level, monkeypatch):
    """A `with digraph.subgraph()` copies all that the digraph holds, so that a picture would cost the square of its depth."""
    given = graphviz.Digraph.subgraph
    monkeypatch.setattr(graphviz.Digraph, "subgraph", lambda self, graph: given(self, graph))
    assert diagram(residual(9), level).source


@pytest.mark.parametrize("title", ["<b>x & y</b>", "<x", 'q"uo\\te\\n', "&lt;", "%s $x$ #_", "a < b > c"])
@pytest.mark.parametrize("route", ROUTES)
def test_titles_and_keys_are_shown_as_they_are(title, route):
    net = sf.Net.of({title: X + 1, "other": X})
    for digraph in (diagram(net, title=title), diagram(net, title=title, legend=True)):
        assert sum(title in text for text in ET.fromstring(render(digraph.source, "svg", route)).itertext()) >= 2


def test_a_title_with_control_characters_is_drawn():
    shown = render(diagram(residual(2), title="a\x1b[31m\x00\u202eb\ud800").source, "svg", "wasm").decode()
    assert "a\ufffd[31m\ufffd\ufffdb\ufffd" in shown
