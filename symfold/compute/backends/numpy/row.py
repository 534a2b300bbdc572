"""The row of the NumPy backend: always installed; one training step per call."""

from __future__ import annotations

from symfold.compute.backends.numpy.program import Program
from symfold.compute.backends.table import Backend, Shapes
from symfold.compute.parameters import Parameters
from symfold.core.net import Net


def program(net: Net, shapes: Shapes, params: Parameters, dtype: str) -> Program:
    return Program(net, shapes, params, dtype)


ROW = Backend("numpy", program)
