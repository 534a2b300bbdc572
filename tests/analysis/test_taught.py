"""What layers are taught: against autograd over loops with probes, products of Jacobians, and central differences."""

import re
from collections.abc import Callable
from typing import Any
from xml.dom.minidom import parseString

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.errors import InvalidValue, NoRule

X = sf.tensor("x")
ROWS, TARGET = sf.tensor("x", (None, 2)), sf.tensor("target", (None, 2))

MAPPERS: dict[str, Callable[..., Any]] = {
    "f(z)": lambda z, f, x: f(z),
    "f(z)+z": lambda z, f, x: f(z) + z,
    "f(x)+z": lambda z, f, x: f(x) + z,
    "0.5*f(z)+z": lambda z, f, x: 0.5 * f(z) + z,
    "f(z)+z+x": lambda z, f, x: f(z) + z + x,
    "z*f(z)": lambda z, f, x: z * f(z),
    "f(f(z))+z": lambda z, f, x: f(f(z)) + z,
    "coupled": lambda s, f, x: (s[0] + f(s[1]), s[1] + f(s[0] + f(s[1])) * s[0]),
}


def prediction(name: str, depth: int) -> sf.Net:
    layers = sf.layers("f", sf.dense(2, 2, sf.tanh), count=depth)
    if name == "coupled":
        net = sf.fold(lambda s, f: MAPPERS[name](s, f, ROWS), layers, (ROWS, ROWS))
        return sf.Net.of(net.outputs[0] + 2 * net.outputs[1])
    return sf.fold(lambda z, f: MAPPERS[name](z, f, ROWS), layers, ROWS)


def loss_of(name: str, depth: int) -> sf.Net:
    return sf.Net.of(sf.squared_error(prediction(name, depth), TARGET))


def values_of(net: sf.Net, seed: int) -> tuple[Any, dict[str, Any]]:
    random = np.random.default_rng(seed)
    params = {name: value + 0.1 * random.normal(size=value.shape) for name, value in net.init(seed=seed).items()}
    return params, {"x": random.normal(size=(3, 2)), "target": random.normal(size=(3, 2))}


def probed_loss(name: str, depth: int, params: Any, data: dict[str, Any], probes: list[Any]) -> Any:
    """The loss by a loop, with a probe added to what every application of a layer gives."""
    waiting = iter(probes)

    def layer(k: int) -> Callable[[Any], Any]:
        return lambda z: anp.tanh(anp.dot(z, params[f"W{k}"]) + params[f"b{k}"]) + next(waiting)

    x = data["x"]
    state: Any = (x, x) if name == "coupled" else x
    for k in range(1, depth + 1):
        if name == "coupled":  # the layer applied to the first part's new value is one application
            first, f = state[0], layer(k)
            a = first + f(state[1])
            state = (a, state[1] + f(a) * first)
        else:
            state = MAPPERS[name](state, layer(k), x)
    out = state[0] + 2 * state[1] if name == "coupled" else state
    return anp.sum((data["target"] - out) ** 2)


def applications(name: str) -> int:
    return 2 if name in ("f(f(z))+z", "coupled") else 1


@pytest.mark.parametrize("name", MAPPERS)
@given(depth=st.integers(1, 4), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=5)
def test_what_layers_receive_is_the_gradient_by_probes_on_their_outputs(name: str, depth: int, seed: int) -> None:
    loss = loss_of(name, depth)
    params, data = values_of(loss, seed)
    zero = [np.zeros((3, 2)) for _ in range(depth * applications(name))]
    wanted = autograd.grad(lambda probes: probed_loss(name, depth, params, data, probes))(zero)
    found = sf.received(loss, params, **data)
    assert found.layers == tuple(f"f{k}" for k in range(1, depth + 1) for _ in range(applications(name)))
    for ours, theirs in zip(found.gradients, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10 * (1 + np.max(np.abs(theirs))))
    assert found.norms == pytest.approx([np.linalg.norm(one) for one in wanted])


