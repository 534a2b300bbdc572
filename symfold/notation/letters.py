"""Letters: names for states and index variables that no input, parameter or layer of the net has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product

import sympy as sp

from symfold.net import Net
from symfold.nodes import Input, walk
from symfold.sequences import Family, Numbered

STATES = "zywvutsrqphgdca"
COTANGENT = "a"
INDICES = "kjilmpqrst"


def stem(name: str) -> str:
    """A name without the number at its end: two names of one stem are easily taken for one family.

    >>> stem("z1"), stem("W_gate")
    ('z', 'W_gate')
    """
    return re.sub(r"_?\d+$", "", name)


def stems_of(net: Net) -> set[str]:
    """The stems of every name in a net; those of a numbered run are not listed one by one."""
    found: set[str] = set()
    for node in walk(net.outputs):
        if isinstance(node.op, Input):
            found |= {node.op.name, stem(node.op.name)}
        elif isinstance(node.op, Family):
            names = node.op.names
            found |= {names.prefix, stem(names.prefix)} if isinstance(names, Numbered) else {stem(name) for name in names}
            if isinstance(names, Numbered) and isinstance(names.count, sp.Basic):
                found |= {str(symbol) for symbol in names.count.free_symbols}
    return found


class Letters:
    """Letters, each given out once."""

    def __init__(self, taken: Iterable[str]):
        self.taken = set(taken)

    def state(self) -> str:
        return self._next(STATES)

    def index(self) -> str:
        return self._next(INDICES)

    def cotangent(self) -> str:
        """The letter of a state that runs backward."""
        return self._next(COTANGENT + STATES)

    def output(self) -> str:
        return self._next("y" + STATES)

    def _next(self, wanted: str) -> str:
        letter = next(letter for letter in _spelled(wanted) if letter not in self.taken)
        self.taken.add(letter)
        return letter


def _spelled(letters: str) -> Iterator[str]:
    """Single letters, then words of two, three, ... letters."""
    length = 1
    while True:
        yield from map("".join, product(letters, repeat=length))
        length += 1
