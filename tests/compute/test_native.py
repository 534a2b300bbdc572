"""The native backend: equal to interpretation on every case, in both types; errors of its functions in ulps; its cache; its trainings."""

import ctypes
import dataclasses
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from cases import CASES, Case, values_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import assert_close, weighted_squares
from strategies import nets

import symfold as sf
from symfold.base.trees import flatten
from symfold.core.conversion import as_node
from symfold.core.folds import Fold
from symfold.core.functions import relu, sigmoid, softplus, step
from symfold.core.nodes import Node, walk
from symfold.core.primitives import (
    Apply,
    at_max,
    causal,
    convolution,
    einsum,
    embed,
    expand,
    permute,
    windows,
)
from symfold.errors import Diverged, InvalidValue, MissingPackage, NoRule, OutOfRange
from symfold.transform.inlining import inlined
from symfold.transform.specialize import with_shapes

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")

from symfold.compute.backends.choice import automatic
from symfold.compute.backends.native import disk_cache, machine, products, threads
from symfold.compute.backends.native import module as native_module
from symfold.compute.backends.native.approximations import ULPS
from symfold.compute.backends.native.code import Code
from symfold.compute.backends.native.functions import ROWS
from symfold.compute.backends.native.machine import Loaded, compiled
from symfold.compute.backends.native.processors import present, processor, runnable
from symfold.compute.backends.native.program import Program
from symfold.compute.backends.native.rewriting import rewritten
from symfold.compute.backends.native.training import Training
from symfold.compute.backends.table import BACKENDS

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYMFOLD_CACHE", str(folder))
        yield folder


