"""History: the loss of every step, what was measured after every epoch, and both as a picture or a table."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.base.results import Result
from symfold.compute.parameters import Parameters
from symfold.errors import InvalidType, MissingPackage, UnknownName, listing, no_name, plural
from symfold.show.hypertext import image

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas as pd

WIDTH, HEIGHT, MARGIN = 420, 160, 12  # of the curve in a notebook, in pixels
MOST = 400  # points of a curve in a notebook


@dataclass(frozen=True)
class Epoch:
    """What a callback gets after an epoch: its number, counted from 1, its losses and metrics, and the parameters.

    `loss` is the mean over the steps, each before its update. `validation_loss`, `metrics` and `validation` (the
    metrics on the validation data) belong to `params`, the parameters after the epoch.
    """

    epoch: int
    loss: float
    validation_loss: float | None
    metrics: Mapping[str, Any]
    validation: Mapping[str, Any]
    params: Parameters


@dataclass(repr=False, eq=False)
class History(Result, Sequence[float]):
    """The losses of a training: a sequence of the loss of every step, before its update.

    - `loss`: these losses as a list; with `accumulate`, one for each micro-batch.
    - `ends`: the number of steps taken by the end of every epoch.
    - `metrics`: lists by name, an entry per epoch, on the training data.
    - `validation`: the same on the validation data, and their loss under the name "loss".
    - `stages`: for a training in stages, the layer of each step.
    - `stopped`: why the training ended before its last epoch ("early stopping", "callback", "interrupted"), else "".
      After `sf.minimize`: "converged", "no better step", "interrupted", or "" if all steps were taken.
    - `best`: the epoch, counted from 1, of the parameters that early stopping returns.

    >>> history = History([4.0, 2.0, 1.0, 0.5], [2, 4], validation={"loss": [3.0, 0.75]})
    >>> history, history[-1], history.epochs
    (History of 2 epochs, 4 steps: loss 3 -> 0.75, validation loss 3 -> 0.75, 0.5, [3.0, 0.75])
    """

    loss: list[float] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    validation: dict[str, list[Any]] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)
    stopped: str = ""
    best: int | None = None

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    def __len__(self) -> int:
        return len(self.loss)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            raise InvalidType(f"a history is indexed by steps, got {index!r} (write history.{index})")
        return self.loss[index]

    @property
    def validation_loss(self) -> list[float]:
        """The validation loss after every epoch; empty without validation data."""
        return self.validation.get("loss", [])

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            tables = {table: self.__dict__.get(table, {}) for table in ("validation", "metrics")}
            columns = {key: f"history.{table}[{key!r}]" for table in tables for key in tables[table]}
            raise no_name("history", name, [word for word in dir(self) if not word.startswith("_")], columns)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.stopped == "interrupted"

    @property
    def epochs(self) -> list[float]:
        """The mean of the losses of each epoch's steps."""
        if not self.ends:
            return []
        starts = np.array([0, *self.ends])
        means: list[float] = (np.add.reduceat(self.loss, starts[:-1]) / np.diff(starts)).tolist()
        if self.ends[-1] < len(self.loss):  # an epoch was interrupted
            means[-1] = float(np.mean(self.loss[starts[-2] : starts[-1]]))
        return means

    def table(self) -> dict[str, list[Any]]:
        """Columns of one entry per epoch: its number, its loss, the metrics, and those on the validation data."""
        epochs = self.epochs
        columns: dict[str, list[Any]] = {"epoch": list(range(1, len(epochs) + 1)), "loss": epochs}
        columns |= self.metrics
        columns |= {f"validation_{name}": values for name, values in self.validation.items()}
        return columns

    def to_frame(self) -> pd.DataFrame:
        """The epochs as a pandas frame: loss, metrics, and the same on the validation data (`validation_loss`)."""
        return frame_of(self.table()).set_index("epoch")

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Draw the loss of each epoch, and the validation loss, with matplotlib (extra `plot`); returns the axes."""
        if isinstance(ax, str):
            raise InvalidType(f"plot draws into axes, got {ax!r} (write history.plot().figure.savefig({ax!r}))")
        ax = new_axes() if ax is None else ax
        curves, what = self._curves()
        for name, values in curves.items():
            ax.plot(range(1, len(values) + 1), values, label=name)
        if self.best is not None:
            ax.axvline(self.best, color="0.7", linestyle=":", label="best epoch")
        ax.set_xlabel(what)
        ax.set_ylabel("loss")
        if curves and all(value > 0 for values in curves.values() for value in values):
            ax.set_yscale("log")
        ax.legend()
        return ax

    def _curves(self) -> tuple[dict[str, list[float]], str]:
        """The losses to draw, and what they are counted in: epochs, or steps if there is one epoch at most."""
        if len(self.ends) < 2:
            return {"loss": self.loss}, "step"
        curves = {"loss": self.epochs}
        if "loss" in self.validation:
            curves["validation loss"] = [float(value) for value in self.validation["loss"]]
        return curves, "epoch"

    def __repr__(self) -> str:
        epochs = f"{plural(len(self.ends), 'epoch')}, " if self.ends else ""
        counts = f"{epochs}{plural(len(self.loss), 'step')}"
        curves = {"loss": self.epochs or self.loss, "validation loss": self.validation.get("loss", [])}
        losses = ", ".join(f"{name} {_change(values)}" for name, values in curves.items() if values)
        best = "" if self.best is None else f"; best epoch {self.best}"
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"History of {counts}{f': {losses}' if losses else ''}{best}{stopped}"

    def _repr_html_(self) -> str:
        curves, what = self._curves()
        text = html.escape(repr(self))
        return image(_svg(curves, what), f"{' and '.join(curves)} of each {what}") * bool(self.loss) + f"<p>{text}</p>"


@dataclass(frozen=True)
class Fitted:
    """The result of training: parameters and history; `slots` are the optimizer's, with the step counter."""

    params: Parameters
    history: History
    slots: Mapping[str, NumpyArray] = field(default_factory=dict)

    def __repr__(self) -> str:
        names = listing((f"{name}: {array.shape}" for name, array in self.params.items()), 8)
        slots = plural(len(self.slots), "array")
        return f"Fitted(params={{{names}}}, history={self.history!r}, slots={slots})"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            if name in History.__dataclass_fields__ or hasattr(History, name):
                hint = f"write done.history.{name}"
            else:
                hint = "write net(done.params, x)" if name == "net" else "it has history, params, slots"
            raise UnknownName(f"the result of a training has no {name!r} ({hint})")

    def _repr_html_(self) -> str:
        return self.history._repr_html_() + self.params._repr_html_()


