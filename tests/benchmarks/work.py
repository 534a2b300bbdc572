"""The cases of the table, and a net at a case with its numbers: parameters, inputs, the rate of its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tests.benchmarks.nets import Maths, Row


@dataclass(frozen=True)
class Case:
    name: str
    width: int
    batch: int
    depth: int


CASES = {
    case.name: case
    for case in (
        Case("a", 3, 10, 10),
        Case("b", 32, 64, 10),
        Case("c", 256, 256, 10),
        Case("d", 3, 10, 200),
        Case("e", 64, 64, 100),
    )
}

MOVED = 1e-5  # how far one step moves the parameters, of their size: enough to be compared, too little to change the work


@dataclass(frozen=True)
class Work:
    """A net at a case. Parameters lie stacked, one entry a step, except those of recurrent nets; so do sequences."""

    net: Row
    case: Case

    @cached_property
    def params(self) -> dict[str, Any]:
        random, case = np.random.default_rng(0), self.case
        lead = () if self.net.recurrent else (case.depth,)
        return {
            letter: random.normal(size=(*lead, case.width, case.width)) / np.sqrt(case.width)
            if letter.isupper()
            else 0.1 * random.normal(size=(*lead, 1, case.width))
            for letter in self.net.weights
        }

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """Initial states, the sequence of a recurrent net, the target."""
        random, case = np.random.default_rng(1), self.case
        sizes = dict.fromkeys((*self.net.states, "target"), (case.batch, case.width))
        if self.net.recurrent:
            sizes["u"] = (case.depth, case.batch, case.width)
        return {name: random.normal(size=size) for name, size in sizes.items()}

    @cached_property
    def rate(self) -> float:
        from tests.benchmarks.peers.symfold_rows import gradient

        size = np.sqrt(sum(np.sum(p * p) for p in self.params.values()))
        slope = np.sqrt(sum(np.sum(g * g) for g in gradient(self).values()))
        return float(MOVED * size / slope)

    def named(self, params: dict[str, Any]) -> dict[str, Any]:
        """Stacked parameters by symfold's names."""
        if self.net.recurrent:
            return params
        return {self.net.symfold_name(k, n): v for k, stack in params.items() for n, v in enumerate(stack)}

    def stacked(self, params: Any) -> dict[str, Any]:
        """Parameters by symfold's names, stacked."""
        if self.net.recurrent:
            return {letter: np.array(params[letter]) for letter in self.net.weights}
        steps = range(self.case.depth)
        return {letter: np.stack([params[self.net.symfold_name(letter, n)] for n in steps]) for letter in self.net.weights}

    # -- parameters as peers without stacks hold them: a list of tuples, one a step; of a recurrent net one tuple

    def tuples(self, of: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
        if self.net.recurrent:
            return [tuple(of(array) for array in self.params.values())]
        return [tuple(of(array[k].copy()) for array in self.params.values()) for k in range(self.case.depth)]

    def untupled(self, tuples: Any) -> dict[str, Any]:
        if self.net.recurrent:
            return {letter: np.asarray(value) for letter, value in zip(self.net.weights, tuples[0], strict=True)}
        columns = zip(*tuples, strict=True)
        return {letter: np.stack([np.asarray(v) for v in values]) for letter, values in zip(self.net.weights, columns, strict=True)}

    def unrolled(self, maths: Maths, tuples: Any, inputs: dict[str, Any]) -> Any:
        """The net's output, step by step, as every peer without a loop of its own computes it."""
        state = tuple(inputs[name] for name in self.net.states)
        for k in range(self.case.depth):
            own = dict(zip(self.net.weights, tuples[0 if self.net.recurrent else k], strict=True))
            state = self.net.step(maths, state, own, inputs.get("x"), inputs["u"][k] if "u" in inputs else None)
        return state[0]


@dataclass(frozen=True)
class Runner:
    """A row ready to run: `run()` does `steps` training steps in place, or an evaluation, and gives the loss or the output.

    `params()` are the parameters now, stacked.
    """

    run: Callable[[], Any]
    params: Callable[[], dict[str, Any]] = dict
    steps: int = 1


def many(work: Work) -> int:
    """How many steps a row does in one call that does many."""
    return 100 if work.case.width < 100 else 5
