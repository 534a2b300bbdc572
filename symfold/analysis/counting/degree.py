"""The degree of a net in its inputs, if every layer is a polynomial of some degree.

A degree is a maximum of linear forms, so a step is a set of vectors over (max, +), of which only the maximal ones are
kept. A fold is a power of its step, by repeated squaring. In a symbolic depth the power closes if one vector per part
is left (an ordinary matrix), if a single state is only scaled or replaced, or if repeating the step changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import inf
from typing import Any

import sympy as sp

from symfold.analysis.counting.inductions import TRIED, K, formula_of, is_kept, is_nonnegative
from symfold.analysis.counting.powers import closed_power
from symfold.analysis.counting.sharing import shared
from symfold.analysis.counting.unread import without_unread
from symfold.base.arguments import algebraic
from symfold.base.big_numbers import legible, product_of
from symfold.base.public import public
from symfold.core.blocks import Block, Call
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries, Powers
from symfold.core.leaves import Input, number_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, carried_places
from symfold.core.stacked_inputs import StackedInputs
from symfold.errors import InvalidValue, NoRule, TooLarge
from symfold.transform.inlining import body_of, formals_of
from symfold.transform.rolling import depth_symbols

Vector = tuple[Any, ...]
Degree = tuple[Vector, ...]  # a maximum of linear forms in the degrees of the formals; outside blocks, of numbers
ABOVE_ONE = sp.Dummy("above_one", integer=True, nonnegative=True)  # a symbolic degree is 1 + this
MOST_FORMS = 200
NO_POLYNOMIAL = "{} is not a polynomial, so the net has no degree (inside a layer, it counts as one of degree `layer`)"
MOST_REPEATS = 8
MOST_EXPANDED = 64  # the degree, in the degree of a layer, up to which polynomials are compared on intervals


@public
def degree(net: Any, layer: Any = 2) -> Any:
    """The degree of a net in its inputs, if every layer is a polynomial of degree `layer`.

    `layer` is an integer from 1 up or a symbol. A layer whose body is a polynomial has the degree of its body instead.
    Layers in sequence multiply degrees, layers in parallel do not (residual: d**n, boosting: d). A fold has the degree
    of its unrolled steps; in a symbolic depth, for all depths that are not small. If the parts of a state feed each
    other, the formula is a polynomial or a power, proved by induction over the steps, or there is none.

    >>> import sympy as sp, symfold as sf
    >>> x, d = sf.tensor("x"), sp.Symbol("d")
    >>> f = sf.layers("f", count=sp.Symbol("n"))
    >>> [degree(sf.fold(m, f, x), d) for m in (sf.mappers.residual, sf.mappers.boosting(x), sf.mappers.multiplicative)]
    [d**n, d, (d + 1)**n]
    >>> degree(sf.fold(sf.mappers.residual, sf.layers("f1:4"), x), layer=2)
    8
    >>> degree(sf.fold(sf.mappers.residual, sf.layers("f", count=10**6), x), layer=2)
    2**1000000
    >>> degree(sf.fold(lambda s, f: (f(s[0]) / s[1] + s[0], s[1] + 1), f, (x, 1))[0], d)  # a number divides
    d**n
    >>> degree(sf.fold(sf.mappers.feedforward, sf.layers("g1:3", lambda z: z**3), x), d)  # the body is a polynomial
    9
    """
    net = Net.of(net)
    symbol = layer if isinstance(layer, sp.Symbol) else None
    number = 1 + ABOVE_ONE if symbol is not None else algebraic("layer", layer)
    if symbol is None and not (number.is_Integer and number >= 1):
        raise InvalidValue(f"the degree of a layer must be a whole number from 1 up or a symbol, got {layer!r}")
    degrees = Degrees(1, number if symbol is not None else int(number))
    try:
        meanings = degrees.run(without_unread(net.outputs))
    except NoRule:
        if depth_symbols(net):
            raise
        meanings = degrees.run(shared(net).outputs)  # which separates the first and the last steps
    forms = greatest([_whole(meaning) for meaning in meanings])
    above_one = symbol - 1 if symbol is not None else ABOVE_ONE
    values = [_closed(value) for value in greatest_somewhere([sp.sympify(vector[0]) for vector in forms], above_one)]
    result = values[0] if len(values) == 1 else sp.Max(*values)
    return legible(int(result)) if result.is_Integer else result


def greatest_somewhere(values: Sequence[sp.Expr], above_one: sp.Expr) -> Sequence[sp.Expr]:
    """The polynomials in the degree of a layer that are the greatest on some interval, factored; else all values.

    >>> greatest_somewhere([sp.Integer(64), 4*ABOVE_ONE + 36, 8*ABOVE_ONE + 8], sp.Symbol("d") - 1)
    [64, 8*d]
    """
    if not all(value.free_symbols <= {ABOVE_ONE} and _degree_bound(value) <= MOST_EXPANDED for value in values):
        return [value.xreplace({ABOVE_ONE: above_one}) for value in values]
    candidates: list[sp.Poly] = []
    for polynomial in dict.fromkeys(sp.Poly(value, ABOVE_ONE) for value in values):
        candidates.append(polynomial)
        roots = (
            [root for root, _ in sp.intervals([a - b for a, b in combinations(candidates, 2)], inf=0)]
            if candidates[1:]
            else []
        )
        ends = [sp.Integer(0), *(end for root in roots for end in root)]
        points = [*((low + high) / 2 for low, high in zip(ends[::2], ends[1::2], strict=False)), ends[-1] + 1]
        at_points = [[polynomial.eval(point) for polynomial in candidates] for point in points]
        greatest_once = {row.index(max(row)) for row in at_points if row.count(max(row)) == 1}
        candidates = [polynomial for place, polynomial in enumerate(candidates) if place in greatest_once]
    return [sp.factor(polynomial.as_expr().xreplace({ABOVE_ONE: above_one})) for polynomial in candidates]


def _degree_bound(value: sp.Expr) -> Any:
    """An upper bound of the degree of a polynomial in the degree of a layer, unexpanded; infinite if it is none."""
    if value == ABOVE_ONE or not value.args:
        return int(value == ABOVE_ONE)
    parts = [_degree_bound(part) for part in value.args]
    if value.is_Pow:
        return parts[0] * int(value.exp) if value.exp.is_Integer and value.exp >= 0 else inf
    return sum(parts) if value.is_Mul else max(parts) if value.is_Add else inf


def _closed(value: sp.Expr) -> sp.Expr:
    """A degree with its bases factored and powers of one base combined; all bases are positive.

    >>> d, n = sp.symbols("d n")
    >>> _closed((2*d + (d - 1)**2 - 1)**n), _closed(d*d**(n - 1))
    (d**(2*n), d**n)
    """
    factored = value.replace(lambda part: part.is_Pow, lambda part: sp.Pow(sp.factor(part.base), part.exp))
    if factored.is_Pow and factored.base.is_Integer:
        return factored
    return sp.powsimp(sp.powdenest(factored, force=True), combine="exp")


class _NoPolynomial(NoRule):
    """An operation that is not a polynomial."""


class Degrees(Powers):
    """The degrees of values, over the degrees of a block's formals."""

    def __init__(self, width: int, layer: Any, in_block: bool = False):
        self.layer, self.in_block = layer, in_block
        self.bodies: dict[tuple[Block, tuple[bool, ...]], Degree | None] = {}
        self.constant: Degree = ((0,) * width,)
        self.units: list[Degree] = []  # of the formals, in a block

    def leaf(self, node: Node) -> Degree:
        is_input = isinstance(node.op, Input) and node.op.role == "input"
        return ((1,),) if is_input and not self.in_block else self.constant

    def index(self, value: Any, position: int, node: Node) -> Any:
        return value

    def collect(self, entries: Entries, node: Node) -> Degree:
        return greatest(entries)

    def apply(self, node: Node, args: Sequence[Any]) -> Degree:
        op = node.op
        if all(arg == self.constant for arg in args):
            return self.constant
        if isinstance(op, Call):
            return self.called(op, args[1:])
        if op is sp.Mul:
            return summed(args, self.constant)
        if isinstance(op, Apply):
            return self.primitive(node, op, args)
        if op is sp.Pow:
            exponent = number_of(node.args[1])
            if exponent is not None and exponent.is_Integer and exponent >= 0:
                return scaled(args[0], int(exponent))
            raise _NoPolynomial(
                f"the power {node.args[1]} of a value that depends on an input is not a polynomial "
                "(an integer from 0 up is)"
            )
        if isinstance(op, type) and op is not sp.Add:
            raise _NoPolynomial(NO_POLYNOMIAL.format(op.__name__))
        return greatest(args)

    def called(self, op: Call, args: Sequence[Any]) -> Degree:
        """The degree of a layer's result: that of its body, if it is a polynomial in what is not constant."""
        if op.body is not None:
            constant = tuple(arg == self.constant for arg in args)
            if (op.body, constant) not in self.bodies:
                self.bodies[op.body, constant] = self.of_body(op.body, constant)
            if (forms := self.bodies[op.body, constant]) is not None:
                return substituted(forms, args, self.constant)
        return scaled(greatest(args), self.layer)

    def of_body(self, body: Block, constant: Sequence[bool]) -> Degree | None:
        """The degree of a body over its formals, some of which are constant; None if it is not a polynomial."""
        inside = self.inside(len(constant))
        units = [inside.constant if each else self.unit(k, len(constant)) for k, each in enumerate(constant)]
        try:
            result: Degree = inside.run_whole(body.results, dict(zip(body.formals, units, strict=True)))[0]
        except _NoPolynomial:
            return None
        return result

    def primitive(self, node: Node, op: Apply, args: Sequence[Any]) -> Degree:
        """The sum of the degrees of the argument groups that an operation is linear in; others must be constant."""
        groups = op.groups(len(args))
        others = set(carried_places(node)) - {k for group in groups for k in group}
        if any(args[k] != self.constant for k in others):
            if op.primitive.body is None:
                raise _NoPolynomial(NO_POLYNOMIAL.format(op.primitive.name))
            formals = formals_of([arg.shape for arg in node.args])
            return self.run((body_of(op, formals),), dict(zip(formals, args, strict=True)))[0]
        return summed([greatest([args[k] for k in group]) for group in groups], self.constant)

    def stacked(self, node: Node[StackedInputs]) -> Any:
        return self.constant if node.op.role != "input" else super().stacked(node)

    def inside(self, formals: int) -> Degrees:
        return Degrees(formals, self.layer, in_block=True)

    def unit(self, place: int, formals: int) -> Degree:
        return (tuple(int(k == place) for k in range(formals)),)

    def results_of(self, step: Any, fold: Fold, args: list[Any]) -> list[Any]:
        """A part of the state has degree 0 if it is constant at first and every step keeps it constant."""
        formals, stays = len(args), [arg == self.constant for arg in args]
        while True:
            step.units = [
                step.constant if constant else self.unit(place, formals) for place, constant in enumerate(stays)
            ]
            rows: list[Any] = step.run(fold.block.results, dict(zip(fold.block.formals, step.units, strict=True)))
            after = [stay and row == step.constant for stay, row in zip(stays, rows, strict=False)]
            if after == stays[: fold.carries]:
                return rows
            stays[: fold.carries] = after

    def power(self, step: Any, results: list[Degree], args: list[Degree], fold: Fold) -> list[Degree] | None:
        try:
            powered = (power if isinstance(fold.count, int) else symbolic_power)(results, step.units, fold.count)
        except _TooManyForms:
            if not isinstance(fold.count, int):
                raise
            return None  # step by step, degrees are numbers
        except NoRule:
            proved = None if self.in_block else proved_power(results, args, fold.count)
            if proved is None:
                raise
            return [((value,),) for value in proved]
        return [substituted(row, args, self.constant) for row in powered]


