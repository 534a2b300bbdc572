"""The row of the native backend. Its files need the package llvmlite, so they are imported at first use."""

from __future__ import annotations

from symfold.compute.backends.table import Backend, Program, Shapes, Training, Update
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.core.nodes import Node


def program(net: Net, shapes: Shapes, params: Parameters, dtype: str) -> Program:
    from symfold.compute.backends.native.program import Program

    return Program(net, shapes, params, dtype)


def training(update: Update, dtype: str) -> Training:
    from symfold.compute.backends.native.training import Training

    return Training(update, dtype)


def supports(node: Node) -> bool:
    from symfold.compute.backends.native.rules import supports

    return supports(node)


ROW = Backend("native", program, training, supports, package="llvmlite", warns=False)
