"""`symfold backward`: the backward pass of a net, derived, as a formula."""

from __future__ import annotations

import click

from symfold.command.formula import print_formula
from symfold.command.options import as_json, bounded, form_option, max_ops_option, net_options, style_option, symbolic_net


@click.command(
    epilog="""\b
Examples:
  symfold backward residual --depth 3
  symfold backward "z * f(z)" --depth n --style latex"""
)
@net_options
@form_option
@style_option
@max_ops_option
@as_json
def command(mapper: str, depth: int | str, layer: str, init: str, form: str, style: str, max_ops: int, json_: bool) -> None:
    """Print the adjoint of MAPPER folded over layers: a fold of the adjoint mapper over the reversed list."""
    from symfold.differentiate import adjoint

    if form == "expanded":
        bounded(depth, remedy="or use --form fold")
    net = adjoint(symbolic_net(mapper, depth, layer, init))
    print_formula(net, {"mapper": mapper, "depth": depth}, form, style, max_ops, json_)
