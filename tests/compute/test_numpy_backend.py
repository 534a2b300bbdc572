"""The NumPy backend: equal to interpretation on every case, source of one length at every depth, no warning, no leak."""

import operator
import pickle
import re
import threading
import warnings
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import CASES, Case, values_of
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.compute.backends.numpy.program import Program
from symfold.errors import InvalidType, InvalidValue, NoRule, ShapeError, UnknownName
from symfold.transform.inlining import inlined
from symfold.transform.passes.hoisting import hoisted
from symfold.transform.specialize import with_shapes

WIDE = sf.tensor("x", (None, 2))
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def named(values: dict[str, object], net: sf.Net) -> tuple[dict[str, object], dict[str, object]]:
    parameters = {node.op.name for node in net.params}
    return {k: v for k, v in values.items() if k in parameters}, {k: v for k, v in values.items() if k not in parameters}


def assert_same(given: object, wanted: object) -> None:
    left, right = flatten(given)[0], flatten(wanted)[0]
    assert_close(dict(enumerate(left)), dict(enumerate(right)), 1e-12)  # type: ignore[arg-type]


@cases
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_compiled_is_interpreted(case: Case, depth: int) -> None:
    net, values = case.build(depth), case.values(depth)
    params, inputs = named(values, net)
    run = net.compile("numpy")
    for _ in range(2):  # the arrays of the first run are used again by the second
        assert_same(run(params, **inputs), net(values))


@cases
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_compiled_gradients_are_interpreted_gradients(case: Case, depth: int) -> None:
    values = case.values(depth)
    net = sf.value_and_grad(weighted_squares(case.build(depth)), wrt=list(values))
    params, inputs = named(values, net)
    run = net.compile("numpy")
    for _ in range(2):
        assert_same(run(params, **inputs), net(values))


@cases
def test_unrolled_nets_compile_to_the_same_source(case: Case) -> None:
    net = case.build(6)
    assert sf.unroll(net).compile().source == sf.roll(net).compile().source


ALIKE = {name: case for name, case in CASES.items() if case.blocks is not None}


@pytest.mark.parametrize("case", ALIKE.values(), ids=ALIKE.keys())
def test_source_is_equally_long_at_depth_10_and_1000(case: Case) -> None:
    lengths, gradient_lengths = set(), set()
    for depth in (10, 1000):
        net = case.build(depth)
        lengths.add(len(net.compile("numpy").source))
        wrt = [node.op.name for node in (*net.inputs, *net.params)]
        gradient_lengths.add(len(sf.value_and_grad(weighted_squares(net), wrt=wrt).compile("numpy").source))
    assert len(lengths) == 1 and len(gradient_lengths) == 1


@cases
def test_distributed_nets_are_the_same_function(case: Case) -> None:
    values = case.values(4)
    net = sf.value_and_grad(weighted_squares(case.build(4)), wrt=list(values))
    known = with_shapes(net, {name: np.shape(value) for name, value in values.items()})
    assert_same(sf.Net(hoisted(inlined(known.outputs)), net.form)(values), net(values))


def test_distributing_takes_the_weight_gradients_out_of_the_loop() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:6", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (7, 3)))
    both = sf.value_and_grad(sf.squared_error(net, sf.tensor("t", (7, 3))))
    backward = both.compile("numpy").source.split("for ")[-1].split("\n        matmul")[0]
    assert backward.count(".dot(") == 1  # the state's product is in the loop
    assert "matmul(" in both.compile("numpy").source  # those of the weights are one product after it


def test_source_holds_our_names_only() -> None:
    hostile = sf.tensor("__import__", (2,))
    layer = sf.layer("os_system", lambda z, exec_: z * exec_, exec_=(2,))
    source = sf.Net.of(layer(hostile)).compile("numpy").source
    assert not re.search("import|exec|os_system", source)


