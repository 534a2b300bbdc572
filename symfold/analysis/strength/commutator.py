"""Commutators: the effect of the order of two layers.

Residual nets compose, so order matters: swapping neighbors changes the net by the bracket f_2'(x)[f_1(x)] -
f_1'(x)[f_2(x)] of second order. Boosting adds, so order never matters.

The bracket depends on the two layers and those between them. Steps of the form z + O(epsilon) do not change the leading
order, so if only that is requested, all other steps are left out, and a symbolic number of layers costs as much as two.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from symfold.analysis.strength.jets import jets
from symfold.analysis.strength.series import Series, series
from symfold.base.public import public
from symfold.core.blocks import is_name
from symfold.core.folds import Fold, apply_fold, is_fold
from symfold.core.leaves import Input
from symfold.core.names import names_of, places_of
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, walk
from symfold.core.sequences import has_rest
from symfold.errors import SymfoldError
from symfold.transform.rewiring.lesion import check_applied, layer_names
from symfold.transform.rewiring.order import swap
from symfold.transform.step_ranges import entries_in

MOST = 30  # distance of the two layers up to which other steps are left out


@public
def commutator(net: Any, first: Any, second: Any, order: int = 2) -> Series:
    """The net minus the net with two layers swapped, as a series in the strength of the layers.

    >>> import symfold as sf
    >>> f, x = sf.layers("f", count="n"), sf.tensor("x")
    >>> sf.commutator(sf.fold(sf.mappers.residual, f, x), "f1", "f2")
    epsilon**2*(-f1'(x)[f2(x)] + f2'(x)[f1(x)]) + O(epsilon**3)
    >>> sf.commutator(sf.fold(sf.mappers.boosting(x), f, x), "f1", "f2").leading is None
    True
    """
    net = Net.of(net)
    pair = layer_names([first, second])
    check_applied(net, pair)
    return _difference(_neighborhood(net, pair, order) or net, pair, order)


def _difference(net: Net, pair: list[str], order: int) -> Series:
    return series(net, order) - series(swap(net, *pair), order)


def _neighborhood(net: Net, pair: list[str], order: int) -> Net | None:
    """The net without the steps before and after the two layers; None if those may matter."""
    node = _only_fold(net, pair)
    if node is None or not _is_identity_at_zero(node.op):
        return None
    fold, operands = node.op, node.args[node.op.carries :]
    places = [
        place for o, each in zip(operands, fold.each, strict=True) if each for place in places_of(pair, names_of(o))
    ]
    start, end = min(places), max(places) + 1
    if end - start > MOST or (start, end) == (0, fold.count):
        return None

    def near(init: tuple[Node, ...]) -> tuple[Node, ...]:
        parts = [
            entries_in(o, (start, end - start)) if each else o for o, each in zip(operands, fold.each, strict=True)
        ]
        return apply_fold(fold.block, end - start, init, parts, fold.each)

    # the layers read an arbitrary state, not the initial one
    states = tuple(Node(Input(f"state {k}", init.shape)) for k, init in enumerate(node.args[: fold.carries]))
    try:
        leading = _difference(Net(near(states), ("tuple", ("*",) * fold.carries)), pair, order).leading
    except SymfoldError:  # the net itself gives the better error
        return None
    if leading not in (None, order):
        return None
    return net.with_outputs(
        rebuilt(net.outputs, lambda visited, args: near(args[: fold.carries]) if visited is node else None)
    )


def _only_fold(net: Net, pair: Collection[str]) -> Node[Fold] | None:
    """The fold that applies two layers as items, if they are applied nowhere else."""
    folds: set[Node[Fold]] = set()
    for node in walk(net.outputs):
        for place, arg in enumerate(node.args):
            if is_name(arg) and places_of(pair, names_of(arg)):
                if not is_fold(node) or place < node.op.carries or not node.op.each[place - node.op.carries]:
                    return None
                if not (has_rest(arg) or isinstance(arg.shape[0], int)):
                    return None
                folds.add(node)
    return folds.pop() if len(folds) == 1 else None


def _is_identity_at_zero(fold: Fold) -> bool:
    """Whether a step with zero layers returns its state, and nothing else."""
    if len(fold.block.results) != fold.carries:
        return False
    try:
        return [jet[0] for jet in jets(fold.block.results, 0)] == list(fold.block.formals[: fold.carries])
    except SymfoldError:
        return False
