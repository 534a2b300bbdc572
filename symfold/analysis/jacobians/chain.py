"""The chain rule on the folded form: how nodes depend on nodes, as ordered expressions.

A step of a fold is a matrix S over the parts of its state, and a column B for each operand: the state after it is
S times the state before, plus B times the operand. So a fold is a product of the S where nothing is captured, and a
sum of the B where S is the identity. Few steps are multiplied one by one; many, or symbolically many, as
`prod_{k=n..1} S_k`. Where everything passes through one value, the derivative is a product there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.analysis.jacobians.factors import Factors, layer_names
from symfold.analysis.jacobians.ordered import Map, after, entry, grid, is_identity, is_scalar, is_unit, plain, plus
from symfold.analysis.jacobians.probes import tap
from symfold.core.applied_layers import Call, is_name
from symfold.core.folds import Fold, Select
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.names import label
from symfold.core.nodes import Node
from symfold.core.primitives import alike, carried_places, is_primitive, merges_leading_axes, splits_leading_axis
from symfold.core.stacked_inputs import known_count
from symfold.core.walks import walk
from symfold.errors import NoRule
from symfold.show.notation.linear_maps import EntryAt, Over, Raised, Unit
from symfold.show.notation.loops import scope_of
from symfold.show.notation.readings import Pass, Reader, Reading
from symfold.show.notation.terms import Term, show_size


@dataclass(frozen=True)
class Unlisted:
    """The derivatives of a sequence that a fold of very many steps gives out."""

    count: Any


@dataclass(frozen=True)
class Step:
    """One step of a fold: its matrix over the parts of the state, and a column for each operand that depends on a source."""

    matrix: list[list[Map]]
    columns: Mapping[int, list[Map]]
    given: list[list[Map]]  # rows of what else is given out, over the state
    given_columns: Mapping[int, list[Map]]

    @property
    def state(self) -> Term:
        """The matrix as one map."""
        return grid(self.matrix) if len(self.matrix) > 1 else self.matrix[0][0] or grid(self.matrix)


class Chain:
    """The derivatives in a net. `listed`: every step by itself, or each fold as one product or sum."""

    def __init__(self, net: Any, listed: bool, linear: Sequence[str] = ()):
        self.listed = listed
        self.scope, self.letters = scope_of(net)
        self.reading = Reader(joined=listed, define=lambda entries: self.letters.listed()).read(self.scope, {})
        self.unit = Term(Unit(self.letters.free("IE")))
        self.factors = Factors(
            self.letters.free("JD"), len({label(name) for name in layer_names(net)}) < 2, tuple(linear)
        )

    # -- along one scope

    def derivative(self, root: Node, reading: Reading, seeds: Mapping[Node, Any]) -> Any:
        """How a node depends on some nodes, whose own derivatives are given; a product where all passes through one value."""
        order = walk((root,), stop=seeds)
        if root in seeds:
            return seeds[root]
        rules = Rules(self, reading, seeds)
        values: dict[Node, Any] = dict(seeds)
        last: dict[Node, int] = {}
        for place, node in enumerate(order):
            for arg in node.args:
                last[arg] = place
        live = {seed for seed, value in seeds.items() if value is not None and seed in last}
        ends: dict[int, list[Node]] = {}
        for node, place in last.items():
            ends.setdefault(place, []).append(node)
        done: Map = self.unit
        for place, node in enumerate(order):
            args = [values.get(arg) for arg in node.args]
            value = None if all(arg is None for arg in args) and node.args else rules.meaning(node, args)
            live.difference_update(ends.get(place, ()))
            if value is not None:
                live.add(node)
            if isinstance(value, Term) and live == {node} and not is_unit(value):
                done, value = after(value, done), self.unit
            values[node] = value
        value = values[root]
        return after(value, done) if value is None or isinstance(value, Term) else value

    # -- folds

    def step(self, walked: Pass, reading: Reading, active: Sequence[bool]) -> Step:
        """One step of a fold, its values called as in a reading of it."""
        block, carries = walked.loop.fold.block, walked.loop.fold.carries
        formals = block.formals

        def row(result: Node, places: Sequence[int]) -> list[Map]:
            found = [self.derivative(result, reading, {formals[k]: self.unit}) for k in places]
            if any(isinstance(one, (Entries, Unlisted)) for one in found):
                raise NoRule(
                    "a state that is a sequence itself, as one over time and depth is, has no product form here (use .evaluate)"
                )
            return found

        operands = [k for k in range(carries, len(formals)) if active[k]]
        states, given = block.results[:carries], block.results[carries:]
        return Step(
            [row(result, range(carries)) for result in states],
            {k: [row(result, [k])[0] for result in states] for k in operands},
            [row(result, range(carries)) for result in given],
            {k: [row(result, [k])[0] for result in given] for k in operands},
        )

    def fold(self, node: Node, args: list[Any], reading: Reading) -> list[Any]:
        """The derivatives of a fold's results."""
        carries = node.op.carries
        if any(isinstance(arg, (Entries, Unlisted)) for arg in args[:carries]):
            raise NoRule(
                "a state that is a sequence itself, as one over time and depth is, has no product form here (use .evaluate)"
            )
        init: Map = (
            args[0]
            if carries == 1
            else None
            if all(arg is None for arg in args[:carries])
            else _joined(node, args[:carries])
        )
        last, given = self.run(node, init, args, reading)
        return [*(entry(last, part) for part in range(carries)), *given]

    def run(self, node: Node, init: Map, args: list[Any], reading: Reading) -> tuple[Map, list[Any]]:
        """The derivative of the last state, from that of the initial one: a map, or a matrix of them with a row a part."""
        fold, walked = node.op, reading.passes[node]
        active = [arg is not None for arg in args]
        if self.listed or fold.count == 1:
            return self._run_listed(walked, init, args, active)
        if any(isinstance(arg, Entries) for arg in args[fold.carries :]):
            raise NoRule(
                f"the {fold.count} steps of a fold read entries that differ in what they depend on (give a smaller depth)"
            )
        return self._run_folded(walked, init, args, active), [
            Unlisted(fold.count) for _ in fold.block.results[fold.carries :]
        ]

    def _run_listed(self, walked: Pass, init: Map, args: list[Any], active: Sequence[bool]) -> tuple[Map, list[Any]]:
        fold = walked.loop.fold
        parts: list[Map] = [init]  # the state is their sum
        given = [Entries() for _ in fold.block.results[fold.carries :]]
        repeated = _Repeated()
        for number in range(fold.count):
            inner = walked.step(number + 1) if self.listed else walked.read([*walked.init, *walked.operands], 1)
            own = [
                arg[number] if isinstance(arg, Entries) and each else arg
                for arg, each in zip(args[fold.carries :], fold.each, strict=True)
            ]
            step = self.step(walked, inner, [*active[: fold.carries], *(one is not None for one in own)])
            before = None if is_identity(step.matrix) and not given else plus(parts)
            for which, kept in enumerate(given):
                found = [after(a, entry(before, k)) for k, a in enumerate(step.given[which])]
                kept.append(
                    plus([*found, *(after(c[which], own[k - fold.carries]) for k, c in step.given_columns.items())])
                )
            added = [after(_column(column), own[k - fold.carries]) for k, column in step.columns.items()]
            if is_identity(step.matrix):
                parts += added
            else:
                parts = [repeated.after(step.state, before, not any(one is not None for one in added)), *added]
        return plus(parts), [kept if any(one is not None for one in kept) else None for kept in given]

    def _run_folded(self, walked: Pass, init: Map, args: list[Any], active: Sequence[bool]) -> Map:
        """Very many steps as one product and one sum."""
        loop = walked.loop
        carries, variable = loop.fold.carries, loop.variable
        step = self.at(walked, variable, active)
        added = plus([after(_column(column), args[k]) for k, column in step.columns.items()])
        upward = loop.sign > 0
        first, last = (loop.start + 1, loop.end) if upward else (loop.start, loop.end + 1)
        low, high = show_size(first), show_size(last)
        if is_identity(step.matrix):
            return plus([init, None if added is None else Term(Over("sum", variable, low, high), (added,))])
        if carries == 1 and step.matrix[0][0] is None:
            power = None
        elif plain(step.state) == plain(self.at(walked, f"{variable}_", active).state):
            power = Term(Raised(show_size(loop.fold.count)), (step.state,))
        else:
            power = Term(Over("prod", variable, high, low), (step.state,))
        total = after(power, init)
        if added is None:
            return total
        other = self.other(variable)
        later = self.at(walked, other, active).state if power is not None else None
        following = show_size(sp.Symbol(variable) + (1 if upward else -1))
        if later is None:  # only the last step counts
            own = self._number(
                walked, sp.Integer(loop.fold.count) if isinstance(loop.fold.count, int) else loop.fold.count, active
            )
            return plus([after(_column(column), args[k]) for k, column in own.columns.items()])
        summed = after(Term(Over("prod", other, high, following), (later,)), added)
        return plus([total, None if summed is None else Term(Over("sum", variable, low, high), (summed,))])

    def other(self, variable: str) -> str:
        """A second variable over the steps."""
        return "j" if variable != "j" and "j" not in self.letters.names else "i"

    def at(self, walked: Pass, variable: str, active: Sequence[bool]) -> Step:
        """A step at a symbolic number, as the fold form counts them."""
        symbol, loop = sp.Symbol(variable), walked.loop
        return self._number(walked, symbol - loop.start if loop.sign > 0 else loop.start - symbol + 1, active)

    def _number(self, walked: Pass, number: Any, active: Sequence[bool]) -> Step:
        return self.step(walked, walked.step(number, named_init=True), active)


