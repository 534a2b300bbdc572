"""Extensions: one call adds one row to a table, and everything else follows from the row.

    primitive      an operation that is not elementwise
    function       an elementwise function
    layer_kind     a kind of layers: a body over inputs and parameters
    mapper         a step by name
    loss           a loss by name
    optimizer      an optimizer by name
    backend        a way to compute numbers
    exporter       a graph format
    analysis       a question about a net

docs/extending.md shows each in a few lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import sympy as sp

import symfold.api as api
from symfold.base.trees import State
from symfold.compute.backends.table import BACKENDS
from symfold.compute.backends.table import Backend as Backend
from symfold.compute.backends.table import backend as backend
from symfold.core.arrays import Array
from symfold.core.blocks import Call
from symfold.core.conversion import as_node
from symfold.core.functions.table import NAMED, ROWS, UFUNCS
from symfold.core.functions.table import Point as Point
from symfold.core.functions.table import function as function_row
from symfold.core.interpreter import Interpreter as Interpreter
from symfold.core.net import Net
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
    "analysis", "backend", "exporter", "function", "is_layer", "layer_kind", "loss", "mapper", "optimizer",
    "primitive", "temporary",
]  # fmt: skip

Analysis = TypeVar("Analysis", bound=Callable[..., Any])


def function(head: type[sp.Basic], numbers: Callable[..., Array] | None = None, **facts: object) -> Elementwise:
    """Add an elementwise function, callable on nodes, nets and SymPy expressions; `facts` are the fields of `Function`.

    >>> import sympy as sp, symfold as sf
    >>> class fourth(sp.Function):
    ...     nargs = 1
    >>> fourth_power = function(fourth, lambda xp, z: (z * z) ** 2, slopes=(lambda z: 4 * z**3,))
    >>> sf.grad(sf.Net.of(fourth_power(sf.tensor("z"))), wrt=["z"])(2.0)["z"].item()
    32.0
    """
    return Elementwise(function_row(head, numbers, **facts).head)


def layer_kind(body: Callable[..., object], **shapes: tuple[int, ...]) -> Kind:
    """A kind of layers, from a body over inputs and parameters, and the parameters' shapes.

    >>> import numpy as np, symfold as sf
    >>> linear = layer_kind(lambda z, W: np.dot(z, W), W=(3, 3))
    >>> [p.op.name for p in sf.fold(sf.mappers.residual, sf.layers("f1:3", linear), sf.tensor("x", (None, 3))).params]
    ['W1', 'W2']
    """
    kind = kind_of(body, dict(shapes))
    assert kind is not None
    return kind


def mapper(name: str, step: Mapper, formula: str = "", summary: str = "", source: str = "") -> Mapper:
    """Add a mapper, for `sf.mappers.<name>`, `symfold list` and the other commands."""
    check_free("mapper", name, MAPPERS)
    MAPPERS[name] = MapperRow(name, lambda x: step, formula, summary, source)
    return step


def loss(name: str, rule: Callable[[Node, Node], State]) -> Callable[[State, State], State]:
    """Add a loss, `sf.losses.<name>`, from a rule over a prediction and a target of the same shape."""
    check_free("loss", name, LOSSES)

    def named_loss(prediction: object, target: object) -> State:
        return loss_of(prediction, target, lambda y, t: as_node(rule(y, t)))

    named_loss.__name__ = named_loss.__qualname__ = name
    LOSSES[name] = named_loss
    return named_loss


def optimizer(
    name: str, rule: Callable[..., Sequence[Node]], slots: Sequence[str | PerParameter] = (), **defaults: object
) -> Callable[..., Optimizer]:
    """Add an optimizer, `sf.optimizers.<name>(**settings)`.

    `rule(parameter, gradient, *slots, **settings)` gives the parameter and the slots after a step. Slots start at zero
    and have the parameter's shape; a slot `PerParameter("steps")` is one number per parameter.
    """
    check_free("optimizer", name, OPTIMIZERS)

    def named_optimizer(**settings: object) -> Optimizer:
        if unknown := sorted(set(settings) - set(defaults)):
            raise InvalidValue(f"{name} has no setting {unknown[0]!r} (its settings: {', '.join(defaults)})")
        return Optimizer(name, rule, tuple(slots), tuple({**defaults, **settings}.items()))

    named_optimizer.__name__ = named_optimizer.__qualname__ = name
    OPTIMIZERS[name] = named_optimizer
    return named_optimizer


def exporter(name: str, write: Callable[[Net, str], str], suffix: str, summary: str = "") -> None:
    """Add a graph format, for `sf.export.to_text` and `sf.export.save`; `write(net, level)` gives the text."""
    check_free("format", name, EXPORTS)
    EXPORTS[name] = ExportRow(name, write, suffix, summary)


def analysis(question: Analysis) -> Analysis:
    """Add an analysis, `sf.<name>(net)`; a decorator."""
    name = question.__name__
    check_free("name", name, {**api.ADDED, **dict.fromkeys(api.__all__)})
    api.ADDED[name] = question
    return question


def is_layer(node: Node) -> bool:
    """Whether a node is an applied layer."""
    return isinstance(node.op, Call)


def check_free(kind: str, name: str, table: Any) -> None:
    """Raise if a name is not an identifier, or is taken."""
    if not name.isidentifier():
        raise InvalidValue(f"{name!r} is not a name for a {kind} (use letters, digits and underscores)")
    if name in table:
        raise InvalidValue(f"the {kind} {name!r} exists already (choose another name)")


TABLES: tuple[dict[Any, Any], ...] = (
    PRIMITIVES, ROWS, UFUNCS, NAMED, MAPPERS, LOSSES, OPTIMIZERS, BACKENDS, EXPORTS, api.ADDED,
)  # fmt: skip


@contextmanager
def temporary() -> Iterator[None]:
    """A context that removes what was added inside it, for tests.

    >>> with temporary():
    ...     halved = mapper("halved", lambda z, f: f(z) / 2)
    >>> "halved" in MAPPERS
    False
    """
    saved = [dict(table) for table in TABLES]
    try:
        yield
    finally:
        for table, rows in zip(TABLES, saved, strict=True):
            table.clear()
            table.update(rows)
