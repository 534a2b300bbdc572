"""Folds in Taylor arithmetic: a fold of the same count over the coefficients of its state, its block made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symfold.analysis.strength.multilinear import zeros_like
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Step, settle
from symfold.core.nodes import Node
from symfold.core.operations import Formal
from symfold.core.primitives import Apply, broadcast_to, read_places
from symfold.core.sequences import element, join, stack, take
from symfold.core.shapes import Shape, is_known, must_sum
from symfold.core.walks import substitute, walk

if TYPE_CHECKING:
    from symfold.analysis.strength.jets import Taylor

Jet = list["Node | None"]  # the coefficients by power of epsilon; None is zero
OWN = -3  # the level of the formals of a block that is being made: no closed block and no adjoint uses it


def fold_jets(outer: Taylor, node: Node) -> list[Jet]:
    """The coefficients of a fold's results. First steps stand apart while they make a coefficient zero that was none."""
    fold = node.op
    given = [[outer.at(arg, power) for power in range(outer.order + 1)] for arg in node.args]
    state, operands = given[: fold.carries], given[fold.carries :]
    listed: list[list[Jet]] = []
    first = 0
    while isinstance(fold.count, int) and first + 1 < fold.count and first <= outer.order + fold.carries:
        step = StepJets.made(outer, fold, patterns(state), patterns(operands))
        if not loses(state, step.results):
            break
        after = step.written_out([*state, *entries_at(fold, operands, first)])
        state = after[: fold.carries]
        listed.append([[None if one is None else stack([one]) for one in jet] for jet in after[fold.carries :]])
        first += 1
    rest = [
        [entry if entry is None or not each or not first else take(entry, range(first, fold.count)) for entry in jet]
        for jet, each in zip(operands, fold.each, strict=True)
    ]
    results = _rest(outer, fold, fold.count - first, state, rest)
    listed.append(results[fold.carries :])
    lengths = [*[1] * first, fold.count - first]
    outputs = fold.block.results[fold.carries :]
    return [
        *results[: fold.carries],
        *(joined(parts, lengths, one.shape) for parts, one in zip(zip(*listed, strict=True), outputs, strict=True)),
    ]


def _rest(outer: Taylor, fold: Fold, count: Any, state: Sequence[Jet], operands: Sequence[Jet]) -> list[Jet]:
    """The fold over its remaining steps; a single one that changes what is zero is written out."""
    step = StepJets.made(outer, fold, patterns(state), patterns(operands))
    if count != 1 or patterns(step.results[: fold.carries]) == patterns(state):
        settled = StepJets.settled(outer, fold, patterns(state), patterns(operands))
        remembered = settled.memory
        if isinstance(count, int) and remembered is not None and remembered < count:
            return settled.last(count, remembered, state, operands)
        return settled.folded(count, state, operands)
    after = step.written_out([*state, *entries_at(fold, operands, 0)])
    return [
        *after[: fold.carries],
        *([None if one is None else stack([one]) for one in jet] for jet in after[fold.carries :]),
    ]


def entries_at(fold: Fold, operands: Sequence[Jet], step: int) -> list[Jet]:
    """What a step reads besides the state."""
    return [
        [element(one, step) if each and one is not None else one for one in jet]
        for jet, each in zip(operands, fold.each, strict=True)
    ]


def joined(parts: Sequence[Jet], lengths: Sequence[Any], shape: Shape) -> Jet:
    """Sequences one after the other, coefficient by coefficient; where some are not zero, the others are written as zeros."""
    found: Jet = []
    for entries in zip(*parts, strict=True):
        if all(one is None for one in entries):
            found.append(None)
        else:
            like = [element(one, 0) for one in entries if one is not None]
            zero = zeros_like(shape, like)
            found.append(
                join(
                    [
                        stack([zero] * length) if one is None else one
                        for one, length in zip(entries, lengths, strict=True)
                    ]
                )
            )
    return found


Pattern = list[list[bool]]  # of each value, which coefficients are not zero


def patterns(values: Sequence[Jet]) -> Pattern:
    """Which coefficients are not zero."""
    return [[one is not None for one in jet] for jet in values]


def loses(before: Sequence[Jet], after: Sequence[Jet]) -> bool:
    """Whether a coefficient that is not zero becomes zero in a step."""
    return any(
        one is not None and new is None
        for jet, later in zip(before, after, strict=False)
        for one, new in zip(jet, later, strict=True)
    )


