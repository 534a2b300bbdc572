"""Models on disk: kept whole, read without pickle, and never believed unseen."""

from __future__ import annotations

import json
import os
import pickle
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import symfold as sf
from symfold.apps.data import Scale
from symfold.apps.regression import Model
from symfold.apps.saved import load_model, save_model
from symfold.apps.table_nets import Shape
from symfold.errors import DataError


def model(mapper: str = "residual") -> Model:
    shape = Shape(mapper, 2, 3, "tanh", ("a", "größe"), "y")
    rng = np.random.default_rng(0)
    params = {p.op.name: rng.normal(size=p.shape) for p in shape.net().params}
    scale, target_scale = Scale(np.array([1.0, 2.0]), np.array([3.0, 4.0])), Scale(np.array([5.0]), np.array([6.0]))
    return Model(shape, params, scale, target_scale, np.array([0, 2]), np.array([1]))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(path, model())
    return path


def rewritten(path: Path, arrays: Mapping[str, Any] | None = None, **changes: Any) -> Path:
    """The same file with some entries and arrays changed (None: left out)."""
    with safe_open(path, "np") as file:
        metadata, stored = file.metadata(), file.get_tensors()
    kept = {name: array for name, array in {**stored, **(arrays or {})}.items() if array is not None}
    about = {name: value for name, value in {**json.loads(metadata["model"]), **changes}.items() if value is not None}
    save_file(kept, path, {**metadata, "model": json.dumps(about)})
    return path


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        load_model(path)
    message = str(error.value)
    assert "\n" not in message and path.name in message
    return message


def test_saved_and_back(saved: Path) -> None:
    before, after = model(), load_model(saved)
    assert after.shape == before.shape
    assert {name: value.tolist() for name, value in after.params.items()} == {n: v.tolist() for n, v in before.params.items()}
    assert after.scale.mean.tolist() == [1.0, 2.0] and after.target_scale.deviation.tolist() == [6.0]
    assert after.train_rows.tolist() == [0, 2] and after.test_rows.tolist() == [1]
    assert [p.name for p in saved.parent.iterdir()] == ["model.safetensors"]


def test_equal_models_give_equal_predictions(saved: Path) -> None:
    rows = np.array([[0.5, 1.0], [2.0, -3.0]])
    m = model()
    state = ((rows - [1.0, 2.0]) / [3.0, 4.0]) @ m.params["W_into"] + m.params["b_into"]
    for k in "12":
        state = np.tanh(state @ m.params["W" + k] + m.params["b" + k]) + state
    expected = ((state @ m.params["W_out"] + m.params["b_out"]) * 6.0 + 5.0)[:, 0]
    assert load_model(saved).predict(rows) == pytest.approx(expected, rel=1e-12)


def test_the_net_and_its_parameters_are_read_by_name(saved: Path) -> None:
    net, params = sf.load(saved)
    assert net == model().shape.net() and params == model().params
    assert all(np.array_equal(array, model().params[name]) for name, array in load_file(saved).items())


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    assert "no such file" in refused(path)
    for content in (b"", b"a,b\n1,2\n", bytes(range(256)) * 10):
        path.write_bytes(content)
        assert "not a complete safetensors file" in refused(path)
    path.write_bytes(pickle.dumps({}))
    assert "it is a pickle" in refused(path)
    net = model().shape.net()
    sf.save(path, net, net.init(0))
    assert "is not a symfold model (give a file that 'symfold train -o" in refused(path)
    for text in ("{", "[1]", "[" * 100_000, '{"format": "symfold model 0"}', "9" * 5000):
        save_file({}, path, {"model": text})
        assert "is not a symfold model" in refused(path)


def test_truncated_anywhere(saved: Path) -> None:
    whole = saved.read_bytes()
    for length in range(0, len(whole) - 1, 37):
        saved.write_bytes(whole[:length])
        refused(saved)


