"""What notebooks show: a net by its formula and its picture, a graph by its picture. A display never raises."""

from __future__ import annotations

import re
from html import escape

from symfold.base.deferred import nx
from symfold.core.attach import attach
from symfold.core.net import Net
from symfold.core.nodes import walk
from symfold.show.diagram import MOST_NODES, display_svg, svg_of_graph, to_svg
from symfold.show.hypertext import element, image, mathematics, shown_safely
from symfold.show.notation import describe, display_mathml

MOST_FORMULA = 20_000  # nodes of a net; the formula of more is long, and would be written twice to find that out
MOST_EDGES = 3 * MOST_NODES
MOST_SVG = 150_000  # characters of a picture of every layer
MOST_HEIGHT = 900  # pixels of one: a screen
FOLDED = "One step of each fold is drawn. For every step: net.draw('net.svg', level='layer')."


def formula_html(net: Net) -> str:
    """The formula of a net that a display shows: its steps, or its folded form if they are many."""
    try:
        mathml = display_mathml(net) if len(walk(net.outputs)) <= MOST_FORMULA else None
        return element("pre", escape(describe(net))) if mathml is None else mathematics(mathml)
    except Exception:  # a display must never raise
        return element("pre", escape(describe(net)))


def picture_html(net: Net) -> str:
    """The picture of a net, of one step of each fold if it is large, or nothing if it has none that is small enough."""
    svg, note = display_svg(net), ""
    if svg is not None and (len(svg) > MOST_SVG or _height(svg) > MOST_HEIGHT):  # nobody reads so large a picture
        folded = to_svg(net, "fold")
        if folded != svg:
            svg, note = folded, element("p", escape(FOLDED))
    return "" if svg is None else note + image(svg, f"Picture of the net {describe(net)[:300]}")


def _height(svg: str) -> float:
    height = re.search(r'<svg\b[^>]*? height="([\d.]+)"', svg)
    return float(height[1]) if height else 0


def display_html(net: Net) -> str | None:
    """The formula of a net above its picture."""
    return formula_html(net) + (_picture_safely(net) or "")


_picture_safely = shown_safely(picture_html)


def display_graph(graph: nx.MultiDiGraph) -> str | None:
    """The picture of a graph that `net.graph` made; None for a large one, or one that has been changed beyond that."""
    if len(graph) > MOST_NODES or graph.number_of_edges() > MOST_EDGES:
        return None
    return element("p", escape(str(graph))) + image(svg_of_graph(graph), f"Picture of a {graph}")


def display_bundle(net: Net, include: object = None, exclude: object = None) -> dict[str, str]:
    """What a front end may choose from: the text, and the formula above the picture."""
    html = shown_safely(display_html)(net)
    return {"text/plain": repr(net), **({} if html is None else {"text/html": html})}


attach(Net, _repr_html_=shown_safely(display_html), _repr_mimebundle_=display_bundle)
