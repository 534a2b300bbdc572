"""Parameters of a net back into the module that it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from symfold.base.arguments import check_params, quoted
from symfold.base.public import public
from symfold.errors import InvalidType, InvalidValue, ShapeError, UnknownKey, listing
from symfold.exchange.pytorch.export import identity
from symfold.exchange.pytorch.tracing import torch_package
from symfold.exchange.reading.naming import identifier

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


@public
def to_state_dict(params: Mapping[str, object], module: Module) -> dict[str, Tensor]:
    """Parameters of `sf.from_torch(module, ...)` under the module's own names, for `module.load_state_dict`.

    Values have the dtype and device of the module's. What the net does not read keeps the module's value; tied weights
    get one value. Needs the extra `torch`. Errors: UnknownKey for a parameter that the module does not have,
    ShapeError for one of another shape, InvalidValue if two weights of the module have one name here.

    >>> import torch
    >>> import symfold as sf
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    >>> net, params = sf.from_torch(module, (torch.zeros(1, 2),))
    >>> halves = {name: array / 2 for name, array in params.items()}
    >>> module.load_state_dict(to_state_dict(halves, module))
    <All keys matched successfully>
    >>> torch.from_numpy(halves["p_0_weight"]).equal(module.state_dict()["0.weight"].double())
    True
    """
    torch = torch_package()
    if not isinstance(module, torch.nn.Module):
        hint = f" (call it: {module.__name__}(...))" if isinstance(module, type) else ""
        raise InvalidType(f"{quoted(module)} of type {type(module).__name__} is not a torch.nn.Module{hint}")
    if isinstance(params, tuple):
        raise InvalidType("params is a tuple (of net, params = sf.load(path), give params)")
    check_params(params)
    state = module.state_dict()
    result = {path: value.detach().clone() for path, value in state.items()}
    for name, array in params.items():
        paths = paths_of(name, state)
        like = state[paths[0]]
        value = torch.as_tensor(np.array(array), dtype=like.dtype, device=like.device)
        if value.shape != like.shape:
            raise ShapeError(f"parameter {paths[0]!r} has shape {tuple(like.shape)}, got {tuple(value.shape)}")
        result |= dict.fromkeys(paths, value)
    return result


def paths_of(name: str, state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The keys in a module's state dict of a parameter that `sf.from_torch` read: several of tied weights."""
    paths = [path for path in state if identifier(path) == name]
    if not paths:
        known = listing(sorted(map(identifier, state)))
        raise UnknownKey(f"the module has no parameter {name!r} (its parameters: {known})")
    path, *others = paths
    if others:
        raise InvalidValue(f"{path!r} and {others[0]!r} of the module are both {name!r} (rename one of them)")
    return (path, *(other for other in state if other != path and identity(state[other]) == identity(state[path])))
