"""Jacobians: against autograd, finite differences, the product of the factors' own numbers, and words counted by brute force."""

import re
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any
from xml.dom.minidom import parseString

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import strategies
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.base.trees import flatten
from symfold.compute.evaluate import Evaluator
from symfold.errors import InvalidType, InvalidValue, NoRule, TooLarge

X = sf.tensor("x")
N = "n"

MAPPERS: dict[str, Callable[..., Any]] = {
    "f(z)": lambda z, f, x: f(z),
    "f(z)+z": lambda z, f, x: f(z) + z,
    "f(x)+z": lambda z, f, x: f(x) + z,
    "0.5*f(z)+z": lambda z, f, x: 0.5 * f(z) + z,
    "f(z)+z+x": lambda z, f, x: f(z) + z + x,
    "z*f(z)": lambda z, f, x: z * f(z),
    "f(f(z))+z": lambda z, f, x: f(f(z)) + z,
    "tanh(f(z))+z/2": lambda z, f, x: anp.tanh(f(z)) + z / 2,
}
WIDTH = 3


def layer_of(number: int) -> Callable[[Any], Any]:
    """A smooth layer with weights of its own, for autograd and for symfold alike."""
    weights = np.random.default_rng(number).normal(size=(WIDTH, WIDTH)) / 2
    return lambda z: anp.sin(anp.dot(weights, z)) + 0.3 * number


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A mapper or a body written for autograd, made one of NumPy's functions: symfold traces those."""

    def run(*args: Any) -> Any:
        names = {"anp": np}
        return type(function)(function.__code__, {**function.__globals__, **names}, closure=function.__closure__)(*args)

    return run


def net_of(name: str, depth: Any) -> sf.Net:
    mapper = traced(MAPPERS[name])
    layers = sf.layers("f", count=depth)
    return sf.fold(lambda z, f: mapper(z, f, X), layers, X)


def bound(net: sf.Net, depth: int) -> sf.Net:
    return net.bind({f"f{k}": traced(layer_of(k)) for k in range(1, depth + 1)})


def by_hand(name: str, depth: int, x: Any) -> list[Any]:
    """The states of the net, by a loop."""
    states = [x]
    for k in range(1, depth + 1):
        states.append(MAPPERS[name](states[-1], layer_of(k), x))
    return states


def namespace(name: str, depth: int, x: Any) -> dict[str, Any]:
    """What the texts of factors mean in numbers."""
    found: dict[str, Any] = {"x": x, "diag": np.diag, "tanh": np.tanh, "sech": lambda z: 1 / np.cosh(z), "I": np.eye(WIDTH)}
    for k, state in enumerate(by_hand(name, depth, x)):
        found[f"z{k}"] = state
        if k:
            found[f"f{k}"] = layer_of(k)
            found[f"J{k}"] = autograd.jacobian(layer_of(k))
    return found


def product_of(word: tuple[str, ...], known: Mapping[str, Any]) -> Any:
    total = np.eye(WIDTH)
    for factor in word:
        total = total @ eval(factor, {}, dict(known))
    return total


# ---------------------------------------------------------------- the product form


