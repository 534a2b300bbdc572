"""Normal form: nets that differ only by roll, by the order and brackets of sums and products, by like terms, made equal.

Block by block, so that it costs the same at depth 1,000,000 and at a symbolic depth. Products are not expanded over sums.
Numbers are exact (a decimal number is what it says); what holds, holds wherever both sides are finite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.applied_layers import Call
from symfold.core.blocks import Block
from symfold.core.folds import Fold, apply_fold
from symfold.core.net import Net
from symfold.core.nodes import Node, digest
from symfold.core.operations import Constant, FrozenArray
from symfold.core.sequences import rebuilt_sequence
from symfold.core.shapes import ANY, Size
from symfold.core.tensors import number
from symfold.core.walks import rebuilt, substitute, walk
from symfold.transform.rolling import unroll, without_single_steps

WRITTEN_DIGITS = (
    15  # up to which a decimal number survives as a float: one with more is the rounding of some other number
)
MADE_OF = (sp.Add, sp.Mul, sp.Pow)
MOST_WRITTEN = 64  # steps up to which a net is also compared with its folds written out


def flattened(net: Net) -> tuple[Node, ...] | None:
    """The outputs with every fold written out; None where that would be long, or a depth is a symbol."""
    while net.bindings:
        counts = [node.op.count for node in net.bindings]
        if not all(isinstance(count, int) for count in counts) or sum(counts) > MOST_WRITTEN:
            return None
        net = net.with_outputs(without_single_steps(unroll(net).outputs))
    return net.outputs


def tidy(roots: Sequence[Node], bodies: dict[Block, Block] | None = None) -> tuple[Node, ...]:
    """The roots with sums and products in their normal form, in the blocks of folds and layers as well."""
    known: dict[Block, Block] = {} if bodies is None else bodies

    def rule(node: Node, args: tuple[Node, ...]) -> Any:
        op = node.op
        if isinstance(op, Fold):
            return _fold(op, args, known)
        if isinstance(op, Call) and op.body is not None:
            return Node(Call(_tidy_body(op.body, known), op.arity, op.weights), args)
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


def _tidy_body(body: Block, known: dict[Block, Block]) -> Block:
    if body not in known:
        known[body] = Block(body.shapes, tidy(body.results, known))
    return known[body]


def _fold(fold: Fold, args: tuple[Node, ...], known: dict[Block, Block]) -> tuple[Node, ...]:
    """A fold whose operands stand in an order of their own, each once, the unused ones left out.

    Sums and products that the steps share are brought into the step: only there their terms meet those of the state.
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
    while True:  # what is not used is seen when the step is tidied; the places that are left are numbered anew, once
        wanted = (*block.shapes[:carries], *(shapes.get(pair, pair[0].shape) for pair in ordered))
        fresh = Block(wanted, ()).formals
        own = dict(zip(ordered, fresh[carries:], strict=True))
        shared = {operand: formal for (operand, each), formal in own.items() if not each}
        filled = [own.get((o, True)) if each else substitute((o,), shared)[0] for o, each in operands]
        replaced = {
            formal: value for formal, value in zip(block.formals[carries:], filled, strict=True) if value is not None
        }
        made = tidy(substitute(results, replaced), known)
        used = set(walk(made))
        kept = [pair for pair in ordered if own[pair] in used]
        if kept == ordered:
            rests = (
                _at_rest(made[0], fold.count, own, args[0], known)
                if carries == len(made) == 1 and args[0].shape == made[0].shape
                else None
            )
            return (
                (rests,)
                if rests is not None
                else apply_fold(
                    Block(wanted, made),
                    fold.count,
                    args[:carries],
                    [o for o, _ in ordered],
                    [each for _, each in ordered],
                )
            )
        ordered, results = kept, made
        block, operands = Block(wanted, made), [(o, each) for o, each in own]


def _at_rest(
    result: Node, count: Size, own: dict[tuple[Node, bool], Node], start: Node, known: dict[Block, Block]
) -> Node | None:
    """The state of a fold at every depth, where its steps leave it as it is, or replace it by one value."""
    shared = {operand: formal for (operand, each), formal in own.items() if not each}
    if isinstance(count, int) and count > 0 and set(_terms(result)) <= set(shared.values()):
        return tidy(substitute((result,), {formal: operand for operand, formal in shared.items()}), known)[0]
    state = Block((result.shape,), ()).formals[0]
    if result is state:
        return start
    begins = tidy(substitute((start,), shared), known)[0] if set(_terms(start)) <= set(shared) else state
    return start if tidy(substitute((result,), {state: begins}), known)[0] == begins != state else None


