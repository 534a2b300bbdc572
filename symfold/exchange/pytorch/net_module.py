"""A net as a module of PyTorch: a class that pickles by its name. It imports PyTorch, so `to_torch` imports it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch

from symfold.base.arguments import quoted
from symfold.base.trees import State, unflatten
from symfold.compute.random_inputs import rows_of
from symfold.core.net import Net
from symfold.core.shapes import show
from symfold.errors import InvalidType
from symfold.exchange.pytorch.adjoints import as_tensor
from symfold.exchange.pytorch.tensors import Tensors, numeric, specialized_outputs
from symfold.exchange.signature import bound
from symfold.show.notation import describe

LISTED = 6  # parameters that `print` of a module lists


class Layer(torch.nn.Module):
    """Parameters of a module that a net was read from, by their place in it."""

    def extra_repr(self) -> str:
        """The shapes of the parameters, as `print` shows them."""
        return ", ".join(f"{name} {tuple(value.shape)}" for name, value in held(self).items())


def held(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters and buffers of a module itself."""
    return {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}


class NetModule(torch.nn.Module):
    """The equations of a net, with tensors by their keys in a state dict, some of which are `fixed`.

    `keys` are those of the net's parameters.
    """

    def __init__(
        self, net: Net, tensors: Mapping[str, torch.Tensor], keys: Mapping[str, str], fixed: Collection[str]
    ) -> None:
        super().__init__()
        self._net, self._row_numbers, self._keys = net, rows_of([net]), dict(keys)
        parameters: dict[int, torch.nn.Parameter] = {}  # tied tensors are one parameter
        for key, value in tensors.items():
            *path, name = key.split(".")
            owner: torch.nn.Module = self
            for part in path:
                if part not in owner._modules:
                    owner.add_module(part, Layer())
                owner = owner.get_submodule(part)
            if key in fixed:
                owner.register_buffer(name, value)
            else:
                owner.register_parameter(name, parameters.setdefault(id(value), torch.nn.Parameter(value)))

    def extra_repr(self) -> str:
        """The equations, and the shapes of inputs and parameters, as `print` of the module shows them."""
        shapes = [f"{node.op.name}: {show(node.shape)}" for node in self._net.inputs]
        weights = [f"{name} {tuple(value.shape)}" for name, value in held(self).items()]
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
        tensors = {**dict(self.named_parameters(remove_duplicate=False)), **dict(self.named_buffers())}
        leaves = {**{name: tensors[key] for name, key in self._keys.items()}, **bound(names, values, named)}
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
