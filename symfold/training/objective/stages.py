"""Stages: the layers of a fold fitted one after another, each as the last layer of a net.

    stage k:   z_k = f_k(z_{k-1}) + z_{k-1},   z_{k-1} from frozen layers,   z_n = z_k: later layers are omitted

A residual or boosting net without its last layers is the net of the first ones, so stage k trains the net of depth k by
its last layer alone. Parameters outside of the fold's layers (an input projection, a readout) are trained in every
stage: each depth needs its own readout, and an untrained one would hide what the layers learn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.core.blocks import Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Constant, Input
from symfold.core.names import applied_layers, covers, names_of
from symfold.core.net import Net, listed
from symfold.core.nodes import Node
from symfold.core.primitives import is_apply, read_places
from symfold.errors import InvalidValue
from symfold.transform.rewiring.lesion import lesion
from symfold.transform.rolling import roll

ZERO = "0"


@dataclass(frozen=True)
class Stage:
    """One stage: its layer, the net without later layers, the parameters to train, and its number of epochs."""

    layer: str
    net: Net
    trained: tuple[str, ...] | None  # None: all
    epochs: int
    absent: tuple[str, ...] = ()


def stages_of(loss: object, epochs: int) -> list[Stage]:
    """The stages of a loss, in the order of its layers; the first stages share the remainder of the epochs.

    >>> import symfold as sf
    >>> x = sf.tensor("x", (None, 3))
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.tanh)), x)
    >>> out = sf.layer("out", sf.dense(3, 1))(net)
    >>> stages = stages_of(sf.squared_error(out, sf.tensor("target", (None, 1))), 10)
    >>> [(stage.layer, stage.epochs, stage.trained) for stage in stages][1:]
    [('f2', 3, ('W2', 'b2', 'W_out', 'b_out')), ('f3', 3, ('W3', 'b3', 'W_out', 'b_out'))]
    >>> print(stages[1].net)
    z1 = f1(x) + x
    z2 = f2(z1) + z1
    y = sum((target - out(z2))**2)
    """
    net = Net.of(loss)
    applied = _applied(net)
    weights_of = {name: weights for name, weights in applied if weights}
    count = len(weights_of)
    if not count:
        raise InvalidValue(
            "stages=True fits the layers of a fold one after the other, and there is no fold over layers with "
            "parameters (fold over layers as sf.layers('f1:4', sf.dense(3, 3)), or leave stages out)"
        )
    if epochs < count:
        raise InvalidValue(
            f"epochs={epochs} are too few for {count} layers fitted one after the other "
            f"(give at least {count}: they are divided among the stages)"
        )
    layer_weights = {name for weights in weights_of.values() for name in weights}
    common = [node.op.name for node in net.params if node.op.name not in layer_weights]
    order = [name for name, _ in applied]
    starts = [order.index(name) for name in weights_of]
    stages = []
    for k, (name, weights) in enumerate(weights_of.items()):
        absent = tuple(order[starts[k + 1] :]) if k + 1 < count else ()
        prefix = roll(without(net, absent), search=False)
        if absent and not _Reach(name).runs(prefix):
            raise InvalidValue(
                f"without the layers after {name!r} the loss does not depend on {name!r}, so no stage can fit it "
                "(use a net that passes its state on, as f(z) + z does and f(z) does not, or leave stages out)"
            )
        present = {parameter for leaf in prefix.leaves for parameter in listed(leaf)}
        trained = tuple(parameter for parameter in (*weights, *common) if parameter in present)
        stages.append(Stage(name, prefix, trained, epochs // count + (k < epochs % count), absent))
    return stages


def without(net: Net, layers: Iterable[str]) -> Net:
    """The net without some layers; layers that it does not apply are ignored."""
    applied = [names_of(args[0]) for _, args in applied_layers(net.outputs)]
    return lesion(net, [name for name in layers if any(covers(name, names) for names in applied)])


def _applied(net: Net) -> list[tuple[str, tuple[str, ...]]]:
    """The layers that folds apply, in order, with the names of their parameters; an error if one is applied twice."""
    reach = _Reach()
    reach.runs(net)
    seen: set[str] = set(reach.outside)
    for name, _ in reach.applied:
        if name in seen:
            raise InvalidValue(
                f"layer {name!r} is applied more than once, so it has no stage of its own "
                "(give each step a layer of its own, or leave stages out)"
            )
        seen.add(name)
    return reach.applied


class _Reach(Interpreter):
    """Whether values depend on a layer (True if so); also records the applied layers, in order."""

    def __init__(self, layer: str = ""):
        self.layer = layer
        self.fold_depth = 0
        self.applied: list[tuple[str, tuple[str, ...]]] = []  # in folds
        self.outside: list[str] = []

    def runs(self, net: Net) -> bool:
        """Whether the outputs depend on the layer."""
        return any(
            self.collect(value, node) if isinstance(value, Entries) else value is True
            for value, node in zip(self.run(net.outputs), net.outputs, strict=True)
        )

    def leaf(self, node: Node) -> str | bool:
        """The name of a layer or parameter; ZERO for zero, the result of an omitted layer."""
        if isinstance(node.op, Constant):
            return ZERO if node.op.value == 0 else False
        return node.op.name if isinstance(node.op, Input) and node.op.role in ("layer", "parameter") else False

    def index(self, value: object, position: int, node: Node) -> bool:
        return value is True

    def collect(self, entries: Entries, node: Node) -> bool:
        return any(entry is True for entry in entries)

    def begin(self, node: Node[Fold]) -> None:
        self.fold_depth += 1

    def end(self, node: Node[Fold]) -> None:
        self.fold_depth -= 1

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if isinstance(op, Call):
            weights = tuple(arg for arg in args[1 + op.arity : 1 + op.arity + op.weights] if isinstance(arg, str))
            if self.fold_depth:
                self.applied.append((args[0], weights))
            else:
                self.outside.append(args[0])
            return args[0] == self.layer or any(arg is True for arg in args[1:])
        operands = args
        if is_apply(node):
            operands, groups = [args[k] for k in read_places(node)], node.op.groups(len(args))
        elif op is sp.Add:
            groups = (tuple(range(len(args))),)
        else:
            groups = tuple((k,) for k in range(len(args)) if op is sp.Mul)
        if any(all(args[k] == ZERO for k in group) for group in groups):
            return ZERO
        return any(operand is True for operand in operands)
