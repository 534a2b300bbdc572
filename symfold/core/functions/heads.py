"""Inert SymPy classes of the functions that SymPy lacks or rewrites, under NumPy's or PyTorch's names.

The meaning and the derivative of such a function are facts of its row; the classes ask the row.
"""

from __future__ import annotations

import sympy as sp

from symfold.core.functions.table import row_of

SPARE = 700  # extra digits: enough for 1 plus the square of the smallest double


class Inert(sp.Function):
    """A function that SymPy does not rewrite; for arguments that are numbers, the definition in its row is evaluated.

    >>> relu(sp.Symbol("z")).diff(), relu(-2), relu(sp.Rational(1, 3)), log1p(sp.Float("1e-20"))
    (step(z), 0, 1/3, 1.00000000000000e-20)
    """

    is_real = True

    @classmethod
    def eval(cls, *args: sp.Expr) -> sp.Expr | None:
        definition = row_of(cls).definition
        if definition is None or not all(map(_is_extended_real, args)):
            return None
        floats = [arg._prec for arg in args if isinstance(arg, sp.Float)]
        value = sp.sympify(definition(*(sp.Rational(arg) if isinstance(arg, sp.Float) else arg for arg in args)))
        return rounded(value, max(floats)) if floats else value if value.is_Number else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return row_of(type(self)).slope(argindex - 1, *self.args)

    def _defined(self, *args: sp.Expr, **hints: object) -> sp.Expr:
        definition = row_of(type(self)).definition
        return self if definition is None else definition(*self.args)

    _eval_rewrite_as_exp = _eval_rewrite_as_Piecewise = _defined  # noqa: N815 - SymPy's name for it

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        defined = self._defined() if all(map(_is_extended_real, self.args)) else self
        return None if defined is self else rounded(defined, prec)


def _is_extended_real(arg: sp.Expr) -> bool:
    """Whether a definition may be asked about a number: SymPy refuses to compare complex infinity."""
    return bool(arg.is_number and (arg.is_extended_real or arg is sp.nan))


def rounded(value: sp.Expr, prec: int) -> sp.Expr:
    """A number rounded to a precision in bits, whatever its terms cancel: doubles are multiples of 2**-1074."""
    digits: int = sp.core.evalf.prec_to_dps(prec)
    number = value.evalf(digits + SPARE)
    return sp.Float(number, digits) if isinstance(number, sp.Float) else number


# -- choice


