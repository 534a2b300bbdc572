"""TikZ: a document of its own for LaTeX, with the states on a line and the rest below it."""

from __future__ import annotations

import re
from typing import Any

import networkx as nx

from symfold.export.registry import Row
from symfold.graph import graph
from symfold.graph.names import safe_names, visible

HEAD = r"""\documentclass[tikz,border=4pt]{standalone}
\usepackage[T1]{fontenc}
\usetikzlibrary{arrows.meta,shapes.geometric}
\begin{document}
\begin{tikzpicture}[
  x=12mm, y=11mm, >={Stealth}, every node/.style={draw, align=center, font=\small, inner sep=2.5pt},
  input/.style={regular polygon, regular polygon sides=6, fill=teal!15, inner sep=1pt}, output/.style={input, fill=white},
  layer/.style={rectangle, fill=blue!12, minimum size=6mm}, join/.style={circle, fill=orange!20, inner sep=1.5pt},
  primitive/.style={rectangle, rounded corners=2pt, fill=gray!8}, parameter/.style={cylinder, shape border rotate=90, fill=magenta!10},
  state/.style={ellipse}, constant/.style={draw=none}, fold/.style={rectangle, double}, step/.style={rectangle, fill=gray!12},
  every edge/.style={draw, ->}, data/.style={}, init/.style={}, skip/.style={very thick, orange!85!black},
  capture/.style={dashed, teal}, item/.style={dotted, thick}, parameter edge/.style={densely dotted}, loop back/.style={thick}]
"""
TAIL = "\\end{tikzpicture}\n\\end{document}\n"
STYLES = {"state": "data", "output": "data", "parameter": "parameter edge", "loop": "loop back"}


def write(net: Any, level: str) -> str:
    found = graph(net, level)
    ids, places = safe_names(found), layout(found)
    lines = [
        rf"  \node[{found.nodes[name]['kind']}] ({ids[name]}) at ({x},{y}) {{{tex(found.nodes[name]['label'])}}};" for name, (x, y) in places.items()
    ]
    for source, end, data in found.edges(data=True):
        kind = STYLES.get(data["kind"], data["kind"])
        label = f" node[draw=none, above] {{{tex(data['label'])}}}" if "label" in data else ""
        lines.append(rf"  \path ({ids[source]}) edge[{kind}{bend(found, places, source, end, data['port'])}]{label} ({ids[end]});")
    return HEAD + "\n".join(lines) + "\n" + TAIL


def layout(found: nx.MultiDiGraph) -> dict[str, tuple[int, int]]:
    """A column for each distance from the inputs; row 0 for what carries the state, the others below it."""
    forward = nx.MultiDiGraph()
    forward.add_nodes_from(found)
    forward.add_edges_from((a, b) for a, b, data in found.edges(data=True) if a != b and data["kind"] != "loop")
    column: dict[str, int] = {}
    for name in nx.topological_sort(forward):
        column[name] = max((column[before] + 1 for before in forward.predecessors(name)), default=0)
    for name in found:  # what nothing leads to stands right before its first reader
        if not forward.in_degree(name) and forward.out_degree(name):
            column[name] = max(0, min(column[after] for after in forward.successors(name)) - 1)
    above: dict[int, int] = {}
    below: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for name in found:
        x = column[name]
        if carries_state(found, name):
            places[name] = (x, above.get(x, 0))
            above[x] = above.get(x, 0) + 1
        else:
            below[x] = below.get(x, 0) + 1
            places[name] = (x, -below[x])
    return places


def carries_state(found: nx.MultiDiGraph, name: str) -> bool:
    data = found.nodes[name]
    begins = any(kind in ("state", "skip", "init") for _, _, kind in found.out_edges(name, data="kind"))
    return "state" in data or data["kind"] in ("state", "output") or begins


def bend(found: nx.MultiDiGraph, places: dict[str, tuple[int, int]], source: str, end: str, port: int) -> str:
    """How an edge leaves the straight line, so that it passes by nodes in its row and its own parallels."""
    if source == end:
        return ", loop above"
    (x1, y1), (x2, y2) = places[source], places[end]
    angle = 10 * port if found.number_of_edges(source, end) > 1 else 0
    passed = any(min(x1, x2) < x < max(x1, x2) and y == y1 for x, y in places.values()) if y1 == y2 and abs(x1 - x2) > 1 else False
    angle += 30 if passed or x2 < x1 else 0
    return f", bend left={angle}" if angle else ""


def tex(text: Any) -> str:
    """A label as LaTeX: names with indices as mathematics, the rest with TeX's own characters escaped.

    >>> tex("f12"), tex("z_{k-1}"), tex("50% & more")
    ('$f_{12}$', '$z_{k-1}$', '50\\\\% \\\\& more')
    """
    label = visible(str(text))
    if label in SIGNS:
        return SIGNS[label]
    parts = re.split(r"((?<![A-Za-z0-9_\\])[A-Za-z](?:\d+|_\{[A-Za-z0-9,+\-]+\})(?![A-Za-z0-9_]))", label)
    return "".join(_indexed(part) if k % 2 else "".join(CODES.get(c, c) for c in part) for k, part in enumerate(parts))


def _indexed(part: str) -> str:
    return f"${part[0]}_{{{part[1:].strip('_{}')}}}$"


SIGNS = {"+": "$+$", "*": r"$\times$"}
CODES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_", "\n": r"\\ ", "\t": " ",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", '"': r"\textquotedbl{}", "…": r"\dots{}",
}  # fmt: skip

ROW = Row("tikz", write, ".tex", "a LaTeX document with a TikZ picture")
