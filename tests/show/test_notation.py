"""Formulas: what is printed reads as its author wrote it, means what the net means, and costs what it should."""

from __future__ import annotations

import re
import time
import tracemalloc
from functools import reduce
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.core.conversion import as_node
from symfold.core.functions import leaky_relu
from symfold.core.interpreter import Interpreter
from symfold.core.nodes import Node
from symfold.core.primitives import attention, convolution, layer_norm, max_pool, mean_pool, primitive
from symfold.errors import InvalidValue, TooLarge
from symfold.show.notation import describe, display_latex
from symfold.show.notation.expanded import expanded_size, show_count, stream, to_sympy
from symfold.show.notation.previews import preview

x, y = sf.tensor("x"), sf.tensor("y")
f = sf.layers("f1:4")
X = sp.Symbol("x")
STYLES = ("text", "unicode", "latex", "mathml")
FORMS = ("fold", "steps", "expanded")

MAPPERS = {
    "feedforward": lambda z, g: g(z),
    "residual": lambda z, g: g(z) + z,
    "boosting": lambda z, g: g(X) + z,
    "multiplicative": lambda z, g: z * g(z),
    "difference": lambda z, g: g(z) - z,
    "quotient": lambda z, g: z / (g(z) + 2),
    "mixed": lambda z, g: 2 * z * (g(z) - 3) ** 2 - g(-z) / 2,
    "power": lambda z, g: (-(z**2)) ** 3 + g(z) ** -2,
    "functions": lambda z, g: sp.exp(g(z)) * sp.tanh(z),
}


def layers(count):
    return [sp.Function(f"f{k}") for k in range(1, count + 1)]


def on_nodes(mapper):
    """The same mapper with the tensor x where it says the symbol X."""
    return lambda z, g: mapper(z, lambda v: g(x if v is X else v))


def text(net, form="expanded", **options):
    return sf.formula(net, form=form, **options)


@pytest.mark.parametrize("name", MAPPERS)
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_expanded_text_means_what_plain_sympy_builds(name, depth):
    net = sf.fold(on_nodes(MAPPERS[name]), sf.layers("f", count=depth), x)
    expected = reduce(MAPPERS[name], layers(depth), X)
    point = {X: sp.Rational(1, 3)}
    offsets = {g: k for k, g in enumerate(layers(depth))}

    def number(expression):
        applied = sp.core.function.AppliedUndef
        opened = expression.subs(point).replace(
            lambda part: isinstance(part, applied), lambda part: sp.sin(part.args[0]) + offsets[sp.Function(str(part.func))]
        )
        return sp.N(opened)

    for shown in (sp.sympify(text(net)), net.to_sympy()):
        assert set(map(str, shown.free_symbols)) == ({"x"} if expected.free_symbols else set())
        assert abs(number(shown) - number(expected)) < 1e-9


GOLDEN = {
    "feedforward": "f3(f2(f1(x)))",
    "residual": "f3(f2(f1(x) + x) + f1(x) + x) + f2(f1(x) + x) + f1(x) + x",
    "boosting": "f3(x) + f2(x) + f1(x) + x",
    "multiplicative": "x*f1(x)*f2(x*f1(x))*f3(x*f1(x)*f2(x*f1(x)))",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_expanded_in_the_authors_order_and_flat(name):
    assert text(sf.fold(on_nodes(MAPPERS[name]), f, x)) == GOLDEN[name]


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        (x - y, "x - y"),
        (x - (y + 1), "x - (y + 1)"),
        (x / y, "x/y"),
        (x / (y * 2), "x/(y*2)"),
        ((x + 1) / (x - 1), "(x + 1)/(x - 1)"),
        (x**2, "x**2"),
        ((-x) ** 2, "(-x)**2"),
        (-(x**2), "-x**2"),
        (x * (-1), "-x"),
        (x - 2, "x - 2"),
        (2 * x * (y - 1) * (-1), "-2*x*(y - 1)"),
        (x * -0.5, "x*(-0.5)"),
        (1 / x, "1/x"),
        (x / 2, "x/2"),
        (-x - y, "-x - y"),
        (x + (-2) * y, "x - 2*y"),
        (2**-x, "2**(-x)"),
        ((x * y) ** 2, "(x*y)**2"),
        (x**y**2, "x**(y**2)"),
        ((x**y) ** 2, "(x**y)**2"),
        (x**0.5, "x**0.5"),
        (np.sqrt(x + 1), "sqrt(x + 1)"),
        (np.dot(x, sf.tensor("W")) + 1, "dot(x, W) + 1"),
        (x.T, "x.T"),
        (np.sum(x), "sum(x)"),
        (x[0], "x[0]"),
        (x[..., 0:2], "x[..., 0:2]"),
        (sf.tensor("u", (2, 3)).sum(axis=0), "sum(u, axis=(-2,))"),
        (x * 0.1, "x*0.1"),
        (abs(x), "Abs(x)"),
        (x + [1.0, 2.0], "x + [1.0, 2.0]"),
        (x * (y + 1) * 2, "x*(y + 1)*2"),
        ((x / y) * x, "(x/y)*x"),
        (x * (y / x), "x*(y/x)"),
        (x - (-1) * y, "x - (-y)"),
    ],
)
def test_operations_read_as_people_write_them(node, shown):
    assert text(node) == shown == preview(node)