class Rules(Interpreter):
    """The derivative of each node, from those of its arguments; None if it depends on no source."""

    def __init__(self, chain: Chain, reading: Reading, seeds: Mapping[Node, Any]):
        self.chain, self.reading, self.seeds = chain, reading, seeds

    def leaf(self, node: Node) -> Map:
        return None

    def stacked(self, node: Node) -> Any:
        op, seeds = node.op, self.seeds
        if op.role != "input" or not isinstance(op.count, int) or not seeds:
            return None
        found = {
            seed.op.name: value for seed, value in seeds.items() if seed.shape == op.shape and hasattr(seed.op, "name")
        }
        values = Entries(found.get(name) for name in op.names) if found else Entries()
        return values if any(value is not None for value in values) else None

    def fold(self, node: Node, fold: Fold, args: list[Any]) -> list[Any]:
        return self.chain.fold(node, args, self.reading)

    def arranged(self, node: Node, args: Sequence[Any]) -> Any:
        if is_name(node):
            return None
        return (
            NotImplemented if splits_leading_axis(node) or merges_leading_axes(node) else super().arranged(node, args)
        )

    def entries(self, value: Any, node: Node, count: Any = None) -> Sequence[Any]:
        return value if isinstance(value, Entries) else [None] * known_count(node.shape[0])

    def whole(self, value: Any, node: Node) -> Any:
        return value  # a sequence read whole has no derivative that is a product of maps

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op, factors, reading = node.op, self.chain.factors, self.reading
        for arg in (args[k] for k in carried_places(node)):
            if isinstance(arg, (Entries, Unlisted)):
                what = (
                    "reads a whole sequence" if isinstance(arg, Entries) else f"reads what {arg.count} steps give out"
                )
                raise NoRule(
                    f"an operation {what}: its derivative is no product of maps here (take an entry, or use .evaluate)"
                )
        if is_primitive(node, tap):
            return plus(args)
        if isinstance(op, Call):
            return plus([after(factors.layer(node, k, reading), arg) for k, arg in enumerate(args) if arg is not None])
        if isinstance(op, type):
            return plus([factors.elementwise(node, k, arg, reading) for k, arg in enumerate(args) if arg is not None])
        if is_primitive(node, alike):
            return args[0]
        return plus(
            [after(factors.primitive(node, k, reading), args[k]) for k in carried_places(node) if args[k] is not None]
        )


