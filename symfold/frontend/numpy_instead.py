"""NumPy functions that do not trace, each with what to write instead."""

from __future__ import annotations

from typing import Any

import numpy as np

_REPEAT = "np.broadcast_to, or np.concatenate of a list"

# functions with a row in `numpy_functions` need none here
INSTEAD: dict[Any, str] = {
    np.choose: "np.select, or np.where(number == k, a, b)",
    **dict.fromkeys((np.tile, np.repeat), _REPEAT),
    np.fmax: "np.maximum(a, b)",
    np.fmin: "np.minimum(a, b)",
    np.remainder: "a - b*np.floor(a/b)",
    np.floor_divide: "np.floor(a/b)",
    np.divmod: "q = np.floor(a/b) and a - b*q",
    np.trunc: "np.sign(z)*np.floor(np.abs(z))",
    **dict.fromkeys((np.round, np.rint), "np.floor(z + 0.5), which takes halves up"),
    np.prod: "z[0]*z[1] of entries, or a fold: sf.fold(lambda p, v: p*v, z, 1)",
    np.diff: "z[1:] - z[:-1]",
    np.average: "np.mean",
    np.tensordot: "np.einsum",
}