z = sf.tensor("z")
A, B = x > 0, y <= 1


@pytest.mark.parametrize(
    ("node", "plain", "unicode", "latex"),
    [
        (A, "x > 0", "x > 0", "x > 0"),
        (x + 1 >= y * 2, "x + 1 >= y*2", "x + 1 ≥ y·2", r"x + 1 \geq y \cdot 2"),
        (np.equal(x, y), "x == y", "x = y", "x = y"),
        (np.not_equal(x, y), "x != y", "x ≠ y", r"x \neq y"),
        (A & B, "x > 0 and y <= 1", "x > 0 ∧ y ≤ 1", r"x > 0 \wedge y \leq 1"),
        (A & B | ~A, "(x > 0 and y <= 1) or not (x > 0)", "(x > 0 ∧ y ≤ 1) ∨ ¬(x > 0)", r"\left(x > 0 \wedge y \leq 1\right) \vee \neg \left(x > 0\right)"),
        (A & B & (x < y), "x > 0 and y <= 1 and x < y", "x > 0 ∧ y ≤ 1 ∧ x < y", r"x > 0 \wedge y \leq 1 \wedge x < y"),
        (A ^ B, "xor(x > 0, y <= 1)", "x > 0 ⊻ y ≤ 1", r"x > 0 \veebar y \leq 1"),
        (A > B, "(x > 0) > (y <= 1)", "(x > 0) > (y ≤ 1)", r"\left(x > 0\right) > \left(y \leq 1\right)"),
        (A * x + B, "(x > 0)*x + (y <= 1)", "(x > 0)·x + (y ≤ 1)", r"\left(x > 0\right) x + \left(y \leq 1\right)"),
        (-A, "-(x > 0)", "-(x > 0)", r"- \left(x > 0\right)"),
        (A**2 / x, "(x > 0)**2/x", "(x > 0)²/x", r"\frac{\left(x > 0\right)^{2}}{x}"),
        (np.tanh(A), "tanh(x > 0)", "tanh(x > 0)", r"\tanh{\left(x > 0 \right)}"),
        (np.where(A, x, y), "where(x > 0, x, y)", "where(x > 0, x, y)", r"\begin{cases} x & \text{if } x > 0 \\ y & \text{otherwise} \end{cases}"),
        (np.where(A, x, np.where(B, y, z)), "where(x > 0, x, where(y <= 1, y, z))", "where(x > 0, x, where(y ≤ 1, y, z))",
         r"\begin{cases} x & \text{if } x > 0 \\ y & \text{if } y \leq 1 \\ z & \text{otherwise} \end{cases}"),
        (np.where(x, y, z), "where(x, y, z)", "where(x, y, z)", r"\begin{cases} y & \text{if } x \neq 0 \\ z & \text{otherwise} \end{cases}"),
        (2 * np.where(A, x, y), "2*where(x > 0, x, y)", "2·where(x > 0, x, y)",
         r"2 \left(\begin{cases} x & \text{if } x > 0 \\ y & \text{otherwise} \end{cases}\right)"),
        (np.clip(x, -1, 1), "clip(x, -1, 1)", "clip(x, -1, 1)", r"\operatorname{clip}{\left(x, -1, 1 \right)}"),
        (np.log2(x), "log2(x)", "log2(x)", r"\log_{2}{\left(x \right)}"),
        (Node(leaky_relu, (x, as_node(0.1))), "leaky_relu(x, 0.1)", "leaky_relu(x, 0.1)", r"\operatorname{leaky\_relu}{\left(x, 0.1 \right)}"),
    ],
)  # fmt: skip
def test_choices_read_as_mathematicians_write_them(node, plain, unicode, latex):
    assert (text(node), text(node, style="unicode"), text(node, style="latex")) == (plain, unicode, latex)
    shown = ElementTree.fromstring(text(node, style="mathml"))
    assert "".join(shown.itertext()).replace("\u2062", "")


