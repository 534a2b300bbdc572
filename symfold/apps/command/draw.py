"""`symfold draw`: a picture of a net, in a file."""

from __future__ import annotations

import click

from symfold.apps.command.options import (
    FilePath,
    Subcommand,
    as_json,
    level_option,
    net_options,
    say,
    say_json,
    symbolic_net,
)


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold draw residual --depth 10 -o net.svg
  symfold draw boosting --depth 1000 --level fold -o net.svg""",
)
@net_options
@level_option
@click.option(
    "-o",
    "--output",
    type=FilePath(),
    default="net.svg",
    show_default=True,
    help="The file; its ending selects the format.",
)
@click.option(
    "--max-size",
    type=click.IntRange(1),
    default=4_000,
    show_default=True,
    help="The bound on nodes and places of edges to lay out.",
)
@as_json
def command(
    mapper: str, depth: int | str, layer: str, init: str, level: str | None, output: str, max_size: int, json_: bool
) -> None:
    """Draw MAPPER folded over layers."""
    from symfold.apps.status import Status
    from symfold.base.files import check_writable

    check_writable(output)
    with Status("drawing"):
        symbolic_net(mapper, depth, layer, init).draw(output, level=level, max_size=max_size)
    if json_:
        say_json({"mapper": mapper, "depth": depth, "level": level, "file": output})
    else:
        say(f"drawn: {output}")
