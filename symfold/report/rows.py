"""What is asked of both nets: the rows of the table. A new row is one function and one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import sympy as sp

from symfold.analysis.counting.cost import cost
from symfold.analysis.counting.degree import degree
from symfold.analysis.counting.paths import paths
from symfold.analysis.equality.verdict import verdict
from symfold.analysis.jacobians.jacobian import jacobian
from symfold.analysis.jacobians.taught import taught
from symfold.analysis.rewiring.order import swap
from symfold.analysis.strength.commutator import commutator
from symfold.analysis.strength.series import series
from symfold.errors import SymfoldError
from symfold.families import Numbered
from symfold.graph import count_steps, symbolic_depth
from symfold.names import applied_layers, names_of
from symfold.net import Net
from symfold.report.cells import Cell, Formula, T, ascending, counted, expression, net_formula, number, text_of
from symfold.report.comparison import MANY, Comparison
from symfold.report.depths import any_depth

SERIES_ORDER = 3
FEW = 2  # layers of which the bracket is written out, where there are many
D = sp.Symbol("d", integer=True, positive=True)


@dataclass(frozen=True)
class Row:
    """One question to a net: a word for it, the question in plain language, and the answer."""

    label: str
    question: str
    cell: Callable[[Net], Cell]

    def ask(self, net: Net) -> Cell:
        try:
            cell = self.cell(net)
            text_of(cell)  # formulas are written when they are shown: what cannot be, is said here
            return cell
        except SymfoldError as error:
            return [[f"not known: {error}"]]


@dataclass(frozen=True)
class Answered:
    """A row with both its answers."""

    row: Row
    cells: tuple[Cell, Cell]

    @property
    def differ(self) -> bool:
        return text_of(self.cells[0]) != text_of(self.cells[1])


def answers(comparison: Comparison) -> Iterator[Answered]:
    """Every row of the table, answered for both nets."""
    for row in ROWS:
        a, b = (row.ask(net) for net in comparison.rolled)
        yield Answered(row, (a, b))


def one_step(net: Net) -> Cell:
    return [[net_formula(net)]]


def polynomial(net: Net) -> Cell:
    return [[expression(ascending(paths(net).polynomial, T))]]


def path_counts(net: Net) -> Cell:
    found = paths(net)
    count, mean = found.count, found.mean
    if count is sp.nan:  # a quotient that is closed only in the limit, as (t^n - 1)/(t - 1) at t = 1
        count = sp.limit(found.polynomial, T, 1)
        mean = sp.simplify(sp.limit(sp.diff(found.polynomial, T), T, 1) / count)
    return [[*counted(count, "path"), "from the input to the output,"], ["through", number(mean), "layers on average"]]


def product_form(net: Net) -> Cell:
    return [[Formula(jacobian(net).formula)]]


def taught_form(net: Net) -> Cell:
    return [[Formula(taught(net).formula)]]


def work_and_span(net: Net) -> Cell:
    found = cost(net)
    return [[*counted(found.work, "layer"), "applied,"], ["of which", number(found.span), "must wait in a row"]]


def series_counts(net: Net) -> Cell:
    general = any_depth(net, net) if count_steps(net) > MANY else None
    counts = series(net if general is None else general[0], SERIES_ORDER).counts
    if general is not None and (symbol := symbolic_depth(general[0])) != symbolic_depth(net):
        counts = tuple(sp.sympify(count).subs(symbol, int(count_steps(net))) for count in counts)
    return [[f"order {order}:", *counted(count, "term")] for order, count in enumerate(counts)]


def degree_of(net: Net) -> Cell:
    return [[number(degree(net, layer=D))]]


def order_matters(net: Net) -> Cell:
    """What it changes that the first two layers change places."""
    names = list(dict.fromkeys(name for _, args in applied_layers(net.outputs) for name in islice(iter_names(args[0]), 2)))[:2]
    if len(names) < 2:
        return [["there is one layer, and so one order"]]
    general = None if count_steps(net) <= MANY else any_depth(net, net)
    few = net if general is None else general[0].at(**{str(symbolic_depth(general[0])): FEW})
    first, second = names
    found = commutator(few, first, second)
    if found.leading is not None:
        return [[f"yes, from order {found.leading} in epsilon on: swapping {first} and {second} takes off", Formula(found.formula)]]
    if verdict(few, swap(few, first, second)).equal:
        return [["no: in any order they give the same"]]
    return [[f"not up to order {found.order} in epsilon"]]


def iter_names(node: Any) -> Iterator[str]:
    """The names of the layers that a node names, one by one, also where they are symbolically many."""
    names = names_of(node)
    return map(names.__getitem__, count(0)) if isinstance(names, Numbered) else iter(names)


ROWS = (
    Row("step", "What does one step do?", one_step),
    Row("P(t)", "Which paths lead from the input to the output? The coefficient of t^k counts those through k layers.", polynomial),
    Row("paths", "How many paths are there, and how many layers does one pass through on average?", path_counts),
    Row("Jacobian", "How does the output move with the input? J_k(u) is the derivative of layer k at u, the later layer on the left.", product_form),
    Row("taught", "What gradient does layer k receive, for a loss gradient g at the output?", taught_form),
    Row("work", "How many layers are applied (the work), and how many must wait for one another (the span)?", work_and_span),
    Row("degree", "If every layer were a polynomial of degree d: of what degree is the net?", degree_of),
    Row("order", "Does the order of the layers matter?", order_matters),
    Row("series", "With every layer scaled by epsilon: how many terms has the expansion in epsilon, order by order?", series_counts),
)