def test_stable_functions_far_out() -> None:
    x = sf.tensor("x", (4,))
    far = np.array([-1000.0, -40.0, 40.0, 1000.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sigmoid = sf.Net.of(sf.sigmoid(x)).compile("numpy")({}, x=far)
        softplus = sf.Net.of(sf.softplus(x)).compile("numpy")({}, x=far)
        total = sf.Net.of(sf.logsumexp(x)).compile("numpy")({}, x=far)
    np.testing.assert_allclose(sigmoid, [0.0, np.exp(-40.0), 1.0, 1.0], rtol=1e-15)
    np.testing.assert_allclose(softplus, [0.0, np.exp(-40.0), 40.0, 1000.0], rtol=1e-15)
    assert total == 1000.0


def test_values_may_change_shape_between_calls_and_results_are_the_callers() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    params, run = net.init(seed=1), net.compile("numpy")
    first = run(params, x=np.ones((2, 3)))
    kept = first.copy()
    assert run(params, x=np.zeros((5, 3))).shape == (5, 3)
    run(params, x=np.zeros((2, 3)))
    np.testing.assert_array_equal(first, kept)


def test_a_net_without_parameters_takes_values_alone() -> None:
    net = sf.fold(sf.mappers.residual, [np.tanh, np.sin], sf.tensor("x"))
    run = net.compile()
    assert run(0.5) == run({}, 0.5) == run(x=0.5) == net(0.5)


def test_a_constant_divided_by_zero_is_infinite() -> None:
    net = sf.Net.of(1 / sf.Net.of(0) + sf.tensor("x"))
    with np.errstate(divide="ignore"):
        assert net(2.0) == net.compile("numpy")(2.0) == np.inf


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_parameters_that_no_step_reads_any_more_may_be_named(backend: str) -> None:
    """Both parts of the state forget f1 in the second step, so its weights are parameters of the net and of no program."""
    layers = [sf.Layer("f1", sf.dense(2, 2, sf.sigmoid)), sf.Layer("f2", sf.layer("f", lambda z: z**2 / 4).kind)]
    net = sf.fold(lambda s, f: (f(WIDE), f(WIDE)), layers, (sf.tensor("y", (None, 2)), sf.tensor("u", (None, 2))))
    names = [node.op.name for node in net.params]
    assert names == ["W1", "b1"]
    values = values_of(net)
    run = net.compile(backend)
    for computed in (run(**values), pickle.loads(pickle.dumps(run))(**values), sf.Net.of(net[0]).lambdify()(*(values[name] for name in ("y", "u", "x", *names)))):
        np.testing.assert_array_equal(flatten(computed)[0][0], values["x"] ** 2 / 4)
    assert sf.check_grad((net[0] + net[1]).sum()) < 1e-4
    with pytest.raises(UnknownName, match="'W2'"):
        run(**values, W2=0.0)


def test_threads_do_not_share_arrays() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:40", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    params, run = net.init(seed=1), net.compile("numpy")
    inputs = [np.random.default_rng(k).normal(size=(4, 3)) for k in range(4)]
    wanted = [run(params, x=x) for x in inputs]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(100):
            if not np.array_equal(run(params, x=inputs[k]), wanted[k]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("name", ["residual", "a state of two parts that change places", "a nested fold that captures the outer state"])
def test_an_evaluation_holds_a_constant_number_of_states(name: str) -> None:
    net = CASES[name].build(500)
    program = Program(net, {node.op.name: (1000, 3) for node in net.inputs}, net.init())
    held: dict[int, np.ndarray] = {}

    def collect(value: object) -> None:
        """The memory behind views, also behind those that the loops run over."""
        if isinstance(value, np.ndarray):
            while value.base is not None:
                value = value.base
            held[id(value)] = value
        elif isinstance(value, (list, tuple)):
            for part in value:
                collect(part)

    for value in program.run.__defaults__:
        collect(value)
    assert any(isinstance(value, list) for value in program.run.__defaults__)
    assert sum(array.nbytes for array in held.values()) - program.params.flat.nbytes < 12 * 1000 * 3 * 8


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4), max_size=5), st.integers(1, 4), st.integers(1, 3), st.booleans(), st.data())
def test_random_steps(choices: list[int], depth: int, batch: int, reshaped: bool, data: st.DataObject) -> None:
    """Mappers put together at random from five kinds of term; the state may have another shape than what a step computes."""
    terms = [
        lambda z, f: f(z) * z,
        lambda z, f: z / (1 + f(z) ** 2),
        lambda z, f: -f(z),
        lambda z, f: np.exp(-(z * z)) - f(f(z)),
        lambda z, f: sf.softmax(z) * f(z).sum(axis=1, keepdims=True),
    ]

    def mapper(z: Any, f: object) -> Any:
        total = f(z) - 0.5 * z
        for k in choices:
            total = total + 0.3 * terms[k](z, f)
        return total

    def step(z: Any, f: object) -> Any:
        return mapper(z.reshape(batch, 2), f).reshape(1, 2, batch) if reshaped else mapper(z, f)

    x = sf.tensor("x", (1, 2, batch) if reshaped else (None, 2))
    layers = sf.layers(f"f1:{depth + 1}", lambda z, w, b: np.tanh(z @ w) + b, w=(2, 2), b=(2,))
    net = sf.fold(step, layers, x)
    loss = weighted_squares(net)
    values = values_of(net, seed=data.draw(st.integers(0, 99)))
    values["x"] = np.resize(values["x"], (1, 2, batch) if reshaped else (batch, 2))
    both = sf.value_and_grad(loss)
    params, inputs = named(values, both)
    assert_same(both.compile("numpy")(params, **inputs), both(values))
    assert sf.check_grad(loss, values) < 1e-5


