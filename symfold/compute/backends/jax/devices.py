"""Where arrays lie: the rows of a batch on different devices, parameters on every one.

All devices of all processes make one mesh of one axis, `batch`. Nothing else is said: from where the rows lie, XLA's
partitioner follows that each device computes its own, and where gradients must be added up over all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Index = tuple[slice, ...]


def mesh() -> Mesh:
    """All the devices that JAX has, of this process and the others."""
    return Mesh(np.array(jax.devices()), ("batch",))


def replicated(over: Mesh) -> NamedSharding:
    """The same on every device."""
    return NamedSharding(over, PartitionSpec())


def split(over: Mesh, shape: tuple[int, ...], axis: int) -> NamedSharding:
    """An axis dealt out evenly; where it cannot be, the same on every device: every one then computes all of it."""
    even = axis < len(shape) and shape[axis] % over.size == 0
    return NamedSharding(over, PartitionSpec(*[None] * axis, "batch")) if even else replicated(over)


def placed(read: Callable[[Index], Any], shape: tuple[int, ...], sharding: NamedSharding) -> Any:
    """An array over the mesh, of which this process reads what its own devices hold."""
    return jax.make_array_from_callback(shape, sharding, read)
