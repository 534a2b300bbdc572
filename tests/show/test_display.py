"""What notebooks show: in elements that JupyterLab keeps in a notebook without trust, bounded, and never an error.

The oracle is JupyterLab's own list of what it keeps (its `sanitizer.ts`): of that list, the elements, attributes and styles below.
"""

from __future__ import annotations

import base64
import pickle
import re
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.base.tables import Table
from symfold.mappers import ARCHITECTURES
from symfold.show.hypertext import bullets, image, mathematics, prose
from symfold.training.loop.history import Fitted, History

KEPT = {
    "div": {"style"}, "span": {"style"}, "p": set(), "pre": set(), "code": set(), "b": set(), "i": set(), "sub": set(), "sup": {"style"}, "br": set(),
    "ul": set(), "li": set(), "img": {"alt", "style", "src"}, "table": {"style"}, "thead": set(), "tbody": set(), "tr": set(),
    "th": {"style"}, "td": {"style", "colspan"}, "h4": {"style"},
}  # fmt: skip
STYLES = {
    "font-family": r"[A-Za-z ,-]+", "font-size": r"\d+%", "font-weight": "bold", "line-height": r"[\d.]+", "white-space": "nowrap|normal",
    "overflow-x": "auto", "overflow": "auto", "max-height": r"\d+px", "padding": r"\d+px", "max-width": "none", "height": "auto", "background": "white", "text-align": "left|center",
    "vertical-align": "top", "color": "#[0-9A-F]{6}",
}  # fmt: skip
LIMITS = {"display", "flex-direction", "align-items", "vertical-align", "order"}  # where these are removed, limits stand beside their sign
BOUND = 600_000  # characters of a display


