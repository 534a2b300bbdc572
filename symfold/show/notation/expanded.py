"""The expanded form: every fold written out to its inputs. Its size is counted first and must be within a bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log10
from typing import Any

import sympy as sp

import symfold.show.notation.writing as writing
from symfold.base.arguments import real
from symfold.base.trees import LEAF, unflatten
from symfold.core.attach import attach
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Interpreter
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.stacked_inputs import StackedInputs, known_count
from symfold.errors import Advice, TooLarge
from symfold.show.notation.closed_note import closed_note
from symfold.show.notation.distinct_names import style_of
from symfold.show.notation.repeats import repeated
from symfold.show.notation.sizes import expanded_size as expanded_size
from symfold.show.notation.steps import output_names
from symfold.show.notation.styles import Style
from symfold.show.notation.symbolic import as_sympy
from symfold.show.notation.terms import At, Listing, Term, join, leaf_term, shown_op
from symfold.show.notation.writing import equation, framed

CHUNK = 1 << 14


class Expander(Interpreter):
    """A node written out: a term over the inputs. Shared parts stay shared, so its size is that of the graph.

    With a style, like steps of a fold become text at once, and a sequence of names that only folds read is not listed.
    """

    def __init__(self, style: Style | None = None):
        self.style = style

    def leaf(self, node: Node) -> Term:
        return leaf_term(node)

    def apply(self, node: Node, args: Sequence[Any]) -> Term:
        return join(shown_op(node), args)

    def index(self, value: Any, position: int, node: Node) -> Term:
        return Term(At(position), (value,))

    def collect(self, entries: Entries, node: Node) -> Term:
        return Term(Listing(), entries)

    def fold(self, node: Node[Fold], fold: Fold, args: list[Any]) -> Sequence[Any]:
        count = known_count(fold.count)
        result = (
            self._repeated(self.style, fold, args)
            if self.style and fold.carries == len(fold.block.results) == 1
            else None
        )
        if result is not None:
            return [result]
        expanded = [
            Entries(map(self.leaf, map(arg.member, range(count)))) if isinstance(arg, StackedInputs) else arg
            for arg in args
        ]
        return super().fold(node, fold, expanded)

    def _repeated(self, style: Style, fold: Fold, args: list[Any]) -> Term | None:
        state, *operands = args
        if any(
            isinstance(arg, Entries) or (each and not isinstance(arg, StackedInputs))
            for arg, each in zip(args, [False, *fold.each], strict=True)
        ):
            return None
        order, (start, *formals) = walk(fold.block.results), fold.block.formals
        shared = {formal: arg for formal, arg, each in zip(formals, operands, fold.each, strict=True) if not each}
        items = [formal for formal, each in zip(formals, fold.each, strict=True) if each]

        def step(state: Term, names: Sequence[Term]) -> Term:
            (result,) = self.follow(
                order, fold.block.results, {start: state, **shared, **dict(zip(items, names, strict=True))}
            )
            return result

        families = [arg for arg in operands if isinstance(arg, StackedInputs)]
        return repeated(step, state, families, known_count(fold.count), style)


def terms_of(net: Net, style: Style | None = None) -> list[Term]:
    """The outputs of a net written out, as terms with shared parts; with a style, like steps are text."""
    expander = Expander(style)
    return expander.run_whole(net.outputs, _families_only_folded(net) if style else None)


def _families_only_folded(net: Net) -> dict[Node, StackedInputs]:
    """The sequences of names that only folds read, entry by entry."""
    listed: set[Node] = set(net.outputs)
    folded: dict[Node, StackedInputs] = {}
    for node in walk(net.outputs):
        along = (*[False] * node.op.carries, *node.op.each) if isinstance(node.op, Fold) else [False] * len(node.args)
        for arg, each in zip(node.args, along, strict=True):
            if each and isinstance(arg.op, StackedInputs):
                folded[arg] = arg.op
            elif not each:
                listed.add(arg)
    return {node: family for node, family in folded.items() if node not in listed}


def to_sympy(net: Net, max_ops: int | None = 10_000) -> Any:
    """The whole net as SymPy expressions in the net's form; nothing is evaluated.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.multiplicative, sf.layers("f1:3"), sf.tensor("x"))
    >>> to_sympy(net)
    x*f1(x)*f2(x*f1(x))
    """
    check_size(net, max_ops)
    return unflatten(
        net.form, [_entries(term) if isinstance(term.op, Listing) else as_sympy(term) for term in terms_of(net)]
    )


def _entries(term: Term) -> sp.Tuple:
    """A sequence as an output: a SymPy tuple of its entries."""
    return sp.Tuple(*map(as_sympy, term.args))


def stream(net: Net, style: str = "text") -> Iterator[str]:
    """The expanded formula of any length, in chunks; memory grows with depth, not with length.

    >>> import symfold as sf
    >>> "".join(stream(sf.fold(sf.mappers.feedforward, sf.layers("f1:4"), sf.tensor("x"))))
    'f3(f2(f1(x)))'
    """
    chunk: list[str] = []
    size = 0
    for part in lines(net, style_of(net, style)):
        chunk.append(part)
        size += len(part)
        if size >= CHUNK:
            yield "".join(chunk)
            chunk, size = [], 0
    yield "".join(chunk)


def lines(net: Net, style: Style, label: str = "") -> Iterator[str]:
    """One line per output (a row in MathML, an aligned line in LaTeX); a single output has no name."""
    terms, note = terms_of(net, style), closed_note(net, style)
    if net.form == LEAF:
        yield from framed(style, [writing.stream(terms[0], style)], aligned=False, label=label, note=note)
        return
    names = output_names(net.form, "y")
    equations = [equation(name, term, style) for name, term in zip(names, terms, strict=True)]
    yield from framed(style, equations, label=label, note=note)


def check_size(net: Net, max_ops: int | None) -> None:
    """Raise an error if the expanded form is over the bound, before any of it is built."""
    if max_ops is None:
        return
    real("max_ops", max_ops)
    try:
        tree, dag = expanded_size(net)
        size = f"{show_count(tree)} operations ({show_count(dag)} where shared parts are written once)"
    except TooLarge as error:
        tree, size = max_ops + 1, f"more operations than can be counted, as {error.problem}"
    if tree > max_ops:
        raise TooLarge(
            f"the expanded formula has {size}, over the bound of {max_ops:,}",
            Advice("form", "steps", 'use form="steps"'),
            Advice("form", "fold", 'form="fold"'),
            Advice("max_ops", None, "lift the bound with max_ops=None"),
        )


def show_count(count: int) -> str:
    """A count as people read it.

    >>> show_count(12345), show_count(2**1000)
    ('12,345', 'about 10^301')
    """
    if count < 10**15:
        return f"{count:,}"
    return f"about 10^{int((count.bit_length() - 1) * log10(2))}"


attach(
    Net,
    to_sympy=to_sympy,
    expr=property(
        to_sympy, doc="The whole net as one SymPy expression (bounded; `to_sympy(max_ops=None)` lifts the bound)."
    ),
)
