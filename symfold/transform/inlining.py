"""Opening: the bodies of layers and primitives written out, and functions written out in those that a target has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from symfold.core.applied_layers import Call
from symfold.core.blocks import Block, is_reciprocal
from symfold.core.conversion import expression_as_node
from symfold.core.folds import Fold, rebuilt_inside
from symfold.core.functions import Head, divide, row_of
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Formal
from symfold.core.primitives import Apply
from symfold.core.shapes import Shape
from symfold.core.tensors import number
from symfold.core.walks import rebuilt

Keep = Callable[[Node], bool]


def has_adjoint(node: Node) -> bool:
    """Whether a primitive can be differentiated as it is."""
    return node.op.primitive.adjoint is not None


def opened(roots: Sequence[Node], keep: Keep = has_adjoint) -> tuple[Node, ...]:
    """The roots with the bodies of layers and primitives written out, in the blocks of folds as well.

    Primitives that `keep` says yes to stay whole: those with an adjoint, or those that a target has something better for.

    >>> from symfold.core.primitives import layer_norm, reduce_mean
    >>> from symfold.core.tensors import tensor
    >>> opened([layer_norm(tensor("x", (3,)), axes=(-1,), epsilon=0.5)])[0].op
    <class 'sympy.core.mul.Mul'>
    """
    known: dict[Block, Block] = {}  # many layers of one body, and many folds of one block: each is opened once
    written: dict[tuple[Apply, tuple[Shape, ...]], Block] = {}

    def block(closed: Block) -> Block:
        if closed not in known:
            known[closed] = Block(closed.shapes, rebuilt(closed.results, rule))
        return known[closed]

    def inlined(op: Apply, args: tuple[Node, ...]) -> Node:
        """A primitive's body over its arguments, which are open already."""
        shapes = tuple(arg.shape for arg in args)
        if (op, shapes) not in written:
            written[op, shapes] = Block(shapes, rebuilt((body_of(op, formals_of(shapes)),), rule))
        return written[op, shapes](*args)[0]

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if isinstance(node.op, Call) and node.op.body is not None:
            # the body is opened by itself: what it is applied to is open already, and may be deep
            return block(node.op.body)(*args[1:])[0]
        if isinstance(node.op, Apply) and node.op.primitive.body is not None and not keep(node):
            return inlined(node.op, args)
        if isinstance(node.op, Fold):
            fold = node.op
            return fold.over(args, block(fold.block))
        return None

    return rebuilt(roots, rule)


def composed(roots: Sequence[Node], has: Callable[[Head], bool]) -> tuple[Node, ...]:
    """The roots with every function that a target lacks made of those that it has, in the blocks of folds as well.

    >>> from symfold.core.functions import silu
    >>> from symfold.core.tensors import tensor
    >>> composed([Node(silu, (tensor("x"),))], lambda head: head is not silu)
    (Max(-1000, x)*sigmoid(x),)
    """

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if not isinstance(node.op, type) or has(node.op) or (composition := row_of(node.op).composition) is None:
            return None
        symbols = [sp.Symbol(f"s_{k}", real=True) for k in range(len(args))]
        return composed([expression_as_node(composition(*symbols), dict(zip(symbols, args, strict=True)))], has)[0]

    return rebuilt_inside(roots, rule)


def divided(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every quotient, a product with a reciprocal, as one division, in the blocks of folds as well.

    It is rounded once, as NumPy's.

    >>> from symfold.core.tensors import tensor
    >>> a, b = tensor("a"), tensor("b")
    >>> divided([a / b])[0].op, divided([a / 3])[0].op, divided([1 / b])[0].op
    (divide, divide, <class 'sympy.core.power.Pow'>)
    """

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        op = node.op
        below = (
            {k: divisor for k, arg in enumerate(args) if k > 0 and (divisor := _divisor(arg)) is not None}
            if op is sp.Mul
            else {}
        )
        if not below:
            return None
        place = min(below)
        above = args[:place] if place == 1 else (Node(sp.Mul, args[:place]),)
        quotient = Node(divide, (above[0], below[place]))
        return Node(sp.Mul, (quotient, *args[place + 1 :])) if args[place + 1 :] else quotient

    return rebuilt_inside(roots, rule)


def _divisor(node: Node) -> Node | None:
    """What a factor divides by: the node of which it is the reciprocal, or the whole number of a fraction that no float holds."""
    if is_reciprocal(node):
        return node.args[0]
    value = node.op.value if isinstance(node.op, Constant) else None
    return number(value.q) if isinstance(value, sp.Rational) and value.p == 1 and value.q & (value.q - 1) else None


def body_of(op: Apply, args: Sequence[Node]) -> Node:
    """A primitive over some arguments, made of other operations."""
    assert op.primitive.body is not None
    return op.primitive.body(*args, **dict(op.attributes))


def formals_of(shapes: Sequence[Shape]) -> tuple[Node, ...]:
    """The formals of a closed block."""
    return tuple(Node(Formal(0, place, shape)) for place, shape in enumerate(shapes))
