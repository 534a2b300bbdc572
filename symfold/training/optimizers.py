"""Optimizers: update rules as symbolic expressions. A new optimizer is one row.

An optimizer is a mapper: its state is the parameter with its slots, its item the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.base.arguments import quoted, real
from symfold.base.facts import counted
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.shapes import differ, show
from symfold.errors import InvalidValue, ShapeError, no_name


@dataclass(frozen=True)
class PerParameter:
    """A slot of one number per parameter, such as a step counter; its axes have size 1, to broadcast."""

    name: str


def slot_name(slot: str | PerParameter) -> str:
    return slot if isinstance(slot, str) else slot.name


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
        after = self.rule(parameter, gradient, *slots, **dict(self.settings))
        names = ["the parameter", *(f"the slot {slot_name(slot)!r}" for slot in self.slots)]
        if not isinstance(after, (list, tuple)) or len(after) != len(names):
            raise InvalidValue(
                f"the rule of the optimizer {self.name!r} gave {quoted(after)}, which is not a tuple of "
                f"{counted(len(names), 'value')} (give the next value of {', '.join(names)})"
            )
        nodes = tuple(map(as_node, after))
        for name, before, node in zip(names, (parameter, *slots), nodes, strict=True):
            if differ(node.shape, before.shape):
                raise ShapeError(
                    f"the rule of the optimizer {self.name!r} gave a value of shape {show(node.shape)} for {name} "
                    f"of shape {show(before.shape)} (they must be equal)"
                )
        return nodes

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
    raise no_name("sf.optimizers", name, __dir__())


def __dir__() -> list[str]:
    return sorted({"Optimizer", "PerParameter", *OPTIMIZERS})
