"""Every architecture in every command; and the nets over tables by loops in NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import call, printed

import symfold as sf
from symfold.apps.data import Table
from symfold.apps.regression import Settings, train
from symfold.apps.table_nets import Shape
from symfold.apps.tasks import target_of
from symfold.errors import SymfoldError
from symfold.mappers import ARCHITECTURES, MAPPERS

COLUMNS = tuple("abcdefghi")  # a square, as images need
TABLE = "".join(
    f"{','.join(f'{value:.6f}' for value in (*row, np.sin(row[0]) + row[1] * row[2]))}\n"
    for row in np.random.default_rng(0).standard_normal((30, 9))
)
FAMILIES = ("mixture", "denseformer", "lstm", "coupling", "unet", "pre_norm", "image_residual")
PAGES = ("rezero", "stacking", "dense_concatenation", "lstm", "coupling", "image_residual")  # which take seconds to write
every = pytest.mark.parametrize("name", [name if name in FAMILIES else pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES])


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "table.csv"
    path.write_text(",".join((*COLUMNS, "y")) + "\n" + TABLE)
    return str(path)


def check_train(name: str, table: str, model: Path) -> None:
    """The command trains, saves, and predicts from the saved model what the errors that it reports are of."""
    args = ("--depth", "2", "--width", "4", "--epochs", "2", "--data", table, "--target", "y", "-o", str(model), "--json")
    report = json.loads(printed("train", name, *args))
    assert report["mapper"] == name and np.isfinite(list(report["error"].values())).all()
    predicted = np.array([float(line) for line in printed("eval", str(model), "--data", table).splitlines()[1:]])
    y = np.loadtxt(table, delimiter=",", skiprows=1)[:, -1]
    errors = (predicted - y) ** 2
    found = [report["error"][part] ** 2 * report["rows"][part] for part in ("train", "test")]
    assert sum(found) == pytest.approx(errors.sum(), rel=1e-9)


TYPED = "z[0] + s(z[0])*(f(x) - z[1]), z[1] + g(z[0])"


def test_several_layers_and_states_typed_are_trained_and_saved(table: str, tmp_path: Path) -> None:
    check_train(TYPED, table, tmp_path / "m.safetensors")


@every
def test_every_architecture_is_printed_and_derived(name: str) -> None:
    """The formula is that of the library, the backward pass is there, and the graph has a node for every input."""
    net = ARCHITECTURES[name].net(2)
    shown = printed("formula", name, "--depth", "2", "--form", "steps")
    if name not in MAPPERS:
        assert shown == net.formula(form="steps") + "\n"
    assert printed("backward", name, "--depth", "2").strip()
    graph = json.loads(printed("graph", name, "--depth", "2", "--json"))
    names = {node.op.name for node in net.inputs}
    assert names <= {node.get("label", node.get("id")) for node in graph["nodes"]}


@pytest.mark.parametrize("name", ["coupling"])
def test_architectures_are_drawn_compared_and_trained(name: str, table: str, tmp_path: Path) -> None:
    printed("draw", name, "--depth", "2", "--level", "fold", "-o", str(tmp_path / "net.svg"))
    assert (tmp_path / "net.svg").read_text().count("<svg") == 1
    check_train(name, table, tmp_path / "model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_drawn_compared_and_trained(name: str, table: str, tmp_path: Path) -> None:
    printed("draw", name, "--depth", "2", "-o", str(tmp_path / "net.svg"))
    other = "residual" if name != "residual" else "boosting"
    page = tmp_path / "page.html"
    report = json.loads(printed("compare", name, other, "--depth", "2", "--json", *(("-o", str(page)) if name in PAGES else ())))
    assert report["first"] == name and page.exists() == (name in PAGES)
    check_train(name, table, tmp_path / "model.safetensors")


def dense(v: dict[str, Any], name: str, z: Any) -> Any:
    return z @ v[f"W_{name}"] + v[f"b_{name}"]


def elman(v: dict[str, Any], x: Any) -> Any:
    """Five columns as three steps of two, the last one filled with a zero."""
    padded = np.hstack([x, np.zeros((len(x), 1))])
    h = np.zeros((len(x), 4))
    for k in range(3):
        h = np.tanh(h @ v["W_g"] + dense(v, "into", padded[:, 2 * k : 2 * k + 2]) @ v["V_g"] + v["b_g"])
    return dense(v, "out", h)


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def lstm(v: dict[str, Any], x: Any) -> Any:
    """Gates without an activation of their own."""
    padded = np.hstack([x, np.zeros((len(x), 1))])
    h = c = np.zeros((len(x), 4))
    for k in range(3):
        u = dense(v, "into", padded[:, 2 * k : 2 * k + 2])
        i, f, o, g = (h @ v[f"W_{n}"] + u @ v[f"V_{n}"] + v[f"b_{n}"] for n in "ifog")
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return dense(v, "out", h)


def coupling(v: dict[str, Any], x: Any) -> Any:
    a, b = dense(v, "into", x), dense(v, "into_y", x)
    for k in "123":
        a = a + np.tanh(b @ v[f"W{k}"] + v[f"b{k}"])
        b = b + np.tanh(a @ v[f"W_g{k}"] + v[f"b_g{k}"])
    return dense(v, "out", np.hstack([a, b]))


def attention(v: dict[str, Any], x: Any) -> Any:
    """A token per column, attention over all of them, their mean."""
    z = x[..., None] * v["W_into"] + v["b_into"]
    for k in "123":
        total = v[f"bo_a{k}"]
        for head in range(2):
            q, key, value = (z @ v[f"{n}_a{k}"][head] + v[f"b{n.lower()}_a{k}"][head] for n in "QKV")
            scores = q @ np.swapaxes(key, -1, -2) * 2**-0.5
            weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
            total = total + weights @ value @ v[f"O_a{k}"][head]
        z = z + total
    return dense(v, "out", z.mean(axis=-2))


BY_HAND: dict[str, Callable[[dict[str, Any], Any], Any]] = {"elman": elman, "lstm": lstm, "coupling": coupling, "attention_only": attention}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_net_over_a_table_by_hand(name: str) -> None:
    random = np.random.default_rng(1)
    net = Shape(name, 3, 4, "tanh", tuple("abcde"), "y").net()
    values = {node.op.name: random.standard_normal(node.shape) / 2 for node in sf.unroll(net).params}
    x = random.standard_normal((6, 5))
    np.testing.assert_allclose(net(values, x=x), BY_HAND[name](values, x), rtol=1e-12, atol=1e-12)


def test_a_prediction_of_an_image_net_is_that_of_the_row_alone() -> None:
    random = np.random.default_rng(2)
    data = Table("t", (*COLUMNS, "y"), random.standard_normal((20, 10)))
    model, _ = train(Shape("image_residual", 1, 3, "tanh", COLUMNS, "y"), data, target_of(data, "y"), Settings(epochs=2, batch_size=8, rate=0.01))
    rows = random.standard_normal((5, 9))
    np.testing.assert_allclose(model.predict(rows), [model.predict(row[None])[0] for row in rows], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "depth", "columns", "words"),
    [
        ("elman", 4, 3, "3 columns cannot be cut into 4 steps"),
        ("elman", 0, 3, "0 steps"),
        ("image_residual", 2, 10, "10 columns are no square (give a table of 9 or 16 columns"),
        ("fractal", 13, 3, "its depth is from 1 to 12"),
        ("denseformer", 0, 3, "its depth is from 1 to 1000"),
    ],
)
def test_what_has_no_meaning_is_refused_with_the_reason(name: str, depth: int, columns: int, words: str) -> None:
    with pytest.raises(SymfoldError) as raised:
        Shape(name, depth, 4, "tanh", tuple(f"c{k}" for k in range(columns)), "y").net()
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("formula", "lstm", "--layer", "g"), "--layer has no effect on lstm"),
        (("formula", "lstm", "--init", "0"), "--init has no effect on lstm"),
        (("formula", "lstm", "--depth", "u"), "--depth u: u is a name of lstm"),
        (("formula", "fractal", "--depth", "40"), "from 1 to 12 (give --depth 3)"),
        (("eval", "lstm", "--x", "1"), "'lstm' is an architecture"),
        (("train", "pre_norm", "--activation", "relu", "--data", "none.csv", "--target", "y"), "--activation has no effect on pre_norm"),
    ],
)
def test_options_without_effect_on_an_architecture(args: tuple[str, ...], words: str) -> None:
    result = call(*args)
    assert result.exit_code == 2 and words in result.stderr
