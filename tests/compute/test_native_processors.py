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
from symfold.compute.backends.native.machine import optimized, target_machine
from symfold.compute.backends.native.module import module_of
from symfold.compute.backends.native.processors import NAMED, llvm, named, present, processor, runnable

HERE = runnable(present())
TRIPLES = {"x86-64-v2": "x86_64-unknown-linux-gnu"}
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


@dtypes
def test_without_the_instruction_nothing_calls_a_library_for_it(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = sf.Net.of(sf.tanh(four_products(8, 8, 8).outputs[0]))
    assert "fma" not in assembly(net, "x86-64-v2", dtype, monkeypatch)


# ---------------------------------------------------------------- the numbers of each that this machine can be


@pytest.fixture(params=["native", *(pytest.param(name, marks=pytest.mark.slow) for name in HERE[1:])])
def each(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SYMFOLD_CPU", request.param)
    return str(request.param)


NETS = {
    **{name: sf.mappers.ARCHITECTURES[name].net(2, 5) for name in ("image_residual", "post_norm", "lstm", "residual")},
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
