"""Typed expressions: what is read, what is refused, and that what is read means what was typed."""

from __future__ import annotations

import math
import operator
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.errors import ParseError, UnknownName
from symfold.mappers import MAPPERS
from symfold.mappers.expressions import (
    FUNCTIONS,
    MAX_DEPTH,
    MAX_LENGTH,
    Name,
    Number,
    Operation,
    Tree,
    build,
    named_mapper,
    parse,
    parse_mapper,
)

REFUSED = [
    ("", "empty"),
    ("   \n", "empty"),
    ("__import__('os').system('echo')", "attribute"),
    ("__import__('os')", "'__import__', which is not a function"),
    ("eval('1')", "'eval'"),
    ("z.__class__", "attribute"),
    ("z.real", "attribute"),
    ("[z for z in x]", "comprehension"),
    ("{z: z for z in x}", "comprehension"),
    ("sum(z for z in x)", "'sum'"),
    ("f(z for z in x)", "comprehension"),
    ("lambda z: z", "lambda"),
    ("(lambda z: z)(x)", "lambda"),
    ("'text'", "is a string (leave out the quotation marks inside the expression)"),
    ("z + 0.5 f(z)", "a product with *"),
    ("f'{z}'", "string"),
    ("f('z')", "string"),
    ("b'z'", "string"),
    ("z[0]", "is an index, and z is one value (a state of two parts is typed as 'z[1], f(z[0])')"),
    ("z if x else 1", "is a condition (write where(condition, a, b))"),
    ("z in x", "compares by In"),
    ("z is x", "the comparisons are > >= < <= == !="),
    ("z & x", "between conditions, and, or, not"),
    ("~z", "operator"),
    ("where(z > 0, z)", "where takes 3"),
    ("(z := x)", "assignment"),
    ("(z, x)", "'z' is a state of 2 parts (write z[0], z[1])"),
    ("x + (x, x)", "is a tuple (allowed are"),
    ("z[2], z[0]", "'z[2]' is no part of a state of 2 (its parts are z[0], z[1])"),
    ("z[-1], z[0]", "is no part"),
    ("z[0.0], z[True]", "is no part"),
    ("z[f(x)], z[0]", "is no part"),
    ("x[0], z[0]", "only the state z has parts"),
    ("z[0],", "is a tuple of 1 (a state has 2 to 4 parts)"),
    ("()", "is a tuple of 0"),
    ("z[0], " * 4 + "x", "is a tuple of 5"),
    ("z = f(z) + z", "it is an equation (write its right side alone, the next state, as 'f(z) + z')"),
    ("2z", "write a product with *, as 2*z"),
    ("tanj(z)", "'tanj', which is not a function here (did you mean tan or tanh or atan? A layer is a single letter, as t(z))"),
    ("mlp(z)", "layers are single letters such as f"),
    ("f1(z)", "layers are single letters such as f"),
    ("\u0192(z)", "layers are single letters such as f"),
    ("g + z", "is a layer and needs an argument (write g(z); values are z, x and numbers)"),
    ("[z]", "list"),
    ("f(*z)", "starred"),
    ("f(z=1)", "keywords"),
    ("f()", "no argument"),
    ("f", "needs an argument (write f(z);"),
    ("tanh", "needs an argument"),
    ("tanh(z, x)", "takes 1"),
    ("z(x)", "z*("),
    ("alpha + z", "'alpha' is an unknown name"),
    ("z ^ 2", "it uses the operator ^ (the operators are + - * / ** @ and, between conditions, and, or, not; a power is **)"),
    ("z % 2", "operator"),
    ("z / 0", "zero"),
    ("0 ** -1", "zero"),
    ("9**9**9", "powers grow too large"),
    ("((9**99)**99)**99", "powers grow too large"),
    ("2**z**z**z", "powers grow too large"),
    ("z**(10*10*10*10)", "powers grow too large"),
    ("True", "not a real number"),
    ("None", "not a real number"),
    ("2j", "not a real number"),
    ("1e999", "too large a number"),
    ("...", "not a real number"),
    ("f(z", "never closed"),
    ("f(z) +", "invalid syntax"),
    ("z\0", "null"),
    ("import os", "invalid syntax"),
    ("z; x", "invalid syntax"),
    ("z²", "invalid character"),
    ("z" * (MAX_LENGTH + 1), "characters long"),
    ("9" * (MAX_LENGTH + 1), "characters long"),
    ("(" * 150 + "z" + ")" * 150, None),
    ("(" * 400 + "z" + ")" * 400, "nested"),
    ("-" * 900 + "z", "nested"),
    ("f(" * 150 + "z" + ")" * 150, "nested"),
    ("[" * 450 + "]" * 450, "nested"),
]


