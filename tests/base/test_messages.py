"""Messages of errors: one line that gives no orders to a terminal, of bounded length, lists cut short."""

from __future__ import annotations

import numpy as np
import pytest

import symfold as sf
from symfold.errors import LONGEST, InvalidValue, SymfoldError, SystemFailure, printable, shortened

X = sf.tensor("x", (None, 3))
MANY = sf.fold(lambda z, w: z * w, [sf.tensor(f"v{k}", (3,)) for k in range(2000)], X)


def test_control_characters_are_escaped_in_every_message() -> None:
    error = InvalidValue("a\x1b[31m\nb\x9b\u202e\ud800é")
    assert str(error) == error.problem == r"a\x1b[31m\nb\x9b\u202e\ud800é"
    assert printable("tab\tline\n", also="\n") == "tab\\tline\n"


def test_long_messages_keep_their_begin_and_their_end() -> None:
    for kind in (InvalidValue, SystemFailure):
        message = str(kind("begin " + "x" * 10**6 + " (remedy)"))
        assert len(message) == LONGEST and message.startswith("begin xxx") and message.endswith("xxx (remedy)")
    assert shortened("short", 10) == "short"


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: MANY(np.ones((1, 3)), q=1),
        lambda: MANY(*[1] * 3000),
        lambda: MANY.compile()(None, *[1] * 3000),
        lambda: MANY.compile()(x=np.ones((1, 3))),
        lambda: sf.Net.of({f"a{k}": X for k in range(3)})(**{f"b{k}": 1 for k in range(5000)}),
        lambda: sf.Net.of(X).compile()({}, **{"a\x1b\n" * 10_000: 1}),
    ],
)
def test_long_lists_are_cut(mistake) -> None:
    with pytest.raises(SymfoldError) as error:
        mistake()
    assert str(error.value).isprintable() and len(str(error.value)) < 1000 + LONGEST * ("\\x1b" in str(error.value))
