"""How JAX computes primitives, one row each."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special

from symfold import primitives as p
from symfold.primitives import Primitive
from symfold.sequences import Positions, add_rows, reverse_row, stack_row, take_row


def _indexed(index: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(slice(*part) if isinstance(part, tuple) else part for part in index)


def _positions(positions: Positions) -> Any:
    """Positions as a slice where they follow each other: a copy of memory, and no gathering."""
    return slice(positions.start, positions.stop) if isinstance(positions, range) and positions.step == 1 else jnp.asarray(positions)


def _sum_to(a: Any, shape: tuple[int, ...]) -> Any:
    extra = jnp.ndim(a) - len(shape)
    kept = jnp.sum(a, axis=tuple(range(extra)))
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and kept.shape[axis] != 1)
    return jnp.sum(kept, axis=axes, keepdims=True).reshape(shape)


def _joined(a: Any, axis: tuple[int, ...] | None) -> int:
    """How many entries a reduction joins."""
    shape = jnp.shape(a)
    return prod(shape if axis is None else (shape[one] for one in axis))


def _concatenated(*parts: Any, axis: int) -> Any:
    """Parts one after the other; their other axes broadcast."""
    parts = tuple(map(jnp.asarray, parts))
    where = axis % parts[0].ndim
    others = jnp.broadcast_shapes(*(part.shape[:where] + (1,) + part.shape[where + 1 :] for part in parts))
    return jnp.concatenate([jnp.broadcast_to(part, (*others[:where], part.shape[where], *others[where + 1 :])) for part in parts], axis=where)


def _windows(a: Any, kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, fill: float) -> Any:
    rank = len(kernel)
    padded = jnp.pad(a, [(0, 0)] * (jnp.ndim(a) - rank) + [(one, one) for one in padding], constant_values=fill)
    shape = p.windows.shape(jnp.shape(a), kernel=kernel, stride=stride, padding=padding, dilation=dilation, fill=fill)
    places = shape[-2 * rank : -rank]
    return jnp.stack([padded[at] for at in p.window_slices(places, kernel, stride, dilation)], axis=-1).reshape(shape)


def _add_windows(bar: Any, like: Any, kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, fill: float) -> Any:
    rank, shape = len(kernel), jnp.shape(like)
    full = jnp.zeros((*shape[:-rank], *(n + 2 * one for n, one in zip(shape[-rank:], padding, strict=True))), jnp.result_type(bar))
    parts = jnp.reshape(bar, (*jnp.shape(bar)[:-rank], -1))
    for number, at in enumerate(p.window_slices(jnp.shape(bar)[-2 * rank : -rank], kernel, stride, dilation)):
        full = full.at[at].add(parts[..., number])
    return full[(..., *(slice(one, one + n) for n, one in zip(shape[-rank:], padding, strict=True)))]


def _rows(numbers: Any) -> Any:
    return jnp.asarray(numbers).astype(int)


def _at_max(a: Any, axis: Any) -> Any:
    """1 at the first largest entry along the axes, 0 elsewhere."""
    axes = tuple(range(a.ndim)) if axis is None else axis
    moved = jnp.moveaxis(a, axes, range(-len(axes), 0))
    flat = moved.reshape(*moved.shape[: moved.ndim - len(axes)], -1)
    marks = jax.nn.one_hot(flat.argmax(-1), flat.shape[-1], dtype=a.dtype)
    return jnp.moveaxis(marks.reshape(moved.shape), range(-len(axes), 0), axes)


ROWS: dict[Primitive, Callable[..., Any]] = {
    p.reshape: lambda a, shape: jnp.reshape(a, shape),
    p.expand: lambda a, axis: jnp.expand_dims(a, axis),
    p.squeeze: lambda a, axis: jnp.squeeze(a, axis),
    p.concatenate: _concatenated,
    p.item: lambda a, index: jnp.asarray(a)[_indexed(index)],
    p.put: lambda a, like, index: jnp.zeros(jnp.shape(like), jnp.result_type(like)).at[_indexed(index)].set(a),
    p.sum_to: _sum_to,
    p.sum_like: lambda a, like: _sum_to(a, jnp.shape(like)),
    p.broadcast_to: lambda a, shape: jnp.broadcast_to(a, shape),
    p.broadcast_like: lambda a, like: jnp.broadcast_to(a, jnp.broadcast_shapes(jnp.shape(a), jnp.shape(like))),
    p.alike: lambda a, b: a,
    p.single: lambda a: a,
    p.dot: jnp.matmul,
    p.swap: lambda a: jnp.swapaxes(a, -1, -2) if jnp.ndim(a) > 1 else a,
    p.permute: lambda a, axes: jnp.transpose(a, axes),
    p.embed: lambda table, numbers: jnp.asarray(table)[_rows(numbers)],
    p.add_embedded: lambda bar, table, numbers: jnp.zeros(jnp.shape(table), jnp.result_type(bar)).at[_rows(numbers)].add(bar),
    p.windows: _windows,
    p.add_windows: _add_windows,
    p.reduce_sum: lambda a, axis, keepdims: jnp.sum(a, axis=axis, keepdims=keepdims),
    p.reduce_mean: lambda a, axis, keepdims: jnp.sum(a, axis=axis, keepdims=keepdims) / _joined(a, axis),
    p.share: lambda a, axis: 1.0 / _joined(a, axis),
    p.softmax: lambda a, axis: jax.nn.softmax(a, axis=axis),
    p.reduce_max: lambda a, axis, keepdims: jnp.max(a, axis=axis, keepdims=keepdims),
    p.at_max: _at_max,
    p.causal: lambda a: jnp.where(jnp.tril(jnp.ones(jnp.shape(a)[-2:], bool)), 0.0, -jnp.inf).astype(jnp.result_type(a)),
    p.einsum: lambda *parts, subscripts: jnp.einsum(subscripts, *parts),
    p.logsumexp: lambda a, axis, keepdims: special.logsumexp(a, axis=axis, keepdims=keepdims),
    stack_row: lambda *parts: jnp.stack(jnp.broadcast_arrays(*parts)),
    take_row: lambda a, positions: a[_positions(positions)],
    add_rows: lambda a, like, positions: jnp.zeros(jnp.shape(like), jnp.result_type(like)).at[_positions(positions)].add(a),
    reverse_row: lambda a: jnp.flip(a, 0),
}


def row_of(primitive: Primitive) -> Callable[..., Any]:
    """How JAX computes a primitive; one without a row is one without arithmetic: it hands an argument on, or says that it has no numbers."""
    return ROWS.get(primitive, primitive.evaluate)
