"""Picard iteration: a net solved by sweeps, each reading the trajectory of the sweep before.

    z_k^(s) = f_k(z_{k-1}^(s-1)) + z_{k-1}^(s),     z_k^(0) = x     (Picard 1890, Lindelof 1894)

Boosting is the first sweep of the residual net; sweep s has the paths through at most s layers, sweep n is the net.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from symfold.base.arguments import whole
from symfold.base.public import public
from symfold.core.blocks import prefixed
from symfold.core.folds import Fold, fold_nodes
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, walk
from symfold.errors import ShapeError, TooLarge
from symfold.transform.rewiring.reads import Operand, fold_reading, with_fold

MOST_SWEEPS = 100_000
# for each fold, what its layers read: each part of the state as one value for all steps, or as a sequence
Trajectories = Mapping[Node, Sequence[Operand]]


@public
def picard(net: object, sweeps: int) -> Net:
    """The net after some sweeps from the constant trajectory: boosting after one, the residual net itself after n.

    Sweep 0 is the initial state, without layers. The cost grows with the number of sweeps, not with the depth. In a net
    without a fold, `sf.roll(net)` looks for one.

    Errors: InvalidValue for a net without repeated steps, TooLarge for more than 100,000 sweeps of a deeper net.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> net = sf.fold(sf.mappers.residual, f, x)
    >>> sf.picard(net, 1) == sf.fold(sf.mappers.boosting(x), f, x)
    True
    >>> print(sf.formula(sf.picard(net, 2)))
    z_k = f_k(x) + z_{k-1}, k = 1..3, z_0 = x
    y_k = f_k(z_{k-1}) + y_{k-1}, k = 1..3, y_0 = x
    >>> [sf.paths(sf.picard(net, s)).polynomial for s in range(4)]
    [1, 3*t + 1, 3*t**2 + 3*t + 1, t**3 + 3*t**2 + 3*t + 1]
    """
    base = with_fold(net, "sweeps")
    count = whole("sweeps", sweeps)
    if count > _depth(base):
        return base
    if count > MOST_SWEEPS:
        raise TooLarge(f"{count:,} sweeps are too many (at most {MOST_SWEEPS:,} are written; each adds a fold)")
    roots, trajectories = _start(base.outputs)
    for sweep in range(1, count + 1):
        roots, trajectories = _sweep(base.outputs, trajectories, last=sweep == count)
    return base.with_outputs(roots)


def _depth(net: Net) -> float:
    """The number of sweeps after which nothing changes: that of all steps, since each sweep settles one more."""
    counts = [node.op.count for node in walk(net.outputs) if isinstance(node.op, Fold) and node.op.carries]
    return sum(counts) if all(isinstance(count, int) for count in counts) else math.inf


def _start(outputs: Sequence[Node]) -> tuple[tuple[Node, ...], Trajectories]:
    """Sweep 0: every fold returns its initial state, which its layers read in sweep 1."""
    trajectories: dict[Node, list[Operand]] = {}

    def rule(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...] | None:
        if not isinstance(node.op, Fold) or not node.op.carries:
            return None
        init = args[: node.op.carries]
        trajectories[node] = [(part, False) for part in init]
        return (*init, *_outputs_at_start(node.op, args))

    return rebuilt(outputs, rule), trajectories


def _outputs_at_start(fold: Fold, args: Sequence[Node]) -> tuple[Node, ...]:
    """The outputs of a fold's steps if its state stayed the initial one."""
    if len(fold.block.results) == fold.carries:
        return ()
    init, operands = args[: fold.carries], args[fold.carries :]
    sequences = [o for o, each in zip(operands, fold.each, strict=True) if each]

    def step(formals: Sequence[Node]) -> tuple[Node, ...]:
        entries = iter(formals)
        values = [next(entries) if each else o for o, each in zip(operands, fold.each, strict=True)]
        return fold.block(*init, *values)[fold.carries :]

    return fold_nodes(step, fold.count, (), sequences)


def _sweep(outputs: Sequence[Node], before: Trajectories, last: bool) -> tuple[tuple[Node, ...], Trajectories]:
    """One sweep: layers read the trajectories of the sweep before, and folds output the new ones."""
    trajectories: dict[Node, list[Operand]] = {}

    def rule(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...] | None:
        if not isinstance(node.op, Fold) or not node.op.carries:
            return None
        fold, carries = node.op, node.op.carries
        operands = list(zip(args[carries:], fold.each, strict=True))
        try:
            results = fold_reading(fold, fold.count, args[:carries], before[node], operands, keep=not last)
        except ShapeError as error:
            raise prefixed(
                error,
                "a state that changes its shape has no sweeps, since layers read the state of the sweep before",
            ) from None
        total = len(fold.block.results)
        trajectories[node] = [(states, True) for states in results[total:]]
        return results[:total]

    return rebuilt(outputs, rule), trajectories
