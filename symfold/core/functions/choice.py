"""Rows of comparisons, logic, `where` and `clip`. A truth value is the number 1 or 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

import symfold.core.functions.heads as h
from symfold.core.arrays import Array, Namespace
from symfold.core.functions.table import Head, Point, function

Truth = Callable[..., Any]


def truth(head: Head, ufunc: Callable[..., object], numbers: Truth, means: Truth, special: tuple[Point, ...]) -> None:
    """Add the row of a function whose value is 1 or 0."""
    printers: Any = head
    printers._numpycode = printers._jaxcode = printed_by_numpy(ufunc.__name__)
    printers._pythoncode = printers._mpmathcode = printed_by_python
    function(
        head,
        lambda xp, *args: as_numbers(xp, numbers(xp, *args), args),
        numpy=(ufunc,),
        definition=lambda *args: sp.Piecewise((1, means(*args)), (0, True)),
        flat=True,
        truth=True,
        special=special,
    )


def printed_by_numpy(name: str) -> Callable[..., str]:
    """The code of a function under `sympy.lambdify` with NumPy or JAX: their function of this name."""

    def code(self: sp.Expr, printer: Any, **_: Any) -> str:
        function = printer._module_format(f"{printer._module}.{name}")
        return f"(1.0*{function}({', '.join(map(printer._print, self.args))}))"

    return code


# the code of each function under `sympy.lambdify` without arrays
PYTHON = {
    "greater": "{0} > {1}", "greater_equal": "{0} >= {1}", "less": "{0} < {1}", "less_equal": "{0} <= {1}", "equal": "{0} == {1}",
    "not_equal": "{0} != {1}", "logical_and": "{0} != 0 and {1} != 0", "logical_or": "{0} != 0 or {1} != 0",
    "logical_xor": "({0} != 0) != ({1} != 0)", "logical_not": "{0} == 0", "isnan": "{0} != {0}", "isinf": "abs({0}) == float('inf')",
    "isfinite": "abs({0}) < float('inf')",
}  # fmt: skip


def printed_by_python(self: sp.Expr, printer: Any, **_: Any) -> str:
    """The code of a function under `sympy.lambdify` without arrays."""
    return f"(1 if {PYTHON[type(self).__name__].format(*(f'({printer._print(arg)})' for arg in self.args))} else 0)"


def flat_point(*entries: object) -> Point:
    """A special point of a flat function: its arguments, then its value."""
    *args, value = entries
    return Point(tuple(args), value, (0,) * len(args))


def as_numbers(xp: Namespace, flags: Array, args: tuple[Array, ...]) -> Array:
    """Truth values as the numbers 1 and 0, of the arguments' common type."""
    arrays = [arg for arg in args if hasattr(arg, "dtype")] or [xp.asarray(0.0)]
    dtype = xp.result_type(*arrays)
    return xp.asarray(flags).astype(dtype) if hasattr(flags, "astype") else xp.astype(flags, dtype)


