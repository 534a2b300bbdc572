"""GraphML: XML for graph editors (yEd, Gephi, Cytoscape)."""

from __future__ import annotations

from typing import Any

from symfold.base.deferred import nx
from symfold.show.export.registry import Row
from symfold.show.graph import graph
from symfold.show.graph.names import visible


def write(net: Any, level: str) -> str:
    net_graph = graph(net, level)
    for _, data in net_graph.nodes(data=True):
        data.update({key: visible(value) for key, value in data.items() if isinstance(value, str)})
    names = {name: visible(name) for name in net_graph if visible(name) != name}
    return "\n".join(nx.generate_graphml(nx.relabel_nodes(net_graph, names) if names else net_graph)) + "\n"


ROW = Row("graphml", write, ".graphml", "XML for graph editors")
