"""Terms as SymPy expressions: in the author's order, nested sums and products flattened, and canonical enough for SymPy.

SymPy's functions take most unevaluated forms, `x + x` or `x*2` among them. They fail on those that its constructors
never build: sums and products of one argument, `x**1`, `x**0`, `0*x`, `(x**2)**3`, operations on numbers alone. These are
evaluated, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symfold.layer_kinds import Call
from symfold.notation.operations import constant_text
from symfold.notation.primitive_rows import directions_of, show_attribute
from symfold.notation.terms import At, Listing, Name, Term, number_of, show_size
from symfold.operations import Constant, FrozenArray
from symfold.primitives import Apply

LARGEST = 1 << 12  # bits of a power of integers that is computed


def as_sympy(root: Term) -> sp.Basic:
    """A term as a SymPy expression; shared parts are built once."""
    built: dict[int, sp.Basic] = {}
    numbers: set[int] = set()  # the terms without names: `is_number` of an expression walks its whole tree
    waiting = [root]
    while waiting:
        term = waiting[-1]
        missing = [arg for arg in term.args if id(arg) not in built]
        if id(term) in built or not missing:
            waiting.pop()
            if id(term) not in built:
                args = [built[id(arg)] for arg in term.args]
                if not isinstance(term.op, type):
                    built[id(term)] = _named(term, args)
                elif all(id(arg) in numbers for arg in term.args):
                    built[id(term)] = _number(term.op, args)
                    numbers.add(id(term))
                else:
                    built[id(term)] = _operation(term.op, args)
                if number_of(term) is not None:
                    numbers.add(id(term))
        else:
            waiting += missing
    return built[id(root)]


def _number(op: Any, args: Sequence[Any]) -> sp.Expr:
    """An operation on numbers, evaluated; a power with more digits than anyone reads stays a power."""
    if op is sp.Pow and all(arg.is_Integer for arg in args) and int(args[0]).bit_length() * abs(int(args[1])) > LARGEST:
        return op(*args, evaluate=False)
    return op(*args)


def _operation(op: Any, args: Sequence[Any]) -> sp.Expr:
    """An operation that is not on numbers alone, in the author's order."""
    if op is sp.Pow:
        return _power(*args)
    if op not in (sp.Add, sp.Mul):
        return op(*args, evaluate=False)
    flat = [part for arg in args for part in (arg.args if isinstance(arg, op) else (arg,))]
    if op is sp.Mul and any(part.is_Number and part.is_zero for part in flat):
        return sp.S.Zero
    kept = [part for part in flat if part is not op.identity]
    return op(*kept, evaluate=False) if len(kept) > 1 else kept[0] if kept else op.identity


def _power(base: Any, exponent: Any) -> sp.Expr:
    """A power; a power to an integer is one power, as SymPy holds it.

    >>> x = sp.Symbol("x")
    >>> _power(x, sp.S.One), _power(x, sp.S.Zero), _power(_power(x, sp.Integer(2)), sp.Integer(-3))
    (x, 1, x**(-6))
    """
    if exponent is sp.S.One or base is sp.S.One:
        return base
    if exponent is sp.S.Zero:
        return sp.S.One
    if base.is_Pow and exponent.is_Integer:
        merged = base.exp * exponent if base.exp.is_Number else _operation(sp.Mul, (exponent, base.exp))
        return _power(base.base, merged)
    return sp.Pow(base, exponent, evaluate=False)


def _named(term: Term, args: Sequence[Any]) -> sp.Basic:
    """A name, a constant, a layer, a primitive or a sequence: what SymPy does not look into."""
    op = term.op
    if isinstance(op, Name):
        return sp.Symbol(op.text)
    if isinstance(op, Constant):
        return sp.Symbol(constant_text(op)) if isinstance(op.value, FrozenArray) else op.value
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
