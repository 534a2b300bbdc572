"""Folds as loops over memory: the state in two places by turns, or kept at every step, as its readers need."""

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
    """One entry of a sequence, at a place that the code knows."""
    base = code.at(array.base, code.plus(str(array.offset), code.times(index, array.strides[axis])))
    return Array(base, array.shape[:axis] + array.shape[axis + 1 :], array.strides[:axis] + array.strides[axis + 1 :])


def write_fold(
    source: Source, node: Node, args: Sequence[Any], axes: Sequence[Any], body_of: BodyOf, into: Mapping[int, Array]
) -> list[Any]:
    """One loop, its body written by `body_of`: the places of the fold's results, the last state first.

    `into` says for some of the results that are given out at each step where they must go.
    """
    fold: Fold = node.op
    code, block, carries, count = source.code, fold.block, fold.carries, known_count(fold.count)
    results, given_axes, inside_axes = block_axes(node, axes)
    formals, outputs = block.formals, results[carries:]
    kept: dict[int, Array] = {}  # the states of all the steps and one more, where a reader wants them
    pairs: dict[int, Array] = {}
    for k in range(carries):
        shape = formals[k].shape
        if formals[k] in outputs or results[k] in outputs:
            kept[k] = source.array((count + 1, *shape), given_axes[k])
            copy(code, args[k], entry(code, kept[k], "0"), source.extents(shape, given_axes[k]))
        else:
            pairs[k] = source.array((2, *shape), given_axes[k])
            copy(code, args[k], entry(code, pairs[k], "0"), source.extents(shape, given_axes[k]))
    sequences = [
        sequence_for(source, output, formals, results, args, fold, kept, inside_axes, count, into.get(carries + k))
        for k, output in enumerate(outputs)
    ]

    def step(index: Index, _: list[Reg]) -> list[Reg]:
        known: dict[Node, Any] = {}
        targets: dict[Node, Array] = {}
        for formal, arg, each in zip(formals[carries:], args[carries:], fold.each, strict=True):
            known[formal] = entry(code, arg, index) if each and arg is not None else arg
        after: list[Array] = []
        for k in range(carries):
            if k in kept:
                before, place = entry(code, kept[k], index), entry(code, kept[k].moved(0, 1, count), index)
            else:
                turn = code.define(f"and i64 {index}, 1") if index.startswith("%") else str(int(index) & 1)
                other = code.define(f"xor i64 {turn}, 1") if turn.startswith("%") else str(1 - int(turn))
                before, place = entry(code, pairs[k], turn), entry(code, pairs[k], other)
            known[formals[k]] = before
            after.append(place)
        wanted: list[tuple[Node, Array]] = [*zip(results, after, strict=False)]
        wanted += [
            (output, entry(code, array, index))
            for output, array in zip(outputs, sequences, strict=True)
            if owns(output)
        ]
        for result, place in wanted:
            if result not in known:
                targets.setdefault(result, place)
        body = body_of(source, block.results, known, targets, dict(zip(formals, given_axes, strict=True)))
        places = dict(zip(block.results, body.write(), strict=True))
        for result, place in wanted:
            if places[result] != place:
                copy(code, places[result], place, source.extents(result.shape, inside_axes[result]))
        return []

    def owns(output: Node) -> bool:
        """Whether a sequence is written by the loop, and neither the states kept nor an operand given out again."""
        states = any(output in (formals[k], results[k]) for k in kept)
        return not states and not is_operand(output, formals, fold)

    code.loop(count, step)
    last = [kept[k].entry(0, count) if k in kept else pairs[k].entry(0, count & 1) for k in range(carries)]
    return [*last, *sequences]


def is_operand(output: Node, formals: Sequence[Node], fold: Fold) -> bool:
    operands = formals[fold.carries :]
    return output in operands and fold.each[operands.index(output)]


def sequence_for(
    source: Source, output: Node, formals: Sequence[Node], results: Sequence[Node], args: Sequence[Any], fold: Fold,
    kept: Mapping[int, Array], axes: Mapping[Node, Any], count: int, into: Array | None,
) -> Array:  # fmt: skip
    """Where the values that a fold gives out at each step are."""
    for k, array in kept.items():
        if output is formals[k]:
            return array.moved(0, 0, count)
        if output is results[k]:
            return array.moved(0, 1, count)
    if is_operand(output, formals, fold):
        operand: Array = args[formals.index(output)]
        return operand
    return into or source.array((count, *output.shape), axes[output])