Tree = str | float | tuple[object, ...]

LEAVES = st.sampled_from(["z", "x", "y", 1, -1, 2, 0.5, -3])
TREES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "/"]), parts, parts),
        st.tuples(st.sampled_from(["neg", "over"]), parts),
        st.tuples(st.just("**"), parts, st.integers(-3, 3)),
    ),
    max_leaves=10,
)
OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
    "neg": operator.neg, "over": lambda a: 1 / a,
}  # fmt: skip


def computed(tree: Tree, names: dict[str, object]) -> object:
    """A tree's value by Python's operators, of nodes as of arrays; of arrays, only where rounding is not magnified."""
    if not isinstance(tree, tuple):
        return names[tree] if isinstance(tree, str) else tree
    symbol, *args = tree
    values = [computed(arg, names) for arg in args]
    if not any(hasattr(value, "_operate") for value in values):
        assume(symbol not in ("/", "over") or np.all(values[-1] != 0))
        assume(symbol != "**" or np.all(values[0] != 0))
    value = OPERATORS[symbol](*values)
    if not hasattr(value, "_operate"):
        assume(np.all((value == 0) | ((np.abs(value) > 1e-3) & (np.abs(value) < 1e3))))
    return value


VALUES = {"z": np.array([0.75, -1.5]), "x": np.array([1.25, 0.5]), "y": np.array([-0.3, 2.5])}


@settings(deadline=None, max_examples=300)
@given(TREES)
@example(("-", "y", ("over", "x")))
@example(("-", 1, ("over", ("+", 1, "x"))))
@example(("-", "y", ("**", "x", -2)))
@example(("*", "y", ("over", ("over", "x"))))
def test_elementwise_arithmetic(tree: Tree) -> None:
    """Whatever is read through (-u in a sum, 1/u in a product), the numbers are those of Python's operators."""
    wanted = computed(tree, VALUES)
    net = sf.Net.of(computed(tree, {name: sf.tensor(name, (2,)) for name in VALUES}))
    given = {node.op.name: VALUES[node.op.name] for node in net.inputs}
    assert_same(net(**given), np.asarray(wanted, dtype=float))
    assert_close({"": net.compile("numpy")({}, **given)}, {"": np.asarray(wanted, dtype=float)}, 1e-9)