FORMS = {
    "f(z)": ("J3(z2) J2(z1) J1(x)", "prod_{k=n..1} J_k(z_{k-1})"),
    "f(z)+z": ("(I + J3(z2))(I + J2(z1))(I + J1(x))", "prod_{k=n..1} (I + J_k(z_{k-1}))"),
    "f(x)+z": ("I + J1(x) + J2(x) + J3(x)", "I + sum_{k=1..n} J_k(x)"),
    "0.5*f(z)+z": ("(I + 0.5*J3(z2))(I + 0.5*J2(z1))(I + 0.5*J1(x))", "prod_{k=n..1} (I + 0.5*J_k(z_{k-1}))"),
    "f(z)+z+x": (
        "I + (I + J3(z2))(I + (I + J2(z1))(I + I + J1(x)))",
        "prod_{k=n..1} (I + J_k(z_{k-1})) + sum_{k=1..n} prod_{j=n..k+1} (I + J_j(z_{j-1}))",
    ),
    "z*f(z)": (
        "(diag(f3(z2)) + diag(z2) J3(z2))(diag(f2(z1)) + diag(z1) J2(z1))(diag(f1(x)) + diag(x) J1(x))",
        "prod_{k=n..1} (diag(f_k(z_{k-1})) + diag(z_{k-1}) J_k(z_{k-1}))",
    ),
    "f(f(z))+z": (
        "(I + J3(f3(z2)) J3(z2))(I + J2(f2(z1)) J2(z1))(I + J1(f1(x)) J1(x))",
        "prod_{k=n..1} (I + J_k(f_k(z_{k-1})) J_k(z_{k-1}))",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_products_are_ordered_and_say_their_states(name: str) -> None:
    assert (str(sf.jacobian(net_of(name, 3))), str(sf.jacobian(net_of(name, N)))) == FORMS[name]


@pytest.mark.parametrize("name", FORMS)
def test_depth_costs_nothing(name: str) -> None:
    assert str(sf.jacobian(net_of(name, 10**6))) == FORMS[name][1].replace("n..", "1000000..").replace("..n", "..1000000")


@pytest.mark.parametrize("name", [name for name in MAPPERS if name not in ("f(x)+z", "f(z)+z+x")])
def test_the_product_over_symbolic_steps_is_the_jacobian(name: str) -> None:
    """Every factor of `prod_{k=n..1}`, its k given a number, multiplied in the order that it says."""
    depth, x = 5, np.linspace(-0.4, 0.8, WIDTH)
    shown = sf.jacobian(net_of(name, N)).formula()
    body = re.fullmatch(r"prod_\{k=n\.\.1\} (.*)", shown)
    assert body
    known, total = namespace(name, depth, x), np.eye(WIDTH)
    for k in range(1, depth + 1):
        step = body[1].replace("_{k-1}", str(k - 1)).replace("_k", str(k)).replace(") J", ") @ J")
        total = eval(step, {}, known) @ total
    np.testing.assert_allclose(total, autograd.jacobian(lambda v: by_hand(name, depth, v)[-1])(x), rtol=1e-10, atol=1e-12)


def test_straight_code_unrolled_nets_and_mixed_layers_are_products_as_well() -> None:
    whole = sf.jacobian(net_of("f(z)+z", 3)).formula()
    assert sf.jacobian(sf.unroll(net_of("f(z)+z", 3))).formula() == whole
    mixed = sf.fold(sf.mappers.residual, [sf.layer("g"), sf.layer("h"), np.tanh], X)
    wanted = "(I + diag(sech(z2)**2))(I + J_h(z1))(I + J_g(x))"
    assert sf.jacobian(mixed).formula() == wanted
    assert str(sf.jacobian(sf.roll(sf.unroll(mixed)))).startswith("(I + diag(sech(")
    deep = X
    for _ in range(300):
        deep = np.tanh(deep) + deep
    assert sf.jacobian(deep).formula(max_ops=None).count("(I + diag(") == 300


def test_affine_layers_have_one_derivative_everywhere() -> None:
    rows = sf.tensor("x", (None, 3))
    assert str(sf.jacobian(sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3)), rows))) == "(I + J3)(I + J2)(I + J1)"
    curved = sf.layers("f1:3", sf.dense(3, 3, sf.tanh))
    assert str(sf.jacobian(sf.fold(sf.mappers.residual, curved, rows))) == "(I + J2(z1))(I + J1(x))"
    bodies = {"a*z": True, "z+z": True, "z*z": False, "2/z": False, "sum": True}
    made = [lambda z, a: a * z, lambda z, a: z + z + a, lambda z, a: z * z * a, lambda z, a: a * 2 / z, lambda z, a: np.sum(z) * a]
    for body, affine in zip(made, bodies.values(), strict=True):
        net = sf.Net.of(sf.layer("f1", body, a=(1,))(sf.tensor("x", (1,))))
        assert str(sf.jacobian(net)) == ("J1" if affine else "J1(x)")


