"""Data of every kind train as the arrays that they hold do; memory maps are read by the batch."""

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import installed
from symfold.errors import InvalidType, InvalidValue
from symfold.training.data.arrays import named
from symfold.training.data.batches import Shuffled

W, X, T = sf.parameter("w", (2,)), sf.tensor("x", (None, 2)), sf.tensor("t", (None,))
LOSS = sf.Net.of(((np.dot(X, W) - T) ** 2).mean())
RANDOM = np.random.default_rng(0)
DATA = {"x": RANDOM.normal(size=(20, 2)), "t": RANDOM.normal(size=20)}
START = {"w": np.array([3.0, -2.0])}
OPTIONS = {"optimizer": sf.sgd(0.05), "epochs": 3}


def fit(data=None, **options):
    return sf.fit(LOSS, START, data, **{**OPTIONS, **options})


@pytest.mark.parametrize("backend", installed())
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_memory_map_trains_as_the_array_in_it(backend: str, dtype: str, tmp_path) -> None:
    data = {name: array.astype(dtype) for name, array in DATA.items()}
    for name, array in data.items():
        np.save(tmp_path / f"{name}.npy", array)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in data}
    for options in ({"batch_size": 6}, {"batch_size": 5, "validation": 0.25}, {}):
        wanted, got = (fit(given, backend=backend, **options) for given in (data, mapped))
        assert wanted.params == got.params and wanted.history == got.history


def test_no_backend_sees_a_memory_map_as_a_whole(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks hold rows in memory, at most a bound of bytes each; rows are those of the array's batches."""
    monkeypatch.setattr("symfold.training.data.batches.MOST", 1000)
    array = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=float, shape=(1000, 10))
    array[:] = np.arange(10_000.0).reshape(1000, 10)
    stacks = list(next(Shuffled({"x": array[100:]}, ["x"], 4, 0, True).epochs()))
    assert all(type(stack.arrays["x"]) is np.ndarray and stack.arrays["x"].nbytes <= 1000 for stack in stacks)
    order = np.random.default_rng(0).permutation(900) + 100
    np.testing.assert_array_equal(np.concatenate([stack["x"].reshape(-1, 10) for stack in stacks])[:, 0], 10.0 * order)
    assert {type(stack) for stack in stacks} == {Stack} and sum(stack.count for stack in stacks) == 225


