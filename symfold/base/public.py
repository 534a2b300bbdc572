"""The boundary of public functions: wrong arguments are refused by name, and errors are raised at the caller's line."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

from symfold.base.arguments import check_named, quoted
from symfold.errors import InvalidType, SymfoldError, listing, plural

OTHER_NAMES = {  # of arguments, in other packages and functions
    "lr": ("rate", "learning_rate_init"),
    "learning_rate": ("rate", "learning_rate_init"),
    "beta1": ("betas",),
    "beta2": ("betas",),
    "epsilon": ("eps",),
    "decay_rate": ("factor",),
    "epochs": ("max_iter",),
}
EXAMPLES = {"optimizer": "sf.adam(1e-3)"}  # of arguments
PACKAGE = str(Path(__file__).parent.parent) + os.sep
INSIDE = "_inside_"  # where a public function keeps the function that it guards
Function = TypeVar("Function", bound=Callable[..., Any])


def public(function: Function) -> Function:
    """A function or a class of the API: it refuses unknown, missing and surplus arguments, and lists its own.

    Errors of symfold leave it without the frames of symfold's own code; SYMFOLD_DEBUG=1 keeps them.

    >>> @public
    ... def train(epochs: int = 10, rate: float = 0.1) -> None: ...
    >>> train(epoch=3)
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: train has no argument 'epoch' (did you mean 'epochs'? its arguments: epochs, rate)
    >>> train(1, 2, 3)
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: train takes 2 arguments by position, got 3 (its arguments: epochs, rate)
    """
    if isinstance(function, type):
        function.__init__ = public(function.__init__)  # type: ignore[misc]
        return function

    @wraps(function)
    def call(*args: object, **named: object) -> object:
        try:
            return function(*args, **named)
        except SymfoldError as error:
            raise at_the_caller(error)  # noqa: B904 - the same error
        except TypeError:
            try:
                check_call(function, args, named)
            except InvalidType as error:
                refusal = at_the_caller(error)
            else:
                raise
            raise refusal from None

    setattr(call, INSIDE, function)
    return cast(Function, call)


def inside(function: Function) -> Function:
    """The function inside a public one; any other function as it is."""
    return getattr(function, INSIDE, function)


def check_call(function: Callable[..., object], args: tuple[object, ...], named: dict[str, object]) -> None:
    """Refuse arguments that do not fit the signature."""
    *owners, name = function.__qualname__.split(".")
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if owners and owners[-1] != "<locals>":  # a method
        if name == "__init__":
            name = type(args[0]).__name__
        else:
            name = quoted(args[0]) if name == "__call__" else f"{owners[-1].lower()}.{name}"
        parameters, args = parameters[1:], args[1:]
    kinds = {each.kind for each in parameters}
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    own = [each for each in parameters if each.kind not in variadic]
    by_name = [each.name for each in own if each.kind is not each.POSITIONAL_ONLY]
    in_order = [each.name for each in own if each.kind is not each.KEYWORD_ONLY]
    allowed = [each.name for each in own]
    problem = ""
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        for key in named:
            meant = [other for other in OTHER_NAMES.get(key, ()) if other in by_name]
            if key not in by_name and meant:
                raise InvalidType(f"{name} has no argument {key!r} (write {meant[0]}=)")
        check_named(name, "argument", named, by_name)
    if inspect.Parameter.VAR_POSITIONAL not in kinds and len(args) > len(in_order):
        problem = f"takes {plural(len(in_order), 'argument')} by position, got {len(args)}"
    elif twice := [key for key in in_order[: len(args)] if key in named]:
        problem = f"got {listing(map(repr, twice))} twice, by position and by name"
    elif missing := [
        each.name
        for each in own
        if each.default is each.empty and each.name not in named and each.name not in in_order[: len(args)]
    ]:
        given = max(len(args), len([each for each in own if each.default is each.empty and each.name in in_order]))
        by_keyword = [f"{key}={EXAMPLES.get(key, '...')}" for key in missing if key not in in_order]
        raise InvalidType(
            f"{name} needs {listing(map(repr, missing))} (write {name}({', '.join([*in_order[:given], *by_keyword])}))"
        )
    if problem:
        raise InvalidType(f"{name} {problem} (its arguments: {listing(allowed)})")


def at_the_caller(error: SymfoldError) -> SymfoldError:
    """The error without the frames of symfold in its traceback; those of the user's own functions stay."""
    if os.environ.get("SYMFOLD_DEBUG"):
        return error
    frames: list[TracebackType] = []
    frame = error.__traceback__
    while frame is not None:
        if not frame.tb_frame.f_code.co_filename.startswith(PACKAGE):
            frames.append(frame)
        frame = frame.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return error.with_traceback(kept)
