"""Checkpoints: a killed run that is resumed ends as if it had not been killed, and nothing but a fitting, whole checkpoint is resumed."""

from __future__ import annotations

import inspect
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import symfold as sf
from symfold.base.tensor_files import write_tensors
from symfold.compute.backends.stacks import Stack
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.errors import DataError, InvalidType, InvalidValue, SystemFailure
from symfold.training.loop.checkpoints import Snapshot, difference, digest, identity, prepare, read, write
from symfold.training.step.training_step import training_of, update_of


def net_of(depth: int = 3, width: int = 2) -> Net:
    blocks = sf.layers(f"f1:{depth + 1}", sf.dense(width, width, sf.tanh))
    return Net.of(sf.squared_error(sf.fold(sf.mappers.residual, blocks, sf.tensor("x", (None, width))), sf.tensor("t", (None, width))))


LOSS = net_of()
SETTINGS: dict[str, Any] = {"optimizer": "momentum(rate=0.01, decay=0.9)", "batch_size": 4, "seed": 0}


def snapshot(epoch: int, **changes: Any) -> Snapshot:
    generator = np.random.default_rng(epoch)
    arrays = {"w": generator.normal(size=(3, 2)), "half": np.ones(2, np.float32), "step": np.array(epoch), "none": np.zeros((0, 3)), "done": np.array([True])}
    history = {"metrics": {"accuracy": [np.float32(0.1), 0.1 + 0.2, float("nan")]}, "stopped": None}
    return replace(Snapshot(identity(LOSS), SETTINGS, arrays, epoch, generator.bit_generator.state, history), **changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    prepare(path, resume=False)
    for epoch in (2, 4, 6):
        write(path, snapshot(epoch))
    return path


def refused(folder: Path, net: Net = LOSS, settings: dict[str, Any] = SETTINGS) -> str:
    with pytest.raises(DataError) as error:
        read(folder, net, settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    written, back = snapshot(6), read(folder, LOSS, SETTINGS)
    assert back is not None and back.epoch == 6 and back.settings == SETTINGS and back.net == written.net
    assert {name: (array.dtype, array.shape, array.tobytes()) for name, array in back.arrays.items()} == {
        name: (array.dtype, array.shape, array.tobytes()) for name, array in written.arrays.items()
    }
    again = np.random.default_rng()
    again.bit_generator.state = back.random
    continued = np.random.default_rng(6)
    continued.normal(size=(3, 2))
    assert again.integers(2**60, size=5).tolist() == continued.integers(2**60, size=5).tolist()
    accuracy = back.history["metrics"]["accuracy"]  # type: ignore[call-overload, index]
    assert accuracy[:2] == [float(np.float32(0.1)), 0.1 + 0.2] and np.isnan(accuracy[2])


def test_others_read_the_arrays(folder: Path) -> None:
    arrays = load_file(folder / "epoch-000006.safetensors")
    assert np.array_equal(arrays["w"], snapshot(6).arrays["w"]) and arrays["half"].dtype == np.float32


def test_the_last_k_are_kept_and_nothing_else_is_deleted(folder: Path) -> None:
    others = ("notes.txt", "epoch-1.safetensors", "epoch-000001.safetensors.bak")
    for name in others:
        (folder / name).write_text("mine")
    write(folder, snapshot(1_234_567), keep=2)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*others, "epoch-000006.safetensors", "epoch-1234567.safetensors"])
    back = read(folder, LOSS, SETTINGS)
    assert back is not None and back.epoch == 1_234_567
    with pytest.raises(InvalidValue, match="keep=0"):
        write(folder, snapshot(8), keep=0)


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    contents = set()
    for k in range(4):
        prepare(tmp_path / str(k), resume=False)
        contents.add(write(tmp_path / str(k), snapshot(1)).read_bytes())
    assert len(contents) == 1


def test_a_folder_without_checkpoints_has_nothing_to_resume(tmp_path: Path) -> None:
    prepare(tmp_path / "new", resume=True)
    assert read(tmp_path / "new", LOSS, SETTINGS) is None
    with pytest.raises(DataError, match="cannot read checkpoints from"):
        read(tmp_path / "missing", LOSS, SETTINGS)


def test_a_truncated_checkpoint_is_refused_and_the_previous_good_one_named(folder: Path) -> None:
    newest, middle = folder / "epoch-000006.safetensors", folder / "epoch-000004.safetensors"
    whole = newest.read_bytes()
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        newest.write_bytes(whole[:length])
        message = refused(folder)
        assert "not a complete safetensors file" in message and "newest before it that fits is 'epoch-000004.safetensors'" in message
    middle.write_bytes(middle.read_bytes()[:-3])
    assert "'epoch-000002.safetensors'" in refused(folder)
    (folder / "epoch-000002.safetensors").unlink()
    assert "none before it fits" in refused(folder)
    newest.write_bytes(whole)
    assert read(folder, LOSS, SETTINGS) is not None


