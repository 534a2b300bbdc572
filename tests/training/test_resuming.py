"""A training that is resumed ends bit for bit as one that was never interrupted, wherever it was killed."""

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import installed
from symfold.errors import DataError, InvalidValue

NET = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3, sf.tanh)), sf.tensor("x", (None, 3)))
LOSS = sf.losses.mean_squared_error(NET, sf.tensor("t", (None, 3)))
RANDOM = np.random.default_rng(0)
DATA = {"x": RANDOM.normal(size=(17, 3)), "t": RANDOM.normal(size=(17, 3))}
HELD = {"x": RANDOM.normal(size=(5, 3)), "t": RANDOM.normal(size=(5, 3))}


class Crash(Exception):
    pass


def fit(folder: Path | None, crash: int | None = None, **options):
    """A training that crashes in its callback after some epochs."""

    def callback(record) -> None:
        if record.epoch == crash:
            raise Crash

    options = {"optimizer": sf.adam(0.02), "epochs": 6, "batch_size": 5, "seed": 3, **options}
    data = None if "batches" in options else DATA
    if data is None:
        del options["batch_size"], options["seed"]
    return sf.fit(LOSS, NET.init(0), data, checkpoint=folder, callbacks=callback if crash else (), **options)


class Seeded:
    """Batches that follow from the number of the epoch."""

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self):
        order = np.random.default_rng(self.epoch).permutation(17)
        return ({name: array[rows] for name, array in DATA.items()} for rows in (order[:9], order[9:]))


OPTIONS = {
    "plain": {},
    "metrics": {"metrics": {"loss": LOSS, "w": lambda p: p["W1"][0, 0]}, "validation": HELD},
    "early stopping": {"validation": 0.3, "early_stopping": 2, "optimizer": sf.sgd(0.3), "epochs": 60},
    "stages": {"stages": True, "batch_size": 6},
    "accumulated": {"batch_size": 2, "accumulate": 5, "sample_weight": np.arange(17.0)},
    "a schedule": {"optimizer": sf.sgd(sf.optimizers.cosine(0.3, 30)), "every": 2},
    "a list": {"batches": [{name: array[k : k + 6] for name, array in DATA.items()} for k in (0, 6, 12)]},
    "a source": {"batches": Seeded()},
}


OFTEN = ("early stopping", "accumulated")  # in the default run


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in OFTEN else pytest.mark.slow) for name in OPTIONS])
def test_a_resumed_training_ends_as_one_that_never_stopped(name: str, tmp_path: Path) -> None:
    options = OPTIONS[name]
    wanted = fit(None, **options)
    for crash in (1, 4):
        with pytest.raises(Crash):
            fit(tmp_path / name, crash, resume=True, **options)
    got = fit(tmp_path / name, resume=True, **options)
    assert got.params.flat.tobytes() == wanted.params.flat.tobytes() and got.history == wanted.history
    again = fit(tmp_path / name, resume=True, **options)  # of a training that has ended
    assert again.params == wanted.params and again.history == wanted.history
    assert name != "early stopping" or wanted.history.stopped == name
    assert len(list((tmp_path / name).iterdir())) == 3


@pytest.mark.parametrize("backend", installed())
def test_on_every_backend_in_both_precisions(backend: str, tmp_path: Path) -> None:
    for dtype in ("float64", "float32") if backend != "numpy" else ("float64",):
        options = {"backend": backend, "dtype": dtype}
        with pytest.raises(Crash):
            fit(tmp_path / dtype, 4, **options)
        got, wanted = fit(tmp_path / dtype, resume=True, **options), fit(None, **options)
        assert got.params.flat.tobytes() == wanted.params.flat.tobytes() and got.history == wanted.history


def test_more_epochs_may_follow(tmp_path: Path) -> None:
    fit(tmp_path / "run", epochs=5, every=10)
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["epoch-000005.safetensors"]
    assert fit(tmp_path / "run", resume=True, epochs=9).params == fit(None, epochs=9).params


