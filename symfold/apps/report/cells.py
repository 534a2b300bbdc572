"""Cells of the table: words and formulas, and numbers in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import sympy as sp
from sympy.printing.mathml import mathml

from symfold.analysis.counting.polynomials import in_powers
from symfold.base.big_numbers import Quotient, is_long, printable
from symfold.show.notation import formula
from symfold.show.notation.brackets import flat_brackets
from symfold.show.notation.styles import STYLES


@dataclass(frozen=True)
class Formula:
    """A formula, written on demand: as text on the terminal, as MathML on the page."""

    write: Callable[[str], str]
    value: sp.Expr | None = None  # of an expression: equal ones may be written differently
    whole: Formula | None = None  # the formula that this one abbreviates
    forms: tuple[Formula, ...] = ()  # the same in all its forms, from the whole to the briefest
    form: int = 0  # which of them this is

    @cached_property
    def text(self) -> str:
        return self.write("text").strip().replace("**", "^")

    @cached_property
    def mathml(self) -> str:
        shown = self.write("mathml")
        return shown if shown.startswith("<math") else f'<math display="block">{flat_brackets(shown)}</math>'

    def followed(self, mark: str) -> Formula:
        """The same with a punctuation mark after it."""
        return Formula(lambda style: self.write(style) + (f"<mo>{mark}</mo>" if style == "mathml" else mark))


LONG = 240  # characters; a longer formula is abbreviated
T = sp.Symbol("t")  # the variable of path polynomials
HIGH = 100  # exponents above which an expression is not multiplied out
WHOLE = 10**15  # above which a number is rounded

Part = str | Formula


class Unknown(str):
    """Why an answer is not known, in a few words."""

    __slots__ = ()


class Rounded(str):
    """A rounded number in words, which is compared by its exact value."""

    exact: int

    @classmethod
    def of(cls, value: int) -> Rounded:
        text = cls(said(value))
        text.exact = value
        return text

    def followed(self, mark: str) -> Rounded:
        """The same with a punctuation mark after it."""
        text = type(self)(f"{self}{mark}")
        text.exact = self.exact
        return text


Line = Sequence[Part]  # words and formulas, one after the other
Cell = Sequence[Line]


def line_text(line: Line) -> str:
    return " ".join(part if isinstance(part, str) else part.text for part in line)


def in_full(cell: Cell) -> Cell:
    """The cell with its abbreviated formulas in full."""
    return [[part.whole or part if isinstance(part, Formula) else part for part in line] for line in cell]


def is_known(cell: Cell) -> bool:
    """Whether a cell holds an answer.

    >>> is_known([["1 path"]]), is_known([[Unknown("not known: too many layers")]])
    (True, False)
    """
    return not any(isinstance(part, Unknown) for line in cell for part in line)


def text_of(cell: Cell) -> str:
    """A cell as text.

    >>> text_of([["P(t) is", expression(sp.Symbol("t") ** 2)], ["in all"]])
    'P(t) is t^2\\nin all'
    """
    return "\n".join(map(line_text, cell))


def expression(value: object) -> Formula:
    """A SymPy expression."""
    shown = sp.sympify(value)
    return Formula(lambda style: STYLES[style].print(printable(shown)), shown)


def same_value(one: sp.Expr, other: sp.Expr) -> bool:
    """Whether two expressions are equal: checked at a few points first, since a power may be too high to expand.

    >>> from sympy.abc import n, t
    >>> same_value((1 + t) ** 2, 1 + 2 * t + t**2), same_value(t ** (n + 1), t * t**n)
    (True, True)
    >>> same_value((1 + t) ** 10**12, 1 + 10**12 * t)
    False
    """
    if one == other:
        return True
    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    for start in (3, 5):
        point = {symbol: sp.Integer(start + 2 * k) for k, symbol in enumerate(symbols)}
        residues = residue(one, point), residue(other, point)
        if None not in residues:
            if residues[0] != residues[1]:
                return False
        elif not sp.N(one.subs(point) - other.subs(point), chop=True).is_zero:
            return False
    high = any(power.exp.is_number and abs(power.exp) > HIGH for value in (one, other) for power in value.atoms(sp.Pow))
    return high or sp.simplify(one - other) == 0


PRIME = 2**61 - 1


def residue(value: sp.Expr, point: Mapping[sp.Symbol, sp.Integer]) -> int | None:
    """A rational expression at a point, modulo a prime: a power of any height takes a few steps. None for others.

    >>> n, t = sp.symbols("n t")
    >>> residue((1 + t) ** (n - 10**30) / 2, {n: 3, t: 5}) == pow(2, -1, PRIME) * pow(6, 3 - 10**30, PRIME) % PRIME
    True
    """
    if value in point:
        return int(point[value])
    if isinstance(value, sp.Rational):
        return None if value.q % PRIME == 0 else value.p * pow(value.q, -1, PRIME) % PRIME
    if isinstance(value, sp.Pow):
        base, exponent = residue(value.base, point), value.exp.subs(point)
        return pow(base, int(exponent), PRIME) if base and exponent.is_Integer else None
    if not isinstance(value, (sp.Add, sp.Mul)):
        return None
    result = 0 if isinstance(value, sp.Add) else 1
    for part in value.args:
        term = residue(part, point)
        if term is None:
            return None
        result = (result + term if isinstance(value, sp.Add) else result * term) % PRIME
    return result


def net_formula(net: object, form: str = "fold", max_ops: int | None = 10_000) -> Formula:
    """A net as a formula."""
    return Formula(lambda style: formula(net, form=form, style=style, max_ops=max_ops))


def abbreviated(whole: Formula, *briefer: Formula) -> Formula:
    """The formula; if it is long, the first of the others that is not, else the shortest of all.

    >>> abbreviated(Formula(lambda style: "x + " * 99 + "x"), Formula(lambda style: "100*x")).text
    '100*x'
    """
    forms, chosen = (whole, *briefer), 0
    for place, brief in enumerate(briefer, start=1):
        if len(forms[chosen].text) > LONG and len(brief.text) < len(forms[chosen].text):
            chosen = place
    return _of_forms(forms, chosen)


def _of_forms(forms: tuple[Formula, ...], form: int) -> Formula:
    return replace(forms[form], whole=forms[0] if form else None, forms=forms, form=form)


def in_one_form(one: Cell, other: Cell, least: int = 0) -> tuple[Cell, Cell]:
    """Two answers with their formulas in the same form, at least this brief: if one is abbreviated, so is the other.

    >>> long, short = Formula(lambda style: "x + " * 99 + "x"), Formula(lambda style: "x + x")
    >>> one, other = (abbreviated(whole, Formula(lambda style: "sum x")) for whole in (long, short))
    >>> [text_of(cell) for cell in in_one_form([[one]], [[other]])]
    ['sum x', 'sum x']
    """
    form = max((formula.form for formula in _formulas(one, other)), default=0)
    form = max(form, least)

    def formed(part: Part) -> Part:
        return _of_forms(part.forms, form) if isinstance(part, Formula) and len(part.forms) > form else part

    first, second = ([[formed(part) for part in line] for line in cell] for cell in (one, other))
    return first, second


def form_count(*cells: Cell) -> int:
    """The number of forms that the formulas of answers have."""
    return max((len(formula.forms) for formula in _formulas(*cells)), default=1) or 1


def _formulas(*cells: Cell) -> list[Formula]:
    return [part for cell in cells for line in cell for part in line if isinstance(part, Formula)]


def ascending(value: object, variable: sp.Symbol) -> sp.Expr:
    """A polynomial as it is usually written: factored if it is one power, else in ascending powers of the variable.

    >>> from sympy.abc import t
    >>> expression(ascending((t + 1) ** 2 * t, t)).text, expression(ascending(3 * t + 1, t)).text
    ('t*(1 + t)^2', '1 + 3*t')
    """
    polynomial = sp.sympify(value)
    return _ordered(in_powers(polynomial), variable)


def _ordered(value: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    if value.is_Add and value.is_polynomial(variable):
        terms = sorted(value.args, key=lambda term: (sp.degree(term, variable), str(term)))
        return sp.Add(*(_ordered(term, variable) for term in terms), evaluate=False)
    if value.is_Pow:
        return sp.Pow(_ordered(value.base, variable), value.exp, evaluate=False)
    if not value.is_Mul:
        return value
    parts = sorted(
        value.args,
        key=lambda part: (part.has(variable), not part.is_number, part.as_base_exp()[0] != variable, str(part)),
    )
    return sp.Mul(*(_ordered(part, variable) for part in parts), evaluate=False)


def said(number: object) -> str:
    """A number of any size in short text.

    >>> said(16), said(1234567), said(2**1000), said(Fraction(4, 5)), said(sp.Symbol("n") / 2)
    ('16', '1,234,567', 'about 10^301', '4/5', 'n/2')
    >>> said(2 * 10**15), said(10**12)
    ('about 2*10^15', '1,000,000,000,000')
    """
    if isinstance(number, (Fraction, sp.Rational)) and number.denominator == 1:
        number = int(number.numerator)
    if isinstance(number, int):
        return f"{number:,}" if abs(number) < WHOLE else rounded(number)
    if isinstance(number, Fraction):
        if is_long(number):
            return str(Quotient(number)).replace("**", "^")
        return str(number) if number.denominator < 1000 else f"{float(number):.6g}"
    return str(printable(number)).replace("**", "^") if isinstance(number, sp.Basic) else f"{number:.6g}"


def rounded(number: int) -> str:
    """The size of a large number: one digit and a power of ten; of a number of a hundred digits the power alone."""
    high, sign = math.log10(abs(number)), "-" if number < 0 else ""
    digit, power = round(10 ** (high % 1)), math.floor(high)
    if high >= HIGH or digit in (1, 10):
        return f"about {sign}10^{round(high):,}"
    return f"about {sign}{digit}*10^{power}"


def number(value: object) -> Part:
    """A number as text, a symbolic one as a formula."""
    if not isinstance(value, sp.Expr) or value.is_number:
        return Rounded.of(value) if isinstance(value, int) and abs(value) >= WHOLE else said(value)
    shown = printable(value)
    return Formula(
        lambda style: str(shown) if style == "text" else f"<mrow>{mathml(shown, printer='presentation')}</mrow>", value
    )


def decimal(value: object) -> Part:
    """An average to three digits, a symbolic one as a formula.

    >>> decimal(sp.Rational(231, 37)), decimal(sp.Rational(3, 2)), decimal(sp.Rational(24691, 2)), decimal(2)
    ('6.24', '1.5', '12,345.5', '2')
    """
    exact = sp.sympify(value)
    if not exact.is_Rational or exact.is_Integer or is_long(exact):
        return number(value)
    return f"{float(exact):,.1f}" if exact >= 100 else f"{float(exact):.3g}"


def counted(value: object, noun: str) -> Line:
    """A number with what it counts.

    >>> line_text(counted(1, "path")), line_text(counted(5, "path"))
    ('1 path', '5 paths')
    """
    return [number(value), f"{noun}{'' if value == 1 else 's'}"]
