"""Terms as SymPy expressions: unevaluated, nested sums and products flattened, in the author's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symfold.layer_kinds import Call
from symfold.notation.operations import constant_text
from symfold.notation.primitive_rows import directions_of, show_attribute
from symfold.notation.terms import At, Listing, Name, Term, show_size
from symfold.operations import Constant, FrozenArray
from symfold.primitives import Apply


def as_sympy(root: Term) -> sp.Basic:
    """A term as a SymPy expression; shared parts are made once."""
    made: dict[int, sp.Basic] = {}
    waiting = [root]
    while waiting:
        term = waiting[-1]
        missing = [arg for arg in term.args if id(arg) not in made]
        if id(term) in made or not missing:
            waiting.pop()
            if id(term) not in made:
                made[id(term)] = _made(term, [made[id(arg)] for arg in term.args])
        else:
            waiting += missing
    return made[id(root)]


def _made(term: Term, args: Sequence[Any]) -> sp.Basic:
    op = term.op
    if isinstance(op, Name):
        return sp.Symbol(op.text)
    if isinstance(op, Constant):
        return sp.Symbol(constant_text(op)) if isinstance(op.value, FrozenArray) else op.value
    if op in (sp.Add, sp.Mul):
        flat = [part for arg in args for part in (arg.args if isinstance(arg, op) else (arg,))]
        return op(*flat, evaluate=False)
    if isinstance(op, type):
        return op(*args, evaluate=False)
    if isinstance(op, Call):
        return sp.Function(str(args[0]))(*args[1 : 1 + op.arity])
    if isinstance(op, Apply) and op.primitive.name == "directional":
        arity, order, part = directions_of(term)
        mark = "'" * order if order <= 3 else f"^({order})"
        return sp.Function(f"{args[0]}{mark}" + (f"_{part}" if part else ""))(*args[1 : 1 + arity + order])
    if isinstance(op, Apply):
        extra = [sp.Symbol(f"{key}={show_attribute(value)}") for key, value in op.attributes if value not in (None, False)]
        return sp.Function(op.primitive.name)(*args, *extra)
    if isinstance(op, At):
        position = op.position if isinstance(op.position, int) else sp.Symbol(show_size(op.position))
        return sp.Function("item")(*args, position)
    assert isinstance(op, Listing)
    shown = (args[0], sp.Symbol("..."), *args[1:]) if op.elided else args
    return sp.Function("stack")(*shown)
