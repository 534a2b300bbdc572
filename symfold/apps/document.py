"""An HTML file of its own: style and script inside, and nothing loaded from outside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from html import escape
from importlib.resources import files

Progress = Callable[[str, int, int], None]  # a step, its number, and the number of steps


@cache
def resource(package: str, name: str) -> str:
    """A file of a package of apps.

    >>> resource("explore", "page.js").splitlines()[0]
    '// On a page: the answers are packed in it.'
    """
    return files(f"symfold.apps.{package}").joinpath(name).read_text(encoding="utf-8")


def allowed(content: str) -> str:
    """The digest by which a Content-Security-Policy allows one style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def document(title: str, style: str, body: str, script: str, *, module: bool = False, inline: bool = False) -> str:
    """A page whose style and script alone may act; `inline` also allows styles of elements, and pictures in the page.

    The script runs at the end of the body, as a module if asked for. `body` is markup, `title` is text. Same arguments,
    same bytes.

    >>> page = document("a < b", "p { color: red }", "<p>words</p>", "")
    >>> "<title>a &lt; b</title>" in page, "<script></script>" in page
    (True, True)
    """
    styles = "'unsafe-inline'; img-src data:" if inline else allowed(style)
    policy = (
        f"default-src 'none'; style-src {styles}; script-src {allowed(script)}; base-uri 'none'; form-action 'none'"
    )
    kind = ' type="module"' if module else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
<script{kind}>{script}</script>
</body>
</html>
"""