# ---------------------------------------------------------------- multiplied out


def test_residual_words_are_the_subsets_of_layers() -> None:
    words = sf.jacobian(net_of("f(z)+z", 4)).expanded()
    states = ["x", "z1", "z2", "z3"]
    chosen = [subset for size in range(5) for subset in combinations(range(4), size)]
    assert dict(words) == {tuple(f"J{k + 1}({states[k]})" for k in reversed(subset)): 1 for subset in chosen}


@pytest.mark.parametrize("mapper", [sf.mappers.residual, sf.mappers.boosting(X), lambda z, f: f(f(z) + X)])
def test_the_words_of_a_scan_are_those_of_the_net_up_to_each_step(mapper: Any) -> None:
    f = list(sf.layers("f1:5"))
    found = sf.jacobian(sf.scan(mapper, f, X)).expanded()
    assert len(found) == 4
    for k, words in enumerate(found, 1):
        assert dict(words) == dict(sf.jacobian(sf.fold(mapper, f[:k], X)).expanded()), k


def test_linear_layers_merge_by_name() -> None:
    net = sf.fold(sf.mappers.residual, [sf.layer("A")] * 5, X)
    assert sf.jacobian(net, linear=("A",)).formula() == "(I + A)^5"
    words = sf.jacobian(net, linear="A").expanded()
    assert (len(words), words.count) == (6, 32)
    assert words.formula() == "I + 5*A + 10*A^2 + 10*A^3 + 5*A^4 + A^5"
    apart = sf.jacobian(net).expanded()
    assert (len(apart), apart.count) == (32, 32)  # at states of their own the factors differ


def test_boosting_has_words_of_one_layer_at_most() -> None:
    words = sf.jacobian(net_of("f(x)+z", 9)).expanded()
    assert {words.length(word) for word in words} == {0, 1}
    assert words.formula() == "I + " + " + ".join(f"J{k}(x)" for k in range(1, 10))
    same = sf.jacobian(sf.fold(sf.mappers.boosting(X), [sf.layer("A")] * 7, X)).expanded()
    assert (same.formula(), same.count) == ("I + 7*J_A(x)", 8)  # one layer at one state


@pytest.mark.parametrize("name", MAPPERS)
@given(depth=st.integers(1, 5))
@settings(deadline=None, max_examples=5)
def test_words_by_length_are_the_paths(name: str, depth: int) -> None:
    net = net_of(name, depth)
    counted = sf.paths(net).coefficients()
    words = sf.jacobian(net).expanded()
    assert words.lengths == counted[: len(words.lengths)]
    assert not any(counted[len(words.lengths) :])
    assert words.count == sf.paths(net).count


