"""The arguments at which elementwise functions are checked: tiny, ordinary, huge, and the special points of their rows."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from symfold.core import functions
from symfold.core.functions import ROWS, Head

TINY = [1e-300, 1e-30, 1e-12, 1e-5]
ORDINARY = [0.01, 0.3, 0.3695652173913042, 0.4130434782608696, 0.49, 0.7390851332151607, 0.99, 1.0, 1.01, 1.5, 2.0, np.e, 5.5, 7.3, 12.0, 18.738329701443506, 26.3]
HUGE = [40.0, 90.0, 700.0, 1e4, 1e30, 1e300]
EDGES = [9.6, 13.1, 26.8, 37.9, 80.5, 87.7, 88.6, 96.0, 103.7, 354.5, 708.6, 710.4, 720.0, 744.8, 1e154, 2e19]  # of the exponents, in both number types
BOTH = [sign * size for size in (*TINY, *ORDINARY, *HUGE, *EDGES) for sign in (1, -1)]
PLUS = [size for size in BOTH if size > 0]
WITHIN = [size for size in BOTH if abs(size) < 1]
PAIRS = [(a, b) for a, b in product([-1e300, -700.0, -3.0, -1.0, -1e-12, 1e-300, 1e-5, 0.3, 1.0, 1.5, 30.0, 1e300], repeat=2)]
APART = [(-709.5, 0.5), (0.0, -720.0), (744.0, 0.0), (-88.0, 0.25), (-103.0, 0.0), (96.5, -0.5)]

# where a function has values, if it is not everywhere; parameters beside z are a few ordinary numbers
DOMAINS: dict[Head, list[Any]] = {
    sp.log: PLUS, functions.log2: PLUS, functions.log10: PLUS, functions.log1p: [z for z in BOTH if z > -1],
    sp.asin: WITHIN, sp.acos: WITHIN, sp.atanh: WITHIN, sp.acosh: [z for z in PLUS if z > 1],
    sp.gamma: [*TINY, 0.01, 0.3, 0.75, 1.5, 3.0, 5.5, 12.3, 26.5, 34.9, 100.3, 171.5, 200.0, -1e-300, -1e-12, -0.3, -1.5, -7.76, -20.7, -33.4, -100.3, -300.5],
    sp.loggamma: [*TINY, 0.01, 0.3, 0.75, 1.01, 1.5, 3.0, 5.5, 26.5, 1e4, 1e30],
    sp.digamma: [*TINY, 0.01, 0.3, 0.75, 1.01, 2.0, 5.5, 15.9, 26.5, 1e4, 1e30, -1e-12, -0.3, -1.5, -9.62, -33.3],
    sp.polygamma: [(n, z) for n in (1, 2, 3) for z in (1e-3, 0.3, 0.99, 1.5, 5.5, 15.9, 26.5, 1e4, -0.3, -9.62, -33.3)],
    sp.sin: [z for z in BOTH if abs(z) < 1e3], sp.cos: [z for z in BOTH if abs(z) < 1e3], sp.tan: [z for z in BOTH if abs(z) < 1e3],
    sp.Pow: [(a, b) for a in (1e-30, 0.01, 0.75, 1.5, 8.0, 1e30) for b in (-2.0, -1.0, 0.5, 1.0, 1.5, 2.0, 3.0)],
    functions.where: [(c, a, b) for c in (-1.0, 0.0, 1e-300, 1e300) for a, b in ((1.5, -1e300), (1e-300, 3.0), (0.5, 2.5))] + [(c, 0.5, 2.5) for c in (0.3, 1.5)],
    functions.clip: [(z, -0.6, 2.2) for z in BOTH], functions.hardtanh: [(z, -0.6, 2.2) for z in BOTH],
    functions.elu: [(z, alpha) for z in BOTH for alpha in (1.0, 0.5)], functions.leaky_relu: [(z, 0.1) for z in BOTH],
    functions.gaussian: [(z, s) for z in BOTH for s in (1.0, 0.5)],
    functions.logaddexp: [(min(max(a, -1e20), 1e20), min(max(b, -1e20), 1e20)) for a, b in PAIRS] + APART,
    functions.logistic: [(min(max(a, -1e20), 1e20), min(max(b, -1e20), 1e20)) for a, b in PAIRS] + APART,
}  # fmt: skip


def points_of(head: Head, dtype: str = "float64") -> Any:
    """The arguments at which a function is checked, as the number type holds them."""
    given = DOMAINS.get(head) or {1: BOTH, 2: PAIRS}[arity(head)]
    points = np.array([point if isinstance(point, tuple) else (point,) for point in given])
    if dtype == "float32":
        points = np.where(points == 0, 0, np.sign(points) * np.clip(np.abs(points), 1e-30, 1e30))
    return points.astype(dtype)


def arity(head: Head) -> int:
    """How many arguments a function is checked with."""
    return {sp.Add: 2, sp.Mul: 2, sp.Max: 2, sp.Min: 2, sp.Pow: 2, sp.Heaviside: 1}.get(head) or next(iter(head.nargs))


def special_points(head: Head, dtype: str) -> Any:
    """The arguments of a row's special points."""
    found = [[float(part) for part in point.at] for point in ROWS[head].special if len(point.at) == arity(head)]
    return np.array(found, dtype).reshape(len(found), arity(head))
