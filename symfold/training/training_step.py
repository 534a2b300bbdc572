"""Updates: a training step as a net, what it moves, and trainings: many such steps in one call, by a backend chosen by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from symfold.compute.compile import program_of
from symfold.compute.parameters import Parameters, layout_of, parameters_of
from symfold.core.net import Net, listed
from symfold.core.nodes import Node
from symfold.core.operations import Fixed, Input, Normal
from symfold.core.stacked_inputs import Family, Names, Numbered
from symfold.errors import InvalidValue
from symfold.frontend.losses import check_single
from symfold.training.batches import Stack
from symfold.training.optimizers import Optimizer
from symfold.transform.autodiff.differentiate import value_and_grad


def training_step(loss: Net, optimizer: Optimizer, trained: Sequence[str] | None = None, remat: str | None = None) -> Net:
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
        raise InvalidValue("a parameter is used both alone and in a sequence of layers; training needs it in one place (use one layer for both)")
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
    members = (leaf.op.member(k) if isinstance(leaf.op, Family) else leaf for leaf in touched for k in range(len(listed(leaf))))
    return [node for node in members if node.op.name in trained]


def slot_of(leaf: Node, name: str) -> Node:
    """What an optimizer remembers of a parameter, as a parameter of the step that starts at zero."""
    op = leaf.op
    if isinstance(op, Family):
        names: Names = (
            replace(op.names, prefix=f"{name}_{op.names.prefix}")
            if isinstance(op.names, Numbered)
            else tuple(f"{name}_{n}" for n in op.names)
        )
        return Node(Family(names, op.shape, "parameter", Normal(0.0, 0.0)))
    return Node(Input(f"{name}_{op.name}", op.shape, "parameter", Normal(0.0, 0.0)))


@dataclass(frozen=True)
class Update:
    """The training step of a loss, and what it moves: all that a backend needs to make a training of it.

    `net` gives the loss on a batch and then, in their order, every one of `moved` as it is after the step: leaves of the layout
    of `start`, or runs of a family's members (`Layout.place` says where each lies). `start` holds the parameters to begin with,
    slots of the optimizer (momentum's velocities) among them; how an optimizer steps stands in the net, and nowhere else.
    """

    net: Net
    moved: tuple[Node, ...]
    start: Parameters


def update_of(
    loss: Net, params: Mapping[str, Any], optimizer: Optimizer, trained: Sequence[str] | None = None, remat: str | None = None
) -> Update:
    """The training step of a loss from these parameters; with `trained`, of the parameters of these names alone."""
    leaves = [leaf for leaf in loss.leaves if leaf.op.role == "parameter"]
    movers = moved(loss, trained)
    slots = [slot_of(leaf, name) for leaf in movers for name in optimizer.slots]
    start = Parameters(layout_of(Net((*leaves, *slots))))
    given = parameters_of(params, layout_of(loss)).flat
    start.flat[: len(given)] = given
    return Update(training_step(loss, optimizer, trained, remat), (*movers, *slots), start)


class Training(Protocol):
    """A training under way: the seam between `fit`, which says what is trained on, and a backend, which takes the steps.

    A backend that takes many steps in one call has a row in `TRAININGS`: from an `Update` and a dtype, to an object with this
    interface. One without a row trains by its programs, step by step (`Stepper`). `fit` calls `run` for one stack of batches
    after the other, and reads `state` between calls only where someone asks (a metric, the end), so a backend may keep the
    parameters where it computes.
    """

    def run(self, stack: Stack) -> Sequence[float]:
        """Take a step for each batch of the stack, in order; the losses, each before its update.

        Where a loss is not finite, its update is not made, nothing after it is done, and it is the last of the losses: fewer
        losses than batches, or a last one that is not finite, say at which step. That check must not cost a call a step.
        Stacks have shapes of their own from call to call (what is left over of an epoch is smaller), their arrays any real type;
        one holds an epoch at most, or a few small ones.
        """

    @property
    def state(self) -> Parameters:
        """The parameters and slots after the steps that were made."""

    @property
    def good(self) -> Parameters:
        """Those before the last step that was made: where the last finite loss was found."""


def _native_training(update: Update, dtype: str) -> Training:
    from symfold.compute.backends.native.training import Training as Steps

    return Steps(update, dtype)


def _jax_training(update: Update, dtype: str) -> Training:
    from symfold.compute.backends.jax.training import Training as Steps

    return Steps(update, dtype)


TRAININGS: dict[str, Callable[[Update, str], Training]] = {"native": _native_training, "jax": _jax_training}


def training_of(update: Update, backend: str = "numpy", dtype: str = "float64") -> Training:
    """A training by a backend."""
    made = TRAININGS.get(backend)
    return made(update, dtype) if made else Stepper(update, backend, dtype)


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
            program = program_of(self.net, dict(zip(self.inputs, key, strict=True)), self.state, self.backend, self.dtype)
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