def split(net: sf.Net, values: dict[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    parameters = {node.op.name for node in net.params}
    return {k: v for k, v in values.items() if k in parameters}, {k: v for k, v in values.items() if k not in parameters}


def assert_alike(given: object, wanted: object, tolerance: float = 1e-12) -> None:
    left, right = flatten(given)[0], flatten(wanted)[0]
    assert [np.shape(part) for part in left] == [np.shape(part) for part in right]
    assert_close(dict(enumerate(left)), dict(enumerate(right)), tolerance)  # type: ignore[arg-type]


# ---------------------------------------------------------------- numbers


@cases
@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("what", ["values", "gradients"])
def test_compiled_is_interpreted(case: Case, depth: int, what: str) -> None:
    values = case.values(depth)
    net = case.build(depth) if what == "values" else sf.value_and_grad(weighted_squares(case.build(depth)), wrt=list(values))
    params, inputs = split(net, values)
    run = net.compile("native")
    for _ in range(2):  # the memory of the first run is used again by the second
        assert_alike(run(params, **inputs), net(values))


@cases
def test_single_precision(case: Case) -> None:
    values = case.values(3)
    net = sf.value_and_grad(weighted_squares(case.build(3)))
    params, inputs = split(net, values)
    assert_alike(net.compile("native", dtype="float32")(params, **inputs), net(values), 2e-4)


@settings(max_examples=40)
@given(nets(), st.integers(1, 20), st.integers(0, 99))
def test_random_nets(net: sf.Net, batch: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = {
        node.op.name: random.normal(size=[size if isinstance(size, int) else batch for size in node.shape], scale=0.7) for node in (*net.inputs, *net.params)
    }
    both = sf.value_and_grad(weighted_squares(net))
    params, inputs = split(both, values)
    assert_alike(both.compile("native")(params, **inputs), both.compile("numpy")(params, **inputs), 1e-10)


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.sampled_from(["residual", "boosting", "elman"]))
@example(10, 3, 3, "residual")  # samples innermost, padded
@example(33, 70, 2, "residual")  # tiles with columns and rows left over
@example(40, 1, 2, "elman")
def test_sizes_that_fill_no_vector(batch: int, width: int, depth: int, name: str) -> None:
    x, layers = sf.tensor("x", (None, width)), sf.layers(f"f1:{depth + 1}", sf.dense(width, width, sf.sigmoid))
    net = {
        "residual": lambda: sf.fold(sf.mappers.residual, layers, x),
        "boosting": lambda: sf.fold(sf.mappers.boosting(x), layers, x),
        "elman": lambda: sf.fold(lambda h, v: np.tanh(np.dot(h, sf.parameter("U", (width, width))) + v), [x] * depth, x),
    }[name]()
    values = values_of(net)
    values["x"] = np.random.default_rng(1).normal(size=(batch, width))
    both = sf.value_and_grad(weighted_squares(net), wrt=list(values))
    params, inputs = split(both, values)
    assert_alike(both.compile("native")(params, **inputs), both.compile("numpy")(params, **inputs), 1e-11)


ARRANGED: dict[str, Callable[[sf.Net], object]] = {
    "sum over an axis": lambda x: x.sum(axis=0),
    "mean with axes kept": lambda x: np.mean(x, axis=1, keepdims=True) * x,
    "softmax": lambda x: sf.softmax(x),
    "softmax over the samples": lambda x: sf.softmax(x, axis=0),
    "logsumexp": lambda x: sf.logsumexp(x, axis=1),
    "concatenate": lambda x: np.concatenate([x, np.sin(x)], axis=1),
    "transpose": lambda x: np.transpose(x) * 2,
    "a slice": lambda x: x[:, 1:4] ** 2,
    "one column": lambda x: x[:, 2] * x[:, 0],
    "reshape": lambda x: np.reshape(x, (7, 15)) + 1,
    "gram matrix": lambda x: np.dot(np.transpose(x), x),
    "matrix and vector": lambda x: np.dot(x, np.arange(5.0)),
    "vector and matrix": lambda x: np.dot(np.arange(21.0), x),
    "maximum and minimum": lambda x: np.maximum(x, np.minimum(x**2, 0.5)),
    "powers": lambda x: x**3 + (1 + x**2) ** 0.5 + (2 + x**2) ** -1.5 + (1 + x**2) ** 0.3,
}


@pytest.mark.parametrize("function", ARRANGED.values(), ids=ARRANGED.keys())
def test_what_is_neither_elementwise_nor_a_fold(function: Callable[[object], object]) -> None:
    net = sf.Net.of(function(sf.tensor("x", (21, 5))))
    both = sf.value_and_grad(weighted_squares(net), wrt=["x"])
    values = {"x": np.random.default_rng(3).normal(size=(21, 5))}
    assert_alike(net.compile("native")({}, **values), net(values))
    assert_alike(both.compile("native")({}, **values), both(values), 1e-11)


# ---------------------------------------------------------------- the zoo, and the primitives that it needs

ARCHITECTURES = {name: row.net(3, 4) for name, row in sf.mappers.ARCHITECTURES.items()}
architectures = pytest.mark.parametrize("net", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())


@architectures
@pytest.mark.parametrize("what", ["values", "gradients"])
def test_every_architecture(net: sf.Net, what: str) -> None:
    values = values_of(net)
    both = net if what == "values" else sf.value_and_grad(weighted_squares(net), wrt=list(values))
    params, inputs = split(both, values)
    run = both.compile("native")
    for _ in range(2):
        assert_alike(run(params, **inputs), both.compile("numpy")(params, **inputs), 1e-12)


@architectures
def test_every_architecture_trains(net: sf.Net) -> None:
    """In float64 as in NumPy; in float32 to its accuracy, over few steps."""
    values = values_of(net)
    loss = weighted_squares(net)
    params, inputs = split(loss, values)
    fitted = [
        sf.fit(loss, params, batches=[inputs], optimizer=sf.sgd(1e-5), epochs=3, backend=backend, dtype=dtype)
        for backend, dtype in (("numpy", "float64"), ("native", "float64"), ("native", "float32"))
    ]
    for found, tolerance in zip(fitted[1:], (1e-10, 1e-4), strict=True):
        np.testing.assert_allclose(found.history.loss, fitted[0].history.loss, rtol=tolerance)
        np.testing.assert_allclose(found.params.flat, fitted[0].params.flat, rtol=tolerance, atol=tolerance)


NUMBERS = np.array([[4, 0, 4], [2, 2, 1]])
TIES = np.round(np.random.default_rng(5).normal(size=(3, 2, 7, 9)))  # whole numbers: most windows hold their largest entry twice


def seen(x: Node, kernel: tuple[int, ...], stride: int = 1, padding: int = 0, dilation: int = 1, fill: float = 0.0) -> Node:
    rank = len(kernel)
    return windows(x, kernel=kernel, stride=(stride,) * rank, padding=(padding,) * rank, dilation=(dilation,) * rank, fill=fill)


def geometry(stride: Any, padding: Any, dilation: Any) -> dict[str, Any]:
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1}


# functions of a value (3, 2, 7, 9)
PICTURES: dict[str, Callable[[Node], object]] = {
    "windows": lambda x: seen(x, (2, 3)) ** 2,
    "windows with strides": lambda x: sf.tanh(seen(x, (2, 3), stride=2)),
    "windows with padding": lambda x: sf.tanh(seen(x, (3, 3), padding=1)),
    "windows with dilation": lambda x: sf.tanh(seen(x, (2, 3), dilation=3)),
    "windows with all of it": lambda x: sf.tanh(seen(x, (2, 3), stride=2, padding=2, dilation=2)),
    "windows with another edge": lambda x: sf.exp(seen(x, (2, 2), padding=1, fill=-np.inf)),
    "windows along one axis": lambda x: seen(x, (4,), stride=3, padding=2) ** 2,
    "windows that leave entries out": lambda x: seen(x, (1, 2), stride=3) ** 2,
    "windows of all axes": lambda x: seen(x, (2, 2, 2, 3)) ** 2,
    "axes in another order": lambda x: permute(x**2, axes=(-2, -4, -1, -3)) * np.arange(2.0),
    "a convolution": lambda x: sf.tanh(convolution(x, as_node(np.random.default_rng(1).normal(size=(5, 2, 3, 3))), **geometry((1, 1), (1, 1), (1, 1)))),
    "a convolution with strides": lambda x: sf.tanh(convolution(x, as_node(np.random.default_rng(1).normal(size=(5, 2, 3, 2))), **geometry((2, 1), (0, 1), (1, 2)))),
    "largest pixels": lambda x: sf.max_pool(x) ** 2,
    "largest pixels of overlapping windows": lambda x: np.max(seen(x, (3, 3), padding=1, fill=-np.inf), axis=(-2, -1)) ** 2,
    "mean pixels": lambda x: sf.mean_pool(x, 3) ** 2,
    "the largest of each row": lambda x: np.max(x, axis=-1) ** 2,
    "the largest of each sample, kept": lambda x: np.max(x, axis=0, keepdims=True) * x,
    "the largest along axes apart": lambda x: np.max(x, axis=(0, 2)) ** 2,
    "the largest of all": lambda x: np.max(x) ** 2,
    "cumulative sums along the last axis": lambda x: np.cumsum(x, axis=-1) * x,
    "cumulative sums along the second": lambda x: np.cumsum(x, axis=1) * x,
    "cumulative sums of samples": lambda x: np.cumsum(x, axis=0) * x,
    "a mask": lambda x: sf.softmax(x + causal(x)),
    "rows by numbers": lambda x: embed(permute(x, axes=(-1, -4, -3, -2)), NUMBERS) ** 2,
    "rows by numbers of samples": lambda x: embed(as_node(np.random.default_rng(2).normal(size=(2, 4))), Node(step, (x,))) * expand(x, axis=-1),
    "numbers by numbers": lambda x: embed(np.reshape(x, (-1,)), NUMBERS) ** 2,
}
SUMS = ["abcd,ce->abed", "abcd,abed->ace", "abcd,abcd->ab", "abcd,ac->bd", "abcd,d->abcd", "abcd,ef->abcdef", "abcd,dc->ab", "abcd->cadb", "abcd,abcd->abcd", "abcd,abcd->",
        "abcd,ce,ef->abdf", "abcd,bce,de,ad->eab", "d,abcd->cba"]  # fmt: skip
SIZES = dict(zip("abcdef", (3, 2, 7, 9, 4, 5), strict=True))


def contracted(subscripts: str) -> Callable[[Node], object]:
    def function(x: Node) -> object:
        operands = subscripts.split("->")[0].split(",")
        random = np.random.default_rng(4)
        return sf.tanh(einsum(*[x if one == "abcd" else random.normal(size=[SIZES[letter] for letter in one]) for one in operands], subscripts=subscripts)) + 1

    return function


PICTURES |= {f"einsum {subscripts}": contracted(subscripts) for subscripts in SUMS}
pictures = pytest.mark.parametrize("function", PICTURES.values(), ids=PICTURES.keys())


def squares_and_gradient(function: Callable[[Node], object]) -> sf.Net:
    return sf.value_and_grad((sf.Net.of(function(sf.tensor("x", TIES.shape))).outputs[0] ** 2).sum(), wrt=["x"])


@pictures
@pytest.mark.parametrize("ties", [False, True])
def test_windows_maxima_masks_rows_and_sums_over_names(function: Callable[[Node], object], ties: bool) -> None:
    both = squares_and_gradient(function)
    x = TIES if ties else np.random.default_rng(3).normal(size=TIES.shape)
    for dtype, tolerance in (("float64", 1e-12), ("float32", 2e-5)):
        assert_alike(both.compile("native", dtype=dtype)({}, x=x), both(x=x), tolerance)


@pictures
@pytest.mark.parametrize("innermost", [False, True])
def test_threads_and_samples_side_by_side(function: Callable[[Node], object], innermost: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bits with any number of threads, the same numbers whichever way arrays lie."""
    monkeypatch.setattr(threads, "DIVIDED", 0)
    monkeypatch.setattr(native_module, "innermost_samples", lambda *_: innermost)
    both = squares_and_gradient(function)
    found = []
    for number in ("1", "3"):
        monkeypatch.setenv("SYMFOLD_THREADS", number)
        found.append(both.compile("native")({}, x=TIES))
    assert all(np.array_equal(a, b) for a, b in zip(*(flatten(one)[0] for one in found), strict=True))
    assert_alike(found[0], both(x=TIES), 1e-12)


def test_values_given_out_as_they_lie() -> None:
    """Windows, orders of axes and masks as results themselves, beside others made of them; and a sum of nothing."""
    x, values = sf.tensor("x", (3, 4, 5)), {"x": np.random.default_rng(0).normal(size=(3, 4, 5))}
    made = [seen(x, (2,), 2, 1), seen(x, (2,), 2), permute(x, axes=(-1, -3, -2)), einsum(x, subscripts="abc->cab"), at_max(x, axis=(-1,)), seen(seen(x, (2,)), (2,), 1, 1)]
    net = sf.Net.of(tuple((node, node + 1, node) for node in made))
    assert_alike(net.compile("native")({}, **values), net(**values))
    assert np.array_equal(sf.Net.of(causal(x)).compile("native")({}, **values), Apply(causal).evaluate(values["x"]))
    nothing = sf.tensor("e", (3, 0))
    assert np.array_equal(sf.Net.of(einsum(nothing, nothing, subscripts="ab,cb->ac")).compile("native")({}, e=np.zeros((3, 0))), np.zeros((3, 3)))


@pytest.mark.parametrize("wrong", [-1.0, 5.0, 0.5, np.nan])
def test_numbers_that_are_no_row(wrong: float) -> None:
    """An input is checked before code runs; what is computed gives what is not a number, and adds nothing."""
    table, numbers = sf.tensor("t", (5, 3)), sf.tensor("n", (2,))
    given = {"t": np.arange(15.0).reshape(5, 3), "n": np.array([2.0, wrong])}
    with pytest.raises(OutOfRange, match=rf"the table has no row {wrong:g} \(give whole numbers from 0 to 4\)"):
        sf.Net.of(embed(table, numbers)).compile("native")({}, **given)
    loss = sf.Net.of(np.sum(embed(sf.parameter("W", (5, 3)), numbers)))
    with pytest.raises(OutOfRange, match="the table has no row"):
        sf.fit(loss, {"W": given["t"]}, {"n": np.array([[2.0, wrong]])[0]}, optimizer=sf.sgd(0.1), epochs=1, backend="native")
    values, gradient = sf.Net.of((embed(table, numbers * 1), sf.grad(np.sum(embed(table, numbers * 1)), "t"))).compile("native")({}, **given)
    np.testing.assert_array_equal(values, [[6, 7, 8], [np.nan] * 3])
    np.testing.assert_array_equal(gradient["t"], np.eye(5)[2][:, None] * np.ones(3))


@pytest.mark.parametrize("array", [np.array([[1, np.nan, 3, np.nan]]), np.array([[3.0, 3, -np.inf, 3]]), np.full((1, 4), -np.inf)])
def test_the_first_largest_entry_is_numpy_s(array: np.ndarray) -> None:
    x = sf.tensor("x", array.shape)
    net = sf.Net.of((np.max(x, axis=1), at_max(x, axis=(1,))))
    for found, wanted in zip(net.compile("native")({}, x=array), net(x=array), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("innermost", [False, True])
@pytest.mark.parametrize("name", ["image_residual", "attention_only", "post_norm"])
def test_architectures_with_threads_and_samples_side_by_side(name: str, innermost: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "DIVIDED", 0)
    monkeypatch.setattr(native_module, "innermost_samples", lambda *_: innermost)
    values = values_of(ARCHITECTURES[name])
    both = sf.value_and_grad((ARCHITECTURES[name].outputs[0] ** 2).sum(), wrt=list(values))
    params, inputs = split(both, values)
    found = []
    for number in ("1", "3"):
        monkeypatch.setenv("SYMFOLD_THREADS", number)
        found.append(both.compile("native")(params, **inputs))
    assert all(np.array_equal(a, b) for a, b in zip(*(flatten(one)[0] for one in found), strict=True))
    assert_alike(found[0], both.compile("numpy")(params, **inputs), 1e-12)


# ---------------------------------------------------------------- elementwise functions


def kernel(head: object, dtype: type) -> Callable[[np.ndarray], np.ndarray]:
    """An elementwise function alone, over whole vectors."""
    kind = np.dtype(dtype)
    code = Code(kind, processor())
    width = code.width
    code.loop("%n", lambda k, _: code.store(ROWS[head](code, [code.load(code.at("%x", k), width)]), code.at("%y", k)) or [], step=width)  # type: ignore[index,func-returns-value]
    text = "\n".join([*code.declared.values(), "define void @f(ptr %x, ptr %y, i64 %n) {", "entry:", *code.lines, "  ret void", "}"])
    loaded = Loaded(compiled(text))
    call = loaded.function("f", None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)

    def run(values: np.ndarray) -> np.ndarray:
        assert loaded and len(values) % width == 0
        given, result = np.ascontiguousarray(values, kind), np.empty(len(values), kind)
        call(given.ctypes.data, result.ctypes.data, len(given))
        return result

    return run


EXACT: dict[object, Callable[[mpmath.mpf], mpmath.mpf]] = {
    sp.exp: mpmath.exp, sp.log: mpmath.log, sp.tanh: mpmath.tanh, sp.erf: mpmath.erf, sp.erfc: mpmath.erfc,
    sigmoid: lambda x: 1 / (1 + mpmath.exp(-x)), softplus: lambda x: mpmath.log1p(mpmath.exp(x)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("cpu", ["native", pytest.param("x86-64-v2", marks=pytest.mark.slow)])  # with and without an fma
@pytest.mark.parametrize("head", ULPS, ids=lambda head: head.__name__)
def test_errors_in_units_in_the_last_place(head: object, cpu: str, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    if cpu not in runnable(present()):
        pytest.skip(f"this machine is no {cpu}")
    monkeypatch.setenv("SYMFOLD_CPU", cpu)
    random = np.random.default_rng(0)
    far = {np.float64: 700, np.float32: 85}[dtype]
    values = np.concatenate([random.normal(size=384), random.normal(size=256) * 1e-3, random.uniform(-far, far, 256), random.normal(size=256) * 6])
    if head is sp.log:
        values = np.abs(np.concatenate([values, 1 + random.normal(size=256) * 1e-4]))
    if head is sp.erfc:
        values = np.clip(values, -far, {np.float64: 26, np.float32: 9}[dtype])
    values = values.astype(dtype)
    worst = 0.0
    with mpmath.workprec(200):
        for value, result in zip(values, kernel(head, dtype)(values), strict=True):
            exact = EXACT[head](mpmath.mpf(float(value)))
            worst = max(worst, float(abs(float(result) - exact) / mpmath.mpf(float(np.spacing(np.abs(result))))))
    assert worst <= ULPS[head]  # type: ignore[index]


EDGES = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, 1e300, -1e300, 710.0, -720.0, 800.0, -800.0, 2.0, -2.0, 0.5, -0.5])


@pytest.mark.parametrize("head", [*ULPS, relu, step, sp.Abs, sp.sign, sp.floor, sp.ceiling, sp.sin, sp.atan], ids=lambda head: head.__name__)
def test_infinities_nans_and_numbers_at_the_edges(head: object) -> None:
    x = sf.tensor("x", (16,))
    net = sf.Net.of(Node(head, (x,)))  # type: ignore[arg-type]
    with np.errstate(all="ignore"):
        wanted = net(x=EDGES)
        given = net.compile("native")({}, x=EDGES)
    np.testing.assert_allclose(given, wanted, rtol=1e-14, atol=1e-307)


# ---------------------------------------------------------------- code


ALIKE = {name: case for name, case in CASES.items() if case.blocks is not None}


@pytest.mark.parametrize("case", ALIKE.values(), ids=ALIKE.keys())
def test_source_has_as_many_lines_at_depth_16_and_800(case: Case) -> None:
    lines = set()
    for depth in (16, 800):  # the parameters of all the steps fill whole vectors at both
        net = case.build(depth)
        wrt = [node.op.name for node in (*net.inputs, *net.params)]
        lines.add(sf.value_and_grad(weighted_squares(net), wrt=wrt).compile("native").source.count("\n"))
    assert len(lines) == 1


def program(width: int, batch: int, depth: int) -> Program:
    net = sf.fold(sf.mappers.residual, sf.layers(f"f1:{depth + 1}", sf.dense(width, width, sf.sigmoid)), sf.tensor("x", (None, width)))
    return Program(net, {"x": (batch, width)}, net.init(0), "float64")


def test_samples_lie_innermost_where_that_takes_fewer_vectors() -> None:
    lanes = processor().vector_bytes // 8
    narrow, wide = program(3, 2 * lanes, 4), program(8 * lanes, 2 * lanes, 4)
    assert dict(narrow.feeds)["x"].strides[0] == 8 and dict(wide.feeds)["x"].strides[1] == 8


def test_a_batch_is_known_by_its_size_where_one_input_does_not_say() -> None:
    lanes = processor().vector_bytes // 8
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    loss = sf.squared_error(net, sf.tensor("target", (2 * lanes, 3)))
    made = Program(loss, {"x": (2 * lanes, 3), "target": (2 * lanes, 3)}, net.init(0), "float64")
    assert dict(made.feeds)["x"].strides[0] == dict(made.feeds)["target"].strides[0] == 8


def test_evaluation_keeps_a_constant_number_of_states() -> None:
    assert program(3, 10, 10).work.size == program(3, 10, 10_000).work.size


def image_gradient(depth: int, samples: int) -> sf.Net:
    net = sf.mappers.ARCHITECTURES["image_residual"].net(depth, 4)
    return with_shapes(sf.value_and_grad(weighted_squares(net)), {"x": (samples, 1, 8, 8)})


def operations_of(roots: Iterable[Node]) -> Iterator[str]:
    for node in walk(tuple(roots)):
        if isinstance(node.op, Fold):
            yield from operations_of(node.op.block.results)
        elif isinstance(node.op, Apply):
            yield node.op.primitive.name


def test_the_adjoint_of_a_convolution_is_one() -> None:
    roots = inlined(image_gradient(3, 2).outputs)
    assert "add_windows" in operations_of(roots)
    assert "add_windows" not in operations_of(rewritten(roots)) and "windows" in operations_of(rewritten(roots))


def test_a_gradient_keeps_no_windows() -> None:
    """The windows alone are nine images a step; what is kept are six, of the state and of what the norm and relu need."""
    sizes = [Program(image_gradient(depth, 16), {"x": (16, 1, 8, 8)}, image_gradient(depth, 16).init(0), "float64").work.size for depth in (10, 20)]
    assert (sizes[1] - sizes[0]) / 10 / (16 * 4 * 8 * 8) < 9


def test_no_name_of_a_user_reaches_the_source() -> None:
    hostile = sf.tensor("declare_system", (2,))
    layer = sf.layer("os_system", lambda z, exec_: z * exec_, exec_=(2,))
    source = sf.Net.of(layer(hostile)).compile("native").source
    assert "system" not in source and "exec" not in source


def test_what_has_no_rule_says_so() -> None:
    net = sf.Net.of(Node(sp.digamma, (sf.tensor("x", (2,)),)))
    with pytest.raises(NoRule, match=r"native backend has no code for the function digamma .* take backend='numpy'"):
        net.compile("native")({}, x=np.ones(2))
    with pytest.raises(NoRule, match="opaque"):
        sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x")).compile("native")({}, x=1.0)


def test_threads_do_not_share_memory() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:40", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    params, run = net.init(seed=1), net.compile("native")
    inputs = [np.random.default_rng(k).normal(size=(4, 3)) for k in range(4)]
    wanted = [run(params, x=x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(50):
            for given, expected in zip(pool.map(lambda x: run(params, x=x), inputs), wanted, strict=True):
                np.testing.assert_array_equal(given, expected)


# ---------------------------------------------------------------- several threads in one run


@cases
def test_threads_divide_the_work_and_change_no_bit(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums are added in the same order, however many threads there are; here every kernel is divided, however small."""
    monkeypatch.setattr(threads, "DIVIDED", 0)
    values = case.values(3)
    net = sf.value_and_grad(weighted_squares(case.build(3)), wrt=list(values))
    params, inputs = split(net, values)
    found = []
    for number in ("1", "3"):
        monkeypatch.setenv("SYMFOLD_THREADS", number)
        found.append(flatten(net.compile("native")(params, **inputs))[0])
    assert ("call void @meet" in net.compile("native").source) and all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_a_training_with_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "DIVIDED", 0)
    fitted = []
    for number in ("1", "2"):
        monkeypatch.setenv("SYMFOLD_THREADS", number)
        loss = loss_of(20)
        fitted.append(sf.fit(loss, loss.init(0), data(57, 20), optimizer=sf.sgd(0.05), epochs=3, batch_size=10, backend="native"))
    assert np.array_equal(fitted[0].params.flat, fitted[1].params.flat) and fitted[0].history.loss == fitted[1].history.loss


@pytest.mark.parametrize("shape", [(96, 5, 8), (8, 5, 96), (41, 17, 133), (7, 3, 2)])
def test_a_product_is_divided_by_its_strips_or_by_its_rows(shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "DIVIDED", 0)
    for name in ("APART", "REUSED", "SPAN"):
        monkeypatch.setattr(products, name, 0)
    monkeypatch.setenv("SYMFOLD_THREADS", "3")
    rows, inner, columns = shape
    random = np.random.default_rng(0)
    values = {"a": random.integers(-9, 9, (inner, rows)).astype(float), "b": random.integers(-9, 9, (columns, inner)).astype(float)}
    net = sf.Net.of(np.dot(sf.tensor("a", (inner, rows)).T, sf.tensor("b", (columns, inner)).T))
    np.testing.assert_array_equal(net.compile("native")({}, **values), values["a"].T @ values["b"].T)


def test_threads_are_taken_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default: the cores, but no more than the work fills, and one for short runs."""
    monkeypatch.delenv("SYMFOLD_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("symfold.compute.backends.threads.cores", lambda: 6)
    deep, short = (inlined(sf.fold(sf.mappers.residual, sf.layers(f"f1:{n + 1}", sf.dense(64, 64)), sf.tensor("x", (64, 64))).outputs) for n in (100, 3))
    wide = sf.Net.of(np.dot(sf.tensor("y", (256, 256)), sf.tensor("z", (256, 256)))).outputs
    assert [threads.threads_for(roots) for roots in (deep, wide, short)] == [2, 6, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert [threads.threads_for(roots) for roots in (deep, wide, short)] == [2, 4, 1]
    monkeypatch.setenv("SYMFOLD_THREADS", "5")
    assert [threads.threads_for(roots) for roots in (deep, wide, short)] == [5, 5, 5]


def test_a_crowded_machine_gets_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a child process, in a thread of a pool, and if others are busy, unless the user says how many."""
    monkeypatch.delenv("SYMFOLD_THREADS", raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0), raising=False)
    team = threads.Team(3)

    def members() -> int:
        return int(team.call(lambda number, count, barrier: count))

    assert members() == 3
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(members).result() == 1
    for module, name, found in ((multiprocessing, "parent_process", multiprocessing.current_process), (os, "getloadavg", lambda: (1e3, 0.0, 0.0))):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, found)
            assert members() == 1
    monkeypatch.setattr(multiprocessing, "parent_process", multiprocessing.current_process)
    monkeypatch.setenv("SYMFOLD_THREADS", "3")
    assert members() == 3


