"""The rows of PyTorch's operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symfold.errors import NoRule

# (the shape of the result as PyTorch inferred it, the operation's arguments with nodes for tensors) -> a node,
# or a tuple for an operation with several results; those that it leaves out at the end are read by name only
Row = Callable[..., Any]


def of_arguments(function: Callable[..., Any]) -> Row:
    """The row of a function of the arguments alone."""
    return lambda shape, *args, **named: function(*args, **named)


class DrawsOrLearns(NoRule):
    """An operation that behaves differently in training mode, which has no rule."""


def evaluated(holds: bool, what: str) -> None:
    """Raise `DrawsOrLearns` unless the operation is in evaluation mode."""
    if not holds:
        raise DrawsOrLearns(what)
