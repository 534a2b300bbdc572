"""Nodes: operations over nodes, with a shape; equal if their structure is equal. Nets are made of them.

    node ::= Input(name, shape) | Formal(position, shape) | Constant(number or frozen array)
           | HEAD(node, ...)     HEAD: a SymPy class (Add, Mul, Pow, tanh, ...), elementwise, NumPy broadcasting
           | OP(node, ...)       OP: any other operation: an `Operation`, with `infer(args) -> shape`

The type `Node[Fold]` is that of a node whose operation is a fold, and so on; `Node` alone is any node.

Ordinary Python builds nodes: operators, SymPy's functions (`_sympy_`) and NumPy's (`__array_ufunc__`,
`__array_function__`) all trace, in the author's order and with the author's sharing. Nothing is simplified.
"""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar

import numpy as np
import sympy as sp

from symfold.core.functions import ROWS, Head, accepts, fingerprint
from symfold.core.operators import Operators
from symfold.core.shapes import Shape, elementwise, show
from symfold.errors import InvalidType, UnknownName

VERBS = {sp.Add: "cannot add {} to {}", sp.Mul: "cannot multiply {} by {}", sp.Pow: "cannot raise {} to {}"}


class Operation:
    """The operation of a node, if it is not a SymPy class. It is immutable, and its `repr` tells all about it."""

    def infer(self, args: tuple[Node, ...]) -> Shape:
        """The shape of the node over these arguments."""
        raise NotImplementedError

    def rebuild(self, args: tuple[Node, ...]) -> Node | tuple[Node, ...]:
        """The node over other arguments, whose shapes may differ; a fold gives its results."""
        return Node(self, args)

    @property
    def digest(self) -> bytes:
        """A fingerprint of the operation, the same in every process."""
        return repr(self).encode()


if TYPE_CHECKING:
    from typing_extensions import TypeIs
    from typing_extensions import TypeVar as DefaultedTypeVar

    Op = DefaultedTypeVar("Op", bound=Operation | Head, default=Operation | Head, covariant=True)
else:
    Op = TypeVar("Op", covariant=True)


class Key(tuple[Any, ...]):
    """An operation and its arguments. The hash is cached: at exit, nodes may die after SymPy, which computes it."""

    def __hash__(self) -> int:
        cached: int | None = self.__dict__.get("hash")
        if cached is None:
            cached = self.__dict__["hash"] = super().__hash__()
        return cached


