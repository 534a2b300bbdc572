"""Spellings of elementwise functions that NumPy and JAX share, by the name of the module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.core.nodes import Node
from symfold.core.primitives import Apply
from symfold.exchange.code.expressions import COMPARISON, POWER, PRODUCT, Code
from symfold.exchange.code.targets import Rule, ShapeText, Spelling

SAME_NAME = (
    "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sign", "floor", "log1p", "expm1", "log2", "log10",
    "exp2",
)  # fmt: skip
SAME_NAME_OF_TWO = ("hypot", "logaddexp")
OTHER_NAME = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "Abs": "abs", "ceiling": "ceil", "cbrt": "cbrt",
}  # fmt: skip
COMPARISONS = {"greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!="}
LOGIC = {"logical_and": "&", "logical_or": "|", "logical_xor": "^"}


def attributes(node: Node) -> dict[str, Any]:
    """The attributes of a primitive's node."""
    assert isinstance(node.op, Apply)
    return dict(node.op.attributes)


def compared(sign: str) -> Spelling:
    """A comparison, which is a truth value."""

    def spelling(node: Node, args: Sequence[Code], shape: ShapeText) -> Code:
        first, second = (arg.within(COMPARISON - 1) for arg in args)
        return Code(f"{first} {sign} {second}", COMPARISON, truth=True)

    return spelling


def tested(template: str) -> Spelling:
    """A function whose result is a truth value."""
    return lambda node, args, shape: Code(template.format(args[0].text), truth=True)


def truth(arg: Code) -> Code:
    """An argument as a truth value: whether it is not 0."""
    return arg if arg.truth else Code(f"{arg.within(COMPARISON - 1)} != 0", COMPARISON, truth=True)


def combined(sign: str) -> Spelling:
    """Truth values combined."""

    def spelling(node: Node, args: Sequence[Code], shape: ShapeText) -> Code:
        return Code(f" {sign} ".join(f"({truth(arg).text})" for arg in args), COMPARISON, truth=True)

    return spelling


def negated(node: Node, args: Sequence[Code], shape: ShapeText) -> Code:
    return Code(f"~({truth(args[0]).text})", POWER, truth=True)


def chosen(where: str) -> Spelling:
    """A choice by a condition."""
    return lambda node, args, shape: f"{where}({truth(args[0]).text}, {args[1].text}, {args[2].text})"


def chained(function: str) -> Spelling:
    """A function of two arguments over several."""

    def spelling(node: Node, args: Sequence[Code], shape: ShapeText) -> str:
        text = args[0].text
        for arg in args[1:]:
            text = f"{function}({text}, {arg.text})"
        return text

    return spelling


def heaviside(np: str) -> Spelling:
    """The step whose value at 0 is the second argument, or 1/2."""
    return lambda node, args, shape: f"{np}.heaviside({args[0].text}, {args[1].text if len(args) > 1 else '0.5'})"


def functions(np: str) -> dict[str, Rule]:
    """The rules of elementwise functions."""
    return {
        **{name: f"{np}.{name}({{0}})" for name in SAME_NAME},
        **{name: f"{np}.{name}({{0}}, {{1}})" for name in SAME_NAME_OF_TWO},
        **{name: f"{np}.{other}({{0}})" for name, other in OTHER_NAME.items()},
        **{name: compared(sign) for name, sign in COMPARISONS.items()},
        **{name: combined(sign) for name, sign in LOGIC.items()},
        "logical_not": negated,
        **{name: tested(f"{np}.{name}({{0}})") for name in ("isnan", "isinf", "isfinite")},
        "where": chosen(f"{np}.where"),
        "Max": chained(f"{np}.maximum"),
        "Min": chained(f"{np}.minimum"),
        "clip": f"{np}.clip({{0}}, {{1}}, {{2}})",
        "atan2": f"{np}.arctan2({{0}}, {{1}})",
        "Heaviside": heaviside(np),
        "step": f"{np}.heaviside({{0}}, 0)",
        "sech": lambda node, args, shape: Code(f"1 / {np}.cosh({args[0].text})", PRODUCT),
        "softplus": f"{np}.logaddexp({{0}}, 0)",
    }
