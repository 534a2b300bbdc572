"""Convolutions in JAX: sums of products with windows, and their adjoints, without the windows in memory.

    result[n, o, i] = sum over c, p of windows(image)[n, c, i, p] kernel[o, c, p]

and image and kernel as the cotangents from that of the result. On a GPU, and outside of loops, each is XLA's own
convolution. In a loop on a CPU, where that takes several times as long, it is a sum of products with the shifted image,
one for each entry of the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import prod
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from symfold.core.folds import Fold, rebuilt_inside
from symfold.core.nodes import Node, rebuilt
from symfold.core.primitives import Primitive, add_windows, einsum, is_primitive, windows
from symfold.core.primitives.table import EACH
from symfold.core.shapes import is_concrete
from symfold.transform.passes.windows import windows_in_steps

Sizes: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """The geometry of a convolution along its spatial axes: what the axes have in order."""

    image: Sizes
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes

    @property
    def places(self) -> Sizes:
        return tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(self.image, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        )

    def shifted(self, image: jax.Array) -> list[jax.Array]:
        """The padded image (n, sizes, c) as each entry of the kernel reads it."""
        return [
            image[(slice(None), *(
                slice(k * d, k * d + (n - 1) * s + 1, s)
                for k, d, n, s in zip(offset, self.dilation, self.places, self.stride, strict=True)
            ))]
            for offset in product(*map(range, self.kernel))
        ]  # fmt: skip

    def backward(self) -> tuple[Window, list[tuple[int, int, int]]]:
        """The geometry of the cotangent of the image, at stride 1, and the padding of the cotangent of the result."""
        low = [d * (k - 1) - p for k, p, d in zip(self.kernel, self.padding, self.dilation, strict=True)]
        wide = [n + d * (k - 1) for n, k, d in zip(self.image, self.kernel, self.dilation, strict=True)]
        high = [
            size - before - (n - 1) * s - 1
            for size, before, n, s in zip(wide, low, self.places, self.stride, strict=True)
        ]
        ones, zeros = (1,) * len(wide), (0,) * len(wide)
        pads = [(before, after, s - 1) for before, after, s in zip(low, high, self.stride, strict=True)]
        return Window(tuple(wide), self.kernel, ones, zeros, self.dilation), pads


@dataclass(frozen=True)
class Letters:
    """The letters of axes: samples n, groups g, channels c, outputs o, then places and entries of the kernel."""

    n: str
    g: str
    c: str
    o: str
    places: str
    entries: str

    @classmethod
    def of(cls, image: str, kernel: str, result: str, rank: int) -> Letters | None:
        """The letters of windows of an image, a kernel and a result; None if this is no convolution."""
        lead, places, entries = image[: -2 * rank], image[-2 * rank : -rank], image[-rank:]
        letters = cls(
            "".join(x for x in lead if x in result and x not in kernel),
            "".join(x for x in lead if x in result and x in kernel),
            "".join(x for x in lead if x in kernel and x not in result),
            "".join(x for x in kernel if x in result and x not in image),
            places,
            entries,
        )
        fits = (
            set(lead) == {*letters.n, *letters.g, *letters.c}
            and set(kernel) == {*letters.g, *letters.o, *letters.c, *entries}
            and set(result) == {*letters.n, *letters.g, *letters.o, *places}
        )
        return letters if fits else None

    def order(self, kind: str) -> tuple[str, ...]:
        """The axes of an image, a kernel or a result as XLA has them, several letters joined."""
        if kind == "image":
            return self.n, self.g + self.c, *self.places
        return (self.g + self.o, self.c, *self.entries) if kind == "kernel" else (self.n, self.g + self.o, *self.places)


def joined_axes(array: jax.Array, letters: str, order: Sequence[str]) -> jax.Array:
    """An array with its axes in another order, those of each group joined."""
    sizes = dict(zip(letters, array.shape, strict=True))
    moved = jnp.transpose(array, [letters.index(letter) for letter in "".join(order)])
    return jnp.reshape(moved, [prod(sizes[letter] for letter in group) for group in order])


def parted_axes(array: jax.Array, order: Sequence[str], letters: str, sizes: Mapping[str, int]) -> jax.Array:
    """The inverse of `joined_axes`."""
    whole = "".join(order)
    parts = jnp.reshape(array, [sizes[letter] for letter in whole])
    return jnp.transpose(parts, [whole.index(letter) for letter in letters])


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


def by_shifts(window: Window, wanted: str, first: jax.Array, second: jax.Array) -> jax.Array:
    """The same for one group, as products with the shifted image."""
    rank = len(window.kernel)
    last = jnp.moveaxis(first, 1, -1)
    if wanted == "image":
        window, pads = window.backward()
        wide = lax.pad(last, jnp.zeros((), last.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
        flipped = jnp.flip(jnp.moveaxis(second, 1, 0), axis=range(2, 2 + rank))
        return summed(window.shifted(wide), flipped)
    wide = jnp.pad(last, [(0, 0), *((p, p) for p in window.padding), (0, 0)])
    if wanted == "result":
        return summed(window.shifted(wide), second)
    bar = jnp.reshape(jnp.moveaxis(second, 1, -1), (-1, second.shape[1]))
    parts = [summed_product(bar.T, jnp.reshape(image, (-1, image.shape[-1]))) for image in window.shifted(wide)]
    return jnp.reshape(jnp.stack(parts, axis=-1), (bar.shape[1], last.shape[-1], *window.kernel))


def summed(images: Sequence[jax.Array], kernel: jax.Array) -> jax.Array:
    """The sum of the products of shifted images with the entries of a kernel; channels first again."""
    entries = jnp.moveaxis(jnp.reshape(kernel, (*kernel.shape[:2], -1)), -1, 0)
    total = sum(summed_product(image, entry.T) for image, entry in zip(images, entries, strict=True))
    return jnp.moveaxis(jnp.asarray(total), -1, 1)


def computed(
    first: jax.Array, second: jax.Array, names: tuple[str, str, str], letters: Letters, window: Window, wanted: str,
    in_loop: bool, shape: Sizes,
) -> jax.Array:  # fmt: skip
    """A convolution, or one of its adjoints; `names` are the letters of both arguments and of what is wanted."""
    kinds = {"result": ("image", "kernel"), "image": ("result", "kernel"), "kernel": ("image", "result")}[wanted]
    args = [
        joined_axes(array, name, letters.order(kind))
        for array, name, kind in zip((first, second), names[:2], kinds, strict=True)
    ]
    sizes = dict(zip(names[2], shape, strict=True))
    order = letters.order(wanted)
    flat = tuple(prod(sizes[letter] for letter in group) for group in order)
    groups = prod(size for letter, size in zip(names[0], first.shape, strict=True) if letter in letters.g)
    if in_loop and groups == 1 and jax.default_backend() == "cpu":
        array = by_shifts(window, wanted, *args)
    else:
        array = by_xla(window, groups, wanted, args[0], args[1], flat)
    return parted_axes(array, order, names[2], sizes)


# rows of this backend alone, written by the pass below
ROW = Primitive(
    "jax_convolution",
    lambda first, second, shape, **_: shape,
    linear=EACH,
    spellings={"jax": computed},
)


def convolved(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with convolutions and their adjoints as one operation each, also in the blocks of folds."""
    roots = windows_in_steps(roots)
    outside = rebuilt(roots, lambda node, args: None if isinstance(node.op, Fold) else _rule(False, node, args))
    return rebuilt_inside(outside, partial(_rule, True))


