"""Native code for every processor: the numbers of each that this machine can be, the registers of those it cannot, refusals."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cases import values_of
from oracles import weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.errors import InvalidValue

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")

from symfold.compute.backends.native import module as native_module
from symfold.compute.backends.native import optimization, products
from symfold.compute.backends.native.machine import target_machine
from symfold.compute.backends.native.module import module_of
from symfold.compute.backends.native.optimization import optimized
from symfold.compute.backends.native.processors import NAMED, llvm, named, present, processor, runnable
from symfold.compute.backends.native.products import tile_of

HERE = runnable(present())
TRIPLES = {"x86-64-v2": "x86_64-unknown-linux-gnu", "x86-64-v3": "x86_64-unknown-linux-gnu", "x86-64-v4": "x86_64-unknown-linux-gnu",
           "aarch64": "aarch64-unknown-linux-gnu"}  # fmt: skip
dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYMFOLD_CACHE", str(folder))
        yield folder


# ---------------------------------------------------------------- the code of any processor


def four_products(rows: int, inner: int, columns: int) -> sf.Net:
    """A product of two factors as they lie and transposed."""
    left, right = (sf.tensor("a", (rows, inner)), sf.tensor("b", (inner, columns))), (sf.tensor("c", (inner, rows)).T, sf.tensor("d", (columns, inner)).T)
    return sf.Net.of((np.dot(left[0], left[1]), np.dot(right[0], left[1]), np.dot(left[0], right[1]), np.dot(right[0], right[1])))


def assembly(net: sf.Net, name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(native_module, "processor", lambda: named(name))
    shapes = {node.op.name: node.shape for node in net.inputs}
    text = module_of(net, shapes, net.init(0).layout, np.dtype(dtype)).text
    llvm().initialize_all_targets()
    llvm().initialize_all_asmprinters()
    target = target_machine(named(name), TRIPLES[name])
    return target.emit_assembly(optimized(text, target))


def inner_loops(text: str) -> list[list[str]]:
    """The instructions from each label to the branch back to it, of loops without loops inside."""
    lines = [line.split("#")[0].split("//")[0].strip() for line in text.splitlines()]
    labels = {line[:-1]: k for k, line in enumerate(lines) if re.fullmatch(r"\.L\w+:", line)}
    spans = []
    for k, line in enumerate(lines):
        goal = labels.get(re.split(r"[\s,]+", line)[-1]) if re.match(r"(j\w+|b|b\.\w+|cbn?z|tbn?z)\s", line) else None
        if goal is not None and goal < k:
            spans.append((goal, k))
    return [lines[a : b + 1] for a, b in spans if not any((a, b) != (c, d) and a <= c and d <= b for c, d in spans)]


@dtypes
@pytest.mark.parametrize("lines", [0, optimization.LARGE])
@pytest.mark.parametrize("name", ["x86-64-v3", "x86-64-v4", "aarch64"])
def test_the_sums_of_a_tile_stay_in_registers(name: str, lines: int, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No inner loop of a product goes to the stack, and each adds a whole tile at least once per branch, with all of LLVM's passes or a few."""
    monkeypatch.setattr(optimization, "LARGE", lines)
    target = named(name)
    columns = 8 * target.lanes(np.dtype(dtype))
    tile = tile_of(target.registers, 48, 8, target.lanes(np.dtype(dtype)))
    loops = inner_loops(assembly(four_products(48, 48, columns), name, dtype, monkeypatch))
    sums = [sum(bool(re.match("vfmadd|fmla", line)) for line in loop) for loop in loops]
    assert len([count for count in sums if count >= tile.rows * tile.vectors]) >= 4
    assert tile.rows * tile.vectors + tile.vectors + 1 <= target.registers
    assert not [line for loop, count in zip(loops, sums, strict=True) if count for line in loop if re.search(r"%rsp|\bsp\b", line)]


