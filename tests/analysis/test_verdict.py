"""Verdicts: pairs built to be of each level; equal is never said of nets that differ; counterexamples hold by hand."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import strategies
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.analysis.equality.agreement import agree
from symfold.analysis.equality.counterexample import find
from symfold.analysis.equality.random_functions import RandomFunctions
from symfold.analysis.equality.same_form import normal_form, same_form
from symfold.analysis.equality.verdict import LEVELS, Verdict, verdict
from symfold.core.blocks import Call
from symfold.core.interpreter import Interpreter
from symfold.core.leaves import Constant
from symfold.core.names import names_of
from symfold.core.nodes import walk

X, Y = sf.tensor("x"), sf.tensor("y")
NUMBER = sf.tensor("x", ())
G = sf.layer("g")
MILLION, DEEP = 1_000_000, 20_000


def layers(count: Any) -> Any:
    return sf.layers("f", count=count)


def residual(count: Any) -> sf.Net:
    return sf.fold(sf.mappers.residual, layers(count), X)


def boosting(count: Any) -> sf.Net:
    return sf.fold(sf.mappers.boosting(X), layers(count), X)


def boosting_from(start: Any, count: Any) -> sf.Net:
    return sf.fold(sf.mappers.boosting(X), layers(count), start)


def times_layer(z: Any, f: Any) -> Any:
    return z * f(X)


def summed_beside(start: Any, count: Any) -> sf.Net:
    """The sum of what layers give, beside a state that runs through them and does not read it."""
    return sf.Net.of(sf.fold(lambda s, f: (f(s[0]), s[1] + f(s[0])), layers(count), (NUMBER, start))[1])


def read_beside(start: Any, count: Any) -> sf.Net:
    """The same, read by the state beside it."""
    return sf.Net.of(sf.fold(lambda s, f: (f(s[0] + s[1]), s[1] + f(s[0])), layers(count), (NUMBER, start))[1])


def map_reduce(count: Any) -> sf.Net:
    """Every layer is applied to x, and then all are added up."""
    return sf.fold(lambda s, v: s + v, sf.scan(lambda c, f: f(X), layers(count), X), X)


def hand_written_picard(depth: int) -> sf.Net:
    """As many sweeps as layers over the residual net's equations, from the trajectory x, without a fold."""
    f = list(layers(depth))
    states: list[Any] = [X] * (depth + 1)
    for _ in range(depth):
        states = [X, *(sum((f[j](states[j]) for j in range(k)), X) for k in range(1, depth + 1))]
    return sf.Net.of(states[-1])


def scaled(*factors: Any) -> list[sf.Layer]:
    return [sf.layer(f"f{k + 1}", lambda z, c=c: c * z) for k, c in enumerate(factors)]


def both(items: Any, x: Any = X) -> tuple[sf.Net, sf.Net]:
    """The residual and the boosting net over the same layers."""
    return sf.fold(sf.mappers.residual, items, x), sf.fold(sf.mappers.boosting(x), items, x)


WIDE = sf.tensor("x", (None, 4))
HIDDEN = sf.layers("f1:4", lambda z, W, V: np.dot(np.tanh(np.dot(z, W)), V), W=(4, 2), V=(2, 4))
CONSTANTS = [sf.layer("f1"), *(sf.layer(f"f{k}", lambda z, b: b, b=(1, 4)) for k in (2, 3))]


