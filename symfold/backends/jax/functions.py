"""How JAX computes elementwise heads and primitives, one row each."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp
from jax.scipy import special

from symfold import primitives as p
from symfold.errors import NoRule
from symfold.functions import Head, relu, sigmoid, softplus, step
from symfold.primitives import Primitive
from symfold.sequences import stack_row


def _power(a: Any, b: Any) -> Any:
    """A power; of an exponent that is known, without logarithms where there is another way."""
    if not isinstance(b, float):
        return jnp.power(a, b)
    if b.is_integer() and abs(b) < 2**10:
        return jax.lax.integer_pow(jnp.asarray(a), int(b))
    return jnp.sqrt(a) if b == 0.5 else jnp.power(a, b)


FUNCTIONS: dict[Head, Callable[..., Any]] = {
    sp.Add: lambda *a: reduce(jnp.add, a),
    sp.Mul: lambda *a: reduce(jnp.multiply, a),
    sp.Pow: _power,
    sp.Max: lambda *a: reduce(jnp.maximum, a),
    sp.Min: lambda *a: reduce(jnp.minimum, a),
    sp.exp: jnp.exp, sp.log: jnp.log, sp.Abs: jnp.abs, sp.sign: jnp.sign, sp.floor: jnp.floor, sp.ceiling: jnp.ceil,
    sp.sin: jnp.sin, sp.cos: jnp.cos, sp.tan: jnp.tan, sp.sinh: jnp.sinh, sp.cosh: jnp.cosh, sp.tanh: jnp.tanh,
    sp.asin: jnp.arcsin, sp.acos: jnp.arccos, sp.atan: jnp.arctan,
    sp.asinh: jnp.arcsinh, sp.acosh: jnp.arccosh, sp.atanh: jnp.arctanh, sp.atan2: jnp.arctan2,
    sp.Heaviside: lambda z, half=0.5: jnp.heaviside(z, half),
    sp.erf: special.erf, sp.erfc: special.erfc,
    sp.gamma: special.gamma, sp.loggamma: special.gammaln, sp.digamma: special.digamma,
    sigmoid: jax.nn.sigmoid,
    softplus: lambda z: jnp.logaddexp(z, 0.0),
    relu: lambda z: jnp.where(z > 0, z, 0.0),  # at 0 the slope is 0, as that of `relu` is: `jnp.maximum` would take a half
    step: lambda z: jnp.where(z > 0, 1.0, 0.0),
}  # fmt: skip


def function_of(head: Head) -> Callable[..., Any]:
    """How JAX computes an elementwise head."""
    if head in FUNCTIONS:
        return FUNCTIONS[head]
    raise NoRule(f"the JAX backend has no rule for the SymPy function {head.__name__} (those with one: {', '.join(sorted(h.__name__ for h in FUNCTIONS))})")


# What JAX has better than the rows themselves: slopes at special points that `jax.grad` knows, one operation for several.
ROWS: dict[Primitive, Callable[..., Any]] = {
    p.softmax: lambda a, axis: jax.nn.softmax(a, axis=axis),
    p.logsumexp: lambda a, axis, keepdims: special.logsumexp(a, axis=axis, keepdims=keepdims),
    stack_row: lambda *parts: jnp.stack(jnp.broadcast_arrays(*parts)),
}


def row_of(primitive: Primitive) -> Callable[..., Any]:
    """How JAX computes a primitive: by a row here, else by the primitive's own."""
    rule = ROWS.get(primitive) or primitive.spelled("jax")
    return lambda *args, **attributes: rule(*map(jnp.asarray, args), **attributes)