@settings(deadline=None, max_examples=150)
@given(TREES, st.booleans(), st.integers(1, 3))
@example(("-", "z", ("over", "z")), False, 3)
@example(("-", "y", ("over", "z")), True, 2)
def test_folds_of_elementwise_arithmetic(tree: Tree, states: bool, depth: int) -> None:
    """The state z in place, by turns or kept, an item y, a captured x."""
    items = [np.array([1.5, -0.5]), np.array([0.25, 2.0]), np.array([-1.25, 3.0])][:depth]
    state, kept = VALUES["z"], []
    for item in items:
        state = np.broadcast_to(computed(tree, {"z": state, "x": VALUES["x"], "y": item}), (2,))
        kept.append(state)
    x, spread = sf.tensor("x", (2,)), np.zeros(2)
    folded = (sf.scan if states else sf.fold)(lambda z, u: computed(tree, {"z": z, "x": x, "y": u}) + spread, items, sf.tensor("z", (2,)))
    given = {node.op.name: VALUES[node.op.name] for node in folded.inputs}
    assert_close({"": folded.compile("numpy")({}, **given)}, {"": np.array(kept if states else state, dtype=float)}, 1e-9)


def test_a_state_is_not_overwritten_before_it_is_read() -> None:
    """Sums of three terms take two calls; the state may be read by the second."""
    for mapper in (
        lambda z, a: sp.tanh(z * a) + sp.sin(a) - z,
        lambda z, a: sp.sin(a) + sp.cos(a) + z,
        lambda z, a: sp.sin(a) * sp.cos(a) / z,
        lambda z, a: np.tanh(z),
        lambda z, a: (z - a) / (1 + z),
    ):
        net = sf.fold(mapper, [0.3, 0.5, 0.7, 0.11], sf.tensor("x", (3,)))
        values = {"x": np.array([0.2, 0.4, 0.9])}
        assert_same(net.compile("numpy")({}, **values), net(values))


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_state_that_is_read_in_another_shape_is_not_overwritten_before_it_is_read(depth: int) -> None:
    """The gradients by b are sums of the state of the backward fold, which its steps read reshaped and transposed."""
    f = sf.layers("f", lambda z, w, b: np.tanh(z @ w) + b, count=depth, w=(3, 3), b=(3,))
    net = sf.fold(lambda z, layer: layer(z.reshape(4, 3)).reshape(1, 4, 3), f, sf.tensor("x", (1, 4, 3)))
    params, loss = net.init(1), (net * np.arange(12.0).reshape(1, 4, 3)).sum()
    slopes, x = sf.grad(loss, wrt=[node.op.name for node in net.params]), np.linspace(-1, 1, 12).reshape(1, 4, 3)
    assert_close(dict(slopes.compile("numpy")(params, x=x)), dict(slopes(params, x=x)), 1e-12)


