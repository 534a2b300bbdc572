"""The sections of the page, in reading order. A new section is one function and one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from symfold.analysis.equality.difference import difference
from symfold.analysis.jacobians.jacobian import jacobian
from symfold.analysis.strength.series import series
from symfold.errors import SymfoldError
from symfold.net import Net
from symfold.report import figures
from symfold.report.cells import Formula, net_formula, said
from symfold.report.comparison import Comparison
from symfold.report.frames import framed
from symfold.report.markup import cell, element, formula, sentence, words
from symfold.report.pictures import diagrams
from symfold.report.rows import answers
from symfold.report.story import CLOSING, FEW, OPENING, told
from symfold.report.sweeps import ladder, swept
from symfold.report.trained import TASK

MOST_OPS = 40  # layer applications up to which a net is written out in full on the page


@dataclass(frozen=True)
class Section:
    """A part of the page: where a link finds it, its heading, what it shows in plain words, and the content."""

    key: str
    heading: str
    lead: str
    content: Callable[[Comparison], str]

    def html(self, comparison: Comparison) -> str:
        content = guarded(self.content, comparison)
        if not content:
            return ""
        head = words(self.heading, "h2", id=f"{self.key}-head")
        return element("section", head + (words(self.lead) if self.lead else "") + content, id=self.key, aria_labelledby=f"{self.key}-head")


def answer(comparison: Comparison) -> str:
    """The sentences of the terminal."""
    return element("div", "".join(sentence(cell) for cell in told(comparison, OPENING + CLOSING)), class_="lead")


def answer_table(comparison: Comparison) -> str:
    """The table of the terminal, its formulas as MathML."""
    names = [escape(name) for name in comparison.titles]
    head = f'<tr><th scope="col" class="label">Question</th><th scope="col" class="name-a">{names[0]}</th><th scope="col" class="name-b">{names[1]}</th></tr>'
    rows = []
    for answered in answers(comparison):
        mark = words("they differ" if answered.differ else "the same", "span", class_="mark")
        label = element("th", f"{words(answered.row.label, 'b')}{words(answered.row.question, 'span')}{mark}", scope="row", class_="label")
        both = "".join(element("td", element("div", cell(parts), class_="scroll"), data_name=name) for name, parts in zip(comparison.titles, answered.cells, strict=True))
        rows.append(element("tr", label + both, class_="differs" if answered.differ else "alike"))
    return f'<table class="answers"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def depth_slider(comparison: Comparison) -> str:
    if not comparison.frames:
        return ""
    shown = comparison.shown
    deep = comparison.steps != shown
    told = words(f"The nets compared have {_depth_of(comparison)} layers; the pictures below show nets of {shown}, and the slider other depths up to {len(comparison.frames)}.", class_="quiet")
    return (told if deep else "") + (
        '<div class="controls" data-needs-script hidden><div class="slider"><label for="depth">Depth (layers)</label>'
        f'<input type="range" id="depth" min="1" max="{len(comparison.frames)}" step="1" value="{comparison.shown}">'
        f'<output for="depth">n = <span data-depth-shown>{comparison.shown}</span></output></div></div>'
    )


def _depth_of(comparison: Comparison) -> str:
    return str(comparison.symbol) if comparison.symbol is not None else said(int(comparison.steps))


def pair(comparison: Comparison, both: tuple[str, str], class_: str = "") -> str:
    """Something of each net, side by side under its name."""
    parts = "".join(
        element("div", words(name, "h3", class_=f"name-{side}") + content) for side, name, content in zip("ab", comparison.titles, both, strict=True)
    )
    return element("div", parts, class_=f"pair {class_}".strip())


def diagram_pair(comparison: Comparison) -> str:
    return pair(comparison, diagrams(comparison))


def written_out(comparison: Comparison) -> str:
    """The formulas at one depth: step by step, and in full where that is not long."""
    both = []
    for net in comparison.nets:
        shown = formula(net_formula(net, "steps"))
        try:
            shown += formula(net_formula(net, "expanded", MOST_OPS))
        except SymfoldError:
            shown += words("Written out in full it would be too long to read.", class_="quiet")
        both.append(shown + words("Jacobian", "h4") + formula(Formula(jacobian(net).formula)))
    return pair(comparison, (both[0], both[1]), "formulas")


def pictures(comparison: Comparison) -> str:
    found = difference(*comparison.pictured.nets)
    moved = "Heavy coloured arrows are in one net alone (dashed in the second); grey arrows are in both." if found.moved else "All arrows are in both nets."
    note = words(
        f"Boxes are layers, circles are joins (+ a sum, × a product), ovals are states. Both diagrams place the same nodes in the same places. {moved}",
        class_="quiet",
    )
    return framed(comparison, diagram_pair) + note + framed(comparison, written_out)


def lengths(comparison: Comparison) -> str:
    tilt = (
        '<div class="slider" data-needs-script hidden><label for="tilt">Factor g of each layer</label>'
        '<input type="range" id="tilt" min="-4" max="4" step="0.25" value="0" aria-describedby="tilt-shown">'
        '<output for="tilt" id="tilt-shown">g = 1.00, g/(1 + g) = 0.50</output></div>'
    )
    return tilt + framed(comparison, figures.histogram)


def guarded(make: Callable[[Comparison], str], comparison: Comparison) -> str:
    """A part of a section, or why these nets have none."""
    try:
        return make(comparison)
    except SymfoldError as error:
        return words(f"Not shown for these nets: {error}", class_="quiet")


def strength(comparison: Comparison) -> str:
    """The difference as a series, and measured."""
    return guarded(expansions, comparison) + guarded(third_order, comparison) + guarded(figures.epsilon, comparison.pictured)


def expansions(comparison: Comparison) -> str:
    both = framed(comparison, lambda frame: pair(frame, (series_formula(frame.a), series_formula(frame.b)), "formulas"))
    return both + words("A - B", "h3") + framed(comparison, lambda frame: difference_formula(frame, 2))


def third_order(comparison: Comparison) -> str:
    """The order at which second derivatives come in, for few layers: the terms are many."""
    few = comparison.frames.get(FEW)
    return "" if few is None else words(f"A - B for {FEW} layers, one order further", "h3") + difference_formula(few, 3)


def sweeps(comparison: Comparison) -> str:
    """The ladder of sweeps, and what it says of the two nets."""
    return framed(comparison, lambda frame: words(swept(frame), class_="lead") + ladder(frame))


def couplings(comparison: Comparison) -> str:
    """The heat maps of both nets."""
    frame = comparison.pictured
    a, b = (figures.couplings(frame, *one) for one in zip(frame.nets, frame.trained, frame.titles, strict=True))
    return words(pictured_layers(frame), class_="quiet") + pair(frame, (a, b), "plots")


def updates(comparison: Comparison) -> str:
    """How the updates of the layers are coupled, in both nets."""
    frame = comparison.pictured
    a, b = (figures.updates(frame, *one) for one in zip(frame.trained, frame.titles, strict=True))
    return words(pictured_layers(frame), class_="quiet") + pair(frame, (a, b), "plots")


def pictured_layers(frame: Comparison) -> str:
    return f"Nets of {figures.of_layers(frame)}."


def series_formula(net: Net) -> str:
    return formula(Formula(series(net, 2).formula))


def difference_formula(comparison: Comparison, order: int) -> str:
    return formula(Formula((series(comparison.a, order) - series(comparison.b, order)).formula))


SECTIONS = (
    Section("answer", "In short", "", answer),
    Section("table", "Question by question", "What is asked of both nets, and what each answers.", answer_table),
    Section("pictures", "The two nets", "Each net as a diagram and as formulas.", pictures),
    Section(
        "lengths", "Path lengths",
        "Each path from the input to the output passes through some number of layers. Where every layer multiplies what passes through it by g, a path through k layers counts g to the power k; the bars show what share of the whole the paths of each length then have.",
        lengths,
    ),
    Section(
        "strength", "How small is the difference when layers do little?",
        "Scale every layer by epsilon, and expand in powers of epsilon. Here f_2'(x)[v] is the derivative of layer f_2 at x in the direction v: what the layer makes of a small change v. Where the nets part at a power of epsilon, a plot on two logarithmic axes shows it: a power is a straight line, and its slope is the power.",
        strength,
    ),
    Section(
        "sweeps", "Solving the equations by sweeps",
        "Solve the first net's equations by repeated substitution (Picard's iteration): start with every state equal to the input, and in each sweep let every layer read the states that the sweep before it left.",
        sweeps,
    ),
    Section(
        "couplings", "Which layer hears which",
        "Write layer k as V_k s(W_k z): what an earlier layer j writes with V_j reaches layer k through the matrix W_k V_j, as if the two were wired together. A square is the size of that matrix where layer k (row) does read what layer j (column) wrote. Both nets are trained: " + TASK + ".",
        couplings,
    ),
    Section(
        "teaching", "What each layer is taught",
        "The gradient that a layer receives is what it learns from. Where all layers read x and are added, each receives the loss gradient itself; where each reads the state before it, the gradient comes back through all the layers above, and what a layer is taught depends on what those have learned. Both nets are trained: " + TASK + ".",
        lambda comparison: figures.teaching(comparison.pictured),
    ),
    Section(
        "updates", "What one layer's step changes for the others",
        "Take a small gradient step on layer j alone (column): by how much does what layer k (row) is taught change, as a share of it and per unit of the learning rate? In boosting a step is felt by all layers alike, through the loss. Both nets are trained as before.",
        updates,
    ),
    Section(
        "groups", "Layers in groups: how many in a row, how many paths",
        "Let q layers of the first net read the same state side by side, then go on: with q = 1 the net is as it was, with one group of all the layers none waits for another. The plot shows how many must wait in a row (the span) against how many paths there are.",
        figures.frontier,
    ),
)  # fmt: skip
