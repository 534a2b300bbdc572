"""Tables of text, bounded: the first rows and the last ones, as text and as HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

MOST = 20  # rows that are shown
WIDEST = 60  # characters of a cell


@dataclass(frozen=True)
class Table:
    """A table of `size` rows under `heads`; only the rows that are shown are made, by `row`.

    >>> squares = Table(("k", "square"), 100, lambda k: (str(k), str(k * k)))
    >>> print(squares.text(most=4))
    k   square
    0   0
    1   1
    ... 96 more
    98  9604
    99  9801
    """

    heads: Sequence[str]
    size: int
    row: Callable[[int], Sequence[str]]

    @classmethod
    def of(cls, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        """A table of rows that are there."""
        return cls(heads, len(rows), rows.__getitem__)

    def shown(self, most: int = MOST) -> list[Sequence[str] | None]:
        """The rows to show; None stands for those between."""
        if self.size <= most:
            return [self._cut(k) for k in range(self.size)]
        half = most // 2
        return [*map(self._cut, range(half)), None, *map(self._cut, range(self.size - half, self.size))]

    def _cut(self, k: int) -> Sequence[str]:
        return [cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 4]} ..." for cell in self.row(k)]

    def text(self, most: int = MOST) -> str:
        """The table with its columns aligned."""
        rows = self.shown(most)
        kept = [row for row in rows if row is not None]
        widths = [max(map(len, column)) for column in zip(self.heads, *kept, strict=True)]
        lines = [
            self._rest(most)
            if row is None
            else "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (self.heads, *rows)
        ]
        return "\n".join(lines)

    def html(self, most: int = MOST) -> str:
        """The table as HTML, escaped.

        >>> Table.of(("name",), [("<f>",)]).html()
        '<table><thead><tr><th>name</th></tr></thead><tbody><tr><td>&lt;f&gt;</td></tr></tbody></table>'
        """
        body = "".join(
            f'<tr><td colspan="{len(self.heads)}">{self._rest(most)}</td></tr>' if row is None else _row("td", row)
            for row in self.shown(most)
        )
        return f"<table><thead>{_row('th', self.heads)}</thead><tbody>{body}</tbody></table>"

    def _rest(self, most: int) -> str:
        return f"... {self.size - 2 * (most // 2):,} more"


class Tabled:
    """A base for results that show themselves as a table."""

    @property
    def _table(self) -> Table:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._table.text()

    def _repr_html_(self) -> str:
        return self._table.html()


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
