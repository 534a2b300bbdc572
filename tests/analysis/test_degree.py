"""Degree: against the degree of the expanded polynomial when layers are bound to polynomials."""

import operator
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.apps.report.cells import line_text, number
from symfold.core.conversion import as_node
from symfold.errors import InvalidValue, NoRule
from symfold.transform.inlining import inlined

X, C = sf.tensor("x"), sf.tensor("c")
N, D = sp.Symbol("n", integer=True, positive=True), sp.Symbol("d")

MAPPERS: dict[str, Any] = {
    "residual": lambda z, f: f(z) + z,
    "feedforward": lambda z, f: f(z),
    "boosting": lambda z, f: f(X) + z,
    "multiplicative": lambda z, f: z * f(z),
    "both": lambda z, f: f(z) + f(X) + z,
    "a square": lambda z, f: f(z) + z**2 + 1,
    "times the input": lambda z, f: X * z + f(C),
    "twice": lambda z, f: f(f(z)) + 2 * z,
}
CLOSED = {
    "residual": D**N, "feedforward": D**N, "boosting": D, "multiplicative": (D + 1) ** N, "both": D**N, "twice": D ** (2 * N)
}  # fmt: skip


def expanded_degree(net: sf.Net, layer: int) -> int:
    """The total degree in the inputs, every layer being z**layer + z."""
    names = {data["layer"] for _, data in net.graph().nodes(data=True) if data["kind"] == "layer"}
    bound = net.bind({name: lambda z: z**layer + z for name in names})
    outputs = bound.with_outputs(inlined(bound.outputs)).to_sympy(max_ops=None)
    parts = outputs if isinstance(outputs, tuple) else (outputs,)
    return max(sp.Poly(sp.expand(part), *part.free_symbols).total_degree() for part in parts)


@pytest.mark.parametrize("name", MAPPERS)
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_it_is_that_of_the_expanded_polynomial(name: str, depth: int, layer: int) -> None:
    if layer ** (2 * depth) > 100:
        return
    net = sf.fold(MAPPERS[name], sf.layers(f"f1:{depth + 1}"), X)
    assert sf.degree(net, layer=layer) == expanded_degree(net, layer) == sp.sympify(sf.degree(net, layer=D)).subs(D, layer)


@pytest.mark.parametrize("name", CLOSED)
def test_it_closes_in_symbols(name: str) -> None:
    net = sf.fold(MAPPERS[name], sf.layers("f", count=N), X)
    found = sf.degree(net, layer=D)
    assert sp.simplify(found - CLOSED[name]) == 0
    for depth in (1, 2, 5):
        assert found.subs({N: depth, D: 3}) == sf.degree(net.at(n=depth), layer=3)


@st.composite
def steps(draw: Any) -> Any:
    """A step of two parts, each a sum of products of parts, the input, and layers of them."""
    factor = st.tuples(st.integers(0, 2), st.booleans())
    recipe = draw(st.lists(st.lists(st.lists(factor, min_size=1, max_size=2), min_size=1, max_size=2), min_size=2, max_size=2))

    def step(state: tuple, f: Any, x: Any) -> tuple:
        values = (*state, x)
        after = []
        for terms in recipe:
            total: Any = 1
            for factors in terms:
                product: Any = 1
                for which, layered in factors:
                    product = product * (f(values[which]) if layered else values[which])
                total = total + product
            after.append(total)
        return tuple(after)

    return step


