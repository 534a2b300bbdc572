"""Paths: how many ways lead from an input to an output, through how many layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy as sp

from symfold.analysis.transfer import Weights, transfer
from symfold.errors import InvalidType, InvalidValue, TooLarge
from symfold.folds import Fold
from symfold.layer_kinds import Call
from symfold.net import Net
from symfold.nodes import Node
from symfold.walks import walk

T = sp.Symbol("t")
MOST_BITS = 200_000_000  # of a packed polynomial: above it the fractions would take minutes


def paths(net: Any) -> Paths:
    """The paths of a net, as polynomials in t: the coefficient of t**k counts those through k layers.

    Residual nets have (1 + t)**n, boosting from x has 1 + n*t, a feedforward net t**n (Veit et al. 2016).

    >>> import sympy as sp, symfold as sf
    >>> x, n = sf.tensor("x"), sp.Symbol("n")
    >>> f = sf.layers("f", count=n)
    >>> [sf.paths(sf.fold(m, f, x)).polynomial for m in (sf.mappers.residual, sf.mappers.boosting(x), sf.mappers.feedforward)]
    [(t + 1)**n, n*t + 1, t**n]
    >>> deep = sf.paths(sf.fold(sf.mappers.residual, sf.layers("f1:55"), x))
    >>> deep.count, int(deep.mean), float(deep.fraction(19, 35))
    (18014398509481984, 27, 0.9801656732719317)
    """
    return Paths(Net.of(net))


@dataclass(frozen=True)
class Paths:
    """The paths of a net, from each input to each output. Counted exactly, on the folded form."""

    net: Net

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        return self.net.inputs

    def entries(self, layer: Any, tidy: Any = lambda value: value) -> list[list[Any]]:
        """The matrix, outputs by inputs, with a layer worth `layer`."""
        return transfer(self.net.outputs, self.inputs, Weights(layer, tidy))

    @cached_property
    def matrix(self) -> sp.Matrix:
        """The polynomials, outputs by inputs."""
        return sp.Matrix([[sp.sympify(value) for value in row] for row in self.entries(T, _expanded)])

    @property
    def polynomial(self) -> sp.Expr:
        """The polynomial of a net with one input and one output; of one state in a deep net, kept as a power."""
        self._one(self.net.outputs, self.inputs)
        closed = self._closed()
        return self.matrix[0, 0] if closed is None else closed

    def _closed(self) -> sp.Expr | None:
        """A deep fold of one state as a power, not expanded."""
        (output,) = self.net.outputs
        fold = output.args[0] if output.args else output
        if not isinstance(fold.op, Fold) or not isinstance(fold.op.count, int) or fold.op.count <= 64:
            return None
        depth = sp.Symbol("depth", integer=True, positive=True)
        op = fold.op
        if op.carries != 1 or len(op.block.results) != 1 or any(op.each[k] and arg.shape[-1:] and not _named(arg) for k, arg in enumerate(fold.args[1:])):
            return None
        symbolic = Net((Node(type(output.op)(0), (Node(Fold(op.block, depth, 1, op.each), fold.args),)),))
        found = transfer(symbolic.outputs, self.inputs, Weights(T, _expanded))[0][0]
        return sp.sympify(found).subs(depth, op.count)

    @staticmethod
    def _one(outputs: Sequence[Node], inputs: Sequence[Node]) -> None:
        if len(outputs) != 1 or len(inputs) != 1:
            raise InvalidType(f"a net of {len(inputs)} inputs and {len(outputs)} outputs has a matrix of polynomials (use .matrix)")

    # -- counts, by integers alone

    @cached_property
    def count(self) -> int:
        """How many paths there are, over all inputs and outputs."""
        return self._total(1)

    def _total(self, layer: int, mask: int | None = None) -> int:
        tidy = (lambda value: value) if mask is None else (lambda value: value & mask)
        return sum(value for row in self.entries(layer, tidy) for value in row)

    @cached_property
    def longest(self) -> int:
        """No path passes through more layers than this: the layers that are applied in all."""
        return applications(self.net.outputs)

    @cached_property
    def _moments(self) -> tuple[int, int, int]:
        """The polynomial about t = 1 to second order, packed into one integer: P(1), P'(1), P''(1)/2."""
        bits = self.count.bit_length() + 2 * self.longest.bit_length() + 8
        packed = self._total(1 + (1 << bits), (1 << (3 * bits)) - 1) & ((1 << (3 * bits)) - 1)
        part = (1 << bits) - 1
        return packed & part, packed >> bits & part, packed >> (2 * bits) & part

    @property
    def mean(self) -> Fraction:
        """The mean number of layers on a path."""
        count, first, _ = self._moments
        return self._ratio(first, count)

    @property
    def variance(self) -> Fraction:
        """The variance of the number of layers on a path."""
        count, first, second = self._moments
        return self._ratio(2 * second + first, count) - self.mean**2

    def _ratio(self, part: int, whole: int) -> Fraction:
        if not whole:
            raise InvalidValue("there is no path from an input to an output, so there is no mean")
        return Fraction(part, whole)

    def coefficients(self, upto: int | None = None) -> list[int]:
        """How many paths pass through 0, 1, 2, ... layers, up to some number of them."""
        top = self.longest if upto is None else min(upto, self.longest)
        bits = self.count.bit_length() + 1
        if bits * (top + 1) > MOST_BITS:
            raise TooLarge(f"counting the paths of up to {top} layers takes {bits * (top + 1):,} bits (ask for fewer layers, or for .mean and .variance)")
        mask = (1 << (bits * (top + 1))) - 1
        packed = self._total(1 << bits, mask) & mask
        part = (1 << bits) - 1
        return [packed >> (bits * k) & part for k in range(top + 1)]

    def fraction(self, low: int, high: int) -> Fraction:
        """The share of the paths that pass through `low` to `high` layers, both included."""
        return self._ratio(sum(self.coefficients(high)[max(0, low) :]), self.count)

    def __repr__(self) -> str:
        one = len(self.net.outputs) == 1 == len(self.inputs)
        return f"Paths({self.polynomial if one else self.matrix.tolist()})"


def _expanded(value: Any) -> Any:
    return sp.expand(value) if isinstance(value, sp.Basic) else value


def _named(node: Node) -> bool:
    """Whether a sequence has no paths of its own: names of layers, and parameters."""
    return getattr(node.op, "role", "") in ("layer", "parameter")


def applications(roots: Sequence[Node]) -> int:
    """How many times layers are applied, a step counted as often as it is run."""
    total = 0
    for node in walk(roots):
        if isinstance(node.op, Call):
            total += 1
        elif isinstance(node.op, Fold):
            if not isinstance(node.op.count, int):
                raise InvalidValue(f"the depth {node.op.count} is a symbol (give it a number: net.at({node.op.count}=10))")
            total += node.op.count * applications(node.op.block.results)
    return total
