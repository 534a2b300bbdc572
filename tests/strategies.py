"""What Hypothesis draws: mappers, layers of several kinds, lists of items, states; each net with nothing fixed but its width."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st

import symfold as sf

WIDTH = 2
X = sf.tensor("x", (None, WIDTH))
SHARED = sf.layer("s", sf.dense(WIDTH, WIDTH, np.tanh))
INNER = sf.layers("g1001:1003", sf.dense(WIDTH, WIDTH, sf.sigmoid))

MAPPERS: dict[str, Any] = {
    "feedforward": sf.mappers.feedforward,
    "residual": sf.mappers.residual,
    "multiplicative": sf.mappers.multiplicative,
    "boosting": sf.mappers.boosting(X),
    "shared": lambda z, f: SHARED(f(z)) + z,
    "constant": lambda z, f: 0.5 * f(z) - z / 3 + np.array([1.0, -2.0]),
    "nested": lambda z, f: sf.fold(lambda h, g: g(h) + z, INNER, f(z)),
    "twice": lambda z, f: f(f(z)) * z,
}

KINDS: dict[str, Any] = {
    "opaque-free square": sf.layer("f", lambda z: z**2 / 4).kind,
    "dense": sf.dense(WIDTH, WIDTH, sf.sigmoid),
    "scaled": sf.layer("f", lambda z, a: np.tanh(a * z), a=(1, WIDTH)).kind,
    "relu": sf.dense(WIDTH, WIDTH, sf.relu),
}

Recipe = list[list[tuple[int | None, int]]]


@st.composite
def recipes(draw: Any) -> Recipe:
    """For each part of a state of two or three, what it is the sum of: parts (None: the input), under so many layers."""
    parts = draw(st.integers(2, 3))
    term = st.tuples(st.one_of(st.integers(0, parts - 1), st.none()), st.integers(0, 3))
    return draw(st.lists(st.lists(term, min_size=1, max_size=3), min_size=parts, max_size=parts))


def step_of(recipe: Recipe, x: Any) -> Any:
    """The mapper of a recipe, x being the input."""

    def step(state: Any, f: Any) -> Any:
        after = []
        for terms in recipe:
            total: Any = 0
            for which, layers in terms:
                value = x if which is None else state[which]
                for _ in range(layers):
                    value = f(value)
                total = total + value
            after.append(total)
        return tuple(after)

    return step


mappers = st.sampled_from(sorted(MAPPERS)).map(MAPPERS.__getitem__)


@st.composite
def layer_lists(draw: Any, most: int = 6, least: int = 0, start: int = 1) -> list[sf.Layer]:
    """Layers numbered from `start`: kinds mixed, the shared layer among them."""
    kinds = draw(st.lists(st.sampled_from([*sorted(KINDS), "shared"]), min_size=least, max_size=most))
    return [SHARED if kind == "shared" else sf.Layer(f"f{start + k}", KINDS[kind]) for k, kind in enumerate(kinds)]


@st.composite
def nets(draw: Any) -> sf.Net:
    """A fold or a scan, of one state or of two, over mixed items, possibly read by a second fold."""
    mapper, layers = draw(mappers), draw(layer_lists(least=1))
    form = draw(st.sampled_from(["fold", "scan", "pair", "read again", "pairs of mapper and layer"]))
    if form == "fold":
        return sf.fold(mapper, layers, X)
    if form == "scan":
        return sf.scan(mapper, layers, X)
    if form == "pair":
        return sf.fold(lambda s, f: (mapper(s[1], f), s[0] + s[1]), layers, (X, sf.tensor("y", (None, WIDTH))))
    if form == "read again":
        return sf.fold(lambda a, z: a * z + a, sf.scan(mapper, layers, X), sf.tensor("y", (None, WIDTH)))
    chosen = draw(st.lists(mappers, min_size=len(layers), max_size=len(layers)))
    return sf.fold(lambda z, item: item[0](z, item[1]), list(zip(chosen, layers, strict=True)), X)


NUMBERS = (0, 1, 2, 3, -1, -2, sp.Rational(1, 2), 0.25)
COMPARISONS = (operator.gt, operator.ge, operator.lt, operator.le, np.equal, np.not_equal)
SMOOTH = (sf.tanh, sf.exp, sf.sin, sf.sigmoid, sf.softplus, sf.silu)


def formulas(functions: Sequence[Any] = (), exponents: Sequence[Any] = (0, 1, 2, 3), most: int = 8, quotients: bool = False, choices: bool = False) -> st.SearchStrategy[sf.Net]:
    """Elementwise nets of the scalars x and y, numbers among them: sums, differences, products, powers, functions."""
    x, y = sf.tensor("x", ()), sf.tensor("y", ())
    leaf = st.one_of(st.sampled_from([x, y]), st.sampled_from(NUMBERS).map(lambda number: sf.Net.of(number).outputs[0]))

    def larger(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        both = st.tuples(part, part)
        kinds = [
            both.map(lambda pair: pair[0] + pair[1]), both.map(lambda pair: pair[0] - pair[1]), both.map(lambda pair: pair[0] * pair[1]),
            st.builds(pow, part, st.sampled_from(exponents)), *([both.map(lambda pair: pair[0] / pair[1])] if quotients else []),
        ]  # fmt: skip
        if choices:
            truth = st.builds(lambda compare, pair: compare(*pair), st.sampled_from(COMPARISONS), both)
            condition = st.one_of(
                truth, st.tuples(truth, truth).map(lambda pair: pair[0] & pair[1]), st.tuples(truth, truth).map(lambda pair: pair[0] | pair[1]), truth.map(lambda one: ~one)
            )
            # a comparison of two numbers is SymPy's truth value, which has no arithmetic until it is a node
            kinds += [st.builds(np.where, condition, part, part), truth.map(lambda one: sf.Net.of(one).outputs[0])]
        return st.one_of(*kinds, *([st.builds(lambda f, value: f(value), st.sampled_from(functions), part)] if functions else []))

    return st.recursive(leaf, larger, max_leaves=most).map(sf.Net.of)
