"""The help of subcommands: options under headings, and what a MAPPER is."""

from __future__ import annotations

from typing import Any

import click

from symfold.apps.command.color import paint
from symfold.apps.command.completion import TABLE_OF, Names

# Options by heading; those without one come last.
HEADINGS: dict[str, tuple[str, ...]] = {
    "Net": ("depth", "init", "layer", "layers_name", "width", "activation", "x_text"),
    "Table": ("data", "target", "task", "test_fraction", "validation"),
    "Training": (
        *("epochs", "batch_size", "rate", "loss", "optimizer", "schedule", "early_stopping", "seed", "backend"),
        *("remat", "checkpoint", "resume", "retry", "workers"),
    ),
    "Picture": ("level", "direction", "title", "legend", "theme", "picture_width", "max_size"),
    "Options": (),
}
PLACEHOLDERS: dict[type, str] = {
    Names: "NAME",
    click.types.FloatParamType: "NUMBER",
    click.types.FloatRange: "NUMBER",
    click.types.IntRange: "N",
    click.types.StringParamType: "VALUE",
}
MAPPER = "A MAPPER is a name ('symfold list', 'symfold list architectures') or an expression such as \"z + f(z)\"."


class Formatter(click.HelpFormatter):
    """Help with bold headings on a terminal."""

    def write_heading(self, heading: str) -> None:
        super().write_heading(paint(heading, bold=True))


class Context(click.Context):
    formatter_class = Formatter


class Subcommand(click.Command):
    """A command that loads the whole package when it runs, but not for its help."""

    context_class = Context

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        for param in self.params:
            named = isinstance(param, click.Option) or "MAPPER" in (param.metavar or "")
            if named and param.name in TABLE_OF and isinstance(param.type, click.types.StringParamType):
                param.type = Names(TABLE_OF[param.name])
            if isinstance(param, click.Option) and param.metavar is None:
                param.metavar = PLACEHOLDERS.get(type(param.type))

    def invoke(self, ctx: click.Context) -> Any:
        import symfold.api  # noqa: F401 - it attaches the methods of nets

        return super().invoke(ctx)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        if any("MAPPER" in (param.metavar or "") for param in self.params if isinstance(param, click.Argument)):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(MAPPER)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        heading_of = {name: heading for heading, names in HEADINGS.items() for name in names}
        sections: dict[str, list[tuple[str, str]]] = {heading: [] for heading in HEADINGS}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)) is not None:
                sections[heading_of.get(param.name or "", "Options")].append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
