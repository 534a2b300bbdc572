"""ONNX's operations on known arrays, which may hold sizes that are symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Numbers = Callable[..., Any]


def _quotient(a: Any, b: Any) -> Any:
    if any(np.asarray(each).dtype.kind == "f" for each in (a, b)):
        return np.asarray(a) / np.asarray(b)
    return np.asarray(a) // np.asarray(b)  # of sizes, which are not negative


KNOWN: dict[str, Numbers] = {
    "Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "Mul": lambda a, b: a * b, "Div": _quotient,
    "Neg": lambda a: -a,
    "Mod": lambda a, b: a % b, "Max": lambda *each: np.maximum.reduce([*np.broadcast_arrays(*each)]),
    "Min": lambda *each: np.minimum.reduce([*np.broadcast_arrays(*each)]),
    "Equal": lambda a, b: np.asarray(a == b, dtype=bool),
    "Less": lambda a, b: np.asarray(a < b, dtype=bool), "LessOrEqual": lambda a, b: np.asarray(a <= b, dtype=bool),
    "Greater": lambda a, b: np.asarray(a > b, dtype=bool),
    "GreaterOrEqual": lambda a, b: np.asarray(a >= b, dtype=bool),
    "And": np.logical_and, "Or": np.logical_or, "Not": np.logical_not, "Where": np.where, "Floor": np.floor,
    "Ceil": np.ceil,
    "Sqrt": np.sqrt, "Abs": np.abs, "Pow": lambda a, b: a**b,
}  # fmt: skip
