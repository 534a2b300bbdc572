"""The report: what the table says, that the page is whole, safe, small and the same every time."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.apps.command.main import main
from symfold.apps.report import figures, panels, plots
from symfold.apps.report.answered import answer
from symfold.apps.report.cells import Formula, Unknown, expression, in_full, said, text_of
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.markup import FOLDED
from symfold.apps.report.pictures import diagrams
from symfold.apps.report.rows import ROWS, Answered, Row, answers, degree_of, order_matters, same_part, work_and_span
from symfold.apps.report.sections import SECTIONS
from symfold.apps.report.terminal import MORE, SCREEN, _clipped, _sign, shown
from symfold.apps.report.trained import start, trained
from symfold.core.primitives import embed
from symfold.transform.rewiring.order import exchangeable

VOID = {"meta", "input", "link", "br", "hr", "img"}
EVIL = "<script>alert(1)</script>"


def compared(first: str = "residual", second: str = "boosting", depth: int | str = 4, names: tuple[str, str] | None = None) -> Comparison:
    x, f = sf.tensor("x"), sf.layers("f", count=depth)
    from symfold.mappers.expressions import named_mapper

    return sf.compare(*(sf.fold(named_mapper(m).make(x), f, x) for m in (first, second)), names=names or (first, second))


@pytest.fixture(scope="module")
def page() -> str:
    return compared().to_html()


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed, in order; keeps what it met."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        self.met.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.met.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


# ---------------------------------------------------------------- the table


def test_the_table_marks_what_differs_and_only_that() -> None:
    same = list(answers(compared("residual", "residual", names=("A", "B"))))
    assert same and not any(answered.differ for answered in same)
    differing = {answered.row.label for answered in answers(compared()) if answered.differ}
    assert {"step", "P(t)", "paths"} <= differing


@pytest.mark.parametrize("depth", [1, 4, 1_000_000, "n"])
@pytest.mark.parametrize("second", ["boosting", "feedforward", "multiplicative"])
def test_every_row_answers_at_any_depth(depth: int | str, second: str) -> None:
    for answered in answers(compared(second=second, depth=depth)):
        for cell in answered.cells:
            assert text_of(cell).strip()
            assert len(text_of(cell)) < 1200, answered.row.label


@pytest.mark.parametrize("depth", [1, 4, 12, 1_000_000, "n"])
@pytest.mark.parametrize("width", [40, 80, 132])
def test_no_line_is_wider_than_the_terminal(depth: int | str, width: int) -> None:
    for line in shown(compared(depth=depth), width).splitlines():
        assert len(line) <= width, line


def test_emphasis_is_added_to_the_sign_and_never_replaces_it() -> None:
    plain = shown(compared())
    assert shown(compared(), strong=lambda text: f"\x1b[1m{text}\x1b[0m").replace("\x1b[1m", "").replace("\x1b[0m", "") == plain
    assert all(line[:2] in ("!=", "= ", "  ", "--", "") or line[:2].isalpha() or line[:2].strip() for line in plain.splitlines())


def test_names_are_two_and_different() -> None:
    net = compared().a
    with pytest.raises(sf.errors.InvalidType, match="two names"):
        sf.compare(net, net, names=("A",))  # type: ignore[arg-type]
    with pytest.raises(sf.errors.InvalidValue, match="different names"):
        sf.compare(net, net, names=("A", "A"))


def test_a_comparison_displays_without_raising() -> None:
    shown = compared(names=(EVIL, "B"))._repr_html_()
    assert shown is not None and "<script" not in shown
    read(shown)
    broken = Comparison(None, None)  # type: ignore[arg-type]
    assert broken._repr_html_() is None


def test_another_depth_is_the_net_made_at_that_depth() -> None:
    assert compared(depth=4).at(7) == compared(depth=7)
    assert compared(depth=4).general == compared(depth="n").general
    assert compared(depth="n").at(3) == compared(depth=3)


def test_nets_without_a_common_depth_have_no_frames() -> None:
    x = sf.tensor("x")
    f = sf.layers("f1:4")
    comparison = sf.compare(sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.residual, sf.layers("f1:6"), x))
    assert comparison.general is None and comparison.frames == {} and comparison.pictured is comparison
    read(comparison.to_html())
    with pytest.raises(sf.errors.InvalidValue, match="no depth in common"):
        comparison.at(3)


# ---------------------------------------------------------------- the page


def test_the_page_is_well_formed_and_each_picture_has_words(page: str) -> None:
    reader = read(page)
    assert page.startswith("<!DOCTYPE html>") and '<html lang="en">' in page
    drawings = [(attributes, inside) for tag, attributes, inside in reader.met if tag == "svg"]
    assert len(drawings) >= 2 * 8
    assert all(a.get("aria-hidden") == "true" or a.get("role") == "img" for a, _ in drawings)
    titles = re.findall(r"<svg[^>]*><title>([^<]+)</title>", page)
    assert len(titles) == len(drawings) and min(map(len, titles)) > 20
    ids = [attributes["id"] for _, attributes, _ in reader.met if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = {a["for"] for tag, a, _ in reader.met if tag == "label"}
    assert {a["id"] for tag, a, _ in reader.met if tag == "input"} <= labels
    for _, attributes, _ in reader.met:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((attributes.get(name) or "").split()) <= set(ids)


def test_headings_do_not_skip_a_level(page: str) -> None:
    levels = [int(tag[1]) for tag, _, _ in read(page).met if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_page_asks_for_nothing_from_outside(page: str) -> None:
    without_namespaces = page.replace("http://www.w3.org/1998/Math/MathML", "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(?i)\b(?:https?|ftp|wss?|file|data|javascript):", re.sub(r'content="default-src[^"]*"', "", without_namespaces).replace("data-", ""))
    for tag, attributes, _ in read(page).met:
        assert "src" not in attributes and "srcset" not in attributes and "action" not in attributes
        assert (attributes.get("href") or "#").startswith("#"), tag
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
    assert "@import" not in page and "url(" not in page
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy and "default-src 'none'" in policy[1] and "unsafe" not in policy[1] and "*" not in policy[1]


BOUND = 2_000_000  # bytes


def test_the_page_is_small(page: str) -> None:
    assert len(page.encode()) < BOUND


def test_the_page_holds_no_path_of_this_machine(page: str) -> None:
    assert str(Path.home()) not in page and "/tmp" not in page and "site-packages" not in page


def test_what_a_user_typed_is_escaped() -> None:
    reader = read(compared(names=(EVIL, '"><img src=x onerror=alert(1)>')).to_html())
    assert sum(tag == "script" for tag, _, _ in reader.met) == 1
    assert not any(tag == "img" for tag, _, _ in reader.met)


def test_every_section_is_there(page: str) -> None:
    for section in SECTIONS:
        assert f'<section id="{section.key}"' in page, section.key
    assert all(f"<b>{row.label}</b>" in page for row in ROWS)


# ---------------------------------------------------------------- what is said


def test_the_answer_opens_with_the_common_form() -> None:
    lines = str(compared()).splitlines()
    assert lines[:3] == [
        "Both nets are x + f_k(u_k) summed over k = 1..4",
        "They differ only in what layer k reads: in residual, u_k = z_{k-1} (all that was",
        "added up before it); in boosting, u_k = x (the input itself).",
    ]
    assert lines[3].startswith("Boosting is exactly the first sweep of solving the equations of residual")
    swapped = str(compared("boosting", "residual"))
    assert "Boosting is exactly the first sweep of solving the equations of residual" in swapped
    assert "first sweep" not in str(compared("residual", "feedforward"))


@pytest.mark.parametrize("width", [80, 100])
def test_the_answer_stands_on_one_screen_with_all_that_is_asked(width: int) -> None:
    lines = shown(compared(), width).splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= width
    assert all(any(line[3:].startswith(row.label) for line in lines) for row in ROWS)
    assert all(said in "\n".join(lines) for said in ("(1 + t)^4", "16 paths through 2 layers", "(I + J4(z3))", "g4 = g", "1, 4, 6, 14 terms", "Are they equal? Different"))


def test_a_net_that_never_reads_the_input_is_said_to_have_nothing_to_compare() -> None:
    f, x = sf.layers("f1:5"), sf.tensor("x")
    nets = sf.fold(sf.mappers.residual, f, 0), sf.fold(sf.mappers.boosting(x), f, 0)
    for pair, which in ((nets, "A never reads x"), (nets[::-1], "B never reads x")):
        assert str(sf.compare(*pair)).replace("\n", " ").startswith(which + ": its first state is a number")
    assert "never reads" not in str(compared()) and "never reads" not in str(sf.compare(nets[0], nets[0]))


def test_nets_that_are_equal_in_another_order_are_said_to_be_equal() -> None:
    comparison = compared("residual", "z + f(z)")
    assert not comparison.differ and "Equal by normal form" in str(comparison)
    assert [answered.row.label for answered in answers(comparison) if answered.differ] == ["step"]  # the author's order is kept


def test_a_display_never_raises() -> None:
    assert "cannot be shown" in str(Comparison(None, None))  # type: ignore[arg-type]


def test_the_measured_slopes_are_two_and_three(page: str) -> None:
    slopes = [float(value) for value in re.findall(r"Measured slopes (\d\.\d+) and (\d\.\d+)", page)[0]]
    assert slopes == pytest.approx([2, 3], abs=0.02)


def cells_of(page: str, section: str) -> list[list[str]]:
    """The rows of the last table of numbers in a section."""
    part = page[page.index(f'<section id="{section}"') :]
    part = part[: part.index("</section>")]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in part[part.rindex("<tbody>") :].split("</tr>")[:-1]]


def test_groups_have_the_paths_that_the_formula_gives(page: str) -> None:
    rows = cells_of(page, "groups")
    assert [int(row[0]) for row in rows] == [q for q in range(1, 25) if 24 % q == 0]
    for q, span, _, count in rows:
        assert int(span) == 24 // int(q)
        assert int(count.replace(",", "")) == (1 + int(q)) ** (24 // int(q))


def test_sweeps_keep_the_shorter_paths_and_end_at_the_net(page: str) -> None:
    rows = cells_of(page, "sweeps")  # of the last depth on the slider
    n = len(rows) - 1
    assert [int(row[3]) for row in rows] == [sum(math.comb(n, k) for k in range(s + 1)) for s in range(n + 1)]
    errors = [float(row[4]) for row in rows]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-12 < errors[-2]


def test_the_coupled_layers_are_the_pairs_in_one_net_and_none_in_the_other(page: str) -> None:
    assert "Couplings in residual, trained: 6 of 6 pairs" in page and "Couplings in boosting, trained: 0 of 6 pairs" in page


def test_the_layers_of_boosting_are_all_taught_the_loss_gradient() -> None:
    """In the trained nets of the page: cosines of one and equal norms in boosting, in the residual net neither."""
    for mapper, alike in (("residual", False), ("boosting", True)):
        fitted = trained(compared(mapper, "feedforward").a)
        found = sf.received(fitted.loss, fitted.params, **fitted.data)
        assert bool(np.allclose(found.cosines, 1) and np.allclose(found.norms, found.norms[-1])) is alike
        assert float(fitted.loss(fitted.params, **fitted.data)) < float(fitted.loss(start(fitted.net, 0), **fitted.data)) / 2


@pytest.mark.parametrize(
    ("mapper", "depth", "said"),
    [
        ("residual", 10**6, "of 3 layers: yes, from epsilon^2 on:\nswapping f1 and f2 adds epsilon^2*("), ("boosting", 10**6, "of 3 layers: no,"), ("boosting", "n", "of 3 layers: no,"),
        ("residual", 4, "yes, from epsilon^2 on:\nswapping f1 and f2 adds epsilon^2*("), ("boosting", 6, "no,"), ("multiplicative", 2, "yes"),
        ("f(x)", 3, "yes, from epsilon on:\nswapping f2 and f3 adds epsilon*("),  # the last layer is all that is left of the net
        ("x + f(x)", 4, "yes, from epsilon on:\nswapping f3 and f4 adds epsilon*("), ("x + f(x)", 30, "of 3 layers: yes"),
        ("residual", 1, "there is one layer"), ("residual", 0, "there is no layer"),
    ],
)  # fmt: skip
def test_whether_order_matters_is_asked_of_every_two_neighbours(mapper: str, depth: int | str, said: str) -> None:
    cells = {answered.row.label: answered.cells for answered in answers(compared(mapper, "feedforward", depth))}
    assert text_of(cells["order"][0]).startswith(said)


def test_nets_of_a_depth_that_is_a_multiple_are_compared() -> None:
    """At the numbers that the symbol takes: groups of a symbolic depth, and the net that they are made of."""
    x, f = sf.tensor("x"), sf.layers("f", count=2 * sp.Symbol("m"))
    nets = [sf.fold(mapper, f, x) for mapper in (sf.mappers.residual, sf.mappers.boosting(x))]
    told = str(sf.compare(*nets))
    assert "of 6 layers: yes, from" in " ".join(told.split()) and "Of 6 layers, written out" in told
    assert sf.compare(*nets).at(2).a == nets[0].at(m=2)
    grouped = {answered.row.label: text_of(answered.cells[0]) for answered in answers(sf.compare(sf.grouped(nets[0], 2), nets[0]))}
    assert grouped["order"].startswith("of 6 layers: yes, from epsilon^2 on:") and grouped["P(t)"] == "(1 + 2*t)^m"


@pytest.mark.parametrize("mapper", ["residual", "boosting", "f(x)", "x + f(x)", "multiplicative", "f(z)", "z + f(f(z))", "x"])
def test_layers_are_said_to_give_the_same_in_any_order_only_where_all_orders_do(mapper: str) -> None:
    net = compared(mapper, "feedforward", 3).a
    cell = next(text_of(answered.cells[0]) for answered in answers(compared(mapper, "feedforward", 3)) if answered.row.label == "order")
    names = ["f1", "f2", "f3"]
    alike = mapper == "x" or all(sf.verdict(net, sf.reorder(net, order)).equal for order in permutations(names))
    assert cell.startswith(("no,", "there is no layer")) == alike, cell


def test_degrees_go_with_the_depth() -> None:
    cells = {answered.row.label: answered.cells for answered in answers(compared("residual", "boosting", 10**6))}
    assert [text_of(cell) for cell in cells["degree"]] == ["d^1000000", "d"]


@pytest.mark.parametrize("depth", [10**8, 10**12])
def test_a_comparison_of_any_depth_is_one_of_a_few_formulas(depth: int) -> None:
    """Nothing is computed layer by layer, nor a power; what is judged is judged as at a depth at which everything is."""
    rows = [{line[3:11]: line[:2] for line in str(compared("residual", "boosting", n)).splitlines() if re.match(r"(!=|=|\?)  ?[a-zA-Z]", line)} for n in (8, depth)]
    assert rows[0].keys() == rows[1].keys() and len(rows[0]) == len(ROWS)
    assert all(rows[1][label] in (mark, "? ") for label, mark in rows[0].items()) and list(rows[1].values()).count("? ") <= 2


def test_an_equal_answer_stands_once_and_a_result_before_its_recurrences() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    equal = str(sf.compare(net, net)).splitlines()
    assert "=  degree   d^3" in equal and "=  P(t)     (1 + t)^3" in equal
    lines = str(compared("residual", "boosting", "n")).splitlines()
    place = lines.index("    y = epsilon^2*c2_n + O(epsilon^3)")
    assert lines[place + 1] == "    c1_k = f_k(x) + c1_{k-1}" and len(lines) <= SCREEN


def test_expressions_are_compared_by_value_and_formulas_to_the_letter() -> None:
    d = sp.Symbol("d", positive=True)
    assert same_part(expression(d * (d + 1)), expression(d**2 + d)) and not same_part(expression(d**2), expression(d**3))
    assert same_part(expression((1 + d) ** 10**6), expression((1 + d) ** (10**6 - 1) * (1 + d)))
    written = [Formula(lambda style, text=text: text) for text in ("a + b", "b + a")]  # type: ignore[misc]
    assert same_part(written[0], written[0]) and not same_part(*written)


# ---------------------------------------------------------------- models of many kinds of layers


def models(depth: int = 4) -> tuple[sf.Net, sf.Net]:
    """Residual blocks of four layers between a stem and a head, with the activation after the sum or before the layers."""
    stem, head = sf.layers("stem head")
    c1, b1, c2, b2 = (sf.layers(f"{name}_0:{depth}") for name in ("conv1", "norm1", "conv2", "norm2"))
    post, pre = (
        lambda z, f: sf.relu(f[3](f[2](sf.relu(f[1](f[0](z))))) + z),
        lambda z, f: z + f[2](sf.relu(f[3](f[0](sf.relu(f[1](z)))))),
    )
    blocks = sf.zipped(c1, b1, c2, b2)
    first, second = (head(sf.fold(mapper, blocks, stem(sf.tensor("image")))) for mapper in (post, pre))
    return first, second


@pytest.mark.parametrize("width", [72, 132])
def test_the_answer_on_a_model_is_one_screen_and_its_blocks_are_one_line(width: int) -> None:
    lines = shown(sf.compare(*models()), width).splitlines()
    assert len(lines) <= SCREEN and max(map(len, lines)) <= width
    told = " ".join(" ".join(lines).split())
    assert "at every step, norm2_{k-1} reads conv2_{k-1} in A and conv1_{k-1} in B" in told
    derivatives = told[told.index("Jacobian") : told.index("work")]
    assert derivatives.count("prod_{k=4..1}") >= 2 and "conv1_3" not in derivatives and MORE in told
    assert [line[3:].split()[0] for line in lines if line.startswith("= ")] == ["P(t)", "paths", "work", "degree"]


def test_an_equal_answer_of_several_lines_stands_there_once() -> None:
    told = str(sf.compare(models()[0], models()[0]))
    assert told.count("16 paths") == 1 and told.count("prod_{k=4..1}") == 2  # Jacobian, taught


def test_abbreviated_formulas_are_compared_and_given_in_full() -> None:
    (row,) = (answered for answered in answers(sf.compare(*models())) if answered.row.label == "Jacobian")
    (formula,) = row.cells[0][0]
    assert isinstance(formula, Formula) and formula.whole is not None and len(formula.text) < len(formula.whole.text) / 3
    assert "conv1_3(z3)" in formula.whole.text and in_full(row.cells[0]) == [[formula.whole]]
    code, output = run("residual", "boosting", "--depth", "20", "--json")
    said = {row["label"]: row["a"] for row in json.loads(output)["rows"]}
    assert code == 0 and "J20(z19)" in said["Jacobian"]


@pytest.mark.slow
def test_long_formulas_on_the_page_are_abbreviated_or_folded() -> None:
    page = sf.compare(*models(4), names=("post", "pre")).to_html()
    outside = re.sub("<details.*?</details>", "", page, flags=re.S)
    lines = [line for text in re.findall(r'data-text="([^"]*)"', outside) for line in unescape(text).split("\n")]
    assert len(lines) > 50 and max(map(len, lines)) <= FOLDED and "In full (" in page
    shown = page.index('<div data-depth="4"><h3>What moved</h3>')
    moved = page[(start := page.index('class="moved"', shown)) : page.index("</table>", start)]
    assert moved.count("<tr>") == 1 + 5 and "norm2<sub><i>k</i>−1</sub></span> reads" in moved
    missing = page[page.index('<section id="missing"') :]
    reasons = re.findall("<dd>(.*?)</dd>", missing)
    assert len(set(reasons)) == len(reasons) == 2 == missing.count("<dt>")
    read(page)


# ---------------------------------------------------------------- pictures and plots


def test_both_diagrams_have_the_same_nodes_in_the_same_places() -> None:
    def nodes(drawing: str) -> list[str]:
        return re.findall(r'<g class="node[^"]*">.*?</g>', drawing, flags=re.S)

    a, b = diagrams(compared(depth=3))
    assert nodes(a) == nodes(b) and len(nodes(a)) > 8
    assert a.count('class="edge state only-a"') == 2 and "only-b" not in a  # z1 -> f2, z2 -> f3
    assert b.count("only-b") == 2 and "only-a" not in b  # x -> f2, x -> f3


def points(drawing: str, kind: str) -> Iterator[dict[str, float]]:
    for found in re.findall(rf'<rect class="{kind}[^>]*>', drawing):
        yield {name: float(value) for name, value in re.findall(r'(\S+)="(-?[\d.]+)"', found)}


def test_bars_are_as_high_as_the_shares() -> None:
    drawn = list(points(plots.bars("two nets", [[0.25, 0.75], [1.0, 0.0]], "k", "share"), "bar"))
    full = max(bar["height"] for bar in drawn)
    assert [round(bar["height"] / full, 2) for bar in drawn] == [0.25, 0.75, 1.0, 0.0]
    assert {round(bar["y"] + bar["height"], 2) for bar in drawn} == {drawn[0]["y"] + drawn[0]["height"]}


def test_a_power_is_a_straight_line_on_two_logarithmic_axes() -> None:
    curve = plots.Line("square", tuple((10.0**-k, 10.0 ** (-2 * k)) for k in range(4)))
    drawn = plots.lines("a square", [curve], "epsilon", "error", (True, True))
    dots = np.array([[float(v) for v in pair] for pair in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)])
    steps = np.diff(dots, axis=0)
    assert np.allclose(steps, steps[0], atol=0.02)


def test_a_heat_map_writes_zeros_as_0_and_compares_by_one_scale() -> None:
    drawn = plots.heat("a matrix", [[0, 1], [2, 0]], ["1", "2"], ["1", "2"], ("read", "written"), 4)
    assert re.findall(r'class="cell"[^>]*fill-opacity="([\d.]+)"', drawn) == ["0", "0.25", "0.5", "0"]
    assert re.findall(r'class="value"[^>]*>([^<]*)<', drawn) == ["0", "1", "2", "0"]
    assert re.findall(r'class="label"[^>]*>([^<]*)<', drawn) == ["read", "written"]


def test_both_heat_maps_of_a_section_share_one_scale(page: str) -> None:
    """In boosting nothing is coupled, and steps change little: its squares are as pale as the residual net's scale says."""
    for section in ("couplings", "updates"):
        part = page[page.index(f'<section id="{section}"') :]
        drawings = part[: part.index("</section>")].split('<svg class="plot"')[1:]
        shades = [max(map(float, re.findall(r'fill-opacity="([\d.]+)"', drawing))) for drawing in drawings]
        assert shades == [1, 0] and part.count("Both plots share one color scale, from 0 to ") >= 2