def test_a_damaged_byte_is_refused_or_harmless(saved: Path) -> None:
    whole, rng = saved.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        saved.write_bytes(bytes(damaged))
        try:
            load_model(saved)
        except DataError as error:
            assert "\n" not in str(error)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a missing entry": ({"depth": None}, "'depth' is missing"),
    "an entry too many": ({"cost": 1}, "'cost' belongs to no model"),
    "a missing parameter": ({"arrays": {"W1": None}}, "parameter 'W1' is missing"),
    "one parameter too many": ({"arrays": {"W9": np.zeros((3, 3))}}, "'W9' is no parameter of it"),
    "a parameter's shape": ({"arrays": {"W1": np.zeros((3, 4))}}, "'W1' has shape (3, 3) in the net and (3, 4) in the file"),
    "a parameter that is not finite": ({"arrays": {"b1": np.full((1, 3), np.nan)}}, "'b1' holds numbers that are not finite"),
    "a scale's length": ({"mean": [0.0, 0.0, 0.0]}, "'mean' holds 3 numbers instead of 2"),
    "a scale of text": ({"mean": ["0", "1"]}, "'mean' is not a list of numbers"),
    "a scale that is not finite": ({"mean": [0.0, float("inf")]}, "'mean' holds numbers that are not finite"),
    "a scale beyond floats": ({"mean": [0, 10**400]}, "'mean' holds numbers that are not finite"),
    "a deviation of zero": ({"deviation": [3.0, 0.0]}, "'deviation' holds numbers that are not positive"),
    "a negative deviation": ({"target_deviation": [-6.0]}, "'target_deviation' holds numbers that are not positive"),
    "a row that is not there": ({"train_rows": [0, 7]}, "'train_rows' and 'test_rows' do not hold each row once"),
    "a negative row": ({"test_rows": [-1]}, "do not hold each row once"),
    "a row to train and to test on": ({"test_rows": [0, 1]}, "do not hold each row once"),
    "a column twice": ({"columns": ["a", "a"]}, "'columns' holds a name twice"),
    "the target as a column": ({"target": "a"}, "one of the columns"),
    "another version": ({"format": "symfold model 0"}, "not a symfold model"),
    "a depth of text": ({"depth": "two"}, "'depth' is not a count"),
    "a depth that is true": ({"depth": True}, "'depth' is not a count"),
    "a negative depth": ({"depth": -1}, "not a count"),
    "a huge depth": ({"depth": 100_000}, "'depth' is 100,000 (at most 20,000 are saved)"),
    "another depth": ({"depth": 10_000}, "it holds 8 arrays, and a family of parameters has 10,000"),
    "columns of numbers": ({"columns": [0, 1]}, "list of names"),
    "rows of text": ({"train_rows": ["a"]}, "row numbers"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_contents(case: str, saved: Path) -> None:
    changes, words = WRONG[case]
    assert words in refused(rewritten(saved, **changes))


def test_a_mapper_in_a_file_is_parsed_not_run(saved: Path) -> None:
    rewritten(saved, mapper="__import__('os').getpid()")
    with pytest.raises(DataError, match="attribute"):
        load_model(saved)


def test_an_array_that_does_not_belong_there_is_not_read(saved: Path) -> None:
    for name in ("W1", "junk"):
        rewritten(saved, arrays={name: np.zeros(40 << 20, np.uint8)})
        tracemalloc.start()
        try:
            assert repr(name) in refused(saved)
            assert tracemalloc.get_traced_memory()[1] < 10**7
        finally:
            tracemalloc.stop()
        save_model(saved, model())


def test_an_npz_is_refused_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", W1=np.ones(2))
    assert "a model is a safetensors file (train it with -o FILE.safetensors)" in refused(tmp_path / "model.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused(tmp_path / "pipe")
    assert "directory" in refused(tmp_path)
    with pytest.raises(DataError, match="embedded null"):
        load_model("a\0")
