"""Agreement of two nets with random functions as layers, and the probability that it is an accident."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from symfold.analysis.equality.random_functions import RandomFunctions, Undefined


@dataclass(frozen=True)
class Agreement:
    """Whether the values of two nets agree, and the probability that this is an accident."""

    equal: bool
    error: float = 0.0  # log2 of a bound on the probability
    evaluations: int = 0

    @property
    def stated(self) -> str:
        """The probability, as text.

        >>> Agreement(True, -80.3).stated
        'wrong with probability at most 2**-80'
        """
        return f"wrong with probability at most 2**{ceil(self.error)}"


def agree(a: Any, b: Any, functions: RandomFunctions) -> Agreement:
    """Whether two nets have equal outputs, values and shapes.

    >>> import symfold as sf
    >>> f, g, x = sf.layer("f"), sf.layer("g"), sf.tensor("x")
    >>> agree(sf.Net.of((f(x) + g(x)) * x), sf.Net.of(x * f(x) + g(x) * x), RandomFunctions(seed=0)).equal
    True
    >>> agree(sf.Net.of(f(g(x))), sf.Net.of(g(f(x))), RandomFunctions(seed=0)).equal
    False
    """
    try:
        outputs = [functions.run_whole(net.outputs) for net in (a, b)]
    except Undefined:
        return Agreement(False)
    for values in outputs:
        for value in values:
            functions.note(value)
    same = [value[:2] for value in outputs[0]] == [value[:2] for value in outputs[1]]
    error = functions.error(len(outputs[0]))
    return Agreement(same and error < -20, error, functions.evaluations)
