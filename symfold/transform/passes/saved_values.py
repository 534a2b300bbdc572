"""Saved values: what a backward step computes from values that the forward step saves, computed by the forward step.

    forward saves a, s = sigmoid(a);  backward: bar * (s * sigmoid(-a))
    forward saves d = s * sigmoid(-a);  backward: bar * d

This is done if no more numbers are saved. A forward step may find the slope of a function in what it computes for the
value, and reads it from the cache.

The other way round, a saved product of saved values is multiplied again by the backward step, if all factors but one
are small:

    forward saves a, row, a*row;  backward: bar * saved
    forward saves a, row;         backward: bar * (a*row)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import Fold, apply_fold, fold_of, is_emitted, is_fold, rebuilt_inside
from symfold.core.leaves import Constant, Formal
from symfold.core.nodes import Node, is_elementwise, rebuilt, substitute, walk, with_args
from symfold.core.primitives import is_primitive
from symfold.core.sequences import reverse, reverse_row
from symfold.core.shapes import is_concrete
from symfold.transform.passes.factoring import is_large
from symfold.transform.passes.reassociation import reassociated


def saved_ahead(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with forward steps that save what backward steps compute from saved values, in folds inside steps too.

    >>> import symfold as sf
    >>> from symfold.transform.inlining import inlined
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.sigmoid)), sf.tensor("x", (5, 2)))
    >>> gradient = sf.grad(sf.Net.of(net.sum()), wrt=["x"]).outputs
    >>> forward, backward = [node.op for node in walk(saved_ahead(inlined(gradient))) if is_fold(node)]
    >>> forward.block.results[1:], backward.block.results
    ((sigmoid(dot(z, w) + v)*sigmoid(-(dot(z, w) + v)),), (z + dot(z*w, y.T),))
    """

    def inside(fold: Fold, block: Block, args: tuple[Node, ...]) -> tuple[Node, ...]:
        return fold.over(args, Block(block.shapes, at_one_level(block.results)))

    return at_one_level(rebuilt_inside(roots, lambda node, args: None, inside))


