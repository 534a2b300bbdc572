"""Round trips: what is made with arguments (mappers, optimizers, losses, kinds of layers) pickles, and equal arguments give equals."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.core.leaves import FrozenArray
from symfold.mappers.expressions import named_mapper
from symfold.training.optimizers import OPTIMIZERS, Optimizer

X = sf.tensor("x", (None, 2))


def one_layer(letter: str, inputs: int = 1) -> sf.Layer:
    if inputs == 1:
        return sf.layer(letter, sf.dense(2, 2, sf.tanh))
    return sf.layer(letter, lambda h, u, W, V: np.tanh(np.dot(h, W) + np.dot(u, V)), W=(2, 2), V=(2, 2))


def gates(letters: str) -> list[sf.Layer]:
    return [one_layer(letter, 2) for letter in letters]


MADE: dict[str, Callable[[], Any]] = {
    "boosting": lambda: sf.mappers.boosting(X),
    "boosting an array": lambda: sf.mappers.boosting(np.ones((3, 2))),
    "boosting a net": lambda: sf.mappers.boosting(sf.Net.of(X * 2)),
    "multiplicative_boosting": lambda: sf.mappers.multiplicative_boosting(X),
    "gradient_boosting": lambda: sf.mappers.gradient_boosting(X, 0.3),
    "stacking": lambda: sf.mappers.stacking(X),
    "mixture": lambda: sf.mappers.mixture(X),
    "elman": lambda: sf.mappers.elman(*gates("g")),
    "gru": lambda: sf.mappers.gru(*gates("fgk")),
    "gru_reset_after": lambda: sf.mappers.gru_reset_after(*gates("fg"), *map(one_layer, "km")),
    "lstm": lambda: sf.mappers.lstm(*gates("ifog")),
    "scaled": lambda: sf.mappers.scaled(0.5),
    "momentum": lambda: sf.mappers.momentum(0.9),
    "leapfrog": lambda: sf.mappers.leapfrog(0.5),
    "euler": lambda: sf.mappers.euler(0.5),
    "midpoint": lambda: sf.mappers.midpoint(0.5),
    "heun": lambda: sf.mappers.heun(0.5),
    "rk4": lambda: sf.mappers.rk4(0.5),
    "typed": lambda: named_mapper("f(x) + z/2").make(X),
    "typed, long": lambda: named_mapper("+".join(["z"] * 450)).make(X),
    "by name": lambda: sf.mappers.mapper("boosting", X),
    "sgd": lambda: sf.sgd(0.1),
    "optimizers.momentum": lambda: sf.optimizers.momentum(0.1, 0.5),
    "dense": lambda: sf.dense(2, 2, sf.tanh),
    "attention": lambda: sf.attention(4, 2, causal=True),
    "layer_norm": lambda: sf.layer_norm(3),
    "perceptron": lambda: sf.perceptron(2, 3),
    "convolution": lambda: sf.convolution(2, 3),
    "batch_norm": lambda: sf.batch_norm(2),
    "layers": lambda: sf.layers("f1:4", sf.dense(2, 2)),
    "repeat": lambda: sf.repeat(sf.layer("f"), 3),
    "zipped": lambda: sf.zipped(sf.layers("f1:4"), sf.layers("g1:4")),
    "Normal": lambda: sf.Normal(1.0, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_it_comes_back_equal(name: str) -> None:
    thing, again = MADE[name](), MADE[name]()
    back = pickle.loads(pickle.dumps(thing))
    assert back == thing == again and hash(back) == hash(again)
    assert repr(back) == repr(thing) and " at 0x" not in repr(thing)


@pytest.mark.parametrize("name", [*sf.mappers.MAPPERS, *sf.losses.LOSSES, *OPTIMIZERS])
def test_the_rows_by_name_come_back(name: str) -> None:
    thing = sf.mappers.MAPPERS[name].make(X) if name in sf.mappers.MAPPERS else {**sf.losses.LOSSES, **OPTIMIZERS}[name]
    assert pickle.loads(pickle.dumps(thing)) == thing


def test_other_arguments_give_others() -> None:
    pairs = [
        (sf.mappers.boosting(X), sf.mappers.boosting(sf.tensor("y"))), (sf.mappers.boosting(X), sf.mappers.multiplicative_boosting(X)),
        (sf.mappers.euler(0.5), sf.mappers.euler(0.25)), (sf.sgd(0.1), sf.sgd(0.2)), (sf.sgd(0.1), sf.optimizers.momentum(0.1)),
    ]  # fmt: skip
    assert all(one != other for one, other in pairs)


def test_a_mapper_that_came_back_folds_to_the_same_net() -> None:
    layers = sf.layers("f1:4", sf.dense(2, 2, sf.tanh))
    for mapper in (sf.mappers.boosting(X), sf.mappers.gradient_boosting(X), sf.mappers.rk4(0.5), named_mapper("f(x) + z/2").make(X)):
        assert sf.fold(pickle.loads(pickle.dumps(mapper)), layers, X) == sf.fold(mapper, layers, X)


def test_a_training_sent_to_another_process_is_the_training_here() -> None:
    net = sf.fold(sf.mappers.boosting(X), sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), X)
    loss = sf.squared_error(net, sf.tensor("t", (None, 2)))
    data = {"x": np.arange(6.0).reshape(3, 2), "t": np.ones((3, 2))}
    sent = pickle.dumps((loss, net.init(0), data, sf.optimizers.momentum(0.01)))
    program = (
        "import pickle, sys, symfold as sf\n"
        "loss, params, data, optimizer = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.buffer.write(pickle.dumps(sf.fit(loss, params, data, optimizer=optimizer, epochs=3, backend='numpy').params))\n"
    )
    there = pickle.loads(subprocess.run([sys.executable, "-c", program], input=sent, capture_output=True, check=True).stdout)
    assert there == sf.fit(loss, net.init(0), data, optimizer=sf.optimizers.momentum(0.01), epochs=3, backend="numpy").params


def test_a_rule_of_ones_own_is_an_optimizer() -> None:
    loss = sf.Net.of((sf.parameter("w") - sf.tensor("x", ())) ** 2)
    signed = Optimizer("signed", signed_step, settings=(("rate", 0.25),))
    assert pickle.loads(pickle.dumps(signed)) == signed and repr(signed) == "signed(rate=0.25)"
    assert sf.fit(loss, {"w": 1.0}, batches=[{"x": 0.0}] * 3, optimizer=signed).params["w"] == 0.25


def signed_step(w: Any, g: Any, rate: float) -> tuple[Any]:
    return (w - rate * np.sign(g),)


BLOCKS = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), X)
OPAQUE = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
RESULTS: dict[str, Callable[[], Any]] = {
    "compiled": lambda: BLOCKS.compile("numpy"),
    "lambdify": BLOCKS.lambdify,
    "equations": lambda: OPAQUE.equations,
    "init": lambda: BLOCKS.init(seed=0),
    "paths": lambda: sf.paths(OPAQUE),
    "cost": lambda: sf.cost(OPAQUE),
    "degree": lambda: sf.degree(OPAQUE),
    "series": lambda: sf.series(OPAQUE, order=2),
    "jacobian": lambda: sf.jacobian(OPAQUE),
    "verdict": lambda: sf.verdict(OPAQUE, BLOCKS),
    "compare": lambda: sf.compare(OPAQUE, sf.fold(sf.mappers.boosting(sf.tensor("x")), sf.layers("f1:4"), sf.tensor("x"))),
    "coupling": lambda: sf.coupling(BLOCKS, BLOCKS.init(seed=0)),
    "received": lambda: sf.received(sf.squared_error(BLOCKS, X), BLOCKS.init(seed=0), x=np.ones((3, 2))),
    "update_coupling": lambda: sf.update_coupling(sf.squared_error(BLOCKS, X), BLOCKS.init(seed=0), x=np.ones((3, 2))),
    "expr": lambda: OPAQUE.expr,
    "fit": lambda: sf.fit(sf.squared_error(BLOCKS, X), BLOCKS.init(seed=0), {"x": np.ones((3, 2))}, optimizer=sf.sgd(0.1)),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_comes_back_equal(name: str) -> None:
    result = RESULTS[name]()
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), RESULTS[name]()):
        assert again == result
    if name not in ("init", "fit"):
        assert hash(again) == hash(result)
    if name == "compiled":
        assert result != OPAQUE.bind({f"f{k}": np.tanh for k in (1, 2, 3)}).compile("numpy") and hash(result) == hash(BLOCKS.compile("numpy"))
        params = BLOCKS.init(seed=0)
        assert np.array_equal(pickle.loads(pickle.dumps(result))(params, x=np.ones((3, 2))), result(params, x=np.ones((3, 2))))


EXPRESSIONS: dict[str, Callable[[Any, Any], Any]] = {
    "order": lambda x, y: 2 * (y + x) * 3 - 1 / x + (x**2) ** y,
    "functions": lambda x, y: np.log(np.exp(x)) + np.maximum(y, x) + sf.sigmoid(y + x) + np.arctan2(y, x),
    "choices": lambda x, y: np.where(x > 0, y + x, np.where(np.logical_and(x < y, y > 1), 3 * y, -x)),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_comes_back_as_written(name: str) -> None:
    expression = sf.Net.of(EXPRESSIONS[name](sf.tensor("x"), sf.tensor("y"))).expr
    for again in (pickle.loads(pickle.dumps(expression)), copy.copy(expression), copy.deepcopy(expression)):
        assert again == expression and sp.srepr(again) == sp.srepr(expression)


def test_results_with_other_numbers_are_not_equal() -> None:
    first, second = (sf.coupling(BLOCKS, BLOCKS.init(seed=seed)) for seed in (0, 1))
    assert first != second and first != "coupling" and len({first, second, RESULTS["coupling"]()}) == 2


@pytest.mark.parametrize("width, heads", [(6, 2), (6, 3), (10, 2), (12, 4)])
def test_attention_of_any_width_comes_back(width: int, heads: int) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.attention(width, heads)), sf.tensor("x", (None, 5, width)))
    for each in (net, sf.grad((net.outputs[0] ** 2).sum())):
        assert sf.from_json(each.to_json()) == each


NUMBERS = [
    sp.pi, 1 / sp.pi, sp.sqrt(3) / 2, sp.log(2), sp.exp(2), sp.sin(1), sp.pi**2, (1 + sp.sqrt(5)) / 2, sp.erf(1), sp.cos(sp.pi / 7),
    sp.gamma(sp.Rational(1, 3)), sp.Rational(1, 3) ** 70, 0.0, -0.0, 5e-324, 1e308, float("inf"), float("nan"), sp.Float("0.1", 50),
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_a_number_comes_back(number: Any) -> None:
    net = sf.Net.of(np.tanh(sf.tensor("x")) * number)
    for again in (sf.from_json(net.to_json()), pickle.loads(pickle.dumps(net))):
        assert again == net and again.to_json() == net.to_json()
        if isinstance(number, float):
            assert isinstance(again.outputs[0].args[1].op.value, (sp.Float, FrozenArray, type(sp.oo), type(sp.nan)))
