"""Accumulation: the gradients of several micro-batches make one update, as the gradient of one large batch would.

Between updates a training step adds up gradients, in slots of their own, and leaves everything else alone. Means are
weighted by the sizes of the micro-batches; the last update of an epoch may have fewer of them. A net with batch norm is
refused, since its means are over a micro-batch, and so is every net whose samples depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symfold.core.functions import greater_equal, logical_or, where
from symfold.core.leaves import Fixed, Input, number
from symfold.core.net import Net
from symfold.core.nodes import Node, substitute
from symfold.core.stacked_inputs import Leaf
from symfold.errors import InvalidValue
from symfold.training.objective.samples import joined
from symfold.training.objective.statistics import takes_statistics
from symfold.training.objective.terms import Terms, divided, operation_name, summed, terms_of
from symfold.training.optimizers import Moving
from symfold.training.optimizers.optimizer import slot_of
from symfold.training.step_counter import STEP


def counter(name: str) -> Node[Input]:
    """A number that starts at zero."""
    return Node(Input(name, (), "parameter", Fixed(0.0, 0.0)))


COUNT = counter("accumulated_batches")  # since the last update
SIZE = counter("accumulated_size")  # their samples, or the sum of their weights
PLACE = counter("batch_of_epoch")


@dataclass(frozen=True)
class Accumulation:
    """How many micro-batches make an update, and how many an epoch, if known: its last update may have fewer.

    `weights` is the input that holds the weights of the samples, if they have some.
    """

    every: int
    epoch: int | None = None
    weights: Leaf | None = None

    @property
    def rest(self) -> bool:
        """Whether the last update of an epoch has fewer micro-batches."""
        return self.epoch is not None and self.epoch % self.every > 0

    @property
    def due(self) -> Node:
        """1 if the update is due after this micro-batch, else 0."""
        full = Node(greater_equal, (COUNT + 1, number(self.every)))
        return Node(logical_or, (full, self.last)) if self.rest else full

    @property
    def last(self) -> Node:
        """1 for the last micro-batch of an epoch, else 0."""
        assert self.epoch is not None
        return Node(greater_equal, (PLACE + 1, number(self.epoch)))

    def signature(self, loss: Net) -> tuple[Leaf, ...]:
        """The leaves that a step takes."""
        return loss.leaves if self.weights is None else (*loss.leaves, self.weights)

    def terms(self, loss: Net) -> Terms:
        """The terms of a loss, which must be means over samples or sums over samples, not both.

        What reads the step counter (dropout) gets the number of micro-batches.
        """
        if takes_statistics(loss):
            raise InvalidValue(
                f"accumulate={self.every} does not go with batch norm, whose mean is over a micro-batch, so that the "
                "update is not that of one large batch (give a larger batch_size, or the net of sf.keep_statistics)"
            )
        outputs = substitute(loss.outputs, {STEP: STEP * self.every + COUNT})
        terms = terms_of(Net(outputs), "accumulate and weights", self.weights)
        if (node := joined(terms.each)) is not None:
            raise InvalidValue(
                f"accumulate={self.every} needs samples that do not depend on each other, and "
                f"{operation_name(node)} joins those of a micro-batch, so that the update is not that of one large "
                "batch (give a larger batch_size)"
            )
        if terms.averaged and terms.summed:
            raise InvalidValue(
                "accumulate needs a loss that is a mean or a sum over samples, and this one adds a mean to a sum "
                "(use means or sums throughout)"
            )
        if terms.ratios:
            sizes = {below for _, below in terms.ratios}
            if terms.averaged or terms.summed or len(sizes) > 1:
                raise InvalidValue(
                    "accumulate cannot add up a mean under a mask, or weighted by data, beside other terms of samples "
                    "(use one such mean, or several of the same mask and weights)"
                )
            terms.averaged, terms.sizes = [above for above, _ in terms.ratios], [*sizes]
        return terms

    def objective(self, terms: Terms) -> Node:
        """What the gradients of micro-batches are taken of; terms without samples count once per update."""
        if terms.averaged:
            return summed([*terms.averaged, *(terms.size * term for term in terms.rest)])
        return summed([*terms.summed, *(self.due * term for term in terms.rest)])

    def value(self, terms: Terms, objective: Node) -> Node:
        """The loss of a micro-batch, from the objective."""
        if terms.averaged:
            return divided(objective, terms.size)
        return summed([objective, *((1 - self.due) * term for term in terms.rest)])

    def gathered(self, terms: Terms, moving: Sequence[Moving]) -> tuple[list[Moving], dict[Leaf, Node]]:
        """The parameters with the gradients of the update, and the next values of the slots of accumulation."""
        slots: dict[Leaf, Node] = {COUNT: COUNT + 1}
        size: Node = number(1)
        if terms.averaged:
            slots[SIZE] = size = SIZE + terms.size
        entries = []
        for entry in moving:
            leaf = slot_of(entry.leaf, "accumulated")
            slots[leaf] = leaf + entry.gradient
            total = divided(slots[leaf], size) if terms.averaged else slots[leaf]
            entries.append(entry._replace(gradient=total))
        after: dict[Leaf, Node] = {leaf: Node(where, (self.due, leaf * 0, value)) for leaf, value in slots.items()}
        if self.rest:
            after[PLACE] = Node(where, (self.last, number(0), PLACE + 1))
        return entries, after

    def held(self, after: Node, before: Node) -> Node:
        """A value that changes with an update only."""
        return Node(where, (self.due, after, before))
