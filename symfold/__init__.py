"""symfold: a layer is a symbolic function, and folding a mapper over a list of layers is an architecture.

The rooms, in the order in which data flows through them:

    errors, shapes, functions    the ground: what can go wrong, sizes, elementwise functions
    nodes, primitives, sequences what a net is made of
    trees, blocks, layer_kinds, items closed functions, named layers, what a fold runs over
    folds, names, net            a mapper over items; the net it gives
    depth, specialise, bind      unroll and roll; unknown sizes given numbers; opaque layers given bodies
    interpreter, evaluate        what a net means, step by step
    derivatives, differentiate, losses, check    net to net: gradients, errors to minimise
    notation, graph, diagram, export   text, networks, pictures
    compile, backends, parameters, optimisers, train    numbers
    mappers, expressions, data, command    names, typed expressions, tables, the shell

Public names are loaded when first used, so that importing symfold is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "nodes": ("Normal", "parameter", "tensor"),
    "layer_kinds": ("Layer", "Layers", "dense", "layer", "layers"),
    "folds": ("fold", "scan"),
    "sequences": ("reverse", "stack"),
    "net": ("Net",),
    "depth": ("roll", "unroll"),
    "elementwise": ("cos", "erf", "exp", "log", "relu", "sigmoid", "sin", "softplus", "sqrt", "tanh", "softmax", "logsumexp"),
    "serialize": ("from_json",),
    "notation": ("formula",),
    "differentiate": ("adjoint", "grad", "value_and_grad"),
    "check": ("check_grad",),
    "losses": ("squared_error",),
    "optimisers": ("sgd",),
    "train": ("fit",),
    "errors": ("SymfoldError",),
}
_MODULES = ("mappers", "losses", "optimisers", "errors", "export")
_WHERE = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_WHERE), *_MODULES]

if TYPE_CHECKING:
    from symfold.depth import roll as roll
    from symfold.depth import unroll as unroll
    from symfold.differentiate import adjoint as adjoint
    from symfold.differentiate import grad as grad
    from symfold.differentiate import value_and_grad as value_and_grad
    from symfold.folds import fold as fold
    from symfold.folds import scan as scan
    from symfold.layer_kinds import Layer as Layer
    from symfold.layer_kinds import Layers as Layers
    from symfold.layer_kinds import dense as dense
    from symfold.layer_kinds import layer as layer
    from symfold.layer_kinds import layers as layers
    from symfold.net import Net as Net
    from symfold.nodes import Normal as Normal
    from symfold.nodes import parameter as parameter
    from symfold.nodes import tensor as tensor
    from symfold.notation import formula as formula


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"symfold.{_WHERE[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"symfold.{name}")
    raise AttributeError(f"symfold has no name {name!r} (its names: {', '.join(__all__)})")


def __dir__() -> list[str]:
    return list(__all__)
