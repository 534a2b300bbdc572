"""Statistics of a batch, kept: the net whose layers take means over a batch as one whose layers have them as parameters.

    (z - mean(z)) / sqrt(mean((z - mean(z))**2) + e)   ->   (z - mean) / sqrt(variance + e)

What a layer reads depends on the statistics of the layers before it, so the net is evaluated once on the whole data, step by
step; each layer's are what it took there. On these data both nets give the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symfold.base.arguments import arrays_of
from symfold.compute.evaluate import Evaluator, as_numbers
from symfold.compute.parameters import Parameters, layout_of, parameters_of
from symfold.core.applied_layers import Call, is_name
from symfold.core.blocks import Block, trace
from symfold.core.folds import Fold, fold_nodes
from symfold.core.net import Net
from symfold.core.nodes import Node
from symfold.core.operations import Input
from symfold.core.primitives import is_primitive, reduce_mean
from symfold.core.sequences import rebuilt_sequence
from symfold.core.stacked_inputs import StackedInputs
from symfold.core.walks import rebuilt, walk
from symfold.errors import InvalidValue
from symfold.frontend.images import BATCH, MEAN, VARIANCE
from symfold.frontend.named_layers import weight_name, weight_names
from symfold.transform.inlining import inlined
from symfold.transform.specialize import with_shapes

Key = tuple[str, int]  # a mean or a variance, and which of them in a body
Leaves = tuple[Node, ...]  # the kept statistics of a layer, or of a sequence of layers, as parameters


def keep_statistics(net: Any, params: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[Net, Parameters]:
    """The net whose batch norms have the statistics of these data as parameters, and its parameters, these filled in.

    `data` holds an array for every input, samples first. On them the net gives what it gave before, on others each sample's result
    by itself. A norm that is applied several times, to values with different statistics, is an error.

    >>> import numpy as np, symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.batch_norm(2)), sf.tensor("x", (None, 2, 3, 3)))
    >>> images = np.arange(36.0).reshape(2, 2, 3, 3)
    >>> kept, params = keep_statistics(net, net.init(), {"x": images})
    >>> [name for name in params if name not in net.init()], params["mean1"].ravel()
    (['mean1', 'mean2', 'variance1', 'variance2'], array([13., 22.]))
    >>> np.allclose(kept(params, x=images[:1]), net(net.init(), x=images)[:1])
    True
    """
    whole = Net.of(net)
    held = parameters_of(params, layout_of(whole))
    arrays = arrays_of(data, [node.op.name for node in whole.inputs])
    values = {name: as_numbers(name, value) for name, value in {**held, **arrays}.items()}
    measured = Measured(values)
    measured.run(with_shapes(whole, {name: values[name].shape for name in arrays}).outputs)
    prefixes = _prefixes(set(held), measured.found)
    weights = {layer: {prefixes[key]: value for key, value in found.items()} for layer, found in measured.found.items()}
    kept = whole.with_outputs(Keeper(weights).kept(whole.outputs, {}, {}))
    written = Net(inlined(kept.outputs))
    if any(
        is_statistic(node)
        for roots in (written.outputs, *(block.results for block in written.blocks))
        for node in walk(roots)
    ):
        raise InvalidValue(
            "the net takes a mean over its batch outside of the body of a layer, which has no name to keep it by (apply it as a layer: sf.batch_norm)"
        )
    filled = Parameters(layout_of(kept))
    filled.load(
        {
            **held,
            **{
                weight_name(prefix, layer): value for layer, found in weights.items() for prefix, value in found.items()
            },
        }
    )
    return kept, filled


def is_statistic(node: Node) -> bool:
    """Whether a node is the mean of each channel over samples and places."""
    return is_primitive(node, reduce_mean) and dict(node.op.attributes) == {"axis": BATCH, "keepdims": True}


def statistics_of(body: Block) -> dict[Key, Node]:
    """The means over a batch that a body takes itself, as its first mean, its first variance, its second mean, ..."""
    found: dict[Key, Node] = {}
    for node in walk(body.results):
        if is_statistic(node):
            stem = "variance" if _squares_what_is_centred(node.args[0]) else "mean"
            found[stem, sum(one == stem for one, _ in found)] = node
    return found


def _squares_what_is_centred(node: Node) -> bool:
    """Whether a value is the square of something less its mean."""
    return node.op is sp.Pow and any(is_statistic(part) for term in node.args[0].args for part in term.args)


class Measured(Evaluator):
    """The numbers of a net, and on the way the statistics that its layers took, by the names of the layers."""

    def __init__(self, values: Mapping[str, Any]):
        super().__init__(values)
        self.found: dict[str, dict[Key, Any]] = {}

    def apply(self, node: Node, args: Sequence[Any]) -> Any:
        op = node.op
        taken = statistics_of(op.body) if isinstance(op, Call) and op.body is not None else {}
        if not taken:
            return super().apply(node, args)
        result, *means = self.run(
            (*op.body.results, *taken.values()), dict(zip(op.body.formals, args[1:], strict=True))
        )
        found = {key: mean[0] for key, mean in zip(taken, means, strict=True)}
        before = self.found.setdefault(args[0], found)
        if not all(np.array_equal(before[key], mean, equal_nan=True) for key, mean in found.items()):
            raise InvalidValue(
                f"layer {args[0]} is applied several times, to values with different statistics (give each step a layer of its own)"
            )
        return result


def _prefixes(taken: set[str], found: Mapping[str, Mapping[Key, Any]]) -> dict[Key, str]:
    """What a layer's statistics are called: `mean` and `variance`, then `mean_b`, ..., where no parameter of the layers has that name."""
    prefixes: dict[Key, str] = {}
    for key in dict.fromkeys(key for own in found.values() for key in own):
        tags = ("" if number == 0 else f"_{chr(ord('a') + number)}" for number in range(26))
        free = (key[0] + tag for tag in tags if taken.isdisjoint(weight_name(key[0] + tag, layer) for layer in found))
        prefixes[key] = next(prefix for prefix in free if prefix not in prefixes.values())
    return prefixes


