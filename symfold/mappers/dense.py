"""Layers that read all earlier ones: concatenated, summed, weighted, by attention over depth, or in several streams.

A growing state needs a block per step; a sum or a fixed number of streams needs one block for all steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.conversion import as_node
from symfold.core.leaves import Normal, parameter
from symfold.core.net import Net
from symfold.core.primitives import concatenate, dot, expand, reduce_sum
from symfold.core.sequences import stack
from symfold.core.stacked_inputs import known_count
from symfold.frontend import folding
from symfold.frontend.elementwise import softmax
from symfold.frontend.layer_kinds import dense
from symfold.frontend.named_layers import Layer
from symfold.frontend.runs import zipped
from symfold.mappers.registry import Architecture, Parts, item_of, pair_of


@public
def dense_concatenation(z: State, f: Layered) -> State:
    """Every layer reads all earlier ones, concatenated along the last axis (Huang et al. 2017, DenseNet).

    >>> import symfold as sf
    >>> x, f = sf.tensor("x", (None, 3)), [sf.layer("f1", sf.dense(3, 2)), sf.layer("f2", sf.dense(5, 2))]
    >>> sf.fold(dense_concatenation, f, x).shape
    (x.shape[0], 7)
    """
    return np.concatenate([z, f(z)], axis=-1)


@public
def dense_sum(state: tuple[State, State], f: Layered) -> tuple[State, State]:
    """Every layer reads the sum of all earlier ones (Soltani & Jiang 2016, HORNN). State: (the last layer, the sum).

    The sum is a residual net: s = s + f(s).

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:5"), sf.tensor("x")
    >>> sf.verdict(sf.fold(dense_sum, f, (x, x))[1], sf.fold(sf.mappers.residual, f, x)).equal
    True
    """
    z, total = pair_of("dense_sum", state, "z", "sum")
    z = f(total)
    return z, total + z


@public
def denseformer(state: tuple[State, State], item: tuple[Layered, State]) -> tuple[State, State]:
    """Every layer reads a trained average of all earlier ones (Pagliardini et al. 2024).

    State: (the average, the sequence of all so far). Items: (layer, weights of shape (its length, 1, ...)).

    >>> import symfold as sf
    >>> x = sf.tensor("x", (None, 3))
    >>> sf.fold(denseformer, [(sf.layer("f1"), sf.parameter("a1", (2, 1, 1)))], (x, sf.stack([x])))[1].shape
    (2, x.shape[0], 3)
    """
    z, earlier = pair_of("denseformer", state, "average", "sequence")
    f, alpha = item_of("denseformer", item, "layer", "weights", values=1)
    earlier = _appended(earlier, f(z))
    return reduce_sum(alpha * earlier, axis=(0,), keepdims=False), earlier


@public
def depth_attention(earlier: State, f: Layered) -> State:
    """Every layer reads the earlier ones by attention, with the last one as the query (Fang et al. 2023).

    State: the sequence of all so far. Paths: each earlier one is read twice, as value and key, and the last once more,
    as the query: P_k = t*(2*(P_0 + ... + P_{k-1}) + P_{k-1}).

    >>> import symfold as sf
    >>> x = sf.tensor("x", (None, 3))
    >>> sf.fold(depth_attention, sf.layers("f1:4"), sf.stack([x])).shape
    (4, x.shape[0], 3)
    """
    score = reduce_sum(earlier * earlier[-1], axis=(-1,), keepdims=True)
    return _appended(earlier, f(reduce_sum(softmax(score, axis=0) * earlier, axis=(0,), keepdims=False)))


@public
def hyper_connections(streams: State, item: tuple[Layered, State, State, State]) -> State:
    """Several residual streams, read, mixed and written with trained weights (Zhu et al. 2024, the static form).

    State: (rows, m, width). Items: (layer, read (1, m), mix (m, m), write (m, 1)).

    >>> import symfold as sf
    >>> weights = [sf.parameter(name, shape) for name, shape in (("r", (1, 2)), ("A", (2, 2)), ("w", (2, 1)))]
    >>> print(sf.fold(hyper_connections, [(sf.layer("f"), *weights)], sf.tensor("H", (None, 2, 3))))
    z1 = dot(A, H) + dot(w, f(dot(r, H)))
    """
    f, read, mix, write = item_of("hyper_connections", item, "layer", "read", "mix", "write", values=3)
    return dot(mix, streams) + dot(write, f(dot(read, streams)))


def _appended(earlier: State, value: State) -> State:
    """A sequence with one more entry."""
    node = as_node(value)
    return concatenate(as_node(earlier), expand(node, axis=-len(node.shape) - 1), axis=0)


def _growing(parts: Parts) -> Net:
    depth, width, activation = known_count(parts.depth), parts.width, parts.activation()
    kinds: Sequence[Any] = [None if width is None else dense((k + 1) * width, width, activation) for k in range(depth)]
    return folding.fold(dense_concatenation, [Layer(f"f{k + 1}", kind) for k, kind in enumerate(kinds)], parts.x)


def _denseformer(parts: Parts) -> Net:
    weights = [
        parameter(f"alpha{k + 1}", (k + 2, 1, 1), Normal(1.0 / (k + 2), 0.1)) for k in range(known_count(parts.depth))
    ]
    return folding.fold(denseformer, list(zip(parts.layers(), weights, strict=True)), (parts.x, stack([parts.x])))[0]


def _hyper_connections(parts: Parts, streams: int = 2) -> Net:
    items = zipped(
        parts.layers(),
        parts.numbers("r", (1, streams)),
        parts.numbers("A", (streams, streams)),
        parts.numbers("w", (streams, 1)),
    )
    start = expand(parts.x, axis=-2) * np.ones((streams, 1))
    return Net.of(reduce_sum(as_node(folding.fold(hyper_connections, items, start)), axis=(-2,), keepdims=False))


ARCHITECTURES = (
    Architecture("dense_concatenation", _growing,
                 "z = [z, f(z)]", "z, wider at each step", "(1 + t)**n", "n", "n", "z is kept", "Huang et al. 2017", most=1_000),
    Architecture("dense_sum", lambda parts: folding.fold(dense_sum, parts.layers(), (parts.x, parts.x))[0],
                 "z = f(s), s = s + z", "(z, s)", "t*(1 + t)**(n - 1)", "n", "n", "s = s - z", "Soltani & Jiang 2016"),
    Architecture("denseformer", _denseformer,
                 "z_k = f(y_{k-1}), y_k = sum_j alpha_kj*z_j", "all z so far", "(1 + t)**n", "n", "n", "z is kept", "Pagliardini et al. 2024", most=1_000),
    Architecture("depth_attention", lambda parts: folding.fold(depth_attention, parts.layers(), stack([parts.x]))[-1],
                 "z_k = f(sum_j softmax_j(z_j . z_{k-1})*z_j)", "all z so far", "P_n = (1 + 3*t)*P_{n-1} - t*P_{n-2}, P_0 = 1, P_1 = 3*t",
                 "n", "n", "z is kept", "Fang et al. 2023", most=1_000),
    Architecture("hyper_connections", _hyper_connections,
                 "H = A*H + w*f(r*H)", "H, m streams", "(1 + t)**n", "n", "n", "", "Zhu et al. 2024"),
)  # fmt: skip
