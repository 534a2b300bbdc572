"""Lesions: layers removed from a net, skip connections kept; net to net.

A residual net without a layer is the residual net of the others; a feedforward net without one passes zero on
(Veit, Wilber and Belongie 2016 deleted layers of trained nets).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

import sympy as sp

from symfold.base.arguments import ordered, quoted
from symfold.base.public import public
from symfold.core.blocks import Block, Call, is_name
from symfold.core.folds import Fold, apply_fold
from symfold.core.leaves import Constant, number_of
from symfold.core.names import applied_layers, covers, names_of, places_of, show_names
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, walk, with_args
from symfold.core.primitives import broadcast_like, broadcast_to, is_primitive, zeros
from symfold.core.sequences import has_rest, join
from symfold.core.shapes import length
from symfold.core.stacked_inputs import is_leaf, known_count
from symfold.errors import InvalidType, InvalidValue
from symfold.frontend.named_layers import Layer
from symfold.transform.step_ranges import entries_in, ranges_by_marks

Hits = bool | frozenset[int]  # whether a layer is removed; for a sequence of layers, the positions removed


@public
def lesion(net: object, layers: Iterable[object]) -> Net:
    """The net with the outputs of some layers (given as layers or by name) replaced by zero.

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
    base = Net.of(net)
    wanted = layer_names(layers)
    check_applied(base, wanted)
    return base.with_outputs(_without(base.outputs, frozenset(wanted), {}))


def layer_names(layers: Iterable[object]) -> list[str]:
    """The names of layers given as layers or by name."""
    wanted = ordered(
        "the layers must be a list of layers or of their names",
        sorted(layers, key=str) if isinstance(layers, Set) else layers,
    )
    names = [layer.name if isinstance(layer, Layer) else layer for layer in wanted]
    for name in names:
        if not isinstance(name, str):
            raise InvalidType(f"{quoted(name)} is not a layer (give layers or names of layers, as ['f2'])")
    return names


def check_applied(net: Net, wanted: Iterable[str]) -> None:
    """Check that a net applies these layers; the error lists its layers in order of use."""
    args = (arg for node in walk(net.outputs) for arg in node.args if is_leaf(arg) and arg.op.role == "layer")
    place = {names_of(arg): k for k, arg in enumerate(dict.fromkeys(args))}
    applied = sorted(
        dict.fromkeys(names_of(args[0]) for _, args in applied_layers(net.outputs)),
        key=lambda names: place.get(names, len(place)),
    )
    for name in wanted:
        if not any(covers(name, names) for names in applied):
            raise InvalidValue(f"the net applies no layer {name!r} (its layers: {show_names(applied)})")


def _without(roots: Sequence[Node], names: frozenset[str], hits: Mapping[Node, Hits]) -> tuple[Node, ...]:
    """The roots without some layers; `hits` says which layers named by formals are removed."""
    removed: dict[Node, Hits] = dict(hits)

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if is_name(node) and node not in removed:
            removed[node] = _hits(node, names)
        if isinstance(node.op, Fold):
            return _fold(node.op, args, names, [removed.get(arg, False) for arg in node.args])
        if isinstance(node.op, Call) and removed[node.args[0]] is True:
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
        known_count(length(node.shape))  # raises at a symbolic depth: in another order, the positions have no numbers
    return frozenset(places)


def _sum(node: Node, args: tuple[Node, ...]) -> Node:
    """A sum without the terms that became zero, if the rest has the same shape."""
    terms = [arg for arg in args if not _is_zero(arg)]
    full_sum: Node = with_args(node, args)
    if len(terms) == len(args) or not terms:
        return full_sum
    rest = terms[0] if len(terms) == 1 else Node(sp.Add, tuple(terms))
    return rest if rest.shape == node.shape else full_sum


def _is_nothing(args: Sequence[Node]) -> bool:
    """Whether the factors are numbers and one zero in place of a layer."""
    spread = [arg for arg in args if arg.args]
    return (
        len(spread) == 1 and _is_zero(spread[0]) and all(isinstance(arg.op, Constant) for arg in args if not arg.args)
    )


def _is_zero(node: Node) -> bool:
    value = node.args[0] if is_primitive(node, broadcast_to, broadcast_like) else node
    return number_of(value) == 0


def _fold(fold: Fold, args: Sequence[Node], names: frozenset[str], hits: Sequence[Hits]) -> tuple[Node, ...]:
    """A fold as one fold per range of steps with the same layers removed; steps that become identity are dropped."""
    if not any(hits):
        return fold.over(args)
    steps = (False,) * fold.carries + fold.each
    state, operands = fold.split(args)
    hits_by_step = {
        k: hit for k, (hit, each) in enumerate(zip(hits, steps, strict=True)) if each and isinstance(hit, frozenset)
    }
    outputs: list[tuple[Node, ...]] = []
    for chosen, (first, count) in ranges_by_marks(list(hits_by_step.values()), fold.count):
        hits_now = {**dict(enumerate(hits)), **dict(zip(hits_by_step, chosen, strict=True))}
        formal_hits = {formal: hits_now[k] for k, formal in enumerate(fold.block.formals) if is_name(formal)}
        results = _without(fold.block.results, names, formal_hits)
        if results == fold.block.formals[: fold.carries]:
            continue
        block, used = Block(fold.block.shapes, results).without_unused(fold.carries)
        read = [(operands[k - fold.carries], steps[k]) for k in used[fold.carries :]]
        results = apply_fold(
            block,
            count,
            state,
            [entries_in(o, (first, count)) if each else o for o, each in read],
            [each for _, each in read],
        )
        state, outputs_of_range = fold.split(results)
        outputs.append(outputs_of_range)
    return (*state, *(join(parts) for parts in zip(*outputs, strict=True)))
