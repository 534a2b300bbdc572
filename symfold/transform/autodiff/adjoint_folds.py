"""The adjoint of a fold: a forward fold that saves what its adjoint reads, and the backward fold.

The forward fold saves only the values of its step that the adjoint step reads. Two other ways save less and recompute:
a group of steps (`rematerialization`) saves only the state before it, and an invertible step (`reversible`) saves
nothing, since the backward fold recovers the states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold
from symfold.core.leaves import Formal, Input
from symfold.core.nodes import Node, substitute, walk
from symfold.core.primitives import budgeted, unbroadcast, zeros
from symfold.core.sequences import element, reverse
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import StackedInputs
from symfold.errors import Advice, InvalidValue
from symfold.transform.autodiff.reversible import inverse, smallest_factor
from symfold.transform.passes.rematerialization import Remat, is_group

LOST = 6  # decimal digits of a state that the backward fold may lose


@dataclass(frozen=True)
class AdjointFold:
    """A fold and its adjoint: the forward block with its saved values, and the block of the backward fold."""

    fold: Fold
    augmented: Block
    block: Block
    carried: tuple[int, ...]  # parts of the state whose cotangents are carried
    summed: tuple[int, ...]  # shared operands, whose cotangents are summed over the steps
    recovered: tuple[int, ...]  # parts of the state that the backward fold recovers
    listed: tuple[int, ...]  # operands with one entry per step, whose cotangents are outputs
    barred_outputs: tuple[int, ...]  # outputs of the forward fold with a cotangent
    reads: tuple[tuple[str, int], ...]  # what the backward step reads: ("saved" | "operand", position)
    budget: int | None = None  # bytes for what is saved

    def forward(self, args: Sequence[Node]) -> tuple[Node, ...]:
        """The results of the forward fold, then the saved values."""
        return self.fold.over(args, self.augmented)

    def pull(self, node: Node, bars: Mapping[int, Node]) -> list[Node | None]:
        """The cotangents of the forward fold's arguments, from those of its results, by position."""
        fold, args = self.fold, node.args
        results = [Node(Select(k), (node,)) for k in range(len(self.augmented.results))]
        init = [bars[k] if k in bars else zeros(results[k]) for k in self.carried]
        init += [zeros(args[k]) for k in self.summed]
        init += [results[k] for k in self.recovered]
        if self.budget is not None and init and fold.count != 1:
            init[0] = budgeted(init[0], bytes=self.budget)
        operands, each = [], []
        for k in self.barred_outputs:
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
        cotangents: list[Node | None] = [None] * len(args)
        for k, bar in zip((*self.carried, *self.summed), pulled, strict=False):
            # a cotangent at a recovered state has that state's shape, as far as known
            cotangents[k] = unbroadcast(bar, args[k]) if self.recovered else bar
        for k, bar in zip(self.listed, pulled[len(init) :], strict=True):
            cotangents[k] = reverse(bar)
        return cotangents


@dataclass(frozen=True)
class PulledStep:
    """A step with its adjoint: the results, rebuilt so that inner folds save what is read, and the cotangents."""

    results: tuple[Node, ...]
    bar_of: Mapping[int, Node]  # of the results, as formals of a level that blocks do not use
    bars: Mapping[Node, Node]  # of the formals


def adjoint_from(fold: Fold, active: Sequence[bool], step: PulledStep, remat: Remat) -> AdjointFold:
    """The adjoint of a fold from that of its step: what is saved forward, what is carried and read backward."""
    block, carries, formals = fold.block, fold.carries, fold.block.formals
    carried = tuple(k for k in range(carries) if k in step.bar_of and active[k])
    reached = [k for k in range(carries, len(formals)) if formals[k] in step.bars]
    summed = tuple(k for k in reached if not fold.each[k - carries])
    listed = tuple(k for k in reached if fold.each[k - carries])
    barred_outputs = tuple(k for k in range(carries, len(block.results)) if k in step.bar_of)

    accumulators = {k: Node(Formal(-2, k, formals[k].shape)) for k in summed}
    steps = [step.bars[formals[k]] if formals[k] in step.bars else zeros(formals[k]) for k in carried]
    steps += [accumulators[k] + step.bars[formals[k]] for k in summed]
    outputs = [step.bars[formals[k]] for k in listed]

    after: dict[int, Node] = {}
    if remat == "reversible" and fold.count != 1:
        after, steps, outputs = with_recovered_state(fold, step.results, steps, outputs)
        results, forward = block.results, set(formals)
    elif remat == "sqrt" and is_group(fold):
        results, forward = block.results, set(formals)
    else:
        results, forward = step.results, set(walk(step.results)) | set(formals)

    carried_formals = [
        *(step.bar_of[k] for k in carried),
        *accumulators.values(),
        *after.values(),
        *(step.bar_of[k] for k in barred_outputs),
    ]
    cut = [node for node in first_met([*steps, *outputs], forward, set(carried_formals)) if node not in carried_formals]
    saved = [node for node in cut if node not in formals[carries:]]
    reads = tuple(
        ("operand", formals.index(node)) if node in formals[carries:] else ("saved", saved.index(node)) for node in cut
    )
    replaced = {node: Node(Formal(0, k, node.shape)) for k, node in enumerate((*carried_formals, *cut))}
    backward = Block(tuple(node.shape for node in (*carried_formals, *cut)), substitute([*steps, *outputs], replaced))
    augmented = Block(block.shapes, (*results, *saved))
    return AdjointFold(
        fold, augmented, backward, carried, summed, tuple(after), listed, barred_outputs, reads,
        remat if isinstance(remat, int) else None,
    )  # fmt: skip


