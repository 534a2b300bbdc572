"""Composed optimizers: gradients changed before other optimizers, and optimizers for groups of parameters.

clipped       gradients scaled down if their norm, over all of them, is large
decayed       gradients with that of a weight decay
groups        an optimizer for each group of parameters, by names
frozen        no optimizer: parameters that stay
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from symfold.base.arguments import quoted
from symfold.base.public import public
from symfold.core.nodes import Node
from symfold.core.primitives import reduce_sum
from symfold.core.stacked_inputs import Leaf
from symfold.errors import InvalidType, InvalidValue, listing
from symfold.training.optimizers.optimizer import Moving, Optimizer, Path, stay
from symfold.training.optimizers.rules import decayed_gradient
from symfold.training.optimizers.schedules import Setting, setting

Pattern = str | Callable[[str], bool]
EVERY = "*"


@dataclass(frozen=True, repr=False)
class Composed(Optimizer):
    """Optimizers of parts of the parameters, after a change of all gradients.

    `rule(parameters, gradients, **settings)` returns the gradients; a parameter belongs to the first part whose pattern
    matches its name.
    """

    parts: tuple[tuple[Pattern, Optimizer], ...] = ()

    def updates(self, moving: Sequence[Moving], scope: str = "") -> tuple[list[Node], dict[Leaf, Node]]:
        """The next values of parameters, and those of their slots by leaf."""
        values, gradients = [entry.value for entry in moving], [entry.gradient for entry in moving]
        changed = self.rule(values, gradients, **self._settings_at_step)
        parameters = list(values)
        slots: dict[Leaf, Node] = {}
        for number, (_, part) in enumerate(self.parts):
            places = [k for k, entry in enumerate(moving) if entry.path[0] == number]
            entries = [moving[k]._replace(gradient=changed[k], path=moving[k].path[1:]) for k in places]
            after, part_slots = part.updates(entries, f"{scope}_{number + 1}" if len(self.parts) > 1 else scope)
            slots |= part_slots
            for k, node in zip(places, after, strict=True):
                parameters[k] = node
        return parameters, slots

    def path_of(self, name: str) -> Path:
        """The path to the rule of a parameter."""
        for number, (pattern, part) in enumerate(self.parts):
            if fnmatchcase(name, pattern) if isinstance(pattern, str) else pattern(name):
                return number, *part.path_of(name)
        raise InvalidValue(
            f"the parameter {name!r} is in none of the groups {listing(quoted(pattern) for pattern, _ in self.parts)} "
            "(give an optimizer for the others: otherwise=sf.adam(), or otherwise=sf.optimizers.frozen())"
        )

    def at(self, path: Path) -> Optimizer:
        """The optimizer of one rule at a path."""
        return self.parts[path[0]][1].at(path[1:])

    def unused(self, paths: Collection[Path]) -> list[str]:
        """The groups that none of these paths leads to; the last one for all others may be empty."""
        names: list[str] = []
        for number, (pattern, part) in enumerate(self.parts):
            below = {path[1:] for path in paths if path[0] == number}
            if below:
                names += part.unused(below)
            elif pattern != EVERY:
                names.append(quoted(pattern))
        return names

    @property
    def paths(self) -> list[Path]:
        """The paths to all rules."""
        return [(number, *rest) for number, (_, part) in enumerate(self.parts) for rest in part.paths]

    @property
    def tells_names_apart(self) -> bool:
        """Whether the path depends on the name."""
        return len(self.parts) != 1 or self.parts[0][0] != EVERY or self.parts[0][1].tells_names_apart

    def __repr__(self) -> str:
        settings = [f"{name}={value!r}" for name, value in self.settings]
        if self.rule is not _unchanged:
            return f"{self.name}({', '.join([repr(self.parts[0][1]), *settings])})"
        *chosen, (last, otherwise) = self.parts
        if last != EVERY:
            return f"{self.name}({{{', '.join(f'{pattern!r}: {part!r}' for pattern, part in self.parts)}}})"
        return f"{self.name}({{{', '.join(f'{key!r}: {part!r}' for key, part in chosen)}}}, otherwise={otherwise!r})"


def _unchanged(parameters: Sequence[Node], gradients: Sequence[Node]) -> Sequence[Node]:
    return gradients


@public
def clipped(optimizer: Optimizer, norm: Setting = 1.0) -> Optimizer:
    """An optimizer whose gradients, all together, have at most this Euclidean norm (Pascanu, Mikolov and Bengio 2013).

    The gradients are those of the parameters that move; the scale is that of `torch.nn.utils.clip_grad_norm_`.

    >>> import symfold as sf
    >>> clipped(sf.sgd(0.1), norm=2.0)
    clipped(sgd(rate=0.1), norm=2.0)
    >>> print(clipped(sf.sgd(0.1), norm=2.0).formula())
    y[w] = w - 0.1*Min(1, 2.0/(sqrt(sum(g**2)) + 1.0e-6))*g
    """
    settings = (("norm", setting("norm", norm, 0, strict=True)),)
    return Composed("clipped", _clipped, settings=settings, parts=((EVERY, checked(optimizer)),))


def _clipped(parameters: Sequence[Node], gradients: Sequence[Node], norm: Setting) -> Sequence[Node]:
    if not gradients:
        return gradients
    squares = [reduce_sum(gradient**2, axis=None, keepdims=False) for gradient in gradients]
    scale = np.minimum(norm / (np.sqrt(sum(squares[1:], squares[0])) + 1e-6), 1)
    return [scale * gradient for gradient in gradients]


@public
def decayed(optimizer: Optimizer, weight_decay: Setting) -> Optimizer:
    """An optimizer whose gradients include that of weight_decay * sum(w**2) / 2.

    >>> import symfold as sf
    >>> print(decayed(sf.sgd(0.1), 0.01).formula())
    y[w] = w - 0.1*(g + 0.01*w)
    """
    settings = (("weight_decay", setting("weight_decay", weight_decay, 0)),)
    return Composed("decayed", _decayed, settings=settings, parts=((EVERY, checked(optimizer)),))


def _decayed(parameters: Sequence[Node], gradients: Sequence[Node], weight_decay: Setting) -> Sequence[Node]:
    return [decayed_gradient(w, g, weight_decay) for w, g in zip(parameters, gradients, strict=True)]


@public
def groups(
    optimizers: Mapping[Pattern, Optimizer] | Iterable[tuple[Pattern, Optimizer]], otherwise: Optimizer | None = None
) -> Optimizer:
    """An optimizer per group of parameters: by a pattern of their names (`"W*"`), or a function of a name.

    The first match counts; `otherwise` is for the rest. In a call of `fit`, every group must have a parameter.

    >>> import symfold as sf
    >>> groups({"W1": frozen(), "W*": sf.adam(1e-4)}, otherwise=sf.sgd(0.1))
    groups({'W1': frozen(), 'W*': adam(rate=0.0001)}, otherwise=sgd(rate=0.1))
    """
    pairs: list[tuple[Pattern, Optimizer]] = []
    if isinstance(optimizers, (str, bytes)) or not isinstance(optimizers, (Mapping, Iterable)):
        raise InvalidType(f"groups={quoted(optimizers)} is not a mapping (as {{'W*': sf.adam(1e-3)}})")
    for pair in optimizers.items() if isinstance(optimizers, Mapping) else optimizers:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InvalidType(f"{quoted(pair)} is not a group (as ('W*', sf.adam(1e-3)))")
        pattern, optimizer = pair
        if not isinstance(pattern, str) and not callable(pattern):
            raise InvalidType(f"{quoted(pattern)} is neither a pattern of names nor a function of one (as 'W*')")
        pairs.append((pattern, checked(optimizer)))
    if otherwise is not None:
        pairs.append((EVERY, checked(otherwise)))
    if not pairs:
        raise InvalidValue("there are no groups (give optimizers by names, as {'W*': sf.adam(1e-3)})")
    return Composed("groups", _unchanged, parts=tuple(pairs))


@public
def frozen() -> Optimizer:
    """No optimizer: its parameters stay as they are, and no gradient of theirs is computed.

    >>> import symfold as sf
    >>> w, v = sf.parameter("w"), sf.parameter("v")
    >>> optimizer = groups({"v": frozen()}, otherwise=sf.sgd(0.5))
    >>> sf.fit(sf.Net.of((w - v) ** 2), {"w": 3.0, "v": 1.0}, batches=[{}], optimizer=optimizer).params["w"].item()
    1.0
    """
    return Optimizer("frozen", stay)


def checked(optimizer: object) -> Optimizer:
    """An optimizer, or an error."""
    if not isinstance(optimizer, Optimizer):
        hint = "as sf.sgd(0.01)"
        if isinstance(optimizer, str):
            hint = f"write sf.optimizers.{optimizer}(0.01)" if optimizer.isidentifier() else hint
        elif callable(optimizer):
            hint = f"call it: sf.optimizers.{getattr(optimizer, '__name__', 'adam')}(0.01)"
        raise InvalidType(f"optimizer={quoted(optimizer)} is not an optimizer ({hint})")
    return optimizer
