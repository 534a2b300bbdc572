"""Jets: Taylor arithmetic in the strength of the layers. Every node becomes its coefficients of powers of epsilon.

    z_k = epsilon f_k(z_{k-1}) + z_{k-1}    has    c1_k = f_k(x) + c1_{k-1},    c2_k = f_k'(x)[c1_{k-1}] + c2_{k-1},
    ...

A fold becomes a fold of the same count whose state is the nonzero coefficients; one that no step changes, as the
coefficient x of epsilon**0 above, is captured. Zero coefficients are None, and never built. Coefficients are combined
as in higher-order automatic differentiation (Griewank and Walther 2008, chapter 13); those of a named layer are its
directional derivatives (Faa di Bruno).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb, factorial

import sympy as sp

from symfold.analysis.strength.jet_folds import Jet, fitted, fold_jets
from symfold.analysis.strength.multilinear import directional_of, in_shape_of, times, total, zeros_like
from symfold.core.blocks import Block, Call, is_call
from symfold.core.folds import Select, is_fold
from symfold.core.functions import Head
from symfold.core.leaves import number, number_of
from symfold.core.nodes import Node, is_elementwise, walk
from symfold.core.primitives import (
    Apply,
    Primitive,
    at_max,
    broadcast_like,
    even_shares,
    first_max,
    is_apply,
    logsumexp,
    reduce_max,
    reduce_sum,
    safe_softmax,
    softmax,
    stopped,
)
from symfold.core.sequences import entry_of, rebuilt_sequence, reverse_row, stack_row, take_row
from symfold.core.shapes import is_known
from symfold.errors import NoRule, TooLarge
from symfold.transform.autodiff.derivatives import partial
from symfold.transform.inlining import body_of, inlined

# nonlinear reductions, with the primitive that gives the weights of their slope
REDUCED = {logsumexp: safe_softmax, reduce_max: even_shares, first_max: at_max}
MOST = 1_000  # products in one coefficient of a layer or of a product


def jets(roots: Sequence[Node], order: int, named: bool = True) -> list[Jet]:
    """The coefficients of the roots up to an order, with every layer scaled by epsilon.

    Derivatives of layers are directional derivatives by name; unless `named`, layers with bodies are inlined.
    """
    return Taylor(order, named).of(roots)


class Taylor:
    """The coefficients of nodes, each computed once, on demand."""

    def __init__(self, order: int, named: bool, shift: int = 1, known: dict[Node, Jet] | None = None):
        self.order = order
        self.named = named
        self.shift = shift  # the power of epsilon per layer: 0 inside the body of another layer
        self.known: dict[Node, Jet] = known or {}  # the jets of formals
        self.memo: dict[tuple[Node, int], Node | None] = {}
        self.folds: dict[Node, list[Jet]] = {}
        self.bodies: dict[Node, Jet] = {}

    def of(self, roots: Sequence[Node]) -> list[Jet]:
        """The coefficients of the roots, those of arguments first, so that recursion is shallow."""
        for node in walk(roots, stop=self.known):
            if is_fold(node):
                self.folds[node] = fold_jets(self, node)
            else:
                for power in range(self.order + 1):
                    self.at(node, power)
        return [[self.at(root, power) for power in range(self.order + 1)] for root in roots]

    def at(self, node: Node, power: int) -> Node | None:
        """One coefficient of a node."""
        if node in self.known:
            return self.known[node][power]
        if (node, power) not in self.memo:
            self.memo[node, power] = fitted(self.compute(node, power), node.shape)
        return self.memo[node, power]

    def base(self, node: Node) -> Node:
        """The coefficient of epsilon**0 as a node, zeros included."""
        value = self.at(node, 0)
        return self.zeros(node) if value is None else value

    def zeros(self, node: Node) -> Node:
        """Zeros of the shape of a node."""
        return zeros_like(node.shape, [self.at(node, power) for power in range(self.order + 1)])

    def shaped(self, node: Node) -> Node:
        """The coefficient of epsilon**0 as an argument, in the shape of the node: an unknown shape stays unknown."""
        return in_shape_of(node, self.base(node))

    def full(self, node: Node, power: int) -> Node | None:
        """A coefficient in the shape of the node, for operations on entries, which do not broadcast."""
        value, base = self.at(node, power), self.at(node, 0)
        alike = value is None or base is None or is_known(node.shape) or value.shape in (node.shape, base.shape)
        return value if alike else broadcast_like(value, base)

    def compute(self, node: Node, power: int) -> Node | None:
        op = node.op
        if isinstance(op, Select):
            return self.folds[node.args[0]][op.position][power]
        if not node.args:
            return node if power == 0 and not is_zero(node) else None
        if is_call(node):
            return self.layer(node, power)
        if op is sp.Add:
            return total([self.at(arg, power) for arg in node.args])
        if op is sp.Mul:
            return self.product(node.args, power)
        if is_elementwise(node):
            return self.head(node, power)
        assert is_apply(node), op
        return self.primitive(node, node.op, power)

    # -- elementwise

    def product(self, factors: Sequence[Node], power: int) -> Node | None:
        """The coefficient of a product: the sum over all distributions of the power over the factors that have some."""
        orders = range(1, power + 1)
        moving = [k for k, factor in enumerate(factors) if any(self.at(factor, j) is not None for j in orders)]
        if not moving:
            return times(1, *(self.at(factor, 0) for factor in factors)) if power == 0 else None
        check_bounded(comb(power + len(moving) - 1, power))
        terms: list[Node | None] = []
        for shared in compositions(power, len(moving)):
            powers = dict(zip(moving, shared, strict=True))
            terms.append(times(1, *(self.at(factor, powers.get(k, 0)) for k, factor in enumerate(factors))))
        return total(terms)

    def head(self, node: Node[Head], power: int) -> Node | None:
        """A function by its derivative v': power * v_power = sum of j * v'_{power - j} * u_j."""
        if power == 0:
            return self.head_at_base(node)
        terms: list[Node | None] = []
        for place, arg in enumerate(node.args):
            if any(self.at(arg, j) is not None for j in range(1, power + 1)):
                derivative = partial(node, place)
                terms += [
                    times(sp.Rational(j, power), self.at(derivative, power - j), self.at(arg, j))
                    for j in range(1, power + 1)
                ]
        return total(terms)

    def head_at_base(self, node: Node[Head]) -> Node | None:
        """A function at the coefficients of epsilon**0; a number if these are numbers and some are zero."""
        args = [self.at(arg, 0) for arg in node.args]
        if None not in args:
            return Node(node.op, tuple(arg for arg in args if arg is not None))
        numbers = [sp.Integer(0) if arg is None else number_of(arg) for arg in args]
        value = None if None in numbers else node.op(*numbers)
        if value is not None and value.is_finite is False:
            raise NoRule(
                f"{node.op.__name__} has no series at 0: its value there is {value} "
                f"(the argument of {node.op.__name__} goes to 0 with the strength of the layers)"
            )
        if value is not None and value.is_Number:
            return number(value) if value != 0 else None
        return Node(node.op, tuple(self.base(arg) for arg in node.args))

    # -- layers

    def layer(self, node: Node[Call], power: int) -> Node | None:
        inner = power - self.shift
        if inner < 0:
            return None
        if node.op.body is not None and not self.named:
            if node not in self.bodies:
                self.bodies[node] = self.body(node, node.op.body)
            return self.bodies[node][inner]
        if inner == 0:
            return Node(node.op, tuple(map(self.shaped, node.args)))
        return self.derivatives(node, inner)

    def body(self, node: Node[Call], body: Block) -> Jet:
        """The coefficients of an inlined layer; the layers inside it are part of it, and not scaled."""
        block = Block(body.shapes, inlined(body.results)).retyped([arg.shape for arg in node.args[1:]])
        args = {
            formal: [self.at(arg, power) for power in range(self.order + 1)]
            for formal, arg in zip(block.formals, node.args[1:], strict=True)
        }
        return Taylor(self.order, self.named, 0, args).of(block.results)[0]

    def derivatives(self, node: Node, power: int) -> Node | None:
        """The derivatives of a named layer: the sum over all ways to make up the power from those of arguments."""
        moving = [
            (j, place)
            for j in range(1, power + 1)
            for place, arg in enumerate(node.args[1:])
            if self.at(arg, j) is not None
        ]
        check_bounded(count_of_shares(power, [j for j, _ in moving]))
        base = tuple(map(self.shaped, node.args))
        terms: list[Node | None] = []
        for counts in sorted(shares(power, [j for j, _ in moving]), key=sum):
            directions = [
                (place, direction)
                for (j, place), count in zip(moving, counts, strict=True)
                if (direction := self.at(node.args[1 + place], j)) is not None
                for _ in range(count)
            ]
            weight = sp.prod([sp.Rational(1, factorial(count)) for count in counts])
            terms.append(times(weight, directional_of(Node(node.op, base), directions)))
        return total(terms)

    # -- primitives

    def primitive(self, node: Node[Apply], op: Apply, power: int) -> Node | None:
        row, args = op.primitive, node.args
        if row in (take_row, reverse_row) or entry_of(node):  # whole entries of a sequence
            return self.applied(node, [self.at(args[0], power)])
        if row in (softmax, safe_softmax):
            return self.softmax(node, power)
        if row == stopped:  # constant for gradients only
            return self.applied(node, [self.at(args[0], power)])
        if row in REDUCED:
            return self.reduced(node, REDUCED[row], power)
        if op.is_multilinear(len(args)):
            return self.multilinear(node, op, power)
        moving = [
            k for k in row.carries(len(args)) if any(self.at(args[k], j) is not None for j in range(1, self.order + 1))
        ]
        if not moving:
            return op.rebuild(tuple(map(self.shaped, args))) if power == 0 else None
        if row.body is not None:
            return self.at(body_of(op, args), power)
        linear = [k for group in op.groups(len(args)) for k in group]
        if unruled := [k for k in moving if k not in linear]:
            raise NoRule(
                f"the primitive {row.name!r} has no rule for series in the strength of layers: {_places(unruled)} "
                f"on layers, and its row says that it is linear in {_linear_in(linear)} (give its row `linear`, if it "
                "is linear there as well, or a `body` of operations that have a rule)"
            )
        return self.multilinear(node, op, power)

    def multilinear(self, node: Node[Apply], op: Apply, power: int) -> Node | None:
        """An operation linear in groups of arguments: the sum over all distributions of the power over the groups."""
        args, groups = node.args, op.groups(len(node.args))
        fixed = {k: self.shaped(arg) for k, arg in enumerate(args) if not any(k in group for group in groups)}
        if not groups:
            return op.rebuild(tuple(fixed.values())) if power == 0 else None
        terms: list[Node | None] = []
        for powers in compositions(power, len(groups)):
            chosen: dict[int, Node | None] = dict(fixed)
            for group, j in zip(groups, powers, strict=True):
                parts = {k: self.at(args[k], j) if op.primitive == stack_row else self.full(args[k], j) for k in group}
                zero = all(part is None for part in parts.values())
                chosen |= {k: part if zero or part is not None else self.zeros(args[k]) for k, part in parts.items()}
            terms.append(self.applied(node, [chosen[k] for k in range(len(args))]))
        return total(terms)

    @staticmethod
    def applied(node: Node[Apply], args: Sequence[Node | None]) -> Node | None:
        """The same operation over other arguments, sequences in normal form; zero if an argument is."""
        nonzero = tuple(arg for arg in args if arg is not None)
        if len(nonzero) < len(args):
            return None
        arranged = rebuilt_sequence(node, nonzero)
        return node.op.rebuild(nonzero) if arranged is None else arranged

    def softmax(self, node: Node[Apply], power: int) -> Node | None:
        """s' = s (u' - sum of s u')"""
        (arg,), axis = node.args, dict(node.op.attributes)["axis"]
        if power == 0:
            return node.op.rebuild((self.shaped(arg),))
        terms: list[Node | None] = []
        for low in range(power):
            high = power - low
            weighted = total(
                [times(sp.Rational(j, power), self.at(node, high - j), self.full(arg, j)) for j in range(1, high + 1)]
            )
            mean = None if weighted is None else reduce_sum(weighted, axis=axis, keepdims=True)
            terms.append(times(sp.Rational(high, power), self.at(node, low), self.full(arg, high)))
            terms.append(times(-1, self.at(node, low), mean))
        return total(terms)

    def reduced(self, node: Node[Apply], weights: Primitive, power: int) -> Node | None:
        """L' = sum of w u', with the weights w of another primitive."""
        (arg,), attributes = node.args, dict(node.op.attributes)
        if power == 0:
            return node.op.rebuild((self.shaped(arg),))
        axis = tuple(range(-arg.ndim, 0)) if attributes["axis"] is None and is_known(arg.shape) else attributes["axis"]
        slope = weights(arg, axis=axis)
        weighted = total(
            [times(sp.Rational(j, power), self.at(slope, power - j), self.full(arg, j)) for j in range(1, power + 1)]
        )
        return None if weighted is None else reduce_sum(weighted, **attributes)

    def within(self, known: dict[Node, Jet]) -> Taylor:
        """The same inside a block, with the coefficients of its formals."""
        return Taylor(self.order, self.named, self.shift, known)


