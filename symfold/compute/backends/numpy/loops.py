"""Folds as loops: the state is updated in place, double buffered, or stored for every step, as its readers need."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.compute.backends.numpy.calls import absorbed
from symfold.compute.backends.numpy.views import is_view
from symfold.compute.backends.numpy.writer import Ref, Scope, Source
from symfold.core.folds import Fold
from symfold.core.nodes import Node, walk
from symfold.core.primitives import is_primitive, reshape
from symfold.core.shapes import Shape
from symfold.core.stacked_inputs import known_count

Write = Callable[[Source, Sequence[Node], Mapping[Node, Any], Mapping[Node, Ref]], dict[Node, Any]]


def write_fold(source: Source, node: Node[Fold], args: Sequence[Any], write: Write) -> list[Any]:
    """Write a fold as a loop whose body `write` writes; return the fold's results, the last state first."""
    fold = node.op
    block, carries = fold.block, fold.carries
    number = source.count(known_count(fold.count))
    formals, order = block.formals, walk(block.results)
    operand_names = {ref.name for ref in args[carries:] if ref is not None}
    source.scopes.append(Scope(source.scope.level + 1, number=known_count(fold.count), given=operand_names))
    formal_refs: dict[Node, Any] = {}
    for formal, ref, each in zip(formals[carries:], args[carries:], fold.each, strict=True):
        if ref is None:
            formal_refs[formal] = None
        else:
            formal_refs[formal] = source.entry(ref, formal.shape) if each else ref
    into: dict[Node, Ref] = {}
    states = [State.choose(source, fold, order, k, number, into) for k in range(carries)]
    for state, formal in zip(states, formals[:carries], strict=True):
        formal_refs[formal] = state.before
    sequences: list[Ref] = []
    copies: list[tuple[Ref, Node]] = []
    outer = source.scopes[-2]
    for output in block.results[carries:]:
        sequences.append(output_sequence(source, output, states, formals, args, fold, number, into, copies))
    refs = write(source, block.results, formal_refs, into)
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
    """The lines of a loop; an outermost loop runs over views that are created before the run."""
    body = [f"    {line}" for line in scope.lines] or ["    pass"]
    words = set(re.findall(r"\w+", " ".join(body)))
    bound = {name: stack for name, stack in scope.bound.items() if name in words}
    if not bound:
        return [f"for _ in range({number}):", *body]
    names, stacks = ", ".join(bound), ", ".join(bound.values())
    steps = f"steps({number}, {stacks})"
    if level == 0:
        steps = source.once("steps", steps)
    return [f"for {names}, in {steps}:" if len(bound) == 1 else f"for {names} in {steps}:", *body]


@dataclass(frozen=True)
class State:
    """The arrays of a part of the state: before and after a step, initial, final, and of all steps if stored."""

    before: Ref
    after: Ref
    first: str
    last: Ref
    history: Ref | None = None  # n + 1 entries

    @classmethod
    def choose(cls, source: Source, fold: Fold, order: list[Node], k: int, number: str, into: dict[Node, Ref]) -> State:
        block, outputs = fold.block, fold.block.results[fold.carries :]
        formal, result = block.formals[k], block.results[k]
        shape = formal.shape
        stored = formal in outputs or result in outputs
        computed = result in order and bool(result.args) and not is_view(result) and result not in into
        if stored:
            array = source.once("h", f"empty(({number} + 1, *{source.shape(shape)}))")
            state = cls._over(source, array, shape, f"{array}[:-1]", f"{array}[1:]", f"{array}[-1, ...]", stored=True)
        elif computed and formal not in block.results and in_place(order, formal, result):
            name = source.once("z", f"empty({source.shape(shape)})")
            ref = Ref(name, shape, whole=True)
            state = cls(ref, ref, name, ref)
        else:
            array = source.once("h", f"empty((2, *{source.shape(shape)}))")
            buffers = f"double_buffer({array}, {number})", f"double_buffer({array}, {number}, 1)"
            state = cls._over(source, array, shape, *buffers, f"{array}[{number} & 1, ...]", stored=False)
        if computed:
            into[result] = state.after
        return state

    @classmethod
    def _over(cls, source: Source, array: str, shape: Shape, before: str, after: str, last: str, stored: bool) -> State:
        pair = [Ref(source.once("s", text), ("steps", *shape)) for text in (before, after)]
        entries = [source.entry(ref, shape, "z", array=stored) for ref in pair]
        first = source.once("v", f"{array}[0, ...]")
        final = Ref(source.once("v", last), shape)
        return cls(entries[0], entries[1], first, final, Ref(array, ("steps", *shape), whole=True) if stored else None)


def in_place(order: list[Node], formal: Node, result: Node) -> bool:
    """Whether the next state may overwrite this one: no call reads this one afterwards, or while writing."""

    def reads(node: Node) -> list[Node]:
        return [inner if (inner := absorbed(arg, node)) is not None else arg for arg in node.args]

    readers = [node for node in order if formal in node.args or formal in reads(node)]
    if any(is_view(node) or is_primitive(node, reshape) or isinstance(node.op, Fold) for node in readers):
        return False  # a reshaped array is a view where it can be
    last_read, write = max((order.index(node) for node in readers), default=-1), order.index(result)
    first_call_only = isinstance(result.op, type) and formal not in reads(result)[2:]
    return last_read < write or (
        last_read == write and first_call_only and (result.op in (sp.Add, sp.Mul) or len(result.args) == 1)
    )


def output_sequence(
    source: Source, output: Node, states: Sequence[State], formals: Sequence[Node], args: Sequence[Any], fold: Fold,
    number: str, into: dict[Node, Ref], copies: list[tuple[Ref, Node]],
) -> Ref:  # fmt: skip
    """The array for a result that a fold returns for every step."""
    block, carries = fold.block, fold.carries
    shape = (fold.count, *output.shape)
    for k, state in enumerate(states):
        if state.history is not None and output is formals[k]:
            return Ref(source.once("v", f"{state.history.name}[:-1]"), shape, whole=True)
        if state.history is not None and output is block.results[k]:
            return Ref(source.once("v", f"{state.history.name}[1:]"), shape, whole=True)
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
