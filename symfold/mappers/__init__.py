"""Mappers by name. A family is a file with its rows; a new mapper is one row."""

from __future__ import annotations

from typing import Any

from symfold.base.arguments import one_of
from symfold.errors import unknown
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
from symfold.mappers.additive import boosting as boosting
from symfold.mappers.additive import feedforward as feedforward
from symfold.mappers.additive import residual as residual
from symfold.mappers.dense import dense_concatenation as dense_concatenation
from symfold.mappers.dense import dense_sum as dense_sum
from symfold.mappers.dense import denseformer as denseformer
from symfold.mappers.dense import depth_attention as depth_attention
from symfold.mappers.dense import hyper_connections as hyper_connections
from symfold.mappers.ensembles import gradient_boosting as gradient_boosting
from symfold.mappers.ensembles import mixture as mixture
from symfold.mappers.ensembles import stacking as stacking
from symfold.mappers.images import convolution_block as convolution_block
from symfold.mappers.images import image_residual as image_residual
from symfold.mappers.images import readout as readout
from symfold.mappers.multiplicative import multiplicative as multiplicative
from symfold.mappers.multiplicative import multiplicative_boosting as multiplicative_boosting
from symfold.mappers.recurrent import bidirectional as bidirectional
from symfold.mappers.recurrent import elman as elman
from symfold.mappers.recurrent import encoder_decoder as encoder_decoder
from symfold.mappers.recurrent import gru as gru
from symfold.mappers.recurrent import gru_reset_after as gru_reset_after
from symfold.mappers.recurrent import lstm as lstm
from symfold.mappers.recurrent import multilayer as multilayer
from symfold.mappers.registry import Architecture as Architecture
from symfold.mappers.registry import Mapper as Mapper
from symfold.mappers.registry import Row as Row
from symfold.mappers.residuals import highway as highway
from symfold.mappers.residuals import parallel as parallel
from symfold.mappers.residuals import pre_activation as pre_activation
from symfold.mappers.residuals import rezero as rezero
from symfold.mappers.residuals import scaled as scaled
from symfold.mappers.reversible import coupling as coupling
from symfold.mappers.reversible import leapfrog as leapfrog
from symfold.mappers.reversible import momentum as momentum
from symfold.mappers.steps import euler as euler
from symfold.mappers.steps import heun as heun
from symfold.mappers.steps import midpoint as midpoint
from symfold.mappers.steps import rk4 as rk4
from symfold.mappers.structures import equilibrium as equilibrium
from symfold.mappers.structures import fractal as fractal
from symfold.mappers.structures import implicit_gradient as implicit_gradient
from symfold.mappers.structures import unet as unet
from symfold.mappers.transformers import parallel_block as parallel_block
from symfold.mappers.transformers import post_norm as post_norm
from symfold.mappers.transformers import pre_norm as pre_norm

# steps of one layer, that the command takes by name
MAPPERS: dict[str, Row] = {row.name: row for family in (_additive, _multiplicative, _residuals, _steps) for row in family.ROWS}
# whole architectures, at any depth
ARCHITECTURES: dict[str, Architecture] = {row.name: row for family in (_residuals, _ensembles, _dense, _recurrent, _reversible, _steps, _structures, _transformers, _images) for row in family.ARCHITECTURES}


def mapper(name: str, x: Any) -> Mapper:
    """The mapper of this name, for the initial input x.

    >>> mapper("resnet", None)
    Traceback (most recent call last):
    ...
    symfold.errors.UnknownName: unknown mapper: 'resnet' (must be one of 'boosting', ...)
    """
    return MAPPERS[one_of("mapper", name, MAPPERS)].make(x)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise unknown("mapper", name, MAPPERS)
