"""Agreement: whether a net that was read for any sizes has the module's numbers at the sizes of the example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.base.trees import flatten
from symfold.core.net import Net
from symfold.core.shapes import Shape

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

MOST = 2**16  # numbers in an example that is computed
CLOSE = 1e-3  # of the largest number: far more than rounding


def agrees(
    net: Net, params: Mapping[str, NumpyArray], module: Module, args: object, kwargs: Mapping[str, object] | None
) -> bool:
    """Whether the net's results are the module's; a large example, and buffers in training mode, are taken as read."""
    import torch
    from torch.utils._pytree import tree_leaves

    given = args if isinstance(args, tuple) else (args,)
    tensors = [value for value in tree_leaves((given, dict(kwargs or {}))) if isinstance(value, torch.Tensor)]
    if len(tensors) != len(net.inputs):
        return True
    if not all(map(_fits, (node.shape for node in net.inputs), tensors)):
        return False
    sized = any(isinstance(size, sp.Symbol) for node in net.inputs for size in node.shape)
    computable = all(value.device.type == "cpu" for value in tensors)
    if not (sized and computable) or sum(value.numel() for value in tensors) > MOST:
        return True
    if any(part.training for part in module.modules()) and any(True for _ in module.buffers()):  # it may change them
        return True
    with torch.no_grad():
        wanted = [value for value in tree_leaves(module(*given, **(kwargs or {}))) if isinstance(value, torch.Tensor)]
    names = [node.op.name for node in net.inputs]
    found, _ = flatten(net(dict(params), **{name: value.numpy() for name, value in zip(names, tensors, strict=True)}))
    return len(found) == len(wanted) and all(map(_close, found, (value.numpy() for value in wanted)))


def _fits(shape: Shape, value: Tensor) -> bool:
    """Whether an example has the known sizes of an input, which may be those of a batch of 2 in place of 1."""
    return len(shape) == value.ndim and all(
        known == size or not isinstance(known, int) for known, size in zip(shape, value.shape, strict=True)
    )


def _close(found: Any, wanted: NumpyArray) -> bool:
    if np.shape(found) != wanted.shape:
        return False
    finite = np.abs(wanted[np.isfinite(wanted)])
    tolerance = CLOSE * (finite.max() if finite.size else 1.0)
    return np.allclose(np.asarray(found, float), wanted.astype(float), rtol=0, atol=tolerance, equal_nan=True)
