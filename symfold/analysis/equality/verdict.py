"""Verdict: whether two nets are equal, how that is known, and a counterexample if they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from symfold.analysis.equality import conditions, counterexample, modular, multiprecision, numerical, rational
from symfold.analysis.equality.agreement import Agreement, agree
from symfold.analysis.equality.comparable import free_depths, has_bodies, incomparable, with_parameters
from symfold.analysis.equality.linear_form import same_linear_form
from symfold.analysis.equality.random_functions import RandomFunctions
from symfold.analysis.equality.same_form import same_form
from symfold.base.public import public
from symfold.base.results import Result
from symfold.core.names import applied_layers, leaves_of
from symfold.core.net import Net
from symfold.core.nodes import walk
from symfold.core.primitives import dropout, is_primitive
from symfold.errors import InvalidValue, ShapeError
from symfold.show.graph import count_steps
from symfold.show.hypertext import element, prose
from symfold.transform.inlining import has_adjoint, inlined

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
MOST_STEPS = 1_000_000  # of both nets, evaluated one by one: half a minute on a slow machine
FEW_STEPS = 2_000  # up to which nets are evaluated before the search for a counterexample
MOST_POINTS = 64  # of an exact proof
MOST_NUMBERS = 50_000  # steps in floating point
SMALL = (1, 2, 3, 4, 5)  # values of a symbolic depth
ACCIDENTAL = (
    "none of the known sufficient conditions holds, so the equality may be accidental: other layers, another answer"
)


@dataclass(frozen=True, eq=False)
class Verdict(Result):
    """A graded answer: its level, whether the nets are equal (None: not proved), its text, and the evidence."""

    level: str
    equal: bool | None
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return element("p", prose(self.text))


EVALUATED = "this is the evaluation form, in which dropout keeps everything (sf.training_form gives the other)"


@public
def verdict(a: Any, b: Any, params: Mapping[str, Any] | None = None, seed: int = 0) -> Verdict:
    """Whether two nets are equal, by the strongest argument that applies; if they differ, with a counterexample.

    The levels, in `LEVELS`: *identical*; *equal by normal form* (folds rolled, sums and products sorted and collected,
    linear maps passed through sums, folds and scans);
    *equal for these layers* (with a sufficient, never necessary condition, or by exact computation alone); *equal as
    random functions* (modulo a random prime: only "equal" can be wrong, with the stated probability); *numerically
    equal* (to a tolerance: not proved, so `equal` is None); *undecided*; *different* (with a verified counterexample);
    *not comparable* (different inputs or outputs). Equal means: wherever both are finite. `params` are numbers for some
    or all parameters; without them, equality is for all parameters. Errors: InvalidType, InvalidValue for invalid
    parameters. Nets with dropout are compared in their evaluation form. Source of the bound: Schwartz (1980), Zippel
    (1979).

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
    result = _verdict(a, b, params, seed)
    if result.level in ("identical", "not comparable") or not (drops(Net.of(a)) or drops(Net.of(b))):
        return result
    return replace(result, text=f"{result.text}; {EVALUATED}")


def drops(net: Net) -> bool:
    """Whether a net has dropout, in layers or folds too."""
    opened = Net(inlined(net.outputs, keep=lambda node: node.op.primitive is dropout or has_adjoint(node)))
    roots = (opened.outputs, *(block.results for block in opened.blocks))
    return any(is_primitive(node, dropout) for values in roots for node in walk(values))


def _verdict(a: Any, b: Any, params: Mapping[str, Any] | None, seed: int) -> Verdict:
    first, second = Net.of(a), Net.of(b)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InvalidValue(f"seed={seed!r} must be a whole number from 0 up")
    if (reason := incomparable(first, second)) is not None:
        return Verdict("not comparable", None, f"not comparable: {reason}", {"reason": reason})
    if params is not None:
        first, second = with_parameters(first, second, params)
    if first.outputs == second.outputs:
        return Verdict("identical", True, "identical: the same operations in the same order")
    if same_form(first, second):
        more = f" ({conditions.SHALLOW})" if conditions.shallow(first, second) else ""
        text = (
            "equal by normal form: they differ only in how steps are rolled, "
            "or in the order, the brackets and the like terms of sums and products"
        )
        return Verdict("equal by normal form", True, text + more)
    agreed = agree(first, second, RandomFunctions(seed, folded=True))
    if agreed.equal:
        return _as_random(agreed)
    if same_linear_form(first, second):
        text = "equal by normal form: they differ only in where linear maps are applied to sums, to folds and to scans"
        return Verdict("equal by normal form", True, text)
    if free_depths(first) or free_depths(second):
        has_body = has_bodies(first) or has_bodies(second)
        result = _for_these(first, second, seed, float("inf")) if has_body else None
        return result or _at_small_depths(first, second, seed)
    return _of_numbers(first, second, seed)


