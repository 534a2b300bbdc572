"""From JAX: a function as a net; `lax.scan` is a fold, and what repeats becomes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, quoted
from symfold.base.public import public
from symfold.base.trees import State
from symfold.core import functions
from symfold.core.leaves import parameter, tensor
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import InvalidType, NoRule, SymfoldError
from symfold.exchange.jax_function import jax_numpy
from symfold.exchange.jaxpr.arguments import Argument, arguments_of, captured_of, state_of
from symfold.exchange.jaxpr.arrangement import ARRANGEMENT
from symfold.exchange.jaxpr.control import CONTROL
from symfold.exchange.jaxpr.elementwise import ELEMENTWISE
from symfold.exchange.jaxpr.indexing import INDEXING
from symfold.exchange.jaxpr.products import PRODUCTS
from symfold.exchange.jaxpr.tracing import check_examples, names_of, traced
from symfold.exchange.jaxpr.values import Value, kind_of, known_value
from symfold.exchange.reading.functions import apply
from symfold.exchange.reading.result import net_read

ROWS = ARRANGEMENT | PRODUCTS
BODIES = ("jaxpr", "call_jaxpr", "fun_jaxpr")  # the parameters that hold the function that an equation calls


@public
def from_jax(function: Callable[..., object], *examples: object) -> tuple[Net, dict[str, NumpyArray]]:
    """A JAX function as a net with its parameters, `(net, params)`, at the shapes of the example arguments.

    The function is traced by `jax.make_jaxpr`. An argument that is an array becomes an input of its name. A tree of
    arrays (a dict, list, dataclass, ...) holds parameters, named by their paths. Arrays of real numbers that the
    function captures become parameters that `sf.fit` does not train. `lax.scan` and a `while` whose number of steps is
    known are folds; what repeats otherwise becomes a fold, as by `sf.roll`. `cond` chooses between two values.
    Functions under `jit`, `remat`, `custom_jvp` or `custom_vjp` are opened, so derivatives are those of the function as
    written. Random numbers of a known key are constants. An example may be a `jax.ShapeDtypeStruct`. Needs the extra
    `jax`. Raises NoRule for an operation without a row, with its line in the user's program.

    >>> import jax, jax.numpy as jnp
    >>> from symfold import formula
    >>> def model(params, x):
    ...     for layer in params:
    ...         x = x + jnp.tanh(x @ layer["W"])
    ...     return x
    >>> net, params = from_jax(model, [{"W": jnp.ones((2, 2))} for _ in range(4)], jnp.ones((3, 2)))
    >>> formula(net, form="fold"), list(params)
    ('z_k = z_{k-1} + tanh(dot(z_{k-1}, W_{k-1})), k = 1..4, z_0 = x', ['W0', 'W1', 'W2', 'W3'])
    """
    jax_numpy()
    import jax
    from jax.interpreters import partial_eval

    if not callable(function):
        raise InvalidType(f"{quoted(function)} is not a function (give one, and an example of each argument)")
    check_examples(function, examples)
    arguments = arguments_of(jax, names_of(function, len(examples)), examples)
    closed, shape = traced(jax, function, examples)
    used, _ = partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    reader = Reader(jax)
    captured = captured_of(closed.consts, {argument.name for argument in arguments})
    leaves = [_leaf(argument) for argument in arguments]
    values = [
        Value(argument.shape, var.aval.dtype, leaf)
        for argument, var, leaf in zip(arguments, used.invars, leaves, strict=True)
    ]
    constants = [Value(c.shape, c.dtype, _leaf(c)) if isinstance(c, Argument) else known_value(c) for c in captured]
    results = reader.run(used, constants, values)
    outputs: State = state_of(jax, jax.tree_util.tree_structure(shape), [result.full for result in results])
    inputs = [leaf for argument, leaf in zip(arguments, leaves, strict=True) if not argument.is_parameter]
    named = [*arguments, *(c for c in captured if isinstance(c, Argument))]
    return net_read(outputs, inputs, {a.name: a.value for a in named if a.value is not None})


def _leaf(argument: Argument) -> Any:
    if not argument.is_parameter:
        return tensor(argument.name, argument.shape)
    return parameter(argument.name, argument.shape, argument.start)


@dataclass(frozen=True)
class Reader:
    """The equations of a jaxpr as nodes."""

    jax: Any

    def run(self, jaxpr: Any, constants: Sequence[Value], arguments: Sequence[Value]) -> list[Value]:
        """The results of a jaxpr at some values."""
        env: dict[Any, Value] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *arguments), strict=True))

        def value(atom: Any) -> Value:
            return known_value(np.asarray(atom.val, dtype=atom.aval.dtype)) if hasattr(atom, "val") else env[atom]

        read = {
            atom for atom in (*(a for e in jaxpr.eqns for a in e.invars), *jaxpr.outvars) if not hasattr(atom, "val")
        }
        for equation in jaxpr.eqns:
            wanted = [var in read for var in equation.outvars]
            results = self.results(equation, [value(atom) for atom in equation.invars], wanted)
            env.update(zip(equation.outvars, results, strict=True))
        return [value(atom) for atom in jaxpr.outvars]

    def results(self, equation: Any, values: list[Value], wanted: list[bool]) -> list[Value]:
        """The results of an equation, some of which are read later."""
        try:
            return self.computed(equation, values, wanted)
        except (SymfoldError, TypeError) as error:
            if getattr(error, "located", False):
                raise
            raised = NoRule(f"{self.where(equation)}: {error}")
            raised.located = True  # type: ignore[attr-defined]
            raise raised from error

    def computed(self, equation: Any, values: list[Value], wanted: list[bool]) -> list[Value]:
        name, given = equation.primitive.name, equation.params
        if name in CONTROL:
            return CONTROL[name](self.run, equation, values, wanted)
        if body := next((given[key] for key in BODIES if key in given), None):
            return self.call(name, given, body, values)
        known = all(value.known is not None for value in values)
        if name.startswith("random_") and not known:
            raise NoRule(
                "it draws random numbers from a key that is an argument "
                "(give the key its value: functools.partial(function, key=key); then the numbers are constants)"
            )
        if known:
            if name == "broadcast_in_dim" and not values[0].shape:  # one number, which needs no memory
                return [known_value(np.broadcast_to(np.asarray(values[0].known), given["shape"]))]
            results = equation.primitive.bind(*(self.jax.numpy.asarray(value.known) for value in values), **given)
            return [known_value(r) for r in (results if equation.primitive.multiple_results else [results])]
        shapes = [tuple(var.aval.shape) for var in equation.outvars]
        dtypes = [var.aval.dtype for var in equation.outvars]
        result: Any
        for dtype in dtypes:
            kind_of(dtype)
        if name in ELEMENTWISE:
            extra = {key: given[key] for key in ("y", "rounding_method") if key in given}
            result = ELEMENTWISE[name](values, dtypes[0], **extra)
        elif name in INDEXING:
            run = _runner(equation.primitive, given, self.jax)
            result = INDEXING[name](run, values, shapes[0], **given)
        elif name in ROWS:
            others = {key: value for key, value in given.items() if key != "shape"}
            result = ROWS[name](values, shapes[0], **others)
        else:
            raise NoRule("there is no row for it")
        nodes = result if isinstance(result, tuple) else (result,)
        return [Value(shape, dtype, node) for shape, dtype, node in zip(shapes, dtypes, nodes, strict=True)]

    def call(self, name: str, given: Any, body: Any, values: list[Value]) -> list[Value]:
        """A called function, opened."""
        if name.startswith("custom_jvp") and (node := _known_function(given, body, values)) is not None:
            var = (body.jaxpr if hasattr(body, "jaxpr") else body).outvars[0]
            return [Value(tuple(var.aval.shape), var.aval.dtype, node)]
        if hasattr(body, "consts"):
            return self.run(body.jaxpr, [known_value(constant) for constant in body.consts], values)
        return self.run(body, [], values)

    def where(self, equation: Any) -> str:
        """The operation, its shapes and the line of the user's program."""
        operands = ", ".join(str(var.aval.str_short()) for var in equation.invars)
        line = ""
        try:
            from jax._src import source_info_util

            summary = source_info_util.summarize(equation.source_info)
            line = f" at {summary}" if summary else ""
        except (ImportError, AttributeError):  # a private module of JAX
            pass
        return f"the operation {equation.primitive.name!r} of {operands}{line}"


