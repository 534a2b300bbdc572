"""Straight-line code: a block's nodes in order, each computed into a new array or one that is free again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import sympy as sp

from symfold.compute.backends.numpy.calls import absorbed, elementwise_lines, factors_summed, primitive_lines
from symfold.compute.backends.numpy.loops import write_fold
from symfold.compute.backends.numpy.views import is_view, spread, untransposed, view, widened
from symfold.compute.backends.numpy.writer import Ref, Source
from symfold.core.blocks import Call
from symfold.core.folds import Fold, Select, is_fold
from symfold.core.leaves import Constant
from symfold.core.nodes import Node, is_elementwise, walk
from symfold.core.primitives import Apply, dot, is_primitive, reshape, splits_leading_axis
from symfold.core.shapes import NAME, is_concrete
from symfold.errors import NoRule


def write(
    source: Source, roots: Sequence[Node], leaf_refs: Mapping[Node, Any], into: Mapping[Node, Ref]
) -> dict[Node, Any]:
    """Write the code of the roots; `into` holds the required arrays of some values."""
    body = Body(source, walk(roots, stop=leaf_refs), roots, dict(leaf_refs), dict(into))
    body.write()
    return body.refs


def reads_shapes(node: Node) -> TypeGuard[Node[Apply]]:
    """Whether a value depends on the shapes of its arguments alone, as a mask does."""
    if not isinstance(node.op, Apply) or not node.args or not all(is_concrete(arg.shape) for arg in node.args):
        return False
    return set(node.op.primitive.shape_only) == set(range(len(node.args)))


class Body:
    """The nodes of a block in order, with the lifetimes of their values."""

    def __init__(
        self, source: Source, order: list[Node], roots: Sequence[Node], refs: dict[Node, Any], into: dict[Node, Ref]
    ):
        self.source = source
        self.order = order
        self.refs = refs
        self.into = into
        # the owner of a leaf's array may read it after the loop
        self.pinned = {*roots, *refs}
        users: dict[Node, list[Node]] = {}
        for node in order:
            for arg in node.args:
                users.setdefault(arg, []).append(node)
            if is_elementwise(node):  # most nodes
                continue
            if is_view(node) or is_primitive(node, reshape) or isinstance(node.op, (Fold, Select)):
                self.pinned.update(node.args)
        # absorb -u into a sum and 1/u into a product that alone reads it; users go first, so that an absorbed node's
        # operand has an array itself, even if it is 1/v
        self.absorbed: dict[Node, Node] = {}
        for node in reversed(order):
            if not (node.op is sp.Mul or node.op is sp.Pow):  # few nodes ask the sets
                continue
            alone = node not in self.pinned and node not in into and len(users.get(node, [])) == 1
            if alone and users[node][0] not in self.absorbed and (inner := absorbed(node, users[node][0])) is not None:
                self.absorbed[node] = inner
        # sums of products that nothing else reads take both factors
        self.products: dict[Node, tuple[Node, Node]] = {}
        for node in order:
            if is_elementwise(node) or (factors := factors_summed(node)) is None:
                continue
            product = node.args[0]
            alone = product not in self.pinned and product not in into and users[product] == [node]
            if alone and self.absorbed.keys().isdisjoint((product, *factors)):
                self.products[node] = factors
        self.unwritten = {*self.absorbed, *(node.args[0] for node in self.products)}
        self.last = {arg: place for place, node in enumerate(order) for arg in self.reads(node)}

    def reads(self, node: Node) -> Sequence[Node]:
        """The values that a node's calls read."""
        if not self.unwritten:
            return node.args
        if node in self.unwritten:
            return []
        if node in self.products:
            return self.products[node]
        return [self.absorbed.get(arg, arg) for arg in node.args]

    def write(self) -> None:
        for place, node in enumerate(self.order):
            if node in self.refs or node in self.unwritten:
                continue
            result = self.refs[node] = self.value(node, place)
            for arg in dict.fromkeys(self.reads(node)):
                if self.last[arg] != place or arg in self.pinned or arg in self.into:
                    continue
                ref = self.refs.get(arg)
                if isinstance(ref, Ref) and ref.scratch and ref.name != getattr(result, "name", None):
                    self.source.release(ref)

    def value(self, node: Node, place: int) -> Any:
        op, source = node.op, self.source
        if is_elementwise(node):  # most nodes
            return self.computed(node, place)
        if isinstance(op, Constant):
            ref = source.constant(node)
        elif is_fold(node):
            return write_fold(source, node, [self.refs[arg] for arg in node.args], write)
        elif isinstance(op, Select):
            ref = self.refs[node.args[0]][op.position]
        elif node.shape[-1:] == (NAME,):
            return None
        elif isinstance(op, Call):
            raise NoRule("a layer is opaque and has no numbers (give it a body: net.bind({'f1': lambda z: ...}))")
        elif reads_shapes(node):
            value = node.op.evaluate(*(np.zeros(tuple(map(int, arg.shape)), source.dtype) for arg in node.args))
            ref = Ref(source.array("c", np.array(value, source.dtype)), node.shape, whole=True)
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
        """A value that calls compute, into its required array or a free one."""
        source = self.source
        if is_elementwise(node):
            refs = [self.refs[arg] for arg in self.reads(node)]
            wide = [widened(source, spread(source, ref, node.shape), node.shape) for ref in refs]
            flipped = [arg in self.absorbed for arg in node.args]
            out = self.into.get(node) or self.reused(node, place) or source.scratch(node.shape)
            source.emit(*elementwise_lines(source, node, [ref.name for ref in wide], flipped, out.name))
            for ref, given in zip(wide, refs, strict=True):
                if ref is not given and ref.scratch:
                    source.release(ref)
            return out
        out = self.into.get(node) or source.scratch(node.shape)
        args = [self.refs[arg] for arg in (self.products.get(node) or node.args)]
        if is_primitive(node, dot):
            args[1] = untransposed(source, args[1])
        source.emit(*primitive_lines(source, node, args, out))
        return out

    def reused(self, node: Node, place: int) -> Ref | None:
        """The array of an argument that dies here: one of the first call's two, since later calls must not read it."""
        if node not in self.pinned or node not in self.into:
            reads = self.reads(node)
            for arg in reads[:2]:
                if self.last[arg] != place or arg in self.pinned or arg in self.into:
                    continue
                ref = self.refs.get(arg)
                if isinstance(ref, Ref) and ref.scratch and ref.shape == node.shape and arg not in reads[2:]:
                    return ref
        return None
