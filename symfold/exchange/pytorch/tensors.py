"""The numbers of a net as tensors of PyTorch, which differentiates by the adjoints of the rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symfold.compute.evaluate import has_no_numbers
from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Constant, Input
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply
from symfold.core.shapes import NAME, Shape
from symfold.exchange.pytorch.adjoints import applied, as_tensor
from symfold.exchange.pytorch.spellings import is_written_out
from symfold.transform.autodiff.guarded import fold_below, guarded_nodes
from symfold.transform.inlining import body_of, formals_of, with_divisions
from symfold.transform.specialize import with_shapes

if TYPE_CHECKING:
    from torch import Tensor


@lru_cache(maxsize=64)
def specialized_outputs(net: Net, shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> tuple[Node, ...]:
    """The outputs of a net for inputs of these shapes, ready to run."""
    return with_divisions(with_shapes(net, dict(shapes)).outputs)


@lru_cache(maxsize=1024)
def layer_results(body: Block) -> tuple[Node, ...]:
    """The results of a layer's body, ready to run."""
    return with_divisions(body.results)


@lru_cache(maxsize=256)
def ordered(roots: tuple[Node, ...], guarded: bool) -> tuple[list[Node], Collection[Node]]:
    """The nodes of the roots in order, and those below a branch of a choice: all of them if `guarded`."""
    return walk(roots), guarded_nodes(roots, roots if guarded else ())


@lru_cache(maxsize=1024)
def body_block(op: Apply, shapes: tuple[Shape, ...]) -> Block:
    """The body of a primitive, ready to run."""
    return Block(shapes, with_divisions((body_of(op, formals_of(shapes)),)))


def numeric(torch: ModuleType, leaves: Mapping[str, Any], row_numbers: Collection[str]) -> tuple[Any, dict[str, Any]]:
    """A tensor of the dtype of a net's computation, and its leaves in that dtype, except for row numbers."""
    floating = [leaf for leaf in leaves.values() if leaf.is_floating_point()]
    like = floating[0] if floating else torch.zeros((), dtype=torch.float64)
    return like, {
        name: leaf if leaf.is_floating_point() or name in row_numbers else leaf.to(like.dtype)
        for name, leaf in leaves.items()
    }


class Tensors(Interpreter):
    """The tensors of a net, from those of its leaves, with the derivatives of its rows."""

    def __init__(self, torch: ModuleType, like: Tensor, leaves: Mapping[str, object]):
        self.torch, self.like, self.leaves = torch, like, leaves
        self.below: list[Collection[Node]] = []  # nodes below a branch of a choice, per enclosing block

    def inside(
        self, roots: Sequence[Node], given: Mapping[Node, Any] | None = None, guarded: bool = False
    ) -> list[Tensor]:
        """The tensors of some roots; if `guarded`, all are below a branch of a choice."""
        order, below = ordered(tuple(roots), guarded)
        self.below.append(below)
        results = self.follow(order, tuple(roots), dict(given or {}))
        self.below.pop()
        return results

    def begin(self, node: Node[Fold]) -> None:
        self.below.append(fold_below(node, self.below[-1]))

    def end(self, node: Node[Fold]) -> None:
        self.below.pop()

    def leaf(self, node: Node) -> Tensor | str:
        if isinstance(node.op, Constant):
            return applied(self.torch, node, False)(self.like)
        assert isinstance(node.op, Input)
        if node.shape[-1:] == (NAME,):
            return node.op.name
        return self.leaves[node.op.name]

    def index(self, value: Tensor, position: int, node: Node) -> Tensor:
        return value[position]

    def collect(self, entries: Entries, node: Node) -> Tensor:
        return self.torch.stack([as_tensor(entry, self.like) for entry in entries])

    def apply(self, node: Node, args: Sequence[Any]) -> Tensor:
        op, guarded = node.op, node in self.below[-1]
        if isinstance(op, Call):
            if op.body is None:
                raise has_no_numbers(args[0])
            return self.inside(layer_results(op.body), dict(zip(op.body.formals, args[1:], strict=True)), guarded)[0]
        if isinstance(op, Apply) and is_written_out(self.torch, op, len(args), guarded):
            tensors = [as_tensor(arg, self.like) for arg in args]
            block = body_block(op, tuple(tuple(tensor.shape) for tensor in tensors))
            return self.inside(block.results, dict(zip(block.formals, tensors, strict=True)), guarded)[0]
        return applied(self.torch, node, guarded)(self.like, *args)
