"""The questions to both nets: the rows of the table. A new row is one function and one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, zip_longest

import sympy as sp

from symfold.analysis.counting.cost import cost
from symfold.analysis.counting.degree import degree
from symfold.analysis.counting.paths import paths
from symfold.analysis.equality.verdict import verdict
from symfold.analysis.jacobians.jacobian import jacobian
from symfold.analysis.jacobians.taught import taught
from symfold.analysis.strength.commutator import commutator
from symfold.analysis.strength.series import Series, series
from symfold.apps.document import Progress
from symfold.apps.report.cells import (
    Cell,
    Formula,
    Part,
    Rounded,
    T,
    Unknown,
    abbreviated,
    ascending,
    counted,
    decimal,
    expression,
    in_full,
    in_one_form,
    is_known,
    net_formula,
    number,
    said,
    same_value,
    text_of,
)
from symfold.apps.report.comparison import MANY, Comparison
from symfold.apps.report.depths import any_depth, applied_names, at_number
from symfold.base.caching import cached
from symfold.core.closed_layers import note_on_closed
from symfold.core.names import applied_layers
from symfold.core.net import Net
from symfold.errors import NoRule, ShapeError, SymfoldError, TooLarge
from symfold.show.graph import count_steps, symbolic_depth
from symfold.transform.rewiring.order import exchangeable, swap

SERIES_ORDER = 3
UNJUDGED = 3  # swaps whose effect is not known, before the others are left alone
REASON = 100  # characters; a longer reason is told without its details
FEW, SMALL = 3, 6  # layers to swap if there are many; the most layers that are all swapped
D = sp.Symbol("d", integer=True, positive=True)


@dataclass(frozen=True)
class Row:
    """One question to a net: its label, the question in plain language, and the answer."""

    label: str
    question: str
    cell: Callable[[Net], Cell]

    def ask(self, net: Net) -> Cell:
        return _asked(self, net)


@cached(256)  # a net is compared with several others, on a terminal and on a page
def _asked(row: Row, net: Net) -> Cell:
    try:
        cell = row.cell(net)
        text_of(cell)  # formulas are written lazily; an error must surface here
        return cell
    except SymfoldError as error:
        return [[Unknown(f"not known: {_brief_reason(error.problem)}")]]


def _brief_reason(problem: str) -> str:
    """What went wrong; if that is long, without the details after a colon or in brackets."""
    return problem if len(problem) <= REASON else re.split(r": | \(", problem, maxsplit=1)[0]


@dataclass(frozen=True)
class Answered:
    """A row with both its answers."""

    row: Row
    cells: tuple[Cell, Cell]

    @property
    def known(self) -> bool:
        """Whether both answers are known."""
        return all(map(is_known, self.cells))

    @property
    def differ(self) -> bool:
        a, b = map(in_full, self.cells)
        return len(a) != len(b) or not all(map(same_line, a, b))


def same_line(one: Sequence[Part], other: Sequence[Part]) -> bool:
    """Whether two lines are equal: words and formulas to the letter, expressions by value."""
    return all(same_part(a, b) for a, b in zip_longest(one, other, fillvalue=""))


def same_part(one: Part, other: Part) -> bool:
    values = [part.value if isinstance(part, Formula) else None for part in (one, other)]
    if None not in values:
        return same_value(*values)
    if isinstance(one, Rounded) and isinstance(other, Rounded):
        return one.exact == other.exact
    return (one if isinstance(one, str) else one.text) == (other if isinstance(other, str) else other.text)


def answers(comparison: Comparison, now: Progress | None = None) -> Iterator[Answered]:
    """Every row of the table, answered for both nets; `now` is told each row as it begins."""
    for place, row in enumerate(ROWS, start=1):
        if now is not None:
            now(row.question, place, len(ROWS))
        a, b = (row.ask(net) for net in comparison.rolled)
        yield Answered(row, in_one_form(a, b))


NO_INPUT = "no path: the net reads no input"


def one_step(net: Net) -> Cell:
    return [[net_formula(net)]]


def polynomial(net: Net) -> Cell:
    if not net.inputs:
        return [[NO_INPUT]]
    if len(net.outputs) == 1:
        return [[expression(ascending(paths(net).polynomial, T))]]
    return [
        [f"to output {place}:", expression(ascending(paths(Net((output,))).polynomial, T))]
        for place, output in enumerate(net.outputs, start=1)
    ]


def path_counts(net: Net) -> Cell:
    if not net.inputs:
        return [[NO_INPUT]]
    lengths = paths(net)
    count, mean = lengths.count, lengths.mean
    if count is sp.nan:  # a quotient with a limit only, as (t^n - 1)/(t - 1) at t = 1
        count = sp.limit(lengths.polynomial, T, 1)
        mean = sp.simplify(sp.limit(sp.diff(lengths.polynomial, T), T, 1) / count)
    line = [*counted(count, "path"), "through", decimal(mean), f"layer{'' if mean == 1 else 's'} on average"]
    return [line, *([note] for note in [note_on_closed(net.outputs)] if note)]


def product_form(net: Net) -> Cell:
    if not net.inputs:
        return [["none: the net reads no input"]]
    return [[_brief(jacobian(net).formula)]]


def taught_form(net: Net) -> Cell:
    if next(applied_layers(net.outputs), None) is None:
        return [["none: there is no layer"]]
    return [[_brief(taught(net).formula)]]


def _brief(write: Callable[..., str]) -> Formula:
    """The formula of derivatives; if it is long, folded, and if need be without the states at which they are taken."""
    return abbreviated(Formula(write), *(Formula(partial(write, form=form)) for form in ("fold", "brief")))


def work_and_span(net: Net) -> Cell:
    costs = cost(net)
    work = counted(costs.work, "layer")
    if costs.work in (0, 1):
        return [[*work, "applied"]]
    if costs.span in (costs.work, 1):
        return [[*work, "applied,"], ["one after another" if costs.span == costs.work else "all side by side"]]
    return [[*work, "applied,"], ["at most", number(costs.span), "in a row"]]


def series_counts(net: Net) -> Cell:
    general = any_depth(net, net) if count_steps(net) > MANY else None
    symbol, which = symbolic_depth(net), ""
    try:
        counts = series(net if general is None else general[0], SERIES_ORDER).counts
    except SymfoldError:
        if symbol is not None and general is not None:  # no formula for every depth is known
            few, which = few_layers(net)
            counts = series(few, SERIES_ORDER).counts
        elif general is None:
            raise
        else:
            return [
                [
                    Unknown(
                        "not known: the terms of this net are counted layer by layer only, and "
                        f"{said(count_steps(net))} layers are too many"
                    )
                ]
            ]
    if general is not None and symbol is None:
        counts = tuple(sp.sympify(count).subs(symbolic_depth(general[0]), int(count_steps(net))) for count in counts)
    *others, last = map(number, counts)
    listed = [part.followed(",") if isinstance(part, (Formula, Rounded)) else f"{part}," for part in others]
    return [[f"{which}orders 0 to {len(counts) - 1}:", *listed, last, "terms"]]


def degree_of(net: Net) -> Cell:
    try:
        value = degree(net, layer=D)
    except NoRule as error:
        return [[f"none: {_brief_reason(error.problem)}"]]
    if value == 0:
        return [["0: the inputs only choose between constants" if net.inputs else "0: the net reads no input"]]
    return [[number(value)]]


def order_matters(net: Net) -> Cell:
    """The effect of swapping two neighbors among the layers that take and return the same shapes."""
    asked, which = few_layers(net)
    groups = exchangeable(asked)
    pairs = [pair for names in groups for pair in pairwise(names)]
    if not pairs:
        return [[_NO_PAIR.get(len(groups), "no: no two layers take and return the same shapes")]]
    swaps, failed = _swaps(asked, pairs)
    if not swaps:
        return [[Unknown(f"not asked: {failed[0].problem.split(':')[0]}")]]
    changes = [
        (change.leading, place, pair) for place, (change, pair) in enumerate(swaps) if change.leading is not None
    ]
    if changes:
        order, _, (first, second) = min(changes)
        power = "epsilon" if order == 1 else f"epsilon^{order}"
        added = commutator(swap(asked, first, second), first, second)
        return [
            [f"{which}yes, from {power} on:"],
            [f"swapping {first} and {second} adds", Formula(added.formula)],
        ]
    equal: list[bool | None] = []
    for shown, (first, second) in swaps:  # until one is known to change the result, or several cannot be judged
        if equal.count(None) == UNJUDGED:
            break
        equal.append(verdict(asked, swap(asked, first, second)).equal)
        if equal[-1] is False:
            return [[f"{which}yes: swapping {first} and {second} changes it, beyond order {shown.order} in epsilon"]]
    if all(equal):
        among = " of the layers that can change places" if failed or len(groups) > 1 else ""
        return [[f"{which}no, the result is the same in any order{among}"]]
    return [[f"{which}not up to order {swaps[0][0].order} in epsilon; beyond it is not known"]]


_NO_PAIR = {0: "there is no layer, and so no order", 1: "there is one layer, and so one order"}


def _swaps(net: Net, pairs: Iterable[tuple[str, str]]) -> tuple[list[tuple[Series, tuple[str, str]]], list[ShapeError]]:
    """The effect of each swap, and the errors of those that do not fit in each other's places."""
    swaps, failed = [], []
    for pair in pairs:
        try:
            swaps.append((commutator(net, *pair), pair))
        except ShapeError as error:
            failed.append(error)
    return swaps, failed


