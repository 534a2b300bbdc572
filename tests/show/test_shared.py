"""Values used more than once: each is an equation of its own in the fold and steps forms, and `inline=True` writes it out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from print_cases import FORMS

import symfold as sf

x, s = sf.tensor("x"), sf.tensor("s")
f = sf.layers("f1:4")


def check_equations(net: sf.Net) -> None:
    """Each equation has a name of its own and reads names defined before it; put into each other, they are the expression."""
    check_names(net)
    values: dict[Any, Any] = {}
    for symbol, value in net.equations:
        values[symbol] = value.xreplace(values)
    assert evaluated(values[symbol]) == evaluated(net.expr)


def check_names(net: sf.Net) -> None:
    equations = list(net.equations)
    names = {symbol for symbol, _ in equations}
    assert len(names) == len(equations)
    defined: set[Any] = set()
    for symbol, value in equations:
        assert value.free_symbols & names <= defined, (symbol, value)
        defined.add(symbol)
    assert [net.equations[k] for k in range(len(equations))] == equations


def evaluated(expression: Any) -> Any:
    """An expression built again, this time evaluated."""
    return expression.func(*map(evaluated, expression.args)) if expression.args else expression


def scaled(z: Any, layer: Any) -> Any:
    u = s * layer(z) + z
    return u * np.tanh(u)


def test_a_value_of_a_step_is_numbered_as_the_step() -> None:
    net = sf.fold(scaled, f, x)
    assert sf.formula(net) == "u_k = s*f_k(z_{k-1}) + z_{k-1}\nz_k = u_k*tanh(u_k), k = 1..3, z_0 = x"
    steps = ["u1 = s*f1(x) + x", "z1 = u1*tanh(u1)", "u2 = s*f2(z1) + z1", "z2 = u2*tanh(u2)", "u3 = s*f3(z2) + z2", "z3 = u3*tanh(u3)"]
    assert str(net).splitlines() == sf.formula(net, form="steps").splitlines() == steps
    assert [str(symbol) for symbol, _ in net.equations] == ["u1", "z1", "u2", "z2", "u3", "z3"]
    assert sf.formula(net, style="latex").startswith("\\begin{aligned}\nu_{k} &= s f_{k}")
    assert sf.formula(sf.fold(scaled, sf.layers("f", count="n"), x)).endswith("z_k = u_k*tanh(u_k), k = 1..n, z_0 = x")


def test_inline_writes_it_out() -> None:
    net = sf.fold(scaled, f, x)
    value = "s*f_k(z_{k-1}) + z_{k-1}"
    assert net.formula(inline=True) == f"z_k = ({value})*tanh({value}), k = 1..3, z_0 = x"
    assert net.formula("steps", inline=True).splitlines()[0] == "z1 = (s*f1(x) + x)*tanh(s*f1(x) + x)"
    assert "u" not in net.formula("expanded")


@pytest.mark.parametrize(
    ("mapper", "shown"),
    [
        (lambda z, g: g(z) + z, "z_k = f_k(z_{k-1}) + z_{k-1}"),  # names
        (lambda z, g: (1 - z) * g(1 - z), "z_k = (1 - z_{k-1})*f_k(1 - z_{k-1})"),  # one operation is as short as a name
        (lambda z, g: g(z) * (-z / 2) + (-z / 2), "z_k = f_k(z_{k-1})*(-z_{k-1}/2) - z_{k-1}/2"),
        (lambda z, g: z * (sp.sqrt(2) / 3) + g(z) * (sp.sqrt(2) / 3), "z_k = z_{k-1}*(sqrt(2)/3) + f_k(z_{k-1})*(sqrt(2)/3)"),  # numbers
        (lambda z, g: g(z) * np.tanh(g(z)), "u_k = f_k(z_{k-1})\nz_k = u_k*tanh(u_k)"),  # a layer is applied once
        (lambda z, g: g(z + 2 * x) * z, "z_k = f_k(z_{k-1} + 2*x)*z_{k-1}"),  # used once
    ],
)
def test_only_values_worth_a_line_get_one(mapper: Any, shown: str) -> None:
    assert sf.formula(sf.fold(mapper, f, x)).removesuffix(", k = 1..3, z_0 = x") == shown


def test_values_outside_of_a_fold() -> None:
    u = x + 2 * s
    assert sf.formula(sf.Net.of(u * np.tanh(u))) == "u = x + 2*s\ny = u*tanh(u)"
    v = np.tanh(u) * s
    assert sf.formula(sf.Net.of(u * v + v)).splitlines() == ["u_1 = x + 2*s", "u_2 = tanh(u_1)*s", "y = u_1*u_2 + u_2"]
    assert sf.formula(sf.Net.of({"a": u * s, "b": np.tanh(u * s)}), form="steps").splitlines() == ["u = (x + 2*s)*s", "y[a] = u", "y[b] = tanh(u)"]


def test_an_initial_state_is_state_0_in_the_steps() -> None:
    """The fold form has it already, behind its range."""
    net = sf.fold(sf.mappers.residual, f, x + 2 * s)
    assert str(net).splitlines()[:2] == ["z0 = x + 2*s", "z1 = f1(z0) + z0"]
    assert sf.formula(net) == "z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..3, z_0 = x + 2*s"
    assert str(sf.fold(sf.mappers.feedforward, f, x + 2 * s)).splitlines()[0] == "z1 = f1(x + 2*s)"


def test_a_value_that_every_step_reads_has_one_line_before_the_steps() -> None:
    net = sf.fold(sf.mappers.boosting(x + 2 * s), f, 0)
    assert str(net).splitlines()[:2] == ["u = x + 2*s", "z1 = f1(u)"]
    assert sf.formula(net) == "z_k = f_k(x + 2*s) + z_{k-1}, k = 1..3, z_0 = 0"


def test_a_value_that_reads_another_part_of_the_new_state_comes_after_it() -> None:
    def cell(state: Any, g: Any) -> Any:
        c, h = state
        c = g(h) * c
        u = np.tanh(c) + h
        return c, u * g(u)

    lines = sf.formula(sf.fold(cell, f, (x, s))).splitlines()
    assert [line.split(" = ")[0] for line in lines] == ["z_k", "u_k", "y_k"]
    names = [str(symbol) for symbol, _ in sf.fold(cell, f, (x, s)).equations]
    assert names == ["z1", "u1", "y1", "z2", "u2", "y2", "z3", "u3", "y3"]


def test_numbers_go_on_where_a_fold_goes_on() -> None:
    net = sf.fold(scaled, sf.layers("g1:3"), sf.fold(scaled, f, x))
    assert sf.formula(net).count("u_k") == 6
    assert [str(symbol) for symbol, _ in net.equations][-2:] == ["u5", "z5"]


def test_inside_a_fold_inside_a_fold() -> None:
    net = sf.fold(lambda z, g: sf.fold(lambda v, q: scaled(v, q) + g(z), sf.layers("q1:3"), z), f, x)
    check_names(net)
    assert str(net).splitlines()[:7] == [
        "u1 = f1(x)", "v1 = s*q1(x) + x", "y1 = v1*tanh(v1) + u1", "v2 = s*q2(y1) + y1", "y2 = v2*tanh(v2) + u1", "z1 = y2", "u2 = f2(z1)",
    ]  # fmt: skip


@pytest.mark.parametrize("unlike", [1, *(pytest.param(count, marks=pytest.mark.slow) for count in (0, 2, 4))])
@pytest.mark.parametrize("backward", [False, True])
def test_no_two_equations_have_one_name(unlike: int, backward: bool) -> None:
    """Folds in steps of folds, where some steps are unlike the others."""

    def common(z: Any, g: Any) -> Any:
        z = sf.fold(lambda v, q: q(v) + z, sf.layers("q1:3"), z)
        return g(sf.fold(lambda v, q: scaled(v, q) * z, sf.layers("p1:4"), z))

    def other(z: Any, g: Any) -> Any:
        return common(z, g) * z

    net = sf.fold(lambda z, item: item[0](z, item[1]), [(common if k < unlike else other, sf.layer(f"f{k}")) for k in range(4)], x)
    net = sf.adjoint(net) if backward else net
    check_names(net)


@given(st.recursive(st.sampled_from(["z", "x"]), lambda part: st.tuples(st.sampled_from("+*tf"), part, part), max_leaves=12), st.integers(1, 3))
def test_equations_mean_the_expression(recipe: Any, depth: int) -> None:
    def made(part: Any, z: Any, g: Any) -> Any:
        if isinstance(part, str):
            return z if part == "z" else x
        kind, *parts = part
        left, right = (made(inner, z, g) for inner in parts)
        return left + right if kind == "+" else left * right if kind == "*" else np.tanh(left) + right if kind == "t" else g(left + right)

    net = sf.fold(lambda z, g: made(recipe, z, g), sf.layers("f", count=depth), s)
    check_equations(net)
    for form in FORMS[:2]:
        lines = sf.formula(net, form=form).splitlines()
        assert len({line.split(" = ")[0] for line in lines}) == len(lines)


def test_zoo_formulas_of_values_used_once_stay() -> None:
    changed = {
        name for name, row in sf.mappers.ARCHITECTURES.items() if (net := row.net(3)).formula() != net.formula(inline=True)
    }
    assert changed == {
        "highway", "mixture", "gru", "gru_reset_after", "heun", "rk4", "fractal", "pre_norm", "post_norm", "parallel_block",
    }  # fmt: skip
    assert sf.formula(sf.mappers.ARCHITECTURES["rk4"].net("n")).splitlines()[:2] == ["u_k = f_k(z_{k-1})", "v_k = f_k(z_{k-1} + 0.5*u_k/2)"]


def test_many_values_of_a_step_are_numbered() -> None:
    def mapper(z: Any, g: Any) -> Any:
        for _ in range(10):
            z = z * np.tanh(z + 1) + g(z)
        return z

    net = sf.fold(mapper, f, x)
    names = [str(symbol) for symbol, _ in net.equations]
    assert len(names) == len(set(names))
    assert all(len(line) < 80 for line in str(net.formula("steps")).splitlines())
