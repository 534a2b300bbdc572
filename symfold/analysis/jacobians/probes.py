"""Probes: a place in every application of a layer where the gradient that it receives can be read off.

A tap has its first argument's value, and both arguments receive the cotangent of the result: what is tapped and the
probe, an input of its own, with an entry a step where a fold applies the layer. Afterwards the taps are taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from symfold.core.applied_layers import Call
from symfold.core.blocks import Block
from symfold.core.folds import Fold, apply_fold
from symfold.core.names import leaves_of, names_of
from symfold.core.nodes import Node
from symfold.core.operations import Formal, Input
from symfold.core.primitives import is_primitive, primitive
from symfold.core.sequences import stack
from symfold.core.shapes import Shape, Size
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.core.walks import rebuilt, substitute, walk

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
class Wanted:
    """A layer that a block applies: its name there, the shape of what it gives, and the folds around it, outer ones first."""

    name: Node
    shape: Shape
    counts: tuple[Size, ...] = ()
    advances: tuple[bool, ...] = ()  # in which of the folds each step has a layer of its own

    def inside(self, fold: Fold, args: Sequence[Node]) -> Wanted:
        """The same, seen from outside of a fold whose block applies the layer."""
        formals = fold.block.formals
        place = formals.index(self.name) if self.name in formals else None
        advances = place is not None and place >= fold.carries and fold.each[place - fold.carries]
        name = self.name if place is None else args[place]
        return Wanted(name, self.shape, (fold.count, *self.counts), (advances, *self.advances))


@dataclass(frozen=True)
class Probe:
    """The applications of a layer at one place of a net, and the input that takes what they receive."""

    wanted: Wanted
    source: Node
    place: int  # which fold or call of the net it belongs to

    def name(self, indices: Sequence[int]) -> str:
        """The name of the layer at one step."""
        names = names_of(self.wanted.name)
        if not names:
            return "a layer"
        steps = [k for k, advances in zip(indices, self.wanted.advances, strict=True) if advances]
        return str(names[steps[-1]] if steps else names[0])


@dataclass(frozen=True)
class Probed:
    """Roots whose layers are tapped, the probes in the order of computation, and those of the last fold's last state."""

    roots: tuple[Node, ...]
    probes: tuple[Probe, ...]
    state: tuple[Node, ...] = ()


def probed(roots: Sequence[Node], states: bool = False) -> Probed:
    """The roots with a tap on the output of every layer that is applied, inside folds as well.

    With `states`, the last state of every fold that applies layers is tapped too.
    """
    taken = {str(names_of(leaf)[0]) for leaf in leaves_of(roots) if names_of(leaf)}
    stem = "probe"
    while any(name.startswith(stem) for name in taken):
        stem += "_"
    probes: list[Probe] = []
    last: list[tuple[Node, ...]] = [()]
    places = {"count": 0}

    def leaf(wanted: Wanted) -> Node:
        first = f"{stem}{len(probes) + 1}_"
        if not wanted.counts:
            source = read = Node(Input(f"{first}1", wanted.shape))
        else:
            count, inner = wanted.counts[0], (*wanted.counts[1:], *wanted.shape)
            read = Node(StackedInputs(Numbered(first, 1, count), inner))
            source = read if count != 1 else Node(Input(f"{first}1", inner))
        probes.append(Probe(wanted, source, places["count"]))
        return read if wanted.counts != (1,) else stack([source])

    def rule(node: Node, args: tuple[Any, ...]) -> Any:
        made = _probed(node, args, leaf)
        places["count"] += made is not None
        if states and isinstance(made, tuple):
            carries = node.op.carries
            last[0] = tuple(
                Node(Input(f"{stem}0_{len(probes)}_{k + 1}", part.shape)) for k, part in enumerate(made[:carries])
            )
            return (*map(tap, made[:carries], last[0]), *made[carries:])
        return made

    new = rebuilt(roots, rule)
    return Probed(new, tuple(probes), last[0])


def _probed(node: Node, args: tuple[Any, ...], leaf: Any) -> Any:
    """A layer with a tap, or a fold whose block has them; None for any other node."""
    if isinstance(node.op, Call):
        made = Node(node.op, args)
        return tap(made, leaf(Wanted(args[0], made.shape)))
    if not isinstance(node.op, Fold):
        return None
    fold = node.op
    block, found = _tapped(fold.block)
    own = [leaf(wanted.inside(fold, args)) for wanted in found]
    if not own:
        return None
    return apply_fold(
        block, fold.count, args[: fold.carries], (*args[fold.carries :], *own), (*fold.each, *(True for _ in own))
    )


def _tapped(block: Block) -> tuple[Block, list[Wanted]]:
    """A block with a formal for the probe of every layer that it applies."""
    found: list[Wanted] = []

    def formal(wanted: Wanted) -> Node:
        found.append(wanted)
        return Node(Formal(0, len(block.shapes) + len(found) - 1, (*wanted.counts, *wanted.shape)))

    results = rebuilt(block.results, lambda node, args: _probed(node, args, formal))
    return Block((*block.shapes, *((*w.counts, *w.shape) for w in found)), results), found


def untapped(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots without taps, and without the operands of folds that nothing reads any more."""
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
    kept = [k for k, formal in enumerate(formals) if k < fold.carries or formal in used]
    replaced = {formals[k]: Node(Formal(0, place, formals[k].shape)) for place, k in enumerate(kept)}
    block = Block(tuple(formals[k].shape for k in kept), substitute(results, replaced))
    operands = [k - fold.carries for k in kept if k >= fold.carries]
    return apply_fold(
        block,
        fold.count,
        args[: fold.carries],
        [args[fold.carries + k] for k in operands],
        [fold.each[k] for k in operands],
    )


def in_order(probes: Sequence[Probe], values: Sequence[Any]) -> list[tuple[str, Any]]:
    """The applications one by one with their values, in the order of computation: step by step, in a step as it computes."""
    found: list[tuple[tuple[int, ...], str, Any]] = []
    for position, (probe, value) in enumerate(zip(probes, values, strict=True)):
        counts = tuple(int(count) for count in probe.wanted.counts)
        array = np.asarray(value)
        whole = array[None] if counts[:1] == (1,) else array
        for indices in product(*map(range, counts)):
            key = (probe.place, *indices[:1], position, *indices[1:])
            found.append((key, probe.name(indices), whole[indices]))
    return [(name, value) for _, name, value in sorted(found, key=lambda one: one[0])]
