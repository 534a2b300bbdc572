"""Diagrams: pictures of graphs.

In: a net. Out: an image file, or a `graphviz.Digraph`. The layout follows the fold: each kind of step is laid out once
and repeated along the lines of the states.

    operands     the operands of a node, in order
    style        shapes, lines, colors and labels
    digraph      a Digraph that notebooks show
    layout       nodes, edges and clusters of a Digraph
    lettering    labels as mathematics, and how wide they are
    symbols      a reader's own symbols
    scene        shapes, arrows, and steps as frames
    grid         rows, cells, ways and boxes
    tracks       the lanes of states through steps
    columns      the columns of nodes
    placement    the rows of chains of nodes
    ways         the cheapest way of one arrow
    routes       the ways of all arrows
    arrangement  the layout of a step, or of the whole picture
    repetition   each kind of step laid out once
    pen          paths
    sizes        how far nodes and texts reach
    spacing      columns, rows, and lines of long nets
    geometry     coordinates
    canvas       shapes, lines and texts; several pictures on a sheet
    svg          a sheet as SVG
    tex          labels as LaTeX
    tikz         a sheet as TikZ
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import graphviz

from symfold.base.arguments import real, whole
from symfold.base.deferred import nx
from symfold.core.attach import attach
from symfold.core.net import Net
from symfold.core.nodes import walk
from symfold.errors import Advice, InvalidValue, TooLarge
from symfold.show.diagram.canvas import Canvas, Sheet, sheet
from symfold.show.diagram.geometry import Geometry
from symfold.show.diagram.layout import Picture, new_digraph
from symfold.show.diagram.repetition import Layout
from symfold.show.diagram.scene import Scene, scene_of
from symfold.show.diagram.sizes import Turn
from symfold.show.diagram.style import legend as legend_of
from symfold.show.diagram.style import literal
from symfold.show.diagram.svg import SvgCanvas, svg_of_sheet
from symfold.show.diagram.symbols import symbols
from symfold.show.diagram.tikz import TikzCanvas, tikz_of_sheet
from symfold.show.graph import UNROLLED, count_steps, graph
from symfold.show.graph.ends import Ends
from symfold.transform.rolling import roll

BOUND = 4_000  # laid out in about 3 seconds, by dot as by Graphviz as WebAssembly; 8,000 may take minutes
MOST_NODES, MOST_BYTES = 2000, 1_000_000  # nodes of a net, bytes of a picture: above these a notebook would hang
MOST_STEPS = 20  # a net of more steps is drawn by its ends, or folded, unless a level is asked for
DIRECTIONS = ("LR", "TB", "RL", "BT")


def diagram(
    net: Any,
    level: str | None = None,
    *,
    direction: str = "LR",
    title: str = "",
    legend: bool = False,
    max_size: int | None = BOUND,
) -> graphviz.Digraph:
    """The picture of a net as a `graphviz.Digraph`; by default, each layer of a short net or one step of a long one.

    With `legend`, a text below explains the shapes and lines. `max_size` bounds the nodes and the places of edges that
    Graphviz lays out; None lifts it.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> "f₃" in diagram(net).source, "zₖ₋₁" in diagram(net, "fold").source, "skip" in diagram(net, legend=True).source
    (True, True, True)
    """
    picture = _pictures([net], level, direction, max_size)[0]
    digraph = new_digraph("net", **_layout(direction, title, [picture] if legend else []))
    picture.into(digraph)
    return digraph


def _pictures(
    nets: Sequence[Any],
    level: str | None,
    direction: str,
    max_size: int | None,
    deep: str = "fold",
) -> list[Picture]:
    if max_size is not None:
        real("max_size", max_size)
    graphs = [_graph(net, level, max_size, deep) for net in nets]
    check_size(graphs, max_size)
    return [Picture(part, direction) for part in graphs]


def _graph(net: Any, level: str | None, max_size: int | None, deep: str) -> nx.MultiDiGraph:
    if level is None:
        level = "layer"
        if (steps := count_steps(net)) > MOST_STEPS:  # like steps give one picture, rolled or not
            net, level = roll(net, search=False) if steps < float("inf") else net, deep
            if deep == Ends.level:
                return Ends(net).record()
    if level in UNROLLED and max_size is not None and max_size < (steps := count_steps(net)) < float("inf"):
        raise too_large(f"the picture would show {steps:,} steps", None, max_size)  # before building the graph
    return graph(net, "block" if level == "fold" else level)


def _layout(direction: str, title: str, pictures: Sequence[Picture]) -> dict[str, str]:
    if direction not in DIRECTIONS:
        raise InvalidValue(f"unknown direction: {direction!r} (must be one of {', '.join(map(repr, DIRECTIONS))})")
    nodes, edges = (set().union(*(picture.kinds[k] for picture in pictures)) for k in (0, 1))
    label = literal("\n".join(filter(None, (title, legend_of(nodes, edges)))))
    return {"rankdir": direction, **({"label": label, "labelloc": "t" if title else "b"} if label else {})}


# ---------------------------------------------------------------- the size of a picture, counted before layout


@dataclass(frozen=True)
class PictureSize:
    """Nodes, edges, and the places of edges: one per rank that an edge crosses, where dot inserts a node too."""

    nodes: int
    edges: int
    places: int

    @property
    def total(self) -> int:
        return self.nodes + self.places


def picture_size(graph: nx.MultiDiGraph) -> PictureSize:
    """The size of a graph's picture, its nodes ranked by their distance from the inputs.

    >>> edges = [("x", "f", {"kind": "data"}), ("f", "z", {"kind": "data"}), ("x", "z", {"kind": "skip"})]
    >>> picture_size(nx.MultiDiGraph(edges))
    PictureSize(nodes=3, edges=3, places=4)
    """
    forward = nx.DiGraph()
    forward.add_nodes_from(graph)
    forward.add_edges_from((a, b) for a, b, kind in graph.edges(data="kind") if a != b and kind != "loop")
    rank: dict[str, int] = {}
    for name in nx.topological_sort(forward):
        rank[name] = max((rank[before] + 1 for before in forward.predecessors(name)), default=0)
    for name in graph:  # a source goes right before its first reader
        if not forward.in_degree(name) and forward.out_degree(name):
            rank[name] = min(rank[after] for after in forward.successors(name)) - 1
    return PictureSize(len(graph), graph.number_of_edges(), sum(max(1, rank[b] - rank[a]) for a, b in graph.edges()))


def check_size(graphs: Sequence[nx.MultiDiGraph], max_size: int | None) -> None:
    """Raise an error if pictures together are over the bound, before Graphviz sees any of them."""
    if max_size is None:
        return
    sizes = [picture_size(graph) for graph in graphs]
    if (total := sum(size.total for size in sizes)) > max_size:
        nodes, edges = sum(size.nodes for size in sizes), sum(size.edges for size in sizes)
        raise too_large(
            f"the picture would have {nodes:,} nodes and {edges:,} edges, of size {total:,} for Graphviz",
            total,
            max_size,
        )


def too_large(what: str, size: int | None, bound: int) -> TooLarge:
    """The error for a picture over the bound, with its size if that was counted."""
    return TooLarge(
        f"{what}, over the bound of {bound:,}",
        Advice("level", "fold", "take level='fold'"),
        Advice("depth", 10, "a lower depth"),
        Advice("max_size", size, "lift the bound with max_size=None"),
    )


# ---------------------------------------------------------------- SVG and TikZ


def to_svg(net: Any, level: str | None = None, *, title: str = "", **options: Unpack[SheetOptions]) -> str:
    """The picture of a net as SVG, with the options of `sheet_of`; the same net gives the same bytes.

    >>> import symfold as sf
    >>> to_svg(sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))).count('class="node layer"')
    3
    """
    return svg_of_sheet(sheet_of(SvgCanvas, [(title, net)], level, **options))


def svg_of_several(
    nets: Mapping[str, Any] | Sequence[tuple[str, Any]], level: str | None = None, **options: Unpack[SheetOptions]
) -> str:
    """Several nets in one SVG picture, each below its title: equal steps stand below each other.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> nets = {"residual": sf.fold(sf.mappers.residual, f, x), "boosting": sf.fold(sf.mappers.boosting(x), f, x)}
    >>> ">boosting</text>" in svg_of_several(nets)
    True
    """
    pairs = list(nets.items()) if isinstance(nets, Mapping) else list(nets)
    return svg_of_sheet(sheet_of(SvgCanvas, pairs, level, **options))


def to_tikz(
    pairs: Sequence[tuple[str, Any]],
    level: str | None = None,
    *,
    color: Callable[[str], str] = str,
    width: float | None = None,
    **options: Unpack[SheetOptions],
) -> str:
    r"""Nets with their titles as a LaTeX document with a picture in TikZ; `color` makes a color another one.

    >>> import symfold as sf
    >>> to_tikz([("", sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")))]).count(r"\path[layer node]")
    3
    """
    taken: set[str] = set()
    drawn = sheet_of(lambda geometry: TikzCanvas(geometry, taken), pairs, level, **options)
    return tikz_of_sheet(drawn, color, width)


def svg_of_graph(graph: nx.MultiDiGraph) -> str:
    """A graph that `net.graph` made as an SVG picture.

    >>> import symfold as sf
    >>> "<svg" in svg_of_graph(sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")).graph())
    True
    """
    return svg_of_sheet(sheet([("", SvgCanvas(_geometry(scene_of(Picture(graph)), "LR")))]))


class SheetOptions(TypedDict, total=False):
    """The options of `sheet_of`."""

    direction: str
    legend: bool
    columns: int
    max_size: int | None
    names: Mapping[str, str] | None


def sheet_of(
    canvas_of: Callable[[Geometry], Canvas],
    pairs: Sequence[tuple[str, Any]],
    level: str | None = None,
    *,
    direction: str = "LR",
    legend: bool = False,
    columns: int = 1,
    max_size: int | None = BOUND,
    names: Mapping[str, str] | None = None,
) -> Sheet:
    """Nets with their titles laid out on a sheet, in a language of pictures and in a reader's symbols."""
    nets = [net for _, net in pairs]
    pictures = _pictures(nets, level, direction, max_size, Ends.level)
    _layout(direction, "", [])
    renamings = symbols(nets, names)
    scenes = [scene_of(picture, renaming) for picture, renaming in zip(pictures, renamings, strict=True)]
    for net, renaming in zip(nets, renamings, strict=True):
        renaming.check(net)
    canvases = [canvas_of(_geometry(scene, direction)) for scene in scenes]
    titled = [(title, canvas) for (title, _), canvas in zip(pairs, canvases, strict=True)]
    nodes, edges = (set().union(*(picture.kinds[k] for picture in pictures)) for k in (0, 1))
    return sheet(titled, legend_of(nodes, edges) if legend else "", whole("columns", columns, 1))


def _geometry(scene: Scene, direction: str) -> Geometry:
    return Geometry(scene, Layout(scene).grid(), Turn(direction))


def display_svg(net: Any) -> str | None:
    """The picture for a notebook, or None if there is none; never an error."""
    try:
        nodes = len(walk(net.outputs)) + sum(len(walk(block.results)) for block in net.blocks)
        if nodes > MOST_NODES:
            return None
        picture = to_svg(net)
        return picture if len(picture) <= MOST_BYTES else None
    except Exception:  # a display must never raise
        return None


attach(Net, diagram=diagram)
