"""Named layers, single or in lazy lists. A layer called on values is an operation over its name and parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NoReturn, overload

import sympy as sp

from symfold.base.arguments import place_of, whole
from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.blocks import Call, prefixed
from symfold.core.conversion import APPLIED, as_node, wraps_node
from symfold.core.leaves import Input, checked_name
from symfold.core.nodes import Node
from symfold.core.sequences import named_inputs
from symfold.core.shapes import NAME, Size, depth_of, positive_integer, show, size_symbols
from symfold.core.stacked_inputs import Names, Numbered, StackedInputs, compress, count_of
from symfold.errors import InvalidType, InvalidValue, ShapeError, listing, plural
from symfold.frontend.layer_kinds import Kind, kind_of
from symfold.frontend.tracer import COMPARED


@public
@dataclass(frozen=True)
class Layer:
    """A named layer, to be called on tensors, SymPy expressions or nets. `sf.layer` makes one.

    >>> import symfold as sf
    >>> f = sf.layer("f1", sf.dense(3, 2))
    >>> f, len(f.params), f(sf.tensor("x", (5, 3))).shape
    (f1, 2, (5, 2))
    """

    name: str
    kind: Kind | None = None
    bound_leaves: tuple[Node, ...] | None = field(default=None, repr=False)

    @cached_property
    def leaves(self) -> tuple[Node, ...]:
        """The name as a node, the parameters, the captured values."""
        if self.bound_leaves is not None:
            return self.bound_leaves
        named = Node(Input(self.name, (NAME,), "layer"))
        weights = self.kind.weights if self.kind else ()
        captured = self.kind.captured if self.kind else ()
        return (
            named,
            *(Node(Input(weight_name(w.prefix, self.name), w.shape, "parameter", w.start)) for w in weights),
            *captured,
        )

    def __reduce__(self) -> tuple[object, ...]:
        return Layer, (self.name, self.kind, self.bound_leaves)

    @property
    def params(self) -> tuple[Node, ...]:
        """The parameters of this layer, as inputs of a net."""
        return self.leaves[1 : 1 + len(self.kind.weights)] if self.kind else ()

    @property
    def description(self) -> str:
        """This layer in error messages."""
        return f"layer {self!r}"

    def __call__(self, *inputs: Any) -> Node:
        lead = next((value for value in inputs if wraps_node(value)), None)
        if not inputs:
            raise InvalidType(f"{self.description} was called without an argument (give at least one, as f(z))")
        if self.kind is not None and len(inputs) != self.kind.arity:
            raise self._refused(self.kind, len(inputs))
        op = Call(self.kind.body, len(inputs), len(self.kind.weights)) if self.kind else Call(None, len(inputs))
        args = tuple(map(as_node, inputs))
        try:
            node = Node(op, (self.leaves[0], *args, *self.leaves[1:]))
        except ShapeError as error:
            shapes = f"shape{'s'[: len(args) > 1]} {', '.join(show(arg.shape) for arg in args)}"
            reads = f", reads {self.kind.reads}" if self.kind and self.kind.reads else ""
            raise prefixed(error, f"{self.description}, called on {shapes}{reads}") from None
        result: Node = node if lead is None else lead._wrap_(node)
        return result

    def _refused(self, kind: Kind, given: int) -> InvalidType:
        """The error for another number of inputs."""
        names, hint = kind.inputs, ""
        if given < len(names):
            name = names[given]
            hint = f" (if {name} is a weight, it needs a shape: sf.layers(..., {name}=(3, 3)))"
        takes = f"{plural(kind.arity, 'argument')}{f', {listing(names)}' if names else ''}"
        return InvalidType(f"{self.description} takes {takes}, and got {given}{hint}")

    def __repr__(self) -> str:
        return self.name


class StandInLayer(Layer):
    """A stand-in for the layers of a run, passed to the mapper: it can be called but not named or compared."""

    def __init__(self, kind: Kind | None, leaves: tuple[Node, ...]) -> None:
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "bound_leaves", leaves)

    @property
    def name(self) -> str:
        raise InvalidType(f"the name of a layer that is an item cannot be read: {COMPARED}")

    @property
    def description(self) -> str:
        return repr(self)

    def __getitem__(self, index: object) -> NoReturn:  # unpacking asks it too
        raise InvalidType("an item that is one layer has no parts (items of several: sf.zipped(f, g), or zip(f, g))")

    def __eq__(self, other: object) -> bool:
        if self is not other and isinstance(other, Layer):
            raise InvalidType(COMPARED)
        return self is other

    def __hash__(self) -> int:
        raise InvalidType(COMPARED)

    def __reduce__(self) -> tuple[object, ...]:
        return StandInLayer, (self.kind, self.bound_leaves)

    def __repr__(self) -> str:
        return "a layer of the fold"


def weight_name(prefix: str, layer: str) -> str:
    """The name of a layer's parameter: `W1` for `f1`, and with the name of any other layer, `W_g1`, `W_gate`.

    Names depend on the layer alone: they stay when other layers join the net, and two layers never share one.

    >>> weight_name("W", "f12"), weight_name("W", "g12"), weight_name("W", "gate"), weight_name("W2", "f1")
    ('W12', 'W_g12', 'W_gate', 'W2_f1')
    """
    return stem_of(prefix, "f") + layer[1:] if re.fullmatch(r"f(0|[1-9][0-9]*)", layer) else f"{prefix}_{layer}"


def stem_of(prefix: str, layer: str) -> str:
    """The name of a parameter of numbered layers, without the number; W2 of f1 is not W21, which is W of f21."""
    return prefix if layer == "f" and not prefix[-1:].isdecimal() else f"{prefix}_{layer}"


@public
@dataclass(frozen=True)
class Layers(Sequence[Layer]):
    """A lazy list of layers of one kind; its length may be a symbol. `sf.layers` makes one.

    >>> import symfold as sf
    >>> f = sf.layers("f1:4")
    >>> f, len(f), f[0], sf.layers("f", count="n")
    ([f1, f2, f3], 3, f1, [f1, f2, ..., fn])
    """

    names: Names
    kind: Kind | None = None

    def __len__(self) -> int:
        count = self.count
        if not isinstance(count, int):
            raise InvalidType(
                f"{count} layers have no length yet: the depth is a symbol "
                "(fold over them as they are; over two lists side by side as sf.zipped(f, g))"
            )
        return count

    @property
    def count(self) -> State:
        """The number of layers: an int or a symbol."""
        return count_of(self.names)

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> list[Layer]: ...
    def __getitem__(self, index: int | slice) -> Layer | list[Layer]:
        position = place_of("layer", index, len(self), "; a layer by name is sf.layer('f1')")
        return [self[k] for k in position] if isinstance(position, range) else Layer(self.names[position], self.kind)

    def __call__(self, *inputs: object) -> State:
        raise InvalidType(
            f"{self!r} are several layers, and called one by one, as f[0](x) "
            "(fold over them; over two lists side by side as sf.zipped(f, g); one layer is sf.layer('f'))"
        )

    def __iter__(self) -> Iterator[Layer]:
        return (Layer(self.names[k], self.kind) for k in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, list):
            return isinstance(self.count, int) and list(self) == other
        if not isinstance(other, Layers):
            return NotImplemented
        return self.names == other.names and self.kind == other.kind

    def __add__(self, other: object) -> list[object]:
        return [*self, *other] if isinstance(other, (Layers, list, tuple)) else NotImplemented

    def __radd__(self, other: object) -> list[object]:
        return [*other, *self] if isinstance(other, (list, tuple)) else NotImplemented

    def __mul__(self, times: object) -> list[Layer]:
        return list(self) * times if hasattr(times, "__index__") else NotImplemented

    __rmul__ = __mul__

    def __repr__(self) -> str:
        if isinstance(self.names, Numbered) and (not isinstance(self.count, int) or self.count > 12):
            return f"[{self.names[0]}, {self.names[1]}, ..., {self.names.last}]"
        return repr(list(self))

    def stacked_inputs(self) -> tuple[Node, ...]:
        """The leaves of all layers, each as a sequence."""
        weights = self.kind.weights if self.kind else ()
        return (
            named_inputs(self.names, StackedInputs((), (NAME,), "layer")),
            *(
                named_inputs(weight_names(w.prefix, self.names), StackedInputs((), w.shape, "parameter", w.start))
                for w in weights
            ),
        )


def weight_names(prefix: str, names: Names) -> Names:
    """The names that one parameter has in many layers."""
    if isinstance(names, Numbered):
        return replace(names, prefix=stem_of(prefix, names.prefix))
    return compress([weight_name(prefix, name) for name in names])


@public
def layer(name: str, body: Layered | Kind | None = None, /, **weights: object) -> Layer:
    """A layer by name: opaque, or with a body over its inputs and the parameters whose shapes are given.

    >>> layer("sq", lambda z: z**2)(sp.Symbol("x"))
    sq(x)
    >>> import numpy as np
    >>> affine = layer("f1", lambda z, W, b: np.tanh(np.dot(z, W) + b), W=(3, 3), b=(1, 3))
    >>> affine.params
    (W1, b1)
    """
    return Layer(checked_name(name), kind_of(body, weights))


@public
def layers(spec: str, kind: Kind | Layered | None = None, /, *, count: object = None, **weights: object) -> Layers:
    """A list of named layers: by a spec as in `sympy.symbols`, or by a name and a count.

    In "f1:4" the end is excluded: f1, f2, f3. `count` is a number, a symbol or its name, or an expression such as 3*m;
    a million layers take no more memory than one. `kind` is what each layer computes: `sf.dense(3, 3)`, a function of
    values, or a function of values and weights, whose shapes are given as W=(3, 3). Without it, layers are symbols.

    >>> layers("f1:4"), layers("f", count=1_000_000)
    ([f1, f2, f3], [f1, f2, ..., f1000000])
    >>> layers("f", count="n"), layers("f", count=3 * sp.Symbol("m"))
    ([f1, f2, ..., fn], [f1, f2, ..., f_{3*m}])
    """
    layer_kind = kind_of(kind, weights)
    if count is not None:
        name, depth = checked_name(spec), depth_given(count)
        if name in size_symbols(depth):
            raise InvalidValue(f"count={name!r} is the name of the layers, too (the usual symbol of a depth is 'n')")
        return Layers(Numbered(name, 1, depth), layer_kind)
    if not isinstance(spec, str) or not spec.strip():
        raise InvalidType(f"{spec!r} names no layers (give a spec as 'f1:4' or 'f g h', or a name and count=)")
    numbered = re.fullmatch(r"\s*([A-Za-z_]\w*?)(\d*):(\d+)\s*", spec)
    if numbered:
        start, stop = int(numbered[2] or 0), int(numbered[3])
        if stop < start:
            raise InvalidValue(
                f"{spec!r} ends before it begins (the end is excluded: 'f1:4' is f1, f2, f3, and 'f1:1' no layer)"
            )
        depth = depth_of(stop - start)
        return Layers(Numbered(numbered[1], start, depth), layer_kind)
    if ranged := re.fullmatch(r"\s*([A-Za-z_]\w*?)\[?(\d+)(?:-|\.\.+|:)(?:\1)?(\d+)\]?\s*", spec):
        end = int(ranged[3]) + ("[" not in spec)
        raise InvalidValue(f"{spec!r} names no layers (write '{ranged[1]}{ranged[2]}:{end}'; the end is excluded)")
    try:
        symbols = sp.symbols(spec, seq=True)
    except ValueError as error:
        raise InvalidValue(
            f"{spec!r} names no layers: {error} (give a spec as 'f1:4', whose end is excluded, or 'f g h')"
        ) from None
    names = [checked_name(symbol.name) for symbol in symbols]
    return Layers(compress(names) if names else (), layer_kind)


TAKEN = {"t": "the variable of path polynomials", "epsilon": "the strength of layers in a series"}


def depth_given(count: object) -> Size:
    """A number of layers: a whole number, a symbol or its name, or an expression with symbols, as 3*m."""
    if isinstance(count, str) and count.strip().lstrip("+-").isdecimal():
        raise InvalidType(f"count={count!r} is text (a number has no quotes: count={count.strip()})")
    if isinstance(count, (str, sp.Symbol)):
        name = checked_name(str(count))
        if name in TAKEN:
            raise InvalidValue(
                f"count={name!r} would be mistaken for {TAKEN[name]} (the usual symbol of a depth is 'n')"
            )
        return positive_integer(name)
    if not isinstance(count, sp.Expr) or not count.free_symbols:
        return depth_of(whole("count", count, others=", or a symbol such as 'n'"))
    depth = count.xreplace({symbol: depth_given(symbol) for symbol in count.free_symbols})
    if not depth.is_integer or depth.is_negative:
        raise InvalidValue(
            f"count={count} is not a number of layers for every {', '.join(size_symbols(count))} "
            "(give a whole multiple of a symbol, as 3*m)"
        )
    return depth


APPLIED.append(lambda name, args: Layer(name)(*args))
