"""Pages of the docs: their cells of code, run outside of the build of the site."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
CELL = re.compile(r"^```{code-cell} python\n(?::tags: [^\n]*\n\n)?(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def cells(text: str) -> list[str]:
    return CELL.findall(text)


def run(page: str, names: dict[str, Any]) -> Iterator[Any]:
    """The cells of a page, run in order: the value of each that ends in an expression."""
    for cell in cells((DOCS / page).read_text("utf-8")):
        *lines, last = ast.parse(cell).body
        if not isinstance(last, ast.Expr):
            exec(compile(cell, page, "exec"), names)
            continue
        exec(compile(ast.Module(lines, []), page, "exec"), names)
        yield eval(compile(ast.Expression(last.value), page, "eval"), names)
