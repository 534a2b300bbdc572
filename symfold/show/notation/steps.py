"""The steps form: one equation per step, made on demand. Nested folds are written out in order of execution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

import sympy as sp

from symfold.base.arguments import place_of
from symfold.base.trees import LEAF, Form
from symfold.core.attach import attach
from symfold.core.folds import Fold
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import Numbered, known_count
from symfold.show.hypertext import displayed, shown_safely
from symfold.show.notation.distinct_names import style_of
from symfold.show.notation.loops import Loop, Scope, scope_of
from symfold.show.notation.readings import Pass, Reader, Reading
from symfold.show.notation.shared import name_shared
from symfold.show.notation.symbolic import as_sympy
from symfold.show.notation.terms import Entries, Term, named
from symfold.show.notation.writing import equation, framed

Pair = tuple[sp.Symbol, sp.Expr]
Line = tuple[Term, Term]  # an equation as terms: a name, and what it is
MOST_SHOWN = 24  # equations in a notebook
NOTHING: Mapping[Node, Sequence[Line]] = {}


class Equations(Sequence[Pair]):
    """The equations of a net, pairs (symbol, expression) as `sympy.cse` gives them; none is stored.

    >>> import symfold as sf
    >>> list(equations(sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))))
    [(z1, x + f1(x)), (z2, z1 + f2(z1))]
    >>> equations(sf.fold(sf.mappers.residual, sf.layers("f", count=1_000_000), sf.tensor("x")))[-1]
    (z1000000, z999999 + f1000000(z999999))
    """

    def __init__(self, net: Net, inline: bool = False):
        self._net, self._inline = net, inline
        self._scope, letters = scope_of(net)
        outputs = letters.output()
        name_shared(self._scope, letters, "" if inline else "steps")
        self._reading = Reader(joined=True).read(self._scope, {})
        self._outputs = output_equations(net, self._scope, self._reading, outputs)

    def __reduce__(self) -> tuple[Any, ...]:
        return Equations, (self._net, self._inline)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equations) and (self._net, self._inline) == (other._net, other._inline)

    def __hash__(self) -> int:
        return hash((Equations, self._net, self._inline))

    def __len__(self) -> int:
        return _scope_size(self._scope) + len(self._outputs)

    def terms(self, start: int = 0, stop: int | None = None) -> Iterator[Line]:
        """The equations from `start` to `stop`, as terms."""
        steps = _scope_size(self._scope)
        total = steps + len(self._outputs)
        stop = total if stop is None else min(stop, total)
        yield from _of_scope(self._scope, self._reading, start, min(stop, steps))
        yield from self._outputs[max(0, start - steps) : max(0, stop - steps)]

    @property
    def steps(self) -> int:
        """The number of equations other than those of the outputs."""
        return _scope_size(self._scope)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Pair, ...]: ...
    def __getitem__(self, index: int | slice) -> Pair | tuple[Pair, ...]:
        place = place_of("equation", index, len(self))
        return tuple(self[k] for k in place) if isinstance(place, range) else _pair(next(self.terms(place, place + 1)))

    def __iter__(self) -> Iterator[Pair]:
        return map(_pair, self.terms())

    def __repr__(self) -> str:
        if len(self) > 12:
            return f"({self[0]}, {self[1]}, ..., {self[-1]})"
        return repr(tuple(self))

    @shown_safely
    def _repr_latex_(self) -> str | None:
        return f"$\\displaystyle {self._formula('latex')}$" if len(self) <= MOST_SHOWN else None

    @shown_safely
    def _repr_html_(self) -> str | None:
        return displayed(self._formula("mathml")) if len(self) <= MOST_SHOWN else None

    def _formula(self, style_name: str) -> str:
        style = style_of(self._net, style_name)
        return "".join(framed(style, (equation(name, value, style) for name, value in self.terms())))


def equations(net: Net, inline: bool = False) -> Equations:
    """The steps of a net, lazily; `inline` writes out values that are used more than once."""
    return Equations(net, inline)


def _pair(equation: Line) -> Pair:
    name, value = equation
    return sp.Symbol(name.op.text), as_sympy(value)


def _scope_size(scope: Scope) -> int:
    return len(scope.cuts) + sum(_loop_size(loop) for loop in scope.loops.values())


def _loop_size(loop: Loop) -> int:
    return known_count(loop.fold.count) * _step_size(loop)


def _step_size(loop: Loop) -> int:
    return _scope_size(loop.scope) + len(loop.equations)


def _of_scope(
    scope: Scope, reading: Reading, start: int, stop: int, named: Mapping[Node, Sequence[Line]] = NOTHING
) -> Iterator[Line]:
    """The equations of a scope from `start` to `stop`, with those of the named results."""
    offset = 0
    for node in scope.order:
        if offset >= stop:
            return
        if isinstance(node.op, Fold):
            size = _loop_size(scope.loops[node])
            if start < offset + size:
                yield from _of_loop(reading.passes[node], max(0, start - offset), min(size, stop - offset))
            offset += size
            continue
        for line in equations_at(node, reading, named):
            if start <= offset < stop:
                yield line
            offset += 1


def _of_loop(execution: Pass, start: int, stop: int) -> Iterator[Line]:
    loop = execution.loop
    size = _step_size(loop)
    if not size:
        return
    for step in range(start // size, -(-stop // size)):
        reading = execution.step(step + 1)
        named = result_equations(execution, reading, step + 1)
        yield from _of_scope(loop.scope, reading, max(0, start - step * size), stop - step * size, named)


def equations_at(node: Node, reading: Reading, named: Mapping[Node, Sequence[Line]]) -> list[Line]:
    """The equations that define a node: as a cut, as a named result."""
    cut = [(reading.known[node], reading.cut[node])] if node in reading.scope.cuts else []
    return [*cut, *named.get(node, ())]


def result_equations(execution: Pass, reading: Reading, step: Any) -> dict[Node, list[Line]]:
    """The equations of the state and of the outputs of one step, by result."""
    block = execution.loop.fold.block
    named: dict[Node, list[Line]] = {}
    for position, letter in execution.loop.equations:
        result = block.results[position]
        value = reading.term(result) if result in named else reading.definition(result)
        named.setdefault(result, []).append((execution.named(position, letter, step), value))
    return named


def step_equations(execution: Pass, reading: Reading, step: Any) -> Iterator[Line]:
    """The equations of one step, apart from those of the folds inside it."""
    named = result_equations(execution, reading, step)
    for node in execution.loop.scope.order:
        yield from equations_at(node, reading, named)


def output_equations(net: Net, scope: Scope, reading: Reading, letter: str) -> list[Line]:
    """The equations of the outputs; none if they are just the last state."""
    values = [reading.known[output] for output in net.outputs]
    if scope.loops:
        last = next(reversed(scope.loops.values()))
        states = reading.known[last.node][: last.fold.carries]
        if [id(value) for value in values] == [id(value) for value in states] and not any(
            isinstance(v, Entries) for v in values
        ):
            return []
    names = [named(letter)] if net.form == LEAF else output_names(net.form, letter)
    return [(name, reading.term(output)) for name, output in zip(names, net.outputs, strict=True)]


def output_names(form: Form, stem: str) -> list[Term]:
    """The names of outputs by position: `y`; `y[0]`, `y[1][W1]` in a tuple that contains a dict."""
    paths = _output_paths(form, stem, _key)
    return [named(path) for path in (paths if len({*paths}) == len(paths) else _output_paths(form, stem, repr))]


def _output_paths(form: Form, stem: str, show_key: Callable[[Any], str]) -> list[str]:
    paths: list[str] = []
    waiting: list[tuple[Form, str]] = [(form, stem)]
    while waiting:
        part, path = waiting.pop()
        if part == LEAF:
            paths.append(path)
        else:
            kind, parts = part
            if kind == "named":  # leaves, each with its name or those of its entries
                paths += [f"{path}[{_listed(names)}]" for names in parts]
                continue
            keyed = list(parts) if kind == "dict" else list(enumerate(parts))
            waiting += [(inner, f"{path}[{show_key(key)}]") for key, inner in reversed(keyed)]
    return paths


def _key(key: Any) -> str:
    """A key on one line: what would not print as one sign is written as Python escapes it."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(key))


def _listed(names: Any) -> str:
    if isinstance(names, str):
        return names
    if isinstance(names, Numbered):
        return f"{names[0]}, ..., {names.last}"
    return ", ".join(names) if len(names) < 4 else f"{names[0]}, ..., {names[-1]}"


attach(Net, equations=property(equations))
