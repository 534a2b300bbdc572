"""The series of a net in the strength of its layers: every layer scaled by epsilon, and expanded in epsilon, exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symfold.analysis.normal_form import tidy
from symfold.analysis.strength.counting import closed_count
from symfold.analysis.strength.jet_folds import Jet
from symfold.analysis.strength.jets import jets
from symfold.analysis.strength.multilinear import Expansion, Sum, node_of, ordered, times, total, zeros_like
from symfold.analysis.strength.series_text import EPSILON, polynomial, state_letters
from symfold.base.trees import LEAF, Form, flatten, unflatten
from symfold.compute.evaluate import as_numbers
from symfold.core.folds import Fold
from symfold.core.interpreter import Entries
from symfold.core.names import covers, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.sequences import stack
from symfold.core.walks import walk
from symfold.errors import InvalidType, InvalidValue, SymfoldError, TooLarge
from symfold.show.notation import folded_formula, formula
from symfold.show.notation.alike import style_of
from symfold.show.notation.expanded import show_count, terms_of
from symfold.show.notation.symbolic import as_sympy
from symfold.transform.specialize import with_shapes

MOST = 5_000  # terms of a coefficient that are listed
SHOWN = 40  # terms in all, up to which a formula lists them
STEPS = 1_000  # steps of a fold that are run to find that there are so few
LOOKED = 20_000  # terms that are made to find it, those of all steps together
FORMS = ("terms", "fold")


def series(net: Any, order: int = 3) -> Series:
    """A net as a series in epsilon, the strength of its layers, up to an order: exact, with derivatives of layers by name.

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
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise InvalidValue(f"a series of order {order!r} (give a whole number from 0 up)")
    whole = Net.of(net)
    if any(covers(EPSILON, names_of(leaf)) for leaf in whole.leaves):
        raise InvalidValue(
            f"the net has an input, a parameter or a layer named {EPSILON!r}, the strength that it is expanded in (rename it)"
        )
    return Series(((1, whole),), order)


