"""JAX on XLA's CPU: jit of the steps unrolled, of a scan, and many training steps in one `fori_loop`."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.benchmarks.nets import Maths
from tests.benchmarks.peers import Peer
from tests.benchmarks.work import Runner, Work, many


def library() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def maths(jax: Any) -> Maths:
    return Maths(lambda z, W, b: jax.numpy.dot(z, W) + b, jax.numpy.dot, jax.nn.sigmoid, jax.numpy.tanh)


def scanned(work: Work, jax: Any, params: Any, inputs: dict[str, Any]) -> Any:
    """The net's output by `lax.scan` over stacked parameters or over the sequence."""
    m, net = maths(jax), work.net

    def step(state: Any, entries: Any) -> Any:
        own, u = (params, entries) if net.recurrent else (entries, None)
        return net.step(m, state, own, inputs.get("x"), u), None

    state, _ = jax.lax.scan(step, tuple(inputs[name] for name in net.states), inputs["u"] if net.recurrent else params)
    return state[0]


def unrolled(work: Work, jax: Any, params: Any, inputs: dict[str, Any]) -> Any:
    return work.unrolled(maths(jax), params, inputs)


def prepared(work: Work, output: Any) -> tuple[Any, Any, dict[str, Any]]:
    jax = library()
    inputs = {name: jax.numpy.array(value) for name, value in work.inputs.items()}
    if output is unrolled:
        return jax, work.tuples(jax.numpy.array), inputs
    return jax, {name: jax.numpy.array(value) for name, value in work.params.items()}, inputs


def train(work: Work, output: Any, fused: bool = False) -> Runner:
    jax, params, inputs = prepared(work, output)
    steps = many(work) if fused else 1

    def loss(params: Any, inputs: Any) -> Any:
        return jax.numpy.sum((inputs["target"] - output(work, jax, params, inputs)) ** 2)

    def one(params: Any, inputs: Any) -> Any:
        value, slope = jax.value_and_grad(loss)(params, inputs)
        return jax.tree.map(lambda p, g: p - work.rate * g, params, slope), value

    def looped(params: Any, inputs: Any) -> Any:
        return jax.lax.fori_loop(0, steps, lambda _, carry: one(carry[0], inputs), (params, jax.numpy.zeros(())))

    step = jax.jit(looped if fused else one, donate_argnums=0)

    def run() -> Any:
        nonlocal params
        params, value = step(params, inputs)
        return value.block_until_ready()

    return Runner(run, lambda: work.untupled(params) if output is unrolled else dict(params), steps)


def evaluate(work: Work, output: Any) -> Runner:
    jax, params, inputs = prepared(work, output)
    inputs.pop("target")
    forward = jax.jit(partial(output, work, jax))
    return Runner(lambda: forward(params, inputs).block_until_ready())


def shallow(work: Work) -> str:
    return "compiles for minutes" if work.case.depth * work.net.products > 300 else ""


ROWS = (
    Peer("jax jit unrolled", ("jax",), partial(train, output=unrolled), partial(evaluate, output=unrolled), shallow),
    Peer("jax jit scan", ("jax",), partial(train, output=scanned), partial(evaluate, output=scanned)),
    Peer("jax fori unrolled", ("jax",), partial(train, output=unrolled, fused=True), None, shallow),
    Peer("jax fori scan", ("jax",), partial(train, output=scanned, fused=True)),
)