LEVEL_OF: dict[str, tuple[str, Callable[[], tuple[Any, Any]]]] = {
    "the same net": ("identical", lambda: (residual(5), residual(5))),
    "the same million": ("identical", lambda: (residual(MILLION), residual(MILLION))),
    "depth 1": ("equal by normal form", lambda: (residual(1), boosting(1))),
    "unrolled": ("equal by normal form", lambda: (residual(9), sf.unroll(residual(9)))),
    "commuted, symbolic": ("equal by normal form", lambda: (residual("n"), sf.fold(lambda z, f: z + f(z), layers("n"), X))),
    "commuted, a million": ("equal by normal form", lambda: (residual(MILLION), sf.fold(lambda z, f: z + f(z), layers(MILLION), X))),
    "brackets": ("equal by normal form", lambda: (sf.fold(lambda z, f: (z + f(z)) + X, layers("n"), X), sf.fold(lambda z, f: z + (X + f(z)), layers("n"), X))),
    "like terms": ("equal by normal form", lambda: (sf.fold(lambda z, f: z / 2 + f(z) + z / 2, layers("n"), X), residual("n"))),
    "a captured product": ("equal by normal form", lambda: (sf.fold(lambda z, f: Y * f(z) + z, layers("n"), X), sf.fold(lambda z, f: z + f(z) * Y, layers("n"), X))),
    "x + sum": ("equal by normal form", lambda: (boosting(4), X + sum((f(X) for f in layers(4)), sf.Net.of(0)))),
    "picard by hand": ("equal by normal form", lambda: (residual(3), hand_written_picard(3))),
    "map and reduce, short": ("equal by normal form", lambda: (map_reduce(5), boosting(5))),
    "map and reduce, symbolic": ("equal as random functions", lambda: (map_reduce("n"), boosting("n"))),
    "begun at 0, symbolic": ("equal by normal form", lambda: (X + boosting_from(0, "n"), boosting("n"))),
    "begun at 0, a million": ("equal by normal form", lambda: (X + boosting_from(0, MILLION), boosting(MILLION))),
    "begun elsewhere, a million": ("equal by normal form", lambda: (2 * X + 3 * boosting_from(X + 1, MILLION) - 3, 5 * X + 3 * boosting_from(0, MILLION))),
    "begun at 1": ("equal by normal form", lambda: (X * sf.fold(times_layer, layers("n"), 1), sf.fold(times_layer, layers("n"), X))),
    "begun at 1, a million": ("equal by normal form", lambda: (X * sf.fold(times_layer, layers(MILLION), 1), sf.fold(times_layer, layers(MILLION), X))),
    "one part begun at 0": ("equal by normal form", lambda: (NUMBER + summed_beside(0, "n"), summed_beside(NUMBER, "n"))),
    "one layer more": ("different", lambda: (X + boosting_from(0, MILLION) + sf.layer(f"f{MILLION}")(X), boosting(MILLION))),
    "begun twice": ("different", lambda: (X + boosting("n"), boosting("n"))),
    "begun at 2": ("different", lambda: (X * sf.fold(times_layer, layers("n"), 2), sf.fold(times_layer, layers("n"), X))),
    "a residual net begun at 0": ("different", lambda: (X + sf.fold(sf.mappers.residual, layers("n"), 0), residual("n"))),
    "a part that is read, begun at 0": ("different", lambda: (NUMBER + read_beside(0, "n"), read_beside(NUMBER, "n"))),
    "map and reduce, a million": ("equal as random functions", lambda: (map_reduce(MILLION), boosting(MILLION))),
    "distributed": ("equal as random functions", lambda: (((G(X) + Y) * X), (X * G(X) + Y * X))),
    "distributed in a fold": ("equal as random functions", lambda: (sf.fold(lambda z, f: (f(z) + G(X)) * z, layers("n"), X), sf.fold(lambda z, f: f(z) * z + G(X) * z, layers("n"), X))),
    "distributed within layers": ("equal as random functions", lambda: (G((X + 1) * (X - 1)), G(X**2 - 1))),
    "step by step": ("equal as random functions", lambda: (sf.fold(lambda z, f: (f(z) + X) * z, [*layers(90)], X), sf.fold(lambda z, f: f(z) * z + X * z, layers(89), X) * (sf.layer("f90")(sf.fold(lambda z, f: f(z) * z + X * z, layers(89), X)) + X))),
    "constant layers": ("equal for these layers", lambda: both(CONSTANTS, WIDE)),
    "an accident": ("equal for these layers", lambda: both(scaled(1, 1, sp.Rational(-1, 3)))),
    "bodies that commute": ("equal for these layers", lambda: (sf.fold(sf.mappers.residual, scaled(2, 3), X), sf.fold(sf.mappers.residual, scaled(2, 3)[::-1], X))),
    "an identity of tanh": ("numerically equal", lambda: (np.tanh(2 * X), 2 * np.tanh(X) / (1 + np.tanh(X) ** 2))),
    "residual and boosting": ("different", lambda: (residual(3), boosting(3))),
    "symbolic": ("different", lambda: (residual("n"), boosting("n"))),
    "a million": ("different", lambda: (residual(MILLION), boosting(MILLION))),
    "the last of many": ("different", lambda: (sf.fold(sf.mappers.residual, layers(DEEP), X), sf.fold(sf.mappers.residual, [*layers(DEEP - 2), *list(layers(DEEP))[:-3:-1]], X))),
    "the order": ("different", lambda: (residual(3), sf.fold(sf.mappers.residual, list(layers(3))[::-1], X))),
    "tanh": ("different", lambda: (np.tanh(2 * X), 2 * np.tanh(X))),
    "squared too often": ("different", lambda: (sf.fold(lambda z, f: z * z, layers(127), X), X * X)),
    "doubled as often as the prime has bits": ("different", lambda: (sf.fold(lambda z, f: z + z, layers(61), X), X + 0)),
    "one input only": ("different", lambda: (sf.fold(lambda z, f: f(z) + Y * z, layers(4), X), sf.fold(lambda z, f: f(z) + Y * Y * z, layers(4), X))),
    "other inputs": ("not comparable", lambda: (residual(3), sf.fold(sf.mappers.residual, layers(3), Y))),
    "other shapes": ("not comparable", lambda: (sf.tensor("x", (3,)) + 1, sf.tensor("x", (4,)) + 1)),
    "other outputs": ("not comparable", lambda: (sf.Net.of((X, X)), sf.Net.of(X))),
    "other depths": ("not comparable", lambda: (residual("n"), residual("m"))),
}


