"""What a reader returns: a net with what repeats as folds, and its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symfold.base.arguments import NumpyArray
from symfold.base.trees import State
from symfold.core.net import Net
from symfold.core.stacked_inputs import Leaf
from symfold.transform.rolling import roll


def net_read(
    outputs: State, inputs: Sequence[Leaf], values: Mapping[str, NumpyArray]
) -> tuple[Net, dict[str, NumpyArray]]:
    """The net of some outputs with its inputs in this order, and the values of the parameters that it reads."""
    result = Net.of(outputs)
    net = roll(Net(result.outputs, result.form, tuple(inputs)))
    read = {node.op.name for node in net.params}
    return net, {name: value for name, value in values.items() if name in read}