@pytest.mark.parametrize("name", MAPPERS)
@given(depth=st.integers(1, 4), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=5)
def test_the_sum_of_the_words_in_numbers_is_the_jacobian(name: str, depth: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=WIDTH)
    known = namespace(name, depth, x)
    words = sf.jacobian(net_of(name, depth)).expanded()
    total = sum(float(coefficient) * product_of(word, known) for word, coefficient in words.items())
    wanted = autograd.jacobian(lambda v: by_hand(name, depth, v)[-1])(x)
    np.testing.assert_allclose(total, wanted, rtol=1e-9, atol=1e-11)
    found = sf.jacobian(bound(net_of(name, depth), depth)).evaluate(x=x)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def test_parts_of_a_state_have_a_matrix() -> None:
    def coupling(state: Any, f: Any) -> Any:
        a = state[0] + f(state[1])
        return a, state[1] + f(a)

    net = sf.fold(coupling, sf.layers("f1:4"), (X, sf.tensor("y")))
    found = sf.jacobian(net)
    assert str(found).startswith("[[I, J3(w2)], [J3(z3), I + J3(z3) J3(w2)]] [[I, J2(w1)], [J2(z2), I + J2(z2) J2(w1)]] [[")
    t, matrix = sp.Symbol("t"), sf.paths(net).matrix
    for row in (0, 1):
        for column, into in enumerate(("x", "y")):
            lengths = found.expanded(output=row, input=into).lengths
            assert sp.expand(sum(n * t**k for k, n in enumerate(lengths)) - matrix[row, column]) == 0
    symbolic = sf.fold(coupling, sf.layers("f", count=N), (X, sf.tensor("y")))
    assert str(sf.jacobian(symbolic)) == "prod_{k=n..1} [[I, J_k(w_{k-1})], [J_k(z_k), I + J_k(z_k) J_k(w_{k-1})]]"
    with pytest.raises(InvalidType, match="choose one"):
        found.expanded()
    values = {"x": np.array([0.2, -0.4]), "y": np.array([0.1, 0.7])}
    numbers = sf.jacobian(net.bind({"f": np.sin})).evaluate(**values)
    for into, value in values.items():
        for place in range(2):
            moved = [net.bind({"f": np.sin})(**{**values, into: value + step * np.eye(2)[place]}) for step in (1e-6, -1e-6)]
            for part in (0, 1):
                np.testing.assert_allclose(numbers[part][into][:, place], (moved[0][part] - moved[1][part]) / 2e-6, rtol=1e-6, atol=1e-8)


def test_numbers_of_a_batch_against_finite_differences() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    params, x = net.init(seed=3), np.random.default_rng(0).normal(size=(2, 2))
    found = sf.jacobian(net).evaluate(params, x=x)
    assert found.shape == (2, 2, 2, 2)
    for place in np.ndindex(2, 2):
        step = np.zeros((2, 2))
        step[place] = 1e-6
        slope = (net(params, x=x + step) - net(params, x=x - step)) / 2e-6
        np.testing.assert_allclose(found[(..., *place)], slope, rtol=1e-6, atol=1e-8)


def test_scans_and_nested_folds_and_several_inputs() -> None:
    scanned = sf.jacobian(sf.scan(sf.mappers.residual, sf.layers("f1:3"), X))
    assert str(scanned) == "[[I + J1(x)], [(I + J2(z1))(I + J1(x))]]"
    read = sf.fold(lambda h, u: sf.layer("g")(h, u), sf.stack([sf.tensor("u1"), sf.tensor("u2")]), sf.tensor("h"))
    assert str(sf.jacobian(read)).splitlines() == [
        "dy/dh = J_g[1](z1, u2) J_g[1](h, u1)", "dy/du1 = J_g[1](z1, u2) J_g[2](h, u1)", "dy/du2 = J_g[2](z1, u2)",
    ]  # fmt: skip
    nested = sf.fold(lambda z, f: sf.fold(lambda w, g: g(w + z) + w, sf.layers("g1:3"), f(z)), sf.layers("f1:3"), X)
    counted = sf.paths(nested).coefficients()
    lengths = sf.jacobian(nested).expanded().lengths
    assert lengths == counted[: len(lengths)] and not any(counted[len(lengths) :])


@pytest.mark.parametrize("style", ["text", "unicode", "latex", "mathml"])
@pytest.mark.parametrize("depth", [3, N])
@pytest.mark.parametrize("name", MAPPERS)
def test_every_style_writes_all_of_it(name: str, depth: Any, style: str) -> None:
    shown = sf.jacobian(net_of(name, depth)).formula(style)
    if style == "mathml":
        assert parseString(shown).documentElement.tagName == "math"
    if style == "latex":
        assert shown.count("{") == shown.count("}") and shown.count(r"\left(") == shown.count(r"\right)")
    assert shown == sf.jacobian(net_of(name, depth)).formula(style)


