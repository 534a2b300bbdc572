"""Terms as SymPy expressions: in the author's order, nested sums and products flattened, canonical enough for SymPy.

SymPy's functions accept most unevaluated forms, such as `x + x` or `x*2`. They fail on forms that its constructors
never build: sums and products of one argument, `x**1`, `x**0`, `0*x`, `(x**2)**3`, operations on numbers alone. Only
these are evaluated.

A choice becomes SymPy's `Piecewise` over relations, unless its condition is long or contains choices: SymPy examines
whole conditions and would take exponential time. Such a choice becomes `where`. Truth values in arithmetic stay
functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symfold.core import functions
from symfold.core.blocks import Call
from symfold.core.leaves import NEGATIVE_ZERO, Constant, FrozenArray
from symfold.core.primitives import Apply
from symfold.show.notation.operations import constant_text
from symfold.show.notation.primitive_rows import directions_of, unusual_attributes
from symfold.show.notation.terms import At, Listing, Name, Term, number_of, show_size

LARGEST = 1 << 12  # bits of a power of integers, above which it is not computed
LONGEST = 50  # operations in a condition that becomes a relation of SymPy's

RELATIONS: dict[Any, Any] = {
    functions.greater: sp.StrictGreaterThan, functions.greater_equal: sp.GreaterThan, functions.less: sp.StrictLessThan,
    functions.less_equal: sp.LessThan, functions.equal: sp.Equality, functions.not_equal: sp.Unequality,
}  # fmt: skip
LOGIC: dict[Any, Any] = {functions.logical_and: sp.And, functions.logical_or: sp.Or, functions.logical_not: sp.Not}


def as_sympy(root: Term) -> sp.Basic:
    """A term as a SymPy expression; shared parts are built once."""
    built: dict[int, sp.Basic] = {}
    sizes: dict[int, int] = {}  # operations, as a tree; a choice counts as more than any condition may contain
    numbers: set[int] = set()  # the terms without names: `is_number` of an expression walks its whole tree
    waiting = [root]
    while waiting:
        term = waiting[-1]
        missing = [arg for arg in term.args if id(arg) not in built]
        if id(term) in built or not missing:
            waiting.pop()
            if id(term) not in built:
                args = [built[id(arg)] for arg in term.args]
                size = LONGEST if term.op is functions.where else sum(sizes[id(arg)] for arg in term.args)
                sizes[id(term)] = min(LONGEST, size) + 1
                if term.op is functions.where:
                    built[id(term)] = _choice(term, args, built, sizes)
                elif not isinstance(term.op, type):
                    built[id(term)] = _named(term, args)
                elif all(id(arg) in numbers for arg in term.args):
                    built[id(term)] = _number(term.op, args)
                    numbers.add(id(term))
                else:
                    built[id(term)] = _operation(term.op, args)
                if number_of(term) is not None or built[id(term)].is_Number:
                    numbers.add(id(term))
        else:
            waiting += missing
    return built[id(root)]


def _choice(term: Term, args: Sequence[Any], built: Mapping[int, Any], sizes: Mapping[int, int]) -> sp.Expr:
    """A choice as a Piecewise if its condition is short, contains no choice, and compares what SymPy can compare."""
    condition, value, otherwise = args
    try:
        relation = None if condition.is_Number or sizes[id(term.args[0])] > LONGEST else _relation(term.args[0], built)
    except TypeError:  # SymPy compares neither complex numbers nor NaN
        relation = None
    if relation is None:
        return functions.where(*args, evaluate=bool(condition.is_Number))
    if relation in (sp.true, sp.false):
        return value if relation == sp.true else otherwise
    others = otherwise.args if isinstance(otherwise, sp.Piecewise) else [(otherwise, True)]
    return sp.Piecewise((value, relation), *others, evaluate=False)


def _relation(term: Term, built: Mapping[int, Any]) -> sp.Basic:
    """A condition as SymPy's relations and logic; a number is true if it is not 0."""
    if term.op in LOGIC:
        return LOGIC[term.op](*(_relation(arg, built) for arg in term.args))
    if term.op in RELATIONS:
        return RELATIONS[term.op](*(built[id(arg)] for arg in term.args))
    return sp.Ne(built[id(term)], 0)


def _number(op: Any, args: Sequence[Any]) -> sp.Expr:
    """An operation on numbers, evaluated; a power with too many digits to read stays a power."""
    if op is sp.Pow and all(arg.is_Integer for arg in args) and int(args[0]).bit_length() * abs(int(args[1])) > LARGEST:
        return op(*args, evaluate=False)
    return op(*args)


def _operation(op: Any, args: Sequence[Any]) -> sp.Expr:
    """An operation on more than numbers, in the author's order."""
    if op is sp.Pow:
        return _power(*args)
    if op not in (sp.Add, sp.Mul):
        return op(*args, evaluate=False)
    flat = [part for arg in args for part in (arg.args if isinstance(arg, op) else (arg,))]
    if op is sp.Mul and any(part.is_Number and part.is_zero for part in flat):
        return sp.S.Zero
    parts = [part for part in flat if part is not op.identity]
    return op(*parts, evaluate=False) if len(parts) > 1 else parts[0] if parts else op.identity


def _power(base: Any, exponent: Any) -> sp.Expr:
    """A power; an integer power of a power is one power, as in SymPy.

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
    """A name, a constant, a layer, a primitive or a sequence: opaque to SymPy."""
    op = term.op
    if isinstance(op, Name):
        return sp.Symbol(op.text)
    if op == NEGATIVE_ZERO:
        return sp.Float(0.0)  # SymPy has one zero
    if isinstance(op, Constant):
        return sp.Symbol(constant_text(op)) if isinstance(op.value, FrozenArray) else op.value
    if isinstance(op, Call):
        return sp.Function(str(args[0]))(*args[1 : 1 + op.arity])
    if isinstance(op, Apply) and op.primitive.name == "directional":
        arity, order, part = directions_of(term)
        mark = "'" * order if order <= 3 else f"^({order})"
        return sp.Function(f"{args[0]}{mark}" + (f"_{part}" if part else ""))(*args[1 : 1 + arity + order])
    if isinstance(op, Apply):
        return sp.Function(op.primitive.name)(*args, *map(sp.Symbol, unusual_attributes(op)))
    if isinstance(op, At):
        position = op.position if isinstance(op.position, int) else sp.Symbol(show_size(op.position))
        return sp.Function("item")(*args, position)
    assert isinstance(op, Listing)
    shown = (*args[:-1], sp.Symbol("..."), args[-1]) if op.elided else args
    return sp.Function("stack")(*shown)
