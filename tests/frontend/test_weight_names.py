"""Names of parameters: they depend on the layer alone, and no two layers share one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.core.stacked_inputs import Numbered, compress
from symfold.frontend.named_layers import weight_name, weight_names

DENSE = sf.dense(3, 3, np.tanh)
X = sf.tensor("x", (None, 3))
words = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,3}", fullmatch=True)


@given(st.tuples(words, words), st.tuples(words, words))
def test_two_layers_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (weight_name(*one) == weight_name(*other)) == (one == other)


@given(words, st.sampled_from(["f", "g", "f1_", "f0", "gate", "F"]), st.integers(0, 12), st.integers(2, 4), st.integers(1, 3))
def test_the_names_of_many_are_those_of_each(prefix: str, layer: str, start: int, count: int, step: int) -> None:
    layers = compress([f"{layer}{start + step * k}" for k in range(count)])
    assert list(weight_names(prefix, layers)) == [weight_name(prefix, name) for name in layers]


def test_names_at_any_depth() -> None:
    assert weight_names("W", Numbered("f", 1, 10**6)) == Numbered("W", 1, 10**6)
    assert weight_names("W", Numbered("g", 1, 10**6)) == Numbered("W_g", 1, 10**6)


F, G = sf.layers("f1:4", DENSE), sf.layers("g1:4", DENSE)


@pytest.mark.parametrize(
    "build",
    [
        lambda: sf.fold(lambda z, pair: pair[0](z) * pair[1](z), sf.zipped(F, G), X),
        lambda: sf.fold(sf.mappers.residual, [*F, *G], X),
        lambda: sf.fold(sf.mappers.residual, G, sf.fold(sf.mappers.residual, F, X)),
        lambda: sf.fold(lambda z, f: sf.fold(sf.mappers.residual, G, f(z)), F, X),
    ],
    ids=["side by side", "one after the other", "a fold after a fold", "a fold in a fold"],
)
def test_two_lists_of_layers_with_weights(build: Any) -> None:
    names = [f"{letter}{k}" for letter in ("W", "b", "W_g", "b_g") for k in (1, 2, 3)]
    assert sorted(node.op.name for node in build().params) == sorted(names)
    assert set(build().init(0)) == set(names)


def test_the_first_list_keeps_its_names_and_values() -> None:
    alone = sf.fold(sf.mappers.residual, F, X)
    both = sf.fold(lambda z, pair: pair[0](pair[1](z)), sf.zipped(F, G), X)
    assert {node.op.name for node in alone.params} < {node.op.name for node in both.params}
    values, x = both.init(3), np.ones((2, 3))
    z = x
    for k in (1, 2, 3):
        inner = np.tanh(z @ values[f"W_g{k}"] + values[f"b_g{k}"])
        z = np.tanh(inner @ values[f"W{k}"] + values[f"b{k}"])
    np.testing.assert_allclose(both(values, x=x), z, rtol=1e-13)


@pytest.mark.parametrize(
    "style, shown",
    [
        ("text", "W_g_k"), ("unicode", "W_gₖ"), ("latex", "W_{g_{k}}"),
        ("mathml", "<msub><mi>W</mi><msub><mi>g</mi><mrow><mi>k</mi></mrow></msub></msub>"),
    ],
)  # fmt: skip
def test_formulas_number_the_letter_of_the_layer(style: str, shown: str) -> None:
    net = sf.fold(sf.mappers.residual, G, X)
    gradient = sf.grad(sf.squared_error(net, sf.tensor("t", (None, 3))), wrt="x")
    assert shown in sf.formula(gradient, style=style)
