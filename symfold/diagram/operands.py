"""Less ink and more said: numbers written into what reads them, and edges that tell operands apart where order matters."""

from __future__ import annotations

import networkx as nx

from symfold.graph import UNROLLED

UNMARKED = ("Add", "Mul", "Max", "Min", "maximum", "minimum", "pullback")  # of a layer, at a state: told apart by their lines
MARKS = {"Pow": ("base", "exponent")}
SIGNS = {("Mul", "-1", "Add"): "−", ("Pow", "-1", "Mul"): "÷"}


def with_operands(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    """A copy for drawing: `z - f(z)` has a minus at the edge from f, `f(z)/z` a division sign at the skip, `z**f(z)` base and exponent.

    Factors that follow each other are one (`0.5/2 ×`), a number less something is `1 −`, a weight that is read transposed is Wᵀ.

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
    for name in list(graph):
        if graph.nodes[name]["op"] == "Add":
            _minuend(graph, name)
        elif graph.nodes[name]["op"] == "transpose":
            _transposed(graph, name)
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
    if op == "Mul":
        text = _times(graph, name, text)
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


def _times(graph: nx.MultiDiGraph, name: str, text: str) -> str:
    """A factor, with the one that what is multiplied was multiplied by just before, if nothing else reads that."""
    (source, _, key, data), *others = graph.in_edges(name, keys=True, data=True)
    before = graph.nodes[source]
    if others or before["op"] != "Mul" or before["kind"] != "primitive" or "state" in before or graph.out_degree(source) > 1 or graph.in_degree(source) > 1:
        return text
    (first, _, inward), factor = next(iter(graph.in_edges(source, data=True))), before["label"].removeprefix("× ")
    if "mark" in inward or "/" in factor or not before["label"].startswith("× "):
        return text
    graph.remove_node(source)
    graph.add_edge(first, name, key=key, **{**data, "kind": inward["kind"]})
    return f"{factor}{text[1:]}" if text.startswith("1/") else f"{factor} · {text}"


def _minuend(graph: nx.MultiDiGraph, name: str) -> None:
    """A number less something: `1 −`, and no minus at the edge."""
    edges = list(graph.in_edges(name, data="mark"))
    label = graph.nodes[name]["label"]
    if len(edges) == 1 and edges[0][2] == SIGNS["Mul", "-1", "Add"] and label[:2] in ("+ ", "− "):
        for _, _, data in graph.in_edges(name, data=True):
            del data["mark"]
        graph.nodes[name]["label"] = f"{label[2:] if label[0] == '+' else '−' + label[2:]} −"


def _transposed(graph: nx.MultiDiGraph, name: str) -> None:
    """A parameter that is read transposed alone is drawn as its transpose."""
    (source,) = graph.predecessors(name)
    if graph.nodes[source]["kind"] == "parameter" and graph.out_degree(source) == 1 and "state" not in graph.nodes[name]:
        for _, end, key, data in list(graph.out_edges(name, keys=True, data=True)):
            graph.add_edge(source, end, key=key, **{**data, "kind": "parameter"})
        graph.remove_node(name)
        graph.nodes[source]["label"] += "ᵀ"


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
