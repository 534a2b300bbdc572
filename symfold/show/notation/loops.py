"""Loops: the letters and numbers of a net's folds, chosen once for formulas of all forms and for graphs.

A letter of a state or an index is one that no input, parameter or layer of the net uses.

A scope is a straight run of operations (the net itself, or the block of a fold) with its loops. A fold that starts from
exactly the last state of another continues that fold's letters and numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from string import ascii_uppercase
from typing import NamedTuple

from symfold.base.trees import LEAF
from symfold.core.blocks import Block, Call, is_call
from symfold.core.folds import Fold, Select, fold_of, is_emitted, is_fold, is_last_state
from symfold.core.functions import ROWS
from symfold.core.leaves import Input
from symfold.core.names import leaves_of, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node, walk
from symfold.core.primitives import PRIMITIVES, Apply, is_primitive
from symfold.core.sequences import entry_of, reverse_row, stack_row, take_row
from symfold.core.shapes import Size, size_symbols
from symfold.core.stacked_inputs import Numbered, StackedInputs, is_stacked

STATES = "zywvutsrqphgdca"
COTANGENT = "a"
INDICES = "kjilmpqrst"
# the words of operations
WORDS = frozenset({head.__name__.lower() for head in ROWS}.union(PRIMITIVES, ("sqrt", "xor")))


def stem(name: str) -> str:
    """A name without the number at its end: two names of one stem are easily taken for one family.

    >>> stem("z1"), stem("W_gate")
    ('z', 'W_gate')
    """
    return re.sub(r"_?\d+$", "", name)


def stems_of(net: Net) -> dict[str, set[str]]:
    """The stems of the names in a net, each with its names (a numbered run counts as its prefix and a number).

    The part before an underscore is a stem too: z_k and z_n look like entries of z. If a name such as f_k occurs beside
    layers f1, f2, ..., its k is taken as well.
    """
    names: list[str] = []
    prefixes: set[str] = set()
    for leaf in leaves_of(net.outputs):
        leaf_names = leaf.op.names if isinstance(leaf.op, StackedInputs) else (leaf.op.name,)
        if isinstance(leaf_names, Numbered):
            names += [leaf_names[0], *size_symbols(leaf_names.count)]
            prefixes.add(leaf_names.prefix)
        else:
            names += leaf_names
    stems: dict[str, set[str]] = {}
    for name in names:
        prefix, _, suffix = name.partition("_")
        for part in (name, stem(name), prefix, *([suffix] if prefix in prefixes else [])):
            stems.setdefault(part, set()).add(name)
    return stems


class Letters:
    """A supply of letters; each is used once."""

    def __init__(self, names: Mapping[str, set[str]], taken: Iterable[str] = (), states: Sequence[str] = ()):
        self.names = dict(names)
        self.states = (*states, *STATES)  # the requested letters, then the usual ones
        self.taken = {*names, *taken}

    def state(self) -> str:
        return self.free(self.states)

    def index(self) -> str:
        return self.free(INDICES)

    def cotangent(self, init: Node) -> str:
        """The letter of a state that runs backward: that of its initial value, unless another name uses it."""
        if isinstance(init.op, Input) and self.names.get(init.op.name) == {init.op.name} and len(init.op.name) == 1:
            self.names[init.op.name] = set()
            return init.op.name
        return self.free(COTANGENT + STATES)

    def listed(self, word: str = "", numbers: bool = False) -> str:
        """The name of a listed sequence, of layers or numbers: a word (or wordB, wordC, ...), else a letter."""
        if word and word.lower() not in WORDS:
            for letter in ("", *ascii_uppercase[1:]):
                if (name := f"{word}{letter}") not in self.taken:
                    self.taken.add(name)
                    return name
        return self.free(("cdb" if numbers else "ghqp") + STATES)

    def output(self) -> str:
        return self.free("y" + STATES)

    def shared(self) -> str:
        """The letter of a value that is used more than once."""
        return self.free("uvwtsrqphgdca")

    def free(self, wanted: Sequence[str]) -> str:
        """The first of these letters that is not taken."""
        letter = next(letter for letter in _spelled(wanted) if letter not in self.taken)
        self.taken.add(letter)
        return letter


def _spelled(letters: Sequence[str]) -> Iterator[str]:
    """Single letters, then words of two, three, ... letters."""
    length = 1
    while True:
        yield from map("".join, product(letters, repeat=length))
        length += 1


class Cut(NamedTuple):
    """The name of an operation with an equation of its own: a letter, numbered by position, or else as its step."""

    letter: str
    position: int | None = None


@dataclass
class Scope:
    """Operations in order, the loops among them, and the operations with an equation of their own (cuts)."""

    order: list[Node]
    results: tuple[Node, ...]
    loops: dict[Node, Loop] = field(default_factory=dict)
    cuts: dict[Node, Cut] = field(default_factory=dict)

    @cached_property
    def operations(self) -> set[Node]:
        """The nodes that compute something, rather than select entries."""
        return set(filter(_is_operation, self.order))


@dataclass
class Loop:
    """A fold in letters: one for each part of the state; and the number of the state before the first step."""

    node: Node[Fold]
    letters: tuple[str, ...]
    given: tuple[str | None, ...]  # a letter for each per-step output, unless it has another name
    start: Size
    sign: int  # -1 if the sequences are read from their end: numbers then run down
    variable: str
    scope: Scope
    previous: Loop | None = None
    offset: Size = 0  # added to the numbers where every execution has numbers of its own, as in the steps form
    period: Size = 0  # likewise, once per execution before

    @property
    def fold(self) -> Fold:
        return self.node.op

    @property
    def end(self) -> Size:
        return self.start + self.sign * self.fold.count

    @cached_property  # once per loop, since every step asks
    def equations(self) -> list[tuple[int, str]]:
        """The positions and letters of the results of a step that get an equation, in the order of computation."""
        carries, results = self.fold.carries, self.fold.block.results
        wanted = [(k, self.letters[k]) for k in range(carries) if not is_listed(results[k])]
        wanted += [(carries + k, letter) for k, letter in enumerate(self.given) if letter is not None]
        order = {node: k for k, node in enumerate(self.scope.order)}
        return sorted(wanted, key=lambda pair: order[results[pair[0]]]) if len(wanted) > 1 else wanted


def scope_of(net: Net, states: Sequence[str] = ()) -> tuple[Scope, Letters]:
    """The scope of a whole net, and the remaining letters; `states` are those to use first for states."""
    letters = Letters(stems_of(net), states=states)
    scope = _scope(net.outputs, letters, None, 0, cotangents_of(net))
    _number(scope, 1, {})
    return scope, letters


def body_scope(body: Block, letters: Letters) -> Scope:
    """The scope of a layer's body, its states named by further letters."""
    return _scope(body.results, letters, None, 0)


