"""What a row of the tables of PyTorch's operations is, and what every family of them uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from symfold.errors import NoRule

# from the shape of the result, as PyTorch inferred it, and the operation's arguments, with nodes for tensors;
# operations of one result give a node, others a tuple
Row = Callable[..., Any]
HALF = sp.Rational(1, 2)


def covered(holds: bool, what: str) -> None:
    """A case that a row stands for, or the error that says which case it is not."""
    if not holds:
        raise NoRule(f"{what} has no rule")


class DrawsOrLearns(NoRule):
    """An operation that does another thing in training mode than in evaluation, in a case that has no rule."""


def evaluated(holds: bool, what: str) -> None:
    """A case that a module in evaluation does not come to, as a rule."""
    if not holds:
        raise DrawsOrLearns(what)
