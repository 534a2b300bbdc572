"""A net for one set of input shapes as machine code, with the memory that it works in.

step(params, updated, work)     reads parameters, leaves results in `work`, and those that replace parameters in `updated`
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from symfold.compute.backends.native.arrays import Array
from symfold.compute.backends.native.machine import Loaded, compiled
from symfold.compute.backends.native.threads import Team
from symfold.compute.backends.native.written import Written, written
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.core.primitives import row_numbers

POINTER = ctypes.c_void_p


class Program:
    """A net for one set of input shapes: its code, its memory, and the run."""

    def __init__(self, net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, dtype: str):
        self.params, self.dtype = params, np.dtype(dtype)
        made = written(net, shapes, params.layout, self.dtype)
        self.source = made.text
        self.loaded = Loaded(compiled(self.source))
        self.team = Team(made.threads)
        self.step = self.loaded.function("step", None, *[POINTER] * 3, *thread_types(made.threads))
        self.work = workspace(made)
        self.numbers = params.flat if self.dtype == params.flat.dtype else np.empty(params.flat.shape, self.dtype)
        memory = {"%work": self.work, "%params": self.numbers}
        self.outputs = [seen(memory[place.base], place) for place in made.places]
        self.asked = made.asked
        self.feeds: dict[str, list[Any]] = {}
        for name, place in made.feeds:
            self.feeds.setdefault(name, []).append(seen(self.work, place))
        self.addresses = self.numbers.ctypes.data, self.work.ctypes.data, self.work.ctypes.data

    def feed(self, values: Mapping[str, Any]) -> None:
        """Put input values in their places."""
        for name, count in self.asked:
            row_numbers(values[name], count)
        for name, places in self.feeds.items():
            for place in places:
                place[...] = values[name]

    def run(self) -> None:
        if self.numbers is not self.params.flat:
            self.numbers[...] = self.params.flat
        self.team.call(self.step, *self.addresses)

    def results(self) -> list[Any]:
        """The outputs, as arrays of their own."""
        return [np.array(output, dtype=np.float64) for output in self.outputs]


def workspace(made: Written) -> Any:
    """The memory that code works in, its constants in place. It starts at a cache line: no vector lies across two."""
    raw = np.zeros(made.size * made.dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    work = raw[start : start + made.size * made.dtype.itemsize].view(made.dtype)
    for place, value in made.constants:
        seen(work, place)[...] = value
    return work


def seen(memory: Any, place: Array) -> Any:
    """The numbers of an array of the code, as NumPy sees them."""
    strides = tuple(stride * memory.itemsize for stride in place.strides)
    return np.lib.stride_tricks.as_strided(memory[place.offset :], place.shape, strides)


def thread_types(threads: int) -> list[Any]:
    """What a call gives besides, where several threads make it: its number, and where they meet."""
    return [ctypes.c_int64, POINTER] if threads > 1 else []
