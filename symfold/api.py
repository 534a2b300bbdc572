"""The public names. Importing this module imports every package, and thereby attaches all methods of nets."""

from __future__ import annotations

import inspect
from typing import Any

import symfold.analysis.record
import symfold.analysis.repetition
import symfold.analysis.summary
import symfold.apps.experiments as experiments
import symfold.errors as errors
import symfold.exchange.code  # attaches net.to_code
import symfold.frontend.losses as losses
import symfold.mappers as mappers
import symfold.show.display  # noqa: F401 - attaches what notebooks show
import symfold.show.export as export
import symfold.training.optimizers as optimizers
from symfold.analysis.counting.cost import cost
from symfold.analysis.counting.degree import degree
from symfold.analysis.counting.paths import paths
from symfold.analysis.coupling import coupling
from symfold.analysis.equality.difference import difference
from symfold.analysis.equality.verdict import verdict
from symfold.analysis.jacobians.jacobian import jacobian
from symfold.analysis.jacobians.received import received, update_coupling
from symfold.analysis.jacobians.taught import taught
from symfold.analysis.jacobians.volume import determinant, divergence
from symfold.analysis.strength.commutator import commutator
from symfold.analysis.strength.scaling import scaled
from symfold.analysis.strength.series import series
from symfold.apps.explore.widget import explore
from symfold.apps.report import compare
from symfold.apps.sweeps.run import sweep
from symfold.base.version import __version__
from symfold.core.attach import attach
from symfold.core.leaves import Normal, parameter, tensor
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives.stopping import stop_gradient
from symfold.core.sequences import reverse, stack
from symfold.errors import SymfoldError
from symfold.exchange.jax_function import to_jax
from symfold.exchange.jaxpr.reader import from_jax
from symfold.exchange.onnx.reading.reader import from_onnx
from symfold.exchange.onnx.writer import to_onnx
from symfold.exchange.plain_data.json import from_json, net_from_data, net_to_data, node_from_data, node_to_data
from symfold.exchange.pytorch.reader import from_torch
from symfold.exchange.pytorch.state import to_state_dict
from symfold.exchange.pytorch.writer import to_torch
from symfold.exchange.saving import load, save
from symfold.frontend.dropout import dropout
from symfold.frontend.elementwise import (
    cos,
    elu,
    erf,
    exp,
    gelu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log,
    logsumexp,
    mish,
    relu,
    relu6,
    sigmoid,
    silu,
    sin,
    softmax,
    softplus,
    softsign,
    sqrt,
    tanh,
)
from symfold.frontend.folding import fold, scan
from symfold.frontend.images import batch_norm, convolution, max_pool, mean_pool
from symfold.frontend.kinds import attention, embedding, layer_norm, perceptron
from symfold.frontend.layer_kinds import dense
from symfold.frontend.losses import squared_error
from symfold.frontend.named_layers import Layer, Layers, layer, layers
from symfold.frontend.runs import repeat, zipped
from symfold.mappers import mapper
from symfold.show.drawing import draw
from symfold.show.notation import formula
from symfold.training.boosting.fitting import boost
from symfold.training.check import check_grad
from symfold.training.fit import fit
from symfold.training.loop.metrics import metric
from symfold.training.loop.stopping import EarlyStopping, StopTraining
from symfold.training.minimize import minimize
from symfold.training.objective.forms import training_form
from symfold.training.objective.statistics import keep_statistics
from symfold.training.optimizers import adam, adamw, sgd
from symfold.transform.autodiff.differentiate import adjoint, grad, value_and_grad
from symfold.transform.rewiring.groups import grouped
from symfold.transform.rewiring.lesion import lesion
from symfold.transform.rewiring.mixing import mixing
from symfold.transform.rewiring.mixing_matrix import mixing_matrix
from symfold.transform.rewiring.order import reorder, swap
from symfold.transform.rewiring.picard import picard
from symfold.transform.rolling import roll, unroll

__all__ = [
    "EarlyStopping",
    "Layer",
    "Layers",
    "Net",
    "Normal",
    "StopTraining",
    "SymfoldError",
    "__version__",
    "adam",
    "adamw",
    "adjoint",
    "attention",
    "batch_norm",
    "boost",
    "check_grad",
    "commutator",
    "compare",
    "convolution",
    "cos",
    "cost",
    "coupling",
    "degree",
    "dense",
    "determinant",
    "difference",
    "divergence",
    "draw",
    "dropout",
    "elu",
    "embedding",
    "erf",
    "errors",
    "exp",
    "experiments",
    "explore",
    "export",
    "fit",
    "fold",
    "formula",
    "from_jax",
    "from_json",
    "from_onnx",
    "from_torch",
    "gelu",
    "grad",
    "grouped",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "jacobian",
    "keep_statistics",
    "layer",
    "layer_norm",
    "layers",
    "leaky_relu",
    "lesion",
    "load",
    "log",
    "logsumexp",
    "losses",
    "mapper",
    "mappers",
    "max_pool",
    "mean_pool",
    "metric",
    "minimize",
    "mish",
    "mixing",
    "mixing_matrix",
    "optimizers",
    "parameter",
    "paths",
    "perceptron",
    "picard",
    "received",
    "relu",
    "relu6",
    "reorder",
    "repeat",
    "reverse",
    "roll",
    "save",
    "scaled",
    "scan",
    "series",
    "sgd",
    "sigmoid",
    "silu",
    "sin",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "squared_error",
    "stack",
    "stop_gradient",
    "swap",
    "sweep",
    "tanh",
    "taught",
    "tensor",
    "to_jax",
    "to_onnx",
    "to_state_dict",
    "to_torch",
    "training_form",
    "unroll",
    "update_coupling",
    "value_and_grad",
    "verdict",
    "zipped",
]


