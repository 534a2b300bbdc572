"""What a net may be made of: the rules that hold for every net built in Python, checked on one that is read.

A rule looks at one node or one block, whose parts have been checked before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sympy as sp

from symfold.base.trees import LEAF, Form
from symfold.core.blocks import Block, Call, is_name
from symfold.core.folds import Fold, Select, is_fold
from symfold.core.leaves import Constant, Formal, FrozenArray, Input
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import Apply
from symfold.core.shapes import ANY, NAME, Rest, Shape, fits, is_known, settled
from symfold.core.stacked_inputs import Numbered, StackedInputs, count_of
from symfold.errors import DataError

MOST_NESTED = 50  # blocks inside blocks
LARGEST = 2**62  # of the whole numbers in a net: sizes, counts, axes
MOST_BITS = 14_000  # of an exact number, which prints with at most 4,300 digits
LONGEST_SIZE = 200  # operations in a symbolic size
ROLES = ("input", "parameter", "layer")


def require(condition: object, wrong: str) -> None:
    """Raise a `DataError` unless the condition holds."""
    if not condition:
        raise DataError(f"not a net: {wrong} (give what net.to_json() wrote)")


def is_whole(value: Any, least: int = 0) -> bool:
    """Whether a value is a whole number that can be a size."""
    return type(value) is int and least <= value < LARGEST


def is_size(value: Any, least: int = 0) -> bool:
    """Whether a value is a size or a count: a whole number, or a short expression in symbols."""
    if not isinstance(value, sp.Expr):
        return is_whole(value, least)
    if isinstance(value, sp.Symbol):
        return bool(value.is_integer)
    symbols = value.free_symbols
    return bool(symbols) and all(symbol.is_integer for symbol in symbols) and value.count_ops() <= LONGEST_SIZE


def check_name(name: str) -> None:
    """Raise unless a name is Unicode; SymPy's symbols may have any name, and outputs escape it."""
    require(not any("\ud800" <= character <= "\udfff" for character in name), f"{name[:60]!r} is not a name")


def check_shape(shape: Any) -> None:
    valid = isinstance(shape, tuple) and len(shape) <= 64
    valid = valid and all(isinstance(size, Rest) or is_size(size) for size in shape)
    require(valid and sum(isinstance(size, Rest) for size in shape) <= 1, f"{str(shape)[:60]} is not a shape")


def check_names(names: Any) -> None:
    """Raise unless these are names of stacked inputs."""
    if isinstance(names, Numbered):
        check_name(names.prefix)
        fields = is_whole(names.start) and is_size(names.count, 1) and is_whole(names.step, 1)
        require(fields, f"names numbered from {names.start} by {names.step}, {str(names.count)[:60]} of them")
        return
    require(names and len(set(names)) == len(names), "names that are none, or twice the same")
    for name in names:
        check_name(name)


def check_input(op: Any) -> None:
    """Raise unless an input, or stacked inputs, have names, a shape and a role that go together."""
    check_names((op.name,) if isinstance(op, Input) else op.names)
    check_shape(op.shape)
    require(op.role in ROLES, f"the role {str(op.role)[:60]!r} (must be one of 'input', 'layer', 'parameter')")
    require((op.role == "layer") == (op.shape == (NAME,)), f"a {op.role} of shape {str(op.shape)[:60]}")
    require(op.start is None or op.role == "parameter", f"a {op.role} that starts as a parameter")


def check_constant(op: Constant) -> None:
    """Raise unless a constant is a real number of bounded length, the depth of a fold, or an array."""
    value = op.value
    if isinstance(value, FrozenArray):
        check_shape(value.shape)
        return
    numbers = value.atoms(sp.Rational)
    require(all(max(abs(n.p), n.q).bit_length() <= MOST_BITS for n in numbers), "a number of too many digits")
    require(value.is_extended_real is not False or value in (sp.nan, sp.zoo), "a number that is not real")
    if not value.free_symbols:
        float(value if value is not sp.zoo else sp.nan)


def check_head(head: Any, args: Sequence[Node]) -> None:
    """Raise unless the arguments of an elementwise function are values."""
    require(len(args) >= 1, f"{head.__name__} of 0 arguments")
    require(not any(is_name(arg) or is_fold(arg) for arg in args), f"{head.__name__} of something that is not a value")