@pytest.mark.parametrize("case", LEVEL_OF)
def test_each_pair_has_its_level(case: str) -> None:
    level, make = LEVEL_OF[case]
    a, b = make()
    found = verdict(a, b)
    assert found.level == level, found
    assert level in LEVELS
    expected = {"numerically equal": None, "not comparable": None, "different": False}.get(level, True)
    assert found.equal is expected
    assert verdict(b, a).level == level
    assert str(verdict(a, b)) == str(found) == found.text


def test_every_level_but_undecided_has_a_case() -> None:
    assert {level for level, _ in LEVEL_OF.values()} == set(LEVELS) - {"undecided"}


def test_it_is_said_how_sure_the_answer_is() -> None:
    assert "wrong with probability at most 2**-" in verdict(map_reduce("n"), boosting("n")).text
    assert "tolerance of 1e-09" in (said := verdict(*LEVEL_OF["an identity of tanh"][1]()).text)
    assert "not proved" in said
    assert "each net applies one layer, and both start from the same input" in verdict(residual(1), boosting(1)).text


def test_a_counterexample_for_residual_against_boosting_is_what_a_student_would_give() -> None:
    assert str(verdict(residual(3), boosting(3))) == "different: with every f_k(z) = z and x = 1: 8 against 4"
    assert str(verdict(residual("n"), boosting("n"))) == "different: at n = 2, with every f_k(z) = z and x = 1: 4 against 3"
    assert str(verdict(residual(MILLION), boosting(MILLION))) == "different: with f1(z) = f2(z) = z, every other layer 0 and x = 1: 4 against 3"
    assert verdict(residual(2), boosting(2)).evidence["layers"] == {"f1": "z", "f2": "z"}


# ---------------------------------------------------------------- equal for these layers, and why


def test_constant_layers_are_the_reason() -> None:
    found = verdict(*both(CONSTANTS, WIDE))
    assert "because all layers but f1 are constant" in found.text and "not necessary" in found.text


def test_which_layers_are_constant_is_said() -> None:
    f1, f2 = sf.layer("f1", lambda z, b: b, b=(1, 4)), sf.layer("f2")
    nets = (sf.Net.of(f2(WIDE) + f1(WIDE)), sf.Net.of(f2(WIDE) + f1(f2(WIDE))))
    assert "because all layers but f2 are constant" in verdict(*nets).text


def test_a_symbolic_depth_of_layers_that_are_constant_but_for_the_first() -> None:
    later = sf.layers("h", lambda z, b: b, b=(1, 4), count="n")
    start = G(WIDE) + WIDE
    nets = (sf.fold(sf.mappers.residual, later, start), sf.fold(sf.mappers.boosting(WIDE), later, start))
    assert "because all layers but g are constant" in verdict(*nets).text


def virtual(first: Any, later: Any) -> dict[str, Any]:
    """Weights of three layers that write in the first two coordinates; what the later ones read is given."""
    write = np.array([[1.0, 2.0, 0.0, 0.0], [0.5, -1.0, 0.0, 0.0]])
    return {"W1": first, "W2": later, "W3": 2 * later, "V1": write, "V2": -write, "V3": np.ones((2, 4))}


def test_virtual_weights_that_are_zero_are_the_reason_and_only_then() -> None:
    apart = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 2.0], [3.0, -1.0]])
    found = verdict(*both(HIDDEN, WIDE), params=virtual(np.ones((4, 2)), apart))
    assert found.level == "equal for these layers" and "no layer reads what an earlier one writes" in found.text
    assert "no layer reads" in verdict(*both(HIDDEN, WIDE), params=virtual(np.zeros((4, 2)), apart)).text
    near = apart + np.array([[1e-3, 0], [0, 0], [0, 0], [0, 0]])
    assert verdict(*both(HIDDEN, WIDE), params=virtual(np.ones((4, 2)), near)).level == "different"
    assert verdict(*both(HIDDEN, WIDE)).level == "different"


