"""`symfold list`: the names that the other subcommands accept."""

from __future__ import annotations

import shutil
import sys

import click

from symfold.apps.command.options import Subcommand, as_json, say, say_json
from symfold.apps.command.tables import TABLES


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold list
  symfold list functions --json""",
)
@click.argument("what", type=click.Choice(tuple(TABLES)), default="mappers", metavar="[WHAT]")
@as_json
def command(what: str, json_: bool) -> None:
    """List WHAT: mappers (the default), architectures, functions, activations, optimizers, schedules, losses, formats,
    levels, backends, forms or styles.
    """
    rows = TABLES[what]()
    if json_:
        say_json(rows)
        return
    widths = [max(len(str(row[key])) for row in rows) for key in rows[0]]
    most = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    for row in rows:
        line = "  ".join(str(value).ljust(width) for value, width in zip(row.values(), widths, strict=True)).rstrip()
        say(line if len(line) <= most else f"{line[: max(1, most - 4)]} ...")
