"""The site: `sphinx-build -j auto -W -E -b html docs build/docs`. Needs the extra `docs`, and no network."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from jupyter_client import AsyncKernelManager
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

ROOT = Path(__file__).parent.parent
# pages import `symfold` and `examples` from here, in this process and in those that execute them
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
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
    start_kernel = AsyncKernelManager.__init__

    def start_kernel_by_files(self: AsyncKernelManager, *args: object, **options: object) -> None:
        """Files of this process alone: pages are read in several processes."""
        start_kernel(self, *args, transport="ipc", ip=f"{IPYTHON.name}/{os.getpid()}", **options)

    AsyncKernelManager.__init__ = start_kernel_by_files

import symfold as sf  # noqa: E402

project = "symfold"
version = release = sf.__version__
author = "the authors of symfold"

extensions = ["myst_nb", "sphinx.ext.autodoc", "names"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
html_math_renderer = "mathml"
myst_heading_anchors = 3
exclude_patterns = ["build", "**.ipynb"]

# Every cell runs once per build. An error, a warning and anything else on stderr ends the build.
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_output_stderr = "warn"
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show", "Hide"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
# Pages that need optional packages show their cells without outputs if one of these is missing.
NEEDED = {
    "explanation/boosting.md": ("sklearn",),
    "howto/estimators.md": ("sklearn",),
    "howto/export.md": ("torch", "onnx", "jax"),
    "reference/models.md": ("torch", "transformers"),
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
autodoc_preserve_defaults = True  # as they are written


class FormulaOf(SphinxDirective):
    """A formula as MathML: what `symfold formula ARGUMENTS --style mathml` prints, or of `backward`."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"backward": directives.flag}

    def run(self) -> list[nodes.Node]:
        subcommand = "backward" if "backward" in self.options else "formula"
        line = ["symfold", subcommand, *shlex.split(self.arguments[0]), "--style", "mathml"]
        return [nodes.raw("", f'<div class="formula">{command_output(line)}</div>', format="html")]


def math_in_a_line(translator: HTML5Translator, node: nodes.math) -> None:
    """`$...$` of a page as MathML."""
    translator.body.append(mathml(node, as_block=False))
    raise nodes.SkipNode


def math_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """`$$...$$` of a page, or an output in LaTeX, as MathML, in a box that scrolls."""
    translator.body.append(f'<div class="formula">{mathml(node, as_block=True)}</div>')
    raise nodes.SkipNode


def mathml(node: nodes.Element, as_block: bool) -> str:
    """LaTeX as MathML; brackets stretch only around what is tall."""
    text = node.astext().removeprefix(r"\displaystyle")
    if not re.search(r"\\frac|\\sum|\\prod|matrix}", text):
        text = re.sub(r"\\left(?=[(\[])|\\right(?=[)\]])", "", text)
    try:
        return tex2mathml(text, as_block=as_block)
    except MathError as error:
        logging.getLogger(__name__).warning("%s: %s", node.astext(), error, location=node)
        return ""


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


ABOUT = (
    "---\nThis notebook is a page of symfold's documentation. Titles in *italics* are other pages there. "
    "Files in `examples/` are in symfold's repository: start Jupyter in its folder."
)


def downloads(app: Sphinx, page: str, source: list[str]) -> None:
    """A link to the page as a notebook, where the page has a comment for it: readers of the file itself see none."""
    role = f"{{nb-download}}`Download as a notebook <{page.rpartition('/')[2]}.ipynb>`"
    source[0] = source[0].replace("<!-- download -->", role)


def notebooks_to_keep(app: Sphinx, error: Exception | None) -> None:
    """Notebooks to download, without what only the site needs: roles, checks, links, random names and times."""
    for path in sorted(Path(app.outdir).glob("_downloads/*/*.ipynb")) if not error else []:
        notebook = json.loads(path.read_text("utf-8"))
        page = next(name for name in sorted(app.env.found_docs) if name.rpartition("/")[2] == path.stem)
        notebook["cells"] = [
            cell for cell in notebook["cells"] if "remove-cell" not in cell["metadata"].get("tags", [])
        ]
        for number, cell in enumerate(notebook["cells"]):
            cell["id"] = f"cell-{number}"
            cell["metadata"].pop("execution", None)
            source = "".join(cell["source"])
            cell["source"] = source if cell["cell_type"] == "code" else words_alone(app, page, source)
        notebook["cells"].append({"cell_type": "markdown", "id": "about", "metadata": {}, "source": ABOUT})
        path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")


def words_alone(app: Sphinx, page: str, text: str) -> str:
    """Markdown of a page without links to others: the words of each, and the title of the page if it is another."""

    def title(link: re.Match[str]) -> str:
        words, target = link[1], link[2]
        if re.match("[a-z]+:", target):
            return link[0]
        name = os.path.normpath(f"{Path(page).parent}/{target.partition('#')[0].removesuffix('.md')}")
        if name not in app.env.titles:
            return f"`{words}`"
        shown = app.env.titles[name].astext()
        return f"*{shown}*" if words.lower() == shown.lower() else f"{words} (*{shown}*)"

    without_roles = re.sub(r" *{nb-download}`[^`]*`", "", text)
    return re.sub(r"\[([^]]*)\]\(([^)\s]+)\)", title, without_roles)


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", inline_renderers=(math_in_a_line, None), block_renderers=(math_block, None))
    app.add_directive("formula", FormulaOf)
    app.add_directive("console", Console)
    app.connect("source-read", downloads)
    app.connect("build-finished", notebooks_to_keep)
    app.connect("build-finished", nothing_from_outside)
