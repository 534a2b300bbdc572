"""Jacobians: the derivatives of a net by its inputs, as ordered products of the derivatives of layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from symfold.analysis.counting.paths import paths
from symfold.analysis.jacobians.chain import Chain, Unlisted
from symfold.analysis.jacobians.factors import is_named, layer_names
from symfold.analysis.jacobians.ordered import Map, after, grid, is_identity, plain, size_of, without_states
from symfold.analysis.jacobians.words import Words, words_of
from symfold.base.arguments import one_of
from symfold.base.public import public
from symfold.base.trees import flatten, unflatten
from symfold.compute.evaluate import has_no_numbers
from symfold.core.folds import Fold, Select, fold_of
from symfold.core.interpreter import Entries
from symfold.core.leaves import Constant
from symfold.core.names import applied_layers, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.shapes import is_concrete
from symfold.core.stacked_inputs import Numbered, known_count
from symfold.errors import InvalidType, InvalidValue, NoRule, TooLarge, plural
from symfold.show.notation import SHORT, ShownByFormula
from symfold.show.notation.distinct_names import style_of
from symfold.show.notation.expanded import show_count
from symfold.show.notation.linear_maps import Composed, EntryAt, Grid
from symfold.show.notation.renamed import checked_label, renaming
from symfold.show.notation.steps import output_names
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import Name, Term
from symfold.show.notation.writing import equation, framed, stream
from symfold.transform.autodiff.differentiate import adjoint
from symfold.transform.specialize import with_shapes

MOST_STEPS = 10_000  # that are written one by one
FORMS = ("steps", "fold", "brief")


@public
def jacobian(net: Any, linear: str | Sequence[str] = ()) -> Jacobian:
    """The Jacobian of a net by its inputs: ordered products, later layers on the left, each factor at its state.

    J2(z1) is the derivative of layer f2 at the state z1, diag(v) multiplies elementwise by v, I is the identity (also
    of a value that is broadcast). Layers in `linear`, by name or family, and layers with affine bodies have the same
    derivative everywhere, so their factors have no state. Short nets are written step by step, others as one product or
    sum over the steps, at any depth, also a symbolic one.

    >>> import symfold as sf
    >>> x, f = sf.tensor("x"), sf.layers("f1:4")
    >>> sf.jacobian(sf.fold(sf.mappers.residual, f, x))
    (I + J3(z2))(I + J2(z1))(I + J1(x))
    >>> sf.jacobian(sf.fold(sf.mappers.boosting(x), f, x))
    I + J1(x) + J2(x) + J3(x)
    >>> sf.jacobian(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x))
    prod_{k=n..1} (I + J_k(z_{k-1}))
    """
    net = Net.of(net)
    if not net.inputs:
        raise InvalidType("the net has no input to differentiate by (sf.grad differentiates by parameters)")
    names = (linear,) if isinstance(linear, str) else tuple(linear)
    _check_layers(net, names)
    return Jacobian(net, names)


def _check_layers(net: Net, linear: Sequence[str]) -> None:
    """Refuse names that are neither of a layer nor of a family of layers."""
    families = [names_of(args[0]) for _, args in applied_layers(net.outputs)]
    firsts = layer_names(net)
    for name in linear:
        numbered = any(
            isinstance(names, Numbered) and name.removeprefix(names.prefix).isdecimal() for names in families
        )
        if not numbered and not any(is_named(Name(first), (name,)) for first in firsts):
            raise InvalidValue(
                f"no layer is called {name!r} "
                f"(linear= takes names of layers or families: {', '.join(firsts) or 'none here'})"
            )


@dataclass(frozen=True, repr=False)
class Jacobian(ShownByFormula):
    """The Jacobian of a net: its outputs by its inputs, as ordered products."""

    _what: ClassVar[str] = "a Jacobian"

    net: Net
    linear: tuple[str, ...] = ()

    @cached_property
    def _short(self) -> bool:
        """Whether the steps are few enough to write one by one."""
        steps = steps_of(self.net.outputs)
        return isinstance(steps, int) and steps <= SHORT

    def _chain(self, listed: bool) -> Chain:
        return Chain(self.net, listed, self.linear)

    @cached_property
    def _maps(self) -> list[list[Any]]:
        return _maps(self._chain(self._short), self.net)

    # -- display

    def formula(
        self,
        style: str = "text",
        max_ops: int | None = 10_000,
        form: str | None = None,
        *,
        names: Mapping[str, str] | None = None,
        label: str | None = None,
    ) -> str:
        """The product form in a style: text, unicode, latex or mathml; one line per output and input.

        The forms: step by step ("steps"), each fold as one product or sum ("fold"), and the same without the states at
        which derivatives are taken ("brief"). Without a form, short nets are written step by step, others folded.
        `names` are symbols of your own and `label` that of LaTeX's equations, as of `sf.formula`.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
        >>> sf.jacobian(net).formula(form="fold"), sf.jacobian(net).formula(form="brief")
        ('prod_{k=3..1} (I + J_k(z_{k-1}))', 'prod_{k=3..1} (I + J_k)')
        >>> sf.jacobian(net).formula(form="fold", names={"z": "h", "k": "t", "J": "D"})
        'prod_{t=3..1} (I + D_t(h_{t-1}))'
        """
        symbols = renaming({} if names is None else names, style)
        chosen = symbols.style(style_of(self.net, style))
        written = "".join(self._lines(chosen, max_ops, form, checked_label(label, style)))
        symbols.check(self.net)
        return written

    def _lines(self, style: Style, max_ops: int | None, form: str | None, label: str) -> Iterator[str]:
        listed = self._short if form is None else one_of("form", form, FORMS) == "steps"
        values = self._maps if listed == self._short else _maps(self._chain(listed), self.net)
        maps = [[_map(value) for value in row] for row in values]
        if form == "brief":
            maps = [[value and without_states(value) for value in row] for row in maps]
        size = sum(size_of(value) for row in maps for value in row if value is not None)
        if max_ops is not None and size > max_ops:
            raise TooLarge(
                f"the Jacobian has {show_count(size)} factors and terms, over the bound max_ops={max_ops} "
                "(lift it with max_ops=None)"
            )
        zero = Term(Constant(sp.Integer(0)))
        if (product := _state_product(self.net, maps)) is not None:
            yield from framed(style, [stream(product, style)], False, label)
            return
        names = [name.op.stem for name in output_names(self.net.form, "y")]
        inputs = [node.op.name for node in self.net.inputs]
        if len(names) == len(inputs) == 1:
            yield from framed(style, [stream(maps[0][0] or zero, style)], False, label)
            return
        pairs = [
            (Term(Name(f"d{out}/d{into}")), value or zero)
            for out, row in zip(names, maps, strict=True)
            for into, value in zip(inputs, row, strict=True)
        ]
        yield from framed(style, [equation(name, value, style) for name, value in pairs], True, label)

    # -- multiplied out

    def expanded(
        self, max_words: int = 10_000, output: int | None = None, input: str | None = None
    ) -> Words | tuple[Words, ...]:
        """The words of the Jacobian: products with later layers on the left, each with its coefficient.

        For a net with several inputs or outputs, those of one `output` (its position) by one `input` (its name). With
        multiplicity, there are as many words through k layers as `sf.paths` counts. If the output is a sequence, as of
        a scan, the words of each entry, `max_words` in all.

        >>> import symfold as sf
        >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
        >>> words = sf.jacobian(net).expanded()
        >>> len(words), words["J3(z2)", "J1(x)"]
        (8, 1)
        """
        steps = known_count(steps_of(self.net.outputs))
        count = paths(self.net).count
        if steps > MOST_STEPS:
            raise TooLarge(
                f"the Jacobian has {show_count(count)} paths over {show_count(steps)} steps, "
                "more than can be written one by one (use the product form)"
            )
        chain = self._chain(True)
        out, into = self._chosen(output, input)
        value = _value(chain, self.net, self.net.outputs[out], into)
        if isinstance(value, Unlisted):
            raise TooLarge(
                f"the output is a sequence of {show_count(value.count)} entries, too many to write the words of each "
                "(use the product form)"
            )
        if isinstance(value, Entries):
            return _each(value, chain.unit, max_words, count)
        return words_of(value, chain.unit, max_words, count)

    def _chosen(self, output: int | None, into: str | None) -> tuple[int, Node]:
        names = [node.op.name for node in self.net.inputs]
        many = (len(self.net.outputs) > 1 and output is None) or (len(names) > 1 and into is None)
        if many or not names:
            raise InvalidType(
                f"a net of {plural(len(names), 'input')} and {plural(len(self.net.outputs), 'output')} "
                "has a matrix of Jacobians "
                f"(choose one: output=0, input={names[0] if names else ''!r})"
            )
        if output is not None and not 0 <= output < len(self.net.outputs):
            raise InvalidValue(f"output={output} (must be from 0 to {len(self.net.outputs) - 1})")
        if into is not None and into not in names:
            raise InvalidValue(f"no input {into!r} (there are {', '.join(map(repr, names))})")
        return output or 0, self.net.inputs[names.index(into) if into is not None else 0]

    # -- numbers

    def evaluate(self, params: Mapping[str, Any] | None = None, **inputs: Any) -> Any:
        """The Jacobian at numbers: an array with the axes of the output, then of the input; by name for several inputs.

        >>> import symfold as sf, numpy as np
        >>> net = sf.fold(sf.mappers.residual, [np.tanh, np.sin], sf.tensor("x"))
        >>> sf.jacobian(net).evaluate(x=np.zeros(2)).tolist()
        [[4.0, 0.0], [0.0, 4.0]]
        """
        jacobians = self.blocks(params, inputs)
        one = len(self.net.inputs) == 1
        return unflatten(self.net.form, [next(iter(row.values())) if one else row for row in jacobians])

    def blocks(self, params: Any, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """For each output, its Jacobians by the names of the inputs."""
        values = dict(params or {})
        shapes_of = {name: np.shape(value) for name, value in {**values, **inputs}.items()}
        sized = with_shapes(self.net, shapes_of)  # with shapes, every operation has an adjoint
        opaque = next(
            (
                str(names_of(args[0])[0])
                for op, args in applied_layers(sized.outputs)
                if op.body is None and names_of(args[0])
            ),
            None,
        )
        if opaque is not None:  # refused before a million steps are run
            raise has_no_numbers(opaque)
        back = adjoint(sized, "cotangent")
        names = [node.op.name for node in self.net.inputs]
        cotangents = [name for leaf in back.signature[-len(self.net.outputs) :] for name in leaf.op.names]
        shapes = [output.shape for output in sized.outputs]
        if set(inputs) != set(names) or not all(map(is_concrete, shapes)):  # the net reports what is missing
            shapes = [np.shape(value) for value in _flat(self.net(values, **inputs), len(self.net.outputs))]
        pull = back.compile()
        jacobians = []
        for position, shape in enumerate(shapes):
            zeros = {name: np.zeros(size) for name, size in zip(cotangents, shapes, strict=True)}
            rows: dict[str, list[Any]] = {name: [] for name in names}
            for place in np.ndindex(shape):
                bar = np.zeros(shape)
                bar[place] = 1.0
                pulled = pull(values, **inputs, **{**zeros, cotangents[position]: bar})
                for name in names:
                    rows[name].append(np.array(pulled[name]) if name in pulled else np.zeros(np.shape(inputs[name])))
            jacobians.append({name: np.reshape(row, (*shape, *np.shape(row[0]))) for name, row in rows.items()})
        return jacobians


def _flat(value: Any, count: int) -> list[Any]:
    return [value] if count == 1 and not isinstance(value, (tuple, dict)) else flatten(value)[0]


def steps_of(roots: Sequence[Node]) -> Any:
    """The number of steps of all folds, nested ones as often as they run; may be symbolic."""
    total: Any = 0
    for node in walk(roots):
        if isinstance(node.op, Fold):
            total += node.op.count * (1 + steps_of(node.op.block.results))
    return total


def _maps(chain: Chain, net: Net) -> list[list[Any]]:
    return [[_value(chain, net, output, source) for source in net.inputs] for output in net.outputs]


def _value(chain: Chain, net: Net, output: Node, source: Node) -> Any:
    return chain.derivative(output, chain.reading, {source: chain.unit})


def _each(values: Entries, unit: Term, most: int, paths: Any) -> tuple[Words, ...]:
    """The words of each entry of a sequence, at most `most` in all."""
    entries: list[Words] = []
    left = most
    for value in values:
        words = words_of(_map(value), unit, most, paths)
        left -= len(words)
        if left < 0:
            raise TooLarge(
                f"the entries of the sequence have more than {most:,} words in all "
                "(give max_words, or take one: sf.jacobian(net[0]))"
            )
        entries.append(words)
    return tuple(entries)


def _map(value: Any) -> Map:
    """The derivative of an output; a column for a sequence."""
    if isinstance(value, Unlisted):
        raise NoRule(
            f"an output has an entry for each of {value.count} steps, and so has its Jacobian "
            "(take one, or give a smaller depth: net.at(...))"
        )
    return grid([[_map(entry)] for entry in value]) if isinstance(value, Entries) else value


def _state_product(net: Net, maps: list[list[Map]]) -> Term | None:
    """The product of the matrices of the steps, if the outputs are the last state of one fold; else None."""
    outputs = net.outputs
    if len(outputs) < 2 or not all(
        o.op == Select(k) and o.args[0] is outputs[0].args[0] for k, o in enumerate(outputs)
    ):
        return None
    columns = [value.args[0] for value in maps[0] if value is not None and isinstance(value.op, EntryAt)]
    if fold_of(outputs[0]).op.carries != len(outputs) or len(columns) != len(net.inputs):
        return None
    if not all(isinstance(column.op, Composed) and isinstance(column.args[-1].op, Grid) for column in columns):
        return None
    if len({plain(Term(Composed(), column.args[:-1])) for column in columns}) > 1:
        return None
    rows = [
        [None if _is_zero(column.args[-1].args[k]) else column.args[-1].args[k] for column in columns]
        for k in range(len(outputs))
    ]
    product = columns[0].args[:-1]
    left = product[0] if len(product) == 1 else Term(Composed(), product)
    square = len(columns) == len(outputs)
    return left if square and is_identity(rows) else after(left, grid(rows))


def _is_zero(value: Term) -> bool:
    return isinstance(value.op, Constant)
