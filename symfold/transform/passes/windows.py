"""Windows at the ends of a step: folds take and return values instead of their windows, which are as many times larger
as a kernel has entries."""

from __future__ import annotations

from collections.abc import Sequence

from symfold.core.blocks import Block
from symfold.core.folds import Fold, rebuilt_inside
from symfold.core.leaves import Formal
from symfold.core.nodes import Node, substitute
from symfold.core.primitives import is_primitive, windows
from symfold.core.sequences import reverse, reverse_row


def windows_in_steps(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with folds whose steps take the windows of values themselves."""
    return rebuilt_inside(roots, lambda node, args: None, values_across)


def values_across(fold: Fold, block: Block, args: tuple[Node, ...]) -> tuple[Node, ...]:
    """The results of a fold that takes and returns values instead of their windows."""
    new_block, operands = with_windows_inside(block, args, fold)
    return with_windows_outside(new_block, operands, fold)


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
