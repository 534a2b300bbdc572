"""A picture in the DOT language as a `graphviz.Digraph` that notebooks show without the program `dot`."""

from __future__ import annotations

from collections.abc import Iterable

import graphviz

from symfold.show.hypertext import image
from symfold.show.render import render


class Diagram(graphviz.Digraph):
    """A Digraph, shown in notebooks by any of our renderers; a failure is shown as a sentence, never raised."""

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **options: object
    ) -> dict[str, str]:
        words = f"a diagram of {len(self.source):,} characters of DOT"
        try:
            picture = image(render(self.source, "svg"), words)
        except Exception as error:  # a display must never raise
            return {"text/plain": f"{words}, which cannot be drawn ({error})"}
        return {"text/plain": words, **({"text/html": picture} if picture else {})}

    def __repr__(self) -> str:
        return f"a diagram of {len(self.source):,} characters of DOT (its source: .source)"
