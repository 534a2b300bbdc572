"""Contraction: a sum of matrix products is one product, with the same numbers, on every backend and in every gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import assert_close

import symfold as sf
from symfold.base.trees import flatten
from symfold.compute.lowering import Target, lowered, rolled
from symfold.core.folds import Fold
from symfold.core.nodes import Node, walk
from symfold.core.primitives import broadcast_to, dot, einsum, is_primitive, reduce_sum, sum_to, swap
from symfold.transform.passes.contraction import contracted


def values_of(net: sf.Net) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {node.op.name: random.normal(size=node.shape) for node in (*net.inputs, *net.params)}


def nodes_inside(roots: Any) -> list[Node]:
    """All nodes, those of steps too."""
    found = walk(roots)
    return found + [inner for node in found if isinstance(node.op, Fold) for inner in nodes_inside(node.op.block.results)]


def sums_of_products(roots: Any) -> list[Node]:
    """The sums over leading axes of products of matrices."""
    return [
        node
        for node in nodes_inside(roots)
        if is_primitive(node, sum_to, reduce_sum) and is_primitive(node.args[0], dot) and node.shape[-2:] == node.args[0].shape[-2:]
    ]


@st.composite
def sums(draw: Any) -> Node:
    """A sum over leading axes of a product whose factors may be transposed, broadcast, or lack some axes."""
    lead = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    row, inner, column = (draw(st.integers(1, 3)) for _ in range(3))

    def factor(name: str, shape: tuple[int, int]) -> Node:
        axes = [draw(st.sampled_from([size, 1])) for size in lead][draw(st.integers(0, len(lead))) :]
        if draw(st.booleans()):
            return swap(sf.tensor(name, (*axes, *shape[::-1])))
        value = sf.tensor(name, (*axes, *shape))
        return broadcast_to(value, shape=(*lead, *shape)) if draw(st.booleans()) else value

    product = dot(factor("a", (row, inner)), factor("b", (inner, column)))
    rank = len(product.shape) - 2
    summed = draw(st.sets(st.integers(0, rank - 1))) if rank else set()
    if draw(st.booleans()):
        kept = [1 if k in summed else size for k, size in enumerate(product.shape[:rank])]
        while kept and kept[0] == 1 and draw(st.booleans()):
            kept.pop(0)
        return sum_to(product, shape=(*kept, row, column))
    return reduce_sum(product, axis=tuple(k - rank - 2 for k in sorted(summed)), keepdims=draw(st.booleans()))


@settings(deadline=None, max_examples=40)
@given(sums())
def test_a_contraction_has_the_numbers_of_the_sum(node: Node) -> None:
    result = contracted([node])
    net = sf.Net.of(node)
    values = values_of(net)
    assert result[0].shape == node.shape
    assert_close({"": net.with_outputs(result)(**values)}, {"": net(**values)}, 1e-13)
    if np.prod(node.shape) < np.prod(node.args[0].shape):
        assert not sums_of_products(result)


def attention_net() -> sf.Net:
    blocks = zip(*(sf.layers(f"{name}1:4", kind) for name, kind in (("p", sf.layer_norm(4)), ("a", sf.attention(4, 2)), ("q", sf.layer_norm(4)), ("m", sf.perceptron(4, 8)))), strict=True)
    return sf.fold(sf.mappers.pre_norm, list(blocks), sf.tensor("x", (3, 5, 4)))


NETS = {
    "dense over sequences": lambda: sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, np.tanh)), sf.tensor("x", (2, 5, 3))),
    "attention": attention_net,
    "images mapped by channel": lambda: sf.fold(lambda z, f: f(z) + z, sf.layers("f1:4", lambda z, W: np.tanh(np.dot(W, 1) @ z), W=(3, 3)), sf.tensor("x", (2, 3, 5))),
}


@pytest.mark.parametrize("name", NETS)
def test_a_gradient_sums_no_products(name: str) -> None:
    """Each weight's gradient is one product over all samples: two products in the adjoint for each product of the net."""
    net = NETS[name]()
    loss = sf.losses.mean_squared_error(net, sf.tensor("target", net.outputs[0].shape))
    both = rolled(sf.value_and_grad(loss))
    before, after = (lowered(both, {}, Target(passes=passes)) for passes in ((), (contracted,)))
    assert sums_of_products(before) and not sums_of_products(after)
    count = sum(is_primitive(node, dot, einsum) for node in nodes_inside(after))
    assert count == 3 * sum(is_primitive(node, dot, einsum) for node in nodes_inside(lowered(rolled(loss), {})))
    values = values_of(both)
    wanted = dict(enumerate(flatten(both(**values))[0]))
    assert_close(dict(enumerate(flatten(both.with_outputs(after)(**values))[0])), wanted, 1e-12)
