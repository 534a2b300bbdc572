"""A formula as a string that notebooks show as mathematics."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from symfold.show.hypertext import displayed, shown_safely

MOST = 4_000  # characters of LaTeX, or of text, that a notebook shows


class Printer(Protocol):
    """What is needed of IPython's printer of values."""

    def text(self, text: str) -> None: ...
    def break_(self) -> None: ...


class Formula(str):
    """A string, equal to its text; a notebook shows the mathematics, and a console the lines. A pickle holds the text.

    `written` gives the formula in LaTeX and in MathML.

    >>> formula = Formula("z_k", {"latex": "z_{k}"}.__getitem__)
    >>> formula == "z_k", formula._repr_latex_(), formula + "!"
    (True, '$\\\\displaystyle z_{k}$', 'z_k!')
    """

    __slots__ = ("_written",)
    _written: Callable[[str], str]

    def __new__(cls, text: str, written: Callable[[str], str]) -> Formula:
        formula = super().__new__(cls, text)
        formula._written = written
        return formula

    def __reduce__(self) -> tuple[object, ...]:
        return str, (str(self),)

    def _repr_latex_(self) -> str | None:
        if len(self) > 2 * MOST:  # not written again
            return None
        try:
            latex = self._written("latex")
        except Exception:  # a display must never raise
            return None
        return f"$\\displaystyle {latex}$" if len(latex) <= MOST else None

    @shown_safely
    def _repr_html_(self) -> str | None:
        return None if len(self) > 2 * MOST else displayed(self._written("mathml"))

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        """The lines as `print` shows them, the first ones of many."""
        shown = str(self) if len(self) <= MOST else f"{self[:MOST]}\n... (print shows all {len(self):,} characters)"
        for k, line in enumerate(shown.split("\n")):
            if k:
                printer.break_()
            printer.text(line)


BOUND = 1900  # characters that `print` shows


class ShownByFormula:
    """A base for results that show themselves by their formula, the beginning of a long one; a display never raises."""

    _what: ClassVar[str] = "a result"

    def formula(self, style: str = "text") -> str:
        raise NotImplementedError

    def __str__(self) -> str:
        try:
            shown = self.formula()
        except Exception as error:  # a display must never raise
            return f"{self._what} that cannot be shown ({error})"[:BOUND]
        return shown if len(shown) <= BOUND else f"{shown[: BOUND - 4]}\n..."

    def __repr__(self) -> str:
        return str(self)

    def _repr_latex_(self) -> str | None:
        try:
            shown = self.formula("latex")
        except Exception:  # likewise
            return None
        return f"$\\displaystyle {shown}$" if len(shown) <= BOUND else None

    @shown_safely
    def _repr_html_(self) -> str | None:
        return displayed(self.formula("mathml"))
