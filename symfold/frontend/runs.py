"""Runs: the items of a fold, neighbours that are alike taken together, each leaf of theirs a sequence or one value for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.base.arguments import ordered, quoted
from symfold.base.trees import flatten
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.sequences import element, stack
from symfold.core.shapes import Size, length
from symfold.core.stacked_inputs import compress
from symfold.errors import InvalidType, ShapeError
from symfold.frontend.items import Item, LayerPattern, TuplePattern, ValuePattern, named_in, read_item
from symfold.frontend.named_layers import Layer, Layers, depth_given

FOLDED = "a fold runs over a list of items, layers, a tensor or a scan"


@dataclass(frozen=True)
class Run:
    """Neighbouring items that are alike: the pattern, its leaves, and examples to check the mapper on."""

    pattern: Any
    leaves: tuple[Node, ...]
    count: Size
    start: int
    examples: tuple[tuple[int, Any], ...]
    source: Sequence[Any] = ()  # what the items are read from, if they are no values along an axis
    along: bool = True  # whether the leaves are sequences, and not values that all the items share

    def name_at(self, where: int) -> str:
        """The name of the first layer in the item of one step, for messages."""
        return named_in(self.source[self.start + where]) if self.source and isinstance(self.count, int) else ""


@dataclass(frozen=True)
class Zipped:
    """Lists read side by side, without listing them."""

    parts: tuple[Any, ...]


def zipped(*parts: Any) -> Zipped:
    """Layers and sequences read side by side, an item being a tuple with one of each; at any depth, also a symbolic one.

    At a depth that is a number this is the fold over `zip(...)`.

    >>> import symfold as sf
    >>> f, g, x = sf.layers("f", count="n"), sf.layers("g", count="n"), sf.tensor("x")
    >>> print(sf.fold(lambda z, item: item[0](z) * item[1](z), sf.zipped(f, g), x))
    z_k = f_k(z_{k-1})*g_k(z_{k-1}), k = 1..n, z_0 = x
    """
    for part in parts:
        if not (isinstance(part, (Layers, Node)) or hasattr(part, "_as_tree_")):
            raise InvalidType(
                f"sf.zipped takes layers, tensors and scans, got {quoted(part)} (lists are items as they are: zip(list, list))"
            )
    if not parts:
        raise InvalidType("sf.zipped takes one list or more, got none")
    return Zipped(parts)


@dataclass(frozen=True)
class Repeated:
    """One item, so many times."""

    item: Any
    count: Size


def repeat(item: Any, count: Any) -> Repeated:
    """The same item at every step, as `itertools.repeat(item, times)`; so many times, which may be a symbol.

    A layer so repeated is shared by all the steps: one layer, one set of parameters. At a number this is the fold over `[f] * count`.

    >>> import symfold as sf
    >>> print(sf.fold(sf.mappers.residual, sf.repeat(sf.layer("f"), "n"), sf.tensor("x")))
    z_k = f(z_{k-1}) + z_{k-1}, k = 1..n, z_0 = x
    """
    return Repeated(item, depth_given(count))


def runs_of(items: Any, keep_all: bool = False) -> Iterable[Run]:
    """Neighbouring like items, as runs."""
    if isinstance(items, Layers) and not (items.kind and items.kind.captured):
        if items.count != 0:
            count = items.count
            examples = tuple((k, items[k]) for k in checked(count, keep_all))
            yield Run(
                LayerPattern(items.kind),
                items.stacked_inputs(),
                count,
                0,
                examples,
                items if isinstance(count, int) else (),
            )
        return
    if isinstance(items, Repeated):
        if items.count != 0:
            one = read_item(items.item)
            yield Run(
                one.pattern,
                one.leaves,
                items.count,
                0,
                tuple((k, items.item) for k in checked(items.count, keep_all) or (0,)),
                along=False,
            )
        return
    if hasattr(items, "_as_tree_") or isinstance(items, Node):
        yield from runs_along(items)
        return
    if isinstance(items, Zipped):
        yield from runs_beside(items.parts)
        return
    listed = ordered(FOLDED, items)
    start = 0
    while start < len(listed):
        if named := named_run(listed, start):
            count = len(named)
            examples = tuple((k, listed[start + k]) for k in checked(count, keep_all))
            yield Run(LayerPattern(named.kind), named.stacked_inputs(), count, start, examples, listed)
            start += count
            continue
        first = read_item(listed[start])
        run: list[Item] = [first]
        while start + len(run) < len(listed) and (item := read_item(listed[start + len(run)])).like(first):
            run.append(item)
        count = len(run)
        sequences = tuple(stack(leaves) for leaves in zip(*(item.leaves for item in run), strict=True))
        yield Run(
            first.pattern,
            sequences,
            count,
            start,
            tuple((k, listed[start + k]) for k in checked(count, keep_all)),
            listed,
        )
        start += count


def checked(count: Size, keep_all: bool = False) -> Sequence[int]:
    """The items of a run on which the mapper is traced again: those at its ends, or all; none where the ends are not known."""
    if not isinstance(count, int):
        return ()
    return range(count) if keep_all else sorted({0, count - 1})


def runs_beside(parts: Sequence[Any]) -> Iterable[Run]:
    """Layers and sequences, one of each a step."""
    if captured := next(
        (part for part in parts if isinstance(part, Layers) and part.kind and part.kind.captured), None
    ):
        raise InvalidType(
            f"the body of {captured!r} captures values, and such layers are folded over as a list: zip(list, list)"
        )
    read = [(part, *_read_along(part)) for part in parts]
    counts = list(dict.fromkeys(count for _, _, _, count in read))
    if len(counts) > 1:
        raise ShapeError(f"lists of different lengths cannot be read side by side: {', '.join(map(str, counts))}")
    pattern = TuplePattern(tuple(pattern for _, pattern, _, _ in read), tuple(len(leaves) for _, _, leaves, _ in read))
    sequences = tuple(leaf for _, _, leaves, _ in read for leaf in leaves)
    (count,) = counts
    if count != 0:
        examples = tuple(
            (k, tuple(part[k] if isinstance(part, Layers) else element(leaves[0], k) for part, _, leaves, _ in read))
            for k in checked(count)
        )
        yield Run(pattern, sequences, count, 0, examples)


def _read_along(part: Any) -> tuple[Any, tuple[Node, ...], Size]:
    """The pattern, the sequences and the length of one list."""
    if isinstance(part, Layers):
        return LayerPattern(part.kind), part.stacked_inputs(), part.count
    node = as_node(part)
    return ValuePattern(), (node,), length(node.shape)


def named_run(listed: Sequence[Any], start: int) -> Layers | None:
    """Layers of one kind and of different names from here on, read by their names alone: no node is made for each."""
    first = listed[start]
    if not isinstance(first, Layer) or first.given is not None or (first.kind and first.kind.captured):
        return None
    kind, names = first.kind, []
    for item in map(listed.__getitem__, range(start, len(listed))):
        if not isinstance(item, Layer) or item.given is not None or (item.kind is not kind and item.kind != kind):
            break
        names.append(item.name)
    return Layers(compress(names), kind) if len(set(names)) == len(names) else None


def runs_along(items: Any) -> Iterable[Run]:
    """A tensor, a scan or a tuple of sequences, read along the leading axis."""
    value = items._as_tree_() if hasattr(items, "_as_tree_") else items
    leaves, form = flatten(value)
    counts = list(dict.fromkeys(length(leaf.shape) for leaf in leaves))
    known = [count for count in counts if isinstance(count, int)]
    if len(known) > 1:
        raise ShapeError(f"sequences of different lengths cannot be items of one fold: {', '.join(map(str, counts))}")
    count = (known or counts)[0]
    pattern: Any = ValuePattern() if form == "*" else TuplePattern((ValuePattern(),) * len(leaves), (1,) * len(leaves))
    if count != 0:
        yield Run(pattern, tuple(leaves), count, 0, ())
