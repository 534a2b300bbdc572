"""Identifiers: valid names of Python, each used once, whatever the names of a net are."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from symfold.core.stacked_inputs import Names, Numbered, known_count

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


class Run(NamedTuple):
    """Names that differ in one number: the texts before and after it, and the arguments of `range`."""

    before: str
    after: str
    numbers: tuple[int, ...]

    @property
    def family(self) -> str:
        return f"{self.before.rstrip('_')}{self.after}"


def run_of(names: Names) -> Run | None:
    """Two names or more that differ in one number, which rises in equal steps, as a run.

    >>> run_of(("layers_0_bias", "layers_2_bias", "layers_4_bias"))
    Run(before='layers_', after='_bias', numbers=(0, 5, 2))
    >>> run_of(("W1", "V2")), run_of(Numbered("W", 1, 100))
    (None, Run(before='W', after='', numbers=(1, 101)))
    """
    if isinstance(names, Numbered):
        return _run(names.prefix, "", names.start, known_count(names.count), names.step)
    if len(names) < 2:
        return None
    first, second = (re.split(r"(?<![0-9])(0|[1-9][0-9]*)(?![0-9])", name) for name in names[:2])
    differ = [k for k, (one, other) in enumerate(zip(first, second, strict=False)) if one != other]
    if len(differ) != 1 or differ[0] % 2 == 0:
        return None
    place = differ[0]
    before, after = ("".join(parts) for parts in (first[:place], first[place + 1 :]))
    run = _run(before, after, int(first[place]), len(names), int(second[place]) - int(first[place]))
    return run if run and [f"{before}{k}{after}" for k in range(*run.numbers)] == list(names) else None


def _run(before: str, after: str, start: int, count: int, step: int) -> Run | None:
    """A run, if its names are identifiers and rise."""
    stop = start + step * (count - 1) + 1
    is_run = step > 0 and f"{before}0{after}".isidentifier()
    numbers = (start, stop, step) if step > 1 else (start, stop) if start else (stop,)
    return Run(before, after, numbers) if is_run else None
