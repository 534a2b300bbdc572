"""`sf.minimize`: SciPy's L-BFGS on all the data at once, for small problems and exact minima."""

from __future__ import annotations

import math
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from symfold.base.arguments import NumpyArray, check_params, one_of, real, whole
from symfold.base.public import public
from symfold.compute.backends.table import DTYPES, stored
from symfold.compute.bounded_inputs import bounded_inputs, check_bounded
from symfold.compute.compile import chosen_backend, program_of
from symfold.compute.lowering import rolled
from symfold.compute.parameters import Parameters, layout_of, parameters_of
from symfold.core.net import Net, listed
from symfold.core.nodes import Node
from symfold.core.shapes import is_known
from symfold.errors import Diverged, InvalidValue, MissingPackage, ShapeError
from symfold.frontend.losses import check_single
from symfold.training.data.arrays import named, sample_count
from symfold.training.data.batches import Batch
from symfold.training.loop.history import Fitted, History
from symfold.training.loop.stopping import Interrupts
from symfold.training.step.finiteness import START, check_start, refuse_bad
from symfold.training.step.training_step import moved
from symfold.transform.autodiff.differentiate import value_and_grad


@public
def minimize(
    loss: object,
    params: Mapping[str, object],
    data: Batch | None = None,
    *,
    steps: int = 1000,
    tolerance: float = 1e-8,
    memory: int = 10,
    remat: str | int | None = None,
    backend: str = "auto",
    dtype: str = "float64",
) -> Fitted:
    """Minimize a loss on all of `data` by L-BFGS (Liu and Nocedal 1989), from SciPy (extra `scipy`).

    At most `steps` steps, each with a line search; the end is where no entry of the gradient exceeds `tolerance`, or no
    step is better. `memory` is the number of earlier steps that the curvature is estimated from. The history holds the
    loss at the start and after every step, and `history.stopped` is "converged" if the gradient is that small, "no
    better step", or empty if the steps were used up. Ctrl-C ends it early: the parameters after the last step are
    returned, and `history.stopped` is "interrupted". Dropout is not applied. Statistics (`sf.keep_statistics`) stay;
    `remat`, `backend` and `dtype` are those of `sf.fit`.

    >>> import symfold as sf
    >>> w, x = sf.parameter("w", (2,)), sf.tensor("x", (2,))
    >>> done = sf.minimize(sf.squared_error(sf.Net.of(w * w), x), {"w": [1.0, 1.0]}, {"x": [4.0, 9.0]})
    >>> done.params["w"].round(6).tolist(), len(done.history) < 20, done.history.stopped
    ([2.0, 3.0], True, 'converged')
    """
    try:
        from scipy import optimize
    except ImportError:
        raise MissingPackage("sf.minimize needs the package scipy (pip install 'symfold[scipy]')") from None
    net = rolled(Net.of(loss))
    check_params(params)
    steps, memory = whole("steps", steps, 1), whole("memory", memory, 1)
    tolerance = float(real("tolerance", tolerance))
    if tolerance < 0:
        raise InvalidValue(f"tolerance={tolerance} is negative (give 0 to go on until no step is better)")
    backend = chosen_backend(backend, net, 3 * steps, dtype := one_of("dtype", dtype, DTYPES))
    start = parameters_of(params, layout_of(net))
    check_start(start)
    arrays = named({} if data is None else data, [i.op.name for i in net.inputs])
    check_bounded(bounded_inputs(net), arrays)
    samples = [node.op.name for node in net.inputs if has_samples(node)]
    for name in samples:
        if 0 in arrays[name].shape[:1]:
            raise InvalidValue(f"there are no samples to train on (the first axis of {name!r} has length 0)")
    problem = Problem(net, start, arrays, remat)
    try:
        problem.compile(backend, dtype)
    except ShapeError:
        if samples:
            sample_count(arrays, samples)  # lengths that differ are named
        raise
    history, point = History(), problem.point

    def record(intermediate_result: Any) -> None:
        nonlocal point
        with interrupts.shield():
            point = intermediate_result.x.copy()
            history.loss.append(float(intermediate_result.fun))

    with np.errstate(all="ignore"), Interrupts() as interrupts:
        value, slope = problem(point)
        if not (math.isfinite(value) and np.isfinite(slope).all()):
            for name, array in problem.arrays.items():
                refuse_bad(name, ~np.isfinite(array.astype(stored(dtype), copy=False)))
            what = f"the loss is {value}" if not math.isfinite(value) else "the gradient is not finite"
            raise Diverged(f"{what} at the start, although data and parameters are finite", START)
        history.loss.append(value)
        try:
            end = optimize.minimize(
                problem,
                point,
                jac=True,
                method="L-BFGS-B",
                callback=record,
                options={"maxiter": steps, "maxfun": 20 * steps + 20, "maxcor": memory, "gtol": tolerance, "ftol": 0.0},
            )
            point = end.x
            if np.abs(end.jac).max() <= tolerance:
                history.stopped = "converged"
            elif len(history.loss) <= steps:
                history.stopped = "no better step"
        except KeyboardInterrupt:
            history.stopped = "interrupted"
    return Fitted(problem.at(point), history)


def has_samples(node: Node) -> bool:
    """Whether the first axis of an input has an unknown length."""
    return is_known(node.shape) and bool(node.shape) and not isinstance(node.shape[0], int)


class Problem:
    """A loss and its gradient as a function of one vector: the parameters that move."""

    def __init__(self, net: Net, start: Parameters, arrays: Mapping[str, NumpyArray], remat: str | int | None):
        leaves = moved(net, None)
        if not leaves:
            raise InvalidValue("the loss has no parameter to move (give one: sf.parameter, or a layer with a body)")
        every = leaves == [leaf for leaf in net.leaves if leaf.op.role == "parameter"]
        wrt = None if every else [name for leaf in leaves for name in listed(leaf)]
        self.net, self.start, self.arrays = value_and_grad(net, wrt, remat), start, arrays
        self.leaves = leaves
        self.point = np.concatenate([start.array_of(leaf).ravel() for leaf in leaves])

    def compile(self, backend: str, dtype: str) -> None:
        net = rolled(self.net)
        self.params = Parameters(layout_of(net))
        self.params.load(self.start)
        shapes = {name: array.shape for name, array in self.arrays.items()}
        self.program = program_of(net, shapes, self.params, backend, dtype)
        self.program.feed(self.arrays)

    def put(self, point: NumpyArray, params: Parameters) -> None:
        """Write a vector into parameters."""
        ends = np.cumsum([prod(int(size) for size in leaf.shape) for leaf in self.leaves])
        for leaf, part in zip(self.leaves, np.split(point, ends[:-1]), strict=True):
            if params.layout.once:
                params.array_of(leaf)[...] = part.reshape(leaf.shape)
            else:  # the leaves are single ones, and their names may have several places
                params[leaf.op.names[0]] = part.reshape(leaf.shape)

    def __call__(self, point: NumpyArray) -> tuple[float, NumpyArray]:
        self.put(point, self.params)
        self.program.run()
        value, *slopes = self.program.outputs
        check_single(np.shape(value))
        return float(value), np.concatenate([np.asarray(slope, dtype=float).ravel() for slope in slopes])

    def at(self, point: NumpyArray) -> Parameters:
        """The parameters at a vector."""
        params = self.start.copy()
        self.put(point, params)
        return params
