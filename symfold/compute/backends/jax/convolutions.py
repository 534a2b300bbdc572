"""Convolutions in JAX, and their adjoints.

On a GPU, and outside of loops, each is XLA's own convolution. In a loop on a CPU, where that takes several times as
long, it is a sum of products with the shifted image, one for each entry of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from symfold.transform.passes.convolutions import Correlation, Sizes, Window


def correlated(first: jax.Array, second: jax.Array, of: Correlation) -> jax.Array:
    """A convolution, or one of its adjoints."""

    def compute(groups: int, first: jax.Array, second: jax.Array, shape: Sizes) -> jax.Array:
        if of.in_loop and groups == 1 and jax.default_backend() == "cpu":
            return by_shifts(of.window, of.wanted, first, second)
        return by_xla(of.window, groups, of.wanted, first, second, shape)

    return jnp.asarray(of(compute, first, second))


def xla(window: Window, groups: int, image: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(
        image, kernel, window.stride, [(p, p) for p in window.padding], rhs_dilation=window.dilation,
        feature_group_count=groups,
    )  # fmt: skip


def summed_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """A product of matrices, summed in float32 or float64."""
    return jnp.matmul(a, b, preferred_element_type=jnp.promote_types(a.dtype, jnp.float32))


def by_xla(window: Window, groups: int, wanted: str, first: jax.Array, second: jax.Array, shape: Sizes) -> jax.Array:
    """The result from image and kernel, or the cotangent of one of them from the other and that of the result."""
    if wanted == "result":
        return xla(window, groups, first, second)
    unknown = jax.ShapeDtypeStruct(shape, first.dtype)
    if wanted == "image":
        (cotangent,) = jax.linear_transpose(lambda image: xla(window, groups, image, second), unknown)(first)
    else:
        (cotangent,) = jax.linear_transpose(lambda kernel: xla(window, groups, first, kernel), unknown)(second)
    return jnp.asarray(cotangent)


def shifted(window: Window, image: jax.Array) -> list[jax.Array]:
    """The padded image (n, sizes, c) as each entry of the kernel reads it."""
    return [image[(slice(None), *entry)] for entry in window.entries()]


def by_shifts(window: Window, wanted: str, first: jax.Array, second: jax.Array) -> jax.Array:
    """The same for one group, as products with the shifted image."""
    rank = len(window.kernel)
    last = jnp.moveaxis(first, 1, -1)
    if wanted == "image":
        window, pads = window.backward()
        wide = lax.pad(last, jnp.zeros((), last.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
        flipped = jnp.flip(jnp.moveaxis(second, 1, 0), axis=range(2, 2 + rank))
        return summed(shifted(window, wide), flipped)
    wide = jnp.pad(last, [(0, 0), *((p, p) for p in window.padding), (0, 0)])
    if wanted == "result":
        return summed(shifted(window, wide), second)
    bar = jnp.reshape(jnp.moveaxis(second, 1, -1), (-1, second.shape[1]))
    parts = [summed_product(bar.T, jnp.reshape(image, (-1, image.shape[-1]))) for image in shifted(window, wide)]
    return jnp.reshape(jnp.stack(parts, axis=-1), (bar.shape[1], last.shape[-1], *window.kernel))


def summed(images: Sequence[jax.Array], kernel: jax.Array) -> jax.Array:
    """The sum of the products of shifted images with the entries of a kernel; channels first again."""
    entries = jnp.moveaxis(jnp.reshape(kernel, (*kernel.shape[:2], -1)), -1, 0)
    total = sum(summed_product(image, entry.T) for image, entry in zip(images, entries, strict=True))
    return jnp.moveaxis(jnp.asarray(total), -1, 1)
