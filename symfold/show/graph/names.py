"""Names of graph nodes: from positions and the author's own names, so that the same net gives the same names."""

from __future__ import annotations

from collections.abc import Iterable

from symfold.show.notation.letters import STATES, stem


class Names:
    """Names handed out once each; a name that is taken gets the next number: f1, f1_2, f1_3.

    >>> names = Names(reserved=["z1"])
    >>> names.fresh("z1"), names.own("z1"), names.own("f1"), names.own("f1")
    ('z1_2', 'z1', 'f1', 'f1_2')
    """

    def __init__(self, reserved: Iterable[str] = ()):
        self._reserved = frozenset(reserved)
        self._used: set[str] = set()
        self._last: dict[str, int] = {}

    def own(self, base: str) -> str:
        """The name itself where it is free: for what the author named."""
        return self._take(base) if base not in self._used else self._numbered(base)

    def fresh(self, base: str) -> str:
        """A name that no author's name stands for."""
        return self._take(base) if base not in self._used and base not in self._reserved else self._numbered(base)

    def counted(self, base: str) -> str:
        """The next of add1, add2, ...: for what has no name of its own."""
        number = self._last[base] = self._last.get(base, 0) + 1
        name = f"{base}{number}"
        return name if name == self.fresh(name) else self.counted(base)

    def _numbered(self, base: str) -> str:
        number = self._last.get(base, 1) + 1
        while f"{base}_{number}" in self._used or f"{base}_{number}" in self._reserved:
            number += 1
        self._last[base] = number
        return self._take(f"{base}_{number}")

    def _take(self, name: str) -> str:
        self._used.add(name)
        return name


def plain_name(label: str) -> str:
    """A label with indices as a name.

    >>> plain_name("h_{2,3}"), plain_name("z_{k-1}")
    ('h2_3', 'z_k_before')
    """
    letter, _, index = label.rstrip("}").partition("_{")
    return f"{letter}{'_' if index[:1].isalpha() else ''}{index.replace(',', '_').replace('-1', '_before')}"


class Letters:
    """Letters for states, those of the formulas and in their order, none of them an author's name."""

    def __init__(self, reserved: Iterable[str] = ()):
        taken = {part for name in reserved for part in (name, stem(name))}
        self._free = [letter for letter in STATES if letter not in taken]
        self._given = 0

    def next(self, count: int) -> tuple[str, ...]:
        """So many further letters, one for each part of a state; when they are used up, the first ones doubled."""
        first, self._given = self._given, self._given + count
        size = len(self._free)
        return tuple(
            self._free[k % size] * (1 + k // size) if size else f"state{k}_" for k in range(first, first + count)
        )


def safe_names(names: Iterable[str], avoid: Iterable[str] = ()) -> dict[str, str]:
    """For each name one that every format can take: itself where it is plain, else a number.

    >>> safe_names(["x", 'a"b', "end"], avoid=["end"])
    {'x': 'x', 'a"b': 'node2', 'end': 'node3'}
    """
    listed, kept = list(names), set(avoid)
    plain = {name for name in listed if name.isascii() and name.isidentifier() and name not in kept}
    safe: dict[str, str] = {}
    for number, name in enumerate(listed, 1):
        other = f"node{number}"
        while other in plain:
            other += "_"
        safe[name] = name if name in plain else other
    return safe


def visible(text: str) -> str:
    """A text with the characters that no file format may hold made visible.

    >>> visible("a" + chr(0) + "b")
    'a�b'
    """
    return "".join(
        c
        if c in "\n\t"
        or ((c.isprintable() or ord(c) > 159) and not 0xD800 <= ord(c) <= 0xDFFF and ord(c) & 0xFFFE != 0xFFFE)
        else "\ufffd"
        for c in text
    )
