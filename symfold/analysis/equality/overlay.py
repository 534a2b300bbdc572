"""Overlay: two nets as one graph, nodes shared by name, each edge marked as in both, the first or the second."""

from __future__ import annotations

from typing import Any

from symfold.analysis.equality.comparable import free_depths
from symfold.base.deferred import nx
from symfold.core.net import Net
from symfold.show.graph import count_steps, graph
from symfold.show.graph.record import empty_graph

MOST_DRAWN = 200  # steps of a net drawn at the level of layers; longer ones are drawn at that of folds


def merge(a: Net, b: Net, level: str | None = None) -> nx.MultiDiGraph:
    """Two nets in one graph: nodes by name, edges matched by their ends; without a level, layers of short nets."""
    if level is None:
        short = not (free_depths(a) or free_depths(b)) and max(count_steps(a), count_steps(b)) <= MOST_DRAWN
        level = "layer" if short else "fold"
    merged = empty_graph(level)
    sides: dict[tuple[str, str], list[list[dict[str, Any]]]] = {}
    for side, net in enumerate((a, b)):
        net_graph = graph(net, level)
        for name, data in net_graph.nodes(data=True):
            if name in merged:
                node = merged.nodes[name]
                changed = node["op"] != data["op"] or node["label"] != data["label"]
                node.update(side="both", moved=changed, **({"second_label": data["label"]} if changed else {}))
            else:
                merged.add_node(name, **data, side=("first", "second")[side], moved=True)
        for source, target, data in net_graph.edges(data=True):
            sides.setdefault((source, target), [[], []])[side].append(data)
    for (source, target), (first, second) in sides.items():
        for place in range(max(len(first), len(second))):
            where = "both" if place < min(len(first), len(second)) else "first" if place < len(first) else "second"
            data = first[place] if place < len(first) else second[place]
            merged.add_edge(source, target, key=place, **data, side=where, moved=where != "both")
    return merged
