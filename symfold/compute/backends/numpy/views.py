"""Views: values in the memory of others, created once, for all steps of a loop together if possible."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TypeGuard

import numpy as np

from symfold.compute.backends.numpy.writer import Ref, Source
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, broadcast_to, expand, is_primitive, item, squeeze, swap
from symfold.core.sequences import reverse_row, take_row
from symfold.core.shapes import Shape, is_concrete

VIEWS = (swap, expand, squeeze, item, broadcast_to, reverse_row)


def is_view(node: Node) -> TypeGuard[Node[Apply]]:
    """Whether a node is a view of its argument."""
    if is_primitive(node, take_row):
        return isinstance(dict(node.op.attributes)["positions"], range)
    return is_primitive(node, *VIEWS)


def view(source: Source, node: Node[Apply], ref: Ref) -> Ref:
    """The view of an array; a view of a loop's entry is an entry of a view over all steps."""
    attributes = dict(node.op.attributes)

    def expression(name: str, stacked: bool) -> str:
        if is_primitive(node, swap):
            return f"{name}.swapaxes(-1, -2)" if len(node.shape) > 1 else name
        if is_primitive(node, expand):
            return f"expand_dims({name}, {attributes['axis']})"
        if is_primitive(node, squeeze):
            return f"{name}.squeeze({attributes['axis']})"
        if is_primitive(node, reverse_row):
            return f"{name}[{':, ' if stacked else ''}::-1]"
        if is_primitive(node, take_row):
            positions = attributes["positions"]
            rows = source.rows(positions)
            return f"{name}[{':, ' if stacked else ''}{rows}]"
        if is_primitive(node, broadcast_to):
            if stacked:
                extra = "None, " * (len(node.shape) - len(ref.shape))
                return f"broadcast_to({name}[:, {extra}...], (len({name}), *{source.shape(node.shape)}))"
            return f"broadcast_to({name}, {source.shape(node.shape)})"
        parts = ", ".join(":" if p == (None, None) else index_text(p) for p in attributes["index"])
        return f"{name}[{':, ' if stacked else ''}{parts}]" if stacked or "..." in parts else f"{name}[{parts}, ...]"

    if ref.level == 0:
        name = source.once("v", expression(ref.name, False))
        if is_primitive(node, swap) and len(node.shape) == 2:
            source.matrices[name] = ref.name
        return Ref(name, node.shape)
    if ref.stack is not None:
        stack = source.once("s", expression(ref.stack, True))
        scope = source.scopes[ref.level]
        name = source.name("v")
        scope.bound[name] = stack
        return Ref(name, node.shape, ref.level, stack)
    name = source.name("v")
    source.emit(f"{name} = {expression(ref.name, False)}")
    return Ref(name, node.shape, source.scope.level)


NARROW = 16  # a last axis too short for NumPy's inner loops
SPREAD = 2**20  # numbers that may be stored to avoid such axes
NEAR = 2**14  # numbers of an array that all steps find in the cache


def spread(source: Source, ref: Ref, shape: Shape) -> Ref:
    """A row that steps add to many rows, repeated before the loop: broadcasting is three times slower.

    This pays for narrow rows, and for others if all steps share them and the repeated row stays in the cache.
    """
    stacked, operand = ref.stack is not None, ref.stack or ref.name
    row = len(shape) == 2 and is_concrete(shape) and ref.shape == (1, shape[1]) and shape[0] > 1
    row = row and (shape[1] <= NARROW or (not stacked and prod(shape) <= NEAR))
    if (
        not row
        or source.scope.level != 1
        or operand not in source.scope.given
        or stacked * source.scope.number * prod(shape) > SPREAD
    ):
        return ref
    memo = source.scope.spread
    if (operand, shape) not in memo:
        name = source.once(
            "r", f"empty((len({operand}), *{source.shape(shape)}))" if stacked else f"empty({source.shape(shape)})"
        )
        source.scopes[0].lines.append(
            f"take({operand}, {source.array('i', np.zeros(shape[0], dtype=int))}, {int(stacked)}, {name}, 'clip')"
        )
        memo[operand, shape] = Ref(name, ("steps", *shape) if stacked else shape, whole=True)
    repeated = memo[operand, shape]
    return source.entry(repeated, shape) if stacked else repeated


FEW, MANY = 128, 4096  # neighbors that one number meets: NumPy's inner loops over as many take up to twice as long


@lru_cache(maxsize=1024)
def has_neighbors(shape: Shape) -> bool:
    """Whether an array of this shape may be large enough for `widened`, which long nets ask often."""
    return is_concrete(shape) and prod(map(int, shape)) >= 8 * FEW


def widened(source: Source, ref: Ref, shape: Shape) -> Ref:
    """One number per channel, say, repeated for its neighbors, so that inner loops run over several channels."""
    if ref.shape == shape or not has_neighbors(shape) or not is_concrete(ref.shape) or prod(ref.shape) == 1:
        return ref
    rank = 0
    while rank < len(ref.shape) and ref.shape[-rank - 1] == 1:
        rank += 1
    neighbors = prod(map(int, shape[len(shape) - rank :]))
    if not FEW <= neighbors <= MANY or prod(map(int, shape)) < 8 * neighbors * prod(map(int, ref.shape)):
        return ref
    wide = source.scratch((*ref.shape[: len(ref.shape) - rank], *shape[len(shape) - rank :]))
    source.emit(f"copyto({wide.name}, {ref.name})")
    return wide


TURNS = 8  # steps from which on a copy of a matrix pays


def untransposed(source: Source, ref: Ref) -> Ref:
    """A transposed matrix that steps multiply with, copied before the loops: such products can be twice as fast."""
    loops, matrix = source.scopes[1:], source.matrices.get(ref.name)
    shared = matrix is not None and all({matrix, ref.name} & scope.given for scope in loops)
    if matrix is None or not shared or prod(scope.number for scope in loops) < TURNS:
        return ref
    if ref.name not in source.copies:
        source.copies[ref.name] = source.once("w", f"empty({source.shape(ref.shape)})")
        source.scopes[0].lines.append(f"copyto({source.copies[ref.name]}, {ref.name})")
    return Ref(source.copies[ref.name], ref.shape, whole=True)


def index_text(part: object) -> str:
    if part is ...:
        return "..."
    if isinstance(part, tuple):
        return ":".join("" if p is None else str(p) for p in part)
    return str(part)
