"""The site: `sphinx-build -W -E -b html docs build/docs`. Needs the extra `docs`, and no network."""

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partialmethod
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from jupyter_client import AsyncKernelManager
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parent.parent
# pages import `symfold` and `examples` from here, in this process and in those that execute them
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

# commands and cells run in folders of their own, with the examples in them
FOLDER = tempfile.TemporaryDirectory()
EXAMPLES = shutil.copytree(ROOT / "examples", Path(FOLDER.name) / "examples")
# kernels know nothing of the user's IPython, and are reached by files: a port that is free now may soon be taken
IPYTHON = tempfile.TemporaryDirectory()
START = Path(IPYTHON.name) / "profile_default" / "startup" / "folder.py"
START.parent.mkdir(parents=True)
START.write_text(f"""import os, tempfile
os.chdir(tempfile.mkdtemp(dir={FOLDER.name!r}))
os.symlink({str(EXAMPLES)!r}, "examples")
del os, tempfile
""")
os.environ["IPYTHONDIR"] = IPYTHON.name
if os.name == "posix":
    sockets = f"{IPYTHON.name}/kernel"
    AsyncKernelManager.__init__ = partialmethod(AsyncKernelManager.__init__, transport="ipc", ip=sockets)

import symfold as sf  # noqa: E402
from symfold.core.functions import ROWS, Point  # noqa: E402
from symfold.frontend.elementwise import Elementwise  # noqa: E402

MODULES = {f"symfold.{name}": getattr(sf, name) for name in dir(sf) if inspect.ismodule(getattr(sf, name))}
if find_spec("sklearn"):
    import symfold.sklearn

    MODULES["symfold.sklearn"] = symfold.sklearn

project = "symfold"
version = release = sf.__version__
author = "the authors of symfold"

