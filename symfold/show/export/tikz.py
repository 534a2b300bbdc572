"""TikZ: a standalone LaTeX document, with the states on a line, the rest below it, the steps in boxes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import networkx as nx

from symfold.show.diagram.lettering import Run, mathematics
from symfold.show.diagram.operands import with_operands
from symfold.show.diagram.symbols import relabeled, renamed
from symfold.show.diagram.symbols import symbols as renamings
from symfold.show.export.registry import Row
from symfold.show.graph import graph
from symfold.show.graph.names import safe_names, step_title, visible
from symfold.show.notation.letters import command

HEAD = r"""\documentclass[tikz,border=4pt]{standalone}
\usepackage[T1]{fontenc}
\usepackage{amsmath,amssymb}
\usetikzlibrary{arrows.meta,backgrounds,fit,shapes.geometric}
\begin{document}
\begin{tikzpicture}[
  x=14mm, y=12mm, >={Stealth}, every node/.style={draw, align=center, font=\small, inner sep=2.5pt},
  every label/.style={draw=none, font=\scriptsize, inner sep=1.5pt},
  group/.style={rectangle, rounded corners=4pt, fill=gray!8, draw=gray!40, inner sep=3.5mm}, title/.style={anchor=south west, text=gray},
  input node/.style={regular polygon, regular polygon sides=6, fill=teal!15, inner sep=1pt}, output node/.style={input node, fill=white},
  layer node/.style={rectangle, fill=blue!12, minimum size=6mm}, join node/.style={circle, fill=orange!20, inner sep=1.5pt},
  primitive node/.style={rectangle, rounded corners=2pt, fill=gray!8}, parameter node/.style={cylinder, shape border rotate=90, aspect=0.2, fill=magenta!10},
  state node/.style={ellipse}, constant node/.style={draw=none}, fold node/.style={rectangle, double}, step node/.style={rectangle, fill=gray!12},
  every edge/.style={draw, ->}, skip edge/.style={very thick, orange!85!black}, capture edge/.style={dashed, teal},
  item edge/.style={dotted, thick}, parameter edge/.style={densely dotted}, loop edge/.style={thick}]
