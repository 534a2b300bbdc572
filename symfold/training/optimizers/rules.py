"""The update rules, a few lines each. Formulas, names of settings and defaults are those of `torch.optim`.

`w` is a parameter and `g` its gradient; `weight_decay` adds the gradient of weight_decay * sum(w**2) / 2, but adamw and
lion shrink the parameter itself. Every setting may be a schedule.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symfold.base.arguments import flag, quoted
from symfold.base.public import public
from symfold.core.nodes import Node
from symfold.errors import InvalidType, InvalidValue
from symfold.training.optimizers.optimizer import Optimizer, Slot
from symfold.training.optimizers.schedules import Setting, setting
from symfold.training.step_counter import STEP

Rule = Callable[..., Sequence[Node]]
Betas = tuple[Setting, Setting]


def _made(name: str, rule: Rule, slots: tuple[Slot, ...], **settings: Any) -> Optimizer:
    """An optimizer with those settings that are not the rule's defaults."""
    usual = {key: parameter.default for key, parameter in inspect.signature(rule).parameters.items()}
    return Optimizer(name, rule, slots, tuple((key, value) for key, value in settings.items() if usual[key] != value))


def _rate(rate: object) -> Any:
    return setting("rate", rate, 0, strict=True)


def _betas(betas: object) -> Betas:
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise InvalidType(f"betas={quoted(betas)} is not a pair of numbers (as betas=(0.9, 0.999))")
    return setting("betas[0]", betas[0], 0, 1), setting("betas[1]", betas[1], 0, 1)


@public
def sgd(
    rate: Setting = 1e-3, momentum: Setting = 0.0, nesterov: bool = False, weight_decay: Setting = 0.0
) -> Optimizer:
    """Stochastic gradient descent: w - rate * g (Robbins and Monro 1951).

    With momentum, v = momentum * v + g replaces g (Polyak 1964), or g + momentum * v with `nesterov` (Nesterov 1983).

    >>> from symfold.core.leaves import tensor
    >>> sgd(0.5), sgd(0.5).update(tensor("w"), tensor("g"))
    (sgd(rate=0.5), (w - 0.5*g,))
    """
    nesterov, momentum = flag("nesterov", nesterov), setting("momentum", momentum, 0)
    if nesterov and momentum == 0:
        raise InvalidValue("nesterov=True needs momentum (as sf.sgd(0.01, momentum=0.9, nesterov=True))")
    settings = {"rate": _rate(rate), "weight_decay": setting("weight_decay", weight_decay, 0)}
    if momentum == 0:
        return _made("sgd", _sgd, (), **settings)
    return _made("sgd", _sgd_momentum, ("velocity",), **settings, momentum=momentum, nesterov=nesterov)


def _sgd(w: Node, g: Node, rate: Setting, weight_decay: Setting = 0.0) -> tuple[Node]:
    return (w - rate * decayed_gradient(w, g, weight_decay),)


def _sgd_momentum(
    w: Node,
    g: Node,
    velocity: Node,
    rate: Setting,
    momentum: Setting,
    nesterov: bool = False,
    weight_decay: Setting = 0.0,
) -> tuple[Node, Node]:
    g = decayed_gradient(w, g, weight_decay)
    velocity = momentum * velocity + g
    return w - rate * (g + momentum * velocity if nesterov else velocity), velocity


def decayed_gradient(w: Node, g: Node, weight_decay: Any) -> Node:
    """The gradient with that of weight_decay * sum(w**2) / 2."""
    return g if isinstance(weight_decay, (int, float)) and weight_decay == 0 else g + weight_decay * w


@public
def momentum(rate: Setting, decay: Setting = 0.9) -> Optimizer:
    """Gradient descent with momentum: v = decay * v + g; w - rate * v (Polyak 1964).

    >>> from symfold.core.leaves import tensor
    >>> momentum(0.5).update(tensor("w"), tensor("g"), tensor("v"))
    (w - 0.5*(0.9*v + g), 0.9*v + g)
    """
    settings = ("rate", _rate(rate)), ("decay", setting("decay", decay, 0, strict=True))
    return Optimizer("momentum", _momentum, ("velocity",), settings)


