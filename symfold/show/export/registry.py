"""What the table of export formats holds: one row a format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """A format by name: how a net at a level is written, the suffix of its files, what it is for."""

    name: str
    write: Callable[[Any, str], str]
    suffix: str
    summary: str