def test_styles_of_powers_and_words() -> None:
    found = sf.jacobian(sf.fold(sf.mappers.residual, [sf.layer("A")] * 5, X), linear="A")
    assert (found.formula("unicode"), found.formula("latex")) == ("(I + A)⁵", r"\left(I + A\right)^{5}")
    assert found.expanded().formula("unicode") == "I + 5·A + 10·A² + 10·A³ + 5·A⁴ + A⁵"
    boost = sf.jacobian(net_of("f(x)+z", N))
    assert boost.formula("unicode") == "I + ∑_{k=1…n} Jₖ(x)"
    assert boost.formula("latex") == r"I + \sum_{k = 1}^{n} J_{k}{\left(x \right)}"


@pytest.mark.slow
def test_what_is_too_large_says_how_large() -> None:
    with pytest.raises(TooLarge, match="1,048,576 paths"):
        sf.jacobian(net_of("f(z)+z", 20)).expanded()
    assert len(sf.jacobian(net_of("f(z)+z", 6)).expanded(max_words=64)) == 64
    with pytest.raises(TooLarge, match="64 paths, which are more than 63 words"):
        sf.jacobian(net_of("f(z)+z", 6)).expanded(max_words=63)
    with pytest.raises(TooLarge, match=r"about 10\^301029 paths"):
        sf.jacobian(net_of("f(z)+z", 10**6)).expanded()
    with pytest.raises(InvalidValue, match="the depth n is a symbol"):
        sf.jacobian(net_of("f(z)+z", N)).expanded()
    with pytest.raises(InvalidValue, match="no layer is called 'B'"):
        sf.jacobian(net_of("f(z)+z", 3), linear="B")
    deep = sf.jacobian(sf.fold(sf.mappers.residual, [sf.layer("A")] * 500, X), linear="A").expanded()
    assert (len(deep), deep.count) == (501, 2**500)


def test_names_that_a_net_has_are_not_used_for_maps() -> None:
    assert str(sf.jacobian(sf.fold(sf.mappers.residual, sf.layers("J1:3"), sf.tensor("I")))) == "(E + D2(z1))(E + D1(I))"


def test_arrays_shown_alike_are_told_apart() -> None:
    first, second = np.arange(9.0).reshape(3, 3), np.ones((3, 3))
    net = sf.Net.of(np.dot(first, X) + np.dot(second, X))
    assert len(sf.jacobian(net).expanded()) == 2


@given(net=strategies.nets(), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=30)
def test_of_any_net_the_numbers_are_those_of_its_adjoint_step_by_step(net: sf.Net, seed: int) -> None:
    """Rows by the compiled backward pass, against the interpreted one along a direction; and every Jacobian can be written."""
    random = np.random.default_rng(seed)
    params, values = net.init(seed=seed), {node.op.name: random.normal(size=(2, 2)) for node in net.inputs}
    found = sf.jacobian(net)
    assert "cannot be shown" not in str(found)
    numbers, _ = flatten(found.evaluate(params, **values))
    back = sf.adjoint(net, "bar")
    outputs, _ = flatten(net(params, **values))
    bars = {node.op.name: random.normal(size=np.shape(out)) for node, out in zip(back.signature[-len(outputs) :], outputs, strict=True)}
    pulled = back(params, **values, **bars)
    for place, name in enumerate(values):
        parts = numbers[place :: len(values)]
        total = sum(np.tensordot(bar, part, axes=np.ndim(bar)) for bar, part in zip(bars.values(), parts, strict=True))
        np.testing.assert_allclose(total, pulled[name], rtol=1e-8, atol=1e-9 * (1 + np.max(np.abs(pulled[name]))))


