"""A whole model read by `sf.from_torch`: PyTorch's numbers and gradients, the blocks in folds, and how long it takes."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

import symfold as sf
from symfold.core.folds import is_fold
from symfold.core.nodes import Node, walk
from symfold.core.primitives import is_apply
from symfold.core.stacked_inputs import StackedInputs
from symfold.errors import SymfoldError
from symfold.exchange.reading.naming import identifier
from tests.coverage.check import TOLERANCE, worst
from tests.every_fold import folds

Build = Callable[[], tuple[Any, ...]]  # a module, its inputs, and perhaps inputs by name
SECONDS = 300
DIFFERENCES = 1e-5  # of a slope: how near a central difference comes
REARRANGED = frozenset({"stack", "take", "reverse", "concatenate", "reshape", "swap", "permute", "item", "expand"})


@dataclass
class Found:
    """What was found out about a model."""

    read: bool = False
    numbers: bool = False
    gradients: str = "not tried"  # or `equal`, or how they differ
    reason: str = ""  # why it is not read or not compared, or how the numbers differ
    blocks: int = 0  # modules of a kind in a row
    folded: int = 0  # those of them that are steps of folds
    folds: list[int] = field(default_factory=list)  # steps of each fold, nested ones too
    sizes: list[str] | None = None  # unknown ones of the inputs, if that was tried
    elsewhere: bool = False  # whether the numbers at other sizes were compared
    parameters: int = 0
    nodes: int = 0
    seconds: float = 0.0  # of reading, on one processor
    rounds: bool = False  # whether it computes in float32 in places, which was left out


class InDouble(TorchFunctionMode):
    """Casts to float32 go to float64, so that PyTorch rounds as a net does."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.float:
            return args[0].double()
        args = tuple(torch.float64 if arg is torch.float32 else arg for arg in args)
        return func(*args, **{key: torch.float64 if arg is torch.float32 else arg for key, arg in (kwargs or {}).items()})


@contextmanager
def in_double() -> Iterator[None]:
    """New tensors and casts have float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with InDouble():
            yield
    finally:
        torch.set_default_dtype(before)


def examine(build: Build, report: Callable[[Found], None] = lambda found: None, gradients: bool = True) -> Found:
    """Read a model and compare it with PyTorch; `report` is called after every step."""
    torch.manual_seed(0)
    module, inputs, *rest = build()
    module, named = shaken(module.double().eval()), rest[0] if rest else {}
    found = Found(rounds=rounds(module, inputs, named))
    with in_double() if found.rounds else nullcontext():
        return compared(module, inputs, named, found, report, gradients)


def tensors_of(results: object) -> list[torch.Tensor]:
    return [value for value in tree_leaves(results) if torch.is_tensor(value)]


def rounds(module: Any, inputs: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Whether a module computes in float32 in places, though its weights have float64."""
    try:
        with torch.no_grad():
            plain = tensors_of(module(*inputs, **named))
            with in_double():
                exact = tensors_of(module(*inputs, **named))
    except Exception:
        return False
    return bool(worst(zip((a.numpy() for a in plain), (b.numpy() for b in exact), strict=True), TOLERANCE))


def compared(module: Any, inputs: Sequence[Any], named: Mapping[str, Any], found: Found, report: Callable[[Found], None], gradients: bool) -> Found:
    """Read a model, and compare its numbers and gradients with PyTorch's."""
    begin = time.process_time()
    try:
        net, params = sf.from_torch(module, tuple(inputs), named)
    except SymfoldError as error:
        found.reason = str(error).split(" (give partial")[0].split(" (call .eval")[0]
        return found
    finally:
        found.seconds = round(time.process_time() - begin, 1)
    found.read = True
    found.parameters = sum(value.size for value in params.values())
    found.nodes = sum(1 for _ in walk(net.outputs))
    found.folds = [int(count) for count, _ in folds(net)]
    found.blocks, found.folded = blocks_in_folds(module, net)
    found.sizes = sizes_of(net)
    found.reason = "the numbers take too long"
    report(found)
    results = tensors_of(module(*inputs, **named))
    values = values_of(net, inputs, named)
    error = numbers_compared(net, params, values, results)
    found.numbers, found.reason = not error, f"the numbers differ by {error:.0e}" if error else ""
    if error:
        return found
    if found.sizes:
        found.reason = "the numbers at other sizes take too long"
        report(found)
        found.elsewhere, error = elsewhere(module, inputs, named, net, params)
        found.reason = f"the numbers at other sizes differ by {error:.0e}" if error else ""
    if found.reason or not gradients:
        return found
    found.reason = "the gradients take too long"
    report(found)
    found.gradients, found.reason = slopes_compared(module, inputs, named, net, params), ""
    return found


