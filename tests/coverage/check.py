"""A module read by `sf.from_torch`, compared with PyTorch: numbers and gradients."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

import symfold as sf
from symfold.errors import SymfoldError
from tests.coverage.layers import SETTINGS, Setting, classes

TOLERANCE = 1e-10
READ = "read"


class Layer(nn.Module):
    """A module that is called with some further arguments, and of whose results one part is compared."""

    def __init__(self, module: nn.Module, setting: Setting):
        super().__init__()
        self.module, self.called, self.output, self.before = module, setting.called, setting.output, setting.before

    def forward(self, first: Any, *rest: Any) -> Any:
        values = (first if self.before is None else self.before(first), *rest)
        result = self.module(*values, **self.called)
        return result if self.output is None else result[self.output]


def drawn(given: Any, generator: torch.Generator) -> Any:
    """A random input, float64 if it is real, different entries not too close, as at ties and kinks."""
    return given(generator) if callable(given) else torch.randn(given, generator=generator, dtype=torch.float64)


def difference(setting: Setting, name: str, backend: str = "numpy") -> str:
    """`read`, or in which way the net of a class differs from its module."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    module = Layer(getattr(nn, name)(*setting.args, **setting.options), setting).double().train(setting.training)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator, dtype=torch.float64) * 0.1)
        for path, buffer in module.named_buffers():
            if buffer.is_floating_point() and "running" in path:
                buffer.copy_(torch.rand(buffer.shape, generator=generator, dtype=torch.float64) + 0.5)
    inputs = [drawn(given, generator) for given in setting.inputs]
    try:
        net, params = sf.from_torch(copy.deepcopy(module), tuple(inputs))
    except SymfoldError as error:
        return str(error).split(" (give partial")[0].split(" (call .eval")[0]
    return compared(module, inputs, net, params, backend)


def compared(module: nn.Module, inputs: list[Any], net: Any, params: Any, backend: str) -> str:
    """Numbers of all results, and gradients by real inputs and parameters of a weighted sum of them."""
    leaves = [value.requires_grad_() if is_real(value) else value for value in inputs]
    results = module(*leaves)
    results = [value for value in (results if isinstance(results, (tuple, list)) else [results]) if torch.is_tensor(value)]
    names = [node.op.name for node in net.inputs]
    values = dict(zip(names, (value.detach().numpy() for value in leaves if torch.is_tensor(value)), strict=True))
    outputs = net.compile(backend)(params, **values)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    if error := worst(zip(outputs, (value.detach().numpy() for value in results), strict=True), TOLERANCE):
        return f"the numbers differ by {error:.0e}"
    smooth = [k for k, value in enumerate(results) if value.requires_grad]
    if not smooth:
        return READ
    generator = np.random.default_rng(2)
    weights = {k: generator.normal(size=tuple(results[k].shape)) for k in smooth}
    sum((results[k] * torch.tensor(weights[k])).sum() for k in smooth).backward()
    wanted = {name: leaf.grad for name, leaf in zip(names, (v for v in leaves if torch.is_tensor(v)), strict=True) if leaf.requires_grad}
    wanted |= {path.removeprefix("module."): weight.grad for path, weight in module.named_parameters()}
    loss: Any = 0
    for k in smooth:
        loss = loss + (net.outputs[k] * weights[k]).sum()
    by_name = {name.removeprefix("module_"): name for name in (*names, *(node.op.name for node in net.params))}
    reached = {path.replace(".", "_"): slope for path, slope in wanted.items() if path.replace(".", "_") in by_name}
    slopes = dict(sf.grad(sf.Net.of(loss), wrt=[by_name[name] for name in reached]).compile(backend)(params, **values))
    pairs = [(slopes[by_name[name]], np.zeros_like(slopes[by_name[name]]) if slope is None else slope.numpy()) for name, slope in reached.items()]
    if error := worst(pairs, 1e-7 if any(isinstance(part, nn.Hardsigmoid) for part in module.modules()) else TOLERANCE):
        return f"the gradients differ by {error:.0e}"
    missing = [path for path, slope in wanted.items() if path.replace(".", "_") not in by_name and slope is not None and slope.any()]
    return f"the net does not have {missing[0]}" if missing else READ


def is_real(value: Any) -> bool:
    """Whether an input may have a gradient: some of its entries are not whole numbers."""
    return torch.is_tensor(value) and value.is_floating_point() and bool((value != value.round()).any())


def worst(pairs: Any, tolerance: float) -> float:
    """The largest difference relative to the size of the numbers, if it is above the tolerance; else 0."""
    most = 0.0
    for given, wanted in pairs:
        if not np.array_equal(np.isnan(given), np.isnan(wanted)) or not np.array_equal(np.isinf(given), np.isinf(wanted)):
            return np.inf
        finite = np.isfinite(given)
        size = 1 + np.abs(np.where(np.isfinite(wanted), wanted, 0)).max(initial=0)
        most = max(most, float(np.abs(np.where(finite, np.subtract(given, wanted, where=finite & np.isfinite(wanted), out=np.zeros(finite.shape)), 0)).max(initial=0) / size))
    return most if most > tolerance else 0.0


def table(only: list[str] | None = None) -> dict[str, dict[str, str]]:
    """For each class, its settings and what was found: `read`, or why not."""
    found: dict[str, dict[str, str]] = {}
    for name in only or classes():
        found[name] = {}
        for setting in SETTINGS.get(name, ()):
            try:
                found[name][str(setting)] = difference(setting, name)
            except Exception as error:
                found[name][str(setting)] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return found
