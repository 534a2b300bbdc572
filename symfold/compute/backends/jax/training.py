"""Training in JAX: the steps over a stack of batches in one call, with batch rows sharded over all devices.

    data that fits          lies on every device; a step gathers the rows of its batch there
    larger data             goes to the devices in pieces; a piece is copied while the one before is computed

No step checks its loss, which would copy all parameters. Each call keeps the state that it started from; if a loss is
not finite, the steps before it are taken once more from there. So three states are held: that before the last call,
that before the call at hand, and its result. The state is copied once per call of several steps, none if it is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.jax.devices import Index, mesh, placed, replicated, room, split
from symfold.compute.backends.jax.program import Function, leaves_from, precision
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import Update, stored
from symfold.compute.parameters import Layout, Parameters
from symfold.core.stacked_inputs import Leaf, StackedInputs
from symfold.frontend.losses import check_single

Leaves = tuple[Any, ...]
MOST = 2**28  # bytes of a piece per device, and of data that stays on a device that does not tell its memory


@dataclass(frozen=True)
class Call:
    """Steps that were taken in one call: the state before them, what they read, and their losses."""

    function: Function
    start: Leaves
    inputs: Leaves
    order: jax.Array | None  # the rows of each batch, of inputs that lie on the devices as a whole
    count: int
    losses: Any = None


class Training:
    """The steps of an update (`symfold.compute.backends.table.Training`); parameters stay on the devices between calls.

    With several devices, of one process or of many (`jax.distributed`), every process runs the same program with the
    same data and seed, and computes the rows of its own devices.
    """

    def __init__(self, update: Update, dtype: str):
        self.update, self.numbers, self.mesh = update, dtype, mesh()
        self.dtype = stored(dtype)
        self.layout: Layout = update.start.layout
        sharding = replicated(self.mesh)
        with precision(self.dtype):
            self.held: Leaves = tuple(
                placed(leaf.__getitem__, leaf.shape, sharding) for leaf in leaves_from(update.start, self.dtype)
            )
        self.latest: Call | None = None  # with a step
        self.functions: dict[Any, Function] = {}
        self.programs: dict[Any, Callable[..., Any]] = {}
        self.resident: dict[Leaf, tuple[tuple[NumpyArray, ...], jax.Array]] = {}

    def run(self, stack: Stack) -> list[float]:
        """A step for each batch, up to the first loss that is not finite; several calls if memory requires them."""
        losses: list[float] = []
        before: Call | None = None
        for piece in self.pieces(stack):
            call = self.called(piece)
            if before is not None and not self.finished(before, losses):
                return losses
            before = call
        if before is not None:
            self.finished(before, losses)
        return losses

    def pieces(self, stack: Stack) -> Iterator[Stack]:
        """The stack, or parts of it that fit on the devices."""
        sizes = sum(prod(stack.shape(name)[1:]) for name in stack) * np.dtype(self.dtype).itemsize
        most = stack.count if self.stays(stack) else max(1, MOST * self.mesh.size // max(1, sizes))
        for start in range(0, stack.count, most):
            yield stack.cut(start, start + most)

    def stays(self, stack: Stack) -> bool:
        """Whether the whole arrays of a stack fit on every device."""
        size = sum(np.size(array) for array in stack.arrays.values()) * np.dtype(self.dtype).itemsize
        return stack.order is not None and size <= (room(self.mesh) or MOST)

    def called(self, stack: Stack) -> Call:
        """Start the steps of a stack, without waiting for them."""
        with precision(self.dtype):
            function, order = self.function(stack), None
            if self.stays(stack):
                inputs = tuple(self.whole(stack, leaf) for leaf in function.inputs)
                positions = np.asarray(stack.order, dtype=np.int32)
                order = placed(positions.__getitem__, positions.shape, split(self.mesh, positions.shape, 1))
            else:
                inputs = tuple(self.spread(stack, leaf) for leaf in function.inputs)
            call = Call(function, self.held, inputs, order, stack.count)
            self.held, losses = self.taken(call, stack.count)
        return Call(function, call.start, inputs, order, stack.count, losses)

    def finished(self, call: Call, losses: list[float]) -> bool:
        """Add the losses of a call up to the first one that is not finite; go back to the state at that one."""
        numbers = np.asarray(call.losses, dtype=float)
        bad = np.flatnonzero(~np.isfinite(numbers))
        count = int(bad[0]) if bad.size else call.count
        losses += numbers[: count + 1].tolist()
        if count:
            self.latest = Call(call.function, call.start, call.inputs, call.order, count)
        if bad.size:
            self.held = self.state_after(call, count)
        return not bad.size

    def state_after(self, call: Call, count: int) -> Leaves:
        """The state after the first steps of a call, taken once more."""
        with precision(self.dtype):
            return self.taken(call, count)[0] if count else call.start

    def taken(self, call: Call, count: int) -> tuple[Leaves, Any]:
        """The state after the first steps of a call, and their losses."""
        inputs, order = call.inputs, call.order
        if count < call.count:
            inputs, order = (inputs, order[:count]) if order is not None else (tuple(x[:count] for x in inputs), None)
        return self.steps(call.function, count, order is not None)(call.start, inputs, order)

    @property
    def state(self) -> Parameters:
        return self.read(self.held)

    @property
    def good(self) -> Parameters:
        if self.latest is None:
            return self.state
        return self.read(self.state_after(self.latest, self.latest.count - 1))

    def read(self, leaves: Leaves) -> Parameters:
        """Parameters read from the devices."""
        arrays = (np.asarray(leaf, dtype=float).ravel() for leaf in leaves)
        return Parameters(self.layout, np.concatenate([np.zeros(0), *arrays]))

    def function(self, stack: Stack) -> Function:
        """The step for batches of this shape."""
        shapes = {name: stack.shape(name)[1:] for name in stack}
        key = tuple(shapes.values())
        if key not in self.functions:
            function = Function(self.update.net, shapes, self.layout, self.numbers)
            check_single(function.roots[0].shape)
            self.functions[key] = function
        return self.functions[key]

    def steps(self, function: Function, count: int, gathers: bool) -> Callable[..., Any]:
        """The program of a number of steps."""
        key = function, count, gathers
        if key not in self.programs:
            run = steps_of(function, self.update.moved, count)
            self.programs[key] = jax.jit(run, out_shardings=replicated(self.mesh))
        return self.programs[key]

    def whole(self, stack: Stack, leaf: Leaf) -> jax.Array:
        """The whole array of an input, or those of a family, on every device; arrays that recur are placed once."""
        sources = tuple(stack.arrays[name] for name in leaf.op.names)
        known = self.resident.get(leaf)
        if known is None or any(a is not b for a, b in zip(known[0], sources, strict=True)):
            stacked = isinstance(leaf.op, StackedInputs)
            array = np.asarray(np.stack(sources) if stacked else sources[0], dtype=self.dtype)
            known = self.resident[leaf] = sources, placed(array.__getitem__, array.shape, replicated(self.mesh))
        return known[1]

    def spread(self, stack: Stack, leaf: Leaf) -> jax.Array:
        """The values of an input in all batches, rows sharded; for a family, its members stacked."""
        names = tuple(leaf.op.names)
        if not isinstance(leaf.op, StackedInputs):
            shape = stack.shape(names[0])

            def read(index: Index) -> jax.Array:
                return np.asarray(stack.part(names[0], index), dtype=self.dtype)

            return placed(read, shape, split(self.mesh, shape, 1))
        count, *rest = stack.shape(names[0])
        shape = (count, len(names), *rest)

        def read_members(index: Index) -> jax.Array:
            members = [stack.part(name, (index[0], *index[2:])) for name in names[index[1]]]
            return np.stack(members, axis=1).astype(self.dtype)

        return placed(read_members, shape, split(self.mesh, shape, 2))


def steps_of(function: Function, moved: Sequence[Leaf], count: int) -> Callable[..., Any]:
    """All steps as one JAX loop from parameters to parameters and losses; its length is fixed, so that no step waits.

    With an order, the inputs are whole arrays, and a step gathers its rows.
    """
    places = [function.layout.place(leaf) for leaf in moved]
    axes = [int(isinstance(leaf.op, StackedInputs)) for leaf in function.inputs]

    def run(start: Leaves, inputs: Leaves, order: jax.Array | None) -> tuple[Leaves, jax.Array]:
        def step(now: Leaves, part: Any) -> tuple[Leaves, jax.Array]:
            batch = part
            if order is not None:
                batch = tuple(jnp.take(x, part, axis=axis, mode="clip") for x, axis in zip(inputs, axes, strict=True))
            loss, *values = function(now, batch)
            after = list(now)
            for (number, place), value in zip(places, values, strict=True):
                after[number] = value if place is None else after[number].at[place].set(value)
            return tuple(after), loss

        return jax.lax.scan(step, start, inputs if order is None else order, length=count)

    return run
