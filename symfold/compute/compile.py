"""Compilation: a net as a function of numbers, by a named backend."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

import symfold.compute.backends.rows  # noqa: F401 - fills the table
from symfold.base.arguments import NumpyArray, arrays_of, check_params, has_params, is_plain, one_of
from symfold.base.garbage import collection_paused
from symfold.base.trees import State, builder
from symfold.compute.backends.choice import RUNS, automatic
from symfold.compute.backends.table import BACKENDS, DTYPES, Program, stored
from symfold.compute.bounded_inputs import Bounds, bounded_inputs, check_bounded
from symfold.compute.lowering import rolled
from symfold.compute.named_arrays import named_arrays
from symfold.compute.parameters import Parameters, layout_of
from symfold.core.attach import attach
from symfold.core.net import Net
from symfold.core.nodes import walk, walking_once
from symfold.core.primitives import concatenate, is_primitive
from symfold.core.sequences import stack_row
from symfold.core.shapes import Size, is_known
from symfold.errors import InvalidType, listing, plural
from symfold.transform.inlining import inlined


class Memory(threading.local):
    """What one thread has of a compiled net: programs by the shapes of inputs, and the parameters that they read."""

    def __init__(self) -> None:
        self.programs: dict[tuple[tuple[int, ...], ...], Program] = {}
        self.latest: Program | None = None
        self.params: Parameters | None = None


class Compiled:
    """A net as a function `(params, x=array, ...)`; it builds one program per set of input shapes."""

    @walking_once
    @collection_paused()
    def __init__(self, net: Net, backend: str, dtype: str = "float64"):
        self.net = rolled(net)  # an input that no step reads may still determine the number of rows
        self._original = net  # its parameters may be passed even if no step reads them
        self.backend = backend
        self.dtype = dtype
        self.layout = layout_of(self.net)
        self.input_names = tuple(node.op.name for node in net.inputs)
        self._inputs_named = frozenset(self.input_names)  # a net may have thousands of inputs
        self._warns = BACKENDS[backend].warns or dtype != "float64"  # a number may be too large for float32
        self._build = builder(self.net.form, named_arrays)
        self._local = Memory()  # programs own their arrays, so each thread has its own

    def __reduce__(self) -> tuple[object, ...]:
        return compile_net, (self._original, self.backend, self.dtype)

    def __repr__(self) -> str:
        return f"Compiled(inputs: {listing(self.input_names, 4)}; backend={self.backend!r}, dtype={self.dtype!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compiled) and self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash(self.__reduce__())

    def program(self, shapes: Mapping[str, tuple[int, ...]]) -> Program:
        """The program for these input shapes."""
        return self._program(tuple([shapes[name] for name in self.input_names]))

    def _program(self, shapes: tuple[tuple[int, ...], ...]) -> Program:
        local = self._local
        program = local.programs.get(shapes)
        if program is None:
            by_name = dict(zip(self.input_names, shapes, strict=True))
            program = program_of(self.net, by_name, self.params, self.backend, self.dtype)
            local.programs[shapes] = program
        local.latest = program
        return program

    @cached_property
    def bounded_inputs(self) -> Bounds:
        """The inputs whose numbers have a range."""
        return bounded_inputs(self.net)

    @property
    def params(self) -> Parameters:
        """The parameters that the programs of this thread read."""
        if self._local.params is None:
            self._local.params = Parameters(self.layout).astype(stored(self.dtype))
        return self._local.params

    @property
    def source(self) -> str:
        """The generated source of this thread's latest run; before any run, for small sizes."""
        program = self._local.latest or self.program(small_shapes(self.net))
        text: str = program.source
        return text

    def __call__(self, params: Any = None, /, *values: Any, **named: Any) -> State:
        """The outputs, from parameters (a mapping; optional if there are none) and values of the inputs."""
        if type(params) is not Parameters and not isinstance(params, Mapping):
            if has_params(params):
                check_params(params)
            if params is not None:
                params, values = None, (params, *values)
        inputs, shapes = named, None if values else self._shapes(named)
        if shapes is None:
            inputs = self._inputs(values, named)
            shapes = tuple([inputs[name].shape for name in self.input_names])
        if len(inputs) > len(self.input_names) or params is None:
            named_params = {name: inputs.pop(name) for name in list(inputs) if name not in self._inputs_named}
            params = {**(params or {}), **named_params}
        program = self._program(shapes)
        if bounds := self.bounded_inputs:
            check_bounded(bounds, inputs)
        if self._warns:  # infinite and undefined numbers are results, on every backend
            with np.errstate(all="ignore"):
                return self._computed(program, params, inputs)
        return self._computed(program, params, inputs)

    def _computed(self, program: Program, params: Mapping[str, Any], inputs: Mapping[str, NumpyArray]) -> State:
        held = self._local.params
        (self.params if held is None else held).load(params)
        program.feed(inputs)
        program.run()
        return self._build(program.results())

    def _shapes(self, named: dict[str, Any]) -> tuple[tuple[int, ...], ...] | None:
        """The shapes of the inputs if they are arrays as they stand and nothing else is given; else None."""
        if len(named) != len(self.input_names):
            return None
        shapes = []
        for name in self.input_names:
            value = named.get(name)
            if not is_plain(value):
                return None
            shapes.append(value.shape)
        return tuple(shapes)

    def _inputs(self, values: tuple[Any, ...], named: dict[str, Any]) -> dict[str, NumpyArray]:
        if len(values) > len(self.input_names):
            raise InvalidType(
                f"{len(values)} values given for {len(self.input_names)} inputs: {listing(self.input_names)}"
            )
        # list the parameters only if one is named: there are as many as layers
        parameter_names = (
            ()
            if named.keys() <= self._inputs_named
            else {*self.layout.names, *(node.op.name for node in self._original.params)}
        )
        arguments = {**dict(zip(self.input_names, values, strict=False)), **named}
        return arrays_of(arguments, self.input_names, parameter_names)


