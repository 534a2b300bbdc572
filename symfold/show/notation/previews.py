"""Previews: any node as one short line, for `repr` and error messages; parts beyond the limit become `...`."""

from __future__ import annotations

from collections import deque
from typing import Any

import sympy as sp

from symfold.core.attach import attach
from symfold.core.folds import Fold, Select, fold_of
from symfold.core.leaves import Constant, Formal, Input
from symfold.core.nodes import Node
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import Leaf, Numbered, StackedInputs, count_of, is_leaf
from symfold.show.hypertext import displayed, shown_safely
from symfold.show.notation.distinct_names import distinct_names
from symfold.show.notation.styles import STYLES, style_named
from symfold.show.notation.terms import (
    ELLIPSIS,
    Listing,
    Name,
    Term,
    join,
    leaf_term,
    named,
    names_layers,
    show_size,
    shown_op,
)
from symfold.show.notation.writing import write

OCCURRENCES = 48  # operations and names in a preview
LETTERS = "zywvutsr"


def preview(node: Node, style: str = "text") -> str:
    """A node as one short line, in any style.

    >>> from symfold import tensor
    >>> preview(tensor("x")**2 / 2), preview(tensor("x") + 1, "latex")
    ('x**2/2', 'x + 1')
    """
    try:
        term, leaves = _short(node, OCCURRENCES)
        return write(term, distinct_names(style_named(style), leaves))
    except Exception:  # a display must never raise
        return STYLES[style].ellipsis if style in STYLES else "..."


def _short(root: Node, occurrences: int) -> tuple[Term, list[Leaf]]:
    """The top of a node as a term, breadth first, and its leaves; parts below the limit become an ellipsis."""
    visited: list[tuple[Node, list[int]]] = [(root, [])]
    waiting = deque([0])
    leaves: list[Leaf] = []
    while waiting:
        node, parts = visited[index := waiting.popleft()]
        if is_leaf(node):
            leaves.append(node)
        for arg in _visible(node):
            if len(visited) >= occurrences:
                parts.append(-1)
            else:
                parts.append(len(visited))
                visited.append((arg, []))
                waiting.append(parts[-1])
    used = set(map(_first_name, leaves))
    letters = [letter for letter in LETTERS if letter not in used] or ["z"]
    terms: list[Term] = [ELLIPSIS] * len(visited)
    for index in range(len(visited) - 1, -1, -1):
        node, parts = visited[index]
        terms[index] = _term(node, [ELLIPSIS if part < 0 else terms[part] for part in parts], letters)
    return terms[0], leaves


def _visible(node: Node) -> tuple[Node, ...]:
    return () if isinstance(node.op, (Fold, Select)) else node.args[:12]


def _first_name(leaf: Leaf) -> str:
    return "" if count_of(leaf.op.names) == 0 else leaf.op.names[0]


def _term(node: Node, args: list[Term], letters: list[str]) -> Term:
    op: Any = node.op
    if isinstance(op, Input):
        return leaf_term(node)
    if isinstance(op, Formal):
        # the arguments of a mapper being traced have no names
        if op.shape[-1:] == (NAME,):
            return named("f", layer=True)
        place = op.position
        return named(letters[place % len(letters)] + "_" * (place // len(letters)) + "'" * max(0, op.level - 1))
    if isinstance(op, StackedInputs):
        return _family(op)
    if isinstance(op, Select):
        fold = fold_of(node).op
        count = f"{show_size(fold.count)} step{'' if fold.count == 1 else 's'}"
        return Term(Name(f"fold({count})" + (f"[{op.position}]" if len(fold.block.results) > 1 else "")))
    if isinstance(op, Fold):
        return Term(Name(f"fold({show_size(op.count)} steps)"))
    if isinstance(op, Constant) or not args:
        return Term(op)
    if len(node.args) > len(args):
        args = [*args, ELLIPSIS]
    return join(op, args) if op is sp.Mul else Term(shown_op(node), args)


def _family(op: StackedInputs) -> Term:
    """A sequence of names by its first and its last."""
    names, layer = op.names, names_layers(op)
    if isinstance(op.count, int):
        few = op.count <= 3
        return Term(Listing(not few), [named(name, layer=layer) for name in (names if few else (names[0], names[-1]))])
    assert isinstance(names, Numbered)
    last = named(names.prefix, names.number(op.count - 1), layer=layer)
    return Term(Listing(elided=True), [named(names[0], layer=layer), last])


def preview_latex(node: Node) -> str:
    """The preview as a notebook shows it."""
    return f"$\\displaystyle {preview(node, 'latex')}$"


@shown_safely
def preview_html(node: Node) -> str | None:
    """The same for a page without MathJax."""
    return displayed(preview(node, "mathml"))


attach(Node, __repr__=preview, _repr_latex_=preview_latex, _repr_html_=preview_html)
