"""Nodes: what every net is made of. An operation over nodes, with a shape, equal when its structure is equal.

    node ::= Input(name, shape) | Formal(position, shape) | Constant(number or frozen array)
           | HEAD(node, ...)     HEAD: a SymPy class (Add, Mul, Pow, tanh, ...), elementwise, NumPy broadcasting
           | OP(node, ...)       OP: any other operation: an object with `infer(args) -> shape`

Nodes are built by ordinary Python: operators, SymPy's functions (`_sympy_`) and NumPy's (`__array_ufunc__`,
`__array_function__`) all trace, in the order and with the sharing that the author wrote. Nothing is simplified.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import sympy as sp

from symfold.errors import InvalidType, InvalidValue, NoRule
from symfold.functions import UFUNCS, Head
from symfold.shapes import Shape, elementwise, input_shape, show


@runtime_checkable
class Operation(Protocol):
    """What may stand at the head of a node, besides a SymPy class."""

    def infer(self, args: tuple[Node, ...]) -> Shape: ...


@dataclass(frozen=True)
class Normal:
    """How a parameter starts: `mean + deviation * standard normal`."""

    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True)
class Input:
    """A named value from outside: an `input`, a `parameter`, or the name of a `layer`."""

    name: str
    shape: Shape
    role: str = "input"
    start: Normal | None = None

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.shape


@dataclass(frozen=True)
class Formal:
    """An argument of a block, by position. Level 0 in a closed block; while a mapper is traced, its nesting level."""

    level: int
    position: int
    shape: Shape

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.shape


@dataclass(frozen=True)
class FrozenArray:
    """An array as a value: equal where type, shape and bytes are."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, array: Any) -> FrozenArray:
        plain = np.ascontiguousarray(array)
        if plain.dtype.kind not in "biuf":
            raise InvalidType(f"cannot freeze an array of type {plain.dtype} (give numbers)")
        return cls(plain.dtype.str, np.shape(array), plain.tobytes())

    @property
    def array(self) -> np.ndarray[Any, Any]:
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)


@dataclass(frozen=True)
class Constant:
    """A number (SymPy's, exact where it was) or a frozen array."""

    value: sp.Expr | FrozenArray

    @property
    def digest(self) -> bytes:
        # a SymPy Float prints 15 digits only: two that differ in the 17th must not look the same
        if isinstance(self.value, sp.Float):
            return f"Float({self.value._mpf_}, {self.value._prec})".encode()
        return (self.value.data if isinstance(self.value, FrozenArray) else b"") + f"Constant({self.value!r})".encode()

    def infer(self, args: tuple[Node, ...]) -> Shape:
        return self.value.shape if isinstance(self.value, FrozenArray) else ()


VERBS = {sp.Add: "cannot add {} to {}", sp.Mul: "cannot multiply {} by {}", sp.Pow: "cannot raise {} to {}"}

# Equal structure is one object while it lives: sharing is found for free and equality is mostly `is`. Weak, so that
# nothing is kept alive; dropping the table would change speed only, since equality is by digest.
_interned: weakref.WeakValueDictionary[tuple[Any, ...], Node] = weakref.WeakValueDictionary()
_lock = threading.RLock()  # taken again where collecting garbage inside of it runs someone's `__del__`


