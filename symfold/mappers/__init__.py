"""Mappers: steps and architectures by name.

In: a state and an item. Out: the next state. Each family is a file with its rows; a new mapper is one row.

    registry         rows, and what architectures are built from
    additive         feedforward, residual, boosting
    dense            sums and concatenations of all earlier states
    images           a residual stream of feature maps
    multiplicative   products in place of sums
    ensembles        learners on the input, added, averaged or gated
    recurrent        Elman, GRU, LSTM
    residuals        variants of the residual step
    reversible       steps that can be inverted
    steps            numerical integrators as steps
    structures       fractals, U-Nets, fixed points
    transformers     attention blocks
    tables           all rows by name
    expressions/     mappers typed as text: parsed, never evaluated
"""

from __future__ import annotations

from typing import Any

from symfold.base.public import public
from symfold.base.trees import State
from symfold.errors import InvalidValue, no_name, unknown
from symfold.mappers.additive import boosting, feedforward, residual
from symfold.mappers.dense import dense_concatenation, dense_sum, denseformer, depth_attention, hyper_connections
from symfold.mappers.ensembles import gradient_boosting, mixture, stacking
from symfold.mappers.expressions import named_mapper
from symfold.mappers.images import convolution_block, image_residual, readout
from symfold.mappers.multiplicative import multiplicative, multiplicative_boosting
from symfold.mappers.recurrent import bidirectional, elman, encoder_decoder, gru, gru_reset_after, lstm, multilayer
from symfold.mappers.registry import Architecture, Mapper, Row
from symfold.mappers.residuals import highway, parallel, pre_activation, rezero, scaled
from symfold.mappers.reversible import coupling, leapfrog, momentum
from symfold.mappers.steps import euler, heun, midpoint, rk4
from symfold.mappers.structures import equilibrium, fractal, implicit_gradient, unet
from symfold.mappers.tables import ARCHITECTURES, MAPPERS, OTHER_NAMES
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


@public
def mapper(text: str, x: State = None) -> Mapper:
    """A mapper by its name, or typed as an expression, for the initial input x.

    In an expression z is the state, x the initial input, and a single letter with an argument a layer; numbers,
    `+ - * / ** @`, comparisons and functions such as tanh are allowed. It is parsed, never evaluated. An item of one
    layer is the layer, an item of several the tuple of them in alphabetical order. A state of two to four parts is
    typed as a tuple, its parts as z[0], z[1].

    An unknown name is an `UnknownName`, a mistake in the expression a `ParseError`.

    >>> import symfold as sf
    >>> f, s = sf.layers("f", count="n"), sf.layers("s", count="n")
    >>> print(sf.fold(sf.mapper("z + s(z)*(f(z) - z)"), sf.zipped(f, s), sf.tensor("x")))
    z_k = z_{k-1} + s_k(z_{k-1})*(f_k(z_{k-1}) - z_{k-1}), k = 1..n, z_0 = x
    >>> sf.mapper("residual") == sf.mappers.residual
    True
    >>> mapper("resnet")
    Traceback (most recent call last):
    ...
    symfold.errors.UnknownName: unknown mapper: 'resnet' (did you mean 'residual'?)
    """
    if not isinstance(text, str):
        raise unknown("mapper", text, MAPPERS)
    row = named_mapper(text)
    if x is None and row.reads_x:
        raise InvalidValue(f"the mapper {text!r} reads the initial input x (give it: sf.mapper({text!r}, x))")
    return row.make(x)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in MAPPERS:  # added by `symfold.extend.mapper`
        return MAPPERS[name].make(None)
    raise no_name("sf.mappers", name, __dir__(), {key: f"sf.mappers.{row}" for key, row in OTHER_NAMES.items()})


def __dir__() -> list[str]:
    return sorted({name for name in __all__ if not name.isupper()} | {*MAPPERS})
