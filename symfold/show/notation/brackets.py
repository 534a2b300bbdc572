"""Brackets in MathML: they grow around fractions, sums with limits, roots and tables, and around nothing else.

A browser makes every bracket at least as tall as its content with all indices and exponents, so nested brackets outgrow
the letters between them.
"""

from __future__ import annotations

import re

SIGNS = re.compile(r"<mo>([(\[\])])</mo>|<(?:mfrac|munder|munderover|mtable|msqrt|mroot)\b")


def flat_brackets(mathml: str) -> str:
    """The same formula, with brackets that do not grow unless their content is tall.

    >>> flat_brackets("<mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow>")
    '<mrow><mo stretchy="false">(</mo><mi>x</mi><mo stretchy="false">)</mo></mrow>'
    >>> flat_brackets("<mo>(</mo><mfrac><mi>x</mi><mn>2</mn></mfrac><mo>)</mo>")
    '<mo>(</mo><mfrac><mi>x</mi><mn>2</mn></mfrac><mo>)</mo>'
    """
    flat: set[int] = set()
    opened: list[tuple[int, bool]] = []  # the place of each open bracket, and whether its content is tall so far
    for match in SIGNS.finditer(mathml):
        sign = match[1]
        if sign in ("(", "["):
            opened.append((match.start(), False))
        elif sign is None or not opened:
            opened[-1:] = [(place, True) for place, _ in opened[-1:]]
        else:
            place, tall = opened.pop()
            if tall:
                opened[-1:] = [(outer, True) for outer, _ in opened[-1:]]
            else:
                flat |= {place, match.start()}
    return SIGNS.sub(lambda m: f'<mo stretchy="false">{m[1]}</mo>' if m.start() in flat else m[0], mathml)
