"""What is put otherwise before it is written as code: net to net, in the blocks of folds as well.

A mask that follows from a known shape is numbers. The adjoint of windows in a product is windows again. A value is kept
from step to step, or handed to a fold, as it is and not as its windows, which are as large as the kernel times the value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symfold.core.blocks import Block
from symfold.core.folds import Fold, apply_fold, rebuilt_inside
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Formal, FrozenArray
from symfold.core.primitives import Apply, add_windows, causal, einsum, is_primitive, item, windows
from symfold.core.sequences import reverse, reverse_row
from symfold.core.shapes import is_concrete
from symfold.core.walks import substitute


def put_otherwise(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every rule applied.

    >>> import symfold as sf
    >>> put_otherwise([causal(sf.tensor("x", (5, 2, 2)))])[0].op.value.array
    array([[  0., -inf],
           [  0.,   0.]], dtype=float32)
    """

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        if is_primitive(node, causal):
            return mask(args[0])
        if is_primitive(node, add_windows):
            return correlated(node, args[0])
        return None

    def fold_rule(fold: Fold, block: Block, args: tuple[Node, ...]) -> tuple[Node, ...]:
        inside, operands = windows_taken_inside(block, args, fold)
        return windows_taken_outside(inside, operands, fold)

    return rebuilt_inside(roots, rule, fold_rule)


def mask(scores: Node) -> Node | None:
    """A mask as numbers, so that it waits for nothing."""
    if not is_concrete(scores.shape):
        return None
    return Node(Constant(FrozenArray.of(Apply(causal).evaluate(np.empty([int(size) for size in scores.shape[-2:]])))))


def correlated(node: Node, bar: Node) -> Node | None:
    """Windows of products added up, as products with windows: the kernel backward over the padded cotangent, where the stride is 1.

    >>> from symfold.core.tensors import tensor
    >>> x, y, W = tensor("x", (9,)), tensor("y", (7,)), tensor("W", (3,))
    >>> given = {"kernel": (3,), "stride": (1,), "padding": (0,), "dilation": (1,), "fill": 0.0}
    >>> put_otherwise([add_windows(einsum(y, W, subscripts="a,i->ai"), x, **given)])[0].op.attributes
    (('subscripts', 'ai,i->a'),)
    """
    given = dict(node.op.attributes)
    rank = len(given["kernel"])
    around = tuple(
        d * (k - 1) - p for k, p, d in zip(given["kernel"], given["padding"], given["dilation"], strict=True)
    )
    if not is_primitive(bar, einsum) or set(given["stride"]) != {1} or min(around) < 0:
        return None
    inputs, result = dict(bar.op.attributes)["subscripts"].split("->")
    operands, places, kernel = inputs.split(","), result[-2 * rank : -rank], result[-rank:]
    moving = [k for k, letters in enumerate(operands) if set(places) & set(letters)]
    others = "".join(letters for k, letters in enumerate(operands) if k not in moving)
    if (
        len(moving) != 1
        or not operands[moving[0]].endswith(places)
        or set(operands[moving[0]]) & set(kernel)
        or not set(kernel) <= set(others)
    ):
        return None
    args = []
    for k, (letters, arg) in enumerate(zip(operands, bar.args, strict=True)):
        if k in moving:
            operands[k] = letters + kernel
            args.append(windows(arg, **{**given, "padding": around, "fill": 0.0}))
        else:
            backward = tuple((None, None, -1) if letter in kernel else (None, None) for letter in letters)
            args.append(item(arg, index=backward) if set(letters) & set(kernel) else arg)
    return einsum(*args, subscripts=f"{','.join(operands)}->{result[:-rank]}")


def windows_taken_inside(block: Block, args: Sequence[Node], fold: Fold) -> tuple[Block, list[Node]]:
    """A fold over the windows of a sequence, as one over the sequence, whose steps take the windows."""
    operands, shapes = list(args), list(block.shapes)
    new: dict[Node, Node] = {}
    for k, each in enumerate(fold.each, start=fold.carries):
        backward = is_primitive(operands[k], reverse_row)
        seen = operands[k].args[0] if backward else operands[k]
        if each and of_entries(seen):
            operands[k] = reverse(seen.args[0]) if backward else seen.args[0]
            shapes[k] = seen.args[0].shape[1:]
            new[block.formals[k]] = Node(seen.op, (Node(Formal(0, k, shapes[k])),))
    return (Block(tuple(shapes), substitute(block.results, new)), operands) if new else (block, operands)


def windows_taken_outside(block: Block, args: Sequence[Node], fold: Fold) -> tuple[Node, ...]:
    """The results of a fold, where its steps give out values, and their windows are taken of all of them by who reads them."""
    kept = block.results[: fold.carries]
    given_out = block.results[fold.carries :]
    values = [one.args[0] if is_primitive(one, windows) else one for one in given_out]
    outputs = tuple(dict.fromkeys(values))
    made = apply_fold(
        Block(block.shapes, (*kept, *outputs)), fold.count, args[: fold.carries], args[fold.carries :], fold.each
    )
    found = [made[fold.carries + outputs.index(value)] for value in values]
    taken = [
        Node(one.op, (whole,)) if is_primitive(one, windows) else whole
        for one, whole in zip(given_out, found, strict=True)
    ]
    return (*made[: fold.carries], *taken)


def of_entries(node: Node) -> bool:
    """Whether a value is the windows of a sequence, entry by entry."""
    return is_primitive(node, windows) and len(dict(node.op.attributes)["kernel"]) < len(node.args[0].shape)