def _momentum(w: Node, g: Node, velocity: Node, rate: Setting, decay: Setting) -> tuple[Node, Node]:
    after = decay * velocity + g
    return w - rate * after, after


@public
def rmsprop(
    rate: Setting = 1e-2,
    alpha: Setting = 0.99,
    eps: Setting = 1e-8,
    weight_decay: Setting = 0.0,
    momentum: Setting = 0.0,
    centered: bool = False,
) -> Optimizer:
    """Gradients divided by the root of a running mean of their squares (Tieleman and Hinton 2012).

    `centered` subtracts the square of their running mean (Graves 2013).

    >>> print(rmsprop().formula())
    u = 0.99*square_w + 0.01*g**2
    y[w] = w - 0.01*(g/(sqrt(u) + 1.0e-8))
    y[square_w] = u
    """
    momentum, centered = setting("momentum", momentum, 0), flag("centered", centered)
    slots = ("square", *(["mean"] if centered else []), *(["velocity"] if momentum != 0 else []))
    return _made(
        "rmsprop",
        _rmsprop,
        slots,
        rate=_rate(rate),
        alpha=setting("alpha", alpha, 0),
        eps=setting("eps", eps, 0),
        weight_decay=setting("weight_decay", weight_decay, 0),
        momentum=momentum,
        centered=centered,
    )


def _rmsprop(
    w: Node,
    g: Node,
    square: Node,
    *slots: Node,
    rate: Setting,
    alpha: Any = 0.99,
    eps: Setting = 1e-8,
    weight_decay: Setting = 0.0,
    momentum: Setting = 0.0,
    centered: bool = False,
) -> tuple[Node, ...]:
    g = decayed_gradient(w, g, weight_decay)
    square = alpha * square + (1 - alpha) * g**2
    mean = [alpha * slots[0] + (1 - alpha) * g] if centered else []
    change = g / (np.sqrt(square - mean[0] ** 2 if mean else square) + eps)
    velocity = [momentum * slots[-1] + change] if len(slots) > len(mean) else []
    return w - rate * (velocity[0] if velocity else change), square, *mean, *velocity


@public
def adagrad(
    rate: Setting = 1e-2,
    rate_decay: Setting = 0.0,
    weight_decay: Setting = 0.0,
    initial: Setting = 0.0,
    eps: Setting = 1e-10,
) -> Optimizer:
    """Gradients divided by the root of the sum of their squares so far (Duchi, Hazan and Singer 2011).

    The sum starts at `initial`; `rate_decay` divides the rate by 1 + rate_decay * step.

    >>> print(adagrad().formula())
    u = total_w + g**2
    y[w] = w - 0.01*g/(sqrt(u) + 1.0e-10)
    y[total_w] = u
    """
    return _made(
        "adagrad",
        _adagrad,
        ("total",),
        rate=_rate(rate),
        rate_decay=setting("rate_decay", rate_decay, 0),
        weight_decay=setting("weight_decay", weight_decay, 0),
        initial=setting("initial", initial, 0),
        eps=setting("eps", eps, 0),
    )


def _adagrad(
    w: Node,
    g: Node,
    total: Node,
    rate: Any,
    rate_decay: Any = 0.0,
    weight_decay: Setting = 0.0,
    initial: Any = 0.0,
    eps: Setting = 1e-10,
) -> tuple[Node, Node]:
    g = decayed_gradient(w, g, weight_decay)
    total = total + g**2
    sum_of_squares = total if isinstance(initial, (int, float)) and initial == 0 else total + initial
    if not (isinstance(rate_decay, (int, float)) and rate_decay == 0):
        rate = rate / (1 + rate_decay * STEP)
    return w - rate * g / (np.sqrt(sum_of_squares) + eps), total