def test_mistakes_are_named() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    params, run, one, four = net.init(), net.compile(), np.ones((1, 3)), np.ones((1, 4))
    for error, match, call in (
        (InvalidValue, "no value for input 'x'", lambda: run(params)),
        (UnknownName, "unknown input: 'y'", lambda: run(params, x=np.ones((1, 3)), y=1)),
        (ShapeError, r"input 'x' has shape \(None, 3\), got \(1, 4\)", lambda: run(params, x=four)),
        (InvalidType, "not an array of numbers", lambda: run(params, x=["a", "b"])),
        (InvalidValue, "no value for parameter 'W1'", lambda: run({}, x=np.ones((1, 3)))),
        (ShapeError, r"parameter 'W1' has shape \(3, 3\), got \(2, 2\)", lambda: run({**params, "W1": np.ones((2, 2))}, x=one)),
        (InvalidType, "2 values given for 1 inputs", lambda: run(params, 1, 2)),
        (UnknownName, "unknown backend: 'torch'", lambda: net.compile("torch")),
        (NoRule, "opaque", lambda: sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x")).compile()({}, x=1.0)),
    ):
        with pytest.raises(error, match=match):
            call()


def test_unknown_sizes_that_meet_must_be_equal() -> None:
    loss = sf.squared_error(sf.Net.of(sf.tensor("x", (None, 3))), sf.tensor("t", (None, 3)))
    with pytest.raises(ShapeError, match="sizes that meet must be equal"):
        loss.compile()({}, x=np.ones((1, 3)), t=np.ones((5, 3)))


@pytest.mark.parametrize("start", ["x", "u"])
def test_a_value_that_a_loop_captures_is_still_there_after_the_loop(start: str) -> None:
    """u = tanh(x) is read in every step, and once more in 1 - u**2 when the backward loop is done."""
    x = sf.tensor("x", (2, 2))
    u = np.tanh(x)
    net = sf.Net.of(sf.fold(lambda h, w: np.sin(h) * w + u, [1.5, 2.5], {"x": x, "u": u}[start]))
    back = sf.adjoint(net)
    values = {"x": np.array([[0.3, -0.4], [0.5, 1.2]]), "a": np.array([[1.0, 2.0], [-1.0, 0.5]])}
    assert_same(back.compile("numpy")({}, **values)["x"], back(values)["x"])
    read_again = sf.Net.of((net.outputs[0], u * u))
    assert_same(read_again.compile("numpy")({}, x=values["x"]), read_again(x=values["x"]))


@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-14), ("float32", 5e-6)])
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_slopes_are_accurate_far_out(name: str, dtype: str, digits: float) -> None:
    """To the relative precision of the dtype, where 1 - s would have no digit left, and 0 where exp overflows."""
    mpmath = pytest.importorskip("mpmath")
    points = np.array([0.0, 1e-9, 0.5, -0.5, 3.0, -3.0, 17.0, -17.0, 40.0, -40.0])
    slope = sf.grad(sf.Net.of(getattr(sf, name)(sf.tensor("z", points.shape)).sum()), wrt=["z"]).compile("numpy", dtype=dtype)
    (given,) = flatten(slope(z=points))[0]
    with mpmath.workdps(60):
        exact = [1 / (2 * mpmath.cosh(mpmath.mpf(z) / 2)) ** 2 if name == "sigmoid" else mpmath.sech(mpmath.mpf(z)) ** 2 for z in points]
    np.testing.assert_allclose(given, np.array(exact, dtype=float), rtol=digits)
    far = np.array([-np.inf, -1e4, -800.0, -100.0, 100.0, 800.0, 1e4, np.inf, np.nan, 0.0])
    (outer,) = flatten(slope(z=far))[0]
    assert np.all((outer[:8] >= 0) & (outer[:8] < 1e-30)) and np.isnan(outer[8])


def test_copies_of_transposed_weights_are_those_of_each_call() -> None:
    """A long recurrent net multiplies with a copy of W.T; another call has another W."""
    W = sf.parameter("W", (3, 3))
    net = sf.Net.of(sf.fold(lambda h, u: np.tanh(u + h @ W), sf.tensor("u", (50, 2, 3)), sf.tensor("h", (2, 3))))
    both = sf.value_and_grad(weighted_squares(net))
    compiled = both.compile("numpy")
    random = np.random.default_rng(0)
    values = {"u": random.normal(size=(50, 2, 3)), "h": random.normal(size=(2, 3))}
    for _ in range(2):
        weights = {"W": 0.3 * random.normal(size=(3, 3))}
        (value, slope), (wanted, due) = compiled(weights, **values), both(weights, **values)
        np.testing.assert_allclose(value, wanted, rtol=1e-12)
        assert_close(slope, due, 1e-12)
    assert "copyto(w1, v" in compiled.source