@pytest.mark.parametrize(("text", "words"), [(t, w) for t, w in REFUSED if w], ids=[repr(t)[:30] for t, w in REFUSED if w])
def test_refused_in_one_line_that_quotes_it(text: str, words: str) -> None:
    with pytest.raises(ParseError) as error:
        parse(text)
    message = str(error.value)
    assert words in message
    assert "\n" not in message and len(message) < 400
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("z + s(z)*(f(z) - alpha)", "alpha"), ("tahn(z) + x", "tahn(z)"), ("f(z) + z[0]", "z[0]"), ("z + (\n x.real)", "x.real"), ("z, f(z[0])", "z"),
        ("x + 'é' + tahn(z)", "'é'"), ("where(z > é, 'é', 2)", "é"), ("x - 9" + " + x" * 200 + " + z[0]" + " - x" * 30, "z[0]"), ("z = f(z)", "="), ("2z", "2"),
        ("z + x.\x1b[31m", "\\x1b"), ("z z", "z"),
    ],
)  # fmt: skip
def test_a_note_points_at_the_place(text: str, wrong: str) -> None:
    with pytest.raises(ParseError) as error:
        parse(text)
    (note,) = error.value.__notes__
    line, carets = note.split("\n")
    assert carets.strip() == "^" * len(wrong) and line[carets.index("^") : len(carets)] == wrong
    assert line.isprintable() and len(line) < 90


def test_the_note_of_what_is_missing_points_after_the_end() -> None:
    with pytest.raises(ParseError) as error:
        parse("f(z) +")
    assert error.value.__notes__ == ["    f(z) +\n          ^"]


def test_parentheses_cost_no_depth() -> None:
    assert parse("(" * 150 + "z" + ")" * 150) == Name("z")


def test_as_deep_as_allowed() -> None:
    assert isinstance(parse("f(" * (MAX_DEPTH - 1) + "z" + ")" * (MAX_DEPTH - 1)), Operation)


