"""The one walk over a net: the meaning of its leaves, operations and folds.

An interpreter defines what leaves and operations mean: numbers, formulas, names, sizes, paths. The traversal of nodes,
the entries of sequences and the steps of folds are defined here, once. A fold is *run* step by step; if its step is a
map over an algebra, the map is raised to a *power* instead (`Powers`). Recursion is only as deep as folds are nested.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, overload

from symfold.base.arguments import quoted
from symfold.core.blocks import Block, is_name
from symfold.core.folds import Fold, Select, is_fold
from symfold.core.leaves import Constant, Input
from symfold.core.nodes import Node, walk
from symfold.core.primitives import (
    Apply,
    concatenate,
    expand,
    is_primitive,
    item,
    merges_leading_axes,
    reshape,
    splits_leading_axis,
)
from symfold.core.sequences import (
    element,
    entry_of,
    join,
    joins_sequences,
    names_of_node,
    reverse,
    reverse_row,
    stack_row,
    take,
    take_row,
)
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import StackedInputs, is_stacked, known_count
from symfold.errors import Advice, NoRule, TooLarge

# `isinstance` is three times as fast without the metaclass of Sequence, and is asked of every argument of every node
if TYPE_CHECKING:
    Items = Sequence[Any]
else:
    Items = object
# the rows that may rearrange the entries of sequences, by name: whether an operation is one is asked once per node
ARRANGEMENTS = frozenset(row.name for row in (stack_row, take_row, reverse_row, item, concatenate, expand, reshape))


MOST_STEPS = 1_000_000  # that an analysis follows one by one: some ten seconds


def check_steps(count: int) -> None:
    """Raise an error if an analysis would follow too many steps one by one."""
    if count > MOST_STEPS:
        raise TooLarge(
            f"a fold of {count:,} steps that reads or gives a sequence is followed step by step, up to "
            f"{MOST_STEPS:,} steps",
            Advice("depth", 1000, "take a smaller depth"),
        )


class Entries(Items):
    """The meaning of a sequence: the meanings of its entries.

    >>> list(Entries("abc").reversed()), [list(group) for group in Entries(range(4)).grouped(2)]
    (['c', 'b', 'a'], [[0, 1], [2, 3]])
    """

    def __init__(self, items: Iterable[Any] = ()):
        self.items = list(items)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, position: int) -> Any: ...
    @overload
    def __getitem__(self, position: slice) -> list[Any]: ...
    def __getitem__(self, position: Any) -> Any:
        return self.items[position]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entries) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Entries({list(self)!r})"

    def append(self, item: Any) -> None:
        self.items.append(item)

    def taken(self, positions: Sequence[int]) -> Entries:
        return Entries(self[k] for k in positions)

    def reversed(self) -> Entries:
        return Entries(self[::-1])

    def grouped(self, size: int) -> Entries:
        return Entries(Entries(self[k : k + size]) for k in range(0, len(self), size))


class StackedEntries(Entries):
    """The entries of stacked inputs, taken or reversed: `node` is the sequence; meanings are computed when read."""

    def __init__(self, node: Node, interpreter: Interpreter):
        self.node, self.interpreter, self.holds_names = node, interpreter, is_name(node)
        self.memo: dict[int, Any] = {}

    @property
    def items(self) -> list[Any]:  # type: ignore[override]
        return list(self)

    def __len__(self) -> int:
        return known_count(self.node.shape[0])

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self[k] for k in range(len(self))[position]]
        position = position if position >= 0 else len(self) + position
        if self.holds_names:  # not in the memo: a million names must cost what three cost
            return self.interpreter.name(name_at(self.node, position))
        if position not in self.memo:
            self.memo[position] = self.interpreter.leaf(element(self.node, position))
        return self.memo[position]

    def taken(self, positions: Sequence[int]) -> Entries:
        return self.over(take(self.node, positions if isinstance(positions, range) else tuple(positions)))

    def reversed(self) -> Entries:
        return self.over(reverse(self.node))

    def over(self, node: Node) -> Entries:
        """The entries of another sequence of the same inputs."""
        return StackedEntries(node, self.interpreter)


def name_at(sequence: Node, position: int) -> str:
    """One name of a sequence of names."""
    if isinstance(sequence.op, StackedInputs):
        return sequence.op.names[position]
    return names_of_node(element(sequence, position))[0]


@lru_cache(maxsize=1024)
def order_of(block: Block) -> list[Node]:
    """The nodes of a block, each after its arguments."""
    return walk(block.results)


class Interpreter:
    """A meaning of nodes. Override `leaf` and `apply`; also `index` and `collect` if sequences can be single values.

    `run(outputs)` gives the meaning of each; a fold runs step by step.

    >>> import symfold as sf
    >>> class Depth(Interpreter):
    ...     def leaf(self, node):
    ...         return 0
    ...     def apply(self, node, args):
    ...         return 1 + max(args)
    >>> Depth().run(sf.fold(lambda z, f: f(z) + z, sf.layers("f1:4"), sf.tensor("x")).outputs)
    [6]
    """

    # -- what subclasses define

    def leaf(self, node: Node) -> Any:
        """The meaning of an input or a constant that `run` was not given."""
        raise self._undefined("leaf", node)

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        """The meaning of an operation, from those of its arguments."""
        raise self._undefined("apply", node)

    def index(self, value: Any, position: int, node: Node) -> Any:
        """The meaning of one entry of a sequence that is a single value."""
        raise self._undefined("index", node)

    def collect(self, entries: Entries, node: Node) -> Any:
        """The meaning of a sequence as a single value, for operations that read it whole."""
        raise self._undefined("collect", node)

    def _undefined(self, method: str, node: Node) -> NoRule:
        return NoRule(f"{type(self).__name__} has no meaning for {quoted(node)} (define its method {method!r})")

    def name(self, name: str) -> Any:
        """The meaning of a layer's name."""
        return self.leaf(Node(Input(name, (NAME,), "layer")))

    def stacked(self, node: Node[StackedInputs]) -> Any:
        """The meaning of stacked inputs."""
        return StackedEntries(node, self)

    def select(self, results: Any, position: int) -> Any:
        """The meaning of one result of a fold."""
        return results[position]

    def step(self, node: Node[Fold], number: int, results: Sequence[Any]) -> Sequence[Any]:
        """Called after each step of a fold with the block's results; returns those to go on with."""
        return results

    def begin(self, node: Node[Fold]) -> None:
        """Called before the first step of a fold."""

    def end(self, node: Node[Fold]) -> None:
        """Called after the last step of a fold."""

    # -- the walk

    def run(self, roots: Iterable[Node], given: Mapping[Node, Any] | None = None) -> list[Any]:
        """The meanings of the roots, given those of some nodes."""
        targets, known = tuple(roots), dict(given or {})
        return self.follow(walk(targets, stop=known), targets, known)

    def run_whole(self, roots: Iterable[Node], given: Mapping[Node, Any] | None = None) -> list[Any]:
        """The meanings of the roots, each as a single value."""
        targets = tuple(roots)
        return [self.whole(value, node) for value, node in zip(self.run(targets, given), targets, strict=True)]

    def follow(self, order: Iterable[Node], roots: Sequence[Node], known: dict[Node, Any]) -> list[Any]:
        """The meanings of the roots, computed node by node in this order into `known`."""
        for node in order:
            if node not in known:
                known[node] = self.meaning(node, [known[arg] for arg in node.args])
        return [known[root] for root in roots]

    def meaning(self, node: Node, args: list[Any]) -> Any:
        """The meaning of any node, from those of its arguments."""
        op = node.op
        if not args and not isinstance(op, Fold):
            return self.stacked(node) if is_stacked(node) else self.leaf(node)
        if isinstance(op, Apply):
            arranged = self.arranged(node, args) if op.primitive.name in ARRANGEMENTS else NotImplemented
            if arranged is not NotImplemented:
                return arranged
        elif isinstance(op, Select):
            return self.select(args[0], op.position)
        elif isinstance(op, Fold) and is_fold(node):  # asked twice for the type; the first is the faster
            return self.fold(node, op, args)
        return self.apply(node, list(map(self.whole, args, node.args)))

    # -- sequences

    def arranged(self, node: Node, args: Sequence[Any]) -> Any:
        """The meaning of an operation that rearranges the entries of sequences; NotImplemented for any other."""
        if is_primitive(node, stack_row):
            return Entries(args)
        first = args[0]
        if isinstance(first, Entries):
            if is_primitive(node, take_row):
                return first.taken(dict(node.op.attributes)["positions"])
            if is_primitive(node, reverse_row):
                return first.reversed()
            if entry := entry_of(node):
                return first[entry[1]]
            if splits_leading_axis(node):
                return first.grouped(known_count(node.shape[1]))
            if merges_leading_axes(node) and all(isinstance(group, Entries) for group in first):
                return Entries(entry for group in first for entry in group)
        if is_primitive(node, concatenate) and joins_sequences(node) and any(isinstance(arg, Entries) for arg in args):
            return self.joined(node, args)
        return NotImplemented

    def joined(self, node: Node, args: Sequence[Any]) -> Entries:
        """The meaning of concatenated sequences."""
        if is_name(node) and all(isinstance(arg, StackedEntries) for arg in args):
            return StackedEntries(join([arg.node for arg in args]), self)
        return Entries(entry for arg, part in zip(args, node.args, strict=True) for entry in self.entries(arg, part))

    def entries(self, value: Any, node: Node, count: Any = None) -> Sequence[Any]:
        """The meanings of the entries of a sequence, which may be a single value."""
        if isinstance(value, Entries):
            return value
        source = node
        while is_primitive(source, take_row, reverse_row):
            source = source.args[0]
        size = known_count(node.shape[0] if count is None else count)
        if isinstance(source.op, Constant):  # the entries of a constant array, in any order, are constants
            return [self.leaf(element(node, k)) for k in range(size)]
        return [self.index(value, k, node) for k in range(size)]

    def whole(self, value: Any, node: Node) -> Any:
        """A meaning as a single value: entries are collected, nested ones first."""
        if not isinstance(value, Entries):
            return value
        entries = (
            self.whole(entry, element(node, k)) if isinstance(entry, Entries) else entry
            for k, entry in enumerate(value)
        )
        return self.collect(Entries(entries), node)

    # -- folds

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Sequence[Any]:
        """The meanings of the results of a fold, by running its steps one after the other."""
        block, count, carries = fold.block, known_count(fold.count), fold.carries
        order = order_of(block)
        state, operands = fold.split(args)
        sequences = [
            self.entries(value, source, count) if each else None
            for value, source, each in zip(operands, node.args[carries:], fold.each, strict=True)
        ]
        emitted = [Entries() for _ in block.results[carries:]]
        self.begin(node)
        for number in range(count):
            inputs = [
                value if sequence is None else sequence[number]
                for value, sequence in zip(operands, sequences, strict=True)
            ]
            known = dict(zip(block.formals, (*state, *inputs), strict=True))
            results = self.step(node, number, self.follow(order, block.results, known))
            state = tuple(results[:carries])
            for entries, value in zip(emitted, results[carries:], strict=True):
                entries.append(value)
        self.end(node)
        return [*state, *emitted]


