"""Lowering: from a net to the nodes that a target writes. Every backend and ONNX take this way.

roll          equal steps become one loop, however they were written (`rolled`, once per net)
specialise    unknown sizes get their numbers
inline        the bodies of layers, and of primitives that the target has no code for
unroll        folds of one step
divide        a product with a reciprocal becomes one division
compose       functions that the target lacks become others that it has
passes        what the target adds, such as hoisting
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.core.functions import Head
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.transform.inlining import Keep, decomposed, has_adjoint, inlined, with_divisions
from symfold.transform.rolling import roll, without_single_steps
from symfold.transform.specialize import with_shapes

Pass = Callable[[Sequence[Node]], tuple[Node, ...]]


@dataclass(frozen=True)
class Target:
    """What a target asks for.

    - `keeps(node)` says whether a primitive with a body stays whole.
    - `has(head)` says whether there is code for an elementwise function; None: for all of them.
    - `passes` come last, in this order.
    """

    keeps: Keep = has_adjoint
    has: Callable[[Head], bool] | None = None
    passes: tuple[Pass, ...] = ()


def rolled(net: Net) -> Net:
    """The net with equal steps as one loop; it takes the inputs that it took, also those that no step reads."""
    found = roll(net)
    taken = tuple(leaf for leaf in net.leaves if leaf.op.role == "input")
    return Net(found.outputs, found.form, found.signature or taken)


def lowered(net: Net, shapes: Mapping[str, Sequence[Any]], target: Target = Target()) -> tuple[Node, ...]:
    """The outputs of a net for inputs of these shapes, as a target writes them."""
    specialized = with_shapes(net, shapes).outputs if shapes else net.outputs
    roots = with_divisions(without_single_steps(inlined(specialized, keep=target.keeps)))
    if target.has is not None:
        roots = decomposed(roots, target.has)
    for each in target.passes:
        roots = each(roots)
    return roots
