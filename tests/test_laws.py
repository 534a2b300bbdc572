"""The laws of folding, for nets that Hypothesis draws."""

import functools
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from cases import CASES, values_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import WIDTH, X, layer_lists, mappers, nets

import symfold as sf
from symfold.base.trees import flatten
from symfold.core.nodes import digest

steady = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def numbers(value: Any) -> list[Any]:
    return [np.asarray(leaf) for leaf in flatten(value)[0]]


def assert_close(left: Any, right: Any) -> None:
    for a, b in zip(numbers(left), numbers(right), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@steady
@given(mappers, layer_lists(), layer_lists(start=11))
def test_a_fold_over_two_lists_is_two_folds(mapper: Any, xs: Any, ys: Any) -> None:
    assert sf.roll(sf.fold(mapper, xs + ys, X)) == sf.roll(sf.fold(mapper, ys, sf.fold(mapper, xs, X)))


@steady
@given(mappers, layer_lists(most=4))
def test_a_fold_is_functools_reduce(mapper: Any, layers: Any) -> None:
    net, reduced = sf.fold(mapper, layers, X), sf.Net.of(functools.reduce(mapper, layers, X))
    values = values_of(net)
    assert_close(net(values), reduced(values))
    assert {node.op.name for node in net.params} == {node.op.name for node in reduced.params}


@steady
@given(nets())
def test_rolling_undoes_unrolling(net: sf.Net) -> None:
    assert_rolls(net)
    unrolled, rolled, values = sf.unroll(net), sf.roll(net), values_of(net)
    assert_close(unrolled(values), net(values))
    assert_close(rolled(values), net(values))


def assert_rolls(net: sf.Net) -> None:
    unrolled, rolled = sf.unroll(net), sf.roll(net)
    assert sf.roll(unrolled) == rolled == sf.roll(rolled)
    for other in (unrolled, rolled):
        assert other.form == net.form and other.inputs == net.inputs and set(other.params) == set(net.params)


@settings(steady, max_examples=40)
@given(nets())
def test_rolling_undoes_unrolling_of_gradients_and_of_single_entries(net: sf.Net) -> None:
    sequences = [output for output in net.outputs if output.shape and isinstance(output.shape[0], int)]
    entries = [sequence[min(1, sequence.shape[0] - 1)] for sequence in sequences]
    for outputs in (net.outputs, entries):
        if outputs:
            total: Any = sum(np.tanh(output).sum() for output in outputs)
            names = [node.op.name for node in sf.Net.of(total).inputs]
            for derived in (sf.Net.of(total), sf.grad(total), sf.grad(total, wrt=names) if names else sf.grad(total)):
                assert_rolls(derived)


def test_a_scan_ends_after_the_last_step_that_is_read() -> None:
    inputs = sf.tensor("u", (5,))
    states = sf.scan(lambda h, u: np.tanh(h + u), inputs, sf.tensor("h", ()))
    for last, counts in ((0, []), (2, [3]), (4, [5])):
        net = sf.Net.of(states[0] * states[last])
        assert [fold.op.count for fold in sf.roll(net).bindings] == counts
        assert_rolls(net)


def test_layers_from_the_last_to_the_first_are_the_reversed_layers() -> None:
    downward = sf.fold(sf.mappers.residual, sf.layers("f1:4")[::-1], X)
    assert sf.roll(sf.unroll(downward)) == downward == sf.fold(sf.mappers.residual, list(reversed(list(sf.layers("f1:4")))), X)
    assert downward.bindings[0].args[1].args[0] == sf.fold(sf.mappers.residual, sf.layers("f1:4"), X).bindings[0].args[1]


@steady
@given(nets())
def test_kept_nets_are_equal(net: sf.Net) -> None:
    assert pickle.loads(pickle.dumps(net)) == net
    again = sf.from_json(net.to_json())
    assert again == net and again.to_json() == net.to_json()


@steady
@given(mappers, layer_lists(least=1), st.integers(1, 3))
def test_shapes_are_those_of_the_numbers(mapper: Any, layers: Any, batch: int) -> None:
    from symfold.transform.specialize import with_shapes

    net = with_shapes(sf.fold(mapper, layers, X), {"x": (batch, WIDTH)})
    value = net({**values_of(net), "x": np.ones((batch, WIDTH))})
    assert net.shape == value.shape == (batch, WIDTH)


@pytest.mark.slow
@steady
@given(mappers, layer_lists(most=4))
def test_every_item_traced_is_the_same_net(mapper: Any, layers: Any) -> None:
    assert sf.fold(mapper, layers, X, check="all") == sf.fold(mapper, layers, X)


@steady
@given(mappers, layer_lists(least=1))
def test_the_last_of_a_scan_is_the_fold(mapper: Any, layers: Any) -> None:
    net, states = sf.fold(mapper, layers, X), sf.scan(mapper, layers, X)
    values = values_of(net)
    assert_close(states(values)[-1], net(values))
    assert states.shape[0] == len(layers)


DIGESTS = """
import hashlib
from cases import CASES
from symfold.core.nodes import digest
for name, case in CASES.items():
    net = case.build(3)
    print(name, *(digest(output).hex() for output in net.outputs), hashlib.sha256(net.to_json().encode()).hexdigest())
"""


@pytest.mark.slow
def test_the_same_net_in_every_process() -> None:
    def run(seed: str) -> str:
        tests = str(__import__("pathlib").Path(__file__).parent)
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join([tests, *sys.path])}
        return subprocess.run([sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True).stdout

    first = run("1")
    assert first == run("2")
    here = CASES["residual"].build(3)
    assert f"residual {digest(here.outputs[0]).hex()}" in first
