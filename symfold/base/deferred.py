"""Modules that are imported when they are first used: NetworkX takes a fifth of the time of `import symfold`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


class Deferred:
    """A module by name, imported when an attribute of it is first read.

    >>> Deferred("colorsys").rgb_to_hsv(0, 0, 1)[2]
    1
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # asked by tools that inspect modules
            raise AttributeError(attribute)
        return getattr(import_module(self._name), attribute)


if TYPE_CHECKING:
    import networkx as nx
else:
    nx = Deferred("networkx")

__all__ = ["Deferred", "nx"]
