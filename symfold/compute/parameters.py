"""Parameters: arrays by name, held in one buffer, so that all of them can be updated or copied at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from symfold.base.arguments import array_of, arrays_of, whole
from symfold.core.attach import attach
from symfold.core.names import Claims, names_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Normal
from symfold.core.shapes import is_concrete, show
from symfold.core.stacked_inputs import Numbered, StackedInputs
from symfold.errors import InvalidType, InvalidValue, ShapeError, UnknownKey, listing, unknown


@dataclass(frozen=True)
class Layout:
    """Where in the buffer each leaf lies: a family's members one after the other."""

    leaves: tuple[Node, ...]

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        sizes = [prod(int(size) for size in leaf.shape) for leaf in self.leaves]
        return tuple(accumulate(sizes, initial=0))

    @cached_property
    def places(self) -> dict[Node, int]:
        """Every leaf with its place among the leaves."""
        return {leaf: place for place, leaf in enumerate(self.leaves)}

    @cached_property
    def names(self) -> dict[str, list[tuple[int, int | None]]]:
        """Every name with the places where it lies: the leaf, and the position in a family."""
        places: dict[str, list[tuple[int, int | None]]] = {}
        for number, leaf in enumerate(self.leaves):
            if isinstance(leaf.op, StackedInputs):
                for position, name in enumerate(leaf.op.names):
                    places.setdefault(name, []).append((number, position))
            else:
                places.setdefault(leaf.op.name, []).append((number, None))
        return places

    def place(self, leaf: Node) -> tuple[int, int | slice | None]:
        """Where a leaf lies: its place among the leaves, or that of its family with the position or the run of positions in it."""
        if leaf in self.places:
            return self.places[leaf], None
        names = list(leaf.op.names) if isinstance(leaf.op, StackedInputs) else [leaf.op.name]
        if names[0] not in self.names:
            raise UnknownKey(f"no parameter {names[0]!r} (the net has {listing(map(repr, self.names))})")
        number, position = self.names[names[0]][0]
        if not isinstance(leaf.op, StackedInputs):
            return number, position
        if position is None or list(self.leaves[number].op.names)[position:][: len(names)] != names:
            raise InvalidValue(f"parameters {names[0]!r} to {names[-1]!r} do not lie side by side")
        return number, slice(position, position + len(names))

    @cached_property
    def once(self) -> bool:
        """Whether every name lies in one place only; numbered names are not listed for it."""
        claims = Claims()
        found = [names_of(leaf) for leaf in self.leaves]
        return all(isinstance(names, Numbered) or len(set(names)) == len(names) for names in found) and all(
            claims.add(names, place) is None for place, names in enumerate(found)
        )


def layout_of(net: Net) -> Layout:
    """The layout of a net's parameters."""
    leaves = tuple(leaf for leaf in net.leaves if leaf.op.role == "parameter")
    for leaf in leaves:
        if not is_concrete(leaf.shape):
            raise InvalidValue(
                f"parameters of shape {show(leaf.shape)} have no size yet (give every size a number; a depth: net.at(n=10))"
            )
    return Layout(leaves)


class Parameters(MutableMapping[str, Any]):
    """A mapping from names to writable views into one buffer: `params["W1"] -= step` writes through."""

    def __init__(self, layout: Layout, flat: Any = None):
        self.layout = layout
        self.flat = np.zeros(layout.offsets[-1]) if flat is None else flat

    def array_of(self, leaf: Node) -> Any:
        """The array of a leaf, or of a run of a leaf's members."""
        number, part = self.layout.place(leaf)
        whole = self._whole(number)
        return whole if part is None else whole[part, ...]

    def _whole(self, number: int) -> Any:
        start, stop = self.layout.offsets[number : number + 2]
        return self.flat[start:stop].reshape(self.layout.leaves[number].shape)

    def _views(self, name: str) -> list[Any]:
        if name not in self.layout.names:
            raise UnknownKey(f"no parameter {name!r} (the net has {listing(map(repr, self))})")
        found = []
        for number, position in self.layout.names[name]:
            whole = self._whole(number)
            found.append(whole if position is None else whole[position, ...])
        return found

    def __getitem__(self, name: str) -> Any:
        return self._views(name)[0]

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self.layout.names:
            raise unknown("parameter", name, self.layout.names)
        array = array_of(f"the value of parameter {name!r}", value)
        for view in self._views(name):
            if array.shape != view.shape:
                raise ShapeError(f"parameter {name!r} has shape {view.shape}, got {array.shape}")
            view[...] = array

    def __delitem__(self, name: str) -> None:
        raise InvalidType(f"cannot delete parameter {name!r}: the net needs it")

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.names)

    def __len__(self) -> int:
        return len(self.layout.names)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: array of shape {self[name].shape}' for name in self)}}}"

    def __eq__(self, other: object) -> bool:
        """The same layout and equal arrays; against any other mapping, the same names and equal arrays."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return set(self) == set(other) and all(np.array_equal(self[name], other[name]) for name in self)

    __hash__ = None  # type: ignore[assignment]

    def copy(self) -> Parameters:
        return Parameters(self.layout, self.flat.copy())

    def load(self, params: Mapping[str, Any]) -> None:
        """Take over the values of a mapping that has every name."""
        if isinstance(params, Parameters) and params.layout == self.layout and self.layout.once:
            np.copyto(self.flat, params.flat)
            return
        missing = [name for name in self if name not in params]
        if missing:
            raise InvalidValue(f"no value for parameter {missing[0]!r} (the net has {listing(map(repr, self))})")
        for name in self:
            self[name] = params[name]


def parameters_of(params: Mapping[str, Any], layout: Layout) -> Parameters:
    """The values of a mapping that has these names and no others, in a buffer of their own; one buffer is copied as it is."""
    held = Parameters(layout)
    if isinstance(params, Parameters) and params.layout == layout and layout.once:
        np.copyto(held.flat, params.flat)
    else:
        for name, array in arrays_of(params, layout.names, what="parameter").items():
            held[name] = array
    return held


def init(net: Net, seed: int = 0) -> Parameters:
    """Parameters drawn as their layers say: the same for the same net and seed.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    >>> params = init(net, seed=0)
    >>> list(params), params["b1"].tolist()
    (['W1', 'W2', 'b1', 'b2'], [[0.0, 0.0]])
    """
    generator = np.random.default_rng(whole("seed", seed))
    params = Parameters(layout_of(net))
    for leaf in params.layout.leaves:
        start = leaf.op.start or Normal()
        array = params.array_of(leaf)
        array[...] = start.mean + start.deviation * generator.standard_normal(array.shape)
    for name, places in [] if params.layout.once else params.layout.names.items():
        if len(places) > 1:  # a name that lies in several places has one value
            params[name] = params[name]
    return params


attach(Net, init=init)
