"""To ONNX: a net as a file that other runtimes read. A fold is one `Scan`, at any depth: its block is written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symfold.base.arguments import arrays_of, flag, one_of
from symfold.base.files import check_writable, write_whole
from symfold.base.trees import LEAF, Form
from symfold.compute.evaluate import constant_value
from symfold.compute.lowering import Target, lowered, rolled
from symfold.compute.random_inputs import only_picking
from symfold.core.applied_layers import Call
from symfold.core.folds import Fold, Select
from symfold.core.names import leaves_of, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.shapes import NAME, input_shape
from symfold.core.stacked_inputs import StackedInputs, known_count
from symfold.core.walks import walk
from symfold.errors import InvalidValue, NoRule, unknown
from symfold.exchange.onnx.elementwise import has
from symfold.exchange.onnx.graph import Graph, check_rank
from symfold.exchange.onnx.rows import keeps, written
from symfold.transform.rolling import unroll, without_single_steps

DTYPES = ("float64", "float32")
MOST_BYTES = 2**31 - 1  # of one message of protobuf


def to_onnx(
    net: Any,
    path: str | Path,
    params: Mapping[str, Any] | None = None,
    *,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
    dtype: str = "float64",
    unrolled: bool = False,
) -> None:
    """Write a net with its parameters as an ONNX model (opset 18): the same numbers, in any runtime that reads ONNX.

    Inputs keep their names; sizes that are not known yet (`None`) stay free, as a batch does. `shapes` gives inputs whose shape is
    unknown one, as `{"x": (None, 3)}`. A fold is one `Scan` over its stacked parameters, so that the file holds each block once; with
    `unrolled` its steps are written one after the other, each parameter by its name, for runtimes that know no `Scan`.
    An input that only picks rows of tables (tokens) is of whole numbers, every other one of `dtype`. Needs the extra `onnx`.
    Raises NoRule for a layer without a body and for a function that ONNX has not; nothing is written then.

    >>> import tempfile, onnx
    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:1001", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(net, f"{folder}/net.onnx", net.init(seed=0))
    ...     model = onnx.load(f"{folder}/net.onnx")
    >>> [node.op_type for node in model.graph.node], [i.name for i in model.graph.input], [i.name for i in model.graph.initializer]
    (['Scan', 'Identity'], ['x'], ['W1..W1000', 'b1..b1000'])
    """
    check_writable(path)
    model = model_of(
        Net.of(net), params or {}, shapes or {}, one_of("dtype", dtype, DTYPES), flag("unrolled", unrolled)
    )
    if (size := model.ByteSize()) > MOST_BYTES:
        raise InvalidValue(
            f"the model would have {size / 2**30:.1f} GiB, and an ONNX file holds 2 (dtype='float32' halves it)"
        )
    write_whole(path, model.SerializeToString(deterministic=True))


def model_of(
    net: Net, params: Mapping[str, Any], shapes: Mapping[str, Sequence[int | None]], dtype: str, unrolled: bool = False
) -> Any:
    """The model that `to_onnx` writes."""
    names = [node.op.name for node in net.params]
    given = arrays_of(params, names, list(params), what="parameter")
    taken = [node.op.name for node in net.inputs]
    for name in shapes:
        if name not in taken:
            raise unknown("input", name, taken)
    sizes = {name: input_shape(name, shape) for name, shape in shapes.items()}
    whole = net.with_outputs(lowered(rolled(net), sizes, Target(keeps(dtype), has(dtype))))
    while unrolled and whole.bindings:  # folds in the steps of folds come to light one after the other
        whole = whole.with_outputs(without_single_steps(unroll(whole).outputs))
    roots = whole.outputs
    leaves = leaves_of(roots)
    read = {
        name: leaf
        for leaf in leaves
        if leaf.op.role == "input" and leaf.shape[-1:] != (NAME,)
        for name in names_of(leaf)
    }
    graph = Graph(dtype, [*read, *names])
    tokens = only_picking(roots)
    infos = [input_info(graph, name, read[name], read[name] in tokens) for name in taken if name in read]
    writer = Writer(graph)
    for leaf in leaves:
        if leaf.shape[-1:] == (NAME,):
            writer.known[leaf] = None
        elif leaf.op.role == "parameter" and isinstance(leaf.op, StackedInputs):
            held = list(leaf.op.names)
            writer.known[leaf] = graph.constant(
                np.stack([given[name] for name in held]), name=graph.fresh(span_of(held))
            )
        elif leaf.op.role == "parameter":
            writer.known[leaf] = graph.constant(given[leaf.op.name], name=leaf.op.name)
        elif not isinstance(leaf.op, StackedInputs):
            writer.known[leaf] = leaf.op.name
    results = writer.values(roots)
    outputs = [
        graph.output(graph.fresh(name), result, root.shape)
        for name, result, root in zip(result_names(net.form), results, roots, strict=True)
    ]
    return graph.model(infos, outputs)


def input_info(graph: Graph, name: str, leaf: Node, whole: bool) -> Any:
    """What the model says of an input; its unknown sizes are read off it wherever they are needed."""
    check_rank(leaf.op.shape)
    for axis, size in enumerate(leaf.op.shape):
        if not isinstance(size, int):
            graph.symbols.setdefault(size, (name, axis))
    return graph.info(name, leaf.op.shape, np.int64 if whole else None)


def span_of(names: Sequence[str]) -> str:
    """What an array is called that holds values of many names.

    >>> span_of(["W1", "W2", "W3"])
    'W1..W3'
    """
    return f"{names[0]}..{names[-1]}"


def result_names(form: Form, name: str = "output") -> list[str]:
    """A name for every leaf of a form, by the way to it.

    >>> result_names(("tuple", ("*", ("dict", (("W", "*"),)))))
    ['output_0', 'output_1_W']
    """
    if form == LEAF:
        return [name]
    kind, parts = form
    if kind == "named":
        return [f"{name}_{names if isinstance(names, str) else span_of(list(names))}" for names in parts]
    return [
        found
        for key, part in (parts if kind == "dict" else enumerate(parts))
        for found in result_names(part, f"{name}_{key}")
    ]


class Writer:
    """Nodes written into a graph: a value is the name it has there; that of a fold, the names of its results."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.known: dict[Node, Any] = {}

    def values(self, roots: Sequence[Node], given: Mapping[Node, Any] | None = None) -> list[Any]:
        """The names of the roots; what is given is known besides."""
        known = {**self.known, **(given or {})}
        for node in walk(roots, stop=known):
            known[node] = self.value(node, [known[arg] for arg in node.args])
        return [known[root] for root in roots]

    def value(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        if node.shape[-1:] == (NAME,):
            return None
        if isinstance(op, Constant):
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
                "a layer is opaque and has no numbers, and so none in ONNX (give it a body: net.bind({'f1': lambda z: ...}))"
            )
        return written(self.graph, node, args)

    def scan(self, node: Node, fold: Fold, args: Sequence[Any]) -> list[str]:
        """The results of a fold: the last state, then what the steps gave out, stacked."""
        graph, block, carries, count = self.graph, fold.block, fold.carries, known_count(fold.count)
        formals = block.formals
        operands = dict(zip(formals[carries:], args[carries:], strict=True))
        own = [f for f, each in zip(operands, fold.each, strict=True) if each and operands[f] is not None]
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
        entries = {f: graph.fresh(f"entry_{len(graph.taken)}") for f in own}
        with graph.body() as nodes:
            after = self.values(block.results, {**operands, **states, **entries})
            after = [
                graph.spread(a, r.shape, s)
                for a, r, s in zip(
                    after,
                    block.results,
                    (*block.shapes[:carries], *(r.shape for r in block.results[carries:])),
                    strict=True,
                )
            ]
            results = [graph.emit("Identity", value) for value in after]  # a result must be made in the body, and once
        inputs = [graph.info(name, f.shape) for f, name in {**states, **entries}.items()]
        sequences = [operands[f] for f in own]
        if not own:  # the number of steps is that of the entries
            inputs.append(graph.info(graph.fresh("number"), ()))
            sequences.append(graph.constant(np.arange(count)))
        outputs = [graph.info(name, r.shape) for name, r in zip(results, block.results, strict=True)]
        body = graph.onnx.helper.make_graph(nodes, "step", inputs, outputs)
        return graph.emit_many("Scan", [*start, *sequences], len(results), body=body, num_scan_inputs=len(sequences))
