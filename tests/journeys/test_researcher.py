"""A researcher with an architecture of her own: a block of two sublayers with weights. Seven goals, 29 lines, about 15 minutes of reading and typing.

She knows the README, "Your own architecture" and the how-to guides on figures, counts and comparing.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symfold as sf

N = sp.Symbol("n", integer=True, positive=True)


def block(z: Any, item: Any) -> Any:
    f, g = item
    u = z + f(z)
    return u + g(u)


def parallel(z: Any, item: Any) -> Any:
    f, g = item
    return z + f(z) + g(z)


@pytest.fixture
def net() -> Any:
    """Her block at any depth. Two minutes, six lines."""
    return sf.fold(block, sf.zipped(sf.layers("f", count="n"), sf.layers("g", count="n")), sf.tensor("x"))


def weighted(mapper: Any, depth: int = 2) -> sf.Net:
    """A variant with weights. Two minutes, three lines."""
    layers = [sf.layers(f"{name}1:{depth + 1}", sf.dense(8, 8, function)) for name, function in (("f", sf.gelu), ("g", sf.tanh))]
    return sf.fold(mapper, zip(*layers, strict=True), sf.tensor("x", (None, 8)))


def test_the_formula_of_the_paper(net: Any) -> None:
    """LaTeX with her symbols and numbered equations. One minute, two lines."""
    symbols = {"z": r"\mathbf{h}", "f": "Att", "g": "FFN", "k": r"\ell", "n": "L"}
    assert sf.formula(net, style="latex", names=symbols, label="block").splitlines() == [
        r"\begin{align}",
        r"u_{\ell} &= \mathbf{h}_{\ell-1} + \operatorname{Att}_{\ell}{\left(\mathbf{h}_{\ell-1} \right)} \label{eq:block-1} \\",
        r"\mathbf{h}_{\ell} &= u_{\ell} + \operatorname{FFN}_{\ell}{\left(u_{\ell} \right)},\quad \ell = 1, \ldots, L,\quad "
        r"\mathbf{h}_{0} = x \label{eq:block-2}",
        r"\end{align}",
    ]


def test_the_figure_of_the_paper(net: Any, tmp_path: Path) -> None:
    """SVG, the same bytes at every run: one step at any depth, and three steps. One minute, two lines."""
    pictures = [net.draw(tmp_path / "block.svg", level="fold"), net.at(n=3).draw(tmp_path / "three.svg", title="Three blocks")]
    folded, three = (path.read_text("utf-8") for path in pictures)
    assert folded.count('class="node layer"') == 2 and three.count('class="node layer"') == 6 and ">Three blocks</text>" in three
    assert folded == net.draw(tmp_path / "again.svg", level="fold").read_text("utf-8")


def test_the_paths_of_the_block(net: Any) -> None:
    """Paths at any depth, as SymPy's expression. One minute, two lines."""
    assert str(sf.paths(net).polynomial) == "(t + 1)**(2*n)"
    assert sf.paths(net.at(n=3)).coefficients() == [1, 6, 15, 20, 15, 6, 1]


def test_what_the_variant_changes(net: Any) -> None:
    """Both sublayers read the state. Two minutes, three lines."""
    variant = sf.fold(parallel, sf.zipped(sf.layers("f", count="n"), sf.layers("g", count="n")), sf.tensor("x"))
    what = sf.difference(net, variant, names=("hers", "the variant"))
    assert str(what) == "at every step, g_k reads z_{k-1} + f_k(z_{k-1}) in hers and z_{k-1} in the variant"
    assert sf.verdict(net, variant).equal is False
    assert (sf.cost(net).span, sf.cost(variant).span) == (2 * N, N)


def test_how_many_parameters() -> None:
    """The table for the appendix, and its total. One minute, one line."""
    summary = weighted(block).summary()
    assert summary.parameters == 2 * 2 * (8 * 8 + 8) and "fold of 2 steps" in str(summary)


def test_training_both_variants() -> None:
    """The same data for both, and a derived gradient that she checks first. Four minutes, eight lines."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((200, 8))
    data = {"x": rows, "target": np.tanh(rows[:, ::-1])}
    losses = {}
    for mapper in (block, parallel):
        model = weighted(mapper)
        loss = sf.losses.mean_squared_error(model, sf.tensor("target", (None, 8)))
        assert sf.check_grad(loss) < 1e-4
        done = sf.fit(loss, model.init(seed=0), data, optimizer=sf.adam(0.005), epochs=20, batch_size=20, validation=0.2)
        losses[mapper.__name__] = done.history.validation_loss
    assert all(validation[-1] < validation[0] / 2 for validation in losses.values())


def test_nothing_is_lost_when_she_goes_home(tmp_path: Path) -> None:
    """Save and load. One minute, two lines."""
    model = weighted(block)
    params = model.init(seed=0)
    sf.save(tmp_path / "model.safetensors", model, params)
    assert sf.load(tmp_path / "model.safetensors") == (model, params)
