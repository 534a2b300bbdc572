"""Letters: names of states and index variables that no input, parameter or layer of the net uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from symfold.core.leaves import Input
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import size_symbols
from symfold.core.stacked_inputs import Numbered, StackedInputs

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
    """The stems of the names in a net, each with its names (a numbered run counts as its prefix and a number).

    The part before an underscore is a stem too: z_k and z_n look like entries of z. If a name such as f_k occurs beside
    layers f1, f2, ..., its k is taken as well.
    """
    names: list[str] = []
    prefixes: set[str] = set()
    for leaf in leaves_of(net.outputs):
        leaf_names = leaf.op.names if isinstance(leaf.op, StackedInputs) else (leaf.op.name,)
        if isinstance(leaf_names, Numbered):
            names += [leaf_names[0], *size_symbols(leaf_names.count)]
            prefixes.add(leaf_names.prefix)
        else:
            names += leaf_names
    stems: dict[str, set[str]] = {}
    for name in names:
        prefix, _, suffix = name.partition("_")
        for part in (name, stem(name), prefix, *([suffix] if prefix in prefixes else [])):
            stems.setdefault(part, set()).add(name)
    return stems


class Letters:
    """A supply of letters; each is used once."""

    def __init__(self, names: Mapping[str, set[str]], taken: Iterable[str] = (), states: Sequence[str] = ()):
        self.names = dict(names)
        self.states = (*states, *STATES)  # the requested letters, then the usual ones
        self.taken = {*names, *taken}

    def state(self) -> str:
        return self._next(self.states)

    def index(self) -> str:
        return self._next(INDICES)

    def cotangent(self, init: Node) -> str:
        """The letter of a state that runs backward: that of its initial value, unless another name uses it."""
        if isinstance(init.op, Input) and self.names.get(init.op.name) == {init.op.name} and len(init.op.name) == 1:
            self.names[init.op.name] = set()
            return init.op.name
        return self._next(COTANGENT + STATES)

    def free(self, wanted: str) -> str:
        """The first of these letters that is not taken."""
        return self._next(wanted)

    def listed(self) -> str:
        """The letter of a listed sequence, often of layers."""
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
