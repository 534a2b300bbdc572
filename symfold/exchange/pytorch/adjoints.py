"""PyTorch operations with the derivatives of their rows, in forward and backward mode, of any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from inspect import signature
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symfold.base.caching import cached
from symfold.compute.evaluate import constant_value
from symfold.core.blocks import Block
from symfold.core.functions import Head, divide, numbers_of
from symfold.core.leaves import Constant
from symfold.core.nodes import Node, Operation, walk
from symfold.core.primitives import Apply
from symfold.exchange.pytorch.spellings import spelled
from symfold.transform.autodiff.local_adjoints import (
    LocalAdjoint,
    Numbers,
    is_flat,
    is_linear_in_each,
    local_adjoint,
    numbers_in,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.autograd.function import FunctionCtx

Compute = Callable[..., Any]
TAKE_NUMBERS = (sp.Add, sp.Mul, sp.Pow, divide)  # PyTorch's versions take Python numbers beside tensors


@cached(4096)
def operation(
    torch: ModuleType, op: Operation | Head, numbers: Numbers, guarded: bool, pushed: bool = False
) -> Compute:
    """An operation that PyTorch differentiates by its row; `numbers` holds the constant arguments, None for tensors.

    An operation on tangents of forward mode (`pushed`) always uses our functions: PyTorch would not differentiate it
    again otherwise.
    """
    compute = with_numbers(spelled(torch, op), op)
    native = is_linear_in_each(op, len(numbers), guarded) and not pushed
    if native or is_flat(op) or None not in numbers or (isinstance(op, Apply) and op.primitive.adjoint is None):
        return compute
    differentiated, forward_ad = Differentiated(torch, op, numbers, guarded, compute), torch.autograd.forward_ad

    def run(*args: object) -> Tensor:
        like = next((arg for arg in args if not isinstance(arg, float)), None)
        if like is None or (not torch.is_grad_enabled() and forward_ad._current_level < 0):  # nothing is differentiated
            return compute(*args)
        tensors = [as_tensor(arg, like) for arg, number in zip(args, numbers, strict=True) if number is None]
        return function_of(torch, not torch.compiler.is_compiling()).apply(differentiated, *tensors)

    return run


def with_numbers(compute: Compute, op: Operation | Head) -> Compute:
    """An operation of tensors extended to numbers; on numbers alone it gives a number."""

    def by_numpy(*args: float) -> float:
        assert isinstance(op, type), op
        return float(numbers_of(op)(*args))

    def run(*args: Tensor | float) -> Tensor | float:
        tensors = [arg for arg in args if type(arg) is not float]
        if len(tensors) == len(args) or (tensors and op in TAKE_NUMBERS):
            return compute(*args)
        return compute(*(as_tensor(arg, tensors[0]) for arg in args)) if tensors else by_numpy(*args)

    return run


def as_tensor(value: Tensor | float, like: Tensor) -> Tensor:
    """A number as a tensor of the dtype of another; a tensor unchanged."""
    return like.new_tensor(value) if isinstance(value, float) else value


@dataclass(frozen=True, eq=False)
class Differentiated:
    """An operation with its adjoint."""

    torch: ModuleType
    op: Operation | Head
    numbers: Numbers
    guarded: bool
    compute: Compute

    def value(self, *tensors: Tensor) -> Tensor:
        remaining = iter(tensors)
        return self.compute(*(next(remaining) if number is None else float(number) for number in self.numbers))

    def adjoint(self, tensors: Sequence[Tensor]) -> LocalAdjoint:
        return local_adjoint(self.op, self.numbers, tuple(tuple(tensor.shape) for tensor in tensors), self.guarded)

    def run(self, block: Block, chosen: Sequence[int], args: Sequence[object], pushed: bool = False) -> list[Tensor]:
        """Some results of a block of the adjoint."""
        values = list(args)
        like = next(arg for arg in reversed(values) if arg is not None)
        steps, places = program(self.torch, block, tuple(chosen), self.guarded, pushed)
        for step, positions in steps:
            values.append(step(like, *[values[k] for k in positions]))
        return [values[k] for k in places]


Step = tuple[Compute, tuple[int, ...]]


@lru_cache(maxsize=4096)
def program(
    torch: ModuleType, block: Block, chosen: tuple[int, ...], guarded: bool, pushed: bool
) -> tuple[list[Step], list[int]]:
    """Some results of a block as steps over numbered values: arguments first, then results of the steps."""
    results = [block.results[k] for k in chosen]
    order = walk(results, stop=block.formals)
    place = {node: k for k, node in enumerate((*block.formals, *order))}
    steps = [(applied(torch, node, guarded, pushed), tuple(place[arg] for arg in node.args)) for node in order]
    return steps, [place[result] for result in results]


@cache
def function_of(torch: Any, forward_mode: bool) -> Any:
    """The `autograd.Function` of operations with adjoints; `torch.compile` supports none with a forward mode."""

    class Backward(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(operation: Differentiated, *tensors: Tensor) -> Tensor:
            return operation.value(*tensors)

        @staticmethod
        def setup_context(ctx: FunctionCtx, inputs: Sequence[Tensor], output: Tensor) -> None:
            operation, *tensors = inputs
            ctx.operation, ctx.adjoint = operation, operation.adjoint(tensors)
            read = [(*tensors, output)[k] for k in ctx.adjoint.reads]
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(*read)
            if forward_mode:
                ctx.save_for_forward(*read)

        @staticmethod
        def backward(ctx: FunctionCtx, bar: Tensor) -> Any:
            adjoint, cotangents = ctx.adjoint, [None] * len(ctx.needs_input_grad)
            if bar is not None:
                chosen = [j for j, k in enumerate(adjoint.places) if ctx.needs_input_grad[1 + k]]
                results = ctx.operation.run(adjoint.backward, chosen, (*saved(ctx), bar))
                for k, result in zip((adjoint.places[j] for j in chosen), results, strict=True):
                    cotangents[1 + k] = result.broadcast_to(adjoint.backward.shapes[k])
            return tuple(cotangents)

    forward: Any = Backward.forward
    forward.__signature__ = signature(forward)  # else PyTorch computes it at every call

    class Both(Backward):
        @staticmethod
        def jvp(ctx: FunctionCtx, _: Any, *tangents: Tensor) -> Any:
            adjoint, moving = ctx.adjoint, [tangents[k] for k in ctx.adjoint.places]
            chosen = [j for j, tangent in enumerate(moving) if tangent is not None]
            if not chosen:
                return None
            parts = ctx.operation.run(adjoint.forward, chosen, (*saved(ctx), *moving), pushed=True)
            return operation(torch, sp.Add, (None,) * len(parts), False, True)(*parts)

    return Both if forward_mode else Backward


def saved(ctx: FunctionCtx) -> list[Tensor]:
    """The arguments and the result; None for those that the adjoint does not read."""
    values = [None] * (len(ctx.adjoint.backward.shapes) - 1)
    for k, value in zip(ctx.adjoint.reads, ctx.saved_tensors, strict=True):
        values[k] = value
    return values


@lru_cache(maxsize=4096)
def applied(torch: ModuleType, node: Node, guarded: bool, pushed: bool = False) -> Compute:
    """A node as a function of a tensor of the dtype to compute in, then its arguments. Numbers stay Python numbers."""
    if isinstance(node.op, Constant):
        array = constant_value(node)
        if node.shape == ():
            return lambda like: float(array)
        is_integer = array.dtype.kind in "iu"
        return lambda like: torch.as_tensor(
            np.array(array), dtype=None if is_integer else like.dtype, device=like.device
        )
    compute = operation(torch, node.op, numbers_in(node), guarded, pushed)
    if isinstance(node.op, Apply):
        return lambda like, *args: compute(*(as_tensor(arg, like) for arg in args))
    return lambda like, *args: compute(*args)
