"""Elementwise operations as NumPy calls that write into a given array.

A row says which calls compute a head; a head without a row is computed by its plain function and copied. Sums with
minus signs and products with reciprocals become one subtraction or division each, so nothing is negated for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from symfold.core.functions import Head, divide, relu, sigmoid, softplus
from symfold.core.nodes import Node
from symfold.core.operations import Constant

Term = tuple[str, str]  # "+" or "-" (in a product "*" or "/"), and the name of an array

UNARY: dict[Head, str] = {
    sp.exp: "exp", sp.log: "log", sp.Abs: "absolute", sp.sign: "sign", sp.floor: "floor", sp.ceiling: "ceil",
    sp.sin: "sin", sp.cos: "cos", sp.tan: "tan", sp.sinh: "sinh", sp.cosh: "cosh", sp.tanh: "tanh",
    sp.asin: "arcsin", sp.acos: "arccos", sp.atan: "arctan",
    sp.asinh: "arcsinh", sp.acosh: "arccosh", sp.atanh: "arctanh",
}  # fmt: skip


def unary(name: str) -> Callable[[Sequence[str], str], list[str]]:
    """One call of one argument."""
    return lambda args, out: [f"{name}({args[0]}, {out})"]


# 1/(1 + exp(-z)) overflows to 1/inf = 0 where it should: the run silences that one warning.
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
    sp.Rational(-1, 2): lambda a, o: [
        f"sqrt({a}, {o})",
        f"absolute({o}, {o})",
        f"reciprocal({o}, {o})",
    ],  # of -0 it is oo, as of 0
}


def chain(name: str, args: Sequence[str], out: str) -> list[str]:
    """A binary function over several arguments, two at a time; of one argument, that argument."""
    if len(args) == 1:
        return [f"copyto({out}, {args[0]})"]
    lines = [f"{name}({args[0]}, {args[1]}, out={out})"]
    return lines + [f"{name}({out}, {arg}, out={out})" for arg in args[2:]]


def number_of(node: Node) -> sp.Expr | None:
    """The number that a node is, if it is one."""
    return node.op.value if isinstance(node.op, Constant) and isinstance(node.op.value, sp.Expr) else None


def absorbed(node: Node, user: Node) -> Node | None:
    """What a user may read instead of a node, with the opposite sign: u of -u in a sum, u of 1/u in a product."""
    if user.op is sp.Add and node.op is sp.Mul and len(node.args) == 2 and number_of(node.args[0]) == -1:
        return node.args[1]
    if user.op is sp.Mul and node.op is sp.Pow and number_of(node.args[1]) == -1:
        return node.args[0]
    return None


SIGNED = {"+": ("add", "subtract", "negative"), "*": ("multiply", "divide", "reciprocal")}


def signed(kind: str, terms: Sequence[Term], out: str) -> list[str]:
    """A sum of terms with signs, or a product of factors and divisors.

    >>> signed("+", [("-", "a"), ("+", "b"), ("-", "c")], "t")
    ['subtract(b, a, t)', 'subtract(t, c, t)']
    """
    join, part, alone = SIGNED[kind]
    (first_sign, first), *others = terms
    if not others:
        return [f"copyto({out}, {first})" if first_sign == kind else f"{alone}({first}, {out})"]
    (second_sign, second), *others = others
    if first_sign == kind:
        lines = [f"{join if second_sign == kind else part}({first}, {second}, {out})"]
    elif second_sign == kind:
        lines = [f"{part}({second}, {first}, {out})"]
    else:
        lines = [f"{join}({first}, {second}, {out})", f"{alone}({out}, {out})"]
    return lines + [f"{join if sign == kind else part}({out}, {name}, {out})" for sign, name in others]
