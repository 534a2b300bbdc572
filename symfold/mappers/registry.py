"""The rows of the tables, for mappers and architectures, and the parts that architectures are built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

from symfold.base.trees import Layered, State
from symfold.core.conversion import as_node
from symfold.core.leaves import Normal, tensor
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import dot
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import Numbered, StackedInputs
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


@dataclass(frozen=True)
class Row:
    """A named mapper: `make(x)` is the mapper for the initial input x, `formula` its step."""

    name: str
    make: Callable[[Any], Mapper]
    formula: str
    summary: str
    source: str


@dataclass(frozen=True)
class Parts:
    """The parts of an architecture: opaque layers, or tanh layers of a given width. The depth may be a symbol."""

    depth: Size
    width: int | None = None

    def tensor(self, name: str, *, steps: bool = False) -> Node:
        """An input with rows of the width; with `steps`, a sequence with one entry per step."""
        return tensor(name, (self.depth, None, self.width) if steps else (None, self.width))

    @property
    def x(self) -> Node:
        return self.tensor("x")

    def layers(self, name: str = "f", *, inputs: int = 1, count: Size | None = None) -> Layers:
        """One layer per step."""
        tag = "" if name == "f" else name
        return layers(
            name,
            None if self.width is None else dense_of(self.width, inputs, tag),
            count=self.depth if count is None else count,
        )

    def layer(self, name: str, *, inputs: int = 1) -> Layer:
        """A layer shared by all steps."""
        return layer(name, None if self.width is None else dense_of(self.width, inputs, ""))

    def numbers(self, name: str, shape: tuple[int, ...] = (), start: Normal | None = None) -> Node:
        """A trained array per step."""
        return Node(StackedInputs(Numbered(name, 1, self.depth), shape, "parameter", start or Normal(0.0, 0.5)))


def dense_of(width: int, inputs: int, tag: str) -> Kind:
    """The layer tanh(x W + y V + ... + b); the tag separates the weights of layers with equal numbers."""
    scale = Normal(0.0, (inputs * width) ** -0.5)
    weights = [Weight(f"{prefix}{tag}", (width, width), scale) for prefix in "WVU"[:inputs]]

    def body(*values: State) -> State:
        total: State = values[-1]
        for value, weight in zip(values[:inputs], values[inputs:-1], strict=True):
            total = dot(value, weight) + total
        return np.tanh(total)

    return make_kind(body, inputs, (*weights, Weight(f"b{tag}", (1, width), Normal(0.0, 0.0))))


@dataclass(frozen=True)
class Architecture:
    """An architecture with its net and its claims, which the tests check.

    - formula: one step
    - state: what the fold carries
    - paths: the paths from input to output over n steps, a layer counting t; a formula in n, or a recurrence for P_n
    - span, work: the layers in sequence, and in all
    - inverse: how a step is undone; '' if it cannot be
    """

    name: str
    make: Callable[[Parts], State]
    formula: str
    state: str
    paths: str
    span: str
    work: str
    inverse: str
    source: str

    def net(self, depth: Size, width: int | None = None) -> Net:
        """The net of a depth, with opaque layers, or with tanh layers of a width."""
        steps = sp.Symbol(depth, integer=True, positive=True) if isinstance(depth, str) else depth
        return Net.of(self.make(Parts(steps, width)))