def test_directions_that_cancel_are_exactly_zero_too() -> None:
    """The rows of W_2 are orthogonal to what V_1 writes, without any coordinate being zero."""
    params = virtual(np.ones((4, 2)), np.array([[0.0] * 2] * 2 + [[1.0, 1.0]] * 2))
    turn = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, -1, 0], [0, 1, 0, -1]]) / 1.0
    turned = {name: value @ turn if name[0] == "V" else turn @ value for name, value in params.items()}
    turned["W1"] = params["W1"]
    assert not (turned["W2"] == 0).any(axis=1).all()
    gap = max(abs(turned[f"V{j}"] @ turned[f"W{k}"]).max() for k in (2, 3) for j in (1, 2) if j < k)
    assert gap == 0
    assert "virtual weights" in verdict(*both(HIDDEN, WIDE), params=turned).text


def test_an_accident_is_called_one_and_no_condition_is_claimed() -> None:
    found = verdict(*both(scaled(1, 1, sp.Rational(-1, 3))))
    assert found.equal is True and found.evidence["because"] is None
    assert "by exact computation in fractions" in found.text and "accidental" in found.text and "because" not in found.text
    states = [Fraction(1), Fraction(1)]
    for c in (Fraction(1), Fraction(1), Fraction(-1, 3)):  # the two nets as loops, at x = 1
        states = [states[0] + c * states[0], states[1] + c]
    assert states == [Fraction(8, 3), Fraction(8, 3)]
    other = verdict(*both(scaled(1, 1, sp.Rational(-1, 2))))
    assert other.level == "different" and other.evidence["values"] == (2, Fraction(5, 2))


def test_parameters_decide() -> None:
    items = sf.layers("f1:4", lambda z, w: w * z, w=())
    assert verdict(*both(items)).level == "different"
    assert verdict(*both(items), params={"w1": 1, "w2": -1, "w3": -1}).level == "equal for these layers"
    assert "virtual weights" in verdict(*both(items), params={"w1": 5, "w2": 0, "w3": 0}).text
    assert verdict(*both(items), params={"w1": 1.0, "w2": 1.0, "w3": -1 / 3}).level == "numerically equal"
    assert verdict(*both(items), params={"w1": 1.0, "w2": 1.0, "w3": -0.3}).level == "different"


def test_numbers_of_a_different_verdict_are_those_of_the_nets() -> None:
    a, b = both(sf.layers("f1:4", sf.dense(4, 4, np.tanh)), WIDE)
    params = a.init(seed=3)
    found = verdict(a, b, params=params)
    assert found.level == "different" and "random parameters" not in found.text and "random smooth" not in found.text
    place = found.evidence["place"][1:]
    values = [np.asarray(net(params, x=np.array(found.evidence["inputs"]["x"])))[place] for net in (a, b)]
    assert np.allclose(values, found.evidence["values"], rtol=1e-12)


# ---------------------------------------------------------------- random mappers


def expression(draw: Any, depth: int) -> Any:
    """A mapper as a tree: what it does to z with a layer and x, by sums and products."""
    kind = draw(st.sampled_from(["z", "x", "f(z)", "f(x)", "1", "-2"] if depth == 0 else ["+", "+", "*", "f", "z", "f(z)", "x"]))
    if kind in "+*":
        return kind, expression(draw, depth - 1), expression(draw, depth - 1)
    return ("f", expression(draw, depth - 1)) if kind == "f" else kind


trees = st.composite(expression)


def meaning(tree: Any, z: Any, f: Any, x: Any) -> Any:
    """A tree on nodes, on SymPy's symbols, or on numbers."""
    if isinstance(tree, tuple):
        parts = [meaning(part, z, f, x) for part in tree[1:]]
        return f(parts[0]) if tree[0] == "f" else parts[0] + parts[1] if tree[0] == "+" else parts[0] * parts[1]
    return {"z": z, "x": x, "f(z)": f(z), "f(x)": f(x)}[tree] if tree[-1] not in "12" else int(tree)


def turned_around(tree: Any) -> Any:
    """The same function: every sum and product the other way round, and one product distributed."""
    if not isinstance(tree, tuple) or tree[0] == "f":
        return tree if not isinstance(tree, tuple) else ("f", turned_around(tree[1]))
    left, right = turned_around(tree[1]), turned_around(tree[2])
    if tree[0] == "*" and isinstance(left, tuple) and left[0] == "+":
        return ("+", ("*", right, left[2]), ("*", left[1], right))
    return (tree[0], right, left)


def loop(tree: Any, functions: list[Callable[[Any], Any]], x: Any) -> Any:
    z = x
    for f in functions:
        z = meaning(tree, z, f, x)
    return z