@public
def adam(
    rate: Setting = 1e-3, betas: Betas = (0.9, 0.999), eps: Setting = 1e-8, weight_decay: Setting = 0.0
) -> Optimizer:
    """Running means of gradients, divided by the root of those of their squares, both unbiased (Kingma and Ba 2015).

    >>> adam(), adam(0.01, weight_decay=0.1)
    (adam(rate=0.001), adam(rate=0.01, weight_decay=0.1))
    >>> print(adam().formula())
    u_1 = sqrt(1 - 0.999**(step + 1))
    u_2 = 0.9*mean_w + 0.1*g
    u_3 = 0.999*square_w + 0.001*g**2
    y[w] = w - (0.001*u_1/(1 - 0.9**(step + 1)))*u_2/(sqrt(u_3) + (1.0e-8)*u_1)
    y[mean_w] = u_2
    y[square_w] = u_3
    y[step] = step + 1
    """
    return _of_moments("adam", _adam, rate, betas, eps, weight_decay)


def _of_moments(name: str, rule: Rule, rate: object, betas: object, eps: object, weight_decay: object) -> Optimizer:
    """An optimizer by running means of the gradients and of their squares."""
    return _made(
        name,
        rule,
        ("mean", "square"),
        rate=_rate(rate),
        betas=_betas(betas),
        eps=setting("eps", eps, 0),
        weight_decay=setting("weight_decay", weight_decay, 0),
    )


def _adam(
    w: Node,
    g: Node,
    mean: Node,
    square: Node,
    rate: Any,
    betas: tuple[Any, Any] = (0.9, 0.999),
    eps: Setting = 1e-8,
    weight_decay: Setting = 0.0,
) -> tuple[Node, Node, Node]:
    g = decayed_gradient(w, g, weight_decay)
    first, second = betas
    mean = first * mean + (1 - first) * g
    square = second * square + (1 - second) * g**2
    scale = np.sqrt(unbiasing(second))  # of both sides of the quotient, so that an entry takes one division
    return w - rate * scale / unbiasing(first) * mean / (np.sqrt(square) + eps * scale), mean, square


def unbiasing(beta: Any) -> Node:
    """The sum of the weights of a running mean that started at zero."""
    return 1 - beta ** (STEP + 1)


@public
def adamw(
    rate: Setting = 1e-3, betas: Betas = (0.9, 0.999), eps: Setting = 1e-8, weight_decay: Setting = 1e-2
) -> Optimizer:
    """adam, with parameters that shrink by the share rate * weight_decay per step (Loshchilov and Hutter 2019).

    >>> adamw(0.01)
    adamw(rate=0.01)
    """
    return _of_moments("adamw", _adamw, rate, betas, eps, weight_decay)


def _adamw(
    w: Node,
    g: Node,
    mean: Node,
    square: Node,
    rate: Any,
    betas: tuple[Any, Any] = (0.9, 0.999),
    eps: Setting = 1e-8,
    weight_decay: Any = 1e-2,
) -> tuple[Node, Node, Node]:
    return _adam(w * (1 - rate * weight_decay), g, mean, square, rate, betas, eps)


@public
def lion(rate: Setting = 1e-4, betas: Betas = (0.9, 0.99), weight_decay: Setting = 0.0) -> Optimizer:
    """Steps of equal size along the signs of a mean of gradients (Chen et al. 2023).

    >>> print(lion().formula())
    y[w] = w - 0.0001*sign(0.9*mean_w + 0.1*g)
    y[mean_w] = 0.99*mean_w + 0.01*g
    """
    return _made(
        "lion",
        _lion,
        ("mean",),
        rate=_rate(rate),
        betas=_betas(betas),
        weight_decay=setting("weight_decay", weight_decay, 0),
    )


def _lion(
    w: Node, g: Node, mean: Node, rate: Any, betas: tuple[Any, Any] = (0.9, 0.99), weight_decay: Any = 0.0
) -> tuple[Node, Node]:
    first, second = betas
    change = decayed_gradient(w, np.sign(first * mean + (1 - first) * g), weight_decay)
    return w - rate * change, second * mean + (1 - second) * g
