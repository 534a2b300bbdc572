"""Commutators: what it changes that two layers stand in one order and not in the other.

Residual nets compose, so order matters: neighbours that change places change the net by the bracket f_2'(x)[f_1(x)] -
f_1'(x)[f_2(x)] of second order. Boosting adds, so order never matters.
"""

from __future__ import annotations

from typing import Any

from symfold.analysis.rewiring.order import swap
from symfold.analysis.strength.series import Series, series
from symfold.net import Net


def commutator(net: Any, first: Any, second: Any, order: int = 2) -> Series:
    """The net minus the net with two layers in each other's place, as a series in the strength of the layers.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:3"), sf.tensor("x")
    >>> sf.commutator(sf.fold(sf.mappers.residual, f, x), "f1", "f2")
    epsilon**2*(-f1'(x)[f2(x)] + f2'(x)[f1(x)]) + O(epsilon**3)
    >>> sf.commutator(sf.fold(sf.mappers.boosting(x), f, x), "f1", "f2").leading is None
    True
    """
    whole = Net.of(net)
    return series(whole, order) - series(swap(whole, first, second), order)
