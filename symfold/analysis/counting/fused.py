"""Loop fusion: two folds of equal length as one, if one reads an output of the other, or both read one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold, is_emitted, is_fold
from symfold.core.leaves import Constant, Formal
from symfold.core.nodes import Node, substitute, walk

MOST_FOLDS = 24  # each is compared with every other


def fused(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The same values, with folds that can run in lockstep fused into one.

    >>> import symfold as sf
    >>> x, g = sf.tensor("x", ()), sf.layer("g")
    >>> states = sf.scan(lambda z, f: f(z), sf.layers("f1:9"), x)
    >>> net = sf.fold(lambda z, state: z + g(state), states, x)
    >>> len(net.bindings), len(net.with_outputs(fused(net.outputs)).bindings)
    (2, 1)
    """
    while (pair := _pair(roots)) is not None:
        roots = _fuse(roots, *pair)
    return roots


def _pair(roots: Sequence[Node]) -> tuple[Node[Fold], Node[Fold]] | None:
    """The first two folds that can run in lockstep."""
    folds = [*filter(is_fold, walk(roots))]
    pairs = ((first, second) for place, second in enumerate(folds[:MOST_FOLDS]) for first in folds[:place])
    return next((pair for pair in pairs if _can_fuse(*pair)), None)


def _consumed(first: Node[Fold], second: Node[Fold]) -> dict[int, int]:
    """The arguments of the second fold that are output sequences of the first: argument place -> result position."""
    carries = second.op.carries
    return {
        place: arg.op.position
        for place, arg in enumerate(second.args)
        if is_emitted(arg) and arg.args[0] is first and place >= carries and second.op.each[place - carries]
    }


def _can_fuse(first: Node[Fold], second: Node[Fold]) -> bool:
    if first.op.count != second.op.count:
        return False
    along = _consumed(first, second)
    others = [arg for place, arg in enumerate(second.args) if place not in along]
    alike = all(
        first.op.block.results[position].shape == second.op.block.shapes[place] for place, position in along.items()
    )
    both_read = any(not isinstance(arg.op, Constant) for arg in {*first.args} & {*others})
    return alike and (bool(along) or both_read) and first not in walk(others)


def _fuse(roots: Sequence[Node], first: Node[Fold], second: Node[Fold]) -> tuple[Node, ...]:
    producer, consumer = first.op, second.op
    along = _consumed(first, second)
    remaining = [place for place in range(consumer.carries, len(second.args)) if place not in along]
    shapes = (
        *producer.block.shapes[: producer.carries],
        *consumer.block.shapes[: consumer.carries],
        *producer.block.shapes[producer.carries :],
        *(consumer.block.shapes[place] for place in remaining),
    )
    formals = [Node(Formal(0, place, shape)) for place, shape in enumerate(shapes)]
    carries, operands = producer.carries + consumer.carries, len(producer.block.shapes) + consumer.carries
    results = producer.block(*formals[: producer.carries], *formals[carries:operands])
    operand_at = dict(zip(remaining, formals[operands:], strict=True)) | {
        place: results[position] for place, position in along.items()
    }
    later = consumer.block(
        *formals[producer.carries : carries],
        *(operand_at[place] for place in range(consumer.carries, len(second.args))),
    )
    block = Block(
        shapes,
        (
            *results[: producer.carries],
            *later[: consumer.carries],
            *results[producer.carries :],
            *later[consumer.carries :],
        ),
    )
    values = apply_fold(
        block,
        producer.count,
        [*first.args[: producer.carries], *second.args[: consumer.carries]],
        [*first.args[producer.carries :], *(second.args[place] for place in remaining)],
        [*producer.each, *(consumer.each[place - consumer.carries] for place in remaining)],
    )
    places: Mapping[Node, int] = {
        Node(Select(position), (fold,)): start + position
        for fold, parts in (
            (first, ((0, range(producer.carries)), (consumer.carries, range(producer.carries, len(results))))),
            (
                second,
                ((producer.carries, range(consumer.carries)), (len(results), range(consumer.carries, len(later)))),
            ),
        )
        for start, positions in parts
        for position in positions
    }
    return substitute(roots, {node: values[place] for node, place in places.items()})
