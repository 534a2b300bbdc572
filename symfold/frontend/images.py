"""Layers of images (samples, channels, height, width): convolution, batch norm, pooling."""

from __future__ import annotations

import sympy as sp

from symfold.base.arguments import flag, whole
from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.conversion import as_node, wraps_node
from symfold.core.leaves import Fixed, Normal
from symfold.core.primitives import Primitive, reduce_mean
from symfold.core.primitives import convolution as convolved
from symfold.core.primitives import max_pool as max_pooled
from symfold.core.primitives import mean_pool as mean_pooled
from symfold.frontend.layer_kinds import Kind, Weight, make_kind

ZERO = Normal(0.0, 0.0)
READS = {  # by the axes of positions, for error messages
    0: "(samples, {} features)",
    1: "(samples, {} channels, length)",
    2: "(samples, {} channels, height, width; axes=1 reads sequences, axes=0 rows)",
}
MEAN, VARIANCE = Fixed(0.0, 0.0), Fixed(1.0, 0.0)  # running statistics before training


@public
def convolution(
    inputs: int,
    outputs: int,
    size: int = 3,
    *,
    stride: int = 1,
    padding: int | None = None,
    activation: Layered | None = None,
) -> Kind:
    """A convolution (LeCun et al. 1989) with zero padding.

    W is (outputs, inputs, size, size) and b (outputs, 1, 1). The default padding is half the size, so a kernel of odd
    size with stride 1 keeps the image size.

    >>> import symfold as sf
    >>> sf.layer("f", convolution(1, 4, stride=2))(sf.tensor("x", (None, 1, 8, 8))).shape
    (x.shape[0], 4, 4, 4)
    """
    inputs, outputs, size = whole("inputs", inputs, 1), whole("outputs", outputs, 1), whole("size", size, 1)
    stride, border = whole("stride", stride, 1), size // 2 if padding is None else whole("padding", padding)
    act = activation or (lambda value: value)
    weights = (
        Weight("W", (outputs, inputs, size, size), Normal(0.0, (inputs * size**2) ** -0.5)),
        Weight("b", (outputs, 1, 1), ZERO),
    )

    def body(z: State, W: State, b: State) -> State:
        return act(convolved(z, W, stride=(stride, stride), padding=(border, border), dilation=(1, 1), groups=1) + b)

    return make_kind(body, 1, weights)


@public
def batch_norm(channels: int, epsilon: float = 1e-5, *, axes: int = 2, kept: bool = False) -> Kind:
    """Mean 0 and variance 1 of each channel over the batch, then a trained gain and shift (Ioffe & Szegedy 2015).

    The channels are axis 1, and `axes` axes of positions follow: 2 for images, 1 for sequences (samples, channels,
    length), 0 for rows (samples, features). This is PyTorch's `BatchNorm2d`, and with 1 or 0 its `BatchNorm1d`.

    As written, this is the training form: the statistics are those of the current batch. In the evaluation form, with
    `kept`, mean and variance are parameters, so a sample's result does not depend on the others. `sf.keep_statistics`
    converts the first form to the second and fills them in; training leaves them as they are. All parameters are
    (channels, 1, 1), with a 1 for each axis of positions.

    >>> import numpy as np, symfold as sf
    >>> net = sf.Net.of(sf.layer("f", batch_norm(2))(sf.tensor("x", (None, 2, 3, 3))))
    >>> out = net(net.init(), x=np.arange(36.0).reshape(2, 2, 3, 3))
    >>> bool(np.allclose(out.mean(axis=(0, 2, 3)), 0)), bool(np.allclose(out.var(axis=(0, 2, 3)), 1))
    (True, True)
    >>> rows = sf.Net.of(sf.layer("f", batch_norm(2, axes=0))(sf.tensor("x", (None, 2))))
    >>> rows(rows.init(), x=[[1.0, 5.0], [3.0, 9.0]]).round(3).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    >>> sf.layer("f", batch_norm(2, kept=True)).params
    (gain_f, shift_f, mean_f, variance_f)
    """
    channels, axes = whole("channels", channels, 1), whole("axes", axes)
    shape, over = (channels, *(1,) * axes), (0, *range(2, axes + 2))
    reads = READS.get(axes, "").format(channels)
    weights = (Weight("gain", shape, Normal(1.0, 0.0)), Weight("shift", shape, ZERO))

    def normed(centered: State, variance: State, gain: State, shift: State) -> State:
        return centered * (variance + epsilon) ** sp.Rational(-1, 2) * gain + shift

    def by_batch(z: State, gain: State, shift: State) -> State:
        centered = z - reduce_mean(z, axis=over, keepdims=True)
        return normed(centered, reduce_mean(centered**2, axis=over, keepdims=True), gain, shift)

    if flag("kept", kept):
        statistics = (Weight("mean", shape, MEAN), Weight("variance", shape, VARIANCE))
        return make_kind(
            lambda z, gain, shift, mean, variance: normed(z - mean, variance, gain, shift),
            1,
            (*weights, *statistics),
            reads,
        )
    return make_kind(by_batch, 1, weights, reads)


@public
def max_pool(value: State, size: int = 2) -> State:
    """The largest entry of each square window; a remainder at the edge is dropped.

    >>> import symfold as sf
    >>> sf.max_pool(sf.tensor("x", (None, 3, 9, 8))).shape
    (x.shape[0], 3, 4, 4)
    """
    return _pooled(value, max_pooled, size)


@public
def mean_pool(value: State, size: int = 2) -> State:
    """The mean of each square window; a remainder at the edge is dropped.

    >>> import numpy as np, symfold as sf
    >>> sf.Net.of(sf.mean_pool(sf.tensor("x", (2, 4))))(np.arange(8.0).reshape(2, 4))
    array([[2.5, 4.5]])
    """
    return _pooled(value, mean_pooled, size, padded=True)


def _pooled(value: State, pool: Primitive, size: int, **options: object) -> State:
    size = whole("size", size, 1)
    node = pool(as_node(value), kernel=(size, size), stride=(size, size), padding=(0, 0), dilation=(1, 1), **options)
    return value._wrap_(node) if wraps_node(value) else node
