"""Linear maps through sums, folds and scans: the form has the net's values, and what it proves holds in numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import CASES, values_of

import symfold as sf
from symfold.analysis.equality.linear_form import linear_form
from symfold.transform.rolling import roll

X, V = sf.tensor("x"), sf.tensor("x", (3,))
W, A, C = sf.parameter("W", (3, 3)), sf.parameter("A", (3, 3)), sf.parameter("c")
SHIFTED = sf.layer("s", lambda z, S, b: np.dot(z, S) + b, S=(3, 3), b=(3,))


def layers(count: Any) -> Any:
    return sf.layers("f", count=count)


def summed(count: Any, start: Any, term: Any, state: Any = lambda z: z) -> Any:
    return sf.fold(lambda z, f: state(z) + term(f), layers(count), start)


def mapped(value: Any) -> Any:
    return np.dot(value, W)


def states(count: Any) -> Any:
    return sf.Net.of(sf.scan(lambda z, f: np.tanh(z) + f(z), layers(count), V)).outputs[0]


def second(count: Any, start: Any, term: Any) -> Any:
    return sf.Net.of(sf.fold(lambda s, f: (f(s[0]), s[1] / 2 + term(f(s[0]))), layers(count), (V, start))[1])


def carried(count: Any) -> Any:
    def step(s: Any, f: Any) -> Any:
        state = np.tanh(s[0]) + f(s[0])
        return state, s[1] + state

    return sf.Net.of(sf.fold(step, layers(count), (V, np.zeros(3)))[1])


def nested(count: Any, inside: Any, outside: Any) -> Any:
    """A sum of sums: the map inside, or outside."""
    return outside(summed(count, inside(V), lambda f: inside(summed(count, V, lambda g: g(f(V))))))


SAME: dict[str, Callable[[Any], tuple[Any, Any]]] = {  # a linear map outside of a fold, and inside
    "matrix": lambda n: (mapped(summed(n, V, lambda f: f(V))), summed(n, mapped(V), lambda f: mapped(f(V)))),
    "decay": lambda n: (mapped(summed(n, V, lambda f: f(V), lambda z: z / 3)), summed(n, mapped(V), lambda f: mapped(f(V)), lambda z: z / 3)),
    "number": lambda n: (2 * summed(n, X, lambda f: f(X)), summed(n, 2 * X, lambda f: 2 * f(X))),
    "scalar": lambda n: (C * summed(n, V, lambda f: f(V)), summed(n, C * V, lambda f: C * f(V))),
    "axis": lambda n: (summed(n, V, lambda f: f(V)).sum(axis=-1), summed(n, V.sum(axis=-1), lambda f: f(V).sum(axis=-1))),
    "scalar in the state": lambda n: (mapped(summed(n, V, lambda f: f(V), lambda z: C * z)), summed(n, mapped(V), lambda f: mapped(f(V)), lambda z: C * z)),
    "beside another part": lambda n: (mapped(second(n, V, lambda v: v)), second(n, mapped(V), mapped)),
    "scan": lambda n: (mapped(states(n).sum(axis=0)), mapped(states(n)).sum(axis=0)),
    "scan carried along": lambda n: (states(n).sum(axis=0), carried(n)),
    "from zero": lambda n: (mapped(summed(n, 0 * V, lambda f: f(V))), summed(n, np.zeros(3), lambda f: mapped(f(V)))),
    "nested": lambda n: (nested(n, lambda v: v, mapped), nested(n, mapped, lambda v: v)),
    "layer": lambda n: (SHIFTED(summed(n, V, lambda f: f(V))), summed(n, SHIFTED(V), lambda f: np.dot(f(V), SHIFTED.params[0]))),
    "a multiple of the matrix": lambda n: (mapped(summed(n, V, lambda f: -2 * f(V))), summed(n, mapped(V), lambda f: -np.dot(f(V), 2 * W))),
    "a sum of matrices": lambda n: (np.dot(summed(n, V, lambda f: f(V)), W - C * A), summed(n, mapped(V) - np.dot(V, C * A), lambda f: np.dot(f(V), W - C * A))),
    "twice": lambda n: (np.dot(mapped(summed(n, V, lambda f: f(V))), A), summed(n, np.dot(mapped(V), A), lambda f: np.dot(mapped(f(V)), A))),
}
DIFFERENT: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "no map of the start": lambda n: (mapped(summed(n, V, lambda f: f(V))), summed(n, V, lambda f: mapped(f(V)))),
    "not linear": lambda n: (np.tanh(summed(n, V, lambda f: f(V))), summed(n, np.tanh(V), lambda f: np.tanh(f(V)))),
    "no common order": lambda n: (mapped(summed(n, V, lambda f: f(V), lambda z: np.dot(z, A))), summed(n, mapped(V), lambda f: mapped(f(V)), lambda z: np.dot(z, A))),
    "the state read": lambda n: (mapped(sf.fold(lambda z, f: z + f(z), layers(n), V)), sf.fold(lambda z, f: z + mapped(f(z)), layers(n), mapped(V))),
    "a layer's constant": lambda n: (SHIFTED(summed(n, V, lambda f: f(V))), summed(n, SHIFTED(V), lambda f: SHIFTED(f(V)))),
}


@pytest.mark.parametrize("count", ["n", 5])
@pytest.mark.parametrize("name", SAME)
def test_linear_maps_are_passed_through_sums_folds_and_scans(name: str, count: Any) -> None:
    one, other = map(sf.Net.of, SAME[name](count))
    assert sf.verdict(one, other).level == ("equal for these layers" if name == "layer" else "equal by normal form")
    few = [net.at(n=3) if count == "n" else net for net in (one, other)]
    a, b = (net.bind({"f": np.sin}) for net in few)
    values = values_of(a)
    assert np.allclose(a(**values), b(**values), rtol=1e-12)


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_is_not_linear_or_not_the_same_stays_different(name: str) -> None:
    assert sf.verdict(*DIFFERENT[name](2)).equal is False


@pytest.mark.parametrize("case", CASES)
def test_the_linear_form_has_the_values_of_the_net(case: str) -> None:
    """Of the case, and of a matrix and a sum applied to it."""
    net = CASES[case].build(3)
    values = values_of(net)
    for node in net.outputs:
        for value in (node, node * 2 - node.sum(axis=-1, keepdims=True)):
            plain = roll(sf.Net.of(value))
            read = {leaf.op.name: values[leaf.op.name] for leaf in (*plain.inputs, *plain.params)}
            for inline in (False, True):
                form = plain.with_outputs(linear_form(plain.outputs, inline))
                assert np.allclose(form(**read), plain(**read), rtol=1e-10)
