"""A training in JAX: the steps over a stack of batches in one call, the batches' rows spread over all devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symfold.compute.backends.jax.devices import Index, mesh, placed, replicated, split
from symfold.compute.backends.jax.program import Function, leaves_from, names_of_leaf, precision
from symfold.compute.backends.stacks import Stack
from symfold.compute.backends.table import Update
from symfold.compute.parameters import Layout, Parameters
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import StackedInputs
from symfold.frontend.losses import check_single

Leaves = tuple[Any, ...]
MOST = 2**28  # bytes of batches that one call puts on a device: data need not fit into its memory


class Training:
    """The steps of an update (`symfold.compute.backends.table.Training`); parameters stay on the devices between calls.

    With several devices, of one process or of many (`jax.distributed`), every process runs the same program: it has the same
    data and the same seed, and reads of each batch the rows that its own devices compute.
    """

    def __init__(self, update: Update, dtype: str):
        self.update, self.dtype, self.mesh = update, dtype, mesh()
        self.layout: Layout = update.start.layout
        everywhere = replicated(self.mesh)
        with precision(dtype):
            start = tuple(placed(leaf.__getitem__, leaf.shape, everywhere) for leaf in leaves_from(update.start, dtype))
        self.held: tuple[Leaves, Leaves] = (start, start)  # after the last step, and before it
        self.made: dict[Any, tuple[Function, Callable[..., Any]]] = {}

    def run(self, stack: Stack) -> list[float]:
        """A step for each batch, up to the first loss that is not finite: in one call, or in a few where memory asks for it."""
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
        found = np.asarray(losses, dtype=float)
        lost = np.flatnonzero(~np.isfinite(found))
        return found[: lost[0] + 1 if lost.size else None].tolist()

    @property
    def state(self) -> Parameters:
        return self.read(self.held[0])

    @property
    def good(self) -> Parameters:
        return self.read(self.held[1])

    def read(self, leaves: Leaves) -> Parameters:
        """Parameters from the devices."""
        return Parameters(
            self.layout, np.concatenate([np.zeros(0), *(np.asarray(leaf, dtype=float).ravel() for leaf in leaves)])
        )

    def compiled(self, stack: Stack) -> tuple[Function, Callable[..., Any]]:
        """The program for stacks of this shape."""
        shapes = {name: stack.shape(name) for name in stack}
        key = (stack.count, *shapes.values())
        if key not in self.made:
            function = Function(
                self.update.net, {name: shape[1:] for name, shape in shapes.items()}, self.layout, self.dtype
            )
            check_single(function.roots[0].shape)
            everywhere = replicated(self.mesh)
            run = steps_of(function, self.update.moved, stack.count)
            self.made[key] = function, jax.jit(run, out_shardings=everywhere)
        return self.made[key]

    def spread(self, stack: Stack, leaf: Node) -> Any:
        """The values of an input in all batches, rows over the devices; of a family, the members side by side."""
        names = names_of_leaf(leaf)
        if not isinstance(leaf.op, StackedInputs):
            shape = stack.shape(names[0])
            return placed(
                lambda index: np.asarray(stack.part(names[0], index), dtype=self.dtype),
                shape,
                split(self.mesh, shape, 1),
            )
        count, *rest = stack.shape(names[0])
        shape = (count, len(names), *rest)

        def side_by_side(index: Index) -> Any:
            parts = [stack.part(name, (index[0], *index[2:])) for name in names[index[1]]]
            return np.stack(parts, axis=1).astype(self.dtype)

        return placed(side_by_side, shape, split(self.mesh, shape, 2))


def steps_of(function: Function, moved: Sequence[Node], count: int) -> Callable[..., Any]:
    """All the steps as one loop of JAX's: from parameters and those before them, over stacked inputs, to both and the losses.

    The loop goes on when a loss is not finite, since a loop of a known length never waits for the host, but it changes nothing more.
    """
    places = [function.layout.place(leaf) for leaf in moved]

    def step(carry: tuple[Leaves, Leaves, Any], inputs: Leaves) -> tuple[tuple[Leaves, Leaves, Any], Any]:
        now, before, going = carry
        loss, *values = function(now, inputs)
        going = going & jnp.isfinite(loss)
        after = list(now)
        for (number, part), value in zip(places, values, strict=True):
            after[number] = value if part is None else after[number].at[part].set(value)
        chosen = tuple(jnp.where(going, new, old) for new, old in zip(after, now, strict=True))
        return (chosen, tuple(jnp.where(going, new, old) for new, old in zip(now, before, strict=True)), going), loss

    def run(now: Leaves, before: Leaves, inputs: Leaves) -> tuple[Leaves, Leaves, Any]:
        (after, previous, _), losses = jax.lax.scan(step, (now, before, jnp.asarray(True)), inputs, length=count)
        return after, previous, losses

    return run