# Nodes of equal structure are one object while it lives, so that sharing needs no search and equality is mostly `is`.
# The table is weak, to keep nothing alive; without it only speed would change, since equality is by digest.
_interned: weakref.WeakValueDictionary[Key, Node[Any]] = weakref.WeakValueDictionary()
_lock = threading.RLock()  # reentrant: garbage collection under the lock may run a `__del__` that makes nodes
if hasattr(os, "register_at_fork"):  # a child that is forked while another thread makes a node would wait forever
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class Node(Operators["Node"], Generic[Op]):
    """An operation over nodes; immutable, hashable, equal by structure."""

    __slots__ = ("__weakref__", "_digest", "_hash", "args", "op", "shape")
    op: Op
    args: tuple[Node, ...]
    shape: Shape
    _hash: int
    _digest: bytes | None

    def __new__(cls, op: Op, args: tuple[Node, ...] = ()) -> Node[Op]:
        key = Key((op, args))
        with _lock:
            interned = _interned.get(key)
        if interned is not None:
            return interned
        row = ROWS.get(op) if isinstance(op, type) else None
        self = object.__new__(Truth if row is not None and row.truth else cls)
        put = object.__setattr__
        put(self, "op", op)
        put(self, "args", args)
        if isinstance(op, type):
            accepts(op, len(args))
            shape = elementwise(
                tuple([a.shape for a in args]), VERBS.get(op) or f"cannot apply {op.__name__} to {{}} and {{}}"
            )
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
        if self is other:
            return True
        if not isinstance(other, Node):
            return False
        return self._hash == other._hash and digest(self) == digest(other)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    if TYPE_CHECKING:  # attached by later packages (see core/attach.py)
        # frontend: operators, NumPy's functions and SymPy's trace
        def _operate(self, name: str, *others: object, **options: object) -> Node: ...
        def __array_ufunc__(
            self, ufunc: Callable[..., object], method: str, *inputs: object, **options: object
        ) -> Node: ...
        def __array_function__(self, function: object, types: object, args: object, options: object) -> Node: ...
        def _sympy_(self) -> sp.Basic: ...
        # show, exchange
        def __repr__(self) -> str: ...
        def _repr_latex_(self) -> str: ...
        def _repr_html_(self) -> str | None: ...
        def __reduce__(self) -> tuple[object, ...]: ...

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __iter__(self) -> Iterator[Node]:
        if not self.shape or not isinstance(self.shape[0], int):
            raise InvalidType(
                f"cannot iterate over a value of shape {show(self.shape)} "
                "(fold over it: sf.fold reads along its leading axis)"
            )
        return (self[k] for k in range(self.shape[0]))

    def __len__(self) -> int:
        if not self.shape or not isinstance(self.shape[0], int):
            raise InvalidType(f"a value of shape {show(self.shape)} has no length yet")
        return self.shape[0]

    # -- errors with a hint

    def __bool__(self) -> bool:
        raise InvalidType(
            "a symbolic value is neither true nor false; a mapper cannot branch on it "
            "(choose with np.where(z > 0, a, b); or use np.maximum, np.minimum, np.clip, sf.relu)"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        attributes = [word for word in dir(Node) if not word.startswith("_")]
        function = f"; np.{name} is a function, and np.{name}(z) says whether it traces" if hasattr(np, name) else ""
        raise UnknownName(f"a symbolic value has no {name!r} (it has {', '.join(attributes)}{function})")


class Truth(Node):
    """A truth value. It reports SymPy's Boolean as its class, since SymPy checks that before it calls `_sympy_`."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return sp.logic.boolalg.Boolean

    def has(self, *patterns: object) -> bool:
        """SymPy's `has`, asked of the condition as SymPy sees it."""
        return bool(self._sympy_().has(*patterns))


def digest(node: Node) -> bytes:
    """A fingerprint of a node's structure, the same in every process; computed once per node, iteratively."""
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
            head = fingerprint(op) if isinstance(op, type) else op.digest
            content = b"\0".join((head, *(arg._digest for arg in part.args if arg._digest is not None)))
            object.__setattr__(part, "_digest", hashlib.blake2b(content, digest_size=16).digest())
    assert node._digest is not None
    return node._digest


def is_elementwise(node: Node) -> TypeIs[Node[Head]]:
    """Whether a node applies an elementwise function: a SymPy class."""
    return isinstance(node.op, type)


# -------------------------------------------------- walks: each node once, iteratively; shared nodes stay shared


P = ParamSpec("P")
T = TypeVar("T")

LONG = 256  # nodes: of longer walks only the latest is remembered
# orders by roots in a function that walks once; None outside of such functions
_walks: ContextVar[dict[tuple[Node, ...], list[Node]] | None] = ContextVar("walks", default=None)


def walking_once(function: Callable[P, T]) -> Callable[P, T]:
    """A function in which no walk is repeated; of long ones, only the latest is remembered.

    Compiling, differentiating and counting ask many questions of the same nodes, and of a net without folds each would
    be a walk over all of it. The orders are kept until the function returns, so that no node is kept alive.
    """

    @wraps(function)
    def walking(*args: P.args, **named: P.kwargs) -> T:
        if _walks.get() is not None:
            return function(*args, **named)
        token = _walks.set({})
        try:
            return function(*args, **named)
        finally:
            _walks.reset(token)

    return walking


def walk(roots: Iterable[Node], stop: Iterable[Node] = ()) -> list[Node]:
    """The nodes that the roots depend on, once each, after their arguments; those in `stop` are left out."""
    roots = tuple(roots)
    known = _walks.get()
    if known is None or stop:
        return _walk(roots, stop)
    order = known.get(roots)
    if order is None:
        order = _walk(roots, stop)
        if len(order) >= LONG:
            for long in [other for other in known if len(known[other]) >= LONG]:
                del known[long]
        known[roots] = order
    return order.copy()


def _walk(roots: tuple[Node, ...], stop: Iterable[Node]) -> list[Node]:
    seen = set(stop)
    order: list[Node] = []
    stack: list[Node | None] = [*roots[::-1]]
    while stack:
        node = stack.pop()
        if node is None:  # the marker above a node whose arguments are done
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            if node.args:
                stack += (node, None, *node.args[::-1])
            else:
                order.append(node)
    return order


def rebuilt(
    roots: Sequence[Node], rule: Callable[[Node, tuple[Any, ...]], Any], replaced: Mapping[Node, Any] | None = None
) -> tuple[Node, ...]:
    """The roots with each node replaced by `rule(node, new arguments)`; if that is None, by the same operation.

    A rule may return a tuple of results for a fold. `replaced` holds replacements that are known beforehand.
    """
    new: dict[Node, Any] = dict(replaced or {})
    order = walk(roots, stop=new)
    start = 0
    if not new:  # most passes change little: until the first replacement, the new arguments of a node are its own
        for start, node in enumerate(order, 1):
            replacement = rule(node, node.args)
            if replacement is not None and replacement is not node:
                new.update((unchanged, unchanged) for unchanged in order[: start - 1])
                new[node] = replacement
                break
        else:
            return tuple(roots)
    for node in order[start:]:
        args = tuple([new[arg] for arg in node.args])  # of a list: twice as fast as of a generator, for a few
        replacement = rule(node, args)
        new[node] = with_args(node, args) if replacement is None else replacement
    return tuple(new[root] for root in roots)


def with_args(node: Node, args: tuple[Any, ...]) -> Any:
    """A node's operation over other arguments; shapes are inferred again."""
    if args == node.args:
        return node
    return Node(node.op, args) if isinstance(node.op, type) else node.op.rebuild(args)


def substitute(roots: Sequence[Node], replaced: Mapping[Node, Node]) -> tuple[Node, ...]:
    """The roots with some nodes replaced; shapes are inferred again."""
    return rebuilt(roots, lambda node, args: None, replaced)
