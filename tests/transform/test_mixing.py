"""Depth-mixing matrices: built, read off, and what they say of paths."""

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.core.nodes import walk
from symfold.errors import InvalidType, InvalidValue, NoRule, ShapeError, TooLarge

X = sf.tensor("x")
T = sp.Symbol("t")


@st.composite
def mixings(draw: Any) -> tuple[list[list[int]], list[int]]:
    """A strictly lower triangular matrix of whole numbers in which every layer reads something and is read."""
    size = draw(st.integers(1, 6)) + 1
    rows = [[0] * size]
    for place in range(1, size):
        read = draw(st.lists(st.integers(-2, 2), min_size=place, max_size=place).filter(any))
        rows.append([*read, *[0] * (size - place)])
    weights = draw(st.lists(st.integers(-2, 2), min_size=size, max_size=size))
    return rows, [weight if any(row[place] for row in rows) else weight or 1 for place, weight in enumerate(weights)]


def by_hand(A: Any, a: Any, layers: Any, x: Any) -> Any:
    values = [x]
    for place, layer in enumerate(layers, start=1):
        values.append(layer(sum(A[place][k] * values[k] for k in range(place))))
    return sum(weight * value for weight, value in zip(a, values, strict=True))


@given(mixings())
def test_reading_off_what_was_built(given_matrix: tuple[list[list[int]], list[int]]) -> None:
    """Layers that do not wait for each other may come in another order: their names distinguish them."""
    A, a = given_matrix
    found = sf.mixing_matrix(sf.mixing(A, a))
    place = [0, *(1 + found.layers.index(f"f{k}") for k in range(1, len(a)))]
    assert [[found.A[i, j] for j in place] for i in place] == A
    assert [found.a[0, j] for j in place] == a


@given(mixings(), st.floats(-1, 1))
def test_the_numbers_are_those_of_the_sums(given_matrix: tuple[list[list[int]], list[int]], x: float) -> None:
    A, a = given_matrix
    bodies = [lambda v, k=k: np.sin(v + k) for k in range(len(a) - 1)]
    net = sf.mixing(A, a).bind({f"f{k + 1}": body for k, body in enumerate(bodies)})
    assert float(net(x=x)) == pytest.approx(by_hand(A, a, bodies, x), abs=1e-9)


@given(mixings())
def test_the_paths_are_the_resolvent(given_matrix: tuple[list[list[int]], list[int]]) -> None:
    """P(t) = a (I - t A)^{-1} e_0."""
    A, a = sp.Matrix(given_matrix[0]), sp.Matrix([given_matrix[1]])
    resolvent = (a * (sp.eye(A.rows) - T * A).inv())[0]
    assert sp.simplify(sf.mixing_matrix(sf.mixing(A, a)).polynomial - resolvent) == 0


@pytest.mark.parametrize("depth", [1, 4, 9])
def test_the_named_nets(depth: int) -> None:
    layers = sf.layers("f", count=depth)
    size = depth + 1
    column = [[int(k == 0 and row > 0) for k in range(size)] for row in range(size)]
    strictly = [[int(k < row) for k in range(size)] for row in range(size)]
    below = [[int(k == row - 1) for k in range(size)] for row in range(size)]
    ones, last = [1] * size, [0] * depth + [1]
    for mapper, A, a in ((sf.mappers.residual, strictly, ones), (sf.mappers.boosting(X), column, ones), (sf.mappers.feedforward, below, last)):
        net = sf.fold(mapper, layers, X)
        found = sf.mixing_matrix(net)
        assert (found.A.tolist(), list(found.a)) == (A, a)
        assert found.layers == tuple(f"f{k + 1}" for k in range(depth))
        assert sp.expand(found.polynomial - sf.paths(net).polynomial) == 0


def test_a_residual_matrix_shares_its_sums() -> None:
    """Each layer reads the sum that the layer before it read, and that layer: as many additions as layers."""
    A = [[int(k < row) for k in range(4)] for row in range(4)]
    assert sf.formula(sf.mixing(A), form="expanded") == "x + f1(x) + f2(x + f1(x)) + f3(x + f1(x) + f2(x + f1(x)))"
    assert len([node for node in walk(sf.mixing([[int(k < row) for k in range(51)] for row in range(51)]).outputs) if node.op is sp.Add]) == 50


def test_learned_weights() -> None:
    """DenseFormer: the weights are parameters, in the net and in the matrix."""
    A = [[0, 0, 0], [sf.parameter("a10"), 0, 0], [sf.parameter("a20"), sf.parameter("a21"), 0]]
    net = sf.mixing(A)
    assert [p.op.name for p in net.params] == ["a10", "a20", "a21"]
    found = sf.mixing_matrix(net)
    a10, a20, a21 = sp.symbols("a10 a20 a21")
    assert sp.Matrix([[0, 0, 0], [a10, 0, 0], [a20, a21, 0]]) == found.A
    assert sp.expand(found.polynomial - (1 + T * a10 + T * (a20 + a21 * T * a10))) == 0
    assert sf.mixing_matrix(sf.mixing(found.A)) == found
    values = {"a10": 0.5, "a20": -1.0, "a21": 2.0}
    made = net.bind({"f1": lambda v: v**2, "f2": lambda v: v + 1.0})
    assert float(made(values, x=3.0)) == 3.0 + 1.5**2 + (-3.0 + 2 * 1.5**2 + 1.0)


def test_coefficients_in_a_mapper() -> None:
    found = sf.mixing_matrix(sf.fold(lambda z, f: z + 0.5 * f(z), sf.layers("f1:3"), X))
    assert found.A.tolist() == [[0, 0, 0], [1, 0, 0], [1, sp.Float(0.5), 0]]


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (lambda: sf.fold(sf.mappers.multiplicative, sf.layers("f1:3"), X), "multiplies states"),
        (lambda: sf.fold(lambda z, f: f(z) + np.tanh(z), sf.layers("f1:3"), X), "tanh"),
        (lambda: sf.fold(lambda z, f: f(z, X), sf.layers("f1:3"), X), "reads 2 values"),
        (lambda: sf.fold(lambda z, f: f(z) + 1, sf.layers("f1:3"), X), "a term of a sum"),
    ],
)
def test_nets_that_have_none(net: Any, words: str) -> None:
    with pytest.raises(NoRule, match=words):
        sf.mixing_matrix(net())


@pytest.mark.parametrize(
    ("A", "a", "kind", "words"),
    [
        ([[0, 0], [1, 1]], None, InvalidValue, "row 1"),
        ([[0, 0], [1]], None, ShapeError, "columns"),
        ([[0, 0], [1, 0]], [1], ShapeError, "output weights"),
        ([[0, 0], [0, 0]], None, InvalidValue, "reads nothing"),
        ("ones", None, InvalidType, "must be a matrix"),
        ([[0, 0], ["w", 0]], None, InvalidType, "not a weight"),
    ],
)
def test_what_is_no_mixing_matrix(A: Any, a: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        sf.mixing(A, a)


def test_a_matrix_too_large_to_write_out() -> None:
    with pytest.raises(TooLarge, match="2,000 layers"):
        sf.mixing_matrix(sf.fold(sf.mappers.boosting(X), sf.layers("f", count=1_000_000), X))
