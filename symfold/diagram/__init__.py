"""Pictures of nets: as a `graphviz.Digraph`, as a file, in a notebook, several side by side."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import graphviz

from symfold.depth import roll
from symfold.diagram.layout import Picture, new_digraph
from symfold.errors import InvalidValue
from symfold.files import write_whole
from symfold.graph import count_steps, graph
from symfold.render import FORMATS, render
from symfold.walks import walk

MOST_HELD, MOST_SOURCE = 2000, 100_000  # nodes of a net, characters of DOT: above these a notebook would wait too long
MOST_STEPS = 20  # a net of more steps is drawn folded unless a level is asked for
DIRECTIONS = ("LR", "TB", "RL", "BT")


def diagram(net: Any, level: str | None = None, *, direction: str = "LR", title: str = "") -> graphviz.Digraph:
    """The picture of a net as a `graphviz.Digraph`; without a level, each layer of a short net and one step of a long one.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> "f₃" in diagram(net).source, "zₖ₋₁" in diagram(net, "fold").source
    (True, True)
    """
    digraph = new_digraph("net", **_layout(direction, title))
    _picture(net, level).into(digraph)
    return digraph


def side_by_side(nets: Mapping[str, Any], level: str | None = None, *, direction: str = "LR") -> graphviz.Digraph:
    """Several nets in one picture, each under its title.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> nets = {"residual": sf.fold(sf.mappers.residual, f, x), "boosting": sf.fold(sf.mappers.boosting(x), f, x)}
    >>> "label=boosting" in side_by_side(nets).source
    True
    """
    digraph = new_digraph("nets", **_layout(direction, ""))
    for number, (title, net) in reversed(list(enumerate(nets.items(), 1))):  # Graphviz draws the last one on top
        with digraph.subgraph(name=f"cluster net{number}") as part:
            part.attr("graph", label=graphviz.escape(title), fontsize="14", color="none", style="", margin="14", labeljust="l")
            _picture(net, level, f"net{number} ").into(part)
    return digraph


def _picture(net: Any, level: str | None, prefix: str = "") -> Picture:
    if level is None:
        level = "layer"
        if count_steps(net) > MOST_STEPS:
            net, level = roll(net), "fold"  # steps that are alike are one picture, however they are held
    return Picture(graph(net, "block" if level == "fold" else level), prefix)


def _layout(direction: str, title: str) -> dict[str, str]:
    if direction not in DIRECTIONS:
        raise InvalidValue(f"unknown direction: {direction!r} (must be one of {', '.join(map(repr, DIRECTIONS))})")
    return {"rankdir": direction, **({"label": graphviz.escape(title), "labelloc": "t"} if title else {})}


def draw(net: Any, path: str | pathlib.Path, level: str | None = None, **options: Any) -> pathlib.Path:
    """Write the picture of a net to a file; its suffix says the format."""
    where = pathlib.Path(path)
    suffix = where.suffix.lstrip(".").lower()
    if suffix not in FORMATS:
        raise InvalidValue(f"cannot draw to {str(path)!r}: unknown suffix {where.suffix!r} (must be one of {', '.join(f'.{f}' for f in FORMATS)})")
    return write_whole(where, render(diagram(net, level, **options).source, suffix))


def display_svg(net: Any) -> str | None:
    """The picture for a notebook: None, and never an error, where there is none to show."""
    try:
        held = len(walk(net.outputs)) + sum(len(walk(block.results)) for block in net.blocks)
        if held > MOST_HELD:
            return None
        source = diagram(net).source
        return render(source, "svg").decode() if len(source) <= MOST_SOURCE else None
    except Exception:  # a notebook's display must not fail, whatever it was given
        return None
