"""JAX's elementwise operations as nodes, one row each: a function of the values and the result's dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from symfold.core import functions
from symfold.core.functions import Head
from symfold.core.nodes import Node
from symfold.core.primitives import stopped
from symfold.errors import NoRule
from symfold.exchange.jaxpr.values import Value, kind_of
from symfold.exchange.reading.functions import HALF, apply, choose, rounded_to_even, truncated

Row = Callable[..., Node]


def _row_of(head: Head) -> Row:
    return lambda values, dtype: apply(head, *(value.loose for value in values))


def _arithmetic(function: Callable[..., Node], truths: Head | None = None) -> Row:
    """Arithmetic of real and signed whole numbers; of truth values, a function of logic if there is one."""

    def row(values: list[Value], dtype: Any, **_: object) -> Node:
        if kind_of(dtype) == "truth" and truths is not None:
            return apply(truths, *(value.loose for value in values))
        if dtype.kind == "u":
            raise NoRule(f"arithmetic of {dtype}, which wraps around, has no rule")
        return function(*(value.loose for value in values))

    return row


def _logic(head: Head) -> Row:
    def row(values: list[Value], dtype: Any) -> Node:
        if kind_of(dtype) != "truth":
            raise NoRule(f"a bitwise operation on {dtype} has no rule")
        return apply(head, *(value.loose for value in values))

    return row


def _divide(values: list[Value], dtype: Any) -> Node:
    quotient = values[0].loose / values[1].loose
    return quotient if kind_of(dtype) == "real" else truncated(quotient)


def _remainder(values: list[Value], dtype: Any) -> Node:
    a, b = (value.loose for value in values)
    return a - b * truncated(a / b)


def _cast(values: list[Value], dtype: Any, **_: object) -> Node:
    (value,) = values
    before, after = value.kind, kind_of(dtype)
    if after == "truth" != before:
        return apply(functions.not_equal, value.loose, 0)
    return truncated(value.loose) if after == "whole" and before == "real" else value.loose


def _select(values: list[Value], dtype: Any) -> Node:
    """The case whose number is given; `false` is case 0."""
    which, *cases = values
    result = cases[0].loose
    if which.kind == "truth":
        return choose(which.loose, cases[1].loose, result) if len(cases) > 1 else result
    for number, case in enumerate(cases[1:], 1):
        result = choose(apply(functions.equal, which.loose, number), case.loose, result)
    return result


def _clamp(values: list[Value], dtype: Any) -> Node:
    low, value, high = (each.loose for each in values)
    return apply(functions.clip, value, low, high)


def _same(values: list[Value], dtype: Any, **_: object) -> Node:
    return values[0].loose


def _power(values: list[Value], dtype: Any, y: int | None = None, **_: object) -> Node:
    return values[0].loose ** (values[1].loose if y is None else y)


def _round(values: list[Value], dtype: Any, rounding_method: object = None) -> Node:
    """The nearest whole number: of two, the even one, or the one away from zero."""
    a = values[0].loose
    if int(str(getattr(rounding_method, "value", 0))) == 0:
        return apply(sp.sign, a) * apply(sp.floor, apply(sp.Abs, a) + HALF)
    return rounded_to_even(a)


ELEMENTWISE: dict[str, Row] = {
    **{name: _row_of(head) for name, head in {
        "exp": sp.exp, "log": sp.log, "abs": sp.Abs, "sign": sp.sign, "floor": sp.floor, "ceil": sp.ceiling,
        "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh, "asin": sp.asin,
        "acos": sp.acos, "atan": sp.atan, "asinh": sp.asinh, "acosh": sp.acosh, "atanh": sp.atanh, "atan2": sp.atan2,
        "erf": sp.erf, "erfc": sp.erfc, "log1p": functions.log1p, "expm1": functions.expm1, "exp2": functions.exp2,
        "cbrt": functions.cbrt, "lgamma": sp.loggamma, "digamma": sp.digamma, "logistic": functions.sigmoid,
        "eq": functions.equal, "ne": functions.not_equal, "lt": functions.less, "le": functions.less_equal,
        "gt": functions.greater, "ge": functions.greater_equal, "is_finite": functions.isfinite,
    }.items()},
    "add": _arithmetic(lambda a, b: a + b, functions.logical_or), "add_any": _arithmetic(lambda a, b: a + b),
    "sub": _arithmetic(lambda a, b: a - b), "mul": _arithmetic(lambda a, b: a * b, functions.logical_and),
    "neg": _arithmetic(lambda a: -a), "square": _arithmetic(lambda a: a**2), "integer_pow": _power, "pow": _power,
    "max": _arithmetic(lambda a, b: apply(sp.Max, a, b), functions.logical_or),
    "min": _arithmetic(lambda a, b: apply(sp.Min, a, b), functions.logical_and),
    "sqrt": _arithmetic(lambda a: a**HALF), "rsqrt": _arithmetic(lambda a: a**-HALF), "div": _divide, "rem": _remainder,
    "and": _logic(functions.logical_and), "or": _logic(functions.logical_or), "xor": _logic(functions.logical_xor),
    "not": _logic(functions.logical_not), "convert_element_type": _cast, "select_n": _select, "clamp": _clamp,
    **dict.fromkeys(("copy", "copy_p", "reduce_precision", "optimization_barrier", "sharding_constraint"), _same),
    "round": _round, "stop_gradient": lambda values, dtype: stopped(values[0].loose),
}  # fmt: skip
