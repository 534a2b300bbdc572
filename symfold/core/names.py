"""Names: one name means one thing in a net. Two things that claim one name are an error with a remedy."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from symfold.core.applied_layers import Call
from symfold.core.blocks import Block
from symfold.core.folds import Fold
from symfold.core.nodes import Node
from symfold.core.operations import Input
from symfold.core.sequences import names_of_node
from symfold.core.shapes import NAME, Rest, Shape, show
from symfold.core.stacked_inputs import Names, Numbered, StackedInputs, count_of
from symfold.core.walks import substitute, walk
from symfold.errors import InvalidValue, ShapeError


def leaves_of(roots: Iterable[Node]) -> tuple[Node, ...]:
    """The inputs and families that the roots need, in order of first use. Blocks are closed, so none hides in one."""
    return tuple(node for node in walk(roots) if isinstance(node.op, (Input, StackedInputs)))


def reconcile(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with one tensor for every name.

    An input without a shape takes that of the input of its name. A SymPy symbol says no more than a name: it is the input
    or the parameter of that name, as in SymPy two symbols of one name are one, and an input where there is neither.

    >>> import sympy as sp
    >>> from symfold.core.tensors import parameter, tensor
    >>> reconcile((tensor("x", (2, 3)) + sp.Symbol("x"),))[0].shape
    (2, 3)
    >>> reconcile((tensor("x") + parameter("x", (2, 3)),))
    Traceback (most recent call last):
    ...
    symfold.errors.ShapeError: two different tensors are named 'x': a parameter of shape (2, 3) and an input of shape (...) (rename one, or use one object for both)
    """
    meant: dict[str, Node] = {}
    loose: list[Node] = []
    for node in leaves_of(roots):
        if isinstance(node.op, StackedInputs):
            continue
        if node.op.role == "input" and node.shape == (Rest((node.op.name,)),):
            loose.append(node)
        elif node.shape != (NAME,) and meant.setdefault(node.op.name, node) is not node:
            raise clash_of(meant[node.op.name], node)
    replaced: dict[Node, Node] = {}
    for node in loose:
        found = meant[node.op.name] if node.op.name in meant else Node(replace(node.op, named=False))
        if not node.op.named and found.op.role != "input":
            raise clash_of(found, node)
        if found is not node:
            replaced[node] = found
    return substitute(roots, replaced) if replaced else tuple(roots)


def two_named(name: str, one: tuple[str, Shape], other: tuple[str, Shape]) -> ShapeError:
    """The error for two tensors of one name, each given as its role and shape."""
    return ShapeError(
        f"two different tensors are named {name!r}: {describe(*one)} and {describe(*other)} (rename one, or use one object for both)"
    )


def clash_of(one: Node, other: Node) -> ShapeError:
    """The same, for two inputs."""
    return two_named(one.op.name, (one.op.role, one.shape), (other.op.role, other.shape))


def describe(role: str, shape: Shape) -> str:
    """An input in words."""
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role} of shape {show(shape)}"


# ---------------------------------------------------------------- claims

DIGITS = frozenset("0123456789")  # `isdigit` takes a superscript for one too
MANY = 64  # names of one sequence, beyond which they are claimed together


