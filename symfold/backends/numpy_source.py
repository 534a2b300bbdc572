"""Nets as NumPy source: straight calls into arrays made beforehand, one loop a fold.

The source holds no name of a user's and no depth: it is as long at depth 10 as at depth 1,000. What is read or written
at each step is a view made once, handed to the loop; a view of a view is made once as well, on the whole sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from symfold.backends.numpy_elementwise import POWERS, ROWS, absorbed, number_of, signed
from symfold.errors import NoRule
from symfold.evaluate import constant_value, function_of
from symfold.folds import Fold, Select
from symfold.layer_kinds import Call
from symfold.nodes import Constant, Node, walk
from symfold.primitives import (
    Apply,
    broadcast_to,
    concatenate,
    dot,
    expand,
    is_primitive,
    item,
    put,
    reduce_mean,
    reduce_sum,
    reshape,
    share,
    squeeze,
    sum_to,
    swap,
)
from symfold.sequences import reverse_row, stack_row, take_row
from symfold.shapes import NAME, Shape, show

VIEWS = (swap, expand, squeeze, item, broadcast_to, reverse_row)


@dataclass(frozen=True)
class Ref:
    """An array in the source: its name, its shape, and where it is bound: level 0 once, level k at each step of a loop.

    `stack` names the array of all the steps that it is one entry of; `whole` says that nothing else is in its memory's
    way, so that it can be seen in another shape.
    """

    name: str
    shape: Shape
    level: int = 0
    stack: str | None = None
    whole: bool = False
    scratch: bool = False


@dataclass
class Scope:
    """A body being written: the program's or a loop's."""

    level: int
    lines: list[str] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)  # loop variable -> the array whose entries it runs over


@dataclass
class Source:
    """A program being written."""

    setup: list[str] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=lambda: [Scope(0)])
    counts: list[int] = field(default_factory=list)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)
    free: dict[Shape, list[str]] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)

    # -- names, arrays, lines

    def name(self, letter: str) -> str:
        self.used[letter] = self.used.get(letter, 0) + 1
        return f"{letter}{self.used[letter]}"

    @property
    def scope(self) -> Scope:
        return self.scopes[-1]

    def emit(self, *lines: str) -> None:
        self.scope.lines += lines

    def once(self, letter: str, expression: str) -> str:
        """A name bound before the run."""
        name = self.name(letter)
        self.setup.append(f"{name} = {expression}")
        return name

    def scratch(self, shape: Shape) -> Ref:
        """An array for a value in between."""
        waiting = self.free.get(shape)
        name = waiting.pop() if waiting else self.once("t", f"empty({self.shape(shape)})")
        return Ref(name, shape, whole=True, scratch=True)

    def release(self, ref: Ref) -> None:
        self.free.setdefault(ref.shape, []).append(ref.name)

    def shape(self, shape: Shape) -> str:
        """A shape by name: sizes that follow the depth must not make the source longer."""
        name = self.name("shape")
        self.arrays[name] = shape
        return name

    def rows(self, positions: range) -> str:
        """Neighbouring rows by name, for the same reason."""
        name = self.name("rows")
        self.arrays[name] = slice(positions.start, positions.stop)
        return name

    def count(self, number: int) -> str:
        self.counts.append(number)
        return f"n{len(self.counts)}"

    def constant(self, node: Node) -> Ref:
        value = np.asarray(constant_value(node), dtype=float)
        found = next((k for k, v in self.arrays.items() if isinstance(v, np.ndarray) and v.shape == value.shape and np.array_equal(v, value)), None)
        name = found or self.name("c")
        self.arrays[name] = value
        return Ref(name, value.shape)

    def function(self, function: Callable[..., Any]) -> str:
        name = self.name("f")
        self.functions[name] = function
        return name

    def entry(self, stack: Ref, shape: Shape, letter: str = "v", array: bool = True) -> Ref:
        """The entry of a sequence at the step that the innermost loop is at; `array` says that the sequence is one array."""
        name = self.name(letter)
        self.scope.bound[name] = stack.name
        return Ref(name, shape, self.scope.level, stack.name if stack.level == 0 and array else None, whole=stack.whole)

    # -- nodes

    def write(self, roots: Sequence[Node], known: Mapping[Node, Ref], into: Mapping[Node, Ref]) -> dict[Node, Any]:
        """Write what computes the roots; `into` says where some values must go."""
        body = Body(self, walk(roots, stop=known), roots, dict(known), dict(into))
        body.write()
        return body.refs


class Body:
    """The straight part of a program: a block's nodes in order, with the lifetimes of their values."""

    def __init__(self, source: Source, order: list[Node], roots: Sequence[Node], refs: dict[Node, Any], into: dict[Node, Ref]):
        self.source = source
        self.order = order
        self.refs = refs
        self.into = into
        self.pinned = set(roots)
        users: dict[Node, list[Node]] = {}
        for node in order:
            for arg in node.args:
                users.setdefault(arg, []).append(node)
                if is_view(node) or isinstance(node.op, (Fold, Select)):
                    self.pinned.add(arg)
        # -u in a sum and 1/u in a product are not computed, but read through, where nothing else reads them
        self.through: dict[Node, Node] = {}
        for node in order:
            if node not in self.pinned and node not in into and len(users.get(node, [])) == 1:
                if (inner := absorbed(node, users[node][0])) is not None:
                    self.through[node] = inner
        place = {node: k for k, node in enumerate(order)}
        self.last: dict[Node, int] = {}
        for node in order:
            for arg in self.reads(node):
                self.last[arg] = max(self.last.get(arg, -1), place[node])

    def reads(self, node: Node) -> list[Node]:
        """The values that a node's calls read."""
        if node in self.through:
            return []
        return [self.through.get(arg, arg) for arg in node.args]

    def write(self) -> None:
        for place, node in enumerate(self.order):
            if node in self.refs or node in self.through:
                continue
            self.refs[node] = self.value(node, place)
            for arg in dict.fromkeys(self.reads(node)):
                ref = self.refs.get(arg)
                dead = self.last.get(arg) == place and arg not in self.pinned and arg not in self.into
                if dead and isinstance(ref, Ref) and ref.scratch and ref.name != getattr(self.refs[node], "name", None):
                    self.source.release(ref)

    def value(self, node: Node, place: int) -> Any:
        op, source = node.op, self.source
        if isinstance(op, Constant):
            ref = source.constant(node)
        elif isinstance(op, Fold):
            return write_fold(source, node, [self.refs[arg] for arg in node.args])
        elif isinstance(op, Select):
            ref = self.refs[node.args[0]][op.position]
        elif node.shape[-1:] == (NAME,):
            return None
        elif isinstance(op, Call):
            raise NoRule("a layer is opaque and has no numbers (give it a body: net.bind({'f1': lambda z: ...}))")
        elif is_view(node):
            ref = view(source, node, self.refs[node.args[0]])
        elif is_primitive(node, reshape) and self.refs[node.args[0]].whole and self.refs[node.args[0]].level == 0:
            ref = Ref(source.once("v", f"{self.refs[node.args[0]].name}.reshape({source.shape(node.shape)})"), node.shape, whole=True)
        else:
            return self.computed(node, place)
        if node in self.into:
            source.emit(f"copyto({self.into[node].name}, {ref.name})")
            return self.into[node]
        return ref

    def computed(self, node: Node, place: int) -> Ref:
        """A value that calls compute, into its own place or one that is free."""
        source = self.source
        if isinstance(node.op, type):
            reads = [self.refs[arg] for arg in self.reads(node)]
            out = self.into.get(node) or self.reused(node, place) or source.scratch(node.shape)
            source.emit(*elementwise_lines(source, node, [r.name for r in reads], [arg in self.through for arg in node.args], out.name))
            return out
        out = self.into.get(node) or source.scratch(node.shape)
        source.emit(*primitive_lines(source, node, [self.refs[arg] for arg in node.args], out))
        return out

    def reused(self, node: Node, place: int) -> Ref | None:
        """The place of an argument that dies here. Only the first call may read what it overwrites: its two arguments."""
        if node not in self.pinned or node not in self.into:
            for arg in self.reads(node)[:2]:
                ref = self.refs.get(arg)
                dies = self.last[arg] == place and arg not in self.pinned and arg not in self.into
                if dies and isinstance(ref, Ref) and ref.scratch and ref.shape == node.shape and self.reads(node)[2:].count(arg) == 0:
                    return ref
        return None


