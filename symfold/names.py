"""Names: one name means one thing in a net. Two things that claim one name are an error with a remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from symfold.errors import InvalidValue, ShapeError
from symfold.folds import Fold
from symfold.layer_kinds import Call
from symfold.nodes import Input, Node, substitute, walk
from symfold.sequences import Family, Numbered
from symfold.shapes import NAME, Rest, show


def leaves_of(roots: Iterable[Node]) -> tuple[Node, ...]:
    """The inputs and families that the roots need, in order of first use. Blocks are closed, so none hides in one."""
    return tuple(node for node in walk(roots) if isinstance(node.op, (Input, Family)))


def reconcile(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every input in its one shape: a symbol without a shape takes that of the tensor of its name.

    >>> import sympy as sp
    >>> from symfold.nodes import tensor
    >>> reconcile((tensor("x", (2, 3)) + sp.Symbol("x"),))[0].shape
    (2, 3)
    """
    shaped: dict[str, Node] = {}
    loose: list[Node] = []
    for node in leaves_of(roots):
        if not isinstance(node.op, Input) or node.shape == (NAME,):
            continue
        name = node.op.name
        if node.op.role == "input" and node.shape == (Rest((name,)),):
            loose.append(node)
        elif shaped.setdefault(name, node) is not node:
            other = shaped[name]
            raise ShapeError(
                f"two different tensors are named {name!r}: {describe(other)} and {describe(node)} (rename one, or use one object for both)"
            )
    replaced = {node: shaped[node.op.name] for node in loose if node.op.name in shaped}
    return substitute(roots, replaced) if replaced else tuple(roots)


def describe(node: Node) -> str:
    return f"{'an' if node.op.role[0] in 'aeiou' else 'a'} {node.op.role} of shape {show(node.shape)}"


class Claims:
    """Who claims which name: a numbered run is one entry, so that a million layers cost what three cost."""

    def __init__(self, what: str):
        self.what = what
        self.single: dict[str, Any] = {}
        self.runs: list[tuple[Numbered, Any]] = []

    def add(self, names: Any, owner: Any) -> Any:
        """Claim names for an owner; the other owner, if one of the names has another."""
        if isinstance(names, Numbered):
            for run, other in self.runs:
                if run.prefix == names.prefix and other != owner and overlap(run, names):
                    return other
            if (names, owner) not in self.runs:
                self.runs.append((names, owner))
            return None
        for name in names:
            if self.single.setdefault(name, owner) != owner:
                return self.single[name]
        return None


def overlap(a: Numbered, b: Numbered) -> bool:
    """Whether two numbered runs share a name (symbolic counts are taken as long as need be)."""
    ends = [run.start + run.count if isinstance(run.count, int) else float("inf") for run in (a, b)]
    return bool(a.start < ends[1] and b.start < ends[0])


def check_claims(roots: Sequence[Node]) -> None:
    """Equal layers are one layer; unequal ones that claim one name, or one parameter, are an error."""
    bodies, owners = Claims("layer"), Claims("parameter")

    def visit(node: Node, args: Sequence[Node | None]) -> None:
        if isinstance(node.op, Call) and args[0] is not None:
            if bodies.add(names_of(args[0]), node.op.body) is not None:
                raise InvalidValue(f"two different layers are named {show_name(args[0])} (rename one)")
            for weight in args[1 + node.op.arity :]:
                if weight is None or not isinstance(weight.op, (Input, Family)) or weight.op.role != "parameter":
                    continue
                if (other := owners.add(names_of(weight), label(args[0]))) is not None:
                    raise InvalidValue(
                        f"layers {other[0]} and {label(args[0])[0]} both claim the parameter {show_name(weight)} "
                        "(number them apart, as sf.layers('g11:14'), or use one layer for both)"
                    )
        elif isinstance(node.op, Fold):
            formals = dict(zip(node.op.block.formals[node.op.carries :], args[node.op.carries :], strict=True))
            for part in walk(node.op.block.results):
                if isinstance(part.op, (Call, Fold)):
                    visit(part, [formals.get(arg, arg if isinstance(arg.op, (Input, Family)) else None) for arg in part.args])

    for node in walk(roots):
        if isinstance(node.op, (Call, Fold)):
            visit(node, list(node.args))


def names_of(node: Node) -> Any:
    return node.op.names if isinstance(node.op, Family) else (node.op.name,) if isinstance(node.op, Input) else ()


def label(node: Node) -> tuple[str, int]:
    """What tells owners apart: for numbered layers the prefix and the offset, so that f3 of a run is f3 alone."""
    if isinstance(node.op, Family):
        names = node.op.names
        return (names.prefix, 0) if isinstance(names, Numbered) else (names[0], 0)
    name = node.op.name if isinstance(node.op, Input) else ""
    return (name.rstrip("0123456789") or name, 0)


def show_name(node: Node) -> str:
    names = names_of(node)
    return repr(names[0]) if names else "?"
