"""Same form: whether two nets have one normal form, the initial values of folds that add up or multiply moved out.

    z_k = z_{k-1} + g_k, k = 1..n, z_0 = x    is    x + z_n    with    z_k = z_{k-1} + g_k, z_0 = 0

g_k may read items, captured values and other parts of the state, but not z. Terms beside such a sum that are g_0, its step
over the item before its first, are its first step: that is how sums from 0 and sums whose first step stands apart meet.
Block by block, at any depth and in a symbolic one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symfold.analysis.normal_form import exact, flattened, tidy
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_to, is_primitive
from symfold.core.sequences import element, take, take_row
from symfold.core.shapes import ANY, Shape, is_known
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.core.tensors import number
from symfold.core.walks import rebuilt, substitute, walk
from symfold.transform.rolling import roll

NEUTRAL = {sp.Add: 0, sp.Mul: 1}


def normal_form(net: Any) -> Net:
    """The normal form of a net: an equal one means an equal net; another one says nothing.

    >>> import symfold as sf
    >>> f, x = sf.layers("f", count="n"), sf.tensor("x")
    >>> normal_form(sf.fold(lambda z, f: x + f(z) + z - x, f, x)) == normal_form(sf.fold(sf.mappers.residual, f, x))
    True
    >>> boosting = sf.mappers.boosting(x)
    >>> normal_form(sf.fold(boosting, f, x)) == normal_form(x + sf.fold(boosting, f, 0))
    True
    """
    rolled = roll(Net.of(net))
    return rolled.with_outputs(apart(rolled.outputs))


def same_form(a: Net, b: Net) -> bool:
    """Whether two nets have one normal form: as folds, or where they are short with their folds written out."""
    one, other = (roll(net).outputs for net in (a, b))
    if tidy(one) == tidy(other) or apart(one) == apart(other):
        return True
    short = [flat for net in (a, b) if (flat := flattened(net)) is not None]
    return len(short) == 2 and tidy(short[0]) == tidy(short[1])


def apart(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots in normal form, the initial values of sums and products of steps moved out, in the blocks of folds as well."""
    begun = tidy(rebuilt(tidy(roots), _begun_apart))
    gathered = rebuilt(begun, _gathered)
    return begun if gathered == begun else tidy(gathered)


def _begun_apart(node: Node, args: tuple[Any, ...]) -> Any:
    """A fold whose parts that add up, or multiply, begin at the neutral number, with what they began at beside it."""
    if not isinstance(node.op, Fold):
        return None
    fold = node.op
    block = Block(fold.block.shapes, apart(fold.block.results))
    init, shapes = list(args[: fold.carries]), list(block.shapes)
    heads: list[Any] = [None] * fold.carries
    for place, shape in enumerate(block.shapes[: fold.carries]):
        head = _adds_up(block, place)
        if head is not None:
            shapes[place] = shape if is_known(shape) else ANY  # what it began at says no more of its shape
            neutral = _neutral(head, shape)
            if init[place] != neutral:
                heads[place], init[place] = head, neutral
    made = apply_fold(block.retyped(shapes), fold.count, init, args[fold.carries :], fold.each)
    return tuple(
        one if place >= fold.carries or heads[place] is None else Node(heads[place], (args[place], one))
        for place, one in enumerate(made)
    )


def _adds_up(block: Block, place: int) -> Any:
    """By which of sums and products a part of the state grows, if it is read by nothing else; None of other parts."""
    state, result = block.formals[place], block.results[place]
    if result.op not in NEUTRAL or result.shape != state.shape or result.args.count(state) != 1:
        return None
    others = [arg for arg in result.args if arg is not state] + [
        one for k, one in enumerate(block.results) if k != place
    ]
    return None if state in walk(others) else result.op


def _neutral(head: Any, shape: Shape) -> Node:
    """0 of sums and 1 of products, in a shape where that is known."""
    value = number(NEUTRAL[head])
    return tidy((broadcast_to(value, shape=shape),))[0] if shape and is_known(shape) else value


# ---------------------------------------------------------------- first steps


def _gathered(node: Node, args: tuple[Node, ...]) -> Node | None:
    """A sum, or a product, whose parts that are the first step of a fold beside them are made so."""
    if node.op not in NEUTRAL:
        return None
    parts = list(tidy((Node(node.op, args),))[0].args) if args != node.args else list(args)
    place = 0
    while place < len(parts):
        longer = _longer(node.op, parts[place])
        rest = None if longer is None else _without([*parts[:place], *parts[place + 1 :]], longer[1])
        if longer is None or rest is None:
            place += 1
        else:
            parts, place = [*rest, longer[0]], 0
    made = parts[0] if len(parts) == 1 else Node(node.op, tuple(parts))
    return made if made.shape == node.shape else None


def _without(parts: list[Node], taken: Sequence[Node]) -> list[Node] | None:
    """Parts without some of them; None where one of these is not there."""
    kept = list(parts)
    for one in taken:
        if one not in kept:
            return None
        kept.remove(one)
    return kept


def _longer(head: Any, part: Node) -> tuple[Node, Sequence[Node]] | None:
    """A fold that begins at the neutral number with one step more before its first, and what that step adds; None of others."""
    factor, core = (
        (part.args[0], part.args[1])
        if head is sp.Add and part.op is sp.Mul and len(part.args) == 2 and exact(part.args[0]) is not None
        else (None, part)
    )
    if not isinstance(core.op, Select):
        return None
    node = core.args[0]
    fold, block = node.op, node.op.block
    if (
        fold.carries != 1
        or len(block.results) != 1
        or not any(fold.each)
        or node.args[0] != _neutral(head, block.shapes[0])
        or _adds_up(block, 0) is not head
    ):
        return None
    before = [_earlier(operand) if each else operand for operand, each in zip(node.args[1:], fold.each, strict=True)]
    operands = [one for one in before if one is not None]
    if len(operands) < len(before):
        return None
    entries = [element(one, 0) if each else one for one, each in zip(operands, fold.each, strict=True)]
    state = block.formals[0]
    others = tuple(arg for arg in block.results[0].args if arg is not state)
    first = others[0] if len(others) == 1 else Node(head, others)
    (own,) = substitute((first,), dict(zip(block.formals[1:], entries, strict=True)))
    (added,) = tidy((own if factor is None else Node(sp.Mul, (factor, own)),))
    (made,) = apply_fold(block, fold.count + 1, node.args[:1], operands, fold.each)
    return made if factor is None else Node(sp.Mul, (factor, made)), added.args if added.op is head else (added,)


def _earlier(sequence: Node) -> Node | None:
    """A sequence with the entry before its first one in front: of numbered names, and of a part of a sequence."""
    if is_primitive(sequence, take_row):
        positions = dict(sequence.op.attributes)["positions"]
        consecutive = isinstance(positions, range) and positions.step == 1 and positions.start > 0
        return take(sequence.args[0], range(positions.start - 1, positions.stop)) if consecutive else None
    names = sequence.op.names if isinstance(sequence.op, StackedInputs) else None
    if not isinstance(names, Numbered) or names.start < 1:
        return None
    return Node(
        StackedInputs(
            Numbered(names.prefix, names.start - 1, names.count + 1),
            sequence.op.shape,
            sequence.op.role,
            sequence.op.start,
        )
    )
