"""The sweeps of Picard's iteration for the first net: the first sweep, the paths of each, and their errors."""

from __future__ import annotations

import numpy as np

import symfold.apps.report.plots as plots
from symfold.analysis.counting.paths import paths
from symfold.analysis.counting.polynomials import trimmed
from symfold.apps.report.cells import T, ascending, expression, said
from symfold.apps.report.comparison import Comparison
from symfold.apps.report.markup import figure, table
from symfold.apps.report.measured import LAYERS, band, each_draw, norm, with_layers
from symfold.base.arguments import NumpyArray
from symfold.core.shapes import show
from symfold.errors import ShapeError
from symfold.transform.rewiring.picard import picard
from symfold.transform.rolling import roll


def swept(comparison: Comparison) -> str:
    """The first sweep of one net, if that is the other; else what the sweeps keep."""
    for one, other, (first, second) in (
        (comparison.a, comparison.b, comparison.names),
        (comparison.b, comparison.a, comparison.names[::-1]),
    ):
        if one.bindings and roll(picard(one, 1), search=False) == roll(other, search=False):
            return f"The first sweep of solving the equations of {first} is exactly {second}."
    comparison.check_few()
    whole = paths(comparison.a).coefficients()
    sweeps = range(int(comparison.steps) + 1)
    if all(paths(picard(comparison.a, s)).coefficients() == trimmed(whole[: s + 1]) for s in sweeps):
        return f"Sweep s keeps the paths of {comparison.names[0]} through up to s layers."
    return f"Sweep s reads what sweep s - 1 left; the last sweep is {comparison.names[0]} itself."


def ladder(comparison: Comparison) -> str:
    """The sweeps of Picard's iteration for the first net: the paths of each, and its error."""
    comparison.check_few()
    net, depth = comparison.a, int(comparison.steps)
    sweeps = [picard(net, s) for s in range(depth + 1)]
    nets = [with_layers(swept) if s else None for s, swept in enumerate(sweeps)]
    runs = [one.compile() for one in nets if one is not None]
    start, read = sweeps[0].compile(), {node.op.name for node in (*sweeps[0].inputs, *sweeps[0].params)}

    def measure(params: dict[str, NumpyArray], inputs: dict[str, NumpyArray]) -> list[float]:
        own = {name: value for name, value in (params | inputs).items() if name in read}
        values = [np.asarray(start({}, **own)), *(np.asarray(run(params, **inputs)) for run in runs)]
        for s, value in enumerate(values):
            if value.shape != values[-1].shape:
                raise ShapeError(f"sweep {s} gives {show(value.shape)}, and the net {show(values[-1].shape)}")
        return [norm(value - values[-1]) for value in values]

    values, spread = band(each_draw(measure, [one for one in nets if one is not None]))
    kept = [paths(swept) for swept in sweeps]
    name, other = comparison.names
    errors = ", ".join(f"sweep {s}: {value:.2g}" for s, value in enumerate(values))
    curve = plots.Line("error", tuple(enumerate(values)), tuple(spread), 1)
    title = f"Error of sweep s against {name}, logarithmic: {errors}"
    drawn = plots.lines(title, [curve], "sweep s", "error", (False, True), range(depth + 1))
    told = [
        "the input alone" if sweeps[0].outputs[0] in net.inputs else "the first state",
        *([other] if roll(sweeps[1], search=False) == roll(comparison.b, search=False) else ["sweep 1"]),
        *(f"sweep {s}" for s in range(2, depth)),
        name,
    ][: depth + 1]
    rows = [
        (str(s), told[s], expression(ascending(kept[s].polynomial, T)).text, said(kept[s].count), f"{values[s]:.3g}")
        for s in range(depth + 1)
    ]
    numbers = table(["sweep", "which net", "paths, by length", "how many", "error (median)"], rows)
    caption = (
        f"Error of sweep s for {LAYERS}: median, and a band from the least to the largest. "
        f"Sweep {depth} is {name} itself: its error is zero up to rounding."
    )
    return figure(drawn, caption, numbers, unfolded=True)
