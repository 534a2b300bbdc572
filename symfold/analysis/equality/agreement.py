"""Agreement: whether two nets read with random functions are equal, and how likely that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from symfold.analysis.equality.random_functions import Reading, Undefined
from symfold.core.interpreter import Entries


@dataclass(frozen=True)
class Agreement:
    """Whether two nets were read as equal, and how likely that is wrong."""

    equal: bool
    error: float = 0.0  # log2 of the probability, at most
    evaluations: int = 0

    @property
    def stated(self) -> str:
        """The probability in words.

        >>> Agreement(True, -80.3).stated
        'wrong with probability at most 2**-80'
        """
        return f"wrong with probability at most 2**{ceil(self.error)}"


def agree(a: Any, b: Any, reading: Reading) -> Agreement:
    """Whether two nets are read as equal: outputs alike in number and shape.

    >>> import symfold as sf
    >>> f, g, x = sf.layer("f"), sf.layer("g"), sf.tensor("x")
    >>> agree(sf.Net.of((f(x) + g(x)) * x), sf.Net.of(x * f(x) + g(x) * x), Reading(seed=0)).equal
    True
    >>> agree(sf.Net.of(f(g(x))), sf.Net.of(g(f(x))), Reading(seed=0)).equal
    False
    """
    try:
        read = [[reading.collect(v, o) if isinstance(v, Entries) else v for v, o in zip(reading.run(net.outputs), net.outputs, strict=True)] for net in (a, b)]
    except Undefined:
        return Agreement(False)
    for values in read:
        for value in values:
            reading.note(value)
    same = [value[:2] for value in read[0]] == [value[:2] for value in read[1]]
    error = reading.error(len(read[0]))
    return Agreement(same and error < -20, error, reading.evaluations)
