"""symfold: a layer is a symbolic function, and folding a mapper over a list of layers is an architecture.

The rooms, in the order in which data flows through them; a room imports only from those before it (a test says so):

    errors, arguments, files, large             what can go wrong, what callers gave, whole files, long numbers
    arrays                                      one namespace over the packages that compute with arrays
    shapes, values, functions                   sizes, plain data, elementwise functions
    operations, operators, nodes, walks         what a net is made of: an operation over nodes, and how nodes are walked
    tensors, lifting                            where nodes begin: made by hand, or read from Python's and SymPy's values
    primitives, families, sequences             what is not elementwise; many inputs as one; values with one entry a step
    numpy_instead, numpy_choices, numpy_functions   how people spell them: NumPy's functions, those that trace and those that do not
    arithmetic, elementwise                     operators, functions of ours
    trees, blocks                               states, taken apart into leaves; closed functions, traced
    layer_kinds, kinds, images                  bodies with parameters: dense, attention and norms, convolution
    named_layers, items                         layers, applied by name; what a fold runs over
    folds, runs, purity, folding                a block and a count; like items; mappers checked; a mapper over items
    names, net                                  who is who in a net; the net that a fold gives
    stretches                                   neighbouring steps of a fold, told apart by a few places
    specialise, repeats, depth                  sizes given numbers; what is written out again and again; unroll and roll
    rematerialise                               folds in groups of steps
    regroup, distribute                         what waits for the state parted from what does not; work that waits for no step
    bind                                        opaque layers given bodies
    net_writer, net_reader, serialize           nets as plain data and back
    opening                                     bodies written out, quotients as one division
    interpreter, evaluate                       what a net means, step by step
    guarded, derivatives                        unread branches of a choice; derivatives of one operation
    reversible, adjoint_folds, reverse_mode     steps inverted; the adjoint of folds; of nodes
    local_adjoints                              adjoints of single operations, for other packages
    differentiate, losses                       net to net: gradients, errors to minimise
    mappers                                     steps by name
    notation, graph, render, diagram, export    text, networks, pictures
    parameters, draws, backends, compile        numbers: of parameters, drawn for inputs, computed
    statistics                                  of a batch, kept as parameters
    analysis                                    what a net is: rewired, counted, differentiated, expanded, compared with another
    optimizers, batches, updates                what a training step is, what it is fed, who takes it
    finiteness, stages, train, check            why it stops; training, at once or layer after layer, and gradients checked
    expressions, data, regression               typed expressions, tables, a net for a table
    experiments                                 what is measured: trained nets, over seeds
    report                                      two nets compared: a table, a page
    exchange                                    nets from PyTorch's modules, and back; nets for ONNX and JAX
    saved, command                              models on disk, the shell

Public names are loaded when first used, so that importing symfold is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "operations": ("Normal",),
    "tensors": ("parameter", "tensor"),
    "layer_kinds": ("dense",),
    "kinds": ("attention", "layer_norm", "perceptron"),
    "images": ("batch_norm", "convolution", "max_pool", "mean_pool"),
    "named_layers": ("Layer", "Layers", "layer", "layers"),
    "folding": ("fold", "scan"),
    "runs": ("repeat", "zipped"),
    "primitives.stopping": ("stop_gradient",),
    "sequences": ("reverse", "stack"),
    "statistics": ("keep_statistics",),
    "net": ("Net",),
    "depth": ("roll", "unroll"),
    "elementwise": ("cos", "elu", "erf", "exp", "gelu", "hardtanh", "leaky_relu", "log", "mish", "relu", "sigmoid", "silu", "sin", "softplus", "softsign", "sqrt", "tanh", "softmax", "logsumexp"),
    "serialize": ("from_json",),
    "notation": ("formula",),
    "differentiate": ("adjoint", "grad", "value_and_grad"),
    "check": ("check_grad",),
    "losses": ("squared_error",),
    "analysis.rewiring.order": ("reorder", "swap"),
    "analysis.counting.cost": ("cost",),
    "analysis.counting.degree": ("degree",),
    "analysis.counting.paths": ("paths",),
    "analysis.strength.commutator": ("commutator",),
    "analysis.coupling": ("coupling",),
    "analysis.jacobians.volume": ("determinant", "divergence"),
    "analysis.rewiring.groups": ("grouped",),
    "analysis.rewiring.lesion": ("lesion",),
    "analysis.rewiring.mixing": ("mixing",),
    "analysis.rewiring.mixing_matrix": ("mixing_matrix",),
    "analysis.rewiring.picard": ("picard",),
    "analysis.jacobians.jacobian": ("jacobian",),
    "analysis.jacobians.taught": ("taught",),
    "analysis.jacobians.received": ("received", "update_coupling"),
    "analysis.strength.scaling": ("scaled",),
    "analysis.strength.series": ("series",),
    "analysis.equality.verdict": ("verdict",),
    "analysis.equality.difference": ("difference",),
    "report": ("compare",),
    "optimizers": ("sgd",),
    "train": ("fit",),
    "exchange.jax_function": ("to_jax",),
    "exchange.onnx_writer": ("to_onnx",),
    "exchange.torch_reader": ("from_torch",),
    "exchange.torch_writer": ("to_torch",),
    "errors": ("SymfoldError",),
}
_MODULES = ("mappers", "losses", "optimizers", "errors", "experiments", "export")
_WHERE = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_WHERE), *_MODULES]

if TYPE_CHECKING:
    from symfold import errors as errors
    from symfold import experiments as experiments
    from symfold import export as export
    from symfold import losses as losses
    from symfold import mappers as mappers
    from symfold import optimizers as optimizers
    from symfold.analysis.counting.cost import cost as cost
    from symfold.analysis.counting.degree import degree as degree
    from symfold.analysis.counting.paths import paths as paths
    from symfold.analysis.coupling import coupling as coupling
    from symfold.analysis.equality.difference import difference as difference
    from symfold.analysis.equality.verdict import verdict as verdict
    from symfold.analysis.jacobians.jacobian import jacobian as jacobian
    from symfold.analysis.jacobians.received import received as received
    from symfold.analysis.jacobians.received import update_coupling as update_coupling
    from symfold.analysis.jacobians.taught import taught as taught
    from symfold.analysis.jacobians.volume import determinant as determinant
    from symfold.analysis.jacobians.volume import divergence as divergence
    from symfold.analysis.strength.commutator import commutator as commutator
    from symfold.analysis.strength.scaling import scaled as scaled
    from symfold.analysis.strength.series import series as series
    from symfold.apps.report import compare as compare
    from symfold.core.net import Net as Net
    from symfold.core.operations import Normal as Normal
    from symfold.core.primitives.stopping import stop_gradient as stop_gradient
    from symfold.core.sequences import reverse as reverse
    from symfold.core.sequences import stack as stack
    from symfold.core.tensors import parameter as parameter
    from symfold.core.tensors import tensor as tensor
    from symfold.errors import SymfoldError as SymfoldError
    from symfold.exchange.jax_function import to_jax as to_jax
    from symfold.exchange.onnx.writer import to_onnx as to_onnx
    from symfold.exchange.plain_data.json import from_json as from_json
    from symfold.exchange.pytorch.reader import from_torch as from_torch
    from symfold.exchange.pytorch.writer import to_torch as to_torch
    from symfold.frontend.elementwise import cos as cos
    from symfold.frontend.elementwise import elu as elu
    from symfold.frontend.elementwise import erf as erf
    from symfold.frontend.elementwise import exp as exp
    from symfold.frontend.elementwise import gelu as gelu
    from symfold.frontend.elementwise import hardtanh as hardtanh
    from symfold.frontend.elementwise import leaky_relu as leaky_relu
    from symfold.frontend.elementwise import log as log
    from symfold.frontend.elementwise import logsumexp as logsumexp
    from symfold.frontend.elementwise import mish as mish
    from symfold.frontend.elementwise import relu as relu
    from symfold.frontend.elementwise import sigmoid as sigmoid
    from symfold.frontend.elementwise import silu as silu
    from symfold.frontend.elementwise import sin as sin
    from symfold.frontend.elementwise import softmax as softmax
    from symfold.frontend.elementwise import softplus as softplus
    from symfold.frontend.elementwise import softsign as softsign
    from symfold.frontend.elementwise import sqrt as sqrt
    from symfold.frontend.elementwise import tanh as tanh
    from symfold.frontend.folding import fold as fold
    from symfold.frontend.folding import scan as scan
    from symfold.frontend.images import batch_norm as batch_norm
    from symfold.frontend.images import convolution as convolution
    from symfold.frontend.images import max_pool as max_pool
    from symfold.frontend.images import mean_pool as mean_pool
    from symfold.frontend.kinds import attention as attention
    from symfold.frontend.kinds import layer_norm as layer_norm
    from symfold.frontend.kinds import perceptron as perceptron
    from symfold.frontend.layer_kinds import dense as dense
    from symfold.frontend.losses import squared_error as squared_error
    from symfold.frontend.named_layers import Layer as Layer
    from symfold.frontend.named_layers import Layers as Layers
    from symfold.frontend.named_layers import layer as layer
    from symfold.frontend.named_layers import layers as layers
    from symfold.frontend.runs import repeat as repeat
    from symfold.frontend.runs import zipped as zipped
    from symfold.show.notation import formula as formula
    from symfold.training.check import check_grad as check_grad
    from symfold.training.optimizers import sgd as sgd
    from symfold.training.statistics import keep_statistics as keep_statistics
    from symfold.training.train import fit as fit
    from symfold.transform.autodiff.differentiate import adjoint as adjoint
    from symfold.transform.autodiff.differentiate import grad as grad
    from symfold.transform.autodiff.differentiate import value_and_grad as value_and_grad
    from symfold.transform.rewiring.groups import grouped as grouped
    from symfold.transform.rewiring.lesion import lesion as lesion
    from symfold.transform.rewiring.mixing import mixing as mixing
    from symfold.transform.rewiring.mixing_matrix import mixing_matrix as mixing_matrix
    from symfold.transform.rewiring.order import reorder as reorder
    from symfold.transform.rewiring.order import swap as swap
    from symfold.transform.rewiring.picard import picard as picard
    from symfold.transform.rolling import roll as roll
    from symfold.transform.rolling import unroll as unroll


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"symfold.{_WHERE[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"symfold.{name}")
    from symfold.errors import UnknownName

    raise UnknownName(f"symfold has no name {name!r} (its names: {', '.join(__all__)})")


def __dir__() -> list[str]:
    return list(__all__)
