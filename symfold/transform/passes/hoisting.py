"""Distributing a fold: what a step does that no later step waits for is done for all the steps at once.

A block falls into three parts: before the loop, what depends on the items alone; the loop, what the next state needs;
after the loop, what is only given out. The first and the last become operations on whole sequences, such as the weight
gradients of all the layers in one product. Every backend gains, so this is net to net and not part of one.

What is done at once is held at once. So a long fold is distributed in groups of steps (`rematerialise`), as many as fit in the
cache, and a step that holds a fold is left alone: its fold is distributed for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Formal
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
from symfold.core.walks import substitute, walk
from symfold.transform.passes.reassociation import reassociated
from symfold.transform.passes.rematerialization import applied, in_groups

# numbers of a sequence that stays in a core's cache from one pass to the next, and of an entry that costs less than a call;
# what is larger is done step by step
CACHED, SMALL = 2**16, 2**10


HELD = 2**21  # numbers: what a fold's steps done at once may hold, 16 MiB
FEWEST = 16  # steps that are done at once whatever they hold


def hoisted(roots: Sequence[Node], given: Mapping[Node, Node] | None = None) -> tuple[Node, ...]:
    """The roots with every fold of known depth distributed, nested folds first, below those in `given`. Shapes must be numbers."""
    if given is None:
        roots = reassociated(
            roots, [node for node in walk(roots) if not node.args and not isinstance(node.op, Constant)]
        )
    new: dict[Node, Any] = dict(given or {})
    for node in walk(roots, stop=new):
        args = tuple(new[arg] for arg in node.args)
        if isinstance(node.op, Fold):
            new[node] = distributed(node.op, args)
        elif isinstance(node.op, Select):
            new[node] = args[0][node.op.position]
        else:
            new[node] = node if args == node.args else Node(node.op, args)
    return tuple(new[root] for root in roots)


def distributed(fold: Fold, args: tuple[Node, ...]) -> tuple[Node, ...]:
    """The results of a fold, distributed as far as what is done at once can be held."""
    block = Block(fold.block.shapes, reassociated(hoisted(fold.block.results), fold.block.formals[: fold.carries]))
    fold = Fold(block, fold.count, fold.carries, fold.each)
    if (
        not isinstance(fold.count, int)
        or fold.count < 2
        or any(isinstance(node.op, Fold) for node in walk(block.results))
    ):
        return applied(fold, args)
    whole = Distribution(fold, args)
    groups = -(-fold.count // max(FEWEST, HELD // max(whole.held, 1)))
    if groups > 1 and whole.held and (made := in_groups(fold, args, fold.count // groups)):
        return hoisted(made, dict(zip(args, args, strict=True)))
    return whole.results()


@dataclass(frozen=True)
class Distribution:
    """One fold over its arguments, taken apart."""

    fold: Fold
    args: tuple[Node, ...]

    @property
    def formals(self) -> tuple[Node, ...]:
        return self.fold.block.formals

    @property
    def entries(self) -> set[Node]:
        """The formals that have a value of their own at each step."""
        operands = self.formals[self.fold.carries :]
        return {formal for formal, each in zip(operands, self.fold.each, strict=True) if each}

    @cached_property
    def parts(self) -> Parts:
        """What of a step is done before the loop, in it, and after it."""
        block, formals, carries = self.fold.block, self.formals, self.fold.carries
        order = walk(block.results)
        state = set(formals[:carries])
        varies = dependents(order, state | self.entries)
        waits = dependents(order, state)
        sums = self._running_sums(order, varies)
        kept = [k for k in range(carries) if k not in sums]

        before = hoistable(order, {n for n in varies - waits - self.entries if self.worth_it(n)}, self.entries, varies)
        before |= {
            n for n in order if n.args and n not in varies and n not in waits and not isinstance(n.op, (Fold, Select))
        }
        added_up = {*sums.values(), *(block.results[k] for k in sums)}
        stubborn = [
            n
            for n in order
            if n in varies and n.args and n not in before and n not in added_up and not self.worth_it(n)
        ]
        in_loop = set(walk([*(block.results[k] for k in kept), *stubborn]))
        given = [*block.results[carries:], *sums.values()]
        after = {n for n in order if n in varies and n.args and n not in in_loop and n not in before}
        saved = [n for n in first_met(given, after) if n in varies and n not in before and n not in self.entries]
        return Parts(varies, sums, kept, before, after, saved)

    @property
    def held(self) -> int:
        """How many numbers are held for every step because it is not done step by step."""
        parts = self.parts
        own = (parts.before | parts.after | set(parts.saved)) & parts.varies
        return sum(
            prod(node.shape)
            for node in own - set(self.fold.block.results)
            if is_concrete(node.shape) and not is_view(node)
        )

    def results(self) -> tuple[Node, ...]:
        fold, block, formals = self.fold, self.fold.block, self.formals
        carries, count = fold.carries, known_count(fold.count)
        parts = self.parts
        varies, sums, kept, before, saved = parts.varies, parts.sums, parts.kept, parts.before, parts.saved

        # sequences of what the steps read or gave; everything else follows from them, all steps at once
        whole = dict(zip(formals, self.args, strict=True))
        steps = Steps(count, whole, varies, {formal: whole[formal] for formal in self.entries})
        results = [*(block.results[k] for k in kept), *saved]
        cut = read_by(results, before, set(formals[carries:]))
        own = [formals[k] for k in kept]
        loop = closed(results, [*own, *cut])
        operands = [steps.of(n) if n in varies else steps.shared(n) for n in cut]
        done = (
            apply_fold(loop, count, [self.args[k] for k in kept], operands, [n in varies for n in cut])
            if results
            else ()
        )
        steps.known.update(zip(saved, done[len(kept) :], strict=True))

        last = dict(zip(kept, done, strict=False))
        last |= {k: self.args[k] + steps.sum_of(part) for k, part in sums.items()}
        return (*(last[k] for k in range(carries)), *(steps.as_sequence(result) for result in block.results[carries:]))

    def worth_it(self, node: Node) -> bool:
        """Whether an operation can be done for all steps at once, and that is less work than one step after the other in the cache."""
        if not batchable(node):
            return False
        computes = isinstance(node.op, type) or is_primitive(node, dot, sum_to, reduce_sum)
        largest = max(prod(map(int, value.shape)) for value in (node, *node.args))
        return not computes or largest <= SMALL or known_count(self.fold.count) * largest <= CACHED

    def _running_sums(self, order: Sequence[Node], varies: set[Node]) -> dict[int, Node]:
        """Parts of the state that only add something up over the steps, such as the cotangent of a shared weight."""
        block = self.fold.block
        found: dict[int, Node] = {}
        for k, formal in enumerate(self.formals[: self.fold.carries]):
            result = block.results[k]
            alone = [n for n in order if formal in n.args] == [result] and block.results.count(result) == 1
            if alone and result.op is sp.Add and len(result.args) == 2 and result.args[0] is formal:
                part = result.args[1]
                read = any(result in n.args for n in order) or formal in block.results
                if not read and part in varies and batchable(part) and is_primitive(part, dot, sum_to, reduce_sum):
                    found[k] = part
        return found


@dataclass(frozen=True)
class Parts:
    """A step taken apart."""

    varies: set[Node]  # what has a value of its own at each step
    sums: Mapping[int, Node]  # parts of the state that only add something up, with what they add
    kept: Sequence[int]  # the other parts
    before: set[Node]
    after: set[Node]
    saved: Sequence[Node]  # what is done after the loop is made of these


@dataclass
class Steps:
    """The values of a block's nodes in all the steps, as sequences; made from those that are known."""

    count: int
    whole: Mapping[Node, Node]
    varies: set[Node]
    known: dict[Node, Node]

    def of(self, node: Node) -> Node:
        """The values of a node that varies from step to step, as a sequence."""
        for part in walk((node,), stop=self.known):
            if part in self.varies and part not in self.known:
                args = [self.known[a] if a in self.varies else self.shared(a) for a in part.args]
                self.known[part] = batched(part, args, [a in self.varies for a in part.args], self.count)
        return self.known[node]

    def shared(self, node: Node) -> Node:
        """The value of a node that is the same in all the steps."""
        return substitute((node,), self.whole)[0]

    def as_sequence(self, node: Node) -> Node:
        if node in self.varies:
            return self.of(node)
        value = self.shared(node)
        return broadcast_to(value, shape=(self.count, *value.shape))

    def sum_of(self, node: Node) -> Node:
        """The sum of a node's values over the steps: of a product a^T b, one product of the steps laid end to end."""
        if is_primitive(node, dot) and is_primitive(node.args[0], swap) and all(a in self.varies for a in node.args):
            left, right = self.of(node.args[0].args[0]), self.of(node.args[1])
            rows = self.count * known_count(left.shape[1])
            flat = [reshape(part, shape=(rows, part.shape[2])) for part in (left, right)]
            return dot(swap(flat[0]), flat[1])
        values = self.of(node)
        return reduce_sum(values, axis=(-len(values.shape),), keepdims=False)


