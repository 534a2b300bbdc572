"""Order: layers of a net that change places, with their bodies and parameters; net to net.

Residual nets compose layers, so order matters, at second order by the bracket f_j'[f_i] - f_i'[f_j]; boosting adds
layers, so it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from symfold.base.public import public
from symfold.core.blocks import Call, prefixed
from symfold.core.folds import Fold, apply_fold
from symfold.core.leaves import Input, Normal
from symfold.core.names import applied_layers, covers, layer_shapes, names_of, places_of
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, with_args
from symfold.core.primitives import is_primitive
from symfold.core.sequences import join, named_inputs, reverse, reverse_row
from symfold.core.shapes import Shape, Size
from symfold.core.stacked_inputs import Leaf, Names, Numbered, StackedInputs, is_leaf
from symfold.errors import InvalidValue, ShapeError
from symfold.frontend.layer_kinds import Kind, Weight
from symfold.frontend.named_layers import Layer, weight_name
from symfold.transform.bind import Binder
from symfold.transform.rewiring.lesion import check_applied, layer_names
from symfold.transform.step_ranges import StepRange, entries_in, ranges_around


@public
def swap(net: object, first: object, second: object) -> Net:
    """The net with two layers swapped.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> print(sf.formula(swap(sf.fold(sf.mappers.feedforward, f, x), "f1", "f3"), form="expanded"))
    f1(f2(f3(x)))
    >>> print(sf.formula(swap(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x), "f1", "f2")))
    z_k = f_{3-k}(z_{k-1}) + z_{k-1}, k = 1..2, z_0 = x
    z_k = f_k(z_{k-1}) + z_{k-1}, k = 3..n
    """
    first_name, second_name = layer_names([first, second])
    return _moved(Net.of(net), {first_name: second_name, second_name: first_name})


@public
def reorder(net: object, names: Iterable[object]) -> Net:
    """The net with some layers in another order: the named layers, in this order, at the positions that they had.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:5"), sf.tensor("x")
    >>> net = sf.fold(sf.mappers.residual, f, x)
    >>> reorder(net, ["f4", "f3", "f2", "f1"]) == sf.fold(sf.mappers.residual, f[::-1], x)
    True
    """
    base = Net.of(net)
    wanted = layer_names(names)
    if len(set(wanted)) < len(wanted):
        raise InvalidValue(f"a layer is named twice: {', '.join(wanted)} (name each layer once)")
    check_applied(base, wanted)
    chosen = set(wanted)
    current = list(
        dict.fromkeys(
            name for _, args in applied_layers(base.outputs) for name in places_of(chosen, names_of(args[0])).values()
        )
    )
    return _moved(base, dict(zip(current, wanted, strict=True)))


def exchangeable(net: Net) -> list[list[str]]:
    """The layers of a net in groups whose members take and return the same shapes.

    >>> import symfold as sf
    >>> f, out = sf.layers("f1:4", sf.dense(3, 3)), sf.layer("out", sf.dense(3, 1))
    >>> exchangeable(out(sf.fold(sf.mappers.residual, f, sf.tensor("x", (None, 3)))))
    [['f1', 'f2', 'f3'], ['out']]
    """
    groups: dict[object, dict[str, None]] = {}
    for names, taken, returned in layer_shapes(net.outputs):
        groups.setdefault((taken, returned), {}).update(dict.fromkeys(names))
    return list(map(list, groups.values()))


def _moved(net: Net, new: Mapping[str, str]) -> Net:
    """The net with layers replaced by others (`new` maps names to names), together with their parameters."""
    check_applied(net, new)
    moved = {old_name: new_name for old_name, new_name in new.items() if old_name != new_name}
    applied = [(names_of(args[0]), op, args) for op, args in applied_layers(net.outputs)]
    layers = {
        name: _layer(op, args, place) for names, op, args in applied for place, name in places_of(moved, names).items()
    }
    for old, new_name in moved.items():
        if layers[old].arity != layers[new_name].arity:
            raise InvalidValue(
                f"layers {old} and {new_name} read {layers[old].arity} and {layers[new_name].arity} values, "
                "so neither fits in the other's place"
            )
    kinds = {name: layers[name].kind for name in moved}
    if closed := next((name for name, kind in kinds.items() if kind and None in kind.captured), None):
        raise InvalidValue(f"layer {closed} captures a value of its step, so it cannot move to another place")
    for old, new_name in moved.items():
        check_alike(old, kinds[old], new_name, kinds[new_name])
    if all(kinds[old] == kinds[new_name] for old, new_name in moved.items()):
        weights = {
            w: v
            for old, new_name in moved.items()
            for w, v in zip(layers[old].weights, layers[new_name].weights, strict=True)
        }
        return net.with_outputs(_renamed(net.outputs, moved, weights))
    beside = tuple((names, _layer(op, args, 0).kind) for names, op, args in applied if places_of(moved, names))
    try:
        return net.with_outputs(Mover(kinds, {}, beside).bound(_renamed(net.outputs, moved, {}), {}))
    except ShapeError as error:
        raise prefixed(
            error, f"layers {', '.join(moved)} take and give values of other shapes, so they cannot change places"
        ) from None


def check_alike(first: str, one: Kind | None, second: str, other: Kind | None) -> None:
    """Refuse two layers that give different numbers of columns for equal rows: a sum would broadcast one of them."""
    if one is None or other is None or one == other:
        return
    sizes = {size for kind in (one, other) for weight in kind.weights for size in weight.shape if isinstance(size, int)}
    for read in sorted(sizes):
        given = _columns(one, read), _columns(other, read)
        if None not in given and given[0] != given[1]:
            raise ShapeError(
                f"layers {first} and {second} give {given[0]} and {given[1]} columns, so they cannot change places"
            )


def _columns(kind: Kind, read: int) -> int | None:
    """How many columns a layer gives for rows of a length; None if it does not take them."""
    rows: list[Shape] = [(1, read)] * kind.arity
    try:
        shape = kind.body.retyped([*rows, *kind.body.shapes[kind.arity :]]).results[0].shape
    except ShapeError:
        return None
    return shape[-1] if shape and isinstance(shape[-1], int) else None


# ---------------------------------------------------------------- layers of one kind: names change


def _renamed(roots: Sequence[Node], layers: Mapping[str, str], weights: Mapping[str, str]) -> tuple[Node, ...]:
    """The roots with some layers and parameters renamed; a family is renamed where it is read."""

    def named(node: Node) -> Node:
        if is_primitive(node, reverse_row):
            return reverse(named(node.args[0]))
        if not isinstance(node.op, StackedInputs):
            return node
        new = layers if node.op.role == "layer" else weights
        if not places_of(new, node.op.names):
            return node
        return named_inputs([new.get(name, name) for name in node.op.names], node.op)

    def rule(node: Node, args: tuple[Any, ...]) -> Node | tuple[Node, ...] | None:
        if isinstance(node.op, Fold):
            places = {
                place
                for operand, each in zip(args[node.op.carries :], node.op.each, strict=True)
                if each
                for place in changed(operand)
            }
            return _in_ranges(
                node.op, args, ranges_around(sorted(places), node.op.count) if places else [(0, node.op.count)], named
            )
        if isinstance(node.op, Input):
            new = layers if node.op.role == "layer" else weights
            return Node(replace(node.op, name=new[node.op.name])) if node.op.name in new else node
        if is_primitive(node, reverse_row):
            return reverse(args[0])  # a reversed family is renamed where it is read, too
        return with_args(node, tuple(named(arg) if isinstance(arg, Node) else arg for arg in args))

    def changed(node: Node) -> Iterable[int]:
        if not isinstance(node.op, StackedInputs) or not isinstance(node.op.names, Numbered):
            return ()
        return places_of(layers if node.op.role == "layer" else weights, node.op.names)

    return tuple(named(root) for root in rebuilt(roots, rule))


def _in_ranges(
    fold: Fold, args: Sequence[Node], ranges: Sequence[StepRange], named: Callable[[Node], Node]
) -> tuple[Node, ...]:
    """A fold as one fold per range of its steps, with its sequences renamed."""
    state, operands = tuple(map(named, args[: fold.carries])), args[fold.carries :]
    outputs: list[tuple[Node, ...]] = []
    for steps in ranges:
        renamed = [named(entries_in(o, steps) if each else o) for o, each in zip(operands, fold.each, strict=True)]
        state, outputs_of_range = fold.split(apply_fold(fold.block, steps[1], state, renamed, fold.each))
        outputs.append(outputs_of_range)
    return (*state, *(join(parts) for parts in zip(*outputs, strict=True)))


# ---------------------------------------------------------------- layers of different kinds: bodies move along


@dataclass(frozen=True)
class Applied:
    """A layer of a net: its kind, its arity, the names of its parameters."""

    kind: Kind | None
    arity: int
    weights: tuple[str, ...]


def _layer(op: Call, args: Sequence[Node | None], place: int) -> Applied:
    """The layer at a position of the applied names."""
    if op.body is None:
        return Applied(None, op.arity, ())
    weight_nodes, captured = args[1 + op.arity : 1 + op.arity + op.weights], args[1 + op.arity + op.weights :]
    name, suffix = names_of(args[0])[place], weight_name("", names_of(args[0])[place])
    if not all(names_of(node) for node in weight_nodes):
        raise InvalidValue(f"the net computes the parameters of layer {name}, so it cannot move to another place")
    weights = tuple(names_of(node)[place] for node in weight_nodes)
    wanted = tuple(
        Weight(weight.removesuffix(suffix), shape, _leaf(node).op.start or Normal())
        for weight, shape, node in zip(weights, op.body.shapes[op.arity :], weight_nodes, strict=False)
        if node is not None
    )  # fmt: skip
    return Applied(Kind(op.body, wanted, tuple(captured)), op.arity, weights)  # type: ignore[arg-type]


def _leaf(node: Node) -> Leaf:
    """The leaf that parameters are read from."""
    while not is_leaf(node):
        node = node.args[0]
    return node


@dataclass(frozen=True)
class Mover(Binder):
    """The walk that puts layers with their bodies and parameters in the places renamed to them."""

    # the sequences that layers move from, with the kinds of the layers that stay
    beside: tuple[tuple[Names, Kind | None], ...]

    def kind(self, name: str) -> Kind | None:
        if name in self.kinds:
            return self.kinds[name]
        return next((kind for names, kind in self.beside if covers(name, names)), None)

    def moves(self, name: Any) -> bool:
        return isinstance(name, Layer) or bool(places_of(self.kinds, names_of(name)))

    def kinds_of(self, names: Node, count: Size) -> Sequence[Kind | None] | None:
        listed = names_of(names)
        return [self.kind(name) for name in listed] if places_of(self.kinds, listed) else None
