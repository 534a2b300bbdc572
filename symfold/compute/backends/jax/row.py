"""The row of the JAX backend. Its files need the package jax, so they are imported at first use."""

from __future__ import annotations

from symfold.compute.backends.table import DTYPES, Backend, Program, Shapes, Training, Update
from symfold.compute.parameters import Parameters
from symfold.core.net import Net


def program(net: Net, shapes: Shapes, params: Parameters, dtype: str) -> Program:
    from symfold.compute.backends.jax.program import Program

    return Program(net, shapes, params, dtype)


def training(update: Update, dtype: str) -> Training:
    from symfold.compute.backends.jax.training import Training

    return Training(update, dtype)


def processes() -> int:
    import jax

    count: int = jax.process_count()
    return count


ROW = Backend("jax", program, training, package="jax", dtypes=DTYPES, processes=processes)
