"""Differentiation: adjoint, gradient, value and gradient, each net to net."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symfold.base.arguments import quoted
from symfold.base.garbage import collection_paused
from symfold.base.public import public
from symfold.base.trees import LEAF
from symfold.core.leaves import Input, checked_name, number, tensor
from symfold.core.names import Claims, covers, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walking_once
from symfold.core.primitives import single, zeros
from symfold.core.sequences import element
from symfold.core.shapes import is_known, show, size_symbols
from symfold.core.stacked_inputs import Leaf, Numbered, StackedInputs
from symfold.errors import InvalidValue, listing
from symfold.transform.autodiff.reverse_mode import pull_back
from symfold.transform.inlining import inlined
from symfold.transform.passes.rematerialization import Remat, grouped, remat_given
from symfold.transform.repeats.search import with_long_repeats_folded


@public
@walking_once
@collection_paused()
def adjoint(net: object, name: str = "a") -> Net:
    """The adjoint of a net: cotangents of its inputs and parameters from those of its outputs (inputs named `a`).

    If the net has layers, inputs or parameters called a, a1, ..., it is the first of g, b, c, d that it does not have.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> sorted(sf.adjoint(net).parts)
    ['x']
    """
    net, name = Net.of(net), checked_name(name)
    net, outputs = _inlined(net)
    name = _free(name, net)
    several = len(outputs) > 1
    cotangents = [_cotangent(f"{name}{k + 1}" if several else name, output) for k, output in enumerate(outputs)]
    leaves = [leaf for leaf in net.leaves if leaf.op.role != "layer"]
    pulled = pull_back(outputs, cotangents, leaves)
    gradient = _named({leaf: pulled.bars.get(leaf) for leaf in leaves})
    return Net(gradient.outputs, gradient.form, (*leaves, *cotangents))


def _inlined(net: Net) -> tuple[Net, tuple[Node, ...]]:
    """The net and its outputs with bodies inlined; of a long net, with long repeats as folds, to differentiate once."""
    outputs = inlined(net.outputs)
    folded = with_long_repeats_folded(outputs)
    return (net, outputs) if folded == outputs else (Net(folded, net.form).taking(net), folded)


def _free(name: str, net: Net) -> str:
    """A name that neither a leaf of the net has, nor a family of them without its numbers."""
    taken: set[str] = set()
    for leaf in net.leaves:
        names = names_of(leaf)
        first = [names.prefix] if isinstance(names, Numbered) else names
        taken.update(first, (each.rstrip("0123456789") for each in first))
        taken.update(() if isinstance(leaf.op, Input) else size_symbols(leaf.op.count))
    free = next((each for each in (name, *COTANGENTS) if each not in taken), name)
    while free in taken:
        free += "_"
    return free


def _cotangent(name: str, output: Node) -> Node[Input]:
    return Node(Input(name, output.shape)) if is_known(output.shape) else tensor(name)


COTANGENTS = "gbcd"
Wanted = str | Node | Sequence[str | Node] | None


@public
@walking_once
@collection_paused()
def value_and_grad(loss: object, wrt: Wanted = None, remat: Remat = None) -> Net:
    """The loss and its gradient by name, for all parameters or for the inputs and parameters in `wrt`.

    The loss must be a single number. The gradient has each parameter's shape, and is zero for an unused one.

    `remat` saves memory in deep nets, whose gradient otherwise stores a few values of every step. With "sqrt", a fold
    of n steps (8 or more) stores the state before each group of about sqrt(n) steps, and recomputes a group's steps for
    its gradient: memory for about 2 sqrt(n) steps, for one more evaluation. A symbolic depth is not grouped: give it a
    number first. With "reversible", a fold stores nothing: invertible steps, such as additive couplings, are computed
    backward from the last state, so memory does not grow with depth, and the gradient differs by accumulated rounding.
    A step that cannot be inverted is an error. With an amount of memory ("256MB", "1GiB", or a number of bytes), folds
    keep as many values of their steps as fit into it, and compute the fewest steps again, from states kept in between;
    an amount that is too small is refused with the least possible one. This is settled when a program is made, with
    all sizes known; `sf.cost(gradient).memory` says what is kept.

    >>> import numpy as np, symfold as sf
    >>> f, g = (sf.layers(name, sf.dense(2, 2, sf.tanh), count=64) for name in ("f_", "g_"))
    >>> def coupling(state, item):
    ...     a, b = state
    ...     a = a + item[0](b)
    ...     return a, b + item[1](a)
    >>> a, b = sf.fold(coupling, list(zip(f, g)), (sf.tensor("x", (None, 2)), sf.tensor("y", (None, 2)))).outputs
    >>> loss = sf.Net.of(((a + b) ** 2).sum())
    >>> params, ones = loss.init(seed=0), np.ones((5, 2))
    >>> gradients = [sf.grad(loss, remat=remat)(params, x=ones, y=ones) for remat in (None, "sqrt", "reversible")]
    >>> plain, sqrt, reversible = (gradient["W_f_1"] for gradient in gradients)
    >>> np.allclose(sqrt, plain, rtol=1e-12), np.allclose(reversible, plain, rtol=1e-6)
    (True, True)
    """
    net, remat = Net.of(loss), remat_given(remat)
    net, outputs = _inlined(net)
    output = outputs[0] if len(outputs) == 1 else None
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
    """The names to differentiate by; the net must have each of them."""
    wanted = [wrt] if isinstance(wrt, str) or hasattr(wrt, "ndim") or not isinstance(wrt, Iterable) else list(wrt)
    leaf_names = [names_of(leaf) for leaf in net.leaves if leaf.op.role != "layer"]
    names: list[Any] = [w.op.name if isinstance(w, Node) and isinstance(w.op, Input) else w for w in wanted]
    listed = {name for names_ in leaf_names if not isinstance(names_, Numbered) for name in names_}
    numbered = [names_ for names_ in leaf_names if isinstance(names_, Numbered)]
    for name in names:
        if not isinstance(name, str) or not (name in listed or any(covers(name, names_) for names_ in numbered)):
            existing = listing(repr(node.op.name) for node in (*net.inputs, *net.params))
            raise InvalidValue(f"no input or parameter {quoted(name)} to differentiate by (there are {existing})")
    return set(names)


def _is_wanted(leaf: Leaf, names: set[str] | None) -> bool:
    if leaf.op.role == "layer":
        return False
    return leaf.op.role == "parameter" if names is None else bool(_places(leaf, names))


def _places(leaf: Leaf, wanted: set[str] | None) -> list[tuple[int, str]]:
    """The wanted names of a leaf, with their positions; numbered names are looked up, not listed."""
    names = names_of(leaf)
    if wanted is not None and isinstance(names, Numbered):
        return sorted((place, name) for name in wanted if (place := names.position(name)) is not None)
    return [(place, name) for place, name in enumerate(names) if wanted is None or name in wanted]


@public
def grad(loss: object, wrt: Wanted = None, remat: Remat = None) -> Net:
    """The gradient of a loss, by name; `remat` as for `sf.value_and_grad`.

    >>> import symfold as sf
    >>> w = sf.parameter("w")
    >>> sf.grad(sf.Net.of(w * w))({"w": 3.0})
    {'w': array(6.)}
    """
    both = value_and_grad(loss, wrt, remat)
    return Net(both.outputs[1:], both.form[1][1], both.signature)


def _named(bars: Mapping[Leaf, Node | None], wanted: set[str] | None = None) -> Net:
    """Cotangents by the names of their leaves; those of a family are one sequence. Equal names are summed."""
    if _is_one_per_leaf(list(bars), wanted):
        outputs = tuple(zeros(leaf) if bar is None else bar for leaf, bar in bars.items())
        names = tuple(leaf.op.names if isinstance(leaf.op, StackedInputs) else leaf.op.name for leaf in bars)
        return Net(outputs, ("named", names))
    total: dict[str, Node] = {}
    for leaf, bar in bars.items():
        full = zeros(leaf) if bar is None else bar
        for place, name in _places(leaf, wanted):
            part = element(full, place) if isinstance(leaf.op, StackedInputs) else full
            total[name] = total[name] + part if name in total else part
    return Net(tuple(total.values()), ("named", tuple(total)))


def _is_one_per_leaf(leaves: Sequence[Leaf], wanted: set[str] | None) -> bool:
    """Whether the cotangents of the leaves can stay whole: no name occurs twice, and all names are wanted."""
    claims: Claims[int] = Claims()
    return all(
        claims.add(names_of(leaf), place) is None
        and (
            wanted is None or len(_places(leaf, wanted)) == (leaf.op.count if isinstance(leaf.op, StackedInputs) else 1)
        )
        for place, leaf in enumerate(leaves)
    )
