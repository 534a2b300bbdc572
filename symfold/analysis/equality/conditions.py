"""Sufficient conditions for nets to be equal at given layers, as text. None of them is necessary."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symfold.analysis.counting.paths import applications
from symfold.analysis.equality.agreement import Agreement, agree
from symfold.analysis.equality.random_functions import RandomFunctions, Value
from symfold.analysis.normal_form import exact, fractions_of, tidy
from symfold.core.blocks import Block, Call
from symfold.core.leaves import Constant, FrozenArray
from symfold.core.names import applied_layers, names_of
from symfold.core.nodes import Node, walk
from symfold.core.primitives import dot, is_primitive
from symfold.core.stacked_inputs import Numbered

MOST_LAYERS = 300  # whose virtual weights are computed: their number is quadratic
FEW = 12  # names of layers that a text lists
MOST_PRODUCTS = 200_000  # of numbers, per virtual weight

CONSTANT = "{} constant: their bodies do not read their input"
APART = "no layer reads what an earlier one writes: the virtual weights W_k V_j (j < k) are exactly zero"
PARTLY = (
    "where the nets differ, layers do not read what earlier ones write: "
    "the virtual weights W_k V_j there are exactly zero"
)
SHALLOW = "each net applies one layer, and both start from the same input: there is no earlier layer to read"


def shallow(a: Any, b: Any) -> bool:
    """Whether both nets apply one layer."""
    try:
        return all(applications(net.outputs) == 1 for net in (a, b))
    except ValueError:  # a symbolic depth
        return False


def reason(a: Any, b: Any, seed: int, short: bool) -> tuple[str, Agreement] | None:
    """The first condition that makes the nets equal, as text, and the agreement that shows it."""
    for folded in (True, False) if short else (True,):
        agreed = agree(a, b, IgnoringUnread(seed, folded=folded))
        if agreed.equal:
            return CONSTANT.format(_constant_layers(a, b)), agreed
    if short and all(applications(net.outputs) <= MOST_LAYERS for net in (a, b)):
        functions = IgnoringZeroWeights(seed)
        agreed = agree(a, b, functions)
        if agreed.equal:
            return PARTLY if functions.has_reads else APART, agreed
    return None


def _constant_layers(a: Any, b: Any) -> str:
    """The layers whose bodies do not read their input, as text."""
    constant, others = dict[str, None](), dict[str, None]()
    for op, args in (pair for net in (a, b) for pair in applied_layers(net.outputs)):
        names = names_of(args[0])
        is_constant = op.body is not None and reads(Block(op.body.shapes, tidy(op.body.results))).isdisjoint(
            range(op.arity)
        )
        if isinstance(names, Numbered) and not (isinstance(names.count, int) and names.count <= FEW):
            shown = [f"{names[0]}, {names[1]}, ..."]
        else:
            shown = list(names)
        (constant if is_constant else others).update(dict.fromkeys(shown))
    if len(others) == 1 and constant:
        return f"all layers but {next(iter(others))} are"
    return (
        f"the layers {', '.join(constant)} are"
        if len(constant) <= FEW
        else f"the {len(constant)} layers {', '.join(list(constant)[:2])}, ... are"
    )


class IgnoringUnread(RandomFunctions):
    """Layers as random functions of the arguments that their bodies read."""

    def call(self, node: Node[Call], args: Sequence[Value]) -> Value:
        op = node.op
        if op.body is not None:
            read = reads(self.body(op.body))
            # of an argument that is not read, only the shape counts
            args = [args[0], *(arg if k in read else arg._replace(number=0) for k, arg in enumerate(args[1:]))]
        return super().call(node, args)


def reads(body: Block) -> set[int]:
    """The formals that the result of a body depends on; products with a literal zero depend on none."""
    zero = {node for node in walk(body.results) if node.op is sp.Mul and any(exact(arg) == 0 for arg in node.args)}
    return {
        k for k, formal in enumerate(body.formals) if formal in walk(body.results, stop=zero) and formal not in zero
    }


class IgnoringZeroWeights(IgnoringUnread):
    """The same; a layer does not read outputs of layers in directions that its weights map to zero."""

    def __init__(self, seed: int):
        super().__init__(seed)
        self.arrays: dict[int, Any] = {}  # the arrays of known values
        self.sums: dict[int, dict[int, int]] = {}  # values as linear combinations of others
        self.outputs: set[int] = set()  # of layers
        self.has_reads = False  # whether a layer reads the output of another
        self.writes: dict[int, Any] = {}  # the directions of the outputs of layers

    def leaf(self, node: Node) -> Value:
        value = super().leaf(node)
        if isinstance(node.op, Constant):
            array = node.op.value.array if isinstance(node.op.value, FrozenArray) else exact(node)
            self.arrays[value.number] = array
        return value

    def terms(self, value: Value) -> dict[int, int]:
        return self.sums.get(value.number, {value.number: 1})

    def sum(self, args: Sequence[Value], shape: Any) -> Value:
        value = super().sum(args, shape)
        merged: dict[int, int] = {}
        for arg in args:
            for atom, factor in self.terms(arg).items():
                merged[atom] = (merged.get(atom, 0) + factor) % self.prime
        self.sums[value.number] = merged
        return value

    def product(self, args: Sequence[Value], shape: Any) -> Value:
        value = super().product(args, shape)
        others = [arg for arg in args if not isinstance(self.arrays.get(arg.number), Fraction)]
        if len(others) == 1:
            factor = 1
            for arg in args:
                factor = factor * arg.number % self.prime if arg is not others[0] else factor
            self.sums[value.number] = {
                atom: factor * multiple % self.prime for atom, multiple in self.terms(others[0]).items()
            }
        return value

    def call(self, node: Node[Call], args: Sequence[Value]) -> Value:
        op = node.op
        if op.body is None or op.arity != 1:
            inputs = args[1 : 1 + op.arity]
            self.has_reads |= any(not self.outputs.isdisjoint(self.terms(arg)) for arg in inputs)
            value = super().call(node, args)
            self.outputs.add(value.number)
            return value
        body = self.body(op.body)
        arrays = {
            formal: self.arrays[arg.number]
            for formal, arg in zip(body.formals[1:], args[2:], strict=True)
            if arg.number in self.arrays
        }
        terms = self.terms(args[1])
        if (read := read_directions(body, arrays)) is not None:
            terms = {atom: factor for atom, factor in terms.items() if read and not self.misses(atom, read)}
            number = sum(atom * factor for atom, factor in terms.items()) % self.prime
            args = [args[0], args[1]._replace(number=number), *args[2:]]
        self.has_reads |= read != [] and not self.outputs.isdisjoint(terms)
        value = super().call(node, args)
        self.outputs.add(value.number)
        if (written := written_directions(body.results[0], arrays)) is not None:
            self.writes[value.number] = written
        return value

    def misses(self, atom: int, read: list[tuple[int, Any]]) -> bool:
        """Whether the output of a layer is zero in the directions that another reads."""
        written = self.writes.get(atom)
        return written is not None and all(
            axis == other and _vanishes(rows, columns) for axis, rows in written for other, columns in read
        )


def _vanishes(rows: Any, columns: Any) -> bool:
    """Whether a matrix product is exactly zero."""
    if rows.shape[1] != columns.shape[0] or rows.shape[0] * columns.size > MOST_PRODUCTS:
        return False
    return not np.any(np.dot(fractions_of(rows), fractions_of(columns)))


def _array(node: Node, arrays: dict[Node, Any]) -> Any:
    if isinstance(node.op, Constant) and isinstance(node.op.value, FrozenArray):
        return node.op.value.array
    value = arrays.get(node)
    return None if value is None or isinstance(value, Fraction) else value


def read_directions(body: Block, arrays: dict[Node, Any]) -> list[tuple[int, Any]] | None:
    """The axes and matrices by which a body reads its input; None if it reads it in another way."""
    z, directions = body.formals[0], []
    if z in body.results:
        return None
    for node in walk(body.results):
        for port, arg in enumerate(node.args):
            if arg is z:
                if node.op is sp.Mul and any(
                    arrays.get(factor, exact(factor)) == 0
                    for factor in node.args
                    if factor is not z and not isinstance(arrays.get(factor), np.ndarray)
                ):
                    continue
                array = _array(node.args[1 - port], arrays) if len(node.args) == 2 else None
                if array is None:
                    return None
                if is_primitive(node, dot) and array.ndim == 2:
                    directions.append((-1, array) if port == 0 else (-2, array.T))
                elif node.op is sp.Mul and array.ndim in (1, 2) and array.size == array.shape[-1]:
                    directions.append((-1, np.diag(array.ravel())))
                else:
                    return None
    return directions


def written_directions(node: Node, arrays: dict[Node, Any]) -> list[tuple[int, Any]] | None:
    """Axes and rows whose span contains a value, one pair per addend; None if unknown."""
    if node.op is sp.Add:
        parts = [written_directions(arg, arrays) for arg in node.args]
        return None if any(part is None for part in parts) else [pair for part in parts for pair in part or []]
    array = _array(node, arrays)
    if array is not None and array.ndim and array.size == array.shape[-1]:
        return [(-1, array.reshape(1, -1))]
    if array is not None and array.ndim == 2 and array.shape[1] == 1:
        return [(-2, array.T)]
    if is_primitive(node, dot):
        right, left = _array(node.args[1], arrays), _array(node.args[0], arrays)
        if right is not None and right.ndim == 2:
            return [(-1, right)]
        return [(-2, left.T)] if left is not None and left.ndim == 2 else None
    if node.op is sp.Mul:
        masks = [
            mask
            for arg in node.args
            if (mask := _array(arg, arrays)) is not None and mask.ndim and mask.size == mask.shape[-1]
        ]
        if masks:
            return [(-1, np.diag(masks[0].ravel()))]
        scaled = [part for arg in node.args if (part := written_directions(arg, arrays)) is not None]
        numbers = [arg for arg in node.args if exact(arg) is not None]
        return scaled[0] if len(scaled) == 1 and len(numbers) == len(node.args) - 1 else None
    return None
