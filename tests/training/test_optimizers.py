"""Optimizers: a hundred steps against plain NumPy loops, on every backend; composition, slots, names, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold import extend
from symfold.compute.backends.stacks import Stack
from symfold.errors import InvalidType, InvalidValue, UnknownName
from symfold.training.step.training_step import training_of, training_step, update_of
from symfold.training.step_counter import STEP

o = sf.optimizers
Arrays = dict[str, np.ndarray]
NET = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
LOSS = sf.squared_error(NET, sf.tensor("target", (None, 2)))
GRADIENT = sf.grad(LOSS).compile("numpy")


def batches(count: int) -> list[Arrays]:
    random = np.random.default_rng(0)
    target = random.random((4, 2))
    return [{"x": random.normal(size=(4, 2)), "target": target} for _ in range(count)]


def by_hand(rule: Callable[..., np.ndarray], steps: int, start: Arrays | None = None) -> Arrays:
    """Parameters after some steps of `rule(w, g, t, memory)`; `t` counts from 1, `memory` is a parameter's own."""
    params = {name: np.array(value) for name, value in (start or NET.init(0)).items()}
    memories: dict[str, dict[str, Any]] = {name: {} for name in params}
    for t, batch in enumerate(batches(steps), 1):
        gradients = GRADIENT(params, **batch)
        params = {name: rule(params[name], gradients[name], t, memories[name]) for name in params}
    return params


def mean_of(memory: dict[str, Any], key: str, beta: float, value: np.ndarray) -> np.ndarray:
    memory[key] = beta * memory.get(key, 0.0) + (1 - beta) * value
    return memory[key]


def sgd(rate: float, momentum: float = 0.0, nesterov: bool = False, decay: float = 0.0) -> Any:
    def rule(w, g, t, memory):
        g = g + decay * w
        memory["v"] = v = momentum * memory.get("v", 0.0) + g
        return w - rate * (g + momentum * v if nesterov else v)

    return rule


def rmsprop(rate: float, alpha: float = 0.99, centered: bool = False, momentum: float = 0.0, decay: float = 0.0) -> Any:
    def rule(w, g, t, memory):
        g = g + decay * w
        square, mean = mean_of(memory, "s", alpha, g * g), mean_of(memory, "m", alpha, g)
        change = g / (np.sqrt(square - mean * mean if centered else square) + 1e-8)
        memory["v"] = v = momentum * memory.get("v", 0.0) + change
        return w - rate * v

    return rule


def adagrad(rate: float, rate_decay: float = 0.0, initial: float = 0.0, decay: float = 0.0) -> Any:
    def rule(w, g, t, memory):
        g = g + decay * w
        memory["s"] = s = memory.get("s", initial) + g * g
        return w - rate / (1 + (t - 1) * rate_decay) * g / (np.sqrt(s) + 1e-10)

    return rule


def adam(rate: float, b1: float = 0.9, b2: float = 0.999, decay: float = 0.0, shrink: float = 0.0, rates: Any = None) -> Any:
    def rule(w, g, t, memory):
        now = rate if rates is None else rates(t - 1)
        g = g + decay * w
        w = w - now * shrink * w
        m, s = mean_of(memory, "m", b1, g) / (1 - b1**t), mean_of(memory, "s", b2, g * g) / (1 - b2**t)
        return w - now * m / (np.sqrt(s) + 1e-8)

    return rule


def lion(rate: float, b1: float = 0.9, b2: float = 0.99, decay: float = 0.0) -> Any:
    def rule(w, g, t, memory):
        m = memory.get("m", 0.0)
        memory["m"] = b2 * m + (1 - b2) * g
        return w - rate * (np.sign(b1 * m + (1 - b1) * g) + decay * w)

    return rule