def is_view(node: Node) -> bool:
    """Whether a node is seen in its argument's memory and needs no computing."""
    if is_primitive(node, take_row):
        return isinstance(dict(node.op.attributes)["positions"], range)
    return is_primitive(node, *VIEWS)


def view(source: Source, node: Node, ref: Ref) -> Ref:
    """A view: made once, on all the steps where the argument is one step's."""
    attributes = dict(node.op.attributes)

    def seen(name: str, stacked: bool) -> str:
        if is_primitive(node, swap):
            return f"{name}.swapaxes(-1, -2)" if len(node.shape) > 1 else name
        if is_primitive(node, expand):
            return f"expand_dims({name}, {attributes['axis']})"
        if is_primitive(node, squeeze):
            return f"{name}.squeeze({attributes['axis']})"
        if is_primitive(node, reverse_row):
            return f"{name}[{':, ' if stacked else ''}::-1]"
        if is_primitive(node, take_row):
            positions = attributes["positions"]
            rows = source.rows(positions)
            return f"{name}[{':, ' if stacked else ''}{rows}]"
        if is_primitive(node, broadcast_to):
            if stacked:
                extra = "None, " * (len(node.shape) - len(ref.shape))
                return f"broadcast_to({name}[:, {extra}...], (len({name}), *{source.shape(node.shape)}))"
            return f"broadcast_to({name}, {source.shape(node.shape)})"
        parts = ", ".join(":" if p == (None, None) else index_text(p) for p in attributes["index"])
        return f"{name}[{':, ' if stacked else ''}{parts}]" if stacked or "..." in parts else f"{name}[{parts}, ...]"

    if ref.level == 0:
        return Ref(source.once("v", seen(ref.name, False)), node.shape)
    if ref.stack is not None:
        stack = source.once("s", seen(ref.stack, True))
        scope = source.scopes[ref.level]
        name = source.name("v")
        scope.bound[name] = stack
        return Ref(name, node.shape, ref.level, stack)
    name = source.name("v")
    source.emit(f"{name} = {seen(ref.name, False)}")
    return Ref(name, node.shape, source.scope.level)


