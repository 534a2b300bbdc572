"""Differentiating: adjoint, gradient, value and gradient, each net to net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symfold.errors import InvalidValue
from symfold.families import Family, Names
from symfold.net import Net
from symfold.nodes import Node
from symfold.opening import opened
from symfold.operations import Input
from symfold.reverse_mode import pull_back, zeros
from symfold.sequences import element
from symfold.shapes import is_known, show
from symfold.tensors import number, tensor
from symfold.trees import LEAF


def adjoint(net: Any, name: str = "a") -> Net:
    """The adjoint of a net: from cotangents of its outputs (inputs named `a`) to those of its inputs and parameters.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> sorted(sf.adjoint(net).parts)
    ['x']
    """
    net = Net.of(net)
    outputs = opened(net.outputs)
    taken = {str(n) for leaf in net.leaves for n in _names(leaf, limit=2)}
    while name in taken:
        name += "_"
    several = len(outputs) > 1
    cotangents = [_cotangent(f"{name}{k + 1}" if several else name, output) for k, output in enumerate(outputs)]
    leaves = [leaf for leaf in net.leaves if leaf.op.role != "layer"]
    pulled = pull_back(outputs, cotangents, leaves)
    gradient = _named({leaf: pulled.bars.get(leaf) for leaf in leaves})
    return Net(gradient.outputs, gradient.form, (*leaves, *cotangents))


def _cotangent(name: str, output: Node) -> Node:
    return Node(Input(name, output.shape)) if is_known(output.shape) else tensor(name)


def _names(leaf: Node, limit: int) -> Sequence[str]:
    return [leaf.op.name] if isinstance(leaf.op, Input) else [leaf.op.names[k] for k in range(min(limit, 1))]


def value_and_grad(loss: Any, wrt: Sequence[str] | None = None) -> Net:
    """The loss with its gradient by name: by all parameters, or by the inputs and parameters named in `wrt`.

    The loss must be a single number. The gradient has every parameter's shape; an unused one's is zero.
    """
    net = Net.of(loss)
    (output,) = opened(net.outputs) if len(net.outputs) == 1 else (None,)
    if output is None or (is_known(output.shape) and output.shape != ()):
        shapes = ", ".join(show(o.shape) for o in net.outputs)
        raise InvalidValue(f"a loss is a single number, got shape {shapes} (sum over it, or use sf.squared_error)")
    leaves = _chosen(net, wrt)
    pulled = pull_back((output,), [number(1)], leaves)
    gradient = _named({leaf: pulled.bars.get(leaf) for leaf in leaves})
    return Net((pulled.roots[0], *gradient.outputs), ("tuple", (LEAF, gradient.form)), net.leaves)


def _chosen(net: Net, wrt: Sequence[str] | None) -> list[Node]:
    if wrt is None:
        return [leaf for leaf in net.leaves if leaf.op.role == "parameter"]
    known = {node.op.name: node for node in (*net.inputs, *net.params)}
    missing = [name for name in wrt if name not in known]
    if missing:
        raise InvalidValue(f"no input or parameter {missing[0]!r} to differentiate by (there are {', '.join(map(repr, known))})")
    return [leaf for leaf in net.leaves if any(name in wrt for name in _all_names(leaf)) and leaf.op.role != "layer"]


def _all_names(leaf: Node) -> Names:
    return (leaf.op.name,) if isinstance(leaf.op, Input) else leaf.op.names


def grad(loss: Any, wrt: Sequence[str] | None = None) -> Net:
    """The gradient of a loss, by name.

    >>> import symfold as sf
    >>> w = sf.parameter("w")
    >>> sf.grad(sf.Net.of(w * w))({"w": 3.0})
    {'w': array(6.)}
    """
    both = value_and_grad(loss, wrt)
    return Net(both.outputs[1:], both.form[1][1], both.signature)


def _named(bars: Mapping[Node, Node | None]) -> Net:
    """Cotangents held by the names of their leaves; a family's are one sequence. A name met twice is summed."""
    names = [name for leaf in bars for name in ([leaf.op.name] if isinstance(leaf.op, Input) else [])]
    families = [leaf for leaf in bars if isinstance(leaf.op, Family)]
    shared = len(bars) > 1 and bool(families) and _overlapping(names, families)
    if not shared:
        outputs = tuple(zeros(leaf) if bar is None else bar for leaf, bar in bars.items())
        return Net(outputs, ("named", tuple(_all_names(leaf) if isinstance(leaf.op, Family) else leaf.op.name for leaf in bars)))
    total: dict[str, Node] = {}
    for leaf, bar in bars.items():
        for k, name in enumerate(_all_names(leaf)):
            full = zeros(leaf) if bar is None else bar
            part = element(full, k) if isinstance(leaf.op, Family) else full
            total[name] = total[name] + part if name in total else part
    return Net(tuple(total.values()), ("named", tuple(total)))


def _overlapping(names: Sequence[str], families: Sequence[Node]) -> bool:
    seen = set(names)
    for family in families:
        for name in family.op.names:
            if name in seen:
                return True
            seen.add(name)
    return False
