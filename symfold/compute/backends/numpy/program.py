"""The NumPy backend: always there. A net of known shapes becomes a program over arrays made beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from symfold.compute.backends.numpy.sigmoids import with_exponentials
from symfold.compute.backends.numpy.straight import write
from symfold.compute.backends.numpy.writer import Ref, Source
from symfold.compute.lowering import Target, lowered
from symfold.compute.parameters import Parameters
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import StackedInputs
from symfold.transform.passes.hoisting import hoisted

FUNCTIONS = (
    *(
        "absolute",
        "add",
        "arccos",
        "arccosh",
        "arcsin",
        "arcsinh",
        "arctan",
        "arctan2",
        "arctanh",
        "broadcast_to",
        "ceil",
    ),
    *(
        "concatenate",
        "copyto",
        "cos",
        "cosh",
        "divide",
        "empty",
        "exp",
        "expand_dims",
        "floor",
        "log",
        "logaddexp",
        "matmul",
    ),
    *(
        "maximum",
        "minimum",
        "multiply",
        "negative",
        "power",
        "reciprocal",
        "sign",
        "sin",
        "sinh",
        "sqrt",
        "stack",
        "subtract",
    ),
    *("take", "tan", "tanh"),
)


TARGET = Target(passes=(with_exponentials, hoisted))


class Steps:
    """The views of every step, made again at each run: for folds so long that holding them all would cost memory."""

    def __init__(self, number: int, arrays: Sequence[Any]):
        self.number, self.arrays = number, arrays

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        arrays = self.arrays
        return (tuple([array[k, ...] for array in arrays]) for k in range(self.number))


def steps(number: int, *arrays: Any) -> Any:
    """What a loop runs over: the entries of some sequences, as views."""
    if number > 4096:
        return Steps(number, arrays)
    return list(
        zip(
            *([a if isinstance(a, np.ndarray) and a.ndim == 0 else a[k, ...] for k in range(number)] for a in arrays),
            strict=True,
        )
    )


class Turns:
    """Two places used by turns, read as a sequence of as many entries as there are steps."""

    def __init__(self, pair: Any, shift: int):
        self.pair, self.shift = pair, shift

    def __getitem__(self, index: tuple[int, Any]) -> Any:
        return self.pair[(index[0] + self.shift) & 1, ...]


def by_turns(pair: Any, number: int, shift: int = 0) -> Turns:
    """Place k of two used by turns."""
    return Turns(pair, shift)


def namespace(source: Source) -> dict[str, Any]:
    """What the generated source may use: NumPy's functions by name, and what it was bound to. No builtins but `range`."""
    names: dict[str, Any] = {name: getattr(np, name) for name in FUNCTIONS}
    constants = {"one": np.array(1.0), "zero": np.array(0.0), "minus_one": np.array(-1.0)}
    helpers = {"add_reduce": np.add.reduce, "steps": steps, "by_turns": by_turns}
    return {
        **names,
        **constants,
        **helpers,
        **source.functions,
        **source.arrays,
        "__builtins__": {"range": range, "len": len},
    }


class Program:
    """A net for one set of input shapes: its arrays, its source, and the run."""

    def __init__(self, net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters):
        roots = lowered(net, shapes, TARGET)
        self.params = params
        self.inputs: dict[str, Any] = {}
        source = Source()
        given: dict[Node, Any] = {}
        arrays: list[Any] = []
        for leaf in leaves_of(roots):
            if leaf.shape[-1:] == (NAME,):
                given[leaf] = None
                continue
            array = self.params.array_of(leaf) if leaf.op.role == "parameter" else self._input(leaf)
            given[leaf] = Ref(source.name("p" if leaf.op.role == "parameter" else "x"), leaf.shape, whole=True)
            arrays.append((given[leaf].name, array))
        refs = write(source, roots, given, {})
        outputs = [refs[root].name for root in roots]
        self.source = text_of(source, [name for name, _ in arrays], outputs)
        build = load(self.source, namespace(source))
        self.run: Callable[[], None]
        self.run, self.outputs = build(*(array for _, array in arrays), *source.counts)

    def _input(self, leaf: Node) -> Any:
        shape = tuple(int(size) for size in leaf.shape)
        array = np.zeros(shape)
        if isinstance(leaf.op, StackedInputs):
            for k, name in enumerate(leaf.op.names):
                self.inputs.setdefault(name, []).append(array[k, ...])
        else:
            self.inputs.setdefault(leaf.op.name, []).append(array)
        return array

    def feed(self, values: Mapping[str, Any]) -> None:
        """Put input values in their places."""
        for name, places in self.inputs.items():
            for place in places:
                place[...] = values[name]

    def results(self) -> list[Any]:
        """The outputs, as arrays of their own."""
        return [np.array(output) for output in self.outputs]


def text_of(source: Source, leaves: Sequence[str], outputs: Sequence[str]) -> str:
    """The whole source of a program."""
    counts = [f"n{k + 1}" for k in range(len(source.counts))]
    body = source.scopes[0].lines or ["pass"]
    # handed over as defaults: as variables of a closure, Python's compiler takes time with the square of their number
    held = [*leaves, *counts, *source.setup]
    lines = [
        f"def build({', '.join([*leaves, *counts])}):",
        *(f"    {name} = {made}" for name, made in source.setup.items()),
        "",
        f"    def run({', '.join(f'{name}={name}' for name in held)}):",
        *(f"        {line}" for line in body),
        "",
        f"    return run, ({', '.join(outputs)},)",
    ]
    return "\n".join(lines) + "\n"


def load(text: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function that a generated source defines: the one place where source is executed. It holds our names only."""
    exec(compile(text, "<symfold numpy>", "exec"), names)
    build: Callable[..., Any] = names["build"]
    return build
