"""Values and slopes at signed zeros, infinite numbers and what is not a number: the same on every backend."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symfold as sf

BACKENDS = [
    name
    for name, package in (("numpy", "numpy"), ("native", "llvmlite"), ("jax", "jax"))
    if importlib.util.find_spec(package)
]
Z = sf.tensor("z", (3,))
NAN, INF = np.nan, np.inf

# the net, where, its value and its gradient
CASES: dict[str, tuple[Callable[[Any], Any], list[float], Any, list[float]]] = {
    "a root": (np.sqrt, [-0.0, 0.0, 4.0], [0.0, 0.0, 2.0], [INF, INF, 0.25]),
    "one over a root": (lambda z: z**-0.5, [-0.0, 0.0, 4.0], [INF, INF, 0.5], [-INF, -INF, -1 / 16]),
    "a root and more": (lambda z: z**1.5, [-0.0, 0.0, 4.0], [0.0, 0.0, 8.0], [0.0, 0.0, 3.0]),
    "a largest entry that is not a number": (np.max, [1.0, NAN, 2.0], NAN, [NAN, NAN, NAN]),
    "a largest entry of -oo": (np.max, [-INF, -INF, -INF], -INF, [1 / 3, 1 / 3, 1 / 3]),
    "log1p": (np.log1p, [-INF, -1.0, INF], [NAN, -INF, INF], [0.0, INF, 0.0]),
    "heaviside": (lambda z: np.heaviside(z, 0.5), [NAN, -0.0, INF], [NAN, 0.5, 1.0], [0.0, 0.0, 0.0]),
    "between equal bounds": (lambda z: np.clip(z, 1.0, 1.0), [0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_special_values(name: str, backend: str) -> None:
    build, at, value, gradient = CASES[name]
    net = sf.Net.of(build(Z))
    slope = sf.grad(sf.Net.of(build(Z).sum()), wrt="z")
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(net.compile(backend)({}, z=at), value)
        np.testing.assert_array_equal(slope.compile(backend)({}, z=at)["z"], gradient)