def test_cases_in_mathml_are_a_table():
    shown = ElementTree.fromstring(text(np.where(A, x, np.where(B, y, z)), style="mathml"))
    rows = ["".join(row.itertext()) for row in shown.iter() if row.tag.endswith("mtr")]
    assert rows == ["xif\N{NO-BREAK SPACE}x>0", "yif\N{NO-BREAK SPACE}y≤1", "zotherwise"]


def test_a_comparison_as_a_side_of_an_equation_is_bracketed():
    net = sf.fold(lambda z, g: np.equal(g(z), 0), sf.layers("f1:3"), x)
    assert text(net, "steps") == "z1 = (f1(x) == 0)\nz2 = (f2(z1) == 0)"
    assert text(net, "fold", style="unicode") == "zₖ = (fₖ(zₖ₋₁) = 0), k = 1…2, z₀ = x"


IMAGE, KERNEL, Q, MASK = sf.tensor("x", (2, 3, 8, 8)), sf.tensor("W", (6, 1, 3, 3)), sf.tensor("q", (5, 4)), sf.tensor("m", (5, 5))
PLAIN = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        (convolution(IMAGE, sf.tensor("W", (6, 3, 3, 3)), groups=1, **PLAIN), "convolution(x, W)"),
        (convolution(IMAGE, KERNEL, groups=3, **{**PLAIN, "stride": (2, 2)}), "convolution(x, W, groups=3, stride=(2, 2))"),
        (convolution(IMAGE, KERNEL, groups=3, **{**PLAIN, "padding": (1, 0), "dilation": (1, 2)}), "convolution(x, W, dilation=(1, 2), groups=3, padding=(1, 0))"),
        (max_pool(IMAGE, kernel=(2, 2), **PLAIN), "max_pool(x, kernel=(2, 2))"),
        (mean_pool(IMAGE, kernel=(2, 2), padded=True, **PLAIN), "mean_pool(x, kernel=(2, 2), padded=True)"),
        (attention(Q, Q, Q, scale=0.5, causal=False), "attention(q, q, q)"),
        (attention(Q, Q, Q, MASK, scale=0.25, causal=True), "attention(q, q, q, m, causal=True, scale=0.25)"),
        (attention(x, x, x, scale=0.5, causal=False), "attention(x, x, x, scale=0.5)"),  # of a width that is not known
        (layer_norm(Q, axes=(-1,), epsilon=1e-5), "layer_norm(q)"),
        (layer_norm(Q, axes=(-2, -1), epsilon=1e-3), "layer_norm(q, axes=(-2, -1), epsilon=0.001)"),
    ],
)
def test_primitives_leave_usual_attributes_out(node, shown):
    assert text(node) == shown == preview(node)
    assert str(sf.Net.of(node).expr) == shown


def test_steps_and_fold_golden():
    net = sf.fold(sf.mappers.residual, f, x)
    assert str(net) == repr(net) == text(net, "steps") == "z1 = f1(x) + x\nz2 = f2(z1) + z1\nz3 = f3(z2) + z2"
    assert text(net, "fold") == "z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..3, z_0 = x"
    assert text(net, "fold", style="unicode") == "zₖ = fₖ(zₖ₋₁) + zₖ₋₁, k = 1…3, z₀ = x"
    assert text(net, "fold", style="latex") == (
        r"z_{k} = f_{k}{\left(z_{k-1} \right)} + z_{k-1},\quad k = 1, \ldots, 3,\quad z_{0} = x"
    )
    assert display_latex(net).startswith("$\\displaystyle \\begin{aligned}\nz_{1} &= f_{1}{\\left(x \\right)} + x \\\\\n")


