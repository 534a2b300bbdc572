"""The benchmarks run, compare results before they time them, and judge their targets; nothing here is timed."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import symfold as sf
from symfold.core.nodes import walk
from symfold.core.primitives import dot, is_primitive
from symfold.transform.inlining import inlined
from symfold.transform.rolling import without_single_steps
from tests.benchmarks import each, held, kept, kept_page, models, page, report, steps
from tests.benchmarks.__main__ import options
from tests.benchmarks.measure import Block, Check, Unequal
from tests.benchmarks.nets import NETS
from tests.benchmarks.peers import autograd_rows, peers, symfold_rows
from tests.benchmarks.targets import Target, outcomes, parsed
from tests.benchmarks.work import CASES, Case, Work

SMALL = Case("a", 3, 4, 3)


@pytest.mark.slow
def test_a_quick_run_of_one_case() -> None:
    given = options(["--quick", "--cases", "a", "--rounds", "2", "--peers", "autograd", "--without", "torch *", "--profile"])
    found = report.of(given)
    rows = {"symfold numpy", "autograd", "products alone", "empty call", "floor"}
    assert [(block["task"], block["net"], block["case"]) for block in found["blocks"]] == [("training", "residual", "a"), ("evaluation", "residual", "a")]
    assert all(set(block["entries"]) == rows for block in found["blocks"])
    assert [(outcome["ours"], outcome["case"], outcome["aim"]) for outcome in found["targets"]] == [("symfold numpy", "a", 40.0)]
    shown, written = page.terminal(found), page.page(json.loads(json.dumps(found)))
    for text in (shown, written):
        assert "symfold numpy" in text and "autograd" in text and "left out by the options of the run (residual; training and evaluation)" in written
    assert sum(found["profile"]["a"]["kinds"].values()) > 0
    other = {**found["blocks"][0], "net": "boosting"}
    assert report.joined([found, {**found, "blocks": [*found["blocks"], other]}])["blocks"] == [*found["blocks"], other]
    held = {**found, "machine": {**found["machine"], "instructions": "AVX2 (held)"}}
    assert "## Targets, AVX2 (held)" in page.page(report.joined([found, held])) and "## Targets, AVX2 (held)" not in page.page(report.joined([found]))


@pytest.mark.parametrize("net", NETS)
def test_the_reference_formulas_are_symfolds_nets(net: str) -> None:
    """Losses, steps and outputs by HIPS autograd, to 1e-9 of symfold's."""
    work = Work(NETS[net], SMALL)
    for task, make in (("training", autograd_rows.train), ("evaluation", autograd_rows.evaluate)):
        runner = make(work)
        Check(task, work)("autograd", runner, runner.run())


def test_what_computes_something_else_is_not_timed() -> None:
    work = Work(NETS["residual"], SMALL)
    runner = symfold_rows.train(work, "numpy")
    value = runner.run()
    with pytest.raises(Unequal, match="a row, training of residual at a: loss differs"):
        Check("training", work)("a row", runner, value * (1 + 1e-8))
    runner.run()
    with pytest.raises(Unequal, match="step on W differs"):
        Check("training", work)("a row", runner, value)


@pytest.mark.parametrize("net", NETS)
def test_the_floor_counts_the_products_of_the_step(net: str) -> None:
    """As many as the loss and its gradients have when every step is written out."""
    work = Work(NETS[net], SMALL)
    both = sf.unroll(sf.value_and_grad(symfold_rows.loss_of(work)))
    nodes = walk(without_single_steps(inlined(both.outputs)))
    assert sum(is_primitive(node, dot) for node in nodes) == sum(work.net.product_counts(SMALL.depth))


def test_targets_are_parsed_and_judged() -> None:
    assert parsed("x | p *, q | a 40, c 1/1.25") == [Target("x", ("p *", "q"), "a", 40.0), Target("x", ("p *", "q"), "c", 0.8)]
    known = {*peers(), "floor", "symfold native"}
    for target in parsed():
        assert target.case in CASES and target.ours in known and target.rivals(known)
        assert not any(rival.startswith("symfold") for rival in target.rivals(known))
    block = Block("training", "residual", "a", rounds={"x": [1.0, 1.0, 2.0], "p 1": [9.0, 8.0, 10.0], "p 2": [3.0, 3.0, 3.0], "z": [0.1] * 3})
    near, far = outcomes([block], parsed("x | p * | a 3\nx | p 1 | a 9\nx | p * | b 1\ny | p * | a 1"))
    assert (near.rival, near.ratio, near.met) == ("p 2", 3.0, True)
    assert (far.rival, far.ratio, far.met) == ("p 1", 8.0, False)


