"""The research notebook, row by row: each result beside the notebook's own way of computing it in plain NumPy.

    python examples/notebook.py

The notebook asked: residual nets and boosting both add on another learner; the only difference is when and where they
add it. Every system that it wrote down is here, run through symfold's public names, and checked.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy as sp

import symfold as sf

rng = np.random.default_rng(0)


def title(number: str, text: str) -> None:
    print(f"\n{number:>3}  {text}\n     {'-' * len(text)}")


def show(what: str, value: object) -> None:
    first, *rest = str(value).splitlines() or [""]
    print(f"     {what:34} {first}")
    for line in rest:
        print(f"     {'':34} {line}")


def beside(what: str, ours: Any, theirs: Any) -> None:
    """A result of symfold's beside the notebook's, which must be the same numbers."""
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    text = [np.array2string(np.asarray(value, dtype=float).ravel()[:3], precision=6) for value in (ours, theirs)]
    show(what, f"{text[0]}  NumPy: {text[1]}")


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def Unroll(F: Sequence[Any], x: Any, mapping: Callable[[Any, Any], Any]) -> Any:  # noqa: N802 - the notebook's name
    """The notebook's recursive fold."""
    if not F:
        return x
    return Unroll(F[1:], mapping(x, F[0]), mapping)


# Three layers, as symbols and as functions of numbers.
f = sf.layers("f1:4")
x = sf.tensor("x")
bodies: dict[str, Callable[[Any], Any]] = {
    "f1": lambda z: z**2,
    "f2": lambda z: np.tanh(z),
    "f3": lambda z: 1 / (1 + z**2),
}
functions = list(bodies.values())
at = 0.7


def row_1() -> None:
    title("1", "Unroll(F, x, mapping): a recursive fold")
    mapping = lambda z, f: f(z) + z  # noqa: E731
    net = sf.fold(mapping, f, x)
    show("sf.fold(mapping, F, x)", sf.formula(net, form="expanded"))
    beside("as functools.reduce, as Unroll", net.bind(bodies)(at), functools.reduce(mapping, functions, at))
    beside("", net.bind(bodies)(at), Unroll(functions, at, mapping))
    without = sf.fold(mapping, [x, *f])
    show("reduce(skip_map, [x] + F)", sf.formula(without, form="expanded"))
    assert without == net
    states = sf.scan(mapping, f, x).bind(bodies)(at)
    by_hand = [functools.reduce(mapping, functions[:k], at) for k in (1, 2, 3)]
    beside("sf.scan keeps every state", states, by_hand)


def row_2() -> None:
    title("2", "feedforward: f(z)")
    net = sf.fold(sf.mappers.feedforward, f, x)
    show("f(z)", sf.formula(net, form="expanded"))
    beside("numbers", net.bind(bodies)(at), functions[2](functions[1](functions[0](at))))


def row_3() -> None:
    title("3", "residual: f(z) + z")
    net = sf.fold(sf.mappers.residual, f[:2], x)
    show("f(z) + z", sf.formula(net, form="expanded"))
    z = functions[0](at) + at
    beside("numbers", net.bind({name: bodies[name] for name in ("f1", "f2")})(at), functions[1](z) + z)


def row_4() -> None:
    title("4", "recurrent: one layer g, the same across time")
    g, h = sf.layer("g"), sf.tensor("h")
    fixed = sf.fold(lambda h, g: g(x) + h, [g] * 3, h)
    show("x fixed: g(x) + h", sf.formula(fixed, form="expanded"))
    beside("numbers", fixed.bind({"g": np.tanh})(h=0.1, x=at), 0.1 + 3 * np.tanh(at))

    inputs = [sf.tensor(f"x{t}") for t in (1, 2, 3)]
    values = {"x1": 0.5, "x2": -0.2, "x3": 0.9}
    additive = sf.fold(lambda h, x_t: g(x_t) + h, inputs, h)
    show("x changing: g(x_t) + h", sf.formula(additive, form="expanded"))
    beside("numbers", additive.bind({"g": np.tanh})(h=0.1, **values), 0.1 + sum(np.tanh(v) for v in values.values()))

    elman = sf.fold(lambda h, x_t: g(h, x_t), inputs, h)
    show("Elman style: g(h, x_t)", sf.formula(elman, form="expanded"))
    cell = lambda h, x_t: np.tanh(0.5 * h + x_t)  # noqa: E731
    beside("numbers", elman.bind({"g": cell})(h=0.1, **values), functools.reduce(cell, values.values(), 0.1))
    rnn = sf.fold(lambda h, x_t: g(h, x_t), inputs)
    show("reduce(rnn, inputs)", sf.formula(rnn, form="expanded"))
    beside("numbers", rnn.bind({"g": cell})(**values), functools.reduce(cell, values.values()))