class Powers(Interpreter):
    """An interpreter whose steps are maps over an algebra: a fold is a power of its step, computed from one step alone.

    A fold that reads or emits sequences of unequal entries is run step by step.
    """

    def inside(self, formals: int) -> Powers:
        """The same interpreter over the formals of a block."""
        raise NotImplementedError

    def unit(self, place: int, formals: int) -> Any:
        """The meaning of a formal, over the formals."""
        raise NotImplementedError

    def results_of(self, step: Any, fold: Fold, args: list[Any]) -> list[Any]:
        """The meanings of one step's results, over the formals."""
        units = {formal: self.unit(k, len(args)) for k, formal in enumerate(fold.block.formals)}
        results: list[Any] = step.run(fold.block.results, units)
        return results

    def power(self, step: Any, results: list[Any], args: list[Any], fold: Fold) -> Sequence[Any] | None:
        """The state after all steps, from the results of one step over its formals; None if the steps must be run."""
        raise NotImplementedError

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Sequence[Any]:
        only_state = len(fold.block.results) == fold.carries
        if self.worthwhile(fold) and only_state and not any(isinstance(arg, Entries) for arg in args):
            step = self.inside(len(args))
            results = self.results_of(step, fold, args)
            if not any(isinstance(result, Entries) for result in results):
                state = self.power(step, results, args, fold)
                if state is not None:
                    return state
        check_steps(known_count(fold.count))
        return super().fold(node, fold, args)

    def worthwhile(self, fold: Fold) -> bool:
        """Whether the fold has enough steps for a power to pay off."""
        return True
