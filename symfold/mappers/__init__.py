"""Mappers: steps and architectures by name.

In: a state and an item. Out: the next state. Each family is a file with its rows; a new mapper is one row.

    registry         the rows of the tables, and what architectures are built from
    additive         feedforward, residual, boosting
    dense            sums and concatenations of all earlier states
    expressions/     mappers typed as text: parsed, never evaluated
    images           a residual stream of feature maps
    multiplicative   products in place of sums
    ensembles        learners on the input, added, averaged or gated
    recurrent        Elman, GRU, LSTM
    residuals        variants of the residual step
    reversible       steps that can be inverted
    steps            numerical integrators as steps
    structures       fractals, U-Nets, fixed points
    transformers     attention blocks
"""

from __future__ import annotations

from typing import Any

from symfold.base.arguments import one_of
from symfold.base.trees import State
from symfold.errors import no_name
from symfold.mappers import additive as _additive
from symfold.mappers import dense as _dense
from symfold.mappers import ensembles as _ensembles
from symfold.mappers import images as _images
from symfold.mappers import multiplicative as _multiplicative
from symfold.mappers import recurrent as _recurrent
from symfold.mappers import residuals as _residuals
from symfold.mappers import reversible as _reversible
from symfold.mappers import steps as _steps
from symfold.mappers import structures as _structures
from symfold.mappers import transformers as _transformers
from symfold.mappers.additive import boosting, feedforward, residual
from symfold.mappers.dense import dense_concatenation, dense_sum, denseformer, depth_attention, hyper_connections
from symfold.mappers.ensembles import gradient_boosting, mixture, stacking
from symfold.mappers.images import convolution_block, image_residual, readout
from symfold.mappers.multiplicative import multiplicative, multiplicative_boosting
from symfold.mappers.recurrent import bidirectional, elman, encoder_decoder, gru, gru_reset_after, lstm, multilayer
from symfold.mappers.registry import Architecture, Mapper, Row
from symfold.mappers.residuals import highway, parallel, pre_activation, rezero, scaled
from symfold.mappers.reversible import coupling, leapfrog, momentum
from symfold.mappers.steps import euler, heun, midpoint, rk4
from symfold.mappers.structures import equilibrium, fractal, implicit_gradient, unet
from symfold.mappers.transformers import parallel_block, post_norm, pre_norm

__all__ = [
    "ARCHITECTURES",
    "MAPPERS",
    "Architecture",
    "Mapper",
    "Row",
    "bidirectional",
    "boosting",
    "convolution_block",
    "coupling",
    "dense_concatenation",
    "dense_sum",
    "denseformer",
    "depth_attention",
    "elman",
    "encoder_decoder",
    "equilibrium",
    "euler",
    "feedforward",
    "fractal",
    "gradient_boosting",
    "gru",
    "gru_reset_after",
    "heun",
    "highway",
    "hyper_connections",
    "image_residual",
    "implicit_gradient",
    "leapfrog",
    "lstm",
    "mapper",
    "midpoint",
    "mixture",
    "momentum",
    "multilayer",
    "multiplicative",
    "multiplicative_boosting",
    "parallel",
    "parallel_block",
    "post_norm",
    "pre_activation",
    "pre_norm",
    "readout",
    "residual",
    "rezero",
    "rk4",
    "scaled",
    "stacking",
    "unet",
]  # fmt: skip

# steps over one layer, which the command takes by name
MAPPERS: dict[str, Row] = {
    row.name: row for family in (_additive, _multiplicative, _residuals, _steps) for row in family.ROWS
}
# whole architectures, at any depth
ARCHITECTURES: dict[str, Architecture] = {
    row.name: row
    for family in (_residuals, _ensembles, _dense, _recurrent, _reversible, _steps, _structures, _transformers, _images)
    for row in family.ARCHITECTURES
}


def mapper(name: str, x: State) -> Mapper:
    """The mapper with this name, for the initial input x.

    >>> mapper("resnet", None)
    Traceback (most recent call last):
    ...
    symfold.errors.UnknownName: unknown mapper: 'resnet' (must be one of 'boosting', ...)
    """
    return MAPPERS[one_of("mapper", name, MAPPERS)].make(x)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in MAPPERS:  # added by `symfold.extend.mapper`
        return MAPPERS[name].make(None)
    raise no_name("sf.mappers", name, __dir__())


def __dir__() -> list[str]:
    return sorted({name for name in __all__ if not name.isupper()} | {*MAPPERS})
