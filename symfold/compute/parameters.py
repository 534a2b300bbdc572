"""Parameters: arrays by name in one buffer, updated or copied all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, repeat
from math import prod
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, array_of, arrays_of, whole
from symfold.base.tables import Table
from symfold.compute.initialization import checked_names, weight_shape
from symfold.core.attach import attach
from symfold.core.leaves import Normal
from symfold.core.names import Claims, names_of, show_names
from symfold.core.net import Net
from symfold.core.shapes import is_concrete, show
from symfold.core.stacked_inputs import Leaf, Numbered, StackedInputs, count_of, known_count
from symfold.errors import InvalidType, InvalidValue, OutOfMemory, ShapeError, UnknownKey, listing, unknown

SMALL = 1000  # numbers of an array that are copied one by one in the time of a look for the array


@dataclass(frozen=True)
class Layout:
    """The position of each leaf in the buffer; the members of a family are adjacent."""

    leaves: tuple[Leaf, ...]

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        sizes = [prod(int(size) for size in leaf.shape) for leaf in self.leaves]
        return tuple(accumulate(sizes, initial=0))

    @cached_property
    def places(self) -> dict[Leaf, int]:
        """The position of every leaf among the leaves."""
        return {leaf: place for place, leaf in enumerate(self.leaves)}

    @cached_property
    def names(self) -> dict[str, list[tuple[int, int | None]]]:
        """The places of every name: the number of the leaf, and the position in a family."""
        places: dict[str, list[tuple[int, int | None]]] = {}
        for number, leaf in enumerate(self.leaves):
            if isinstance(leaf.op, StackedInputs):
                for position, name in enumerate(leaf.op.names):
                    places.setdefault(name, []).append((number, position))
            else:
                places.setdefault(leaf.op.name, []).append((number, None))
        return places

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of every name's array, in the order of the names, if each has one place."""
        return [
            shape
            for leaf in self.leaves
            for shape in repeat(tuple(map(int, leaf.op.shape)), known_count(count_of(leaf.op.names)))
        ]

    def place(self, leaf: Leaf) -> tuple[int, int | slice | None]:
        """The place of a leaf: its number, or that of its family with the position, or the slice, within it."""
        if leaf in self.places:
            return self.places[leaf], None
        names = list(leaf.op.names)
        if names[0] not in self.names:
            raise UnknownKey(f"no parameter {names[0]!r} (the net has {listing(map(repr, self.names))})")
        number, position = self.names[names[0]][0]
        if not isinstance(leaf.op, StackedInputs):
            return number, position
        if position is None or list(self.leaves[number].op.names)[position:][: len(names)] != names:
            raise InvalidValue(f"parameters {names[0]!r} to {names[-1]!r} are not adjacent")
        return number, slice(position, position + len(names))

    @cached_property
    def once(self) -> bool:
        """Whether every name has one place; does not list numbered names."""
        claims: Claims[int] = Claims()
        leaf_names = [names_of(leaf) for leaf in self.leaves]
        return all(isinstance(names, Numbered) or len(set(names)) == len(names) for names in leaf_names) and all(
            claims.add(names, place) is None for place, names in enumerate(leaf_names)
        )


def layout_of(net: Net) -> Layout:
    """The layout of a net's parameters."""
    leaves = tuple(leaf for leaf in net.leaves if leaf.op.role == "parameter")
    for leaf in leaves:
        if not is_concrete(leaf.shape):
            raise InvalidValue(
                f"parameters of shape {show(leaf.shape)} have no size yet "
                "(give every size a number; a depth: net.at(n=10))"
            )
    return Layout(leaves)


def zeros(layout: Layout) -> NumpyArray:
    """A buffer of zeros for a layout; an error that names the largest parameter, if there is no memory for it."""
    try:
        return np.zeros(layout.offsets[-1])
    except (MemoryError, ValueError):  # ValueError: more than an array can have
        leaf = max(layout.leaves, key=lambda leaf: prod(leaf.shape))
        raise OutOfMemory(
            f"not enough memory for {layout.offsets[-1]:,} numbers: {show_names([names_of(leaf)])} "
            f"of shape {show(leaf.op.shape)} is the largest (use fewer or narrower layers)"
        ) from None


