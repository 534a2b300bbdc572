"""Drawings: pictures of one net, or of several, as files."""

from __future__ import annotations

import colorsys
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict, Unpack, cast

from symfold.base.arguments import one_of, quoted, real
from symfold.base.files import path_of, write_whole
from symfold.base.public import public
from symfold.core.attach import attach
from symfold.core.conversion import refuse_module
from symfold.core.net import Net
from symfold.errors import InvalidType, InvalidValue
from symfold.show.diagram import BOUND, SheetOptions, svg_of_several, to_tikz
from symfold.show.export import EXPORTS
from symfold.show.render import FORMATS, converted, image

_COLOR = re.compile(r' (fill|stroke)="(#[0-9A-Fa-f]{6}|white)"')
LATEX = "tex"  # the suffix of a document with TikZ
WHITE, BLACK = "#FFFFFF", "#16181D"


def _hls(color: str) -> tuple[float, float, float]:
    return colorsys.rgb_to_hls(*(int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)))


def _hex(hue: float, light: float, saturation: float) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in colorsys.hls_to_rgb(hue, light, saturation))


def _dark(color: str) -> str:
    """Light becomes dark, and the hue stays."""
    hue, light, saturation = _hls(color)
    return BLACK if color == WHITE else _hex(hue, 0.13 + 0.8 * (1 - light), saturation * 0.8)


def _gray(color: str) -> str:
    """A gray of the same lightness; lines and letters are black enough for print."""
    hue, light, _ = _hls(color)
    return _hex(hue, light if light > 0.8 else light * 0.6, 0)


# A theme makes a color of a picture another one. A new theme is one row.
THEMES: dict[str, Callable[[str], str]] = {"light": lambda color: color, "dark": _dark, "gray": _gray}


class DrawingOptions(TypedDict, total=False):
    """The options of `draw`."""

    direction: str
    title: str | Sequence[str]
    legend: bool
    columns: int
    theme: str
    width: float | None
    max_size: int | None
    names: Mapping[str, str] | None


def picture(
    nets: Net | Sequence[Net] | Mapping[str, Net], level: str | None = None, **options: Unpack[DrawingOptions]
) -> str:
    """The picture of one net, or of several, as SVG; the options are those of `draw`.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> nets = {"residual": sf.fold(sf.mappers.residual, f, x), "boosting": sf.fold(sf.mappers.boosting(x), f, x)}
    >>> ">boosting</text>" in picture(nets, theme="dark", width=600)
    True
    """
    pairs, theme, width, others = _checked(nets, options)
    svg = svg_of_several(pairs, level, **others)
    svg = svg if theme == "light" else recolored(svg, THEMES[theme])
    return svg if width is None else scaled(svg, width)


def _latex(nets: object, level: str | None, options: DrawingOptions) -> str:
    """The same picture as a LaTeX document."""
    pairs, theme, width, others = _checked(nets, options)
    return to_tikz(pairs, level, color=THEMES[theme], width=width, **others)


def _checked(nets: object, options: DrawingOptions) -> tuple[list[tuple[str, Net]], str, float | None, SheetOptions]:
    """Nets with their titles, the theme, the width, and the options of a sheet."""
    theme = one_of("theme", options.get("theme", "light"), THEMES)
    width = options.get("width")
    if width is not None and not 0 < real("width", width) <= 100_000:
        raise InvalidValue(f"width={width!r} must lie between 0 and 100,000 (as 800)")
    others = {key: value for key, value in options.items() if key not in ("title", "theme", "width")}
    return titled(nets, options.get("title", "")), theme, width, cast(SheetOptions, others)


def recolored(svg: str, theme: Callable[[str], str]) -> str:
    """An SVG picture in the colors of a theme; what stands between tags is text.

    >>> recolored('<rect fill="white"/><text fill="#222222"> fill="white"</text>', THEMES["gray"])
    '<rect fill="#FFFFFF"/><text fill="#141414"> fill="white"</text>'
    """

    def changed(color: re.Match[str]) -> str:
        return f' {color[1]}="{theme(WHITE if color[2] == "white" else color[2].upper())}"'

    return re.sub("<[^<>]+>", lambda tag: _COLOR.sub(changed, tag[0]), svg)


def titled(nets: object, title: object) -> list[tuple[str, Net]]:
    """Nets with their titles: a mapping's names, or those of a list, or none."""
    if isinstance(nets, Net):
        if not isinstance(title, str):
            raise InvalidType(f"one net has one title, and not {title!r}")
        return [(title, nets)]
    if isinstance(nets, Mapping):
        pairs = [(str(name), net) for name, net in nets.items()]
    elif isinstance(nets, list | tuple):
        titles = [title if k == 0 else "" for k in range(len(nets))] if isinstance(title, str) else title
        if not isinstance(titles, list | tuple) or len(titles) != len(nets):
            raise InvalidValue(f"{len(nets)} nets have {len(nets)} titles, and not {title!r} (give a list of names)")
        pairs = [(str(name), net) for name, net in zip(titles, nets, strict=True)]
    else:
        pairs = []
    for name, value in pairs or [("", nets)]:
        if not isinstance(value, Net):
            refuse_module(value)
            called = f", called {name!r}" if name else ""
            raise InvalidType(
                f"cannot draw {quoted(value)}{called} (give a net, a list of nets, or a mapping from titles to nets)"
            )
    return pairs