@given(step=steps(), depth=st.integers(1, 12), layer=st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_of_states_of_two_parts_it_follows_the_steps(step: Any, depth: int, layer: int) -> None:
    """A fold agrees with the same steps written out without one, and small ones with polynomials of one variable.

    All inputs are multiples of it, and no coefficient is negative, so that no terms cancel.
    """
    net = sf.fold(lambda state, f: step(state, f, X), sf.layers(f"f1:{depth + 1}"), (X, C))
    degree = sf.degree(net, layer=layer)
    assert degree == sf.degree(sf.unroll(net), layer=layer)
    if degree <= 200:
        t = sp.ring("t", sp.ZZ)[1]
        state = (3 * t, 5 * t)
        for _ in range(depth):
            state = step(state, lambda z: z**layer + z, 3 * t)
        assert degree == max(part.degree() for part in state)


def test_nested_folds_scans_and_deep_nets() -> None:
    nested = sf.fold(lambda z, f: sf.fold(lambda h, g: g(h) + z, sf.layers("g1:4"), f(z)), sf.layers("f1:3"), X)
    assert sf.degree(nested, layer=2) == 2**8
    states = sf.scan(lambda z, f: f(z) + z, sf.layers("f1:4"), X)
    assert sf.degree(sf.fold(lambda a, z: a * z, states, C), layer=2) == 1 + 2 + 4 + 8
    deep = sf.layers("f", count=10**5)
    assert sf.degree(sf.fold(sf.mappers.residual, deep, X), layer=3) == 3 ** (10**5)
    assert sf.degree(sf.fold(sf.mappers.boosting(X), deep, X), layer=3) == 3
    dense = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    assert sf.degree(dense, layer=2) == 8


def test_a_layer_with_a_polynomial_body_has_its_degree() -> None:
    def degree(body: Any, count: Any = 2, mapper: Any = sf.mappers.feedforward) -> Any:
        return sf.degree(sf.fold(mapper, sf.layers("f", body, count=count), sf.tensor("x", (None, 3))), D)

    assert [degree(body) for body in (lambda z: z**3, lambda z: z * z + z, lambda z: 2 * z, np.tanh)] == [9, 4, 1, D**2]
    assert [degree(body, "n", sf.mappers.residual) for body in (lambda z: z**3, sp.tanh)] == [3**N, D**N]
    assert degree(sf.dense(3, 3), "n", sf.mappers.residual) == 1
    assert sf.degree(sf.layer("f", lambda z, W: np.tanh(W) * z**2, W=(3,))(X), D) == 2  # no polynomial in W alone
    assert sf.degree(sf.layer("f", lambda a, b: np.tanh(a) * b**2)(2, X), D) == 2
    assert sf.degree(sf.layer("f", lambda z: sf.fold(lambda s, k: s * z, [1, 2, 3], z))(X), D) == 4


def test_what_is_no_polynomial_is_refused_in_words() -> None:
    with pytest.raises(NoRule, match="tanh is not a polynomial"):
        sf.degree(sf.fold(lambda z, f: sf.tanh(f(z)), sf.layers("f1:3"), X))
    with pytest.raises(NoRule, match="the power -1"):
        sf.degree(sf.Net.of(1 / X))
    with pytest.raises(InvalidValue, match="from 1 up or a symbol, got 0"):
        sf.degree(sf.Net.of(X), layer=0)


def test_the_degree_of_a_million_layers_prints() -> None:
    """It has 301030 digits, and 2 takes part in every layer: Python itself writes out neither."""
    layers = sf.layers("f", count=10**6)
    found = sf.degree(sf.fold(sf.mappers.residual, layers, sf.tensor("x")), 2)
    assert repr(found) == "2**1000000" and found == 2**10**6
    squares = sf.degree(sf.fold(lambda z, f: z + f(z) ** 2, layers, sf.tensor("x")), sp.Symbol("d"))
    assert line_text([number(squares)]) == "2^1000000*d^1000000"


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "c", "x", "2", "k"]),
    lambda part: st.one_of(
        st.tuples(st.just("f"), part), st.tuples(st.sampled_from("+*/"), part, part), st.tuples(st.just("**"), part, st.sampled_from(["2", "k"]))
    ),
    max_leaves=4,
)


def value_of(expression: Any, values: dict[str, Any]) -> Any:
    if isinstance(expression, str):
        return values[expression]
    head, *parts = expression
    evaluated = [value_of(part, values) for part in parts]
    return values["f"](*evaluated) if head == "f" else OPERATORS[head](*evaluated)


OPERATORS = {"+": operator.add, "*": operator.mul, "/": operator.truediv, "**": operator.pow}