def labels(drawing: str) -> list[tuple[str, str]]:
    """Where each node of a drawing stands and what is written on it."""
    found = re.findall(r'<g class="node.*?<text (x="[^"]*" y="[^"]*")[^>]*>(.*?)</text>', drawing, flags=re.S)
    return [(place, re.sub("<[^>]*>", "", text)) for place, text in found]


def test_each_diagram_shows_its_own_joins_in_the_same_places() -> None:
    a, b = map(labels, diagrams(compared("residual", "multiplicative")))
    assert [place for place, _ in a] == [place for place, _ in b]
    assert [(one, other) for (_, one), (_, other) in zip(a, b, strict=True) if one != other] == [("+", "×")] * 4


def test_numbers_written_into_operations_that_one_net_alone_has_are_drawn() -> None:
    """A number of one net is written into its reader in the graph of both, where it may stand before that reader."""
    nets = [sf.mappers.ARCHITECTURES[name].net(1) for name in ("highway", "rk4")]
    for drawing in diagrams(sf.compare(*nets)):
        assert drawing.startswith("<svg") and "×" in drawing


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("residual", "boosting", "in residual f2 reads z1, f3 reads z2; in boosting f2 reads x, f3 reads x."),
        ("residual", "multiplicative", "in residual z1 is joined by +, z2 is joined by +, z3 is joined by +; in multiplicative z1 is joined by *, z2 is joined by *, z3 is joined by *."),
        ("residual", "z + f(z)", "No arrow is in one net alone."),
    ],
)
def test_the_words_of_a_diagram_say_what_moved(first: str, second: str, told: str) -> None:
    for drawing in diagrams(compared(first, second, 3)):
        assert re.search("<title>(.*?)</title>", drawing)[1].endswith(told)  # type: ignore[index]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_and_few(low: float, width: float) -> None:
    ticks = plots.Scale(low, low + width, 0, 100).ticks()
    assert 2 <= len(ticks) <= 7
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[0]) and f"{steps[0]:.1e}"[:3] in ("1.0", "2.0", "2.5", "5.0")


