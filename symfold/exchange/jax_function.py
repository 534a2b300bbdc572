"""To JAX: a net as a pure function of parameters and inputs, for JAX's transformations."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from symfold.base.arguments import check_unmasked
from symfold.base.public import public
from symfold.base.trees import unflatten
from symfold.compute.lowering import lowered, rolled
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import NAME, sized
from symfold.core.stacked_inputs import Leaf, StackedInputs
from symfold.errors import InvalidType, MissingPackage, listing
from symfold.exchange.signature import bound
from symfold.transform.autodiff.guarded import guarded_nodes


@public
def to_jax(net: object) -> JaxFunction:
    """A net as a function `(params, x, ...)` of JAX arrays, for JAX to jit, differentiate, map and shard.

    `params` is a dict of arrays by name, a JAX pytree, so that `jax.grad` returns a dict; inputs are given by position
    or by name. The function is pure and lowers the net at every call, so call it under `jax.jit`, which traces it once
    per set of shapes. A fold is one `lax.scan`. JAX differentiates by the adjoints of the rows, in every mode and order
    (docs/explanation/conventions.md). Results have the dtype of the arguments. Needs the extra `jax`.

    >>> import jax, numpy as np
    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> function, params = to_jax(net), net.init(seed=0)
    >>> jax.jit(function)(dict(params), np.ones((5, 2))).shape
    (5, 2)
    >>> gradients = jax.grad(lambda p: function(p, np.ones((5, 2))).sum())(dict(params))
    >>> {name: gradient.shape for name, gradient in gradients.items()}
    {'W1': (2, 2), 'W2': (2, 2), 'b1': (1, 2), 'b2': (1, 2)}
    """
    jax_numpy()
    return JaxFunction(Net.of(net))


def jax_numpy() -> ModuleType:
    """JAX's NumPy, or an error if JAX is not installed."""
    try:
        import jax.numpy as jnp
    except ImportError:
        raise MissingPackage("JAX is not installed (pip install 'symfold[jax]')") from None
    return jnp


@dataclass(frozen=True, repr=False)
class JaxFunction:
    """A net as a function of parameters and inputs; pickles and compares by its net.

    >>> import symfold as sf
    >>> to_jax(sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2)), sf.tensor("x", (None, 2))))
    JaxFunction(params, x)
    """

    net: Net

    def __repr__(self) -> str:
        return f"JaxFunction{inspect.signature(self)}"

    def __post_init__(self) -> None:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        names = dict.fromkeys(["params", *(node.op.name for node in self.net.inputs)])
        signature = inspect.Signature([inspect.Parameter(name, kind) for name in names])
        object.__setattr__(self, "__signature__", signature)  # of the instance: `inspect.signature` reads it

    @cached_property
    def rolled(self) -> Net:
        return rolled(self.net)

    def __call__(self, params: Mapping[str, object], *positional: object, **named: object) -> Any:
        jnp = jax_numpy()
        from symfold.compute.backends.jax.program import DIFFERENTIABLE
        from symfold.compute.backends.jax.tracing import Types, full, values

        inputs, parameters = ([node.op.name for node in nodes] for nodes in (self.net.inputs, self.net.params))
        if missing := [name for name in parameters if name not in params]:
            raise InvalidType(
                f"no value for parameter {missing[0]!r} "
                f"(wanted: {listing(map(repr, parameters))}; given: {listing(map(repr, params))})"
            )
        arguments = {**{n: params[n] for n in parameters}, **bound(inputs, positional, named)}
        for name, value in arguments.items():
            check_unmasked(f"the value of {name!r}", value)
        arrays = {name: jnp.asarray(value) for name, value in arguments.items()}
        dtype = str(jnp.result_type(float, *(a for a in arrays.values() if jnp.issubdtype(a.dtype, jnp.floating))))
        roots = lowered(self.rolled, {name: arrays[name].shape for name in inputs}, DIFFERENTIABLE)

        def leaf_value(leaf: Leaf) -> Any:
            if leaf.shape[-1:] == (NAME,):
                return None
            if isinstance(leaf.op, StackedInputs):
                return jnp.stack([arrays[name] for name in leaf.op.names])
            return arrays[leaf.op.name]

        leaf_values: dict[Node, Any] = {leaf: leaf_value(leaf) for leaf in leaves_of(roots)}
        results = values(roots, leaf_values, Types(dtype), guarded_nodes(roots))
        outputs = [full(result, sized(root.shape), dtype) for result, root in zip(results, roots, strict=True)]
        return unflatten(self.net.form, outputs)
