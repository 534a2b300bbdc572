"""Operators: Python's operators and NumPy's methods, each forwarded by name to `_operate`."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import Any, Generic, TypeVar

from symfold.errors import InvalidType

NO_NUMBER = (
    "a symbolic value is not a number yet (inside a mapper, write np.tanh or sf.tanh for math.tanh, and so on; "
    "for numbers, compile the net, or call it)"
)


Result = TypeVar("Result", covariant=True)


class Operators(Generic[Result]):
    """Arithmetic and NumPy's methods, for nodes and nets: subclasses define `_operate(name, *others)`, the result."""

    __slots__ = ()
    _op_priority = 20.0  # a SymPy number beside a node leaves the operation to the node

    def _operate(self, name: str, *others: object, **options: object) -> Result:
        raise NotImplementedError

    def __add__(self, other: object) -> Result:
        return self._operate("__add__", other)

    def __radd__(self, other: object) -> Result:
        return self._operate("__radd__", other)

    def __sub__(self, other: object) -> Result:
        return self._operate("__sub__", other)

    def __rsub__(self, other: object) -> Result:
        return self._operate("__rsub__", other)

    def __mul__(self, other: object) -> Result:
        return self._operate("__mul__", other)

    def __rmul__(self, other: object) -> Result:
        return self._operate("__rmul__", other)

    def __truediv__(self, other: object) -> Result:
        return self._operate("__truediv__", other)

    def __rtruediv__(self, other: object) -> Result:
        return self._operate("__rtruediv__", other)

    def __pow__(self, other: object) -> Result:
        return self._operate("__pow__", other)

    def __rpow__(self, other: object) -> Result:
        caller = sys._getframe(1)
        if caller.f_code is Fraction.__pow__.__code__:  # before Python 3.14, a fraction gives a float in its place
            other = caller.f_locals["a"]
        return self._operate("__rpow__", other)

    def __matmul__(self, other: object) -> Result:
        return self._operate("__matmul__", other)

    def __rmatmul__(self, other: object) -> Result:
        return self._operate("__rmatmul__", other)

    def __getitem__(self, index: object) -> Result:
        return self._operate("__getitem__", index)

    # logic, comparisons, and operators that are refused

    def __mod__(self, other: object) -> Result:
        return self._operate("__mod__", other)

    def __rmod__(self, other: object) -> Result:
        return self._operate("__rmod__", other)

    def __floordiv__(self, other: object) -> Result:
        return self._operate("__floordiv__", other)

    def __rfloordiv__(self, other: object) -> Result:
        return self._operate("__rfloordiv__", other)

    def __divmod__(self, other: object) -> Result:
        return self._operate("__divmod__", other)

    def __and__(self, other: object) -> Result:
        return self._operate("__and__", other)

    def __or__(self, other: object) -> Result:
        return self._operate("__or__", other)

    def __invert__(self) -> Result:
        return self._operate("__invert__")

    def __xor__(self, other: object) -> Result:
        return self._operate("__xor__", other)

    def __rand__(self, other: object) -> Result:
        return self._operate("__rand__", other)

    def __ror__(self, other: object) -> Result:
        return self._operate("__ror__", other)

    def __rxor__(self, other: object) -> Result:
        return self._operate("__rxor__", other)

    def __setitem__(self, index: object, value: object) -> None:
        raise InvalidType(
            f"a symbolic value cannot be changed in place, as [{index!r}] = would "
            "(make a new one: np.concatenate, np.stack or arithmetic)"
        )

    def __array__(self, *args: object, **options: object) -> Any:
        raise InvalidType(
            "a symbolic value is not an array yet (np.stack([a, b]), np.dot(a, z) and a @ z trace, "
            "np.array([a, b]) and a.dot(z) do not; call the net for numbers)"
        )

    def __int__(self) -> int:
        raise InvalidType(NO_NUMBER)

    def __float__(self) -> float:
        raise InvalidType(NO_NUMBER)

    def __complex__(self) -> complex:
        raise InvalidType(NO_NUMBER)

    def __round__(self, digits: int | None = None) -> Result:
        return self._operate("__round__")

    def __lt__(self, other: object) -> Result:
        return self._operate("__lt__", other)

    def __le__(self, other: object) -> Result:
        return self._operate("__le__", other)

    def __gt__(self, other: object) -> Result:
        return self._operate("__gt__", other)

    def __ge__(self, other: object) -> Result:
        return self._operate("__ge__", other)

    def __neg__(self) -> Result:
        return self._operate("__neg__")

    def __pos__(self) -> Result:
        return self._operate("__pos__")

    def __abs__(self) -> Result:
        return self._operate("__abs__")

    def sum(self, axis: object = None, keepdims: bool = False) -> Result:
        return self._operate("sum", axis=axis, keepdims=keepdims)

    def mean(self, axis: object = None, keepdims: bool = False) -> Result:
        return self._operate("mean", axis=axis, keepdims=keepdims)

    def reshape(self, *shape: object) -> Result:
        return self._operate("reshape", *shape)

    def dot(self, other: object) -> Result:
        return self._operate("dot", other)

    def transpose(self) -> Result:
        return self._operate("transpose")

    @property
    def T(self) -> Result:  # noqa: N802 - NumPy's spelling
        return self.transpose()
