"""The comparison of two nets, at their own depth and at any other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sympy as sp

from symfold.analysis.equality.verdict import Verdict, verdict
from symfold.apps.report.depths import any_depth, at_number
from symfold.apps.report.trained import Trained, trained
from symfold.base.arguments import quoted, two_names
from symfold.base.public import public
from symfold.core.net import Net
from symfold.errors import InvalidType, InvalidValue, TooLarge, no_attribute
from symfold.show.graph import count_steps, symbolic_depth
from symfold.transform.rolling import roll

MOST = 12  # layers that are still legible in a diagram
MANY = 24  # steps above which formulas are those of any depth
WORDS = re.compile(r"\w[\w -]{0,19}")  # a name that can stand in a sentence
OTHERS = {  # what a comparison is asked for, and the call that gives it
    **dict.fromkeys(("text", "table", "summary"), "str(comparison)"),
    **dict.fromkeys(("save", "write", "html", "report"), 'comparison.to_html("report.html")'),
    **dict.fromkeys(("draw", "plot", "diagram", "picture"), 'sf.draw(comparison.nets, "both.svg")'),
    **dict.fromkeys(("latex", "to_latex", "formula"), 'comparison.a.formula(style="latex")'),
    "equal": "comparison.verdict.equal",
}
USUAL = 8  # pictures go up to this depth at least


@public
def compare(a: object, b: object, names: tuple[str, str] = ("A", "B")) -> Comparison:
    """How two nets differ: a report that prints as a table, displays in notebooks, and gives a page by `.to_html()`.

    The depths may be numbers or symbols; if both nets have the same depth, the page changes it by a slider. If an
    analysis has no answer, its row says so. Errors: InvalidType, InvalidValue for names that are not two words.

    >>> import symfold as sf
    >>> f, x = sf.layers("f1:5"), sf.tensor("x")
    >>> nets = sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)
    >>> [line for line in str(sf.compare(*nets)).splitlines() if "P(t)" in line]
    ['!= P(t)     (1 + t)^4                          1 + 4*t']
    """
    for net in (a, b):
        if isinstance(net, str):
            raise InvalidType(f"{quoted(net)} is a text, not a net (fold one: sf.fold(sf.mappers.residual, layers, x))")
    if hasattr(names, "_as_node_"):
        raise InvalidType("sf.compare takes two nets, got three (compare them two by two)")
    return Comparison(Net.of(a), Net.of(b), two_names(names))


@dataclass(frozen=True, repr=False)
class Comparison:
    """Two nets side by side. Everything shown is computed on first use."""

    a: Net
    b: Net
    names: tuple[str, str] = ("A", "B")

    @property
    def nets(self) -> tuple[Net, Net]:
        return self.a, self.b

    @property
    def spoken(self) -> tuple[str, str]:
        """What sentences call the nets: their names if these are short and of words, else A and B.

        >>> import symfold as sf
        >>> net = sf.Net.of(sf.tensor("x"))
        >>> sf.compare(net, net, ("residual", "boosted")).spoken, sf.compare(net, net, ("f(z) + z", "boosted")).spoken
        (('residual', 'boosted'), ('A', 'B'))
        """
        return self.names if all(map(WORDS.fullmatch, self.names)) else ("A", "B")

    @property
    def titles(self) -> tuple[str, str]:
        """The names as headings, with what sentences call the nets if that is another name."""
        a, b = (
            short if name == short else f"{short}: {name}" for short, name in zip(self.spoken, self.names, strict=True)
        )
        return a, b

    @cached_property
    def rolled(self) -> tuple[Net, Net]:
        """Both in normal form, in which deep nets are small."""
        return roll(self.a, search=False), roll(self.b, search=False)

    @cached_property
    def symbol(self) -> sp.Symbol | None:
        """The depth, if it is a symbol."""
        symbols = [symbol for net in self.nets if (symbol := symbolic_depth(net)) is not None]
        return symbols[0] if symbols else None

    @cached_property
    def steps(self) -> float:
        """The steps of the longer net; infinite if the depth is a symbol."""
        return max(1, *map(count_steps, self.nets))

    @cached_property
    def general(self) -> tuple[Net, Net] | None:
        """Both nets at the depth n, if they have a common depth that can be changed."""
        return any_depth(*self.rolled)

    def at(self, depth: int) -> Comparison:
        """The same comparison at another depth."""
        if self.general is None:
            raise InvalidValue(
                "these nets have no depth in common that could be changed (compare nets made at that depth)"
            )
        a, b = (at_number(net, depth) for net in self.general)
        return Comparison(a, b, self.names)

    @cached_property
    def frames(self) -> dict[int, Comparison]:
        """The comparison at the depths of the pictures; empty if there is no depth to change."""
        most = int(self.steps) if USUAL < self.steps <= MOST else USUAL
        return {} if self.general is None else {depth: self.at(depth) for depth in range(1, most + 1)}

    @property
    def shown(self) -> int:
        """The depth shown first: that of the nets, if it is among the frames."""
        return int(self.steps) if self.steps in self.frames else 4

    @property
    def last_stop(self) -> int | None:
        """The stop of the depth slider at the nets compared, after those of the frames, if these do not have them."""
        return None if not self.frames or self.steps in self.frames else len(self.frames) + 1

    @property
    def pictured(self) -> Comparison:
        """The comparison in pictures that ignore the slider: these nets, or the same at a depth that can be drawn."""
        return self.frames.get(self.shown, self)

    def check_few(self) -> None:
        """Raise an error if the nets are too long for pictures that are computed layer by layer."""
        if self.steps > MANY:
            raise TooLarge(
                f"pictures like this one are made of at most {MANY} layers, and these nets have more, "
                "with no depth in common that could be lowered"
            )

    @cached_property
    def trained(self) -> tuple[Trained, Trained]:
        """Both nets with small trained layers."""
        self.check_few()
        return trained(self.a), trained(self.b)

    @property
    def symbolic(self) -> tuple[Net, Net]:
        """The nets for analyses that go term by term: both at the depth n if there are many steps."""
        return self.general if self.general is not None and self.steps > MANY else self.rolled

    @cached_property
    def verdict(self) -> Verdict:
        """Whether they are equal, and how that is known."""
        return verdict(self.a, self.b)

    @property
    def differ(self) -> bool:
        """Whether they are not known to be equal."""
        return self.verdict.equal is not True

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            raise no_attribute("a comparison", name, dir(type(self)), OTHERS)

    if TYPE_CHECKING:  # attached by `terminal` and `page`

        def __str__(self) -> str: ...
        def _repr_html_(self) -> str | None: ...
        def to_html(self, path: str | Path | None = None) -> str: ...
