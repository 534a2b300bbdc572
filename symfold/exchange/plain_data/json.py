"""JSON and pickling of nets. Input is checked, and nothing in it is evaluated."""

from __future__ import annotations

import json

from symfold.base.public import public
from symfold.core.attach import attach
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import is_leaf
from symfold.errors import DataError, SymfoldError
from symfold.exchange.plain_data.checks import check_net, require
from symfold.exchange.plain_data.reader import nodes_from_data
from symfold.exchange.plain_data.writer import Data, nodes_to_data


def node_to_data(node: Node) -> Data:
    """A node and its dependencies as plain data."""
    return nodes_to_data((node,))


def net_to_data(net: Net) -> Data:
    """A net as plain data."""
    return nodes_to_data(net.outputs, net.form, net.signature)


def net_to_json(net: Net) -> str:
    """A net as JSON text.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> from_json(net_to_json(net)) == net
    True
    """
    return json.dumps(net_to_data(net), separators=(",", ":"))


def node_from_data(data: object) -> Node:
    """The node that `node_to_data` wrote."""
    return nodes_from_data(data)[0][0]


def net_from_data(data: object) -> Net:
    """The net that `net_to_data` wrote."""
    outputs, form, signature = nodes_from_data(data)
    leaves = tuple(filter(is_leaf, signature))
    require(len(leaves) == len(signature), "a signature of something that is not an input")
    net = Net(outputs, form, leaves)
    try:
        check_net(net)
    except DataError:
        raise
    except SymfoldError as error:
        raise DataError(f"not a net: {error} (give what net.to_json() wrote)") from error
    return net


@public
def from_json(text: str) -> Net:
    """The net that `to_json` wrote; nothing in the text is evaluated.

    >>> from_json("[1, 2]")
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: not a net: expected an object, got list (give what net.to_json() wrote)
    """
    try:
        data = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"not a net: not JSON: {error} (give what net.to_json() wrote)") from error
    return net_from_data(data)


attach(Net, to_json=net_to_json)