def test_any_number_of_callers_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "DIVIDED", 0)
    monkeypatch.setenv("SYMFOLD_THREADS", "3")
    net = sf.value_and_grad(weighted_squares(sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(20, 20, sf.tanh)), sf.tensor("x", (30, 20)))))
    params, run, x = net.init(0), net.compile("native"), np.random.default_rng(0).normal(size=(30, 20))
    divided = flatten(run(params, x=x))[0]
    monkeypatch.delenv("SYMFOLD_THREADS")
    monkeypatch.setattr(threads, "is_crowded", lambda: True)
    assert all(np.array_equal(a, b) for a, b in zip(divided, flatten(run(params, x=x))[0], strict=True))


def test_small_products_are_not_divided_and_odd_numbers_of_threads_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMFOLD_THREADS", "2")
    assert program(8, 10, 3).team.threads == 1 and program(128, 64, 3).team.threads == 2
    monkeypatch.setenv("SYMFOLD_THREADS", "many")
    with pytest.raises(InvalidValue, match="SYMFOLD_THREADS='many' must be a whole number"):
        program(8, 10, 3)


FORKING = """
import os, signal, sys
import numpy as np, symfold as sf
net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(64, 64, sf.sigmoid)), sf.tensor("x", (None, 64)))
params, run, x = net.init(seed=1), net.compile("native"), np.ones((128, 64))
loss = sf.squared_error(net, sf.tensor("t", (None, 64)))
wanted = run(params, x=x)
fit = lambda: sf.fit(loss, params, {"x": x, "t": x}, optimizer=sf.sgd(1e-5), epochs=2, batch_size=128, backend="native", progress=None)
trained = fit().params.flat.tolist()
for _ in range(3):
    child = os.fork()
    if not child:
        signal.alarm(40)
        assert np.array_equal(run(params, x=x), wanted) and fit().params.flat.tolist() == trained
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert np.array_equal(run(params, x=x), wanted) and run.program({"x": x.shape}).team.threads == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_gathers_threads_of_its_own() -> None:
    environment = {**os.environ, "SYMFOLD_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", FORKING], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- the cache

MODULE = "define double @f(double %x) {\nentry:\n  %y = fadd double %x, 1.5\n  ret double %y\n}\n"


def value(code: bytes) -> float:
    loaded = Loaded(code)
    return float(loaded.function("f", ctypes.c_double, ctypes.c_double)(1.0))


def test_code_is_compiled_once_and_a_damaged_file_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SYMFOLD_CACHE", str(tmp_path / "kept"))
    code = compiled(MODULE)
    (file,) = (tmp_path / "kept").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(machine, "target_machine", lambda _: pytest.fail("compiled again"))
        assert compiled(MODULE) == code
    for damaged in (b"", b"x" * 100, file.read_bytes()[:-1]):
        file.write_bytes(damaged)
        assert value(compiled(MODULE)) == 2.5
        assert file.read_bytes() != damaged
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_code_for_another_processor_is_another_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SYMFOLD_CACHE", str(tmp_path))
    compiled(MODULE)
    for name in runnable(present())[1:3]:
        monkeypatch.setenv("SYMFOLD_CPU", name)
        assert value(compiled(MODULE)) == 2.5
    assert len(list(tmp_path.iterdir())) == 3


def test_a_cache_that_cannot_be_written_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (str(tmp_path / "file" / "cache"), ""):
        monkeypatch.setenv("SYMFOLD_CACHE", folder)
        assert value(compiled(MODULE)) == 2.5


posix = pytest.mark.skipif(os.name != "posix", reason="needs owners of files")


def recompiled(monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the module is compiled again, and not read from the cache."""
    compilations = []
    target = machine.target_machine(processor())
    with monkeypatch.context() as patch:
        patch.setattr(machine, "target_machine", lambda _: compilations.append(target) or target)
        code = compiled(MODULE)
    assert value(code) == 2.5
    return bool(compilations)


