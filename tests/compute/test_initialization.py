"""Initial distributions by name: their moments, their matrices, their names."""

from typing import Any

import numpy as np
import pytest

import symfold as sf

DENSE = sf.Net.of(sf.layer("f", sf.dense(40, 60))(sf.tensor("x", (None, 40))))
COLUMNS = sf.Net.of(sf.layer("f", sf.dense(40, 60, columns=True))(sf.tensor("x", (40, None))))
IMAGES = sf.Net.of(sf.layer("f", sf.convolution(8, 12, 5))(sf.tensor("x", (None, 8, 9, 9))))
HEADS = sf.Net.of(sf.layer("f", sf.attention(24, 3))(sf.tensor("x", (None, 5, 24))))
OWN = sf.Net.of(sf.layer("f", lambda z, A: np.dot(z, A), A=(40, 60))(sf.tensor("x", (None, 40))))
FANS = [(DENSE, "W_f", 40, 60), (COLUMNS, "W_f", 40, 60), (IMAGES, "W_f", 8 * 25, 12 * 25), (HEADS, "Q_f", 24, 24), (HEADS, "O_f", 24, 24), (OWN, "A_f", 40, 60)]
VARIANCES = {
    "he": lambda n, m: 2 / n,
    "he_uniform": lambda n, m: 2 / n,
    "glorot": lambda n, m: 2 / (n + m),
    "glorot_normal": lambda n, m: 2 / (n + m),
    "normal": lambda n, m: 1 / n,
    "uniform": lambda n, m: 1 / (3 * n),
}


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize(("net", "weight", "inputs", "outputs"), FANS)
def test_weights_have_the_variance_of_the_paper(name: str, net: sf.Net, weight: str, inputs: int, outputs: int) -> None:
    values, variance = net.init(1, by=name)[weight].ravel(), VARIANCES[name](inputs, outputs)
    assert abs(values.mean()) < 4.5 * (variance / values.size) ** 0.5
    assert abs(values.var() / variance - 1) < 4.5 * (2 / values.size) ** 0.5
    bound = (3 * variance) ** 0.5
    assert (np.abs(values).max() <= bound) == (name in ("he_uniform", "glorot", "uniform"))


@pytest.mark.parametrize(("net", "weight", "inputs", "outputs"), FANS)
def test_orthogonal_matrices_keep_lengths(net: sf.Net, weight: str, inputs: int, outputs: int) -> None:
    array = net.init(0, by="orthogonal")[weight]
    axes = {"W_f": (0, 1) if net is DENSE else (1, 0), "A_f": (0, 1), "Q_f": (1, 0, 2), "O_f": (2, 0, 1)}[weight] if net is not IMAGES else (1, 2, 3, 0)
    rows = 24 if net is HEADS else inputs
    matrix = array.transpose(axes).reshape(rows, -1)
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-13)


def test_only_weights_are_drawn_by_name_each_in_a_fold_on_its_own() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(5, 5)), sf.tensor("x", (None, 5)))
    params = net.init(0, by="orthogonal")
    assert all(np.all(params[f"b{k}"] == 0) for k in (1, 2, 3)) and not np.array_equal(params["W1"], params["W2"])
    for k in (1, 2, 3):
        np.testing.assert_allclose(params[f"W{k}"] @ params[f"W{k}"].T, np.eye(5), atol=1e-14)
    assert net.init(0, by="zeros").flat.any() == 0
    norm = sf.Net.of(sf.layer("n", sf.layer_norm(5))(sf.tensor("x", (None, 5))))
    assert np.all(norm.init(0, by="zeros")["gain_n"] == 1)
    assert net.init(3) == net.init(3, by=None) and np.array_equal(net.init(3, by="normal").flat, net.init(3).flat)
    mixed = net.init(0, by={"W2": "zeros", "W": "orthogonal"})
    assert not mixed["W2"].any()
    np.testing.assert_allclose(mixed["W3"].T @ mixed["W3"], np.eye(5), atol=1e-14)


def test_the_table_of_an_embedding_is_a_weight_whose_rows_are_inputs() -> None:
    net = sf.Net.of(sf.layer("f", sf.embedding(400, 50))(sf.tensor("x", (None,))))
    assert not net.init(0, by="zeros")["E_f"].any()
    assert abs(net.init(0)["E_f"].std() - 1) < 0.03 and abs(net.init(0, by="he")["E_f"].std() / (2 / 400) ** 0.5 - 1) < 0.03


@pytest.mark.parametrize(
    ("by", "message"),
    [("xavier", "unknown initialization: 'xavier' .*'glorot', .*'he'"), ({"V": "he"}, "unknown parameter: 'V' .*'W_f'"), ({"W": "hi"}, "unknown initialization"), (3, "neither the name")],
)
def test_an_unknown_name_lists_the_choices(by: Any, message: str) -> None:
    with pytest.raises(sf.SymfoldError, match=message):
        DENSE.init(0, by=by)
