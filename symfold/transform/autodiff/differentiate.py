"""Differentiating: adjoint, gradient, value and gradient, each net to net."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symfold.base.arguments import one_of, quoted
from symfold.base.trees import LEAF
from symfold.core.names import Claims, covers, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Input
from symfold.core.primitives import single, zeros
from symfold.core.sequences import element
from symfold.core.shapes import is_known, show, size_symbols
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.core.tensors import checked_name, number, tensor
from symfold.errors import InvalidValue, listing
from symfold.transform.autodiff.reverse_mode import pull_back
from symfold.transform.inlining import inlined
from symfold.transform.passes.rematerialization import REMATS, grouped


def adjoint(net: Any, name: str = "a") -> Net:
    """The adjoint of a net: from cotangents of its outputs (inputs named `a`) to those of its inputs and parameters.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> sorted(sf.adjoint(net).parts)
    ['x']
    """
    net, name = Net.of(net), checked_name(name)
    outputs = inlined(net.outputs)
    taken = {
        name
        for leaf in net.leaves
        for name in ([leaf.op.name] if isinstance(leaf.op, Input) else size_symbols(leaf.op.count))
    }
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


Wanted = str | Node | Sequence[str | Node] | None


def value_and_grad(loss: Any, wrt: Wanted = None, remat: str | None = None) -> Net:
    """The loss with its gradient by name: by all parameters, or by the inputs and parameters in `wrt` (names or tensors).

    The loss must be a single number. The gradient has every parameter's shape; an unused one's is zero.

    `remat` is for deep nets, whose gradient otherwise keeps a few values of every step. With "sqrt" a fold of n steps, 8 or more, keeps
    the state before every group of about sqrt(n) steps, and computes a group's steps again when their gradient comes: memory for
    about 2 sqrt(n) steps, for one more evaluation (a depth that is a symbol is not divided: give it its number first). With
    "reversible" it keeps none: steps that can be inverted, as additive couplings, are computed backward from the last state, so
    memory does not grow with depth; the gradient differs by how rounding adds up. A step that cannot be inverted is an error.

    >>> import numpy as np, symfold as sf
    >>> f, g = (sf.layers(name, sf.dense(2, 2, sf.tanh), count=64) for name in ("f_", "g_"))
    >>> def coupling(state, item):
    ...     a, b = state
    ...     a = a + item[0](b)
    ...     return a, b + item[1](a)
    >>> a, b = sf.fold(coupling, list(zip(f, g)), (sf.tensor("x", (None, 2)), sf.tensor("y", (None, 2)))).outputs
    >>> loss = sf.Net.of(((a + b) ** 2).sum())
    >>> params, ones = loss.init(seed=0), np.ones((5, 2))
    >>> kept, sqrt, reversible = (sf.grad(loss, remat=way)(params, x=ones, y=ones)["W_f_1"] for way in (None, "sqrt", "reversible"))
    >>> np.allclose(sqrt, kept, rtol=1e-12), np.allclose(reversible, kept, rtol=1e-6)
    (True, True)
    """
    net = Net.of(loss)
    if remat is not None:
        remat = one_of("remat", remat, REMATS)
    (output,) = inlined(net.outputs) if len(net.outputs) == 1 else (None,)
    if output is None or net.form != LEAF or (is_known(output.shape) and output.shape != ()):
        shapes = ", ".join(show(o.shape) for o in net.outputs)
        raise InvalidValue(f"a loss is a single number, got shape {shapes} (sum over it, or use sf.squared_error)")
    names = None if wrt is None else wanted_names(net, wrt)
    leaves = [leaf for leaf in net.leaves if _is_wanted(leaf, names)]
    root = output if is_known(output.shape) else single(output)
    pulled = pull_back(grouped((root,)) if remat == "sqrt" else (root,), [number(1)], leaves, remat)
    gradient = _named({leaf: pulled.bars.get(leaf) for leaf in leaves}, names)
    return Net((pulled.roots[0], *gradient.outputs), ("tuple", (LEAF, gradient.form)), net.leaves)


def wanted_names(net: Net, wrt: Wanted) -> set[str]:
    """The names to differentiate by, each of which the net must have."""
    given = [wrt] if isinstance(wrt, str) or hasattr(wrt, "ndim") or not isinstance(wrt, Iterable) else list(wrt)
    known = [names_of(leaf) for leaf in net.leaves if leaf.op.role != "layer"]
    names: list[Any] = [one.op.name if isinstance(one, Node) and isinstance(one.op, Input) else one for one in given]
    for name in names:
        if not isinstance(name, str) or not any(covers(name, one) for one in known):
            there = listing(repr(node.op.name) for node in (*net.inputs, *net.params))
            raise InvalidValue(f"no input or parameter {quoted(name)} to differentiate by (there are {there})")
    return set(names)


def _is_wanted(leaf: Node, names: set[str] | None) -> bool:
    if leaf.op.role == "layer":
        return False
    return leaf.op.role == "parameter" if names is None else bool(_places(leaf, names))


def _places(leaf: Node, wanted: set[str] | None) -> list[tuple[int, str]]:
    """Which of a leaf's names are wanted, and where they stand; of numbered names only those are looked at."""
    names = names_of(leaf)
    if wanted is not None and isinstance(names, Numbered):
        return sorted((place, name) for name in wanted if (place := names.position(name)) is not None)
    return [(place, name) for place, name in enumerate(names) if wanted is None or name in wanted]


def grad(loss: Any, wrt: Wanted = None, remat: str | None = None) -> Net:
    """The gradient of a loss, by name; `remat` as for `sf.value_and_grad`.

    >>> import symfold as sf
    >>> w = sf.parameter("w")
    >>> sf.grad(sf.Net.of(w * w))({"w": 3.0})
    {'w': array(6.)}
    """
    both = value_and_grad(loss, wrt, remat)
    return Net(both.outputs[1:], both.form[1][1], both.signature)


def _named(bars: Mapping[Node, Node | None], wanted: set[str] | None = None) -> Net:
    """Cotangents held by the names of their leaves; a family's are one sequence. A name met twice is summed."""
    if _held_whole(list(bars), wanted):
        outputs = tuple(zeros(leaf) if bar is None else bar for leaf, bar in bars.items())
        return Net(
            outputs,
            ("named", tuple(leaf.op.names if isinstance(leaf.op, StackedInputs) else leaf.op.name for leaf in bars)),
        )
    total: dict[str, Node] = {}
    for leaf, bar in bars.items():
        full = zeros(leaf) if bar is None else bar
        for place, name in _places(leaf, wanted):
            part = element(full, place) if isinstance(leaf.op, StackedInputs) else full
            total[name] = total[name] + part if name in total else part
    return Net(tuple(total.values()), ("named", tuple(total)))


def _held_whole(leaves: Sequence[Node], wanted: set[str] | None) -> bool:
    """Whether every leaf's cotangent can be held as it is: no name is met twice, and all names are wanted."""
    claims = Claims()
    return all(
        claims.add(names_of(leaf), place) is None
        and (
            wanted is None or len(_places(leaf, wanted)) == (leaf.op.count if isinstance(leaf.op, StackedInputs) else 1)
        )
        for place, leaf in enumerate(leaves)
    )