class _TooManyForms(TooLarge):
    """A maximum of more sums than are compared."""


def _whole(meaning: Any) -> Degree:
    return greatest(map(_whole, meaning)) if isinstance(meaning, Entries) else meaning


def greatest(degrees: Iterable[Degree]) -> Degree:
    """The maximum of several degrees: the maximal ones of all their forms."""
    forms = list(dict.fromkeys(form for part in degrees for form in part))
    maximal: list[Vector] = []
    for form in forms:
        if not any(_below(form, higher) for higher in maximal):
            maximal = [*(lower for lower in maximal if not _below(lower, form)), form]
    if len(maximal) > MOST_FORMS:
        raise _TooManyForms(f"the degree is a maximum of {len(maximal)} sums, over the bound of {MOST_FORMS}")
    return tuple(maximal)


def _below(low: Vector, high: Vector) -> bool:
    return all(a == b or _is_at_least(b - a) for a, b in zip(low, high, strict=True))


def _is_at_least(difference: Any) -> bool:
    """Whether a difference of degrees is 0 or more, whatever the degree of a layer."""
    if isinstance(difference, int):
        return difference >= 0
    expanded, depths = sp.expand(difference), difference.free_symbols - {ABOVE_ONE}
    if len(depths) == 1 and next(iter(depths)).is_positive:
        return is_nonnegative(difference.subs(next(iter(depths)), K + 1), _is_at_least)
    if expanded.is_polynomial(ABOVE_ONE) and not expanded.free_symbols - {ABOVE_ONE}:
        return all(coefficient >= 0 for coefficient in sp.Poly(expanded, ABOVE_ONE).coeffs())
    return bool(expanded.is_nonnegative)


