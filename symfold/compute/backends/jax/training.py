"""Training in JAX: the steps over a stack of batches in one call, with batch rows sharded over all devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symfold.compute.backends.jax.devices import Index, mesh, placed, replicated, split
from symfold.compute.backends.jax.program import Function, leaves_from, precision
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import Update
from symfold.compute.parameters import Layout, Parameters
from symfold.core.stacked_inputs import Leaf, StackedInputs
from symfold.frontend.losses import check_single

Leaves = tuple[Any, ...]
MOST = 2**28  # bytes of batches per device and call: data need not fit into its memory


class Training:
    """The steps of an update (`symfold.compute.backends.table.Training`); parameters stay on the devices between calls.

    With several devices, of one process or of many (`jax.distributed`), every process runs the same program with the
    same data and seed, and reads the rows of its own devices from each batch.
    """

    def __init__(self, update: Update, dtype: str):
        self.update, self.dtype, self.mesh = update, dtype, mesh()
        self.layout: Layout = update.start.layout
        sharding = replicated(self.mesh)
        with precision(dtype):
            start = tuple(placed(leaf.__getitem__, leaf.shape, sharding) for leaf in leaves_from(update.start, dtype))
        self.held: tuple[Leaves, Leaves] = (start, start)  # after the last step, and before it
        self.programs: dict[Any, tuple[Function, Callable[..., jax.Array]]] = {}

    def run(self, stack: Stack) -> list[float]:
        """A step for each batch, up to the first loss that is not finite; several calls if memory requires them."""
        sizes = (prod(stack.shape(name)[1:]) for name in stack)
        most = max(1, MOST * self.mesh.size // max(1, sum(sizes) * np.dtype(self.dtype).itemsize))
        losses: list[float] = []
        for start in range(0, stack.count, most):
            losses += self.call(stack.cut(start, start + most))
            if not isfinite(losses[-1]):
                break
        return losses

    def call(self, stack: Stack) -> list[float]:
        """The same, in one call."""
        with precision(self.dtype):
            function, steps = self.compiled(stack)
            after, before, losses = steps(*self.held, tuple(self.spread(stack, leaf) for leaf in function.inputs))
            self.held = after, before
        numbers = np.asarray(losses, dtype=float)
        bad = np.flatnonzero(~np.isfinite(numbers))
        return numbers[: bad[0] + 1 if bad.size else None].tolist()

    @property
    def state(self) -> Parameters:
        return self.read(self.held[0])

    @property
    def good(self) -> Parameters:
        return self.read(self.held[1])

    def read(self, leaves: Leaves) -> Parameters:
        """Parameters read from the devices."""
        arrays = (np.asarray(leaf, dtype=float).ravel() for leaf in leaves)
        return Parameters(self.layout, np.concatenate([np.zeros(0), *arrays]))

    def compiled(self, stack: Stack) -> tuple[Function, Callable[..., Any]]:
        """The program for stacks of this shape."""
        shapes = {name: stack.shape(name) for name in stack}
        key = (stack.count, *shapes.values())
        if key not in self.programs:
            batch_shapes = {name: shape[1:] for name, shape in shapes.items()}
            function = Function(self.update.net, batch_shapes, self.layout, self.dtype)
            check_single(function.roots[0].shape)
            run = steps_of(function, self.update.moved, stack.count)
            self.programs[key] = function, jax.jit(run, out_shardings=replicated(self.mesh))
        return self.programs[key]

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


def steps_of(function: Function, moved: Sequence[Leaf], count: int) -> Callable[..., jax.Array]:
    """All steps as one JAX loop: from the current and previous parameters and stacked inputs to both and the losses.

    After a loss that is not finite, the loop runs on without changes: a loop of fixed length never waits for the host.
    """
    places = [function.layout.place(leaf) for leaf in moved]

    def step(
        carry: tuple[Leaves, Leaves, jax.Array], inputs: Leaves
    ) -> tuple[tuple[Leaves, Leaves, jax.Array], jax.Array]:
        now, before, finite = carry
        loss, *values = function(now, inputs)
        finite = finite & jnp.isfinite(loss)
        after = list(now)
        for (number, part), value in zip(places, values, strict=True):
            after[number] = value if part is None else after[number].at[part].set(value)
        current = tuple(jnp.where(finite, new, old) for new, old in zip(after, now, strict=True))
        previous = tuple(jnp.where(finite, new, old) for new, old in zip(now, before, strict=True))
        return (current, previous, finite), loss

    def run(now: Leaves, before: Leaves, inputs: Leaves) -> tuple[Leaves, Leaves, jax.Array]:
        (current, previous, _), losses = jax.lax.scan(step, (now, before, jnp.asarray(True)), inputs, length=count)
        return current, previous, losses

    return run