@dataclass(frozen=True)
class Keeper:
    """The walk that puts parameters in the place of statistics: of each layer these values, by what their names begin with."""

    weights: Mapping[str, Mapping[str, Any]]

    def kept(self, roots: Sequence[Node], given: Mapping[Node, Node], own: Mapping[Node, Leaves]) -> tuple[Node, ...]:
        """The roots with parameters for statistics; `own` says what belongs to the formals that stand for layers."""
        leaves = dict(own)

        def rule(node: Node, args: tuple[Any, ...]) -> Any:
            if is_name(node):
                leaves[node] = self.leaves(node, [leaves.get(arg, ()) for arg in node.args])
            if isinstance(node.op, Call) and node.op.body is not None:
                return self.call(node.op, node.op.body, args, [leaves.get(arg, ()) for arg in node.args])
            if isinstance(node.op, Fold):
                return self.fold(node.op, args, [leaves.get(arg, ()) for arg in node.args])
            return None

        return rebuilt(roots, rule, given)

    def leaves(self, names: Node, parts: Sequence[Leaves]) -> Leaves:
        """What belongs to a name, or to a sequence of names."""
        if isinstance(names.op, (Input, StackedInputs)):
            listed = names.op.names if isinstance(names.op, StackedInputs) else (names.op.name,)
            own = self.weights.get(listed[0], {})
            starts = {prefix: VARIANCE if prefix.startswith("variance") else MEAN for prefix in own}
            if isinstance(names.op, Input):
                return tuple(
                    Node(Input(weight_name(prefix, listed[0]), value.shape, "parameter", starts[prefix]))
                    for prefix, value in own.items()
                )
            return tuple(
                Node(StackedInputs(weight_names(prefix, listed), value.shape, "parameter", starts[prefix]))
                for prefix, value in own.items()
            )
        return tuple(
            one for together in zip(*parts, strict=True) if (one := rebuilt_sequence(names, together)) is not None
        )

    def call(self, op: Call, body: Block, args: tuple[Node, ...], leaves: Sequence[Leaves]) -> Node | None:
        """A layer applied, its own statistics parameters, and those of layers in its body."""
        taken = tuple(statistics_of(body).values()) if leaves[0] else ()
        if not taken and not any(isinstance(node.op, (Call, Fold)) for node in walk(body.results)):
            return None
        fixed = 1 + op.arity + op.weights  # of the arguments; what the body captures follows
        more = leaves[0] if taken else ()
        shapes = [*body.shapes[: fixed - 1], *(leaf.shape for leaf in more)]

        def run(formals: Sequence[Node]) -> tuple[Node, ...]:
            given = dict(zip(body.formals, (*formals[: fixed - 1], *args[fixed:]), strict=True))
            return self.kept(
                body.results,
                {**given, **dict(zip(taken, formals[fixed - 1 :], strict=True))},
                dict(zip(body.formals, leaves[1:], strict=True)),
            )

        traced = trace(run, shapes, len(shapes))
        return Node(
            Call(traced.block, op.arity, op.weights + len(more)),
            (*args[:fixed], *more, *(node for node in traced.operands if isinstance(node, Node))),
        )

    def fold(self, fold: Fold, args: tuple[Node, ...], leaves: Sequence[Leaves]) -> tuple[Node, ...] | None:
        """A fold whose steps read their layers' statistics beside the layers."""
        if not any(leaves):
            return None
        each = (*(False,) * fold.carries, *fold.each)
        sequences = [one for arg, own, many in zip(args, leaves, each, strict=True) if many for one in (arg, *own)]

        def step(formals: Sequence[Node]) -> tuple[Node, ...]:
            states, entries = iter(formals[: fold.carries]), iter(formals[fold.carries :])
            given: dict[Node, Node] = {}
            within: dict[Node, Leaves] = {}
            for place, (formal, arg, own) in enumerate(zip(fold.block.formals, args, leaves, strict=True)):
                given[formal] = next(states) if place < fold.carries else next(entries) if each[place] else arg
                within[formal] = tuple(next(entries) for _ in own) if each[place] else own
            return self.kept(fold.block.results, given, within)

        return fold_nodes(step, fold.count, args[: fold.carries], sequences)
