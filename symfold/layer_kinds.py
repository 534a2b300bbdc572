"""Layers: named functions that a fold applies, opaque or with a body over parameters.

    layer ::= name, kind, leaves          leaves: the name itself as a node, the parameters, what the body captures
    kind  ::= opaque | body (a block) and the parameters it wants
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np
import sympy as sp

from symfold.blocks import Block, trace
from symfold.errors import InvalidType, InvalidValue
from symfold.lifting import APPLIED, leads, lift
from symfold.nodes import Node
from symfold.operations import Input, Normal
from symfold.primitives import dot
from symfold.sequences import Family, Names, Numbered, compress
from symfold.shapes import ANY, NAME, Rest, Shape, input_shape
from symfold.tensors import checked_name, default_start


@dataclass(frozen=True)
class Weight:
    """A parameter that a layer kind wants: its name's beginning, its shape, how it starts."""

    prefix: str
    shape: Shape
    start: Normal


@dataclass(frozen=True)
class Kind:
    """What layers of one kind share: the body, a block over (inputs..., weights..., captured...)."""

    body: Block
    weights: tuple[Weight, ...] = ()
    captured: tuple[Node, ...] = ()

    @property
    def arity(self) -> int:
        return len(self.body.shapes) - len(self.weights) - len(self.captured)


@dataclass(frozen=True)
class Call:
    """The operation of an applied layer: its arguments are (name, inputs..., weights..., captured...)."""

    body: Block | None
    arity: int
    weights: int = 0  # how many of the arguments are parameters of the layer's own

    def infer(self, args: tuple[Node, ...]) -> Shape:
        if self.body is None:
            return args[1].shape if len(args) > 1 else ANY
        return self.body.retyped([arg.shape for arg in args[1:]]).results[0].shape

    def open(self, args: Sequence[Node]) -> Node:
        """The body written out at these arguments."""
        assert self.body is not None
        return self.body(*args[1:])[0]

    @property
    def digest(self) -> bytes:
        return hashlib.blake2b(b"call" + (self.body.digest if self.body else b"") + bytes([self.arity, self.weights])).digest()


def is_name(node: Node) -> bool:
    """Whether a node names a layer (or a sequence of them) and has no number."""
    return node.shape[-1:] == (NAME,)


@dataclass(frozen=True)
class Layer:
    """A named layer. Call it on tensors, on SymPy expressions, on nets."""

    name: str
    kind: Kind | None = None
    given: tuple[Node, ...] | None = field(default=None, repr=False)

    @cached_property
    def leaves(self) -> tuple[Node, ...]:
        """The name as a node, the parameters, what the body captures."""
        if self.given is not None:
            return self.given
        named = Node(Input(self.name, (NAME,), "layer"))
        weights = self.kind.weights if self.kind else ()
        captured = self.kind.captured if self.kind else ()
        return (
            named,
            *(Node(Input(weight_name(w.prefix, self.name), w.shape, "parameter", w.start)) for w in weights),
            *captured,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return Layer, (self.name, self.kind, self.given)

    @property
    def params(self) -> tuple[Node, ...]:
        """The parameters of this layer, as inputs of a net."""
        return self.leaves[1 : 1 + len(self.kind.weights)] if self.kind else ()

    def __call__(self, *inputs: Any) -> Node:
        lead = next((value for value in inputs if leads(value)), None)
        if not inputs:
            raise InvalidType(f"layer {self.name} was called without an argument (give it at least one)")
        if self.kind is not None and len(inputs) != self.kind.arity:
            raise InvalidType(f"layer {self.name} takes {self.kind.arity} argument(s), {len(inputs)} given")
        op = Call(self.kind.body, len(inputs), len(self.kind.weights)) if self.kind else Call(None, len(inputs))
        node = Node(op, (self.leaves[0], *map(lift, inputs), *self.leaves[1:]))
        result: Node = node if lead is None else lead._wrap_(node)
        return result

    def __repr__(self) -> str:
        return self.name


def weight_name(prefix: str, layer: str) -> str:
    """The name of a layer's parameter: `W1` for `f1`, `W_name` for a layer of another name.

    >>> weight_name("W", "f12"), weight_name("W", "gate")
    ('W12', 'W_gate')
    """
    number = re.fullmatch(r"[A-Za-z]+(\d+)", layer)
    return f"{prefix}{number[1]}" if number else f"{prefix}_{layer}"


@dataclass(frozen=True)
class Layers(Sequence[Layer]):
    """Many layers of one kind, made one by one when asked for; the depth may be a symbol."""

    names: Names
    kind: Kind | None = None

    def __len__(self) -> int:
        count = self.count
        if not isinstance(count, int):
            raise InvalidType(f"{count} layers have no length yet: the depth is a symbol (fold over them as they are)")
        return count

    @property
    def count(self) -> Any:
        return self.names.count if isinstance(self.names, Numbered) else len(self.names)

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> list[Layer]: ...
    def __getitem__(self, index: int | slice) -> Layer | list[Layer]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"layer {index} of {len(self)} (must be from 0 to {len(self) - 1})")
        return Layer(self.names[index % len(self)], self.kind)

    def __iter__(self) -> Iterator[Layer]:
        return (Layer(name, self.kind) for name in self.names)

    def __repr__(self) -> str:
        if isinstance(self.names, Numbered) and (not isinstance(self.count, int) or self.count > 12):
            return f"[{self.names[0]}, {self.names[1]}, ..., {self.names.prefix}{last_number(self.names)}]"
        return repr(list(self))

    def families(self) -> tuple[Node, ...]:
        """The leaves of all the layers at once, each a sequence."""
        weights = self.kind.weights if self.kind else ()
        return (
            Node(Family(self.names, (NAME,), "layer")),
            *(Node(Family(weight_names(w.prefix, self.names), w.shape, "parameter", w.start)) for w in weights),
        )


