"""Shapes: what broadcasts, what unifies, what is said when neither holds."""

from itertools import product

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.core.shapes import ANY, Rest, broadcast, input_shape, length, must_sum, show, size_symbol

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
    with pytest.raises(error, match=r"size \(or None\) of axis 0 of 'x'=.* must be a whole number, at least 0"):
        sf.tensor("x", shape)  # type: ignore[arg-type]


def test_sizes_may_be_symbols() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    assert input_shape("x", (n, sp.Integer(3))) == (n, 3)


def test_an_error_names_the_step_the_layer_and_both_shapes() -> None:
    layers = [*sf.layers("f1:3", sf.dense(3, 3)), sf.layer("f3", sf.dense(3, 4))]
    with pytest.raises(sf.errors.ShapeError) as error:
        sf.fold(sf.mappers.residual, layers, sf.tensor("x", (3,)))
    assert str(error.value) == "step 3 (f3): cannot add (1, 4) to (1, 3)"
