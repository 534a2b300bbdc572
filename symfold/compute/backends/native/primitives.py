"""Primitives that are neither products nor views: reductions, concatenations, softmax; one row each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from symfold.compute.backends.native.approximations import exp, log
from symfold.compute.backends.native.argmax import write_at_max
from symfold.compute.backends.native.arrays import Array, indexed
from symfold.compute.backends.native.copies import copy, fill
from symfold.compute.backends.native.folds import entry
from symfold.compute.backends.native.loops import Chunk, everywhere, fetch, reduce
from symfold.compute.backends.native.row_lookup import (
    write_add_embedded,
    write_add_rows,
    write_embed,
    write_take_row,
)
from symfold.compute.backends.native.windows import write_add_windows
from symfold.compute.backends.native.writer import Source
from symfold.core.nodes import Node
from symfold.core.primitives import (
    Apply,
    add_embedded,
    add_windows,
    at_max,
    concatenate,
    cumulative_sum,
    embed,
    first_max,
    is_primitive,
    logsumexp,
    put,
    reduce_max,
    reduce_mean,
    reduce_sum,
    safe_softmax,
    share,
    softmax,
    sum_like,
    sum_to,
)
from symfold.core.sequences import add_rows, stack_row, take_row
from symfold.errors import NoRule


def write_primitive(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    """Write the code that computes a primitive into its target."""
    for rows, write in RULES:
        if is_primitive(node, *rows):
            write(source, node, args, axes, target, axis)
            return
    raise NoRule(f"the native backend has no code for {node.op.primitive.name!r} (take backend='numpy')")


def reduced_to(
    source: Source, node: Node, value: Array, axes: Sequence[int], target: Array, name: str = "fadd", scale: float = 1.0
) -> None:
    """A reduction of a value in memory; the reduced axes of the target have size 1."""
    reduce(source.code, Chunk((), {node: value}, {}), node, axes, target, name, scale)


def write_reduction(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    attributes = dict(node.op.attributes)
    over = attributes["axis"] if attributes["axis"] is not None else tuple(range(-len(args[0].shape), 0))
    count = prod(args[0].shape[k] for k in over)
    full = target if attributes["keepdims"] else with_reduced_axes(target, over, len(args[0].shape))
    mean_scale = 1.0 / count if count else math.nan  # the mean of nothing is nan
    name = "maximum" if is_primitive(node, reduce_max, first_max) else "fadd"
    scale = mean_scale if is_primitive(node, reduce_mean) else 1.0
    reduced_to(source, node.args[0], args[0], over, full, name, scale)


def with_reduced_axes(target: Array, axes: Sequence[int], rank: int) -> Array:
    """A reduced array with its reduced axes, of size 1."""
    shape, strides, remaining = [], [], 0
    for k in range(-rank, 0):
        if k in axes:
            shape.append(1)
            strides.append(0)
        else:
            shape.append(target.shape[remaining])
            strides.append(target.strides[remaining])
            remaining += 1
    return Array(target.base, tuple(shape), tuple(strides), target.offset)


def write_sum_to(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    value = args[0]
    extra = len(value.shape) - len(target.shape)
    full = Array(target.base, (1,) * extra + target.shape, (0,) * extra + target.strides, target.offset)
    over = [
        k - len(value.shape)
        for k in range(len(value.shape))
        if k < extra or (full.shape[k] == 1 and value.shape[k] != 1)
    ]
    if over:
        reduced_to(source, node.args[0], value, over, full)
    else:
        copy(source.code, value, target, source.extents(target.shape, axis))


def write_share(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    over = dict(node.op.attributes)["axis"]
    count = prod(args[0].shape[k] for k in (over if over is not None else range(-len(args[0].shape), 0)))
    fill(source.code, target, target.shape, 1.0 / count if count else math.inf)


def write_concatenate(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    along, start = dict(node.op.attributes)["axis"], 0
    for arg in args:
        size = arg.shape[along]
        part = target.moved(len(target.shape) + along, start, size)
        start += size
        copy(source.code, arg, part, source.extents(part.shape, axis))


def write_stack(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    for k, arg in enumerate(args):
        part = target.entry(0, k)
        copy(source.code, arg, part, source.extents(part.shape, axis))


def write_put(
    source: Source,
    node: Node[Apply],
    args: Sequence[Array],
    axes: Sequence[int | None],
    target: Array,
    axis: int | None,
) -> None:
    fill(source.code, target, source.extents(target.shape, axis), 0.0)
    part = indexed(target, dict(node.op.attributes)["index"])
    part_axis = axis if axis is None else axes[0]
    copy(source.code, args[0].spread(part.shape), part, source.extents(part.shape, part_axis))


def exponentials(
    source: Source, node: Node, value: Array, over: Sequence[int], axis: Any
) -> tuple[Array, Array, Array]:
    """exp(a - max a), the maximum, and the sum of the exponentials; reduced axes have size 1.

    If the maximum is -inf, every exponential is 0. If it is inf, those of infinite entries are 1 and all others 0.
    """
    code, rank = source.code, len(value.shape)
    reduced_shape = tuple(1 if k - rank in over else size for k, size in enumerate(value.shape))
    top, total = source.array(reduced_shape, axis), source.array(reduced_shape, axis)
    powers = source.array(value.shape, axis)
    reduced_to(source, node.args[0], value, over, top, "maximum")
    spread = top.spread(value.shape)

    def shifted(where: Any, lanes: int) -> None:
        a, b = (fetch(code, where(array), lanes) for array in (value, spread))
        size = code.intrinsic("fabs", b)
        shift = code.select("oeq", code.number(0), b, size, code.number(math.inf))
        power = exp(code, code.binary("fsub", a, shift))
        at_top = code.select("oeq", code.number(1), code.number(0), a, b)
        code.store(code.select("oeq", at_top, power, b, code.number(math.inf)), *where(powers))

    everywhere(code, source.extents(value.shape, axis), [powers, value, spread], shifted)
    reduced_to(source, node.args[0], powers, over, total)
    return powers, top, total


def write_softmax(
    source: Source, node: Node[Apply], args: Sequence[Array], axes: Sequence[Any], target: Array, axis: Any
) -> None:
    """Softmax; if every entry is -inf, `safe_softmax` gives 0 and `softmax` nan."""
    code, safe = source.code, is_primitive(node, safe_softmax)
    powers, top, total = exponentials(source, node, args[0], dict(node.op.attributes)["axis"], axes[0])
    spread, tops = total.spread(powers.shape), top.spread(powers.shape)

    def divided(where: Any, lanes: int) -> None:
        a, b = (fetch(code, where(array), lanes) for array in (powers, spread))
        share = code.binary("fdiv", a, b)
        if safe:
            share = code.select("oeq", code.number(0), share, b, code.number(0))
        else:
            largest = fetch(code, where(tops), lanes)
            share = code.select("oeq", code.number(math.nan), share, largest, code.number(math.inf))
        code.store(share, *where(target))

    everywhere(code, source.extents(target.shape, axis), [target, powers, spread, tops], divided)


def write_logsumexp(
    source: Source, node: Node[Apply], args: Sequence[Array], axes: Sequence[Any], target: Array, axis: Any
) -> None:
    code, attributes, value = source.code, dict(node.op.attributes), args[0]
    over = attributes["axis"] if attributes["axis"] is not None else tuple(range(-len(value.shape), 0))
    _, top, total = exponentials(source, node, value, over, axes[0] if axes[0] not in over else None)
    full = target if attributes["keepdims"] else with_reduced_axes(target, over, len(value.shape))

    def added(where: Any, lanes: int) -> None:
        a, b = (fetch(code, where(array), lanes) for array in (total, top))
        code.store(code.binary("fadd", log(code, a), b), *where(full))

    everywhere(code, top.shape, [full, total, top], added)


def write_cumulative_sum(
    source: Source, node: Node[Apply], args: Sequence[Array], axes: Sequence[Any], target: Array, axis: Any
) -> None:
    """A copy; from the second entry on, each has the entry before it added, in order."""
    code, attributes, extents = source.code, dict(node.op.attributes), source.extents(target.shape, axis)
    along = len(target.shape) + attributes["axis"]
    size = target.shape[along]
    copy(code, args[0], target, extents)
    ordered = target.moved(along, size - 1, size, -1) if attributes["backward"] else target
    later = ordered.moved(along, 1, size - 1)
    del extents[along]

    def step(k: str, _: list[Any]) -> list[Any]:
        into, addend = entry(code, later, k, along), entry(code, ordered, k, along)

        def add(where: Any, lanes: int) -> None:
            total = code.binary("fadd", fetch(code, where(into), lanes), fetch(code, where(addend), lanes))
            code.store(total, *where(into))

        everywhere(code, extents, [into, addend], add)
        return []

    with code.alone():
        code.loop(size - 1, step)


Write = Callable[[Source, Node[Apply], Sequence[Array], Sequence[Any], Array, Any], None]

RULES: list[tuple[tuple[Any, ...], Write]] = [
    ((reduce_sum, reduce_mean, reduce_max, first_max), write_reduction),
    ((at_max,), write_at_max),
    ((sum_to, sum_like), write_sum_to),
    ((share,), write_share),
    ((concatenate,), write_concatenate),
    ((stack_row,), write_stack),
    ((put,), write_put),
    ((take_row,), write_take_row),
    ((add_rows,), write_add_rows),
    ((embed,), write_embed),
    ((add_embedded,), write_add_embedded),
    ((cumulative_sum,), write_cumulative_sum),
    ((add_windows,), write_add_windows),
    ((softmax, safe_softmax), write_softmax),
    ((logsumexp,), write_logsumexp),
]
