"""What makes work cost the same at any depth: what is looked at, held and written does not grow with it."""

import gc
import itertools
import math
import pickle
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.analysis.counting.truncated import Truncated
from symfold.compute.backends.numpy import program
from symfold.compute.parameters import layout_of, parameters_of
from symfold.core.folds import apply_fold, is_fold
from symfold.core.nodes import walk
from symfold.core.sequences import take
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.errors import TooLarge
from symfold.show.notation import repeats, writing
from symfold.show.notation.expanded import stream, terms_of
from symfold.show.notation.sizes import matrix_power
from symfold.show.notation.styles import STYLES
from symfold.show.notation.terms import Name, Term
from symfold.transform import inlining
from symfold.transform.autodiff import derivatives
from symfold.transform.passes import hoisting
from symfold.transform.repeats import search

x = sf.tensor("x")
rows = sf.tensor("x", (None, 3))
DEPTH = 37  # no other size is that


def dense(depth, mapper=sf.mappers.residual):
    return sf.fold(mapper, sf.layers("f", sf.dense(3, 3, sf.sigmoid), count=depth), rows)


@pytest.fixture
def unlisted(monkeypatch):
    """Numbered names that may not be listed."""

    def refused(self):
        raise AssertionError(f"{self} was listed")

    monkeypatch.setattr(Numbered, "__iter__", refused)


@pytest.mark.parametrize(("wrt", "outputs"), [(None, 2), ("x", 1), (["W3", "b500000"], 2)])
def test_no_gradient_lists_the_names_of_a_family(unlisted, wrt, outputs):
    loss = sf.squared_error(dense(10**6), sf.tensor("t", (None, 3)))
    assert len(sf.grad(loss, wrt).outputs) == outputs


def test_parameters_in_one_buffer_are_taken_over_without_their_names(unlisted):
    net = dense(1000)
    params = net.init(0)
    assert np.array_equal(parameters_of(params, layout_of(net)).flat, params.flat)


def test_normal_forms_of_families_in_another_order_list_no_names(unlisted):
    boosting = sf.mappers.boosting(rows)
    layers = sf.layers("f", sf.dense(3, 3, sf.tanh), count=10**6)
    begun, apart = sf.fold(boosting, layers, rows), rows + sf.fold(boosting, layers, 0)
    assert len(sf.roll(apart).leaves) == len(apart.leaves)
    assert sf.compare(begun, apart).verdict.equal


@pytest.mark.slow
def test_groups_and_all_that_is_asked_of_them_list_no_names(unlisted):
    net = sf.grouped(dense(10**6), 10)
    assert len(sf.grad(sf.squared_error(net, sf.tensor("t", (None, 3)))).outputs) == 20
    assert (sf.cost(net).work, sf.cost(net).span) == (10**6, 10**5)
    assert sf.paths(net).through("f7").mean == 1 + (10**5 - 1) * Fraction(10, 11)
    assert str(sf.adjoint(sf.grouped(sf.fold(sf.mappers.residual, sf.layers("f", count=10**6), x), 2))).splitlines()[1].startswith("a_{k-1} = a_k + f_{2*k-1}'")


@pytest.mark.parametrize("style", STYLES)
def test_every_shared_term_of_a_formula_is_taken_apart_once(style):
    for depth in (100, 200):
        term = terms_of(sf.fold(sf.mappers.residual, sf.layers("f", count=depth), x))[0]
        parts_of = writing._taken_apart(term, STYLES[style])
        assert len(parts_of) <= 4 * depth + 4
        assert all(len(part) <= 3 * writing.SHORT for parts in parts_of.values() for part in parts if isinstance(part, str))


@pytest.mark.parametrize("mapper", [sf.mappers.residual, sf.mappers.multiplicative, lambda z, f: -f(z) - 2 * z, lambda z, f: f(z) * (1 - z) / (2 * z)])
@pytest.mark.parametrize("style", STYLES)
def test_parts_say_what_is_written_without_short_texts(monkeypatch, mapper, style):
    net = sf.fold(mapper, sf.layers("f1:7"), x)
    filled = "".join(stream(net, style))
    monkeypatch.setattr(writing, "SHORT", -1)
    assert "".join(stream(net, style)) == filled


