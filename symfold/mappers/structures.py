"""Structures made of folds: fractals, nets that go down and up again, and fixed points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from symfold.base.arguments import whole
from symfold.core.conversion import as_node
from symfold.core.net import Net
from symfold.core.operations import Input
from symfold.core.primitives import zeros
from symfold.core.sequences import reverse
from symfold.core.stacked_inputs import known_count
from symfold.errors import InvalidValue, listing
from symfold.frontend import folding
from symfold.frontend.runs import repeat, zipped
from symfold.mappers.additive import feedforward
from symfold.mappers.registry import Architecture, Parts
from symfold.transform.autodiff.differentiate import grad
from symfold.transform.autodiff.reverse_mode import pull_back
from symfold.transform.inlining import inlined


def fractal(layers: Iterator[Callable[..., Any]], z: Any, columns: int) -> Any:
    """A layer, beside the fractal with one column less twice over; the two are averaged (Larsson et al. 2017).

    Paths: P_1 = t, P_c = P_{c-1}**2 + t (the polynomials of the Mandelbrot set); 2**c - 1 layers, 2**(c-1) one after the other.

    >>> import symfold as sf
    >>> print(sf.formula(sf.Net.of(fractal(iter(sf.layers("f1:4")), sf.tensor("x"), 2)), form="expanded"))
    (f1(x) + f3(f2(x)))/2
    """
    own = next(layers)(z)
    if columns == 1:
        return own
    return (own + fractal(layers, fractal(layers, z, columns - 1), columns - 1)) / 2


def unet(down: Any, up: Any, x: Any) -> Any:
    """Down by a scan, up by a fold that reads its states backwards, each where it came from (Ronneberger et al. 2015).

    `up` are layers of two inputs, the state and the one from the way down; sizes stay as they are here.

    >>> import symfold as sf
    >>> net = unet(sf.layers("f1:3"), sf.layers("g1:3"), sf.tensor("x"))
    >>> print(sf.formula(net, form="expanded"))
    g2(g1(f2(f1(x)), f2(f1(x))), f1(x))
    """
    states = folding.scan(feedforward, down, x)
    return folding.fold(lambda z, item: item[1](z, item[0]), zipped(reverse(as_node(states)), up), states[-1])


def equilibrium(f: Callable[..., Any], x: Any, steps: Any, init: Any = 0) -> Any:
    """A fixed point z = f(z, x) by so many iterations of one layer, or by n of them (Bai et al. 2019, unrolled).

    >>> import symfold as sf
    >>> print(sf.formula(equilibrium(sf.layer("f"), sf.tensor("x"), 3), form="expanded"))
    f(f(f(0, x), x), x)
    """
    return folding.fold(lambda z, step: step(z, x), repeat(f, steps), init)


def implicit_gradient(step: Any, loss: Any, steps: int, state: str = "z") -> Net:
    """The gradient of a loss at a fixed point z = step(z, ...), without the steps that led there (Bai et al. 2019).

    By name: every input and parameter of the step but the state. What comes back is w = g + J^T w, g being the loss's slope and J
    the step's Jacobian, both at the fixed point, which is given as the input `state`; so many iterations solve it as the forward
    ones do, where the step contracts.

    >>> import symfold as sf
    >>> z, a = sf.tensor("z", ()), sf.parameter("a")
    >>> net = implicit_gradient(sf.Net.of(z / 2 + a), sf.Net.of(3 * z), 50)  # z = 2 a, so 3 z has the slope 6
    >>> net(z=2.0, a=1.0)["a"].round(6)
    np.float64(6.0)
    """
    step, loss = Net.of(step), Net.of(loss)
    leaves = [leaf for leaf in step.leaves if leaf.op.role != "layer"]
    place = next((leaf for leaf in leaves if isinstance(leaf.op, Input) and leaf.op.name == state), None)
    if place is None or len(step.outputs) != 1:
        raise InvalidValue(
            f"the step must give one value and read the state {state!r} (its inputs: {listing(repr(node.op.name) for node in step.inputs)})"
        )
    outputs = inlined(step.outputs)
    slope = as_node(grad(loss, wrt=[state])[state])

    def back(w: Any) -> Any:
        return pull_back(outputs, [as_node(w)], leaves).bars

    w = as_node(folding.fold(lambda w, _: slope + back(w)[place], range(whole("steps", steps, 1)), slope))
    bars = back(w)
    found = Net.of({leaf.op.name: bars[leaf] if leaf in bars else zeros(leaf) for leaf in leaves if leaf is not place})
    return Net(found.outputs, found.form, tuple(dict.fromkeys((*leaves, *loss.leaves))))


def _fractal(made: Parts) -> Any:
    columns = known_count(made.depth)
    return Net.of(fractal(iter(made.layers(count=2**columns - 1)), made.x, columns))


def _equilibrium(made: Parts) -> Any:
    return equilibrium(made.layer("f", inputs=2), made.x, made.depth, made.tensor("z"))


ARCHITECTURES = (
    Architecture("fractal", _fractal, "F = (F(F(z)) + f(z))/2, F of fewer columns", "z", "P_n = P_{n-1}**2 + t, P_1 = t", "2**(n - 1)", "2**n - 1", "", "Larsson et al. 2017"),
    Architecture("unet", lambda made: unet(made.layers("f"), made.layers("g", inputs=2), made.x),
                 "z = f(z) down, z = g(z, its state on the way down) up", "z, and all states on the way down",
                 "t**(2*n) + (t**(2*n + 2) - t**2)/(t**2 - 1)", "2*n", "2*n", "", "Ronneberger et al. 2015"),
    Architecture("equilibrium", _equilibrium, "z = f(z, x), one f", "z", "t**n", "n", "n", "", "Bai et al. 2019"),
)  # fmt: skip
