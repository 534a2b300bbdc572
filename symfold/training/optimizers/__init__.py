"""Optimizers: update rules as symbolic expressions. A new optimizer is one row, or a call of `extend.optimizer`.

In: settings, numbers or schedules. Out: an optimizer, for `sf.fit`; its update is a net, on every backend.

    schedules     settings that change with the step
    optimizer     an update rule with its slots
    rules         sgd, adam, ...
    composition   clipping, weight decay, groups of parameters
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symfold.errors import no_name
from symfold.training.optimizers import composition, rules, schedules
from symfold.training.optimizers.optimizer import Moving as Moving
from symfold.training.optimizers.optimizer import Optimizer as Optimizer
from symfold.training.optimizers.optimizer import Path as Path
from symfold.training.optimizers.optimizer import PerParameter as PerParameter
from symfold.training.optimizers.optimizer import Shared as Shared
from symfold.training.optimizers.optimizer import slot_name as slot_name
from symfold.training.optimizers.rules import adam as adam
from symfold.training.optimizers.rules import adamw as adamw
from symfold.training.optimizers.rules import momentum as momentum
from symfold.training.optimizers.rules import sgd as sgd
from symfold.training.optimizers.schedules import Schedule as Schedule

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": sgd,
    "momentum": momentum,
    "rmsprop": rules.rmsprop,
    "adagrad": rules.adagrad,
    "adam": adam,
    "adamw": adamw,
    "lion": rules.lion,
}
COMPOSED: dict[str, Callable[..., Optimizer]] = {
    "clipped": composition.clipped,
    "decayed": composition.decayed,
    "groups": composition.groups,
    "frozen": composition.frozen,
}
SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": schedules.constant,
    "step": schedules.step,
    "cosine": schedules.cosine,
    "warmup": schedules.warmup,
    "one_cycle": schedules.one_cycle,
}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    for table in (OPTIMIZERS, COMPOSED, SCHEDULES):
        if name in table:
            return table[name]
    raise no_name("sf.optimizers", name, __dir__())


def __dir__() -> list[str]:
    return sorted({"Optimizer", "PerParameter", "Schedule", "Shared", *OPTIMIZERS, *COMPOSED, *SCHEDULES})
