"""20,000 operations written one by one, without a fold: seconds until the first value, and the first gradient, is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

OPERATIONS = 20_000
CASES = ("value", "value and gradient")


def written(x: Any, sin: Callable[[Any], Any]) -> Any:
    z = x
    for _ in range(OPERATIONS // 2):
        z = sin(z) + x
    return z


def ours(case: str, backend: str) -> Any:
    import symfold as sf

    net = sf.Net.of(written(sf.tensor("x", (3,)), sf.sin).sum())
    if case != "value":
        net = sf.value_and_grad(net, wrt=["x"])
    return net.compile(backend)(x=np.ones(3))


def by_torch(case: str) -> Any:
    import torch

    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    value = written(x, torch.sin).sum()
    if case != "value":
        value.backward()
    return value.detach().numpy()


def by_jax(case: str) -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)

    def value(x: Any) -> Any:
        return written(x, jax.numpy.sin).sum()

    return jax.block_until_ready(jax.jit(value if case == "value" else jax.value_and_grad(value))(np.ones(3)))


def by_autograd(case: str) -> Any:
    import autograd.numpy as anp
    from autograd import value_and_grad

    def value(x: Any) -> Any:
        return anp.sum(written(x, anp.sin))

    return value(np.ones(3)) if case == "value" else value_and_grad(value)(np.ones(3))


def by_casadi(case: str) -> Any:
    import casadi as ca

    x = ca.MX.sym("x", 3)
    value = ca.sum1(written(x, ca.sin))
    outputs = [value] if case == "value" else [value, ca.gradient(value, x)]
    return ca.Function("f", [x], outputs)(np.ones(3))


ROWS: dict[str, Callable[[str], Any]] = {
    "symfold native": lambda case: ours(case, "native"),
    "symfold numpy": lambda case: ours(case, "numpy"),
    "symfold jax": lambda case: ours(case, "jax"),
    "torch eager": by_torch,
    "jax jit": by_jax,
    "autograd": by_autograd,
    "casadi": by_casadi,
}


def timed(case: str, row: str) -> dict[str, Any]:
    """Seconds of CPU time, imports included: others on the machine do not count."""
    start = time.process_time()
    result = ROWS[row](case)
    seconds = time.process_time() - start
    value = result[0] if isinstance(result, (tuple, list)) else result
    return {"seconds": seconds, "first": seconds, "losses": [float(np.asarray(value).reshape(-1)[0])]}
