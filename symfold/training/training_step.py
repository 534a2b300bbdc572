"""Updates: a training step as a net, what it moves, and trainings: many such steps in one call, by a backend chosen by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import BACKENDS, Training, Update
from symfold.compute.compile import program_of
from symfold.compute.parameters import Parameters, layout_of, parameters_of
from symfold.core.net import Net, listed
from symfold.core.nodes import Node
from symfold.core.operations import Fixed, Input, Normal
from symfold.core.stacked_inputs import Names, Numbered, StackedInputs
from symfold.errors import InvalidValue
from symfold.frontend.losses import check_single
from symfold.training.optimizers import Optimizer, PerParameter
from symfold.transform.autodiff.differentiate import value_and_grad


def training_step(
    loss: Net, optimizer: Optimizer, trained: Sequence[str] | None = None, remat: str | None = None
) -> Net:
    """One step as a net: (the loss, every parameter leaf after the step, every slot after the step); with `trained`, of these parameters alone.

    `remat` is as for `sf.value_and_grad`.

    >>> import symfold as sf
    >>> w = sf.parameter("w")
    >>> training_step(sf.Net.of((w - sf.tensor("x")) ** 2), sf.sgd(0.5))({"w": 3.0}, x=1.0)
    (array(4.), (array(1.),))
    """
    leaves = moved(loss, trained)
    everything = leaves == [leaf for leaf in loss.leaves if leaf.op.role == "parameter"]
    both = value_and_grad(loss, None if everything else [name for leaf in leaves for name in listed(leaf)], remat)
    gradients = both.outputs[1:]
    if len(gradients) != len(leaves):
        raise InvalidValue(
            "a parameter is used both alone and in a sequence of layers; training needs it in one place (use one layer for both)"
        )
    parameters: list[Node] = []
    slots: list[Node] = []
    for leaf, gradient in zip(leaves, gradients, strict=True):
        own = [slot_of(leaf, name) for name in optimizer.slots]
        first, *others = optimizer.update(leaf, gradient, *own)
        parameters.append(first)
        slots += others
    after = (*parameters, *slots)
    return Net((both.outputs[0], *after), ("tuple", ("*", ("tuple", ("*",) * len(after)))), both.signature)


def moved(loss: Net, trained: Sequence[str] | None) -> list[Node]:
    """The parameter leaves that move: all that are not fixed, or those of these names; of a family that moves in part, its members."""
    leaves = [leaf for leaf in loss.leaves if leaf.op.role == "parameter" and not isinstance(leaf.op.start, Fixed)]
    if trained is None:
        return leaves
    touched = [leaf for leaf in leaves if not set(trained).isdisjoint(listed(leaf))]
    if set(trained).issuperset(name for leaf in touched for name in listed(leaf)):
        return touched
    members = (
        leaf.op.member(k) if isinstance(leaf.op, StackedInputs) else leaf
        for leaf in touched
        for k in range(len(listed(leaf)))
    )
    return [node for node in members if node.op.name in trained]


def slot_of(leaf: Node, slot: str | PerParameter) -> Node:
    """What an optimizer remembers of a parameter, as a parameter of the step that starts at zero."""
    op = leaf.op
    name = slot if isinstance(slot, str) else slot.name
    shape = op.shape if isinstance(slot, str) else (1,) * len(op.shape)
    if isinstance(op, StackedInputs):
        names: Names = (
            replace(op.names, prefix=f"{name}_{op.names.prefix}")
            if isinstance(op.names, Numbered)
            else tuple(f"{name}_{n}" for n in op.names)
        )
        return Node(StackedInputs(names, shape, "parameter", Normal(0.0, 0.0)))
    return Node(Input(f"{name}_{op.name}", shape, "parameter", Normal(0.0, 0.0)))


def update_of(
    loss: Net,
    params: Mapping[str, Any],
    optimizer: Optimizer,
    trained: Sequence[str] | None = None,
    remat: str | None = None,
) -> Update:
    """The training step of a loss from these parameters; with `trained`, of the parameters of these names alone."""
    leaves = [leaf for leaf in loss.leaves if leaf.op.role == "parameter"]
    movers = moved(loss, trained)
    slots = [slot_of(leaf, name) for leaf in movers for name in optimizer.slots]
    start = Parameters(layout_of(Net((*leaves, *slots))))
    given = parameters_of(params, layout_of(loss)).flat
    start.flat[: len(given)] = given
    return Update(training_step(loss, optimizer, trained, remat), (*movers, *slots), start)


def training_of(update: Update, backend: str = "numpy", dtype: str = "float64") -> Training:
    """A training by a backend."""
    many_steps = BACKENDS[backend].training
    return many_steps(update, dtype) if many_steps else Stepper(update, backend, dtype)


class Stepper:
    """A training by programs, a call a step: ask for the loss of a batch, then commit the update or not."""

    def __init__(self, update: Update, backend: str = "numpy", dtype: str = "float64"):
        self.net = update.net
        self.state, self.good = update.start.copy(), update.start.copy()
        self.targets = [self.state.array_of(leaf) for leaf in update.moved]
        self.inputs = [node.op.name for node in self.net.inputs]
        self.backend, self.dtype = backend, dtype
        self.programs: dict[Any, Any] = {}

    def run(self, stack: Stack) -> list[float]:
        """A step for each batch, up to the first loss that is not finite."""
        whole = {name: stack[name] for name in stack}
        losses: list[float] = []
        for k in range(stack.count):
            losses.append(self.loss_of({name: values[k] for name, values in whole.items()}))
            if not math.isfinite(losses[-1]):
                break
            self.commit()
        return losses

    def loss_of(self, batch: Mapping[str, Any]) -> float:
        """The loss on a batch, before the update; the update is computed and waits for `commit`."""
        key = tuple(batch[name].shape for name in self.inputs)
        program = self.programs.get(key)
        if program is None:
            program = program_of(
                self.net, dict(zip(self.inputs, key, strict=True)), self.state, self.backend, self.dtype
            )
            self.programs[key] = program
        program.feed(batch)
        program.run()
        self.program = program
        check_single(np.shape(program.outputs[0]))
        return float(program.outputs[0])

    def commit(self) -> None:
        np.copyto(self.good.flat, self.state.flat)
        for target, value in zip(self.targets, self.program.outputs[1:], strict=True):
            np.copyto(target, value)
