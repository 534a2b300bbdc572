"""A line under a formula that names its closed layers: what they hold, the formula does not show."""

from __future__ import annotations

from collections.abc import Iterator

from symfold.core.closed_layers import closed_layers
from symfold.core.net import Net
from symfold.core.shapes import Size
from symfold.core.stacked_inputs import Leaf, Numbered, count_of, known_count
from symfold.show.notation.styles import Style
from symfold.show.notation.terms import Name

MOST = 8  # names that are listed
HOLDS = ((True, "closed", "several layers inside"), (False, "unknown", "operations that symfold does not know"))


def closed_note(net: Net, style: Style) -> str:
    """The line of a net; empty if no layer is closed.

    >>> import symfold as sf
    >>> from symfold.show.notation.styles import STYLES
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.perceptron(3, 4)), sf.tensor("x", (2, 3)))
    >>> closed_note(net, STYLES["text"])
    'closed: f1, ..., f3 (several layers inside)'
    >>> closed_note(net, STYLES["latex"])
    '\\\\text{closed: }f_{1}, \\\\ldots, f_{3}\\\\text{ (several layers inside)}'
    """
    closed = closed_layers(net.outputs)
    parts = []
    for several, title, holds in HOLDS:
        leaves = dict.fromkeys(
            leaf for names, number in closed.items() if (number is not None) is several for leaf in names
        )
        if leaves:
            names = [name for leaf in leaves for name in _ends(leaf)]
            shown = names if len(names) <= MOST else [*names[: MOST - 1], None]
            separator = "<mo>,</mo>" if style.key == "mathml" else ", "
            written = separator.join(style.ellipsis if name is None else style.name(name) for name in shown)
            parts.append(f"{_words(f'{title}: ', style)}{written}{_words(f' ({holds})', style)}")
    return _words("; ", style).join(parts)


def _ends(leaf: Leaf) -> Iterator[Name | None]:
    """The name of a leaf; of several, the first and the last, with None between them."""
    names = leaf.op.names
    count = count_of(names)

    def name(position: Size) -> Name:
        if isinstance(names, Numbered):
            return Name(names.prefix, names.number(position), layer=True)
        return Name(names[known_count(position)], layer=True)

    yield name(0)
    if count == 2:
        yield name(1)
    elif count != 1:
        yield from (None, name(count - 1))


def _words(words: str, style: Style) -> str:
    if style.key == "latex":
        return rf"\text{{{words}}}"
    return f"<mtext>{words}</mtext>".replace(" ", "\u00a0") if style.key == "mathml" else words