RULES: dict[str, tuple[sf.optimizers.Optimizer, Any]] = {
    "sgd": (sf.sgd(0.01), sgd(0.01)),
    "sgd, decay": (sf.sgd(0.01, weight_decay=0.1), sgd(0.01, decay=0.1)),
    "sgd, momentum": (sf.sgd(0.01, momentum=0.8), sgd(0.01, 0.8)),
    "sgd, nesterov": (sf.sgd(0.01, 0.8, nesterov=True, weight_decay=0.1), sgd(0.01, 0.8, True, 0.1)),
    "momentum": (o.momentum(0.01, 0.8), sgd(0.01, 0.8)),
    "rmsprop": (o.rmsprop(), rmsprop(0.01)),
    "rmsprop, all": (o.rmsprop(0.02, 0.9, weight_decay=0.1, momentum=0.5, centered=True), rmsprop(0.02, 0.9, True, 0.5, 0.1)),
    "adagrad": (o.adagrad(0.1), adagrad(0.1)),
    "adagrad, all": (o.adagrad(0.1, 0.01, 0.1, 0.5), adagrad(0.1, 0.01, 0.5, 0.1)),
    "adam": (sf.adam(0.01), adam(0.01)),
    "adam, all": (sf.adam(0.01, (0.8, 0.99), weight_decay=0.1), adam(0.01, 0.8, 0.99, 0.1)),
    "adamw": (sf.adamw(0.01), adam(0.01, shrink=0.01)),
    "adam, schedule": (sf.adam(o.cosine(0.02, 80, least=0.001)), adam(0, rates=lambda k: 0.001 + 0.019 * (1 + np.cos(np.pi * min(k, 80) / 80)) / 2)),
    "lion": (o.lion(0.001, weight_decay=0.1), lion(0.001, decay=0.1)),
    "decayed": (o.decayed(o.momentum(0.01, 0.8), 0.1), sgd(0.01, 0.8, decay=0.1)),
}  # fmt: skip
BACKENDS = ["numpy", *(name for name, package in (("native", "llvmlite"), ("jax", "jax")) if find_spec(package))]


def agree(got: Any, wanted: Arrays, tolerance: float = 1e-10) -> None:
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("name", RULES)
def test_a_hundred_steps_are_those_of_a_plain_loop(name: str) -> None:
    optimizer, rule = RULES[name]
    done = sf.fit(LOSS, NET.init(0), batches=batches(100), optimizer=optimizer, backend="numpy")
    agree(done.params, by_hand(rule, 100))
    assert set(done.params) == set(NET.init(0))  # neither slots nor the step counter


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("name", RULES)
def test_other_backends_take_the_same_steps(name: str, backend: str) -> None:
    optimizer, rule = RULES[name]
    done = sf.fit(LOSS, NET.init(0), batches=batches(100), optimizer=optimizer, backend=backend)
    agree(done.params, by_hand(rule, 100))
    assert type(training_of(update_of(LOSS, NET.init(0), optimizer), backend)).__module__.endswith(f"{backend}.training")


def clipped_by_hand(norm: float, steps: int) -> Arrays:
    params = {name: np.array(value) for name, value in NET.init(0).items()}
    for batch in batches(steps):
        gradients = GRADIENT(params, **batch)
        size = np.sqrt(sum((g**2).sum() for g in gradients.values()))
        params = {name: params[name] - 0.05 * g * min(1.0, norm / (size + 1e-6)) for name, g in gradients.items()}
    return params


@pytest.mark.parametrize("norm", [0.1, 3.0, 1e6])
def test_clipping_scales_all_gradients_by_their_common_norm(norm: float) -> None:
    done = sf.fit(LOSS, NET.init(0), batches=batches(20), optimizer=o.clipped(sf.sgd(0.05), norm), backend="numpy")
    agree(done.params, clipped_by_hand(norm, 20))
    unclipped = by_hand(sgd(0.05), 20)
    assert np.allclose(done.params["W1"], unclipped["W1"], rtol=1e-6) == (norm == 1e6)


GROUPED = o.groups({"W1": o.frozen(), "W*": sf.adam(0.01), lambda name: name.endswith("3"): sf.sgd(0.02)}, otherwise=sf.sgd(0.1, 0.5))


@pytest.mark.parametrize("backend", BACKENDS)
def test_groups_move_by_rules_of_their_own(backend: str) -> None:
    start = NET.init(0)
    done = sf.fit(LOSS, start, batches=batches(30), optimizer=GROUPED, backend=backend)
    rules = {"W1": sgd(0.0), "W2": adam(0.01), "W3": adam(0.01), "b3": sgd(0.02), "b1": sgd(0.1, 0.5), "b2": sgd(0.1, 0.5)}
    params = {name: np.array(value) for name, value in start.items()}
    memories: dict[str, dict[str, Any]] = {name: {} for name in params}
    for t, batch in enumerate(batches(30), 1):
        gradients = GRADIENT(params, **batch)
        params = {name: rules[name](params[name], gradients[name], t, memories[name]) for name in params}
    agree(done.params, params)
    whole_epochs = type(training_of(update_of(LOSS, start, GROUPED), backend)).__module__.endswith(f"{backend}.training")
    assert whole_epochs == (backend != "numpy")
    assert np.array_equal(done.params["W1"], start["W1"]) and done.params.keys() == start.keys()


