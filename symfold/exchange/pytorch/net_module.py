"""A net as a module of PyTorch: a class that pickles by its name. It imports PyTorch, so `to_torch` imports it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from symfold.base.arguments import NumpyArray, quoted
from symfold.base.trees import State, unflatten
from symfold.compute.random_inputs import rows_of
from symfold.core.leaves import Fixed
from symfold.core.net import Net
from symfold.core.shapes import show
from symfold.errors import InvalidType
from symfold.exchange.pytorch.adjoints import as_tensor
from symfold.exchange.pytorch.tensors import Tensors, numeric, specialized_outputs
from symfold.exchange.signature import bound
from symfold.show.notation import describe

LISTED = 6  # parameters that `print` of a module lists


class NetModule(torch.nn.Module):
    """The equations of a net."""

    def __init__(self, net: Net, weights: Mapping[str, NumpyArray]) -> None:
        super().__init__()
        self._net, self._row_numbers = net, rows_of([net])
        for node in net.params:
            value = torch.as_tensor(np.array(weights[node.op.name]))
            if isinstance(node.op.start, Fixed):
                self.register_buffer(node.op.name, value)
            else:
                self.register_parameter(node.op.name, torch.nn.Parameter(value))

    def extra_repr(self) -> str:
        """The equations, and the shapes of inputs and parameters, as `print` of the module shows them."""
        shapes = [f"{node.op.name}: {show(node.shape)}" for node in self._net.inputs]
        weights = [f"{name} {tuple(value.shape)}" for name, value in [*self.named_parameters(), *self.named_buffers()]]
        rest = [f"... and {len(weights) - LISTED:,} more"] if len(weights) > LISTED else []
        listed = [f"parameters: {', '.join(weights[:LISTED] + rest)}"] if weights else []
        return "\n".join([describe(self._net), *shapes, *listed])

    def forward(self, *values: object, **named: object) -> State:
        names = [node.op.name for node in self._net.inputs]
        for name, value in {**dict(zip(names, values, strict=False)), **named}.items():
            if not isinstance(value, torch.Tensor):
                raise InvalidType(
                    f"input {name!r} of the module is {quoted(value)} of type {type(value).__name__} and no tensor "
                    "(give torch.as_tensor(...))"
                )
        leaves = {**dict(self.named_parameters()), **dict(self.named_buffers()), **bound(names, values, named)}
        roots = specialized_outputs(self._net, tuple((name, sizes_of(leaves[name])) for name in names))
        interpreter = Tensors(torch, *numeric(torch, leaves, self._row_numbers))
        outputs = [
            as_tensor(interpreter.whole(result, root), interpreter.like)
            for result, root in zip(interpreter.inside(roots), roots, strict=True)
        ]
        return unflatten(self._net.form, outputs)


def sizes_of(tensor: torch.Tensor) -> tuple[int, ...]:
    """The shape of a tensor; `torch.jit.trace` gives sizes as tensors."""
    return tuple(int(size) if isinstance(size, torch.Tensor) else size for size in tensor.shape)
