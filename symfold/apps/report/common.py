"""The common form: nets x + f_1(u_1) + ... + f_n(u_n), and the u_k of each."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symfold.apps.report.cells import Formula
from symfold.core.blocks import Call
from symfold.core.folds import Fold, Select, fold_of
from symfold.core.leaves import Formal, Input
from symfold.core.names import names_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import Numbered
from symfold.show.notation.styles import STYLES, mathml_tokens
from symfold.show.notation.terms import Name, show_size

K = sp.Symbol("k", integer=True)
STATE = Name("z", K - 1)


@dataclass(frozen=True)
class Additive:
    """A net that adds one layer per step to a start: x + sum of f_k(u_k), where layer k reads u_k."""

    start: str
    prefix: str
    first: int
    count: Size
    read: Name

    @property
    def whole(self) -> Formula:
        return Formula(self._whole)

    def _whole(self, style: str) -> str:
        name = STYLES[style].name
        layer, read, start = name(Name(self.prefix, K, layer=True)), name(Name("u", K)), name(Name(self.start))
        last = show_size(self.count + self.first - 1)
        if style == "mathml":
            low, high = mathml_tokens(f"k={self.first}"), mathml_tokens(last)
            total = f"<munderover><mo>∑</mo><mrow>{low}</mrow><mrow>{high}</mrow></munderover>"
            return f"{start}<mo>+</mo>{total}{layer}<mrow><mo>(</mo>{read}<mo>)</mo></mrow>"
        return f"{start} + {layer}({read}) summed over k = {self.first}..{last}"

    @property
    def reading(self) -> Formula:
        """What layer k reads, as an equation."""
        return Formula(
            lambda style: STYLES[style].name(Name("u", K)) + STYLES[style].equals + STYLES[style].name(self.read)
        )


def additive(net: Net) -> Additive | None:
    """The parts of an additive net; None for any other net.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:5"), sf.tensor("x")
    >>> for mapper in (sf.mappers.residual, sf.mappers.boosting(x)):
    ...     found = additive(sf.fold(mapper, f, x))
    ...     print(found.whole.text, "where", found.reading.text)
    x + f_k(u_k) summed over k = 1..4 where u_k = z_{k-1}
    x + f_k(u_k) summed over k = 1..4 where u_k = x
    """
    if len(net.outputs) != 1 or not isinstance(net.outputs[0].op, Select):
        return None
    node = fold_of(net.outputs[0])
    fold = node.op
    start = node.args[0]
    if fold.carries != 1 or len(fold.block.results) != 1 or not isinstance(start.op, Input):
        return None
    result = fold.block.results[0]
    calls = [arg for arg in result.args if isinstance(arg.op, Call) and arg.op.arity == 1]
    carried = [arg for arg in result.args if isinstance(arg.op, Formal) and arg.op.position == 0]
    if result.op is not sp.Add or len(result.args) != 2 or len(calls) != 1 or len(carried) != 1:
        return None
    layer, read = calls[0].args[:2]
    names = names_of(node.args[layer.op.position]) if isinstance(layer.op, Formal) else ()
    if not isinstance(names, Numbered) or names.step != 1 or not isinstance(read.op, Formal):
        return None
    if (name := _name(read.op.position, node)) is None:
        return None
    return Additive(start.op.name, names.prefix, names.start, fold.count, name)


def _name(position: int, fold: Node[Fold]) -> Name | None:
    """The name of a formal of the step: the state before, or an input that all steps read."""
    if position == 0:
        return STATE
    outer = fold.args[position].op
    return Name(outer.name) if isinstance(outer, Input) and not fold.op.each[position - 1] else None
