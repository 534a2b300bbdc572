"""Convolutions in JAX: NumPy's numbers for values and gradients, in loops and outside, and no windows in the program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.core.nodes import Node
from symfold.core.primitives import convolution

jax = pytest.importorskip("jax", reason="the extra 'jax' is not installed")

from symfold.compute.backends.jax.convolutions import by_shifts, by_xla  # noqa: E402
from symfold.compute.lowering import lowered, rolled  # noqa: E402
from symfold.core.folds import Fold  # noqa: E402
from symfold.core.nodes import walk  # noqa: E402
from symfold.transform.passes.convolutions import CORRELATION, convolved  # noqa: E402

OPTIONS: dict[str, dict[str, Any]] = {
    "padded": {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1},
    "strided": {"stride": (2, 3), "padding": (2, 1), "dilation": (1, 1), "groups": 1},
    "dilated": {"stride": (2, 1), "padding": (0, 3), "dilation": (2, 3), "groups": 1},
    "grouped": {"stride": (1, 2), "padding": (1, 0), "dilation": (1, 1), "groups": 2},
}
X = sf.tensor("x", (2, 4, 8, 9))


def case(name: str) -> sf.Net:
    options = OPTIONS[name]
    kernel = sf.parameter("W", (6, 4 // options["groups"], 3, 2))
    return sf.Net.of(sf.value_and_grad(weighted_squares(sf.Net.of(convolution(X, kernel, **options))), wrt=["x", "W"]))


def rows(roots: Any) -> list[Node]:
    found = walk(roots)
    inner = [node for fold in found if isinstance(fold.op, Fold) for node in rows(fold.op.block.results)]
    return inner + [node for node in found if getattr(node.op, "primitive", None) == CORRELATION]


def values_of(net: sf.Net) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {node.op.name: random.normal(size=node.shape) for node in (*net.inputs, *net.params)}


@pytest.mark.parametrize("name", ["strided", *(pytest.param(name, marks=pytest.mark.slow) for name in ("padded", "dilated", "grouped"))])
def test_values_and_gradients_are_numpys(name: str) -> None:
    """By XLA's convolutions, and by products with the shifted image."""
    net = case(name)
    values = values_of(net)
    assert sorted(dict(node.op.attributes)["of"].wanted for node in rows(convolved(lowered(rolled(net), {})))) == ["image", "kernel", "result"]
    assert_close(dict(enumerate(flatten(net.compile("jax")(**values))[0])), dict(enumerate(flatten(net(**values))[0])), 1e-12)
    if OPTIONS[name]["groups"] > 1:
        return
    for node in rows(convolved(lowered(rolled(net), {}))):
        of = dict(node.op.attributes)["of"]
        window, wanted = of.window, of.wanted
        random = np.random.default_rng(1)
        with jax.enable_x64(True):
            first, second = (jax.numpy.asarray(random.normal(size=arg.shape)) for arg in node.args)
            wide = by_xla(window, 1, wanted, first, second, node.shape)
            np.testing.assert_allclose(by_shifts(window, wanted, first, second), wide, rtol=1e-12, atol=1e-12)


def test_steps_hold_no_windows() -> None:
    """A residual net of convolutions: three operations, and no array as large as all windows."""
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", lambda z, W: np.tanh(convolution(z, W, **OPTIONS["padded"])), W=(4, 4, 3, 3)), sf.tensor("x", (2, 4, 5, 5)))
    both = sf.value_and_grad(weighted_squares(net))
    roots = convolved(lowered(rolled(both), {}))
    assert len(rows(roots)) == 3
    assert not any(len(node.shape) > 5 for fold in walk(roots) if isinstance(fold.op, Fold) for node in walk(fold.op.block.results))
    values = values_of(both)
    assert_close(dict(enumerate(flatten(both.compile("jax")(**values))[0])), dict(enumerate(flatten(both(**values))[0])), 1e-12)
