"""Figures of runs: how much was tried, in how many runs and how long, added up in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from symfold.base.files import write_whole

Figures = dict[str, dict[str, float]]


def added(path: str | Path, run: Mapping[str, Mapping[str, float]]) -> Figures:
    """The figures in a file, once those of this run are added; they are written whole or not at all.

    A run is numbers by name for each thing that was tried, such as {"csv": {"inputs": 1000, "failures": 0}}. Of a number
    whose name begins with "most", the largest is kept.
    """
    file = Path(path)
    figures: Figures = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name, numbers in run.items():
        sums = figures.setdefault(name, {})
        for key, number in {"runs": 1, **numbers}.items():
            before = sums.get(key, 0)
            sums[key] = round(max(before, number) if key.startswith("most ") else before + number, 1)
    write_whole(file, (json.dumps(figures, indent=1, sort_keys=True) + "\n").encode())
    return figures
