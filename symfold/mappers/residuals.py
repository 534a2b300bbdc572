"""Residual steps: variants in what the layer reads, how strongly it is added, and how many are added at once."""

from __future__ import annotations

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.leaves import Normal
from symfold.frontend import folding
from symfold.frontend.elementwise import relu, sigmoid
from symfold.frontend.runs import zipped
from symfold.mappers.additive import feedforward, residual
from symfold.mappers.registry import Architecture, Mapper, Parts, Row, Scalar, bound, item_of


@public
def pre_activation(z: State, f: Layered) -> State:
    """The activation before the layer, none after the sum: f(relu(z)) + z (He et al. 2016, Identity mappings).

    >>> import symfold as sf
    >>> print(sf.fold(pre_activation, sf.layers("f", count="n"), sf.tensor("x")))
    z_k = f_k(relu(z_{k-1})) + z_{k-1}, k = 1..n, z_0 = x
    """
    return f(relu(z)) + z


@public
def scaled(epsilon: Scalar) -> Mapper:
    """Every layer times one strength: epsilon*f(z) + z (Szegedy et al. 2017); Euler's method with step epsilon.

    >>> import symfold as sf
    >>> print(sf.fold(scaled(0.1), sf.layers("f", count="n"), sf.tensor("x")))
    z_k = 0.1*f_k(z_{k-1}) + z_{k-1}, k = 1..n, z_0 = x
    """
    return bound(_scaled, epsilon)


def _scaled(epsilon: Scalar, z: State, f: Layered) -> State:
    return epsilon * f(z) + z


@public
def rezero(z: State, item: tuple[Layered, State]) -> State:
    """Every layer times a trained number, initially zero: alpha*f(z) + z (Bachlechner et al. 2021).

    Items: (layer, number).

    >>> import symfold as sf
    >>> print(sf.fold(rezero, list(zip(sf.layers("f1:3"), [sf.parameter("a1"), sf.parameter("a2")])), sf.tensor("x")))
    z1 = a1*f1(x) + x
    z2 = a2*f2(z1) + z1
    """
    f, alpha = item_of("rezero", item, "layer", "number", values=1)
    return alpha * f(z) + z


@public
def highway(z: State, item: tuple[Layered, Layered]) -> State:
    """A gate chooses between the layer and the state, entry by entry (Srivastava et al. 2015). Items: (layer, gate).

    Paths lead through the gate too, so each step counts 1 + 3t.

    >>> import symfold as sf
    >>> print(sf.fold(highway, sf.zipped(sf.layers("f", count="n"), sf.layers("g", count="n")), sf.tensor("x")))
    u_k = sigmoid(g_k(z_{k-1}))
    z_k = u_k*f_k(z_{k-1}) + (1 - u_k)*z_{k-1}, k = 1..n, z_0 = x
    """
    f, g = item_of("highway", item, "layer", "gate")
    gate = sigmoid(g(z))
    return gate * f(z) + (1 - gate) * z


@public
def parallel(z: State, group: tuple[Layered, ...]) -> State:
    """All layers of a group read one state and are added to it (Xie et al. 2017, ResNeXt). Items: tuples of layers.

    >>> import symfold as sf
    >>> print(sf.fold(parallel, sf.zipped(sf.layers("f", count="n"), sf.layers("g", count="n")), sf.tensor("x")))
    z_k = z_{k-1} + f_k(z_{k-1}) + g_k(z_{k-1}), k = 1..n, z_0 = x
    """
    total = z
    for f in group:
        total = total + f(z)
    return total


ROWS = (
    Row(
        "pre_activation",
        lambda x: pre_activation,
        "f(relu(z)) + z",
        "as residual, the activation before the layer",
        "He et al. 2016",
    ),
)

CONTRACTS = "z = y - f(z), repeated, where f contracts"


def _pairs(parts: Parts, gate: bool = False) -> State:
    return zipped(parts.layers("f"), parts.layers("g", gate=gate))


ARCHITECTURES = (
    Architecture("feedforward", lambda parts: folding.fold(feedforward, parts.layers(), parts.x),
                 "z = f(z)", "z", "t**n", "n", "n", "", "Rosenblatt 1958"),
    Architecture("residual", lambda parts: folding.fold(residual, parts.layers(), parts.x),
                 "z = f(z) + z", "z", "(1 + t)**n", "n", "n", CONTRACTS, "He et al. 2016"),
    Architecture("pre_activation", lambda parts: folding.fold(pre_activation, parts.layers(), parts.x),
                 "z = f(relu(z)) + z", "z", "(1 + t)**n", "n", "n", CONTRACTS, "He et al. 2016"),
    Architecture("scaled", lambda parts: folding.fold(scaled(0.1), parts.layers(), parts.x),
                 "z = epsilon*f(z) + z", "z", "(1 + t)**n", "n", "n", CONTRACTS, "Szegedy et al. 2017"),
    Architecture("rezero", lambda parts: folding.fold(rezero, zipped(parts.layers(), parts.numbers("alpha", start=Normal(0.0, 0.0))), parts.x),
                 "z = alpha*f(z) + z", "z", "(1 + t)**n", "n", "n", CONTRACTS, "Bachlechner et al. 2021"),
    Architecture("highway", lambda parts: folding.fold(highway, _pairs(parts, gate=True), parts.x),
                 "z = s*f(z) + (1 - s)*z, s = sigmoid(g(z))", "z", "(1 + 3*t)**n", "n", "2*n", "", "Srivastava et al. 2015"),
    Architecture("parallel", lambda parts: folding.fold(parallel, _pairs(parts), parts.x),
                 "z = z + f(z) + g(z)", "z", "(1 + 2*t)**n", "n", "2*n", CONTRACTS, "Xie et al. 2017"),
)  # fmt: skip
