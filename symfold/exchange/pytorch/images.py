"""PyTorch's convolutions as nodes, and operations that rearrange or resample images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives import (
    add_windows,
    broadcast_to,
    convolution,
    interpolate,
    pad,
    permute,
    pixel_shuffle,
    reshape,
    transposed_convolution,
    windows,
)
from symfold.core.shapes import Shape
from symfold.exchange.pytorch.rows import Row
from symfold.exchange.reading.arrangement import padded

Given = int | Sequence[int]


def sizes(given: Given, rank: int) -> tuple[int, ...]:
    """One size per spatial axis; a single size applies to all."""
    listed = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    return listed * rank if len(listed) == 1 else listed


def of_samples(x: Node, rank: int, compute: Callable[[Node], Node]) -> Node:
    """An operation on samples of images applied to one image as well."""
    if len(x.shape) == rank:
        return compute(x)
    result = compute(reshape(x, shape=(1, *x.shape)))
    return reshape(result, shape=result.shape[1:])


# -- convolutions


def _with_bias(result: Node, bias: Node | None) -> Node:
    if bias is None:
        return result
    return result + reshape(bias, shape=(bias.shape[0], *(1,) * (len(result.shape) - 2)))


def _same(x: Node, kernel: Sequence[int], dilation: Sequence[int]) -> tuple[Node, tuple[int, ...]]:
    """The image and the padding that keep its size; an odd number of entries is padded at the end first."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    odd = tuple((0, total % 2) for total in totals)
    padded = pad(x, widths=odd, mode="constant") if any(total % 2 for total in totals) else x
    return padded, tuple(total // 2 for total in totals)


def _convolution(
    shape: Shape,
    x: Node,
    weight: Node,
    bias: Node | None = None,
    stride: Given = 1,
    padding: Given | str = 0,
    dilation: Given = 1,
    groups: int = 1,
) -> Node:
    rank = len(weight.shape) - 2
    steps = {"stride": sizes(stride, rank), "dilation": sizes(dilation, rank), "groups": groups}

    def compute(image: Node) -> Node:
        if padding == "same":
            image, border = _same(image, weight.shape[2:], sizes(dilation, rank))
        else:
            border = (0,) * rank if padding == "valid" else sizes(padding, rank)  # type: ignore[arg-type]
        return _with_bias(convolution(image, weight, padding=border, **steps), bias)

    return of_samples(x, rank + 2, compute)


def _transposed(
    shape: Shape,
    x: Node,
    weight: Node,
    bias: Node | None = None,
    stride: Given = 1,
    padding: Given = 0,
    output_padding: Given = 0,
    groups: int = 1,
    dilation: Given = 1,
) -> Node:
    rank = len(weight.shape) - 2
    names = ("stride", "padding", "dilation", "extra")
    given = dict(zip(names, (sizes(each, rank) for each in (stride, padding, dilation, output_padding)), strict=True))
    return of_samples(
        x, rank + 2, lambda image: _with_bias(transposed_convolution(image, weight, groups=groups, **given), bias)
    )


def _general_convolution(
    shape: Shape,
    x: Node,
    weight: Node,
    bias: Node | None,
    stride: Given,
    padding: Given,
    dilation: Given,
    transposed: bool,
    output_padding: Given,
    groups: int,
) -> Node:
    if transposed:
        return _transposed(shape, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return _convolution(shape, x, weight, bias, stride, padding, dilation, groups)


# -- borders

BORDERS = (("reflection", "reflect"), ("replication", "replicate"))
MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _padded(shape: Shape, x: Node, widths: Sequence[int], mode: str = "constant", value: float | None = 0) -> Node:
    """A value padded by PyTorch's widths: before and after, the last axis first."""
    pairs = [(widths[k], widths[k + 1]) for k in range(0, len(widths), 2)][::-1]
    return padded(x, pairs, MODES[mode], value)


def _border(mode: str) -> Row:
    return lambda shape, x, widths, value=0: _padded(shape, x, widths, mode, value)


# -- sizes


def interpolation(mode: str, corners_given: bool = True) -> Row:
    """An interpolation of the axes after the second one, with the size or the factors of PyTorch."""

    def row(shape: Shape, x: Node, *given: Any, **named: Any) -> Node:
        options = list(given[1:])
        corners = bool(options.pop(0)) if corners_given and options else bool(named.pop("align_corners", False))
        size = tuple(shape[2:])
        factors: Any = list(named.values()) or options
        factors = factors[0] if len(factors) == 1 and not isinstance(factors[0], float) else factors
        ratios = [before / after for before, after in zip(x.shape[2:], size, strict=True)]
        given_steps = [None if factor is None else 1 / factor for factor in factors or [None] * len(size)]
        step = tuple(None if each == ratio else each for each, ratio in zip(given_steps, ratios, strict=True))
        return x if size == x.shape[2:] else interpolate(x, size=size, mode=mode, corners=corners, step=step)

    return row


def _pixel_unshuffle(shape: Shape, x: Node, factor: int) -> Node:
    *lead, channels, height, width = x.shape
    parts = (*lead, channels, height // factor, factor, width // factor, factor)
    axes = (*range(-len(parts), -5), -5, -3, -1, -4, -2)
    return reshape(permute(reshape(x, shape=parts), axes=axes), shape=shape)


def _channel_shuffle(shape: Shape, x: Node, groups: int) -> Node:
    samples, channels, *rest = x.shape
    parts = reshape(x, shape=(samples, groups, channels // groups, *rest))
    order = (-len(parts.shape), -len(rest) - 1, -len(rest) - 2, *range(-len(rest), 0))
    return reshape(permute(parts, axes=order), shape=shape)


def _unfold(shape: Shape, x: Node, kernel: Given, dilation: Given, padding: Given, stride: Given) -> Node:
    """The windows of images as columns."""

    def compute(image: Node) -> Node:
        options = dict(
            zip(
                ("kernel", "dilation", "padding", "stride"),
                (sizes(g, 2) for g in (kernel, dilation, padding, stride)),
                strict=True,
            )
        )
        parts = windows(image, fill=0.0, **options)
        samples, channels, rows, columns, *size = parts.shape
        moved = permute(parts, axes=(-6, -5, -2, -1, -4, -3))
        return reshape(moved, shape=(samples, channels * size[0] * size[1], rows * columns))

    return of_samples(x, 4, compute)


def _fold(shape: Shape, x: Node, size: Given, kernel: Given, dilation: Given, padding: Given, stride: Given) -> Node:
    """Columns added up as windows of images."""

    def compute(columns: Node) -> Node:
        image, window, spread_, border, step = (sizes(g, 2) for g in (size, kernel, dilation, padding, stride))
        samples, channels = columns.shape[0], columns.shape[1] // (window[0] * window[1])
        counts = [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(image, border, spread_, window, step, strict=True)
        ]
        parts = permute(reshape(columns, shape=(samples, channels, *window, *counts)), axes=(-6, -5, -2, -1, -4, -3))
        like = broadcast_to(number(0), shape=(samples, channels, *image))
        return add_windows(parts, like, kernel=window, stride=step, padding=border, dilation=spread_, fill=0.0)

    return of_samples(x, 3, compute)


IMAGES: dict[str, Row] = {
    "convolution": _general_convolution, "conv1d": _convolution, "conv2d": _convolution, "conv3d": _convolution,
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    "pad": _padded,
    "constant_pad_nd": _border("constant"),
    **{f"{name}_pad{rank}d": _border(mode) for name, mode in BORDERS for rank in (1, 2, 3)},
    **{f"upsample_nearest{rank}d": interpolation("nearest", False) for rank in (1, 2, 3)},
    **{f"_upsample_nearest_exact{rank}d": interpolation("nearest-exact", False) for rank in (1, 2, 3)},
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), interpolation("linear")),
    "upsample_bicubic2d": interpolation("cubic"),
    "pixel_shuffle": lambda shape, x, factor: pixel_shuffle(x, factor=factor),
    "pixel_unshuffle": _pixel_unshuffle, "channel_shuffle": _channel_shuffle, "im2col": _unfold, "col2im": _fold,
}  # fmt: skip
