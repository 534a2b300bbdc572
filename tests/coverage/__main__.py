"""The command line of the coverage tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import torch

import tests.coverage
from tests.coverage.check import READ, TOLERANCE, table
from tests.coverage.layers import REFUSED


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.coverage", description=tests.coverage.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("nn",), help="what to read")
    parser.add_argument("names", nargs="*", help="classes (all)")
    parser.add_argument("--json", metavar="FILE", help="write the table to a file")
    given = parser.parse_args(arguments)
    found = table(given.names or None)
    whole = 0
    for name, settings in found.items():
        read = sum(text == READ for text in settings.values())
        whole += bool(settings) and read == len(settings)
        print(f"{name:32}{read} of {len(settings)}")
        for setting, text in settings.items():
            if text != READ:
                print(f"    {name}({setting}): {text}")
    print(f"{whole} of {len(found)} classes are read in every setting (torch {torch.__version__})")
    if given.json:
        table_of = {"date": date.today().isoformat(), "torch": torch.__version__, "tolerance": TOLERANCE, "classes": found, "refused": REFUSED}
        text = json.dumps(table_of, indent=1, sort_keys=True)
        Path(given.json).write_text(text + "\n", encoding="utf-8")
    return int(any((text != READ) != (name in REFUSED) for name, settings in found.items() for text in settings.values()))


if __name__ == "__main__":
    sys.exit(main())
