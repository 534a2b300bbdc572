"""PyTorch's convolutions and pools as nodes."""

from __future__ import annotations

from math import prod
from typing import Any

import sympy as sp

from symfold.exchange.torch_arrangement import cat, chunk, select
from symfold.exchange.torch_rows import LOW, Row, covered
from symfold.nodes import Node
from symfold.primitives import convolution, reduce_mean, reshape, windows


def sizes(given: Any, rank: int) -> tuple[int, ...]:
    """A size for each of the last axes, where one may be given for all."""
    listed = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    return listed * rank if len(listed) == 1 else listed


def _convolution(shape: Any, x: Node, weight: Node, bias: Node | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Node:
    covered(not isinstance(padding, str), f"a convolution with padding={padding!r}")
    rank = len(weight.shape) - 2
    covered(len(x.shape) == rank + 2, "a convolution of one image, without an axis for samples (give it one: x[None])")
    each = [sizes(given, rank) for given in (stride, padding, dilation)]
    kernels = chunk((), weight, groups, 0)
    parts = [convolution(one, kernel, *each) for one, kernel in zip(chunk((), x, groups, 1), kernels, strict=True)]
    result = cat(shape, parts, 1)
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
        return Node(sp.Max, tuple(select((), flat, -1, k) for k in range(prod(kernel))))

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


IMAGES: dict[str, Row] = {
    "convolution": _general_convolution, "conv1d": _convolution, "conv2d": _convolution, "conv3d": _convolution,
    "max_pool1d": max_pool(1), "max_pool2d": max_pool(2), "avg_pool1d": avg_pool(1), "avg_pool2d": avg_pool(2),
    "adaptive_avg_pool1d": _adaptive_mean, "adaptive_avg_pool2d": _adaptive_mean,
}  # fmt: skip
