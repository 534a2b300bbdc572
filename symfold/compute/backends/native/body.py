"""A block as code: elementwise values are put off and computed in chunks, or while a product is still in registers."""

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
from symfold.compute.backends.native.loops import Chunk, is_elementwise, run_chunk
from symfold.compute.backends.native.matrices import write_product
from symfold.compute.backends.native.primitives import write_primitive
from symfold.compute.backends.native.windows import padded_windows
from symfold.compute.backends.native.writer import Source
from symfold.compute.backends.numpy.elementwise import number_of
from symfold.compute.evaluate import constant_value
from symfold.core.applied_layers import Call
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import dot, einsum, is_primitive, reshape, splits_leading_axis, windows
from symfold.core.sequences import reverse_row
from symfold.core.shapes import NAME
from symfold.core.walks import walk
from symfold.errors import NoRule


class Body:
    """The straight part of a program or of a step: what is computed, in which order, and how long it is needed."""

    def __init__(
        self,
        source: Source,
        roots: Sequence[Node],
        known: Mapping[Node, Any],
        into: Mapping[Node, Array],
        axes: Mapping[Node, Any],
    ):
        self.source, self.code = source, source.code
        self.roots, self.into = roots, dict(into)
        self.refs: dict[Node, Any] = dict(known)
        self.order = walk(roots, stop=known)
        # what is given out at the steps of a fold goes to its place at once, also if it is read backward
        self.given_out: dict[Node, dict[int, Array]] = {}
        for root, place in into.items():
            while is_primitive(root, reverse_row):
                root, place = root.args[0], place.moved(0, place.shape[0] - 1, place.shape[0], -1)
            if isinstance(root.op, Select) and root not in self.refs:
                self.given_out.setdefault(root.args[0], {})[root.op.position] = place
        self.axes = batch_axes(self.order, axes)
        self.users: dict[Node, list[Node]] = {}
        for node in self.order:
            for arg in dict.fromkeys(node.args):
                self.users.setdefault(arg, []).append(node)
        self.readers = {node: set(users) for node, users in self.users.items()}
        # what others look into or what is given out lives as long as the body
        self.pinned = {*roots, *known, *(arg for node in self.order if looks_into(node) for arg in node.args)}
        self.owned: set[Node] = set()
        self.kept = {node for node in self.order if is_elementwise(node) and self._is_kept(node)}
        self.waits: dict[Node, int] = {}
        self.ready: dict[Any, dict[Node, None]] = {}
        self._start()

    # -- what is computed together

    def _is_kept(self, node: Node) -> bool:
        """Whether an elementwise value must be in memory: something reads it that is not elementwise, or of another shape."""
        return node in self.roots or any(not self.together(node, user) for user in self.users.get(node, []))

    def together(self, node: Node, user: Node) -> bool:
        return is_elementwise(user) and self.kind(user) == self.kind(node)

    def kind(self, node: Node) -> Any:
        return node.shape, self.axes[node]

    def _start(self) -> None:
        """Count for every elementwise node how many of its arguments are not to be had yet."""
        for node in self.order:
            if is_elementwise(node):
                self.waits[node] = sum(not self._there(arg, node) for arg in dict.fromkeys(node.args))
                if not self.waits[node]:
                    self.ready.setdefault(self.kind(node), {})[node] = None

    def _there(self, arg: Node, user: Node) -> bool:
        return arg in self.refs or number_of(arg) is not None or (self.waits.get(arg) == 0 and self.together(arg, user))

    def put(self, node: Node, ref: Any) -> None:
        """A value has its place: what waited for it alone is ready, and with that what can be computed together with it."""
        self.refs[node] = ref
        told = [user for user in self.users.get(node, []) if not (is_elementwise(node) and self.together(node, user))]
        while told:
            user = told.pop()
            if user in self.waits and user not in self.refs:
                self.waits[user] -= 1
                if not self.waits[user]:
                    self.ready.setdefault(self.kind(user), {})[user] = None
                    told += [later for later in self.users.get(user, []) if self.together(user, later)]

    def chunk(self, kind: Any, given: Node | None = None) -> Chunk | None:
        """All that can be computed now for this shape and is needed in memory, with what that takes; `given` is in registers."""
        wanted = [node for node in self.ready.get(kind, {}) if node in self.kept]
        if not wanted:
            return None
        order = self.missing(wanted)
        inside = {*order}
        for node in order:
            self.ready[kind].pop(node, None)
        read = [
            arg
            for node in order
            for arg in node.args
            if arg not in inside and arg is not given and number_of(arg) is None
        ]
        writes = {
            node: self.target(node) for node in order if node in self.kept or not inside.issuperset(self.users[node])
        }
        return Chunk(tuple(order), {arg: self.refs[arg].spread(kind[0]) for arg in read}, writes)

    def missing(self, wanted: Sequence[Node]) -> list[Node]:
        """Elementwise values that are not in memory and are needed for others, in order."""
        found: dict[Node, None] = {}
        stack = list(reversed(wanted))
        while stack:
            node = stack[-1]
            waiting = [arg for arg in node.args if arg not in self.refs and arg not in found and number_of(arg) is None]
            if node in found or not waiting:
                found[stack.pop()] = None
            else:
                stack += reversed(waiting)
        return list(found)

    def target(self, node: Node) -> Array:
        """Where a value goes."""
        if node in self.into:
            return self.into[node]
        self.owned.add(node)
        return self.source.array(node.shape, self.axes[node])

    def done(self, chunk: Chunk) -> None:
        """The values of a chunk are there."""
        for node, array in chunk.writes.items():
            self.put(node, array)
        for node in chunk.order:
            self.release(node)

    def release(self, reader: Node) -> None:
        """One reader less for its arguments; what nobody reads any more gives its place back."""
        for arg in reader.args:
            waiting = self.readers[arg]
            waiting.discard(reader)
            if not waiting and arg in self.owned and arg not in self.pinned:
                self.owned.discard(arg)
                self.source.give_back(self.refs[arg], self.axes[arg])

    # -- writing

    def write(self) -> list[Any]:
        """The code; gives the places of the roots."""
        for node in self.order:
            if node not in self.refs and not is_elementwise(node) and number_of(node) is None:
                value = self.value(node)
                if node not in self.refs:  # a product puts itself
                    self.put(node, value)
                self.release(node)
        for root in dict.fromkeys(self.roots):
            place = self.array(root)
            if root in self.into and place != self.into[root]:
                copy(self.code, place, self.into[root], self.source.extents(root.shape, self.axes[root]))
                self.refs[root] = self.into[root]
        for node in self.owned.difference(self.pinned):
            self.source.give_back(self.refs[node], self.axes[node])
        return [self.refs[root] for root in self.roots]

    def array(self, node: Node) -> Any:
        """The place of a value, computed now if it was put off."""
        if node in self.refs:
            return self.refs[node]
        if number_of(node) is not None:
            self.refs[node] = self.source.constant(constant_value(node))
            return self.refs[node]
        for part in self.missing([node]):
            if part not in self.refs and part in self.kept:
                chunk = self.chunk(self.kind(part))
                assert chunk is not None, part
                run_chunk(self.code, self.source.extents(part.shape, self.axes[part]), chunk)
                self.done(chunk)
        return self.refs[node]

    def value(self, node: Node) -> Any:
        """The place of a value that is not elementwise."""
        op = node.op
        if isinstance(op, Constant):
            return self.source.constant(constant_value(node))
        if node.shape[-1:] == (NAME,):
            return None
        if isinstance(op, Select):
            return self.refs[node.args[0]][op.position]
        args = [self.array(arg) for arg in node.args]
        if isinstance(op, Fold):
            return write_fold(
                self.source, node, args, [self.axes[arg] for arg in node.args], Body, self.given_out.get(node, {})
            )
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
            return padded_windows(self.source, node, args[0], self.axes[node.args[0]])
        target = self.target(node)
        write_primitive(self.source, node, args, [self.axes[arg] for arg in node.args], target, self.axes[node])
        return target

    def reshaped(self, node: Node, array: Array) -> Array:
        """The same entries in another shape: seen, if they lie in their order or if rows are grouped, else copied."""
        if splits_leading_axis(node):
            return replace(
                array, shape=tuple(node.shape), strides=(int(node.shape[1]) * array.strides[0], *array.strides)
            )
        if not array.contiguous:
            fresh = self.source.array(array.shape, None)
            copy(self.code, array, fresh, array.shape)
            array = fresh
        shape = tuple(int(size) for size in node.shape)
        strides = tuple(prod(shape[k + 1 :]) for k in range(len(shape)))
        return replace(array, shape=shape, strides=strides)


def looks_into(node: Node) -> bool:
    """Whether a node's value is in the memory of its arguments."""
    return is_view(node) or is_primitive(node, reshape) or isinstance(node.op, (Fold, Select))