def at_one_level(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the folds among them changed, but not those inside steps."""
    found = pairs(roots)
    if not found:
        return tuple(roots)
    forwards: dict[Node, Pair] = {pair.forward: pair for pair in found}
    backwards: dict[Node, Pair] = {pair.backward: pair for pair in found}
    slopes: dict[Pair, tuple[Node, ...]] = {}

    def rule(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...] | None:
        if node in forwards:
            pair = forwards[node]
            results, slopes[pair] = pair.ahead(args)
            return results
        if node in backwards:
            return backwards[node].after(args, slopes[backwards[node]])
        return None

    return rebuilt(roots, rule)


@dataclass(frozen=True, eq=False)
class Pair:
    """A fold and the fold of its gradient, with the backward step after reassociation.

    `saved` maps operands of the backward fold to results of the forward fold, `slopes` are the nodes of the backward
    step that the forward step will compute, and `dropped` the operands that nothing reads then.
    """

    forward: Node[Fold]
    backward: Node[Fold]
    block: Block
    saved: Mapping[int, int]
    slopes: tuple[Node, ...]
    dropped: frozenset[int]

    def ahead(self, args: tuple[Node, ...]) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """The results of the forward fold and the slopes. Results of dropped operands are not to be read."""
        fold = self.forward.op
        values, formals = fold.block.results, self.block.formals
        computed = substitute(self.slopes, {formals[k]: values[place] for k, place in self.saved.items()})
        gone = {self.saved[k] for k in self.dropped}
        kept = [k for k in range(len(values)) if k not in gone]
        block = Block(fold.block.shapes, (*(values[k] for k in kept), *computed))
        results = fold.over(args, block)
        places = dict(zip(kept, results, strict=False))
        return tuple(places.get(k, results[0]) for k in range(len(values))), results[len(kept) :]

    def after(self, args: tuple[Node, ...], slopes: tuple[Node, ...]) -> tuple[Node, ...]:
        """The results of the backward fold, which reads the slopes."""
        fold, formals = self.backward.op, self.block.formals
        kept = [k for k in range(len(args)) if k not in self.dropped]
        leaves = [*(formals[k] for k in kept), *self.slopes]
        replaced = {leaf: Node(Formal(0, k, leaf.shape)) for k, leaf in enumerate(leaves)}
        block = Block(tuple(leaf.shape for leaf in leaves), substitute(self.block.results, replaced))
        operands = [*(args[k] for k in kept[fold.carries :]), *map(reverse, slopes)]
        each = [*(fold.each[k - fold.carries] for k in kept[fold.carries :]), *[True] * len(slopes)]
        return apply_fold(block, fold.count, args[: fold.carries], operands, each)


def pairs(roots: Sequence[Node]) -> list[Pair]:
    """The folds with a backward fold that saves no more if the forward step computes its slopes."""
    order = walk(roots)
    if sum(map(is_fold, order)) < 2:
        return []
    users: dict[Node, set[Node]] = {}
    for node in order:
        for arg in node.args:
            users.setdefault(arg, set()).add(node)
    found: list[Pair] = []
    taken: set[Node] = set()
    for node in filter(is_fold, order):
        for forward, saved in saved_by(node).items():
            if taken.isdisjoint((forward, node)) and (pair := pair_of(forward, node, saved, users, set(roots))):
                found.append(pair)
                taken.update((forward, node))
    return found


def saved_by(backward: Node[Fold]) -> dict[Node[Fold], dict[int, int]]:
    """The folds whose results a fold reads backward: for each, operands of the latter with the results' positions."""
    fold = backward.op
    found: dict[Node[Fold], dict[int, int]] = {}
    for k, arg in enumerate(backward.args[fold.carries :], fold.carries):
        if fold.each[k - fold.carries] and is_primitive(arg, reverse_row) and is_emitted(arg.args[0]):
            found.setdefault(fold_of(arg.args[0]), {})[k] = arg.args[0].op.position
    return found


def multiplied_again(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with backward steps that multiply saved factors, in folds inside steps too, rather than read products.

    >>> import symfold as sf
    >>> from symfold.transform.inlining import inlined
    >>> step = lambda z, w: sf.tanh(z * w) * z * w
    >>> net = sf.fold(step, sf.tensor("w", (9,)), sf.tensor("x", (99, 99)))
    >>> [backward] = [node for node in walk(inlined(sf.grad(net.sum(), wrt=["x"]).outputs)) if is_fold(node)][1:]
    >>> backward.op.block.results[0]
    z*y*w + z*y*v*sech(u)**2*y
    """

    def rule(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...] | None:
        return node.op.over(args, with_products(node)) if is_fold(node) else None

    def inside(fold: Fold, block: Block, args: tuple[Node, ...]) -> tuple[Node, ...]:
        return fold.over(args, Block(block.shapes, rebuilt(block.results, rule)))

    return rebuilt(rebuilt_inside(roots, lambda node, args: None, inside), rule)


def with_products(backward: Node[Fold]) -> Block:
    """The block of a fold with products of saved factors in place of saved products."""
    block = backward.op.block
    products: dict[Node, Node] = {}
    for forward, saved in saved_by(backward).items():
        results = forward.op.block.results
        values = {results[position]: block.formals[k] for k, position in saved.items()}
        for value, formal in values.items():
            known = all(arg in values or isinstance(arg.op, Constant) for arg in value.args)
            if value.op is sp.Mul and known and sum(map(is_large, value.args)) == 1 < len(value.args):
                products[formal] = with_args(value, tuple(values.get(arg, arg) for arg in value.args))
    return Block(block.shapes, substitute(block.results, products)) if products else block


def pair_of(
    forward: Node[Fold],
    backward: Node[Fold],
    saved: Mapping[int, int],
    users: Mapping[Node, set[Node]],
    roots: set[Node],
) -> Pair | None:
    """The pair of these folds, if the forward step computes something and no more is saved."""
    fold = backward.op
    block = Block(fold.block.shapes, reassociated(fold.block.results, fold.block.formals[: fold.carries]))
    formals, order = block.formals, walk(block.results)
    known = {formals[k] for k in saved}
    for node in order:  # what depends on saved values and constants alone
        alone = all(arg in known or isinstance(arg.op, Constant) for arg in node.args)
        if alone and is_elementwise(node) and not known.isdisjoint(node.args):
            known.add(node)
    read = {arg for node in order if node not in known for arg in node.args} | set(block.results)
    slopes = tuple(node for node in order if node in known and node.args and node in read)

    def only_here(k: int) -> bool:
        operand = backward.args[k]
        value = operand.args[0]
        once = users[operand] == {backward} and users[value] == {operand} and backward.args.count(operand) == 1
        return once and roots.isdisjoint((operand, value))

    dropped = frozenset(k for k in saved if formals[k] not in read and only_here(k))
    shapes = [*(node.shape for node in slopes), *(formals[k].shape for k in dropped)]
    if not slopes or not all(map(is_concrete, shapes)):
        return None
    size = sum(prod(node.shape) for node in slopes) - sum(prod(formals[k].shape) for k in dropped)
    return Pair(forward, backward, block, saved, slopes, dropped) if size <= 0 else None
