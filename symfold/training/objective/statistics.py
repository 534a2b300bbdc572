"""Batch statistics frozen as parameters of their layers.

    (z - mean(z)) / sqrt(mean((z - mean(z))**2) + e)   ->   (z - mean) / sqrt(variance + e)

The input of a layer depends on the statistics of earlier layers, so the net is evaluated once on the whole data, step
by step, and each layer keeps the statistics that it took. On these data both nets agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import arrays_of
from symfold.base.public import public
from symfold.compute.evaluate import Evaluator, as_numbers
from symfold.compute.parameters import Parameters, layout_of, parameters_of
from symfold.core.blocks import Block, Call, is_name, trace
from symfold.core.folds import Fold, fold_nodes
from symfold.core.leaves import Input
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, walk
from symfold.core.primitives import is_apply, is_primitive, reduce_mean
from symfold.core.sequences import rebuilt_sequence
from symfold.core.shapes import is_known
from symfold.core.stacked_inputs import StackedInputs
from symfold.errors import InvalidValue
from symfold.frontend.images import MEAN, VARIANCE
from symfold.frontend.named_layers import weight_name, weight_names
from symfold.transform.inlining import inlined
from symfold.transform.specialize import with_shapes

Key = tuple[str, int]  # "mean" or "variance", and its number in a body
Leaves = tuple[Node, ...]  # the statistics of a layer, or of a sequence of layers, as parameters


@public
def keep_statistics(net: object, params: Mapping[str, object], data: Mapping[str, object]) -> tuple[Net, Parameters]:
    """The net with the batch statistics of these data as parameters of its norms, and its parameters including these.

    This is the evaluation form of batch norms; that of dropout is the net as written (`sf.training_form`).

    `data` holds an array for every input, samples first. On these data the outputs stay the same; on others each
    sample's result is independent. A norm applied several times to values of different statistics is an error.

    >>> import numpy as np, symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.batch_norm(2)), sf.tensor("x", (None, 2, 3, 3)))
    >>> images = np.arange(36.0).reshape(2, 2, 3, 3)
    >>> kept, params = keep_statistics(net, net.init(), {"x": images})
    >>> [name for name in params if name not in net.init()], params["mean1"].ravel()
    (['mean1', 'mean2', 'variance1', 'variance2'], array([13., 22.]))
    >>> np.allclose(kept(params, x=images[:1]), net(net.init(), x=images)[:1])
    True
    """
    original = Net.of(net)
    weights = parameters_of(params, layout_of(original))
    arrays = arrays_of(data, [node.op.name for node in original.inputs])
    for name, array in arrays.items():
        if 0 in array.shape[:1]:
            raise InvalidValue(f"there are no samples to take statistics of (the first axis of {name!r} has length 0)")
    values = {name: as_numbers(name, value) for name, value in {**weights, **arrays}.items()}
    evaluator = StatisticsEvaluator(values)
    with np.errstate(all="ignore"):
        evaluator.run(with_shapes(original, {name: values[name].shape for name in arrays}).outputs)
    for layer, found in evaluator.statistics.items():
        if not all(np.isfinite(value).all() for value in found.values()):
            raise InvalidValue(
                f"the statistics of layer {layer} are not finite (leave out the samples with nan or inf, or scale them)"
            )
    prefixes = _prefixes(set(weights), evaluator.statistics)
    statistics = {
        layer: {prefixes[key]: value for key, value in layer_statistics.items()}
        for layer, layer_statistics in evaluator.statistics.items()
    }
    result = original.with_outputs(Freezer(statistics).frozen(original.outputs, {}, {}))
    if takes_statistics(result):
        raise InvalidValue(
            "the net takes a mean over its batch outside of the body of a layer, so there is no name for it "
            "(apply it as a layer: sf.batch_norm)"
        )
    named = {
        weight_name(prefix, layer): value
        for layer, layer_statistics in statistics.items()
        for prefix, value in layer_statistics.items()
    }
    result_params = Parameters(layout_of(result))
    result_params.load({**weights, **named})
    return result, result_params


def is_statistic(node: Node) -> bool:
    """Whether a node is the mean of each channel, axis 1, over samples and positions.

    >>> import symfold as sf
    >>> rows = sf.tensor("x", (None, 3))
    >>> [is_statistic(rows.mean(axis=axis, keepdims=True)) for axis in (0, 1)]
    [True, False]
    """
    if not (is_primitive(node, reduce_mean) and is_apply(node)):
        return False
    (value,), attributes = node.args, dict(node.op.attributes)
    axis = attributes["axis"]
    if axis is None or not attributes["keepdims"]:
        return False
    rank = len(value.shape) if is_known(value.shape) else len(axis) + 1  # of a body that reads values of any shape
    return sorted(k % rank for k in axis) == [0, *range(2, rank)]


def takes_statistics(net: Net) -> bool:
    """Whether a net takes a mean over its batch, in layers or outside of them."""
    written = Net(inlined(net.outputs))
    roots = (written.outputs, *(block.results for block in written.blocks))
    return any(is_statistic(node) for values in roots for node in walk(values))


def statistics_of(body: Block) -> dict[Key, Node]:
    """The means over a batch in a body (not in layers inside it): first mean, first variance, second mean, ..."""
    statistics: dict[Key, Node] = {}
    for node in walk(body.results):
        if is_statistic(node):
            stem = "variance" if _is_centered_square(node.args[0]) else "mean"
            statistics[stem, sum(key[0] == stem for key in statistics)] = node
    return statistics


def _is_centered_square(node: Node) -> bool:
    """Whether a value is the square of a difference from a mean."""
    return node.op is sp.Pow and any(is_statistic(part) for term in node.args[0].args for part in term.args)


class StatisticsEvaluator(Evaluator):
    """The numbers of a net, and the batch statistics of its layers by name."""

    def __init__(self, values: Mapping[str, object]):
        super().__init__(values)
        self.statistics: dict[str, dict[Key, Any]] = {}

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        body = op.body if isinstance(op, Call) else None
        if body is None or not (means := statistics_of(body)):
            return super().apply(node, args)
        result, *numbers = self.run((*body.results, *means.values()), dict(zip(body.formals, args[1:], strict=True)))
        statistics = {key: number[0] for key, number in zip(means, numbers, strict=True)}
        before = self.statistics.setdefault(args[0], statistics)
        if not all(np.array_equal(before[key], number, equal_nan=True) for key, number in statistics.items()):
            raise InvalidValue(
                f"layer {args[0]} is applied several times, to values with different statistics "
                "(give each step a layer of its own)"
            )
        return result


def _prefixes(taken: set[str], statistics: Mapping[str, Mapping[Key, Any]]) -> dict[Key, str]:
    """Unused prefixes for the names of statistics: `mean`, `variance`, then `mean_b`, ..."""
    prefixes: dict[Key, str] = {}
    for key in dict.fromkeys(key for layer_statistics in statistics.values() for key in layer_statistics):
        tags = ("" if number == 0 else f"_{chr(ord('a') + number)}" for number in range(26))
        free = (
            key[0] + tag for tag in tags if taken.isdisjoint(weight_name(key[0] + tag, layer) for layer in statistics)
        )
        prefixes[key] = next(prefix for prefix in free if prefix not in prefixes.values())
    return prefixes


@dataclass(frozen=True)
class Freezer:
    """The walk that replaces statistics by parameters: for each layer, values by the prefixes of their names."""

    statistics: Mapping[str, Mapping[str, Any]]

    def frozen(
        self, roots: Sequence[Node], given: Mapping[Node, Node], formal_leaves: Mapping[Node, Leaves]
    ) -> tuple[Node, ...]:
        """The roots with parameters for statistics; `formal_leaves` are those of formals that are layers."""
        leaves = dict(formal_leaves)

        def rule(node: Node, args: tuple[Any, ...]) -> Node | tuple[Node, ...] | None:
            if is_name(node):
                leaves[node] = self.leaves(node, [leaves.get(arg, ()) for arg in node.args])
            if isinstance(node.op, Call) and node.op.body is not None:
                return self.call(node.op, node.op.body, args, [leaves.get(arg, ()) for arg in node.args])
            if isinstance(node.op, Fold):
                return self.fold(node.op, args, [leaves.get(arg, ()) for arg in node.args])
            return None

        return rebuilt(roots, rule, given)

    def leaves(self, names: Node, parts: Sequence[Leaves]) -> Leaves:
        """The parameters of a layer name, or of a sequence of names."""
        if isinstance(names.op, (Input, StackedInputs)):
            layer_names = names.op.names if isinstance(names.op, StackedInputs) else (names.op.name,)
            statistics = self.statistics.get(layer_names[0], {})
            starts = {prefix: VARIANCE if prefix.startswith("variance") else MEAN for prefix in statistics}
            if isinstance(names.op, Input):
                return tuple(
                    Node(Input(weight_name(prefix, layer_names[0]), value.shape, "parameter", starts[prefix]))
                    for prefix, value in statistics.items()
                )
            return tuple(
                Node(StackedInputs(weight_names(prefix, layer_names), value.shape, "parameter", starts[prefix]))
                for prefix, value in statistics.items()
            )
        return tuple(leaf for row in zip(*parts, strict=True) if (leaf := rebuilt_sequence(names, row)) is not None)

    def call(self, op: Call, body: Block, args: tuple[Node, ...], leaves: Sequence[Leaves]) -> Node | None:
        """An applied layer with its statistics, and those of layers in its body, as parameters."""
        statistics = tuple(statistics_of(body).values()) if leaves[0] else ()
        if not statistics and not any(isinstance(node.op, (Call, Fold)) for node in walk(body.results)):
            return None
        fixed = 1 + op.arity + op.weights  # arguments before those that the body captures
        added = leaves[0] if statistics else ()
        shapes = [*body.shapes[: fixed - 1], *(leaf.shape for leaf in added)]

        def run(formals: Sequence[Node]) -> tuple[Node, ...]:
            arguments = dict(zip(body.formals, (*formals[: fixed - 1], *args[fixed:]), strict=True))
            frozen = dict(zip(statistics, formals[fixed - 1 :], strict=True))
            return self.frozen(body.results, {**arguments, **frozen}, dict(zip(body.formals, leaves[1:], strict=True)))

        traced = trace(run, shapes, len(shapes))
        return Node(
            Call(traced.block, op.arity, op.weights + len(added)),
            (*args[:fixed], *added, *(node for node in traced.operands if isinstance(node, Node))),
        )

    def fold(self, fold: Fold, args: tuple[Node, ...], leaves: Sequence[Leaves]) -> tuple[Node, ...] | None:
        """A fold whose steps take the statistics of their layers as further entries."""
        if not any(leaves):
            return None
        each = (*(False,) * fold.carries, *fold.each)
        sequences = [
            sequence
            for arg, arg_leaves, varies in zip(args, leaves, each, strict=True)
            if varies
            for sequence in (arg, *arg_leaves)
        ]

        def step(formals: Sequence[Node]) -> tuple[Node, ...]:
            states, entries = iter(formals[: fold.carries]), iter(formals[fold.carries :])
            given: dict[Node, Node] = {}
            formal_leaves: dict[Node, Leaves] = {}
            for place, (formal, arg, arg_leaves) in enumerate(zip(fold.block.formals, args, leaves, strict=True)):
                given[formal] = next(states) if place < fold.carries else next(entries) if each[place] else arg
                formal_leaves[formal] = tuple(next(entries) for _ in arg_leaves) if each[place] else arg_leaves
            return self.frozen(fold.block.results, given, formal_leaves)

        return fold_nodes(step, fold.count, args[: fold.carries], sequences)
