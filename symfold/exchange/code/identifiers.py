"""Identifiers: valid names of Python, each used once, whatever the names of a net are."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

# keywords, and the functions of Python that code calls
RESERVED = frozenset(
    (*keyword.kwlist, "_", "dict", "enumerate", "float", "len", "range", "reversed", "slice", "tuple", "zip")
)


class Identifiers:
    """The names that are taken; a new one is the wanted name if it is free, else with an underscore behind it.

    >>> names = Identifiers(["np"])
    >>> names.fresh("x"), names.fresh("x"), names.fresh("np"), names.fresh("lambda"), names.fresh("x y")
    ('x', 'x_', 'np_', 'lambda_', 'x_y')
    """

    def __init__(self, taken: Iterable[str] = ()):
        self.taken = {*RESERVED, *taken}

    def fresh(self, wanted: str) -> str:
        """A name that is not taken yet."""
        # Python reads names in the form NFKC: two that differ before it would be one
        name = re.sub(r"\W", "_", unicodedata.normalize("NFKC", wanted))
        name = name if name.isidentifier() else f"v{name}"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name
