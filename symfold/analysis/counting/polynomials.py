"""Polynomials of paths: kept as powers, in numbers of Python, and told apart as powers."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Any

import sympy as sp

from symfold.analysis.counting.powers import same as same
from symfold.analysis.counting.tails import Power
from symfold.analysis.counting.weights import KEPT
from symfold.base.big_numbers import LONG, coprime, legible
from symfold.errors import InvalidValue

T = sp.Symbol("t")
RING = sp.QQ[T].ring  # polynomials with fractions, multiplied out: fast where there is no power to be kept
NO_PATH = "there is no path from an input to an output, so there is no mean"
NO_WEIGHT = "the weights of the paths add up to 0, so there is no mean"


def expanded(value: Any) -> Any:
    return sp.expand(value) if isinstance(value, sp.Basic) else value


def neat(value: Any) -> sp.Expr:
    """A polynomial that holds powers, with what they have in common taken out; a large number of steps stays a symbol."""
    value = sp.sympify(value)
    if not any(power.exp.free_symbols for power in value.atoms(sp.Pow)):
        return value if value.free_symbols <= {T} else sp.collect(sp.expand(value), T, sp.factor)
    value = sp.powsimp(sp.expand(value), combine="exp")
    powers = {power: power.exp.as_coeff_Add() for power in value.atoms(sp.Pow) if power.exp.free_symbols}
    least: dict[tuple[sp.Expr, sp.Expr], sp.Expr] = {}
    for power, (number, rest) in powers.items():
        least[power.base, rest] = min(number, least.get((power.base, rest), number))
    stands = {key: sp.Dummy() for key in least}
    plain = value.xreplace(
        {p: stands[p.base, rest] * p.base ** (number - least[p.base, rest]) for p, (number, rest) in powers.items()}
    )
    back = {stand: base ** (rest + least[base, rest]) for (base, rest), stand in stands.items()}
    return sp.powsimp(sp.factor(plain).xreplace(back), combine="exp")


def from_weight(weight: sp.Expr) -> Any:
    """A fraction as a coefficient of the ring."""
    return sp.QQ.from_sympy(weight)


def multiplied_out(value: Any) -> sp.Expr:
    """A polynomial of the ring, or one of its numbers, as an expression.

    >>> multiplied_out((1 + RING.gens[0]) ** 2 * from_weight(sp.Rational(1, 2)))
    t**2/2 + t + 1/2
    """
    return RING(value).as_expr()


MOST_FACTORED = 256  # the degree of a polynomial up to which powers are looked for


def in_powers(value: sp.Expr) -> sp.Expr:
    """A polynomial of numbers as it is read best: as a product of powers, where it is one.

    >>> in_powers(sp.expand(T**3 * (1 + T**2 + T**3) ** 6)), in_powers(T**2 + 3 * T + 2)
    (t**3*(t**3 + t**2 + 1)**6, t**2 + 3*t + 2)
    """
    if not (
        value.is_Add and value.free_symbols == {T} and value.is_polynomial(T) and sp.degree(value, T) <= MOST_FACTORED
    ):
        return value
    content, parts = sp.sqf_list(value, T)
    found: sp.Expr = sp.Mul(content, *(part**times for part, times in parts))
    return found if any(part.is_Add and times > 1 for part, times in parts) else value


def numbered(value: sp.Expr) -> sp.Expr:
    """With numbers in place of the symbols for large numbers of steps; powers of numbers that grow long stay powers.

    >>> numbered((T + sp.Rational(1, 2)) * 2 ** sp.Symbol("1000000 steps"))
    2**1000000*(t + 1/2)
    """
    numbers = {
        symbol: sp.Integer(symbol.name.split()[0]) for symbol in value.free_symbols if symbol.name.endswith(" steps")
    }
    if not any(power.base.is_Rational and power.exp.has(*numbers) for power in value.atoms(sp.Pow)):
        return value.xreplace(numbers)
    return _factored(value, numbers)


def _factored(value: Any, numbers: dict[sp.Basic, sp.Basic]) -> Any:
    if not value.args or not value.has(*numbers):
        return numbers.get(value, value)
    args = [_factored(arg, numbers) for arg in value.args]
    if value.is_Pow and args[0].is_Rational and args[1].is_Integer:
        size = max(abs(args[0].p), args[0].q).bit_length() * abs(int(args[1]))
        return sp.Pow(*args, evaluate=size <= LONG)
    kept = any(power.base.is_Rational and power.exp.is_Integer for arg in args for power in arg.atoms(sp.Pow))
    # a sum or a product that is evaluated multiplies numbers out
    return value.func(*args, evaluate=False) if kept and (value.is_Add or value.is_Mul) else value.func(*args)


def plain(value: Any) -> Any:
    """A number of SymPy as Python has it."""
    if isinstance(value, sp.Integer):
        return legible(int(value))
    if isinstance(value, sp.Rational):
        return legible(coprime(int(value.p), int(value.q)))
    return float(value) if isinstance(value, sp.Float) else value


def ratio(part: Any, whole: Any) -> Any:
    """A quotient of what paths come to; of whole numbers and fractions exact."""
    if whole == 0:
        raise InvalidValue(NO_PATH)
    if isinstance(part, (int, Fraction)) and isinstance(whole, (int, Fraction)):
        return legible(Fraction(part) / Fraction(whole))
    return plain(sp.simplify(part / whole)) if isinstance(part / whole, sp.Basic) else part / whole


def whole_where_it_is(value: Fraction) -> int | Fraction:
    """A fraction, or the whole number that it is."""
    found: int | Fraction = legible(value.numerator if value.denominator == 1 else value)
    return found


def variance_of(count: int, first: int, second: int) -> Fraction:
    """The variance from sums of ones, of lengths and of their squares: second/count - (first/count)**2.

    With first/count = a/b and count = b c it is (second b - c a**2) / (c b**2). Once c and second have no divisor in common,
    what divides both sides divides b and c; so of long numbers only the first greatest common divisor takes long.

    >>> variance_of(2, 1, 1), variance_of(4, 4, 6), variance_of(8, 4, 6)
    (Fraction(1, 4), Fraction(1, 2), Fraction(1, 2))
    """
    mean = ratio(first, count)
    a, b = mean.numerator, mean.denominator
    c = count // b
    shared = gcd(second, c)
    second, c = second // shared, c // shared
    above, below, shared = second * b - c * a**2, c * b**2, gcd(b, c)
    if below < 0 or shared.bit_length() > 64:
        return ratio(above, below)
    while (divisor := gcd(above, shared, below)) > 1:
        above, below = above // divisor, below // divisor
    return legible(coprime(above, below))


def as_power(polynomial: sp.Expr) -> Power | None:
    """A polynomial as a small one times a large power of one, if that is what it is."""
    first, base, count, shift = sp.Integer(1), None, 0, 0
    for factor in sp.Mul.make_args(polynomial):
        inner, exponent = factor.as_base_exp()
        if inner.is_number:
            first *= factor
        elif inner == T and exponent.is_Integer:
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
    return (
        Power({k + shift: c for k, c in parts[0].items()}, parts[1], count)
        if min(*parts[0].values(), *parts[1].values()) > 0
        else None
    )
