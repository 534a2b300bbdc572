"""Displays in a real JupyterLab in Chromium: live, opened without trust, and exported as a page.

Needs Chromium, and the packages playwright, jupyterlab, nbconvert and ipykernel; skipped where one is missing.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import environment, lab_address, run_all

nbformat = pytest.importorskip("nbformat")
for package in ("jupyterlab", "nbconvert", "ipykernel"):
    pytest.importorskip(package)

pytestmark = pytest.mark.slow

FIRST = """import numpy as np, symfold as sf
f, x = sf.layers("f1:5"), sf.tensor("x")
net, boost = sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)
X = sf.tensor("x", (None, 3))
y = sf.fold(sf.mappers.residual, sf.layers("f1:11", sf.dense(3, 3, sf.tanh)), X)
loss = sf.losses.mean_squared_error(y, sf.tensor("target", (None, 3)))
data = {name: np.random.default_rng(0).normal(size=(50, 3)) for name in ("x", "target")}
done = sf.fit(loss, y.init(seed=0), data, optimizer=sf.adam(1e-2), epochs=10, batch_size=10)
"""
# what is shown: how many pictures it has, and words that are in it
SHOWN = {
    "net": (1, "z2\u00a0=\u00a0f2(z1) + z1"),
    "net.graph()": (1, "Graph with 10 nodes"),
    "net.diagram()": (1, ""),
    "sf.verdict(net, boost)": (0, "16 against 5"),
    "sf.difference(net, boost)": (0, "from step 2 on"),
    "sf.compare(net, boost)": (1, "the first sweep"),
    "done": (1, "greatest"),
    "done.history": (1, "10 epochs"),
    "sf.received(loss, done.params, **data)": (0, "cosine"),
    "sf.fold(sf.mappers.residual, sf.layers('f', count=10**6), x)": (1, "1000000"),
}  # fmt: skip
FORMULAS = ("sf.formula(net)", "sf.paths(net)", "sf.jacobian(net)", "sf.series(net, order=2)", "net.equations")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook without outputs, the same executed elsewhere (so that no Jupyter trusts it), and the latter as a page."""
    folder = tmp_path_factory.mktemp("notebooks")
    cells = [nbformat.v4.new_code_cell(code, id=f"c{k}") for k, code in enumerate((FIRST, *SHOWN, *FORMULAS))]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "live.ipynb")
    for options in (["--to", "notebook", "--execute", "live.ipynb", "--output", "done.ipynb"], ["--to", "html", "done.ipynb"]):
        subprocess.run([sys.executable, "-m", "nbconvert", *options], cwd=folder, check=True, env=environment(folder), capture_output=True)
    return folder


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[str]:
    with lab_address(folder) as address:
        yield address


def outputs(page: Any) -> list[dict[str, Any]]:
    """The output of every cell: its type, its text, the widths of its pictures, and its powers."""
    found: list[dict[str, Any]] = page.eval_on_selector_all(
        ".jp-Notebook-cell",
        """cells => cells.map(cell => {
            const part = cell.querySelector('.jp-OutputArea-executeResult .jp-OutputArea-output')
            return part && {
                type: part.getAttribute('data-mime-type'), text: part.innerText,
                pictures: [...part.querySelectorAll('img')].map(image => image.complete && image.naturalWidth),
                powers: [...part.querySelectorAll('sup')].map(power => power.innerText),
                indices: [...part.querySelectorAll('sub')].map(index => index.innerText),
            }
        })""",
    )
    return found


def check(shown: list[dict[str, Any]]) -> None:
    for (code, (pictures, words)), output in zip(SHOWN.items(), shown[1 : 1 + len(SHOWN)], strict=True):
        assert output["type"] == "text/html" and words in output["text"], (code, output)
        assert len(output["pictures"]) == pictures and all(width > 100 for width in output["pictures"]), code
        if "compare" in code:
            assert {"4", "2", "3"} <= set(output["powers"])
    for code, output in zip(FORMULAS, shown[1 + len(SHOWN) :], strict=True):
        assert output["type"] == "text/html" and (output["powers"] or output["indices"]), (code, output)


def opened(browser: Any, address: str) -> Any:
    page = browser.new_page()
    page.set_viewport_size({"width": 1200, "height": 9000})  # high enough for every cell to be rendered
    page.goto(address)
    page.wait_for_selector(".jp-Notebook-cell", timeout=120_000)
    return page


def settled(page: Any) -> list[dict[str, Any]]:
    """The outputs when all are there."""
    for _ in range(600):
        shown = outputs(page)
        if len(shown) == 1 + len(SHOWN) + len(FORMULAS) and all(shown[1:]):
            return shown
        time.sleep(0.5)
    raise AssertionError(shown)


def test_a_notebook_opened_without_trust_shows_everything(browser: Any, lab: str) -> None:
    page = opened(browser, f"{lab}/done/tree/done.ipynb")
    check(settled(page))
    page.close()


def test_a_live_notebook_shows_everything(browser: Any, lab: str) -> None:
    page = opened(browser, f"{lab}/live/tree/live.ipynb")
    run_all(page)
    check(settled(page))
    page.close()


def test_the_exported_page_shows_formulas_and_pictures(browser: Any, folder: Path) -> None:
    page = browser.new_page()
    page.goto((folder / "done.html").as_uri(), wait_until="domcontentloaded")
    text = page.inner_text("body")
    assert all(words in text for _, words in SHOWN.values())
    widths = page.eval_on_selector_all("img", "images => images.map(image => image.complete && image.naturalWidth)")
    assert len(widths) == sum(pictures for pictures, _ in SHOWN.values()) and all(width > 100 for width in widths)
    assert not re.search("Traceback", text)
    page.close()
