"""The cost of a net: its work, critical path, parallelism and expanded size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import product
from math import prod
from typing import Any, TypeVar

import sympy as sp

from symfold.analysis.counting.connections import connections
from symfold.analysis.counting.distinct_steps import has_distinct_steps
from symfold.analysis.counting.memory import memory
from symfold.analysis.counting.paths import applications
from symfold.analysis.counting.powers import closed_power
from symfold.analysis.counting.schedule import schedule
from symfold.analysis.counting.sharing import shared_nodes
from symfold.base.public import public
from symfold.core.blocks import Call, is_name
from symfold.core.closed_layers import note_on_closed
from symfold.core.folds import Fold, fold_of, is_last_state
from symfold.core.leaves import Constant, Input
from symfold.core.net import Net
from symfold.core.nodes import Node, walk, walking_once
from symfold.core.primitives import (
    Apply,
    adaptive_mean_pool,
    dot,
    einsum,
    first_max,
    interpolate,
    is_primitive,
    logsumexp,
    reduce_max,
    reduce_mean,
    reduce_sum,
    safe_softmax,
    softmax,
)
from symfold.core.shapes import Shape, is_known
from symfold.core.stacked_inputs import StackedInputs
from symfold.errors import NoRule
from symfold.show.notation.sizes import expanded_size, own_size, step_sizes
from symfold.transform.inlining import has_adjoint, inlined
from symfold.transform.rolling import at_depth, depth_symbols
from symfold.transform.specialize import sized

REDUCTIONS = (reduce_sum, reduce_mean, reduce_max, first_max)
RESAMPLING = (interpolate, adaptive_mean_pool)
EXPONENTIAL = (softmax, safe_softmax, logsumexp)
EXPONENTIALS = 3  # per entry of a softmax: an exponential, an addition, a division
SHALLOW, DEEP = range(8, 14), (*range(14, 20), 101, 1000)  # depths at which a closed form is fitted, and checked
LONG_NUMBER = 10**15
T = TypeVar("T")
MEANINGS = {  # of the measures, in a notebook
    "work": "layers applied",
    "operations": "additions and products of entries, a multiply-add as one",
    "span": "layers in a row, on the longest chain",
    "width": "layers side by side, at most",
    "connections": "pairs of input, layers and output with no layer between them",
    "tree": "operations of the formula written out in full",
    "dag": "operations of the formula with equal parts written once",
    "memory": "bytes that a gradient keeps of the steps",
}


@dataclass(frozen=True)
class Cost:
    """What a net costs; None if a measure is unknown, or has no closed form in a symbolic depth.

    work: the number of layer applications. operations: the arithmetic on entries, a multiply-add of a matrix product
    counted once; known if all layers have bodies and all tensors shapes. span: the number of layers on the critical
    path. width: the most layers at one level of the ASAP schedule, in which the level of a layer is the longest chain
    of layers that ends in it. connections: the number of pairs (input or layer, layer or output) joined by a path with
    no layer between. tree, dag: the operations of the expanded formula, with shared parts repeated, and written once.
    memory: the bytes, in float64, that folds keep of their steps for later folds, as those of a gradient do.
    """

    work: Any
    operations: Any
    span: Any
    width: Any
    connections: Any
    tree: Any
    dag: Any
    memory: Any = None
    closed: str = ""  # the layers that hold several, or unknown operations, and count as one; in words

    def __str__(self) -> str:
        measures = ", ".join(f"{name} {_shown(value)}" for name, value in self._measures())
        return f"{measures}{self.closed and f' ({self.closed})'}"

    __repr__ = __str__

    def _measures(self) -> list[tuple[str, Any]]:
        """The names and values that are shown: not of what is unknown, nor of memory if there is none."""
        return [
            (name, value)
            for name, value in vars(self).items()
            if name != "closed" and value is not None and (name, value) != ("memory", 0)
        ]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{name}</th><td>{escape(_shown(value))}</td><td>{MEANINGS[name]}</td></tr>"
            for name, value in self._measures()
        )
        note = f"<caption>{escape(self.closed)}</caption>" if self.closed else ""
        return f"<table>{note}{rows}</table>"


@public
@walking_once
def cost(net: Any, *, shapes: Mapping[str, Sequence[int | None]] | None = None) -> Cost:
    """The cost of a net, from its blocks: at any depth, and in one or two symbolic depths if a closed form exists.

    A fold costs what its unrolled steps cost, in which equal structure is one value, computed once, and values that
    nothing reads are dropped.

    >>> import sympy as sp, symfold as sf
    >>> x, f = sf.tensor("x"), sf.layers("f", count=sp.Symbol("n"))
    >>> for mapper in (sf.mappers.residual, sf.mappers.boosting(x)):
    ...     print(cost(sf.fold(mapper, f, x)))
    work n, span n, width 1, connections (n + 1)*(n + 2)/2, tree 2*2**n - 2, dag 2*n
    work n, span 1, width n, connections 2*n + 1, tree 2*n, dag 2*n
    >>> print(cost(sf.fold(sf.mappers.residual, sf.layers("f", count=10**6), x)))
    work 1000000, span 1000000, width 1, connections 500001500001, tree about 10^301030, dag 2000000
    >>> g, (f1, f2, f3) = sf.layer("g"), sf.layers("f1:4")
    >>> net = sf.fold(lambda z, f: f(z) + g(x), f, x)  # g(x) is one value
    >>> cost(net).work, cost(net.at(n=3)).work, cost(f3(f2(f1(x) + g(x)) + g(x)) + g(x)).work
    (n + 1, 4, 4)

    An unknown size, as the number of rows, stays a symbol; `shapes` gives it a number:

    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    >>> cost(net).operations, f"{cost(net, shapes={'x': (1000, 3)}).operations:,}"
    (45*x.shape[0], '45,000')

    A gradient keeps a few values of every step, and less with `remat` (see `sf.value_and_grad`):

    >>> layers = sf.layers("f", sf.dense(3, 3, sf.tanh), count=sp.Symbol("n"))
    >>> loss = sf.squared_error(sf.fold(sf.mappers.residual, layers, sf.tensor("x", (10, 3))), sf.tensor("y", (10, 3)))
    >>> cost(sf.grad(loss)).memory, cost(sf.grad(loss.at(n=100), remat="sqrt")).memory
    (480*n, 7200)
    """
    net = sized(net, shapes)
    depths = _depths(net)
    if not depths:
        return Cost(**measured(net), memory=memory(net), closed=note_on_closed(net.outputs))
    rows = _at_depths(net, depths, measured)
    names = [name for name in next(iter(rows.values())) if name != "tree"]
    return Cost(
        **{name: closed(depths, {point: row[name] for point, row in rows.items()}) for name in names},
        tree=_symbolic_tree(net) if len(depths) == 1 else None,
        memory=memory(net),
        closed=note_on_closed(net.outputs),
    )


def _at_depths(net: Net, depths: Sequence[sp.Symbol], measure: Callable[[Net], T]) -> dict[tuple[int, ...], T]:
    """A measure at the depths from which `closed` finds a formula."""
    points = (
        [*product(SHALLOW, repeat=len(depths)), *zip(DEEP, DEEP[::-1], strict=True)]
        if len(depths) == 2
        else [(at,) for at in (*SHALLOW, *DEEP)]
    )
    return {
        point: measure(at_depth(net, {depth.name: at for depth, at in zip(depths, point, strict=True)}))
        for point in points
    }


def measured(net: Net) -> dict[str, Any]:
    """The fields of `Cost` for a net of known depth, but for the memory."""
    outputs = _distinct(net.outputs)
    distinct = net if outputs is net.outputs else net.with_outputs(outputs)
    span, width = schedule(distinct)
    tree, dag = expanded_size(distinct)
    return {
        "work": applications(distinct.outputs),
        "operations": _operations(net.outputs, distinct.outputs),
        "span": span,
        "width": width,
        "connections": connections(distinct),
        "tree": tree,
        "dag": dag,
    }


def _depths(net: Net) -> list[sp.Symbol]:
    """The symbols in the depths of a net, at most two."""
    symbols = depth_symbols(net)
    if len(symbols) > 2:
        names = [symbol.name for symbol in symbols]
        raise NoRule(
            f"the cost is closed in two symbolic depths at most, and the net has {', '.join(names)} "
            f"(give the others numbers: net.at({', '.join(f'{name}=10' for name in names[2:])}))"
        )
    return symbols


def closed(depths: Sequence[sp.Symbol], values: Mapping[tuple[int, ...], Any]) -> sp.Expr | None:
    """A measure as a polynomial in the depths, if these are not small; None if it is not a polynomial, or unknown.

    It is interpolated from exact values at six depths (of two symbols: at their pairs) and checked at eight more, the
    last 1000. (A count obeys a linear recurrence in the depth, a level one over (max, +) that is periodic from some
    depth on.)

    >>> n = sp.Symbol("n")
    >>> cubic, power = ({(at,): f(at) for at in (*SHALLOW, *DEEP)} for f in (lambda at: at**2 + at, lambda at: 2**at))
    >>> closed([n], cubic), closed([n], power)
    (n*(n + 1), None)
    """
    if None in values.values():
        return None
    polynomial = _interpolated(depths, (), values)
    checked = list(values)[len(SHALLOW) ** len(depths) :]
    if all(sp.expand(polynomial.subs(dict(zip(depths, point, strict=True))) - values[point]) == 0 for point in checked):
        return sp.factor(polynomial)
    return None


def _interpolated(depths: Sequence[sp.Symbol], at: tuple[int, ...], values: Mapping[tuple[int, ...], Any]) -> sp.Expr:
    """The polynomial through the values at shallow depths, of which the first are `at`."""
    if len(at) == len(depths):
        return sp.sympify(values[at])
    return sp.interpolate([(k, _interpolated(depths, (*at, k), values)) for k in SHALLOW], depths[len(at)])


def _symbolic_tree(net: Net) -> sp.Expr | None:
    """The expanded size of a single fold of symbolic depth: a power of the sizes of its step."""
    select = net.outputs[0]
    if len(net.outputs) > 1 or not is_last_state(select):
        return None
    fold, args = fold_of(select).op, fold_of(select).args
    if isinstance(fold.count, int):
        return None
    rows = step_sizes(fold.block)
    steady = all(
        is_name(arg) or isinstance(arg.op, (Input, StackedInputs)) or not (each or isinstance(arg.op, Constant))
        for arg, each in zip(args, (False,) * fold.carries + fold.each, strict=True)
    )
    if rows is None or not steady or any(isinstance(node.op, Fold) for node in walk(args)):
        return None
    row = closed_power([list(vector) for vector in rows[: fold.carries]], fold.carries, fold.count)[select.op.position]
    sizes = [0 if is_name(arg) or isinstance(arg.op, StackedInputs) else expanded_size(Net((arg,)))[0] for arg in args]
    return sp.expand(sum((factor * size for factor, size in zip(row, [*sizes, 1], strict=True)), sp.Integer(0)))


def operations(net: Net) -> Any:
    """The arithmetic on entries of arrays; None if a layer is opaque, or a shape or the formula in the depth unknown.

    >>> import symfold as sf
    >>> layers = sf.layers("f1:11", sf.dense(3, 3, sf.relu))
    >>> net = sf.fold(sf.mappers.residual, layers, sf.tensor("x", (5, 3)))
    >>> operations(net)  # per layer 45 for W, 15 each for b, relu and the sum
    900
    """
    if not has_distinct_steps(net.outputs) and (depths := _depths(net)):
        return closed(depths, _at_depths(net, depths, operations))
    return _operations(net.outputs, _distinct(net.outputs))


def multiply_adds(net: Net) -> Any:
    """The multiply-adds of matrix products, convolutions and attention; None if a layer is opaque or a shape unknown.

    Biases, norms, activations and interpolation count nothing, as in `torch.utils.flop_counter`, which counts two for
    each multiply-add.

    >>> import symfold as sf
    >>> layers = sf.layers("f1:11", sf.dense(3, 3, sf.relu))
    >>> multiply_adds(sf.fold(sf.mappers.residual, layers, sf.tensor("x", (5, 3))))
    450
    """
    return _arithmetic(inlined(net.outputs, _stays), _products)


def _stays(node: Node[Apply]) -> bool:
    """Whether multiply-adds are counted before a primitive is inlined: those of the matrices that resample are not."""
    return has_adjoint(node) or is_primitive(node, *RESAMPLING)


def _operations(roots: tuple[Node, ...], distinct: tuple[Node, ...]) -> Any:
    """The same, of roots and of what they are with equal values computed once."""
    with_bodies = inlined(roots)
    return _arithmetic(distinct if with_bodies == roots else _distinct(with_bodies), own_passes)


def _distinct(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The roots with equal values computed once; themselves, if that is evident."""
    return roots if has_distinct_steps(roots) else shared_nodes(roots)


