"""What is written out and repeats is found by its equations alone: the fold that it is, the same numbers, and nothing merged that is not equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case, values_of
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.core.folds import is_fold
from symfold.core.nodes import walk
from symfold.core.primitives.images import embed
from symfold.errors import InvalidType

X = sf.tensor("x", (None, 3))
KIND = sf.dense(3, 3, np.tanh)


def repeated(step: Callable[[int, Any], Any], count: int, z: Any = X) -> Any:
    for k in range(count):
        z = step(k, z)
    return z


def pairs(step: Callable[[int, Any, Any], tuple[Any, Any]], count: int, a: Any = X) -> Any:
    b = np.sin(a)
    for k in range(count):
        a, b = step(k, a, b)
    return a * b


def listed(step: Callable[[int, Any], Any], count: int, z: Any = X) -> list[Any]:
    states = [z]
    for k in range(count):
        states.append(step(k, states[-1]))
    return states[1:]


F, G = sf.layers("f1:20", KIND), sf.layers("g101:120", KIND)
NAMES = [sf.layer(name, KIND) for name in ("alpha", "beta", "gamma", "delta", "epsilon_", "zeta")]

M, V, W = sf.tensor("m", (2, 3)), sf.tensor("V", (3, 3)), sf.tensor("W", (3, 3))
PARTS = np.exp(sf.tensor("u", (2, 15)))
INPUTS = sf.tensor("s", (2, 6, 3))


def gated(k: int, h: Any) -> Any:
    """A gated unit: its gate is read far from where it is computed, and the input's product is shallow."""
    new = INPUTS[:, k] @ V
    gate = sf.sigmoid(new + h @ W)
    return (1 - gate) * np.tanh(new + gate * (h @ V)) + gate * h


def local_and_global(k: int, z: Any) -> Any:
    """Five of six layers read one value that all steps share, the sixth reads another one."""
    return np.tanh(z + G[k](z)) * np.cos(F[0](np.exp(M))) if k % 6 == 5 else z + F[k](z) * np.sin(M)


def coupled(k: int, a: Any, b: Any, total: Any) -> tuple[Any, Any, Any]:
    scale = np.tanh(F[k](a))
    return b * np.exp(scale) + G[k](a), a, scale.sum(-1) if total is None else total + scale.sum(-1)


def couplings(count: int) -> Any:
    state: Any = (M, np.sin(M), None)
    for k in range(count):
        state = coupled(k, *state)
    return (state[0] * state[1]).sum(-1) * state[2]