def test_boosting_from_zero():
    net = sf.fold(lambda z, g: z + g(x), f, 0)
    assert text(net) == "f1(x) + f2(x) + f3(x)"
    assert text(net, "steps") == "z1 = f1(x)\nz2 = z1 + f2(x)\nz3 = z2 + f3(x)"
    assert text(net, "fold") == "z_k = z_{k-1} + f_k(x), k = 1..3, z_0 = 0"
    assert text(sf.fold(lambda z, g: g(x) + z, f, 0)) == "f3(x) + f2(x) + f1(x)"


def test_chained_folds_go_on_counting():
    mappers = (sf.mappers.residual,) * 2 + (sf.mappers.feedforward,) * 2
    net = sf.fold(lambda z, p: p[0](z, p[1]), list(zip(mappers, sf.layers("f1:5"), strict=True)), x)
    assert text(net, "steps") == "z1 = f1(x) + x\nz2 = f2(z1) + z1\nz3 = f3(z2)\nz4 = f4(z3)"
    assert text(net, "fold") == "z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..2, z_0 = x\nz_k = f_k(z_{k-1}), k = 3..4"


def test_a_stack_of_stacks_of_itself_is_shown_at_once() -> None:
    nested = sf.tensor("x", (3,))
    for _ in range(200):
        nested = sf.stack([nested, nested])
    shown = str(sf.Net.of(nested))
    assert len(shown) < 2000 and shown.endswith("...")


def test_names_avoid_those_of_the_net():
    net = sf.fold(sf.mappers.residual, sf.layers("y1:3"), sf.tensor("z1"))
    assert text(net, "steps") == "w1 = y1(z1) + z1\nw2 = y2(w1) + w1"
    assert text(sf.fold(sf.mappers.residual, sf.layers("g h p"), x), "fold").splitlines()[1] == "q = [g, h, p]"
    assert "j = 1..2" in text(sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("k")), "fold")
    assert text(sf.fold(sf.mappers.residual, sf.layers("f0:2"), x), "fold").startswith("z_k = f_{k-1}(z_{k-1})")
    assert text(sf.fold(sf.mappers.feedforward, [f[2], f[1], f[0]], x), "fold").startswith("z_k = f_{4-k}(z_{k-1}), k = 1..3")
    g = sf.layers("g2:99")
    assert text(sf.fold(sf.mappers.feedforward, g[::3], x), "fold").startswith("z_k = g_{3*k-1}(z_{k-1}), k = 1..33")
    assert text(sf.fold(sf.mappers.feedforward, g[6::-3], x), "fold").startswith("z_k = g_{11-3*k}(z_{k-1}), k = 1..3")


def test_state_of_two_parts_calls_its_parts_by_name():
    def cell(state, u):
        h, c = state
        new = g(u, h) * c
        return np.tanh(new), new

    g = sf.layer("g")
    net = sf.fold(cell, [sf.tensor("u1"), sf.tensor("u2")], (sf.tensor("h"), sf.tensor("c")))
    assert text(net, "steps") == "y1 = g(u1, h)*c\nz1 = tanh(y1)\ny2 = g(u2, z1)*y1\nz2 = tanh(y2)"


def test_nested_folds_are_written_out_in_order_of_execution():
    net = sf.fold(lambda z, g: sf.fold(lambda v, q: g(v) + q(z), sf.layers("q1:3"), z), sf.layers("f1:3"), x)
    assert text(net, "steps").splitlines() == [
        "y1 = f1(x) + q1(x)",
        "y2 = f1(y1) + q2(x)",
        "z1 = y2",
        "y3 = f2(z1) + q1(z1)",
        "y4 = f2(y3) + q2(z1)",
        "z2 = y4",
    ]
    assert text(net, "fold").splitlines()[1] == "  y_j = f_k(y_{j-1}) + q_j(z_{k-1}), j = 1..2, y_0 = z_{k-1}"