def values_of(net: sf.Net, inputs: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a net, from the arguments of its module."""
    tensors = tensors_of((tuple(inputs), dict(named)))
    return {node.op.name: value.numpy() for node, value in zip(net.inputs, tensors, strict=True)}


def numbers_compared(net: sf.Net, params: Any, values: Any, results: Sequence[torch.Tensor]) -> float:
    """How much the results of a net differ from a module's; 0 if they are equal."""
    outputs = net.compile("numpy")(params, **values)
    outputs = [*outputs.values()] if isinstance(outputs, Mapping) else [*outputs] if isinstance(outputs, (tuple, list)) else [outputs]
    return worst(zip(outputs, (value.detach().numpy() for value in results), strict=True), TOLERANCE)


def sizes_of(net: sf.Net) -> list[str]:
    """The names of the unknown sizes of a net's inputs."""
    return [str(size) for size in dict.fromkeys(size for node in net.inputs for size in node.shape if isinstance(size, sp.Symbol))]


def elsewhere(module: Any, inputs: Sequence[Any], named: Mapping[str, Any], net: sf.Net, params: Any) -> tuple[bool, float]:
    """Whether a module takes unknown sizes that differ by one from those of the example, and how much the numbers differ there."""
    for more in (1, -1):
        tensors, structure = tree_flatten((tuple(inputs), dict(named)))
        shapes = iter([node.shape for node in net.inputs])
        given, given_named = tree_unflatten([resized(value, next(shapes), more) if torch.is_tensor(value) else value for value in tensors], structure)
        try:
            with torch.no_grad():
                results = tensors_of(module(*given, **given_named))
        except Exception:
            continue
        return True, numbers_compared(net, params, values_of(net, given, given_named), results)
    return False, 0.0


def resized(value: torch.Tensor, shape: Sequence[Any], more: int) -> torch.Tensor:
    """A tensor with one entry more, a copy of the last, or one less along each axis of unknown size."""
    for axis, size in enumerate(shape):
        if isinstance(size, sp.Symbol):
            value = torch.cat([value, value.narrow(axis, value.shape[axis] - 1, 1)], axis) if more > 0 else value.narrow(axis, 0, value.shape[axis] - 1)
    return value


def shaken(module: Any) -> Any:
    """A module whose weights and statistics are all different, so that no term of it vanishes."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in module.parameters():
            if weight.is_floating_point():
                weight.add_(torch.randn(weight.shape, generator=generator, dtype=torch.float64) * 0.05)
        for path, buffer in module.named_buffers():
            if path.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=generator, dtype=torch.float64) + 0.5)
            elif path.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator, dtype=torch.float64) * 0.05)
    return module


def slopes_compared(module: nn.Module, inputs: Sequence[Any], named: Mapping[str, Any], net: sf.Net, params: Any) -> str:
    """`equal`, or how the gradients by all parameters of a weighted sum of the results differ."""
    results = tensors_of(module(*inputs, **named))
    smooth = [k for k, value in enumerate(results) if value.requires_grad]
    if not smooth:
        return "none"
    generator = np.random.default_rng(2)
    weights = {k: generator.normal(size=tuple(results[k].shape)) for k in smooth}
    sum((results[k] * torch.tensor(weights[k])).sum() for k in smooth).backward()
    loss: Any = 0
    for k in smooth:
        loss = loss + (net.outputs[k] * weights[k]).sum()
    weight_of = {identifier(path): weight for path, weight in module.named_parameters() if weight.requires_grad}
    wrt = [node.op.name for node in net.params if node.op.name in weight_of]
    slopes = sf.grad(sf.Net.of(loss), wrt=wrt).compile("numpy")(params, **values_of(net, inputs, named))
    theirs = {name: np.zeros(slopes[name].shape) if weight_of[name].grad is None else weight_of[name].grad.numpy() for name in wrt}
    largest = max(float(weight.grad.abs().max()) for weight in weight_of.values() if weight.grad is not None and weight.numel())
    if not largest:
        return "all zero"
    error = worst(((slopes[name] / largest, theirs[name] / largest) for name in wrt), TOLERANCE)
    missing = [name for name, weight in weight_of.items() if name not in wrt and weight.grad is not None and weight.grad.any()]
    if error and not missing:
        along = {name: generator.normal(size=slopes[name].shape) for name in wrt}
        measured = central_difference(module, inputs, named, weights, {name: (weight_of[name], along[name]) for name in wrt})
        ours, torchs = (sum(float((slope[name] * along[name]).sum()) for name in wrt) for slope in (slopes, theirs))
        if abs(ours - measured) < DIFFERENCES * abs(measured) < abs(torchs - measured):
            return "are the slopes of PyTorch's numbers, and PyTorch's own are not"
    return f"differ by {error:.0e}" if error else f"{missing[0]} is missing" if missing else "equal"


def central_difference(
    module: nn.Module, inputs: Sequence[Any], named: Mapping[str, Any], weights: Mapping[int, Any], along: Mapping[str, tuple[torch.Tensor, Any]], step: float = 1e-5
) -> float:
    """The slope of a weighted sum of a module's results along a direction of its parameters."""
    values = []
    with torch.no_grad():
        for change in (step, -2 * step):
            for weight, direction in along.values():
                weight += change * torch.tensor(direction)
            results = tensors_of(module(*inputs, **named))
            values.append(sum(float((results[k] * torch.tensor(weight)).sum()) for k, weight in weights.items()))
        for weight, direction in along.values():
            weight += step * torch.tensor(direction)
    return (values[0] - values[1]) / (2 * step)


# -- folds


def blocks_in_folds(module: nn.Module, net: sf.Net) -> tuple[int, int]:
    """How many modules stand in rows of equal ones, and how many of them give a fold its items."""
    items = items_of_folds(net)
    rows = [path for row in rows_of(module) for path in row]
    return len(rows), sum(any(name.startswith(f"{identifier(path)}_") for name in items) for path in rows)


def rows_of(module: nn.Module, path: str = "") -> Iterator[list[str]]:
    """The outermost rows of at least two modules with the same class and the same shapes of weights."""
    groups: dict[Any, list[str]] = {}
    children = dict(module.named_children())
    for name, child in children.items():
        shapes = tuple((key, tuple(weight.shape)) for key, weight in child.named_parameters())
        if shapes and (isinstance(module, nn.ModuleList) or not type(child).__module__.startswith("torch.nn")):
            groups.setdefault((type(child), shapes), []).append(name)
    inside = {name for group in groups.values() if len(group) > 1 for name in group}
    yield from ([f"{path}{name}" for name in group] for group in groups.values() if len(group) > 1)
    for name, child in children.items():
        if name not in inside:
            yield from rows_of(child, f"{path}{name}.")


def items_of_folds(net: sf.Net) -> set[str]:
    """The parameters that a fold reads one by one, as entries of a sequence."""
    names: set[str] = set()
    roots = [*net.outputs]
    while roots:
        for node in walk([roots.pop()]):
            if is_fold(node):
                names |= stacked_parameters(node.args)
            inner = getattr(node.op, "block", None) or getattr(node.op, "body", None)
            roots += inner.results if inner else ()
    return names


def stacked_parameters(operands: Iterable[object]) -> set[str]:
    """The parameters whose entries a sequence lists, perhaps rearranged."""
    found: set[str] = set()
    todo = [*operands]
    while todo:
        node = todo.pop()
        if not isinstance(node, Node):
            continue
        if isinstance(node.op, StackedInputs):
            found |= set(node.op.names)
        elif is_apply(node) and node.op.primitive.name in REARRANGED:
            todo += node.args
    return found


# -- processes


def table(module: str, names: Sequence[str], seconds: float = SECONDS, gradients: bool = True) -> Iterator[tuple[str, Found]]:
    """What was found out about each model of a module, in a process for each, which has some seconds of a processor."""
    context = get_context("forkserver")
    context.set_forkserver_preload([module, "tests.coverage.warm"])
    for name in names:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_examined, args=(module, name, sender, int(seconds), gradients), daemon=True)
        process.start()
        sender.close()
        found = Found(reason=f"it takes longer than {seconds:.0f} s")
        try:
            while True:
                found = Found(**json.loads(receiver.recv()))
        except EOFError:
            pass
        process.join()
        yield name, found


def _examined(module: str, name: str, sender: Connection, seconds: int, gradients: bool) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    def report(found: Found) -> None:
        sender.send(json.dumps(asdict(found)))

    torch.set_num_threads(1)
    last = Found()

    def keep(found: Found) -> None:
        nonlocal last
        last = found
        report(found)

    try:
        report(examine(import_module(module).MODELS[name], keep, gradients))
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else ""
        last.reason = f"{type(error).__name__}: {first}"
        report(last)
