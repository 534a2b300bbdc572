"""Residual nets compose and boosting adds: what follows for order, volume and inverses."""

from typing import Any

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.errors import ShapeError

ROWS = sf.tensor("x", (None, 3))
KIND = sf.layer("f", lambda z, W, V: np.tanh(z @ W) @ V, W=(3, 4), V=(4, 3)).kind
DEPTH = 3
LAYERS = sf.layers("f", KIND, count=DEPTH)
RESIDUAL, BOOSTING = (sf.fold(m, LAYERS, ROWS) for m in (sf.mappers.residual, sf.mappers.boosting(ROWS)))
X = np.random.default_rng(0).normal(size=(5, 3))


def values(epsilon: float = 1.0) -> dict[str, Any]:
    """Random weights, every layer of strength epsilon."""
    random = np.random.default_rng(1)
    drawn = {node.op.name: random.normal(size=node.shape) for node in RESIDUAL.params}
    return {name: epsilon * value if name.startswith("V") else value for name, value in drawn.items()}


def layer(params: dict[str, Any], k: int, z: Any) -> Any:
    return np.tanh(z @ params[f"W{k}"]) @ params[f"V{k}"]


def derivative(params: dict[str, Any], k: int, z: Any) -> Any:
    """J_k at one row, acting on columns."""
    return (params[f"W{k}"] * (1 - np.tanh(z @ params[f"W{k}"]) ** 2)) @ params[f"V{k}"]


def test_concatenated_lists_compose_residual_nets_and_add_boosting() -> None:
    first, second = sf.layers("f1:4"), sf.layers("f4:6")
    x = sf.tensor("x")
    composed = sf.fold(sf.mappers.residual, second, sf.fold(sf.mappers.residual, first, x))
    assert sf.roll(composed) == sf.roll(sf.fold(sf.mappers.residual, [*first, *second], x))
    added = sf.fold(sf.mappers.boosting(x), second, sf.fold(sf.mappers.boosting(x), first, x))
    assert sf.roll(added) == sf.roll(sf.fold(sf.mappers.boosting(x), [*first, *second], x))


@pytest.mark.parametrize("pair", [("f1", "f2"), ("f2", "f3")])
def test_the_bracket_of_neighbours(pair: tuple[str, str]) -> None:
    """f_j'(x)[f_i(x)] - f_i'(x)[f_j(x)], by the layers' own derivatives written by hand."""
    params = values()
    i, j = (int(name[1:]) for name in pair)
    coefficients = sf.commutator(RESIDUAL, *pair).evaluate(params, x=X)
    np.testing.assert_allclose(coefficients[0], 0, atol=1e-14)
    np.testing.assert_allclose(coefficients[1], 0, atol=1e-14)
    for row, found in zip(X, coefficients[2], strict=True):
        wanted = layer(params, i, row) @ derivative(params, j, row) - layer(params, j, row) @ derivative(params, i, row)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)


def test_layers_further_apart_and_boosting() -> None:
    params = values()
    epsilon = 1e-4
    weak = values(epsilon)
    exact = RESIDUAL(weak, x=X) - sf.swap(RESIDUAL, "f1", "f3")(weak, x=X)
    np.testing.assert_allclose(exact / epsilon**2, sf.commutator(RESIDUAL, "f1", "f3").evaluate(params, x=X)[2], atol=2e-2)
    assert sf.commutator(BOOSTING, "f1", "f3").leading is None


EACH: dict[str, Any] = {
    "residual": lambda x: sf.mappers.residual,
    "boosting": sf.mappers.boosting,
    "halved": lambda x: lambda z, f: z + 0.5 * f(z),
    "multiplicative": lambda x: sf.mappers.multiplicative,
    "flat where it begins": lambda x: lambda z, f: z + f(x) + (z - x) ** 2 * f(2 * z),  # brackets that are zero at x alone
    "feedforward": lambda x: sf.mappers.feedforward,
    "both": lambda x: lambda z, f: z + f(z) + np.sin(z) * f(x),
}


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("pair", [("f1", "f2"), ("f3", "f2"), ("f2", "f4")])
@pytest.mark.parametrize("name", EACH)
def test_a_commutator_is_the_difference_of_the_series_of_the_whole_nets(name: str, pair: tuple[str, str], order: int) -> None:
    """Term by term, whether or not the other layers were left out."""
    x = sf.tensor("x")
    net = sf.fold(EACH[name](x), sf.layers("f", count=5), x)
    whole = sf.series(net, order) - sf.series(sf.swap(net, *pair), order)
    found = sf.commutator(net, *pair, order=order)
    assert [found.terms(power) for power in range(order + 1)] == [whole.terms(power) for power in range(order + 1)]


