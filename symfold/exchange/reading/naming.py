"""Names of layers and parameters, from the paths of their modules."""

from __future__ import annotations

from collections.abc import Mapping


def without_number(path: str) -> tuple[str, str]:
    """A path split into its head and its final number, which may be empty.

    >>> without_number("encoder.layers.3"), without_number("encoder.norm")
    (('encoder.layers', '3'), ('encoder.norm', ''))
    """
    head, _, tail = path.rpartition(".")
    return (head, tail) if tail.isdecimal() else (path, "")


def split(path: str, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words and the numbers of a path; a path without words takes the name of the class.

    >>> split("h.3.attn", "Attention"), split("0", "Linear")
    ((('h', 'attn'), ('3',)), (('linear',), ('0',)))
    """
    parts = path.split(".") if path else []
    words = tuple(part for part in parts if not part.isdecimal()) or (kind.lower(),)
    return words, tuple(part for part in parts if part.isdecimal())


def layer_names(kinds: Mapping[str, str]) -> dict[str, str]:
    """A name for each path: its shortest unique ending in words, then its numbers.

    >>> layer_names({"h.0.attn": "Attention", "h.1.attn": "Attention", "h.0.ln_1": "LayerNorm", "ln_f": "LayerNorm"})
    {'h.0.attn': 'attn0', 'h.1.attn': 'attn1', 'h.0.ln_1': 'ln_1_0', 'ln_f': 'ln_f'}
    """
    pieces = {path: split(path, kind) for path, kind in kinds.items()}
    ends: dict[tuple[str, ...], set[tuple[tuple[str, ...], int]]] = {}
    for words, numbers in pieces.values():
        for start in range(len(words)):
            ends.setdefault(words[start:], set()).add((words, len(numbers)))
    names: dict[str, str] = {}
    taken: set[str] = set()
    for path, (words, numbers) in pieces.items():
        start = next((k for k in range(len(words) - 1, -1, -1) if len(ends[words[k:]]) == 1), 0)
        stem = "_".join(words[start:])
        between = "_" if stem[-1:].isdecimal() and numbers else ""
        names[path] = fresh(f"{stem}{between}{'_'.join(numbers)}", taken)
    return names


def identifier(path: str) -> str:
    """The path of a parameter as an identifier.

    >>> identifier("h.3.attn"), identifier("0.weight")
    ('h_3_attn', 'p_0_weight')
    """
    plain = "".join(letter if f"_{letter}".isidentifier() else "_" for letter in path)  # isalnum would allow ²
    return plain if plain.isidentifier() else f"p_{plain}"


def fresh(name: str, taken: set[str]) -> str:
    """An unused identifier from a name, with a number appended if needed; adds it to `taken`."""
    plain = identifier(name)
    number, unique = 2, plain
    while unique in taken:
        unique, number = f"{plain}_{number}", number + 1
    taken.add(unique)
    return unique