@dataclass
class Claims:
    """Who claims which name. Numbered names are spans, or runs by a step, so that a million layers cost what three cost.

    >>> claims = Claims()
    >>> claims.add(Numbered("W", 1, 1_000_000), "f"), claims.add(("W7",), "f"), claims.add(("W7",), "g")
    (None, None, ('W7', 'f'))
    """

    plain: dict[str, Any] = field(
        default_factory=dict
    )  # names without a number, by name: nothing is made for each of many
    starts: dict[str, list[Any]] = field(default_factory=dict)
    spans: dict[str, list[tuple[Any, Any]]] = field(default_factory=dict)
    spaced: dict[str, dict[Any, list[Numbered]]] = field(
        default_factory=dict
    )  # many names with gaps in between, by owner

    def add(self, names: Names, owner: Any) -> tuple[str, Any] | None:
        """Claim names for an owner; gives the first name that has another owner, with that owner."""
        if (
            isinstance(names, Numbered)
            and names.step > 1
            and not (isinstance(names.count, int) and names.count <= MANY)
        ):
            return self._claim_spaced(names, owner)
        if not isinstance(names, Numbered):
            for name in names:
                if (
                    name[-1] not in DIGITS
                    and (other := self.plain.setdefault(name, owner)) is not owner
                    and other != owner
                ):
                    return name, other
        spans: dict[str, list[tuple[Any, Any]]] = {}
        for prefix, first, end in spans_of(names):
            if (
                prefix in self.spaced
                and (clash := self._spaced_clash(Numbered(prefix, first, end - first), owner)) is not None
            ):
                return clash
            spans.setdefault(prefix, []).append((first, end))
        for prefix, found in spans.items():
            if len(found) > MANY:
                clash = self._claim_all(prefix, found, owner)
            else:
                clash = next(
                    (clash for span in found if (clash := self._claim(prefix, *span, owner)) is not None), None
                )
            if clash is not None:
                return clash
        return None

    def _claim_spaced(self, names: Numbered, owner: Any) -> tuple[str, Any] | None:
        prefix = names.prefix
        for first, (end, other) in zip(self.starts.get(prefix, []), self.spans.get(prefix, []), strict=True):
            if other != owner and (number := names.shared(Numbered(prefix, first, end - first))) is not None:
                return f"{prefix}{number}", other
        if (clash := self._spaced_clash(names, owner)) is None:
            self.spaced.setdefault(prefix, {}).setdefault(owner, []).append(names)
        return clash

    def _spaced_clash(self, names: Numbered, owner: Any) -> tuple[str, Any] | None:
        others = (
            (other, run) for other, runs in self.spaced.get(names.prefix, {}).items() if other != owner for run in runs
        )
        return next(
            ((f"{names.prefix}{number}", other) for other, run in others if (number := names.shared(run)) is not None),
            None,
        )

    def _claim_all(self, prefix: str, found: Sequence[tuple[Any, Any]], owner: Any) -> tuple[str, Any] | None:
        """Claim many spans of one prefix: all that is claimed is gone through once, and not once for each."""
        held = [
            (first, end, other)
            for first, (end, other) in zip(self.starts.get(prefix, []), self.spans.get(prefix, []), strict=True)
        ]
        merged: list[tuple[Any, Any, Any]] = []
        for first, end, other in sorted([*held, *((first, end, owner) for first, end in found)], key=itemgetter(0)):
            if merged and other == merged[-1][2] and first <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]), other)
            elif merged and first < merged[-1][1]:
                return f"{prefix}{first}", merged[-1][2] if other == owner else other
            else:
                merged.append((first, end, other))
        self.starts[prefix] = [first for first, _, _ in merged]
        self.spans[prefix] = [(end, other) for _, end, other in merged]
        return None

    def _claim(self, prefix: str, first: Any, end: Any, owner: Any) -> tuple[str, Any] | None:
        if prefix not in self.starts:
            self.starts[prefix], self.spans[prefix] = [first], [(end, owner)]
            return None
        starts, spans = self.starts[prefix], self.spans[prefix]
        at = max(0, bisect_right(starts, first) - 1)
        while at < len(starts) and starts[at] <= end:
            other_end, other = spans[at]
            if other != owner and starts[at] < end and first < other_end:
                return f"{prefix}{max(first, starts[at])}", other
            if other == owner and first <= other_end:  # they touch or overlap: one span
                first, end = min(first, starts[at]), max(end, other_end)
                del starts[at], spans[at]
            else:
                at += 1
        at = bisect_right(starts, first)
        starts.insert(at, first)
        spans.insert(at, (end, owner))
        return None


def spans_of(names: Names) -> Iterator[tuple[str, Any, Any]]:
    """Names that end with a number as spans (prefix, first, end) of numbers."""
    if isinstance(names, Numbered) and names.step == 1:
        end = names.start + names.count if isinstance(names.count, int) else float("inf")
        yield names.prefix, names.start, end
        return
    for name in names:
        if name[-1] in DIGITS:
            numbered = re.fullmatch(r"(.*?)(0|[1-9][0-9]*)", name)
            assert numbered is not None
            yield numbered[1], int(numbered[2]), int(numbered[2]) + 1


