"""LaTeX in a real engine: formulas of every form, case and name compile without an error.

Needs pdflatex with amsmath and amssymb (Debian's package `texlive-latex-base`); skipped, with the reason, where it is missing.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from print_cases import FORMS, of_functions, of_keys, of_names, of_operations

import symfold as sf
from symfold.show.notation import display_latex

PDFLATEX = shutil.which("pdflatex")
pytestmark = pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex on this machine (Debian: apt-get install texlive-latex-base)")
HEAD = "\\documentclass{article}\n\\usepackage{amsmath,amssymb}\n\\begin{document}\n"


def errors(formulas: list[str], folder: Path, head: str = HEAD, around: tuple[str, str] = ("\\[ ", " \\]\n")) -> list[str]:
    """The errors of the engine, each with its formula."""
    lines: list[str] = [head]
    first: list[tuple[int, str]] = []
    for formula in formulas:
        first.append((sum(line.count("\n") for line in lines) + 1, formula))
        lines.append(f"{around[0]}{formula}{around[1]}")
    (folder / "all.tex").write_text("".join([*lines, "\\end{document}\n"]), encoding="utf-8")
    command = [str(PDFLATEX), "-interaction=nonstopmode", "-file-line-error", "-no-shell-escape", "all.tex"]
    run = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, timeout=300, check=False)
    found = []
    for line in run.stdout.decode(errors="replace").splitlines():
        if line.startswith("./all.tex:"):
            number = int(line.split(":")[1])
            found.append(f"{line}\n  {next((formula for start, formula in reversed(first) if start <= number), '')}")
        elif line.startswith("!"):
            found.append(line)
    assert run.returncode == 0 or found, run.stdout[-500:]
    return found


def test_an_error_is_seen(tmp_path: Path) -> None:
    assert len(errors([r"x^{2}^{3}", "x", r"\wrong"], tmp_path)) == 2


@pytest.mark.parametrize("cases", [of_names, of_keys, of_operations, of_functions], ids=lambda cases: cases.__name__)
def test_every_case_compiles(cases: Any, tmp_path: Path) -> None:
    formulas = [sf.formula(net, form=form, style="latex") for net in cases() for form in FORMS]
    assert errors(formulas, tmp_path) == []


def test_the_zoo_and_its_backward_passes_compile(tmp_path: Path) -> None:
    formulas: list[str] = []
    for row in sf.mappers.ARCHITECTURES.values():
        net = row.net(3)
        formulas += [sf.formula(of, form=form, style="latex", max_ops=None) for of in (net, sf.adjoint(net)) for form in FORMS[:2]]
    assert errors(formulas, tmp_path) == []


def analyses() -> Iterator[str]:
    """LaTeX of the other results that print."""
    x, n = sf.tensor("x"), sp.Symbol("n")
    for depth in (3, n):
        net = sf.fold(sf.mappers.residual, sf.layers("f", count=depth), x)
        for of in (net, sf.fold(sf.mappers.boosting(x), sf.layers("f", count=depth), x)):
            yield str(display_latex(of)).strip("$")
            yield sf.jacobian(of).formula("latex")
            yield sf.series(of, order=2).formula("latex")
            yield str(sf.paths(of)._repr_latex_()).strip("$")
    yield sf.jacobian(sf.Net.of(sf.tensor("x1") * sf.tensor("x_1"))).formula("latex")


def test_results_of_analyses_compile(tmp_path: Path) -> None:
    assert errors(list(analyses()), tmp_path) == []


@pytest.mark.slow
def test_tikz_compiles(tmp_path: Path) -> None:
    """The pictures of the zoo, and names and keys in pictures, each on a page."""
    if subprocess.run(["kpsewhich", "tikz.sty"], stdout=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("TikZ is not installed (Debian: apt-get install texlive-pictures)")
    nets = [*(row.net(3) for row in sf.mappers.ARCHITECTURES.values()), *list(of_keys())[-1:], *list(of_names())[::6]]
    documents = [sf.export.to_text(net, "tikz", level) for net in nets for level in ("layer", "fold")]
    head, _ = documents[0].split("\\begin{document}")
    assert all(document.startswith(head) for document in documents)
    bodies = [document.removeprefix(head).split("\n", 1)[1].rsplit("\\end{document}", 1)[0] for document in documents]
    head = head.replace("{standalone}", "{article}")
    assert errors(bodies, tmp_path, f"{head}\\begin{{document}}\n", ("", "\n\\clearpage\n")) == []


def test_labelled_equations_and_symbols_of_ones_own_compile(tmp_path: Path) -> None:
    names = {"z": r"\mathbf{h}", "x": r"h_{\mathrm{in}}", "f": "learner"}
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    formulas = [sf.formula(net, form=form, style="latex", names=names, label=f"net-{form}") for form in FORMS]
    references = "".join(rf"\eqref{{{label}}} " for label in ("eq:net-fold", "eq:net-steps-1", "eq:net-steps-3", "eq:net-expanded"))
    assert errors([*formulas, references], tmp_path, around=("", "\n\n")) == []
