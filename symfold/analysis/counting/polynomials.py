"""Path polynomials: kept as powers, factored into powers, and their moments as Python numbers."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Any

import sympy as sp

from symfold.analysis.counting.powers import same as same
from symfold.analysis.counting.tails import Power
from symfold.analysis.counting.weights import MOST_EXPANDED
from symfold.base.big_numbers import LONG, coprime, legible
from symfold.errors import InvalidValue

T = sp.Symbol("t")
RING = sp.QQ[T].ring  # polynomials over the rationals, multiplied out: fast if there is no power to keep
NO_PATH = "there is no path from an input to an output, so there is no mean"
NO_WEIGHT = "the weights of the paths add up to 0, so there is no mean"


def expanded(value: Any) -> Any:
    return sp.expand(value) if isinstance(value, sp.Basic) else value


def neat(value: Any) -> sp.Expr:
    """A polynomial with the common factors of its powers factored out; a large number of steps stays a symbol."""
    value = sp.sympify(value)
    if not any(power.exp.free_symbols for power in value.atoms(sp.Pow)):
        return value if value.free_symbols <= {T} else sp.collect(sp.expand(value), T, sp.factor)
    value = sp.powsimp(sp.expand(value), combine="exp")
    powers = {power: power.exp.as_coeff_Add() for power in value.atoms(sp.Pow) if power.exp.free_symbols}
    least: dict[tuple[sp.Expr, sp.Expr], sp.Expr] = {}
    for power, (number, rest) in powers.items():
        least[power.base, rest] = min(number, least.get((power.base, rest), number))
    dummies = {key: sp.Dummy() for key in least}
    polynomial = value.xreplace(
        {p: dummies[p.base, rest] * p.base ** (number - least[p.base, rest]) for p, (number, rest) in powers.items()}
    )
    back = {dummy: base ** (rest + least[base, rest]) for (base, rest), dummy in dummies.items()}
    return with_bases_in_powers(sp.powsimp(sp.factor(polynomial).xreplace(back), combine="exp"))


def from_weight(weight: sp.Expr) -> Any:
    """A SymPy fraction as a coefficient of the ring."""
    return sp.QQ.from_sympy(weight)


def multiplied_out(value: Any) -> sp.Expr:
    """An element of the ring as an expression.

    >>> multiplied_out((1 + RING.gens[0]) ** 2 * from_weight(sp.Rational(1, 2)))
    t**2/2 + t + 1/2
    """
    return RING(value).as_expr()


MOST_FACTORED = 256  # the degree up to which polynomials are factored
MOST_WEIGHTED = 16  # terms of a polynomial with symbols for weights, likewise


def with_bases_in_powers(value: sp.Expr) -> sp.Expr:
    """An expression whose powers of powers are single powers.

    >>> with_bases_in_powers((T**2 + 2 * T + 1) ** sp.Symbol("n", integer=True))
    (t + 1)**(2*n)
    """
    powers = {power for power in value.atoms(sp.Pow) if power.base.is_Add and power.exp.is_integer}
    return value.xreplace(
        {power: sp.Mul(*(part**power.exp for part in sp.Mul.make_args(in_powers(power.base)))) for power in powers}
    )


def in_powers(value: sp.Expr) -> sp.Expr:
    """A polynomial as a product of powers, if it is one.

    >>> in_powers(sp.expand(T**3 * (1 + T**2 + T**3) ** 6)), in_powers(T**2 + 3 * T + 2)
    (t**3*(t**3 + t**2 + 1)**6, t**2 + 3*t + 2)
    >>> in_powers(sp.expand((2 + sp.Symbol("w") * T) ** 2))
    (t*w + 2)**2
    """
    free = value.free_symbols
    if not (value.is_Add and T in free and value.is_polynomial(*free) and highest(value) <= MOST_FACTORED):
        return value
    if free != {T} and len(value.args) > MOST_WEIGHTED:
        return value
    content, parts = sp.sqf_list(value, T)
    product: sp.Expr = sp.Mul(content, *(part**times for part, times in parts))
    return product if any(part.is_Add and times > 1 for part, times in parts) else value


def highest(value: sp.Expr) -> int:
    """The degree of a polynomial as it is written, where nothing cancels; it multiplies nothing out.

    >>> highest((T**2 + 3 * T + 1) ** 1000 - T)
    2000
    """
    if value.is_Pow:
        return int(value.exp) * highest(value.base)
    return (sum if value.is_Mul else max)([int(value == T), *map(highest, value.args)])


def numbered(value: sp.Expr) -> sp.Expr:
    """The expression with numbers of steps in place of their symbols; powers that are long numbers stay powers.

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
    has_power = any(power.base.is_Rational and power.exp.is_Integer for arg in args for power in arg.atoms(sp.Pow))
    # evaluating a sum or a product would multiply the powers out
    return value.func(*args, evaluate=False) if has_power and (value.is_Add or value.is_Mul) else value.func(*args)


def plain(value: Any) -> Any:
    """A SymPy number as a Python number."""
    if isinstance(value, sp.Integer):
        return legible(int(value))
    if isinstance(value, sp.Rational):
        return legible(coprime(int(value.p), int(value.q)))
    return float(value) if isinstance(value, sp.Float) else value


def ratio(part: Any, total: Any) -> Any:
    """A share of the paths; exact for integers and fractions."""
    if total == 0:
        raise InvalidValue(NO_PATH)
    if isinstance(part, (int, Fraction)) and isinstance(total, (int, Fraction)):
        return legible(Fraction(part) / Fraction(total))
    return plain(sp.simplify(part / total)) if isinstance(part / total, sp.Basic) else part / total


def integer_or_fraction(value: Fraction) -> int | Fraction:
    """A fraction, as an integer if it is one."""
    result: int | Fraction = legible(value.numerator if value.denominator == 1 else value)
    return result


def trimmed(counts: list[Any]) -> list[Any]:
    """Coefficients without the zeros at the end, but for the first.

    >>> trimmed([1, 4, 0, 0]), trimmed([0, 0])
    ([1, 4], [0])
    """
    return counts[: max((k + 1 for k, count in enumerate(counts) if count != 0), default=1)]


def variance_of(count: int, first: int, second: int) -> Fraction:
    """The variance second/count - (first/count)**2, from the sums of ones, of lengths and of their squares.

    With first/count = a/b and count = b c it is (second b - c a**2) / (c b**2). If c and second are coprime, a common
    divisor of numerator and denominator divides b and c, so only the first gcd of long numbers takes long.

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
    """A polynomial as a small one times one large power, if it is such a product."""
    first, base, count, shift = sp.Integer(1), None, 0, 0
    for factor in sp.Mul.make_args(polynomial):
        inner, exponent = factor.as_base_exp()
        if inner.is_number:
            first *= factor
        elif inner == T and exponent.is_Integer:
            shift += int(exponent)
        elif exponent.is_Integer and exponent > MOST_EXPANDED:
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
