"""What repeats in a net: the folds that it has, and layers numbered alike that stay apart, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.core.attach import attach
from symfold.core.blocks import Block, Call, is_call
from symfold.core.folds import Fold, Select, fold_of, is_fold
from symfold.core.layer_visits import Visit, visits
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply
from symfold.core.shapes import Size, show
from symfold.core.stacked_inputs import Leaf, Numbered, around_number, count_of
from symfold.errors import listing, plural
from symfold.transform.rolling import roll

MOST_NAMES = 8  # that a line lists
MOST_LINES = 20  # of each kind that are shown
Key = tuple[str, str]  # what stands before and after the number that counts repetitions


@dataclass(frozen=True)
class FoldFound:
    """A fold: its steps, the names of their layers, state shapes, and how many values a step gives out."""

    count: Size
    layers: tuple[str, ...]
    state: tuple[str, ...]
    emitted: int = 0
    nesting: int = 0

    def __str__(self) -> str:
        layers = f": {_shown(self.layers)}" if self.layers else ""
        carries = f"carries {' and '.join(self.state)}" if self.state else "carries nothing"
        emits = f", gives out {plural(self.emitted, 'value')} per step" if self.emitted else ""
        return f"{'  ' * self.nesting}{self.count} steps{layers}; {carries}{emits}"


@dataclass(frozen=True)
class Apart:
    """Layers that are numbered like others and stay apart from them, with the reason."""

    layers: tuple[str, ...]
    others: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return f"{_shown(self.layers)} apart from {_shown(self.others)}: {self.reason}"


@dataclass(frozen=True)
class Repetition:
    """The folds of a net, outer ones first, and what stays apart."""

    folds: tuple[FoldFound, ...]
    apart: tuple[Apart, ...]

    def __str__(self) -> str:
        return "\n".join([*_lines("folded", self.folds or ["nothing"]), *_lines("not folded", self.apart)])

    __repr__ = __str__


def _shown(names: Sequence[str]) -> str:
    """Layers and families; of several families, those that are lists are in brackets."""
    return listing([f"({name})" if ", " in name and len(names) > 1 else name for name in names], MOST_NAMES)


def _lines(title: str, parts: Sequence[object]) -> list[str]:
    """A line for each part, the first ones of many."""
    shown: list[object] = list(parts[:MOST_LINES])
    if len(parts) > MOST_LINES:
        shown.append(f"{len(parts) - MOST_LINES} more")
    return [f"{title}: {part}" for part in shown]


@dataclass(frozen=True)
class Site:
    """A layer where it is applied: the names it has in all steps, and the folds around it."""

    leaf: Leaf
    call: Node[Call]
    shapes: tuple[Any, ...]  # of the values it reads, and of its result
    place: tuple[int, ...]  # the numbers of the folds around it
    folds: tuple[Node, ...]  # these folds, outer ones first

    @classmethod
    def of(cls, leaf: Leaf, visit: Visit, folds: Sequence[Visit]) -> Site:
        """A layer of one of the names that it is applied under; the folds of the net by number."""
        node = visit.node
        assert is_call(node)
        shapes = (*(arg.shape for arg in node.args[1 : node.op.arity + 1]), node.shape)
        return cls(leaf, node, shapes, visit.around, tuple(folds[number].node for number in visit.around))

    @property
    def op(self) -> Call:
        return self.call.op

    @property
    def first(self) -> str:
        return self.leaf.op.names[0]

    @property
    def is_family(self) -> bool:
        return count_of(self.leaf.op.names) != 1

    @property
    def keys(self) -> list[Key]:
        """What its names have in common but for a number; of a single name, each of its numbers may count."""
        return around_number(self.leaf.op.names)

    @property
    def names(self) -> str:
        """Its name; of a family, the first and the last number, or names that show how they go on."""
        names, keys = self.leaf.op.names, self.keys
        if not self.is_family:
            return names[0]
        last = names.last if isinstance(names, Numbered) else names[-1]
        prefix, suffix = keys[0] if keys else ("", "")
        first, second, end = (name[len(prefix) : len(name) - len(suffix)] for name in (names[0], names[1], last))
        if keys and abs(int(second) - int(first)) == 1:
            return f"{prefix}{first}..{end}{suffix}"
        return ", ".join(names) if count_of(names) in (2, 3, 4) else f"{names[0]}, {names[1]}, ..., {last}"

    def has(self, number: str, key: Key) -> bool:
        """Whether a name is numbered so."""
        return f"{key[0]}{number}{key[1]}" in self.leaf.op.names


def folds(net: Any) -> Repetition:
    """The folds of the rolled net, and layers numbered alike that stay apart from each other, with the reason.

    A repetition is folded if its steps apply the same operations at the same shapes to values that correspond. What
    differs is said of the first layer that differs.

    >>> import symfold as sf
    >>> into, deep = sf.layer("f1", sf.dense(2, 3)), sf.layers("f2:6", sf.dense(3, 3))
    >>> print(folds(sf.fold(sf.mappers.residual, deep, into(sf.tensor("x", (5, 2))))))
    folded: 4 steps: f2..5; carries (5, 3)
    not folded: f1 apart from f2..5: f1 reads (5, 2), f2 reads (5, 3)
    """
    rolled = roll(Net.of(net))
    found: list[Visit] = []
    sites: list[Site] = []
    layers: dict[tuple[int, ...], dict[str, None]] = {}  # the names in each fold, by its number and those around it
    for visit in visits(rolled.outputs):
        if is_fold(visit.node):
            found.append(visit)
            continue
        for leaf in visit.leaves:
            sites.append(Site.of(leaf, visit, found))
            layers.setdefault(visit.around, {})[sites[-1].names] = None
    inside = (tuple(layers.get((*visit.around, number), ())) for number, visit in enumerate(found))
    return Repetition(tuple(map(_found, found, inside)), tuple(_apart(sites)))


def _found(visit: Visit, layers: tuple[str, ...]) -> FoldFound:
    fold = visit.node.op
    assert isinstance(fold, Fold)
    state = tuple(show(fold.result_shape(k)) for k in range(fold.carries))
    return FoldFound(fold.count, layers, state, len(fold.block.results) - fold.carries, len(visit.around))


def _apart(sites: Sequence[Site]) -> Iterator[Apart]:
    """Layers numbered alike, in different places; those of the same two places and numbers together."""
    together: dict[tuple[Any, ...], list[tuple[Site, Site]]] = {}
    for first, second, key in _pairs(sites):
        before, number = (
            "" if site.is_family else site.first[len(key[0]) : len(site.first) - len(key[1])]
            for site in (first, second)
        )
        together.setdefault((first.place, before, second.place, number), []).append((first, second))
    for (*_, number), pairs in together.items():
        differences = filter(None, (_difference(*pair) for pair in pairs))
        yield Apart(
            tuple(dict.fromkeys(second.names for _, second in pairs)),
            tuple(dict.fromkeys(first.names for first, _ in pairs)),
            next(differences, "") or _around(sites, [first for first, _ in pairs], number) or _position(*pairs[0]),
        )


def _around(sites: Sequence[Site], references: Sequence[Site], number: str) -> str:
    """A layer of the step that has no counterpart or is in the fold already, in words; empty if there is none."""
    place = references[0].place
    others = [site for site in sites if place and site.place == place and site not in references and site.is_family]
    for site in others:
        for key in site.keys[:1]:
            if number and not any(one.has(number, key) for one in sites):
                return f"a step has {site.names}, and there is none numbered {number}"
    taken = [site.names for site in others for key in site.keys[:1] if number and site.has(number, key)]
    if taken:
        return f"the rest of a step: {listing(taken, 2)} are in the fold"
    return ""


def _position(a: Site, b: Site) -> str:
    """Why equal layers stay apart: where they stand."""
    apart = zip((*a.folds, a.call), (*b.folds, b.call), strict=False)
    level, (first, second) = next((k, pair) for k, pair in enumerate(apart) if pair[0] is not pair[1])
    if level:
        return "they take turns in each step"
    for one, other in ((first, second), (second, first)):
        if is_fold(one) and other in walk(starts := one.args[: one.op.carries]):
            if not is_fold(other):
                return "the fold starts from what it gives"
            if not all(
                start is other or (isinstance(start.op, Select) and fold_of(start) is other) for start in starts
            ):
                return "other operations stand between them"
    if first not in walk([second]) and second not in walk([first]):
        return "they stand side by side: neither reads what the other gives"
    return "the layers are alike, but what they read, or what reads them, differs"


def _pairs(sites: Sequence[Site]) -> Iterator[tuple[Site, Site, Key]]:
    """Layers numbered alike in different places: each with a family of a fold, or with the single layer before it."""
    families: dict[Key, list[Site]] = {}
    for site in sites:
        for key in site.keys:
            families.setdefault(key, []).append(site)
    paired: set[Site] = set()
    for folded in (True, False):
        for key, members in families.items():
            first = next((site for site in members if site.is_family), None) if folded else None
            for k, site in enumerate(members):
                reference = first if folded else members[k - 1] if k else None
                if reference is None or site in paired or reference.names == site.names:
                    continue
                if reference.call is site.call and reference.place == site.place:  # one layer of a step, in other steps
                    continue
                if folded or not site.is_family:
                    paired.add(site)
                    yield reference, site, key


def _difference(a: Site, b: Site) -> str:
    """How two layers differ, in words; empty if they do not."""
    if a.op.arity != b.op.arity:
        return f"{b.first} reads {plural(b.op.arity, 'value')}, {a.first} {plural(a.op.arity, 'value')}"
    if attribute := _attribute_beside_weights(a, b):
        return f"inside, {attribute}"
    for x, y in zip(a.shapes[:-1], b.shapes[:-1], strict=True):
        if x != y:
            return f"{b.first} reads {show(y)}, {a.first} reads {show(x)}"
    if a.shapes[-1] != b.shapes[-1]:
        return f"{b.first} gives {show(b.shapes[-1])}, {a.first} gives {show(a.shapes[-1])}"
    if a.op.body == b.op.body:
        return ""
    if a.op.body is None or b.op.body is None:
        return f"{b.first if b.op.body else a.first} has a body, {a.first if b.op.body else b.first} has none"
    return f"inside, {_inner_difference(a.op.body, b.op.body, a.first, b.first)}"


def _attribute_beside_weights(a: Site, b: Site) -> str:
    """An attribute in which layers with equal weights differ; it is why they read other shapes, if they do."""
    one, other = a.op.body, b.op.body
    if one is None or other is None or one.shapes[a.op.arity :] != other.shapes[b.op.arity :]:
        return ""
    return _other_attribute(one, other, a.first, b.first)


def _inner_difference(a: Block, b: Block, first: str, second: str) -> str:
    """The first operation in which two bodies differ."""
    for shape_a, shape_b in zip(a.shapes, b.shapes, strict=False):
        if shape_a != shape_b:
            return f"{second} has a weight {show(shape_b)}, {first} {show(shape_a)}"
    if attribute := _other_attribute(a, b, first, second):
        return attribute
    for x, y in zip(_operations(a), _operations(b), strict=False):
        if (x.op, x.shape) != (y.op, y.shape):
            if _name(x) != _name(y):
                return f"{second} computes {_name(y)} where {first} computes {_name(x)}"
            return f"{_name(x)} gives {show(y.shape)} in {second}, {show(x.shape)} in {first}"
    return f"{second} computes other things than {first}"


def _other_attribute(a: Block, b: Block, first: str, second: str) -> str:
    """The attribute of the first operation in which two bodies differ, in words; empty if it is another operation."""
    for x, y in zip(_operations(a), _operations(b), strict=False):
        if x.op == y.op:
            continue
        if _name(x) != _name(y) or not isinstance(x.op, Apply) or not isinstance(y.op, Apply):
            return ""
        mine, theirs = dict(x.op.attributes), dict(y.op.attributes)
        other = next((key for key in mine if mine[key] != theirs.get(key)), None)
        return f"{_name(x)} has {other} {theirs.get(other)} in {second}, {mine[other]} in {first}" if other else ""
    return ""


def _operations(block: Block) -> list[Node]:
    return [node for node in walk(block.results) if isinstance(node.op, (type, Apply))]


def _name(node: Node) -> str:
    return node.op.primitive.name if isinstance(node.op, Apply) else getattr(node.op, "__name__", "")


attach(Net, folds=folds)
