"""Hoisting: compute what the next state does not need for all steps in one batched operation.

A block has three parts: before the loop, what depends only on the items; in the loop, what the next state needs; after
the loop, what is only an output. The first and last become operations on whole sequences, such as the weight gradients
of all layers in one product. This is net to net, so every backend gains.

Batched values of all steps are stored at once, so a long fold is hoisted in groups of steps (`rematerialization`). A
step that contains a fold is left alone: the inner fold is hoisted by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold
from symfold.core.leaves import Constant, Formal
from symfold.core.nodes import Node, substitute, walk
from symfold.core.primitives import (
    Apply,
    broadcast_to,
    dot,
    expand,
    is_primitive,
    reduce_sum,
    reshape,
    squeeze,
    sum_to,
    swap,
)
from symfold.core.shapes import is_concrete
from symfold.core.stacked_inputs import known_count
from symfold.transform.passes.reassociation import reassociated
from symfold.transform.passes.rematerialization import in_groups

# sizes, in numbers, of a sequence that stays in a core's cache between passes, and of an entry that costs less than a
# call; larger operations stay in the loop
CACHED, SMALL = 2**16, 2**10

MEMORY = 2**21  # numbers that the batched steps of a group may store: 16 MiB
FEWEST = 16  # steps per group, whatever they store


def hoisted(
    roots: Sequence[Node], leaves: Mapping[Node, Node] | None = None, products: bool = False
) -> tuple[Node, ...]:
    """The roots with every fold of known depth hoisted, inner folds first; the walk ends at `leaves`.

    With `products`, those of a sequence with a shared matrix are hoisted at any size. Shapes must be numbers.
    """
    if leaves is None:
        roots = reassociated(
            roots, [node for node in walk(roots) if not node.args and not isinstance(node.op, Constant)]
        )
    new: dict[Node, Any] = dict(leaves or {})
    for node in walk(roots, stop=new):
        args = tuple(new[arg] for arg in node.args)
        if isinstance(node.op, Fold):
            new[node] = hoisted_fold(node.op, args, products)
        elif isinstance(node.op, Select):
            new[node] = args[0][node.op.position]
        else:
            new[node] = node if args == node.args else Node(node.op, args)
    return tuple(new[root] for root in roots)


def hoisted_fold(fold: Fold, args: tuple[Node, ...], products: bool) -> tuple[Node, ...]:
    """The results of a fold, hoisted in groups if the batched values of all steps would exceed `MEMORY`."""
    results = hoisted(fold.block.results, products=products)
    block = Block(fold.block.shapes, reassociated(results, fold.block.formals[: fold.carries]))
    fold = replace(fold, block=block)
    if (
        not isinstance(fold.count, int)
        or fold.count < 2
        or any(isinstance(node.op, Fold) for node in walk(block.results))
    ):
        return fold.over(args)
    hoisting = Hoisting(fold, args, products)
    groups = -(-fold.count // max(FEWEST, MEMORY // max(hoisting.memory, 1)))
    if groups > 1 and hoisting.memory and (grouped := in_groups(fold, args, fold.count // groups)):
        return hoisted(grouped, dict(zip(args, args, strict=True)), products)
    return hoisting.results()


@dataclass(frozen=True)
class Hoisting:
    """The hoisting of one fold over its arguments."""

    fold: Fold
    args: tuple[Node, ...]
    products: bool = False

    @property
    def formals(self) -> tuple[Node, ...]:
        return self.fold.block.formals

    @property
    def entries(self) -> set[Node]:
        """The formals with one value per step."""
        operands = self.formals[self.fold.carries :]
        return {formal for formal, each in zip(operands, self.fold.each, strict=True) if each}

    @cached_property
    def parts(self) -> Parts:
        """The parts of a step before, in and after the loop."""
        block, formals, carries = self.fold.block, self.formals, self.fold.carries
        order = walk(block.results)
        state = set(formals[:carries])
        varies = dependents(order, state | self.entries)
        dependent = dependents(order, state)
        sums = self._running_sums(order, varies)
        carried = [k for k in range(carries) if k not in sums]

        before = hoistable(
            order, {n for n in varies - dependent - self.entries if self.worth_it(n)}, self.entries, varies
        )
        before |= {
            n
            for n in order
            if n.args and n not in varies and n not in dependent and not isinstance(n.op, (Fold, Select))
        }
        summed = {*sums.values(), *(block.results[k] for k in sums)}
        unbatched = [
            n for n in order if n in varies and n.args and n not in before and n not in summed and not self.worth_it(n)
        ]
        in_loop = set(walk([*(block.results[k] for k in carried), *unbatched]))
        outputs = [*block.results[carries:], *sums.values()]
        after = {n for n in order if n in varies and n.args and n not in in_loop and n not in before}
        saved = [n for n in first_met(outputs, after) if n in varies and n not in before and n not in self.entries]
        return Parts(varies, sums, carried, before, after, saved)

    @property
    def memory(self) -> int:
        """The numbers that hoisting stores per step."""
        parts = self.parts
        batched_nodes = (parts.before | parts.after | set(parts.saved)) & parts.varies
        return sum(
            prod(node.shape)
            for node in batched_nodes - set(self.fold.block.results)
            if is_concrete(node.shape) and not is_view(node)
        )

    def results(self) -> tuple[Node, ...]:
        """The results of the fold, from the loop and the batched operations around it."""
        fold, block, formals = self.fold, self.fold.block, self.formals
        carries, count = fold.carries, known_count(fold.count)
        parts = self.parts
        varies, sums, carried, before, saved = parts.varies, parts.sums, parts.carried, parts.before, parts.saved

        # sequences of what the loop reads and saves; everything else follows from them by batched operations
        arguments = dict(zip(formals, self.args, strict=True))
        steps = Steps(count, arguments, varies, {formal: arguments[formal] for formal in self.entries})
        results = [*(block.results[k] for k in carried), *saved]
        cut = read_by(results, before, set(formals[carries:]))
        loop = closed(results, [*(formals[k] for k in carried), *cut])
        operands = [steps.of(n) if n in varies else steps.shared(n) for n in cut]
        looped: tuple[Node, ...] = ()
        if results:
            looped = apply_fold(loop, count, [self.args[k] for k in carried], operands, [n in varies for n in cut])
        steps.sequences.update(zip(saved, looped[len(carried) :], strict=True))

        last = dict(zip(carried, looped, strict=False))
        last |= {k: self.args[k] + steps.sum_of(part) for k, part in sums.items()}
        return (*(last[k] for k in range(carries)), *(steps.as_sequence(result) for result in block.results[carries:]))

    def worth_it(self, node: Node) -> bool:
        """Whether an operation can be batched over all steps, and is then faster than step by step in the cache."""
        if not batchable(node):
            return False
        if self.products and is_primitive(node, dot) and node.args[0] in self.entries:
            return True
        computes = isinstance(node.op, type) or is_primitive(node, dot, sum_to, reduce_sum)
        largest = max(prod(map(int, value.shape)) for value in (node, *node.args))
        return not computes or largest <= SMALL or known_count(self.fold.count) * largest <= CACHED

    def _running_sums(self, order: Sequence[Node], varies: set[Node]) -> dict[int, Node]:
        """Parts of the state that only accumulate a sum over the steps, such as the cotangent of a shared weight."""
        block = self.fold.block
        sums: dict[int, Node] = {}
        for k, formal in enumerate(self.formals[: self.fold.carries]):
            result = block.results[k]
            is_only_user = [n for n in order if formal in n.args] == [result] and block.results.count(result) == 1
            if is_only_user and result.op is sp.Add and len(result.args) == 2 and result.args[0] is formal:
                part = result.args[1]
                read = any(result in n.args for n in order) or formal in block.results
                if not read and part in varies and batchable(part) and is_primitive(part, dot, sum_to, reduce_sum):
                    sums[k] = part
        return sums


@dataclass(frozen=True)
class Parts:
    """The parts of a step."""

    varies: set[Node]  # the nodes with one value per step
    sums: Mapping[int, Node]  # parts of the state that only accumulate a sum, with the addend
    carried: Sequence[int]  # the other parts of the state
    before: set[Node]
    after: set[Node]
    saved: Sequence[Node]  # what the nodes after the loop read


@dataclass
class Steps:
    """The values of a block's nodes in all steps, as sequences, by batched operations on the known ones."""

    count: int
    arguments: Mapping[Node, Node]
    varies: set[Node]
    sequences: dict[Node, Node]

    def of(self, node: Node) -> Node:
        """The values of a node that varies over the steps."""
        for part in walk((node,), stop=self.sequences):
            if part in self.varies and part not in self.sequences:
                args = [self.sequences[a] if a in self.varies else self.shared(a) for a in part.args]
                self.sequences[part] = batched(part, args, [a in self.varies for a in part.args], self.count)
        return self.sequences[node]

    def shared(self, node: Node) -> Node:
        """The value of a node that all steps share."""
        return substitute((node,), self.arguments)[0]

    def as_sequence(self, node: Node) -> Node:
        if node in self.varies:
            return self.of(node)
        value = self.shared(node)
        return broadcast_to(value, shape=(self.count, *value.shape))

    def sum_of(self, node: Node) -> Node:
        """The sum of a node's values over the steps; of a product a^T b, one product over the concatenated steps."""
        if is_primitive(node, dot) and is_primitive(node.args[0], swap) and all(a in self.varies for a in node.args):
            left, right = self.of(node.args[0].args[0]), self.of(node.args[1])
            rows = self.count * known_count(left.shape[1])
            flat = [reshape(part, shape=(rows, part.shape[2])) for part in (left, right)]
            return dot(swap(flat[0]), flat[1])
        values = self.of(node)
        return reduce_sum(values, axis=(-len(values.shape),), keepdims=False)


