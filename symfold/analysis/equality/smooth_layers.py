"""Evaluation of nets with random smooth functions as opaque layers, and random parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symfold.compute.evaluate import Evaluator
from symfold.core.blocks import Call
from symfold.core.leaves import Input
from symfold.core.nodes import Node
from symfold.core.shapes import NAME, is_known

BATCH = 2  # for an unknown size
ENTRIES = (3,)  # for an unknown shape


def generator(key: str, name: str) -> Any:
    """A random generator for a name, the same in both nets."""
    seed = hashlib.blake2b(f"{key} {name}".encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(seed))


def sizes(node: Node) -> tuple[int, ...]:
    """The shape of an input, with numbers for unknown sizes."""
    if not is_known(node.shape):
        return ENTRIES
    return tuple(size if isinstance(size, int) else BATCH for size in node.shape)


class SmoothEvaluator(Evaluator):
    """Values of a net, with random layers and parameters that depend on a key and their names.

    If `positive`, parameters are positive, and layers map positive numbers to positive numbers.
    """

    def __init__(self, values: Mapping[str, Any], key: str, positive: bool = False):
        super().__init__(values)
        self.key, self.positive = key, positive
        self.drawn: dict[str, Any] = {}  # the parameters

    def leaf(self, node: Node) -> Any:
        op = node.op
        if isinstance(op, Input) and node.shape[-1:] != (NAME,) and op.name not in self.values:
            drawn = generator(self.key, op.name).normal(size=sizes(node), scale=0.5)
            self.drawn[op.name] = np.abs(drawn) if self.positive else drawn
            return self.drawn[op.name]
        return super().leaf(node)

    def tanh(self, value: Any) -> Any:
        return np.tanh(value)

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        if isinstance(node.op, Call) and node.op.body is None:
            a, b, c = generator(self.key, args[0]).uniform(-1, 1, 3).tolist()
            bounded = self.tanh(b + sum(a / (k + 1) * arg for k, arg in enumerate(args[1:])))
            return 1 + bounded + abs(c) * args[1] if self.positive else bounded + c * args[1]
        return super().apply(node, args)
