"""The benchmarks run, compare results before they time them, and judge their targets; nothing here is timed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import symfold as sf
from symfold.core.nodes import walk
from symfold.core.primitives import dot, is_primitive
from symfold.transform.inlining import inlined
from symfold.transform.rolling import without_single_steps
from tests.benchmarks import page, report
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
    from tests.benchmarks.gpu_nets import ROWS

    problem = ROWS[name][1]()
    found = gpu.evidence(problem)
    assert [*found["losses"], gpu.torch_row(problem)[1]] == pytest.approx([found["losses"][0]] * 3, rel=1e-4)
    assert found["symfold"]["dot"] == found["JAX scan"]["dot"]
    assert not {"infeed", "outfeed", "send", "recv"} & set(found["symfold"])
