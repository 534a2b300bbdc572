"""Wiring: what each layer of a net reads and what is added to its state, in the notation, at any step.

For a chain of folds at a step, which may be a symbol; for a short net without folds from its operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Any

import sympy as sp

from symfold.analysis.equality.counterexample import shown
from symfold.analysis.normal_form import exact, flattened, tidy
from symfold.core.blocks import Call, is_call
from symfold.core.folds import Fold
from symfold.core.leaves import Constant, Input
from symfold.core.names import names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, digest, walk
from symfold.core.shapes import NAME, Size
from symfold.show.notation.loops import Scope, scope_of
from symfold.show.notation.previews import preview
from symfold.show.notation.readings import Pass, Reader, Reading
from symfold.show.notation.shared import name_shared
from symfold.show.notation.steps import output_equations
from symfold.show.notation.styles import STYLES
from symfold.show.notation.terms import Entries, Name, Term, as_term, named
from symfold.show.notation.writing import write
from symfold.transform.rolling import merged

K = sp.Symbol("k")
TEXT = STYLES["text"]


@dataclass(frozen=True)
class Application:
    """A layer and what it reads as text, by which steps are compared; `full` has all the arguments of layers in it."""

    layer: str
    read: str
    full: str = field(compare=False)


@dataclass(frozen=True)
class Addend:
    """A part of a sum as text, its coefficient, and the part with all the arguments of layers in it."""

    name: str
    factor: str
    full: str = field(compare=False)


@dataclass(frozen=True)
class StepWiring:
    """One step as text: each layer with what it reads, and each part of the state, by its letter, with its addends."""

    reads: tuple[Application, ...]
    addends: tuple[tuple[str, tuple[Addend, ...]], ...]


@dataclass(frozen=True)
class StepRange:
    """Steps with the same wiring, from `first` to `last`."""

    walked: Pass  # at a symbolic step
    counted: Pass  # at a numbered step, with states named z1, z2, ... and the first by its value
    begins: bool  # whether it is the first range

    @property
    def first(self) -> Size:
        return self.walked.loop.start + 1

    @property
    def last(self) -> Size:
        return self.walked.loop.end

    def at(self, step: Size, with_arguments: bool = False) -> StepWiring:
        """The wiring of a step, which may be a symbol."""
        if isinstance(step, int):
            return step_wiring(self.counted, self.counted.step(step - self.counted.loop.start), with_arguments)
        return self.after_any_start(step, with_arguments)

    def after_any_start(self, step: Size, with_arguments: bool = False) -> StepWiring:
        """The same, with the state before the first step named by its number."""
        return step_wiring(
            self.walked, self.walked.step(step - self.walked.loop.start, named_init=True), with_arguments
        )

    @property
    def repeats(self) -> bool:
        """Whether a step applies one layer more than once."""
        layers = [application.layer for application in self.at(self.first).reads]
        return len(set(layers)) < len(layers)

    @property
    def starts(self) -> tuple[str, ...]:
        """The initial state."""
        return tuple(text(value) for value in self.counted.init)


@dataclass(frozen=True)
class Layout:
    """A net as ranges of steps, and its outputs as text."""

    step_ranges: tuple[StepRange, ...]
    outputs: tuple[str, ...]


def layout(net: Net, lists: list[tuple[str, ...]]) -> Layout | None:
    """The step ranges of a net that is a chain of folds, with any layers before and after it; None for any other net.

    `lists` collects the sequences that follow no rule, so that equal ones have the same letter in several nets.
    """
    chain = net.with_outputs(merged(net.outputs))
    scope, letters = scope_of(chain)
    name_shared(scope, letters)
    loops = list(scope.loops.values())
    chained = all(loop.previous is (loops[k - 1] if k else None) and loop.sign > 0 for k, loop in enumerate(loops))
    if not loops or not chained or any(map(_nested, scope.loops.values())):
        return None

    def define(entries: Entries) -> str:
        content = tuple(text(entries.at(k)) for k in range(entries.size)) if isinstance(entries.size, int) else ()
        if content not in lists:
            lists.append(content)
        return f"L{lists.index(content) + 1}"

    reading, counted = (Reader(joined, define, arrays=True).read(scope, {}) for joined in (False, True))
    step_ranges = tuple(
        StepRange(reading.passes[loop.node], counted.passes[loop.node], loop.previous is None) for loop in loops
    )
    outputs = tuple(text(value) for _, value in output_equations(chain, scope, reading, letters.output()))
    return Layout(step_ranges, outputs)


def _nested(loop: Any) -> bool:
    scope: Scope = loop.scope
    return any(isinstance(node.op, Fold) for node in scope.order) or bool(scope.cuts)


def text(value: Any) -> str:
    return write(as_term(value), TEXT)


def step_wiring(walked: Pass, reading: Reading, with_arguments: bool = False) -> StepWiring:
    """The wiring of a step; if `with_arguments`, layers are written with their arguments."""
    written = (lambda term: term) if with_arguments else closed
    block, carries = walked.loop.fold.block, walked.loop.fold.carries
    reads = []
    for node in filter(is_call, walked.loop.scope.order):
        terms = [as_term(reading.known[arg]) for arg in node.args[1 : 1 + node.op.arity]]
        read, full = (", ".join(text(shown(term)) for term in terms) for shown in (written, as_term))
        reads.append(Application(text(reading.known[node.args[0]]), read, full))
    addends = tuple(
        (walked.loop.letters[part], addends_of(reading.definition(result), written))
        for part, result in enumerate(block.results[:carries])
    )
    return StepWiring(tuple(reads), addends)


def closed(term: Term) -> Term:
    """A term with the layers in it named without their arguments."""
    if isinstance(term.op, Call):
        return Term(term.args[0].op) if isinstance(term.args[0].op, Name) else term.args[0]
    return Term(term.op, [closed(arg) for arg in term.args]) if term.args else term


def bracketed(term: Term) -> str:
    return f"({text(term)})" if term.op is sp.Add else text(term)


def addends_of(term: Term, written: Callable[[Term], Term]) -> tuple[Addend, ...]:
    """The addends of a term, each with its coefficient; named as they are written."""
    coefficients: dict[str, Fraction] = {}
    full: dict[str, str] = {}
    pending = [(Fraction(1), term)]
    while pending:
        factor, part = pending.pop()
        if part.op is sp.Add:
            pending += [(factor, arg) for arg in reversed(part.args)]
            continue
        rest = [part]
        if part.op is sp.Mul:
            numbers = [exact(Node(arg.op)) if isinstance(arg.op, Constant) else None for arg in part.args]
            rest = [arg for arg, number in zip(part.args, numbers, strict=True) if number is None]
            factor *= prod(number for number in numbers if number is not None)
            if len(rest) == 1 < len(numbers):  # a number times a sum is a sum
                pending.append((factor, rest[0]))
                continue
        name, whole = (_product([shown(arg) for arg in rest]) for shown in (written, as_term))
        coefficients[name] = coefficients.get(name, Fraction(0)) + factor
        full.setdefault(name, whole)
    return tuple(Addend(name, shown(factor), full[name]) for name, factor in coefficients.items() if factor)


def _product(factors: Sequence[Term]) -> str:
    return "*".join(sorted(map(bracketed, factors))) if len(factors) > 1 else text(factors[0]) if factors else "1"


# ---------------------------------------------------------------- nets without folds


def applied(net: Net) -> tuple[dict[str, tuple[bytes, str]], list[tuple[bytes, str]]] | None:
    """What each layer of a short unrolled net reads, and the outputs, over inputs and named outputs of layers."""
    roots = flattened(net)
    if roots is None:
        return None
    roots = tidy(roots)
    values: dict[Node, Node] = {}
    layers: dict[str, tuple[bytes, str]] = {}
    for node in walk(roots):
        args = tuple(values[arg] for arg in node.args)
        if isinstance(node.op, Call):
            name = next(iter(names_of(node.args[0])), "layer")
            layer, number = name, 1
            while layer in layers:
                number += 1
                layer = f"{name} (application {number})"
            read = args[1 : 1 + node.op.arity]
            layers[layer] = b"".join(map(digest, read)), ", ".join(_shown(part, layers) for part in read)
            values[node] = Node(Input(layer, node.shape, "input"))
        elif args == node.args or node.shape[-1:] == (NAME,):
            values[node] = node
        else:
            values[node] = tidy((Node(node.op, args),))[0]
    return layers, [(digest(values[root]), _shown(values[root], layers)) for root in roots]


def _shown(node: Node, layers: Sequence[str] | dict[str, Any]) -> str:
    """A value as text; in a sum, inputs come first, then layers in order."""
    if node.op is not sp.Add:
        return preview(node)
    order = {name: place for place, name in enumerate(layers)}
    return " + ".join(sorted(map(preview, node.args), key=lambda part: (order.get(part, -1), part))).replace(
        "+ -", "- "
    )


def name_of(index: Size, letter: str) -> str:
    """The name of a state by its number, in the notation."""
    return write(named(letter, index, joined=isinstance(index, int)), TEXT)


def listed(names: Sequence[str]) -> str:
    """Names as text; the middle ones of many are left out."""
    return ", ".join(names) if len(names) <= 4 else f"{names[0]}, {names[1]}, ..., {names[-1]}"
