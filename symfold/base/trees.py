"""Trees: nested tuples and dicts as a list of leaves and a form, and back.

    form ::= "*" | ("tuple", (form, ...)) | ("dict", ((key, form), ...)) | ("named", (name or names, ...))

"named" is a dict in compact form: a leaf with several names is a sequence with one entry per name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

State: TypeAlias = Any  # a value, or nested tuples and dicts of values: nodes, nets, numbers, arrays, SymPy expressions
Layered: TypeAlias = Callable[..., State]  # a layer, or any other function of states
Form: TypeAlias = Any  # a string, or a tuple of a kind and its parts
LEAF: Form = "*"


def flatten(value: object) -> tuple[list[State], Form]:
    """The leaves of a value in order, and its form.

    >>> flatten((1, (2, 3)))
    ([1, 2, 3], ('tuple', ('*', ('tuple', ('*', '*')))))
    """
    if isinstance(value, tuple):
        parts = [flatten(part) for part in value]
        return [leaf for leaves, _ in parts for leaf in leaves], ("tuple", tuple(form for _, form in parts))
    if isinstance(value, dict):
        parts = [flatten(part) for part in value.values()]
        forms = tuple(zip(value, (form for _, form in parts), strict=True))
        return [leaf for leaves, _ in parts for leaf in leaves], ("dict", forms)
    return [value], LEAF


def unflatten(form: Form, leaves: Iterable[State]) -> State:
    """The value of a form with these leaves.

    >>> unflatten(("dict", (("a", "*"),)), [1])
    {'a': 1}
    """
    return _build(form, iter(leaves))


def _build(form: Form, leaves: Iterator[State]) -> State:
    if form == LEAF:
        return next(leaves)
    kind, parts = form
    if kind == "named":
        values: dict[str, State] = {}
        for names in parts:
            leaf = next(leaves)
            values |= {names: leaf} if isinstance(names, str) else {name: leaf[k] for k, name in enumerate(names)}
        return values
    if kind == "dict":
        return {key: _build(part, leaves) for key, part in parts}
    return tuple(_build(part, leaves) for part in parts)


def as_state(value: object) -> State:
    """A state whose nets are replaced by the trees of their outputs."""
    if hasattr(value, "_as_tree_"):
        return value._as_tree_()
    if isinstance(value, tuple):
        return tuple(map(as_state, value))
    return value
