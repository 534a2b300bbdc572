"""The NumPy calls that compute one operation into an array."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import sympy as sp

from symfold.compute.backends.numpy.elementwise import POWERS, ROWS, number_of, signed
from symfold.compute.backends.numpy.views import index_text
from symfold.compute.backends.numpy.writer import Ref, Source
from symfold.core.functions import numbers_of
from symfold.core.nodes import Node
from symfold.core.operations import Constant
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
    sum_to,
)
from symfold.core.sequences import stack_row


def elementwise_lines(source: Source, node: Node, names: Sequence[str], flipped: Sequence[bool], out: str) -> list[str]:
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
    if head in ROWS:
        return ROWS[head](names, out)
    return [f"copyto({out}, {source.function(numbers_of(head))}({', '.join(names)}))"]


def _share(source: Source, operand: Ref, axis: tuple[int, ...] | None) -> Ref:
    """One over the number of reduced entries, as a constant."""
    count = reduced_count(operand.shape, axis)
    return source.constant(Node(Constant(sp.Float(1.0 / count if count else math.inf))))


def primitive_lines(source: Source, node: Node, args: Sequence[Ref], out: Ref) -> list[str]:
    """The calls that compute a primitive into `out`."""
    op = node.op
    assert isinstance(op, Apply), op
    attributes, names = dict(op.attributes), [arg.name if arg is not None else "None" for arg in args]
    if is_primitive(node, dot):
        if max(len(arg.shape) for arg in args) <= 2 and len(node.shape) > 0:
            return [f"{names[0]}.dot({names[1]}, {out.name})"]
        return [f"matmul({names[0]}, {names[1]}, {out.name})"]
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
            ones = source.array("ones", np.ones((1, args[0].shape[-2])))
            return [f"{ones}.dot({names[0]}, {out.name})" if rank == 2 else f"matmul({ones}, {names[0]}, {out.name})"]
        return [f"add_reduce({names[0]}, {axes}, None, {out.name}, True)"]
    if is_primitive(node, concatenate):
        return [f"concatenate(({', '.join(names)},), {attributes['axis']}, {out.name})"]
    if is_primitive(node, stack_row):
        return [f"stack(({', '.join(names)},), 0, {out.name})"]
    if is_primitive(node, put):
        parts = ", ".join(":" if p == (None, None) else index_text(p) for p in attributes["index"])
        return [f"{out.name}.fill(0.0)", f"{out.name}[{parts}] = {names[0]}"]
    return [f"copyto({out.name}, {source.function(op.evaluate)}({', '.join(names)}))"]