ARRANGING = ("stack", "take", "reverse", "concatenate", "item", "expand", "squeeze", "reshape")  # of names, too


def check_arguments(op: Apply, args: Sequence[Node]) -> None:
    """Raise unless the arguments of a primitive are values, or names where it reads or arranges them."""
    dtypes = op.primitive.dtypes
    for k, arg in enumerate(args):
        named = is_name(arg) and op.primitive.name not in ARRANGING and (k >= len(dtypes) or dtypes[k] != "name")
        require(not is_fold(arg) and not named, f"{op.primitive.name} of something that is not a value")
    if op.primitive.name in ARRANGING:
        require(len(set(map(is_name, args))) <= 1, f"{op.primitive.name} of names and values")


def check_attributes(op: Apply) -> None:
    """Raise unless the attributes of a primitive are those of its examples, of the same kinds."""
    given = dict(op.attributes)
    require(len(given) == len(op.attributes), f"{op.primitive.name} with an attribute twice")
    require(all(map(is_plain, given.values())), f"{op.primitive.name} with an attribute out of bounds")
    examples = [dict(attributes) for _, attributes in op.primitive.examples]
    if not examples:
        return
    require(
        any(set(given) == set(example) for example in examples),
        f"{op.primitive.name} with the attributes {str(sorted(given))[:60]}",
    )
    for name, value in given.items():
        kinds = {kind_of(example[name]) for example in examples if name in example}
        # an axis may be None, several or one; positions are listed or a range; a number may be whole
        if kinds & {"tuple", "range"}:
            kinds |= {"tuple", "range", "nothing"}
        if "number" in kinds:
            kinds.add("whole")
        require(kind_of(value) in kinds, f"{op.primitive.name} with {name}={str(value)[:60]}")


KINDS: dict[type, str] = {
    bool: "truth", int: "whole", float: "number", str: "text", tuple: "tuple", range: "range", type(None): "nothing",
}  # fmt: skip


def is_plain(value: Any) -> bool:
    """Whether the whole numbers in an attribute are bounded, and a tuple holds sizes, indices and slices."""
    if isinstance(value, tuple):
        return all(not isinstance(part, (bool, float, str)) and is_plain(part) for part in value)
    if isinstance(value, range):
        return max(abs(value.start), abs(value.stop), abs(value.step)) < LARGEST and len(value) <= 10**7
    return abs(value) < LARGEST if type(value) is int else not isinstance(value, sp.Expr) or _is_short(value)


def _is_short(value: sp.Expr) -> bool:
    return bool(value.is_number) or is_size(value)


def kind_of(value: Any) -> str:
    """The kind of an attribute."""
    number = isinstance(value, sp.Expr) and value.is_number
    return KINDS.get(type(value), "number" if number else type(value).__name__)


def check_call(op: Call, args: Sequence[Node]) -> None:
    """Raise unless a layer has a name, and its body takes the other arguments."""
    require(args and is_name(args[0]) and len(args[0].shape) == 1, "a layer without a name")
    require(op.arity >= 0 and len(args) >= 1 + op.arity + op.weights, f"a layer of {len(args) - 1} arguments")
    require(not any(is_fold(arg) for arg in args), "a layer of something that is not a value")
    if op.body is None:
        return
    shapes = [arg.shape for arg in args[1:]]
    same = len(shapes) == len(op.body.shapes) and all(map(fits, shapes, op.body.shapes))
    require(same and len(op.body.results) == 1, "a layer whose body takes other arguments")
    check_kinds(shapes, op.body)


def check_kinds(shapes: Sequence[Shape], block: Block) -> None:
    """Raise unless a block takes names where names are given, and values where values are."""
    for shape, expected in zip(shapes, block.shapes, strict=True):
        require(
            (shape[-1:] == (NAME,)) == (expected[-1:] == (NAME,)), "a name where a value is read, or a value for a name"
        )


