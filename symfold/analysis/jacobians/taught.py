"""Taught: the gradient that each layer of a net receives, as a net and as a formula.

In a residual net it is the loss gradient pulled back through all later layers, in boosting the loss gradient itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from symfold.analysis.jacobians.chain import Chain, Unlisted
from symfold.analysis.jacobians.jacobian import FORMS, steps_of
from symfold.analysis.jacobians.ordered import Map, after, is_identity, plain, plus, transposed, without_states
from symfold.analysis.jacobians.probes import Probe, Probed, in_order, probed, untapped
from symfold.base.arguments import one_of
from symfold.base.public import public
from symfold.base.trees import LEAF
from symfold.core.folds import Fold, Select, is_fold
from symfold.core.interpreter import Entries
from symfold.core.leaves import Constant, Input
from symfold.core.names import label
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import zeros
from symfold.core.stacked_inputs import Leaf, StackedInputs, is_input
from symfold.errors import InvalidValue, NoRule
from symfold.show.notation import SHORT, ShownByFormula, formula, lines_formula
from symfold.show.notation.distinct_names import style_of
from symfold.show.notation.foldform import Line
from symfold.show.notation.loops import Letters, stems_of
from symfold.show.notation.renamed import checked_label, renaming
from symfold.show.notation.terms import Name, Term, named
from symfold.transform.autodiff.differentiate import adjoint
from symfold.transform.autodiff.reverse_mode import pull_back
from symfold.transform.inlining import inlined
from symfold.transform.specialize import with_shapes


@public
def taught(net: Any) -> Taught:
    """What each layer is taught: the gradient that its output receives, from a gradient `g` of the net's output.

    Short nets are listed, with later layers on the right; others are a recurrence over the steps, one for each part of
    the state, at any depth, also a symbolic one. J is as in `sf.jacobian`.

    >>> import symfold as sf
    >>> x, f = sf.tensor("x"), sf.layers("f1:4")
    >>> sf.taught(sf.fold(sf.mappers.residual, f, x))
    g1 = (I + J2(z1))^T (I + J3(z2))^T g
    g2 = (I + J3(z2))^T g
    g3 = g
    >>> sf.taught(sf.fold(sf.mappers.boosting(x), f, x))
    g_k = g, k = 1..3
    >>> sf.taught(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x))
    g_k = a_k, k = 1..n
    a_{k-1} = (I + J_k(z_{k-1}))^T a_k, k = n..1, a_n = g
    >>> coupled = sf.fold(lambda s, f: (s[0] + f(s[1]), s[1] + s[0]), sf.layers("f", count="n"), (x, sf.tensor("v")))
    >>> sf.taught(coupled[0])
    g_k = a_k, k = 1..n
    a_{k-1} = a_k + b_k
    b_{k-1} = J_k(y_{k-1})^T a_k + b_k, k = n..1, a_n = g, b_n = 0, z_0 = x, y_0 = v
    """
    return Taught(Net.of(net))


@dataclass(frozen=True, repr=False)
class Taught(ShownByFormula):
    """The gradient that each layer of a net receives."""

    _what: ClassVar[str] = "gradients of layers"

    source: Net

    @cached_property
    def probed(self) -> Probed:
        tapped = probed(self.source.outputs)
        if not tapped.probes:
            raise InvalidValue(
                "the net applies no layer, so there is none that is taught "
                "(name functions as layers: sf.layer('f1', np.tanh))"
            )
        return tapped

    @cached_property
    def letter(self) -> str:
        """The letter of gradients: g, unless the net uses it."""
        return Letters(stems_of(self.source)).free("gbcdh")

    @cached_property
    def cotangents(self) -> tuple[Node[Input], ...]:
        """The gradients of the outputs, as inputs: `g`, or `g1`, `g2`, ... for several outputs."""
        outputs = len(self.source.outputs)
        return tuple(filter(is_input, adjoint(self.source, self.letter).signature[-outputs:]))

    @cached_property
    def net(self) -> Net:
        """The net from inputs, parameters and the gradient of the output to the gradients that layers receive.

        One output for each place at which layers are applied; a sequence with one entry per step inside a fold.
        """
        sources = [probe.source for probe in self.probed.probes]
        pulled = pull_back(inlined(self.probed.roots), self.cotangents, sources)
        bars = untapped([pulled.bars.get(source, zeros(source)) for source in sources])
        leaves = tuple(leaf for leaf in self.source.leaves if leaf.op.role != "layer")
        return Net(bars, LEAF if len(bars) == 1 else ("tuple", (LEAF,) * len(bars)), (*leaves, *self.cotangents))

    def evaluate(
        self, gradient: Any, params: Mapping[str, Any] | None = None, /, **inputs: Any
    ) -> list[tuple[str, np.ndarray[Any, Any]]]:
        """The gradient that each application of a layer receives: names and arrays, in order of computation.

        `gradient` is that of the output, a tuple for several outputs.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", lambda z: z**2), sf.tensor("x"))
        >>> sf.taught(net).evaluate(1.0, x=2.0)
        [('f1', array(13.)), ('f2', array(1.))]
        """
        shapes = {name: np.shape(value) for name, value in {**(params or {}), **inputs}.items()}
        if (sized := with_shapes(self.source, shapes)) != self.source:
            return Taught(sized).evaluate(gradient, params, **inputs)
        gradients = (gradient,) if len(self.cotangents) == 1 else tuple(gradient)
        if len(gradients) != len(self.cotangents):
            raise InvalidValue(f"{len(gradients)} gradients for {len(self.cotangents)} outputs (give one for each)")
        by_name = {node.op.name: value for node, value in zip(self.cotangents, gradients, strict=True)}
        result = self.net.compile()(dict(params or {}), **inputs, **by_name)
        arrays = [result] if len(self.net.outputs) == 1 else list(result)
        return [(name, np.array(value)) for name, value in in_order(self.probed.probes, arrays)]

    # -- display

    def formula(
        self,
        style: str = "text",
        form: str | None = None,
        *,
        names: Mapping[str, str] | None = None,
        label: str | None = None,
    ) -> str:
        """The received gradients in a style: text, unicode, latex or mathml; in a form, as `sf.jacobian(net).formula`.

        `names` are symbols of your own and `label` that of LaTeX's equations, as of `sf.formula`.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
        >>> print(sf.taught(net).formula(form="brief"))
        g_k = a_k, k = 1..3
        a_{k-1} = (I + J_k)^T a_k, k = 3..1, a_3 = g
        """
        label_text = checked_label(label, style)
        symbols = renaming({} if names is None else names, style)
        chosen = symbols.style(style_of(self.source, style))
        listed = self._short if form is None else one_of("form", form, FORMS) == "steps"
        chain = Chain(Net(self.probed.roots), listed)
        try:
            lines = self._listed(chain) if listed else self._folded(chain)
        except NoRule:  # show the backward pass
            return formula(self.net, style=style, names=names, label=label)
        if form == "brief":
            lines = [
                replace(
                    line,
                    value=without_states(line.value),
                    initial=[(name, without_states(value)) for name, value in line.initial],
                )
                for line in lines
            ]
        written = lines_formula(list(map(symbols.line, lines)), chosen, label_text)
        symbols.check(self.source)
        return written

    @property
    def _short(self) -> bool:
        """Whether the steps are few enough to write one by one."""
        steps = steps_of(self.source.outputs)
        return isinstance(steps, int) and steps <= SHORT and len(self.cotangents) == 1

    def _received(self, chain: Chain, source: Node, backward: Mapping[Node[Fold], Backward] | None = None) -> Map:
        """The gradient of a node: the transposed derivatives of the outputs by it, applied to their gradients.

        Folds in `backward` have named gradients; the node receives those of their initial states instead.
        """
        backward = backward or {}
        constants = {
            node: None for node in walk(self.probed.roots) if isinstance(node.op, Select) and node.args[0] in backward
        }
        ends = [(output, named(g.op.name)) for output, g in zip(self.probed.roots, self.cotangents, strict=True)]
        for node, names in backward.items():
            init, operands = node.op.split(node.args)
            if source in init or source in walk(init, stop=constants):
                ends += [(part, names.at(place, names.start)) for place, part in enumerate(init)]
            if source in walk(operands, stop=constants) and source not in operands:
                raise NoRule("a value that every step reads receives gradients from all parts of the state")
        derivatives = [chain.derivative(end, chain.reading, {**constants, source: chain.unit}) for end, _ in ends]
        if any(isinstance(derivative, (Entries, Unlisted)) for derivative in derivatives):
            raise NoRule("the gradients of the entries of a sequence add up, entry by entry")
        return plus(
            [applied(derivative, gradient) for derivative, (_, gradient) in zip(derivatives, ends, strict=True)]
        )

    def _listed(self, chain: Chain) -> list[Line]:
        members: list[Sequence[Leaf]] = []
        for probe in self.probed.probes:
            counts = probe.application.counts
            if len(counts) > 1:
                raise NoRule("layers inside nested folds are listed by no index here")
            family = probe.source.op
            members.append(family.members if isinstance(family, StackedInputs) else [probe.source])
        values = [[self._received(chain, member) for member in row] for row in members]
        flat = in_order(
            self.probed.probes, [_array(row, probe) for row, probe in zip(values, self.probed.probes, strict=True)]
        )
        names = _names([name for name, _ in flat], chain, self.letter)
        pairs = [(name, value if value is not None else _zero()) for name, (_, value) in zip(names, flat, strict=True)]
        if len(pairs) > 1 and len({plain(value) for _, value in pairs}) == 1 and _consecutive(names):
            return [
                Line(
                    named(self.letter, sp.Symbol("k"), False),
                    pairs[0][1],
                    variable="k",
                    first=_number(names[0]),
                    last=_number(names[-1]),
                )
            ]
        return [Line(Term(name), value) for name, value in pairs]

    def _folded(self, chain: Chain) -> list[Line]:
        lines: list[Line] = []
        chain.letters.taken.add(self.letter)
        # g1, g2, ... are the gradients of several outputs
        letter = self.letter if len(self.cotangents) == 1 else chain.letters.free("tpqrsuvw")
        letters = [letter]  # of the gradients of the first, second, ... layer of a step
        folds = {
            node: [p for p in self.probed.probes if p.source in node.args]
            for node in filter(is_fold, walk(self.probed.roots))
        }
        candidates = "abcdehpqrsuvw" if all(node.op.carries > 1 for node in folds) else "bcdehpqrsuvw"
        backward = {
            node: Backward.of(chain, node, candidates) for node in folds if node.op.carries > 1 and node.op.count != 1
        }
        handed_on: dict[Node[Fold], str] = {}  # the letter of the gradient that each fold hands on
        for probe in self.probed.probes:
            node = next((fold for fold, probes in folds.items() if probe in probes), None)
            place = 0 if node is None else folds[node].index(probe)
            if place == len(letters):
                letters.append(chain.letters.free("hpqrsuvw") if chain.factors.alone else letter)
            if node is None or not probe.application.counts or probe.application.counts == (1,):
                name = _names([probe.name((0,) * len(probe.application.counts))], chain, letters[place])[0]
                lines.append(Line(Term(name), self._received(chain, probe.source, backward) or _zero()))
            else:
                # g_f_k for the layers f_k, if a step applies layers of several names
                family = label(probe.name((0,) * len(probe.application.counts))).strip("_")
                several = len(folds[node]) > 1 and not chain.factors.alone
                lines += self._of_fold(
                    chain, node, probe, f"{letters[place]}_{family}" if several else letters[place], backward, handed_on
                )
        recurrences = [line for node in backward for line in self._recurrences(chain, node, backward)]
        return _merged(list({(plain(line.name), plain(line.value)): line for line in (*lines, *recurrences)}.values()))

    def _of_fold(
        self,
        chain: Chain,
        node: Node[Fold],
        probe: Probe,
        letter: str,
        backward: Mapping[Node[Fold], Backward],
        handed_on: dict[Node[Fold], str],
    ) -> list[Line]:
        """The lines for a layer that a fold applies at every step."""
        fold, loop = node.op, chain.reading.passes[node].loop
        if len(probe.application.counts) > 1 or loop.sign < 0:
            raise NoRule("layers inside nested folds, and reversed steps, have no single recurrence here")
        place = node.args.index(probe.source)
        k, first, last = sp.Symbol(loop.variable), loop.start + 1, loop.end
        step = chain.at(
            chain.reading.passes[node], loop.variable, [n < fold.carries or n == place for n in range(len(node.args))]
        )
        name = named(letter, k, False)
        if node in backward:
            received = backward[node].through(step.columns[place], k)
            return [Line(name, received or _zero(), variable=loop.variable, first=first, last=last)]
        final = self._received(chain, Node(Select(0), (node,)), backward)
        derivative = step.columns[place][0]
        if is_identity(step.matrix):
            value = applied(derivative, final) if final is not None else None
            return [Line(name, value or _zero(), variable=loop.variable, first=first, last=last)]
        listed = node in handed_on
        if not listed:
            handed_on[node] = "a" if "a" not in chain.letters.taken else chain.letters.free("cdb")
            chain.letters.taken.add("a")
        back = handed_on[node]
        received = applied(derivative, named(back, k, False))
        line = Line(name, received or _zero(), variable=loop.variable, first=first, last=last)
        if listed:
            return [line]
        passed = applied(step.matrix[0][0], named(back, k, False))
        initial = [(named(back, last, False), final or _zero())]
        before = named(back, k - 1, False)
        return [
            line,
            Line(before, passed or _zero(), variable=loop.variable, first=last, last=first, initial=initial),
        ]

    def _recurrences(self, chain: Chain, node: Node[Fold], backward: Mapping[Node[Fold], Backward]) -> list[Line]:
        """The gradient of each part of a state, from those of all parts after the step."""
        walked, names, carries = chain.reading.passes[node], backward[node], node.op.carries
        loop = walked.loop
        step = chain.at(walked, loop.variable, [n < carries for n in range(len(node.args))])
        k, last = sp.Symbol(loop.variable), loop.end
        lines = [
            Line(names.at(part, k - 1), names.through([row[part] for row in step.matrix], k) or _zero())
            for part in range(carries)
        ]
        final = [
            (names.at(part, last), self._received(chain, Node(Select(part), (node,)), backward) or _zero())
            for part in range(carries)
        ]
        init = [(name, value) for name, value in walked.initial(range(carries)) if plain(name) != plain(value)]
        lines[-1] = replace(lines[-1], variable=loop.variable, first=last, last=loop.start + 1, initial=[*final, *init])
        return lines


@dataclass(frozen=True)
class Backward:
    """The names of the gradients of the state of a fold: one letter per part, numbered like the state."""

    letters: tuple[str, ...]
    start: Any

    @classmethod
    def of(cls, chain: Chain, node: Node[Fold], candidates: str) -> Backward:
        loop = chain.reading.passes[node].loop
        if len(node.op.block.results) > node.op.carries or loop.sign < 0:
            raise NoRule("a fold over several parts with output sequences has no recurrence of its own here")
        return cls(tuple(chain.letters.free(candidates) for _ in range(node.op.carries)), loop.start)

    def at(self, part: int, number: Any) -> Term:
        """The gradient of a part after `number` steps."""
        return named(self.letters[part], number, False)

    def through(self, column: Sequence[Map], number: Any) -> Map:
        """The gradient of a value, from the derivatives of all parts by it."""
        return plus([applied(derivative, self.at(part, number)) for part, derivative in enumerate(column)])


def applied(derivative: Map, cotangent: Term) -> Map:
    """The transpose of a map applied to a gradient."""
    transpose = transposed(derivative)
    return None if transpose is None else after(transpose, cotangent)


def _array(row: Sequence[Any], probe: Probe) -> Any:
    array = np.empty(len(row), dtype=object)
    array[:] = row
    return array if probe.application.counts and probe.application.counts[0] != 1 else array[0:1].reshape(())


def _merged(lines: list[Line]) -> list[Line]:
    """The lines, with a separate first step merged into the following steps if it has the same value."""
    merged: list[Line] = []
    for line in lines:
        before = merged[-1] if merged else None
        number = _number(before.name.op) if before is not None and not before.variable else -1
        if (
            before is not None
            and number >= 0
            and line.variable
            and number + 1 == line.first
            and plain(before.value) == plain(line.value)
        ):
            merged[-1] = replace(line, first=number)
        else:
            merged.append(line)
    return merged


def _zero() -> Term:
    return Term(Constant(sp.Integer(0)))


def _names(layers: Sequence[str], chain: Chain, letter: str) -> list[Name]:
    """The names of received gradients: g1 for f1, else g_name; g1[2] for the second application of f1."""
    names: list[Name] = []
    applications: dict[str, int] = {}
    for layer in layers:
        digits = layer[len(label(layer)) :]
        applications[layer] = applications.get(layer, 0) + 1
        suffix = f"[{applications[layer]}]" if layers.count(layer) > 1 else ""
        names.append(Name((f"{letter}{digits}" if chain.factors.alone and digits else f"{letter}_{layer}") + suffix))
    return names


def _number(name: Name) -> int:
    digits = name.stem[1:]
    return int(digits) if digits.isdecimal() else -1


def _consecutive(names: Sequence[Name]) -> bool:
    numbers = [_number(name) for name in names]
    return numbers[0] >= 0 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