LINEAR = {
    "feedforward": sf.mappers.feedforward,
    "boosting": sf.mappers.boosting(x),
    "in front": lambda z, f: f(x) + z,
    "after a sign": lambda z, f: f(x) - z,
    "signs": lambda z, f: -z - f(x),
    "a product": lambda z, f: z * f(x),
    "a product in brackets": lambda z, f: (z + f(x)) * sf.tensor("y"),
    "a quotient": lambda z, f: f(x) / z,
    "powers": lambda z, f: 2 / (z + f(x)) ** 2,
    "a function": lambda z, f: sf.exp(-z) * f(x),
    "numbers": lambda z, f: 3 * f(z / 2) + 1,
    "twice": lambda z, f: f(f(z)),
    "a sign alone": lambda z, f: -f(z),
    "a sign taken out": lambda z, f: -(z * f(x)),
    "an operand again": lambda z, f: sf.tanh(z) + f(sf.tensor("y")) + 2 * x,
    "nothing before": lambda z, f: f(x),
    "nothing": lambda z, f: z,
}


@pytest.mark.parametrize("layers", [sf.layers("f", count=117), sf.layers("f97:137"), sf.layers("gate_2_", count=33), [sf.layer(f"g{k}_") for k in range(40)]])
@pytest.mark.parametrize("mapper", LINEAR.values(), ids=LINEAR)
@pytest.mark.parametrize("style", STYLES)
def test_like_steps_are_written_as_one_by_one(monkeypatch, mapper, layers, style):
    net = sf.fold(mapper, layers, x)
    filled = "".join(stream(net, style))
    monkeypatch.setattr(repeats, "MANY", 10**9)
    assert "".join(stream(net, style)) == filled


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("prefix", ["f", "W", "alpha", "gate", "x2_", "W_"])
@pytest.mark.parametrize("shape", [(3,), (NAME,)], ids=["parameters", "layers"])
def test_names_filled_in_are_names_written(style, prefix, shape):
    written, family = STYLES[style], StackedInputs(Numbered(prefix, 0, 1200), shape)
    names = [written.name(Name(f"{prefix}{k}", layer=shape == (NAME,))) for k in range(1200)]
    assert repeats.words(family, 0, 1200, written) == names


@pytest.mark.parametrize("mapper", ["feedforward", "boosting", "in front", "a quotient", "numbers"])
def test_a_long_formula_is_made_of_few_terms(unlisted, monkeypatch, mapper):
    made = []
    monkeypatch.setattr(Term, "__init__", lambda self, op, args=(), plain=Term.__init__: made.append(op) or plain(self, op, args))
    text = "".join(stream(sf.fold(LINEAR[mapper], sf.layers("f", count=20_000), x)))
    assert len(made) < 300 and text.count("f19999(") == text.count("f7777(") == 1


def test_a_deep_stream_holds_little_of_what_it_writes():
    net = sf.fold(sf.mappers.residual, sf.layers("f", count=2000), x)
    tracemalloc.start()
    total = sum(map(len, itertools.islice(stream(net), 2000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 8 * peak


@pytest.mark.parametrize("row", [[2, 1, 5], [1, 3, 0], [3, 0, 0], [6, 2, 1], [0, 4, 1]])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 40])
def test_the_power_of_one_row_is_that_of_the_matrix(row, count):
    matrix = np.array([row, [0, 1, 0], [0, 0, 1]], dtype=object)
    expected = np.identity(3, dtype=object)
    for _ in range(count):
        expected = matrix.dot(expected)
    assert matrix_power([row], 1, count)[0] == expected[0].tolist()


@pytest.mark.parametrize("mapper", [sf.mappers.residual, lambda z, f: z + 2 * f(z) + f(f(z)), lambda z, f: z / 3 - f(z) / 7])
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_never_work_out_the_count(mapper, weighted):
    """At a depth at which it would fill all memory; a step's lengths add up, so mean and variance are those of one step times the depth."""
    deep, one = (sf.paths(sf.fold(mapper, sf.layers("f", count=depth), x), weighted) for depth in (10**15, 1))
    assert (deep.mean, deep.variance) == (10**15 * one.mean, 10**15 * one.variance)
    assert deep.without(["f1", "f7"]).mean == (10**15 - 2) * one.mean + 2 * one.without("f1").mean


@pytest.mark.parametrize("parts", [(2, 1, 1), (-3, 2, 0), (0, 2, 5), (1, 0, 4), (0, 0, 1), (0, 0, 0), (7, 0, 0)])
@pytest.mark.parametrize("below", [1, 2, 3, 12])
@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 8, 41])
def test_a_power_of_a_series_is_the_product(parts, below, exponent):
    series, expected = Truncated(parts, {below: -1} if below > 1 else {}), Truncated((1, 0, 0))
    for _ in range(exponent):
        expected = expected * series
    assert (series**exponent).fractions == expected.fractions


