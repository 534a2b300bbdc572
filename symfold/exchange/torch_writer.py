"""To PyTorch: a net as a module with the same parameters, which PyTorch differentiates, trains and moves to devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from symfold.arguments import arrays_of, quoted
from symfold.errors import InvalidType, NoRule, ShapeError
from symfold.evaluate import constant_value
from symfold.exchange.signature import bound
from symfold.exchange.torch_export import torch_package
from symfold.functions import numbers_of
from symfold.interpreter import Entries, Interpreter
from symfold.layer_kinds import Call
from symfold.net import Net
from symfold.nodes import Node
from symfold.operations import Constant, Fixed, Input
from symfold.primitives import opaque, window_slices
from symfold.shapes import NAME, is_concrete
from symfold.specialise import with_shapes
from symfold.trees import unflatten


def to_torch(net: Any, params: Mapping[str, Any]) -> Any:
    """A net as a `torch.nn.Module` with the net's parameters by their names: the same numbers, by PyTorch's own operations.

    It takes the net's inputs, by position or by name, and gives what the net gives. Folds are run as loops over their steps.
    Parameters that training leaves as they are, as kept statistics, are buffers.
    Needs the extra `torch`; a layer without a body is an error when the module is called.

    >>> import torch
    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> module = to_torch(net, net.init(seed=0))
    >>> module(torch.zeros(5, 2, dtype=torch.float64)).shape, [name for name, _ in module.named_parameters()]
    (torch.Size([5, 2]), ['W1', 'W2', 'b1', 'b2'])
    """
    torch_package()
    import torch

    whole = Net.of(net)

    class Module(torch.nn.Module):
        """A net's equations."""

        def __init__(self) -> None:
            super().__init__()
            for node in whole.params:
                value = torch.as_tensor(np.array(given[node.op.name]))
                if isinstance(node.op.start, Fixed):
                    self.register_buffer(node.op.name, value)
                else:
                    self.register_parameter(node.op.name, torch.nn.Parameter(value))

        def forward(self, *values: Any, **named: Any) -> Any:
            names = [node.op.name for node in whole.inputs]
            for name, value in {**dict(zip(names, values, strict=False)), **named}.items():
                if not isinstance(value, torch.Tensor):
                    raise InvalidType(f"input {name!r} of the module is {quoted(value)} of type {type(value).__name__} and no tensor (give torch.as_tensor(...))")
            leaves = {**dict(self.named_parameters()), **dict(self.named_buffers()), **bound(names, values, named)}
            outputs = with_shapes(whole, {name: tuple(leaves[name].shape) for name in names}).outputs
            meaning = Tensors(torch, leaves)
            results = meaning.run(outputs)
            found = [meaning.collect(r, o) if isinstance(r, Entries) else r for r, o in zip(results, outputs, strict=True)]
            return unflatten(whole.form, found)

    given = arrays_of(params, [node.op.name for node in whole.params], list(params), what="parameter")
    for node in whole.params:
        if is_concrete(node.shape) and np.shape(given[node.op.name]) != node.shape:
            raise ShapeError(f"parameter {node.op.name!r} has shape {node.shape}, got {np.shape(given[node.op.name])}")
    return Module()


class Tensors(Interpreter):
    """The tensors of a net, from those of its leaves."""

    def __init__(self, torch: Any, leaves: Mapping[str, Any]):
        self.torch, self.leaves = torch, leaves
        floating = [leaf for leaf in leaves.values() if leaf.is_floating_point()]
        self.like = floating[0] if floating else torch.zeros((), dtype=torch.float64)

    def leaf(self, node: Node) -> Any:
        if isinstance(node.op, Constant):
            value = constant_value(node)
            if node.shape == ():
                return self.like.new_tensor(value)
            array = np.array(value)
            kept = None if array.dtype.kind in "iu" else self.like.dtype
            return self.torch.as_tensor(array, dtype=kept, device=self.like.device)
        if node.shape[-1:] == (NAME,):
            return node.op.name
        assert isinstance(node.op, Input)
        return self.leaves[node.op.name]

    def index(self, value: Any, position: int, node: Node) -> Any:
        return value[position]

    def collect(self, entries: Entries, node: Node) -> Any:
        return self.torch.stack(list(entries))

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if isinstance(op, Call):
            if op.body is None:
                raise NoRule(f"layer {args[0]} is opaque and has no numbers (give it a body: net.bind({{{args[0]!r}: lambda z: ...}}))")
            return self.run(op.body.results, dict(zip(op.body.formals, args[1:], strict=True)))[0]
        if isinstance(op, type):
            return numbers_of(op, "torch")(*args)
        rows = _rows(self.torch)
        if op.primitive.name not in rows:
            raise NoRule(f"no PyTorch function for the primitive {op.primitive.name!r} (those with one: {', '.join(sorted(rows))})")
        return rows[op.primitive.name](*args, **dict(op.attributes))


def _axes(a: Any, axis: Any) -> tuple[int, ...]:
    return tuple(range(-a.dim(), 0)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)


