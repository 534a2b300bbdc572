"""The pages of names: every public name, under the headings of `symfold.__doc__` and in its public modules."""

import inspect
import re
from collections.abc import Iterator
from importlib.util import find_spec

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import symfold as sf
from symfold.core.functions import ROWS, Point
from symfold.frontend.elementwise import Elementwise

MODULES = {f"symfold.{name}": getattr(sf, name) for name in dir(sf) if inspect.ismodule(getattr(sf, name))}
if find_spec("sklearn"):
    import symfold.sklearn

    MODULES["symfold.sklearn"] = symfold.sklearn


class PublicNames(SphinxDirective):
    """Public names, each with its signature and docstring: those of a group of `symfold.__doc__`, or of a module."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        groups, wanted = groups_of_names(), self.arguments[0]
        owner, names = ("symfold", groups[wanted]) if wanted in groups else (wanted, members(wanted))
        lines = [] if wanted in groups else [f".. py:module:: {owner}", ""]
        return self.parse_text_to_nodes("\n".join([*lines, *described(owner, names)]))


class AllNames(SphinxDirective):
    """A table per group and module: each public name, linked, with the first line of its docstring."""

    def run(self) -> list[nodes.Node]:
        tables = {group: ("symfold", names) for group, names in groups_of_names().items()}
        tables |= {module: (module, members(module)) for module in MODULES}
        lines: list[str] = []
        for title, (owner, names) in tables.items():
            lines += [f".. rubric:: {title}", "", ".. list-table::", "   :widths: 30 70", ""]
            for name in names:
                claimed = claim(getattr(MODULES.get(owner, sf), name))
                lines += [f"   * - :py:obj:`~{owner}.{name}`", f"     - {claimed}"]
            lines.append("")
        return self.parse_text_to_nodes("\n".join(lines))


def groups_of_names() -> dict[str, list[str]]:
    """The names under each heading of `symfold.__doc__`, without modules, which have pages of their own."""
    groups = re.findall(r"^(\S.*)\n((?:    .*\n)+)", sf.__doc__ or "", flags=re.MULTILINE)
    public = {name for name in dir(sf) if not inspect.ismodule(getattr(sf, name))}
    return {title: [n for n in re.findall(r"\w+", first_column(text)) if n in public] for title, text in groups}


def first_column(text: str) -> str:
    """What stands before two spaces, line by line."""
    return " ".join(re.split(r"\s{2,}", line.strip())[0] for line in text.splitlines())


def claim(value: object) -> str:
    """What a name is, in a line: of a function or a class the first line of its docstring, of a table its names."""
    if isinstance(value, dict):
        return f"Rows by name: {', '.join(value)}."
    if isinstance(value, Elementwise):
        return next(about(value))
    if inspect.isclass(value) or inspect.isroutine(value):
        return (inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " ")
    return f"``{value}``"


def members(module: str) -> list[str]:
    """The public names of a module, in the order of `__all__` if there is one."""
    return list(getattr(MODULES[module], "__all__", dir(MODULES[module])))


def first_place(value: type) -> str:
    """The first public name of a class; other pages refer to it."""
    places = [("symfold", name) for names in groups_of_names().values() for name in names]
    places += [(module, name) for module in MODULES for name in members(module)]
    return next(f"{owner}.{name}" for owner, name in places if getattr(MODULES.get(owner, sf), name) is value)


def described(owner: str, names: list[str]) -> Iterator[str]:
    """A directive per name."""
    yield from (f".. py:currentmodule:: {owner}", "")
    for name in names:
        value = getattr(MODULES.get(owner, sf), name)
        if inspect.isclass(value) and (first := first_place(value)) != f"{owner}.{name}":
            yield from (f".. py:class:: {name}", "", f"   The same as :py:obj:`{first}`.", "")
        elif inspect.isclass(value):
            requests = [method for method in dir(value) if re.fullmatch("set_.*_request", method)]  # scikit-learn's own
            yield from (f".. autoclass:: {owner}.{name}", f"   :exclude-members: {', '.join(requests)}", "")
        elif inspect.isroutine(value):
            yield from (f".. autofunction:: {owner}.{name}", "")
        elif isinstance(value, Elementwise):
            yield from (f".. py:function:: {name}(z)", "", *("   " + line for line in about(value)), "")
        else:
            yield from (f".. py:data:: {name}", "", f"   {claim(value)}", "")


def about(function: Elementwise) -> Iterator[str]:
    """The docstring of an elementwise function, with what its row says of it."""
    points = "".join(f"\n- ``{point_of(function, point)}``" for point in ROWS[function.head].special)
    yield from (function.__doc__ or "").replace("|", r"\|").splitlines()
    yield from ("", *points.splitlines())


def point_of(function: Elementwise, point: Point) -> str:
    slopes = f", slope {point.slopes[0]}" if point.slopes else ""
    return f"{function!r}({point.at[0]}) = {point.value}{slopes}"


def every_name_described(app: Sphinx, error: Exception | None) -> None:
    """A warning, and so the end of the build, for each public name without an entry in the reference."""
    if error or app.builder.format != "html":
        return
    entries = {name for name, *_ in app.env.get_domain("py").get_objects()}
    public = {("symfold", name) for names in groups_of_names().values() for name in names}
    public |= {(module, name) for module in MODULES for name in members(module)}
    for owner, name in sorted(public):
        if f"{owner}.{name}" not in entries:
            logging.getLogger(__name__).warning("%s.%s has no entry in the reference", owner, name)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("public-names", PublicNames)
    app.add_directive("all-names", AllNames)
    app.connect("build-finished", every_name_described)
    return {"parallel_read_safe": True}