POLYNOMIALS = [[lambda z, a=a, b=b, c=c: a * z * z + b * z + c for a, b, c in rows] for rows in (((1, 2, -1), (-1, 3, 2), (2, 1, 5)), ((3, -1, 4), (1, 1, -7), (-2, 5, 1)))]
POINTS = [sp.Integer(2), sp.Rational(-3, 5)]


def differ(a: Any, b: Any, depth: int) -> bool:
    """Whether two mappers' nets differ, in SymPy's exact numbers, at random polynomial layers."""
    return any(loop(a, functions[:depth], x) != loop(b, functions[:depth], x) for functions in POLYNOMIALS for x in POINTS)


RULES: dict[str, Callable[[Any], Any]] = {"z": lambda z: z, "0": lambda z: 0 * z, "1": lambda z: 0 * z + 1}


def rule(text: str) -> Callable[[Any], Any]:
    """A simple layer from its text, read by SymPy."""
    z = sp.Symbol("z")
    function = sp.Lambda(z, sp.sympify(text, locals={"z": z}))
    return lambda value: function(value)


def net_of(tree: Any, depth: int) -> sf.Net:
    return sf.fold(lambda z, f: meaning(tree, z, f, X), layers(depth), X) + 0 * X


@settings(max_examples=60, deadline=None)
@given(trees(2), trees(2), st.integers(1, 3), st.booleans())
def test_equal_is_never_said_of_nets_that_differ_and_counterexamples_hold_by_hand(a: Any, b: Any, depth: int, related: bool) -> None:
    other = turned_around(a) if related else b
    one, two = net_of(a, depth), net_of(other, depth)
    found = verdict(one, two)
    if related:
        assert found.equal is True, found
    if differ(a, other, depth):
        assert found.equal is False, found
    if found.equal is False and "layers" in found.evidence:
        rules, (name, value) = found.evidence["layers"], next(iter(found.evidence["inputs"].items()))
        functions = [rule(rules.get(f"f{k + 1}", rules.get("others", "z"))) for k in range(depth)]
        by_hand = [loop(tree, functions, sp.Rational(value.numerator, value.denominator)) for tree in (a, other)]
        assert name == "x" and [Fraction(int(v.p), int(v.q)) for v in map(sp.Rational, by_hand)] == list(found.evidence["values"])


@settings(max_examples=40, deadline=None)
@given(trees(2), trees(2))
def test_what_is_said_of_every_depth_holds_at_each(a: Any, b: Any) -> None:
    nets = [sf.fold(lambda z, f, t=tree: meaning(t, z, f, X) + 0 * X, layers("n"), X) for tree in (a, b)]
    found = verdict(*nets)
    if found.equal is True:
        assert not any(differ(a, b, depth) for depth in (1, 2, 3))
    same = [sf.fold(lambda z, f, t=tree: meaning(t, z, f, X) + 0 * X, layers("n"), X) for tree in (a, turned_around(a))]
    assert verdict(*same).equal is True


@settings(max_examples=30, deadline=None)
@given(trees(2), st.integers(1, 3))
def test_the_two_readings_of_random_functions_agree_on_what_is_equal(a: Any, depth: int) -> None:
    one, two = net_of(a, depth), net_of(turned_around(a), depth)
    assert agree(one, two, RandomFunctions(seed=5)).equal
    assert agree(one, two, RandomFunctions(seed=5, folded=True)).equal


# ---------------------------------------------------------------- what would be a mistake


def test_states_of_nested_folds_are_told_apart() -> None:
    inner = sf.layers("g1:3")
    nets = [sf.fold(lambda z, f, s=step: sf.fold(lambda h, g: s(z, h, g), inner, f(z)), layers("n"), X) for step in (lambda z, h, g: g(h) + z, lambda z, h, g: g(h) + h)]
    assert not agree(*nets, RandomFunctions(seed=0, folded=True)).equal
    assert verdict(*nets).equal is False


def test_entries_of_nested_folds_are_told_apart() -> None:
    f = sf.layers("f1:4")
    nets = [sf.fold(lambda z, g, c=choose: sf.fold(lambda h, k: c(g, k)(h), f, z), f, X) for choose in (lambda g, k: g, lambda g, k: k)]
    assert verdict(*nets).equal is False


def test_shapes_count_where_sums_are_taken() -> None:
    wide, row = sf.tensor("y", (5, 1)), sf.tensor("x", (1,))
    lost = sf.Net.of((np.sum(row + wide - wide) + 0 * np.sum(wide), 0 * np.sum(wide)))
    kept = sf.Net.of((np.sum(row) + 0 * np.sum(wide), 0 * np.sum(wide)))
    assert verdict(lost, kept).equal is False


def test_a_layer_that_has_a_body_in_one_net_is_another_layer() -> None:
    assert verdict(sf.fold(sf.mappers.residual, sf.layers("f1:3", lambda z: z**2), X), residual(2)).equal is False


