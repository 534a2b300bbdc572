"""A teacher who prepares a lecture on residual nets and boosting. Six goals, nine lines, about seven minutes.

She knows the README, "A lecture in 20 minutes" and the page on the command.
"""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pages import run

import symfold as sf
from symfold.apps.command.main import main


def symfold(*words: str) -> str:
    """What a line typed in a shell prints."""
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def nets() -> list[sf.Net]:
    """The two nets of the lecture. One minute, four lines."""
    f, x = sf.layers("f1:5"), sf.tensor("x")
    return [sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)]


def test_the_answer_on_one_screen() -> None:
    """`symfold compare residual boosting --depth 4`, projected. Half a minute, one line."""
    answer = symfold("compare", "residual", "boosting", "--depth", "4")
    lines = answer.splitlines()
    assert len(lines) <= 50 and max(map(len, lines)) <= 80
    assert "What moved: from step 2 on, f_k reads z_{k-1} in residual and x in boosting." in answer
    assert "Boosting is exactly the first sweep of solving the equations of residual" in answer


def test_both_nets_in_one_picture(nets: list[sf.Net], tmp_path: Path) -> None:
    """Side by side with a legend, for a slide; the shell gives the same file. One minute, one line."""
    path = sf.draw(dict(zip(("residual", "boosting"), nets, strict=True)), tmp_path / "both.svg", legend=True)
    picture = path.read_text("utf-8")
    assert picture.count('class="node layer"') == 8 and ">residual</text>" in picture and "skip" in picture
    symfold("draw", "residual", "boosting", "--depth", "4", "--legend", "-o", str(tmp_path / "shell.svg"))
    assert (tmp_path / "shell.svg").read_text("utf-8") == picture


def test_two_counts_for_the_blackboard(nets: list[sf.Net]) -> None:
    """Pascal's triangle and a sum. One minute, one line."""
    assert [sf.paths(net).coefficients() for net in nets] == [[1, 4, 6, 4, 1], [1, 4]]


@pytest.mark.slow
def test_the_page_for_the_last_five_minutes(nets: list[sf.Net], tmp_path: Path) -> None:
    """A report with pictures and a slider, which loads nothing. One minute, one line."""
    page = sf.compare(*nets, names=("residual", "boosting")).to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8") == page
    assert page.count("<svg") > 2 and 'type="range"' in page and "src=" not in page and "http-equiv" in page


@pytest.mark.slow
def test_a_page_to_explore_at_home(tmp_path: Path) -> None:
    """`symfold explore residual boosting -o explore.html`, sent to the class. One minute, one line."""
    symfold("explore", "residual", "boosting", "--depth", "3", "-o", str(tmp_path / "explore.html"))
    page = (tmp_path / "explore.html").read_text("utf-8")
    assert "default-src 'none'" in page and "<title>Mappers, folded</title>" in page and len(page) < 1_000_000


@pytest.mark.slow
def test_the_lecture_runs_from_top_to_bottom() -> None:
    """The notebook of the lecture, each cell. A minute to download it, no line of her own."""
    pytest.importorskip("IPython", reason="the extra 'docs' is not installed")
    names: dict[str, Any] = {}
    shown = [str(value) for value in run("tutorials/lecture.md", names) if value is not None]
    assert len(shown) > 5 and names["deep"].at(n=3) == names["residual"]
