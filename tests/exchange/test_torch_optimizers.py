"""Optimizers and schedules against `torch.optim`: a hundred steps in float64 to 1e-10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symfold as sf

torch = pytest.importorskip("torch")
o = sf.optimizers
NET = sf.fold(sf.mappers.residual, sf.layers("f1:5", sf.dense(3, 3, sf.tanh)), sf.tensor("x", (None, 3)))
LOSS = sf.squared_error(NET, sf.tensor("target", (None, 3)))
RANDOM = np.random.default_rng(0)
BATCHES = [{"x": RANDOM.normal(size=(8, 3)), "target": RANDOM.normal(size=(8, 3))} for _ in range(100)]


def loss_in_torch(params: dict[str, Any], x: Any, target: Any) -> Any:
    z = x
    for k in range(1, 5):
        z = z + torch.tanh(z @ params[f"W{k}"] + params[f"b{k}"])
    return ((target - z) ** 2).sum()


def torch_run(make: Callable[[Any], Any], schedule: Any = None, norm: float | None = None) -> dict[str, Any]:
    params = {name: torch.tensor(np.array(value), requires_grad=True) for name, value in NET.init(0).items()}
    optimizer = make(params)
    scheduler = schedule(optimizer) if schedule else None
    for batch in BATCHES:
        optimizer.zero_grad()
        loss_in_torch(params, **{name: torch.tensor(array) for name, array in batch.items()}).backward()
        if norm is not None:
            torch.nn.utils.clip_grad_norm_(list(params.values()), norm)
        optimizer.step()
        if scheduler:
            scheduler.step()
    return {name: value.detach().numpy() for name, value in params.items()}


def agree(optimizer: Any, wanted: dict[str, Any]) -> None:
    got = sf.fit(LOSS, NET.init(0), batches=BATCHES, optimizer=optimizer, backend="numpy").params
    for name, value in wanted.items():
        assert np.abs(got[name] - value).max() < 1e-10, name


T: Any = torch.optim
PAIRS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "SGD": (sf.sgd(), lambda p: T.SGD(p)),
    "SGD, decay": (sf.sgd(0.01, weight_decay=0.1), lambda p: T.SGD(p, 0.01, weight_decay=0.1)),
    "SGD, momentum": (sf.sgd(0.005, 0.9), lambda p: T.SGD(p, 0.005, momentum=0.9)),
    "SGD, nesterov": (sf.sgd(0.005, 0.9, True, 0.1), lambda p: T.SGD(p, 0.005, momentum=0.9, nesterov=True, weight_decay=0.1)),
    "momentum": (o.momentum(0.005), lambda p: T.SGD(p, 0.005, momentum=0.9)),
    "RMSprop": (o.rmsprop(), lambda p: T.RMSprop(p)),
    "RMSprop, all": (o.rmsprop(0.01, 0.9, 1e-6, 0.1, 0.5, True), lambda p: T.RMSprop(p, 0.01, 0.9, 1e-6, 0.1, 0.5, True)),
    "Adagrad": (o.adagrad(), lambda p: T.Adagrad(p)),
    "Adagrad, all": (o.adagrad(0.1, 0.01, 0.1, 0.2, 1e-8), lambda p: T.Adagrad(p, 0.1, 0.01, 0.1, 0.2, 1e-8)),
    "Adam": (sf.adam(), lambda p: T.Adam(p)),
    "Adam, all": (sf.adam(0.05, (0.8, 0.95), 1e-6, 0.1), lambda p: T.Adam(p, 0.05, (0.8, 0.95), 1e-6, 0.1)),
    "AdamW": (sf.adamw(), lambda p: T.AdamW(p)),
    "AdamW, all": (sf.adamw(0.05, (0.8, 0.95), 1e-6, 0.2), lambda p: T.AdamW(p, 0.05, (0.8, 0.95), 1e-6, 0.2)),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_hundred_steps_are_torch_s(name: str) -> None:
    ours, theirs = PAIRS[name]
    agree(ours, torch_run(lambda params: theirs(list(params.values()))))


@pytest.mark.parametrize("norm", [0.5, 20.0])
def test_clipping_is_clip_grad_norm(norm: float) -> None:
    agree(o.clipped(sf.adam(0.01), norm), torch_run(lambda params: T.Adam(list(params.values()), 0.01), norm=norm))


def test_groups_are_parameter_groups() -> None:
    def theirs(params: dict[str, Any]) -> Any:
        params["W1"].requires_grad_(False)
        weights, biases = ([value for name, value in params.items() if name[0] == letter and name != "W1"] for letter in "Wb")
        return T.AdamW([{"params": weights, "lr": 0.01}, {"params": biases, "lr": 0.1, "weight_decay": 0.0}])

    ours = o.groups({"W1": o.frozen(), "W*": sf.adamw(0.01), "b*": sf.adamw(0.1, weight_decay=0.0)})
    agree(o.clipped(ours, 5.0), torch_run(theirs, norm=5.0))


S: Any = torch.optim.lr_scheduler
SCHEDULES: dict[str, tuple[Any, Callable[..., Any]]] = {
    "ConstantLR": (o.constant(0.1), lambda r: S.ConstantLR(r, 1.0)),
    "StepLR": (o.step(0.1, 7, 0.5), lambda r: S.StepLR(r, 7, 0.5)),
    "StepLR, usual": (o.step(0.1, 30), lambda r: S.StepLR(r, 30)),
    "CosineAnnealingLR": (o.cosine(0.1, 100, 0.01), lambda r: S.CosineAnnealingLR(r, 100, 0.01)),
    "LinearLR": (o.warmup(0.1, 5), lambda r: S.LinearLR(r)),
    "LinearLR, cosine": (o.warmup(o.cosine(0.1, 90), 10, 0.2), lambda r: S.SequentialLR(r, [S.LinearLR(r, 0.2, total_iters=10), S.CosineAnnealingLR(r, 90)], [10])),
    "OneCycleLR": (o.one_cycle(0.1, 101), lambda r: S.OneCycleLR(r, 0.1, 101)),
    "OneCycleLR, all": (o.one_cycle(0.1, 150, 0.4, 1 / 10, 1e-2), lambda r: S.OneCycleLR(r, 0.1, 150, pct_start=0.4, div_factor=10, final_div_factor=1e2)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning", "ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_torch_s(name: str) -> None:
    ours, theirs = SCHEDULES[name]
    optimizer = T.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], 0.1)
    scheduler = theirs(optimizer)
    for step in range(100):
        assert ours(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-10), step
        optimizer.step()
        scheduler.step()


@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("name", ["StepLR", "LinearLR, cosine", "OneCycleLR"])
def test_training_by_a_schedule_is_torch_s(name: str) -> None:
    ours, theirs = SCHEDULES[name]

    def make(params: dict[str, Any]) -> Any:
        # betas of Adam are cycled by OneCycleLR, unless it is told not to; SGD without momentum has none
        return T.SGD(list(params.values()), 0.1)

    def schedule(optimizer: Any) -> Any:
        return theirs(optimizer) if name != "OneCycleLR" else S.OneCycleLR(optimizer, 0.1, 101, cycle_momentum=False)

    agree(o.clipped(sf.sgd(ours), 0.5), torch_run(make, schedule, norm=0.5))