def _rule(in_loop: bool, node: Node, args: tuple[Node, ...]) -> Node | None:
    found = _cotangent_of_image if is_primitive(node, add_windows) else _product_with_windows
    return next((result for result in found(node, args, in_loop) if result is not None), None)


def _cotangent_of_image(node: Node, args: tuple[Node, ...], in_loop: bool) -> Iterator[Node | None]:
    bar = args[0]
    if is_primitive(bar, einsum) and len(bar.args) == 2:
        inputs, image = subscripts(bar)
        for k in (0, 1):
            result, kernel = inputs[k], inputs[1 - k]
            pair = bar.args[k], bar.args[1 - k]
            yield _convolution(node, (image, kernel, result), pair, (result, kernel, image), "image", in_loop, node)


def _product_with_windows(node: Node, args: tuple[Node, ...], in_loop: bool) -> Iterator[Node | None]:
    if is_primitive(node, einsum) and len(args) == 2:
        inputs, target = subscripts(node)
        for k in (0, 1):
            if is_primitive(args[k], windows):
                image, other = inputs[k], inputs[1 - k]
                pair, names = (args[k].args[0], args[1 - k]), (image, other, target)
                yield _convolution(args[k], (image, other, target), pair, names, "result", in_loop, node)
                yield _convolution(args[k], (image, target, other), pair, names, "kernel", in_loop, node)


def subscripts(node: Node) -> tuple[list[str], str]:
    assert is_primitive(node, einsum)
    inputs, result = dict(node.op.attributes)["subscripts"].split("->")
    return inputs.split(","), result


def _convolution(
    windowed: Node, roles: tuple[str, str, str], pair: tuple[Node, Node], names: tuple[str, str, str], wanted: str,
    in_loop: bool, node: Node,
) -> Node | None:  # fmt: skip
    """The operation for a node, if `roles` are the letters of the windows of an image, a kernel and a result.

    `names` are the letters of both arguments and of what is wanted.
    """
    assert is_primitive(windowed, windows, add_windows)
    options = dict(windowed.op.attributes)
    rank = len(options["kernel"])
    letters = Letters.of(*roles, rank)
    if letters is None or options["fill"] != 0 or not all(is_concrete(part.shape) for part in (*pair, node)):
        return None
    image = node if wanted == "image" else pair[0]
    window = Window(
        tuple(map(int, image.shape[-rank:])),
        *(tuple(options[key]) for key in ("kernel", "stride", "padding", "dilation")),
    )
    return ROW(
        *pair, names=tuple(name[:-rank] if name == roles[0] else name for name in names), letters=letters,
        window=window, wanted=wanted, in_loop=in_loop, shape=tuple(map(int, node.shape)),
    )  # fmt: skip
