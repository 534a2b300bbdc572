"""Symbols of one's own and labelled equations: against the formula with its letters replaced by hand."""

import re
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.mappers import ARCHITECTURES
from symfold.show.drawing import picture

NET = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
DENSE = sf.dense(3, 3, np.tanh)
STYLES = ("text", "unicode", "latex", "mathml")


@pytest.mark.parametrize("form", ["fold", "steps", "expanded"])
@given(symbols=st.lists(st.sampled_from("abcdeghmopqrsv"), min_size=3, max_size=3, unique=True))
def test_single_letters_replace_letters(form: str, symbols: list[str]) -> None:
    names = dict(zip("zxf", symbols, strict=True))
    plain = sf.formula(NET, form=form)
    assert sf.formula(NET, form=form, names=names) == re.sub(r"[zxf](?![a-z])", lambda letter: names[letter[0]], plain)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["residual", "highway", "lstm", "rk4", "coupling"])
def test_a_renamed_input_is_the_input_of_that_name(name: str, style: str) -> None:
    net = ARCHITECTURES[name].net(3)
    (old, *_) = (node.op.name for node in net.inputs)
    renamed = net.replaced({old: sf.tensor("input")})
    assert sf.formula(net, style=style, names={old: "input"}) == sf.formula(renamed, style=style)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", ["fold", "steps"])
def test_no_names_change_nothing(form: str, style: str) -> None:
    net = sf.fold(lambda z, f: sf.fold(lambda y, g: g(y) + z, sf.layers("g1:4", DENSE), f(z)), sf.layers("f1:4", DENSE), sf.tensor("x", (None, 3)))
    assert sf.formula(net, form=form, style=style, names={}) == sf.formula(net, form=form, style=style)


def test_indices_depths_and_weights() -> None:
    deep = sf.fold(lambda z, f: f(z) + z / sp.Symbol("n"), sf.layers("f", count="n"), sf.tensor("x"))
    assert sf.formula(deep, names={"k": "t", "n": "L", "z": "h"}) == "h_t = f_t(h_{t-1}) + h_{t-1}/L, t = 1..L, h_0 = x"
    gradient = sf.grad(sf.squared_error(sf.fold(sf.mappers.residual, sf.layers("g1:4", DENSE), sf.tensor("x", (None, 3))), sf.tensor("t", (None, 3))), wrt="x")
    assert "V_k" in sf.formula(gradient, names={"W_g": "V"}) and "W_g" not in sf.formula(gradient, names={"W_g": "V"})


def test_formulas_of_latex() -> None:
    shown = sf.formula(NET, style="latex", names={"z": r"\mathbf{h}", "x": r"h_\mathrm{in}"})
    assert shown == r"\mathbf{h}_{k} = f_{k}{\left(\mathbf{h}_{k-1} \right)} + \mathbf{h}_{k-1},\quad k = 1, \ldots, 3,\quad \mathbf{h}_{0} = {h_\mathrm{in}}"
    assert r"\phi_{2}{\left(" in sf.formula(NET, form="steps", style="latex", names={"f": r"\phi"})
    deep = sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x"))
    shown = sf.formula(deep, style="latex", names={"k": r"\ell", "n": r"N^*"})
    assert shown == sf.formula(deep, style="latex").replace("k", r"\ell").replace("n", "N^*")


@pytest.mark.parametrize("depth", [None, 3])
def test_one_dictionary_of_letters_serves_formulas_and_pictures_at_any_depth(depth: int | None) -> None:
    names = {"z": r"\mathbf{h}", "f": r"\mathcal{F}", "k": r"\ell", "n": "L", "x": r"\hat{x}"}
    net = sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x"))
    net, end = (net, "L") if depth is None else (net.at(n=depth), str(depth))
    assert sf.formula(net, names=names) == f"h_{{ell}} = F_{{ell}}(h_{{ell-1}}) + h_{{ell-1}}, ell = 1..{end}, h_0 = x_hat"
    assert sf.formula(net, style="unicode", names=names) == f"𝐡_ℓ = ℱ_ℓ(𝐡_{{ℓ-1}}) + 𝐡_{{ℓ-1}}, ℓ = 1…{end}, 𝐡₀ = x̂"
    assert "<mi>ℱ</mi>" in sf.formula(net, style="mathml", names=names)
    svg = picture(net, "fold", names=names)
    assert ">x̂<" in svg and ">ℓ<" in svg and '<tspan font-weight="bold">h</tspan>' in svg and "ℱ<" in svg


