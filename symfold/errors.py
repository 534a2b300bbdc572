"""Errors: each is a symfold class that is also the fitting built-in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

__all__ = [
    "Advice",
    "DataError",
    "Diverged",
    "GradientError",
    "ImpureMapper",
    "InvalidType",
    "InvalidValue",
    "MissingPackage",
    "NoRule",
    "OutOfMemory",
    "OutOfRange",
    "ParseError",
    "ShapeError",
    "SymfoldError",
    "SystemFailure",
    "TooLarge",
    "UnknownKey",
    "UnknownName",
]

LONGEST = 2_000  # characters of a message


# control characters, line breaks, marks that change the direction of writing, and halves of pairs
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, also: str = "") -> str:
    r"""Text whose control characters are escaped, except those in `also`: it gives no orders to a terminal.

    >>> print(printable("a\x1b[31m\nb"))
    a\x1b[31m\nb
    """
    return _CONTROLS.sub(lambda match: match[0] if match[0] in also else repr(match[0])[1:-1], text)


def shortened(text: str, most: int) -> str:
    """A text of at most this length; of a longer one the begin and the end, which often holds the remedy.

    >>> shortened("a" * 50 + "b" * 50, 20)
    'aaaaaaaaaaa ... bbbb'
    """
    last = most // 5
    return text if len(text) <= most else f"{text[: most - last - 5]} ... {text[len(text) - last :]}"


@dataclass(frozen=True)
class Advice:
    """A setting that would help: its name, a value for it, and the hint for Python; the command words its own hints.

    >>> import symfold as sf
    >>> deep = sf.fold(sf.mappers.residual, sf.layers("f1:61"), sf.tensor("x"))
    >>> try:
    ...     deep.formula(form="expanded")
    ... except sf.errors.TooLarge as error:
    ...     [(advice.setting, advice.value) for advice in error.advice]
    [('form', 'steps'), ('form', 'fold'), ('max_ops', None)]
    """

    setting: str
    value: object
    python: str


class SymfoldError(Exception):
    """Every error that symfold raises on purpose; catch this one to catch them all.

    >>> error = InvalidValue("the depth n is a symbol", Advice("depth", 10, "give it a number: net.at(n=10)"))
    >>> print(error)
    the depth n is a symbol (give it a number: net.at(n=10))
    >>> error.problem, error.advice[0].setting
    ('the depth n is a symbol', 'depth')
    """

    def __init__(self, problem: str = "", *advice: Advice):
        problem = shortened(printable(str(problem)), LONGEST)
        self.problem, self.advice = problem, advice
        super().__init__(f"{problem} ({' or '.join(each.python for each in advice)})" if advice else problem)


class InvalidValue(SymfoldError, ValueError):
    """A value that is not allowed here.

    >>> import symfold as sf
    >>> sf.tensor("x", (None, -1))
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidValue: axis 1 of 'x': size=-1 must be a whole number, at least 0, or None for an unknown size
    """


class InvalidType(SymfoldError, TypeError):
    """An object of a type that is not allowed here.

    >>> import symfold as sf
    >>> sf.fold(sf.mappers.residual, 3, sf.tensor("x"))
    Traceback (most recent call last):
    ...
    symfold.errors.InvalidType: a fold runs over a list of items, layers, ...
    """


class ShapeError(InvalidValue):
    """Shapes that do not fit together.

    >>> import symfold as sf
    >>> sf.tensor("a", (2, 3)) + sf.tensor("b", (2, 4))
    Traceback (most recent call last):
    ...
    symfold.errors.ShapeError: cannot add (2, 3) to (2, 4)
    """


class UnknownName(InvalidValue, AttributeError):
    """A name that is in no table.

    >>> import symfold as sf
    >>> sf.losses.hubre
    Traceback (most recent call last):
    ...
    symfold.errors.UnknownName: sf.losses has no name 'hubre' (did you mean sf.losses.huber?)
    """


class UnknownKey(SymfoldError, KeyError):
    """A key that is not in a mapping.

    >>> import symfold as sf
    >>> sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2)), sf.tensor("x", (None, 2))).init(seed=0)["W9"]
    Traceback (most recent call last):
    ...
    symfold.errors.UnknownKey: no parameter 'W9' (the net has 'W1', 'W2', 'b1', 'b2')
    """

    __str__ = Exception.__str__  # KeyError would put the message in quotes


class OutOfRange(SymfoldError, IndexError):
    """A position beyond the ends of a sequence.

    >>> import symfold as sf
    >>> sf.layers("f1:4")[3]
    Traceback (most recent call last):
    ...
    symfold.errors.OutOfRange: layer 3 of 3 (must be from 0 to 2)
    """


class NoRule(SymfoldError, NotImplementedError):
    """An operation for which a table has no row.

    >>> import symfold as sf
    >>> sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x"))(1.0)
    Traceback (most recent call last):
    ...
    symfold.errors.NoRule: layer f1 is opaque and has no numbers (give it a body: net.bind({'f1': lambda z: ...}))
    """


class ImpureMapper(InvalidValue):
    """A mapper that is not a pure function of (state, item).

    >>> import symfold as sf
    >>> seen = []
    >>> def count(z, f):
    ...     seen.append(f)
    ...     return f(z) * len(seen)
    >>> sf.fold(count, sf.layers("f1:4"), sf.tensor("x"))
    Traceback (most recent call last):
    ...
    symfold.errors.ImpureMapper: step 1: the mapper is not a pure function of ...
    """


class TooLarge(InvalidValue):
    """A result that is larger than the given bound.

    >>> import symfold as sf
    >>> sf.fold(sf.mappers.residual, sf.layers("f1:61"), sf.tensor("x")).formula(form="expanded")
    Traceback (most recent call last):
    ...
    symfold.errors.TooLarge: the expanded formula has about 10^18 operations ...
    """


class ParseError(InvalidValue):
    """A typed expression outside the grammar.

    >>> import symfold as sf
    >>> sf.mapper("z.real")
    Traceback (most recent call last):
    ...
    symfold.errors.ParseError: cannot read 'z.real': it is an attribute (allowed are z, x, layers such as f(...), ...
    """


class DataError(InvalidValue):
    """A data table or a saved file that cannot be read or written.

    >>> import symfold as sf
    >>> sf.load("missing.safetensors")
    Traceback (most recent call last):
    ...
    symfold.errors.DataError: cannot read 'missing.safetensors': no such file or directory
    """


class SystemFailure(SymfoldError, OSError):
    """A failure of the machine, not a mistake of the user: a full disk, no memory, a program that does not run.

    >>> import symfold as sf
    >>> try:
    ...     raise sf.errors.SystemFailure("cannot write 'net.svg': the disk is full")
    ... except OSError as error:
    ...     print(error)
    cannot write 'net.svg': the disk is full
    """

    def __init__(self, problem: str = "", *advice: Advice):
        SymfoldError.__init__(self, problem, *advice)

    __str__ = Exception.__str__  # OSError would take an advice for its text


class OutOfMemory(SystemFailure, MemoryError):
    """Numbers that do not fit into memory.

    >>> import symfold as sf
    >>> wide = sf.layer("f", sf.dense(10**8, 10**8))(sf.tensor("x", (None, 10**8)))
    >>> sf.Net.of(wide).init(seed=0)
    Traceback (most recent call last):
    ...
    symfold.errors.OutOfMemory: not enough memory for 10,000,000,100,000,000 numbers: ...
    """


class Diverged(SymfoldError, ArithmeticError):
    """A training run whose loss is no longer finite.

    `params` are the last parameters with a finite loss.

    >>> import symfold as sf
    >>> loss = sf.squared_error(sf.parameter("w") * sf.tensor("x", (None,)), sf.tensor("target", (None,)))
    >>> sf.fit(loss, {"w": 1.0}, {"x": [1.0], "target": [2.0]}, optimizer=sf.sgd(1e200), epochs=5)
    Traceback (most recent call last):
    ...
    symfold.errors.Diverged: the loss became inf at step 2, in epoch 2 (try a smaller rate, ...
    """


class GradientError(SymfoldError, ArithmeticError):
    """An adjoint that disagrees with finite differences.

    >>> import symfold as sf
    >>> sf.check_grad(sf.Net.of(sf.tanh(sf.tensor("x", ()))), tolerance=1e-18)
    Traceback (most recent call last):
    ...
    symfold.errors.GradientError: the gradient disagrees with finite differences for 'x': ... allowed 1e-18)
    """


class MissingPackage(SymfoldError, ModuleNotFoundError):
    """An optional package that is needed but not installed.

    >>> import symfold as sf
    >>> from unittest.mock import patch
    >>> with patch.dict("sys.modules", {"anywidget": None}):  # as if it were not installed
    ...     sf.explore()
    Traceback (most recent call last):
    ...
    symfold.errors.MissingPackage: sf.explore needs the package anywidget (pip install 'symfold[notebook]')
    """


def depth_is_symbolic(symbol: object, *others: Advice, problem: str = "") -> InvalidValue:
    """The error for a depth that must be a number and is still a symbol.

    >>> print(depth_is_symbolic("n"))
    the depth n is a symbol and has no number yet (give it a number: net.at(n=10))
    >>> import sympy as sp
    >>> print(depth_is_symbolic(3 * sp.Symbol("m")))
    the depth 3*m is a symbol and has no number yet (give it a number: net.at(m=10))
    """
    settings = ", ".join(f"{name}=10" for name in sorted(map(str, getattr(symbol, "free_symbols", {symbol}))))
    advice = Advice("depth", 10, f"give it a number: net.at({settings})")
    return InvalidValue(problem or f"the depth {symbol} is a symbol and has no number yet", *others, advice)


def without_address(value: object) -> str:
    """The repr of a value on one line, without its address."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(value).split()))


def unknown(what: str, name: object, allowed: Iterable[str]) -> UnknownName:
    """The error for a name that is in no table.

    >>> print(unknown("mapper", "resnet", ["residual", "boosting"]))
    unknown mapper: 'resnet' (must be one of 'boosting', 'residual')
    """
    names = listing(map(repr, sorted(allowed)))
    return UnknownName(f"unknown {what}: {without_address(name)} (must be one of {names})")


def no_name(module: str, name: str, names: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> UnknownName:
    """The error for a name that a public module does not have: it gives the closest name, or lists all of them.

    `elsewhere` gives the spellings of names in other places.

    >>> print(no_name("sf.mappers", "resid", ["residual", "boosting"]))
    sf.mappers has no name 'resid' (did you mean sf.mappers.residual?)
    >>> print(no_name("sf.mappers", "x", ["residual", "boosting"]))
    sf.mappers has no name 'x' (its names: boosting, residual)
    """
    own = {each: f"{module}.{each}" for each in sorted(names)}
    spellings = {**(elsewhere or {}), **own}
    meant = closest(name, spellings)
    listed = f"its names: {listing(own, 20)}" if len(own) <= 20 else f"dir({module}) lists its names"
    return UnknownName(f"{module} has no name {name!r} ({f'did you mean {spellings[meant]}?' if meant else listed})")


def no_attribute(what: str, name: str, names: Iterable[str], calls: Mapping[str, str]) -> UnknownName:
    """The error for an attribute that an object does not have: the call to write, or the closest name.

    >>> print(no_attribute("a net", "plot", ["draw"], {"plot": "net.draw()"}))
    a net has no 'plot' (write net.draw())
    >>> print(no_attribute("a net", "drew", ["draw"], {}))
    a net has no 'drew' (did you mean 'draw'?)
    """
    own = [each for each in names if not each.startswith("_")]
    meant = closest(name, own)
    hint = f"did you mean {meant!r}?" if meant else f"it has {listing(own)}"
    if name in calls:
        hint = f"write {calls[name]}"
    return UnknownName(f"{what} has no {name!r} ({hint})")


def closest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant: the same in other case, a longer one that begins with it, or a close one.

    >>> closest("Relu", ["relu", "elu"]), closest("batch", ["batches", "batch_size"]), closest("hubre", ["huber"])
    ('relu', 'batch_size', 'huber')
    >>> closest("conv", ["cosine", "convolution"]), closest("resnet", ["unet"])
    ('convolution', None)
    """
    typed, lower = name.lower(), {each.lower(): each for each in names}
    if typed in lower:
        return lower[typed]
    longer = [key for key in lower if key.startswith(typed + "_")] or [key for key in lower if key.startswith(typed)]
    if len(typed) > 3 and longer:
        return lower[min(longer, key=len)]
    close = get_close_matches(typed, lower, n=1, cutoff=0.605)  # at 0.6, six letters share three with four others
    return lower[close[0]] if close else None


def plural(count: int, noun: str) -> str:
    """A number of things.

    >>> plural(1, "input"), plural(2, "input")
    ('1 input', '2 inputs')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listing(names: Iterable[str], most: int = 12) -> str:
    """Names for a message, cut short if there are many.

    >>> listing(["a", "b"]), listing(map(str, range(10**6)), 3), listing([])
    ('a, b', '0, 1, 2, ...', 'none')
    """
    shown = list(islice(names, most + 1))
    return ", ".join([*shown[:most], *(["..."] if len(shown) > most else [])]) or "none"


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise no_name("sf.errors", name, __all__)


def __dir__() -> list[str]:
    return __all__
