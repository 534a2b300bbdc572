"""Image nets: a residual stream of feature maps between a first convolution and a linear readout."""

from __future__ import annotations

from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.leaves import Normal
from symfold.core.net import Net
from symfold.core.primitives import dot, reduce_mean
from symfold.frontend import folding
from symfold.frontend.elementwise import relu
from symfold.frontend.images import batch_norm, convolution
from symfold.frontend.layer_kinds import Kind, Weight, make_kind
from symfold.frontend.named_layers import layer, layers
from symfold.mappers.additive import residual
from symfold.mappers.registry import Architecture, Parts


@public
def image_residual(stem: Layered, blocks: object, head: Layered, x: State) -> Net:
    """A first layer, residual blocks, and a readout (He et al. 2016).

    >>> import symfold as sf
    >>> net = image_residual(sf.layer("s"), sf.layers("f1:3"), sf.layer("h"), sf.tensor("x"))
    >>> print(sf.formula(net, form="expanded"))
    h(f2(f1(s(x)) + s(x)) + f1(s(x)) + s(x))
    """
    return Net.of(head(folding.fold(residual, blocks, stem(x))))


@public
def convolution_block(channels: int, kept: bool = False) -> Kind:
    """Batch norm, relu, convolution: the branch of a pre-activation residual step; with `kept`, by kept statistics.

    >>> [weight.prefix for weight in convolution_block(4).weights]
    ['gain', 'shift', 'W', 'b']
    """
    norm, maps = batch_norm(channels, kept=kept), convolution(channels, channels)
    of_norm = len(norm.weights)

    def body(z: State, *weights: object) -> State:
        (normed,) = norm.body(z, *weights[:of_norm])
        (result,) = maps.body(relu(normed), *weights[of_norm:])
        return result

    return make_kind(body, 1, (*norm.weights, *maps.weights))


@public
def readout(channels: int, classes: int) -> Kind:
    """The mean over all pixels, then a linear map to one score per class.

    >>> import symfold as sf
    >>> sf.layer("out", readout(4, 10))(sf.tensor("x", (5, 4, 8, 8))).shape
    (5, 10)
    """
    weights = (
        Weight("W", (channels, classes), Normal(0.0, channels**-0.5)),
        Weight("b", (1, classes), Normal(0.0, 0.0)),
    )
    return make_kind(lambda z, W, b: dot(reduce_mean(z, axis=(-2, -1), keepdims=False), W) + b, 1, weights)


def _example(parts: Parts) -> Net:
    if parts.width is None:
        return image_residual(parts.layer("s"), parts.layers(), parts.layer("h"), parts.x)
    blocks = layers("f", convolution_block(parts.width, parts.keeps_statistics), count=parts.depth)
    stem, head = layer("s", convolution(1, parts.width)), layer("h", readout(parts.width, parts.classes))
    return image_residual(stem, blocks, head, parts.image)


ARCHITECTURES = (
    Architecture("image_residual", _example,
                 "z = z + f(z), f = convolution(relu(batch_norm(z)))", "z, feature maps", "t**2*(1 + t)**n", "n + 2", "n + 2", "", "He et al. 2016",
                 "image", None, own_activation=True),
)  # fmt: skip
