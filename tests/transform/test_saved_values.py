"""Saved values: forward steps that compute slopes save no more numbers, and change no value."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
import sympy as sp
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.core.folds import Fold, is_emitted, is_fold
from symfold.core.nodes import Node, walk
from symfold.transform.inlining import inlined
from symfold.transform.passes.saved_values import saved_ahead

X = sf.tensor("x", (4, 3))


def dense(activation: Any) -> sf.Net:
    return sf.fold(sf.mappers.residual, sf.layers("f1:5", sf.dense(3, 3, activation)), X)


def recurrent() -> sf.Net:
    """An LSTM of two gates over a sequence, weights shared."""
    w = {name: sf.parameter(name, (3, 3)) for name in "ABCDEF"}

    def step(state: Any, entry: Any) -> Any:
        h, s = state
        i, o, g = (entry @ w[inner] + h @ w[outer] for inner, outer in ("AD", "BE", "CF"))
        s = s + sf.sigmoid(i) * sf.tanh(g)
        return sf.sigmoid(o) * sf.tanh(s), s

    return sf.Net.of(sf.fold(step, sf.tensor("u", (5, 4, 3)), (X, sf.tensor("s", (4, 3))))[0])


NETS = {
    "sigmoid": dense(sf.sigmoid),
    "tanh": dense(sf.tanh),
    "a product of functions": sf.fold(lambda z, f: z + sf.sin(f(z)) * sf.sigmoid(f(z)), sf.layers("f1:5", sf.dense(3, 3)), X),
    "recurrent": recurrent(),
    "the activations are wanted, too": sf.Net.of(sf.scan(lambda z, f: f(z), sf.layers("f1:5", sf.dense(3, 3, sf.sigmoid)), X)),
    "steps of steps": sf.fold(lambda z, w: sf.fold(lambda y, v: sf.sigmoid(y @ w) + y * v, sf.tensor("v", (3,)), z), sf.tensor("W", (4, 3, 3)), X),
}


def emitted(roots: Any) -> int:
    """The numbers that folds save for others, also in their steps."""
    nodes = walk(roots)
    inner = sum(emitted(node.op.block.results) for node in nodes if isinstance(node.op, Fold))
    return inner + sum(prod(node.shape) for node in nodes if is_emitted(node))


def heads_of_steps(roots: Any) -> list[set[Any]]:
    return [{part.op for part in walk(node.op.block.results)} for node in walk(roots) if isinstance(node.op, Fold)]


@pytest.mark.parametrize("name", NETS)
def test_values_stay_and_no_more_is_saved(name: str) -> None:
    both = sf.roll(sf.value_and_grad(weighted_squares(NETS[name])))
    before = inlined(both.outputs)
    after = sf.Net(saved_ahead(before), both.form, both.signature)
    random = np.random.default_rng(0)
    values = {leaf: random.normal(size=node.shape) for node in (*both.inputs, *both.params) for leaf in [node.op.name]}
    assert_close(dict(enumerate(flatten(after(**values))[0])), dict(enumerate(flatten(both(**values))[0])), 1e-12)
    assert emitted(after.outputs) <= emitted(before)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "recurrent"])
def test_backward_steps_compute_no_function(name: str) -> None:
    after = saved_ahead(inlined(sf.roll(sf.grad(weighted_squares(NETS[name]))).outputs))
    forward, backward = heads_of_steps(after)
    functions = {sf.sigmoid.head, sf.tanh.head, sp.sech}
    assert forward & functions and not backward & functions


def test_nothing_changes_without_a_gradient() -> None:
    roots: tuple[Node, ...] = inlined(NETS["sigmoid"].outputs)
    assert saved_ahead(roots) == roots and any(map(is_fold, walk(roots)))