def _of_numbers(a: Net, b: Net, seed: int, depths: Mapping[str, int] | None = None) -> Verdict:
    """The verdict if every depth is a number, after the arguments that are independent of depth."""
    total = count_steps(a) + count_steps(b)
    if total <= FEW_STEPS and (agreed := agree(a, b, RandomFunctions(seed))).equal:
        return _as_random(agreed)
    has_body = has_bodies(a) or has_bodies(b)
    if has_body and (result := _for_these(a, b, seed, total)) is not None:
        return result
    if (example := counterexample.find(a, b, depths)) is not None:
        return Verdict("different", False, f"different: {example.text}", example.data)
    if (decision := modular.decide(a, b, seed)) is not None and (
        polynomials := _as_polynomials(decision, seed, has_body)
    ) is not None:
        return polynomials
    if FEW_STEPS < total <= MOST_STEPS and (agreed := agree(a, b, RandomFunctions(seed))).equal:
        return _as_random(agreed)
    return _by_numbers(a, b, seed, total)


def _as_random(agreed: Agreement) -> Verdict:
    text = "equal whatever the layers do: read as random functions modulo a random prime of 127 bits, the nets agree"
    return Verdict("equal as random functions", True, f"{text} ({agreed.stated})", _evidence(agreed))


def _as_polynomials(decision: modular.Decision, seed: int, has_body: bool) -> Verdict | None:
    """The verdict on two polynomial nets by their values at one point modulo a prime."""
    if not decision.equal:
        text = (
            f"different: as polynomials; at a point drawn modulo a prime of 127 bits (seed {seed}) "
            "their values differ, which those of equal polynomials never do"
        )
        point = {"prime": decision.prime, "inputs": decision.points, "values": decision.values}
        return Verdict("different", False, text, {**point, "place": decision.place, "seed": seed})
    if not decision.known:
        return None
    stated = Agreement(True, decision.error).stated
    level = "equal for these layers" if has_body else "equal as random functions"
    text = (
        f"{level if has_body else 'equal'}, as polynomials: at a random point modulo a random prime of 127 bits "
        f"they agree ({stated}){f'; {ACCIDENTAL}' if has_body else ''}"
    )
    evidence = {"because": None, "points": None, "log2 of the error": decision.error, "prime": decision.prime}
    return Verdict(level, True, text, evidence)


def _evidence(agreed: Agreement) -> dict[str, Any]:
    return {"log2 of the error": agreed.error, "random functions evaluated": agreed.evaluations}


def _for_these(a: Net, b: Net, seed: int, total: float) -> Verdict | None:
    """Equality due to the bodies of these layers, with the reason if it is a known one."""
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
            functions = RandomFunctions(seed, opened=True, folded=folded)
            agreed = agree(a, b, functions)
            if agreed.equal:
                points = not folded and proved(a, b, functions)
                by = (
                    f"in fractions, at {points} points, which is enough for their degree"
                    if points
                    else f"modulo a random prime of 127 bits ({agreed.stated})"
                )
                text = f"equal for these layers, by exact computation {by}; {ACCIDENTAL}"
                evidence = {"because": None, "points": points or None, **_evidence(agreed)}
                return Verdict("equal for these layers", True, text, evidence)
    if same_linear_form(a, b, inline=True):
        text = "equal for these layers: they differ only in where linear maps, these layers among them, are applied"
        return Verdict("equal for these layers", True, text, {"because": "they are linear"})
    return None


def proved(a: Net, b: Net, functions: RandomFunctions) -> int:
    """The number of points at which two polynomials in one input are equal, if it suffices for a proof; else 0."""
    if not functions.polynomial or functions.degree > MOST_POINTS or len(a.inputs) != 1:
        return 0
    name, layers = a.inputs[0].op.name, rational.Layers({}, counterexample.IDENTITY)
    try:
        for point in range(functions.degree + 1):
            inputs = {name: Fraction(point)}
            outputs = [rational.ExactEvaluator(layers, inputs, Fraction(1)).outputs(net) for net in (a, b)]
            if not all(np.array_equal(left, right) for left, right in zip(*outputs, strict=True)):
                return 0
    except rational.Abandoned:
        return 0
    return functions.degree + 1


