"""Residual and boosting side by side: formulas printed, numbers evaluated, diagrams written.

python examples/side_by_side.py [folder for the diagrams, default: out]
"""

import pathlib
import sys

import numpy as np

import symfold as sf

DEPTH = 4


def main(folder: pathlib.Path) -> None:
    x = sf.tensor("x", (None, 3))
    layers = sf.layers(f"f1:{DEPTH + 1}", sf.dense(3, 3, sf.sigmoid))
    nets = {
        "residual": sf.fold(sf.mappers.residual, layers, x),
        "boosting": sf.fold(sf.mappers.boosting(x), layers, x),
    }
    for name, net in nets.items():
        print(f"{name}")
        print(f"  fold      {sf.formula(net, form='fold')}")
        print("  steps     " + "\n            ".join(str(net).splitlines()))
        print(f"  expanded  {sf.formula(net, form='expanded')}\n")

    params = nets["residual"].init(seed=0)
    data = np.random.default_rng(0).standard_normal((2, 3))
    for name, net in nets.items():
        numbers = np.array2string(net.compile()(params, x=data), precision=4, prefix=" " * 35)
        print(f"{name:9} at the same parameters: {numbers}")

    folder.mkdir(parents=True, exist_ok=True)
    print()
    for name, net in nets.items():
        print(f"diagram written: {net.draw(folder / f'{name}.svg')}")
    print(f"diagram written: {sf.draw(nets, folder / 'residual_boosting.svg')}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
