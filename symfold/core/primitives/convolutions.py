"""Convolution, transposed convolution and pooling, one primitive each; their bodies read windows.

Images are (samples, channels, height, width, ...), with any number of spatial axes; a convolution does not flip its
kernel, as usual in deep learning.
"""

from __future__ import annotations

from typing import Any

from symfold.core.arrays import Array, Namespace, zeros_of
from symfold.core.leaves import number
from symfold.core.nodes import Node
from symfold.core.primitives.arrangement import reshape
from symfold.core.primitives.broadcasting import broadcast_to, spread
from symfold.core.primitives.contractions import einsum
from symfold.core.primitives.images import Sizes, add_windows, added_windows, windowed_shape, windows, windows_of
from symfold.core.primitives.reductions import first_max, reduce_mean, reduce_sum
from symfold.core.primitives.table import EACH, Primitive, primitive
from symfold.core.shapes import ANY, Shape, is_known, show
from symfold.errors import ShapeError

# -- convolution


def _convolved(x: Shape, weight: Shape, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Shape:
    if not (is_known(x) and is_known(weight)):
        return ANY
    rank = len(weight) - 2
    if len(x) != rank + 2:
        raise ShapeError(
            f"a convolution by a kernel {show(weight)} takes (samples, channels, {rank} more axes), got {show(x)}"
        )
    outputs, channels = weight[:2]
    if isinstance(x[1], int) and isinstance(channels, int) and x[1] != channels * groups:
        raise ShapeError(
            f"a convolution by a kernel {show(weight)} in {groups} groups reads {channels * groups} channels, "
            f"got {show(x)}"
        )
    if isinstance(outputs, int) and outputs % groups:
        raise ShapeError(f"{groups} groups do not divide the {outputs} outputs of a kernel {show(weight)}")
    return (x[0], outputs, *windowed_shape(x, weight[2:], stride, padding, dilation, 0.0)[2 : 2 + rank])


def _subscripts(rank: int, grouped: bool) -> str:
    """The einsum of windows and kernel; the letters are n samples, g groups, c channels, o outputs.

    >>> _subscripts(2, False), _subscripts(1, True)
    ('ncxypq,ocpq->noxy', 'ngcxp,gocp->ngox')
    """
    image, kernel, g = "xyz"[:rank], "pqr"[:rank], "g" if grouped else ""
    return f"n{g}c{image}{kernel},{g}oc{kernel}->n{g}o{image}"


def _by_windows(x: Node, weight: Node, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Node:
    kernel, rank = weight.shape[2:], len(weight.shape) - 2
    options = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "fill": 0.0}
    if groups == 1:
        return einsum(windows(x, **options), weight, subscripts=_subscripts(rank, False))
    (outputs, channels), samples = weight.shape[:2], x.shape[0]
    grouped = reshape(x, shape=(samples, groups, channels, *x.shape[2:]))
    kernels = reshape(weight, shape=(groups, outputs // groups, channels, *kernel))
    result = einsum(windows(grouped, **options), kernels, subscripts=_subscripts(rank, True))
    return reshape(result, shape=(samples, outputs, *result.shape[3:]))


def _convolve(
    xp: Namespace, x: Array, weight: Array, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Array:
    outputs, channels, *kernel = weight.shape
    grouped = xp.reshape(x, (x.shape[0], groups, channels, *x.shape[2:]))
    kernels = xp.reshape(weight, (groups, outputs // groups, channels, *kernel))
    parts = windows_of(xp, grouped, tuple(kernel), stride, padding, dilation, 0.0)
    result = xp.einsum(_subscripts(len(kernel), True), parts, kernels)
    return xp.reshape(result, (x.shape[0], outputs, *result.shape[3:]))


convolution: Primitive = primitive(
    "convolution",
    _convolved,
    _convolve,
    linear=EACH,
    body=_by_windows,
    examples=(
        (((2, 4, 5, 6), (6, 2, 2, 3)), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2}),
        (((2, 3, 6), (4, 3, 3)), {"stride": (1,), "padding": (1,), "dilation": (1,), "groups": 1}),
    ),
)

# -- transposed convolution


def _opened(
    x: Shape, weight: Shape, stride: Sizes, padding: Sizes, dilation: Sizes, extra: Sizes, groups: int
) -> Shape:
    if not (is_known(x) and is_known(weight)):
        return ANY
    rank = len(weight) - 2
    if len(x) != rank + 2 or (isinstance(x[1], int) and x[1] != weight[0]) or (isinstance(x[1], int) and x[1] % groups):
        raise ShapeError(
            f"a transposed convolution by a kernel {show(weight)} in {groups} groups takes "
            f"(samples, {weight[0]} channels, {rank} more axes), got {show(x)}"
        )
    sizes = zip(x[2:], weight[2:], stride, padding, dilation, extra, strict=True)
    return (x[0], weight[1] * groups, *((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, k, s, p, d, e in sizes))


def _outer_subscripts(rank: int) -> str:
    """The einsum of entries and kernel to windows.

    >>> _outer_subscripts(2)
    'ngcxy,gcopq->ngoxypq'
    """
    image, kernel = "xyz"[:rank], "pqr"[:rank]
    return f"ngc{image},gco{kernel}->ngo{image}{kernel}"


def _by_added_windows(
    x: Node, weight: Node, stride: Sizes, padding: Sizes, dilation: Sizes, extra: Sizes, groups: int
) -> Node:
    (inputs, outputs, *kernel), rank = weight.shape, len(weight.shape) - 2
    grouped = reshape(x, shape=(x.shape[0], groups, inputs // groups, *x.shape[2:]))
    kernels = reshape(weight, shape=(groups, inputs // groups, outputs, *kernel))
    parts = einsum(grouped, kernels, subscripts=_outer_subscripts(rank))
    shape = _opened(x.shape, weight.shape, stride, padding, dilation, extra, groups)
    like = broadcast_to(number(0), shape=(x.shape[0], groups, outputs, *shape[2:]))
    options = {"kernel": tuple(kernel), "stride": stride, "padding": padding, "dilation": dilation, "fill": 0.0}
    return reshape(add_windows(parts, like, **options), shape=shape)


def _open(
    xp: Namespace, x: Array, weight: Array, stride: Sizes, padding: Sizes, dilation: Sizes, extra: Sizes, groups: int
) -> Array:
    inputs, outputs, *kernel = weight.shape
    grouped = xp.reshape(x, (x.shape[0], groups, inputs // groups, *x.shape[2:]))
    kernels = xp.reshape(weight, (groups, inputs // groups, outputs, *kernel))
    parts = xp.einsum(_outer_subscripts(len(kernel)), grouped, kernels)
    shape = _opened(x.shape, weight.shape, stride, padding, dilation, extra, groups)
    like = zeros_of(xp, (x.shape[0], groups, outputs, *shape[2:]), x)
    return xp.reshape(added_windows(xp, parts, like, tuple(kernel), stride, padding, dilation, 0.0), shape)


# the adjoint of a convolution, as a layer: the kernel is (inputs, outputs per group, ...); `extra` entries end the axes
transposed_convolution: Primitive = primitive(
    "transposed_convolution",
    _opened,
    _open,
    linear=EACH,
    body=_by_added_windows,
    examples=(
        (
            ((2, 4, 3, 4), (4, 3, 2, 3)),
            {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "extra": (1, 0), "groups": 2},
        ),
    ),
)

# -- pooling


def _pooled(x: Shape, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, **_: object) -> Shape:
    shape = windowed_shape(x, kernel, stride, padding, dilation, 0.0)
    return shape[: -len(kernel)] if is_known(shape) else ANY


def _axes(kernel: Sizes) -> tuple[int, ...]:
    return tuple(range(-len(kernel), 0))


def _max_pool_body(x: Node, **options: Any) -> Node:
    parts = windows(x, fill=0.0, **options)
    if any(options["padding"]):  # -inf around the image is added, so that the windows of x are linear
        parts = parts + windows(spread(number(0), x), fill=-float("inf"), **options)
    return first_max(parts, axis=_axes(options["kernel"]), keepdims=False)


def _max_pool(xp: Namespace, x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Array:
    return xp.max(windows_of(xp, x, kernel, stride, padding, dilation, -float("inf")), axis=_axes(kernel))


def _mean_pool_body(x: Node, padded: bool, **options: Any) -> Node:
    axes, parts = _axes(options["kernel"]), windows(x, fill=0.0, **options)
    if padded or not any(options["padding"]):
        return reduce_mean(parts, axis=axes, keepdims=False)
    counted = windows(spread(number(1), x), fill=0.0, **options)
    return reduce_sum(parts, axis=axes, keepdims=False) / reduce_sum(counted, axis=axes, keepdims=False)


def _mean_pool(
    xp: Namespace, x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, padded: bool
) -> Array:
    counted = windows_of(xp, xp.ones_like(x), kernel, stride, padding, dilation, float(padded))
    total = xp.sum(windows_of(xp, x, kernel, stride, padding, dilation, 0.0), axis=_axes(kernel))
    return total / xp.sum(counted, axis=_axes(kernel))


# the largest entry of every window; the first of equal entries gets the slope; the padding is -inf
max_pool: Primitive = primitive(
    "max_pool",
    _pooled,
    _max_pool,
    body=_max_pool_body,
    examples=((((2, 3, 5, 6),), {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 0), "dilation": (1, 1)}),),
)
# the mean of every window; the padding counts, as zeros, if `padded`
mean_pool: Primitive = primitive(
    "mean_pool",
    _pooled,
    _mean_pool,
    linear=(0,),
    body=_mean_pool_body,
    examples=(
        (((2, 3, 5, 6),), {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 0), "dilation": (1, 1), "padded": True}),
        (((2, 3, 5, 6),), {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 0), "dilation": (1, 1), "padded": False}),
    ),
)
