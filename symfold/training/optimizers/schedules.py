"""Schedules: settings that change with the step, as nodes over the step counter. A new schedule is one function.

A schedule stands wherever an optimizer takes a number, mostly for the rate. Steps are counted from 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import quoted, real, whole
from symfold.base.public import public
from symfold.core.conversion import as_node
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import InvalidType, InvalidValue, ShapeError
from symfold.show.notation import formula
from symfold.training.step_counter import STEP


@dataclass(frozen=True, repr=False)
class Schedule:
    """A setting that changes with the step: `rule(step, **settings)` returns its value, a node.

    >>> halved = Schedule("halved", lambda step, rate: rate / (1 + step), (("rate", 0.1),))
    >>> halved, halved(0), halved(4), halved.formula()
    (halved(rate=0.1), 0.1, 0.02, 'y = 0.1/(1 + step)')
    """

    name: str
    rule: Callable[..., Node]
    settings: tuple[tuple[str, Any], ...] = ()

    def node(self, step: Node = STEP) -> Node:
        """The value at a step."""
        value = as_node(self.rule(step, **dict(self.settings)))
        if value.shape != ():
            raise ShapeError(f"the schedule {self.name!r} gave a value of shape {value.shape} (give one number)")
        return value

    def net(self) -> Net:
        """The value as a net over the step counter."""
        return Net.of(self.node())

    def formula(self, style: str = "text") -> str:
        """The value as a formula over `step`."""
        return formula(self.net(), style=style)

    def __call__(self, step: float) -> float:
        """The value at a step, as a number."""
        net = Net.of(self.node())
        return float(net({name.op.name: real("step", step) for name in net.params}))

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.settings)})"


Setting = float | Schedule


def setting(what: str, value: object, least: float = -math.inf, most: float = math.inf, *, strict: bool = False) -> Any:
    """A number from `least` (with `strict`, above it) and below `most`, or a schedule, unchanged."""
    if isinstance(value, Schedule):
        return value
    if callable(value):
        raise InvalidType(
            f"{what}={quoted(value)} is neither a number nor a schedule (as sf.optimizers.cosine(0.1, 100))"
        )
    number = float(real(what, value, above=0 if strict and least == 0 else -math.inf))
    if not least <= number < most:
        bound = f"at least {least:g}" if most == math.inf else f"from {least:g} to below {most:g}"
        raise InvalidValue(f"{what}={quoted(value)} is out of range (it must be {bound})")
    return value


def at_step(value: Any) -> Any:
    """A setting with schedules as nodes over the step counter."""
    if isinstance(value, tuple):
        return tuple(map(at_step, value))
    return value.node() if isinstance(value, Schedule) else value


@public
def constant(rate: float) -> Schedule:
    """The same value at every step.

    >>> constant(0.1)(1000)
    0.1
    """
    return Schedule("constant", _constant, (("rate", real("rate", rate)),))


def _constant(step: Node, rate: float) -> Node:
    return as_node(rate)


@public
def step(rate: float, size: int, factor: float = 0.1) -> Schedule:
    """`rate`, multiplied by `factor` every `size` steps (PyTorch's StepLR).

    >>> step(1.0, 10)(9), step(1.0, 10)(25)
    (1.0, 0.010000000000000002)
    """
    settings = (
        ("rate", real("rate", rate, above=0)),
        ("size", whole("size", size, 1)),
        ("factor", setting("factor", factor, 0, strict=True)),
    )
    return Schedule("step", _step, settings)


def _step(step: Node, rate: float, size: int, factor: float) -> Node:
    return rate * as_node(factor) ** np.floor(step / size)


@public
def cosine(rate: float, steps: int, least: float = 0.0) -> Schedule:
    """From `rate` to `least` within `steps` steps along a cosine, then `least` (Loshchilov and Hutter 2017).

    The values of PyTorch's CosineAnnealingLR, which rises again after `steps`.

    >>> cosine(1.0, 100)(0), cosine(1.0, 100)(50), cosine(1.0, 100, least=0.1)(1000)
    (1.0, 0.5, 0.1)
    """
    settings = (
        ("rate", real("rate", rate, above=0)),
        ("steps", whole("steps", steps, 1)),
        ("least", setting("least", least, 0)),
    )
    return Schedule("cosine", _cosine, settings)


def _cosine(step: Node, rate: float, steps: int, least: float) -> Node:
    return _along_cosine(rate, least, as_node(np.minimum(step / steps, 1)))


def _along_cosine(start: float, stop: float, share: Node) -> Node:
    fall = (start - stop) * (1 + np.cos(as_node(sp.pi) * share)) / 2
    return stop + fall if stop else fall


@public
def warmup(rate: Setting, steps: int, start: float = 1 / 3) -> Schedule:
    """A linear rise within `steps` steps, from the share `start` of `rate`; then `rate`, a number or a schedule.

    PyTorch's LinearLR, followed by the other schedule in a SequentialLR (Goyal et al. 2017).

    >>> rise = warmup(cosine(1.0, 100), 10, start=0.0)
    >>> rise(0), rise(5), rise(10), rise(60)
    (0.0, 0.5, 1.0, 0.5)
    """
    rate = setting("rate", rate, 0, strict=True)
    return Schedule(
        "warmup", _warmup, (("rate", rate), ("steps", whole("steps", steps, 1)), ("start", setting("start", start, 0)))
    )


def _warmup(step: Node, rate: Setting, steps: int, start: float) -> Node:
    if not isinstance(rate, Schedule):
        return as_node(rate * (start + (1 - start) * np.minimum(step / steps, 1)))
    rise = rate(0) * (start + (1 - start) * step / steps)
    return as_node(np.where(step < steps, rise, rate.node(as_node(np.maximum(step - steps, 0)))))


@public
def one_cycle(rate: float, steps: int, rise: float = 0.3, start: float = 1 / 25, stop: float = 1e-4) -> Schedule:
    """From the share `start` of `rate` up to `rate` within the share `rise` of the steps, then down, along cosines.

    The last of `steps` steps has the share `stop` of the first one's rate, and later ones too (Smith and Topin 2019).
    PyTorch's OneCycleLR, with `start` 1/div_factor and `stop` 1/final_div_factor.

    >>> round(one_cycle(1.0, 100)(0), 12), one_cycle(1.0, 100)(29), round(one_cycle(1.0, 100)(99), 12)
    (0.04, 1.0, 4e-06)
    """
    rise = real("rise", rise)
    steps = whole("steps", steps, 2)
    if not 1 < rise * steps < steps:
        raise InvalidValue(f"rise={rise} of steps={steps} leaves no step to rise or to fall (give a share such as 0.3)")
    settings = ("rate", real("rate", rate, above=0)), ("steps", steps), ("rise", rise)
    shares = ("start", setting("start", start, 0, strict=True)), ("stop", setting("stop", stop, 0, strict=True))
    return Schedule("one_cycle", _one_cycle, (*settings, *shares))


def _one_cycle(step: Node, rate: float, steps: int, rise: float, start: float, stop: float) -> Node:
    top, last = rise * steps - 1, steps - 1
    up = _along_cosine(start * rate, rate, step / top)
    down = _along_cosine(rate, start * stop * rate, as_node(np.minimum((step - top) / (last - top), 1)))
    return as_node(np.where(step <= top, up, down))
