"""The content of the page's sections: diagrams and formulas, series, sweeps, heat maps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

import symfold.apps.report.figures as figures
from symfold.analysis.strength.series import series
from symfold.apps.report.answered import moved_table
from symfold.apps.report.cells import Formula, abbreviated, net_formula
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.frames import framed
from symfold.apps.report.markup import element, formula, words
from symfold.apps.report.pictures import diagrams, drawn_graph, laid_out_together
from symfold.apps.report.story import FEW
from symfold.apps.report.sweeps import ladder, swept
from symfold.core.net import Net
from symfold.errors import SymfoldError

HALF = 540.0  # pixels of half the page
LINE = 64  # characters of a formula on it
MOST_OPS = 40  # operations up to which a net is written out in full on the page


def guarded(make: Callable[[Comparison], str], comparison: Comparison) -> str:
    """A part of a section, or the reason why these nets have none."""
    try:
        return make(comparison)
    except SymfoldError as error:
        return words(f"Not shown for these nets: {error}", class_="quiet")


def pair(comparison: Comparison, both: tuple[str, str], class_: str = "") -> str:
    """Content of each net, side by side under its name."""
    parts = "".join(
        element("div", words(name, "h3", class_=f"name-{side}") + content)
        for side, name, content in zip("ab", comparison.titles, both, strict=True)
    )
    return element("div", parts, class_=f"pair {class_}".strip())


def diagram_pair(comparison: Comparison) -> str:
    """Both diagrams, side by side if there is room."""
    both = diagrams(comparison)
    widths = [float(width) for width in re.findall(r'<svg class="diagram[^>]*? width="([\d.]+)"', "".join(both))]
    return pair(comparison, both, "diagrams stacked" if max(widths) > HALF else "diagrams")


def formula_pair(comparison: Comparison, both: tuple[Sequence[Formula], Sequence[Formula]]) -> str:
    """Formulas of each net, side by side if there is room."""
    lines = [line for formulas in both for shown in formulas for line in shown.text.split("\n")]
    first, second = ("".join(map(formula, formulas)) for formulas in both)
    stacked = max(map(len, lines), default=0) > LINE
    return pair(comparison, (first, second), "formulas stacked" if stacked else "formulas")


def written_out(comparison: Comparison) -> str:
    """The formulas at one depth: step by step, and in one unless that is too long."""
    both = []
    for net in comparison.nets:
        shown = [abbreviated(net_formula(net, "steps"), net_formula(net, "fold"))]
        with suppress(SymfoldError):  # too long to read
            expanded = net_formula(net, "expanded", MOST_OPS)
            if expanded.text:
                shown.append(expanded)
        both.append(shown)
    return formula_pair(comparison, (both[0], both[1]))


def pictures(comparison: Comparison) -> str:
    graph = drawn_graph(comparison.pictured)
    moved = (
        "Heavy colored arrows are in one net alone (dashed in the second); gray arrows are in both."
        if any(owner != "both" for *_, owner in graph.edges(data="side"))
        else "All arrows are in both nets."
    )
    places = " Both diagrams place the same nodes in the same places." if laid_out_together(graph) else ""
    folded = " One step of each fold is shown." if graph.graph["level"] == "block" else ""
    note = words(
        f"Boxes are layers, circles are joins (+ a sum, × a product), ovals are states.{places}{folded} {moved}",
        class_="quiet",
    )
    return framed(comparison, diagram_pair) + note + framed(comparison, moved_table, deep=True)


def lengths(comparison: Comparison) -> str:
    tilt = (
        '<div class="slider" data-needs-script hidden><label for="tilt">Factor g of each layer</label>'
        '<input type="range" id="tilt" min="-4" max="4" step="0.25" value="0" aria-describedby="tilt-shown">'
        '<output for="tilt" id="tilt-shown">g = 1.00, g/(1 + g) = 0.50</output></div>'
    )
    return tilt + framed(comparison, figures.histogram)


def strength(comparison: Comparison) -> str:
    """The difference as a series, and measured."""
    return (
        guarded(expansions, comparison)
        + guarded(third_order, comparison)
        + guarded(figures.epsilon, comparison.pictured)
    )


def expansions(comparison: Comparison) -> str:
    both = framed(comparison, lambda frame: formula_pair(frame, ([series_formula(frame.a)], [series_formula(frame.b)])))
    return (
        both
        + words(" minus ".join(comparison.spoken), "h3")
        + framed(comparison, lambda frame: difference_formula(frame, 2))
    )


def third_order(comparison: Comparison) -> str:
    """The order at which second derivatives appear, for few layers, since the terms are many."""
    few = comparison.frames.get(FEW)
    return (
        ""
        if few is None
        else (
            words(f"{' minus '.join(few.spoken)} for {FEW} layers, one order further", "h3")
            + difference_formula(few, 3)
        )
    )


def sweeps(comparison: Comparison) -> str:
    """The ladder of sweeps, and its conclusion."""
    return framed(comparison, lambda frame: words(swept(frame), class_="lead") + ladder(frame))


def couplings(comparison: Comparison) -> str:
    """The heat maps of both nets."""
    frame = comparison.pictured
    return words(pictured_layers(frame), class_="quiet") + pair(frame, figures.couplings(frame), "plots")


def updates(comparison: Comparison) -> str:
    """How the updates of the layers are coupled, in both nets."""
    frame = comparison.pictured
    return words(pictured_layers(frame), class_="quiet") + pair(frame, figures.updates(frame), "plots")


def pictured_layers(frame: Comparison) -> str:
    return f"Nets of {figures.of_layers(frame)}."


def series_formula(net: Net) -> Formula:
    return Formula(series(net, 2).formula)


def difference_formula(comparison: Comparison, order: int) -> str:
    """The difference up to an order; where that is zero, up to the order that the other sentences go to."""
    a, b = comparison.nets
    difference = series(a, order) - series(b, order)
    if difference.leading is None and order < figures.ORDER:
        difference = series(a, figures.ORDER) - series(b, figures.ORDER)
    return formula(Formula(difference.formula))