class where(Inert):  # noqa: N801
    """a wherever c is not 0, else b. A NaN counts as true, as in NumPy.

    >>> a, b = sp.symbols("a b")
    >>> where(1, a, b), where(0, a, b), where(sp.Symbol("c"), a, b).rewrite(sp.Piecewise)
    (a, b, Piecewise((a, Ne(c, 0)), (b, True)))
    """

    nargs = 3

    @classmethod
    def eval(cls, c: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr | None:
        return (b if c.is_zero else a) if c.is_Number else None


class greater(Inert):  # noqa: N801
    """1 where a > b, else 0."""

    nargs = 2


class greater_equal(Inert):  # noqa: N801
    """1 where a >= b, else 0."""

    nargs = 2


class less(Inert):  # noqa: N801
    """1 where a < b, else 0."""

    nargs = 2


class less_equal(Inert):  # noqa: N801
    """1 where a <= b, else 0."""

    nargs = 2


class equal(Inert):  # noqa: N801
    """1 where a = b, else 0."""

    nargs = 2


class not_equal(Inert):  # noqa: N801
    """1 where a and b differ, else 0; a NaN differs from everything."""

    nargs = 2


class logical_and(Inert):  # noqa: N801
    """1 where neither a nor b is 0, else 0."""

    nargs = 2


class logical_or(Inert):  # noqa: N801
    """1 where a or b is not 0, else 0."""

    nargs = 2


class logical_xor(Inert):  # noqa: N801
    """1 where exactly one of a and b is 0, else 0."""

    nargs = 2


class logical_not(Inert):  # noqa: N801
    """1 where z is 0, else 0."""

    nargs = 1


class isnan(Inert):  # noqa: N801
    """1 where z is not a number, else 0."""

    nargs = 1


class isinf(Inert):  # noqa: N801
    """1 where z is infinite, else 0."""

    nargs = 1


class isfinite(Inert):  # noqa: N801
    """1 where z is a finite number, else 0."""

    nargs = 1


class clip(Inert):  # noqa: N801
    """z limited to two bounds."""

    nargs = 3


class divide(Inert):  # noqa: N801
    """a / b, rounded once; targets compute it in place of a * b**-1, which is rounded twice."""

    nargs = 2


# -- logarithms and powers


class log1p(Inert):  # noqa: N801
    """log(1 + z), accurate near 0."""

    nargs = 1


class expm1(Inert):  # noqa: N801
    """exp(z) - 1, accurate near 0."""

    nargs = 1


class log2(Inert):  # noqa: N801
    """The logarithm to base 2, exact at powers of 2."""

    nargs = 1


class log10(Inert):  # noqa: N801
    """The logarithm to base 10, exact at powers of 10."""

    nargs = 1


class exp2(Inert):  # noqa: N801
    """2 to the power z, exact at whole numbers."""

    nargs = 1


class cbrt(Inert):  # noqa: N801
    """The real cube root, also of negative numbers."""

    nargs = 1


class hypot(Inert):  # noqa: N801
    """sqrt(a**2 + b**2), without overflow."""

    nargs = 2


class logaddexp(Inert):  # noqa: N801
    """log(exp(a) + exp(b)), without overflow."""

    nargs = 2


class logistic(Inert):  # noqa: N801
    """exp(a)/(exp(a) + exp(b)): the slope of `logaddexp`."""

    nargs = 2


class gaussian(Inert):  # noqa: N801
    """exp(-s*z**2), accurate in the tails."""

    nargs = 2


# -- activations


class sigmoid(Inert):  # noqa: N801
    """The logistic function 1/(1 + exp(-z)), without overflow."""

    nargs = 1


class softplus(Inert):  # noqa: N801
    """log(1 + exp(z)), without overflow."""

    nargs = 1


class silu(Inert):  # noqa: N801
    """z*sigmoid(z) (Elfwing et al. 2018; "swish")."""

    nargs = 1


class gelu(Inert):  # noqa: N801
    """z*ndtr(z) (Hendrycks & Gimpel 2016)."""

    nargs = 1


class mish(Inert):  # noqa: N801
    """z*tanh(softplus(z)) (Misra 2019)."""

    nargs = 1


class softsign(Inert):  # noqa: N801
    """z/(1 + |z|)."""

    nargs = 1


class relu6(Inert):  # noqa: N801
    """z between 0 and 6 (Krizhevsky 2010)."""

    nargs = 1


class hardsigmoid(Inert):  # noqa: N801
    """relu6(z + 3)/6: a sigmoid of three straight lines."""

    nargs = 1


class hardswish(Inert):  # noqa: N801
    """z*relu6(z + 3)/6 (Howard et al. 2019)."""

    nargs = 1


class relu(Inert):  # noqa: N801
    """max(0, z); SymPy's `Max(0, z)` takes exponential time if nested."""

    nargs = 1


class ndtr(Inert):  # noqa: N801
    """The cumulative distribution function of the normal distribution, erfc(-z/sqrt(2))/2."""

    nargs = 1


class step(Inert):  # noqa: N801
    """1 where z > 0, else 0: the derivative of `relu`."""

    nargs = 1


class leaky_relu(Inert):  # noqa: N801
    """z where z > 0, else slope*z."""

    nargs = 2


class elu(Inert):  # noqa: N801
    """z where z > 0, else alpha*(exp(z) - 1) (Clevert et al. 2016)."""

    nargs = 2


class hardtanh(Inert):  # noqa: N801
    """z limited to two bounds; the slope at the bounds is 0."""

    nargs = 3
