"""What is shown of a mapper at a depth: formulas, pictures, paths, the backward pass and the cost; and of two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from symfold.analysis.counting.cost import cost
from symfold.analysis.counting.paths import paths
from symfold.apps.report.cells import T, ascending, expression
from symfold.apps.report.comparison import compare
from symfold.apps.report.notebook import answer, cell_html, picture
from symfold.apps.report.rows import path_counts
from symfold.apps.table_nets import architecture_of
from symfold.base.trees import Layered
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.errors import SymfoldError
from symfold.frontend.folding import fold
from symfold.frontend.named_layers import layers
from symfold.mappers import ARCHITECTURES, MAPPERS
from symfold.mappers.expressions import folded, inputs_of, named_mapper
from symfold.show.diagram import to_svg
from symfold.show.graph import symbolic_depth
from symfold.show.hypertext import element
from symfold.show.notation import formula
from symfold.transform.autodiff.differentiate import adjoint

MOST_OPS = 60  # operations of a formula that is written out
MOST_SIZE = 1_000  # of a picture
MOST_LENGTH = 40_000  # characters of a formula
ANY = "n"  # the symbol of a depth that is any

Own: TypeAlias = Mapping[str, Layered]
Section: TypeAlias = dict[str, str]  # heading, and html, svg or both


@dataclass(frozen=True)
class Entry:
    """A mapper to pick: its name, its step, and what it does."""

    name: str
    formula: str
    summary: str


def catalogue(own: Own) -> list[Entry]:
    """The mappers to pick: one's own, then those of the tables.

    >>> [entry.name for entry in catalogue({})][:3]
    ['feedforward', 'residual', 'boosting']
    """
    mine = [Entry(name, "", "your own") for name in own]
    steps = [Entry(row.name, row.formula, row.summary) for row in MAPPERS.values() if row.name not in own]
    taken = {entry.name for entry in (*mine, *steps)}
    return mine + steps + [Entry(row.name, row.formula, "") for row in ARCHITECTURES.values() if row.name not in taken]


def net_of(mapper: str, depth: int | str, own: Own) -> Net:
    """The net of a mapper at a depth, a number or a symbol: one's own, by name in the tables, or typed."""
    if mapper in own:
        return Net.of(fold(own[mapper], layers("f", count=depth), tensor("x")))
    architecture = architecture_of(mapper)
    if architecture is not None:
        return architecture.net(depth)
    typed = named_mapper(mapper)
    inputs = inputs_of(typed.parts)
    init = inputs if typed.parts > 1 else inputs[0]
    return Net.of(folded(typed, inputs[0], init, lambda name: layers(name, count=depth)))


def sections(mapper: str, depth: int | str, own: Own) -> list[Section]:
    """Everything about one mapper at one depth, section by section; a section that fails says why.

    >>> [section["heading"] for section in sections("residual", 2, {})]
    ['One step', 'Folded', 'Unrolled', 'Step by step', 'Written out', 'Paths', 'Backward pass', 'Cost']
    >>> sections("residual", 2, {})[5]["html"][-41:]
    '<p>4 paths through 1 layer on average</p>'
    """
    net = net_of(mapper, depth, own)
    rows = SECTIONS if symbolic_depth(net) is None else [row for row in SECTIONS if row.any_depth]
    return [_section(row, net) for row in rows]


def compared(first: str, second: str, depth: int | str, own: Own) -> Section:
    """How two mappers differ at one depth: both in one picture, and the answer in words."""
    a, b = net_of(first, depth, own), net_of(second, depth, own)
    comparison = compare(a, b, (first, second) if first != second else ("A", "B"))
    heading = f"{first} and {second}, {'at any depth n' if depth == ANY else f'at depth {depth}'}"
    return {"heading": heading, "svg": picture(comparison), "html": answer(comparison)}


@dataclass(frozen=True)
class Row:
    """A section: its heading, what makes its HTML or SVG, and whether it makes sense at a symbolic depth."""

    heading: str
    kind: str
    make: Callable[[Net], str]
    any_depth: bool = True


def _section(row: Row, net: Net) -> Section:
    try:
        return {"heading": row.heading, row.kind: str(row.make(net))}  # plain text, which every notebook can send
    except SymfoldError as error:
        return {"heading": row.heading, "html": element("p", escape(f"Not shown: {error.problem}."))}


def _mathml(text: str) -> str:
    return text if len(text) <= MOST_LENGTH else element("p", "Not shown: the formula is too long.")


def _step(net: Net) -> str:
    return _mathml(formula(net, "fold", "mathml"))


def _steps(net: Net) -> str:
    return _mathml(formula(net, "steps", "mathml", max_ops=MOST_OPS))


def _expanded(net: Net) -> str:
    shown = formula(net, "expanded", "mathml", max_ops=MOST_OPS)
    return _mathml(shown if shown.startswith("<math") else f'<math display="block">{shown}</math>')


def _backward(net: Net) -> str:
    return _mathml(formula(adjoint(net), "fold", "mathml"))


def _paths(net: Net) -> str:
    polynomial = expression(ascending(paths(net).polynomial, T)).mathml
    return polynomial + element("p", cell_html(path_counts(net)))


def _cost(net: Net) -> str:
    return cost(net)._repr_html_()


def _picture(level: str) -> Callable[[Net], str]:
    return lambda net: to_svg(net, level, max_size=MOST_SIZE)


SECTIONS = (
    Row("One step", "html", _step),
    Row("Folded", "svg", _picture("fold")),
    Row("Unrolled", "svg", _picture("layer"), any_depth=False),
    Row("Step by step", "html", _steps, any_depth=False),
    Row("Written out", "html", _expanded, any_depth=False),
    Row("Paths", "html", _paths),
    Row("Backward pass", "html", _backward),
    Row("Cost", "html", _cost),
)
