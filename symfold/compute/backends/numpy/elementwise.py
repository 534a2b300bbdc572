"""Elementwise operations as NumPy calls that write into an array.

A row holds the calls of a head; a head without a row is computed by its plain function and copied. Negated terms of
sums become subtractions, and reciprocal factors of products become divisions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from symfold.core.functions import Head, divide, relu, sigmoid, softplus
from symfold.core.nodes import Node
from symfold.core.operations import Constant

Term = tuple[str, str]  # "+" or "-" ("*" or "/" in a product), and the name of an array

UNARY: dict[Head, str] = {
    sp.exp: "exp", sp.log: "log", sp.Abs: "absolute", sp.sign: "sign", sp.floor: "floor", sp.ceiling: "ceil",
    sp.sin: "sin", sp.cos: "cos", sp.tan: "tan", sp.sinh: "sinh", sp.cosh: "cosh", sp.tanh: "tanh",
    sp.asin: "arcsin", sp.acos: "arccos", sp.atan: "arctan",
    sp.asinh: "arcsinh", sp.acosh: "arccosh", sp.atanh: "arctanh",
}  # fmt: skip


def unary(name: str) -> Callable[[Sequence[str], str], list[str]]:
    """One call with one argument."""
    return lambda args, out: [f"{name}({args[0]}, {out})"]


# 1/(1 + exp(-z)) overflows to 1/inf = 0, as it should; the run silences the warning
ROWS: dict[Head, Callable[[Sequence[str], str], list[str]]] = {
    sigmoid: lambda a, o: [f"negative({a[0]}, {o})", f"exp({o}, {o})", f"add({o}, one, {o})", f"reciprocal({o}, {o})"],
    softplus: lambda a, o: [f"logaddexp(zero, {a[0]}, {o})"],
    sp.sech: lambda a, o: [f"cosh({a[0]}, {o})", f"reciprocal({o}, {o})"],
    relu: lambda a, o: [f"maximum({a[0]}, zero, out={o})"],
    sp.Max: lambda a, o: chain("maximum", a, o),
    sp.Min: lambda a, o: chain("minimum", a, o),
    divide: lambda a, o: [f"divide({a[0]}, {a[1]}, {o})"],
    sp.atan2: lambda a, o: [f"arctan2({a[0]}, {a[1]}, {o})"],
    **{head: unary(name) for head, name in UNARY.items()},
}

POWERS = {
    sp.Integer(2): lambda a, o: [f"multiply({a}, {a}, {o})"],
    sp.Integer(-1): lambda a, o: [f"reciprocal({a}, {o})"],
    sp.Rational(1, 2): lambda a, o: [f"sqrt({a}, {o})"],
    sp.Integer(-2): lambda a, o: [f"multiply({a}, {a}, {o})", f"reciprocal({o}, {o})"],
    # (-0)**(-1/2) is oo, as 0**(-1/2) is
    sp.Rational(-1, 2): lambda a, o: [f"sqrt({a}, {o})", f"absolute({o}, {o})", f"reciprocal({o}, {o})"],
}


def chain(name: str, args: Sequence[str], out: str) -> list[str]:
    """A binary function chained over several arguments; a copy for one argument."""
    if len(args) == 1:
        return [f"copyto({out}, {args[0]})"]
    lines = [f"{name}({args[0]}, {args[1]}, out={out})"]
    return lines + [f"{name}({out}, {arg}, out={out})" for arg in args[2:]]


def number_of(node: Node) -> sp.Expr | None:
    """The value of a constant node that is a number, else None."""
    return node.op.value if isinstance(node.op, Constant) and isinstance(node.op.value, sp.Expr) else None


def absorbed(node: Node, user: Node) -> Node | None:
    """The operand that a user can read instead, with the opposite sign: u of -u in a sum, u of 1/u in a product."""
    if user.op is sp.Add and node.op is sp.Mul and len(node.args) == 2 and number_of(node.args[0]) == -1:
        return node.args[1]
    if user.op is sp.Mul and node.op is sp.Pow and number_of(node.args[1]) == -1:
        return node.args[0]
    return None


SIGNED = {"+": ("add", "subtract", "negative"), "*": ("multiply", "divide", "reciprocal")}


def signed(kind: str, terms: Sequence[Term], out: str) -> list[str]:
    """A sum of signed terms (kind "+"), or a product of factors and divisors (kind "*").

    >>> signed("+", [("-", "a"), ("+", "b"), ("-", "c")], "t")
    ['subtract(b, a, t)', 'subtract(t, c, t)']
    """
    combine, uncombine, invert = SIGNED[kind]
    (first_sign, first), *rest = terms
    if not rest:
        return [f"copyto({out}, {first})" if first_sign == kind else f"{invert}({first}, {out})"]
    (second_sign, second), *rest = rest
    if first_sign == kind:
        lines = [f"{combine if second_sign == kind else uncombine}({first}, {second}, {out})"]
    elif second_sign == kind:
        lines = [f"{uncombine}({second}, {first}, {out})"]
    else:
        lines = [f"{combine}({first}, {second}, {out})", f"{invert}({out}, {out})"]
    return lines + [f"{combine if sign == kind else uncombine}({out}, {name}, {out})" for sign, name in rest]
