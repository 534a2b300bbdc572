"""Straight code: a block's nodes in order, each computed into a place of its own or one that is free again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symfold.compute.backends.numpy.calls import elementwise_lines, primitive_lines
from symfold.compute.backends.numpy.elementwise import absorbed
from symfold.compute.backends.numpy.loops import write_fold
from symfold.compute.backends.numpy.views import is_view, spread, view
from symfold.compute.backends.numpy.writer import Ref, Source
from symfold.core.applied_layers import Call
from symfold.core.folds import Fold, Select
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import is_primitive, reshape, splits_leading_axis
from symfold.core.shapes import NAME
from symfold.core.walks import walk
from symfold.errors import NoRule


def write(
    source: Source, roots: Sequence[Node], known: Mapping[Node, Any], into: Mapping[Node, Ref]
) -> dict[Node, Any]:
    """Write what computes the roots; `into` says where some values must go."""
    body = Body(source, walk(roots, stop=known), roots, dict(known), dict(into))
    body.write()
    return body.refs


class Body:
    """The straight part of a program: a block's nodes in order, with the lifetimes of their values."""

    def __init__(
        self, source: Source, order: list[Node], roots: Sequence[Node], refs: dict[Node, Any], into: dict[Node, Ref]
    ):
        self.source = source
        self.order = order
        self.refs = refs
        self.into = into
        self.pinned = {
            *roots,
            *refs,
        }  # what is known already is its owner's: a loop's body does not know who reads it after the loop
        users: dict[Node, list[Node]] = {}
        for node in order:
            for arg in node.args:
                users.setdefault(arg, []).append(node)
                if is_view(node) or is_primitive(node, reshape) or isinstance(node.op, (Fold, Select)):
                    self.pinned.add(arg)
        # -u in a sum and 1/u in a product are not computed, but read through, where nothing else reads them; the readers
        # are asked first: what is read through reads nothing itself, so u has a place, also where u is 1/v
        self.through: dict[Node, Node] = {}
        for node in reversed(order):
            alone = node not in self.pinned and node not in into and len(users.get(node, [])) == 1
            if alone and users[node][0] not in self.through and (inner := absorbed(node, users[node][0])) is not None:
                self.through[node] = inner
        place = {node: k for k, node in enumerate(order)}
        self.last: dict[Node, int] = {}
        for node in order:
            for arg in self.reads(node):
                self.last[arg] = max(self.last.get(arg, -1), place[node])

    def reads(self, node: Node) -> list[Node]:
        """The values that a node's calls read."""
        if node in self.through:
            return []
        return [self.through.get(arg, arg) for arg in node.args]

    def write(self) -> None:
        for place, node in enumerate(self.order):
            if node in self.refs or node in self.through:
                continue
            self.refs[node] = self.value(node, place)
            for arg in dict.fromkeys(self.reads(node)):
                ref = self.refs.get(arg)
                dead = self.last.get(arg) == place and arg not in self.pinned and arg not in self.into
                if dead and isinstance(ref, Ref) and ref.scratch and ref.name != getattr(self.refs[node], "name", None):
                    self.source.release(ref)

    def value(self, node: Node, place: int) -> Any:
        op, source = node.op, self.source
        if isinstance(op, Constant):
            ref = source.constant(node)
        elif isinstance(op, Fold):
            return write_fold(source, node, [self.refs[arg] for arg in node.args], write)
        elif isinstance(op, Select):
            ref = self.refs[node.args[0]][op.position]
        elif node.shape[-1:] == (NAME,):
            return None
        elif isinstance(op, Call):
            raise NoRule("a layer is opaque and has no numbers (give it a body: net.bind({'f1': lambda z: ...}))")
        elif is_view(node):
            ref = view(source, node, self.refs[node.args[0]])
        elif (
            is_primitive(node, reshape)
            and self.refs[node.args[0]].level == 0
            and (self.refs[node.args[0]].whole or splits_leading_axis(node))
        ):
            inner = self.refs[node.args[0]]
            ref = Ref(
                source.once("v", f"{inner.name}.reshape({source.shape(node.shape)})"), node.shape, whole=inner.whole
            )
        else:
            return self.computed(node, place)
        if node in self.into:
            source.emit(f"copyto({self.into[node].name}, {ref.name})")
            return self.into[node]
        return ref

    def computed(self, node: Node, place: int) -> Ref:
        """A value that calls compute, into its own place or one that is free."""
        source = self.source
        if isinstance(node.op, type):
            reads = [spread(source, self.refs[arg], node.shape) for arg in self.reads(node)]
            out = self.into.get(node) or self.reused(node, place) or source.scratch(node.shape)
            source.emit(
                *elementwise_lines(
                    source, node, [r.name for r in reads], [arg in self.through for arg in node.args], out.name
                )
            )
            return out
        out = self.into.get(node) or source.scratch(node.shape)
        source.emit(*primitive_lines(source, node, [self.refs[arg] for arg in node.args], out))
        return out

    def reused(self, node: Node, place: int) -> Ref | None:
        """The place of an argument that dies here. Only the first call may read what it overwrites: its two arguments."""
        if node not in self.pinned or node not in self.into:
            for arg in self.reads(node)[:2]:
                ref = self.refs.get(arg)
                dies = self.last[arg] == place and arg not in self.pinned and arg not in self.into
                if (
                    dies
                    and isinstance(ref, Ref)
                    and ref.scratch
                    and ref.shape == node.shape
                    and self.reads(node)[2:].count(arg) == 0
                ):
                    return ref
        return None
