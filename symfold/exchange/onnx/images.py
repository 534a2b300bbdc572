"""Convolutions, pools and layer norm as ONNX operations, if these have the same meaning; else their bodies are written.

Runtimes compute most of them in float32 only, so a float64 model contains the bodies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symfold.core import primitives as p
from symfold.core.nodes import Node
from symfold.core.primitives import Apply
from symfold.core.shapes import is_known
from symfold.exchange.onnx.graph import Graph

NARROW = (p.convolution, p.transposed_convolution, p.mean_pool, p.layer_norm)  # runtimes have these in float32 only


def window(
    kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> dict[str, list[int]]:
    """ONNX's attributes of windows."""
    return {
        "kernel_shape": list(kernel),
        "strides": list(stride),
        "pads": [*padding, *padding],
        "dilations": list(dilation),
    }


def convolution(graph: Graph, node: Node, names: Sequence[str], groups: int, **given: Any) -> str:
    return graph.emit("Conv", *names, group=groups, **window(node.args[1].shape[2:], **given))


def transposed_convolution(
    graph: Graph, node: Node, names: Sequence[str], groups: int, extra: Sequence[int], **given: Any
) -> str:
    attributes = window(node.args[1].shape[2:], **given)
    return graph.emit("ConvTranspose", *names, group=groups, output_padding=list(extra), **attributes)


def max_pool(graph: Graph, node: Node, names: Sequence[str], **given: Any) -> str:
    return graph.emit("MaxPool", *names, **window(**given))


def mean_pool(graph: Graph, node: Node, names: Sequence[str], padded: bool, **given: Any) -> str:
    attributes = window(**given)
    del attributes["dilations"]  # opset 18 has none
    return graph.emit("AveragePool", *names, count_include_pad=int(padded), **attributes)


def layer_norm(graph: Graph, node: Node, names: Sequence[str], axes: tuple[int, ...], epsilon: float) -> str:
    return graph.emit("LayerNormalization", *names, axis=axes[0], epsilon=float(epsilon))


def means_the_same(node: Node[Apply], dtype: str) -> bool:
    """Whether the corresponding ONNX operation has the same meaning as the node.

    >>> from symfold.core.leaves import tensor
    >>> pool = p.max_pool(tensor("x", (1, 2, 4, 4)), kernel=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1))
    >>> means_the_same(pool, "float64")
    True
    """
    row, attributes = node.op.primitive, dict(node.op.attributes)
    shapes = [arg.shape for arg in node.args]
    if (row in NARROW and dtype != "float32") or not all(map(is_known, shapes)):
        return False
    if row == p.layer_norm:
        axes = attributes["axes"]
        return (
            axes == tuple(range(-len(axes), 0))
            and len(shapes) > 1
            and all(shape == shapes[0][-len(axes) :] for shape in shapes[1:])
        )
    if row == p.transposed_convolution:
        return all(
            e < max(s, d) for e, s, d in zip(*(attributes[k] for k in ("extra", "stride", "dilation")), strict=True)
        )
    if row in (p.max_pool, p.mean_pool):
        plain = row == p.max_pool or set(attributes["dilation"]) == {1}
        return plain and len(shapes[0]) == len(attributes["kernel"]) + 2
    return True