def test_scans_name_their_entries_after_the_states():
    states = sf.scan(sf.mappers.residual, f, x)
    assert text(states, "steps").endswith("\ny = [z1, z2, z3]")
    total = sf.fold(lambda s, z: s + z, states, 1)
    assert text(total, "steps").splitlines()[3:] == ["y1 = 1 + z1", "y2 = y1 + z2", "y3 = y2 + z3"]
    h, u = sf.tensor("h", (3,)), sf.tensor("u", (2, 3))
    grid = sf.fold(lambda s, g: sf.scan(lambda z, v: g(z, v), s, h), sf.layers("f1:3"), u)
    lines = text(grid, "steps").splitlines()
    assert lines[:4] == ["y1 = f1(h, u[0])", "y2 = f1(y1, u[1])", "y3 = f2(h, y1)", "y4 = f2(y3, y2)"]
    assert text(grid, "fold").splitlines() == [
        "z_k = [y_1, y_2], k = 1..2, z_0 = u",
        "  y_j = f_k(y_{j-1}, z_{k-1}[j-1]), j = 1..2, y_0 = h",
    ]


def test_the_backward_fold_counts_down():
    net = sf.fold(sf.mappers.residual, sf.layers("f", count=sp.Symbol("n")), x)
    assert text(sf.adjoint(net), "fold").splitlines()[1] == "a_{k-1} = a_k + f_k'(z_{k-1})^T a_k, k = n..1, a_n = a"
    shown = text(sf.adjoint(sf.fold(sf.mappers.residual, f, x)), "steps", style="latex")
    assert r"a_{1} &= a_{2} + f_{2}'\left(z_{1}\right)^{\top} a_{2} \\" in shown


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(MAPPERS)), st.integers(1, 4), st.sampled_from(FORMS), st.sampled_from(STYLES))
def test_every_form_in_every_style(name, depth, form, style):
    shown = text(sf.fold(on_nodes(MAPPERS[name]), sf.layers("f", count=depth), x), form, style=style)
    assert shown
    if style == "mathml":
        ElementTree.fromstring(shown)
        assert "&" not in shown
    else:
        for start, end in ("()", "[]", "{}"):
            assert shown.count(start) == shown.count(end)
    assert all(ord(letter) < 0xE000 for letter in shown)


def test_mathml_keeps_the_authors_order():
    root = ElementTree.fromstring(text(sf.fold(sf.mappers.multiplicative, sf.layers("b a"), x), style="mathml"))
    assert "".join(root.itertext()).replace("\u2062", "*") == "x*b(x)*a(x*b(x))"


def test_brackets_in_mathml_grow_around_tall_content_only():
    shown = text(np.tanh(x / y) + (x + y) ** 2, style="mathml")
    grown = re.findall(r"<mo>\(</mo>(.*?)<mo>\)</mo>", shown)
    assert len(grown) == 1 and grown[0].startswith("<mrow><mfrac>") and shown.count('<mo stretchy="false">(</mo>') == 1


class Counter(Interpreter):
    """The sizes of the expansion by running it: (tree, is the literal 0)."""

    def leaf(self, node):
        return (0, getattr(node.op, "value", None) == 0)

    def apply(self, node, args):
        kept = [a for a in args if not (node.op is sp.Add and a[1])] or args[:1]
        if node.op is sp.Add and len(kept) == 1:
            return kept[0]
        return sum(a[0] for a in kept) + (len(kept) - 1 if node.op in (sp.Add, sp.Mul) else 1), False

    def index(self, value, position, node):
        return value[0] + 1, False

    def collect(self, entries, node):
        return sum(e[0] for e in entries) + 1, False


@pytest.mark.parametrize("name", MAPPERS)
@pytest.mark.parametrize("init", [0, 1, x])
def test_size_is_counted_without_building(name, init):
    net = sf.fold(on_nodes(MAPPERS[name]), sf.layers("f", count=5), init) if (name, init) != ("power", 0) else sf.Net.of(x)
    assert expanded_size(net)[0] == Counter().run(net.outputs)[0][0]


def test_size_of_nested_folds_scans_and_listings():
    nested = sf.fold(lambda z, g: sf.fold(lambda v, q: g(v) + q(z), sf.layers("q1:4"), z), f, x)
    states = sf.scan(sf.mappers.residual, sf.layers("f1:6"), x)
    over = sf.fold(lambda s, z: s * z + s, states, x)
    backward = sf.fold(lambda s, z: s * z + s, sf.reverse(states), x)
    inputs = sf.fold(lambda s, u: s + u, sf.tensor("u", (4,)), x)
    h, u = sf.tensor("h", (3,)), sf.tensor("u", (2, 3))
    grid = sf.fold(lambda s, g: sf.scan(lambda z, v: g(z, v), s, h), sf.layers("f1:4"), u)
    for net in (nested, over, backward, inputs, sf.fold(lambda s, z: s + z, grid, h)):
        assert expanded_size(net)[0] == Counter().run(net.outputs)[0][0]
    entries = Counter().run(states.outputs)[0]
    assert expanded_size(states)[0] == sum(entry[0] for entry in entries) + 1


