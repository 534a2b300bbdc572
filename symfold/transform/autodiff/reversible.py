"""Reversible steps: the state before a step from the state after it, so that the adjoint stores no states.

    a' = a + f(b),  b' = b + g(a')    has the inverse    b = b' - g(a'),  a = a' - f(b)

The parts of the state are recovered one after the other (Gomez et al. 2017, "The reversible residual network"). Each
step rounds again, so the gradient equals that of stored states up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from math import prod
from operator import add, mul

import sympy as sp

from symfold.core.leaves import Constant, FrozenArray, number_of
from symfold.core.nodes import Node, substitute, walk
from symfold.core.shapes import is_known, settled


def inverse(state: Sequence[Node], results: Sequence[Node], after: Sequence[Node]) -> dict[Node, Node]:
    """The parts of the state before a step that can be recovered one after the other from the state after it.

    >>> from symfold.core.leaves import tensor
    >>> a, b, c, d = (tensor(name, (2,)) for name in "abcd")
    >>> first = a + b ** 2
    >>> inverse((a, b), (first, 2 * b + first), (c, d))[b]
    (d - c)/2
    """
    recovered: dict[Node, Node] = {}
    while True:
        count = len(recovered)
        for result, value_after in zip(results, after, strict=True):
            known = {
                **{other: node for other, node in zip(results, after, strict=True) if other is not result},
                **recovered,
            }
            solution = solved(result, value_after, [part for part in state if part not in known], known)
            if solution:
                part, value, _ = solution
                if settled(part.shape, value.shape) or not (is_known(part.shape) and is_known(value.shape)):
                    recovered[part] = substitute((value,), known)[0]
        if len(recovered) == count:
            return recovered


def solved(
    result: Node, value: Node, unknown: Sequence[Node], known: Mapping[Node, Node]
) -> tuple[Node, Node, float] | None:
    """The single unknown part of a result, its value, and the number that the step multiplies it by.

    None unless only sums and products with nonzero values lead to it.
    """
    sources, factor = set(unknown), 1.0

    def is_unknown(node: Node) -> bool:
        return node not in known and not sources.isdisjoint(walk((node,), stop=known))

    while result not in sources:
        unknown_args = [arg for arg in result.args if is_unknown(arg)]
        if len(unknown_args) != 1:
            return None
        others = [arg for arg in result.args if arg is not unknown_args[0]]
        if result.op is sp.Add:
            value = value - reduce(add, others)
        elif result.op is sp.Mul and all(map(never_zero, others)):
            value = value / reduce(mul, others)
            factor *= prod(abs(float(number)) for node in others if (number := number_of(node)) is not None)
        else:
            return None
        result = unknown_args[0]
    return result, value, factor


def smallest_factor(state: Sequence[Node], results: Sequence[Node]) -> float:
    """The least number, at most 1, that a step multiplies a part of its state by; the inverse divides errors by it too.

    >>> from symfold.core.leaves import tensor
    >>> a, b = tensor("a", (2,)), tensor("b", (2,))
    >>> smallest_factor((a, b), (a + 0.5 * b, 0.5 * b))
    0.5
    """
    solutions = [solved(result, result, [part], {}) for result, part in zip(results, state, strict=True)]
    return min([1.0, *(solution[2] for solution in solutions if solution)])


def never_zero(node: Node) -> bool:
    """Whether a value cannot be zero: nonzero numbers, exponentials, and their products and powers.

    >>> import symfold as sf
    >>> never_zero(sf.exp(sf.tensor("x")) / 2), never_zero(sf.tensor("x"))
    (True, False)
    """
    if isinstance(node.op, Constant):
        value = node.op.value
        return bool(value.array.all()) if isinstance(value, FrozenArray) else bool(value.is_nonzero)
    if node.op is sp.Pow:
        return never_zero(node.args[0])
    return node.op is sp.exp or (node.op is sp.Mul and all(map(never_zero, node.args)))
