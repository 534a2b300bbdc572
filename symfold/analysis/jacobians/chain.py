"""The chain rule on the folded form: derivatives of nodes by nodes, as ordered expressions.

The derivative of a step is a matrix S over the parts of the state and a column B for each operand: that of the next
state is S times that of the state plus B times that of the operand. So a fold is a product of the S if nothing is
captured, and a sum of the B if S is the identity. Few steps are multiplied one by one; many, or symbolically many, are
written `prod_{k=n..1} S_k`. If every path passes through one value, the derivative is a product there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.analysis.jacobians.factors import Factors, layer_names
from symfold.analysis.jacobians.ordered import Map, after, entry, grid, is_identity, is_scalar, is_unit, plain, plus
from symfold.analysis.jacobians.probes import tap
from symfold.core.blocks import is_call, is_name
from symfold.core.folds import Fold, Select, fold_of
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Input
from symfold.core.names import label
from symfold.core.nodes import Node, is_elementwise, walk
from symfold.core.primitives import (
    alike,
    carried_places,
    is_apply,
    is_primitive,
    merges_leading_axes,
    splits_leading_axis,
)
from symfold.core.stacked_inputs import StackedInputs, known_count
from symfold.errors import NoRule
from symfold.show.notation.linear_maps import EntryAt, Over, Raised, Unit
from symfold.show.notation.loops import scope_of
from symfold.show.notation.readings import Pass, Reader, Reading
from symfold.show.notation.shared import name_shared
from symfold.show.notation.terms import Entries as Listed
from symfold.show.notation.terms import Term, are_numbers, show_size

SEQUENCE = "a state that is a sequence, such as one over time and depth, has no product form here (use .evaluate)"


@dataclass(frozen=True)
class Unlisted:
    """The derivatives of an output sequence with too many entries to list."""

    count: Any


@dataclass(frozen=True)
class StepDerivative:
    """One step of a fold: its matrix over the parts of the state, and a column for each operand with a derivative."""

    matrix: list[list[Map]]
    columns: Mapping[int, list[Map]]
    outputs: list[list[Map]]  # rows of the other results, over the state
    output_columns: Mapping[int, list[Map]]

    @property
    def state(self) -> Term:
        """The matrix as one map."""
        return grid(self.matrix) if len(self.matrix) > 1 else self.matrix[0][0] or grid(self.matrix)


class Chain:
    """The derivatives in a net. `listed`: each step separately; else each fold as one product or sum."""

    def __init__(self, net: Any, listed: bool, linear: Sequence[str] = ()):
        self.listed = listed
        self.scope, self.letters = scope_of(net)
        name_shared(self.scope, self.letters)
        reader = Reader(listed, self._letter_of, arrays=True, reuses=True)
        self.reading = reader.read(self.scope, {})
        self.unit = Term(Unit(self.letters.free("IE")))
        self.factors = Factors(
            self.letters.free("JD"), len({label(name) for name in layer_names(net)}) < 2, tuple(linear)
        )

    def _letter_of(self, entries: Listed) -> str:
        return self.letters.listed(numbers=are_numbers(entries))

    # -- along one scope

    def derivative(self, root: Node, reading: Reading, seeds: Mapping[Node, Any]) -> Any:
        """The derivative of a node from those of some nodes; a product wherever every path passes through one value."""
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

    def step(self, walked: Pass, reading: Reading, active: Sequence[bool]) -> StepDerivative:
        """One step of a fold, its values named as in a reading of it."""
        block, carries = walked.loop.fold.block, walked.loop.fold.carries
        formals = block.formals

        def row(result: Node, places: Sequence[int]) -> list[Map]:
            derivatives = [self.derivative(result, reading, {formals[k]: self.unit}) for k in places]
            if any(isinstance(derivative, (Entries, Unlisted)) for derivative in derivatives):
                raise NoRule(SEQUENCE)
            return derivatives

        operands = [k for k in range(carries, len(formals)) if active[k]]
        states, outputs = block.results[:carries], block.results[carries:]
        return StepDerivative(
            [row(result, range(carries)) for result in states],
            {k: [row(result, [k])[0] for result in states] for k in operands},
            [row(result, range(carries)) for result in outputs],
            {k: [row(result, [k])[0] for result in outputs] for k in operands},
        )

    def fold(self, node: Node[Fold], args: list[Any], reading: Reading) -> list[Any]:
        """The derivatives of the results of a fold."""
        carries = node.op.carries
        if any(isinstance(arg, (Entries, Unlisted)) for arg in args[:carries]):
            raise NoRule(SEQUENCE)
        init: Map = args[0] if carries == 1 else None
        if carries != 1 and any(arg is not None for arg in args[:carries]):
            init = _state_column(node, args[:carries])
        last, outputs = self.run(node, init, args, reading)
        return [*(entry(last, part) for part in range(carries)), *outputs]

    def run(self, node: Node[Fold], init: Map, args: list[Any], reading: Reading) -> tuple[Map, list[Any]]:
        """The derivative of the last state, from that of the initial one: a map, or a column with one per part."""
        fold, walked = node.op, reading.passes[node]
        active = [arg is not None for arg in args]
        if self.listed or fold.count == 1:
            return self._run_listed(walked, init, args, active)
        if any(isinstance(arg, Entries) for arg in args[fold.carries :]):
            raise NoRule(
                f"the {fold.count} steps of a fold read entries that depend on different values (give a smaller depth)"
            )
        return self._run_folded(walked, init, args, active), [
            Unlisted(fold.count) for _ in fold.block.results[fold.carries :]
        ]

    def _run_listed(self, walked: Pass, init: Map, args: list[Any], active: Sequence[bool]) -> tuple[Map, list[Any]]:
        fold = walked.loop.fold
        parts: list[Map] = [init]  # of the state, which is their sum
        outputs = [Entries() for _ in fold.block.results[fold.carries :]]
        repeated = _Repeated()
        for number in range(known_count(fold.count)):
            inner = walked.step(number + 1) if self.listed else walked.read([*walked.init, *walked.operands], 1)
            operands = [
                arg[number] if isinstance(arg, Entries) and each else arg
                for arg, each in zip(args[fold.carries :], fold.each, strict=True)
            ]
            step = self.step(walked, inner, [*active[: fold.carries], *(operand is not None for operand in operands)])
            before = None if is_identity(step.matrix) and not outputs else plus(parts)
            for position, output in enumerate(outputs):
                by_state = [after(a, entry(before, k)) for k, a in enumerate(step.outputs[position])]
                by_operand = [
                    after(column[position], operands[k - fold.carries]) for k, column in step.output_columns.items()
                ]
                output.append(plus([*by_state, *by_operand]))
            added = [after(_column(column), operands[k - fold.carries]) for k, column in step.columns.items()]
            if is_identity(step.matrix):
                parts += added
            else:
                parts = [repeated.after(step.state, before, not any(value is not None for value in added)), *added]
        return plus(parts), [output if any(value is not None for value in output) else None for output in outputs]

    def _run_folded(self, walked: Pass, init: Map, args: list[Any], active: Sequence[bool]) -> Map:
        """All steps as one product and one sum."""
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
        later_variable = self.second_variable(variable)
        later = self.at(walked, later_variable, active).state if power is not None else None
        following = show_size(sp.Symbol(variable) + (1 if upward else -1))
        if later is None:  # only the last step counts
            final = self._number(walked, sp.sympify(loop.fold.count), active)
            return plus([after(_column(column), args[k]) for k, column in final.columns.items()])
        summed = after(Term(Over("prod", later_variable, high, following), (later,)), added)
        return plus([total, None if summed is None else Term(Over("sum", variable, low, high), (summed,))])

    def second_variable(self, variable: str) -> str:
        """A second variable over the steps."""
        return "j" if variable != "j" and "j" not in self.letters.names else "i"

    def at(self, walked: Pass, variable: str, active: Sequence[bool]) -> StepDerivative:
        """A step at a symbolic number, counted as in the fold form."""
        symbol, loop = sp.Symbol(variable), walked.loop
        return self._number(walked, symbol - loop.start if loop.sign > 0 else loop.start - symbol + 1, active)

    def _number(self, walked: Pass, number: Any, active: Sequence[bool]) -> StepDerivative:
        return self.step(walked, walked.step(number, named_init=True), active)


class Rules(Interpreter):
    """The derivative of each node from those of its arguments; None if it is zero."""

    def __init__(self, chain: Chain, reading: Reading, seeds: Mapping[Node, Any]):
        self.chain, self.reading, self.seeds = chain, reading, seeds

    def leaf(self, node: Node) -> Map:
        return None

    def stacked(self, node: Node[StackedInputs]) -> Any:
        op, seeds = node.op, self.seeds
        if op.role != "input" or not isinstance(op.count, int) or not seeds:
            return None
        derivatives = {
            seed.op.name: value
            for seed, value in seeds.items()
            if isinstance(seed.op, Input) and seed.shape == op.shape
        }
        values = Entries(derivatives.get(name) for name in op.names) if derivatives else Entries()
        return values if any(value is not None for value in values) else None

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> list[Any]:
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
        return value  # an operation on a whole sequence has no product form

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        factors, reading = self.chain.factors, self.reading
        for arg in (args[k] for k in carried_places(node)):
            if isinstance(arg, (Entries, Unlisted)):
                sequence = "a whole sequence" if isinstance(arg, Entries) else f"the outputs of {arg.count} steps"
                raise NoRule(
                    f"an operation reads {sequence}: its derivative is not a product of maps here "
                    "(take an entry, or use .evaluate)"
                )
        if is_primitive(node, tap):
            return plus(args)
        if is_call(node):
            return plus([after(factors.layer(node, k, reading), arg) for k, arg in enumerate(args) if arg is not None])
        if is_elementwise(node):
            return plus([factors.elementwise(node, k, arg, reading) for k, arg in enumerate(args) if arg is not None])
        assert is_apply(node), node.op
        if is_primitive(node, alike):
            return args[0]
        return plus(
            [after(factors.primitive(node, k, reading), args[k]) for k in carried_places(node) if args[k] is not None]
        )


class _Repeated:
    """Equal consecutive steps as a power."""

    def __init__(self) -> None:
        self.base, self.text, self.times, self.rest = None, "", 0, None

    base: Map
    rest: Map

    def after(self, state: Term, before: Map, alone: bool) -> Map:
        """The matrix of a step times the derivative before; a power if the step before had the same matrix."""
        if is_scalar(state):
            return after(state, before)
        text = plain(state)
        if self.times and text == self.text and alone:
            self.times += 1
            return after(Term(Raised(str(self.times)), (state,)), self.rest)
        self.text, self.times, self.rest = text, int(alone), before
        return after(state, before)


def _state_column(node: Node, parts: Sequence[Map]) -> Term:
    """The parts of a state as one column: that of the previous fold if this one starts from exactly its last state."""
    before = fold_of(node.args[0]) if isinstance(node.args[0].op, Select) else None
    continues = before is not None and before.op.carries == len(parts) and all(
        arg.op == Select(k) and arg.args[0] is before for k, arg in enumerate(node.args[: len(parts)])
    )  # fmt: skip
    first = parts[0]
    if continues and first is not None and isinstance(first.op, EntryAt):
        return first.args[0]
    return grid([[part] for part in parts])


def _column(column: list[Map]) -> Map:
    """The derivative of the state by an operand: one map, or a column of them."""
    if len(column) == 1 or all(value is None for value in column):
        return column[0]
    return grid([[value] for value in column])
