"""Names and numbers that could be taken for others: two names are written in two ways, and a digit never follows a factor without a sign."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.show.diagram import lettering
from symfold.show.notation.latex import latex_word
from symfold.show.notation.styles import mathml_name
from symfold.show.notation.terms import Name

STYLES = ("text", "unicode", "latex", "mathml")
PLUS = {"mathml": "<mo>+</mo>"}
x, y = sf.tensor("x"), sf.tensor("y")

ALIKE = [("x1", "x_1"), ("x_1", "x1"), ("x12", "x_12"), ("alpha", "α"), ("alpha1", "alpha_1", "α1"), ("z", "z1", "z_1"), ("x", "x_"), ("gate", "gate_", "gate1", "gate_1"), ("x_1_2", "x_12", "x_1_"), ("x", "y", "xy"), ("x__", "x")]


def bare(formula: str, style: str) -> str:
    """A formula without what MathML has around it."""
    return re.sub(r"^<math[^>]*><mrow>|</mrow></math>$", "", formula) if style == "mathml" else formula


def sum_of(names: tuple[str, ...]) -> sf.Net:
    first, *others = map(sf.tensor, names)
    return sf.Net.of(sum(others, first))


@pytest.mark.parametrize("names", ALIKE, ids="-".join)
@pytest.mark.parametrize("style", STYLES)
def test_two_names_are_written_in_two_ways(names: tuple[str, ...], style: str) -> None:
    parts = bare(sf.formula(sum_of(names), form="expanded", style=style), style).split(PLUS.get(style, " + "))
    assert len(parts) == len(set(parts)) == len(names)


@pytest.mark.parametrize("names", ALIKE, ids="-".join)
def test_a_notebook_shows_them_so_too(names: tuple[str, ...]) -> None:
    net = sum_of(names)
    for shown in (net._repr_latex_(), net.outputs[0]._repr_latex_()):
        parts = str(shown).removeprefix("$\\displaystyle ").removesuffix("$").split(" + ")
        assert len(set(parts)) == len(names)


OTHER_THINGS = {  # what is called like something else of the net, and the same net without that
    "tanh": (sf.layer("tanh")(np.tanh(x)), sf.layer("f")(np.tanh(x))),
    "max": (sf.layer("max")(np.maximum(x, 0)), sf.layer("f")(np.maximum(x, 0))),
    "exp": (sf.layer("exp")(np.exp(x)), sf.layer("f")(np.exp(x))),
    "sqrt": (sf.layer("sqrt")(np.sqrt(x)), sf.layer("f")(np.sqrt(x))),
    "log2": (sf.layer("log2")(np.log2(x)), sf.layer("log")(np.log2(x))),
    "atan2": (sf.layer("atan2")(np.arctan2(x, 1)), sf.layer("f2")(np.arctan2(x, 1))),
    "xor": (sf.layer("xor")(np.logical_xor(x > 0, x < 1)), sf.layer("f")(np.logical_xor(x > 0, x < 1))),
    "softmax": (sf.layer("softmax")(sf.softmax(sf.tensor("x", (3,)))), sf.layer("f")(sf.softmax(sf.tensor("x", (3,))))),
    "pi": (sp.pi * sf.tensor("pi"), sp.pi * x),
    "n": (sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("n")), sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x)),
}


@pytest.mark.parametrize("name", OTHER_THINGS)
@pytest.mark.parametrize("style", STYLES)
def test_a_name_like_a_function_a_constant_or_a_depth_is_quoted(name: str, style: str) -> None:
    alike, other = (sf.formula(sf.Net.of(net), style=style) for net in OTHER_THINGS[name])
    quoted = {"text": f"'{name}'", "unicode": f"‘{name}’", "latex": rf"\text{{`{name}'}}", "mathml": f"<mi>‘{name}’</mi>"}[style]
    assert alike.count(quoted) == 1 and quoted not in other


def test_a_name_of_a_function_that_the_net_lacks_is_as_typed() -> None:
    assert sf.formula(sf.Net.of(sf.layer("tanh")(x) + sf.tensor("pi"))) == "y = tanh(x) + pi"
    assert sf.formula(sf.Net.of(sf.exp(x) + sf.tensor("e"))) == "y = exp(x) + e"
    assert sf.formula(sf.Net.of(sf.layer("mul")(x * 2) + 1)) == "y = mul(x*2) + 1"  # a product is a sign, not a name
    assert sf.formula(sf.Net.of(sf.exp(x) + sf.tensor("e")), style="latex") == r"y = e^{x} + \text{`e'}"


@pytest.mark.parametrize("style, right", [("text", "{}*2"), ("unicode", "x₁·2"), ("latex", r"x_{{1}} \cdot 2")])
def test_a_name_that_is_like_no_other_keeps_its_usual_form(style: str, right: str) -> None:
    for name in ("x1", "x_1"):
        assert sf.formula(sf.Net.of(sf.tensor(name) * 2), form="expanded", style=style) == right.format(name)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", ["fold", "steps", "expanded"])
def test_two_families_of_layers_are_written_in_two_ways(style: str, form: str) -> None:
    """Layers f1, f2 and f_1, f_2: exchanged, they give another formula."""
    pairs = [sf.zipped(sf.layers(one, count=2), sf.layers(other, count=2)) for one, other in (("f", "f_"), ("f_", "f"), ("f", "f"))]
    shown = [sf.formula(sf.fold(lambda z, item: item[0](z) + item[1](2 * z), pair, x), form=form, style=style) for pair in pairs]
    assert len(set(shown)) == 3


@pytest.mark.parametrize("style", STYLES)
def test_two_families_at_a_symbolic_depth(style: str) -> None:
    pairs = [sf.zipped(sf.layers(one, count="n"), sf.layers(other, count="n")) for one, other in (("f", "f_"), ("f_", "f"), ("f", "f"))]
    assert len({sf.formula(sf.fold(lambda z, item: item[0](z) + item[1](2 * z), pair, x), style=style) for pair in pairs}) == 3


@pytest.mark.parametrize("name", ["z", "z1", "z_1", "z_k", "z_n", "z_0", "z_10", "z_gate"])
@pytest.mark.parametrize("form", ["fold", "steps"])
def test_no_input_is_taken_for_a_state(name: str, form: str) -> None:
    net = sf.fold(lambda z, f: f(z) * sf.tensor(name), sf.layers("f1:4"), x)
    assert not sf.formula(net, form=form).startswith("z")


@pytest.mark.parametrize("name", ["f_k", "f_j"])
def test_no_input_is_taken_for_a_layer_at_an_index(name: str) -> None:
    net = sf.fold(lambda z, f: f(z) * sf.tensor(name), sf.layers("f", count="n"), x)
    assert sf.formula(net).count(name) == 1


def test_derivatives_by_two_names() -> None:
    shown = sf.jacobian(sf.Net.of(sf.tensor("x1") * sf.tensor("x_1"))).formula("unicode")
    assert [line.split(" = ")[0] for line in shown.splitlines()] == ["dy/dx₁", "dy/dx_1"]


NUMBERS: dict[str, Any] = {
    "2*3**x": 2 * 3**x, "1.5*2**x": 1.5 * 2**x, "2*2**-x": 2 * 2**-x, "x*2": x * 2, "x*3**y": x * 3**y, "x**2*3**y": x**2 * 3**y, "(x*2)*3": (x * 2) * 3,
    "-2*3**x": -2 * 3**x, "2*(3/x)": 2 * (3 / x), "exp(x)*2**x": np.exp(x) * 2**x, "f(x)*2": sf.layer("f")(x) * 2, "(2*x)**3*2**y": (2 * x) ** 3 * 2**y,
    "2*x*3**y": 2 * x * 3**y, "dot": np.dot(2**x, 3**y), "of SymPy": 2 * 3 ** sp.Symbol("x"),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("style", ["latex", "mathml"])
def test_a_visible_sign_stands_before_a_digit(name: str, style: str) -> None:
    """2 3^x would read as 23^x, x 2 as a name, 2 and 3/x as a mixed number."""
    text = sf.formula(sf.Net.of(NUMBERS[name]), form="expanded", style=style)
    if style == "mathml":
        assert not re.search(r"\u2062</mo>(<m(row|sup|frac)>)*<mn>\d", text) and "<mo>·</mo>" in text
    else:
        assert not re.search(r"(?<!-) (\\frac\{)?\d", text.replace(r"\cdot ", "·")) and r" \cdot " in text


def test_brackets_are_sign_enough() -> None:
    assert sf.formula(sf.Net.of(x * sp.Integer(-2) ** sp.Symbol("y")), form="expanded", style="latex") == r"x \left(-2\right)^{y}"
    assert sf.formula(sf.Net.of(2 * x * sp.pi), form="expanded", style="latex") == r"2 x \pi"


def look(formula: str) -> str:
    """What LaTeX shows of a formula: no spaces, no braces, no empty indices."""
    return re.sub(r"\s|[_^]\{\}|[{}]", "", formula)


@pytest.mark.parametrize("names", ALIKE, ids="-".join)
def test_two_names_look_different_in_latex(names: tuple[str, ...]) -> None:
    parts = sf.formula(sum_of(names), form="expanded", style="latex").split(" + ")
    assert len(set(map(look, parts))) == len(names)


def test_a_run_of_letters_is_no_product() -> None:
    assert sf.formula(sum_of(("x", "y", "xy")), style="latex").endswith(r"x + y + \mathrm{xy}")


@pytest.mark.parametrize(
    ("name", "letter", "index", "latex"),
    [
        ("my_layer1", "my_layer", "1", r"\mathrm{my\_layer}_{1}"),
        ("stage1_conv_2", "stage1_conv", "2", r"\mathrm{stage1\_conv}_{2}"),
        ("fc2", "fc", "2", r"\mathrm{fc}_{2}"),
        ("W_into", "W", "into", r"W_{\mathrm{into}}"),
        ("theta_max", "θ", "max", r"\theta_{\mathrm{max}}"),
        ("W_g12", "W", "g12", r"W_{g_{12}}"),
    ],
)
def test_formulas_and_pictures_read_a_name_alike(name: str, letter: str, index: str, latex: str) -> None:
    first, *others = lettering.mathematics(name)
    assert (first.text, "".join(run.text for run in others)) == (letter, index) and {run.level for run in others} == {-1}
    assert latex_word(name) == latex
    below = ElementTree.fromstring(f"<math>{mathml_name(Name(name))}</math>")[0]
    assert below.tag == "msub" and ("".join(below[0].itertext()), "".join(below[1].itertext())) == (letter, index)


@pytest.mark.parametrize("form", ["fold", "steps", "expanded"])
@pytest.mark.parametrize(("layers", "names"), [("Attn", None), ("f", {"f": "Attn"})])
def test_the_word_of_a_layer_is_a_function_in_every_form(form: str, layers: str, names: dict[str, str] | None) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers(f"{layers}1:4"), x)
    latex = sf.formula(net, form=form, style="latex", names=names)
    index = "k" if form == "fold" else "1"
    assert rf"\operatorname{{Attn}}_{{{index}}}{{\left(" in latex
    assert not re.search(r"(?<!\{)Attn", latex)


def test_the_word_of_a_layer_is_a_function_wherever_it_stands() -> None:
    layers = [sf.layer(name) for name in ("Attn", "MLP", "Conv_2", "out_proj", "log")]
    latex = sf.formula(sf.fold(sf.mappers.residual, layers, x), style="latex")
    words = [r"\operatorname{Attn}", r"\operatorname{Conv}_{2}", r"\operatorname{out\_proj}", r"\operatorname{log}"]
    assert [word for word in words if word not in latex] == [words[2]]  # a long list: the first three and the last
    latex = sf.formula(sf.fold(sf.mappers.residual, layers, x), form="steps", style="latex")
    assert [word for word in words if word not in latex] == []


def test_one_layer_of_many_like_a_function_is_quoted() -> None:
    net = sf.fold(lambda z, f: f(z) + np.log2(x), sf.layers("log1:4"), x)
    assert str(net) == "z1 = log1(x) + log2(x)\nz2 = 'log2'(z1) + log2(x)\nz3 = log3(z2) + log2(x)"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("x_1_2", "x_{1,2}"), ("α_1", r"\alpha_{1}"), ("é", r"\text{é}"), ("_x", r"\mathrm{\_x}"), ("W__a", r"\mathrm{W\_\_a}"),
        ("xprime", r"\mathrm{xprime}"), ("xabs", r"\mathrm{xabs}"), ("fnorm_1", r"\mathrm{fnorm}_{1}"), ("alphahat", r"\mathrm{alphahat}"),
        ("x_abs", r"x_{\mathrm{abs}}"), ("hbar", r"\hbar"),
    ],
)  # fmt: skip
def test_names_in_latex(name: str, written: str) -> None:
    assert sf.formula(sf.Net.of(sf.tensor(name) ** 2), form="expanded", style="latex") == f"{written}^{{2}}"


@pytest.mark.parametrize(
    ("key", "text", "latex"),
    [
        (r"a\b", r"y[a\b]", r"y[a\backslash{}b]"),
        ("a_b_c", "y[a_b_c]", r"y[a\_b\_c]"),
        ("50% of {x}", "y[50% of {x}]", r"y[50\%\ of\ \{x\}]"),
        ("x^2~", "y[x^2~]", r"y[x{\wedge}2{\sim}]"),
        ("a\nb", r"y[a\nb]", r"y[a\backslash{}nb]"),
        ("\x1b[31m\x00\u202e", r"y[\x1b[31m\x00\u202e]", r"y[\backslash{}x1b[31m\backslash{}x00\backslash{}u202e]"),
    ],
)
def test_keys_are_shown_as_they_are(key: str, text: str, latex: str) -> None:
    net = sf.Net.of({key: x + 1})
    assert sf.formula(net).replace("z[", "y[") == f"{text} = x + 1"
    assert sf.formula(net, style="latex").replace("z[", "y[").startswith(latex)
    assert all(sign.isprintable() or sign == "\n" for style in STYLES for sign in sf.formula(net, style=style))


def test_keys_that_print_alike() -> None:
    assert [line.split(" = ")[0] for line in sf.formula(sf.Net.of({0: x + 1, "0": x + 2})).splitlines()] == ["y[0]", "y['0']"]


def test_a_depth_with_a_name_of_two_parts() -> None:
    shown = sf.formula(sf.fold(sf.mappers.residual, sf.layers("f", count="n_1_2"), x), style="latex")
    assert r"k = 1, \ldots, n_{1,2}" in shown
