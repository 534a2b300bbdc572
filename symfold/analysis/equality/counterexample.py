"""Counterexamples that can be checked by hand: simple layers and small numbers at which two nets differ, exactly.

Layers are tried in order of simplicity, inputs too. In a deep net most layers are constant, so that the state comes to rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice, pairwise, product
from typing import Any

import numpy as np

from symfold.analysis.equality.rational import Abandoned, Exact, Inexact, Layers, Rule
from symfold.analysis.normal_form import exact
from symfold.compute.random_inputs import rows_of
from symfold.core.applied_layers import Call
from symfold.core.blocks import Block
from symfold.core.folds import Fold
from symfold.core.names import applied_layers, label, names_of
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import known_count
from symfold.core.walks import walk

FEW = 12  # layers up to which they may all do something
MOST_IN_ALL = 60_000
ROUNDING = Fraction(1, 10**9)  # relative, where floats are met
IDENTITY, ZERO, ONE = Rule("z", lambda z: z), Rule("0", lambda z: 0 * z), Rule("1", lambda z: 0 * z + 1)
SQUARE, NEXT, DOUBLE = Rule("z**2", lambda z: z * z), Rule("z + 1", lambda z: z + 1), Rule("2*z", lambda z: 2 * z)
MOST_OWN = 8  # numbers of the nets that inputs are chosen by
SIMPLEST = 3  # rules for layers that are tried at many magnitudes
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
    many: bool = False  # whether there are more layers than the names
    arguments: int = 1
    depths: Mapping[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The counterexample in words."""
        inputs = (
            [" + ".join(["u1", *(f"{k}*u{k}" for k in range(2, self.arguments + 1))])] if self.arguments > 1 else []
        )
        told = [
            *self._layers(),
            *(f"z = {sum_} of a layer's arguments u1, u2, ..." for sum_ in inputs),
            *(f"{name} = {value}" for name, value in self.inputs.items()),
        ]
        told += [f"every parameter {self.parameter}"] if self.parameter is not None else []
        said = ", ".join(told[:-1]) + (" and " if len(told) > 1 else "") + told[-1] if told else ""
        depth = f"at {', '.join(f'{name} = {count}' for name, count in self.depths.items())}, " if self.depths else ""
        return f"{depth}{f'with {said}: ' if said else ''}{self.place}{self._values()}"

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
        rules = {name: rule.text for name, rule in self.layers.rules.items()}
        return {
            "layers": rules if self.names and set(self.names) <= set(rules) and not self.many else {**rules, "others": self.layers.others.text} if self.names else {},
            "inputs": dict(self.inputs), "params": self.parameter, "depths": dict(self.depths), "values": self.values,
        }  # fmt: skip