def closed(results: Sequence[Node], formals: Sequence[Node]) -> Block:
    """The block of these results, with these nodes as its formals."""
    replaced = {node: Node(Formal(0, k, node.shape)) for k, node in enumerate(formals)}
    return Block(tuple(node.shape for node in formals), substitute(results, replaced))


def hoistable(order: Sequence[Node], chosen: set[Node], entries: set[Node], varies: set[Node]) -> set[Node]:
    """The chosen nodes that can be batched before the loop, since their arguments can."""
    result: set[Node] = set()
    for node in order:
        ready = all(arg in result or arg in entries or arg not in varies for arg in node.args)
        if ready and node in chosen and node.args and batchable(node):
            result.add(node)
    return result


def dependents(order: Sequence[Node], sources: set[Node]) -> set[Node]:
    """The sources and all nodes that depend on them."""
    result = set(sources)
    for node in order:
        if any(arg in result for arg in node.args):
            result.add(node)
    return result


def first_met(roots: Sequence[Node], through: set[Node]) -> list[Node]:
    """The first nodes outside `through` that a walk down from the roots meets."""
    met: dict[Node, None] = {}
    seen: set[Node] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in through:
            stack += reversed(node.args)
        elif not isinstance(node.op, Constant):
            met[node] = None
    return list(met)


