"""Sharding: the rows of a batch over the devices, parameters replicated.

All devices of all processes form one mesh with one axis, `batch`. From the shardings of arrays alone, XLA's partitioner
derives that each device computes its rows, and where to sum gradients over devices.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from symfold.base.arguments import NumpyArray

Index = tuple[slice, ...]


def mesh() -> Mesh:
    """The mesh of all JAX devices, of all processes."""
    return Mesh(np.array(jax.devices()), ("batch",))


def replicated(over: Mesh) -> NamedSharding:
    """A full copy on every device."""
    return NamedSharding(over, PartitionSpec())


def split(over: Mesh, shape: tuple[int, ...], axis: int) -> NamedSharding:
    """An axis split evenly over the devices; if it does not divide, a full copy on each, which then computes all."""
    even = axis < len(shape) and shape[axis] % over.size == 0
    return NamedSharding(over, PartitionSpec(*[None] * axis, "batch")) if even else replicated(over)


def placed(read: Callable[[Index], NumpyArray], shape: tuple[int, ...], sharding: NamedSharding) -> jax.Array:
    """An array over the mesh; this process reads the parts of its own devices only."""
    return jax.make_array_from_callback(shape, sharding, read)


def room(over: Mesh) -> int | None:
    """The bytes that data may take on each device: a quarter of its memory; None if a device does not tell."""
    device = next(iter(over.local_devices))
    limit = (device.memory_stats() or {}).get("bytes_limit")
    return limit // 4 if limit else None
