"""Laws of the layout: no text meets a line, a shape or another text, nothing leaves its box, equal steps look equal."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import formulas, nets

import symfold as sf
from symfold.show.diagram import svg_of_graph, svg_of_several, to_svg
from symfold.show.diagram.lettering import mathematics, width

X = sf.tensor("x")
SVG = "{http://www.w3.org/2000/svg}"
LEVELS = (None, "fold", "step", "layer", "primitive")
QUICK = [
    ("boosting", 4, "layer"), ("lstm", 2, "layer"), ("lstm", "n", None), ("unet", 3, "layer"), ("multilayer", 2, "fold"), ("denseformer", 3, "layer"),
    ("hyper_connections", 2, "layer"), ("rk4", 1, "layer"), ("leapfrog", 2, "layer"), ("residual", 3, "step"), ("residual", 2, "primitive"), ("mixture", "n", "fold"),
]


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box, slack: float = 0.0) -> bool:
        across = self.left < other.right - slack and other.left < self.right - slack
        return across and self.top < other.bottom - slack and other.top < self.bottom - slack

    def holds(self, other: Box, slack: float = 0.0) -> bool:
        across = self.left <= other.left + slack and other.right <= self.right + slack
        return across and self.top <= other.top + slack and other.bottom <= self.bottom + slack


def letters(element: ET.Element) -> Box:
    """The box of a text, from the widths of a common serif font: half its size a letter, a capital or a sign more."""
    size = float(element.get("font-size", 13))
    pieces = [(element.text or "", size)] + [
        piece for span in element for piece in ((span.text or "", float(span.get("font-size", size))), (span.tail or "", size))
    ]
    wide = sum(s * sum({" ": 0.25, ".": 0.25, ",": 0.25, "(": 0.34, ")": 0.34}.get(c, 0.28 if c in "filjt[]·1" else 0.5) for c in text) for text, s in pieces)
    x, y = float(element.get("x")), float(element.get("y"))
    left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor", "start")]
    return Box(left, y - 0.62 * size, left + wide, y + 0.1 * size)


def points_of(path: str) -> np.ndarray:
    """Points along a path of straight lines and Bezier curves, by the rule of de Casteljau."""
    found, at = [np.zeros((0, 2))], np.zeros((1, 2))
    for command, numbers in re.findall(r"([MLCQ])([^MLCQ]*)", path):
        corners = np.array([float(n) for n in re.findall(r"-?[\d.]+", numbers)]).reshape(-1, 2)
        if command != "M":
            length = np.abs(np.diff(np.vstack([at, corners]), axis=0)).sum()
            t = np.linspace(0, 1, max(8, int(length / 2)))[:, None]
            pieces = [np.broadcast_to(corner, (len(t), 2)) for corner in (at[0], *corners)]
            while len(pieces) > 1:
                pieces = [(1 - t) * a + t * b for a, b in pairwise(pieces)]
            found += pieces
        at = corners[-1:]
    return np.vstack(found)


@dataclass
class Drawing:
    """The parts of an SVG picture, by their boxes."""

    texts: list[tuple[str, str, Box]]  # what it belongs to, the text, its box
    shapes: list[tuple[str, Box]]
    steps: list[Box]
    lines: np.ndarray
    size: Box

    @classmethod
    def of(cls, svg: str) -> Drawing:
        root = ET.fromstring(svg)
        x, y, w, h = map(float, root.get("viewBox").split())
        texts, shapes, steps, lines = [], [], [], [np.zeros((0, 2))]
        for canvas in root.findall(f"{SVG}g"):
            dx, dy = map(float, re.findall(r"-?[\d.]+", canvas.get("transform")))
            for part in canvas:
                kind = part.get("class").split()[0]
                for text in part.iter(f"{SVG}text"):
                    box = letters(text)
                    texts.append((kind, "".join(text.itertext()), Box(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)))
                if kind == "node":
                    box = outline(part)
                    if box:
                        shapes.append((part.findtext(f"{SVG}title"), Box(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)))
                elif kind == "step":
                    box = outline(part)
                    steps.append(Box(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy))
                elif kind == "edge":
                    lines += [points_of(path.get("d")) + (dx, dy) for path in part.findall(f"{SVG}path")]
        return cls(texts, shapes, steps, np.vstack(lines), Box(x, y, x + w, y + h))


def outline(part: ET.Element) -> Box | None:
    """The box of the first shape of a group."""
    for shape in part:
        name = shape.tag.removeprefix(SVG)
        if name == "rect":
            x, y, w, h = (float(shape.get(key)) for key in ("x", "y", "width", "height"))
            return Box(x, y, x + w, y + h)
        if name == "ellipse":
            x, y, w, h = (float(shape.get(key)) for key in ("cx", "cy", "rx", "ry"))
            return Box(x - w, y - h, x + w, y + h)
        if name == "polygon":
            corners = np.array([float(n) for n in re.findall(r"-?[\d.]+", shape.get("points"))]).reshape(-1, 2)
            return Box(*corners.min(0), *corners.max(0))
        if name == "path":
            corners = points_of(re.sub(r"A[\d.]+,3.5 0 0 \d ", "L", re.sub(r"V([\d.]+)", "", shape.get("d"))))
            return Box(*corners.min(0), *corners.max(0)) if len(corners) else None
    return None


def collisions(drawing: Drawing) -> list[str]:
    """What meets what it must not."""
    found = []
    for (kind, one, a), (other_kind, other, b) in combinations(drawing.texts, 2):
        if a.meets(b, 0.3):
            found.append(f"{kind} text {one!r} meets {other_kind} text {other!r}")
    for kind, text, box in drawing.texts:
        x, y = drawing.lines.T
        if ((x > box.left) & (x < box.right) & (y > box.top) & (y < box.bottom)).any():
            found.append(f"a line runs through the {kind} text {text!r}")
        if kind != "node":
            found += [f"{kind} text {text!r} meets the shape of {name}" for name, shape in drawing.shapes if box.meets(shape, 0.3)]
        if not drawing.size.holds(box):
            found.append(f"{kind} text {text!r} leaves the picture")
    for (name, a), (other, b) in combinations(drawing.shapes, 2):
        if a.meets(b, 0.3):
            found.append(f"{name} meets {other}")
    for name, shape in drawing.shapes:
        x, y = drawing.lines.T
        inside = (x > shape.left + 2.5) & (x < shape.right - 2.5) & (y > shape.top + 2.5) & (y < shape.bottom - 2.5)
        if inside.any():
            found.append(f"a line runs through {name}")
        for step in drawing.steps:
            if shape.meets(step) and not step.holds(shape):
                found.append(f"{name} leaves its step")
        if not drawing.size.holds(shape):
            found.append(f"{name} leaves the picture")
    for a, b in combinations(drawing.steps, 2):
        if a.meets(b) and not (a.holds(b) or b.holds(a)):
            found.append("steps overlap")
    x, y = drawing.lines.T
    if len(x) and not drawing.size.holds(Box(x.min(), y.min(), x.max(), y.max())):
        found.append("a line leaves the picture")
    return found


def net_of(name: str, depth: int | str, level: str) -> object:
    """The net of an architecture, or None if it has none of this depth; weights for the level that shows them."""
    try:
        return sf.mappers.ARCHITECTURES[name].net(depth, 3 if level == "primitive" else None)
    except sf.SymfoldError:
        return None


@pytest.mark.parametrize(("name", "depth", "level"), QUICK)
def test_nothing_meets_what_it_must_not(name, depth, level):
    assert not collisions(Drawing.of(to_svg(net_of(name, depth, level), level)))


@pytest.mark.slow
@given(st.one_of(nets(), formulas(), nets().map(sf.roll)), st.sampled_from((None, "step", "layer")), st.sampled_from(["LR", "TB"]))
def test_nothing_meets_what_it_must_not_in_any_net(net, level, direction):
    assert not collisions(Drawing.of(to_svg(net, level, direction=direction, max_size=None)))


SWEEP = [
    (name, level, depth, direction)
    for name in sf.mappers.ARCHITECTURES
    for level in LEVELS
    for depth, directions in ((1, ["LR"]), (3, ["LR", "TB", "RL", "BT"]), (7, ["LR"]), ("n", ["LR", "TB"]))
    for direction in directions
    if (depth != "n" or level in (None, "fold")) and (depth, level) != (7, "primitive")
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "level", "depth", "direction"), SWEEP)
def test_nothing_meets_what_it_must_not_anywhere(name, level, depth, direction):
    net = net_of(name, depth, level)
    if net is None:
        pytest.skip("this architecture has no symbolic depth, or no such depth")
    assert not collisions(Drawing.of(to_svg(net, level, direction=direction, max_size=None)))


@pytest.mark.parametrize(("name", "depth", "direction"), [("residual", 3, "LR"), ("coupling", "n", "RL"), ("multilayer", 3, "RL")])
def test_a_fold_reads_the_states_of_another_past_all_titles(name, depth, direction):
    net = sf.adjoint(net_of(name, depth, "layer"))
    drawing = Drawing.of(to_svg(net, "fold", direction=direction))
    assert not collisions(drawing) and len(drawing.steps) > 1


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
@pytest.mark.parametrize("depth", [1, 3, "n"])
@pytest.mark.parametrize("name", sf.mappers.ARCHITECTURES)
def test_a_fold_reads_the_states_of_another_past_all_titles_in_any_net(name, depth, direction):
    net = net_of(name, depth, "layer")
    if net is None:
        pytest.skip("this architecture has no symbolic depth, or no such depth")
    assert not collisions(Drawing.of(to_svg(sf.adjoint(net), "fold", direction=direction, max_size=None)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bidirectional", "unet"])
def test_a_deep_net_that_reads_a_computed_sequence_backwards_is_drawn(name):
    assert not collisions(Drawing.of(to_svg(sf.adjoint(net_of(name, "n", "layer")))))


@pytest.mark.parametrize("name", ["residual", pytest.param("mixture", marks=pytest.mark.slow), pytest.param("lstm", marks=pytest.mark.slow)])
def test_a_fold_has_a_loop_for_each_part_of_its_state(name):
    net = net_of(name, 3, "layer")
    for each in (net, sf.adjoint(net)):
        svg, folds = svg_of_graph(each.graph("fold")), [node for node in each.bindings if node.op.count > 1]
        assert svg.count('class="edge loop"') == sum(node.op.carries for node in folds) > 0
        assert not collisions(Drawing.of(svg))


def test_a_net_of_nets_is_broken_between_its_layers():
    """The steps of a layer, and the states between them, stand on one line."""
    drawing = Drawing.of(to_svg(net_of("multilayer", "n", "layer")))
    outer = [step for step in drawing.steps if not any(other.holds(step) for other in drawing.steps if other is not step)]
    assert len(outer) == 2 and outer[0].bottom < outer[1].top
    for layer in outer:
        inner = [step for step in drawing.steps if step is not layer and layer.holds(step)]
        assert len(inner) == 3 and len({step.top for step in inner}) == 1


def test_the_test_sees_collisions():
    svg = to_svg(sf.fold(sf.mappers.residual, sf.layers("f1:3"), X))
    assert not collisions(Drawing.of(svg))
    moved = re.sub(r'(<text x=")([\d.]+)', lambda m: f"{m[1]}{float(m[2]) + 25:g}", svg)
    assert any("line" in each for each in collisions(Drawing.of(moved)))


def steps_of(svg: str) -> list[list[tuple[str, float, float, float, float]]]:
    """What stands in each step, in order: the look of each shape, and its place from the corner of the step."""
    drawing = Drawing.of(svg)
    kinds = {group.findtext(f"{SVG}title"): group.get("class") for group in ET.fromstring(svg).iter(f"{SVG}g") if group.find(f"{SVG}title") is not None}
    found = []
    for step in sorted(drawing.steps, key=lambda box: (box.top, box.left)):
        inside = sorted(
            (kinds[name], b.left - step.left, b.top - step.top, b.right - step.left, b.bottom - step.top)
            for name, b in drawing.shapes if step.holds(b)
        )
        found.append(inside)
    return found


@pytest.mark.parametrize("name", ["residual", "lstm", "mixture", "boosting", "coupling", "highway"])
def test_equal_steps_look_equal(name):
    first, *others = steps_of(to_svg(sf.mappers.ARCHITECTURES[name].net(4)))
    assert len(others) == 3 and len(first) > 1
    if name == "mixture":  # the first step starts from the number 0, not from a state
        first, *others = others
    for other in others:
        assert [kind for kind, *_ in other] == [kind for kind, *_ in first]
        assert np.allclose([place for _, *place in other], [place for _, *place in first], atol=0.1)  # of rounded coordinates


def centres(svg: str) -> dict[str, tuple[float, float]]:
    return {name.split(" (")[0]: ((box.left + box.right) / 2, (box.top + box.bottom) / 2) for name, box in Drawing.of(svg).shapes}


@pytest.mark.parametrize("depth", [1, 4, 8])
def test_the_states_stand_on_a_line(depth):
    for mapper in (sf.mappers.residual, sf.mappers.boosting(X)):
        found = centres(to_svg(sf.fold(mapper, sf.layers("f", count=depth), X)))
        line = {found[name][1] for k in range(1, depth + 1) for name in ("x", f"z{k}", f"z{k} state")}
        assert max(line) - min(line) < 0.1
        assert all(found[f"f{k}"][1] > max(line) + 10 for k in range(1, depth + 1))


def test_a_unet_is_a_u():
    """Each state of the way down stands level with the layer of the way up that reads it."""
    found = centres(to_svg(sf.mappers.ARCHITECTURES["unet"].net(4)))
    down, up = ([found[f"{letter}{k}"] for k in range(1, 5)] for letter in "fg")
    assert [y for _, y in down] == sorted(y for _, y in down) and [y for _, y in up] == [y for _, y in down][::-1]


def test_streams_are_lanes():
    found = centres(to_svg(sf.mappers.ARCHITECTURES["coupling"].net(4)))
    for letter in "zw":
        assert len({round(found[f"{letter}{k} state"][1], 1) for k in range(1, 5)}) == 1
    assert found["z1 state"][1] < found["w1 state"][1]


def test_long_nets_are_broken_into_lines():
    svg = to_svg(sf.fold(sf.mappers.residual, sf.layers("f", count=20), X))
    drawing = Drawing.of(svg)
    assert not collisions(drawing) and drawing.size.right < 1200
    found = centres(svg)
    rows = [round(found[f"z{k} state"][1]) for k in range(1, 21)]
    assert 1 < len(set(rows)) < 5 and rows == sorted(rows)


@pytest.mark.parametrize("depth", [21, 10**6, "n"])
def test_a_deep_net_is_drawn_by_its_ends(depth):
    """The first step, the second, dots and the last, all laid out equally; a U-Net ends as it begins."""
    svg = to_svg(sf.mappers.ARCHITECTURES["residual"].net(depth))
    first, second, last = steps_of(svg)
    assert [kind for kind, *_ in first] == [kind for kind, *_ in second] == [kind for kind, *_ in last] and len(first) == 3
    shown = ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]
    before = "n−1" if depth == "n" else f"{depth - 1}"
    assert {"step 1", "step 2", f"step {depth}", f"f{depth}", f"z{before}", "⋯"} <= {*shown} and "f3" not in shown
    found = centres(to_svg(sf.mappers.ARCHITECTURES["unet"].net(depth)))
    ends = [found[name][1] for name in ("f1", f"g_{depth}" if depth == "n" else f"g{depth}")]
    assert ends[0] == ends[1] < found["f2"][1]


def test_titles_stand_over_their_nets():
    nets = {"residual": sf.fold(sf.mappers.residual, sf.layers("f1:4"), X), "a < b": sf.fold(sf.mappers.boosting(X), sf.layers("f1:4"), X)}
    svg = svg_of_several(nets, legend=True)
    shown = ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]
    assert {"residual", "a < b"} <= {*shown} and any("skip" in text for text in shown)
    assert not collisions(Drawing.of(svg))


def test_labels_are_mathematics():
    svg = to_svg(sf.fold(lambda z, f: f(z) * z, sf.layers("f1:3"), X), "fold")
    assert '<tspan font-style="italic">f</tspan><tspan dy="2.86" font-size="9.1" font-style="italic">k</tspan>' in svg
    assert width(mathematics("f12"), 10) < width(mathematics("f"), 10) + width(mathematics("12"), 10)


def test_the_same_net_gives_the_same_bytes():
    assert to_svg(sf.mappers.ARCHITECTURES["lstm"].net(3)) == to_svg(sf.mappers.ARCHITECTURES["lstm"].net(3))


@pytest.mark.parametrize("label", ["embedding_hidden_mapping_in", "f", "很长的名字", "gate_q", "W_1_2"])
def test_a_label_fits_its_node(label):
    drawing = Drawing.of(to_svg(sf.Net.of(sf.layer(label)(X))))
    for kind, text, box in drawing.texts:
        if kind == "node":
            assert any(shape.holds(box) for _, shape in drawing.shapes), text


@pytest.mark.parametrize("title", ["<b>x & y</b>", "<x", 'q"uo\\te\\n', "&lt;", "%s $x$ #_", "a\x1b[31m"])
def test_text_is_never_markup(title):
    svg = to_svg(sf.Net.of({title: X + 1, "other": X}), title=title)
    shown = "".join(ET.fromstring(svg).itertext())
    assert shown.count(title.replace("\x1b", "\ufffd").replace("-", "−")) >= 1 and "<b>" not in svg


def test_titles_take_the_room_that_their_steps_have() -> None:
    """A title is broken at the width of its step; a narrow step is widened to 400 units at most."""
    listed = [sf.layers(f"layer{name}", count="n") for name in ("_one", "_two", "_three")]
    wide = sf.fold(lambda z, fs: z + reduce(lambda value, f: sf.tanh(f(value)), fs, z), sf.zipped(*listed), X)
    for net, lines in ((wide, 1), (sf.mappers.ARCHITECTURES["lstm"].net("n"), 4)):
        frame = to_svg(net, "fold").split('class="step"')[1].split("</g>")[0]
        texts, box = re.findall("<text.*?</text>", frame), re.search(r'width="([\d.]+)"', frame)
        assert len(texts) == lines and ">, … " not in frame and box is not None
        title = max(width(mathematics(re.sub("<[^>]*>", "", text)), 11) for text in texts)
        assert title < float(box[1]) and (title > 420) is (lines == 1)
