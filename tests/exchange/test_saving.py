"""Saved nets: what is loaded is what was saved, others read it, and a file that does not fit its net is refused."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CASES
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import symfold as sf
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.errors import DataError, InvalidType, InvalidValue, ShapeError, SymfoldError, UnknownName

NET = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
NAMES = ["W1", "W2", "W3", "b1", "b2", "b3"]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    sf.save(tmp_path / "model.safetensors", NET, NET.init(0))
    return tmp_path / "model.safetensors"


def refused(path: Path, net: Any = None) -> str:
    with pytest.raises(DataError) as error:
        sf.load(path, net=net)
    assert "\n" not in str(error.value) and path.name in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_net_is_loaded_as_it_was_saved(name: str, tmp_path: Path) -> None:
    net = Net.of(CASES[name].build(3))
    try:
        params = net.init(seed=1)
    except SymfoldError:
        pytest.skip("a net of opaque sizes has no parameters")
    sf.save(tmp_path / "n.safetensors", net, params)
    back, values = sf.load(tmp_path / "n.safetensors")
    assert back == net and values == params and values.layout == params.layout


def test_others_read_the_parameters_and_the_net(saved: Path) -> None:
    arrays, params = load_file(saved), NET.init(0)
    assert sorted(arrays) == NAMES and all(np.array_equal(arrays[name], params[name]) for name in NAMES)
    with safe_open(saved, "np") as file:
        assert sf.from_json(file.metadata()["net"]) == NET


def test_a_loaded_net_gives_the_same_numbers_and_trains_on(saved: Path) -> None:
    net, params = sf.load(saved)
    x = np.random.default_rng(0).normal(size=(5, 2))
    assert np.array_equal(net(params, x=x), NET(NET.init(0), x=x))
    loss = sf.Net.of(sf.squared_error(net, sf.tensor("t", (None, 2))))
    assert np.isfinite(sf.fit(loss, params, {"x": x, "t": x}, optimizer=sf.sgd(0.01)).history.loss[0])


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize(("given", "back"), [("f4", "f4"), ("f2", "f2"), ("f8", "f8"), (">f4", "f4"), ("i4", "f8"), ("?", "f8")])
def test_types_are_kept(suffix: str, given: str, back: str, tmp_path: Path) -> None:
    params = {name: (10 * value).astype(given) for name, value in NET.init(0).items()}
    sf.save(tmp_path / f"p{suffix}", NET, params)
    _, loaded = sf.load(tmp_path / f"p{suffix}", net=NET)
    assert isinstance(loaded, Parameters) and loaded.flat.dtype == back
    assert all(np.array_equal(loaded[name], params[name]) for name in NAMES)


def test_of_several_types_the_widest_holds_all(tmp_path: Path) -> None:
    params = dict(NET.init(0).items()) | {"W1": np.full((2, 2), 0.1, np.float32)}
    sf.save(tmp_path / "p.safetensors", NET, params)
    loaded = sf.load(tmp_path / "p.safetensors")[1]
    assert loaded.flat.dtype == float and all(np.array_equal(loaded[name], params[name]) for name in NAMES)


def test_parameters_of_others_are_read_for_a_net(tmp_path: Path) -> None:
    params = {name: np.array(value) for name, value in NET.init(0).items()}
    save_file(params, tmp_path / "weights.safetensors", {"format": "pt"})
    np.savez(tmp_path / "weights.npz", **params)
    for name in ("weights.safetensors", "weights.npz"):
        assert sf.load(tmp_path / name, net=NET) == (NET, params)
        assert "(give the net: sf.load('weights" in refused(tmp_path / name)
    np.savez_compressed(tmp_path / "weights.npz", **params)
    assert "packed, which np.savez does not" in refused(tmp_path / "weights.npz", NET)


def test_an_npz_may_have_parameters_of_any_name(tmp_path: Path) -> None:
    net = Net.of(sf.tensor("x") * sf.parameter("file") + sf.parameter("allow_pickle"))
    sf.save(tmp_path / "p.npz", net, {"file": 2.0, "allow_pickle": 3.0})
    assert sf.load(tmp_path / "p.npz", net=net)[1] == {"file": 2.0, "allow_pickle": 3.0}
    with np.load(tmp_path / "p.npz", allow_pickle=False) as arrays:
        assert float(arrays["file"]) == 2.0


def test_a_shared_parameter_is_saved_once(tmp_path: Path) -> None:
    f, x = sf.layers("f1:3", sf.dense(2, 2)), sf.tensor("x", (None, 2))
    net = Net.of(f[0](sf.fold(sf.mappers.residual, f, x)))
    sf.save(tmp_path / "n.safetensors", net, net.init(0))
    back, params = sf.load(tmp_path / "n.safetensors")
    ones = np.ones((1, 2))
    assert np.array_equal(back(params, x=ones), net(net.init(0), x=ones)) and sorted(load_file(tmp_path / "n.safetensors")) == ["W1", "W2", "b1", "b2"]


def test_what_is_saved_is_checked_first(tmp_path: Path, saved: Path) -> None:
    params, before = dict(NET.init(0).items()), saved.read_bytes()
    for given, kind, words in (
        ({**params, "W9": 0.0}, UnknownName, "unknown parameter: 'W9'"),
        ({name: params[name] for name in NAMES[1:]}, InvalidValue, "no value for parameter 'W1'"),
        ({**params, "W1": np.zeros(3)}, ShapeError, r"'W1' has shape \(2, 2\), got \(3,\)"),
        ({**params, "W1": "text"}, InvalidType, "not an array of numbers"),
        (None, InvalidType, "expected values by name"),
    ):
        with pytest.raises(kind, match=words):
            sf.save(saved, NET, given)  # type: ignore[arg-type]
    for name in ("model", "model.pt", "model.pkl"):
        with pytest.raises(InvalidValue, match=r"ends in \.safetensors or \.npz"):
            sf.save(tmp_path / name, NET, params)
    with pytest.raises(UnknownName, match=r"a net has no 'save' \(write sf\.save\(path, net, params\)\)"):
        NET.save(saved)
    with pytest.raises(InvalidType, match="is not a path"):
        sf.save(NET, saved, params)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no folder"):
        sf.save(tmp_path / "none" / "m.safetensors", NET, params)
    assert saved.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"W2": None}, "parameter 'W2' is missing (it holds 'W1', 'W3'"),
    "extra": ({"Q": np.zeros(2)}, "'Q' is no parameter of it (the net has 'W1', 'W2'"),
    "misshapen": ({"b3": np.zeros((1, 3))}, "parameter 'b3' has shape (1, 2) in the net and (1, 3) in the file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_parameters_that_do_not_fit_their_net(case: str, saved: Path) -> None:
    changes, words = WRONG[case]
    arrays = {**load_file(saved), **changes}
    save_file({name: array for name, array in arrays.items() if array is not None}, saved, {"net": NET.to_json()})
    assert words in refused(saved)
    assert words in refused(saved, NET)
    np.savez(saved.with_suffix(".npz"), **{name: array for name, array in arrays.items() if array is not None})
    assert words in refused(saved.with_suffix(".npz"), NET)


def test_a_net_that_cannot_be_read_is_named(saved: Path) -> None:
    deep = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(2, 2), count="n"), sf.tensor("x", (None, 2)))
    for text, words in (("{", "not JSON"), ('{"symfold": 99}', "not a net"), (NET.to_json().replace('"symfold":', '"symfold":9', 1), "format"), (deep.to_json(), "have no size yet"), (deep.at(n=10**12).to_json(), "a family of parameters has 1,000,000,000,000")):
        save_file(load_file(saved), saved, {"net": text})
        assert words in refused(saved)


def test_truncated_anywhere_or_foreign(saved: Path) -> None:
    whole = saved.read_bytes()
    for length in (*range(0, len(whole), 97), len(whole) - 1):
        saved.write_bytes(whole[:length])
        refused(saved)
    for content in (b"a,b\n1,2\n", bytes(range(256)) * 10, b"PK\x03\x04", b"\x89HDF\r\n\x1a\n" + bytes(100)):
        saved.write_bytes(content)
        refused(saved, NET)
    assert "no such file" in refused(saved.with_name("none.safetensors"))
    assert "directory" in refused(saved.parent)


def test_pickles_are_refused_by_name_and_never_read(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "exploded"),)

    path = tmp_path / "model.pt"
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(Bomb(), protocol))
        assert "it is a pickle, as torch.save writes" in refused(path, NET)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(Bomb()))
    assert "safetensors.torch.save_file(model.state_dict()" in refused(path, NET) and not (tmp_path / "exploded").exists()


def test_checkpoints_of_pytorch_are_refused_and_its_safetensors_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_tensors

    tensors = {name: torch.tensor(value, dtype=torch.float32) for name, value in NET.init(0).items()}
    torch.save(tensors, tmp_path / "new.pt")
    torch.save(tensors, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("new.pt", "old.pt"):
        assert "pickle" in refused(tmp_path / name, NET)
    save_tensors(tensors, tmp_path / "model.safetensors")
    params = sf.load(tmp_path / "model.safetensors", net=NET)[1]
    assert params.flat.dtype == np.float32 and np.array_equal(params["W2"], tensors["W2"].numpy())


def test_equal_nets_give_equal_files(tmp_path: Path) -> None:
    for suffix in (".safetensors", ".npz"):
        for name in ("a", "b"):
            sf.save(tmp_path / f"{name}{suffix}", NET, NET.init(0))
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_a_full_disk_leaves_the_old_file(saved: Path) -> None:
    resource = pytest.importorskip("resource")
    import signal

    before = saved.read_bytes()
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(sf.errors.SystemFailure, match="cannot write"):
            sf.save(saved, NET, NET.init(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert saved.read_bytes() == before and [path.name for path in saved.parent.iterdir()] == ["model.safetensors"]


def test_a_net_and_parameters_in_the_wrong_order_say_the_right_one(tmp_path: Path) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    with pytest.raises(sf.errors.InvalidType, match=r"the net comes before its parameters: sf.save\(path, net, params\)"):
        sf.save(tmp_path / "net.safetensors", net.init(), net)
    with pytest.raises(sf.errors.InvalidValue, match=r"a name that ends in \.onnx"):
        sf.to_onnx(net, tmp_path / "net.txt", net.init())
