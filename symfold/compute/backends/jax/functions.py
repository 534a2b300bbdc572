"""Primitives in JAX, one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.scipy import special

from symfold.compute.backends.jax.convolutions import correlated
from symfold.core import primitives as p
from symfold.core.sequences import stack_row
from symfold.transform.passes.convolutions import CORRELATION


def _guarded(bar: jax.Array, factor: jax.Array) -> jax.Array:
    return jnp.where((bar == 0) | (factor == 0), jnp.zeros_like(bar), bar * factor)


def _transposed(cotangent: jax.Array, bar: jax.Array, factor: jax.Array) -> list[jax.Array]:
    if type(cotangent) is ad.Zero:
        return [None, None]
    in_bar = ad.is_undefined_primal(bar)
    return [GUARDED.bind(cotangent, factor), None] if in_bar else [None, GUARDED.bind(bar, cotangent)]


def _mapped(args: Sequence[jax.Array], axes: Sequence[int | None]) -> tuple[Any, int]:
    """The batching rule: move the mapped axis first in both arguments."""
    size = next(arg.shape[axis] for arg, axis in zip(args, axes, strict=True) if axis is not None)
    batched = (
        jnp.broadcast_to(a, (size, *a.shape)) if axis is None else jnp.moveaxis(a, axis, 0)
        for a, axis in zip(args, axes, strict=True)
    )
    return GUARDED.bind(*batched), 0


# a JAX primitive, since `where` on the factors is not linear in them, as JAX requires of a derivative
GUARDED = Primitive("guarded_product")
GUARDED.def_impl(jax.jit(_guarded))
GUARDED.def_abstract_eval(lambda bar, factor: jax.core.ShapedArray(bar.shape, bar.dtype))
mlir.register_lowering(GUARDED, mlir.lower_fun(_guarded, multiple_results=False))
ad.defjvp(
    GUARDED,
    lambda tangent, bar, factor: GUARDED.bind(tangent, factor),
    lambda tangent, bar, factor: GUARDED.bind(bar, tangent),
)
ad.primitive_transposes[GUARDED] = _transposed
batching.primitive_batchers[GUARDED] = _mapped


def guarded_product(bar: jax.Array, factor: jax.Array) -> jax.Array:
    """The numbers of the row, linear in each argument."""
    dtype = jnp.result_type(bar, factor)
    return GUARDED.bind(*(jnp.asarray(part, dtype) for part in jnp.broadcast_arrays(bar, factor)))


# where JAX improves on the rows: derivatives at special points, one operation instead of several
ROWS: dict[p.Primitive, Callable[..., jax.Array]] = {
    p.guarded_product: guarded_product,
    p.softmax: lambda a, axis: jax.nn.softmax(a, axis=axis),
    p.logsumexp: lambda a, axis, keepdims: special.logsumexp(a, axis=axis, keepdims=keepdims),
    stack_row: lambda *parts: jnp.stack(jnp.broadcast_arrays(*parts)),
}


# rows that a pass writes, for targets with code for them
WRITTEN: dict[p.Primitive, Callable[..., jax.Array]] = {CORRELATION: correlated}

# sums of products of factors with fewer digits than their sum
ROUNDED: dict[p.Primitive, Callable[..., jax.Array]] = {
    p.dot: lambda a, b: jnp.matmul(a, b, preferred_element_type=jnp.float32),
    p.einsum: lambda *arrays, subscripts: jnp.einsum(subscripts, *arrays, preferred_element_type=jnp.float32),
    CORRELATION: lambda first, second, of: jnp.asarray(correlated(first, second, of), jnp.float32),
}


def row_of(primitive: p.Primitive, factors: str | None = None) -> Callable[..., jax.Array]:
    """The JAX function of a primitive: from a row here, else the primitive's own.

    With `factors`, products round their factors to this type; their sums are in float32.
    """
    dtype, function = None, ROWS.get(primitive) or WRITTEN.get(primitive) or primitive.spelled("jax")
    if factors and primitive in ROUNDED:
        dtype, function = factors, ROUNDED[primitive]
    return lambda *args, **attributes: function(*(jnp.asarray(arg, dtype) for arg in args), **attributes)
