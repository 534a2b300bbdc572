"""Quotients: rounded once, as NumPy's, so that comparisons and floors of them are right."""

from __future__ import annotations

import numpy as np
import pytest

import symfold as sf
from symfold.compute.backends.table import installed

BACKENDS = installed()
A, B = sf.tensor("a", (None,)), sf.tensor("b", (None,))
NUMBERS = np.arange(1.0, 2000.0)
FORMS = {
    "a quotient": lambda a, b: a / b,
    "a floor": lambda a, b: np.floor(a / b),
    "a remainder": lambda a, b: a - b * np.floor(a / b),
    "a choice": lambda a, b: np.where(a / b >= 1, 1.0, 0.0),
    "by a whole number": lambda a, b: a / 3,
    "by a number": lambda a, b: a / 3.7,
    "by a number whose reciprocal is subnormal": lambda a, b: (1e5 * a) / 1e308,
    "by one entry": lambda a, b: a / b[:1],
    "by a row": lambda a, b: np.reshape(a[:1000], (10, 100)) / np.reshape(b[:10], (10, 1)),
    "quotients in a row": lambda a, b: a / b / (b + 1) * 3,
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("backend", [*BACKENDS, "interpreter"])
def test_every_backend_has_numpys_quotient(name: str, backend: str) -> None:
    net = sf.Net.of(FORMS[name](A, B))
    given = {"a": NUMBERS, "b": NUMBERS[::-1] if "row" in name else NUMBERS}
    values = {leaf.op.name: given[leaf.op.name] for leaf in net.inputs}
    found = net(**values) if backend == "interpreter" else net.compile(backend)({}, **values)
    if (name, backend) == ("quotients in a row", "jax"):  # XLA divides once, by the product
        np.testing.assert_allclose(found, FORMS[name](given["a"], given["b"]), rtol=1e-15)
        return
    np.testing.assert_array_equal(found, FORMS[name](given["a"], given["b"]))


@pytest.mark.parametrize("backend", [*BACKENDS, "interpreter"])
def test_in_folds_and_layers_as_well(backend: str) -> None:
    layer = sf.layer("f", lambda z, w: np.floor(z / w), w=(1999,))
    stepped = NUMBERS
    for k in (3.0, 7.0, 49.0):
        stepped = np.floor(stepped / k) + stepped
    fold = sf.fold(lambda z, k: np.floor(z / k) + z, [3.0, 7.0, 49.0], A)
    for net, params, wanted in ((fold, {}, stepped), (sf.Net.of(layer(A)), {"w_f": NUMBERS}, np.ones(1999))):
        found = net(params, a=NUMBERS) if backend == "interpreter" else net.compile(backend)(params, a=NUMBERS)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("backend", [*BACKENDS, "interpreter"])
@pytest.mark.parametrize("depth", [1, 5])
def test_by_what_a_step_captures(depth: int, backend: str) -> None:
    divisor, wanted = sf.tensor("d"), NUMBERS
    for _ in range(depth):
        wanted = wanted / 3.0 + 1.0
    layer = sf.layer("f", lambda z: z / divisor + 1)
    for net in (sf.fold(lambda z, k: z / divisor + k, [1.0] * depth, A), sf.fold(lambda z, f: f(z), [layer] * depth, A)):
        found = net(a=NUMBERS, d=3.0) if backend == "interpreter" else net.compile(backend)({}, a=NUMBERS, d=3.0)
        np.testing.assert_array_equal(found, wanted)