@pytest.mark.parametrize("sign", ["+", "-", "*"])
def test_many_terms_are_no_nesting(sign: str) -> None:
    mapper = parse_mapper(sign.join(["z"] * (MAX_LENGTH // 2)))
    tree, terms = mapper.tree, 1
    while isinstance(tree, Operation):
        assert tree.symbol == sign and tree.args[1] == Name("z")
        tree, terms = tree.args[0], terms + 1
    assert (tree, terms) == (Name("z"), MAX_LENGTH // 2)
    assert mapper == parse_mapper(str(mapper)) and str(mapper) in repr(mapper)


def test_a_long_sum_is_the_sum() -> None:
    z = sf.tensor("z")
    net = sf.Net.of(build(parse("+".join(f"z*{k}" for k in range(1, 120))), {"z": z}, {"f": abs}))
    assert float(np.asarray(net(z=0.5))) == 0.5 * 119 * 120 / 2


def test_the_tree_is_as_typed() -> None:
    z, fz = Name("z"), Operation("f", (Name("z"),))
    assert parse("f(z) + z") == Operation("+", (fz, z))
    assert parse("z - 2*f(z)") == Operation("-", (z, Operation("*", (Number(2), fz))))
    assert parse("-z**2") == Operation("-", (Operation("**", (z, Number(2))),))
    assert parse("z**-1") == Operation("**", (z, Number(-1)))
    assert parse(" +z ") == z


def test_names_and_expressions() -> None:
    assert named_mapper("residual") is MAPPERS["residual"]
    assert str(named_mapper("f(z) - z")) == "f(z) - z"
    assert parse("z") == parse_mapper("z").tree
    for typed, meant in (("Residual", "residual"), ("boosing", "boosting"), ("lsmt", "lstm")):
        with pytest.raises(UnknownName, match=rf"unknown mapper: '{typed}' \(did you mean '{meant}'\?\)"):
            named_mapper(typed)
    with pytest.raises(UnknownName, match=r"unknown mapper: 'zzz' .*'residual'.* or an expression"):
        named_mapper("zzz")


@pytest.mark.parametrize("name", list(MAPPERS))
def test_the_formula_in_the_table_is_the_mapper(name: str) -> None:
    x, layers = sf.tensor("x"), sf.layers("f1:4")
    assert sf.fold(parse_mapper(MAPPERS[name].formula).make(x), layers, x) == sf.fold(MAPPERS[name].make(x), layers, x)


F, S, X = sf.layers("f1:4"), sf.layers("s1:4"), sf.tensor("x")
PAIR = X, sf.tensor("v")
PAIRS = list(zip(F, S, strict=True))
SEVERAL = [
    ("z + s(z)*(f(z) - z)", lambda z, i: z + i[1](z) * (i[0](z) - z), X),
    ("f(s(z) + x) @ z", lambda z, i: i[0](i[1](z) + X) @ z, X),
    ("z[0] + f(z[1]), z[1] + s(z[0] + f(z[1]))", sf.mappers.coupling, PAIR),
    ("(z[1], s(x)*f(z[0]))", lambda z, i: (z[1], i[1](X) * i[0](z[0])), PAIR),
]


@pytest.mark.parametrize(("text", "meant", "init"), SEVERAL, ids=[text for text, _, _ in SEVERAL])
def test_several_layers_are_items_in_alphabetical_order(text: str, meant: object, init: object) -> None:
    mapper = sf.mapper(text, X)
    assert sf.fold(mapper, sf.zipped(F, S), init) == sf.fold(meant, sf.zipped(F, S), init)
    assert sf.fold(mapper, PAIRS, init) == sf.fold(meant, PAIRS, init)
    assert pickle.loads(pickle.dumps(mapper)) == mapper and text in repr(mapper)


def test_the_formula_of_a_known_pair_is_the_mapper() -> None:
    """Momentum of `sf.mappers`, typed."""
    typed = sf.mapper("z[0] + (0.5*z[1] + 0.5*f(z[0])), 0.5*z[1] + 0.5*f(z[0])")
    assert sf.fold(typed, F, PAIR) == sf.fold(sf.mappers.momentum(0.5), F, PAIR)


@pytest.mark.parametrize(
    ("text", "items", "init", "words"),
    [
        ("z + s(z)*f(z)", F, X, "an item of 'z + s(z)*f(z)' is (f, s), got a layer (fold over sf.zipped(f, s))"),
        ("z + f(z)", PAIRS, X, "an item of 'z + f(z)' is (f), got (a layer, a layer)"),
        ("z[1], f(z[0])", F, X, "the state of 'z[1], f(z[0])' is (z[0], z[1]), got a value"),
    ],
)
def test_items_and_states_of_another_form_are_refused(text: str, items: object, init: object, words: str) -> None:
    with pytest.raises(sf.errors.InvalidType, match=re.escape(words)):
        sf.fold(sf.mapper(text), items, init)


@pytest.mark.parametrize("text", ["f(x) + z", "boosting", "multiplicative_boosting"])
def test_a_mapper_that_reads_the_input_asks_for_it(text: str) -> None:
    with pytest.raises(sf.errors.InvalidValue, match=re.escape(f"reads the initial input x (give it: sf.mapper({text!r}, x))")):
        sf.mapper(text)
    assert "f2(x)" in str(sf.fold(sf.mapper(text, X), F, X))


def test_a_mapper_without_layers_takes_any_items() -> None:
    assert float(sf.fold(sf.mapper("2*z"), [1, 2, 3], X)(x=1.0)) == 8.0


@given(st.text(max_size=60) | st.text(alphabet="zxf()+-*/. 0123456789[]{}'\"\\:=,_\n\t\0#", max_size=40))
def test_random_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except ParseError as error:
        assert "\n" not in str(error)


FUNCTION_VALUES = {
    "tanh": math.tanh,
    "sin": math.sin,
    "abs": abs,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)) if v > -700 else 0.0,
    "relu": lambda v: max(v, 0.0),
}
COMPARED = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne}
LEAVES = st.sampled_from([("z", 0.5), ("x", -0.75)]) | st.sampled_from([("2", 2.0), ("0.25", 0.25), ("3", 3.0)])


def joined(parts: st.SearchStrategy[tuple[str, float]]) -> st.SearchStrategy[tuple[str, float]]:
    """Text in parentheses beside its value, computed here in plain Python."""
    pair = st.tuples(parts, parts)
    return (
        pair.map(lambda p: (f"({p[0][0]} + {p[1][0]})", p[0][1] + p[1][1]))
        | pair.map(lambda p: (f"({p[0][0]} - {p[1][0]})", p[0][1] - p[1][1]))
        | pair.map(lambda p: (f"({p[0][0]}*{p[1][0]})", p[0][1] * p[1][1]))
        | parts.map(lambda p: (f"({p[0]} / 4)", p[1] / 4))
        | parts.map(lambda p: (f"({p[0]})**2", p[1] ** 2))
        | parts.map(lambda p: (f"-({p[0]})", -p[1]))
        | st.tuples(st.sampled_from(sorted(COMPARED)), pair, pair).map(
            lambda p: (
                f"where({p[1][0][0]} {p[0]} {p[1][1][0]}, {p[2][0][0]}, {p[2][1][0]})",
                p[2][0][1] if COMPARED[p[0]](p[1][0][1], p[1][1][1]) else p[2][1][1],
            )
        )
        | parts.map(lambda p: (f"(0 < {p[0]} <= 2 and not {p[0]} == 1 or {p[0]} < -3)", float((0 < p[1] <= 2 and p[1] != 1) or p[1] < -3)))
        | parts.map(lambda p: (f"clip({p[0]}, -1, 0.5)", min(max(p[1], -1), 0.5)))
        | pair.map(lambda p: (f"xor({p[0][0]} > 0, {p[1][0]} > 0)", float((p[0][1] > 0) != (p[1][1] > 0))))
        | pair.map(lambda p: (f"min({p[0][0]}, {p[1][0]})", min(p[0][1], p[1][1])))
        | parts.map(lambda p: (f"f({p[0]})", math.cos(p[1]) + 1))
        | pair.map(lambda p: (f"g({p[0][0]}, {p[1][0]})", p[0][1] - 2 * p[1][1]))
        | st.tuples(st.sampled_from(list(FUNCTION_VALUES)), parts).map(
            lambda p: (f"{p[0]}({p[1][0]})", FUNCTION_VALUES[p[0]](p[1][1]))
        )
    )


@given(st.recursive(LEAVES, joined, max_leaves=8))
def test_the_value_is_that_of_the_text(case: tuple[str, float]) -> None:
    text, expected = case
    if not abs(expected) < 1e6:
        return
    try:
        tree = parse(text)
    except ParseError as error:
        assert "grow too large" in str(error) or (len(text) > 1000 and "characters long" in str(error))
        return
    given_x = sf.tensor("x")
    value = build(tree, {"z": sf.tensor("z"), "x": given_x}, {"f": lambda v: sf.cos(v) + 1, "g": lambda v, w: v - 2 * w})
    net = sf.Net.of(value)
    numbers = {leaf.op.name: {"z": 0.5, "x": -0.75}[leaf.op.name] for leaf in net.inputs}
    assert float(np.asarray(net(**numbers))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "where(z > 0, f(z), x)", "0 < z and z <= 1", "(not (z > 0) and x != 1) or z == x", "xor(z > 0, x >= f(z))", "clip(f(z), -1, 1)*(z > 0)",
        "(z > 0) + (x > 0)", "(z > 0) > (x > 0)", "where(z > x, z, where(isnan(x), 0, x))/(1 + z**2)", "-(z > 0)", "(z < 0)**2", "logaddexp(z, x) - hypot(z, 1)",
        "not (not (z > 0))", "(z > 0 and x > 0) == (z > 0 or x > 0)", "z > 0 and x > 0 and z < x",
    ],
)  # fmt: skip
def test_what_formulas_print_is_read_again(text: str) -> None:
    values = {"z": sf.tensor("z"), "x": sf.tensor("x")}
    net = sf.Net.of(build(parse(text), values, {"f": sf.layer("f")}))
    printed = sf.formula(net, form="expanded")
    assert printed == text
    assert sf.Net.of(build(parse(printed), values, {"f": sf.layer("f")})) == net


def test_every_function_builds() -> None:
    for name, (function, arity) in FUNCTIONS.items():
        tree: Tree = parse(f"{name}({', '.join(['z'] * (arity or 2))})")
        assert isinstance(tree, Operation) and function(*[sf.tensor("z")] * (arity or 2)) is not None


def test_halves_are_exact() -> None:
    z = sf.tensor("z")
    assert build(parse("z**(1/2)"), {"z": z}, {"f": abs}) == sf.sqrt(z)
