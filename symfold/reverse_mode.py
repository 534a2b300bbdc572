"""Reverse mode: cotangents pulled back through nodes and folds.

    z_k = f_k(z_{k-1}) + z_{k-1}    has the adjoint    a_{k-1} = a_k + f_k'(z_{k-1})^T a_k,    k = n..1

A fold's block is differentiated once, whatever its count. The forward fold gives out what the backward one reads: the
values of the forward step that the adjoint step refers to, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.blocks import Block
from symfold.derivatives import pull
from symfold.families import Family
from symfold.folds import Fold, Select, apply_fold
from symfold.nodes import Node
from symfold.operations import Formal, Input
from symfold.primitives import spread
from symfold.sequences import element, reverse
from symfold.shapes import NAME
from symfold.tensors import number
from symfold.walks import substitute, walk

Bars = dict[Node, Node]


def add(bars: Bars, node: Node, bar: Node | None) -> None:
    """One more contribution to the cotangent of a node."""
    if bar is not None:
        bars[node] = bars[node] + bar if node in bars else bar


def active_nodes(roots: Sequence[Node], sources: set[Node]) -> set[Node]:
    """The nodes that depend on a source."""
    active = {source for source in sources if source.shape[-1:] != (NAME,)}
    for node in walk(roots):
        if any(arg in active for arg in node.args):
            active.add(node)
    return active


@dataclass(frozen=True)
class Pulled:
    """Roots, rebuilt so that their folds give out what the adjoint reads, and the cotangents of the sources."""

    roots: tuple[Node, ...]
    bars: Mapping[Node, Node]


def pull_back(roots: Sequence[Node], cotangents: Sequence[Node | None], sources: Sequence[Node]) -> Pulled:
    """The cotangents of sources from those of the roots; sources must be leaves, bodies of layers written out."""
    active = active_nodes(roots, set(sources))
    barred = _reached([root for root, bar in zip(roots, cotangents, strict=True) if bar is not None])
    new: dict[Node, Any] = {}
    backward: dict[Node, AdjointFold] = {}
    for node in walk(roots):
        args = tuple(new[arg] for arg in node.args)
        if isinstance(node.op, Fold) and node in active and node in barred:
            results = _barred_results(node, barred)
            adjoint = adjoint_fold(node.op, [arg in active for arg in node.args], results)
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
    for node in reversed(walk(outputs)):
        if node not in active:
            continue
        if isinstance(node.op, Fold):
            if node in backward:
                given = {k: bars[s] for k in range(len(node.op.block.results)) if (s := Node(Select(k), (node,))) in bars}
                for arg, bar in zip(node.args, backward[node].pull(node, given), strict=True):
                    add(bars, arg, bar)
        elif node.args and node in bars and not isinstance(node.op, Select):
            wanted = [arg in active for arg in node.args]
            for arg, bar in zip(node.args, pull(node, bars[node], wanted), strict=True):
                add(bars, arg, bar)
    return Pulled(outputs, {source: bars[source] for source in sources if source in bars})


def _reached(roots: Sequence[Node]) -> set[Node]:
    """What a cotangent can reach: everything that the roots need."""
    return set(walk(roots))


def _barred_results(fold: Node, barred: set[Node]) -> list[bool]:
    return [Node(Select(k), (fold,)) in barred for k in range(len(fold.op.block.results))]


@dataclass(frozen=True)
class AdjointFold:
    """A fold with its adjoint step: what the forward fold gives out in addition, and the block of the backward one."""

    fold: Fold
    augmented: Block
    block: Block
    carried: tuple[int, ...]  # parts of the state whose cotangent is carried
    summed: tuple[int, ...]  # shared operands, whose cotangents add up over the steps
    listed: tuple[int, ...]  # operands with one entry a step, whose cotangents are given out
    given: tuple[int, ...]  # outputs of the forward fold that have a cotangent
    reads: tuple[tuple[str, int], ...]  # what the backward step reads: ("saved" | "operand", position)

    def forward(self, args: Sequence[Node]) -> tuple[Node, ...]:
        fold = self.fold
        return apply_fold(self.augmented, fold.count, args[: fold.carries], args[fold.carries :], fold.each)

    def pull(self, node: Node, bars: Mapping[int, Node]) -> list[Node | None]:
        """The cotangents of the forward fold's arguments, from those of its results by position."""
        fold, args = self.fold, node.args
        results = [Node(Select(k), (node,)) for k in range(len(node.op.block.results))]
        init = [bars[k] if k in bars else zeros(results[k]) for k in self.carried]
        init += [zeros(args[k]) for k in self.summed]
        operands, each = [], []
        for k in self.given:
            operands.append(reverse(bars[k] if k in bars else zeros(results[k])))
            each.append(True)
        for what, k in self.reads:
            if what == "saved":
                operands.append(reverse(results[len(fold.block.results) + k]))
                each.append(True)
            else:
                is_sequence = fold.each[k - fold.carries]
                operands.append(reverse(args[k]) if is_sequence else args[k])
                each.append(is_sequence)
        if fold.count == 1:
            operands = [element(o, 0) if e else o for o, e in zip(operands, each, strict=True)]
            each = [False] * len(each)
        pulled = apply_fold(self.block, fold.count, init, operands, each)
        found: list[Node | None] = [None] * len(args)
        for k, bar in zip((*self.carried, *self.summed), pulled, strict=False):
            found[k] = bar
        for k, bar in zip(self.listed, pulled[len(init) :], strict=True):
            found[k] = reverse(bar)
        return found


