"""NumPy's functions on nodes: the same numbers and shapes as NumPy's own, the right slopes; what has no meaning is refused."""

from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.errors import NoRule, ShapeError, SymfoldError

W = np.array([0.5, -1.0, 2.0])
A = np.abs(np.random.default_rng(0).normal(size=(4, 3))) + 0.1

FUNCTIONS: dict[str, Any] = {
    "clip": lambda z: np.clip(z, 0.3, 1.0),
    "clip above": lambda z: np.clip(z, None, 0.7),
    "mean": lambda z: np.mean(z, axis=0),
    "var": np.var,
    "var of an axis": lambda z: np.var(z, axis=1, keepdims=True),
    "std": lambda z: np.std(z, axis=0),
    "norm": np.linalg.norm,
    "norm of rows": lambda z: np.linalg.norm(z, axis=1),
    "outer": lambda z: np.outer(z[0], z[1]),
    "outer of matrices": lambda z: np.outer(z, z[:2]),
    "inner": lambda z: np.inner(z[0], z[1]),
    "inner of matrices": lambda z: np.inner(z, z),
    "vdot": lambda z: np.vdot(z, z),
    "ravel": np.ravel,
    "hstack": lambda z: np.hstack([z, 2 * z]),
    "hstack of vectors": lambda z: np.hstack([z[0], z[1]]),
    "vstack": lambda z: np.vstack([z, 2 * z]),
    "stack": lambda z: np.stack([z, 2 * z]),
    "vstack of vectors": lambda z: np.vstack([z[0], W, z[1:2]]),
    "vstack of blocks": lambda z: np.vstack([np.stack([z, z]), np.stack([z, 2 * z])]),
    "hstack of blocks": lambda z: np.hstack([np.stack([z, z]), np.stack([z, 2 * z])]),
    "hstack of numbers": lambda z: np.hstack([z[0][0], z[1], 2.0]),
    "dstack": lambda z: np.dstack([z, z * 2]),
    "dstack of vectors": lambda z: np.dstack([z[0], W]),
    "column_stack": lambda z: np.column_stack([z, z[:, 0]]),
    "column_stack of vectors": lambda z: np.column_stack([W, z[0]]),
    "concatenate flat": lambda z: np.concatenate([z, W], axis=None),
    "stack along the columns": lambda z: np.stack([z, 2 * z], axis=1),
    "stack along the last axis": lambda z: np.stack([z[0], W, z[1]], axis=-1),
    "atleast_2d": lambda z: np.atleast_2d(z[0]),
    "atleast_3d": np.atleast_3d,
    "flip": lambda z: np.flip(z, axis=0),
    "flip of a vector": lambda z: np.flip(z[0]),
    "squeeze": lambda z: np.squeeze(z[0:1], axis=0),
    "swapaxes": lambda z: np.swapaxes(z, 0, 1),
    "ones_like": lambda z: np.ones_like(z) * z,
    "zeros_like": lambda z: np.zeros_like(z) + z,
    "hypot": lambda z: np.hypot(z, 2.0),
    "square": np.square,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "log2": np.log2,
    "exp2": np.exp2,
    "maximum": lambda z: np.maximum(z, 0.5),
    "logaddexp": lambda z: np.logaddexp(z, 1.0),
    "power": lambda z: np.power(z, 1.5),
    "arctan2": lambda z: np.arctan2(z, 2.0),
    "reshape": lambda z: np.reshape(z, (2, -1)),
    "broadcast_to": lambda z: np.broadcast_to(z, (2, 4, 3)),
    "expand_dims": lambda z: np.expand_dims(z, 1),
    "backwards": lambda z: z[:, ::-1],
    "sum of rows": lambda z: sum(z[k] for k in range(3)),
    "matmul": lambda z: z @ z.T,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(4, 3), (None, 3)], ids=["known", "half known"])
def test_value_and_slope(name: str, shape: tuple[Any, ...]) -> None:
    function = FUNCTIONS[name]
    try:
        net = sf.Net.of(function(sf.tensor("z", shape)))
    except SymfoldError:
        assert shape[0] is None, name  # some need every size
        return
    wanted = function(A)
    np.testing.assert_allclose(net(A), wanted, rtol=1e-12)
    np.testing.assert_allclose(net.compile()({}, z=A), wanted, rtol=1e-12)
    assert np.shape(net(A)) == np.shape(wanted)
    assert sf.check_grad(sf.Net.of((net * net).sum()), {"z": A}) < 1e-5


@pytest.mark.parametrize(
    "function",
    [
        lambda z: np.flip(z),
        lambda z: np.flip(z, axis=1),
        lambda z: np.reshape(z, (3, 4), order="F"),
        lambda z: np.linalg.norm(z, ord=1),
        lambda z: np.transpose(z, (1, 0)),
        lambda z: np.einsum("ij->i", z),
        lambda z: z[[0, 1]],
        lambda z: np.add(z, z, out=A),
    ],
)
def test_what_has_no_meaning_here_is_refused(function: Any) -> None:
    with pytest.raises(NoRule, match="does not trace"):
        function(sf.tensor("z", (4, 3)))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="its size is not 1"):
        np.squeeze(sf.tensor("z", (4, 3)), axis=0)


def test_an_item_and_a_captured_value_are_joined_along_any_axis() -> None:
    items, x = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])], sf.tensor("x", (3, 2))

    def mapper(z: Any, i: Any) -> Any:
        return z * np.stack([i, W], axis=1) + np.column_stack([W, i]) + np.vstack([i, W]).T

    net, numbers = sf.fold(mapper, items, x), np.ones((3, 2))
    np.testing.assert_allclose(net(numbers), mapper(mapper(numbers, items[0]), items[1]))
