"""net.summary: what a net is made of. A row per layer, and per fold its step, count and state; at any depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy as sp

from symfold.analysis.counting.cost import multiply_adds, operations, own_passes
from symfold.core.attach import attach
from symfold.core.blocks import Call, is_call, is_name
from symfold.core.closed_layers import ARRANGED, is_unknown, layers_inside, note_on_closed
from symfold.core.counted_names import CountedNames
from symfold.core.folds import Fold, Select, is_fold
from symfold.core.leaves import Constant, Fixed, Formal
from symfold.core.names import show_names
from symfold.core.net import Net
from symfold.core.nodes import Node, walk, walking_once, with_args
from symfold.core.primitives import is_apply, is_primitive
from symfold.core.shapes import Size, show
from symfold.core.stacked_inputs import Leaf, is_leaf
from symfold.errors import no_attribute, plural
from symfold.transform.rolling import roll
from symfold.transform.specialize import sized

MOST = 60  # rows that are shown
Cells: TypeAlias = tuple[str, str, str, str, str]
Sources: TypeAlias = Mapping[Node, Sequence[Leaf]]  # the parameters and names of layers that nodes stand for
HEADS = ("layer", "shape", "parameters", "multiply-adds", "operations")


@dataclass(frozen=True)
class SummaryRow:
    """A layer, a fold, an operation that reads parameters, or the rest of a step.

    - nesting: the number of folds around it
    - times: how often it is computed; in a fold, once per step
    - layers: how many layers or parameters it stands for: f1, ..., f10 are ten, a layer that all steps share is one
    - shape: of its result; of a fold, those of its state
    - parameters: the number of entries of the parameters that no row above reads, in all steps together; not buffers
    - multiply_adds: those of products of matrices, in all steps together; None if a layer is opaque or a shape unknown
    - operations: the arithmetic on entries, likewise
    """

    name: str
    shape: str = ""
    nesting: int = 0
    times: Size = 1
    layers: Size = 1
    parameters: Size = 0
    multiply_adds: Any = 0
    operations: Any = 0

    @property
    def cells(self) -> Cells:
        """The row as text: numbers of several steps as a product, `10 x 12`."""
        multiply_adds, operations = (
            "unknown" if work is None else _product(work, self.times) for work in (self.multiply_adds, self.operations)
        )
        name = "  " * self.nesting + self.name
        return name, self.shape, _product(self.parameters, self.layers), multiply_adds, operations


OTHERS = {  # what summaries are asked for, and what to write
    **dict.fromkeys(("macs", "flops", "mult_adds", "total_mult_adds"), "summary.multiply_adds"),
    **dict.fromkeys(("params", "total_params", "trainable_params"), "summary.parameters"),
}


@dataclass(frozen=True)
class Summary:
    """The rows of a net in order of computation, and its totals.

    buffers: the entries of parameters that training does not move, such as running means. closed: the layers that hold
    several layers and count as one, in words.
    """

    rows: tuple[SummaryRow, ...]
    parameters: Size
    multiply_adds: Any
    operations: Any
    buffers: Size = 0
    closed: str = ""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            raise no_attribute("a summary", name, (*vars(self), *dir(type(self))), OTHERS)

    def __iter__(self) -> Iterator[SummaryRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def cells(self) -> list[Cells]:
        """The table as text, its first and last rows if it is long, with the totals."""
        rows = [row.cells for row in self.rows]
        if len(rows) > MOST:
            left_out = f"... ({plural(len(rows) - MOST, 'row')} not shown)"
            rows = [*rows[: MOST - 10], (left_out, "", "", "", ""), *rows[-10:]]
        work = ["unknown" if total is None else _shown(total) for total in (self.multiply_adds, self.operations)]
        return [*rows, ("total", "", _shown(self.parameters), work[0], work[1])]

    @property
    def notes(self) -> list[str]:
        """What stands under the table."""
        buffers = f"buffers, which training does not move: {_shown(self.buffers)}" if self.buffers != 0 else ""
        return [note for note in (buffers, self.closed and f"closed: {self.closed}") if note]

    def __str__(self) -> str:
        table = [HEADS, *self.cells]
        widths = [max(len(row[k]) for row in table) for k in range(len(HEADS))]
        lines = [
            "  ".join(
                cell.ljust(width) if k < 2 else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            nesting = (len(cells[0]) - len(cells[0].lstrip())) // 2
            styles = [
                f"text-align:left;padding-left:{0.5 + 1.5 * nesting}em",
                "text-align:left",
                *["text-align:right"] * 3,
            ]
            return "".join(
                f'<{tag} style="{style}">{escape(cell.strip())}</{tag}>'
                for cell, style in zip(cells, styles, strict=True)
            )

        head = f"<thead><tr>{row(HEADS, 'th')}</tr></thead>"
        *body, total = self.cells
        rows = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in body)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table>{head}<tbody>{rows}</tbody><tfoot><tr>{row(total, 'th')}</tr></tfoot></table>{notes}"


def _shown(value: Any) -> str:
    return str(sp.expand(value)) if isinstance(value, sp.Expr) else str(value)


def _product(total: Any, times: Size) -> str:
    """A number, written as a product with how often it is counted."""
    if total == 0:
        return ""
    if isinstance(total, int) and isinstance(times, int):
        each, is_whole = total // times, total % times == 0
    else:
        each = sp.expand(sp.cancel(sp.sympify(total) / times))
        is_whole = sp.denom(sp.together(each)) == 1
    if times == 1 or not is_whole:
        return _shown(total)
    shown = _shown(each)
    return f"{times} x {f'({shown})' if ' ' in shown else shown}"


# ---------------------------------------------------------------- rows


@walking_once
def summary(net: Any, *, shapes: Mapping[str, Sequence[int | None]] | None = None) -> Summary:
    """The layers of a net with their shapes, parameters and operations; equal steps are one fold, at any depth.

    Numbers of a fold are written per step: `10 x 12`. The parameters of a layer that is used several times count once,
    and buffers (the running statistics of a norm) are said apart. Multiply-adds are those of matrix products,
    convolutions and attention, as `torch.utils.flop_counter` counts them; operations are the arithmetic on entries, in
    which a multiply-add is one. Both are unknown if a layer is opaque or a shape unknown; `shapes` gives sizes to
    inputs, as `{"x": (32, 3)}`.

    >>> import symfold as sf
    >>> layers = sf.layers("f1:11", sf.dense(3, 3, sf.relu))
    >>> print(summary(sf.fold(sf.mappers.residual, layers, sf.tensor("x", (5, 3)))))
    layer                      shape   parameters  multiply-adds  operations
    ------------------------------------------------------------------------
    x                          (5, 3)
    fold of 10 steps, 1 carry  (5, 3)
      f1, f2, ..., f10         (5, 3)     10 x 12        10 x 45     10 x 75
      1 other operation                                              10 x 15
    ------------------------------------------------------------------------
    total                                     120            450         900
    """
    rolled = roll(sized(net, shapes))
    leaves = [leaf for leaf in rolled.leaves if leaf.op.role == "input"]
    inputs = [SummaryRow(_family([leaf]), show(leaf.shape)) for leaf in leaves]
    counted, sizes = CountedNames(), {True: 0, False: 0}
    for leaf in rolled.leaves:
        if leaf.op.role == "parameter":
            sizes[_is_buffer(leaf)] += counted.add(leaf.op.names) * prod(leaf.op.shape)
    return Summary(
        (*inputs, *_Rows().of(rolled.outputs, {}, 0, 1)),
        sizes[False],
        multiply_adds(rolled),
        operations(rolled),
        sizes[True],
        note_on_closed(rolled.outputs),
    )


class _Rows:
    """The rows of a net, and the parameters that they have counted."""

    def __init__(self) -> None:
        self.counted = CountedNames()

    def of(self, roots: Sequence[Node], read: Sources, nesting: int, times: Size) -> list[SummaryRow]:
        """The rows of some roots; `read` are the parameters and names that formals stand for."""
        sources = dict(read)
        rows: list[SummaryRow] = []
        others: list[Node] = []
        for node in walk(roots):
            arranged = is_primitive(node, *ARRANGED) and any(arg in sources for arg in node.args)
            if is_leaf(node):
                sources[node] = (node,)
            elif node not in sources and (is_name(node) or arranged):
                sources[node] = tuple(dict.fromkeys(leaf for arg in node.args for leaf in sources.get(arg, ())))
            elif is_fold(node):
                rows += self.fold(node, sources, nesting, times)
            elif is_call(node):
                name = f"{_family(sources[node.args[0]])}{_inside(node.op)}"
                rows.append(self.row(name, [node], sources, nesting, times))
            elif is_apply(node) and (weights := _weights([node], sources)):
                name = f"{node.op.primitive.name} with {_family(weights)}"
                rows.append(self.row(name, [node], sources, nesting, times))
            elif not isinstance(node.op, (Constant, Formal, Select)) and _work(node)[1] != 0:
                others.append(node)
        if others:
            name = plural(len(others), "other operation" if rows else "operation")
            rows.append(replace(self.row(name, others, sources, nesting, times), shape=""))
        return rows

    def row(self, name: str, nodes: Sequence[Node], sources: Sources, nesting: int, times: Size) -> SummaryRow:
        """The row of nodes that are computed together; the parameters that are counted already are left out."""
        new = [(leaf, self.counted.add(leaf.op.names)) for leaf in _weights(nodes, sources) if not _is_buffer(leaf)]
        counts = {count for _, count in new if count != 0}
        number = sum((count * prod(leaf.op.shape) for leaf, count in new), 0)
        layers = counts.pop() if len(counts) == 1 else 1
        work = [None if None in each else sum(each) * times for each in zip(*map(_work, nodes), strict=True)]
        return SummaryRow(name, show(nodes[0].shape), nesting, times, layers, number, *work)

    def fold(self, node: Node[Fold], sources: Sources, nesting: int, times: Size) -> list[SummaryRow]:
        """A fold's own row, then those of its step."""
        fold = node.op
        state = ", ".join(show(fold.result_shape(k)) for k in range(fold.carries))
        steps = f"{fold.count} step{'' if fold.count == 1 else 's'}"
        outputs = len(fold.block.results) - fold.carries
        emits = f", {plural(outputs, 'sequence')} out" if outputs else ""
        bound = zip(fold.block.formals, node.args, strict=True)
        read = {formal: sources[arg] for formal, arg in bound if arg in sources}
        head = SummaryRow(
            f"fold of {steps}, {'1 carry' if fold.carries == 1 else f'{fold.carries} carries'}{emits}",
            state,
            nesting,
            times,
        )
        return [head, *self.of(fold.block.results, read, nesting + 1, times * fold.count)]


