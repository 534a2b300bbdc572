"""Code to paste: run in a namespace of its own, it has the numbers of the compiled net, for every architecture and case."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import CASES, values_of
from oracles import assert_close

import symfold as sf
from symfold.base.trees import flatten
from symfold.errors import InvalidValue, NoRule, TooLarge

NETS = {name: row.net(3, 4) for name, row in sf.mappers.ARCHITECTURES.items()} | {f"case {name}": case.build(3) for name, case in CASES.items()}


def run(code: str, name: str = "net") -> Any:
    """The function that a code defines."""
    namespace: dict[str, Any] = {}
    exec(compile(code, "code", "exec"), namespace)
    return namespace[name]


def parted(net: sf.Net) -> tuple[dict[str, Any], dict[str, Any]]:
    values, names = values_of(net), [node.op.name for node in net.params]
    return {name: values[name] for name in names}, {node.op.name: values[node.op.name] for node in net.inputs}


def numbers(net: sf.Net, target: str, name: str = "net") -> Any:
    """The results of a net's code."""
    params, inputs = parted(net)
    function = run(net.to_code(target, name), name)
    with_params = (params,) if params else ()
    if target == "torch":
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        tensors = ({key: torch.tensor(value) for key, value in params.items()},) if params else ()
        return function(*tensors, *map(torch.tensor, inputs.values()))
    if target == "jax":
        jax = pytest.importorskip("jax", reason="the extra 'jax' is not installed")
        with jax.enable_x64(True):
            return function(*with_params, *map(jax.numpy.asarray, inputs.values()))
    return function(*with_params, *inputs.values())


def leaves(value: Any) -> Mapping[int, Any]:
    return dict(enumerate(map(np.asarray, flatten(value)[0])))


def check(net: sf.Net, target: str, tolerance: float = 1e-12) -> None:
    params, inputs = parted(net)
    assert_close(leaves(numbers(net, target)), leaves(net.compile("numpy")(params, **inputs)), tolerance)


@pytest.mark.parametrize("target", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("name", NETS)
def test_code_has_the_numbers_of_its_net(name: str, target: str) -> None:
    check(NETS[name], target)
