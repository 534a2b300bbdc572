"""The acceptance cases: value, number of blocks, identity, at any depth, all from the same few concepts."""

import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import BATCH, CASES, SIGMOID, WIDTH, Case, X

import symfold as sf
from symfold.base.trees import flatten
from symfold.compute.evaluate import Evaluator
from symfold.core.nodes import walk

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def assert_equal(given: Any, wanted: Any, tolerance: float = 1e-12) -> None:
    """The same form, the same shapes, the same numbers."""
    left, form = flatten(given)
    right, other = flatten(wanted)
    assert form == other
    for a, b in zip(left, right, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(np.asarray(a, dtype=float), np.asarray(b, dtype=float), rtol=tolerance, atol=tolerance)


@cases
@pytest.mark.parametrize("depth", [0, 1, 2, 3, 7])
def test_value_is_that_of_the_loop_written_by_hand(case: Case, depth: int) -> None:
    if depth < case.shallowest:
        with pytest.raises(ValueError, match=r"at least 1|at least one"):
            case.build(depth)
        return
    values = case.values(depth, seed=depth)
    if depth == 0:  # then not every input is needed, and the loop gives back what it was given
        values |= {name: np.ones((BATCH, WIDTH)) for name in ("x", "h", "c", "y") if name not in values}
        assert not case.build(0).bindings
        return assert_equal(case.build(0)(**{i.op.name: values[i.op.name] for i in case.build(0).inputs}), case.reference(0, values))
    assert_equal(case.build(depth)(values), case.reference(depth, values))


@cases
def test_value_is_that_of_sympy_numbers(case: Case) -> None:
    """Forty digits, computed by SymPy in arrays of objects: an oracle that shares no arithmetic with NumPy."""
    net = case.build(3)
    values = case.values(3)
    digits = {name: np.vectorize(lambda v: sp.Float(v, 40), otypes=[object])(value) for name, value in values.items()}
    parts = Evaluator(digits, exact=True).run(sf.unroll(net).outputs)
    whole = [np.asarray([np.asarray(p) for p in part] if isinstance(part, list) else part) for part in parts]
    assert all(isinstance(entry, sp.Float) for part in whole for entry in part.flat)
    wanted, _ = flatten(case.reference(3, values))
    assert_equal(tuple(whole), tuple(wanted))


@cases
@pytest.mark.parametrize("depth", [3, 4, 10, 60])
def test_the_number_of_blocks_does_not_depend_on_the_depth(case: Case, depth: int) -> None:
    assert len(case.build(depth).blocks) == (depth if case.blocks is None else case.blocks)


@cases
def test_equal_nets_are_equal_hashable_and_kept(case: Case) -> None:
    net, again, deeper = case.build(3), case.build(3), case.build(4)
    assert net == again and hash(net) == hash(again)
    assert net != deeper
    assert pickle.loads(pickle.dumps(net)) == net
    assert sf.from_json(net.to_json()) == net
    assert hash(sf.from_json(net.to_json())) == hash(net)


@cases
def test_unrolling_and_rolling(case: Case) -> None:
    net = case.build(3)
    unrolled = sf.unroll(net)
    values = case.values(3)
    assert_equal(unrolled(values), case.reference(3, values))
    assert all(fold.op.count == 1 for fold in unrolled.bindings)
    assert sf.roll(unrolled) == sf.roll(net)
    assert sf.roll(sf.roll(net)) == sf.roll(net)
    assert len(sf.roll(unrolled).blocks) <= len(net.blocks)
    assert_equal(sf.roll(net)(values), case.reference(3, values))


@cases
def test_nets_built_in_several_threads_are_equal(case: Case) -> None:
    built: list[sf.Net] = []
    threads = [threading.Thread(target=lambda: built.append(case.build(5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 8 and len(set(built)) == 1


def test_depth_as_a_symbol() -> None:
    n = sp.Symbol("n", integer=True, positive=True)
    net = sf.fold(sf.mappers.residual, sf.layers("f", SIGMOID, count=n), X)
    assert len(net.blocks) == 1 and net.bindings[0].op.count == n
    assert net.at(n=1000) == sf.fold(sf.mappers.residual, sf.layers("f1:1001", SIGMOID), X)
    with pytest.raises(ValueError, match=r"the depth n is a symbol .* net.at\(n=10\)"):
        sf.unroll(net)


# ---------------------------------------------------------------- 100,000 steps

DEEP = 100_000


@pytest.fixture
def shallow_stack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A recursion limit that a walk by recursion would meet at once."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.slow
def test_a_hundred_thousand_steps_fold_to_one_block(shallow_stack: None) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f", lambda z: z / DEEP, count=DEEP), sf.tensor("x"))
    assert len(net.blocks) == 1 and len(walk(net.outputs)) < 10
    assert net(1.0) == pytest.approx((1 + 1 / DEEP) ** DEEP)


def test_a_hundred_thousand_distinct_layers(shallow_stack: None) -> None:
    listed = [sf.Layer(f"f{k}") for k in range(1, DEEP + 1)]
    net = sf.fold(sf.mappers.residual, listed, sf.tensor("x"))
    assert net == sf.fold(sf.mappers.residual, sf.layers(f"f1:{DEEP + 1}"), sf.tensor("x"))


@pytest.mark.slow
def test_a_hundred_thousand_single_steps(shallow_stack: None) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers(f"f1:{DEEP + 1}"), sf.tensor("x"))
    unrolled = sf.unroll(net)
    assert len(unrolled.bindings) == DEEP and len(unrolled.blocks) == 1
    assert sf.roll(unrolled) == net


@pytest.mark.slow
def test_a_hundred_thousand_single_steps_pickled_and_back(shallow_stack: None) -> None:
    unrolled = sf.unroll(sf.fold(sf.mappers.residual, sf.layers(f"f1:{DEEP + 1}"), sf.tensor("x")))
    assert pickle.loads(pickle.dumps(unrolled)) == unrolled


@pytest.mark.slow
def test_a_hundred_thousand_operations_without_a_fold(shallow_stack: None) -> None:
    z: Any = sf.tensor("x")
    for _ in range(DEEP):
        z = z + 1
    net = sf.Net.of(z)
    assert net(0.0) == DEEP
    assert sf.from_json(net.to_json()) == net
    del z, net  # taken apart without recursion, too
