"""Names: one name means one thing in a net. If two things claim the same name, an error gives the remedy."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Generic, TypeVar

import sympy as sp

from symfold.core.blocks import Block, Call, is_name, is_tracing
from symfold.core.folds import Fold
from symfold.core.leaves import Constant, Formal, Input
from symfold.core.nodes import Node, substitute, walk
from symfold.core.sequences import names_of_node
from symfold.core.shapes import NAME, Rest, Shape, show
from symfold.core.stacked_inputs import Leaf, Names, Numbered, StackedInputs, count_of, is_input, is_leaf
from symfold.errors import InvalidValue, ShapeError, listing

if TYPE_CHECKING:
    from typing_extensions import TypeIs


def leaves_of(roots: Iterable[Node]) -> tuple[Leaf, ...]:
    """The inputs and stacked inputs that the roots read, in order of first use (none is inside a block)."""
    return tuple(filter(is_leaf, walk(roots)))


def reconcile(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with one tensor for every name.

    An input without a shape becomes the input of the same name with one. A SymPy symbol becomes the input, the
    parameter or the depth of its name, since two SymPy symbols of one name are equal; if there is none, it becomes an
    input. While a mapper is traced it stays a symbol: what it is, is known once the outermost fold is there.

    >>> import sympy as sp
    >>> from symfold.core.leaves import parameter, tensor
    >>> reconcile((tensor("x", (2, 3)) + sp.Symbol("x"),))[0].shape
    (2, 3)
    >>> reconcile((tensor("x") + parameter("x", (2, 3)),))
    Traceback (most recent call last):
    ...
    symfold.errors.ShapeError: two different tensors are named 'x': a parameter of shape (2, 3) and an input of shape (...) (rename one, or use one object for both)
    """
    tensors: dict[str, Node[Input]] = {}
    shapeless: list[Node[Input]] = []
    for node in filter(is_input, leaves_of(roots)):
        if node.op.role == "input" and node.shape == (Rest((node.op.name,)),):
            shapeless.append(node)
        elif node.shape != (NAME,) and tensors.setdefault(node.op.name, node) is not node:
            raise tensor_clash(tensors[node.op.name], node)
    depths = depth_numbers(roots) if any(node.op.named and node.op.name not in tensors for node in shapeless) else {}
    replaced: dict[Node, Node] = {}
    for node in shapeless:
        name = node.op.name
        if node.op.named and name not in tensors and (name in depths or is_tracing()):
            replaced.update({node: depths[name]} if name in depths else {})
            continue
        tensor = tensors[name] if name in tensors else Node(replace(node.op, named=False))
        if not node.op.named and tensor.op.role != "input":
            raise tensor_clash(tensor, node)
        if tensor is not node:
            replaced[node] = tensor
    return substitute(roots, replaced) if replaced else tuple(roots)


def depth_numbers(roots: Sequence[Node]) -> dict[str, Node]:
    """The symbols in the depths of folds and stacked inputs outside blocks, as numbers, by name."""
    counts = [node.op.count for node in walk(roots) if isinstance(node.op, (Fold, StackedInputs))]
    free = {symbol for count in counts if isinstance(count, sp.Expr) for symbol in count.free_symbols}
    return {symbol.name: Node(Constant(symbol)) for symbol in free}


def name_clash(name: str, first: tuple[str, Shape], second: tuple[str, Shape]) -> ShapeError:
    """The error for two tensors of the same name, given by role and shape."""
    return ShapeError(
        f"two different tensors are named {name!r}: {describe(*first)} and {describe(*second)} "
        "(rename one, or use one object for both)"
    )


def tensor_clash(first: Node[Input], second: Node[Input]) -> ShapeError:
    """`name_clash` of two inputs."""
    return name_clash(first.op.name, (first.op.role, first.shape), (second.op.role, second.shape))


def describe(role: str, shape: Shape) -> str:
    """An input in words."""
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role} of shape {show(shape)}"


# ---------------------------------------------------------------- claims

DIGITS = frozenset("0123456789")  # `str.isdigit` accepts superscripts too
Owner = TypeVar("Owner", bound=Hashable)
MANY = 64  # names of one sequence: more are claimed together


