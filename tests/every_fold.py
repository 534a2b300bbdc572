"""All folds of a net, for tests of readers."""

from __future__ import annotations

from typing import Any

import symfold as sf
from symfold.core.folds import is_fold
from symfold.core.nodes import walk


def folds(net: sf.Net) -> list[tuple[Any, int]]:
    """The counts and the sizes of the states of all folds, nested ones as well."""
    roots, found = [*net.outputs], []
    while roots:
        for node in walk([roots.pop()]):
            if is_fold(node):
                found.append((node.op.count, node.op.carries))
            inner = getattr(node.op, "block", None) or getattr(node.op, "body", None)
            roots += inner.results if inner else ()
    return sorted(found)
