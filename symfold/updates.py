"""Updates: a training step as a net, and compiled, with the parameters that it moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symfold.arguments import arrays_of
from symfold.compile import program_of
from symfold.differentiate import value_and_grad
from symfold.errors import InvalidValue
from symfold.families import Family, Names, Numbered
from symfold.net import Net, listed
from symfold.nodes import Node
from symfold.operations import Input, Normal
from symfold.optimisers import Optimiser
from symfold.parameters import Parameters, layout_of


def training_step(loss: Net, optimiser: Optimiser, trained: Sequence[str] | None = None) -> Net:
    """One step as a net: (the loss, every parameter leaf after the step, every slot after the step); with `trained`, of these parameters alone.

    >>> import symfold as sf
    >>> w = sf.parameter("w")
    >>> training_step(sf.Net.of((w - sf.tensor("x")) ** 2), sf.sgd(0.5))({"w": 3.0}, x=1.0)
    (array(4.), (array(1.),))
    """
    both = value_and_grad(loss, trained)
    leaves = moved(loss, trained)
    gradients = both.outputs[1:]
    if len(gradients) != len(leaves):
        raise InvalidValue("a parameter is used both alone and in a sequence of layers; training needs it in one place (use one layer for both)")
    parameters: list[Node] = []
    slots: list[Node] = []
    for leaf, gradient in zip(leaves, gradients, strict=True):
        own = [slot_of(leaf, name) for name in optimiser.slots]
        first, *others = optimiser.update(leaf, gradient, *own)
        parameters.append(first)
        slots += others
    after = (*parameters, *slots)
    return Net((both.outputs[0], *after), ("tuple", ("*", ("tuple", ("*",) * len(after)))), both.signature)


def moved(loss: Net, trained: Sequence[str] | None) -> list[Node]:
    """The parameter leaves that move: all of them, or those of these names; of a family that moves in part, its members."""
    leaves = [leaf for leaf in loss.leaves if leaf.op.role == "parameter"]
    if trained is None:
        return leaves
    touched = [leaf for leaf in leaves if not set(trained).isdisjoint(listed(leaf))]
    if set(trained).issuperset(name for leaf in touched for name in listed(leaf)):
        return touched
    members = (leaf.op.member(k) if isinstance(leaf.op, Family) else leaf for leaf in touched for k in range(len(listed(leaf))))
    return [node for node in members if node.op.name in trained]


def slot_of(leaf: Node, name: str) -> Node:
    """What an optimiser remembers of a parameter, as a parameter of the step that starts at zero."""
    op = leaf.op
    if isinstance(op, Family):
        names: Names = (
            Numbered(f"{name}_{op.names.prefix}", op.names.start, op.names.count)
            if isinstance(op.names, Numbered)
            else tuple(f"{name}_{n}" for n in op.names)
        )
        return Node(Family(names, op.shape, "parameter", Normal(0.0, 0.0)))
    return Node(Input(f"{name}_{op.name}", op.shape, "parameter", Normal(0.0, 0.0)))


class Stepper:
    """The compiled training step with its parameters: call it on a batch, then commit or not."""

    def __init__(self, loss: Net, params: Mapping[str, Any], optimiser: Optimiser, trained: Sequence[str] | None = None):
        self.net = training_step(loss, optimiser, trained)
        leaves = [leaf for leaf in loss.leaves if leaf.op.role == "parameter"]
        movers = moved(loss, trained)
        slots = [slot_of(leaf, name) for leaf in movers for name in optimiser.slots]
        self.state = Parameters(layout_of(Net((*leaves, *slots))))
        for name, array in arrays_of(params, layout_of(loss).names, what="parameter").items():
            self.state[name] = array
        self.targets = [self.state.array_of(leaf) for leaf in (*movers, *slots)]
        self.inputs = [node.op.name for node in self.net.inputs]
        self.programs: dict[Any, Any] = {}
        self.good = self.state.flat.copy()

    def loss_of(self, batch: Mapping[str, Any]) -> float:
        """The loss on a batch, before the update; the update is computed and waits for `commit`."""
        key = tuple(batch[name].shape for name in self.inputs)
        program = self.programs.get(key)
        if program is None:
            program = program_of(self.net, dict(zip(self.inputs, key, strict=True)), self.state)
            self.programs[key] = program
        program.feed(batch)
        program.run()
        self.program = program
        if np.shape(program.outputs[0]) != ():
            raise InvalidValue(f"a loss is a single number, got shape {np.shape(program.outputs[0])} (sum it, or take its mean)")
        return float(program.outputs[0])

    def commit(self) -> None:
        np.copyto(self.good, self.state.flat)
        for target, value in zip(self.targets, self.program.outputs[1:], strict=True):
            np.copyto(target, value)
