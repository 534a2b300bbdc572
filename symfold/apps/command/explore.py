"""`symfold explore`: mappers to look at in a browser, as one HTML page."""

from __future__ import annotations

import click

from symfold.apps.command.options import FilePath, Subcommand, as_json, say, say_json, write


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold explore -o explore.html
  symfold explore residual boosting "f(z) - z" lstm --depth 6 -o explore.html""",
)
@click.argument("mappers", metavar="[MAPPER]...", nargs=-1)
@click.option("--depth", type=click.IntRange(1), default=8, show_default=True, help="The greatest depth of the page.")
@click.option("-o", "--output", type=FilePath(), default="explore.html", show_default=True, help="The file to write.")
@as_json
def command(mappers: tuple[str, ...], depth: int, output: str, json_: bool) -> None:
    """Write a page to explore MAPPERs: formulas, pictures, paths and comparisons at every depth, without a server.

    Without MAPPERs, those of 'symfold list mappers'. The page loads nothing from outside.
    """
    from symfold.apps.explore.page import page
    from symfold.apps.status import Status
    from symfold.base.files import check_writable
    from symfold.errors import InvalidValue

    if not output.lower().endswith((".html", ".htm")):
        raise InvalidValue(f"cannot write {output!r}: this is an HTML page (give a file name that ends in .html)")
    check_writable(output)
    with Status("exploring") as status:
        html = page(mappers, depth, status.now)
    write(html, output)
    if json_:
        say_json({"mappers": list(mappers), "depth": depth, "file": output})
    else:
        say(f"written: {output}")