def with_recovered_state(
    fold: Fold, results: Sequence[Node], steps: Sequence[Node], outputs: Sequence[Node]
) -> tuple[dict[int, Node], list[Node], list[Node]]:
    """An adjoint step over the state after the forward step: the parts of it that are needed, and the results.

    The adjoint step recomputes forward values from the recovered state, and recovers each needed part in turn.
    """
    carries, state = fold.carries, fold.block.formals[: fold.carries]
    check_digits(fold, smallest_factor(state, results[:carries]))
    after = [Node(Formal(-3, k, part.shape)) for k, part in enumerate(state)]
    before = inverse(state, results[:carries], after)
    recovered = {**{results[k]: after[k] for k in range(carries) if state[k] in before}, **before}
    steps, outputs = (list(substitute(nodes, recovered)) for nodes in (steps, outputs))
    needed: dict[int, Node] = {}
    waiting = [*steps, *outputs]
    while waiting:
        met = set(walk(waiting))
        if not met.isdisjoint(state):
            raise InvalidValue(
                "remat='reversible' needs steps that can be inverted, each part of the state the old one plus "
                "a function of the other parts, as (a + f(b), b + g(a + f(b))) and not z + f(z)",
                Advice("remat", "sqrt", "take remat='sqrt', which recomputes from a few kept states"),
            )
        new = [k for k in range(carries) if after[k] in met and k not in needed]
        for k in new:
            needed[k] = before.get(state[k], state[k])
        waiting = [needed[k] for k in new]
    places = sorted(needed)
    return {k: after[k] for k in places}, [*steps, *(needed[k] for k in places)], outputs


def check_digits(fold: Fold, factor: float) -> None:
    """Refuse to invert steps that shrink a part of the state until too few digits would be left."""
    lost = fold.count * log10(1 / factor) if isinstance(fold.count, int) else 0.0
    if lost > LOST:
        raise InvalidValue(
            f"remat='reversible' goes back through {fold.count} steps that multiply a part of the state by {factor:g}: "
            f"{lost:.0f} of its 16 digits would be lost",
            Advice("remat", "sqrt", "take remat='sqrt', which recomputes from a few kept states"),
        )


def first_met(roots: Sequence[Node], forward: set[Node], stop: set[Node]) -> list[Node]:
    """The forward values that an adjoint step reads, in order of use."""
    met: dict[Node, None] = {}
    seen: set[Node] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node in seen or node in stop:
            continue
        seen.add(node)
        is_output = isinstance(node.op, Select) and node.args[0] in forward
        if (node in forward or is_output) and not _is_constant(node):
            met[node] = None
        else:
            stack += reversed(node.args)
    return list(met)


def _is_constant(node: Node) -> bool:
    return not node.args and not isinstance(node.op, (Formal, Input, StackedInputs))


# -- activity: what depends on a source, and what has a cotangent


def active_nodes(roots: Sequence[Node], sources: set[Node]) -> set[Node]:
    """The nodes that depend on a source."""
    active = {source for source in sources if source.shape[-1:] != (NAME,)}
    for node in walk(roots):
        if any(arg in active for arg in node.args):
            active.add(node)
    return active


def settled_active(fold: Fold, active_args: Sequence[bool]) -> list[bool]:
    """Which formals depend on a source, in this step or through the state of earlier ones."""
    active = list(active_args)
    formals = fold.block.formals
    while True:
        nodes = active_nodes(fold.block.results, {f for f, on in zip(formals, active, strict=True) if on})
        after = [on or (k < fold.carries and fold.block.results[k] in nodes) for k, on in enumerate(active)]
        if after == active:
            return active
        active = after


def settled_barred(fold: Fold, active: Sequence[bool], barred: Sequence[bool]) -> list[bool]:
    """Which results of a step have a cotangent, directly or through later steps."""
    barred = list(barred)
    formals = fold.block.formals
    while True:
        reached = set(walk([result for result, on in zip(fold.block.results, barred, strict=True) if on]))
        after = [on or (k < fold.carries and active[k] and formals[k] in reached) for k, on in enumerate(barred)]
        if after == barred:
            return barred
        barred = after