@pytest.mark.parametrize("count", [3, MILLION, "n"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((lambda z, f: X, X), (lambda z, f: z, X)),
        ((lambda z, f: 2 * X, 2 * X), (lambda z, f: z, 2 * X)),
        ((lambda z, f: z * z, 1), (lambda z, f: z, 1)),
    ],
)
def test_a_fold_that_changes_nothing_is_its_start(one: Any, other: Any, count: Any) -> None:
    nets = [sf.fold(mapper, layers(count), start) for mapper, start in (one, other)]
    assert verdict(*nets).level == "equal by normal form"


def test_a_state_that_is_one_value_is_that_value_after_a_step() -> None:
    constant = [sf.fold(lambda z, f: 2 * X, layers(MILLION), X), sf.fold(lambda z, f: z, layers(MILLION), 2 * X)]
    assert verdict(*constant).level == "equal by normal form"
    assert not same_form(*(sf.fold(lambda z, f: 2 * X, layers("n"), start) for start in (X, 3 * X)))  # without a step they differ
    assert not same_form(sf.fold(lambda z, f: z * X, layers(MILLION), X), sf.fold(lambda z, f: z, layers(MILLION), X))


@pytest.mark.parametrize("head", [sf.sqrt, sf.log])
@pytest.mark.parametrize("seed", range(4))
def test_under_a_root_positive_points_decide(head: Any, seed: int) -> None:
    found = verdict(sf.fold(lambda z, f: head(z) + f(z), layers(3), X), residual(3), seed=seed)
    assert found.level == "different" and ("random smooth layers" in found.text or "random smooth positive layers" in found.text)


def test_a_number_for_many_entries_is_compared_entry_by_entry() -> None:
    one, two, squares = (sf.fold(mapper, layers(3), X) for mapper in (lambda z, f: 1, lambda z, f: 2, lambda z, f: sf.sin(z) ** 2 + sf.cos(z) ** 2))
    same, other = verdict(squares, one), verdict(squares, two)
    assert same.level == "numerically equal" and same.equal is None
    assert other.level == "different" and "1 against 2 in entry (0,)" in other.text
    for found in (same, other):
        assert found.text.endswith("(output 1 has shape (3,) in one and () in the other: compared entry by entry, the smaller one repeated)")


def test_an_undecided_pair_is_called_undecided() -> None:
    a, b = (sf.fold(lambda z, f, s=step: s(z), layers("n"), X) for step in (lambda z: np.tanh(2 * z), lambda z: 2 * np.tanh(z) / (1 + np.tanh(z) ** 2)))
    found = verdict(a, b)
    assert found.level == "undecided" and found.equal is None and "n = 1" in found.text


def distributed(count: int, tail: Any = None) -> list[sf.Net]:
    """Folds whose steps are equal only after multiplying out, the last of them in a fold of its own."""
    f = list(layers(count))
    one = sf.fold(lambda z, f: (f(z) + X) * z, f, X)
    other = sf.fold(lambda z, f: f(z) * z + X * z, f[:-1], X)
    return [one, ((tail or f[-1])(other) + X) * other]


@pytest.mark.slow
def test_steps_that_are_unlike_are_read_one_by_one_up_to_a_limit_that_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    import symfold.analysis.equality.verdict as module

    nets, count = distributed(1_200), 2_399
    assert count > module.FEW_STEPS
    assert verdict(*nets).level == "equal as random functions"
    assert verdict(*distributed(1_200, G)).equal is not True
    monkeypatch.setattr(module, "MOST_STEPS", count - 1)
    monkeypatch.setattr(module, "MOST_NUMBERS", count - 1)
    found = verdict(*nets)
    assert found.level == "undecided" and "the 2,399 steps of both nets are too many" in found.text and "2,398 as random functions" in found.text and found.evidence["steps"] == count


def test_a_normal_form_is_the_same_at_any_depth() -> None:
    for count in (2, 3, MILLION, "n"):
        assert same_form(residual(count), sf.fold(lambda z, f: z + f(z), layers(count), X))
        assert not same_form(residual(count), boosting(count))


STARTS = [0, 1, 2, X, X + 1, X * X, Y]
GROWING: list[Callable[..., Any]] = [
    lambda z, f: z + f(X), lambda z, f: z + Y * f(X), lambda z, f: z * f(X), lambda z, f: 2 * z * f(X), lambda z, f: z + f(z), lambda z, f: 2 * z + f(X),
    lambda z, f: z + 1, lambda z, f: z + z * f(X), lambda z, f: z + f(X) - z * X,
]  # fmt: skip


