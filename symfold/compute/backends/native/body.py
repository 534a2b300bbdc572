"""A block as code: elementwise values wait to be computed in chunks, or while a product is in registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from symfold.compute.backends.native.arrays import Array, is_view, view
from symfold.compute.backends.native.batch import batch_axes
from symfold.compute.backends.native.contractions import write_einsum
from symfold.compute.backends.native.copies import copy
from symfold.compute.backends.native.folds import write_fold
from symfold.compute.backends.native.loops import Chunk, run_chunk
from symfold.compute.backends.native.matrices import write_product
from symfold.compute.backends.native.primitives import write_primitive
from symfold.compute.backends.native.windows import padded_windows
from symfold.compute.backends.native.writer import Source
from symfold.compute.evaluate import constant_value
from symfold.core.blocks import Call
from symfold.core.folds import Fold, Select, is_fold
from symfold.core.functions import Head
from symfold.core.leaves import Constant, number_of
from symfold.core.nodes import Node, is_elementwise, walk
from symfold.core.primitives import dot, einsum, is_apply, is_primitive, reshape, splits_leading_axis, windows
from symfold.core.sequences import reverse_row
from symfold.core.shapes import NAME
from symfold.errors import NoRule

LONGEST = 256


class Body:
    """The nodes of a program or of a step: the order of computation, and the lifetimes of values."""

    def __init__(
        self,
        source: Source,
        roots: Sequence[Node],
        leaf_refs: Mapping[Node, Any],
        into: Mapping[Node, Array],
        axes: Mapping[Node, int | None],
    ):
        self.source, self.code = source, source.code
        self.roots, self.into = roots, dict(into)
        self.refs: dict[Node, Any] = dict(leaf_refs)
        self.order = walk(roots, stop=leaf_refs)
        # folds write their sequences to the required arrays directly, even if those are reversed
        self.fold_targets: dict[Node, dict[int, Array]] = {}
        for root, place in into.items():
            while is_primitive(root, reverse_row):
                root, place = root.args[0], place.moved(0, place.shape[0] - 1, place.shape[0], -1)
            if isinstance(root.op, Select) and root not in self.refs:
                self.fold_targets.setdefault(root.args[0], {})[root.op.position] = place
        self.axes = batch_axes(self.order, axes)
        self.users: dict[Node, list[Node]] = {}
        for node in self.order:
            for arg in dict.fromkeys(node.args):
                self.users.setdefault(arg, []).append(node)
        self.readers = {node: set(users) for node, users in self.users.items()}
        self.results = {*roots}
        # results and viewed values live as long as the body
        self.pinned = {*roots, *leaf_refs, *(arg for node in self.order if shares_memory(node) for arg in node.args)}
        self.owned: set[Node] = set()
        self.stored = {node for node in self.order if is_elementwise(node) and self._is_stored(node)}
        self.cuts = False
        self.waits: dict[Node, int] = {}
        self.ready: dict[Any, dict[Node, None]] = {}
        self._start()

    # -- chunks: elementwise values computed together

    def _is_stored(self, node: Node) -> bool:
        """Whether an elementwise value must be in memory: a user is not elementwise, or has another shape."""
        return node in self.results or any(not self.together(node, user) for user in self.users.get(node, []))

    def together(self, node: Node, user: Node) -> bool:
        return is_elementwise(user) and self.kind(user) == self.kind(node)

    def kind(self, node: Node) -> Any:
        return node.shape, self.axes[node]

    def _start(self) -> None:
        """Count the arguments of every elementwise node that are not available yet."""
        for node in self.order:
            if is_elementwise(node):
                self.waits[node] = sum(not self._is_available(arg, node) for arg in dict.fromkeys(node.args))
                if not self.waits[node]:
                    self.ready.setdefault(self.kind(node), {})[node] = None

    def _is_available(self, arg: Node, user: Node) -> bool:
        return arg in self.refs or number_of(arg) is not None or (self.waits.get(arg) == 0 and self.together(arg, user))

    def put(self, node: Node, ref: Any) -> None:
        """Set the array of a value, and mark elementwise nodes that become ready, with later ones of the same chunk."""
        self.refs[node] = ref
        notified = [
            user for user in self.users.get(node, []) if not (is_elementwise(node) and self.together(node, user))
        ]
        while notified:
            user = notified.pop()
            if user in self.waits and user not in self.refs:
                self.waits[user] -= 1
                if not self.waits[user]:
                    self.ready.setdefault(self.kind(user), {})[user] = None
                    notified += [later for later in self.users.get(user, []) if self.together(user, later)]

    def chunk(self, kind: Any, in_registers: Node | None = None) -> Chunk | None:
        """All ready values of a kind that must be stored, with what they need; the value `in_registers` is not read."""
        order = self.take_ready(kind)
        return self.chunk_of(order, kind, in_registers) if order else None

    def take_ready(self, kind: Any) -> list[Node[Head]]:
        """The ready values of a kind that must be stored, with what they need, in order; they are ready no more."""
        order = self.missing([node for node in self.ready.get(kind, {}) if node in self.stored])
        for node in order:
            self.ready[kind].pop(node, None)
        return order

    def chunk_of(self, order: Sequence[Node[Head]], kind: Any, in_registers: Node | None = None) -> Chunk:
        """These values as a chunk: it writes those that are stored or read outside of it."""
        inside = {*order}
        reads = [
            arg
            for node in order
            for arg in node.args
            if arg not in inside and arg is not in_registers and number_of(arg) is None
        ]
        writes: dict[Node, Array] = {
            node: self.target(node) for node in order if node in self.stored or not inside.issuperset(self.users[node])
        }
        return Chunk(tuple(order), {arg: self.refs[arg].spread(kind[0]) for arg in reads}, writes)

    def missing(self, goals: Sequence[Node]) -> list[Node[Head]]:
        """The elementwise values that some values need and that are not in memory, in order."""
        order: dict[Node, None] = {}
        stack = list(reversed(goals))
        while stack:
            node = stack[-1]
            waiting = [arg for arg in node.args if arg not in self.refs and arg not in order and number_of(arg) is None]
            if node in order or not waiting:
                order[stack.pop()] = None
            else:
                stack += reversed(waiting)
        return [*filter(is_elementwise, order)]

    def target(self, node: Node) -> Array:
        """The array to write a value into."""
        if node in self.into:
            return self.into[node]
        self.owned.add(node)
        return self.source.array(node.shape, self.axes[node])

    def done(self, chunk: Chunk) -> None:
        """Mark the values of a chunk as available."""
        for node, array in chunk.writes.items():
            self.put(node, array)
        for node in chunk.order:
            self.release(node)

    def release(self, reader: Node) -> None:
        """Remove a reader of its arguments; free the arrays of those without readers."""
        for arg in reader.args:
            readers = self.readers[arg]
            readers.discard(reader)
            if not readers and arg in self.owned and arg not in self.pinned:
                self.owned.discard(arg)
                self.source.give_back(self.refs[arg], self.axes[arg])

    # -- code

    def write(self, outermost: bool = False) -> list[Any]:
        """Write the code; return the arrays of the roots. Long code is cut into functions if it is the `outermost`."""
        self.cuts = outermost
        for node in self.order:
            if node not in self.refs and not is_elementwise(node) and number_of(node) is None:
                value = self.value(node)
                if node not in self.refs:  # a product has called `put` itself
                    self.put(node, value)
                self.release(node)
                self.cut()
        for root in dict.fromkeys(self.roots):
            place = self.array(root)
            if root in self.into and place != self.into[root]:
                copy(self.code, place, self.into[root], self.source.extents(root.shape, self.axes[root]))
                self.refs[root] = self.into[root]
        for node in self.owned.difference(self.pinned):
            self.source.give_back(self.refs[node], self.axes[node])
        return [self.refs[root] for root in self.roots]

    def array(self, node: Node) -> Any:
        """The array of a value, computed now if it is waiting."""
        if node in self.refs:
            return self.refs[node]
        if number_of(node) is not None:
            self.refs[node] = self.source.constant(constant_value(node))
            return self.refs[node]
        for part in self.missing([node]):
            if part not in self.refs and part in self.stored:
                self.run_chunks(self.kind(part), self.source.extents(part.shape, self.axes[part]))
        return self.refs[node]

    def run_chunks(self, kind: Any, extents: Sequence[int]) -> None:
        """Compute all ready values of a kind, in chunks that are not too long: few values wait in registers."""
        order = self.take_ready(kind)
        for start in range(0, len(order), LONGEST):
            chunk = self.chunk_of(order[start : start + LONGEST], kind)
            with self.code.calling(len(order) > LONGEST):
                run_chunk(self.code, extents, chunk)
            self.done(chunk)
            self.cut()

    def cut(self) -> None:
        if self.cuts:
            self.code.cut()

    def value(self, node: Node) -> Any:
        """The array of a value that is not elementwise."""
        op = node.op
        if isinstance(op, Constant):
            return self.source.constant(constant_value(node))
        if node.shape[-1:] == (NAME,):
            return None
        if isinstance(op, Select):
            return self.refs[node.args[0]][op.position]
        args = [self.array(arg) for arg in node.args]
        axes = [self.axes[arg] for arg in node.args]
        if is_fold(node):
            return write_fold(self.source, node, args, axes, Body, self.fold_targets.get(node, {}))
        if isinstance(op, Call):
            raise NoRule("a layer is opaque and has no numbers (give it a body: net.bind({'f1': lambda z: ...}))")
        if is_view(node):
            return view(node, args[0])
        if is_primitive(node, reshape):
            return self.reshaped(node, args[0])
        if is_primitive(node, dot):
            return write_product(self, node, *args)
        if is_primitive(node, einsum):
            return write_einsum(self, node, args)
        if is_primitive(node, windows):
            return padded_windows(self.source, node, args[0], axes[0])
        assert is_apply(node)
        target = self.target(node)
        write_primitive(self.source, node, args, axes, target, self.axes[node])
        return target

    def reshaped(self, node: Node, array: Array) -> Array:
        """The array in another shape: a view, if it is contiguous or rows are grouped, else a copy."""
        if splits_leading_axis(node):
            return replace(
                array, shape=tuple(node.shape), strides=(int(node.shape[1]) * array.strides[0], *array.strides)
            )
        if not array.contiguous:
            contiguous = self.source.array(array.shape, None)
            copy(self.code, array, contiguous, array.shape)
            array = contiguous
        shape = tuple(int(size) for size in node.shape)
        strides = tuple(prod(shape[k + 1 :]) for k in range(len(shape)))
        return replace(array, shape=shape, strides=strides)


def shares_memory(node: Node) -> bool:
    """Whether a node's value may share the memory of its arguments."""
    return is_view(node) or is_primitive(node, reshape) or isinstance(node.op, (Fold, Select))
