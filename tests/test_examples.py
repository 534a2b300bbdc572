"""The examples run, and say what they should: the notebook row by row, each beside plain NumPy."""

import dataclasses
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

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
    picture = ElementTree.parse(EXAMPLES.parent / "docs" / "residual_boosting.svg").getroot()
    texts = ["".join(text.itertext()) for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"residual", "boosting", "step 4", "f4", "z4", "out"} <= {*texts}


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


Names = dict[str, Any]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Names]:
    """The names of an example, without running it."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # as the example sets it, and taken back afterwards
    return lambda script: runpy.run_path(str(EXAMPLES / script))


@pytest.mark.slow
def test_digits_are_told_apart() -> None:
    printed = output_of("digits.py", "4", "2")
    rows = re.findall(r"^seed (\d): History of 4 epochs, 164 steps: .*; right on ([\d.]+)% of the test$", printed, flags=re.MULTILINE)
    ((right, images, seeds),) = re.findall(r"^right on ([\d.]+)% of the (\d+) test images, the mean of (\d) seeds$", printed, flags=re.MULTILINE)
    assert [seed for seed, _ in rows] == ["0", "1"] and (images, seeds) == ("360", "2")
    assert float(right) == pytest.approx(np.mean([float(each) for _, each in rows]), abs=0.11) and float(right) > 95


def test_images_of_the_test_are_seen_by_no_training(example: Callable[[str], Names], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each seed trains on the same images and is measured on the others."""
    names = example("digits.py")
    known, test = map(set, names["parts"](1797))
    assert (len(known), len(test)) == (1437, 360) and known | test == set(range(1797))
    seen: list[tuple[str, set[int]]] = []

    def note(what: str, images: np.ndarray) -> None:
        seen.append((what, set(images[:, 0, 0, 0].astype(int))))

    def trained(net: object, images: np.ndarray, labels: np.ndarray, epochs: int, seed: int) -> tuple[Any, str, None]:
        note("trained", images)
        return SimpleNamespace(history=""), "net", None

    def accuracy(net: str, params: None, images: np.ndarray, labels: np.ndarray) -> float:
        note("measured", images)
        return 1.0

    numbered = np.arange(1797).reshape(-1, 1, 1, 1) * np.ones((1, 1, 8, 8)), np.arange(1797) % 10
    for name, stands_in in {"trained": trained, "accuracy": accuracy, "digits": lambda: numbered}.items():
        monkeypatch.setitem(names["main"].__globals__, name, stands_in)
    names["main"](1, 2)
    assert seen == [("trained", known), ("measured", test)] * 2


def test_the_digits_are_whole() -> None:
    lines = (EXAMPLES / "digits.csv").read_text().splitlines()
    assert len(lines) == 1798 and {len(line.split(",")) for line in lines} == {65}
    assert {int(value) for line in lines[1:] for value in line.split(",")[:-1]} == set(range(17))
    assert np.bincount([int(line.split(",")[-1]) for line in lines[1:]]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.slow
def test_sunspots_are_forecast() -> None:
    printed = output_of("sunspots.py", "2")
    rows = re.findall(r"^  (\S.*?) +([\d.]+) \(([\d.]+)\)$", printed, flags=re.MULTILINE)
    errors = {name: (float(test), float(validation)) for name, test, validation in rows}
    assert list(errors) == ["persistence: as last year", "autoregression of order 8", "LSTM, mean of 2 seeds"]
    persistence, linear, lstm = errors.values()
    assert persistence == (33.2, 22.0) and linear == (18.5, 14.1)
    assert lstm[0] < 0.7 * persistence[0] and lstm[1] < linear[1]


def test_forecasts_read_no_later_year(example: Callable[[str], Names]) -> None:
    names = example("sunspots.py")
    years, numbers = names["sunspots"]()
    assert years.tolist() == list(range(1700, 2009)) and numbers[[0, 257, 308]].tolist() == [5, 190.2, 2.9]
    changed = np.where(years > 1950, 100.0, numbers)  # forecasts for 1951 and before read 1950 and before
    counted = {"training": (years[1:] < 1900) * 1.0}
    net = names["forecaster"](308)
    params, scaled = net.init(0), names["scaled"]
    for same in (
        lambda row: names["autoregression"](row, counted, 9),
        lambda row: net(params, years=scaled(row[:-1]).reshape(-1, 1, 1)).ravel(),
    ):
        before, after = same(numbers), same(changed)
        assert np.array_equal(before[years[1:] <= 1951], after[years[1:] <= 1951]) and np.all(before[-57:] != after[-57:])


def test_the_autoregression_continues_a_wave(example: Callable[[str], Names]) -> None:
    """Two values of a wave determine the next: z[k + 1] = 2 cos(w) z[k] - z[k - 1]."""
    names = example("sunspots.py")
    wave = names["unscaled"](np.sin(np.arange(100) / 3))
    forecasts = names["autoregression"](wave, {"training": (np.arange(99) % 2) * (np.arange(99) > 2)}, 2)
    assert np.allclose(forecasts[1:], wave[2:], rtol=1e-9) and not np.allclose(forecasts[1:], wave[1:-1], rtol=0.1)


@pytest.mark.slow
def test_characters_are_predicted() -> None:
    printed = output_of("characters.py", "3")
    errors = [float(value) for value in re.findall(r"^  \w+ +(\d\.\d\d)$", printed, flags=re.MULTILINE)]
    assert errors[:2] == [3.11, 2.39] and errors[2] < errors[1]
    assert len(printed.partition("It writes:\n")[2].rstrip("\n")) > 200


def test_characters_read_no_later_one(example: Callable[[str], Names]) -> None:
    names = example("characters.py")
    alphabet, numbers = names["sonnets"]()
    text = "".join(alphabet[number] for number in numbers)
    assert text.startswith("From fairest creatures") and len(text.strip().split("\n\n")) == 154
    pieces = names["windows"](numbers[:100])
    assert pieces["text"].shape == (3, 32) and np.array_equal(pieces["text"][:, 1:], pieces["next"][:, :-1])
    assert np.array_equal(pieces["next"].ravel(), numbers[1:97])
    net = names["model"](len(alphabet))
    params, changed = net.init(0), pieces["text"].copy()
    changed[:, 20:] = (changed[:, 20:] + 1) % len(alphabet)
    before, after = (net(params, text=each) for each in (pieces["text"], changed))
    assert np.array_equal(before[:, :20], after[:, :20]) and not np.isclose(before[:, 20:], after[:, 20:]).all(axis=-1).any()


def test_entropies_of_a_text_of_two_characters(example: Callable[[str], Names]) -> None:
    """0 and 1 in turn: as good as even by themselves, and known by the one before."""
    turns = np.arange(1000) % 2
    unigram, bigram = example("characters.py")["entropies"](turns, turns[:101], 2)
    assert unigram == pytest.approx(np.log(2), abs=1e-4) and bigram == pytest.approx(-np.log(1 - 0.1 / 500), abs=1e-4)
