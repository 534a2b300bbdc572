"""Groups: the continuum between residual and boosting. The layers of a group read one state, in parallel.

    z_g = z_{g-1} + sum of f_k(z_{g-1}) over the q layers k of group g       q = 1: residual     q = n: boosting

A transformer's parallel block (attention and perceptron read one state, Chowdhery et al. 2022) has q = 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symfold.base.arguments import whole
from symfold.base.public import public
from symfold.core.folds import Fold, fold_nodes
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt
from symfold.core.sequences import join, strided, take
from symfold.core.shapes import Size, positive_integer, size_symbols
from symfold.core.stacked_inputs import known_count
from symfold.errors import Advice, InvalidValue, depth_is_symbolic
from symfold.transform.rewiring.reads import fold_reading, step_reading, with_fold

UNROLLED = 64  # a step unrolls a group of up to this many layers, or of up to as many as there are groups


@public
def grouped(net: object, size: int | sp.Symbol) -> Net:
    """The net with its steps in groups: all layers of a group read the state before it; the last group may be shorter.

    A group holds neighboring steps with one kind of layer. Groups restart where the kind of layer changes, or after a
    first step that changes the shape of the state.

    At a symbolic depth, the size must be 1, the depth itself, or a divisor of it, as 3 of 3*m. In a net without a fold,
    `sf.roll(net)` looks for one.

    Errors: InvalidValue for a symbolic depth that the size is not known to divide; for a net without repeated steps.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:7"), sf.tensor("x")
    >>> net = sf.fold(sf.mappers.residual, f, x)
    >>> print(sf.grouped(net, 2))
    z1 = f2(x) + f1(x) + x
    z2 = f4(z1) + f3(z1) + z1
    z3 = f6(z2) + f5(z2) + z2
    >>> sf.grouped(net, 1) == net, sf.grouped(net, 6) == sf.fold(sf.mappers.boosting(x), f, x)
    (True, True)
    >>> n, deep = sp.Symbol("n"), sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x)
    >>> sf.grouped(deep, n) == sf.fold(sf.mappers.boosting(x), sf.layers("f", count="n"), x)
    True
    >>> print(sf.grouped(sf.fold(sf.mappers.residual, sf.layers("f", count=2 * sp.Symbol("m")), x), 2))
    z_k = f_{2*k}(z_{k-1}) + f_{2*k-1}(z_{k-1}) + z_{k-1}, k = 1..m, z_0 = x
    """
    base = with_fold(net, "groups")
    group_size = (
        positive_integer(size.name)
        if isinstance(size, sp.Symbol)
        else whole("size", size, 1, ", or the symbol of the depth")
    )

    def rule(node: Node, args: tuple[Node, ...]) -> tuple[Node, ...] | None:
        return _grouped(node.op, args, group_size) if isinstance(node.op, Fold) and node.op.carries else None

    return base.with_outputs(rebuilt(base.outputs, rule))


def _grouped(fold: Fold, args: Sequence[Node], size: Size) -> tuple[Node, ...] | None:
    """A fold in groups: a fold over the groups if they are small or many, otherwise a fold per group."""
    if size == 1:
        return None
    if size == fold.count:
        return _one_group(fold, args, None)
    if not isinstance(size, int):
        raise InvalidValue(
            f"groups of {size} out of {fold.count} layers "
            "(give the size as a whole number, or as the symbol of the depth)"
        )
    if not isinstance(fold.count, int):
        return _folded_groups(fold, args, _groups(fold.count, size), size)
    count = fold.count
    if count >= 2 * size and (size <= UNROLLED or size * size <= count):
        grouped_count = count - count % size
        parts = [_folded_groups(fold, args, count // size, size)]
        ends = [(grouped_count, count)] if grouped_count < count else []
    else:
        parts, ends = [], [(start, min(start + size, count)) for start in range(0, count, size)]
    for start, end in ends:
        state = (*parts[-1][: fold.carries], *args[fold.carries :]) if parts else tuple(args)
        parts.append(_one_group(fold, state, range(start, end)))
    outputs = zip(*(part[fold.carries :] for part in parts), strict=True)
    return (*parts[-1][: fold.carries], *map(join, outputs))


def _one_group(fold: Fold, args: Sequence[Node], steps: range | None) -> tuple[Node, ...]:
    """The steps of one group (or all steps) as a fold whose layers read the state before it."""
    carries = fold.carries
    operands = [
        (take(o, steps) if each and steps else o, each) for o, each in zip(args[carries:], fold.each, strict=True)
    ]
    init = args[:carries]
    return fold_reading(fold, len(steps) if steps else fold.count, init, [(part, False) for part in init], operands)


def _groups(count: sp.Expr, size: int) -> Size:
    """The number of groups in a symbolic number of layers."""
    groups = sp.expand(count / size)
    integers = {symbol: sp.Symbol(symbol.name, integer=True) for symbol in groups.free_symbols}
    if not groups.xreplace(integers).is_integer:
        if any("[" in name for name in size_symbols(count)):
            known_count(count)  # raises: the count is the length of an input, not a depth
        raise depth_is_symbolic(
            count,
            Advice("depth", f"{size}*m", f"take a depth that {size} divides, as count={size}*m with a symbol m"),
            problem=f"groups of {size}: nothing says that {size} divides the depth {count}, "
            "so it is not known how many layers the last group has",
        )
    return groups


def _folded_groups(fold: Fold, args: Sequence[Node], groups: Size, size: int) -> tuple[Node, ...]:
    """A fold over full groups, whose step unrolls the steps of one group."""
    carries, operands = fold.carries, args[fold.carries :]
    output_count = len(fold.block.results) - carries
    if output_count and not isinstance(groups, int):
        raise depth_is_symbolic(
            fold.count,
            problem=f"groups of {size}: the fold gives a value per step, and the depth {fold.count} is a symbol",
        )
    sequences = [
        _every(o, groups, size, place)
        for place in range(size)
        for o, each in zip(operands, fold.each, strict=True)
        if each
    ]

    def step(formals: Sequence[Node]) -> tuple[Node, ...]:
        before, state, entries = formals[:carries], formals[:carries], iter(formals[carries:])
        outputs: list[Node] = []
        for _ in range(size):
            values = [next(entries) if each else o for o, each in zip(operands, fold.each, strict=True)]
            results = step_reading(fold, state, before, values)
            state, outputs = results[:carries], [*outputs, *results[carries:]]
        return (*state, *outputs)

    results = fold_nodes(step, groups, args[:carries], sequences)
    return (
        *results[:carries],
        *(
            _interleaved([results[carries + place * output_count + k] for place in range(size)])
            for k in range(output_count)
        ),
    )


def _every(sequence: Node, groups: Size, size: int, place: int) -> Node:
    """The entries at one position in every group."""
    if isinstance(groups, int):
        return take(sequence, range(place, groups * size, size))
    if (entries := strided(sequence, size, place)) is None:
        raise depth_is_symbolic(
            groups * size,
            problem=f"groups of {size}: the fold reads values that have no numbered names, "
            f"and the depth {groups * size} is a symbol",
        )
    return entries


def _interleaved(parts: Sequence[Node]) -> Node:
    """Sequences with one entry per group, as one sequence with one entry per step."""
    size = len(parts)
    joined = join(list(parts))
    groups = known_count(parts[0].shape[0])
    return take(joined, tuple(place * groups + group for group in range(groups) for place in range(size)))