def test_frames_of_pandas(tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": DATA["x"][:, 0], "b": DATA["x"][:, 1], "t": DATA["t"]}, index=range(100, 120))
    wanted = fit(DATA, batch_size=6)
    assert fit({"x": frame[["a", "b"]], "t": frame["t"]}, batch_size=6).params == wanted.params
    one = sf.Net.of(((sf.tensor("a", (None,)) - sf.tensor("t", (None,)) * sf.parameter("v")) ** 2).mean())
    by_column, by_array = (sf.fit(one, {"v": 0.0}, data, **OPTIONS) for data in (frame[["a", "t"]], {"a": DATA["x"][:, 0], "t": DATA["t"]}))
    assert by_column.params == by_array.params
    with pytest.raises(InvalidType, match="'t' is not an array of numbers"):
        fit({"x": frame[["a", "b"]], "t": frame["t"].astype(str)})
    with pytest.raises(InvalidValue, match="unknown input: 'b'"):
        sf.fit(one, {"v": 0.0}, frame, **OPTIONS)


def test_tensors_and_loaders_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, TensorDataset

    tensors = {name: torch.tensor(array) for name, array in DATA.items()}
    assert fit(tensors, batch_size=6).params == fit(DATA, batch_size=6).params
    assert named({"x": torch.tensor([1.5], dtype=torch.bfloat16)}, ["x"])["x"].tolist() == [1.5]
    run = [{name: array[k : k + 6] for name, array in DATA.items()} for k in range(0, 20, 6)]
    wanted = fit(batches=run)
    pairs = DataLoader(TensorDataset(tensors["t"], tensors["x"]), batch_size=6)
    assert fit(batches=pairs, names=("t", "x")).params == wanted.params
    dicts = DataLoader([{name: tensor[k] for name, tensor in tensors.items()} for k in range(20)], batch_size=6)
    assert fit(batches=dicts).params == wanted.params
    with pytest.raises(InvalidType, match=r"name their entries: names=\('x', 'target'\)"):
        fit(batches=pairs)
    with pytest.raises(InvalidValue, match="a batch has 2 entries for the 3 names"):
        fit(batches=pairs, names=("t", "x", "v"), sample_weight="v")


def test_batches_that_are_tuples_need_the_names_of_their_entries() -> None:
    run = [(DATA["t"][k : k + 6], DATA["x"][k : k + 6]) for k in range(0, 20, 6)]
    wanted = fit(batches=[{"x": x, "t": t} for t, x in run])
    assert fit(batches=run, names=["t", "x"]).params == wanted.params
    for names in (["t"], ["t", "y"], "t", ["t", "x", "x"]):
        with pytest.raises(InvalidValue, match=r"names=.* must name every input once .*'x', 't'"):
            fit(batches=run, names=names)


def test_validation_data_may_be_batches() -> None:
    """They count as the arrays that they are parts of, whatever their sizes; the weight of a sample is left out."""
    held = {"x": RANDOM.normal(size=(7, 2)), "t": RANDOM.normal(size=7)}
    parts = [slice(0, 3), slice(3, 6), slice(6, 7)]
    mappings = [{name: array[part] for name, array in held.items()} for part in parts]
    weighted = [(held["t"][part], np.full(len(held["t"][part]), 9.0), held["x"][part]) for part in parts]
    names = {"names": ("t", "w", "x"), "sample_weight": "w"}
    wanted = fit(DATA, validation=held).history.validation_loss
    assert wanted[-1] == pytest.approx(float(LOSS(fit(DATA).params, **held)), rel=1e-14)
    for batches, options in ((mappings, {}), (iter(mappings), {}), (weighted, names)):
        data = {**DATA, "w": np.ones(20)} if options else DATA
        assert fit(data, validation=batches, **options).history.validation_loss == wanted
    for batches, words in (
        ([], "there is no batch"),
        ([{"x": held["x"]}], "no value for input 't'"),
        ([mappings[0], {"x": np.ones((2, 3)), "t": np.ones(2)}], "cannot be joined: 'x' has entries of different shapes"),
        ([{"x": 1.0, "t": 2.0}], "cannot be joined: 'x' .* is one number"),
    ):
        with pytest.raises(InvalidValue, match=words):
            fit(DATA, validation=batches)
    for odd in ((held["x"], held["t"]), "held", {1.0}, held["x"]):
        with pytest.raises(InvalidType, match="neither data nor a fraction of the samples"):
            fit(DATA, validation=odd)


def test_batches_are_scored_on_the_validation_data() -> None:
    batches = [{name: array[k : k + 5] for name, array in DATA.items()} for k in (0, 5, 10)]
    held = {name: array[15:] for name, array in DATA.items()}
    net = sf.Net.of(np.dot(X, W))
    error = sf.metric(lambda true, predicted: abs(true - predicted).max(), net, "t")
    metrics = {"error": error, "loss": LOSS, "norm": sf.Net.of((W**2).sum()), "first": lambda params: params["w"][0]}
    done = sf.fit(LOSS, START, batches=batches, validation=[held], metrics=metrics, **OPTIONS)
    assert list(done.history.metrics) == ["norm", "first"] and list(done.history.validation) == ["loss", "error", "norm"]
    assert done.history.validation["error"][-1] == pytest.approx(abs(held["t"] - held["x"] @ done.params["w"]).max(), rel=1e-14)
    with pytest.raises(InvalidValue, match=r"metric 'error' reads 'x', .* no whole data \(give validation data"):
        sf.fit(LOSS, START, batches=batches, metrics=metrics, **OPTIONS)
    for name in ("epoch", "validation_loss"):
        with pytest.raises(InvalidValue, match=f"metric '{name}' has the name of another column"):
            fit(DATA, metrics={name: LOSS})


def test_a_source_with_set_epoch_is_told_the_epoch() -> None:
    told = []

    class Source:
        def set_epoch(self, epoch: int) -> None:
            told.append(epoch)

        def __iter__(self):
            yield DATA

    fit(batches=Source())
    assert told == [0, 1, 2]




def test_an_epoch_without_batches_is_an_error_that_keeps_the_parameters() -> None:
    class Once:
        def __init__(self) -> None:
            self.left = [DATA]

        def __iter__(self):
            while self.left:
                yield self.left.pop()

    with pytest.raises(InvalidValue, match="no batches to train on in epoch 2") as caught:
        fit(batches=Once())
    assert caught.value.params == fit(batches=[DATA], epochs=1).params and len(caught.value.history) == 1