def row_5() -> None:
    title("5", "multilayer recurrent: across in time and down in depth")
    h0 = sf.tensor("h")
    inputs = sf.stack([sf.tensor(f"x{t}") for t in (1, 2, 3)])
    grid = sf.fold(lambda sequence, f: sf.scan(lambda h, u: f(h, u), sequence, h0), f[:2], inputs)
    show("a fold over layers of a scan", sf.formula(grid, form="steps"))
    cell = lambda h, u: np.tanh(0.5 * h + u)  # noqa: E731
    values = {"x1": 0.5, "x2": -0.2, "x3": 0.9}
    sequence = list(values.values())
    for _ in range(2):
        h, states = 0.1, []
        for u in sequence:
            h = cell(h, u)
            states.append(h)
        sequence = states
    beside("numbers", grid.bind({"f1": cell, "f2": cell})(h=0.1, **values), sequence)
    graph = grid.graph(level="layer")
    applications = [data for _, data in graph.nodes(data=True) if data.get("kind") == "layer"]
    show("its graph", f"{len(applications)} layer applications, 2 deep x 3 in time")


def row_6() -> None:
    title("6", "boosting: every layer reads x")
    from_zero = sf.fold(lambda z, f: z + f(x), f, 0)
    show("z + f(x) from 0", sf.formula(from_zero, form="expanded"))
    show("f(x) + z from 0, the notebook's", sf.formula(sf.fold(lambda z, f: f(x) + z, f, 0), form="expanded"))
    from_x = sf.fold(sf.mappers.boosting(x), f, x)
    show("f(x) + z from x", sf.formula(from_x, form="expanded"))
    total = sum(function(at) for function in functions)
    beside("numbers, from 0", from_zero.bind(bodies)(at), total)
    beside("numbers, from x", from_x.bind(bodies)(at), at + total)


def row_7() -> None:
    title("7", "map-reduce: the sum of f_i(x)")
    mapped = [layer(x) for layer in f]
    reduced = sf.fold(lambda a, b: a + b, mapped)
    boosted = sf.fold(lambda z, f: z + f(x), f, 0)
    show("reduce(+, map(f -> f(x), F))", sf.formula(reduced, form="expanded"))
    show("boosting", sf.formula(boosted, form="expanded"))
    show("their difference, by SymPy", sp.simplify(sp.sympify(reduced.expr - boosted.expr)))
    beside("in numbers", reduced.bind(bodies)(at), boosted.bind(bodies)(at))


def linear(A: Any) -> Callable[[Any], Any]:
    return lambda z: np.dot(A, z)


def row_8() -> None:
    title("8", "the residual net forward and backward")
    net = sf.fold(sf.mappers.residual, f, x)
    show("forward", sf.formula(net, form="fold"))
    dL = sf.tensor("dL")
    notebooks = sf.fold(sf.mappers.residual, [dL, *reversed(list(f))])
    show("(a) the notebook's backward pass", sf.formula(notebooks, form="fold"))
    derived = sf.adjoint(net)
    show("(b) the true one, derived", sf.formula(derived, form="fold"))
    # (a) is (b) with each transposed Jacobian f'(z)^T replaced by the layer f itself: for a layer that is linear and
    # symmetric, f(a) = A a with A^T = A, the two are the same, and for others they are not.
    matrices = [rng.standard_normal((2, 2)) for _ in f]
    a = np.array([0.3, -1.0])
    for what, chosen in (
        ("symmetric A: (a) and (b)", [m + m.T for m in matrices]),
        ("any A: (a), and (b) with A^T", matrices),
    ):
        layers = {f"f{k + 1}": linear(A) for k, A in enumerate(chosen)}
        backward = sf.adjoint(net(sf.tensor("x", (2,))).bind(layers))(a=a)["x"]
        literal = notebooks.bind(layers)(dL=a)
        transposed = notebooks.bind({f"f{k + 1}": linear(A.T) for k, A in enumerate(chosen)})(dL=a)
        if "symmetric" in what:
            beside(what, backward, literal)
        else:
            assert not np.allclose(backward, literal)
            beside(what, backward, transposed)