def test_a_word_for_an_index_is_the_same_letter_in_its_range() -> None:
    for k in ("ell", r"\ell"):
        shown = sf.formula(NET, style="latex", names={"k": k})
        assert r"f_{\ell}" in shown and r"\quad \ell = 1" in shown


def test_long_nets_are_renamed_too() -> None:
    long = sf.fold(sf.mappers.boosting(sf.tensor("x")), sf.layers("f1:300"), sf.tensor("x"))
    plain = sf.formula(long, form="expanded")
    assert sf.formula(long, form="expanded", names={"f": "tree"}) == plain.replace("f", "tree")


def test_labels() -> None:
    (one, many) = (sf.formula(NET, form=form, style="latex", label="resnet") for form in ("fold", "steps"))
    assert one.startswith("\\begin{equation}\n") and one.endswith("\n\\label{eq:resnet}\n\\end{equation}")
    assert re.findall(r"\\label\{(.*?)\}", many) == ["eq:resnet-1", "eq:resnet-2", "eq:resnet-3"]
    assert many.startswith("\\begin{align}\n") and many.endswith("\\end{align}")
    unlabelled = re.sub(r" ?\n?\\label\{.*?\}", "", many).replace("{align}", "{aligned}")
    assert unlabelled == sf.formula(NET, form="steps", style="latex")
    assert r"\label{fig:a}" in sf.formula(NET, style="latex", label="fig:a")


def test_a_notebook_shows_no_label() -> None:
    assert "label" not in str(sf.formula(NET, style="latex", label="net")._repr_latex_())
    assert "h_{k}" in str(sf.formula(NET, names={"z": "h"})._repr_latex_())


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"names": {"q": "h"}}, KeyError, "the net has no 'q' (its names: f, k, x, z)"),
        ({"names": {"z": "x"}}, ValueError, "writes 'x' for 'x' already"),
        ({"names": {"z": "h", "x": "h"}}, ValueError, "already (give another symbol)"),
        ({"names": {"z": "h t"}}, ValueError, "'h t' is not a name"),
        ({"names": {"z": r"\mathbf{h}^2"}}, ValueError, "a name or a letter"),
        ({"names": {"z": "<b>"}, "style": "mathml"}, ValueError, "is not a name"),
        ({"names": {"z": "h}"}, "style": "latex"}, ValueError, "closed braces"),
        ({"names": {"z": "a & b"}, "style": "latex"}, ValueError, "closed braces"),
        ({"names": "z"}, TypeError, "is not a dict"),
        ({"label": "net"}, ValueError, 'give style="latex"'),
        ({"label": "a}b", "style": "latex"}, ValueError, "is no label"),
        ({"label": "", "style": "latex"}, ValueError, "is no label"),
    ],
)
def test_mistakes_say_what_is_allowed(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        sf.formula(NET, **options)


@pytest.mark.parametrize("style", ["text", "unicode", "latex"])
def test_layers_with_a_number_before_their_index_take_a_symbol(style: str) -> None:
    layers = [(sf.layers(f"ln1_{k}")[0], sf.layers(f"ln2_{k}")[0]) for k in range(3)]
    net = sf.fold(lambda z, pair: z + pair[1](pair[0](z)), layers, sf.tensor("x"))
    for form in ("fold", "steps"):
        text = net.formula(form=form, style=style, names={"ln1": "N"})
        assert "N" in text and "ln1" not in text.replace("\\operatorname{ln}_{1", "ln1")
    both = net.formula(style="latex", names={"ln": r"\mathrm{N}"})
    assert r"\mathrm{N}_{1,k-1}" in both and r"\mathrm{N}_{2,k-1}" in both
