"""Extensions: one call adds one row to a table, and everything else follows from the row.

    primitive      an operation that is not elementwise
    function       an elementwise function
    layer_kind     a kind of layers: a body over inputs and parameters
    mapper         a step by name
    loss           a loss by name
    optimizer      an optimizer by name
    backend        a way to compute numbers
    exporter       a graph format
    code_target    a package that code is written for
    analysis       a question about a net

docs/howto/extend.md shows each in a few lines.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import sympy as sp

import symfold.api as api
from symfold.base.arguments import quoted, takes
from symfold.base.facts import check_rules, counted, module_of, public_name
from symfold.base.public import public
from symfold.base.trees import State
from symfold.compute.backends.table import BACKENDS, DTYPES
from symfold.compute.backends.table import Backend as Backend
from symfold.compute.backends.table import backend as backend_row
from symfold.core.arrays import Array
from symfold.core.blocks import Call
from symfold.core.conversion import as_node, wraps_node
from symfold.core.functions.table import NAMED, ROWS, UFUNCS
from symfold.core.functions.table import Point as Point
from symfold.core.functions.table import function as function_row
from symfold.core.interpreter import Interpreter as Interpreter
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives.table import PRIMITIVES
from symfold.core.primitives.table import primitive as primitive
from symfold.errors import InvalidType, InvalidValue, listing, no_name
from symfold.exchange.code.targets import TARGETS
from symfold.exchange.code.targets import CodeTarget as CodeTarget
from symfold.exchange.code.targets import code_target as code_target
from symfold.frontend.elementwise import Elementwise
from symfold.frontend.layer_kinds import Kind, kind_of
from symfold.frontend.losses import LOSSES, loss_of
from symfold.mappers import MAPPERS
from symfold.mappers.registry import Mapper
from symfold.mappers.registry import Row as MapperRow
from symfold.show.export import EXPORTS
from symfold.show.export.registry import Row as ExportRow
from symfold.training.optimizers import OPTIMIZERS, Optimizer, slot_name
from symfold.training.optimizers import PerParameter as PerParameter
from symfold.training.optimizers import Shared as Shared
from symfold.training.step_counter import STEP as STEP

__all__ = [
    "STEP", "Backend", "CodeTarget", "Interpreter", "PerParameter", "Point", "Shared",
    "analysis", "backend", "code_target", "exporter", "function", "is_layer", "layer_kind", "loss", "mapper",
    "optimizer", "primitive", "temporary",
]  # fmt: skip

Analysis = TypeVar("Analysis", bound=Callable[..., Any])


@public
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


@public
def layer_kind(body: Callable[..., object], **shapes: tuple[int, ...]) -> Kind:
    """A kind of layers, from a body over inputs and parameters, and the parameters' shapes.

    >>> import numpy as np, symfold as sf
    >>> linear = layer_kind(lambda z, W: np.dot(z, W), W=(3, 3))
    >>> [p.op.name for p in sf.fold(sf.mappers.residual, sf.layers("f1:3", linear), sf.tensor("x", (None, 3))).params]
    ['W1', 'W2']
    """
    if not callable(body):
        raise InvalidType(f"the body {quoted(body)} of a layer kind is not callable (give a function)")
    kind = kind_of(body, dict(shapes))
    assert kind is not None
    return kind


@public
def mapper(name: str, step: Mapper, formula: str = "", summary: str = "", source: str = "") -> Mapper:
    """Add a mapper, for `sf.mappers.<name>`, `symfold list` and the other commands."""
    check_rules(f"the mapper {name!r}", {"step": step}, required=("step",))
    check_free("mapper", name, step, MAPPERS, vars(api.mappers))
    MAPPERS[name] = MapperRow(name, lambda x: step, formula, summary, source)
    return step


@public
def loss(name: str, rule: Callable[..., State]) -> Callable[..., State]:
    """Add a loss, `sf.losses.<name>`, from a rule over a prediction and a target of the same shape.

    What the rule takes besides them, such as the weights of the samples, is given to the loss by position or name.
    """
    check_rules(f"the loss {name!r}", {"rule": rule}, required=("rule",))
    check_free("loss", name, rule, LOSSES, vars(api.losses))

    def named_loss(prediction: object, target: object, *further: object, **named: object) -> State:
        if not takes(rule, prediction, target, *further, **named):
            raise InvalidType(
                f"the loss {name} takes {listing(taken_names(rule))}, got {counted(2 + len(further), 'value')}"
                + (f" and {', '.join(named)}=" if named else "")
            )
        wrapped = any(map(wraps_node, (prediction, target, *further, *named.values())))
        nodes = [as_node(value) if wraps_node(value) else value for value in further]
        by_name = {key: as_node(value) if wraps_node(value) else value for key, value in named.items()}
        node = loss_of(as_node(prediction), as_node(target), lambda y, t: as_node(rule(y, t, *nodes, **by_name)))
        return Net.of(node) if wrapped else node

    named_loss.__name__ = named_loss.__qualname__ = name
    LOSSES[name] = named_loss
    return named_loss


@public
def optimizer(
    name: str,
    rule: Callable[..., Sequence[Node]],
    slots: Sequence[str | PerParameter | Shared] = (),
    **defaults: object,
) -> Callable[..., Optimizer]:
    """Add an optimizer, `sf.optimizers.<name>(**settings)`.

    `rule(parameter, gradient, *slots, **settings)` gives the parameter and the slots after a step. Slots start at zero
    and have the parameter's shape; a slot `PerParameter("steps")` is one number per parameter, `Shared("steps")` one
    for all of them. Rules may read `STEP`, the number of steps taken so far. Settings may be schedules.
    """
    check_rules(f"the optimizer {name!r}", {"rule": rule}, required=("rule",))
    if not isinstance(slots, (list, tuple)) or not all(isinstance(slot, (str, PerParameter, Shared)) for slot in slots):
        raise InvalidType(
            f"the optimizer {name!r}: slots={quoted(slots)} is not a tuple of names, `PerParameter`s or `Shared`s "
            '(as ("velocity",) for one)'
        )
    for slot in slots:
        public_name("slot", slot_name(slot))
    if not takes(rule, None, None, *slots, **defaults):
        raise InvalidType(
            f"the rule of the optimizer {name!r} must take the parameter, its gradient, "
            f"{counted(len(slots), 'slot')} and the settings {listing(defaults)}, "
            f"but takes {listing(taken_names(rule))}"
        )
    check_free("optimizer", name, rule, OPTIMIZERS, vars(api.optimizers))

    def named_optimizer(**settings: object) -> Optimizer:
        if unknown := sorted(set(settings) - set(defaults)):
            raise InvalidValue(f"{name} has no setting {unknown[0]!r} (its settings: {listing(defaults)})")
        return Optimizer(name, rule, tuple(slots), tuple({**defaults, **settings}.items()))

    named_optimizer.__name__ = named_optimizer.__qualname__ = name
    OPTIMIZERS[name] = named_optimizer
    return named_optimizer


@public
def backend(row: Backend) -> Backend:
    """Add a backend, for `compile` and `fit`."""
    if not isinstance(row, Backend):
        raise InvalidType(f"{quoted(row)} is not a backend (give extend.Backend(name, program))")
    rules = {"program": row.program, "training": row.training, "supports": row.supports}
    check_rules(f"the backend {row.name!r}", rules, required=("program", "supports"))
    if not isinstance(row.dtypes, tuple) or not row.dtypes or not set(row.dtypes) <= set(DTYPES):
        raise InvalidValue(
            f"the backend {row.name!r}: dtypes={quoted(row.dtypes)} is not a tuple of types of numbers "
            f"(some of {listing(map(repr, DTYPES))})"
        )
    check_free("backend", row.name, row.program, BACKENDS, ("auto",))
    return backend_row(row)


@public
def exporter(name: str, write: Callable[[Net, str], str], suffix: str, summary: str = "") -> None:
    """Add a graph format, for `sf.export.to_text` and `sf.export.save`; `write(net, level)` gives the text."""
    check_rules(f"the format {name!r}", {"write": write}, required=("write",))
    if not isinstance(suffix, str) or not re.fullmatch(r"\.[a-z0-9]+", suffix):
        raise InvalidValue(
            f"the format {name!r}: {quoted(suffix)} is not a suffix (a dot and lower-case letters or digits, as '.xyz')"
        )
    for other in EXPORTS.values():
        if other.suffix == suffix and other.name != name:
            raise InvalidValue(
                f"the suffix {suffix!r} is that of the format {other.name!r} already (choose another suffix)"
            )
    check_free("format", name, write, EXPORTS)
    EXPORTS[name] = ExportRow(name, write, suffix, summary)


@public
def analysis(question: Analysis) -> Analysis:
    """Add an analysis, `sf.<name>(net)`; a decorator."""
    check_rules("an analysis", {"question": question}, required=("question",))
    name = getattr(question, "__name__", None)
    package = sys.modules[__name__.partition(".")[0]]
    check_free("analysis", name, question, api.ADDED, {*vars(package), *api.__all__})
    api.ADDED[question.__name__] = question
    return question


@public
def is_layer(node: Node) -> bool:
    """Whether a node is an applied layer."""
    if not isinstance(node, Node):
        raise InvalidType(
            f"{quoted(node)} of type {type(node).__name__} is not a node (give one, as an entry of net.outputs)"
        )
    return isinstance(node.op, Call)


def taken_names(rule: Callable[..., object]) -> list[str]:
    """The names of the arguments of a function."""
    try:
        return [str(parameter) for parameter in inspect.signature(rule).parameters.values()]
    except (TypeError, ValueError):
        return []


def check_free(
    kind: str, name: object, rule: object, table: Mapping[str, object], reserved: Collection[str] = ()
) -> None:
    """Refuse a name that cannot be written or is taken; a module may define its own names again."""
    name, module = public_name(kind, name), module_of(rule)
    if name in table and OWNERS.get((kind, name)) != module:
        raise InvalidValue(f"the {kind} {name!r} exists already (choose another name)")
    if name in reserved and name not in table:
        raise InvalidValue(f"the name {name!r} is taken (choose another name for the {kind})")
    OWNERS[kind, name] = module


OWNERS: dict[tuple[str, str], str] = {}  # by kind and name: the module that added a row

TABLES: tuple[dict[Any, Any], ...] = (
    PRIMITIVES, ROWS, UFUNCS, NAMED, MAPPERS, LOSSES, OPTIMIZERS, BACKENDS, EXPORTS, TARGETS, api.ADDED, OWNERS,
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


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise no_name("symfold.extend", name, __all__)


def __dir__() -> list[str]:
    return __all__