ADDED: dict[str, Any] = {}  # analyses added by `symfold.extend`
ELSEWHERE = {  # names that users of other packages try first, and the call of this one
    **dict.fromkeys(("latex", "to_latex"), 'net.formula(style="latex")'),
    **dict.fromkeys(("plot", "show", "render", "visualize"), 'net.draw("picture.svg")'),
    **dict.fromkeys(
        ("count_params", "n_params", "num_params", "num_parameters", "parameters"), "net.summary().parameters"
    ),
    **dict.fromkeys(("report", "to_html"), 'sf.compare(net, other).to_html("report.html")'),
    "train": "sf.fit(loss, params, data, optimizer=sf.adam(1e-3))",
    **dict.fromkeys(("predict", "forward", "apply"), "net(params, x=array)"),
    **dict.fromkeys(("linear", "Linear"), "sf.dense(inputs, outputs)"),
    **dict.fromkeys(("mse", "mse_loss"), "sf.losses.mean_squared_error(net, target)"),
    **dict.fromkeys(("state_dict", "load_state_dict"), "module.load_state_dict(sf.to_state_dict(params, module))"),
    "inspect": "net.summary()",
    "path_count": "sf.paths(net).count",
    **dict.fromkeys(("flops", "macs", "flop_count", "multiply_adds"), "net.summary().multiply_adds"),
    "accuracy": 'sf.metric(sklearn.metrics.accuracy_score, net, "label")',
    "Sequential": "sf.fold(sf.mappers.feedforward, layers, x)",
    **dict.fromkeys(("to_svg", "to_png", "to_pdf"), 'net.draw("picture.svg")'),
}
OF_NETS = {  # what nets are asked for by the names of functions that take something else first
    "fit": ELSEWHERE["train"],
    "save": "sf.save(path, net, params)",
    "load": "sf.load(path, net=net)",
    "layers": "net.summary(), a row per layer",
    "layer": "net.summary(), a row per layer",
    "tensor": "net.inputs",
    "parameter": "net.params",
}


def public(name: str) -> Any:
    """The object with a public name, or an error that suggests the right name.

    >>> public("cross_entropi")
    Traceback (most recent call last):
    ...
    symfold.errors.UnknownName: sf has no name 'cross_entropi' (did you mean sf.losses.cross_entropy?)
    """
    if name in __all__ or name == "__all__":
        return globals()[name]
    if name in ADDED:
        return ADDED[name]
    if name in ELSEWHERE:
        raise errors.UnknownName(f"sf has no name {name!r} (write {ELSEWHERE[name]})")
    if not name.startswith("_") and hasattr(Net, name):
        call = "(...)" if callable(getattr(Net, name)) else ""
        raise errors.UnknownName(f"sf has no name {name!r} (write net.{name}{call})")
    elsewhere: dict[str, str] = {}
    for module in (errors, experiments, export, losses, mappers, optimizers):
        for attribute in dir(module):
            elsewhere.setdefault(attribute, f"sf.{module.__name__.rpartition('.')[2]}.{attribute}")
    raise errors.no_name("sf", name, (*__all__, *ADDED, "extend"), elsewhere)


def missing_attribute(net: Net, name: str) -> Any:
    """The error for an attribute that a net does not have: it gives the function to call, or the closest name.

    >>> Net.of(tensor("x")).paths
    Traceback (most recent call last):
    ...
    symfold.errors.UnknownName: a net has no 'paths' (write sf.paths(net))
    """
    if name.startswith("_"):
        raise AttributeError(name)
    if name in ADDED or (name in __all__ and callable(globals()[name])):
        raise errors.UnknownName(f"a net has no {name!r} (write {OF_NETS.get(name) or call_on_net(name)})")
    raise errors.no_attribute("a net", name, dir(type(net)), ELSEWHERE)


def call_on_net(name: str) -> str:
    """The call of a public function on a net, with the other arguments that it needs.

    >>> call_on_net("paths"), call_on_net("compare"), call_on_net("lesion")
    ('sf.paths(net)', 'sf.compare(net, other)', 'sf.lesion(net, layers)')
    """
    try:
        parameters = inspect.signature(public(name)).parameters.values()
    except ValueError:  # a class of exceptions has no signature
        return f"sf.{name}"
    required = [each for each in parameters if each.default is each.empty]
    needed = [each.name for each in required if each.kind is each.POSITIONAL_OR_KEYWORD]
    takes_net = bool(needed) and needed[0] in ("net", "loss", "a", "value", "prediction", "nets", "sequence", "parts")
    given = ["net" if takes_net and k == 0 else "other" if key == "b" else key for k, key in enumerate(needed)]
    return f"sf.{name}({', '.join(given)})"


# pickles name functions of this module, so that the process which reads one has all methods of nodes and nets


def pickled_node(data: Any) -> Node:
    """A node from the plain data in its pickle."""
    return node_from_data(data)


def pickled_net(data: Any) -> Net:
    """A net from the plain data in its pickle."""
    return net_from_data(data)


attach(Node, __reduce__=lambda node: (pickled_node, (node_to_data(node),)))
attach(Net, __reduce__=lambda net: (pickled_net, (net_to_data(net),)), __getattr__=missing_attribute)
