"""Sums of products in Einstein's notation, and diagonals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, einsum, embed, reduce_sum, reshape
from symfold.exchange.reading.arrangement import ordered


def sum_of_products(equation: str, operands: Sequence[Node]) -> Node:
    """An einsum as PyTorch spells it: with dots, without a result, with diagonals, with sums over one operand alone."""
    terms, result = written_out(equation, [len(a.shape) for a in operands])
    values = []
    for letters, value in zip(terms, operands, strict=True):
        letters, value = _without_repeats(letters, value)
        values.append((letters, value))
    kept: list[tuple[str, Node]] = []
    for k, (letters, value) in enumerate(values):
        others = set(result).union(*(other for j, (other, _) in enumerate(values) if j != k))
        alone = tuple(j - len(letters) for j, letter in enumerate(letters) if letter not in others)
        if alone:
            value = reduce_sum(value, axis=alone, keepdims=False)
        kept.append(("".join(letter for letter in letters if letter in others), value))
    while len(kept) > 1 and "" in (letters for letters, _ in kept):  # numbers scale the others
        k = next(k for k, (letters, _) in enumerate(kept) if not letters)
        _, scale = kept.pop(k)
        kept[0] = kept[0][0], kept[0][1] * scale
    if len(kept) == 1:
        letters, value = kept[0]
        return ordered(value, [letters.index(letter) for letter in result])
    sized_apart = [_broadcast_letters(kept, letters, value) for letters, value in kept]
    return einsum(*sized_apart, subscripts=f"{','.join(letters for letters, _ in kept)}->{result}")


def written_out(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of the operands and of the result.

    >>> written_out("b...i, ij", [4, 2]), written_out("ii -> i", [2])
    ((['bABi', 'ij'], 'ABbj'), (['ii'], 'i'))
    """
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    dots = max((rank - len(term) + 3 for term, rank in zip(terms, ranks, strict=True) if "..." in term), default=0)
    used = set(equation)
    spare = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in used][:dots]
    full = []
    for term, rank in zip(terms, ranks, strict=True):
        count = rank - len(term) + 3
        full.append(term.replace("...", "".join(spare[len(spare) - count :]) if count else ""))
    if arrow:
        return full, result.replace("...", "".join(spare))
    letters = "".join(full)
    return full, "".join(spare) + "".join(sorted(x for x in set(letters) if letters.count(x) == 1 and x not in spare))


def _without_repeats(letters: str, value: Node) -> tuple[str, Node]:
    """A value with the diagonal of axes that one letter names twice."""
    while repeated := next((x for x in letters if letters.count(x) > 1), ""):
        first, second = letters.index(repeated), letters.rindex(repeated)
        value = diagonal(value, first, second)
        letters = "".join(x for k, x in enumerate(letters) if k not in (first, second)) + repeated
    return letters, value


def diagonal(a: Node, first: int = 0, second: int = 1, offset: int = 0) -> Node:
    """The diagonal of two axes, as the last axis."""
    rank = len(a.shape)
    first, second = first % rank, second % rank
    rest = [k for k in range(rank) if k not in (first, second)]
    moved = ordered(a, [first, second, *rest])
    rows, columns = moved.shape[:2]
    row, column = max(-offset, 0), max(offset, 0)
    count = max(min(rows - row, columns - column), 0)
    numbers = (row + np.arange(count)) * columns + column + np.arange(count)
    entries = embed(reshape(moved, shape=(rows * columns, *moved.shape[2:])), as_node(numbers))
    return ordered(entries, [*range(1, len(entries.shape)), 0])


def _broadcast_letters(kept: Sequence[tuple[str, Node]], letters: str, value: Node) -> Node:
    """A value with axes of size 1 broadcast to the size that the same letter has elsewhere."""
    largest = {x: max(other.shape[names.index(x)] for names, other in kept if x in names) for x in letters}
    shape = tuple(largest[x] for x in letters)
    return value if value.shape == shape else broadcast_to(value, shape=shape)
