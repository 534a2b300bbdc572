"""The door for extenders: one call adds a row, and everything else follows from the row.

    primitive      an operation that is not elementwise
    function       an elementwise function
    layer_kind     a kind of layers: a body over the inputs and the parameters it needs
    mapper         a step by name
    loss           a loss by name
    optimizer      an optimizer by name
    backend        a way to compute numbers
    exporter       a format for graphs
    analysis       a question about a net

docs/extending.md shows each in a few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import sympy as sp

import symfold.api as api
from symfold.compute.backends.table import BACKENDS
from symfold.compute.backends.table import Backend as Backend
from symfold.compute.backends.table import backend as backend
from symfold.core.applied_layers import Call
from symfold.core.conversion import as_node
from symfold.core.functions.table import NAMED, ROWS, UFUNCS
from symfold.core.functions.table import Point as Point
from symfold.core.functions.table import function as function_row
from symfold.core.interpreter import Interpreter as Interpreter
from symfold.core.nodes import Node
from symfold.core.primitives.table import PRIMITIVES
from symfold.core.primitives.table import primitive as primitive
from symfold.errors import InvalidValue
from symfold.frontend.elementwise import Elementwise
from symfold.frontend.layer_kinds import Kind, kind_of
from symfold.frontend.losses import LOSSES, loss_of
from symfold.mappers import MAPPERS
from symfold.mappers.registry import Mapper
from symfold.mappers.registry import Row as MapperRow
from symfold.show.export import EXPORTS
from symfold.show.export.registry import Row as ExportRow
from symfold.training.optimizers import OPTIMIZERS, Optimizer, PerParameter

__all__ = [
    "Backend", "Interpreter", "PerParameter", "Point",
    "analysis", "backend", "exporter", "function", "is_layer", "layer_kind", "loss", "mapper", "optimizer", "primitive", "temporary",
]  # fmt: skip

Analysis = TypeVar("Analysis", bound=Callable[..., Any])


def function(head: type[sp.Basic], numbers: Callable[..., Any] | None = None, **facts: Any) -> Elementwise:
    """An elementwise function, to be called on nodes, nets and SymPy expressions; facts are the fields of `Function`.

    >>> import sympy as sp, symfold as sf
    >>> class fourth(sp.Function):
    ...     nargs = 1
    >>> fourth_power = function(fourth, lambda xp, z: (z * z) ** 2, slopes=(lambda z: 4 * z**3,))
    >>> sf.grad(sf.Net.of(fourth_power(sf.tensor("z"))), wrt=["z"])(2.0)["z"].item()
    32.0
    """
    return Elementwise(function_row(head, numbers, **facts).head)


def layer_kind(body: Callable[..., Any], **shapes: tuple[int, ...]) -> Kind:
    """A kind of layers from a body over inputs and parameters, and the shapes of the parameters.

    >>> import numpy as np, symfold as sf
    >>> linear = layer_kind(lambda z, W: np.dot(z, W), W=(3, 3))
    >>> [p.op.name for p in sf.fold(sf.mappers.residual, sf.layers("f1:3", linear), sf.tensor("x", (None, 3))).params]
    ['W1', 'W2']
    """
    kind = kind_of(body, dict(shapes))
    assert kind is not None
    return kind


def mapper(name: str, step: Mapper, formula: str = "", summary: str = "", source: str = "") -> Mapper:
    """A mapper by name: `sf.mappers.<name>`, `symfold list`, and the command's subcommands know it from now on."""
    check_free("mapper", name, MAPPERS)
    MAPPERS[name] = MapperRow(name, lambda x: step, formula, summary, source)
    return step


def loss(name: str, rule: Callable[[Node, Node], Any]) -> Callable[[Any, Any], Any]:
    """A loss by name, from a rule over a prediction and a target of one shape: `sf.losses.<name>` from now on."""
    check_free("loss", name, LOSSES)

    def made(prediction: Any, target: Any) -> Any:
        return loss_of(prediction, target, lambda y, t: as_node(rule(y, t)))

    made.__name__ = made.__qualname__ = name
    LOSSES[name] = made
    return made


def optimizer(
    name: str, rule: Callable[..., Sequence[Node]], slots: Sequence[str | PerParameter] = (), **defaults: Any
) -> Callable[..., Optimizer]:
    """An optimizer by name: `sf.optimizers.<name>(**settings)` from now on.

    `rule(parameter, gradient, *slots, **settings)` gives the parameter and the slots after a step. Slots start at zero and
    have the shape of the parameter; a slot `PerParameter("steps")` is one number per parameter.
    """
    check_free("optimizer", name, OPTIMIZERS)

    def made(**settings: Any) -> Optimizer:
        if unknown := sorted(set(settings) - set(defaults)):
            raise InvalidValue(f"{name} has no setting {unknown[0]!r} (its settings: {', '.join(defaults)})")
        return Optimizer(name, rule, tuple(slots), tuple({**defaults, **settings}.items()))

    made.__name__ = made.__qualname__ = name
    OPTIMIZERS[name] = made
    return made


def exporter(name: str, write: Callable[[Any, str], str], suffix: str, summary: str = "") -> None:
    """A format by name: `write(net, level)` gives the text; `sf.export.to_text` and `sf.export.save` know it from now on."""
    check_free("format", name, EXPORTS)
    EXPORTS[name] = ExportRow(name, write, suffix, summary)


def analysis(question: Analysis) -> Analysis:
    """A question about a net, as a decorator: `sf.<name>(net)` from now on."""
    name = question.__name__
    check_free("name", name, {**api.ADDED, **dict.fromkeys(api.__all__)})
    api.ADDED[name] = question
    return question


def is_layer(node: Node) -> bool:
    """Whether a node is the application of a layer."""
    return isinstance(node.op, Call)


def check_free(kind: str, name: str, table: Any) -> None:
    """An error if a name cannot be written, or is taken."""
    if not name.isidentifier():
        raise InvalidValue(f"{name!r} is no name for a {kind} (use letters, digits and underscores)")
    if name in table:
        raise InvalidValue(f"the {kind} {name!r} exists already (choose another name)")


TABLES: tuple[dict[Any, Any], ...] = (
    PRIMITIVES, ROWS, UFUNCS, NAMED, MAPPERS, LOSSES, OPTIMIZERS, BACKENDS, EXPORTS, api.ADDED,
)  # fmt: skip


@contextmanager
def temporary() -> Iterator[None]:
    """A context whose additions end with it, for tests.

    >>> with temporary():
    ...     added = mapper("halved", lambda z, f: f(z) / 2)
    >>> "halved" in MAPPERS
    False
    """
    before = [dict(table) for table in TABLES]
    try:
        yield
    finally:
        for table, rows in zip(TABLES, before, strict=True):
            table.clear()
            table.update(rows)
