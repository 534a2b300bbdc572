"""Checkpoints: the state of a training on disk, written atomically, and read only if it fits and is whole.

A checkpoint path is a folder with one file per epoch kept: `epoch-000012.safetensors`. A training calls

    prepare(folder, resume)                   before the first step: makes the folder; without `resume` it must be empty
    snapshot = read(folder, net, settings)    to resume: the newest checkpoint; None if there is none yet
    write(folder, snapshot, keep)             after every n-th epoch: then deletes all but the last `keep`

A file is safetensors: `arrays` are its tensors, everything else is JSON in its metadata, with a checksum over both.
What a resumed run must repeat is in `settings`, such as the optimizer's repr, the seed, the batch size, the backend,
the dtype and `digest(arrays)` of the data and of the parameters at the start; a difference in any of them is refused by
its name. Long lists of numbers (the loss of every step) belong in `arrays`.

A training that is resumed starts from the stored state, as `replace(update, start=Parameters(layout, state))`: backends
copy the start, and later writes to `training.state` do not reach all of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from symfold.base.arguments import NumpyArray, quoted, whole
from symfold.base.files import check_writable, failure, path_of
from symfold.base.tensor_files import reading_tensors, write_tensors
from symfold.core.leaves import Input
from symfold.core.names import names_of
from symfold.core.net import Net
from symfold.core.stacked_inputs import Leaf, Numbered
from symfold.errors import DataError, InvalidType

Plain: TypeAlias = "bool | int | float | str | Sequence[Plain] | Mapping[str, Plain] | None"

FORMAT = "symfold checkpoint 1"
_NAME = re.compile(r"epoch-(\d{6,18})\.safetensors")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of a training after a number of epochs.

    `net` is `identity(loss)`; `settings` must be equal to resume; `arrays` holds parameters, slots, the step counter,
    the best parameters so far, losses; `random` the state of a generator (`generator.bit_generator.state`); `history`
    the rest. NumPy numbers and arrays in `settings`, `random` and `history` come back as Python numbers and lists.
    """

    net: Plain
    settings: Mapping[str, Plain]
    arrays: Mapping[str, NumpyArray]
    epoch: int
    random: Plain = None
    history: Plain = field(default_factory=dict)


def identity(net: Net) -> dict[str, Plain]:
    """What identifies a net: its inputs and parameters with their shapes, and a digest of its operations.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    >>> identity(net)["parameters"]
    {'W1 ... W3': [3, 2, 2], 'b1 ... b3': [3, 1, 2]}
    """
    parameters = [leaf for leaf in net.leaves if leaf.op.role == "parameter"]
    inputs = [leaf for leaf in net.leaves if leaf.op.role != "parameter"]
    text = hashlib.sha256(net.to_json().encode()).hexdigest()
    return {"parameters": shapes_of(parameters), "inputs": shapes_of(inputs), "operations": text}


def shapes_of(leaves: Sequence[Leaf]) -> dict[str, Plain]:
    """The shape of every input, and of every family of inputs by its first and last name."""
    shapes: dict[str, Plain] = {}
    for leaf in leaves:
        shapes[label_of(leaf)] = [size if isinstance(size, int) else str(size) for size in leaf.shape]
    return shapes


def label_of(leaf: Leaf) -> str:
    """The name of an input, or the first and last name of a family."""
    names = names_of(leaf)
    last = names.last if isinstance(names, Numbered) else names[-1]
    return leaf.op.name if isinstance(leaf.op, Input) else f"{names[0]} ... {last}"


def digest(arrays: Mapping[str, NumpyArray], text: str = "") -> str:
    """A checksum of named arrays, their types and shapes, and a text (SHA-256)."""
    checksum = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        checksum.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        checksum.update(array.reshape(-1).view(np.uint8).data)
    return checksum.hexdigest()


def plain(value: object, where: str) -> Plain:
    """A value as JSON holds it; NumPy numbers and arrays become Python numbers and lists."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(entry, f"{where}[{k}]") for k, entry in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(entry, f"{where}[{key!r}]") for key, entry in value.items()}
    raise InvalidType(
        f"{where} is {quoted(value)} of type {type(value).__name__}, which a checkpoint cannot hold "
        "(give numbers, text, arrays, and lists or dicts of them)"
    )


def prepare(path: str | Path, resume: bool) -> None:
    """Make the folder of a training's checkpoints, or raise an error before any work is done.

    A folder that holds checkpoints is refused unless they are to be resumed, so that none is overwritten. What a killed
    process left unfinished is removed.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidType(f"checkpoint={quoted(path)} is not a path (give the path of a folder)")
    folder = path_of(path)
    try:
        if not folder.is_dir():
            if folder.exists():
                raise DataError(f"cannot write checkpoints to {str(path)!r}: it is a file (give a folder)")
            check_writable(folder)
            folder.mkdir()
        check_writable(folder / name_of(0))
        if (files := stored(folder)) and not resume:
            raise DataError(
                f"{str(path)!r} holds checkpoints already, the newest {files[-1].name!r} "
                "(continue with resume=True, or give another folder)"
            )
        for unfinished in folder.glob(".symfold.*"):
            unfinished.unlink()
    except OSError as error:
        raise failure("write checkpoints to", path, error, " (choose another place)") from None


