"""Tasks: whether a column is a number to predict or a label, and the labels as class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symfold.apps.data import Array, Table
from symfold.base.arguments import NumpyArray, quoted
from symfold.errors import DataError, plural

TASKS = ("regression", "classification")
MOST_LABELS = 20  # whole numbers that are still taken for labels
MOST_CLASSES = 10_000


@dataclass(frozen=True)
class Target:
    """A column to predict: numbers, or class numbers with the label of each class; and why it was taken for that."""

    values: Array
    classes: tuple[str, ...]
    reason: str

    @property
    def task(self) -> str:
        return "classification" if self.classes else "regression"


def target_of(table: Table, name: str, task: str = "auto") -> Target:
    """The target of a table, read with `read_table(path, labels=name)`; with "auto", the task is recognised.

    A column with text holds labels, as does one of few whole numbers: up to 20 different ones, on average twice each.

    >>> target_of(Table("a.csv", ("y",), np.array([[0.0], [1.0], [1.0], [0.0]])), "y")
    Target(values=array([[0.],
           [1.],
           [1.],
           [0.]]), classes=('0', '1'), reason='2 different whole numbers')
    """
    numbers = table.select([name])
    texts = table.texts or tuple(map(plain_number, numbers[:, 0]))
    is_text = bool(np.isnan(numbers).any())
    different = sorted(set(texts)) if is_text else list(map(plain_number, np.unique(numbers)))
    if is_text:
        reason, labels = f"{plural(len(different), 'label')}", True
    elif not (numbers == np.round(numbers)).all():
        reason, labels = "numbers that are not whole", False
    else:
        reason = f"{len(different)} different whole numbers"
        labels = 1 < len(different) <= MOST_LABELS and 2 * len(different) <= len(texts)
    if task == "regression" and is_text:
        row = int(np.flatnonzero(np.isnan(numbers[:, 0]))[0])
        raise DataError(
            f"{table.source!r}, column {quoted(name)}: {quoted(texts[row])} in row {row + 1} under the header is not a "
            "number (regression predicts numbers; give --task classification)"
        )
    if task == "regression" or (task == "auto" and not labels):
        return Target(numbers, (), reason)
    if len(different) < 2:
        raise DataError(
            f"{table.source!r}, column {quoted(name)}: every row has the label {quoted(different[0])} "
            "(a classification needs two or more)"
        )
    if len(different) > MOST_CLASSES:
        raise DataError(
            f"{table.source!r}, column {quoted(name)}: {len(different):,} labels (at most {MOST_CLASSES:,}; "
            "give --task regression, or another column)"
        )
    return Target(class_numbers(texts, different, table.source, name)[:, None].astype(float), tuple(different), reason)


def class_numbers(texts: Sequence[str], classes: Sequence[str], source: str, name: str) -> NumpyArray:
    """The place of each label among the classes; an error that names a label that is none of them."""
    place = {label: k for k, label in enumerate(classes)}
    for row, text in enumerate(texts):
        if text not in place:
            raise DataError(
                f"{source!r}, column {quoted(name)}: the label {quoted(text)} in row {row + 1} under the header is "
                f"none of the {len(classes)} classes of the model ({', '.join(map(quoted, classes[:10]))}"
                f"{', ...' if len(classes) > 10 else ''})"
            )
    return np.array([place[text] for text in texts])


def labels_of(table: Table, name: str) -> tuple[str, ...]:
    """The labels of a column, whole numbers as they are usually written."""
    numbers = table.select([name])[:, 0]
    return table.texts if np.isnan(numbers).any() else tuple(map(plain_number, numbers))


def plain_number(value: float) -> str:
    """A number as a label.

    >>> plain_number(3.0), plain_number(2.5)
    ('3', '2.5')
    """
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
