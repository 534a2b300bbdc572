"""The table of backends: one row per backend, with every fact about it.

One call of `backend` adds a row, here or in a user's code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol

from symfold.base.arguments import NumpyArray
from symfold.compute.backends.stacks import Stack
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.stacked_inputs import Leaf
from symfold.errors import InvalidValue, MissingPackage

DTYPES = ("float64", "float32", "bfloat16")
FULL = DTYPES[:2]  # those that every number of a program may have
Shapes = Mapping[str, tuple[int, ...]]


class Program(Protocol):
    """A net for one set of input shapes: `feed`, `run`, then `outputs` or `results`."""

    @property
    def outputs(self) -> Sequence[Any]:
        """The outputs of the latest run; the next run may overwrite them."""

    def feed(self, given: Mapping[str, NumpyArray], /) -> None:
        """Put the values of the inputs in place."""

    def run(self) -> None:
        """Compute the outputs from the inputs and the parameters."""

    def results(self) -> Sequence[Any]:
        """The outputs as NumPy arrays that no later run overwrites."""

    @property
    def source(self) -> str:
        """The generated source."""


@dataclass(frozen=True)
class Update:
    """The training step of a loss and the parameters that it moves: all that a backend needs for a training.

    The outputs of `net` are the loss on a batch, then the new values of `moved`, in order: leaves of the layout of
    `start`, or slices of stacked inputs (`Layout.place` gives their places). `start` holds the initial parameters
    and the slots of the optimizer, such as velocities; the rule of the optimizer is part of the net.
    """

    net: Net
    moved: tuple[Leaf, ...]
    start: Parameters


class Training(Protocol):
    """A training in progress: `fit` supplies the batches, a backend takes the steps.

    `fit` calls `run` for one stack after another and reads `state` between calls only if a metric or the end
    requires it, so a backend may keep the parameters on its device.
    """

    def run(self, stack: Stack) -> Sequence[float]:
        """Take a step for each batch of the stack, in order; return the losses, each before its update.

        The first loss that is not finite ends the run without its update and is the last one returned. The check
        must not cost one call per step. Shapes of stacks may differ between calls (the rest of an epoch is
        smaller), and arrays may have any real type; a stack holds at most one epoch, or a few small ones.
        """

    @property
    def state(self) -> Parameters:
        """The parameters and slots after the last step."""

    @property
    def good(self) -> Parameters:
        """The parameters and slots before the last step, at which the last finite loss was computed."""


def stored(dtype: str) -> str:
    """The type of the arrays of a program: in bfloat16, only the factors of products are rounded to it.

    >>> stored("bfloat16"), stored("float64")
    ('float32', 'float64')
    """
    return "float32" if dtype == "bfloat16" else dtype


@dataclass(frozen=True)
class Backend:
    """The facts about one backend.

    - `program(net, shapes, params, dtype)`: the program of a net for inputs of these shapes.
    - `training(update, dtype)`: a training that takes many steps per call; without it, a program takes each step.
    - `supports(node)`: whether there is code for an operation, for `backend="auto"`.
    - `package`: the optional package that it needs; the extra of the backend's name installs it.
    - `dtypes`: the types of numbers that it computes with.
    - `warns`: whether its programs may raise warnings of NumPy about infinite or undefined numbers.
    - `processes()`: the number of processes that take the same steps together, so that their calls must be the same.

    >>> BACKENDS["numpy"].installed, BACKENDS["jax"].package, BACKENDS["native"].dtypes
    (True, 'jax', ('float64', 'float32'))
    """

    name: str
    program: Callable[[Net, Shapes, Parameters, str], Program] = field(repr=False)
    training: Callable[[Update, str], Training] | None = field(default=None, repr=False)
    supports: Callable[[Node], bool] = field(default=lambda node: True, repr=False)
    package: str | None = None
    dtypes: tuple[str, ...] = FULL
    warns: bool = True
    processes: Callable[[], int] = field(default=lambda: 1, repr=False)

    @property
    def installed(self) -> bool:
        """Whether its package can be imported."""
        return self.package is None or find_spec(self.package) is not None

    def check(self, dtype: str) -> None:
        """Raise an error if the backend's package is missing or it does not support this dtype."""
        if not self.installed:
            raise MissingPackage(
                f"backend={self.name!r} needs the package {self.package}, which is not installed "
                f"(pip install 'symfold[{self.name}]')"
            )
        if dtype not in self.dtypes:
            others = [name for name, row in BACKENDS.items() if dtype in row.dtypes]
            advice = f", or choose backend={others[0]!r}" if others else ""
            raise InvalidValue(
                f"the {self.name} backend computes in {', '.join(self.dtypes)} only, got dtype={dtype!r} "
                f"(leave dtype out{advice})"
            )


BACKENDS: dict[str, Backend] = {}


def backend(row: Backend) -> Backend:
    """Add the row of a backend, for `compile` and `fit`."""
    BACKENDS[row.name] = row
    return row


def installed() -> list[str]:
    """The names of the backends whose package is installed."""
    return [name for name, row in BACKENDS.items() if row.installed]
