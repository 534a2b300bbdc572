"""Sums of products over named axes (`einsum`), by the tiles of matrix products: some axes are those of a tile, the others are loops around it.

The vector lies along an axis of one operand, or along one that is summed, whichever takes fewer instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, prod
from typing import TYPE_CHECKING

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code, pieces
from symfold.compute.backends.native.copies import copy
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.matrices import Sums
from symfold.compute.backends.native.products import address, inner_products, over, product
from symfold.core.nodes import Node

if TYPE_CHECKING:
    from symfold.compute.backends.native.body import Body

Write = Callable[
    [Sequence[Index], int, Reg], None
]  # a position in the result, the axis along which the vector lies, sums


@dataclass(frozen=True)
class Named:
    """An array with a letter for each axis."""

    letters: str
    array: Array

    def stride(self, letter: str) -> int:
        return self.array.strides[self.letters.index(letter)] if letter in self.letters else 0

    def sizes(self) -> dict[str, int]:
        return dict(zip(self.letters, self.array.shape, strict=True))

    def seen(self, letters: Sequence[str | None], sizes: dict[str, int]) -> Array:
        """The array along these letters; None stands for an axis of size 1."""
        strides = tuple(self.stride(letter) if letter else 0 for letter in letters)
        return Array(
            self.array.base, tuple(sizes[letter] if letter else 1 for letter in letters), strides, self.array.offset
        )


def write_einsum(body: Body, node: Node, args: Sequence[Array]) -> Array | None:
    """A sum of products; what is computed from it entry by entry is computed before its sums leave the registers."""
    inputs, result = dict(node.op.attributes)["subscripts"].split("->")
    given = [Named(letters, array) for letters, array in zip(inputs.split(","), args, strict=True)]
    samples = next(
        (
            letters[axis]
            for letters, arg in zip(inputs.split(","), node.args, strict=True)
            if (axis := body.axes[arg]) is not None
        ),
        "",
    )
    while len(given) > 2:
        given[:2] = [joined(body, given[0], given[1], result + "".join(other.letters for other in given[2:]), samples)]
    extents = body.source.extents(node.shape, body.axes[node])
    if len(given) == 1:
        target = body.target(node)
        copy(body.code, given[0].seen(list(result), given[0].sizes()), target, extents)
        return target
    sums = Sums(body, node)
    contract(
        body.code,
        given[0],
        given[1],
        Named(result, sums.outputs[0]),
        dict(zip(result, extents, strict=True)),
        sums.write,
    )
    return sums.done()


def joined(body: Body, left: Named, right: Named, wanted: str, samples: str) -> Named:
    """The product of two operands of several, summed over what nobody else has."""
    letters = "".join(dict.fromkeys(letter for letter in left.letters + right.letters if letter in wanted))
    sizes = left.sizes() | right.sizes()
    axis = letters.index(samples) - len(letters) if samples and samples in letters else None
    shape = tuple(sizes[letter] for letter in letters)
    target = body.source.array(shape, axis)

    def write(position: Sequence[Index], along: int, sums: Reg) -> None:
        body.code.store(
            sums, address(body.code, target, target.strides, position), target.strides[along] if target.strides else 0
        )

    extents = body.source.extents(shape, axis)
    contract(body.code, left, right, Named(letters, target), dict(zip(letters, extents, strict=True)), write)
    return Named(letters, target)


def contract(code: Code, left: Named, right: Named, target: Named, extents: dict[str, int], write: Write) -> None:
    """Two operands multiplied, and summed over the letters that the target does not have."""
    inner = [letter for letter in left.letters if letter in right.letters and letter not in extents]
    sizes = {**left.sizes(), **right.sizes(), **extents}
    if 0 in extents.values():
        return
    left, right, letter = along_vectors(code, left, right, target, inner, sizes)
    by_sums = letter in inner
    rows = [one for one in left.letters if one in extents and one not in right.letters]
    columns = [one for one in right.letters if one in extents and one not in left.letters]
    row = max(rows, key=lambda one: sizes[one], default=None)
    column = max(columns, key=lambda one: sizes[one], default=None) if by_sums else letter
    inner.sort(key=lambda one: (one == letter, -abs(right.stride(one))))
    a, b = left.seen([row, *inner], sizes), right.seen([*inner, column], sizes)
    around = sorted((one for one in extents if one not in (row, column)), key=lambda one: -abs(target.stride(one)))
    axis = target.letters.index(column) if column else max(len(target.letters) - 1, 0)

    def tiles(place: Sequence[Index], _: list[Reg]) -> list[Reg]:
        known = dict(zip(around, place, strict=True))

        def store(i: Index, j: Index, sums: Reg) -> None:
            at = {**known, **({row: i} if row else {}), **({column: j} if column else {})}
            write([at[one] for one in target.letters], axis, sums)

        at_a, at_b = (
            replace(view, base=address(code, view, [named.stride(one) for one in around], place), offset=0)
            for view, named in ((a, left), (b, right))
        )
        if by_sums:
            inner_products(code, at_a, at_b, store)
        else:
            product(code, at_a, at_b, store, a.shape[0], b.shape[-1])
        return []

    with code.kernel():
        over(code, [sizes[one] for one in around], tiles, [])


def along_vectors(
    code: Code, left: Named, right: Named, target: Named, inner: Sequence[str], sizes: dict[str, int]
) -> tuple[Named, Named, str | None]:
    """The operands, their sides changed where that is better, and the letter along which the vector lies: one of the right, or a summed one."""
    results = prod(sizes[one] for one in target.letters)
    summed = prod(sizes[one] for one in inner)

    def instructions(operand: Named, letter: str) -> float:
        count = sum(number for number, _ in pieces(sizes[letter], code.width))
        gathered = 1 if operand.stride(letter) in (0, 1) else sizes[letter] / count
        stored = count if target.stride(letter) == 1 else sizes[letter]
        return results / sizes[letter] * (summed * count * gathered + stored)

    def summing(letter: str) -> float:
        if left.stride(letter) != 1 or right.stride(letter) != 1 or summed == 0:
            return inf
        count = sum(number for number, _ in pieces(sizes[letter], code.width))
        return results * (summed / sizes[letter] * count + 2 * code.width.bit_length())

    ways = [
        (instructions(right, one), 0, left, right, one)
        for one in right.letters
        if one in target.letters and one not in left.letters
    ]
    ways += [
        (instructions(left, one), 1, right, left, one)
        for one in left.letters
        if one in target.letters and one not in right.letters
    ]
    ways += [(summing(one), 2, left, right, one) for one in inner]
    best = min(ways, key=lambda way: way[:2], default=(inf, 0, left, right, None))
    return (*best[2:4], best[4]) if best[0] < inf else (left, right, None)
