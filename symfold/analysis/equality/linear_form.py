"""Linear form: linear maps passed through sums, through folds that are linear in their state, and through scans.

    W z_n,  z_k = z_{k-1}/2 + g_k, z_0 = x    is    y_n,  y_k = y_{k-1}/2 + W g_k, y_0 = W x

g_k may read items, captured values and other parts of the state, but not z. A sum over the states of a scan is a part
of the state that adds them up. Which maps are linear is read off the rows of the primitives, and off the bodies of
layers if these are inlined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symfold.analysis.counting.unread import without_unread
from symfold.analysis.equality.same_form import neutral_of, separated
from symfold.analysis.normal_form import exact, flattened, tidy
from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold, Select, apply_fold, fold_of, is_emitted, is_last_state
from symfold.core.leaves import Constant, Formal, FrozenArray, number
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, substitute, walk, with_args
from symfold.core.primitives import Apply, broadcast_to, dot, is_primitive, reduce_sum
from symfold.core.sequences import stack, stack_row
from symfold.core.shapes import ANY, is_known
from symfold.transform.rolling import roll

MOST_MAPS = 2_000  # linear maps of single terms: products of sums have exponentially many


class TooManyTerms(Exception):
    """The linear form would be too long."""


def same_linear_form(a: Net, b: Net, inline: bool = False) -> bool:
    """Whether two nets have one normal form after linear maps are passed inward, the layers among them if inlined.

    >>> import numpy as np, symfold as sf
    >>> f, x, W = sf.layers("f", count="n"), sf.tensor("x", (3,)), sf.parameter("W", (3, 3))
    >>> mapped = sf.Net.of(np.dot(sf.fold(lambda z, f: z + f(x), f, x), W))
    >>> same_linear_form(mapped, sf.fold(lambda z, f: z + np.dot(f(x), W), f, np.dot(x, W)))
    True
    """
    try:
        inward = [Inward(inline), Inward(inline)]
        forms = [passes.into_steps(roll(net, search=False).outputs) for passes, net in zip(inward, (a, b), strict=True)]
        if not inline and not any(passes.maps for passes in inward):
            return False  # no linear map stands before a sum: the normal form has been compared already
        left, right = (separated(without_unread(form)) for form in forms)
        if left == right:
            return True
        short = [flat for net in (a, b) if (flat := flattened(net)) is not None]
        return len(short) == 2 and tidy(linear_form(short[0], inline)) == tidy(linear_form(short[1], inline))
    except TooManyTerms:
        return False


def linear_form(roots: Sequence[Node], inline: bool = False) -> tuple[Node, ...]:
    """The roots with linear maps as far inside as they go, in blocks too."""
    return without_unread(Inward(inline).passed(roots))


@dataclass(frozen=True)
class Map:
    """An operation that is linear in one of its arguments, the one at `place`, which is not kept."""

    op: Any
    args: tuple[Node, ...]
    place: int

    @classmethod
    def of(cls, node: Node, place: int) -> Map:
        return cls(node.op, (*node.args[:place], number(0), *node.args[place + 1 :]), place)

    def __call__(self, value: Node) -> Node:
        args = (*self.args[: self.place], value, *self.args[self.place + 1 :])
        return Node(self.op, args) if isinstance(self.op, type) else self.op.rebuild(args)

    @property
    def others(self) -> list[Node]:
        return [arg for k, arg in enumerate(self.args) if k != self.place]

    def over(self, replaced: Mapping[Node, Node]) -> Map:
        """The same map with other arguments replaced."""
        return replace(self, args=tuple(replaced.get(arg, arg) for arg in self.args))


class Inward:
    """Linear maps passed inward, node by node."""

    def __init__(self, inline: bool) -> None:
        self.inline, self.maps = inline, 0
        self.memo: dict[tuple[Map, Node], Node] = {}

    def into_steps(self, roots: Sequence[Node]) -> tuple[Node, ...]:
        """Maps passed inward, those too that all steps share: `tidy` moves the sums and products in them into steps."""
        return self.passed(tidy(self.passed(tidy(roots))))

    def passed(self, roots: Sequence[Node]) -> tuple[Node, ...]:
        return rebuilt(roots, self.rule)

    def rule(self, node: Node, args: tuple[Node, ...]) -> Any:
        op = node.op
        if isinstance(op, Fold):
            block = Block(op.block.shapes, self.passed(op.block.results))
            return apply_fold(block, op.count, args[: op.carries], args[op.carries :], op.each)
        if isinstance(op, Call) and op.body is not None and self.inline and _is_affine(op.body):
            bound = dict(zip(op.body.formals, args[1:], strict=True))
            return rebuilt(op.body.results, self.rule, bound)[0]
        value = with_args(node, args)
        if is_zero(value):
            return neutral_of(sp.Add, value.shape) if is_known(value.shape) else None
        linear_map = self.map_of(value)
        return None if linear_map is None else self.mapped(linear_map, args[linear_map.place])

    def map_of(self, node: Node) -> Map | None:
        """The operation as a map of the argument through which it can be passed, if there is one."""
        op = node.op
        if op is sp.Mul:
            places = [k for k, arg in enumerate(node.args) if arg.op is not sp.Mul and is_passable(arg)]
            return Map.of(node, places[0]) if len(places) == 1 else None
        if not isinstance(op, Apply):
            return None
        places = [k for group in op.groups(len(node.args)) if len(group) == 1 for k in group]
        return next((Map.of(node, k) for k in places if is_passable(node.args[k])), None)

    def mapped(self, linear: Map, value: Node) -> Node:
        """The map of a value, passed inward."""
        key = (linear, value)
        if key not in self.memo:
            self.maps += 1
            if self.maps > MOST_MAPS:
                raise TooManyTerms
            whole = linear(value)
            passed = self._mapped(linear, value, whole)
            self.memo[key] = whole if passed is None or passed.shape != whole.shape else passed
        return self.memo[key]

    def _mapped(self, linear: Map, value: Node, whole: Node) -> Node | None:
        if value.op is sp.Add:
            same = ANY[0] not in value.shape and all(arg.shape == value.shape for arg in value.args)
            return Node(sp.Add, tuple(self.mapped(linear, arg) for arg in value.args)) if same else None
        if value.op is sp.Mul and linear.op is not sp.Mul:
            scalars = [arg for arg in value.args if arg.shape == ()]
            rest = [arg for arg in value.args if arg.shape != ()]
            if not scalars or not rest:
                return None
            return Node(
                sp.Mul, (*scalars, self.mapped(linear, rest[0] if len(rest) == 1 else Node(sp.Mul, tuple(rest))))
            )
        if is_zero(value):
            return neutral_of(sp.Add, whole.shape)
        if is_primitive(value, stack_row) or is_emitted(value):
            return self.mapped_sequence(linear, value)
        return self.mapped_state(linear, value) if is_last_state(value) else None

    # -- folds

    def mapped_state(self, linear: Map, value: Node) -> Node | None:
        """The map of a part of a last state that is linear in itself: a part of the state of its own."""
        node, place = fold_of(value), _position(value)
        block = node.op.block
        state, result, init = block.formals[place], block.results[place], node.args[place]
        terms = result.args if result.op is sp.Add else (result,)
        factors = [_factors_of(term, state) for term in terms]
        added = [term for term, factor in zip(terms, factors, strict=True) if factor is None]
        shapes = {part.shape for part in [*added, *([] if is_zero(init) else [init])]}
        if len(added) == len(terms) or state in walk(added) or len(shapes) != 1 or ANY[0] in next(iter(shapes)):
            return None
        start = self.mapped(linear, init)

        def step(part: Node, inner: Map) -> Node:
            scaled = [Node(sp.Mul, (*factor, part)) if factor else part for factor in factors if factor is not None]
            new = [*scaled, *(self.mapped(inner, term) for term in added)]
            return new[0] if len(new) == 1 else Node(sp.Add, tuple(new))

        return with_part(node, linear, start, step)

    def mapped_sequence(self, linear: Map, value: Node) -> Node | None:
        """The map of a sequence entry by entry, or the sum of its entries."""
        is_stack = is_primitive(value, stack_row)
        entry = value if is_stack else fold_of(value).op.block.results[_position(value)]
        if _sums_entries(linear.op, value):
            if is_stack:
                return Node(sp.Add, value.args)
            if not is_known(entry.shape):
                return None
            start = neutral_of(sp.Add, entry.shape)
            return with_part(fold_of(value), None, start, lambda part, _: Node(sp.Add, (part, entry)))
        scalar = linear.op is sp.Mul and all(arg.shape == () for arg in linear.others)
        rows = isinstance(linear.op, Apply) and linear.op.primitive is dot and linear.place == 0
        if not scalar and not (rows and is_known(value.shape) and len(value.shape) > 1):
            return None
        if is_stack:
            return stack([self.mapped(linear, arg) for arg in value.args])
        return with_part(fold_of(value), linear, None, lambda _, inner: self.mapped(inner, entry))


def with_part(node: Node[Fold], linear: Map | None, start: Node | None, step: Any) -> Node:
    """A new part of the state, from `start`, or a new sequence if that is None; `step(part, map)` computes it."""
    fold, block = node.op, node.op.block
    carries, states = fold.carries, [] if start is None else [start]
    others = [] if linear is None else list(dict.fromkeys(linear.others))
    outside = [arg for arg in others if not isinstance(arg.op, Constant)]
    shapes = [ANY if is_zero(arg) and not is_known(arg.shape) else arg.shape for arg in states]
    shapes = [*block.shapes[:carries], *shapes, *block.shapes[carries:], *(arg.shape for arg in outside)]
    formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
    # the step is over the old formals, of level 0, and new ones of level 1
    new = [Node(Formal(1, k, arg.shape)) for k, arg in enumerate([*states, *outside])]
    inside = dict(zip(outside, new[len(states) :], strict=True))
    value = step(new[0] if states else None, linear.over(inside) if linear else None)
    old = [*block.formals[:carries], *new[: len(states)], *block.formals[carries:], *new[len(states) :]]
    place = carries if states else len(block.results)
    results = substitute((*block.results[:place], value, *block.results[place:]), dict(zip(old, formals, strict=True)))
    each = [*fold.each, *(False for _ in outside)]
    operands = [*node.args[carries:], *outside]
    init = [*node.args[:carries], *states]
    return apply_fold(Block(tuple(shapes), results), fold.count, init, operands, each)[place]


def _position(value: Node) -> int:
    assert isinstance(value.op, Select)
    return value.op.position


def is_passable(node: Node) -> bool:
    """Whether a linear map may be passed into a value: a sum, a product, a sequence or a result of a fold."""
    return node.op in (sp.Add, sp.Mul) or isinstance(node.op, Select) or is_primitive(node, stack_row)


def is_zero(node: Node) -> bool:
    """Whether a value is 0 in every entry: a number, an array, or a product with 0."""
    if node.op is sp.Mul or is_primitive(node, broadcast_to):
        return any(exact(arg) == 0 for arg in node.args)
    value = node.op.value if isinstance(node.op, Constant) else None
    return exact(node) == 0 or (isinstance(value, FrozenArray) and not value.array.any())


def _factors_of(term: Node, state: Node) -> tuple[Node, ...] | None:
    """The scalars that multiply the state in a term; None for any other term."""
    if term is state:
        return ()
    if term.op is not sp.Mul or term.args.count(state) != 1:
        return None
    factors = tuple(arg for arg in term.args if arg is not state)
    return factors if all(arg.shape == () and state not in walk((arg,)) for arg in factors) else None


def _sums_entries(op: Any, value: Node) -> bool:
    """Whether an operation is the sum over the leading axis alone of a sequence."""
    if not isinstance(op, Apply) or op.primitive is not reduce_sum or not is_known(value.shape):
        return False
    attributes = dict(op.attributes)
    axes = {axis % len(value.shape) for axis in attributes["axis"]} if attributes.get("axis") is not None else None
    return axes == {0} and not attributes.get("keepdims", False)


def _is_affine(body: Block) -> bool:
    """Whether a body is made of sums and of operations that are linear in each argument."""
    return all(
        node.op is sp.Add
        or isinstance(node.op, (Formal, Constant))
        or (node.op is sp.Mul and sum(exact(arg) is None for arg in node.args) <= 1)
        or (isinstance(node.op, Apply) and node.op.is_multilinear(len(node.args)))
        for node in walk(body.results)
    )
