"""Spans: the layers of a net as runs of numbered names with one body, so that a million cost what three cost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import walk_inside
from symfold.core.names import applied_layers, names_of
from symfold.core.net import Net
from symfold.core.nodes import is_elementwise
from symfold.core.primitives import is_apply
from symfold.core.stacked_inputs import Numbered
from symfold.show.notation.terms import show_size

Span = tuple[str, Any, Any]  # numbered names: prefix, first, last; a name alone: itself, 0, 0


def bodies_of(net: Net) -> dict[Span, Any]:
    """The layers of a net as spans, with their body; None if they are opaque."""
    bodies: dict[Span, Any] = {}
    numbered: dict[tuple[Numbered, Any], None] = {}
    for op, args in applied_layers(net.outputs):
        names = names_of(args[0])
        body = op.body
        if isinstance(names, Numbered):
            numbered[names, body] = None
        else:
            for name in names:
                stem = name.rstrip("0123456789")
                number = int(name[len(stem) :]) if name[len(stem) :] else None
                bodies[(name, 0, 0) if number is None else (stem, number, number)] = body
    for names, body in _interleaved(numbered):
        # strided names of symbolic number are one span from the first to the last
        single = range(count) if names.step > 1 and isinstance(count := names.count, int) else ()
        bodies |= {(names.prefix, names.number(k), names.number(k)): body for k in single} or {
            (names.prefix, names.start, names.number(names.count - 1)): body
        }
    return _merged(bodies)


def differing_bodies(a: Net, b: Net) -> list[tuple[Span, Any, Any]]:
    """The layers of one name with different bodies in two nets: a span of the first, and both bodies."""
    first, second = bodies_of(a), bodies_of(b)
    return [
        (span, body, other_body)
        for span, body in first.items()
        for other, other_body in second.items()
        if overlap(span, other) and body != other_body
    ]


def _interleaved(numbered: Collection[tuple[Numbered, Any]]) -> Iterator[tuple[Numbered, Any]]:
    """Runs, with s runs of stride s that start at consecutive numbers (as of groups) merged into one of stride 1."""
    left = dict.fromkeys(numbered)
    for names, body in numbered:
        if all((replace(names, start=names.start + place), body) in left for place in range(names.step)):
            for place in range(names.step):
                del left[replace(names, start=names.start + place), body]
            yield replace(names, count=names.count * names.step, step=1), body
    yield from left


def operations_of(body: Block) -> set[str]:
    """The names of the operations in a body but sums and products; those of its own layers and folds included."""
    names: set[str] = set()
    for node in walk_inside(body.results, layers=True):
        if is_elementwise(node) and node.op not in (sp.Add, sp.Mul):
            names.add(node.op.__name__.lower())
        elif is_apply(node):
            names.add(node.op.primitive.name)
    return names


def _merged(bodies: dict[Span, Any]) -> dict[Span, Any]:
    """Adjacent spans with one body as one span."""
    merged: dict[Span, Any] = {}
    for (stem, first, last), body in sorted(
        bodies.items(),
        key=lambda pair: (pair[0][0], str(pair[0][1]) if not isinstance(pair[0][1], int) else f"{pair[0][1]:012d}"),
    ):
        before = next(reversed(merged), None)
        if (
            before is not None
            and before[0] == stem
            and merged[before] == body
            and isinstance(before[2], int)
            and first <= before[2] + 1
        ):
            del merged[before]
            merged[stem, before[1], max(before[2], last) if isinstance(last, int) else last] = body
        else:
            merged[stem, first, last] = body
    return merged


def overlap(left: Span, right: Span) -> bool:
    """Whether two spans share a layer, or may share one in a symbolic depth."""
    numeric = all(isinstance(value, int) for value in (*left[1:], *right[1:]))
    return left[0] == right[0] and (not numeric or (left[1] <= right[2] and right[1] <= left[2]))


def uncovered(span: Span, others: dict[Span, Any]) -> str:
    """The layers of a span that are in no other span, as text."""
    if not all(isinstance(value, int) for other in (span, *others) for value in other[1:]):
        return ""
    left = [(span[1], span[2])]
    for other in others:
        if other[0] == span[0]:
            left = [
                part
                for lo, hi in left
                for part in ((lo, min(hi, other[1] - 1)), (max(lo, other[2] + 1), hi))
                if part[0] <= part[1]
            ]
    return ", ".join(span_text((span[0], lo, hi)) for lo, hi in left)


def span_text(span: Span) -> str:
    stem, first, last = span
    if first == last == 0 and not stem[-1:].isdigit() and first == 0:
        return stem
    if first == last:
        return f"{stem}{first}"
    if last - first in (1, 2):
        return ", ".join(f"{stem}{number}" for number in range(first, last + 1))
    return f"{stem}{first}, ..., {stem}{show_size(last)}"