class Sanitizer(HTMLParser):
    """Fails at what JupyterLab would remove, and at tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KEPT, tag
        for name, value in attrs:
            assert name in KEPT[tag], (tag, name)
            if name == "src":
                assert (value or "").startswith("data:image/svg+xml;base64,")
            for style in (value or "").split("; ") if name == "style" else ():
                key, _, setting = style.partition(": ")
                assert key in LIMITS or re.fullmatch(STYLES[key], setting), style
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " " * (tag in ("td", "th", "p"))

    def handle_data(self, data: str) -> None:
        self.text += data


def text_of(html: str) -> str:
    """The text of HTML that JupyterLab keeps as it is."""
    assert len(html) < BOUND
    parser = Sanitizer()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.text


def pictures(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(base64.b64decode(data)) for data in re.findall(r'base64,([^"]+)', html)]


X = sf.tensor("x")


def fold(mapper: Any, layers: Any = "f1:4") -> sf.Net:
    return sf.fold(mapper, sf.layers(layers), X)


RESIDUAL, BOOSTING = fold(sf.mappers.residual), fold(sf.mappers.boosting(X))


def trained() -> tuple[sf.Net, Any, dict[str, Any]]:
    x = sf.tensor("x", (None, 2))
    net = sf.fold(sf.mappers.residual, sf.layers("f1:31", sf.dense(2, 2, sf.tanh)), x)
    return sf.squared_error(net, sf.tensor("target", (None, 2))), net.init(seed=0), {"x": np.ones((5, 2)), "target": np.zeros((5, 2))}


def of_training(make: Callable[[sf.Net, Any, dict[str, Any]], Any]) -> Callable[[], Any]:
    return lambda: make(*trained())


SHOWN: dict[str, Callable[[], Any]] = {
    "net": lambda: RESIDUAL,
    "deep": lambda: sf.fold(sf.mappers.residual, sf.layers("f", count=10**6), X),
    "symbolic": lambda: sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X),
    "adjoint": lambda: sf.adjoint(RESIDUAL),
    "no outputs": lambda: sf.Net(()),
    "several": lambda: sf.Net.of({"a": RESIDUAL, "b": X}),
    "expression": lambda: sf.Net.of(sp.sqrt(1 + X) / (2 - X) ** 3),
    "graph": lambda: RESIDUAL.graph(),
    "graph, changed": lambda: nx.relabel_nodes(RESIDUAL.graph("fold"), {"x": 1}),
    "moved": lambda: sf.difference(RESIDUAL, BOOSTING).graph,
    "diagram": lambda: RESIDUAL.diagram(),
    "difference": lambda: sf.difference(RESIDUAL, BOOSTING),
    "verdict": lambda: sf.verdict(RESIDUAL, BOOSTING),
    "comparison": lambda: sf.compare(RESIDUAL, BOOSTING, names=("<b>", "a & b")),
    "comparison of a million, slow": lambda: sf.compare(*(sf.fold(m, sf.layers("f", count=10**6), X) for m in (sf.mappers.residual, sf.mappers.boosting(X)))),
    "comparison of any depth, slow": lambda: sf.compare(*(sf.fold(m, sf.layers("f", count="n"), X) for m in (sf.mappers.residual, sf.mappers.boosting(X)))),
    "cost": lambda: sf.cost(RESIDUAL),
    "formula": lambda: sf.formula(RESIDUAL),
    "equations": lambda: RESIDUAL.equations,
    "expression of a tensor": lambda: X**2 + 1,
    "paths": lambda: sf.paths(RESIDUAL),
    "paths of several outputs": lambda: sf.paths(sf.Net.of((RESIDUAL.outputs[0], BOOSTING.outputs[0]))),
    "taught": lambda: sf.taught(RESIDUAL),
    "series": lambda: sf.series(RESIDUAL, order=2),
    "Jacobian": lambda: sf.jacobian(fold(sf.mappers.residual, "f1:41")),
    "words": lambda: sf.jacobian(sf.fold(sf.mappers.residual, [sf.layer("A")] * 3, X), linear=("A",)).expanded(),
    "history": lambda: History([3.0, 1.0], [1, 2]),
    "fit": of_training(lambda loss, params, data: Fitted(params, History([2.0, 1.0], [1, 2]))),
    "parameters": of_training(lambda loss, params, data: params),
    "received": of_training(lambda loss, params, data: sf.received(loss, params, **data)),
    "record": of_training(lambda loss, params, data: loss.record(params, **data)),
}  # fmt: skip


def html_of(shown: Any) -> str:
    if hasattr(shown, "_repr_mimebundle_"):
        return str(shown._repr_mimebundle_()["text/html"])
    return str(shown._repr_html_())


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * name.endswith("slow")) for name in SHOWN])
def test_a_notebook_without_trust_keeps_all_that_is_shown(name: str) -> None:
    shown = SHOWN[name]()
    html = html_of(shown)
    assert text_of(html).strip() or pictures(html)
    assert html == html_of(shown)
    assert len(repr(shown)) < 12_000


@pytest.mark.parametrize("net", [RESIDUAL, BOOSTING])
def test_a_net_shows_its_formula_and_its_picture(net: sf.Net) -> None:
    html = html_of(net)
    formula = sf.formula(net, "steps", "unicode").translate(str.maketrans("₁₂₃", "123"))
    assert "".join(text_of(html).split()) == "".join(formula.split())
    (picture,) = pictures(html)
    assert "f3" in "".join(picture.itertext())  # f, and 3 as its subscript
    assert not hasattr(net, "_repr_svg_")  # one display: a notebook's file holds the picture once


def test_powers_stay_powers() -> None:
    html = html_of(sf.compare(RESIDUAL, BOOSTING))
    assert "(1 + <i>t</i>)<sup>3</sup>" in html and len(pictures(html)) == 1


MATHEMATICS = [
    (lambda t, n: (1 + t) ** 3, "(1 + t)<sup>3</sup>"),
    (lambda t, n: t**n / 2, "t<sup>n</sup>/2"),
    (lambda t, n: (t**n - 1) / (t - 1), "(−1 + t<sup>n</sup>)/(−1 + t)"),
    (lambda t, n: sp.sqrt(t), "√t"),
    (lambda t, n: sp.sqrt(t + 1), "√(1 + t)"),
    (lambda t, n: -(t**2), "−t<sup>2</sup>"),
    (lambda t, n: sp.exp(-t), "e<sup>−t</sup>"),
    (lambda t, n: sp.Function("f")(t) ** 2, "(f(t))<sup>2</sup>"),
    (lambda t, n: sp.Symbol("f_2") ** 2 / n, "f<sub>2</sub><sup>2</sup>/n"),
    (lambda t, n: (t + 1) * (n + 1) / 2, "(1 + n)\u2009(1 + t)/2"),
    (lambda t, n: 1 / (t * n), "1/(n\u2009t)"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "shown"), MATHEMATICS)
def test_mathematics_on_one_line_reads_as_in_two(make: Callable[..., Any], shown: str) -> None:
    from symfold.apps.report.cells import expression

    html = mathematics(expression(make(*sp.symbols("t n"))).mathml, block=False)
    text_of(html)
    assert re.sub(r"</?(?:i|span)\b[^>]*>", "", html) == shown


def test_limits_stand_above_and_below_and_primes_before_the_index() -> None:
    product = html_of(sf.jacobian(fold(sf.mappers.residual, "f1:41")))
    assert re.search(r"flex-direction: column[^<]*<span[^>]*>∏</span><sub><i>k</i>=40</sub><sup style=\"order: -1\">1</sup></span>", product)
    series = html_of(sf.series(RESIDUAL, order=2) - sf.series(BOOSTING, order=2))
    assert series.count("<i>f</i>′<sub>3</sub>") == 2 and "</sub>′" not in series
    assert mathematics("<math><mi>f</mi><mo>″</mo></math>", block=False).endswith("<i>f</i>″</span>")


@pytest.mark.parametrize("name", ["formula", "equations", "paths", "taught", "series", "Jacobian", "words", "expression of a tensor"])
def test_a_formula_is_shown_without_a_script(name: str) -> None:
    shown = SHOWN[name]()
    assert "<sub>" in html_of(shown) or "<sup>" in html_of(shown)
    assert shown._repr_latex_().startswith("$")
    assert "$" not in html_of(shown)


def test_entities_of_html_in_mathml_are_read() -> None:
    mathml = "<math><mi>n</mi><mo>&InvisibleTimes;</mo><mi>&phi;</mi><mo>&lt;</mo><mn>1</mn></math>"
    assert mathematics(mathml, block=False).endswith("<i>n</i>\u2009<i>φ</i>\u00a0&lt;\u00a01</span>")


READING_ALL = ("denseformer", "depth_attention")  # each step reads all states before it: no picture of 25 is small enough


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_shown(name: str) -> None:
    for depth in (1, 4, 25, "n"):
        try:
            net = ARCHITECTURES[name].net(depth)
        except sf.SymfoldError:
            continue
        assert text_of(html_of(net)).strip() and not re.search("cannot be shown", html_of(net))
        if depth == 25 and name in READING_ALL:
            assert not pictures(html_of(net))
            continue
        assert pictures(html_of(net))
        assert text_of(html_of(sf.adjoint(net)))
        assert "cannot" not in str(sf.paths(net)) and net.diagram()._repr_mimebundle_()["text/html"]


def test_a_formula_is_a_string_that_shows_mathematics() -> None:
    for form in ("fold", "steps", "expanded"):
        for style in ("text", "unicode", "latex", "mathml"):
            formula = sf.formula(RESIDUAL, form, style)
            assert isinstance(formula, str) and formula == "".join(formula) and hash(formula) == hash(str(formula))
            assert formula._repr_latex_() == f"$\\displaystyle {sf.formula(RESIDUAL, form, 'latex')}$"
            assert pickle.loads(pickle.dumps(formula)) == formula
    long = sf.formula(fold(sf.mappers.residual, "f1:1001"), "steps")
    assert long._repr_latex_() is None


def test_a_console_shows_the_lines_of_a_formula() -> None:
    class Printer:
        shown = ""

        def text(self, text: str) -> None:
            self.shown += text

        def break_(self) -> None:
            self.shown += "\n"

    for depth in (4, 1001):
        formula, printer = sf.formula(fold(sf.mappers.residual, f"f1:{depth}"), "steps"), Printer()
        formula._repr_pretty_(printer, False)
        assert printer.shown == formula or (printer.shown.startswith(formula[:4_000]) and len(printer.shown) < 4_100)


@pytest.mark.parametrize("name", ["net", "graph", "diagram", "comparison", "deep"])
def test_where_a_picture_fails_the_words_are_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = SHOWN[name]()

    def fail(*nets: Any) -> str:
        raise sf.errors.InvalidValue("no picture")

    monkeypatch.setenv("SYMFOLD_RENDERER", "magic")  # Graphviz draws DOT
    monkeypatch.setattr("symfold.show.display.display_svg", lambda net: None)
    monkeypatch.setattr("symfold.show.display.svg_of_graph", fail)
    monkeypatch.setattr("symfold.apps.report.notebook.svg_of_several", fail)
    if name == "diagram":
        assert "cannot be drawn" in shown._repr_mimebundle_()["text/plain"]
    elif name == "graph":
        assert shown._repr_html_() is None and repr(shown) == "Graph with 8 nodes and 10 edges"
    else:
        html = html_of(shown)
        assert text_of(html).strip() and not pictures(html)


class Broken:
    """A part of a net that fails at everything."""

    def __getattr__(self, name: str) -> Any:
        raise RecursionError(name)


def displays(shown: Any) -> Iterator[Callable[..., Any]]:
    for kind in ("html", "latex", "svg", "png", "markdown", "mimebundle"):
        if hasattr(shown, f"_repr_{kind}_"):
            yield getattr(shown, f"_repr_{kind}_")


@pytest.mark.parametrize("name", ["net", "deep", "symbolic", "graph", "diagram", "comparison", "difference", "verdict", "cost"])
def test_no_display_raises(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails inside: what is shown is then less."""
    shown = SHOWN[name]()

    def fail(*args: Any, **options: Any) -> Any:
        raise RecursionError

    for module in ("symfold.show.display", "symfold.apps.report.notebook", "symfold.show.diagram.digraph"):
        for what in ("render", "mathematics", "image", "svg_of_graph", "svg_of_several", "to_svg"):
            monkeypatch.setattr(f"{module}.{what}", fail, raising=False)
    for display in displays(shown):
        assert display() is None or display()