def zeros(like: Node) -> Node:
    return spread(number(0), like)


def adjoint_fold(fold: Fold, active_args: Sequence[bool], barred: Sequence[bool]) -> AdjointFold:
    """Differentiate a fold's block once."""
    block, carries = fold.block, fold.carries
    formals = block.formals
    active = _settled_active(fold, active_args)
    barred = _settled_barred(fold, active, barred)
    sources = [formal for formal, is_active in zip(formals, active, strict=True) if is_active and formal.shape[-1:] != (NAME,)]

    # the cotangents of the results, as formals of a level that no closed block uses
    bar_of = {k: Node(Formal(-1, k, result.shape)) for k, result in enumerate(block.results) if barred[k]}
    cotangents: list[Node | None] = [bar_of.get(k) for k in range(len(block.results))]
    pulled = pull_back(block.results, cotangents, sources)

    carried = tuple(k for k in range(carries) if barred[k] and active[k])
    operands = range(carries, len(formals))
    reached = [k for k in operands if formals[k] in pulled.bars]
    summed = tuple(k for k in reached if not fold.each[k - carries])
    listed = tuple(k for k in reached if fold.each[k - carries])
    given = tuple(k for k in range(carries, len(block.results)) if barred[k])

    accumulators = {k: Node(Formal(-2, k, formals[k].shape)) for k in summed}
    steps = [pulled.bars[formals[k]] if formals[k] in pulled.bars else zeros(formals[k]) for k in carried]
    steps += [accumulators[k] + pulled.bars[formals[k]] for k in summed]
    steps += [pulled.bars[formals[k]] for k in listed]

    own = [*(bar_of[k] for k in carried), *accumulators.values(), *(bar_of[k] for k in given)]
    forward = set(walk(pulled.roots)) | set(formals)
    cut = [node for node in _first_met(steps, forward, set(own)) if node not in own]
    saved = [node for node in cut if node not in formals[carries:]]
    reads = tuple(("operand", formals.index(node)) if node in formals[carries:] else ("saved", saved.index(node)) for node in cut)
    replaced = {node: Node(Formal(0, k, node.shape)) for k, node in enumerate((*own, *cut))}
    backward = Block(tuple(node.shape for node in (*own, *cut)), substitute(steps, replaced))
    augmented = Block(block.shapes, (*pulled.roots, *saved))
    return AdjointFold(fold, augmented, backward, carried, summed, listed, given, reads)


def _first_met(roots: Sequence[Node], forward: set[Node], own: set[Node]) -> list[Node]:
    """The forward values that an adjoint step refers to, in the order in which they are met."""
    met: dict[Node, None] = {}
    seen: set[Node] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node in seen or node in own:
            continue
        seen.add(node)
        given_out = isinstance(node.op, Select) and node.args[0] in forward
        if (node in forward or given_out) and not _is_constant(node):
            met[node] = None
        else:
            stack += reversed(node.args)
    return list(met)


def _is_constant(node: Node) -> bool:
    return not node.args and not isinstance(node.op, (Formal, Input, Family))


def _settled_active(fold: Fold, active_args: Sequence[bool]) -> list[bool]:
    """Which formals depend on a source, the state's own dependence from step to step included."""
    active = list(active_args)
    formals = fold.block.formals
    while True:
        found = active_nodes(fold.block.results, {f for f, on in zip(formals, active, strict=True) if on})
        after = [on or (k < fold.carries and fold.block.results[k] in found) for k, on in enumerate(active)]
        if after == active:
            return active
        active = after


def _settled_barred(fold: Fold, active: Sequence[bool], barred: Sequence[bool]) -> list[bool]:
    """Which results of a step have a cotangent, what comes back through the later steps included."""
    barred = list(barred)
    formals = fold.block.formals
    while True:
        reached = _reached([result for result, on in zip(fold.block.results, barred, strict=True) if on])
        after = [on or (k < fold.carries and active[k] and formals[k] in reached) for k, on in enumerate(barred)]
        if after == barred:
            return barred
        barred = after