def index_text(part: Any) -> str:
    if part is ...:
        return "..."
    if isinstance(part, tuple):
        return ":".join("" if p is None else str(p) for p in part)
    return str(part)


def elementwise_lines(source: Source, node: Node, names: Sequence[str], flipped: Sequence[bool], out: str) -> list[str]:
    """The calls that compute one elementwise head into `out`."""
    head = node.op
    if head is sp.Mul and number_of(node.args[0]) == -1 and len(names) > 1:
        names, flipped = [*names[1:], names[0]], [*flipped[1:], flipped[0]]
        if len(names) == 2:
            return [f"negative({names[0]}, {out})"] if not flipped[0] else [f"divide(minus_one, {names[0]}, {out})"]
    if head in (sp.Add, sp.Mul):
        kind, other = ("+", "-") if head is sp.Add else ("*", "/")
        return signed(kind, [(other if flip else kind, name) for flip, name in zip(flipped, names, strict=True)], out)
    if head is sp.Pow:
        exponent = number_of(node.args[1])
        if exponent in POWERS:
            return POWERS[exponent](names[0], out)
        return [f"power({names[0]}, {names[1]}, {out})"]
    if head in ROWS:
        return ROWS[head](names, out)
    return [f"copyto({out}, {source.function(function_of(head))}({', '.join(names)}))"]