KILLED = """
import os, signal, sys, tempfile, time
from pathlib import Path
import numpy as np
sys.path.insert(0, {folder!r})
from test_resuming import fit

kills, random = int(sys.argv[1]), np.random.default_rng(int(sys.argv[2]))
options = dict(epochs=int(sys.argv[3]), every=1, backend="numpy", validation=0.2)
begun = time.perf_counter()
wanted = fit(None, **options)
with tempfile.TemporaryDirectory() as top:
    begun = time.perf_counter()
    fit(Path(top) / "timed", **options)
    seconds, killed, number = time.perf_counter() - begun, 0, 0
    while killed < kills:
        run, number = Path(top) / str(number), number + 1
        for _ in range(3):  # the same training is killed up to three times
            child = os.fork()
            if not child:
                fit(run, resume=True, **options)
                os._exit(0)
            time.sleep(random.uniform(0, 0.6 * seconds))
            os.kill(child, signal.SIGKILL)
            killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        got = fit(run, resume=True, **options)
        assert got.params.flat.tobytes() == wanted.params.flat.tobytes() and got.history == wanted.history, number
print(killed)
"""


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_a_training_killed_at_any_moment_ends_the_same(kills: int) -> None:
    if not hasattr(os, "fork") or not hasattr(signal, "SIGKILL"):
        pytest.skip("no processes that fork")
    code = KILLED.format(folder=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(kills), "0", "12" if kills < 5 else "60"], capture_output=True, text=True)
    assert done.returncode == 0 and int(done.stdout) >= kills, done.stderr


def test_what_cannot_be_resumed_is_refused_and_stays(tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(run)
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    other = sf.Net.of(LOSS * 2)
    data = {name: array + (name == "x") for name, array in DATA.items()}
    start = {name: array + (name == "W2") for name, array in NET.init(0).items()}
    for match, call in (
        ("holds checkpoints already", lambda: fit(run)),
        (r"settings\['seed'\] is 3 there and 4 here", lambda: fit(run, resume=True, seed=4)),
        (r"settings\['optimizer'\]", lambda: fit(run, resume=True, optimizer=sf.sgd(0.1))),
        (r"settings\['batch_size'\] is 5 there and 6 here", lambda: fit(run, resume=True, batch_size=6)),
        (r"net\['operations'\]", lambda: sf.fit(other, NET.init(0), DATA, optimizer=sf.adam(0.02), epochs=6, batch_size=5, seed=3, checkpoint=run, resume=True)),
        (r"settings\['data'\]", lambda: sf.fit(LOSS, NET.init(0), data, optimizer=sf.adam(0.02), epochs=6, batch_size=5, seed=3, checkpoint=run, resume=True)),
        (r"settings\['params'\]\['W1 ... W2'\] is '\w+\.\.\. there and", lambda: sf.fit(LOSS, start, DATA, optimizer=sf.adam(0.02), epochs=6, batch_size=5, seed=3, checkpoint=run, resume=True)),
        (r"epochs=5, and the checkpoint in .* is of epoch 6 \(give more\)", lambda: fit(run, resume=True, epochs=5)),
        ("needs batches that are the same again.*'list_iterator' is neither", lambda: fit(run, resume=True, epochs=1, batches=iter([DATA]))),
        (r"resume=True needs the folder .*checkpoint='folder'", lambda: fit(None, resume=True)),
        ("every=0", lambda: fit(run, every=0)),
        ("keep=0", lambda: fit(run, keep=0)),
    ):
        with pytest.raises((DataError, InvalidValue), match=match):
            call()
    assert before == {file.name: file.read_bytes() for file in run.iterdir()}


def test_infinite_losses_and_nan_survive(tmp_path: Path) -> None:
    metrics = {"nan": lambda p: math.nan, "inf": lambda p: -math.inf}
    with pytest.raises(Crash):
        fit(tmp_path / "run", 2, metrics=metrics)
    history = fit(tmp_path / "run", resume=True, metrics=metrics, epochs=3).history
    assert np.isnan(history.metrics["nan"]).tolist() == [True] * 3 and history.metrics["inf"] == [-math.inf] * 3