@given(
    parts=st.lists(EXPRESSIONS, min_size=3, max_size=3),
    start=st.lists(st.sampled_from([X, 1, 2]), min_size=3, max_size=3),
    read=st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True),
    numbers=st.lists(st.sampled_from([2, 3]), min_size=1, max_size=4),
    degree=st.sampled_from([2, D]),
)
@settings(deadline=None, max_examples=150)
def test_a_fold_has_the_degree_of_its_steps(parts: Any, start: Any, read: Any, numbers: Any, degree: Any) -> None:
    """Numbers among the state and the items, as divisors and exponents too, and what nothing reads."""
    layers = sf.layers("f", count=len(numbers))

    def step(state: Any, item: Any) -> Any:
        values = dict(zip("abc", state, strict=True)) | {"x": X, "2": as_node(2), "f": item[0], "k": item[1]}
        return tuple(value_of(part, values) for part in parts)

    state: Any = tuple(map(as_node, start))
    folded = sf.fold(step, list(zip(layers, numbers, strict=True)), state)
    for item in zip(layers, map(as_node, numbers), strict=True):
        state = step(state, item)
    nets = [sf.Net.of(tuple(values[k] for k in read)) for values in (folded.outputs, sf.unroll(folded).outputs, state)]
    degrees = []
    for net in nets:
        try:
            degrees.append(sf.degree(net, degree))
        except NoRule:
            degrees.append(None)
    assert degrees == degrees[:1] * 3


COUPLED: dict[str, Any] = {
    "sum and product": (lambda s, _: (s[0] + s[1] ** 2, s[0] * s[1]), "2**n"),
    "times the input": (lambda s, _: (s[0] * sf.tensor("x"), s[0] + s[1]), "n + 1"),
    "cubes win": (lambda s, _: (s[0] ** 2 + s[1], s[1] ** 3 + s[0]), "3**n"),
    "squares of a sum": (lambda s, _: (s[0] + s[1] * sf.tensor("x"), s[1] + sf.tensor("x") * s[1]), "n + 1"),
}


@pytest.mark.parametrize("name", COUPLED)
def test_states_that_feed_each_other_at_a_symbolic_depth(name: str) -> None:
    """By induction over the steps; checked at depths far beyond those that the formula was guessed from."""
    mapper, wanted = COUPLED[name]
    net = sf.fold(mapper, sf.repeat(1, "n"), (sf.tensor("x"), sf.tensor("y")))
    degree = sf.degree(net)
    assert str(degree) == wanted
    for depth in (1, 2, 3, 6, 150):
        assert degree.subs(sp.Symbol("n", integer=True, positive=True), depth) == sf.degree(net.at(n=depth))


@pytest.mark.parametrize("name", [pytest.param("coupling", marks=pytest.mark.slow), "momentum", "leapfrog"])
def test_states_that_feed_each_other_have_a_degree_in_that_of_a_layer(name: str) -> None:
    row, n = sf.mappers.ARCHITECTURES[name], sp.Symbol("n", integer=True, positive=True)
    degree = sf.degree(row.net("n"), D)
    for depth in (1, 4):
        assert sp.expand(degree.subs(n, depth) - sf.degree(row.net(depth), D)) == 0


def test_a_formula_that_fits_without_a_proof_is_no_answer() -> None:
    """The second part overtakes the first after 200 steps."""
    x = sf.tensor("x")
    net = sf.fold(lambda s, _: (s[0] * x + s[1], s[1] * x**2), sf.repeat(1, "n"), (x**200, x))[0]
    assert [sf.degree(net.at(n=depth)) for depth in (1, 24, 100, 300)] == [201, 224, 300, 599]
    with pytest.raises(NoRule, match=r"no closed form here .*give the depth a number"):
        sf.degree(net)


def test_the_degree_of_a_coupling_at_a_symbolic_depth() -> None:
    def coupling(state: Any, item: Any) -> Any:
        a = state[0] + item[0](state[1])
        return a, state[1] + item[1](a)

    f, g = sf.layers("f", count="n"), sf.layers("g", count="n")
    assert str(sf.degree(sf.fold(coupling, sf.zipped(f, g), (sf.tensor("a"), sf.tensor("b"))))) == "4**n"
