"""An optimizer: a mapper whose state is the parameter with its slots, and whose item is the gradient."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from symfold.base.arguments import quoted
from symfold.base.facts import counted
from symfold.core.conversion import as_node
from symfold.core.leaves import Input, Normal, parameter, tensor
from symfold.core.names import leaves_of
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.shapes import Shape, differ, show
from symfold.core.stacked_inputs import Leaf, Names, Numbered, StackedInputs
from symfold.errors import InvalidValue, ShapeError
from symfold.show.notation import formula
from symfold.training.optimizers.schedules import at_step
from symfold.training.step_counter import STEP

Path = tuple[int, ...]  # the parts of composed optimizers that lead to the rule of a parameter


@dataclass(frozen=True)
class PerParameter:
    """A slot of one number per parameter, such as a step counter; its axes have size 1, to broadcast.

    >>> steps = PerParameter("steps")
    >>> Optimizer("counting", lambda w, g, steps: (w - g / (steps + 1), steps + 1), (steps,)).slots
    (PerParameter(name='steps'),)
    """

    name: str


@dataclass(frozen=True)
class Shared:
    """A slot of one number for all parameters: the rule must give the same next value for each of them.

    >>> steps = Shared("steps")
    >>> Optimizer("counting", lambda w, g, steps: (w - g / (steps + 1), steps + 1), (steps,)).slots
    (Shared(name='steps'),)
    """

    name: str


Slot = str | PerParameter | Shared


def slot_name(slot: Slot) -> str:
    return slot if isinstance(slot, str) else slot.name


class Moving(NamedTuple):
    """A parameter or a family in a training step: its leaf, its value, its gradient and the path to its rule."""

    leaf: Leaf
    value: Node
    gradient: Node
    path: Path = ()


@dataclass(frozen=True, repr=False)
class Optimizer:
    """An update rule: `rule(parameter, gradient, *slots, **settings)` returns the next parameter and slots.

    Slots start at zero. A slot given as a name has the shape of the parameter. Settings that are schedules reach the
    rule as nodes over the step counter.

    >>> from symfold.core.leaves import tensor
    >>> plain = Optimizer("plain", lambda w, g, rate: (w - rate * g,), settings=(("rate", 0.5),))
    >>> plain, plain.update(tensor("w"), tensor("g"))
    (plain(rate=0.5), (w - 0.5*g,))
    """

    name: str
    rule: Callable[..., Sequence[Node]]
    slots: tuple[Slot, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()

    def update(self, parameter: Node, gradient: Node, *slots: Node) -> Sequence[Node]:
        """The next parameter and slots."""
        after = self.rule(parameter, gradient, *slots, **self._settings_at_step)
        names = ["the parameter", *(f"the slot {slot_name(slot)!r}" for slot in self.slots)]
        if not isinstance(after, (list, tuple)) or len(after) != len(names):
            raise InvalidValue(
                f"the rule of the optimizer {self.name!r} gave {quoted(after)}, which is not a tuple of "
                f"{counted(len(names), 'value')} (give the next value of {', '.join(names)})"
            )
        nodes = tuple(map(as_node, after))
        for name, before, node in zip(names, (parameter, *slots), nodes, strict=True):
            if differ(node.shape, before.shape):
                raise ShapeError(
                    f"the rule of the optimizer {self.name!r} gave a value of shape {show(node.shape)} for {name} "
                    f"of shape {show(before.shape)} (they must be equal)"
                )
        return nodes

    def updates(self, moving: Sequence[Moving], scope: str = "") -> tuple[list[Node], dict[Leaf, Node]]:
        """The next values of parameters, and those of their slots by leaf: a step of the whole tree of parameters."""
        parameters: list[Node] = []
        slots: dict[Leaf, Node] = {}
        for entry in moving:
            leaves = [slot_of(entry.leaf, slot, scope) for slot in self.slots]
            after, *new_slots = self.update(entry.value, entry.gradient, *leaves)
            parameters.append(after)
            for slot, leaf, node in zip(self.slots, leaves, new_slots, strict=True):
                if slots.setdefault(leaf, node) != node:
                    raise InvalidValue(
                        f"the rule of the optimizer {self.name!r} gave several values for the shared slot "
                        f"{slot_name(slot)!r} (one number for all parameters depends on none of them; else use "
                        "PerParameter)"
                    )
        return parameters, slots

    def path_of(self, name: str) -> Path:
        """The path to the rule of a parameter."""
        return ()

    def at(self, path: Path) -> Optimizer:
        """The optimizer of one rule at a path."""
        return self

    def unused(self, paths: Collection[Path]) -> list[str]:
        """The groups that none of these paths leads to."""
        return []

    @property
    def paths(self) -> list[Path]:
        """The paths to all rules."""
        return [()]

    @property
    def tells_names_apart(self) -> bool:
        """Whether the path depends on the name."""
        return False

    @property
    def is_frozen(self) -> bool:
        """Whether parameters stay, so that no gradient is needed."""
        return self.rule is stay

    @property
    def _settings_at_step(self) -> dict[str, Any]:
        return {name: at_step(value) for name, value in self.settings}

    def net(self, shape: Shape = ()) -> Net:
        """The update as a net: the next values of a parameter `w` of gradient `g`, its slots and the step counter.

        A composed optimizer has a parameter per rule.

        >>> import symfold as sf
        >>> print(sf.sgd(0.1, momentum=0.9).net())
        u = 0.9*velocity_w + g
        y[w] = w - 0.1*u
        y[velocity_w] = u
        """
        paths = [path for path in self.paths if not self.at(path).is_frozen]
        marks = [str(k + 1) for k in range(len(paths))] if len(paths) > 1 else [""] * len(paths)
        moving = []
        for mark, path in zip(marks, paths, strict=True):
            leaf = parameter(f"w{mark}", shape)
            moving.append(Moving(leaf, leaf, tensor(f"g{mark}", shape), path))
        parameters, slots = self.updates(moving)
        leaves = [*(entry.leaf for entry in moving), *slots]
        after = {leaf.op.names[0]: node for leaf, node in zip(leaves, [*parameters, *slots.values()], strict=True)}
        return Net.of({**after, **({"step": STEP + 1} if STEP in leaves_of(after.values()) else {})})

    def formula(self, style: str = "text") -> str:
        """The update as formulas."""
        return formula(self.net(), style=style)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.settings)})"


def stay(w: Node, g: Node) -> tuple[Node]:
    """The rule of frozen parameters."""
    return (w,)


def slot_of(leaf: Leaf, slot: Slot, scope: str = "") -> Leaf:
    """The slot of a parameter, as a parameter of the step that starts at zero."""
    op, name = leaf.op, slot_name(slot)
    if isinstance(slot, Shared):
        return Node(Input(f"{name}{scope}", (), "parameter", Normal(0.0, 0.0)))
    shape = (1,) * len(op.shape) if isinstance(slot, PerParameter) else op.shape
    if isinstance(op, StackedInputs):
        names: Names = (
            replace(op.names, prefix=f"{name}_{op.names.prefix}")
            if isinstance(op.names, Numbered)
            else tuple(f"{name}_{n}" for n in op.names)
        )
        return Node(StackedInputs(names, shape, "parameter", Normal(0.0, 0.0)))
    return Node(Input(f"{name}_{op.name}", shape, "parameter", Normal(0.0, 0.0)))
