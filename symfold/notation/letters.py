"""Letters: names for states and index variables that no input, parameter or layer of the net has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from symfold.families import Family, Numbered
from symfold.net import Net
from symfold.nodes import Node
from symfold.operations import Input
from symfold.shapes import size_symbols
from symfold.walks import walk

STATES = "zywvutsrqphgdca"
COTANGENT = "a"
INDICES = "kjilmpqrst"


def stem(name: str) -> str:
    """A name without the number at its end: two names of one stem are easily taken for one family.

    >>> stem("z1"), stem("W_gate")
    ('z', 'W_gate')
    """
    return re.sub(r"_?\d+$", "", name)


def stems_of(net: Net) -> dict[str, set[str]]:
    """The stems of the names in a net, each with its names (a numbered run counts as its prefix and a number)."""
    found: dict[str, set[str]] = {}
    for node in walk(net.outputs):
        if isinstance(node.op, Input):
            names = [node.op.name]
        elif isinstance(node.op, Family):
            run = node.op.names
            names = [run[0], *size_symbols(run.count)] if isinstance(run, Numbered) else list(run)
        else:
            continue
        for name in names:
            found.setdefault(stem(name), set()).add(name)
            found.setdefault(name, set()).add(name)
    return found


class Letters:
    """Letters, each given out once."""

    def __init__(self, names: Mapping[str, set[str]], taken: Iterable[str] = (), states: Sequence[str] = ()):
        self.names = dict(names)
        self.states = (*states, *STATES)  # those asked for, then the usual ones
        self.taken = {*names, *taken}

    def state(self) -> str:
        return self._next(self.states)

    def index(self) -> str:
        return self._next(INDICES)

    def cotangent(self, init: Node) -> str:
        """The letter of a state that runs backward; that of its initial value, where no other name has it."""
        if isinstance(init.op, Input) and self.names.get(init.op.name) == {init.op.name} and len(init.op.name) == 1:
            self.names[init.op.name] = set()
            return init.op.name
        return self._next(COTANGENT + STATES)

    def free(self, wanted: str) -> str:
        """The first of these letters that no other name has."""
        return self._next(wanted)

    def listed(self) -> str:
        """The letter of a sequence whose entries are listed, often layers."""
        return self._next("ghqp" + STATES)

    def output(self) -> str:
        return self._next("y" + STATES)

    def _next(self, wanted: Sequence[str]) -> str:
        letter = next(letter for letter in _spelled(wanted) if letter not in self.taken)
        self.taken.add(letter)
        return letter


def _spelled(letters: Sequence[str]) -> Iterator[str]:
    """Single letters, then words of two, three, ... letters."""
    length = 1
    while True:
        yield from map("".join, product(letters, repeat=length))
        length += 1
