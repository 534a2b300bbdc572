"""The answer in sentences: what both nets share, and where they part. A new sentence is one function and one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from symfold.analysis.equality.difference import difference
from symfold.analysis.equality.spans import differing_bodies
from symfold.analysis.strength.series import series
from symfold.apps.report.cells import Formula, Line
from symfold.apps.report.common import STATE, Additive, additive
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.depths import applied_names
from symfold.core.net import Net
from symfold.errors import SymfoldError, listing
from symfold.show.graph import count_steps, symbolic_depth
from symfold.show.notation.terms import Name
from symfold.transform.rewiring.picard import picard
from symfold.transform.rolling import roll

ORDER = 3  # of the series
FEW = 3  # layers for which a term is written out if there are many

Sentences = Sequence[Line]


def common_form(comparison: Comparison) -> Sentences:
    """Both nets as a start plus the same layers, and what layer k reads in each."""
    a, b = map(additive, comparison.rolled)
    if a is None or b is None or replace(a, read=b.read) != b:
        return []
    if a.read == b.read:
        return [["Both nets are", a.whole, "with", a.reading]]
    first, second = comparison.spoken
    return [
        ["Both nets are", a.whole],
        ["They differ only in what layer k reads:", *_reads(first, a, ";"), *_reads(second, b, ".")],
    ]


def _reads(which: str, net: Additive, end: str) -> Line:
    said = (
        "all that was added up before it"
        if net.read == STATE
        else "the input itself"
        if net.read.stem == net.start
        else "the same at every step"
    )
    return [f"in {which},", net.reading, f"({said}){end}"]


def starts_apart(comparison: Comparison) -> Sentences:
    """If only one net reads the input: what cannot be compared, and what to ask instead."""
    reading = [bool(net.inputs) for net in comparison.nets]
    if all(reading) or not any(reading):
        return []
    without, reads = comparison.spoken[::-1] if reading[0] else comparison.spoken
    inputs = listing(leaf.op.name for leaf in comparison.nets[reading.index(True)].inputs)
    return [
        [
            f"{without} never reads {inputs}: its first state is a number, so its output is one "
            f"number too. It has no paths from {inputs}, no Jacobian and no verdict to compare "
            f"with those of {reads};"
            " start both from the input to see what it changes where layers are added."
        ]
    ]


def first_sweep(comparison: Comparison) -> Sentences:
    """Boosting is the first sweep of solving the residual net's equations."""
    a, b = comparison.rolled
    if a == b:
        return []
    for one, other, names in ((a, b, comparison.spoken[::-1]), (b, a, comparison.spoken)):
        if one.bindings and roll(picard(one, 1), search=False) == other:
            return [
                [
                    f"{_capital(names[0])} is exactly the first sweep of solving the equations of {names[1]}, "
                    "from every state equal to the input (Picard's iteration)."
                ]
            ]
    return []


def order_of_difference(comparison: Comparison) -> Sentences:
    """The power of the layers' strength from which on the nets differ, and the term there."""
    a, b = comparison.symbolic
    if a == b or differing_bodies(a, b):
        return []
    leading = (series(a, ORDER) - series(b, ORDER)).leading
    if leading is None:
        return [[f"With layers scaled by epsilon, the nets agree up to order {ORDER}."]]
    lengthened = (a, b) == comparison.general
    names = " minus ".join(comparison.spoken)
    which = f"{names} at any depth {symbolic_depth(a)}" if lengthened else names
    told: list[Line] = [
        [
            f"With layers scaled by epsilon, {which} begins at order {leading}:",
            _leading_term(a, b, leading),
        ]
    ]
    if lengthened:
        few = comparison.at(FEW)
        told.append([f"Of {len(applied_names(few.a))} layers, written out:", _leading_term(few.a, few.b, leading)])
    return told


def _leading_term(a: Net, b: Net, order: int) -> Formula:
    return Formula((series(a, order) - series(b, order)).formula)


def volume(comparison: Comparison) -> Sentences:
    """The volume change of a residual net, and of boosting."""
    pair = [additive(net) for net in comparison.rolled]
    if None in pair or count_steps(comparison.rolled[0]) < 2:
        return []
    a, b = pair
    assert a is not None and b is not None
    factors = _determinant(a), _determinant(b)
    told = [f"in {which} {factor}" for which, factor in zip(comparison.spoken, factors, strict=True)]
    if factors[0] == factors[1]:
        told = [f"in both nets {factors[0]}"]
    both = (
        replace(a, read=b.read) == b
        and a.read != b.read
        and all(any(_starts(net.read, net, kind) for net in (a, b)) for kind in (True, False))
    )
    ends = (
        ["They differ at order 2, by epsilon^2 times the divergence of the sum over i < j of f_j'(x)[f_i(x)]."]
        if both
        else []
    )
    return (
        [[f"Volume changes by a factor, the determinant of the Jacobian: {'; '.join(told)}.", *ends]]
        if all(factors)
        else []
    )


def _starts(read: Name, net: Additive, state: bool) -> bool:
    """Whether layers read the state (`state`), or else its start."""
    return read == STATE if state else read.stem == net.start and read != STATE


def _determinant(net: Additive) -> str:
    if net.read == STATE:
        return "the product of det(I + J_k(z_{k-1})) over all layers"
    return f"det(I + the sum of J_k({net.start}))" if _starts(net.read, net, False) else ""


def what_moved(comparison: Comparison) -> Sentences:
    """The structural difference, in words."""
    moved = difference(*comparison.rolled, names=comparison.spoken)
    return [[f"What moved: {'; '.join(moved.sentences)}."]] if moved else []


def whether_equal(comparison: Comparison) -> Sentences:
    return [[f"Are they equal? {_capital(comparison.verdict.text)}."]]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


OPENING: tuple[Callable[[Comparison], Sentences], ...] = (common_form, starts_apart, first_sweep)
CLOSING: tuple[Callable[[Comparison], Sentences], ...] = (what_moved, whether_equal, order_of_difference, volume)


def told(comparison: Comparison, sentences: tuple[Callable[[Comparison], Sentences], ...]) -> Iterator[Line]:
    """The sentences that apply to these nets."""
    for sentence in sentences:
        try:
            yield from sentence(comparison)
        except SymfoldError:  # the analysis does not apply; the table says so
            continue