def few_layers(net: Net) -> tuple[Net, str]:
    """The net itself if it is small, else the same net with few layers; and which one, in words."""
    if count_steps(net) <= SMALL:
        return net, ""
    general = any_depth(net, net)
    if general is None:
        if count_steps(net) <= MANY:
            return net, ""
        raise TooLarge(
            f"{said(count_steps(net))} layers are too many to swap one by one, and this net has no "
            "one depth that could be lowered"
        )
    few = at_number(general[0], FEW)
    return few, f"of {len(applied_names(few))} layers: "


ROWS = (
    Row("step", "What does one step do?", one_step),
    Row(
        "P(t)",
        "Which paths lead from the input to the output? The coefficient of t^k counts those through k layers.",
        polynomial,
    ),
    Row(
        "paths",
        "How many paths lead from the input to the output, and how many layers does one pass through on average?",
        path_counts,
    ),
    Row(
        "Jacobian",
        "How does the output move with the input? J_k(u) is the derivative of layer k at u, the "
        "later layer on the left.",
        product_form,
    ),
    Row("taught", "What gradient does layer k receive, for a loss gradient g at the output?", taught_form),
    Row(
        "work",
        "How many layers are applied (the work), and how many must wait for one another (the span)?",
        work_and_span,
    ),
    Row("degree", "If every layer were a polynomial of degree d: of what degree is the net?", degree_of),
    Row("order", "Does the order of the layers matter?", order_matters),
    Row(
        "series",
        "With every layer scaled by epsilon: how many terms has the expansion in epsilon, order by order?",
        series_counts,
    ),
)