def test_a_state_that_is_a_sequence_has_no_product_form() -> None:
    states = sf.scan(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x", (2,)))
    g = sf.layer("g")
    with pytest.raises(NoRule, match=r"state that is a sequence.*evaluate"):
        sf.jacobian(sf.fold(sf.mappers.residual, [g, g], states)).formula()


def test_words_of_a_sequence_are_bounded_in_all() -> None:
    states = sf.scan(sf.mappers.residual, sf.layers("f1:4"), X)  # of 2, 4 and 8 words
    assert list(map(len, sf.jacobian(states).expanded(max_words=14))) == [2, 4, 8]
    with pytest.raises(TooLarge, match="more than 13 words in all"):
        sf.jacobian(states).expanded(max_words=13)
    with pytest.raises(TooLarge, match="words in all"):  # 2 + 3 + ... + 201
        sf.jacobian(sf.scan(sf.mappers.boosting(X), sf.layers("f", count=200), X)).expanded()


@pytest.mark.parametrize("name", ["f(z)+z", "f(x)+z", "z*f(z)"])
def test_numbers_of_a_deep_jacobian_are_compiled_not_interpreted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the derivative by a loop over (z, dz/dx); and a layer without numbers is found before any step is run."""
    x = sf.tensor("x")
    step = {"f(z)+z": lambda z, f: f(z) + z, "f(x)+z": lambda z, f: f(x) + z, "z*f(z)": lambda z, f: z * f(z)}[name]
    net = sf.fold(step, sf.layers("f", lambda z: 1 - z / 5000, count=2000), x)
    z, wanted = 0.5, 1.0
    for _ in range(2000):
        own = 1 - z / 5000
        moved = {"f(z)+z": (z + own, wanted - wanted / 5000), "f(x)+z": (z, wanted - 1 / 5000), "z*f(z)": (z * own, wanted * own - z * wanted / 5000)}
        z, wanted = moved[name]
    applied = [0]
    apply = Evaluator.apply

    def counted(self: Evaluator, node: Any, args: Any) -> Any:
        applied[0] += 1
        return apply(self, node, args)

    monkeypatch.setattr(Evaluator, "apply", counted)
    np.testing.assert_allclose(sf.determinant(net, x=0.5), wanted, rtol=1e-9)
    with pytest.raises(NoRule, match="layer f1 is opaque and has no numbers"):
        sf.determinant(sf.fold(step, sf.layers("f", count=10**6), x), x=0.5)
    assert applied == [0]


def test_the_determinant_of_a_state_of_several_parts() -> None:
    """Against the Jacobian of the joined state, and exact for whole numbers."""
    a, b = sf.tensor("a", (None, 2)), sf.tensor("b", (None, 3))
    w, v = np.array([[1.0, 2.0], [0.0, 3.0], [2.0, 1.0]]), np.array([[2.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    rows = {"a": [[0.1, 0.2], [0.3, 0.4]], "b": [[0.5, 0.6, 0.7], [0.8, 0.9, 1.0]]}

    def step(state: Any, size: Any) -> Any:
        return np.tanh(state[1] @ w) * size + state[0], state[1] * 2 + state[0] @ v

    net = sf.fold(step, [0.5, 0.25, 1.0], (a, b))
    joined = sf.tensor("z", (None, 5))
    parts = sf.fold(step, [0.5, 0.25, 1.0], (joined[:, :2], joined[:, 2:]))
    whole = sf.Net.of(np.concatenate(parts.outputs, axis=1))
    together = np.concatenate([rows["a"], rows["b"]], axis=1)
    np.testing.assert_allclose(sf.determinant(net, **rows), sf.determinant(whole, z=together), rtol=1e-12)
    np.testing.assert_allclose(sf.divergence(net, **rows), sf.divergence(whole, z=together), rtol=1e-12)
    linear = sf.fold(lambda s, k: (s[1] @ w + k * s[0], s[1] * 2 + s[0] @ v), [3, 2, 5], (a, b))
    block = np.block([[np.eye(2), v], [w, 2 * np.eye(3)]])
    wanted = sp.Integer(1)
    for k in (3, 2, 5):
        block[:2, :2] = k * np.eye(2)
        wanted *= sp.Matrix(block.astype(int)).det()
    assert sf.determinant(linear, **rows).tolist() == [float(wanted)] * 2
    with pytest.raises(sf.errors.ShapeError, match="as many outputs as inputs"):
        sf.determinant(net.parts[0], **rows)
    with pytest.raises(sf.errors.ShapeError, match="is not square"):
        sf.determinant(sf.Net.of((b, a)) if net.inputs[0] == b else sf.Net.of((a[:, :1], b)), **rows)


VOLUMES: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {  # mappers of a state of two parts, and its shape
    "coupling": (lambda s, f: (s[0] + f(s[1]), s[1] + 2 * f(s[0] + f(s[1]))), (4,)),
    "scaled coupling": (lambda s, f: (3 * s[0] + f(s[1]), s[1] / 2), (2, 3)),
    "changing places": (lambda s, f: (2 * s[1], s[0] + f(s[1])), (3,)),
    "changing places, even": (lambda s, f: (2 * s[1], s[0] + f(s[1])), (2,)),
    "linear": (lambda s, f: (2 * s[0] + s[1], 3 * s[1] + s[0]), (3,)),
    "singular": (lambda s, f: (2 * s[0] + s[1], 4 * s[0] + 2 * s[1]), (3,)),
    "one number each": (lambda s, f: (s[0] + 3 * s[1], s[1] + 2 * s[0]), ()),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_determinants_in_a_symbolic_depth_are_those_at_every_depth(name: str) -> None:
    mapper, shape = VOLUMES[name]
    net = sf.fold(mapper, sf.layers("f", count="n"), (sf.tensor("a", shape), sf.tensor("b", shape)))
    symbolic = sp.sympify(sf.determinant(net))
    values = {key: np.random.default_rng(5).normal(size=shape) for key in "ab"}
    for depth in (1, 2, 3):
        at_depth = net.at(n=depth)
        numbers = sf.determinant(at_depth.bind({"f": np.sin}) if "f1" in str(at_depth) else at_depth, **values)
        wanted = float(symbolic.subs(sp.Symbol("n", integer=True, positive=True), depth))
        np.testing.assert_allclose(numbers, wanted, rtol=1e-9, atol=1e-9)


def test_determinants_in_a_symbolic_depth_without_a_closed_form_say_what_to_ask() -> None:
    x = sf.tensor("x", (3,))
    for net, message in [
        (sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x), "depends on what its layers do at its state"),
        (sf.fold(sf.mappers.boosting(x), sf.layers("f", count="n"), x), "besides the state"),
        (sf.fold(lambda z, _: z @ sf.parameter("W", (3, 3)), sf.repeat(1, "n"), x), "that of one step to the power n"),
        (sf.fold(lambda z, _: 2 * z, sf.repeat(1, "n"), X), "give the inputs a shape"),
        (sf.Net.of(np.tanh(sf.fold(lambda z, _: 2 * z, sf.repeat(1, "n"), x))), "only if the net is a fold"),
    ]:
        with pytest.raises(NoRule, match=message):
            sf.determinant(net)
    for name, wanted in (("coupling", 1), ("leapfrog", 1), ("momentum", sp.Rational(1, 64))):
        assert sp.sympify(sf.determinant(sf.mappers.ARCHITECTURES[name].net("n", 3))).subs(sp.Symbol("n", integer=True, positive=True), 2) == wanted
    chained = sf.fold(lambda z, _: 3 * z, sf.repeat(1, "m"), sf.fold(lambda z, _: 2 * z, sf.repeat(1, "n"), x))
    assert str(sf.determinant(chained)) in ("27**m*8**n", "8**n*27**m")
