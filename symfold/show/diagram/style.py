"""The look of each kind of node and edge: by shape and line first, by color as well; and of labels. A new kind is one row.

The colors are Okabe and Ito's, which color-blind readers can distinguish.
"""

from __future__ import annotations

import re

import graphviz

from symfold.show.graph.names import visible

Style = dict[str, str]

FONT = "Helvetica"  # one name: Graphviz looks letter widths up by font name, and knows no lists of fonts
INK = "#222222"
QUIET = "#777777"

GRAPH: Style = {
    "bgcolor": "white", "fontname": FONT, "fontsize": "12", "fontcolor": INK, "rankdir": "LR", "newrank": "true",
    "ranksep": "0.22", "nodesep": "0.2", "splines": "spline", "pad": "0.1",
}  # fmt: skip
NODE: Style = {
    "fontname": FONT, "fontsize": "12", "fontcolor": INK, "color": INK, "style": "filled", "fillcolor": "white",
    "penwidth": "1.1", "width": "0.3", "height": "0.3", "margin": "0.09,0.05",
}  # fmt: skip
EDGE: Style = {
    "fontname": FONT,
    "fontsize": "10",
    "fontcolor": INK,
    "color": INK,
    "arrowsize": "0.6",
    "penwidth": "1.1",
}
CLUSTER: Style = {
    "fontname": FONT, "fontsize": "10", "fontcolor": QUIET, "color": "#D0D0D0", "style": "rounded,filled",
    "fillcolor": "#F6F6F6", "penwidth": "0.8", "margin": "7",
}  # fmt: skip
MARK: Style = {"fontsize": "9"}  # at an operand

CLOSED: Style = {"peripheries": "2"}  # a layer that holds several
NODES: dict[str, Style] = {
    "input": {"shape": "hexagon", "fillcolor": "#CDEBE1", "color": "#007A5A", "margin": "0.04,0.02", "penwidth": "1.4"},
    "state": {"shape": "ellipse", "fillcolor": "white", "margin": "0.03,0.02", "penwidth": "1.4"},
    "layer": {"shape": "box", "fillcolor": "#CFE6F5", "color": "#0072B2", "penwidth": "1.4", "height": "0.34", "width": "0.4"},
    "join": {"shape": "circle", "fillcolor": "#FCEBC7", "color": "#B07400", "fixedsize": "true", "width": "0.27", "fontsize": "14"},
    "wide join": {"shape": "octagon", "fillcolor": "#FCEBC7", "color": "#B07400", "margin": "0.03,0.01"},
    "primitive": {"shape": "box", "style": "filled,rounded", "fillcolor": "#F7F7F7", "color": "#666666"},
    "parameter": {"shape": "cylinder", "fillcolor": "#F6E1EC", "color": "#A3517A", "margin": "0.05,0.02"},
    "constant": {"shape": "plaintext", "fillcolor": "none", "style": "", "margin": "0.02,0.01", "width": "0.15", "height": "0.2"},
    "output": {"shape": "hexagon", "fillcolor": "white", "color": "#007A5A", "margin": "0.02,0.02", "penwidth": "1.4"},
    "dots": {"shape": "plaintext", "fillcolor": "none", "style": ""},
    "fold": {"shape": "box", "peripheries": "2", "fillcolor": "#EFEFEF", "margin": "0.15,0.1"},
    "step": {"shape": "component", "fillcolor": "#EFEFEF", "margin": "0.15,0.08"},
}  # fmt: skip

EDGES: dict[str, Style] = {
    "state": {},
    "data": {},
    "output": {},
    "init": {},
    "dots": {"arrowhead": "none"},
    "skip": {"color": "#D55E00", "penwidth": "2.6", "arrowsize": "0.55"},
    "capture": {"color": "#007A5A", "style": "dashed"},
    "item": {"color": "#0072B2", "arrowhead": "vee", "style": "dotted", "penwidth": "1.4"},
    "parameter": {"color": "#A3517A", "arrowhead": "odot", "arrowsize": "0.5"},
    # written in reverse, so that it gets a lane of its own
    "loop": {"penwidth": "1.8", "arrowsize": "0.7", "dir": "back", "weight": "0"},
}
SIGNS = {"*": "×", "/": "÷", "-": "−", ">=": "≥", "<=": "≤", "==": "=", "!=": "≠"}

LEGEND = {  # a sign that looks like the kind, and its meaning
    "input": "⬢ input", "layer": "□ layer", "closed": "▣ several layers in one", "state": "◯ state", "join": "⊕ join", "primitive": "▢ operation", "parameter": "⛁ parameter",
    "output": "⬡ output", "fold": "▩ fold", "step": "▤ step",
}  # fmt: skip
LINES = {
    "skip": "━▶ skip connection: the state bypasses the layer", "capture": "╌▶ the same value in every step", "item": "┈▶ item: one per step",
    "parameter": "─○ parameter", "loop": "⤺ to the next step",
}  # fmt: skip


KEYS = {text: kind for table in (LEGEND, LINES) for kind, text in table.items()}  # what each meaning is a kind of
GAP = "     "  # between two meanings


def legend(nodes: set[str], edges: set[str]) -> str:
    """The meaning of the shapes and lines of these kinds: one line of text for the shapes, one for the lines.

    >>> print(legend({"layer", "join"}, {"skip"}))
    □ layer     ⊕ join
    ━▶ skip connection: the state bypasses the layer
    """
    rows = (
        [text for kind, text in table.items() if kind in kinds] for table, kinds in ((LEGEND, nodes), (LINES, edges))
    )
    return "\n".join(GAP.join(texts) for texts in rows if texts)


_SUBSCRIPTS = str.maketrans("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_ALLOWED = re.compile(r"[0-9+\-=()aehijklmnoprstuvx,]+")


def pretty(label: str) -> str:
    """A label with its indices as subscripts, if Unicode has them.

    >>> pretty("f12"), pretty("z_{k-1}"), pretty("f1, ..., f1000"), pretty("gate_q")
    ('f₁₂', 'zₖ₋₁', 'f₁, …, f₁₀₀₀', 'gate_q')
    """
    text = re.sub(r"_\{([^{}]+)\}", lambda m: lowered(m[1]), label.replace("...", "…"))
    return re.sub(r"(?<![\w.\[])([A-Za-z]+?)_?(\d+)(?![\w.])", lambda m: m[1] + lowered(m[2]), text)


def lowered(index: str) -> str:
    """An index as a subscript, or after an underscore if Unicode lacks a letter.

    >>> lowered("k,t-1"), lowered("q")
    ('ₖ,ₜ₋₁', '_q')
    """
    return index.translate(_SUBSCRIPTS) if _ALLOWED.fullmatch(index) else f"_{index}"


def literal(text: str) -> str:
    """A label that Graphviz shows as it is: neither HTML, nor entities, nor escapes.

    >>> literal("<b> &lt; &")
    '<b> &amp;lt; &'
    """
    return graphviz.escape(re.sub(r"&(?=#?\w+;)", "&amp;", visible(text)))