def last_number(names: Numbered) -> Any:
    """The number of the last name: f3 of f1, f2, f3."""
    return names.start + names.count - 1


def weight_names(prefix: str, names: Names) -> Names:
    """The names of one parameter of many layers."""
    if isinstance(names, Numbered) and re.fullmatch(r"[A-Za-z]+", names.prefix):
        return Numbered(prefix, names.start, names.count)
    return compress([weight_name(prefix, name) for name in names])


def layer(name: str, body: Callable[..., Any] | Kind | None = None, /, **weights: Any) -> Layer:
    """A layer by name: opaque, or with a body over its inputs and the parameters whose shapes are given.

    >>> layer("sq", lambda z: z**2)(sp.Symbol("x"))
    sq(x)
    >>> affine = layer("f1", lambda z, W, b: np.tanh(np.dot(z, W) + b), W=(3, 3), b=(1, 3))
    >>> affine.params
    (W1, b1)
    """
    return Layer(checked_name(name), kind_of(body, weights))


def layers(spec: str, kind: Kind | Callable[..., Any] | None = None, /, *, count: Any = None, **weights: Any) -> Layers:
    """Layers by a spec as in `sympy.symbols`, or lazily by count, which may be a symbol.

    >>> layers("f1:4"), layers("f", count=1_000_000)
    ([f1, f2, f3], [f1, f2, ..., f1000000])
    """
    made = kind_of(kind, weights)
    if count is not None:
        if isinstance(count, str):
            count = sp.Symbol(count, integer=True, positive=True)
        if isinstance(count, sp.Symbol):
            count = sp.Symbol(count.name, integer=True, positive=True)
        elif not isinstance(count, (int, np.integer, sp.Integer)) or count < 0:
            raise InvalidValue(f"count={count!r} is no depth (give a whole number from 0 up, or a symbol)")
        else:
            count = int(count)
        return Layers(Numbered(checked_name(spec), 1, count), made)
    if not isinstance(spec, str) or not spec.strip():
        raise InvalidType(f"{spec!r} names no layers (give a spec as 'f1:4' or 'f g h', or a name and count=)")
    run = re.fullmatch(r"\s*([A-Za-z_]\w*?)(\d*):(\d+)\s*", spec)
    if run:
        start, stop = int(run[2] or 0), int(run[3])
        return Layers(Numbered(run[1], start, max(0, stop - start)), made)
    symbols = sp.symbols(spec, seq=True)
    names = [checked_name(symbol.name) for symbol in symbols]
    return Layers(compress(names) if names else (), made)


