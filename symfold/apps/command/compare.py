"""`symfold compare`: how two nets differ, on the terminal and as a page."""

from __future__ import annotations

import os
import shutil
import sys

import click

from symfold.apps.command.color import paint
from symfold.apps.command.options import (
    FilePath,
    Subcommand,
    as_json,
    depth_option,
    json_line,
    say,
    symbolic_net,
    write,
)


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold compare residual boosting --depth 4
  symfold compare residual boosting --depth n -o report.html
  symfold compare "f(z) + z" "z + f(z)" --exit-code""",
)
@click.argument("first", metavar="MAPPER")
@click.argument("second", metavar="MAPPER")
@depth_option
@click.option("--layer", default="f", show_default=True, metavar="NAME", help="The name of the layers.")
@click.option("--init", default="x", show_default=True, help="The initial state of both: x, or a number.")
@click.option("-o", "--output", type=FilePath(), help="Write the whole report, with pictures, as one HTML page.")
@click.option("--exit-code", "exit_code", is_flag=True, help="Exit with 1 if the nets differ, as git diff does.")
@as_json
def command(
    first: str, second: str, depth: int | str, layer: str, init: str, output: str | None, exit_code: bool, json_: bool
) -> int:
    """Compare two MAPPERs folded over the same layers: formulas, paths, gradients, cost, and whether they are equal."""
    from symfold.apps.report import compare
    from symfold.apps.report.page import page
    from symfold.apps.report.terminal import WIDTH, as_data, plainly, shown
    from symfold.apps.status import Status
    from symfold.base.files import check_writable
    from symfold.errors import InvalidValue

    if output is not None:
        if not output.lower().endswith((".html", ".htm")):
            raise InvalidValue(
                f"cannot write {output!r}: the report is an HTML page (give a file name that ends in .html)"
            )
        check_writable(output)
    names = (first, second) if first != second else ("A", "B")
    comparison = compare(symbolic_net(first, depth, layer, init), symbolic_net(second, depth, layer, init), names)
    with Status("comparing") as status:
        if json_:
            answer = json_line({"first": first, "second": second, "depth": depth, **as_data(comparison)})
        else:
            terminal = sys.stdout.isatty()
            width = shutil.get_terminal_size().columns if terminal or "COLUMNS" in os.environ else WIDTH
            answer = shown(comparison, width, _strong if terminal else plainly, status.now)
    click.echo(answer)
    if output is not None:
        with Status("writing the page") as status:
            html = page(comparison, now=status.now)
        write(html, output)
        if not json_:
            say(f"written: {output}")
    return int(exit_code and comparison.differ)


def _strong(text: str) -> str:
    return paint(text, fg="red", bold=True)