@pytest.mark.parametrize("depth", ["n", 1_000_000])
@pytest.mark.parametrize("pair", [("f1", "f2"), ("f8", "f9"), ("f7", "f5")])
@pytest.mark.parametrize("name", ["residual", "boosting", "halved", "both"])
def test_the_bracket_at_any_depth_is_that_of_few_layers(name: str, pair: tuple[str, str], depth: Any) -> None:
    x = sf.tensor("x")
    found, few = (sf.commutator(sf.fold(EACH[name](x), sf.layers("f", count=count), x), *pair) for count in (depth, 10))
    assert str(found) == str(few)
    assert found.leading == few.leading


def test_what_follows_and_what_else_a_net_does_with_the_layers_counts() -> None:
    """A readout of the state, the layers folded over twice, the states themselves as answers: as of the whole nets."""
    x, f = sf.tensor("x"), sf.layers("f", count=4)
    once = sf.fold(sf.mappers.residual, f, x)
    for net in (np.sin(once), sf.fold(sf.mappers.residual, f, once), once + f[0](x), sf.scan(sf.mappers.residual, f, sf.tensor("x", (2,)))):
        whole = sf.series(net, 2) - sf.series(sf.swap(net, "f2", "f3"), 2)
        found = sf.commutator(net, "f2", "f3")
        assert [found.terms(power) for power in range(3)] == [whole.terms(power) for power in range(3)]
        assert found.leading == (2 if net.shape != (4, 2) else 1)  # a state between the two layers has one of them, or the other


def test_a_deep_series_is_shown_by_its_recurrences() -> None:
    """A million steps are not run to see how few terms they have."""
    net = sf.fold(sf.mappers.residual, sf.layers("f", count=1_000_000), sf.tensor("x"))
    assert "k = 1..1000000" in str(sf.series(net, 2))


def test_the_determinant_of_a_residual_net_is_the_product_of_its_steps() -> None:
    params = values()
    for row, residual, boosting in zip(X, sf.determinant(RESIDUAL, params, x=X), sf.determinant(BOOSTING, params, x=X), strict=True):
        product, z, total = 1.0, row, np.eye(3)
        for k in range(1, DEPTH + 1):
            product *= np.linalg.det(np.eye(3) + derivative(params, k, z))
            total = total + derivative(params, k, row)
            z = z + layer(params, k, z)
        assert residual == pytest.approx(product, rel=1e-11)
        assert boosting == pytest.approx(np.linalg.det(total), rel=1e-11)


def test_determinants_differ_by_the_divergence_of_the_second_order() -> None:
    """det J_residual - det J_boosting = epsilon**2 * div(sum of f_j'[f_i]) + O(epsilon**3)."""
    second = (sf.series(RESIDUAL, order=2) - sf.series(BOOSTING, order=2)).coefficient(2, named=False)
    predicted = sf.divergence(second, values(), x=X)

    def remainder(epsilon: float) -> float:
        weak = values(epsilon)
        difference = sf.determinant(RESIDUAL, weak, x=X) - sf.determinant(BOOSTING, weak, x=X)
        return float(np.abs(difference - epsilon**2 * predicted).max())

    assert np.log2(remainder(4e-3) / remainder(2e-3)) == pytest.approx(3, abs=0.1)
    assert remainder(2e-3) < 0.1 * (2e-3) ** 2 * np.abs(predicted).max()


def test_divergence_exactly() -> None:
    """Against SymPy's own derivatives of a polynomial field."""
    a, b = sp.symbols("a b")
    field = sp.Matrix([a**2 * b - b, a + b**3])
    point = {a: 2, b: -1}
    z = sf.tensor("z", (2,))
    net = sf.Net.of(np.stack([z[0] ** 2 * z[1] - z[1], z[0] + z[1] ** 3]))
    jacobian = field.jacobian([a, b]).subs(point)
    assert float(sf.divergence(net, z=[2.0, -1.0])) == float(jacobian.trace())
    assert float(sf.determinant(net, z=[2.0, -1.0])) == pytest.approx(float(jacobian.det()))


def test_nets_that_have_no_square_jacobian() -> None:
    with pytest.raises(ShapeError, match="not square"):
        sf.determinant(sf.Net.of(ROWS.sum()), x=X)
    with pytest.raises(ShapeError, match="mixes its rows"):
        sf.determinant(sf.Net.of(ROWS - np.mean(ROWS, axis=0, keepdims=True)), x=X)
    with pytest.raises(ShapeError, match="as many outputs as inputs"):
        sf.determinant(sf.Net.of(sf.tensor("a", (2,)) + sf.tensor("b", (2,))), a=[1.0, 2.0], b=[1.0, 2.0])
