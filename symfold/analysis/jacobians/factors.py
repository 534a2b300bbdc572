"""Factors: the name of the derivative of an operation by an argument.

J2(z1) for layer f2 at the state z1, J2 if it is the same everywhere; diag(v) for an elementwise operation; dot(·, W)
for a linear operation, which is the map itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symfold.analysis.jacobians.affine import is_affine
from symfold.analysis.jacobians.ordered import Map, after, scaled
from symfold.core.blocks import Call
from symfold.core.functions import Head
from symfold.core.leaves import Constant, FrozenArray
from symfold.core.names import applied_layers, label, names_of
from symfold.core.nodes import Node, digest, walk
from symfold.core.primitives import Apply
from symfold.core.stacked_inputs import Numbered
from symfold.show.notation.linear_maps import PLACE, Factor
from symfold.show.notation.readings import Reading
from symfold.show.notation.terms import Name, Term, as_term, number_of
from symfold.transform.autodiff.derivatives import partial


@dataclass(frozen=True)
class Factors:
    """The names of the derivatives in a net: a letter, with the number of the layer if all are of one family."""

    letter: str
    alone: bool
    linear: tuple[str, ...] = ()

    def layer(self, node: Node[Call], place: int, reading: Reading) -> Term:
        """The derivative of a layer by one of its arguments; without a state if it is affine, or in `linear`."""
        op, values = node.op, reading.known
        name: Name = as_term(values[node.args[0]]).op
        is_linear = is_named(name, self.linear)
        argument = place if len(node.args) - op.weights > 2 else 0
        if is_linear or (op.body is not None and is_affine(op.body, op.arity, op.weights)):
            return Term(Factor("layer", argument), (Term(name if is_linear else self._named(name)),))
        at = [as_term(values[arg]) for arg in node.args[1 : 1 + op.arity]]
        return Term(Factor("layer", argument), (Term(self._named(name)), *at))

    def _named(self, name: Name) -> Name:
        """The name of the Jacobian of a layer: J1 if all layers are of one family, else J_f1."""
        if name.index is not None:
            return Name(self.letter if self.alone else f"{self.letter}_{name.stem}", name.index, joined=False)
        digits = name.stem[len(label(name.stem)) :]
        return Name(f"{self.letter}{digits}" if self.alone and digits else f"{self.letter}_{name.stem}")

    def elementwise(self, node: Node[Head], place: int, before: Term, reading: Reading) -> Map:
        """The derivative of an elementwise operation by one argument, times that of the argument."""
        if node.op is sp.Add:
            return before
        others = [*node.args[:place], *node.args[place + 1 :]] if node.op is sp.Mul else [partial(node, place)]
        numbers = {other: value for other in others if (value := _number(other, reading)) is not None}
        rest = [other for other in others if other not in numbers]
        value = sp.Mul(*(numbers[other] for other in others if other in numbers))
        if value == 0 and node.op is not sp.Mul:
            return None  # constant; a product with 0 is still a path, of weight 0
        diagonal = self._diagonal(rest[0] if len(rest) == 1 else Node(sp.Mul, tuple(rest)), reading) if rest else None
        product = before if diagonal is None else after(diagonal, before)
        return None if product is None else scaled(Term(Constant(value)), product)

    @staticmethod
    def _diagonal(node: Node, reading: Reading) -> Term:
        reading.follow(walk((node,), stop=reading.known), (), reading.known)
        return Term(Factor("diag", mark=_mark(node)), (as_term(reading.known[node]),))

    def primitive(self, node: Node[Apply], place: int, reading: Reading) -> Term:
        """The derivative of a primitive by one argument: the primitive itself if it is linear in it."""
        args = [as_term(reading.known[arg]) for arg in node.args]
        row = node.op.primitive.name
        if any(place in group for group in node.op.groups(len(args))):
            args[place] = PLACE
            return Term(Factor("map", mark=_mark(node)), (Term(node.op, args),))
        name = Term(Name(f"{self.letter}_{row}"))
        return Term(Factor("operation", place + 1 if len(args) > 1 else 0, _mark(node)), (name, *args))


def _number(node: Node, reading: Reading) -> sp.Expr | None:
    """The value of a node if it is a number, or an item of this step that is one."""
    if isinstance(node.op, Constant):
        return node.op.value if isinstance(node.op.value, sp.Expr) else None
    return number_of(as_term(reading.known[node])) if node in reading.known else None


def is_named(name: Name, layers: Sequence[str]) -> bool:
    """Whether a layer is among names of layers or families."""
    stem = label(name.stem) if name.index is None else name.stem
    return name.text in layers or stem in layers


def layer_names(net: Any) -> list[str]:
    """The names of the layers of a net; of a numbered family the first."""
    result: dict[str, None] = {}
    for _, args in applied_layers(net.outputs):
        names = names_of(args[0])
        result |= dict.fromkeys([names[0]] if isinstance(names, Numbered) else names)
    return list(result)


def _mark(node: Node) -> str:
    """A mark that identifies a factor with arrays of numbers, which are written by their shape."""
    arrays = any(isinstance(part.op, Constant) and isinstance(part.op.value, FrozenArray) for part in walk((node,)))
    return f" #{digest(node).hex()[:8]}" if arrays else ""
