"""What every layer of a net gives and receives, in numbers: activations, and gradients if the net is a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from symfold.analysis.jacobians.taught import taught
from symfold.base.arguments import NumpyArray, arrays_of, check_params, place_of, quoted
from symfold.base.tables import Table, Tabled
from symfold.compute.evaluate import Evaluator, as_numbers
from symfold.compute.parameters import layout_of
from symfold.core.attach import attach
from symfold.core.blocks import Call
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import InvalidValue, UnknownKey, listing
from symfold.transform.specialize import with_shapes


@dataclass(frozen=True, eq=False)
class Recorded:
    """A layer applied once: its name, what it gives, and the gradient that this receives from a loss."""

    layer: str
    activation: NumpyArray
    gradient: NumpyArray | None = None

    def __repr__(self) -> str:
        return f"{self.layer}: {', '.join(f'{name} {value}' for name, value in self.cells().items())}"

    def cells(self) -> dict[str, str]:
        """The numbers that describe the row, as text, by the heads of the columns."""
        values = self.activation
        cells = {"shape": str(values.shape), "mean": f"{np.mean(values):.3g}", "deviation": f"{np.std(values):.3g}"}
        return cells if self.gradient is None else {**cells, "gradient norm": f"{np.linalg.norm(self.gradient):.3g}"}


@dataclass(frozen=True, eq=False, repr=False)
class Record(Tabled, Sequence[Recorded]):
    """The applications of layers in order of computation: rows by position, or by the name of a layer applied once."""

    rows: tuple[Recorded, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """The name of the layer in every row."""
        return tuple(row.layer for row in self.rows)

    @property
    def activations(self) -> tuple[NumpyArray, ...]:
        """What the layer gives, in every row."""
        return tuple(row.activation for row in self.rows)

    @property
    def gradients(self) -> tuple[NumpyArray, ...]:
        """The gradient that this receives, in every row; empty if the net is not a loss."""
        return tuple(row.gradient for row in self.rows if row.gradient is not None)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int | str) -> Recorded: ...
    @overload
    def __getitem__(self, index: slice) -> Record: ...
    def __getitem__(self, index: int | str | slice) -> Recorded | Record:
        if not isinstance(index, str):
            place = place_of("row", index, len(self.rows), ", or the name of a layer")
            return Record(tuple(self.rows[k] for k in place)) if isinstance(place, range) else self.rows[place]
        places = [k for k, layer in enumerate(self.layers) if layer == index]
        if not places:
            raise UnknownKey(f"no layer {index!r} (the net applies {listing(dict.fromkeys(self.layers))})")
        if len(places) > 1:
            raise InvalidValue(
                f"layer {index!r} is applied {len(places)} times (take one by its row: {listing(map(str, places), 8)})"
            )
        return self.rows[places[0]]

    @property
    def _table(self) -> Table:
        heads = ("layer", *self.rows[0].cells()) if self.rows else ("layer",)
        return Table(heads, len(self), lambda k: (self.rows[k].layer, *self.rows[k].cells().values()))


class Recorder(Evaluator):
    """The numbers of a net, and those that each of its layers gives, in order."""

    def __init__(self, values: Mapping[str, object]):
        super().__init__(values)
        self.applied: list[tuple[str, NumpyArray]] = []
        self.inside = False  # the body of a layer: layers in it are part of it

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        if not isinstance(node.op, Call) or self.inside:
            return super().apply(node, args)
        self.inside = True
        try:
            result = super().apply(node, args)
        finally:
            self.inside = False
        self.applied.append((args[0], np.array(result)))
        return result


def record(net: Net, params: Mapping[str, Any] | None = None, /, **inputs: Any) -> Record:
    """What every layer gives at these parameters and inputs, and if the net is a loss, the gradient that this receives.

    There is one row for each application of a layer, in order of computation, inside folds as well; a layer in the body
    of another is part of it. Parameters that the net does not have are ignored.

    >>> import numpy as np, symfold as sf
    >>> y = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
    >>> loss = sf.losses.mean_squared_error(y, sf.tensor("target", (None, 2)))
    >>> result = loss.record(y.init(seed=0), x=np.ones((5, 2)), target=np.zeros((5, 2)))
    >>> result
    layer  shape   mean    deviation  gradient norm
    f1     (5, 2)  0.238   0.257      0.753
    f2     (5, 2)  0.552   0.226      0.477
    f3     (5, 2)  -0.926  0.00738    0.546
    >>> result["f2"].activation.shape, result["f2"].gradient.shape
    ((5, 2), (5, 2))
    """
    if params is not None:
        check_params(params)
    given, layout = dict(params or {}), layout_of(net)
    weights = {name: given[name] for name in layout.names if name in given}
    arrays = arrays_of({**inputs}, [node.op.name for node in net.inputs])
    values = {name: as_numbers(name, value) for name, value in {**weights, **arrays}.items()}
    recorder = Recorder(values)
    sized = with_shapes(net, {name: value.shape for name, value in values.items()})
    with np.errstate(all="ignore"):
        results = recorder.run_whole(sized.outputs)
    if not recorder.applied:
        raise InvalidValue(
            f"{quoted(str(net))} applies no layer, so there is nothing to record "
            "(name functions as layers: sf.layer('f1', np.tanh))"
        )
    if len(results) != 1 or np.shape(results[0]) != ():
        return Record(tuple(Recorded(layer, value) for layer, value in recorder.applied))
    gradients = by_layer(taught(net).evaluate(1.0, weights, **arrays))
    return Record(tuple(Recorded(layer, value, next(gradients[layer])) for layer, value in recorder.applied))


def by_layer(pairs: Sequence[tuple[str, NumpyArray]]) -> dict[str, Any]:
    """The values of each layer, in order, as an iterator."""
    values: dict[str, list[NumpyArray]] = {}
    for layer, value in pairs:
        values.setdefault(layer, []).append(value)
    return {layer: iter(entries) for layer, entries in values.items()}


attach(Net, record=record)