@pytest.mark.slow
@given(st.sampled_from(GROWING), st.sampled_from(GROWING), st.tuples(*[st.sampled_from(STARTS)] * 4), st.sampled_from([2, 3, 70, "n"]))
def test_nets_of_one_form_have_one_value(one: Any, other: Any, starts: Any, count: Any) -> None:
    """Where initial values stand apart: against the values of both nets in fractions, at depths that differ from the one of the form."""
    a = starts[0] + starts[1] * sf.fold(one, layers(count), starts[2]) + 0 * (X + Y)
    b = starts[3] * sf.fold(other, layers(count), 1) + sf.fold(other, layers(count), starts[0]) + 0 * (X + Y)
    pairs = [(a, b), (a, starts[0] + starts[1] * sf.fold(other, layers(count), starts[2]) + 0 * (X + Y))]
    for first, second in pairs:
        if same_form(first, second):
            for depth in (1, 2, 5) if count == "n" else (count,):
                bodies = {f"f{k}": (lambda z, k=k: z / (k + 3) + sp.Rational(1, k)) for k in range(1, depth + 1)}
                values = [value_of(net, depth, count, bodies) for net in (first, second)]
                assert values[0] == values[1]


def value_of(net: sf.Net, depth: int, count: Any, bodies: Any) -> Any:
    """The value of a net at x = 1/3, y = -2/5 in fractions."""
    whole = net.at(n=depth) if count == "n" else net
    return Fractions(bodies).run(whole.outputs)[0]


class Fractions(Interpreter):
    """Nets in fractions, layers by bodies given here."""

    def __init__(self, bodies: Any):
        self.bodies = bodies

    def leaf(self, node: Any) -> Any:
        values = {"x": sp.Rational(1, 3), "y": sp.Rational(-2, 5)}
        return node.op.value if isinstance(node.op, Constant) else values.get(node.op.name, node.op.name)

    def apply(self, node: Any, args: Any) -> Any:
        return self.bodies[args[0]](args[1]) if isinstance(node.op, Call) else node.op(*args)


@pytest.mark.parametrize("shape", [None, (), (3,), (2, 3)])
@pytest.mark.parametrize("count", [4, MILLION, "n"])
def test_initial_values_stand_apart_in_every_shape(shape: Any, count: Any) -> None:
    x = sf.tensor("x") if shape is None else sf.tensor("x", shape)
    items = sf.layers("f", None if shape in (None, ()) else sf.dense(3, 3, sf.tanh), count=count)
    step = sf.mappers.boosting(x)
    assert same_form(x + sf.fold(step, items, 0), sf.fold(step, items, x))
    assert not same_form(x + sf.fold(step, items, 0), x + sf.fold(step, items, x))
    assert not same_form(x + sf.fold(step, items, 0), sf.fold(step, items, 2 * x))


def test_a_normal_form_with_initial_values_apart_has_as_many_blocks_at_any_depth() -> None:
    sizes = {count: len(walk(normal_form(X + boosting_from(0, count)).outputs)) for count in (10, MILLION, "n")}
    assert len(set(sizes.values())) == 1


def test_no_counterexample_is_found_where_there_is_none() -> None:
    assert find(residual(3), sf.unroll(residual(3))) is None


@pytest.mark.parametrize(
    ("params", "message"),
    [({"V9": 1.0}, "no parameter of the nets is called 'V9'"), ({"W1": np.ones(7)}, "parameter 'W1' has shape"), (3, "params must be a mapping")],
)
def test_bad_parameters_are_named(params: Any, message: str) -> None:
    with pytest.raises(sf.SymfoldError, match=message):
        verdict(*both(HIDDEN, WIDE), params=params)


def test_a_bad_seed_is_named() -> None:
    with pytest.raises(sf.SymfoldError, match="seed=-1"):
        verdict(residual(2), boosting(2), seed=-1)


def test_a_verdict_is_a_value() -> None:
    assert isinstance(verdict(residual(2), residual(2)), Verdict)
    assert sf.verdict is verdict


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(strategies.layer_lists(least=1, most=4), strategies.mappers, strategies.mappers, st.integers(0, 3))
def test_nets_with_bodies_are_judged_as_their_numbers_are(items: Any, one: Any, other: Any, seed: int) -> None:
    nets = [sf.fold(mapper, items, strategies.X) for mapper in (one, other)]
    found = verdict(*nets, seed=seed)
    random = np.random.default_rng(seed)
    params = {node.op.name: random.normal(size=node.shape) for net in nets for node in net.params}
    x = random.normal(size=(3, strategies.WIDTH))
    values = [net({name: params[name] for name in params if name in {p.op.name for p in net.params}}, x=x) for net in nets]
    gap = np.max(np.abs(values[0] - values[1])) / max(1.0, np.max(np.abs(values[0])))
    if gap > 1e-6:
        assert found.equal is False, found
    assert verdict(nets[0], sf.unroll(nets[0])).equal is True


