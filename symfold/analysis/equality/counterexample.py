"""Counterexamples to check by hand: simple layers and small numbers at which two nets differ, exactly.

Layers and inputs are tried in order of simplicity. In deep nets most layers are constant, so that the state reaches a
fixed point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice, pairwise, product
from typing import Any

import numpy as np

from symfold.analysis.equality.rational import Abandoned, ExactEvaluator, Inexact, Layers, Rule
from symfold.analysis.normal_form import exact
from symfold.compute.random_inputs import rows_of
from symfold.core.folds import walk_inside
from symfold.core.names import applied_layers, label, names_of
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import known_count

FEW = 12  # layers up to which none need be constant
MOST_IN_ALL = 60_000
ROUNDING = Fraction(1, 10**9)  # relative, if constants are rounded
IDENTITY, ZERO, ONE = Rule("z", lambda z: z), Rule("0", lambda z: 0 * z), Rule("1", lambda z: 0 * z + 1)
SQUARE, NEXT, DOUBLE = Rule("z**2", lambda z: z * z), Rule("z + 1", lambda z: z + 1), Rule("2*z", lambda z: 2 * z)
MOST_CONSTANTS = 8  # of the nets, from which inputs are derived
SIMPLEST = 3  # rules that are tried at many magnitudes
MAGNITUDES = (*map(Fraction, (0, 5, 10, 1000, 10**10)), Fraction(7, 3), Fraction(1, 1000))
VALUES = tuple(map(Fraction, (1, 2, -1, 3))) + (Fraction(1, 2),)


@dataclass(frozen=True)
class Counterexample:
    """Layers and inputs at which two nets differ, and the two values."""

    layers: Layers
    names: tuple[str, ...]
    inputs: Mapping[str, Fraction]
    parameter: Fraction | None
    values: tuple[Fraction, Fraction]
    place: str = ""
    many: bool = False  # whether there are more layers than names
    arguments: int = 1
    depths: Mapping[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The counterexample, as text."""
        inputs = (
            [" + ".join(["u1", *(f"{k}*u{k}" for k in range(2, self.arguments + 1))])] if self.arguments > 1 else []
        )
        conditions = [
            *self._layers(),
            *(f"z = {sum_} of a layer's arguments u1, u2, ..." for sum_ in inputs),
            *(f"{name} = {value}" for name, value in self.inputs.items()),
        ]
        conditions += [f"every parameter {self.parameter}"] if self.parameter is not None else []
        *most, last = conditions or [""]
        listed = ", ".join(most) + (" and " if most else "") + last
        depth = f"at {', '.join(f'{name} = {count}' for name, count in self.depths.items())}, " if self.depths else ""
        return f"{depth}{f'with {listed}: ' if listed else ''}{self.place}{self._values()}"

    def _values(self) -> str:
        left, right = map(shown, self.values)
        return f"{left} against {right}" + (
            f", apart by {shown(abs(self.values[0] - self.values[1]))}" if left == right else ""
        )

    def _layers(self) -> Iterator[str]:
        if not self.names:
            return
        rules, stems = self.layers.rules, {label(name) for name in self.names}
        rest = self.many or not set(self.names) <= set(rules)
        distinct = {*(rule.text for rule in rules.values()), *([self.layers.others.text] if rest else [])}
        if len(self.names) > 1 and len(distinct) == 1:
            numbered = len(stems) == 1 and all(name != label(name) for name in self.names)
            yield f"every {f'{stems.pop()}_k(z)' if numbered else 'layer f(z)'} = {distinct.pop()}"
            return
        for text in dict.fromkeys(rule.text for rule in rules.values()):
            yield " = ".join(f"{name}(z)" for name, rule in rules.items() if rule.text == text) + f" = {text}"
        if rest:
            yield f"every other layer {self.layers.others.text}"

    @property
    def data(self) -> dict[str, Any]:
        """The counterexample as plain data; numbers are fractions."""
        rules = {name: rule.text for name, rule in self.layers.rules.items()} if self.names else {}
        if self.names and (self.many or not set(self.names) <= set(rules)):
            rules["others"] = self.layers.others.text
        return {
            "layers": rules,
            "inputs": dict(self.inputs),
            "params": self.parameter,
            "depths": dict(self.depths),
            "values": self.values,
        }


