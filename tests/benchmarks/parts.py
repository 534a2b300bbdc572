"""Where the time of a step in machine code goes: the loss alone, with its gradient, with the update, and what the floor says of it.

Machine code has no lines to put a clock after; its parts are told by what is added to a shorter program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks import floor
from tests.benchmarks.work import Work


def parts(work: Work, rounds: int = 15) -> dict[str, float]:
    """Seconds of a training step, by part."""
    import symfold as sf
    from symfold.compute.backends.native.program import Program
    from symfold.compute.parameters import Parameters, layout_of
    from symfold.training.data.batches import Stack
    from symfold.training.step.training_step import training_of, update_of
    from tests.benchmarks.peers.symfold_rows import loss_of

    loss = loss_of(work)
    shapes = {name: np.shape(value) for name, value in work.inputs.items()}

    def program(net: Any) -> Callable[[], None]:
        made = Program(net, shapes, Parameters(layout_of(net)), "float64")
        made.params.load(work.named(work.params))
        made.feed(work.inputs)
        return made.run

    training = training_of(update_of(loss, work.named(work.params), sf.sgd(work.rate)), "native")
    steps = 100 if work.case.width * work.case.depth < 1000 else 3
    stack = Stack(steps, {name: np.stack([value] * steps) for name, value in work.inputs.items()})
    calls = [(program(loss), 1), (program(sf.value_and_grad(loss)), 1), (lambda: training.run(stack), steps)]
    repeats = 200 if work.case.width * work.case.depth < 1000 else 3
    forward, gradient, whole = (floor.best(call, max(1, repeats // count), rounds) / count for call, count in calls)
    case = work.case
    flops = 2 * case.batch * case.width**2 * sum(floor.product_counts("training", work))
    return {
        "the loss": min(forward, whole),
        "its gradient": max(0.0, min(gradient, whole) - forward),
        "the update, less what it spares the gradient": whole - min(gradient, whole),
        "of all this, products at the best speed of BLAS": flops / floor.peak(),
        "and sigmoids at NumPy's": work.net.functions * case.depth * case.batch * case.width * floor.function_cost(),
        "a step": whole,
    }
