"""Order: layers of a net that change places, each with its parameters; as nets.

Residual nets compose (order matters, by the bracket f_j'[f_i] - f_i'[f_j] at second order), boosting adds (it never does).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from symfold.analysis.rewiring.lesion import check_applied, layer_names
from symfold.errors import InvalidValue
from symfold.families import Family, Names, compress
from symfold.names import applied_layers, names_of
from symfold.net import Net
from symfold.nodes import Node
from symfold.operations import Input
from symfold.walks import substitute


def swap(net: Any, first: Any, second: Any) -> Net:
    """The net with two layers in each other's place.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> print(sf.formula(swap(sf.fold(sf.mappers.feedforward, f, x), "f1", "f3"), form="expanded"))
    f1(f2(f3(x)))
    """
    one, other = layer_names([first, second])
    return _renamed(Net.of(net), {one: other, other: one})


def reorder(net: Any, names: Iterable[Any]) -> Net:
    """The net with some of its layers in another order: those named, in this order, in the places that they had.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:5"), sf.tensor("x")
    >>> net = sf.fold(sf.mappers.residual, f, x)
    >>> reorder(net, ["f4", "f3", "f2", "f1"]) == sf.fold(sf.mappers.residual, f[::-1], x)
    True
    """
    whole = Net.of(net)
    wanted = layer_names(names)
    if len(set(wanted)) < len(wanted):
        raise InvalidValue(f"a layer is named twice: {', '.join(wanted)} (name each layer once)")
    check_applied(whole, wanted)
    chosen = set(wanted)
    places = [name for name in _applied_order(whole) if name in chosen]
    return _renamed(whole, dict(zip(places, wanted, strict=True)))


def _applied_order(net: Net) -> list[str]:
    return list(dict.fromkeys(name for _, args in applied_layers(net.outputs) for name in names_of(args[0])))


def _renamed(net: Net, new: Mapping[str, str]) -> Net:
    """The net with layers in the places of others, and their parameters with them."""
    check_applied(net, new)
    kinds: dict[str, Any] = {}
    owned: dict[str, list[str]] = {}
    for op, args in applied_layers(net.outputs):
        own = args[1 + op.arity : 1 + op.arity + op.weights]
        listed = [tuple(names_of(weight)) for weight in own]
        for place, name in enumerate(names_of(args[0])):
            if name in new:
                kinds[name] = (op.body, op.arity)
                owned[name] = [weights[place] for weights in listed]
    for one, other in new.items():
        if kinds[one] != kinds[other]:
            raise InvalidValue(f"layers {one} and {other} are of different kinds, so neither fits in the other's place")
    names = {**new, **{w: v for one, other in new.items() for w, v in zip(owned[one], owned[other], strict=True)}}
    return net.with_outputs(substitute(net.outputs, {leaf: _leaf(leaf, names) for leaf in net.leaves}))


def _leaf(leaf: Node, new: Mapping[str, str]) -> Node:
    op = leaf.op
    if isinstance(op, Input):
        return Node(Input(new.get(op.name, op.name), op.shape, op.role, op.start))
    if not isinstance(op, Family) or not any(name in new for name in op.names):
        return leaf
    names: Names = compress([new.get(name, name) for name in op.names])
    return Node(Family(names, op.shape, op.role, op.start))
