"""Runs: the items of a fold, neighbours that are alike taken together, each leaf of theirs a sequence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.arguments import ordered
from symfold.errors import ShapeError
from symfold.families import compress
from symfold.items import Item, LayerPattern, TuplePattern, ValuePattern, named_in, read_item
from symfold.named_layers import Layer, Layers
from symfold.nodes import Node
from symfold.sequences import stack
from symfold.shapes import Size, length
from symfold.trees import flatten

FOLDED = "a fold runs over a list of items, layers, a tensor or a scan"


@dataclass(frozen=True)
class Run:
    """Neighbouring items that are alike: the pattern, a sequence for each leaf, and examples to check the mapper on."""

    pattern: Any
    sequences: tuple[Node, ...]
    count: Size
    start: int
    examples: tuple[tuple[int, Any], ...]
    source: Sequence[Any] = ()  # what the items are read from, if they are no values along an axis

    def name_at(self, where: int) -> str:
        """The name of the first layer in the item of one step, for messages."""
        return named_in(self.source[self.start + where]) if self.source and isinstance(self.count, int) else ""


def runs_of(items: Any, keep_all: bool = False) -> Iterable[Run]:
    """Neighbouring like items, as runs."""
    if isinstance(items, Layers) and not (items.kind and items.kind.captured):
        if items.count != 0:
            count = items.count
            ends = {0, count - 1} if isinstance(count, int) else set()
            chosen = range(count) if keep_all and isinstance(count, int) else sorted(ends)
            examples = tuple((k, items[k]) for k in chosen)
            yield Run(LayerPattern(items.kind), items.families(), count, 0, examples, items if isinstance(count, int) else ())
        return
    if hasattr(items, "_as_tree_") or isinstance(items, Node):
        yield from runs_along(items)
        return
    listed = ordered(FOLDED, items)
    start = 0
    while start < len(listed):
        if named := named_run(listed, start):
            count = len(named)
            chosen = range(count) if keep_all else sorted({0, count - 1})
            yield Run(LayerPattern(named.kind), named.families(), count, start, tuple((k, listed[start + k]) for k in chosen), listed)
            start += count
            continue
        first = read_item(listed[start])
        run: list[Item] = [first]
        while start + len(run) < len(listed) and (item := read_item(listed[start + len(run)])).like(first):
            run.append(item)
        count = len(run)
        sequences = tuple(stack(leaves) for leaves in zip(*(item.leaves for item in run), strict=True))
        chosen = range(count) if keep_all else sorted({0, count - 1})
        yield Run(first.pattern, sequences, count, start, tuple((k, listed[start + k]) for k in chosen), listed)
        start += count


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
