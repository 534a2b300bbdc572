"""Taught: the gradient that each layer of a net receives, as a net and as a formula.

In a residual net it is the loss gradient pulled back through all the later layers, in boosting the loss gradient itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symfold.analysis.jacobians.chain import Chain, Unlisted
from symfold.analysis.jacobians.jacobian import steps_of
from symfold.analysis.jacobians.ordered import Map, after, is_identity, plain, plus, transposed
from symfold.analysis.jacobians.probes import Probe, Probed, in_order, probed, untapped
from symfold.base.trees import LEAF
from symfold.core.folds import Fold, Select
from symfold.core.interpreter import Entries
from symfold.core.names import label
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Constant
from symfold.core.primitives import zeros
from symfold.core.walks import walk
from symfold.errors import InvalidValue, NoRule, SymfoldError
from symfold.show.notation import BOUND, SHORT, formula, lines_formula
from symfold.show.notation.alike import style_of
from symfold.show.notation.foldform import Line
from symfold.show.notation.letters import Letters, stems_of
from symfold.show.notation.terms import Name, Term, named
from symfold.transform.autodiff.differentiate import adjoint
from symfold.transform.autodiff.reverse_mode import pull_back
from symfold.transform.inlining import inlined
from symfold.transform.specialize import with_shapes


def taught(net: Any) -> Taught:
    """What each layer is taught: the gradient that its output receives, from a gradient `g` of the net's output.

    Short nets are listed, later layers on the right; others are a recurrence over the steps, at any depth and for a
    symbolic one, of a state of several parts one for each part. J is as in `sf.jacobian`.

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