def test_the_axis_of_layers_has_whole_numbers_from_one(page: str) -> None:
    part = page[page.index('<section id="teaching"') :]
    part = part[: part.index("</section>")]
    assert re.findall(r'text-anchor="middle">([^<]*)</text>', part)[:5] == ["1", "2", "3", "4", "layer"]
    assert "-0.00" not in page


# ---------------------------------------------------------------- trained nets, updates, volume


def test_the_trained_nets_reach_low_losses_which_are_stated(page: str) -> None:
    part = page[page.index('<section id="teaching"') :]
    losses = re.findall(r"(\d[\d.]*) at the start and (\d[\d.]*) at the end", part)
    assert len(losses) == 4  # two nets under each of two plots
    assert all(float(after) < float(before) / 100 for before, after in losses)
    assert "in nets of 4 layers" in part


def test_in_boosting_a_step_is_felt_by_all_layers_alike() -> None:
    for mapper, alike in (("residual", False), ("boosting", True)):
        fitted = trained(compared(mapper, "feedforward").a)
        found = sf.update_coupling(fitted.loss, fitted.params, **fitted.data).relative
        assert bool(np.allclose(found, found[0])) is alike


@pytest.mark.slow
def test_couplings_are_shown_only_where_each_layer_is_applied_once() -> None:
    page = compared("f(f(z)) + z", "z + f(z) + f(x)", 3).to_html()
    assert page.count("Not shown: in ") == 2 and "in the order f1, f1, f2, f2, f3, f3" in page