def _runner(primitive: Any, given: Any, jax: Any) -> Callable[..., Any]:
    def run(*arrays: Any) -> Any:
        given_ = dict(given)
        if "mode" in given_ and "fill_value" in given_:
            given_["fill_value"] = None if given_["fill_value"] is None else -1
        return primitive.bind(*map(jax.numpy.asarray, arrays), **given_)

    return run


def _known_function(given: Any, body: Any, values: list[Value]) -> Node | None:
    """JAX's functions with derivatives of their own that have a row here, if the body is JAX's, too."""
    name, jaxpr = str(given.get("name", "")), body.jaxpr if hasattr(body, "jaxpr") else body
    steps = _names_inside(jaxpr)
    if name == "relu" and steps == ["max"] and len(values) == 1:
        return apply(functions.relu, values[0].loose)
    if name == "logaddexp" and len(values) == 2 and steps[:2] == ["max", "sub"] and "log1p" in steps:
        a, b = values
        zero = b.known is not None and not np.asarray(b.known).any()
        return apply(functions.softplus, a.loose) if zero else apply(functions.logaddexp, a.loose, b.loose)
    return None


def _names_inside(jaxpr: Any) -> list[str]:
    names: list[str] = []
    for equation in jaxpr.eqns:
        body = next((equation.params[key] for key in BODIES if key in equation.params), None)
        names += [equation.primitive.name] if body is None else _names_inside(getattr(body, "jaxpr", body))
    return names
