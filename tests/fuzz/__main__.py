"""The command line of the fuzzers."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence

import tests.fuzz
from tests.fuzz import nets, readers
from tests.fuzz.figures import added

FUZZERS = {"nets": nets.run, "readers": readers.run}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=tests.fuzz.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=tuple(FUZZERS), default="nets", help="what to draw (nets)")
    duration = parser.add_mutually_exclusive_group()
    duration.add_argument("--seconds", type=float, help="how long to draw (60)")
    duration.add_argument("--minutes", type=float, help="the same in minutes")
    parser.add_argument("--seed", type=int, help="the first seed (drawn)")
    parser.add_argument("--figures", metavar="FILE", help="a file of JSON that adds up what was tried over runs")
    given = parser.parse_args(arguments)
    seconds = given.seconds if given.seconds is not None else 60 * (given.minutes if given.minutes is not None else 1)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    figures, failed = FUZZERS[given.what](seconds, seed)
    if given.figures:
        added(given.figures, figures)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
