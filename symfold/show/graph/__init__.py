"""Graphs: a net as a NetworkX graph, at five levels.

In: a net. Out: a `networkx.MultiDiGraph` with plain attributes.

    arithmetic   differences and quotients as one node each
    formulas     the formula of a step
    names        names and labels of nodes
    places       the place of a recording among folds and steps, the kinds of edges
    record       the recorder of a graph; one node per layer
    unrolled     one node per step, or per operation
    folded       one node per fold
    ends         the first and last steps of deep folds, for pictures
"""

from __future__ import annotations

from typing import Any

from symfold.base.deferred import nx
from symfold.core.attach import attach
from symfold.core.blocks import Block
from symfold.core.folds import Fold, is_fold, walk_inside
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.errors import Advice, depth_is_symbolic, unknown
from symfold.show.graph.folded import Blocks, Folds
from symfold.show.graph.record import Recorder
from symfold.show.graph.unrolled import Primitives, Steps

LEVELS: dict[str, type[Recorder]] = {
    "fold": Folds,  # one node per fold, with a loop
    "block": Blocks,  # one step of each fold, with a loop
    "step": Steps,  # one node per mapper application
    "layer": Recorder,  # layer applications and joins
    "primitive": Primitives,  # layer bodies opened
}
UNROLLED = ("step", "layer", "primitive")


def graph(net: Any, level: str = "layer") -> nx.MultiDiGraph:
    """A net as a graph. Edge keys are argument positions, so parallel edges stay separate; attributes are plain values.

    Nodes have `kind`, `op`, `label`, `shape`, and if it applies `layer`, `state`, `step`, `nesting`, `group`; edges
    have `port` and `kind`: state, skip, item, capture, parameter, data or output.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
    >>> sorted(graph(net).edges(data="kind"))
    [('f1', 'z1', 'data'), ('f2', 'z2', 'data'), ('x', 'f1', 'state'), ('x', 'z1', 'skip'), \
('z1', 'f2', 'state'), ('z1', 'z2', 'skip'), ('z2', 'out', 'output')]
    """
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    if level in UNROLLED and (symbol := symbolic_depth(net)) is not None:
        problem = f"level {level!r} shows every step, and the depth {symbol} is a symbol"
        raise depth_is_symbolic(symbol, Advice("level", "fold", "take level='fold'"), problem=problem)
    return LEVELS[level](net).record()


def fold_nodes(net: Net) -> list[Node[Fold]]:
    """Every fold of a net, nested ones too."""
    return [*filter(is_fold, walk_inside(net.outputs))]


def symbolic_depth(net: Any) -> Any:
    """The first symbolic depth of a net, if any."""
    return next((node.op.count for node in fold_nodes(net) if not isinstance(node.op.count, int)), None)


def count_steps(net: Any) -> float:
    """The number of steps of the unrolled net, nested steps included; infinite if a depth is a symbol.

    >>> import symfold as sf
    >>> count_steps(sf.fold(sf.mappers.residual, sf.layers("f", count=1000), sf.tensor("x")))
    1000
    """
    return sum(_steps_of(node, {}) for node in net.bindings)


def _steps_of(node: Node[Fold], memo: dict[Block, float]) -> float:
    fold = node.op
    if not isinstance(fold.count, int):
        return float("inf")
    if fold.block not in memo:
        memo[fold.block] = 1 + sum(_steps_of(inner, memo) for inner in filter(is_fold, walk(fold.block.results)))
    return fold.count * memo[fold.block]


attach(Net, graph=graph)
