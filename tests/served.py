"""Notebook servers for tests in a browser, each with settings of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).parents[1])


def environment(folder: Path) -> dict[str, str]:
    """The environment of a server or a kernel: symfold from here; settings and signatures in the folder."""
    own = {name: str(folder / "jupyter") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    return {**os.environ, **own, "PYTHONPATH": ROOT, "PYTHONWARNINGS": "ignore", "XDG_CONFIG_HOME": str(folder / "config")}


@contextmanager
def lab_address(folder: Path) -> Iterator[str]:
    """The address of the workspaces of a JupyterLab that shows a folder."""
    options = ["--no-browser", "--allow-root", "--IdentityProvider.token=", "--expose-app-in-browser", f"--ServerApp.root_dir={folder}"]
    with _served(["jupyterlab", *options, "--port"], folder, "/api") as address:
        yield f"{address}/lab/workspaces"


def run_all(page: Any) -> None:
    """Run all cells of the notebook that a page of JupyterLab shows, once its kernel is there."""
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=120_000)
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")


@contextmanager
def marimo_address(folder: Path, cell: str) -> Iterator[str]:
    """The address of a marimo app of one cell."""
    app = f"import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef cell():\n    {cell}\n    return\n\n\nif __name__ == '__main__':\n    app.run()\n"
    (folder / "app.py").write_text(app, encoding="utf-8")
    with _served(["marimo", "run", str(folder / "app.py"), "--headless", "--no-token", "--port"], folder, "/") as address:
        yield address


@contextmanager
def _served(module: Sequence[str], folder: Path, answering: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with open(folder / "server.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen([sys.executable, "-m", *module, str(port)], env=environment(folder), stdout=log, stderr=log, cwd=folder)
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{address}{answering}").close()
                    break
                except urllib.error.URLError:
                    time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            process.wait()