def _arithmetic(roots: Sequence[Node], own: Callable[[Node], tuple[Shape, Any] | None]) -> Any:
    folds: Any = 0
    passes: dict[Shape, Any] = {}  # by shape, whose size may be an expression: multiplied once
    for node in walk(roots):
        if isinstance(node.op, Fold):
            step = _arithmetic(node.op.block.results, own)
            if step is None:
                return None
            folds += node.op.count * step
        elif (counted := own(node)) is None:
            return None
        else:
            shape, number = counted
            passes[shape] = passes.get(shape, 0) + number
    return folds + sum(number * prod(shape) for shape, number in passes.items())


def own_passes(node: Node) -> tuple[Shape, Any] | None:
    """The arithmetic of a node that is not a fold: operations per entry of a shape; None if it is unknown."""
    op = node.op
    if isinstance(op, Call):
        return None
    if not isinstance(op, type) and not is_primitive(node, dot, einsum, *REDUCTIONS, *EXPONENTIAL):
        return (), 0
    if not all(is_known(part.shape) for part in (node, *node.args)):
        return None
    shape = node.shape if isinstance(op, type) or is_primitive(node, dot, einsum) else node.args[0].shape
    return shape, _passes(node)


def _products(node: Node) -> tuple[Shape, Any] | None:
    """The same of products of matrices alone."""
    return own_passes(node) if isinstance(node.op, Call) or is_primitive(node, dot, einsum) else ((), 0)


def _passes(node: Node) -> Any:
    """The operations per entry of the result (of the argument, for a reduction)."""
    if isinstance(node.op, type):
        return own_size(node, len(node.args))
    if is_primitive(node, dot):
        return node.args[0].shape[-1]
    if is_primitive(node, einsum):
        return _contracted(node, dict(node.op.attributes)["subscripts"])
    return EXPONENTIALS if is_primitive(node, *EXPONENTIAL) else 1


def _contracted(node: Node, subscripts: str) -> Any:
    """The number of products that an entry of an einsum adds up."""
    operands, result = subscripts.split("->")
    sizes = {
        letter: size
        for part, arg in zip(operands.split(","), node.args, strict=True)
        for letter, size in zip(part, arg.shape, strict=True)
    }
    return prod(size for letter, size in sizes.items() if letter not in result)


def _shown(value: Any) -> str:
    if isinstance(value, int) and value > LONG_NUMBER:
        return f"about 10^{int(value.bit_length() * 0.30102999566398)}"
    return str(value)
