"""To JAX: a net as a pure function of its parameters and inputs, for JAX's own transformations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symfold.base.arguments import check_unmasked
from symfold.base.trees import unflatten
from symfold.compute.lowering import lowered, rolled
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import NAME, sized
from symfold.core.stacked_inputs import StackedInputs
from symfold.errors import InvalidType, MissingPackage, listing
from symfold.exchange.signature import bound
from symfold.transform.autodiff.guarded import guarded_nodes


def to_jax(net: Any) -> Callable[..., Any]:
    """A net as a function `(params, x, ...)` of JAX's arrays, to be jitted, differentiated, mapped and sharded by JAX itself.

    `params` is a dict of arrays by name, a tree as JAX knows them, so that `jax.grad` gives a dict again; inputs come by position or by
    name. The function is pure and keeps nothing: what it computes is written anew for every call, so call it under `jax.jit`, which
    does so once for each set of shapes. A fold is one `lax.scan`. JAX differentiates it by the adjoints of the
    rows, in every mode and order (docs/conventions.md). Numbers are of the type of what is given. Needs the extra `jax`.

    >>> import jax, numpy as np
    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> function, params = to_jax(net), net.init(seed=0)
    >>> jax.jit(function)(dict(params), np.ones((5, 2))).shape
    (5, 2)
    >>> {name: slope.shape for name, slope in jax.grad(lambda p: function(p, np.ones((5, 2))).sum())(dict(params)).items()}
    {'W1': (2, 2), 'W2': (2, 2), 'b1': (1, 2), 'b2': (1, 2)}
    """
    try:
        import jax.numpy as jnp
    except ImportError:
        raise MissingPackage("JAX is not installed (pip install 'symfold[jax]')") from None
    from symfold.compute.backends.jax.program import TARGET
    from symfold.compute.backends.jax.tracing import full, values

    whole = Net.of(net)
    folded = rolled(whole)
    inputs, parameters = ([node.op.name for node in nodes] for nodes in (whole.inputs, whole.params))

    def function(params: Mapping[str, Any], *given: Any, **named: Any) -> Any:
        if missing := [name for name in parameters if name not in params]:
            raise InvalidType(
                f"no value for parameter {missing[0]!r} (wanted: {listing(map(repr, parameters))}; given: {listing(map(repr, params))})"
            )
        given_values = {**{n: params[n] for n in parameters}, **bound(inputs, given, named)}
        for name, value in given_values.items():
            check_unmasked(f"the value of {name!r}", value)
        arrays = {name: jnp.asarray(value) for name, value in given_values.items()}
        dtype = str(jnp.result_type(float, *(a for a in arrays.values() if jnp.issubdtype(a.dtype, jnp.floating))))
        roots = lowered(folded, {name: arrays[name].shape for name in inputs}, TARGET)

        def leaf_value(leaf: Node) -> Any:
            if leaf.shape[-1:] == (NAME,):
                return None
            return (
                jnp.stack([arrays[name] for name in leaf.op.names])
                if isinstance(leaf.op, StackedInputs)
                else arrays[leaf.op.name]
            )

        found = values(roots, {leaf: leaf_value(leaf) for leaf in leaves_of(roots)}, dtype, guarded_nodes(roots))
        return unflatten(
            whole.form, [full(value, sized(root.shape), dtype) for value, root in zip(found, roots, strict=True)]
        )

    return function
