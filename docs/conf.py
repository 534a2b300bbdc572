"""The site: `sphinx-build -W -E -b html docs build/docs`. Needs the extra `docs`, and no network."""

import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import partialmethod
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from docutils import nodes
from jupyter_client import AsyncKernelManager
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parent.parent
# pages import `symfold` and `examples` from here, in this process and in those that execute them
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

# kernels know nothing of the user's IPython, and are reached by files: a port that is free now may soon be taken
IPYTHON = tempfile.TemporaryDirectory()
FOLDER = tempfile.TemporaryDirectory()  # of the commands on the pages
os.environ["IPYTHONDIR"] = IPYTHON.name
if os.name == "posix":
    sockets = f"{IPYTHON.name}/kernel"
    AsyncKernelManager.__init__ = partialmethod(AsyncKernelManager.__init__, transport="ipc", ip=sockets)

import symfold as sf  # noqa: E402

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
# Formulas are text: LaTeX in the page would need MathJax from a server.
nb_mime_priority_overrides = [("html", "text/latex", None)]
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
# Pages that need optional packages show their cells without outputs if one of these is missing.
NEEDED = {
    "boosting.md": ("sklearn",),
    "estimators.md": ("sklearn",),
    "exchange.md": ("torch", "transformers", "onnx", "jax"),
}
nb_execution_excludepatterns = [page for page, packages in NEEDED.items() if not all(map(find_spec, packages))]

html_theme = "furo"
html_title = f"symfold {release}"
html_copy_source = False

default_role = "literal"  # docstrings write `sf.fold`, as Markdown does
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"


class PublicNames(SphinxDirective):
    """The public names under the headings of `symfold.__doc__`, each with its signature and its docstring."""

    def run(self) -> list[nodes.Node]:
        lines: list[str] = []
        seen: set[object] = set()  # a class that two modules have is described once
        for heading, text in re.findall(r"^(\S.*)\n((?:    .*\n)+)", sf.__doc__ or "", flags=re.MULTILINE):
            names = [name for name in re.findall(r"\w+", first_column(text)) if name in dir(sf)]
            modules = [name for name in names if inspect.ismodule(getattr(sf, name))]
            others = [name for name in names if name not in modules]
            lines += [heading, "=" * len(heading), "", *described("symfold", others, seen)]
            for name in modules:
                lines += [f"symfold.{name}", "-" * len(f"symfold.{name}"), "", f".. automodule:: symfold.{name}"]
                lines += ["   :no-members:", "", *described(f"symfold.{name}", members(getattr(sf, name)), seen)]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def first_column(text: str) -> str:
    """What stands before two spaces, line by line."""
    return " ".join(re.split(r"\s{2,}", line.strip())[0] for line in text.splitlines())


def members(module: ModuleType) -> list[str]:
    """The public names of a module, in the order of `__all__` if there is one."""
    return list(getattr(module, "__all__", dir(module)))


def described(owner: str, names: list[str], seen: set[object]) -> list[str]:
    """A directive per function and class; values of one type are listed together, with its docstring."""
    lines: list[str] = []
    values: dict[type, list[str]] = {}
    for name in names:
        value = getattr(sys.modules.get(owner) or getattr(sf, owner.rpartition(".")[2]), name)
        if inspect.isclass(value):
            if value in seen:
                continue
            seen.add(value)
        if inspect.isclass(value) or inspect.isroutine(value):
            lines += [f".. auto{'class' if inspect.isclass(value) else 'function'}:: {owner}.{name}", ""]
        elif not inspect.ismodule(value):
            values.setdefault(type(value), []).append(name)
    lines += [f".. py:currentmodule:: {owner}", ""]
    for kind, alike in values.items():
        text = inspect.getdoc(kind) if kind.__module__.startswith("symfold") else None
        lines += [f".. py:data:: {alike[0]}", *(" " * 13 + name for name in alike[1:]), ""]
        lines += [*("   " + line for line in (text or "").splitlines()), ""]
    return lines


class Console(SphinxDirective):
    """Commands of a shell, one per line, each with its output; they run when the page is built, in one folder."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        text = "".join(f"$ {line}\n{self.output(line)}" for line in self.content)
        return [nodes.literal_block(text, text, language="console")]

    def output(self, line: str) -> str:
        """What a command prints. A complaint ends with status 2, anything else with 0, or the build ends."""
        arguments = shlex.split(line)[1:]  # after `symfold`
        if not (Path(FOLDER.name) / "examples").exists():
            shutil.copytree(ROOT / "examples", Path(FOLDER.name) / "examples")
        ended = subprocess.run(
            [sys.executable, "-m", "symfold.apps.command.main", *arguments],
            cwd=FOLDER.name, env={**os.environ, "COLUMNS": "80"}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if ended.returncode != (2 if ended.stdout.startswith("symfold: ") else 0):
            logging.getLogger(__name__).warning("%s ended with status %s: %s", line, ended.returncode, ended.stdout)
        return ended.stdout


def nothing_from_outside(app: Sphinx, error: Exception | None) -> None:
    """A warning, and so the end of the build, for each page that loads a script, a style or a picture from a server."""
    if error or app.builder.format != "html":
        return
    outside = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
    for page in sorted(Path(app.outdir).rglob("*.html")):
        for tag in outside.findall(page.read_text("utf-8")):
            logging.getLogger(__name__).warning("%s loads from outside: %s", page.name, tag)


def setup(app: Sphinx) -> None:
    app.add_directive("public-names", PublicNames)
    app.add_directive("console", Console)
    app.connect("build-finished", nothing_from_outside)
