"""The coefficients of a path polynomial in a symbolic depth, as power series whose coefficients are polynomials in it.

With p = b**e and b_0 = 1:  k p_k = sum over j = 1..k of ((e + 1) j - k) b_j p_{k-j}      (Euler 1748)
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symfold.analysis.counting.polynomials import T
from symfold.errors import Advice, NoRule, TooLarge

MOST_BINOMIAL = 500  # binomial coefficients in a symbolic depth
MOST_COEFFICIENTS = 50  # others; that of t**k is a polynomial of degree k in the depth
MOST_FACTORED = 12  # the degree up to which they are factored: a factor of high degree takes long
Series = list[Any]  # of elements of a ring


def symbolic_coefficients(polynomial: sp.Expr, upto: int) -> list[sp.Expr]:
    """The coefficients of t**0, ..., t**upto at every depth; `Piecewise` ones, where small depths are exceptions.

    >>> n = sp.Symbol("n", integer=True, positive=True)
    >>> symbolic_coefficients((1 + T) ** n, 3)
    [1, n, n*(n - 1)/2, n*(n - 2)*(n - 1)/6]
    >>> symbolic_coefficients((T + T**2) ** n, 2)
    [0, Piecewise((1, Eq(n, 1)), (0, True)), Piecewise((1, Eq(n, 1) | Eq(n, 2)), (0, True))]
    """
    binomial = binomial_of(polynomial)
    most = MOST_BINOMIAL if binomial else MOST_COEFFICIENTS
    if upto > most:
        raise TooLarge(
            f"{upto} coefficients in a symbolic depth are too many (at most {most})",
            Advice("depth", 1000, "give the depth a number: net.at(n=1000)"),
        )
    if binomial:
        return binomial_coefficients(*binomial, upto)
    expansion = Expansion(polynomial, upto)
    general = expansion.coefficients()
    if not expansion.last_exception:
        return general
    (depth,) = expansion.depths
    exceptions = [
        (sp.Eq(depth, number), numbers_of(polynomial.subs(depth, number), upto))
        for number in range(1, expansion.last_exception + 1)
    ]
    return [_with_exceptions(value, [(is_it, row[k]) for is_it, row in exceptions]) for k, value in enumerate(general)]


def _with_exceptions(value: sp.Expr, exceptions: list[tuple[sp.Basic, sp.Expr]]) -> sp.Expr:
    pieces: dict[sp.Expr, list[sp.Basic]] = {}
    for is_it, exception in exceptions:
        if sp.expand(value.xreplace({is_it.lhs: is_it.rhs}) - exception) != 0:
            pieces.setdefault(exception, []).append(is_it)
    return sp.Piecewise(*((exception, sp.Or(*which)) for exception, which in pieces.items()), (value, True))


def numbers_of(polynomial: sp.Expr, upto: int) -> list[sp.Expr]:
    """The coefficients at a depth that is a number."""
    terms = sp.Poly(sp.cancel(polynomial), T).as_dict()
    return [sp.sympify(terms.get((k,), 0)) for k in range(upto + 1)]


def binomial_of(polynomial: sp.Expr) -> tuple[sp.Expr, int, sp.Expr, sp.Expr] | None:
    """The parts c, s, b, e of a polynomial c * t**s * (1 + b*t)**e; None for others.

    >>> n = sp.Symbol("n")
    >>> binomial_of(T * (3 + 2 * T) ** (n - 1))
    (3**(n - 1), 1, 2/3, n - 1)
    """
    factor, shift, slope, exponent = sp.Integer(1), 0, None, sp.Integer(0)
    for part in sp.Mul.make_args(polynomial):
        base, power = part.as_base_exp()
        if not part.has(T):
            factor *= part
        elif base == T and power.is_Integer and power > 0:
            shift += int(power)
        elif slope is None and not power.is_number and sp.Poly(base, T).degree() == 1 and base.subs(T, 0) != 0:
            first = base.subs(T, 0)
            slope, exponent, factor = sp.diff(base, T) / first, power, factor * first**power
        else:
            return None
    return None if slope is None else (factor, shift, slope, exponent)


def binomial_coefficients(factor: sp.Expr, shift: int, slope: sp.Expr, exponent: sp.Expr, upto: int) -> list[sp.Expr]:
    """Those of factor * t**shift * (1 + slope*t)**exponent."""
    values, number = [sp.Integer(0)] * min(shift, upto + 1), sp.Integer(1)
    falling: list[sp.Expr] = []
    for k in range(upto + 1 - shift):
        values.append(sp.Mul(factor, number, *falling))
        number *= slope / (k + 1)
        falling.append(sp.factor(exponent - k))
    return values


class Expansion:
    """The power series of a polynomial in t whose exponents may hold the symbol of a depth.

    A power t**(a*n + b) vanishes but for the small depths, up to `last_exception`.
    """

    def __init__(self, polynomial: sp.Expr, upto: int):
        self.polynomial, self.upto, self.last_exception = polynomial, upto, 0
        self.depths: set[sp.Basic] = set()
        powers = {power for power in polynomial.atoms(sp.Pow) if not power.exp.is_number}
        if not all(power.base.is_polynomial(T) for power in powers):
            raise self.refusal()
        self.dummies: dict[sp.Expr, sp.Dummy] = {}
        for power in powers:
            self.dummies.setdefault(self.leading(power.base)[1] ** power.exp, sp.Dummy())
        inverses = {self.leading(power.base)[1] for power in polynomial.atoms(sp.Pow) if power.base.is_polynomial(T)}
        self.dummies.update({1 / lead: sp.Dummy() for lead in inverses if not lead.is_number})
        self.ring = sp.QQ[(*sorted(polynomial.free_symbols - {T}, key=str), *self.dummies.values())].ring

    def refusal(self) -> NoRule:
        return NoRule(
            f"no rule gives the coefficients of {self.polynomial} for every depth",
            Advice("depth", 10, "give the depth a number: net.at(n=10)"),
        )

    def coefficients(self) -> list[sp.Expr]:
        back = {dummy: value for value, dummy in self.dummies.items()}
        values = [value.as_expr().xreplace(back) for value in self.series(self.polynomial)]
        return [sp.factor(value) if k <= MOST_FACTORED else value for k, value in enumerate(values)]

    def leading(self, base: sp.Expr) -> tuple[int, sp.Expr]:
        """The lowest exponent of a polynomial in t, and its coefficient."""
        ((lowest,), coefficient) = sp.Poly(base, T).terms()[-1]
        return lowest, coefficient

    def constant(self, value: sp.Expr) -> Any:
        try:
            return self.ring.from_expr(value.xreplace(self.dummies))
        except ValueError:
            raise self.refusal() from None

    def series(self, value: sp.Expr) -> Series:
        zeros: Series = [self.ring.zero] * self.upto
        if not value.has(T):
            return [self.constant(value), *zeros]
        if value == T:
            return [self.ring.zero, self.ring.one, *zeros][: self.upto + 1]
        if value.is_Add:
            return [sum(parts, self.ring.zero) for parts in zip(*map(self.series, value.args), strict=True)]
        if value.is_Mul:
            total = [self.ring.one, *zeros]
            for factor in value.args:
                total = self.product(total, self.series(factor))
            return total
        if value.is_Pow and value.base.is_polynomial(T):
            return self.power(value.base, value.exp)
        raise self.refusal()

    def product(self, left: Series, right: Series) -> Series:
        result: Series = [self.ring.zero] * (self.upto + 1)
        for j, a in enumerate(left):
            if a:
                for k, b in enumerate(right[: self.upto + 1 - j]):
                    if b:
                        result[j + k] += a * b
        return result

    def power(self, base: sp.Expr, exponent: sp.Expr) -> Series:
        """A power of a polynomial in t."""
        lowest, lead = self.leading(base)
        shift = lowest * exponent
        if lowest and not shift.is_number:
            self.vanishes(shift)
            return [self.ring.zero] * (self.upto + 1)
        if shift < 0:
            raise self.refusal()
        inverse = self.constant(1 / lead)
        terms = {j - lowest: self.constant(c) * inverse for (j,), c in sp.Poly(base, T).terms()}
        steps, values = self.constant(exponent), [self.constant(lead**exponent)]
        for k in range(1, self.upto + 1):
            parts = (((steps + 1) * j - k) * c * values[k - j] for j, c in terms.items() if 0 < j <= k)
            values.append(sum(parts, self.ring.zero) * sp.QQ(1, k))
        return [*[self.ring.zero] * int(shift), *values][: self.upto + 1]

    def vanishes(self, shift: sp.Expr) -> None:
        """Note the depths at which t**shift is among the coefficients asked for: the last of them."""
        self.depths |= shift.free_symbols
        if len(self.depths) != 1:
            raise self.refusal()
        (depth,) = self.depths
        slope = sp.diff(shift, depth)
        if not (slope.is_Rational and slope > 0):
            raise self.refusal()
        self.last_exception = max(self.last_exception, int(sp.floor((self.upto - shift.subs(depth, 0)) / slope)))
