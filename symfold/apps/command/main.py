"""The entry point of the command: its subcommands, and the exit codes of errors."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import click

from symfold.apps.command.color import paint
from symfold.apps.command.help import Context
from symfold.base.version import __version__
from symfold.errors import MissingPackage, SymfoldError, SystemFailure, printable, shortened

# Subcommands by name: the module with `command`, a heading in the help, and a line of help. A new subcommand is one
# file and one row.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "formula": ("formula", "Show", "The formula of a net: folded, in steps, or expanded."),
    "backward": ("backward", "Show", "The formula of its backward pass, derived."),
    "draw": ("draw", "Show", "A picture of it."),
    "explore": ("explore", "Show", "A page to look at mappers at every depth."),
    "graph": ("graph", "Show", "Its computation graph, in a format for other programs."),
    "compare": ("compare", "Analyze", "How two nets differ: a table, and a page with pictures."),
    "inspect": ("inspect", "Analyze", "The folds in a model from Python, also in one of PyTorch."),
    "eval": ("eval", "Compute", "Numbers: of a random net, or of a trained model."),
    "train": ("train", "Compute", "Train a net on a table, against baselines."),
    "sweep": ("sweep", "Compute", "Train nets for every combination of settings."),
    "list": ("list", "Look up", "Mappers, architectures, functions, ...: the names to use."),
}

MEANT = {  # names that users try for some commands
    **dict.fromkeys(("plot", "picture", "show"), "draw"),
    "report": "compare -o report.html",
    "fit": "train",
    "predict": "eval",
    "latex": "formula --style latex",
}

EXAMPLES = """\b
Examples:
  symfold formula "z + f(z)" --depth n
  symfold compare residual boosting --depth 4
  symfold draw residual --depth 10 -o net.svg
  symfold train residual --data table.csv --target y -o model.safetensors

\b
Completion of commands and names, for the startup file of your shell:
  bash  eval "$(_SYMFOLD_COMPLETE=bash_source symfold)"
  zsh   eval "$(_SYMFOLD_COMPLETE=zsh_source symfold)"
  fish  _SYMFOLD_COMPLETE=fish_source symfold | source"""


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
        options[each.setting] if each.value is True else f"{options[each.setting]} {each.value}"
        for each in error.advice
        if each.setting in options and each.value is not None
    ]
    return f"{error.problem} (give {' or '.join(said)})" if said else error.problem


class Front(click.Group):
    """A group that loads a subcommand's module when it is called, and reports a user's mistake in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    context_class = Context

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:  # for a completion
                return None
            meant = MEANT.get(cmd_name) or next(iter(get_close_matches(cmd_name, COMMANDS, n=1)), None)
            hint = f"did you mean {meant}?" if meant else f"must be one of {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command {cmd_name!r} ({hint})")
        module = importlib.import_module(f"symfold.apps.command.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading in dict.fromkeys(heading for _, heading, _ in COMMANDS.values()):
            with formatter.section(heading):
                formatter.write_dl([(name, text) for name, (_, under, text) in COMMANDS.items() if under == heading])

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
            if isinstance(error, click.NoSuchOption) and not error.option_name.startswith("--"):
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
            shown = [re.sub(r"\^+", lambda carets: paint(carets[0], sys.stderr, fg="red"), note) for note in notes]
            prefix = paint("symfold:", sys.stderr, fg="red", bold=True)
            print(f"{prefix} {one_line(message)}", *shown, sep="\n", file=sys.stderr, flush=True)


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

    A MAPPER is a name ('symfold list') or an expression such as "z + s(z)*(f(z) - z)": z is the state, x the initial
    input, and single letters with an argument are layers. `symfold COMMAND --help` shows options and examples.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


if __name__ == "__main__":
    main()
