"""Same form: whether two nets have one normal form, with the initial values of sums and products outside the folds.

    z_k = z_{k-1} + g_k, k = 1..n, z_0 = x    is    x + z_n    with    z_k = z_{k-1} + g_k, z_0 = 0

g_k may read items, captured values and other parts of the state, but not z. A term g_0 added to such a sum, its step
over the item before the first, becomes its first step; so a sum whose first step is separate equals the sum of all
steps. Block by block, at any depth, also a symbolic one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symfold.analysis.normal_form import exact, flattened, tidy
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold, fold_of
from symfold.core.leaves import number
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, substitute, walk
from symfold.core.primitives import broadcast_to, is_primitive
from symfold.core.sequences import element, take, take_row
from symfold.core.shapes import ANY, Shape, is_known
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.transform.rolling import roll

NEUTRAL = {sp.Add: 0, sp.Mul: 1}


def normal_form(net: Any) -> Net:
    """The normal form of a net: equal forms prove equal nets, different ones prove nothing.

    >>> import symfold as sf
    >>> f, x = sf.layers("f", count="n"), sf.tensor("x")
    >>> normal_form(sf.fold(lambda z, f: x + f(z) + z - x, f, x)) == normal_form(sf.fold(sf.mappers.residual, f, x))
    True
    >>> boosting = sf.mappers.boosting(x)
    >>> normal_form(sf.fold(boosting, f, x)) == normal_form(x + sf.fold(boosting, f, 0))
    True
    """
    rolled = roll(net, search=False)
    return rolled.with_outputs(separated(rolled.outputs))


def same_form(a: Net, b: Net) -> bool:
    """Whether two nets have one normal form: as folds, or unrolled if they are short."""
    left, right = (roll(net, search=False).outputs for net in (a, b))
    if tidy(left) == tidy(right) or separated(left) == separated(right):
        return True
    short = [flat for net in (a, b) if (flat := flattened(net)) is not None]
    return len(short) == 2 and tidy(short[0]) == tidy(short[1])


def separated(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots in normal form, with the initial values of sums and products outside the folds, in blocks too."""
    neutral = tidy(rebuilt(tidy(roots), _from_neutral))
    extended = rebuilt(neutral, _extended_folds)
    return neutral if extended == neutral else tidy(extended)


def _from_neutral(node: Node, args: tuple[Any, ...]) -> Any:
    """A fold whose sums and products start from the neutral element, with their initial values outside."""
    if not isinstance(node.op, Fold):
        return None
    fold = node.op
    block = Block(fold.block.shapes, separated(fold.block.results))
    init, shapes = list(args[: fold.carries]), list(block.shapes)
    heads: list[Any] = [None] * fold.carries
    for place, shape in enumerate(block.shapes[: fold.carries]):
        head = _accumulated(block, place)
        if head is not None:
            shapes[place] = shape if is_known(shape) else ANY  # its initial value no longer gives its shape
            neutral = neutral_of(head, shape)
            if init[place] != neutral:
                heads[place], init[place] = head, neutral
    results = apply_fold(block.retyped(shapes), fold.count, init, args[fold.carries :], fold.each)
    return tuple(
        result if place >= fold.carries or heads[place] is None else Node(heads[place], (args[place], result))
        for place, result in enumerate(results)
    )


def _accumulated(block: Block, place: int) -> Any:
    """Add or Mul if a part of the state is a sum or a product that nothing else reads; else None."""
    state, result = block.formals[place], block.results[place]
    if result.op not in NEUTRAL or result.shape != state.shape or result.args.count(state) != 1:
        return None
    others = [arg for arg in result.args if arg is not state]
    others += [block.results[k] for k in range(len(block.results)) if k != place]
    return None if state in walk(others) else result.op


def neutral_of(head: Any, shape: Shape) -> Node:
    """0 for sums and 1 for products, in the shape if it is known."""
    value = number(NEUTRAL[head])
    return tidy((broadcast_to(value, shape=shape),))[0] if shape and is_known(shape) else value


# ---------------------------------------------------------------- first steps


def _extended_folds(node: Node, args: tuple[Node, ...]) -> Node | None:
    """A sum or product in which the terms of one more step of a fold are moved into the fold."""
    if node.op not in NEUTRAL:
        return None
    parts = list(tidy((Node(node.op, args),))[0].args) if args != node.args else list(args)
    place = 0
    while place < len(parts):
        extended = _extended(node.op, parts[place])
        rest = None if extended is None else _without([*parts[:place], *parts[place + 1 :]], extended[1])
        if extended is None or rest is None:
            place += 1
        else:
            parts, place = [*rest, extended[0]], 0
    result = parts[0] if len(parts) == 1 else Node(node.op, tuple(parts))
    return result if result.shape == node.shape else None


def _without(parts: list[Node], taken: Sequence[Node]) -> list[Node] | None:
    """Parts without some of them; None if one of these is missing."""
    rest = list(parts)
    for part in taken:
        if part not in rest:
            return None
        rest.remove(part)
    return rest


def _extended(head: Any, part: Node) -> tuple[Node, Sequence[Node]] | None:
    """A sum or product over steps with one more step before its first, and the terms of that step; else None."""
    factor, core = (
        (part.args[0], part.args[1])
        if head is sp.Add and part.op is sp.Mul and len(part.args) == 2 and exact(part.args[0]) is not None
        else (None, part)
    )
    if not isinstance(core.op, Select):
        return None
    node = fold_of(core)
    fold, block = node.op, node.op.block
    if (
        fold.carries != 1
        or len(block.results) != 1
        or not any(fold.each)
        or node.args[0] != neutral_of(head, block.shapes[0])
        or _accumulated(block, 0) is not head
    ):
        return None
    before = [_earlier(operand) if each else operand for operand, each in zip(node.args[1:], fold.each, strict=True)]
    operands = [operand for operand in before if operand is not None]
    if len(operands) < len(before):
        return None
    entries = [element(operand, 0) if each else operand for operand, each in zip(operands, fold.each, strict=True)]
    state = block.formals[0]
    others = tuple(arg for arg in block.results[0].args if arg is not state)
    first = others[0] if len(others) == 1 else Node(head, others)
    (step,) = substitute((first,), dict(zip(block.formals[1:], entries, strict=True)))
    (term,) = tidy((step if factor is None else Node(sp.Mul, (factor, step)),))
    (total,) = apply_fold(block, fold.count + 1, node.args[:1], operands, fold.each)
    return total if factor is None else Node(sp.Mul, (factor, total)), term.args if term.op is head else (term,)


def _earlier(sequence: Node) -> Node | None:
    """A sequence with one more entry before its first: of numbered names, or of a slice; else None."""
    if is_primitive(sequence, take_row):
        positions = dict(sequence.op.attributes)["positions"]
        consecutive = isinstance(positions, range) and positions.step == 1 and positions.start > 0
        return take(sequence.args[0], range(positions.start - 1, positions.stop)) if consecutive else None
    op = sequence.op
    if not isinstance(op, StackedInputs) or not isinstance(op.names, Numbered) or op.names.start < 1:
        return None
    names = Numbered(op.names.prefix, op.names.start - 1, op.names.count + 1)
    return Node(StackedInputs(names, op.shape, op.role, op.start))
