"""Numbers that people type, in one syntax with ASCII digits.

number ::= [+ | -] (digits [. [digits]] | . digits) [(e | E) [+ | -] digits], with spaces or tabs around it
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def decimal(text: str) -> float:
    """The number that a text writes; a `ValueError` if it is none. It is infinite if it is too large for a float.

    >>> decimal(" -1.5e3"), decimal(".5"), decimal("1e999")
    (-1500.0, 0.5, inf)
    >>> [decimal(text) for text in ["1_0"]]
    Traceback (most recent call last):
    ...
    ValueError: '1_0'
    """
    stripped = text.strip(" \t")
    if not _NUMBER.fullmatch(stripped):
        raise ValueError(repr(text[:40]))
    return float(stripped)