@pytest.mark.slow
def test_nets_of_other_layers_are_not_measured_against_each_other() -> None:
    x = sf.tensor("x")
    page = sf.compare(*(sf.fold(sf.mappers.residual, sf.layers(name), x) for name in ("f1:4", "g1:4"))).to_html()
    assert "the nets apply other layers" in page and "nan" not in re.sub("<[^>]*>", " ", page).split()


@pytest.mark.slow
def test_long_nets_without_a_common_depth_have_no_pictures_layer_by_layer() -> None:
    x = sf.tensor("x")
    page = sf.compare(*(sf.fold(sf.mappers.residual, sf.layers(name), x) for name in ("f1:31", "f1:41"))).to_html()
    assert "at most 24 layers" in page
    read(sf.compare(*(sf.fold(sf.mappers.residual, sf.layers("f", count=depth), x) for depth in ("n", "m"))).to_html())


@pytest.mark.slow
def test_where_there_is_no_gradient_there_is_no_angle() -> None:
    page = compared("f(z)", "f(x)", 4).to_html()
    assert "no gradient, no gradient, no gradient, 1" in page and "nan" not in re.findall(r"[a-z]+", re.sub("<[^>]*>", " ", page))


def test_layers_that_nothing_teaches_are_said_to_receive_nothing() -> None:
    assert "rows of zeros are layers that receive no gradient at all" in compared("f(x)", "boosting", 3).to_html()


