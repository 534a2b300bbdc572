"""Probes: extra inputs whose cotangents are the gradients that layers receive.

A tap has the value of its first argument, and both arguments receive the cotangent of the result. The first is the
output of a layer, the second a probe: an extra input, with one entry per step if a fold applies the layer. After the
backward pass the taps are removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold, apply_fold
from symfold.core.leaves import Formal, Input
from symfold.core.names import leaves_of, names_of
from symfold.core.nodes import Node, rebuilt, substitute, walk
from symfold.core.primitives import is_primitive, primitive
from symfold.core.sequences import stack
from symfold.core.shapes import Shape, Size
from symfold.core.stacked_inputs import Leaf, Numbered, StackedInputs

tap = primitive(
    "tap",
    lambda a, probe: a,
    lambda xp, a, probe: a,
    lambda node, bar: [bar, bar],
    linear=(0,),
    shape_only=(1,),
    examples=((((2,), (2,)), {}),),
)


@dataclass(frozen=True)
class Application:
    """A layer applied in a block: its name there, the shape of its output, and the enclosing folds, outermost first."""

    name: Node
    shape: Shape
    counts: tuple[Size, ...] = ()
    advances: tuple[bool, ...] = ()  # for each fold, whether each step has another layer

    def inside(self, fold: Fold, args: Sequence[Node]) -> Application:
        """The same, seen from outside a fold whose block applies the layer."""
        formals = fold.block.formals
        place = formals.index(self.name) if self.name in formals else None
        advances = place is not None and place >= fold.carries and fold.each[place - fold.carries]
        name = self.name if place is None else args[place]
        return Application(name, self.shape, (fold.count, *self.counts), (advances, *self.advances))


@dataclass(frozen=True)
class Probe:
    """The applications of a layer at one place of a net, and the input whose cotangents they receive."""

    application: Application
    source: Leaf
    place: int  # index of its fold or call in the net

    def name(self, indices: Sequence[int]) -> str:
        """The name of the layer at one step."""
        names = names_of(self.application.name)
        if not names:
            return "a layer"
        steps = [k for k, advances in zip(indices, self.application.advances, strict=True) if advances]
        return str(names[steps[-1]] if steps else names[0])


@dataclass(frozen=True)
class Probed:
    """Roots with tapped layers, the probes in order of computation, and those of the final state of the last fold."""

    roots: tuple[Node, ...]
    probes: tuple[Probe, ...]
    state: tuple[Node[Input], ...] = ()


def probed(roots: Sequence[Node], states: bool = False) -> Probed:
    """The roots with a tap on the output of every layer, inside folds as well.

    With `states`, the final state of every fold that applies layers is tapped too.
    """
    taken = {str(names_of(leaf)[0]) for leaf in leaves_of(roots) if names_of(leaf)}
    stem = "probe"
    while any(name.startswith(stem) for name in taken):
        stem += "_"
    probes: list[Probe] = []
    last: list[tuple[Node[Input], ...]] = [()]
    places = {"count": 0}

    def leaf(application: Application) -> Node:
        first = f"{stem}{len(probes) + 1}_"
        if not application.counts:
            source: Leaf = Node(Input(f"{first}1", application.shape))
            read = source
        else:
            count, inner = application.counts[0], (*application.counts[1:], *application.shape)
            read = Node(StackedInputs(Numbered(first, 1, count), inner))
            source = read if count != 1 else Node(Input(f"{first}1", inner))
        probes.append(Probe(application, source, places["count"]))
        return read if application.counts != (1,) else stack([source])

    def rule(node: Node, args: tuple[Any, ...]) -> Any:
        tapped = _probed(node, args, leaf)
        places["count"] += tapped is not None
        if states and isinstance(tapped, tuple) and isinstance(node.op, Fold):
            carries = node.op.carries
            last[0] = tuple(
                Node(Input(f"{stem}0_{len(probes)}_{k + 1}", part.shape)) for k, part in enumerate(tapped[:carries])
            )
            return (*map(tap, tapped[:carries], last[0]), *tapped[carries:])
        return tapped

    return Probed(rebuilt(roots, rule), tuple(probes), last[0])


def _probed(node: Node, args: tuple[Any, ...], leaf: Any) -> Any:
    """A layer with a tap, or a fold with taps in its block; None for any other node."""
    if isinstance(node.op, Call):
        output = Node(node.op, args)
        return tap(output, leaf(Application(args[0], output.shape)))
    if not isinstance(node.op, Fold):
        return None
    fold = node.op
    block, applications = _tapped(fold.block)
    probes = [leaf(application.inside(fold, args)) for application in applications]
    if not probes:
        return None
    init, operands = fold.split(args)
    return apply_fold(block, fold.count, init, (*operands, *probes), (*fold.each, *(True for _ in probes)))


def _tapped(block: Block) -> tuple[Block, list[Application]]:
    """A block with one more formal, a probe, for every layer that it applies."""
    applications: list[Application] = []

    def formal(application: Application) -> Node:
        applications.append(application)
        place = len(block.shapes) + len(applications) - 1
        return Node(Formal(0, place, (*application.counts, *application.shape)))

    results = rebuilt(block.results, lambda node, args: _probed(node, args, formal))
    return Block((*block.shapes, *((*a.counts, *a.shape) for a in applications)), results), applications


def untapped(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots without taps, and without operands of folds that are no longer read."""
    return rebuilt(roots, _untapped)


def _untapped(node: Node, args: tuple[Any, ...]) -> Any:
    if is_primitive(node, tap):
        return args[0]
    if not isinstance(node.op, Fold):
        return None
    fold = node.op
    results = untapped(fold.block.results)
    used = set(walk(results))
    formals = fold.block.formals
    places = [k for k, formal in enumerate(formals) if k < fold.carries or formal in used]
    replaced = {formals[k]: Node(Formal(0, place, formals[k].shape)) for place, k in enumerate(places)}
    block = Block(tuple(formals[k].shape for k in places), substitute(results, replaced))
    operands = [k - fold.carries for k in places if k >= fold.carries]
    return apply_fold(
        block,
        fold.count,
        args[: fold.carries],
        [args[fold.carries + k] for k in operands],
        [fold.each[k] for k in operands],
    )


def in_order(probes: Sequence[Probe], values: Sequence[Any]) -> list[tuple[str, Any]]:
    """The names of the applications with their values, in order of computation, step by step."""
    entries: list[tuple[tuple[int, ...], str, Any]] = []
    for position, (probe, value) in enumerate(zip(probes, values, strict=True)):
        counts = tuple(int(count) for count in probe.application.counts)
        array = np.asarray(value)
        steps = array[None] if counts[:1] == (1,) else array
        for indices in product(*map(range, counts)):
            key = (probe.place, *indices[:1], position, *indices[1:])
            entries.append((key, probe.name(indices), steps[indices]))
    return [(name, value) for _, name, value in sorted(entries, key=lambda entry: entry[0])]
