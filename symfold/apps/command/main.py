"""The entry point of the command: its subcommands, and the exit codes of errors."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from symfold.base.version import __version__
from symfold.errors import MissingPackage, SymfoldError, SystemFailure, printable, shortened

# Subcommands by name: the module with `command`, and a line of help. A new subcommand is one file and one row.
COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("list", "Mappers, layers, functions, formats: the names to use."),
    "formula": ("formula", "The formula of a net: folded, in steps, or expanded."),
    "graph": ("graph", "The computation graph, in a format for other programs."),
    "draw": ("draw", "A picture of the net."),
    "explore": ("explore", "A page to look at mappers at every depth."),
    "backward": ("backward", "The formula of the backward pass, derived."),
    "compare": ("compare", "How two nets differ: a table, and a page with pictures."),
    "inspect": ("inspect", "The folds in a model that Python makes, one of PyTorch too."),
    "eval": ("eval", "Numbers: of a random net, or of a trained model."),
    "train": ("train", "Train a net on a table, against baselines."),
    "sweep": ("sweep", "Train nets for every combination of settings."),
}

EXAMPLES = """\b
Examples:
  symfold formula "f(z) + z" --depth 3
  symfold draw residual --depth 10 -o net.svg
  symfold train residual --depth 10 --data examples/diabetes.csv --target target -o model.safetensors"""


LONGEST = 1_000  # characters of a message


class Mistake(click.ClickException):
    """A mistake of the user."""

    exit_code = 2


class Failure(click.ClickException):
    """A failure of the environment: the disk, the memory, a missing program."""

    exit_code = 1


def one_line(text: object) -> str:
    """A message on one line, cut if it is long."""
    return shortened(printable(" ".join(str(text).split())), LONGEST)


def worded(error: SymfoldError, command: click.Command) -> str:
    """A library error as a command words it, with its advice in terms of the command's options."""
    options = {option.name: option.opts[0] for option in command.params if isinstance(option, click.Option)}
    said = [
        f"{options[each.setting]} {each.value}"
        for each in error.advice
        if each.setting in options and each.value is not None
    ]
    return f"{error.problem} (give {' or '.join(said)})" if said else error.problem


class Front(click.Group):
    """A group that loads a subcommand's module when it is called, and reports a user's mistake in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            names = ", ".join(COMMANDS)
            raise click.UsageError(f"no command {cmd_name!r} (must be one of {names})")
        module = importlib.import_module(f"symfold.apps.command.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        try:
            return super().make_context(*args, **settings)
        except BrokenPipeError:  # the reader of the help or the version has closed the pipe
            _forget_output()
            sys.exit(0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:  # the reader has closed the pipe
            _forget_output()
            return None
        except SymfoldError as error:
            kind = Failure if isinstance(error, (SystemFailure, MissingPackage)) else Mistake
            mistake = kind(worded(error, self.get_command(ctx, str(ctx.invoked_subcommand)) or self))
            mistake.__notes__ = getattr(error, "__notes__", [])
            raise mistake from error

    def main(self, *args: Any, **settings: Any) -> Any:
        settings |= {"standalone_mode": False, "prog_name": "symfold"}
        if sys.stdout is None:
            _complain("standard output is closed (to write to nowhere, use > /dev/null)")
            sys.exit(1)
        if hasattr(sys.stdout, "reconfigure"):  # characters that a terminal lacks are escaped
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            code = super().main(*args, **settings)
        except click.exceptions.Abort:
            _forget_output()
            _complain("interrupted")
            sys.exit(130)
        except click.ClickException as error:
            message = error.format_message()
            if isinstance(error, click.NoSuchOption):
                message += " (an expression that begins with a minus goes last, after --)"
            _complain(message, getattr(error, "__notes__", ()))
            sys.exit(error.exit_code)
        except OSError as error:  # a full disk, a closed or unwritable output
            _forget_output()
            _complain(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
            sys.exit(1)
        except MemoryError as error:
            _complain(f"not enough memory ({str(error) or 'use fewer or narrower layers'})")
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


def _complain(message: object, notes: Sequence[str] = ()) -> None:
    """A message on one line, and below it notes, such as where an expression is wrong."""
    with contextlib.suppress(OSError):  # a closed or full standard error changes no exit code
        if sys.stderr is not None:
            print(f"symfold: {one_line(message)}", *notes, sep="\n", file=sys.stderr, flush=True)


def _forget_output() -> None:
    """Redirect standard output to nowhere, so that flushing it at exit cannot fail again."""
    with contextlib.suppress(OSError, ValueError):  # if standard output is not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=Front, invoke_without_command=True, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, message="symfold %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """A layer is a symbolic function, and folding a mapper over a list of layers is an architecture.

    A MAPPER is a name ('symfold list') or an expression: z is the state, x the initial input, f the layer.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


if __name__ == "__main__":
    main()
