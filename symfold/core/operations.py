"""Operations: what may stand at the head of a node, and the plain data that nodes hold: names, formals, constants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import sympy as sp

from symfold.base.arguments import real
from symfold.core.shapes import Shape
from symfold.errors import InvalidType, InvalidValue

if TYPE_CHECKING:
    from symfold.core.nodes import Node


@runtime_checkable
class Operation(Protocol):
    """What may stand at the head of a node, besides a SymPy class."""

    def infer(self, args: tuple[Node, ...]) -> Shape: ...


@dataclass(frozen=True)
class Normal:
    """How a parameter starts: `mean + deviation * standard normal`."""

    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        for name in ("mean", "deviation"):
            real(name, getattr(self, name))
        if self.deviation < 0:
            raise InvalidValue(
                f"deviation={self.deviation!r} is negative (give 0 to start everywhere at the mean, or more)"
            )


@dataclass(frozen=True)
class Fixed(Normal):
    """How a parameter starts that training leaves as it is: a statistic of the data, not a weight."""


@dataclass(frozen=True)
class Input:
    """A named value from outside: an `input`, a `parameter`, or the name of a `layer`.

    What is only `named`, by a SymPy symbol, is whatever tensor the net has of that name, and an input if it has none.
    """

    name: str
    shape: Shape
    role: str = "input"
    start: Normal | None = None
    named: bool = False

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.shape


@dataclass(frozen=True)
class Formal:
    """An argument of a block, by position. Level 0 in a closed block; while a mapper is traced, its nesting level."""

    level: int
    position: int
    shape: Shape

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.shape


@dataclass(frozen=True)
class FrozenArray:
    """An array as a value: equal where type, shape and bytes are."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, array: Any) -> FrozenArray:
        plain = np.ascontiguousarray(array)
        if plain.dtype.kind not in "biuf":
            raise InvalidType(f"cannot freeze an array of type {plain.dtype} (give numbers)")
        return cls(plain.dtype.str, np.shape(array), plain.tobytes())

    @property
    def array(self) -> np.ndarray[Any, Any]:
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)


@dataclass(frozen=True)
class Constant:
    """A number (SymPy's, exact where it was) or a frozen array."""

    value: sp.Expr | FrozenArray

    @property
    def digest(self) -> bytes:
        # a SymPy Float prints 15 digits only: two that differ in the 17th must not look the same
        if isinstance(self.value, sp.Float):
            return f"Float({self.value._mpf_}, {self.value._prec})".encode()
        return (self.value.data if isinstance(self.value, FrozenArray) else b"") + f"Constant({self.value!r})".encode()

    @property
    def plain(self) -> Any:
        """NumPy's value, where it is the same number exactly; else None."""
        value = self.value
        if isinstance(value, FrozenArray):
            return value.array
        if value in (sp.nan, sp.oo, -sp.oo):
            return float(value)
        if isinstance(value, sp.Integer) and abs(int(value)) < 2**53:
            return int(value)
        return float(value) if isinstance(value, sp.Float) and value == float(value) else None

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.value.shape if isinstance(self.value, FrozenArray) else ()
