"""The records of a sweep: a sequence that prints as a table, and becomes a frame or a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symfold.apps.sweeps.records import Record
from symfold.base.tables import Table
from symfold.errors import InvalidValue, listing, plural, printable, shortened, unknown
from symfold.training.loop.history import frame_of, new_axes

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas as pd

WIDEST = 32  # characters of a cell
MOST = 100  # rows in a notebook


@dataclass(frozen=True, repr=False)
class Sweep(Sequence[Record]):
    """The records of a sweep, in the order of its grid.

    >>> errors = {1: 0.5, 2: 0.25}
    >>> sweep = Sweep(tuple(Record("t", {"depth": n}, "done", {"error": error}) for n, error in errors.items()))
    >>> print(sweep)
    depth  status  error  seconds
    1      done    0.5    0
    2      done    0.25   0
    >>> sweep.best("error").settings
    {'depth': 2}
    """

    records: tuple[Record, ...]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        return self.records[index]

    def with_status(self, status: str) -> Sweep:
        """The records that are "done", "failed" or "killed"."""
        return Sweep(tuple(record for record in self.records if record.status == status))

    @property
    def settings(self) -> list[str]:
        """The names of the settings that vary; of all, if none does."""
        names = list(dict.fromkeys(name for record in self.records for name in record.settings))
        varying = [name for name in names if len({repr(record.settings.get(name)) for record in self.records}) > 1]
        return varying or names

    @property
    def results(self) -> list[str]:
        """The names of the results."""
        return list(dict.fromkeys(name for record in self.records for name in record.results))

    def best(self, result: str, *, largest: bool = False) -> Record:
        """The record with the least value of a result, or the largest."""
        values = [record for record in self.records if isinstance(record.results.get(result), (int, float))]
        if not values:
            raise (
                InvalidValue(f"no trial has a number as its result {result!r} (its results: {listing(self.results)})")
                if result in self.results
                else unknown("result", result, self.results)
            )
        return (max if largest else min)(values, key=lambda record: record.results[result])

    def table(self) -> dict[str, list[Any]]:
        """Columns by name: the settings that vary, status, results, seconds, and errors if there are any.

        A result that is named as another column is `result NAME`.
        """
        columns: dict[str, list[Any]] = {name: [r.settings.get(name) for r in self.records] for name in self.settings}
        columns["status"] = [record.status for record in self.records]
        taken = {*columns, "seconds", "error message"}
        for name in self.results:
            values = [record.results.get(name) for record in self.records]
            columns[f"result {name}" if name in taken else name] = values
        columns["seconds"] = [record.seconds for record in self.records]
        if any(record.error for record in self.records):
            columns["error message"] = [record.error for record in self.records]
        return columns

    def to_frame(self) -> pd.DataFrame:
        """The table as a pandas frame."""
        return frame_of(self.table())

    def plot(
        self, x: str | None = None, y: str | None = None, by: str | None = None, ax: matplotlib.axes.Axes | None = None
    ) -> matplotlib.axes.Axes:
        """Draw a result over a setting with matplotlib (extra `plot`): the mean of the other trials, and their range.

        `y` is a result, by default the last one of numbers; `x` a setting, by default the first one of numbers; `by` a
        setting with a line for each of its values. Returns the axes.
        """
        ax = new_axes() if ax is None else ax
        x, y, by = self.axes_of(x, y, by)
        for value, places in self.curves(x, y, by).items():
            xs = list(places)
            means = [sum(numbers) / len(numbers) for numbers in places.values()]
            (line,) = ax.plot(xs, means, marker="o", label=value)
            low, high = [min(numbers) for numbers in places.values()], [max(numbers) for numbers in places.values()]
            if all(isinstance(place, (int, float)) for place in xs) and low != high:
                ax.fill_between(xs, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        ax.set_xlabel(x)
        ax.set_ylabel(y)
        if by is not None:
            ax.legend(title=by)
        return ax

    def axes_of(self, x: str | None, y: str | None, by: str | None) -> tuple[str, str, str | None]:
        """The names to draw: a setting, a result, a setting with a line per value."""
        settings, results = self.settings, self.results
        if not results or not settings:
            raise InvalidValue(f"there is nothing to draw: {plural(len(self), 'trial')}, none with a result")
        numeric = [n for n in settings if all(isinstance(r.settings.get(n), (int, float)) for r in self.records)]
        numbers = [n for n in results if any(isinstance(r.results.get(n), (int, float)) for r in self.records)]
        if not numbers:
            raise InvalidValue(f"there is nothing to draw: no result is a number (its results: {listing(results)})")
        for name, names, what in (
            (x, settings, "setting"),
            (by, settings, "setting"),
            (y, numbers, "result of numbers"),
        ):
            if name is not None and name not in names:
                raise unknown(what, name, names)
        x = x or next((name for name in numeric if name not in ("seed", by)), settings[0])
        return x, y or numbers[-1], by or next((name for name in settings if name not in (x, "seed", *numeric)), None)

    def curves(self, x: str, y: str, by: str | None) -> dict[str, dict[Any, list[float]]]:
        """The values of a result, by the value of one setting and then of another."""
        curves: dict[str, dict[Any, list[float]]] = {}
        for record in sorted(self.records, key=lambda record: _order(record.settings.get(x))):
            value, place = record.results.get(y), record.settings.get(x)
            if isinstance(value, (int, float)):
                line = curves.setdefault(str(record.settings.get(by)) if by else y, {})
                line.setdefault(place if isinstance(place, (int, float)) else str(place), []).append(float(value))
        return curves

    def __repr__(self) -> str:
        counts = [(status, len(self.with_status(status))) for status in ("done", "failed", "killed")]
        told = ", ".join(f"{count} {status}" for status, count in counts if count)
        return f"Sweep of {plural(len(self), 'trial')}{f': {told}' if told else ''}"

    def __str__(self) -> str:
        columns = {name: [shortened(cell(v), WIDEST) for v in values] for name, values in self.table().items()}
        widths = {name: max(map(len, (name, *cells))) for name, cells in columns.items()}
        lines = [[name.ljust(widths[name]) for name in columns]]
        lines += [
            [cell_.ljust(widths[name]) for name, cell_ in zip(columns, cells, strict=True)]
            for cells in zip(*columns.values(), strict=True)
        ]
        return "\n".join("  ".join(line).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        columns = self.table()
        values = list(columns.values())
        return Table(list(columns), len(self), lambda k: [cell(column[k]) for column in values]).html(MOST)


def cell(value: object) -> str:
    """A value as a cell of a table.

    >>> cell(0.123456789), cell(None), cell("tanh")
    ('0.1235', '', 'tanh')
    """
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def _order(value: object) -> tuple[bool, Any]:
    return (False, value) if isinstance(value, (int, float)) else (True, str(value))
