"""Symbols of one's own and labelled equations: against the formula with its letters replaced by hand."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.mappers import ARCHITECTURES
from symfold.show.drawing import picture
from symfold.show.notation.letters import letter

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


@pytest.mark.parametrize("depth", [None, 2])
def test_one_dictionary_names_values_words_and_letters_with_indices_everywhere(depth: int | None, tmp_path: Path) -> None:
    """The value u of a step stands in formulas only, the words out and step in pictures only; both take the dictionary."""
    a, m = sf.layers("a", count="n"), sf.layers("m", count="n")
    net = sf.fold(lambda z, item: (u := z + item[0](z)) + item[1](u), sf.zipped(a, m), sf.tensor("x"))
    net = net if depth is None else net.at(n=depth)
    names = {"u": r"\hat{v}", "z": "h^{*}", "x": r"x_{\mathrm{in}}", "a": r"\varphi", "m": r"\boldsymbol{m}", "out": "y", "step": "block"}
    latex = sf.formula(net, style="latex", names=names)
    assert r"\hat{v}_{k} &= h^{*}_{k-1} + \varphi_{k}" in latex and r"\boldsymbol{m}_{k}" in latex and r"{x_{\mathrm{in}}}" in latex
    assert "v_hat_k = h_star_{k-1} + varphi_k(h_star_{k-1})" in sf.formula(net, names=names)
    svg = re.sub("<[^>]*>", "", picture(net, names=names))
    assert all(sign in svg for sign in ("xin", "h∗1", "φ2", "m2", "block 1", "y")) and not re.search("step \\d|>out</t[^i]", picture(net, names=names))
    assert '<tspan font-style="italic" font-weight="bold">m</tspan>' in picture(net, names=names)
    tikz = sf.export.save(net.at(n=2) if depth is None else net, tmp_path / "net.tex", names=names).read_text()
    assert all(sign in tikz for sign in ("$x_{\\mathrm{in}}$", "$h^{*}_{1}$", r"$\varphi_{1}$", r"$\boldsymbol{m}_{2}$", "block 2", "{$y$}"))


@pytest.mark.parametrize("depth", [None, 3])
@pytest.mark.parametrize("derive", [sf.jacobian, sf.taught])
def test_formulas_of_derivatives_take_the_symbols_and_labels_of_formulas(derive: Any, depth: int | None) -> None:
    """Letters that are replaced by hand in the plain text; in no style is an old letter left."""
    net = sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x"))
    result = derive(net if depth is None else net.at(n=depth))
    letters = {"z": "h", "J": "D", "g": "e", "k": "t", "n": "L"}
    by_hand = re.sub(r"(?<![a-z])[zJgkn](?![a-z])", lambda letter: letters[letter[0]], result.formula())
    assert result.formula(names=letters) == by_hand
    for style in ("unicode", "latex", "mathml"):
        shown = re.sub(r"<[^>]*>|\\\w+|\{aligned\}", "", result.formula(style, names=letters))
        assert not set("zJgkn") & set(shown), shown
    assert r"\label{eq:back" in result.formula("latex", label="back")
    with pytest.raises(KeyError, match="the net has no 'q'"):
        result.formula(names={"q": "h"})


def test_a_gradient_and_layers_never_share_a_letter() -> None:
    """The cotangent is called a, unless layers are: then the formula names both, and a symbol renames one of them."""
    for layers in (sf.layers("a", count="n"), sf.layers("a1:3")):
        back = sf.adjoint(sf.fold(sf.mappers.residual, layers, sf.tensor("x")))
        assert [node.op.name for node in back.inputs] == ["x", "g"]
        assert r"g_{n} = g" in sf.formula(back, style="latex", names={"a": r"\mathcal{A}"}) or len(layers) == 2


def test_the_commands_of_latex_keep_their_letters() -> None:
    r"""\phi is straight and \varphi curly, in pictures as in LaTeX."""
    shown = [letter(symbol) for symbol in (r"\phi", r"\varphi", r"\epsilon", r"\varepsilon", "phi")]
    assert [each and each.sign for each in shown] == ["ϕ", "φ", "ϵ", "ε", "ϕ"]


def test_a_word_for_an_index_is_the_same_letter_in_its_range() -> None:
    for k in ("ell", r"\ell"):
        shown = sf.formula(NET, style="latex", names={"k": k})
        assert r"f_{\ell}" in shown and r"\quad \ell = 1" in shown


def test_a_range_of_two_numbers_has_no_dots() -> None:
    deep = sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x"))
    ends = [sf.formula(deep.at(n=n), style="latex") for n in (2, 3)]
    assert "k = 1, 2," in ends[0] and r"k = 1, \ldots, 3," in ends[1]


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
        ({"names": {"z": r"\frac{h}{2}"}}, ValueError, "a name or a letter"),
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
