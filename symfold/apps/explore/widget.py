"""The widget: mappers to pick or to type, in Jupyter and marimo. Python answers each question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from html import escape
from typing import Any

from symfold.apps.document import resource
from symfold.apps.explore.answers import ANY, Own, catalogue, compared, sections
from symfold.base.arguments import quoted, whole
from symfold.base.public import public
from symfold.base.trees import Layered
from symfold.core.net import Net
from symfold.errors import InvalidType, InvalidValue, MissingPackage, SymfoldError
from symfold.show.hypertext import element

MOST = 12  # the depth at which the slider ends
LONGEST = 200  # characters of a typed mapper


@public
def explore(mapper: str = "residual", other: str = "boosting", depth: int = 4, **own: Layered) -> Any:
    """A widget in a notebook: pick or type a mapper, move the depth, and see its formulas, pictures, paths and more.

    `own` are mappers in Python, by the names to pick them by. Needs the extra `notebook` (anywidget); in Jupyter and
    marimo. Typed mappers are parsed as by the command, never evaluated. Errors: MissingPackage, InvalidValue for a
    depth that the slider does not have, UnknownName for a mapper. `symfold explore` writes the same as a page.

    >>> import symfold as sf
    >>> widget = sf.explore("half", half=lambda z, f: f(z) / 2 + z)  # doctest: +SKIP
    """
    try:
        import anywidget
    except ImportError:
        raise MissingPackage("sf.explore needs the package anywidget (pip install 'symfold[notebook]')") from None
    for asked in (mapper, other):
        if isinstance(asked, Net):
            raise InvalidType("sf.explore shows mappers, not nets (to compare two nets: sf.compare(net, other))")
        if callable(asked):
            raise InvalidType("a mapper of your own has a name (write sf.explore('mine', mine=mapper))")
    for name, value in own.items():
        if not callable(value) or isinstance(value, Net):
            raise InvalidType(
                f"explore has no argument {name!r} (its arguments: mapper, other, depth; any other names a mapper of "
                f"your own, a function (state, layer) -> state, got {quoted(value)})"
            )
    if whole("depth", depth) not in range(1, MOST + 1):
        raise InvalidValue(f"depth {depth} is not on the slider (give one from 1 to {MOST})")
    question = {"mapper": mapper, "other": other, "depth": depth}
    sections(mapper, depth, own)  # an unknown mapper is an error here, not in the widget
    sections(other, depth, own)
    return _explorer(anywidget)(question, own)


@cache
def _explorer(anywidget: Any) -> Any:
    import traitlets

    class Explorer(anywidget.AnyWidget):
        """Traits: a question from the page, and the answer of Python, first the sections, then the comparison."""

        _esm = resource("explore", "explore.js")
        _css = resource("explore", "explore.css")
        catalogue = traitlets.List().tag(sync=True)
        most = traitlets.Int(MOST).tag(sync=True)
        question = traitlets.Dict().tag(sync=True)
        answer = traitlets.Dict().tag(sync=True)

        def __init__(self, question: dict[str, Any], own: Own):
            super().__init__(catalogue=[asdict(entry) for entry in catalogue(own)], question=question)
            self._own = own
            self._reply()
            self.observe(lambda change: self._reply(), names="question")

        def __repr__(self) -> str:
            mapper, other, depth = (self.question[key] for key in ("mapper", "other", "depth"))
            return f"a widget that compares {mapper!r} and {other!r} at depth {depth} (a notebook shows it)"

        __str__ = __repr__

        def _repr_mimebundle_(self, **options: Any) -> Any:
            """The widget, and a sentence for a page without Python."""
            bundle = super()._repr_mimebundle_(**options)
            data, *rest = bundle if isinstance(bundle, tuple) else (bundle,)
            if data is None:
                return None
            note = f"This is {self!r}. For a page that works without Python: symfold explore -o explore.html"
            shown = {**data, "text/html": element("p", escape(note))}
            return (shown, *rest) if rest else shown

        def _reply(self) -> None:
            for answer in answers(self.question, self._own):
                self.answer = answer

    return Explorer


def answers(question: Any, own: Own) -> Iterator[dict[str, Any]]:
    """What the widget shows for a question: the sections at once, then the comparison; or an error in words.

    >>> next(answers({"mapper": "z.real", "other": "boosting", "depth": 3}, {}))["error"][:20]
    "cannot read 'z.real'"
    """
    try:
        mapper, other, depth = str(question["mapper"])[:LONGEST], str(question["other"])[:LONGEST], question["depth"]
        if depth != ANY and depth not in range(1, MOST + 1):
            raise InvalidValue(f"depth {depth!r} is neither {ANY} nor from 1 to {MOST}")
        first = {"question": question, "sections": sections(mapper, depth, own)}
        yield first
        yield {**first, "comparison": compared(mapper, other, depth, own)}
    except (SymfoldError, KeyError, TypeError) as error:
        yield {"question": question, "error": str(error)}
