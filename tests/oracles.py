"""Independent routes to the same numbers: HIPS autograd over the loops written by hand."""

from collections.abc import Mapping
from typing import Any

import autograd
import autograd.numpy as anp
import cases
import networkx as nx
import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.base.trees import flatten


def weighted_squares(net: sf.Net) -> sf.Net:
    """A loss that reads every output, each with a weight of its own."""
    total: Any = 0
    for k, output in enumerate(net.outputs):
        total = total + (output * output * (k + 1)).sum()
    return sf.Net.of(total)


def loss_and_gradient(
    case: cases.Case, depth: int, values: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Any]:
    """The loss of `weighted_squares` and its gradient, by autograd over the case's loop."""

    def loss(named: Mapping[str, Any]) -> Any:
        parts, _ = flatten(case.reference(depth, named))
        return sum((k + 1) * anp.sum(part * part) for k, part in enumerate(parts))

    with monkeypatch.context() as patched:
        patched.setattr(cases, "np", anp)
        return autograd.value_and_grad(loss)(dict(values))


def assert_close(given: Mapping[str, Any], wanted: Mapping[str, Any], tolerance: float = 1e-11) -> None:
    """The same names, shapes and numbers, relative to the largest entry."""
    assert set(given) == set(wanted)
    for name, value in wanted.items():
        assert np.shape(given[name]) == np.shape(value), name
        np.testing.assert_allclose(given[name], value, rtol=tolerance, atol=tolerance * (1 + np.max(np.abs(value), initial=0)))


T = sp.Symbol("t")


def enumerated(graph: nx.MultiDiGraph, source: str = "x", target: str = "out") -> sp.Expr:
    """The path polynomial by one pass over a graph in topological order: parallel edges counted, a layer worth one t."""
    value = dict.fromkeys(graph, sp.Integer(0)) | {source: sp.Integer(1)}
    for name in nx.topological_sort(graph):
        for _, end in graph.out_edges(name):
            value[end] = sp.expand(value[end] + value[name] * (T if graph.nodes[end]["kind"] == "layer" else 1))
    return value[target]


def arrays_of(program: Any) -> list[Any]:
    """The arrays of a NumPy program, also behind views and loops."""
    found: dict[int, Any] = {}

    def collect(value: Any) -> None:
        if isinstance(value, np.ndarray):
            while value.base is not None:
                value = value.base
            found[id(value)] = value
        for part in value if isinstance(value, (list, tuple)) else [getattr(value, "pair", None), *getattr(value, "arrays", ())]:
            if part is not None:
                collect(part)

    for value in program.run.__defaults__ or ():
        collect(value)
    return [*found.values()]
