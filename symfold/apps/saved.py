"""Trained models on disk: the safetensors file of `sf.save`, with the scales and rows of the data in its metadata."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from symfold.apps.data import MAX_NAME, Scale
from symfold.apps.regression import LOSSES, Model
from symfold.apps.table_nets import Shape
from symfold.base.arguments import NumpyArray
from symfold.base.tensor_files import reading_tensors, write_tensors
from symfold.errors import DataError, SymfoldError
from symfold.exchange.saving import kind_of, parameters_from

FORMAT = "symfold model 1"
MAX_DEPTH = 20_000  # of a model on disk: a layer is two arrays


def save_model(path: str | Path, model: Model) -> None:
    """Write a model, whole or not at all; `sf.load` reads its net and parameters."""
    shape = model.shape
    about: dict[str, Any] = {
        "format": FORMAT,
        "mapper": shape.mapper, "depth": shape.depth, "width": shape.width, "activation": shape.activation,
        "columns": shape.columns, "target": shape.target, "classes": shape.classes, "loss": shape.loss,
        "mean": model.scale.mean.tolist(), "deviation": model.scale.deviation.tolist(),
        "target_mean": model.target_scale.mean.tolist(), "target_deviation": model.target_scale.deviation.tolist(),
        "train_rows": np.asarray(model.train_rows).tolist(), "test_rows": np.asarray(model.test_rows).tolist(),
    }  # fmt: skip
    params = {name: np.asarray(value, dtype=float) for name, value in model.params.items()}
    write_tensors(
        path, params, {"net": shape.net(kept=True).to_json(), "model": json.dumps(about, separators=(",", ":"))}
    )


def load_model(path: str | Path) -> Model:
    """Read a model, or raise a one-line error that says what is wrong with the file.

    >>> load_model("no-such-file.safetensors")
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: cannot read 'no-such-file.safetensors': no such file or directory
    """
    source = str(path)
    if kind_of(path) == "npz":
        raise DataError(f"{source!r} is an .npz, and a model is a safetensors file (train it with -o FILE.safetensors)")
    with reading_tensors(path) as tensors:
        about = _About(source, tensors.metadata.get("model"))
        shape = about.shape()
        if shape.depth > MAX_DEPTH:
            raise about.wrong("depth", f"is {shape.depth:,} (at most {MAX_DEPTH:,} are saved)")
        try:
            net = shape.net(kept=True)
        except SymfoldError as error:
            raise DataError(f"{source!r} is damaged or foreign: {error}") from None
        params = parameters_from(source, net, tensors.headers, tensors.read)
    for name, value in params.items():
        if not np.isfinite(value).all():
            raise about.wrong(name, "holds numbers that are not finite")
    wide = len(shape.columns)
    return Model(
        shape,
        {name: np.array(value, dtype=float) for name, value in params.items()},
        Scale(about.numbers("mean", wide), about.deviations("deviation", wide)),
        Scale(about.numbers("target_mean", 1), about.deviations("target_deviation", 1)),
        *about.split("train_rows", "test_rows"),
    )


class _About:
    """What a file says of its model, each entry checked before it is used."""

    names = (
        *("format", "mapper", "depth", "width", "activation", "columns", "target", "classes", "mean", "deviation"),
        *("loss", "target_mean", "target_deviation", "train_rows", "test_rows"),
    )

    def __init__(self, source: str, text: str | None):
        self.source = source
        try:
            self.entries = json.loads(text or "")
        except (ValueError, RecursionError):
            self.entries = None
        if not isinstance(self.entries, dict) or self.entries.get("format") != FORMAT:
            raise DataError(
                f"{source!r} is not a symfold model (give a file that 'symfold train -o FILE.safetensors' wrote)"
            )
        for name in self.names:
            if name not in self.entries:
                raise self.wrong(name, "is missing")
        if foreign := [name for name in self.entries if name not in self.names]:
            raise self.wrong(foreign[0], "belongs to no model")

    def wrong(self, name: str, what: str) -> DataError:
        return DataError(
            f"{self.source!r} is damaged or foreign: {name[:60]!r} {what} (train and save the model again)"
        )

    def shape(self) -> Shape:
        shape = Shape(
            mapper=self.text("mapper"),
            depth=self.count("depth"),
            width=self.count("width"),
            activation=self.text("activation"),
            columns=tuple(self.texts("columns")),
            target=self.text("target"),
            classes=tuple(self.texts("classes")) if self.entries["classes"] else (),
            loss=self.text("loss"),
        )
        if len(shape.classes) == 1:
            raise self.wrong("classes", "is a single one")
        fitting = LOSSES["classification" if shape.classes else "regression"]
        if shape.loss not in ("", *fitting) or (shape.loss == "binary_cross_entropy" and len(shape.classes) != 2):
            raise self.wrong("loss", f"is {shape.loss!r}, which is none for this target")
        if shape.target in shape.columns:
            raise self.wrong("target", f"is {shape.target!r}, one of the columns that it is predicted from")
        return shape

    def text(self, name: str) -> str:
        value = self.entries[name]
        if not isinstance(value, str) or len(value) > MAX_NAME:
            raise self.wrong(name, "is not a single text")
        return value

    def texts(self, name: str) -> list[str]:
        values = self.entries[name]
        if not isinstance(values, list) or not values:
            raise self.wrong(name, "is not a list of names")
        if not all(isinstance(value, str) and len(value) <= MAX_NAME for value in values):
            raise self.wrong(name, "is not a list of names")
        if len(set(values)) < len(values):
            raise self.wrong(name, "holds a name twice")
        return values

    def count(self, name: str) -> int:
        value = self.entries[name]
        if type(value) is not int or not 0 <= value <= 10**6:
            raise self.wrong(name, "is not a count")
        return value

    def numbers(self, name: str, length: int) -> NumpyArray:
        values = self.entries[name]
        if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
            raise self.wrong(name, "is not a list of numbers")
        if len(values) != length:
            raise self.wrong(name, f"holds {len(values)} numbers instead of {length}")
        if not all(abs(value) < 10**308 and math.isfinite(value) for value in values):
            raise self.wrong(name, "holds numbers that are not finite")
        return np.array(values, dtype=float)

    def deviations(self, name: str, length: int) -> NumpyArray:
        """Positive numbers."""
        values = self.numbers(name, length)
        if not (values > 0).all():
            raise self.wrong(name, "holds numbers that are not positive")
        return values

    def split(self, *names: str) -> list[NumpyArray]:
        """Lists of row numbers that together contain each row of a table once."""
        rows: list[int] = []
        for name in names:
            values = self.entries[name]
            if not isinstance(values, list) or not all(type(value) is int for value in values):
                raise self.wrong(name, "is not a list of row numbers")
            rows += values
        if sorted(rows) != list(range(len(rows))):
            raise self.wrong(names[0], f"and {' and '.join(map(repr, names[1:]))} do not hold each row once")
        return [np.array(self.entries[name], dtype=np.int64) for name in names]
