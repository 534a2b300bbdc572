"""`sf.sweep`: a trial for every setting of a grid."""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from symfold.apps.data import Table
from symfold.apps.sweeps.execution import Trial, check_sendable, executed
from symfold.apps.sweeps.records import Journal, key_of, plain, value_name
from symfold.apps.sweeps.results import Sweep
from symfold.apps.sweeps.trials import check_settings, digest_of, digests_of, train_on_table
from symfold.base.arguments import flag, quoted, whole
from symfold.base.cores import processors
from symfold.base.files import check_writable
from symfold.base.public import public
from symfold.errors import InvalidType, InvalidValue

MOST = 1_000_000  # trials of a sweep


@public
def sweep(
    grid: object,
    *,
    executor: Executor | None = None,
    trial: Trial | None = None,
    data: object = None,
    target: str | None = None,
    path: str | Path | None = None,
    workers: int | None = None,
    retry: bool = False,
    progress: bool | None = None,
) -> Sweep:
    """Run a trial for every combination of settings, in many processes or on many machines, and keep the results.

    `grid` maps names of settings to a value or a list of values, as scikit-learn's `ParameterGrid`; a list of such
    mappings is several grids. `trial(**settings)` returns a number or a mapping from names to numbers. By default it
    trains a net on a table: `data` is a CSV file or a pair of arrays (rows of inputs, target), `target` the column to
    predict; the settings are those of `symfold train` (mapper, depth, width, optimizer, seed, ...).

    `executor` is any `concurrent.futures.Executor`: threads, processes, or machines by the `get_executor()` of a
    `dask.distributed` client (extra `cluster`). By default, `workers` processes are started afresh, one per processor,
    and share the threads of NumPy's libraries.

    With `path`, each record is appended to a file of JSON lines when its trial ends. A later call skips what is there
    (with `retry`, trials that failed run again), unless the table has changed; combinations that appear twice run once.
    A trial that raises, or whose process is killed, is recorded with its error, and the rest goes on. Ctrl-C stops;
    what was recorded stays.

    Raises `InvalidType` for a grid or a trial of the wrong type, `DataError` for a file that cannot be used.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as threads:
    ...     print(sweep({"base": 2, "exp": [1, 5]}, trial=pow, executor=threads).table()["result"])
    [2, 32]
    """
    settings = list(combinations(grid))
    function, fixed = trial_of(trial, data, target)
    name = value_name(trial or train_on_table)
    settings = [{**fixed, **one} for one in settings]
    if trial is None:
        check_settings(settings)
    check_trial(function, settings)
    if executor is not None and not isinstance(executor, Executor):
        way = "client.get_executor()" if callable(getattr(executor, "get_executor", None)) else "ThreadPoolExecutor(4)"
        raise InvalidType(f"executor={quoted(executor)} is not a concurrent.futures.Executor (give one, as {way})")
    workers = processors() if workers is None else whole("workers", workers, 1)
    if executor is None:
        check_sendable(function)
    else:
        workers = int(getattr(executor, "_max_workers", None) or processors())
    if path is not None:
        check_writable(path)
    digests: dict[str, str] = {}
    if trial is None:
        table = function.keywords["table"] if isinstance(function, partial) else None
        digests = digests_of(settings) if table is None else {table.source: digest_of(table)}
    journal = Journal(path)
    known = {record.key: record for record in journal.read()}
    if flag("retry", retry):
        known = {key: record for key, record in known.items() if record.status == "done"}
    wanted = {key_of(name, one, digests.get(str(one.get("data")), "")): one for one in settings}
    todo = [one for key, one in wanted.items() if key not in known]
    shown = sys.stderr.isatty() if progress is None else flag("progress", progress)
    for number, record in enumerate(executed(function, name, todo, executor, workers), 1):
        record = replace(record, digest=digests.get(str(record.settings.get("data")), ""))
        journal.append(record)
        known[record.key] = record
        if shown:
            print(
                f"\rsweep: {number}/{len(todo)} trials, the last {record.status} ", end="", file=sys.stderr, flush=True
            )
    if shown and todo:
        print(file=sys.stderr)
    return Sweep(tuple(known[key] for key in wanted))


