"""Sweeps: a record per setting, whatever happens to its process, and a file that a later sweep continues."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sweep_trials
from commands import printed
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.apps.sweeps.records import Journal, Record
from symfold.base.cores import processors
from symfold.errors import DataError, InvalidType, InvalidValue, MissingPackage, SymfoldError, UnknownName


def test_a_grid_is_every_combination_once_in_order() -> None:
    with ThreadPoolExecutor(2) as threads:
        found = sf.sweep({"number": [3, 1, 3], "seed": range(2)}, trial=sweep_trials.square, executor=threads)
    wanted = list(dict.fromkeys(itertools.product([3, 1, 3], range(2))))
    assert [(r.settings["number"], r.settings["seed"]) for r in found] == wanted
    assert [r.results["square"] for r in found] == [float(number**2) for number, _ in wanted]
    assert {r.status for r in found} == {"done"}


def test_a_file_is_continued_and_what_is_there_is_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    run = lambda grid: sf.sweep(grid, trial=sweep_trials.noted, executor=threads, path=path)  # noqa: E731
    with ThreadPoolExecutor(1) as threads:
        run({"number": [1, 2], "folder": str(tmp_path)})
        with path.open("ab") as file:
            file.write(b'{"trial": "sweep_trials.noted", "settings": {"number": 9')  # killed in the middle of a line
        found = run({"folder": str(tmp_path), "number": [1, 2, 3]})
    assert [record.results["result"] for record in found] == [-1, -2, -3]
    assert [(tmp_path / str(number)).read_text() for number in (1, 2, 3)] == [".", ".", "."]
    lines = path.read_text().splitlines()
    assert sorted(json.loads(line)["settings"]["number"] for line in lines) == [1, 2, 3]


def test_failures_are_recorded_and_run_again_on_request(tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    with ThreadPoolExecutor(1) as threads:
        found = sf.sweep({"number": [1, 3, 4]}, trial=sweep_trials.unlucky, executor=threads, path=path)
        assert [record.status for record in found] == ["done", "failed", "failed"]
        assert [record.error for record in found] == ["", "ValueError: no root of -3", "SystemExit: leaving"]
        again = {"trial": sweep_trials.unlucky, "executor": threads, "path": path}
        assert len(path.read_text().splitlines()) == 3
        sf.sweep({"number": [1, 3]}, **again)
        assert len(path.read_text().splitlines()) == 3
        sf.sweep({"number": [1, 3]}, retry=True, **again)
        assert len(path.read_text().splitlines()) == 4


@settings(max_examples=15)
@given(st.binary(max_size=60), st.integers(0, 10))
def test_whatever_was_cut_off_is_removed_before_the_next_line(rest: bytes, whole: int) -> None:
    import tempfile

    records = [Record("t", {"k": k}, "done", {"r": k / 2}) for k in range(whole)]
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "a.jsonl")
        for record in records:
            journal.append(record)
        if rest := rest.replace(b"\n", b""):
            with Path(folder, "a.jsonl").open("ab") as file:
                file.write(rest)
        journal.append(Record("t", {"k": -1}, "failed", error="E"))
        assert journal.read() == [*records, Record("t", {"k": -1}, "failed", error="E")]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_error() -> None:
    with pytest.raises(SymfoldError, match="/dev/full"), ThreadPoolExecutor(1) as threads:
        sf.sweep({"number": 1}, trial=sweep_trials.square, executor=threads, path="/dev/full")


@pytest.mark.parametrize("line", ["{}", "[1]", '{"trial": "t"}', "word", '{"trial": "t", "settings": {}, "status": "odd"}'])
def test_a_file_of_something_else_is_refused_by_its_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(Record("t", {}, "done").line.decode() + line + "\n")
    with pytest.raises(DataError, match=r"a\.jsonl', line 2, is no record"):
        sf.sweep({"number": 1}, trial=sweep_trials.square, path=path)
    assert path.read_text().endswith(line + "\n"), "the file was changed"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (({},), InvalidType, "cannot be called without settings"),
        (({"number": 1}, {"trial": 3}), InvalidType, "as def trial(depth, seed)"),
        (({"dept": 1, "data": "a.csv", "target": "y"},), UnknownName, "unknown setting: 'dept'"),
        (("depth",), InvalidType, "'depth'"),
        (([1],), InvalidType, "got 1"),
        (({"depth": []},), InvalidValue, "'depth' has no values"),
        (({"number": 1}, {"executor": 4, "trial": sweep_trials.square}), InvalidType, "executor=4 is not a concurrent.futures.Executor"),
        (({"number": 1}, {"trial": lambda number: 1}), InvalidType, "module"),
        (({"nomber": 1}, {"trial": sweep_trials.square}), InvalidType, "'nomber'"),
        (({"number": 1}, {"trial": sweep_trials.square, "workers": 0}), InvalidValue, "workers"),
        (({"number": 1}, {"trial": sweep_trials.square, "path": "no/where.jsonl"}), DataError, "no folder"),
        (({"number": object()}, {"trial": sweep_trials.square}), InvalidType, "no name that stays"),
        (({"number": range(10**4), "seed": range(10**4)}, {"trial": sweep_trials.square}), InvalidValue, "100,000,000"),
        (({"depth": 1}, {"data": (np.ones((3, 2)), np.ones(4))}), InvalidValue, "(3, 2)"),
        (({"depth": 1}, {"data": 3}), InvalidType, "CSV file"),
        *(
            (({name: [good, bad]}, {"data": (np.ones((9, 2)), np.ones(9))}), SymfoldError, words)
            for name, good, bad, words in (
                ("mapper", "lstm", "resnet", "unknown mapper: 'resnet'"),
                ("mapper", "f(z) + z", "f(z) + ", "invalid syntax"),
                ("activation", "tanh", "swish", "unknown activation: 'swish'"),
                ("optimizer", "adam", "adum", "unknown optimizer: 'adum'"),
                ("schedule", "cosine", "cosin", "unknown schedule: 'cosin'"),
                ("loss", None, "l1", "unknown loss: 'l1'"),
                ("backend", "numpy", "nump", "unknown backend: 'nump'"),
                ("depth", 0, -1, "depth"),
                ("width", 1, 0, "width"),
                ("rate", 0.1, 0.0, "rate"),
                ("validation", 0.2, 1.0, "validation=1.0 must lie between 0 and 1"),
                ("seed", 0, -1, "seed"),
            )
        ),
        (({"depth": 1, "data": "none.csv", "target": "y"},), DataError, "no such file"),
    ],
)
def test_a_mistake_is_named_before_anything_runs(arguments: tuple[Any, ...], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        sf.sweep(arguments[0], **(arguments[1] if len(arguments) > 1 else {}))
    assert words in str(raised.value) and isinstance(raised.value, SymfoldError)


def test_the_default_trial_trains_on_the_data_given() -> None:
    """More epochs fit better; tests/apps/test_tasks.py has the training by hand."""
    random = np.random.default_rng(0)
    inputs, target = random.standard_normal((20, 2)), random.standard_normal(20)
    with ThreadPoolExecutor(1) as threads:
        found = sf.sweep({"depth": 0, "width": 2, "epochs": [1, 2], "rate": 0.1, "batch_size": 100}, data=(inputs, target), executor=threads)
    assert [record.status for record in found] == ["done", "done"], found[0].error
    first, second = (record.results["train_rmse"] for record in found)
    assert second < first
    assert found.best("train_rmse") is found[1]


@pytest.mark.parametrize("as_file", [True, False])
def test_a_table_that_has_changed_is_trained_on_again(as_file: bool, tmp_path: Path) -> None:
    path, source = tmp_path / "s.jsonl", tmp_path / "s.csv"

    def run(seed: int) -> Any:
        rows = np.random.default_rng(seed).standard_normal((12, 2))
        source.write_text("a,y\n" + "".join(f"{a},{y}\n" for a, y in rows))
        data: Any = source if as_file else (rows[:, :1], rows[:, 1])
        with ThreadPoolExecutor(1) as threads:
            return sf.sweep({"depth": 0, "epochs": 1}, data=data, target="y", executor=threads, path=path)[0]

    first, second, again = run(0), run(1), run(0)
    assert first == again and first.results["train_rmse"] != second.results["train_rmse"]
    assert first.digest != second.digest
    assert [json.loads(line)["digest"] for line in path.read_text().splitlines()] == [first.digest, second.digest]
    path.write_text(path.read_text().replace(first.digest, ""))
    run(0)
    assert len(path.read_text().splitlines()) == 3, "a record without the digest is no duplicate"


def test_a_table_of_the_records() -> None:
    records = [Record("t", {"depth": d, "mapper": m, "data": "a.csv"}, "done", {"error": d / 10}, seconds=1.5) for d in (1, 2) for m in "ab"]
    records[1] = Record("t", {"depth": 1, "mapper": "b", "data": "a.csv"}, "killed", error="RuntimeError: its process was killed")
    from symfold.apps.sweeps.results import Sweep

    sweep = Sweep(tuple(records))
    assert str(sweep).splitlines() == [
        "depth  mapper  status  error  seconds  error message",
        "1      a       done    0.1    1.5",
        "1      b       killed         0        RuntimeError: its pro ... killed",
        "2      a       done    0.2    1.5",
        "2      b       done    0.2    1.5",
    ]
    assert repr(sweep) == "Sweep of 4 trials: 3 done, 1 killed"
    assert sweep._repr_html_().count("<tr>") == 5
    assert sweep.best("error", largest=True).settings["depth"] == 2
    with pytest.raises(UnknownName, match=r"'loss'.*'error'"):
        sweep.best("loss")


def test_a_frame_and_a_plot() -> None:
    pandas, matplotlib = pytest.importorskip("pandas"), pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from symfold.apps.sweeps.results import Sweep

    records = [
        Record("t", {"depth": d, "mapper": m, "seed": s}, "done", {"error": d + s}) for d in (2, 1) for m in "ab" for s in (0, 1)
    ]
    sweep = Sweep(tuple(records))
    frame = sweep.to_frame()
    assert isinstance(frame, pandas.DataFrame) and frame["error"].tolist() == [r.results["error"] for r in records]
    axes = sweep.plot()
    assert [line.get_label() for line in axes.get_lines()] == ["a", "b"]
    for line in axes.get_lines():
        assert line.get_xdata().tolist() == [1, 2] and line.get_ydata().tolist() == [1.5, 2.5]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("depth", "error")
    plt.close(axes.figure)
    named = Sweep(tuple(Record("t", {"n": n}, "done", {"n": n + 0.5, "note": "good", "seconds": 9}) for n in (1, 2)))
    assert named.table() == {"n": [1, 2], "status": ["done"] * 2, "result n": [1.5, 2.5], "note": ["good"] * 2, "result seconds": [9, 9], "seconds": [0.0, 0.0]}
    axes = named.plot(y="n")
    assert axes.get_lines()[0].get_ydata().tolist() == [1.5, 2.5] and named.plot(ax=axes).get_ylabel() == "seconds"
    plt.close(axes.figure)
    with pytest.raises(UnknownName, match="'note'"):
        named.plot(y="note")
    with pytest.raises(InvalidValue, match=r"no result is a number \(its results: note\)"):
        Sweep((Record("t", {"n": 1}, "done", {"note": "good"}),)).plot()


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from symfold.apps.sweeps.results import Sweep

    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    sweep = Sweep((Record("t", {"depth": 1}, "done", {"error": 1.0}),))
    with pytest.raises(MissingPackage, match="pip install pandas"):
        sweep.to_frame()
    with pytest.raises(MissingPackage, match=r"symfold\[plot\]"):
        sweep.plot()


# processes, which take a second to start


@pytest.mark.slow
@pytest.mark.parametrize("pool", [None, lambda: ProcessPoolExecutor(2)], ids=["own", "given"])
def test_a_killed_process_costs_its_trial_alone(pool: Any, tmp_path: Path) -> None:
    executor = None if pool is None else pool()
    found = sf.sweep({"number": range(8)}, trial=sweep_trials.unlucky, executor=executor, workers=2, path=tmp_path / "a.jsonl")
    status = {2: "killed", 3: "failed", 4: "failed"}
    assert [record.status for record in found] == [status.get(k, "done") for k in range(8)]
    assert [record.results.get("result") for record in found] == [None if k in status else k for k in range(8)]
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 8
    if executor is not None:
        executor.shutdown()


def test_an_executor_that_is_closed_is_refused() -> None:
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    with pytest.raises(InvalidValue, match="takes no trials"):
        sf.sweep({"number": 1}, trial=sweep_trials.square, executor=threads)


def test_a_client_of_dask_is_told_to_give_its_executor() -> None:
    class Client:
        def submit(self, *given: Any) -> None:
            raise AssertionError("a trial was submitted")

        def get_executor(self) -> None: ...

    with pytest.raises(InvalidType, match=r"is not a concurrent\.futures\.Executor .*client\.get_executor\(\)"):
        sf.sweep({"number": 1}, trial=sweep_trials.square, executor=Client())  # type: ignore[arg-type]


class KilledWorker(Exception):
    """As that of dask.distributed."""


class Cluster(Executor):
    """Workers that die of trial 2, with whatever has been given to them meanwhile, and start again."""

    _max_workers = 2

    def __init__(self) -> None:
        self.given: list[tuple[Future[Any], tuple[Any, ...]]] = []

    def submit(self, *call: Any) -> Future[Any]:  # type: ignore[override]
        self.given.append((Future(), call))
        if call[3]["number"] == 3 or len(call) > 4:  # the last of the first attempts, or one alone
            dying = any(call[3]["number"] == 2 for _, call in self.given)
            for future, (function, *values) in self.given:
                if dying:
                    future.set_exception(KilledWorker("run_trial"))
                else:
                    future.set_result(function(*values))
            last, self.given = self.given[-1][0], []
            return last
        return self.given[-1][0]


def test_a_worker_that_dies_costs_its_trial_alone() -> None:
    found = sf.sweep({"number": range(4)}, trial=sweep_trials.square, executor=Cluster())
    assert [record.status for record in found] == ["done", "done", "killed", "done"]
    assert [record.error for record in found if record.error] == ["RuntimeError: its process was killed"]


@pytest.mark.slow
def test_a_pool_that_was_lost_before_is_replaced() -> None:
    pool = ProcessPoolExecutor(1)
    pool.submit(os._exit, 1).exception()
    found = sf.sweep({"number": [1, 2]}, trial=sweep_trials.square, executor=pool)
    assert [record.results["square"] for record in found] == [1.0, 4.0]


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import symfold as sf, math\nsf.sweep({'x': [1.0, 2.0]}, trial=math.sqrt)\n".replace("math.sqrt", "dict"))
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "if __name__ == '__main__':" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_processes_share_the_processors() -> None:
    before = dict(os.environ)
    found = sf.sweep({"number": range(3)}, trial=sweep_trials.threads, workers=2)
    assert {record.results["result"] for record in found} == {os.environ.get("OPENBLAS_NUM_THREADS", str(max(1, processors() // 2)))}
    assert dict(os.environ) == before
    places = sf.sweep({"number": range(6)}, trial=sweep_trials.square, workers=2)
    assert os.getpid() not in {record.results["process"] for record in places}


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed three times at moments of its own; in the end each trial is recorded once."""
    path = tmp_path / "a.jsonl"
    code = (
        "import symfold as sf, sweep_trials\n"
        "if __name__ == '__main__':\n"
        f"    sf.sweep({{'number': range(12)}}, trial=sweep_trials.slow, workers=1, path={str(path)!r})\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here.parent}:{here.parents[1]}"}
    lines = lambda: path.read_bytes().count(b"\n") if path.exists() else 0  # noqa: E731
    for goal in (2, 5, 8):
        process = subprocess.Popen([sys.executable, str(script)], env=environment, start_new_session=True)
        end = time.monotonic() + 60
        while lines() < goal and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(process.pid, 9)
        process.wait()
        assert goal <= lines() < 12
    with ThreadPoolExecutor(1) as threads:
        found = sf.sweep({"number": range(12)}, trial=sweep_trials.slow, executor=threads, path=path)
    assert [record.results["result"] for record in found] == list(range(12))
    assert lines() == 12


