"""The rows of the tables, for mappers and architectures, and the parts that architectures are built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from symfold.base.trees import Layered, State
from symfold.core.conversion import as_node
from symfold.core.leaves import Normal, tensor
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import concatenate, dot, reduce_mean
from symfold.core.shapes import Size, positive_integer
from symfold.core.stacked_inputs import Numbered, StackedInputs, known_count
from symfold.errors import Advice, InvalidType, TooLarge
from symfold.frontend.folding import Mapper as Mapper
from symfold.frontend.layer_kinds import Kind, Weight, make_kind
from symfold.frontend.named_layers import Layer, Layers, layer, layers

Scalar: TypeAlias = "float | sp.Expr | Node"


@dataclass(frozen=True, repr=False)
class Bound:
    """A mapper with arguments, `step(*arguments, state, item)`; pickles and compares by its parts."""

    step: Layered
    arguments: tuple[Any, ...]

    def __call__(self, state: State, item: object) -> State:
        return self.step(*self.arguments, state, item)

    def __repr__(self) -> str:
        return f"{self.step.__name__.removeprefix('_')}({', '.join(map(repr, self.arguments))})"


def bound(step: Layered, *arguments: object) -> Bound:
    """A mapper from a step and its first arguments; arrays become constants.

    >>> from symfold.mappers import boosting, euler
    >>> boosting(tensor("x")), euler(0.5) == euler(0.5)
    (boosting(x), True)
    """
    return Bound(step, tuple(as_node(value) if isinstance(value, (np.ndarray, list)) else value for value in arguments))


def item_of(mapper: str, item: object, *parts: str, values: int = 0) -> tuple[Any, ...]:
    """The parts of an item, which must be as many, and layers but for the last `values`.

    >>> item_of("highway", layer("f"), "layer", "gate")
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: an item of highway is (layer, gate), got a layer (fold over sf.zipped(f, g))
    """
    given = parts_given(item)
    kinds = [*(["a layer"] * (len(parts) - values)), *(["a value"] * values)]
    if given is None or list(map(kind_of_part, given)) != kinds:
        got = kind_of_part(item) if given is None else f"({', '.join(map(kind_of_part, given))})"
        lists = ", ".join(parts if max(map(len, parts)) == 1 else "fghk"[: len(parts)])
        raise InvalidType(f"an item of {mapper} is ({', '.join(parts)}), got {got} (fold over sf.zipped({lists}))")
    return given


def pair_of(mapper: str, state: object, *parts: str) -> tuple[Any, ...]:
    """The parts of a state, which must be as many.

    >>> pair_of("lstm", tensor("h"), "h", "c")
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: the state of lstm is (h, c), got a value (give a tuple as the initial state)
    """
    given = parts_given(state)
    if given is None or len(given) != len(parts):
        got = "a value" if given is None else f"{len(given)} parts"
        raise InvalidType(
            f"the state of {mapper} is ({', '.join(parts)}), got {got} (give a tuple as the initial state)"
        )
    return given


def parts_given(value: object) -> tuple[Any, ...] | None:
    """The parts of a tuple, a list or layers; None for a single layer or value."""
    return tuple(value) if isinstance(value, (tuple, list, Layers)) else None


def kind_of_part(value: object) -> str:
    is_layer = callable(value) and not isinstance(value, sp.Expr)  # a symbol can be called too
    return "a layer" if is_layer else "a tuple" if isinstance(value, (tuple, list)) else "a value"


@dataclass(frozen=True)
class Row:
    """A named mapper: `make(x)` is the mapper for the initial input x, `formula` its step.

    >>> from symfold.mappers import MAPPERS
    >>> MAPPERS["boosting"].formula, MAPPERS["boosting"].make(tensor("x"))
    ('f(x) + z', boosting(x))
    """

    name: str
    make: Callable[[Any], Mapper] = field(repr=False)
    formula: str
    summary: str
    source: str

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of a step."""
        return ("f",)

    @property
    def parts(self) -> int:
        """The parts of the state."""
        return 1

    @property
    def reads_x(self) -> bool:
        """Whether a step reads the initial input."""
        return None in getattr(self.make(None), "arguments", ())


POSITIONS, CLASSES, PIXELS = 3, 10, 8  # of example nets: positions of a sequence, classes, pixels of a side


