"""Mappers by name. A family is a file with its rows; a new mapper is one row."""

from __future__ import annotations

from typing import Any

from symfold.arguments import one_of
from symfold.errors import unknown
from symfold.mappers import additive as _additive
from symfold.mappers import multiplicative as _multiplicative
from symfold.mappers.additive import boosting as boosting
from symfold.mappers.additive import feedforward as feedforward
from symfold.mappers.additive import residual as residual
from symfold.mappers.multiplicative import multiplicative as multiplicative
from symfold.mappers.registry import Mapper as Mapper
from symfold.mappers.registry import Row as Row

MAPPERS: dict[str, Row] = {row.name: row for row in (*_additive.ROWS, *_multiplicative.ROWS)}


def mapper(name: str, x: Any) -> Mapper:
    """The mapper of this name, for the initial input x.

    >>> mapper("resnet", None)
    Traceback (most recent call last):
    ...
    symfold.errors.UnknownName: unknown mapper: 'resnet' (must be one of 'boosting', 'feedforward', 'multiplicative', 'residual')
    """
    return MAPPERS[one_of("mapper", name, MAPPERS)].make(x)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise unknown("mapper", name, MAPPERS)
