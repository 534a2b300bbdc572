"""Sizes of PyTorch's tensors: which axes of a module's inputs stay unknown, and sizes as a net has them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import sympy as sp

from symfold.base.arguments import quoted
from symfold.core.shapes import Size, positive_integer, size_symbol
from symfold.errors import InvalidType, InvalidValue, NoRule, listing

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

LAST = 2**63 - 1  # the end of a slice without one
LARGE = 64  # the sign of a place is that at sizes from here on
Axes = dict[int, str]  # the unknown axes of a tensor, with the names of their sizes, which may be empty
BATCH, SEQUENCE = "batch", "sequence"


@dataclass(frozen=True)
class Example:
    """The example inputs of a module, and which of their axes have unknown sizes."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: Any = None  # as torch.export takes them; None if all sizes are known
    axes: tuple[Axes, ...] = ()  # of each tensor
    named: bool = False  # by the caller: axes of one name have one size


# -- marks: which axes are unknown


def marked(torch: ModuleType, module: Module, example: Example, given: object) -> Example:
    """An example with the axes that a caller marked, as `torch.export` has them: by argument, then by axis.

    A mark is a `Dim`, a name, or a hint such as `Dim.AUTO`.
    """
    arguments = bound(module, example).arguments
    if not isinstance(given, (Mapping, list, tuple)):
        raise InvalidType(
            f"dynamic_shapes={quoted(given)} is not a dict by argument, nor a tuple "
            "(as {'x': {0: 'batch'}}; {} keeps the sizes of the example)"
        )
    if isinstance(given, Mapping) and (unknown := [name for name in given if name not in arguments]):
        raise InvalidValue(f"dynamic_shapes: the module takes no {unknown[0]!r} here (it takes {listing(arguments)})")
    if not isinstance(given, Mapping) and len(given) > len(arguments):
        raise InvalidValue(f"dynamic_shapes has {len(given)} entries, and {len(arguments)} arguments are given")
    by_name = dict(given) if isinstance(given, Mapping) else dict(zip(arguments, given, strict=False))
    return _with_marks(torch, module, example, lambda path, tensor: _axes_given(torch, path, tensor, by_name), True)


def guessed(torch: ModuleType, module: Module, example: Example, unknown: Collection[str]) -> Example:
    """An example with unknown first axes, the batch, and unknown lengths of sequences: of numbers or of vectors."""

    def axes(path: Sequence[Any], tensor: Tensor) -> dict[int, Any]:
        guess = {0: BATCH, **({1: SEQUENCE} if has_length(tensor) else {})} if tensor.ndim else {}
        return {axis: name for axis, name in guess.items() if name in unknown}

    return _with_marks(torch, module, example, axes, False)


def has_length(value: Any) -> bool:
    """Whether a tensor is taken for sequences: of numbers or of vectors."""
    return bool(value.ndim == 3 or (value.ndim == 2 and not value.is_floating_point()))


def unknown_sizes(torch: ModuleType, example: object) -> list[tuple[str, ...]]:
    """Which sizes of some inputs to leave unknown: as many as possible, or else fewer."""
    has_lengths = any(has_length(value) for _, value in _tensors(torch, example))
    return [(BATCH, SEQUENCE), (BATCH,)] if has_lengths else [(BATCH,)]


def bound(module: Module, example: Example) -> inspect.BoundArguments:
    """The arguments of an example by name, as `torch.export` names them."""
    try:
        return inspect.signature(module.forward).bind(*example.args, **example.kwargs)
    except TypeError as error:
        takes = ", ".join(inspect.signature(module.forward).parameters)
        name = type(module).__name__
        raise InvalidValue(f"{name} does not take these example inputs: {error} (its forward takes: {takes})") from None


def _axes_given(torch: ModuleType, path: Sequence[Any], tensor: Tensor, by_name: Mapping[str, Any]) -> dict[int, Any]:
    mark: Any = by_name
    for key in path:
        mark = mark.get(key) if isinstance(mark, Mapping) else mark[key] if mark else None
    if mark is None:
        return {}
    pairs = mark.items() if isinstance(mark, Mapping) else enumerate(mark) if isinstance(mark, (list, tuple)) else ()
    axes = {axis: each for axis, each in pairs if each is not None and each != torch.export.Dim.STATIC}
    if not pairs or any(not isinstance(axis, int) or not 0 <= axis < tensor.ndim for axis in axes):
        place = ".".join(map(str, path))
        raise InvalidValue(
            f"dynamic_shapes of {place!r}: {quoted(mark)} is not a dict by axis (from 0 to {tensor.ndim - 1}, "
            "as {0: 'batch'})"
        )
    return {axis: each for axis, each in axes.items() if not isinstance(each, int)}


