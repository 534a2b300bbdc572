"""Order: equations that stand out of order around a repeat, as they should be for it to be longer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from symfold.core.nodes import Node
from symfold.transform.repeats.equations import Equations
from symfold.transform.repeats.runs import are_entries
from symfold.transform.repeats.steps import Repeat, reads_in_turn


def read_alike(equations: Equations) -> list[Node]:
    """Values that several equations of one kind read at the same place, perhaps one of each step; in order."""
    readers = Counter((arg, node.op, at) for node in equations.order for at, arg in enumerate(node.args))
    several = {arg for (arg, *_), count in readers.items() if count > 1 and arg in equations.position}
    return sorted(several, key=equations.position.__getitem__)


def out_of_order(equations: Equations, repeats: Sequence[Repeat]) -> list[Node]:
    """What is out of order around some repeats, as it should be.

    First come values that all steps read; then the equations of earlier steps; and those of the steps themselves, if
    they read computed values in turn, so that what is computed for a step becomes a part of it.
    """
    outside = dict.fromkeys(node for repeat in repeats for node in repeat.run.outside if node in equations.position)
    result = sorted(outside, key=equations.position.__getitem__)
    for repeat in repeats:
        before = _steps_before(repeat)
        result += [node for step in before for node in step]
        if reads_in_turn(repeat) or (before and len(before[-1]) == repeat.run.period):
            result += equations.order[repeat.start : repeat.end]
    return result


def _steps_before(repeat: Repeat) -> list[list[Node]]:
    """Equations that compute the initial state of a repeat like its steps compute the next, step by step.

    Before them stands the state that they begin with.
    """
    step = [repeat.equations.order[k] for k in repeat.last_step]
    after, init = repeat.after, repeat.init
    steps: list[list[Node]] = []
    while len(init) == len(after):
        matches = _matches(repeat, dict(zip(after, init, strict=True)))
        init = [matches[node] for node in repeat.state if node in matches]
        if before := [matches[node] for node in step if node in matches]:
            steps.append(before)
        if len(before) < len(step):
            break
    if steps:
        steps.append([node for node in init if node in repeat.equations.position])
    return steps[::-1]


def _matches(repeat: Repeat, known: dict[Node, Node]) -> dict[Node, Node]:
    """What stands for the values of the last step and for its state in another step, if some values of it are known."""
    equations = repeat.equations
    inside, state = {equations.order[k] for k in repeat.last_step}, set(repeat.state)
    matches: dict[Node, Node] = {}
    waiting = list(known.items())
    while waiting:
        node, other = waiting.pop()
        if node in state:
            matches.setdefault(node, other)
        elif node in inside and node not in matches and other in equations.position:
            if node.op == other.op:
                matches[node] = other
                waiting += zip(node.args, other.args, strict=False)
            elif are_entries(equations, node, other, repeat.run.start):
                matches[node] = other
    return matches
