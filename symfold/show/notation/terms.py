"""Terms: formulas before they are written. Light trees over names, with shared parts; and sequences of them.

term ::= Name | Constant | OP(term, ...)      OP: what heads a node, or Listing, or At
part ::= text | term | Run                    a term is written part by part
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sympy as sp
from sympy.printing.pretty.pretty_symbology import greek_unicode

from symfold.base.caching import cached
from symfold.core import interpreter
from symfold.core.leaves import NEGATIVE_ZERO, Constant, Input
from symfold.core.nodes import Node
from symfold.core.primitives import Apply, attention, broadcast_like, broadcast_to, is_primitive
from symfold.core.sequences import element
from symfold.core.shapes import NAME, Size
from symfold.core.stacked_inputs import StackedInputs, known_count
from symfold.show.notation.letters import OVER


@dataclass(frozen=True)
class Name:
    """A name, perhaps with an index: `x`; `z` with 1 (written z1); `z` with k - 1 (written z_{k-1})."""

    stem: str
    index: Size | None = None
    joined: bool = True  # whether a number is written straight after the stem in text, as z1, or as z_1
    layer: bool = False  # LaTeX sets the word of a layer as a function: upright, spaced from what precedes it

    @property
    def text(self) -> str:
        """The name as a word.

        >>> Name("z", 1).text, Name("z", 1, joined=False).text, Name("z", sp.Symbol("k") - 1).text
        ('z1', 'z_1', 'z_{k-1}')
        """
        if self.index is None:
            return self.stem
        if self.joined and isinstance(self.index, int) and self.index >= 0:
            return f"{self.stem}{self.index}"
        shown = show_size(self.index)
        stem = self.stem.removesuffix("_")  # of names numbered as norm2_0, norm2_1, ...
        return f"{stem}_{shown}" if len(shown) == 1 or shown.isdigit() else f"{stem}_{{{shown}}}"


GREEK = "|".join(sorted(filter(str.isalpha, greek_unicode)))
# two words or more, of several letters each; then perhaps a number, and indices
SEVERAL_WORDS = re.compile(
    rf"((?!(?:{GREEK})\d*_)[^\W\d_]{{2,}}\d*_(?:\w+_)?[^\W\d_]{{2,}})((?:_?\d+)?(?:_[^\W\d_]\d*|_\d+)*)"
)


def letter_and_indices(word: str) -> tuple[str, ...]:
    """The parts of a name that is written with indices: its letter, then each index, perhaps a letter with a number.

    A name of several words is one word, perhaps with indices.

    >>> letter_and_indices("x1"), letter_and_indices("W_g12"), letter_and_indices("a1_b_2"), letter_and_indices("_x")
    (('x', '1'), ('W', 'g12'), ('a', '1', 'b', '2'), ('_x',))
    >>> letter_and_indices("my_layer1"), letter_and_indices("my_layer_k"), letter_and_indices("stem_0_weight")
    (('my_layer', '1'), ('my_layer', 'k'), ('stem_0_weight',))
    >>> letter_and_indices("alpha_max"), letter_and_indices("norm2_0")
    (('alpha', 'max'), ('norm', '2', '0'))
    """
    if not word.isidentifier() or word.startswith("_") or "__" in word:
        return (word,)  # no letter to set an index at
    if several := SEVERAL_WORDS.fullmatch(word):
        return several[1], *filter(None, several[2].split("_"))
    return tuple(re.sub(rf"^((?:[^\W\d_][{OVER}]?)+)(\d+)(?=_|$)", r"\1_\2", word).split("_"))


def letter_and_number(index: str) -> tuple[str, str]:
    """A letter and the number after it, either perhaps empty.

    >>> letter_and_number("g12"), letter_and_number("gate"), letter_and_number("3")
    (('g', '12'), ('gate', ''), ('3', ''))
    """
    numbered = re.fullmatch(r"([^\W\d]+)(\d+)", index)
    return (numbered[1], numbered[2]) if numbered else (index, "")


@dataclass(frozen=True)
class Listing:
    """The entries of a sequence; if `elided`, only the first ones and the last are shown."""

    elided: bool = False


@dataclass(frozen=True)
class At:
    """One entry of a sequence that has no name of its own."""

    position: Size


class Term:
    """One operation over terms. Terms compare by identity, so that sharing stays visible."""

    __slots__ = ("args", "op")

    def __init__(self, op: Any, args: Sequence[Term] = ()):
        self.op = op
        self.args = tuple(args)


class Written(Term):
    """A term with text of its own: standing alone (None), or in a run, at the start (True) or after others (False)."""

    __slots__ = ("parts",)

    def __init__(self, op: Any, args: Sequence[Term], parts: Callable[[bool | None], list[Part]]):
        super().__init__(op, args)
        self.parts = parts


class Run(NamedTuple):
    """A sum within a sum, or a product within a product: continued without brackets, at the start or after others."""

    term: Term
    first: bool


Part = str | Term | Run


def shown_op(node: Node) -> Any:
    """The operation of a node as it is shown: attention without its scale if that is the usual one for its width."""
    if not is_primitive(node, attention):
        return node.op
    op = node.op
    width, attributes = node.args[0].shape[-1:], dict(op.attributes)
    usual = width and isinstance(width[0], int) and abs(attributes["scale"] * width[0] ** 0.5 - 1) < 1e-12
    return Apply(op.primitive, tuple(pair for pair in op.attributes if pair[0] != "scale")) if usual else op


ELLIPSIS = Term(Name("..."))


def named(stem: str, index: Size | None = None, joined: bool = True, layer: bool = False) -> Term:
    return Term(Name(stem, index, joined, layer))


def leaf_term(node: Node) -> Term:
    """An input, a parameter or a layer by its name; any other leaf as it is."""
    return named(node.op.name, layer=names_layers(node.op)) if isinstance(node.op, Input) else Term(node.op)


def names_layers(op: Input | StackedInputs) -> bool:
    """Whether an input is the name of a layer, or stacked inputs are names of layers."""
    return op.shape == (NAME,)


def number_of(term: Term) -> Any:
    """The number that a term is, if it is one."""
    value = term.op.value if isinstance(term.op, Constant) else None
    return value if isinstance(value, sp.Expr) else None


def is_zero(term: Term) -> bool:
    """Whether a term is the number zero, perhaps broadcast to a shape."""
    spread = isinstance(term.op, Apply) and term.op.primitive in (broadcast_to, broadcast_like)
    return bool(number_of(term.args[0] if spread else term) == 0)


def join(op: Any, args: Sequence[Term]) -> Term:
    """An operation; a sum drops literal zeros, a product has its sign in front."""
    if op is sp.Add:
        nonzero = [arg for arg in args if not is_zero(arg)]
        if len(nonzero) < len(args) or len(nonzero) == 1:
            return Term(op, nonzero) if len(nonzero) > 1 else nonzero[0] if nonzero else args[0]
    if op is sp.Mul:
        if args[0].op is sp.Mul and is_negative(args[0]):  # a sign in front of the first factor is one of the product
            args = (*args[0].args, *args[1:])
        if any(number_of(arg) == -1 for arg in args):
            return _signed(args)
    return Term(op, args)


def _signed(args: Sequence[Term]) -> Term:
    """A product with factors -1, its sign in front: SymPy writes `2*x*(-1)` as is, people write `-2*x`."""
    factors = [arg for arg in args if number_of(arg) != -1]
    if (len(args) - len(factors)) % 2 == 0 or not factors:
        return Term(sp.Mul, args)
    flat = factors[0].args if len(factors) == 1 and factors[0].op is sp.Mul else tuple(factors)
    leading = number_of(flat[0])
    if leading is None:
        return Term(sp.Mul, (Term(Constant(sp.Integer(-1))), *flat))
    if leading.is_negative:
        return Term(sp.Mul, (Term(Constant(sp.Integer(-1))), *factors))
    return Term(sp.Mul, (Term(Constant(-leading)), *flat[1:])) if len(flat) > 1 else Term(Constant(-leading))


def is_negative(term: Term) -> bool:
    """Whether a term is written with a minus sign in front."""
    leading = term.args[0] if term.op is sp.Mul else term
    value = number_of(leading)
    return leading.op == NEGATIVE_ZERO if value is None else bool(value.is_negative)


def opposite(term: Term) -> Term:
    """A term without its leading minus sign."""
    leading = term.args[0] if term.op is sp.Mul else term
    value = sp.Float(0.0) if leading.op == NEGATIVE_ZERO else -number_of(leading)
    if leading is term:
        return Term(Constant(value))
    rest = term.args[1:]
    if value != 1:
        return Term(sp.Mul, (Term(Constant(value)), *rest))
    return rest[0] if len(rest) == 1 else Term(sp.Mul, rest)


def show_size(size: Size) -> str:
    """An index or a depth without spaces: `k-1`, `n+1-k`."""
    return str(size) if isinstance(size, int) else _show_symbolic(size)


@cached(1024)
def _show_symbolic(size: sp.Expr) -> str:
    parts = sorted(
        sp.Add.make_args(size), key=lambda part: (part.could_extract_minus_sign(), part.is_number, str(part))
    )
    shown = "".join(
        ("" if str(part).startswith("-") or not position else "+") + str(part) for position, part in enumerate(parts)
    )
    return shown.replace(" ", "")


# ---------------------------------------------------------------- sequences


class Entries(interpreter.Entries):
    """A sequence: its entries by position, which may be symbolic."""

    def __init__(self, count: Size, at: Callable[[Size], Any], listed: bool = True):
        self.size = count
        self.at = at
        self.listed = listed  # whether entries at a symbolic position have a name too
        self.letter = ""  # of a sequence whose names follow no rule
        self.term: Term | None = None  # the listing, made once: a sequence may occur twice in another, and so on

    def __len__(self) -> int:
        return known_count(self.size)

    def __iter__(self) -> Iterator[Any]:
        return (self.at(k) for k in range(len(self)))

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self.at(k) for k in range(len(self))[position]]
        return self.at(position if position >= 0 else self.size + position)  # counted from the end

    def taken(self, positions: Sequence[int]) -> Entries:
        if isinstance(positions, range):
            return Entries(len(positions), lambda p: self.at(positions.start + p * positions.step))
        return Entries(len(positions), lambda p: self.at(positions[p]))

    def reversed(self) -> Entries:
        return Entries(self.size, lambda p: self.at(self.size - 1 - p))


def listing(entries: Entries, first: int = 1) -> Term:
    """A sequence as one term: a few entries, or the first ones and the last."""
    if first > 1 and isinstance(entries.size, int):
        return _listing(entries, first)
    if entries.term is None:
        entries.term = _listing(entries, 1)
    return entries.term


def _listing(entries: Entries, first: int) -> Term:
    few = isinstance(entries.size, int) and entries.size <= 4
    shown = range(entries.size) if few else (*range(first), entries.size - 1)
    return Term(Listing(elided=not few), [as_term(entries.at(k)) for k in shown])


def are_numbers(entries: Entries) -> bool:
    """Whether the entries that a listing shows are numbers."""
    return all(isinstance(term.op, Constant) for term in listing(entries).args)


def as_term(value: Any) -> Term:
    return listing(value) if isinstance(value, Entries) else value


def entries_of(value: Any, count: Size) -> Entries:
    """A value read along its leading axis; an entry of a slice is named as an entry of the sliced value."""
    if isinstance(value, Entries):
        return value
    if isinstance(value.op, Apply):
        source, name, attributes = value.args[0], value.op.primitive.name, dict(value.op.attributes)
        if name == "reverse":
            return Entries(count, lambda p: entry(source, count - 1 - p))
        index = attributes["positions"] if name == "take" else attributes["index"][0] if name == "item" else None
        start = index.start if isinstance(index, range) else index[0] or 0 if isinstance(index, tuple) else None
        is_slice = name == "item" and len(attributes["index"]) == 1 and isinstance(index, tuple) and len(index) == 2
        if start is not None and start >= 0 and (is_slice or (isinstance(index, range) and index.step == 1)):
            return Entries(count, lambda p: entry(source, p + start))
    return Entries(count, lambda p: entry(value, p))


def entry(value: Any, position: Size) -> Term:
    """An entry of a value; for an array of numbers, the number."""
    if isinstance(value.op, Constant) and isinstance(position, int):
        return Term(element(Node(value.op), position).op)
    return Term(At(position), (value,))