extensions = ["myst_nb", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["build"]

# Every cell runs once per build. An error, a warning and anything else on stderr ends the build.
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_output_stderr = "warn"
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show", "Hide"
# Formulas are text: LaTeX in the page would need MathJax from a server.
nb_mime_priority_overrides = [("html", "text/latex", None)]
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
# Pages that need optional packages show their cells without outputs if one of these is missing.
NEEDED = {
    "explanation/boosting.md": ("sklearn",),
    "howto/estimators.md": ("sklearn",),
    "howto/export.md": ("torch", "onnx", "jax"),
    "reference/pytorch.md": ("torch", "transformers"),
    "tutorials/pytorch_model.md": ("torch",),
}
nb_execution_excludepatterns = [page for page, packages in NEEDED.items() if not all(map(find_spec, packages))]

html_theme = "furo"
html_title = f"symfold {release}"
html_copy_source = False
html_domain_indices = False
html_static_path = ["_static"]
html_css_files = ["symfold.css"]
html_show_sphinx = False
html_show_copyright = False
html_show_search_summary = False  # summaries are fetched, which browsers refuse for files

default_role = "literal"  # docstrings write `sf.fold`, as Markdown does
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"


class PublicNames(SphinxDirective):
    """Public names, each with its signature and docstring: those of a group of `symfold.__doc__`, or of a module."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        groups, wanted = groups_of_names(), self.arguments[0]
        owner, names = ("symfold", groups[wanted]) if wanted in groups else (wanted, members(wanted))
        lines = [] if wanted in groups else [f".. automodule:: {owner}", "   :no-members:", ""]
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
                value = getattr(MODULES.get(owner, sf), name)
                claim = first_line(value) if inspect.isclass(value) or inspect.isroutine(value) else ""
                lines += [f"   * - :py:obj:`~{owner}.{name}`", f"     - {claim}"]
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


def first_line(value: object) -> str:
    return (inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " ")


def members(module: str) -> list[str]:
    """The public names of a module, in the order of `__all__` if there is one."""
    return list(getattr(MODULES[module], "__all__", dir(MODULES[module])))


def first_place(value: type) -> str:
    """The first public name of a class; other pages refer to it."""
    places = [("symfold", name) for names in groups_of_names().values() for name in names]
    places += [(module, name) for module in MODULES for name in members(module)]
    return next(f"{owner}.{name}" for owner, name in places if getattr(MODULES.get(owner, sf), name) is value)


def described(owner: str, names: list[str]) -> Iterator[str]:
    """A directive per function and class; values of one type are listed together, with its docstring."""
    yield from (f".. py:currentmodule:: {owner}", "")
    values: dict[type, list[str]] = {}
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
            values.setdefault(type(value), []).append(name)
    for kind, alike in values.items():
        text = inspect.getdoc(kind) if kind.__module__.startswith("symfold") else None
        yield from (f".. py:data:: {alike[0]}", *(" " * 13 + name for name in alike[1:]), "")
        yield from (*("   " + line for line in (text or "").splitlines()), "")


def about(function: Elementwise) -> Iterator[str]:
    """The docstring of an elementwise function, with what its row says of it."""
    points = "".join(f"\n- ``{point_of(function, point)}``" for point in ROWS[function.head].special)
    yield from (function.__doc__ or "").replace("|", r"\|").splitlines()
    yield from ("", *points.splitlines())


def point_of(function: Elementwise, point: Point) -> str:
    slopes = f", slope {point.slopes[0]}" if point.slopes else ""
    return f"{function!r}({point.at[0]}) = {point.value}{slopes}"


class FormulaOf(SphinxDirective):
    """A formula as MathML: what `symfold formula ARGUMENTS --style mathml` prints, or of `backward`."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"backward": directives.flag}

    def run(self) -> list[nodes.Node]:
        subcommand = "backward" if "backward" in self.options else "formula"
        line = ["symfold", subcommand, *shlex.split(self.arguments[0]), "--style", "mathml"]
        return [nodes.raw("", f'<div class="formula">{command_output(line)}</div>', format="html")]


class Console(SphinxDirective):
    """Commands of a shell, one per line, each with its output; they run when the page is built, in one folder."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        text = "".join(f"$ {line}\n{self.output(line)}" for line in self.content)
        return [nodes.literal_block(text, text, language="console")]

    def output(self, line: str) -> str:
        return command_output(shlex.split(line))


def command_output(words: list[str]) -> str:
    """What a command prints. A complaint ends with status 2, anything else with 0, or the build ends."""
    ended = subprocess.run(
        [sys.executable, "-m", "symfold.apps.command.main", *words[1:]],
        cwd=FOLDER.name, env={**os.environ, "COLUMNS": "80"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if ended.returncode != (2 if ended.stdout.startswith("symfold: ") else 0):
        logging.getLogger(__name__).warning("%s ended with status %s: %s", words, ended.returncode, ended.stdout)
    return ended.stdout


def nothing_from_outside(app: Sphinx, error: Exception | None) -> None:
    """A warning, and so the end of the build, for each page that loads a script, a style or a picture from a server."""
    if error or app.builder.format != "html":
        return
    outside = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
    for page in sorted(Path(app.outdir).rglob("*.html")):
        for tag in outside.findall(page.read_text("utf-8")):
            logging.getLogger(__name__).warning("%s loads from outside: %s", page.name, tag)


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


def notebooks_to_keep(app: Sphinx, error: Exception | None) -> None:
    """Notebooks to download, without what only the site needs: its roles, its checks, random names and times."""
    for path in sorted(Path(app.outdir).glob("_downloads/*/*.ipynb")) if not error else []:
        notebook = json.loads(path.read_text("utf-8"))
        notebook["cells"] = [
            cell for cell in notebook["cells"] if "remove-cell" not in cell["metadata"].get("tags", [])
        ]
        for number, cell in enumerate(notebook["cells"]):
            cell["id"] = f"cell-{number}"
            cell["metadata"].pop("execution", None)
            cell["source"] = re.sub(r" *{nb-download}`[^`]*`", "", "".join(cell["source"]))
        path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")


def setup(app: Sphinx) -> None:
    app.add_directive("public-names", PublicNames)
    app.add_directive("all-names", AllNames)
    app.add_directive("formula", FormulaOf)
    app.add_directive("console", Console)
    app.connect("build-finished", every_name_described)
    app.connect("build-finished", notebooks_to_keep)
    app.connect("build-finished", nothing_from_outside)
