"""Mappers that multiply the state by a layer's output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symfold.mappers.registry import Row


def multiplicative(z: Any, f: Callable[..., Any]) -> Any:
    """The multiplicative net that the research notebook leaves as a question.

    >>> import symfold as sf
    >>> print(sf.formula(sf.fold(sf.mappers.multiplicative, sf.layers("f1:3"), sf.tensor("x")), form="expanded"))
    x*f1(x)*f2(x*f1(x))
    """
    return z * f(z)


ROWS = (
    Row("multiplicative", lambda x: multiplicative, "z * f(z)", "each layer scales the state it reads", "the notebook"),
)