def check_fold(op: Fold, args: Sequence[Node]) -> None:
    """Raise unless the operands are as long as the fold, and the state keeps its shape."""
    require(is_size(op.count) and 0 <= op.carries <= len(args), "a fold with odd fields")
    require(len(op.each) == len(args) - op.carries and not any(map(is_fold, args)), "a fold with odd operands")
    flags = (False,) * op.carries + op.each
    check_kinds([arg.shape[1:] if each else arg.shape for arg, each in zip(args, flags, strict=True)], op.block)
    require(not any(map(is_name, op.split(args)[0])), "a fold whose state is a name")
    for arg, each in zip(op.split(args)[1], op.each, strict=True):
        if each:
            length = arg.shape[0] if arg.shape and not isinstance(arg.shape[0], Rest) else None
            require(length == op.count, f"a fold of {op.count} steps over a sequence of {length}")
    if op.count in (0, 1):  # one step may change the state's shape
        return
    for before, result in zip(op.block.shapes[: op.carries], op.block.results, strict=False):
        after = result.shape
        stays = settled(before, after) or not (is_known(before) and is_known(after)) or before == ANY
        require(stays, f"a fold whose state changes its shape from {str(before)[:60]} to {str(after)[:60]}")


def check_select(op: Select, args: Sequence[Node]) -> None:
    fold = args[0].op if len(args) == 1 else None
    require(isinstance(fold, Fold), "a result of something that is not a fold")
    require(isinstance(fold, Fold) and 0 <= op.position < len(fold.block.results), f"result {op.position} of a fold")


def check_node(node: Node) -> None:
    """Raise unless the node could have been built in Python."""
    op, args = node.op, node.args
    if isinstance(op, type):
        check_head(op, args)
    elif isinstance(op, Apply):
        check_arguments(op, args)
    else:
        check, fields = CHECKS[type(op)]
        check(op, args) if fields == 2 else check(op)
        require(fields == 2 or not args, f"a {type(op).__name__} with arguments")
    if not isinstance(op, (Fold, Input)):
        check_shape(node.shape)


CHECKS: dict[type, tuple[Callable[..., None], int]] = {
    Input: (check_input, 1),
    StackedInputs: (check_input, 1),
    Formal: (lambda op: require(op.level == 0 and is_whole(op.position), f"a formal at {op.position!r}"), 1),
    Constant: (check_constant, 1),
    Call: (check_call, 2),
    Fold: (check_fold, 2),
    Select: (check_select, 2),
}


def check_block(shapes: Sequence[Shape], results: Sequence[Node]) -> None:
    """Raise unless a block reads its own formals and nothing else."""
    require(isinstance(shapes, tuple), f"{str(shapes)[:60]} are not shapes")
    for shape in shapes:
        check_shape(shape)
    for node in walk(results):
        if isinstance(node.op, Formal):
            position = node.op.position
            require(position < len(shapes) and node.shape == shapes[position], f"a formal {position} of another block")
        require(not isinstance(node.op, (Input, StackedInputs)), "a block that reads an input of the net")
    require(not any(map(is_fold, results)), "a block whose result is not a value")


def nesting(results: Sequence[Node], depths: dict[Block, int]) -> int:
    """How deep blocks are nested in a block of these results, whose inner blocks are known."""
    ops = [node.op for node in walk(results)]
    inner = [op.block if isinstance(op, Fold) else op.body for op in ops if isinstance(op, (Fold, Call))]
    depth = 1 + max((depths[block] for block in inner if block is not None), default=0)
    require(depth <= MOST_NESTED, f"blocks nested more than {MOST_NESTED} deep")
    return depth


def check_form(form: Form, outputs: Iterator[Node]) -> None:
    """Raise unless a form names each thing once, and stacked names are as many as the entries of their output."""
    if form == LEAF:
        next(outputs)
        return
    kind, parts = form
    if kind == "named":
        for names in parts:
            output = next(outputs)
            if not isinstance(names, str):
                require(output.shape[:1] == (count_of(names),), "more or fewer names than outputs")
        return
    if kind == "dict":
        keys = [key for key, _ in parts]
        require(all(isinstance(key, (str, int, float, tuple)) or key is None for key in keys), "a key of odd type")
        require(len(set(keys)) == len(keys), "a key twice")
    for part in parts:
        check_form(part[1] if kind == "dict" else part, outputs)


def check_net(net: Net) -> None:
    """Raise unless the outputs and the signature are those of a net."""
    for node in walk(net.outputs):
        require(not isinstance(node.op, Formal), "a formal outside of blocks")
    for output in net.outputs:
        require(not is_name(output) and not is_fold(output), "an output that is not a value")
    check_form(net.form, iter(net.outputs))
    require(isinstance(net.leaves, tuple), "")  # an error, if one name means two things
