"""Reading nets: nodes and blocks from plain data, each checked as it is built; nothing is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from symfold.base.trees import LEAF, Form
from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold, Select
from symfold.core.functions import head_named
from symfold.core.leaves import Constant, Fixed, Formal, FrozenArray, Input, Normal
from symfold.core.nodes import Node
from symfold.core.primitives import PRIMITIVES, Apply
from symfold.core.stacked_inputs import Numbered, StackedInputs, compress
from symfold.core.values import decode_value
from symfold.errors import DataError, SymfoldError
from symfold.exchange.plain_data.checks import check_attributes, check_block, check_node, nesting, require
from symfold.exchange.plain_data.writer import FORMAT

# what operations and SymPy raise if they are given what was never meant for them
RAISED = (
    *(SymfoldError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError),
    *(NotImplementedError, AssertionError),
)


class Reader:
    """Blocks and nodes, each checked as it is built."""

    def __init__(self, data: Any):
        require(isinstance(data, dict), f"expected an object, got {type(data).__name__}")
        keys = {"symfold", "blocks", "nodes", "outputs", "form"}
        require(keys <= set(data), f"it has no {', '.join(sorted(keys - set(data)))}")
        require(data["symfold"] == FORMAT, f"its format is {data['symfold']!r}, and this symfold reads format {FORMAT}")
        self.data = data
        self.nodes: list[Node] = []
        self.blocks: list[Block] = []
        self.depths: dict[Block, int] = {}

    def at(self, earlier: list[Any], place: Any, what: str) -> Any:
        valid = type(place) is int and 0 <= place < len(earlier)
        require(valid, f"{what} {place!r} is not among the {len(earlier)} before it")
        return earlier[place]

    def node(self, place: Any) -> Node:
        node: Node = self.at(self.nodes, place, "node")
        return node

    def block(self, place: object) -> Block:
        self.read_blocks(place)
        block: Block = self.at(self.blocks, place, "block")
        return block

    def read_blocks(self, last: Any) -> None:
        """Build blocks on demand, once their nodes are read."""
        listed = self.data["blocks"]
        while type(last) is int and len(self.blocks) <= last < len(listed):
            shapes, results = listed[len(self.blocks)]
            block = Block(decode_value(shapes), tuple(map(self.node, results)))
            check_block(block.shapes, block.results)
            self.depths[block] = nesting(block.results, self.depths)
            self.blocks.append(block)

    def read(self) -> tuple[tuple[Node, ...], Form, tuple[Node, ...]]:
        for number, entry in enumerate(self.data["nodes"]):
            try:
                (kind, *fields), args = entry
                require(kind in READERS, f"unknown operation {kind!r} (must be one of {', '.join(READERS)})")
                node = Node(READERS[kind](self, *fields), tuple(map(self.node, args)))
                check_node(node)
                self.nodes.append(node)
            except DataError:
                raise
            except RAISED as error:
                raise DataError(
                    f"not a net: node {number} cannot be read: {error} (give what net.to_json() wrote)"
                ) from error
        outputs = tuple(map(self.node, self.data["outputs"]))
        form = _form_from_data(self.data["form"])
        require(
            _leaf_count(form) == len(outputs), f"its form has {_leaf_count(form)} places for {len(outputs)} outputs"
        )
        return outputs, form, tuple(map(self.node, self.data.get("signature", ())))


def _read_start(start: Any) -> Normal | None:
    if start is None:
        return None
    require(list(start[2:]) in ([], ["fixed"]), f"a parameter that starts as {start!r}")
    return (Fixed if start[2:] else Normal)(float(start[0]), float(start[1]))


def _read_names(names: Any) -> Any:
    kind, *fields = names
    if kind == "numbered":
        return Numbered(_text(fields[0]), int(fields[1]), decode_value(fields[2]), *map(int, fields[3:4]))
    return compress(list(map(_text, fields))) if fields else ()


def _text(value: object) -> str:
    require(isinstance(value, str), f"{value!r} is not a name")
    return str(value)


def _apply(reader: Reader, name: Any, attributes: Any) -> Apply:
    require(name in PRIMITIVES, f"unknown primitive {name!r} (must be one of {', '.join(sorted(PRIMITIVES))})")
    op = Apply(PRIMITIVES[name], tuple((_text(key), decode_value(value)) for key, value in attributes))
    check_attributes(op)  # before its shape rule meets them
    return op


def _array(reader: Reader, dtype: Any, shape: Any, data: Any) -> Constant:
    plain = np.dtype(_text(dtype))
    require(plain.kind in "biuf", f"an array of type {plain}")
    return Constant(FrozenArray.of(np.frombuffer(bytes.fromhex(data), dtype=plain).reshape(tuple(shape))))


def _fold(reader: Reader, block: Any, count: Any, carries: Any, each: Any) -> Fold:
    body = reader.block(block)
    fields = type(carries) is int and 0 <= carries <= len(body.shapes) and all(type(flag) is bool for flag in each)
    require(fields, "a fold with odd fields")
    return Fold(body, decode_value(count), carries, tuple(each))


def _call(reader: Reader, body: Any, arity: Any, weights: Any) -> Call:
    require(
        all(type(count) is int and 0 <= count < 256 for count in (arity, weights)), f"a layer of {arity!r} arguments"
    )
    return Call(None if body is None else reader.block(body), arity, weights)


READERS: dict[str, Callable[..., Any]] = {
    "input": lambda r, name, shape, role, start: Input(
        _text(name), decode_value(shape), _text(role), _read_start(start)
    ),
    "family": lambda r, names, shape, role, start: StackedInputs(
        _read_names(names), decode_value(shape), _text(role), _read_start(start)
    ),
    "formal": lambda r, level, position, shape: Formal(int(level), int(position), decode_value(shape)),
    "number": lambda r, value: Constant(decode_value(value, number=True)),
    "array": _array,
    "head": lambda r, name: head_named(name),
    "apply": _apply,
    "call": _call,
    "fold": _fold,
    "select": lambda r, position: Select(int(position)),
}


def _form_from_data(data: Any) -> Form:
    if data == LEAF:
        return LEAF
    kind, parts = data
    require(kind in ("tuple", "dict", "named"), f"unknown form {kind!r} (must be one of 'dict', 'named', 'tuple')")
    if kind == "named":
        return ("named", tuple(names if isinstance(names, str) else _read_names(names) for names in parts))
    if kind == "dict":
        return ("dict", tuple((decode_value(key), _form_from_data(part)) for key, part in parts))
    return ("tuple", tuple(map(_form_from_data, parts)))


def _leaf_count(form: Form) -> int:
    return sum(1 for _ in _leaves(form))


def _leaves(form: Form) -> Iterator[Form]:
    if form == LEAF:
        yield form
    elif form[0] == "named":
        yield from form[1]
    else:
        for part in form[1]:
            yield from _leaves(part[1] if form[0] == "dict" else part)


def nodes_from_data(data: object) -> tuple[tuple[Node, ...], Form, tuple[Node, ...]]:
    """Nodes, their form and their signature from plain data; a `DataError` if it is invalid."""
    try:
        return Reader(data).read()
    except SymfoldError:
        raise
    except RAISED as error:
        raise DataError(f"not a net: {error} (give what net.to_json() wrote)") from error
