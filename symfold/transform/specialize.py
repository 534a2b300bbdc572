"""Specialization: numbers for the unknown sizes, shapes and depths of a net.

Unknown sizes that met were assumed equal; now that the numbers are known, this is checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from symfold.base.arguments import one_of, quoted
from symfold.core.blocks import Block, Call, prefixed
from symfold.core.folds import Fold, Step, settle, state_of
from symfold.core.leaves import Constant, Formal, Input, number
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt
from symfold.core.primitives import Apply
from symfold.core.shapes import NAME, Shape, input_shape, is_known, show
from symfold.core.stacked_inputs import Numbered, StackedInputs, is_input, is_leaf
from symfold.errors import InvalidType, InvalidValue, ShapeError

Sizes = Mapping[sp.Symbol, int]


def with_shapes(net: Net, shapes: Mapping[str, Sequence[int]]) -> Net:
    """The net with inputs of these shapes; all other shapes follow.

    >>> import symfold as sf
    >>> with_shapes(sf.Net.of(sf.tensor("x", (None, 3)) + 1), {"x": (5, 3)}).shape
    (5, 3)
    """
    sizes: dict[sp.Symbol, int] = {}
    for leaf in net.leaves:
        if is_input(leaf) and leaf.op.name in shapes and leaf.shape != (NAME,):
            match(leaf, tuple(shapes[leaf.op.name]), sizes)
        elif isinstance(leaf.op, StackedInputs) and leaf.op.role == "input":
            for name in members(leaf.op, shapes):
                match(Node(Input(name, leaf.op.shape)), tuple(shapes[name]), sizes)
    return net_with_sizes(net, sizes, shapes)


def given_shapes(net: Net, shapes: object) -> dict[str, Shape]:
    """The shapes of inputs that a caller gave by name, checked; None gives none.

    >>> import symfold as sf
    >>> given_shapes(sf.Net.of(sf.tensor("x") + 1), {"x": (None, 3)})
    {'x': (x.shape[0], 3)}
    """
    if shapes is None:
        return {}
    if not isinstance(shapes, Mapping):
        raise InvalidType(f"shapes={quoted(shapes)} is not a dict (give shapes by input, as shapes={{'x': (32, 3)}})")
    names = [node.op.name for node in net.inputs]
    return {one_of("input", name, names): input_shape(name, shape) for name, shape in shapes.items()}


def sized(net: object, shapes: object) -> Net:
    """The net with the shapes of inputs that a caller gave by name."""
    net = Net.of(net)
    given = given_shapes(net, shapes)
    return with_shapes(net, given) if given else net


def members(family: StackedInputs, shapes: Mapping[str, Sequence[int]]) -> list[str]:
    """The inputs of a family whose shapes are given."""
    names = family.names if isinstance(family.names, Numbered) else family.positions
    return [name for name in shapes if name in names]


def net_with_sizes(net: Net, sizes: Sizes, shapes: Mapping[str, Sequence[int]] | None = None) -> Net:
    """The net with symbolic sizes replaced by numbers, and with these shapes for inputs by name."""
    roots = with_sizes((*net.outputs, *net.signature), sizes, shapes)
    return Net(roots[: len(net.outputs)], _form(net.form, sizes), tuple(filter(is_leaf, roots[len(net.outputs) :])))


def _form(form: object, sizes: Sizes) -> Any:
    """A form with sizes replaced in its numbered names."""
    if isinstance(form, Numbered):
        return replace(form, count=_number(form.count, sizes))
    return tuple(_form(part, sizes) for part in form) if isinstance(form, tuple) else form


def match(leaf: Node[Input], shape: tuple[int, ...], sizes: dict[sp.Symbol, int]) -> None:
    """Read the unknown sizes of an input off a shape; raise if it does not fit."""
    if not is_known(leaf.shape):
        return
    fits = len(shape) == len(leaf.shape)
    for expected, size in zip(leaf.shape, shape, strict=False):
        if isinstance(expected, sp.Symbol):
            fits = fits and sizes.setdefault(expected, size) == size
        else:
            fits = fits and expected == size
    if not fits:
        raise ShapeError(f"{leaf.op.role} {leaf.op.name!r} has shape {show(leaf.shape)}, got {shape}")


def with_sizes(
    roots: Sequence[Node], sizes: Sizes, shapes: Mapping[str, Sequence[int]] | None = None
) -> tuple[Node, ...]:
    """The roots with symbolic sizes replaced by numbers, and with these shapes for inputs by name."""
    return _sized(tuple(roots), {}, sizes, shapes or {})


def _number(value: object, sizes: Sizes) -> Any:
    """A size, or a tuple of sizes, with symbols replaced by numbers."""
    if isinstance(value, tuple):
        return tuple(_number(part, sizes) for part in value)
    if isinstance(value, sp.Basic):
        size = value.subs(sizes)
        return int(size) if size.is_Integer else size
    return value


def _attributes(value: object, sizes: Sizes) -> Any:
    """The sizes and places of a primitive, with numbers in place of symbols; no number may be negative."""
    if isinstance(value, tuple):
        return tuple(_attributes(part, sizes) for part in value)
    result = _number(value, sizes)
    if isinstance(value, sp.Basic) and isinstance(result, int) and result < 0:
        given = ", ".join(f"{symbol} = {sizes[symbol]}" for symbol in sorted(value.free_symbols, key=str))
        raise ShapeError(f"the net does not take {given}: {value} is negative")
    return result


def _sized(
    roots: tuple[Node, ...], leaves: Mapping[Node, Node], sizes: Sizes, shapes: Mapping[str, Sequence[int]]
) -> tuple[Node, ...]:
    checked: set[tuple[tuple[Shape, ...], tuple[Shape, ...]]] = set()  # a net has few combinations of shapes

    bodies: dict[tuple[Call, tuple[Shape, ...]], Block] = {}  # of layers, which share them

    def check(node: Node, args: tuple[Node, ...]) -> None:
        combination = tuple([arg.shape for arg in node.args]), tuple([arg.shape for arg in args])
        if combination not in checked:
            check_met(node, args)
            checked.add(combination)

    def rule(node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
        op = node.op
        if isinstance(op, type):
            check(node, args)
            return None
        if isinstance(op, Input):
            shape = tuple(shapes[op.name]) if op.name in shapes and op.shape != (NAME,) else _number(op.shape, sizes)
            return Node(Input(op.name, shape, op.role, op.start))
        if isinstance(op, StackedInputs):
            names = members(op, shapes) if op.role == "input" and not is_known(op.shape) else ()
            shape = tuple(shapes[names[0]]) if names else _number(op.shape, sizes)
            return Node(replace(op, names=_form(op.names, sizes), shape=shape))
        if isinstance(op, Fold):
            return _fold(op, args, sizes, shapes)
        if isinstance(op, Call) and op.body is not None:
            arg_shapes = tuple([arg.shape for arg in args[1:]])
            if (op, arg_shapes) not in bodies:
                bodies[op, arg_shapes] = _sized_body(op.body, arg_shapes, sizes)
            return Node(replace(op, body=bodies[op, arg_shapes]), args)
        if isinstance(op, Apply):
            return Apply(op.primitive, _attributes(op.attributes, sizes)).rebuild(args)
        if isinstance(op, Constant) and isinstance(op.value, sp.Expr) and op.value.free_symbols:
            return number(_number(op.value, sizes))
        return None

    return rebuilt(roots, rule, leaves)


def _sized_body(body: Block, shapes: tuple[Shape, ...], sizes: Sizes) -> Block:
    """The body of a layer with sizes replaced, for arguments of these shapes; itself if it has none of the sizes."""
    if shapes == body.shapes:  # all its sizes are known
        return body
    as_it_is = {formal: formal for formal in body.formals}
    if _number(body.shapes, sizes) == body.shapes and _sized(body.results, as_it_is, sizes, {}) == body.results:
        return body
    formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(shapes)]
    return Block(shapes, _sized(body.results, dict(zip(body.formals, formals, strict=True)), sizes, {}))


def _fold(fold: Fold, args: tuple[Node, ...], sizes: Sizes, shapes: Mapping[str, Sequence[int]]) -> tuple[Node, ...]:
    init, operands = args[: fold.carries], args[fold.carries :]
    entries = [o.shape[1:] if each else o.shape for o, each in zip(operands, fold.each, strict=True)]
    count = _number(fold.count, sizes)
    if isinstance(count, int) and count < 0:
        raise InvalidValue(
            f"the depth {fold.count} of a part of the net would be {count}, since its first steps are separate "
            "(give the depth a larger number)"
        )
    for operand, each in zip(operands, fold.each, strict=True):
        if each and operand.shape[0] != count:
            raise ShapeError(f"a fold of {count} steps reads a sequence of {operand.shape[0]} entries")

    def step_for(state: tuple[Shape, ...], first: int) -> Step:
        formal_shapes = (*state, *entries)
        formals = [Node(Formal(0, k, shape)) for k, shape in enumerate(formal_shapes)]
        try:
            results = _sized(fold.block.results, dict(zip(fold.block.formals, formals, strict=True)), sizes, shapes)
        except ShapeError as error:
            raise prefixed(error, f"a step of a fold, {state_of(state)}") from None
        return Step(Block(formal_shapes, results), operands, fold.each)

    return settle(step_for, count, init)


def check_met(node: Node, args: Sequence[Node]) -> None:
    """Check that sizes which met while one was unknown are equal: an unknown size is never broadcast as 1."""
    before = [arg.shape for arg in node.args]
    if not all(map(is_known, before)):
        return
    for axis in range(1, max(map(len, before), default=0) + 1):
        met = [
            a.shape[-axis]
            for b, a in zip(before, args, strict=True)
            if len(b) >= axis and b[-axis] != 1 and is_known(a.shape)
        ]
        if len(set(met)) > 1 and all(isinstance(size, int) for size in met):
            shapes = " and ".join(show(arg.shape) for arg in args if arg.shape)
            raise ShapeError(
                f"sizes that meet must be equal: {shapes} "
                "(an unknown size, None, is never broadcast; give it as 1 if it is)"
            )