@posix
def test_code_is_read_only_from_what_the_user_alone_can_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    monkeypatch.setenv("SYMFOLD_CACHE", str(folder))
    assert recompiled(monkeypatch) and not recompiled(monkeypatch)
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700 and file.stat().st_mode & 0o777 == 0o600
    for place in (folder, file):
        for others in (0o020, 0o002):
            mode = place.stat().st_mode & 0o777
            place.chmod(mode | others)
            assert disk_cache.cached(file.name) is None
            place.chmod(mode)
            assert disk_cache.cached(file.name) is not None
    monkeypatch.setattr(os, "geteuid", lambda: 12345)  # another user's
    assert disk_cache.cached(file.name) is None


@posix
def test_links_pipes_and_devices_are_no_files_of_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    monkeypatch.setenv("SYMFOLD_CACHE", str(folder))
    disk_cache.keep("a.o", b"code")
    assert disk_cache.cached("a.o") == b"code"
    (folder / "a.o").rename(elsewhere)
    (folder / "a.o").symlink_to(elsewhere)
    assert disk_cache.cached("a.o") is None
    disk_cache.keep("a.o", b"new code")  # takes the place of the link
    assert disk_cache.cached("a.o") == b"new code" and elsewhere.read_bytes().endswith(b"code")
    os.link(folder / "a.o", tmp_path / "second name")
    assert disk_cache.cached("a.o") is None
    os.mkfifo(folder / "pipe.o")
    (folder / "folder.o").mkdir()
    assert disk_cache.cached("pipe.o") is None and disk_cache.cached("folder.o") is None
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.setenv("SYMFOLD_CACHE", str(tmp_path / "link"))
    assert disk_cache.cached("pipe.o") is None
    disk_cache.keep("b.o", b"code")
    assert not (folder / "b.o").exists()