def test_the_norm_of_clipping_leaves_out_what_is_frozen() -> None:
    w, v = sf.parameter("w"), sf.parameter("v")
    loss = sf.Net.of((w - 1) ** 2 + (1000 * v) ** 2)
    optimizer = o.clipped(o.groups({"v": o.frozen()}, otherwise=sf.sgd(1.0)), 0.5)
    assert sf.fit(loss, {"w": 3.0, "v": 1.0}, batches=[{}], optimizer=optimizer).params["w"] == pytest.approx(2.5, rel=1e-6)



@pytest.mark.parametrize("optimizer", [sf.adam(), o.clipped(sf.adam(o.one_cycle(0.1, 50))), o.groups({"W[1-4]": o.frozen()}, sf.adamw())], ids=repr)
def test_a_step_of_a_thousand_layers_is_as_small_as_of_ten(optimizer: Any) -> None:
    sizes = []
    for depth in (10, 1000):
        net = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(2, 2, sf.tanh), count=depth), sf.tensor("x", (None, 2)))
        step = training_step(sf.squared_error(net, sf.tensor("t", (None, 2))), optimizer)
        sizes.append(len(step.to_json()))
    assert sizes[1] < sizes[0] + 200


def test_a_loss_that_reads_the_step_counter_counts_from_zero_in_every_training() -> None:
    w, x = sf.parameter("w"), sf.tensor("x", ())
    loss = sf.Net.of(w * x + 0 * w**2 + STEP)
    for optimizer in (sf.sgd(0.5), sf.sgd(o.step(0.5, 2, 0.5))):
        for start in ({"w": 1.0}, {"w": 1.0, "step": 7.0}):
            update = update_of(loss, start, optimizer)
            training = training_of(update)
            assert update.moved[-1] == STEP and update.start["step"] == 0
            training.run(Stack(3, {"x": np.ones(3)}))
            assert training.state["step"] == 3
    done = sf.fit(loss, {**loss.init(0), "w": 1.0}, batches=[{"x": 0.0}] * 4, optimizer=sf.sgd(0.5))
    assert done.history.loss == [0.0, 1.0, 2.0, 3.0]


@pytest.fixture
def scratch() -> Iterator[None]:
    with extend.temporary():
        yield


