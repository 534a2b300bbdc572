"""The table of elementwise functions: one row per function holds every fact about it.

One call of `function` adds a row, here or in a user's code; everything else asks the row.
"""

from __future__ import annotations

import copyreg
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import check_named, quoted, takes
from symfold.base.caching import cached
from symfold.base.facts import check_places, check_rules, counted, public_name
from symfold.core.arrays import Array, namespace
from symfold.errors import InvalidType, InvalidValue, NoRule, listing, unknown

Head = type[sp.Basic]
Numbers = Callable[..., Any]
Formula = Callable[..., sp.Expr]


@dataclass(frozen=True)
class Point:
    """A special point: the arguments, the value, and the slope by each argument.

    >>> Point(at=(0,), value=0, slopes=(1,))  # of tanh at 0
    Point(at=(0,), value=0, slopes=(1,))
    """

    at: tuple[sp.Expr | float, ...]
    value: sp.Expr | float
    slopes: tuple[sp.Expr | float, ...] = ()


@dataclass(frozen=True)
class Function:
    """The facts about one elementwise function.

    - `numbers(xp, *arrays)` computes it over an array namespace; `spellings[package]` replaces it for one package.
    - `numpy` are the NumPy functions that trace to it.
    - `slopes` are the derivatives by each argument, or one function of the position and all arguments; without them,
      SymPy differentiates. A `flat` function has slope 0 everywhere.
    - The value of a `truth` function is 1 or 0. Arguments at `conditions` are read as truth values.
    - `composition` computes it accurately from other functions, for targets without a rule of their own.
    - `definition` is its meaning in SymPy's functions.
    - `special` are its special points.
    - `ulps` bounds its error by backend, in units in the last place, if it exceeds 4.
    - `underflow` bounds by backend, in multiples of the smallest normal number, the values and slopes that may come out
      as 0 because an intermediate result underflows. For JAX, which has no subnormal numbers, it is at least 1.
    """

    head: Head
    numbers: Numbers | None = None
    numpy: tuple[Callable[..., object], ...] = ()
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
    version: int = 0  # the number of earlier classes of this name

    @property
    def name(self) -> str:
        return self.head.__name__

    def __repr__(self) -> str:
        return f"Function(head={self.head.__name__})"

    def carries(self, arity: int) -> tuple[int, ...]:
        """The positions of the arguments that the value depends on smoothly."""
        return () if self.flat else tuple(k for k in range(arity) if k not in self.conditions)

    def slope(self, position: int, *args: sp.Expr) -> sp.Expr | None:
        """The derivative by one argument; None if SymPy differentiates."""
        if self.flat:
            return sp.Integer(0)
        if self.slopes is None:
            return None
        return sp.sympify(
            self.slopes[position](*args) if isinstance(self.slopes, tuple) else self.slopes(position, *args)
        )


ROWS: dict[Head, Function] = {}
UFUNCS: dict[Callable[..., object], Head] = {}  # NumPy function -> head
NAMED: dict[str, Head] = {}
VERSIONS: Counter[str] = Counter()  # how many classes had each name; never reset, since nets may outlive a row


def function(head: Head, numbers: Numbers | None = None, **facts: Any) -> Function:
    """Add the row of an elementwise function.

    >>> class cube(sp.Function):
    ...     nargs = 1
    >>> row = function(cube, lambda xp, z: z * z * z, slopes=(lambda z: 3 * z**2,))
    >>> head_named("cube")
    cube
    """
    if not (isinstance(head, type) and issubclass(head, sp.Basic)):
        raise InvalidType(f"{quoted(head)} is not a SymPy class (give one, as class cube(sympy.Function): nargs = 1)")
    name = public_name("function", head.__name__)
    check_named(f"the function {name!r}", "fact", facts, [field.name for field in fields(Function)][2:-1])
    if NAMED.get(name, head) is not head and NAMED[name].__module__ != head.__module__:
        raise InvalidValue(f"the name {name!r} is taken by {NAMED[name].__module__}.{name} (rename the class)")
    row = checked(Function(head, numbers, **facts))
    if head in ROWS:
        raise InvalidValue(f"the class {name} has a row already (define the class again, or give another one)")
    row = replace(row, version=VERSIONS[name])
    VERSIONS[name] += 1
    ROWS[head] = row
    NAMED[name] = head
    UFUNCS.update(dict.fromkeys(row.numpy, head))
    copyreg.pickle(head, as_written)
    if not head.__module__.startswith("sympy.") and not row.truth:
        head._imp_ = staticmethod(Lambdified(row))  # `sympy.lambdify` calls this attribute
    numbers_of.cache_clear()
    accepts.cache_clear()
    return row


def as_written(expression: sp.Basic) -> tuple[Callable[..., sp.Basic], tuple[sp.Basic, ...]]:
    """How an expression is pickled and copied: unevaluated and in its order, where SymPy would evaluate it again."""
    return partial(expression.func, evaluate=False), expression.args