def frame_of(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Columns as a pandas frame."""
    try:
        import pandas
    except ImportError:
        raise MissingPackage("a frame needs the package pandas, which is not installed (pip install pandas)") from None
    return pandas.DataFrame(columns)


def new_axes() -> matplotlib.axes.Axes:
    """The axes of a new figure of matplotlib."""
    try:
        import matplotlib.pyplot
    except ImportError:
        raise MissingPackage(
            "a plot needs the package matplotlib, which is not installed (pip install 'symfold[plot]')"
        ) from None
    return matplotlib.pyplot.subplots()[1]


def _change(values: Sequence[float]) -> str:
    """The first and the last of some values.

    >>> _change([1.0]), _change([2.0, 1.0, 0.25])
    ('1', '2 -> 0.25')
    """
    shown = values[:1] if len(values) == 1 else [values[0], values[-1]]
    return " -> ".join(f"{float(value):.4g}" for value in shown)


def _label(x: int, y: int, text: str, anchor: str = "start", color: str = "#555555") -> str:
    font = 'font-family="Helvetica, Arial, sans-serif" font-size="11"'
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{color}" {font}>{html.escape(text)}</text>'


def _svg(curves: Mapping[str, Sequence[float]], what: str) -> str:
    """Curves as an SVG picture; logarithmic if all values are positive."""
    numbers = [value for values in curves.values() for value in values if math.isfinite(value)]
    logarithmic = all(value > 0 for value in numbers)
    height = (lambda value: math.log(value)) if logarithmic else (lambda value: value)
    low, high = (height(pick(numbers)) for pick in (min, max)) if numbers else (0.0, 1.0)
    span, steps = (high - low) or 1.0, max(map(len, curves.values()))
    parts = []
    if numbers:  # the scale: the greatest value above, the least one below, and the last step or epoch
        least = f"{min(numbers):.4g}{', logarithmic axis' * logarithmic}"
        parts += [_label(2, 10, f"{max(numbers):.4g}"), _label(2, HEIGHT - 2, least)]
        parts.append(_label(WIDTH - 2, HEIGHT - 2, f"{what} {steps:,}", "end"))
    for place, ((name, values), color) in enumerate(zip(curves.items(), ("#1f77b4", "#d62728"), strict=False)):
        parts.append(_label(WIDTH - 2, 12 + 14 * place, name, "end", color))
        thin = max(1, math.ceil(len(values) / MOST))
        places = sorted({*range(0, len(values), thin), len(values) - 1} - {-1})
        points = " ".join(
            f"{MARGIN + (WIDTH - 2 * MARGIN) * k / max(1, steps - 1):.1f},"
            f"{HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (height(values[k]) - low) / span:.1f}"
            for k in places
            if math.isfinite(values[k])
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}"><title>{name}</title></polyline>')
    label = f"{' and '.join(curves)} of each {what}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )
