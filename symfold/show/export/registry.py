"""The rows of the table of export formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """A format: its name, its writer of a net at a level, its suffix, and its purpose."""

    name: str
    write: Callable[[Any, str], str]
    suffix: str
    summary: str