def _indexed(index: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(slice(*part) if isinstance(part, tuple) else part for part in index)


def _sum_to(a: Any, shape: Sequence[int]) -> Any:
    return a.sum_to_size(*shape) if tuple(a.shape) != tuple(shape) else a


def _put(torch: Any, a: Any, like: Any, index: Any) -> Any:
    full = torch.zeros(like.shape, dtype=a.dtype, device=a.device)
    full[_indexed(index)] = a
    return full


def _windows(torch: Any, a: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, fill: float) -> Any:
    padded = torch.nn.functional.pad(a, [one for size in reversed(padding) for one in (size, size)], value=fill)
    places = tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(padded.shape[-len(kernel) :], kernel, stride, dilation, strict=True))
    parts = [padded[at] for at in window_slices(places, kernel, stride, dilation)]
    return torch.stack(parts, dim=-1).reshape(*a.shape[: -len(kernel)], *places, *kernel)


def _add_windows(torch: Any, bar: Any, like: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, fill: float) -> Any:
    rank, shape = len(kernel), tuple(like.shape)
    full = torch.zeros((*shape[:-rank], *(n + 2 * p for n, p in zip(shape[-rank:], padding, strict=True))), dtype=bar.dtype, device=bar.device)
    places = tuple(bar.shape[-2 * rank : -rank])
    for at, of in zip(product(*map(range, kernel)), window_slices(places, kernel, stride, dilation), strict=True):
        full[of] = full[of] + bar[(..., *at)]
    return full[(..., *(slice(p, p + n) for n, p in zip(shape[-rank:], padding, strict=True)))]


def _at_max(torch: Any, a: Any, axis: Any) -> Any:
    """1 at the first largest entry along the axes, 0 elsewhere."""
    axes = _axes(a, axis)
    moved = a.movedim(axes, tuple(range(-len(axes), 0)))
    flat = moved.flatten(-len(axes))
    marks = torch.zeros_like(flat).scatter(-1, flat.argmax(-1, keepdim=True), 1.0)
    return marks.reshape(moved.shape).movedim(tuple(range(-len(axes), 0)), axes)


def _softmax(torch: Any, a: Any, axis: Any) -> Any:
    powers = torch.exp(a - a.amax(dim=_axes(a, axis), keepdim=True))
    return powers / powers.sum(dim=_axes(a, axis), keepdim=True)


def _causal(torch: Any, a: Any) -> Any:
    return torch.full(a.shape[-2:], -torch.inf, dtype=a.dtype, device=a.device).triu(1)


@cache
def _rows(torch: Any) -> dict[str, Callable[..., Any]]:
    """The primitives in PyTorch, by name."""
    return {
        "reshape": lambda a, shape: a.reshape(shape),
        "expand": lambda a, axis: a.unsqueeze(axis),
        "squeeze": lambda a, axis: a.squeeze(axis),
        "concatenate": lambda *parts, axis: torch.cat(parts, dim=axis),
        "stack": lambda *parts: torch.stack(parts),
        "item": lambda a, index: a[_indexed(index)],
        "put": lambda a, like, index: _put(torch, a, like, index),
        "take": lambda a, positions: a[torch.as_tensor(list(positions), device=a.device)],
        "add_rows": lambda a, like, positions: torch.zeros_like(like).index_add(0, torch.as_tensor(list(positions), device=a.device), a),
        "reverse": lambda a: a.flip(0),
        "sum_to": lambda a, shape: _sum_to(a, shape),
        "sum_like": lambda a, like: _sum_to(a, like.shape),
        "broadcast_to": lambda a, shape: a.broadcast_to(shape),
        "broadcast_like": lambda a, like: a.broadcast_to(torch.broadcast_shapes(a.shape, like.shape)),
        "alike": lambda a, b: a,
        "single": lambda a: a,
        "dot": torch.matmul,
        "transpose": lambda a: a.mT if a.dim() > 1 else a,
        "permute": lambda a, axes: a.permute(*axes),
        "embed": lambda table, numbers: table[numbers.long()],
        "add_embedded": lambda bar, table, numbers: torch.zeros_like(table).index_put((numbers.long(),), bar, accumulate=True),
        "windows": lambda *args, **given: _windows(torch, *args, **given),
        "add_windows": lambda *args, **given: _add_windows(torch, *args, **given),
        "sum": lambda a, axis, keepdims: a.sum(dim=_axes(a, axis), keepdim=keepdims) if a.dim() else a,
        "mean": lambda a, axis, keepdims: a.mean(dim=_axes(a, axis), keepdim=keepdims) if a.dim() else a,
        "max": lambda a, axis, keepdims: a.amax(dim=_axes(a, axis), keepdim=keepdims),
        "at_max": lambda a, axis: _at_max(torch, a, axis),
        "causal": lambda a: _causal(torch, a),
        "einsum": lambda *parts, subscripts: torch.einsum(subscripts, *parts),
        "share": lambda a, axis: 1.0 / torch.tensor([a.shape[one] for one in _axes(a, axis)], dtype=a.dtype, device=a.device).prod(),
        "softmax": lambda a, axis: _softmax(torch, a, axis),
        "opaque": opaque.evaluate,
        "logsumexp": lambda a, axis, keepdims: a.logsumexp(dim=_axes(a, axis), keepdim=keepdims),
    }
