"""Well-known layer kinds: norms, attention, perceptrons, embeddings. Dense layers are in `layer_kinds`."""

from __future__ import annotations

from symfold.base.arguments import flag, whole
from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.leaves import Normal
from symfold.core.nodes import Node
from symfold.core.primitives import attention as attend
from symfold.core.primitives import dot, embed, expand, reduce_sum
from symfold.core.primitives import layer_norm as normed
from symfold.errors import InvalidValue
from symfold.frontend.elementwise import relu
from symfold.frontend.layer_kinds import Kind, Weight, make_kind

ZERO = Normal(0.0, 0.0)


@public
def layer_norm(width: int, epsilon: float = 1e-5) -> Kind:
    """Mean 0 and variance 1 along the last axis, then a trained gain and shift (Ba et al. 2016), both (width,).

    >>> import numpy as np, symfold as sf
    >>> net = sf.Net.of(sf.layer("f", layer_norm(3))(sf.tensor("x", (None, 3))))
    >>> net(net.init(), x=[[1.0, 2.0, 3.0]]).round(2)
    array([[-1.22,  0.  ,  1.22]])
    """
    width = whole("width", width, 1)

    def body(z: State, gain: State, shift: State) -> State:
        return normed(z, gain, shift, axes=(-1,), epsilon=epsilon)

    return make_kind(body, 1, (Weight("gain", (width,), Normal(1.0, 0.0)), Weight("shift", (width,), ZERO)))


@public
def embedding(count: int, width: int) -> Kind:
    """A table of `count` rows of `width` numbers; the layer looks up the rows that whole numbers from 0 name.

    Numbers of shape (...) give (..., width). E is (count, width) and starts standard normal, as PyTorch's `Embedding`.
    A gradient adds to the rows that were read. A number that names no row raises `OutOfRange`.

    >>> import numpy as np, symfold as sf
    >>> net = sf.Net.of(sf.layer("f", embedding(5, 2))(sf.tensor("words", (None, 3))))
    >>> net({"E_f": np.arange(10.0).reshape(5, 2)}, words=[[4, 0, 1]]).tolist()
    [[[8.0, 9.0], [0.0, 1.0], [2.0, 3.0]]]
    """
    count, width = whole("count", count, 1), whole("width", width, 1)
    return make_kind(lambda numbers, E: embed(E, numbers), 1, (Weight("E", (count, width), Normal(0.0, 1.0)),))


@public
def perceptron(width: int, hidden: int, activation: Layered = relu) -> Kind:
    """Two dense layers, `activation(x W + b) U + c`, that keep the width.

    >>> import symfold as sf
    >>> [weight.shape for weight in sf.layer("f", perceptron(3, 12)).params]
    [(3, 12), (1, 12), (12, 3), (1, 3)]
    """
    width, hidden = whole("width", width, 1), whole("hidden", hidden, 1)
    weights = (
        Weight("W", (width, hidden), Normal(0.0, width**-0.5)),
        Weight("b", (1, hidden), ZERO),
        Weight("U", (hidden, width), Normal(0.0, hidden**-0.5)),
        Weight("c", (1, width), ZERO),
    )
    return make_kind(lambda z, W, b, U, c: dot(activation(dot(z, W) + b), U) + c, 1, weights)


@public
def attention(width: int, heads: int = 1, *, causal: bool = False) -> Kind:
    """Multi-head self-attention over (..., time, width) (Vaswani et al. 2017); `causal`, over the past and itself.

    Q, K, V are (heads, width, width/heads) with biases (heads, 1, width/heads); O is (heads, width/heads, width) with
    bias (1, width). Heads are an axis of the weights, so nothing is transposed.

    >>> import symfold as sf
    >>> sf.layer("f", attention(8, 2))(sf.tensor("x", (None, 5, 8))).shape
    (x.shape[0], 5, 8)
    >>> attention(8, 3)
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: 3 heads do not divide a width of 8 (take a divisor of it)
    """
    width, heads, causal = whole("width", width, 1), whole("heads", heads, 1), flag("causal", causal)
    if width % heads:
        raise InvalidValue(f"{heads} heads do not divide a width of {width} (take a divisor of it)")
    head_width, scale = width // heads, Normal(0.0, width**-0.5)
    weights = [Weight(name, (heads, width, head_width), scale) for name in ("Q", "K", "V")]
    weights += [Weight(name, (heads, 1, head_width), ZERO) for name in ("bq", "bk", "bv")]
    weights += [Weight("O", (heads, head_width, width), scale), Weight("bo", (1, width), ZERO)]

    def body(z: State, Q: Node, K: Node, V: Node, bq: Node, bk: Node, bv: Node, O: Node, bo: Node) -> State:  # noqa: E741
        shared = expand(z, axis=-3)  # every head reads the same
        queries, keys, values = dot(shared, Q) + bq, dot(shared, K) + bk, dot(shared, V) + bv
        attended = attend(queries, keys, values, scale=head_width**-0.5, causal=causal)
        return reduce_sum(dot(attended, O), axis=(-3,), keepdims=False) + bo

    return make_kind(body, 1, tuple(weights))