def applied_layers(roots: Sequence[Node]) -> Iterator[tuple[Call, tuple[Node | None, ...]]]:
    """Every layer applied, also in the blocks of folds, with its arguments as the net's own leaves where they are that.

    A layer that a fold applies to each of its items comes once, its name being the sequence of all names.
    """
    plans: dict[Block, list[Node]] = {}
    waiting: deque[tuple[Any, tuple[Node | None, ...]]] = deque()
    waiting.extend((node.op, node.args) for node in walk(roots) if isinstance(node.op, (Call, Fold)))
    seen = set()
    while waiting:
        op, args = waiting.popleft()
        if (op, args) in seen:
            continue
        seen.add((op, args))
        if isinstance(op, Call):
            yield op, args
            block, given = op.body, args[1:]
        else:
            block, given = op.block, (None,) * op.carries + args[op.carries :]
        if block is None:
            continue
        if block not in plans:
            plans[block] = [node for node in walk(block.results) if isinstance(node.op, (Call, Fold))]
        outer = dict(zip(block.formals, given, strict=True)) if plans[block] else {}
        waiting.extend((node.op, tuple(outer.get(arg) for arg in node.args)) for node in plans[block])


def check_claims(roots: Sequence[Node]) -> None:
    """Equal layers are one layer; unequal ones that claim one name, or one parameter, are an error."""
    values, bodies, owners = Claims(), Claims(), Claims()
    for leaf in leaves_of(roots):
        if leaf.op.role != "layer" and (clash := values.add(names_of(leaf), (leaf.op.role, leaf.op.shape))) is not None:
            raise two_named(*clash, (leaf.op.role, leaf.op.shape))
    for op, args in applied_layers(roots):
        layers = names_of(args[0])
        if not layers:
            continue
        if (clash := bodies.add(layers, (op.body,))) is not None:
            raise InvalidValue(f"two different layers are named {clash[0]!r} (rename one, or use one object for both)")
        for weight in args[1 + op.arity : 1 + op.arity + op.weights]:
            for names, label in owned(names_of(weight), layers):
                if (clash := owners.add(names, label)) is not None:
                    number = clash[0][len(clash[0].rstrip("0123456789")) :]
                    raise InvalidValue(
                        f"layers {clash[1]}{number} and {label}{number} both claim the parameter {clash[0]!r} "
                        "(give the layers of one of them other numbers, as sf.layers('g11:14'), or use one layer for both)"
                    )


def names_of(node: Node | None) -> Names:
    """The names of the inputs that a node is, or is a sequence of; none for any other node."""
    return () if node is None else names_of_node(node)


def owned(parameters: Names, layers: Names) -> Iterator[tuple[Names, str]]:
    """Parameters with what tells their owners apart: the layer's name without its number, which the parameter has too."""
    if isinstance(layers, Numbered):
        yield parameters, label(layers.prefix)
    else:
        for parameter, layer in zip(parameters, layers, strict=False):
            yield (parameter,), label(layer)


def label(name: str) -> str:
    """A layer's name without its number."""
    return name.rstrip("0123456789")


def covers(name: str, names: Names) -> bool:
    """Whether a name is one of these."""
    return name in names


def places_of(wanted: Collection[str], names: Names) -> dict[int, str]:
    """Where some names stand among these, in order; numbered ones are found without listing them.

    >>> places_of(["f9", "g", "f2"], Numbered("f", 1, 10**6))
    {1: 'f2', 8: 'f9'}
    """
    if isinstance(names, Numbered):
        return dict(sorted((place, name) for name in wanted if (place := names.position(name)) is not None))
    return {place: name for place, name in enumerate(names) if name in wanted}


def show_names(found: Iterable[Names], most: int = 12) -> str:
    """Names in a line, for messages: of many, the first and the last.

    >>> show_names([Numbered("f", 1, 1000), ("g",)])
    'f1, f2, ..., f1000, g'
    """
    shown: list[str] = []
    for names in found:
        count = count_of(names)
        if isinstance(names, Numbered) and (not isinstance(count, int) or count > most):
            shown.append(f"{names[0]}, {names[1]}, ..., {names.last}")
        else:
            shown += names
    listed = list(dict.fromkeys(shown))
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "") if listed else "none"