def scaled(value: Degree, factor: Any) -> Degree:
    return tuple(tuple(_product(part, factor) for part in form) for form in value)


def _product(a: Any, b: Any) -> Any:
    return product_of(a, b) if isinstance(a, int) and isinstance(b, int) else a * b


def summed(values: Sequence[Degree], zero: Degree) -> Degree:
    """The degree of a product."""
    total = zero
    for value in values:
        total = greatest([tuple(tuple(a + b for a, b in zip(x, y, strict=True)) for x in total for y in value)])
    return total


def substituted(value: Degree, args: Sequence[Degree], zero: Degree) -> Degree:
    """A degree over formals, with the degrees of the arguments."""
    return greatest(
        summed([scaled(arg, factor) for factor, arg in zip(form, args, strict=True) if factor != 0], zero)
        for form in value
    )


def _after(rows: Sequence[Degree], first: Sequence[Degree], units: Sequence[Degree]) -> list[Degree]:
    """The composition of a step with the steps before."""
    args = [*first, *units[len(first) :]]
    zero: Degree = ((0,) * len(units),)
    return [substituted(row, args, zero) for row in rows]


def power(rows: list[Degree], units: Sequence[Degree], count: int) -> list[Degree]:
    result, base = list(units[: len(rows)]), rows
    while count:
        if count & 1:
            result = _after(base, result, units)
        count >>= 1
        if count:
            base = _after(base, base, units)
    return result


