"""Training steps as nets, the parameters that they move, and trainings: many steps in one call of a backend."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import BACKENDS, Training, Update, stored
from symfold.compute.compile import program_of
from symfold.compute.lowering import rolled
from symfold.compute.parameters import Layout, Parameters, layout_of, parameters_of
from symfold.core.leaves import Fixed
from symfold.core.names import Claims, leaves_of, names_of, show_names
from symfold.core.net import Net, listed, members
from symfold.core.nodes import Node
from symfold.core.sequences import element, take
from symfold.core.stacked_inputs import Leaf, StackedInputs, compress
from symfold.errors import InvalidValue
from symfold.frontend.losses import check_single
from symfold.training.optimizers import Moving, Optimizer, Path
from symfold.training.step.accumulation import Accumulation
from symfold.training.step_counter import STEP
from symfold.transform.autodiff.differentiate import value_and_grad


def training_step(
    loss: Net, optimizer: Optimizer, trained: Sequence[str] | None = None, remat: str | int | None = None
) -> Net:
    """One training step as a net: (loss, next parameters and slots); with `trained`, of these parameters only.

    If the loss or the optimizer reads the step counter, its next value is the last one. `remat` is that of
    `sf.value_and_grad`.

    >>> import symfold as sf
    >>> w = sf.parameter("w")
    >>> training_step(sf.Net.of((w - sf.tensor("x")) ** 2), sf.sgd(0.5))({"w": 3.0}, x=1.0)
    (array(4.), (array(1.),))
    """
    return step_of(loss, optimizer, trained, remat).net


class Step(NamedTuple):
    """A training step: after the loss, the outputs of the net are the next values of parameters, then of slots."""

    net: Net
    parameters: tuple[Leaf, ...]
    slots: tuple[Leaf, ...]  # and the step counter, if anything reads it


def step_of(
    loss: Net,
    optimizer: Optimizer,
    trained: Sequence[str] | None = None,
    remat: str | int | None = None,
    accumulation: Accumulation | None = None,
) -> Step:
    """The training step with the leaves that it moves."""
    leaves = moved(loss, trained)
    all_move = leaves == [leaf for leaf in loss.leaves if leaf.op.role == "parameter"]
    wrt = None if all_move and not accumulation else [name for leaf in leaves for name in listed(leaf)]
    terms = accumulation.terms(loss) if accumulation else None
    objective = Net((accumulation.objective(terms),)) if accumulation and terms else loss
    loss_and_gradients = value_and_grad(objective, wrt, remat)
    value, *gradients = loss_and_gradients.outputs
    moving: list[Moving] = []
    paths: set[Path] = set()
    for leaf, gradient in zip(leaves, gradients, strict=True):
        for places, path in runs_of(leaf, optimizer, trained):
            paths.add(path)
            if not optimizer.at(path).is_frozen:
                moving.append(part_moving(leaf, gradient, places, path))
    if trained is None and (unused := optimizer.unused(paths)):
        raise InvalidValue(
            f"the group {unused[0]} has no parameter (the loss has {show_names(map(names_of, leaves))}; leave it out, "
            "or correct the pattern)"
        )
    gathered: dict[Leaf, Node] = {}
    if accumulation and terms:
        value = accumulation.value(terms, value)
        moving, gathered = accumulation.gathered(terms, moving)
    parameters, slots = optimizer.updates(moving)
    after = [*parameters, *slots.values()]
    slot_leaves = [*slots]
    if STEP in leaves_of((value, *after)):
        after.append(STEP + 1)
        slot_leaves.append(STEP)
    if accumulation:
        before = [*(entry.value for entry in moving), *slot_leaves]
        after = [accumulation.held(new, old) for new, old in zip(after, before, strict=True)]
    after += gathered.values()
    slot_leaves += gathered
    check_names(loss, slot_leaves, optimizer)
    form = ("tuple", ("*", ("tuple", ("*",) * len(after))))
    signature = accumulation.signature(loss) if accumulation else loss_and_gradients.signature
    net = Net((value, *after), form, signature)
    return Step(net, tuple(entry.leaf for entry in moving), tuple(slot_leaves))


def moved(loss: Net, trained: Sequence[str] | None) -> list[Leaf]:
    """The leaves with names that move: all but fixed ones, or those of these names; members if a name is in several."""
    leaves = [leaf for leaf in loss.leaves if leaf.op.role == "parameter" and not isinstance(leaf.op.start, Fixed)]
    names = None if trained is None else set(trained)
    return [leaf for leaf in once(leaves) if names is None or not names.isdisjoint(listed(leaf))]


def once(leaves: list[Leaf]) -> list[Leaf]:
    """The leaves, or if a name is in several of them (a layer in a fold and alone), their members, once each."""
    return leaves if Layout(tuple(leaves)).once else list(dict.fromkeys(members(leaves)))


def runs_of(leaf: Leaf, optimizer: Optimizer, trained: Sequence[str] | None) -> Iterator[tuple[range | None, Path]]:
    """The runs of a family's members that have one rule, as positions; None is the whole leaf."""
    names = names_of(leaf)
    if trained is None and not optimizer.tells_names_apart:
        yield None, optimizer.path_of(names[0])
        return
    wanted = None if trained is None else set(trained)
    paths = [optimizer.path_of(name) if wanted is None or name in wanted else None for name in names]
    if len(set(paths)) == 1 and paths[0] is not None:
        yield None, paths[0]
        return
    for path, run in groupby(range(len(paths)), paths.__getitem__):
        if path is not None:
            places = list(run)
            yield range(places[0], places[-1] + 1), path


