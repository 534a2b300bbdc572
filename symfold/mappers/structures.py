"""Structures built of folds: fractals, U-Nets and fixed points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symfold.base.arguments import whole
from symfold.base.public import public
from symfold.base.trees import Layered, State
from symfold.core.conversion import as_node
from symfold.core.leaves import Input
from symfold.core.net import Net
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


@public
def fractal(layers: Iterator[Layered], z: State, columns: int) -> State:
    """The average of a layer and of the fractal with one column less, applied twice (Larsson et al. 2017).

    Paths: P_1 = t, P_c = P_{c-1}**2 + t (the polynomials of the Mandelbrot set). Work 2**c - 1, span 2**(c-1).

    >>> import symfold as sf
    >>> print(sf.formula(sf.Net.of(fractal(iter(sf.layers("f1:4")), sf.tensor("x"), 2)), form="expanded"))
    (f1(x) + f3(f2(x)))/2
    """
    shallow = next(layers)(z)
    if columns == 1:
        return shallow
    return (shallow + fractal(layers, fractal(layers, z, columns - 1), columns - 1)) / 2


@public
def unet(down: object, up: object, x: State) -> State:
    """Down by a scan, up by a fold that reads its states in reverse order (Ronneberger et al. 2015).

    The `up` layers read two inputs, the state and the matching state of the way down. Sizes do not change.

    >>> import symfold as sf
    >>> net = unet(sf.layers("f1:3"), sf.layers("g1:3"), sf.tensor("x"))
    >>> print(sf.formula(net, form="expanded"))
    g2(g1(f2(f1(x)), f2(f1(x))), f1(x))
    """
    states = folding.scan(feedforward, down, x)
    return folding.fold(lambda z, item: item[1](z, item[0]), zipped(reverse(as_node(states)), up), states[-1])


@public
def equilibrium(f: Layered, x: State, steps: object, init: State = 0) -> State:
    """A fixed point z = f(z, x) by iterating one layer, in n steps or a number (Bai et al. 2019, unrolled).

    >>> import symfold as sf
    >>> print(sf.formula(equilibrium(sf.layer("f"), sf.tensor("x"), 3), form="expanded"))
    f(f(f(0, x), x), x)
    """
    return folding.fold(lambda z, step: step(z, x), repeat(f, steps), init)


@public
def implicit_gradient(step: Any, loss: Any, steps: int, state: str = "z") -> Net:
    """The gradient of a loss at a fixed point z = step(z, ...), without backpropagation through the steps to it.

    Bai et al. 2019: the cotangent w solves w = g + J^T w by iteration, with the gradient g of the loss and the Jacobian
    J of the step at the fixed point, which is the input `state`. The iteration converges if the step contracts. The
    result is by name: every input and parameter of the step except the state.

    >>> import symfold as sf
    >>> z, a = sf.tensor("z", ()), sf.parameter("a")
    >>> net = implicit_gradient(sf.Net.of(z / 2 + a), sf.Net.of(3 * z), 50)  # z = 2 a, so 3 z has the slope 6
    >>> net(z=2.0, a=1.0)["a"].round(6)
    np.float64(6.0)
    """
    step, loss = Net.of(step), Net.of(loss)
    leaves = [leaf for leaf in step.leaves if leaf.op.role != "layer"]
    state_leaf = next((leaf for leaf in leaves if isinstance(leaf.op, Input) and leaf.op.name == state), None)
    if state_leaf is None or len(step.outputs) != 1:
        raise InvalidValue(
            f"the step must give one value and read the state {state!r} "
            f"(its inputs: {listing(repr(node.op.name) for node in step.inputs)})"
        )
    outputs = inlined(step.outputs)
    slope = as_node(grad(loss, wrt=[state])[state])

    def back(w: State) -> State:
        return pull_back(outputs, [as_node(w)], leaves).bars

    w = as_node(folding.fold(lambda w, _: slope + back(w)[state_leaf], range(whole("steps", steps, 1)), slope))
    bars = back(w)
    wrt = [leaf for leaf in leaves if leaf is not state_leaf]
    gradient = Net.of({leaf.op.name: bars[leaf] if leaf in bars else zeros(leaf) for leaf in wrt})
    return Net(gradient.outputs, gradient.form, tuple(dict.fromkeys((*leaves, *loss.leaves))))


def _fractal(parts: Parts) -> Net:
    columns = known_count(parts.depth)
    return Net.of(fractal(iter(parts.layers(count=2**columns - 1)), parts.x, columns))


def _equilibrium(parts: Parts) -> Net:
    return equilibrium(parts.layer("f", inputs=2), parts.x, parts.depth, parts.start("z"))


ARCHITECTURES = (
    Architecture("fractal", _fractal, "F = (F(F(z)) + f(z))/2, F of fewer columns", "z", "P_n = P_{n-1}**2 + t, P_1 = t", "2**(n - 1)", "2**n - 1", "", "Larsson et al. 2017", most=12),
    Architecture("unet", lambda parts: unet(parts.layers("f"), parts.layers("g", inputs=2), parts.x),
                 "z = f(z) down, z = g(z, its state on the way down) up", "z, and all states on the way down",
                 "t**(2*n) + (t**(2*n + 2) - t**2)/(t**2 - 1)", "2*n", "2*n", "", "Ronneberger et al. 2015"),
    Architecture("equilibrium", _equilibrium, "z = f(z, x), one f", "z", "t**n", "n", "n", "", "Bai et al. 2019"),
)  # fmt: skip
