"""Exploring mappers: what is shown is what the library says, and the page holds it all and asks for nothing."""

from __future__ import annotations

import base64
import json
import re
import sys
import zlib
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

import symfold as sf
from symfold.apps.command.main import main
from symfold.apps.explore.answers import catalogue, compared, net_of, sections
from symfold.apps.explore.page import page
from symfold.apps.explore.widget import answers
from symfold.mappers import ARCHITECTURES, MAPPERS

X = sf.tensor("x")
HEADINGS = ["One step", "Folded", "Unrolled", "Step by step", "Written out", "Paths", "Backward pass", "Cost"]


def by_heading(mapper: str, depth: int | str, own: Any = None) -> dict[str, str]:
    return {section["heading"]: section.get("html") or section["svg"] for section in sections(mapper, depth, own or {})}


def words_of(svg: str) -> str:
    return "".join(ElementTree.fromstring(svg).itertext())


@pytest.mark.parametrize(
    ("mapper", "own", "net"),
    [
        ("residual", {}, lambda: sf.fold(sf.mappers.residual, sf.layers("f", count=3), X)),
        ("f(z)/2 + z", {}, lambda: sf.fold(lambda z, f: f(z) / 2 + z, sf.layers("f", count=3), X)),
        (
            "z + s(z)*(f(z) - z)",
            {},
            lambda: sf.fold(lambda z, item: z + item[1](z) * (item[0](z) - z), sf.zipped(sf.layers("f", count=3), sf.layers("s", count=3)), X),
        ),
        ("mine", {"mine": lambda z, f: z - f(z)}, lambda: sf.fold(lambda z, f: z - f(z), sf.layers("f", count=3), X)),
        ("residual", {"residual": lambda z, f: f(z)}, lambda: sf.fold(sf.mappers.feedforward, sf.layers("f", count=3), X)),
    ],
)
def test_a_mapper_is_ones_own_or_by_name_or_typed(mapper: str, own: Any, net: Any) -> None:
    assert net_of(mapper, 3, own) == net()


def test_the_sections_say_what_the_library_says() -> None:
    net, shown = net_of("residual", 3, {}), by_heading("residual", 3)
    assert list(shown) == HEADINGS and all(type(html) is str for html in shown.values())  # a subclass is shown as an object by marimo
    assert shown["One step"] == sf.formula(net, "fold", "mathml")
    assert shown["Step by step"] == sf.formula(net, "steps", "mathml")
    assert shown["Backward pass"] == sf.formula(sf.adjoint(net), "fold", "mathml")
    assert "8 paths" in shown["Paths"] and "f3" in words_of(shown["Unrolled"]) and "fk" in words_of(shown["Folded"])
    assert f"<td>{sf.cost(net).work}</td>" in shown["Cost"]


def test_at_any_depth_there_are_no_steps_to_show() -> None:
    assert list(by_heading("residual", "n")) == ["One step", "Folded", "Paths", "Backward pass", "Cost"]


def test_what_is_too_large_says_so() -> None:
    assert "Not shown" in by_heading("heun", 12)["Written out"]


def test_every_mapper_of_the_tables_can_be_picked() -> None:
    names = [entry.name for entry in catalogue({"mine": lambda z, f: z})]
    assert names[0] == "mine" and len(names) == len(set(names)) and set(names) == {"mine", *MAPPERS, *ARCHITECTURES}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_has_its_sections(name: str) -> None:
    for depth in (1, 4, "n"):
        try:
            net_of(name, depth, {})
        except sf.SymfoldError:
            assert next(answers({"mapper": name, "other": "residual", "depth": depth}, {}))["error"]
            continue
        first, *rest = answers({"mapper": name, "other": "residual", "depth": depth}, {})
        assert len(rest) == 1 and rest[0]["comparison"]
        for section in first["sections"]:
            ElementTree.fromstring(section.get("svg") or f"<div>{section['html'].replace('&InvisibleTimes;', '')}</div>")


@pytest.mark.parametrize("depth", [0, 13, -1, 2.5, "k", None, [1]])
def test_a_question_out_of_range_is_an_error_in_words(depth: Any) -> None:
    (answer,) = answers({"mapper": "residual", "other": "boosting", "depth": depth}, {})
    assert list(answer) == ["question", "error"] and answer["error"]


@pytest.mark.parametrize("text", ["__import__('os')", "z.real", "f(", "<script>alert(1)</script>", "open(z)", "z" * 10_000, ""])
def test_typed_mappers_are_parsed_never_evaluated(text: str) -> None:
    (answer,) = answers({"mapper": text, "other": "boosting", "depth": 2}, {})
    assert list(answer) == ["question", "error"]


def content_of(html: str) -> dict[str, Any]:
    (data,) = re.findall(r'id="answers">([^<]+)<', html)
    content: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(data)))
    return content