ROWS = 20_000  # more than those few numbers that a program holds for all steps, to save calls


def lstm(depth):
    """A stack of cells, each with its own weights."""
    cells = sf.layers("f", lambda h, c, A, b: sf.sigmoid(np.dot(h, A) + b) * c, A=(3, 3), b=(1, 3), count=depth)
    return sf.fold(lambda s, f: (sf.tanh(f(*s)), f(*s)), cells, (sf.tensor("h", (None, 3)), sf.tensor("c", (None, 3))))


@pytest.mark.parametrize("made", [dense, lambda depth: dense(depth, sf.mappers.multiplicative), lstm])
def test_evaluation_makes_no_buffer_with_an_entry_a_step(monkeypatch, made):
    """Where every layer reads the state, all that has the depth as a size are the parameters and what is made of them alone, as -b."""
    bound = []
    monkeypatch.setattr(program, "namespace", lambda source, plain=program.namespace: bound.append(dict(source.arrays)) or plain(source))
    net = made(DEPTH)
    compiled = net.compile("numpy")
    compiled(net.init(0), *[np.ones((ROWS, 3)) for _ in net.inputs])
    (arrays,) = bound
    shapes = [value for value in arrays.values() if isinstance(value, tuple)]
    assert shapes and not any({DEPTH, ROWS} <= {*shape} for shape in shapes)
    assert len(compiled.source) == len(_source(made(10 * DEPTH)))


def _source(net):
    compiled = net.compile("numpy")
    compiled(net.init(0), *[np.ones((ROWS, 3)) for _ in net.inputs])
    return compiled.source


def boosted(depth):
    return dense(depth, sf.mappers.boosting(rows))


def elman(depth):
    """One layer over a sequence of inputs, whose projections wait for no step."""
    layer = sf.layer("f", lambda h, u, A, B, b: sf.tanh(np.dot(h, A) + np.dot(u, B) + b), A=(3, 3), B=(3, 3), b=(1, 3))
    return sf.fold(lambda h, u: layer(h, u), sf.tensor("u", (depth, 5, 3)), sf.tensor("h", (5, 3)))


def gated(depth):
    """Two states, of which one reads what waits for neither; another operand is the same in all steps."""
    layers = sf.layers("g", lambda z, A: sf.sigmoid(np.dot(z, A)), A=(3, 3), count=depth)
    return sf.fold(lambda s, f: (s[0] * f(rows) + s[1], s[1] - f(s[0]) * sf.tensor("w", (3,))), layers, (rows, sf.tensor("c", (None, 3))))


def nested(depth):
    inner = sf.layers("f", sf.dense(3, 3, sf.tanh), count=3)
    return sf.fold(lambda z, u: sf.fold(sf.mappers.residual, inner, z + sf.sigmoid(u)), sf.tensor("u", (depth, 5, 3)), sf.tensor("h", (5, 3)))


def fed(net, batch=5):
    given = np.random.default_rng(1)
    return {node.op.name: given.normal(size=[size if isinstance(size, int) else batch for size in node.shape]) for node in net.inputs}