def read_by(roots: Sequence[Node], before: set[Node], operands: set[Node]) -> list[Node]:
    """The hoisted values and operands that the loop reads, in order of use."""
    reads = [arg for node in walk(roots, stop=before) for arg in node.args] + list(roots)
    return [node for node in dict.fromkeys(reads) if node in before or node in operands]


def is_view(node: Node) -> bool:
    """Whether a value takes no memory."""
    return is_primitive(node, swap, expand, squeeze, broadcast_to)


BATCHED = (dot, swap, sum_to, reduce_sum, expand, squeeze, broadcast_to)


def batchable(node: Node) -> bool:
    """Whether an operation can be batched over all steps."""
    if not is_concrete(node.shape) or not all(is_concrete(arg.shape) for arg in node.args):
        return False
    if isinstance(node.op, type):
        return True
    if not isinstance(node.op, Apply) or node.op.primitive not in BATCHED:
        return False
    if is_primitive(node, dot):
        return all(len(arg.shape) == 2 for arg in node.args)
    if is_primitive(node, swap):
        return len(node.shape) >= 2
    if is_primitive(node, sum_to):
        return len(node.shape) == len(node.args[0].shape)
    return True


def aligned(sequence: Node, rank: int) -> Node:
    """A sequence whose entries have `rank` axes, by leading axes of size 1."""
    while len(sequence.shape) - 1 < rank:
        sequence = expand(sequence, axis=-len(sequence.shape))
    return sequence


def batched(node: Node, args: Sequence[Node], sequences: Sequence[bool], count: int) -> Node:
    """An operation batched over all steps; its arguments are sequences, or values that all steps share."""
    rank = len(node.shape)
    if isinstance(node.op, type) or is_primitive(node, broadcast_to):
        args = [aligned(arg, rank) if flag else arg for arg, flag in zip(args, sequences, strict=True)]
    if not isinstance(node.op, Apply):
        return Node(node.op, tuple(args))
    attributes = dict(node.op.attributes)
    if "shape" in attributes:
        attributes["shape"] = (count, *attributes["shape"])
    if is_primitive(node, reduce_sum) and attributes["axis"] is None:
        attributes["axis"] = tuple(range(-len(node.args[0].shape), 0))
        return reduce_sum(*args, **attributes) if attributes["axis"] else args[0]
    return node.op.primitive(*args, **attributes)
