"""Operations on values that depend on sizes only: a rule each, and the values of a module that they give."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.core.shapes import Shape
from symfold.errors import NoRule
from symfold.exchange.pytorch.operations import LIKE, name_of
from symfold.exchange.pytorch.sizes import Sizes, ends_of, from_start

if TYPE_CHECKING:
    from torch.fx import Node as FxNode
from symfold.exchange.pytorch.entries import Entries, compared, entries_of_array, index, is_truth, of_type

# (the shape of the result, arguments) -> entries; None if an entry is not an expression in its indices
Rule = Callable[..., Any]


def aligned(value: Any, rank: int) -> Any:
    """An argument's entry, with its indices counted in a result of a higher rank; size 1 broadcasts."""
    if not isinstance(value, Entries):
        return sp.sympify(value)
    shift = rank - len(value.shape)
    return value.at(
        [0 if size == 1 else index(axis + shift) for axis, size in enumerate(value.shape)], value.shape
    ).entry


def _plain(value: Any) -> Any:
    return Entries(value.shape, value.number) if isinstance(value, Entries) else value


def _arithmetic(combine: Callable[[Any, Any], Any]) -> Rule:
    def rule(shape: Shape, a: Any, b: Any, alpha: float = 1) -> Entries | None:
        if alpha != 1:
            return None
        return Entries(shape, combine(*(aligned(_plain(value), len(shape)) for value in (a, b))))

    return rule


def _relation(relation: Any) -> Rule:
    return lambda shape, a, b: Entries(shape, compared(relation, *(aligned(value, len(shape)) for value in (a, b))))


def _logic(combine: Any) -> Rule:
    def rule(shape: Shape, *values: Any) -> Entries:
        truths = [Entries(v.shape, v.truth) if isinstance(v, Entries) else sp.S(bool(v)) for v in values]
        return Entries(shape, combine(*(aligned(value, len(shape)) for value in truths)))

    return rule


def _where(shape: Shape, mask: Entries, a: Any, b: Any) -> Entries:
    condition = aligned(Entries(mask.shape, mask.truth), len(shape))
    return Entries(shape, sp.Piecewise(*((aligned(_plain(v), len(shape)), c) for v, c in ((a, condition), (b, True)))))


def _reshaped(shape: Shape, a: Entries, *given: object) -> Entries | None:
    """Axes of size 1 added or left out."""
    kept = [axis for axis, size in enumerate(a.shape) if size != 1]
    places = [axis for axis, size in enumerate(shape) if size != 1]
    if [a.shape[axis] for axis in kept] != [shape[axis] for axis in places]:
        return (
            a.at([0] * len(a.shape), shape) if not a.entry.free_symbols & set(map(index, range(len(a.shape)))) else None
        )
    old = dict(zip(kept, places, strict=True))
    return a.at([index(old[axis]) if axis in old else 0 for axis in range(len(a.shape))], shape)


def _expanded(shape: Shape, a: Entries, *given: object, **named: object) -> Entries:
    return Entries(shape, aligned(a, len(shape)))


def _repeated(shape: Shape, a: Entries, counts: Sequence[Any], *more: Any) -> Entries | None:
    """A tensor repeated along axes of size 1 alone."""
    counts = [*(counts if isinstance(counts, (list, tuple)) else [counts]), *more]
    sizes = (*(1,) * (len(counts) - len(a.shape)), *a.shape)
    alike = all(count == 1 or size == 1 for count, size in zip(counts, sizes, strict=True))
    return _expanded(shape, a) if alike else None


def _permuted(shape: Shape, a: Entries, axes: Sequence[int]) -> Entries:
    places = {axis % len(shape): place for place, axis in enumerate(axes)}
    return a.at([index(places[axis]) for axis in range(len(shape))], shape)


def _transposed(shape: Shape, a: Entries, first: int = 0, second: int = 1) -> Entries:
    axes = list(range(len(shape)))
    axes[first], axes[second] = axes[second], axes[first]
    return _permuted(shape, a, axes)


def _sliced(shape: Shape, a: Entries, axis: int = 0, start: Any = None, stop: Any = None, step: int = 1) -> Entries:
    axis %= len(shape)
    first, _ = ends_of(start, stop, a.shape[axis], shape[axis] if step == 1 else None)
    return a.at([first + step * index(k) if k == axis else index(k) for k in range(len(shape))], shape)


def _selected(shape: Shape, a: Entries, axis: int, place: Any) -> Entries:
    axis %= len(a.shape)
    first = from_start(place, a.shape[axis])
    return a.at([*map(index, range(axis)), first, *(index(k - 1) for k in range(axis + 1, len(a.shape)))], shape)


def _looked_up(shape: Shape, a: Entries, indices: Sequence[Any]) -> Entries | None:
    """Entries at tensors of indices, one for each axis."""
    if len(indices) != len(a.shape) or not all(isinstance(each, Entries) for each in indices):
        return None
    places = [aligned(each, len(shape)) for each in indices]
    return a.at(places, shape) if all(place.is_nonnegative for place in places) else None


def _gathered(shape: Shape, a: Entries, axis: int, positions: Entries, **named: object) -> Entries | None:
    """Entries at positions along an axis."""
    places = [positions.number if k == axis % len(shape) else index(k) for k in range(len(shape))]
    return a.at(places, shape) if positions.number.is_nonnegative else None


def _differences(
    shape: Shape,
    a: Entries,
    times: int = 1,
    axis: int = -1,
    before: Entries | None = None,
    after: Entries | None = None,
) -> Entries | None:
    """Each entry less the one before it."""
    parts = [part for part in (before, a, after) if part is not None]
    axis %= len(shape)
    size = sum(part.shape[axis] for part in parts)
    whole = _joined((*shape[:axis], size, *shape[axis + 1 :]), parts, axis)
    if whole is None or times != 1:
        return None
    return Entries(shape, sp.expand(whole.number.subs(index(axis), index(axis) + 1) - whole.number))


