"""Order: layers of a net that change places, each with its body and its parameters; as nets.

Residual nets compose (order matters, by the bracket f_j'[f_i] - f_i'[f_j] at second order), boosting adds (it never does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symfold.core.applied_layers import Call
from symfold.core.blocks import prefixed
from symfold.core.folds import Fold, apply_fold
from symfold.core.names import applied_layers, covers, names_of, places_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Input
from symfold.core.sequences import join
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import Names, Numbered, StackedInputs, compress
from symfold.core.walks import rebuilt, with_args
from symfold.errors import InvalidValue, ShapeError
from symfold.frontend.layer_kinds import Kind, Weight
from symfold.frontend.named_layers import Layer, weight_name
from symfold.transform.bind import Binder
from symfold.transform.rewiring.lesion import check_applied, layer_names
from symfold.transform.step_ranges import Stretch, listed, part


def swap(net: Any, first: Any, second: Any) -> Net:
    """The net with two layers in each other's place.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> print(sf.formula(swap(sf.fold(sf.mappers.feedforward, f, x), "f1", "f3"), form="expanded"))
    f1(f2(f3(x)))
    >>> print(sf.formula(swap(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x), "f1", "f2")))
    z_k = f_{3-k}(z_{k-1}) + z_{k-1}, k = 1..2, z_0 = x
    z_k = f_k(z_{k-1}) + z_{k-1}, k = 3..n
    """
    one, other = layer_names([first, second])
    return _moved(Net.of(net), {one: other, other: one})


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
    places = list(
        dict.fromkeys(
            name for _, args in applied_layers(whole.outputs) for name in places_of(chosen, names_of(args[0])).values()
        )
    )
    return _moved(whole, dict(zip(places, wanted, strict=True)))


def _moved(net: Net, new: Mapping[str, str]) -> Net:
    """The net with layers in the places of others, and their parameters with them."""
    check_applied(net, new)
    moved = {one: other for one, other in new.items() if one != other}
    applied = [(names_of(args[0]), op, args) for op, args in applied_layers(net.outputs)]
    found = {
        name: _layer(op, args, place) for names, op, args in applied for place, name in places_of(moved, names).items()
    }
    for one, other in moved.items():
        if found[one].arity != found[other].arity:
            raise InvalidValue(
                f"layers {one} and {other} read {found[one].arity} and {found[other].arity} values, so neither fits in the other's place"
            )
    kinds = {name: found[name].kind for name in moved}
    if closed := next((name for name, kind in kinds.items() if kind and None in kind.captured), None):
        raise InvalidValue(f"layer {closed} reads a value of the step that it is in, so it has no other place")
    if all(kinds[one] == kinds[other] for one, other in moved.items()):
        weights = {
            w: v for one, other in moved.items() for w, v in zip(found[one].weights, found[other].weights, strict=True)
        }
        return net.with_outputs(_renamed(net.outputs, moved, weights))
    beside = tuple((names, _layer(op, args, 0).kind) for names, op, args in applied if places_of(moved, names))
    try:
        return net.with_outputs(Mover(kinds, {}, beside).bound(_renamed(net.outputs, moved, {}), {}))
    except ShapeError as error:
        raise prefixed(
            error, f"layers {', '.join(moved)} are of different shapes and do not fit in each other's places"
        ) from None


# ---------------------------------------------------------------- layers of one kind: names change


def _renamed(roots: Sequence[Node], layers: Mapping[str, str], weights: Mapping[str, str]) -> tuple[Node, ...]:
    """The roots with other names for some layers and some parameters; a sequence of names is renamed where it is read."""

    def named(node: Node) -> Node:
        new = layers if getattr(node.op, "role", "") == "layer" else weights
        if not isinstance(node.op, StackedInputs) or not places_of(new, node.op.names):
            return node
        return Node(replace(node.op, names=compress([new.get(name, name) for name in node.op.names])))

    def rule(node: Node, args: tuple[Any, ...]) -> Any:
        if isinstance(node.op, Fold):
            places = {
                place
                for operand, each in zip(args[node.op.carries :], node.op.each, strict=True)
                if each
                for place in changed(operand)
            }
            return _in_stretches(
                node.op, args, listed(sorted(places), node.op.count) if places else [(0, node.op.count)], named
            )
        if isinstance(node.op, Input):
            new = layers if node.op.role == "layer" else weights
            return Node(replace(node.op, name=new[node.op.name])) if node.op.name in new else node
        return with_args(node, tuple(named(arg) if isinstance(arg, Node) else arg for arg in args))

    def changed(node: Node) -> Iterable[int]:
        if not isinstance(node.op, StackedInputs) or not isinstance(node.op.names, Numbered):
            return ()
        return places_of(layers if node.op.role == "layer" else weights, node.op.names)

    return tuple(named(root) for root in rebuilt(roots, rule))


def _in_stretches(
    fold: Fold, args: Sequence[Node], stretches: Sequence[Stretch], named: Callable[[Node], Node]
) -> tuple[Node, ...]:
    """A fold as one fold for each stretch of its steps, whose sequences are named anew."""
    state, operands = tuple(map(named, args[: fold.carries])), args[fold.carries :]
    given: list[tuple[Node, ...]] = []
    for stretch in stretches:
        own = [named(part(o, stretch) if each else o) for o, each in zip(operands, fold.each, strict=True)]
        results = apply_fold(fold.block, stretch[1], state, own, fold.each)
        state = results[: fold.carries]
        given.append(results[fold.carries :])
    return (*state, *(join(parts) for parts in zip(*given, strict=True)))


# ---------------------------------------------------------------- layers of different kinds: bodies go with them


@dataclass(frozen=True)
class Applied:
    """A layer as a net applies it: its kind, how many values it reads, the names of its parameters."""

    kind: Kind | None
    arity: int
    weights: tuple[str, ...]


def _layer(op: Call, args: Sequence[Node | None], place: int) -> Applied:
    """The layer at a place of the names that are applied."""
    if op.body is None:
        return Applied(None, op.arity, ())
    own, captured = args[1 + op.arity : 1 + op.arity + op.weights], args[1 + op.arity + op.weights :]
    name, suffix = names_of(args[0])[place], weight_name("", names_of(args[0])[place])
    if not all(names_of(node) for node in own):
        raise InvalidValue(f"the parameters of layer {name} are computed by the net, so it has no other place")
    weights = tuple(names_of(node)[place] for node in own)
    wanted = tuple(
        Weight(weight.removesuffix(suffix), shape, _leaf(node).op.start)
        for weight, shape, node in zip(weights, op.body.shapes[op.arity :], own, strict=False) if node is not None
    )  # fmt: skip
    return Applied(Kind(op.body, wanted, tuple(captured)), op.arity, weights)  # type: ignore[arg-type]


def _leaf(node: Node) -> Node:
    """What parameters are read from."""
    while node.args:
        node = node.args[0]
    return node


@dataclass(frozen=True)
class Mover(Binder):
    """The walk that puts layers in the places that are named after them, with their bodies and parameters."""

    beside: tuple[
        tuple[Names, Kind | None], ...
    ]  # the sequences that layers are moved from, with the kinds of those that stay

    def kind(self, name: str) -> Kind | None:
        if name in self.kinds:
            return self.kinds[name]
        return next((kind for names, kind in self.beside if covers(name, names)), None)

    def moves(self, name: Any) -> bool:
        return isinstance(name, Layer) or bool(places_of(self.kinds, names_of(name)))

    def kinds_of(self, names: Node, count: Size) -> Sequence[Kind | None] | None:
        found = names_of(names)
        return [self.kind(name) for name in found] if places_of(self.kinds, found) else None
