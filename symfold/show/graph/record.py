"""Recording a net as a graph: the interpreter that maps each node to the name of a graph node.

It records every step of every fold, with layers closed: the level `layer`. The other levels differ in how they record
folds or layers.

Inputs and constants become graph nodes when they are read, so that values read only by closed layers are not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from symfold.base.deferred import Deferred, nx
from symfold.base.trees import LEAF
from symfold.core.blocks import Call, is_call
from symfold.core.closed_layers import layers_inside
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.leaves import Constant, FrozenArray, Input
from symfold.core.nodes import Node
from symfold.core.primitives import expand, is_primitive
from symfold.core.sequences import element, reverse_row
from symfold.core.shapes import length
from symfold.core.stacked_inputs import StackedInputs, is_leaf
from symfold.show.graph.arithmetic import paired
from symfold.show.graph.names import Names, constant_label, operation_label, operation_name, plain_name, shape_text
from symfold.show.graph.places import Places, is_join

ARITHMETIC = ("+", "-", "*", "/")  # joins that a formula writes out
LONGEST = 40  # characters of one


@dataclass(frozen=True)
class Leaf:
    """An input, parameter, constant or name of a layer without a graph node so far."""

    node: Node
    label: str
    name: str = ""

    @property
    def is_own(self) -> bool:
        """Whether a closed layer that reads it hides it."""
        return isinstance(self.node.op, Constant) or self.role == "parameter"

    @property
    def role(self) -> str:
        """Input, parameter or layer; an entry has the role of its sequence."""
        node = self.node
        while not is_leaf(node):
            node = node.args[0]
        return node.op.role


@dataclass(frozen=True)
class Reversed:
    """A sequence read from its end; it gets a graph node only if it is read whole."""

    value: Any
    node: Node


def empty_graph(level: str | None) -> nx.MultiDiGraph:
    """A graph of a net without nodes so far."""
    graph: nx.MultiDiGraph = Deferred("symfold.show.multigraph").Graph(level=level)
    return graph


class Recorder(Interpreter):
    """The recorder of a graph: layer applications, joins, inputs and outputs."""

    level = "layer"

    def __init__(self, net: Any):
        self.net = net.with_outputs(paired(net.outputs))
        reserved = [name for leaf in net.leaves for name in self.reserved(leaf)]
        self.names, self.places = Names(reserved), Places(self.net)
        self.graph = empty_graph(self.level)
        self._written: dict[str, str] = {}  # sums, differences, products and quotients, by graph node
        self._shown: dict[tuple[Node, str], str] = {}
        self._parts: dict[tuple[str, int], str] = {}

    def reserved(self, leaf: Node[Input | StackedInputs]) -> Iterable[str]:
        """The names that a leaf of the net reserves."""
        return leaf.op.names

    def record(self) -> nx.MultiDiGraph:
        """The graph of the net."""
        meanings = self.run(self.net.outputs)
        for name, output, meaning in zip(output_names(self.net), self.net.outputs, meanings, strict=True):
            target = self.put(self.names.fresh(name), "output", "output", name, output)
            for port, part in enumerate(meaning if isinstance(meaning, Entries) else [meaning]):
                self.edge(part, target, port, "output")
        return self.graph

    # -- nodes and edges

    def put(self, name: str, kind: str, op: str, label: str, node: Node, **more: str | int) -> str:
        """Add a graph node."""
        self.graph.add_node(name, kind=kind, op=op, label=label, shape=shape_text(node.shape), **more)
        return name

    def edge(self, source: Any, target: str, port: int, kind: str, **more: str | int) -> None:
        """Add an edge into an argument position; the position is the key, which keeps parallel edges separate."""
        name = self.materialize(source)
        if kind in ("item", "capture", "data") and self.graph.nodes[name]["kind"] == "parameter":
            kind = "parameter"
        self.graph.add_edge(name, target, key=port, port=port, kind=kind, **more)

    def materialize(self, meaning: Any) -> str:
        """The graph node of a meaning, added now if necessary. A number gets a node for each reader."""
        if isinstance(meaning, Reversed):
            sequence_key = (meaning.node, "")
            if sequence_key not in self._shown:
                self._shown[sequence_key] = self.apply(meaning.node, [meaning.value])
            return self._shown[sequence_key]
        if not isinstance(meaning, Leaf):
            return str(meaning)
        node, op, key = meaning.node, meaning.node.op, (meaning.node, meaning.label)
        if key in self._shown and not (isinstance(op, Constant) and not isinstance(op.value, FrozenArray)):
            return self._shown[key]
        if isinstance(op, Constant):
            name = self.put(
                self.names.counted("c"), "constant", "constant", meaning.label, node, **self.places.attributes()
            )
        else:
            more = {"layer": meaning.label} if meaning.role == "layer" else {}
            name = self.put(
                self.names.own(meaning.name or meaning.label), meaning.role, meaning.role, meaning.label, node, **more
            )
        self._shown[key] = name
        return name

    def called(self, meaning: Any) -> str:
        """The name of a meaning in a formula."""
        if isinstance(meaning, Entries):
            return "..."
        if isinstance(meaning, Reversed):
            return f"reverse({self.called(meaning.value)})"
        if isinstance(meaning, Leaf):
            return meaning.label
        data = self.graph.nodes[meaning]
        if data["op"] == "transpose":
            return f"{self.called(next(self.graph.predecessors(meaning)))}.T"
        return str(data.get("state", self._written.get(meaning, data["label"])))

    # -- meanings of nodes

    def leaf(self, node: Node) -> Any:
        return Leaf(node, node.op.name if isinstance(node.op, Input) else constant_label(node))

    def index(self, value: Any, position: int, node: Node) -> Any:
        if isinstance(value, Reversed) and isinstance(size := length(node.shape), int):
            return self.index(value.value, size - 1 - position, node)
        if isinstance(value, Leaf) and isinstance(value.node.op, Constant):
            return self.leaf(element(value.node, position))
        source = self.materialize(value)
        if (source, position) not in self._parts:
            sequence = self.graph.nodes[source]
            is_leaf = sequence["kind"] in ("input", "parameter")
            name = self.names.fresh(f"{source}_{position + 1}")
            label = f"{sequence['label']}[{position}]" if is_leaf else f"[{position}]"
            self.graph.add_node(
                name,
                kind=sequence["kind"] if is_leaf else "primitive",
                op="item",
                label=label,
                shape=shape_text(node.shape[1:]),
            )
            self.edge(source, name, 0, "data")
            self._parts[source, position] = name
        return self._parts[source, position]

    def meaning(self, node: Node, args: list[Any]) -> Any:
        if is_primitive(node, expand) and element(node, 0) is node.args[0] and not isinstance(args[0], Entries):
            return Entries(args)  # a sequence of one: reading its entry reads the value
        if is_primitive(node, reverse_row) and isinstance(args[0], (Leaf, str)) and length(node.shape) is not None:
            return Reversed(args[0], node)
        return super().meaning(node, args)

    def collect(self, entries: Entries, node: Node) -> Any:
        if len(entries) == 1:
            name = self.put(
                self.names.counted("expand"), "primitive", "expand", "expand", node, **self.places.attributes()
            )
        else:
            name = self.put(self.names.counted("stack"), "join", "stack", "stack", node, **self.places.attributes())
        for port, entry in enumerate(entries):
            self.edge(entry, name, port, "data")
        return name

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        if is_call(node):
            return self.layer(node, args)
        sources = [self.materialize(arg) for arg in args]
        op, part, carried = operation_name(node.op), self.places.state_part(node), self.places.carried(node)
        name = self.names.counted(op.lower()) if part is None else self.names.fresh(plain_name(self.places.title(part)))
        self.put(
            name,
            "join" if is_join(node, carried) else "primitive",
            op,
            operation_label(node.op),
            node,
            **self.places.attributes(),
        )
        for port, (source, kind) in enumerate(zip(sources, carried, strict=True)):
            self.edge(source, name, port, kind)
        if (sign := operation_label(node.op)) in ARITHMETIC:
            written = f"({f' {sign} '.join(map(self.called, args))})"
            self._written[name] = written if len(written) <= LONGEST else "..."
        return name

    def layer(self, node: Node[Call], args: Sequence[Any]) -> Any:
        """A closed layer application: its parameters are hidden."""
        title, base = args[0].label, args[0].name or args[0].label
        arity, kinds = node.op.arity, self.places.carried(node)[1:]
        sources = [
            (port, self.materialize(arg), kind)
            for port, (arg, kind) in enumerate(zip(args[1:], kinds, strict=True))
            if port < arity or not (isinstance(arg, Leaf) and arg.is_own)
        ]
        number = layers_inside(node.op)
        inside = {"inside": number} if number > 1 else {}
        place = self.places.attributes()
        name = self.put(self.names.own(base), "layer", "layer", title, node, layer=title, **inside, **place)
        for port, source, kind in sources:
            self.edge(source, name, port, kind)
        return name

    # -- steps

    def begin(self, node: Node[Fold]) -> None:
        self.places.enter(node)

    def step(self, node: Node[Fold], number: int, results: Sequence[Any]) -> Sequence[Any]:
        for part, result in enumerate(results[: node.op.carries]):
            if isinstance(result, str) and "group" in self.graph.nodes[result]:
                self.graph.nodes[result].setdefault("state", self.places.title(part))
        self.places.advance()
        return results

    def end(self, node: Node[Fold]) -> None:
        self.places.leave()


def output_names(net: Any) -> list[str]:
    """The names of a net's outputs: the keys of a dict, else out, or out1, out2, ..."""
    if net.form == LEAF:
        return ["out"]
    if net.form[0] == "dict" and all(part == LEAF for _, part in net.form[1]):
        return [str(key) for key, _ in net.form[1]]
    return [f"out{k + 1}" for k in range(len(net.outputs))]
