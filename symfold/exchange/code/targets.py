"""The table of targets: one row per package that code is written for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from symfold.base.facts import public_name
from symfold.core.nodes import Node
from symfold.core.shapes import Shape
from symfold.errors import InvalidValue
from symfold.exchange.code.expressions import Code

ShapeText = Callable[[Shape], str]  # the text of a shape, whose unknown sizes are those of the inputs
Spelling = Callable[[Node, Sequence[Code], ShapeText], "Code | str"]
Rule = Spelling | str  # or a template, as "np.exp({0})"


@dataclass(frozen=True)
class CodeTarget:
    """A package that code is written for.

    - `imports`: the first lines; `names` are the names that they define
    - `functions`: rules of elementwise functions, by the name of their SymPy class; a function without one is composed
      of others if its row says how, or refused
    - `primitives`: rules of primitives, by name; a primitive without one is written by its body, or refused
    - `helpers`: functions that are written out before the net's if a rule calls them, by name
    - `array`: an array of numbers, from its text as lists
    - `stack`: a list of arrays as one array
    - `wrapped`: a number as an argument of a function, from its text
    """

    name: str
    imports: tuple[str, ...]
    names: tuple[str, ...]
    functions: Mapping[str, Rule] = field(repr=False)
    primitives: Mapping[str, Rule] = field(repr=False)
    helpers: Mapping[str, str] = field(repr=False)
    array: str = "np.array({0})"
    stack: str = "np.stack({0})"
    wrapped: str = "{0}"


TARGETS: dict[str, CodeTarget] = {}


def code_target(row: CodeTarget) -> CodeTarget:
    """Add a target, for `net.to_code(name)`; a name is given once."""
    if TARGETS.setdefault(public_name("target", row.name), row) is not row:
        raise InvalidValue(f"there is a target {row.name!r} already (give the new one another name)")
    return row
