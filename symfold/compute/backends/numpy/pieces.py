"""Pieces of products: BLAS divides large ones among threads of its own, which often takes longer than one thread."""

from __future__ import annotations

import numpy as np

from symfold.base.arguments import NumpyArray

ALONE = 2**18  # multiplications of a product that OpenBLAS leaves to one thread
SHORT = 64  # places of a piece that are too few for a product


def piece_of(places: int, cost: int) -> int:
    """The places of a piece, if each takes `cost` multiplications: all of them if they stay in one thread, or cannot.

    >>> piece_of(1024, 16 * 48), piece_of(100, 16 * 48), piece_of(1024, 256 * 256)
    (256, 100, 1024)
    """
    most = ALONE // max(1, cost)
    if most >= places or most < SHORT:
        return places
    size = -(-places // -(-places // most))
    return min(most, -(-size // 16) * 16)


def stays_alone(places: int, cost: int) -> bool:
    """Whether pieces of a product are small enough for one thread.

    >>> stays_alone(1024, 16 * 48), stays_alone(1024, 256 * 256)
    (True, False)
    """
    return piece_of(places, cost) * cost <= ALONE


def pieces(array: NumpyArray, cost: int) -> list[NumpyArray]:
    """Views of an array in equal pieces along its last axis, and of the rest: (pieces, ..., places).

    >>> [view.shape for view in pieces(np.zeros((2, 3, 600)), cost=768)]
    [(1, 2, 3, 304), (1, 2, 3, 296)]
    """
    places = array.shape[-1]
    size = piece_of(places, cost)
    whole = places // max(1, size) * size
    if whole in (0, size):
        parts = array[None, ..., :whole]
    else:
        parts = np.moveaxis(array[..., :whole].reshape(*array.shape[:-1], -1, size), -2, 0)
    return [parts, array[None, ..., whole:]] if whole < places else [parts]
