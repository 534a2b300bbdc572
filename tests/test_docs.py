"""The pages are whole: every block of code is closed, every link within the project leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_of_code_are_closed(page: Path) -> None:
    inside = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        if line.startswith("```"):
            assert inside == (line == "```"), f"{page.name}:{number}: {line}"
            inside = not inside
        assert not (inside and line.startswith("## ")), f"{page.name}:{number}: a heading inside a block"
    assert not inside


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_pages_hold_inputs_and_the_build_computes_outputs(page: Path) -> None:
    text = page.read_text("utf-8")
    assert ">>> " not in text, "write a {code-cell}: outputs are computed when the site is built"
    assert ("{code-cell}" in text) == text.startswith("---\nfile_format: mystnb\n")
