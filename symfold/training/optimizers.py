"""Optimizers: update rules as symbolic expressions. A new optimizer is one row.

An optimizer is a mapper: its state is the parameter with its slots, its item the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.base.arguments import real
from symfold.core.nodes import Node
from symfold.errors import unknown


@dataclass(frozen=True)
class PerParameter:
    """A slot of one number per parameter, such as a step counter; its axes have size 1, to broadcast."""

    name: str


@dataclass(frozen=True, repr=False)
class Optimizer:
    """An update rule: `rule(parameter, gradient, *slots, **settings)` returns the next parameter and slots.

    Slots start at zero. A slot given as a name has the shape of the parameter.
    """

    name: str
    rule: Callable[..., Sequence[Node]]
    slots: tuple[str | PerParameter, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()

    def update(self, parameter: Node, gradient: Node, *slots: Node) -> Sequence[Node]:
        """The next parameter and slots."""
        return self.rule(parameter, gradient, *slots, **dict(self.settings))

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.settings)})"


def sgd(rate: float) -> Optimizer:
    """Plain stochastic gradient descent: w - rate * g (Robbins and Monro 1951).

    >>> from symfold.core.leaves import tensor
    >>> sgd(0.5), sgd(0.5).update(tensor("w"), tensor("g"))
    (sgd(rate=0.5), (w - 0.5*g,))
    """
    return Optimizer("sgd", _sgd, settings=(("rate", real("rate", rate, above=0)),))


def _sgd(w: Node, g: Node, rate: float) -> tuple[Node]:
    return (w - rate * g,)


def momentum(rate: float, decay: float = 0.9) -> Optimizer:
    """Gradient descent with momentum: v = decay * v + g; w - rate * v (Polyak 1964).

    >>> from symfold.core.leaves import tensor
    >>> momentum(0.5).update(tensor("w"), tensor("g"), tensor("v"))
    (w - 0.5*(0.9*v + g), 0.9*v + g)
    """
    settings = ("rate", real("rate", rate, above=0)), ("decay", real("decay", decay, above=0))
    return Optimizer("momentum", _momentum, ("velocity",), settings)


def _momentum(w: Node, g: Node, velocity: Node, rate: float, decay: float) -> tuple[Node, Node]:
    after = decay * velocity + g
    return w - rate * after, after


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": sgd, "momentum": momentum}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    raise unknown("optimizer", name, OPTIMIZERS)


def __dir__() -> list[str]:
    return sorted({"Optimizer", "PerParameter", *OPTIMIZERS})
