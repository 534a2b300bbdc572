"""Steps: a run cut into steps; their state, what they read from outside, and what is read of them later."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from symfold.core.nodes import Node
from symfold.core.stacked_inputs import is_leaf
from symfold.transform.repeats.equations import Equations
from symfold.transform.repeats.runs import ENOUGH, Run

SMALL = 2  # equations of a step that is worth a fold of a few only for what it reads


@dataclass(frozen=True)
class Repeat:
    """Some steps of a run, from the equation at `start` on."""

    run: Run
    start: int
    steps: int

    @property
    def equations(self) -> Equations:
        return self.run.equations

    @property
    def end(self) -> int:
        """The position after the last step."""
        return self.start + self.steps * self.run.period

    @property
    def last_step(self) -> range:
        """The positions of the equations of the last step."""
        return range(self.end - self.run.period, self.end)

    def in_all_steps(self, k: int) -> tuple[Node, ...]:
        """The equations that correspond to the one at a position in the last step, in order of the steps."""
        period = self.run.period
        return tuple([self.equations.order[k - back * period] for back in range(self.steps - 1, -1, -1)])

    @cached_property
    def state(self) -> tuple[Node, ...]:
        """The values of earlier steps that the last step and later ones read."""
        order, position, run = self.equations.order, self.equations.position, self.run
        start = self.last_step.start
        state: dict[Node, None] = {}
        for k in self.last_step:
            for arg in order[k].args:
                at = position.get(arg, -1)
                if run.start <= at < start:
                    state |= dict.fromkeys(order[place] for place in range(at, start, run.period))
        return tuple(state)

    @property
    def after(self) -> list[Node]:
        """The state after the last step."""
        order, position = self.equations.order, self.equations.position
        return [order[position[value] + self.run.period] for value in self.state]

    @cached_property
    def init(self) -> list[Node]:
        """The state before the first step; shorter than the state if some of it begins nowhere."""
        init = (self.run.earlier(value, self.steps - 1) for value in self.state)
        return [node for node in init if node is not None]

    @cached_property
    def operands(self) -> tuple[tuple[Node, ...], ...]:
        """What steps read from outside, one value per step, in order of first use."""
        result: dict[tuple[Node, ...], None] = {}
        order, position, fixed = self.equations.order, self.equations.position, self.equations.fixed
        for k in self.last_step:
            nodes = self.in_all_steps(k)
            if self.run.takes_an_entry(k):
                result[nodes] = None
                continue
            for at, arg in enumerate(order[k].args):
                if position.get(arg, -1) < self.run.start:
                    values = tuple([node.args[at] for node in nodes])
                    if arg not in fixed or len(set(values)) > 1:
                        result[values] = None
        return tuple(result)

    @cached_property
    def read_later(self) -> list[int]:
        """The positions of values that are read after the last step, apart from the last state."""
        order, last, after = self.equations.order, self.equations.last, set(self.after)
        return [
            k
            for k in range(self.start, self.end)
            if last.get(order[k], -1) >= self.end and order[k] not in after and not self.run.takes_an_entry(k)
        ]


def reads_something(repeat: Repeat) -> bool:
    """Whether steps read values from outside: a few small ones an input, a parameter or the name of a layer."""
    operands = [values for values in repeat.operands if not repeat.equations.fixed.issuperset(values)]
    large = repeat.steps >= ENOUGH or repeat.run.period - len(repeat.run.entries) > SMALL
    return bool(operands) and (large or any(is_leaf(value) for values in operands for value in values))


def reads_in_turn(repeat: Repeat) -> bool:
    """Whether each step reads a computed value of its own, apart from those computed of parameters alone."""
    equations, before = repeat.equations, range(repeat.run.start)
    return any(
        len(set(values)) > 1
        and equations.position.get(values[-1], -1) in before
        and values[-1] not in equations.weights
        for values in repeat.operands
    )


def worth_a_fold(repeat: Repeat) -> bool:
    """Whether steps read something; a few steps neither give values to others nor read those of others in turn."""
    few = repeat.steps < ENOUGH
    return reads_something(repeat) and not (few and (reads_in_turn(repeat) or repeat.read_later))


def operations(repeat: Repeat) -> tuple[object, ...]:
    """The operations of the last step, in order."""
    return tuple([repeat.equations.order[k].op for k in repeat.last_step])


def reads_of_state(repeat: Repeat) -> int:
    """How often the last step reads the state."""
    state = set(repeat.state)
    return sum(arg in state for k in repeat.last_step for arg in repeat.equations.order[k].args)


def covered(repeats: list[Repeat]) -> int:
    """The number of equations in some repeats."""
    return sum(repeat.run.period * repeat.steps for repeat in repeats)
