"""Losses: one number from a prediction and a target of one shape."""

import numpy as np
import pytest

import symfold as sf
from symfold.errors import ShapeError


@pytest.mark.parametrize(("prediction", "target"), [((None, 1), (None,)), ((None, 3), (None, 1)), ((4, 3), (3,)), ((2, 3), (1, 3))])
def test_a_loss_does_not_broadcast(prediction: tuple, target: tuple) -> None:
    with pytest.raises(ShapeError, match="must have one shape: a loss does not broadcast"):
        sf.squared_error(sf.tensor("p", prediction), sf.tensor("t", target))


def test_unknown_shapes_are_checked_when_numbers_come() -> None:
    loss = sf.Net.of(sf.squared_error(sf.tensor("p"), sf.tensor("t")))
    assert loss(p=np.zeros((4, 1)), t=np.ones((4, 1))) == 4.0
    for run in (loss, loss.compile()):
        with pytest.raises(ShapeError, match=r"prediction \(4, 1\) and target \(4,\)"):
            run(p=np.zeros((4, 1)), t=np.ones(4))
    assert sf.check_grad(loss, {"p": np.ones(3), "t": np.zeros(3)}) < 1e-6


def test_it_is_the_sum_of_squares() -> None:
    loss = sf.squared_error(sf.Net.of(sf.tensor("p", (None, 2))), sf.tensor("t", (None, 2)))
    p, t = np.arange(6.0).reshape(3, 2), np.ones((3, 2))
    assert loss(p=p, t=t) == ((t - p) ** 2).sum()


def test_evaluation_computes_in_floating_point_and_checks_shapes() -> None:
    x = sf.tensor("x")
    for value, wanted in ((np.array([200], np.uint8), [400.0]), (np.array([True, False]), [2.0, 0.0])):
        np.testing.assert_array_equal(sf.Net.of(x + x)(x=value), wanted)
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    with pytest.raises(ShapeError, match=r"parameter 'b1' has shape \(1, 3\), got .*\(5, 3\)"):
        net({**net.init(0), "b1": np.zeros((5, 3))}, x=np.ones((1, 3)))
