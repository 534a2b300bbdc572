"""Layer kinds: opaque, or a body over inputs and parameters.

layer ::= name, kind, leaves          leaves: the name as a node, the parameters, the captured values
kind  ::= opaque | body (a block) and its parameters
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import flag, quoted, takes, whole
from symfold.base.public import public
from symfold.base.trees import Layered
from symfold.core.blocks import Block, trace
from symfold.core.conversion import as_node
from symfold.core.leaves import Normal, checked_name, default_start
from symfold.core.nodes import Node
from symfold.core.primitives import dot
from symfold.core.shapes import Rest, Shape, input_shape, show
from symfold.errors import InvalidType, plural
from symfold.frontend.tracer import Tracer, refused_elsewhere


@dataclass(frozen=True)
class Weight:
    """A parameter of a layer kind: the prefix of its name, its shape, its initial distribution."""

    prefix: str
    shape: Shape
    start: Normal


@dataclass(frozen=True)
class Kind:
    """What layers of one kind share: a body, as a block over (inputs..., weights..., captured...).

    For messages: `reads` says what the layers read, if the operations of the body do not; `call` makes the kind;
    `inputs` are the names of the inputs.
    """

    body: Block
    weights: tuple[Weight, ...] = ()
    captured: tuple[Node, ...] = ()
    reads: str = field(default="", compare=False)
    call: str = field(default="", compare=False)
    inputs: tuple[str, ...] = field(default=(), compare=False)

    def __repr__(self) -> str:
        weights = ", ".join(f"{weight.prefix}: {show(weight.shape)}" for weight in self.weights)
        return self.call or f"layers of {plural(self.arity, 'input')}{f', with {weights}' if weights else ''}"

    @property
    def arity(self) -> int:
        return len(self.body.shapes) - len(self.weights) - len(self.captured)


def kind_of(body: Layered | Kind | None, weights: dict[str, Any]) -> Kind | None:
    """A layer kind from a Python function and the shapes of its weights."""
    if body is None or isinstance(body, Kind):
        if weights:
            raise InvalidType(
                f"weights {sorted(weights)} belong to no body (give a function of the inputs and the weights)"
            )
        return body
    if not callable(body):
        hint = f" (a number of layers is count={body!r})" if isinstance(body, int) else ""
        raise InvalidType(f"a layer's body must be a function, got {quoted(body)}{hint}")
    if getattr(body, "__annotations__", {}).get("return") == Kind.__name__:  # sf.dense, sf.layer_norm, ...
        name, parameters = getattr(body, "__name__", ""), inspect.signature(body).parameters.values()
        needed = ", ".join(each.name for each in parameters if each.default is each.empty)
        raise InvalidType(f"sf.{name} makes a layer's body, and is not one (call it: sf.{name}({needed}))")
    checked_weights = tuple(
        Weight(checked_name(name), input_shape(name, shape), default_start(input_shape(name, shape)))
        for name, shape in weights.items()
    )
    kind = make_kind(body, arity_of(body, weights), checked_weights)
    names = tuple(name for name in positional(body) if name not in weights)
    return replace(kind, inputs=names) if len(names) == kind.arity else kind


def make_kind(body: Layered, arity: int, weights: tuple[Weight, ...] = (), reads: str = "") -> Kind:
    """Trace a body over inputs of any shape and weights of known shapes."""
    shapes: list[Shape] = [(Rest((f"argument {k + 1}",)),) for k in range(arity)]
    shapes += [weight.shape for weight in weights]

    def run(formals: Sequence[Node]) -> list[Node]:
        values = [Tracer(formal) for formal in formals]
        named = {w.prefix: value for w, value in zip(weights, values[arity:], strict=True)}
        try:
            result = body(*values[:arity], **named) if takes_by_name(body, named) else body(*values)
        except TypeError as error:
            if refused := refused_elsewhere(error):
                raise refused from None
            raise
        if isinstance(result, (tuple, list, dict)):
            raise InvalidType(
                f"a layer's body gives one value, got a {type(result).__name__} of {len(result)} "
                "(join them with sf.stack or np.concatenate, or use a mapper)"
            )
        return [as_node(result)]

    traced = trace(run, shapes, fixed=len(shapes))
    return Kind(traced.block, weights, tuple(node for node in traced.operands if isinstance(node, Node)), reads)


def takes_by_name(body: Layered, named: dict[str, Tracer]) -> bool:
    """Whether the body takes the weights by name."""
    return bool(named) and set(named) <= set(positional(body))


def positional(body: Layered) -> dict[str, inspect.Parameter]:
    """The parameters of a function that can be passed by position."""
    try:
        parameters = inspect.signature(body).parameters
    except (TypeError, ValueError):
        return {}
    allowed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {name: p for name, p in parameters.items() if p.kind in allowed}


def is_fixed_arity(body: Layered) -> bool:
    """Whether the body takes no `*args`, so that `positional` lists all it takes by position."""
    try:
        kinds = {p.kind for p in inspect.signature(body).parameters.values()}
    except (TypeError, ValueError):
        return False
    return inspect.Parameter.VAR_POSITIONAL not in kinds


def arity_of(body: Layered, weights: dict[str, Any]) -> int:
    """The number of inputs of a body, its weights not counted."""
    if isinstance(body, np.ufunc):
        return body.nin
    if isinstance(body, type) and issubclass(body, sp.Basic):
        return 1
    names = [name for name, p in positional(body).items() if p.default is inspect.Parameter.empty]
    if not positional(body) and is_fixed_arity(body):
        raise InvalidType(
            f"the body {quoted(body)} takes no input (give a function of one value or more, as lambda z: z**2)"
        )
    missing = set(weights) - set(positional(body)) if is_fixed_arity(body) else set()
    if missing and (len(missing) != len(weights) or inspect.isfunction(body)):  # NumPy's functions take them in order
        raise InvalidType(
            f"the body has no argument for {sorted(missing)} (its arguments are {list(positional(body))})"
        )
    if missing and len(positional(body)) <= len(weights):
        raise InvalidType(
            f"the body has no argument for {sorted(missing)} (its arguments are {list(positional(body))}: "
            f"give it one, as lambda z, {', '.join(weights)}: ...)"
        )
    return max(1, len(names) - len(weights)) if names else 1


@public
def dense(inputs: int, outputs: int, activation: Layered | None = None, *, columns: bool = False) -> Kind:
    """The dense layer `activation(x W + b)`, a sample per row; with `columns`, `activation(W x + b)`.

    `inputs` and `outputs` are the numbers of features that go in and out, and `activation` is a function such as
    `sf.relu`; without it, the layer is affine. W is (inputs, outputs) and b (1, outputs); with `columns`, a sample is a
    column, W is (outputs, inputs) and b (outputs, 1).

    >>> import symfold as sf
    >>> sf.layer("f1", dense(3, 2)).params[0].shape, sf.layer("f1", dense(3, 2, columns=True)).params[0].shape
    ((3, 2), (2, 3))
    >>> dense(3, 2)
    dense(3, 2)
    """
    inputs, outputs, columns = whole("inputs", inputs, 1), whole("outputs", outputs, 1), flag("columns", columns)
    if activation is not None and not (callable(activation) and takes(activation, None)):
        raise InvalidType(
            f"the activation {quoted(activation)} is not a function of one value "
            "(give one as sf.relu, np.tanh or sympy.tanh)"
        )
    call = f"dense({inputs}, {outputs}" + (
        f", {getattr(activation, '__name__', quoted(activation))}" if activation else ""
    )
    act = activation or (lambda value: value)
    scale = Normal(0.0, max(1, inputs) ** -0.5)
    if columns:
        weights = (Weight("W", (outputs, inputs), scale), Weight("b", (outputs, 1), Normal(0.0, 0.0)))
        return replace(make_kind(lambda z, W, b: act(dot(W, z) + b), 1, weights), call=f"{call}, columns=True)")
    weights = (Weight("W", (inputs, outputs), scale), Weight("b", (1, outputs), Normal(0.0, 0.0)))
    return replace(make_kind(lambda z, W, b: act(dot(z, W) + b), 1, weights), call=f"{call})")
