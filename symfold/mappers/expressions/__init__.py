"""Typed expressions: `f(z) + z` as text, parsed and never evaluated.

In: text. Out: a mapper, or an error that quotes the text.

    trees    an expression as a tree, and the net it builds
    reader   text into a tree, by Python's parser and a whitelist
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from symfold.base.arguments import quoted
from symfold.base.trees import State
from symfold.core.leaves import tensor
from symfold.core.nodes import Node
from symfold.errors import InvalidType, UnknownName, listing, unknown
from symfold.frontend.folding import fold
from symfold.frontend.named_layers import Layers
from symfold.frontend.runs import zipped
from symfold.mappers.expressions.reader import MAX_DEPTH as MAX_DEPTH
from symfold.mappers.expressions.reader import MAX_LENGTH as MAX_LENGTH
from symfold.mappers.expressions.reader import parse as parse
from symfold.mappers.expressions.trees import FUNCTIONS as FUNCTIONS
from symfold.mappers.expressions.trees import NAMES as NAMES
from symfold.mappers.expressions.trees import Name as Name
from symfold.mappers.expressions.trees import Number as Number
from symfold.mappers.expressions.trees import Operation as Operation
from symfold.mappers.expressions.trees import Part as Part
from symfold.mappers.expressions.trees import Tree as Tree
from symfold.mappers.expressions.trees import build as build
from symfold.mappers.expressions.trees import is_layer as is_layer
from symfold.mappers.expressions.trees import names_in as names_in
from symfold.mappers.registry import Mapper, Row, bound, item_of, pair_of
from symfold.mappers.tables import ARCHITECTURES, MAPPERS, OTHER_NAMES

INPUTS = ("x", "y", "w", "v")  # the names of the parts of an initial state


@dataclass(frozen=True, repr=False)
class ParsedMapper:
    """A typed mapper; `make(x)` is the mapper for the initial input x, as for a row of the mapper table."""

    text: str
    tree: Tree = field(compare=False)  # follows from the text, which is not deep

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """The layers of a step, in alphabetical order; f if it applies none.

        >>> parse_mapper("z + s(z)*(f(z) - z)").layers, parse_mapper("2*z").layers
        (('f', 's'), ('f',))
        """
        return tuple(sorted(filter(is_layer, names_in(self.tree) - {*NAMES}))) or ("f",)

    @property
    def parts(self) -> int:
        """The parts of the state; 1 if it is not a tuple."""
        return len(self.tree.args) if isinstance(self.tree, Operation) and self.tree.symbol == "," else 1

    @property
    def reads_x(self) -> bool:
        """Whether a step reads the initial input."""
        return "x" in names_in(self.tree)

    def make(self, x: State) -> Mapper:
        return bound(_mapper, self, *([x] if self.reads_x else []))

    def __reduce__(self) -> tuple[Any, ...]:
        return parse_mapper, (self.text,)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return repr(self.text)


def _mapper(mapper: ParsedMapper, *values: Any) -> State:
    """One step, from the initial input if the mapper reads it, the state and the item."""
    *x, z, item = values
    if mapper.parts > 1:
        z = pair_of(repr(mapper), z, *(f"z[{k}]" for k in range(mapper.parts)))
    names = mapper.layers
    alone = names[0] not in names_in(mapper.tree) or (len(names) == 1 and callable(item))
    items = (item,) if alone else item_of(repr(mapper), item, *names)
    return build(mapper.tree, {"z": z, "x": next(iter(x), None)}, dict(zip(names, items, strict=True)))


def parse_mapper(text: str) -> ParsedMapper:
    """Read a mapper from text.

    >>> parse_mapper("f(z) + z").tree
    Operation(symbol='+', args=(Operation(symbol='f', args=(Name(name='z'),)), Name(name='z')))
    >>> parse_mapper("z.real + 1")
    Traceback (most recent call last):
    ...
    symfold.errors.ParseError: cannot read 'z.real + 1': 'z.real' is an attribute (allowed are z, x, layers ...)
        z.real + 1
        ^^^^^^
    """
    return ParsedMapper(text.strip(), parse(text))


def named_mapper(text: str) -> Row | ParsedMapper:
    """A mapper by its name in the table, or from a typed expression; either has `make(x)`.

    >>> named_mapper("residual").formula, str(named_mapper("f(z) - z"))
    ('f(z) + z', 'f(z) - z')
    """
    if not isinstance(text, str):
        raise InvalidType(f"a mapper is picked by its name or typed, as 'residual' or 'f(z) + z', got {quoted(text)}")
    if text in MAPPERS:
        return MAPPERS[text]
    if text.isidentifier() and text not in NAMES:
        if text in ARCHITECTURES:
            raise UnknownName(f"{text!r} is an architecture, and a mapper is wanted (one of {listing(MAPPERS)})")
        close = get_close_matches(text.lower(), [*MAPPERS, *ARCHITECTURES], n=1, cutoff=0.75)
        if meant := OTHER_NAMES.get(text.lower()) or next(iter(close), None):
            raise UnknownName(f"unknown mapper: {text!r} (did you mean {meant!r}?)")
        raise UnknownName(
            f"{unknown('mapper', text, MAPPERS)}, or an expression such as 'f(z) + z'; "
            "'symfold list architectures' lists whole architectures"
        )
    return parse_mapper(text)


def inputs_of(parts: int) -> tuple[Node, ...]:
    """The inputs of a state: those of several parts are rows, so that their shapes agree."""
    return tuple(tensor(name, (None, None)) for name in INPUTS[:parts]) if parts > 1 else (tensor("x"),)


def folded(mapper: Row | ParsedMapper, x: State, init: State, layers_of: Callable[[str], Layers]) -> State:
    """The fold of a mapper over its layers, one list per name, for the input x and an initial state.

    >>> from symfold.core.leaves import tensor
    >>> from symfold.frontend.named_layers import layers
    >>> x = tensor("x")
    >>> print(folded(parse_mapper("z + s(z)*f(z)"), x, x, lambda name: layers(name, count="n")))
    z_k = z_{k-1} + s_k(z_{k-1})*f_k(z_{k-1}), k = 1..n, z_0 = x
    """
    lists = [layers_of(name) for name in mapper.layers]
    return fold(mapper.make(x), lists[0] if len(lists) == 1 else zipped(*lists), init)
