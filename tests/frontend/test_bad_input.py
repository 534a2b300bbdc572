"""Bad input: every mistake is a symfold error that is the fitting built-in too, and says what was given and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.core.functions import UFUNCS
from symfold.errors import SymfoldError
from symfold.frontend.numpy_functions import NUMPY
from symfold.frontend.numpy_instead import INSTEAD

F, X = sf.layers("f1:4"), sf.tensor("x")
Z = sf.tensor("z", (2, 3))
NET = sf.fold(sf.mappers.residual, F, X)
DENSE = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3, sf.tanh)), sf.tensor("x", (None, 3)))
DEEP = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3), count="n"), sf.tensor("x", (None, 3)))
LOSS = sf.squared_error(DENSE, sf.tensor("t", (None, 3)))
PARAMS = DENSE.init(seed=0)
DATA = {"x": np.ones((4, 3)), "t": np.zeros((4, 3))}
VALUES = [DATA["x"], *(PARAMS[node.op.name] for node in DENSE.params)]
RUN = DENSE.compile()


def fit(**changed: Any) -> Any:
    return sf.fit(**{"loss": LOSS, "params": PARAMS, "data": DATA, "optimizer": sf.sgd(0.01), **changed})


def mapped(body: Callable[[Any], Any]) -> Any:
    """A fold whose mapper computes something of its state."""
    return sf.fold(lambda z, f: body(f(z)), F, Z)


class NeedsGradient:
    """An array that refuses to be one, as a tensor of PyTorch does that needs a gradient."""

    shape = (4, 3)

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.\nUse tensor.detach().numpy() instead.")

    def __eq__(self, other: object) -> Any:
        return np.array([True, False])


Mistake = tuple[Callable[[], Any], type[Exception], tuple[str, ...]]

TRAINING: list[Mistake] = [
    (lambda: fit(data={**DATA, "x": NeedsGradient()}), TypeError, ("the value of 'x' is not an array", "grad. Use tensor.detach()")),
    (lambda: RUN(PARAMS, x=NeedsGradient()), TypeError, ("the value of 'x' is not an array", "tensor.detach()", "sf.grad")),
    (lambda: DENSE(PARAMS, x=NeedsGradient()), TypeError, ("the value of 'x' is not an array", "tensor.detach()")),
    (lambda: RUN({**PARAMS, "W1": NeedsGradient()}, x=DATA["x"]), TypeError, ("parameter 'W1' is not an array", "tensor.detach()")),
    (lambda: sf.fold(lambda z, u: z * u, [NeedsGradient(), NeedsGradient()], Z), TypeError, ("NeedsGradient",)),
    (lambda: fit(epochs=0), ValueError, ("epochs=0", "at least 1")),
    (lambda: fit(epochs=-2), ValueError, ("epochs=-2", "at least 1")),
    (lambda: fit(epochs=1.0), TypeError, ("epochs=1.0", "float", "int()")),
    (lambda: fit(epochs="3"), TypeError, ("epochs='3'", "str")),
    (lambda: fit(epochs=True), TypeError, ("epochs=True", "bool")),
    (lambda: fit(epochs=None), TypeError, ("epochs=None",)),
    (lambda: fit(batch_size=0), ValueError, ("batch_size=0", "at least 1")),
    (lambda: fit(batch_size=2.5), TypeError, ("batch_size=2.5", "whole number")),
    (lambda: fit(batch_size="10"), TypeError, ("batch_size='10'", "whole number")),
    (lambda: fit(seed=-1), ValueError, ("seed=-1", "at least 0")),
    (lambda: fit(seed="a"), TypeError, ("seed='a'", "whole number")),
    (lambda: fit(seed=None), TypeError, ("seed=None", "whole number")),
    (lambda: fit(shuffle="no"), TypeError, ("shuffle='no'", "True or False")),
    (lambda: fit(backend="torch"), ValueError, ("unknown backend: 'torch'", "'numpy'")),
    (lambda: fit(dtype="half"), ValueError, ("unknown dtype: 'half'", "'float64'")),
    (lambda: fit(progress="bar"), TypeError, ("progress='bar'", "True or False")),
    (lambda: fit(data=None, batches=[]), ValueError, ("no batches", "at least one")),
    (lambda: fit(data=None, batches=iter([])), ValueError, ("no batches", "at least one")),
    (lambda: fit(data=None, batches=3), TypeError, ("got 3", "[{'x': array}]")),
    (lambda: fit(data=None, batches=DATA), TypeError, ("batches must be", "one mapping of arrays is data")),
    (lambda: fit(data=None, batches=[np.ones(3)]), TypeError, ("must be mappings", "array([1., 1., 1.])")),
    (lambda: fit(data=None, batches=[{"x": DATA["x"]}]), ValueError, ("no value for input 't'", "given: 'x'")),
    (lambda: fit(data=None, batches=[DATA], batch_size=2), TypeError, ("batch_size=2", "leave it out")),
    (lambda: fit(batches=[DATA]), TypeError, ("either data", "or batches")),
    (lambda: fit(data=None), TypeError, ("either data", "or batches")),
    (lambda: fit(data=[1, 2]), TypeError, ("[1, 2]", "{'x': array}")),
    (lambda: fit(data={"x": DATA["x"]}), ValueError, ("no value for input 't'", "given: 'x'")),
    (lambda: fit(data={**DATA, "y": 1}), ValueError, ("unknown input: 'y'", "'t', 'x'")),
    (lambda: fit(data={**DATA, "x": np.ones((5, 3))}), ValueError, ("different numbers of samples", "x: 5", "t: 4")),
    (lambda: fit(data={"x": np.ones((0, 3)), "t": np.ones((0, 3))}), ValueError, ("no samples", "length 0")),
    (lambda: fit(data={**DATA, "x": 2.0}), ValueError, ("'x' is one number, 2.0", "first axis")),
    (lambda: fit(data={**DATA, "x": [[1], [1, 2]]}), TypeError, ("'x'", "equally long")),
    (lambda: fit(data={**DATA, "x": ["a"] * 4}), TypeError, ("'x'", "numbers", "'a'")),
    (lambda: fit(data={**DATA, "x": np.full((4, 3), np.nan)}), ValueError, ("'x'", "not all finite")),
    (lambda: fit(params={}), ValueError, ("no value for parameter 'W1'", "given: none")),
    (lambda: fit(params={**PARAMS, "V": 1.0}), ValueError, ("unknown parameter: 'V'", "'W1'")),
    (lambda: fit(params={**PARAMS, "W1": np.ones(2)}), ValueError, ("'W1' has shape (3, 3)", "(2,)")),
    (lambda: fit(params={**PARAMS, "W1": "a"}), TypeError, ("'W1'", "'a'", "numbers")),
    (lambda: fit(params=None), TypeError, ("params must be a mapping", "None", "net.init()")),
    (lambda: fit(optimizer=0.1), TypeError, ("optimizer=0.1", "sf.sgd(0.01)")),
    (lambda: fit(optimizer=sf.sgd), TypeError, ("function sgd", "sf.optimizers.sgd(0.01)")),
    (lambda: fit(optimizer="sgd"), TypeError, ("'sgd'", "sf.optimizers.sgd(0.01)")),
    (lambda: fit(metrics=[LOSS]), TypeError, ("metrics must be a mapping", "{'loss': loss}")),
    (lambda: fit(metrics={"m": 3}), TypeError, ("metric 'm' is 3", "function of the parameters")),
    (lambda: fit(metrics={"m": lambda params, data: 0}), TypeError, ("metric 'm'", "function of the parameters")),
    (lambda: fit(metrics={"m": sf.Net.of(sf.tensor("v"))}), ValueError, ("metric 'm' reads 'v'", "'x'")),
    (lambda: fit(metrics={"m": NET}), NotImplementedError, ("f1", "net.bind")),
    (lambda: fit(data=None, batches=[DATA], metrics={"m": LOSS}), ValueError, ("metric 'm' reads", "function of the parameters")),
    (lambda: fit(loss=DENSE), ValueError, ("a loss is a single number", "(None, 3)")),
    (lambda: fit(loss="loss"), TypeError, ("cannot make 'loss'",)),
    (lambda: sf.sgd(0), ValueError, ("rate=0", "positive")),
    (lambda: sf.sgd(math.nan), ValueError, ("rate=nan", "positive")),
    (lambda: sf.sgd("0.1"), TypeError, ("rate='0.1'", "not a number")),
    (lambda: sf.check_grad(LOSS, [1]), TypeError, ("[1]", "{'x': array}")),
    (lambda: sf.check_grad(LOSS, {"x": "a"}), TypeError, ("'x'", "'a'")),
    (lambda: sf.check_grad(LOSS, {"y": 1.0}), ValueError, ("'y'",)),
    (lambda: sf.check_grad(LOSS, seed=0.5), TypeError, ("seed=0.5",)),
    (lambda: sf.check_grad(LOSS, tolerance="small"), TypeError, ("tolerance='small'",)),
    (lambda: sf.check_grad(DENSE), ValueError, ("single number",)),
    (lambda: sf.check_grad({"loss": LOSS}), ValueError, ("single number",)),
]

NUMBERS: list[Mistake] = [
    (lambda: DENSE.lambdify()(), TypeError, ("0 values given for 5: x, W1, W2, b1, b2", "net.compile()")),
    (lambda: DENSE.lambdify()(*VALUES, 1), TypeError, ("6 values given for 5",)),
    (lambda: DENSE.lambdify()("a", *VALUES[1:]), TypeError, ("'x'", "'a'")),
    (lambda: RUN(PARAMS), ValueError, ("no value for input 'x'", "given: none")),
    (lambda: RUN(PARAMS, x=[[1], [1, 2]]), TypeError, ("'x' is not an array", "equally long")),
    (lambda: RUN(PARAMS, x=None), TypeError, ("'x'", "None")),
    (lambda: RUN(PARAMS, y=1), ValueError, ("unknown input: 'y'", "'x'")),
    (lambda: RUN(PARAMS, 1, 2), TypeError, ("2 values given for 1",)),
    (lambda: RUN({}, x=DATA["x"]), ValueError, ("no value for parameter 'W1'",)),
    (lambda: DENSE(PARAMS, x={1, 2}), TypeError, ("'x'", "{1, 2}")),
    (lambda: DENSE(PARAMS, x=np.ones((2, 4))), ValueError, ("'x' has shape (None, 3)", "(2, 4)")),
    (lambda: sf.Net.of(X + 1)(None), TypeError, ("'x'", "None")),
    (lambda: DENSE(x=DATA["x"]), ValueError, ("no value for parameter 'W1'",)),
    (lambda: PARAMS["V"], KeyError, ("no parameter 'V'", "'W1'")),
    (lambda: PARAMS.copy().__setitem__("W1", [[1], [1, 2]]), TypeError, ("'W1'", "equally long")),
    (lambda: DENSE.init(seed=1.5), TypeError, ("seed=1.5",)),
    (lambda: DENSE.compile("torch"), ValueError, ("unknown backend: 'torch'", "'jax'", "'numpy'")),
    (lambda: DENSE.compile(["numpy"]), ValueError, ("unknown backend: ['numpy']",)),
    (lambda: DENSE.compile(dtype="half"), ValueError, ("unknown dtype: 'half'", "'float32'", "'float64'")),
    (lambda: DEEP.init(), ValueError, ("net.at(n=10)",)),
    (lambda: DEEP.compile()(x=DATA["x"]), ValueError, ("net.at(n=10)",)),
    (lambda: sf.check_grad(sf.Net.of(sf.fold(sf.mappers.residual, sf.layers("f", lambda z: z, count="n"), X))), ValueError, ("net.at(n=10)",)),
    (lambda: DEEP.at(n=-1), ValueError, ("n=-1", "at least 0")),
    (lambda: DEEP.at(n=2.0), TypeError, ("n=2.0", "whole number")),
    (lambda: DEEP.at(m=2), ValueError, ("'m'", "n")),
]

MAKING: list[Mistake] = [
    (lambda: sf.compare(DENSE, DENSE, DENSE), TypeError, ("two nets", "three")),
    (lambda: sf.compare(DENSE, "residual"), TypeError, ("'residual'", "sf.fold(")),
    (lambda: sf.compare(DENSE, DENSE).to_html("a.pdf"), ValueError, ("'a.pdf'", ".html")),
    (lambda: sf.compare(DENSE, DENSE).draw, AttributeError, ("a comparison has no 'draw'", "sf.draw(comparison.nets")),
    (lambda: sf.draw("a.svg", DENSE), TypeError, ("sf.draw(net, path)", "sf.draw([net, other], path)")),
    (lambda: DENSE.draw("a.dot"), ValueError, ("'.dot'", "sf.export.save(net, 'a.dot')")),
    (lambda: sf.draw(DENSE).save("a.tex"), ValueError, ("'.tex'", "sf.draw(net, 'a.tex')")),
    (lambda: sf.export.save(DENSE, "a.svg"), ValueError, ("'.svg'", "sf.draw(net, 'a.svg')")),
    (lambda: sf.fold(lambda f, z: f(z) + z, sf.layers("f1:3"), X), TypeError, ("calls its state", "lambda z, f:")),
    (lambda: sf.fold(lambda z, f, g: f(g(z)), sf.zipped(sf.layers("f1:3"), sf.layers("g1:3")), X), TypeError, ("(z, f, g)", "f, g = item")),
    (lambda: sf.fold(sf.mappers.residual, "f1:4", X), TypeError, ("sf.layers('f1:4')",)),
    (lambda: sf.fold(sf.mappers.residual, sf.layers("f1:3", lambda z, W: z @ W), X), TypeError, ("z, W", "W=(3, 3)")),
    (lambda: sf.layers("f1:3", lambda z, W: z @ W, V=(3, 3)), TypeError, ("['V']", "['z', 'W']")),
    (lambda: sf.layers("f", 3), TypeError, ("count=3",)),
    (lambda: sf.swap(sf.layer("out", sf.dense(3, 1))(DENSE), "out", "f1"), ValueError, ("1 and 3 columns", "cannot change places")),
    (lambda: sf.tensor(3), TypeError, ("3 of type int is not a name",)),
    (lambda: sf.tensor("a b"), ValueError, ("'a b' is not a name", "letters")),
    (lambda: sf.tensor("x", 3), TypeError, ("got 3", "(3,)")),
    (lambda: sf.tensor("x", (2.5,)), TypeError, ("2.5", "None")),
    (lambda: sf.tensor("x", (np.ones(2),)), TypeError, ("array([1., 1.])",)),
    (lambda: sf.parameter("w", (2,), start=0.5), TypeError, ("'w'", "0.5", "sf.Normal(0.0, 0.1)")),
    (lambda: sf.Normal("a"), TypeError, ("mean='a'",)),
    (lambda: sf.Normal(0, -1), ValueError, ("deviation=-1",)),
    (lambda: sf.layer("f1", 3), TypeError, ("got 3", "function")),
    (lambda: sf.layer("f1", lambda: 1), TypeError, ("takes no input", "lambda z: z**2")),
    (lambda: sf.layer("f1")(), TypeError, ("without an argument",)),
    (lambda: sf.layer("f1")([[1], [1, 2]]), TypeError, ("equally long",)),
    (lambda: sf.layers(3), TypeError, ("3 names no layers", "'f1:4'")),
    (lambda: sf.layers("f", count=-1), ValueError, ("count", "-1", "at least 0")),
    (lambda: sf.layers("f", count=2.5), TypeError, ("count", "2.5")),
    (lambda: sf.layers("f", count="2n"), ValueError, ("'2n' is not a name",)),
    (lambda: F["f1"], TypeError, ("'f1'", "sf.layer('f1')")),
    (lambda: F["a":2], TypeError, ("slice('a', 2, None)", "[1:3]")),  # type: ignore[misc]
    (lambda: F[::0], TypeError, ("slice(None, None, 0)", "sf.layer('f1')")),
    (lambda: F[3], IndexError, ("layer 3 of 3", "from 0 to 2")),
    (lambda: F(X), TypeError, ("[f1, f2, f3]", "f[0](x)")),
    (lambda: sf.layers("f3:1"), ValueError, ("'f3:1' ends before it begins", "'f1:4' is f1, f2, f3")),
    (lambda: sf.layers("f", count="n")[0], TypeError, ("symbol",)),
    (lambda: sf.dense(0, 3), ValueError, ("inputs=0", "at least 1")),
    (lambda: sf.dense(3, 2.0), TypeError, ("outputs=2.0",)),
    (lambda: sf.dense(3, 3, "tanh"), TypeError, ("'tanh'", "sf.relu")),
    (lambda: sf.dense(3, 3, lambda a, b: a), TypeError, ("of one value",)),
    (lambda: sf.fold(None, F, X), TypeError, ("got None", "sf.mappers.residual")),
    (lambda: sf.fold(lambda z: z, F, X), TypeError, ("(state, item)",)),
    (lambda: sf.fold(sf.mappers.residual, None, X), TypeError, ("got None", "give a list")),
    (lambda: sf.fold(sf.mappers.residual, set(F), X), TypeError, ("a set has no order",)),
    (lambda: sf.fold(sf.mappers.residual, np.array(2.0), X), TypeError, ("array(2.)", "give a list")),
    (lambda: sf.fold(sf.mappers.residual, [1.0, 2.0], X), TypeError, ("calls its item", "step 1", "sf.layers('f1:4')")),
    (lambda: sf.fold(sf.mappers.residual, sf.tensor("u", (3, 2)), X), TypeError, ("calls its item", "sf.layers")),
    (lambda: sf.fold(sf.mappers.residual, [sp.tanh, None], X), TypeError, ("calls its item", "step 2")),
    (lambda: sf.fold(sf.mappers.residual, []), TypeError, ("no initial state", "give init")),
    (lambda: sf.fold(sf.mappers.residual, 3), TypeError, ("got 3", "give a list")),
    (lambda: sf.fold(sf.mappers.residual, F, "x"), TypeError, ("cannot make 'x'", "give a tensor")),
    (lambda: sf.fold(sf.mappers.residual, F, X, check="some"), ValueError, ("unknown check: 'some'",)),
    (lambda: sf.fold(lambda z, f: None, F, X), TypeError, ("step 1 (f1): ", "the mapper gave None", "return")),
    (lambda: sf.fold(lambda z, f: f, F, X), TypeError, ("is a function, not a value", "as f(z)")),
    (lambda: sf.paths(F), TypeError, ("are layers, not a net", "sf.fold(mapper, layers, x)")),
    (lambda: sf.fold(lambda z, f: [f(z[0]), z[1]], F, (X, X)), TypeError, ("one value after a tuple of 2", "give a tuple")),
    (lambda: sf.residual, AttributeError, ("no name 'residual'", "mappers")),
    (lambda: sf.tensor("x", {3, 2}), TypeError, ("{2, 3}", "a set has no order")),
    (lambda: sf.tensor("x", (sp.zoo,)), TypeError, ("zoo", "whole number")),
    (lambda: sf.dense(3, 3, columns="no"), TypeError, ("columns='no'", "True or False")),
    (lambda: sf.scan(sf.mappers.residual, [], X), ValueError, ("at least one item",)),
    (lambda: sf.stack(3), TypeError, ("got 3", "give a list")),
    (lambda: sf.stack({X, Z}), TypeError, ("a set has no order",)),
    (lambda: sf.stack([]), ValueError, ("at least one value",)),
    (lambda: sf.reverse(2.0), ValueError, ("no leading axis",)),
    (lambda: sf.mappers.mapper("resnet", X), ValueError, ("unknown mapper: 'resnet'", "'residual'")),
    (lambda: sf.mappers.mapper(["residual"], X), ValueError, ("unknown mapper",)),
    (lambda: sf.tanh(None), TypeError, ("cannot make None",)),
    (lambda: sf.tanh("1 + 1"), TypeError, ("cannot make '1 + 1'",)),  # what is typed is never evaluated
    (lambda: sf.sqrt("4"), TypeError, ("cannot make '4'",)),
    (lambda: sf.softmax(Z, axis=None), TypeError, ("axis=None", "whole number")),
]

READING: list[Mistake] = [
    (lambda: sf.roll(None), TypeError, ("cannot make None",)),
    (lambda: sf.unroll("net"), TypeError, ("cannot make 'net'",)),
    (lambda: sf.Net.of({"a": {1}}), TypeError, ("{1}", "give a tensor")),
    (lambda: sf.formula("net"), TypeError, ("cannot make 'net'",)),
    (lambda: sf.formula(NET, form="long"), ValueError, ("unknown form: 'long'", "'expanded', 'fold', 'steps'")),
    (lambda: sf.formula(NET, style=["latex"]), ValueError, ("unknown style: ['latex']", "'latex'")),
    (lambda: sf.formula(NET, form="expanded", max_ops="all"), TypeError, ("max_ops='all'", "number")),
    (lambda: NET.to_sympy(max_ops=[1]), TypeError, ("max_ops=[1]",)),
    (lambda: NET.equations["z1"], TypeError, ("'z1'", "whole number")),
    (lambda: NET.equations["z1":], TypeError, ("slice('z1', None, None)", "[1:3]")),  # type: ignore[misc]
    (lambda: NET.equations[7], IndexError, ("equation 7 of 3",)),
    (lambda: sf.adjoint(NET, name=1), TypeError, ("1 of type int is not a name",)),
    (lambda: sf.grad(LOSS, "V"), ValueError, ("'V'", "'W1'")),
    (lambda: sf.grad(LOSS, [np.ones(2)]), ValueError, ("array([1., 1.])", "'W1'")),
    (lambda: sf.value_and_grad((LOSS, LOSS)), ValueError, ("single number",)),
    (lambda: NET.bind(3), TypeError, ("got 3", "{'f1': lambda z: z**2}")),
    (lambda: NET.bind({1: sp.tanh}), TypeError, ("{1: tanh}", "names of layers")),
    (lambda: NET.bind({"g": sp.tanh}), ValueError, ("no opaque layer 'g'", "f1, f2, f3")),
    (lambda: NET.bind({"f1": 3}), TypeError, ("got 3",)),
    (lambda: sf.from_json(None), ValueError, ("not a net", "net.to_json()")),
    (lambda: sf.paths("net"), TypeError, ("cannot make 'net'",)),
    (lambda: sf.squared_error("y", X), TypeError, ("cannot make 'y'",)),
    (lambda: DENSE(W1=sf.tensor("V", (2,))), ValueError, ("'W1' has shape (3, 3)", "V of shape (2,)")),
    (lambda: sf.Net.of((NET, Z))[2], IndexError, ("part 2 of 2", "from 0 to 1")),
    (lambda: sf.Net.of((NET, Z))["a"], TypeError, ("'a' is not an index of parts",)),
    (lambda: sf.Net.of({"a": NET})["b"], KeyError, ("no part 'b'", "'a'")),
    (lambda: NET(1, 2), TypeError, ("2 values given for 1",)),
    (lambda: NET(y=1), TypeError, ("'y'", "'x'")),
]

# what people write inside mappers
MAPPERS: list[Mistake] = [
    (lambda: sf.fold(lambda z: z, [1, 2], X), TypeError, ("takes (state, item)", "<lambda>> takes (z)")),
    (lambda: mapped(lambda z: "z"), TypeError, ("step 1 (f1), state of shape", "cannot make 'z'")),
    (lambda: sf.fold(lambda z, f: f + z, F, X), TypeError, ("step 1 (f1)", "a layer of the fold is a function", "f(z)")),
    (lambda: sf.fold(lambda z, f: f[0](z), F, X), TypeError, ("step 1 (f1)", "one layer", "sf.zipped(f, g)")),
    (lambda: sf.fold(lambda z, f: sum(g(z) for g in f), F, X), TypeError, ("step 1 (f1)", "one layer", "sf.zipped(f, g)")),
    (
        lambda: sf.fold(lambda z, f: sf.layer("b", sf.batch_norm(3))(z), F, sf.tensor("x", (None, 3))),
        ValueError,
        ("step 1 (f1)", "layer b, called on shape (None, 3), reads (samples, 3 channels, height, width; axes=1 reads sequences, axes=0 rows): axis 2"),
    ),
    (lambda: mapped(lambda z: np.where(z > 0)), NotImplementedError, ("numpy.where", "both branches")),
    (lambda: mapped(lambda z: (z > 0) & (z + 1)), NotImplementedError, ("& joins truth values", "compare first")),
    (lambda: mapped(lambda z: np.select([z > 0, z < 1], [z])), ValueError, ("2 conditions and 1 choices",)),
    (lambda: mapped(lambda z: z if z >= 0 else -z), TypeError, ("neither true nor false", "np.where(z > 0, a, b)", "np.maximum")),
    (lambda: mapped(lambda z: max(z, 0)), TypeError, ("neither true nor false", "np.maximum")),
    (lambda: mapped(lambda z: z * (z == 0)), TypeError, ("cannot be compared",)),
    (lambda: mapped(lambda z: z % 2), NotImplementedError, ("numpy.remainder", "a - b*np.floor(a/b)")),
    (lambda: mapped(lambda z: 2 % z), NotImplementedError, ("numpy.remainder", "a - b*np.floor(a/b)")),
    (lambda: mapped(lambda z: np.mod(z, 2)), NotImplementedError, ("numpy.remainder", "np.floor")),
    (lambda: mapped(lambda z: z // 2), NotImplementedError, ("numpy.floor_divide", "np.floor(a/b)")),
    (lambda: mapped(lambda z: divmod(z, 2)), NotImplementedError, ("numpy.divmod", "np.floor(a/b)")),
    (lambda: mapped(lambda z: round(z)), NotImplementedError, ("numpy.round", "np.floor(z + 0.5)")),
    (lambda: mapped(lambda z: ~(z + 1)), NotImplementedError, ("~ joins truth values", "np.logical_not")),
    (lambda: mapped(lambda z: z.max()), AttributeError, ("no 'max'", "np.max")),
    (lambda: mapped(lambda z: z.tanh()), AttributeError, ("no 'tanh'", "np.tanh")),
    (lambda: mapped(lambda z: math.tanh(z)), TypeError, ("not a number yet", "sf.tanh")),
    (lambda: mapped(lambda z: np.tensordot(z, z)), NotImplementedError, ("numpy.tensordot", "np.einsum")),
    (lambda: mapped(lambda z: np.sum(z, dtype=float)), NotImplementedError, ("numpy.sum", "dtype", "axis, keepdims")),
    (lambda: mapped(lambda z: np.sum(z, axis=1.5)), TypeError, ("axis=1.5", "whole number")),
    (lambda: mapped(lambda z: z.sum(axis="rows")), TypeError, ("axis='rows'", "whole number")),
    (lambda: mapped(lambda z: z.sum(axis=2)), ValueError, ("axis 2", "from -2 to 1")),
    (lambda: mapped(lambda z: np.squeeze(z, axis="a")), TypeError, ("axis='a'",)),
    (lambda: mapped(lambda z: z.reshape(None)), TypeError, ("size=None", "whole number")),
    (lambda: mapped(lambda z: z.reshape(4, 2)), ValueError, ("cannot reshape (2, 3) into (4, 2)",)),
    (lambda: mapped(lambda z: z["a"]), NotImplementedError, ("'a'", "slices")),
    (lambda: mapped(lambda z: z[z > 0]), NotImplementedError, ("indexing", "np.where(z > 0, a, b)")),
    (lambda: mapped(lambda z: z + "a"), TypeError, ("cannot make 'a'",)),
    (lambda: mapped(lambda z: z ^ 2), NotImplementedError, ("^ joins truth values", "a power is a**b")),
    (lambda: mapped(lambda z: np.array([z[0], z[1]])), TypeError, ("not an array yet", "np.stack([a, b])")),
    (lambda: mapped(lambda z: z.__setitem__(0, 1.0)), TypeError, ("[0]", "cannot be changed in place")),
    (lambda: math.exp(NET), TypeError, ("not a number yet", "call it")),
    (lambda: np.asarray(NET), TypeError, ("not an array yet",)),
    (lambda: NET % 2, NotImplementedError, ("numpy.remainder", "np.floor")),
    (lambda: bool(NET > 0), TypeError, ("neither true nor false", "np.maximum")),
]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [pytest.param(*row, id=f"{name} {k}") for name, rows in (
        ("training", TRAINING), ("numbers", NUMBERS), ("making", MAKING), ("reading", READING), ("mappers", MAPPERS),
    ) for k, row in enumerate(rows)],
)  # fmt: skip
def test_a_mistake_is_named(call: Callable[[], Any], error: type[Exception], words: tuple[str, ...]) -> None:
    with pytest.raises(SymfoldError) as caught:
        call()
    assert isinstance(caught.value, error)
    for word in words:
        assert word in str(caught.value)


def test_whole_numbers_of_numpy_and_sympy_are_whole_numbers() -> None:
    plain = fit(epochs=2, batch_size=3, seed=5)
    for of in (np.int64, np.uint8, sp.Integer):
        assert fit(epochs=of(2), batch_size=of(3), seed=of(5)).history.loss == plain.history.loss
    assert sf.dense(np.int64(3), sp.Integer(2)) == sf.dense(3, 2)
    assert sf.layers("f", count=np.int64(3)) == F
    assert fit(optimizer=sf.sgd(np.float32(0.5)), batch_size=3).history.loss == fit(optimizer=sf.sgd(0.5), batch_size=3).history.loss


def test_metrics_of_the_parameters_go_with_given_batches() -> None:
    size = {"size": lambda params: float(np.sum(params["W1"] ** 2)), "bias": sf.Net.of(sf.parameter("b1", (1, 3))).parts}
    done = fit(data=None, batches=[DATA], metrics=size, epochs=2)
    assert done.history.metrics["size"][-1] == pytest.approx(np.sum(done.params["W1"] ** 2))
    np.testing.assert_array_equal(done.history.metrics["bias"][-1], done.params["b1"])


def test_what_is_wrong_with_a_metric_shows_before_the_first_step() -> None:
    """Batches that count how often they are read: none was, when the error came."""
    read: list[int] = []

    class Batches(list[Any]):
        def __iter__(self) -> Any:
            read.append(1)
            return super().__iter__()

    for metric in (3, LOSS, "loss"):
        with pytest.raises(SymfoldError):
            fit(data=None, batches=Batches([DATA]), metrics={"m": metric})
    assert not read


INSTEADS: dict[Any, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {  # NumPy's function on numbers, what its message says
    np.remainder: (lambda z: np.remainder(z, 0.3), lambda z: z - 0.3 * np.floor(z / 0.3)),
    np.floor_divide: (lambda z: np.floor_divide(z, 0.3), lambda z: np.floor(z / 0.3)),
    np.trunc: (lambda z: np.trunc(3 * z), lambda z: np.sign(z) * np.floor(np.abs(3 * z))),
    np.round: (lambda z: np.round(3 * z), lambda z: np.floor(3 * z + 0.5)),
    np.prod: (lambda z: np.prod(z, axis=0), lambda z: sf.fold(lambda p, v: p * v, z, 1) if isinstance(z, sf.Net) else z[0] * z[1]),
    np.diff: (lambda z: np.diff(z, axis=0), lambda z: z[1:] - z[:-1]),
    np.tile: (lambda z: np.tile(z, (2, 1)), lambda z: np.concatenate([z, z])),
}


@pytest.mark.parametrize("function", INSTEADS, ids=lambda function: function.__name__)
def test_what_the_messages_say_to_write_instead_is_the_same(function: Any) -> None:
    assert function in INSTEAD
    given, instead = INSTEADS[function]
    values = np.random.default_rng(0).normal(size=(2, 3))
    np.testing.assert_allclose(sf.Net.of(instead(sf.Net.of(Z)))(z=values), given(values), rtol=1e-12)


@pytest.mark.parametrize("body", [lambda z: np.maximum(z, 0.5), lambda z: np.minimum(z, 0.5), lambda z: np.clip(z, -0.5, 0.5), lambda z: np.abs(z), abs])
def test_choices_that_trace_are_numpys(body: Callable[[Any], Any]) -> None:
    values = np.random.default_rng(0).normal(size=(2, 3))
    net = sf.fold(lambda z, u: body(z) + u, [1.0, 2.0], Z)
    np.testing.assert_allclose(net(z=values), body(body(values) + 1.0) + 2.0, rtol=1e-12)


def test_no_function_has_both_a_meaning_and_advice_instead() -> None:
    assert set(INSTEAD).isdisjoint({*NUMPY, *UFUNCS})


@pytest.mark.parametrize(
    "build",
    [
        lambda: sf.layers("f1:99999999999999999999"),
        lambda: sf.layers("f", count=10**40),
        lambda: sf.repeat(2, 10**19),
        lambda: sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x")).at(n=10**30),
    ],
)
def test_more_steps_than_can_be_counted_are_refused(build) -> None:
    with pytest.raises(sf.errors.TooLarge, match="steps are too many"):
        build()


def test_parameters_that_do_not_fit_into_memory_are_named() -> None:
    with pytest.raises(MemoryError, match=r"p of shape \(1000000, 1000000000\) is the largest") as caught:
        sf.Net.of(sf.parameter("p", (10**6, 10**9)) * 1).init()
    assert isinstance(caught.value, sf.SymfoldError)
