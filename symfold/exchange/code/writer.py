"""The writer: nodes as statements and expressions, folds as loops.

A value that is used once is written where it is used, unless the line would be long; a value that is used several times
gets a variable. A loop assigns its state at the end of each step, all parts at once. A target may write a long fold as
one operation, whose step is a function of the state and of an entry of each sequence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import sympy as sp

from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, is_fold
from symfold.core.leaves import Constant, Input
from symfold.core.nodes import Node, walk
from symfold.core.shapes import NAME, Shape, is_known
from symfold.core.stacked_inputs import is_input, is_stacked, known_count
from symfold.exchange.code.expressions import Code
from symfold.exchange.code.identifiers import Identifiers, run_of
from symfold.exchange.code.line_breaks import INDENT, statement
from symfold.exchange.code.operations import Expressions
from symfold.exchange.code.targets import CodeTarget
from symfold.show.notation.loops import INDICES, Letters

Numbers: TypeAlias = Mapping[Node, float]  # the values of nodes that are Python numbers in code
Entry: TypeAlias = tuple[str, Code]  # the variable of an entry, and its sequence
NO_NUMBERS: Numbers = {}
LONG = 72  # characters of an expression that is written inside another
WIDE = 100  # characters of a line
SHORTEST = 16  # steps of a fold that is always a loop


class Writer(Expressions):
    """The statements of a function; `inputs` are the identifiers of its inputs by name, `shapes` the inputs' shapes."""

    def __init__(
        self,
        target: CodeTarget,
        identifiers: Identifiers,
        letters: Letters,
        inputs: Mapping[str, str],
        shapes: Mapping[str, Shape],
    ):
        sizes = {
            size: f"{inputs[name]}.shape[{axis}]"
            for name, shape in shapes.items()
            if is_known(shape)
            for axis, size in enumerate(shape)
            if isinstance(size, sp.Symbol)
        }
        super().__init__(target, sizes)
        self.identifiers, self.letters, self.inputs = identifiers, letters, inputs
        self.lines: list[str] = []
        self.nesting = 1
        self.states: dict[Node, str] = {}  # the variables of last states

    def emit(self, text: str) -> None:
        """Write a statement."""
        indent = INDENT * self.nesting
        self.lines += [indent + line for line in statement(text, WIDE - len(indent))]

    # -- a run of operations

    def scope(
        self, roots: Sequence[Node], known: Mapping[Node, Any], numbers: Numbers = NO_NUMBERS, once: bool = False
    ) -> list[Any]:
        """The expressions of some roots, after the statements that they need; `once`, if equal roots are read once."""
        values = dict(known)
        numbers = dict(numbers)
        order = walk(roots, stop=values)
        uses = Counter(arg for node in order for arg in node.args)
        uses.update(set(roots) if once else roots)
        looped = [node for node in order if is_fold(node)]
        only_looped = _only_looped(order, looped, roots)
        for node in order:
            if node.shape[-1:] == (NAME,):
                values[node] = None
            elif is_fold(node):
                values[node] = self.fold(node, [values[arg] for arg in node.args], uses, numbers)
            elif isinstance(node.op, Select):
                values[node] = values[node.args[0]][node.op.position]
            elif not node.args and not isinstance(node.op, Constant):
                values[node] = self.leaf(node, uses[node] > 1, node in only_looped)
            else:
                code = self.operation(node, [values[arg] for arg in node.args], numbers)
                shared = uses[node] > 1 or (len(code.text) > LONG and node not in roots)
                is_simple = code.number or code.text.isidentifier()
                values[node] = self.named(code, self.letters.shared()) if shared and not is_simple else code
        return [values[root] for root in roots]

    def named(self, code: Code, wanted: str) -> Code:
        """A variable with the value of an expression."""
        if code.text.isidentifier() or code.number:
            return code
        name = self.identifiers.fresh(wanted)
        self.emit(f"{name} = {code.text}")
        return Code(name, truth=code.truth, listed=code.listed)

    # -- leaves

    def leaf(self, node: Node, several: bool, only_looped: bool) -> Code:
        if is_stacked(node):
            names, parameters = node.op.names, node.op.role == "parameter"
            known_count(node.op.count)
            run = run_of(names) if parameters else None
            if run:
                number = self.identifiers.fresh("k")
                self.identifiers.taken.discard(number)
                entry = f'params[f"{run.before}{{{number}}}{run.after}"]'
                text = f"[{entry} for {number} in range({', '.join(map(str, run.numbers))})]"
            else:
                members = (f"params[{_quoted(name)}]" if parameters else self.inputs[name] for name in names)
                text = f"[{', '.join(members)}]"
            first = run.family if run else re.sub(r"_?\d+$", "", names[0])
            code = Code(text if only_looped else self.called(self.target.stack.format(text)), listed=only_looped)
            return self.named(code, first.strip("_") or "values")
        assert isinstance(node.op, Input)
        if node.op.role != "parameter":
            return Code(self.inputs[node.op.name])
        code = Code(f"params[{_quoted(node.op.name)}]")
        return self.named(code, node.op.name) if several else code

    # -- folds

    def fold(self, node: Node[Fold], args: Sequence[Any], uses: Counter[Node], numbers: Numbers) -> list[Any]:
        """A fold as a loop; its results as expressions."""
        fold = node.op
        block, count = fold.block, known_count(fold.count)
        init, operands = fold.split(args)
        state = [
            self.state(source, code, uses[source] == 1)
            for source, code in zip(node.args[: fold.carries], init, strict=True)
        ]
        index = INDICES[min(self.nesting, len(INDICES)) - 1]
        known: dict[Node, Any] = dict(zip(block.formals, map(Code, state), strict=False))
        entries: list[Entry] = []
        rest = zip(block.formals[fold.carries :], node.args[fold.carries :], operands, fold.each, strict=True)

        def state_of(result: Node) -> str:
            following = block.results[: fold.carries]
            return state[following.index(result)] if result in following else self.letters.state()

        for formal, operand, code, each in rest:
            if code is None:
                known[formal] = None
            elif each:
                source = code.text if code.text.isidentifier() else self.letters.listed()
                sequence = self.named(code, source)
                entry = self.identifiers.fresh(f"{source}_{index}")
                entries.append((entry, sequence))
                known[formal] = Code(entry)
            else:
                wanted = operand.op.name if is_input(operand) else self.letters.shared()
                known[formal] = self.named(self.numeric(code), wanted)
        emitted = [self.identifiers.fresh(f"{state_of(result)}s") for result in block.results[fold.carries :]]
        constant = zip(block.formals[fold.carries :], node.args[fold.carries :], fold.each, strict=True)
        given = {formal: numbers[arg] for formal, arg, each in constant if not each and arg in numbers}
        if self.target.scan and count > SHORTEST:
            self.scan(block, state, entries, emitted, known, given, count)
        else:
            self.loop(block, state, entries, emitted, known, given, count)
        self.states.update((Node(Select(k), (node,)), name) for k, name in enumerate(state))
        return [Code(name) for name in (*state, *emitted)]

    def loop(
        self, block: Block, state: Sequence[str], entries: Sequence[Entry], emitted: Sequence[str],
        known: Mapping[Node, Any], given: Numbers, count: int,
    ) -> None:  # fmt: skip
        """A fold as a loop."""
        for name in emitted:
            self.emit(f"{name} = []")
        self.emit(_loop([(entry, sequence.text) for entry, sequence in entries], count))
        self.nesting += 1
        for line in self.step(block, state, self.scope(block.results, known, given, once=True), emitted):
            self.emit(line)
        self.nesting -= 1
        for name in emitted:
            self.emit(f"{name} = {self.called(self.target.stack.format(name))}")

    def scan(
        self, block: Block, state: Sequence[str], entries: Sequence[Entry], emitted: Sequence[str],
        known: Mapping[Node, Any], given: Numbers, count: int,
    ) -> None:  # fmt: skip
        """A fold as one operation."""
        step, argument = self.identifiers.fresh("step"), self.identifiers.fresh("entries" if entries else "_")
        self.emit(f"def {step}({_tuple(state) if len(state) == 1 else 'state'}, {argument}):")
        self.nesting += 1
        if len(state) != 1:
            self.emit(f"{', '.join(state)} = state" if state else "pass")
        if entries:
            self.emit(f"{', '.join(entry for entry, _ in entries)} = {argument}")
        codes = list(map(self.numeric, self.scope(block.results, known, given, once=True)))
        following, outputs = block.results[: len(state)], block.results[len(state) :]
        texts = {
            result: self.named(code, self.letters.state()).text
            if result in following and result in outputs
            else code.text
            for result, code in dict(zip(block.results, codes, strict=True)).items()
        }
        results = [_tuple([texts[result] for result in part]) for part in (following, outputs)]
        self.emit(f"return {results[0]}, {results[1] if outputs else None}")
        self.nesting -= 1
        sequences = _tuple([self.stacked(sequence).text for _, sequence in entries]) if entries else "None"
        scanned = self.called(self.target.scan.format(step, _tuple(state), sequences, count))
        self.emit(f"{_tuple(state)}, {_tuple(emitted) if emitted else '_'} = {scanned}")

    def state(self, source: Node, code: Code, only_use: bool) -> str:
        """The variable of a part of the state: the loop before goes on with its own, if nothing else reads it."""
        if only_use and self.states.get(source) == code.text:
            return code.text
        name = self.identifiers.fresh(self.letters.state())
        self.emit(f"{name} = {self.stacked(self.numeric(code)).text}")
        return name

    def step(
        self, block: Block, state: Sequence[str], results: Sequence[Code], emitted: Sequence[str]
    ) -> Iterator[str]:
        """The last lines of a loop: what it emits, and its next state."""
        codes, carries = list(map(self.numeric, results)), len(state)
        following = block.results[:carries]
        later = []
        for name, result, code in zip(emitted, block.results[carries:], codes[carries:], strict=True):
            if result in following and code.text not in state:
                later.append(f"{name}.append({state[following.index(result)]})")
            else:
                yield f"{name}.append({code.text})"
        pairs = [(name, code.text) for name, code in zip(state, codes, strict=False) if name != code.text]
        if pairs:
            yield f"{', '.join(name for name, _ in pairs)} = {', '.join(text for _, text in pairs)}"
        elif not emitted:
            yield "pass"
        yield from later


def _only_looped(order: Sequence[Node], folds: Sequence[Node], roots: Sequence[Node]) -> set[Node]:
    """The stacked inputs that nothing but loops read, entry by entry."""
    stacked: set[Node] = set(filter(is_stacked, order))
    for node in order:
        read = node.args[: node.op.carries] if isinstance(node.op, Fold) else node.args
        stacked.difference_update(read)
        if isinstance(node.op, Fold):
            stacked.difference_update(
                arg for arg, each in zip(node.args[node.op.carries :], node.op.each, strict=True) if not each
            )
    return stacked.difference(roots)


def _loop(entries: Sequence[tuple[str, str]], count: int) -> str:
    """The line that begins a loop."""
    if not entries:
        return f"for _ in range({count}):"
    names, sequences = (", ".join(parts) for parts in zip(*entries, strict=True))
    return f"for {names} in {f'zip({sequences})' if len(entries) > 1 else sequences}:"


def _tuple(texts: Sequence[str]) -> str:
    """One text, or several in brackets."""
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _quoted(name: str) -> str:
    """A name as a string of Python."""
    return '"' + name + '"' if name.isidentifier() else repr(name)
