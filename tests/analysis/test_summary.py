"""net.summary: its totals against parameters, sizes and costs counted in other ways; its rows at any depth."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import CASES

import symfold as sf
from symfold.analysis.summary import Summary, SummaryRow
from symfold.core.net import Net
from symfold.mappers import ARCHITECTURES

DENSE = sf.dense(3, 3, sf.sigmoid)
X = sf.tensor("x", (5, 3))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_parameter_is_counted_once(name: str) -> None:
    net = ARCHITECTURES[name].net(3, 4)
    summary = net.summary()
    assert summary.parameters == sum(int(np.prod(node.shape)) for node in net.params) == sum(row.parameters for row in summary)
    assert summary.operations == sf.cost(net).operations
    assert sf.unroll(net).summary() == sf.roll(net).summary()


@pytest.mark.parametrize("name", CASES)
def test_rows_add_up(name: str) -> None:
    summary = CASES[name].build(4).summary()
    assert summary.parameters == sum(row.parameters for row in summary)
    assert str(summary.parameters) in str(summary)


@pytest.mark.parametrize(
    "net",
    [
        sf.fold(sf.mappers.residual, sf.layers("f1:11", DENSE), X),
        sf.fold(lambda z, f: sf.fold(lambda y, g: g(y) + z, sf.layers("g1:4", DENSE), f(z)), sf.layers("f1:6", DENSE), X),
        sf.fold(lambda z, i: i[0](z) * i[1](z) / 2, sf.zipped(sf.layers("f1:5", DENSE), sf.layers("g1:5", DENSE)), X),
        sf.scan(sf.mappers.residual, sf.layers("f1:6", DENSE), sf.layer("into", DENSE)(X)),
        sf.fold(sf.mappers.residual, sf.layers("f", DENSE, count=10**6), X),
    ],
    ids=["residual", "nested", "side by side", "scan", "a million"],
)  # fmt: skip
def test_the_operations_of_rows_are_those_of_the_net(net: Net) -> None:
    assert sum(row.operations for row in net.summary()) == net.summary().operations == sf.cost(net).operations


FOUR, N = sf.layers("f1:5", DENSE), sf.layers("f", DENSE, count="n")


@pytest.mark.parametrize(
    "net, parameters",
    [
        (lambda: sf.fold(sf.mappers.residual, FOUR, X) + FOUR[0](X), 48),
        (lambda: FOUR[0](X) + sf.fold(sf.mappers.residual, FOUR, X), 48),
        (lambda: sf.fold(sf.mappers.residual, FOUR[:3], X) + sf.fold(sf.mappers.residual, [*FOUR][::-1], 2 * X), 48),
        (lambda: sf.fold(sf.mappers.residual, [FOUR[0], FOUR[3], FOUR[0]], X) + sf.fold(sf.mappers.residual, FOUR[1:], 2 * X), 48),
        (lambda: sf.fold(sf.mappers.residual, N, X) + sf.fold(sf.mappers.residual, N, 2 * X), 12 * sp.Symbol("n", integer=True, positive=True)),
    ],
    ids=["a fold, then a layer", "a layer, then a fold", "backward", "tuples", "a symbolic depth"],
)  # fmt: skip
def test_layers_that_several_folds_and_calls_share_count_once(net: Callable[[], Any], parameters: Any) -> None:
    summary = sf.Net.of(net()).summary()
    assert summary.parameters == parameters == sum(row.parameters for row in summary)
    assert summary.operations == sf.cost(sf.Net.of(net())).operations


def test_a_symbolic_depth_is_a_symbol() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    summary = sf.fold(sf.mappers.residual, sf.layers("f", DENSE, count="n"), X).summary()
    assert (summary.parameters, summary.operations) == (12 * n, 90 * n)
    assert "fold of n steps, 1 carry" in str(summary) and "n x 12" in str(summary)


def test_what_is_unknown_is_said() -> None:
    opaque = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")).summary()
    assert (opaque.parameters, opaque.operations) == (0, None) and "unknown" in str(opaque)
    assert "18*x.shape[0]" in str(sf.fold(sf.mappers.residual, sf.layers("f1:2", DENSE), sf.tensor("x", (None, 3))).summary())


def test_shared_layers_and_parameters_count_once() -> None:
    w = sf.parameter("w", (3,))
    shared = sf.fold(lambda z, f: f(z) * w, [sf.layer("f", DENSE)] * 4, X).summary()
    assert [row.parameters for row in shared] == [0, 0, 12, 3] and shared.parameters == 15
    assert sf.Net.of(sf.layer("f", DENSE)(sf.layer("f", DENSE)(X))).summary().parameters == 12


def test_long_tables_are_cut_and_html_is_escaped() -> None:
    net: Any = X
    for k in range(100):
        net = sf.layer(f"g{k}", lambda z, k=k: z ** (k + 2))(net)  # no two alike: nothing to fold
    shown = str(sf.Net.of(net).summary())
    assert shown.count("\n") < 70 and "(41 rows not shown)" in shown
    page = sf.fold(sf.mappers.residual, sf.layers("f1:4", DENSE), X).summary()._repr_html_()
    assert re.findall(r"<(\w+)", page)[0] == "table" and "f1, f2, f3" in page
    hostile = SummaryRow("<b>&", "(3,)")
    assert "&lt;b&gt;&amp;" in Summary((hostile,), 0, 0, 0)._repr_html_()
