"""The size of a picture for Graphviz, counted before layout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx

from symfold.errors import Advice, TooLarge

BOUND = 4_000  # laid out in about 3 seconds, by dot as by Graphviz as WebAssembly; 8,000 may take minutes


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


def check_size(graphs: Iterable[nx.MultiDiGraph], max_size: int | None) -> None:
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
