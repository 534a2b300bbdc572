"""Rematerialising: a fold as groups of steps, so that what a step needs is held for one group at a time, and not for all steps.

    fold of n steps  ->  fold of m groups of k steps, then a fold of what is left over      n = m k + r

The adjoint of a group can compute its steps again from the state before it: kept are m of these states, and the k steps of the
group at hand. With k near sqrt(n) both are about sqrt(n) (Chen et al. 2016, "Training deep nets with sublinear memory cost").
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold
from symfold.core.nodes import Node
from symfold.core.operations import Formal
from symfold.core.primitives import concatenate, reshape
from symfold.core.sequences import take_row
from symfold.core.shapes import NAME, Shape, is_known
from symfold.core.walks import rebuilt

REMATS = ("sqrt", "reversible")
SHORTEST = 8  # steps: in fewer, groups save nothing


def grouped(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every fold of 8 steps and more as a fold of about sqrt(n) groups, folds inside of steps too.

    A fold of unknown depth, of opaque layers or over sequences with an unknown number of axes is left as it is.

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
        fold, args = lean(
            Fold(
                Block(node.op.block.shapes, grouped(node.op.block.results)),
                node.op.count,
                node.op.carries,
                node.op.each,
            ),
            args,
        )
        size = group_size(fold.count) if isinstance(fold.count, int) and fold.count >= SHORTEST else 0
        return (in_groups(fold, args, size) if size else None) or applied(fold, args)

    return rebuilt(roots, rule)


def applied(fold: Fold, args: Sequence[Node]) -> tuple[Node, ...]:
    return fold.over(args)


def lean(fold: Fold, args: Sequence[Node]) -> tuple[Fold, tuple[Node, ...]]:
    """A fold without the operands that its steps do not read, as the names of layers whose bodies are written out."""
    block, kept = fold.block.without_unused(fold.carries)
    each = tuple(fold.each[k - fold.carries] for k in kept[fold.carries :])
    return Fold(block, fold.count, fold.carries, each), tuple(args[k] for k in kept)


def in_groups(fold: Fold, args: Sequence[Node], size: int) -> tuple[Node, ...] | None:
    """The results of a fold, computed in groups of so many steps; None where it cannot be divided into two or more."""
    fold, args = lean(fold, args)
    block, count, carries = fold.block, fold.count, fold.carries
    each = [False] * carries + [*fold.each]
    sequences = [arg.shape for arg, own in zip(args, each, strict=True) if own] + [
        result.shape for result in block.results[carries:]
    ]
    opaque = any(shape[-1:] == (NAME,) for shape in block.shapes)
    if not isinstance(count, int) or opaque or not all(map(is_known, sequences)):
        return None
    groups, left = with_divisions(count, size)
    if groups < 2:
        return None
    whole = groups * size
    main = [
        reshape(rows(a, 0, whole, count), shape=(groups, size, *a.shape[1:])) if own else a
        for a, own in zip(args, each, strict=True)
    ]
    done = apply_fold(group(block, size, carries, each), groups, main[:carries], main[carries:], each[carries:])
    parts = [[reshape(part, shape=(whole, *part.shape[2:]))] for part in done[carries:]]
    state = done[:carries]
    if left:
        rest = [rows(a, whole, count, count) if own else a for a, own in zip(args, each, strict=True)]
        done = apply_fold(block, left, state, rest[carries:], each[carries:])
        state = done[:carries]
        parts = [[*before, part] for before, part in zip(parts, done[carries:], strict=True)]
    return (*state, *(concatenate(*part, axis=-len(part[0].shape)) if len(part) > 1 else part[0] for part in parts))


def group(block: Block, size: int, carries: int, each: Sequence[bool]) -> Block:
    """So many steps as one: a block whose step is a fold."""
    shapes: list[Shape] = [(size, *shape) if own else shape for shape, own in zip(block.shapes, each, strict=True)]
    formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
    return Block(tuple(shapes), apply_fold(block, size, formals[:carries], formals[carries:], each[carries:]))


def is_group(fold: Fold) -> bool:
    """Whether a step is a fold of its arguments and nothing else, as those that are made here."""
    inside = {result.args[0] if isinstance(result.op, Select) else result for result in fold.block.results}
    return len(inside) == 1 and all(isinstance(node.op, Fold) and node.args == fold.block.formals for node in inside)


def rows(sequence: Node, start: int, stop: int, count: int) -> Node:
    """Neighbouring entries of a sequence, which stays in one piece: of a family, `take` would make other parameters."""
    return sequence if (start, stop) == (0, count) else take_row(sequence, positions=range(start, stop))


def with_divisions(count: int, size: int) -> tuple[int, int]:
    """How many groups of a size there are, and how many steps are left over: none or several, for a single step is no fold.

    >>> with_divisions(20, 6), with_divisions(19, 6), with_divisions(18, 6)
    ((3, 2), (2, 7), (3, 0))
    """
    groups, left = divmod(count, size)
    return (groups - 1, left + size) if left == 1 else (groups, left)


def group_size(count: int) -> int:
    """The size of groups for which the fewest states are kept: one a group, those of the group at hand, those of what is left over.

    >>> group_size(100), group_size(101), group_size(1600)
    (10, 9, 40)
    """
    root = isqrt(count)
    return min(range(max(2, root // 2), 2 * root + 1), key=lambda size: (sum(with_divisions(count, size)) + size, size))
