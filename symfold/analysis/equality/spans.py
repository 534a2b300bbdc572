"""Spans: the layers of a net as runs of numbered names, each with its body, so that a million cost what three cost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from symfold.core.names import applied_layers, names_of
from symfold.core.net import Net
from symfold.core.stacked_inputs import Numbered
from symfold.show.notation.terms import show_size

Span = tuple[str, Any, Any]  # numbered names: prefix, first, last; a name alone: itself, 0, 0


def bodies_of(net: Net) -> dict[Span, Any]:
    found: dict[Span, Any] = {}
    numbered: dict[tuple[Numbered, Any], None] = {}
    for op, args in applied_layers(net.outputs):
        names = names_of(args[0])
        body = op.body.digest if op.body is not None else None
        if isinstance(names, Numbered):
            numbered[names, body] = None
        else:
            for name in names:
                stem = name.rstrip("0123456789")
                number = int(name[len(stem) :]) if name[len(stem) :] else None
                found[(name, 0, 0) if number is None else (stem, number, number)] = body
    for names, body in _interleaved(numbered):
        # symbolically many names by a step are given as one range
        alone = range(known) if names.step > 1 and isinstance(known := names.count, int) else ()
        found |= {(names.prefix, names.number(k), names.number(k)): body for k in alone} or {
            (names.prefix, names.start, names.number(names.count - 1)): body
        }
    return _gathered(found)


def _interleaved(numbered: Collection[tuple[Numbered, Any]]) -> Iterator[tuple[Numbered, Any]]:
    """Runs by a step s of which s begin one after the other, as those of groups, as the one run that they are together."""
    left = dict.fromkeys(numbered)
    for names, body in numbered:
        if all((replace(names, start=names.start + place), body) in left for place in range(names.step)):
            for place in range(names.step):
                del left[replace(names, start=names.start + place), body]
            yield replace(names, count=names.count * names.step, step=1), body
    yield from left


def _gathered(found: dict[Span, Any]) -> dict[Span, Any]:
    """Neighbouring numbers of one body as one span."""
    made: dict[Span, Any] = {}
    for (stem, first, last), body in sorted(
        found.items(),
        key=lambda pair: (pair[0][0], str(pair[0][1]) if not isinstance(pair[0][1], int) else f"{pair[0][1]:012d}"),
    ):
        before = next(reversed(made), None)
        if (
            before is not None
            and before[0] == stem
            and made[before] == body
            and isinstance(before[2], int)
            and first <= before[2] + 1
        ):
            del made[before]
            made[stem, before[1], max(before[2], last) if isinstance(last, int) else last] = body
        else:
            made[stem, first, last] = body
    return made


def meet(one: Span, other: Span) -> bool:
    known = all(isinstance(value, int) for value in (*one[1:], *other[1:]))
    return one[0] == other[0] and (not known or (one[1] <= other[2] and other[1] <= one[2]))


def beyond(span: Span, others: dict[Span, Any]) -> str:
    """The numbers of a span that no span of the other net has."""
    if not all(isinstance(value, int) for known in (span, *others) for value in known[1:]):
        return ""
    left = [(span[1], span[2])]
    for known in others:
        if known[0] == span[0]:
            left = [
                part
                for lo, hi in left
                for part in ((lo, min(hi, known[1] - 1)), (max(lo, known[2] + 1), hi))
                if part[0] <= part[1]
            ]
    return ", ".join(span_text((span[0], lo, hi)) for lo, hi in left)


def span_text(span: Span) -> str:
    stem, first, last = span
    if first == last == 0 and not stem[-1:].isdigit() and first == 0:
        return stem
    if first == last:
        return f"{stem}{first}"
    return f"{stem}{first}, {stem}{last}" if last == first + 1 else f"{stem}{first}, ..., {stem}{show_size(last)}"
