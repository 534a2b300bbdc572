"""The program of a net of known shapes, over preallocated arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.numpy.straight_line import write
from symfold.compute.backends.numpy.writer import Ref, Source
from symfold.compute.lowering import Target, lowered
from symfold.compute.parameters import Parameters
from symfold.core.folds import rebuilt_inside
from symfold.core.functions import sigmoid
from symfold.core.leaves import number
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import NAME
from symfold.core.stacked_inputs import Leaf, StackedInputs
from symfold.frontend.arithmetic import negative, reciprocal
from symfold.transform.passes.contraction import contracted
from symfold.transform.passes.convolutions import convolved
from symfold.transform.passes.factoring import factored
from symfold.transform.passes.hoisting import hoisted
from symfold.transform.passes.saved_values import multiplied_again, saved_ahead
from symfold.transform.passes.sinking import sunk

FUNCTIONS = (
    "absolute", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "broadcast_to",
    "ceil", "clip", "concatenate", "copyto", "cos", "cosh", "divide", "exp", "expand_dims", "floor", "log",
    "logaddexp", "matmul", "maximum", "minimum", "multiply", "negative", "power", "reciprocal", "sign", "sin",
    "sinh", "sqrt", "stack", "subtract", "take", "tan", "tanh",
)  # fmt: skip
NUMBERS = {"one": 1, "zero": 0, "minus_one": -1, "infinity": np.inf, "minus_infinity": -np.inf}


def with_exponentials(roots: Sequence[Node], largest: int = int(np.finfo(np.float64).max)) -> tuple[Node, ...]:
    """The roots with sigmoids, their slopes and sech by exp, in folds too. Runs before hoisting.

    NumPy has no sigmoid, and its cosh is slow on processors without AVX-512:

        sigmoid(z)                 1/(1 + e)             e = exp(-z)
        sigmoid(z) sigmoid(-z)     min(e, largest) s s   s = sigmoid(z)
        sech(z)                    2/(e + 1/e)           e = exp(z)

    The minus sign merges with a sum inside: `-(z W + b)` is one subtraction from `-b`, computed once for all steps.
    If e overflows to inf, s = 1/inf is the correct 0, and so is the largest number times s.

    >>> from symfold.core.leaves import tensor
    >>> with_exponentials([Node(sigmoid, (tensor("z"),))])
    (1/(1 + exp(-z)),)
    """
    return rebuilt_inside(roots, partial(_rule, number(largest)))


def _rule(largest: Node, node: Node, args: tuple[Node, ...]) -> Node | tuple[Node, ...] | None:
    if node.op is sigmoid:
        return reciprocal(Node(sp.Add, (number(1), Node(sp.exp, (negative(args[0]),)))))
    if node.op is sp.Mul and len(node.args) == 2 and all(arg.op is sigmoid for arg in node.args):
        for value, opposite, s in zip(node.args, reversed(node.args), args, strict=True):
            if opposite.args[0] == negative(value.args[0]):
                e = s.args[0].args[1]
                return Node(sp.Mul, (Node(sp.Mul, (Node(sp.Min, (e, largest)), s)), s))
    if node.op is sp.sech:
        e = Node(sp.exp, args)
        return Node(sp.Mul, (number(2), reciprocal(Node(sp.Add, (e, reciprocal(e))))))
    return None


def target(dtype: str) -> Target:
    """The passes for numbers of this dtype."""
    exponentials = partial(with_exponentials, largest=int(np.finfo(dtype).max))
    passes = (
        contracted,
        convolved,
        factored,
        multiplied_again,
        factored,
        saved_ahead,
        exponentials,
        sunk,
        hoisted,
        factored,
    )
    return Target(passes=passes, itemsize=np.dtype(dtype).itemsize)


class Steps:
    """The views of every step, created anew at each run: for folds too long to store all views."""

    def __init__(self, number: int, arrays: Sequence[NumpyArray]):
        self.number, self.arrays = number, arrays

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        arrays = self.arrays
        return (tuple([array[k, ...] for array in arrays]) for k in range(self.number))


def steps(number: int, *arrays: Any) -> Any:
    """The entries of some sequences, as views, for a loop to run over."""
    if number > 4096:
        return Steps(number, arrays)
    views = ([a if isinstance(a, np.ndarray) and a.ndim == 0 else a[k, ...] for k in range(number)] for a in arrays)
    return list(zip(*views, strict=True))


class DoubleBuffer:
    """Two alternating arrays, read as a sequence with one entry per step."""

    def __init__(self, pair: NumpyArray, shift: int):
        self.pair, self.shift = pair, shift

    def __getitem__(self, index: tuple[int, object]) -> NumpyArray:
        return self.pair[(index[0] + self.shift) & 1, ...]


def double_buffer(pair: NumpyArray, number: int, shift: int = 0) -> DoubleBuffer:
    """The double buffer over a pair of arrays; entry k is array (k + shift) mod 2."""
    return DoubleBuffer(pair, shift)


def namespace(source: Source) -> dict[str, Any]:
    """The names that the generated source may use: NumPy's functions, its arrays, `range` and `len`."""
    names: dict[str, Any] = {name: getattr(np, name) for name in FUNCTIONS}
    constants = {name: np.array(k, source.dtype) for name, k in NUMBERS.items()}
    empty = partial(np.empty, dtype=source.dtype)
    helpers = {"add_reduce": np.add.reduce, "empty": empty, "steps": steps, "double_buffer": double_buffer}
    return {
        **names,
        **constants,
        **helpers,
        **source.functions,
        **source.arrays,
        "__builtins__": {"range": range, "len": len},
    }


