"""Inlining: bodies in place of layers and primitives, and decomposition of functions that a target lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from symfold.core.blocks import Block, Call, is_call, is_reciprocal
from symfold.core.conversion import expression_as_node
from symfold.core.folds import Fold, rebuilt_inside
from symfold.core.functions import Head, divide, row_of
from symfold.core.leaves import Formal, number, number_of
from symfold.core.nodes import Node, rebuilt, walk
from symfold.core.primitives import Apply, is_apply
from symfold.core.shapes import Shape

Keep = Callable[[Node[Apply]], bool]


def has_adjoint(node: Node[Apply]) -> bool:
    """Whether a primitive has an adjoint of its own."""
    return node.op.primitive.adjoint is not None


def inlined(roots: Sequence[Node], keep: Keep = has_adjoint) -> tuple[Node, ...]:
    """The roots with the bodies of layers and primitives inlined, also in the blocks of folds.

    `keep` says which primitives stay: by default those with an adjoint; for a target, those that it supports directly.

    >>> from symfold.core.primitives import layer_norm, reduce_mean
    >>> from symfold.core.leaves import tensor
    >>> inlined([layer_norm(tensor("x", (3,)), axes=(-1,), epsilon=0.5)])[0].op
    <class 'sympy.core.mul.Mul'>
    """
    block_memo: dict[Block, Block] = {}  # layers share bodies, and folds share blocks
    remembered = keep is has_adjoint  # by the block itself, since every analysis asks for it
    sized_memo: dict[Block, bool] = {}
    primitive_memo: dict[tuple[Apply, tuple[Shape, ...]], Block] = {}

    def inlined_block(block: Block) -> Block:
        known: Block | None = vars(block).get("inlined") if remembered else None
        if known is None:
            if block not in block_memo:
                block_memo[block] = Block(block.shapes, rebuilt(block.results, rule))
            known = block_memo[block]
            if remembered:
                vars(block)["inlined"] = known
        return known

    def sized(block: Block) -> bool:
        """Whether sizes matter to a primitive's body in the body of a layer."""
        if block not in sized_memo:
            sized_memo[block] = any(
                sized(node.op.body) if is_call(node) and node.op.body else is_apply(node) and node.op.primitive.sized
                for node in walk(block.results)
            )
        return sized_memo[block]

    def inlined_primitive(op: Apply, args: tuple[Node, ...]) -> Node:
        """A primitive's body over arguments that are inlined already."""
        shapes = tuple(arg.shape for arg in args)
        if (op, shapes) not in primitive_memo:
            primitive_memo[op, shapes] = Block(shapes, rebuilt((body_of(op, formals_of(shapes)),), rule))
        return primitive_memo[op, shapes](*args)[0]

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if isinstance(node.op, Call) and node.op.body is not None:
            # the body alone: its arguments are inlined already, and may be deep
            body = node.op.body.retyped([arg.shape for arg in args[1:]]) if sized(node.op.body) else node.op.body
            return inlined_block(body)(*args[1:])[0]
        if is_apply(node) and node.op.primitive.body is not None and not keep(node):
            return inlined_primitive(node.op, args)
        if isinstance(node.op, Fold):
            fold = node.op
            return fold.over(args, inlined_block(fold.block))
        return None

    return rebuilt(roots, rule)


def decomposed(roots: Sequence[Node], has: Callable[[Head], bool]) -> tuple[Node, ...]:
    """The roots with every function that a target lacks composed of functions that it has, also in the blocks of folds.

    >>> from symfold.core.functions import silu
    >>> from symfold.core.leaves import tensor
    >>> decomposed([Node(silu, (tensor("x"),))], lambda head: head is not silu)
    (Max(-1000, x)*sigmoid(x),)
    """

    blocks: dict[tuple[Head, tuple[Shape, ...]], Block] = {}  # a composition alone: its arguments may be deep

    def composed(head: Head, composition: Callable[..., sp.Expr], shapes: tuple[Shape, ...]) -> Block:
        if (head, shapes) not in blocks:
            symbols = [sp.Symbol(f"s_{k}", real=True) for k in range(len(shapes))]
            values = dict(zip(symbols, formals_of(shapes), strict=True))
            blocks[head, shapes] = Block(shapes, decomposed([expression_as_node(composition(*symbols), values)], has))
        return blocks[head, shapes]

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if not isinstance(node.op, type) or has(node.op) or (composition := row_of(node.op).composition) is None:
            return None
        return composed(node.op, composition, tuple([arg.shape for arg in args]))(*args)[0]

    return rebuilt_inside(roots, rule)


def with_divisions(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every product with a reciprocal as one division, also in the blocks of folds.

    A division is rounded once, as in NumPy.

    >>> from symfold.core.leaves import tensor
    >>> a, b = tensor("a"), tensor("b")
    >>> with_divisions([a / b])[0].op, with_divisions([a / 3])[0].op, with_divisions([1 / b])[0].op
    (divide, divide, <class 'sympy.core.power.Pow'>)
    """

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if node.op is not sp.Mul:
            return None
        divisors = ((k, divisor) for k, arg in enumerate(args) if k > 0 and (divisor := _divisor(arg)) is not None)
        position, divisor = next(divisors, (0, None))
        if divisor is None:
            return None
        dividend = args[0] if position == 1 else Node(sp.Mul, args[:position])
        quotient = Node(divide, (dividend, divisor))
        return Node(sp.Mul, (quotient, *args[position + 1 :])) if args[position + 1 :] else quotient

    return rebuilt_inside(roots, rule)


def _divisor(node: Node) -> Node | None:
    """The divisor in a factor: the argument of a reciprocal, or q for a fraction 1/q that no float equals."""
    if is_reciprocal(node):
        return node.args[0]
    value = number_of(node)
    return number(value.q) if isinstance(value, sp.Rational) and value.p == 1 and value.q & (value.q - 1) else None


def body_of(op: Apply, args: Sequence[Node]) -> Node:
    """The body of a primitive over some arguments, made of other operations."""
    assert op.primitive.body is not None
    return op.primitive.body(*args, **dict(op.attributes))


def formals_of(shapes: Sequence[Shape]) -> tuple[Node, ...]:
    """Formals of these shapes."""
    return tuple(Node(Formal(0, place, shape)) for place, shape in enumerate(shapes))
