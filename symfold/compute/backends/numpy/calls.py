"""The NumPy calls that compute one operation into an array.

A row holds the calls of an elementwise function; one without a row is computed by its plain function and copied.
Negated terms of sums become subtractions, and reciprocal factors of products become divisions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import sympy as sp

from symfold.compute.backends.numpy.convolutions import correlator
from symfold.compute.backends.numpy.sums import axes_by_dot, axes_by_rows, dot_sum, row_sum, softmax_by_rows
from symfold.compute.backends.numpy.views import index_text
from symfold.compute.backends.numpy.writer import Ref, Source
from symfold.compute.evaluate import constant_value
from symfold.core.functions import Head, divide, numbers_of, relu, sigmoid, softplus, step
from symfold.core.leaves import Constant, number_of
from symfold.core.nodes import Node
from symfold.core.primitives import (
    Apply,
    concatenate,
    dot,
    is_primitive,
    put,
    reduce_mean,
    reduce_sum,
    reduced_count,
    share,
    softmax,
    sum_to,
)
from symfold.core.sequences import stack_row
from symfold.core.shapes import Shape, sized
from symfold.transform.passes.convolutions import CORRELATION

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
    relu: lambda a, o: [f"maximum({a[0]}, zero, out={o})"],
    step: lambda a, o: [f"maximum({a[0]}, zero, out={o})", f"minimum({o}, one, out={o})", f"ceil({o}, {o})"],
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


# A comparison with one number is several times slower than with an array of it, or than `clip`, which has a longer way
# to the call. Tiny arrays hide the difference.
TINY, LARGE = 2**8, 2**13
COMPARED = {sp.Max: "clip({0}, {1}, infinity, {2})", sp.Min: "clip({0}, minus_infinity, {1}, {2})"}
LARGE_ROWS: dict[Head, Callable[[Sequence[str], str], list[str]]] = {
    relu: lambda a, o: [f"clip({a[0]}, zero, infinity, {o})"],
    step: lambda a, o: [f"clip({a[0]}, zero, one, {o})", f"ceil({o}, {o})"],
}


def chain(name: str, args: Sequence[str], out: str) -> list[str]:
    """A binary function chained over several arguments; a copy for one argument."""
    if len(args) == 1:
        return [f"copyto({out}, {args[0]})"]
    lines = [f"{name}({args[0]}, {args[1]}, out={out})"]
    return lines + [f"{name}({out}, {arg}, out={out})" for arg in args[2:]]


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


def elementwise_lines(
    source: Source, node: Node[Head], names: Sequence[str], flipped: Sequence[bool], out: str
) -> list[str]:
    """The calls that compute an elementwise node into `out`; `flipped` marks arguments of the opposite sign."""
    head = node.op
    if head is sp.Mul and number_of(node.args[0]) == -1 and len(names) > 1:
        names, flipped = [*names[1:], names[0]], [*flipped[1:], flipped[0]]
        if len(names) == 2:
            return [f"negative({names[0]}, {out})"] if not flipped[0] else [f"divide(minus_one, {names[0]}, {out})"]
    if head in (sp.Add, sp.Mul):
        plain, opposite = ("+", "-") if head is sp.Add else ("*", "/")
        terms = [(opposite if flip else plain, name) for flip, name in zip(flipped, names, strict=True)]
        return signed(plain, terms, out)
    if head is sp.Pow:
        exponent = number_of(node.args[1])
        if exponent in POWERS:
            return POWERS[exponent](names[0], out)
        return [f"power({names[0]}, {names[1]}, {out})"]
    size = prod(map(int, node.shape))
    numbers = [k for k, arg in enumerate(node.args) if number_of(arg) is not None]
    if head in COMPARED and size > TINY and len(names) == 2 and len(numbers) == 1:
        value, limit = names[1 - numbers[0]], names[numbers[0]]
        if size >= LARGE and node.args[1 - numbers[0]].shape == node.shape:
            return [COMPARED[head].format(value, limit, out)]
        return ROWS[head]([value, repeated(source, node.args[numbers[0]], node.shape)], out)
    rows = LARGE_ROWS if head in LARGE_ROWS and size >= LARGE else ROWS
    if head in rows:
        return rows[head](names, out)
    return [f"copyto({out}, {source.function(numbers_of(head))}({', '.join(names)}))"]


def repeated(source: Source, node: Node, shape: Shape) -> str:
    """The name of an array of one number."""
    return source.array("c", np.full(sized(shape), constant_value(node), source.dtype))


def _share(source: Source, operand: Ref, axis: tuple[int, ...] | None) -> Ref:
    """One over the number of reduced entries, as a constant."""
    count = reduced_count(operand.shape, axis)
    return source.constant(Node(Constant(sp.Float(1.0 / count if count else math.inf))))


def sizes(node: Node) -> tuple[int, ...]:
    return tuple(map(int, node.shape))


def summed_axes(node: Node) -> tuple[int, ...]:
    """The axes that a sum or a mean sums, counted from the end; none for other operations."""
    if is_primitive(node, sum_to) and len(node.args[0].shape) == len(node.shape):
        pairs = zip(sizes(node.args[0]), sizes(node), strict=True)
        return tuple(k - len(node.shape) for k, (before, after) in enumerate(pairs) if before != after)
    if is_primitive(node, reduce_sum, reduce_mean):
        axes: tuple[int, ...] | None = dict(node.op.attributes)["axis"]
        return tuple(range(-len(node.args[0].shape), 0)) if axes is None else axes
    return ()


def takes_rows(node: Node, shape: tuple[int, ...], axes: tuple[int, ...]) -> bool:
    """Whether a sum over rows is not the plain one of `sum_to`, which has a call of its own."""
    return axes_by_rows(shape, axes) > 0 and not (is_primitive(node, sum_to) and axes == (-2,))


def factors_summed(node: Node) -> tuple[Node, Node] | None:
    """The two arrays whose product an operation sums in one call."""
    if not (axes := summed_axes(node)):
        return None
    product = node.args[0]
    square = product.op is sp.Pow and number_of(product.args[1]) == 2
    if not square and not (product.op is sp.Mul and len(product.args) == 2):
        return None
    first, second = (product.args[0], product.args[0]) if square else product.args
    alike = first.shape == second.shape == product.shape
    return (first, second) if alike and axes_by_dot(sizes(product), axes) else None


def primitive_lines(source: Source, node: Node, args: Sequence[Ref], out: Ref) -> list[str]:
    """The calls that compute a primitive into `out`."""
    op = node.op
    assert isinstance(op, Apply), op
    attributes, names = dict(op.attributes), [arg.name if arg is not None else "None" for arg in args]
    if is_primitive(node, dot):
        if max(len(arg.shape) for arg in args) <= 2 and len(node.shape) > 0:
            return [f"{names[0]}.dot({names[1]}, {out.name})"]
        return [f"matmul({names[0]}, {names[1]}, {out.name})"]
    if summed := summed_axes(node):
        shape = sizes(node.args[0])
        by = dot_sum if axes_by_dot(shape, summed) else row_sum if takes_rows(node, shape, summed) else None
        if by:
            total = by(shape, summed, source.dtype, attributes.get("keepdims", True))
            lines = [f"{source.function(total)}({', '.join(names)}, {out.name})"]
            scale = _share(source, args[0], summed) if is_primitive(node, reduce_mean) else None
            return [*lines, f"multiply({out.name}, {scale.name}, {out.name})"] if scale else lines
    if is_primitive(node, softmax) and attributes["axis"] == (-1,) and node.shape[-1] != 0:
        return [f"{source.function(softmax_by_rows(sizes(node), source.dtype))}({names[0]}, {out.name})"]
    if is_primitive(node, reduce_sum):
        return [f"add_reduce({names[0]}, {attributes['axis']}, None, {out.name}, {attributes['keepdims']})"]
    if is_primitive(node, reduce_mean):
        scale = _share(source, args[0], attributes["axis"])
        return [
            f"add_reduce({names[0]}, {attributes['axis']}, None, {out.name}, {attributes['keepdims']})",
            f"multiply({out.name}, {scale.name}, {out.name})",
        ]
    if is_primitive(node, share):
        return [f"copyto({out.name}, {_share(source, args[0], attributes['axis']).name})"]
    if is_primitive(node, sum_to) and len(args[0].shape) == len(node.shape):
        rank = len(node.shape)
        axes = tuple(k for k, (a, b) in enumerate(zip(args[0].shape, node.shape, strict=True)) if a != b)
        if axes == (rank - 2,):  # a sum over rows is a product with ones: BLAS is several times faster
            ones = source.array("ones", np.ones((1, args[0].shape[-2]), source.dtype))
            return [f"{ones}.dot({names[0]}, {out.name})" if rank == 2 else f"matmul({ones}, {names[0]}, {out.name})"]
        return [f"add_reduce({names[0]}, {axes}, None, {out.name}, True)"]
    if is_primitive(node, concatenate):
        return [f"concatenate(({', '.join(names)},), {attributes['axis']}, {out.name})"]
    if is_primitive(node, stack_row):
        return [f"stack(({', '.join(names)},), 0, {out.name})"]
    if is_primitive(node, put):
        parts = ", ".join(":" if p == (None, None) else index_text(p) for p in attributes["index"])
        return [f"{out.name}.fill(0.0)", f"{out.name}[{parts}] = {names[0]}"]
    if is_primitive(node, CORRELATION):
        return [f"{source.function(correlator(attributes['of']))}({', '.join(names)}, {out.name})"]
    return [f"copyto({out.name}, {source.function(op.evaluate)}({', '.join(names)}))"]
