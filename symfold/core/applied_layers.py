"""Applied layers: a layer applied to its inputs, opaque or with a body.

    layer(name, inputs..., weights..., captured...)

Captured nodes are those from outside that the body reads.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from symfold.core.blocks import Block
from symfold.core.nodes import Node
from symfold.core.shapes import ANY, NAME, Shape


@dataclass(frozen=True)
class Call:
    """The operation of an applied layer. Its body, if it has one, takes all arguments but the name."""

    body: Block | None
    arity: int
    weights: int = 0  # the number of the layer's own parameters

    def infer(self, args: tuple[Node, ...]) -> Shape:
        if self.body is None:
            return args[1].shape if len(args) > 1 else ANY
        return self.body.retyped([arg.shape for arg in args[1:]]).results[0].shape

    @property
    def digest(self) -> bytes:
        return hashlib.blake2b(
            b"call" + (self.body.digest if self.body else b"") + bytes([self.arity, self.weights])
        ).digest()


def is_name(node: Node) -> bool:
    """Whether a node is the name of a layer, or a sequence of names."""
    return node.shape[-1:] == (NAME,)