@dataclass(frozen=True)
class Taught:
    """What each layer of a net receives."""

    source: Net

    @cached_property
    def probed(self) -> Probed:
        found = probed(self.source.outputs)
        if not found.probes:
            raise InvalidValue(
                "the net applies no layer, so there is none that is taught (name functions as layers: sf.layer('f1', np.tanh))"
            )
        return found

    @cached_property
    def letter(self) -> str:
        """What gradients are called: g, where nothing else is."""
        return Letters(stems_of(self.source)).free("gbcdh")

    @cached_property
    def cotangents(self) -> tuple[Node, ...]:
        """The gradients of the outputs, as inputs of the net: `g`, or `g1`, `g2` of several."""
        outputs = len(self.source.outputs)
        return adjoint(self.source, self.letter).signature[-outputs:]

    @cached_property
    def net(self) -> Net:
        """From the inputs, the parameters and the gradient of the output to what each layer receives.

        One output for each place where layers are applied: a sequence, one entry a step, where a fold applies them.
        """
        sources = [probe.source for probe in self.probed.probes]
        pulled = pull_back(inlined(self.probed.roots), self.cotangents, sources)
        bars = untapped([pulled.bars.get(source, zeros(source)) for source in sources])
        leaves = tuple(leaf for leaf in self.source.leaves if leaf.op.role != "layer")
        return Net(bars, LEAF if len(bars) == 1 else ("tuple", (LEAF,) * len(bars)), (*leaves, *self.cotangents))

    def evaluate(
        self, gradient: Any, params: Mapping[str, Any] | None = None, /, **inputs: Any
    ) -> list[tuple[str, np.ndarray[Any, Any]]]:
        """What each application of a layer receives from a gradient of the output (a tuple of them for several): names and arrays.

        They come in the order of computation: step by step, and in a step as it computes.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", lambda z: z**2), sf.tensor("x"))
        >>> sf.taught(net).evaluate(1.0, x=2.0)
        [('f1', array(13.)), ('f2', array(1.))]
        """
        shapes = {name: np.shape(value) for name, value in {**(params or {}), **inputs}.items()}
        if (sized := with_shapes(self.source, shapes)) != self.source:
            return Taught(sized).evaluate(gradient, params, **inputs)
        given = (gradient,) if len(self.cotangents) == 1 else tuple(gradient)
        if len(given) != len(self.cotangents):
            raise InvalidValue(f"{len(given)} gradients for {len(self.cotangents)} outputs (give one for each)")
        named_ones = {node.op.name: value for node, value in zip(self.cotangents, given, strict=True)}
        result = self.net.compile()(dict(params or {}), **inputs, **named_ones)
        arrays = [result] if len(self.net.outputs) == 1 else list(result)
        return [(name, np.array(value)) for name, value in in_order(self.probed.probes, arrays)]

    # -- shown

    def formula(self, style: str = "text") -> str:
        """What each layer receives, in a style: text, unicode, latex or mathml."""
        chosen = style_of(self.source, style)
        try:
            lines = self._lines
        except NoRule:  # the backward pass as it is
            return formula(self.net, style=style)
        return lines_formula(lines, chosen)

    def __str__(self) -> str:
        try:
            shown = self.formula()
        except SymfoldError as error:  # a display must never be what fails
            return f"what the layers receive cannot be shown ({error})"[:BOUND]
        return shown if len(shown) <= BOUND else f"{shown[: BOUND - 4]}\n..."

    __repr__ = __str__

    def _repr_latex_(self) -> str | None:
        try:
            shown = self.formula("latex")
        except SymfoldError:  # likewise
            return None
        return f"$\\displaystyle {shown}$" if len(shown) <= BOUND else None

    @cached_property
    def _lines(self) -> list[Line]:
        steps = steps_of(self.source.outputs)
        net = Net(self.probed.roots)
        if isinstance(steps, int) and steps <= SHORT and len(self.cotangents) == 1:
            return self._listed(Chain(net, True))
        return self._folded(Chain(net, False))

    def _received(self, chain: Chain, source: Node, backward: Mapping[Node, Backward] | None = None) -> Map:
        """What a node receives: the transposed derivatives of the outputs by it, applied to their gradients.

        Folds whose gradients have names (`backward`) receive those, and pass on what they received at their start.
        """
        known = backward or {}
        still = {
            node: None for node in walk(self.probed.roots) if isinstance(node.op, Select) and node.args[0] in known
        }
        ends = [(output, named(g.op.name)) for output, g in zip(self.probed.roots, self.cotangents, strict=True)]
        for node, own in known.items():
            if source in node.args[: node.op.carries] or source in walk(node.args[: node.op.carries], stop=still):
                ends += [(part, own.at(place, own.start)) for place, part in enumerate(node.args[: node.op.carries])]
            if source in walk(node.args[node.op.carries :], stop=still) and source not in node.args[node.op.carries :]:
                raise NoRule("what every step of a state of several parts reads is taught by all of them")
        found = [chain.derivative(end, chain.reading, {**still, source: chain.unit}) for end, _ in ends]
        if any(isinstance(one, (Entries, Unlisted)) for one in found):
            raise NoRule("the gradients of the entries of a sequence add up, entry by entry")
        return plus([applied(one, gradient) for one, (_, gradient) in zip(found, ends, strict=True)])

    def _listed(self, chain: Chain) -> list[Line]:
        members: list[list[Node]] = []
        for probe in self.probed.probes:
            counts = probe.wanted.counts
            if len(counts) > 1:
                raise NoRule("layers inside nested folds are listed by no index here")
            is_family = bool(counts) and counts[0] != 1
            members.append([probe.source.op.member(k) for k in range(counts[0])] if is_family else [probe.source])
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
        letter = (
            self.letter if len(self.cotangents) == 1 else chain.letters.free("tpqrsuvw")
        )  # g1, g2 are those of the outputs
        further = [letter]  # letters of what the layers at the first, second, ... place of a step receive
        folds = {
            node: [p for p in self.probed.probes if p.source in node.args]
            for node in walk(self.probed.roots)
            if isinstance(node.op, Fold)
        }
        wanted = "abcdehpqrsuvw" if all(node.op.carries > 1 for node in folds) else "bcdehpqrsuvw"
        backward = {
            node: Backward.of(chain, node, wanted) for node in folds if node.op.carries > 1 and node.op.count != 1
        }
        for probe in self.probed.probes:
            node = next((fold for fold, own in folds.items() if probe in own), None)
            place = 0 if node is None else folds[node].index(probe)
            if place == len(further):
                further.append(chain.letters.free("hpqrsuvw"))
            if node is None or not probe.wanted.counts or probe.wanted.counts == (1,):
                name = _names([probe.name((0,) * len(probe.wanted.counts))], chain, further[place])[0]
                lines.append(Line(Term(name), self._received(chain, probe.source, backward) or _zero()))
            else:
                lines += self._of_fold(chain, node, probe, further[place], backward)
        own = [line for node in backward for line in self._passed(chain, node, backward)]
        return _merged(list({(plain(line.name), plain(line.value)): line for line in (*lines, *own)}.values()))

    def _of_fold(
        self, chain: Chain, node: Node, probe: Probe, letter: str, backward: Mapping[Node, Backward]
    ) -> list[Line]:
        """The lines for a layer that a fold applies at every step."""
        fold, loop = node.op, chain.reading.passes[node].loop
        if len(probe.wanted.counts) > 1 or loop.sign < 0:
            raise NoRule("layers inside nested folds, and steps that run down, have no single recurrence here")
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
        own = step.columns[place][0]
        if is_identity(step.matrix):
            value = applied(own, final) if final is not None else None
            return [Line(name, value or _zero(), variable=loop.variable, first=first, last=last)]
        back = "a" if "a" not in chain.letters.names else chain.letters.free("cdb")
        received = applied(own, named(back, k, False))
        passed = applied(step.matrix[0][0], named(back, k, False))
        return [
            Line(name, received or _zero(), variable=loop.variable, first=first, last=last),
            Line(named(back, k - 1, False), passed or _zero(), variable=loop.variable, first=last, last=first, initial=[(named(back, last, False), final or _zero())]),
        ]  # fmt: skip

    def _passed(self, chain: Chain, node: Node, backward: Mapping[Node, Backward]) -> list[Line]:
        """The recurrences of a state of several parts: what each part receives, from what all parts receive after the step."""
        walked, own, carries = chain.reading.passes[node], backward[node], node.op.carries
        loop = walked.loop
        step = chain.at(walked, loop.variable, [n < carries for n in range(len(node.args))])
        k, last = sp.Symbol(loop.variable), loop.end
        lines = [
            Line(own.at(part, k - 1), own.through([row[part] for row in step.matrix], k) or _zero())
            for part in range(carries)
        ]
        final = [
            (own.at(part, last), self._received(chain, Node(Select(part), (node,)), backward) or _zero())
            for part in range(carries)
        ]
        begun = [(name, value) for name, value in walked.initial(range(carries)) if plain(name) != plain(value)]
        lines[-1] = replace(
            lines[-1], variable=loop.variable, first=last, last=loop.start + 1, initial=[*final, *begun]
        )
        return lines


