"""Folds in Taylor arithmetic: folds of the same count over the coefficients of the state, with one block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symfold.analysis.strength.multilinear import zeros_like
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Step, settle
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, substitute, walk
from symfold.core.primitives import broadcast_to, is_apply, read_places
from symfold.core.sequences import element, join, stack, take
from symfold.core.shapes import Shape, is_known, must_sum

if TYPE_CHECKING:
    from symfold.analysis.strength.jets import Taylor

Jet = list["Node | None"]  # the coefficients by power of epsilon; None is zero
OWN = -3  # the level of the formals of a block under construction: no closed block and no adjoint uses it


def fold_jets(outer: Taylor, node: Node[Fold]) -> list[Jet]:
    """The coefficients of the results of a fold. First steps are separate as long as they make coefficients zero."""
    fold = node.op
    args = [[outer.at(arg, power) for power in range(outer.order + 1)] for arg in node.args]
    state: Sequence[Jet] = args[: fold.carries]
    operands = args[fold.carries :]
    given_out: list[list[Jet]] = []
    first = 0
    while isinstance(fold.count, int) and first + 1 < fold.count and first <= outer.order + fold.carries:
        step = StepJets.of(outer, fold, patterns(state), patterns(operands))
        if not has_vanishing(state, step.results):
            break
        after = step.at([*state, *entries_at(fold, operands, first)])
        state = after[: fold.carries]
        given_out.append(stacked(after[fold.carries :]))
        first += 1
    rest = [
        [entry if entry is None or not each or not first else take(entry, range(first, fold.count)) for entry in jet]
        for jet, each in zip(operands, fold.each, strict=True)
    ]
    results = _rest(outer, fold, fold.count - first, state, rest)
    given_out.append(results[fold.carries :])
    lengths = [*[1] * first, fold.count - first]
    shapes = [output.shape for output in fold.block.results[fold.carries :]]
    return [
        *results[: fold.carries],
        *(joined(parts, lengths, shape) for parts, shape in zip(zip(*given_out, strict=True), shapes, strict=True)),
    ]


def _rest(outer: Taylor, fold: Fold, count: Any, state: Sequence[Jet], operands: Sequence[Jet]) -> list[Jet]:
    """The fold over its remaining steps; a single step that changes which coefficients are zero is inlined."""
    step = StepJets.of(outer, fold, patterns(state), patterns(operands))
    if count != 1 or patterns(step.results[: fold.carries]) == patterns(state):
        settled = StepJets.settled(outer, fold, patterns(state), patterns(operands))
        memory = settled.memory
        if isinstance(count, int) and memory is not None and memory < count:
            return settled.last(count, memory, state, operands)
        return settled.folded(count, state, operands)
    after = step.at([*state, *entries_at(fold, operands, 0)])
    return [*after[: fold.carries], *stacked(after[fold.carries :])]


def stacked(outputs: Sequence[Jet]) -> list[Jet]:
    """The outputs of one step as sequences."""
    return [[None if coefficient is None else stack([coefficient]) for coefficient in jet] for jet in outputs]


def entries_at(fold: Fold, operands: Sequence[Jet], step: int) -> list[Jet]:
    """The operands of one step."""
    return [
        [element(coefficient, step) if each and coefficient is not None else coefficient for coefficient in jet]
        for jet, each in zip(operands, fold.each, strict=True)
    ]


def joined(parts: Sequence[Jet], lengths: Sequence[Any], shape: Shape) -> Jet:
    """Sequences one after the other, coefficient by coefficient; zeros are written out unless all are zero."""
    result: Jet = []
    for sequences in zip(*parts, strict=True):
        if all(sequence is None for sequence in sequences):
            result.append(None)
        else:
            zero = zeros_like(shape, [element(sequence, 0) for sequence in sequences if sequence is not None])
            result.append(
                join(
                    [
                        stack([zero] * length) if sequence is None else sequence
                        for sequence, length in zip(sequences, lengths, strict=True)
                    ]
                )
            )
    return result


Pattern = list[list[bool]]  # for each value, which coefficients are nonzero


def patterns(values: Sequence[Jet]) -> Pattern:
    """Which coefficients are nonzero."""
    return [[coefficient is not None for coefficient in jet] for jet in values]


def has_vanishing(before: Sequence[Jet], after: Sequence[Jet]) -> bool:
    """Whether a nonzero coefficient becomes zero in a step."""
    return any(
        old is not None and new is None
        for jet, later in zip(before, after, strict=False)
        for old, new in zip(jet, later, strict=True)
    )


@dataclass(frozen=True)
class StepJets:
    """The coefficients of the results of a block, over formals for those of its arguments."""

    fold: Fold
    formals: list[Jet]
    results: list[Jet]

    @classmethod
    def of(cls, outer: Taylor, fold: Fold, state: Pattern, operands: Pattern) -> StepJets:
        """One step, for the nonzero coefficients of state and operands."""
        width = outer.order + 1
        formals: list[Jet] = [
            [Node(Formal(OWN, place * width + power, shape)) if on else None for power, on in enumerate(pattern)]
            for place, (shape, pattern) in enumerate(zip(fold.block.shapes, (*state, *operands), strict=True))
        ]
        inner = outer.within(dict(zip(fold.block.formals, formals, strict=True)))
        return cls(fold, formals, inner.of(fold.block.results))

    @classmethod
    def settled(cls, outer: Taylor, fold: Fold, state: Pattern, operands: Pattern) -> StepJets:
        """The step for all coefficients of the state that are nonzero after some step."""
        while True:
            step = cls.of(outer, fold, state, operands)
            after = [
                [a or b for a, b in zip(before, later, strict=True)]
                for before, later in zip(state, patterns(step.results[: fold.carries]), strict=True)
            ]
            if after == state:
                return step
            state = after

    def at(self, args: Sequence[Jet]) -> list[Jet]:
        """The results with arguments in place of the formals."""
        replaced = {
            formal: value
            for jet, values in zip(self.formals, args, strict=True)
            for formal, value in zip(jet, values, strict=True)
            if formal is not None and value is not None
        }
        nonzero = [node for jet in self.results for node in jet if node is not None]
        new = dict(zip(nonzero, substitute(nonzero, replaced), strict=True))
        return [[None if node is None else new[node] for node in jet] for jet in self.results]

    @property
    def memory(self) -> int | None:
        """How many earlier steps the state depends on; None if on all, or if the fold has output sequences.

        Coefficients that no step changes do not count. Those of f(z) have a short memory: c1_k = f_k(0), c2_k =
        f_k'(0)[c1_{k-1}], ...
        """
        carries = self.fold.carries
        if len(self.results) != carries:
            return None
        pairs = [
            pair
            for jet, values in zip(self.formals, self.results, strict=False)
            for pair in zip(jet, values, strict=True)
            if pair[0] is not pair[1]
        ]
        moving = {formal for formal, _ in pairs if formal is not None}
        read = {
            formal: moving & read_by_value(value) for formal, value in pairs if formal is not None and value is not None
        }
        steps, remembered = 0, moving
        while remembered:  # a coefficient that reads none of these is forgotten in this step
            after = {formal for formal in remembered if read.get(formal, set()) & remembered}
            if after == remembered:
                return None
            steps, remembered = steps + 1, after
        return steps

    def last(self, count: int, memory: int, state: Sequence[Jet], operands: Sequence[Jet]) -> list[Jet]:
        """The last steps alone, unrolled: of the state before them, only the shape matters."""
        state = [jet[:] for jet in state]
        for part, jet in enumerate(self.formals[: self.fold.carries]):
            for power, formal in enumerate(jet):
                if formal is not None and state[part][power] is None:
                    state[part][power] = zeros_like(self.fold.block.shapes[part], state[part])
        for step in range(count - memory, count):
            state = self.at([*state, *entries_at(self.fold, operands, step)])
        return state

    def folded(self, count: Any, state: Sequence[Jet], operands: Sequence[Jet]) -> list[Jet]:
        """The fold over `count` steps; coefficients that no step changes are captured, unread ones dropped."""
        fold, carries, formals = self.fold, self.fold.carries, self.formals
        powers = range(len(formals[0])) if formals else range(0)
        places = [(power, part) for power in powers for part in range(carries) if formals[part][power] is not None]
        constant = [(part, power) for power, part in places if self.results[part][power] is formals[part][power]]
        carried = [(part, power) for power, part in places if (part, power) not in constant]
        outputs = [
            (part, power)
            for part in range(carries, len(self.results))
            for power in powers
            if self.results[part][power] is not None
        ]

        def result(part: int, power: int) -> Node:
            coefficient = fitted(self.results[part][power], fold.block.results[part].shape)
            return zeros_like(fold.block.shapes[part], formals[part]) if coefficient is None else coefficient

        results = [result(part, power) for part, power in (*carried, *outputs)]
        candidates = [(formals[part][power], state[part][power], False) for part, power in constant]
        candidates += [
            (formals[carries + k][power], jet[power], fold.each[k])
            for k, jet in enumerate(operands)
            for power in powers
            if jet[power] is not None
        ]
        place_of = {node: place for place, node in enumerate(walk(results))}
        read = sorted(
            (
                (place_of[formal], formal, value, each)
                for formal, value, each in candidates
                if formal in place_of and value is not None
            ),
            key=lambda row: row[0],
        )
        # each value once, in order of first use, so that equal recurrences of different nets are equal folds
        chosen = list(dict.fromkeys((value, each) for _, _, value, each in read))
        states = [formal for part, power in carried if (formal := formals[part][power]) is not None]
        first = [(state[part][power], part) for part, power in carried]
        init = [zeros_like(fold.block.shapes[part], state[part]) if value is None else value for value, part in first]
        shapes = [value.shape[1:] if each else value.shape for value, each in chosen]
        closed = (*(formal.shape for formal in states), *shapes)
        inner = [Node(Formal(0, k, shape)) for k, shape in enumerate(closed)]
        replaced = dict(zip(states, inner, strict=False))
        replaced |= {formal: inner[len(states) + chosen.index((value, each))] for _, formal, value, each in read}
        block = Block(closed, substitute(results, replaced))

        def step_for(now: tuple[Shape, ...], first: int) -> Step:
            return Step(
                block.retyped((*now, *shapes)), tuple(value for value, _ in chosen), tuple(each for _, each in chosen)
            )

        values = settle(step_for, count, init) if results else ()
        jets: list[Jet] = [[None] * len(powers) for _ in self.results]
        for part, power in constant:
            jets[part][power] = state[part][power]
        for (part, power), value in zip((*carried, *outputs), values, strict=True):
            jets[part][power] = value
        return jets


def read_by_value(root: Node) -> set[Node]:
    """The nodes whose values a node depends on, not those of which only the shape matters."""
    read, pending = {root}, [root]
    while pending:
        node = pending.pop()
        args = [node.args[k] for k in read_places(node)] if is_apply(node) else node.args
        pending += [arg for arg in dict.fromkeys(args) if arg not in read]
        read.update(args)
    return read


def fitted(value: Node | None, shape: Shape) -> Node | None:
    """A coefficient broadcast to the shape of its value, if that is known."""
    if value is None or not is_known(shape) or not is_known(value.shape) or not must_sum(value.shape, shape):
        return value
    return broadcast_to(value, shape=shape)