def test_volume_is_the_product_in_a_residual_net_and_of_the_sum_in_boosting() -> None:
    """The sentence against numbers: determinants of layers that are known, by hand."""
    said = " ".join(str(compared()).split())
    assert "in residual the product of det(I + J_k(z_{k-1})) over all layers; in boosting det(I + the sum of J_k(x))" in said
    assert "differ at order 2, by epsilon^2 times the divergence of the sum over i < j of f_j'(x)[f_i(x)]" in said
    assert "Volume" not in str(compared("residual", "multiplicative")) and "differ at order 2, by" not in str(compared("residual", "z + f(z)"))
    x, size, random = sf.tensor("x", (None, 3)), 1e-3, np.random.default_rng(0)
    kind = sf.layer("f", lambda z, W: sf.tanh(z @ W), W=(3, 3)).kind
    nets = [sf.fold(m, sf.layers("f1:4", kind), x) for m in (sf.mappers.residual, sf.mappers.boosting(x))]
    # with layers s W of one strength s, sums of W_j W_i are second derivatives: det differs by the trace of their sum
    weights = [random.standard_normal((3, 3)) for _ in range(3)]
    values = {f"W{k + 1}": size * weight for k, weight in enumerate(weights)}
    a, b = (float(sf.determinant(net, values, x=np.zeros((1, 3)))[0]) for net in nets)
    expected = sum(np.trace(weights[i] @ weights[j]) for j in range(3) for i in range(j))
    assert (a - b) / size**2 == pytest.approx(expected, rel=0.05)