class Program:
    """A net for one set of input shapes: its arrays, all of one dtype, its source, and the run."""

    def __init__(self, net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, dtype: str = "float64"):
        roots = lowered(net, shapes, target(dtype))
        self.params, self.dtype = params, dtype
        # the parameters as the code reads them: those given, or a converted copy
        read = params if params.flat.dtype == dtype else params.astype(dtype)
        self.inputs: dict[str, Any] = {}
        source = Source(dtype)
        leaf_refs: dict[Node, Any] = {}
        arrays: list[Any] = []
        for leaf in leaves_of(roots):
            if leaf.shape[-1:] == (NAME,):
                leaf_refs[leaf] = None
                continue
            array = read.array_of(leaf) if leaf.op.role == "parameter" else self._input(leaf)
            leaf_refs[leaf] = Ref(source.name("p" if leaf.op.role == "parameter" else "x"), leaf.shape, whole=True)
            arrays.append((leaf_refs[leaf].name, array))
        refs = write(source, roots, leaf_refs, {})
        outputs = [refs[root].name for root in roots]
        self.source = text_of(source, [name for name, _ in arrays], outputs)
        build = load(self.source, namespace(source))
        self.run: Callable[[], None]
        self.run, self.outputs = build(*(array for _, array in arrays), *source.counts)
        if read is not params:
            self.run = partial(converted, params, read, self.run)

    def _input(self, leaf: Leaf) -> NumpyArray:
        shape = tuple(int(size) for size in leaf.shape)
        array = np.zeros(shape, self.dtype)
        if isinstance(leaf.op, StackedInputs):
            for k, name in enumerate(leaf.op.names):
                self.inputs.setdefault(name, []).append(array[k, ...])
        else:
            self.inputs.setdefault(leaf.op.name, []).append(array)
        return array

    def feed(self, values: Mapping[str, NumpyArray]) -> None:
        """Copy the values of the inputs into their arrays."""
        for name, arrays in self.inputs.items():
            for array in arrays:
                array[...] = values[name]

    def results(self) -> list[Any]:
        """Copies of the outputs."""
        return [np.array(output) for output in self.outputs]


def converted(params: Parameters, read: Parameters, run: Callable[[], None]) -> None:
    """A run that reads parameters of another dtype."""
    np.copyto(read.flat, params.flat)
    run()


def text_of(source: Source, leaves: Sequence[str], outputs: Sequence[str]) -> str:
    """The source of a program."""
    counts = [f"n{k + 1}" for k in range(len(source.counts))]
    body = source.scopes[0].lines or ["pass"]
    # pass as defaults: compiling closure variables takes Python quadratic time
    names = [*leaves, *counts, *source.setup]
    lines = [
        f"def build({', '.join([*leaves, *counts])}):",
        *(f"    {name} = {expression}" for name, expression in source.setup.items()),
        "",
        f"    def run({', '.join(f'{name}={name}' for name in names)}):",
        *(f"        {line}" for line in body),
        "",
        f"    return run, ({', '.join(outputs)}{',' if outputs else ''})",
    ]
    return "\n".join(lines) + "\n"


def load(text: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function that a generated source defines. Source is executed here only, and contains our names only."""
    exec(compile(text, "<symfold numpy>", "exec"), names)
    build: Callable[..., Any] = names["build"]
    return build
