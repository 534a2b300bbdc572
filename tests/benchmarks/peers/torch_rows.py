"""PyTorch: eager, and by `torch.compile`."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.nets import Maths
from tests.benchmarks.peers import Peer
from tests.benchmarks.work import Runner, Work


def maths(torch: Any) -> Maths:
    return Maths(lambda z, W, b: torch.addmm(b, z, W), torch.mm, torch.sigmoid, torch.tanh)


def prepared(work: Work) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The library, the net's output as a function of flat parameters, those, and the inputs."""
    import torch

    torch.set_default_dtype(torch.float64)
    m, size = maths(torch), len(work.net.weights)
    inputs = {name: torch.tensor(value) for name, value in work.inputs.items()}
    flat = [value for part in work.tuples(torch.tensor) for value in part]

    def output(flat: Any) -> Any:
        return work.unrolled(m, [flat[k : k + size] for k in range(0, len(flat), size)], inputs)

    return torch, output, flat, inputs


def back(work: Work, flat: Any) -> dict[str, Any]:
    size = len(work.net.weights)
    arrays = [value.detach().numpy() for value in flat]
    return work.untupled([arrays[k : k + size] for k in range(0, len(arrays), size)])


def train(work: Work) -> Runner:
    torch, output, flat, inputs = prepared(work)
    for value in flat:
        value.requires_grad_()

    def run() -> Any:
        loss = ((inputs["target"] - output(flat)) ** 2).sum()
        slope = torch.autograd.grad(loss, flat)
        with torch.no_grad():
            torch._foreach_add_(flat, slope, alpha=-work.rate)
        return loss.detach()

    return Runner(run, lambda: back(work, flat))


def evaluate(work: Work) -> Runner:
    torch, output, flat, _ = prepared(work)

    def run() -> Any:
        with torch.inference_mode():
            return output(flat)

    return Runner(run)


def train_compiled(work: Work) -> Runner:
    torch, output, flat, inputs = prepared(work)
    torch._dynamo.reset()

    def loss(flat: Any) -> Any:
        return ((inputs["target"] - output(flat)) ** 2).sum()

    def step(flat: Any) -> Any:
        slope, value = torch.func.grad_and_value(loss)(flat)
        torch._foreach_add_(flat, slope, alpha=-work.rate)
        return value

    compiled = torch.compile(step, fullgraph=True)

    def run() -> Any:
        with torch.no_grad():
            return compiled(flat)

    return Runner(run, lambda: back(work, flat))


def evaluate_compiled(work: Work) -> Runner:
    torch, output, flat, _ = prepared(work)
    torch._dynamo.reset()
    compiled = torch.compile(output, fullgraph=True)

    def run() -> Any:
        with torch.no_grad():
            return compiled(flat)

    return Runner(run)


def short(work: Work) -> str:
    """Compiling takes seconds a layer and product."""
    return "compiles for over two minutes" if work.case.depth * work.net.products > 20 else ""


ROWS = (
    Peer("torch eager", ("torch",), train, evaluate),
    Peer("torch compiled", ("torch",), train_compiled, evaluate_compiled, short),
)
