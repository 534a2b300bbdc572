"""A JAX function traced at example arguments, with errors that say what does not fit, and where."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from symfold.errors import InvalidType, InvalidValue, NoRule, SymfoldError, plural

PACKAGE = str(Path(__file__).parents[2])


def check_examples(function: Callable[..., object], examples: Sequence[object]) -> None:
    """Raise an error for fewer or more examples than the function has arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*examples)
    except TypeError:
        name, words = name_of(function), ", ".join(signature.parameters)
        raise InvalidType(
            f"{name} takes {signature}, got {plural(len(examples), 'example')} "
            f"(give an example of each argument: sf.from_jax({name}, {words}))"
        ) from None


def traced(jax: Any, function: Callable[..., object], examples: Sequence[object]) -> tuple[Any, Any]:
    """The jaxpr of a function and the shape of its results; errors name the line of the function that raised them."""
    try:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*examples)
    except SymfoldError:
        raise
    except Exception as error:  # of JAX or of the function, of any type: quote the first line
        name, line = name_of(function), line_in(error)
        if isinstance(error, jax.errors.JAXTypeError):
            raise NoRule(
                f"{name} depends on the values of its inputs in Python{line and f', at {line}'} "
                "(choose by jnp.where or jax.lax.cond, loop by jax.lax.scan, compute by jax.numpy)"
            ) from error
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        hints = "; ".join(filter(None, (line, f"its arguments: {', '.join(names_of(function, len(examples)))}")))
        raise InvalidValue(f"{name} does not take these examples: {first} ({hints})") from error
    return closed, shape


def name_of(function: object) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def line_in(error: BaseException) -> str:
    """The last line outside of packages that raised an error, as `nets.py, line 7: if x > 0:`; empty if none is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if "site-packages" not in each.filename and not each.filename.startswith(PACKAGE)]
    return f"{os.path.basename(own[-1].filename)}, line {own[-1].lineno}: {own[-1].line}" if own else ""


def names_of(function: Callable[..., object], count: int) -> list[str]:
    """A name for each positional argument, from the function's signature; `x` for those that have none.

    >>> names_of(lambda params, *args, train=False: None, 3)
    ['params', 'x', 'x']
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["x"] * count
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [each.name for each in parameters if each.kind in positional]
    return [*names, *["x"] * count][:count]