@dataclass(frozen=True)
class Series:
    """A sum of nets, each with its sign, as a series in the strength of their layers."""

    parts: tuple[tuple[int, Net], ...]
    order: int

    @property
    def form(self) -> Form:
        """How the outputs are held."""
        return self.parts[0][1].form

    def __sub__(self, other: Any) -> Series:
        if not isinstance(other, Series):
            return NotImplemented
        if other.form != self.form:
            raise InvalidType(
                f"series of nets whose outputs are held differently, {self.form!r} and {other.form!r}, have no difference"
            )
        return Series((*self.parts, *((-sign, net) for sign, net in other.parts)), min(self.order, other.order))

    # -- coefficients

    def coefficient(self, power: int, named: bool = True) -> Net:
        """The coefficient of epsilon**power, as a net of the same blocks at any depth.

        It has derivatives of layers by name; not `named`, the bodies of layers are opened, and it can be compiled.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
        >>> print(sf.series(net).coefficient(1))
        z1 = f1(x)
        z2 = f2(x) + z1
        z3 = f3(x) + z2
        """
        self._checked(power)
        made = self._combined(power, power) if named else self._opened(power)
        shapes = [output.shape for output in self.parts[0][1].outputs]
        inputs = tuple(leaf for _, net in self.parts for leaf in net.leaves if leaf.op.role != "layer")
        first = self._jets(0)[0][1]
        outputs = [
            zeros_like(shape, jet) if node is None else node
            for node, shape, jet in zip(made, shapes, first, strict=True)
        ]
        return Net(tuple(outputs), self.form, tuple(dict.fromkeys(inputs)))

    def _checked(self, power: int) -> int:
        if isinstance(power, bool) or not isinstance(power, int) or not 0 <= power <= self.order:
            raise InvalidValue(
                f"coefficient {power!r} of a series of order {self.order} (give a whole number from 0 to {self.order})"
            )
        return power

    @cached_property
    def _made(self) -> dict[int, list[tuple[int, list[Jet]]]]:
        return {}

    def _jets(self, order: int) -> list[tuple[int, list[Jet]]]:
        """The coefficients of each part's outputs up to an order: no more is carried than these need."""
        if order not in self._made:
            self._made[order] = [(sign, jets(net.outputs, order)) for sign, net in self.parts]
        return self._made[order]

    def _combined(self, power: int, order: int) -> list[Node | None]:
        """The coefficient of each output, made with all up to an order; what the parts have in common cancels."""
        found: list[Node | None] = []
        for place, alone in enumerate(self._cancelled(power)):
            given: dict[Node, int] = {}
            for (sign, made), kept in zip(self._jets(order), alone, strict=True):
                node = made[place][power]
                if kept and node is not None:
                    given[node] = given.get(node, 0) + sign
            found.append(total(times(sign, node) for node, sign in given.items() if sign))
        return found

    def _opened(self, power: int) -> list[Node | None]:
        """The coefficient of each output, in numbers once it is compiled."""
        made = [(sign, jets(net.outputs, power, named=False)) for sign, net in self.parts]
        return [
            total([times(sign, jet[place][power]) for sign, jet in made])
            for place in range(len(self.parts[0][1].outputs))
        ]

    def _cancelled(self, power: int) -> list[list[bool]]:
        """For each output, which parts are left after equal ones of opposite sign are taken out."""
        if power in self._left:
            return self._left[power]
        rows: list[list[bool]] = []
        for place in range(len(self.parts[0][1].outputs)):
            signs: dict[Node | None, int] = {}
            nodes = [(sign, self._compared(made[place][power])) for sign, made in self._jets(power)]
            for sign, node in nodes:
                signs[node] = signs.get(node, 0) + sign
            rows.append([node is not None and signs[node] != 0 for _, node in nodes])
        self._left[power] = rows
        return rows

    @cached_property
    def _left(self) -> dict[int, list[list[bool]]]:
        return {}

    def _compared(self, node: Node | None) -> Node | None:
        """A coefficient as it is compared with others: in normal form, which is the same at any depth."""
        return node if node is None or len(self.parts) == 1 else tidy((node,))[0]

    # -- terms

    def terms(self, power: int) -> Any:
        """The terms of a coefficient, like ones merged: a dict from terms to numbers, for each output.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
        >>> sf.series(net).terms(2)
        {f2'(x)[f1(x)]: 1, f3'(x)[f1(x)]: 1, f3'(x)[f2(x)]: 1}
        """
        found = self._terms(self._checked(power))
        return unflatten(
            self.form, [tuple(map(ordered, one)) if isinstance(one, Entries) else ordered(one) for one in found]
        )

    def _terms(self, power: int) -> list[Sum | Entries]:
        if power in self._listed:
            return self._listed[power]
        for counted in (
            one for parts in self._counted(power) for one in parts
        ):  # of one part, before it is added to others
            if isinstance(counted, int) and counted > MOST:
                raise TooLarge(
                    f"the coefficient of epsilon**{power} has {show_count(counted)} terms, over the bound of {MOST:,} (its recurrence is short: .formula(form='fold'))"
                )
        self._listed[power] = [
            {} if node is None else Expansion(MOST).run([node])[0] for node in self._combined(power, power)
        ]
        return self._listed[power]

    @cached_property
    def _listed(self) -> dict[int, list[Sum | Entries]]:
        return {}

    @cached_property
    def counts(self) -> tuple[Any, ...]:
        """How many terms each coefficient has, from order 0; on the folded form where that tells, else by listing them.

        >>> import symfold as sf
        >>> sf.series(sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x")), order=4).counts
        (1, 3, 3, 5, 8)
        """
        return tuple(self._count(power) for power in range(self.order + 1))

    def _count(self, power: int) -> Any:
        found: Any = 0
        for place, counted in enumerate(self._closed(power)):
            found += sum(map(len, _entries(self._terms(power)[place]))) if counted is None else counted
        return found

    def _closed(self, power: int) -> list[Any]:
        """The counts for each output that need no listing; None for the others."""
        return [0 if not parts else parts[0] if len(parts) == 1 else None for parts in self._counted(power)]

    def _counted(self, power: int) -> list[list[Any]]:
        """For each output, the counts of the parts that are left of it, where they are known without listing."""
        return [
            [closed_count(made[place]) for (_, made), kept in zip(self._jets(power), alone, strict=True) if kept]
            for place, alone in enumerate(self._cancelled(power))
        ]

    @cached_property
    def leading(self) -> int | None:
        """The order of the first coefficient that is not zero; None where all up to the series' order are.

        >>> import symfold as sf
        >>> f, x = sf.layers("f", count="n"), sf.tensor("x")
        >>> (sf.series(sf.fold(sf.mappers.residual, f, x)) - sf.series(sf.fold(sf.mappers.boosting(x), f, x))).leading
        2
        """
        return next((power for power in range(self.order + 1) if self._count(power) != 0), None)

    # -- shown

    @property
    def expr(self) -> Any:
        """The series as a SymPy expression in `Symbol("epsilon")`, without its O; a derivative is a function of its directions.

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
                lambda coefficients: sp.Add(*(value(one) * strength**power for power, one in enumerate(coefficients))),
                lambda listed: sp.Tuple(*listed),
            ),
        )

    def _polynomials(self, of: Callable[[list[Sum]], Any], joined: Callable[[list[Any]], Any]) -> list[Any]:
        """For each output, what is made of its terms by order; a sequence's entries joined."""
        found = []
        for output in zip(*(self._terms(power) for power in range(self.order + 1)), strict=True):
            if any(isinstance(one, Entries) for one in output):
                length = max(len(one) for one in output if isinstance(one, Entries))
                rows = zip(*(one if isinstance(one, Entries) else [{}] * length for one in output), strict=True)
                found.append(joined([of(list(row)) for row in rows]))
            else:
                found.append(of(list(output)))
        return found

    def formula(self, style: str = "text", form: str | None = None) -> str:
        """The series in a style: its terms listed ("terms"), or the recurrences of its coefficients ("fold").

        Without a form, terms are listed where there are at most 40.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))
        >>> print(sf.series(net, order=2).formula("latex"))
        x + \\epsilon \\left(f_{1}{\\left(x \\right)} + f_{2}{\\left(x \\right)}\\right) + \\epsilon^{2} f_{2}'\\left(x\\right)\\left[f_{1}{\\left(x \\right)}\\right] + O{\\left(\\epsilon^{3} \\right)}
        """
        if form not in (None, *FORMS):
            raise InvalidValue(
                f"unknown form {form!r} of a series (must be one of {', '.join(map(repr, FORMS))}; without one, the short one is taken)"
            )
        if form == "terms" or (form is None and self._is_short()):
            outputs = self._polynomials(
                lambda coefficients: polynomial([node_of(one) if one else None for one in coefficients]), stack
            )
            return formula(Net(tuple(outputs), self.form), form="expanded", style=style, max_ops=None)
        rows = [self._combined(power, self.order) for power in range(self.order + 1)]
        net = Net(tuple(polynomial(column) for column in zip(*rows, strict=True)), self.form)
        powers = [[jet[power] for _, made in self._jets(self.order) for jet in made] for power in range(self.order + 1)]
        return folded_formula(net, style_of(net, style), state_letters(net, powers))

    def _is_short(self) -> bool:
        """Whether there are so few terms that they are listed: told by their counts, or by listing them while that is little work."""
        listing, found = Expansion(MOST, LOOKED), 0
        try:
            for power in range(self.order + 1):
                nodes = [node for node in self._combined(power, power) if node is not None]
                if any(
                    isinstance(node.op, Fold) and isinstance(node.op.count, int) and node.op.count > STEPS
                    for node in walk(nodes)
                ):
                    return False
                counts = self._closed(power)
                found += sum(one for one in counts if one is not None)
                if isinstance(found, int) and found <= SHOWN:  # what is not counted is listed
                    rest = [
                        node
                        for node, one in zip(self._combined(power, power), counts, strict=True)
                        if one is None and node is not None
                    ]
                    found += sum(len(entry) for terms in listing.run(rest) for entry in _entries(terms))
                if not isinstance(found, int) or found > SHOWN:
                    return False
        except SymfoldError:  # a symbolic depth, or terms beyond a bound
            return False
        return True

    def __str__(self) -> str:
        try:
            return self.formula()
        except Exception as error:  # a display must never be what fails
            return f"a series that cannot be shown ({error})"

    __repr__ = __str__

    def _repr_latex_(self) -> str | None:
        try:
            return f"$\\displaystyle {self.formula('latex')}$"
        except Exception:  # likewise
            return None

    # -- numbers

    def evaluate(self, params: Mapping[str, Any] | None = None, **inputs: Any) -> list[Any]:
        """The coefficients in numbers, a list by order; the layers must have bodies.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, [sf.layer("f1", lambda z: z**2), sf.layer("f2", lambda z: z**3)], sf.tensor("x"))
        >>> [float(one) for one in sf.series(net).evaluate(x=2.0)]
        [2.0, 12.0, 48.0, 96.0]
        """
        given = {**(params or {}), **inputs}
        known = dict.fromkeys(node.op.name for _, net in self.parts for node in (*net.inputs, *net.params))
        for name in inputs:
            if name not in known:
                raise InvalidType(
                    f"the net has no input or parameter {name!r} (it has {', '.join(map(repr, known)) or 'none'})"
                )
        arrays = {name: as_numbers(name, value) for name, value in given.items() if name in known}
        found: list[list[Any]] = []
        for sign, net in self.parts:
            values = _numbers(net, self.order, arrays)
            found = (
                [[a + sign * b for a, b in zip(one, two, strict=True)] for one, two in zip(found, values, strict=True)]
                if found
                else ([[sign * b for b in one] for one in values])
            )
        return [unflatten(self.form, one) for one in found]


def _numbers(net: Net, order: int, arrays: Mapping[str, Any]) -> list[list[Any]]:
    """The coefficients of a net's outputs in numbers, by order."""
    whole = with_shapes(net, {name: np.shape(value) for name, value in arrays.items()})
    made = jets(whole.outputs, order, named=False)
    flat = tuple(
        zeros_like(output.shape, jet) if (node := jet[power]) is None else node
        for power in range(order + 1)
        for output, jet in zip(whole.outputs, made, strict=True)
    )
    values, _ = flatten(Net(flat, ("tuple", (LEAF,) * len(flat)), whole.leaves)(arrays))
    width = len(whole.outputs)
    return [values[power * width : (power + 1) * width] for power in range(order + 1)]


def _entries(terms: Sum | Entries) -> Sequence[Sum]:
    return terms if isinstance(terms, Entries) else [terms]
