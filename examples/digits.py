"""An image residual net on scikit-learn's digits: trained on 400 images of 8 x 8, tested on 200 others.

    python examples/digits.py [epochs, default: 15]
"""

import pathlib
import sys

import numpy as np

import symfold as sf

CHANNELS, DEPTH, TRAINED = 16, 3, 400


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (samples, 1, 8, 8) with values from 0 to 1, and which digit each is."""
    table = np.loadtxt(pathlib.Path(__file__).parent / "digits.csv", delimiter=",", skiprows=1)
    return table[:, :-1].reshape(-1, 1, 8, 8) / 16, table[:, -1].astype(int)


def main(epochs: int) -> None:
    images, labels = digits()
    net = sf.mappers.ARCHITECTURES["image_residual"].net(DEPTH, CHANNELS)
    wanted = sf.tensor("wanted", (None, 10))
    scores = net.outputs[0]
    loss = sf.Net.of(np.mean(sf.logsumexp(scores) - np.sum(scores * wanted, axis=-1)))  # the cross-entropy
    print(net)
    data = {"x": images[:TRAINED], "wanted": np.eye(10)[labels[:TRAINED]]}
    done = sf.fit(loss, net.init(seed=0), data, optimizer=sf.sgd(0.2), epochs=epochs, batch_size=10)
    print(f"cross-entropy of an image, first step and last: {done.history.loss[0]:.3f}, {done.history.loss[-1]:.3f}")
    guessed = net.compile("numpy")(done.params, x=images[TRAINED:]).argmax(axis=-1)
    print(f"right on {np.mean(guessed == labels[TRAINED:]):.1%} of {len(guessed)} images it was not trained on")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
