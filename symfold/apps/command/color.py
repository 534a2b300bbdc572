"""Colors on terminals: none in files and pipes, on a terminal without them, or if NO_COLOR is set (no-color.org)."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

import click


def is_colored(stream: TextIO | None) -> bool:
    """Whether a stream shows colors."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream is not None and not plain and stream.isatty()


def paint(text: str, stream: TextIO | None = None, **style: Any) -> str:
    """A text in a style of `click.style`, if the stream (standard output, if none is given) shows colors.

    >>> paint("text", fg="red")
    'text'
    """
    return click.style(text, **style) if is_colored(stream or sys.stdout) else text
