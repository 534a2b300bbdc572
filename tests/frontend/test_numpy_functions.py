"""NumPy's functions on nodes: the same numbers and shapes as NumPy's own, the right slopes; what has no meaning is refused."""

from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.errors import NoRule, ShapeError, SymfoldError

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
        lambda z: np.stack([z, z], axis=1),
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