@given(depth=st.integers(1, 6), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=8)
def test_in_boosting_every_layer_receives_exactly_the_loss_gradient(depth: int, seed: int) -> None:
    loss = loss_of("f(x)+z", depth)
    params, data = values_of(loss, seed)
    found = sf.received(loss, params, **data)
    assert all(np.array_equal(one, found.loss_gradient) for one in found.gradients)
    output = prediction("f(x)+z", depth)(params, x=data["x"])
    np.testing.assert_allclose(found.loss_gradient, 2 * (output - data["target"]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.cosines, 1)
    np.testing.assert_allclose(found.between, 1)


@given(depth=st.integers(1, 5), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=8)
def test_in_a_residual_net_it_is_the_product_over_the_later_layers(depth: int, seed: int) -> None:
    """g_k = (I + J_{k+1})^T ... (I + J_n)^T g, with the Jacobians of single layers by autograd."""
    random = np.random.default_rng(seed)
    weights = [random.normal(size=(3, 3)) / 2 for _ in range(depth)]
    bodies = [lambda z, W=W: anp.sin(anp.dot(W, z)) for W in weights]
    x = sf.tensor("x", (3,))
    net = sf.fold(sf.mappers.residual, sf.layers("f", count=depth), x).bind(
        {f"f{k + 1}": lambda z, W=W: np.sin(np.dot(W, z)) for k, W in enumerate(weights)}
    )
    start, g = random.normal(size=3), random.normal(size=3)
    found = sf.taught(net).evaluate(g, x=start)
    states = [start]
    for body in bodies:
        states.append(states[-1] + body(states[-1]))
    wanted = g
    for k in range(depth, 0, -1):
        assert found[k - 1][0] == f"f{k}"
        np.testing.assert_allclose(found[k - 1][1], wanted, rtol=1e-10, atol=1e-12)
        wanted = (np.eye(3) + autograd.jacobian(bodies[k - 1])(states[k - 1])).T @ wanted


# ---------------------------------------------------------------- formulas

FORMULAS = {
    "f(z)": (
        "g1 = J2(z1)^T J3(z2)^T g\ng2 = J3(z2)^T g\ng3 = g",
        "g_k = a_k, k = 1..n\na_{k-1} = J_k(z_{k-1})^T a_k, k = n..1, a_n = g",
    ),
    "f(z)+z": (
        "g1 = (I + J2(z1))^T (I + J3(z2))^T g\ng2 = (I + J3(z2))^T g\ng3 = g",
        "g_k = a_k, k = 1..n\na_{k-1} = (I + J_k(z_{k-1}))^T a_k, k = n..1, a_n = g",
    ),
    "f(x)+z": ("g_k = g, k = 1..3", "g_k = g, k = 1..n"),
    "0.5*f(z)+z": (
        "g1 = 0.5*(I + 0.5*J2(z1))^T (I + 0.5*J3(z2))^T g\ng2 = 0.5*(I + 0.5*J3(z2))^T g\ng3 = 0.5*g",
        "g_k = 0.5*a_k, k = 1..n\na_{k-1} = (I + 0.5*J_k(z_{k-1}))^T a_k, k = n..1, a_n = g",
    ),
    "z*f(z)": (
        "g1 = diag(x) (diag(f2(z1)) + diag(z1) J2(z1))^T (diag(f3(z2)) + diag(z2) J3(z2))^T g\n"
        "g2 = diag(z1) (diag(f3(z2)) + diag(z2) J3(z2))^T g\ng3 = diag(z2) g",
        "g_k = diag(z_{k-1}) a_k, k = 1..n\na_{k-1} = (diag(f_k(z_{k-1})) + diag(z_{k-1}) J_k(z_{k-1}))^T a_k, k = n..1, a_n = g",
    ),
    "f(f(z))+z": (
        "g1[1] = J1(f1(x))^T (I + J2(f2(z1)) J2(z1))^T g\ng1[2] = (I + J2(f2(z1)) J2(z1))^T g\ng2[1] = J2(f2(z1))^T g\ng2[2] = g",
        "g_k = J_k(f_k(z_{k-1}))^T a_k, k = 1..n\na_{k-1} = (I + J_k(f_k(z_{k-1})) J_k(z_{k-1}))^T a_k, k = n..1, a_n = g\nh_k = a_k, k = 1..n",
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_list_short_nets_and_recur_in_deep_ones(name: str) -> None:
    def net(depth: Any) -> sf.Net:
        return sf.fold(lambda z, f: MAPPERS[name](z, f, X), sf.layers("f", count=depth), X)

    listed, recurring = FORMULAS[name]
    assert sf.taught(net(2 if name == "f(f(z))+z" else 3)).formula() == listed
    assert str(sf.taught(net("n"))) == recurring
    assert str(sf.taught(net(10**6))) == recurring.replace("a_n", "a_1000000").replace("n..1", "1000000..1").replace("1..n", "1..1000000")
    for style in ("unicode", "latex", "mathml"):
        shown = sf.taught(net("n")).formula(style)
        if style == "mathml":
            assert parseString(shown).documentElement.tagName == "math"


def test_formulas_of_readouts_first_steps_and_names() -> None:
    deep = sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X)
    assert str(sf.taught(sf.layer("h")(deep))) == (
        "g_k = a_k, k = 1..n\na_{k-1} = (I + J_f_k(z_{k-1}))^T a_k, k = n..1, a_n = J_h(z_n)^T g\ng_h = g"
    )
    boosted = sf.fold(sf.mappers.boosting(X), sf.layers("f", count=30), 0)
    assert str(sf.taught(boosted)) == "g_k = g, k = 1..30"
    shared = sf.fold(sf.mappers.residual, [sf.layer("A")] * 2, X)
    assert str(sf.taught(shared)) == "g_A[1] = (I + J_A(z1))^T g\ng_A[2] = g"
    assert str(sf.taught(sf.fold(sf.mappers.feedforward, sf.layers("g1:3"), X))) == "b1 = J2(z1)^T b\nb2 = b"


COUPLED: dict[str, Callable[..., Any]] = {
    "passed on": lambda s, f: (s[0] + f(s[1]), s[0]),
    "momentum": lambda s, f: ((v := s[1] / 2 + f(s[0])) + s[0], v),
    "reversible": lambda s, f: ((u := s[0] + f(s[1])), s[1] + f(u)),
    "gated": lambda s, f: (s[0] * f(s[1]), s[1] + s[0] * s[1]),
    "two layers as one": lambda s, f: (np.tanh(s[0]) + f(f(s[1])), s[1] - f(s[0])),
    "three parts": lambda s, f: (s[0] + f(s[1]), s[1] + f(s[2]), s[2] + s[0]),
    "one for itself": lambda s, f: (s[0] + f(s[0]), s[1] + f(s[0])),
}


def coupled(name: str, depth: Any, outputs: Callable[..., Any], body: Any = None) -> sf.Net:
    layers = sf.layers("f", count=depth) if body is None else [sf.layer(f"f{k}", lambda z, k=k: body(k, z)) for k in range(1, depth + 1)]
    parts = tuple(sf.tensor(name, ()) for name in "uvw")[: 3 if name == "three parts" else 2]
    return sf.Net.of(outputs(sf.fold(COUPLED[name], layers, parts)))


def recurring(text: str, depth: int, net: sf.Net, at: Any, cotangents: Any) -> list[float]:
    """What the layers receive by the text of a recurrence: the states by their own steps, and every line read as Python over numbers."""
    assert "..." not in text
    values: dict[str, dict[int, Any]] = {}
    lines = [re.split(r", (?=k = |[a-z]+_(?:n|\d+) = )", line) for line in text.splitlines()]
    begun = dict(part.split(" = ") for line in lines for part in line[1:] if not part.startswith("k = "))
    inputs = {part: letter[:-2] for letter, part in begun.items() if letter.endswith("_0")}
    for number, part in enumerate("uvw"[: len(inputs)]):
        values[inputs[part]] = {k: (at[part] if k == 0 else net(k)[number](**at)) for k in range(depth + 1)}
    scope = {"f": wave, "J": lambda k, z: (wave(k, z + 1e-6) - wave(k, z - 1e-6)) / 2e-6, "tanh": np.tanh, "sech": lambda z: 1 / np.cosh(z), "diag": lambda z: z, "I": 1.0, **cotangents}

    def value(written: str, k: int) -> Any:
        python = re.sub(r"([fJ])_k\(", r"\1(k, ", written.replace("^T", ""))
        python = re.sub(r"(?<![-+*/,]) (?![-+*/])", "*", python)
        python = re.sub(r"\b([a-z]+)_(?:\{k-1\}|k)", lambda m: f"{m[1]}[{'k-1' if '{' in m[0] else 'k'}]", python)
        return eval(python, {**scope, **values, "k": k})

    for name, written in begun.items():
        if name.endswith("_n"):
            values.setdefault(name[:-2], {})[depth] = value(written, depth)
    passed = [line[0].split(" = ") for line in lines if "_{k-1} = " in line[0]]
    taught = [line[0].split(" = ") for line in lines if "_k = " in line[0]]
    for k in range(depth, 0, -1):
        for name, written in passed:
            values[name.split("_")[0]][k - 1] = value(written, k)
    return [value(written, k) for k in range(1, depth + 1) for _, written in taught]


def wave(k: int, z: Any) -> Any:
    return np.sin(z * k / 3 + 0.2) * 0.7 + z * z / 9


@pytest.mark.parametrize("outputs", [lambda s: s[0], lambda s: s, lambda s: s[0] * 3 - s[1]], ids=["the first part", "all parts", "a mixture"])
@pytest.mark.parametrize("name", COUPLED)
def test_states_of_several_parts_have_a_recurrence_a_part(name: str, outputs: Callable[..., Any]) -> None:
    """The text for n steps, run for 5 with numbers, against the backward pass, whose numbers are autograd's."""
    depth, at = 5, dict(zip("uvw"[: 3 if name == "three parts" else 2], (0.4, -0.7, 1.1), strict=False))
    text = sf.taught(coupled(name, "n", outputs)).formula()
    assert text == sf.taught(coupled(name, 10**6, outputs)).formula().replace("1000000", "n")
    whole = coupled(name, depth, outputs, wave)
    count = len(whole.outputs)
    gradient = (1.3, -0.6, 0.9)[:count] if count > 1 else 1.3
    cotangents = {f"g{k + 1}": one for k, one in enumerate(gradient)} if isinstance(gradient, tuple) else {"g": gradient}
    found = recurring(text, depth, lambda k: coupled(name, k, lambda s: s, wave), at, cotangents)
    wanted = [value for _, value in sf.taught(whole).evaluate(gradient, **at)]
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8)


def test_first_steps_before_a_state_of_several_parts_and_sequences_given_out() -> None:
    net = sf.fold(COUPLED["reversible"], sf.layers("f", count=10**6), (X, sf.tensor("v")))
    assert str(sf.taught(net[0])).splitlines()[:4] == [
        "g1 = a_1 + J1(z_1)^T b_1", "h1 = b_1", "g_k = a_k + J_k(z_k)^T b_k, k = 2..1000000", "h_k = b_k, k = 2..1000000",
    ]  # fmt: skip
    states = sf.scan(lambda s, f: (s[0] + f(s[1]), s[0]), sf.layers("f", count="n"), (sf.tensor("x", ()), sf.tensor("v", ())))
    assert "k = n..1" in sf.taught(states).formula()  # the backward pass, as it is


def test_letters_of_recurrences_are_of_one_thing_each() -> None:
    """The layers' gradients, those of the parts and those of the outputs, where a layer is called g."""
    x, g, c = sf.tensor("x", ()), sf.layer("g"), sf.layer("c")
    for count in ("n", 10**6):
        net = sf.fold(lambda s, f: (g(s[1]) + f(s[0]), c(s[0]) * s[1]), sf.layers("f", count=count), (x, sf.tensor("v", ())))
        for one in (net, net[0]):
            names = [line.split(" = ")[0] for line in sf.taught(one).formula().splitlines()]
            stems = [name.rsplit("_", 1)[0] for name in names]
            assert len(set(stems)) == len(stems) == 5 and not {"g", "c", "f", "x", "v"} & set(stems)




@pytest.mark.parametrize("name", [name for name in MAPPERS if name != "coupled"])
def test_a_symbolic_depth_gives_the_net_of_every_depth(name: str) -> None:
    def net(depth: Any) -> sf.Net:
        layers = sf.layers("f", sf.dense(2, 2, sf.tanh), count=depth)
        return sf.fold(lambda z, f: MAPPERS[name](z, f, ROWS), layers, ROWS)

    symbolic, exact = sf.taught(net("n")).net.at(n=4), sf.taught(net(4)).net
    params, data = values_of(net(4), 5)
    given = {"x": data["x"], "g": data["target"]}
    one, other = symbolic.compile()(params, **given), exact.compile()(params, **given)
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_taught_and_received_agree_and_nested_layers_come_in_order() -> None:
    inner = sf.layers("g1:3", sf.dense(2, 2, sf.sigmoid))
    outer = sf.layers("f11:14", sf.dense(2, 2, sf.tanh))
    net = sf.fold(lambda z, f: sf.fold(lambda w, g: g(w + z) + w, inner, f(z)) + z, outer, ROWS)
    loss = sf.squared_error(net, TARGET)
    params, data = values_of(loss, 2)
    found = sf.received(loss, params, **data)
    assert found.layers == ("f11", "g1", "g2", "f12", "g1", "g2", "f13", "g1", "g2")
    gradient = 2 * (net(params, x=data["x"]) - data["target"])
    pairs = sf.taught(net).evaluate(gradient, params, x=data["x"])
    assert tuple(name for name, _ in pairs) == found.layers
    for (_, ours), theirs in zip(pairs, found.gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)

    def by_hand(probes: list[Any]) -> Any:
        waiting, z = iter(probes), data["x"]

        def layer(k: str, act: Any) -> Any:
            return lambda v: act(anp.dot(v, params[f"W{k}"]) + params[f"b{k}"]) + next(waiting)

        for k in ("11", "12", "13"):
            w = layer(k, anp.tanh)(z)
            for j in ("_g1", "_g2"):
                w = layer(j, lambda v: 1 / (1 + anp.exp(-v)))(w + z) + w
            z = w + z
        return anp.sum((data["target"] - z) ** 2)

    wanted = autograd.grad(by_hand)([np.zeros((3, 2))] * 9)
    for ours, theirs in zip(found.gradients, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10 * (1 + np.max(np.abs(theirs))))


# ---------------------------------------------------------------- updates


@pytest.mark.parametrize("name", MAPPERS)
def test_coupling_is_the_derivative_along_a_step_of_one_layer(name: str) -> None:
    loss = loss_of(name, 3)
    params, data = values_of(loss, 7)
    coupled = sf.update_coupling(loss, params, **data)
    assert coupled.moved == ("f1", "f2", "f3")
    gradient = sf.grad(loss)(params, **data)
    for j in range(3):

        def after(rate: float, number: int = j + 1) -> Any:
            moved = {name: value - rate * gradient[name] * name.endswith(str(number)) for name, value in params.items()}
            return sf.received(loss, moved, **data).gradients

        rate = 1e-5 / max(np.max(np.abs(value)) for value in gradient.values())  # no parameter moves by more than 1e-5
        for k, (high, low) in enumerate(zip(after(rate), after(-rate), strict=True)):
            slope = (high - low) / (2 * rate)
            np.testing.assert_allclose(coupled.changes[k][j], slope, rtol=1e-5, atol=1e-6 * (1 + np.max(np.abs(slope))))
            assert coupled.matrix[k, j] == pytest.approx(np.linalg.norm(coupled.changes[k][j]))
            assert coupled.relative[k, j] == pytest.approx(coupled.matrix[k, j] / np.linalg.norm(coupled.gradients[k]))


def test_in_boosting_updates_are_felt_by_all_layers_alike_in_a_residual_net_not() -> None:
    for name, alike in (("f(x)+z", True), ("f(z)+z", False)):
        loss = loss_of(name, 4)
        params, data = values_of(loss, 1)
        matrix = sf.update_coupling(loss, params, **data).matrix
        assert np.allclose(matrix, matrix[0], rtol=1e-12) == alike


def test_what_cannot_be_taught_is_said() -> None:
    with pytest.raises(InvalidValue, match="applies no layer"):
        sf.taught(sf.Net.of(X * 2)).formula()
    with pytest.raises(InvalidValue, match="a single number"):
        sf.received(prediction("f(z)", 2), {}, x=np.zeros((3, 2)))
    with pytest.raises(InvalidValue, match="no input 'y'"):
        sf.received(loss_of("f(z)", 2), {}, y=np.zeros((3, 2)))
    opaque = sf.squared_error(sf.fold(sf.mappers.residual, sf.layers("f1:3"), ROWS), TARGET)
    with pytest.raises(NoRule, match="opaque"):
        sf.received(opaque, {}, x=np.zeros((3, 2)), target=np.zeros((3, 2)))
    bare = sf.squared_error(sf.fold(sf.mappers.residual, sf.layers("f1:3", np.tanh), ROWS), TARGET)
    with pytest.raises(InvalidValue, match="has parameters"):
        sf.update_coupling(bare, {}, x=np.zeros((3, 2)), target=np.zeros((3, 2)))


def test_a_single_layer_over_an_input_of_any_shape() -> None:
    """The sizes are those of the numbers that come."""
    for mapper in (sf.mappers.residual, sf.mappers.boosting(sf.tensor("x"))):
        found = sf.taught(sf.fold(mapper, sf.layers("f1:2", lambda z: z**2), sf.tensor("x"))).evaluate(np.ones(2), x=np.array([2.0, 3.0]))
        assert [name for name, _ in found] == ["f1"]
        np.testing.assert_array_equal(found[0][1], [1.0, 1.0])
