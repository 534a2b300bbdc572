"""The examples run, and say what they should: the notebook row by row, each beside plain NumPy."""

import dataclasses
import re
import runpy
import subprocess
import sys
from html import escape
from pathlib import Path

import numpy as np
import pytest

from examples import gallery
from symfold.mappers import ARCHITECTURES

EXAMPLES = Path(__file__).parent.parent / "examples"


def output_of(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / script), *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def notebook() -> str:
    return output_of("notebook.py")


def test_the_notebook_has_its_fourteen_rows(notebook: str) -> None:
    assert re.findall(r"^ *(\d+)  \S", notebook, flags=re.MULTILINE) == [str(row) for row in range(1, 15)]
    assert notebook.rstrip().endswith("Every row agrees with plain NumPy.")


@pytest.mark.parametrize(
    "line",
    [
        "f3(f2(f1(x) + x) + f1(x) + x) + f2(f1(x) + x) + f1(x) + x",
        "f3(f2(f1(x)))",
        "f2(f1(x) + x) + f1(x) + x",
        "g(x) + g(x) + g(x) + h",
        "g(x3) + g(x2) + g(x1) + h",
        "g(g(g(h, x1), x2), x3)",
        "6 layer applications, 2 deep x 3 in time",
        "f1(x) + f2(x) + f3(x)",
        "f3(x) + f2(x) + f1(x)",
        "a_{k-1} = a_k + f_k'(z_{k-1})^T a_k, k = 3..1, a_3 = a",
        "x*f1(x)*f2(x*f1(x))*f3(x*f1(x)*f2(x*f1(x)))",
        "g(g(g(x) + x) + g(x) + x)",
        "f3(f2(f1(y)) + y) + f2(f1(y)) + y",
        "f3(f2(f1(y1, y2), y3), y4)",
        "f3(f2(loss(target, out1), out2), out3)",
        "[f1, f2, f3, f4, f5]",
        "epoch 10, loss after its last update",
        "step z2                            z1 -> z2, f2 -> z2",
    ],
)
def test_the_notebook_prints(notebook: str, line: str) -> None:
    assert line in notebook


def test_residual_and_boosting_side_by_side(tmp_path: Path) -> None:
    printed = output_of("side_by_side.py", str(tmp_path / "out"))
    assert "z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..4, z_0 = x" in printed
    assert "f4(x) + f3(x) + f2(x) + f1(x) + x" in printed
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["boosting.svg", "residual.svg", "residual_boosting.svg"]


def test_the_picture_of_the_readme_shows_both_nets() -> None:
    picture = (EXAMPLES.parent / "docs" / "residual_boosting.svg").read_text()
    for text in ("residual", "boosting", "step 4", "f₄", "z₄", "out"):
        assert picture.count(text) >= 1, text


def test_boosted_stumps_against_residual_blocks() -> None:
    pytest.importorskip("sklearn")
    printed = output_of("boosting.py", "2")
    assert "z_k = f_k(x) + z_{k-1}, k = 1.." in printed and "z_k = f_k(z_{k-1}) + z_{k-1}, k = 1..4, z_0 = into(x)" in printed
    errors = dict(re.findall(r"^  (\D+?) +(-?[\d.]+) \+- [\d.]+$", printed, flags=re.MULTILINE))
    assert list(errors) == ["boosted stumps", "residual blocks", "mean of the training rows", "stumps minus blocks"]
    assert max(float(errors[name]) for name in ("boosted stumps", "residual blocks")) < 0.9 * float(errors["mean of the training rows"])


@pytest.mark.slow
def test_the_gallery_shows_every_architecture(tmp_path: Path) -> None:
    printed = output_of("gallery.py", str(tmp_path / "zoo"))
    page = (tmp_path / "zoo" / "index.html").read_text()
    shown = re.findall(r'<img src="([^"]+)"', page)
    assert f"{len(shown)} pictures of {len(ARCHITECTURES)} architectures" in printed
    assert sorted(file.name for file in (tmp_path / "zoo").iterdir()) == sorted({*shown, "index.html"})
    assert all((tmp_path / "zoo" / name).read_text().rstrip().endswith("</svg>") for name in shown)
    assert {f"{name}.svg" for name in ARCHITECTURES} <= set(shown)
    for row in ARCHITECTURES.values():
        for text in filter(None, (row.formula, row.paths, row.source)):
            assert f"<dd>{escape(text)}</dd>" in page


def test_the_gallery_takes_no_text_for_markup(tmp_path: Path) -> None:
    row = dataclasses.replace(ARCHITECTURES["residual"], name='a"b', formula="<b>z</b>", source="A & B")
    (tmp_path / "p.svg").write_text('<svg width="100pt"')
    section = gallery.section(row, {"<i>": tmp_path / "p.svg"})
    assert "<b>" not in section and "<i>" not in section and "A &amp; B" in section and 'id="a&quot;b"' in section
    assert 'min-width: 80px' in section


@pytest.mark.slow
def test_digits_are_told_apart() -> None:
    """After a few epochs well above chance, which is one in ten; the setting is the one that was best in validation."""
    printed = output_of("digits.py", "4")
    rows = re.findall(r"^(depth \d, rate [\d.]+, \d+ epochs): validation cross-entropy ([\d.]+), [\d.]+% right$", printed, flags=re.MULTILINE)
    assert len(rows) == len(dict(rows)) == 8
    assert re.findall(r"^chosen: (.*)$", printed, flags=re.MULTILINE) == [min(rows, key=lambda row: float(row[1]))[0]]
    ((right, images),) = re.findall(r"right on ([\d.]+)% of (\d+) images by which nothing was chosen", printed)
    assert int(images) == 120 and float(right) > 50


def test_images_of_the_test_are_seen_by_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is trained on, measured for the choice, and measured at the end: the test comes once, last, and is nowhere else."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # as the example sets it, and taken back afterwards
    example = runpy.run_path(str(EXAMPLES / "digits.py"))
    parts, main = example["parts"](600), example["main"]
    assert [len(part) for part in parts] == [360, 120, 120] and sorted(np.concatenate(parts)) == list(range(600))
    training, validation, test = map(set, parts)
    seen: list[tuple[str, set[int]]] = []

    def which(images: np.ndarray) -> set[int]:
        return set(images[:, 0, 0, 0].astype(int))

    def trained(images: np.ndarray, labels: np.ndarray, *setting: float) -> tuple[str, None]:
        seen.append(("trained", which(images)))
        return "net", None

    def measured(net: str, params: None, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        seen.append(("measured", which(images)))
        return 0.0, 1.0

    numbered = np.arange(600).reshape(-1, 1, 1, 1) * np.ones((1, 1, 8, 8)), np.arange(600) % 10
    for name, stands_in in {"trained": trained, "measured": measured, "digits": lambda: numbered}.items():
        monkeypatch.setitem(main.__globals__, name, stands_in)
    main(2)
    assert seen[:-2] == [("trained", training), ("measured", validation)] * 8
    assert seen[-2:] == [("trained", training | validation), ("measured", test)]


def test_the_digits_are_whole() -> None:
    lines = (EXAMPLES / "digits.csv").read_text().splitlines()
    assert len(lines) == 601 and {len(line.split(",")) for line in lines} == {65}
    assert {int(value) for line in lines[1:] for value in line.split(",")[:-1]} == set(range(17))