# ---------------------------------------------------------------- what is said of other depths


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "told"), [(30, "30"), (10**6, "1,000,000"), ("n", "n")])
def test_a_report_of_many_layers_is_small_and_says_how_many_are_pictured(depth: int | str, told: str) -> None:
    comparison = compared(depth=depth)
    page = comparison.to_html()
    assert f"The nets compared have {told} steps; the pictures below show nets of 4" in page
    assert len(page.encode()) < BOUND
    assert "residual minus boosting at any depth n begins at order" in " ".join(str(comparison).split())


def test_a_report_of_few_layers_does_not(page: str) -> None:
    assert "Heavy colored arrows" in page
    assert "The nets compared have" not in page and "at any depth" not in page


@pytest.mark.slow
@pytest.mark.parametrize(("second", "depth"), [("multiplicative", 4), ("z + f(z)", 4), ("boosting", 1), ("boosting", 0)])
def test_what_is_said_fits_other_nets(second: str, depth: int) -> None:
    page = compared("residual", second, depth).to_html()
    assert not re.search(r"(?<!, )\b1 (?:layers|paths|terms)\b|added at different places", page)
    assert depth or "there is one layer" not in page
    assert "Heavy colored arrows" not in page  # all the arrows are in both


def test_counts_that_are_not_known_say_why() -> None:
    cells = {answered.row.label: answered.cells for answered in answers(compared("multiplicative", "residual", 10**6))}
    assert text_of(cells["series"][0]) == "not known: the terms of this net are counted layer by layer only, and 1,000,000 layers are too many"
    symbolic = {answered.row.label: answered.cells for answered in answers(compared("multiplicative", "residual", "n"))}
    assert text_of(symbolic["series"][0]) == "of 3 layers: orders 0 to 3: 0, 0, 0, 1 terms"  # x * f1(x) * f2(x f1(x)) ...


def test_rounded_counts_are_compared_exactly() -> None:
    """n(2n - 1) and 2n(n - 1) terms look equal when rounded."""
    a, m, x = sf.layers("a", count=10**6), sf.layers("m", count=10**6), sf.tensor("x")
    one_after_another = sf.fold(lambda z, item: (z + item[0](z)) + item[1](z + item[0](z)), sf.zipped(a, m), x)
    side_by_side = sf.fold(lambda z, item: z + item[0](z) + item[1](z), sf.zipped(a, m), x)
    row = next(answered for answered in answers(sf.compare(one_after_another, side_by_side)) if answered.row.label == "series")
    assert row.differ and "1,999,999,000,000" in text_of(row.cells[0])


@pytest.mark.parametrize("size", [10**15, 999 * 10**15, 3 * 10**16, 10**99, 4 * 10**200])
def test_rounded_numbers_keep_their_sign(size: int) -> None:
    assert said(size).startswith("about ") and said(-size) == said(size).replace("about ", "about -")


def test_letters_of_both_gradients_are_explained() -> None:
    x = sf.tensor("x")
    nets = [sf.fold(sf.mappers.residual, sf.layers(names), x) for names in ("f1:3", "g1:3")]
    assert "g (in B: b) the loss gradient" in " ".join(str(sf.compare(*nets)).split())


def test_layers_of_one_name_with_other_bodies_have_no_difference_in_epsilon() -> None:
    opaque, given = (sf.fold(sf.mappers.residual, sf.layers("f1:3", *body), sf.tensor("x")) for body in ((), (lambda z: z**2,)))
    page = str(sf.compare(opaque, given))
    assert "f1, f2 are symbols in A and functions in B" in page and "With layers scaled" not in page


def test_the_page_begins_with_the_question_and_the_terminal_explains_its_signs(page: str) -> None:
    assert re.search(r"<p[^>]*>([^<]*)</p>", page)[1].endswith("?")  # type: ignore[index]
    assert "Key: t counts the layers on a path; J_k(u) is the derivative of layer k at u" in " ".join(str(compared()).split())


