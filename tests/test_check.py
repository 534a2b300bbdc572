"""check_grad tells a right adjoint from a wrong one."""

import numpy as np
import pytest

import symfold as sf
from symfold.errors import GradientError
from symfold.lifting import lift
from symfold.primitives import Primitive

X = sf.tensor("x", (4,))


def cube(factor: float) -> Primitive:
    """z**3 as a primitive whose adjoint is right for a factor of 3 only."""
    return Primitive("cube", lambda a: a, lambda a: a**3, lambda node, bar: [bar * factor * node.args[0] ** 2])


def test_a_right_adjoint_passes_and_gives_the_worst_ratio() -> None:
    ratio = sf.check_grad(sf.Net.of(cube(3.0)(lift(X)).sum()))
    assert 0 <= ratio < 1e-6


@pytest.mark.parametrize("factor", [3.001, -3.0, 0.0, np.nan])
def test_a_wrong_adjoint_is_found(factor: float) -> None:
    with pytest.raises(GradientError, match="disagrees with finite differences for 'x'"):
        sf.check_grad(sf.Net.of(cube(factor)(lift(X)).sum()))


def test_values_may_be_given() -> None:
    loss = sf.Net.of((X * sf.parameter("w", (4,))).sum())
    assert sf.check_grad(loss, {"x": np.arange(4.0)}) < 1e-6
    assert sf.check_grad(loss, {"x": np.zeros(4)}, seed=3) < 1e-6
