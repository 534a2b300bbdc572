"""Nodes as a pure function of arrays, for JAX to trace, jit and differentiate. A fold is one `lax.scan`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from symfold.compute.backends.jax.functions import row_of
from symfold.compute.backends.table import stored
from symfold.compute.evaluate import constant_value
from symfold.core.blocks import Call
from symfold.core.folds import Fold, Select, is_fold
from symfold.core.functions import numbers_of
from symfold.core.leaves import Constant
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply
from symfold.core.shapes import NAME, sized
from symfold.core.stacked_inputs import known_count
from symfold.errors import NoRule
from symfold.transform.autodiff.guarded import fold_below
from symfold.transform.autodiff.local_adjoints import is_flat, is_linear_in_each, local_adjoint, numbers_in


@dataclass(frozen=True)
class Types:
    """The types of numbers: of all arrays, and those to which factors of products are rounded, if they are.

    >>> Types.of("bfloat16"), Types.of("float64")
    (Types(arrays='float32', factors='bfloat16'), Types(arrays='float64', factors=None))
    """

    arrays: str
    factors: str | None = None

    @classmethod
    def of(cls, dtype: str) -> Types:
        return cls(stored(dtype), None if dtype == stored(dtype) else dtype)


def values(
    roots: Sequence[Node],
    leaves: Mapping[Node, jax.Array | None],
    types: Types,
    below: Collection[Node] | None = None,
) -> list[Any]:
    """The values of the roots, from those of their leaves; names of layers have none.

    Given the nodes `below` a branch of a choice, JAX differentiates by the adjoints of the rows, else by its own rules.
    """
    memo = dict(leaves)
    for node in walk(roots, stop=memo):
        memo[node] = value(node, [memo[arg] for arg in node.args], types, below)
    return [memo[root] for root in roots]


def value(node: Node, args: Sequence[jax.Array], types: Types, below: Collection[Node] | None = None) -> Any:
    """The value of a node, from those of its arguments; for a fold, its results."""
    op = node.op
    if node.shape[-1:] == (NAME,):
        return None
    if isinstance(op, Constant):
        # a Python number is weakly typed, and a static exponent of a power
        return float(constant_value(node)) if node.shape == () else np.asarray(constant_value(node), dtype=types.arrays)
    if is_fold(node):
        return scan(node.op, args, types, None if below is None else fold_below(node, below))
    if isinstance(op, Select):
        return args[0][op.position]
    if isinstance(op, Call):
        raise NoRule("a layer is opaque and has no numbers (give it a body: net.bind({'f1': lambda z: ...}))")
    if isinstance(op, type):
        compute = numbers_of(op, "jax")
    else:
        assert isinstance(op, Apply)
        compute = partial(row_of(op.primitive, types.factors), **dict(op.attributes))
    return compute(*args) if below is None else differentiated(node, compute, args, types, node in below)


def differentiated(
    node: Node, compute: Callable[..., jax.Array], args: Sequence[jax.Array], types: Types, guarded: bool
) -> jax.Array:
    """The value of an operation, with the derivative of its row, to any order."""
    if is_flat(node.op):
        return compute(*map(jax.lax.stop_gradient, args))
    numbers = numbers_in(node)
    if is_linear_in_each(node.op, len(args), guarded) or None not in numbers:
        return compute(*args)
    free = [k for k, number in enumerate(numbers) if number is None]

    def function(*arrays: jax.Array) -> jax.Array:
        return compute(*(arrays[free.index(k)] if k in free else arg for k, arg in enumerate(args)))

    def jvp(primals: Sequence[jax.Array], tangents: Sequence[jax.Array]) -> tuple[jax.Array, jax.Array]:
        result = with_jvp(*primals)
        adjoint = local_adjoint(node.op, numbers, tuple(map(jnp.shape, primals)), guarded)
        block = adjoint.forward
        nonzero = [not isinstance(tangents[k], SymbolicZero) for k in adjoint.places]
        arguments = (*primals, result, *(tangents[k] for k in adjoint.places))
        below = frozenset(walk(block.results) if guarded else ())
        roots = [root for root, is_nonzero in zip(block.results, nonzero, strict=True) if is_nonzero]
        parts = values(roots, dict(zip(block.formals, arguments, strict=True)), types, below)
        return result, sum((full(part, result.shape, result.dtype) for part in parts), jnp.zeros_like(result))

    with_jvp = jax.custom_jvp(function)
    with_jvp.defjvp(jvp, symbolic_zeros=True)
    return with_jvp(*(args[k] if hasattr(args[k], "dtype") else jnp.asarray(args[k], types.arrays) for k in free))


def scan(fold: Fold, args: Sequence[jax.Array], types: Types, below: Collection[Node] | None = None) -> list[jax.Array]:
    """The results of a fold: the last state, then the stacked outputs of the steps."""
    block, carries, dtype = fold.block, fold.carries, types.arrays
    formals, shapes = block.formals, [sized(shape) for shape in block.shapes[:carries]]
    operands = dict(zip(formals[carries:], args[carries:], strict=True))
    sequences = [f for f, each in zip(operands, fold.each, strict=True) if each and operands[f] is not None]

    def step(
        state: tuple[jax.Array, ...], entries: tuple[jax.Array, ...]
    ) -> tuple[tuple[jax.Array, ...], tuple[jax.Array, ...]]:
        leaves = {**operands, **dict(zip(formals, state, strict=False)), **dict(zip(sequences, entries, strict=True))}
        after = values(block.results, leaves, types, below)
        outputs = [
            full(output, sized(result.shape), dtype)
            for output, result in zip(after[carries:], block.results[carries:], strict=True)
        ]
        return tuple(map(full, after[:carries], shapes, [dtype] * carries)), tuple(outputs)

    start = tuple(map(full, args[:carries], shapes, [dtype] * carries))
    stacked = tuple(jnp.asarray(operands[f]) for f in sequences)
    last, outputs = jax.lax.scan(step, start, stacked, length=known_count(fold.count))
    return [*last, *outputs]


def full(value: jax.Array, shape: tuple[int, ...], dtype: str) -> jax.Array:
    """A value broadcast to a shape and cast to a type, since a loop's carry must keep both."""
    return jnp.broadcast_to(jnp.asarray(value, dtype=dtype), shape)