def _terms(operand: Node) -> list[Node]:
    """What a value is made of by sums, products and powers, numbers left out."""
    met: dict[Node, None] = {}
    waiting = [operand]
    while waiting:
        node = waiting.pop()
        if node not in met:
            met[node] = None
            waiting += node.args if node.op in MADE_OF else ()
    return [node for node in met if node.op not in MADE_OF and exact(node) is None]


# ---------------------------------------------------------------- sums and products


def exact(node: Node) -> Fraction | None:
    """The number that a node is, exactly, if it is a rational one."""
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
    """The numbers of an array as fractions, exactly."""
    return np.array([fraction_of(entry) for entry in array.ravel().tolist()], dtype=object).reshape(array.shape)


def fraction_of(value: Any) -> Fraction:
    """A number exactly: of a float the decimal that it says, or where it has too many digits the binary fraction that it is.

    >>> fraction_of(0.1), fraction_of(1e-12) * 10**12, fraction_of(1 / 3) == Fraction(1, 3)
    (Fraction(1, 10), Fraction(1, 1), False)
    """
    return (
        Fraction(repr(value))
        if isinstance(value, float) and isfinite(value) and not is_rounded(value)
        else Fraction(value)
    )


def is_rounded(value: Any) -> bool:
    """Whether a number is a float with more digits than people write: the rounding of a number that is not known.

    >>> is_rounded(0.1), is_rounded(1 / 3), is_rounded(10**20)
    (False, True, False)
    """
    return isinstance(value, float) and len(Decimal(repr(value)).normalize().as_tuple().digits) > WRITTEN_DIGITS


def constant(value: Fraction) -> Node:
    return number(sp.Rational(value.numerator, value.denominator))


def _ordered(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=digest))


def _kept(head: Any, plain: Sequence[Node], tidied: Node) -> Node:
    """The tidied operation, unless it would lose a shape that broadcasting gave it."""
    base = Node(head, _ordered(plain))
    lost = ANY[0] in base.shape and not set(_terms(base)) <= set(_terms(tidied))
    return base if lost or base.shape != tidied.shape else tidied


def _sum(args: Sequence[Node]) -> Node:
    addends = [part for arg in args for part in (arg.args if arg.op is sp.Add else (arg,))]
    total, terms = Fraction(0), dict[Node, Fraction]()
    for addend in addends:
        value = exact(addend)
        if value is not None:
            total += value
            continue
        factor, rest = _coefficient(addend)
        terms[rest] = terms.get(rest, Fraction(0)) + factor
    made = [rest if factor == 1 else _scaled(factor, rest) for rest, factor in terms.items() if factor]
    if total or not made:
        made.append(constant(total))
    return _kept(sp.Add, addends, Node(sp.Add, _ordered(made)) if len(made) > 1 else made[0])


def _coefficient(node: Node) -> tuple[Fraction, Node]:
    """A term as a number times the rest; the number of a product in normal form stands first."""
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
    made = _ordered(
        base if exponent == 1 else Node(sp.Pow, (base, number(exponent))) for base, exponent in powers.items()
    )
    rest = made[0] if len(made) == 1 else Node(sp.Mul, made) if made else None
    if rest is None or total == 0:
        tidied = constant(total)
    elif total == 1:
        tidied = rest
    elif rest.op is sp.Add:  # a number is multiplied into a sum, so that minus a sum is a sum
        tidied = _sum([_product((constant(total), term)) for term in rest.args])
    else:
        tidied = _scaled(total, rest)
    return _kept(sp.Mul, factors, tidied)


def _base(node: Node) -> tuple[Node, int]:
    if node.op is sp.Pow and (value := exact(node.args[1])) is not None and value.denominator == 1 and value > 0:
        return node.args[0], int(value)
    return node, 1


def _power(base: Node, exponent: Node) -> Node:
    value, known = exact(exponent), exact(base)
    if value == 1:
        return base
    if known is not None and value is not None and value.denominator == 1 and abs(value) <= 64 and (known or value > 0):
        return constant(known ** int(value))
    return Node(sp.Pow, (base, exponent))
