"""What PyTorch has better than the rows of functions and primitives: one operation for several, whose slope at kinks and ties is ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import sympy as sp

from symfold import functions
from symfold.arrays import padded
from symfold.functions import Head, numbers_of
from symfold.primitives import Apply, convolution, max_pool, softmax

Spelling = Callable[..., Any]


def spelled(torch: Any, op: Head | Apply) -> Spelling:
    """How PyTorch computes a function or a primitive."""
    if isinstance(op, type):
        return function_spellings(torch).get(op) or numbers_of(op, "torch")
    return primitive_spellings(torch).get(op.primitive.name) or op.primitive.spelled("torch")


@cache
def function_spellings(torch: Any) -> dict[Head, Spelling]:
    """Functions by their head."""

    def extreme(pair: Spelling, many: Spelling) -> Spelling:
        """Of two equal entries each has half of the slope; more share it evenly as well."""
        return lambda *args: pair(*args) if len(args) == 2 else many(torch.stack(torch.broadcast_tensors(*args)), dim=0)

    def hypot(a: Any, b: Any) -> Any:
        origin = (a == 0) & (b == 0)
        return torch.where(origin, 0.0, torch.hypot(torch.where(origin, 1.0, a), b))

    return {
        sp.Max: extreme(torch.maximum, torch.amax),
        sp.Min: extreme(torch.minimum, torch.amin),
        functions.clip: torch.clamp,
        functions.softplus: lambda z: -torch.nn.functional.logsigmoid(-z),
        functions.ndtr: lambda z: torch.erfc(-z / 2**0.5) / 2,
        functions.hypot: hypot,
    }


@cache
def primitive_spellings(torch: Any) -> dict[str, Spelling]:
    """Primitives by their name."""

    def axes(a: Any, axis: Any) -> Any:
        return tuple(range(-a.dim(), 0)) if axis is None else axis

    def of_rank(name: str, rank: int) -> Any:
        """PyTorch's operation on images of so many axes, or none."""
        return getattr(torch.nn.functional, f"{name}{rank}d", None)

    def convolved(x: Any, weight: Any, groups: int, **given: Any) -> Any:
        native = of_rank("conv", weight.dim() - 2)
        row = native or convolution.spelled("torch")
        return row(x, weight, groups=groups, **given)

    def pooled(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
        native = of_rank("max_pool", len(kernel))
        if native is None:
            return max_pool.spelled("torch")(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        around = padded(torch, x, tuple((size, size) for size in padding), -float("inf")) if any(padding) else x
        return native(around, kernel, stride=stride, dilation=dilation)

    return {
        "softmax": lambda a, axis: a.softmax(axis[0]) if len(axis) == 1 else softmax.spelled("torch")(a, axis=axis),
        "logsumexp": lambda a, axis, keepdims: a.logsumexp(dim=axes(a, axis), keepdim=keepdims),
        "max": lambda a, axis, keepdims: a.amax(dim=axes(a, axis), keepdim=keepdims),
        "first_max": lambda a, axis, keepdims: _first_max(a, axes(a, axis), keepdims),
        "convolution": convolved,
        "max_pool": pooled,
    }


def _first_max(a: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The largest entry, whose slope goes to the first of equal ones, as `max` along one axis has it."""
    for one in sorted(axis):  # from the first axis on, so that equal entries are met in their order
        a = a.max(dim=one, keepdim=True).values
    return a if keepdims else a.squeeze(dim=axis)
