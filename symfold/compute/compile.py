"""Compiling: a net as a function of numbers, by a backend chosen by name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from symfold.base.arguments import arrays_of, one_of
from symfold.base.trees import unflatten
from symfold.compute.parameters import Parameters, layout_of
from symfold.core.net import Net
from symfold.core.shapes import is_known
from symfold.core.walks import walk
from symfold.errors import InvalidType, InvalidValue, MissingPackage, listing
from symfold.transform.inlining import opened
from symfold.transform.rolling import roll


def _numpy_program(net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, dtype: str) -> Any:
    from symfold.compute.backends.numpy.program import Program

    check_float64(dtype)
    return Program(net, shapes, params)


def _native_program(net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, dtype: str) -> Any:
    from symfold.compute.backends.native.program import Program

    return Program(net, shapes, params, dtype)


def _jax_program(net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, dtype: str) -> Any:
    from symfold.compute.backends.jax.program import Program

    return Program(net, shapes, params, dtype)


DTYPES = ("float64", "float32")
# A backend is a row: from a net, its input shapes, the parameters that it is to read and the type of its numbers, to a program.
BACKENDS: dict[str, Callable[..., Any]] = {"numpy": _numpy_program, "native": _native_program, "jax": _jax_program}
EXTRAS = {"native": "llvmlite", "jax": "jax"}  # the package that a backend needs, where it is one of an extra: the extra has the backend's name


class Compiled:
    """A net as a function `(params, x=array, ...)`. Programs are made for the input shapes that come, once each."""

    def __init__(self, net: Net, backend: str, dtype: str = "float64"):
        rolled = roll(net)  # equal steps are one loop, however they were written
        # an input whose values no step reads any more may still be the one that says how many rows there are
        taken = tuple(leaf for leaf in net.leaves if leaf.op.role == "input")
        self.net = Net(rolled.outputs, rolled.form, rolled.signature or taken)
        self._given = net  # with parameters that no step reads any more; values for them may be named
        self.backend = backend
        self.dtype = dtype
        self.layout = layout_of(self.net)
        self.input_names = tuple(node.op.name for node in net.inputs)
        # a program owns its arrays, so every thread has its own
        self._local = threading.local()

    def __reduce__(self) -> tuple[Any, ...]:
        return compile_net, (self._given, self.backend, self.dtype)

    def program(self, shapes: Mapping[str, tuple[int, ...]]) -> Any:
        """The program for these input shapes."""
        programs = self._local.__dict__.setdefault("programs", {})
        key = tuple(shapes[name] for name in self.input_names)
        if key not in programs:
            programs[key] = program_of(self.net, shapes, self.params, self.backend, self.dtype)
        self._local.latest = programs[key]
        return programs[key]

    @property
    def params(self) -> Parameters:
        """The parameters that the programs of this thread read."""
        if "params" not in self._local.__dict__:
            self._local.params = Parameters(self.layout)
        params: Parameters = self._local.params
        return params

    @property
    def source(self) -> str:
        """The generated source: of the latest run in this thread, else for small sizes in the place of unknown ones."""
        program = self._local.__dict__.get("latest") or self.program(small_shapes(self.net))
        text: str = program.source
        return text

    def __call__(self, params: Any = None, /, *values: Any, **named: Any) -> Any:
        """The outputs, at parameters (a mapping; may be left out where there are none) and values of the inputs."""
        if params is not None and not isinstance(params, Mapping):
            params, values = None, (params, *values)
        inputs = self._inputs(values, named)
        loose = {name: inputs.pop(name) for name in list(inputs) if name not in self.input_names}
        program = self.program({name: np.shape(inputs[name]) for name in self.input_names})
        self.params.load({**(params or {}), **loose} if loose or params is None else params)
        program.feed(inputs)
        with np.errstate(all="ignore"):  # infinite and undefined numbers are results, on every backend alike
            program.run()
        return unflatten(self.net.form, program.results())

    def _inputs(self, values: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        if len(values) > len(self.input_names):
            raise InvalidType(f"{len(values)} values given for {len(self.input_names)} inputs: {', '.join(self.input_names)}")
        # parameters are listed only if one is named: they are as many as there are layers
        others = () if named.keys() <= set(self.input_names) else {*self.layout.names, *(node.op.name for node in self._given.params)}
        return arrays_of({**dict(zip(self.input_names, values, strict=False)), **named}, self.input_names, others)


def program_of(net: Net, shapes: Mapping[str, tuple[int, ...]], params: Parameters, backend: str = "numpy", dtype: str = "float64") -> Any:
    """A net as a program for these input shapes: `feed(values)`, `run()`, then `outputs`."""
    return BACKENDS[backend](net, shapes, params, dtype)


def small_shapes(net: Net) -> dict[str, tuple[int, ...]]:
    """Shapes for the inputs: unknown sizes as what they meet, or else 2, and unknown shapes as ().

    >>> import symfold as sf
    >>> small_shapes(sf.Net.of(sf.tensor("x", (None, 3)) + np.ones((4, 3)) * sf.tensor("y", (None, None))))
    {'x': (4, 3), 'y': (4, 3)}
    """
    met = sizes_met(net)
    shapes: dict[str, tuple[int, ...]] = {}
    for node in net.inputs:
        known = is_known(node.shape)
        shapes[node.op.name] = tuple(size if isinstance(size, int) else met.get(size, 2) for size in node.shape) if known else ()
    return shapes


def sizes_met(net: Net) -> dict[Any, int]:
    """The unknown sizes that must be certain numbers, since they meet these in sums, products and functions."""
    net = Net(opened(net.outputs))
    roots = [net.outputs, *(block.results for block in net.blocks)]
    meetings: list[set[Any]] = []
    for node in (node for results in roots for node in walk(results) if isinstance(node.op, type)):
        shapes = [arg.shape for arg in node.args if is_known(arg.shape)]
        meetings += [{shape[-axis] for shape in shapes if len(shape) >= axis} - {1} for axis in range(1, max(map(len, shapes), default=0) + 1)]
    met: dict[Any, int] = {}
    waiting = [sizes for sizes in meetings if len(sizes) > 1]
    while waiting:
        found = {size: number for sizes in waiting for number in numbers_of(sizes, met) for size in sizes if not isinstance(size, int)}
        waiting = [sizes for sizes in waiting if not numbers_of(sizes, met)]
        if not found:
            break
        met |= found
    return met


def numbers_of(sizes: set[Any], met: Mapping[Any, int]) -> list[int]:
    """The numbers among sizes, as far as they are known."""
    return [met.get(size, size) for size in sizes if isinstance(met.get(size, size), int)]


def compile_net(net: Net, backend: str = "auto", dtype: str = "float64") -> Compiled:
    """A net compiled by a backend, for numbers of a type; `auto` takes native code where it is there and worth its compile time."""
    dtype = one_of("dtype", dtype, DTYPES)
    chosen = chosen_backend(backend, net, dtype=dtype)
    if chosen == "numpy":
        check_float64(dtype)
    return Compiled(net, chosen, dtype)


def check_float64(dtype: str) -> None:
    if dtype != "float64":
        raise InvalidValue(f"the NumPy backend computes in float64 only, got dtype={dtype!r} (leave dtype out, or choose another backend)")


def chosen_backend(name: str, net: Net, runs: int | None = None, dtype: str = "float64") -> str:
    """The backend of this name, if its package is there; of `auto`, the one that pays for so many runs of the net."""
    chosen = one_of("backend", name, ["auto", *BACKENDS])
    if chosen in EXTRAS and find_spec(EXTRAS[chosen]) is None:
        raise MissingPackage(f"backend={chosen!r} needs the package {EXTRAS[chosen]}, which is not installed (pip install 'symfold[{chosen}]')")
    if chosen != "auto":
        return chosen
    from symfold.compute.backends.choice import (  # a backend knows what it has code for; it is asked where that matters
        RUNS,
        automatic,
    )

    return automatic(net, RUNS if runs is None else runs, dtype)


def lambdify(net: Net) -> Callable[..., Any]:
    """A function of the inputs, then the parameters, in their order, as `sympy.lambdify` would give it."""
    names = [node.op.name for node in (*net.inputs, *net.params)]
    compiled = compile_net(net)

    def call(*values: Any) -> Any:
        if len(values) != len(names):
            raise InvalidType(
                f"{len(values)} value(s) given for {len(names)}: {listing(names)} "
                "(give one for each of net.inputs, then one for each of net.params; net.compile() takes parameters as a dict)"
            )
        return compiled({}, **dict(zip(names, values, strict=True)))

    return call


