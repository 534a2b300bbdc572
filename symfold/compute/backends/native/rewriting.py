"""Rewrites before code generation, net to net, including blocks of folds.

- A causal mask of a known shape becomes a constant.
- The adjoint of windows in a product becomes windows of the cotangent.
- Folds take and return values instead of their windows, which are larger by the size of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symfold.core.blocks import Block
from symfold.core.folds import Fold, rebuilt_inside
from symfold.core.leaves import Constant, Formal, FrozenArray
from symfold.core.nodes import Node, substitute
from symfold.core.primitives import Apply, add_windows, causal, einsum, is_primitive, item, windows
from symfold.core.sequences import reverse, reverse_row
from symfold.core.shapes import is_concrete


def rewritten(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every rewrite applied.

    >>> import symfold as sf
    >>> rewritten([causal(sf.tensor("x", (5, 2, 2)))])[0].op.value.array
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
        new_block, operands = with_windows_inside(block, args, fold)
        return with_windows_outside(new_block, operands, fold)

    return rebuilt_inside(roots, rule, fold_rule)


def mask(scores: Node) -> Node | None:
    """A causal mask as a constant, if the shape of the scores is known."""
    if not is_concrete(scores.shape):
        return None
    return Node(Constant(FrozenArray.of(Apply(causal).evaluate(np.empty([int(size) for size in scores.shape[-2:]])))))


def correlated(node: Node[Apply], bar: Node) -> Node | None:
    """The sum of product windows as a product with windows: the flipped kernel over the padded cotangent, at stride 1.

    >>> from symfold.core.leaves import tensor
    >>> x, y, W = tensor("x", (9,)), tensor("y", (7,)), tensor("W", (3,))
    >>> window = {"kernel": (3,), "stride": (1,), "padding": (0,), "dilation": (1,), "fill": 0.0}
    >>> rewritten([add_windows(einsum(y, W, subscripts="a,i->ai"), x, **window)])[0].op.attributes
    (('subscripts', 'ai,i->a'),)
    """
    window = dict(node.op.attributes)
    rank = len(window["kernel"])
    padding = tuple(
        d * (k - 1) - p for k, p, d in zip(window["kernel"], window["padding"], window["dilation"], strict=True)
    )
    if not is_primitive(bar, einsum) or set(window["stride"]) != {1} or min(padding) < 0:
        return None
    inputs, result = dict(bar.op.attributes)["subscripts"].split("->")
    operands, places, kernel = inputs.split(","), result[-2 * rank : -rank], result[-rank:]
    moving = [k for k, letters in enumerate(operands) if set(places) & set(letters)]
    fixed = "".join(letters for k, letters in enumerate(operands) if k not in moving)
    if (
        len(moving) != 1
        or not operands[moving[0]].endswith(places)
        or set(operands[moving[0]]) & set(kernel)
        or not set(kernel) <= set(fixed)
    ):
        return None
    args = []
    for k, (letters, arg) in enumerate(zip(operands, bar.args, strict=True)):
        if k in moving:
            operands[k] = letters + kernel
            args.append(windows(arg, **{**window, "padding": padding, "fill": 0.0}))
        else:
            backward = tuple((None, None, -1) if letter in kernel else (None, None) for letter in letters)
            args.append(item(arg, index=backward) if set(letters) & set(kernel) else arg)
    return einsum(*args, subscripts=f"{','.join(operands)}->{result[:-rank]}")


def with_windows_inside(block: Block, args: Sequence[Node], fold: Fold) -> tuple[Block, list[Node]]:
    """A fold over windows of a sequence as a fold over the sequence, whose steps take the windows."""
    operands, shapes = list(args), list(block.shapes)
    new: dict[Node, Node] = {}
    for k, each in enumerate(fold.each, start=fold.carries):
        backward = is_primitive(operands[k], reverse_row)
        operand = operands[k].args[0] if backward else operands[k]
        if each and is_windows_of_entries(operand):
            operands[k] = reverse(operand.args[0]) if backward else operand.args[0]
            shapes[k] = operand.args[0].shape[1:]
            new[block.formals[k]] = Node(operand.op, (Node(Formal(0, k, shapes[k])),))
    return (Block(tuple(shapes), substitute(block.results, new)), operands) if new else (block, operands)


def with_windows_outside(block: Block, args: Sequence[Node], fold: Fold) -> tuple[Node, ...]:
    """The results of a fold whose steps return values instead of windows; windows are taken of the whole sequence."""
    states = block.results[: fold.carries]
    outputs = block.results[fold.carries :]
    values = [output.args[0] if is_primitive(output, windows) else output for output in outputs]
    distinct = tuple(dict.fromkeys(values))
    results = fold.over(args, Block(block.shapes, (*states, *distinct)))
    sequences = [results[fold.carries + distinct.index(value)] for value in values]
    windowed = [
        Node(output.op, (sequence,)) if is_primitive(output, windows) else sequence
        for output, sequence in zip(outputs, sequences, strict=True)
    ]
    return (*results[: fold.carries], *windowed)


def is_windows_of_entries(node: Node) -> bool:
    """Whether a node is the windows of a sequence, entry by entry."""
    return is_primitive(node, windows) and len(dict(node.op.attributes)["kernel"]) < len(node.args[0].shape)