def part_moving(leaf: Leaf, gradient: Node, places: range | None, path: Path) -> Moving:
    """A leaf, a slice or a member of a family, as an entry: slices keep long nets folded."""
    if places is None or not isinstance(leaf.op, StackedInputs):
        return Moving(leaf, leaf, gradient, path)
    if len(places) == 1:
        return Moving(leaf.op.member(places[0]), element(leaf, places[0]), element(gradient, places[0]), path)
    part = replace(leaf.op, names=compress([leaf.op.names[k] for k in places]))
    return Moving(Node(part), take(leaf, places), take(gradient, places), path)


def check_names(loss: Net, added: Sequence[Leaf], optimizer: Optimizer) -> None:
    """Raise if the loss has the name of a slot or of the step counter."""
    claims: Claims[str] = Claims()
    for leaf in loss.leaves:
        if leaf != STEP:
            claims.add(names_of(leaf), "the loss")
    for leaf in added:
        if (clash := claims.add(names_of(leaf), "the training")) is not None:
            role = "the step counter" if leaf == STEP else "a slot"
            raise InvalidValue(
                f"the loss has a value named {clash[0]!r}, the name of {role} in a training by {optimizer!r} "
                "(give the value another name)"
            )


def update_of(
    loss: Net,
    params: Mapping[str, object],
    optimizer: Optimizer,
    trained: Sequence[str] | None = None,
    remat: str | int | None = None,
    accumulation: Accumulation | None = None,
) -> Update:
    """The training step of a loss, starting at these parameters; with `trained`, of parameters of these names only.

    Slots and the step counter start at zero, whatever `params` says of the counter.
    """
    step = step_of(loss, optimizer, trained, remat, accumulation)
    leaves = once([leaf for leaf in loss.leaves if leaf.op.role == "parameter"])
    start = Parameters(layout_of(Net((*leaves, *(leaf for leaf in step.slots if leaf not in leaves)))))
    given = {"step": 0.0, **params} if STEP in leaves and STEP.op.name not in params else params
    initial = parameters_of(given, layout_of(Net(tuple(leaves)))).flat
    start.flat[: len(initial)] = initial
    if STEP in step.slots:
        start[STEP.op.name] = 0.0
    return Update(step.net, (*step.parameters, *step.slots), start)


def training_of(update: Update, backend: str = "numpy", dtype: str = "float64") -> Training:
    """The training of an update by a backend."""
    many_steps = BACKENDS[backend].training
    if many_steps and reads_state(update):
        return many_steps(update, dtype)
    return Stepper(update, backend, dtype)


def reads_state(update: Update) -> bool:
    """Whether every parameter that the step reads, a slice of a family too, is in one piece of the state."""
    layout = update.start.layout
    try:
        for leaf in layout_of(update.net).leaves:
            layout.place(leaf)
    except InvalidValue:  # not adjacent
        return False
    return True


class Stepper:
    """A training by a program per step: compute the loss of a batch, then commit the update or not.

    A step that reads a parameter in places that lie apart reads copies of the state.
    """

    def __init__(self, update: Update, backend: str = "numpy", dtype: str = "float64"):
        several = not reads_state(update)
        self.net = rolled(update.net) if several else update.net
        self.copies = Parameters(layout_of(self.net)).astype(stored(dtype)) if several else None
        self.state, self.good = update.start.astype(stored(dtype)), update.start.astype(stored(dtype))
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