def kind_of(body: Callable[..., Any] | Kind | None, weights: dict[str, Any]) -> Kind | None:
    """A layer kind from a Python body and the shapes of its weights."""
    if body is None or isinstance(body, Kind):
        if weights:
            raise InvalidType(f"weights {sorted(weights)} belong to no body (give a function of the inputs and the weights)")
        return body
    if not callable(body):
        raise InvalidType(f"a layer's body must be a function, got {body!r}")
    wanted = tuple(Weight(checked_name(name), input_shape(name, shape), default_start(input_shape(name, shape))) for name, shape in weights.items())
    return make_kind(body, arity_of(body, weights), wanted)


def make_kind(body: Callable[..., Any], arity: int, weights: tuple[Weight, ...] = ()) -> Kind:
    """Trace a body over inputs of any shape and weights of their shapes."""
    shapes: list[Shape] = [(Rest((f"argument {k + 1}",)),) for k in range(arity)]
    shapes += [weight.shape for weight in weights]

    def run(formals: Sequence[Node]) -> list[Node]:
        named = {w.prefix: formal for w, formal in zip(weights, formals[arity:], strict=True)}
        return [lift(body(*formals[:arity], **named) if takes_names(body, named) else body(*formals))]

    traced = trace(run, shapes, fixed=len(shapes))
    return Kind(traced.block, weights, tuple(node for node in traced.operands if isinstance(node, Node)))


def takes_names(body: Callable[..., Any], named: dict[str, Node]) -> bool:
    """Whether the weights can be handed over by name, as the author spelled them."""
    return bool(named) and set(named) <= set(positional(body))


def positional(body: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a function that a value can be given for by position."""
    try:
        found = inspect.signature(body).parameters
    except (TypeError, ValueError):
        return {}
    allowed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {name: p for name, p in found.items() if p.kind in allowed}


def arity_of(body: Callable[..., Any], weights: dict[str, Any]) -> int:
    """How many inputs a body takes besides its weights."""
    if isinstance(body, np.ufunc):
        return body.nin
    if isinstance(body, type) and issubclass(body, sp.Basic):
        return 1
    names = [name for name, p in positional(body).items() if p.default is inspect.Parameter.empty]
    missing = set(weights) - set(positional(body))
    if missing and len(missing) != len(weights):
        raise InvalidType(f"the body has no argument for {sorted(missing)} (its arguments are {list(positional(body))})")
    return max(1, len(names) - len(weights)) if names else 1


def dense(inputs: int, outputs: int, activation: Callable[..., Any] | None = None, *, columns: bool = False) -> Kind:
    """The dense layer `activation(x W + b)`, rows of x being samples; with `columns`, `activation(W x + b)`.

    W is (inputs, outputs) and b (1, outputs); with `columns` (outputs, inputs) and (outputs, 1).

    >>> layer("f1", dense(3, 2)).params[0].shape, layer("f1", dense(3, 2, columns=True)).params[0].shape
    ((3, 2), (2, 3))
    """
    for size in (inputs, outputs):
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise InvalidValue(f"a dense layer of size {size!r} (give whole numbers from 1 up, as sf.dense(3, 2))")
    if activation is not None and not callable(activation):
        raise InvalidType(f"the activation {activation!r} is no function (give one as sf.sigmoid, np.tanh or sympy.tanh)")
    act = activation or (lambda value: value)
    scale = Normal(0.0, max(1, inputs) ** -0.5)
    if columns:
        weights = (Weight("W", (outputs, inputs), scale), Weight("b", (outputs, 1), Normal(0.0, 0.0)))
        return make_kind(lambda z, W, b: act(dot(W, z) + b), 1, weights)
    weights = (Weight("W", (inputs, outputs), scale), Weight("b", (1, outputs), Normal(0.0, 0.0)))
    return make_kind(lambda z, W, b: act(dot(z, W) + b), 1, weights)


APPLIED.append(lambda name, args: Layer(name)(*args))
