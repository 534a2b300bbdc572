"""Paths from inputs to outputs: how many there are, by the number of layers on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from numbers import Number
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.printing.mathml import mathml

from symfold.analysis.counting.coefficients import symbolic_coefficients
from symfold.analysis.counting.known_weights import KnownWeights, known_weights, sources
from symfold.analysis.counting.polynomials import (
    NO_PATH,
    NO_WEIGHT,
    RING,
    T,
    as_power,
    expanded,
    from_weight,
    in_powers,
    integer_or_fraction,
    multiplied_out,
    neat,
    numbered,
    plain,
    ratio,
    same,
    trimmed,
    variance_of,
)
from symfold.analysis.counting.spectrum import MOST_LENGTHS
from symfold.analysis.counting.spectrum import share as spectrum_share
from symfold.analysis.counting.tails import Estimate
from symfold.analysis.counting.transfer import transfer
from symfold.analysis.counting.truncated import Truncated
from symfold.analysis.counting.weights import MOST_EXPANDED, Weights
from symfold.base.arguments import algebraic, real, whole
from symfold.base.big_numbers import legible, printable
from symfold.base.public import public
from symfold.core.blocks import Call
from symfold.core.closed_layers import note_on_closed
from symfold.core.folds import Fold, is_fold, walk_inside
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.stacked_inputs import known_count
from symfold.errors import InvalidType, InvalidValue, TooLarge, no_attribute, plural
from symfold.frontend.named_layers import Layer
from symfold.show.hypertext import displayed, shown_safely
from symfold.transform.rewiring.lesion import check_applied, layer_names
from symfold.transform.rolling import depth_symbols

MOST_TERMS = 2_000  # of a polynomial with weights whose coefficients are listed
MOST_SCALED = 64  # products with a weight; a polynomial with more of them is multiplied out
LONGEST = 10_000  # characters of displayed LaTeX
MOST_BITS = 200_000_000  # of a packed polynomial; a longer one would take minutes


@public
def paths(net: Any, weighted: bool = False) -> Paths:
    """The paths of a net, as polynomials in t: the coefficient of t**k counts those through k layers.

    Residual nets have (1 + t)**n, boosting from x has 1 + n*t, a feedforward net t**n (Veit et al. 2016). An argument
    read only for its shape, such as the scores by a causal mask, carries no path.

    With `weighted`, a number that multiplies a value is the weight of that edge, and the count is the value at t = 1.
    A number may be a constant of the mapper, an item, or computed by the steps from other numbers. A SymPy symbol that
    only multiplies is a weight too, and stays in the polynomial; one that is added or read by a layer is an input.

    >>> import sympy as sp, symfold as sf
    >>> x, n = sf.tensor("x"), sp.Symbol("n")
    >>> f = sf.layers("f", count=n)
    >>> mappers = (sf.mappers.residual, sf.mappers.boosting(x), sf.mappers.feedforward)
    >>> [sf.paths(sf.fold(m, f, x)).polynomial for m in mappers]
    [(t + 1)**n, n*t + 1, t**n]
    >>> deep = sf.paths(sf.fold(sf.mappers.residual, sf.layers("f1:55"), x))
    >>> deep.count, int(deep.mean), float(deep.fraction(19, 35))
    (18014398509481984, 27, 0.9801656732719317)
    >>> sf.paths(sf.fold(lambda z, f: z - f(z) / 2, f, x), weighted=True).polynomial
    (1 - t/2)**n
    >>> items = list(zip(sf.layers("f1:3"), [sp.Symbol("w"), sp.Rational(1, 2)]))
    >>> sf.paths(sf.fold(lambda z, item: z + item[1] * item[0](z), items, x), weighted=True).polynomial
    t**2*w/2 + t*(2*w + 1)/2 + 1
    """
    if isinstance(net, Number):
        raise InvalidType(f"sf.paths counts the paths of a net, got {net}")
    return Paths(Net.of(net), bool(weighted))


OTHERS = {  # what paths are asked for, and what to write
    **dict.fromkeys(("formula", "latex", "to_latex"), "sp.latex(paths.polynomial)"),
    "coeffs": "paths.coefficients()",
    **dict.fromkeys(("std", "sd", "stdev"), "paths.variance ** 0.5"),
    **dict.fromkeys(("number", "total"), "paths.count"),
}


@dataclass(frozen=True)
class Paths:
    """The paths of a net from each input to each output, counted exactly on the folded form.

    A layer counts as one step, whatever it holds; layers that hold several are named when the paths are shown.

    `met` are the layers that a path must pass through, `gone` those that it must avoid.
    """

    net: Net
    weighted: bool = False
    met: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            raise no_attribute("sf.paths(net)", name, dir(type(self)), OTHERS)

    # -- chosen paths

    def through(self, layer: str | Layer) -> Paths:
        """The paths that pass through a layer.

        >>> import symfold as sf
        >>> deep = sf.paths(sf.fold(sf.mappers.residual, sf.layers("f", count=10**6), sf.tensor("x")))
        >>> deep.through("f2").polynomial, deep.through("f2").through("f70").mean
        (t*(t + 1)**999999, Fraction(500001, 1))
        """
        return replace(self, met=(*self.met, *self._named([layer])))

    def without(self, layers: str | Layer | Iterable[str | Layer]) -> Paths:
        """The paths that are left when layers are deleted.

        >>> import sympy as sp, symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f", count=sp.Symbol("n")), sf.tensor("x"))
        >>> sf.paths(net).without(["f2", "f5"]).polynomial
        (t + 1)**(n - 2)
        """
        return replace(self, gone=(*self.gone, *self._named([layers] if isinstance(layers, (str, Layer)) else layers)))

    def _named(self, layers: Iterable[str | Layer]) -> tuple[str, ...]:
        names = tuple(layer_names(layers))
        check_applied(self.net, names)
        return names

    # -- polynomials

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The inputs at which paths begin; symbols that are weights are none."""
        return sources(self.net, self._known_weights.symbols)

    @cached_property
    def _known_weights(self) -> KnownWeights:
        return known_weights(self.net) if self.weighted else KnownWeights()

    def entries(self, layer: Any, tidy: Any = same, constant: Any = same) -> list[list[Any]]:
        """The matrix, outputs by inputs, if a layer has weight `layer` and a number the weight `constant(number)`."""
        total: list[list[Any]] = []
        for size in range(len(self.met) + 1):  # by inclusion and exclusion: all paths, less those that miss a layer
            for missed in combinations(dict.fromkeys(self.met), size):
                weights = Weights(
                    layer,
                    tidy,
                    dict.fromkeys((*self.gone, *missed), 0 * layer),
                    constant if self.weighted else None,
                    self._known_weights.symbols,
                )
                rows = transfer(self.net.outputs, self.inputs, weights)
                total = (
                    [
                        [a + (-1) ** size * b for a, b in zip(*pair, strict=True)]
                        for pair in zip(total, rows, strict=True)
                    ]
                    if total
                    else rows
                )
        return total

    @cached_property
    def matrix(self) -> sp.Matrix:
        """The polynomials, outputs by inputs; of deep nets as powers, or as recurrences if no power closes."""
        return self._symbolic.applyfunc(numbered)

    @cached_property
    def _symbolic(self) -> sp.Matrix:
        """The same, with symbols for large numbers of steps."""
        if self._exact and self._known_weights.scalings > MOST_SCALED:
            self._check_terms()
            rows = [
                [multiplied_out(value) for value in row] for row in self.entries(RING.gens[0], constant=from_weight)
            ]
        else:
            rows = [[neat(value) for value in row] for row in self.entries(T, expanded)]
        return sp.Matrix(len(self.net.outputs), len(self.inputs), [value for row in rows for value in row])

    def _check_terms(self) -> None:
        if self.longest > MOST_TERMS:
            raise TooLarge(
                f"the weights of paths of up to {self.longest:,} layers are listed up to {MOST_TERMS:,} "
                "(ask for .count, .mean or .variance)"
            )

    @property
    def polynomial(self) -> sp.Expr:
        """The polynomial of a net with one input and one output."""
        if len(self.net.outputs) != 1 or len(self.inputs) != 1:
            raise InvalidType(
                f"a net of {plural(len(self.inputs), 'input')} and {plural(len(self.net.outputs), 'output')} "
                "has a matrix of polynomials (use .matrix)"
            )
        return self.matrix[0, 0]

    @cached_property
    def _closed(self) -> sp.Expr:
        return sum(self._symbolic, sp.Integer(0))

    @cached_property
    def _sum(self) -> sp.Expr:
        return sum(self.matrix, sp.Integer(0))

    # -- counts, in integers alone

    @cached_property
    def count(self) -> Any:
        """The number of paths, over all inputs and outputs; with weights, their sum."""
        if not self._exact:
            return plain(numbered(valued(self._closed, 1)))
        return integer_or_fraction(self._about(1, 0).fractions[0]) if self.weighted else legible(self._total(1))

    @cached_property
    def _exact(self) -> bool:
        """Whether every depth is a number and every weight a fraction, so that integers are enough."""
        folds = filter(is_fold, walk_inside(self.net.outputs))
        return all(isinstance(fold.op.count, int) for fold in folds) and self._known_weights.rational

    def _total(self, layer: int, mask: int | None = None) -> int:
        first, *others = [
            value for row in self.entries(layer, same if mask is None else lambda value: value & mask) for value in row
        ] or [0]
        return sum(others, first)  # a single long number is not copied

    def _about(self, layer: Any, order: int) -> Truncated:
        """The sum of the polynomials and its derivatives up to an order, at t = `layer`."""
        point = Truncated.about(Fraction(layer), order)
        rows = self.entries(
            point, constant=lambda weight: Truncated.number(Fraction(int(weight.p), int(weight.q)), order)
        )
        total: Truncated = sum((value for row in rows for value in row), Truncated.number(Fraction(0), order))
        return total

    @cached_property
    def _about_one(self) -> Truncated:
        """The sum of the polynomials and its first two derivatives at t = 1, for mean and variance."""
        return self._about(1, 2)

    def _moments(self, layer: Any, order: int) -> tuple[int, ...]:
        """P, P', P''/2, ... at t = `layer`, over a common denominator."""
        parts = (self._about_one if layer == 1 else self._about(layer, order)).parts
        if parts[0] == 0:
            raise InvalidValue(NO_PATH if replace(self, weighted=False).count == 0 else NO_WEIGHT)
        return parts

    @cached_property
    def longest(self) -> int:
        """An upper bound of the length of a path: the number of layers applied in all."""
        return known_count(applications(self.net.outputs))

    @cached_property
    def _length(self) -> sp.Expr:
        """The mean length of a path as a function of t: t P'(t) / P(t), with symbols for large numbers of steps."""
        if self._closed == 0:
            raise InvalidValue(NO_PATH)
        mean = T * sp.diff(self._closed, T) / self._closed
        return sp.cancel(mean) if self._closed.is_polynomial(T) else sp.simplify(mean)

    @property
    def mean(self) -> Any:
        """The mean number of layers on a path."""
        return self.tilted_mean(1)

    @property
    def variance(self) -> Any:
        """The variance of the number of layers on a path."""
        if not self._exact:
            return plain(numbered(valued(T * sp.diff(self._length, T), 1)))
        count, first, second = self._moments(1, 2)
        return variance_of(count, first, 2 * second + first)

    def coefficients(self, upto: int | None = None) -> list[Any]:
        """The numbers of paths through 0, 1, 2, ... layers, up to the longest path or to `upto` layers.

        A symbolic depth needs `upto`. Small depths that a formula does not hold for are exceptions of a `Piecewise`.

        >>> import symfold as sf
        >>> deep = sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x"))
        >>> sf.paths(deep).coefficients(3)
        [1, n, n*(n - 1)/2, n*(n - 2)*(n - 1)/6]
        >>> x = sf.tensor("x")
        >>> sf.paths(sf.fold(sf.mappers.boosting(x), sf.layers("f1:5"), x)).coefficients()
        [1, 4]
        """
        if symbols := depth_symbols(self.net):
            if upto is None:
                raise InvalidValue(
                    f"the number of coefficients depends on {', '.join(map(str, symbols))} "
                    "(list the first ones: .coefficients(upto=3); or give a number: net.at(n=10))"
                )
            return symbolic_coefficients(sp.sympify(self._sum), whole("upto", upto))
        if upto is None:
            return trimmed(self._coefficients(self.longest))
        return self._coefficients(min(whole("upto", upto), self.longest))

    def _coefficients(self, top: int) -> list[Any]:
        """The numbers of paths through 0 to `top` layers, at depths that are numbers."""
        if self.weighted:
            self._check_terms()
            coefficients = [plain(c) for c in sp.Poly(self._sum, T).all_coeffs()[::-1]]
            return [*coefficients, *[0] * (top + 1 - len(coefficients))][: top + 1]
        bits = self.count.bit_length() + 1
        if bits * (top + 1) > MOST_BITS:
            raise TooLarge(
                f"counting the paths of up to {top} layers takes {bits * (top + 1):,} bits "
                "(ask for fewer layers, for .fraction, or for .mean and .variance)"
            )
        mask = (1 << (bits * (top + 1))) - 1
        packed = self._total(1 << bits, mask) & mask
        part = (1 << bits) - 1
        return [legible(packed >> (bits * k) & part) for k in range(top + 1)]

    def fraction(self, low: int, high: int) -> Fraction | Estimate:
        """The share of the paths through `low` to `high` layers, both included.

        An exact Fraction if that is feasible, else a float with an error bound.

        >>> import symfold as sf
        >>> def residual(n): return sf.paths(sf.fold(sf.mappers.residual, sf.layers("f", count=n), sf.tensor("x")))
        >>> float(residual(10**5).fraction(49_900, 50_100))
        0.47497...
        >>> residual(10**9).fraction(499_990_000, 500_010_000)
        0.472931 ± 3e-05
        """
        low, high = whole("low", low, None), whole("high", high, None)
        power = None if self.weighted or self.longest <= MOST_EXPANDED else as_power(self._sum)
        if power and power.is_feasible(low, high):
            return power.share(low, high)
        top = min(high, self.longest)
        feasible = self.weighted or (
            self.longest <= MOST_LENGTHS and (self.count.bit_length() + 1) * (top + 1) <= MOST_BITS
        )
        if not feasible and self.longest <= MOST_LENGTHS and not self.met:
            return spectrum_share(
                lambda layer, tidy: sum(sum(row) for row in self.entries(layer, tidy)), self.longest, low, high
            )
        if not feasible and power:
            return power.share(low, high)
        return ratio(sum(self._coefficients(top)[max(0, low) :]), self.count)

    # -- gradients, which each layer on a path scales by a factor g

    def shares(self, g: Any) -> list[Any]:
        """The shares of the gradient along paths of 0, 1, 2, ... layers, if each layer scales it by g.

        For a residual net they are the binomial distribution of n and g/(1 + g) (Veit et al. 2016).

        >>> import symfold as sf
        >>> sf.paths(sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))).shares(Fraction(1, 2))
        [Fraction(4, 9), Fraction(4, 9), Fraction(1, 9)]
        """
        factor = Fraction(g) if isinstance(g, int) else algebraic("g", g) if isinstance(g, sp.Expr) else real("g", g)
        parts = [count * factor**k for k, count in enumerate(self.coefficients())]
        return [ratio(part, sum(parts)) for part in parts]

    def tilted_mean(self, g: Any) -> Any:
        """The mean number of layers that the gradient passes, if each layer scales it by g: g P'(g) / P(g).

        >>> import sympy as sp, symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f", count=sp.Symbol("n")), sf.tensor("x"))
        >>> sf.paths(net).tilted_mean(sp.Symbol("g"))
        g*n/(g + 1)
        >>> sf.paths(net.at(n=10**6)).tilted_mean(Fraction(1, 3))
        Fraction(250000, 1)
        """
        factor = plain(algebraic("g", g))
        if self._exact and isinstance(factor, (int, Fraction)):
            count, first, *_ = self._moments(factor, 1)
            return ratio(factor * first, count)
        return plain(numbered(valued(self._length, factor)))

    def __repr__(self) -> str:
        try:
            shown = printable(self._shown)
            note = note_on_closed(self.net.outputs)
            return f"Paths({shown if isinstance(shown, sp.Expr) else shown.tolist()}{note and f'; {note}'})"
        except Exception as error:  # a display must never fail
            return f"paths that cannot be shown ({error})"

    def _repr_latex_(self) -> str | None:
        try:
            shown = sp.latex(printable(self._shown))
        except Exception:  # likewise
            return None
        return f"$\\displaystyle {shown}$" if len(shown) <= LONGEST else None

    @shown_safely
    def _repr_html_(self) -> str | None:
        return displayed(mathml(printable(self._shown), printer="presentation"))

    @property
    def _shown(self) -> Any:
        return (
            in_powers(self.polynomial)
            if len(self.net.outputs) == 1 == len(self.inputs)
            else self.matrix.applyfunc(in_powers)
        )


def valued(expression: sp.Expr, layer: Any) -> sp.Expr:
    """The value of a closed form at t = `layer`, or its limit there, as of (t**n - 1)/(t - 1) at 1.

    >>> valued((T ** sp.Symbol("n", positive=True) - 1) / (T - 1), 1)
    n
    """
    weight = algebraic("layer", layer)
    value = expression.subs(T, weight)
    return sp.simplify(sp.limit(expression, T, weight) if value.has(sp.nan, sp.zoo) else value)


def applications(roots: Sequence[Node]) -> Any:
    """The number of layer applications, over all steps."""
    total: Any = 0
    for node in walk(roots):
        if isinstance(node.op, Call):
            total += 1
        elif isinstance(node.op, Fold):
            total += node.op.count * applications(node.op.block.results)
    return total
