"""Folds: a mapper run over items, held as blocks and counts.

    fold(init..., operands...)[j]     each operand one value for all steps, or a sequence with one entry a step

Like items make one fold, whatever their number: the mapper is traced once a run, and again on the run's first and
last items to catch one that is not a pure function of (state, item).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.blocks import Block, prefixed, trace
from symfold.errors import ImpureMapper, InvalidType, InvalidValue, ShapeError
from symfold.families import compress
from symfold.items import Item, LayerPattern, TuplePattern, ValuePattern, named_in, read_item
from symfold.lifting import lift
from symfold.named_layers import Layer, Layers
from symfold.nodes import Node, digest
from symfold.operations import Constant, Formal
from symfold.sequences import element, join, renewed, repeated, stack, take
from symfold.shapes import Shape, Size, fits, length, settled, show
from symfold.trees import Form, flatten, unflatten
from symfold.walks import walk


@dataclass(frozen=True)
class Fold:
    """A block applied `count` times: its first `carries` formals are the state; `each` says which operands are sequences.

    The block's first `carries` results are the next state, the others are given out at each step.
    """

    block: Block
    count: Size
    carries: int
    each: tuple[bool, ...]

    def infer(self, args: tuple[Node, ...]) -> Shape:
        steps = (False,) * self.carries + self.each
        given = tuple(arg.shape[1:] if each else arg.shape for arg, each in zip(args, steps, strict=False))
        alike = len(steps) == len(args) == len(self.block.shapes) and all(map(fits, given, self.block.shapes))
        if not alike or len(self.block.results) < self.carries:
            raise ShapeError(
                f"a block for {', '.join(map(show, self.block.shapes))} cannot be folded over {', '.join(map(show, given))}"
            )
        return ()

    @property
    def digest(self) -> bytes:
        content = self.block.digest + repr((self.count, self.carries, self.each)).encode()
        return hashlib.blake2b(content, digest_size=16).digest()

    def result_shape(self, position: int) -> Shape:
        shape = self.block.results[position].shape
        return shape if position < self.carries else (self.count, *shape)

    def rebuild(self, args: tuple[Node, ...]) -> tuple[Node, ...]:
        """The results of this fold over other arguments, whose shapes may be others too."""
        init, operands = args[: self.carries], args[self.carries :]
        steps = [a.shape[1:] if each else a.shape for a, each in zip(operands, self.each, strict=True)]

        def step_for(state: tuple[Shape, ...], first: int) -> Step:
            return Step(self.block.retyped((*state, *steps)), operands, self.each)

        lengths = {a.shape[0] for a, each in zip(operands, self.each, strict=True) if each}
        count = lengths.pop() if len(lengths) == 1 else self.count
        return settle(step_for, count if isinstance(count, int) else self.count, init)


@dataclass(frozen=True)
class Select:
    """One result of a fold: a part of the last state, or a sequence that the steps gave out."""

    position: int

    def infer(self, args: tuple[Node, ...]) -> Shape:
        shape: Shape = args[0].op.result_shape(self.position)
        return shape

    def rebuild(self, args: tuple[Any, ...]) -> Node:
        results = args[0]
        return results[self.position] if isinstance(results, tuple) else Node(self, (results,))


def is_fold(node: Node) -> bool:
    """Whether a node is a fold (whose results are read by `Select`)."""
    return isinstance(node.op, Fold)


def apply_fold(block: Block, count: Size, init: Sequence[Node], operands: Sequence[Node], each: Sequence[bool]) -> tuple[Node, ...]:
    """The results of a fold in normal form: one step holds plain values, and a repeated entry is one value for all."""
    args, flags = [], []
    for operand, one_a_step in zip(operands, each, strict=True):
        if one_a_step and count == 1:
            operand, one_a_step = element(operand, 0), False
        elif one_a_step and (same := repeated(operand)) is not None:
            operand, one_a_step = same, False
        args.append(operand)
        flags.append(one_a_step)
    node = Node(Fold(block, count, len(init), tuple(flags)), (*init, *args))
    return tuple(Node(Select(k), (node,)) for k in range(len(block.results)))


@dataclass(frozen=True)
class Step:
    """A block with its operands over all the steps; `each` says which of them are sequences."""

    block: Block
    operands: tuple[Node, ...]
    each: tuple[bool, ...]


def settle(step_for: Callable[[tuple[Shape, ...], int], Step], count: Size, init: Sequence[Node]) -> tuple[Node, ...]:
    """Apply a block to all steps; the first steps stand apart until the shapes of the state settle.

    `step_for(shapes of the state, first step)` gives the block for a state of these shapes.
    """
    state, given, first = tuple(init), [], 0
    while True:
        shapes = tuple(part.shape for part in state)
        step = step_for(shapes, first)
        after = tuple(result.shape for result in step.block.results[: len(state)])
        stays = all(map(settled, shapes, after))
        if not stays and not isinstance(count, int):
            raise ShapeError(
                f"the state changes its shape from {', '.join(map(show, shapes))} to {', '.join(map(show, after))} "
                "in a fold of unknown depth (give an initial state of the final shape)"
            )
        if isinstance(count, int):
            part = range(first, count if stays else first + 1)
            chosen = [take(o, part) if e else o for o, e in zip(step.operands, step.each, strict=True)]
            results = apply_fold(step.block, len(part), state, chosen, step.each)
        else:
            results = apply_fold(step.block, count, state, step.operands, step.each)
        state = results[: len(state)]
        given.append(results[len(state) :])
        if stays or first + 1 == count:
            return (*state, *(join(parts) for parts in zip(*given, strict=True)))
        first += 1


Mapper = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Run:
    """Neighbouring items that are alike: the pattern, a sequence for each leaf, and examples to check the mapper on."""

    pattern: Any
    sequences: tuple[Node, ...]
    count: Size
    start: int
    examples: tuple[tuple[int, Any], ...]


def fold(mapper: Mapper, items: Any, init: Any = None, *, check: str = "ends") -> Any:
    """Fold a mapper `(state, item) -> state` over items; the last state, as `functools.reduce` gives it.

    Without `init`, the first item is the initial state. `check="all"` traces every item, not only each run's ends.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> print(sf.formula(sf.fold(lambda z, f: f(z) + z, f, x), form="expanded"))
    f3(f2(f1(x) + x) + f1(x) + x) + f2(f1(x) + x) + f1(x) + x
    """
    return run_fold(mapper, items, init, check, states=False)


def scan(mapper: Mapper, items: Any, init: Any = None, *, check: str = "ends") -> Any:
    """Fold a mapper and keep every state after a step, as a sequence (a tuple of sequences where the state is a tuple).

    >>> import symfold as sf
    >>> sf.scan(lambda h, u: h + u, sf.tensor("u", (5, 2)), sf.tensor("h", (2,))).outputs[0].shape
    (5, 2)
    """
    return run_fold(mapper, items, init, check, states=True)


def run_fold(mapper: Mapper, items: Any, init: Any, check: str, states: bool) -> Any:
    if check not in ("ends", "all"):
        raise InvalidValue(f"unknown check: {check!r} (must be one of 'ends', 'all')")
    if not callable(mapper):
        raise InvalidType(f"a mapper must be a function (state, item) -> state, got {mapper!r}")
    if init is None:
        init, items = first_of(items)
    leaves, form = flatten(as_state(init))
    state = tuple(map(lift, leaves))
    sequences: list[list[Node]] = [[] for _ in state]
    for run in runs_of(items, keep_all=check == "all"):
        results = fold_run(mapper, run, state, form, states)
        state = results[: len(leaves)]
        for kept, given in zip(sequences, results[len(leaves) :], strict=bool(states)):
            kept.append(given)
    if not states:
        return as_net(unflatten(form, state))
    if not all(sequences):
        raise InvalidValue("a scan over no items has no states (give at least one item)")
    return as_net(unflatten(form, [join(kept) for kept in sequences]))


def as_net(value: Any) -> Any:
    from symfold.net import Net  # the result stands above

    return Net.of(value)


def first_of(items: Any) -> tuple[Any, Any]:
    """The first item as the initial state, and the others."""
    listed = list(items)
    if not listed:
        raise InvalidType("fold of no items with no initial state (give init, as for functools.reduce)")
    return listed[0], listed[1:]


def runs_of(items: Any, keep_all: bool = False) -> Iterable[Run]:
    """Neighbouring like items, as runs."""
    if isinstance(items, Layers) and not (items.kind and items.kind.captured):
        if items.count != 0:
            count = items.count
            ends = {0, count - 1} if isinstance(count, int) else set()
            chosen = range(count) if keep_all and isinstance(count, int) else sorted(ends)
            examples = tuple((k, items[k]) for k in chosen)
            yield Run(LayerPattern(items.kind), items.families(), count, 0, examples)
        return
    if hasattr(items, "_as_tree_") or isinstance(items, Node):
        yield from runs_along(items)
        return
    if not isinstance(items, Iterable) or isinstance(items, (str, dict)):
        raise InvalidType(f"cannot fold over {items!r} of type {type(items).__name__} (give a list of items, layers, a tensor or a scan)")
    listed = list(items)
    start = 0
    while start < len(listed):
        if named := named_run(listed, start):
            count = len(named)
            chosen = range(count) if keep_all else sorted({0, count - 1})
            yield Run(LayerPattern(named.kind), named.families(), count, start, tuple((k, listed[start + k]) for k in chosen))
            start += count
            continue
        first = read_item(listed[start])
        run: list[Item] = [first]
        while start + len(run) < len(listed) and (item := read_item(listed[start + len(run)])).like(first):
            run.append(item)
        count = len(run)
        sequences = tuple(stack(leaves) for leaves in zip(*(item.leaves for item in run), strict=True))
        chosen = range(count) if keep_all else sorted({0, count - 1})
        yield Run(first.pattern, sequences, count, start, tuple((k, listed[start + k]) for k in chosen))
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


def fold_run(mapper: Mapper, run: Run, init: tuple[Node, ...], form: Form, states: bool) -> tuple[Node, ...]:
    """Fold over one run of like items."""
    carries = len(init)
    entries = [sequence.shape[1:] for sequence in run.sequences]

    def applied(formals: Sequence[Node], item: Any, where: int) -> list[Node]:
        try:
            result = mapper(unflatten(form, formals[:carries]), item)
        except ShapeError as error:
            name = next((named_in(value) for k, value in run.examples if k == where), "")
            raise prefixed(error, f"step {run.start + where + 1}" + (f" ({name})" if name else "")) from None
        leaves, result_form = flatten(as_state(result))
        if result_form != form:
            raise InvalidType(f"the mapper gave a state of another form: {describe(result_form)} after {describe(form)}")
        nodes = list(map(lift, leaves))
        return nodes + nodes if states else nodes

    def step_for(shapes: tuple[Shape, ...], first: int) -> Step:
        traced = trace(
            lambda formals: applied(formals, run.pattern.build(formals[carries:]), first), [*shapes, *entries], fixed=carries
        )
        step = Step(
            traced.block,
            tuple(run.sequences[o - carries] if isinstance(o, int) else o for o in traced.operands),
            tuple(isinstance(o, int) for o in traced.operands),
        )
        for where, example in run.examples:
            if where >= first:
                check_pure(step, shapes, where, example)
        return step

    def check_pure(step: Step, shapes: tuple[Shape, ...], where: int, example: Any) -> None:
        item = read_item(example)
        # a number stands for itself by name: SymPy would compute with it, sin(0.3) = 0.2955, and with a stand-in not
        leaves = [Node(Formal(-3, k, leaf.shape)) if is_constant(leaf) else leaf for k, leaf in enumerate(item.leaves)]
        own_item = item.pattern.build(leaves) if any(map(is_constant, item.leaves)) else example
        again = trace(lambda formals: applied(formals, own_item, where), shapes, fixed=carries)
        actual = again.block(*again.block.formals[:carries], *(o for o in again.operands if isinstance(o, Node)))
        own = [leaves[run.sequences.index(o)] if e else o for o, e in zip(step.operands, step.each, strict=True)]
        expected = step.block(*step.block.formals[:carries], *own)
        if actual != expected and unordered(written_steps(actual)) != unordered(written_steps(expected)):
            raise ImpureMapper(
                f"step {run.start + where + 1}: the mapper is not a pure function of (state, item): on the item itself "
                f"it gives {actual[0]!r}, on a stand-in for it {expected[0]!r} "
                "(make what changes from step to step part of the item)"
            )

    return settle(step_for, run.count, init)


def is_constant(node: Node) -> bool:
    return isinstance(node.op, Constant)


def unordered(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with sums and products in one order: SymPy sorts those that it builds by the names of what is in them."""
    new: dict[Node, Any] = {}
    for node in walk(roots):
        args = tuple(new[arg] for arg in node.args)
        if node.op in (sp.Add, sp.Mul):
            args = tuple(sorted(args, key=digest))
        op = node.op
        if isinstance(op, Fold):
            op = Fold(Block(op.block.shapes, unordered(op.block.results)), op.count, op.carries, op.each)
        new[node] = Node(op, args)
    return tuple(new[root] for root in roots)


