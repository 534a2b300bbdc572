"""The DOT language: the picture's own source, for Graphviz."""

from __future__ import annotations

from typing import Any

from symfold.show.diagram import diagram
from symfold.show.export.registry import Row


def write(net: Any, level: str) -> str:
    return str(diagram(net, level, max_size=None).source)


ROW = Row("dot", write, ".dot", "Graphviz, in the look of net.diagram()")
