"""The class of the graphs of nets; it is imported with the first of them, since it needs NetworkX."""

from __future__ import annotations

import networkx as nx

from symfold.show.display import display_graph
from symfold.show.hypertext import shown_safely


class Graph(nx.MultiDiGraph):
    """A net's graph: NetworkX's, that notebooks show as a picture."""

    def __repr__(self) -> str:
        return str(self)

    _repr_html_ = shown_safely(display_graph)
