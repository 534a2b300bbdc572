"""A net for one set of input shapes as a JAX program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.choice import operations
from symfold.compute.backends.jax.tracing import Types, full, values
from symfold.compute.backends.table import stored
from symfold.compute.lowering import Target, lowered
from symfold.compute.parameters import Layout, Parameters
from symfold.core.folds import Fold
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import NAME, sized
from symfold.core.stacked_inputs import StackedInputs, known_count
from symfold.transform.passes.contraction import contracted
from symfold.transform.passes.convolutions import convolved
from symfold.transform.passes.hoisting import hoisted
from symfold.transform.passes.joining import joined
from symfold.transform.passes.saved_values import saved_ahead
from symfold.transform.rolling import written_out

LONGEST, MOST = 16, 1000  # steps of a fold that is written out, and its operations
AFTER = joined, partial(hoisted, products=True)
# for functions that JAX differentiates, by the adjoints of rows: the row that `convolved` writes has none
DIFFERENTIABLE = Target(passes=(contracted, *AFTER))


def target(platform: str) -> Target:
    """The passes for a platform of JAX, such as "cpu".

    On a GPU, the steps of short folds are written out: at every step of a loop, XLA stores the state, ends the fusion
    of operations and goes back to the host. By hand, steps written out take 0.7 to 0.9 times as long there as a loop.
    XLA compiles each of them, so a fold of many operations stays a loop.
    """
    first = (short_folds_written_out,) if platform == "gpu" else ()
    return Target(passes=(*first, contracted, convolved, saved_ahead, *AFTER))


def short_folds_written_out(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots without loops of a few steps of a few operations."""
    return written_out(roots, is_short)


def is_short(fold: Fold) -> bool:
    count, executed = known_count(fold.count), operations(fold.block.results)[1]
    return count <= LONGEST and executed is not None and count * executed <= MOST


class Function:
    """A net of known shapes as a pure function of arrays: `function(parameters, inputs)` returns the outputs in order.

    `parameters` holds one array per leaf of the layout, `inputs` one per leaf of `self.inputs`; families are stacked.
    `jax.jit`, `jax.grad` and `jax.vmap` apply. In float64, call it under `jax.enable_x64(True)`.
    """

    def __init__(
        self,
        net: Net,
        shapes: Mapping[str, tuple[int, ...]],
        layout: Layout,
        dtype: str,
        platform: str | None = None,
    ):
        self.types = Types.of(dtype)
        itemsize = np.dtype(self.types.arrays).itemsize
        self.roots = lowered(net, shapes, replace(target(platform or jax.default_backend()), itemsize=itemsize))
        self.layout = layout
        leaves = leaves_of(self.roots)
        self.inputs = tuple(leaf for leaf in leaves if leaf.op.role == "input")
        self.parameters = tuple(leaf for leaf in leaves if leaf.op.role == "parameter")
        # a fold over layers may still read their names, which have no values
        self.layer_names: dict[Node, None] = {leaf: None for leaf in leaves if leaf.shape[-1:] == (NAME,)}

    def __call__(self, parameters: Sequence[jax.Array], inputs: Sequence[jax.Array]) -> tuple[jax.Array, ...]:
        leaves: dict[Node, jax.Array | None] = {**self.layer_names, **dict(zip(self.inputs, inputs, strict=True))}
        for leaf in self.parameters:
            number, part = self.layout.place(leaf)
            leaves[leaf] = parameters[number] if part is None else parameters[number][part]
        outputs = values(self.roots, leaves, self.types)
        return tuple(
            full(output, sized(root.shape), self.types.arrays) for output, root in zip(outputs, self.roots, strict=True)
        )


def precision(dtype: str) -> AbstractContextManager[object]:
    """A context in which JAX computes in this type, whatever the user's global setting."""
    return jax.enable_x64(dtype == "float64")


def leaves_from(params: Parameters, dtype: str) -> tuple[jax.Array, ...]:
    """Parameters as one array per leaf of their layout."""
    return tuple(np.asarray(params.array_of(leaf), dtype=dtype) for leaf in params.layout.leaves)


class Program:
    """A net for one set of input shapes, jitted: `feed(values)`, `run()`, then `outputs`."""

    def __init__(self, net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, dtype: str):
        self.params, self.dtype = params, stored(dtype)
        self.function = Function(net, shapes, params.layout, dtype)
        self.jitted = jax.jit(self.function)
        self.inputs = [np.zeros(sized(leaf.shape), dtype=self.dtype) for leaf in self.function.inputs]
        self.outputs: tuple[jax.Array, ...] = ()

    def feed(self, given: Mapping[str, NumpyArray]) -> None:
        """Copy the values of the inputs into their arrays."""
        for array, leaf in zip(self.inputs, self.function.inputs, strict=True):
            if isinstance(leaf.op, StackedInputs):
                for k, name in enumerate(leaf.op.names):
                    array[k] = given[name]
            else:
                array[...] = given[leaf.op.name]

    def run(self) -> None:
        with precision(self.dtype):
            self.outputs = self.jitted(leaves_from(self.params, self.dtype), self.inputs)

    def results(self) -> list[Any]:
        """The outputs as NumPy arrays."""
        return [np.array(output) for output in self.outputs]

    @cached_property
    def source(self) -> str:
        """The jaxpr."""
        with precision(self.dtype):
            return str(jax.make_jaxpr(self.function)(leaves_from(self.params, self.dtype), self.inputs))
