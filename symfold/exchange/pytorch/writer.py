"""To PyTorch: a net as a module with the same parameters, to differentiate, train and move to devices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from symfold.base.arguments import arrays_of, quoted
from symfold.base.trees import unflatten
from symfold.compute.evaluate import has_no_numbers
from symfold.compute.random_inputs import rows_of
from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Constant, Fixed, Input
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply
from symfold.core.shapes import NAME, Shape, is_concrete
from symfold.errors import InvalidType, ShapeError
from symfold.exchange.pytorch.adjoints import applied, as_tensor
from symfold.exchange.pytorch.export import torch_package
from symfold.exchange.pytorch.spellings import is_written_out
from symfold.exchange.signature import bound
from symfold.transform.autodiff.guarded import fold_below, guarded_nodes
from symfold.transform.inlining import body_of, formals_of, with_divisions
from symfold.transform.specialize import with_shapes

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def to_torch(net: object, params: Mapping[str, object]) -> Module:
    """A net as a `torch.nn.Module` with the net's parameters by name: the same numbers, by PyTorch operations.

    It takes the net's inputs by position or by name and returns the net's outputs. Folds run as loops over their steps.
    PyTorch differentiates by the adjoints of the rows (docs/conventions.md). Parameters that are not trained, such as
    statistics, are buffers. Needs the extra `torch`; a layer without a body is an error when the module is called.

    >>> import torch
    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> module = to_torch(net, net.init(seed=0))
    >>> module(torch.zeros(5, 2, dtype=torch.float64)).shape, [name for name, _ in module.named_parameters()]
    (torch.Size([5, 2]), ['W1', 'W2', 'b1', 'b2'])
    """
    torch_package()
    import torch

    original = Net.of(net)

    class Module(torch.nn.Module):
        """The equations of a net."""

        def __init__(self) -> None:
            super().__init__()
            for node in original.params:
                value = torch.as_tensor(np.array(weights[node.op.name]))
                if isinstance(node.op.start, Fixed):
                    self.register_buffer(node.op.name, value)
                else:
                    self.register_parameter(node.op.name, torch.nn.Parameter(value))

        def forward(self, *values: object, **named: object) -> Tensor:
            names = [node.op.name for node in original.inputs]
            for name, value in {**dict(zip(names, values, strict=False)), **named}.items():
                if not isinstance(value, torch.Tensor):
                    raise InvalidType(
                        f"input {name!r} of the module is {quoted(value)} of type {type(value).__name__} and no tensor "
                        "(give torch.as_tensor(...))"
                    )
            leaves = {**dict(self.named_parameters()), **dict(self.named_buffers()), **bound(names, values, named)}
            roots = specialized_outputs(original, tuple((name, tuple(leaves[name].shape)) for name in names))
            interpreter = Tensors(torch, *numeric(torch, leaves, row_numbers))
            outputs = [
                as_tensor(interpreter.whole(result, root), interpreter.like)
                for result, root in zip(interpreter.inside(roots), roots, strict=True)
            ]
            return unflatten(original.form, outputs)

    row_numbers = rows_of([original])
    weights = arrays_of(params, [node.op.name for node in original.params], list(params), what="parameter")
    for node in original.params:
        shape = np.shape(weights[node.op.name])
        if is_concrete(node.shape) and shape != node.shape:
            raise ShapeError(f"parameter {node.op.name!r} has shape {node.shape}, got {shape}")
    return Module()


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
