"""Boosted stumps against residual blocks on the diabetes data: the same fold, with other layers fitted at another time.

Both nets add up their layers. A stump reads the input and is fitted to what the stumps before it leave over; a dense
block reads the state, and all blocks are fitted at once. The number of stumps and of epochs is chosen on validation
rows. Needs scikit-learn (pip install 'symfold[sklearn]').

    python examples/boosting.py [splits, default: 5]
"""

import os
import sys
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # products this small wait longer for a second thread than it saves

import numpy as np
from sklearn.tree import DecisionTreeRegressor

import symfold as sf
from symfold.apps.experiments.samples import diabetes

STUMPS, BLOCKS, UNITS, EPOCHS, BATCH, RATE = 200, 4, 8, 60, 32, 0.03
Rows = tuple[np.ndarray, np.ndarray]


def stumps(train: Rows, held_out: Rows) -> Any:
    """Stumps fitted one after another, until ten in a row do not help on the held-out rows."""
    return sf.boost(
        "boosting", DecisionTreeRegressor(max_depth=1), *train, stages=STUMPS, validation=held_out, early_stopping=10
    )


def blocks(columns: int) -> sf.Net:
    """A residual net of dense blocks between a projection and a readout: one prediction per row."""
    x = sf.tensor("x", (None, columns))
    into = sf.layer("into", sf.dense(columns, UNITS))(x)
    state = sf.fold(sf.mappers.residual, sf.layers(f"f1:{BLOCKS + 1}", sf.dense(UNITS, UNITS, sf.tanh)), into)
    return sf.Net.of(sf.layer("out", sf.dense(UNITS, 1))(state)[:, 0])


def trained(net: sf.Net, train: Rows, held_out: Rows, seed: int) -> dict[str, np.ndarray]:
    """The parameters after the epoch that was best on the held-out rows."""
    best: list[tuple[float, dict[str, np.ndarray]]] = []

    def watch(params: Any) -> float:
        value = error(net.compile("numpy")(params, x=held_out[0]), held_out[1])
        if not best or value < best[0][0]:
            best[:] = [(value, {name: np.array(params[name]) for name in params})]
        return value

    loss = sf.squared_error(net, sf.tensor("target", (None,)))
    optimizer = sf.optimizers.momentum(RATE / BATCH)  # the loss is a sum over the batch
    data = {"x": train[0], "target": train[1]}
    sf.fit(
        loss, net.init(seed), data, optimizer=optimizer, epochs=EPOCHS, batch_size=BATCH, seed=seed,
        metrics={"held out": watch}, progress=False,
    )  # fmt: skip
    return best[0][1]


def error(predicted: np.ndarray, target: np.ndarray) -> float:
    return float(np.sqrt(np.mean((predicted - target) ** 2)))


def with_error(values: np.ndarray) -> str:
    """A mean and its standard error."""
    return f"{values.mean():.3f} +- {values.std(ddof=1) / len(values) ** 0.5:.3f}"


def paths_of(net: sf.Net) -> str:
    paths = sf.paths(net)
    return f"{paths.count} paths, through {float(paths.mean):.2f} layers on average"


def main(splits: int) -> None:
    errors, net = [], blocks(10)
    for seed in range(splits):
        sample = diabetes(seed)
        train, held_out, (x, y) = ((x, y[:, 0]) for x, y in (sample.train, sample.validation, sample.test))
        boosted = stumps(train, held_out)
        params = trained(net, train, held_out, seed)
        errors.append([error(boosted.predict(x), y), error(net.compile("numpy")(params, x=x), y), error(0 * y, y)])
    print("boosted stumps")
    print(f"  {sf.formula(boosted.net, form='fold')}")
    print(f"  {paths_of(boosted.net)}")
    print("residual blocks")
    print(f"  {sf.formula(net, form='fold')}")
    print(f"  {paths_of(net)}\n")
    columns = np.array(errors).T
    print(f"root mean squared error on the test rows of {splits} splits, in standard deviations of the target")
    for name, column in zip(("boosted stumps", "residual blocks", "mean of the training rows"), columns, strict=True):
        print(f"  {name:26} {with_error(column)}")
    print(f"  {'stumps minus blocks':26} {with_error(columns[0] - columns[1])}")


if __name__ == "__main__":
    splits = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if splits < 2:
        sys.exit("give at least 2 splits: one has no standard error")
    main(splits)
