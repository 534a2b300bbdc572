"""Wiring: what each layer of a net reads and what joins its state, in the words of the notation, at any step.

Of a net of folds, read at a step that may be a symbol; of a short net without folds, from its operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp

from symfold.analysis.equality.counterexample import shown
from symfold.analysis.normal_form import exact, flattened, tidy
from symfold.core.applied_layers import Call
from symfold.core.folds import Fold
from symfold.core.names import names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, digest
from symfold.core.operations import Constant, Input
from symfold.core.shapes import NAME, Size
from symfold.core.walks import walk
from symfold.show.notation.entries import Entries, as_term
from symfold.show.notation.loops import Scope, scope_of
from symfold.show.notation.readings import Pass, Reader, Reading
from symfold.show.notation.steps import output_equations
from symfold.show.notation.styles import STYLES
from symfold.show.notation.templates import preview
from symfold.show.notation.terms import Name, Term, named
from symfold.show.notation.writing import write
from symfold.transform.rolling import merged

K = sp.Symbol("k")
TEXT = STYLES["text"]


@dataclass(frozen=True)
class Wires:
    """One step in words: each layer with what it reads, and for each part of the state what joins it, with coefficients."""

    reads: tuple[tuple[str, str], ...]
    joins: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True)
class WiredSteps:
    """Steps that are wired alike, from `first` to `last`."""

    walked: Pass  # read at a symbolic step
    counted: Pass  # read at a number, states named as z1, the first by what it is
    begins: bool  # whether no other range comes before it

    @property
    def first(self) -> Size:
        return self.walked.loop.start + 1

    @property
    def last(self) -> Size:
        return self.walked.loop.end

    def at(self, step: Size, whole: bool = False) -> Wires:
        """What a step reads and joins; the step may be a symbol."""
        if isinstance(step, int):
            return wires(self.counted, self.counted.step(step - self.counted.loop.start), whole)
        return self.after_any_start(step, whole)

    def after_any_start(self, step: Size, whole: bool = False) -> Wires:
        """The same, where the state before the first step is called by its number, whatever it is."""
        return wires(self.walked, self.walked.step(step - self.walked.loop.start, named_init=True), whole)

    @property
    def repeats(self) -> bool:
        """Whether a step applies one layer more than once."""
        layers = [layer for layer, _ in self.at(self.first).reads]
        return len(set(layers)) < len(layers)

    @property
    def starts(self) -> tuple[str, ...]:
        """What the state starts from."""
        return tuple(text(value) for value in self.counted.init)


@dataclass(frozen=True)
class Layout:
    """A net as ranges of steps, and its outputs in words."""

    ranges: tuple[WiredSteps, ...]
    outputs: tuple[str, ...]


def layout(net: Net, lists: list[tuple[str, ...]]) -> Layout | None:
    """The step ranges of a net whose layers are all applied in folds that follow one another; None for any other.

    `lists` gathers the sequences that follow no rule, so that equal ones have one letter in several nets.
    """
    held = net.with_outputs(merged(net.outputs))
    scope, letters = scope_of(held)
    loops = list(scope.loops.values())
    chained = all(loop.previous is (loops[k - 1] if k else None) and loop.sign > 0 for k, loop in enumerate(loops))
    outside = any(isinstance(node.op, Call) for node in scope.order)
    if not loops or not chained or outside or any(map(_nested, scope.loops.values())):
        return None

    def define(entries: Entries) -> str:
        content = tuple(text(entries.at(k)) for k in range(entries.size)) if isinstance(entries.size, int) else ()
        if content not in lists:
            lists.append(content)
        return f"L{lists.index(content) + 1}"

    reading, counted = (Reader(joined, define).read(scope, {}) for joined in (False, True))
    ranges = tuple(
        WiredSteps(reading.passes[loop.node], counted.passes[loop.node], loop.previous is None) for loop in loops
    )
    outputs = tuple(text(value) for _, value in output_equations(held, scope, reading, letters.output()))
    return Layout(ranges, outputs)


def _nested(loop: Any) -> bool:
    scope: Scope = loop.scope
    return any(isinstance(node.op, Fold) for node in scope.order) or bool(scope.cuts)


def text(value: Any) -> str:
    return write(as_term(value), TEXT)


def wires(walked: Pass, reading: Reading, whole: bool = False) -> Wires:
    """A step in words; `whole`, applied layers are written with what they read."""
    called = (lambda term: term) if whole else closed
    block, carries = walked.loop.fold.block, walked.loop.fold.carries
    calls = [node for node in walked.loop.scope.order if isinstance(node.op, Call)]
    reads = tuple(
        (
            text(reading.known[node.args[0]]),
            ", ".join(text(called(as_term(reading.known[arg]))) for arg in node.args[1 : 1 + node.op.arity]),
        )
        for node in calls
    )
    joins = tuple(
        (walked.loop.letters[part], tuple(joined(called(reading.definition(result))).items()))
        for part, result in enumerate(block.results[:carries])
    )
    return Wires(reads, joins)


def closed(term: Term) -> Term:
    """A term whose layers are named without what they read: the layer is said once, where it is applied."""
    if isinstance(term.op, Call):
        return Term(term.args[0].op) if isinstance(term.args[0].op, Name) else term.args[0]
    return Term(term.op, [closed(arg) for arg in term.args]) if term.args else term


def bracketed(term: Term) -> str:
    return f"({text(term)})" if term.op is sp.Add else text(term)


def joined(term: Term) -> dict[str, str]:
    """What joins a state: the addends, each with its coefficient."""
    addends: dict[str, Fraction] = {}
    waiting = [term]
    while waiting:
        part = waiting.pop()
        if part.op is sp.Add:
            waiting += reversed(part.args)
            continue
        factor, rest = Fraction(1), [part]
        if part.op is sp.Mul:
            numbers = [exact(Node(arg.op)) if isinstance(arg.op, Constant) else None for arg in part.args]
            rest = [arg for arg, number in zip(part.args, numbers, strict=True) if number is None]
            for number in numbers:
                factor *= 1 if number is None else number
        name = "*".join(sorted(map(bracketed, rest))) if len(rest) > 1 else text(rest[0]) if rest else "1"
        addends[name] = addends.get(name, Fraction(0)) + factor
    return {name: shown(factor) for name, factor in addends.items() if factor}


# ---------------------------------------------------------------- nets without folds


def applied(net: Net) -> tuple[dict[str, tuple[bytes, str]], list[tuple[bytes, str]]] | None:
    """Of a short net written out: what each layer reads, and the outputs, over the inputs and the layers' outputs by name."""
    roots = flattened(net)
    if roots is None:
        return None
    roots = tidy(roots)
    stands: dict[Node, Node] = {}
    found: dict[str, tuple[bytes, str]] = {}
    for node in walk(roots):
        args = tuple(stands[arg] for arg in node.args)
        if isinstance(node.op, Call):
            name = next(iter(names_of(node.args[0])), "layer")
            own, number = name, 1
            while own in found:
                number += 1
                own = f"{name} (application {number})"
            read = args[1 : 1 + node.op.arity]
            found[own] = b"".join(map(digest, read)), ", ".join(_shown(part, found) for part in read)
            stands[node] = Node(Input(own, node.shape, "input"))
        elif args == node.args or node.shape[-1:] == (NAME,):
            stands[node] = node
        else:
            stands[node] = tidy((Node(node.op, args),))[0]
    return found, [(digest(stands[root]), _shown(stands[root], found)) for root in roots]


def _shown(node: Node, layers: Sequence[str] | dict[str, Any]) -> str:
    """A value over inputs and layers; of a sum the inputs first, then the layers in their order."""
    if node.op is not sp.Add:
        return preview(node)
    order = {name: place for place, name in enumerate(layers)}
    return " + ".join(sorted(map(preview, node.args), key=lambda part: (order.get(part, -1), part))).replace(
        "+ -", "- "
    )


def name_of(index: Size, letter: str) -> str:
    """A state by its number, as the notation writes it."""
    return write(named(letter, index, joined=isinstance(index, int)), TEXT)


def listed(names: Sequence[str]) -> str:
    """Names, the middle ones of many left out."""
    return ", ".join(names) if len(names) <= 4 else f"{names[0]}, {names[1]}, ..., {names[-1]}"
