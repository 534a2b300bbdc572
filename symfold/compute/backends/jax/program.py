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
from symfold.compute.backends.jax.convolutions import convolved
from symfold.compute.backends.jax.tracing import full, values
from symfold.compute.lowering import Target, lowered
from symfold.compute.parameters import Layout, Parameters
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import NAME, sized
from symfold.core.stacked_inputs import StackedInputs
from symfold.transform.passes.contraction import contracted
from symfold.transform.passes.hoisting import hoisted
from symfold.transform.passes.joining import joined

AFTER = joined, partial(hoisted, products=True)
TARGET = Target(passes=(contracted, convolved, *AFTER))
# for functions that JAX differentiates, by the adjoints of rows: the row that `convolved` writes has none
DIFFERENTIABLE = Target(passes=(contracted, *AFTER))


class Function:
    """A net of known shapes as a pure function of arrays: `function(parameters, inputs)` returns the outputs in order.

    `parameters` holds one array per leaf of the layout, `inputs` one per leaf of `self.inputs`; families are stacked.
    `jax.jit`, `jax.grad` and `jax.vmap` apply. In float64, call it under `jax.enable_x64(True)`.
    """

    def __init__(self, net: Net, shapes: Mapping[str, tuple[int, ...]], layout: Layout, dtype: str):
        self.roots = lowered(net, shapes, replace(TARGET, itemsize=np.dtype(dtype).itemsize))
        self.layout, self.dtype = layout, dtype
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
        outputs = values(self.roots, leaves, self.dtype)
        return tuple(
            full(output, sized(root.shape), self.dtype) for output, root in zip(outputs, self.roots, strict=True)
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
        self.params, self.dtype = params, dtype
        self.function = Function(net, shapes, params.layout, dtype)
        self.jitted = jax.jit(self.function)
        self.inputs = [np.zeros(sized(leaf.shape), dtype=dtype) for leaf in self.function.inputs]
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
