"""An image residual net on scikit-learn's digits: its setting chosen on 120 images of 8 x 8, tested once on 120 others.

600 images, shuffled by a seed, are parted in three. Each setting of a small grid is trained on 360 of them and
measured on the 120 for validation; the best is trained anew on these 480 together, and measured on the 120 for the
test, by which nothing was chosen. Where a net is measured, its batch norms have the statistics of the images that it
was trained on, so that each image is judged by itself.

    python examples/digits.py [most epochs, default: 20]
"""

import itertools
import os
import pathlib
import sys
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # products this small wait longer for a second thread than it saves

import numpy as np

import symfold as sf

CHANNELS, BATCH, SEED = 16, 20, 0
DEPTHS, RATES = (2, 3), (0.02, 0.05)
TRAINING, VALIDATION = 360, 120  # images; what is left is for the test


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (samples, 1, 8, 8) with values from 0 to 1, and which digit each is."""
    table = np.loadtxt(pathlib.Path(__file__).parent / "digits.csv", delimiter=",", skiprows=1)
    return table[:, :-1].reshape(-1, 1, 8, 8) / 16, table[:, -1].astype(int)


def parts(samples: int) -> list[np.ndarray]:
    """Which images are for training, for validation and for the test."""
    return np.split(np.random.default_rng(SEED).permutation(samples), [TRAINING, TRAINING + VALIDATION])


def cross_entropy(net: sf.Net) -> sf.Net:
    """The mean over images of what their digit's score lacks."""
    scores, wanted = net.outputs[0], sf.tensor("wanted", (None, 10))
    return sf.Net.of(np.mean(sf.logsumexp(scores) - np.sum(scores * wanted, axis=-1)))


def trained(images: np.ndarray, labels: np.ndarray, depth: int, rate: float, epochs: int) -> tuple[sf.Net, Any]:
    """The scores of a net of this setting, with the statistics of these images kept, and its parameters."""
    net = sf.mappers.ARCHITECTURES["image_residual"].net(depth, CHANNELS)
    data = {"x": images, "wanted": np.eye(10)[labels]}
    optimizer = sf.optimizers.momentum(rate)
    done = sf.fit(
        cross_entropy(net), net.init(SEED), data, optimizer=optimizer, epochs=epochs, batch_size=BATCH, seed=SEED
    )
    return sf.keep_statistics(net, done.params, {"x": images})


def measured(net: sf.Net, params: Any, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The cross-entropy on these images, and the fraction that is told right."""
    loss = cross_entropy(net).compile("numpy")(params, x=images, wanted=np.eye(10)[labels])
    return float(loss), float(np.mean(net.compile("numpy")(params, x=images).argmax(axis=-1) == labels))


def main(most: int) -> None:
    images, labels = digits()
    training, validation, test = parts(len(images))
    found = {}
    for depth, rate, epochs in itertools.product(DEPTHS, RATES, sorted({max(1, most // 2), most})):
        kept = trained(images[training], labels[training], depth, rate, epochs)
        loss, right = measured(*kept, images[validation], labels[validation])
        found[depth, rate, epochs] = loss
        print(f"depth {depth}, rate {rate}, {epochs} epochs: validation cross-entropy {loss:.4f}, {right:.1%} right")
    depth, rate, epochs = min(found, key=found.__getitem__)
    print(f"chosen: depth {depth}, rate {rate}, {epochs} epochs")
    seen = np.concatenate([training, validation])
    net, params = trained(images[seen], labels[seen], depth, rate, epochs)
    print(net)
    loss, right = measured(net, params, images[test], labels[test])
    print(f"right on {right:.1%} of {len(test)} images by which nothing was chosen")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
