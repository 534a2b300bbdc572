"""Verdict: whether two nets are equal, how that is known, and where they differ a counterexample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from html import escape
from typing import Any

import numpy as np

from symfold.analysis.equality import conditions, counterexample, modular, multiprecision, numerical, rational
from symfold.analysis.equality.agreement import Agreement, agree
from symfold.analysis.equality.comparable import free_depths, has_bodies, incomparable, placed
from symfold.analysis.equality.random_functions import Reading
from symfold.analysis.equality.same_form import same_form
from symfold.core.names import applied_layers, leaves_of
from symfold.core.net import Net
from symfold.errors import InvalidValue, ShapeError
from symfold.show.graph import count_steps

LEVELS = (
    "identical",
    "equal by normal form",
    "equal for these layers",
    "equal as random functions",
    "numerically equal",
    "undecided",
    "different",
    "not comparable",
)
MOST_STEPS = 1_000_000  # that are read one by one, in both nets together: half a minute on a slow machine
FEW_STEPS = 2_000  # that are run before a counterexample is looked for
MOST_POINTS = 64  # of an exact proof
MOST_NUMBERS = 50_000  # steps that are run in floating point
SMALL = (1, 2, 3, 4, 5)  # what a symbolic depth is tried at


@dataclass(frozen=True)
class Verdict:
    """A graded answer: its level, whether the nets are equal (None: not proved), the same in words, and the evidence."""

    level: str
    equal: bool | None
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.text)}</p>"


def verdict(a: Any, b: Any, params: Mapping[str, Any] | None = None, seed: int = 0) -> Verdict:
    """Whether two nets are equal, by the strongest argument that is found; different ones with a counterexample.

    The levels, in `LEVELS`: *identical*; *equal by normal form* (folds rolled, sums and products sorted and collected);
    *equal for these layers* (with the condition that makes them so, sufficient and never necessary, or by exact
    computation alone); *equal as random functions* (modulo a random prime: only "equal" can be wrong, with the
    probability that is stated); *numerically equal* (to a tolerance: not proved, so `equal` is None); *undecided*;
    *different* (with a counterexample, verified); *not comparable* (other inputs, other outputs). Equal means: wherever
    both are finite. `params` are numbers for some or all parameters; without them equality is for all parameters.
    Errors: InvalidType, InvalidValue for parameters that are none. Source: Schwartz (1980) and Zippel (1979) for the bound.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> residual, boosting = sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)
    >>> verdict(residual, boosting)
    different: with every f_k(z) = z and x = 1: 8 against 4
    >>> verdict(residual, sf.fold(lambda z, f: z + f(z), f, x)).level
    'equal by normal form'
    >>> deep = sf.layers("f", count="n")
    >>> verdict(sf.fold(sf.mappers.residual, deep, x), sf.fold(sf.mappers.boosting(x), deep, x))
    different: at n = 2, with every f_k(z) = z and x = 1: 4 against 3
    """
    one, other = Net.of(a), Net.of(b)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InvalidValue(f"seed={seed!r} must be a whole number from 0 up")
    if (reason := incomparable(one, other)) is not None:
        return Verdict("not comparable", None, f"not comparable: {reason}", {"reason": reason})
    if params is not None:
        one, other = placed(one, other, params)
    if one.outputs == other.outputs:
        return Verdict("identical", True, "identical: the same operations in the same order")
    if same_form(one, other):
        more = f" ({conditions.SHALLOW})" if conditions.shallow(one, other) else ""
        said = "equal by normal form: they differ only in how steps are rolled, or in the order, the brackets and the like terms of sums and products"
        return Verdict("equal by normal form", True, said + more)
    agreed = agree(one, other, Reading(seed, folded=True))
    if agreed.equal:
        return _as_random(agreed)
    if free_depths(one) or free_depths(other):
        found = _for_these(one, other, seed, float("inf")) if has_bodies(one) or has_bodies(other) else None
        return found or _at_small_depths(one, other, seed)
    return _of_numbers(one, other, seed)


def _of_numbers(a: Net, b: Net, seed: int, depths: Mapping[str, int] | None = None) -> Verdict:
    """The verdict where every depth is a number, after what is independent of depth."""
    total = count_steps(a) + count_steps(b)
    if total <= FEW_STEPS and (agreed := agree(a, b, Reading(seed))).equal:
        return _as_random(agreed)
    own = has_bodies(a) or has_bodies(b)
    if own and (found := _for_these(a, b, seed, total)) is not None:
        return found
    if (example := counterexample.find(a, b, depths)) is not None:
        return Verdict("different", False, f"different: {example.text}", example.data)
    if (decision := modular.decide(a, b, seed)) is not None and (
        polynomials := _as_polynomials(decision, seed, own)
    ) is not None:
        return polynomials
    if FEW_STEPS < total <= MOST_STEPS and (agreed := agree(a, b, Reading(seed))).equal:
        return _as_random(agreed)
    return _by_numbers(a, b, seed, total)


def _as_random(agreed: Agreement) -> Verdict:
    said = "whatever the layers do: read as random functions modulo a random prime of 127 bits, the nets agree"
    return Verdict("equal as random functions", True, f"equal {said} ({agreed.stated})", _evidence(agreed))


def _as_polynomials(decision: modular.Decision, seed: int, own: bool) -> Verdict | None:
    """The verdict on two polynomial nets from their values at one point modulo a prime."""
    if not decision.equal:
        said = f"different: as polynomials; at a point drawn modulo a prime of 127 bits (seed {seed}) their values differ, which those of equal polynomials never do"
        return Verdict(
            "different",
            False,
            said,
            {
                "prime": decision.prime,
                "inputs": decision.points,
                "values": decision.values,
                "place": decision.place,
                "seed": seed,
            },
        )
    if not decision.known:
        return None
    stated = Agreement(True, decision.error).stated
    level = "equal for these layers" if own else "equal as random functions"
    because = (
        "; none of the known sufficient conditions holds, so the equality may be accidental: other layers, another answer"
        if own
        else ""
    )
    said = f"{'equal for these layers' if own else 'equal'}, as polynomials: at a random point modulo a random prime of 127 bits they agree ({stated}){because}"
    return Verdict(
        level,
        True,
        said,
        {"because": None, "points": None, "log2 of the error": decision.error, "prime": decision.prime},
    )


def _evidence(agreed: Agreement) -> dict[str, Any]:
    return {"log2 of the error": agreed.error, "random functions evaluated": agreed.evaluations}


def _for_these(a: Net, b: Net, seed: int, total: float) -> Verdict | None:
    """Equality that the bodies of these layers bring about, with the reason where one of those known is the reason."""
    short = total <= FEW_STEPS
    if (why := conditions.reason(a, b, seed, short)) is not None:
        text, agreed = why
        return Verdict(
            "equal for these layers",
            True,
            f"equal for these layers, because {text} ({agreed.stated}); this is sufficient, not necessary",
            {"because": text, **_evidence(agreed)},
        )
    for folded in (False, True):
        if folded or total <= FEW_STEPS:
            reading = Reading(seed, opened=True, folded=folded)
            agreed = agree(a, b, reading)
            if agreed.equal:
                points = not folded and proved(a, b, reading)
                by = (
                    f"in fractions, at {points} points, which is enough for their degree"
                    if points
                    else f"modulo a random prime of 127 bits ({agreed.stated})"
                )
                said = f"equal for these layers, by exact computation {by}; none of the known sufficient conditions holds, so the equality may be accidental: other layers, another answer"
                return Verdict(
                    "equal for these layers",
                    True,
                    said,
                    {"because": None, "points": points or None, **_evidence(agreed)},
                )
    return None


def proved(a: Net, b: Net, reading: Reading) -> int:
    """The number of points at which two polynomials in one input were found equal, exactly: enough for their degree, or 0."""
    if not reading.polynomial or reading.degree > MOST_POINTS or len(a.inputs) != 1:
        return 0
    name, layers = a.inputs[0].op.name, rational.Layers({}, counterexample.IDENTITY)
    try:
        for point in range(reading.degree + 1):
            found = [rational.Exact(layers, {name: Fraction(point)}, Fraction(1)).outputs(net) for net in (a, b)]
            if not all(np.array_equal(one, other) for one, other in zip(*found, strict=True)):
                return 0
    except rational.Abandoned:
        return 0
    return reading.degree + 1


def _by_numbers(a: Net, b: Net, seed: int, total: float) -> Verdict:
    if total > MOST_NUMBERS:
        unread = (
            f", more than the {MOST_STEPS:,} that are read one by one as random functions" if total > MOST_STEPS else ""
        )
        return Verdict(
            "undecided",
            None,
            f"undecided: no argument for folds as wholes decides, and of {total:,} steps{unread} no numbers are computed above {MOST_NUMBERS:,}; at a smaller depth the nets may be decided",
            {"steps": total},
        )
    try:
        found = numerical.compare_numbers(a, b, seed, total)
    except ShapeError as error:
        return Verdict("different", False, f"different: {error}", {"reason": str(error)})
    evidence = {
        "inputs": found.inputs,
        "values": found.values,
        "place": found.place,
        "points": found.points,
        "seed": seed,
        "positive": found.positive,
        "params": found.params,
    }
    note = f" ({found.spread}: compared entry by entry, the smaller one repeated)" if found.spread else ""
    if found.equal:
        digits = f", at {found.digits} of them to {multiprecision.SAME} digits" if found.digits else ""
        said = f"numerically equal at {found.points} random points to a relative tolerance of {numerical.TOLERANCE:.0e} (the largest difference is {found.difference:.1e}){digits}; not proved{note}"
        return Verdict(
            "numerically equal", None, said, {**evidence, "tolerance": numerical.TOLERANCE, "digits": found.digits}
        )
    if found.equal is None:
        return Verdict(
            "undecided",
            None,
            f"undecided: at random points the numbers differ by {found.difference:.1e}, which rounding may explain"
            if found.points
            else "undecided: no random point gave finite numbers",
            evidence,
        )
    where = ", ".join(f"{name} = {_short(value)}" for name, value in found.inputs.items())
    shown = where if len(where) < 200 else "a random input (in the evidence)"
    opaque = (
        f"random smooth {'positive ' if found.positive else ''}layers, "
        if any(op.body is None for net in (a, b) for op, _ in applied_layers(net.outputs))
        else ""
    )
    drawn = (
        "random parameters, "
        if any(leaf.op.role == "parameter" for net in (a, b) for leaf in leaves_of(net.outputs))
        else ""
    )
    entry = f" in entry {found.place[1:]}" if len(found.place) > 1 else ""
    return Verdict(
        "different",
        False,
        f"different: with {opaque}{drawn}seed {seed} and {shown}: {_pair(*found.values, found.difference)}{entry}{note}",
        {**evidence, "verified": found.verified},
    )


def _short(value: Any) -> Any:
    """Numbers to four digits, whole ones as they are."""
    return (
        [_short(part) for part in value]
        if isinstance(value, list)
        else value
        if isinstance(value, int)
        else float(f"{value:.4g}")
    )


def _pair(left: float, right: float, gap: float) -> str:
    """Two values, with their difference where it does not show."""
    shown = [f"{value:.6g}" for value in (left, right)]
    return f"{shown[0]} against {shown[1]}" + (f", apart by {gap:.1e}" if shown[0] == shown[1] else "")


def _at_small_depths(a: Net, b: Net, seed: int) -> Verdict:
    """The verdict for a symbolic depth that no argument for all depths decides."""
    names = free_depths(a) | free_depths(b)
    found: dict[int, Verdict] = {}
    for count in SMALL:
        depths = dict.fromkeys(sorted(names), count)
        try:
            one, other = a.at(**depths), b.at(**depths)
        except InvalidValue:
            continue  # a net whose first steps stand apart has a least depth
        tried = verdict(one, other, seed=seed)
        if tried.equal is False:
            tried = _of_numbers(one, other, seed, depths)
            at = (
                ""
                if tried.text.startswith("different: at ")
                else f"at {', '.join(f'{name} = {count}' for name in sorted(names))}, "
            )
            return Verdict(
                "different",
                False,
                tried.text.replace("different: ", f"different: {at}", 1),
                {**tried.evidence, "depths": depths},
            )
        found[count] = tried
    said = "; ".join(f"{', '.join(sorted(names))} = {count}: {tried.level}" for count, tried in found.items())
    return Verdict(
        "undecided",
        None,
        f"undecided for every depth; where it was tried, no difference was found ({said})",
        {"tried": {count: tried.level for count, tried in found.items()}},
    )
