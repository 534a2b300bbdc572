"""Nodes as a pure function of arrays, that JAX may trace, jit and differentiate. A fold is one `lax.scan`, at any depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symfold.compute.backends.jax.functions import row_of
from symfold.compute.evaluate import constant_value
from symfold.core.folds import Fold, Select
from symfold.core.functions import numbers_of
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import Apply
from symfold.core.shapes import NAME, sized
from symfold.core.stacked_inputs import known_count
from symfold.core.walks import walk
from symfold.errors import NoRule
from symfold.frontend.layer_kinds import Call


def values(roots: Sequence[Node], given: Mapping[Node, Any], dtype: str) -> list[Any]:
    """The values of the roots, from those of their leaves. Names of layers have none."""
    known = dict(given)
    for node in walk(roots, stop=known):
        known[node] = value(node, [known[arg] for arg in node.args], dtype)
    return [known[root] for root in roots]


def value(node: Node, args: Sequence[Any], dtype: str) -> Any:
    """The value of a node, from those of its arguments; of a fold, its results."""
    op = node.op
    if node.shape[-1:] == (NAME,):
        return None
    if isinstance(op, Constant):
        # a number stays Python's, so that it takes the type of what it meets, and powers know their exponent
        return float(constant_value(node)) if node.shape == () else np.asarray(constant_value(node), dtype=dtype)
    if isinstance(op, Fold):
        return scan(op, args, dtype)
    if isinstance(op, Select):
        return args[0][op.position]
    if isinstance(op, type):
        return numbers_of(op, "jax")(*args)
    if isinstance(op, Call):
        raise NoRule("a layer is opaque and has no numbers (give it a body: net.bind({'f1': lambda z: ...}))")
    assert isinstance(op, Apply), op
    return row_of(op.primitive)(*args, **dict(op.attributes))


def scan(fold: Fold, args: Sequence[Any], dtype: str) -> list[Any]:
    """The results of a fold: the last state, then what the steps gave out, stacked."""
    block, carries = fold.block, fold.carries
    formals, shapes = block.formals, [sized(shape) for shape in block.shapes[:carries]]
    operands = dict(zip(formals[carries:], args[carries:], strict=True))
    own = [f for f, each in zip(operands, fold.each, strict=True) if each and operands[f] is not None]

    def step(state: tuple[Any, ...], entries: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        known = {**operands, **dict(zip(formals, state, strict=False)), **dict(zip(own, entries, strict=True))}
        after = values(block.results, known, dtype)
        given = [full(a, sized(r.shape), dtype) for a, r in zip(after[carries:], block.results[carries:], strict=True)]
        return tuple(map(full, after[:carries], shapes, [dtype] * carries)), tuple(given)

    start = tuple(map(full, args[:carries], shapes, [dtype] * carries))
    last, given = jax.lax.scan(step, start, tuple(jnp.asarray(operands[f]) for f in own), length=known_count(fold.count))
    return [*last, *given]


def full(value: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """A value in its whole shape and type: what a loop carries has the same ones after every step."""
    return jnp.broadcast_to(jnp.asarray(value, dtype=dtype), shape)
