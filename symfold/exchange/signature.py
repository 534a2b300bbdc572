"""Inputs by position or by name, for functions of other libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symfold.errors import InvalidType, listing


def bound(names: Sequence[str], values: Sequence[object], named: Mapping[str, object]) -> dict[str, Any]:
    """A value for every input, those by position first.

    >>> bound(["x", "y"], [1], {"y": 2})
    {'x': 1, 'y': 2}
    >>> bound(["x"], [1, 2], {})
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: the net takes x; got 2 by position and none by name
    """
    if len(values) > len(names) or set(named) != set(names[len(values) :]):
        raise InvalidType(
            f"the net takes {listing(names) if names else 'no input'}; "
            f"got {len(values)} by position and {listing(named)} by name"
        )
    return {**dict(zip(names, values, strict=False)), **named}
