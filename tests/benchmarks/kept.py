"""Measurements that were kept, as JSON with their dates: a new one replaces the old one of the same row and setting, all others stay.

So figures that this machine cannot give, of another processor, stand beside its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "kept.json"
SETTING = ("instructions", "threads", "dtype")
KEY = ("table", "case", "row", *SETTING)
PARTS = ("its code alone", "compiled before")  # of rows without all that a user waits for

Entry = Mapping[str, Any]


def key(entry: Entry) -> tuple[Any, ...]:
    return tuple(str(entry[name]) for name in KEY)


def read(path: Path = FILE) -> list[Entry]:
    return json.loads(path.read_text()) if path.exists() else []


def merged(old: Iterable[Entry], new: Iterable[Entry]) -> list[Entry]:
    """The later one of each key, in the order of the keys.

    >>> old = dict(table="calls", case="a", row="x", instructions="AVX2", threads=1, dtype="float64", seconds=2.0)
    >>> [entry["seconds"] for entry in merged([old, {**old, "row": "y"}], [{**old, "seconds": 1.0}])]
    [1.0, 2.0]
    """
    by_key = {key(entry): entry for entry in (*old, *new)}
    return [by_key[name] for name in sorted(by_key)]


def write(entries: Sequence[Entry], path: Path = FILE) -> None:
    """One line per measurement, so that a change can be read."""
    path.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n" if entries else "[]\n")


def faster(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Where a peer is faster than the fastest row of symfold in the same case and setting: the peer, and symfold's row."""
    groups: dict[tuple[Any, ...], list[Entry]] = {}
    for entry in entries:
        if entry.get("seconds") and not is_part(entry):
            groups.setdefault(tuple(entry[name] for name in ("table", "case", *SETTING)), []).append(entry)
    found = []
    for group in groups.values():
        own = [entry for entry in group if is_ours(entry)]
        if own:
            best = min(own, key=lambda entry: entry["seconds"])
            found += [(entry, best) for entry in group if not is_ours(entry) and entry["seconds"] < best["seconds"]]
    return found


def is_ours(entry: Entry) -> bool:
    """Whether a row is symfold's, with all that a user waits for."""
    return str(entry["row"]).startswith("symfold") and not is_part(entry)


def is_part(entry: Entry) -> bool:
    return any(part in entry["row"] for part in PARTS)
