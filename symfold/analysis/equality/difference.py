"""Difference: two nets aligned layer by layer, what moved between them as text, and as one graph with marked edges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from symfold.analysis.equality.overlay import merge
from symfold.analysis.equality.same_form import same_form
from symfold.analysis.equality.spans import bodies_of, differing_bodies, operations_of, overlap, span_text, uncovered
from symfold.analysis.equality.wiring import (
    Addend,
    Application,
    K,
    Layout,
    StepRange,
    StepWiring,
    applied,
    layout,
    listed,
    name_of,
)
from symfold.base.arguments import two_names
from symfold.base.deferred import nx
from symfold.base.public import public
from symfold.core.blocks import Block
from symfold.core.net import Net
from symfold.core.shapes import Size
from symfold.show.hypertext import bullets
from symfold.show.notation import formula
from symfold.show.notation.terms import show_size

MOST_SENTENCES = 12
MOST_OPERATIONS = 3  # that are named of a body
LONGEST = 160
LONG_TERM = 60  # characters; of longer terms, what stands deep in brackets is left out
BRIEF = 36  # characters of a term with all the arguments of its layers


@dataclass(frozen=True)
class Moved:
    """An edge of only one of the nets; `side` is first or second."""

    source: str
    target: str
    kind: str
    side: str


@dataclass(frozen=True)
class Change:
    """One thing that moved: a subject, as `f_k reads`, and its value in each net; or, without these, a sentence."""

    subject: str
    values: tuple[str, str] | None = None
    when: str = ""  # at which steps

    def told(self, names: tuple[str, str]) -> str:
        """As a sentence."""
        start = f"{self.when}, {self.subject}" if self.when else self.subject
        if self.values is None:
            return start
        return f"{start} {self.values[0]} in {names[0]} and {self.values[1]} in {names[1]}"


@dataclass(frozen=True)
class Difference:
    """What moved from one net to another; true if they differ."""

    a: Net = field(repr=False)
    b: Net = field(repr=False)
    names: tuple[str, str]
    changes: tuple[Change, ...]
    same: bool

    @property
    def sentences(self) -> tuple[str, ...]:
        """What moved, as text; at most twelve sentences."""
        if self.same:
            return ("nothing moved",)
        told = tuple(change.told(self.names) for change in self.changes)
        more = len(told) - MOST_SENTENCES
        return told if more <= 0 else (*told[:MOST_SENTENCES], f"and {more} more differences")

    def __bool__(self) -> bool:
        return not self.same

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return bullets(self.sentences)

    @cached_property
    def graph(self) -> nx.MultiDiGraph:
        """Both nets in one graph, with nodes shared by name; edges have `side` (both, first, second) and `moved`.

        At the level of layers; at the level of folds if a net has more than 200 steps or a symbolic depth.
        """
        return merge(self.a, self.a if self.same else self.b)

    @property
    def moved(self) -> tuple[Moved, ...]:
        """The edges of only one of the nets."""
        return tuple(
            Moved(u, v, data["kind"], data["side"]) for u, v, data in self.graph.edges(data=True) if data["moved"]
        )


@public
def difference(a: Any, b: Any, names: tuple[str, str] = ("A", "B")) -> Difference:
    """What moved between two nets: what layers read, the sums of states, layers, their order, initial states, outputs.

    Nets with one normal form do not differ. Errors: InvalidType, InvalidValue unless `names` are two different names.

    >>> import symfold as sf
    >>> f, x = sf.layers("f", count="n"), sf.tensor("x")
    >>> print(difference(sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)))
    from step 2 on, f_k reads z_{k-1} in A and x in B
    >>> bool(difference(sf.fold(sf.mappers.residual, f, x), sf.fold(lambda z, f: z + f(z), f, x)))
    False
    """
    first, second = Net.of(a), Net.of(b)
    names = two_names(names)
    if same_form(first, second):
        return Difference(first, second, names, (), True)
    changes = tuple(dict.fromkeys(_changes(first, second, names)))
    if not changes:
        shown = [formula(net).replace("\n", "; ") for net in (first, second)]
        shown = [text if len(text) <= LONGEST else f"{text[:LONGEST]} ..." for text in shown]
        changes = (
            Change(
                "no layer reads another value, but the nets are not the same: "
                f"{names[0]} is {shown[0]} and {names[1]} is {shown[1]}"
            ),
        )
    return Difference(first, second, names, changes, False)


# ---------------------------------------------------------------- the changes


def _changes(a: Net, b: Net, names: tuple[str, str]) -> Iterator[Change]:
    yield from _layers(a, b, names)
    lists: list[tuple[str, ...]] = []
    layouts = layout(a, lists), layout(b, lists)
    if layouts[0] is not None and layouts[1] is not None:
        changes = list(_of_folds(layouts[0], layouts[1], names))
        yield from changes
        yield from _letters(lists, changes)
        return
    flat = applied(a), applied(b)
    if flat[0] is None or flat[1] is None:
        return
    (reads_a, out_a), (reads_b, out_b) = flat[0], flat[1]
    for layer in reads_a:
        if layer in reads_b and reads_a[layer][0] != reads_b[layer][0]:
            yield Change(f"{layer} reads", elided(reads_a[layer][1], reads_b[layer][1]))
    for place, (left, right) in enumerate(zip(out_a, out_b, strict=False)):
        if left[0] != right[0]:
            output = f"output {place + 1}" if len(out_a) > 1 else "the output"
            yield Change(f"{output} is", elided(left[1], right[1]))


def _letters(lists: Sequence[Sequence[str]], changes: Iterable[Change]) -> Iterator[Change]:
    """What the letters of lists in these changes mean."""
    texts = " ".join(part for change in changes for part in (change.subject, *(change.values or ())))
    for number, content in enumerate(lists, start=1):
        if content and re.search(rf"\bL{number}_", texts):
            shown = content if len(content) <= 4 else (*content[:3], "...", content[-1])
            yield Change(f"L{number} is [{', '.join(shown)}]")


def elided(one: str, other: str) -> tuple[str, str]:
    """Two different terms; if one is long, without what stands deep in its brackets, as long as they look different.

    >>> elided("relu(f2 + relu(f1 + relu(x)))" + " + x" * 20, "x")[0][:22]
    'relu(f2 + relu(...)) +'
    """
    if max(len(one), len(other)) <= LONG_TERM:
        return one, other
    shorter = ((_elided(one, depth), _elided(other, depth)) for depth in (1, 2, 3))
    return next((pair for pair in shorter if pair[0] != pair[1]), (one, other))


def _elided(term: str, most: int) -> str:
    """A term with `...` for what is inside more than this many brackets."""
    depth, shown = 0, ""
    for mark in term:
        depth -= mark in ")]}"
        if depth <= most:
            shown += mark
        depth += mark in "([{"
        if depth == most + 1 and mark in "([{":
            shown += "..."
    return shown


def _layers(a: Net, b: Net, names: tuple[str, str]) -> Iterator[Change]:
    """Inputs and layers of only one net, and layers with different bodies."""
    inputs = [[node.op.name for node in net.inputs] for net in (a, b)]
    for side, name in enumerate(names):
        if extra := [input_name for input_name in inputs[side] if input_name not in inputs[1 - side]]:
            yield Change(f"only {name} reads the input{'s' if len(extra) > 1 else ''} {listed(extra)}")
    bodies = [bodies_of(net) for net in (a, b)]
    for side, name in enumerate(names):
        others = bodies[1 - side]
        only = [span for span in bodies[side] if not any(overlap(span, other) for other in others)]
        rest = [uncovered(span, others) for span in bodies[side] if span not in only]
        layers = [text for text in (*map(span_text, only), *rest) if text]
        if layers:
            several = len(layers) > 1 or "," in layers[0]
            yield Change(f"only {name} has the layer{'s' if several else ''} {', '.join(layers)}")
    for span, body, other_body in differing_bodies(a, b):
        several = "," in span_text(span)
        if body is None or other_body is None:
            kinds = ("symbols", "functions") if several else ("a symbol", "a function")
            yield Change(
                f"{span_text(span)} {'are' if several else 'is'}", kinds if body is None else _both(kinds[::-1])
            )
        else:
            yield Change(f"{span_text(span)} {'have' if several else 'has'}", _bodies(body, other_body))


def _bodies(one: Block, other: Block) -> tuple[str, str]:
    """Two bodies in words, with a few operations that only one of them has."""
    names = operations_of(one), operations_of(other)
    first, second = (
        f" ({', '.join(sorted(own - others)[:MOST_OPERATIONS])})" if own - others else ""
        for own, others in (names, names[::-1])
    )
    return f"one body{first}", f"another{second}"


def _of_folds(a: Layout, b: Layout, names: tuple[str, str]) -> Iterator[Change]:
    """The differences of two chains of folds, over their common steps."""
    alike = a.step_ranges[0].starts == b.step_ranges[0].starts
    if not alike:
        yield Change("the state starts from", _both(", ".join(side.step_ranges[0].starts) for side in (a, b)))
    for left, right, first, last in _common(a.step_ranges, b.step_ranges):
        to_the_end = last in (a.step_ranges[-1].last, b.step_ranges[-1].last)
        yield from _of_steps(left, right, first, last, names, alike, to_the_end)
    ends = [show_size(side.step_ranges[-1].last) for side in (a, b)]
    if ends[0] != ends[1]:
        yield Change(f"{names[0]} has {ends[0]} steps and {names[1]} has {ends[1]}")
    elif a.outputs != b.outputs:
        yield Change("the output is", _both(", ".join(side.outputs) or "the last state" for side in (a, b)))


def _both(values: Iterable[str]) -> tuple[str, str]:
    first, second = values
    return first, second


def _common(a: Sequence[StepRange], b: Sequence[StepRange]) -> Iterator[tuple[StepRange, StepRange, Size, Size]]:
    """The intersections of the step ranges of two nets."""
    for left in a:
        for right in b:
            if all(isinstance(value, int) for value in (left.first, left.last, right.first, right.last)):
                first, last = max(int(left.first), int(right.first)), min(int(left.last), int(right.last))
                if first <= last:
                    yield left, right, first, last
            elif left.first == right.first:
                yield left, right, left.first, left.last


def _of_steps(
    a: StepRange, b: StepRange, first: Size, last: Size, names: tuple[str, str], alike: bool, ends: bool
) -> Iterator[Change]:
    """The differences of a range of steps; of the first step alone if it, reading the initial state, differs less."""
    begins = a.begins and b.begins and alike
    with_arguments = a.repeats or b.repeats

    def of_step(step: Size) -> list[Change]:
        return _pairs(a.at(step, with_arguments), b.at(step, with_arguments), names, step, with_arguments)

    start = of_step(first) if begins else []
    # initial states that differ have been reported already
    named = first == last and (begins or not (a.begins or b.begins))
    if first != last:
        changes = of_step(K)
    elif named:
        changes = of_step(first)
    else:
        wirings = [side.after_any_start(first, with_arguments) for side in (a, b)]
        changes = _pairs(wirings[0], wirings[1], names, first, with_arguments)
    later = first + 1 if begins and not start else first
    if later == last and changes and (named or first != last):
        changes = of_step(last)
    if isinstance(first, int) and isinstance(last, int):
        changes = [
            _in_order(a, b, first, last) if change.subject == LAYER and first != last else change for change in changes
        ]

    def when(after: Size) -> str:
        if after == last:
            return f"in step {show_size(last)}"
        if begins and after == first and ends:
            return "at every step"
        return (
            f"from step {show_size(after)} on"
            if ends and after != first
            else f"in steps {show_size(after)} to {show_size(last)}"
        )

    # in the first step, both nets apply the same layers if some of them read the initial state
    second = begins and not any(change.subject.startswith(ONLY) for change in start)
    for change in changes:
        if change.subject.startswith(LAYERS):
            yield change
        else:
            yield replace(change, when=when(first + 1 if second and change.subject.startswith(ONLY) else later))
    if start and not changes:
        yield from (replace(change, when=f"in step {show_size(first)}") for change in start)


Reads = tuple[Application, ...]
LAYER, LAYERS, ONLY = "the layer is", "the layers ", "only "


def _in_order(a: StepRange, b: StepRange, first: int, last: int) -> Change:
    """The different layers that the same steps of two nets apply."""
    steps = range(first, last + 1) if last - first < 4 else (first, first + 1, last)
    shown = [[part.layer for step in steps for part in side.at(step).reads[:1]] for side in (a, b)]
    texts = _both(
        ", ".join(layers) if len(steps) == last - first + 1 else f"{layers[0]}, {layers[1]}, ..., {layers[2]}"
        for layers in shown
    )
    return Change(f"{LAYERS}of steps {first} to {last} are", texts)


def _aligned(a: Reads, b: Reads) -> tuple[list[tuple[Application, Application]], Reads, Reads]:
    """The applications of two steps in pairs, and the rest of each step.

    First those of one layer to one value are paired, then those of one layer, then all others in order.
    """
    pairs: list[tuple[Application, Application]] = []
    left, right = list(a), list(b)
    for alike in (lambda p, q: p == q, lambda p, q: p.layer == q.layer, lambda p, q: True):
        for first in list(left):
            if (second := next((second for second in right if alike(first, second)), None)) is not None:
                left.remove(first)
                right.remove(second)
                pairs.append((first, second))
    return sorted(pairs, key=lambda pair: a.index(pair[0])), tuple(left), tuple(right)


def _pairs(a: StepWiring, b: StepWiring, names: tuple[str, str], step: Size, with_arguments: bool) -> list[Change]:
    """The differences of two steps; `with_arguments` as in the wiring."""
    changes: list[Change] = []
    aligned, *rest = _aligned(a.reads, b.reads)
    for one, other in aligned:
        if one.layer != other.layer:
            changes.append(Change(LAYER, (one.layer, other.layer)))
        if one.read not in (other.read, other.read.replace(other.layer, one.layer)):
            subject = one.layer if one.layer == other.layer else "it"
            changes.append(Change(f"{subject} reads", _both(shortest((one.full, other.full), (one.read, other.read)))))
    for extra, others, name in zip(rest, (b.reads, a.reads), names, strict=True):
        for part in extra:
            if part not in others:
                changes.append(
                    Change(f"{ONLY}{name} applies {part.layer}, to {shortest((part.full,), (part.read,))[0]}")
                )
    renamed = {_term(other, with_arguments): _term(one, with_arguments) for one, other in aligned}
    for (letter, addends_a), (_, addends_b) in zip(a.addends, b.addends, strict=False):
        left = {part.name: part for part in addends_a}
        right = {renamed.get(part.name, part.name): part for part in addends_b}
        state = name_of(step, letter)
        if left.keys() == right.keys():
            changes += [
                Change(
                    f"the coefficient of {shortest((part.full,), (name,))[0]} in {state} is",
                    (part.factor, right[name].factor),
                )
                for name, part in left.items()
                if part.factor != right[name].factor
            ]
        else:
            full, short = ([_sum(sums, whole) for sums in (addends_a, addends_b)] for whole in (True, False))
            changes.append(Change(f"{state} is", _both(shortest(full, short))))
    if len(a.addends) != len(b.addends):
        changes.append(Change("the state has", (f"{len(a.addends)} parts", f"{len(b.addends)}")))
    return changes


def shortest(full: Sequence[str], short: Sequence[str]) -> Sequence[str]:
    """Terms with all the arguments of layers; if they are long, with layers standing for what they return."""
    return tuple(full) if max(map(len, full)) <= BRIEF else tuple(short)


def _term(part: Application, with_arguments: bool) -> str:
    return f"{part.layer}({part.read})" if with_arguments else part.layer


def _sum(addends: Sequence[Addend], whole: bool) -> str:
    terms = [(part.full if whole else part.name, part.factor) for part in addends]
    shown = " + ".join(term if factor == "1" else f"{factor}*{term}" for term, factor in terms)
    return shown.replace("+ -", "- ") or "0"
