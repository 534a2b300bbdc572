"""check_grad tells a right adjoint from a wrong one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.core.conversion import as_node
from symfold.core.primitives import Primitive
from symfold.errors import GradientError

X = sf.tensor("x", (4,))


def cube(factor: float) -> Primitive:
    """z**3 as a primitive whose adjoint is right for a factor of 3 only."""
    return Primitive("cube", lambda a: a, lambda xp, a: a**3, lambda node, bar: [bar * factor * node.args[0] ** 2])


def test_a_right_adjoint_passes_and_gives_the_worst_ratio() -> None:
    ratio = sf.check_grad(sf.Net.of(cube(3.0)(as_node(X)).sum()))
    assert 0 <= ratio < 1e-6


@pytest.mark.parametrize("factor", [3.001, -3.0, 0.0, np.nan])
def test_a_wrong_adjoint_is_found(factor: float) -> None:
    with pytest.raises(GradientError, match="disagrees with finite differences for 'x'"):
        sf.check_grad(sf.Net.of(cube(factor)(as_node(X)).sum()))


def test_values_may_be_given() -> None:
    loss = sf.Net.of((X * sf.parameter("w", (4,))).sum())
    assert sf.check_grad(loss, {"x": np.arange(4.0)}) < 1e-6
    assert sf.check_grad(loss, {"x": np.zeros(4)}, seed=3) < 1e-6


@pytest.mark.parametrize(
    "net",
    [
        lambda x, rows: x * rows,
        lambda x, rows: sf.fold(lambda z, f: f(z) * rows, sf.layers("f1:3", np.tanh), x),
        lambda x, rows: sf.fold(sf.mappers.residual, sf.layers("f1:3", lambda z: np.sin(z + rows)), x),
        lambda x, rows: sf.squared_error(sf.Net.of(x), sf.Net.of(sf.tensor("t", (None, 3)) * rows)),
    ],
)
def test_sizes_are_drawn_that_fit_what_they_meet(net: Callable[[Any, Any], Any]) -> None:
    x, rows = sf.tensor("x", (None, 3)), np.arange(12.0).reshape(4, 3)
    assert sf.check_grad(sf.Net.of((sf.Net.of(net(x, rows)) ** 2).sum())) < 1e-5
