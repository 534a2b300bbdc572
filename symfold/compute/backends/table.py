"""The table of backends: one row per backend, and every fact about the backend in its row.

A row is added by one call of `backend`, in this package or in a user's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from symfold.compute.backends.stacks import Stack
from symfold.compute.parameters import Parameters
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.errors import InvalidValue, MissingPackage

DTYPES = ("float64", "float32")
Shapes = Mapping[str, tuple[int, ...]]


class Program(Protocol):
    """A net for one set of input shapes: `feed`, `run`, then `outputs` or `results`."""

    @property
    def outputs(self) -> Sequence[Any]:
        """The outputs of the latest run; the next run may overwrite them."""

    def feed(self, given: Mapping[str, Any], /) -> None:
        """Put the values of the inputs in place."""

    def run(self) -> None:
        """Compute the outputs from the inputs and the parameters."""

    def results(self) -> list[Any]:
        """The outputs as NumPy arrays of their own."""

    @property
    def source(self) -> str:
        """The generated source."""


@dataclass(frozen=True)
class Update:
    """The training step of a loss, and the parameters that it moves: all that a backend needs for a training.

    `net` gives the loss on a batch and then, in their order, every one of `moved` after the step: leaves of the layout
    of `start`, or runs of the members of stacked inputs (`Layout.place` says where each lies). `start` holds the initial
    parameters, slots of the optimizer (momentum's velocities) among them; the rule of the optimizer is part of the net.
    """

    net: Net
    moved: tuple[Node, ...]
    start: Parameters


class Training(Protocol):
    """A training under way: `fit` says what to train on, a backend takes the steps.

    `fit` calls `run` for one stack of batches after the other, and reads `state` between calls only if someone asks
    (a metric, the end), so a backend may keep the parameters where it computes.
    """

    def run(self, stack: Stack) -> Sequence[float]:
        """Take a step for each batch of the stack, in order; return the losses, each before its update.

        If a loss is not finite, its update is not made, nothing after it is done, and it is the last of the losses: fewer
        losses than batches, or a last one that is not finite, say at which step. That check must not cost one call per step.
        Stacks have shapes of their own from call to call (the rest of an epoch is smaller), their arrays any real type;
        one holds an epoch at most, or a few small ones.
        """

    @property
    def state(self) -> Parameters:
        """The parameters and slots after the steps that were made."""

    @property
    def good(self) -> Parameters:
        """Those before the last step that was made: where the last finite loss was computed."""


@dataclass(frozen=True)
class Backend:
    """What is known about one backend.

    - `program(net, shapes, params, dtype)` makes a program of a net, for inputs of these shapes.
    - `training(update, dtype)` makes a training that takes many steps in one call; without it, programs take one step each.
    - `supports(node)` says whether there is code for an operation; `backend="auto"` asks it.
    - `package` is the optional package that it needs, which the extra of the backend's name installs.
    - `dtypes` are the types of numbers that it computes with.
    """

    name: str
    program: Callable[[Net, Shapes, Parameters, str], Program]
    training: Callable[[Update, str], Training] | None = None
    supports: Callable[[Node], bool] = lambda node: True
    package: str | None = None
    dtypes: tuple[str, ...] = DTYPES

    @property
    def installed(self) -> bool:
        return self.package is None or find_spec(self.package) is not None

    def check(self, dtype: str) -> None:
        """An error if the backend's package is missing, or if it does not compute with this type of numbers."""
        if not self.installed:
            raise MissingPackage(
                f"backend={self.name!r} needs the package {self.package}, which is not installed (pip install 'symfold[{self.name}]')"
            )
        if dtype not in self.dtypes:
            raise InvalidValue(
                f"the {self.name} backend computes in {', '.join(self.dtypes)} only, got dtype={dtype!r} (leave dtype out, or choose another backend)"
            )


BACKENDS: dict[str, Backend] = {}


def backend(row: Backend) -> Backend:
    """Add the row of a backend; `compile` and `fit` know it from now on."""
    BACKENDS[row.name] = row
    return row


def installed() -> list[str]:
    """The names of the backends whose package is installed."""
    return [name for name, row in BACKENDS.items() if row.installed]
