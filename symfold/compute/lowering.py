"""Lowering: the passes from a net to the nodes that a target writes, for every backend and ONNX.

roll          make one loop of equal steps, however they were written (`rolled`, once per net)
specialize    give unknown sizes their numbers
inline        the bodies of layers, and of primitives that the target has no code for
unroll        folds of one step
regroup       folds and their gradients, to fit a memory budget
divide        make one division of a product with a reciprocal
compose       rewrite functions that the target lacks
passes        those that the target adds, such as hoisting
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from symfold.core.functions import Head
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import Size
from symfold.transform.inlining import Keep, decomposed, has_adjoint, inlined, with_divisions
from symfold.transform.passes.recomputation import within_budget
from symfold.transform.repeats.search import with_long_repeats_folded
from symfold.transform.rolling import roll, without_single_steps
from symfold.transform.specialize import with_shapes

Pass = Callable[[Sequence[Node]], tuple[Node, ...]]


@dataclass(frozen=True)
class Target:
    """The requirements of a target.

    - `keeps(node)`: whether to keep a primitive that has a body.
    - `itemsize`: the bytes of a number, for memory budgets.
    - `has(head)`: whether there is code for an elementwise function; None: for all of them.
    - `passes`: run last, in this order.
    """

    keeps: Keep = has_adjoint
    has: Callable[[Head], bool] | None = None
    passes: tuple[Pass, ...] = ()
    itemsize: int = 8


def rolled(net: Net) -> Net:
    """The net with equal steps as one loop and all its inputs, including those that no step reads."""
    result = roll(net, search=False)
    outputs = with_long_repeats_folded(result.outputs)
    if outputs != result.outputs:
        result = roll(net.with_outputs(outputs).taking(net), search=False)
    inputs = tuple(leaf for leaf in net.leaves if leaf.op.role == "input")
    return Net(result.outputs, result.form, result.signature or inputs)


def lowered(net: Net, shapes: Mapping[str, Sequence[Size]], target: Target = Target()) -> tuple[Node, ...]:
    """The outputs of a net, lowered for a target and inputs of these shapes."""
    specialized = with_shapes(net, shapes).outputs if shapes else net.outputs
    roots = without_single_steps(inlined(specialized, keep=target.keeps))
    roots = with_divisions(within_budget(roots, target.itemsize))
    if target.has is not None:
        roots = decomposed(roots, target.has)
    for rewrite in target.passes:
        roots = rewrite(roots)
    return roots