class Parameters(MutableMapping[str, Any]):
    """A mapping from names to writable views of one buffer: `params["W1"] -= step` writes to it."""

    def __init__(self, layout: Layout, flat: NumpyArray | None = None):
        self.layout = layout
        self.flat = zeros(layout) if flat is None else flat
        self._alike: Layout | None = None  # an equal layout of whole buffers that were loaded
        self._order: tuple[Layout, NumpyArray] | None = None  # another layout, and where our numbers are in it

    def array_of(self, leaf: Leaf) -> NumpyArray:
        """The array of a leaf, or of a slice of a family."""
        number, part = self.layout.place(leaf)
        array = self._leaf_array(number)
        return array if part is None else array[part, ...]

    def _leaf_array(self, number: int) -> NumpyArray:
        start, stop = self.layout.offsets[number : number + 2]
        return self.flat[start:stop].reshape(self.layout.leaves[number].shape)

    def _views(self, name: str) -> list[NumpyArray]:
        if name not in self.layout.names:
            raise UnknownKey(f"no parameter {name!r} (the net has {listing(map(repr, self))})")
        views = []
        for number, position in self.layout.names[name]:
            array = self._leaf_array(number)
            views.append(array if position is None else array[position, ...])
        return views

    def __getitem__(self, name: str) -> NumpyArray:
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

    def _repr_html_(self) -> str:
        """The shape and the range of each array; of the first ones and the last."""
        names = list(self)

        def row(k: int) -> tuple[str, ...]:
            array = self[names[k]]
            ends = (f"{array.min():.3g}", f"{array.max():.3g}") if array.size else ("", "")
            return names[k], str(array.shape), *ends

        return Table(("parameter", "shape", "least", "greatest"), len(names), row).html()

    def __eq__(self, other: object) -> bool:
        """Whether another mapping has the same names and equal arrays."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return set(self) == set(other) and all(np.array_equal(self[name], other[name]) for name in self)

    __hash__ = None  # type: ignore[assignment]

    def copy(self) -> Parameters:
        return Parameters(self.layout, self.flat.copy())

    def astype(self, dtype: str) -> Parameters:
        """A copy in this dtype."""
        return Parameters(self.layout, self.flat.astype(dtype))

    def load(self, params: Mapping[str, Any]) -> None:
        """Copy the values of a mapping that has every name."""
        if isinstance(params, Parameters) and (params.layout is self._alike or self._is_alike(params.layout)):
            self.flat[...] = params.flat
            return
        if isinstance(params, Parameters) and params.flat.size <= SMALL * len(params.layout.names):
            self.flat[...] = params.flat[self._order_in(params.layout)]
            return
        missing = [name for name in self.layout.names if name not in params]
        if missing:
            raise InvalidValue(f"no value for parameter {missing[0]!r} (the net has {listing(map(repr, self))})")
        if not (self.layout.once and self._load_plain([params[name] for name in self.layout.names])):
            for name in self:
                self[name] = params[name]

    def _order_in(self, layout: Layout) -> NumpyArray:
        """The places of our numbers in a buffer of another layout, as of a net that is not folded; remembered."""
        if self._order is None or self._order[0] is not layout:
            places = Parameters(self.layout)
            places.load(dict(Parameters(layout, np.arange(float(layout.offsets[-1])))))
            self._order = layout, places.flat.astype(np.intp)
        return self._order[1]

    def _is_alike(self, layout: Layout) -> bool:
        """Whether a buffer of this layout is one of ours; remembered, for short calls."""
        if alike := layout == self.layout and self.layout.once:
            self._alike = layout
        return alike

    def _load_plain(self, values: Sequence[Any]) -> bool:
        """Copy one array per name in one call; False if one is no array, or of another shape or kind of numbers."""
        if set(map(type, values)) != {np.ndarray} or [value.shape for value in values] != self.layout.shapes:
            return False
        try:
            np.concatenate(values, axis=None, out=self.flat)
        except TypeError:
            return False
        return True


def parameters_of(params: Mapping[str, Any], layout: Layout) -> Parameters:
    """A copy of a mapping that has exactly the names of a layout."""
    result = Parameters(layout)
    if isinstance(params, Parameters) and params.layout == layout and layout.once:
        np.copyto(result.flat, params.flat)
    else:
        for name, array in arrays_of(params, layout.names, what="parameter").items():
            result[name] = array
    return result


def init(net: Net, seed: int = 0, by: str | Mapping[str, str] | None = None) -> Parameters:
    """Parameters drawn from the distributions that their layers specify; equal for equal nets and seeds.

    `by` names the distribution of the weights, of any layer kind, or maps parameters (`W1`) or prefixes (`W`) to names:

    - "he", "he_uniform": variance 2/inputs, for relu (He et al. 2015);
    - "glorot" (uniform), "glorot_normal": variance 2/(inputs + outputs) (Glorot & Bengio 2010);
    - "orthogonal": matrices with orthonormal rows or columns (Saxe et al. 2014);
    - "normal": variance 1/inputs, as most kinds have it; "uniform": from -1/sqrt(inputs) to 1/sqrt(inputs); "zeros".

    A weight has two axes or more, as the table of an embedding, whose rows are its inputs; biases, gains and statistics
    keep the start of their kind.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(2, 2)), sf.tensor("x", (None, 2)))
    >>> params = init(net, seed=0)
    >>> list(params), params["b1"].tolist()
    (['W1', 'W2', 'b1', 'b2'], [[0.0, 0.0]])
    >>> W = init(net, by="orthogonal")["W1"]
    >>> np.allclose(W @ W.T, np.eye(2))
    True
    """
    generator = np.random.default_rng(whole("seed", seed))
    params = Parameters(layout_of(net))
    draw_of = checked_names(by, params.layout.names if isinstance(by, Mapping) else ())
    for leaf in params.layout.leaves:
        array, start = params.array_of(leaf), leaf.op.start or Normal()
        shape = None if by is None else weight_shape(leaf)
        for part, name in parts_of(leaf, array, one=shape is None or isinstance(by, str)):
            draw = draw_of(name)
            if shape is None or draw is None:
                part[...] = start.mean + start.deviation * generator.standard_normal(part.shape)
            else:
                part[...] = draw(generator, part.size // max(1, prod(shape.sizes)), shape).reshape(part.shape)
    for name, places in [] if params.layout.once else params.layout.names.items():
        if len(places) > 1:  # one name, one value
            params[name] = params[name]
    return params


def parts_of(leaf: Leaf, array: NumpyArray, one: bool) -> Iterator[tuple[NumpyArray, str]]:
    """The array of a leaf with its first name; or of each member of a family."""
    if one or not isinstance(leaf.op, StackedInputs):
        yield array, leaf.op.names[0]
    else:
        yield from zip(array, leaf.op.names, strict=True)


attach(Net, init=init)
