"""Where the layers of a net are applied, in folds too, and the leaves that hold their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from symfold.core.blocks import Call, is_call, is_name
from symfold.core.folds import Fold, is_fold
from symfold.core.nodes import Node, walk
from symfold.core.stacked_inputs import Leaf, is_leaf


@dataclass(frozen=True)
class Visit:
    """A layer where it is applied, with the leaves of its names, or a fold; and the numbers of the folds around it."""

    node: Node[Call] | Node[Fold]
    leaves: tuple[Leaf, ...]
    around: tuple[int, ...]


def visits(roots: Sequence[Node]) -> Iterator[Visit]:
    """The layers that nodes apply and the folds, in order, each fold before what is inside; folds count from 0.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("g1:4"), sf.layer("f")(sf.tensor("x")))
    >>> [([leaf.op.names[0] for leaf in visit.leaves], visit.around) for visit in visits(net.outputs)]
    [(['f'], ()), ([], ()), (['g1'], (0,))]
    """
    return _visits(roots, {}, (), count())


def _visits(
    roots: Sequence[Node], read: Mapping[Node, tuple[Leaf, ...]], around: tuple[int, ...], numbers: Iterator[int]
) -> Iterator[Visit]:
    names = dict(read)
    for node in walk(roots):
        if is_leaf(node):
            names[node] = (node,)
        elif is_name(node) and node not in names:
            names[node] = tuple(dict.fromkeys(leaf for arg in node.args for leaf in names.get(arg, ())))
        elif is_call(node):
            yield Visit(node, names.get(node.args[0], ()), around)
        elif is_fold(node):
            yield Visit(node, (), around)
            bound = zip(node.op.block.formals, node.args, strict=True)
            inner = {formal: names[arg] for formal, arg in bound if arg in names}
            yield from _visits(node.op.block.results, inner, (*around, next(numbers)), numbers)
