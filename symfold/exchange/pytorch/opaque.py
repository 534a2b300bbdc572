"""Operations without a row, as opaque layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from symfold.core.blocks import Block, Call
from symfold.core.leaves import Formal, Input
from symfold.core.nodes import Node
from symfold.core.primitives.opaque import opaque
from symfold.core.shapes import NAME, Shape
from symfold.exchange.reading.naming import fresh

if TYPE_CHECKING:
    from torch.fx import Node as FxNode


def opaque_layers(
    node: FxNode, args: Sequence[Any], named: Mapping[str, Any], shapes: Sequence[Shape], taken: set[str]
) -> list[Node]:
    """An opaque layer for each result of an operation; its text holds the arguments that are not tensors."""
    tensors: list[Node] = []

    def text_of(arg: object) -> str:
        if isinstance(arg, (list, tuple)):
            return f"[{', '.join(map(text_of, arg))}]"
        if isinstance(arg, Node):
            tensors.append(arg)
            return f"#{len(tensors)}"
        return str(arg)

    arguments = [*map(text_of, args), *(f"{key}={text_of(arg)}" for key, arg in named.items())]
    text = f"{node.target}({', '.join(arguments)})"
    given = tuple(tensor.shape for tensor in tensors)
    formals = tuple(Node(Formal(0, k, shape)) for k, shape in enumerate(given))
    results: list[Node] = []
    for place, shape in enumerate(shapes):
        title = fresh(node.name if len(shapes) == 1 else f"{node.name}_result{place}", taken)
        body = Block(given, (opaque(*formals, operation=text, result=place, shape=shape),))
        results.append(Node(Call(body, len(tensors)), (Node(Input(title, (NAME,), "layer")), *tensors)))
    return results