@pytest.mark.parametrize("held", [1, 10**9])
@pytest.mark.parametrize("depth", [2, 3, 11, 24, DEPTH])
@pytest.mark.parametrize("made", [boosted, elman, gated, nested, lstm])
def test_steps_in_groups_give_what_the_steps_give(monkeypatch, made, depth, held):
    monkeypatch.setattr(hoisting, "MEMORY", held)
    monkeypatch.setattr(hoisting, "FEWEST", 4)
    net = made(depth)
    params, inputs = net.init(0), fed(net)
    for found, expected in zip(_listed(net.compile(backend="numpy")(params, **inputs)), _listed(net({**params, **inputs})), strict=True):
        assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


def _listed(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


@pytest.mark.parametrize("made", [boosted, elman, gated])
def test_evaluation_holds_as_many_numbers_at_any_depth(monkeypatch, made):
    """Also where a step does not wait for the one before it: what is done for many steps at once is done for some at a time."""
    monkeypatch.setattr(hoisting, "MEMORY", 15 * 32)
    sizes = [_held_by(monkeypatch, made(depth)) for depth in (320, 3200)]
    assert sizes[0] == sizes[1] > 0


def _held_by(monkeypatch, net):
    """The numbers that a program makes room for."""
    made = []

    def counted(source, plain=program.namespace):
        names = plain(source)
        return {**names, "empty": lambda shape: made.append(np.prod(shape)) or np.empty(shape)}

    with monkeypatch.context() as patch:
        patch.setattr(program, "namespace", counted)
        net.compile(backend="numpy")(net.init(0), **fed(net))
    return sum(made)


def test_a_chain_by_hand_asks_sympy_and_opens_a_body_once(monkeypatch):
    lifted, opened_bodies = [], []
    derivatives._program.cache_clear()
    monkeypatch.setattr(derivatives, "expression_as_node", lambda *given, plain=derivatives.expression_as_node: lifted.append(given) or plain(*given))
    monkeypatch.setattr(inlining, "rebuilt", lambda roots, rule, plain=inlining.rebuilt: opened_bodies.append(roots) or plain(roots, rule))
    z = rows
    for f in sf.layers("f", sf.dense(3, 3, sf.tanh), count=40):
        z = np.sin(f(z)) + z
    assert len(sf.adjoint(z).outputs) == 81
    assert len(lifted) == 2 and len(opened_bodies) <= 2  # tanh and sin; the chain, and the body of its layers if it is new


@pytest.mark.parametrize("symbol", [sp.Symbol("n"), sp.Symbol("n", integer=True, positive=True)])
def test_the_symbol_of_the_depth_in_a_mapper_is_that_depth(symbol: sp.Symbol) -> None:
    x, deep = sf.tensor("x"), sf.layers("f", count="n")
    net = sf.fold(lambda z, f: f(z) / symbol + sp.sqrt(symbol) * z, deep, x)
    assert net.inputs == (x,) and sf.from_json(net.to_json()) == net == pickle.loads(pickle.dumps(net))
    assert sf.formula(net) == "z_k = f_k(z_{k-1})/n + sqrt(n)*z_{k-1}, k = 1..n, z_0 = x"
    assert sf.paths(net).polynomial == (sp.Symbol("t") + 1) ** sp.Symbol("n", integer=True, positive=True)
    bodies = {f"f{k}": np.tanh for k in range(1, 5)}
    written = sf.fold(lambda z, f: f(z) / 4 + 2 * z, sf.layers("f1:5"), x)
    assert net.at(n=4).bind(bodies)(x=0.3) == pytest.approx(written.bind(bodies)(x=0.3).item(), rel=1e-15)
    with pytest.raises(sf.errors.InvalidValue, match="the depth n is a symbol"):
        net(x=0.3)
    assert sf.fold(lambda z, f: f(z) * sf.tensor("n"), deep, x).inputs == (x, sf.tensor("n"))  # an input of that name stays one


@pytest.mark.parametrize("inner", [sf.fold, lambda mapper, items, z: sf.scan(mapper, items, z).outputs[0].sum(axis=0)], ids=["fold", "scan"])
def test_the_symbol_of_any_depth_is_that_depth_in_nested_folds_and_outside(inner) -> None:
    """The net at numbers of steps is the net written with these numbers."""

    def net(n, m):
        def step(z, f):
            return inner(lambda y, h: h(y) / n + f(y) * m, sf.layers("h", count=m), z) / m + z / n

        return sf.Net.of(sf.fold(step, sf.layers("f", count=n), sf.tensor("x")) / n / m)

    symbolic = net(*sp.symbols("n m"))
    assert symbolic.inputs == (sf.tensor("x"),) and sf.from_json(symbolic.to_json()) == symbolic
    bodies = {"f": np.tanh, "h": np.sin}
    for n, m in [(1, 1), (2, 3), (3, 2)]:
        written = net(n, m).bind(bodies)(x=0.3)
        assert symbolic.at(n=n, m=m).bind(bodies)(x=0.3) == pytest.approx(written.item(), rel=1e-14)


def test_a_symbol_in_a_nested_fold_is_the_parameter_of_its_name_in_the_outer_one() -> None:
    w = sf.parameter("w")
    net = sf.fold(lambda z, f: sf.fold(lambda y, _: f(y) * sp.Symbol("w"), range(2), z) * w, sf.layers("f", count=3), sf.tensor("x"))
    assert net.params == (w,) and net.inputs == (sf.tensor("x"),)
    mean = sf.Net.of(sf.fold(lambda z, f: f(sf.tensor("x")) + z, sf.layers("f", count="n"), 0) / sp.Symbol("n"))
    assert sf.formula(mean) == "z_k = f_k(x) + z_{k-1}, k = 1..n, z_0 = 0\ny = z_n/n"


def test_folds_of_any_depth_over_numbered_layers_are_merged_at_once():
    """f1, ..., f_n and the layers after them are one run of names; others would have to be listed one by one."""
    depth = 10**15
    whole = sf.Net.of(sf.fold(sf.mappers.residual, sf.layers("f", count=2 * depth), x))
    (fold,) = whole.bindings
    start, names = fold.args

    def halves(second):
        state = apply_fold(fold.op.block, depth, [start], [take(names, range(depth))], [True])
        return sf.Net(apply_fold(fold.op.block, depth, state, [second], [True]))

    assert sf.roll(halves(take(names, range(depth, 2 * depth)))) == whole
    with pytest.raises(TooLarge, match=r"neighboring folds of 1,000,000,000,000,000, .* \(take a smaller depth\)"):
        sf.roll(halves(take(names, range(depth))))


# ---------------------------------------------------------------- nets without a fold


def chained(operations):
    z, w = rows, sf.tensor("w", (3,))
    for _ in range(operations // 3):
        z = np.tanh(z) * w + z
    return z


def own_parameters(operations):
    z = rows
    for k in range(operations // 3):
        z = np.tanh(z) * sf.parameter(f"w{k}", (3,)) + z
    return z


def wide_sum(operations):
    return sum((np.tanh(rows * (1 + k / operations)) for k in range(operations // 3)), rows)


def branching(operations):
    a, b, w = rows, rows, sf.tensor("w", (3,))
    for _ in range(operations // 6):
        a, b = np.tanh(a) * w + b, np.cos(-b) * a
    return a + b


def irregular(operations):
    """Operations in no order that repeats."""
    z, w, draws = rows, sf.tensor("w", (3,)), np.random.default_rng(0)
    for choice in draws.integers(6, size=operations // 2):
        z = [np.sin, np.tanh, sf.sigmoid, lambda z: z * w, lambda z: z - rows, sf.softsign][choice](z) + w
    return z


WRITTEN = [chained, own_parameters, wide_sum, branching, irregular]


def gradient_of(net):
    return sf.value_and_grad(np.sum(net), [leaf.op.name for leaf in (*net.inputs, *net.params)])


@pytest.mark.parametrize("backend", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("written", WRITTEN)
def test_long_nets_are_folded_or_cut_without_a_change_of_their_numbers(written, backend, monkeypatch):
    """The interpreter, which does neither, is the oracle; steps and parts are made short, so that a small net is a long one."""
    net = sf.Net.of(written(66))
    draws = np.random.default_rng(1)
    values = {leaf.op.name: draws.normal(size=[2 if size is not None and not isinstance(size, int) else size for size in leaf.shape]) / 2 for leaf in (*net.inputs, *net.params)}
    wanted = [net(**values), *gradient_of(net)(**values)[1].values()]
    if backend == "native":
        monkeypatch.setattr(pytest.importorskip("symfold.compute.backends.native.body"), "LONGEST", 7)
        monkeypatch.setenv("SYMFOLD_CACHE", "")
    for least in (10, math.inf):  # folded, and as it is written
        monkeypatch.setattr(search, "WRITTEN_OUT", least)
        monkeypatch.setattr(search, "MANY", 8)
        for made in (net, gradient_of(net)):
            assert any(map(is_fold, walk(made.compile(backend).net.outputs))) == (least == 10 and written is not irregular)
        gradient = gradient_of(net).compile(backend)(**values)[1]
        assert list(gradient) == list(values)
        given = [net.compile(backend)(**values), *gradient.values()]
        for one, other in zip(given, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12 * np.max(np.abs(other)))


@pytest.mark.slow
@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize(("backend", "folded", "operations"), [("numpy", True, 2_500), ("numpy", False, 2_500), ("native", False, 400)])
def test_compiling_a_net_without_a_fold_takes_time_in_proportion_to_its_length(backend, folded, operations, written, gradient, monkeypatch):
    """Four times the operations take at most eight times as long: steps over all pairs would take sixteen. Garbage is collected outside."""
    if backend == "native":
        pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
        monkeypatch.setenv("SYMFOLD_CACHE", "")
    if not folded:
        monkeypatch.setattr(search, "WRITTEN_OUT", math.inf)

    def seconds(operations):
        gc.collect()
        gc.disable()
        try:
            start = time.process_time()
            net = sf.Net.of(written(operations))
            if gradient:
                net = gradient_of(net)
            compiled = net.compile(backend)
            compiled({leaf.op.name: np.zeros(3) for leaf in net.params}, **{leaf.op.name: np.zeros((2, 3) if leaf.op.name == "x" else 3) for leaf in net.inputs})
            return time.process_time() - start
        finally:
            gc.enable()

    seconds(300)  # first calls fill caches
    small, large = [], []
    while not large or (len(large) < 3 and min(large) > 8 * min(small)):  # again only if noise may have decided
        small.append(seconds(operations))
        large.append(seconds(4 * operations))
    assert min(large) <= 8 * min(small)


@pytest.mark.parametrize("mapper", [sf.mappers.residual, sf.mappers.feedforward, lambda z, f: f(z) * z], ids=["residual", "feedforward", "product"])
def test_at_depth_0_a_net_is_its_start(mapper) -> None:
    start = sf.tensor("x", (None, 3)) + 1
    net = sf.fold(mapper, sf.layers("f", sf.dense(3, 3), count="n"), start)
    out = sf.layer("out", sf.dense(3, 2))
    assert net.at(n=0) == sf.fold(mapper, sf.layers("f", sf.dense(3, 3), count=0), start) == sf.Net.of(start)
    assert out(net).at(n=0) == sf.Net.of(out(start))
    assert sf.paths(net.at(n=0)).polynomial == 1


def test_gradients_of_no_layers_are_refused_with_the_call_to_write() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3), count="n"), sf.tensor("x", (None, 3)))
    with pytest.raises(sf.errors.InvalidValue, match=r"there is no W1, ..., Wn.*sf.grad\(loss.at\(n=0\)\)"):
        sf.adjoint(net).at(n=0)
    with pytest.raises(sf.errors.InvalidValue, match="depth n=-1 must be a whole number, at least 0"):
        net.at(n=-1)
