"""What rows of operations do not cover."""

from __future__ import annotations

from symfold.errors import NoRule


def covered(holds: bool, what: str) -> None:
    """Raise NoRule unless a row covers the case."""
    if not holds:
        raise NoRule(f"{what} has no rule")
