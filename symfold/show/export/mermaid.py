"""Mermaid: flowcharts inside Markdown, a subgraph per step."""

from __future__ import annotations

from typing import Any

from symfold.base.deferred import nx
from symfold.show.export.registry import Row
from symfold.show.graph import graph
from symfold.show.graph.names import safe_names, step_title, visible

SHAPES = {
    "input": "{{}}", "output": "{{}}", "layer": "[]", "join": "(())", "state": "([])", "parameter": "[()]",
    "constant": ">]", "primitive": "()", "fold": "[[]]", "step": "[[]]",
}  # fmt: skip
ARROWS = {"skip": "==>", "capture": "-.->", "item": "-.->", "parameter": "-.->", "loop": "==>"}
_KEYWORDS = (
    "end", "graph", "subgraph", "flowchart", "default", "style", "class", "click", "call", "href", "direction",
    "linkStyle",
)  # fmt: skip


def write(net: Any, level: str) -> str:
    net_graph = graph(net, level)
    ids = safe_names(net_graph, avoid=_KEYWORDS)
    lines = ["flowchart LR"]
    group = ""
    for name in in_groups(net_graph):
        data = net_graph.nodes[name]
        here = data.get("group", "").split("/")[0]
        if here != group:
            lines += ["  end"] if group else []
            lines += [f'  subgraph step_{here}["{escape(step_title(net_graph, here))}"]'] if here else []
            group = here
        shape = SHAPES[data["kind"]]
        half = len(shape) // 2
        lines.append(f'  {"  " * bool(group)}{ids[name]}{shape[:half]}"{escape(data["label"])}"{shape[half:]}')
    lines += ["  end"] if group else []
    for source, end, data in net_graph.edges(data=True):
        label = f'|"{escape(data["label"])}"|' if "label" in data else ""
        lines.append(f"  {ids[source]} {ARROWS.get(data['kind'], '-->')}{label} {ids[end]}")
    return "\n".join(lines) + "\n"


def in_groups(net_graph: nx.MultiDiGraph) -> list[str]:
    """The nodes in order, those of one step together."""
    groups: dict[str, list[str]] = {}
    alone = 0
    for name, data in net_graph.nodes(data=True):
        key = data.get("group", "").split("/")[0]
        alone += not key
        groups.setdefault(key or f" {alone}", []).append(name)
    return [name for names in groups.values() for name in names]


def escape(text: Any) -> str:
    """A label escaped for Mermaid's quotes.

    >>> escape('a"<b>')
    'a#quot;#lt;b#gt;'
    """
    codes = {
        "#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "\\": "#92;", "`": "#96;",
        "\n": "<br/>", "\t": " ",
    }  # fmt: skip
    return "".join(codes.get(c, c) for c in visible(str(text)))


ROW = Row("mermaid", write, ".mmd", "a flowchart for Markdown")