def combinations(grid: object) -> Iterator[dict[str, Any]]:
    """The settings of a grid, the last name changing fastest.

    >>> list(combinations([{"depth": [1, 2], "width": 8}, {"depth": 9}]))
    [{'depth': 1, 'width': 8}, {'depth': 2, 'width': 8}, {'depth': 9}]
    """
    if isinstance(grid, Mapping):
        lists = [values_of(str(name), value) for name, value in grid.items()]
        count = 1
        for values in lists:
            count *= len(values)
        if count > MOST:
            raise InvalidValue(f"the grid has {count:,} trials (at most {MOST:,}; give fewer values)")
        for chosen in itertools.product(*lists):
            yield dict(zip(map(str, grid), chosen, strict=True))
    elif isinstance(grid, Sequence) and not isinstance(grid, (str, bytes)):
        for part in grid:
            if not isinstance(part, Mapping):
                raise InvalidType(
                    f"a grid among several must be a mapping, got {quoted(part)} (as {{'depth': [1, 2]}})"
                )
            yield from combinations(part)
    else:
        raise InvalidType(
            f"a grid must be a mapping from settings to values, or a list of them, got {quoted(grid)} "
            "(as {'depth': [1, 2, 4], 'seed': range(3)})"
        )


def values_of(name: str, value: object) -> list[Any]:
    """The values of a setting: those of a list, a range or an array, or the one that was given."""
    if isinstance(value, (list, tuple, range, np.ndarray)):
        values = list(value.tolist() if isinstance(value, np.ndarray) else value)
        if not values:
            raise InvalidValue(f"the setting {name!r} has no values (give at least one)")
        return values
    return [value]


def trial_of(trial: Trial | None, data: object, target: str | None) -> tuple[Trial, dict[str, Any]]:
    """The function to call, and settings that all trials share."""
    if trial is not None:
        if not callable(trial):
            raise InvalidType(
                f"trial={quoted(trial)} is not a function of the settings (as def trial(depth, seed): ...)"
            )
        if data is not None or target is not None:
            raise InvalidType("data and target are for the trial that trains on a table (put your own into the grid)")
        return trial, {}
    fixed: dict[str, Any] = {} if target is None else {"target": target}
    if data is None:
        return train_on_table, fixed
    if isinstance(data, (str, Path)):
        return train_on_table, {"data": str(data), **fixed}
    if not (isinstance(data, tuple) and len(data) == 2):
        raise InvalidType(f"data must be a CSV file or a pair of arrays, got {quoted(data)} (as (X, y))")
    inputs, outputs = (np.asarray(part, dtype=float) for part in data)
    if inputs.ndim != 2 or outputs.shape not in ((len(inputs),), (len(inputs), 1)):
        raise InvalidValue(
            f"data must be rows of inputs and a target for each, got shapes {inputs.shape} and {outputs.shape}"
        )
    name = target or "target"
    columns = (*(f"x{k + 1}" for k in range(inputs.shape[1])), name)
    table = Table("arrays", columns, np.column_stack([inputs, outputs]))
    table = replace(table, source=f"arrays {digest_of(table)}")
    return partial(train_on_table, table=table), {"data": table.source, "target": name}


def check_trial(trial: Trial, settings: Sequence[Mapping[str, Any]]) -> None:
    """Refuse settings that the trial has no arguments for, before the first one runs."""
    for one in settings:
        plain(one)
        if not takes_names(trial, one):
            name = value_name(getattr(trial, "func", trial))
            given = f"with {', '.join(map(repr, one))}" if one else "without settings"
            raise InvalidType(
                f"the trial {name} cannot be called {given} "
                "(name the settings as its arguments; for the trial that trains, data and target are needed)"
            )


def takes_names(trial: Trial, settings: Mapping[str, Any]) -> bool:
    """Whether a function can be called with these names."""
    try:
        inspect.signature(trial).bind(**settings)
    except TypeError:
        return False
    except ValueError:  # a built-in function without a signature
        return True
    return True