def test_a_million_steps_are_sized_by_repeated_squaring():
    net = sf.fold(sf.mappers.residual, sf.layers("f", count=1_000_000), x)
    begun = time.perf_counter()
    tree, dag = expanded_size(net)
    with pytest.raises(TooLarge, match=r'about 10\^301029 operations \(2,000,000 .*form="steps".*max_ops=None'):
        net.to_sympy()
    assert time.perf_counter() - begun < 5
    assert (tree, dag) == (2 * (2**1_000_000 - 1), 2_000_000)
    assert show_count(tree) == "about 10^301029"


def test_equations_are_lazy_and_indexed():
    deep = sf.fold(sf.mappers.residual, sf.layers("f", count=1_000_000), x).equations
    assert len(deep) == 1_000_000
    assert str(deep[-1]) == "(z1000000, z999999 + f1000000(z999999))"
    for net in (
        sf.fold(lambda z, g: sf.fold(lambda v, q: g(v) + q(z), sf.layers("q1:3"), z), sf.layers("f1:4"), x),
        sf.adjoint(sf.fold(sf.mappers.residual, f, x)),
        sf.scan(sf.mappers.residual, f, x),
    ):
        listed = list(net.equations)
        assert len(listed) == len(net.equations)
        assert [net.equations[k] for k in range(len(listed))] == listed == list(net.equations[:])
        assert len({symbol for symbol, _ in listed}) == len(listed)


def test_equations_put_into_each_other_are_the_expression():
    net = sf.fold(sf.mappers.multiplicative, f, x)
    values = {}
    for symbol, value in net.equations:
        values[symbol] = value.xreplace(values)
    assert sp.expand(values[sp.Symbol("z3")] - net.expr) == 0
    assert net.expr.subs(x, 2).free_symbols == set()


def test_long_nets_print_shortly_and_at_once():
    begun = time.perf_counter()
    deep = sf.fold(sf.mappers.residual, sf.layers("f", count=100_000), x)
    assert str(deep) == "z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..100000, z_0 = x"
    unrolled = sf.unroll(sf.fold(sf.mappers.residual, sf.layers("f", count=2_000), x))
    assert len(str(unrolled)) < 2000
    assert time.perf_counter() - begun < 10
    with pytest.raises(TooLarge, match="100,000 equations"):
        text(deep, "steps")


def test_a_stream_of_any_length_in_little_memory():
    net = sf.fold(sf.mappers.residual, sf.layers("f", count=18), x)
    tracemalloc.start()
    total = sum(map(len, stream(net)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 2_000_000  # it doubles with each layer
    assert peak < total / 8  # what is held does not
    short = sf.fold(sf.mappers.residual, sf.layers("f", count=9), x)

    def written(k):
        return "x" if k == 0 else f"f{k}({written(k - 1)}) + {written(k - 1)}"

    assert "".join(stream(short)) == written(9)
    deep = sf.fold(sf.mappers.feedforward, sf.layers("f", count=50_000), x)
    assert "".join(stream(deep)).startswith("f50000(f49999(")


def test_straight_code_with_much_sharing_gets_names():
    z = x
    for _ in range(40):
        z = np.tanh(z * z + x)
    shown = text(sf.Net.of(z), "steps")
    assert len(shown) < 4000
    assert len(str(sf.Net.of(z))) < 2000
    assert len(repr(z)) < 2000
    assert len(preview(z, "latex")) < 4000


@pytest.mark.parametrize("depth", [3, "n"])
def test_an_adjoint_keeps_the_names_of_its_net(depth):
    def step(z, pair):
        u = pair[0](z) + z
        v = pair[1](u) * u + u
        return pair[1](v) * v + z

    net = sf.fold(step, sf.zipped(*(sf.layers(name, count=depth) for name in ("phi", "psi"))), sf.tensor("x"))
    own = [line.split(" = ")[0] for line in text(net, "fold").splitlines()]
    names = [line.split(" = ")[0] for line in text(sf.adjoint(net), "fold").splitlines()]
    assert own == ["u_k", "v_k", "z_k"]
    assert [name for name in names if name in own] == own and len(set(names)) == len(names)


def test_a_gradient_of_a_loss_writes_its_net_as_the_net_is_written() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3, sf.tanh), count="n"), sf.tensor("x", (None, 3)))
    lines = text(sf.grad(sf.squared_error(net, sf.tensor("t", (None, 3)))), "fold").splitlines()
    assert lines[:2] == ["y_k = dot(z_{k-1}, W_k) + b_k", "z_k = tanh(y_k) + z_{k-1}, k = 1..n, z_0 = x"]
    assert ", k = n..1, " in "".join(lines[2:])


