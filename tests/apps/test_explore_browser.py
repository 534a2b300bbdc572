"""The page and the widget in a real browser: every control changes what is shown, and the page asks for nothing.

Needs Chromium and the extra `browser`; the widget also anywidget with jupyterlab or marimo. Skipped where one is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import lab_address, marimo_address, run_all

from symfold.apps.explore.page import page as page_of

pytestmark = pytest.mark.slow

WIDTHS = (1200, 390)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explore") / "explore.html"
    path.write_text(page_of(["residual", "boosting", "f(z) - z"], 4), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    """The page, opened; at the end nothing but itself may have been requested, and no error logged."""
    shown = browser.new_page()
    requests: list[str] = []
    errors: list[str] = []
    shown.on("request", lambda request: requests.append(request.url))
    shown.on("console", lambda message: errors.append(message.text))
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.goto(file.as_uri())
    shown.wait_for_selector(".explore details")
    yield shown
    assert {url for url in requests if not url.startswith("data:")} == {file.as_uri()}
    assert errors == []
    shown.close()


def control(page: Any, label: str) -> Any:
    return page.get_by_label(label)


def sections(page: Any) -> dict[str, str]:
    found: list[tuple[str, str]] = page.eval_on_selector_all(
        ".explore details", "parts => parts.map(part => [part.dataset.heading, part.querySelector('.explore-content').innerHTML])"
    )
    return dict(found)


def drag(page: Any, value: int) -> None:
    page.eval_on_selector('.explore input[type="range"]', "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value)


def test_every_control_changes_what_is_shown(page: Any) -> None:
    first = sections(page)
    assert len(first) == 8 and page.locator(".explore-comparison h3").inner_text() == "residual and boosting, at depth 4"
    drag(page, 2)
    second = sections(page)
    assert page.locator(".explore-comparison h3").inner_text() == "residual and boosting, at depth 2"
    assert all(first[heading] != second[heading] for heading in first) and "4 paths" in second["Paths"]
    control(page, "Mapper").select_option("f(z) - z")
    third = sections(page)
    assert all(second[heading] != third[heading] for heading in ("Folded", "Unrolled", "One step"))
    assert page.locator(".explore-comparison h3").inner_text() == "boosting and f(z) - z, at depth 2"
    control(page, "any depth n").check()
    assert list(sections(page)) == ["One step", "Folded", "Paths", "Backward pass", "Cost"]
    before = page.locator(".explore-comparison").inner_html()
    control(page, "compared with").select_option("residual")
    assert page.locator(".explore-comparison").inner_html() != before


def test_a_section_that_was_closed_stays_closed(page: Any) -> None:
    page.locator(".explore summary", has_text="Cost").click()
    drag(page, 3)
    closed = page.eval_on_selector_all(".explore details:not([open])", "parts => parts.map(part => part.dataset.heading)")
    assert closed == ["Cost"]


def test_typing_is_said_to_need_python(page: Any) -> None:
    assert control(page, "or type one").is_disabled()
    assert "To type a mapper" in page.locator(".explore-note").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_and_formulas_are_there_at_every_width(page: Any, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beside = page.locator(".explore-comparison").bounding_box()["y"] < 300
    assert beside == (width > 1000)  # what is compared is on the first screen, unless that is narrow
    widths = page.eval_on_selector_all(".explore img", "images => images.map(image => image.complete && image.naturalWidth)")
    assert len(widths) == 3 and all(each > 100 for each in widths)
    heights = page.eval_on_selector_all(".explore math", "formulas => formulas.map(formula => formula.getBoundingClientRect().height)")
    assert len(heights) >= 4 and all(height > 8 for height in heights)


def test_the_controls_stand_at_one_height(page: Any) -> None:
    boxes = page.eval_on_selector_all(
        ".explore-controls label > :last-child", "controls => controls.map(control => control.getBoundingClientRect()).map(({top, bottom}) => [top, bottom])"
    )
    assert len(boxes) == 5 and len({tuple(box) for box in boxes}) == 1


def test_the_keyboard_moves_the_depth(page: Any) -> None:
    page.focus('.explore input[type="range"]')
    page.keyboard.press("ArrowLeft")
    assert page.locator(".explore output").inner_text() == "3" and "8 paths" in sections(page)["Paths"]


def works_as_a_widget(page: Any) -> None:
    """Python answers: other depths, typed mappers, mistakes in words."""
    page.wait_for_selector(".explore-comparison table", timeout=120_000)
    assert "16 paths" in sections(page)["Paths"]
    assert all("<math" in sections(page)[heading] for heading in ("One step", "Step by step", "Written out", "Paths", "Backward pass"))
    drag(page, 7)
    page.locator(".explore details", has_text="128 paths").wait_for(timeout=60_000)
    typed = control(page, "or type one").first
    typed.fill("z + f(z)/2")
    typed.press("Enter")
    page.locator(".explore-comparison h3", has_text="z + f(z)/2 and boosting").wait_for(timeout=60_000)
    typed.fill("z.real")
    typed.press("Enter")
    page.locator(".explore-error", has_text="z.real").wait_for(timeout=60_000)


def test_the_widget_works_in_jupyterlab(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("jupyterlab")
    cells = [nbformat.v4.new_code_cell("import symfold as sf\nsf.explore()", id="explore")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "widget.ipynb")
    with lab_address(tmp_path) as address:
        page = browser.new_page()
        page.set_viewport_size({"width": 1200, "height": 4000})
        page.goto(f"{address}/widget/tree/widget.ipynb")
        run_all(page)
        works_as_a_widget(page)
        page.close()


def test_the_widget_works_in_marimo(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    pytest.importorskip("marimo")
    with marimo_address(tmp_path, "import symfold as sf\n    sf.explore()") as address:
        page = browser.new_page()
        page.set_viewport_size({"width": 1200, "height": 4000})
        page.goto(address)
        works_as_a_widget(page)
        page.close()
