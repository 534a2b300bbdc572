"""Nets compared in numbers, at random points: what is left where nothing exact decides."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.errors import NoRule, ShapeError
from symfold.evaluate import Evaluator
from symfold.interpreter import Entries
from symfold.layer_kinds import Call
from symfold.nodes import Node
from symfold.operations import Input
from symfold.shapes import NAME, is_known
from symfold.specialise import with_shapes

TOLERANCE = 1e-9  # relative: what rounding explains
APART = 1e-6  # relative: what rounding does not explain
POINTS = 3
BATCH = 2  # an unknown size
ENTRIES = (3,)  # a wholly unknown shape


@dataclass(frozen=True)
class Numbers:
    """The largest relative difference over the points that gave finite numbers, and where it is."""

    difference: float
    points: int
    values: tuple[float, float]
    inputs: Mapping[str, Any]
    place: tuple[int, ...]
    positive: bool = False  # whether the inputs are, and what the layers give
    spread: str = ""  # where an output is one value for the entries of the other

    @property
    def equal(self) -> bool | None:
        """Whether the numbers agree to the tolerance; None where that is not clear."""
        if not self.points or TOLERANCE < self.difference <= APART:
            return None
        return self.difference <= TOLERANCE


def generator(seed: int, name: str) -> Any:
    """Random numbers that belong to a name: the same in both nets."""
    key = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(key))


class Smooth(Evaluator):
    """The numbers of a net whose opaque layers are random smooth functions, and whose parameters are drawn where not given.

    Where `positive`, layers give positive numbers for positive ones.
    """

    def __init__(self, values: Mapping[str, Any], seed: int, positive: bool = False):
        super().__init__(values)
        self.seed = seed
        self.positive = positive

    def leaf(self, node: Node) -> Any:
        op = node.op
        if isinstance(op, Input) and node.shape[-1:] != (NAME,) and op.name not in self.values:
            return generator(self.seed, op.name).normal(size=sizes(node), scale=0.5)
        return super().leaf(node)

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        if isinstance(node.op, Call) and node.op.body is None:
            a, b, c = generator(self.seed, args[0]).uniform(-1, 1, 3)
            bounded = np.tanh(b + sum(a / (k + 1) * arg for k, arg in enumerate(args[1:])))
            return 1 + bounded + abs(c) * args[1] if self.positive else bounded + c * args[1]
        return super().apply(node, args)


def sizes(node: Node) -> tuple[int, ...]:
    """A shape in numbers for an input."""
    if not is_known(node.shape):
        return ENTRIES
    return tuple(size if isinstance(size, int) else BATCH for size in node.shape)


def compare_numbers(a: Any, b: Any, seed: int, params: Mapping[str, Any] | None = None) -> Numbers:
    """Both nets at random points; where none gives finite numbers, as under a root, at positive ones.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> compare_numbers(sf.Net.of(sf.tanh(2 * x)), sf.Net.of(2 * sf.tanh(x) / (1 + sf.tanh(x)**2)), seed=0).equal
    True
    """
    best = Numbers(0.0, 0, (0.0, 0.0), {}, ())
    finite, spread = 0, ""
    for point in range(2 * POINTS):
        positive = point >= POINTS
        if positive and finite:
            break
        drawn = {node.op.name: generator(seed, f"point {point} {node.op.name}").normal(size=sizes(node)) for node in a.inputs}
        if positive:
            drawn = {name: np.exp(2 * array) for name, array in drawn.items()}
        values = {**(params or {}), **drawn}
        with np.errstate(all="ignore"):
            found = [_evaluated(net, values, seed, positive) for net in (a, b)]
        for output, (left, right) in enumerate(zip(*found, strict=True)):
            if left.shape != right.shape:
                spread = f"output {output + 1} has shape {left.shape} in one and {right.shape} in the other"
                try:
                    left, right = np.broadcast_arrays(left, right)
                except ValueError:
                    raise ShapeError(spread) from None
            clear = np.isfinite(left) & np.isfinite(right)
            if left.size and not np.any(clear):
                continue
            finite += 1
            with np.errstate(all="ignore"):
                scale = np.max(np.where(clear, np.maximum(np.abs(left), np.abs(right)), 0.0), initial=1.0)
                gap = np.where(clear, np.abs(left - right), 0.0) / scale
            worst = float(np.max(gap, initial=0.0))
            if worst > best.difference or not best.points:
                where = tuple(int(k) for k in np.unravel_index(int(np.argmax(gap)), gap.shape)) if gap.size else ()
                pair = (float(left[where]), float(right[where])) if gap.size else (0.0, 0.0)
                best = Numbers(worst, 1, pair, {name: array.tolist() for name, array in drawn.items()}, (output, *where), positive)
    return Numbers(best.difference, finite, best.values, best.inputs, best.place, best.positive, spread)


def _evaluated(net: Any, values: Mapping[str, Any], seed: int, positive: bool) -> list[Any]:
    shaped = with_shapes(net, {name: np.shape(value) for name, value in values.items()})
    evaluator = Smooth({name: np.asarray(value, dtype=float) for name, value in values.items()}, seed, positive)
    try:
        results = evaluator.run(shaped.outputs)
    except NoRule:
        return [np.asarray(np.nan)] * len(net.outputs)
    return [np.asarray(evaluator.collect(r, o) if isinstance(r, Entries) else r, dtype=float) for r, o in zip(results, shaped.outputs, strict=True)]