@posix
def test_the_folder_may_be_named_from_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SYMFOLD_CACHE", "~/code")
    disk_cache.keep("a.o", b"code")
    assert (tmp_path / "code" / "a.o").exists()
    monkeypatch.delenv("SYMFOLD_CACHE")
    for base, folder in (("", tmp_path / ".cache"), (str(tmp_path / "xdg"), tmp_path / "xdg")):
        monkeypatch.setenv("XDG_CACHE_HOME", base)
        assert disk_cache.cache_folder() == folder / "symfold" / "native"


def test_processes_share_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SYMFOLD_CACHE", str(tmp_path))
    script = "import symfold as sf, numpy as np; x = sf.tensor('x', (4,)); print(sf.Net.of(np.tanh(x) * 2).compile('native')({}, x=np.arange(4.0)).tolist())"
    running = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert len({process.communicate()[0] for process in running}) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    with pytest.raises(MissingPackage, match=r"symfold\[native\]"):
        machine.llvm()


# ---------------------------------------------------------------- what auto takes


def test_auto_takes_native_code_where_it_pays() -> None:
    x = sf.tensor("x", (None, 3))

    def net(depth: int) -> sf.Net:
        return sf.fold(sf.mappers.residual, sf.layers(f"f1:{depth + 1}", sf.dense(3, 3, sf.sigmoid)), x)

    assert net(1).compile().backend == "numpy" and net(1000).compile().backend == "native"
    assert net(1).compile(dtype="float32").backend == "numpy" and net(1000).compile(dtype="float32").backend == "native"
    assert automatic(net(10), runs=100) == "numpy" and automatic(net(10), runs=10**6) == "native"
    unlike = [sf.layer(f"g{k}", lambda z, k=k: z * (k + 2)) for k in range(1, 1200)]
    assert sf.fold(lambda z, f: f(z) + z, unlike, x).compile().backend == "numpy"  # nothing to roll: as much code as steps
    assert sf.Net.of(Node(sp.digamma, (x,))).compile().backend == "numpy"
    assert automatic(sf.fold(sf.mappers.residual, sf.layers("f", count="n"), x), runs=10**9) == "numpy"


