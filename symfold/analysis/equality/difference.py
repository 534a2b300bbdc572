"""Difference: two nets aligned layer by layer, and in words what moved; the same as one graph with the moved edges marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import networkx as nx

from symfold.analysis.equality.overlay import merge
from symfold.analysis.equality.same_form import same_form
from symfold.analysis.equality.spans import beyond, bodies_of, meet, span_text
from symfold.analysis.equality.wiring import K, Layout, WiredSteps, Wires, applied, layout, listed, name_of
from symfold.core.net import Net
from symfold.core.shapes import Size
from symfold.errors import InvalidValue
from symfold.show.notation import formula
from symfold.show.notation.terms import show_size

MOST_SENTENCES = 12
LONGEST = 160


@dataclass(frozen=True)
class Moved:
    """An edge that only one of the nets has: `side` is first or second."""

    source: str
    target: str
    kind: str
    side: str


@dataclass(frozen=True)
class Difference:
    """What moved from one net to another. True where they differ."""

    a: Net = field(repr=False)
    b: Net = field(repr=False)
    names: tuple[str, str]
    sentences: tuple[str, ...]
    same: bool

    def __bool__(self) -> bool:
        return not self.same

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in self.sentences)}</ul>"

    @cached_property
    def graph(self) -> nx.MultiDiGraph:
        """Both nets in one graph, nodes shared by name: every edge has `side` (both, first, second) and `moved`.

        At the level of layers; where a net has more than 200 steps, or a symbolic depth, at the level of folds.
        """
        return merge(self.a, self.a if self.same else self.b)

    @property
    def moved(self) -> tuple[Moved, ...]:
        """The edges that only one of the nets has."""
        return tuple(
            Moved(u, v, data["kind"], data["side"]) for u, v, data in self.graph.edges(data=True) if data["moved"]
        )


def difference(a: Any, b: Any, names: tuple[str, str] = ("A", "B")) -> Difference:
    """What moved between two nets: what each layer reads, what joins the state, layers, their order, starts and outputs.

    Nets with one normal form do not differ. Errors: InvalidValue for names that are not two.

    >>> import symfold as sf
    >>> f, x = sf.layers("f", count="n"), sf.tensor("x")
    >>> print(difference(sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)))
    from step 2 on, f_k reads z_{k-1} in A and x in B
    >>> bool(difference(sf.fold(sf.mappers.residual, f, x), sf.fold(lambda z, f: z + f(z), f, x)))
    False
    """
    one, other = Net.of(a), Net.of(b)
    if len(names) != 2 or names[0] == names[1]:
        raise InvalidValue(f"names={names!r} must be two different names, one for each net")
    if same_form(one, other):
        return Difference(one, other, (names[0], names[1]), ("nothing moved",), True)
    found = list(dict.fromkeys(_told(one, other, names)))
    if not found:
        shown = [formula(net).replace("\n", "; ") for net in (one, other)]
        shown = [text if len(text) <= LONGEST else f"{text[:LONGEST]} ..." for text in shown]
        found = [
            f"no layer reads another value, but the nets are not the same: {names[0]} is {shown[0]} and {names[1]} is {shown[1]}"
        ]
    if len(found) > MOST_SENTENCES:
        found = [*found[:MOST_SENTENCES], f"and {len(found) - MOST_SENTENCES} more differences"]
    return Difference(one, other, (names[0], names[1]), tuple(found), False)


# ---------------------------------------------------------------- in words


def _told(a: Net, b: Net, names: tuple[str, str]) -> Iterator[str]:
    yield from _layers(a, b, names)
    lists: list[tuple[str, ...]] = []
    plans = layout(a, lists), layout(b, lists)
    if plans[0] is not None and plans[1] is not None:
        yield from _of_folds(plans[0], plans[1], names)
        return
    flat = applied(a), applied(b)
    if flat[0] is None or flat[1] is None:
        return
    (reads_a, out_a), (reads_b, out_b) = flat[0], flat[1]
    for layer in reads_a:
        if layer in reads_b and reads_a[layer][0] != reads_b[layer][0]:
            yield f"{layer} reads {reads_a[layer][1]} in {names[0]} and {reads_b[layer][1]} in {names[1]}"
    for place, (one, other) in enumerate(zip(out_a, out_b, strict=False)):
        if one[0] != other[0]:
            which = f"output {place + 1}" if len(out_a) > 1 else "the output"
            yield f"{which} is {one[1]} in {names[0]} and {other[1]} in {names[1]}"


def _layers(a: Net, b: Net, names: tuple[str, str]) -> Iterator[str]:
    """Layers that only one net has, layers with another body, and inputs that only one net has."""
    inputs = [[node.op.name for node in net.inputs] for net in (a, b)]
    for own, others, name in ((inputs[0], inputs[1], names[0]), (inputs[1], inputs[0], names[1])):
        if missing := [one for one in own if one not in others]:
            yield f"only {name} reads the input{'s' if len(missing) > 1 else ''} {listed(missing)}"
    bodies = [bodies_of(net) for net in (a, b)]
    for own_, other, name in ((bodies[0], bodies[1], names[0]), (bodies[1], bodies[0], names[1])):
        only = [span for span in own_ if not any(meet(span, known) for known in other)]
        counts = [beyond(span, other) for span in own_ if span not in only]
        found = [text for text in (*map(span_text, only), *counts) if text]
        if found:
            yield f"only {name} has the layer{'s' if len(found) > 1 or ',' in found[0] else ''} {', '.join(found)}"
    for span, body in bodies[0].items():
        for known, others_body in bodies[1].items():
            if meet(span, known) and body != others_body:
                yield f"{span_text(span)} {'have' if ',' in span_text(span) else 'has'} one body in {names[0]} and another in {names[1]}"


def _of_folds(a: Layout, b: Layout, names: tuple[str, str]) -> Iterator[str]:
    """What differs between two chains of folds, over the steps that both have."""
    alike = a.ranges[0].starts == b.ranges[0].starts
    if not alike:
        starts = [", ".join(one.ranges[0].starts) for one in (a, b)]
        yield f"the state starts from {starts[0]} in {names[0]} and {starts[1]} in {names[1]}"
    for one, other, first, last in _common(a.ranges, b.ranges):
        to_the_end = last in (a.ranges[-1].last, b.ranges[-1].last)
        yield from _of_steps(one, other, first, last, names, alike, to_the_end)
    ends = [show_size(one.ranges[-1].last) for one in (a, b)]
    if ends[0] != ends[1]:
        yield f"{names[0]} has {ends[0]} steps and {names[1]} has {ends[1]}"
    elif a.outputs != b.outputs:
        outs = [", ".join(one.outputs) or "the last state" for one in (a, b)]
        yield f"the output is {outs[0]} in {names[0]} and {outs[1]} in {names[1]}"


def _common(a: Sequence[WiredSteps], b: Sequence[WiredSteps]) -> Iterator[tuple[WiredSteps, WiredSteps, Size, Size]]:
    """The runs of steps in which both nets are wired alike from step to step."""
    for one in a:
        for other in b:
            if all(isinstance(value, int) for value in (one.first, one.last, other.first, other.last)):
                first, last = max(int(one.first), int(other.first)), min(int(one.last), int(other.last))
                if first <= last:
                    yield one, other, first, last
            elif one.first == other.first:
                yield one, other, one.first, one.last


def _of_steps(
    a: WiredSteps, b: WiredSteps, first: Size, last: Size, names: tuple[str, str], alike: bool, ends: bool
) -> Iterator[str]:
    """The differences of a run of steps; the first, whose state is what it starts from, by itself where it differs less."""
    begins = a.begins and b.begins and alike
    whole = a.repeats or b.repeats
    start = _pairs(a.at(first, whole), b.at(first, whole), names, first, whole) if begins else []
    named = first == last and (
        begins or not (a.begins or b.begins)
    )  # where the states start apart, that is said already
    if first != last:
        found = _pairs(a.at(K, whole), b.at(K, whole), names, K, whole)
    elif named:
        found = _pairs(a.at(first, whole), b.at(first, whole), names, first, whole)
    else:
        found = _pairs(a.after_any_start(first, whole), b.after_any_start(first, whole), names, first, whole)
    later = first + 1 if begins and not start else first
    if later == last and found and (named or first != last):
        found = _pairs(a.at(last, whole), b.at(last, whole), names, last, whole)
    if isinstance(first, int) and isinstance(last, int):
        found = [
            _in_order(a, b, first, last, names) if said.startswith(LAYER) and first != last else said for said in found
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

    met = begins and not any(
        said.startswith(ONLY) for said in start
    )  # the first state is what another application reads
    yield from (
        said if said.startswith(LAYERS) else f"{when(first + 1 if met and said.startswith(ONLY) else later)}, {said}"
        for said in found
    )
    if start and not found:
        yield from (f"in step {show_size(first)}, {said}" for said in start)


Applied = tuple[str, str]  # a layer and what it reads
Reads = tuple[Applied, ...]
LAYER, LAYERS, ONLY = "the layer is ", "the layers ", "only "


def _in_order(a: WiredSteps, b: WiredSteps, first: int, last: int, names: tuple[str, str]) -> str:
    """The layers that the same steps of two nets apply, where they are others."""
    steps = range(first, last + 1) if last - first < 4 else (first, first + 1, last)
    shown = [[layer for step in steps for layer, _ in wired.at(step).reads[:1]] for wired in (a, b)]
    told = [", ".join(one) if len(steps) == last - first + 1 else f"{one[0]}, {one[1]}, ..., {one[2]}" for one in shown]
    return f"{LAYERS}of steps {first} to {last} are {told[0]} in {names[0]} and {told[1]} in {names[1]}"


def _aligned(a: Reads, b: Reads) -> tuple[list[tuple[Applied, Applied]], Reads, Reads]:
    """The applications of two steps in pairs: of one layer to one value, then of one layer, then in their order; what is left."""
    pairs: list[tuple[Applied, Applied]] = []
    left, right = list(a), list(b)
    for alike in (lambda one, other: one == other, lambda one, other: one[0] == other[0], lambda one, other: True):
        for one in list(left):
            if (other := next((other for other in right if alike(one, other)), None)) is not None:
                left.remove(one)
                right.remove(other)
                pairs.append((one, other))
    return sorted(pairs, key=lambda pair: a.index(pair[0])), tuple(left), tuple(right)


def _pairs(a: Wires, b: Wires, names: tuple[str, str], step: Size, whole: bool) -> list[str]:
    """The differences of two steps in words; `whole` as of the wires."""
    said: list[str] = []
    aligned, *rest = _aligned(a.reads, b.reads)
    for (layer, one), (own, other) in aligned:
        if layer != own:
            said.append(f"{LAYER}{layer} in {names[0]} and {own} in {names[1]}")
        if one != other.replace(own, layer) and one != other:
            said.append(
                f"{layer} reads {one} in {names[0]} and {other} in {names[1]}"
                if layer == own
                else f"it reads {one} in {names[0]} and {other} in {names[1]}"
            )
    for extra, others, name in zip(rest, (b.reads, a.reads), names, strict=True):
        said += [f"{ONLY}{name} applies {layer}, to {read}" for layer, read in extra if (layer, read) not in others]
    renamed = {_term(other, whole): _term(one, whole) for one, other in aligned}
    for (letter, one_), (_, other_) in zip(a.joins, b.joins, strict=False):
        left, right = dict(one_), {renamed.get(name, name): factor for name, factor in other_}
        state = name_of(step, letter)
        if left.keys() == right.keys():
            said += [
                f"the coefficient of {part} in {state} is {left[part]} in {names[0]} and {right[part]} in {names[1]}"
                for part in left
                if left[part] != right[part]
            ]
        else:
            said.append(f"{state} is {_sum(left)} in {names[0]} and {_sum(right)} in {names[1]}")
    if len(a.joins) != len(b.joins):
        said.append(f"the state has {len(a.joins)} parts in {names[0]} and {len(b.joins)} in {names[1]}")
    return said


def _term(applied: Applied, whole: bool) -> str:
    return f"{applied[0]}({applied[1]})" if whole else applied[0]


def _sum(parts: dict[str, str]) -> str:
    return (
        " + ".join(part if factor == "1" else f"{factor}*{part}" for part, factor in parts.items()).replace("+ -", "- ")
        or "0"
    )
