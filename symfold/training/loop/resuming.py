"""Resuming: the state of a training as a snapshot, and back.

A training is resumed bit for bit if the batches of an epoch follow from the arguments: arrays with a seed, a list of
batches, or a source that is told the number of the epoch (`set_epoch`). What a resumed training must repeat is in the
settings of its checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, flag, whole
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.errors import InvalidValue
from symfold.training.data.arrays import Arrays
from symfold.training.data.batches import Given, Shuffled
from symfold.training.loop.checkpoints import Plain, Snapshot, digest, identity, label_of, prepare, read, write
from symfold.training.loop.history import History
from symfold.training.loop.sources import Source
from symfold.training.loop.stopping import Best


@dataclass(frozen=True)
class Checkpoints:
    """Where the checkpoints of a training lie, after how many epochs one is written, and how many are kept."""

    path: str | Path
    every: int
    keep: int
    net: Net
    settings: Mapping[str, Plain]

    def due(self, before: int, now: int, last: int) -> bool:
        """Whether a checkpoint is written, now that the number of epochs has grown."""
        return now // self.every > before // self.every or now == last

    def write(self, snapshot: Snapshot) -> None:
        write(self.path, snapshot, self.keep)


def checkpoints_of(
    path: str | Path | None,
    every: int,
    keep: int,
    resume: bool,
    net: Net,
    source: Source,
    validation: Arrays | None,
    start: Parameters,
    settings: Mapping[str, Plain],
) -> tuple[Checkpoints | None, Snapshot | None]:
    """The checkpoints of a training, and the one to resume from."""
    every, keep, resume = whole("every", every, 1), whole("keep", keep, 1), flag("resume", resume)
    if path is None:
        if resume:
            raise InvalidValue("resume=True needs the folder of the checkpoints (give checkpoint='folder')")
        return None, None
    if resume and isinstance(source, Given) and not source.repeats:
        raise InvalidValue(
            "resume=True needs batches that are the same again: data with a seed, a list of batches, or a source with "
            f"set_epoch(number); {type(source.batches).__name__!r} is neither"
        )
    prepare(path, resume)
    settings = {
        **settings,
        "params": {label_of(leaf): digest({"": start.array_of(leaf)}) for leaf in start.layout.leaves},
        "data": data_digest(source),
        "validation data": digest(validation) if validation else None,
    }
    checkpoints = Checkpoints(path, every, keep, net, settings)
    return checkpoints, read(path, net, settings) if resume else None


def data_digest(source: Source) -> str | None:
    """A checksum of all data; None if the batches are not known beforehand."""
    if isinstance(source, Shuffled):
        return digest(source.arrays)
    if isinstance(source.batches, Sequence):
        batches = (source.read(batch) for batch in source.batches)
        return digest({f"{k} {name}": array for k, batch in enumerate(batches) for name, array in batch.items()})
    return None


def snapshot_of(
    checkpoints: Checkpoints,
    epoch: int,
    start: NumpyArray,
    state: NumpyArray,
    source: Source,
    history: History,
    best: Best | None,
) -> Snapshot:
    """The state of a training: `start` are the parameters before the stage, `state` parameters and slots."""
    arrays: dict[str, NumpyArray] = {
        "start": start,
        "state": state,
        "loss": np.array(history.loss),
        "ends": np.array(history.ends, np.int64),
    }
    if best and best.flat is not None:
        arrays["best"] = best.flat
    return Snapshot(
        net=identity(checkpoints.net),
        settings=checkpoints.settings,
        arrays=arrays,
        epoch=epoch,
        random=source.generator.bit_generator.state if isinstance(source, Shuffled) else None,
        history={
            "metrics": history.metrics,
            "validation": history.validation,
            "stages": [[layer, len(list(steps))] for layer, steps in groupby(history.stages)],
            "stopped": history.stopped,
            "best": None if best is None else [best.epoch, best.loss],
        },
    )


def restore(snapshot: Snapshot, source: Source, history: History, best: Best | None) -> None:
    """Put source, history and the best epoch into the state of a snapshot."""
    arrays, kept = snapshot.arrays, dict_of(snapshot.history)
    history.loss = arrays["loss"].tolist()
    history.ends = arrays["ends"].tolist()
    history.metrics, history.validation = dict_of(kept["metrics"]), dict_of(kept["validation"])
    history.stages = [layer for layer, count in kept["stages"] for _ in range(count)]
    history.stopped = kept["stopped"] if kept["stopped"] == "early stopping" else ""  # other stops are no end
    if best and kept["best"] is not None:
        best.epoch, best.loss = kept["best"]
        best.flat = arrays.get("best")
        history.best = best.epoch or None
    if isinstance(source, Shuffled):
        source.generator.bit_generator.state = dict_of(snapshot.random)
    else:
        source.start = snapshot.epoch


def dict_of(value: object) -> dict[str, Any]:
    """Plain data that is a mapping."""
    assert isinstance(value, Mapping)
    return dict(value)