def _with_marks(
    torch: ModuleType,
    module: Module,
    example: Example,
    axes_of: Callable[[Sequence[Any], Tensor], dict[int, Any]],
    named: bool,
) -> Example:
    arguments = bound(module, example)
    tensors = list(_tensors(torch, arguments.arguments))
    marks = [axes_of(path, tensor) for path, tensor in tensors]
    axes = tuple({axis: _name(torch, mark) for axis, mark in each.items()} for each in marks)
    auto, must = torch.export.Dim.AUTO, torch.export.Dim.DYNAMIC
    hints = [
        {axis: mark if mark in (auto, must) else must if named else auto for axis, mark in each.items()}
        for each in marks
    ]
    rows = iter([_without_ones(tensor, each, axes, tensors) for (_, tensor), each in zip(tensors, axes, strict=True)])
    shapes = iter(hints)
    for name, value in list(arguments.arguments.items()):
        arguments.arguments[name] = _mapped(torch, value, lambda _: next(rows))
    spec = {
        name: _mapped(torch, value, lambda _: next(shapes), other=None) for name, value in arguments.arguments.items()
    }
    return Example(arguments.args, arguments.kwargs, spec, axes, named)


def _name(torch: ModuleType, mark: Any) -> str:
    """The name of a marked size; a size that depends on another one has none."""
    if isinstance(mark, str):
        return mark
    derived = type(mark).__name__ == "_DerivedDim"
    return str(mark.__name__) if isinstance(mark, torch.export.Dim) and not derived else ""


def _without_ones(
    tensor: Tensor, axes: Axes, all_axes: Sequence[Axes], tensors: Sequence[tuple[Any, Tensor]]
) -> Tensor:
    """A tensor without unknown sizes of 1, which PyTorch takes for known: two entries of what is one everywhere."""
    for axis, name in axes.items():
        sizes = {
            other.shape[k] for (_, other), each in zip(tensors, all_axes, strict=True) for k, label in each.items()
            if label == name and (name or other is tensor)
        }  # fmt: skip
        if sizes == {1}:
            tensor = tensor.detach().repeat_interleave(2, axis)
    return tensor


def _tensors(torch: ModuleType, value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Tensor]]:
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, (Mapping, list, tuple)):
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _tensors(torch, part, (*path, key))


