"""What is aimed at, on the residual net's training step: how many times as fast a row should be as the best of others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.benchmarks.measure import Block

PEERS = "autograd, torch *, jax *, casadi *, pytensor *"

# ours | the best of these | case and factor, ...; a factor 1/1.3 allows 1.3 times as long
TARGETS = f"""
symfold numpy  | autograd                       | a 40, b 10, d 150
symfold numpy  | torch *                        | a 1, b 1, c 1, d 1, e 1
symfold numpy  | jax jit *                      | a 1, b 1
symfold numpy  | jax *                          | c 1/1.15, e 1/1.15
symfold native | {PEERS}                        | a 2, b 1.5, c 1, d 10, e 1.7
symfold native, many steps | {PEERS}            | a 4
symfold native | floor                          | b 1/1.3, c 1/1.3, d 1/1.8, e 1/1.3
"""

# why a target is missed, where it is known: (ours, against, case)
REASONS = {
    ("symfold numpy", "torch *", "c"): "five sixths of the step are BLAS in both; the compiled step goes through memory less often, as it fuses its elementwise "
    "work, and keeps no copy of the last good parameters, which is 1 % here",
    ("symfold numpy", "jax *", "e"): "each elementwise call of NumPy goes through memory once more, where XLA does several in one pass",
    ("symfold numpy", "jax *", "c"): "each elementwise call of NumPy goes through memory once more, where XLA does several in one pass",
    ("symfold numpy", "jax jit *", "b"): "with AVX2, NumPy computes exponentials one by one: a sigmoid takes nearly three times as long as with AVX-512",
    ("symfold native, many steps", "every peer", "a"): "a step takes a microsecond, most of it sigmoids: ten rows are three vectors of AVX2, and two of AVX-512",
    ("symfold numpy", "autograd", "b"): "from 9.7 to 11.1 in runs on this machine",
    ("symfold native", "every peer", "a"): "a call from Python costs as much as the step itself; many steps in one call do without it",
    ("symfold native", "every peer", "e"): "with AVX-512, the floor itself, products at the best speed of BLAS and the sigmoids and nothing else, is 1.6 to 1.8 times as fast "
    "as this peer, from run to run: the aim is within a few hundredths of it or beyond it. What is over the floor is going through the parameters, the gradients "
    "and the states, which no cache next to the core holds; two buffers of parameters instead of three, and fetching ahead what is written, changed nothing",
}


@dataclass(frozen=True)
class Target:
    ours: str
    against: tuple[str, ...]
    case: str
    factor: float

    def rivals(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if any(fnmatchcase(name, pattern) for pattern in self.against)]


@dataclass(frozen=True)
class Outcome:
    """How a target came out: against which row, how many times as fast, and whether that is enough."""

    target: Target
    rival: str
    ratio: float

    @property
    def met(self) -> bool:
        return self.ratio >= self.target.factor

    def __str__(self) -> str:
        said = f"{self.ratio:.2f} times as fast as {self.rival}, aim {self.target.factor:.3g}"
        return f"{self.target.case}: {self.target.ours} {'meets' if self.met else 'MISSES'} {', '.join(self.target.against)}: {said}"


def parsed(text: str = TARGETS) -> list[Target]:
    """The targets of a text, one for each case.

    >>> parsed("numpy | jax *, torch | a 2, c 1/4")
    [Target(ours='numpy', against=('jax *', 'torch'), case='a', factor=2.0), Target(ours='numpy', against=('jax *', 'torch'), case='c', factor=0.25)]
    """
    found = []
    for line in text.strip().splitlines():
        ours, against, aims = (part.strip() for part in line.split("|"))
        for aim in aims.split(","):
            case, factor = aim.split()
            above, _, below = factor.partition("/")
            found.append(Target(ours, tuple(p.strip() for p in against.split(",")), case, float(above) / float(below or 1)))
    return found


def outcomes(blocks: Sequence[Block], targets: Sequence[Target] | None = None) -> list[Outcome]:
    """Every target whose rows were measured, against the fastest of its rivals."""
    training = {block.case: block for block in blocks if block.task == "training" and block.net == "residual"}
    found = []
    for target in parsed() if targets is None else targets:
        block = training.get(target.case)
        if block is None or target.ours not in block.rounds:
            continue
        ratios = {name: block.ratio(name, target.ours) for name in target.rivals(block.rounds)}
        if ratios:
            rival = min(ratios, key=lambda name: (ratios[name], name))
            found.append(Outcome(target, rival, ratios[rival]))
    return [outcome for outcome in found if math.isfinite(outcome.ratio)]
