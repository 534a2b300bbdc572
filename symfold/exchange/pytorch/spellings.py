"""Primitives that PyTorch has as one operation, with our slope at ties."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symfold.core.arrays import padded
from symfold.core.functions import Head, numbers_of
from symfold.core.nodes import Operation
from symfold.core.primitives import (
    Apply,
    convolution,
    forward_index,
    item,
    max_pool,
    put,
    softmax,
    transposed_convolution,
)
from symfold.transform.autodiff.local_adjoints import is_flat, is_linear_in_each

if TYPE_CHECKING:
    from torch import Tensor

Spelling = Callable[..., "Tensor"]
Sizes = tuple[int, ...]


def spelled(torch: ModuleType, op: Operation | Head) -> Spelling:
    """The PyTorch function of a head or a primitive; a flat one is detached."""
    if isinstance(op, type):
        compute = numbers_of(op, "torch")
    else:
        assert isinstance(op, Apply), op
        row = op.primitive
        compute = partial(primitive_spellings(torch).get(row.name) or row.spelled("torch"), **dict(op.attributes))
    return (lambda *args: compute(*(arg.detach() for arg in args))) if is_flat(op) else compute


def is_written_out(torch: ModuleType, op: Apply, arity: int, guarded: bool) -> bool:
    """Whether a primitive without an adjoint runs by its body; convolutions and pools do below a branch of a choice."""
    row = op.primitive
    native = is_linear_in_each(op, arity, guarded) or (row.name in primitive_spellings(torch) and not guarded)
    return row.adjoint is None and row.body is not None and not native


@cache
def primitive_spellings(torch: ModuleType) -> dict[str, Spelling]:
    """PyTorch functions by the name of the primitive."""

    def axes(a: Tensor, axis: tuple[int, ...] | None) -> tuple[int, ...]:
        return tuple(range(-a.dim(), 0)) if axis is None else axis

    def of_rank(name: str, rank: int) -> Spelling | None:
        """PyTorch's operation on images with `rank` axes, or None."""
        return getattr(torch.nn.functional, f"{name}{rank}d", None)

    def convolved(x: Tensor, weight: Tensor, groups: int, **given: Sizes) -> Tensor:
        native = of_rank("conv", weight.dim() - 2)
        row = native or convolution.spelled("torch")
        return row(x, weight, groups=groups, **given)

    def pooled(x: Tensor, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Tensor:
        native = of_rank("max_pool", len(kernel))
        if native is None:
            return max_pool.spelled("torch")(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        image = padded(torch, x, tuple((size, size) for size in padding), -float("inf")) if any(padding) else x
        return native(image, kernel, stride=stride, dilation=dilation)

    def transposed(
        x: Tensor, weight: Tensor, stride: Sizes, padding: Sizes, dilation: Sizes, extra: Sizes, groups: int
    ) -> Tensor:
        native = of_rank("conv_transpose", weight.dim() - 2)
        larger = all(e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True))
        if native is None or not larger:
            options = {"stride": stride, "padding": padding, "dilation": dilation, "extra": extra, "groups": groups}
            return transposed_convolution.spelled("torch")(x, weight, **options)
        return native(x, weight, stride=stride, padding=padding, dilation=dilation, output_padding=extra, groups=groups)

    return {
        "softmax": lambda a, axis: a.softmax(axis[0]) if len(axis) == 1 else softmax.spelled("torch")(a, axis=axis),
        "logsumexp": lambda a, axis, keepdims: a.logsumexp(dim=axes(a, axis), keepdim=keepdims),
        "max": lambda a, axis, keepdims: a.amax(dim=axes(a, axis), keepdim=keepdims),
        "first_max": lambda a, axis, keepdims: _first_max(a, axes(a, axis), keepdims),
        "convolution": convolved,
        "transposed_convolution": transposed,
        "max_pool": pooled,
        "item": _entries,
        "put": _put,
    }


def _entries(a: Tensor, index: tuple[Any, ...]) -> Tensor:
    plain, reverse = forward_index(index, a.shape)
    entries: Tensor = item.spelled("torch")(a, index=plain)
    return entries.flip(reverse) if reverse else entries


def _put(a: Tensor, like: Tensor, index: tuple[Any, ...]) -> Tensor:
    plain, reverse = forward_index(index, like.shape)
    result: Tensor = put.spelled("torch")(a.flip(reverse) if reverse else a, like, index=plain)
    return result


def _first_max(a: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    """The largest entry, with the slope at the first of equal ones, as `max` along one axis has it."""
    for k in sorted(axis):  # from the first axis on, to keep the order of equal entries
        a = a.max(dim=k, keepdim=True).values
    return a if keepdims else a.squeeze(dim=axis)
