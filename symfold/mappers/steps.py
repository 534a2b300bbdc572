"""Steps in time: each layer is the right-hand side of dz/dt = f(z), integrated by a classical method.

Weinan 2017 and Haber & Ruthotto 2017 view residual nets this way: the residual step is Euler's step of size 1.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.frontend import folding
from symfold.mappers.registry import Architecture, Mapper, Parts, Row, Scalar, bound


@public
def euler(h: Scalar = 1) -> Mapper:
    """z + h f(z) (Euler 1768): first order; with h = 1 the residual step.

    >>> import symfold as sf
    >>> print(sf.fold(euler(0.5), sf.layers("f", count="n"), sf.tensor("x")))
    z_k = z_{k-1} + 0.5*f_k(z_{k-1}), k = 1..n, z_0 = x
    """
    return bound(_euler, h)


def _euler(h: Scalar, z: State, f: Layered) -> State:
    return z + _times(h, f(z))


@public
def midpoint(h: Scalar = 1) -> Mapper:
    """z + h f(z + h/2 f(z)) (Runge 1895): second order, the layer applied twice.

    >>> import symfold as sf
    >>> print(sf.fold(midpoint(), sf.layers("f", count="n"), sf.tensor("x")))
    z_k = z_{k-1} + f_k(z_{k-1} + f_k(z_{k-1})/2), k = 1..n, z_0 = x
    """
    return bound(_midpoint, h)


def _midpoint(h: Scalar, z: State, f: Layered) -> State:
    return z + _times(h, f(z + _times(h, f(z)) / 2))


@public
def heun(h: Scalar = 1) -> Mapper:
    """z + h/2 (f(z) + f(z + h f(z))) (Heun 1900): second order, with the paths of two residual steps.

    >>> import symfold as sf
    >>> print(sf.paths(sf.fold(heun(), sf.layers("f", count="n"), sf.tensor("x"))))
    Paths((t + 1)**(2*n))
    """
    return bound(_heun, h)


def _heun(h: Scalar, z: State, f: Layered) -> State:
    first = f(z)
    return z + _times(h, first + f(z + _times(h, first))) / 2


@public
def rk4(h: Scalar = 1) -> Mapper:
    """Kutta's method (1901): fourth order, the layer applied four times.

    >>> import symfold as sf
    >>> print(sf.cost(sf.fold(rk4(), sf.layers("f", count="n"), sf.tensor("x"))).span)
    4*n
    """
    return bound(_rk4, h)


def _rk4(h: Scalar, z: State, f: Layered) -> State:
    first = f(z)
    second = f(z + _times(h, first) / 2)
    third = f(z + _times(h, second) / 2)
    fourth = f(z + _times(h, third))
    return z + _times(h, first + 2 * second + 2 * third + fourth) / 6


def _times(h: Scalar, value: State) -> State:
    """h*value; a step of size 1 is omitted."""
    return value if isinstance(h, (int, sp.Integer)) and h == 1 else h * value


ROWS = (
    Row("midpoint", lambda x: midpoint(), "z + f(z + f(z)/2)", "a step of the midpoint method", "Runge 1895"),
    Row("heun", lambda x: heun(), "z + (f(z) + f(z + f(z)))/2", "a step of Heun's method", "Heun 1900"),
)


def _half_steps(method: Callable[..., Mapper]) -> Callable[[Parts], State]:
    return lambda parts: folding.fold(method(0.5), parts.layers(), parts.x)


IMPLICIT = "implicit step, by iteration for small h"
ARCHITECTURES = (
    Architecture("euler", _half_steps(euler), "z = z + h*f(z)", "z", "(1 + t)**n", "n", "n", IMPLICIT, "Euler 1768"),
    Architecture("midpoint", _half_steps(midpoint), "z = z + h*f(z + h/2*f(z))", "z", "(1 + t + t**2)**n", "2*n", "2*n", IMPLICIT, "Runge 1895"),
    Architecture("heun", _half_steps(heun), "z = z + h/2*(f(z) + f(z + h*f(z)))", "z", "(1 + t)**(2*n)", "2*n", "2*n", IMPLICIT, "Heun 1900"),
    Architecture("rk4", _half_steps(rk4), "z = z + h/6*(k1 + 2*k2 + 2*k3 + k4)", "z",
                 "(1 + 4*t + 3*t**2 + 2*t**3 + t**4)**n", "4*n", "4*n", IMPLICIT, "Kutta 1901"),
)  # fmt: skip
