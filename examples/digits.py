"""An image residual net tells handwritten digits apart: 8 x 8 images, batch norm, skip connections, Adam.

1,797 images (`digits.csv`). The 360 images of the test were drawn by a seed before anything was trained; a tenth of the
others is for validation. Depth, width, rate and epochs were set by hand, with no search. Where the net is measured, its
batch norms have the statistics of the training images, so that each image is judged by itself.

    python examples/digits.py [epochs, default: 8] [seeds, default: 3]
"""

import os
import pathlib
import sys
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # products this small wait longer for a second thread than it saves

import numpy as np

import symfold as sf

DEPTH, CHANNELS, BATCH, RATE, VALIDATION, TEST = 3, 16, 32, 0.01, 0.1, 360
BACKEND = "native" if find_spec("llvmlite") else "numpy"  # its convolutions take a quarter of NumPy's time


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (samples, 1, 8, 8) with values from 0 to 1, and which digit each is."""
    table = np.loadtxt(pathlib.Path(__file__).parent / "digits.csv", delimiter=",", skiprows=1)
    return table[:, :-1].reshape(-1, 1, 8, 8) / 16, table[:, -1].astype(int)


def parts(samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Which images are for training and validation, and which for the test: always the same."""
    order = np.random.default_rng(0).permutation(samples)
    return order[TEST:], order[:TEST]


def residual_net() -> sf.Net:
    """Ten scores per image: a convolution, then z + convolution(relu(batch_norm(z))) at each step, then a readout."""
    return sf.mappers.ARCHITECTURES["image_residual"].net(DEPTH, CHANNELS)


def trained(net: sf.Net, images: np.ndarray, labels: np.ndarray, epochs: int, seed: int) -> tuple[Any, sf.Net, Any]:
    """The result of a training, and the net with the statistics of these images and its parameters."""
    loss = sf.losses.cross_entropy(net, sf.tensor("label", (None,)))
    batches = -(-round(len(images) * (1 - VALIDATION)) // BATCH)
    rate = sf.optimizers.one_cycle(RATE, steps=epochs * batches)
    done = sf.fit(
        loss, net.init(seed), {"x": images, "label": labels}, optimizer=sf.adam(rate), epochs=epochs,
        batch_size=BATCH, validation=VALIDATION, seed=seed, progress=False, backend=BACKEND,
    )  # fmt: skip
    return done, *sf.keep_statistics(net, done.params, {"x": images})


def accuracy(net: sf.Net, params: Any, images: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(net.compile("numpy")(params, x=images).argmax(axis=-1) == labels))


def main(epochs: int, seeds: int) -> None:
    images, labels = digits()
    known, test = parts(len(images))
    net = residual_net()
    print(sf.formula(net, form="fold"))
    right = []
    for seed in range(seeds):
        done, kept, params = trained(net, images[known], labels[known], epochs, seed)
        right.append(accuracy(kept, params, images[test], labels[test]))
        print(f"seed {seed}: {done.history}; right on {right[-1]:.1%} of the test")
    print(f"right on {np.mean(right):.1%} of the {TEST} test images, the mean of {seeds} seeds")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8, int(sys.argv[2]) if len(sys.argv) > 2 else 3)
