"""Less ink and more said: numbers written into what reads them, and edges that tell operands apart where order matters."""

from __future__ import annotations

import networkx as nx

from symfold.graph import UNROLLED

UNMARKED = ("Add", "Mul", "Max", "Min", "maximum", "minimum", "pullback")  # of a layer, at a state: told apart by their lines
MARKS = {"Pow": ("base", "exponent")}
SIGNS = {("Mul", "-1", "Add"): "−", ("Pow", "-1", "Mul"): "÷"}


def with_operands(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    """A copy for drawing: `z - f(z)` has a minus at the edge from f, `f(z)/z` a division sign at the skip, `z**f(z)` base and exponent.

    >>> import symfold as sf
    >>> net = sf.fold(lambda z, f: z - f(z), sf.layers("f1:2"), sf.tensor("x"))
    >>> [(source, end, mark) for source, end, mark in with_operands(net.graph()).edges(data="mark") if mark]
    [('f1', 'z1', '−')]
    """
    graph = graph.copy()
    for name in list(graph):
        number = _number(graph, name)
        if number is not None:
            _write_in(graph, name, number)
    for name, data in graph.nodes(data=True):
        _mark(graph, name, data)
    for source, _, data in graph.edges(data=True) if graph.graph["level"] in UNROLLED else ():
        if data["kind"] == "capture" and graph.nodes[source]["kind"] == "input" and graph.out_degree(source) == 1:
            data["kind"] = "item"  # what one step alone reads
    return graph


def _number(graph: nx.MultiDiGraph, name: str) -> str | None:
    """The constant that a sum, product or power reads, where it is the only one and no state or item."""
    if graph.nodes[name]["op"] not in ("Add", "Mul", "Pow"):
        return None
    read = [source for source, _, kind in graph.in_edges(name, data="kind") if kind == "data" and graph.nodes[source]["kind"] == "constant"]
    return read[0] if len(read) == 1 and graph.in_degree(name) > 1 and graph.out_degree(read[0]) == 1 else None


def _write_in(graph: nx.MultiDiGraph, name: str, number: str) -> None:
    """Take a constant into the edge that goes on, where that is all there is to it, or into the label."""
    op, text, port = graph.nodes[name]["op"], graph.nodes[number]["label"], next(iter(graph[number][name]))
    graph.remove_node(number)
    inward, onward = list(graph.in_edges(name, keys=True, data=True)), list(graph.out_edges(name, keys=True, data=True))
    if len(inward) == len(onward) == 1 and "mark" not in inward[0][3] and "state" not in graph.nodes[name]:
        source, _, _, before = inward[0]
        _, end, key, after = onward[0]
        reader = graph.nodes[end]["op"]
        mark = SIGNS.get((op, text, reader)) if op == "Mul" or port == 1 else None
        mark = mark or (f"{_minus(text)} ×" if (op, reader) == ("Mul", "Add") else None)
        if mark and not (graph.has_edge(source, end, key)):
            kind = before["kind"] if after["kind"] == "data" else after["kind"]
            graph.add_edge(source, end, key=key, **{**after, "kind": kind, "mark": mark})
            graph.remove_node(name)
            return
    told = {"Add": f"+ {text}" if not text.startswith("-") else f"− {text[1:]}", "Mul": f"× {_minus(text)}"}
    data = graph.nodes[name]
    data["label"] = told.get(op) or (f"^ {_minus(text)}" if port == 1 else f"{_minus(text)} ^")
    if len(inward) == 1:
        data["kind"] = "primitive"


def _mark(graph: nx.MultiDiGraph, name: str, data: dict[str, str]) -> None:
    """Name or number the operands of an operation at which their order matters and their edges do not tell them apart."""
    if data["kind"] not in ("join", "primitive", "layer") or data["op"] in UNMARKED:
        return
    edges = [edge for _, _, edge in graph.in_edges(name, data=True)]
    alike = len({edge["kind"] for edge in edges}) < len(edges)
    if len(edges) < 2 or not (alike or data["kind"] == "join"):
        return
    around = [edge for edge in edges if edge["kind"] == "skip"]
    for edge in around if data["op"] == "Pow" and len(around) == 1 else edges:  # which is the base says which is the exponent
        edge["mark"] = MARKS[data["op"]][edge["port"]] if data["op"] in MARKS else str(edge["port"] + 1)


def _minus(text: str) -> str:
    return f"−{text[1:]}" if text.startswith("-") else text
