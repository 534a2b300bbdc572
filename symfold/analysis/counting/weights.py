"""Weights: what a layer on a path is worth, and the runs of steps whose layers are worth the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import sympy as sp

from symfold.analysis.counting.powers import Tidy
from symfold.errors import NoRule
from symfold.families import Family, Numbered
from symfold.nodes import Node
from symfold.operations import FrozenArray
from symfold.sequences import names_of_node

KEPT = 64  # deeper powers of polynomials are kept as powers


@dataclass(frozen=True)
class Weights:
    """What a layer on a path is worth, and how products are kept small (truncated, expanded)."""

    layer: Any
    tidy: Tidy = lambda value: value
    own: Mapping[str, Any] = field(default_factory=dict)  # layers that are worth something else, by name
    constant: Callable[[sp.Expr], Any] | None = None  # what a number that a value is multiplied by is worth; without it, nothing but a way

    def of(self, name: Node) -> Any:
        """What one layer is worth."""
        return self.own.get(names_of_node(name)[0], self.layer) if self.own else self.layer


def number_of(node: Node) -> sp.Expr:
    """The number that a constant is."""
    value = node.op.value
    if isinstance(value, FrozenArray):
        if len(set(value.array.flat)) != 1:
            raise NoRule(f"a value is multiplied by an array of shape {value.shape}, which is no single weight (count without weights: sf.paths(net))")
        value = sp.sympify(value.array.flat[0].item())
    # a decimal number is what it says, so that weights that add up to one are found to
    return sp.Rational(str(value)) if value.is_Float and value.is_finite else value


def steps_symbol(count: int) -> sp.Symbol:
    """A large number of steps as a symbol, so that powers are kept as powers."""
    return sp.Symbol(f"{count} steps", integer=True, positive=True)


def runs(count: Any, each: Sequence[Node], weights: Weights) -> Iterator[tuple[int, Any]]:
    """The steps over sequences of layers in runs whose layers are worth the same: the first step of each, and how many they are."""
    starts = {0}
    for names in each if weights.own else ():
        starts |= {place + after for place in _places(names, weights.own) for after in (0, 1)}
    bounds = sorted(start for start in starts if not isinstance(count, int) or start < count)
    where = {start: _where(start, count, bounds, weights) for start in bounds}
    for start, end in pairwise([*bounds, count]):
        yield start, where.get(end, _where(count, count, bounds, weights)) - where[start]


def _where(step: Any, count: Any, bounds: Sequence[int], weights: Weights) -> Any:
    """The number of a step; of a polynomial's power far out, a symbol in its place."""
    if not isinstance(count, int) or not isinstance(weights.layer, sp.Basic) or step <= KEPT:
        return step
    if count - step <= KEPT:
        return steps_symbol(count) - (count - step)
    return _where(step - 1, count, bounds, weights) + 1 if step - 1 in bounds else steps_symbol(step)


def _places(names: Node, own: Mapping[str, Any]) -> list[int]:
    """Where layers of these names stand in a sequence of layers."""
    found = names_of_node(names)
    if not isinstance(found, Numbered):
        return [k for k, name in enumerate(found) if name in own]
    if not isinstance(found.count, int) and not isinstance(names.op, Family):
        raise NoRule(f"layers read in another order cannot be told apart at the depth {found.count} (give it a number: net.at(...))")
    return [place for name in own if (place := found.position(name)) is not None]
