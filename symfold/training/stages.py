"""Stages: the layers of a fold fitted one after the other, each in the net that ends with it.

    stage k:   z_k = f_k(z_{k-1}) + z_{k-1},   z_{k-1} from layers that no longer change,   z_n = z_k: later layers are left out

A residual or boosting net without its last layers is the net of the first ones, so every stage trains the net of depth k by
its last layer alone. What belongs to no layer of a fold (an input projection, a readout) is trained in every stage: a net of
each depth is a net with its own readout, and one that never learned would hide what the layers learn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.core.applied_layers import Call
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.names import applied_layers, covers, names_of
from symfold.core.net import Net, listed
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import Apply, read_places
from symfold.errors import InvalidValue
from symfold.transform.rewiring.lesion import lesion
from symfold.transform.rolling import roll

ZERO = "0"


@dataclass(frozen=True)
class Stage:
    """One stage: the layer that it fits, the net without the layers after it, the parameters that move, its share of the epochs."""

    layer: str
    net: Net
    trained: tuple[str, ...] | None  # None: all
    epochs: int
    absent: tuple[str, ...] = ()


def stages_of(loss: Any, epochs: int) -> list[Stage]:
    """The stages of a loss, in the order in which its layers are applied; of epochs that are left over, the first stages get one each.

    >>> import symfold as sf
    >>> x = sf.tensor("x", (None, 3))
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.tanh)), x)
    >>> out = sf.layer("out", sf.dense(3, 1))(net)
    >>> found = stages_of(sf.squared_error(out, sf.tensor("target", (None, 1))), 10)
    >>> [(stage.layer, stage.epochs, stage.trained) for stage in found][1:]
    [('f2', 3, ('W2', 'b2', 'W_out', 'b_out')), ('f3', 3, ('W3', 'b3', 'W_out', 'b_out'))]
    >>> print(found[1].net)
    z1 = f1(x) + x
    z2 = f2(z1) + z1
    y = sum((target - out(z2))**2)
    """
    net = Net.of(loss)
    applied = _applied(net)
    own = {name: weights for name, weights in applied if weights}
    if not own:
        raise InvalidValue(
            "stages=True fits the layers of a fold one after the other, and there is no fold over layers with parameters "
            "(fold over layers as sf.layers('f1:4', sf.dense(3, 3)), or leave stages out)"
        )
    if epochs < len(own):
        raise InvalidValue(
            f"epochs={epochs} are too few for {len(own)} layers fitted one after the other (give at least {len(own)}: they are shared out over the stages)"
        )
    owned = {name for weights in own.values() for name in weights}
    common = [node.op.name for node in net.params if node.op.name not in owned]
    order = [name for name, _ in applied]
    starts = [order.index(name) for name in own]
    found = []
    for k, (name, weights) in enumerate(own.items()):
        absent = tuple(order[starts[k + 1] :]) if k + 1 < len(own) else ()
        prefix = roll(without(net, absent))
        if absent and not _Reach(name).runs(prefix):
            raise InvalidValue(
                f"without the layers after {name!r} the loss does not depend on {name!r}, so no stage can fit it "
                "(use a net that passes its state on, as f(z) + z does and f(z) does not, or leave stages out)"
            )
        present = {one for leaf in prefix.leaves for one in listed(leaf)}
        trained = tuple(one for one in (*weights, *common) if one in present)
        found.append(Stage(name, prefix, trained, epochs // len(own) + (k < epochs % len(own)), absent))
    return found


def without(net: Net, layers: Iterable[str]) -> Net:
    """The net without those of the layers that it applies."""
    known = [names_of(args[0]) for _, args in applied_layers(net.outputs)]
    return lesion(net, [name for name in layers if any(covers(name, names) for names in known)])


def _applied(net: Net) -> list[tuple[str, tuple[str, ...]]]:
    """The layers that folds apply, in their order, each with the names of its parameters; an error where one is applied twice."""
    reach = _Reach()
    reach.runs(net)
    seen: set[str] = set(reach.outside)
    for name, _ in reach.found:
        if name in seen:
            raise InvalidValue(
                f"layer {name!r} is applied more than once, so no stage is its own (give each step a layer of its own, or leave stages out)"
            )
        seen.add(name)
    return reach.found


class _Reach(Interpreter):
    """Whether a value depends on one layer (True where it does); on the way, what layers are applied, in order."""

    def __init__(self, layer: str = ""):
        self.layer = layer
        self.inside = 0
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.outside: list[str] = []

    def runs(self, net: Net) -> bool:
        """Whether the outputs depend on the layer."""
        return any(
            self.collect(value, node) if isinstance(value, Entries) else value is True
            for value, node in zip(self.run(net.outputs), net.outputs, strict=True)
        )

    def leaf(self, node: Node) -> Any:
        """A layer and a parameter mean their names; what a layer that is left out gives, zero, is no name."""
        if isinstance(node.op, Constant):
            return ZERO if node.op.value == 0 else False
        return node.op.name if getattr(node.op, "role", "") in ("layer", "parameter") else False

    def index(self, value: Any, position: int, node: Node) -> Any:
        return value is True

    def collect(self, entries: Entries, node: Node) -> Any:
        return any(entry is True for entry in entries)

    def begin(self, node: Node) -> None:
        self.inside += 1

    def end(self, node: Node) -> None:
        self.inside -= 1

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if isinstance(op, Call):
            weights = tuple(one for one in args[1 + op.arity : 1 + op.arity + op.weights] if isinstance(one, str))
            if self.inside:
                self.found.append((args[0], weights))
            else:
                self.outside.append(args[0])
            return args[0] == self.layer or any(arg is True for arg in args[1:])
        read = [args[k] for k in read_places(node)] if isinstance(op, Apply) else args
        groups = (
            op.groups(len(args))
            if isinstance(op, Apply)
            else [range(len(args))]
            if op is sp.Add
            else [[k] for k in range(len(args)) if op is sp.Mul]
        )
        if any(all(args[k] == ZERO for k in group) for group in groups):
            return ZERO
        return any(arg is True for arg in read)
