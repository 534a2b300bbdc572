"""Models on disk: one `.npz` of plain arrays, read without pickle and checked before use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from symfold.apps.archives import MAX_ARRAYS, MAX_BYTES, Archive, Header
from symfold.apps.data import MAX_NAME, Scale
from symfold.apps.regression import Model, Shape
from symfold.base.arguments import NumpyArray
from symfold.base.files import reading, replacing
from symfold.errors import DataError

FORMAT = "symfold model 1"
MAX_DEPTH = 20_000  # of a model on disk: a layer is two arrays

_PREFIX = "parameter "
_OVERHEAD = 1_000  # bytes around an array, more than there are
_NAMES = (
    *("format", "mapper", "depth", "width", "activation", "columns", "target", "mean", "deviation"),
    *("target_mean", "target_deviation", "train_rows", "test_rows"),
)


def save_model(path: str | Path, model: Model) -> None:
    """Write a model, whole or not at all."""
    shape = model.shape
    arrays: dict[str, Any] = {
        "format": FORMAT,
        "mapper": shape.mapper, "depth": shape.depth, "width": shape.width, "activation": shape.activation,
        "columns": np.array(shape.columns, dtype=np.str_), "target": shape.target,
        "mean": model.scale.mean, "deviation": model.scale.deviation,
        "target_mean": model.target_scale.mean, "target_deviation": model.target_scale.deviation,
        "train_rows": model.train_rows, "test_rows": model.test_rows,
    }  # fmt: skip
    arrays |= {_PREFIX + name: np.asarray(value, dtype=float) for name, value in model.params.items()}
    if len(arrays) > MAX_ARRAYS or sum(np.asarray(array).nbytes + _OVERHEAD for array in arrays.values()) > MAX_BYTES:
        raise DataError(
            f"cannot write {str(path)!r}: a model of {len(arrays):,} arrays is too large "
            f"(at most {MAX_ARRAYS:,}, and {MAX_BYTES:,} bytes; train fewer or narrower layers)"
        )
    with replacing(path) as file:
        np.savez(file, **arrays)


def load_model(path: str | Path) -> Model:
    """Read a model, or raise a one-line error that says what is wrong with the file.

    >>> load_model("no-such-file.npz")
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: cannot read 'no-such-file.npz': no such file or directory
    """
    source = str(path)
    with reading(path, MAX_BYTES) as file:
        return _model(_Stored(Archive(source, file)))


def _model(stored: _Stored) -> Model:
    if "format" not in stored.headers or stored.text("format") != FORMAT:
        raise DataError(
            f"{stored.source!r} is not a symfold model (give a file that 'symfold train -o FILE.npz' wrote)"
        )
    if foreign := [name for name in stored.headers if name not in _NAMES and not name.startswith(_PREFIX)]:
        raise stored.wrong(foreign[0], "belongs to no model")
    shape = Shape(
        mapper=stored.text("mapper"),
        depth=stored.count("depth"),
        width=stored.count("width"),
        activation=stored.text("activation"),
        columns=stored.names("columns"),
        target=stored.text("target"),
    )
    if shape.target in shape.columns:
        raise stored.wrong("target", f"is {shape.target!r}, one of the columns that it is predicted from")
    params = _params(stored, shape)
    wide = (len(shape.columns),)
    return Model(
        shape,
        params,
        Scale(stored.numbers("mean", wide), stored.deviations("deviation", wide)),
        Scale(stored.numbers("target_mean", (1,)), stored.deviations("target_deviation", (1,))),
        *stored.split("train_rows", "test_rows"),
    )


class _Stored:
    """The arrays of one file, each checked before it is read as the kind that it should be."""

    def __init__(self, archive: Archive):
        self.archive, self.source, self.headers = archive, archive.source, archive.headers

    def wrong(self, name: str, what: str) -> DataError:
        return DataError(
            f"{self.source!r} is damaged or foreign: {name[:60]!r} {what} (train and save the model again)"
        )

    def get(self, name: str, kinds: str, what: str, axes: int, most: int = MAX_BYTES) -> Any:
        header = self.checked(name, kinds, what)
        if len(header.shape) != axes or header.bytes > most:
            raise self.wrong(name, f"is not {what}")
        return self.archive.read(name)

    def checked(self, name: str, kinds: str, what: str) -> Header:
        if name not in self.headers:
            raise self.wrong(name, "is missing")
        header = self.headers[name]
        if header.dtype.kind not in kinds:
            raise self.wrong(name, f"is not {what}")
        return header

    def text(self, name: str) -> str:
        return str(self.get(name, "U", "a single text", 0, 4 * MAX_NAME))

    def names(self, name: str) -> tuple[str, ...]:
        names = tuple(map(str, self.get(name, "U", "a list of names", 1)))
        if not names:
            raise self.wrong(name, "is not a list of names")
        if len(set(names)) < len(names):
            raise self.wrong(name, "holds a name twice")
        return names

    def count(self, name: str) -> int:
        count = int(self.get(name, "iu", "a whole number", 0))
        if not 0 <= count <= 10**6:
            raise self.wrong(name, "is not a count")
        return count

    def positions(self, name: str) -> Any:
        return self.get(name, "iu", "a list of row numbers", 1)

    def split(self, *names: str) -> list[NumpyArray]:
        """Lists of row numbers that together contain each row of a table once."""
        parts = [self.positions(name) for name in names]
        rows = np.concatenate(parts)
        if not np.array_equal(np.sort(rows), np.arange(len(rows))):
            raise self.wrong(names[0], f"and {' and '.join(map(repr, names[1:]))} do not hold each row once")
        return parts

    def deviations(self, name: str, shape: tuple[int, ...]) -> NumpyArray:
        """Positive numbers."""
        values = self.numbers(name, shape)
        if not (values > 0).all():
            raise self.wrong(name, "holds numbers that are not positive")
        return values

    def numbers(self, name: str, shape: tuple[int, ...]) -> Any:
        header = self.checked(name, "fiu", "an array of numbers")
        if header.shape != shape:
            raise self.wrong(name, f"has the shape {header.shape} instead of {shape}")
        array = self.archive.read(name)
        if not np.isfinite(array).all():
            raise self.wrong(name, "holds numbers that are not finite")
        return array.astype(float)


def _params(stored: _Stored, shape: Shape) -> dict[str, Any]:
    """The parameters, if they are those of the net in their shapes; an error otherwise, before any is read."""
    names = [name.removeprefix(_PREFIX) for name in stored.headers if name.startswith(_PREFIX)]
    if shape.depth > len(names):
        raise stored.wrong("depth", f"is {shape.depth} where {len(names)} parameters are kept")
    wanted = {param.op.name: param.shape for param in shape.net().params}
    for name, expected in wanted.items():
        header = stored.checked(_PREFIX + name, "fiu", "an array of numbers")
        if header.shape != expected:
            raise stored.wrong(_PREFIX + name, f"has the shape {header.shape} instead of {expected}")
    if extra := sorted(set(names) - set(wanted)):
        raise stored.wrong(_PREFIX + extra[0], "belongs to no layer of the net")
    return {name: stored.numbers(_PREFIX + name, expected) for name, expected in wanted.items()}
