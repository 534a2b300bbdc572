"""Weights: what a layer on a path is worth, and the runs of steps whose layers are worth the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import sympy as sp

from symfold.analysis.counting.powers import Tidy
from symfold.core.nodes import Node
from symfold.core.sequences import names_of_node
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.errors import NoRule

KEPT = 64  # deeper powers of polynomials are kept as powers


@dataclass(frozen=True)
class Weights:
    """What a layer on a path is worth, and how products are kept small (truncated, expanded)."""

    layer: Any
    tidy: Tidy = lambda value: value
    own: Mapping[str, Any] = field(default_factory=dict)  # layers that are worth something else, by name
    constant: Callable[[sp.Expr], Any] | None = None  # what a number that multiplies is worth; without it, 1
    symbols: frozenset[str] = frozenset()  # inputs that are weights of their own name

    def of(self, name: Node) -> Any:
        """What one layer is worth."""
        return self.own.get(names_of_node(name)[0], self.layer) if self.own else self.layer


class AddedSymbol(Exception):
    """A SymPy symbol that was taken for a weight is more than a factor: it is an input of the net."""

    def __init__(self, symbols: frozenset[str]):
        self.symbols = symbols


def steps_symbol(count: int) -> sp.Symbol:
    """A large number of steps as a symbol, so that powers are kept as powers."""
    return sp.Symbol(f"{count} steps", integer=True, positive=True)


def runs(
    count: Any, each: Sequence[Node], weights: Weights, changes: Iterable[int] = ()
) -> Iterator[tuple[int, Any, Any]]:
    """The steps in runs whose layers are worth the same and whose numbers are equal: the first step, the end, how many.

    `changes` are the steps whose numbers are others than those of the step before.
    """
    starts = {0, *changes}
    for names in each if weights.own else ():
        starts |= {place + after for place in _places(names, weights.own) for after in (0, 1)}
    bounds = sorted(start for start in starts if not isinstance(count, int) or start < count)
    places = _shown([*bounds, count], weights)
    for (start, first), (end, last) in pairwise(zip([*bounds, count], places, strict=True)):
        yield start, end, last - first


def _shown(bounds: Sequence[Any], weights: Weights) -> list[Any]:
    """The numbers of some steps in order, last that of all; of a polynomial's power far out, a symbol in its place."""
    count, shown = bounds[-1], list[Any]()
    for place, step in enumerate(bounds):
        if not isinstance(count, int) or not isinstance(weights.layer, sp.Basic) or step <= KEPT:
            shown.append(step)
        elif place and step - bounds[place - 1] == 1:
            shown.append(shown[-1] + 1)
        else:
            shown.append(steps_symbol(count) - (count - step) if count - step <= KEPT else steps_symbol(step))
    return shown


def _places(names: Node, own: Mapping[str, Any]) -> list[int]:
    """Where layers of these names stand in a sequence of layers."""
    found = names_of_node(names)
    if not isinstance(found, Numbered):
        return [k for k, name in enumerate(found) if name in own]
    if not isinstance(found.count, int) and not isinstance(names.op, StackedInputs):
        raise NoRule(
            f"layers read in another order cannot be told apart at the depth {found.count} "
            "(give it a number: net.at(...))"
        )
    return [place for name in own if (place := found.position(name)) is not None]