def row_9() -> None:
    title("9", "multiplicative: z * f(z), which the notebook leaves as a question")
    net = sf.fold(sf.mappers.multiplicative, f, x)
    show("steps", net)
    show("expanded", sf.formula(net, form="expanded"))
    z = at
    for function in functions:
        z = z * function(z)
    beside("numbers", net.bind(bodies)(at), z)


def row_10() -> None:
    title("10", "mappers and functions swapped, paired; nets as layers, items, arguments")
    residual, feedforward = sf.mappers.residual, sf.mappers.feedforward
    g = sf.layer("g")
    swapped = sf.fold(lambda z, mapper: mapper(z, g), [residual, residual, feedforward], x)
    show("a fold over mappers, g fixed", sf.formula(swapped, form="expanded"))
    z = functools.reduce(lambda z, mapper: mapper(z, np.tanh), [residual, residual, feedforward], at)
    beside("numbers", swapped.bind({"g": np.tanh})(at), z)

    pairs = list(zip([residual, feedforward, residual], f, strict=True))
    mixed = sf.fold(lambda z, pair: pair[0](z, pair[1]), pairs, x)
    show("a fold over (mapper, layer)", sf.formula(mixed, form="expanded"))
    by_hand = functools.reduce(
        lambda z, p: p[0](z, p[1]), zip([residual, feedforward, residual], functions, strict=True), at
    )
    beside("numbers", mixed.bind(bodies)(at), by_hand)

    nets = [sf.fold(feedforward, f[:2], x), sf.fold(feedforward, f[2:], x)]
    of_nets = sf.fold(residual, nets, sf.tensor("y"))
    show("residual over a list of nets", sf.formula(of_nets, form="expanded"))
    inner = functions[1](functions[0](at)) + at
    beside("numbers", of_nets.bind(bodies)(at), functions[2](inner) + inner)
    show("a net as an argument", sf.formula(sf.fold(residual, f[2:], nets[0]), form="expanded"))


def row_11() -> None:
    title("11", "the recursive loss: layers of two arguments")
    y = [sf.tensor(f"y{k}") for k in (1, 2, 3, 4)]
    net = sf.fold(lambda z, item: item[0](z, item[1]), list(zip(f, y[1:], strict=True)), y[0])
    show("f3(f2(f1(y1, y2), y3), y4)", sf.formula(net, form="expanded"))
    loss, target = sf.layer("loss"), sf.tensor("target")
    outs = [sf.tensor(f"out{k}") for k in (1, 2, 3)]
    recursive = sf.fold(lambda z, item: item[0](z, item[1]), list(zip([loss, *f[1:]], outs, strict=True)), target)
    show("y1 the target, f1 the loss", sf.formula(recursive, form="expanded"))
    squares, scaled, shifted = (lambda t, o: (t - o) ** 2), (lambda t, o: t * o), (lambda t, o: t + o)
    numbers = {"target": 1.0, "out1": 0.4, "out2": 0.9, "out3": -0.3}
    bound = recursive.bind({"loss": squares, "f2": scaled, "f3": shifted})
    beside("numbers", bound(**numbers), (1.0 - 0.4) ** 2 * 0.9 - 0.3)


class NotebookLayer:
    """The notebook's own class, written in NumPy."""

    def __init__(self, name: str, columns: bool):
        self.name, self.columns = name, columns
        self.W = rng.standard_normal((3, 3))
        self.b = np.zeros((3, 1) if columns else (1, 3))

    def __call__(self, z: Any) -> Any:
        return sigmoid(np.dot(self.W, z) + self.b) if self.columns else sigmoid(np.dot(z, self.W) + self.b)

    def __repr__(self) -> str:
        return self.name


