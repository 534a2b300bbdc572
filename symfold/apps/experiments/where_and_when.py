"""Where and when: nets whose layers read the state or the input, fitted end to end, stage by stage, or with shrinkage.

    where   residual: f_k(z_{k-1})      boosting: f_k(z_0)
    when    at once: all layers by the loss of the whole net      stages: layer k by the loss of the net of depth k
            shrinkage: layer k by what is left over, r = y - F_{k-1}, then F_k = F_{k-1} + nu f_k     (Friedman 2001)

The state is (x, room to write in, prediction). The prediction starts at zero, so F_k is a part of the state, the layers
hold all parameters, and stage by stage boosting is shrinkage with nu = 1. A stage reads only the prediction of the last
layer, so the other weights by which a residual layer writes keep their random values: later layers read random features
of x, and the prediction so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from symfold.apps.data import Array
from symfold.apps.experiments.bands import Band, Budget, band, difference
from symfold.apps.experiments.epsilon import smooth
from symfold.apps.experiments.samples import Rows, Sample, diabetes, triangle
from symfold.apps.experiments.training import RATES, Errors, by_choice, errors_of, fitted, steps_of
from symfold.apps.regression import error, linear_fit, with_constant
from symfold.base.arguments import NumpyArray, one_of, real, whole
from symfold.base.public import public
from symfold.base.results import Result
from symfold.compute.compile import Compiled
from symfold.core.leaves import tensor
from symfold.core.net import Net
from symfold.frontend.folding import fold
from symfold.frontend.losses import squared_error
from symfold.frontend.named_layers import layer, layers
from symfold.mappers import mapper
from symfold.training.objective.stages import stages_of

Arm = tuple[str, str]  # where a layer reads, when it is fitted
Choice = tuple[float, float]  # a learning rate, and the initial steepness of the layers
ARMS: tuple[Arm, ...] = (
    ("residual", "at once"), ("boosting", "at once"), ("residual", "stages"), ("boosting", "stages"),
    ("boosting", "shrinkage"),
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """The nets and trainings of one sample: depth, units per layer, room to write in, epochs, batch, steepness."""

    depth: int
    hidden: int
    room: int
    epochs: int
    batch: int
    steepness: tuple[float, ...]


# The initial steepness decides whether a wave can be learned, for some arms more than for others, so it is tuned.
SETTINGS = {"diabetes": Setting(6, 4, 2, 80, 64, (1.0,)), "triangle": Setting(8, 4, 2, 500, 32, (3.0, 7.0, 12.0))}


@dataclass(frozen=True, eq=False)
class TwoByTwo(Result):
    """Root mean squared errors of standardized targets, arms by seeds; and the tuning of each arm, arms by choices."""

    sample: str
    budget: Budget
    setting: Setting
    shrinkage: float
    arms: tuple[Arm, ...]
    grid: tuple[Choice, ...]
    validation: Array
    train: Array
    test: Array
    mean: Array  # of predicting the mean of the training rows, per seed
    linear: Array  # of least squares, per seed

    @property
    def chosen(self) -> tuple[Choice, ...]:
        """The choice of each arm, of the least validation error."""
        return tuple(self.grid[k] for k in self.validation.argmin(axis=1))

    @property
    def at_the_edge(self) -> tuple[Arm, ...]:
        """The arms whose rate or steepness is at an end of the grid: a wider grid might serve them better."""
        tried = [sorted(set(values)) for values in zip(*self.grid, strict=True)]
        edges = [{values[0], values[-1]} if len(values) > 1 else set() for values in tried]
        return tuple(
            arm for arm, choice in zip(self.arms, self.chosen, strict=True) if any(map(set.__contains__, edges, choice))
        )

    def test_band(self, arm: Arm) -> Band:
        """The test error of an arm over the seeds."""
        return band(self.test[self.arms.index(arm)])

    def apart(self, one: Arm, other: Arm) -> Band:
        """The test error of one arm minus that of another, seed by seed: both had the same rows and the same start."""
        return difference(self.test[self.arms.index(one)], self.test[self.arms.index(other)])

    @property
    def linear_band(self) -> Band:
        """The test error of least squares over the seeds."""
        return band(self.linear)

    def against_linear(self, arm: Arm) -> Band:
        """The test error of an arm minus that of least squares, seed by seed."""
        return difference(self.test[self.arms.index(arm)], self.linear)


@public
def two_by_two(
    sample: str = "diabetes",
    seeds: int = 10,
    *,
    hidden: int | None = None,
    epochs: int | None = None,
    choosing: int = 3,
    rates: Sequence[float] = RATES,
    shrinkage: float = 0.5,
    data: str | Path | None = None,
) -> TwoByTwo:
    """Train every arm on the same rows, seed by seed, each at its own best choice of one grid; equal steps for all.

    `sample` is "diabetes" (its table in `data`, if not in examples/) or "triangle", `hidden` the units per layer. A
    choice is a rate with an initial steepness; that of an arm has the least mean error on the validation rows, over
    `choosing` further seeds.
    """
    one_of("sample", sample, SETTINGS)
    seeds, choosing = whole("seeds", seeds, 2), whole("choosing", choosing, 1)
    shrinkage = real("shrinkage", shrinkage, above=0)
    usual = SETTINGS[sample]
    setting = replace(
        usual,
        hidden=usual.hidden if hidden is None else whole("hidden", hidden, 1),
        epochs=usual.epochs if epochs is None else whole("epochs", epochs, usual.depth),
    )
    draw: Callable[[int], Sample] = partial(diabetes, path=data) if sample == "diabetes" else triangle
    grid = [(float(rate), steepness) for rate in rates for steepness in setting.steepness]
    results, validation = [], []
    for arm in ARMS:
        run = partial(trained, arm, setting, float(shrinkage), draw)
        validation.append(by_choice(run, grid, choosing))
        best = grid[int(validation[-1].argmin())]
        results.append([run(best, seed) for seed in range(seeds)])
    guesses = np.array([guessed(draw(seed)) for seed in range(seeds)])
    size = len(draw(0).train[1])
    return TwoByTwo(
        sample=sample,
        budget=Budget(
            seeds, size, steps_of(size, setting.epochs, setting.batch), len(ARMS) * (len(grid) * choosing + seeds)
        ),
        setting=setting,
        shrinkage=float(shrinkage),
        arms=ARMS,
        grid=tuple(grid),
        validation=np.array(validation),
        train=np.array([[errors.train for errors in row] for row in results]),
        test=np.array([[errors.test for errors in row] for row in results]),
        mean=guesses[:, 0],
        linear=guesses[:, 1],
    )


def trained(
    arm: Arm, setting: Setting, shrinkage: float, draw: Callable[[int], Sample], choice: Choice, seed: int
) -> Errors:
    """One training of one arm: the seed determines the rows, the start and the batches, the same for all arms."""
    rate, steepness = choice
    plain = draw(seed)
    sample = Sample(*((widened(x, setting.room), y) for x, y in (plain.train, plain.validation, plain.test)))
    width = sample.train[0].shape[1]
    net = net_of(arm[0], width, setting)
    start = start_of(net, steepness, seed)

    def train() -> Mapping[str, NumpyArray]:
        if arm[1] == "shrinkage":
            return boosted(setting, start, sample.train, rate, shrinkage, seed)
        return fitted(net, start, sample.train, rate, setting.epochs, setting.batch, seed, stages=arm[1] == "stages")

    return errors_of(train, compiled(net), sample)


def widened(x: Array, room: int) -> Array:
    """The states to start from: x, room to write in, and a prediction of zero."""
    return np.hstack([x, np.zeros((len(x), room + 1))])


def last(width: int) -> Array:
    """The matrix that selects the prediction from a state."""
    return np.eye(width)[:, -1:]


def net_of(where: str, width: int, setting: Setting) -> Net:
    """The net whose layers read the state (residual) or the input (boosting), down to its prediction.

    >>> print(net_of("boosting", 4, Setting(2, 3, 2, 1, 1, (1.0,))).params)
    (W1, W2, b1, b2, V1, V2)
    """
    x = tensor("x", (None, width))
    return Net.of(fold(mapper(where, x), layers("f", smooth(width, setting.hidden), count=setting.depth), x)) @ last(
        width
    )


@cache
def compiled(net: Net) -> Compiled:
    """A net compiled once for all the seeds."""
    return net.compile()


def start_of(net: Net, steepness: float, seed: int) -> dict[str, Array]:
    """Initial parameters: units of various steepness and place, with small output weights."""
    random = np.random.default_rng(seed)
    start = {}
    for name, value in net.init(seed).items():
        if name.startswith("V"):
            start[name] = 0.3 * value
        else:
            start[name] = steepness * (value if name.startswith("W") else random.standard_normal(value.shape))
    return start


def boosted(
    setting: Setting, start: Mapping[str, Array], rows: Rows, rate: float, shrinkage: float, seed: int
) -> dict[str, Array]:
    """The parameters of the boosting net, each layer fitted to the residual and then shrunk: output weights times nu.

    Each stage has the share of the epochs that `sf.fit(..., stages=True)` gives it.
    """
    width = rows[0].shape[1]
    x = tensor("x", (None, width))
    params: dict[str, Array] = {}
    residual = rows[1]
    for stage in stages_of(
        squared_error(net_of("boosting", width, setting), tensor("target", (None, 1))), setting.epochs
    ):
        alone = Net.of(layer(stage.layer, smooth(width, setting.hidden))(x)) @ last(width)
        start_of_layer = {name: start[name] for name in stage.trained or ()}
        layer_params = dict(fitted(alone, start_of_layer, (rows[0], residual), rate, stage.epochs, setting.batch, seed))
        layer_params = {
            name: shrinkage * value if name.startswith("V") else np.array(value) for name, value in layer_params.items()
        }
        residual = residual - compiled(alone)(layer_params, x=rows[0])
        params |= layer_params
    return params


def guessed(sample: Sample) -> tuple[float, float]:
    """The test errors of the mean of the training rows and of least squares on them."""
    coefficients = linear_fit(sample.train[0], sample.train[1])
    mean = np.broadcast_to(sample.train[1].mean(), sample.test[1].shape)
    return error(mean, sample.test[1]), error(with_constant(sample.test[0]) @ coefficients, sample.test[1])
