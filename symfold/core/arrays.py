"""Array namespaces: numbers are written once, over the functions that NumPy, JAX and PyTorch share.

A rule takes the namespace first: `lambda xp, z: xp.exp(z)`. Namespaces follow the array API standard;
`array-api-compat` completes those of NumPy and PyTorch. The functions here are those that the standard lacks.
"""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType
from typing import Any, Protocol, Self, TypeAlias

from symfold.errors import MissingPackage, unknown

Namespace: TypeAlias = ModuleType


class Array(Protocol):
    """An array of NumPy, JAX or PyTorch, as far as rules use it without its namespace."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> object: ...
    def __add__(self, other: object, /) -> Self: ...
    def __radd__(self, other: object, /) -> Self: ...
    def __sub__(self, other: object, /) -> Self: ...
    def __rsub__(self, other: object, /) -> Self: ...
    def __mul__(self, other: object, /) -> Self: ...
    def __rmul__(self, other: object, /) -> Self: ...
    def __truediv__(self, other: object, /) -> Self: ...
    def __rtruediv__(self, other: object, /) -> Self: ...
    def __pow__(self, other: object, /) -> Self: ...
    def __neg__(self) -> Self: ...
    def __invert__(self) -> Self: ...
    def __and__(self, other: object, /) -> Self: ...
    def __or__(self, other: object, /) -> Self: ...
    def __lt__(self, other: object, /) -> Self: ...
    def __le__(self, other: object, /) -> Self: ...
    def __gt__(self, other: object, /) -> Self: ...
    def __ge__(self, other: object, /) -> Self: ...
    def __getitem__(self, index: object, /) -> Self: ...
    def __setitem__(self, index: object, value: object, /) -> None: ...


# package -> namespace module; a new package is a row here
NAMESPACES = {"numpy": "array_api_compat.numpy", "jax": "jax.numpy", "torch": "array_api_compat.torch"}


@cache
def namespace(package: str) -> Namespace:
    """The array namespace of a package.

    >>> float(namespace("numpy").exp(0.0))
    1.0
    """
    if package not in NAMESPACES:
        raise unknown("array package", package, NAMESPACES)
    try:
        return importlib.import_module(NAMESPACES[package])
    except ImportError as error:
        raise MissingPackage(f"{package!r} is not installed (pip install 'symfold[{package}]')") from error


def shape_of(array: Array) -> tuple[int, ...]:
    """The shape of an array or of a plain number."""
    return tuple(getattr(array, "shape", ()))


def zeros_like(xp: Namespace, like: Array, dtype_of: Array) -> Array:
    """Zeros in the shape of one array and the type of another."""
    return xp.zeros_like(like, dtype=dtype_of.dtype)


def zeros_of(xp: Namespace, shape: tuple[int, ...], like: Any) -> Array:
    """Zeros of a shape, of the type and on the device of an array."""
    return like.new_zeros(shape) if hasattr(like, "new_zeros") else xp.zeros(shape, dtype=like.dtype)


def set_at(array: Array, index: object, value: Array) -> Array:
    """A new array of zeros with a value set at an index: in place, except for JAX's immutable arrays.

    >>> import numpy as np
    >>> set_at(np.zeros(3), (slice(1, 3),), 2.0).tolist()
    [0.0, 2.0, 2.0]
    """
    if hasattr(array, "at"):
        return array.at[index].set(value)
    array[index] = value
    return array


def add_at(xp: Namespace, array: Array, numbers: Array, value: Array) -> Array:
    """A new array with rows added at their numbers, once per occurrence of the number.

    >>> import numpy as np
    >>> add_at(np, np.zeros(3), np.array([1, 1]), np.array([2.0, 3.0])).tolist()
    [0.0, 5.0, 0.0]
    """
    if hasattr(array, "at"):
        return array.at[numbers].add(value)
    if hasattr(array, "index_put"):
        return array.index_put((numbers,), xp.broadcast_to(value, (*numbers.shape, *array.shape[1:])), accumulate=True)
    xp.add.at(array, numbers, value)
    return array


def add_once(array: Array, index: object, value: Array) -> Array:
    """A new array with a value added at an index without repeated entries."""
    if hasattr(array, "at"):
        return array.at[index].add(value)
    array[index] += value
    return array


def whole_numbers(array: Any) -> Array:
    """An array of whole numbers, as integers."""
    return array.long() if hasattr(array, "long") else array.astype(int)


def positions(xp: Namespace, count: int, like: Any) -> Array:
    """The numbers from 0 to count - 1, on the device of an array of PyTorch."""
    return xp.arange(count, device=like.device) if hasattr(like, "is_cuda") else xp.arange(count)


def padded(xp: Namespace, array: Array, widths: tuple[tuple[int, int], ...], fill: float) -> Array:
    """An array padded with a number; `widths` are (before, after) for each of the last axes."""
    if hasattr(xp, "pad"):
        return xp.pad(array, ((0, 0),) * (len(array.shape) - len(widths)) + widths, constant_values=fill)
    return xp.nn.functional.pad(array, [size for pair in reversed(widths) for size in pair], value=fill)