@pytest.mark.slow
def test_peers_are_imported_when_they_are_run() -> None:
    code = "import sys; from tests.benchmarks import report; report.peers(); print(*{'torch', 'jax', 'casadi', 'pytensor', 'autograd'} & set(sys.modules))"
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["residual 4096x8192x8", "transformer 512, 8 heads, T 256, batch 16, 8 blocks"])
def test_the_programs_of_the_gpu_table(name: str) -> None:
    """Equal losses by JAX and PyTorch by hand, and as many products as by hand; no numbers go to the host in a step."""
    pytest.importorskip("jax", reason="the extra 'jax' is not installed")
    pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    from tests.benchmarks import gpu

    model = gpu.ROWS[name][1]()
    found = gpu.evidence(model)
    assert [*found["losses"], gpu.torch_row(model)[1]] == pytest.approx([found["losses"][0]] * 3, rel=1e-4)
    assert found["symfold"]["dot"] == found["JAX scan"]["dot"]
    assert not {"infeed", "outfeed", "send", "recv"} & set(found["symfold"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["residual 4096x8192x8", "convolutions 64x56x56, batch 64, 16 blocks"])
def test_short_folds_on_a_gpu_have_the_products_of_steps_by_hand(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one loop, that over the steps of the training; the program is compiled for the CPU."""
    jax = pytest.importorskip("jax", reason="the extra 'jax' is not installed")
    from tests.benchmarks import gpu

    model = gpu.ROWS[name][1]()
    steps, weights, data = gpu.by_jax(model, True)
    by_hand = gpu.counted(steps.lower(weights, data).compile().as_text())
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    ours = gpu.evidence(model)["symfold"]
    assert all(ours.get(kind) == by_hand.get(kind) for kind in ("while", "dot", "convolution"))
    assert ours["while"] == 1 and ours["copy"] <= by_hand["copy"]


TINY = {
    "residual": partial(models.residual, 4, 5, 3),
    "transformer": partial(models.transformer, 8, 2, 4, 2, 2),
    "LSTM": partial(models.lstm, 4, 3, 5),
    "convolutions": partial(models.images, 3, 5, 2, 2),
}


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, marks=[] if row == "torch eager" else pytest.mark.slow)
        for row in steps.ROWS
        if row not in ("symfold numpy", "torch compiled")  # compiling takes a minute
    ],
)
@pytest.mark.parametrize("model", TINY)
def test_every_library_trains_the_same_model(model: str, row: str) -> None:
    """Losses over three steps, to 1e-9."""
    pytest.importorskip({"native": "llvmlite", "eager": "torch"}.get(row.split()[-1], "jax"))
    told = TINY[model]()
    wanted, found = ([float(step()) for _ in range(steps.LOSSES)] for step in (make(told, "float64") for make in (steps.ROWS["symfold numpy"], steps.ROWS[row])))
    assert steps.unequal(found, wanted, "float64") == ""
    assert "a loss of" in steps.unequal([found[0] + 1e-6, *found[1:]], wanted, "float64")
    assert "step 1 changed" in steps.unequal([found[0], found[1] + 1e-3 * (found[1] - found[0]), found[2]], wanted, "float64")


def kept_entry(row: str, seconds: float | None, **other: object) -> dict[str, object]:
    setting = {"table": "models", "case": "LSTM", "instructions": "AVX2", "threads": 1, "dtype": "float64", "held": True}
    return {**setting, "date": "2026-01-02", "cpu": "a processor", "version": "1.0", "row": row, "seconds": seconds, **other}


def test_what_was_measured_is_kept_until_it_is_measured_again(tmp_path: Path) -> None:
    old = [kept_entry("symfold native", 2.0), kept_entry("torch eager", 1.0), kept_entry("torch eager", 5.0, instructions="AVX-512")]
    new = [kept_entry("symfold native", 0.5, date="2026-02-01")]
    kept.write(kept.merged(old, new), tmp_path / "kept.json")
    read = kept.read(tmp_path / "kept.json")
    assert sorted((entry["row"], entry["seconds"]) for entry in read) == [("symfold native", 0.5), ("torch eager", 1.0), ("torch eager", 5.0)]
    assert kept.read(tmp_path / "none.json") == [] and kept_page.page([]) == ""


def test_what_is_faster_is_named_on_the_page() -> None:
    entries = [
        kept_entry("symfold native", 0.2),
        kept_entry("symfold native, its code alone", 0.001),
        kept_entry("torch eager", 0.1),
        kept_entry("jax scan", 0.4),
        kept_entry("torch compiled", None, skipped="not installed"),
        kept_entry("torch eager", 0.1, instructions="AVX-512"),
    ]
    assert [(peer["row"], ours["row"]) for peer, ours in kept.faster(entries)] == [("torch eager", "symfold native")]
    text = kept_page.page(entries)
    assert "torch eager in LSTM (AVX2 (held), 1 thread, float64): 2.00 times as fast as symfold native" in text
    assert "| torch eager | 100 ms (0.5) | 100 ms |" in text and "torch compiled: not installed (LSTM)" in text


def test_a_process_is_held_by_every_librarys_own_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "processor", lambda: "AVX-512")
    free, bound = (held.environment(level, 1) for level in held.LEVELS[::-1])
    assert {name for name in bound if bound.get(name) != free.get(name)} == {*held.LEVEL_256, "NPY_DISABLE_CPU_FEATURES", "XLA_FLAGS"}
    assert "--xla_cpu_max_isa=AVX2" in bound["XLA_FLAGS"] and bound["OMP_NUM_THREADS"] == "1"


@pytest.mark.slow
def test_rows_run_in_processes_of_their_own(tmp_path: Path) -> None:
    level = held.processor()
    each.main(["--quick", "--cases", "evaluation, depth 10", "97 *", "--rows", "symfold numpy", "symfold fit", "--instructions", level, "--threads", "1", "--json", str(tmp_path / "kept.json")])
    entries = kept.read(tmp_path / "kept.json")
    assert [(entry["table"], entry["row"], entry["seconds"] > 0) for entry in entries] == [("calls", "symfold numpy", True), ("digits", "symfold fit", True)]


def test_rows_that_count_imports_start_without_them() -> None:
    """What a row of a training or of a long net imports is in its time, symfold's own rows included."""
    code = "import sys, tests.benchmarks.each, tests.benchmarks.digits, tests.benchmarks.long_nets; print({'symfold', 'sympy', 'torch', 'sklearn'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    assert done.stdout.strip() == "set()"
