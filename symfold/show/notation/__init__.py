"""Notation: a net as a formula, in any form and style.

In: a net. Out: its formula as text, and its equations as SymPy expressions.

Two representations lie between a node and its text: a node is read as a term, a light tree over names; a term is taken
apart into its parts, literal text with terms in between.

    letters          letters of LaTeX as characters and as words
    loops            unused letters, and the letters and numbers of a net's folds
    terms            formulas as terms, sequences of terms
    shared           values with an equation of their own
    readings         the term of each node at a step
    latex            names, indices and words in LaTeX
    formula_text     a string that notebooks show as mathematics
    styles           text, Unicode, LaTeX, MathML
    distinct_names   no two names of a net are written alike
    operations       the parts of one operation, and its brackets
    arithmetic, choices, primitive_rows, linear_maps   the rows of operations
    symbolic         terms as SymPy expressions
    brackets         brackets in MathML: which ones grow
    writing          terms as text, equations as lines
    repeats          like steps, written by filling names into one text
    steps, foldform  the steps form and the fold form
    renamed          symbols of a reader's own
    closed_note      a line that names closed layers
    sizes            the size of an expanded formula, before it is written
    expanded         the expanded form
    previews         nodes as one short line
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sympy as sp

from symfold.base.arguments import one_of, real
from symfold.base.public import public
from symfold.core.attach import attach
from symfold.core.folds import Select
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import Advice, InvalidValue, SymfoldError, TooLarge
from symfold.show.notation import choices as choices  # choices, maps and primitives: for their rows
from symfold.show.notation import expanded
from symfold.show.notation import linear_maps as linear_maps
from symfold.show.notation import primitive_rows as primitive_rows
from symfold.show.notation.closed_note import closed_note
from symfold.show.notation.distinct_names import style_of
from symfold.show.notation.foldform import Line, fold_lines
from symfold.show.notation.formula_text import BOUND, Formula
from symfold.show.notation.formula_text import ShownByFormula as ShownByFormula
from symfold.show.notation.latex import latex_size
from symfold.show.notation.renamed import Renaming, checked_label, renaming
from symfold.show.notation.steps import Equations, equations
from symfold.show.notation.styles import STYLES, Style, mathml_tokens, style_named
from symfold.show.notation.terms import show_size
from symfold.show.notation.writing import MATH, equation, framed, side, stream, write
from symfold.transform.rolling import roll

FORMS = ("fold", "steps", "expanded")
SHORT = 24  # equations that `print(net)` lists
FEW = 8  # steps of a fold that it lists: of more, the fold says more than a column of like equations
MOST_BLOCKS = 200  # different steps, whose lines together are longer
TAGS = 8  # times as many in MathML, most of it tags


@public
def formula(
    net: Any,
    form: str = "fold",
    style: str = "text",
    max_ops: int | None = 10_000,
    inline: bool = False,
    names: Mapping[str, str] | None = None,
    label: str | None = None,
) -> Formula:
    """A net as a formula: folded, step by step, or fully expanded, in a style. A string; notebooks show mathematics.

    `max_ops` bounds the operations of the expanded form and the equations of the steps; None lifts it.
    A value used more than once gets an equation of its own; `inline=True` writes it out at every use.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> print(formula(net))
    z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..3, z_0 = x
    >>> print(formula(net, form="steps", style="unicode"))
    z₁ = f₁(x) + x
    z₂ = f₂(z₁) + z₁
    z₃ = f₃(z₂) + z₂
    >>> squared = sf.fold(lambda z, f: (u := 2 * f(z) + z) * u, sf.layers("f1:4"), sf.tensor("x"))
    >>> print(formula(squared))
    u_k = 2*f_k(z_{k-1}) + z_{k-1}
    z_k = u_k*u_k, k = 1..3, z_0 = x

    `names` gives symbols of your own for inputs, layers, parameters, states and indices: words or letters of LaTeX,
    as `\\mathbf{h}` or `\\ell`; in LaTeX also formulas. A name that the net lacks is an error, unless it is n
    or the letter of an index: one dictionary serves all depths.
    `label` numbers the equations of LaTeX: an `equation` with that label, or an `align` with a label for each line.

    >>> print(formula(net, names={"z": "h", "k": "t"}))
    h_t = f_t(h_{t-1}) + h_{t-1}, t = 1..3, h_0 = x
    >>> print(formula(sf.Net.of(sf.tensor("x") + 1), style="latex", names={"x": r"\\mathbf{h}"}, label="shift"))
    \\begin{equation}
    y = \\mathbf{h} + 1
    \\label{eq:shift}
    \\end{equation}
    """
    if form in STYLES:
        raise InvalidValue(f"{form!r} is a style, not a form (write style={form!r})")
    net, form, style = Net.of(net), one_of("form", form, FORMS), style_named(style).key
    symbols = {} if names is None else names

    def written(style: str, label: str) -> str:
        chosen = renaming(symbols, style)
        text = _written(net, form, chosen, chosen.style(style_of(net, style)), max_ops, inline, label)
        chosen.check(net)
        return text

    text = written(style, checked_label(label, style))
    return Formula(text, lambda shown: text if shown == style and label is None else written(shown, ""))


def brief_formula(net: Net, most: int) -> str | None:
    """The fold form as text, if it is short enough; a longer one is not written."""
    return _bounded(framed_lines(fold_lines(net), style_of(net, "text")), most)


def _written(net: Net, form: str, names: Renaming, style: Style, max_ops: int | None, inline: bool, label: str) -> str:
    if form == "fold":
        return "".join(
            framed_lines(list(map(names.line, fold_lines(net, (), inline))), style, label, closed_note(net, style))
        )
    if form == "steps":
        return _steps(net, style, max_ops, inline, label)
    expanded.check_size(net, max_ops)
    return "".join(expanded.lines(net, style, label))


def _steps(net: Net, style: Style, max_ops: int | None, inline: bool, label: str) -> str:
    net_equations = equations(net, inline)
    count = len(net_equations)
    if max_ops is not None and count > real("max_ops", max_ops):
        raise TooLarge(
            f"the net has {count:,} equations, over the bound of {max_ops:,}",
            Advice("form", "fold", 'use form="fold"'),
            Advice("max_ops", count, "lift the bound with max_ops=None"),
        )
    return "".join(_framed_steps(net_equations, style, label, closed_note(net, style)))


def _framed_steps(net_equations: Equations, style: Style, label: str = "", note: str = "") -> Iterator[str]:
    several = len(net_equations) > 1 or bool(note)
    lines = (equation(name, value, style, several) for name, value in net_equations.terms())
    return framed(style, lines, several, label, note)


def folded_formula(net: Net, style: Style, states: Sequence[str] = ()) -> str:
    """The fold form; `states` are the letters to use first for states."""
    return "".join(_framed_fold(net, style, states))


def _framed_fold(net: Net, style: Style, states: Sequence[str] = (), inline: bool = False) -> Iterator[str]:
    return framed_lines(fold_lines(net, states, inline), style, note=closed_note(net, style))


def framed_lines(lines: Sequence[Line], style: Style, label: str = "", note: str = "") -> Iterator[str]:
    """Lines of the fold form and a note under them, written and framed."""
    several = len(lines) > 1 or bool(note)
    return framed(style, [_line(line, style, several) for line in lines], several, label, note)


def _line(line: Line, style: Style, several: bool) -> Iterator[str]:
    indent = {"latex": r"\quad ", "mathml": '<mspace width="1em"/>'}.get(style.key, "  ")
    yield indent * line.nesting
    yield from equation(line.name, line.value, style, several)
    comma = {"latex": r",\quad ", "mathml": '<mo>,</mo><mspace width="1em"/>'}.get(style.key, ", ")
    if line.variable:
        yield comma
        yield _range(line, style)
    for name, value in line.initial:
        yield comma
        yield write(name, style) + style.equals
        yield from side(value, style)


def _range(line: Line, style: Style) -> str:
    first, last = show_size(line.first), show_size(line.last)
    both = isinstance(line.first, int) and isinstance(line.last, int) and abs(line.last - line.first) == 1
    if style.key == "latex":
        variable = latex_size(sp.Symbol(line.variable))
        between = r", " if both else r", \ldots, "
        return f"{variable} = {latex_size(line.first)}{between}{latex_size(line.last)}"
    if style.key == "mathml":
        ends = [mathml_tokens(end) for end in (first, last)]
        between = "<mo>,</mo>" if both else "<mo>,</mo><mo>…</mo><mo>,</mo>"
        return f"{mathml_tokens(line.variable)}<mo>=</mo><mrow>{ends[0]}{between}{ends[1]}</mrow>"
    return f"{line.variable} = {first}{'..' if style.key == 'text' else '…'}{last}"


def lines_formula(lines: Sequence[Line], style: Style, label: str = "") -> str:
    """Lines of the fold form as one formula."""
    return "".join(framed_lines(lines, style, label))


# ---------------------------------------------------------------- displays: these never raise


def folded(net: Net) -> Net:
    """The net to display: many single steps are rolled into folds."""
    return roll(net, search=False) if len(net.bindings) > SHORT else net


def _beginning(net: Net) -> Net | None:
    """The first steps of a net whose steps are many and all different: no display shows more, so no more is written."""
    if len({node.op.block for node in net.bindings}) <= MOST_BLOCKS:
        return None
    return folded(Net.of(Node(Select(0), (net.bindings[MOST_BLOCKS // 2],))))


def describe(net: Net) -> str:
    """What `print(net)` shows: the steps of a short net, the folded form of one with a long fold.

    >>> import symfold as sf
    >>> print(sf.fold(sf.mappers.residual, sf.layers("f1:13"), sf.tensor("x")))
    z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..12, z_0 = x
    """
    try:
        if not net.outputs:
            return "a net without outputs"
        if (beginning := _beginning(net)) is not None:
            return _clipped(_framed_fold(beginning, style_of(beginning, "text")))
        return _short(folded(net), style_of(net, "text"))
    except Exception as error:  # a display must never raise
        return f"a net that cannot be shown ({error})"[:BOUND]


def display_latex(net: Net) -> str | None:
    """What a notebook shows, or None if it would be too long."""
    try:
        if _beginning(net) is not None:
            return None
        shown = _short(folded(net), style_of(net, "latex"))
        return None if shown.endswith("...") else f"$\\displaystyle {shown}$"
    except Exception:  # likewise
        return None


def display_mathml(net: Net) -> str | None:
    """The same as MathML, or None if it would be too long."""
    if _beginning(net) is not None:
        return None
    shown = _whole(folded(net), style_of(net, "mathml"), TAGS * BOUND)
    return shown if shown is None or shown.startswith("<math") else f"{MATH}{shown}</math>"


def _short(net: Net, style: Style) -> str:
    shown = _whole(net, style)
    return _clipped(_framed_fold(net, style)) if shown is None else shown


def _whole(net: Net, style: Style, bound: int = BOUND) -> str | None:
    """The steps, or else the folded form, or nothing if both are too long."""
    shown = _short_steps(net, style, bound)
    return _bounded(_framed_fold(net, style), bound) if shown is None else shown


def _short_steps(net: Net, style: Style, bound: int) -> str | None:
    """The steps, if they are few; for a net that is one formula, that formula."""
    if any(isinstance(fold.op.count, int) and fold.op.count > FEW for fold in net.bindings):
        return None
    try:
        net_equations = equations(net)
        count = len(net_equations)
    except SymfoldError:  # a symbolic depth has no steps to list
        return None
    if count > SHORT:
        return None
    pairs = list(net_equations.terms())
    note = closed_note(net, style)
    if count == 1 and net_equations.steps == 0 and net.outputs and len(net.outputs) == 1:
        return _bounded(framed(style, [stream(pairs[0][1], style)], False, "", note), bound)
    return _bounded(_framed_steps(net_equations, style, "", note), bound)


def _bounded(parts: Iterator[str], bound: int) -> str | None:
    chunks: list[str] = []
    size = 0
    for part in parts:
        chunks.append(part)
        size += len(part)
        if size > bound:
            return None
    return "".join(chunks)


def _clipped(parts: Iterator[str]) -> str:
    """Whole lines up to the bound, then an ellipsis; what lies beyond is not written."""
    shown = ""
    while len(shown) < BOUND and (part := next(parts, None)) is not None:
        shown += part
    lines = shown[: BOUND - 4].rsplit("\n", 1)[0]
    return f"{lines}\n..."


attach(Net, formula=formula, __str__=describe, __repr__=describe, _repr_latex_=display_latex)