def test_a_backend_without_the_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:1001", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    monkeypatch.setitem(BACKENDS, "native", dataclasses.replace(BACKENDS["native"], dtypes=("float64",)))
    assert net.compile().backend == "native" and net.compile(dtype="float32").backend == "numpy"
    with pytest.raises(sf.errors.InvalidValue, match="the native backend computes in float64 only, got dtype='float32'"):
        net.compile("native", dtype="float32")


def test_what_auto_trains_with_is_what_it_would_take_for_so_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    run = Training.run
    monkeypatch.setattr(Training, "run", lambda self, stack: taken.append("native") or run(self, stack))  # type: ignore[func-returns-value]
    loss = loss_of(3, 20)
    for epochs in (1, 2000):
        sf.fit(loss, loss.init(0), data(10, 3), optimizer=sf.sgd(1e-4), epochs=epochs)
        assert bool(taken) == (epochs > 1)


# ---------------------------------------------------------------- trainings

RATES = {"sgd": sf.optimizers.sgd(0.05), "momentum": sf.optimizers.momentum(0.02)}


def data(samples: int, width: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    return {"x": random.normal(size=(samples, width)), "target": random.normal(size=(samples, width))}


def loss_of(width: int = 3, depth: int = 4) -> sf.Net:
    net = sf.fold(sf.mappers.residual, sf.layers(f"f1:{depth + 1}", sf.dense(width, width, sf.sigmoid)), sf.tensor("x", (None, width)))
    return sf.squared_error(net, sf.tensor("target", (None, width)))


@pytest.mark.parametrize("optimizer", RATES.values(), ids=RATES.keys())
@pytest.mark.parametrize("width", [3, 20])
def test_training_is_the_numpy_backend_s(optimizer: object, width: int) -> None:
    loss = loss_of(width)
    both = [
        sf.fit(loss, loss.init(0), data(57, width), optimizer=optimizer, epochs=17, batch_size=10, seed=3, backend=backend)
        for backend in ("numpy", "native")
    ]
    np.testing.assert_allclose(both[1].history.loss, both[0].history.loss, rtol=1e-9)
    np.testing.assert_allclose(both[1].params.flat, both[0].params.flat, rtol=1e-9, atol=1e-9)


def test_given_batches_and_stages() -> None:
    loss = loss_of()
    batches = [{name: array[k : k + size] for name, array in data(40, 3).items()} for k, size in ((0, 10), (10, 10), (20, 7))]
    fitted = [sf.fit(loss, loss.init(0), batches=batches, optimizer=sf.sgd(0.05), epochs=8, stages=True, backend=b) for b in ("numpy", "native")]
    np.testing.assert_allclose(fitted[1].history.loss, fitted[0].history.loss, rtol=1e-10)
    np.testing.assert_allclose(fitted[1].params.flat, fitted[0].params.flat, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rate", [1e3, 1e120])
def test_a_training_stops_where_a_loss_is_not_finite(rate: float) -> None:
    net = sf.fold(lambda z, f: z * f(z), sf.layers("f1:4", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    loss = sf.squared_error(net, sf.tensor("target", (None, 2)))
    found = []
    for backend in ("numpy", "native"):
        with pytest.raises(Diverged) as caught:
            sf.fit(loss, loss.init(0), data(40, 2), optimizer=sf.sgd(rate), epochs=50, batch_size=4, backend=backend)
        found.append(caught.value)
    assert found[0].step == found[1].step  # type: ignore[attr-defined]
    np.testing.assert_allclose(found[1].params.flat, found[0].params.flat, rtol=1e-6)  # type: ignore[attr-defined]


def test_epochs_between_which_nobody_asks_are_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    run = Training.run
    monkeypatch.setattr(Training, "run", lambda self, stack: calls.append(stack.count) or run(self, stack))  # type: ignore[func-returns-value]
    loss = loss_of()
    sf.fit(loss, loss.init(0), data(100, 3), optimizer=sf.sgd(0.01), epochs=2, batch_size=10, backend="native")
    assert calls == [20]