class Node:
    """An operation over nodes; immutable, hashable, equal by structure."""

    __slots__ = ("__weakref__", "_digest", "_hash", "args", "op", "shape")
    op: Any
    args: tuple[Node, ...]
    shape: Shape
    _hash: int
    _digest: bytes | None

    def __new__(cls, op: Operation | Head, args: tuple[Node, ...] = ()) -> Node:
        key = (op, args)
        with _lock:
            known = _interned.get(key)
        if known is not None:
            return known
        self = object.__new__(cls)
        put = object.__setattr__
        put(self, "op", op)
        put(self, "args", args)
        if isinstance(op, type):
            shape = elementwise(tuple(a.shape for a in args), VERBS.get(op, f"cannot apply {op.__name__} to {{}} and {{}}"))
        else:
            shape = op.infer(args)
        put(self, "shape", shape)
        put(self, "_hash", hash(key))
        put(self, "_digest", None)
        with _lock:
            return _interned.setdefault(key, self)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a node is immutable: cannot set {name!r}")

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Node) and self._hash == other._hash and digest(self) == digest(other)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        from symfold.serialize import node_from_data, node_to_data  # serialising knows every operation; nodes know none

        return node_from_data, (node_to_data(self),)

    def __copy__(self) -> Node:
        return self

    def __deepcopy__(self, memo: object) -> Node:
        return self

    def __repr__(self) -> str:
        from symfold.notation.templates import preview  # likewise: printing stands above what is printed

        return preview(self)

    def _repr_latex_(self) -> str:
        from symfold.notation.templates import preview

        return f"$\\displaystyle {preview(self, 'latex')}$"

    # -- arithmetic, as the author writes it

    def __add__(self, other: Any) -> Node:
        return binary(sp.Add, self, other)

    def __radd__(self, other: Any) -> Node:
        return binary(sp.Add, other, self)

    def __mul__(self, other: Any) -> Node:
        return binary(sp.Mul, self, other)

    def __rmul__(self, other: Any) -> Node:
        return binary(sp.Mul, other, self)

    def __neg__(self) -> Node:
        return Node(sp.Mul, (number(-1), self))

    def __pos__(self) -> Node:
        return self

    def __sub__(self, other: Any) -> Node:
        return NotImplemented if leads(other) else binary(sp.Add, self, negative(lift(other)))

    def __rsub__(self, other: Any) -> Node:
        return binary(sp.Add, other, negative(self))

    def __pow__(self, other: Any) -> Node:
        return binary(sp.Pow, self, other)

    def __rpow__(self, other: Any) -> Node:
        return binary(sp.Pow, other, self)

    def __truediv__(self, other: Any) -> Node:
        return NotImplemented if leads(other) else binary(sp.Mul, self, reciprocal(lift(other)))

    def __rtruediv__(self, other: Any) -> Node:
        return reciprocal(self) if isinstance(other, int) and other == 1 else binary(sp.Mul, other, reciprocal(self))

    def __abs__(self) -> Node:
        return Node(sp.Abs, (self,))

    def __matmul__(self, other: Any) -> Node:
        return NotImplemented if leads(other) else call_numpy(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Node:
        return call_numpy(np.matmul, other, self)

    # -- what NumPy's arrays offer

    @property
    def T(self) -> Node:  # noqa: N802 - NumPy's spelling
        return call_numpy(np.transpose, self)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Any) -> Node:
        return call_numpy(np.ndarray.__getitem__, self, index)

    def __iter__(self) -> Iterator[Node]:
        if not self.shape or not isinstance(self.shape[0], int):
            raise InvalidType(f"cannot iterate over a value of shape {show(self.shape)} (fold over it: sf.fold reads along its leading axis)")
        return (self[k] for k in range(self.shape[0]))

    def __len__(self) -> int:
        if not self.shape or not isinstance(self.shape[0], int):
            raise InvalidType(f"a value of shape {show(self.shape)} has no length yet")
        return self.shape[0]

    def __bool__(self) -> bool:
        raise InvalidType("a symbolic value is neither true nor false; a mapper cannot branch on it (use np.maximum, np.minimum, sf.relu or np.heaviside)")

    def __lt__(self, other: Any) -> bool:
        raise InvalidType("a symbolic value has no order yet; a mapper cannot branch on it (use np.maximum, np.minimum, sf.relu or np.heaviside)")

    __le__ = __gt__ = __ge__ = __lt__

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise InvalidType("a symbolic value is no array yet (np.dot(a, z) and a @ z trace, a.dot(z) does not; call the net for numbers)")

    def __int__(self) -> int:
        raise InvalidType("a symbolic value is no number yet (compile the net, or call it with numbers)")

    def __float__(self) -> float:
        raise InvalidType("a symbolic value is no number yet (compile the net, or call it with numbers)")

    def sum(self, axis: Any = None, keepdims: bool = False) -> Node:
        return call_numpy(np.sum, self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Node:
        return call_numpy(np.mean, self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Node:
        return call_numpy(np.reshape, self, shape[0] if len(shape) == 1 else shape)

    def dot(self, other: Any) -> Node:
        return call_numpy(np.dot, self, other)

    def transpose(self) -> Node:
        return call_numpy(np.transpose, self)

    # -- SymPy's functions and NumPy's trace

    def _sympy_(self) -> sp.Expr:
        return as_symbol(self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Node:
        if any(leads(value) for value in inputs):
            return NotImplemented
        if method != "__call__" or options:
            raise NoRule(f"numpy.{ufunc.__name__} with {method if method != '__call__' else sorted(options)} does not trace")
        if ufunc in UFUNCS:
            return Node(UFUNCS[ufunc], tuple(map(lift, inputs)))
        return call_numpy(ufunc, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Node:
        if any(leads(value) for value in args):
            return NotImplemented
        return call_numpy(function, *args, **options)


# NumPy's functions that are not one elementwise head. `primitives` adds its rows; a new one is a row there.
NUMPY: dict[Any, Callable[..., Node]] = {
    np.subtract: lambda a, b: lift(a) - b,
    np.divide: lambda a, b: lift(a) / b,
    np.negative: lambda a: -lift(a),
    np.positive: lambda a: lift(a),
    np.reciprocal: lambda a: reciprocal(lift(a)),
    np.square: lambda a: lift(a) ** 2,
    np.sqrt: lambda a: Node(sp.Pow, (lift(a), Node(Constant(sp.Rational(1, 2))))),
    np.exp2: lambda a: 2 ** lift(a),
    np.expm1: lambda a: Node(sp.exp, (lift(a),)) - 1,
    np.log1p: lambda a: Node(sp.log, (1 + lift(a),)),
    np.log2: lambda a: Node(sp.log, (lift(a),)) / Node(sp.log, (number(2),)),
    np.log10: lambda a: Node(sp.log, (lift(a),)) / Node(sp.log, (number(10),)),
}


def call_numpy(function: Any, *args: Any, **options: Any) -> Node:
    """Trace a NumPy function that has a row."""
    rule = NUMPY.get(function)
    if rule is None:
        known = ", ".join(sorted({getattr(f, "__name__", str(f)) for f in (*NUMPY, *UFUNCS)} - {"__getitem__"}))
        raise NoRule(f"numpy.{getattr(function, '__name__', function)} does not trace (those that do: {known})")
    return rule(*args, **options)


def leads(other: object) -> bool:
    """Whether another operand takes the operation over: a net, whose result is to be a net."""
    return hasattr(other, "_as_node_") and not isinstance(other, Node)


def binary(head: Head, left: Any, right: Any) -> Node:
    """One operator of the author's, in the author's order."""
    if leads(left) or leads(right):
        return NotImplemented
    return Node(head, (lift(left), lift(right)))


def number(value: int | float | sp.Expr) -> Node:
    """A number as a node."""
    return Node(Constant(sp.Float(value) if isinstance(value, float) else sp.sympify(value)))


def negative(node: Node) -> Node:
    """Minus a node; of a number, the number's negative."""
    if isinstance(node.op, Constant) and isinstance(node.op.value, sp.Expr):
        return number(-node.op.value)
    return Node(sp.Mul, (number(-1), node))


def reciprocal(node: Node) -> Node:
    """One over a node; of a number, the number's reciprocal."""
    if isinstance(node.op, Constant) and isinstance(node.op.value, sp.Expr) and node.op.value != 0:
        return number(1 / node.op.value)
    return Node(sp.Pow, (node, number(-1)))


def tensor(name: str, shape: Iterable[int | None] | None = None) -> Node:
    """An input by name. A size may be None (unknown until numbers come), and so may the whole shape.

    >>> tensor("x", (None, 3)).shape, tensor("x") == tensor("x")
    ((x.shape[0], 3), True)
    """
    return Node(Input(checked_name(name), input_shape(name, shape)))


def parameter(name: str, shape: Iterable[int] = (), start: Normal | None = None) -> Node:
    """A trainable input by name; `start` says how `init` draws it.

    >>> parameter("W", (3, 3)).shape
    (3, 3)
    """
    sizes = input_shape(name, shape)
    return Node(Input(checked_name(name), sizes, "parameter", start or default_start(sizes)))


def default_start(shape: Shape) -> Normal:
    """Zero for what has one axis longer than 1 at most (a bias); else normal, scaled by the number of inputs."""
    long = [size for size in shape if size != 1]
    inputs = next((size for size in shape if isinstance(size, int) and size > 1), 1)
    return Normal(0.0, inputs**-0.5) if len(long) > 1 else Normal(0.0, 0.0)


def checked_name(name: str) -> str:
    """A name that people can type and every printer can show."""
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidValue(f"{name!r} is no name (use letters, digits and underscores, and begin with a letter)")
    return name


# ---------------------------------------------------------------- SymPy's side


class NodeSymbol(sp.Symbol):
    """How a node appears inside a SymPy expression that a mapper builds."""

    __slots__ = ("node",)
    node: Node

    def __new__(cls, node: Node) -> NodeSymbol:
        # the digest names it: SymPy sorts and caches by name, so equal names must mean equal nodes
        self: NodeSymbol = sp.Symbol.__xnew__(cls, f"z_{digest(node).hex()[:16]}")
        self.node = node
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return NodeSymbol, (self.node,)

    def __getnewargs_ex__(self) -> tuple[Any, ...]:
        return ((self.node,), {})


def as_symbol(node: Node) -> sp.Expr:
    """A node as SymPy sees it: an input is its symbol, a number itself."""
    if isinstance(node.op, Input):
        return sp.Symbol(node.op.name)
    if isinstance(node.op, Constant) and isinstance(node.op.value, sp.Expr):
        return node.op.value
    return NodeSymbol(node)


def lift(value: Any) -> Node:
    """Any value that may stand in a net, as a node.

    >>> lift(2).shape, lift([1.0, 2.0]).shape, lift(sp.Symbol("x")) == tensor("x")
    ((), (2,), True)
    """
    if isinstance(value, Node):
        return value
    if hasattr(value, "_as_node_"):
        node: Node = value._as_node_()
        return node
    if isinstance(value, sp.Basic):
        return lift_expression(value)
    if isinstance(value, (bool, np.bool_)):
        return number(int(value))
    if isinstance(value, (int, float, np.integer, np.floating)):
        return number(value.item() if isinstance(value, np.generic) else value)
    if isinstance(value, (list, tuple)) and any(isinstance(part, Node) or hasattr(part, "_as_node_") for part in value):
        return call_numpy(np.stack, value)
    if isinstance(value, (np.ndarray, list)):
        array = np.asarray(value)
        return Node(Constant(FrozenArray.of(array))) if array.ndim else lift(array.item())
    raise InvalidType(f"cannot make {value!r} of type {type(value).__name__} part of a net (give a tensor, a SymPy expression, a number or an array)")


# `layers` says how an applied undefined SymPy function reads: as an opaque layer.
APPLIED: list[Callable[[str, tuple[Node, ...]], Node]] = []


def lift_expression(expression: sp.Basic, known: Mapping[sp.Symbol, Node] | None = None) -> Node:
    """A SymPy expression as nodes, its own order kept; some symbols may stand for given nodes."""
    done: dict[sp.Basic, Node] = dict(known or {})
    stack: list[sp.Basic] = [expression]
    while stack:
        part = stack[-1]
        if part in done:
            stack.pop()
        elif isinstance(part, NodeSymbol):
            done[part] = part.node
        elif isinstance(part, sp.Symbol):
            done[part] = Node(Input(part.name, input_shape(part.name, None)))
        elif isinstance(part, sp.Expr) and (part.is_Number or part.is_NumberSymbol):
            done[part] = Node(Constant(part))
        elif isinstance(part, (sp.Add, sp.Mul, sp.Pow, sp.Function, sp.Max, sp.Min)) and not isinstance(part, sp.Piecewise):
            waiting = [arg for arg in part.args if arg not in done]
            if waiting:
                stack += waiting
                continue
            args = tuple(done[arg] for arg in part.args)
            if isinstance(part, sp.core.function.AppliedUndef):
                done[part] = APPLIED[0](part.func.__name__, args)
            else:
                done[part] = Node(part.func, args)
        else:
            raise NoRule(f"a SymPy {type(part).__name__} cannot be part of a net: {str(part)[:60]} (use sf.tensor for arrays, and elementwise functions)")
    return done[expression]


# ---------------------------------------------------------------- walks


def walk(roots: Iterable[Node], stop: Iterable[Node] = ()) -> list[Node]:
    """Every node that the roots need, once, each after its arguments; not below those in `stop`. Iterative."""
    seen = set(stop)
    order: list[Node] = []
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(tuple(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))
    return order


def substitute(roots: Sequence[Node], replaced: Mapping[Node, Node]) -> tuple[Node, ...]:
    """The roots with some nodes replaced; shapes are inferred anew."""
    new: dict[Node, Any] = dict(replaced)
    for node in walk(roots, stop=new):
        if not node.args:
            new[node] = node
            continue
        args = tuple(new[arg] for arg in node.args)
        rebuild = getattr(node.op, "rebuild", None)
        new[node] = node if args == node.args else rebuild(args) if rebuild else Node(node.op, args)
    return tuple(new[root] for root in roots)


def digest(node: Node) -> bytes:
    """A fingerprint of the structure: the same in every process. Computed once a node, without recursion."""
    stack = [node]
    while stack:
        part = stack[-1]
        waiting = [arg for arg in part.args if arg._digest is None]
        if part._digest is None and waiting:
            stack += waiting
            continue
        stack.pop()
        if part._digest is None:
            op = part.op
            head = op.__name__.encode() if isinstance(op, type) else op.digest if hasattr(op, "digest") else repr(op).encode()
            content = b"\0".join((head, *(arg._digest for arg in part.args if arg._digest is not None)))
            object.__setattr__(part, "_digest", hashlib.blake2b(content, digest_size=16).digest())
    assert node._digest is not None
    return node._digest