def test_a_verdict_is_displayed_as_text() -> None:
    assert Verdict("different", False, "different: 1 < 2")._repr_html_() == "<p>different: 1 &lt; 2</p>"


@pytest.mark.parametrize("function", [sf.softmax, sf.logsumexp])
@pytest.mark.parametrize("x", [sf.tensor("x"), sf.tensor("x", (3,))], ids=["any shape", "three"])
def test_functions_that_have_no_fractions_are_judged_by_numbers(function: Any, x: Any) -> None:
    """softmax(x) = softmax(x + 1) and logsumexp(x) + 1 = logsumexp(x + 1); the doubled argument gives something else."""
    shifted = function(x) if function is sf.softmax else function(x) + 1
    assert verdict(sf.Net.of(function(x + 1)), sf.Net.of(shifted)).equal is not False
    assert verdict(sf.Net.of(function(2 * x)), sf.Net.of(function(x))).equal is not True


# proved for all layers; a million of them say no more than three
PROVED = [case for case, (level, _) in LEVEL_OF.items() if level in ("identical", "equal by normal form", "equal as random functions") and "million" not in case]


def bound(net: Any) -> sf.Net:
    """A net of depth 3, with a body for each of its opaque layers."""
    whole = sf.Net.of(net)
    symbolic = any(not isinstance(fold.op.count, int) for fold in whole.bindings)
    fixed = whole.at(n=3) if symbolic else whole
    names = [name for leaf in fixed.leaves if leaf.op.role == "layer" for name in names_of(leaf)]
    rates = {name: (len(name) + int(name[1:] or 0)) / 10 for name in names}
    return fixed.bind({name: lambda z, c=rate: np.sin(c * z) + c * z**2 for name, rate in rates.items()})


@pytest.mark.parametrize("case", PROVED)
def test_nets_that_are_proved_equal_have_equal_values_jacobians_and_series(case: str) -> None:
    """Their paths may differ, since those count what the author wrote: f + f has two, 2*f one."""
    first, other = map(bound, LEVEL_OF[case][1]())
    at = {name: 0.3 + 0.2 * k for k, name in enumerate(sorted(node.op.name for node in first.inputs))}
    np.testing.assert_allclose(first(**at), other(**at), rtol=1e-12, atol=1e-14)
    for wrt in at:
        slopes = [sf.grad(sf.Net.of(net.outputs[0]), wrt=[wrt])(**at)[wrt] for net in (first, other)]
        np.testing.assert_allclose(*slopes, rtol=1e-10, atol=1e-12)
    series = [sf.series(net, order=2).evaluate({}, **at) for net in (first, other)]
    for mine, theirs in zip(*series, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-11)


def test_paths_count_what_the_author_wrote() -> None:
    twice, doubled = sf.Net.of(G(X) + G(X)), sf.Net.of(2 * G(X))
    assert sf.verdict(twice, doubled).equal
    assert sf.paths(twice).count == 2 and sf.paths(doubled).count == 1
    assert sf.paths(twice, weighted=True).polynomial == sf.paths(doubled, weighted=True).polynomial


def test_nets_with_dropout_are_compared_in_their_evaluation_form() -> None:
    """The text says so, at every level but those that need no numbers."""
    x, layers = sf.tensor("x", (None, 3)), sf.layers("f1:3", sf.dense(3, 3, sf.tanh))
    nets = [sf.fold(lambda z, f: sf.dropout(f(z), rate) + z, layers, x) for rate in (0.5, 0.25)]  # noqa: B023
    plain, other = sf.fold(sf.mappers.residual, layers, x), sf.fold(sf.mappers.feedforward, layers, x)
    for first, second in (nets, (nets[0], plain), (nets[0], other)):
        found = sf.verdict(first, second)
        assert "; this is the evaluation form, in which dropout keeps everything" in str(found)
        assert (found.equal is False) == (second is other)
    assert all("dropout" not in str(sf.verdict(*pair)) for pair in ((nets[0], nets[0]), (plain, other)))


def test_parameters_under_a_root_are_drawn_positive() -> None:
    """As the variances of a batch norm: with parameters of both signs no point gives finite numbers."""
    norm = sf.layer("norm", lambda z, v: z / sf.sqrt(v), v=(40,))
    nets = [np.sum(net, axis=-1) for x in [sf.tensor("x", (None, 40))] for net in (sf.tanh(norm(x)), norm(sf.tanh(x)))]
    told = sf.verdict(*nets)
    assert told.level == "different" and "random positive parameters" in told.text
