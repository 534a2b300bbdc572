"""Leaves: nodes without arguments. Inputs, parameters, formals and constants, and the operations that they hold."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray, quoted, real
from symfold.base.public import public
from symfold.core.nodes import Node, Operation
from symfold.core.shapes import Shape, input_shape
from symfold.errors import InvalidType, InvalidValue


@public
@dataclass(frozen=True)
class Normal:
    """The initial distribution of a parameter: normal, with a mean and a standard deviation.

    >>> import symfold as sf
    >>> W = sf.parameter("W", (2, 2), Normal(deviation=0.0))  # starts at the mean
    >>> sf.Net.of(sf.tensor("x", (None, 2)) @ W).init(seed=0)["W"].tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """

    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        for name in ("mean", "deviation"):
            if not isinstance(real(name, value := getattr(self, name)), (int, float)):
                object.__setattr__(self, name, float(value))
        if self.deviation < 0:
            raise InvalidValue(
                f"deviation={self.deviation!r} is negative (give 0 or more; 0 starts every entry at the mean)"
            )


@dataclass(frozen=True)
class Fixed(Normal):
    """The initial distribution of a parameter that is not trained: a statistic of the data, not a weight."""


@dataclass(frozen=True)
class Input(Operation):
    """A named value from outside; its role is "input", "parameter" or "layer" (then it is the layer's name).

    If it is only `named`, by a SymPy symbol, it is the net's tensor of that name, or an input if there is none.
    """

    name: str
    shape: Shape
    role: str = "input"
    start: Normal | None = None
    named: bool = False

    @property
    def names(self) -> tuple[str]:
        return (self.name,)

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.shape


@dataclass(frozen=True)
class Formal(Operation):
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
    def of(cls, array: NumpyArray) -> FrozenArray:
        contiguous = np.ascontiguousarray(array)
        if contiguous.dtype.kind not in "biuf":
            raise InvalidType(f"cannot freeze an array of type {contiguous.dtype} (give numbers)")
        return cls(contiguous.dtype.str, np.shape(array), contiguous.tobytes())

    @property
    def array(self) -> NumpyArray:
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)

    def reversed(self) -> FrozenArray:
        """The same rows from the last to the first."""
        return FrozenArray.of(self.array[::-1])

    def __float__(self) -> float:
        return float(self.array)


@dataclass(frozen=True)
class Constant(Operation):
    """A SymPy number or a frozen array."""

    value: sp.Expr | FrozenArray

    @property
    def digest(self) -> bytes:
        # a SymPy Float prints 15 digits: two that differ in the 17th must not have the same digest
        if isinstance(self.value, sp.Float):
            return f"Float({self.value._mpf_}, {self.value._prec})".encode()
        return (self.value.data if isinstance(self.value, FrozenArray) else b"") + f"Constant({self.value!r})".encode()

    @property
    def plain(self) -> NumpyArray | float | None:
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


NEGATIVE_ZERO = Constant(FrozenArray.of(np.array(-0.0)))  # SymPy has one zero


@public
def tensor(name: str, shape: Iterable[int | None] | None = None) -> Node[Input]:
    """An input by name. A size may be None (unknown until numbers are given), and so may the whole shape.

    >>> tensor("x", (None, 3)).shape, tensor("x") == tensor("x")
    ((x.shape[0], 3), True)
    """
    return Node(Input(checked_name(name), input_shape(name, shape)))


@public
def parameter(name: str, shape: Iterable[int] = (), start: Normal | None = None) -> Node[Input]:
    """A trainable input by name; `start` is the distribution that `init` draws it from.

    SymPy sees its name only: in `sp.tanh(w) + w` the symbol is the parameter, in `sp.tanh(w)` alone it is an input `w`
    (write `sf.tanh(w)` or `np.tanh(w)`).

    >>> parameter("W", (3, 3)).shape
    (3, 3)
    """
    sizes = input_shape(name, shape)
    if start is not None and not isinstance(start, Normal):
        raise InvalidType(
            f"the start of parameter {name!r} must be a sf.Normal, got {quoted(start)} "
            "(as sf.Normal(0.0, 0.1): mean and deviation)"
        )
    return Node(Input(checked_name(name), sizes, "parameter", start or default_start(sizes)))


def default_start(shape: Shape) -> Normal:
    """Zero for biases (at most one axis longer than 1); else normal, with deviation 1/sqrt(number of inputs)."""
    long = [size for size in shape if size != 1]
    inputs = next((size for size in shape if isinstance(size, int) and size > 1), 1)
    return Normal(0.0, inputs**-0.5) if len(long) > 1 else Normal(0.0, 0.0)


def checked_name(name: str) -> str:
    """A name that is an identifier, so that every printer can show it."""
    if not isinstance(name, str):
        raise InvalidType(f"{quoted(name)} of type {type(name).__name__} is not a name (give a string, as 'x')")
    if not name.isidentifier():
        raise InvalidValue(f"{name!r} is not a name (use letters, digits and underscores, and begin with a letter)")
    return name


def number(value: int | float | sp.Expr) -> Node[Constant]:
    """A number as a node."""
    if isinstance(value, float) and value == 0 and math.copysign(1, value) < 0:
        return Node(NEGATIVE_ZERO)
    return Node(Constant(sp.Float(value) if isinstance(value, float) else sp.sympify(value)))


def number_of(node: Node) -> sp.Expr | None:
    """The value of a constant node that is a number, else None."""
    return node.op.value if isinstance(node.op, Constant) and isinstance(node.op.value, sp.Expr) else None
