"""net.folds: folds as `roll` finds them, and for what stays apart the difference that was put in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.core.folds import is_fold
from symfold.core.nodes import Node, walk
from symfold.core.primitives import convolution
from symfold.mappers import ARCHITECTURES

X = sf.tensor("x", (5, 3))
IMAGE = sf.tensor("x", (1, 3, 8, 8))
DENSE = sf.dense(3, 3, np.tanh)


def counts(roots: Any) -> list[Any]:
    """The counts of folds, outer ones first."""
    result: list[Any] = []
    for node in filter(is_fold, walk(roots)):
        result += [node.op.count, *counts(node.op.block.results)]
    return result


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_fold_is_listed_whatever_the_form(name: str) -> None:
    net = ARCHITECTURES[name].net(3, 5)
    found = net.folds()
    assert [fold.count for fold in found.folds] == counts(sf.roll(net).outputs)
    assert sf.unroll(net).folds() == sf.roll(net).folds() == found


def chained(*layers: Any, start: Node = X) -> Any:
    """A residual chain of single layers, then of two more that are alike, so that there is a fold."""
    z: Any = start
    for layer in layers:
        z = layer(z) + z
    return z


def convolved(name: str, apart: int) -> Any:
    options: Any = {"stride": (1, 1), "padding": (apart, apart), "dilation": (apart, apart), "groups": 1}
    return sf.layer(name, lambda z, W: convolution(z, W, **options), W=(3, 3, 3, 3))


F = [sf.layer(f"f{k}", DENSE) for k in range(8)]
APART: dict[str, tuple[Any, str]] = {
    "another function": (chained(sf.layer("f0", sf.dense(3, 3, sf.relu)), *F[1:6]), "f0 apart from f1..5: inside, f0 computes relu where f1 computes tanh"),
    "another arity": (
        sf.fold(sf.mappers.residual, F[1:6], sf.layer("f0", lambda a, b, W: (a + b) @ W, W=(3, 3))(X, 2 * X)),
        "f0 apart from f1..5: f0 reads 2 values, f1 1 value",
    ),
    "another weight": (
        chained(sf.layer("f0", lambda z, V, W: (z @ V) @ W, V=(3, 4), W=(4, 3)), *(sf.layer(f"f{k}", lambda z, V, W: (z @ V) @ W, V=(3, 2), W=(2, 3)) for k in range(1, 6))),
        "f0 apart from f1..5: inside, f0 has a weight (3, 4), f1 (3, 2)",
    ),
    "another result": (
        sf.fold(sf.mappers.residual, F[1:6], X) + sf.layer("f6", sf.dense(3, 1))(sf.tensor("y", (5, 3))),
        "f6 apart from f1..5: f6 gives (5, 1), f1 gives (5, 3)",
    ),
    "no body": (chained(sf.layer("f0"), *F[1:6]), "f0 apart from f1..5: f1 has a body, f0 has none"),
    "another attribute": (
        chained(convolved("f0", 2), *(convolved(f"f{k}", 1) for k in range(1, 6)), start=IMAGE),
        "f0 apart from f1..5: inside, convolution has dilation (2, 2) in f0, (1, 1) in f1",
    ),
    "another attribute, which changes what is read": (
        convolved("f0", 2)(chained(*(convolved(f"f{k}", 1) for k in range(1, 6)), start=sf.tensor("x", (1, 3, 1, 1))) + sf.tensor("y", (1, 3, 8, 8))),
        "f0 apart from f1..5: inside, convolution has dilation (2, 2) in f0, (1, 1) in f1",
    ),
    "side by side": (chained(*F[1:6]) * F[6](X), "f6 apart from f1..5: they stand side by side: neither reads what the other gives"),
    "the first of a sum": (sum((F[k](X) for k in range(1, 6)), F[0](X)), "f0 apart from f1..5: the fold starts from what it gives"),
    "with another function after it": (F[6](np.sin(chained(*F[1:6])) * 2), "f6 apart from f1..5: the layers are alike, but what they read, or what reads them, differs"),
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
def test_the_reason_is_what_differs(name: str) -> None:
    net, expected = APART[name]
    found = sf.Net.of(net).folds()
    assert [fold.count for fold in found.folds] == [5]
    assert [str(part) for part in found.apart] == [expected]
    assert str(found).startswith("folded: 5 steps: f1..5; carries")


def test_layers_take_turns_and_folds_stand_apart() -> None:
    names = {k: sf.layer(f"f{k}", DENSE) for k in range(12)}
    z: Any = X
    for k in range(12):
        z = z + names[k](z) * (np.sin(z) if k % 2 else 1)
    found = sf.Net.of(z).folds()
    assert [fold.count for fold in found.folds] == [6]
    assert [part.reason for part in found.apart] == ["they take turns in each step"]
    between = sf.Net.of(chained(*F[4:8], start=np.sin(chained(*F[:4])) * 3)).folds()
    assert [fold.count for fold in between.folds] == [4, 4]
    assert [part.reason for part in between.apart] == ["other operations stand between them"]
    boosted = sf.fold(sf.mappers.boosting(X), F[4:8], sf.fold(sf.mappers.residual, F[:4], X)).folds()
    assert [part.reason for part in boosted.apart] == ["the layers are alike, but what they read, or what reads them, differs"]


@pytest.mark.parametrize(
    ("layers", "depth", "shown"),
    [("f1:9", 8, "f1, f3, f5, f7"), ("f1:13", 12, "f1, f3, ..., f11"), ("f1:7", 6, "f1, f3, f5"), ("a b c d e f", 6, "a, c, e")],
)
def test_names_of_every_other_layer_are_not_shown_as_a_range(layers: str, depth: int, shown: str) -> None:
    z: Any = sf.tensor("x")
    for k, layer in enumerate(sf.layers(layers)):
        z = layer(z) + z if k % 2 else layer(z)
    found = sf.Net.of(z).folds()
    assert [fold.count for fold in found.folds] == [depth // 2]
    assert str(found).startswith(f"folded: {depth // 2} steps: ({shown}), (")


def test_of_many_the_first_are_shown() -> None:
    z: Any = X
    for k in range(30):
        z = z ** (k + 2) + sf.layer(f"f{k}", DENSE)(z)  # no two alike
    lines = str(sf.Net.of(z).folds()).splitlines()
    assert (len(lines), lines[0], lines[-1]) == (22, "folded: nothing", "not folded: 9 more")


def test_a_net_in_which_nothing_repeats_has_nothing_apart() -> None:
    found = sf.Net.of(sf.layer("g", sf.dense(4, 2))(sf.layer("f", sf.dense(3, 4))(X))).folds()
    assert (found.folds, found.apart, str(found)) == ((), (), "folded: nothing")
