"""The table of targets: one row per package that code is written for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from symfold.base.arguments import check_named, one_of
from symfold.base.facts import public_name
from symfold.base.public import public
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

    - `imports`: the first lines, those of them that the code needs
    - `functions`: rules of elementwise functions, by the name of their SymPy class; a function without one is composed
      of others if its row says how, or refused
    - `primitives`: rules of primitives, by name; a primitive without one is written by its body, or refused
    - `helpers`: functions that are written out before the net's if a rule calls them, by name
    - `array`: an array of numbers, from its text as lists
    - `stack`: a list of arrays as one array
    - `root`: a square root
    - `wrapped`: a number as an argument of a function
    - `scan`: a fold of more than 16 steps, from its step (a function of the state and of an entry of each sequence that
      returns the next state and what it emits), its state, its sequences and their length; if empty, folds are loops
    - `given`: an argument as the package's array, if its functions take no other; empty if they do
    - `dotted`: whether parameters may come under the dotted keys of a module's `state_dict()`, too

    >>> TARGETS["numpy"].imports, TARGETS["numpy"].root
    (('import itertools', 'import math', 'import numpy as np'), 'np.sqrt({0})')
    """

    name: str
    imports: tuple[str, ...]
    functions: Mapping[str, Rule] = field(repr=False)
    primitives: Mapping[str, Rule] = field(repr=False)
    helpers: Mapping[str, str] = field(repr=False)
    array: str = "np.array({0})"
    stack: str = "np.stack({0})"
    root: str = "np.sqrt({0})"
    wrapped: str = "{0}"
    scan: str = ""
    given: str = ""
    dotted: bool = False

    @property
    def modules(self) -> dict[str, str]:
        """The names that the imports define, each with its line."""
        return {imported_name(line): line for line in self.imports}


def imported_name(line: str) -> str:
    """The name that an import defines.

    >>> imported_name("import numpy as np"), imported_name("import scipy.special")
    ('np', 'scipy')
    """
    return line.split()[-1].split(".")[0]


def filled(template: str, args: Sequence[Code]) -> str:
    """A template over expressions, which get brackets unless they stand alone between commas or brackets.

    >>> from symfold.exchange.code.expressions import SUM
    >>> filled("{1} * np.exp({0})", [Code("a + b", SUM), Code("c + d", SUM)])
    '(c + d) * np.exp(a + b)'
    """

    def argument(match: re.Match[str]) -> str:
        before, after = template[: match.start()].rstrip(), template[match.end() :].lstrip()
        alone = (not before or before[-1] in "([,=") and (not after or after[0] in ")],")
        code = args[int(match[1])]
        return code.text if alone else code.atom

    return re.sub(r"\{(\d)\}", argument, template)


TARGETS: dict[str, CodeTarget] = {}


def add_target(row: CodeTarget) -> CodeTarget:
    """Add a row; a name is given once."""
    if TARGETS.setdefault(public_name("target", row.name), row) is not row:
        raise InvalidValue(f"there is a target {row.name!r} already (give the new one another name)")
    return row


@public
def code_target(name: str, like: str = "numpy", **facts: Any) -> CodeTarget:
    """Add a target for `net.to_code(name)`: the one that it is like, with these fields of `CodeTarget` besides.

    >>> import symfold as sf, symfold.extend
    >>> with sf.extend.temporary():
    ...     row = code_target("cubes", functions={"sin": "my.sine({0})"}, imports=("import my",))
    ...     print(sf.Net.of(sf.sin(sf.tensor("x"))).to_code("cubes").splitlines()[-1].strip())
    return my.sine(x)
    """
    row = TARGETS[one_of("like", like, TARGETS)]
    check_named(f"the target {name!r}", "fact", facts, [field.name for field in fields(CodeTarget)][1:])
    merged: dict[str, Any] = {
        key: {**getattr(row, key), **value} if isinstance(value, Mapping) else value for key, value in facts.items()
    }
    if "imports" in merged:
        merged["imports"] = tuple(dict.fromkeys((*row.imports, *merged["imports"])))
    return add_target(replace(row, name=name, **merged))
