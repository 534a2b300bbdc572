"""Powers of the matrix of a step: by repeated squaring; in a symbolic depth closed, or as a recurrence.

Each entry of f(A), here with f(x) = x**n, is a sum of divided differences of f at the eigenvalues of A: over chains of
indices if A is triangular (repeated eigenvalues included), over Newton's products if its eigenvalues are rational
expressions. Any other power is the recurrence of the characteristic polynomial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symfold.base.big_numbers import power_of
from symfold.errors import TooLarge
from symfold.show.notation.sizes import matrix_power

Row = list[Any]
Tidy = Callable[[Any], Any]  # keeps products small
MOST_STEPS = 100  # up to which a recurrence is evaluated


class Recurrence(sp.Expr):
    """P_n where P_n = c_1 P_{n-1} + ... + c_r P_{n-r}, from the first r values; a number for n gives the value.

    >>> n = sp.Symbol("n")
    >>> fibonacci = Recurrence(n, (1, 1), (0, 1))
    >>> fibonacci
    [P_n = P_{n-1} + P_{n-2}, P_0 = 0, P_1 = 1]
    >>> fibonacci.subs(n, 10)
    55
    """

    is_commutative = True

    def __new__(cls, count: Any, coefficients: Sequence[Any], first: Sequence[Any]) -> Any:
        count = sp.sympify(count)
        if count.is_Integer and 0 <= count <= MOST_STEPS:
            return _advanced(int(count), [*map(sp.sympify, coefficients)], [*map(sp.sympify, first)])
        return super().__new__(cls, count, sp.Tuple(*coefficients), sp.Tuple(*first))

    @property
    def rule(self) -> str:
        """The recurrence and its first values, as text."""
        index = str(self.args[0]) if self.args[0].is_Symbol else "k"
        terms = [f"{_factor(c)}P_{{{index}-{k + 1}}}" for k, c in enumerate(self.args[1]) if c != 0]
        right = " + ".join(terms).replace("+ -", "- ") or "0"
        first = "".join(f", P_{k} = {value}" for k, value in enumerate(self.args[2]))
        at = "" if self.args[0].is_Symbol else f", at k = {self.args[0]}"
        return f"P_{index} = {right}{first}{at}"

    def _sympystr(self, printer: Any) -> str:
        return f"[{self.rule}]"

    _sympyrepr = _sympystr

    def _latex(self, printer: Any, **options: Any) -> str:
        return rf"\left[{self.rule}\right]"


def _factor(value: Any) -> str:
    shown = f"({value})" if value.is_Add else str(value)
    return {"1": "", "-1": "-"}.get(shown, f"{shown}*")


def _advanced(count: int, coefficients: list[Any], values: list[Any]) -> Any:
    for _ in range(count - len(values) + 1):
        recent = reversed(values[-len(coefficients) :])
        terms = (c * v for c, v in zip(coefficients, recent, strict=True))
        values.append(sp.expand(sum(terms, sp.Integer(0))))
        values = values[-max(1, len(coefficients)) :]
    return values[count] if count < len(values) else values[-1]


def times(row: Row, vectors: Sequence[Row], tidy: Tidy, width: int) -> Row:
    """A row times a matrix, given by its rows."""
    total: Row = [0] * width
    for factor, vector in zip(row, vectors, strict=True):
        if not _is_zero(factor):
            total = [tidy(_plus(a, factor, b)) for a, b in zip(total, vector, strict=True)]
    return total


def _plus(total: Any, factor: Any, value: Any) -> Any:
    """total + factor * value; long integers are not copied needlessly."""
    if isinstance(value, int) and value in (0, 1):
        return total if value == 0 else factor if isinstance(total, int) and total == 0 else total + factor
    return total + factor * value


def same(value: Any) -> Any:
    return value


def _is_zero(value: Any) -> bool:
    return bool(value == 0)


def unit(place: int, size: int) -> Row:
    return [int(k == place) for k in range(size)]


def power(rows: list[Row], carries: int, count: Any, tidy: Tidy) -> list[Row]:
    """The first rows of the matrix [[rows], [0 I]] to the power `count`: the state after `count` steps.

    >>> power([[1, 1], [1, 0]], 2, 10, lambda value: value)
    [[89, 55], [55, 34]]
    """
    size = len(rows[0]) if rows else 0
    if not isinstance(count, int):
        return closed_power(rows, carries, count)
    if len(rows) == 1 and tidy is same and all(isinstance(value, int) for value in rows[0]):
        return matrix_power(rows, 1, count)
    if carries == size == 1 and tidy is same:
        factor = rows[0][0]
        return [[power_of(factor, count) if isinstance(factor, int) else factor**count]]
    base = [*rows, *(unit(place, size) for place in range(carries, size))]
    result = [unit(place, size) for place in range(size)]
    for digit in f"{count:b}":  # most significant first: the other factor is then the step, whose numbers are small
        result = _product(result, result, tidy)
        if digit == "1":
            result = _product(result, base, tidy)
    return result[:carries]


def _product(left: list[Row], right: list[Row], tidy: Tidy) -> list[Row]:
    return [times(row, right, tidy, len(right)) for row in left]


def closed_power(rows: list[Row], carries: int, count: Any) -> list[Row]:
    """The first rows of the matrix [[rows], [0 I]] to a symbolic power: closed, or with recurrences as entries.

    >>> n, t = sp.symbols("n t", positive=True)
    >>> closed_power([[1 + t, 1, 0], [0, 1 + t, 1]], 2, n)[0][:2]
    [(t + 1)**n, n*(t + 1)**(n - 1)]
    >>> closed_power([[0, 1], [1, t]], 2, n)[0][0]
    [P_n = t*P_{n-1} + P_{n-2}, P_0 = 1, P_1 = 0]
    """
    size = len(rows[0]) if rows else 0
    full = [
        *([sp.expand(sp.sympify(v)) for v in row] for row in rows),
        *([sp.Integer(k == i) for k in range(size)] for i in range(carries, size)),
    ]
    reached = [_reached(full, i) for i in range(size)]
    powered = []
    for i in range(carries):
        between = [[k for k in range(size) if k in reached[i] and j in reached[k]] for j in range(size)]
        powered.append(
            [
                _entry(full, reached, among, i, j, count) if j in reached[i] else sp.Integer(0)
                for j, among in enumerate(between)
            ]
        )
    return powered


def _reached(matrix: list[Row], start: int) -> set[int]:
    reached, pending = {start}, [start]
    while pending:
        row = matrix[pending.pop()]
        added = [k for k, value in enumerate(row) if value != 0 and k not in reached]
        reached.update(added)
        pending += added
    return reached


def _entry(matrix: list[Row], reached: list[set[int]], among: list[int], i: int, j: int, count: Any) -> Any:
    """One entry of the power, from `among`, the indices on ways from i to j."""
    if not any(a != b and a in reached[b] and b in reached[a] for a in among for b in among):
        return _along_chains(matrix, among, i, j, count)
    part = sp.Matrix([[matrix[a][b] for b in among] for a in among])
    i, j = among.index(i), among.index(j)
    polynomial = part.charpoly()
    symbol = polynomial.gen
    factors = [
        (factor, multiplicity) for factor, multiplicity in sp.factor_list(polynomial.as_expr())[1] if factor.has(symbol)
    ]
    if all(sp.degree(factor, symbol) == 1 for factor, _ in factors):
        values = [
            value
            for factor, multiplicity in factors
            for value in [sp.cancel(sp.solve(factor, symbol)[0])] * multiplicity
        ]
        total, product = sp.Integer(0), sp.eye(len(among))
        for k, value in enumerate(values):
            total += divided(values[: k + 1], count) * product[i, j]
            product = (product * (part - value * sp.eye(len(among)))).expand()
        return total
    first, product = [], sp.eye(len(among))
    for _ in among:
        first.append(product[i, j])
        product = (product * part).expand()
    return Recurrence(count, [sp.expand(-c) for c in polynomial.all_coeffs()[1:]], first)


def _along_chains(matrix: list[Row], among: list[int], i: int, j: int, count: Any, most: int = 10_000) -> Any:
    """An entry of a triangular matrix's power: a sum over the chains from i to j."""
    total, visited = sp.Integer(0), 0
    pending: list[tuple[tuple[int, ...], Any]] = [((i,), sp.Integer(1))]
    while pending:
        chain, product = pending.pop()
        visited += 1
        if visited > most:
            raise TooLarge(
                f"the power of a matrix of {len(matrix)} rows has more than {most} chains "
                "(give the depth a number: net.at(...))"
            )
        if chain[-1] == j:
            total += product * divided([matrix[k][k] for k in chain], count)
        else:
            pending += [
                ((*chain, k), product * matrix[chain[-1]][k])
                for k in reversed(among)
                if k != chain[-1] and matrix[chain[-1]][k] != 0
            ]
    return total


def divided(points: Sequence[Any], count: Any) -> Any:
    """The divided difference of x**n at points, which may coincide (Newton; Hermite for equal points).

    >>> n, a = sp.symbols("n a", positive=True)
    >>> divided([a, a], n), divided([a, 1], n)
    (a**(n - 1)*n, (a**n - 1)/(a - 1))
    """
    order = list(dict.fromkeys(points))
    ordered = sorted(points, key=order.index)
    table = [point**count for point in ordered]
    for width in range(1, len(ordered)):
        table = [_difference(ordered[k : k + width + 1], table[k], table[k + 1], count) for k in range(len(table) - 1)]
    return table[0]


def _difference(points: Sequence[Any], left: Any, right: Any, count: Any) -> Any:
    if points[0] == points[-1]:
        order = len(points) - 1
        return sp.prod([count - k for k in range(order)]) / sp.factorial(order) * points[0] ** (count - order)
    gap = points[0] - points[-1]  # without a minus sign, of which a power would be a power of -1
    return (right - left) / -gap if sp.sympify(gap).could_extract_minus_sign() else (left - right) / gap
