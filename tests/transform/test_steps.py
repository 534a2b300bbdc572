"""The law that a fold equals its steps: drawn folds against the same steps in a Python loop, in every analysis.

Weighted paths have a third route: the value, in SymPy, of the net whose every layer is `t*z`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import T, enumerated

import symfold as sf
from symfold.core.conversion import as_node

X = sf.tensor("x")
W, H = sp.symbols("w h")

Item = tuple[Any, Any]  # a layer and a number
Step = Callable[[tuple[Any, Any], Item], tuple[Any, Any]]


@dataclass(frozen=True)
class Term:
    """A summand of the next state: a part of the state or the input, under layers, times numbers."""

    source: str  # "z", "s" or "x"
    layers: int
    factors: tuple[str, ...]  # of "item", "half", "third", "s", "1 - item"


def value_of(term: Term, state: tuple[Any, Any], item: Item, x: Any, number_as: Callable[[Any], Any]) -> Any:
    layer, number = item
    value = {"z": state[0], "s": state[1], "x": x}[term.source]
    for _ in range(term.layers):
        value = layer(value)
    for factor in term.factors:
        value = {
            "item": number,
            "half": number_as(sp.Rational(1, 2)),
            "third": number_as(0.3),
            "s": state[1],
            "1 - item": 1 - number,
        }[factor] * value
    return value


def step_of(first: list[Term], second: list[Term], x: Any, number_as: Callable[[Any], Any] = as_node) -> Step:
    def step(state: tuple[Any, Any], item: Item) -> tuple[Any, Any]:
        parts = []
        for terms in (first, second):
            total = value_of(terms[0], state, item, x, number_as)
            for term in terms[1:]:
                total = total + value_of(term, state, item, x, number_as)
            parts.append(total)
        return parts[0], parts[1]

    return step


@dataclass(frozen=True)
class Drawn:
    """A fold of two parts: z, which layers reach, and s, a number where all that makes it is numbers."""

    first: list[Term]
    second: list[Term]
    numbers: list[Any]
    start: Any  # of s: a number, or the input
    begun: tuple[Any, ...] = ()  # another state to begin with

    @property
    def items(self) -> list[Item]:
        return list(zip(sf.layers("f", count=len(self.numbers)), self.numbers, strict=True))

    @property
    def step(self) -> Step:
        return step_of(self.first, self.second, X)

    @property
    def state(self) -> tuple[Any, Any]:
        return self.begun or (X, X if self.start is None else self.start)

    @property
    def folded(self) -> sf.Net:
        return sf.fold(self.step, self.items, self.state)

    @property
    def written(self) -> sf.Net:
        state = tuple(map(as_node, self.state))
        for layer, number in self.items:
            state = self.step(state, (layer, as_node(number)))  # a number of the net, which Python does not compute with
        return sf.Net.of(state)

    def valued(self) -> list[sp.Expr]:
        """The outputs at x = 1 less those at x = 0, each layer being t*z: the weighted paths of a linear net."""
        return [
            sp.expand(at_one - at_zero)
            for at_one, at_zero in zip(self._at(sp.Integer(1)), self._at(sp.Integer(0)), strict=True)
        ]

    def _at(self, x: sp.Expr) -> tuple[Any, Any]:
        state = (x, x if self.start is None else exact(self.start))
        for number in self.numbers:
            step = step_of(self.first, self.second, x, exact)
            state = tuple(sp.expand(part) for part in step(state, (lambda z: T * z, exact(number))))
        return state


def exact(number: Any) -> sp.Expr:
    return sp.Rational(str(number)) if isinstance(number, (int, float)) else number


NUMBERS = st.sampled_from([2, -1, 0.5, 0.1, 3, sp.Rational(1, 3), sp.Rational(-2, 7)])


@st.composite
def drawn(
    draw: Any,
    numbers: Any = NUMBERS,
    alone: tuple[str, ...] = ("1 - item",),
    apart: bool = False,
    unique: bool = False,
    most: int = 4,
) -> Drawn:
    """Folds in which no product has two factors that depend on the input; `alone` is arithmetic on numbers alone.

    `apart` are those whose parts begin with inputs of their own, and are read by every step.
    """
    begun = None if apart else draw(st.sampled_from([None, 0, 1, 0.5, 3]))
    number_state = begun is not None
    factors = ["item", "half", "third", *alone, *(["s"] if number_state else [])]
    chosen = st.lists(st.sampled_from(factors), max_size=2, unique=True).map(tuple)
    sources = ["z", "x"] if number_state else ["z", "x", "s"]
    term = st.builds(Term, st.sampled_from(sources), st.integers(0, 2), chosen)
    pure = st.builds(Term, st.just("s"), st.just(0), chosen)
    first = draw(st.lists(term, min_size=1, max_size=3))
    second = draw(st.lists(pure if number_state else term, min_size=1, max_size=2))
    items = draw(
        st.one_of(
            st.lists(numbers, min_size=1, max_size=most, unique=unique),
            st.builds(lambda n, k: [n] * k, numbers, st.integers(1, most)),
        )
    )
    if apart:
        plain = st.builds(Term, st.just("s"), st.integers(0, 2), chosen)
        return Drawn(
            [draw(term), *first, replace(draw(plain), source="z")],
            [draw(plain), *second],
            items,
            None,
            (sf.tensor("y"), sf.tensor("u")),
        )
    return Drawn(first, second, items, begun)


def polynomials(net: sf.Net, weighted: bool) -> list[sp.Expr]:
    return [sp.expand(value) for value in sf.paths(net, weighted).matrix]


@given(case=drawn())
@settings(deadline=None, max_examples=60)
def test_weighted_paths(case: Drawn) -> None:
    folded = polynomials(case.folded, True)
    assert folded == polynomials(case.written, True)
    assert folded == polynomials(sf.roll(case.written), True) == case.valued()


def moments(paths: Any) -> Iterator[Any]:
    for ask in (
        lambda: paths.count,
        lambda: paths.mean,
        lambda: paths.variance,
        lambda: paths.tilted_mean(Fraction(1, 3)),
    ):
        try:
            yield ask()
        except sf.errors.InvalidValue as error:
            yield str(error)


@given(case=drawn(), weighted=st.booleans())
@settings(deadline=None, max_examples=60)
def test_moments(case: Drawn, weighted: bool) -> None:
    assert [*moments(sf.paths(case.folded, weighted))] == [*moments(sf.paths(case.written, weighted))]


@given(case=drawn(alone=()))  # Python computes 1 - 2 when it is written out
@settings(deadline=None, max_examples=60)
def test_paths_degree_and_cost(case: Drawn) -> None:
    folded, written = case.folded, case.written
    assert polynomials(folded, False) == polynomials(written, False)
    graph = folded.graph()
    assert polynomials(folded, False) == [
        enumerated(graph, "x", f"out{k}") if f"out{k}" in graph else 0 for k in (1, 2)
    ]
    assert sf.degree(folded) == sf.degree(written)


@given(case=drawn(alone=(), most=8), read=st.sampled_from([(0,), (1,), (0, 1)]))
@settings(deadline=None, max_examples=60)
def test_cost(case: Drawn, read: tuple[int, ...]) -> None:
    """Whatever the steps share, and whatever nothing reads."""
    folded, written = (sf.Net(tuple(net.outputs[k] for k in read)) for net in (case.folded, case.written))
    assert sf.cost(folded) == sf.cost(written) == sf.cost(sf.unroll(folded)) == sf.cost(sf.roll(sf.unroll(folded)))


def bound(case: Drawn) -> list[sf.Net]:
    """The fold and its steps, the layers being sines and parabolas."""
    bodies = {f"f{k + 1}": (lambda z: z - z**2 / 3) if k % 2 else np.sin for k in range(len(case.numbers))}
    return [
        net.bind({name: body for name, body in bodies.items() if applied(net, name)})
        for net in (case.folded, case.written)
    ]


@pytest.mark.slow
@given(case=drawn())
@settings(deadline=None, max_examples=40)
def test_values_jacobian_and_series(case: Drawn) -> None:
    """At x = 0.7; of the series, each coefficient that has a name for every layer is that of the other net."""
    folded, written = bound(case)
    assert [node.op.name for node in folded.inputs] == [node.op.name for node in written.inputs]
    at = {node.op.name: 0.7 for node in folded.inputs}
    np.testing.assert_allclose(folded(**at), written(**at), rtol=1e-12, atol=1e-12)
    for k in (0, 1) if at else ():
        jacobians = [
            sf.jacobian(net.parts[k]).evaluate(**{node.op.name: 0.7 for node in net.parts[k].inputs})
            for net in (folded, written)
            if net.parts[k].inputs
        ]
        np.testing.assert_allclose(jacobians, jacobians[:1] * len(jacobians), rtol=1e-12, atol=1e-12)
    for power in range(3):
        one, other = (sf.series(net, order=2).coefficient(power, named=False) for net in (folded, written))
        np.testing.assert_allclose(one(**at), other(**at), rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@given(case=drawn(alone=(), apart=True, unique=True, most=3))
@settings(deadline=None, max_examples=40)
def test_words_of_the_jacobian(case: Drawn) -> None:
    """Of linear layers the Jacobian is a sum of numbered products; the weighted paths count their lengths."""
    nets = case.folded, case.written
    weighted = sf.paths(nets[0], weighted=True).matrix
    names = [node.op.name for node in nets[0].inputs]
    linear = [f"f{k + 1}" for k in range(len(case.numbers))]
    for output in (0, 1):
        for place, name in enumerate(names):
            words = [
                words_of(
                    sf.jacobian(net, linear=[f for f in linear if applied(net, f)]).expanded(output=output, input=name)
                )
                for net in nets
            ]
            assert words[0] == pytest.approx(words[1], rel=1e-12)
            lengths = sp.Poly(weighted[output, place], T).as_dict()
            for length in range(max(map(len, words[0]), default=0) + 1):
                total = sum(value for word, value in words[0].items() if len(word) == length)
                assert float(lengths.get((length,), 0)) == pytest.approx(total, abs=1e-12)


def words_of(words: Any) -> dict[Any, float]:
    return {word: float(value) for word, value in words.items() if value != 0}


def applied(net: sf.Net, layer: str) -> bool:
    return any(layer in leaf.op.names if hasattr(leaf.op, "names") else leaf.op.name == layer for leaf in net.leaves)


PASSED = {
    "parameters": [sf.parameter(f"W{k}") for k in (1, 2, 3)],
    "inputs": [sf.tensor(f"u{k}") for k in (1, 2, 3)],
    "layers": sf.layers("f1:4"),
    "layers with a body": sf.layers("f1:4", lambda z, a: a * z, a=()),
}


@pytest.mark.parametrize("name", PASSED)
def test_a_fold_over_what_the_outer_fold_runs_over_rolls_to_the_same_net(name: str) -> None:
    """Unrolled, each item is a leaf of its own, and the list is one too."""
    items = PASSED[name]

    def applied_to(item: Any, z: Any) -> Any:
        return item(z) if callable(item) else item * z

    for inner in (items, list(items)[::-1], list(items)[:2]):
        net = sf.fold(
            lambda z, f, inner=inner: sf.fold(lambda y, g: applied_to(g, y) + z, inner, applied_to(f, z)), items, X
        )
        rolled = sf.roll(sf.unroll(net))
        assert rolled == sf.roll(net) == sf.roll(rolled) and rolled.params == net.params