@dataclass
class Claims(Generic[Owner]):
    """The owner of each name. Numbered names are stored as spans, or as runs with a step, at any length.

    >>> claims = Claims()
    >>> claims.add(Numbered("W", 1, 1_000_000), "f"), claims.add(("W7",), "f"), claims.add(("W7",), "g")
    (None, None, ('W7', 'f'))
    """

    plain: dict[str, Owner] = field(default_factory=dict)  # owners of names without a number
    starts: dict[str, list[int]] = field(default_factory=dict)  # by prefix, the first numbers of the spans, sorted
    spans: dict[str, list[tuple[float, Owner]]] = field(default_factory=dict)  # their ends and owners
    spaced: dict[str, dict[Owner, list[Numbered]]] = field(default_factory=dict)  # long runs with gaps, by owner

    def add(self, names: Names, owner: Owner) -> tuple[str, Owner] | None:
        """Claim names for an owner; returns the first name that has another owner, with that owner."""
        if isinstance(names, Numbered):
            is_short = isinstance(names.count, int) and names.count <= MANY
            if names.step > 1 and not is_short:
                return self._claim_spaced(names, owner)
        else:
            for name in names:
                if name[-1] not in DIGITS:
                    claimant = self.plain.setdefault(name, owner)
                    if claimant is not owner and claimant != owner:
                        return name, claimant
        spans: dict[str, list[tuple[int, float]]] = {}
        for prefix, first, end in spans_of(names):
            if prefix in self.spaced:
                clash = self._spaced_clash(Numbered(prefix, first, end - first), owner)
                if clash is not None:
                    return clash
            spans.setdefault(prefix, []).append((first, end))
        for prefix, prefix_spans in spans.items():
            clash = self._claim_spans(prefix, prefix_spans, owner)
            if clash is not None:
                return clash
        return None

    def _claim_spaced(self, names: Numbered, owner: Owner) -> tuple[str, Owner] | None:
        prefix = names.prefix
        for first, end, claimant in self._claimed(prefix):
            if claimant != owner and (number := names.shared(Numbered(prefix, first, end - first))) is not None:
                return f"{prefix}{number}", claimant
        if (clash := self._spaced_clash(names, owner)) is None:
            self.spaced.setdefault(prefix, {}).setdefault(owner, []).append(names)
        return clash

    def _spaced_clash(self, names: Numbered, owner: Owner) -> tuple[str, Owner] | None:
        for claimant, runs in self.spaced.get(names.prefix, {}).items():
            for run in runs if claimant != owner else ():
                if (number := names.shared(run)) is not None:
                    return f"{names.prefix}{number}", claimant
        return None

    def _claimed(self, prefix: str) -> list[tuple[int, float, Owner]]:
        """The claimed spans of a prefix: first, end, owner."""
        starts, spans = self.starts.get(prefix, []), self.spans.get(prefix, [])
        return [(first, end, owner) for first, (end, owner) in zip(starts, spans, strict=True)]

    def _claim_spans(self, prefix: str, spans: Sequence[tuple[int, float]], owner: Owner) -> tuple[str, Owner] | None:
        """Claim spans of one prefix; many are merged with the claimed ones in a single pass."""
        if len(spans) <= MANY:
            return next((clash for span in spans if (clash := self._claim(prefix, *span, owner)) is not None), None)
        merged: list[tuple[int, float, Owner]] = []
        candidates = [*self._claimed(prefix), *((first, end, owner) for first, end in spans)]
        for first, end, claimant in sorted(candidates, key=itemgetter(0)):
            if merged and claimant == merged[-1][2] and first <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]), claimant)
            elif merged and first < merged[-1][1]:
                return f"{prefix}{first}", merged[-1][2] if claimant == owner else claimant
            else:
                merged.append((first, end, claimant))
        self.starts[prefix] = [first for first, _, _ in merged]
        self.spans[prefix] = [(end, claimant) for _, end, claimant in merged]
        return None

    def _claim(self, prefix: str, first: int, end: float, owner: Owner) -> tuple[str, Owner] | None:
        if prefix not in self.starts:
            self.starts[prefix], self.spans[prefix] = [first], [(end, owner)]
            return None
        starts, spans = self.starts[prefix], self.spans[prefix]
        at = max(0, bisect_right(starts, first) - 1)
        while at < len(starts) and starts[at] <= end:
            claimed_end, claimant = spans[at]
            if claimant != owner and starts[at] < end and first < claimed_end:
                return f"{prefix}{max(first, starts[at])}", claimant
            if claimant == owner and first <= claimed_end:  # they touch or overlap: one span
                first, end = min(first, starts[at]), max(end, claimed_end)
                del starts[at], spans[at]
            else:
                at += 1
        at = bisect_right(starts, first)
        starts.insert(at, first)
        spans.insert(at, (end, owner))
        return None


def spans_of(names: Names) -> Iterator[tuple[str, int, float]]:
    """The names that end with a number, as spans of numbers: (prefix, first, end)."""
    if isinstance(names, Numbered) and names.step == 1:
        end = names.start + names.count if isinstance(names.count, int) else float("inf")
        yield names.prefix, names.start, end
        return
    for name in names:
        if name[-1] in DIGITS:
            numbered = re.fullmatch(r"(.*?)(0|[1-9][0-9]*)", name)
            assert numbered is not None
            yield numbered[1], int(numbered[2]), int(numbered[2]) + 1


def applies_block(node: Node) -> TypeIs[Node[Call | Fold]]:
    """Whether a node applies a layer or is a fold."""
    return isinstance(node.op, (Call, Fold))