def test_the_page_holds_every_answer_says_which_it_is_at_and_loads_nothing() -> None:
    told: list[tuple[str, int, int]] = []
    html = page(["residual", "f(z) - z"], 2, lambda *step: told.append(step))
    content = content_of(html)
    assert content["sections"]["f(z) - z 2"] == sections("f(z) - z", 2, {})
    assert set(content["sections"]) == {f"{name} {depth}" for name in ("residual", "f(z) - z") for depth in (1, 2, "n")}
    assert set(content["comparisons"]) == {f"{pair} {depth}" for pair in ("0 0", "0 1", "1 1") for depth in (1, 2, "n")}
    assert content["comparisons"]["0 1 2"] == compared("residual", "f(z) - z", 2, {})
    assert [step[1:] for step in told] == [(k, 15) for k in range(1, 16)]
    assert told[0][0] == "residual at depth 1" and told[11][0] == "residual and f(z) - z at depth n"
    assert not re.search(r"(?:src|href)=", html) and "default-src 'none'" in html and "<script>alert" not in html
    assert html == page(["residual", "f(z) - z"], 2)


def test_what_is_compared_is_drawn_and_answered_at_its_depth() -> None:
    at_three, at_any = (compared("residual", "boosting", depth, {}) for depth in (3, "n"))
    assert [shown["heading"] for shown in (at_three, at_any)] == ["residual and boosting, at depth 3", "residual and boosting, at any depth n"]
    assert "f3" in words_of(at_three["svg"]) and "f4" not in words_of(at_three["svg"])
    assert "8 paths" in at_three["html"] and "<img" not in at_three["html"]


def test_many_mappers_are_compared_at_depth_n_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("symfold.apps.explore.page.MOST_COMPARED", 8)
    content = content_of(page(["residual", "f(z) - z"], 2))
    assert set(content["comparisons"]) == {"0 0 n", "0 1 n", "1 1 n"}


def test_a_page_is_bounded() -> None:
    with pytest.raises(sf.errors.TooLarge, match="more than 400 answers"):
        page(depth=100)
    with pytest.raises(sf.SymfoldError, match="residal"):
        page(["residal"], 1)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["residual", "--depth", "1", "-o", "page.html"], 0, "written: page.html"),
        (["residual", "--depth", "1", "-o", "page.html", "--json"], 0, '"file": "page.html"'),
        (["residual", "-o", "page.pdf"], 2, "ends in .html"),
        (["z.real", "--depth", "1"], 2, "attribute"),
        (["--depth", "0"], 2, "0"),
        (["--depth", "99"], 2, "give --depth"),
    ],
)
def test_the_command_writes_a_page(arguments: list[str], code: int, words: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["explore", *arguments])
    assert done.exit_code == code and words in done.output + done.stderr
    assert (tmp_path / "page.html").exists() == (code == 0)


def test_without_anywidget_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(sf.errors.MissingPackage, match=r"symfold\[notebook\]"):
        sf.explore()


def test_the_widget_answers_what_it_is_asked() -> None:
    pytest.importorskip("anywidget")
    widget = sf.explore("half", depth=2, half=lambda z, f: f(z) / 2 + z)
    assert widget.catalogue[0] == {"name": "half", "formula": "", "summary": "your own"}
    assert widget.answer["sections"][0]["html"] == sf.formula(net_of("f(z)/2 + z", 2, {}), style="mathml")
    assert str(widget) == repr(widget) == "a widget that compares 'half' and 'boosting' at depth 2 (a notebook shows it)"
    seen: list[dict[str, Any]] = []
    widget.observe(lambda change: seen.append(change.new), names="answer")
    widget.question = {"mapper": "f(z) - z", "other": "residual", "depth": "n"}
    assert [list(answer) for answer in seen] == [["question", "sections"], ["question", "sections", "comparison"]]
    widget.question = {"mapper": "f(z", "other": "residual", "depth": 2}
    assert "f(z" in widget.answer["error"]
    for wrong in ({"depth": 13}, {"mapper": "residal"}, {"other": "z.real"}):
        with pytest.raises(sf.SymfoldError):
            sf.explore(**wrong)  # type: ignore[arg-type]
    mapper = sf.mappers.residual
    for given, words in ((sf.fold(mapper, sf.layers("f1:4"), sf.tensor("x")), "sf.compare(net, other)"), (mapper, "mine=mapper")):
        with pytest.raises(TypeError, match=re.escape(words)):
            sf.explore(given)


def test_a_page_without_python_shows_a_sentence_in_place_of_the_widget() -> None:
    pytest.importorskip("anywidget")
    shown = sf.explore("residual")._repr_mimebundle_()
    data = shown[0] if isinstance(shown, tuple) else shown
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "&#x27;residual&#x27;" in data["text/html"] and "symfold explore -o explore.html" in data["text/html"]
