"""Rewrites before code generation, net to net, including blocks of folds.

- A causal mask of a known shape becomes a constant.
- The adjoint of windows in a product becomes windows of the cotangent.
- Folds take and return values instead of their windows, which are larger by the size of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symfold.core.folds import rebuilt_inside
from symfold.core.leaves import Constant, FrozenArray
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, add_windows, causal, einsum, is_primitive, item, windows
from symfold.core.shapes import is_concrete
from symfold.transform.passes.windows import values_across


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

    return rebuilt_inside(roots, rule, values_across)


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
