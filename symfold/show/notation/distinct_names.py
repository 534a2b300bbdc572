"""Distinct names: the style of a net writes no two things alike.

Of names that would be written alike the plainest keeps its form, the others appear as typed: x1 - x_1 is in Unicode
x₁ - x_1, in LaTeX x_{1} - \\mathrm{x\\_1}. A layer with the name of a function of its net, and an input with that of a
constant or a depth, are quoted: 'tanh'(tanh(x)), pi*'pi'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from html import escape

import sympy as sp

from symfold.core.functions import ROWS, logical_xor
from symfold.core.leaves import number_of
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node, is_elementwise, walk
from symfold.core.primitives import PRIMITIVES, is_apply
from symfold.core.shapes import size_symbols
from symfold.core.stacked_inputs import Leaf, Numbered
from symfold.show.notation.latex import escaped, text_inside
from symfold.show.notation.styles import Style, style_named
from symfold.show.notation.terms import Name, names_layers, show_size

ENTRY = sp.Symbol("k") - 1


def style_of(net: Net, key: str) -> Style:
    """A style that writes no two names of a net alike.

    >>> import symfold as sf
    >>> style_of(sf.Net.of(sf.tensor("x1") - sf.tensor("x_1")), "unicode").name(Name("x_1"))
    'x_1'
    """
    leaves = leaves_of(net.outputs)
    style = distinct_names(style_named(key), leaves)
    quoted = _like_other_things(net, leaves, style)
    return _changed(style, quoted, quoted_name) if quoted else style


CONSTANTS = (sp.pi, sp.E, sp.I, sp.oo, sp.zoo, sp.nan, sp.EulerGamma, sp.GoldenRatio, sp.Catalan, sp.TribonacciConstant)
SIGNS = (sp.Add, sp.Mul, sp.Pow)  # written without a name
CONSTANT_NAMES = frozenset(("e", "i", "gamma", "phi", "G", *map(str, CONSTANTS)))


def _like_other_things(net: Net, leaves: Sequence[Leaf], style: Style) -> frozenset[str]:
    """The names that layers have in common with functions of the net, and inputs with its constants and depths."""
    layers: set[str] = set()
    inputs: set[str] = set()
    functions_named = _function_names()
    for leaf in leaves:
        if isinstance(leaf.op.names, Numbered):  # log2 is the second layer of log1, log2, ...
            layers |= {name for name in functions_named if name[-1].isdecimal() and name in leaf.op.names}
        else:
            (layers if names_layers(leaf.op) else inputs).update(leaf.op.names)
    depths = [leaf.op.names.count for leaf in leaves if isinstance(leaf.op.names, Numbered)]
    depths += [fold.op.count for fold in net.bindings]
    like = inputs.intersection(name for depth in depths if not isinstance(depth, int) for name in size_symbols(depth))
    if not (layers and layers & functions_named) and inputs.isdisjoint(CONSTANT_NAMES):
        return frozenset(like)
    nodes = walk((*net.outputs, *(result for block in net.blocks for result in block.results)))
    functions = {node.op.__name__.lower() for node in nodes if is_elementwise(node) and node.op not in SIGNS}
    functions |= {node.op.primitive.name for node in nodes if is_apply(node)}
    functions |= {word for node in nodes for word in _other_words(node)}
    values = [value for node in nodes if (value := number_of(node)) is not None]
    constants = {constant for value in values for constant in value.atoms(*map(type, CONSTANTS))}
    written = {style.print(constant) for constant in constants}
    if style.key == "unicode":  # pi, beside a name that becomes π
        written |= {style.name(Name(str(constant))) for constant in constants}
    if "exp" in functions and style.key in ("latex", "mathml"):  # e^x
        written.add(style.print(sp.E))
    like |= {name for name in layers if name.lower() in functions}
    return frozenset(like | {name for name in inputs if style.name(Name(name)) in written})


def _function_names() -> set[str]:
    """The names by which functions and primitives are written."""
    return {name for head in ROWS for name in (head.__name__, head.__name__.lower())}.union(PRIMITIVES, ("sqrt", "xor"))


def _other_words(node: Node) -> tuple[str, ...]:
    """The word by which text writes an operation that has another name."""
    if node.op is sp.Pow and number_of(node.args[1]) in (sp.S.Half, -sp.S.Half):
        return ("sqrt",)
    return ("xor",) if node.op is logical_xor else ()


def distinct_names(style: Style, leaves: Iterable[Leaf]) -> Style:
    """The style, changed so that it writes no two names of these leaves alike."""
    seen: dict[str, dict[str, str]] = {}  # by written form: each class of names, with one of them as typed
    for leaf in leaves:
        for name in _names(leaf):
            word = name.stem if name.index is None else typed(name)
            seen.setdefault(_look(style.name(name), style), {}).setdefault(class_of(name), word)
    raw: set[str] = set()
    for written, classes in seen.items():
        plainest = min(classes, key=lambda key: (classes[key] != written, len(key), key))
        raw |= {key for key in classes if key != plainest}
    return _changed(style, frozenset(raw), typed_name) if raw else style


def _look(written: str, style: Style) -> str:
    """What is seen of a written name: LaTeX ignores spaces and empty indices."""
    return re.sub(r"\s|[_^]\{\}|[{}]", "", written) if style.key == "latex" else written


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
    layer = names_layers(leaf.op)
    if isinstance(leaf.op.names, Numbered):
        prefix = leaf.op.names.prefix
        return [Name(f"{prefix}1", layer=layer), Name(prefix, ENTRY, joined=False, layer=layer)]
    return [Name(_stand_in(word), layer=layer) for word in leaf.op.names]


def _stand_in(word: str) -> str:
    plain = class_of(Name(word))
    return word if plain == word else f"{plain}1"


def _changed(style: Style, classes: frozenset[str], spelled: Callable[[Name, str], str]) -> Style:
    """A style that writes these names, and names of these classes, in another way."""

    def write_name(name: Name) -> str:
        alike = class_of(name) in classes or typed(name) in classes
        return spelled(name, style.key) if alike else style.name(name)

    return replace(style, name=write_name)


SPELLED: dict[str, Callable[[str], str]] = {
    "latex": lambda word: rf"\mathrm{{{text_inside(escaped(word))}}}",
    "mathml": lambda word: f"<mi>{escape(word, quote=False)}</mi>",
}
QUOTED: dict[str, Callable[[str], str]] = {
    "text": lambda word: f"'{word}'",
    "unicode": lambda word: f"‘{word}’",
    "latex": lambda word: rf"\text{{`{text_inside(escaped(word))}'}}",
    "mathml": lambda word: f"<mi>‘{escape(word, quote=False)}’</mi>",
}


def typed_name(name: Name, key: str) -> str:
    """A name as typed, in a style."""
    return SPELLED.get(key, str)(typed(name))


def quoted_name(name: Name, key: str) -> str:
    """A name in quotation marks, in a style."""
    return QUOTED[key](typed(name))
