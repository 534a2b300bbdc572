"""Counting names once: how many names of a sequence no earlier sequence has."""

from __future__ import annotations

from dataclasses import dataclass, field

from symfold.core.names import Claims
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import Names, Numbered, count_of


@dataclass
class CountedNames:
    """The names that have been counted. Numbered names are listed only if some of them are counted already.

    >>> import sympy as sp
    >>> counted, n = CountedNames(), sp.Symbol("n")
    >>> counted.add(Numbered("W", 1, 10**9)), counted.add(("W7", "V7")), counted.add(("V7",))
    (1000000000, 1, 0)
    >>> counted.add(("A1", "A2")), counted.add(Numbered("A", 1, n)), counted.add(Numbered("A", 3, n - 2))
    (2, n - 2, 0)
    """

    claims: Claims[int] = field(default_factory=Claims)
    single: set[str] = field(default_factory=set)
    runs: list[Numbered] = field(default_factory=list)
    is_claimed: bool = True  # whether the claims hold all names that are counted

    def add(self, names: Names) -> Size:
        """Count names, and say how many of them are new."""
        owner = len(self.single) + len(self.runs)
        if self.is_claimed and self.claims.add(names, owner) is None:
            new = count_of(names)
        elif isinstance(names, Numbered):
            new, self.is_claimed = self._new_of_run(names), False
        else:
            added = [name for name in dict.fromkeys(names) if self._is_new(name)]
            new = len(added)
            for name in added:
                self.claims.add((name,), owner)
        if isinstance(names, Numbered):
            self.runs.append(names)
        else:
            self.single.update(names)
        return new

    def _is_new(self, name: str) -> bool:
        return name not in self.single and not any(name in run for run in self.runs)

    def _new_of_run(self, names: Numbered) -> Size:
        """The new names of a run. Runs of unknown length end together if they overlap."""
        runs = [run for run in self.runs if run.prefix == names.prefix and names.shared(run) is not None]
        if runs and all(isinstance(run.count, int) for run in (names, *runs)):
            return sum(map(self._is_new, names))
        new = names.count - sum(name in names and not any(name in run for run in runs) for name in self.single)
        for run in runs:
            if isinstance(run.count, int):
                new -= sum(name in names for name in run)
            elif names.step % run.step == 0:  # all names from the first of the run on are in it
                before = max(0, -((names.start - run.start) // names.step))
                return sum(map(self._is_new, names.taken(range(before))))
            else:
                new -= run.count
        return new
