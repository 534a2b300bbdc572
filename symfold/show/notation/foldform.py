"""The fold form: one line per fold, whatever its depth, with the folds inside a block indented below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import Size
from symfold.show.notation.loops import Loop, Scope, scope_of
from symfold.show.notation.readings import Pass, Reader, Reading
from symfold.show.notation.shared import name_shared
from symfold.show.notation.steps import output_equations, step_equations
from symfold.show.notation.styles import STYLES
from symfold.show.notation.terms import Entries, Name, Term, are_numbers, listing, named
from symfold.show.notation.writing import write


@dataclass
class Line:
    """An equation and its nesting depth; the last equation of a loop adds its range and initial values."""

    name: Term
    value: Term
    nesting: int = 0
    variable: str = ""
    first: Size = 0
    last: Size = 0
    initial: list[tuple[Term, Term]] = field(default_factory=list)
    once: Pass | None = None  # a single step: its initial state is substituted, and listed only if referred to


def fold_lines(net: Net, states: Sequence[str] = (), inline: bool = False) -> list[Line]:
    """The lines of the fold form of a net; `states` are the letters to use first for states."""
    scope, letters = scope_of(net, states)
    outputs = letters.output()
    name_shared(scope, letters, "" if inline else "fold")
    defined: list[tuple[str, Entries]] = []

    def define(entries: Entries) -> str:
        defined.append((letters.listed(shared_word(entries), are_numbers(entries)), entries))
        return defined[-1][0]

    reader = Reader(joined=False, define=define, arrays=True, reuses=True)
    reading = reader.read(scope, {})
    lines = list(_of_scope(scope, reading, 0))
    lines += [Line(name, value) for name, value in output_equations(net, scope, reading, outputs)]
    listings = [Line(named(letter), listing(entries, first=3)) for letter, entries in defined]
    for line in lines:
        if line.once is not None:  # every line that could refer to it exists by now
            line.initial = _initial_values(line.once, sorted(line.once.asked))
    indexed = _indexed_letters(lines) if listings else set()
    # sequences that only layers read, such as weights, are not listed
    return lines + [line for line in listings if line.name.op.stem in indexed]


def shared_word(entries: Entries) -> str:
    """The last word of two or more letters in the names of listed entries, if it is the same in all; else nothing."""
    names = [term.op.stem if isinstance(term.op, Name) else "" for term in listing(entries).args]
    words = [re.findall(r"[A-Za-z]{2,}", name)[-1:] for name in names]
    return words[0][0] if words and words[0] and all(word == words[0] for word in words) else ""


def _indexed_letters(lines: Iterable[Line]) -> set[str]:
    """The letters that appear with an index in the text of these lines."""
    terms = (term for line in lines for term in (line.value, *(part for pair in line.initial for part in pair)))
    return {letter for term in terms for letter in re.findall(r"(?<!\w)([A-Za-z]+)_", write(term, STYLES["text"]))}


def _of_scope(scope: Scope, reading: Reading, nesting: int, cuts: bool = True) -> Iterator[Line]:
    following: dict[Node, Loop] = {
        loop.previous.node: loop for loop in scope.loops.values() if loop.previous is not None
    }
    merged: Loop | None = None  # a first step that the loop after it covers
    for node in scope.order:
        if cuts and node in scope.cuts:
            yield Line(reading.known[node], reading.cut[node], nesting)
        if node not in scope.loops:
            continue
        loop = scope.loops[node]
        after = following.get(node)
        if after and _covers(reading.passes[node], reading.passes[after.node]):
            merged = merged if loop.previous is not None and merged is not None else loop
            continue
        yield from _of_loop(reading, loop, merged or loop, nesting)
        merged = None


def _covers(first: Pass, second: Pass) -> bool:
    """Whether a step before a loop reads like the loop's equation one step earlier (state 0 may differ in shape)."""
    if first.loop.fold.count != 1 or second.loop.fold.count == 1 or second.loop.previous is not first.loop:
        return False
    try:
        before = step_equations(first, first.step(1, named_init=True), 1)
        after = step_equations(second, second.step(0, named_init=True), 0)
        return [_words(pair) for pair in before] == [_words(pair) for pair in after]
    except (IndexError, AssertionError):
        return False


def _words(pair: tuple[Term, Term]) -> tuple[str, str]:
    return write(pair[0], STYLES["text"]), write(pair[1], STYLES["text"])


def _of_loop(reading: Reading, loop: Loop, first: Loop, nesting: int) -> Iterator[Line]:
    execution = reading.passes[loop.node]
    once = loop.fold.count == 1 and first is loop
    symbol = sp.Symbol(loop.variable)
    # running up, k is the number of the state after the step; running down, of the state before it
    step: Size = 1 if once else (symbol - loop.start if loop.sign > 0 else loop.start - symbol + 1)
    inner = _with_init(execution) if once else execution.step(step, named_init=True)
    lines = [Line(name, value, nesting) for name, value in step_equations(execution, inner, step)]
    listed = {position for position, _ in loop.equations}
    for position, letter in enumerate(loop.letters):
        if position not in listed:  # a state that is a sequence: its entries have their own equations below
            lines.append(
                Line(execution.named(position, letter, step), inner.term(loop.fold.block.results[position]), nesting)
            )
    if not once:
        lines[-1].variable = loop.variable
        start, end = first.start, loop.end
        lines[-1].first, lines[-1].last = (start + 1, end) if loop.sign > 0 else (start, end + 1)
        if first.previous is None or first.previous.node not in reading.passes:
            lines[-1].initial = _initial_values(reading.passes[first.node], range(len(first.letters)))
    elif lines and loop.previous is None:
        lines[-1].once = execution
    yield from lines
    yield from _of_scope(loop.scope, inner, nesting + 1, cuts=False)


def _initial_values(execution: Pass, parts: Iterable[int]) -> list[tuple[Term, Term]]:
    return [(name, listing(value) if isinstance(value, Entries) else value) for name, value in execution.initial(parts)]


def _with_init(execution: Pass) -> Reading:
    """A single step with its initial state substituted."""
    return execution.read([*execution.init, *execution.operands], 1)
