"""What the table of mappers holds: one row a mapper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Mapper = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Row:
    """A mapper by name: `make(x)` gives it for the initial input x, `formula` is one step of it."""

    name: str
    make: Callable[[Any], Mapper]
    formula: str
    summary: str
    source: str
