"""Small trained nets for the plots: the layers of `measured`, fitted to a smooth function by gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.apps.report.measured import with_layers
from symfold.base.arguments import NumpyArray
from symfold.base.results import Result
from symfold.compute.random_inputs import rows_of
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.errors import Diverged, InvalidValue
from symfold.frontend.losses import squared_error
from symfold.training.fit import fit
from symfold.training.optimizers import momentum

WIDTH, SAMPLES, STEPS, RATE, DECAY = 5, 64, 2000, 0.0005, 0.9
TASK = (
    f"layers tanh(z W + b) V of width {WIDTH}, trained by {STEPS} steps of gradient descent at the "
    f"rate {RATE} with momentum {DECAY} on {SAMPLES} samples of sin(2 x R), R a random rotation, "
    "from the same start in both nets"
)


@dataclass(frozen=True, eq=False)
class Trained(Result):
    """A trained net: its loss, its parameters, the data, and the values of the loss before and after training."""

    net: Net
    loss: Net
    params: Mapping[str, Any]
    data: Mapping[str, Any]
    losses: tuple[float, float]

    @property
    def told(self) -> str:
        """The loss before and after training."""
        return "{:.3g} at the start and {:.3g} at the end".format(*self.losses)


def trained(net: Net, seed: int = 0) -> Trained:
    """A net of one input and one output, its opaque layers trained.

    >>> import symfold as sf
    >>> result = trained(sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")))
    >>> result.losses[1] < result.losses[0] / 100
    True
    """
    if len(net.inputs) != 1 or len(net.outputs) != 1:
        raise InvalidValue(
            f"the trained nets of the plots have one input and one output, this one {len(net.inputs)} "
            f"and {len(net.outputs)}"
        )
    name = net.inputs[0].op.name
    if rows_of([net]):
        raise InvalidValue(
            "the trained nets of the plots read numbers that they are fitted to, and the input "
            f"{name!r} picks rows of a table"
        )
    bound = with_layers(net)(**{name: tensor(name, (None, WIDTH))})
    target = "target" if name != "target" else "wanted"
    loss = squared_error(bound, tensor(target, (None, WIDTH)))
    random = np.random.default_rng(seed)
    rows = random.standard_normal((SAMPLES, WIDTH))
    rotation = np.linalg.qr(random.standard_normal((WIDTH, WIDTH)))[0]
    data = {name: rows, target: np.sin(2 * rows @ rotation)}
    initial = start(bound, seed)
    try:
        result = fit(
            loss,
            initial,
            data,
            optimizer=momentum(RATE, DECAY),
            epochs=STEPS,
            batch_size=SAMPLES,
            shuffle=False,
            progress=False,
        )
    except Diverged:
        raise InvalidValue(
            f"one of them cannot be trained like this: its loss grows beyond all bounds at the rate {RATE}"
        ) from None
    run = loss.compile()
    return Trained(
        bound, loss, dict(result.params), data, (float(run(initial, **data)), float(run(result.params, **data)))
    )


def start(net: Net, seed: int) -> dict[str, NumpyArray]:
    """Initial parameters, the same in all nets of the same layers: drawn name by name, in the order of the names."""
    random = np.random.default_rng(seed + 1)
    shapes = {node.op.name: node.shape for node in net.params}
    return {
        name: random.standard_normal(shape) * (0.0 if shape[:1] == (1,) else 0.5 * max(shape[:1], default=1) ** -0.5)
        for name, shape in sorted(shapes.items())
    }
