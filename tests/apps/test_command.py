"""The command: what each subcommand prints, and that a mistake ends in one line."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from commands import call, printed, printed_json
from safetensors import safe_open

import symfold as sf
from symfold.apps.command.color import paint
from symfold.apps.command.main import COMMANDS, _complain, main
from symfold.mappers import ARCHITECTURES, MAPPERS

ROOT = Path(__file__).parents[2]
DIABETES = str(ROOT / "examples" / "diabetes.csv")


def shell(*args: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run the command as a program of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "symfold", *args]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False, **settings)


# ---------------------------------------------------------------- help


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from symfold.apps.command.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'sympy', 'numpy', 'networkx', 'graphviz', 'symfold.core.nodes', 'symfold.apps.command.formula'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_shows_help_with_an_example(name: str) -> None:
    text = printed(name, "--help")
    assert f"symfold {name}" in text.split("Example")[1]
    assert "--json" in text


def test_no_arguments_show_the_help() -> None:
    assert printed() == printed("--help")
    assert printed("--version") == f"symfold {sf.__version__}\n"


def test_every_option_stands_once_in_the_help_and_under_one_name() -> None:
    """Options of one name mean one thing: the same argument of the function, and the same short form."""
    names: dict[str, tuple[str | None, list[str]]] = {}
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        text = printed(name, "--help")
        for option in command.params:
            if isinstance(option, click.Option):
                long = option.opts[-1]
                assert len(re.findall(rf"^  (?:-\w, )?{long}(?: \S+)?(?:  |$)", text, flags=re.MULTILINE)) == 1, (name, long)
                assert names.setdefault(long, (option.name, option.opts)) == (option.name, option.opts)
        assert not {"TEXT", "INTEGER", "RANGE", "FLOAT"} & set(re.findall(r"[A-Z]+", text)), text


def test_each_command_stands_under_one_heading() -> None:
    text = printed("--help")
    assert all(text.count(f"\n  {name} ") == 1 and f"\n{heading}:\n" in text for name, (_, heading, _) in COMMANDS.items())


def completed(line: str, shell: str = "bash") -> list[str]:
    """What a shell offers at the end of a line."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    number = {"COMP_CWORD": str(len(words) - 1)} if shell != "fish" else {"COMP_CWORD": words[-1]}
    result = CliRunner().invoke(main, [], env={"COMP_WORDS": shlex.join(words), "_SYMFOLD_COMPLETE": f"{shell}_complete", **number})
    assert result.exit_code == 0 and not result.stderr
    return result.stdout.split()


COMPLETIONS = [
    ("symfold com", ["compare"]),
    ("symfold formula lst", ["lstm"]),
    ("symfold compare residual multiplicative_", ["multiplicative_boosting"]),
    ("symfold sweep residual lst", ["lstm"]),
    ("symfold formula residual --style ", ["text", "unicode", "latex", "mathml"]),
    ("symfold train residual --optimizer adam", ["adam", "adamw"]),
    ("symfold train residual --backend n", ["numpy", "native"]),
    ("symfold graph residual --level s", ["step"]),
    ("symfold graph residual --format mer", ["mermaid"]),
    (f"symfold train residual --data {DIABETES} --target b", ["bmi", "bp"]),
    ("symfold train residual --data none.csv --target ", []),
    ("symfold train residual --target ", []),
    ("symfold inspect lst", []),
]


@pytest.mark.parametrize(("line", "names"), COMPLETIONS, ids=[line[8:40] for line, _ in COMPLETIONS])
def test_completion(line: str, names: list[str]) -> None:
    assert completed(line) == [f"plain,{name}" for name in names]


