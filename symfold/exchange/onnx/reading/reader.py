"""From ONNX: a model file as a net; Scan and Loop are folds, and what repeats becomes one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray
from symfold.base.files import path_of
from symfold.base.public import public
from symfold.core.leaves import parameter, tensor
from symfold.core.net import Net
from symfold.core.sequences import stack
from symfold.errors import DataError, NoRule, SymfoldError
from symfold.exchange.onnx.graph import onnx_package
from symfold.exchange.onnx.reading.arrangement import ARRANGEMENT
from symfold.exchange.onnx.reading.control import CONTROL
from symfold.exchange.onnx.reading.elementwise import ELEMENTWISE, Operation
from symfold.exchange.onnx.reading.file import array_of_tensor, load_model, opset_of
from symfold.exchange.onnx.reading.indexing import INDEXING
from symfold.exchange.onnx.reading.known import KNOWN
from symfold.exchange.onnx.reading.layers import LAYERS
from symfold.exchange.onnx.reading.learners import LEARNERS
from symfold.exchange.onnx.reading.recurrent import RECURRENT
from symfold.exchange.onnx.reading.values import Value, bounded, constant, kind_of
from symfold.exchange.onnx.reading.windows import WINDOWS
from symfold.exchange.onnx.record import recorded
from symfold.exchange.reading.naming import fresh
from symfold.exchange.reading.result import net_read

OPERATIONS = ELEMENTWISE | ARRANGEMENT | INDEXING | LAYERS | WINDOWS | RECURRENT
DEEPEST = 32  # graphs and functions within others
# what rows raise for a model that breaks ONNX's rules
BROKEN = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    UnicodeError,
    MemoryError,
)


@public
def from_onnx(path: str | Path) -> tuple[Net, dict[str, NumpyArray]]:
    """An ONNX model as a net with its weights, `(net, params)`.

    Opsets 13 to the newest of the installed package `onnx` are read. Inputs keep their names, as identifiers; a size by
    name is unknown (`None`). Arrays of real numbers in the model are parameters, other constants stay constants. `Scan`
    and a `Loop` whose number of steps is known are folds, and so is what repeats, as by `sf.roll`; `If` chooses between
    two values. What `sf.to_onnx` wrote is the net that was written, unless its graph was changed. The file may come
    from anywhere: nothing is evaluated, sizes are bounded, and data beside the model are read from its folder only,
    not through links. Needs the extra `onnx`. Raises DataError for what is not a model, and NoRule for an operation
    without a row, by name.

    >>> import tempfile
    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sf.to_onnx(net, f"{folder}/net.onnx", net.init(seed=0))
    ...     again, params = from_onnx(f"{folder}/net.onnx")
    >>> again == net, list(params)[:3]
    (True, ['W1', 'W2', 'W3'])
    """
    place = path_of(path, "sf.from_onnx(path)")
    model = load_model(place)
    try:
        return _read(model, place)
    except SymfoldError:
        raise
    except BROKEN as error:
        raise DataError(f"{str(path)!r} breaks the rules of ONNX: {error}") from error


def _read(model: Any, place: Path) -> tuple[Net, dict[str, NumpyArray]]:
    whole = recorded(model, str(place), lambda tensor_: array_of_tensor(tensor_, place.parent))
    if whole is not None:
        return whole
    reader = Reader(
        place.parent,
        opset_of(model),
        {(function.domain, function.name): function for function in model.functions},
        model.producer_name == "symfold",
    )
    graph = model.graph
    stored = {tensor_.name for tensor_ in graph.initializer}
    env: dict[str, Value] = {}
    inputs: list[Any] = []
    for info in graph.input:
        if info.name not in stored:
            env[info.name] = reader.input(info)
            inputs.append(env[info.name].node)
    reader.run(graph, env, 0)
    results = [_result(env, info.name).node for info in graph.output]
    names = [info.name for info in graph.output]
    outputs: Any = results[0] if len(results) == 1 else dict(zip(names, results, strict=True))
    return net_read(outputs, inputs, reader.values)


def _result(env: Mapping[str, Value], name: str) -> Value:
    if name not in env:
        raise NoRule(f"the value {name!r} is read before it is computed, or never computed")
    return env[name]


@dataclass
class Reader:
    """The operations of a model as nodes."""

    folder: Path
    opset: int
    functions: Mapping[tuple[str, str], Any]
    from_symfold: bool
    taken: set[str] = field(default_factory=set)
    values: dict[str, NumpyArray] = field(default_factory=dict)  # of parameters, by name

    def input(self, info: Any) -> Value:
        """An input of the model."""
        kind = info.type.tensor_type
        if not info.type.HasField("tensor_type"):
            raise NoRule(f"the input {info.name!r} is not a tensor")
        dtype = onnx_package().helper.tensor_dtype_to_np_dtype(kind.elem_type)
        name = fresh(info.name, self.taken)
        if not kind.HasField("shape"):
            return Value(kind_of(dtype), tensor(name))
        sizes = [int(dim.dim_value) if dim.HasField("dim_value") else None for dim in kind.shape.dim]
        return Value(kind_of(dtype), tensor(name, sizes))

    def stored(self, tensor_: Any) -> Value:
        """An array of the model: a parameter if it holds real numbers, or else a constant."""
        array = array_of_tensor(tensor_, self.folder)
        plain = constant(array)
        written = self.from_symfold and not tensor_.name.startswith("constant_")
        if plain.kind != "real" or not (written or (array.ndim and not self.from_symfold)):
            return plain
        values = np.asarray(array, dtype=np.float64)
        names = stacked_names(tensor_.name, len(array)) if written and array.ndim else []
        if names and not self.taken.intersection(names):
            self.taken.update(names)
            self.values |= dict(zip(names, values, strict=True))
            return Value("real", stack([parameter(name, values.shape[1:]) for name in names]), values)
        name = fresh(tensor_.name, self.taken)
        self.values[name] = values
        return Value("real", parameter(name, values.shape), values)

    def run(self, graph: Any, env: dict[str, Value], depth: int) -> None:
        """Read the operations of a graph in order, adding their results to `env`."""
        if depth > DEEPEST:
            raise NoRule(f"the model has more than {DEEPEST} graphs within each other")
        for tensor_ in getattr(graph, "initializer", ()):
            env[tensor_.name] = self.stored(tensor_)
        for node in graph.node:
            try:
                results = self.results(node, env, depth)
            except SymfoldError as error:
                if getattr(error, "located", False):
                    raise
                raise located(f"{where(node)}: {error}") from error
            except RecursionError:
                raise located(f"{where(node)}: its graphs are nested too deeply") from None
            except BROKEN as error:
                raise located(f"{where(node)}: it breaks the rules of ONNX: {error}") from error
            for name, result in zip(node.output, results, strict=False):
                if name:
                    env[name] = result

    def results(self, node: Any, env: dict[str, Value], depth: int) -> list[Value]:
        """The results of one operation."""
        given = [None if not name else _result(env, name) for name in node.input]
        attributes = {a.name: self.attribute(a) for a in node.attribute}
        if function := self.functions.get((node.domain, node.op_type)):
            return self.function(function, given, attributes, depth)
        if node.domain not in ("", "ai.onnx", "ai.onnx.ml"):
            raise NoRule(f"operations of the domain {node.domain!r} have no rules")
        while given and given[-1] is None:
            given.pop()
        if node.op_type == "Constant":
            return [self.constant(attributes)]
        if node.op_type in CONTROL:
            return CONTROL[node.op_type](lambda graph, args: self.body(graph, env, args, depth), given, attributes)
        op = Operation(node.op_type, attributes, len(node.output), self.opset)
        if node.op_type in KNOWN and all(value is not None and value.is_constant for value in given):
            arrays = [value.known for value in given if value is not None]
            bounded(np.broadcast_shapes(*(array.shape for array in arrays)))
            return [constant(KNOWN[node.op_type](*arrays))]
        rows = LEARNERS if node.domain == "ai.onnx.ml" else OPERATIONS
        if node.op_type not in rows:
            raise NoRule("there is no row for it")
        result = rows[node.op_type](op, *given)
        kind = next((value.kind for value in given if value is not None), "real")
        parts = result if isinstance(result, tuple) else (result,)
        return [part if isinstance(part, Value) else Value(kind, part) for part in parts]

    def attribute(self, attribute: Any) -> Any:
        """The value of an attribute; graphs as they are."""
        onnx = onnx_package()
        if attribute.type == onnx.AttributeProto.TENSOR:
            return array_of_tensor(attribute.t, self.folder)
        if attribute.ref_attr_name:
            raise NoRule(f"its attribute {attribute.name!r} is that of a function, which has no rule")
        return onnx.helper.get_attribute_value(attribute)

    def constant(self, attributes: Mapping[str, Any]) -> Value:
        for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
            if name in attributes:
                return constant(np.asarray(attributes[name]))
        raise NoRule(f"a Constant with {', '.join(attributes) or 'no value'} has no rule")

    def function(self, function: Any, given: list[Value | None], attributes: Any, depth: int) -> list[Value]:
        """A function of the model, opened."""
        if attributes or function.attribute:
            raise NoRule("a function with attributes has no rule")
        env = {name: value for name, value in zip(function.input, given, strict=False) if value is not None}
        self.run(function, env, depth + 1)
        return [_result(env, name) for name in function.output]

    def body(self, graph: Any, env: Mapping[str, Value], given: Sequence[Value], depth: int) -> list[Value]:
        """The results of a nested graph, which may read values outside of it."""
        inner = {**env, **{info.name: value for info, value in zip(graph.input, given, strict=True)}}
        self.run(graph, inner, depth + 1)
        return [_result(inner, info.name) for info in graph.output]


def located(message: str) -> NoRule:
    error = NoRule(message)
    error.located = True  # type: ignore[attr-defined]
    return error


def where(node: Any) -> str:
    name = f" {node.name!r}" if node.name else ""
    return f"the operation {node.op_type[:80]}{name[:200]}"


def stacked_names(span: str, count: int) -> list[str]:
    """The names of stacked parameters from the first and the last, as `sf.to_onnx` writes them; none if unknown.

    >>> stacked_names("W1..W3", 3), stacked_names("h_0_w2..h_4_w2", 3), stacked_names("a..b", 2)
    (['W1', 'W2', 'W3'], ['h_0_w2', 'h_2_w2', 'h_4_w2'], [])
    """
    first, last = (re.split(r"([0-9]+)", end) for end in (span.partition("..")[::2]))
    differ = [k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b]
    if len(first) != len(last) or len(differ) != 1 or differ[0] % 2 == 0:
        return []
    before, after = "".join(first[: differ[0]]), "".join(first[differ[0] + 1 :])
    start, end = int(first[differ[0]]), int(last[differ[0]])
    step = (end - start) // max(count - 1, 1)
    names = [f"{before}{start + step * k}{after}" for k in range(count)]
    fits = names and step > 0 and f"{names[0]}..{names[-1]}" == span
    return names if fits and all(name.isidentifier() for name in names) else []
