"""Exact evaluation of nets in fractions, with simple rules as opaque layers.

If all layers but a few are alike, a state that has reached a fixed point stays there, so the steps that change nothing
are skipped, however many they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial, reduce
from operator import add, mul
from typing import Any

import numpy as np
import sympy as sp

from symfold.analysis.normal_form import exact, fractions_of, is_rounded
from symfold.core.blocks import Call
from symfold.core.folds import Fold
from symfold.core.functions import Head, relu, row_of, step
from symfold.core.interpreter import Entries, Interpreter, StackedEntries, order_of
from symfold.core.leaves import Constant, FrozenArray, Input
from symfold.core.names import names_of, places_of
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, dot, is_primitive
from symfold.core.shapes import NAME, Rest
from symfold.core.stacked_inputs import StackedInputs, known_count
from symfold.transform.inlining import body_of, formals_of

MOST_STEPS = 3_000  # in one evaluation
MOST_BITS = 900  # of one number
MOST_WORK = 1_000_000  # operations on numbers in one evaluation


@dataclass(frozen=True)
class Rule:
    """A simple layer, a function of z, the sum of its first argument, twice its second, ..."""

    text: str
    function: Callable[[Any], Any]


@dataclass(frozen=True)
class Layers:
    """A rule for every opaque layer: some by name, one for all others."""

    rules: Mapping[str, Rule]
    others: Rule

    def rule(self, name: str) -> Rule:
        return self.rules.get(name, self.others)


class Abandoned(ArithmeticError):
    """Numbers too large, or steps too many."""


class Inexact(Abandoned):
    """An operation without exact values, whatever the layers are."""


def _power(base: Any, exponent: Any) -> Any:
    if Fraction(exponent).denominator != 1:
        raise Inexact("a root")
    if abs(exponent) > 64 or (base == 0 and exponent < 0):
        raise Abandoned("power")
    return Fraction(base) ** int(exponent)


HEADS: dict[Head, Callable[..., Any]] = {
    sp.Pow: _power, sp.Max: max, sp.Min: min, sp.Abs: abs, relu: lambda z: max(z, Fraction(0)),
    step: lambda z: Fraction(z > 0), sp.sign: lambda z: Fraction((z > 0) - (z < 0)),
}  # fmt: skip


class ExactEvaluator(Interpreter):
    """Values of a net as fractions; layers by rule, inputs and parameters by name."""

    def __init__(self, layers: Layers, inputs: Mapping[str, Fraction], parameter: Fraction, most: int = MOST_STEPS):
        self.layers, self.inputs, self.parameter = layers, inputs, parameter
        self.steps, self.work, self.most = 0, 0, most
        self.rounded = False  # whether a constant is rounded, so that a small difference may be rounding

    def outputs(self, net: Any) -> list[Any]:
        """The outputs of a net."""
        return self.run_whole(net.outputs)

    def name(self, name: str) -> str:
        return name

    def leaf(self, node: Node) -> Any:
        op = node.op
        if isinstance(op, Constant):
            self.rounded = self.rounded or holds_rounded(op)
            if isinstance(op.value, FrozenArray) and np.all(np.isfinite(op.value.array)):
                return fractions_of(op.value.array)
            if (value := exact(node)) is None:
                raise Inexact(str(op.value))
            return value
        assert isinstance(op, Input)
        if node.shape == (NAME,):
            return op.name
        value = self.inputs.get(op.name, self.parameter)
        sizes = () if any(isinstance(size, Rest) for size in node.shape) else node.shape
        return (
            np.full([size if isinstance(size, int) else 1 for size in sizes], value, dtype=object) if sizes else value
        )

    def index(self, value: Any, position: int, node: Node) -> Any:
        return value[position]

    def collect(self, entries: Entries, node: Node) -> Any:
        return np.stack([np.asarray(entry, dtype=object) for entry in entries])

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        self.work += work_of(node, args)
        if self.work > MOST_WORK:
            raise Abandoned("too many numbers")
        if isinstance(op, Call):
            if op.body is not None:
                return self.run(op.body.results, dict(zip(op.body.formals, args[1:], strict=True)))[0]
            value = self.layers.rule(args[0]).function(reduce(add, ((k + 1) * arg for k, arg in enumerate(args[1:]))))
        elif op is sp.Add or op is sp.Mul:
            value = reduce(add if op is sp.Add else mul, args)
        elif isinstance(op, type):
            if op in HEADS:
                value = (
                    np.frompyfunc(HEADS[op], len(args), 1)(*args)
                    if op in (sp.Pow,) or len(args) == 1
                    else reduce(np.frompyfunc(HEADS[op], 2, 1), args)
                )
            else:
                value = np.frompyfunc(partial(by_definition, op), len(args), 1)(*args)
        elif isinstance(op, Apply) and op.primitive.body is not None:
            formals = formals_of([arg.shape for arg in node.args])
            value = self.run((body_of(op, formals),), dict(zip(formals, args, strict=True)))[0]
        else:
            assert isinstance(op, Apply)
            try:
                value = op.evaluate(*args)
            except (TypeError, ValueError, IndexError) as error:  # no fractions, or an axis that a scalar lacks
                raise Inexact(op.primitive.name) from error
        if any(
            isinstance(entry, Fraction)
            and max(entry.numerator.bit_length(), entry.denominator.bit_length()) > MOST_BITS
            for entry in np.ravel(value)[:1]
        ):
            raise Abandoned("a number of too many digits")
        return value

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Sequence[Any]:
        block, count, carries = fold.block, known_count(fold.count), fold.carries
        order = order_of(block)
        entries = [
            self.entries(value, source, count) if each else None
            for value, source, each in zip(args[carries:], node.args[carries:], fold.each, strict=True)
        ]
        # steps unlike the others: between them, a state at a fixed point stays there
        special = self._special(entries, count) if len(block.results) == carries else None
        state, outputs, number = args[:carries], [Entries() for _ in block.results[carries:]], 0
        while number < count:
            self.steps += 1
            if self.steps > self.most:
                raise Abandoned("a state without a fixed point")
            operands = [
                value if entry is None else entry[number] for value, entry in zip(args[carries:], entries, strict=True)
            ]
            results = self.follow(order, block.results, dict(zip(block.formals, [*state, *operands], strict=True)))
            is_fixed = special is not None and number not in special and all(map(_same, state, results[:carries]))
            state = list(results[:carries])
            for output, value in zip(outputs, results[carries:], strict=True):
                output.append(value)
            if is_fixed and special is not None:
                following = bisect_right(special, number)
                number = special[following] if following < len(special) else count
            else:
                number += 1
        return [*state, *outputs]

    def _special(self, entries: Sequence[Any], count: int) -> list[int] | None:
        """The steps whose layers have a rule of their own; None if steps read other sequences."""
        steps: set[int] = set()
        for sequence in entries:
            if sequence is not None:
                if not isinstance(sequence, StackedEntries):
                    return None
                op = sequence.node.op
                names = op.names if isinstance(op, StackedInputs) else names_of(sequence.node)
                if isinstance(op, StackedInputs) and isinstance(names, tuple):
                    steps |= {op.positions[name] for name in self.layers.rules if name in op.positions}
                else:
                    steps |= set(places_of(self.layers.rules, names))
        return sorted(k for k in steps if 0 <= k < count)


def by_definition(head: Head, *args: Fraction) -> Fraction:
    """The value of a function by the definition in its row, if that is a fraction.

    >>> from symfold.core.functions import leaky_relu
    >>> by_definition(leaky_relu, Fraction(-2), Fraction(1, 4))
    Fraction(-1, 2)
    """
    definition = row_of(head).definition
    value = None if definition is None else sp.sympify(definition(*map(sp.Rational, args)))
    if value is None or not value.is_Rational:
        raise Inexact(head.__name__)
    return Fraction(int(value.p), int(value.q))


def work_of(node: Node, args: Sequence[Any]) -> int:
    """The number of scalar operations of a node."""
    if is_primitive(node, dot):
        return int(np.size(args[0]) * np.size(args[1]) // max(1, *np.shape(args[0])[-1:]))
    return max((np.size(arg) for arg in args if not isinstance(arg, str)), default=1)


def holds_rounded(op: Constant) -> bool:
    """Whether a constant is, or contains, a float that is rounded."""
    value = op.value
    if isinstance(value, FrozenArray):
        return value.array.dtype.kind == "f" and any(map(is_rounded, value.array.ravel().tolist()))
    return bool(value.is_Float) and (value != sp.Float(float(value)) or is_rounded(float(value)))


def _same(a: Any, b: Any) -> bool:
    return bool(np.shape(a) == np.shape(b) and np.all(np.equal(a, b)))
