"""Pictures of one net and of several, as files: titles, themes, widths, formats."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

import symfold as sf
from symfold.errors import MissingPackage
from symfold.show.drawing import THEMES, picture

F, X = sf.layers("f1:4"), sf.tensor("x")
RESIDUAL, BOOSTING = sf.fold(sf.mappers.residual, F, X), sf.fold(sf.mappers.boosting(X), F, X)
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg.encode()).iter(f"{SVG}text")]


def size(svg: str) -> tuple[float, float, tuple[float, ...]]:
    root = ElementTree.fromstring(svg.encode())
    return float(root.attrib["width"]), float(root.attrib["height"]), tuple(map(float, root.attrib["viewBox"].split()))


@pytest.mark.parametrize(("nets", "title", "shown"), [
    (RESIDUAL, "one & <only>", ["one & <only>"]),
    ([RESIDUAL, BOOSTING], ["residual", "boosting"], ["residual", "boosting"]),
    ({"a": RESIDUAL, "b": BOOSTING}, "", ["a", "b"]),
    ((RESIDUAL, RESIDUAL), ("same", "same"), ["same", "same"]),
    ([RESIDUAL, BOOSTING], "both", ["both"]),
])
def test_nets_stand_below_their_titles(nets: object, title: object, shown: list[str]) -> None:
    svg = picture(nets, title=title)
    assert [text for text in texts(svg) if text in shown] == shown
    count = 1 if isinstance(nets, sf.Net) else len(nets)
    assert svg.count('class="node layer"') == 3 * count


def test_equal_steps_stand_below_each_other() -> None:
    svg = ElementTree.fromstring(picture({"a": RESIDUAL, "b": BOOSTING}).encode())
    begins = []
    for group in (group for group in svg if group.get("transform")):
        (across,) = re.findall(r"translate\((\S+) ", group.attrib["transform"])
        begins.append([round(float(across) + float(step[0].attrib["x"]), 1) for step in group if step.get("class") == "step"])
    assert begins[0] == begins[1] and len(set(begins[0])) == 3


def test_a_theme_changes_colors_alone() -> None:
    colors = re.compile(r'(fill|stroke)="(#[0-9A-F]{6}|white)"')
    drawn = {theme: picture([RESIDUAL, BOOSTING], legend=True, theme=theme) for theme in THEMES}
    assert len({colors.sub("", svg) for svg in drawn.values()}) == 1 and len(set(drawn.values())) == len(THEMES)
    found = {theme: {color for _, color in colors.findall(svg)} for theme, svg in drawn.items()}
    assert all(color[1:3] == color[3:5] == color[5:7] for color in found["gray"])
    assert "white" not in found["dark"] and "#FFFFFF" not in found["dark"]


def test_a_title_is_not_a_color() -> None:
    title = 'x fill="#0072B2"'
    assert title in texts(picture(RESIDUAL, theme="gray", title=title))


def test_a_width_scales_the_picture() -> None:
    before, after = size(picture(RESIDUAL)), size(picture(RESIDUAL, width=700))
    assert after[0] == 700 and after[2] == before[2]
    assert after[1] / after[0] == pytest.approx(before[1] / before[0], rel=1e-4)


@pytest.mark.parametrize(("nets", "options", "message"), [
    ([], {}, "give a net, a list of nets"),
    ("net.svg", {}, "give a net, a list of nets"),
    ([RESIDUAL, 1], {}, "give a net, a list of nets"),
    ([RESIDUAL, BOOSTING], {"title": ["a"]}, "2 nets have 2 titles"),
    (RESIDUAL, {"title": ["a"]}, "one net has one title"),
    (RESIDUAL, {"theme": "blue"}, "unknown theme: 'blue'"),
    (RESIDUAL, {"width": 0}, "width=0 must lie"),
    (RESIDUAL, {"columns": 0}, "columns=0 must be a whole number, at least 1"),
    (RESIDUAL, {"direction": "up"}, "unknown direction: 'up'"),
])
def test_mistakes_are_named_and_nothing_is_written(nets: object, options: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        sf.draw(nets, tmp_path / "net.svg", **options)
    assert not list(tmp_path.iterdir())


def test_without_a_converter_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symfold.show.render.CONVERTERS", (("no_such_package", ("png", "pdf"), None),))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingPackage, match="pip install") as caught:
        sf.draw([RESIDUAL, BOOSTING], tmp_path / "net.png")
    assert isinstance(caught.value, ModuleNotFoundError)


@pytest.mark.skipif(find_spec("typst") is None, reason="the extra 'pictures' is not installed")
def test_png_and_pdf_have_the_size_asked_for_and_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "a.pdf", "b.pdf"):
        sf.draw({"residual": RESIDUAL, "boosting": BOOSTING}, tmp_path / name, width=500)
    png, pdf = (tmp_path / "a.png").read_bytes(), (tmp_path / "a.pdf").read_bytes()
    assert png == (tmp_path / "b.png").read_bytes() and pdf == (tmp_path / "b.pdf").read_bytes()
    assert png.startswith(b"\x89PNG") and int.from_bytes(png[16:20]) == 500
    assert pdf.startswith(b"%PDF") and b"NewCM" in pdf  # the letters are Typst's own: the same on every machine


@pytest.mark.skipif(find_spec("typst") is None, reason="the extra 'pictures' is not installed")
def test_a_sign_that_a_font_lacks_leaves_the_letters_beside_it_in_italics(tmp_path: Path) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("a", count="n"), sf.tensor("x"))
    for symbols in ({"k": r"\ell"}, {"a": r"\mathcal{A}"}, {"z": r"\mathbf{h}"}):
        pdf = sf.draw(net, tmp_path / "net.pdf", names=symbols).read_bytes()
        fonts = set(re.findall(rb"/FontName/\w+\+(\w+)-(\w+)", pdf))
        assert fonts == {(b"NewCM10", b"Regular"), (b"NewCMMath", b"Regular")}


@pytest.mark.parametrize("level", [None, "fold", "step"])
@pytest.mark.parametrize("depth", [3, "n"])
def test_symbols_are_those_of_the_formula(level: str | None, depth: int | str) -> None:
    if (level, depth) == ("step", "n"):
        pytest.skip("no steps of a symbolic depth")
    symbols = {"f": "phi", "x": "u"}
    plain, renamed = (
        sf.fold(sf.mappers.residual, sf.layers(layer, count=depth), sf.tensor(init)) for layer, init in ("fx", ("phi", "u"))
    )
    assert texts(picture(plain, level, names=symbols)) == texts(picture(renamed, level))
    given = texts(picture(plain, level, names={"z": "h"}))
    assert given == [re.sub("z", "h", text) for text in texts(picture(plain, level))]


def test_symbols_of_several_nets_and_of_a_file(tmp_path: Path) -> None:
    other = sf.fold(sf.mappers.residual, sf.layers("g1:4"), sf.tensor("y"))
    path = sf.draw([RESIDUAL, other], tmp_path / "both.svg", names={"z": "h", "g": "psi"})
    assert {"h1", "f1", "ψ1"} <= {*texts(path.read_text())}
    highway = sf.mappers.ARCHITECTURES["lstm"].net(1, 3)
    shown = texts(picture(highway, "primitive", names={"W_f": "Omega", "c": "S"}))
    assert {"Ω", "S", "Wi", "sigmoid"} <= {*shown} and "Wf" not in shown


@pytest.mark.parametrize(("names", "message"), [
    ({"q": "h"}, "has no 'q'"), ({"z": "x"}, "'x' for 'x' already"), ({"z": "<b>"}, "is not a name"), ("z", "is not a dict"),
])
@pytest.mark.parametrize("nets", [RESIDUAL, [RESIDUAL, BOOSTING]])
def test_a_wrong_symbol_is_refused(nets: object, names: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(sf.SymfoldError, match=message):
        sf.draw(nets, tmp_path / "net.svg", names=names)
    assert not list(tmp_path.iterdir())


def test_without_a_path_a_drawing_is_shown_and_saved(tmp_path):
    drawing = sf.draw([RESIDUAL, BOOSTING], legend=True)
    file = drawing.save(tmp_path / "both.svg")
    assert file.read_bytes() == sf.draw([RESIDUAL, BOOSTING], tmp_path / "same.svg", legend=True).read_bytes()
    assert drawing._repr_svg_().startswith("<svg") and drawing._repr_svg_() in file.read_text()
    with pytest.raises(ValueError, match="unknown suffix"):
        drawing.save("both.doc")


def test_a_legend_draws_its_shapes_and_lines_as_the_picture_does():
    drawn, _, key = picture(BOOSTING, legend=True).rpartition("\n</g>\n")
    for look in (' fill="#CFE6F5" stroke="#0072B2" stroke-width="1.4"', ' stroke="#D55E00" stroke-width="2.6"', ' stroke="#007A5A" stroke-width="1.1" stroke-dasharray="5 3"'):
        assert look in drawn and key.count(look) == 1
    assert "━▶" not in key and ">the same value in every step</text>" in key


def test_a_legend_tells_layers_that_hold_several():
    several = sf.fold(sf.mappers.residual, sf.layers("m1:3", lambda z, V, U: sf.relu(z @ V) @ U, V=(4, 8), U=(8, 4)), sf.tensor("x", (None, 4)))
    assert [">several layers in one</text>" in picture(net, legend=True) for net in (several, RESIDUAL)] == [True, False]


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_nets_in_columns_stand_side_by_side_and_their_steps_begin_at_one_height(direction: str) -> None:
    svg = picture([RESIDUAL, BOOSTING, RESIDUAL], columns=2, direction=direction, title=["a", "b", "c"])
    places = [(float(x), float(y)) for x, y in re.findall(r'translate\(([-\d.]+) ([-\d.]+)\)', svg)]
    steps = [min(float(y) for y in re.findall(r'class="step"><rect x="[-\d.]+" y="([-\d.]+)"', part)) for part in svg.split("translate(")[1:]]
    (a, b, c), tops = places, [y + step for (_, y), step in zip(places, steps, strict=True)]
    assert abs(tops[0] - tops[1]) < 0.02 and tops[2] > tops[1]
    alone = [float(re.search(r'width="([\d.]+)"', picture([net], direction=direction))[1]) for net in (RESIDUAL, BOOSTING)]
    assert b[0] - a[0] > alone[0] - 2 * 8 and a[0] == c[0]
    whole = float(re.search(r'width="([\d.]+)"', svg)[1])
    assert sum(alone) - 2 * 8 < whole < sum(alone) + 3 * 8
