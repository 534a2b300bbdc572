"""Arrays by name over stacked arrays: what a compiled net returns for a dict of many names."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, MutableMapping, Sequence, ValuesView
from functools import cached_property, partial
from typing import Any

from symfold.base.trees import Builder, Parts, dict_of
from symfold.errors import UnknownKey, listing


class Places:
    """The place of every name of a compact dict: the number of its array, and its position if the array is stacked."""

    def __init__(self, parts: Parts):
        self.parts = parts

    @cached_property
    def by_name(self) -> dict[str, tuple[int, int | None]]:
        places: dict[str, tuple[int, int | None]] = {}
        for number, names in self.parts:
            if isinstance(names, str):
                places[names] = number, None
            else:
                places |= {name: (number, position) for position, name in enumerate(names)}
        return places


class NamedArrays(MutableMapping[str, Any], dict[str, Any]):  # type: ignore[misc, metaclass]
    """A dict of arrays whose entries are made when they are read; it prints, compares, copies and pickles as one.

    A gradient of a thousand layers is a few arrays, so returning it costs the same at any depth. Entries are
    writable views; the first change of an entry makes them all. It is a dict for `isinstance`; nothing reads the part
    that it inherits, which is empty.

    >>> import numpy as np
    >>> gradient = NamedArrays(Places([(0, "a"), (1, ("b1", "b2"))]), [np.array(1.0), np.array([2.0, 3.0])])
    >>> gradient, list(gradient), gradient["b2"]
    ({'a': array(1.), 'b1': np.float64(2.0), 'b2': np.float64(3.0)}, ['a', 'b1', 'b2'], np.float64(3.0))
    """

    __slots__ = ("_arrays", "_entries", "_places")

    def __init__(self, places: Places, arrays: Sequence[Any]):
        self._places: Places | None = places
        self._arrays = arrays
        self._entries: dict[str, Any] = {}  # those read so far; all of them, in order, once there are no places

    def __getitem__(self, name: str) -> Any:
        if name not in self._entries and self._places is not None:
            if name not in self._places.by_name:
                raise UnknownKey(f"no array {name!r} (there are {listing(map(repr, self._places.by_name))})")
            number, position = self._places.by_name[name]
            array = self._arrays[number]
            self._entries[name] = array if position is None else array[position]
        return self._entries[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._all()[name] = value

    def __delitem__(self, name: str) -> None:
        del self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries if self._places is None else self._places.by_name)

    def __len__(self) -> int:
        return len(self._entries if self._places is None else self._places.by_name)

    def __contains__(self, name: object) -> bool:
        return name in (self._entries if self._places is None else self._places.by_name)

    def _all(self) -> dict[str, Any]:
        """All entries; those read before stay the same objects."""
        if self._places is not None:
            self._entries = dict_of(self._places.parts)(self._arrays) | self._entries
            self._places = None
        return self._entries

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._all())

    def keys(self) -> KeysView[str]:
        return self._all().keys()

    def values(self) -> ValuesView[Any]:
        return self._all().values()

    def items(self) -> ItemsView[str, Any]:
        return self._all().items()

    def copy(self) -> dict[str, Any]:
        """A dict of the same arrays."""
        return self._all().copy()

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, NamedArrays) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._all())

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._all(), **other}

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self._all()}

    def __reduce__(self) -> tuple[object, ...]:
        return dict, (self._all(),)


def named_arrays(parts: Parts) -> Builder:
    """A function from the arrays of a compact dict to the dict."""
    return partial(NamedArrays, Places(parts))
