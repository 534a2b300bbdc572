"""Arguments of a JAX function: inputs and parameters by name, and results as a state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, quoted
from symfold.base.trees import State
from symfold.core.leaves import Fixed, Normal
from symfold.errors import InvalidType
from symfold.exchange.jaxpr.values import kind_of
from symfold.exchange.reading.naming import fresh, layer_names

UNTRAINED = Fixed(1.0, 0.0)  # of parameters that the function captures, or that are not real numbers


@dataclass(frozen=True)
class Argument:
    """An array that a function takes: an input, or a parameter with its value."""

    name: str
    shape: tuple[int, ...]
    dtype: Any
    is_parameter: bool
    value: NumpyArray | None
    trained: bool = True

    @property
    def start(self) -> Normal | None:
        return None if self.trained and kind_of(self.dtype) == "real" else UNTRAINED


def arguments_of(jax: Any, names: Sequence[str], examples: Sequence[object]) -> list[Argument]:
    """The arrays of some arguments, in order: an array is an input, the arrays of a tree are parameters."""
    tree = jax.tree_util
    listed: list[tuple[str, Any, bool]] = []  # path, example, whether it is a parameter
    for name, example in zip(names, examples, strict=True):
        leaves, form = tree.tree_flatten_with_path(example)
        held = not tree.treedef_is_leaf(form)
        listed += [(".".join((name, *map(_key, path))), leaf, held) for path, leaf in leaves]
    taken: set[str] = set()
    parameters = layer_names({path: "parameter" for path, _, held in listed if held})
    parameter_names = {path: fresh(name, taken) for path, name in parameters.items()}
    return [
        _argument(parameter_names[path] if held else fresh(path, taken), example, held)
        for path, example, held in listed
    ]


def captured_of(constants: Sequence[Any], names: set[str]) -> list[Any]:
    """The arrays of real numbers that a function captures as parameters by number; what else it captures as it is."""
    taken = {*names}
    return [
        Argument(fresh(f"captured{number}", taken), tuple(c.shape), c.dtype, True, np.asarray(c, np.float64), False)
        if np.size(c) > 1 and getattr(c.dtype, "kind", "") in ("f", "V")
        else c
        for number, c in enumerate(constants, 1)
    ]


def _argument(name: str, example: Any, held: bool) -> Argument:
    if hasattr(example, "shape") and hasattr(example, "dtype"):
        shape, dtype = tuple(example.shape), np.dtype(example.dtype)
    elif isinstance(example, (bool, int, float)):
        shape, dtype = (), np.asarray(example).dtype
    else:
        raise InvalidType(
            f"the example of {name!r}, {quoted(example)}, is not an array or a tree of arrays "
            "(bind what is not an array: functools.partial)"
        )
    kind_of(dtype)
    abstract = not hasattr(example, "__array__") and hasattr(example, "shape")  # a shape without numbers
    value = None if abstract or not held else np.asarray(example, dtype=np.float64)
    return Argument(name, shape, dtype, held, value)


def _key(entry: Any) -> str:
    """One key of a path."""
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute)).replace(".", "_")
    return str(entry)


def state_of(jax: Any, form: Any, leaves: list[Any]) -> State:
    """Results in the form of a tree: dicts and tuples are kept, other containers become tuples."""

    def plain(value: Any) -> State:
        if isinstance(value, dict):
            return {str(key): plain(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return tuple(plain(part) for part in value if part is not None)
        return value

    whole = jax.tree_util.tree_unflatten(form, leaves)
    if whole is None or not leaves:
        raise InvalidType("the function returns no array")
    kept = plain(whole)
    return kept if isinstance(kept, (dict, tuple)) or (len(leaves) == 1 and kept is leaves[0]) else tuple(leaves)
