"""PyTorch's convolutions and pools as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.core.nodes import Node
from symfold.core.primitives import convolution, mean_pool, reduce_mean, reshape
from symfold.core.primitives import max_pool as pooled_max
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.rows import Row, covered


def sizes(given: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One size per spatial axis; a single size applies to all."""
    listed = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    return listed * rank if len(listed) == 1 else listed


def _convolution(
    shape: Shape,
    x: Node,
    weight: Node,
    bias: Node | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Node:
    covered(not isinstance(padding, str), f"a convolution with padding={padding!r}")
    rank = len(weight.shape) - 2
    covered(len(x.shape) == rank + 2, "a convolution of one image, without an axis for samples (give it one: x[None])")
    given = {
        name: sizes(value, rank) for name, value in (("stride", stride), ("padding", padding), ("dilation", dilation))
    }
    result = convolution(x, weight, groups=groups, **given)
    return result if bias is None else result + reshape(bias, shape=(bias.shape[0], *(1,) * rank))


def _general_convolution(
    shape: Shape,
    x: Node,
    weight: Node,
    bias: Node | None,
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    dilation: int | Sequence[int],
    transposed: bool,
    output_padding: int | Sequence[int],
    groups: int,
) -> Node:
    covered(not transposed, "a transposed convolution")
    return _convolution(shape, x, weight, bias, stride, padding, dilation, groups)


def window_of(kernel: Any, stride: Any, padding: Any, dilation: Any, rank: int) -> dict[str, tuple[int, ...]]:
    """The attributes of windows, one size per axis; the stride defaults to the kernel size."""
    size = sizes(kernel, rank)
    step = sizes(stride, rank) if stride not in (None, [], ()) else size
    return {"kernel": size, "stride": step, "padding": sizes(padding, rank), "dilation": sizes(dilation, rank)}


def max_pool(rank: int) -> Row:
    def row(
        shape: Shape,
        x: Node,
        kernel: object,
        stride: object = None,
        padding: object = 0,
        dilation: object = 1,
        ceil_mode: bool = False,
    ) -> Node:
        covered(not ceil_mode, "max_pool with ceil_mode")
        return pooled_max(x, **window_of(kernel, stride, padding, dilation, rank))

    return row


def avg_pool(rank: int) -> Row:
    def row(
        shape: Shape,
        x: Node,
        kernel: object,
        stride: object = None,
        padding: object = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor: object = None,
    ) -> Node:
        covered(not ceil_mode and divisor is None, "avg_pool with ceil_mode or a divisor of its own")
        return mean_pool(x, padded=count_include_pad, **window_of(kernel, stride, padding, 1, rank))

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
