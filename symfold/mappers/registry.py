"""What the tables hold: a row a mapper by name, a row an architecture, and what an architecture is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symfold.core.conversion import as_node
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Normal
from symfold.core.primitives import dot
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.core.tensors import tensor
from symfold.frontend.layer_kinds import Kind, Weight, make_kind
from symfold.frontend.named_layers import Layer, Layers, layer, layers

Mapper = Callable[[Any, Any], Any]


@dataclass(frozen=True, repr=False)
class Bound:
    """A mapper with arguments, `step(*arguments, state, item)`: pickled by its parts, equal where they are equal."""

    step: Callable[..., Any]
    arguments: tuple[Any, ...]

    def __call__(self, state: Any, item: Any) -> Any:
        return self.step(*self.arguments, state, item)

    def __repr__(self) -> str:
        return f"{self.step.__name__.removeprefix('_')}({', '.join(map(repr, self.arguments))})"


def bound(step: Callable[..., Any], *arguments: Any) -> Bound:
    """A mapper from a step and its first arguments, arrays among them as constants.

    >>> from symfold.mappers import boosting, euler
    >>> boosting(tensor("x")), euler(0.5) == euler(0.5)
    (boosting(x), True)
    """
    return Bound(step, tuple(as_node(value) if isinstance(value, (np.ndarray, list)) else value for value in arguments))


@dataclass(frozen=True)
class Row:
    """A mapper by name: `make(x)` gives it for the initial input x, `formula` is one step of it."""

    name: str
    make: Callable[[Any], Mapper]
    formula: str
    summary: str
    source: str


@dataclass(frozen=True)
class Parts:
    """What an architecture is made of: opaque layers, or tanh layers of a width with weights; of a depth, which may be a symbol."""

    depth: Any
    width: int | None = None

    def tensor(self, name: str, *, steps: bool = False) -> Node:
        """An input, rows of the width; with `steps`, a sequence of one a step."""
        return tensor(name, (self.depth, None, self.width) if steps else (None, self.width))

    @property
    def x(self) -> Node:
        return self.tensor("x")

    def layers(self, name: str = "f", *, inputs: int = 1, count: Any = None) -> Layers:
        """As many layers as there are steps."""
        tag = "" if name == "f" else name
        return layers(
            name,
            None if self.width is None else dense_of(self.width, inputs, tag),
            count=self.depth if count is None else count,
        )

    def layer(self, name: str, *, inputs: int = 1) -> Layer:
        """One layer, to be shared."""
        return layer(name, None if self.width is None else dense_of(self.width, inputs, ""))

    def numbers(self, name: str, shape: tuple[int, ...] = (), start: Normal | None = None) -> Node:
        """A trained array for every step."""
        return Node(StackedInputs(Numbered(name, 1, self.depth), shape, "parameter", start or Normal(0.0, 0.5)))


def dense_of(width: int, inputs: int, tag: str) -> Kind:
    """The layer tanh(x W + y V + ... + b); the tag tells the weights of layers with equal numbers apart."""
    scale = Normal(0.0, (inputs * width) ** -0.5)
    weights = [Weight(f"{prefix}{tag}", (width, width), scale) for prefix in "WVU"[:inputs]]

    def body(*values: Any) -> Any:
        total: Any = values[-1]
        for value, weight in zip(values[:inputs], values[inputs:-1], strict=True):
            total = dot(value, weight) + total
        return np.tanh(total)

    return make_kind(body, inputs, (*weights, Weight(f"b{tag}", (1, width), Normal(0.0, 0.0))))


@dataclass(frozen=True)
class Architecture:
    """An architecture: `net(depth)` is it, and what is claimed of it is tested.

    formula: one step. state: what is carried. paths: from the input to the output, n steps, a layer worth t; a formula in n, or
    P_n by the ones before. span, work: layers one after the other, layers in all. inverse: how a step is undone; '' where it is not.
    """

    name: str
    make: Callable[[Parts], Any]
    formula: str
    state: str
    paths: str
    span: str
    work: str
    inverse: str
    source: str

    def net(self, depth: Any, width: int | None = None) -> Net:
        """The net of so many steps: of opaque layers, or of tanh layers of a width."""
        return Net.of(
            self.make(Parts(sp.Symbol(depth, integer=True, positive=True) if isinstance(depth, str) else depth, width))
        )
