"""Completion in bash, zsh and fish: the names that an option or an argument takes.

A shell asks for completions by running `symfold` with _SYMFOLD_COMPLETE set, as click does it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from symfold.apps.command.tables import TABLES

# The tables that parameters take their values from.
TABLE_OF: dict[str, tuple[str, ...]] = {
    "mapper": ("mappers", "architectures"),
    "mappers": ("mappers", "architectures"),
    "first": ("mappers", "architectures"),
    "second": ("mappers", "architectures"),
    "what": ("mappers", "architectures", "files"),  # of eval: a mapper or a model
    "activation": ("activations",),
    "layers_name": ("functions",),
    "optimizer": ("optimizers",),
    "schedule": ("schedules",),
    "loss": ("losses",),
    "backend": ("backends",),
    "format_": ("formats",),
    "level": ("levels",),
    "target": ("columns",),
}


class Names(click.types.StringParamType):
    """A text for which a shell completes names of tables."""

    def __init__(self, tables: tuple[str, ...]) -> None:
        self.tables = tables

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return completed(self.tables, ctx, incomplete)


def completed(tables: tuple[str, ...], ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """The names of tables that begin with what is typed, each once."""
    rows: dict[str, Callable[[], Iterable[dict[str, Any]]]] = {**TABLES, "columns": lambda: columns(ctx)}
    found = {
        str(row["name"]): str(row.get("formula", "")) for table in tables if table in rows for row in rows[table]()
    }
    items = [CompletionItem(name, help=text or None) for name, text in found.items() if name.startswith(incomplete)]
    return items if "files" not in tables or items else [CompletionItem(incomplete, type="file")]


def columns(ctx: click.Context) -> list[dict[str, Any]]:
    """The columns of the table that --data names, if it can be read."""
    try:
        with Path(ctx.params["data"]).open(encoding="utf-8-sig", newline="") as file:
            return [{"name": name} for name in next(csv.reader(file), [])]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return []
