"""Rematerialization: a fold as groups of steps, to store the values of one group at a time instead of all steps.

    fold of n steps  ->  fold of m groups of k steps, then a fold of the remaining steps      n = m k + r

The adjoint of a group recomputes its steps from the state before it, so m states and the k steps of the current group
are stored. With k near sqrt(n) both are about sqrt(n) (Chen et al. 2016, "Training deep nets with sublinear memory
cost").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isqrt
from typing import TypeAlias

from symfold.base.arguments import bytes_of
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, rebuilt
from symfold.core.primitives import concatenate, reshape
from symfold.core.sequences import take_row
from symfold.core.shapes import NAME, Shape, is_known

Remat: TypeAlias = str | int | None
REMATS = ("sqrt", "reversible")
SHORTEST = 8  # steps; with fewer, groups save nothing


def remat_given(remat: Remat) -> Remat:
    """What a caller gives for `remat`: None, a way, or an amount of memory, as a number of bytes.

    >>> remat_given("sqrt"), remat_given("1.5kB"), remat_given("64MiB")
    ('sqrt', 1500, 67108864)
    """
    return remat if remat is None or (isinstance(remat, str) and remat in REMATS) else bytes_of("remat", remat, REMATS)


def grouped(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every fold of 8 or more steps as a fold of about sqrt(n) groups, also inside steps.

    Folds of unknown depth, of opaque layers, or over sequences with an unknown number of axes stay as they are.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:101", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    >>> from symfold.transform.inlining import inlined
    >>> (groups,) = [node.op for node in grouped(inlined(net.outputs))[0].args]
    >>> groups.count, is_group(groups)
    (10, True)
    """

    def rule(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...] | None:
        if not isinstance(node.op, Fold):
            return None
        block = Block(node.op.block.shapes, grouped(node.op.block.results))
        fold, args = without_unused(replace(node.op, block=block), args)
        size = group_size(fold.count) if isinstance(fold.count, int) and fold.count >= SHORTEST else 0
        return (in_groups(fold, args, size) if size else None) or fold.over(args)

    return rebuilt(roots, rule)


def without_unused(fold: Fold, args: Sequence[Node]) -> tuple[Fold, tuple[Node, ...]]:
    """A fold without the operands that its steps do not read, such as the names of inlined layers."""
    block, used = fold.block.without_unused(fold.carries)
    each = tuple(fold.each[k - fold.carries] for k in used[fold.carries :])
    return Fold(block, fold.count, fold.carries, each), tuple(args[k] for k in used)


def in_groups(fold: Fold, args: Sequence[Node], size: int) -> tuple[Node, ...] | None:
    """The results of a fold, computed in groups of `size` steps; None if that gives fewer than two groups."""
    fold, args = without_unused(fold, args)
    block, count, carries = fold.block, fold.count, fold.carries
    each = [False] * carries + [*fold.each]
    sequences = [arg.shape for arg, is_sequence in zip(args, each, strict=True) if is_sequence] + [
        result.shape for result in block.results[carries:]
    ]
    opaque = any(shape[-1:] == (NAME,) for shape in block.shapes)
    if not isinstance(count, int) or opaque or not all(map(is_known, sequences)):
        return None
    groups, rest_count = group_counts(count, size)
    if groups < 2:
        return None
    grouped_count = groups * size
    main = [
        reshape(rows(a, 0, grouped_count, count), shape=(groups, size, *a.shape[1:])) if is_sequence else a
        for a, is_sequence in zip(args, each, strict=True)
    ]
    results = apply_fold(group(block, size, carries, each), groups, main[:carries], main[carries:], each[carries:])
    parts = [[reshape(part, shape=(grouped_count, *part.shape[2:]))] for part in results[carries:]]
    state = results[:carries]
    if rest_count:
        rest = [
            rows(a, grouped_count, count, count) if is_sequence else a
            for a, is_sequence in zip(args, each, strict=True)
        ]
        results = apply_fold(block, rest_count, state, rest[carries:], each[carries:])
        state = results[:carries]
        parts = [[*before, part] for before, part in zip(parts, results[carries:], strict=True)]
    return (*state, *(concatenate(*part, axis=-len(part[0].shape)) if len(part) > 1 else part[0] for part in parts))


def group(block: Block, size: int, carries: int, each: Sequence[bool]) -> Block:
    """A group as one step: a block whose result is a fold of `size` steps."""
    shapes: list[Shape] = [
        (size, *shape) if is_sequence else shape for shape, is_sequence in zip(block.shapes, each, strict=True)
    ]
    formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
    return Block(tuple(shapes), apply_fold(block, size, formals[:carries], formals[carries:], each[carries:]))


def is_group(fold: Fold) -> bool:
    """Whether each step is just a fold over the step's formals, as in a fold of groups."""
    inside = {result.args[0] if isinstance(result.op, Select) else result for result in fold.block.results}
    return len(inside) == 1 and all(isinstance(node.op, Fold) and node.args == fold.block.formals for node in inside)


def rows(sequence: Node, start: int, stop: int, count: int) -> Node:
    """Neighboring entries of a sequence, without splitting it: `take` would split a family of parameters."""
    return sequence if (start, stop) == (0, count) else take_row(sequence, positions=range(start, stop))


def group_counts(count: int, size: int) -> tuple[int, int]:
    """The number of groups, and of remaining steps: none or several, since a single step is not a fold.

    >>> group_counts(20, 6), group_counts(19, 6), group_counts(18, 6)
    ((3, 2), (2, 7), (3, 0))
    """
    groups, rest = divmod(count, size)
    return (groups - 1, rest + size) if rest == 1 else (groups, rest)


def group_size(count: int) -> int:
    """The group size that stores the fewest states: one per group, and those of one group and of the remaining steps.

    >>> group_size(100), group_size(101), group_size(1600)
    (10, 9, 40)
    """
    root = isqrt(count)
    return min(range(max(2, root // 2), 2 * root + 1), key=lambda size: (sum(group_counts(count, size)) + size, size))
