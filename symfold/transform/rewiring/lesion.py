"""Lesions: layers taken out of a net, the skip kept; as nets.

A residual net without a layer is the residual net of the others; a feedforward net without one passes zero on
(Veit, Wilber and Belongie 2016 deleted layers of trained nets).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import sympy as sp

from symfold.base.arguments import ordered, quoted
from symfold.core.applied_layers import Call, is_name
from symfold.core.blocks import Block
from symfold.core.folds import Fold, apply_fold
from symfold.core.names import applied_layers, covers, names_of, places_of, show_names
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import broadcast_like, broadcast_to, is_primitive, zeros
from symfold.core.sequences import has_rest, join
from symfold.core.shapes import length
from symfold.core.stacked_inputs import known_count
from symfold.core.walks import rebuilt, with_args
from symfold.errors import InvalidType, InvalidValue
from symfold.frontend.named_layers import Layer
from symfold.transform.step_ranges import alike, part

Hits = bool | frozenset[int]  # whether a layer is taken out; of a sequence of layers, which places are


def lesion(net: Any, layers: Iterable[Any]) -> Net:
    """The net with the output of some layers, given as layers or by name, zero.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:5"), sf.tensor("x")
    >>> net = sf.fold(sf.mappers.residual, f, x)
    >>> print(sf.formula(sf.lesion(net, ["f2", f[2]]), form="expanded"))
    f4(f1(x) + x) + f1(x) + x
    >>> print(sf.formula(sf.lesion(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x), ["f1"])))
    z_k = f_{k+1}(z_{k-1}) + z_{k-1}, k = 1..n-1, z_0 = x
    >>> sf.lesion(net, ["g"])
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: the net applies no layer 'g' (its layers: f1, f2, f3, f4)
    """
    whole = Net.of(net)
    wanted = layer_names(layers)
    check_applied(whole, wanted)
    return whole.with_outputs(_without(whole.outputs, frozenset(wanted), {}))


def layer_names(layers: Iterable[Any]) -> list[str]:
    """The names of layers that are given as layers or by name."""
    wanted = ordered(
        "the layers must be a list of layers or of their names",
        sorted(layers, key=str) if isinstance(layers, Set) else layers,
    )
    names = [layer.name if isinstance(layer, Layer) else layer for layer in wanted]
    for name in names:
        if not isinstance(name, str):
            raise InvalidType(f"{quoted(name)} is no layer (give layers or names of layers, as ['f2'])")
    return names


def check_applied(net: Net, wanted: Iterable[str]) -> None:
    """Whether a net applies these layers; an error that lists its layers where it does not."""
    known = list(dict.fromkeys(names_of(args[0]) for _, args in applied_layers(net.outputs)))
    for name in wanted:
        if not any(covers(name, names) for names in known):
            raise InvalidValue(f"the net applies no layer {name!r} (its layers: {show_names(known)})")


def _without(roots: Sequence[Node], names: frozenset[str], hits: Mapping[Node, Hits]) -> tuple[Node, ...]:
    """The roots without some layers; `hits` says of the formals that name layers which of them are taken out."""
    known: dict[Node, Hits] = dict(hits)

    def rule(node: Node, args: tuple[Node, ...]) -> Any:
        if is_name(node) and node not in known:
            known[node] = _hits(node, names)
        if isinstance(node.op, Fold):
            return _fold(node.op, args, names, [known.get(arg, False) for arg in node.args])
        if isinstance(node.op, Call) and known[node.args[0]] is True:
            return zeros(args[1] if node.op.body is None else with_args(node, args))
        if node.op is sp.Add:
            return _sum(node, args)
        if node.op is sp.Mul and args != node.args and _is_nothing(args):
            return next(arg for arg in args if _is_zero(arg) and arg.args)
        return None

    return rebuilt(roots, rule)


def _hits(node: Node, names: frozenset[str]) -> Hits:
    places = places_of(names, names_of(node))
    if not places:
        return False
    if len(node.shape) == 1:
        return True
    if not has_rest(node):
        known_count(length(node.shape))  # in symbolically many steps, taken in another order, these have no number
    return frozenset(places)


def _sum(node: Node, args: tuple[Node, ...]) -> Node:
    """A sum without what has become zero, where the rest has its shape."""
    kept = [arg for arg in args if not _is_zero(arg)]
    whole: Node = with_args(node, args)
    if len(kept) == len(args) or not kept:
        return whole
    left = kept[0] if len(kept) == 1 else Node(sp.Add, tuple(kept))
    return left if left.shape == node.shape else whole


def _is_nothing(args: Sequence[Node]) -> bool:
    """Whether factors are numbers and one zero that has taken a layer's place."""
    spread = [arg for arg in args if arg.args]
    return (
        len(spread) == 1 and _is_zero(spread[0]) and all(isinstance(arg.op, Constant) for arg in args if not arg.args)
    )


def _is_zero(node: Node) -> bool:
    value = node.args[0] if is_primitive(node, broadcast_to, broadcast_like) else node
    return isinstance(value.op, Constant) and value.op.value == 0


def _fold(fold: Fold, args: Sequence[Node], names: frozenset[str], hits: Sequence[Hits]) -> tuple[Node, ...]:
    """A fold as one fold for each run of steps from which the same is taken out; a step that does nothing is left out."""
    if not any(hits):
        return fold.over(args)
    steps = (False,) * fold.carries + fold.each
    state, operands = tuple(args[: fold.carries]), args[fold.carries :]
    own = {k: hit for k, (hit, each) in enumerate(zip(hits, steps, strict=True)) if each and isinstance(hit, frozenset)}
    given: list[tuple[Node, ...]] = []
    for chosen, stretch in alike(list(own.values()), fold.count):
        now = {**dict(enumerate(hits)), **dict(zip(own, chosen, strict=True))}
        known = {formal: now[k] for k, formal in enumerate(fold.block.formals) if is_name(formal)}
        results = _without(fold.block.results, names, known)
        if results == fold.block.formals[: fold.carries]:
            continue
        block, used = Block(fold.block.shapes, results).without_unused(fold.carries)
        read = [(operands[k - fold.carries], steps[k]) for k in used[fold.carries :]]
        results = apply_fold(
            block, stretch[1], state, [part(o, stretch) if each else o for o, each in read], [each for _, each in read]
        )
        state = results[: fold.carries]
        given.append(results[fold.carries :])
    return (*state, *(join(parts) for parts in zip(*given, strict=True)))