def _mapped(torch: ModuleType, value: Any, change: Callable[[Any], Any], **other: Any) -> Any:
    """A tree of tensors with each one changed; everything else stays, or becomes `other`."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(torch, part, change, **other) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)([_mapped(torch, part, change, **other) for part in value])
    return other.get("other", value) if other else value


# -- sizes of exported tensors


@dataclass(frozen=True)
class Sizes:
    """The unknown sizes of an exported module, as symbols of the net by those of PyTorch."""

    symbols: Mapping[sp.Symbol, sp.Symbol] = field(default_factory=dict)
    conditions: tuple[Any, ...] = ()  # in PyTorch's symbols: what it found true at the sizes of the example

    def known(self, value: object) -> bool:
        """Whether a value is a number that is computed from sizes of the inputs."""
        node = getattr(value, "node", None) if type(value).__name__ in ("SymInt", "SymFloat", "SymBool") else None
        return node is not None and node.expr.free_symbols <= self.symbols.keys()

    def of(self, value: Any) -> Any:
        """A size as the net has it; a number that depends on values stays as it is."""
        return size_of(value.node.expr, self.symbols) if self.known(value) else value

    def shape(self, value: object) -> tuple[Any, ...]:
        """The shape of a tensor; () of a number computed from tensors."""
        return tuple(map(self.of, getattr(value, "shape", ())))


def sizes_of(inputs: Sequence[tuple[str, Sequence[Any]]], axes: Sequence[Axes], named: bool) -> Sizes:
    """The unknown sizes of some inputs: under the names of their marks, or else by input and axis."""
    symbols: dict[sp.Symbol, sp.Symbol] = {}
    conditions: tuple[Any, ...] = ()
    taken = {name for name, _ in inputs}
    for place, (name, shape) in enumerate(inputs):
        marks = axes[place] if place < len(axes) else {}
        for axis, size in enumerate(shape):
            expression = size if isinstance(size, int) else size.node.expr
            if not isinstance(size, int):
                environment = size.node.shape_env
                conditions = tuple(dict.fromkeys(environment.replace(guard.expr) for guard in environment.guards))
            if not isinstance(expression, sp.Symbol) or expression in symbols:
                continue
            label = marks.get(axis, "")
            plain = label and label not in taken
            symbols[expression] = positive_integer(label) if plain else size_symbol(name, axis)
            if not named:  # what PyTorch does not find equal may differ
                taken.add(label)
    return Sizes(symbols, conditions)


def from_start(place: Size, size: Size) -> Size:
    """A place along an axis, counted from its start; places that are negative at large sizes are counted from the end.

    >>> n = positive_integer("n")
    >>> from_start(-2, 5), from_start(1 - n, 3 * n), from_start(n - 2, 3 * n)
    (3, 2*n + 1, n - 2)
    """
    if isinstance(place, int):
        return size + place if place < 0 else place
    large = sp.expand(place.subs({symbol: symbol + LARGE for symbol in place.free_symbols}))
    if not large.is_nonnegative and not large.is_negative:
        raise NoRule(f"the place {place} along an axis counts from its start or its end, depending on the sizes")
    return size + place if large.is_negative else place


def ends_of(start: Size | None, stop: Size | None, size: Size, count: Size | None = None) -> tuple[Size, Size]:
    """The ends of a slice of an axis, counted from its start; PyTorch may know the number of entries between them.

    >>> n = positive_integer("n")
    >>> ends_of(-2, None, 5), ends_of(None, 9, 5), ends_of(-1, None, n), ends_of(-n, None, n + 2, n)
    ((3, 5), (0, 5), (n - 1, n), (2, n + 2))
    """
    if isinstance(size, int) and not any(isinstance(end, sp.Expr) for end in (start, stop)):
        first, last, _ = slice(start, stop).indices(size)
        return first, max(first, last)
    to_the_end = stop is None or stop == LAST
    if to_the_end and count is not None:
        return size - count, size
    if start in (None, 0) and count is not None:
        return 0, count
    begin = 0 if start is None else from_start(start, size)
    if count is not None:
        return begin, begin + count
    return begin, size if to_the_end else from_start(stop, size)


def size_of(expression: sp.Expr, symbols: Mapping[sp.Symbol, sp.Symbol]) -> Size | float:
    """A number of PyTorch's sizes as one of the net's.

    >>> n, batch = sp.Symbol("s0", integer=True, positive=True), positive_integer("batch")
    >>> size_of(4 * n + 1, {n: batch}), size_of(sp.Integer(3), {})
    (4*batch + 1, 3)
    """
    result = _translated(expression, symbols)
    if result.is_Integer:
        return int(result)
    return float(result) if result.is_Float else result


def _translated(expression: sp.Expr, symbols: Mapping[sp.Symbol, sp.Symbol]) -> sp.Expr:
    if expression in symbols:
        return symbols[expression]
    if not expression.args:
        return sp.sympify(expression)
    args = [_translated(arg, symbols) for arg in expression.args]
    name = type(expression).__name__
    if name not in OPERATIONS:
        raise NoRule(f"a size computed by {name} has no rule")
    return OPERATIONS[name](*args)


OPERATIONS: dict[str, Callable[..., sp.Expr]] = {
    "Add": sp.Add, "Mul": sp.Mul, "Pow": sp.Pow, "PowByNatural": sp.Pow, "FloatPow": sp.Pow,
    "FloorDiv": lambda a, b: sp.floor(a / b), "CleanDiv": lambda a, b: a / b, "CeilDiv": lambda a, b: sp.ceiling(a / b),
    **dict.fromkeys(("IntTrueDiv", "FloatTrueDiv"), lambda a, b: a / b),
    **dict.fromkeys(("Mod", "PythonMod"), lambda a, b: a - b * sp.floor(a / b)),
    "Max": sp.Max, "Min": sp.Min, "ToFloat": lambda a: a, "Identity": lambda a: a, "OpaqueUnaryFn_sqrt": sp.sqrt,
    **dict.fromkeys(("FloorToInt", "TruncToInt"), sp.floor), "CeilToInt": sp.ceiling,
}  # fmt: skip
