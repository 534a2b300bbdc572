"""ONNX's convolutions, pools and changes of size as nodes, one row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symfold.core.nodes import Node
from symfold.core.primitives import (
    Primitive,
    convolution,
    first_max,
    interpolate,
    item,
    max_pool,
    mean_pool,
    pad,
    reduce_mean,
    transposed_convolution,
)
from symfold.errors import NoRule
from symfold.exchange.onnx.reading.arrangement import rank_of
from symfold.exchange.onnx.reading.elementwise import Operation, Row, tall
from symfold.exchange.onnx.reading.values import Value, bounded, sizes_of
from symfold.exchange.reading.arrangement import padded
from symfold.exchange.reading.windows import largest_of_windows, overhang, pooled_shape


def _window(op: Operation, x: Value, kernel: Sequence[int]) -> dict[str, Any]:
    """Kernel, stride, dilation and the padding before and after each axis."""
    rank = len(kernel)
    stride = tuple(op.get("strides") or (1,) * rank)
    dilation = tuple(op.get("dilations") or (1,) * rank)
    auto = op.get("auto_pad", b"NOTSET").decode()
    pads = list(op.get("pads") or (0,) * (2 * rank))
    pairs = list(zip(pads[:rank], pads[rank:], strict=True))
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True):
            if not isinstance(n, int):
                raise NoRule(f"auto_pad={auto} needs the sizes of the image")
            whole = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            pairs.append((whole // 2, whole - whole // 2) if auto == "SAME_UPPER" else (whole - whole // 2, whole // 2))
    elif auto == "VALID":
        pairs = [(0, 0)] * rank
    if any(width < 0 for pair in pairs for width in pair) or 0 in stride or 0 in dilation:
        raise NoRule(f"windows with pads {pairs}, strides {stride} and dilations {dilation} have no rule")
    bounded([n if isinstance(n, int) else 1 for n in x.shape[:2]])
    bounded([sum(pair) + (n if isinstance(n, int) else 1) for n, pair in zip(x.shape[2:], pairs, strict=True)])
    return {"kernel": tuple(kernel), "stride": stride, "dilation": dilation, "pads": tuple(pairs)}


def _bordered(x: Node, window: dict[str, Any], fill: float) -> tuple[Node, tuple[int, ...]]:
    """The image and the padding that is the same before and after; other borders are put around the image."""
    if all(before == after for before, after in window["pads"]):
        return x, tuple(before for before, _ in window["pads"])
    return padded(x, window["pads"], "constant", fill), (0,) * len(window["pads"])


def _convolution(op: Operation, x: Value, weight: Value, bias: Value | None = None) -> Node:
    window = _window(op, x, [int(size) for size in weight.shape[2:]])
    image, border = x.node, tuple(before for before, _ in window["pads"])
    if any(before != after for before, after in window["pads"]):
        image, border = pad(image, widths=window["pads"], mode="constant"), (0,) * len(border)
    result = convolution(
        image,
        weight.node,
        stride=window["stride"],
        padding=border,
        dilation=window["dilation"],
        groups=int(op.get("group", 1)),
    )
    return result if bias is None else result + tall(bias.node, len(border))


def _transposed(op: Operation, x: Value, weight: Value, bias: Value | None = None) -> Node:
    rank = rank_of(weight) - 2
    if op.get("output_shape") or op.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise NoRule("ConvTranspose with output_shape or auto_pad has no rule")
    window = _window(op, x, [int(size) for size in weight.shape[2:]])
    extra = tuple(op.get("output_padding") or (0,) * rank)
    even = all(before == after for before, after in window["pads"])
    result = transposed_convolution(
        x.node,
        weight.node,
        stride=window["stride"],
        padding=tuple(before for before, _ in window["pads"]) if even else (0,) * rank,
        dilation=window["dilation"],
        extra=extra,
        groups=int(op.get("group", 1)),
    )
    if not even:
        ends = zip(window["pads"], result.shape[2:], strict=True)
        result = item(result, index=(..., *((before, size - after) for (before, after), size in ends)))
    return result if bias is None else result + tall(bias.node, rank)


def _max_pool(op: Operation, x: Value) -> Any:
    if op.results > 1:
        raise NoRule("the positions of MaxPool have no rule")
    window = _window(op, x, op.get("kernel_shape"))
    image, border = _bordered(x.node, window, -np.inf)
    sizes = {"padding": border, **{key: window[key] for key in ("kernel", "stride", "dilation")}}
    if op.get("ceil_mode", 0):
        return largest_of_windows(image, sizes, overhang(pooled_shape(image, sizes, True), image, sizes))
    return max_pool(image, **sizes)


def _mean_pool(op: Operation, x: Value) -> Node:
    window = _window(op, x, op.get("kernel_shape"))
    counted = bool(op.get("count_include_pad", 0))
    even = all(before == after for before, after in window["pads"])
    if op.get("ceil_mode", 0) or not (even or counted):
        raise NoRule("AveragePool with ceil_mode, or with uneven pads that do not count, has no rule")
    image, border = _bordered(x.node, window, 0.0)
    sizes = {key: window[key] for key in ("kernel", "stride", "dilation")}
    return mean_pool(image, padding=border, padded=counted, **sizes)


def _global(row: Primitive) -> Row:
    return lambda op, x: row(x.node, axis=tuple(range(2, rank_of(x))), keepdims=True)


def _resize(
    op: Operation, x: Value, roi: Value | None = None, scales: Value | None = None, sizes: Value | None = None
) -> Node:
    mode = op.get("mode", b"nearest").decode()
    place = op.get("coordinate_transformation_mode", b"half_pixel").decode()
    rounding = op.get("nearest_mode", b"round_prefer_floor").decode()
    if op.get("axes") or op.get("antialias", 0) or op.get("exclude_outside", 0):
        raise NoRule("Resize with axes, antialias or exclude_outside has no rule")
    kind = {"nearest": "nearest", "linear": "linear", "cubic": "cubic"}.get(mode)
    if mode == "nearest":
        fits = (place, rounding) == ("asymmetric", "floor")
    else:
        fits = place in ("half_pixel", "pytorch_half_pixel", "align_corners")
    if kind is None or not fits or (mode == "cubic" and float(op.get("cubic_coeff_a", -0.75)) != -0.75):
        raise NoRule(
            f"Resize with mode={mode}, coordinate_transformation_mode={place}, nearest_mode={rounding} has no rule"
        )
    free, spatial = x.shape[:2], x.shape[2:]
    if scales is not None and scales.known.size:
        factors = [float(factor) for factor in scales.known]
        kept = factors[:2] == [1.0, 1.0]
        after = [int(np.floor(size * factor)) for size, factor in zip(spatial, factors[2:], strict=True)]
        step: list[float | None] = [1 / factor for factor in factors[2:]]
    elif sizes is not None:
        wanted = sizes_of(sizes)
        kept, after = wanted[:2] == list(free), [int(str(size)) for size in wanted[2:]]
        step = [None] * len(after)
    else:
        raise NoRule("Resize without scales and sizes has no rule")
    if not kept:
        raise NoRule("Resize of samples or channels has no rule")
    return interpolate(x.node, size=tuple(after), mode=kind, corners=place == "align_corners", step=tuple(step))


WINDOWS: dict[str, Row] = {
    "Conv": _convolution, "ConvTranspose": _transposed, "MaxPool": _max_pool, "AveragePool": _mean_pool,
    "GlobalAveragePool": _global(reduce_mean), "GlobalMaxPool": _global(first_max), "Resize": _resize,
}  # fmt: skip
