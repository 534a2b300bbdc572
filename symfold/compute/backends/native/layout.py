"""The layout of arrays: the innermost axis is the one that takes fewer vectors.

A vector holds w neighbors along the innermost axis. A value of n samples and d features takes n * pieces(d) vectors if
the features are innermost, and d * ceil(n / w) if the samples are, padded to full vectors. A product counts once per
summand. Ties keep the features innermost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from symfold.compute.backends.native.batch import block_axes
from symfold.compute.backends.native.code import pieces
from symfold.core.folds import is_fold
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply, dot, einsum, is_primitive
from symfold.core.stacked_inputs import known_count


def multiplications(roots: Sequence[Node]) -> tuple[int, int]:
    """Those of the largest matrix product, and of all products in one run."""
    largest = total = 0
    for node in walk(roots):
        if is_fold(node):
            inside, all_inside = multiplications(node.op.block.results)
            largest, total = max(largest, inside), total + known_count(node.op.count) * all_inside
        elif is_primitive(node, dot, einsum):
            size = prod(int(size) for size in node.shape) * summed(node)
            largest, total = max(largest, size), total + size
    return largest, total


def summed(node: Node[Apply]) -> int:
    """The number of summands per entry of the result."""
    if is_primitive(node, dot):
        return int(node.args[0].shape[-1])
    inputs, result = dict(node.op.attributes)["subscripts"].split("->")
    sizes = {
        letter: size
        for letters, arg in zip(inputs.split(","), node.args, strict=True)
        for letter, size in zip(letters, arg.shape, strict=True)
    }
    return prod(int(size) for letter, size in sizes.items() if letter not in result)


def innermost_samples(roots: Sequence[Node], axes: Mapping[Node, int | None], batch: int, width: int) -> bool:
    """Whether to store the samples innermost."""
    in_order, by_samples = vectors(roots, axes, batch, width)
    return by_samples < in_order


def vectors(roots: Sequence[Node], axes: Mapping[Node, int | None], batch: int, width: int) -> tuple[int, int]:
    """The number of computed vectors, with arrays in order and with the samples innermost."""
    in_order = by_samples = 0
    for node in walk(roots):
        if is_fold(node):
            results, _, inside = block_axes(node, [axes[arg] for arg in node.args])
            block_in_order, block_by_samples = vectors(results, inside, batch, width)
            in_order += int(node.op.count) * block_in_order
            by_samples += int(node.op.count) * block_by_samples
        elif isinstance(node.op, type) or is_primitive(node, dot, einsum):
            times = summed(node) if is_primitive(node, dot, einsum) else 1
            shape = [int(size) for size in node.shape]
            plain = prod(shape[:-1]) * sum(count for count, _ in pieces(shape[-1], width)) if shape else 1
            in_order += times * plain
            by_samples += times * (
                plain if axes.get(node) is None else prod(shape) // max(batch, 1) * -(-batch // width)
            )
    return in_order, by_samples