def _joined(shape: Shape, parts: Sequence[Entries], axis: int = 0) -> Entries | None:
    """Parts that one expression describes: each says the same as the last, at its own indices."""
    axis %= len(shape)
    starts = [sum(part.shape[axis] for part in parts[:k]) for k in range(len(parts))]
    moved = [part.number.subs(index(axis), index(axis) - start) for part, start in zip(parts, starts, strict=True)]
    for part, start, entry in zip(parts, starts, moved, strict=True):
        alone = part.shape[axis] == 1  # its index is the start
        if entry != moved[-1] and not (alone and moved[-1].subs(index(axis), start) == entry.subs(index(axis), start)):
            return None
    return Entries(shape, moved[-1])


def _summed(shape: Shape, a: Entries, axis: int, **named: object) -> Entries | None:
    """Running sums of one number."""
    return Entries(shape, a.number * (index(axis % len(shape)) + 1)) if a.number.is_number else None


def _triangle(upper: bool) -> Rule:
    def rule(shape: Shape, a: Entries, diagonal: Any = 0) -> Entries:
        row, column = index(len(shape) - 2), index(len(shape) - 1)
        inside = sp.Le(row + diagonal, column) if upper else sp.Le(column, row + diagonal)
        if is_truth(a.entry):
            return Entries(shape, sp.And(inside, a.entry))
        return Entries(shape, sp.Piecewise((a.entry, inside), (0, True)))

    return rule


def _counted(shape: Shape, *given: Any, **named: object) -> Entries:
    start, step = (0, 1) if len(given) == 1 else (given[0], given[2] if len(given) > 2 else 1)
    return Entries(shape, start + step * index(0))


def _constant(value: Any) -> Rule:
    return lambda shape, *given, **named: Entries(shape, sp.sympify(value))


def _same(shape: Shape, a: Entries, *given: object, **named: object) -> Entries:
    return a


RULES: dict[str, Rule] = {
    "add": _arithmetic(operator.add), "sub": _arithmetic(operator.sub), "mul": _arithmetic(operator.mul),
    "rsub": lambda shape, a, b, alpha=1: _arithmetic(operator.sub)(shape, b, a, alpha), "neg": lambda shape, a: Entries(shape, -a.number),
    "eq": _relation(sp.Eq), "ne": _relation(sp.Ne), "lt": _relation(sp.Lt), "le": _relation(sp.Le), "gt": _relation(sp.Gt), "ge": _relation(sp.Ge),
    **dict.fromkeys(("logical_and", "bitwise_and", "__and__"), _logic(sp.And)), **dict.fromkeys(("logical_or", "bitwise_or", "__or__"), _logic(sp.Or)),
    **dict.fromkeys(("logical_not", "bitwise_not"), _logic(sp.Not)),
    "where": _where, "masked_fill": lambda shape, a, mask, value: _where(shape, mask, value, a),
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "unsqueeze", "squeeze"), _reshaped),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), _expanded), "repeat": _repeated, "permute": _permuted, "transpose": _transposed, "t": _transposed,
    "slice": _sliced, "select": _selected, "index": _looked_up, "cat": _joined, "cumsum": _summed, "gather": _gathered, "diff": _differences,
    "tril": _triangle(upper=False), "triu": _triangle(upper=True), "arange": _counted,
    **dict.fromkeys(("zeros", "new_zeros", "zeros_like"), _constant(0)), **dict.fromkeys(("ones", "new_ones", "ones_like"), _constant(1)),
    "scalar_tensor": lambda shape, value, **named: Entries(shape, sp.sympify(value)),
    "full": lambda shape, size, value, **named: Entries(shape, sp.sympify(value)),
    "new_full": lambda shape, a, size, value, **named: Entries(shape, sp.sympify(value)),
    "full_like": lambda shape, a, value, **named: Entries(shape, sp.sympify(value)),
    **dict.fromkeys(("contiguous", "clone", "alias", "lift_fresh_copy", "detach", "to", "_to_copy", "type_as", "float", "double"), _same),
}  # fmt: skip


def entries_in(nodes: Sequence[FxNode], constants: Mapping[FxNode, NumpyArray], sizes: Sizes) -> dict[FxNode, Entries]:
    """The values among some that depend on sizes only."""
    found: dict[FxNode, Entries | None] = {}

    def value(arg: Any) -> Any:
        if isinstance(arg, (list, tuple)):
            return [value(part) for part in arg]
        if not hasattr(arg, "all_input_nodes"):
            return arg
        if arg in constants and arg not in found:
            found[arg] = entries_of_array(constants[arg])
        if arg in found:
            if found[arg] is None:
                raise LookupError
            return found[arg]
        if sizes.known(arg.meta.get("val")):
            return sizes.of(arg.meta["val"])
        raise LookupError

    results: dict[FxNode, Entries] = {}
    for node in nodes:
        name = name_of(node.target)
        if node in constants or name not in RULES or not hasattr(node.meta.get("val"), "shape"):
            continue
        try:
            given = [None, *map(value, node.args[1:])] if name in LIKE else [value(arg) for arg in node.args]
            result = RULES[name](sizes.shape(node.meta["val"]), *given, **node.kwargs)
        except (LookupError, TypeError, NoRule):
            continue
        result = result and of_type(result, str(node.meta["val"].dtype))
        if result is not None:
            found[node] = results[node] = result
    return results