def row_12() -> None:
    title("12", "layers with weights, in columns and in rows")
    for columns in (True, False):
        layers = sf.layers("f1:6", sf.dense(3, 3, sf.sigmoid, columns=columns))
        show("named f1 ... f5, shown as", list(layers))
        net = sf.fold(sf.mappers.residual, layers, sf.tensor("x", (3, None) if columns else (None, 3)))
        params = net.init(seed=0)
        show("W1, b1", f"{params['W1'].shape}, {params['b1'].shape}")
        data = z = rng.standard_normal((3, 4) if columns else (4, 3))
        for k in range(1, 6):
            W, b = params[f"W{k}"], params[f"b{k}"]
            z = z + sigmoid((np.dot(W, z) if columns else np.dot(z, W)) + b)
        beside("W x + b" if columns else "x W + b", net.compile()(params, x=data), z)
        own = [NotebookLayer(f"f{k}", columns) for k in range(1, 6)]
        traced = sf.fold(lambda z, f: f(z) + z, own, sf.tensor("x", (3, 4) if columns else (4, 3)))
        beside("the notebook's class, traced", traced(data), functools.reduce(lambda z, f: f(z) + z, own, data))


def row_13() -> None:
    title("13", "the training run: 10 residual layers, 10 epochs of 10 steps of plain SGD at 0.01")
    net = sf.fold(sf.mappers.residual, sf.layers("f1:11", sf.dense(3, 3, sf.sigmoid)), sf.tensor("x", (None, 3)))
    loss = sf.squared_error(net, sf.tensor("labels", (None, 3)))
    params = net.init(seed=0)
    labels = rng.random((10, 3))
    after_update = loss.compile()
    own = {name: np.array(value) for name, value in params.items()}
    for epoch in range(1, 11):
        batches = [{"x": rng.standard_normal((10, 3)), "labels": labels} for _ in range(10)]
        fitted = sf.fit(loss, params, batches=batches, optimizer=sf.sgd(0.01))
        params = fitted.params
        for batch in batches:
            own = numpy_step(own, **batch)
        ours = float(after_update(params, **batches[-1]))
        theirs = numpy_loss(own, **batches[-1])[0]
        np.testing.assert_allclose(ours, theirs, rtol=1e-8)
        show(f"epoch {epoch:2}, loss after its last update", f"{ours:12.6f}  NumPy: {theirs:12.6f}")


def numpy_loss(params: dict[str, Any], x: Any, labels: Any) -> tuple[float, list[Any], list[Any]]:
    """The loss by hand, with every state and every activation."""
    states, activations = [x], []
    for k in range(1, 11):
        activations.append(sigmoid(np.dot(states[-1], params[f"W{k}"]) + params[f"b{k}"]))
        states.append(states[-1] + activations[-1])
    return float(np.sum((labels - states[-1]) ** 2)), states, activations


def numpy_step(params: dict[str, Any], x: Any, labels: Any) -> dict[str, Any]:
    """One step of plain SGD by hand: the backward pass as a loop over the reversed layers."""
    _, states, activations = numpy_loss(params, x, labels)
    a, after = 2 * (states[-1] - labels), dict(params)
    for k in range(10, 0, -1):
        s = activations[k - 1]
        inner = a * s * (1 - s)
        after[f"W{k}"] = params[f"W{k}"] - 0.01 * states[k - 1].T @ inner
        after[f"b{k}"] = params[f"b{k}"] - 0.01 * inner.sum(axis=0, keepdims=True)
        a = a + inner @ params[f"W{k}"].T
    return after


def row_14() -> None:
    title("14", "the picture of an unrolled mapper: each application a box")
    net = sf.fold(sf.mappers.residual, f, x)
    graph = net.graph(level="step")
    for node, data in graph.nodes(data=True):
        show(
            f"{data['kind']} {node}", ", ".join(f"{source} -> {node}" for source, _ in graph.in_edges(node)) or "given"
        )


ROWS = (row_1, row_2, row_3, row_4, row_5, row_6, row_7, row_8, row_9, row_10, row_11, row_12, row_13, row_14)


def main() -> None:
    for row in ROWS:
        row()
    print("\nEvery row agrees with plain NumPy.")


if __name__ == "__main__":
    main()
