"""Shapes: what broadcasts, what unifies, what is said when neither holds."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.compute.backends.table import installed
from symfold.core.shapes import ANY, Rest, broadcast, input_shape, length, must_sum, show, size_symbol
from symfold.errors import ShapeError

SIZES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (4, 1, 3), (2, 2)]


@pytest.mark.parametrize("a, b", list(product(SIZES, SIZES)))
def test_broadcasting_is_numpys(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    try:
        wanted = np.broadcast_shapes(a, b)
    except ValueError:
        wanted = None
    assert broadcast(a, b) == wanted
    if wanted is not None:
        assert must_sum(a, wanted) == (a != wanted)


def test_an_unknown_size_takes_the_known_one_and_is_never_one() -> None:
    n = size_symbol("x", 0)
    assert broadcast((n, 3), (5, 3)) == (5, 3)
    assert broadcast((n, 3), (1, 3)) == (n, 3)
    assert must_sum((n, 3), (n, 3)) is False
    net = sf.Net.of(sf.tensor("x", (None, 3)) + sf.tensor("y", (5, 3)))
    with pytest.raises(ValueError, match=r"sizes that meet must be equal|never broadcast"):
        from symfold.transform.specialize import with_shapes

        with_shapes(net, {"x": (1, 3)})


def test_unknown_shapes() -> None:
    assert broadcast((Rest(("x",)),), (Rest(("y",)),)) == (Rest(("x", "y")),)
    assert broadcast((Rest(("x",)),), ()) == (Rest(("x",)),)
    assert broadcast(ANY, (3,)) == ANY
    assert show(ANY) == "(...)"
    with pytest.raises(ValueError, match="no leading axis"):
        length(ANY)


@pytest.mark.parametrize("shape, error", [((-1,), ValueError), (("a",), TypeError), ((2.5,), TypeError), ((True,), TypeError)])
def test_sizes_that_are_none(shape: tuple[object, ...], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"axis 0 of 'x': size=.* must be a whole number, at least 0, or None"):
        sf.tensor("x", shape)  # type: ignore[arg-type]


def test_sizes_may_be_symbols() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    assert input_shape("x", (n, sp.Integer(3))) == (n, 3)


def test_an_error_names_the_step_the_layer_and_both_shapes() -> None:
    layers = [*sf.layers("f1:3", sf.dense(3, 3)), sf.layer("f3", sf.dense(3, 4))]
    with pytest.raises(sf.errors.ShapeError) as error:
        sf.fold(sf.mappers.residual, layers, sf.tensor("x", (3,)))
    assert str(error.value) == "step 3 (f3), state of shape (1, 3): cannot add (1, 4) to (1, 3)"


def test_a_stack_unifies_unknown_sizes_and_broadcasts_nothing() -> None:
    a, b, c, d = sf.tensor("a", (None, 3)), sf.tensor("b", (None, 3)), sf.tensor("c", (4, 3)), sf.tensor("d", (5, 3))
    assert np.stack([a, b]).shape == (2, *a.shape)
    assert np.stack([a, c]).shape == np.stack([c, a * 2]).shape == (2, 4, 3)
    for parts in ([c, d], [a, c, d]):
        with pytest.raises(ShapeError, match=r"cannot stack \(4, 3\) and \(5, 3\)"):
            np.stack(parts)
    for rows in (1, 5):
        with pytest.raises(ShapeError, match="cannot stack"):
            sf.Net.of(np.stack([a, b]))(a=np.ones((4, 3)), b=np.ones((rows, 3)))
    sf.check_grad(sf.Net.of((np.stack([a, b, c]) ** 2 * np.tanh(np.stack([a, c, b]))).sum()))


RESHAPED = {
    "into known sizes": lambda a, b, c: (a.reshape((4, 3)) * b).sum(),
    "flat, against a known length": lambda a, b, c: (a.reshape((-1,)) * b.reshape((12,))).sum(),
    "of a vector": lambda a, b, c: (np.reshape(c, (4, 3)) * b * a).sum(),
    "of a sum": lambda a, b, c: (np.reshape(np.tanh(a) + b, (-1, 2)) ** 3).sum(),
}


@pytest.mark.parametrize("remat", [None, "sqrt"])
@pytest.mark.parametrize("backend", installed())
@pytest.mark.parametrize("name", RESHAPED)
def test_the_gradient_of_a_reshape_where_an_unknown_size_meets_a_known_one(name: str, backend: str, remat: str | None) -> None:
    unknown = {"a": sf.tensor("a", (None, 3)), "b": sf.tensor("b", (4, 3)), "c": sf.tensor("c", (None,))}
    known = {"a": sf.tensor("a", (4, 3)), "b": unknown["b"], "c": sf.tensor("c", (12,))}
    values = {"a": np.linspace(0, 1, 12).reshape((4, 3)), "b": np.linspace(1, 3, 12).reshape((4, 3)), "c": np.linspace(2, 3, 12)}
    net, wanted = (sf.Net.of(RESHAPED[name](**inputs)) for inputs in (unknown, known))
    given = {node.op.name: values[node.op.name] for node in net.inputs}
    gradient = sf.grad(net, wrt=list(given), remat=remat).compile(backend=backend)({}, **given)
    for key, value in sf.grad(wanted, wrt=list(given))(**given).items():
        np.testing.assert_allclose(gradient[key], value, rtol=1e-13)


@pytest.mark.parametrize("backend", installed())
@pytest.mark.parametrize("step", [lambda z, f, c: f(z) + z * c, lambda z, f, c: f(z).reshape((4, 3)) + np.stack([z, c])[0]])
def test_steps_recomputed_where_an_unknown_size_meets_a_known_one(step: Any, backend: str) -> None:
    c, layers = sf.tensor("c", (4, 3)), sf.layers("f1:11", sf.dense(3, 3, sf.tanh))
    loss = sf.squared_error(sf.fold(lambda z, f: step(z, f, c), layers, sf.tensor("x", (None, 3))), sf.tensor("t", (4, 3)))
    params, values = loss.init(seed=0), {name: np.full((4, 3), value) for name, value in (("x", 0.5), ("c", 0.9), ("t", 0.1))}
    gradient = sf.grad(loss, remat="sqrt").compile(backend=backend)(params, **values)
    for key, value in sf.grad(loss)(params, **values).items():
        np.testing.assert_allclose(gradient[key], value, rtol=1e-12)


@pytest.mark.parametrize("backend", installed())
def test_a_gradient_by_no_parameter_is_empty(backend: str) -> None:
    assert sf.grad((sf.tensor("x", (2, 3)) ** 2).sum()).compile(backend=backend)({}, x=np.ones((2, 3))) == {}
