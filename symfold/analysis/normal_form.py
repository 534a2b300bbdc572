"""Normal form: one form for nets that differ only by rolling, order, brackets and like terms of sums and products.

Block by block, so the cost does not depend on the depth, which may be symbolic. Products are not expanded over sums.
Numbers are exact (a float is the decimal fraction that it prints). Equality holds wherever both sides are finite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold, apply_fold
from symfold.core.leaves import NEGATIVE_ZERO, Constant, FrozenArray, number
from symfold.core.net import Net
from symfold.core.nodes import Node, digest, rebuilt, substitute, walk
from symfold.core.sequences import rebuilt_sequence
from symfold.core.shapes import ANY, Size
from symfold.transform.rolling import unroll_nodes, without_single_steps

WRITTEN_DIGITS = 15  # of a decimal number that survives as a float; a float with more is rounded
ARITHMETIC = (sp.Add, sp.Mul, sp.Pow)
MOST_UNROLLED = 64  # steps up to which a net is also compared with its folds unrolled


def flattened(net: Net) -> tuple[Node, ...] | None:
    """The outputs with all folds unrolled; None if that is long, or a depth is a symbol."""
    while net.bindings:
        counts = [node.op.count for node in net.bindings]
        if not all(isinstance(count, int) for count in counts) or sum(counts) > MOST_UNROLLED:
            return None
        net = net.with_outputs(without_single_steps(unroll_nodes(net.outputs)))
    return net.outputs


def tidy(roots: Sequence[Node], bodies: dict[Block, Block] | None = None) -> tuple[Node, ...]:
    """The roots with sums and products in normal form, in the blocks of folds and layers as well."""
    memo: dict[Block, Block] = {} if bodies is None else bodies

    def rule(node: Node, args: tuple[Node, ...]) -> Any:
        op = node.op
        if isinstance(op, Fold):
            return _fold(op, args, memo)
        if isinstance(op, Call) and op.body is not None:
            return Node(Call(_tidy_body(op.body, memo), op.arity, op.weights), args)
        if op is sp.Add:
            return _sum(args)
        if op is sp.Mul:
            return _product(args)
        if op is sp.Pow:
            return _power(*args)
        if isinstance(op, Constant):
            return node if (value := exact(node)) is None else constant(value)
        return rebuilt_sequence(node, args) if args else None

    return rebuilt(roots, rule)


def _tidy_body(body: Block, memo: dict[Block, Block]) -> Block:
    if body not in memo:
        memo[body] = Block(body.shapes, tidy(body.results, memo))
    return memo[body]


def _fold(fold: Fold, args: tuple[Node, ...], memo: dict[Block, Block]) -> tuple[Node, ...]:
    """A fold with its operands in canonical order, each once, without unused ones.

    Sums and products that all steps share are moved into the step, so that their terms merge with those of the state.
    """
    carries, block = fold.carries, fold.block
    operands = list(zip(args[carries:], fold.each, strict=True))
    shapes = dict(zip(operands, block.shapes[carries:], strict=True))
    needed = [
        pair
        for operand, each in operands
        for pair in ([(operand, each)] if each else [(leaf, False) for leaf in _terms(operand)])
    ]
    ordered = sorted(dict.fromkeys(needed), key=lambda pair: (digest(pair[0]), pair[1]))
    results = block.results
    while True:  # once more if the tidied step leaves operands unused
        all_shapes = (*block.shapes[:carries], *(shapes.get(pair, pair[0].shape) for pair in ordered))
        formals = dict(zip(ordered, Block(all_shapes, ()).formals[carries:], strict=True))
        shared = {operand: formal for (operand, each), formal in formals.items() if not each}
        values = [formals.get((o, True)) if each else substitute((o,), shared)[0] for o, each in operands]
        replaced = {
            formal: value for formal, value in zip(block.formals[carries:], values, strict=True) if value is not None
        }
        tidied = tidy(substitute(results, replaced), memo)
        nodes = set(walk(tidied))
        used = [pair for pair in ordered if formals[pair] in nodes]
        if used == ordered:
            if carries == len(tidied) == 1 and args[0].shape == tidied[0].shape:
                fixed = _fixed_state(tidied[0], fold.count, formals, args[0], memo)
                if fixed is not None:
                    return (fixed,)
            each_of = [each for _, each in ordered]
            return apply_fold(Block(all_shapes, tidied), fold.count, args[:carries], [o for o, _ in ordered], each_of)
        ordered, results = used, tidied
        block, operands = Block(all_shapes, tidied), list(formals)


def _fixed_state(
    result: Node, count: Size, formals: dict[tuple[Node, bool], Node], start: Node, memo: dict[Block, Block]
) -> Node | None:
    """The state of a fold at every depth if its steps return it unchanged, or replace it by one value; else None."""
    shared = {operand: formal for (operand, each), formal in formals.items() if not each}
    if isinstance(count, int) and count > 0 and set(_terms(result)) <= set(shared.values()):
        return tidy(substitute((result,), {formal: operand for operand, formal in shared.items()}), memo)[0]
    state = Block((result.shape,), ()).formals[0]
    if result is state:
        return start
    initial = tidy(substitute((start,), shared), memo)[0] if set(_terms(start)) <= set(shared) else state
    return start if tidy(substitute((result,), {state: initial}), memo)[0] == initial != state else None


def _terms(operand: Node) -> list[Node]:
    """The nodes that a value combines by sums, products and powers, without numbers."""
    visited: dict[Node, None] = {}
    pending = [operand]
    while pending:
        node = pending.pop()
        if node not in visited:
            visited[node] = None
            pending += node.args if node.op in ARITHMETIC else ()
    return [node for node in visited if node.op not in ARITHMETIC and exact(node) is None]


# ---------------------------------------------------------------- sums and products


def exact(node: Node) -> Fraction | None:
    """The exact value of a node that is a rational number; else None."""
    value = node.op.value if isinstance(node.op, Constant) else None
    if (
        value is None
        or isinstance(value, FrozenArray)
        or not (value.is_Rational or (value.is_Float and value.is_finite))
    ):
        return None
    if value.is_Float and value == sp.Float(float(value)):
        return fraction_of(float(value))
    ratio = sp.Rational(value)
    return Fraction(int(ratio.p), int(ratio.q))


def fractions_of(array: Any) -> Any:
    """The exact entries of an array as fractions."""
    return np.array([fraction_of(entry) for entry in array.ravel().tolist()], dtype=object).reshape(array.shape)


def fraction_of(value: Any) -> Fraction:
    """A number as a fraction: for a float the decimal that it prints, or its binary fraction if it is rounded.

    >>> fraction_of(0.1), fraction_of(1e-12) * 10**12, fraction_of(1 / 3) == Fraction(1, 3)
    (Fraction(1, 10), Fraction(1, 1), False)
    """
    is_decimal = isinstance(value, float) and isfinite(value) and not is_rounded(value)
    return Fraction(repr(value) if is_decimal else value)


def is_rounded(value: Any) -> bool:
    """Whether a number is a float with so many digits that it is the rounding of an unknown number.

    >>> is_rounded(0.1), is_rounded(1 / 3), is_rounded(10**20)
    (False, True, False)
    """
    return isinstance(value, float) and len(Decimal(repr(value)).normalize().as_tuple().digits) > WRITTEN_DIGITS


def constant(value: Fraction) -> Node:
    return number(sp.Rational(value.numerator, value.denominator))


def _ordered(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=digest))


def _same_shape(head: Any, plain: Sequence[Node], tidied: Node) -> Node:
    """The tidied operation, unless it lost a shape due to broadcasting."""
    base = Node(head, _ordered(plain))
    lost = ANY[0] in base.shape and not set(_terms(base)) <= set(_terms(tidied))
    return base if lost or base.shape != tidied.shape else tidied


def _sum(args: Sequence[Node]) -> Node:
    addends = [part for arg in args for part in (arg.args if arg.op is sp.Add else (arg,))]
    total, terms = Fraction(0), dict[Node, Fraction]()
    for addend in addends:
        value = Fraction(0) if addend.op == NEGATIVE_ZERO else exact(addend)
        if value is not None:
            total += value
            continue
        factor, rest = _coefficient(addend)
        terms[rest] = terms.get(rest, Fraction(0)) + factor
    parts = [rest if factor == 1 else _scaled(factor, rest) for rest, factor in terms.items() if factor]
    if total or not parts:
        parts.append(constant(total))
    return _same_shape(sp.Add, addends, Node(sp.Add, _ordered(parts)) if len(parts) > 1 else parts[0])


def _coefficient(node: Node) -> tuple[Fraction, Node]:
    """A term as a number times the rest; in normal form, the number of a product comes first."""
    if node.op is sp.Mul and (value := exact(node.args[0])) is not None:
        return value, node.args[1] if len(node.args) == 2 else Node(sp.Mul, node.args[1:])
    return Fraction(1), node


def _scaled(factor: Fraction, rest: Node) -> Node:
    return Node(sp.Mul, (constant(factor), *(rest.args if rest.op is sp.Mul else (rest,))))


def _product(args: Sequence[Node]) -> Node:
    factors = [part for arg in args for part in (arg.args if arg.op is sp.Mul else (arg,))]
    total, powers = Fraction(1), dict[Node, int]()
    for factor in factors:
        value = exact(factor)
        if value is not None:
            total *= value
            continue
        base, exponent = _base(factor)
        powers[base] = powers.get(base, 0) + exponent
    parts = _ordered(
        base if exponent == 1 else Node(sp.Pow, (base, number(exponent))) for base, exponent in powers.items()
    )
    rest = parts[0] if len(parts) == 1 else Node(sp.Mul, parts) if parts else None
    if rest is None or total == 0:
        tidied = constant(total)
    elif total == 1:
        tidied = rest
    elif rest.op is sp.Add:  # a number is distributed over a sum, so that minus a sum is a sum
        tidied = _sum([_product((constant(total), term)) for term in rest.args])
    else:
        tidied = _scaled(total, rest)
    return _same_shape(sp.Mul, factors, tidied)


def _base(node: Node) -> tuple[Node, int]:
    if node.op is sp.Pow and (value := exact(node.args[1])) is not None and value.denominator == 1 and value > 0:
        return node.args[0], int(value)
    return node, 1


def _power(base: Node, exponent: Node) -> Node:
    exponent_value, base_value = exact(exponent), exact(base)
    if exponent_value == 1:
        return base
    is_small = exponent_value is not None and exponent_value.denominator == 1 and abs(exponent_value) <= 64
    if base_value is not None and exponent_value is not None and is_small and (base_value or exponent_value > 0):
        return constant(base_value ** int(exponent_value))
    return Node(sp.Pow, (base, exponent))
