"""The built site in a real browser, from its files: every page, on a desk in light and on a phone in dark, its search, its notebooks.

`SYMFOLD_SITE` names the folder of the built site. Needs Chromium (Debian's package `chromium`) and the extra `browser`. Skipped, with the
reason, if one is missing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SITE = Path(os.environ.get("SYMFOLD_SITE", "no site"))
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts) if SITE.is_dir() else []

# pictures and formulas without a size
SIZELESS = """() => [...document.querySelectorAll("article img, article math, article svg")]
    .filter(part => !part.closest("details:not([open])") && (part.tagName != "IMG" || part.complete))
    .filter(part => { const box = part.getBoundingClientRect(); return box.width < 4 || box.height < 4 || part.naturalWidth === 0; })
    .map(part => part.outerHTML.slice(0, 200))"""
# what reaches beyond the window, unless it lies in a box that scrolls
OVERFLOW = """() => [...document.querySelectorAll("article *")]
    .filter(part => part.getClientRects().length && part.getBoundingClientRect().right > innerWidth + 1)
    .filter(part => { for (let box = part.parentElement; box.tagName != "ARTICLE"; box = box.parentElement)
        if (/auto|scroll/.test(getComputedStyle(box).overflowX)) return false; return true; })
    .map(part => part.outerHTML.slice(0, 200))"""
# text whose contrast with its background is below a ratio (WCAG), as `ratio text`
FAINT = """least => {
    const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const parsed = color => { const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
    const over = ([r, g, b, a], [s, h, c]) => [r * a + s * (1 - a), g * a + h * (1 - a), b * a + c * (1 - a)];
    const behind = part => {
        const layers = [];
        for (; part; part = part.parentElement) layers.push(parsed(getComputedStyle(part).backgroundColor));
        return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
    };
    const faint = [];
    const texts = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode());) {
        const part = text.parentElement;
        if (!text.data.trim() || !part.getClientRects().length || part.closest("svg, .headerlink, .copybtn")) continue;
        const back = behind(part), front = over(parsed(getComputedStyle(part).color), back);
        const [low, high] = [light(front), light(back)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05);
        const enough = /[\\p{L}\\d]/u.test(text.data) ? least : 3;  // marks are pictures
        if (ratio < enough) faint.push(`${ratio.toFixed(2)} ${text.data.trim().slice(0, 40)}`);
    }
    return [...new Set(faint)];
}"""
# pictures drawn in dark lines that do not lie on a light card
DARK_CARDS = """() => [...document.querySelectorAll("article img")].filter(part => part.getClientRects().length)
    .filter(part => getComputedStyle(part).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number).some(c => c < 200))
    .map(part => part.src)"""


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page; at the end nothing may have been requested from outside the site, and no error logged."""
    shown = browser.new_page()
    requests: list[str] = []
    errors: list[str] = []
    shown.on("request", lambda request: requests.append(request.url))
    shown.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    shown.on("pageerror", lambda error: errors.append(str(error)))
    yield shown
    outside = [url for url in requests if not url.startswith((SITE.resolve().as_uri(), "data:"))]
    shown.close()
    assert (outside, errors) == ([], [])


@pytest.mark.skipif(not PAGES, reason="SYMFOLD_SITE names no built site")
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole(page: Any, path: str, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto((SITE / path).resolve().as_uri())
    page.eval_on_selector_all("img", "pictures => pictures.forEach(picture => picture.loading = 'eager')")
    page.wait_for_load_state("networkidle")
    assert page.evaluate(SIZELESS) == []
    assert page.evaluate(OVERFLOW) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(FAINT, 4.5) == []
    assert page.evaluate(DARK_CARDS) == []


@pytest.mark.skipif(not PAGES, reason="SYMFOLD_SITE names no built site")
def test_notebooks_to_download_stand_alone() -> None:
    """No link to a page that is not there, no role of the site, and an end that says where the rest is."""
    notebooks = {path.name: json.loads(path.read_text("utf-8"))["cells"] for path in SITE.glob("_downloads/*/*.ipynb")}
    assert {"lecture.ipynb", "notebook.ipynb", "your_architecture.ipynb", "pytorch_model.ipynb", "classifier.ipynb"} <= set(notebooks)
    for name, cells in notebooks.items():
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        prose = re.sub(r"^```\w+\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)  # without blocks of code
        assert not re.search(r"\]\((?![a-z]+:)|\.md\b|{nb-download}|^```{", prose, flags=re.MULTILINE), name
        assert "symfold's documentation" in "".join(cells[-1]["source"])
    assert "*The answer*: the same in two pages" in "".join("".join(cell["source"]) for cell in notebooks["lecture.ipynb"])


@pytest.mark.skipif(not PAGES, reason="SYMFOLD_SITE names no built site")
@pytest.mark.parametrize(("words", "page_found"), [("picard", "explanation/answer"), ("safetensors", "howto/save_and_resume"), ("value_and_grad", "reference/transform")])
def test_search_finds_pages_without_a_server(page: Any, words: str, page_found: str) -> None:
    page.goto(f"{(SITE / 'search.html').resolve().as_uri()}?q={words}")
    page.wait_for_selector("ul.search li a")
    page.wait_for_function("!/Searching|Preparing/.test(document.querySelector('#search-results h2').textContent)")
    links = page.eval_on_selector_all("ul.search li a", "links => links.map(link => link.href)")
    assert any(page_found in link for link in links), links


@pytest.mark.skipif(not PAGES, reason="SYMFOLD_SITE names no built site")
def test_the_switch_of_the_theme_gives_dark_pages_with_light_cards(page: Any) -> None:
    page.set_viewport_size({"width": 1200, "height": 900})
    page.emulate_media(color_scheme="light")
    page.goto((SITE / "index.html").resolve().as_uri())
    page.evaluate("document.body.dataset.theme = 'dark'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert page.evaluate(FAINT, 4.5) == [] and page.evaluate(DARK_CARDS) == []
