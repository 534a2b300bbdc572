"""To ONNX: a net as a model file. A fold is one `Scan`, at any depth: its block is written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symfold.base.arguments import arrays_of, flag, one_of
from symfold.base.files import check_writable, path_of, write_whole
from symfold.base.public import public
from symfold.base.trees import LEAF, Form
from symfold.compute.evaluate import constant_value
from symfold.compute.lowering import Target, lowered, rolled
from symfold.compute.random_inputs import only_picking
from symfold.core.blocks import Call
from symfold.core.folds import Fold, Select
from symfold.core.leaves import Constant
from symfold.core.names import leaves_of, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import Leaf, StackedInputs, known_count
from symfold.errors import InvalidValue, NoRule
from symfold.exchange.onnx.elementwise import has
from symfold.exchange.onnx.graph import Graph, check_rank
from symfold.exchange.onnx.record import record
from symfold.exchange.onnx.rows import keeps, write_operation
from symfold.transform.rolling import unroll_nodes, without_single_steps
from symfold.transform.specialize import given_shapes

if TYPE_CHECKING:
    import onnx

DTYPES = ("float64", "float32")
MOST_BYTES = 2**31 - 1  # of one message of protobuf


@public
def to_onnx(
    net: object,
    path: str | Path,
    params: Mapping[str, object] | None = None,
    *,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
    dtype: str = "float64",
    unrolled: bool = False,
) -> None:
    """Write a net with its parameters as an ONNX model (opset 18) that gives the same numbers.

    Inputs keep their names; unknown sizes (`None`) stay free, such as that of a batch. `shapes` gives shapes to inputs
    of unknown shape, as `{"x": (None, 3)}`. A fold is one `Scan` over its stacked parameters, so that the file contains
    each block once; `unrolled` writes its steps one by one, each parameter by name, for runtimes without `Scan`. An
    input that only indexes rows of tables (tokens) has whole numbers, every other one `dtype`. The metadata record the
    net for `sf.from_onnx`. Needs the extra `onnx`. Raises NoRule, and writes nothing, for a layer without a body or a
    function that ONNX lacks.

    >>> import tempfile, onnx
    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:1001", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(net, f"{folder}/net.onnx", net.init(seed=0))
    ...     model = onnx.load(f"{folder}/net.onnx")
    >>> [node.op_type for node in model.graph.node], [value.name for value in model.graph.input]
    (['Scan', 'Identity'], ['x'])
    >>> [value.name for value in model.graph.initializer]
    ['W1..W1000', 'b1..b1000']
    """
    if (target := path_of(path, "sf.to_onnx(net, path, params)")).suffix.lower() != ".onnx":
        raise InvalidValue(f"cannot write an ONNX model as {str(path)!r} (give a name that ends in .onnx)")
    check_writable(target)
    model = model_of(
        Net.of(net), params or {}, shapes or {}, one_of("dtype", dtype, DTYPES), flag("unrolled", unrolled)
    )
    if (size := model.ByteSize()) > MOST_BYTES:
        raise InvalidValue(
            f"the model would have {size / 2**30:.1f} GiB, and an ONNX file holds 2 (dtype='float32' halves it)"
        )
    write_whole(path, model.SerializeToString(deterministic=True))


def model_of(
    net: Net,
    params: Mapping[str, object],
    shapes: Mapping[str, Sequence[int | None]],
    dtype: str,
    unrolled: bool = False,
) -> onnx.ModelProto:
    """The model that `to_onnx` writes."""
    names = [node.op.name for node in net.params]
    arrays = arrays_of(params, names, list(params), what="parameter")
    lowered_net = net.with_outputs(lowered(rolled(net), given_shapes(net, shapes), Target(keeps(dtype), has(dtype))))
    while unrolled and lowered_net.bindings:  # each pass exposes the next level of nested folds
        lowered_net = lowered_net.with_outputs(without_single_steps(unroll_nodes(lowered_net.outputs)))
    roots = lowered_net.outputs
    leaves = leaves_of(roots)
    read = {
        name: leaf
        for leaf in leaves
        if leaf.op.role == "input" and leaf.shape[-1:] != (NAME,)
        for name in names_of(leaf)
    }
    graph = Graph(dtype, [*read, *names])
    tokens = only_picking(roots)
    input_names = [node.op.name for node in net.inputs if node.op.name in read]
    infos = [input_info(graph, name, read[name], read[name] in tokens) for name in input_names]
    writer = Writer(graph)
    held: dict[str, list[str] | None] = {}
    for leaf in leaves:
        if leaf.shape[-1:] == (NAME,):
            writer.leaves[leaf] = None
        elif isinstance(leaf.op, StackedInputs):
            if leaf.op.role == "input":
                continue
            members = list(leaf.op.names)
            stacked = np.stack([arrays[name] for name in members])
            writer.leaves[leaf] = graph.constant(stacked, name=graph.fresh(span_of(members)))
            held[writer.leaves[leaf]] = members
        elif leaf.op.role == "parameter":
            writer.leaves[leaf] = graph.constant(arrays[leaf.op.name], name=leaf.op.name)
            held[leaf.op.name] = None
        else:
            writer.leaves[leaf] = leaf.op.name
    results = writer.values(roots)
    outputs = [
        graph.output(graph.fresh(name), result, root.shape)
        for name, result, root in zip(result_names(net.form), results, roots, strict=True)
    ]
    model = graph.model(infos, outputs)
    record(model, net, held)
    return model


def input_info(graph: Graph, name: str, leaf: Leaf, whole: bool) -> onnx.ValueInfoProto:
    """The type and shape of an input; registers its unknown sizes, to be read off it."""
    check_rank(leaf.op.shape)
    for axis, size in enumerate(leaf.op.shape):
        if not isinstance(size, int):
            graph.symbols.setdefault(size, (name, axis))
    return graph.info(name, leaf.op.shape, np.int64 if whole else None)


def span_of(names: Sequence[str]) -> str:
    """The name of an array that stacks values of several names.

    >>> span_of(["W1", "W2", "W3"])
    'W1..W3'
    """
    return f"{names[0]}..{names[-1]}"


def result_names(form: Form, name: str = "output") -> list[str]:
    """A name for every leaf of a form, by its path.

    >>> result_names(("tuple", ("*", ("dict", (("W", "*"),)))))
    ['output_0', 'output_1_W']
    """
    if form == LEAF:
        return [name]
    kind, parts = form
    if kind == "named":
        return [f"{name}_{names if isinstance(names, str) else span_of(list(names))}" for names in parts]
    return [
        leaf_name
        for key, part in (parts if kind == "dict" else enumerate(parts))
        for leaf_name in result_names(part, f"{name}_{key}")
    ]


class Writer:
    """Writes nodes to a graph: the value of a node is its name there; that of a fold, the names of its results."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.leaves: dict[Node, Any] = {}

    def values(self, roots: Sequence[Node], formals: Mapping[Node, Any] | None = None) -> list[Any]:
        """The names of the roots, from those of leaves and formals."""
        names = {**self.leaves, **(formals or {})}
        for node in walk(roots, stop=names):
            names[node] = self.value(node, [names[arg] for arg in node.args])
        return [names[root] for root in roots]

    def value(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if node.shape[-1:] == (NAME,):
            return None
        if isinstance(op, Constant):
            if isinstance(op.value, sp.Expr) and op.value.free_symbols:
                return self.graph.number(op.value)
            return self.graph.constant(constant_value(node))
        if isinstance(op, StackedInputs):  # inputs of one shape, as a sequence
            parts = [self.graph.emit("Unsqueeze", name, self.graph.integers([0])) for name in op.names]
            return self.graph.emit("Concat", *parts, axis=0)
        if isinstance(op, Fold):
            return self.scan(node, op, args)
        if isinstance(op, Select):
            return args[0][op.position]
        if isinstance(op, Call):
            raise NoRule(
                "a layer is opaque and has no numbers, and so none in ONNX "
                "(give it a body: net.bind({'f1': lambda z: ...}))"
            )
        return write_operation(self.graph, node, args)

    def scan(self, node: Node, fold: Fold, args: Sequence[Any]) -> list[str]:
        """The results of a fold: the last state, then the stacked outputs of the steps."""
        graph, block, carries, count = self.graph, fold.block, fold.carries, known_count(fold.count)
        formals = block.formals
        operands = dict(zip(formals[carries:], args[carries:], strict=True))
        sequences = [f for f, each in zip(operands, fold.each, strict=True) if each and operands[f] is not None]
        start = [
            graph.spread(a, arg.shape, shape)
            for a, arg, shape in zip(args, node.args, block.shapes[:carries], strict=False)
        ]
        for shape in (*block.shapes[:carries], *(result.shape for result in block.results)):
            check_rank(shape)
        if count == 0:
            empty = [
                graph.emit("Expand", graph.constant(0.0), graph.shape((0, *result.shape)))
                for result in block.results[carries:]
            ]
            return [*start, *empty]
        states = {f: graph.fresh(f"state_{len(graph.taken)}") for f in formals[:carries]}
        entries = {f: graph.fresh(f"entry_{len(graph.taken)}") for f in sequences}
        result_shapes = (*block.shapes[:carries], *(result.shape for result in block.results[carries:]))
        with graph.body() as nodes:
            after = self.values(block.results, {**operands, **states, **entries})
            after = [
                graph.spread(name, result.shape, shape)
                for name, result, shape in zip(after, block.results, result_shapes, strict=True)
            ]
            results = [graph.emit("Identity", value) for value in after]  # results must be distinct values of the body
        inputs = [graph.info(name, f.shape) for f, name in {**states, **entries}.items()]
        scanned = [operands[f] for f in sequences]
        if not scanned:  # Scan needs a sequence, for the number of steps
            inputs.append(graph.info(graph.fresh("number"), ()))
            scanned.append(graph.constant(np.arange(count)))
        outputs = [graph.info(name, r.shape) for name, r in zip(results, block.results, strict=True)]
        body = graph.onnx.helper.make_graph(nodes, "step", inputs, outputs)
        return graph.emit_many("Scan", [*start, *scanned], len(results), body=body, num_scan_inputs=len(scanned))