def cotangents_of(net: Net) -> frozenset[Node]:
    """The inputs that start a backward pass: in a net of gradients of inputs, those that have none there."""
    if net.form == LEAF or net.form[0] != "named":
        return frozenset()
    inputs = {leaf for leaf in (*net.signature, *leaves_of(net.outputs)) if leaf.op.role == "input"}
    without = frozenset(leaf for leaf in inputs if set(names_of(leaf)).isdisjoint(net.form[1]))
    return without if len(without) < len(inputs) else frozenset()  # gradients of parameters alone are those of a loss


def _scope(
    roots: Sequence[Node], letters: Letters, like: Scope | None, nesting: int, cotangents: frozenset[Node] = frozenset()
) -> Scope:
    """The scope of some roots, continuing the letters and numbers of `like`; folds started by `cotangents` run down."""
    scope = Scope(walk(roots), tuple(roots))
    folds = [*filter(is_fold, scope.order)]
    variables = Letters({}, letters.taken)
    for _ in range(nesting):
        variables.index()
    variable = variables.index() if folds else ""
    continued = _continued(folds)
    chains: dict[Node, list[Node[Fold]]] = {}
    for node in folds:
        chain = chains.get(continued[node], []) if node in continued else []
        chain.append(node)
        chains[node] = chain
    earlier = list(like.loops.values()) if like else []
    for position, node in enumerate(folds):
        previous = scope.loops[continued[node]] if node in continued else None
        like_loop = earlier[position] if previous is None and position < len(earlier) else None
        if like_loop and like_loop.fold.carries == node.op.carries and (like_loop.sign < 0) == _runs_down(node):
            previous = like_loop
        chain = chains[node]
        backward = any(map(_runs_down, chain)) or not cotangents.isdisjoint(chain[0].args[: node.op.carries])
        sign = previous.sign if previous else -1 if backward else 1
        if previous:
            names, start = previous.letters, previous.end
        else:
            names = tuple(
                letters.cotangent(part) if sign < 0 else letters.state() for part in node.args[: node.op.carries]
            )
            start = sum(link.op.count for link in chain) if sign < 0 else 0
        given = _given(node, previous, letters)
        inner = _scope(node.op.block.results, letters, previous.scope if previous else None, nesting + 1)
        scope.loops[node] = Loop(node, names, given, start, sign, variable, inner, previous)
    return scope


