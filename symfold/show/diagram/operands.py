"""Operands in pictures: numbers are written into their readers, edges are marked if the order of operands matters."""

from __future__ import annotations

from symfold.base.deferred import nx
from symfold.show.graph import UNROLLED
from symfold.show.graph.names import COMPARISONS

SYMMETRIC = ("Add", "Mul", "Max", "Min", "equal", "not_equal", "logical_and", "logical_or", "logical_xor")
UNMARKED = (*SYMMETRIC, "pullback")  # the arguments differ by their lines
SECOND = {"Sub": "−", "Div": "÷"}  # the sign at the operand that is subtracted, or divided by
MARKS = {
    "Pow": ("base", "exponent"), "where": ("if", "then", "else"), "attention": ("query", "key", "value", "bias"),
    "convolution": ("image", "kernel"), "transposed_convolution": ("image", "kernel"),
    "layer_norm": ("value", "gain", "shift"), "group_norm": ("value", "gain", "shift"),
}  # fmt: skip
SIGNS = {
    **SECOND, "Mul": "×", "Pow": "^",
    **COMPARISONS, "greater_equal": "≥", "less_equal": "≤", "equal": "=", "not_equal": "≠",
}  # fmt: skip


def with_operands(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    """A copy for drawing, with marked operands: a minus at f in `z - f(z)`, a division sign at the skip in `f(z)/z`.

    The edges of `z**f(z)` are base and exponent, those of a choice if, then and else. Successive factors are merged
    (`0.5/2 ×`), subtraction from a number is `1 −`, and a weight read transposed is Wᵀ.

    >>> import symfold as sf
    >>> net = sf.fold(lambda z, f: z - f(z), sf.layers("f1:2"), sf.tensor("x"))
    >>> [(source, end, mark) for source, end, mark in with_operands(net.graph()).edges(data="mark") if mark]
    [('f1', 'z1', '−')]
    """
    graph = graph.copy()
    for name in list(graph):
        if name not in graph:  # a number that has been written into its reader
            continue
        number = _number(graph, name)
        if number is not None:
            _write_in(graph, name, number)
        else:
            _settings(graph, name)
    for name in list(graph):
        if graph.nodes[name]["op"] == "transpose":
            _transposed(graph, name)
    for name in [name for name, kind in graph.nodes(data="kind") if kind == "step"]:
        _list_layers(graph, name)
    for name, data in graph.nodes(data=True):
        if data["kind"] == "constant" and data["shape"] == "()":
            data["label"] = _minus(data["label"])
        _mark(graph, name, data)
    for source, _, data in graph.edges(data=True) if graph.graph["level"] in UNROLLED else ():
        if data["kind"] == "capture" and graph.nodes[source]["kind"] == "input" and graph.out_degree(source) == 1:
            data["kind"] = "item"  # read by one step only
    return graph


def _number(graph: nx.MultiDiGraph, name: str) -> str | None:
    """The constant that an operation with a sign reads, if it is the only one and no state or item."""
    if graph.nodes[name]["op"] not in ("Add", *SIGNS):
        return None
    read = _constants(graph, name)
    return read[0] if len(read) == 1 and graph.in_degree(name) > 1 else None


def _constants(graph: nx.MultiDiGraph, name: str) -> list[str]:
    """The constants that only this operation reads, in its order."""
    edges = sorted(graph.in_edges(name, data=True), key=lambda edge: int(edge[2]["port"]))
    sources = [source for source, _, data in edges if data["kind"] == "data" and graph.out_degree(source) == 1]
    return [source for source in sources if graph.nodes[source]["kind"] == "constant"]


def _settings(graph: nx.MultiDiGraph, name: str) -> None:
    """Write the numbers of a function after its name, if all but its first argument are numbers: `clip(−1, 1)`."""
    data, read = graph.nodes[name], _constants(graph, name)
    if data["kind"] != "primitive" or data["op"] in ("Add", "Mul", *MARKS):
        return
    if not read or len(read) + 1 != graph.in_degree(name):
        return
    if any(0 in graph[source][name] or graph.nodes[source]["shape"] != "()" for source in read):
        return
    data["label"] += f"({', '.join(_minus(graph.nodes[source]['label']) for source in read)})"
    graph.remove_nodes_from(read)


def _write_in(graph: nx.MultiDiGraph, name: str, number: str) -> None:
    """Move a constant to the outgoing edge, if the operation does nothing else, or into the label."""
    op, text, port = graph.nodes[name]["op"], graph.nodes[number]["label"], next(iter(graph[number][name]))
    graph.remove_node(number)
    if op == "Mul":
        text = _times(graph, name, text)
    in_edges, out_edges = (
        list(graph.in_edges(name, keys=True, data=True)),
        list(graph.out_edges(name, keys=True, data=True)),
    )
    if (
        op == "Mul"
        and len(in_edges) == len(out_edges) == 1
        and "mark" not in in_edges[0][3]
        and "state" not in graph.nodes[name]
    ):
        source, _, _, before = in_edges[0]
        _, end, key, after = out_edges[0]
        if graph.nodes[end]["op"] in ("Add", "Sub") and not graph.has_edge(source, end, key):
            kind = before["kind"] if after["kind"] == "data" else after["kind"]
            negated = text == "-1" and graph.nodes[end]["op"] == "Add"
            graph.add_edge(
                source, end, key=key, **{**after, "kind": kind, "mark": "−" if negated else f"{_minus(text)} ×"}
            )
            graph.remove_node(name)
            return
    data, sign = graph.nodes[name], SIGNS.get(op, "+")
    if op == "Add":
        data["label"] = f"+ {text}" if not text.startswith("-") else f"− {text[1:]}"
    else:
        data["label"] = f"{_minus(text)} {sign}" if port == 0 and op != "Mul" else f"{sign} {_minus(text)}"
    if len(in_edges) == 1:
        data["kind"] = "primitive"


def _times(graph: nx.MultiDiGraph, name: str, text: str) -> str:
    """A factor, merged with the factor just before it if nothing else reads the product in between."""
    (source, _, key, data), *others = graph.in_edges(name, keys=True, data=True)
    before = graph.nodes[source]
    if (
        others
        or before["op"] != "Mul"
        or before["kind"] != "primitive"
        or "state" in before
        or graph.out_degree(source) > 1
        or graph.in_degree(source) > 1
    ):
        return text
    (first, _, inward), factor = next(iter(graph.in_edges(source, data=True))), before["label"].removeprefix("× ")
    if "mark" in inward or "/" in factor or not before["label"].startswith("× "):
        return text
    graph.remove_node(source)
    graph.add_edge(first, name, key=key, **{**data, "kind": inward["kind"]})
    return f"{factor}{text[1:]}" if text.startswith("1/") else f"{factor} · {text}"


def _list_layers(graph: nx.MultiDiGraph, step: str) -> None:
    """The layers that one step alone reads, as one list in the order of its arguments."""
    edges = sorted(graph.in_edges(step, data=True), key=lambda edge: int(edge[2]["port"]))
    first, *others = [
        source for source, _, _ in edges
        if graph.nodes[source]["kind"] == "layer" and graph.degree(source) == 1
    ] or [""]  # fmt: skip
    if others:
        graph.nodes[first]["label"] = "\n".join(graph.nodes[source]["label"] for source in (first, *others))
        graph.remove_nodes_from(others)


def _transposed(graph: nx.MultiDiGraph, name: str) -> None:
    """A parameter that is only read transposed is drawn as its transpose."""
    (source,) = graph.predecessors(name)
    if (
        graph.nodes[source]["kind"] == "parameter"
        and graph.out_degree(source) == 1
        and "state" not in graph.nodes[name]
    ):
        for _, end, key, data in list(graph.out_edges(name, keys=True, data=True)):
            graph.add_edge(source, end, key=key, **{**data, "kind": "parameter"})
        graph.remove_node(name)
        graph.nodes[source]["label"] += "ᵀ"


def _mark(graph: nx.MultiDiGraph, name: str, data: dict[str, str]) -> None:
    """Name or number the operands of an operation if their order matters and their edges look alike."""
    if data["kind"] not in ("join", "primitive", "layer") or data["op"] in UNMARKED:
        return
    edges = [edge for _, _, edge in graph.in_edges(name, data=True)]
    if len(edges) < 2:
        return
    if data["op"] in SECOND:
        for edge in edges:
            marks = (SECOND[data["op"]] if edge["port"] == 1 else "", edge.get("mark", ""))
            edge.update({"mark": " ".join(filter(None, marks))} if any(marks) else {})
        return
    alike = len({edge["kind"] for edge in edges}) < len(edges)
    if not (alike or data["kind"] == "join" or data["op"] == "where"):
        return
    skips = [edge for edge in edges if edge["kind"] == "skip"]
    for edge in skips if data["op"] == "Pow" and len(skips) == 1 else edges:  # marking the base also marks the exponent
        edge["mark"] = MARKS[data["op"]][edge["port"]] if data["op"] in MARKS else str(edge["port"] + 1)


def _minus(text: str) -> str:
    """A number with a real minus sign, and infinity by its sign."""
    size = text.removeprefix("-")
    return ("−" if text.startswith("-") else "") + ("∞" if size == "oo" else size)
