"""Agreement: whether a net that was read for any sizes has the module's numbers, at the example's sizes and others.

PyTorch records a module at the sizes of the example, with the conditions that it met there. `x * 2 if x.shape[1] > 4
else x * 3` is recorded as `x * 2`. So the net is compared with the module where the conditions are false, too, and at
size 1, which PyTorch never takes for an unknown size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.base.trees import flatten
from symfold.core.net import Net
from symfold.core.shapes import Shape
from symfold.errors import SymfoldError
from symfold.exchange.pytorch.sizes import Sizes

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

MOST = 2**16  # numbers in inputs that are computed with
CLOSE = 1e-3  # of the largest number: far more than rounding
TRIED = 400  # combinations of sizes that are tried, to find one where a condition is false
MORE = 3  # how much larger than the example's the larger sizes are
Numbers = Mapping[sp.Symbol, int]  # unknown sizes


def difference(
    net: Net,
    params: Mapping[str, NumpyArray],
    module: Module,
    args: object,
    kwargs: Mapping[str, object] | None,
    sizes: Sizes,
) -> str:
    """The sizes at which the net has other numbers than the module, as `sequence = 4`; empty if none are found.

    A large example, and a module in training mode with buffers, which it may change, are not computed.
    """
    import torch
    from torch.utils._pytree import tree_flatten, tree_unflatten

    given = args if isinstance(args, tuple) else (args,)
    leaves, tree = tree_flatten((given, dict(kwargs or {})))
    places = [place for place, value in enumerate(leaves) if isinstance(value, torch.Tensor)]
    tensors = [leaves[place] for place in places]
    if len(tensors) != len(net.inputs):
        return ""
    if not all(map(_fits, (node.shape for node in net.inputs), tensors)):
        return "the sizes of the example"
    if any(value.device.type != "cpu" for value in tensors):
        return ""
    if any(part.training for part in module.modules()) and any(True for _ in module.buffers()):
        return ""
    example = {
        size: value.shape[axis]
        for node, value in zip(net.inputs, tensors, strict=True)
        for axis, size in enumerate(node.shape)
        if isinstance(size, sp.Symbol)
    }
    for numbers in [example, *other_sizes(example, sizes)] if example else []:
        values = tensors if numbers is example else _resized(torch, tensors, net, numbers)
        if sum(value.numel() for value in values) > MOST:
            continue
        for place, value in zip(places, values, strict=True):
            leaves[place] = value
        arguments, named = tree_unflatten(leaves, tree)
        try:
            with torch.no_grad():
                wanted = tree_flatten(module(*arguments, **named))[0]
        except Exception:  # of any type: the module does not take these sizes
            continue
        arrays = {node.op.name: value.numpy() for node, value in zip(net.inputs, values, strict=True)}
        try:
            found, _ = flatten(net(dict(params), **arrays))
        except SymfoldError:
            if numbers is example:
                raise
            continue  # nor does the net
        arrays_wanted = [value.numpy() for value in wanted if isinstance(value, torch.Tensor)]
        if not _equal(found, arrays_wanted, of_shape=numbers is example):
            changed = {size: number for size, number in numbers.items() if number != example[size]} or example
            return ", ".join(f"{size} = {number}" for size, number in changed.items())
    return ""


def other_sizes(example: Numbers, sizes: Sizes) -> list[Numbers]:
    """Sizes that may differ from the example's in kind: ones, larger ones, and those for which a condition is false."""
    result: list[Numbers] = [{size: number + MORE for size, number in example.items()}]
    for condition in sizes.conditions:
        symbols = sorted(condition.free_symbols, key=str)
        names = [sizes.symbols.get(symbol) for symbol in symbols]
        known = [name for name in names if name in example]
        if len(known) == len(names):
            changed = dict(zip(known, _broken(condition, symbols, [example[name] for name in known]), strict=True))
            alike = {example[name]: number for name, number in changed.items()}  # equal sizes may have to stay equal
            result += [{**example, **changed}, {name: alike.get(number, number) for name, number in example.items()}]
    result.append(dict.fromkeys(example, 1))
    return [numbers for place, numbers in enumerate(result) if numbers not in (example, *result[:place])]


def _broken(condition: Any, symbols: Sequence[sp.Symbol], example: Sequence[int]) -> Sequence[int]:
    """The sizes next to the example's for which a condition is false; the example's if none are found."""

    def distance(numbers: Sequence[int]) -> tuple[int, Sequence[int]]:
        return sum(abs(n - m) for n, m in zip(numbers, example, strict=True)), numbers

    bounds = [int(number) + k for number in condition.atoms(sp.Integer) for k in (-1, 0, 1)]
    some = range(1, round(TRIED ** (1 / max(len(symbols), 1))) + 1)
    tried = product(*([n for n in {*some, *bounds, size} if n > 0] for size in example))
    for numbers in sorted(tried, key=distance):
        if condition.xreplace(dict(zip(symbols, map(sp.Integer, numbers), strict=True))) == sp.false:
            return numbers
    return example


def _resized(torch: Any, tensors: Sequence[Tensor], net: Net, numbers: Numbers) -> list[Tensor]:
    """The tensors of an example at other sizes: their entries, from the first one on, and over again."""
    result = []
    for node, value in zip(net.inputs, tensors, strict=True):
        for axis, size in enumerate(node.shape):
            if isinstance(size, sp.Expr):
                value = value.index_select(axis, torch.arange(int(size.subs(numbers))) % value.shape[axis])
        result.append(value)
    return result


def _fits(shape: Shape, value: Tensor) -> bool:
    """Whether an example has the known sizes of an input, which may be those of a batch of 2 in place of 1."""
    return len(shape) == value.ndim and all(
        known == size or not isinstance(known, int) for known, size in zip(shape, value.shape, strict=True)
    )


def _equal(found: Sequence[Any], wanted: Sequence[NumpyArray], of_shape: bool) -> bool:
    """Whether arrays have the same numbers, and the same shapes or, after `squeeze` of a size of 1, almost."""
    pairs = zip(found, wanted, strict=False)
    return len(found) == len(wanted) and all(
        _close(a, b) and (not of_shape or np.shape(a) == b.shape) for a, b in pairs
    )


def _close(found: Any, wanted: NumpyArray) -> bool:
    """Whether two arrays have the same numbers, in shapes that differ in axes of size 1 at most."""
    if [size for size in np.shape(found) if size != 1] != [size for size in wanted.shape if size != 1]:
        return False
    finite = np.abs(wanted[np.isfinite(wanted)])
    tolerance = CLOSE * (finite.max() if finite.size else 1.0)
    array = np.reshape(np.asarray(found, float), wanted.shape)
    return np.allclose(array, wanted.astype(float), rtol=0, atol=tolerance, equal_nan=True)