@dataclass(frozen=True)
class Parts:
    """The parts of an architecture: opaque layers, or tanh layers of a given width. The depth may be a symbol."""

    depth: Size
    width: int | None = None

    def tensor(self, name: str, *, steps: bool = False) -> Node:
        """An input with rows of the width; with `steps`, a sequence with one entry per step."""
        return tensor(name, (self.depth, None, self.width) if steps else (None, self.width))

    def start(self, name: str) -> Node:
        """An initial state besides the input: a memory, a velocity."""
        return self.tensor(name)

    @property
    def x(self) -> Node:
        return self.tensor("x")

    @property
    def tokens(self) -> Node:
        """The input as rows of positions."""
        return self.x if self.width is None else tensor("x", (None, POSITIONS, self.width))

    @property
    def image(self) -> Node:
        """The input as rows of images with one channel."""
        return self.x if self.width is None else tensor("x", (None, 1, PIXELS, PIXELS))

    @property
    def classes(self) -> int:
        """The number of results of a net with a readout of its own."""
        return CLASSES

    @property
    def causal(self) -> bool:
        """Whether a position reads earlier ones only."""
        return True

    @property
    def keeps_statistics(self) -> bool:
        """Whether norms over a batch read statistics kept from a training."""
        return False

    def activation(self, gate: bool = False) -> Layered | None:
        """The activation of layers; the mapper applies a function of its own to those that are a `gate`."""
        return np.tanh

    def layers(self, name: str = "f", *, inputs: int = 1, count: Size | None = None, gate: bool = False) -> Layers:
        """One layer per step."""
        steps = self.depth if count is None else count
        if self.width is None:
            return layers(name, count=steps)
        return dense_layers(name, steps, self.width, self.activation(gate), inputs)

    def layer(self, name: str, *, inputs: int = 1, gate: bool = False) -> Layer:
        """A layer shared by all steps."""
        return layer(name, None if self.width is None else dense_of(self.width, inputs, self.activation(gate)))

    def numbers(self, name: str, shape: tuple[int, ...] = (), start: Normal | None = None) -> Node:
        """A trained array per step."""
        return Node(StackedInputs(Numbered(name, 1, self.depth), shape, "parameter", start or Normal(0.0, 0.5)))


def dense_of(width: int, inputs: int, activation: Layered | None) -> Kind:
    """The layer activation(x W + y V + ... + b)."""
    scale = Normal(0.0, (inputs * width) ** -0.5)
    weights = [Weight(prefix, (width, width), scale) for prefix in "WVU"[:inputs]]

    def body(*values: State) -> State:
        total: State = values[-1]
        for value, weight in zip(values[:inputs], values[inputs:-1], strict=True):
            total = dot(value, weight) + total
        return total if activation is None else activation(total)

    return make_kind(body, inputs, (*weights, Weight("b", (1, width), Normal(0.0, 0.0))))


def dense_layers(name: str, count: Size, width: int, activation: Layered | None, inputs: int = 1) -> Layers:
    """Dense layers of one width, one per step."""
    return layers(name, dense_of(width, inputs, activation), count=count)


def first(net: Net) -> State:
    """The first result, which a readout takes unless an architecture says otherwise."""
    return net.outputs[0]


def joined(net: Net) -> State:
    """All results, side by side."""
    return concatenate(*net.outputs, axis=-1)


def last_step(net: Net) -> State:
    """The last entry of a sequence."""
    return net[-1]


def mean_step(net: Net) -> State:
    """The mean over the steps of a sequence."""
    return reduce_mean(net.outputs[0], axis=(0,), keepdims=False)


def mean_position(net: Net) -> State:
    """The mean over the positions of each row."""
    return reduce_mean(net.outputs[0], axis=(-2,), keepdims=False)


@dataclass(frozen=True)
class Architecture:
    """An architecture with its net, its claims, which the tests check, and what it needs to read a table.

    - formula: one step
    - state: what the fold carries
    - paths: the paths from input to output over n steps, a layer counting t; a formula in n, or a recurrence for P_n
    - span, work: the layers in sequence, and in all
    - inverse: how a step is undone; '' if it cannot be
    - reads: how a row of a table enters: as "rows" of the width, as "steps" of a sequence, as "tokens", a position per
      column, or as an "image"
    - head: what a linear readout takes of the net; None if the net has a readout of its own
    - own_activation: whether the layers have an activation that cannot be chosen
    - most: the largest depth, if every step is a block of its own

    >>> import symfold as sf
    >>> row = sf.mappers.ARCHITECTURES["highway"]
    >>> row.formula, row.paths, row.source
    ('z = s*f(z) + (1 - s)*z, s = sigmoid(g(z))', '(1 + 3*t)**n', 'Srivastava et al. 2015')
    """

    name: str
    make: Callable[[Parts], State] = field(repr=False)
    formula: str
    state: str
    paths: str
    span: str
    work: str
    inverse: str
    source: str
    reads: str = "rows"
    head: Callable[[Net], State] | None = field(default=first, repr=False)
    own_activation: bool = False
    most: int | None = None

    def net(self, depth: Size, width: int | None = None) -> Net:
        """The net of a depth, with opaque layers, or with tanh layers of a width."""
        steps = positive_integer(depth) if isinstance(depth, str) else depth
        return self.of(Parts(steps, width))

    def of(self, parts: Parts) -> Net:
        """The net of these parts."""
        if self.most is not None and not 1 <= known_count(parts.depth) <= self.most:
            raise TooLarge(
                f"{self.name} of depth {parts.depth} cannot be written out; its depth is from 1 to {self.most}",
                Advice("depth", min(self.most, 3), f"give a depth from 1 to {self.most}"),
            )
        return Net.of(self.make(parts))