class _Repeated:
    """Equal steps in a row, gathered as a power."""

    def __init__(self) -> None:
        self.base, self.text, self.times, self.rest = None, "", 0, None

    base: Map
    rest: Map

    def after(self, state: Term, before: Map, alone: bool) -> Map:
        """A step's matrix times what was before; a power where the same matrix was there already."""
        if is_scalar(state):
            return after(state, before)
        text = plain(state)
        if self.times and text == self.text and alone:
            self.times += 1
            return after(Term(Raised(str(self.times)), (state,)), self.rest)
        self.text, self.times, self.rest = text, int(alone), before
        return after(state, before)


def _joined(node: Node, parts: Sequence[Map]) -> Term:
    """The parts of a state as one column: that of the fold before, where it goes on from exactly its last state."""
    before = node.args[0].args[0] if isinstance(node.args[0].op, Select) else None
    goes_on = before is not None and before.op.carries == len(parts) and all(
        arg.op == Select(k) and arg.args[0] is before for k, arg in enumerate(node.args[: len(parts)])
    )  # fmt: skip
    first = parts[0]
    if goes_on and first is not None and isinstance(first.op, EntryAt):
        return first.args[0]
    return grid([[part] for part in parts])


def _column(column: list[Map]) -> Map:
    """What an operand adds to the state: one map, or a column of them."""
    if len(column) == 1 or all(one is None for one in column):
        return column[0]
    return grid([[one] for one in column])