"""
TAIL = "\\end{tikzpicture}\n\\end{document}\n"
STYLED = ("skip", "capture", "item", "parameter", "loop")


def write(net: Any, level: str, names: Mapping[str, str] | None = None) -> str:
    (symbols,) = renamings([net], names)
    own_graph = with_operands(graph(net, level))
    net_graph = relabeled(own_graph, symbols)
    symbols.check(net)
    ids, places = safe_names(net_graph), layout(net_graph)
    lines, groups = [], dict[str, list[str]]()
    for name, (x, y) in places.items():
        data = net_graph.nodes[name]
        state = (
            f", label=above:{{{tex(data['state'])}}}"
            if data["kind"] in ("layer", "join", "primitive") and "state" in data
            else ""
        )
        lines.append(rf"  \node[{data['kind']} node{state}] ({ids[name]}) at ({x:g},{y}) {{{tex(data['label'])}}};")
        if data.get("group") and level != "step":
            groups.setdefault(data["group"].split("/")[0], []).append(ids[name])
    for source, end, data in net_graph.edges(data=True):
        style = ", ".join(
            filter(
                None,
                (f"{data['kind']} edge" * (data["kind"] in STYLED), bend(net_graph, places, source, end, data["port"])),
            )
        )
        text = data.get("label", data.get("mark"))
        label = f" node[draw=none, auto, font=\\scriptsize] {{{tex(text)}}}" if text else ""
        lines.append(rf"  \path ({ids[source]}) edge[{style}]{label} ({ids[end]});")
    lines += [
        rf"  \begin{{scope}}[on background layer]\node[group, fit={' '.join(f'({name})' for name in names)}, "
        rf"label={{[title]north west:{tex(renamed(step_title(own_graph, group), symbols))}}}] {{}};\end{{scope}}"
        for group, names in groups.items()
    ]
    return HEAD + "\n".join(lines) + "\n" + TAIL


def layout(net_graph: nx.MultiDiGraph) -> dict[str, tuple[float, int]]:
    """A column per distance from the inputs, as wide as its labels; row 0 for the state, other nodes are below it."""
    forward = nx.MultiDiGraph()
    forward.add_nodes_from(net_graph)
    forward.add_edges_from((a, b) for a, b, data in net_graph.edges(data=True) if a != b and data["kind"] != "loop")
    forward.add_edges_from(order_of_steps(net_graph))
    column: dict[str, int] = {}
    for name in nx.topological_sort(forward):
        column[name] = max((column[before] + 1 for before in forward.predecessors(name)), default=0)
    for name in net_graph:  # a source goes right before its first reader
        if not forward.in_degree(name) and forward.out_degree(name):
            column[name] = max(0, min(column[after] for after in forward.successors(name)) - 1)
    widths = [1.0] * (max(column.values(), default=0) + 1)
    for name, x in column.items():
        letters = max(map(len, str(net_graph.nodes[name]["label"]).split("\n")))
        widths[x] = max(widths[x], round(0.3 + 0.12 * letters, 2))
    centers = [round(sum(widths[:x]) + (widths[x] - widths[0]) / 2, 2) for x in range(len(widths))]
    used_above: dict[int, int] = {}
    used_below: dict[int, int] = {}
    places: dict[str, tuple[float, int]] = {}
    for name in net_graph:
        x = column[name]
        if carries_state(net_graph, name):
            places[name] = (centers[x], used_above.get(x, 0))
            used_above[x] = used_above.get(x, 0) + 1
        else:
            used_below[x] = used_below.get(x, 0) + 1
            places[name] = (centers[x], -used_below[x])
    return places


def order_of_steps(net_graph: nx.MultiDiGraph) -> list[tuple[str, str]]:
    """Edges that put a step after the previous state, even if nothing in the step reads that state."""
    groups: dict[str, list[str]] = {}
    for name, group in net_graph.nodes(data="group"):
        if group and "/" in group:
            return []  # nested steps: the inner ones are drawn below each other
        if group:
            groups.setdefault(group, []).append(name)
    steps = list(groups.values())
    ends = [next((name for name in reversed(step) if "state" in net_graph.nodes[name]), "") for step in steps]
    return [(end, name) for end, step in zip(ends, steps[1:], strict=False) if end for name in step]


def carries_state(net_graph: nx.MultiDiGraph, name: str) -> bool:
    data = net_graph.nodes[name]
    begins = any(kind in ("state", "skip", "init") for _, _, kind in net_graph.out_edges(name, data="kind"))
    gives = data["kind"] != "input" and any(
        net_graph.nodes[end]["kind"] == "state" for end in net_graph.successors(name)
    )
    return "state" in data or data["kind"] in ("state", "output") or begins or gives


def bend(net_graph: nx.MultiDiGraph, places: dict[str, tuple[float, int]], source: str, end: str, port: int) -> str:
    """How an edge bends, to bypass nodes in its row and its own parallels."""
    if source == end:
        return "loop above"
    (x1, y1), (x2, y2) = places[source], places[end]
    kind = net_graph.edges[source, end, port]["kind"]
    if kind == "loop":
        return "bend right=25"
    if kind == "capture" and y2 < y1 and x2 > x1:  # below the layers that stand between
        return "out=-85, in=-125, looseness=0.8"
    angle = 10 * port if net_graph.number_of_edges(source, end) > 1 else 0
    passed = (
        any(min(x1, x2) < x < max(x1, x2) and y == y1 for x, y in places.values())
        if y1 == y2 and abs(x1 - x2) > 1
        else False
    )
    angle += 30 if passed or x2 < x1 else 0
    return f"bend left={angle}" if angle else ""


def tex(text: Any) -> str:
    """A label as LaTeX: names with indices as mathematics, TeX's special characters escaped.

    >>> tex("f12"), tex("z_{k-1}"), tex("phi1"), tex("50% & more")
    ('$f_{12}$', '$z_{k-1}$', '$\\\\phi_{1}$', '50\\\\% \\\\& more')
    """
    label = visible(str(text))
    if label in SIGNS:
        return SIGNS[label]
    return CODES["\n"].join(re.sub(r"(?<!\\)\$\$", "", "".join(_parts(line))) for line in label.split("\n"))


def _parts(line: str) -> Iterator[str]:
    for is_formula, runs in itertools.groupby(mathematics(line), lambda run: run.italic or run.bold or run.level != 0):
        if not is_formula:
            yield from (_sign(sign) for run in runs for sign in run.text)
            continue
        levels = itertools.groupby(runs, lambda run: run.level)
        yield "$" + "".join(_raised("".join(map(_letters, part)), level) for level, part in levels) + "$"


def _sign(sign: str) -> str:
    """A sign in LaTeX's text."""
    shown = command(sign)
    return CODES.get(sign, sign if shown == sign else f"${shown}$")


def _letters(run: Run) -> str:
    """Letters of a formula as LaTeX."""
    if run.italic or run.bold:
        shown = command(run.text)
        if not run.bold:
            return shown
        return rf"\boldsymbol{{{shown}}}" if run.italic or shown != run.text else rf"\mathbf{{{shown}}}"
    text = "".join(INSIDE.get(sign, _sign(sign).removeprefix("$").removesuffix("$")) for sign in run.text)
    return rf"\mathrm{{{text}}}" if run.text.isalpha() else text


def _raised(text: str, level: int) -> str:
    return f"_{{{text}}}" if level < 0 else f"^{{{text}}}" if level > 0 else text


SIGNS = {
    "+": "$+$",
    "-": "$-$",
    "*": r"$\times$",
    "/": r"$\div$",
    ">=": r"$\geq$",
    "<=": r"$\leq$",
    "!=": r"$\neq$",
    "==": "$=$",
}
CODES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_", "\n": r"\\ ", "\t": " ",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", '"': r"\textquotedbl{}", "…": r"\dots{}",
    "\N{REPLACEMENT CHARACTER}": "?", "−": "$-$", "×": r"$\times$", "÷": r"$\div$", "≥": r"$\geq$", "≤": r"$\leq$", "≠": r"$\neq$", "∞": r"$\infty$",
}  # fmt: skip

INSIDE = {"−": "-", "·": r"\cdot ", "…": r"\ldots ", "×": r"\times ", "∗": "*", "′": r"\prime "}  # in a formula

ROW = Row("tikz", write, ".tex", "a LaTeX document with a TikZ picture")
