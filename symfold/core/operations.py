"""Operations: the protocol of a node's operation, and the operations without arguments: inputs, formals, constants."""

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
    """The operation of a node, if it is not a SymPy class."""

    def infer(self, args: tuple[Node, ...]) -> Shape: ...


@dataclass(frozen=True)
class Normal:
    """The initial distribution of a parameter: normal, with a mean and a standard deviation."""

    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        for name in ("mean", "deviation"):
            real(name, getattr(self, name))
        if self.deviation < 0:
            raise InvalidValue(
                f"deviation={self.deviation!r} is negative (give 0 or more; 0 starts every entry at the mean)"
            )


@dataclass(frozen=True)
class Fixed(Normal):
    """The initial distribution of a parameter that is not trained: a statistic of the data, not a weight."""


@dataclass(frozen=True)
class Input:
    """A named value from outside; its role is "input", "parameter" or "layer" (then it is the layer's name).

    If it is only `named`, by a SymPy symbol, it is the net's tensor of that name, or an input if there is none.
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
    """An argument of a block, by position; `level` is 0 in a closed block, and the nesting depth while tracing."""

    level: int
    position: int
    shape: Shape

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.shape


@dataclass(frozen=True)
class FrozenArray:
    """An immutable array: equal if type, shape and bytes are."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, array: Any) -> FrozenArray:
        contiguous = np.ascontiguousarray(array)
        if contiguous.dtype.kind not in "biuf":
            raise InvalidType(f"cannot freeze an array of type {contiguous.dtype} (give numbers)")
        return cls(contiguous.dtype.str, np.shape(array), contiguous.tobytes())

    @property
    def array(self) -> np.ndarray[Any, Any]:
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)


@dataclass(frozen=True)
class Constant:
    """A SymPy number or a frozen array."""

    value: sp.Expr | FrozenArray

    @property
    def digest(self) -> bytes:
        # a SymPy Float prints 15 digits: two that differ in the 17th must not have the same digest
        if isinstance(self.value, sp.Float):
            return f"Float({self.value._mpf_}, {self.value._prec})".encode()
        return (self.value.data if isinstance(self.value, FrozenArray) else b"") + f"Constant({self.value!r})".encode()

    @property
    def plain(self) -> Any:
        """The value as an array or a Python number; None if that would not be exact."""
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