def _by_numbers(a: Net, b: Net, seed: int, total: float) -> Verdict:
    if total > MOST_NUMBERS:
        most = f"{MOST_NUMBERS:,} in floating point"
        most += f", {MOST_STEPS:,} as random functions" if total > MOST_STEPS else ""
        text = (
            f"undecided: no argument for whole folds decides, and the {total:,} steps of both nets are too many to "
            f"compute one by one (at most {most}); at a smaller depth the nets may be decided"
        )
        return Verdict("undecided", None, text, {"steps": total})
    try:
        result = numerical.compare_numbers(a, b, seed, total)
    except ShapeError as error:
        return Verdict("different", False, f"different: {error}", {"reason": str(error)})
    evidence = {
        "inputs": result.inputs,
        "values": result.values,
        "place": result.place,
        "points": result.points,
        "seed": seed,
        "positive": result.positive,
        "params": result.params,
    }
    sign = "positive " if result.positive else ""
    note = f" ({result.spread}: compared entry by entry, the smaller one repeated)" if result.spread else ""
    if result.equal:
        digits = f", at {result.digits} of them to {multiprecision.SAME} digits" if result.digits else ""
        text = (
            f"numerically equal at {result.points} random {sign}points to a relative tolerance of "
            f"{numerical.TOLERANCE:.0e} (the largest difference is {result.difference:.1e}){digits}; not proved{note}"
        )
        return Verdict(
            "numerically equal", None, text, {**evidence, "tolerance": numerical.TOLERANCE, "digits": result.digits}
        )
    if result.equal is None:
        return Verdict(
            "undecided",
            None,
            f"undecided: at random points the numbers differ by {result.difference:.1e}, which rounding may explain"
            if result.points
            else "undecided: no random point gave finite numbers",
            evidence,
        )
    where = ", ".join(f"{name} = {_short(value)}" for name, value in result.inputs.items())
    shown = where if len(where) < 60 else "a random input"
    opaque = (
        f"random smooth {sign}layers, "
        if any(op.body is None for net in (a, b) for op, _ in applied_layers(net.outputs))
        else ""
    )
    drawn = (
        f"random {sign}parameters, "
        if any(leaf.op.role == "parameter" for net in (a, b) for leaf in leaves_of(net.outputs))
        else ""
    )
    entry = f" in entry {result.place[1:]}" if len(result.place) > 1 else ""
    values = _pair(*result.values, result.difference)
    text = f"different: with {opaque}{drawn}seed {seed} and {shown}: {values}{entry}{note}"
    return Verdict("different", False, text, {**evidence, "verified": result.verified})


def _short(value: Any) -> Any:
    """Numbers to four digits; integers unchanged."""
    if isinstance(value, list):
        return [_short(part) for part in value]
    return value if isinstance(value, int) else float(f"{value:.4g}")


def _pair(left: float, right: float, gap: float) -> str:
    """Two values as text, with their difference if they look equal."""
    shown = [f"{value:.6g}" for value in (left, right)]
    return f"{shown[0]} against {shown[1]}" + (f", apart by {gap:.1e}" if shown[0] == shown[1] else "")


def _at_small_depths(a: Net, b: Net, seed: int) -> Verdict:
    """The verdict for a symbolic depth if no argument for all depths decides."""
    names = free_depths(a) | free_depths(b)
    tried: dict[int, Verdict] = {}
    for count in SMALL:
        depths = dict.fromkeys(sorted(names), count)
        try:
            first, second = a.at(**depths), b.at(**depths)
        except InvalidValue:
            continue  # a net with separate first steps has a minimal depth
        result = verdict(first, second, seed=seed)
        if result.equal is False:
            result = _of_numbers(first, second, seed, depths)
            at = (
                ""
                if result.text.startswith("different: at ")
                else f"at {', '.join(f'{name} = {count}' for name in sorted(names))}, "
            )
            text = result.text.replace("different: ", f"different: {at}", 1)
            return Verdict("different", False, text, {**result.evidence, "depths": depths})
        tried[count] = result
    levels = "; ".join(f"{', '.join(sorted(names))} = {count}: {result.level}" for count, result in tried.items())
    return Verdict(
        "undecided",
        None,
        f"undecided for every depth; where it was tried, no difference was found ({levels})",
        {"tried": {count: result.level for count, result in tried.items()}},
    )
