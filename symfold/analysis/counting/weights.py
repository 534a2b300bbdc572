"""Weights of layers on a path, and the runs of steps in which they are equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import sympy as sp

from symfold.analysis.counting.powers import Tidy
from symfold.core.nodes import Node
from symfold.core.sequences import names_of_node
from symfold.core.shapes import positive_integer
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.errors import NoRule

MOST_EXPANDED = 64  # the depth up to which powers of polynomials are multiplied out


@dataclass(frozen=True)
class Weights:
    """The weight of a layer on a path, and how products are kept small (truncated, expanded)."""

    layer: Any
    tidy: Tidy = lambda value: value
    by_name: Mapping[str, Any] = field(default_factory=dict)  # layers of another weight
    constant: Callable[[sp.Expr], Any] | None = None  # the weight of a factor that is a number; None: 1
    symbols: frozenset[str] = frozenset()  # inputs that are weights

    def of(self, name: Node) -> Any:
        """The weight of a layer."""
        return self.by_name.get(names_of_node(name)[0], self.layer) if self.by_name else self.layer


class AddedSymbol(Exception):
    """A SymPy symbol taken for a weight is added or read by a layer: it is an input of the net."""

    def __init__(self, symbols: frozenset[str]):
        self.symbols = symbols


def steps_symbol(count: int) -> sp.Symbol:
    """A large number of steps as a symbol, so that powers stay powers."""
    return positive_integer(f"{count} steps")


def runs(
    count: Any, each: Sequence[Node], weights: Weights, changes: Iterable[int] = ()
) -> Iterator[tuple[int, Any, Any]]:
    """Runs of steps with equal weights and equal numbers, as (first step, end, length).

    `changes` are the steps whose numbers differ from those of the step before.
    """
    starts = {0, *changes}
    for names in each if weights.by_name else ():
        starts |= {place + after for place in _places(names, weights.by_name) for after in (0, 1)}
    bounds = sorted(start for start in starts if not isinstance(count, int) or start < count)
    indices = _shown([*bounds, count], weights)
    for (start, first), (end, last) in pairwise(zip([*bounds, count], indices, strict=True)):
        yield start, end, last - first


def _shown(bounds: Sequence[Any], weights: Weights) -> list[Any]:
    """Indices of steps in order, the depth last; large ones as symbols if powers of polynomials depend on them."""
    count, shown = bounds[-1], list[Any]()
    for place, step in enumerate(bounds):
        if not isinstance(count, int) or not isinstance(weights.layer, sp.Basic) or step <= MOST_EXPANDED:
            shown.append(step)
        elif place and step - bounds[place - 1] == 1:
            shown.append(shown[-1] + 1)
        else:
            left = count - step
            shown.append(steps_symbol(count) - left if left <= MOST_EXPANDED else steps_symbol(step))
    return shown


def _places(sequence: Node, wanted: Iterable[str]) -> list[int]:
    """The positions of layers in a sequence of layers."""
    names = names_of_node(sequence)
    if not isinstance(names, Numbered):
        return [k for k, name in enumerate(names) if name in wanted]
    if not isinstance(names.count, int) and not isinstance(sequence.op, StackedInputs):
        raise NoRule(
            f"the steps at which reordered layers are applied are unknown at the depth {names.count} "
            "(give it a number: net.at(...))"
        )
    return [place for name in wanted if (place := names.position(name)) is not None]