@pytest.mark.usefixtures("scratch")
def test_a_shared_slot_is_one_number_and_a_rule_may_read_the_step() -> None:
    def slower(w, g, count, rate):
        return w - rate * g / (1 + count) / (1 + extend.STEP), count + 1

    make = extend.optimizer("slower", slower, (extend.Shared("count"),), rate=0.1)
    step = training_step(LOSS, make())
    assert [p.op.name for p in step.params if p.op.name not in NET.init(0)] == ["count", "step"]
    done = sf.fit(LOSS, NET.init(0), batches=batches(5), optimizer=make(), backend="numpy")
    agree(done.params, by_hand(lambda w, g, t, memory: w - 0.1 * g / t**2, 5))
    scheduled = sf.fit(LOSS, NET.init(0), batches=batches(5), optimizer=make(rate=o.step(0.1, 2)), backend="numpy")
    agree(scheduled.params, by_hand(lambda w, g, t, memory: w - 0.1 * 0.1 ** ((t - 1) // 2) * g / t**2, 5))
    both = training_step(LOSS, o.groups({"W*": make()}, otherwise=make(rate=0.2)))
    assert {"count_1", "count_2", "step"} < {p.op.name for p in both.params}
    each = extend.optimizer("each", lambda w, g, s: (w - g, s + np.sum(g)), (extend.Shared("sum"),))
    with pytest.raises(InvalidValue, match="'each' gave several values for the shared slot 'sum'"):
        training_step(LOSS, each())


THINGS: dict[str, Callable[[], Any]] = {
    "adam": lambda: sf.adam(0.1),
    "schedules": lambda: sf.adamw(o.warmup(o.cosine(0.1, 100), 10), betas=(o.constant(0.9), 0.99)),
    "composed": lambda: o.clipped(o.groups({"W*": sf.adam(1e-4), "b1": o.frozen()}, otherwise=o.decayed(o.lion(), 0.1)), o.one_cycle(1.0, 10)),
}  # fmt: skip


@pytest.mark.parametrize("name", THINGS)
def test_optimizers_come_back_equal_print_and_draw(name: str) -> None:
    thing = THINGS[name]()
    back = pickle.loads(pickle.dumps(thing))
    assert back == thing == THINGS[name]() and hash(back) == hash(thing) and repr(back) == repr(thing)
    assert eval(repr(thing), {**{key: getattr(o, key) for key in dir(o)}}) == thing
    net = thing.net()
    assert sf.from_json(net.to_json()) == net == back.net() and "step" in {p.op.name for p in net.params}
    assert thing.formula("latex") and net.graph("primitive").number_of_nodes() > 5


def test_other_settings_give_other_optimizers() -> None:
    assert sf.adam(0.1) != sf.adam(0.2) != sf.adamw(0.2) and o.clipped(sf.adam()) != sf.adam() != o.clipped(sf.adam(), 2.0)
    assert sf.sgd(0.1, momentum=0.0) == sf.sgd(0.1) and repr(sf.adam(eps=1e-8)) == "adam(rate=0.001)"


def fit(optimizer: Any, loss: sf.Net = LOSS) -> Any:
    return sf.fit(loss, loss.init(0), batches=batches(1), optimizer=optimizer)


@pytest.mark.parametrize("wrong, error, words", [
    (lambda: sf.adam(0.0), InvalidValue, "rate=0.0 is not a positive number"),
    (lambda: sf.adam("fast"), InvalidType, "rate='fast' is not a number"),
    (lambda: sf.adam(o.cosine), InvalidType, "neither a number nor a schedule"),
    (lambda: sf.adam(betas=(0.9, 1.0)), InvalidValue, r"betas\[1\]=1.0 is out of range .it must be from 0 to below 1"),
    (lambda: sf.adam(betas=0.9), InvalidType, "betas=0.9 is not a pair"),
    (lambda: sf.adam(eps=-1.0), InvalidValue, "eps=-1.0 is out of range .it must be at least 0"),
    (lambda: sf.sgd(0.1, nesterov=True), InvalidValue, "nesterov=True needs momentum"),
    (lambda: sf.sgd(0.1, momentum=-0.5), InvalidValue, "momentum=-0.5 is out of range"),
    (lambda: o.rmsprop(centered=1), InvalidType, "centered=1 must be True or False"),
    (lambda: o.lion(weight_decay=float("nan")), InvalidValue, "weight_decay=nan is not a finite"),
    (lambda: o.cosine(0.1, 0), InvalidValue, "steps=0 must be a whole number, at least 1"),
    (lambda: o.step(0.1, 2.5), InvalidType, "size=2.5 must be a whole number"),
    (lambda: o.one_cycle(0.1, 2), InvalidValue, "leaves no step to rise or to fall"),
    (lambda: o.clipped(sf.adam), InvalidType, "is not an optimizer .call it: sf.optimizers.adam"),
    (lambda: o.clipped(sf.adam(), 0), InvalidValue, "norm=0 is not a positive number"),
    (lambda: o.groups({}), InvalidValue, "there are no groups"),
    (lambda: o.groups("W*"), InvalidType, "groups='W.' is not a mapping"),
    (lambda: o.groups({3: sf.adam()}), InvalidType, "3 is neither a pattern"),
    (lambda: fit(o.groups({"W*": sf.adam()})), InvalidValue, "the parameter 'b1' is in none of the groups 'W.' .*otherwise="),
    (lambda: fit(o.groups({"V*": sf.adam()}, otherwise=sf.sgd())), InvalidValue, "the group 'V.' has no parameter .the loss has W1, W2, W3, b1, b2, b3"),
    (lambda: fit(sf.adam(), sf.Net.of(LOSS.outputs[0] + sf.parameter("step"))), InvalidValue, "a value named 'step', the name of the step counter in a training by adam"),
    (lambda: fit(o.momentum(0.1), sf.Net.of(LOSS.outputs[0] + sf.parameter("velocity_W2", (2, 2)).sum())), InvalidValue, "a value named 'velocity_W2', the name of a slot"),
    (lambda: sf.adam(lr=0.1), InvalidType, r"adam has no argument 'lr' .write rate="),
    (lambda: sf.sgd(0.1, rho=1), InvalidType, r"sgd has no argument 'rho' .its arguments: rate, momentum"),
    (lambda: o.cosine(0.1), InvalidType, r"cosine needs 'steps' \(write cosine\(rate, steps\)\)"),
    (lambda: o.adma, UnknownName, "did you mean .*adam"),
])  # fmt: skip
def test_a_wrong_setting_is_one_clear_error(wrong: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        wrong()


def test_a_parameter_named_step_is_fine_if_nothing_counts_steps() -> None:
    loss = sf.Net.of((sf.parameter("step") - sf.tensor("x", ())) ** 2)
    assert sf.fit(loss, {"step": 3.0}, batches=[{"x": 1.0}], optimizer=sf.sgd(0.5)).params["step"] == 1.0