@walking_once
@collection_paused()
def program_of(
    net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, backend: str = "numpy", dtype: str = "float64"
) -> Program:
    """The program of a net for these input shapes: `feed(values)`, `run()`, then `outputs`."""
    return BACKENDS[backend].program(net, shapes, params, dtype)


def small_shapes(net: Net) -> dict[str, tuple[int, ...]]:
    """Small shapes for the inputs: an unknown size is the size it meets, else 2; an unknown shape is ().

    >>> import symfold as sf
    >>> small_shapes(sf.Net.of(sf.tensor("x", (None, 3)) + np.ones((4, 3)) * sf.tensor("y", (None, None))))
    {'x': (4, 3), 'y': (4, 3)}
    """
    met = sizes_met(net)
    shapes: dict[str, tuple[int, ...]] = {}
    for node in net.inputs:
        sizes = node.shape if is_known(node.shape) else ()
        shapes[node.op.name] = tuple(size if isinstance(size, int) else met.get(size, 2) for size in sizes)
    return shapes


def sizes_met(net: Net) -> dict[Size, int]:
    """The unknown sizes that elementwise operations, stacks and concatenations determine: they meet known ones."""
    net = Net(inlined(net.outputs))
    roots = [net.outputs, *(block.results for block in net.blocks)]
    meetings: list[set[Size]] = []
    for node in (node for results in roots for node in walk(results)):
        if not isinstance(node.op, type) and not is_primitive(node, stack_row, concatenate):
            continue
        shapes = [arg.shape for arg in node.args if is_known(arg.shape)]
        along = dict(node.op.attributes)["axis"] if is_primitive(node, concatenate) else 0
        joined = len(node.shape) - along if along > 0 else -along
        meetings += [
            {shape[-axis] for shape in shapes if len(shape) >= axis} - {1}
            for axis in range(1, max(map(len, shapes), default=0) + 1)
            if axis != joined
        ]
    met: dict[Size, int] = {}
    open_meetings = [sizes for sizes in meetings if len(sizes) > 1]
    while open_meetings:
        solved = {
            size: number
            for sizes in open_meetings
            for number in numbers_of(sizes, met)
            for size in sizes
            if not isinstance(size, int)
        }
        open_meetings = [sizes for sizes in open_meetings if not numbers_of(sizes, met)]
        if not solved:
            break
        met |= solved
    return met


def numbers_of(sizes: set[Size], met: Mapping[Size, int]) -> list[int]:
    """The known numbers among sizes."""
    return [met.get(size, size) for size in sizes if isinstance(met.get(size, size), int)]


def compile_net(net: Net, backend: str = "auto", dtype: str = "float64") -> Compiled:
    """A net compiled by a backend in a dtype; `auto` takes native code if it is installed and worth compiling.

    In float32, every backend computes with float32 arrays throughout, in half the memory, and gives float32 arrays.
    In bfloat16, which JAX alone has, all arrays are those of float32, and factors of products are rounded to bfloat16.

    >>> import symfold as sf
    >>> sf.Net.of(2 * sf.tensor("x")).compile("numpy", dtype="float32")(x=0.1)
    array(0.2, dtype=float32)
    """
    dtype = one_of("dtype", dtype, DTYPES)
    return Compiled(net, chosen_backend(backend, net, dtype=dtype), dtype)


def chosen_backend(name: str, net: Net, runs: int = RUNS, dtype: str = "float64") -> str:
    """The backend of this name, checked; for `auto`, the fastest one for this number of runs."""
    name = one_of("backend", name, ["auto", *BACKENDS])
    if name == "auto":
        name = automatic(net, runs, dtype)
        if dtype not in BACKENDS[name].dtypes:
            name = next((other for other, row in BACKENDS.items() if dtype in row.dtypes), name)
    BACKENDS[name].check(dtype)
    return name


class Lambdified:
    """A compiled net as a function of its inputs, then its parameters, in order."""

    def __init__(self, net: Net):
        self.compiled = compile_net(net)
        self.names = [node.op.name for node in (*net.inputs, *net.params)]

    def __call__(self, *values: Any) -> Any:
        if len(values) != len(self.names):
            raise InvalidType(
                f"{plural(len(values), 'value')} given for {len(self.names)}: {listing(self.names)} "
                "(give one for each of net.inputs, then one for each of net.params; "
                "net.compile() takes parameters as a dict)"
            )
        return self.compiled({}, **dict(zip(self.names, values, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lambdified) and self.compiled == other.compiled

    def __hash__(self) -> int:
        return hash((Lambdified, self.compiled))


def lambdify(net: Net) -> Lambdified:
    """A function of the inputs, then the parameters, in order, as `sympy.lambdify` gives it."""
    return Lambdified(net)


attach(Net, compile=compile_net, lambdify=lambdify)