def test_completion_in_every_shell_and_of_files() -> None:
    assert completed("symfold formula lst", "zsh")[:2] == ["plain", "lstm"]
    assert completed("symfold formula lst", "fish")[0].startswith("plain,lstm")
    assert completed("symfold eval model") == ["file,model"] and completed("symfold eval lst") == ["plain,lstm"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("settings", "colored"), [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colors_are_for_terminals_that_want_them(settings: dict[str, str], colored: bool, monkeypatch: Any) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in paint("text", Terminal(), fg="red")) == colored
    assert paint("text", io.StringIO(), fg="red") == "text"
    monkeypatch.setattr(sys, "stderr", Terminal())
    _complain("cannot read 'y'", ["    y\n    ^"])
    plain = "symfold: cannot read 'y'\n    y\n    ^\n"
    shown = sys.stderr.getvalue()
    assert click.unstyle(shown) == plain and (shown != plain) == colored


# ---------------------------------------------------------------- names, formulas, graphs, pictures


def test_list() -> None:
    assert all(name in printed("list") for name in MAPPERS)
    assert [row["name"] for row in printed_json("list", "mappers")] == list(MAPPERS)
    assert [row["name"] for row in printed_json("list", "architectures")] == list(ARCHITECTURES)
    assert "tanh" in printed("list", "functions")
    assert "sigmoid" in printed("list", "activations")
    for what in ("formats", "forms", "styles"):
        assert printed_json("list", what)


FORMULAS = [
    (("residual", "--depth", "3", "--form", "expanded"), "f3(f2(f1(x) + x) + f1(x) + x) + f2(f1(x) + x) + f1(x) + x"),
    (("f(z) + z", "--depth", "2", "--form", "expanded"), "f2(f1(x) + x) + f1(x) + x"),
    (("z + f(x)", "--depth", "3", "--init", "0", "--form", "expanded"), "f1(x) + f2(x) + f3(x)"),
    (("f(z)", "--depth", "2", "--layer", "g", "--form", "expanded"), "g2(g1(x))"),
    (("f(z)", "--depth", "0", "--form", "expanded"), "x"),
    (("residual", "--depth", "2", "--form", "steps"), "z1 = f1(x) + x\nz2 = f2(z1) + z1"),
    (("z + s(z)*(f(z) - z)", "--depth", "2", "--form", "expanded"), "x + s1(x)*(f1(x) - x) + s2(x + s1(x)*(f1(x) - x))*(f2(x + s1(x)*(f1(x) - x)) - (x + s1(x)*(f1(x) - x)))"),
    (("z[0] + f(z[1]), z[1] + g(z[0])", "--depth", "1", "--form", "steps"), "z1 = x + f1(y)\nw1 = y + g1(x)"),
    (("z[0] + f(z[1]), z[1] + g(z[0])", "--depth", "1", "--form", "steps", "--init", "x, 0"), "z1 = x + f1(0)\ny1 = g1(x)"),
    (("g(z)", "--depth", "2", "--form", "expanded"), "g2(g1(x))"),
    (("g(z)", "--depth", "2", "--form", "expanded", "--layer", "h"), "h2(h1(x))"),
]


def test_an_expression_that_begins_with_a_minus() -> None:
    assert printed("formula", "--depth", "1", "--form", "expanded", "--", "-z + f(z)").strip() == "-x + f1(x)"


@pytest.mark.parametrize(("args", "expected"), FORMULAS, ids=[" ".join(args) for args, _ in FORMULAS])
def test_formula(args: tuple[str, ...], expected: str) -> None:
    assert printed("formula", *args).strip() == expected
    assert printed_json("formula", *args)["formula"].strip() == expected


@pytest.mark.parametrize("style", ["text", "unicode", "latex", "mathml"])
@pytest.mark.parametrize("form", ["fold", "steps", "expanded"])
def test_formula_is_that_of_the_library(form: str, style: str) -> None:
    x = sf.tensor("x")
    expected = str(sf.formula(sf.fold(sf.mappers.residual, sf.layers("f", count=3), x), form=form, style=style))
    args = ("formula", "residual", "--depth", "3", "--form", form, "--style", style)
    assert printed(*args).strip() == expected.strip()
    assert printed_json(*args)["formula"].strip() == expected.strip()


def test_values_used_twice_are_written_out_on_request() -> None:
    assert printed("formula", "f(z)*(f(z) + z)", "--depth", "n").startswith("u_k = f_k(z_{k-1})\nz_k = u_k*(u_k + z_{k-1}), ")
    assert printed("formula", "f(z)*(f(z) + z)", "--depth", "n", "--inline").startswith("z_k = f_k(z_{k-1})*(f_k(z_{k-1}) + z_{k-1}), ")
    assert printed("backward", "f(z)*(f(z) + z)", "--depth", "2", "--form", "steps", "--inline").count("\n") > 2


@pytest.mark.parametrize("depth", ["n", "1000000"])
def test_folded_formulas_of_any_depth(depth: str) -> None:
    assert "f_k(z_{k-1})" in printed("formula", "residual", "--depth", depth).replace("f[k]", "f_k")
    assert printed("backward", "residual", "--depth", depth)


def test_steps_are_bounded_and_the_bound_can_be_set() -> None:
    assert len(printed("formula", "residual", "--depth", "20", "--form", "steps").splitlines()) == 20
    refused = call("formula", "residual", "--depth", "20", "--form", "steps", "--max-ops", "10").stderr
    assert "20 equations" in refused and refused.endswith("(give --form fold or --max-ops 20)\n")
    assert len(printed("formula", "residual", "--depth", "20", "--form", "steps", "--max-ops", "20").splitlines()) == 20


@pytest.mark.slow
def test_symbols_and_labels_are_those_of_the_library() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    expected = sf.formula(net, style="latex", names={"z": r"\mathbf{h}"}, label="net")
    assert printed("formula", "residual", "--style", "latex", "--names", r"z=\mathbf{h}", "--label", "net").rstrip() == expected
    both = {"z": "h_{0,1}", "f": "F"}
    assert printed("formula", "residual", "--style", "latex", "--names", "z=h_{0,1},f=F").rstrip() == sf.formula(net, style="latex", names=both)
    back = sf.formula(sf.adjoint(net), style="latex", names=both, label="net")
    assert printed("backward", "residual", "--style", "latex", "--names", "z=h_{0,1}, f=F", "--label", "net").rstrip() == back
    assert printed("graph", "residual", "--format", "tikz", "--names", "f=F").rstrip() == sf.export.to_text(net, "tikz", names={"f": "F"}).rstrip()


def test_an_expanded_formula_is_streamed() -> None:
    done = shell("formula", "residual", "--depth", "16", "--form", "expanded")
    assert done.returncode == 0 and len(done.stdout) > 500_000
    line = [sys.executable, "-m", "symfold.apps.command.main", "formula", "residual", "--depth", "60", "--form", "expanded"]
    with subprocess.Popen(
        line, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as endless:
        assert endless.stdout is not None and endless.stderr is not None
        assert endless.stdout.read(4) == b"f60("
        endless.stdout.close()  # the reader has seen enough: the writer ends quietly
        assert endless.stderr.read() == b""
        assert endless.wait(timeout=30) == 0


def test_a_typed_pair_is_the_architecture_that_it_writes() -> None:
    typed = "z[0] + f(z[1]), z[1] + g(z[0] + f(z[1]))"
    for subcommand in ("formula", "backward"):
        assert printed(subcommand, typed, "--depth", "n") == printed(subcommand, "coupling", "--depth", "n")
    assert call("compare", typed, "coupling", "--depth", "2", "--exit-code").exit_code == 0


def test_backward() -> None:
    x = sf.tensor("x")
    net = sf.adjoint(sf.fold(sf.mappers.residual, sf.layers("f", count=3), x))
    assert printed("backward", "residual", "--depth", "3").strip() == str(sf.formula(net, form="fold")).strip()
    assert printed_json("backward", "residual", "--depth", "3")["mapper"] == "residual"


@pytest.mark.parametrize(
    ("args", "last"),
    [
        (("residual", "--depth", "1"), "a_0 = a + f1'(z_0)^T a"),
        (("residual", "--depth", "1", "--form", "steps"), "a0 = a + f1'(x)^T a"),
        (("residual", "--depth", "a"), "g_{k-1} = g_k + f_k'(z_{k-1})^T g_k, k = a..1, g_a = g"),
    ],
)
def test_what_runs_backward_is_numbered_backward(args: tuple[str, ...], last: str) -> None:
    assert printed("backward", *args).splitlines()[-1] == last


def test_graph(tmp_path: Path) -> None:
    from symfold.show.export import to_text

    net = sf.fold(sf.mappers.residual, sf.layers("f", count=3), sf.tensor("x"))
    for format_ in ("dot", "graphml", "json", "mermaid", "tikz"):
        text = printed("graph", "residual", "--depth", "3", "--format", format_)
        assert text.strip() == to_text(net, format_, "layer").strip()
    assert printed_json("graph", "residual") == json.loads(to_text(net, "json", "layer"))
    path = tmp_path / "net.graphml"
    assert printed("graph", "residual", "--level", "step", "--format", "graphml", "-o", str(path)) == ""
    assert ET.parse(path).getroot().tag.endswith("graphml")


def test_draw(tmp_path: Path) -> None:
    path = tmp_path / "net.svg"
    assert str(path) in printed("draw", "residual", "--depth", "4", "-o", str(path))
    assert ET.parse(path).getroot().tag.endswith("svg")
    assert printed_json("draw", "boosting", "--level", "step", "-o", str(path))["level"] == "step"
    assert str(path) in printed("draw", "boosting", "--depth", "200", "--level", "fold", "-o", str(path))
    assert [p.name for p in tmp_path.iterdir()] == ["net.svg"]


# ---------------------------------------------------------------- numbers


def sigmoid(value: Any) -> Any:
    return 1 / (1 + np.exp(-value))


def test_eval_is_the_loop_written_by_hand() -> None:
    report = printed_json("eval", "residual", "--depth", "3", "--x", "1,2,3;4,5,6", "--seed", "7")
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    params = net.init(seed=7)
    z = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for k in range(1, 4):
        z = sigmoid(z @ params[f"W{k}"] + params[f"b{k}"]) + z
    assert np.allclose(report["value"], z, rtol=1e-12)
    text = printed("eval", "residual", "--depth", "3", "--x", "1,2,3;4,5,6", "--seed", "7")
    assert np.allclose([[float(v) for v in row] for row in csv.reader(text.splitlines())], z, rtol=1e-12)


def test_eval_with_one_function_for_every_layer() -> None:
    value = printed_json("eval", "z * f(z)", "--depth", "2", "--x", "0.5", "--layers", "tanh")["value"][0][0]
    z = 0.5 * np.tanh(0.5)
    assert value == pytest.approx(z * np.tanh(z), rel=1e-12)
    assert printed_json("eval", "f(z) / z", "--depth", "1", "--x", "0", "--layers", "tanh")["value"] == [[None]]


@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_eval_with_several_layers_and_a_state_of_two_parts(backend: str) -> None:
    args = ("--x", "0.5", "--layers", "tanh", "--depth", "2", "--backend", backend)
    z = 0.5
    a, b = 0.5, 0.0
    for _ in range(2):
        z = z + np.tanh(z) * (np.tanh(z + 1) - z)
        a, b = a + 0.5 * b, b + np.tanh(a)
    assert printed_json("eval", "z + s(z)*(f(z + 1) - z)", *args)["value"] == [[pytest.approx(z, rel=1e-12)]]
    assert printed_json("eval", "z[0] + z[1]/2, z[1] + f(z[0])", *args)["value"] == [[pytest.approx(a, rel=1e-12)]]


@pytest.mark.parametrize("what", [("residual", "--x", "1,2"), ("z * f(z)", "--x", "0.5", "--layers", "tanh")])
def test_an_output_takes_what_would_be_printed(what: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "values"
    for more, said in (((), f"1 row written: {path}\n"), (("--json",), "")):
        assert printed("eval", *what, *more, "-o", str(path)) == said
        assert path.read_text() == printed("eval", *what, *more)


def test_train_then_eval(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    report = printed_json("train", "residual", "--depth", "10", "--data", DIABETES, "--target", "target", "-o", str(path))
    error, baselines = report["error"], report["baselines"]
    assert report["rows"] == {"train": 354, "test": 88}
    assert error["test"] < 0.75 * baselines["mean"]["test"]
    assert error["test"] < 1.03 * baselines["linear"]["test"]
    assert error["train"] < 1.03 * baselines["linear"]["train"]

    predicted = printed_json("eval", str(path), "--data", DIABETES)["predictions"]
    with open(DIABETES) as file:
        target = [float(row["target"]) for row in csv.DictReader(file)]
    with safe_open(path, "np") as saved:
        about = json.loads(saved.metadata()["model"])
    test = about["test_rows"]
    assert sorted([*test, *about["train_rows"]]) == list(range(442))
    assert about["mapper"] == "residual" and about["columns"][:2] == ["age", "sex"]
    differences = (np.array(predicted) - target)[test]
    assert np.sqrt(np.mean(differences**2)) == pytest.approx(error["test"], rel=1e-12)

    rows = printed("eval", str(path), "--data", DIABETES).splitlines()
    assert rows[0] == "predicted target" and [float(row) for row in rows[1:]] == predicted
    out = tmp_path / "predicted.csv"
    assert "442 predictions" in printed("eval", str(path), "--data", DIABETES, "-o", str(out))
    assert out.read_text().splitlines() == rows


def test_a_column_that_is_constant_up_to_rounding_predicts_no_huge_numbers(tmp_path: Path) -> None:
    """Where it changes in new data it counts in its own unit, and is not a deviation of 1e16."""
    train, new, model = (tmp_path / name for name in ("train.csv", "new.csv", "model.safetensors"))
    train.write_text("a,b,y\n" + "".join(f"{k},{0.1 if k % 2 else 0.1 + 2**-56},{k}\n" for k in range(20)))
    new.write_text("a,b\n3,0.1\n3,0.2\n")
    printed("train", "residual", "--depth", "2", "--data", str(train), "--target", "y", "-o", str(model))
    first, second = printed_json("eval", str(model), "--data", str(new))["predictions"]
    assert abs(first - second) < 20


@pytest.mark.parametrize("more", [(), ("--json",), ("-o", "predictions.csv")])
def test_predictions_that_are_not_finite_are_not_printed(tmp_path: Path, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.csv").write_text("a,y\n" + "".join(f"{k},{k}\n" for k in range(20)))
    Path("new.csv").write_text("a\n3\n1e200\n")
    printed("train", "z * z", "--depth", "2", "--rate", "1e-6", "--epochs", "1", "--data", "train.csv", "--target", "y", "-o", "model.safetensors")
    result = call("eval", "model.safetensors", "--data", "new.csv", *more)
    assert result.exit_code == 2 and not Path("predictions.csv").exists()
    assert "gives no finite prediction for 1 of 2 rows of 'new.csv', the first in row 2 under the header: " in result.stderr


def test_the_baselines_by_another_route() -> None:
    args = ("train", "f(z)", "--depth", "0", "--epochs", "1", "--data", DIABETES, "--target", "target")
    report = printed_json(*args, "--seed", "3")
    from symfold.apps.data import read_table, split_rows

    table = read_table(DIABETES)
    train, test = split_rows(442, 0.2, 3)
    values, target = table.values[:, :-1], table.values[:, -1]
    assert report["baselines"]["mean"]["train"] == pytest.approx(target[train].std())
    wide = np.column_stack([np.ones(len(train)), values[train]])
    best = np.linalg.solve(wide.T @ wide, wide.T @ target[train])
    guess = np.column_stack([np.ones(len(test)), values[test]]) @ best
    assert report["baselines"]["linear"]["test"] == pytest.approx(np.sqrt(np.mean((guess - target[test]) ** 2)), rel=1e-6)


def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    args = ["train", "boosting", "--depth", "2", "--epochs", "3", "--data", DIABETES, "--target", "target"]
    first, again = printed_json(*args, "--seed", "5"), printed_json(*args, "--seed", "5")
    assert first == again and first["error"] != printed_json(*args, "--seed", "6")["error"]
    for name in ("a.safetensors", "b.safetensors"):
        printed(*args, "-o", str(tmp_path / name))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_report_for_people() -> None:
    text = printed("train", "z + f(z)", "--depth", "2", "--epochs", "2", "--data", DIABETES, "--target", "target")
    assert all(words in text for words in ("this net", "least squares", "training mean", "train", "test"))


# ---------------------------------------------------------------- mistakes

TABLES = {
    "good.csv": "a,b,y\n" + "".join(f"{k},{k * k % 7},{k % 5}\n" for k in range(20)),
    "empty.csv": "",
    "header.csv": "a,y\n",
    "few.csv": "a,y\n1,2\n3,4\n",
    "alone.csv": "y\n1\n2\n3\n",
    "ragged.csv": "a,y\n1,2\n3\n",
    "words.csv": "a,y\n1,2\n3,four\n",
    "nan.csv": "a,y\n1,2\nnan,4\n",
    "hole.csv": "a,y\n1,2\n,4\n",
    "twice.csv": "a,a\n1,2\n",
    "nameless.csv": "a,\n1,2\n",
    "huge.csv": "a,y\n1e308,1\n-1e308,2\n1e308,3\n-1e308,1\n",
    "foreign.safetensors": "this is not an archive",
}
TRAIN = ("train", "residual", "--target", "y", "--data")
SWEEP = ("sweep", "residual", "--target", "y", "--data", "good.csv")
TO_FILE = ("-o", "out.safetensors")

MISTAKES: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("nope",), ("'nope'", "formula")),
    (("formla",), ("'formla'", "did you mean formula?")),
    (("formula", "residual", "--dept", "3"), ("--dept", "--depth")),
    (("--nope",), ("--nope",)),
    (("formula",), ("MAPPER",)),
    (("formula", "-z + f(z)"), ("option", "--")),
    (("plot",), ("'plot'", "did you mean draw?")),
    (("report", "residual"), ("'report'", "did you mean compare -o report.html?")),
    (("formula", "resnet"), ("'resnet'", "did you mean 'residual'?")),
    (("formula", "qqq"), ("'qqq'", "'residual'", "expression")),
    (("formula", "f(z) + "), ("f(z) +", "invalid syntax")),
    (("formula", "__import__('os').system('touch bad')"), ("attribute",)),
    (("formula", "z.__class__"), ("attribute",)),
    (("formula", "[f(z) for z in x]"), ("comprehension",)),
    (("formula", "9**9**9"), ("powers",)),
    (("formula", "(" * 400), ("nested",)),
    (("formula", "residual", "--depth", "-1"), ("--depth", "-1")),
    (("formula", "residual", "--depth", "2.5"), ("2.5", "whole number")),
    (("formula", "residual", "--depth", "9" * 5000), ("depth", "too large", "10**18")),
    (("formula", "residual", "--depth", "t"), ("'t'", "something else", "is n")),
    (("compare", "residual", "boosting", "--depth", "d"), ("'d'", "something else", "is n")),
    (("formula", "residual", "--depth", ""), ("depth",)),
    (("formula", "residual", "--depth", "n", "--form", "expanded"), ("the depth n", "(give --depth 10)")),
    (("formula", "residual", "--depth", "n", "--form", "steps"), ("the depth n", "(give --depth 10)")),
    (("formula", "residual", "--max-ops", "5"), ("--max-ops has no effect on --form fold",)),
    (("formula", "residual", "--form", "expanded", "--max-ops", "5"), ("--max-ops has no effect on --form expanded",)),
    (("backward", "residual", "--max-ops", "5"), ("--max-ops has no effect",)),
    (("backward", "residual", "--init", "0"), ("no x", "--init x")),
    (("graph", "residual", "--json", "--format", "dot"), ("--format has no effect beside --json",)),
    (("graph", "residual", "--depth", "n"), ("the depth n", "(give --level fold or --depth 10)")),
    (("eval", "foreign.safetensors", "--data", "good.csv", "--depth", "2"), ("--depth has no effect on a trained model",)),
    (("eval", "foreign.safetensors", "--data", "good.csv", "--seed", "2"), ("--seed has no effect",)),
    (("eval", "foreign.safetensors", "--data", "good.csv", "--layers", "tanh"), ("--layers has no effect",)),
    (("eval", "foreign.safetensors", "--data", "good.csv", "--activation", "tanh"), ("--activation has no effect",)),
    (("eval", "residual", "--x", "1", "--layers", "tanh", "--seed", "1"), ("--seed has no effect on --layers tanh",)),
    (("eval", "residual", "--x", "1", "--layers", "tanh", "--activation", "tanh"), ("--activation has no effect",)),
    (("draw", "residual", "--depth", "1000", "--level", "layer"), ("2,002 nodes and 3,001 edges", "--level fold or --depth 10 or --max-size 6003")),
    (("draw", "residual", "--depth", "9" * 12, "--level", "step"), ("steps", "(give --level fold or --depth 10)")),
    (("draw", "boosting", "--depth", "4", "--level", "layer", "--max-size", "9"), ("over the bound of 9", "--max-size")),
    ((*TRAIN, "good.csv", "--rate", "1e9"), ("the loss became", "(give --rate 1e+08)")),
    (("train", "3", "--target", "y", "--data", "good.csv"), ("the mapper '3' gives the same number for every row", "'f(z) + z'")),
    (("train", "f(z, x)", "--target", "y", "--data", "good.csv"), ("a layer of the fold takes 1 argument, and got 2",)),
    (("eval", "f(z, x)", "--x", "1,2"), ("a layer of the fold takes 1 argument, and got 2",)),
    ((*TRAIN, "good.csv", "-o", "model.txt"), ("-o model.txt", "ends in .safetensors")),
    ((*TRAIN, "good.csv", "-o", "model.npz"), ("-o model.npz", "models are safetensors files", "ends in .safetensors")),
    (("eval", "foreign.NPZ", "--data", "good.csv"), ("cannot read 'foreign.NPZ'",)),
    (("formula", "residual", "--depth", "x"), ("--depth x", "x is the input", "--depth n")),
    (("backward", "residual", "--layer", "h", "--depth", "h"), ("--depth h", "h is the layers' name")),
    (("formula", "residual", "--form", "other"), ("'other'", "expanded")),
    (("formula", "residual", "--style", "word"), ("'word'", "latex")),
    (("formula", "residual", "--layer", "f 1"), ("'f 1'",)),
    (("formula", "residual", "--init", "y"), ("'y'", "number")),
    (("formula", "residual", "--init", "nan"), ("nan",)),
    (("formula", "z[1], f(z[0])", "--init", "0"), ("--init '0' gives 1 value for a state of 2 parts (write x,0)",)),
    (("formula", "residual", "--init", "x,0"), ("--init 'x,0' gives 2 values for a state of 1 part (write x)",)),
    (("formula", "f(z)*g(z)", "--layer", "h"), ("--layer has no effect on 'f(z)*g(z)', which names 2 layers",)),
    (("formula", "f(z)*s(z)", "--depth", "s"), ("--depth s", "s is the layers' name")),
    (("formula", "z[1], z[2], f(z[0])", "--depth", "w"), ("--depth w", "w is an initial state")),
    (("formula", "z + s(z)*tahn(z)"), ("'tahn', which is not a function here (did you mean tan or tanh", )),
    (("graph", "residual", "--format", "word"), ("'word'",)),
    (("graph", "residual", "--level", "deep"), ("'deep'", "layer")),
    (("graph", "residual", "-o", "no/where.dot"), ("no folder",)),
    (("draw", "residual", "-o", "net.xyz"), (".xyz", ".svg")),
    (("draw", "residual", "-o", "no/where.svg"), ("no folder",)),
    (("draw", "residual", "--level", "deep", "-o", "net.svg"), ("'deep'",)),
    (("backward", "resnet"), ("'resnet'",)),
    (("eval", "residual"), ("--x",)),
    (("eval", "residual", "--x", "1,two"), ("two", "numbers")),
    (("eval", "residual", "--x", "1,2;3"), ("every row",)),
    (("eval", "residual", "--x", "inf"), ("finite",)),
    (("eval", "residual", "--x", "1", "--depth", "n"), ("--depth n",)),
    (("eval", "residual", "--x", "1", "--depth", "9" * 12), ("--depth", "1,000,000")),
    (("formula", "residual", "--form", "expanded", "--depth", "9" * 12), ("--depth", "--form fold")),
    (("backward", "residual", "--form", "expanded", "--depth", "9" * 12), ("--depth", "--form fold")),
    (("graph", "residual", "--depth", "1000000"), ("--depth", "--level fold")),
    (("train", "residual", "--target", "y", "--data", "good.csv", "--depth", "9" * 12, *TO_FILE), ("--depth",)),
    (("eval", "residual", "--x", "1", "--layers", "deep"), ("'deep'", "'dense'")),
    (("eval", "residual", "--x", "1", "--activation", "deep"), ("'deep'", "'sigmoid'")),
    (("eval", "f(z, x)", "--x", "1"), ("argument",)),
    (("eval", "foreign.safetensors"), ("--data",)),
    (("eval", "none.npz", "--data", "good.csv"), ("none.npz", "no such file")),
    (("eval", "foreign.safetensors", "--data", "good.csv"), ("foreign.safetensors", "not a complete safetensors file")),
    (("eval", "good.csv", "--x", "1"), ("good.csv is neither a mapper nor a model", "--data takes a table")),
    (("inspect", "models/nets.py:gpt"), ("names a file, not a module (write models.nets:gpt)",)),
    (("inspect", "models/nets.py"), ("'models/nets.py' names no factory (write models.nets:FACTORY)",)),
    (("list", "everything"), ("'everything'", "mappers")),
    (("sweep", "residual"), ("--data",)),
    ((*SWEEP, "--depth", "1,two"), ("'1,two'", "list of whole numbers")),
    ((*SWEEP, "--seed", "3:3"), ("'3:3'",)),
    ((*SWEEP, "--depth", ""), ("''", "list of whole numbers")),
    ((*SWEEP, "--rate", "fast"), ("'fast'", "list of numbers")),
    (("sweep", "residual", "resnet", *SWEEP[2:], *TO_FILE), ("'resnet'", "'residual'")),
    ((*SWEEP, "--optimizer", "sgd,adum", *TO_FILE), ("'adum'", "'adam'")),
    ((*SWEEP, "-o", "good.csv"), ("it is the file that is read",)),
    ((*SWEEP, "-o", "no/where.jsonl"), ("no folder 'no'",)),
    (("sweep", "residual", "--data", "good.csv", "--target", "z"), ("'z'", "a, b, y")),
    (("sweep", "residual", "--data", "none.csv", "--target", "y"), ("none.csv", "no such file")),
    (("train", "residual"), ("--data",)),
    ((*TRAIN, "none.csv", *TO_FILE), ("none.csv", "no such file")),
    ((*TRAIN, ".", *TO_FILE), ("directory",)),
    ((*TRAIN, "empty.csv", *TO_FILE), ("empty.csv", "is empty")),
    ((*TRAIN, "header.csv", *TO_FILE), ("header.csv", "no rows")),
    ((*TRAIN, "few.csv", *TO_FILE), ("2 rows", "too few")),
    ((*TRAIN, "alone.csv", *TO_FILE), ("no column besides 'y'",)),
    ((*TRAIN, "ragged.csv", *TO_FILE), ("ragged.csv", "line 3")),
    ((*TRAIN, "words.csv", "--task", "regression", *TO_FILE), ("row 2", "'y'", "'four'")),
    ((*TRAIN, "nan.csv", *TO_FILE), ("line 3", "'a'", "'nan'")),
    ((*TRAIN, "hole.csv", *TO_FILE), ("line 3", "'a'", "empty")),
    ((*TRAIN, "twice.csv", *TO_FILE), ("two columns", "'a'")),
    ((*TRAIN, "nameless.csv", *TO_FILE), ("column 2",)),
    ((*TRAIN, "huge.csv", *TO_FILE), ("too large",)),
    ((*TRAIN, "foreign.safetensors", *TO_FILE), ("foreign.safetensors", "no column 'y'")),
    (("train", "residual", "--target", "z", "--data", "good.csv", *TO_FILE), ("'z'", "a, b, y")),
    ((*TRAIN, "good.csv", "-o", "no/where.safetensors"), ("no folder 'no'",)),
    ((*TRAIN, "good.csv", "-o", "."), ("is a folder",)),
    ((*TRAIN, "good.csv", "--depth", "n", *TO_FILE), ("--depth n",)),
    ((*TRAIN, "good.csv", "--activation", "deep", *TO_FILE), ("'deep'",)),
    ((*TRAIN, "good.csv", "--test-fraction", "1", *TO_FILE), ("test fraction",)),
    ((*TRAIN, "good.csv", "--rate", "0", *TO_FILE), ("--rate",)),
    ((*TRAIN, "good.csv", "--validation", "nan", *TO_FILE), ("validation=nan",)),
    ((*TRAIN, "good.csv", "--test-fraction", "nan", *TO_FILE), ("test fraction", "nan")),
    ((*TRAIN, "good.csv", "--rate", "nan", *TO_FILE), ("rate=nan",)),
    ((*TRAIN, "good.csv", "--rate", "1e9", *TO_FILE), ("step", "rate")),
    ((*TRAIN, "good.csv", "--epochs", "0", *TO_FILE), ("--epochs",)),
    (("train", "f(z, x)", "--target", "y", "--data", "good.csv", *TO_FILE), ("argument",)),
]


def complaint(stderr: str) -> str:
    """The one line of a mistake; below it, an expression may be shown with carets under the wrong place."""
    line, *note = stderr.removesuffix("\n").split("\n")
    assert line.startswith("symfold: ") and line.isprintable() and len(line) < 1100, stderr
    if note:
        shown, carets = note
        assert "cannot read" in line and shown.isprintable() and len(shown) < 90 and re.fullmatch(r" {4,}\^+", carets), stderr
    return line


@pytest.mark.parametrize(("args", "words"), MISTAKES, ids=[" ".join(args)[:60] for args, _ in MISTAKES])
def test_a_mistake_ends_in_one_line(args: tuple[str, ...], words: tuple[str, ...], tmp_path: Path, monkeypatch: Any) -> None:
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    result = call(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert all(word in complaint(result.stderr) for word in words), result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(TABLES), "a file was left"


@pytest.mark.parametrize(("status", "code"), [(("done", "done"), 0), (("done", "failed"), 1), (("killed", "done"), 1)])
def test_a_sweep_with_a_failed_trial_shows_it_and_ends_with_1(status: tuple[str, ...], code: int, tmp_path: Path, monkeypatch: Any) -> None:
    from symfold.apps.sweeps.records import Record
    from symfold.apps.sweeps.results import Sweep

    found = Sweep(tuple(Record("t", {"depth": k}, each, error="" if each == "done" else "E: why") for k, each in enumerate(status)))
    monkeypatch.setattr("symfold.apps.sweeps.run.sweep", lambda *grid, **settings: found)
    (tmp_path / "good.csv").write_text(TABLES["good.csv"])
    monkeypatch.chdir(tmp_path)
    result = call(*SWEEP)
    assert (result.exit_code, result.stdout) == (code, f"{found}\n")
    assert all(each in result.stdout for each in status) and ("E: why" in result.stdout) == bool(code)


def test_an_expression_is_shown_with_carets_under_the_mistake() -> None:
    for line in (("formula",), ("eval", "--x", "1"), ("train", "--data", DIABETES, "--target", "target"), ("compare", "residual")):
        result = call(*line, "z + s(z)*(f(z) - alpha)")
        assert result.exit_code == 2 and result.stderr.split("\n")[1:] == ["    z + s(z)*(f(z) - alpha)", "                     ^^^^^", ""]


def test_a_mistake_in_a_program_of_its_own(tmp_path: Path) -> None:
    done = shell("train", "residual", "--data", "none.csv", "--target", "y", "-o", "out.safetensors", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "symfold: cannot read 'none.csv': no such file or directory\n"
    assert not list(tmp_path.iterdir())


def test_no_memory_is_no_bug(monkeypatch: Any) -> None:
    import symfold.apps.command.list as module

    def full() -> Any:
        raise MemoryError("Unable to allocate 8 EiB")

    monkeypatch.setitem(module.TABLES, "mappers", full)
    result = call("list")
    assert (result.exit_code, result.stderr) == (1, "symfold: not enough memory (Unable to allocate 8 EiB)\n")


# ---------------------------------------------------------------- the environment

PROGRAM = f"{shlex.quote(sys.executable)} -m symfold"
posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")

FAILURES = {
    "a full disk": ("{symfold} graph residual -o /dev/full", 1, "symfold: cannot write '/dev/full': no space left on device"),
    "a full standard output": ("{symfold} list > /dev/full", 1, "symfold: No space left on device\n"),
    "a closed standard output": ("{symfold} draw residual -o net.svg >&-", 1, "symfold: standard output is closed"),
    "a closed standard output and a mistake": ("{symfold} nope >&-", 1, "symfold: standard output is closed"),
    "no dot": ("PATH= SYMFOLD_RENDERER=dot {symfold} draw residual -o net.png", 1, "symfold: the program 'dot' is not installed"),
    "a closed pipe": ("{symfold} formula residual --form expanded --depth 10000 | head -c 10 >&2; exit ${{PIPESTATUS[0]}}", 0, "f10000(f99"),
    "an address space of 600 MB": (
        "ulimit -v 600000; {symfold} eval residual --depth 3 --x 1,2 && {symfold} eval residual --depth 1000000 --x 1,2,3,4,5,6,7,8",
        1,
        "symfold: not enough memory",
    ),
    "no interruption of a mistake": ("{symfold} formula nope 2>&-", 2, ""),
    "a full standard error": ("{symfold} formula nope 2> /dev/full", 2, ""),
    "help into a closed pipe": ("{symfold} --help | true; exit ${{PIPESTATUS[0]}}", 0, ""),
}


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("case", FAILURES)
def test_failures_of_the_environment_end_with_1_and_one_line(case: str, tmp_path: Path) -> None:
    line, status, words = FAILURES[case]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", line.format(symfold=PROGRAM)], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith(words) and done.stderr.count("\n") <= 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ascii", "utf-8"))])
def test_a_terminal_that_lacks_characters_shows_escapes(encoding: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    line = [sys.executable, "-m", "symfold.apps.command.main", "formula", "residual", "--style", "unicode"]
    text = printed("formula", "residual", "--style", "unicode")
    for more in ([], ["--json"], ["--json", "--form", "expanded"]):
        done = subprocess.run([*line, *more], env=environment, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        if more == ["--json"]:
            assert json.loads(done.stdout.decode(encoding))["formula"] + "\n" == text
        elif not more:
            assert done.stdout == text.encode(encoding, "backslashreplace")


ORDERS = "y\x1b[31m\x9b2J\u202e"  # red, cleared, backward
SHOWN = r"y\x1b[31m\x9b2J\u202e"


def test_names_give_no_orders_to_the_terminal(tmp_path: Path) -> None:
    table, model = tmp_path / "t.csv", tmp_path / "m.safetensors"
    table.write_text(f"a,{ORDERS}\n" + "".join(f"{k},{k % 5}\n" for k in range(20)), encoding="utf-8")
    line = ("train", "residual", "--depth", "1", "--epochs", "1", "--data", str(table), "--target", ORDERS, "--task", "regression")
    assert f"error of {SHOWN}:" in printed(*line, "-o", str(model))
    assert printed_json(*line)["target"] == ORDERS
    predictions = ("eval", str(model), "--data", str(table))
    assert printed(*predictions).splitlines()[0] == f"predicted {SHOWN}"
    assert printed_json(*predictions)["target"] == ORDERS
    for text in (printed(*line, "--json"), printed(*predictions, "--json")):
        assert text.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "args",
    [(ORDERS,), ("formula", ORDERS), ("formula", "residual", "--style", ORDERS), ("formula", "residual", f"--{ORDERS}"), ("formula", "residual", "--layer", ORDERS),
     ("formula", "residual", "--depth", ORDERS), ("formula", "residual", "--init", ORDERS), ("list", ORDERS), ("draw", "residual", "-o", ORDERS),
     ("draw", "residual", "-o", "a\0.svg"), ("graph", "residual", "-o", "a\0"), ("train", "residual", "--data", "a\0.csv", "--target", "y"),
     ("eval", "a\0.npz", "--data", "a.csv"), ("inspect", f"{ORDERS}:f"), ("inspect", "a\0:f"), ("formula", "a\nb\r\x85c"), ("eval", "residual", "--x", "1_0"),
     ("eval", "residual", "--x", "\u0663"), ("formula", "residual", "--init", "1_0"), ("formula", "residual", "--style", "x" * 10**6), ("x" * 10**6,),
     ("formula", "\ud800 + z")],
)  # fmt: skip
def test_no_mistake_gives_orders_to_the_terminal_or_fills_it(args: tuple[str, ...]) -> None:
    result = call(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    complaint(result.stderr)


def test_a_comparison_names_its_nets_without_orders() -> None:
    f, x = sf.layers("f1:3"), sf.tensor("x")
    nets = sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)
    comparison = sf.compare(*nets, names=("<blink>\x1b[31m&\n", ORDERS))
    text, page = str(comparison), comparison.to_html()
    assert r"A: <blink>\x1b[31m&\n" in text and all(line.isprintable() for line in text.split("\n"))
    assert "<blink>" not in page and r"&lt;blink&gt;\x1b[31m&amp;\n" in page and "\x1b" not in page and "\x9b" not in page


def test_a_bug_of_ours_shows_its_traceback(monkeypatch: Any) -> None:
    import symfold.apps.command.list as module

    monkeypatch.setitem(module.TABLES, "mappers", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call("list")


def test_outputs_never_take_the_place_of_inputs(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,y\n" + "".join(f"{k},{2 * k}\n" for k in range(30)))
    before = table.read_text()
    result = CliRunner().invoke(main, ["train", "residual", "--data", str(table), "--target", "y", "-o", str(table)])
    assert result.exit_code == 2 and "it is the file that is read" in result.output + result.stderr
    assert table.read_text() == before


def test_a_net_that_runs_away_is_not_saved(tmp_path):
    table, model = tmp_path / "table.csv", tmp_path / "model.safetensors"
    table.write_text("a,y\n" + "".join(f"{k % 7},{k}\n" for k in range(30)))
    arguments = ["train", "residual", "--data", str(table), "--target", "y", "--epochs", "5", "--rate", "10", "-o", str(model)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and not model.exists()
    assert len(result.stderr.splitlines()) == 1


SLOW_DOT = """#!{python}
import os, sys, time
sys.stdin.read()
with open({pid!r} + "~", "w") as file:
    file.write(str(os.getpid()))
os.replace({pid!r} + "~", {pid!r})
time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize(("sent", "status", "words"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "")])
def test_the_program_dot_ends_with_us(sent: int, status: int, words: str, tmp_path: Path) -> None:
    dot, pid = tmp_path / "bin" / "dot", tmp_path / "pid"
    dot.parent.mkdir()
    dot.write_text(SLOW_DOT.format(python=sys.executable, pid=str(pid)))
    dot.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{dot.parent}:{os.environ['PATH']}", "SYMFOLD_RENDERER": "dot"}
    line = [sys.executable, "-m", "symfold.apps.command.main", "draw", "residual", "-o", str(tmp_path / "net.png")]
    def heard() -> None:  # who runs the tests in the background ignores interruptions, and what it starts would too
        signal.signal(sent, signal.SIG_DFL)

    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as drawing:
        try:
            while not pid.exists():
                assert drawing.poll() is None
                time.sleep(0.02)
            drawing.send_signal(sent)
            _, complaint = drawing.communicate(timeout=60)
        finally:
            drawing.kill()
    assert drawing.returncode == status and words in complaint and "Traceback" not in complaint
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert not (tmp_path / "net.png").exists()


def test_the_bounds_of_the_command_are_those_of_the_library() -> None:
    from symfold.apps.command.draw import command
    from symfold.show.diagram import BOUND

    assert {option.name: option.default for option in command.params}["max_size"] == BOUND


def test_the_page_of_the_command_shows_every_subcommand() -> None:
    """The build of the site runs the commands on the page."""
    blocks = re.findall(r"^```{console}\n(.*?)^```$", (ROOT / "docs" / "reference" / "command.md").read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert {line[0] for line in lines} == {"symfold"} and {line[1] for line in lines} == set(COMMANDS)


@pytest.mark.parametrize(
    "line, message",
    [
        ("nothing.of.that.name:f", "nothing.of.that.name cannot be imported: ModuleNotFoundError: No module named 'nothing'"),
        ("symfold.frontend.losses:nothing", "symfold.frontend.losses has no function 'nothing' (it has "),
        ("symfold.frontend.losses:a.b", "'symfold.frontend.losses:a.b' names no factory (write MODULE:FACTORY, as mymodels:encoder)"),
    ],
)
def test_what_inspect_cannot_find_is_named(line: str, message: str) -> None:
    result = call("inspect", line)
    assert (result.exit_code, result.stdout) == (2, "") and result.stderr.startswith(f"symfold: {message}")


def test_inspect_gives_all_outputs_and_draws(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "pair_of_nets.py").write_text(
        "import symfold as sf\n"
        "def pair():\n"
        "    net = sf.fold(sf.mappers.residual, sf.layers('f1:4'), sf.tensor('x'))\n"
        "    return net, net + 1\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    found = printed_json("inspect", "pair_of_nets:pair", "-o", "pair.svg")
    assert found["paths"] == "(t + 1)**3; (t + 1)**3"
    assert (tmp_path / "pair.svg").read_text("utf-8").startswith("<?xml")
    assert call("inspect", "pair_of_nets:pair", "--partial").stderr == "symfold: --partial has no effect on a factory that returns a net (leave it out)\n"


def test_inspect_reports_and_draws_what_roll_gives(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "written_out.py").write_text(
        "import symfold as sf\n"
        "def net():\n"
        "    z = sf.tensor('x')\n"
        "    for f in sf.layers('f1:6'):\n"
        "        z = sf.tanh(f(z)) + z\n"
        "    return z\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    found = printed_json("inspect", "written_out:net", "-o", "net.svg")
    from written_out import net

    rolled = sf.roll(net())
    rolled.draw("rolled.svg", level="fold")
    assert [(fold["count"], fold["state"], fold["layers"]) for fold in found["folds"]] == [("5", 1, ["f1..5"])] and found["formula"] == rolled.formula(form="fold")
    assert Path("net.svg").read_bytes() == Path("rolled.svg").read_bytes()


def test_inspect_counts_the_numbers_in_the_parameters(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "wide_nets.py").write_text(
        "import symfold as sf\n\ndef net():\n    return sf.fold(sf.mappers.residual, sf.layers('f1:4', sf.dense(3, 3)), sf.tensor('x', (None, 3)))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert printed_json("inspect", "wide_nets:net")["parameters"] == 3 * (3 * 3 + 3)


def test_the_width_of_a_comparison_is_that_of_the_terminal(monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, call("compare", "residual", "boosting").stdout.splitlines())) <= 60


def test_inspect_says_in_one_line_where_a_factory_raised(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "raising_nets.py").write_text("def args(a):\n    return a\n\ndef broken():\n    return 1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, said in (("args", "TypeError"), ("broken", "raised ZeroDivisionError: division by zero (")):
        result = CliRunner().invoke(main, ["inspect", f"raising_nets:{name}"])
        assert result.exit_code == 2 and said in result.output and "Traceback" not in result.output
