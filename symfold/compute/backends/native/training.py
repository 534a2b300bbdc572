"""Training in machine code: the steps over a stack of batches in one call.

    train(table) -> number of steps   table: the addresses of three parameter buffers, workspace, order, losses, inputs

Three buffers of parameters rotate: a step reads one and writes the next, so that nothing is copied and the parameters
before the last good step survive a loss that is not finite.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite, prod
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.copies import copy
from symfold.compute.backends.native.folds import entry
from symfold.compute.backends.native.instructions import Index, Reg
from symfold.compute.backends.native.machine import Loaded, compiled
from symfold.compute.backends.native.module import Module, module_of, offset_of
from symfold.compute.backends.native.processors import processor
from symfold.compute.backends.native.program import POINTER, thread_types, workspace
from symfold.compute.backends.native.threads import Team
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import Update
from symfold.compute.parameters import Parameters
from symfold.core.primitives import row_numbers
from symfold.frontend.losses import check_single

Steps = Callable[[int], list[float]]  # from a turn of the buffers to the losses


class Training:
    """The steps of an update (`symfold.compute.backends.table.Training`)."""

    def __init__(self, update: Update, dtype: str):
        self.update, self.dtype = update, np.dtype(dtype)
        self.layout = update.start.layout
        self.buffers = [update.start.flat.astype(self.dtype) for _ in range(3)]
        self.turn = 0  # the buffer of the parameters; the next one is free, the one before holds the previous ones
        self.runs: dict[Any, Run] = {}
        self.converted: dict[str, tuple[NumpyArray, NumpyArray]] = {}
        self.latest: tuple[Stack, Steps] | None = None

    def run(self, stack: Stack) -> list[float]:
        """A step for each batch, up to the first loss that is not finite."""
        latest = self.latest
        if latest is None or latest[0] is not stack:
            latest = self.latest = stack, self.steps_for(stack)
        losses = latest[1](self.turn)
        if losses:
            self.turn = (self.turn + len(losses) - (not isfinite(losses[-1]))) % 3
        return losses

    def steps_for(self, stack: Stack) -> Steps:
        """The steps over a stack, its addresses looked up once."""
        names = [node.op.name for node in self.update.net.inputs]
        key = tuple(stack.shape(name)[1:] for name in names), stack.order is None
        if key not in self.runs:
            self.runs[key] = Run(self.update, dict(zip(names, key[0], strict=True)), self.dtype, stack.order is None)
        run = self.runs[key]
        arrays = {name: self.numbers(name, stack.arrays[name], run.module.row_numbers) for name in names}
        return steps_of(run, self.buffers, arrays, stack.order, stack.count)

    def numbers(self, name: str, array: NumpyArray, row_counts: Sequence[tuple[str, int]]) -> Any:
        """An array as the code reads it; an array that recurs is checked and converted once."""
        memo = self.converted.get(name)
        if memo is None or memo[0] is not array:
            for count in [count for input_name, count in row_counts if input_name == name]:
                row_numbers(array, count)
            memo = self.converted[name] = array, np.ascontiguousarray(array, self.dtype)
        return memo[1]

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
        self.module = module_of(update.net, shapes, update.start.layout, dtype, replaced)
        check_single(self.module.places[0].shape)
        self.names = [name for name, _ in self.module.feeds]
        self.source = self.module.text + loop_text(self.module, in_order)
        self.loaded = Loaded(compiled(self.source))
        self.team = Team(self.module.threads)
        self.train = self.loaded.function("train", ctypes.c_int64, POINTER, *thread_types(self.module.threads))
        self.work = workspace(self.module)


def steps_of(run: Run, buffers: Sequence[Any], arrays: dict[str, Any], order: Any, count: int) -> Steps:
    """A run over a stack from a turn of the buffers, as a function that returns the losses.

    A step of a small net takes a microsecond, so a further lookup of a name would show.
    """
    losses = np.empty(count, run.module.dtype)
    order = np.ascontiguousarray(order if order is not None else [], np.int64)
    data = [arrays[name].ctypes.data for name in run.names]
    rest = [run.work.ctypes.data, order.ctypes.data, count, losses.ctypes.data, *data]
    rotations = [[buffers[(turn + k) % 3].ctypes.data for k in range(3)] for turn in range(3)]
    tables = [np.array([*rotation, *rest], np.int64) for rotation in rotations]
    addresses = [table.ctypes.data for table in tables]
    train = run.train if run.team.threads == 1 else partial(run.team.call, run.train)
    memory = run, arrays, order, tables  # that the addresses point to
    loss = losses.item

    def one(turn: int, memory: object = memory) -> list[float]:
        train(addresses[turn])
        return [loss()]

    def several(turn: int, memory: object = memory) -> list[float]:
        done: int = train(addresses[turn])
        result: list[float] = losses[:done].tolist()
        return result

    return one if count == 1 else several


TABLE = ("first", "second", "third", "work", "order", "steps", "losses")  # then the arrays of the inputs


def loop_text(module: Module, in_order: bool) -> str:
    """The loop over the steps: gather a batch, take the step, check the loss, rotate the buffers."""
    code = Code(module.dtype, processor(), threads=module.threads)
    thread_args = ", i64 %thread, i64 %threads, ptr %barrier" if module.threads > 1 else ""
    loss = module.places[0]
    for k, name in enumerate([*TABLE, *(f"data{number}" for number in range(len(module.feeds)))]):
        kind = "i64" if name == "steps" else "ptr"
        code.lines += [
            f"  %at.{name} = getelementptr i64, ptr %table, i64 {k}",
            f"  %{name} = load {kind}, ptr %at.{name}, align 8",
        ]

    def step(k: Index, buffers: list[Reg]) -> list[Reg]:
        now, following, before = buffers
        for number, (_, place) in enumerate(module.feeds):
            with code.kernel():
                gather(code, f"%data{number}", place, k, in_order)
        code.lines.append(f"  call void @step(ptr {now.name}, ptr {following.name}, ptr %work{thread_args})")
        value = code.load(code.at(loss.base, str(loss.offset)), 1)
        code.store(value, code.at("%losses", k))
        # value - value is nan if the value is infinite or nan
        difference = code.binary("fsub", value, value)
        finite = code.define(f"fcmp ord {code.real} {difference.name}, {difference.name}")
        go_on = f"on{code.used}"
        last = code.define(f"add i64 {k}, 1")
        code.lines.append(f"  br i1 {finite}, label %{go_on}, label %stop")
        code.lines.append(f"stop:\n  ret i64 {last}")
        code.label(go_on)
        return [following, before, now]

    code.loop("%steps", step, [Reg("%first"), Reg("%second"), Reg("%third")], kinds=["ptr"] * 3)
    head = f"define i64 @train(ptr %table{thread_args}) {{"
    return "\n".join([*code.declared.values(), head, "entry:", *code.lines, "  ret i64 %steps", "}", ""])


def gather(code: Code, base: str, place: Array, step: Index, in_order: bool) -> None:
    """Copy a batch into its place: one entry of a stack, or rows of a whole array by position."""
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
