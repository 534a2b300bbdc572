"""The table of elementwise functions: one row per function, and every fact about the function in its row.

A row is added by one call of `function`, in this package or in a user's own code. Everything else asks the row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.arrays import namespace
from symfold.errors import InvalidValue, NoRule, listing, unknown

Head = type[sp.Basic]
Numbers = Callable[..., Any]
Formula = Callable[..., sp.Expr]


@dataclass(frozen=True)
class Point:
    """A special point: the arguments, the value there, and the slope by each argument."""

    at: tuple[Any, ...]
    value: Any
    slopes: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Function:
    """What is known about one elementwise function.

    - `numbers(xp, *arrays)` computes it over an array namespace; `spellings` holds what is better for one package.
    - `numpy` are NumPy's functions that trace to it.
    - `slopes` are the derivatives by each argument, or one function of the position and all arguments. SymPy
      differentiates where there are none. A `flat` function has slope 0 everywhere.
    - The value of a `truth` function is 1 or 0: yes or no. Arguments at `conditions` are read as truth values.
    - `composition` says the same by other functions, and accurately, for targets that have nothing better.
    - `definition` says in SymPy's terms what the function means.
    - `special` lists its special points.
    - `ulps` bounds its errors, in units in the last place, by backend, where they exceed 4.
    - `underflow` says, by backend, below how many times the smallest normal number its value or slope may come out as 0, since a number
      on the way there is too small. JAX has no subnormal numbers, so it is 1 there for every function unless the row says more.
    """

    head: Head
    numbers: Numbers | None = None
    numpy: tuple[Any, ...] = ()
    slopes: tuple[Formula, ...] | Formula | None = None
    composition: Formula | None = None
    definition: Formula | None = None
    special: tuple[Point, ...] = ()
    flat: bool = False
    truth: bool = False
    conditions: tuple[int, ...] = ()
    spellings: Mapping[str, Numbers] = field(default_factory=dict)
    ulps: Mapping[str, float] = field(default_factory=dict)
    underflow: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.head.__name__

    def carries(self, arity: int) -> tuple[int, ...]:
        """The positions of the arguments that the value depends on smoothly."""
        return () if self.flat else tuple(k for k in range(arity) if k not in self.conditions)

    def slope(self, position: int, *args: sp.Expr) -> sp.Expr | None:
        """The derivative by one argument; None where SymPy's own will do."""
        if self.flat:
            return sp.Integer(0)
        if self.slopes is None:
            return None
        return sp.sympify(
            self.slopes[position](*args) if isinstance(self.slopes, tuple) else self.slopes(position, *args)
        )


ROWS: dict[Head, Function] = {}
UFUNCS: dict[Any, Head] = {}  # the function that each of NumPy's functions means
NAMED: dict[str, Head] = {}


def function(head: Head, numbers: Numbers | None = None, **facts: Any) -> Function:
    """Add the row of an elementwise function; nets may hold it from now on.

    >>> class cube(sp.Function):
    ...     nargs = 1
    >>> row = function(cube, lambda xp, z: z * z * z, slopes=(lambda z: 3 * z**2,))
    >>> head_named("cube")
    cube
    """
    name = head.__name__
    if NAMED.get(name, head) is not head and NAMED[name].__module__ != head.__module__:
        raise InvalidValue(f"the name {name!r} is taken by {NAMED[name].__module__}.{name} (call the class otherwise)")
    row = Function(head, numbers, **facts)
    ROWS[head] = row
    NAMED[name] = head
    UFUNCS.update(dict.fromkeys(row.numpy, head))
    if not head.__module__.startswith("sympy.") and not row.truth:
        head._imp_ = staticmethod(Lambdified(row))  # where `sympy.lambdify` looks for the numbers of a function
    numbers_of.cache_clear()
    return row


def row_of(head: Head) -> Function:
    """The row of a function; a function of SymPy's that has none has a bare one: SymPy differentiates it."""
    return ROWS.get(head) or Function(head)


def head_name(head: Head) -> str:
    """The name under which an elementwise head can be found again.

    >>> head_name(sp.tanh), head_named("tanh")
    ('tanh', tanh)
    """
    name = head.__name__
    if NAMED.get(name, getattr(sp.functions, name, None)) is not head:
        raise NoRule(f"the function {name} has no row to be kept by (add it with symfold.core.functions.function)")
    return name


def head_named(name: str) -> Head:
    """The elementwise head of this name: that of a row, or one of SymPy's functions."""
    head = NAMED.get(name) or getattr(sp.functions, name, None)
    if not (isinstance(head, type) and (name in NAMED or issubclass(head, sp.Function))):
        raise unknown("function", name, NAMED)
    return head


class Lambdified:
    """The numbers of a function under `sympy.lambdify`, in the library of its arguments."""

    def __init__(self, row: Function):
        self.row = row

    def __call__(self, *args: Any) -> Any:
        libraries = [
            type(arg).__module__.partition(".")[0].removesuffix("lib") for arg in args
        ]  # JAX's arrays belong to jaxlib
        library = next(
            (name for name in libraries if name != "builtins"), ""
        )  # beside a literal number, the other argument says it
        if library == "mpmath" and self.row.definition is not None:
            symbols = [sp.Symbol(f"s_{k}", real=True) for k in range(len(args))]
            return sp.lambdify(symbols, self.row.definition(*symbols), "mpmath")(*args)
        head: Any = self.row.head
        if library in ("jax", "torch"):
            return numbers_of(head, library)(*args)
        return numbers_of(head)(*map(np.asarray, args))[()]


@cache
def numbers_of(head: Head, package: str = "numpy") -> Callable[..., Any]:
    """How a package computes a function.

    >>> float(numbers_of(sp.exp)(0.0))
    1.0
    """
    row = row_of(head)
    if package in row.spellings:
        return row.spellings[package]
    if row.numbers is not None:
        return partial(row.numbers, namespace(package))
    if row.composition is not None:
        return partial(computed, row.composition, package)
    known = listing((row.head.__name__ for row in sorted(ROWS.values(), key=lambda row: row.head.__name__)), 80)
    raise NoRule(
        f"no numbers for the SymPy function {head.__name__} (those with a row: {known}; add one with symfold.core.functions.function)"
    )


def computed(composition: Formula, package: str, *args: Any) -> Any:
    """The numbers of a function by those of the functions that it is made of."""
    symbols = [sp.Symbol(f"s_{k}", real=True) for k in range(len(args))]
    values: dict[sp.Expr, Any] = dict(zip(symbols, args, strict=True))
    number = next((arg.new_tensor for arg in args if hasattr(arg, "new_tensor")), float)
    whole = composition(*symbols)
    for part in sp.postorder_traversal(whole):
        if part.is_number:
            values[part] = number(float(part))
        elif part not in values:
            values[part] = numbers_of(part.func, package)(*(values[arg] for arg in part.args))
    return values[whole]
