"""A training in machine code: the steps over a stack of batches in one call.

    train(table) -> steps done        the table: where three buffers of parameters, workspace, order, losses and inputs are

Three buffers of parameters take turns: a step reads one and writes the next, so that nothing is copied, and what was before
the last good step is still there where a loss is not finite.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import partial
from math import isfinite, prod
from typing import Any

import numpy as np

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.copies import copy
from symfold.compute.backends.native.folds import entry
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.machine import Loaded, compiled, host
from symfold.compute.backends.native.program import POINTER, thread_types, workspace
from symfold.compute.backends.native.threads import Team
from symfold.compute.backends.native.written import Written, offset_of, written
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import Update
from symfold.compute.parameters import Parameters
from symfold.core.primitives import row_numbers
from symfold.frontend.losses import check_single


class Training:
    """The steps of an update (`symfold.compute.backends.table.Training`)."""

    def __init__(self, update: Update, dtype: str):
        self.update, self.dtype = update, np.dtype(dtype)
        self.layout = update.start.layout
        self.buffers = [update.start.flat.astype(self.dtype) for _ in range(3)]
        self.turn = 0  # which buffer holds the parameters; the next one is free, the last one holds what was before
        self.made: dict[Any, Run] = {}
        self.given: dict[str, tuple[Any, Any]] = {}
        self.latest: tuple[Stack, Call] | None = None

    def run(self, stack: Stack) -> list[float]:
        """A step for each batch, up to the first loss that is not finite."""
        if self.latest is None or self.latest[0] is not stack:
            self.latest = stack, self.prepared(stack)
        losses = self.latest[1](self.turn)
        if losses:
            self.turn = (self.turn + len(losses) - (not isfinite(losses[-1]))) % 3
        return losses

    def prepared(self, stack: Stack) -> Call:
        """The call for a stack, its addresses looked up once."""
        names = [node.op.name for node in self.update.net.inputs]
        key = tuple(stack.shape(name)[1:] for name in names), stack.order is None
        if key not in self.made:
            self.made[key] = Run(self.update, dict(zip(names, key[0], strict=True)), self.dtype, stack.order is None)
        made = self.made[key]
        arrays = {name: self.numbers(name, stack.arrays[name], made.made.asked) for name in names}
        return Call(made, self.buffers, arrays, stack.order, stack.count)

    def numbers(self, name: str, array: Any, asked: Sequence[tuple[str, int]]) -> Any:
        """An array as the code reads it; what stays the same from call to call is looked at and turned into that once."""
        known = self.given.get(name)
        if known is None or known[0] is not array:
            for count in [count for other, count in asked if other == name]:
                row_numbers(array, count)
            known = self.given[name] = array, np.ascontiguousarray(array, self.dtype)
        return known[1]

    @property
    def state(self) -> Parameters:
        return Parameters(self.layout, self.buffers[self.turn].astype(np.float64))

    @property
    def good(self) -> Parameters:
        return Parameters(self.layout, self.buffers[self.turn - 1].astype(np.float64))


class Run:
    """The code for batches of certain shapes, with its memory."""

    def __init__(self, update: Update, shapes: dict[str, tuple[int, ...]], dtype: np.dtype[Any], in_order: bool):
        replaced = {k + 1: offset_of(update.start.layout, leaf) for k, leaf in enumerate(update.moved)}
        self.made = written(update.net, shapes, update.start.layout, dtype, replaced)
        check_single(self.made.places[0].shape)
        self.names = [name for name, _ in self.made.feeds]
        self.source = self.made.text + loop_text(self.made, in_order)
        self.loaded = Loaded(compiled(self.source))
        self.team = Team(self.made.threads)
        self.train = self.loaded.function("train", ctypes.c_int64, POINTER, *thread_types(self.made.threads))
        self.work = workspace(self.made)


class Call:
    """A run over a stack: the table of what it reads, one for each turn of the buffers."""

    def __init__(self, run: Run, buffers: Sequence[Any], arrays: dict[str, Any], order: Any, count: int):
        self.run, self.count = run, count
        self.losses = np.empty(count, run.made.dtype)
        self.held = arrays, np.ascontiguousarray(order if order is not None else [], np.int64)
        data = [arrays[name].ctypes.data for name in run.names]
        rest = [run.work.ctypes.data, self.held[1].ctypes.data, count, self.losses.ctypes.data, *data]
        turns = [[buffers[(turn + k) % 3].ctypes.data for k in range(3)] for turn in range(3)]
        self.tables = [np.array([*turn, *rest], np.int64) for turn in turns]
        self.places = [table.ctypes.data for table in self.tables]
        # a step of a small net is a microsecond: whatever is looked up by name again would show
        self.train = run.train if run.team.threads == 1 else partial(run.team.call, run.train)

    def __call__(self, turn: int) -> list[float]:
        done = self.train(self.places[turn])
        losses: list[float] = [self.losses.item()] if self.count == 1 else self.losses[:done].tolist()
        return losses


TABLE = ("first", "second", "third", "work", "order", "steps", "losses")  # then the arrays of the inputs


def loop_text(made: Written, in_order: bool) -> str:
    """The loop over the steps: gather a batch, take the step, look at the loss, go on with what was written."""
    machine = host()
    code = Code(made.dtype, machine.vector_bytes // made.dtype.itemsize, machine.registers, threads=made.threads)
    several = made.threads > 1
    loss = made.places[0]
    for k, name in enumerate([*TABLE, *(f"data{number}" for number in range(len(made.feeds)))]):
        kind = "i64" if name == "steps" else "ptr"
        code.lines += [
            f"  %at.{name} = getelementptr i64, ptr %table, i64 {k}",
            f"  %{name} = load {kind}, ptr %at.{name}, align 8",
        ]

    def step(k: Index, buffers: list[Reg]) -> list[Reg]:
        now, following, before = buffers
        for number, (_, place) in enumerate(made.feeds):
            with code.kernel():
                gather(code, f"%data{number}", place, k, in_order)
        code.lines.append(
            f"  call void @step(ptr {now.name}, ptr {following.name}, ptr %work{', i64 %thread, ptr %barrier' if several else ''})"
        )
        value = code.load(code.at(loss.base, str(loss.offset)), 1)
        code.store(value, code.at("%losses", k))
        # infinity less itself and nan less itself are not a number
        rest = code.binary("fsub", value, value)
        finite = code.define(f"fcmp ord {code.real} {rest.name}, {rest.name}")
        onward = f"on{code.used}"
        last = code.define(f"add i64 {k}, 1")
        code.lines.append(f"  br i1 {finite}, label %{onward}, label %stop")
        code.lines.append(f"stop:\n  ret i64 {last}")
        code.label(onward)
        return [following, before, now]

    code.loop("%steps", step, [Reg("%first"), Reg("%second"), Reg("%third")], kinds=["ptr"] * 3)
    head = f"define i64 @train(ptr %table{', i64 %thread, ptr %barrier' if several else ''}) {{"
    return "\n".join([*code.declared.values(), head, "entry:", *code.lines, "  ret i64 %steps", "}", ""])


def gather(code: Code, base: str, place: Array, step: Index, in_order: bool) -> None:
    """A batch brought to its place: a value of its own, or rows of a whole array by their positions."""
    shape = place.shape
    strides = tuple(prod(shape[k + 1 :]) for k in range(len(shape)))
    if in_order or not shape:
        copy(code, entry(code, Array(base, (0, *shape), (prod(shape), *strides)), step), place, shape)
        return

    def row(k: Index, _: list[Reg]) -> list[Reg]:
        where = code.define(f"getelementptr i64, ptr %order, i64 {code.plus(code.times(step, shape[0]), k)}")
        position = code.define(f"load i64, ptr {where}, align 8")
        copy(code, entry(code, Array(base, shape, strides), position), entry(code, place, k), shape[1:])
        return []

    code.loop(shape[0], row)