def test_many_machines_by_dask() -> None:
    """A local cluster of two workers: a trial that raises is recorded, the rest is done by both workers."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.upload_file(sweep_trials.__file__)
        places = sf.sweep({"number": range(8), "seed": 0}, trial=sweep_trials.square, executor=client.get_executor())
        assert [record.results["square"] for record in places] == [float(k**2) for k in range(8)]
        assert os.getpid() not in {record.results["process"] for record in places}
        found = sf.sweep({"number": [1, 3]}, trial=sweep_trials.unlucky, executor=client.get_executor())
        assert [record.status for record in found] == ["done", "failed"]


@pytest.mark.slow
def test_a_worker_of_dask_that_dies_costs_its_trial_alone() -> None:
    """The scheduler gives a trial up at the first death of its worker: each further one would wait for a worker to start again."""
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.upload_file(sweep_trials.__file__)
        found = sf.sweep({"number": [1, 2, 5, 6]}, trial=sweep_trials.unlucky, executor=client.get_executor())
    assert [record.status for record in found] == ["done", "killed", "done", "done"]


@pytest.mark.slow
def test_the_command_sweeps_and_continues(tmp_path: Path) -> None:
    """The errors are those of `symfold train` with the same settings."""
    table, path = tmp_path / "a.csv", tmp_path / "a.jsonl"
    table.write_text("a,b,y\n" + "".join(f"{k / 7},{k * k % 7},{k / 3}\n" for k in range(20)))
    args = ("residual", "lstm", "--depth", "1,2", "--seed", "0:2", "--epochs", "3", "--loss", "huber", "--validation", "0.25", "--workers", "2", "--data", str(table), "--target", "y")
    found = json.loads(printed("sweep", *args, "-o", str(path), "--json"))
    assert len(found) == 8 and {record["status"] for record in found} == {"done"}
    before = path.read_bytes()
    assert printed("sweep", *args, "-o", str(path)).splitlines()[-1] == f"recorded: {path}"
    assert path.read_bytes() == before
    one = next(r for r in found if (r["settings"]["mapper"], r["settings"]["depth"], r["settings"]["seed"]) == ("lstm", 2, 1))
    report = json.loads(
        printed("train", "lstm", "--depth", "2", "--seed", "1", "--epochs", "3", "--loss", "huber", "--validation", "0.25", "--data", str(table), "--target", "y", "--json")
    )
    assert (one["train_rmse"], one["test_rmse"]) == (report["error"]["train"], report["error"]["test"])