def test_an_adjoint_that_reads_no_state_runs_down() -> None:
    linear = sf.fold(lambda z, k: z * k, np.array([1.5, 2.5, 3.5]), sf.tensor("x"))
    assert str(sf.adjoint(linear)) == "a2 = a*3.5\na1 = a2*2.5\na0 = a1*1.5"


def test_gradients_are_read_by_where_they_stand():
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    both = sf.value_and_grad(sf.squared_error(net, sf.tensor("t", (None, 3))))
    lines = text(both, "steps").splitlines()
    assert lines[:3] == ["y1 = dot(x, W1) + b1", "w1 = sigmoid(y1)", "z1 = w1 + x"]
    assert lines[-2:] == ["s[1][W1, ..., W3] = [v1, v2, v3]", "s[1][b1, ..., b3] = [u1, u2, u3]"]
    _, gradient = to_sympy(both, max_ops=None)
    assert list(gradient) == ["W1", "W2", "W3", "b1", "b2", "b3"]
    for style in STYLES:
        assert text(both, "fold", style=style)


def test_an_unknown_primitive_is_shown_by_its_name():
    swirl = primitive("swirl_test", lambda a, turns: a, lambda xp, a, turns: a)
    node = swirl(x + 1, turns=2)
    assert text(node) == "swirl_test(x + 1, turns=2)"
    assert text(node, style="latex") == r"\operatorname{swirl\_test}{\left(x + 1, \text{turns=2} \right)}"
    ElementTree.fromstring(text(node, style="mathml"))


def test_mistakes_are_told():
    net = sf.fold(sf.mappers.residual, f, x)
    with pytest.raises(InvalidValue, match="unknown form: 'short'"):
        text(net, "short")
    with pytest.raises(InvalidValue, match="unknown style: 'html'"):
        text(net, "fold", style="html")
    with pytest.raises(InvalidValue, match="symbol"):
        text(sf.fold(sf.mappers.residual, sf.layers("f", count=sp.Symbol("n")), x), "steps")
    with pytest.raises(IndexError):
        net.equations[3]


def test_displays_never_raise():
    assert describe(None).startswith("a net that cannot be shown")
    assert display_latex(None) is None
    assert preview(None) == "..."


@pytest.mark.parametrize("text", ["f(z) + z", "f(z)", "z * f(z)", "f(x) + z", "f(z) * z + x", "max(z, f(z))"])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("unrolled", [False, True])
def test_every_state_that_the_fold_form_names_is_defined_in_it(text, depth, unrolled):
    from symfold.mappers.expressions import parse_mapper

    x = sf.tensor("x")
    net = sf.fold(parse_mapper(text).make(x), sf.layers("f", count=depth), x)
    shown = sf.formula(sf.adjoint(sf.unroll(net) if unrolled else net))
    defined = set(re.findall(r"(\w+) = ", shown))
    runs = set(re.findall(r"^(\w+)_(?:k|\{k-1\}) = ", shown, flags=re.MULTILINE))
    for name in re.findall(r"\b[a-z]_\d+\b", shown):
        assert name in defined or name[0] in runs, shown


def test_what_a_single_step_begins_with_is_told_where_it_is_asked_for():
    one = sf.fold(sf.mappers.residual, sf.layers("f1:2"), sf.tensor("x"))
    assert sf.formula(one) == "z_1 = f1(x) + x"
    assert sf.formula(sf.adjoint(one)) == "z_1 = f1(x) + x, z_0 = x\na_0 = a + f1'(z_0)^T a"


