"""Formulas for sequences of maxima of sums, guessed from their first values and proved by induction.

The vectors v_k = T(v_{k-1}), with T_i(v) the maximum of sums of entries of v, are those of a formula if it has the
first values, and T maps it at k to itself at k + 1: of each maximum one sum is the formula, and no other is above it.
Formulas are sums of terms p(k) b**k, with a polynomial p and a base b, and values may be polynomials in a symbol >= 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sympy as sp

K = sp.Dummy("k", integer=True, nonnegative=True)
Forms = Sequence[Sequence[Any]]  # a maximum of linear forms
TRIED = 12  # values from which a formula is guessed
MOST_TERMS = 12  # of a difference that is proved to be 0 or more


def formula_of(values: Sequence[Any]) -> tuple[sp.Expr, int] | None:
    """The polynomial of degree up to 4 or the power that has the last values at k = ..., n - 1, n, with its first k.

    None if there is none with more values than it has numbers.

    >>> formula_of([2, 3, 4, 5, 6, 7, 8, 9])[0].subs(K, 10), formula_of([5, 12, 24, 48, 96, 192, 384, 768])
    (11, (3*2**_k, 2))
    """
    last = len(values)
    base = sp.cancel(values[-1] / sp.sympify(values[-2])) if values[-2] != 0 else sp.Integer(1)
    candidates = [sp.cancel(values[-1] / base**last) * base**K]
    if all(sp.sympify(value).is_number for value in values):
        candidates.append(sp.expand(sp.interpolate([(k, values[k - 1]) for k in range(last - 4, last + 1)], K)))
    for candidate in candidates:
        first = last + 1
        while first > 1 and sp.expand(sp.cancel(candidate.subs(K, first - 1)) - values[first - 2]) == 0:
            first -= 1
        if last - first >= 6:
            return candidate, first
    return None


def is_kept(
    formulas: Sequence[sp.Expr],
    constants: Sequence[Any],
    rows: Sequence[Forms],
    first: int,
    is_at_least: Callable[[Any], bool],
) -> bool:
    """Whether a step over the formulas at k and constants gives the formulas at k + 1, for all k from `first` up.

    >>> rows = [[[1, 0], [0, 2]], [[1, 1]]]
    >>> [is_kept(formulas, [], rows, 1, lambda value: value >= 0) for formulas in ([2**K, 2**K], [K, K])]
    [True, False]
    """
    for formula, forms in zip(formulas, rows, strict=True):
        after = formula.subs(K, K + 1)
        sums = [sum(a * b for a, b in zip(form, [*formulas, *constants], strict=True)) for form in forms]
        gaps = [_expanded(after - value) for value in sums]
        if 0 not in gaps or not all(is_nonnegative(gap.subs(K, K + first), is_at_least) for gap in gaps):
            return False
    return True


def _expanded(value: Any) -> sp.Expr:
    value = sp.expand(sp.sympify(value), power_base=False)
    powers = [power for power in value.atoms(sp.Pow) if power.exp.has(K)]
    return sp.expand(sp.collect(value, powers, func=sp.cancel), power_base=False)


def is_nonnegative(value: Any, is_at_least: Callable[[Any], bool], terms: int = 0) -> bool:
    """Whether a sum of terms p(k) b**k is proved to be 0 or more for all k from 0 up.

    f is if f(0) is, and f(k + 1) - b f(k) is, for a base b: that difference has one term less.
    """
    value = _expanded(value)
    if not is_at_least(sp.expand(value.subs(K, 0))) or terms > MOST_TERMS:
        return False
    if not value.has(K):
        return True
    return any(is_nonnegative(value.subs(K, K + 1) - base * value, is_at_least, terms + 1) for base in _bases(value))


def _bases(value: sp.Expr) -> Iterable[sp.Expr]:
    """The bases of the terms, the smallest first."""
    bases: dict[sp.Expr, None] = {}
    for term in sp.Add.make_args(value):
        base = sp.Integer(1)
        for factor in sp.Mul.make_args(term):
            if factor.is_Pow and factor.exp.has(K):
                base *= factor.base ** factor.exp.coeff(K)
        bases[base] = None
    return sorted(bases, key=lambda base: (not base.is_number, base if base.is_number else 0, str(base)))