def primitive_lines(source: Source, node: Node, args: Sequence[Ref], out: Ref) -> list[str]:
    """The calls that compute one primitive into `out`."""
    op = node.op
    assert isinstance(op, Apply), op
    attributes, names = dict(op.attributes), [arg.name if arg is not None else "None" for arg in args]
    if is_primitive(node, dot):
        if max(len(arg.shape) for arg in args) <= 2 and len(node.shape) > 0:
            return [f"{names[0]}.dot({names[1]}, {out.name})"]
        return [f"matmul({names[0]}, {names[1]}, {out.name})"]
    if is_primitive(node, reduce_sum):
        return [f"add_reduce({names[0]}, {attributes['axis']}, None, {out.name}, {attributes['keepdims']})"]
    if is_primitive(node, reduce_mean):
        joined = np.prod(args[0].shape, dtype=float) / np.prod(node.shape, dtype=float)
        scale = source.constant(Node(Constant(sp.Float(1.0 / joined))))
        return [
            f"add_reduce({names[0]}, {attributes['axis']}, None, {out.name}, {attributes['keepdims']})",
            f"multiply({out.name}, {scale.name}, {out.name})",
        ]
    if is_primitive(node, share):
        rank = len(args[0].shape)
        axes = range(-rank, 0) if attributes["axis"] is None else attributes["axis"]
        value = 1.0 / np.prod([args[0].shape[a] for a in axes], dtype=float)  # type: ignore[arg-type]
        return [f"copyto({out.name}, {source.constant(Node(Constant(sp.Float(value)))).name})"]
    if is_primitive(node, sum_to) and len(args[0].shape) == len(node.shape):
        axes = tuple(k for k, (a, b) in enumerate(zip(args[0].shape, node.shape, strict=True)) if a != b)
        return [f"add_reduce({names[0]}, {axes}, None, {out.name}, True)"]
    if is_primitive(node, concatenate):
        return [f"concatenate(({', '.join(names)},), {attributes['axis']}, {out.name})"]
    if is_primitive(node, stack_row):
        return [f"stack(({', '.join(names)},), 0, {out.name})"]
    if is_primitive(node, put):
        parts = ", ".join(":" if p == (None, None) else index_text(p) for p in attributes["index"])
        return [f"{out.name}.fill(0.0)", f"{out.name}[{parts}] = {names[0]}"]
    return [f"copyto({out.name}, {source.function(op.evaluate)}({', '.join(names)}))"]


# ---------------------------------------------------------------- folds


def write_fold(source: Source, node: Node, args: Sequence[Any]) -> list[Any]:
    """One loop: the state in place, in two places by turns, or kept at every step, as its readers need."""
    fold: Fold = node.op
    block, carries = fold.block, fold.carries
    assert isinstance(fold.count, int), show((fold.count,))
    number = source.count(fold.count)
    formals, order = block.formals, walk(block.results)
    source.scopes.append(Scope(source.scope.level + 1))
    known: dict[Node, Any] = {}
    for formal, ref, each in zip(formals[carries:], args[carries:], fold.each, strict=True):
        if ref is None:
            known[formal] = None
        else:
            known[formal] = source.entry(ref, formal.shape) if each else ref
    into: dict[Node, Ref] = {}
    states = [State.choose(source, block, order, k, number, into) for k in range(carries)]
    for state, formal in zip(states, formals[:carries], strict=True):
        known[formal] = state.before
    sequences: list[Ref] = []
    copies: list[tuple[Ref, Node]] = []
    outer = source.scopes[-2]
    for output in block.results[carries:]:
        sequences.append(output_sequence(source, output, states, formals, args, fold, number, into, copies))
    refs = source.write(block.results, known, into)
    for state, result in zip(states, block.results[:carries], strict=True):
        if refs[result] is not state.after and refs[result].name != state.after.name:
            source.emit(f"copyto({state.after.name}, {refs[result].name})")
    for target, output in copies:
        if refs[output].name != target.name:
            source.emit(f"copyto({target.name}, {refs[output].name})")
    scope = source.scopes.pop()
    for state, init in zip(states, args[:carries], strict=True):
        if init.name != state.first:
            outer.lines.append(f"copyto({state.first}, {init.name})")
    outer.lines += loop(source, scope, number, outer.level)
    return [*(state.last for state in states), *sequences]


def loop(source: Source, scope: Scope, number: str, level: int) -> list[str]:
    """The lines of a loop: over views made beforehand where what it runs over is there beforehand."""
    body = [f"    {line}" for line in scope.lines] or ["    pass"]
    if not scope.bound:
        return [f"for _ in range({number}):", *body]
    names, stacks = ", ".join(scope.bound), ", ".join(scope.bound.values())
    steps = f"steps({number}, {stacks})"
    if level == 0:
        steps = source.once("steps", steps)
    return [f"for {names}, in {steps}:" if len(scope.bound) == 1 else f"for {names} in {steps}:", *body]


