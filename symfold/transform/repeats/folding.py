"""Folding: repeats written as folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symfold.core.blocks import Block
from symfold.core.folds import Fold, apply_fold
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, with_args
from symfold.core.sequences import element, stack
from symfold.transform.repeats.equations import Equations
from symfold.transform.repeats.steps import Repeat


def folded(roots: Sequence[Node], equations: Equations, repeats: Sequence[Repeat]) -> tuple[Node, ...]:
    """The roots with repeats as folds; the repeats are in order and do not overlap."""
    new: dict[Node, Any] = {}
    done = 0
    for repeat in repeats:
        _renew(equations.order[done : repeat.start], new)
        new |= _values(repeat, new)
        done = repeat.end
    _renew(equations.order[done:], new)
    return tuple(new.get(root, root) for root in roots)


def _renew(nodes: Sequence[Node], new: dict[Node, Any]) -> None:
    """Add what stands for some nodes, over what stands for their arguments."""
    for node in nodes:
        new[node] = _over(node, tuple([new.get(arg, arg) for arg in node.args]))


def _values(repeat: Repeat, new: Mapping[Node, Any]) -> dict[Node, Any]:
    """What stands for the last state of a repeat and for what is read of its steps, by the fold of the repeat.

    `new` holds what stands for the values before it.
    """
    order, run, operands = repeat.equations.order, repeat.run, repeat.operands
    parts = [part for k in repeat.last_step if run.takes_an_entry(k) for part in repeat.in_all_steps(k)]
    result: dict[Node, Any] = {}

    def renewed(node: Node) -> Any:
        return result[node] if node in result else new.get(node, node)

    for part in parts:
        result[part] = _over(part, tuple([new.get(arg, arg) for arg in part.args]))
    emitted = sorted({(k - repeat.start) % run.period for k in repeat.read_later})
    results = apply_fold(
        _block(repeat, emitted),
        repeat.steps,
        [renewed(node) for node in repeat.init],
        [renewed(v[0]) if len(set(v)) == 1 else stack([renewed(node) for node in v]) for v in operands],
        [len(set(values)) > 1 for values in operands],
    )
    for place, sequence in zip(emitted, results[len(repeat.state) :], strict=True):
        for step in range(repeat.steps):
            result[order[repeat.start + step * run.period + place]] = element(sequence, step)
    return result | dict(zip(repeat.after, results, strict=False))


def _block(repeat: Repeat, emitted: Sequence[int]) -> Block:
    """The last step over its state and operands; it gives the next state, and the values at places to emit."""
    order, state, operands = repeat.equations.order, repeat.state, repeat.operands
    shapes = (*(node.shape for node in state), *(values[0].shape for values in operands))
    formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
    inner: dict[Node, Any] = dict(zip(state, formals, strict=False))
    formal_of = dict(zip(operands, formals[len(state) :], strict=True))
    for k in repeat.last_step:
        node, nodes = order[k], repeat.in_all_steps(k)
        if repeat.run.takes_an_entry(k):
            inner[node] = formal_of[nodes]
            continue
        values = [tuple([other.args[at] for other in nodes]) for at in range(len(node.args))]
        args = [inner[arg] if arg in inner else formal_of.get(values[at], arg) for at, arg in enumerate(node.args)]
        inner[node] = _over(node, tuple(args))
    results = [*repeat.after, *(order[repeat.last_step.start + place] for place in emitted)]
    return Block(shapes, tuple([inner[node] for node in results]))


def _over(node: Node, args: tuple[Any, ...]) -> Any:
    """The node over other arguments; a fold has several results."""
    return node.op.over(args) if isinstance(node.op, Fold) else with_args(node, args)
