"""`symfold graph`: the computation graph, in a format for other programs."""

from __future__ import annotations

import click

from symfold.apps.command.options import (
    Subcommand,
    as_json,
    bounded,
    level_option,
    names_option,
    net_options,
    output_option,
    symbolic_net,
    without_effect,
    write,
)


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold graph residual --depth 3 --format mermaid
  symfold graph boosting --depth 10 --level step --format graphml -o net.graphml""",
)
@net_options
@level_option
@click.option(
    "--format",
    "format_",
    default="dot",
    show_default=True,
    metavar="FORMAT",
    help="dot, graphml, json, mermaid or tikz.",
)
@names_option
@output_option
@as_json
def command(
    mapper: str,
    depth: int | str,
    layer: str,
    init: str,
    level: str | None,
    format_: str,
    names: dict[str, str],
    output: str | None,
    json_: bool,
) -> None:
    """Print the graph of MAPPER folded over layers (--json is --format json)."""
    from symfold.base.files import check_writable
    from symfold.show.export import to_text

    if json_ and format_ != "json":
        without_effect("format_", because="beside --json, which is --format json")
    if names and (json_ or format_ != "tikz"):
        without_effect("names", because="on formats other than tikz, which keep the net's own names")
    if output is not None:
        check_writable(output)
    if level not in ("fold", "block"):
        bounded(depth, 100_000, "or use --level fold")
    net = symbolic_net(mapper, depth, layer, init)
    write(to_text(net, "json" if json_ else format_, level, names=names or None), output)
