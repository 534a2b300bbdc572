"""Commutators: what it changes that two layers stand in one order and not in the other.

Residual nets compose, so order matters: neighbours that change places change the net by the bracket f_2'(x)[f_1(x)] -
f_1'(x)[f_2(x)] of second order. Boosting adds, so order never matters.

The bracket is a statement about two layers and those between them. Steps that pass the state on where layers are zero,
z + O(epsilon), change what is of the leading order by nothing: so where no more is asked for, all others are left out, and
symbolically many layers are answered as two are.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from symfold.analysis.strength.jets import jets
from symfold.analysis.strength.series import Series, series
from symfold.core.applied_layers import is_name
from symfold.core.folds import Fold, apply_fold
from symfold.core.names import names_of, places_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Input
from symfold.core.sequences import has_rest
from symfold.core.walks import rebuilt, walk
from symfold.errors import SymfoldError
from symfold.transform.rewiring.lesion import check_applied, layer_names
from symfold.transform.rewiring.order import swap
from symfold.transform.step_ranges import entries_in

MOST = 30  # layers from one to the other, up to which the others are left out


def commutator(net: Any, first: Any, second: Any, order: int = 2) -> Series:
    """The net minus the net with two layers in each other's place, as a series in the strength of the layers.

    >>> import symfold as sf
    >>> f, x = sf.layers("f", count="n"), sf.tensor("x")
    >>> sf.commutator(sf.fold(sf.mappers.residual, f, x), "f1", "f2")
    epsilon**2*(-f1'(x)[f2(x)] + f2'(x)[f1(x)]) + O(epsilon**3)
    >>> sf.commutator(sf.fold(sf.mappers.boosting(x), f, x), "f1", "f2").leading is None
    True
    """
    whole = Net.of(net)
    pair = layer_names([first, second])
    check_applied(whole, pair)
    return _difference(_neighbourhood(whole, pair, order) or whole, pair, order)


def _difference(net: Net, pair: list[str], order: int) -> Series:
    return series(net, order) - series(swap(net, *pair), order)


def _neighbourhood(net: Net, pair: list[str], order: int) -> Net | None:
    """The net without the steps before and after the two layers; None where those count, or may."""
    node = _only_fold(net, pair)
    if node is None or not _passes_on(node.op):
        return None
    fold, operands = node.op, node.args[node.op.carries :]
    places = [
        place for o, each in zip(operands, fold.each, strict=True) if each for place in places_of(pair, names_of(o))
    ]
    start, end = min(places), max(places) + 1
    if end - start > MOST or (start, end) == (0, fold.count):
        return None

    def near(init: tuple[Node, ...]) -> tuple[Node, ...]:
        own = [entries_in(o, (start, end - start)) if each else o for o, each in zip(operands, fold.each, strict=True)]
        return apply_fold(fold.block, end - start, init, own, fold.each)

    # what the layers read is any state, of which the first one may be a special case
    states = tuple(Node(Input(f"state {k}", init.shape)) for k, init in enumerate(node.args[: fold.carries]))
    try:
        leading = _difference(Net(near(states), ("tuple", ("*",) * fold.carries)), pair, order).leading
    except SymfoldError:  # the whole net says better what it cannot be asked
        return None
    if leading not in (None, order):
        return None
    return net.with_outputs(rebuilt(net.outputs, lambda one, args: near(args[: fold.carries]) if one is node else None))


def _only_fold(net: Net, pair: Collection[str]) -> Node | None:
    """The fold that applies these layers one a step, if they are applied nowhere else."""
    found: set[Node] = set()
    for node in walk(net.outputs):
        for place, arg in enumerate(node.args):
            if is_name(arg) and places_of(pair, names_of(arg)):
                each = isinstance(node.op, Fold) and place >= node.op.carries and node.op.each[place - node.op.carries]
                if not each or not (has_rest(arg) or isinstance(arg.shape[0], int)):
                    return None
                found.add(node)
    return found.pop() if len(found) == 1 else None


def _passes_on(fold: Fold) -> bool:
    """Whether a step gives on its state as it is where layers are zero, and nothing besides."""
    if len(fold.block.results) != fold.carries:
        return False
    try:
        return [jet[0] for jet in jets(fold.block.results, 0)] == list(fold.block.formals[: fold.carries])
    except SymfoldError:
        return False