def name_of(epoch: int) -> str:
    return f"epoch-{epoch:06}.safetensors"


def stored(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest last."""
    names = [match for match in map(_NAME.fullmatch, os.listdir(folder)) if match]
    return [folder / match[0] for match in sorted(names, key=lambda match: int(match[1]))]


def write(path: str | Path, snapshot: Snapshot, keep: int = 3) -> Path:
    """Write a checkpoint, on the disk when this returns; then delete all but the last `keep`. Returns its path.

    If it cannot be written, those before it are untouched.
    """
    keep = whole("keep", keep, 1)
    file = path_of(path) / name_of(snapshot.epoch)
    content = {name: plain(getattr(snapshot, name), name) for name in ("net", "settings", "epoch", "random", "history")}
    text = json.dumps({"format": FORMAT, **content}, separators=(",", ":"))
    arrays = {name: np.asarray(array) for name, array in snapshot.arrays.items()}
    write_tensors(file, arrays, {"checkpoint": text, "checksum": digest(arrays, text)}, durable=True)
    try:
        for old in stored(path_of(path))[:-keep]:
            if old != file:
                old.unlink(missing_ok=True)
    except OSError as error:
        raise failure("delete old checkpoints in", path, error) from None
    return file


def read(path: str | Path, net: Net, settings: Mapping[str, Plain]) -> Snapshot | None:
    """The newest checkpoint of a net and settings; None if the folder holds none.

    One that is damaged, or of another net or other settings, raises a `DataError` that says what differs, and names the
    newest one before it that could be resumed.
    """
    try:
        files = stored(path_of(path))
    except OSError as error:
        raise failure("read checkpoints from", path, error) from None
    if not files:
        return None
    expected = {"net": plain(identity(net), "net"), "settings": plain(settings, "settings")}
    try:
        return fitting(files[-1], expected)
    except DataError as error:
        earlier = next((file.name for file in reversed(files[:-1]) if fits(file, expected)), None)
        advice = (
            f"the newest before it that fits is {earlier!r}; to resume from that one, delete {files[-1].name!r}"
            if earlier
            else "none before it fits; give another folder"
        )
        raise DataError(f"cannot resume: {error.problem} ({advice})") from None


def fits(file: Path, expected: Mapping[str, Plain]) -> bool:
    """Whether a checkpoint is whole and of these settings."""
    try:
        fitting(file, expected)
    except DataError:
        return False
    return True


def fitting(file: Path, expected: Mapping[str, Plain]) -> Snapshot:
    """A checkpoint that is whole, and of this net and these settings."""
    snapshot = opened(file)
    for what, wanted in expected.items():
        if different := difference(getattr(snapshot, what), wanted, what):
            raise DataError(f"{str(file)!r} is of another training: {different}")
    return snapshot


def opened(file: Path) -> Snapshot:
    """A checkpoint that is whole."""
    with reading_tensors(file) as tensors:
        text, checksum = tensors.metadata.get("checkpoint"), tensors.metadata.get("checksum")
        if text is None or checksum is None:
            raise DataError(f"{str(file)!r} is not a checkpoint: its metadata has none")
        arrays = {name: tensors.read(name) for name in tensors.headers}
    if digest(arrays, text) != checksum:
        raise DataError(f"{str(file)!r} was altered: its content does not have the checksum stored with it")
    try:
        content = json.loads(text)
        if content.pop("format") != FORMAT:
            raise ValueError("its format is another")
        snapshot = Snapshot(arrays={name: np.array(array) for name, array in arrays.items()}, **content)
        if type(snapshot.epoch) is not int:
            raise ValueError(f"its epoch is {quoted(snapshot.epoch)}")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = error if type(error) is ValueError else quoted(error)
        raise DataError(f"{str(file)!r} is not a checkpoint that this symfold reads: {reason}") from None
    if snapshot.epoch != (said := int(file.stem.removeprefix("epoch-"))):
        raise DataError(f"{str(file)!r} is misnamed: it is of epoch {snapshot.epoch}, and its name says {said}")
    return snapshot


def difference(there: Plain, here: Plain, what: str) -> str | None:
    """The first difference between plain data of a checkpoint and of this training, in words.

    >>> difference({"seed": 0, "rate": 0.1}, {"seed": 0, "rate": 0.2}, "settings")
    "settings['rate'] is 0.1 there and 0.2 here"
    """
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in (*here, *(key for key in there if key not in here)):
            if key not in there or key not in here:
                return f"{what}[{key!r}] is only {'here' if key in here else 'there'}"
            if different := difference(there[key], here[key], f"{what}[{key!r}]"):
                return different
        return None
    return None if repr(there) == repr(here) else f"{what} is {quoted(there)} there and {quoted(here)} here"