def test_an_altered_checkpoint_is_refused(folder: Path) -> None:
    newest, rng = folder / "epoch-000006.safetensors", random.Random(0)
    whole = newest.read_bytes()
    for _ in range(25):
        altered = bytearray(whole)
        altered[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        newest.write_bytes(altered)
        assert "epoch-000004.safetensors" in refused(folder)
    newest.write_bytes((folder / "epoch-000004.safetensors").read_bytes())
    assert "epoch-000006.safetensors' is misnamed: it is of epoch 4, and its name says 6 (" in refused(folder)
    newest.write_bytes(b"")
    for metadata, words in (({}, "is not a checkpoint: its metadata has none"), ({"checkpoint": "{", "checksum": ""}, "was altered"), ({"checkpoint": "{", "checksum": digest({}, "{")}, "is not a checkpoint that this symfold reads")):
        write_tensors(newest, {}, metadata)
        assert words in refused(folder)


DIFFERENT: dict[str, tuple[Net, dict[str, Any], str]] = {
    "depth": (net_of(4), SETTINGS, "net['parameters']['W1 ... W4'] is only here"),
    "width": (net_of(3, 3), SETTINGS, "net['parameters']['W1 ... W3'] is [3, 2, 2] there and [3, 3, 3] here"),
    "operations": (Net.of(LOSS.outputs[0] * 2), SETTINGS, "net['operations'] is"),
    "seed": (LOSS, {**SETTINGS, "seed": 1}, "settings['seed'] is 0 there and 1 here"),
    "a setting more": (LOSS, {**SETTINGS, "clip": 1.0}, "settings['clip'] is only here"),
    "a setting less": (LOSS, {"seed": 0}, "settings['optimizer'] is only there"),
    "a type": (LOSS, {**SETTINGS, "seed": 0.0}, "settings['seed'] is 0 there and 0.0 here"),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_a_checkpoint_of_another_training_is_refused_with_what_differs(case: str, folder: Path) -> None:
    net, settings, words = DIFFERENT[case]
    message = refused(folder, net, settings)
    assert words in message and "epoch-000006" in message and "give another folder" in message
    write(folder, snapshot(4, net=identity(net), settings=settings))
    assert "newest before it that fits is 'epoch-000004.safetensors'" in refused(folder, net, settings)


def test_differences_are_found_anywhere() -> None:
    assert difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "x") == "x['a'] is [1, {'b': 2}] there and [1, {'b': 3}] here"
    assert difference({"a": float("nan")}, {"a": float("nan")}, "x") is None and difference(0.0, -0.0, "x")


def test_what_a_checkpoint_cannot_hold_is_named_and_nothing_is_written(folder: Path) -> None:
    for changes, words in (({"history": {"model": [object()]}}, "history['model'][0]"), ({"history": {1: 2}}, "history is {1: 2}"), ({"arrays": {"w": np.array(["a"])}}, "'w' is of type <U1")):
        with pytest.raises(InvalidType, match=re.escape(words)):
            write(folder, snapshot(8, **changes))
    assert sorted(path.name for path in folder.iterdir()) == [f"epoch-00000{k}.safetensors" for k in (2, 4, 6)]


def test_places_that_hold_no_checkpoints(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path, words in ((tmp_path / "file", "it is a file"), (tmp_path / "a" / "b", "there is no folder"), (folder, "holds checkpoints already, the newest 'epoch-000006.safetensors'"), ("a\0b", "null")):
        with pytest.raises(DataError, match=words):
            prepare(path, resume=False)
    with pytest.raises(InvalidType, match="checkpoint=3 is not a path"):
        prepare(3, resume=False)  # type: ignore[arg-type]
    (folder / ".symfold.half").write_text("of a killed process")
    prepare(folder, resume=True)
    assert not (folder / ".symfold.half").exists()


def test_a_folder_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    for call in (lambda: prepare(folder, resume=True), lambda: write(folder, snapshot(8))):
        with pytest.raises(DataError, match="no permission to write there"):
            call()
    assert read(folder, LOSS, SETTINGS) is not None


@contextmanager
def disk_of(room: int) -> Iterator[None]:
    """No file may be longer than this."""
    resource = pytest.importorskip("resource")
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_one_error_and_what_was_written_is_kept(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with disk_of(1000), pytest.raises(SystemFailure, match=r"cannot write .*epoch-000008\.safetensors"):
        write(folder, snapshot(8), keep=1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert write(folder, snapshot(8), keep=1).exists()


# ---------------------------------------------------------------- killed and resumed

EPOCHS = 12
DATA = {name: np.random.default_rng(k).normal(size=(40, 2)) for k, name in enumerate("xt")}


def trained(folder: Path, backend: str = "numpy", dtype: str = "float64", epochs: int = EPOCHS) -> np.ndarray[Any, Any]:
    """A training with momentum that writes a checkpoint every second epoch, resumed if it can be: its parameters and slots."""
    update = update_of(LOSS, LOSS.init(0), sf.optimizers.momentum(0.01))
    prepare(folder, resume=True)
    saved, done = read(folder, LOSS, SETTINGS), 0
    if saved is not None:
        update, done = replace(update, start=Parameters(update.start.layout, saved.arrays["state"])), saved.epoch
    training = training_of(update, backend, dtype)
    generator = np.random.default_rng(0)
    for epoch in range(1, epochs + 1):
        rows = generator.permutation(40).reshape(-1, 4)
        if epoch > done:
            training.run(Stack(len(rows), DATA, rows))
            if epoch % 2 == 0:
                write(folder, Snapshot(identity(LOSS), SETTINGS, {"state": training.state.flat}, epoch), keep=2)
    return training.state.flat.copy()


class Stopped(Exception):
    """A training stopped by an error in the middle."""


def fitted(folder: Path, backend: str = "numpy", dtype: str = "float64", stop: int | None = None) -> np.ndarray[Any, Any]:
    """The same by `sf.fit`, which is resumed if it can be; with `stop`, until an error after this epoch."""
    if "checkpoint" not in inspect.signature(sf.fit).parameters:
        pytest.skip("sf.fit takes no checkpoint yet")

    def callback(record: Any) -> None:
        if record.epoch == stop:
            raise Stopped

    options: dict[str, Any] = {"checkpoint": folder, "every": 2, "keep": 2, "resume": True} | ({"callbacks": [callback]} if stop else {})
    return sf.fit(LOSS, LOSS.init(0), DATA, optimizer=sf.optimizers.momentum(0.01), epochs=EPOCHS, batch_size=4, backend=backend, dtype=dtype, **options).params.flat


BACKENDS = pytest.mark.parametrize(("backend", "dtype"), [("numpy", "float64"), ("native", "float64"), ("native", "float32"), ("jax", "float64"), ("jax", "float32")])


@BACKENDS
def test_every_backend_continues_bit_for_bit(backend: str, dtype: str, tmp_path: Path) -> None:
    pytest.importorskip({"native": "llvmlite"}.get(backend, backend))
    expected = trained(tmp_path / "whole", backend, dtype)
    stopped = trained(tmp_path / "half", backend, dtype, epochs=5)
    assert not np.array_equal(stopped, expected)
    assert np.array_equal(trained(tmp_path / "half", backend, dtype), expected)


@BACKENDS
def test_fit_continues_bit_for_bit_on_every_backend(backend: str, dtype: str, tmp_path: Path) -> None:
    pytest.importorskip({"native": "llvmlite"}.get(backend, backend))
    expected = fitted(tmp_path / "whole", backend, dtype)
    with pytest.raises(Stopped):
        fitted(tmp_path / "half", backend, dtype, stop=5)
    assert sorted(path.name for path in (tmp_path / "half").iterdir()) == ["epoch-000002.safetensors", "epoch-000004.safetensors"]
    assert np.array_equal(fitted(tmp_path / "half", backend, dtype), expected)


RUNS = pytest.mark.parametrize("run", [trained, fitted])


def killed(work: Any, seconds: float | None = None, events: int | None = None) -> bool:
    """Whether a process of its own was killed at work: after this time, or at this event (a file opened, renamed, deleted, ...)."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        count = 0

        def kill(event: str, args: object) -> None:
            nonlocal count
            count += event.startswith(("open", "os.", "tempfile."))
            if count == events:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(kill)
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the process failed by itself"
    return os.WIFSIGNALED(status)


posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
forks = pytest.mark.filterwarnings("ignore:.*fork")  # of threads that other tests started; the child uses none


@posix
@forks
@RUNS
def test_a_run_that_is_killed_and_resumed_ends_with_exactly_the_parameters_of_one_that_is_not(run: Any, tmp_path: Path) -> None:
    expected, rng = run(tmp_path / "whole"), random.Random(0)
    for moment in range(2):
        folder = tmp_path / str(moment)
        assert killed(lambda folder=folder: run(folder), events=rng.randrange(1, 30))
        assert np.array_equal(run(folder), expected)


@posix
@forks
@pytest.mark.slow
@RUNS
def test_runs_that_are_killed_at_random_moments_end_with_exactly_the_parameters_of_one_that_is_not(run: Any, tmp_path: Path) -> None:
    run(tmp_path / "first")  # compiles what later runs find compiled
    begin = time.monotonic()
    expected = run(tmp_path / "whole")
    longest, rng, cut = time.monotonic() - begin, random.Random(50), 0
    for moment in range(50):
        folder = tmp_path / str(moment)
        cut += killed(lambda folder=folder: run(folder), seconds=rng.uniform(0, longest))
        assert np.array_equal(run(folder), expected)
    assert cut >= 10
