"""Fused folds: two folds of as many steps as one, if one reads what the other gives out, or both read the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symfold.core.blocks import Block
from symfold.core.folds import Select, apply_fold, is_fold
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Formal
from symfold.core.walks import substitute, walk

MOST_FOLDS = 24  # each is compared with each


def fused(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The same values, with folds that can take their steps together made one fold.

    >>> import symfold as sf
    >>> x, g = sf.tensor("x", ()), sf.layer("g")
    >>> states = sf.scan(lambda z, f: f(z), sf.layers("f1:9"), x)
    >>> net = sf.fold(lambda z, state: z + g(state), states, x)
    >>> len(net.bindings), len(net.with_outputs(fused(net.outputs)).bindings)
    (2, 1)
    """
    while (pair := _pair(roots)) is not None:
        roots = _as_one(roots, *pair)
    return roots


def _pair(roots: Sequence[Node]) -> tuple[Node, Node] | None:
    """The first two folds that can take their steps together."""
    folds = [node for node in walk(roots) if is_fold(node)]
    pairs = ((first, second) for place, second in enumerate(folds[:MOST_FOLDS]) for first in folds[:place])
    return next((pair for pair in pairs if _can_run_along(*pair)), None)


def _read_along(first: Node, second: Node) -> dict[int, int]:
    """The arguments of the second fold that are sequences which the first gives out: their places, and the results'."""
    carries = second.op.carries
    return {
        place: arg.op.position
        for place, arg in enumerate(second.args)
        if isinstance(arg.op, Select)
        and arg.args[0] is first
        and arg.op.position >= first.op.carries
        and place >= carries
        and second.op.each[place - carries]
    }


def _can_run_along(first: Node, second: Node) -> bool:
    if first.op.count != second.op.count:
        return False
    along = _read_along(first, second)
    others = [arg for place, arg in enumerate(second.args) if place not in along]
    alike = all(
        first.op.block.results[position].shape == second.op.block.shapes[place] for place, position in along.items()
    )
    both_read = any(not isinstance(arg.op, Constant) for arg in {*first.args} & {*others})
    return alike and (bool(along) or both_read) and first not in walk(others)


def _as_one(roots: Sequence[Node], first: Node, second: Node) -> tuple[Node, ...]:
    one, other = first.op, second.op
    along = _read_along(first, second)
    own = [place for place in range(other.carries, len(second.args)) if place not in along]
    shapes = (
        *one.block.shapes[: one.carries],
        *other.block.shapes[: other.carries],
        *one.block.shapes[one.carries :],
        *(other.block.shapes[place] for place in own),
    )
    formals = [Node(Formal(0, place, shape)) for place, shape in enumerate(shapes)]
    carries, operands = one.carries + other.carries, len(one.block.shapes) + other.carries
    results = one.block(*formals[: one.carries], *formals[carries:operands])
    given = dict(zip(own, formals[operands:], strict=True)) | {
        place: results[position] for place, position in along.items()
    }
    after = other.block(
        *formals[one.carries : carries], *(given[place] for place in range(other.carries, len(second.args)))
    )
    block = Block(
        shapes, (*results[: one.carries], *after[: other.carries], *results[one.carries :], *after[other.carries :])
    )
    values = apply_fold(
        block,
        one.count,
        [*first.args[: one.carries], *second.args[: other.carries]],
        [*first.args[one.carries :], *(second.args[place] for place in own)],
        [*one.each, *(other.each[place - other.carries] for place in own)],
    )
    places: Mapping[Node, int] = {
        Node(Select(position), (fold,)): start + position
        for fold, parts in (
            (first, ((0, range(one.carries)), (other.carries, range(one.carries, len(results))))),
            (second, ((one.carries, range(other.carries)), (len(results), range(other.carries, len(after))))),
        )
        for start, positions in parts
        for position in positions
    }
    return substitute(roots, {node: values[place] for node, place in places.items()})