def _places(positions: Sequence[int]) -> str:
    """
    >>> _places([0]), _places([0, 2])
    ('argument 0 depends', 'arguments 0 and 2 depend')
    """
    named = " and ".join(map(str, positions))
    return f"argument {named} depends" if len(positions) == 1 else f"arguments {named} depend"


def _linear_in(positions: Sequence[int]) -> str:
    if not positions:
        return "none of its arguments"
    return f"argument{'s' * (len(positions) > 1)} {' and '.join(map(str, positions))} only"


def is_zero(node: Node) -> bool:
    return bool(number_of(node) == 0)


def check_bounded(products: int) -> None:
    """Refuse a coefficient of too many products: their number grows faster than any power of the order."""
    if products > MOST:
        raise TooLarge(
            f"a coefficient of a layer has {products:,} products of lower coefficients, over the bound of {MOST:,} "
            "(take a lower order; for layers with bodies, .evaluate(x=...) gives numbers at any order)"
        )


def compositions(power: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write a power as an ordered sum of `parts` numbers from 0 up.

    >>> list(compositions(2, 2))
    [(0, 2), (1, 1), (2, 0)]
    """
    if parts == 1:
        yield (power,)
        return
    for first in range(power + 1):
        yield from ((first, *rest) for rest in compositions(power - first, parts - 1))


def shares(power: int, sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All ways to write a power as a sum of sizes, as the number of times that each is taken.

    >>> list(shares(3, [1, 2]))
    [(1, 1), (3, 0)]
    """
    if not sizes:
        if power == 0:
            yield ()
        return
    for count in range(power // sizes[0] + 1):
        yield from ((count, *rest) for rest in shares(power - count * sizes[0], sizes[1:]))


def count_of_shares(power: int, sizes: Sequence[int]) -> int:
    """The number of shares, without listing them.

    >>> count_of_shares(3, [1, 2]), count_of_shares(49, range(1, 50))
    (2, 173525)
    """
    counts = [1] + [0] * power  # of each lower power, with the sizes up to now
    for size in sizes:
        for lower in range(size, power + 1):
            counts[lower] += counts[lower - size]
    return counts[power]
