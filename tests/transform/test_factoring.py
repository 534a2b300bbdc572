"""Factoring: the same values with fewer passes over arrays, and saved products that backward steps multiply again."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.core.folds import is_fold
from symfold.core.nodes import Node, walk
from symfold.core.primitives import broadcast_to, reduce_mean, reduce_sum, sum_to
from symfold.transform.inlining import inlined
from symfold.transform.passes import factoring
from symfold.transform.passes.factoring import factored
from symfold.transform.passes.saved_values import multiplied_again

FULL = (3, 4, 5)
SHAPES = (FULL, (1, 4, 1), (4, 5), (1, 1, 5), (), (3, 1, 1))


@st.composite
def products(draw: Any) -> Node:
    """A product of factors of several shapes, some of them products or broadcast values, or its sum or mean."""
    names = iter("abcdefgh")
    factors = []
    for shape in [FULL, *draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4))]:
        factor = sf.tensor(next(names), shape)
        factors.insert(draw(st.integers(0, len(factors))), broadcast_to(factor, shape=FULL) if draw(st.booleans()) else factor)
    value = factors[0]
    for factor in factors[1:]:
        value = value * factor if draw(st.booleans()) else factor * value
    kind = draw(st.sampled_from(["product", "sum", "mean", "sum to"]))
    if kind == "product":
        return value
    if kind == "sum to":
        return sum_to(value, shape=draw(st.sampled_from([(1, 4, 1), (4, 1), (1, 1, 5), (4, 5), ()])))
    axes = draw(st.sampled_from([None, (-1,), (-3, -1), (-3, -2, -1), (-2,)]))
    return (reduce_sum if kind == "sum" else reduce_mean)(value, axis=axes, keepdims=draw(st.booleans()))


@settings(max_examples=60)
@given(products())
def test_values_stay(node: Node) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(factoring, "large", lambda shape: prod(shape) > 1)
        (found,) = factored([node])
    net, other = sf.Net.of(node), sf.Net((found,), signature=sf.Net.of(node).inputs)
    random = np.random.default_rng(0)
    values = {leaf.op.name: random.normal(size=leaf.shape) for leaf in net.inputs}
    assert found.shape == node.shape
    assert_close({"": other(**values)}, {"": net(**values)}, 1e-12)


def test_a_saved_product_is_multiplied_again() -> None:
    """The backward step reads one large value fewer, and the gradient stays."""

    def step(z: Any, w: Any) -> Any:
        centered = z - np.mean(z, axis=0, keepdims=True)
        return z + w * (centered * (np.mean(centered**2, axis=0, keepdims=True) + 1) ** -0.5)

    net = sf.fold(step, sf.tensor("w", (3, 99)), sf.tensor("x", (99, 99)))
    gradient = sf.grad(weighted_squares(net), wrt=["x", "w"])

    def read(roots: Any) -> int:
        backward = [node for node in walk(roots) if is_fold(node)][-1].op
        steps = walk(backward.block.results)
        return sum(formal in steps and formal.shape == (99, 99) for formal in backward.block.formals)

    roots = inlined(gradient.outputs)
    assert read(multiplied_again(roots)) == read(roots) - 1
    random = np.random.default_rng(0)
    values = {name: random.normal(size=shape) for name, shape in {"x": (99, 99), "w": (3, 99)}.items()}
    wanted, found = gradient(**values), gradient.compile("numpy")(**values)
    for name in ("x", "w"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9)
