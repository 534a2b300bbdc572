"""Expressions: text with its precedence, so that brackets stand where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ATOM, POWER, SIGN, PRODUCT, SUM, COMPARISON = range(6)


@dataclass(frozen=True)
class Code:
    """An expression: its text, its precedence, and what it is.

    - number: a Python number, which has no methods
    - truth: an array of truth values, which are 0 and 1 in arithmetic
    - listed: a list of arrays, which only a loop reads
    """

    text: str
    level: int = ATOM
    number: bool = False
    truth: bool = False
    listed: bool = False

    def within(self, level: int) -> str:
        """The text inside an operation that binds at a level: in brackets if it binds less.

        >>> Code("a + b", SUM).within(PRODUCT), Code("a * b", PRODUCT).within(PRODUCT)
        ('(a + b)', 'a * b')
        """
        return self.text if self.level <= level else f"({self.text})"

    @property
    def atom(self) -> str:
        """The text with a method or an index behind it; a number may not have one."""
        return self.within(ATOM) if not self.number else f"({self.text})"


def summed(terms: Sequence[Code]) -> Code:
    """A sum; a negative term is subtracted.

    >>> summed([Code("a"), Code("-b", SIGN), Code("c * d", PRODUCT)]).text
    'a - b + c * d'
    """
    text = terms[0].within(SUM)
    for term in terms[1:]:
        shown = term.within(SUM - 1)
        text += f" - {shown[1:]}" if shown.startswith("-") else f" + {shown}"
    return Code(text, SUM, number=all(term.number for term in terms))


def multiplied(factors: Sequence[Code], sign: str = "*") -> Code:
    """A product, from left to right; a factor -1 in front is a sign.

    >>> multiplied([Code("-1", SIGN, number=True), Code("a + b", SUM)]).text
    '-(a + b)'
    """
    is_number = all(factor.number for factor in factors)
    if len(factors) > 1 and factors[0].text == "-1" and sign == "*":
        rest = multiplied(factors[1:]) if len(factors) > 2 else factors[1]
        return Code(
            f"-{rest.within(PRODUCT) if not rest.text.startswith('-') else f'({rest.text})'}", PRODUCT, is_number
        )
    shown = [factors[0].within(PRODUCT), *(factor.within(POWER) for factor in factors[1:])]
    return Code(f" {sign} ".join(shown), PRODUCT, number=is_number)
