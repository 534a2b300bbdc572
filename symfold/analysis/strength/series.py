"""The exact series of a net in epsilon, the strength by which every layer is scaled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from symfold.analysis.normal_form import tidy
from symfold.analysis.strength.counting import closed_count
from symfold.analysis.strength.jet_folds import Jet
from symfold.analysis.strength.jets import jets
from symfold.analysis.strength.multilinear import (
    RECURRENCE,
    Expansion,
    Sum,
    node_of,
    ordered,
    times,
    total,
    zeros_like,
)
from symfold.analysis.strength.series_text import EPSILON, polynomial, state_letters
from symfold.base.public import public
from symfold.base.trees import LEAF, Form, flatten, unflatten
from symfold.compute.evaluate import as_numbers
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries
from symfold.core.names import covers, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import broadcast_to
from symfold.core.sequences import stack
from symfold.core.shapes import ANY
from symfold.errors import InvalidType, InvalidValue, SymfoldError, TooLarge
from symfold.show.notation import ShownByFormula, folded_formula, formula
from symfold.show.notation.distinct_names import style_of
from symfold.show.notation.expanded import show_count, terms_of
from symfold.show.notation.symbolic import as_sympy
from symfold.transform.specialize import with_shapes

MOST = 5_000  # terms of a coefficient that is listed
SHOWN = 40  # terms in all, up to which a formula lists them
STEPS = 1_000  # steps of a fold that are run to count so few terms
LOOKED = 20_000  # terms that are computed to count them, over all steps
MOST_ORDERS = 100  # the work grows with the square of the order, and for operations of several arguments faster
FORMS = ("terms", "fold")


@public
def series(net: Any, order: int = 3) -> Series:
    """The exact series of a net in epsilon, the strength of its layers, up to an order; derivatives of layers by name.

    A residual net and boosting from x differ first in the second order, by the sum of f_j'(x)[f_i(x)] over i < j.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:3"), sf.tensor("x")
    >>> residual, boosting = sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)
    >>> print(sf.series(residual, order=2))
    x + epsilon*(f1(x) + f2(x)) + epsilon**2*f2'(x)[f1(x)] + O(epsilon**3)
    >>> print(sf.series(residual) - sf.series(boosting))
    epsilon**2*f2'(x)[f1(x)] + epsilon**3*f2''(x)[f1(x), f1(x)]/2 + O(epsilon**4)
    >>> deep = sf.series(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x), order=2)
    >>> print(deep)
    c1_k = f_k(x) + c1_{k-1}
    c2_k = f_k'(x)[c1_{k-1}] + c2_{k-1}, k = 1..n, c1_0 = 0, c2_0 = 0
    y = x + epsilon*c1_n + epsilon**2*c2_n + O(epsilon**3)
    >>> deep.counts
    (1, n, n*(n - 1)/2)
    """
    if isinstance(order, bool) or not isinstance(order, int) or not 0 <= order <= MOST_ORDERS:
        raise InvalidValue(f"a series of order {order!r} (give a whole number from 0 to {MOST_ORDERS})")
    net = Net.of(net)
    if any(covers(EPSILON, names_of(leaf)) for leaf in net.leaves):
        raise InvalidValue(
            f"the net has an input, a parameter or a layer named {EPSILON!r}, the variable of the series (rename it)"
        )
    return Series(((1, net),), order)


@dataclass(frozen=True, repr=False)
class Series(ShownByFormula):
    """A signed sum of nets as a series in the strength of their layers."""

    _what: ClassVar[str] = "a series"

    parts: tuple[tuple[int, Net], ...]
    order: int

    @property
    def form(self) -> Form:
        """The structure of the outputs."""
        return self.parts[0][1].form

    def __sub__(self, other: Any) -> Series:
        if not isinstance(other, Series):
            return NotImplemented
        if other.form != self.form:
            raise InvalidType(
                f"series of nets with outputs of different structure, {self.form!r} and {other.form!r}, "
                "have no difference"
            )
        return Series((*self.parts, *((-sign, net) for sign, net in other.parts)), min(self.order, other.order))

    # -- coefficients

    def coefficient(self, power: int, named: bool = True) -> Net:
        """The coefficient of epsilon**power, as a net with the same blocks at any depth.

        It has derivatives of layers by name; unless `named`, layers are inlined, so that it can be compiled.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
        >>> print(sf.series(net).coefficient(1))
        z1 = f1(x)
        z2 = f2(x) + z1
        z3 = f3(x) + z2
        """
        self._checked(power)
        coefficients = self._combined(power, power) if named else self._opened(power)
        shapes = [output.shape for output in self.parts[0][1].outputs]
        inputs = tuple(leaf for _, net in self.parts for leaf in net.leaves if leaf.op.role != "layer")
        first = self._jets(0)[0][1]
        outputs = [
            zeros_like(shape, jet) if node is None else node
            for node, shape, jet in zip(coefficients, shapes, first, strict=True)
        ]
        return Net(tuple(outputs), self.form, tuple(dict.fromkeys(inputs)))

    def _checked(self, power: int) -> int:
        if isinstance(power, bool) or not isinstance(power, int) or not 0 <= power <= self.order:
            raise InvalidValue(
                f"coefficient {power!r} of a series of order {self.order} (give a whole number from 0 to {self.order})"
            )
        return power

    @cached_property
    def _jets_memo(self) -> dict[int, list[tuple[int, list[Jet]]]]:
        return {}

    def _jets(self, order: int) -> list[tuple[int, list[Jet]]]:
        """The coefficients of the outputs of each part up to an order, with no others in the state."""
        if order not in self._jets_memo:
            self._jets_memo[order] = [(sign, jets(net.outputs, order)) for sign, net in self.parts]
        return self._jets_memo[order]

    def _combined(self, power: int, order: int) -> list[Node | None]:
        """The coefficient of each output, from the jets up to an order; equal parts of opposite sign cancel."""
        coefficients: list[Node | None] = []
        for place, remaining in enumerate(self._remaining(power)):
            signs: dict[Node, int] = {}
            for (sign, jets_of), remains in zip(self._jets(order), remaining, strict=True):
                node = jets_of[place][power]
                if remains and node is not None:
                    signs[node] = signs.get(node, 0) + sign
            coefficients.append(total(times(sign, node) for node, sign in signs.items() if sign))
        return coefficients

    def _opened(self, power: int) -> list[Node | None]:
        """The coefficient of each output, with opened layers."""
        parts = [(sign, jets(net.outputs, power, named=False)) for sign, net in self.parts]
        return [
            total([times(sign, jets_of[place][power]) for sign, jets_of in parts])
            for place in range(len(self.parts[0][1].outputs))
        ]

    def _remaining(self, power: int) -> list[list[bool]]:
        """For each output, which parts remain after equal ones of opposite sign cancel."""
        if power in self._remaining_memo:
            return self._remaining_memo[power]
        rows: list[list[bool]] = []
        for place in range(len(self.parts[0][1].outputs)):
            signs: dict[Node | None, int] = {}
            nodes = [(sign, self._normal(jets_of[place][power])) for sign, jets_of in self._jets(power)]
            for sign, node in nodes:
                signs[node] = signs.get(node, 0) + sign
            rows.append([node is not None and signs[node] != 0 for _, node in nodes])
        self._remaining_memo[power] = rows
        return rows

    @cached_property
    def _remaining_memo(self) -> dict[int, list[list[bool]]]:
        return {}

    def _normal(self, node: Node | None) -> Node | None:
        """A coefficient in normal form, at any depth; unchanged if there is no other part to compare it with."""
        return node if node is None or len(self.parts) == 1 else tidy((node,))[0]

    # -- terms

    def terms(self, power: int) -> Any:
        """The terms of a coefficient, like terms merged: a dict from terms to numbers, for each output.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
        >>> sf.series(net).terms(2)
        {f2'(x)[f1(x)]: 1, f3'(x)[f1(x)]: 1, f3'(x)[f2(x)]: 1}
        """
        outputs = self._terms(self._checked(power))
        return unflatten(
            self.form,
            [tuple(map(ordered, terms)) if isinstance(terms, Entries) else ordered(terms) for terms in outputs],
        )

    def _terms(self, power: int) -> list[Sum | Entries]:
        if power in self._terms_memo:
            return self._terms_memo[power]
        for count in (count for parts in self._counted(power) for count in parts):
            if isinstance(count, int) and count > MOST:
                raise TooLarge(
                    f"the coefficient of epsilon**{power} has {show_count(count)} terms, over the bound of {MOST:,} "
                    f"{RECURRENCE}"
                )
        self._terms_memo[power] = [
            {} if node is None else Expansion(MOST).run([node])[0] for node in self._combined(power, power)
        ]
        return self._terms_memo[power]

    @cached_property
    def _terms_memo(self) -> dict[int, list[Sum | Entries]]:
        return {}

    @cached_property
    def counts(self) -> tuple[Any, ...]:
        """The number of terms of each coefficient, from order 0; on the folded form if possible, else by listing them.

        >>> import symfold as sf
        >>> sf.series(sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")), order=4).counts
        (1, 3, 3, 5, 8)
        """
        return tuple(self._count(power) for power in range(self.order + 1))

    def _count(self, power: int) -> Any:
        total_count: Any = 0
        for place, count in enumerate(self._closed(power)):
            total_count += sum(map(len, _entries(self._terms(power)[place]))) if count is None else count
        return total_count

    def _closed(self, power: int) -> list[Any]:
        """The count for each output, None if it takes listing."""
        return [0 if not parts else parts[0] if len(parts) == 1 else None for parts in self._counted(power)]

    def _counted(self, power: int) -> list[list[Any]]:
        """For each output, the counts of its remaining parts, None if they take listing."""
        return [
            [
                closed_count(jets_of[place])
                for (_, jets_of), remains in zip(self._jets(power), remaining, strict=True)
                if remains
            ]
            for place, remaining in enumerate(self._remaining(power))
        ]

    @cached_property
    def leading(self) -> int | None:
        """The order of the first nonzero coefficient; None if there is none up to the order of the series.

        >>> import symfold as sf
        >>> f, x = sf.layers("f", count="n"), sf.tensor("x")
        >>> (sf.series(sf.fold(sf.mappers.residual, f, x)) - sf.series(sf.fold(sf.mappers.boosting(x), f, x))).leading
        2
        """
        return next((power for power in range(self.order + 1) if self._count(power) != 0), None)

    # -- display

    @property
    def expr(self) -> Any:
        """The series as a SymPy expression in `Symbol("epsilon")`, without O; derivatives are functions of directions.

        >>> import symfold as sf
        >>> sf.series(sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x")), order=1).expr
        epsilon*(f1(x) + f2(x)) + x
        """
        strength = sp.Symbol(EPSILON)

        def value(terms: Sum) -> sp.Expr:
            return sp.Add(*(sp.sympify(weight) * as_sympy(terms_of(Net((word,)))[0]) for word, weight in terms.items()))

        return unflatten(
            self.form,
            self._polynomials(
                lambda coefficients: sp.Add(
                    *(value(terms) * strength**power for power, terms in enumerate(coefficients))
                ),
                lambda entries: sp.Tuple(*entries),
            ),
        )

    def _polynomials(self, of: Callable[[list[Sum]], Any], joined: Callable[[list[Any]], Any]) -> list[Any]:
        """For each output, a function of its terms by order; for a sequence, of each entry, joined."""
        polynomials = []
        for output in zip(*(self._terms(power) for power in range(self.order + 1)), strict=True):
            if any(isinstance(terms, Entries) for terms in output):
                length = max(len(terms) for terms in output if isinstance(terms, Entries))
                rows = zip(*(terms if isinstance(terms, Entries) else [{}] * length for terms in output), strict=True)
                polynomials.append(joined([of(list(row)) for row in rows]))
            else:
                polynomials.append(of(list(output)))
        return polynomials

    def formula(self, style: str = "text", form: str | None = None) -> str:
        """The series in a style: its terms listed ("terms"), or the recurrences of its coefficients ("fold").

        Without a form, terms are listed if there are at most 40.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, [sf.layer("f")], sf.tensor("x"))
        >>> print(sf.series(net, order=1).formula("latex"))
        x + \\epsilon f{\\left(x \\right)} + O{\\left(\\epsilon^{2} \\right)}
        """
        if form not in (None, *FORMS):
            raise InvalidValue(
                f"unknown form {form!r} of a series "
                f"(must be one of {', '.join(map(repr, FORMS))}; without one, the short one is taken)"
            )
        if form == "terms" or (form is None and self._is_short()):
            outputs = self._polynomials(
                lambda coefficients: polynomial([node_of(terms) if terms else None for terms in coefficients]),
                lambda entries: stack([broadcast_to(entry, shape=ANY) for entry in entries]),
            )
            return formula(Net(tuple(outputs), self.form), form="expanded", style=style, max_ops=None)
        rows = [self._combined(power, self.order) for power in range(self.order + 1)]
        net = Net(tuple(polynomial(column) for column in zip(*rows, strict=True)), self.form)
        parts = [jet for _, jets_of in self._jets(self.order) for jet in jets_of]
        powers = [[jet[power] for jet in parts] for power in range(self.order + 1)]
        return folded_formula(net, style_of(net, style), state_letters(net, powers))

    def _is_short(self) -> bool:
        """Whether there are few enough terms to list, by their counts, or by listing them within a bound of work."""
        listing, count = Expansion(MOST, LOOKED), 0
        try:
            for power in range(self.order + 1):
                nodes = [node for node in self._combined(power, power) if node is not None]
                if any(
                    isinstance(node.op, Fold) and isinstance(node.op.count, int) and node.op.count > STEPS
                    for node in walk(nodes)
                ):
                    return False
                counts = self._closed(power)
                count += sum(closed for closed in counts if closed is not None)
                if isinstance(count, int) and count <= SHOWN:  # list the terms without a closed count
                    rest = [
                        node
                        for node, closed in zip(self._combined(power, power), counts, strict=True)
                        if closed is None and node is not None
                    ]
                    count += sum(len(entry) for terms in listing.run(rest) for entry in _entries(terms))
                if not isinstance(count, int) or count > SHOWN:
                    return False
        except SymfoldError:  # a symbolic depth, or too many terms
            return False
        return True

    # -- numbers

    def evaluate(self, params: Mapping[str, Any] | None = None, **inputs: Any) -> list[Any]:
        """The coefficients in numbers, a list by order; the layers must have bodies.

        >>> import symfold as sf
        >>> layers = [sf.layer("f1", lambda z: z**2), sf.layer("f2", lambda z: z**3)]
        >>> net = sf.fold(sf.mappers.residual, layers, sf.tensor("x"))
        >>> [float(coefficient) for coefficient in sf.series(net).evaluate(x=2.0)]
        [2.0, 12.0, 48.0, 96.0]
        """
        values = {**(params or {}), **inputs}
        names = dict.fromkeys(node.op.name for _, net in self.parts for node in (*net.inputs, *net.params))
        for name in inputs:
            if name not in names:
                raise InvalidType(
                    f"the net has no input or parameter {name!r} (it has {', '.join(map(repr, names)) or 'none'})"
                )
        arrays = {name: as_numbers(name, value) for name, value in values.items() if name in names}
        sums: list[list[Any]] = []
        for sign, net in self.parts:
            signed = [[sign * output for output in row] for row in _numbers(net, self.order, arrays)]
            sums = (
                [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(sums, signed, strict=True)]
                if sums
                else signed
            )
        return [unflatten(self.form, row) for row in sums]


def _numbers(net: Net, order: int, arrays: Mapping[str, Any]) -> list[list[Any]]:
    """The coefficients of the outputs of a net in numbers, by order."""
    sized = with_shapes(net, {name: np.shape(value) for name, value in arrays.items()})
    coefficients = jets(sized.outputs, order, named=False)
    flat = tuple(
        zeros_like(output.shape, jet) if (node := jet[power]) is None else node
        for power in range(order + 1)
        for output, jet in zip(sized.outputs, coefficients, strict=True)
    )
    values, _ = flatten(Net(flat, ("tuple", (LEAF,) * len(flat)), sized.leaves)(arrays))
    width = len(sized.outputs)
    return [values[power * width : (power + 1) * width] for power in range(order + 1)]


def _entries(terms: Sum | Entries) -> Sequence[Sum]:
    return terms if isinstance(terms, Entries) else [terms]
