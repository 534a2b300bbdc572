"""The net of a model, in the model's metadata: layers, names and exact numbers that ONNX has no place for.

The record belongs to one graph, whose digest it holds; the values of parameters may change. A reader of a graph that
was changed ignores it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from symfold.base.arguments import NumpyArray
from symfold.core.net import Net
from symfold.errors import SymfoldError
from symfold.exchange.plain_data.json import net_from_data, net_to_data
from symfold.exchange.saving import parameters_from

if TYPE_CHECKING:
    import onnx

KEY = "symfold"


def record(model: onnx.ModelProto, net: Net, parameters: Mapping[str, Sequence[str] | None]) -> None:
    """Record a net in its model.

    `parameters` are the arrays that hold the net's parameters: the name of an array, then the names of the parameters
    that are stacked in it, or None if the array is the parameter of this name.
    """
    entry = model.metadata_props.add()
    held = {name: None if names is None else list(names) for name, names in parameters.items()}
    content = {"net": net_to_data(net), "parameters": held, "graph": digest(model.graph, held)}
    entry.key, entry.value = KEY, json.dumps(content, separators=(",", ":"))


def recorded(
    model: onnx.ModelProto, source: str, read: Callable[[Any], NumpyArray]
) -> tuple[Net, dict[str, NumpyArray]] | None:
    """The net that a model records and its parameters; None without a record of this graph."""
    text = next((entry.value for entry in model.metadata_props if entry.key == KEY), None)
    if text is None:
        return None
    try:
        content = json.loads(text)
        held = content["parameters"]
        if content["graph"] != digest(model.graph, held):
            return None
        net = net_from_data(content["net"])
        arrays: dict[str, NumpyArray] = {}
        for tensor in model.graph.initializer:
            if tensor.name in held:
                names = held[tensor.name]
                values = read(tensor).astype(float)
                arrays |= {tensor.name: values} if names is None else dict(zip(names, values, strict=True))
        return net, dict(parameters_from(source, net, arrays, arrays.__getitem__))
    except (SymfoldError, ValueError, TypeError, LookupError, RecursionError):
        return None


def digest(graph: onnx.GraphProto, parameters: Mapping[str, Any]) -> str:
    """A digest of a graph without the values of its parameters."""
    hashed = sha256()
    for part in (*graph.node, *graph.input, *graph.output):
        hashed.update(part.SerializeToString(deterministic=True) + b"\n")
    for tensor in graph.initializer:
        if tensor.name in parameters:
            hashed.update(repr((tensor.name, tensor.data_type, list(tensor.dims))).encode())
        else:
            hashed.update(tensor.SerializeToString(deterministic=True))
    return hashed.hexdigest()
