"""The elementwise functions: SymPy's, and the few that SymPy lacks as its own inert functions.

`HEADS` names every function a net may hold by its class, `UFUNCS` says which NumPy function means which. A new
elementwise function is one row; SymPy then knows its derivative and how to print it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symfold.errors import NoRule, unknown


class sigmoid(sp.Function):  # noqa: N801 - a SymPy function is spelled as it prints
    """The logistic function 1/(1 + exp(-z)), kept whole so that it can be computed without overflow.

    >>> sigmoid(sp.Symbol("z")).diff()
    (1 - sigmoid(z))*sigmoid(z)
    """

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, z: sp.Expr) -> sp.Expr | None:
        return 1 / (1 + sp.exp(-z)) if isinstance(z, sp.Float) else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return self * (1 - self)

    def _eval_rewrite_as_exp(self, z: sp.Expr, **hints: Any) -> sp.Expr:
        return 1 / (1 + sp.exp(-z))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.rewrite(sp.exp)._eval_evalf(prec)


class softplus(sp.Function):  # noqa: N801
    """log(1 + exp(z)), kept whole for the same reason.

    >>> softplus(sp.Symbol("z")).diff()
    sigmoid(z)
    """

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, z: sp.Expr) -> sp.Expr | None:
        return sp.log(1 + sp.exp(z)) if isinstance(z, sp.Float) else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0])

    def _eval_rewrite_as_exp(self, z: sp.Expr, **hints: Any) -> sp.Expr:
        return sp.log(1 + sp.exp(z))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.rewrite(sp.exp)._eval_evalf(prec)


class silu(sp.Function):  # noqa: N801
    """z times its own sigmoid (Elfwing et al. 2018; "swish"), kept whole: one function of a value, not a product of two.

    >>> silu(sp.Symbol("z")).diff()
    z*(1 - sigmoid(z))*sigmoid(z) + sigmoid(z)
    """

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, z: sp.Expr) -> sp.Expr | None:
        return COMPOUND[cls](z) if isinstance(z, sp.Float) else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        z = self.args[0]
        return sigmoid(z) + z * sigmoid(z) * (1 - sigmoid(z))

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return written_out(self)._eval_evalf(prec)


class gelu(sp.Function):  # noqa: N801
    """z times the share of a normal distribution below it (Hendrycks & Gimpel 2016), kept whole for the same reason.

    >>> gelu(sp.Symbol("z")).diff()
    sqrt(2)*z*exp(-z**2/2)/(2*sqrt(pi)) + erf(sqrt(2)*z/2)/2 + 1/2
    """

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, z: sp.Expr) -> sp.Expr | None:
        return COMPOUND[cls](z).evalf() if isinstance(z, sp.Float) else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        z = self.args[0]
        return (1 + sp.erf(z / sp.sqrt(2))) / 2 + z * sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return written_out(self)._eval_evalf(prec)


class step(sp.Function):  # noqa: N801
    """1 where z > 0, else 0: the derivative of `relu`, with derivative zero."""

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, z: sp.Expr) -> sp.Expr | None:
        return sp.Integer(bool(z > 0)) if z.is_number and z.is_extended_real else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Integer(0)


class relu(sp.Function):  # noqa: N801
    """max(0, z), inert: SymPy's `Max(0, z)` takes exponential time when nested.

    >>> relu(sp.Symbol("z")).diff(), relu(-2), relu(3)
    (step(z), 0, 3)
    """

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, z: sp.Expr) -> sp.Expr | None:
        return (z if z > 0 else sp.Integer(0)) if z.is_number and z.is_extended_real else None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return step(self.args[0])


Head = type[sp.Basic]

HEADS: dict[str, Head] = {
    head.__name__: head
    for head in (
        *(sp.Add, sp.Mul, sp.Pow, sp.exp, sp.log, sp.Abs, sp.sign, sp.Max, sp.Min, sp.floor, sp.ceiling, sp.Heaviside),
        *(sp.sin, sp.cos, sp.tan, sp.sinh, sp.cosh, sp.tanh, sp.asin, sp.acos, sp.atan, sp.asinh, sp.acosh, sp.atanh),
        *(sp.atan2, sp.erf, sp.erfc, sp.gamma, sp.loggamma, sp.digamma, sigmoid, softplus, silu, gelu, relu, step),
    )
}



# Functions that are made of others: kept whole in formulas, graphs and counts, written out where numbers are computed.
COMPOUND: dict[Head, Any] = {silu: lambda z: z * sigmoid(z), gelu: lambda z: z * (1 + sp.erf(z / sp.sqrt(2))) / 2}


def written_out(value: sp.Expr) -> sp.Expr:
    """A function that is made of others, as what it is made of.

    >>> written_out(silu(sp.Symbol("z")))
    z*sigmoid(z)
    """
    result: sp.Expr = COMPOUND[type(value)](*value.args)
    return result


# The heads of our own in terms of SymPy's: what `sympy.lambdify` computes.
BODIES: dict[Head, Any] = {
    **COMPOUND,
    sigmoid: lambda z: 1 / (1 + sp.exp(-z)),
    softplus: lambda z: sp.Max(z, 0) + sp.log(1 + sp.exp(-sp.Abs(z))),
    relu: lambda z: sp.Max(z, 0),
    step: lambda z: sp.Heaviside(z, 0),
}


class Implementation:
    """The numbers of a head under `sympy.lambdify`, in the library of its argument.

    >>> sp.lambdify(sp.Symbol("z"), relu(sp.Symbol("z")))(np.array([-2.0, 3.0])).tolist()
    [0.0, 3.0]
    """

    def __init__(self, head: Head):
        self.head = head
        self.functions: dict[str, Any] = {}

    def __call__(self, value: Any) -> Any:
        library = type(value).__module__.partition(".")[0].removesuffix("lib")  # arrays of JAX are of jaxlib
        modules = library if library in ("mpmath", "jax", "torch", "cupy") else None
        if library not in self.functions:
            z = sp.Symbol("z")
            self.functions[library] = sp.lambdify(z, BODIES[self.head](z), modules)
        return self.functions[library](value)


for _head in BODIES:
    _head._imp_ = Implementation(_head)  # where `sympy.utilities.lambdify` looks for the numbers of a function


def head_name(head: Head) -> str:
    """The name under which an elementwise head can be found again.

    >>> head_name(sp.tanh), head_named("tanh")
    ('tanh', tanh)
    """
    name = head.__name__
    if HEADS.get(name, getattr(sp.functions, name, None)) is not head:
        raise NoRule(f"the function {name} has no name of its own to be kept by (add it to symfold.functions.HEADS)")
    return name


def head_named(name: str) -> Head:
    """The elementwise head of this name: a row of `HEADS`, or one of SymPy's functions."""
    head = HEADS.get(name) or getattr(sp.functions, name, None)
    if not (isinstance(head, type) and (name in HEADS or issubclass(head, sp.Function))):
        raise unknown("function", name, HEADS)
    return head


# NumPy's functions that mean one elementwise head; those that mean more stand with the operators in `nodes`.
UFUNCS: dict[Any, Head] = {
    np.add: sp.Add, np.multiply: sp.Mul, np.power: sp.Pow, np.float_power: sp.Pow, np.exp: sp.exp, np.log: sp.log,
    np.absolute: sp.Abs, np.fabs: sp.Abs, np.sign: sp.sign, np.maximum: sp.Max, np.minimum: sp.Min,
    np.floor: sp.floor, np.ceil: sp.ceiling, np.heaviside: sp.Heaviside, np.arctan2: sp.atan2,
    np.sin: sp.sin, np.cos: sp.cos, np.tan: sp.tan, np.sinh: sp.sinh, np.cosh: sp.cosh, np.tanh: sp.tanh,
    np.arcsin: sp.asin, np.arccos: sp.acos, np.arctan: sp.atan,
    np.arcsinh: sp.asinh, np.arccosh: sp.acosh, np.arctanh: sp.atanh,
}  # fmt: skip

# Derivatives that are zero almost everywhere, where SymPy would write a DiracDelta.
FLAT: frozenset[Head] = frozenset({sp.sign, sp.floor, sp.ceiling, sp.Heaviside, step})
