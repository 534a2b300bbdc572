"""Line breaks: a long statement over several lines, inside brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator

INDENT = "    "
BEFORE = r"[+*/@<>=!%|&-]+ |(?:if|else|for|and|or) "  # a line may break before these, and after a comma


def statement(text: str, width: int) -> list[str]:
    r"""The lines of a statement: one if it is short, else a bracket's contents between its ends.

    >>> print(*statement('total = first(argument) + second(argument) * third(argument)', 40), sep="\n")
    total = (
        first(argument) + second(argument)
        * third(argument)
    )
    >>> print(*statement('(a, b), _ = first(argument, second(argument))', 40), sep="\n")
    (a, b), _ = first(
        argument, second(argument)
    )
    >>> print(*statement('for a, b in zip(first_sequence, second_sequence):', 40), sep="\n")
    for a, b in zip(
        first_sequence, second_sequence
    ):
    """
    if len(text) <= width:
        return [text]
    parts = re.fullmatch(r"(return |for |)(?:([\w, ]+?(?= = | in )|[\w, ()]+?(?= = ))( = | in ))?(.*?)(:?)", text)
    assert parts is not None
    start, targets, sign, value, end = (part or "" for part in parts.groups())
    head = start + targets + sign
    if len(head) <= width // 2:
        return list(bracketed(head, value, end, width))
    *lines, last = bracketed(start, targets, sign, width)
    return [*lines, *bracketed(last, value, end, width)]


def bracketed(before: str, value: str, after: str, width: int) -> Iterator[str]:
    """The lines of a value between two texts: in the brackets that it has around it, or else in new ones."""
    call = re.match(r"[\w.]*[(\[{]", value)
    if call and closing(value, call.end() - 1) == len(value) - 1:
        opened, inner, closed = call[0], value[call.end() : -1], value[-1]
    else:
        opened, inner, closed = "(", value, ")"
    yield before + opened
    yield from (INDENT + line for line in filled(inner, width - len(INDENT)))
    yield closed + after


def filled(text: str, width: int) -> Iterator[str]:
    """The contents of brackets in lines of a width, broken where the fewest brackets are open.

    >>> list(filled("f(a, b), g(c, d), h(e)", 12))
    ['f(a, b),', 'g(c, d),', 'h(e)']
    """
    places = [(k, depth) for k, depth in depths(text) if text[k] == " " and _may_break(text, k)]
    start = 0
    while len(text) - start > width:
        fitting = [(k, depth) for k, depth in places if start < k <= start + width]
        full = [(k, depth) for k, depth in fitting if k > start + width // 2] or fitting
        if full:
            end, _ = min(full, key=lambda place: (place[1], -place[0]))
        elif not (end := next((k for k, _ in places if k > start), 0)):
            break
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _may_break(text: str, space: int) -> bool:
    return text[space - 1] == "," or re.match(BEFORE, text[space + 1 :]) is not None


def closing(text: str, opening: int) -> int:
    """The position of the bracket that closes the one at a position."""
    outer = next(depth for k, depth in depths(text) if k == opening)
    return next(k for k, depth in depths(text) if k > opening and depth == outer and text[k] in ")]}")


def depths(text: str) -> Iterator[tuple[int, int]]:
    """The positions outside of strings, each with the number of brackets open around it."""
    depth, k = 0, 0
    while k < len(text):
        if text[k] in "'\"":
            k = re.compile(r"(['\"])(?:\\.|(?!\1).)*\1").match(text, k).end()  # type: ignore[union-attr]
            continue
        depth -= text[k] in ")]}"
        yield k, depth
        depth += text[k] in "([{"
        k += 1
