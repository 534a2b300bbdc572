"""The plots of the page: each computes its numbers from the nets, draws them, and lists them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

import symfold.apps.report.plots as plots
from symfold.analysis.counting.cost import cost
from symfold.analysis.counting.paths import paths
from symfold.analysis.coupling import coupling
from symfold.analysis.jacobians.received import Received, received, update_coupling
from symfold.analysis.strength.series import series
from symfold.apps.report.cells import T, ascending, expression
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.markup import element, figure, table, words
from symfold.apps.report.measured import LAYERS, STRENGTH, band, each_draw, norm, slope, with_layers
from symfold.apps.report.trained import Trained
from symfold.base.arguments import NumpyArray
from symfold.core.names import applied_layers, names_of
from symfold.core.net import Net
from symfold.errors import InvalidValue, plural
from symfold.show.graph import count_steps
from symfold.transform.rewiring.groups import grouped
from symfold.transform.rewiring.mixing_matrix import mixing_matrix

ORDER = 3  # of the series
STRENGTHS = tuple(10 ** (-3 + k / 3) for k in range(10))  # from 0.001 to 1
GROUPED = 24  # layers of the frontier: a number with many divisors


def histogram(comparison: Comparison) -> str:
    """The shares of paths by length in both nets; the script weights them."""
    counts = [paths(net).coefficients() for net in comparison.nets]
    shares = [[count / (sum(row) or 1) for count in row] for row in counts]
    length = max(map(len, counts))
    padded = [row + [0] * (length - len(row)) for row in counts]
    named = " and ".join(comparison.names)
    drawing = plots.bars(
        f"Histogram of path lengths in {named}: {_spoken(comparison, padded)}",
        shares,
        "layers on the path",
        "share of the paths",
        data=counts,
    )
    numbers = table(
        ["layers on the path", *(f"paths in {name}" for name in comparison.names)],
        [(str(k), *(str(row[k]) for row in padded)) for k in range(length)],
    )
    depth = length - 1
    binomial = [
        name
        for name, row in zip(comparison.names, padded, strict=True)
        if row == [comb(depth, k) for k in range(length)]
    ]
    told = "".join(f" In {name} the shares are those of Binomial({depth}, g/(1 + g))." for name in binomial)
    means = " and ".join(f"{sum(k * c for k, c in enumerate(row)) / (sum(row) or 1):.2f}" for row in counts)
    caption = f"Share of the paths by length.{told}"
    return figure(
        drawing, caption, numbers, comparison.names, words(f"mean length {means}", class_="quiet", data_means="")
    )


def _spoken(comparison: Comparison, counts: list[list[int]]) -> str:
    return "; ".join(
        f"{name}, paths by their number of layers, from 0 to {len(row) - 1}: {', '.join(map(str, row))}"
        for name, row in zip(comparison.names, counts, strict=True)
    )


def epsilon(comparison: Comparison) -> str:
    """The difference of the nets against the strength of their layers, with and without its leading term."""
    difference = series(comparison.a, ORDER) - series(comparison.b, ORDER)
    leading = difference.leading
    if leading is None:
        return words(
            f"Up to order {ORDER} in the strength of the layers the two nets agree: there is no difference to plot."
        )
    layers = [
        {name for _, args in applied_layers(net.outputs) for name in names_of(args[0])} for net in comparison.nets
    ]
    if not (layers[0] <= layers[1] or layers[1] <= layers[0]):
        raise InvalidValue("the nets apply other layers, so how far they are from each other depends on what these are")
    bound = [with_layers(net) for net in comparison.nets]
    runs = [with_layers(net, strength=True).compile() for net in comparison.nets]
    term = series(bound[0], leading) - series(bound[1], leading)

    def measure(params: Mapping[str, object], inputs: Mapping[str, object]) -> list[float]:
        coefficient = term.evaluate(params, **inputs)[leading]
        whole, rest = [], []
        for strength in STRENGTHS:
            a, b = (np.asarray(run(params, **inputs, **{STRENGTH: np.array(strength)})) for run in runs)
            whole.append(norm(a - b))
            rest.append(norm(a - b - strength**leading * coefficient))
        return whole + rest

    values, spread = band(each_draw(measure, bound))
    half = len(STRENGTHS)
    power = f"epsilon^{leading}"
    curves = [
        plots.Line("the difference", tuple(zip(STRENGTHS, values[:half], strict=True)), tuple(spread[:half]), 1),
        plots.Line(
            f"without its {power} term", tuple(zip(STRENGTHS, values[half:], strict=True)), tuple(spread[half:]), 2
        ),
    ]
    small = slice(half // 2)  # where the leading terms dominate
    slopes = [slope(STRENGTHS[small], part[small]) for part in (values[:half], values[half:])]
    a, b = comparison.names
    whole, rest = ("none, since all is zero" if np.isnan(value) else f"{value:z.2f}" for value in slopes)
    title = (
        f"How far {a} is from {b} against the strength epsilon of the layers, both axes "
        f"logarithmic: a line of slope {whole}; without the {power} term one of slope {rest}."
    )
    numbers = table(
        ["epsilon", "difference (median)", "least to largest", f"without {power}", "least to largest"],
        [
            (
                f"{e:.2g}",
                f"{values[k]:.3g}",
                "{:.2g} to {:.2g}".format(*spread[k]),
                f"{values[half + k]:.3g}",
                "{:.2g} to {:.2g}".format(*spread[half + k]),
            )
            for k, e in enumerate(STRENGTHS)
        ],
    )
    caption = (
        f"Root mean square difference of nets of {of_layers(comparison)} for {LAYERS}, each "
        "scaled by epsilon: median, and a band from the least to the largest. Measured slopes "
        f"{whole} and {rest}."
    )
    return figure(
        plots.lines(title, curves, "strength epsilon", "difference", (True, True)),
        caption,
        numbers,
        [line.name for line in curves],
    )


def frontier(comparison: Comparison) -> str:
    """Groups of q steps: the number of paths against the span."""
    chosen = comparison.at(GROUPED) if comparison.frames else comparison
    steps = count_steps(chosen.a)
    if steps == math.inf:
        raise InvalidValue(
            "the depth is a symbol that the two nets do not share, so there is no number of layers to group"
        )
    depth = int(steps)
    if depth < 2:
        return words(f"{chosen.names[0]} has {of_layers(chosen)}, so there is nothing to group.", class_="quiet")
    sizes = [q for q in range(1, depth + 1) if depth % q == 0]
    found = []
    for q in sizes:
        net = grouped(chosen.a, q)
        found.append((q, cost(net).span, paths(net)))
    if len({span for _, span, _ in found}) == 1:
        raise InvalidValue(f"the layers of {chosen.names[0]} wait for each other in groups of any size")
    places: dict[tuple[float, float], list[str]] = {}  # sizes with the same span and paths are one point
    for q, span, p in found:
        places.setdefault((float(span), float(p.count)), []).append(str(q))
    name, layers, (_, last_span, _) = chosen.names[0], int(cost(chosen.a).work), found[-1]
    steps_told = f"{depth} layers" if layers == depth else f"{plural(layers, 'layer')} in {plural(depth, 'step')}"
    title = f"Paths against span for {steps_told} in groups of q: " + "; ".join(
        f"q = {q}: span {span}, paths {p.count}" for q, span, p in found
    )
    numbers = table(
        ["q", "span", "P(t)", "paths"],
        [(str(q), str(span), expression(ascending(p.polynomial, T)).text, f"{p.count:,}") for q, span, p in found],
    )
    drawn = plots.lines(
        title,
        [plots.Line("groups", tuple(places), labels=tuple(f"q={', '.join(each)}" for each in places.values()))],
        "span: layers in a row",
        "paths",
        (False, True),
    )
    most = (
        "all layers side by side"
        if last_span == 1
        else f"up to {depth} neighboring steps of one kind side by side, and {last_span} layers in a row"
    )
    caption = f"{name}, {steps_told}: with q = 1 the net as it is, with q = {depth} {most}."
    return figure(drawn, caption, numbers)


@dataclass(frozen=True)
class Matrix:
    """A matrix of a net, to be drawn as squares: its values, the names of its rows and columns, and what they mean."""

    title: str
    values: Sequence[Sequence[float]]
    rows: Sequence[str]
    columns: Sequence[str]
    axes: tuple[str, str]  # of rows and of columns

    @property
    def largest(self) -> float:
        return max((abs(value) for row in self.values for value in row), default=0.0)


def couplings(comparison: Comparison) -> tuple[str, str]:
    """The strength of the coupling of each layer to each earlier one in both nets, trained."""
    return _matrices(
        [_coupled(*one) for one in zip(comparison.nets, comparison.trained, comparison.titles, strict=True)]
    )


def _coupled(net: Net, fitted: Trained, name: str) -> Matrix | str:
    read = mixing_matrix(net)
    if len(set(read.layers)) < len(read.layers):
        return (
            f"Not shown: in {name} the layers are applied in the order {', '.join(read.layers)}, so a "
            "layer has no one row of what it reads."
        )
    coupled = coupling(fitted.net, fitted.params)
    size = len(coupled.layers)
    values = [[float(value) for value in row] for row in coupled.norms]
    used = sum(value != 0 for row in values for value in row)
    title = (
        f"Couplings in {name}, trained: {used} of {size * (size - 1) // 2} pairs of an earlier "
        "and a later layer are coupled."
    )
    return Matrix(title, values, coupled.layers, coupled.layers, ("layer that reads", "layer that wrote"))


def updates(comparison: Comparison) -> tuple[str, str]:
    """The effect of a gradient step on one layer alone on the gradients of all layers, in both nets, trained."""
    return _matrices([_updated(*one) for one in zip(comparison.trained, comparison.titles, strict=True)])


def _updated(fitted: Trained, name: str) -> Matrix:
    coupled = update_coupling(fitted.loss, fitted.params, **fitted.data)
    values = [[float(value) if np.isfinite(value) else 0.0 for value in row] for row in coupled.relative]
    taught = coupled.relative[np.isfinite(coupled.relative).all(axis=1)]
    if len(taught) < len(coupled.relative):
        told = "rows of zeros are layers that receive no gradient at all"
    elif np.allclose(taught, taught[:1]):
        told = "every row is the same: a step is felt by all layers alike, through the loss"
    else:
        told = "the rows differ: a step is also felt through the states and Jacobians between the layers"
    return Matrix(
        f"Updates in {name}, trained: {told}.",
        values,
        coupled.received,
        coupled.moved,
        ("layer that is taught", "layer that moves"),
    )


def _matrices(both: Sequence[Matrix | str]) -> tuple[str, str]:
    """Both matrices, on one scale of colors; or the reasons why there is none."""
    drawn = [matrix for matrix in both if isinstance(matrix, Matrix)]
    largest = max((matrix.largest for matrix in drawn), default=0.0)
    scale = f" Both plots share one color scale, from 0 to {plots.short(largest)}." if len(drawn) > 1 else ""
    first, second = (
        _matrix(one, largest, scale) if isinstance(one, Matrix) else words(one, class_="quiet") for one in both
    )
    return first, second


def _matrix(matrix: Matrix, largest: float, scale: str) -> str:
    down, across = matrix.axes
    numbers = table(
        [f"{down} / {across}", *matrix.columns],
        [(row, *(f"{value:.3g}" for value in line)) for row, line in zip(matrix.rows, matrix.values, strict=True)],
    )
    drawing = plots.heat(matrix.title, matrix.values, matrix.rows, matrix.columns, matrix.axes, largest)
    return figure(drawing, matrix.title + scale, numbers)


def teaching(comparison: Comparison) -> str:
    """The gradients that the layers of the trained nets receive: size, and direction against the loss gradient."""
    found = [received(one.loss, one.params, **one.data) for one in comparison.trained]
    losses = "; ".join(f"{name} {one.told}" for name, one in zip(comparison.names, comparison.trained, strict=True))
    drawn = [
        (
            "size (over that of the loss gradient)",
            "size / size of the loss gradient",
            [_shares(one) for one in found],
            True,
        ),
        (
            "direction (cosine with the loss gradient)",
            "cosine with the loss gradient",
            [one.cosines for one in found],
            False,
        ),
    ]
    told = f"The loss, a sum of squares over all samples: {losses}."
    return element("div", "".join(_by_layer(comparison, *one, told) for one in drawn), class_="pair plots")


def _shares(found: Received) -> NumpyArray:
    """The sizes of the gradients that the layers receive, relative to the loss gradient."""
    whole = float(np.linalg.norm(found.loss_gradient))
    if not whole:
        raise InvalidValue("the loss gradient of a trained net is zero, so no layer is taught anything")
    return found.norms / whole


def _by_layer(
    comparison: Comparison, what: str, label: str, values: Sequence[NumpyArray], log: bool, losses: str
) -> str:
    lines = [
        plots.Line(name, tuple((float(k), float(v)) for k, v in enumerate(row, start=1) if np.isfinite(v)), (), mark)
        for mark, (name, row) in enumerate(zip(comparison.names, values, strict=True), start=1)
    ]
    spoken = "; ".join(
        f"{name}: {', '.join(_value(v) for v in row)}" for name, row in zip(comparison.names, values, strict=True)
    )
    title = f"The {what} of what each layer receives from the loss, by layer from the first to the last. {spoken}."
    longest = max(map(len, values))
    rows = [(str(k + 1), *(_value(row[k]) if k < len(row) else "" for row in values)) for k in range(longest)]
    caption = f"The {what} of the gradient that each layer receives, in nets of {of_layers(comparison)}. {losses}"
    drawing = plots.lines(title, lines, "layer", label, (False, log), range(1, longest + 1, -(-longest // 24)))
    return figure(drawing, caption, table(["layer", *comparison.names], rows), comparison.names)


def _value(value: float) -> str:
    """A measured number; without a gradient there is no angle."""
    return f"{value:.4g}" if np.isfinite(value) else "no gradient"


def of_layers(comparison: Comparison) -> str:
    """The number of layers in pictures that do not move with the slider."""
    steps = max(map(count_steps, comparison.nets))
    return f"{steps:,} layer{'' if steps == 1 else 's'}"
