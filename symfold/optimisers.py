"""Optimisers: how a parameter steps along its gradient, as symbolic rules. A new optimiser is one row.

An optimiser is a mapper too: its state is the parameter with its slots, its item the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symfold.arguments import real
from symfold.nodes import Node


@dataclass(frozen=True)
class Optimiser:
    """`update(parameter, gradient, *slots)` gives the parameter and the slots after a step; slots start at zero."""

    name: str
    update: Callable[..., Sequence[Node]]
    slots: tuple[str, ...] = ()


def sgd(rate: float) -> Optimiser:
    """Plain stochastic gradient descent: w - rate * g (Robbins and Monro 1951).

    >>> from symfold.tensors import tensor
    >>> sgd(0.5).update(tensor("w"), tensor("g"))
    (w - 0.5*g,)
    """
    real("rate", rate, above=0)
    return Optimiser("sgd", lambda w, g: (w - rate * g,))


def momentum(rate: float, decay: float = 0.9) -> Optimiser:
    """Gradient descent with momentum: v = decay * v + g; w - rate * v (Polyak 1964).

    >>> from symfold.tensors import tensor
    >>> momentum(0.5).update(tensor("w"), tensor("g"), tensor("v"))
    (w - 0.5*(0.9*v + g), 0.9*v + g)
    """
    real("rate", rate, above=0)
    real("decay", decay, above=0)

    def update(w: Node, g: Node, velocity: Node) -> tuple[Node, Node]:
        after = decay * velocity + g
        return w - rate * after, after

    return Optimiser("momentum", update, ("velocity",))


OPTIMISERS: dict[str, Callable[..., Optimiser]] = {"sgd": sgd, "momentum": momentum}
