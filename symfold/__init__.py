"""symfold: a layer is a symbolic function, and folding a mapper over a list of layers is an architecture.

>>> import symfold as sf
>>> f, x = sf.layers("f1:4"), sf.tensor("x")
>>> net = sf.fold(lambda z, f: f(z) + z, f, x)
>>> print(net)
z1 = f1(x) + x
z2 = f2(z1) + z1
z3 = f3(z2) + z2

From a net come formulas (`net.formula(...)`), a table of its layers (`net.summary()`), graphs and pictures
(`net.graph(...)`, `net.draw("net.svg")`), analyses (`sf.paths(net)`, `sf.compare(net, other)`), derivatives
(`sf.grad(net)`), numbers (`net(...)`, `net.compile()`), training (`sf.fit(...)`) and code to paste
(`net.to_code("torch")`).

Build
    tensor, parameter           an input, or a trainable input, by name and shape
    layer, layers               one layer or many, opaque or with a body
    Layer, Layers               their types
    dense, perceptron           kinds of layers: affine maps with an activation
    attention, layer_norm       kinds of layers: transformers
    embedding                   a kind of layers: rows of a table by number
    convolution, batch_norm     kinds of layers: images
    max_pool, mean_pool         windows of images
    dropout                     entries that training drops
    fold, scan                  fold a mapper over items: the last state, or all states
    mappers, mapper             steps and architectures by name; a step typed as text
    zipped, repeat              items side by side; items repeated
    stack, reverse              sequences: nodes with a leading axis
    Net                         what a fold returns and every transformation gives
    Normal                      a parameter's initial distribution

Functions
    exp, log, sqrt, sin, cos, erf, tanh, sigmoid, relu, leaky_relu, elu, silu, gelu, mish,
    softplus, softsign, hardtanh, hardsigmoid, hardswish, relu6      elementwise; NumPy's and SymPy's trace as well
    softmax, logsumexp                              along an axis
    stop_gradient                                   a value without its derivative
    squared_error, losses                           losses to minimize

Transform
    roll, unroll                steps as a fold; a fold as steps
    adjoint, grad, value_and_grad   derivatives, as nets
    check_grad                  derivatives against finite differences
    reorder, swap, lesion       layers reordered or removed
    grouped, mixing, picard     layers side by side, mixed by a matrix, solved by sweeps
    training_form, keep_statistics  the form for training: dropout drops; for evaluation: batch statistics as parameters

Show
    formula                     text, Unicode, LaTeX or MathML; folded, step by step or expanded
    explore                     a widget: mappers at any depth, in Jupyter and marimo
    draw                        the picture of one net, or of several, as SVG, PNG, PDF or TikZ
    export                      graphs as DOT, GraphML, Mermaid, TikZ, node-link JSON

Analyze
    compare                     two nets: paths, derivatives, work, order of error
    verdict, difference         whether two nets are equal; what moved between them
    paths, degree, cost         counts
    series, commutator, scaled  expansions in the strength of the layers
    jacobian, taught, received, update_coupling     derivatives, layer by layer
    determinant, divergence     how a net changes volume
    coupling, mixing_matrix     how layers couple

Train and exchange
    fit, sgd, adam, adamw, optimizers               training
    minimize                    a minimum on all the data at once, by L-BFGS
    save, load                  a net with its parameters, on disk
    EarlyStopping, StopTraining when a training ends
    metric                      a score of predictions after each epoch, as of scikit-learn
    boost                       learners of scikit-learn as layers, fitted stage by stage
    from_json                   a net from `net.to_json()`
    from_torch, from_jax, from_onnx                 models of other packages as nets
    to_torch, to_jax, to_onnx   nets for other packages
    to_state_dict               parameters back into the PyTorch module that they come from
    experiments                 measurements over seeds
    sweep                       a function for every setting of a grid, in many processes
    errors, SymfoldError        all errors, and their base class
    extend                      operations, mappers, losses, backends, ... of your own

Public names are loaded when first used, so that the command starts quickly. Estimators for scikit-learn are in
`symfold.sklearn`, which is imported by itself.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from symfold.base.garbage import collection_paused
from symfold.base.version import __version__ as __version__

if TYPE_CHECKING:
    from symfold.api import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name.startswith("__") and name != "__all__":
        raise AttributeError(name)
    if name == "extend":
        return importlib.import_module("symfold.extend")
    if "symfold.api" not in sys.modules:
        with collection_paused(stays=True):
            importlib.import_module("symfold.api")
    from symfold.api import public

    return public(name)


def __dir__() -> list[str]:
    from symfold.api import ADDED, __all__

    return sorted([*__all__, *ADDED, "extend"])
