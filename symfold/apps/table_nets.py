"""Nets over the rows of a table: an architecture between a projection of its own kind and a linear readout.

row --projection--> what the architecture reads --fold over f1 ... fn--> its head --out--> results

The projection depends on what an architecture reads (`Architecture.reads`):

- rows: a linear map of all columns to the width;
- steps: the columns in order, cut into `depth` steps of equal size, the last one filled with zeros; one linear map;
- tokens: a position per column, its number times a trained vector, plus another (Gorishniy et al. 2021);
- image: the columns as a square image with one channel, read by the net's own first convolution.

Further initial states, such as a memory or a velocity, are zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np

from symfold.apps.data import Table, places
from symfold.base.trees import Layered, State
from symfold.core.conversion import as_node
from symfold.core.leaves import Normal
from symfold.core.leaves import tensor as input_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import concatenate, expand, permute, reshape, zeros
from symfold.core.stacked_inputs import known_count
from symfold.errors import Advice, DataError, InvalidValue, plural, unknown
from symfold.frontend import elementwise
from symfold.frontend.folding import fold
from symfold.frontend.layer_kinds import Kind, Weight, dense, make_kind
from symfold.frontend.named_layers import Layers, layer
from symfold.mappers.expressions import folded, named_mapper
from symfold.mappers.registry import Architecture, Parts, dense_layers, first
from symfold.mappers.tables import ARCHITECTURES, MAPPERS
from symfold.training.boosting.arguments import step_maker

# Activations by name; a new one is one row.
ACTIVATIONS = {
    name: getattr(elementwise, name) for name in ("sigmoid", "tanh", "relu", "softplus", "sin", "erf")
}  # fmt: skip


def activation_of(activation: str | Layered) -> Layered:
    """An activation by its name in the table, or a function as it is."""
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise unknown("activation", activation, ACTIVATIONS)
    return ACTIVATIONS[activation]


def architecture_of(name: object) -> Architecture | None:
    """The architecture of a name; None for a mapper, which may have the name of an architecture, or an expression.

    >>> architecture_of("lstm").name, architecture_of("residual"), architecture_of("f(z) + z")
    ('lstm', None, None)
    """
    return None if not isinstance(name, str) or name in MAPPERS else ARCHITECTURES.get(name)


def columns_besides(table: Table, target: str) -> tuple[str, ...]:
    """The columns to predict a target from; an error if there is none."""
    places(table.source, [target], table.columns)
    columns = tuple(name for name in table.columns if name != target)
    if not columns:
        raise DataError(f"{table.source!r} has no column besides {target!r} (there is nothing to predict from)")
    return columns


@dataclass(frozen=True)
class Shape:
    """A net over the rows of a table, by the names of its columns, without its numbers."""

    mapper: str
    depth: int
    width: int
    activation: str
    columns: tuple[str, ...]
    target: str
    classes: tuple[str, ...] = ()  # of a classification, by their labels
    loss: str = ""  # that it is trained on, which says what its results mean

    @property
    def outputs(self) -> int:
        """The results per row: one number, or a score for each class; for two classes, a loss may take one score."""
        return 1 if self.loss == "binary_cross_entropy" else len(self.classes) or 1

    def net(self, kept: bool = False) -> Net:
        """The net from `x`, rows of standardized columns, to one prediction, or one score per class, for each row.

        With `kept`, norms over a batch read statistics kept from the training, as predictions need.

        >>> net = Shape("residual", 2, 4, "tanh", ("age", "bmi"), "target").net()
        >>> [p.op.name for p in net.params]
        ['W_into', 'b_into', 'W1', 'W2', 'b1', 'b2', 'W_out', 'b_out']
        >>> Shape("lstm", 2, 4, "tanh", ("age", "bmi"), "target").net().shape
        (x.shape[0], 1)
        """
        return net_of(self.mapper, self.depth, self.width, self.activation, len(self.columns), self.outputs, kept)


def net_of(
    mapper: str | Layered,
    depth: int,
    width: int,
    activation: str | Layered,
    columns: int,
    outputs: int,
    kept: bool = False,
) -> Net:
    """The net from rows of columns to rows of results; a mapper and an activation are names or functions.

    >>> net_of(lambda z, f: z - f(z), 2, 4, np.tanh, columns=3, outputs=2).shape
    (x.shape[0], 2)
    """
    function = activation_of(activation)
    if depth < 0 or width < 1:
        raise InvalidValue(f"no net has depth {depth} and width {width} (give a depth from 0 and a width from 1)")
    row = architecture_of(mapper)
    if row is None:
        state = state_of(mapper, depth, width, function, columns)
    else:
        net = row.of(TableParts(depth, width, row.name, row.reads, columns, outputs, function, kept))
        if row.head is None:
            return Net.of(net)
        state = row.head(net)
    return Net.of(layer("out", dense(as_node(state).shape[-1], outputs))(state))


def state_of(mapper: str | Layered, depth: int, width: int, activation: Layered, columns: int) -> State:
    """A mapper folded over dense layers, after a linear projection; of a state of several parts the first."""
    into = layer("into", dense(columns, width))(input_of("x", (None, columns)))

    def layers_of(name: str) -> Layers:
        return dense_layers(name, depth, width, activation)

    if isinstance(mapper, str):
        typed = named_mapper(mapper)
        others = [zeros(into)] * (typed.parts - 1)
        state = first(Net.of(folded(typed, into, (into, *others) if others else into, layers_of)))
    else:
        state = fold(step_maker(mapper)(into), layers_of("f"), into)
    if len(state.shape) != len(into.shape):
        raise InvalidValue(
            f"the mapper {mapper!r} gives the same number for every row "
            "(let it read the state z, the input x or a layer f, as 'f(z) + z')"
        )
    return state


@dataclass(frozen=True)
class TableParts(Parts):
    """Parts whose inputs are projections of the columns of a table, `x`."""

    name: str = ""
    reads: str = "rows"
    columns: int = 1
    outputs: int = 1
    function: Layered = np.tanh
    kept: bool = False

    @property
    def row(self) -> Node:
        return input_of("x", (None, self.columns))

    @property
    def wide(self) -> int:
        return self.width or 1

    def tensor(self, name: str, *, steps: bool = False) -> Node:
        into = "into" if name in ("x", "u") else f"into_{name}"
        row = self.steps if steps else self.row
        return as_node(layer(into, dense(row.shape[-1], self.wide))(row))

    @property
    def steps(self) -> Node:
        """The columns cut into steps, of shape (steps, rows, columns per step), filled with zeros at the end."""
        steps, columns = known_count(self.depth), self.columns
        if not 1 <= steps <= columns:
            raise InvalidValue(
                f"{self.name} reads a row as a sequence, and {plural(columns, 'column')} cannot be cut into "
                f"{plural(steps, 'step')}",
                Advice("depth", columns, f"give a depth from 1 to {columns}"),
            )
        size = -(-columns // steps)
        row, missing = self.row, steps * size - columns
        if missing:
            row = concatenate(row, zeros(row[:, :missing]), axis=-1)
        return permute(reshape(row, shape=(-1, steps, size)), axes=(-2, -3, -1))

    def start(self, name: str) -> Node:
        return zeros(self.tensor("u", steps=True)[0] if self.reads == "steps" else self.x)

    @property
    def tokens(self) -> Node:
        return as_node(layer("into", token(self.columns, self.wide))(self.row))

    @property
    def image(self) -> Node:
        side = isqrt(self.columns)
        if side**2 != self.columns:
            raise InvalidValue(
                f"{self.name} reads a row as a square image, and {plural(self.columns, 'column')} are no square "
                f"(give a table of {side**2} or {(side + 1) ** 2} columns besides the target, or another architecture)"
            )
        return reshape(self.row, shape=(-1, 1, side, side))

    @property
    def classes(self) -> int:
        return self.outputs

    @property
    def causal(self) -> bool:
        return False  # the columns of a table have no order

    @property
    def keeps_statistics(self) -> bool:
        return self.kept

    def activation(self, gate: bool = False) -> Layered | None:
        return None if gate else self.function


def token(columns: int, width: int) -> Kind:
    """A position per column: its number times a trained vector, plus another (Gorishniy et al. 2021).

    >>> layer("into", token(3, 8))(input_of("x", (None, 3))).shape
    (x.shape[0], 3, 8)
    """
    start = Normal(0.0, width**-0.5)
    weights = Weight("W", (columns, width), start), Weight("b", (columns, width), start)
    return make_kind(lambda x, W, b: expand(x, axis=-1) * W + b, 1, weights)
