"""Typed expressions: `f(z) + z` as text, parsed and never evaluated.

In: text. Out: a mapper, or an error that quotes the text.

    trees    an expression as a tree, and the net it builds
    reader   text into a tree, by Python's parser and a whitelist
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from symfold.base.trees import Layered, State
from symfold.errors import UnknownName, listing, unknown
from symfold.mappers import ARCHITECTURES, MAPPERS
from symfold.mappers.expressions.reader import MAX_DEPTH as MAX_DEPTH
from symfold.mappers.expressions.reader import MAX_LENGTH as MAX_LENGTH
from symfold.mappers.expressions.reader import parse as parse
from symfold.mappers.expressions.trees import FUNCTIONS as FUNCTIONS
from symfold.mappers.expressions.trees import LAYER as LAYER
from symfold.mappers.expressions.trees import NAMES as NAMES
from symfold.mappers.expressions.trees import Name as Name
from symfold.mappers.expressions.trees import Number as Number
from symfold.mappers.expressions.trees import Operation as Operation
from symfold.mappers.expressions.trees import Tree as Tree
from symfold.mappers.expressions.trees import build as build
from symfold.mappers.registry import Mapper, Row, bound


@dataclass(frozen=True)
class ParsedMapper:
    """A typed mapper; `make(x)` is the mapper for the initial input x, as for a row of the mapper table."""

    text: str
    tree: Tree = field(repr=False, compare=False)  # follows from the text, which is not deep

    def make(self, x: State) -> Mapper:
        return bound(_parsed, self, x)

    def __reduce__(self) -> tuple[Any, ...]:
        return parse_mapper, (self.text,)

    def __str__(self) -> str:
        return self.text


def _parsed(mapper: ParsedMapper, x: State, z: State, f: Layered) -> State:
    return build(mapper.tree, {"z": z, "x": x}, f)


def parse_mapper(text: str) -> ParsedMapper:
    """Read a mapper from text.

    >>> parse_mapper("f(z) + z").tree
    Operation(symbol='+', args=(Operation(symbol='f', args=(Name(name='z'),)), Name(name='z')))
    >>> parse_mapper("z.real + 1")
    Traceback (most recent call last):
    ...
    symfold.errors.ParseError: cannot read 'z.real + 1': 'z.real' is an attribute (allowed are z, x, f(...), ...)
    """
    return ParsedMapper(text.strip(), parse(text))


def named_mapper(text: str) -> Row | ParsedMapper:
    """A mapper by its name in the table, or from a typed expression; either has `make(x)`.

    >>> named_mapper("residual").formula, str(named_mapper("f(z) - z"))
    ('f(z) + z', 'f(z) - z')
    """
    if text in MAPPERS:
        return MAPPERS[text]
    if text.isidentifier() and text not in NAMES and text != LAYER:
        if text in ARCHITECTURES:
            raise UnknownName(f"{text!r} is an architecture, and a mapper is wanted (one of {listing(MAPPERS)})")
        raise UnknownName(
            f"{unknown('mapper', text, MAPPERS)}, or an expression such as 'f(z) + z'; "
            "'symfold list architectures' lists whole architectures"
        )
    return parse_mapper(text)