# name -> the net written out, the counts of the folds that are in it
WRITTEN: dict[str, tuple[Any, list[int]]] = {
    "one layer after the other": (repeated(lambda k, z: F[k](z), 6), [6]),
    "a residual": (repeated(lambda k, z: z + F[k](z), 6), [6]),
    "layers of any names": (repeated(lambda k, z: z + NAMES[k](z), 6), [6]),
    "two layers a step": (repeated(lambda k, z: G[k](np.sin(F[k](z))), 5), [5]),
    "two sums a step": (repeated(lambda k, z: (lambda a: a + G[k](a))(z + F[k](z)), 5), [10]),
    "unlike layers in turn": (repeated(lambda k, z: (lambda a: a * sf.sigmoid(G[k](a)))(z + F[k](z)), 5), [5]),
    "before and after": (np.cos(repeated(lambda k, z: z + F[k](z), 4, np.sin(X) * 2)).sum(), [4]),
    "two runs": (repeated(lambda k, z: z * G[k](z), 3, repeated(lambda k, z: z + F[k](z), 4)), [4, 3]),
    "an input of each step": (repeated(lambda k, z: np.tanh(z + sf.tensor(f"u{k}", (2, 3))), 5, sf.tensor("x", (2, 3))), [5]),
    "one layer shared by all steps": (repeated(lambda k, z: z + F[0](z), 5), [5]),
    "two streams": (pairs(lambda k, a, b: (a + F[k](b), b * G[k](a)), 5), [5]),
    "two streams, one after the other": (pairs(lambda k, a, b: (lambda c: (c, b + G[k](c)))(a + F[k](b)), 5), [10]),
    "two streams that swap places": (pairs(lambda k, a, b: (b, a + F[k](b)), 5), [5]),
    "the state before the last": (pairs(lambda k, a, b: (b, b + F[k](b) - a), 6), [6]),
    "a value that all steps read": (repeated(lambda k, z: z + F[k](z) * np.exp(sf.tensor("m", (2, 3))), 5, sf.tensor("x", (2, 3))), [5]),
    "a value that all steps read, computed by the first": (repeated(lambda k, z: np.tanh(z) + F[k](z) * G[0](sf.tensor("m", (2, 3))), 5, sf.tensor("x", (2, 3))), [5]),
    "an input read in every step": (repeated(lambda k, z: F[k](z) + X, 5), [5]),
    "alternating layers": (repeated(lambda k, z: z + (np.sin(F[k](z)) if k % 2 else np.cos(F[k](z))), 8), [4]),
    "a step size": (repeated(lambda k, z: z + 0.1 * F[k](z), 5), [5]),
    "states that are read later": (np.concatenate(listed(lambda k, z: z + F[k](z), 5)), [5]),
    "a list read in turn": (repeated(lambda k, z: np.tanh(z + F[k](sf.tensor("u", (5, 2, 3))[k])), 5, sf.tensor("x", (2, 3))), [5]),
    "states that another chain reads": (repeated(lambda k, z: np.tanh(z) * listed(lambda k, z: z + F[k](z), 5)[k], 5), [5]),
    "a number of each step": (repeated(lambda k, z: z + F[k](z) * 0.5**k, 5), [5]),
    "the time of each step": (repeated(lambda k, z: z + 0.1 * F[0](np.concatenate([z[:, :2], np.full((2, 1), 0.1 * k)], -1)), 5, M), [5]),
    "an exponent of each step, which is a part of the operation": (repeated(lambda k, z: F[k](z) ** (k + 2), 5), []),
    "parts of a value that is computed before": (repeated(lambda k, z: np.tanh(z + F[k](PARTS[:, 3 * k : 3 * k + 3])), 5, M), [5]),
    "a row of a table for each step": (repeated(lambda k, z: F[0](z + embed(V, k)), 3, M), [3]),
    "a gated unit over time": (repeated(gated, 6, M), [6]),
    "its states together": (np.concatenate(listed(gated, 6, M)), [6]),
    "experts, weighted by parts of a value": (sum(PARTS[:, k : k + 1] * G[k](np.tanh(F[k](M))) for k in range(5)), [4]),
    "five layers of one kind, then one of another, twice": (repeated(local_and_global, 12, M), [2]),
    "a sum beside pairs that swap places": (couplings(4), [4]),
    "no repeat": (G[0](np.sin(F[0](X))), []),
    "numbers alone are no steps": (repeated(lambda k, z: z * 2, 4), []),
    "inputs of unknown sizes, which need not be equal": (repeated(lambda k, z: np.tanh(z + sf.tensor(f"u{k}", (None, 3))), 5), []),
    "what reads further back": (F[2](F[1](F[0](X)) + X), [2]),
    "boosting, where all read the input": (repeated(lambda k, z: z + F[k](X), 4, 0), [3]),
    "one that differs in the middle": (repeated(lambda k, z: z + (F[k](z) if k != 3 else np.sin(F[k](z))), 7), [3, 3]),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_fold_is_found_and_has_the_numbers(name: str) -> None:
    written, counts = WRITTEN[name]
    net = sf.Net.of(written)
    rolled = sf.roll(net)
    assert [fold.op.count for fold in rolled.bindings] == counts
    values = values_of(net)
    np.testing.assert_allclose(rolled(**values), net(**values), rtol=1e-14)
    assert sf.roll(rolled) == rolled == sf.roll(rolled, search=False)


@pytest.mark.parametrize("name", ["one layer after the other", "a residual", "two layers a step"])
def test_it_is_the_net_that_the_fold_gives(name: str) -> None:
    mapper, items = {
        "one layer after the other": (lambda z, f: f(z), list(F[:6])),
        "a residual": (lambda z, f: z + f(z), list(F[:6])),
        "two layers a step": (lambda z, fg: fg[1](np.sin(fg[0](z))), list(zip(F[:5], G[:5], strict=True))),
    }[name]
    assert str(sf.roll(WRITTEN[name][0])) == str(sf.roll(sf.fold(mapper, items, X)))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_search_changes_no_numbers_of_any_net(case: Case) -> None:
    net, values = case.build(4), case.values(4)
    for one in (net, sf.unroll(net) if not case.shallowest else net):
        found = sf.roll(one)
        given = [found(**values)] if len(net.outputs) == 1 else list(found(**values))
        wanted = [net(**values)] if len(net.outputs) == 1 else list(net(**values))
        for a, b in zip(given, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@given(st.lists(st.sampled_from(["f", "g", "sin", "twice", "skip"]), max_size=14))
def test_any_sequence_of_steps_keeps_its_numbers(steps: list[str]) -> None:
    z: Any = X
    for k, step in enumerate(steps):
        z = {"f": lambda z, k=k: F[k](z), "g": lambda z, k=k: z + G[k](z), "sin": lambda z, k=k: np.sin(z), "twice": lambda z, k=k: z * 2 + z, "skip": lambda z, k=k: z + X}[step](z)
    net = sf.Net.of(z)
    rolled = sf.roll(net)
    values = values_of(net)
    np.testing.assert_allclose(rolled(**values), net(**values), rtol=1e-12)
    assert sf.roll(net).to_json() == rolled.to_json()
    assert sf.roll(rolled) == rolled == sf.roll(sf.unroll(rolled))


def test_folds_that_are_found_may_repeat_in_turn() -> None:
    """Forty steps and another layer, three times: more blocks in a repeat than a search looks at, until it has the folds."""
    names = iter(range(1, 1000))
    z: Any = X
    for _ in range(3):
        z = repeated(lambda k, z: np.tanh(z + sf.layer(f"f{next(names)}")(z)), 40, z)
        z = np.sin(sf.layer(f"g{next(names)}")(z))
    rolled = sf.roll(z)
    (fold,) = rolled.bindings
    assert fold.op.count == 3 and [node.op.count for node in walk(fold.op.block.results) if is_fold(node)] == [40]
    assert sf.roll(rolled) == rolled and rolled.inputs == sf.Net.of(z).inputs


def test_a_long_chain_is_found_by_work_that_grows_with_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    from symfold.transform.repeats import equations

    walked: list[int] = []
    plain = equations.walk

    def counted(*args: Any, **options: Any) -> Any:
        order = plain(*args, **options)
        walked.append(len(order))
        return order

    monkeypatch.setattr(equations, "walk", counted)
    totals = []
    for count in (100, 400):
        walked.clear()
        rolled = sf.roll(repeated(lambda k, z: z + sf.layer(f"f{k}")(z), count))
        assert [fold.op.count for fold in rolled.bindings] == [count]
        totals.append(sum(walked))
    assert totals[1] <= 4.2 * totals[0]


def test_search_is_a_flag() -> None:
    with pytest.raises(InvalidType, match="search='yes' must be True or False"):
        sf.roll(X, search="yes")  # type: ignore[arg-type]