truth(
    h.greater,
    np.greater,
    lambda xp, a, b: a > b,
    lambda a, b: a > b,
    (flat_point(1, 1, 0), flat_point(sp.nan, 1, 0), flat_point(sp.oo, 1, 1)),
)
truth(
    h.greater_equal,
    np.greater_equal,
    lambda xp, a, b: a >= b,
    lambda a, b: a >= b,
    (flat_point(1, 1, 1), flat_point(sp.nan, 1, 0)),
)
truth(h.less, np.less, lambda xp, a, b: a < b, lambda a, b: a < b, (flat_point(1, 1, 0), flat_point(1, sp.nan, 0)))
truth(
    h.less_equal,
    np.less_equal,
    lambda xp, a, b: a <= b,
    lambda a, b: a <= b,
    (flat_point(1, 1, 1), flat_point(sp.nan, 1, 0)),
)
truth(h.equal, np.equal, lambda xp, a, b: a == b, sp.Eq, (flat_point(sp.oo, sp.oo, 1), flat_point(sp.nan, sp.nan, 0)))
truth(
    h.not_equal,
    np.not_equal,
    lambda xp, a, b: a != b,
    sp.Ne,
    (flat_point(sp.oo, sp.oo, 0), flat_point(sp.nan, sp.nan, 1)),
)
truth(
    h.logical_and,
    np.logical_and,
    lambda xp, a, b: (a != 0) & (b != 0),
    lambda a, b: sp.And(sp.Ne(a, 0), sp.Ne(b, 0)),
    (flat_point(1, sp.nan, 1), flat_point(0, sp.nan, 0)),
)
truth(
    h.logical_or,
    np.logical_or,
    lambda xp, a, b: (a != 0) | (b != 0),
    lambda a, b: sp.Or(sp.Ne(a, 0), sp.Ne(b, 0)),
    (flat_point(0, sp.nan, 1), flat_point(0, 0, 0)),
)
truth(
    h.logical_xor,
    np.logical_xor,
    lambda xp, a, b: (a != 0) ^ (b != 0),
    lambda a, b: sp.Xor(sp.Ne(a, 0), sp.Ne(b, 0)),
    (flat_point(0, sp.nan, 1), flat_point(2, 3, 0)),
)
truth(
    h.logical_not,
    np.logical_not,
    lambda xp, z: z == 0,
    lambda z: sp.Eq(z, 0),
    (flat_point(0, 1), flat_point(sp.nan, 0)),
)
truth(
    h.isnan, np.isnan, lambda xp, z: z != z, lambda z: sp.S(z is sp.nan), (flat_point(sp.nan, 1), flat_point(sp.oo, 0))
)
truth(
    h.isinf,
    np.isinf,
    lambda xp, z: xp.isinf(xp.asarray(z)),
    lambda z: sp.Or(sp.Eq(z, sp.oo), sp.Eq(z, -sp.oo)),
    (flat_point(-sp.oo, 1), flat_point(sp.nan, 0)),
)
truth(
    h.isfinite,
    np.isfinite,
    lambda xp, z: xp.isfinite(xp.asarray(z)),
    lambda z: sp.S(z is not sp.nan) & (z < sp.oo) & (z > -sp.oo),
    (flat_point(sp.oo, 0), flat_point(sp.nan, 0), flat_point(0, 1)),
)

function(
    h.where,
    lambda xp, c, a, b: xp.where(xp.asarray(c != 0), a, b),
    conditions=(0,),
    slopes=(lambda c, a, b: sp.Integer(0), lambda c, a, b: h.where(c, 1, 0), lambda c, a, b: h.where(c, 0, 1)),
    definition=lambda c, a, b: sp.Piecewise((a, sp.Ne(c, 0)), (b, True)),
    special=(
        Point((sp.nan, 1, 2), 1, (0, 1, 0)),
        Point((1, 2, sp.nan), 2, (0, 1, 0)),
        Point((0, sp.nan, 3), 3, (0, 0, 1)),
        Point((0, sp.oo, 3), 3, (0, 0, 1)),
    ),
)
function(
    h.clip,
    lambda xp, z, low, high: xp.minimum(xp.maximum(z, low), high),
    slopes=(
        lambda z, low, high: h.logical_and(h.greater_equal(z, low), h.less_equal(z, high)),
        lambda z, low, high: h.logical_and(h.less(z, low), h.less(low, high)),
        lambda z, low, high: h.logical_or(h.greater(z, high), h.greater(low, high)),
    ),
    composition=lambda z, low, high: sp.Min(sp.Max(z, low), high),
    spellings={"jax": lambda z, low, high: _jax_clip(z, low, high), "torch": lambda z, low, high: z.clamp(low, high)},
    definition=lambda z, low, high: sp.Piecewise((high, low > high), (low, z < low), (high, z > high), (z, True)),
    special=(
        Point((1, 1, 2), 1, (1, 0, 0)),
        Point((2, 1, 2), 2, (1, 0, 0)),
        Point((0, 1, 1), 1, (0, 0, 0)),
        Point((1, 1, 1), 1, (1, 0, 0)),
        Point((2, 1, 1), 1, (0, 0, 1)),
        Point((sp.oo, 1, 2), 2, (0, 0, 1)),
        Point((-sp.oo, 1, 2), 1, (0, 1, 0)),
    ),
)


def _jax_clip(z: Array, low: Array, high: Array) -> Array:
    """clip with the slopes of its row; JAX's own shares the slope at a bound."""
    import jax
    from jax import numpy as jnp

    least = jnp.where(low == high, jax.lax.stop_gradient(low), jnp.where(low > high, high, low))
    bounded = jnp.where(z > high, high, jnp.where(z < low, least, z))
    return jnp.where(jnp.isnan(low) | jnp.isnan(high), low + high, bounded)