def find(a: Any, b: Any, depths: Mapping[str, int] | None = None) -> Counterexample | None:
    """The first counterexample of the search, verified by exact evaluation of both nets; None if there is none.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:4"), sf.tensor("x")
    >>> find(sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)).text
    'with every f_k(z) = z and x = 1: 8 against 4'
    """
    names, many, arity = opaque_names(a, b)
    inputs = [node.op.name for node in a.inputs]
    has_parameters = any(leaf.op.role == "parameter" for net in (a, b) for leaf in net.leaves)
    starts = [dict.fromkeys(inputs, value) for value in VALUES]
    if len(inputs) > 1:
        starts += [{name: Fraction((k + shift) % 5 + 1) for k, name in enumerate(inputs)} for shift in (0, 1, 2)]
        starts += [{name: Fraction(name == chosen) for name in inputs} for chosen in inputs]
    far = [
        {name: value if chosen in (None, name) else Fraction(1) for name in inputs}
        for chosen in (None, *(inputs[1:] and inputs))
        for value in distinguishing_values(a, b)
    ]
    first = candidates(names, many)
    spent, divergent = 0, set[str]()  # rules with which the state of a deep net has no fixed point
    rows = rows_of([a, b])
    for layers, start in chain(product(candidates(names, many), starts), product(islice(first, SIMPLEST), far)):
        if layers.others.text in divergent:
            continue
        for parameter in map(Fraction, (1, 2) if has_parameters else (1,)):
            start = {
                name: Fraction(int(abs(value)) % max(1, rows[name])) if name in rows else value
                for name, value in start.items()
            }
            evaluators = [ExactEvaluator(layers, start, parameter) for _ in (a, b)]
            try:
                if spent > MOST_IN_ALL:
                    return None
                outputs = [evaluator.outputs(net) for evaluator, net in zip(evaluators, (a, b), strict=True)]
            except Inexact:
                return None
            except ZeroDivisionError:
                continue
            except Abandoned:
                divergent |= {layers.others.text} if many else set()
                continue
            finally:
                spent += sum(evaluator.steps + evaluator.work // 8 for evaluator in evaluators)
            for place, (left, right) in enumerate(zip(*outputs, strict=True)):
                if (entry := _first_difference(left, right, any(e.rounded for e in evaluators))) is not None:
                    output = f"output {place + 1} is " if len(a.outputs) > 1 else ""
                    shared = parameter if has_parameters else None
                    return Counterexample(layers, names, start, shared, entry, output, many, arity, depths or {})
    return None


def distinguishing_values(a: Any, b: Any) -> list[Fraction]:
    """Inputs at which piecewise nets may differ: of many magnitudes, near their constants and between these.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> [str(value) for value in distinguishing_values(sf.Net.of(sf.relu(x - 99)), sf.Net.of(x))[-6:]]
    ['100', '-100', '98', '-98', '99/2', '-99/2']
    """
    ends = sorted(constants_of((*a.outputs, *b.outputs)))[:MOST_CONSTANTS]
    near = [value for end in ends for value in (end + 1, end - 1)]
    between = [(low + high) / 2 for low, high in pairwise([Fraction(0), *ends])]
    return list(dict.fromkeys(sign * value for value in (*MAGNITUDES, *near, *between) for sign in (1, -1)))


def constants_of(roots: Sequence[Node]) -> set[Fraction]:
    """The absolute values of the constants of a net, those in folds and layers included, but for 0 and 1."""
    values = (exact(node) for node in walk_inside(roots, layers=True))
    return {abs(value) for value in values if value is not None and abs(value) not in (0, 1)}


def _first_difference(left: Any, right: Any, rounded: bool) -> tuple[Fraction, Fraction] | None:
    arrays = (np.asarray(value, dtype=object) for value in (left, right))
    try:
        pairs = np.broadcast_arrays(*arrays)
    except ValueError:
        return None
    entries = ((Fraction(p), Fraction(q)) for p, q in zip(*(np.ravel(part) for part in pairs), strict=True))
    return next(
        ((p, q) for p, q in entries if abs(p - q) > (ROUNDING * max(Fraction(1), abs(p), abs(q)) if rounded else 0)),
        None,
    )


def shown(value: Fraction) -> str:
    """A number as text: a fraction if it is short, else a decimal number.

    >>> shown(Fraction(8, 3)), shown(Fraction(0.1))
    ('8/3', '0.1')
    """
    return str(value) if len(str(value)) <= 12 else f"{float(value):.6g}"


def opaque_names(a: Any, b: Any) -> tuple[tuple[str, ...], bool, int]:
    """The names of opaque layers in order, whether there are more, and the most arguments that one takes.

    Of many layers, the names are those of the first and the last few.
    """
    opaque: dict[str, None] = {}
    many, arity = False, 1
    for op, args in (pair for net in (a, b) for pair in applied_layers(net.outputs)):
        if op.body is None:
            names, arity = names_of(args[0]), max(arity, op.arity)
            count = known_count(names.count) if not isinstance(names, tuple) else len(names)
            chosen = range(count) if count <= FEW else [0, 1, 2, *range(count - FEW + 2, count)]
            many = many or count > FEW
            opaque.update(dict.fromkeys(names[k] for k in chosen))
    return tuple(opaque), many or len(opaque) > FEW, arity


def candidates(names: Sequence[str], many: bool) -> Iterator[Layers]:
    """Simple layers, the simplest first."""
    if not names:
        yield Layers({}, IDENTITY)
        return
    if not many:
        for rule in (IDENTITY, SQUARE, NEXT, DOUBLE, ONE):
            yield Layers(dict.fromkeys(names, rule), rule)
        for make in (_times, _plus, _squared):
            yield Layers({name: make(k + 1) for k, name in enumerate(names)}, ZERO)
        for first, second in ((SQUARE, NEXT), (NEXT, SQUARE), (IDENTITY, ONE), (ONE, IDENTITY)):
            yield Layers({name: (first, second)[k % 2] for k, name in enumerate(names)}, ZERO)
    groups = [names[:2], names[-2:], (names[0], names[-1]), names[:1], names[-1:], names[:3]]
    pairs = ((IDENTITY, IDENTITY), (SQUARE, NEXT), (NEXT, SQUARE), (ONE, DOUBLE))
    for others, group, pair in product((ZERO, ONE, IDENTITY), dict.fromkeys(map(tuple, groups)), pairs):
        yield Layers({name: pair[k % 2] for k, name in enumerate(group)}, others)


def _times(k: int) -> Rule:
    return Rule("z" if k == 1 else f"{k}*z", lambda z: k * z)


def _plus(k: int) -> Rule:
    return Rule(f"z + {k}", lambda z: z + k)


def _squared(k: int) -> Rule:
    return Rule(f"z**2 + {k}", lambda z: z * z + k)
