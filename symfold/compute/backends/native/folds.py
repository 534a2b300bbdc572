"""Folds as loops over memory: the state is double buffered, or stored for every step, as its readers need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.batch import block_axes
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.copies import copy
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.writer import Source
from symfold.core.folds import Fold
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import known_count

BodyOf = Callable[[Source, Sequence[Node], Mapping[Node, Any], Mapping[Node, Array], Mapping[Node, Any]], Any]


def entry(code: Code, array: Array, index: Index, axis: int = 0) -> Array:
    """One entry along an axis, at an index computed by the code."""
    base = code.at(array.base, code.plus(str(array.offset), code.times(index, array.strides[axis])))
    return Array(base, array.shape[:axis] + array.shape[axis + 1 :], array.strides[:axis] + array.strides[axis + 1 :])


def write_fold(
    source: Source,
    node: Node[Fold],
    args: Sequence[Any],
    axes: Sequence[int | None],
    body_of: BodyOf,
    into: Mapping[int, Array],
) -> list[Any]:
    """Write a fold as a loop with the body of `body_of`; return the arrays of its results, the last state first.

    `into` holds the required arrays of some sequences of results.
    """
    fold = node.op
    code, block, carries, count = source.code, fold.block, fold.carries, known_count(fold.count)
    results, formal_axes, node_axes = block_axes(node, axes)
    formals, outputs = block.formals, results[carries:]
    histories: dict[int, Array] = {}  # all n + 1 states, if a reader needs them
    buffers: dict[int, Array] = {}
    for k in range(carries):
        shape = formals[k].shape
        stored = formals[k] in outputs or results[k] in outputs
        array = source.array((count + 1 if stored else 2, *shape), formal_axes[k])
        (histories if stored else buffers)[k] = array
        copy(code, args[k], entry(code, array, "0"), source.extents(shape, formal_axes[k]))
    sequences = [
        sequence_for(source, output, formals, results, args, fold, histories, node_axes, count, into.get(carries + k))
        for k, output in enumerate(outputs)
    ]

    def step(index: Index, _: list[Reg]) -> list[Reg]:
        refs: dict[Node, Any] = {}
        targets: dict[Node, Array] = {}
        for formal, arg, each in zip(formals[carries:], args[carries:], fold.each, strict=True):
            refs[formal] = entry(code, arg, index) if each and arg is not None else arg
        after: list[Array] = []
        for k in range(carries):
            if k in histories:
                before, place = entry(code, histories[k], index), entry(code, histories[k].moved(0, 1, count), index)
            else:
                parity = code.define(f"and i64 {index}, 1") if index.startswith("%") else str(int(index) & 1)
                opposite = code.define(f"xor i64 {parity}, 1") if parity.startswith("%") else str(1 - int(parity))
                before, place = entry(code, buffers[k], parity), entry(code, buffers[k], opposite)
            refs[formals[k]] = before
            after.append(place)
        result_places: list[tuple[Node, Array]] = [*zip(results, after, strict=False)]
        result_places += [
            (output, entry(code, array, index))
            for output, array in zip(outputs, sequences, strict=True)
            if is_written(output)
        ]
        for result, place in result_places:
            if result not in refs:
                targets.setdefault(result, place)
        body = body_of(source, block.results, refs, targets, dict(zip(formals, formal_axes, strict=True)))
        arrays = dict(zip(block.results, body.write(), strict=True))
        for result, place in result_places:
            if arrays[result] != place:
                copy(code, arrays[result], place, source.extents(result.shape, node_axes[result]))
        return []

    def is_written(output: Node) -> bool:
        """Whether the loop writes a sequence that is neither a history of states nor an operand."""
        is_history = any(output in (formals[k], results[k]) for k in histories)
        return not is_history and not is_operand(output, formals, fold)

    code.loop(count, step)
    last = [histories[k].entry(0, count) if k in histories else buffers[k].entry(0, count & 1) for k in range(carries)]
    return [*last, *sequences]


def is_operand(output: Node, formals: Sequence[Node], fold: Fold) -> bool:
    operands = formals[fold.carries :]
    return output in operands and fold.each[operands.index(output)]


def sequence_for(
    source: Source, output: Node, formals: Sequence[Node], results: Sequence[Node], args: Sequence[Any], fold: Fold,
    histories: Mapping[int, Array], axes: Mapping[Node, int | None], count: int, into: Array | None,
) -> Array:  # fmt: skip
    """The array of a result that a fold returns for every step."""
    for k, array in histories.items():
        if output is formals[k]:
            return array.moved(0, 0, count)
        if output is results[k]:
            return array.moved(0, 1, count)
    if is_operand(output, formals, fold):
        operand: Array = args[formals.index(output)]
        return operand
    return into or source.array((count, *output.shape), axes[output])
