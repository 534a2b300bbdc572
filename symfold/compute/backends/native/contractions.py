"""Sums of products over named axes (`einsum`), by the tiles of matrix products; axes outside of tiles are loops.

Vectors run along an axis of one operand or along a summed one, whichever takes fewer instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import inf, prod
from typing import TYPE_CHECKING

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code, pieces
from symfold.compute.backends.native.copies import copy
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.matrices import Sums
from symfold.compute.backends.native.products import address, inner_products, over, packed_rows, product
from symfold.compute.backends.native.writer import Source
from symfold.core.nodes import Node
from symfold.core.primitives import Apply

if TYPE_CHECKING:
    from symfold.compute.backends.native.body import Body

Write = Callable[[Sequence[Index], int, Reg], None]  # position in the result, axis of the vector, sums


@dataclass(frozen=True)
class Named:
    """An array with a letter for each axis."""

    letters: str
    array: Array

    def stride(self, letter: str) -> int:
        return self.array.strides[self.letters.index(letter)] if letter in self.letters else 0

    def sizes(self) -> dict[str, int]:
        return dict(zip(self.letters, self.array.shape, strict=True))

    def along(self, letters: Sequence[str | None], sizes: dict[str, int]) -> Array:
        """The view with one axis per letter; None is an axis of size 1."""
        shape = tuple(sizes[letter] if letter else 1 for letter in letters)
        strides = tuple(self.stride(letter) if letter else 0 for letter in letters)
        return Array(self.array.base, shape, strides, self.array.offset)


def write_einsum(body: Body, node: Node[Apply], args: Sequence[Array]) -> Array | None:
    """A sum of products, fused with elementwise values of it while its sums are in registers."""
    inputs, result = dict(node.op.attributes)["subscripts"].split("->")
    operands = [Named(letters, array) for letters, array in zip(inputs.split(","), args, strict=True)]
    samples = next(
        (
            letters[axis]
            for letters, arg in zip(inputs.split(","), node.args, strict=True)
            if (axis := body.axes[arg]) is not None
        ),
        "",
    )
    while len(operands) > 2:
        needed = result + "".join(operand.letters for operand in operands[2:])
        operands[:2] = [pair_product(body, operands[0], operands[1], needed, samples)]
    extents = body.source.extents(node.shape, body.axes[node])
    if len(operands) == 1:
        target = body.target(node)
        copy(body.code, operands[0].along(list(result), operands[0].sizes()), target, extents)
        return target
    sums = Sums(body, node)
    left, right = operands
    named_target = Named(result, sums.outputs[0])
    contract(body.source, left, right, named_target, dict(zip(result, extents, strict=True)), sums.write)
    return sums.done()


def pair_product(body: Body, left: Named, right: Named, needed: str, samples: str) -> Named:
    """The product of two of several operands, summed over the letters that are no longer needed."""
    letters = "".join(dict.fromkeys(letter for letter in left.letters + right.letters if letter in needed))
    sizes = left.sizes() | right.sizes()
    axis = letters.index(samples) - len(letters) if samples and samples in letters else None
    shape = tuple(sizes[letter] for letter in letters)
    target = body.source.array(shape, axis)

    def write(position: Sequence[Index], along: int, sums: Reg) -> None:
        stride = target.strides[along] if target.strides else 0
        body.code.store(sums, address(body.code, target, target.strides, position), stride)

    extents = body.source.extents(shape, axis)
    contract(body.source, left, right, Named(letters, target), dict(zip(letters, extents, strict=True)), write)
    return Named(letters, target)


def contract(source: Source, left: Named, right: Named, target: Named, extents: dict[str, int], write: Write) -> None:
    """Multiply two operands and sum over the letters that the target lacks."""
    code = source.code
    inner = [letter for letter in left.letters if letter in right.letters and letter not in extents]
    sizes = {**left.sizes(), **right.sizes(), **extents}
    if 0 in extents.values():
        return
    left, right, letter = along_vectors(code, left, right, target, inner, sizes)
    by_sums = letter in inner
    rows = [name for name in left.letters if name in extents and name not in right.letters]
    columns = [name for name in right.letters if name in extents and name not in left.letters]
    row = max(rows, key=lambda name: sizes[name], default=None)
    column = max(columns, key=lambda name: sizes[name], default=None) if by_sums else letter
    inner.sort(key=lambda name: (name == letter, -abs(right.stride(name))))
    letters = [name for name in left.letters if name not in (row, *inner)] + [name for name in (row, *inner) if name]
    whole = left.along(letters, sizes)
    b = right.along([*inner, column], sizes)
    outer = sorted((name for name in extents if name not in (row, column)), key=lambda name: -abs(target.stride(name)))
    axis = target.letters.index(column) if column else max(len(target.letters) - 1, 0)

    def tiles(place: Sequence[Index], _: list[Reg]) -> list[Reg]:
        outer_indices = dict(zip(outer, place, strict=True))

        def store(i: Index, j: Index, sums: Reg) -> None:
            indices = {**outer_indices, **({row: i} if row else {}), **({column: j} if column else {})}
            write([indices[name] for name in target.letters], axis, sums)

        at_a, at_b = (
            replace(view, base=address(code, view, [named.stride(name) for name in outer], place), offset=0)
            for view, named in ((near.along([row, *inner], sizes), near), (b, right))
        )
        if by_sums:
            inner_products(code, at_a, at_b, store)
        else:
            product(source, at_a, at_b, store, at_a.shape[0], b.shape[-1])
        return []

    copied = inner and not by_sums
    breadth = sizes[column] if column else 1
    with packed_rows(source, whole, len(inner), breadth) if copied else nullcontext(whole) as factor:
        near = Named("".join(letters), factor)
        with code.kernel():
            over(code, [sizes[name] for name in outer], tiles, [])


def along_vectors(
    code: Code, left: Named, right: Named, target: Named, inner: Sequence[str], sizes: dict[str, int]
) -> tuple[Named, Named, str | None]:
    """The operands, swapped if that is cheaper, and the letter of the vectors: of the right one, or a summed one."""
    results = prod(sizes[name] for name in target.letters)
    summed = prod(sizes[name] for name in inner)

    def instructions(operand: Named, letter: str) -> float:
        count = sum(number for number, _ in pieces(sizes[letter], code.width))
        loads = 1 if operand.stride(letter) in (0, 1) else sizes[letter] / count
        stores = count if target.stride(letter) == 1 else sizes[letter]
        return results / sizes[letter] * (summed * count * loads + stores)

    def summing(letter: str) -> float:
        if left.stride(letter) != 1 or right.stride(letter) != 1 or summed == 0:
            return inf
        count = sum(number for number, _ in pieces(sizes[letter], code.width))
        return results * (summed / sizes[letter] * count + 2 * code.width.bit_length())

    plans = [
        (instructions(right, name), 0, left, right, name)
        for name in right.letters
        if name in target.letters and name not in left.letters
    ]
    plans += [
        (instructions(left, name), 1, right, left, name)
        for name in left.letters
        if name in target.letters and name not in right.letters
    ]
    plans += [(summing(name), 2, left, right, name) for name in inner]
    best = min(plans, key=lambda plan: plan[:2], default=(inf, 0, left, right, None))
    return (*best[2:4], best[4]) if best[0] < inf else (left, right, None)
