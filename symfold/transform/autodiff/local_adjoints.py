"""Adjoints of single operations as blocks, for packages that differentiate by rules of their own.

    log(x)      (x, log(x), a) -> a * (1/x)

PyTorch and JAX differentiate operations linear in each argument as the rows do; for all others they get the adjoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symfold.base.caching import cached
from symfold.core.blocks import Block
from symfold.core.functions import Head, row_of, where
from symfold.core.leaves import Constant, Formal
from symfold.core.nodes import Node, Operation, substitute, walk
from symfold.core.primitives import Apply, carried_places, guarded_product, spread
from symfold.core.shapes import Shape
from symfold.transform.autodiff.derivatives import pull
from symfold.transform.autodiff.reverse_mode import pull_back
from symfold.transform.inlining import with_divisions

Numbers = tuple[sp.Expr | None, ...]


def is_flat(op: Operation | Head) -> bool:
    """Whether the slope of an operation is 0 everywhere."""
    if isinstance(op, type):
        return row_of(op).flat
    assert isinstance(op, Apply), op
    return op.primitive.flat


def is_linear_in_each(op: Operation | Head, arity: int, guarded: bool) -> bool:
    """Whether other packages differentiate an operation as its row does; if `guarded`, below a branch of a choice.

    >>> from symfold.core.primitives import dot
    >>> [is_linear_in_each(op, arity, False) for op, arity in ((sp.Mul, 2), (sp.tanh, 1), (Apply(dot), 2))]
    [True, False, True]
    >>> is_linear_in_each(sp.Mul, 2, True), is_linear_in_each(where, 3, True)
    (False, True)
    """
    if isinstance(op, type):
        return op in (sp.Add, where) or (op is sp.Mul and not guarded)
    assert isinstance(op, Apply), op
    if op.primitive is guarded_product:
        return False
    return op.is_linear(arity) if guarded else op.is_multilinear(arity)


def numbers_in(node: Node) -> Numbers:
    """The numeric arguments of a node; None for each other argument."""
    return tuple(arg.op.value if isinstance(arg.op, Constant) and arg.shape == () else None for arg in node.args)


@dataclass(frozen=True)
class LocalAdjoint:
    """The adjoint of an operation and its transpose, over its non-numeric arguments and its result.

    For the arguments at `places`, `backward` gives their cotangents from that of the result (the last formal);
    `forward` gives, from their tangents (the last formals), the contribution of each to that of the result.
    """

    places: tuple[int, ...]
    backward: Block
    forward: Block

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """The arguments, and the result (the last), that the blocks read."""
        count = len(self.backward.shapes) - 1
        used = {
            node.op.position
            for node in walk((*self.backward.results, *self.forward.results))
            if isinstance(node.op, Formal)
        }
        return tuple(k for k in range(count) if k in used)


@cached(4096)
def local_adjoint(op: Head | Operation, numbers: Numbers, shapes: tuple[Shape, ...], guarded: bool) -> LocalAdjoint:
    """The adjoint of an operation over numbers, and over values of these shapes.

    >>> adjoint = local_adjoint(sp.exp, (None,), ((3,),), False)
    >>> adjoint.places, adjoint.reads, len(adjoint.backward.formals), len(adjoint.forward.formals)
    ((0,), (1,), 3, 3)
    """
    formals: list[Node] = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
    free = iter(formals)
    args: tuple[Node, ...] = tuple(next(free) if value is None else Node(Constant(value)) for value in numbers)
    node = op.rebuild(args) if isinstance(op, Apply) else Node(op, args)
    carried = carried_places(node)
    value_shapes = (*shapes, node.shape)
    bar = Node(Formal(-1, 0, node.shape))
    pulled = pull(node, bar, [value is None and k in carried for k, value in enumerate(numbers)], guarded)
    cotangents = {
        formals.index(arg): cotangent for arg, cotangent in zip(args, pulled, strict=True) if cotangent is not None
    }
    tangents = [Node(Formal(-2, k, shapes[k])) for k in cotangents]
    pushed = [
        spread(pull_back([cotangent], [tangent], [bar]).bars[bar], node)
        for tangent, cotangent in zip(tangents, cotangents.values(), strict=True)
    ]
    ends = {node: Node(Formal(0, len(shapes), node.shape))}

    def block(results: Sequence[Node], last: Sequence[Node]) -> Block:
        numbered = {value: Node(Formal(0, len(value_shapes) + k, value.shape)) for k, value in enumerate(last)}
        replaced = substitute(tuple(results), {**ends, **numbered})
        return Block((*value_shapes, *(value.shape for value in last)), with_divisions(replaced))

    return LocalAdjoint(tuple(cotangents), block(tuple(cotangents.values()), [bar]), block(pushed, tangents))
