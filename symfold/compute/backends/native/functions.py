"""Elementwise functions as vector code: one row per head.

A function without a row of its own calls C's math library, lane by lane.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import sympy as sp

from symfold.compute.backends.native.approximations import (
    erf,
    erfc,
    exp,
    log,
    logistic,
    logistic_of,
    mish,
    ndtr,
    positive_part,
    reciprocal,
    sech,
    silu,
    soft_plus,
    tanh,
)
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.instructions import Reg
from symfold.core import functions as f
from symfold.core.functions import Head, relu, sigmoid, softplus, step
from symfold.core.leaves import number_of
from symfold.core.nodes import Node
from symfold.errors import NoRule


def emit(code: Code, node: Node[Head], args: Sequence[Reg]) -> Reg:
    """The value of an elementwise node from the values of its arguments."""
    if node.op is sp.Pow and (exponent := number_of(node.args[1])) is not None:
        return power(code, args[0], exponent)
    if node.op not in ROWS:
        supported = ", ".join(sorted(head.__name__ for head in ROWS))
        raise NoRule(
            f"the native backend has no code for the function {node.op.__name__} "
            f"(those with a rule: {supported}; take backend='numpy')"
        )
    return ROWS[node.op](code, list(args))


def power(code: Code, x: Reg, exponent: sp.Expr) -> Reg:
    """x to a number: by squaring for small multiples of 1/2, else C's pow."""
    doubled = 2 * exponent
    if doubled.is_Integer and abs(doubled) <= 64:
        count, half = divmod(abs(int(doubled)), 2)
        value = code.intrinsic("sqrt", x) if half else None
        if value is not None and exponent != sp.Rational(1, 2):
            value = code.intrinsic("fabs", value)  # sqrt(-0) is -0, unlike other powers
        square = x
        while count:
            if count & 1:
                value = square if value is None else code.binary("fmul", value, square)
            count >>= 1
            if count:
                square = code.binary("fmul", square, square)
        value = value or code.number(1, x.lanes)
        return reciprocal(code, value) if exponent < 0 else value
    return code.library("pow", x, code.number(float(exponent), x.lanes))


def chain(name: str) -> Callable[[Code, list[Reg]], Reg]:
    """A binary function chained over several arguments."""

    def emit_all(code: Code, args: list[Reg]) -> Reg:
        value = args[0]
        for arg in args[1:]:
            value = code.binary(name, value, arg) if name.startswith("f") else code.intrinsic(name, value, arg)
        return value

    return emit_all


def unary(function: Callable[[Code, Reg], Reg]) -> Callable[[Code, list[Reg]], Reg]:
    return lambda code, args: function(code, args[0])


def sign(code: Code, x: Reg) -> Reg:
    signed = code.intrinsic("copysign", code.number(1, x.lanes), x)
    return code.select("one", signed, x, x, code.number(0))


def heaviside(code: Code, args: list[Reg]) -> Reg:
    half = args[1] if len(args) > 1 else code.number(0.5)
    value = code.select("ogt", code.number(1), args[0], args[0], code.number(0))
    value = code.select("olt", code.number(0), value, args[0], code.number(0))
    return code.select("oeq", half, value, args[0], code.number(0))


def step_of(code: Code, x: Reg) -> Reg:
    """1 if x > 0, else 0; nan stays nan."""
    return code.select(
        "ogt", code.number(1), code.select("ole", code.number(0), x, x, code.number(0)), x, code.number(0)
    )


# -- choice: a truth value is the number 1 or 0; every number but 0 is true


def compared(condition: str) -> Callable[[Code, list[Reg]], Reg]:
    """A comparison by its LLVM name; for nan, o.. are false and u.. are true."""
    return lambda code, args: code.select(condition, code.number(1), code.number(0), args[0], args[1])


def chosen(code: Code, condition: Reg, a: Reg, b: Reg) -> Reg:
    """a if the condition is true, else b."""
    return code.select("une", a, b, condition, code.number(0))


def truth(code: Code, x: Reg, true: float = 1.0) -> Reg:
    """1 if x is true, else 0; with `true=0`, the negation."""
    return chosen(code, x, code.number(true), code.number(1.0 - true))


def size_compared(condition: str) -> Callable[[Code, list[Reg]], Reg]:
    """A comparison of the absolute value with infinity."""
    return lambda code, args: code.select(
        condition, code.number(1), code.number(0), code.intrinsic("fabs", args[0]), code.number(math.inf)
    )


LIBRARY: dict[Head, str] = {
    sp.sin: "sin", sp.cos: "cos", sp.tan: "tan", sp.sinh: "sinh", sp.cosh: "cosh",
    sp.asin: "asin", sp.acos: "acos", sp.atan: "atan", sp.asinh: "asinh", sp.acosh: "acosh", sp.atanh: "atanh",
    sp.atan2: "atan2", sp.gamma: "tgamma", sp.loggamma: "lgamma", sp.Pow: "pow",
    f.log1p: "log1p", f.expm1: "expm1", f.log2: "log2", f.log10: "log10", f.exp2: "exp2", f.cbrt: "cbrt", f.hypot: "hypot",
}  # fmt: skip


def called(name: str) -> Callable[[Code, list[Reg]], Reg]:
    return lambda code, args: code.library(name, *args)


ROWS: dict[Head, Callable[[Code, list[Reg]], Reg]] = {
    sp.Add: chain("fadd"),
    f.divide: lambda code, args: code.binary("fdiv", *args),
    sp.Mul: chain("fmul"),
    sp.Max: chain("maximum"),
    sp.Min: chain("minimum"),
    sp.exp: unary(exp),
    sp.log: unary(log),
    sp.tanh: unary(tanh),
    sp.sech: unary(sech),
    sp.erf: unary(erf),
    sp.erfc: unary(erfc),
    sigmoid: unary(logistic),
    f.silu: unary(silu),
    f.mish: unary(mish),
    softplus: unary(soft_plus),
    relu: unary(positive_part),
    step: unary(step_of),
    f.ndtr: unary(ndtr),
    f.logistic: lambda code, args: logistic_of(code, *args),
    f.greater: compared("ogt"),
    f.greater_equal: compared("oge"),
    f.less: compared("olt"),
    f.less_equal: compared("ole"),
    f.equal: compared("oeq"),
    f.not_equal: compared("une"),
    f.where: lambda code, args: chosen(code, *args),
    f.logical_and: lambda code, args: chosen(code, args[0], truth(code, args[1]), code.number(0)),
    f.logical_or: lambda code, args: chosen(code, args[0], code.number(1), truth(code, args[1])),
    f.logical_xor: lambda code, args: chosen(code, args[0], truth(code, args[1], 0.0), truth(code, args[1])),
    f.logical_not: lambda code, args: truth(code, args[0], 0.0),
    f.isnan: lambda code, args: code.select("uno", code.number(1), code.number(0), args[0], args[0]),
    f.isinf: size_compared("oeq"),
    f.isfinite: size_compared("olt"),
    sp.Abs: lambda code, args: code.intrinsic("fabs", args[0]),
    sp.floor: lambda code, args: code.intrinsic("floor", args[0]),
    sp.ceiling: lambda code, args: code.intrinsic("ceil", args[0]),
    sp.sign: unary(sign),
    sp.Heaviside: heaviside,
    **{head: called(name) for head, name in LIBRARY.items()},
}
