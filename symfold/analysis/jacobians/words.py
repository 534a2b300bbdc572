"""Words of a multiplied-out Jacobian: products of factors, later layers on the left, one for each path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import sympy as sp

from symfold.analysis.jacobians.ordered import in_order, plain
from symfold.core.leaves import Constant
from symfold.errors import TooLarge
from symfold.show.hypertext import displayed, shown_safely
from symfold.show.notation.expanded import show_count
from symfold.show.notation.formula_text import BOUND
from symfold.show.notation.linear_maps import Composed, EntryAt, Factor, Grid, Raised, Unit
from symfold.show.notation.styles import style_named
from symfold.show.notation.terms import Term, number_of
from symfold.show.notation.writing import framed, stream

Word = tuple[str, ...]
Weights = dict[Word, tuple[Any, int]]  # word -> coefficient, number of paths
Matrix = list[list[Weights]]


@dataclass(frozen=True, repr=False)
class Words(Mapping[Word, Any]):
    """The words of a Jacobian with their coefficients, by length. A factor is its text, such as `J2(z1)`.

    `len` is the number of distinct words, `count` that of the paths: factors of one layer at one state are equal.
    """

    coefficients: Mapping[Word, Any]
    paths: Mapping[Word, int]
    factors: Mapping[str, Term] = field(compare=False)
    unit: Term = field(compare=False)

    def __getitem__(self, word: Word) -> Any:
        return self.coefficients[tuple(word)]

    def __iter__(self) -> Iterator[Word]:
        return iter(self.coefficients)

    def __len__(self) -> int:
        return len(self.coefficients)

    @property
    def count(self) -> int:
        """The number of paths, with multiplicity."""
        return sum(self.paths.values())

    def length(self, word: Word) -> int:
        """The number of layers on a word."""
        return sum(self.factors[factor].op.kind == "layer" for factor in word)

    @property
    def lengths(self) -> list[int]:
        """The numbers of paths through 0, 1, 2, ... layers."""
        counts = [0] * (1 + max(map(self.length, self.paths), default=0))
        for word, paths in self.paths.items():
            counts[self.length(word)] += paths
        return counts

    @property
    def term(self) -> Term:
        """The sum of the words, as a formula."""
        return Term(sp.Add, [self._term(word) for word in self]) if len(self) != 1 else self._term(next(iter(self)))

    def _term(self, word: Word) -> Term:
        powers = [(self.factors[factor], len(list(group))) for factor, group in groupby(word)]
        parts = [base if times == 1 else Term(Raised(str(times)), (base,)) for base, times in powers]
        product = self.unit if not parts else parts[0] if len(parts) == 1 else Term(Composed(), parts)
        value = sp.sympify(self[word])
        return product if value == 1 else Term(sp.Mul, (Term(Constant(value)), product))

    def formula(self, style: str = "text") -> str:
        """The sum of the words, shorter ones first.

        >>> import symfold as sf
        >>> A = sf.layer("A")
        >>> net = sf.fold(lambda z, f: f(z) + z, [A] * 3, sf.tensor("x"))
        >>> sf.jacobian(net, linear=("A",)).expanded().formula()
        'I + 3*A + 3*A^2 + A^3'
        """
        shown = self.term if self.coefficients else Term(Constant(sp.Integer(0)))
        chosen = style_named(style)
        return "".join(framed(chosen, [stream(shown, chosen)], aligned=False))

    def __str__(self) -> str:
        shown = self.formula()
        return shown if len(shown) <= BOUND else f"{shown[: BOUND - 4]} ..."

    __repr__ = __str__

    @shown_safely
    def _repr_latex_(self) -> str | None:
        shown = self.formula("latex")
        return f"$\\displaystyle {shown}$" if len(shown) <= BOUND else None

    @shown_safely
    def _repr_html_(self) -> str | None:
        return displayed(self.formula("mathml"))


def words_of(root: Term | None, unit: Term, most: int, paths: int) -> Words:
    """An ordered expression multiplied out. Errors: TooLarge, with the number of paths."""

    def bounded(value: Matrix) -> Matrix:
        return _bounded(value, most, paths)

    factors: dict[str, Term] = {}
    matrices: dict[int, Matrix] = {}
    for part in in_order(root) if root is not None else ():
        if isinstance(part.op, Factor):
            key = plain(part) + part.op.mark
            factors[key] = part
            matrices[id(part)] = [[{(key,): (1, 1)}]]
        elif isinstance(part.op, Unit):
            matrices[id(part)] = [[{(): (1, 1)}]]
        elif id(part) not in matrices:
            matrices[id(part)] = _combined(part, [matrices[id(arg)] for arg in part.args], bounded)
    weights = matrices[id(root)][0][0] if root is not None else {}
    empty = Words({}, {}, factors, unit)
    ordered = sorted(weights, key=empty.length)
    return Words(
        {w: weights[w][0] for w in ordered if weights[w][0] != 0}, {w: weights[w][1] for w in ordered}, factors, unit
    )


def _bounded(value: Matrix, most: int, paths: int) -> Matrix:
    if any(len(weights) > most for row in value for weights in row):
        raise TooLarge(
            f"the Jacobian has {show_count(paths)} paths, which are more than {most:,} words "
            "(use the product form, or lift the bound: expanded(max_words=...))"
        )
    return value


def _combined(part: Term, args: list[Matrix], bounded: Callable[[Matrix], Matrix]) -> Matrix:
    op = part.op
    if op is sp.Add:
        return bounded(
            [[_sum([arg[r][c] for arg in args]) for c in range(len(args[0][0]))] for r in range(len(args[0]))]
        )
    if op is sp.Mul:
        value = number_of(part.args[0])
        return [[{w: (value * c, n) for w, (c, n) in weights.items()} for weights in row] for row in args[-1]]
    if isinstance(op, Composed):
        total = args[-1]
        for left in reversed(args[:-1]):
            total = bounded(_product(left, total))
        return total
    if isinstance(op, Raised):
        total = args[0]
        for _ in range(int(op.exponent) - 1):
            total = bounded(_product(args[0], total))
        return total
    if isinstance(op, Grid):
        return [[args[r + c][0][0] for c in range(op.columns)] for r in range(0, len(args), op.columns)]
    if isinstance(op, EntryAt):
        return [[args[0][op.row][op.column]]]
    return [[{}]]  # zero, or the number of a product


def _sum(parts: list[Weights]) -> Weights:
    total: Weights = {}
    for weights in parts:
        for word, (coefficient, paths) in weights.items():
            before = total.get(word, (0, 0))
            total[word] = (before[0] + coefficient, before[1] + paths)
    return total


def _product(left: Matrix, right: Matrix) -> Matrix:
    if len(left) == len(left[0]) == 1 and len(right) > 1:  # one map for all parts
        return [[_times(left[0][0], weights) for weights in row] for row in right]
    return [[_sum([_times(a, right[k][c]) for k, a in enumerate(row)]) for c in range(len(right[0]))] for row in left]


def _times(left: Weights, right: Weights) -> Weights:
    total: Weights = {}
    for a, (coefficient, paths) in left.items():
        for b, (factor, ways) in right.items():
            before = total.get(a + b, (0, 0))
            total[a + b] = (before[0] + coefficient * factor, before[1] + paths * ways)
    return total
