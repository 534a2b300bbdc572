"""What PyTorch's operations are as nodes: one row an operation, by its name in ATen, for all its overloads.

A row takes the shape of the result, as PyTorch inferred it, and the operation's arguments, with nodes for tensors.
Operations of one result give a node, others a tuple. A case that a row does not cover is a `NoRule` that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import sympy as sp

from symfold import functions
from symfold.errors import NoRule
from symfold.exchange.torch_recurrent import RECURRENT
from symfold.functions import Head
from symfold.lifting import lift
from symfold.nodes import Node
from symfold.operations import Constant, FrozenArray
from symfold.primitives import (
    broadcast_to,
    concatenate,
    convolution,
    dot,
    embed,
    item,
    permute,
    reduce_mean,
    reduce_sum,
    reshape,
    softmax,
    swap,
    windows,
)
from symfold.sequences import stack

Row = Callable[..., Any]
HALF, LOW = sp.Rational(1, 2), -1e30  # what a masked entry gets: its exponential is 0, and no number is infinite


def covered(holds: bool, what: str) -> None:
    """A case that a row stands for, or the error that says which case it is not."""
    if not holds:
        raise NoRule(f"{what} has no rule")


# ---------------------------------------------------------------- elementwise


def elementwise(head: Head) -> Row:
    return lambda shape, *args: Node(head, tuple(map(lift, args)))


def _add(shape: Any, a: Any, b: Any, alpha: Any = 1) -> Node:
    return lift(a) + (b if alpha == 1 else b * alpha)


def _sub(shape: Any, a: Any, b: Any, alpha: Any = 1) -> Node:
    return lift(a) - (b if alpha == 1 else b * alpha)


def _divide(shape: Any, a: Any, b: Any, rounding_mode: Any = None) -> Node:
    covered(rounding_mode is None, f"a division with rounding_mode={rounding_mode!r}")
    return lift(a) / b


def _gelu(shape: Any, a: Node, approximate: str = "none") -> Node:
    if approximate == "tanh":
        inner = (a + a**3 * 0.044715) * float(np.sqrt(2 / np.pi))
        return a * (Node(sp.tanh, (inner,)) + 1) * HALF
    return Node(functions.gelu, (a,))


def _softplus(shape: Any, a: Node, beta: Any = 1, threshold: Any = 20) -> Node:
    return Node(functions.softplus, (a,)) if beta == 1 else Node(functions.softplus, (a * beta,)) / beta


def _clamp(shape: Any, a: Node, low: Any = None, high: Any = None) -> Node:
    above = a if low is None else Node(sp.Max, (a, lift(low)))
    return above if high is None else Node(sp.Min, (above, lift(high)))


def _leaky_relu(shape: Any, a: Node, slope: Any = 0.01) -> Node:
    return Node(functions.relu, (a,)) - Node(functions.relu, (-a,)) * slope


def _elu(shape: Any, a: Node, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1) -> Node:
    below = Node(sp.exp, (Node(sp.Min, (a, lift(0))) * input_scale,)) - 1
    return (Node(functions.relu, (a,)) + below * alpha) * scale


# ---------------------------------------------------------------- arrangement


def _reshape(shape: Any, a: Node, *given: Any, **named: Any) -> Node:
    return a if a.shape == shape else reshape(a, shape=shape)


def ordered(a: Node, axes: Sequence[int]) -> Node:
    """A tensor with its axes in another order, spelled as a transpose where it is one."""
    rank = len(a.shape)
    wanted = tuple(axis % rank - rank for axis in axes)
    plain = tuple(range(-rank, 0))
    if wanted == plain:
        return a
    return swap(a) if wanted == (*plain[:-2], -1, -2) else permute(a, axes=wanted)


def _transpose(shape: Any, a: Node, first: int = 0, second: int = 1) -> Node:
    axes = list(range(len(a.shape)))
    axes[first], axes[second] = axes[second], axes[first]
    return ordered(a, axes)


def _expand(shape: Any, a: Node, *given: Any, **named: Any) -> Node:
    return a if a.shape == shape else broadcast_to(a, shape=shape)


def _select(shape: Any, a: Node, axis: int, index: int) -> Node:
    axis %= len(a.shape)
    return item(a, index=(*((None, None),) * axis, index % a.shape[axis]))


def part(a: Node, axis: int, start: int, stop: int) -> Node:
    """The entries from start to stop along an axis."""
    axis %= len(a.shape)
    return a if (start, stop) == (0, a.shape[axis]) else item(a, index=(*((None, None),) * axis, (start, stop)))


def _slice(shape: Any, a: Node, axis: int = 0, start: Any = None, stop: Any = None, step: int = 1) -> Node:
    covered(step == 1, f"a slice in steps of {step}")
    first, last, _ = slice(start, stop).indices(a.shape[axis % len(a.shape)])
    return part(a, axis, first, max(first, last))


def _split(shape: Any, a: Node, sizes: Any, axis: int = 0) -> tuple[Node, ...]:
    total = a.shape[axis]
    each = list(sizes) if isinstance(sizes, (list, tuple)) else [min(sizes, total - k) for k in range(0, total, sizes)]
    ends = np.cumsum([0, *each]).tolist()
    return tuple(part(a, axis, start, stop) for start, stop in pairwise(ends))


def _chunk(shape: Any, a: Node, count: int, axis: int = 0) -> tuple[Node, ...]:
    return _split(shape, a, -(-a.shape[axis] // count), axis)


def _unbind(shape: Any, a: Node, axis: int = 0) -> tuple[Node, ...]:
    return tuple(_select((), a, axis, k) for k in range(a.shape[axis]))


def _cat(shape: Any, parts: Sequence[Node], axis: int = 0) -> Node:
    return concatenate(*parts, axis=axis % len(shape) - len(shape)) if len(parts) > 1 else parts[0]


def _stack(shape: Any, parts: Sequence[Node], axis: int = 0) -> Node:
    axis %= len(shape)
    if axis == 0:
        return stack(parts)
    single = (*shape[:axis], 1, *shape[axis + 1 :])
    return _cat(shape, [reshape(one, shape=single) for one in parts], axis)


def _where(shape: Any, mask: Node, a: Any, b: Any) -> Node:
    """One or the other, by a mask that is known: sums of products, so an infinite number is taken as a large one."""
    covered(isinstance(mask.op, Constant) and isinstance(mask.op.value, FrozenArray), "a choice by values")
    chosen = mask.op.value.array.astype(float)
    a, b = (max(LOW, min(one, -LOW)) if isinstance(one, (int, float)) else one for one in (a, b))
    return lift(a) * lift(chosen) + lift(b) * lift(1.0 - chosen)


# ---------------------------------------------------------------- reductions and products


def reduction(row: Any) -> Row:
    def reduce(shape: Any, a: Node, axis: Any = None, keepdim: bool = False, dtype: Any = None) -> Node:
        axes = tuple(axis) if isinstance(axis, (list, tuple)) else None if axis is None else (axis,)
        return row(a, axis=axes or None, keepdims=keepdim)

    return reduce


def _softmax(shape: Any, a: Node, axis: int, *given: Any, **named: Any) -> Node:
    return softmax(a, axis=(axis,))


def _linear(shape: Any, x: Node, weight: Node, bias: Node | None = None) -> Node:
    product = dot(x, swap(weight))
    return product if bias is None else product + bias


def _addmm(shape: Any, bias: Node, x: Node, weight: Node, beta: Any = 1, alpha: Any = 1) -> Node:
    covered(beta == 1 and alpha == 1, f"addmm with beta={beta} and alpha={alpha}")
    return dot(x, weight) + bias


def _embedding(shape: Any, table: Node, numbers: Node, *given: Any, **named: Any) -> Node:
    return embed(table, numbers)


def _layer_norm(shape: Any, x: Node, sizes: Sequence[int], weight: Node | None = None, bias: Node | None = None, eps: float = 1e-5, *given: Any) -> Node:
    axes = tuple(range(-len(sizes), 0))
    centred = x - reduce_mean(x, axis=axes, keepdims=True)
    variance = reduce_mean(centred * centred, axis=axes, keepdims=True)
    return _scaled(centred * (variance + eps) ** -HALF, weight, bias)


def _rms_norm(shape: Any, x: Node, sizes: Sequence[int], weight: Node | None = None, eps: float | None = None) -> Node:
    covered(eps is not None, "rms_norm without eps")
    return _scaled(x * (reduce_mean(x * x, axis=tuple(range(-len(sizes), 0)), keepdims=True) + eps) ** -HALF, weight, None)


def _scaled(x: Node, weight: Node | None, bias: Node | None) -> Node:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


def _batch_norm(shape: Any, x: Node, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, momentum: float, eps: float, *given: Any) -> Node:
    covered(not training and mean is not None, "batch_norm that takes its statistics from the batch (call .eval() on the module first)")
    tall = (x.shape[1], *(1,) * (len(x.shape) - 2))
    mean, variance, weight, bias = (one if one is None else reshape(one, shape=tall) for one in (mean, variance, weight, bias))
    return _scaled((x - mean) * (variance + eps) ** -HALF, weight, bias)


def _batch_norm_evaluated(shape: Any, x: Node, weight: Any, bias: Any, mean: Any, variance: Any, momentum: float, eps: float) -> tuple[Node, ...]:
    none = lift(np.zeros(0))
    return _batch_norm(shape, x, weight, bias, mean, variance, False, momentum, eps), none, none


def masked(scores: Node, mask: Any) -> Node:
    """Scores with a mask: added if it is one of numbers, and if it is one of truth values, low where it says false."""
    if isinstance(mask.op, Constant) and isinstance(mask.op.value, FrozenArray) and mask.op.value.array.dtype.kind == "b":
        allowed = mask.op.value.array
        return scores if allowed.all() else scores + lift(np.where(allowed, 0.0, LOW))
    return scores + mask


def _attention(shape: Any, q: Node, k: Node, v: Node, mask: Any = None, dropout: float = 0.0, causal: bool = False,
               scale: float | None = None, enable_gqa: bool = False) -> Node:  # fmt: skip
    covered(dropout == 0.0, "attention with dropout (call .eval() on the module first)")
    if enable_gqa:
        k, v = (_repeated(one, q.shape[-3]) for one in (k, v))
    scores = dot(q, swap(k)) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        scores = masked(scores, lift(np.tri(q.shape[-2], k.shape[-2], dtype=bool)))
    return dot(softmax(scores if mask is None else masked(scores, mask), axis=(-1,)), v)


def _repeated(a: Node, heads: int) -> Node:
    """Every head as often as makes so many of them."""
    *lead, own, rows, width = a.shape
    wide = broadcast_to(reshape(a, shape=(*lead, own, 1, rows, width)), shape=(*lead, own, heads // own, rows, width))
    return reshape(wide, shape=(*lead, heads, rows, width))


# ---------------------------------------------------------------- images


def sizes(given: Any, rank: int) -> tuple[int, ...]:
    """A size for each of the last axes, where one may be given for all."""
    listed = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    return listed * rank if len(listed) == 1 else listed


def _convolution(shape: Any, x: Node, weight: Node, bias: Node | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Node:
    covered(not isinstance(padding, str), f"a convolution with padding={padding!r}")
    rank = len(weight.shape) - 2
    each = [sizes(given, rank) for given in (stride, padding, dilation)]
    kernels = _chunk((), weight, groups, 0)
    parts = [convolution(one, kernel, *each) for one, kernel in zip(_chunk((), x, groups, 1), kernels, strict=True)]
    result = _cat(shape, parts, 1)
    return result if bias is None else result + reshape(bias, shape=(bias.shape[0], *(1,) * rank))


def _general_convolution(shape: Any, x: Node, weight: Node, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any, groups: int) -> Node:
    covered(not transposed, "a transposed convolution")
    return _convolution(shape, x, weight, bias, stride, padding, dilation, groups)


def pooled(x: Node, kernel: Any, stride: Any, padding: Any, dilation: Any, rank: int, fill: float) -> tuple[Node, tuple[int, ...]]:
    kernel = sizes(kernel, rank)
    step = sizes(stride, rank) if stride not in (None, [], ()) else kernel
    return windows(x, kernel=kernel, stride=step, padding=sizes(padding, rank), dilation=sizes(dilation, rank), fill=fill), kernel


def max_pool(rank: int) -> Row:
    def row(shape: Any, x: Node, kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False) -> Node:
        covered(not ceil_mode, "max_pool with ceil_mode")
        read, kernel = pooled(x, kernel, stride, padding, dilation, rank, LOW)
        flat = reshape(read, shape=(*read.shape[:-rank], prod(kernel)))
        return Node(sp.Max, tuple(_select((), flat, -1, k) for k in range(prod(kernel))))

    return row


def avg_pool(rank: int) -> Row:
    def row(shape: Any, x: Node, kernel: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True, divisor: Any = None) -> Node:
        covered(not ceil_mode and divisor is None and (count_include_pad or not any(sizes(padding, rank))), "avg_pool with these options")
        read, kernel = pooled(x, kernel, stride, padding, 1, rank, 0.0)
        return reduce_mean(read, axis=tuple(range(-len(kernel), 0)), keepdims=False)

    return row


def _adaptive_mean(shape: Any, x: Node, wanted: Any) -> Node:
    rank = len(wanted)
    before, after = x.shape[-rank:], shape[-rank:]
    covered(all(a % b == 0 for a, b in zip(before, after, strict=True)), f"adaptive_avg_pool from {before} to {after}")
    kernel = tuple(a // b for a, b in zip(before, after, strict=True))
    if set(after) == {1}:
        return reduce_mean(x, axis=tuple(range(-rank, 0)), keepdims=True)
    return avg_pool(rank)(shape, x, kernel)


def same(shape: Any, a: Node, *given: Any, **named: Any) -> Node:
    """What changes nothing of the numbers."""
    return a


def _dropout(shape: Any, a: Node, p: float = 0.5, train: bool = False) -> Node:
    covered(not train or p == 0, "dropout in training mode (call .eval() on the module first)")
    return a


OPERATIONS: dict[str, Row] = {
    **{name: elementwise(head) for name, head in {
        "mul": sp.Mul, "pow": sp.Pow, "exp": sp.exp, "log": sp.log, "abs": sp.Abs, "sign": sp.sign, "floor": sp.floor, "ceil": sp.ceiling,
        "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh, "asin": sp.asin, "acos": sp.acos,
        "atan": sp.atan, "asinh": sp.asinh, "acosh": sp.acosh, "atanh": sp.atanh, "atan2": sp.atan2, "erf": sp.erf, "erfc": sp.erfc,
        "sigmoid": functions.sigmoid, "relu": functions.relu, "maximum": sp.Max, "minimum": sp.Min,
    }.items()},
    "add": _add, "sub": _sub, "div": _divide,
    "rsub": lambda shape, a, b, alpha=1: _sub(shape, b, a, alpha),
    "neg": lambda shape, a: -a,
    "reciprocal": lambda shape, a: a**-1,
    "square": lambda shape, a: a**2,
    "sqrt": lambda shape, a: a**HALF,
    "rsqrt": lambda shape, a: a ** -HALF,
    "silu": lambda shape, a: Node(functions.silu, (a,)),
    "gelu": _gelu, "softplus": _softplus, "clamp": _clamp, "leaky_relu": _leaky_relu, "elu": _elu,
    "clamp_min": lambda shape, a, low: _clamp(shape, a, low), "clamp_max": lambda shape, a, high: _clamp(shape, a, None, high),
    "hardtanh": lambda shape, a, low=-1, high=1: _clamp(shape, a, low, high),
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "flatten", "unflatten", "unsqueeze", "squeeze"), _reshape),
    **dict.fromkeys(("contiguous", "clone", "detach", "alias", "lift_fresh_copy", "to", "_to_copy", "type_as", "float", "double"), same),
    **dict.fromkeys(("dropout", "feature_dropout"), _dropout),
    "where": _where, "masked_fill": lambda shape, a, mask, value: _where(shape, mask, value, a),
    "permute": lambda shape, a, axes: ordered(a, axes),
    "transpose": _transpose, "t": _transpose, "numpy_T": lambda shape, a: ordered(a, range(len(a.shape))[::-1]), "expand": _expand, "expand_as": _expand, "broadcast_to": _expand,
    "select": _select, "slice": _slice, "narrow": lambda shape, a, axis, start, count: part(a, axis, start, start + count),
    "split": _split, "split_with_sizes": _split, "chunk": _chunk, "unbind": _unbind, "cat": _cat, "concat": _cat, "stack": _stack,
    "sum": reduction(reduce_sum), "mean": reduction(reduce_mean),
    "softmax": _softmax, "_softmax": _softmax,
    "matmul": lambda shape, a, b: dot(a, b), "mm": lambda shape, a, b: dot(a, b), "bmm": lambda shape, a, b: dot(a, b),
    "linear": _linear, "addmm": _addmm, "embedding": _embedding,
    "layer_norm": _layer_norm, "rms_norm": _rms_norm, "batch_norm": _batch_norm, "scaled_dot_product_attention": _attention,
    "_native_batch_norm_legit_no_training": _batch_norm_evaluated, "convolution": _general_convolution,
    "conv1d": _convolution, "conv2d": _convolution, "conv3d": _convolution,
    "max_pool1d": max_pool(1), "max_pool2d": max_pool(2), "avg_pool1d": avg_pool(1), "avg_pool2d": avg_pool(2),
    "adaptive_avg_pool1d": _adaptive_mean, "adaptive_avg_pool2d": _adaptive_mean,
    **RECURRENT,
}  # fmt: skip

# operations that do to whole numbers what they do to others
WHOLE = frozenset({
    "view", "reshape", "_unsafe_view", "flatten", "unflatten", "unsqueeze", "squeeze", "permute", "transpose", "t", "numpy_T", "expand", "expand_as", "broadcast_to",
    "select", "slice", "narrow", "split", "split_with_sizes", "chunk", "unbind", "cat", "concat", "stack", "contiguous", "clone", "detach", "alias",
    "lift_fresh_copy", "add", "sub", "mul", "neg", "maximum", "minimum", "clamp",
})  # fmt: skip
CASTS = frozenset({"to", "_to_copy", "type_as"})
