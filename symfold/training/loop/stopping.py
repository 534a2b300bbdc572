"""Stopping before the last epoch: no progress on the validation data, a callback, or Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from symfold.base.arguments import NumpyArray, quoted, real, takes, whole
from symfold.base.public import public
from symfold.errors import InvalidType, InvalidValue
from symfold.training.loop.history import Epoch

Callback = Callable[[Epoch], object]


class StopTraining(Exception):
    """What a callback of `sf.fit` raises to end the training after this epoch; it may return True as well.

    >>> def callback(epoch):
    ...     if epoch.loss < 0.1:
    ...         raise StopTraining
    """


@public
@dataclass(frozen=True)
class EarlyStopping:
    """Stop if the validation loss was no better for `patience` epochs, and return the parameters of the best epoch.

    An epoch is better if its validation loss is lower than that of the best one by more than `min_delta`.

    >>> EarlyStopping(patience=8, min_delta=0.001)  # for `sf.fit(..., validation=0.1, early_stopping=...)`
    EarlyStopping(patience=8, min_delta=0.001)
    """

    patience: int = 5
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        whole("patience", self.patience, 1)
        if real("min_delta", self.min_delta) < 0:
            raise InvalidValue(f"min_delta={self.min_delta!r} is negative (give 0 or more)")

    @classmethod
    def of(cls, value: object) -> EarlyStopping:
        """From an argument: an `EarlyStopping`, a mapping of its fields, or the patience alone."""
        if isinstance(value, EarlyStopping):
            return value
        if isinstance(value, Mapping):
            if not takes(cls, **value):
                raise InvalidType(
                    f"early_stopping={quoted(value)} must be a mapping of patience and min_delta "
                    "(as {'patience': 5, 'min_delta': 1e-4})"
                )
            return cls(**value)
        return cls(whole("early_stopping", value, 1))


class Best:
    """The best epoch so far, with its parameters."""

    def __init__(self, rule: EarlyStopping):
        self.rule = rule
        self.loss, self.epoch = math.inf, 0
        self.flat: NumpyArray | None = None

    def ends(self, epoch: int, loss: float, flat: NumpyArray) -> bool:
        """Take note of an epoch; whether the training ends with it."""
        if self.flat is None or loss < self.loss - (self.rule.min_delta if self.epoch else 0.0):
            self.loss, self.epoch, self.flat = loss, epoch, flat.copy()
        return epoch - self.epoch >= self.rule.patience


def callbacks_of(value: object) -> Sequence[Callback]:
    """The callbacks: a function of an epoch's record, or several."""
    functions: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value]
    for function in functions:
        if not callable(function) or not takes(function, None):
            raise InvalidType(
                f"callback {quoted(function)} is not a function of one value, the record of an epoch "
                "(as lambda epoch: epoch.validation_loss < 0.1; True stops)"
            )
    return functions


def any_stops(callbacks: Sequence[Callback], record: Epoch) -> bool:
    """Call all callbacks; whether one of them stops the training."""
    stops = False
    for callback in callbacks:
        try:
            stops = callback(record) is True or stops
        except StopTraining:
            stops = True
    return stops


class Interrupts:
    """Ctrl-C between steps: while steps are taken the signal waits, so that none is torn apart.

    The second Ctrl-C while steps are taken (or compiled) interrupts at once; the steps are then `torn`. Outside of the
    main thread, or if the program has a handler of its own, signals are left alone.
    """

    def __init__(self) -> None:
        self.shielded = self.pending = self.torn = self.installed = False

    def __enter__(self) -> Interrupts:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self.handle)
            self.installed = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.shielded and not self.pending:
            self.pending = True
            return
        self.torn = self.shielded
        raise KeyboardInterrupt

    def shield(self) -> Shield:
        """A part that Ctrl-C does not tear apart: it is raised at the end of it."""
        return Shield(self)


class Shield:
    """The `with` of a shielded part; a generator would take longer than a step of a small net."""

    __slots__ = ("interrupts",)

    def __init__(self, interrupts: Interrupts):
        self.interrupts = interrupts

    def __enter__(self) -> None:
        self.interrupts.shielded = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.interrupts.shielded = False
        if self.interrupts.pending and kind is None:
            raise KeyboardInterrupt