@pytest.mark.parametrize("size", [10, 10_000])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_relu_and_its_slope_at_any_size(size: int, dtype: str) -> None:
    """The slope of large arrays is clipped, that of small ones compared: the same numbers, and NaN stays NaN."""
    z = np.resize(np.array([-0.0, 0.0, np.nan, -np.inf, np.inf, 1e-30, -1e-30, 2.0, -3.0]), size)
    net = sf.Net.of(sf.relu(sf.tensor("z", (size,))).sum())
    ((slope,), _), value = flatten(sf.grad(net, wrt=["z"]).compile("numpy", dtype=dtype)(z=z)), sf.Net.of(sf.relu(sf.tensor("z", (size,)))).compile("numpy", dtype=dtype)(z=z)
    np.testing.assert_array_equal(value, np.where(np.isnan(z), z, np.where(z > 0, z, 0)).astype(dtype))
    np.testing.assert_array_equal(slope, np.where(np.isnan(z), z, z > 0))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_of_large_products_are_one_call(dtype: str) -> None:
    """Of values and of squares, over any axes; a value that something else reads is written."""
    x, y = sf.tensor("x", (4, 6, 20, 20)), sf.tensor("y", (4, 6, 20, 20))
    axes: tuple[tuple[int, ...] | None, ...] = (None, (0, 2, 3), (-1,), (1,), (0, 1), (2, 3), (2,), (0, 2), (0, 1, 2))
    sums = [np.sum(value, axis=axis, keepdims=keep) for value in (x, x * y, y**2, x * y + 1) for axis in axes for keep in (True, False)]
    net = sf.Net.of((*sums, np.mean(x * x, axis=(0, 2, 3)), np.sum(x * y * 2, axis=None)))
    random = np.random.default_rng(0)
    values = {name: random.normal(size=(4, 6, 20, 20)).astype(dtype) for name in "xy"}
    for found, wanted in zip(net.compile("numpy", dtype=dtype)(**values), net(**values), strict=True):
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-12 if dtype == "float64" else 1e-4, atol=1e-10 if dtype == "float64" else 2e-3)
    alone = sf.Net.of(np.sum(sf.tensor("x", (64, 9, 16, 16)) ** 2, axis=(0, 2, 3))).compile("numpy").program({"x": (64, 9, 16, 16)})
    assert "multiply" not in alone.source.split("run(")[1]


def test_a_large_relu_keeps_what_it_should() -> None:
    x = np.ones(20_000)
    x[:6] = [-1, -np.inf, np.inf, np.nan, 0, 2]
    (found,) = [sf.Net.of(sf.relu(sf.tensor("x", (20_000,)))).compile("numpy")(x=x)]
    np.testing.assert_array_equal(found[:6], [0, 0, np.inf, np.nan, 0, 2])


def test_one_number_per_channel_meets_images() -> None:
    """Numbers per channel and per sample, repeated before the operation, and what reads them twice."""
    x, rows, samples = sf.tensor("x", (8, 4, 12, 12)), sf.tensor("r", (4, 1, 1)), sf.tensor("s", (8, 1, 1, 1))
    net = sf.Net.of((x - rows) * rows + samples * x / rows)
    random = np.random.default_rng(0)
    values = {leaf.op.name: random.normal(size=leaf.shape) for leaf in net.inputs}
    compiled = net.compile("numpy")
    np.testing.assert_allclose(compiled(**values), net(**values), rtol=1e-12)
    assert "copyto" in compiled.program({name: value.shape for name, value in values.items()}).source


@pytest.mark.parametrize("size", [10, 1_000, 10_000])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_comparison_with_a_number_at_any_size(size: int, dtype: str) -> None:
    """By an array of the number or by `clip`: the same numbers, and NaN stays NaN."""
    z = np.resize(np.array([-0.0, 0.0, np.nan, -np.inf, np.inf, 0.25, -0.25, 2.0, -3.0]), size).astype(dtype)
    x = sf.tensor("x", (size,))
    above, below = sf.Net.of((np.maximum(x, 0.25), np.minimum(-0.25, x))).compile("numpy", dtype=dtype)(x=z)
    np.testing.assert_array_equal(above, np.maximum(z, 0.25))
    np.testing.assert_array_equal(below, np.minimum(-0.25, z))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_softmax_of_rows(dtype: str) -> None:
    z = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(dtype) * 50
    z[0, 0, 1], z[1, 1, 1], z[2, 2] = -np.inf, np.nan, 1e30
    net = sf.Net.of(sf.softmax(sf.tensor("z", z.shape)))
    np.testing.assert_allclose(net.compile("numpy", dtype=dtype)(z=z), net(z=z.astype("float64")), rtol=1e-12 if dtype == "float64" else 1e-4, atol=np.finfo(dtype).tiny)
