"""TikZ: a standalone LaTeX document with the picture that `sf.draw` draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symfold.show.diagram import to_tikz
from symfold.show.export.registry import Row


def write(net: Any, level: str | None, names: Mapping[str, str] | None = None) -> str:
    return to_tikz([("", net)], level, names=names)


ROW = Row("tikz", write, ".tex", "a LaTeX document with a TikZ picture")
