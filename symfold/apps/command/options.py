"""Arguments and options that several subcommands share."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from symfold.apps.command.help import Subcommand as Subcommand
from symfold.apps.command.tables import FORMS, STYLES
from symfold.base.decimals import decimal
from symfold.errors import plural, printable

if TYPE_CHECKING:
    from symfold.core.net import Net
    from symfold.core.nodes import Node

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class FilePath(click.Path):
    """A path without a NUL, which no system can open."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "\0" in str(value):
            self.fail(f"{value!r} holds a NUL", param, ctx)
        return super().convert(value, param, ctx)


as_json = click.option("--json", "json_", is_flag=True, help="Print machine-readable JSON.")
seed_option = click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The random seed.")
_form = click.option(
    "--form", type=click.Choice(FORMS), default="fold", show_default=True, help="How far to write it out."
)
_style = click.option("--style", type=click.Choice(STYLES), default="text", show_default=True, help="How to print it.")
_max_ops = click.option(
    "--max-ops",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="The bound on the equations of --form steps.",
)
_inline = click.option("--inline", is_flag=True, help="Write out values that are used more than once.")
level_option = click.option(
    "--level", metavar="LEVEL", help="What a node shows: fold, block, step, layer or primitive."
)
backend_option = click.option(
    "--backend", default="auto", show_default=True, metavar="NAME", help="What computes: auto, numpy, native or jax."
)
output_option = click.option("-o", "--output", type=FilePath(), help="The file to write.")


task_option = click.option(
    "--task",
    type=click.Choice(("auto", "regression", "classification")),
    default="auto",
    show_default=True,
    help="auto: text, or few different whole numbers, are labels.",
)


MAX_DIGITS = 18  # of a depth
# degree, strength, gain, identity, Jacobian, step, P(t), output, state
LETTERS = ("d", "epsilon", "g", "I", "J", "k", "t", "y", "z")


def read_depth(ctx: click.Context, param: click.Parameter, text: str) -> int | str:
    """A whole number from 0 up, or a symbol."""
    if text.isascii() and text.isdigit():
        if len(text.lstrip("0")) > MAX_DIGITS:
            raise click.BadParameter(
                f"{text[:40]}{'...' if len(text) > 40 else ''} is too large (a depth is below 10**{MAX_DIGITS})"
            )
        return int(text.lstrip("0") or "0")
    if text in LETTERS:
        raise click.BadParameter(f"{text!r} means something else in what is printed (the usual symbol of a depth is n)")
    if text.isidentifier() and text.isascii():
        return text
    raise click.BadParameter(f"{text[:40]!r} is not a depth (give a whole number from 0 up, or a symbol such as n)")


mapper_argument = click.argument("mapper", metavar="MAPPER")
depth_option = click.option(
    "--depth",
    callback=read_depth,
    default="3",
    show_default=True,
    metavar="N",
    help="How many steps: a number, or a symbol such as n.",
)


def net_options(function: Decorated) -> Decorated:
    """The arguments that define a symbolic net."""
    return mapper_argument(net_settings(function))


def net_settings(function: Decorated) -> Decorated:
    """What defines a symbolic net besides its mapper."""
    init = click.option(
        "--init",
        default="x",
        show_default=True,
        metavar="VALUE",
        help="The initial state: x, or a number; of several parts, x,0.",
    )
    layer = click.option("--layer", default="f", show_default=True, metavar="NAME", help="The name of the layers.")
    return depth_option(layer(init(function)))


def formula_options(function: Decorated) -> Decorated:
    """The options for writing a net as a formula."""
    return _form(_style(_inline(_max_ops(function))))


