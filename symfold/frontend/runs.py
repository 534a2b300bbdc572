"""Runs: neighboring items of equal pattern, each leaf stacked into a sequence or shared by the whole run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.base.arguments import ordered, quoted
from symfold.base.public import public
from symfold.base.trees import flatten
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.sequences import element, stack
from symfold.core.shapes import Size, length
from symfold.core.stacked_inputs import compress
from symfold.errors import InvalidType, ShapeError
from symfold.frontend.items import Item, LayerPattern, Pattern, TuplePattern, ValuePattern, named_in, read_item
from symfold.frontend.named_layers import Layer, Layers, depth_given

FOLDED = "a fold runs over a list of items, layers, a tensor or a scan"


@dataclass(frozen=True)
class Run:
    """Neighboring items of one pattern: the pattern, its leaves, and examples for the trace check."""

    pattern: Pattern
    leaves: tuple[Node, ...]
    count: Size
    start: int
    examples: tuple[tuple[int, object], ...]
    source: Sequence[object] = ()  # the items, if they are not entries along an axis
    stacked: bool = True  # whether the leaves are sequences; if not, all items share them

    def name_at(self, step: int) -> str:
        """The name of the first layer in the item of one step, for error messages."""
        return named_in(self.source[self.start + step]) if self.source and isinstance(self.count, int) else ""


@dataclass(frozen=True)
class Zipped:
    """Lists read in parallel, lazily."""

    parts: tuple[object, ...]


@public
def zipped(*parts: object) -> Zipped:
    """Layers and sequences read in parallel: each item is a tuple with one entry of each. The depth may be symbolic.

    At a known depth this is the fold over `zip(...)`.

    >>> import symfold as sf
    >>> f, g, x = sf.layers("f", count="n"), sf.layers("g", count="n"), sf.tensor("x")
    >>> print(sf.fold(lambda z, item: item[0](z) * item[1](z), sf.zipped(f, g), x))
    z_k = f_k(z_{k-1})*g_k(z_{k-1}), k = 1..n, z_0 = x
    """
    for part in parts:
        if not (isinstance(part, (Layers, Node)) or hasattr(part, "_as_tree_")):
            raise InvalidType(
                f"sf.zipped takes layers, tensors and scans, got {quoted(part)} "
                "(lists are items as they are: zip(list, list))"
            )
    if not parts:
        raise InvalidType("sf.zipped takes one list or more, got none")
    return Zipped(parts)


@dataclass(frozen=True)
class Repeated:
    """One item, repeated."""

    item: object
    count: Size


@public
def repeat(item: object, count: object) -> Repeated:
    """The same item at every step, as in `itertools.repeat(item, times)`; the count may be a symbol.

    All steps share a repeated layer and its parameters. At a known count this is the fold over `[f] * count`.

    >>> import symfold as sf
    >>> print(sf.fold(sf.mappers.residual, sf.repeat(sf.layer("f"), "n"), sf.tensor("x")))
    z_k = f(z_{k-1}) + z_{k-1}, k = 1..n, z_0 = x
    """
    return Repeated(item, depth_given(count))


def runs_of(items: object, keep_all: bool = False) -> Iterable[Run]:
    """The items as runs."""
    examples: tuple[tuple[int, object], ...]
    if isinstance(items, Layers) and not (items.kind and items.kind.captured):
        if items.count != 0:
            count = items.count
            examples = tuple((k, items[k]) for k in example_steps(count, keep_all))
            source = items if isinstance(count, int) else ()
            yield Run(LayerPattern(items.kind), items.stacked_inputs(), count, 0, examples, source)
        return
    if isinstance(items, Repeated):
        if items.count != 0:
            item = read_item(items.item)
            examples = tuple((k, items.item) for k in example_steps(items.count, keep_all) or (0,))
            yield Run(item.pattern, item.leaves, items.count, 0, examples, stacked=False)
        return
    if hasattr(items, "_as_tree_") or isinstance(items, Node):
        yield from runs_of_sequences(items)
        return
    if isinstance(items, Zipped):
        yield from runs_of_lists(items.parts)
        return
    listed = ordered(FOLDED, items)
    start = 0
    while start < len(listed):
        if named := named_run(listed, start):
            count = len(named)
            examples = tuple((k, listed[start + k]) for k in example_steps(count, keep_all))
            yield Run(LayerPattern(named.kind), named.stacked_inputs(), count, start, examples, listed)
            start += count
            continue
        first = read_item(listed[start])
        run: list[Item] = [first]
        while start + len(run) < len(listed) and (item := read_item(listed[start + len(run)])).like(first):
            run.append(item)
        count = len(run)
        sequences = tuple(stack(leaves) for leaves in zip(*(item.leaves for item in run), strict=True))
        examples = tuple((k, listed[start + k]) for k in example_steps(count, keep_all))
        yield Run(first.pattern, sequences, count, start, examples, listed)
        start += count


def example_steps(count: Size, keep_all: bool = False) -> Sequence[int]:
    """The steps of a run that the trace check repeats: the first and last, or all; none at a symbolic depth."""
    if not isinstance(count, int):
        return ()
    return range(count) if keep_all else sorted({0, count - 1})


def runs_of_lists(parts: Sequence[object]) -> Iterable[Run]:
    """Lists read in parallel, one entry of each per step."""
    if captured := next(
        (part for part in parts if isinstance(part, Layers) and part.kind and part.kind.captured), None
    ):
        raise InvalidType(
            f"the body of {captured!r} captures values, and such layers are folded over as a list: zip(list, list)"
        )
    lists = [(part, *_read_list(part)) for part in parts]
    counts = list(dict.fromkeys(count for _, _, _, count in lists))
    if len(counts) > 1:
        raise ShapeError(f"lists of different lengths cannot be read side by side: {', '.join(map(str, counts))}")
    pattern = TuplePattern(
        tuple(pattern for _, pattern, _, _ in lists), tuple(len(leaves) for _, _, leaves, _ in lists)
    )
    sequences = tuple(leaf for _, _, leaves, _ in lists for leaf in leaves)
    (count,) = counts
    if count != 0:
        examples = tuple(
            (k, tuple(part[k] if isinstance(part, Layers) else element(leaves[0], k) for part, _, leaves, _ in lists))
            for k in example_steps(count)
        )
        yield Run(pattern, sequences, count, 0, examples)


def _read_list(part: object) -> tuple[Any, tuple[Node, ...], Size]:
    """The pattern, the sequences and the length of one list."""
    if isinstance(part, Layers):
        return LayerPattern(part.kind), part.stacked_inputs(), part.count
    node = as_node(part)
    return ValuePattern(), (node,), length(node.shape)


def named_run(listed: Sequence[object], start: int) -> Layers | None:
    """The layers of one kind from `start` on, if all names differ; read by name, without a node per layer."""
    first = listed[start]
    if not isinstance(first, Layer) or first.bound_leaves is not None or (first.kind and first.kind.captured):
        return None
    kind, names = first.kind, []
    for item in map(listed.__getitem__, range(start, len(listed))):
        if (
            not isinstance(item, Layer)
            or item.bound_leaves is not None
            or (item.kind is not kind and item.kind != kind)
        ):
            break
        names.append(item.name)
    return Layers(compress(names), kind) if len(set(names)) == len(names) else None


def runs_of_sequences(items: object) -> Iterable[Run]:
    """A tensor, a scan or a tuple of sequences, read along the leading axis."""
    value = items._as_tree_() if hasattr(items, "_as_tree_") else items
    leaves, form = flatten(value)
    counts = list(dict.fromkeys(length(leaf.shape) for leaf in leaves))
    known_counts = [count for count in counts if isinstance(count, int)]
    if len(known_counts) > 1:
        raise ShapeError(f"sequences of different lengths cannot be items of one fold: {', '.join(map(str, counts))}")
    count = (known_counts or counts)[0]
    pattern: Pattern = ValuePattern()
    if form != "*":
        pattern = TuplePattern((ValuePattern(),) * len(leaves), (1,) * len(leaves))
    if count != 0:
        yield Run(pattern, tuple(leaves), count, 0, ())
