"""The pages are whole: code is closed, links lead somewhere, every page is in the contents, every name has its page."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import cells

import symfold as sf
from symfold.frontend.elementwise import Elementwise

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SITE = sorted(DOCS.rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *SITE]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_blocks_of_code_are_closed(page: Path) -> None:
    inside = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        if line.startswith("```"):
            assert inside == (line == "```"), f"{page.name}:{number}: {line}"
            inside = not inside
        assert not (inside and line.startswith("## ")), f"{page.name}:{number}: a heading inside a block"
    assert not inside


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", SITE, ids=name)
def test_pages_hold_inputs_and_the_build_computes_outputs(page: Path) -> None:
    text = page.read_text("utf-8")
    assert ">>> " not in text, "write a {code-cell}: outputs are computed when the site is built"
    front = re.match(r"---\n(.*?)^---$", text, flags=re.MULTILINE | re.DOTALL)
    assert ("{code-cell}" in text) == bool(front and "file_format: mystnb\n" in front[1])


@pytest.mark.parametrize("page", SITE, ids=name)
def test_pages_read_as_files_show_no_roles_of_the_site(page: Path) -> None:
    """The link to the notebook is a comment until the site is built, so that a page opened as a notebook is clean."""
    assert "{nb-download}" not in page.read_text("utf-8")


def test_the_exercises_of_the_lecture_come_without_their_solutions() -> None:
    text = (DOCS / "tutorials/lecture.md").read_text("utf-8")
    questions, solutions = text.split("\n## Exercises\n")[1].split("\n## Solutions\n")
    assert not cells(questions) and [re.findall(r"^\*\*(\d)", part, re.MULTILINE) for part in (questions, solutions)] == [["1", "2", "3"]] * 2
    assert len(cells(solutions)) == 4  # three solutions and a check, which the site leaves out


def contents(page: Path) -> set[Path]:
    """The pages that the tables of contents of a page name, and those that these name."""
    blocks = re.findall(r"^```{toctree}\n(?::[^\n]*\n)*\n?(.*?)^```$", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    below = {page.parent / f"{entry}.md" for block in blocks for entry in block.split()}
    return below.union(*map(contents, below))


def test_every_page_is_in_the_contents() -> None:
    orphans = {page for page in SITE if page.read_text("utf-8").startswith("---\norphan: true\n")}
    assert contents(DOCS / "index.md") | {DOCS / "index.md"} == set(SITE) - orphans


def test_every_group_of_names_and_every_public_module_has_its_page() -> None:
    """The build refuses a public name without an entry; here, without the site's packages, the pages that it fills."""
    shown = set(re.findall(r"^\.\. public-names:: (.*)$", "".join(page.read_text("utf-8") for page in SITE), flags=re.MULTILINE))
    groups = set(re.findall(r"^(\S.*)\n    ", sf.__doc__ or "", flags=re.MULTILINE))
    modules = {f"symfold.{name}" for name in ("errors", "experiments", "export", "extend", "losses", "mappers", "optimizers", "sklearn")}
    assert shown == groups | modules


def public() -> Iterator[tuple[str, Any]]:
    """The public names, those of public modules too, with their values."""
    for short in dir(sf):
        value = getattr(sf, short)
        if inspect.ismodule(value):
            yield from ((f"{short}.{member}", getattr(value, member)) for member in getattr(value, "__all__", dir(value)))
        elif not short.startswith("__"):
            yield short, value


def test_every_public_name_says_what_it_does_and_every_function_is_shown_in_use() -> None:
    """In an example of a docstring, or in a cell of a page."""
    documented = [(long, value) for long, value in public() if inspect.isclass(value) or inspect.isroutine(value)]
    assert [long for long, value in documented if not (inspect.getdoc(value) or "").strip()] == []
    examples = [line for _, value in public() for line in (inspect.getdoc(value) or "").splitlines() if line.startswith((">>>", "..."))]
    shown = "\n".join([*examples, *(cell for page in SITE for cell in cells(page.read_text("utf-8")))])
    words = set(re.findall(r"\w+", shown))
    functions = [long for long, value in public() if inspect.isroutine(value) or isinstance(value, Elementwise)]
    assert len(functions) > 150 and [long for long in functions if long.rpartition(".")[2] not in words] == []


CLASSES = {value: long for long, value in public() if inspect.isclass(value)}


@pytest.mark.parametrize("value", CLASSES, ids=CLASSES.__getitem__)
def test_every_public_class_has_an_example(value: type) -> None:
    assert "\n>>> " in (inspect.getdoc(value) or "")


def test_errors_that_docstrings_name_are_errors_of_symfold() -> None:
    texts = [(long, line) for long, value in public() for line in re.findall(r"Errors: ([^>]*?)(?:\n\n|\Z)", inspect.getdoc(value) or "")]
    named = [(long, word) for long, text in texts for word in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", text)]
    assert len(named) > 10 and [(long, word) for long, word in named if word not in sf.errors.__all__] == []


def test_pages_that_need_a_package_say_so() -> None:
    """Where it is missing, the build shows their cells without running them."""
    conf = ast.parse((DOCS / "conf.py").read_text("utf-8"))
    (needed,) = (ast.literal_eval(node.value) for node in conf.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NEEDED")
    optional = {package for packages in needed.values() for package in packages}
    for page in SITE:
        code = "\n".join(cells(page.read_text("utf-8")))
        imported = {words.partition(".")[0] for words in re.findall(r"^ *(?:import|from) ([\w.]+)", code, flags=re.MULTILINE)}
        assert imported & optional <= set(needed.get(page.relative_to(DOCS).as_posix(), ())), page.name


@pytest.mark.parametrize("heading", ["## Run it", "## Test it"])
def test_the_readme_has_the_commands_that_set_it_up(heading: str) -> None:
    blocks = re.findall(r"^(## .*)\n\n```sh\n(.*)\n```$", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)
    assert [title for title, _ in blocks][:2] == ["## Run it", "## Test it"]
    assert dict(blocks)[heading].startswith("python3 -m venv .venv && .venv/bin/pip install ")
