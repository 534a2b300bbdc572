"""Folds that read the entries of a scan from the last to the first, as U-Nets and gradients do, at any depth.

Step k of the fold reads the entry of step n - 1 - k of the scan. With the matrices A of a step of the fold, B of the
entry in it, C of a step of the scan and D of the entry in the scan, the paths through the entries have the weights
sum_k A^k B D C^k: a sum over powers of one matrix, the product of A and C.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

from symfold.analysis.counting.path_rows import add_rows, total
from symfold.analysis.counting.powers import Row, Tidy, power, times, unit
from symfold.errors import NoRule

if TYPE_CHECKING:
    from symfold.analysis.counting.row_folds import RowFold

Place: TypeAlias = "tuple[RowFold, int]"  # an argument of a fold


def is_short(fold: RowFold, size: int) -> bool:
    """Whether a fold has so few steps that they are faster one by one than as a power of a matrix of a size."""
    return isinstance(fold.fold.count, int) and fold.fold.count < size**3


def is_mirrored(fold: RowFold, member: RowFold, place: int) -> bool:
    """Whether what a fold in lockstep reads backwards is summed at any depth.

    The scan must not read backwards itself, the numbers in the state must not be weights, and the weights may differ
    from step to step in one of the two folds.
    """
    scan: RowFold = member.args[place].forwards.source
    return not (
        scan.backwards
        or scan.state_weighs
        or fold.state_weighs
        or (len(fold.runs(fold.fold.count)) > 1 and len(scan.runs(scan.fold.count)) > 1)
        or is_short(fold, len(fold.places[0]) * len(scan.all_places))
    )


def mirrored(fold: RowFold, place: Place, places: list[Place | None], summed: int | None, count: Any) -> list[Row]:
    """What a sequence that is read backwards adds to the rows of the state after `count` steps.

    A run of steps adds P S s, with the product P of the later steps, the sum S of `paired_sum`, and the rows s of the
    scan before its first entry that is read.
    """
    outputs = place[0].args[place[1]].forwards
    scan: RowFold = outputs.source
    tidy, width, carries, column = (
        fold.weights.tidy,
        fold.width,
        len(fold.places[0]) + (summed is not None),
        places.index(place),
    )
    unread = scan.fold.count - count
    ours, theirs = fold.runs(count), scan.runs(scan.fold.count)
    if unread != 0 and len(theirs) > 1:
        raise NoRule(
            f"the weights differ from step to step, and {count} of {scan.fold.count} steps read backwards have no "
            "closed form (give the depth a number: net.at(...))"
        )
    if len(theirs) == 1:
        paired = [(start, theirs[0][0], steps) for start, _, steps in reversed(ours)]
    else:
        paired = [(ours[0][0], start, steps) for start, _, steps in theirs]
    size = len(scan.all_places)
    state = scan.state(unread)[0] if unread != 0 else [total(m.args[k], width) for m, k in scan.places[0]]
    operands = [total(m.args[k], width) for m, k in scan.places[1]]
    later: list[Row] = [unit(k, carries) for k in range(carries)]
    added: list[Row] = [[0] * width for _ in later]
    for start, entry, steps in paired:
        step, _ = fold.matrix(start, places, {}, summed)
        scanned, results = scan.matrix(entry, scan.all_places, {})
        read = total(results[scan][outputs.position], size)
        outer = [row[:carries] for row in step]
        first = [[row[column] * value for value in read] for row in step]
        inner = [*scanned, *(unit(k, size) for k in range(len(scanned), size))]
        sums = [times(row, [*state, *operands], tidy, width) for row in paired_sum(outer, first, inner, steps, tidy)]
        added = [add_rows([old, times(row, sums, tidy, width)], width) for old, row in zip(added, later, strict=True)]
        later = [times(row, power(outer, carries, steps, tidy), tidy, carries) for row in later]
        state = [times(row, [*state, *operands], tidy, width) for row in power(scanned, len(scanned), steps, tidy)]
    return added


def paired_sum(outer: list[Row], first: list[Row], inner: list[Row], count: Any, tidy: Tidy) -> list[Row]:
    """The sum of A^k F C^k over k < `count`, with the square matrices A and C.

    >>> paired_sum([[2]], [[5]], [[3]], 4, lambda value: value)
    [[1295]]
    """
    places = list(product(range(len(outer)), range(len(inner))))
    steps = {
        (p, q): {(a, b): outer[p][a] * inner[b][q] for a, b in places if outer[p][a] != 0 and inner[b][q] != 0}
        for p, q in places
    }
    active = [place for place in places if first[place[0]][place[1]] != 0]
    for place in active:  # grows: the entries that become other than 0
        active += [reached for reached in places if place in steps[reached] and reached not in active]
    size = len(active)
    terms = [[0] * size + [steps[place].get(other, 0) for other in active] for place in active]
    sums = [unit(k, 2 * size)[:size] + unit(k, size) for k in range(size)]
    rows = power([*sums, *terms], 2 * size, count, tidy)[:size]
    total: list[Row] = [[0] * len(inner) for _ in outer]
    for (p, q), row in zip(active, rows, strict=True):
        total[p][q] = tidy(sum(factor * first[a][b] for factor, (a, b) in zip(row[size:], active, strict=True)))
    return total
