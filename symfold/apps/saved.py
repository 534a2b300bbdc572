"""Models on disk: one `.npz` of plain arrays, read without pickle and checked before use."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from symfold.apps.data import Scale
from symfold.apps.regression import Model, Shape
from symfold.base.arguments import NumpyArray
from symfold.base.files import replacing
from symfold.errors import DataError

FORMAT = "symfold model 1"
MAX_BYTES = 2**30

_PREFIX = "parameter "


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
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def load_model(path: str | Path) -> Model:
    """Read a model, or raise a one-line error that says what is wrong with the file.

    >>> load_model("no-such-file.npz")
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: cannot read 'no-such-file.npz': no such file or directory
    """
    source = str(path)
    stored = _Stored(source, _read_arrays(source))
    if "format" not in stored.arrays or stored.text("format") != FORMAT:
        raise DataError(f"{source!r} is no symfold model (give a file that 'symfold train -o FILE.npz' wrote)")
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
    params = {name.removeprefix(_PREFIX): stored.numbers(name) for name in stored.arrays if name.startswith(_PREFIX)}
    _check_params(stored, shape, params)
    wide = (len(shape.columns),)
    return Model(
        shape,
        params,
        Scale(stored.numbers("mean", wide), stored.deviations("deviation", wide)),
        Scale(stored.numbers("target_mean", (1,)), stored.deviations("target_deviation", (1,))),
        *stored.split("train_rows", "test_rows"),
    )


def _read_arrays(source: str) -> dict[str, NumpyArray]:
    """The arrays of an `.npz`, without Python objects."""
    try:
        with zipfile.ZipFile(source) as archive:
            if (size := sum(member.file_size for member in archive.infolist())) > MAX_BYTES:
                raise DataError(f"{source!r} would fill {size:,} bytes (at most {MAX_BYTES:,} are read)")
        with np.load(source, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {source!r}: {(error.strerror or str(error)).lower()}") from None
    except Exception as error:  # a foreign or damaged file may raise anything inside zipfile, zlib and NumPy
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise DataError(f"cannot read {source!r}: it is no whole .npz file of plain arrays ({reason})") from None


class _Stored:
    """The arrays of one file, each read as the kind that it should be."""

    def __init__(self, source: str, arrays: dict[str, NumpyArray]):
        self.source = source
        self.arrays = arrays

    def wrong(self, name: str, what: str) -> DataError:
        return DataError(f"{self.source!r} is damaged or foreign: {name!r} {what} (train and save the model again)")

    def get(self, name: str, kinds: str, what: str) -> NumpyArray:
        if name not in self.arrays:
            raise self.wrong(name, "is missing")
        array = self.arrays[name]
        if array.dtype.kind not in kinds:
            raise self.wrong(name, f"is no {what}")
        return array

    def text(self, name: str) -> str:
        array = self.get(name, "U", "text")
        if array.shape != ():
            raise self.wrong(name, "is no single text")
        return str(array)

    def names(self, name: str) -> tuple[str, ...]:
        array = self.get(name, "U", "list of names")
        if array.ndim != 1 or not array.size:
            raise self.wrong(name, "is no list of names")
        names = tuple(map(str, array))
        if len(set(names)) < len(names):
            raise self.wrong(name, "holds a name twice")
        return names

    def count(self, name: str) -> int:
        array = self.get(name, "iu", "whole number")
        if array.shape != () or not 0 <= int(array) <= 10**6:
            raise self.wrong(name, "is no count")
        return int(array)

    def positions(self, name: str) -> NumpyArray:
        array = self.get(name, "iu", "list of row numbers")
        if array.ndim != 1:
            raise self.wrong(name, "is no list of row numbers")
        return array

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

    def numbers(self, name: str, shape: tuple[int, ...] | None = None) -> NumpyArray:
        array = self.get(name, "fiu", "array of numbers")
        if shape is not None and array.shape != shape:
            raise self.wrong(name, f"has the shape {array.shape} instead of {shape}")
        if not np.isfinite(array).all():
            raise self.wrong(name, "holds numbers that are not finite")
        return array.astype(float)


def _check_params(stored: _Stored, shape: Shape, params: dict[str, NumpyArray]) -> None:
    """Raise an error unless the parameters are those of the net, in their shapes."""
    if shape.depth > len(params):
        raise stored.wrong("depth", f"is {shape.depth} where {len(params)} parameters are kept")
    wanted = {param.op.name: param.shape for param in shape.net().params}
    for name, expected in wanted.items():
        if name not in params:
            raise stored.wrong(_PREFIX + name, "is missing")
        if params[name].shape != expected:
            raise stored.wrong(_PREFIX + name, f"has the shape {params[name].shape} instead of {expected}")
    if extra := sorted(set(params) - set(wanted)):
        raise stored.wrong(_PREFIX + extra[0], "belongs to no layer of the net")
