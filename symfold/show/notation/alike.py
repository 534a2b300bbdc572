"""Alike: separate names that a style would write the same way. The plainest keeps its form, the others appear as typed.

x1 - x_1      unicode: x₁ - x_1      LaTeX: x_{1} - \\mathrm{x\\_1}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from xml.sax.saxutils import escape

import sympy as sp

from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import Leaf, Numbered
from symfold.show.notation.styles import Style, escaped, style_named
from symfold.show.notation.terms import Name, show_size

ENTRY = sp.Symbol("k") - 1


def style_of(net: Net, key: str) -> Style:
    """A style that writes no two names of a net alike.

    >>> import symfold as sf
    >>> style_of(sf.Net.of(sf.tensor("x1") - sf.tensor("x_1")), "unicode").name(Name("x_1"))
    'x_1'
    """
    return distinct_names(style_named(key), leaves_of(net.outputs))


def distinct_names(style: Style, leaves: Iterable[Leaf]) -> Style:
    """The style, changed so that it writes no two names of these leaves alike."""
    seen: dict[str, dict[str, str]] = {}  # by written form: each class of names, with one of them as typed
    for leaf in leaves:
        layer = leaf.shape[-1:] == (NAME,)
        for name in _names(leaf):
            word = name.stem if name.index is None else typed(name)
            written = style.word(word) if layer and name.index is None else style.name(name)
            seen.setdefault(written, {}).setdefault(class_of(name), word)
    raw: set[str] = set()
    for written, classes in seen.items():
        plainest = min(classes, key=lambda key: (classes[key] != written, len(key)))
        raw |= {key for key in classes if key != plainest}
    return _raw(style, frozenset(raw)) if raw else style


def class_of(name: Name) -> str:
    """A name without its number, since all numbers are written alike; for a derivative dy/dx_1, that of x_1."""
    word = name.stem.rpartition("/d")[2]
    return word if name.index is not None else word.rstrip("0123456789") or word


def typed(name: Name) -> str:
    """A name as typed; an entry of numbered names has its index after their full prefix."""
    if name.index is None or (name.joined and isinstance(name.index, int)):
        return f"{name.stem}{'' if name.index is None else name.index}"
    return f"{name.stem}_{{{show_size(name.index)}}}"


def _names(leaf: Leaf) -> list[Name]:
    """The names of a leaf; for numbered names, one representative and the entry at an index."""
    if isinstance(leaf.op.names, Numbered):
        prefix = leaf.op.names.prefix
        return [Name(f"{prefix}1"), Name(prefix, ENTRY, joined=False)]
    return list(map(_stand_in, leaf.op.names))


def _stand_in(word: str) -> Name:
    plain = class_of(Name(word))
    return Name(word if plain == word else f"{plain}1")


def _raw(style: Style, classes: frozenset[str]) -> Style:
    """A style that writes the names of these classes as typed."""

    def write_name(name: Name) -> str:
        return spelled(name, style.key) if class_of(name) in classes else style.name(name)

    def write_word(word: str) -> str:
        return spelled(Name(word), style.key) if class_of(Name(word)) in classes else style.word(word)

    return replace(style, name=write_name, word=write_word)


SPELLED: dict[str, Callable[[str], str]] = {
    "latex": lambda word: rf"\mathrm{{{escaped(word)}}}",
    "mathml": lambda word: f"<mi>{escape(word)}</mi>",
}


def spelled(name: Name, key: str) -> str:
    """A name as typed, in a style."""
    return SPELLED.get(key, str)(typed(name))
