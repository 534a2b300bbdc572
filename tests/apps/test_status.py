"""The line on the terminal while something takes long: it appears late, says what is done, and leaves nothing behind."""

from __future__ import annotations

import io
import time

import pytest

from symfold.apps.status import CLEAR, Status


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(Terminal):
    def write(self, text: str) -> int:
        raise OSError("the terminal is gone")


def until(terminal: io.StringIO, text: str) -> None:
    end = time.monotonic() + 20
    while text not in terminal.getvalue() and time.monotonic() < end:
        time.sleep(0.005)


def test_the_line_appears_and_is_gone_at_the_end() -> None:
    terminal = Terminal()
    with Status("comparing", terminal, patience=0.01) as status:
        until(terminal, "comparing, 0 s")
        status.now("the paths", 2, 9)
        until(terminal, ": the paths")
    shown = terminal.getvalue()
    assert shown.startswith(CLEAR + "comparing, 0 s") and "comparing, step 2 of 9, 0 s: the paths" in shown
    assert shown.endswith(CLEAR) and "\n" not in shown


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_nothing_is_written_in_two_seconds_nor_to_a_file(kind: type[io.StringIO]) -> None:
    stream = kind()
    with pytest.raises(ZeroDivisionError), Status("drawing", stream) as status:
        status.now("a step", 1, 1)
        raise ZeroDivisionError
    assert stream.getvalue() == "" and (status.thread is None or not status.thread.is_alive())


def test_a_closed_terminal_does_not_stop_the_work() -> None:
    with Status("drawing", Closed(), patience=0) as status:
        assert status.ended.wait(20)
