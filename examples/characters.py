"""A character model: causal transformer blocks read Shakespeare's sonnets and predict the next character.

The model is trained on the first nine tenths of the 154 sonnets (`sonnets.txt`) and measured on the last tenth, beside
tables of frequencies: of characters (unigrams), and of characters by the one before (bigrams). At the end it writes.

    python examples/characters.py [epochs, default: 6]
"""

import os
import pathlib
import sys
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import symfold as sf

WIDTH, HEADS, BLOCKS, LENGTH, BATCH, RATE = 32, 4, 2, 32, 32, 0.01


def sonnets() -> tuple[str, np.ndarray]:
    """The alphabet, and the text as numbers of its characters."""
    text = (pathlib.Path(__file__).parent / "sonnets.txt").read_text("utf-8")
    alphabet = "".join(sorted(set(text)))
    return alphabet, np.array([alphabet.index(character) for character in text])


def model(characters: int) -> sf.Net:
    """Scores of the next character at each of LENGTH places; each place reads those before it and itself."""
    text = sf.tensor("text", (None, LENGTH))
    z = sf.layer("e", sf.embedding(characters, WIDTH))(text) + sf.parameter("place", (LENGTH, WIDTH))
    norms = sf.layers(f"n1:{2 * BLOCKS + 2}", sf.layer_norm(WIDTH))
    attentions = sf.layers("a", sf.attention(WIDTH, HEADS, causal=True), count=BLOCKS)
    perceptrons = sf.layers("m", sf.perceptron(WIDTH, 4 * WIDTH), count=BLOCKS)
    blocks = list(zip(norms[:BLOCKS], attentions, norms[BLOCKS:-1], perceptrons, strict=True))
    z = sf.fold(sf.mappers.pre_norm, blocks, z)
    return sf.Net.of(sf.layer("out", sf.dense(WIDTH, characters))(norms[-1](z)))


def windows(numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Pieces of LENGTH characters, and the same moved on by one."""
    starts = np.arange(0, len(numbers) - LENGTH, LENGTH)
    pieces = numbers[starts[:, None] + np.arange(LENGTH + 1)]
    return {"text": pieces[:, :-1], "next": pieces[:, 1:]}


def entropies(training: np.ndarray, test: np.ndarray, characters: int) -> tuple[float, float]:
    """Nats per character of the test by frequencies of characters, and of pairs, each pair counted 1/10 more."""
    single, pair = np.ones(characters), np.full((characters, characters), 0.1)
    np.add.at(single, training, 1)
    np.add.at(pair, (training[:-1], training[1:]), 1)
    unigram, bigram = np.log(single / single.sum()), np.log(pair / pair.sum(axis=1, keepdims=True))
    return -float(np.mean(unigram[test[1:]])), -float(np.mean(bigram[test[:-1], test[1:]]))


def written(net: sf.Net, params: Any, start: np.ndarray, count: int, temperature: float = 0.7) -> list[int]:
    """Characters drawn one after another, each by the scores after the last LENGTH characters."""
    run, random, numbers = net.compile(), np.random.default_rng(0), list(start)
    for _ in range(count):
        scores = run(params, text=np.array([numbers[-LENGTH:]]))[0, -1] / temperature
        chances = np.exp(scores - scores.max())
        numbers.append(int(random.choice(len(chances), p=chances / chances.sum())))
    return numbers[len(start) :]


def main(epochs: int) -> None:
    alphabet, numbers = sonnets()
    training, test = np.split(numbers, [len(numbers) * 9 // 10])
    net = model(len(alphabet))
    print(sf.formula(net, form="fold"))
    loss, data = sf.losses.cross_entropy(net, sf.tensor("next", (None, LENGTH))), windows(training)
    rate = sf.optimizers.one_cycle(RATE, steps=epochs * -(-len(data["text"]) // BATCH))
    done = sf.fit(
        loss, net.init(0), data, optimizer=sf.adamw(rate), epochs=epochs, batch_size=BATCH,
        validation=windows(test), progress=False,
    )  # fmt: skip
    unigram, bigram = entropies(training, test, len(alphabet))
    print(f"\nnats per character on the last tenth of {len(numbers):,} characters")
    for name, value in {"unigrams": unigram, "bigrams": bigram, "model": done.history.validation["loss"][-1]}.items():
        print(f"  {name:9} {value:.2f}")
    print("\nIt writes:")
    print("".join(alphabet[number] for number in written(net, done.params, training[:LENGTH], 240)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