def read_symbols(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Symbols by name, as z=h,f=F; a comma inside a symbol, as in z=h_{0,1}, separates nothing."""
    pairs: dict[str, str] = {}
    for text in (part for given in texts for part in re.split(r",(?=[^{}=]*=)", given)):
        name, _, symbol = map(str.strip, text.partition("="))
        if not name or not symbol:
            raise click.BadParameter(f"{text!r} is no pair of a name and a symbol (write z=h, or z=h,f=F)")
        if name in pairs:
            raise click.BadParameter(f"{name!r} has two symbols, {pairs[name]!r} and {symbol!r} (give one)")
        pairs[name] = symbol
    return pairs


names_option = click.option(
    "--names", multiple=True, metavar="NAME=SYMBOL", callback=read_symbols, help="Symbols of your own, as z=h,f=F."
)
label_option = click.option("--label", metavar="LABEL", help="Number the equations of LaTeX, and label them.")


def without_effect(*names: str, because: str) -> None:
    """Refuse given options that would have no effect."""
    context = click.get_current_context()
    for option in context.command.params:
        if option.name in names and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[0]} has no effect {because} (leave it out)")


def symbolic_net(mapper: str, depth: int | str, layer: str, init: str) -> Net:
    """The mapper folded over opaque layers."""
    from symfold.apps.table_nets import architecture_of
    from symfold.core.net import Net, listed
    from symfold.frontend.named_layers import layers
    from symfold.mappers.expressions import INPUTS, folded, inputs_of, named_mapper

    architecture = architecture_of(mapper)
    if architecture is not None:
        without_effect("layer", "init", because=f"on {mapper}, an architecture that names its layers and states")
        whole = architecture.net(depth)
        if depth in {name.rstrip("0123456789") for leaf in whole.leaves for name in listed(leaf)}:
            raise click.UsageError(
                f"--depth {depth}: {depth} is a name of {mapper} (give another symbol, as --depth n)"
            )
        return whole
    typed = named_mapper(mapper)
    if len(typed.layers) > 1:
        without_effect("layer", because=f"on {mapper!r}, which names {len(typed.layers)} layers")
        names = {name: name for name in typed.layers}
    else:
        given = click.get_current_context().get_parameter_source("layer") is ParameterSource.COMMANDLINE
        names = {name: layer if given else name for name in typed.layers}
    if depth in (*INPUTS[: typed.parts], *names.values()):
        meaning = "the layers' name" if depth in names.values() else "the input" if depth == "x" else "an initial state"
        raise click.UsageError(f"--depth {depth}: {depth} is {meaning} (give another symbol, as --depth n)")
    inputs = inputs_of(typed.parts)
    state = folded(typed, inputs[0], initial_state(init, inputs), lambda name: layers(names[name], count=depth))
    return Net.of(state)


def initial_state(text: str, inputs: tuple[Node, ...]) -> Any:
    """The initial state of a fold: an input or a number per part of the state; all inputs for x.

    >>> import symfold as sf
    >>> initial_state("x", (sf.tensor("x"), sf.tensor("y"))), initial_state("x,0", (sf.tensor("x"), sf.tensor("y")))
    ((x, y), (x, 0))
    """
    given = [part.strip() for part in text.split(",")] if text != "x" else ["x"] * len(inputs)
    if len(given) != len(inputs):
        example = ",".join(["x"] + ["0"] * (len(inputs) - 1))
        raise click.UsageError(
            f"--init {text[:40]!r} gives {plural(len(given), 'value')} for a state of {plural(len(inputs), 'part')} "
            f"(write {example})"
        )
    state = [each if part == "x" else initial_number(part) for each, part in zip(inputs, given, strict=True)]
    return tuple(state) if len(inputs) > 1 else state[0]


def initial_number(text: str) -> int | float:
    """The initial number of a fold.

    >>> initial_number("0"), initial_number("0.5")
    (0, 0.5)
    """
    try:
        value = decimal(text)
    except ValueError:
        raise click.UsageError(f"--init {text[:40]!r} is neither x nor a number") from None
    if not math.isfinite(value):
        raise click.UsageError(f"--init {text!r} is not a finite number")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


MAX_DEPTH = 1_000_000


def bounded(depth: int | str, bound: int = MAX_DEPTH, remedy: str = "give fewer layers") -> None:
    """Refuse a depth at which work layer by layer would take hours."""
    if isinstance(depth, int) and depth > bound:
        raise click.UsageError(f"--depth {depth:,}: this goes layer by layer, through at most {bound:,} ({remedy})")


def is_model(name: str) -> bool:
    """Whether a name is that of a model file: by its ending, since a mapper may have any other file name.

    >>> is_model("model.safetensors"), is_model("model"), is_model("residual")
    (True, False, False)
    """
    return name.lower().endswith((".safetensors", ".npz"))  # an .npz is refused as one when it is read


def fixed_depth(depth: int | str) -> int:
    """A depth that is a number."""
    if isinstance(depth, str):
        raise click.UsageError(f"--depth {depth}: numbers need a depth that is a number")
    bounded(depth)
    return depth


def say(text: str) -> None:
    """Print text, without anything in it that controls the terminal."""
    write(text, None)


def say_json(value: object) -> None:
    """Print a value as one line of JSON."""
    write(json_line(value), None)


def json_line(value: object) -> str:
    """A value as one line of JSON; a number that is not finite is null."""
    value = plain(value)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if printable(text) == text and _encodable(text):
        return text
    return json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f")


def _encodable(text: str) -> bool:
    """Whether standard output has all characters of a text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def plain(value: object) -> Any:
    """A value of JSON's types.

    >>> plain({"a": (1.5, float("nan"))})
    {'a': [1.5, None]}
    """
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(text: str, output: str | None) -> None:
    """Write a text to a file, whole or not at all, or to standard output."""
    whole = text if text.endswith("\n") else text + "\n"
    if output is None:
        sys.stdout.write(printable(whole, also="\n\t"))
        return
    from symfold.base.files import write_whole

    write_whole(output, whole.encode("utf-8", "backslashreplace"))
