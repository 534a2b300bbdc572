"""Invertible steps, whose backward pass needs no stored states. States are pairs."""

from __future__ import annotations

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.frontend import folding
from symfold.frontend.runs import zipped
from symfold.mappers.registry import Architecture, Mapper, Parts, Scalar, bound, item_of, joined, pair_of

Pair = tuple[State, State]


@public
def coupling(state: Pair, item: tuple[Layered, Layered]) -> Pair:
    """Two halves, each changed by a layer over the other half (Dinh et al. 2015, NICE; Gomez et al. 2017, RevNet).

    Items: (f, g).

    >>> import symfold as sf
    >>> net = sf.fold(coupling, [sf.layers("f g")[:2]], (sf.tensor("a"), sf.tensor("b")))
    >>> print(net)
    z1 = a + f(b)
    y1 = b + g(z1)
    """
    a, b = pair_of("coupling", state, "a", "b")
    f, g = item_of("coupling", item, "f", "g")
    a = a + f(b)
    return a, b + g(a)


def uncoupling(state: Pair, item: tuple[Layered, Layered]) -> Pair:
    """The inverse of `coupling`: a fold over the reversed items recovers the initial state."""
    a, b = pair_of("coupling", state, "a", "b")
    f, g = item_of("coupling", item, "f", "g")
    b = b - g(a)
    return a - f(b), b


@public
def momentum(gamma: Scalar = 0.5) -> Mapper:
    """Residual steps with momentum: v = gamma v + (1 - gamma) f(x), x = x + v (Sander et al. 2021).

    >>> import symfold as sf
    >>> print(sf.fold(momentum(0.9), sf.layers("f1:2"), (sf.tensor("x"), sf.tensor("v"))))
    y1 = 0.9*v + 0.1*f1(x)
    z1 = x + y1
    """
    return bound(_momentum, gamma)


def _momentum(gamma: Scalar, state: Pair, f: Layered) -> Pair:
    x, v = pair_of("momentum", state, "x", "v")
    v = gamma * v + (1 - gamma) * f(x)
    return x + v, v


def unmomentum(gamma: Scalar = 0.5) -> Mapper:
    """The inverse of `momentum`."""
    return bound(_unmomentum, gamma)


def _unmomentum(gamma: Scalar, state: Pair, f: Layered) -> Pair:
    x, v = pair_of("momentum", state, "x", "v")
    x = x - v
    return x, (v - (1 - gamma) * f(x)) / gamma


@public
def leapfrog(h: Scalar = 1) -> Mapper:
    """z'' = f(z) by 2 z - z_before + h**2 f(z), second order (Stoermer 1907; Chang et al. 2018).

    State: (z, z_before).

    >>> import symfold as sf
    >>> print(sf.formula(sf.fold(leapfrog(), sf.layers("f1:2"), (sf.tensor("z"), sf.tensor("y")))[0], form="expanded"))
    2*z - y + f1(z)
    """
    return bound(_leapfrog, h)


def _leapfrog(h: Scalar, state: Pair, f: Layered) -> Pair:
    z, before = pair_of("leapfrog", state, "z", "z_before")
    return 2 * z - before + (f(z) if h == 1 else h**2 * f(z)), z


def unleapfrog(h: Scalar = 1) -> Mapper:
    """The inverse of `leapfrog`: `leapfrog` with the pair swapped."""
    return bound(_unleapfrog, h)


def _unleapfrog(h: Scalar, state: Pair, f: Layered) -> Pair:
    after, z = leapfrog(h)(pair_of("leapfrog", state, "z", "z_before")[::-1], f)
    return z, after


def _start(parts: Parts, second: str) -> Pair:
    return parts.x, parts.start(second)


EXACT = "exact"
ARCHITECTURES = (
    Architecture("coupling", lambda parts: folding.fold(coupling, zipped(parts.layers("f"), parts.layers("g")), (parts.x, parts.tensor("y"))),
                 "a = a + f(b), b = b + g(a)", "(a, b)", "Matrix([[1, t], [t, 1 + t**2]])**n", "2*n", "2*n", EXACT, "Dinh et al. 2015", head=joined),
    Architecture("momentum", lambda parts: folding.fold(momentum(), parts.layers(), _start(parts, "v")),
                 "v = gamma*v + (1 - gamma)*f(x), x = x + v", "(x, v)", "Matrix([[1 + t, 1], [t, 1]])**n", "n", "n", EXACT, "Sander et al. 2021"),
    Architecture("leapfrog", lambda parts: folding.fold(leapfrog(0.5), parts.layers(), _start(parts, "y")),
                 "z = 2*z - z_before + h**2*f(z)", "(z, z_before)", "Matrix([[1 + t, 1], [1, 0]])**n", "n", "n", EXACT, "Chang et al. 2018"),
)  # fmt: skip
