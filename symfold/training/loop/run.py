"""The loop of a training: steps over batches, epoch after epoch, until the last epoch or something stops it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import BACKENDS, Training
from symfold.compute.parameters import Parameters, layout_of
from symfold.core.net import Net
from symfold.errors import Diverged, InvalidValue, SymfoldError, listing
from symfold.training.data.arrays import Arrays
from symfold.training.data.batches import Shuffled, rounds
from symfold.training.loop.checkpoints import Snapshot
from symfold.training.loop.history import Epoch, Fitted, History
from symfold.training.loop.metrics import Measures, measures_of
from symfold.training.loop.pace import Pace
from symfold.training.loop.progress import Progress
from symfold.training.loop.resuming import Checkpoints, restore, snapshot_of
from symfold.training.loop.sources import Source
from symfold.training.loop.stopping import Best, Callback, Interrupts, any_stops
from symfold.training.objective.stages import Stage
from symfold.training.optimizers import Optimizer
from symfold.training.step.accumulation import Accumulation
from symfold.training.step.finiteness import Stop, check_data, check_held, check_start, explained
from symfold.training.step.training_step import training_of, update_of


@dataclass
class Job:
    """A training: what is trained, on what, and what is asked of it."""

    loss: Net  # as it is evaluated
    start: Parameters
    optimizer: Optimizer
    source: Source
    validation: Arrays | None
    plan: Sequence[Stage]
    epochs: int
    metrics: object
    callbacks: Sequence[Callback]
    best: Best | None
    progress: Progress
    checkpoints: Checkpoints | None
    snapshot: Snapshot | None  # to resume from
    accumulation: Accumulation | None
    remat: str | int | None
    backend: str
    dtype: str
    staged: bool = False
    slots: Mapping[str, object] = field(default_factory=dict)  # of an earlier training


def run(job: Job) -> Fitted:
    """Train; the parameters, the history and the slots."""
    loop = Loop(job)
    with np.errstate(all="ignore"), job.progress, Interrupts() as interrupts:
        try:
            for number in range(loop.place, len(job.plan)):
                loop.stage(number, interrupts)
        except KeyboardInterrupt:
            if interrupts.torn:
                raise
            loop.history.stopped = "interrupted"
            loop.mark_whole_epochs()
        except SymfoldError as error:
            if loop.history.loss and not hasattr(error, "params"):  # a batch that cannot be read: nothing is lost
                error.params, error.history = loop.current(), loop.history  # type: ignore[attr-defined]
            raise
    return Fitted(loop.result(), loop.history, loop.slots())


@dataclass
class Loop:
    """A training in progress."""

    job: Job
    history: History = field(default_factory=History)
    epoch: int = 0  # epochs done

    def __post_init__(self) -> None:
        job, snapshot = self.job, self.job.snapshot
        source = job.source
        self.params = job.start  # after the last stage
        self.data = measured_data(source) if job.metrics else None
        if snapshot:
            self.epoch = snapshot.epoch
            self.params.flat[:] = snapshot.arrays["start"]
        ends = list(accumulate(stage.epochs for stage in job.plan))
        self.place = next((k for k, end in enumerate(ends) if end >= self.epoch), len(ends) - 1)  # the stage
        # before the first step, to check arguments early
        self.training = self.training_for(job.plan[self.place], snapshot.arrays["state"] if snapshot else None)
        self.measures = self.measures_for(job.plan[self.place])
        if job.validation is not None:
            with np.errstate(all="ignore"):
                check_held(job.validation, job.dtype, lambda: float(self.measures.validation["loss"](self.current())))
        self.history.metrics = {name: [] for name in self.measures.training}
        self.history.validation = {name: [] for name in self.measures.validation}
        if snapshot:
            restore(snapshot, source, self.history, job.best)
        self.epochs = source.epochs()
        self.begin = self.per_epoch = 0  # the first step of these epochs; the steps of each, if several are one stack
        row = BACKENDS[job.backend]
        # without anything to do after an epoch, a call may take all of them; with progress, a hundredth
        shown = max(1, job.epochs // 100) if job.progress.shown else job.epochs
        kept = job.checkpoints.every if job.checkpoints else job.epochs
        self.together = 1 if self.watched or row.training is None else min(shown, kept)
        bounded = row.processes() == 1  # by the clock, on which processes would not agree
        self.pace = Pace(job.plan[-1].net, job.start.flat.size, row.training is not None, bounded)

    @property
    def watched(self) -> bool:
        """Whether something happens after every epoch."""
        return bool(self.measures or self.job.callbacks or self.job.best)

    def training_for(self, stage: Stage, state: NumpyArray | None = None) -> Training:
        """The training of a stage, at its begin or in the state of a snapshot."""
        job, layout = self.job, layout_of(stage.net)
        share: Mapping[str, object] = self.params
        if self.params.layout != layout:  # the parameters of a stage; the step counter starts at zero
            share = {name: self.params[name] for name in layout.names if name in self.params}
        update = update_of(stage.net, share, job.optimizer, stage.trained, job.remat, job.accumulation)
        if job.slots:
            update.start.load({**update.start, **slots_for(update.start, self.params, job.slots)})
        if state is not None:
            update.start.flat[:] = state
        return training_of(update, job.backend, job.dtype)

    def measures_for(self, stage: Stage) -> Measures:
        job = self.job
        return measures_of(job.metrics, job.loss, self.params, self.data, job.validation, stage, job.backend, job.dtype)

    def stage(self, number: int, interrupts: Interrupts) -> None:
        """The epochs of a stage, or the rest of them."""
        job, stage = self.job, self.job.plan[number]
        end = sum(each.epochs for each in job.plan[: number + 1])
        if number != self.place:
            self.place = number
            self.training, self.measures = self.training_for(stage), self.measures_for(stage)
        self.before: Stack | None = None
        left = 0 if self.history.stopped else end - self.epoch  # stopped: a training resumed after its end
        for count, stacks in rounds(islice(self.epochs, max(0, left)), self.together):
            self.steps(stage, count, stacks, interrupts)
            if len(self.history.loss) == self.begin:
                raise InvalidValue(
                    f"there are no batches to train on in epoch {self.epoch + 1} "
                    "(batches holds none; give at least one mapping from input names to arrays)"
                )
            if self.after_epochs(count, interrupts):
                break
        if not np.isfinite(self.training.state.flat).all():
            raise self.diverged(self.stop, stage, self.epoch - 1, None)
        self.params = self.current()

    def steps(self, stage: Stage, count: int, stacks: Iterable[Stack], interrupts: Interrupts) -> None:
        """The steps of some epochs."""
        history = self.history
        self.begin = len(history.loss)
        for stack in stacks:
            done, self.per_epoch = 0, stack.count // count if count > 1 else 0
            for piece in self.pace.pieces(stack):
                with interrupts.shield():
                    losses = self.training.run(piece)
                    finite = list(losses) if math.isfinite(losses[-1]) else list(losses[:-1])
                    history.loss += finite
                    history.stages += [stage.layer] * len(finite) if self.job.staged else []
                    done += len(finite)
                    self.stop = Stop(piece, len(finite), self.before, len(history.loss))
                if len(finite) < len(losses):
                    raise self.diverged(self.stop, stage, self.epoch + done * count // stack.count, losses[-1])
                if not isinstance(self.job.source, Shuffled) and not np.isfinite(self.training.state.flat).all():
                    raise self.diverged(self.stop, stage, self.epoch, None)  # the batches are not stored
                self.before = piece
        taken = len(history.loss) - self.begin
        self.marks = [self.begin + taken * (k + 1) // count for k in range(count)]

    def mark_whole_epochs(self) -> None:
        """Take note of the epochs that were whole when several of them were interrupted."""
        taken = len(self.history.loss) - self.begin
        if self.per_epoch:
            self.history.ends += [self.begin + self.per_epoch * (k + 1) for k in range(taken // self.per_epoch)]

    def after_epochs(self, count: int, interrupts: Interrupts) -> bool:
        """What is done after some epochs; whether the stage ends with them."""
        job, history, stops = self.job, self.history, False
        trained, validated = {}, {}
        if self.watched:
            params = self.current()
            trained = {name: measure(params) for name, measure in self.measures.training.items()}
            validated = {name: measure(params) for name, measure in self.measures.validation.items()}
        with interrupts.shield():
            self.epoch += count
            self.per_epoch = 0
            history.ends += self.marks
            for lists, values in ((history.metrics, trained), (history.validation, validated)):
                for name, value in values.items():
                    lists[name].append(value)
            if job.best and job.best.ends(self.epoch, float(validated["loss"]), self.training.state.flat):
                history.stopped, stops = "early stopping", True
            if job.best:
                history.best = job.best.epoch
        if job.callbacks:
            loss = float(np.mean(history.loss[history.ends[-2] if len(history.ends) > 1 else 0 :]))
            validation_loss = float(validated["loss"]) if validated else None
            record = Epoch(self.epoch, loss, validation_loss, trained, validated, params)
            if any_stops(job.callbacks, record) and not stops:
                history.stopped, stops = "callback", True
        if job.checkpoints and (stops or job.checkpoints.due(self.epoch - count, self.epoch, job.epochs)):
            with interrupts.shield():
                job.checkpoints.write(self.snapshot(job.checkpoints))
        job.progress.show(self.epoch, history.loss[-1])
        return stops

    def snapshot(self, checkpoints: Checkpoints) -> Snapshot:
        state, job = self.training.state.flat, self.job
        return snapshot_of(checkpoints, self.epoch, self.params.flat, state, job.source, self.history, job.best)

    def current(self) -> Parameters:
        return updated(self.params, self.training.state)

    def result(self) -> Parameters:
        """The parameters after training; of the best epoch, if early stopping looks for one and nobody interrupted."""
        best = self.job.best
        if best and best.flat is not None and not self.history.interrupted:
            return updated(self.params, Parameters(self.training.state.layout, best.flat))
        return self.current()

    def slots(self) -> dict[str, NumpyArray]:
        """What the training holds besides the parameters."""
        state = self.training.state
        return {name: np.array(state[name]) for name in state if name not in self.params}

    def diverged(self, stop: Stop, stage: Stage, epoch: int, value: float | None) -> Diverged:
        """The error for a loss of this value, or for parameters that are not finite; it holds the last good ones."""
        check_data(stop, self.job.dtype)
        check_start(self.params)
        cause, advice = explained(stop, stage.net, self.training, stage.trained)
        step = stop.steps if value is None else stop.steps + 1
        event = (
            "the parameters are no longer finite after step" if value is None else f"the loss became {value} at step"
        )
        error = Diverged(f"{event} {step}, in epoch {epoch + 1}{cause}", *advice)
        error.params = updated(self.params, self.training.good)  # type: ignore[attr-defined]
        error.history = self.history  # type: ignore[attr-defined]
        error.step = step  # type: ignore[attr-defined]
        return error


def measured_data(source: Source) -> Arrays | None:
    """The training data as a whole, for metrics that are nets."""
    if not isinstance(source, Shuffled):
        return None
    if len(source.rows) == len(next(iter(source.arrays.values()))):
        return source.arrays
    return {name: array[source.rows] for name, array in source.arrays.items()}


def slots_for(start: Parameters, params: Parameters, given: Mapping[str, object]) -> Mapping[str, object]:
    """The slots of an earlier training, which must be those of this one."""
    wanted = [name for name in start if name not in params]
    if set(given) != set(wanted):
        raise InvalidValue(
            f"slots has {listing(given)}, and this training has {listing(wanted)} "
            "(give those of a training of the same net by the same optimizer, as done.slots)"
        )
    return given


def updated(fitted: Parameters, state: Parameters) -> Parameters:
    """The parameters, with those of a training's state taken from there."""
    params = fitted.copy()
    if fitted.layout.leaves == state.layout.leaves[: len(fitted.layout.leaves)]:
        params.flat[:] = state.flat[: len(params.flat)]
    else:
        params.load({**fitted, **state})
    return params