def _number(scope: Scope, times: Size, used: dict[tuple[str, ...], Size]) -> None:
    """Numbers for the executions of loops, apart from those of all loops before with the same letters."""
    chains: dict[tuple[str, ...], list[Loop]] = {}
    for loop in scope.loops.values():
        chains.setdefault(loop.letters or tuple(filter(None, loop.given)), []).append(loop)
    for names, chain in chains.items():
        period = sum(loop.fold.count for loop in chain)
        first = used.get(names, 0) + (period if chain[0].sign < 0 else 0)
        for loop in chain:
            loop.offset, loop.period = first - chain[0].start, period
        used[names] = used.get(names, 0) + period * times
    for loop in scope.loops.values():
        _number(loop.scope, times * loop.fold.count, used)


def _continued(folds: Sequence[Node[Fold]]) -> dict[Node, Node[Fold]]:
    """For each fold that starts from exactly the last state of another, and alone does so: that other fold."""
    continued: dict[Node, Node[Fold]] = {}
    taken: set[Node] = set()
    for node in folds:
        init = node.args[: node.op.carries]
        if not init or not all(isinstance(part.op, Select) and part.op.position == k for k, part in enumerate(init)):
            continue
        source = fold_of(init[0])
        all_of_source = all(part.args[0] is source for part in init) and source.op.carries == len(init)
        one_way = not {-1, 1} <= {_direction(source), _direction(node)}
        if all_of_source and one_way and source not in taken:
            taken.add(source)
            continued[node] = source
    return continued


def _direction(node: Node[Fold]) -> int:
    """1 or -1, or 0 for a single step, which fits either."""
    return -1 if _runs_down(node) else 1 if any(node.op.each) else 0


def _runs_down(node: Node[Fold]) -> bool:
    """Whether every sequence that a fold reads is reversed; a list of names may be numbered downward as well."""
    read = [source for source, each in zip(node.args[node.op.carries :], node.op.each, strict=True) if each]
    return all(is_primitive(source, reverse_row) for source in read) and not all(
        is_stacked(source.args[0]) and isinstance(node.op.count, int) for source in read
    )


def _given(node: Node[Fold], previous: Loop | None, letters: Letters) -> tuple[str | None, ...]:
    """A letter for each per-step output that needs one: for a value that its step shares, the letter of shared values.

    A backward pass makes outputs of the values that it reads; they keep the letters that they have without it.
    """
    carries, results = node.op.carries, node.op.block.results
    outputs = [k for k, result in enumerate(results) if k >= carries and _wants_name(node, result)]
    if not outputs:
        return (None,) * (len(results) - carries)
    order = {part: k for k, part in enumerate(walk(results))}
    uses = Counter(arg for part in walk(results[:carries]) if _is_operation(part) for arg in part.args)
    given: dict[int, str] = {}
    for k in sorted(outputs, key=lambda k: order[results[k]]):
        earlier = previous.given[k - carries] if previous and k - carries < len(previous.given) else None
        shared = uses[results[k]] > 1 and (is_call(results[k]) or any(map(_is_operation, results[k].args)))
        given[k] = earlier or (letters.shared() if shared else letters.state())
    return tuple(given.get(k) for k in range(carries, len(results)))


def _wants_name(node: Node[Fold], result: Node) -> bool:
    """Whether a per-step output needs an equation: it is not a name, a state or a sequence."""
    block, carries = node.op.block, node.op.carries
    return (
        bool(result.args)
        and result not in block.results[:carries]
        and not is_listed(result)
        and not is_last_state(result)
    )


def is_listed(node: Node) -> bool:
    """Whether a node is a sequence whose entries have names."""
    while is_primitive(node, take_row, reverse_row):
        node = node.args[0]
    return is_primitive(node, stack_row) or is_emitted(node)


def _is_operation(node: Node) -> bool:
    if is_primitive(node, stack_row, take_row, reverse_row) or entry_of(node) is not None:
        return False
    return isinstance(node.op, (type, Call, Apply)) and bool(node.args)