def _weights(nodes: Sequence[Node], sources: Sources) -> list[Leaf]:
    """The parameters that nodes read, once each."""
    read = (leaf for node in nodes for arg in node.args for leaf in sources.get(arg, ()))
    return [leaf for leaf in dict.fromkeys(read) if leaf.op.role == "parameter"]


def _inside(op: Call) -> str:
    """What a closed layer holds."""
    number = layers_inside(op)
    return " (unknown)" if is_unknown(op.body) else f" ({number} layers inside)" if number > 1 else ""


def _family(leaves: Sequence[Leaf]) -> str:
    return show_names([leaf.op.names for leaf in leaves], 4)


def _is_buffer(leaf: Leaf) -> bool:
    return isinstance(leaf.op.start, Fixed)


def _work(node: Node) -> tuple[Any, Any]:
    """The multiply-adds and the arithmetic of one node: of a layer, those of its body."""
    if is_call(node):
        if node.op.body is None:
            return None, None
        alone = Net(node.op.body.retyped([arg.shape for arg in node.args[1:]]).results)
    elif is_apply(node):
        alone = Net((with_args(node, tuple(Node(Formal(0, k, arg.shape)) for k, arg in enumerate(node.args))),))
    else:
        own = own_passes(node)
        return 0, None if own is None else own[1] * prod(own[0])
    return multiply_adds(alone), operations(alone)


attach(Net, summary=summary)
