"""Exports: the graph of a net in other formats. A new format is one file with its row.

In: a net and a level. Out: text.

    registry   the row of a format
    dot, graphml, mermaid, node_link, tikz   one format each
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from symfold.base.arguments import quoted
from symfold.base.files import path_of, write_whole
from symfold.base.public import public
from symfold.core.net import Net
from symfold.errors import InvalidValue, UnknownName, no_name, unknown
from symfold.show.export import dot as _dot
from symfold.show.export import graphml as _graphml
from symfold.show.export import mermaid as _mermaid
from symfold.show.export import node_link as _node_link
from symfold.show.export import tikz as _tikz
from symfold.show.export.registry import Row as Row
from symfold.show.render import FORMATS

__all__ = ["EXPORTS", "save", "to_text"]

EXPORTS: dict[str, Row] = {row.name: row for row in (_dot.ROW, _graphml.ROW, _node_link.ROW, _mermaid.ROW, _tikz.ROW)}


@public
def to_text(net: Any, format: str, level: str | None = None, *, names: Mapping[str, str] | None = None) -> str:
    """The graph of a net as text; `names` are symbols of your own, in TikZ.

    >>> import symfold as sf
    >>> print(to_text(sf.fold(sf.mappers.residual, sf.layers("f1:2"), sf.tensor("x")), "mermaid"))
    flowchart LR
      x{{"x"}}
      subgraph step_z1["step 1"]
        f1["f1"]
        z1(("+"))
      end
      out{{"out"}}
      x --> f1
      x ==> z1
      f1 --> z1
      z1 --> out
    <BLANKLINE>
    """
    net = Net.of(net)
    if format not in EXPORTS:
        raise unknown("format", format, EXPORTS)
    if format == _tikz.ROW.name:
        return _tikz.write(net, level, names)
    if names is not None:
        raise InvalidValue(f"names={quoted(names)}: {format} keeps the net's own names (write tikz, or save to .tex)")
    return EXPORTS[format].write(net, level or "layer")


@public
def save(
    net: Any, path: str | os.PathLike[str], level: str | None = None, *, names: Mapping[str, str] | None = None
) -> pathlib.Path:
    """Write the graph of a net to a file; the suffix selects the format: .dot, .graphml, .json, .mmd or .tex.

    `level` says what a node stands for, as of `net.graph`: "fold" draws one step, at any depth; the default is
    "layer". A .tex file holds the picture of `sf.draw(net, path)`, and takes `names`, symbols of your own.

    >>> import symfold as sf, tempfile
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sf.export.save(net, f"{folder}/net.mmd").name
    'net.mmd'
    """
    net, where = Net.of(net), path_of(path)
    rows = {row.suffix: row for row in EXPORTS.values()}
    if where.suffix not in rows:
        error = unknown("suffix", where.suffix, rows)
        if where.suffix.lstrip(".").lower() in FORMATS:
            raise UnknownName(f"{error}: a picture is drawn by sf.draw(net, {str(path)!r})")
        raise error
    return write_whole(where, to_text(net, rows[where.suffix].name, level, names=names).encode())


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise no_name("sf.export", name, __dir__())


def __dir__() -> list[str]:
    return [name for name in __all__ if not name.isupper()]
