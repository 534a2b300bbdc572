"""Known weights: the SymPy symbols that only multiply, and whether all other weights are fractions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.analysis.counting.polynomials import T
from symfold.analysis.counting.transfer import transfer
from symfold.analysis.counting.weights import AddedSymbol, Weights
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import Rest
from symfold.errors import InvalidValue


@dataclass(frozen=True)
class KnownWeights:
    """The symbols that are weights, whether all other weights are fractions, and how many times a row is scaled."""

    symbols: frozenset[str] = frozenset()
    rational: bool = True
    scalings: int = 0


def known_weights(net: Net) -> KnownWeights:
    """The weights of a net.

    An input without a shape is a SymPy symbol. It is a weight if it takes part in arithmetic with numbers and in
    products only, and multiplies a value that depends on another input.

    >>> import sympy as sp, symfold as sf
    >>> x, w = sf.tensor("x"), sp.Symbol("w")
    >>> scaled, biased = (sf.fold(m, sf.layers("f1:3"), x) for m in (lambda z, f: z + w * f(z), lambda z, f: f(z) + w))
    >>> sorted(known_weights(scaled).symbols), sorted(known_weights(biased).symbols)
    (['w'], [])
    """
    symbols = frozenset(node.op.name for node in net.inputs if node.shape == (Rest((node.op.name,)),))
    while True:
        try:
            weights = _surveyed(net, symbols)
        except AddedSymbol as added:
            symbols -= added.symbols
            continue
        used = symbols.intersection(symbol.name for weight in set(weights) for symbol in weight.free_symbols)
        if all(node.op.name in symbols for node in net.inputs):
            used = frozenset()
        if used == symbols:
            break
        symbols = used
    if T.name in symbols:
        raise InvalidValue(
            f"a weight of the net is named {T.name!r}, the variable of path polynomials (rename the symbol)"
        )
    return KnownWeights(symbols, all(weight.is_Rational for weight in weights), len(weights))


def _surveyed(net: Net, symbols: frozenset[str]) -> list[sp.Expr]:
    """The weights on paths, in the order of the walk."""
    weights: list[sp.Expr] = []

    def worth(weight: sp.Expr) -> int:
        weights.append(weight)
        return 1

    transfer(net.outputs, sources(net, symbols), Weights(1, _some, constant=worth, symbols=symbols))
    return weights


def sources(net: Net, symbols: frozenset[str]) -> tuple[Node, ...]:
    """The inputs at which paths begin."""
    return tuple(node for node in net.inputs if node.op.name not in symbols)


def _some(value: Any) -> Any:
    """Whether there are paths, as 0 or 1."""
    return min(value, 1) if isinstance(value, int) else value
