"""Nets at any depth: a fold over four layers becomes a fold over n."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symfold.core.folds import Fold
from symfold.core.names import applied_layers, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, walk
from symfold.core.shapes import positive_integer, size_symbols
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.errors import SymfoldError
from symfold.show.graph import symbolic_depth


def any_depth(a: Net, b: Net) -> tuple[Net, Net] | None:
    """Two rolled nets with their common number of layers as a symbol; None if there is none.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> a, b = (sf.fold(m, sf.layers("f1:5"), x) for m in (sf.mappers.residual, sf.mappers.boosting(x)))
    >>> print(any_depth(a, b)[1])
    z_k = f_k(x) + z_{k-1}, k = 1..n, z_0 = x
    """
    if symbolic_depth(a) is not None:
        return (a, b) if symbolic_depth(a) == symbolic_depth(b) else None
    counts = [{node.op.count for node in walk(net.outputs) if isinstance(node.op, Fold)} for net in (a, b)]
    shared = counts[0] & counts[1]
    if len(shared) != 1 or len(counts[0] | counts[1]) != 1:
        return None
    (count,) = shared
    taken = {
        name
        for net in (a, b)
        for leaf in net.leaves
        for name in ([leaf.op.name] if not isinstance(leaf.op, StackedInputs) else [])
    }
    symbol = positive_integer(next(name for name in ("n", "depth", "n_layers") if name not in taken))
    try:
        general = _lengthened(a, count, symbol), _lengthened(b, count, symbol)
        for net in general:
            net.at(**{symbol.name: count + 1})  # fails if an input has the length of the list of layers
        return general if [net.at(**{symbol.name: count}) for net in general] == [a, b] else None
    except SymfoldError:  # something else in the net has the length of the list of layers
        return None


def at_number(net: Net, number: int) -> Net:
    """The net with a number for its depth, or for the symbol in its depth."""
    return net.at(**dict.fromkeys(size_symbols(symbolic_depth(net)), number))


def applied_names(net: Net) -> list[str]:
    """The names of the layers that a net applies."""
    return list(dict.fromkeys(name for _, args in applied_layers(net.outputs) for name in names_of(args[0])))


def _lengthened(net: Net, count: int, symbol: sp.Symbol) -> Net:
    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        op = node.op
        if isinstance(op, Fold):
            return replace(op, count=symbol if op.count == count else op.count).over(args)
        if isinstance(op, StackedInputs) and isinstance(op.names, Numbered) and op.count == count:
            return Node(replace(op, names=replace(op.names, count=symbol)))
        return None

    return net.with_outputs(rebuilt(net.outputs, rule))
