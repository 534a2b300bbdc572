"""How JAX computes elementwise heads and primitives, one row each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special

from symfold.core import primitives as p
from symfold.core.primitives import Primitive
from symfold.core.sequences import stack_row

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
