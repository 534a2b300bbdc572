"""Mappers that replace the state by a layer's output, or add the output to it."""

from __future__ import annotations

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.errors import InvalidType
from symfold.mappers.registry import Mapper, Row, bound


@public
def feedforward(z: State, f: Layered) -> State:
    """The plain net: each layer reads the one before.

    >>> import symfold as sf
    >>> print(sf.formula(sf.fold(sf.mappers.feedforward, sf.layers("f1:4"), sf.tensor("x")), form="expanded"))
    f3(f2(f1(x)))
    """
    return f(z)


@public
def residual(z: State, f: Layered) -> State:
    """The residual net: each layer reads the state and is added to it.

    >>> import symfold as sf
    >>> print(sf.formula(sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x")), form="expanded"))
    f2(f1(x) + x) + f1(x) + x
    """
    return f(z) + z


@public
def boosting(x: State, *more: State) -> Mapper:
    """Additive boosting: each layer reads the input x and is added to the state.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> print(sf.formula(sf.fold(sf.mappers.boosting(x), sf.layers("f1:3"), x), form="expanded"))
    f2(x) + f1(x) + x
    """
    if more:
        raise InvalidType("boosting is made for an initial input x (write sf.fold(sf.mappers.boosting(x), layers, x))")
    return bound(_boosting, x)


def _boosting(x: State, z: State, f: Layered) -> State:
    return f(x) + z


ROWS = (
    Row("feedforward", lambda x: feedforward, "f(z)", "each layer reads the one before", "Rosenblatt 1958"),
    Row("residual", lambda x: residual, "f(z) + z", "each layer reads the state and is added to it", "He et al. 2016"),
    Row("boosting", boosting, "f(x) + z", "each layer reads the input and is added to the state", "Friedman 2001"),
)
