"""Next year's sunspots: an LSTM by `sf.scan` against persistence and a linear autoregression.

Yearly sunspot numbers from 1700 to 2008 (`sunspots.csv`). The LSTM reads the years in order and forecasts the next: the
number of the year plus a correction from its state. One scan over all years makes all the forecasts; a mask says which
of them count. It is trained on the forecasts for 1710 to 1899 and stopped early by those for 1900 to 1949, which choose
the order of the autoregression, too. The forecasts for 1950 to 2008 are the test.

    python examples/sunspots.py [seeds, default: 5]
"""

import os
import pathlib
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import symfold as sf

UNITS, RATE, EPOCHS, PATIENCE = 8, 0.01, 400, 100
FIRST, VALIDATION, TEST, END = 1710, 1900, 1950, 2009  # the first years of training, validation and test
ORDERS = range(1, 13)


def sunspots() -> tuple[np.ndarray, np.ndarray]:
    table = np.loadtxt(pathlib.Path(__file__).parent / "sunspots.csv", delimiter=",", skiprows=1)
    return table[:, 0].astype(int), table[:, 1]


def scaled(numbers: np.ndarray) -> np.ndarray:
    """Square roots, about as large in all years, in the range of a tanh."""
    return np.sqrt(numbers) / 4 - 1.5


def unscaled(values: np.ndarray) -> np.ndarray:
    return np.maximum(4 * (values + 1.5), 0) ** 2


def gate(h, u, W, b):
    """A dense layer of the state and the input."""
    return np.dot(np.concatenate([h, u], axis=-1), W) + b


def forecaster(steps: int) -> sf.Net:
    """From the values of the years (steps, 1, 1) to the forecasts for the years after them."""
    years, zero = sf.tensor("years", (steps, 1, 1)), np.zeros((1, UNITS))
    take, forget, show, new = (sf.layer(name, gate, W=(UNITS + 1, UNITS), b=(1, UNITS)) for name in "ifog")
    h, _ = sf.scan(sf.mappers.lstm(take, forget, show, new), years, (zero, zero)).parts
    return sf.Net.of(years + sf.layer("out", sf.dense(UNITS, 1))(h))


def lstm(numbers: np.ndarray, counted: dict[str, np.ndarray], seed: int) -> np.ndarray:
    """The forecasts for all years but the first."""
    values = scaled(numbers).reshape(-1, 1, 1)
    net = forecaster(len(values) - 1)
    loss = sf.losses.mean_squared_error(net, sf.tensor("next", net.shape), mask=sf.tensor("mask", net.shape[:1]))
    data = {"years": values[:-1], "next": values[1:]}
    done = sf.fit(
        loss, net.init(seed), {**data, "mask": counted["training"]}, optimizer=sf.adam(RATE), epochs=EPOCHS,
        validation={**data, "mask": counted["validation"]}, early_stopping=PATIENCE,
        shuffle=False, progress=False,  # the first axis is time
    )  # fmt: skip
    return unscaled(net.compile()(done.params, years=values[:-1]).ravel())


def autoregression(numbers: np.ndarray, counted: dict[str, np.ndarray], order: int) -> np.ndarray:
    """The forecasts of a linear function of the last years, by least squares on the years for training."""
    values = scaled(numbers)
    steps = [np.pad(values[: len(values) - lag], (lag - 1, 0)) for lag in range(1, order + 1)]
    rows, known = np.column_stack([np.ones(len(values) - 1), *steps]), counted["training"] > 0
    weights, *_ = np.linalg.lstsq(rows[known], values[1:][known], rcond=None)
    return unscaled(rows @ weights)


def main(seeds: int) -> None:
    years, numbers = sunspots()
    bounds = {"training": (FIRST, VALIDATION), "validation": (VALIDATION, TEST), "test": (TEST, END)}
    counted = {name: ((years[1:] >= low) & (years[1:] < high)) * 1.0 for name, (low, high) in bounds.items()}

    def error(forecasts: np.ndarray, part: str = "test") -> float:
        """The root of the mean squared error, in sunspots."""
        return float(np.sqrt(np.average((forecasts - numbers[1:]) ** 2, weights=counted[part])))

    print(sf.formula(forecaster(len(years) - 1), form="fold"))
    linear = {order: autoregression(numbers, counted, order) for order in ORDERS}
    chosen = min(ORDERS, key=lambda order: error(linear[order], "validation"))
    runs = [lstm(numbers, counted, seed) for seed in range(seeds)]
    print(f"\nerror of the forecasts for {TEST} to {END - 1}, in sunspots (1900 to 1949 in brackets)")
    rows = {"persistence: as last year": [numbers[:-1]], f"autoregression of order {chosen}": [linear[chosen]]}
    for name, forecasts in {**rows, f"LSTM, mean of {seeds} seeds": runs}.items():
        test, validation = (np.mean([error(each, part) for each in forecasts]) for part in ("test", "validation"))
        print(f"  {name:28} {test:5.1f} ({validation:.1f})")
    spread = [[error(each) for each in group] for group in (list(linear.values()), runs)]
    print("  over the orders {:.1f} to {:.1f}, over the seeds {:.1f} to {:.1f}".format(
        *(pick(errors) for errors in spread for pick in (min, max))
    ))  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
