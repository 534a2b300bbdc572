"""Convolutions and their adjoints, sums of products with windows, as one operation each: no windows in memory.

    result[n, o, i] = sum over c, p of windows(image)[n, c, i, p] kernel[o, c, p]

and image and kernel as the cotangents from that of the result. Each target has code of its own for the operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import prod
from typing import Any, TypeAlias

from symfold.core.folds import Fold, rebuilt_inside, walk_inside
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

    def entries(self) -> list[tuple[slice, ...]]:
        """The places of a padded image that each entry of the kernel reads."""
        return [
            tuple(
                slice(k * d, k * d + (n - 1) * s + 1, s)
                for k, d, n, s in zip(offset, self.dilation, self.places, self.stride, strict=True)
            )
            for offset in product(*map(range, self.kernel))
        ]

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


@dataclass(frozen=True)
class Correlation:
    """A convolution, or one of its adjoints: what is wanted of image, kernel and result, from the other two.

    `names` are the letters of both arguments and of what is wanted.
    """

    window: Window
    letters: Letters
    names: tuple[str, str, str]
    wanted: str
    shape: Sizes
    in_loop: bool

    def groups(self, first_shape: Sizes) -> int:
        """The number of groups of channels, from the shape of the first argument."""
        named = zip(self.names[0], first_shape, strict=True)
        return prod(size for letter, size in named if letter in self.letters.g)

    def __call__(self, compute: Callable[..., Any], first: Any, second: Any) -> Any:
        """What is wanted, by `compute(groups, first, second, shape)` over images (n, c, sizes), kernels and results."""
        groups, args = self.arranged(first, second)
        sizes = dict(zip(self.names[2], self.shape, strict=True))
        shape = tuple(prod(sizes[letter] for letter in group) for group in self.letters.order(self.wanted))
        return self.parted(compute(groups, *args, shape))

    def arranged(self, first: Any, second: Any) -> tuple[int, list[Any]]:
        """The number of groups, and both arguments with the axes of their kinds."""
        kinds = {"result": ("image", "kernel"), "image": ("result", "kernel"), "kernel": ("image", "result")}[
            self.wanted
        ]
        args = [
            joined_axes(array, name, self.letters.order(kind))
            for array, name, kind in zip((first, second), self.names[:2], kinds, strict=True)
        ]
        return self.groups(first.shape), args

    def parted(self, array: Any) -> Any:
        """What is wanted with the axes of its letters, from the axes of its kind."""
        sizes = dict(zip(self.names[2], self.shape, strict=True))
        return parted_axes(array, self.letters.order(self.wanted), self.names[2], sizes)


def joined_axes(array: Any, letters: str, order: Sequence[str]) -> Any:
    """An array with its axes in another order, those of each group joined."""
    sizes = dict(zip(letters, array.shape, strict=True))
    moved = array.transpose([letters.index(letter) for letter in "".join(order)])
    return moved.reshape([prod(sizes[letter] for letter in group) for group in order])


def parted_axes(array: Any, order: Sequence[str], letters: str, sizes: Mapping[str, int]) -> Any:
    """The inverse of `joined_axes`."""
    whole = "".join(order)
    parts = array.reshape([sizes[letter] for letter in whole])
    return parts.transpose([whole.index(letter) for letter in letters])


# a row of targets with code for it, written by the pass below
CORRELATION = Primitive("correlation", lambda first, second, of: of.shape, linear=EACH)


def convolved(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with convolutions and their adjoints as one operation each, also in the blocks of folds."""
    if not has_windows(roots):
        return tuple(roots)
    roots = windows_in_steps(roots)
    outside = rebuilt(roots, lambda node, args: None if isinstance(node.op, Fold) else _rule(False, node, args))
    return rebuilt_inside(outside, partial(_rule, True))


def has_windows(roots: Sequence[Node]) -> bool:
    """Whether anything reads windows or adds them, in the blocks of folds too."""
    return any(is_primitive(node, windows, add_windows) for node in walk_inside(roots))


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
    first, second, target = (name[:-rank] if name == roles[0] else name for name in names)
    shape = tuple(map(int, node.shape))
    return CORRELATION(*pair, of=Correlation(window, letters, (first, second, target), wanted, shape, in_loop))
