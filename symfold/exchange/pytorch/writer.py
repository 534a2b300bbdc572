"""To PyTorch: a net as a module with the same parameters, to differentiate, train and move to devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from symfold.base.arguments import arrays_of
from symfold.base.public import public
from symfold.core.leaves import Fixed
from symfold.core.net import Net
from symfold.core.shapes import is_concrete
from symfold.errors import ShapeError
from symfold.exchange.pytorch.state import paths_of, to_state_dict
from symfold.exchange.pytorch.tracing import torch_package

if TYPE_CHECKING:
    from torch.nn import Module


@public
def to_torch(net: object, params: Mapping[str, object], *, like: Module | None = None) -> Module:
    """A net as a `torch.nn.Module` with the net's parameters by name: the same numbers, by PyTorch operations.

    It takes the net's inputs by position or by name and returns the net's outputs. Folds run as loops over their steps.
    PyTorch differentiates by the adjoints of the rows (docs/explanation/conventions.md). Parameters that are not
    trained, such as statistics, are buffers. `like` is the module that the net was read from: the result has the keys
    and the submodules of its state dict, so that `like.load_state_dict(module.state_dict())` takes the weights back,
    tied ones and all buffers included. Needs the extra `torch`; a layer without a body is an error when the module is
    called.

    >>> import torch
    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> module = to_torch(net, net.init(seed=0))
    >>> module(torch.zeros(5, 2, dtype=torch.float64)).shape, [name for name, _ in module.named_parameters()]
    (torch.Size([5, 2]), ['W1', 'W2', 'b1', 'b2'])
    >>> print(module)
    NetModule(
      z1 = f1(x) + x
      z2 = f2(z1) + z1
      x: (None, 2)
      parameters: W1 (2, 2), W2 (2, 2), b1 (1, 2), b2 (1, 2)
    )
    """
    torch = torch_package()
    from symfold.exchange.pytorch.net_module import NetModule

    original = Net.of(net)
    weights = arrays_of(params, [node.op.name for node in original.params], list(params), what="parameter")
    for node in original.params:
        shape = np.shape(weights[node.op.name])
        if is_concrete(node.shape) and shape != node.shape:
            raise ShapeError(f"parameter {node.op.name!r} has shape {node.shape}, got {shape}")
    fixed = {node.op.name for node in original.params if isinstance(node.op.start, Fixed)}
    if like is None:
        tensors = {name: torch.as_tensor(np.array(array)) for name, array in weights.items()}
        return NetModule(original, tensors, {name: name for name in weights}, fixed)
    state = to_state_dict(weights, like)
    trained = {path for path, _ in like.named_parameters(remove_duplicate=False)}
    return NetModule(
        original, state, {name: paths_of(name, like.state_dict())[0] for name in weights}, state.keys() - trained
    )
