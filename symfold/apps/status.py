"""A line on the terminal while something takes longer than two seconds: what is being done, and for how long."""

from __future__ import annotations

import shutil
import sys
import time
from threading import Event, Thread
from types import TracebackType
from typing import TextIO

PATIENCE = 2.0  # seconds before the line appears
REFRESH = 0.25  # seconds between its changes
CLEAR = "\r\x1b[2K"


class Status:
    """The line, in a `with`: it appears on standard error if that is a terminal, and is gone at the end.

    >>> with Status("comparing") as status:
    ...     status.now("the paths", 1, 9)
    """

    def __init__(self, what: str, stream: TextIO | None = None, patience: float = PATIENCE):
        self.what, self.stream, self.patience = what, stream or sys.stderr, patience
        self.place, self.step = "", ""
        self.ended = Event()
        self.thread: Thread | None = None

    def now(self, step: str, number: int, total: int) -> None:
        """What is being done now, and its number of a total."""
        self.place, self.step = f", step {number} of {total}", f": {step}"

    def __enter__(self) -> Status:
        if self.stream is not None and self.stream.isatty():
            self.thread = Thread(target=self._shown, daemon=True)
            self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ended.set()
        if self.thread is not None:
            self.thread.join()

    def _shown(self) -> None:
        started, wait = time.monotonic(), self.patience
        shown = ""
        while not self.ended.wait(wait):
            line = f"{self.what}{self.place}, {time.monotonic() - started:.0f} s{self.step}"
            if line != shown:
                self._write(CLEAR + line[: shutil.get_terminal_size().columns - 1])
            shown, wait = line, REFRESH
        if shown:
            self._write(CLEAR)

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):  # a closed terminal: the work goes on
            self.ended.set()
