"""`symfold draw`: a picture of one net, or of several, in a file."""

from __future__ import annotations

import click

from symfold.apps.command.options import (
    FilePath,
    Subcommand,
    as_json,
    level_option,
    names_option,
    net_settings,
    say,
    say_json,
    symbolic_net,
)


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold draw residual --depth 10 -o net.svg
  symfold draw residual boosting --legend -o both.svg
  symfold draw boosting --depth 1000 --level fold -o net.svg""",
)
@click.argument("mappers", metavar="MAPPER...", nargs=-1, required=True)
@net_settings
@level_option
@click.option("--direction", default="LR", show_default=True, metavar="LR|TB|RL|BT", help="Of the flow.")
@click.option("--title", default="", help="A text above the picture of one net.")
@click.option("--legend", is_flag=True, help="Explain shapes and lines below.")
@click.option("--columns", type=click.IntRange(1), default=1, show_default=True, help="MAPPERs side by side.")
@click.option("--theme", default="light", show_default=True, metavar="NAME", help="light, dark or gray.")
@names_option
@click.option("--picture-width", type=click.FloatRange(1, 100_000), help="In pixels, 96 to the inch.")
@click.option(
    "-o",
    "--output",
    type=FilePath(),
    default="net.svg",
    show_default=True,
    help="The file; its ending selects the format: .svg, .png, .pdf or .tex (TikZ).",
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
    mappers: tuple[str, ...], depth: int | str, layer: str, init: str, level: str | None, output: str, json_: bool,
    direction: str, title: str, legend: bool, columns: int, theme: str, picture_width: float | None, max_size: int,
    names: dict[str, str],
) -> None:  # fmt: skip
    """Draw MAPPERs folded over layers, several below each other or in columns."""
    from symfold.apps.status import Status
    from symfold.base.files import check_writable
    from symfold.show.drawing import draw

    if len(mappers) > 1 and title:
        raise click.UsageError("--title is for one MAPPER: several have their names as titles (leave it out)")
    check_writable(output)
    with Status("drawing"):
        nets = [symbolic_net(mapper, depth, layer, init) for mapper in mappers]
        draw(
            nets if len(nets) > 1 else nets[0], output, level, direction=direction, theme=theme, legend=legend,
            title=mappers if len(nets) > 1 else title, width=picture_width, max_size=max_size, names=names or None,
            columns=columns,
        )  # fmt: skip
    if json_:
        say_json({"mappers": list(mappers), "depth": depth, "level": level, "file": output})
    else:
        say(f"drawn: {output}")
