"""The command line of the fuzzers."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence

import tests.fuzz
from tests.fuzz import compiles, kills, nets, readers, threads
from tests.fuzz.figures import added

FUZZERS = {"nets": nets.run, "readers": readers.run}  # for some time
COUNTED = {"kills": (kills.run, 100), "threads": (threads.run, 1), "compiles": (compiles.run, 2000)}  # so many times, if not stopped


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=tests.fuzz.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=(*FUZZERS, *COUNTED), default="nets", help="what to draw (nets)")
    duration = parser.add_mutually_exclusive_group()
    duration.add_argument("--seconds", type=float, help="how long to draw (60; kills, threads and compiles: until the count is reached)")
    duration.add_argument("--minutes", type=float, help="the same in minutes")
    parser.add_argument("--count", type=int, help="how many kills (100), rounds of threads (1) or compiles (2000)")
    parser.add_argument("--seed", type=int, help="the first seed (drawn)")
    parser.add_argument("--figures", metavar="FILE", help="a file of JSON that adds up what was tried over runs")
    given = parser.parse_args(arguments)
    asked = given.seconds if given.seconds is not None else None if given.minutes is None else 60 * given.minutes
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    if given.what in FUZZERS:
        figures, failed = FUZZERS[given.what](60 if asked is None else asked, seed)
    else:
        counted, count = COUNTED[given.what]
        figures, failed = counted(asked or 0, seed, count if given.count is None else given.count)
    if given.figures:
        added(given.figures, figures)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