@dataclass(frozen=True)
class StepJets:
    """The coefficients of a block's results over formals for those of its arguments."""

    fold: Fold
    formals: list[Jet]
    results: list[Jet]

    @classmethod
    def made(cls, outer: Taylor, fold: Fold, state: Pattern, operands: Pattern) -> StepJets:
        width = outer.order + 1
        formals: list[Jet] = [
            [Node(Formal(OWN, place * width + power, shape)) if on else None for power, on in enumerate(pattern)]
            for place, (shape, pattern) in enumerate(zip(fold.block.shapes, (*state, *operands), strict=True))
        ]
        inner = outer.within(dict(zip(fold.block.formals, formals, strict=True)))
        return cls(fold, formals, inner.of(fold.block.results))

    @classmethod
    def settled(cls, outer: Taylor, fold: Fold, state: Pattern, operands: Pattern) -> StepJets:
        """With every coefficient of the state that is not zero after some step."""
        while True:
            step = cls.made(outer, fold, state, operands)
            after = [
                [a or b for a, b in zip(before, later, strict=True)]
                for before, later in zip(state, patterns(step.results[: fold.carries]), strict=True)
            ]
            if after == state:
                return step
            state = after

    def written_out(self, given: Sequence[Jet]) -> list[Jet]:
        """The results with these for the formals."""
        replaced = {
            formal: value
            for jet, values in zip(self.formals, given, strict=True)
            for formal, value in zip(jet, values, strict=True)
            if formal is not None and value is not None
        }
        whole = [one for jet in self.results for one in jet if one is not None]
        new = dict(zip(whole, substitute(whole, replaced), strict=True))
        return [[None if one is None else new[one] for one in jet] for jet in self.results]

    @property
    def memory(self) -> int | None:
        """How many steps back the state is read, what no step changes aside; None where a coefficient is carried on, or some are given out.

        The coefficients of f(z) have a short memory: c1_k = f_k(0), c2_k = f_k'(0)[c1_{k-1}], ...
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
        steps, waiting = 0, moving
        while waiting:  # those that only read what is forgotten by then are forgotten a step later
            after = {formal for formal in waiting if read.get(formal, set()) & waiting}
            if after == waiting:
                return None
            steps, waiting = steps + 1, after
        return steps

    def last(self, count: int, remembered: int, state: Sequence[Jet], operands: Sequence[Jet]) -> list[Jet]:
        """The last steps alone, written out: of the state before them no more is left than its shape."""
        state = [jet[:] for jet in state]
        for part, jet in enumerate(self.formals[: self.fold.carries]):
            for power, formal in enumerate(jet):
                if formal is not None and state[part][power] is None:
                    state[part][power] = zeros_like(self.fold.block.shapes[part], state[part])
        for step in range(count - remembered, count):
            state = self.written_out([*state, *entries_at(self.fold, operands, step)])
        return state

    def folded(self, count: Any, state: Sequence[Jet], operands: Sequence[Jet]) -> list[Jet]:
        """The fold over `count` steps: what no step changes is captured, what no step reads is left out."""
        fold, carries, formals = self.fold, self.fold.carries, self.formals
        powers = range(len(formals[0])) if formals else range(0)
        places = [(power, part) for power in powers for part in range(carries) if formals[part][power] is not None]
        kept = [(part, power) for power, part in places if self.results[part][power] is formals[part][power]]
        carried = [(part, power) for power, part in places if (part, power) not in kept]
        given = [
            (part, power)
            for part in range(carries, len(self.results))
            for power in powers
            if self.results[part][power] is not None
        ]

        def result(part: int, power: int) -> Node:
            made = fitted(self.results[part][power], fold.block.results[part].shape)
            return zeros_like(fold.block.shapes[part], formals[part]) if made is None else made

        results = [result(part, power) for part, power in (*carried, *given)]
        candidates = [(formals[part][power], state[part][power], False) for part, power in kept]
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
        # in the order of first use, each value once: so that equal recurrences are equal folds, whatever nets they come from
        chosen = list(dict.fromkeys((value, each) for _, _, value, each in read))
        own = [one for part, power in carried if (one := formals[part][power]) is not None]
        begun = [(state[part][power], part) for part, power in carried]
        init = [zeros_like(fold.block.shapes[part], state[part]) if value is None else value for value, part in begun]
        shapes = [value.shape[1:] if each else value.shape for value, each in chosen]
        closed = (*(formal.shape for formal in own), *shapes)
        inner = [Node(Formal(0, k, shape)) for k, shape in enumerate(closed)]
        replaced = dict(zip(own, inner, strict=False))
        replaced |= {formal: inner[len(own) + chosen.index((value, each))] for _, formal, value, each in read}
        block = Block(closed, substitute(results, replaced))

        def step_for(now: tuple[Shape, ...], first: int) -> Step:
            return Step(
                block.retyped((*now, *shapes)), tuple(value for value, _ in chosen), tuple(each for _, each in chosen)
            )

        found = settle(step_for, count, init) if results else ()
        made: list[Jet] = [[None] * len(powers) for _ in self.results]
        for part, power in kept:
            made[part][power] = state[part][power]
        for (part, power), value in zip((*carried, *given), found, strict=True):
            made[part][power] = value
        return made


def read_by_value(root: Node) -> set[Node]:
    """The nodes whose values a node depends on: of some, it takes the shape alone."""
    found, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        args = [node.args[k] for k in read_places(node)] if isinstance(node.op, Apply) else node.args
        waiting += [arg for arg in dict.fromkeys(args) if arg not in found]
        found.update(args)
    return found


def fitted(value: Node | None, shape: Shape) -> Node | None:
    """A coefficient broadcast to the shape of what it is a coefficient of, where that is known."""
    if value is None or not is_known(shape) or not is_known(value.shape) or not must_sum(value.shape, shape):
        return value
    return broadcast_to(value, shape=shape)
