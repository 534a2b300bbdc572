"""What a compiled net returns for many names: a dict in all that can be seen, but made when it is read."""

import copy
import pickle
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.base.trees import dict_of
from symfold.compute.backends.table import installed
from symfold.compute.named_arrays import named_arrays
from symfold.core.stacked_inputs import Numbered

PARTS = [(0, "a"), (1, Numbered("W", 1, 3)), (2, ("left", "right"))]
ARRAYS = [np.array(0.5), np.arange(12.0).reshape(3, 2, 2), np.array([1.0, 2.0])]
NAMES = ["a", "W1", "W2", "W3", "left", "right"]

READS = st.sampled_from([
    lambda d, name: d.get(name),
    lambda d, name: list(d),
    lambda d, name: len(d),
    lambda d, name: name in d,
    lambda d, name: [*d.items()],
    lambda d, name: [*d.values()],
    lambda d, name: [*d.keys()],
    lambda d, name: {**d},
    lambda d, name: dict(d),
    lambda d, name: d | {name: 7.0},
    lambda d, name: {name: 7.0} | d,
    lambda d, name: d.copy(),
    lambda d, name: copy.deepcopy(d),
    lambda d, name: pickle.loads(pickle.dumps(d)),
    lambda d, name: repr(d),
    lambda d, name: str(d),
    lambda d, name: d.pop(name, None),
    lambda d, name: d.setdefault(name, 3.0),
    lambda d, name: d.update({name: 5.0}),
    lambda d, name: d.__setitem__(name, 4.0),
    lambda d, name: d.pop(name) if name in d else None,
])  # fmt: skip


@given(st.lists(st.tuples(READS, st.sampled_from([*NAMES, "W4", "W03", "none"])), max_size=6))
def test_every_use_gives_what_a_dict_gives(uses: list[tuple[Any, str]]) -> None:
    lazy, plain = named_arrays(PARTS)(ARRAYS), dict_of(PARTS)(ARRAYS)
    for use, name in uses:
        assert repr(use(lazy, name)) == repr(use(plain, name))
    assert repr(lazy) == repr(plain) and isinstance(lazy, Mapping)
    with pytest.raises(KeyError, match="'W9'"):
        lazy["W9"]
    with pytest.raises(TypeError, match="unhashable"):
        hash(lazy)


def test_entries_are_views_that_stay_the_same_objects() -> None:
    stacked = np.arange(6.0).reshape(3, 2)
    lazy = named_arrays([(0, Numbered("W", 1, 3))])([stacked])
    first = lazy["W2"]
    first += 10
    assert dict(lazy)["W2"] is first and lazy["W2"] is first and stacked[1].tolist() == [12.0, 13.0]


def test_equality_is_that_of_dicts() -> None:
    def lazy(last: float) -> Any:
        return named_arrays([(0, ("a", "b"))])([np.array([1.0, last])])

    assert lazy(2.0) == lazy(2.0) == {"a": 1.0, "b": 2.0} == lazy(2.0) != lazy(3.0) != {"a": 1.0}


@pytest.mark.parametrize("backend", installed())
def test_results_are_left_alone_by_later_calls(backend: str) -> None:
    x = sf.tensor("x", (None, 3))
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.tanh)), x)
    run = sf.value_and_grad(sf.Net.of((net.outputs[0] ** 2).sum()), wrt=["x", "W2", "b3"]).compile(backend)
    first, second = ({**net.init(seed=seed)} for seed in (1, 2))
    ones = np.ones((5, 3))
    value, gradient = run(first, x=ones)
    kept = value.copy(), {name: array.copy() for name, array in gradient.copy().items()}
    later_value, later = run(second, x=2 * ones)
    for name in ("x", "W2", "b3"):
        np.testing.assert_array_equal(gradient[name], kept[1][name])
        assert not np.array_equal(later[name], gradient[name])
    assert value == kept[0] != later_value


@pytest.mark.parametrize("backend", installed())
def test_arrays_are_read_anew_at_every_call(backend: str) -> None:
    """A dict is the same object, and its arrays have other numbers, or were replaced."""
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    run, x = net.compile(backend), np.ones((1, 2))
    for params in (net.init(seed=0), dict(net.init(seed=0).copy())):
        before = run(params, x=x)
        params["W2"][...] = 0.0
        changed = run(params, x=x)
        params["W1"] = np.zeros((2, 2))
        np.testing.assert_allclose(changed, net({**params, "W1": net.init(seed=0)["W1"]}, x=x))
        np.testing.assert_allclose(run(params, x=x), net(params, x=x))
        assert not np.array_equal(before, changed)
        x += 1.0
        np.testing.assert_allclose(run(params, x=x), net(params, x=x))


@pytest.mark.parametrize("backend", installed())
def test_a_loss_that_is_kept_keeps_no_gradient(backend: str) -> None:
    w = sf.parameter("w", (100,))
    value, _ = sf.value_and_grad(sf.Net.of((w * w).sum())).compile(backend)({"w": np.ones(100)})
    assert value == 100 and value.base is None


def python_calls(function: Any) -> int:
    """How many functions of Python and of C a call runs."""
    count = 0

    def seen(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_a_call_does_as_much_at_every_depth() -> None:
    pytest.importorskip("llvmlite")
    counts = set()
    for depth in (5, 50):
        x = sf.tensor("x", (4, 3))
        net = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3, sf.tanh), count=depth), x)
        run, params, ones = sf.value_and_grad(sf.squared_error(net, x)).compile("native"), net.init(seed=0), np.ones((4, 3))
        run(params, x=ones)[1]["W3"]  # makes the program, and the places of the names
        counts.add(python_calls(lambda run=run, params=params, ones=ones: run(params, x=ones)[1]["W3"]))
        assert python_calls(lambda run=run, params=params, ones=ones: run(dict(params), x=ones)) > depth
    assert len(counts) == 1


def test_a_name_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(sf.errors.UnknownKey, match="no array 'W9' \\(there are 'a', 'W1', 'W2', 'W3', 'left', 'right'\\)"):
        named_arrays(PARTS)(ARRAYS)["W9"]