def symbolic_power(rows: list[Degree], units: Sequence[Degree], count: Any) -> list[Degree]:
    """A step repeated a symbolic number of times."""
    carries = len(rows)
    if all(len(row) == 1 for row in rows):
        return [(tuple(row),) for row in closed_power([list(row[0]) for row in rows], carries, count)]
    if carries == 1 and all(form[0] == 0 or not any(form[1:]) for form in rows[0]):
        factor = next((form[0] for form in rows[0] if form[0] != 0), 0)
        if factor != 0 and sum(form[0] != 0 for form in rows[0]) == 1:  # what enters first is scaled most often
            return [greatest([tuple(scaled((form,), factor ** (count - 1))[0] for form in rows[0])])]
    steps = rows
    for _ in range(MOST_REPEATS):
        after = _after(rows, steps, units)
        if list(map(set, after)) == list(map(set, steps)):
            return steps
        steps = after
    raise NoRule(
        f"the degree after {count} steps has no closed form here "
        f"(give the depth a number: net.at({next(iter(count.free_symbols))}=10))"
    )


def proved_power(rows: list[Degree], args: Sequence[Degree], count: Any) -> list[Any] | None:
    """The degrees of the state after a symbolic number of steps, from those at the start; None without a proof.

    >>> step = [((1, 0), (0, 2)), ((1, 1),)]
    >>> proved_power(step, [((1,),), ((1,),)], sp.Symbol("n"))
    [2**n, 2**n]
    """
    if not all(len(arg) == 1 for arg in args):
        return None
    state, shared = [arg[0][0] for arg in args[: len(rows)]], [arg[0][0] for arg in args[len(rows) :]]
    values = []
    for _ in range(TRIED):
        given = [((value,),) for value in (*state, *shared)]
        after = [substituted(row, given, ((0,),)) for row in rows]
        if not all(len(degree) == 1 for degree in after):
            return None
        state = [sp.expand(degree[0][0]) for degree in after]
        values.append(state)
    guesses = [guess for guess in map(formula_of, zip(*values, strict=True)) if guess is not None]
    formulas, first = [formula for formula, _ in guesses], max((first for _, first in guesses), default=1)
    if len(guesses) < len(rows) or not is_kept(formulas, shared, rows, first, _is_at_least):
        return None
    return [formula.subs(K, count) for formula in formulas]
