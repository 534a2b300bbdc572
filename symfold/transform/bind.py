"""Binding: opaque layers given bodies, by name, wherever in a net they are applied.

A fold whose layers get different bodies becomes one fold for each run of steps whose bodies are equal: what folding over
the bound layers would have given in the first place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import or_
from typing import Any

from symfold.base.arguments import quoted
from symfold.core.applied_layers import Call, is_name
from symfold.core.attach import attach
from symfold.core.blocks import trace
from symfold.core.folds import Fold, Select, fold_nodes
from symfold.core.names import applied_layers, covers, label, names_of, reconcile, show_names
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import Apply
from symfold.core.sequences import join, stack, take
from symfold.core.shapes import Size, size_symbols
from symfold.core.stacked_inputs import Names, Numbered, StackedInputs
from symfold.core.walks import walk
from symfold.errors import InvalidType, InvalidValue, NoRule
from symfold.frontend.layer_kinds import Kind, kind_of
from symfold.frontend.named_layers import Layer, Layers

Kinds = Mapping[str, Kind]


def bind(net: Net, bodies: Mapping[str, Any]) -> Net:
    """The net with bodies for opaque layers: a function, a kind, a layer or a net for each name.

    The name of a numbered family, as `f` for f1, f2, ..., binds all of it, whatever the depth.

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
    given = {name: kind for name, kind in kinds.items() if kind is not None}
    families = {name for name in given if not any(covers(name, names) for names in opaque)}
    binder = Binder(given, {name: given[name] for name in families})
    return net.with_outputs(reconcile(binder.bound(net.outputs, {})))  # what bodies capture may be named by a symbol


def _heads(name: str, names: Names) -> bool:
    """Whether a name is what numbered names begin with."""
    return names.prefix == name if isinstance(names, Numbered) else any(label(one) == name for one in names)


