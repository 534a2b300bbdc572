"""The sections of the page, in reading order. A new section is one function and one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import symfold.apps.report.figures as figures
from symfold.apps.report.answered import answer, answer_table
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.frames import framed
from symfold.apps.report.markup import element, words
from symfold.apps.report.panels import couplings, lengths, pictures, strength, sweeps, updates, written_out
from symfold.apps.report.trained import TASK


@dataclass(frozen=True)
class Section:
    """A part of the page: its link target, its heading, an explanation in plain words, and the content."""

    key: str
    heading: str
    lead: str
    content: Callable[[Comparison], str]

    def html(self, comparison: Comparison) -> str:
        """The section, or nothing if it has no content for these nets. Errors: SymfoldError says why."""
        content = self.content(comparison)
        if not content:
            return ""
        head = words(self.heading, "h2", id=f"{self.key}-head")
        return element(
            "section",
            head + (words(self.lead) if self.lead else "") + content,
            id=self.key,
            aria_labelledby=f"{self.key}-head",
        )


SECTIONS = (
    Section("answer", "In short", "", lambda comparison: framed(comparison, answer, deep=True)),
    Section("pictures", "The two nets", "", pictures),
    Section(
        "table", "Question by question", "Each row asks one question of both nets.",
        lambda comparison: framed(comparison, answer_table, deep=True),
    ),
    Section("formulas", "Written out", "", lambda comparison: framed(comparison, written_out)),
    Section(
        "lengths", "Path lengths",
        "Each path from the input to the output passes through some number of layers. If every "
        "layer multiplies what passes through it by g, a path through k layers has the weight g^k. "
        "The bars show what share of the whole the paths of each length have.",
        lengths,
    ),
    Section(
        "strength", "How small is the difference when layers do little?",
        "Scale every layer by epsilon, and expand in powers of epsilon. Here f_2'(x)[v] is the "
        "derivative of layer f_2 at x in the direction v: what the layer makes of a small change v. "
        "If the nets differ from some power of epsilon on, a plot on two logarithmic axes shows it: a power "
        "is a straight line, and its slope is the power.",
        strength,
    ),
    Section(
        "sweeps", "Solving the equations by sweeps",
        "Solve the first net's equations by repeated substitution (Picard's iteration): start with "
        "every state equal to the input, and in each sweep let every layer read the states that the "
        "sweep before it left.",
        sweeps,
    ),
    Section(
        "couplings", "Which layers read which",
        "Write layer k as V_k s(W_k z): what an earlier layer j writes with V_j reaches layer k "
        "through the matrix W_k V_j, as if the two were wired together. The darker the square in row k and "
        "column j, the larger that matrix; it is 0 unless layer k reads what layer j wrote. Both nets are "
        "trained: " + TASK + ".",
        couplings,
    ),
    Section(
        "teaching", "What each layer is taught",
        "The gradient that a layer receives is what it learns from. Where all layers read x and are "
        "added, each receives the loss gradient itself; where each reads the state before it, the "
        "gradient comes back through all the layers above, and what a layer is taught depends on "
        "what those have learned. Both nets are trained: " + TASK + ".",
        lambda comparison: figures.teaching(comparison.pictured),
    ),
    Section(
        "updates", "What one layer's step changes for the others",
        "Take a small gradient step on layer j alone (column): by how much does what layer k (row) "
        "is taught change, as a share of it and per unit of the learning rate? In boosting a step is "
        "felt by all layers alike, through the loss. Both nets are trained as before.",
        updates,
    ),
    Section(
        "groups", "Layers in groups: how many in a row, how many paths",
        "Let q neighboring steps of the first net read the same state side by side, then go on: with "
        "q = 1 the net is as it was, and the longer the groups, the fewer steps wait for another. The plot "
        "shows how many layers run one after another (the span) against how many paths there are.",
        figures.frontier,
    ),
)  # fmt: skip
