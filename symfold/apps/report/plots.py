"""Plots as inline SVG: bars, lines with bands, a heat map. Colors are CSS variables of the page.

Every plot has a title, which is its text alternative, and the page shows its numbers in a table beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 440, 270
MOST_TICKS = 5  # approximate number of steps between the ticks of an axis
MOST_LABELS = 12  # of an axis of whole numbers
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 14, 44  # room for labels beside the axes


@dataclass(frozen=True)
class Line:
    """One curve: its points, an optional band, and its mark (1 to 4: color, dash and marker)."""

    name: str
    points: tuple[tuple[float, float], ...]
    band: tuple[tuple[float, float], ...] = ()
    mark: int = 1
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scale:
    """The map from values to places along an axis."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (
            (math.log10(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        return self.start + (self.end - self.start) * (at - low) / ((high - low) or 1)

    def ticks(self) -> list[float]:
        """Round values along the axis.

        >>> Scale(0, 1, 0, 100).ticks(), Scale(-0.0095, 1, 0, 100).ticks(), Scale(0.01, 10, 0, 100, log=True).ticks()
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 0.25, 0.5, 0.75, 1.0], [0.01, 0.1, 1.0, 10.0])
        """
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [float(f"1e{k}") for k in range(first, last + 1, max(1, -(-(last - first) // 6)))]
        width = self.high - self.low
        rough = width / MOST_TICKS
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(k * unit for k in (1, 2, 2.5, 5, 10) if k * unit >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(k * step, 12) + 0.0 for k in range(first, last + 1)]


def number(value: float) -> str:
    """A coordinate in a drawing, short.

    >>> number(1.0), number(0.333333), number(-0.001)
    ('1', '0.33', '0')
    """
    shown = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def short(value: float) -> str:
    """A number in a square, with two digits if it is small.

    >>> short(0.123), short(-3012.0), short(1.5e9)
    ('0.12', '-3,012', '1.5e+09')
    """
    return f"{value:,.0f}" if 100 <= abs(value) < 1e6 else f"{value:.2g}"


def tick_labels(values: Sequence[float], log: bool = False) -> list[str]:
    """Labels of one axis, all numbers or all powers of ten.

    >>> tick_labels([0, 0.5]), tick_labels([1, 100], log=True), tick_labels([1, 1e5], log=True)[0]
    (['0', '0.5'], ['1', '100'], "10<tspan dy='-5' font-size='9'>0</tspan>")
    """
    if log and not all(1e-2 <= value < 1e4 for value in values):
        return [f"10<tspan dy='-5' font-size='9'>{round(math.log10(value))}</tspan>" for value in values]
    return [f"{value:g}" for value in values]


def thinned(count: int) -> range:
    """The numbers from 0 up to `count`, without it: all of them if they are few, else in round steps, at most 12.

    >>> list(thinned(5)), list(thinned(64))
    ([0, 1, 2, 3, 4], [0, 10, 20, 30, 40, 50, 60])
    """
    rough = -(-count // MOST_LABELS)
    unit = 10 ** (len(str(rough)) - 1)
    return range(0, count, next(k * unit for k in (1, 2, 5, 10) if k * unit >= rough))


def svg(title: str, body: str, width: float = WIDTH, height: float = HEIGHT, extra: str = "") -> str:
    """A drawing with its text alternative."""
    return (
        f'<svg class="plot" role="img" viewBox="0 0 {number(width)} '
        f'{number(height)}"{extra}><title>{escape(title)}</title>{body}</svg>'
    )


def axes(x: Scale, y: Scale, x_label: str, y_label: str, x_ticks: Sequence[float] | None = None) -> str:
    """Grid, ticks and axis labels."""
    parts = []
    for value, label in zip(y.ticks(), tick_labels(y.ticks(), y.log), strict=True):
        place = number(y(value))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place}" y2="{place}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{number(y(value) + 4)}" text-anchor="end">{label}</text>')
    along = x.ticks() if x_ticks is None else x_ticks
    for value, label in zip(along, tick_labels(along, x.log), strict=True):
        place = number(x(value))
        parts.append(
            f'<line class="grid" x1="{place}" x2="{place}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 4}"/>'
        )
        parts.append(f'<text class="tick" x="{place}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{label}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>')
    parts.append(
        f'<text class="label" x="{(LEFT + WIDTH - RIGHT) // 2}" y="{HEIGHT - 8}" '
        f'text-anchor="middle">{escape(x_label)}</text>'
    )
    middle = (TOP + HEIGHT - BOTTOM) // 2
    parts.append(
        f'<text class="label" x="13" y="{middle}" text-anchor="middle" transform="rotate(-90 13 '
        f'{middle})">{escape(y_label)}</text>'
    )
    return "".join(parts)


def bars(title: str, shares: Sequence[Sequence[float]], x_label: str, y_label: str, data: object = None) -> str:
    """Bars of several nets side by side, heights from 0 to 1; `data` is stored for the script that moves them."""
    count = max(map(len, shares))
    x, y = Scale(-0.5, count - 0.5, LEFT, WIDTH - RIGHT), Scale(0, 1, HEIGHT - BOTTOM, TOP)
    width = (x(1) - x(0)) * 0.8 / len(shares)
    parts = [axes(x, y, x_label, y_label, thinned(count))]
    for net, heights in enumerate(shares):
        for k, share in enumerate(heights):
            place = x(k) + (net - len(shares) / 2) * width
            parts.append(
                f'<rect class="bar s{net + 1}" data-net="{net}" data-k="{k}" x="{number(place)}" '
                f'width="{number(width - 1)}" '
                f'y="{number(y(share))}" height="{number(y(0) - y(share))}"/>'
            )
    stored = (
        ""
        if data is None
        else f' data-bars="{escape(json.dumps(data, separators=(",", ":")))}" data-top="{TOP}" '
        f'data-base="{HEIGHT - BOTTOM}"'
    )
    return svg(title, "".join(parts), extra=stored)


def lines(
    title: str,
    curves: Sequence[Line],
    x_label: str,
    y_label: str,
    log: tuple[bool, bool] = (False, False),
    x_ticks: Sequence[float] | None = None,
) -> str:
    """Curves with bands and markers, without values that a logarithmic axis cannot show.

    With ticks of x, that axis is as long as the curves.
    """
    usable = [
        (line, [(a, b) for a, b in line.points if (a > 0 or not log[0]) and (b > 0 or not log[1])]) for line in curves
    ]
    xs = [a for _, points in usable for a, _ in points]
    ys = [b for _, points in usable for _, b in points] + [
        v for line in curves for pair in line.band for v in pair if v > 0
    ]
    x = (
        _scale(xs, log[0], LEFT, WIDTH - RIGHT)
        if not x_ticks
        else Scale(min(xs) - 0.2, max(xs) + 0.2, LEFT, WIDTH - RIGHT)
    )
    y = _scale(ys, log[1], HEIGHT - BOTTOM, TOP)
    parts = [axes(x, y, x_label, y_label, x_ticks)]
    for line, points in usable:
        parts += _curve(line, points, x, y)
    return svg(title, "".join(parts))


def _curve(line: Line, points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> Iterator[str]:
    if line.band:
        sides = [
            [
                (x(a), y(max(pair[side], y.low)))
                for (a, _), pair in zip(line.points, line.band, strict=True)
                if pair[1] > 0
            ]
            for side in (0, 1)
        ]
        path = " ".join(f"{number(a)},{number(b)}" for a, b in sides[0] + sides[1][::-1])
        yield f'<polygon class="band s{line.mark}" points="{path}"/>'
    places = [(x(a), y(b)) for a, b in points]
    if len(places) > 1:
        path = " ".join(f"{number(a)},{number(b)}" for a, b in places)
        yield f'<polyline class="curve s{line.mark}" points="{path}"/>'
    for a, b in places:
        yield marker(line.mark, a, b)
    for (a, b), label in zip(places, line.labels, strict=False):
        beside = (a + 7, b + 4, "start") if a < 2 * LEFT else (a - 7, b - 6, "end")  # clear of the axis
        yield (
            f'<text class="tick" x="{number(beside[0])}" y="{number(beside[1])}" '
            f'text-anchor="{beside[2]}">{escape(label)}</text>'
        )


def marker(mark: int, a: float, b: float) -> str:
    """The marker of a curve: circle, square, triangle, diamond."""
    if mark == 1:
        return f'<circle class="dot s1" cx="{number(a)}" cy="{number(b)}" r="3.5"/>'
    corners = {
        2: [(-3, -3), (3, -3), (3, 3), (-3, 3)],
        3: [(0, -4), (4, 3), (-4, 3)],
        4: [(0, -4), (4, 0), (0, 4), (-4, 0)],
    }[mark]
    path = " ".join(f"{number(a + da)},{number(b + db)}" for da, db in corners)
    return f'<polygon class="dot s{mark}" points="{path}"/>'


def _scale(values: Sequence[float], log: bool, start: float, end: float) -> Scale:
    low, high = (min(values), max(values)) if values else (1.0, 10.0)
    if log:
        return Scale(
            10 ** math.floor(math.log10(low) + 1e-9),
            10 ** math.ceil(math.log10(high) - 1e-9 + (low == high)),
            start,
            end,
            True,
        )
    scale = Scale(min(0, low), max(high, 0) if high > low or high else 1, start, end)
    step = scale.ticks()[1] - scale.ticks()[0]
    return Scale(step * math.floor(scale.low / step + 1e-9), step * math.ceil(scale.high / step - 1e-9), start, end)


def heat(
    title: str,
    values: Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[str],
    axes: tuple[str, str],
    largest: float,
) -> str:
    """A matrix as squares, darker for larger, the darkest for `largest`; with numbers if there is room.

    `axes` are the titles of rows and columns. Zeros are written as 0, in empty squares.
    """
    size = max(26, min(128, 420 // max(1, len(columns))))  # letters are about as large as in other plots
    left, top = 34 + 7 * max(map(len, rows), default=0), 46
    width, height = left + size * len(columns) + 8, top + size * len(rows) + 8
    parts = [
        f'<text class="tick" x="{left - 6}" y="{number(top + size * (r + 0.5) + 4)}" '
        f'text-anchor="end">{escape(name)}</text>'
        for r, name in enumerate(rows)
    ]
    parts += [
        f'<text class="tick" x="{number(left + size * (c + 0.5))}" y="{top - 8}" '
        f'text-anchor="middle">{escape(name)}</text>'
        for c, name in enumerate(columns)
    ]
    down, across = (number(start + size * count / 2) for start, count in ((top, len(rows)), (left, len(columns))))
    parts.append(
        f'<text class="label" x="13" y="{down}" text-anchor="middle" transform="rotate(-90 13 {down})">'
        f"{escape(axes[0])}</text>"
        f'<text class="label" x="{across}" y="14" text-anchor="middle">{escape(axes[1])}</text>'
    )
    for r, row in enumerate(values):
        for c, value in enumerate(row):
            share = abs(value) / (largest or 1)
            square = f'x="{left + size * c}" y="{top + size * r}" width="{size - 1}" height="{size - 1}"'
            parts.append(f'<rect class="cell" {square} fill-opacity="{number(share)}"/><rect class="frame" {square}/>')
            if size >= 34:
                parts.append(
                    f'<text class="value" x="{number(left + size * (c + 0.5))}" '
                    f'y="{number(top + size * (r + 0.5) + 4)}" text-anchor="middle">{short(value)}</text>'
                )
    return svg(title, "".join(parts), width, height)
