"""Node-link JSON, for NetworkX and D3."""

from __future__ import annotations

import json
from typing import Any

from symfold.base.deferred import nx
from symfold.show.export.registry import Row
from symfold.show.graph import graph


def write(net: Any, level: str) -> str:
    return json.dumps(nx.node_link_data(graph(net, level), edges="edges"), indent=1) + "\n"


ROW = Row("json", write, ".json", "node-link JSON, for NetworkX and D3")
