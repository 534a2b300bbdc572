"""Polynomials of paths: kept as powers, in numbers of Python, and told apart as powers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy as sp

from symfold.analysis.counting.tails import Power
from symfold.analysis.counting.weights import KEPT
from symfold.errors import InvalidValue

T = sp.Symbol("t")
NO_PATH = "there is no path from an input to an output, so there is no mean"


def expanded(value: Any) -> Any:
    return sp.expand(value) if isinstance(value, sp.Basic) else value


def neat(value: Any) -> sp.Expr:
    """A polynomial that holds powers, with what they have in common taken out, and numbers for the steps of deep folds."""
    value = sp.sympify(value)
    numbers = {s: sp.Integer(s.name.split()[0]) for s in value.free_symbols if s.name.endswith(" steps")}
    if not any(power.exp.free_symbols for power in value.atoms(sp.Pow)):
        return value.subs(numbers) if value.free_symbols <= {T, *numbers} else sp.collect(sp.expand(value), T, sp.factor)
    value = sp.powsimp(sp.expand(value), combine="exp")
    powers = {power: power.exp.as_coeff_Add() for power in value.atoms(sp.Pow) if power.exp.free_symbols}
    least: dict[tuple[sp.Expr, sp.Expr], sp.Expr] = {}
    for power, (number, rest) in powers.items():
        least[power.base, rest] = min(number, least.get((power.base, rest), number))
    stands = {key: sp.Dummy() for key in least}
    plain = value.xreplace({p: stands[p.base, rest] * p.base ** (number - least[p.base, rest]) for p, (number, rest) in powers.items()})
    back = {stand: base ** (rest + least[base, rest]) for (base, rest), stand in stands.items()}
    return sp.powsimp(sp.factor(plain).xreplace(back), combine="exp").xreplace(numbers)


def plain(value: Any) -> Any:
    """A number of SymPy as Python has it."""
    if isinstance(value, sp.Integer):
        return int(value)
    if isinstance(value, sp.Rational):
        return Fraction(int(value.p), int(value.q))
    return float(value) if isinstance(value, sp.Float) else value


def ratio(part: Any, whole: Any) -> Any:
    if whole == 0:
        raise InvalidValue(NO_PATH)
    if isinstance(part, (int, Fraction)) and isinstance(whole, (int, Fraction)):
        return Fraction(part) / Fraction(whole)
    return plain(sp.simplify(part / whole)) if isinstance(part / whole, sp.Basic) else part / whole


def as_power(polynomial: sp.Expr) -> Power | None:
    """A polynomial as a small one times a large power of one, if that is what it is."""
    first, base, count, shift = sp.Integer(1), None, 0, 0
    for factor in sp.Mul.make_args(polynomial):
        inner, exponent = factor.as_base_exp()
        if inner == T and exponent.is_Integer:
            shift += int(exponent)
        elif exponent.is_Integer and exponent > KEPT:
            if base is not None:
                return None
            base, count = inner, int(exponent)
        else:
            first *= factor
    if base is None or not (first.is_polynomial(T) and base.is_polynomial(T)):
        return None
    parts = [{int(k): int(c) for (k,), c in sp.Poly(part, T).terms()} for part in (first, base)]
    return Power({k + shift: c for k, c in parts[0].items()}, parts[1], count) if min(*parts[0].values(), *parts[1].values()) > 0 else None
