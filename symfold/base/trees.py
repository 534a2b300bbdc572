"""Trees: nested tuples and dicts as a list of leaves and a form, and back.

    form ::= "*" | ("tuple", (form, ...)) | ("dict", ((key, form), ...)) | ("named", (name or names, ...))

"named" is a dict in compact form: a leaf with several names is a sequence with one entry per name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from operator import itemgetter
from typing import Any, TypeAlias

State: TypeAlias = Any  # a value, or nested tuples and dicts of values: nodes, nets, numbers, arrays, SymPy expressions
Layered: TypeAlias = Callable[..., State]  # a layer, or any other function of states
Form: TypeAlias = Any  # a string, or a tuple of a kind and its parts
LEAF: Form = "*"

Parts: TypeAlias = Sequence[tuple[int, str | Iterable[str]]]  # of a compact dict: places of leaves, and their names
Builder: TypeAlias = Callable[[Sequence[State]], State]
Named: TypeAlias = Callable[[Parts], Builder]


def flatten(value: object) -> tuple[list[State], Form]:
    """The leaves of a value in order, and its form.

    >>> flatten((1, (2, 3)))
    ([1, 2, 3], ('tuple', ('*', ('tuple', ('*', '*')))))
    """
    if isinstance(value, tuple):
        parts = [flatten(part) for part in value]
        return [leaf for leaves, _ in parts for leaf in leaves], ("tuple", tuple(form for _, form in parts))
    if isinstance(value, Mapping):
        parts = [flatten(part) for part in value.values()]
        forms = tuple(zip(value, (form for _, form in parts), strict=True))
        return [leaf for leaves, _ in parts for leaf in leaves], ("dict", forms)
    return [value], LEAF


def unflatten(form: Form, leaves: Iterable[State]) -> State:
    """The value of a form with these leaves.

    >>> unflatten(("dict", (("a", "*"),)), [1])
    {'a': 1}
    """
    return builder(form)(list(leaves))


def builder(form: Form, named: Named | None = None) -> Builder:
    """A function from the leaves of a form to its value; `named` makes the mapping of a compact dict.

    >>> build = builder(("tuple", ("*", ("named", ("a", ("b", "c"))))))
    >>> build([1, 2, [3, 4]])
    (1, {'a': 2, 'b': 3, 'c': 4})
    """
    return _builder(form, count(), named or dict_of)


def _builder(form: Form, places: Iterator[int], named: Named) -> Builder:
    if form == LEAF:
        return itemgetter(next(places))
    kind, parts = form
    if kind == "named":
        return named([(next(places), names) for names in parts])
    builders = [_builder(part[1] if kind == "dict" else part, places, named) for part in parts]
    if kind == "dict":
        keys = [key for key, _ in parts]
        return lambda leaves: {key: build(leaves) for key, build in zip(keys, builders, strict=True)}
    return lambda leaves: tuple([build(leaves) for build in builders])


def dict_of(parts: Parts) -> Builder:
    """The dict of a compact form: every entry of a leaf with several names."""

    def build(leaves: Sequence[State]) -> State:
        values: dict[str, State] = {}
        for place, names in parts:
            leaf = leaves[place]
            values |= {names: leaf} if isinstance(names, str) else {name: leaf[k] for k, name in enumerate(names)}
        return values

    return build


def as_state(value: object) -> State:
    """A state whose nets are replaced by the trees of their outputs."""
    if hasattr(value, "_as_tree_"):
        return value._as_tree_()
    if isinstance(value, tuple):
        return tuple(map(as_state, value))
    return value