def applied_layers(roots: Sequence[Node]) -> Iterator[tuple[Call, tuple[Node | None, ...]]]:
    """Every applied layer in order of use, with those of its arguments that are nodes of the net itself.

    Those inside folds and layers are among them. A fold over layers yields one, whose name is the sequence of all names.
    """
    return iter(dict.fromkeys((op, args) for op, args, _, _ in _applied(roots)))


def layer_shapes(roots: Sequence[Node]) -> Iterator[tuple[Names, tuple[Shape, ...], Shape]]:
    """The names of every applied layer, with the shapes that it takes and the shape that it returns."""
    for op, args, shapes, shape in _applied(roots):
        yield names_of(args[0]), shapes[: op.arity], shape


def _applied(
    roots: Sequence[Node],
) -> Iterator[tuple[Call, tuple[Node | None, ...], tuple[Shape, ...], Shape]]:
    """Every applied layer, its arguments in the net, the shapes of the arguments after the name, and of the result."""
    plans: dict[Block, list[Node[Call | Fold]]] = {}
    waiting: deque[tuple[Node[Call | Fold], tuple[Node | None, ...]]] = deque()
    waiting.extend((node, node.args) for node in filter(applies_block, walk(roots)))
    seen = set()
    while waiting:
        node, args = waiting.popleft()
        op, shapes = node.op, tuple(arg.shape for arg in node.args)
        if (op, args, shapes) in seen:
            continue
        seen.add((op, args, shapes))
        if isinstance(op, Call):
            yield op, args, shapes[1:], node.shape
            block, operands = op.body, args[1:]
        else:
            block, operands = op.block, (None,) * op.carries + args[op.carries :]
        if block is None:
            continue
        if block not in plans:
            plans[block] = [*filter(applies_block, walk(block.results))]
        bound = zip(block.formals, operands, strict=True) if plans[block] else ()
        outer = {formal: operand for formal, operand in bound if operand is not None}
        inner = [(node, tuple(_outside(arg, outer) for arg in node.args)) for node in plans[block]]
        waiting.extendleft(reversed(inner))


def _outside(arg: Node, outer: Mapping[Node, Node]) -> Node | None:
    """An argument inside a block as a node of the net itself: one that is bound to a formal, or names picked from one."""
    if arg in outer or not is_name(arg) or any(isinstance(part.op, Formal) for part in walk((arg,), stop=outer)):
        return outer.get(arg)
    return substitute((arg,), outer)[0]


def check_claims(roots: Sequence[Node]) -> None:
    """Raise if two different tensors or layers claim the same name, or two layers the same parameter."""
    values: Claims[tuple[str, Shape]] = Claims()
    bodies: Claims[tuple[Block | None]] = Claims()
    owners: Claims[str] = Claims()
    for leaf in leaves_of(roots):
        tensor = (leaf.op.role, leaf.op.shape)
        if leaf.op.role != "layer" and (clash := values.add(names_of(leaf), tensor)) is not None:
            raise name_clash(*clash, tensor)
    for op, args in applied_layers(roots):
        layers = names_of(args[0])
        if not layers:
            continue
        if (same_name := bodies.add(layers, (op.body,))) is not None:
            raise InvalidValue(
                f"two different layers are named {same_name[0]!r} (rename one, or use one object for both)"
            )
        for weight in args[1 + op.arity : 1 + op.arity + op.weights]:
            for names, owner in owners_of(names_of(weight), layers):
                if (claimed := owners.add(names, owner)) is not None:
                    parameter, claimant = claimed
                    number = parameter[len(label(parameter)) :]
                    raise InvalidValue(
                        f"layers {claimant}{number} and {owner}{number} both claim the parameter {parameter!r} "
                        "(rename one of the layers, or the parameter, or use one layer for both)"
                    )


def names_of(node: Node | None) -> Names:
    """The names of the inputs that a node is, or is a sequence of; none for any other node, or for no node."""
    return () if node is None else names_of_node(node)


def owners_of(parameters: Names, layers: Names) -> Iterator[tuple[Names, str]]:
    """Parameters with their owners: the layer's name without its number, which the parameter's name has too."""
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
    """The positions of the wanted names among these, in order; numbered names are not listed.

    >>> places_of(["f9", "g", "f2"], Numbered("f", 1, 10**6))
    {1: 'f2', 8: 'f9'}
    """
    if isinstance(names, Numbered):
        return dict(sorted((place, name) for name in wanted if (place := names.position(name)) is not None))
    return {place: name for place, name in enumerate(names) if name in wanted}


def show_names(name_lists: Iterable[Names], most: int = 12) -> str:
    """Names in a line, for messages; of many, the first and the last.

    >>> show_names([Numbered("f", 1, 1000), ("g",)])
    'f1, f2, ..., f1000, g'
    """
    shown: list[str] = []
    for names in name_lists:
        count = count_of(names)
        if isinstance(names, Numbered) and (not isinstance(count, int) or count > most):
            shown.append(f"{names[0]}, {names[1]}, ..., {names.last}")
        else:
            shown += names
    return listing(dict.fromkeys(shown), most)
