"""The stops of the depth slider: the same part of the page at each of them, one shown."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from symfold.apps.report.cells import said
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.markup import element, words


def framed(comparison: Comparison, make: Callable[[Comparison], str], deep: bool = False) -> str:
    """A part of the page at every stop, all but one hidden; just once if the depth cannot change.

    Nets too deep for pictures have a last stop of their own. There `deep` parts show these nets, others the depth that
    pictures have.
    """
    if not comparison.frames:
        return make(comparison)
    own = comparison.last_stop
    parts = []
    for depth, frame in comparison.frames.items():
        stops = [depth, own] if own is not None and not deep and depth == comparison.shown else [depth]
        note = words(f"Shown at n = {depth}:", class_="quiet") if len(stops) > 1 else ""
        parts.append(_part(note + make(frame), stops, _start(comparison)))
    if own is not None and deep:
        parts.append(_part(make(comparison), [own], _start(comparison)))
    return "".join(parts)


def _part(content: str, stops: list[int], start: int) -> str:
    hidden = {} if start in stops else {"hidden": "hidden"}
    return element("div", content, data_depth=" ".join(map(str, stops)), **hidden)


def _start(comparison: Comparison) -> int:
    return comparison.shown if comparison.last_stop is None else comparison.last_stop


def depth_slider(comparison: Comparison) -> str:
    """The slider, and which nets the pictures show if those compared are too deep."""
    if not comparison.frames:
        return ""
    own, start = comparison.last_stop, _start(comparison)
    label, note, last = f"n = {start}", "", ""
    if own is not None:
        depth = str(comparison.symbol) if comparison.symbol is not None else said(int(comparison.steps))
        label = f"any depth {depth}" if comparison.symbol is not None else f"n = {depth}"
        last = f' data-last="{escape(label)}"'
        note = words(
            f"The nets compared have {depth} steps; the pictures below show nets of {comparison.shown}, and the "
            f"slider other depths up to {len(comparison.frames)}.",
            class_="quiet",
        )
    return note + (
        '<div class="controls" data-needs-script hidden><div class="slider"><label for="depth">Depth (steps)</label>'
        f'<input type="range" id="depth" min="1" max="{own or len(comparison.frames)}" step="1" value="{start}"'
        f'{last} aria-valuetext="{escape(label)}"><output for="depth">{escape(label)}</output></div></div>'
    )