def test_the_key_explains_a_dot_where_one_is_shown() -> None:
    mapper = sf.mapper("g(z + f(z))*(z + f(z)) + (1 - g(z + f(z)))*z")
    lists = sf.zipped(sf.layers("f", count="n"), sf.layers("g", count="n"))
    gated = sf.fold(mapper, lists, sf.tensor("x"))
    text = str(sf.compare(gated, sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x"))))
    assert "diag(·" in text and "A · stands for a value." in " ".join(text.split())
    assert "stands for a value" not in str(compared())


def classifiers(names: tuple[str, str] = ("residual", "boosted")) -> Comparison:
    """Two nets of a layer before and one after the fold, which have other shapes than the layers of the fold."""
    first, last = sf.layer("first", lambda z, V: z @ V, V=(4, 3)), sf.layer("last", lambda z, V: z @ V, V=(3, 2))
    start, hidden = first(sf.tensor("x", (None, 4))), sf.layers("f1:8", sf.dense(3, 3, sf.tanh))
    return sf.compare(*(last(sf.fold(m, hidden, start)) for m in (sf.mappers.residual, sf.mappers.boosting(start))), names=names)


def test_layers_of_a_net_with_a_readout_are_swapped_among_themselves() -> None:
    """A layer that returns fewer columns does not take the place of one in the fold, although sums would broadcast it."""
    into, out = sf.layer("into", sf.dense(5, 4)), sf.layer("out", sf.dense(4, 1))
    a, m = sf.layers("a1:3", sf.dense(4, 4, sf.tanh)), sf.layers("m1:3", lambda z, V, U: sf.relu(z @ V) @ U, V=(4, 8), U=(8, 4))
    steps = (lambda z, pair: z + pair[0](z) + pair[1](z + pair[0](z)), lambda z, pair: z + pair[0](z) + pair[1](z))
    nets = [out(sf.fold(step, list(zip(a, m, strict=True)), into(sf.tensor("x", (None, 5))))) for step in steps]
    assert exchangeable(nets[0]) == [["into"], ["a1", "a2", "m1", "m2"], ["out"]]
    cells = next(answered.cells for answered in answers(sf.compare(*nets)) if answered.row.label == "order")
    assert {text_of(cell) for cell in cells} == {"yes: swapping a1 and a2 changes it, beyond order 2 in epsilon"}
    alone = {answered.row.label: answered.cells for answered in answers(sf.compare(out(into(sf.tensor("x", (None, 5)))), nets[0]))}
    assert text_of(alone["order"][0]) == "no: no two layers take and return the same shapes"


def test_layers_are_swapped_where_they_fit_in_each_others_places() -> None:
    cells = {answered.row.label: answered.cells for answered in answers(classifiers())}
    assert text_of(cells["order"][0]).startswith("of 5 layers: yes: swapping f1 and f2")
    assert text_of(cells["order"][1]).startswith("of 5 layers: no, the result is the same in any order of the layers that can change places")
    assert [text_of(cell) for cell in cells["paths"]] == ["128 paths through 5.5 layers on average", "8 paths through 2.88 layers on average"]


def test_long_formulas_of_both_nets_have_one_form() -> None:
    for answered in answers(classifiers()):
        if answered.row.label in ("Jacobian", "taught"):
            shortened = ["k=" in text_of(cell).replace(" ", "") for cell in answered.cells]
            assert shortened[0] == shortened[1]


@pytest.mark.parametrize(("names", "spoken"), [(("residual", "boosted"), "in residual and first(x) in boosted"), (("f(z) + z", "late"), "in A and first(x) in B")])
def test_sentences_call_the_nets_by_short_names(names: tuple[str, str], spoken: str) -> None:
    assert f"f_k reads z_{{k-1}} {spoken}." in " ".join(str(classifiers(names)).split())


def test_an_answer_that_is_not_known_is_neither_the_same_nor_different() -> None:
    unknown = Row("lost", "?", lambda net: [[Unknown("not known: " + "z" * 9)]])
    net = compared().a
    answered = Answered(unknown, (unknown.ask(net), unknown.ask(net)))
    assert not answered.known and _sign(answered) == "? "


def test_degrees_that_are_none_or_zero_say_why() -> None:
    x = sf.tensor("x", (None, 3))
    kinked = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3)), sf.relu(x))
    picked = embed(sf.parameter("T", (5, 3)), sf.tensor("places", (4,)))
    assert [text_of(degree_of(sf.Net.of(net))) for net in (kinked, picked)] == [
        "none: relu is not a polynomial, so the net has no degree", "0: the inputs only choose between constants"
    ]


@pytest.mark.parametrize(("mapper", "said"), [("residual", "4 layers applied,\none after another"), ("boosting", "4 layers applied,\nall side by side"), ("f(f(z)) + f(x)", "11 layers applied,\nat most 8 in a row")])
def test_work_and_span_are_told_in_words(mapper: str, said: str) -> None:
    assert text_of(work_and_span(compared(mapper, "feedforward").a)) == said


@given(st.text("ab (){}[]^=", max_size=60), st.integers(2, 30))
def test_a_cut_line_fits_and_is_a_beginning(line: str, width: int) -> None:
    cut = _clipped([line], width)
    assert len(cut) <= max(width, len(line) if len(line) <= width else 0) and line.startswith(cut)


# ---------------------------------------------------------------- the command


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["compare", *args], catch_exceptions=False)
    return result.exit_code, result.output


def test_the_command_prints_the_table_and_writes_the_page_with_the_same_bytes(tmp_path: Path, page: str) -> None:
    target = tmp_path / "report.html"
    code, output = run("residual", "boosting", "--depth", "4", "-o", str(target))
    assert code == 0 and str(compared()) in output
    assert target.read_text(encoding="utf-8") == page
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_written_is_said_before_the_work() -> None:
    code, output = run("residual", "boosting", "-o", "no/such/folder/report.html")
    assert code == 2 and "no folder" in output and len(output.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["x.txt", "report", "page.svg", "html"])
def test_a_page_is_written_to_a_name_that_says_so(name: str, tmp_path: Path) -> None:
    code, output = run("residual", "boosting", "-o", str(tmp_path / name))
    assert code == 2 and "ends in .html" in output and not list(tmp_path.iterdir())


def test_the_command_gives_json() -> None:
    code, output = run("residual", "boosting", "--depth", "4", "--json")
    said = json.loads(output)
    assert code == 0 and said["depth"] == 4
    assert [row["label"] for row in said["rows"]] == [row.label for row in ROWS]
    assert all({"a", "b", "differ", "question"} <= set(row) for row in said["rows"])


def test_the_exit_code_says_whether_the_nets_differ() -> None:
    assert run("residual", "boosting", "--exit-code")[0] == 1
    assert run("residual", "boosting")[0] == 0
    assert run("residual", "f(z) + z", "--exit-code")[0] == 0
    assert run("resnet", "boosting", "--exit-code")[0] == 2


def test_a_note_says_that_places_are_the_same_only_if_they_are() -> None:
    f, x = sf.layers("f1:4"), sf.tensor("x")
    forward, backward = (sf.fold(sf.mappers.residual, items, x) for items in (f, [*reversed(list(f))]))
    words = "Both diagrams place the same nodes in the same places."
    assert words in panels.pictures(sf.compare(forward, sf.fold(sf.mappers.feedforward, f, x)))
    assert words not in panels.pictures(sf.compare(forward, backward))


