"""PyTorch's reductions, products and attention as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symfold.core import functions
from symfold.core.conversion import as_node
from symfold.core.leaves import Constant, FrozenArray, number
from symfold.core.nodes import Node
from symfold.core.primitives import (
    Primitive,
    attention,
    broadcast_to,
    concatenate,
    cumulative_sum,
    dot,
    einsum,
    embed,
    expand,
    first_max,
    logsumexp,
    norm,
    reduce_mean,
    reduce_sum,
    reshape,
    row_numbers,
    softmax,
    swap,
)
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.choice import axes_of
from symfold.exchange.pytorch.entries import causal as causal_entries
from symfold.exchange.pytorch.losses import p_norm
from symfold.exchange.pytorch.rows import Row, evaluated, of_arguments
from symfold.exchange.reading.arrangement import part, reshaped
from symfold.exchange.reading.checks import covered
from symfold.exchange.reading.creation import filled
from symfold.exchange.reading.einsum import diagonal, sum_of_products
from symfold.exchange.reading.functions import HALF, apply, choose, clamp
from symfold.exchange.reading.indexing import array_of_constant, counted_up
from symfold.exchange.reading.reductions import cumulative_product, product


def reduction(row: Primitive) -> Row:
    def reduce(
        shape: Shape, a: Node, axis: int | Sequence[int] | None = None, keepdim: bool = False, dtype: object = None
    ) -> Node:
        return row(a, axis=axes_of(axis), keepdims=keepdim)

    return reduce


def _softmax(shape: Shape, a: Node, axis: int, *given: object, **named: object) -> Node:
    return softmax(a, axis=(axis,))


def _log_softmax(shape: Shape, a: Node, axis: int, *given: object, **named: object) -> Node:
    return a - logsumexp(a, axis=(axis,), keepdims=True)


def _linear(shape: Shape, x: Node, weight: Node, bias: Node | None = None) -> Node:
    product = dot(x, swap(weight))
    return product if bias is None else product + bias


def _addmm(shape: Shape, bias: Node, x: Node, weight: Node, beta: float = 1, alpha: float = 1) -> Node:
    covered(beta == 1 and alpha == 1, f"addmm with beta={beta} and alpha={alpha}")
    return dot(x, weight) + bias


def _baddbmm(shape: Shape, added: Node, x: Node, y: Node, beta: float = 1, alpha: float = 1) -> Node:
    product = dot(x, y) if alpha == 1 else dot(x, y) * alpha
    return product + (added if beta == 1 else added * beta)


def _embedding(shape: Shape, table: Node, numbers: Node, *given: object, **named: object) -> Node:
    if isinstance(numbers.op, Constant) and isinstance(size := table.shape[0], int):
        row_numbers(array_of_constant(numbers), size, f"it reads row {{}} of a table of {size} rows")
    count = counted_up(numbers)
    if count is None:
        return embed(table, numbers)
    rows = part(table, 0, 0, count)
    return reshaped(rows, shape)


def attention_row(truths: bool) -> Row:
    """Attention, with a mask of truth values (false: ignore) or of numbers, which are added to the scores."""

    def row(
        shape: Shape, q: Node, k: Node, v: Node, mask: Node | None = None, dropout: float = 0.0,
        causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
    ) -> Node:  # fmt: skip
        evaluated(dropout == 0.0, "attention with dropout draws numbers")
        if enable_gqa:
            k, v = (_repeated(heads, q.shape[-3]) for heads in (k, v))
        if truths and mask is not None and mask == causal_entries(mask.shape).node():
            mask, causal = None, True
        bias = bias_of(mask) if truths and mask is not None else mask
        biases = () if bias is None else (bias,)
        return attention(q, k, v, *biases, scale=float(q.shape[-1] ** -0.5 if scale is None else scale), causal=causal)

    return row


def bias_of(mask: Node) -> Node | None:
    """The bias of a mask: 0 where it is true, -inf elsewhere; None if it is true everywhere."""
    if mask == filled(mask.shape, 1):
        return None
    if not (isinstance(mask.op, Constant) and isinstance(mask.op.value, FrozenArray)):
        return choose(mask, 0, -sp.oo)
    truths = mask.op.value.array
    return None if truths.all() else as_node(np.where(truths, 0.0, -np.inf))


def _repeated(a: Node, heads: int) -> Node:
    """Heads repeated in groups, up to a number of heads."""
    *lead, groups, rows, width = a.shape
    expanded = reshape(a, shape=(*lead, groups, 1, rows, width))
    repeated = broadcast_to(expanded, shape=(*lead, groups, heads // groups, rows, width))
    return reshape(repeated, shape=(*lead, heads, rows, width))


def _bilinear(shape: Shape, a: Node, b: Node, weight: Node, bias: Node | None = None) -> Node:
    lead = "nmklpqrs"[: len(a.shape) - 1]
    left = einsum(a, weight, subscripts=f"{lead}i,oij->{lead}oj")
    result = einsum(left, b, subscripts=f"{lead}oj,{lead}j->{lead}o")
    return result if bias is None else result + bias


def _embedding_bag(
    shape: Any,
    table: Node,
    numbers: Node,
    offsets: Node,
    scale_by_frequency: bool = False,
    mode: int = 0,
    sparse: bool = False,
    weights: Node | None = None,
    last: bool = False,
    padding: int | None = None,
) -> tuple[Node, ...]:
    """Sums, means or maxima of the rows in each bag, at constant offsets; PyTorch gives bookkeeping besides."""
    starts = array_of_constant(offsets)
    covered(starts is not None, "an embedding_bag whose offsets are an input")
    ends = [*np.asarray(starts, dtype=int).tolist(), *(() if last else (numbers.shape[0],))]
    rows = embed(table, numbers)
    if weights is not None:
        rows = rows * expand(weights, axis=-1)
    counted = None if padding is None or padding < 0 else apply(functions.not_equal, numbers, padding)
    bags = [_bag(rows, counted, start, stop, mode) for start, stop in pairwise(ends)]
    width = (ends[1] - ends[0]) if len(ends) > 1 else 0
    if counted is None and width and ends == list(range(0, numbers.shape[0] + 1, width)):  # bags of one size
        grouped = reshape(rows, shape=(len(ends) - 1, width, *rows.shape[1:]))
        row = (reduce_sum, reduce_mean, first_max)[mode]
        bags = [row(grouped, axis=(-2,), keepdims=False)]
    return (concatenate(*bags, axis=-2) if len(bags) > 1 else bags[0],)


def _bag(rows: Node, counted: Node | None, start: int, stop: int, mode: int) -> Node:
    """One bag, as a row; zeros if it is empty."""
    if stop <= start:
        return broadcast_to(as_node(0), shape=(1, *rows.shape[1:]))
    read = part(rows, 0, start, stop)
    if counted is None:
        return (reduce_sum, reduce_mean, first_max)[mode](read, axis=(-2,), keepdims=True)
    marks = expand(part(counted, 0, start, stop), axis=-1)
    count = reduce_sum(marks, axis=(-2,), keepdims=True)
    if mode == 2:
        largest = first_max(choose(marks, read, -sp.oo), axis=(-2,), keepdims=True)
        return choose(count, largest, 0)
    total = reduce_sum(read * marks, axis=(-2,), keepdims=True)
    return total / apply(sp.Max, count, 1) if mode == 1 else total


def _grouped_product(
    shape: Shape, x: Node, weights: Node, ends: Node | None = None, bias: Node | None = None, dtype: object = None
) -> Node:
    """The product of each row with the matrix of its group; groups of rows end at given numbers of rows."""
    if ends is None:
        return dot(x, weights)
    covered(len(x.shape) == 2 and len(weights.shape) == 3 and bias is None, "a grouped product of other shapes")
    before_end = apply(functions.less, np.arange(x.shape[0], dtype=np.float64), expand(ends, axis=-1))
    before = concatenate(
        broadcast_to(as_node(0), shape=(1, x.shape[0])), part(before_end, 0, 0, ends.shape[0] - 1), axis=-2
    )
    in_group = before_end - before
    return reduce_sum(dot(expand(x, axis=0) * expand(in_group, axis=-1), weights), axis=(0,), keepdims=False)


def _histogram(shape: Shape, a: Node, bins: int = 100, low: float = 0, high: float = 0) -> Node:
    """The numbers of entries in bins of equal size; the last bin contains its upper end."""
    covered(high > low, "a histogram between the smallest and the largest entry")
    flat = reshape(a, shape=(prod(a.shape),))
    place = apply(sp.floor, (flat - low) * (bins / (high - low)))
    bin_of = choose(apply(functions.equal, flat, high), bins - 1, place)
    return reduce_sum(
        apply(functions.equal, expand(bin_of, axis=-1), np.arange(bins, dtype=np.float64)), axis=(0,), keepdims=False
    )


def _cosine_similarity(shape: Shape, a: Node, b: Node, axis: int = 1, eps: float = 1e-8) -> Node:
    axis = axis % len(a.shape) - len(a.shape)
    lengths = [clamp(norm(value, axis=(axis,), keepdims=True), eps) for value in (a, b)]
    return reduce_sum((a / lengths[0]) * (b / lengths[1]), axis=(axis,), keepdims=False)


def _glu(shape: Shape, a: Node, axis: int = -1) -> Node:
    half = a.shape[axis] // 2
    return part(a, axis, 0, half) * Node(functions.sigmoid, (part(a, axis, half, 2 * half),))


def _product(shape: Shape, a: Node, axis: int | None = None, keepdim: bool = False, dtype: object = None) -> Node:
    return product(shape, a, axis)


def _cumulative_sum(shape: Shape, a: Node, axis: int, dtype: object = None) -> Node:
    return cumulative_sum(a, axis=axis % len(a.shape) - len(a.shape), backward=False) if a.shape else a


def _distances(shape: Shape, a: Node, b: Node, p: float = 2.0, *given: object) -> Node:
    """The distances between the rows of two matrices."""
    return p_norm(expand(a, axis=-2) - expand(b, axis=-3), p, (-1,), False)


def _diag_embed(shape: Shape, a: Node, offset: int = 0, first: int = -2, second: int = -1) -> Node:
    """Matrices with a given diagonal."""
    covered(
        offset == 0 and (first, second) == (-2, -1), "diag_embed off the diagonal, or along axes that are not the last"
    )
    return expand(a, axis=-1) * as_node(np.eye(a.shape[-1]))


def _variance(
    shape: Any, a: Node, axis: int | Sequence[int] | bool | None = None, unbiased: object = True,
    keepdim: bool = False, correction: float | None = None,
) -> tuple[Node, Node]:  # fmt: skip
    """The variance and the mean; a truth value in the place of the axis says whether it is unbiased."""
    if isinstance(axis, bool):
        axis, unbiased = None, axis
    axes = axes_of(axis)
    lost = float(unbiased is True) if correction is None else correction
    centered = a - reduce_mean(a, axis=axes, keepdims=True)
    count = prod(a.shape[k] for k in (range(len(a.shape)) if axes is None else axes))
    total = reduce_sum(centered**2, axis=axes, keepdims=keepdim)
    return total / number(count - int(lost)), reduce_mean(a, axis=axes, keepdims=keepdim)


PRODUCTS: dict[str, Row] = {
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "dot"), of_arguments(dot)),
    **dict.fromkeys(("_grouped_mm", "transformers::grouped_mm_fallback"), _grouped_product),
    **dict.fromkeys(("softmax", "_softmax"), _softmax), **dict.fromkeys(("log_softmax", "_log_softmax"), _log_softmax),
    "sum": reduction(reduce_sum), "mean": reduction(reduce_mean), "logsumexp": reduction(logsumexp),
    "var": lambda *args, **named: _variance(*args, **named)[0], "var_mean": _variance,
    "std": lambda *args, **named: _variance(*args, **named)[0] ** HALF,
    "prod": _product, "cumprod": lambda shape, a, axis, dtype=None: cumulative_product(a, axis),
    "cumsum": _cumulative_sum, "histc": _histogram,
    "linear": _linear, "addmm": _addmm, "baddbmm": _baddbmm, "bilinear": _bilinear,
    "outer": lambda shape, a, b: reshape(a, shape=(*a.shape, 1)) * b,
    "einsum": lambda shape, equation, operands, path=None: sum_of_products(equation, operands),
    "embedding": _embedding, "embedding_bag": _embedding_bag,
    "scaled_dot_product_attention": attention_row(truths=False), "glu": _glu,
    "diagonal": lambda shape, a, offset=0, first=0, second=1: diagonal(a, first, second, offset),
    "trace": lambda shape, a: reduce_sum(diagonal(a), axis=None, keepdims=False), "diag_embed": _diag_embed,
    "cosine_similarity": _cosine_similarity, "cdist": _distances,
    "dist": lambda shape, a, b, p=2.0: p_norm(a - b, p, None, False),
}  # fmt: skip
