"""Reverse mode: cotangents pulled back through nodes and folds.

    z_k = f_k(z_{k-1}) + z_{k-1}    has the adjoint    a_{k-1} = a_k + f_k'(z_{k-1})^T a_k,    k = n..1

A fold's block is differentiated once, whatever its count; `adjoint_folds` builds the backward fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.core.folds import Fold, Select, is_fold
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, walk
from symfold.core.shapes import NAME
from symfold.transform.autodiff.adjoint_folds import (
    AdjointFold,
    PulledStep,
    active_nodes,
    adjoint_from,
    settled_active,
    settled_barred,
)
from symfold.transform.autodiff.derivatives import pull
from symfold.transform.autodiff.guarded import guarded_nodes, guarded_results
from symfold.transform.passes.rematerialization import Remat

Bars = dict[Node, Node]


def add(bars: Bars, node: Node, bar: Node | None) -> None:
    """Add a contribution to the cotangent of a node."""
    if bar is not None:
        bars[node] = bars[node] + bar if node in bars else bar


@dataclass(frozen=True)
class Pulled:
    """The roots, rebuilt so that their folds save what the adjoint reads, and the cotangents of the sources."""

    roots: tuple[Node, ...]
    bars: Mapping[Node, Node]


def pull_back(
    roots: Sequence[Node],
    cotangents: Sequence[Node | None],
    sources: Sequence[Node],
    remat: Remat = None,
    guarded: frozenset[int] = frozenset(),
) -> Pulled:
    """The cotangents of the sources from those of the roots. Sources are leaves; layers with bodies must be inlined.

    A choice may have set the cotangents of the roots in `guarded` to zero. `remat` says what folds save: all that their
    adjoints read (None, or as much of it as fits into a number of bytes), the state before each group of steps
    ("sqrt"), or nothing ("reversible").
    """
    active = active_nodes(roots, set(sources))
    barred = set(walk([root for root, bar in zip(roots, cotangents, strict=True) if bar is not None]))
    new: dict[Node, Any] = {}
    backward: dict[Node, AdjointFold] = {}
    below = guarded_nodes(roots, [roots[k] for k in guarded])
    for node in walk(roots):
        args = tuple(new[arg] for arg in node.args)
        if is_fold(node) and node in active and node in barred:
            results = _barred_results(node, barred)
            below_results = frozenset(k for k in range(len(results)) if Node(Select(k), (node,)) in below)
            adjoint = adjoint_fold(node.op, [arg in active for arg in node.args], results, remat, below_results)
            new[node] = adjoint.forward(args)
            backward[new[node][0].args[0]] = adjoint
        elif isinstance(node.op, Fold):
            new[node] = node.op.rebuild(args)
        elif isinstance(node.op, Select):
            new[node] = args[0][node.op.position]
        else:
            new[node] = node if args == node.args else Node(node.op, args)
    outputs = tuple(new[root] for root in roots)
    bars: Bars = {}
    for output, bar in zip(outputs, cotangents, strict=True):
        add(bars, output, bar)
    active = active_nodes(outputs, set(sources))
    below = guarded_nodes(outputs, [outputs[k] for k in guarded])
    for node in reversed(walk(outputs)):
        if node not in active:
            continue
        if isinstance(node.op, Fold):
            if node in backward:
                selects = [Node(Select(k), (node,)) for k in range(len(node.op.block.results))]
                result_bars = {k: bars[select] for k, select in enumerate(selects) if select in bars}
                for arg, bar in zip(node.args, backward[node].pull(node, result_bars), strict=True):
                    add(bars, arg, bar)
        elif node.args and node in bars and not isinstance(node.op, Select):
            wanted = [arg in active for arg in node.args]
            for arg, bar in zip(node.args, pull(node, bars[node], wanted, node in below), strict=True):
                add(bars, arg, bar)
    return Pulled(outputs, {source: bars[source] for source in sources if source in bars})


def _barred_results(fold: Node[Fold], barred: set[Node]) -> list[bool]:
    return [Node(Select(k), (fold,)) in barred for k in range(len(fold.op.block.results))]


def adjoint_fold(
    fold: Fold,
    active_args: Sequence[bool],
    barred: Sequence[bool],
    remat: Remat,
    guarded: frozenset[int] = frozenset(),
) -> AdjointFold:
    """Differentiate a fold's block once. Inner folds of an invertible step save values for that step only."""
    block = fold.block
    active = settled_active(fold, active_args)
    barred = settled_barred(fold, active, barred)
    sources = [
        formal
        for formal, is_active in zip(block.formals, active, strict=True)
        if is_active and formal.shape[-1:] != (NAME,)
    ]
    bar_of = {k: Node(Formal(-1, k, result.shape)) for k, result in enumerate(block.results) if barred[k]}
    inner = None if remat == "reversible" else remat
    cotangents = [bar_of.get(k) for k in range(len(block.results))]
    pulled = pull_back(block.results, cotangents, sources, inner, guarded_results(fold, guarded))
    return adjoint_from(fold, active, PulledStep(pulled.roots, bar_of, pulled.bars), remat)
