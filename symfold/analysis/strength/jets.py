"""Jets: Taylor arithmetic in the strength of the layers. Every node becomes its coefficients of epsilon**0, epsilon**1, ...

    z_k = epsilon f_k(z_{k-1}) + z_{k-1}    has    c1_k = f_k(x) + c1_{k-1},    c2_k = f_k'(x)[c1_{k-1}] + c2_{k-1},    ...

A fold becomes a fold of the same count, whose state is the coefficients that are not zero; one that no step changes, as
the coefficient x of epsilon**0 above, is captured. A zero coefficient is known as zero (None), and never built. The
coefficients are combined as in automatic differentiation of higher order (Griewank and Walther 2008, chapter 13); those of
a layer seen by its name are its directional derivatives (Faa di Bruno).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import factorial

import sympy as sp

from symfold.analysis.strength.jet_folds import Jet, fitted, fold_jets
from symfold.analysis.strength.multilinear import directional_of, times, total, zeros_like
from symfold.core.applied_layers import Call
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import (
    Apply,
    Primitive,
    at_max,
    broadcast_like,
    even_shares,
    first_max,
    logsumexp,
    reduce_max,
    reduce_sum,
    safe_softmax,
    softmax,
    stopped,
)
from symfold.core.sequences import entry_of, rebuilt_sequence, reverse_row, stack_row, take_row
from symfold.core.shapes import is_known
from symfold.core.tensors import number
from symfold.core.walks import walk
from symfold.errors import NoRule
from symfold.transform.autodiff.derivatives import partial
from symfold.transform.inlining import body_of, inlined

# reductions that are no sum, with the row that gives the weights of their slope
REDUCED = {logsumexp: safe_softmax, reduce_max: even_shares, first_max: at_max}


def jets(roots: Sequence[Node], order: int, named: bool = True) -> list[Jet]:
    """The coefficients of the roots up to an order, every layer scaled by epsilon.

    Layers are known by their names, as directional derivatives, or, where not `named`, opened where they have bodies.
    """
    return Taylor(order, named).of(roots)


class Taylor:
    """The coefficients of nodes, each made once, when it is asked for."""

    def __init__(self, order: int, named: bool, shift: int = 1, known: dict[Node, Jet] | None = None):
        self.order = order
        self.named = named
        self.shift = shift  # what a layer adds to the power of epsilon: nothing inside of another layer's body
        self.known: dict[Node, Jet] = known or {}  # those of formals; complete
        self.made: dict[tuple[Node, int], Node | None] = {}
        self.folds: dict[Node, list[Jet]] = {}
        self.bodies: dict[Node, Jet] = {}

    def of(self, roots: Sequence[Node]) -> list[Jet]:
        """The coefficients of the roots. Arguments come first, so that what is asked for below is made already."""
        for node in walk(roots, stop=self.known):
            if isinstance(node.op, Fold):
                self.folds[node] = fold_jets(self, node)
            else:
                for power in range(self.order + 1):
                    self.at(node, power)
        return [[self.at(root, power) for power in range(self.order + 1)] for root in roots]

    def at(self, node: Node, power: int) -> Node | None:
        """One coefficient of a node."""
        if node in self.known:
            return self.known[node][power]
        if (node, power) not in self.made:
            self.made[node, power] = fitted(self.make(node, power), node.shape)
        return self.made[node, power]

    def base(self, node: Node) -> Node:
        """The coefficient of epsilon**0 as a node, zeros where it is zero."""
        value = self.at(node, 0)
        return self.zeros(node) if value is None else value

    def zeros(self, node: Node) -> Node:
        """Zeros in the shape of a node."""
        return zeros_like(node.shape, [self.at(node, power) for power in range(self.order + 1)])

    def full(self, node: Node, power: int) -> Node | None:
        """A coefficient in the node's own shape, where it may have been broadcast: what joins or moves entries asks for it."""
        value, base = self.at(node, power), self.at(node, 0)
        alike = value is None or base is None or is_known(node.shape) or value.shape in (node.shape, base.shape)
        return value if alike else broadcast_like(value, base)

    def make(self, node: Node, power: int) -> Node | None:
        op = node.op
        if isinstance(op, Select):
            return self.folds[node.args[0]][op.position][power]
        if not node.args:
            return node if power == 0 and not is_zero(node) else None
        if isinstance(op, Call):
            return self.layer(node, power)
        if op is sp.Add:
            return total([self.at(arg, power) for arg in node.args])
        if op is sp.Mul:
            return self.product(node.args, power)
        if isinstance(op, type):
            return self.head(node, power)
        assert isinstance(op, Apply), op
        return self.primitive(node, op, power)

    # -- elementwise

    def product(self, factors: Sequence[Node], power: int) -> Node | None:
        """The coefficient of a product: over all ways to share the power among the factors."""
        return total([times(1, *map(self.at, factors, powers)) for powers in compositions(power, len(factors))])

    def head(self, node: Node, power: int) -> Node | None:
        """An elementwise function by its derivative: power * v_power = sum of j * (the derivative)_{power - j} * u_j."""
        if power == 0:
            return self.head_at_base(node)
        found: list[Node | None] = []
        for place, arg in enumerate(node.args):
            if any(self.at(arg, one) is not None for one in range(1, power + 1)):
                derivative = partial(node, place)
                found += [
                    times(sp.Rational(one, power), self.at(derivative, power - one), self.at(arg, one))
                    for one in range(1, power + 1)
                ]
        return total(found)

    def head_at_base(self, node: Node) -> Node | None:
        """An elementwise function at the coefficients of epsilon**0; of zeros and numbers alone, the number."""
        given = [self.at(arg, 0) for arg in node.args]
        if None not in given:
            return Node(node.op, tuple(one for one in given if one is not None))
        numbers = [sp.Integer(0) if one is None else number_of(one) for one in given]
        value = None if None in numbers else node.op(*numbers)
        if value is not None and value.is_finite is False:
            raise NoRule(
                f"{node.op.__name__} has no series at 0: its value there is {value} (the layers' strength goes to 0, and with it what {node.op.__name__} is applied to)"
            )
        if value is not None and value.is_Number:
            return number(value) if value != 0 else None
        return Node(node.op, tuple(self.base(arg) for arg in node.args))

    # -- layers

    def layer(self, node: Node, power: int) -> Node | None:
        inner = power - self.shift
        if inner < 0:
            return None
        if node.op.body is not None and not self.named:
            if node not in self.bodies:
                self.bodies[node] = self.body(node)
            return self.bodies[node][inner]
        if inner == 0:
            return Node(node.op, tuple(self.base(arg) for arg in node.args))
        return self.derivatives(node, inner)

    def body(self, node: Node) -> Jet:
        """The coefficients of an opened layer, those of its arguments given; the layers inside of it are part of it."""
        block = Block(node.op.body.shapes, inlined(node.op.body.results)).retyped([arg.shape for arg in node.args[1:]])
        known = {
            formal: [self.at(arg, power) for power in range(self.order + 1)]
            for formal, arg in zip(block.formals, node.args[1:], strict=True)
        }
        return Taylor(self.order, self.named, 0, known).of(block.results)[0]

    def derivatives(self, node: Node, power: int) -> Node | None:
        """The layer's derivatives by name, over all ways to make up the power from those of its arguments."""
        moving = [
            (one, place)
            for one in range(1, power + 1)
            for place, arg in enumerate(node.args[1:])
            if self.at(arg, one) is not None
        ]
        base = tuple(self.base(arg) for arg in node.args)
        found: list[Node | None] = []
        for counts in sorted(shares(power, [one for one, _ in moving]), key=sum):
            directions = [
                (place, direction)
                for (one, place), times_taken in zip(moving, counts, strict=True)
                if (direction := self.at(node.args[1 + place], one)) is not None
                for _ in range(times_taken)
            ]
            weight = sp.prod([sp.Rational(1, factorial(count)) for count in counts])
            found.append(times(weight, directional_of(Node(node.op, base), directions)))
        return total(found)

    # -- primitives

    def primitive(self, node: Node, op: Apply, power: int) -> Node | None:
        row, args = op.primitive, node.args
        if row in (take_row, reverse_row) or entry_of(node):  # whole entries of a sequence
            return self.again(node, [self.at(args[0], power)])
        if row in (softmax, safe_softmax):
            return self.softmax(node, power)
        if row == stopped:  # a constant for gradients, and a value like any other
            return self.again(node, [self.at(args[0], power)])
        if row in REDUCED:
            return self.reduced(node, REDUCED[row], power)
        if op.is_multilinear(len(args)):
            return self.multilinear(node, op, power)
        if not any(
            self.at(args[k], other) is not None for k in row.carries(len(args)) for other in range(1, self.order + 1)
        ):
            return op.rebuild(tuple(map(self.base, args))) if power == 0 else None
        if row.body is not None:
            return self.at(body_of(op, args), power)
        raise NoRule(
            f"the primitive {row.name!r} has no rule for series in the strength of layers: it is linear in none of its arguments "
            "(give its row `linear`, or a `body` of operations that have a rule)"
        )

    def multilinear(self, node: Node, op: Apply, power: int) -> Node | None:
        """An operation that is linear in groups of its arguments: over all ways to share the power among the groups."""
        args, groups = node.args, op.groups(len(node.args))
        held = {k: self.base(arg) for k, arg in enumerate(args) if not any(k in group for group in groups)}
        if not groups:
            return op.rebuild(tuple(held.values())) if power == 0 else None
        terms: list[Node | None] = []
        for powers in compositions(power, len(groups)):
            given: dict[int, Node | None] = dict(held)
            for group, own in zip(groups, powers, strict=True):
                parts = {
                    k: self.at(args[k], own) if op.primitive == stack_row else self.full(args[k], own) for k in group
                }
                zero = all(part is None for part in parts.values())
                given |= {k: part if zero or part is not None else self.zeros(args[k]) for k, part in parts.items()}
            terms.append(self.again(node, [given[k] for k in range(len(args))]))
        return total(terms)

    @staticmethod
    def again(node: Node, args: Sequence[Node | None]) -> Node | None:
        """The same operation over other arguments, sequences in their normal form; zero of zero."""
        given = tuple(arg for arg in args if arg is not None)
        if len(given) < len(args):
            return None
        arranged = rebuilt_sequence(node, given)
        return node.op.rebuild(given) if arranged is None else arranged

    def softmax(self, node: Node, power: int) -> Node | None:
        """s' = s (u' - sum of s u')"""
        (arg,), axis = node.args, dict(node.op.attributes)["axis"]
        if power == 0:
            return node.op.rebuild((self.base(arg),))
        found: list[Node | None] = []
        for low in range(power):
            own = power - low
            shares_of = [
                times(sp.Rational(j, power), self.at(node, own - j), self.full(arg, j)) for j in range(1, own + 1)
            ]
            joined = total(shares_of)
            mean = None if joined is None else reduce_sum(joined, axis=axis, keepdims=True)
            found.append(times(sp.Rational(own, power), self.at(node, low), self.full(arg, own)))
            found.append(times(-1, self.at(node, low), mean))
        return total(found)

    def reduced(self, node: Node, weights: Primitive, power: int) -> Node | None:
        """L' = sum of w u', with weights w that a row of their own gives."""
        (arg,), attributes = node.args, dict(node.op.attributes)
        if power == 0:
            return node.op.rebuild((self.base(arg),))
        axis = attributes["axis"] if attributes["axis"] is not None else tuple(range(-arg.ndim, 0))
        slope = weights(arg, axis=axis)
        joined = total(
            [times(sp.Rational(j, power), self.at(slope, power - j), self.full(arg, j)) for j in range(1, power + 1)]
        )
        return None if joined is None else reduce_sum(joined, **attributes)

    def within(self, known: dict[Node, Jet]) -> Taylor:
        """The same inside of a block, whose formals have these coefficients."""
        return Taylor(self.order, self.named, self.shift, known)


def number_of(node: Node) -> sp.Expr | None:
    return node.op.value if isinstance(node.op, Constant) and isinstance(node.op.value, sp.Expr) else None


def is_zero(node: Node) -> bool:
    return bool(number_of(node) == 0)


def compositions(power: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write a power as a sum of so many parts from 0 up.

    >>> list(compositions(2, 2))
    [(0, 2), (1, 1), (2, 0)]
    """
    if parts == 1:
        yield (power,)
        return
    for first in range(power + 1):
        yield from ((first, *rest) for rest in compositions(power - first, parts - 1))


def shares(power: int, sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All ways to make up a power from sizes, each taken any number of times.

    >>> list(shares(3, [1, 2]))
    [(1, 1), (3, 0)]
    """
    if not sizes:
        if power == 0:
            yield ()
        return
    for taken in range(power // sizes[0] + 1):
        yield from ((taken, *rest) for rest in shares(power - taken * sizes[0], sizes[1:]))
