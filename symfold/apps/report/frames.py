"""The depths of the slider: the same part of the page at each of them, one shown."""

from __future__ import annotations

from collections.abc import Callable

from symfold.apps.report.comparison import Comparison
from symfold.apps.report.markup import element


def framed(comparison: Comparison, make: Callable[[Comparison], str]) -> str:
    """A part of the page at every depth, all but one hidden; just once if the depth cannot change."""
    if not comparison.frames:
        return make(comparison)
    parts = []
    for depth, frame in comparison.frames.items():
        hidden = {} if depth == comparison.shown else {"hidden": "hidden"}
        parts.append(element("div", make(frame), data_depth=str(depth), **hidden))
    return "".join(parts)