def test_a_net_that_cannot_be_read_is_said_to_be_so() -> None:
    broken = sf.Net((Broken(),))  # type: ignore[arg-type]
    assert "cannot be shown" in repr(broken)
    assert "cannot be shown" in text_of(broken._repr_html_() or "") and broken._repr_latex_() is None


EVIL = "<script>alert(1)</script>"


def test_names_are_escaped() -> None:
    for html in (prose(EVIL), bullets([EVIL]), image("<svg/>", EVIL), Table((EVIL,), 1, lambda k: (EVIL,)).html()):
        text_of(html)
        assert "<script" not in html


def test_a_table_shows_its_first_and_last_rows_and_says_how_many_are_between() -> None:
    for size in (0, 1, 19, 20, 21, 1_000_000):
        table = Table(("number",), size, lambda k: (str(k),))
        numbers = [int(line) for line in table.text().split("\n")[1:] if line.isdigit()]
        between = [int(more.replace(",", "")) for more in re.findall(r"\.\.\. ([\d,]+) more", table.text())]
        assert sum(between) + len(numbers) == size and len(numbers) <= 20
        assert numbers == sorted(numbers) and set(numbers) <= set(range(size))
        assert re.findall(r"\d+", text_of(table.html()).replace(",", "")) == re.findall(r"\d+", table.text().replace(",", ""))


@pytest.mark.slow
@pytest.mark.parametrize("name", READING_ALL)
def test_a_display_of_many_different_steps_writes_the_first_alone(name):
    """The same lines as of a net that is written as a whole, in the time of a net of a hundred steps."""
    deep, shorter = (sf.mappers.ARCHITECTURES[name].net(depth) for depth in (700, 120))
    start = time.process_time()
    shown = str(deep)
    assert time.process_time() - start < 2
    assert shown == str(shorter) and shown.endswith("...") and len(shown) < 2000
    assert deep._repr_latex_() is None


@pytest.mark.parametrize(("depth", "folded"), [(2, False), (12, True)])
def test_a_picture_taller_than_a_screen_is_drawn_folded_and_says_so(depth: int, folded: bool) -> None:
    net = sf.fold(lambda z, f: z + sum(f(k * z) for k in range(1, 9)), sf.layers("f", count=depth), sf.tensor("x"))
    assert ("One step of each fold is drawn" in net._repr_html_()) == folded
    assert "max-height" in net._repr_html_()