def test_an_entry_counted_from_the_end_is_the_state_there() -> None:
    states = sf.scan(sf.mappers.feedforward, sf.layers("f", count="n"), sf.tensor("x"))
    assert sf.formula(sf.Net.of(states[-1]), form="fold").splitlines()[-1] == "y = z_n"
    assert sf.formula(sf.Net.of(states[-2]), form="fold").splitlines()[-1] == "y = z_{n-1}"
    unet = sf.mappers.ARCHITECTURES["unet"]
    assert sf.formula(unet.net("n"), form="fold").endswith("y_0 = z_n")
    assert "y1 = g1(z3, z3)" in str(unet.net(3)).splitlines()


def test_an_entry_of_known_numbers_is_the_number() -> None:
    for numbers in (np.array([1.5, 2.5]), np.array([0.5, 1.5, 2.5])[1:]):
        net = sf.fold(lambda z, k: z * k, numbers, sf.tensor("a"))
        assert str(net) == "z1 = a*1.5\nz2 = z1*2.5"
        assert str(sf.adjoint(net)) == "g1 = g*2.5\ng0 = g1*1.5"


@pytest.mark.parametrize("count", [3, 8, 9, 12, 1000])
def test_a_net_prints_the_steps_of_a_short_fold_and_the_fold_of_a_long_one(count: int) -> None:
    folded = sf.fold(sf.mappers.residual, sf.layers("f", count=count), sf.tensor("x"))
    assert str(folded) == sf.formula(folded, form="steps" if count <= 8 else "fold")
    steps = sf.unroll(folded)
    assert str(steps) == (sf.formula(steps, form="steps") if count <= 24 else str(sf.roll(steps)))


def weighted(weights):
    z: Any = sf.tensor("x")
    for weight, layer in zip(weights, sf.layers("f", count=len(weights)), strict=True):
        z = z + weight * layer(z)
    return sf.roll(sf.Net.of(z))


@pytest.mark.parametrize(
    ("weights", "shown"),
    [
        ([0.5**k for k in range(6)], "c = [1.0, 0.5, 0.25, ..., 0.03125]"),
        ([sp.Rational(1, k + 2) for k in range(6)], "c = [1/2, 1/3, 1/4, ..., 1/7]"),
        ([0.5**k for k in range(4)], "c = [1.0, 0.5, 0.25, 0.125]"),
    ],
)
def test_numbers_that_steps_read_have_a_letter_and_are_listed(weights: list[Any], shown: str) -> None:
    net = weighted(weights)
    step, listed = net.formula().split("\n")
    assert step.startswith("z_k = z_{k-1} + c_k*f_k(z_{k-1}), k = 1.."), step
    assert listed == shown
    assert str(sf.jacobian(net).formula(form="fold")).endswith("(I + diag(c_k) J_k(z_{k-1}))")
    assert {data["label"] for _, data in net.graph("block").nodes(data=True)} >= {"c_{k}", "f_{k}"}


def test_an_array_read_from_its_end_keeps_its_letter() -> None:
    net = sf.adjoint(weighted([0.5**k for k in range(6)]))
    assert net.formula().split("\n")[1:] == [
        "a_{k-1} = a_k + f_k'(z_{k-1})^T (a_k*c_k), k = 6..1, a_6 = a", "c = [1.0, 0.5, 0.25, ..., 0.03125]"
    ]  # fmt: skip
    labels = [data["label"] for _, data in net.graph("block").nodes(data=True)]
    assert {label for label in labels if label.startswith(("c_", "d_"))} == {"c_{k}"}


def test_layers_of_two_lists_by_turns_keep_their_names_in_pictures() -> None:
    z: Any = sf.tensor("x")
    for pair in zip(sf.layers("f1:13"), sf.layers("g1:13"), strict=True):
        for layer in pair:
            z = z + layer(z)
    net = sf.roll(sf.Net.of(z))
    assert net.formula().endswith("h = [f1, g1, f2, ..., g12]")
    layers = {data["label"] for _, data in net.graph("block").nodes(data=True) if data["kind"] == "layer"}
    assert layers == {"h_{k}"}
    svg = sf.draw(net).svg
    assert re.findall(r'class="node layer"><title>(\w+)', svg) == ["f1", "g1", "g12"]