@dataclass(frozen=True)
class Backward:
    """What the parts of the state of a fold receive, by name: a letter a part, numbered as the state."""

    letters: tuple[str, ...]
    start: Any

    @classmethod
    def of(cls, chain: Chain, node: Node, wanted: str) -> Backward:
        loop = chain.reading.passes[node].loop
        if len(node.op.block.results) > node.op.carries or loop.sign < 0:
            raise NoRule("a state of several parts that gives out sequences has no recurrence of its own here")
        return cls(tuple(chain.letters.free(wanted) for _ in range(node.op.carries)), loop.start)

    def at(self, part: int, number: Any) -> Term:
        """What a part receives after so many steps."""
        return named(self.letters[part], number, False)

    def through(self, column: Sequence[Map], number: Any) -> Map:
        """What the derivatives of the parts by one value pull back to it."""
        return plus([applied(one, self.at(part, number)) for part, one in enumerate(column)])


def applied(derivative: Map, cotangent: Term) -> Map:
    """The transpose of a map applied to a gradient."""
    turned = transposed(derivative)
    return None if turned is None else after(turned, cotangent)


def _array(row: Sequence[Any], probe: Probe) -> Any:
    array = np.empty(len(row), dtype=object)
    array[:] = row
    return array if probe.wanted.counts and probe.wanted.counts[0] != 1 else array[0:1].reshape(())


def _merged(lines: list[Line]) -> list[Line]:
    """The lines, a first step that receives what the steps after it receive being one of them."""
    found: list[Line] = []
    for line in lines:
        before = found[-1] if found else None
        number = _number(before.name.op) if before is not None and not before.variable else -1
        if (
            before is not None
            and number >= 0
            and line.variable
            and number + 1 == line.first
            and plain(before.value) == plain(line.value)
        ):
            found[-1] = replace(line, first=number)
        else:
            found.append(line)
    return found


def _zero() -> Term:
    return Term(Constant(sp.Integer(0)))


def _names(layers: Sequence[str], chain: Chain, letter: str) -> list[Name]:
    """What the received gradients are called: g1 for f1, g_name for a layer of another name, g1[2] for its second application."""
    found: list[Name] = []
    seen: dict[str, int] = {}
    for layer in layers:
        digits = layer[len(label(layer)) :]
        seen[layer] = seen.get(layer, 0) + 1
        again = f"[{seen[layer]}]" if layers.count(layer) > 1 else ""
        found.append(Name((f"{letter}{digits}" if chain.factors.alone and digits else f"{letter}_{layer}") + again))
    return found


def _number(name: Name) -> int:
    digits = name.stem[1:]
    return int(digits) if digits.isdecimal() else -1


def _consecutive(names: Sequence[Name]) -> bool:
    numbers = [_number(name) for name in names]
    return numbers[0] >= 0 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
