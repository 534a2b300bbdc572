"""The command line of the coverage tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import tests.coverage
from tests.coverage.check import READ, TOLERANCE, table
from tests.coverage.layers import REFUSED
from tests.coverage.models import SECONDS, Found
from tests.coverage.models import table as table_of_models

# what to read: the module with its models, and the package that they need
FAMILIES = {"torchvision": ("tests.coverage.vision", "torchvision"), "transformers": ("tests.coverage.architectures", "transformers"), "written": ("tests.coverage.written", "torch")}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.coverage", description=tests.coverage.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("nn", *FAMILIES), help="what to read")
    parser.add_argument("names", nargs="*", help="classes or models (all)")
    parser.add_argument("--json", metavar="FILE", help="write the table to a file, where models that are not named keep their rows")
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="N", help=f"for one model ({SECONDS})")
    parser.add_argument("--no-gradients", dest="gradients", action="store_false", help="compare the numbers of models alone")
    given = parser.parse_intermixed_args(arguments)
    if given.what == "nn":
        failed, content = layers(given.names)
    else:
        failed, content = models(given.what, given.names, given.seconds, given.json, given.gradients)
    if given.json:
        write(given.json, content)
    return int(failed)


def write(file: str, content: dict[str, Any]) -> None:
    head = {"date": date.today().isoformat(), "torch": torch.__version__, "tolerance": TOLERANCE}
    Path(file).write_text(json.dumps({**head, **content}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def layers(names: Sequence[str]) -> tuple[bool, dict[str, Any]]:
    """A line per class of `torch.nn`; whether a class failed that the documentation does not list; the table."""
    found = table([*names] or None)
    whole = 0
    for name, settings in found.items():
        read = sum(text == READ for text in settings.values())
        whole += bool(settings) and read == len(settings)
        print(f"{name:32}{read} of {len(settings)}")
        for setting, text in settings.items():
            if text != READ:
                print(f"    {name}({setting}): {text}")
    print(f"{whole} of {len(found)} classes are read in every setting (torch {torch.__version__})")
    failed = any((text != READ) != (name in REFUSED) for name, settings in found.items() for text in settings.values())
    return failed, {"classes": found, "refused": REFUSED}


def models(family: str, names: Sequence[str], seconds: float, file: str | None, gradients: bool) -> tuple[bool, dict[str, Any]]:
    """A line per model; whether one failed that is not known to; the table."""
    module, package = FAMILIES[family]
    try:
        part = import_module(module)
    except ImportError as error:
        sys.exit(f"{error}\n'{family}' needs the package '{package}' (pip install {package})")
    unknown = [name for name in names if name not in part.MODELS]
    if unknown:
        sys.exit(f"there is no model {unknown[0]!r} (the models of '{family}': {', '.join(part.MODELS)})")
    results: dict[str, Found] = {}
    if file and names and Path(file).exists():
        kept = json.loads(Path(file).read_text(encoding="utf-8"))["models"]
        results = {name: Found(**kept[name]) for name in part.MODELS if name in kept}
    for name, found in table_of_models(module, names or [*part.MODELS], seconds, gradients):
        results[name] = found
        print(line_of(name, found), flush=True)
        if file:
            write(file, content_of(family, results, part.REFUSED))
    whole = {
        "read": sum(found.read for found in results.values()),
        "numbers equal": sum(found.numbers for found in results.values()),
        "gradients equal": sum(found.gradients == "equal" for found in results.values()),
    }
    print(f"of {len(results)} models: {', '.join(f'{count} {what}' for what, count in whole.items())} ({package} {version(package)})")
    failed = any(not found.numbers and name not in part.REFUSED for name, found in results.items())
    return failed, content_of(family, results, part.REFUSED)


def content_of(family: str, results: dict[str, Found], refused: dict[str, str]) -> dict[str, Any]:
    package = FAMILIES[family][1]
    return {"package": f"{package} {version(package)}", "models": {name: asdict(found) for name, found in results.items()}, "refused": refused}


def line_of(name: str, found: Found) -> str:
    """A model as a line: whether it is read, the numbers, the gradients, the blocks in folds, and the seconds."""
    if not found.read:
        return f"{name:24}{found.reason}"
    parts = ["numbers equal"] * found.numbers + [found.reason] * bool(found.reason) + [f"gradients {found.gradients}"]
    counted = f"{found.folded} of {found.blocks} blocks in folds"
    sizes = f"any {' and '.join(found.sizes)}{'' if found.elsewhere else ' (not compared)'}" if found.sizes else "sizes of the example"
    return f"{name:24}{', '.join(parts):36} {counted} ({', '.join(map(str, found.folds))}), {sizes}, {found.nodes} nodes, {found.seconds} s"


if __name__ == "__main__":
    sys.exit(main())
