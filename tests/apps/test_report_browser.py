"""The page in a real browser: the sliders move the picture, the formula and the bars, and nothing is asked of the network.

Needs Chromium (Debian's package `chromium`) and the extra `browser`; skipped, with the reason, where one is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import symfold as sf


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, f = sf.tensor("x"), sf.layers("f1:5")
    nets = sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(sf.compare(*nets, names=("residual", "boosting")).to_html(), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The page, opened; at the end nothing may have been requested but itself, and no error logged."""
    shown = browser.new_page()
    requests: list[str] = []
    errors: list[str] = []
    shown.on("request", lambda request: requests.append(request.url))
    shown.on("console", lambda message: errors.append(message.text))
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.goto(report.as_uri())
    yield shown
    assert set(requests) == {report.as_uri()}
    assert errors == []
    shown.close()


def move(page: Any, slider: str, value: float) -> None:
    """Move a slider as a hand would: set it and let it say so."""
    page.eval_on_selector(f"#{slider}", "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", str(value))


def visible(page: Any, selector: str) -> list[str]:
    """What elements of a selector show, of those that are shown."""
    found: list[str] = page.eval_on_selector_all(
        selector, "parts => parts.filter(p => p.getClientRects().length).map(p => p.outerHTML)"
    )
    return found


def heights(page: Any) -> list[float]:
    found: list[float] = page.eval_on_selector_all(
        "[data-bars] rect", "bars => bars.filter(b => b.closest('[data-depth]').getClientRects().length).map(b => Number(b.getAttribute('height')))"
    )
    return found


def test_the_depth_slider_changes_picture_formula_and_histogram(page: Any) -> None:
    before = {what: visible(page, what) for what in (".diagram", "#table table", "#formulas math", "[data-bars]")}
    assert len(before[".diagram"]) == 2 and "step 4" in before[".diagram"][0] and "step 5" not in before[".diagram"][0]
    move(page, "depth", 6)
    after = {what: visible(page, what) for what in before}
    assert all(before[what] != after[what] for what in before)
    assert len(after[".diagram"]) == 2 and "step 6" in after[".diagram"][0]
    assert len(after["#table table"]) == 1 and "64 paths" in after["#table table"][0]
    assert page.inner_text("output[for=depth]") == page.get_attribute("#depth", "aria-valuetext") == "n = 6"
    move(page, "depth", 4)
    assert {what: visible(page, what) for what in before} == before


def test_the_keyboard_moves_the_depth(page: Any) -> None:
    page.focus("#depth")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("output[for=depth]") == "n = 5"


@pytest.mark.parametrize("power", [-2, 0, 1])
def test_the_tilt_slider_weights_the_paths(page: Any, power: int) -> None:
    move(page, "tilt", power)
    g = 2.0**power
    expected = [[c * g**k for k, c in enumerate(row)] for row in ([1, 4, 6, 4, 1], [1, 4])]
    shares = [weight / sum(row) for row in expected for weight in row]
    drawn = heights(page)
    tallest = max(shares)
    assert drawn == pytest.approx([share * max(drawn) / tallest for share in shares], abs=0.02)
    assert f"g = {g:.2f}" in page.inner_text("#tilt-shown")
    mean = 4 * g / (1 + g)  # of Binomial(4, g/(1 + g))
    assert f"{mean:.2f}" in visible(page, "[data-means]")[0]


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (390, "light"), (320, "dark")])
def test_the_page_fits_its_window(page: Any, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = page.eval_on_selector_all("#table .formula", "parts => parts.map(p => [p.scrollWidth - p.clientWidth, getComputedStyle(p).overflowX])")
    assert boxes and all(flow == "auto" for _, flow in boxes)
    assert any(more > 1 for more, _ in boxes) == (width < 400)  # wide formulas scroll in boxes of their own, and on a desk they fit
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, dark.removeprefix("rgb(").removesuffix(")").split(","))) < 3 * 128) == (scheme == "dark")


def test_without_script_the_page_still_shows_the_depth_that_was_compared(page: Any, report: Path) -> None:
    sheet = page.context.new_cdp_session(page)
    sheet.send("Emulation.setScriptExecutionDisabled", {"value": True})
    page.reload()
    sheet.send("Emulation.setScriptExecutionDisabled", {"value": False})
    assert len(visible(page, ".diagram")) == 2 and len(visible(page, "[data-bars]")) == 1
    assert visible(page, "input") == []
    page.reload()
    assert len(visible(page, "input")) == 2


def test_the_contents_lead_to_every_section(page: Any) -> None:
    links = page.eval_on_selector_all("nav a", "links => links.map(link => link.getAttribute('href'))")
    sections = page.eval_on_selector_all("section", "parts => parts.map(part => '#' + part.id)")
    assert links == sections and links[:3] == ["#answer", "#pictures", "#table"]
    page.focus("nav a >> nth=2")
    page.keyboard.press("Enter")
    place, bar = (page.eval_on_selector(what, "part => part.getBoundingClientRect()") for what in ("#table h2", ".controls"))
    assert bar["top"] <= 1 and bar["bottom"] <= place["top"] + 1 < 300  # the slider hides no heading


def test_nets_of_any_depth_have_a_stop_of_their_own(browser: Any) -> None:
    x, f = sf.tensor("x"), sf.layers("f", count="n")
    shown = browser.new_page()
    shown.set_content(sf.compare(sf.fold(sf.mappers.residual, f, x), sf.fold(sf.mappers.boosting(x), f, x)).to_html())
    assert shown.inner_text("output[for=depth]") == "any depth n"
    assert [len(visible(shown, part)) for part in (".diagram", "#table table")] == [2, 1] and "<mi>n</mi>" in visible(shown, "#table table")[0]
    move(shown, "depth", 3)
    assert shown.inner_text("output[for=depth]") == "n = 3" and "8 paths" in visible(shown, "#table table")[0]
    move(shown, "depth", 9)
    assert shown.inner_text("output[for=depth]") == "any depth n" and len(visible(shown, ".diagram")) == 2
    shown.close()


def test_formulas_are_set_as_mathematics_is(page: Any) -> None:
    """A prime touches its letter, brackets are as high as the letters in them, and an exponent overlaps its base."""
    boxes = page.evaluate("""() => {
      const box = e => { const b = e.getBoundingClientRect(); return [b.left, b.right, b.top, b.bottom]; };
      const prime = [...document.querySelectorAll('#answer [data-depth="4"] mo')].find(e => e.textContent === '′');
      const power = document.querySelector('#table [data-depth="4"] msup');
      return {prime: box(prime), letter: box(prime.previousElementSibling), base: box(power.children[0]), exponent: box(power.children[1]),
        brackets: [...document.querySelectorAll('#table [data-depth="4"] mo')].filter(e => '()'.includes(e.textContent)).map(e => e.getBoundingClientRect().height)};
    }""")
    assert abs(boxes["prime"][0] - boxes["letter"][1]) < 2
    assert boxes["base"][2] - 8 < boxes["exponent"][2] and boxes["exponent"][3] > boxes["base"][2] + 2
    assert len(boxes["brackets"]) > 8 and max(boxes["brackets"]) < 1.5 * min(boxes["brackets"])


def test_a_long_formula_shows_its_scroll_bar_on_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    bars = page.eval_on_selector_all("#answer .formula", "parts => parts.map(p => [p.scrollWidth > p.clientWidth, getComputedStyle(p, '::-webkit-scrollbar').height])")
    assert (True, "6px") in map(tuple, bars)  # a bar with a style of its own stays in view