@dtypes
@pytest.mark.parametrize("name", ["x86-64-v3", "x86-64-v4", "aarch64"])
def test_sums_along_vectors_stay_in_registers(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small result of a long sum, contiguous in both factors."""
    net = sf.Net.of(np.einsum("ik,jk->ij", sf.tensor("a", (8, 4096)), sf.tensor("b", (8, 4096))))
    loops = [loop for loop in inner_loops(assembly(net, name, dtype, monkeypatch)) if sum(bool(re.match("vfmadd|fmla", line)) for line in loop) >= 8]
    assert loops and not [line for loop in loops for line in loop if re.search(r"%rsp|\bsp\b", line)]


@dtypes
def test_without_the_instruction_nothing_calls_a_library_for_it(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = sf.Net.of(sf.tanh(four_products(8, 8, 8).outputs[0]))
    assert "fma" not in assembly(net, "x86-64-v2", dtype, monkeypatch)


# ---------------------------------------------------------------- the numbers of each that this machine can be


LEVELS = [name for name in HERE if name in ("x86-64", *TRIPLES)]  # the other names are other schedules of the same instructions


@pytest.fixture(params=["native", *(pytest.param(name, marks=pytest.mark.slow) for name in LEVELS)])
def each(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SYMFOLD_CPU", request.param)
    return str(request.param)


@pytest.mark.parametrize(("always", "dtype"), [(True, "float64"), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((True, "float32"), (False, "float64"), (False, "float32")))])
def test_products_with_factors_copied_or_in_place(always: bool, dtype: str, each: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if always:
        for name in ("APART", "REUSED", "SPAN"):
            monkeypatch.setattr(products, name, 0)
    rows, inner, columns = 29, 19, 3 * 8 * processor().lanes(np.dtype(dtype)) + 5
    net = four_products(rows, inner, columns)
    values = {node.op.name: np.random.default_rng(k).integers(-9, 9, node.shape).astype(float) for k, node in enumerate(net.inputs)}
    for result, wanted in zip(net.compile("native", dtype=dtype)({}, **values), net(values), strict=True):
        np.testing.assert_array_equal(result, wanted)  # sums of small whole numbers are exact


NETS = {
    **{name: sf.mappers.ARCHITECTURES[name].net(2, 5) for name in ("image_residual", "attention_only", "lstm")},
    "wide": sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(70, 70, sf.tanh)), sf.tensor("x", (33, 70))),
}


@pytest.mark.slow
@dtypes
@pytest.mark.parametrize("name", NETS)
def test_nets_on_each_processor(name: str, dtype: str, each: str) -> None:
    net, values = NETS[name], values_of(NETS[name])
    both = sf.value_and_grad(weighted_squares(net))
    parameters = {node.op.name for node in both.params}
    params = {key: value for key, value in values.items() if key in parameters}
    inputs = {key: value for key, value in values.items() if key not in parameters}
    for given, wanted in zip(*(flatten(both.compile(*how)(params, **inputs))[0] for how in (("native", dtype), ("numpy",))), strict=True):
        tolerance = (1e-12 if dtype == "float64" else 2e-4) * max(1.0, np.max(np.abs(wanted)))
        np.testing.assert_allclose(given, wanted, rtol=0, atol=tolerance)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["Haswell", "pentium2", "../v3"])
def test_a_name_that_is_none_lists_those_that_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMFOLD_CPU", name)
    with pytest.raises(InvalidValue, match=rf"SYMFOLD_CPU='{re.escape(name)}' names no processor \(it runs 'native', "):
        processor()


def test_a_processor_that_this_machine_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = [name for name in NAMED if name not in HERE]  # x86 here and ARM there
    assert foreign
    for name in foreign:
        monkeypatch.setenv("SYMFOLD_CPU", name)
        with pytest.raises(InvalidValue, match=f"SYMFOLD_CPU='{name}' needs instructions that this machine lacks"):
            processor()


def test_no_name_is_this_machine_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMFOLD_CPU", "")
    own = processor()
    monkeypatch.setenv("SYMFOLD_CPU", "native")
    assert processor() == own and own.name == llvm().get_host_cpu_name()
