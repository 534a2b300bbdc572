"""The two diagrams, laid out as one so that the same nodes have the same places, and drawn separately."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape

from symfold.analysis.equality.overlay import merge
from symfold.apps.report.comparison import Comparison
from symfold.base.deferred import nx
from symfold.core.net import Net
from symfold.show.diagram.canvas import MARGIN
from symfold.show.diagram.geometry import Geometry
from symfold.show.diagram.layout import Picture
from symfold.show.diagram.lettering import FAMILY
from symfold.show.diagram.repetition import Layout
from symfold.show.diagram.scene import TEXT, Arrow, Shape, scene_of, shape_of
from symfold.show.diagram.sizes import Turn
from symfold.show.diagram.svg import SvgCanvas, number

DIRECTION = "TB"
MOST_NODES = 60  # of both nets at the level of layers; larger ones are drawn folded
SCALE = 0.9  # pixels per unit of a drawing: its letters are small but legible, and a wide drawing scrolls
SIDES = {"both": "both", "first": "only-a", "second": "only-b"}  # CSS classes of nodes and edges by owner


class Sided(SvgCanvas):
    """What one net has of a picture of both: what the other lacks has a class of its own."""

    def __init__(self, geometry: Geometry, picture: Picture, side: str):
        super().__init__(geometry)
        self.graph, self.side = picture.graph, side
        self.nodes = {state: name for name, state in picture.states.items()}

    def has(self, owner: str) -> bool:
        return owner in ("both", self.side)

    def owner(self, name: str) -> str:
        """The net that has a shape: a node, the state after it, or a copy of it in a step."""
        name = self.nodes.get(name, name)
        return str(self.graph.nodes[name if name in self.graph else name.rpartition(" ")[0]]["side"])

    def arrow_owner(self, arrow: Arrow) -> str:
        source = self.nodes.get(arrow.source, arrow.source)
        source = source if source in self.graph else source.rpartition(" ")[0]
        edges = (self.graph.get_edge_data(source, arrow.end) or {}).values()  # none from a join to its state
        alike = [edge for edge in edges if (edge["kind"], int(edge["port"])) == (arrow.kind, arrow.port)]
        return str(alike[0]["side"]) if alike else self.owner(arrow.end)

    def _arrows(self) -> list[str]:
        arrows = self.geometry.scene.arrows
        numbers = sorted(self.geometry.paths, key=lambda k: (arrows[k].kind == "skip", k))
        return [self._arrow(k) for k in numbers if self.has(self.arrow_owner(arrows[k]))]

    def _arrow(self, k: int) -> str:
        return marked(super()._arrow(k), self.arrow_owner(self.geometry.scene.arrows[k]))

    def _node(self, name: str, shape: Shape) -> str:
        owner = self.owner(name)
        label = self.graph.nodes[name].get("second_label") if name in self.graph and self.side == "second" else None
        if label is not None:
            shape = replace(shape, text=shape_of(shape.kind, str(label)).text)
        return marked(super()._node(name, shape), owner) if self.has(owner) else ""


def marked(group: str, owner: str) -> str:
    """An SVG group with the class of its owner."""
    return group.replace('">', f' {SIDES[owner]}">', 1)


def drawn_graph(comparison: Comparison) -> nx.MultiDiGraph:
    """Both nets as one graph: layer by layer, or of large nets one step of each fold."""
    graph = merge(*comparison.nets)
    if graph.graph["level"] == "fold" or (len(graph) > MOST_NODES and all(net.bindings for net in comparison.rolled)):
        return merge(*comparison.rolled, level="block")
    return graph


def flows_one_way(graph: nx.MultiDiGraph) -> bool:
    """Whether one layout can show both nets: the order of nodes in one may contradict that in the other."""
    forward = nx.DiGraph((a, b) for a, b, kind in graph.edges(data="kind") if kind != "loop")
    return bool(nx.is_directed_acyclic_graph(forward))


def part(both: nx.MultiDiGraph, net: Net, side: str) -> nx.MultiDiGraph:
    """The graph of one net, with the owners that nodes and edges have in the graph of both."""
    own = net.graph(both.graph["level"])
    for name, data in own.nodes(data=True):
        data["side"] = both.nodes[name]["side"]
    shared: dict[tuple[str, str], int] = {}
    for source, end, owner in both.edges(data="side"):
        shared[source, end] = shared.get((source, end), 0) + (owner == "both")
    for source, end, data in own.edges(data=True):
        data["side"] = "both" if shared[source, end] > 0 else side
        shared[source, end] -= 1
    return own


def diagrams(comparison: Comparison) -> tuple[str, str]:
    """Two drawings, by one layout if one fits both; parts of one net alone are marked in its drawing."""
    graph = drawn_graph(comparison)
    told = _told({name: _reads(graph, side) for name, side in zip(comparison.spoken, ("first", "second"), strict=True)})
    shared = laid_out_together(graph)
    nets = comparison.nets if graph.graph["level"] == "layer" else comparison.rolled
    drawings = []
    for side, owner, name, net in zip("ab", ("first", "second"), comparison.titles, nets, strict=True):
        picture, geometry = shared or laid_out(part(graph, net, owner))
        left, top, right, bottom = SvgCanvas(geometry).bounds
        sizes = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
        box = " ".join(map(number, (left - MARGIN, top - MARGIN, *sizes)))
        width, height = (number(SCALE * size) for size in sizes)
        title = f"Diagram of {name}: an arrow leads from each value to what reads it. {told}"
        parts = "\n".join(filter(None, Sided(geometry, picture, owner).parts()))
        drawings.append(
            f'<svg class="diagram side-{side}" role="img" viewBox="{box}" width="{width}" height="{height}" '
            f'font-family="{FAMILY}" font-size="{TEXT:g}">'
            f"<title>{escape(title)}</title>{re.sub('<title>.*?</title>', '', parts)}</svg>"
        )
    return drawings[0], drawings[1]


def laid_out_together(both: nx.MultiDiGraph) -> tuple[Picture, Geometry] | None:
    """One layout for both nets, if there is one: what one net computes late the other may compute early."""
    if not flows_one_way(both):
        return None
    picture = Picture(both, direction=DIRECTION)
    layout = Layout(scene_of(picture))
    grid = layout.grid()
    return None if layout.backward else (picture, Geometry(layout.scene, grid, Turn(DIRECTION)))


def laid_out(graph: nx.MultiDiGraph) -> tuple[Picture, Geometry]:
    """A graph as a picture, and where everything stands in it."""
    picture = Picture(graph, direction=DIRECTION)
    scene = scene_of(picture)
    return picture, Geometry(scene, Layout(scene).grid(), Turn(DIRECTION))


def _reads(graph: nx.MultiDiGraph, side: str) -> list[str]:
    """The edges and joins of one net alone, in words."""
    label = "label" if side == "first" else "second_label"
    joins = [f"{name} is joined by {data[label]}" for name, data in graph.nodes(data=True) if "second_label" in data]
    return [f"{target} reads {source}" for source, target, owner in graph.edges(data="side") if owner == side] + joins


def _told(reads: Mapping[str, Sequence[str]]) -> str:
    parts = [f"in {name} {', '.join(said)}" for name, said in reads.items() if said]
    return f"What differs: {'; '.join(parts)}." if parts else "No arrow is in one net alone."
