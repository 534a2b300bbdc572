"""The zoo: every architecture in the registry, against the loop written by hand, its graph, and what the registry claims of it."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import sympy as sp
from cases import sigmoid, values_of
from oracles import T, enumerated, weighted_squares

import symfold as sf
from symfold.errors import InvalidType, ShapeError
from symfold.mappers import ARCHITECTURES, residuals, reversible, steps

Values = Mapping[str, Any]
WIDTH, H = 4, 0.5


def f(v: Values, k: Any, z: Any, tag: str = "") -> Any:
    """The layer of number k: W1, b1; of a second list of layers W_g1, b_g1."""
    return np.tanh(z @ v[f"W{tag}{k}"] + v[f"b{tag}{k}"])


def g2(v: Values, name: Any, h: Any, u: Any, tag: str = "") -> Any:
    """A layer of two inputs."""
    return np.tanh(h @ v[f"W{tag}{name}"] + u @ v[f"V{tag}{name}"] + v[f"b{tag}{name}"])


def stepping(step: Callable[[Values, int, Any], Any], start: Callable[[Values], Any] = lambda v: v["x"], end: Callable[[Any], Any] = lambda z: z) -> Any:
    """The loop over layers 1 to n of one step."""

    def run(depth: int, v: Values) -> Any:
        state = start(v)
        for k in range(1, depth + 1):
            state = step(v, k, state)
        return end(state)

    return run


def two(second: str) -> Callable[[Values], Any]:
    return lambda v: (v["x"], v[second])


def highway(v: Values, k: int, z: Any) -> Any:
    gate = sigmoid(f(v, k, z, "_g"))
    return gate * f(v, k, z) + (1 - gate) * z


def dense_sum(v: Values, k: int, state: Any) -> Any:
    z = f(v, k, state[1])
    return z, state[1] + z


def denseformer(v: Values, k: int, state: Any) -> Any:
    read, earlier = state
    earlier = [*earlier, f(v, k, read)]
    return sum(v[f"alpha{k}"][j, 0, 0] * z for j, z in enumerate(earlier)), earlier


def depth_attention(v: Values, k: int, earlier: Any) -> Any:
    scores = np.stack([np.exp((z * earlier[-1]).sum(-1)) for z in earlier])
    shares = scores / scores.sum(0)
    return [*earlier, f(v, k, sum(share[:, None] * z for share, z in zip(shares, earlier, strict=True)))]


def hyper_connections(v: Values, k: int, streams: Any) -> Any:
    out = f(v, k, sum(v[f"r{k}"][0, j] * z for j, z in enumerate(streams)))
    return [sum(v[f"A{k}"][i, j] * z for j, z in enumerate(streams)) + v[f"w{k}"][i, 0] * out for i in range(2)]


def mixture(depth: int, v: Values) -> Any:
    scores = np.stack([np.exp(f(v, k, v["x"], "_g")) for k in range(1, depth + 1)])
    return sum(share * f(v, k + 1, v["x"]) for k, share in enumerate(scores / scores.sum(0)))


def stacking(depth: int, v: Values) -> Any:
    return f(v, "_g", sum(v[f"w{k}"] * f(v, k, v["x"]) for k in range(1, depth + 1)))


def coupling(v: Values, k: int, state: Any) -> Any:
    a = state[0] + f(v, k, state[1])
    return a, state[1] + f(v, k, a, "_g")


def momentum(v: Values, k: int, state: Any) -> Any:
    velocity = 0.5 * state[1] + 0.5 * f(v, k, state[0])
    return state[0] + velocity, velocity


def rk4(v: Values, k: int, z: Any) -> Any:
    one = f(v, k, z)
    two = f(v, k, z + H / 2 * one)
    three = f(v, k, z + H / 2 * two)
    return z + H / 6 * (one + 2 * two + 2 * three + f(v, k, z + H * three))


def heun(v: Values, k: int, z: Any) -> Any:
    ahead = z + H * f(v, k, z)
    return z + H * (f(v, k, z) + f(v, k, ahead)) / 2


def recurrent(v: Values, name: str, h: Any, inputs: Any) -> list[Any]:
    """All the states of an Elman net."""
    states = []
    for u in inputs:
        h = g2(v, name, h, u)
        states.append(h)
    return states


def gru(v: Values, k: int, h: Any) -> Any:
    u = v["u"][k - 1]
    kept, reset = sigmoid(g2(v, "_f", h, u)), sigmoid(g2(v, "_g", h, u))
    return kept * h + (1 - kept) * np.tanh(g2(v, "_k", reset * h, u))


def gru_reset_after(v: Values, k: int, h: Any) -> Any:
    u = v["u"][k - 1]
    kept, reset = sigmoid(g2(v, "_f", h, u)), sigmoid(g2(v, "_g", h, u))
    return kept * h + (1 - kept) * np.tanh(f(v, "_m", u) + reset * f(v, "_k", h))


def lstm(v: Values, k: int, state: Any) -> Any:
    h, c = state
    i, forget, o, new = (g2(v, name, h, v["u"][k - 1]) for name in ("_i", "_f", "_o", "_g"))
    c = sigmoid(forget) * c + sigmoid(i) * np.tanh(new)
    return sigmoid(o) * np.tanh(c), c


def bidirectional(depth: int, v: Values) -> Any:
    ahead, back = recurrent(v, "_f", v["h"], v["u"]), recurrent(v, "_g", v["h"], v["u"][::-1])[::-1]
    return np.stack([np.concatenate(pair, axis=-1) for pair in zip(ahead, back, strict=True)])


def multilayer(depth: int, v: Values) -> Any:
    return np.stack(recurrent(v, "2", v["h"], recurrent(v, "1", v["h"], v["u"])))


def encoder_decoder(depth: int, v: Values) -> Any:
    return np.stack(recurrent(v, "_g", recurrent(v, "_f", v["h"], v["u"])[-1], v["v"]))


def fractal(columns: int, v: Values) -> Any:
    """By the list of layers in the order in which they stand: a column, then the two halves."""

    def run(first: int, columns: int, z: Any) -> Any:
        if columns == 1:
            return f(v, first, z)
        half = 2 ** (columns - 1) - 1
        return (f(v, first, z) + run(first + 1 + half, columns - 1, run(first + 1, columns - 1, z))) / 2

    return run(1, columns, v["x"])


def unet(depth: int, v: Values) -> Any:
    states = [v["x"]]
    for k in range(1, depth + 1):
        states.append(f(v, k, states[-1]))
    z = states[-1]
    for k in range(1, depth + 1):
        z = g2(v, k, z, states[depth + 1 - k], "_g")
    return z


def attention(v: Values, k: int, z: Any) -> Any:
    """Heads side by side in one matrix, split and joined by reshaping; what comes later is left out of the sums."""
    batch, time, width = z.shape
    heads, _, part = v[f"Q_a{k}"].shape

    def split(letter: str) -> Any:
        joined = np.concatenate(list(v[f"{letter}_a{k}"]), axis=-1)
        return (z @ joined + v[f"b{letter.lower()}_a{k}"].reshape(-1)).reshape(batch, time, heads, part)

    q, key, value = map(split, "QKV")
    read = np.zeros((batch, time, heads, part))
    for b, at, head in np.ndindex(batch, time, heads):
        powers = np.exp([q[b, at, head] @ key[b, before, head] / np.sqrt(part) for before in range(at + 1)])
        read[b, at, head] = sum(power / powers.sum() * value[b, before, head] for before, power in enumerate(powers))
    return read.reshape(batch, time, width) @ v[f"O_a{k}"].reshape(width, width) + v[f"bo_a{k}"]


def norm(v: Values, k: int, z: Any, tag: str) -> Any:
    centred = z - z.mean(-1, keepdims=True)
    return centred / np.sqrt(z.var(-1, keepdims=True) + 1e-5) * v[f"gain_{tag}{k}"] + v[f"shift_{tag}{k}"]


def perceptron(v: Values, k: int, z: Any) -> Any:
    return np.maximum(z @ v[f"W_m{k}"] + v[f"b_m{k}"], 0) @ v[f"U_m{k}"] + v[f"c_m{k}"]


def pre_norm(v: Values, k: int, z: Any) -> Any:
    z = z + attention(v, k, norm(v, k, z, "p"))
    return z + perceptron(v, k, norm(v, k, z, "q"))


def post_norm(v: Values, k: int, z: Any) -> Any:
    z = norm(v, k, z + attention(v, k, z), "p")
    return norm(v, k, z + perceptron(v, k, z), "q")


def parallel_block(v: Values, k: int, z: Any) -> Any:
    normed = norm(v, k, z, "p")
    return z + attention(v, k, normed) + perceptron(v, k, normed)


def convolved(z: Any, W: Any, b: Any) -> Any:
    """By the shifts of the padded image, one for each place in the window."""
    padded = np.pad(z, [(0, 0), (0, 0), (1, 1), (1, 1)])
    height, width = z.shape[2:]
    return b + sum(np.einsum("nchw,oc->nohw", padded[:, :, i : i + height, j : j + width], W[:, :, i, j]) for i, j in np.ndindex(3, 3))


def image_residual(depth: int, v: Values) -> Any:
    z = convolved(v["x"], v["W_s"], v["b_s"])
    for k in range(1, depth + 1):
        centred = z - z.mean(axis=(0, 2, 3), keepdims=True)
        normed = centred / np.sqrt(z.var(axis=(0, 2, 3), keepdims=True) + 1e-5) * v[f"gain{k}"] + v[f"shift{k}"]
        z = z + convolved(np.maximum(normed, 0), v[f"W{k}"], v[f"b{k}"])
    return z.mean(axis=(2, 3)) @ v["W_h"] + v["b_h"]


BY_HAND: dict[str, Callable[[int, Values], Any]] = {
    "feedforward": stepping(lambda v, k, z: f(v, k, z)),
    "residual": stepping(lambda v, k, z: z + f(v, k, z)),
    "pre_activation": stepping(lambda v, k, z: z + f(v, k, np.maximum(z, 0))),
    "scaled": stepping(lambda v, k, z: z + 0.1 * f(v, k, z)),
    "rezero": stepping(lambda v, k, z: z + v[f"alpha{k}"] * f(v, k, z)),
    "highway": stepping(highway),
    "parallel": stepping(lambda v, k, z: z + f(v, k, z) + f(v, k, z, "_g")),
    "boosting": stepping(lambda v, k, z: z + f(v, k, v["x"])),
    "gradient_boosting": stepping(lambda v, k, z: z + 0.1 * f(v, k, v["x"]), lambda v: 0),
    "stacking": stacking,
    "mixture": mixture,
    "multiplicative": stepping(lambda v, k, z: z * f(v, k, z)),
    "multiplicative_boosting": stepping(lambda v, k, z: z * f(v, k, v["x"])),
    "dense_concatenation": stepping(lambda v, k, z: np.concatenate([z, f(v, k, z)], axis=-1)),
    "dense_sum": stepping(dense_sum, lambda v: (v["x"], v["x"]), lambda state: state[0]),
    "denseformer": stepping(denseformer, lambda v: (v["x"], [v["x"]]), lambda state: state[0]),
    "depth_attention": stepping(depth_attention, lambda v: [v["x"]], lambda earlier: earlier[-1]),
    "hyper_connections": stepping(hyper_connections, lambda v: [v["x"], v["x"]], sum),
    "elman": stepping(lambda v, k, h: g2(v, "_g", h, v["u"][k - 1]), lambda v: v["h"]),
    "gru": stepping(gru, lambda v: v["h"]),
    "gru_reset_after": stepping(gru_reset_after, lambda v: v["h"]),
    "lstm": stepping(lstm, lambda v: (v["h"], v["c"])),
    "bidirectional": bidirectional,
    "multilayer": multilayer,
    "encoder_decoder": encoder_decoder,
    "coupling": stepping(coupling, two("y")),
    "momentum": stepping(momentum, two("v")),
    "leapfrog": stepping(lambda v, k, s: (2 * s[0] - s[1] + H**2 * f(v, k, s[0]), s[0]), two("y")),
    "euler": stepping(lambda v, k, z: z + H * f(v, k, z)),
    "midpoint": stepping(lambda v, k, z: z + H * f(v, k, z + H / 2 * f(v, k, z))),
    "heun": stepping(heun),
    "rk4": stepping(rk4),
    "fractal": fractal,
    "unet": unet,
    "equilibrium": stepping(lambda v, k, z: g2(v, "_f", z, v["x"]), lambda v: v["z"]),
    "attention_only": stepping(lambda v, k, z: z + attention(v, k, z)),
    "pre_norm": stepping(pre_norm),
    "post_norm": stepping(post_norm),
    "parallel_block": stepping(parallel_block),
    "image_residual": image_residual,
}

# what has a block for every step, or is made of another number of steps: no symbolic depth
NUMBERED = {"dense_concatenation", "denseformer", "depth_attention", "fractal"}
zoo = pytest.mark.parametrize("name", ARCHITECTURES)


def parts_of(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def test_every_architecture_has_a_loop_by_hand() -> None:
    assert set(BY_HAND) == set(ARCHITECTURES)


@zoo
@pytest.mark.parametrize("depth", [1, 3])
def test_the_value_is_that_of_the_loop_by_hand(name: str, depth: int) -> None:
    net = ARCHITECTURES[name].net(depth, WIDTH)
    values = values_of(net)
    wanted = parts_of(BY_HAND[name](depth, values))
    for found in (net(values), net.compile("numpy")({}, **values), sf.unroll(net)(values)):
        for one, other in zip(parts_of(found), wanted, strict=True):
            assert np.shape(one) == np.shape(other)
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


@zoo
def test_the_gradient_is_that_of_differences(name: str) -> None:
    net = ARCHITECTURES[name].net(2, WIDTH)
    values = {key: value / 2 for key, value in values_of(net).items()}  # where the third derivatives, which differences see, are small
    assert sf.check_grad(weighted_squares(net), values=values, tolerance=1e-5) < 1e-5


def claimed(name: str, depth: int) -> sp.Matrix:
    """What the registry says of the paths, the depth put in: a formula, or P_n by the ones before it and the first of them."""
    text = ARCHITECTURES[name].paths
    value = recurrence(text, depth) if text.startswith("P_n") else sp.sympify(text, locals={"n": sp.Integer(depth), "t": T}).doit()
    return (value if isinstance(value, sp.MatrixBase) else sp.Matrix([[value]])).applyfunc(lambda entry: sp.expand(sp.cancel(entry)))


def recurrence(text: str, depth: int) -> sp.Expr:
    """P at a depth, by a text as 'P_n = P_{n-1} + t, P_1 = 0'."""
    rule, *first = [part.split(" = ")[1] for part in text.split(", ")]
    start = int(text.split(", ")[1].removeprefix("P_").split(" ")[0])
    known = dict(enumerate(map(sp.sympify, first), start))
    for n in range(start + len(first), depth + 1):
        before = {f"P_{k}": known[n - k] for k in range(1, len(first) + 1)}
        known[n] = sp.expand(sp.sympify(re.sub(r"P_\{n-(\d+)\}", r"P_\1", rule), locals={**before, "n": sp.Integer(n), "t": T}))
    return known[depth]


@zoo
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_paths_are_those_of_the_graph_and_of_the_closed_form(name: str, depth: int) -> None:
    net = ARCHITECTURES[name].net(depth)
    found = sf.paths(net).matrix
    graph = net.graph()
    outputs = [node for node, data in graph.nodes(data=True) if data["kind"] == "output"]
    assert len(outputs) == len(net.outputs)
    for row, target in enumerate(outputs):
        for column, node in enumerate(net.inputs):
            assert sp.expand(found[row, column] - enumerated(graph, node.op.name, target)) == 0, (target, node)
    wanted = claimed(name, depth)
    assert found[: wanted.rows, : wanted.cols].applyfunc(sp.expand) == wanted


@zoo
def test_paths_at_a_symbolic_depth_are_the_closed_form(name: str) -> None:
    if name in NUMBERED:
        return
    found = sf.paths(ARCHITECTURES[name].net("n")).matrix
    n = sp.Symbol("n", integer=True, positive=True)
    for depth in (1, 2, 6):
        wanted = claimed(name, depth)
        at = found[: wanted.rows, : wanted.cols].applyfunc(lambda entry, depth=depth: sp.expand(sp.cancel(entry.subs(n, depth))))
        assert at == wanted


@zoo
@pytest.mark.parametrize("depth", [2, 3])
def test_span_and_work_are_those_of_the_graph(name: str, depth: int) -> None:
    row, net = ARCHITECTURES[name], ARCHITECTURES[name].net(depth)
    graph = net.graph()
    layers = {node for node, data in graph.nodes(data=True) if data["kind"] == "layer"}
    longest = dict.fromkeys(graph, 0)
    for node in nx.topological_sort(graph):
        longest[node] = max((longest[before] for before in graph.predecessors(node)), default=0) + (node in layers)
    span, work = (int(sp.sympify(text).subs("n", depth)) for text in (row.span, row.work))
    assert (span, work) == (max(longest.values()), len(layers)) == (sf.cost(net).span, sf.cost(net).work)


@zoo
def test_a_symbolic_depth_is_every_depth(name: str) -> None:
    row = ARCHITECTURES[name]
    if name in NUMBERED:
        with pytest.raises((sf.errors.InvalidValue, ShapeError), match="depth"):
            row.net("n")
        return
    net = row.net("n")
    for depth in (1, 3):
        assert sf.roll(net.at(n=depth)) == sf.roll(row.net(depth))
    cost = sf.cost(net)
    for text, measured in ((row.span, cost.span), (row.work, cost.work)):
        assert sp.expand(sp.sympify(text, locals={"n": sp.Symbol("n", integer=True, positive=True)}) - measured) == 0


@zoo
def test_it_is_kept_drawn_written_rolled_and_derived(name: str, tmp_path: Path) -> None:
    net = ARCHITECTURES[name].net(3)
    assert sf.from_json(net.to_json()) == net
    net.draw(tmp_path / "net.svg")
    assert "</svg>" in (tmp_path / "net.svg").read_text()
    assert sf.roll(sf.unroll(net)) == sf.roll(net)
    assert str(sf.adjoint(net)) and sf.verdict(net, net).equal
    for style in ("text", "unicode", "latex", "mathml"):
        assert sf.formula(net, form="steps", style=style)


@pytest.mark.slow
@zoo
def test_it_is_compared_with_a_residual_net(name: str) -> None:
    net, other = ARCHITECTURES[name].net(2), ARCHITECTURES["residual"].net(2)
    assert str(sf.compare(net, other))
    for answer in (sf.jacobian(net), sf.taught(net), sf.series(net, order=2)):
        assert str(answer)
    for rewired, size in ((sf.picard, 1), (sf.grouped, 2)):
        if net.bindings or sf.roll(net).bindings:
            assert str(rewired(net, size))
        else:  # fractal: each half is another block
            with pytest.raises(sf.errors.InvalidValue, match="no fold"):
                rewired(net, size)


@zoo
def test_it_is_trained(name: str) -> None:
    """Some steps of gradient descent to the outputs of a net with other parameters."""
    net = ARCHITECTURES[name].net(2, WIDTH)
    targets = [sf.tensor(f"target{k}", [None if not isinstance(size, int) else size for size in output.shape]) for k, output in enumerate(net.outputs)]
    total: Any = sum(((output - target) ** 2).sum() for output, target in zip(net.outputs, targets, strict=True))
    loss = sf.Net.of(total)
    data = {node.op.name: values_of(net)[node.op.name] for node in net.inputs}
    wanted = parts_of(net(values_of(net)))
    data |= {f"target{k}": value for k, value in enumerate(wanted)}
    done = sf.fit(loss, net.init(1), batches=[data] * 30, optimizer=sf.sgd(0.001))
    assert done.history.loss[-1] < done.history.loss[0]


@pytest.mark.parametrize(
    "name, undo", [("coupling", reversible.uncoupling), ("momentum", reversible.unmomentum()), ("leapfrog", reversible.unleapfrog(0.5))]
)
def test_reversible_steps_are_undone(name: str, undo: Any) -> None:
    """By the undoing step over the same layers from the last to the first."""
    depth = 5
    net = ARCHITECTURES[name].net(depth, WIDTH)
    assert ARCHITECTURES[name].inverse == reversible.EXACT
    made = sf.mappers.registry.Parts(depth, WIDTH)
    items: list[Any] = list(zip(made.layers("f"), made.layers("g"), strict=True)) if name == "coupling" else list(made.layers())
    back = sf.fold(undo, items[::-1], (sf.tensor("p", (None, WIDTH)), sf.tensor("q", (None, WIDTH))))
    values = values_of(net)
    last = net(values)
    first = back({**values_of(back), **{node.op.name: values[node.op.name] for node in back.params}, "p": last[0], "q": last[1]})
    for found, node in zip(first, net.inputs, strict=True):
        np.testing.assert_allclose(found, values[node.op.name], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [name for name, row in ARCHITECTURES.items() if row.inverse in (residuals.CONTRACTS, steps.IMPLICIT)])
def test_contracting_steps_are_undone_by_iteration(name: str) -> None:
    """From what the step gave, z = y - (step(z) - z), repeated."""
    step = ARCHITECTURES[name].net(1, WIDTH)
    values = {key: 0.3 * value for key, value in values_of(step).items()}
    after = step(values)
    z = after
    for _ in range(200):
        z = after - (step({**values, "x": z}) - z)
    np.testing.assert_allclose(z, values["x"], rtol=1e-10, atol=1e-12)


def test_the_implicit_gradient_is_that_of_the_linear_system_and_of_many_steps() -> None:
    """w = (I - J)^-T g by NumPy, J from differences; and the gradient through the unrolled iterations, run to their end."""
    made = sf.mappers.registry.Parts(1, WIDTH)
    f, x, z = made.layer("f", inputs=2), made.tensor("x"), made.tensor("z")
    step = sf.Net.of(f(z, x))
    values = {name: 0.3 * value for name, value in values_of(step).items()}
    point = sf.mappers.equilibrium(f, x, 60, z)(values)
    np.testing.assert_allclose(step({**values, "z": point}), point, atol=1e-14)
    loss = sf.Net.of((z**3).sum())
    found = sf.mappers.implicit_gradient(step, loss, 60)({**values, "z": point})
    unrolled = sf.grad(sf.Net.of((sf.mappers.equilibrium(f, x, 60, z) ** 3).sum()), wrt=["x", "W_f", "V_f", "b_f"])(values)
    assert set(found) == set(unrolled)
    for name in found:
        np.testing.assert_allclose(found[name], unrolled[name], rtol=1e-10, atol=1e-14)
    jacobian = np.stack([(step({**values, "z": point + d.reshape(point.shape)}) - step({**values, "z": point - d.reshape(point.shape)})).ravel() / 2e-6
                         for d in 1e-6 * np.eye(point.size)], axis=1)  # fmt: skip
    w = np.linalg.solve((np.eye(point.size) - jacobian).T, (3 * point**2).ravel()).reshape(point.shape)
    np.testing.assert_allclose(found["b_f"], (w * (1 - point**2)).sum(axis=0, keepdims=True), rtol=1e-7)
    with pytest.raises(sf.errors.InvalidValue, match=r"read the state 'y' \(its inputs: 'z', 'x'\)"):
        sf.mappers.implicit_gradient(step, loss, 60, "y")


def test_lists_side_by_side_are_zip() -> None:
    x, (a, b) = sf.tensor("x", (None, 3)), (sf.layers("f1:5"), sf.layers("g1:5"))
    step = sf.mappers.highway
    assert sf.fold(step, sf.zipped(a, b), x) == sf.fold(step, list(zip(a, b, strict=True)), x)
    u = sf.tensor("u", (4, None, 3))
    along = lambda z, item: item[0](z) + item[1]  # noqa: E731
    assert sf.fold(along, sf.zipped(a, u), x) == sf.fold(along, [(layer, u[k]) for k, layer in enumerate(a)], x)
    assert sf.fold(step, sf.zipped(sf.layers("f1:1"), sf.layers("g1:1")), x) == sf.Net.of(x)
    with pytest.raises(ShapeError, match="different lengths cannot be read side by side: 4, 3"):
        sf.fold(step, sf.zipped(a, sf.layers("g1:4")), x)
    with pytest.raises(InvalidType, match=r"takes layers, tensors and scans, got \[1\]"):
        sf.zipped(a, [1])
    with pytest.raises(InvalidType, match="one list or more"):
        sf.zipped()
    inner = sf.layers("k1:5", lambda z: z + x)
    with pytest.raises(InvalidType, match="folded over as a list"):
        sf.fold(step, sf.zipped(a, inner), x)
    seen = []
    with pytest.raises(sf.errors.ImpureMapper):
        sf.fold(lambda z, item: (seen.append(1), item[0](z) * len(seen))[1], sf.zipped(a, b), x)


def mathematics(text: str) -> str:
    """A formula as the page sets it."""
    if text.startswith("P_n"):
        return f"${text.replace('**', '^').replace('*', ' ')}$"
    value = sp.sympify(text, locals={name: sp.Symbol(name) for name in "nt"}, evaluate=False)
    return f"${sp.latex(value, order='none')}$"


def table() -> str:
    """The table of docs/reference/zoo.md."""
    cells = [("name", "a step", "state", "paths", "span", "work", "inverse", "source")]
    cells += [
        (row.name, f"`{row.formula}`", row.state, *map(mathematics, (row.paths, row.span, row.work)), row.inverse, row.source)
        for row in ARCHITECTURES.values()
    ]
    lines = [f"| {' | '.join(cell)} |" for cell in cells]
    return "\n".join([lines[0], "|---" * len(cells[0]) + "|", *lines[1:]]) + "\n"


def test_the_page_has_the_table() -> None:
    assert table() in (Path(__file__).parents[2] / "docs" / "reference" / "zoo.md").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name, row in ARCHITECTURES.items() if row.inverse == reversible.EXACT])
def test_states_of_reversible_steps_are_computed_again(name: str) -> None:
    """No state is kept for the backward pass, and the gradient is the same."""
    loss = weighted_squares(ARCHITECTURES[name].net(4, WIDTH))
    values = values_of(loss)
    wanted, found = sf.grad(loss)(values), sf.grad(loss, remat="reversible")(values)
    assert set(wanted) == set(found)
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=1e-10)


F, G, X = sf.layers("f1:3"), sf.layers("g1:3"), sf.tensor("x", (None, 3))


@pytest.mark.parametrize(
    "mapper, items, state, message",
    [
        (sf.mappers.pre_norm, F, X, "an item of pre_norm is (norm, attention, norm, perceptron), got a layer"),
        (sf.mappers.post_norm, list(zip(F, G, strict=True)), X, "an item of post_norm is (norm, attention, norm, perceptron), got (a layer, a layer)"),
        (sf.mappers.parallel_block, [1, 2], X, "an item of parallel_block is (norm, attention, perceptron), got a value"),
        (sf.mappers.highway, F, X, "an item of highway is (layer, gate), got a layer"),
        (sf.mappers.highway, sf.zipped(F, sf.tensor("u", (2, 3))), X, "got (a layer, a value)"),
        (sf.mappers.rezero, sf.zipped(F, G), X, "an item of rezero is (layer, number), got (a layer, a layer)"),
        (sf.mappers.stacking(X), F, 0, "an item of stacking is (learner, weight), got a layer"),
        (sf.mappers.mixture(X), F, (0, 0), "an item of mixture is (expert, gate), got a layer"),
        (sf.mappers.mixture(X), sf.zipped(F, G), 0, "the state of mixture is (numerator, denominator), got a value"),
        (sf.mappers.denseformer, F, (X, sf.stack([X])), "an item of denseformer is (layer, weights), got a layer"),
        (sf.mappers.hyper_connections, F, X, "an item of hyper_connections is (layer, read, mix, write), got a layer"),
        (sf.mappers.coupling, F, (X, X), "an item of coupling is (f, g), got a layer"),
        (sf.mappers.coupling, sf.zipped(F, G), X, "the state of coupling is (a, b), got a value"),
        (sf.mappers.dense_sum, F, (X, X, X), "the state of dense_sum is (z, sum), got 3 parts"),
        (sf.mappers.momentum(), F, X, "the state of momentum is (x, v), got a value"),
        (sf.mappers.leapfrog(), F, X, "the state of leapfrog is (z, z_before), got a value"),
        (sf.mappers.lstm(*sf.layers("i f o g")), [X], X, "the state of lstm is (h, c), got a value"),
        (sf.mappers.parallel, F, X, "an item that is one layer has no parts"),
    ],
)  # fmt: skip
def test_items_and_states_of_another_form_are_refused_in_words(mapper: Any, items: Any, state: Any, message: str) -> None:
    with pytest.raises(InvalidType, match="step 1.*" + re.escape(message)):
        sf.fold(mapper, items, state)