def checked(row: Function) -> Function:
    """The row of a function, if its facts are what they must be."""
    what = f"the function {row.name!r}"
    check_rules(what, {"numbers": row.numbers, "composition": row.composition, "definition": row.definition})
    check_rules(f"{what}, `spellings`", row.spellings)
    if not (row.slopes is None or callable(row.slopes) or isinstance(row.slopes, tuple)):
        raise InvalidType(
            f"{what}: slopes={quoted(row.slopes)} is not a tuple of functions (give one per argument, as "
            "(lambda z: 3*z**2,), or one function of the position and all arguments)"
        )
    if isinstance(row.slopes, tuple):
        named_slopes = {f"slopes[{k}]": slope for k, slope in enumerate(row.slopes)}
        check_rules(what, named_slopes, required=named_slopes)
        counts = argument_counts(row.head)
        if counts is not None and counts != (len(row.slopes),):
            raise InvalidValue(
                f"{what} takes {alternatives(counts)}, and has {counted(len(row.slopes), 'slope')} "
                "(give one slope per argument)"
            )
    check_places(f"{what}: conditions", row.conditions)
    if not isinstance(row.special, tuple) or not all(isinstance(point, Point) for point in row.special):
        raise InvalidType(f"{what}: special={quoted(row.special)} is not a tuple of `Point`s")
    return row


def argument_counts(head: Head) -> tuple[int, ...] | None:
    """How many arguments a function takes, by its class; None for any number."""
    counts = getattr(head, "nargs", None)
    if not isinstance(counts, sp.FiniteSet):
        return None
    return tuple(sorted(int(count) for count in counts))


def alternatives(counts: tuple[int, ...]) -> str:
    return " or ".join([*map(str, counts[:-1]), counted(counts[-1], "argument")])


@cached(4096)
def accepts(head: Head, count: int) -> bool:
    """Whether a function takes so many arguments, by its class and its row; an error names the function if not."""
    counts = argument_counts(head)
    row = ROWS.get(head)
    if counts is None and row is not None and isinstance(row.slopes, tuple):
        counts = (len(row.slopes),)
    if counts is not None and count not in counts:
        raise InvalidType(f"{head.__name__} takes {alternatives(counts)}, got {count}")
    if row is not None and counts is None and row.numbers is not None and not takes(row.numbers, *[None] * (1 + count)):
        raise InvalidType(f"{head.__name__} does not take {counted(count, 'argument')} (its `numbers` do not)")
    return True


def row_of(head: Head) -> Function:
    """The row of a function; a SymPy function without one gets an empty row, so that SymPy differentiates it."""
    return ROWS.get(head) or Function(head)


def head_name(head: Head) -> str:
    """The name by which `head_named` finds a head again.

    >>> head_name(sp.tanh), head_named("tanh")
    ('tanh', tanh)
    """
    name = head.__name__
    if NAMED.get(name, getattr(sp.functions, name, None)) is not head:
        raise NoRule(f"the function {name} has no row to be saved by (add it with symfold.core.functions.function)")
    return name


def fingerprint(head: Head) -> bytes:
    """What tells a function from all others, in digests: its name, and its version if the name had another class."""
    row = ROWS.get(head)
    return f"{head.__name__}#{row.version}".encode() if row is not None and row.version else head.__name__.encode()


def head_named(name: str) -> Head:
    """The elementwise head with this name: of a row, or else of SymPy's functions."""
    head = NAMED.get(name) or getattr(sp.functions, name, None)
    if not (isinstance(head, type) and (name in NAMED or issubclass(head, sp.Function))):
        raise unknown("function", name, NAMED)
    return head


class Lambdified:
    """The numbers of a function under `sympy.lambdify`, computed by the library of its arguments."""

    def __init__(self, row: Function):
        self.row = row

    def __call__(self, *args: object) -> Array:
        # "jaxlib", the module of JAX's arrays, is "jax"; literal numbers, of "builtins", follow the other arguments
        libraries = [type(arg).__module__.partition(".")[0].removesuffix("lib") for arg in args]
        library = next((name for name in libraries if name != "builtins"), "")
        if library == "mpmath" and self.row.definition is not None:
            symbols = [sp.Symbol(f"s_{k}", real=True) for k in range(len(args))]
            return sp.lambdify(symbols, self.row.definition(*symbols), "mpmath")(*args)
        head: Any = self.row.head
        if library in ("jax", "torch"):
            return numbers_of(head, library)(*args)
        return numbers_of(head)(*map(np.asarray, args))[()]


@cached(None)
def numbers_of(head: Head, package: str = "numpy") -> Callable[..., Any]:
    """The function by which a package computes an elementwise function.

    >>> float(numbers_of(sp.exp)(0.0))
    1.0
    """
    row = row_of(head)
    if package in row.spellings:
        return row.spellings[package]
    if row.numbers is not None:
        return partial(row.numbers, namespace(package))
    if row.composition is not None:
        return partial(composed_numbers, row.composition, package)
    names = listing(sorted(head.__name__ for head in ROWS), 80)
    raise NoRule(
        f"no numbers for the SymPy function {head.__name__} "
        f"(those with a row: {names}; add one with symfold.core.functions.function)"
    )


def composed_numbers(composition: Formula, package: str, *args: object) -> Array:
    """The numbers of a function from those of the functions that compose it."""
    symbols = [sp.Symbol(f"s_{k}", real=True) for k in range(len(args))]
    values: dict[sp.Expr, Any] = dict(zip(symbols, args, strict=True))
    number = next((arg.new_tensor for arg in args if hasattr(arg, "new_tensor")), float)
    expression = composition(*symbols)
    for part in sp.postorder_traversal(expression):
        if part.is_number:
            values[part] = number(float(part))
        elif part not in values:
            values[part] = numbers_of(part.func, package)(*(values[arg] for arg in part.args))
    return values[expression]
