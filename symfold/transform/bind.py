"""Binding: bodies for opaque layers, by name, wherever a net applies them.

A fold whose layers get different bodies becomes one fold per run of steps with equal bodies, as if it had been folded
over the bound layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import or_
from typing import Any

from symfold.base.arguments import quoted
from symfold.core.attach import attach
from symfold.core.blocks import Call, is_name, trace
from symfold.core.folds import Fold, Select, fold_nodes
from symfold.core.names import applied_layers, covers, label, names_of, reconcile, show_names
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply
from symfold.core.sequences import join, stack, take
from symfold.core.shapes import Size, size_symbols
from symfold.core.stacked_inputs import Names, Numbered, StackedInputs
from symfold.errors import InvalidType, InvalidValue, NoRule
from symfold.frontend.layer_kinds import Kind, kind_of
from symfold.frontend.named_layers import Layer, Layers

Kinds = Mapping[str, Kind]


def bind(net: Net, bodies: Mapping[str, Any]) -> Net:
    """The net with bodies for opaque layers: a function, a kind, a layer or a net per name.

    The name of a numbered family, as `f` for f1, f2, ..., binds all its layers, at any depth.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x", (None, 3)))
    >>> net.bind({"f1": sf.dense(3, 3), "f2": sf.dense(3, 3)}).params
    (W1, W2, b1, b2)
    >>> net.bind({"g1": sf.dense(3, 3)})
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: the net has no opaque layer 'g1' (its opaque layers: f1, f2)
    """
    if not isinstance(bodies, Mapping) or not all(isinstance(name, str) for name in bodies):
        raise InvalidType(
            f"bind takes a dict from names of layers to bodies, got {quoted(bodies)} (as {{'f1': lambda z: z**2}})"
        )
    kinds = {name: body.kind if isinstance(body, Layer) else kind_of(body, {}) for name, body in bodies.items()}
    applied = [(names_of(args[0]), op) for op, args in applied_layers(net.outputs)]
    opaque = list(dict.fromkeys(names for names, op in applied if op.body is None))
    for name, kind in kinds.items():
        if kind is None:
            raise InvalidType(
                f"no body given for layer {name!r} (give a function, a kind as sf.dense(3, 3), a layer or a net)"
            )
        if not any(covers(name, names) or _heads(name, names) for names in opaque):
            if any(covers(name, names) for names, op in applied if op.body is not None):
                raise InvalidValue(
                    f"layer {name!r} has a body already (bind gives bodies to opaque layers; fold over other layers)"
                )
            raise InvalidValue(f"the net has no opaque layer {name!r} (its opaque layers: {show_names(opaque)})")
    bound_kinds = {name: kind for name, kind in kinds.items() if kind is not None}
    families = {name for name in bound_kinds if not any(covers(name, names) for names in opaque)}
    binder = Binder(bound_kinds, {name: bound_kinds[name] for name in families})
    return net.with_outputs(reconcile(binder.bound(net.outputs, {})))  # captured values may have symbolic names


def _heads(name: str, names: Names) -> bool:
    """Whether a name is the prefix of numbered names."""
    return names.prefix == name if isinstance(names, Numbered) else any(label(layer) == name for layer in names)


@dataclass(frozen=True)
class Binder:
    """The bodies, and the walk that binds them."""

    kinds: Mapping[str, Kind | None]
    families: Kinds  # bodies for all layers of a family, by prefix

    def kind(self, name: str) -> Kind | None:
        return self.kinds.get(name) or self.families.get(label(name))

    def moves(self, name: object) -> bool:
        """Whether a layer with a body gets another one: never in binding, which is for opaque layers only."""
        return False

    def bound(self, roots: Sequence[Node], values: Mapping[Node, Any]) -> tuple[Node, ...]:
        """The roots with bodies bound; `values` maps formals to nodes from outside, or to the layer of a step."""
        new: dict[Node, Any] = dict(values)
        for node in walk(roots, stop=new):
            args = tuple(new[arg] for arg in node.args)
            if isinstance(node.op, Call):
                new[node] = self.call(node.op, args)
            elif isinstance(node.op, Fold):
                new[node] = self.fold(node.op, args)
            elif isinstance(node.op, Select):
                new[node] = args[0][node.op.position]
            elif (
                isinstance(node.op, Apply)
                and node.op.primitive.name in ("pullback", "directional")
                and self.layer(args[0]).kind is not None
            ):
                raise NoRule(
                    f"layer {self.layer(args[0]).name} was differentiated while opaque (bind first, then differentiate)"
                )
            else:
                args = tuple(arg.leaves[0] if isinstance(arg, Layer) else arg for arg in args)
                new[node] = node if args == node.args else Node(node.op, args)
        return tuple(new[root] for root in roots)

    def layer(self, name: Any) -> Layer:
        """The layer with a name: that of a step, or of the whole net."""
        if isinstance(name, Layer):
            return name
        names = names_of(name)
        if len(tuple(names)) != 1:
            return Layer("f", None, (name,))
        kind = self.kind(next(iter(names)))
        return Layer(next(iter(names)), kind, None if kind else (name,))

    def call(self, op: Call, args: tuple[Any, ...]) -> Node:
        """A call of a layer, with its new body, or with its own body after binding inside it."""
        if op.body is None or self.moves(args[0]):
            return self.layer(args[0])(*args[1 : 1 + op.arity])
        fixed = op.arity + op.weights
        inner, captured = op.body, args[1 + fixed :]
        reads_layers = any(isinstance(arg, Layer) or is_name(arg) for arg in captured)
        if (
            not reads_layers
            and self.bound(inner.results, dict(zip(inner.formals, inner.formals, strict=True))) == inner.results
        ):
            return Node(op, tuple(arg.leaves[0] if isinstance(arg, Layer) else arg for arg in args))  # nothing to bind

        def run(formals: Sequence[Node]) -> tuple[Node, ...]:
            return self.bound(inner.results, dict(zip(inner.formals, (*formals, *captured), strict=True)))

        traced = trace(run, inner.shapes[:fixed], fixed)
        leading = (arg.leaves[0] if isinstance(arg, Layer) else arg for arg in args[: 1 + fixed])
        captures = (node for node in traced.operands if isinstance(node, Node))
        return Node(Call(traced.block, op.arity, op.weights), (*leading, *captures))

    def fold(self, fold: Fold, args: tuple[Any, ...]) -> tuple[Node, ...]:
        """A fold as one fold per run of steps with equal bodies."""
        state, operands = fold.split(args)
        if fold.count == 1:  # the layer of a single step is stacked, so that its call stays inside the step
            stacked = [
                not each and isinstance(arg, Node) and is_name(arg) and len(arg.shape) == 1
                for arg, each in zip(operands, fold.each, strict=True)
            ]
            operands = tuple(stack([arg]) if alone else arg for arg, alone in zip(operands, stacked, strict=True))
            fold = replace(fold, each=tuple(map(or_, fold.each, stacked)))
        operands = tuple(
            arg.leaves[0] if isinstance(arg, Layer) and each else arg
            for arg, each in zip(operands, fold.each, strict=True)
        )
        new_kinds = ((k, self.kinds_of(o, fold.count)) for k, o in enumerate(operands) if fold.each[k] and _names(o))
        wanted = {k: kinds for k, kinds in new_kinds if kinds is not None}
        runs: list[tuple[range | None, dict[int, Kind | None]]]
        if not isinstance(fold.count, int):
            runs = [(None, {k: kinds[0] for k, kinds in wanted.items()})]
        else:
            steps = groupby(range(fold.count), key=lambda k: tuple(kinds[k % len(kinds)] for kinds in wanted.values()))
            groups = ((list(group), dict(zip(wanted, key, strict=True))) for key, group in steps)
            runs = [(range(group[0], group[-1] + 1), kinds) for group, kinds in groups]
        outputs: list[tuple[Node, ...]] = []
        for run, kinds in runs:
            entries, count = operands, fold.count
            if run is not None:
                entries = tuple(take(o, run) if each else o for o, each in zip(operands, fold.each, strict=True))
                count = len(run)
            state, outputs_of_run = fold.split(self.run(fold, state, entries, count, kinds))
            outputs.append(outputs_of_run)
        return (*state, *(join(parts) for parts in zip(*outputs, strict=True)))

    def kinds_of(self, names: Node, count: Size) -> Sequence[Kind | None] | None:
        """The new kind of each step's layer; a single one for a family bound by its prefix; None if the layers stay."""
        listed = names_of(names)
        if not isinstance(listed, Numbered):
            return [self.kind(name) for name in listed]
        if not any(covers(name, listed) for name in self.kinds):
            return [self.families.get(listed.prefix)]
        if not isinstance(count, int):
            raise InvalidValue(
                f"the depth {count} is a symbol, so its layers cannot get bodies one by one "
                f"(bind {listed.prefix!r} to give all of them one, or give the depth a number: "
                f"net.at({'=10, '.join(size_symbols(count))}=10))"
            )
        return [self.kind(name) for name in listed]

    def run(
        self,
        fold: Fold,
        init: tuple[Node, ...],
        operands: tuple[Any, ...],
        count: Size,
        kinds: Mapping[int, Kind | None],
    ) -> tuple[Node, ...]:
        """A fold whose steps all get the same bodies."""
        places: dict[int, range] = {}  # for each operand, the positions of its entry or of its layer's leaves
        start = 0
        extended: list[Node] = []
        for k, each in enumerate(fold.each):
            if each:
                kind = kinds.get(k)
                more = _families(operands[k], kind)[1:] if kind else ()
                places[k] = range(start, start + 1 + len(more))
                extended += [operands[k], *more]
                start += 1 + len(more)

        def step(formals: Sequence[Node]) -> tuple[Node, ...]:
            entries = formals[fold.carries :]
            values: list[Any] = list(formals[: fold.carries])
            for k, operand in enumerate(operands):
                if not fold.each[k]:
                    values.append(operand)  # shared by all steps: captured again by the trace
                elif k in kinds:
                    kind = kinds[k]
                    leaves = (*(entries[j] for j in places[k]), *(kind.captured if kind else ()))
                    values.append(Layer(names_of(operands[k])[0], kind, leaves))
                else:
                    values.append(entries[places[k][0]])
            return self.bound(fold.block.results, dict(zip(fold.block.formals, values, strict=True)))

        return fold_nodes(step, count, init, extended)


def _names(value: object) -> bool:
    return isinstance(value, Layer) or (isinstance(value, Node) and is_name(value))


def _families(names: Node, kind: Kind) -> tuple[Node, ...]:
    """The leaves of the layers with these names, each as a sequence."""
    if isinstance(names.op, StackedInputs):
        return Layers(names.op.names, kind).stacked_inputs()
    layers = [Layer(name, kind) for name in names_of(names)]
    return tuple(
        stack(leaves) for leaves in zip(*(layer.leaves[: 1 + len(kind.weights)] for layer in layers), strict=True)
    )


attach(Net, bind=bind)
