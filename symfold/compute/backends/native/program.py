"""A net for one set of input shapes as machine code, with its memory.

step(params, updated, work)     reads parameters, writes results to `updated` and everything else to `work`
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.machine import Loaded, compiled
from symfold.compute.backends.native.module import Module, module_of
from symfold.compute.backends.native.threads import Team
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.core.primitives import row_numbers

POINTER = ctypes.c_void_p
ADDRESS, BUFFER = ctypes.addressof, ctypes.c_char.from_buffer


class Program:
    """A net for one set of input shapes: its code, its memory, and the run."""

    def __init__(self, net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, dtype: str):
        self.params, self.dtype = params, np.dtype(dtype)
        self.module = module_of(net, shapes, params.layout, self.dtype)
        self.source = self.module.text
        self.loaded = Loaded(compiled(self.source))
        self.team = Team(self.module.threads)
        self.step = self.loaded.function("step", None, *[POINTER] * 3, *thread_types(self.module.threads))
        self.work = workspace(self.module)
        self.numbers = params.flat if self.dtype == params.flat.dtype else np.empty(params.flat.shape, self.dtype)
        self.feeds = [(name, numpy_view(self.work, place)) for name, place in self.module.feeds]
        self.parts = [(place.offset, place.offset + prod(place.shape), place.shape) for place in self.module.places]
        self.fixed = self.numbers.ctypes.data, self.work.ctypes.data
        self.size = max(1, self.module.updated)  # an empty buffer has no address
        # a call of a small net takes microseconds, so further lookups by name would show
        self.call = self.step if self.team.threads == 1 else partial(self.team.call, self.step)
        self.take_memory()

    def take_memory(self) -> None:
        """New memory for the results."""
        updated = np.empty(self.size, self.dtype)
        self.outputs = Results(updated, self.parts)
        self.place = ADDRESS(BUFFER(updated.data))  # faster than `ctypes.data`
        self.given_away = False

    def feed(self, values: Mapping[str, NumpyArray]) -> None:
        """Copy the values of the inputs into their arrays."""
        for name, count in self.module.row_numbers:
            row_numbers(values[name], count)
        for name, array in self.feeds:
            array[...] = values[name]

    def run(self) -> None:
        if self.numbers is not self.params.flat:
            self.numbers[...] = self.params.flat
        if self.given_away:
            self.take_memory()
        params, work = self.fixed
        self.call(params, self.place, work)

    def results(self) -> Sequence[Any]:
        """The outputs; the next run takes new memory."""
        self.given_away = True
        return self.outputs


class Results(Sequence[Any]):
    """Arrays in one block of memory, as views that are made when they are read; a number is a copy.

    So a list of losses does not keep the gradients that were computed with them.
    """

    __slots__ = ("memory", "parts")

    def __init__(self, memory: NumpyArray, parts: Sequence[tuple[int, int, tuple[int, ...]]]):
        self.memory, self.parts = memory, parts

    def __getitem__(self, number: Any) -> Any:
        if type(number) is slice:
            return [self[k] for k in range(len(self))[number]]
        start, stop, shape = self.parts[number]
        return self.memory[start:stop].reshape(shape) if shape else self.memory[start, ...].copy()

    def __len__(self) -> int:
        return len(self.parts)


def workspace(module: Module) -> NumpyArray:
    """The memory of a module, with its constants, aligned to cache lines so that no vector crosses one."""
    raw = np.zeros(module.size * module.dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    work = raw[start : start + module.size * module.dtype.itemsize].view(module.dtype)
    for place, value in module.constants:
        numpy_view(work, place)[...] = value
    return work


def numpy_view(memory: NumpyArray, place: Array) -> NumpyArray:
    """The NumPy view of an array of the code."""
    strides = tuple(stride * memory.itemsize for stride in place.strides)
    return np.lib.stride_tricks.as_strided(memory[place.offset :], place.shape, strides)


def thread_types(threads: int) -> list[Any]:
    """The types of the extra arguments with several threads: the thread's number, their number, and the barrier."""
    return [ctypes.c_int64, ctypes.c_int64, POINTER] if threads > 1 else []
