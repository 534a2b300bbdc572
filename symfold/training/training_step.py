"""Training steps as nets, the parameters that they move, and trainings: many steps in one call of a backend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import BACKENDS, Training, Update
from symfold.compute.compile import program_of
from symfold.compute.lowering import rolled
from symfold.compute.parameters import Layout, Parameters, layout_of, parameters_of
from symfold.core.leaves import Fixed, Input, Normal
from symfold.core.net import Net, listed, members
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import Leaf, Names, Numbered, StackedInputs
from symfold.frontend.losses import check_single
from symfold.training.optimizers import Optimizer, PerParameter
from symfold.transform.autodiff.differentiate import value_and_grad


def training_step(
    loss: Net, optimizer: Optimizer, trained: Sequence[str] | None = None, remat: str | None = None
) -> Net:
    """One training step as a net: (loss, next parameters and slots); with `trained`, of these parameters only.

    `remat` is that of `sf.value_and_grad`.

    >>> import symfold as sf
    >>> w = sf.parameter("w")
    >>> training_step(sf.Net.of((w - sf.tensor("x")) ** 2), sf.sgd(0.5))({"w": 3.0}, x=1.0)
    (array(4.), (array(1.),))
    """
    leaves = moved(loss, trained)
    all_move = leaves == [leaf for leaf in loss.leaves if leaf.op.role == "parameter"]
    wrt = None if all_move else [name for leaf in leaves for name in listed(leaf)]
    loss_and_gradients = value_and_grad(loss, wrt, remat)
    value, *gradients = loss_and_gradients.outputs
    parameters: list[Node] = []
    slots: list[Node] = []
    for leaf, gradient in zip(leaves, gradients, strict=True):
        parameter, *new_slots = optimizer.update(leaf, gradient, *(slot_of(leaf, name) for name in optimizer.slots))
        parameters.append(parameter)
        slots += new_slots
    after = (*parameters, *slots)
    return Net((value, *after), ("tuple", ("*", ("tuple", ("*",) * len(after)))), loss_and_gradients.signature)


def moved(loss: Net, trained: Sequence[str] | None) -> list[Leaf]:
    """The leaves that move: all but fixed ones, or those of these names; single members if a family splits or a name is
    in several leaves."""
    leaves = [leaf for leaf in loss.leaves if leaf.op.role == "parameter" and not isinstance(leaf.op.start, Fixed)]
    if trained is None:
        return once(leaves)
    touched = [leaf for leaf in leaves if not set(trained).isdisjoint(listed(leaf))]
    if set(trained).issuperset(name for leaf in touched for name in listed(leaf)):
        return once(touched)
    return [leaf for leaf in dict.fromkeys(members(touched)) if not set(trained).isdisjoint(listed(leaf))]


def once(leaves: list[Leaf]) -> list[Leaf]:
    """The leaves, or if a name is in several of them (a layer in a fold and alone), their members, once each."""
    return leaves if Layout(tuple(leaves)).once else list(dict.fromkeys(members(leaves)))


def slot_of(leaf: Leaf, slot: str | PerParameter) -> Leaf:
    """The slot of a parameter, as a parameter of the step that starts at zero."""
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
    params: Mapping[str, object],
    optimizer: Optimizer,
    trained: Sequence[str] | None = None,
    remat: str | None = None,
) -> Update:
    """The training step of a loss, starting at these parameters; with `trained`, of parameters of these names only."""
    leaves = once([leaf for leaf in loss.leaves if leaf.op.role == "parameter"])
    moved_leaves = moved(loss, trained)
    slots = [slot_of(leaf, name) for leaf in moved_leaves for name in optimizer.slots]
    start = Parameters(layout_of(Net((*leaves, *slots))))
    initial = parameters_of(params, layout_of(Net(tuple(leaves)))).flat
    start.flat[: len(initial)] = initial
    return Update(training_step(loss, optimizer, trained, remat), (*moved_leaves, *slots), start)


def training_of(update: Update, backend: str = "numpy", dtype: str = "float64") -> Training:
    """The training of an update by a backend."""
    many_steps = BACKENDS[backend].training
    if many_steps and layout_of(update.net).once:
        return many_steps(update, dtype)
    return Stepper(update, backend, dtype)


class Stepper:
    """A training by a program per step: compute the loss of a batch, then commit the update or not.

    A step that reads a parameter in several places reads copies of the state.
    """

    def __init__(self, update: Update, backend: str = "numpy", dtype: str = "float64"):
        several = not layout_of(update.net).once
        self.net = rolled(update.net) if several else update.net
        self.copies = Parameters(layout_of(self.net)) if several else None
        self.state, self.good = update.start.copy(), update.start.copy()
        self.targets = [self.state.array_of(leaf) for leaf in update.moved]
        self.inputs = [node.op.name for node in self.net.inputs]
        self.backend, self.dtype = backend, dtype
        self.programs: dict[Any, Any] = {}

    def run(self, stack: Stack) -> list[float]:
        """A step for each batch, up to the first loss that is not finite."""
        arrays = {name: stack[name] for name in stack}
        losses: list[float] = []
        for k in range(stack.count):
            losses.append(self.loss_of({name: array[k] for name, array in arrays.items()}))
            if not math.isfinite(losses[-1]):
                break
            self.commit()
        return losses

    def loss_of(self, batch: Mapping[str, NumpyArray]) -> float:
        """The loss on a batch before the update, which is computed and waits for `commit`."""
        key = tuple(batch[name].shape for name in self.inputs)
        program = self.programs.get(key)
        if program is None:
            program = program_of(
                self.net,
                dict(zip(self.inputs, key, strict=True)),
                self.state if self.copies is None else self.copies,
                self.backend,
                self.dtype,
            )
            self.programs[key] = program
        if self.copies is not None:
            self.copies.load(self.state)
        program.feed(batch)
        program.run()
        self.program = program
        check_single(np.shape(program.outputs[0]))
        return float(program.outputs[0])

    def commit(self) -> None:
        np.copyto(self.good.flat, self.state.flat)
        for target, value in zip(self.targets, self.program.outputs[1:], strict=True):
            np.copyto(target, value)
