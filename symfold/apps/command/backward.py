"""`symfold backward`: the backward pass of a net, derived, as a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from symfold.apps.command.formula import print_formula
from symfold.apps.command.options import Subcommand, as_json, formula_options, label_option, names_option, net_options

if TYPE_CHECKING:
    from symfold.core.net import Net


@click.command(
    cls=Subcommand,
    epilog="""\b
Examples:
  symfold backward residual --depth 3
  symfold backward "z * f(z)" --depth n --style latex""",
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
    """Print the adjoint of MAPPER folded over layers: a fold of the adjoint mapper over the reversed list."""
    print_formula(
        mapper, depth, layer, init, form, style, inline, max_ops, json_, of=backward, names=names, label=label
    )


def backward(net: Net) -> Net:
    """The adjoint of a net, if there is anything to derive it by."""
    from symfold.transform.autodiff.differentiate import adjoint

    if not net.inputs:
        raise click.UsageError("the net reads no x, so that its backward pass is empty (begin with x: --init x)")
    return adjoint(net)
