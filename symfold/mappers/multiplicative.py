"""Mappers that multiply the state by a layer's output."""

from __future__ import annotations

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.mappers.registry import Mapper, Row, bound


@public
def multiplicative(z: State, f: Layered) -> State:
    """The multiplicative net that the research notebook leaves as a question.

    >>> import symfold as sf
    >>> print(sf.formula(sf.fold(sf.mappers.multiplicative, sf.layers("f1:3"), sf.tensor("x")), form="expanded"))
    x*f1(x)*f2(x*f1(x))
    """
    return z * f(z)


@public
def multiplicative_boosting(x: State) -> Mapper:
    """Boosting with a product in place of the sum: each layer reads the input and scales the state.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> print(sf.formula(sf.fold(multiplicative_boosting(x), sf.layers("f1:3"), x), form="expanded"))
    x*f1(x)*f2(x)
    """
    return bound(_multiplicative_boosting, x)


def _multiplicative_boosting(x: State, z: State, f: Layered) -> State:
    return z * f(x)


ROWS = (
    Row("multiplicative", lambda x: multiplicative, "z * f(z)", "each layer scales the state it reads", "the notebook"),
    Row(
        "multiplicative_boosting",
        multiplicative_boosting,
        "z * f(x)",
        "each layer reads the input and scales the state",
        "the notebook",
    ),
)
