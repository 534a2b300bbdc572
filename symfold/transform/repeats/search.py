"""Search: look for repeats in one order of the equations after another, until there is something to fold."""

from __future__ import annotations

import math
from collections.abc import Sequence

from symfold.core.nodes import Node, walk
from symfold.transform.repeats.cuts import chosen
from symfold.transform.repeats.equations import Equations
from symfold.transform.repeats.folding import folded
from symfold.transform.repeats.order import out_of_order, read_alike
from symfold.transform.repeats.runs import ENOUGH, Run, runs_of
from symfold.transform.repeats.steps import covered, reads_something, worth_a_fold

LONG = 256  # equations of a step: shorter steps that repeat are folded before longer ones
MANY = 64  # steps: a repeat of a net that is written out and long
WRITTEN_OUT = 2048  # nodes of such a net


def with_repeats_folded(roots: Sequence[Node], least: int = 2) -> tuple[Node, ...]:
    """The roots with repeated equations as folds of at least that many steps.

    What repeats inside the steps of a repeat is folded first, so a further search may find more.

    >>> from symfold.core.folds import is_fold
    >>> from symfold.core.leaves import tensor
    >>> from symfold.core.nodes import walk
    >>> from symfold.frontend.named_layers import layers
    >>> f1, f2, f3 = layers("f1:4")
    >>> [node.op.count for node in walk(with_repeats_folded((f3(f2(f1(tensor("x")))),))) if is_fold(node)]
    [3]
    """
    equations = Equations.of(roots)
    for first in ([], read_alike(equations)):
        equations = Equations.of(roots, first) if first else equations
        for steps, longest in ((ENOUGH, LONG), (least, math.inf)):
            equations, runs = _reordered(roots, equations, steps, longest)
            if repeats := chosen(runs, worth_a_fold):
                return folded(roots, equations, repeats)
    return tuple(roots)


def with_long_repeats_folded(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots of a long net with its long repeats as folds, if most of its equations are in these; else as they are.

    So that a step is differentiated and compiled once, however often it was written.

    >>> from symfold.core.folds import is_fold
    >>> from symfold.core.leaves import tensor
    >>> from symfold.core.nodes import walk
    >>> z = x = tensor("x")
    >>> for _ in range(1500):
    ...     z = 2 * z + x
    >>> [node.op.count for node in walk(with_long_repeats_folded((z,))) if is_fold(node)]
    [1500]
    """
    if len(walk(roots)) < WRITTEN_OUT:
        return tuple(roots)
    equations = Equations.of(roots)
    runs = runs_of(equations, ENOUGH, LONG, misses=len(equations.order) / 8)
    repeats = chosen(runs, lambda repeat: repeat.steps >= MANY and worth_a_fold(repeat))
    if 2 * covered(repeats) < len(equations.order):
        return tuple(roots)
    return folded(roots, equations, repeats)


def _reordered(roots: Sequence[Node], equations: Equations, steps: int, longest: float) -> tuple[Equations, list[Run]]:
    """The equations, put in order around their repeats while these cover more, and the runs in that order."""
    runs = runs_of(equations, steps, longest)
    repeats = chosen(runs, reads_something)
    while earlier := out_of_order(equations, repeats):
        others = Equations.of(roots, earlier)
        other_runs = runs_of(others, steps, longest)
        other_repeats = chosen(other_runs, reads_something)
        if covered(other_repeats) <= covered(repeats):
            break
        equations, runs, repeats = others, other_runs, other_repeats
    return equations, runs
