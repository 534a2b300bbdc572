"""To PyTorch: a net as a module with the same parameters, which PyTorch differentiates, trains and moves to devices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from symfold.base.arguments import arrays_of, quoted
from symfold.base.trees import unflatten
from symfold.compute.evaluate import constant_value
from symfold.compute.random_inputs import rows_of
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Constant, Fixed, Input
from symfold.core.shapes import NAME, is_concrete
from symfold.errors import InvalidType, NoRule, ShapeError
from symfold.exchange.pytorch.export import torch_package
from symfold.exchange.pytorch.spellings import spelled
from symfold.exchange.signature import bound
from symfold.frontend.layer_kinds import Call
from symfold.transform.inlining import divided
from symfold.transform.specialise import with_shapes


def to_torch(net: Any, params: Mapping[str, Any]) -> Any:
    """A net as a `torch.nn.Module` with the net's parameters by their names: the same numbers, by PyTorch's own operations.

    It takes the net's inputs, by position or by name, and gives what the net gives. Folds are run as loops over their steps.
    Parameters that training leaves as they are, as kept statistics, are buffers.
    Needs the extra `torch`; a layer without a body is an error when the module is called.

    >>> import torch
    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> module = to_torch(net, net.init(seed=0))
    >>> module(torch.zeros(5, 2, dtype=torch.float64)).shape, [name for name, _ in module.named_parameters()]
    (torch.Size([5, 2]), ['W1', 'W2', 'b1', 'b2'])
    """
    torch_package()
    import torch

    whole = Net.of(net)

    class Module(torch.nn.Module):
        """A net's equations."""

        def __init__(self) -> None:
            super().__init__()
            for node in whole.params:
                value = torch.as_tensor(np.array(given[node.op.name]))
                if isinstance(node.op.start, Fixed):
                    self.register_buffer(node.op.name, value)
                else:
                    self.register_parameter(node.op.name, torch.nn.Parameter(value))

        def forward(self, *values: Any, **named: Any) -> Any:
            names = [node.op.name for node in whole.inputs]
            for name, value in {**dict(zip(names, values, strict=False)), **named}.items():
                if not isinstance(value, torch.Tensor):
                    raise InvalidType(
                        f"input {name!r} of the module is {quoted(value)} of type {type(value).__name__} and no tensor (give torch.as_tensor(...))"
                    )
            leaves = {**dict(self.named_parameters()), **dict(self.named_buffers()), **bound(names, values, named)}
            outputs = divided(with_shapes(whole, {name: tuple(leaves[name].shape) for name in names}).outputs)
            meaning = Tensors(torch, leaves, picking)
            results = meaning.run(outputs)
            found = [
                meaning.collect(r, o) if isinstance(r, Entries) else r for r, o in zip(results, outputs, strict=True)
            ]
            return unflatten(whole.form, found)

    picking = rows_of([whole])
    given = arrays_of(params, [node.op.name for node in whole.params], list(params), what="parameter")
    for node in whole.params:
        if is_concrete(node.shape) and np.shape(given[node.op.name]) != node.shape:
            raise ShapeError(f"parameter {node.op.name!r} has shape {node.shape}, got {np.shape(given[node.op.name])}")
    return Module()


class Tensors(Interpreter):
    """The tensors of a net, from those of its leaves. Truth values and whole numbers are numbers, but for those that rows are picked by."""

    def __init__(self, torch: Any, leaves: Mapping[str, Any], picking: Collection[str]):
        self.torch = torch
        floating = [leaf for leaf in leaves.values() if leaf.is_floating_point()]
        self.like = floating[0] if floating else torch.zeros((), dtype=torch.float64)
        self.leaves = {
            name: leaf if leaf.is_floating_point() or name in picking else leaf.to(self.like.dtype)
            for name, leaf in leaves.items()
        }

    def leaf(self, node: Node) -> Any:
        if isinstance(node.op, Constant):
            value = constant_value(node)
            if node.shape == ():
                return self.like.new_tensor(value)
            array = np.array(value)
            kept = None if array.dtype.kind in "iu" else self.like.dtype
            return self.torch.as_tensor(array, dtype=kept, device=self.like.device)
        if node.shape[-1:] == (NAME,):
            return node.op.name
        assert isinstance(node.op, Input)
        return self.leaves[node.op.name]

    def index(self, value: Any, position: int, node: Node) -> Any:
        return value[position]

    def collect(self, entries: Entries, node: Node) -> Any:
        return self.torch.stack(list(entries))

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if isinstance(op, Call):
            if op.body is None:
                raise NoRule(
                    f"layer {args[0]} is opaque and has no numbers (give it a body: net.bind({{{args[0]!r}: lambda z: ...}}))"
                )
            return self.run(divided(op.body.results), dict(zip(op.body.formals, args[1:], strict=True)))[0]
        attributes = {} if isinstance(op, type) else dict(op.attributes)
        return spelled(self.torch, op)(*args, **attributes)