def find(a: Any, b: Any, depths: Mapping[str, int] | None = None) -> Counterexample | None:
    """The first counterexample that the search comes to, verified by evaluating both nets exactly; None where it finds none.

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
        starts += [{name: Fraction(name == one) for name in inputs} for one in inputs]
    far = [
        {name: value if one in (None, name) else Fraction(1) for name in inputs}
        for one in (None, *(inputs[1:] and inputs))
        for value in telling(a, b)
    ]
    first = candidates(names, many)
    spent, restless = 0, set[str]()  # what keeps the state of a deep net from coming to rest
    rows = rows_of([a, b])
    for layers, start in chain(product(candidates(names, many), starts), product(islice(first, SIMPLEST), far)):
        if layers.others.text in restless:
            continue
        for parameter in map(Fraction, (1, 2) if has_parameters else (1,)):
            start = {
                name: Fraction(int(abs(value)) % max(1, rows[name])) if name in rows else value
                for name, value in start.items()
            }
            evaluators = [Exact(layers, start, parameter) for _ in (a, b)]
            try:
                if spent > MOST_IN_ALL:
                    return None
                found = [evaluator.outputs(net) for evaluator, net in zip(evaluators, (a, b), strict=True)]
            except Inexact:
                return None
            except ZeroDivisionError:
                continue
            except Abandoned:
                restless |= {layers.others.text} if many else set()
                continue
            finally:
                spent += sum(evaluator.steps + evaluator.work // 8 for evaluator in evaluators)
            for place, (left, right) in enumerate(zip(*found, strict=True)):
                if (entry := _first_difference(left, right, any(e.rounded for e in evaluators))) is not None:
                    said = f"output {place + 1} is " if len(a.outputs) > 1 else ""
                    return Counterexample(
                        layers,
                        names,
                        start,
                        parameter if has_parameters else None,
                        entry,
                        said,
                        many,
                        arity,
                        depths or {},
                    )
    return None


def telling(a: Any, b: Any) -> list[Fraction]:
    """Inputs at which piecewise nets may tell themselves apart: of many magnitudes, near their own numbers and between them.

    >>> import symfold as sf
    >>> x = sf.tensor("x")
    >>> [str(value) for value in telling(sf.Net.of(sf.relu(x - 99)), sf.Net.of(x))[-6:]]
    ['100', '-100', '98', '-98', '99/2', '-99/2']
    """
    ends = sorted(own_numbers((*a.outputs, *b.outputs)))[:MOST_OWN]
    near = [value for end in ends for value in (end + 1, end - 1)]
    between = [(one + other) / 2 for one, other in pairwise([Fraction(0), *ends])]
    return list(dict.fromkeys(sign * value for value in (*MAGNITUDES, *near, *between) for sign in (1, -1)))


def own_numbers(roots: Sequence[Node]) -> set[Fraction]:
    """The sizes of the numbers that a net is written with, in the blocks of its folds and layers too; 0 and 1 left out."""
    found, blocks, waiting = set[Fraction](), set[Block](), [tuple(roots)]
    while waiting:
        for node in walk(waiting.pop()):
            op = node.op
            inner = op.block if isinstance(op, Fold) else op.body if isinstance(op, Call) else None
            if inner is not None and inner not in blocks:
                blocks.add(inner)
                waiting.append(inner.results)
            if (value := exact(node)) is not None and abs(value) not in (0, 1):
                found.add(abs(value))
    return found


def _first_difference(left: Any, right: Any, rounded: bool) -> tuple[Fraction, Fraction] | None:
    one, other = (np.asarray(value, dtype=object) for value in (left, right))
    try:
        pairs = np.broadcast_arrays(one, other)
    except ValueError:
        return None
    entries = ((Fraction(p), Fraction(q)) for p, q in zip(*(np.ravel(part) for part in pairs), strict=True))
    return next(
        ((p, q) for p, q in entries if abs(p - q) > (ROUNDING * max(Fraction(1), abs(p), abs(q)) if rounded else 0)),
        None,
    )


def shown(value: Fraction) -> str:
    """A number as people write it: a fraction where it is a short one.

    >>> shown(Fraction(8, 3)), shown(Fraction(0.1))
    ('8/3', '0.1')
    """
    return str(value) if len(str(value)) <= 12 else f"{float(value):.6g}"


def opaque_names(a: Any, b: Any) -> tuple[tuple[str, ...], bool, int]:
    """The names of the opaque layers, in order (of many, the first and the last few), whether these are not all, and how many arguments they take at most."""
    found: dict[str, None] = {}
    many, arity = False, 1
    for op, args in (pair for net in (a, b) for pair in applied_layers(net.outputs)):
        if op.body is None:
            names, arity = names_of(args[0]), max(arity, op.arity)
            count = known_count(names.count) if not isinstance(names, tuple) else len(names)
            chosen = range(count) if count <= FEW else [0, 1, 2, *range(count - FEW + 2, count)]
            many = many or count > FEW
            found.update(dict.fromkeys(names[k] for k in chosen))
    return tuple(found), many or len(found) > FEW, arity


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
