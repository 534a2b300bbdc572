"""Shared values: a value that a form would write more than once gets an equation of its own, as in `u = s*f(z) + z`.

So do the parts of very long and very deep formulas. A value of one operation on names stays in place, unless it is an
applied layer: `1 - z` is as short as a name, but a layer is applied once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sympy as sp

from symfold.core.blocks import Call
from symfold.core.leaves import Constant
from symfold.core.nodes import Node
from symfold.core.primitives import broadcast_like, broadcast_to, is_primitive
from symfold.show.notation.loops import Cut, Letters, Loop, Scope, is_listed

LARGE = 200  # a formula with more operations gets names for its shared parts, whatever is asked for
DEEP = 60  # nested operations; at this depth the inner one gets a name
LETTERED = 6  # the values of a step that get a letter each; more are numbered


def name_shared(scope: Scope, letters: Letters, form: str = "") -> None:
    """Choose the values that get an equation of their own in a form (none: only those of long formulas)."""
    memo: dict[int, dict[Node, int]] = {}
    values = _chosen(scope, form, (), _uses(scope, form, memo))
    if form == "steps":  # an initial state is called z0
        starts = _starts(scope)
        scope.cuts = {node: starts[node] for node in values if node in starts}
        values = [node for node in values if node not in starts]
    scope.cuts |= _lettered(values, [letters.shared()]) if len(values) == 1 else _numbered(values, letters)
    _name_inside(scope, letters, form, memo)


def _name_inside(scope: Scope, letters: Letters, form: str, memo: dict[int, dict[Node, int]]) -> None:
    """Name the values of steps: by a letter each, as in a fold that goes on, and by the number of the step."""
    for loop in scope.loops.values():
        values = _chosen(loop.scope, form, loop.scope.results, _uses(loop.scope, form, memo))
        if len(values) <= LETTERED:
            earlier = loop.previous.scope.cuts.values() if loop.previous else ()
            names = [cut.letter for cut in earlier if cut.position is None][: len(values)]
            names += [letters.shared() for _ in values[len(names) :]]
            loop.scope.cuts = _lettered(values, names)
        else:
            loop.scope.cuts = _numbered(values, letters)
        _name_inside(loop.scope, letters, form, memo)


def _lettered(values: Sequence[Node], names: Sequence[str]) -> dict[Node, Cut]:
    return {node: Cut(letter) for node, letter in zip(values, names, strict=True)}


def _numbered(values: Sequence[Node], letters: Letters) -> dict[Node, Cut]:
    letter = letters.shared() if values else ""
    return {node: Cut(letter, position) for position, node in enumerate(values, start=1)}


def _starts(scope: Scope) -> dict[Node, Cut]:
    """The initial states of the folds of a net, by the names that the first steps would give them."""
    starts: dict[Node, Cut] = {}
    for loop in scope.loops.values():
        if loop.previous is None and isinstance(loop.start, int):
            for letter, init in zip(loop.letters, loop.node.args, strict=False):
                starts.setdefault(init, Cut(letter, loop.start))
    return starts


def _chosen(scope: Scope, form: str, named: Collection[Node], uses: dict[Node, int]) -> list[Node]:
    """The operations to name, apart from those that have names anyway."""
    long = _is_long(scope)
    size: dict[Node, int] = {}  # operations in the text, up to names
    depth: dict[Node, int] = {}
    varies: dict[Node, bool] = {}  # whether any name is in the text
    values: list[Node] = []
    for node in scope.order:
        written = _written(node)
        is_operation = node in scope.operations
        size[node] = _size(node, written, size, is_operation)
        depth[node] = 1 + max((depth[arg] for arg in node.args), default=0)
        varies[node] = any(varies[arg] for arg in written) if node.args else not isinstance(node.op, Constant)
        if not is_operation or not varies[node]:
            continue
        several = uses[node] > 1
        repeated = several and bool(form) and (size[node] > 1 or isinstance(node.op, Call))
        large = depth[node] >= DEEP or (long and (size[node] > LARGE or (several and size[node] > 4)))
        if node in named:
            size[node] = depth[node] = 0
        elif repeated or (large and node not in scope.results):
            values.append(node)
            size[node] = depth[node] = 0
    return values


def _is_long(scope: Scope) -> bool:
    """Whether the formula of a result would be very long without names."""
    size: dict[Node, int] = {}
    for node in scope.order:
        size[node] = _size(node, _written(node), size, node in scope.operations)
    return any(size[result] > LARGE for result in scope.results)


def _written(node: Node) -> Sequence[Node]:
    """The arguments of a node that its text contains."""
    if isinstance(node.op, Call):
        return node.args[: 1 + node.op.arity]
    return node.args[:1] if is_primitive(node, broadcast_to, broadcast_like) else node.args


def _size(node: Node, written: Sequence[Node], size: dict[Node, int], is_operation: bool) -> int:
    """The operations in the text of a node; signs and reciprocals are none."""
    inner = sum([size[arg] for arg in written])
    if not is_operation:
        return inner
    if node.op in (sp.Add, sp.Mul):
        own = len(written) - 1 - (sum(map(_is_minus_one, written)) if node.op is sp.Mul else 0)
    else:
        own = 0 if node.op is sp.Pow and _is_minus_one(written[1]) else 1
    return min(10**9, inner + own)


def _is_minus_one(node: Node) -> bool:
    return isinstance(node.op, Constant) and node.op.value is sp.S.NegativeOne


def _uses(scope: Scope, form: str, memo: dict[int, dict[Node, int]]) -> dict[Node, int]:
    """How often a form would write each value of a scope, if operations had names."""
    if id(scope) in memo:
        return memo[id(scope)]
    uses = memo[id(scope)] = dict.fromkeys(scope.order, 0)
    for result in scope.results:
        uses[result] += 1
    following = {loop.previous.node: loop for loop in scope.loops.values() if loop.previous and form == "fold"}
    for node in reversed(scope.order):
        if node in scope.loops:
            _count_uses_of_loop(scope.loops[node], form, uses, following.get(node), memo)
            continue
        for arg in _written(node):
            uses[arg] += min(uses[node], 1) if node in scope.operations else uses[node]
    return uses


def _count_uses_of_loop(
    loop: Loop, form: str, uses: dict[Node, int], following: Loop | None, memo: dict[int, dict[Node, int]]
) -> None:
    """The fold form writes an initial state and a list once; the steps form writes what they are at every use.

    A first step like those of the loop that follows it has no line of its own.
    """
    covered = following is not None and loop.fold.count == 1 and _operations(loop) == _operations(following)
    fold, inside = loop.fold, _uses(loop.scope, form, memo)
    by_name = form != "steps" and (covered or fold.count != 1)
    times = fold.count if form == "steps" and isinstance(fold.count, int) else 1
    along = (*[None] * fold.carries, *fold.each)
    for arg, formal, each in zip(loop.node.args, fold.block.formals, along, strict=True):
        number = inside.get(formal, 0)
        if covered and following and arg in following.node.args[fold.carries :]:
            continue
        if each is None or (each and is_listed(arg)):
            uses[arg] += min(number, 1) if by_name else number
        else:
            uses[arg] += number * times


def _operations(loop: Loop) -> list[object]:
    """The operations of a step, whatever the shapes."""
    return [node.op if node.args else type(node.op) for node in loop.scope.order]