def test_a_picture_is_never_shrunk_until_its_letters_are_unreadable() -> None:
    for depth in (2, 12):
        for drawing in diagrams(compared(depth=depth)):
            width = float(drawing.split('viewBox="')[1].split('"')[0].split()[2])
            shown = float(re.search(r' width="([\d.]+)"', drawing)[1])  # type: ignore[index]
            assert 'font-size="13"' in drawing and 13 * shown / width > 9.9  # pixels


@pytest.mark.parametrize("count", [1, 5, 12, 13, 64, 1000, 99_999])
def test_an_axis_of_whole_numbers_has_few_labels(count: int) -> None:
    labels = plots.thinned(count)
    assert labels[0] == 0 and min(count, 3) <= len(labels) <= 12 and labels[-1] < count


def test_a_net_is_asked_once_however_often_it_is_compared() -> None:
    asked: list[sf.Net] = []

    def cell(net: sf.Net) -> list[list[str]]:
        asked.append(net)
        return [["answer"]]

    row = Row("row", "What?", cell)
    for _ in range(3):
        row.ask(sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")))
    row.ask(sf.fold(sf.mappers.feedforward, sf.layers("f1:4"), sf.tensor("x")))
    assert len(asked) == 2


def test_the_answer_in_short_and_what_moved_are_those_of_the_depth_shown(page: str) -> None:
    parts = {section: re.findall(r'<div data-depth="(\d+)"[^>]*>(.*?)(?=<div data-depth|</section>)', content, re.S) for section, content in
             ((name, page.partition(f'<section id="{name}"')[2].partition("</section>")[0] + "</section>") for name in ("answer", "pictures"))}
    short = dict(parts["answer"])
    assert list(short) == [str(depth) for depth in range(1, 9)]
    assert "8 against 4" in short["3"] and "16 against 5" in short["4"] and "against" not in short["1"]
    assert ["What moved" in content for _, content in parts["pictures"]][-8:] == [False] + [True] * 7


def test_in_short_says_what_moved_where_no_other_sentence_does() -> None:
    def block(z, item):  # type: ignore[no-untyped-def]
        u = z + item[0](z)
        return u + item[1](u)

    items = sf.zipped(sf.layers("a", count="n"), sf.layers("m", count="n"))
    nets = (sf.fold(step, items, sf.tensor("x")) for step in (block, lambda z, item: z + item[0](z) + item[1](z)))
    assert "What moved" in answer(sf.compare(*nets)) and "What moved" not in answer(compared())


def test_groups_count_layers_and_steps_and_join_the_labels_of_one_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Comparison, "frames", {})  # at the depth given
    x = sf.tensor("x", (None, 2))
    first, second = (sf.layers(names, sf.dense(2, 2, act)) for names, act in (("f1:5", sf.tanh), ("g1:3", sf.relu)))
    pairs = list(zip(first[::2], first[1::2], strict=True))
    net = sf.fold(sf.mappers.residual, second, sf.fold(lambda z, pair: z + pair[1](pair[0](z)), pairs, x))
    drawn = figures.frontier(Comparison(net, net, ("A", "B")))
    assert "A, 6 layers in 4 steps: with q = 1 the net as it is, with q = 4 up to 4 neighboring steps" in drawn
    assert "q=2, 4<" in drawn and "all layers side by side" not in drawn


def test_a_difference_is_shown_up_to_the_order_that_the_sentences_name() -> None:
    f = sf.layers("f1:4")
    net = sf.fold(sf.mappers.residual, f, sf.tensor("x"))
    assert 'data-text="O(epsilon^4)"' in panels.difference_formula(Comparison(net, net, ("A", "B")), 2)
    boosted = sf.fold(sf.mappers.boosting(sf.tensor("x")), f, sf.tensor("x"))
    assert "O(epsilon^3)" in panels.difference_formula(Comparison(net, boosted, ("A", "B")), 2)


def test_a_terminal_is_told_each_question_as_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr("symfold.apps.report.terminal.Status.now", lambda status, *step: told.append(step))
    assert "order" in str(compared(depth=2))
    assert told == [(row.question, place, len(ROWS)) for place, row in enumerate(ROWS, 1)]


def test_swaps_that_cannot_be_judged_are_not_judged_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    x = sf.tensor("x")

    def unknown(*nets: object) -> Any:
        asked.append(nets)
        return replace(sf.verdict(x, x), equal=None)

    monkeypatch.setattr("symfold.apps.report.rows.UNJUDGED", 1)
    monkeypatch.setattr("symfold.apps.report.rows.verdict", unknown)
    monkeypatch.setattr("symfold.apps.report.rows.commutator", lambda net, *pair: sf.series(net, 2) - sf.series(net, 2))
    cell = order_matters(sf.fold(sf.mappers.residual, sf.layers("f1:9"), x))
    assert len(asked) == 1 and "beyond it is not known" in text_of(cell)


@pytest.mark.parametrize("depth", [4, 40, "n"])
def test_rows_of_two_sublayers_are_whole_on_a_screen(depth: int | str) -> None:
    """What does not fit stands in a briefer form, or takes the lines that are left."""
    a, m = sf.layers("a", count=depth), sf.layers("m", count=depth)
    serial = sf.fold(lambda z, item: (u := z + item[0](z)) + item[1](u), sf.zipped(a, m), sf.tensor("x"))
    parallel = sf.fold(lambda z, item: z + item[0](z) + item[1](z), sf.zipped(a, m), sf.tensor("x"))
    text = str(sf.compare(serial, parallel))
    table = text.split("-" * 80)[1]
    assert len(text.split("\n")) <= 40 and not re.search(r" \.\.\.( |$)", table, re.MULTILINE)
    assert f"c_{depth} = g" in table and "g_m_k = c_k" in table