def closed(results: Sequence[Node], formals: Sequence[Node]) -> Block:
    """A block over these nodes as its formals."""
    replaced = {node: Node(Formal(0, k, node.shape)) for k, node in enumerate(formals)}
    return Block(tuple(node.shape for node in formals), substitute(results, replaced))


def hoistable(order: Sequence[Node], chosen: set[Node], entries: set[Node], varies: set[Node]) -> set[Node]:
    """Those of the chosen nodes that can be done for all steps at once, because their arguments can."""
    kept: set[Node] = set()
    for node in order:
        ready = all(arg in kept or arg in entries or arg not in varies for arg in node.args)
        if ready and node in chosen and node.args and batchable(node):
            kept.add(node)
    return kept


def dependents(order: Sequence[Node], sources: set[Node]) -> set[Node]:
    """The sources and what depends on them."""
    found = set(sources)
    for node in order:
        if any(arg in found for arg in node.args):
            found.add(node)
    return found


def first_met(roots: Sequence[Node], through: set[Node]) -> list[Node]:
    """Walking down from the roots through some nodes, what is met first outside of them."""
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


def read_by(roots: Sequence[Node], hoisted: set[Node], operands: set[Node]) -> list[Node]:
    """What the loop reads besides its state: hoisted values and operands, in the order in which they are met."""
    read = [arg for node in walk(roots, stop=hoisted) for arg in node.args] + list(roots)
    return [node for node in dict.fromkeys(read) if node in hoisted or node in operands]


def is_view(node: Node) -> bool:
    """Whether a value takes no memory of its own."""
    return is_primitive(node, swap, expand, squeeze, broadcast_to)


BATCHED = (dot, swap, sum_to, reduce_sum, expand, squeeze, broadcast_to)


def batchable(node: Node) -> bool:
    """Whether an operation can be done for all steps at once."""
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
    """A sequence whose entries have this many axes, by axes of size 1 in front."""
    while len(sequence.shape) - 1 < rank:
        sequence = expand(sequence, axis=-len(sequence.shape))
    return sequence


def batched(node: Node, args: Sequence[Node], sequences: Sequence[bool], count: int) -> Node:
    """An operation done for all the steps: its arguments sequences, or values that all steps share."""
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