def scaled(svg: str, width: float) -> str:
    """An SVG picture shown at a width, its height in proportion.

    >>> scaled('<svg width="200" height="50" viewBox="0 0 200 50">', 100)
    '<svg width="100" height="25" viewBox="0 0 200 50">'
    """
    size = re.compile(r'(<svg\b[^>]*?) width="([\d.]+)" height="([\d.]+)"')
    return size.sub(
        lambda m: f'{m[1]} width="{width:g}" height="{width * float(m[3]) / float(m[2]):.6g}"', svg, count=1
    )


@dataclass(frozen=True)
class Drawing:
    """A picture that a notebook shows and `save` writes."""

    svg: str = field(repr=False)

    def __repr__(self) -> str:
        return "Drawing(.save(path) writes it)"

    def _repr_svg_(self) -> str:
        return self.svg[self.svg.index("<svg") :]

    def save(self, path: str | pathlib.Path) -> pathlib.Path:
        """Write the picture to a file: SVG, PNG or PDF, by its suffix (for LaTeX: `sf.draw(net, "net.tex")`)."""
        where, suffix = _suffixed(path, FORMATS)
        svg = self.svg.encode()
        return write_whole(where, svg if suffix == "svg" else converted(svg, suffix))


def _suffixed(path: str | pathlib.Path, formats: Sequence[str]) -> tuple[pathlib.Path, str]:
    """A path and the format that its suffix names."""
    where = path_of(path, "sf.draw(net, path); several nets are a list: sf.draw([net, other], path)")
    suffix = where.suffix.lstrip(".").lower()
    if suffix not in formats:
        allowed = ", ".join(f".{name}" for name in formats)
        exported = where.suffix.lower() in [row.suffix for row in EXPORTS.values()]
        writer = "sf.draw" if suffix == LATEX else "sf.export.save"
        others = f"; {writer}(net, {str(path)!r}) writes it" if exported else ""
        raise InvalidValue(
            f"cannot draw to {str(path)!r}: unknown suffix {where.suffix!r} (must be one of {allowed}{others})"
        )
    return where, suffix


@public
def draw(
    nets: Net | Sequence[Net] | Mapping[str, Net],
    path: str | pathlib.Path | None = None,
    level: str | None = None,
    *,
    direction: str = "LR",
    title: str | Sequence[str] = "",
    legend: bool = False,
    columns: int = 1,
    theme: str = "light",
    width: float | None = None,
    max_size: int | None = BOUND,
    names: Mapping[str, str] | None = None,
) -> pathlib.Path | Drawing:
    """Write the picture of a net, or of several, to a file: SVG, PNG, PDF or LaTeX (TikZ), by its suffix.

    Without a path, the result is a picture that a notebook shows; its `.save(path)` writes it.

    - `nets`: a net, a list of nets, or a mapping from titles to nets.
    - `path`: ends in .svg, .png, .pdf or .tex; PNG and PDF need the extra `pictures`.
    - `level`: what a node shows, as of `net.graph`; by default layers of a short net, one step of a long one.
    - `direction`: of the flow: "LR", "TB", "RL" or "BT".
    - `title`: above the picture; for a list, one title per net.
    - `legend`: a key below the picture, with its shapes and lines.
    - `columns`: nets side by side; by default each stands below the one before.
    - `theme`: "light", "dark", or "gray" for print.
    - `width`: in pixels, 96 to the inch; by default letters have 13.
    - `max_size`: the bound on nodes and places of edges; None lifts it.
    - `names`: symbols of your own for inputs, layers, parameters, states and indices, the same as of `sf.formula`:
       `names={"z": "h"}`, or letters of LaTeX, as `r"\\mathbf{h}"`.

    Errors: TooLarge above the bound; MissingPackage without the extra; InvalidValue for an unknown option; UnknownKey
    for a name that no net has.

    >>> import symfold as sf, tempfile, pathlib
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> nets = [sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = sf.draw(nets, pathlib.Path(folder) / "both.svg", title=["residual", "boosting"], legend=True)
    ...     file.name, file.read_text().count('class="node layer"')
    ('both.svg', 6)
    >>> sf.draw(nets)
    Drawing(.save(path) writes it)
    """
    target = None if path is None else _suffixed(path, (*FORMATS, LATEX))
    options: DrawingOptions = {
        "direction": direction, "title": title, "legend": legend, "columns": columns, "theme": theme, "width": width,
        "max_size": max_size, "names": names,
    }  # fmt: skip
    if target is not None and target[1] == LATEX:
        return write_whole(target[0], _latex(nets, level, options).encode())
    drawing = picture(nets, level, **options)
    if target is None:
        return Drawing(drawing)
    (where, suffix), svg = target, drawing.encode()
    if suffix == "svg":
        return write_whole(where, svg)
    if not (isinstance(nets, Net) and theme == "light" and width is None and not names):  # Graphviz draws it otherwise
        return write_whole(where, converted(svg, suffix))
    asked = {"direction": direction, "title": title, "legend": legend, "max_size": max_size}
    return write_whole(where, image(svg, suffix, lambda: nets.diagram(level, **asked).source))


attach(Net, draw=draw)
