"""`symfold formula`: a net's formula, the expanded one as a stream of any length."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from symfold.apps.command.options import (
    Subcommand,
    as_json,
    bounded,
    formula_options,
    json_line,
    label_option,
    names_option,
    net_options,
    say,
    say_json,
    symbolic_net,
    without_effect,
)

if TYPE_CHECKING:
    from symfold.core.net import Net


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold formula "f(z) + z" --depth 3 --form expanded
  symfold formula boosting --depth n --style latex
  symfold formula residual --style latex --names "z=\\mathbf{h},f=F" --label resnet
  symfold formula "z + f(x)" --depth 3 --init 0 --form steps""",
)
@net_options
@formula_options
@names_option
@label_option
@as_json
def command(
    mapper: str,
    depth: int | str,
    layer: str,
    init: str,
    form: str,
    style: str,
    inline: bool,
    max_ops: int,
    names: dict[str, str],
    label: str | None,
    json_: bool,
) -> None:
    """Print the formula of MAPPER folded over layers."""
    print_formula(mapper, depth, layer, init, form, style, inline, max_ops, json_, names=names, label=label)


def print_formula(
    mapper: str,
    depth: int | str,
    layer: str,
    init: str,
    form: str,
    style: str,
    inline: bool,
    max_ops: int,
    json_: bool,
    of: Callable[[Net], Net] = lambda net: net,
    names: Mapping[str, str] | None = None,
    label: str | None = None,
) -> None:
    """Print the formula of a net made `of` another, as text or JSON."""
    if form != "steps":
        without_effect("max_ops", because=f"on --form {form}")
    if form == "expanded":
        without_effect("inline", because="on --form expanded")
        bounded(depth, remedy="or use --form fold")
    net = of(symbolic_net(mapper, depth, layer, init))
    about = {"mapper": mapper, "depth": depth}
    if form == "expanded" and not names and label is None:
        print_expanded(net, about, style, json_)
        return
    from symfold.show.notation import formula

    text = formula(net, form=form, style=style, max_ops=max_ops, inline=inline, names=names or None, label=label)
    if json_:
        say_json({**about, "form": form, "style": style, "formula": text})
    else:
        say(text)


def print_expanded(net: Net, about: dict[str, int | str], style: str, json_: bool) -> None:
    """Print the expanded formula chunk by chunk."""
    from symfold.show.notation.expanded import stream

    chunks = iter(stream(net, style))
    first = next(chunks, "")  # errors surface before anything is printed
    if json_:
        head = json_line({**about, "form": "expanded", "style": style, "formula": ""})
        sys.stdout.write(head.removesuffix('"}'))
    for chunk in itertools.chain([first], chunks):
        sys.stdout.write(json_line(chunk)[1:-1] if json_ else chunk)
    sys.stdout.write('"}\n' if json_ else "\n")
