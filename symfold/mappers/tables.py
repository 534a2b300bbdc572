"""The tables of mappers and architectures, gathered from the families."""

from __future__ import annotations

from itertools import chain

from symfold.mappers.additive import ROWS as ADDITIVE
from symfold.mappers.dense import ARCHITECTURES as DENSE
from symfold.mappers.ensembles import ARCHITECTURES as ENSEMBLES
from symfold.mappers.images import ARCHITECTURES as IMAGES
from symfold.mappers.multiplicative import ROWS as MULTIPLICATIVE
from symfold.mappers.recurrent import ARCHITECTURES as RECURRENT
from symfold.mappers.registry import Architecture, Row
from symfold.mappers.residuals import ARCHITECTURES as RESIDUALS
from symfold.mappers.residuals import ROWS as RESIDUAL_STEPS
from symfold.mappers.reversible import ARCHITECTURES as REVERSIBLE
from symfold.mappers.steps import ARCHITECTURES as INTEGRATORS
from symfold.mappers.steps import ROWS as STEPS
from symfold.mappers.structures import ARCHITECTURES as STRUCTURES
from symfold.mappers.transformers import ARCHITECTURES as TRANSFORMERS

# steps over one layer, which the command takes by name
MAPPERS: dict[str, Row] = {row.name: row for row in chain(ADDITIVE, MULTIPLICATIVE, RESIDUAL_STEPS, STEPS)}
# whole architectures, at any depth
ARCHITECTURES: dict[str, Architecture] = {
    row.name: row
    for row in chain(
        *(RESIDUALS, ENSEMBLES, DENSE, RECURRENT, REVERSIBLE, INTEGRATORS, STRUCTURES, TRANSFORMERS, IMAGES)
    )
}
# other names of rows, which errors translate
OTHER_NAMES = {
    **dict.fromkeys(("resnet", "res_net", "skip"), "residual"),
    **dict.fromkeys(("boosted", "additive", "ensemble"), "boosting"),
    **dict.fromkeys(("mlp", "plain", "sequential"), "feedforward"),
    "rnn": "elman",
    "densenet": "dense_concatenation",
    "transformer": "pre_norm",
}