@dataclass(frozen=True)
class Binder:
    """The bodies, and the walk that puts them in."""

    kinds: Mapping[str, Kind | None]
    families: Kinds  # those that are meant for all layers of a family, by the name without its number

    def kind(self, name: str) -> Kind | None:
        return self.kinds.get(name) or self.families.get(label(name))

    def moves(self, name: Any) -> bool:
        """Whether a layer gets another body than the one that it has: binding gives bodies to opaque layers only."""
        return False

    def bound(self, roots: Sequence[Node], given: Mapping[Node, Any]) -> tuple[Node, ...]:
        """The roots with bodies put in; `given` says what formals are: nodes from outside, or the layer of a step."""
        new: dict[Node, Any] = dict(given)
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
        """The layer of a name: one of a step, or one of the whole net."""
        if isinstance(name, Layer):
            return name
        names = names_of(name)
        if len(tuple(names)) != 1:
            return Layer("f", None, (name,))
        kind = self.kind(next(iter(names)))
        return Layer(next(iter(names)), kind, None if kind else (name,))

    def call(self, op: Call, args: tuple[Any, ...]) -> Node:
        """A layer applied: with its new body, or with its own one bound in turn."""
        if op.body is None or self.moves(args[0]):
            return self.layer(args[0])(*args[1 : 1 + op.arity])
        fixed = op.arity + op.weights
        inner, captured = op.body, args[1 + fixed :]

        def run(formals: Sequence[Node]) -> tuple[Node, ...]:
            return self.bound(inner.results, dict(zip(inner.formals, (*formals, *captured), strict=True)))

        traced = trace(run, inner.shapes[:fixed], fixed)
        own = (arg.leaves[0] if isinstance(arg, Layer) else arg for arg in args[: 1 + fixed])
        return Node(
            Call(traced.block, op.arity, op.weights),
            (*own, *(node for node in traced.operands if isinstance(node, Node))),
        )

    def fold(self, fold: Fold, args: tuple[Any, ...]) -> tuple[Node, ...]:
        """A fold, as one fold for each run of steps that get equal bodies."""
        if fold.count == 1:  # what a single step applies is its own all the same, and is not computed outside of it
            own = [
                not each and isinstance(arg, Node) and is_name(arg) and len(arg.shape) == 1
                for arg, each in zip(args[fold.carries :], fold.each, strict=True)
            ]
            args = (
                *args[: fold.carries],
                *(stack([arg]) if alone else arg for arg, alone in zip(args[fold.carries :], own, strict=True)),
            )
            fold = replace(fold, each=tuple(map(or_, fold.each, own)))
        state = args[: fold.carries]
        operands = tuple(
            arg.leaves[0] if isinstance(arg, Layer) and each else arg
            for arg, each in zip(args[fold.carries :], fold.each, strict=True)
        )
        asked = ((k, self.kinds_of(o, fold.count)) for k, o in enumerate(operands) if fold.each[k] and _names(o))
        wanted = {k: kinds for k, kinds in asked if kinds is not None}
        runs: list[tuple[range | None, dict[int, Kind | None]]]
        if not isinstance(fold.count, int):
            runs = [(None, {k: kinds[0] for k, kinds in wanted.items()})]
        else:
            steps = groupby(range(fold.count), key=lambda k: tuple(kinds[k % len(kinds)] for kinds in wanted.values()))
            alike = ((list(group), dict(zip(wanted, key, strict=True))) for key, group in steps)
            runs = [(range(group[0], group[-1] + 1), kinds) for group, kinds in alike]
        given: list[tuple[Node, ...]] = []
        for run, kinds in runs:
            part = (
                operands
                if run is None
                else tuple(take(o, run) if e else o for o, e in zip(operands, fold.each, strict=True))
            )
            results = self.run(fold, state, part, fold.count if run is None else len(run), kinds)
            state = results[: fold.carries]
            given.append(results[fold.carries :])
        return (*state, *(join(parts) for parts in zip(*given, strict=True)))

    def kinds_of(self, names: Node, count: Size) -> Sequence[Kind | None] | None:
        """The kind that each step's layer gets; one for all of a numbered family that is named as a whole; None: they stay."""
        listed = names_of(names)
        if not isinstance(listed, Numbered):
            return [self.kind(name) for name in listed]
        if not any(covers(name, listed) for name in self.kinds):
            return [self.families.get(listed.prefix)]
        if not isinstance(count, int):
            raise InvalidValue(
                f"the depth {count} is a symbol, so its layers cannot get bodies one by one "
                f"(bind {listed.prefix!r} to give all of them one, or give the depth a number: net.at({'=10, '.join(size_symbols(count))}=10))"
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
        places: dict[int, range] = {}  # of each operand's own entry, or of all the leaves of its layer
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
            own = formals[fold.carries :]
            values: list[Any] = list(formals[: fold.carries])
            for k, operand in enumerate(operands):
                if not fold.each[k]:
                    values.append(operand)  # the same in every step: traced as what it is, and captured anew
                elif k in kinds:
                    kind = kinds[k]
                    values.append(
                        Layer(
                            names_of(operands[k])[0],
                            kind,
                            (*(own[j] for j in places[k]), *(kind.captured if kind else ())),
                        )
                    )
                else:
                    values.append(own[places[k][0]])
            return self.bound(fold.block.results, dict(zip(fold.block.formals, values, strict=True)))

        return fold_nodes(step, count, init, extended)


def _names(value: Any) -> bool:
    return isinstance(value, Layer) or (isinstance(value, Node) and is_name(value))


def _families(names: Node, kind: Kind) -> tuple[Node, ...]:
    """The leaves of the layers of these names, each a sequence."""
    if isinstance(names.op, StackedInputs):
        return Layers(names.op.names, kind).stacked_inputs()
    layers = [Layer(name, kind) for name in names_of(names)]
    return tuple(
        stack(leaves) for leaves in zip(*(layer.leaves[: 1 + len(kind.weights)] for layer in layers), strict=True)
    )


attach(Net, bind=bind)