@dataclass(frozen=True)
class State:
    """Where a part of the state lives: before a step, after it, at first, at last, and at all steps if kept."""

    before: Ref
    after: Ref
    first: str
    last: Ref
    kept: Ref | None = None  # n + 1 entries

    @classmethod
    def choose(cls, source: Source, block: Any, order: list[Node], k: int, number: str, into: dict[Node, Ref]) -> State:
        formal, result = block.formals[k], block.results[k]
        carries_of = [r for r in block.results]
        shape = formal.shape
        outputs = block.results[len(carries_of) :]
        kept = formal in block.results or block.results.count(result) > 1
        computed = result in order and bool(result.args) and not is_view(result) and result not in into
        if kept:
            array = source.once("h", f"empty(({number} + 1, *{source.shape(shape)}))")
            state = cls._over(source, array, shape, f"{array}[:-1]", f"{array}[1:]", f"{array}[-1, ...]", kept=True)
        elif computed and in_place(order, formal, result, outputs):
            name = source.once("z", f"empty({source.shape(shape)})")
            ref = Ref(name, shape, whole=True)
            state = cls(ref, ref, name, ref)
        else:
            array = source.once("h", f"empty((2, *{source.shape(shape)}))")
            turns = f"by_turns({array}, {number})", f"by_turns({array}, {number}, 1)"
            state = cls._over(source, array, shape, *turns, f"{array}[{number} & 1, ...]", kept=False)
        if computed:
            into[result] = state.after
        return state

    @classmethod
    def _over(cls, source: Source, array: str, shape: Shape, before: str, after: str, last: str, kept: bool) -> State:
        pair = [Ref(source.once("s", text), ("steps", *shape)) for text in (before, after)]  # type: ignore[arg-type]
        entries = [source.entry(ref, shape, "z", array=kept) for ref in pair]
        first = source.once("v", f"{array}[0, ...]")
        final = Ref(source.once("v", last), shape)
        return cls(entries[0], entries[1], first, final, Ref(array, ("steps", *shape), whole=True) if kept else None)  # type: ignore[arg-type]


def in_place(order: list[Node], formal: Node, result: Node, outputs: Sequence[Node]) -> bool:
    """Whether the next state may be written over this one: nothing reads this one later, or elsewhere in a call."""
    readers = [n for n in order if formal in n.args]
    last = max((order.index(n) for n in readers), default=-1)
    where = order.index(result)
    if any(is_view(n) or isinstance(n.op, Fold) for n in readers):
        return False
    if last < where:
        return True
    return last == where and isinstance(result.op, type) and result.args[2:].count(formal) == 0 and result.op in (sp.Add, sp.Mul) and (
        formal in result.args[:2]
    )


def output_sequence(
    source: Source, output: Node, states: Sequence[State], formals: Sequence[Node], args: Sequence[Any], fold: Fold,
    number: str, into: dict[Node, Ref], copies: list[tuple[Ref, Node]],
) -> Ref:  # fmt: skip
    """Where the values that a fold gives out at each step are kept."""
    block, carries = fold.block, fold.carries
    shape = (fold.count, *output.shape)
    for k, state in enumerate(states):
        if state.kept is not None and output is formals[k]:
            return Ref(source.once("v", f"{state.kept.name}[:-1]"), shape, whole=True)
        if state.kept is not None and output is block.results[k]:
            return Ref(source.once("v", f"{state.kept.name}[1:]"), shape, whole=True)
    if output in formals[carries:] and fold.each[formals.index(output) - carries]:
        ref: Ref = args[formals.index(output)]
        return ref
    array = Ref(source.once("y", f"empty(({number}, *{source.shape(output.shape)}))"), shape, whole=True)
    entry = source.entry(array, output.shape, "y")
    if output in into or not output.args or is_view(output):
        copies.append((entry, output))
    else:
        into[output] = entry
    return array
