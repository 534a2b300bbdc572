"""Stopped gradients: a value that gradients take for a constant."""

from __future__ import annotations

from symfold.base.public import public
from symfold.base.trees import State
from symfold.core.arrays import Array, Namespace
from symfold.core.conversion import as_node, wraps_node
from symfold.core.primitives.table import Primitive, primitive


def _stopped(xp: Namespace, a: Array) -> Array:
    """The value, detached for PyTorch, which may differentiate the result."""
    return a.detach() if hasattr(a, "detach") else a


def _stopped_by_jax(a: Array) -> Array:
    import jax

    return jax.lax.stop_gradient(a)


stopped: Primitive = primitive(
    "stop_gradient",
    lambda a: a,
    _stopped,
    lambda node, bar: [None],
    flat=True,
    spellings={"jax": _stopped_by_jax},
    examples=((((2, 3),), {}),),
)


@public
def stop_gradient(value: State) -> State:
    """The same value, but a constant for every gradient, as PyTorch's `detach` and JAX's `lax.stop_gradient`.

    >>> import symfold as sf
    >>> z = sf.tensor("z")
    >>> sf.grad(sf.Net.of(sf.stop_gradient(z) * z), wrt="z")(z=3.0)
    {'z': array(3.)}
    """
    node = stopped(as_node(value))
    return value._wrap_(node) if wraps_node(value) else node