def written_steps(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with the steps of every fold of known depth written out: what two nets are that fold in other ways.

    A layer that is an item and captured besides is one operand where it is both, and two where it stands in for others.
    """
    new: dict[Node, Any] = {}
    for node in walk(roots):
        args = tuple(new[arg] for arg in node.args)
        if isinstance(node.op, Fold):
            new[node] = _written_fold(node.op, args)
        elif isinstance(node.op, Select):
            new[node] = args[0][node.op.position]
        else:
            new[node] = node if args == node.args else renewed(node, args) or Node(node.op, args)
    return tuple(new[root] for root in roots)


def _written_fold(fold: Fold, args: tuple[Node, ...]) -> tuple[Node, ...]:
    if not isinstance(fold.count, int):
        return fold.rebuild(args)
    state, given = args[: fold.carries], []
    for number in range(fold.count):
        own = [element(o, number) if each else o for o, each in zip(args[fold.carries :], fold.each, strict=True)]
        results = written_steps(fold.block(*state, *own))
        state = results[: fold.carries]
        given.append(results[fold.carries :])
    return (*state, *(stack(parts) for parts in zip(*given, strict=True)))


def as_state(value: Any) -> Any:
    """A state with the nets in it taken as what they hold."""
    if hasattr(value, "_as_tree_"):
        return value._as_tree_()
    if isinstance(value, tuple):
        return tuple(map(as_state, value))
    return value


def describe(form: Form) -> str:
    return "one value" if form == "*" else f"{form[0]} of {len(form[1])}"
