"""JAX functions as nets: JAX's own numbers and gradients, its scans as folds, and refusals by name.

Needs the extra `jax`; skipped, with the reason, where it is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from cases import CASES, values_of
from every_fold import folds
from oracles import weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.errors import InvalidType, InvalidValue, NoRule

jax = pytest.importorskip("jax", reason="the extra 'jax' is not installed")

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

draw = np.random.default_rng(0)


def reals(*shape: int) -> Any:
    return draw.normal(size=shape)


def wholes(*values: Any) -> Any:
    return np.array(values)


Case = tuple[Any, ...]  # a function and its arguments

ELEMENTWISE: dict[str, Case] = {
    **{name: (getattr(jax.nn, name), reals(7)) for name in ("relu", "silu", "elu", "softplus", "leaky_relu", "selu", "hard_tanh", "relu6", "mish", "sigmoid", "log_sigmoid", "soft_sign", "celu", "gelu")},
    **{name: (getattr(jnp, name), reals(5)) for name in ("sin", "tanh", "arctan", "sinh", "expm1", "exp2", "sign", "floor", "ceil", "cbrt", "square", "isfinite", "round", "reciprocal", "abs")},
    "softmax": (jax.nn.softmax, reals(3, 4)), "logsumexp": (partial(jax.nn.logsumexp, axis=-1), reals(3, 4)), "log_softmax": (jax.nn.log_softmax, reals(3, 4)),
    "exact gelu": (partial(jax.nn.gelu, approximate=False), reals(5)), "logaddexp": (jnp.logaddexp, reals(3), reals(3)),
    "standardize": (jax.nn.standardize, reals(3, 4)), "where": (lambda x: jnp.where(x > 0, x, 2 * x), reals(4)),
    "clip": (lambda x: jnp.clip(x, -0.5, 0.5), reals(6)), "powers": (lambda x: x**3 + jnp.abs(x) ** 0.5 + x**-1, reals(4)),
    "whole division": (lambda i: i // 2 + i % 3, wholes(1, -3, 5)), "real division": (lambda x: (x // 0.3, x % 0.3), reals(5)),
    "stop_gradient": (lambda x: lax.stop_gradient(x) * x, reals(3)), "random numbers": (lambda x: x + jax.random.normal(jax.random.key(0), (3,)), reals(3)),
    "casts": (lambda x: (x * 3).astype(int) + x.astype(bool), reals(5)), "logic": (lambda x: ((x > 0) & (x < 1)) | ~(x > -1), reals(5)),
}  # fmt: skip
PRODUCTS: dict[str, Case] = {
    "einsum": (partial(jnp.einsum, "bthd,bshd->bhts"), reals(2, 3, 4, 5), reals(2, 6, 4, 5)),
    "matrix and vector": (jnp.matmul, reals(3, 4), reals(4)), "batches": (jnp.matmul, reals(5, 3, 4), reals(5, 4, 2)), "one matrix": (jnp.matmul, reals(5, 3, 4), reals(4, 2)),
    "outer": (jnp.outer, reals(3), reals(4)), "kron": (jnp.kron, reals(2, 2), reals(2, 3)), "transposed": (lambda a, b: a @ b.T, reals(3, 4), reals(5, 4)),
    "channels last": (partial(lax.conv_general_dilated, window_strides=(2, 1), padding="SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")), reals(2, 7, 6, 3), reals(3, 2, 3, 4)),
    "transposed convolution": (partial(lax.conv_transpose, strides=(2, 2), padding="SAME"), reals(2, 4, 3, 3), reals(3, 3, 3, 4)),
    "groups": (partial(lax.conv_general_dilated, window_strides=(1,), padding=[(2, 0)], rhs_dilation=(2,), feature_group_count=2), reals(2, 4, 6), reals(6, 2, 2)),
    "max pool": (lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"), reals(2, 5, 6, 3)),
    "sum pool": (lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"), reals(2, 4, 6, 3)),
    "vmap": (jax.vmap(lambda x: jnp.tanh(x @ x)), reals(5, 3, 3)), "gradient": (jax.grad(lambda x: jnp.tanh(x @ x).sum()), reals(3, 3)),
    "cross entropy": (lambda x, i: -jnp.take_along_axis(jax.nn.log_softmax(x), i[..., None], -1).mean(), reals(4, 3), wholes(1, 2, 0, 1)),
}  # fmt: skip
PARTS: dict[str, Case] = {
    "known rows": (lambda t: t[jnp.array([1, 2, 0, 3])], reals(4, 3)), "rows": (lambda t, i: t[i], reals(4, 3), wholes([1, 2], [0, 3])),
    "along an axis": (lambda t, i: jnp.take_along_axis(t, i[:, None], -1), reals(4, 3), wholes(1, 2, 0, 1)), "columns": (lambda t, i: t[:, i], reals(4, 3), wholes(1, 2, 0, 1)),
    "slices": (lambda t: (t[0], t[-1], t[:, 1], t[1:3, ::2], t[::-1]), reals(4, 3)), "set": (lambda t: t.at[0].set(1.0), jnp.ones((4, 3))),
    "added": (lambda t: t.at[1:3].add(2.0) * t, jnp.ones((4, 3))), "dynamic slice": (lambda t, i: lax.dynamic_slice_in_dim(t, i, 2), reals(5, 3), np.array(1)),
    "dynamic update": (lambda t, u, i: lax.dynamic_update_slice_in_dim(t, u, i, 0), reals(5, 3), reals(2, 3), np.array(1)),
    "padded": (lambda x: (jnp.pad(x, ((1, 2), (0, 1))), jnp.pad(x, 1, mode="reflect"), lax.pad(x, 0.0, ((1, 0, 1), (0, -1, 0)))), reals(3, 4)),
    "joined": (lambda x: (jnp.concatenate([x, 2 * x], 1), jnp.stack([x, 2 * x], -1), jnp.split(x, 2, 1)), reals(3, 4)),
    "tiled": (lambda x: (jnp.roll(x, 1, 0), jnp.tile(x, (2, 3)), jnp.repeat(x, 2, axis=1)), reals(3, 4)), "triangle": (jnp.tril, reals(4, 4)),
    "one hot": (lambda i: jax.nn.one_hot(i, 4), wholes(1, 3)), "cumulative": (lambda x: (jnp.cumsum(x, 1), lax.cumsum(x, reverse=True), jnp.cumprod(x, 0)), reals(3, 4)),
    "sorted": (lambda x: (jnp.sort(x), jnp.argsort(x), lax.top_k(x, 2)), reals(3, 4)), "diagonal": (jnp.diagonal, reals(3, 3)),
    "reduced": (lambda x: (x.max(0), x.min(), x.argmax(1), x.prod(0), jnp.any(x > 0), jnp.all(x > -9, axis=0), x.var(0)), reals(3, 4)),
    "resized": (lambda x: jax.image.resize(x, (4, 6), "bilinear"), reals(2, 3)),
}  # fmt: skip
CONTROL: dict[str, Case] = {
    "for": (lambda x: lax.fori_loop(0, 5, lambda i, x: x + jnp.sin(x) * i, x), reals(3)), "while": (lambda x: lax.while_loop(lambda c: c[0] < 7, lambda c: (c[0] + 2, jnp.cos(c[1]) * c[0]), (0, x))[1], reals(3)),
    "cond": (lambda x: lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), reals(3)), "switch": (lambda x, i: lax.switch(i, [jnp.sin, jnp.cos, jnp.exp], x), reals(3), np.array(1)),
    "backward": (lambda x: lax.scan(lambda c, u: (c * u + 1, c + u), 0.0, x, reverse=True), reals(6)), "remat": (jax.checkpoint(lambda x: jnp.sin(x)), reals(3)),
    "nested": (lambda x: lax.scan(lambda c, _: (lax.scan(lambda d, _: (jnp.sin(d), None), c, None, length=3)[0], None), x, None, length=4)[0], reals(3)),
    "parameters": (lambda p, x: lax.scan(lambda h, u: (jnp.tanh(h @ p["W"] + u), h.sum()), jnp.zeros(3), x), {"W": reals(3, 3)}, reals(5, 3)),
}  # fmt: skip
ALL = ELEMENTWISE | PRODUCTS | PARTS | CONTROL
FLAT = {"floor", "ceil", "sign", "isfinite", "round", "whole division", "real division", "casts", "logic", "one hot", "sorted"}


def arrays(function: Callable[..., Any], values: Any) -> list[Any]:
    return [np.asarray(leaf, dtype=float) for leaf in jax.tree.leaves(function(*values))]


def read(function: Callable[..., Any], values: Any) -> tuple[sf.Net, Any, dict[str, Any]]:
    net, params = sf.from_jax(function, *values)
    inputs = [value for value in values if not isinstance(value, (dict, list))]
    return net, params, {node.op.name: np.asarray(value) for node, value in zip(net.inputs, inputs, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_function_has_the_numbers_and_the_gradient_that_jax_gives_it(name: str) -> None:
    function, *values = ALL[name]
    with jax.enable_x64(True):
        net, params, inputs = read(function, values)
        wanted = arrays(function, values)
        results = flatten(net(params, **inputs))[0]
        assert len(results) == len(wanted)
        for result, array in zip(results, wanted, strict=True):
            assert np.shape(result) == array.shape
            np.testing.assert_allclose(result, array, rtol=1e-10, atol=1e-10)
        places = [k for k, value in enumerate(values) if getattr(value, "dtype", None) == np.float64]
        if name in FLAT or not places:
            return

        def loss(*given: Any) -> Any:
            parts = jax.tree.leaves(function(*given))
            return sum((part.astype(float) ** 2 * (k + 1)).sum() for k, part in enumerate(parts))

        derivative = jax.jacfwd if name == "while" else jax.grad  # JAX has no backward pass of a `while`
        slopes = derivative(loss, argnums=tuple(places))(*values)
        names = [node.op.name for node in net.inputs]
        first = len(values) - len(names)
        wrt = [names[k - first] for k in places]
        gradient = sf.grad(weighted_squares(net), wrt=wrt)(params, **inputs)
    for key, slope in zip(wrt, slopes, strict=True):
        np.testing.assert_allclose(gradient[key], slope, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda x: lax.scan(lambda z, w: (jnp.tanh(z * w), None), x, jnp.arange(1.0, 5.0))[0], [(4, 1)]),
        (lambda x: lax.fori_loop(0, 5, lambda i, z: jnp.sin(z) + z, x), [(5, 1)]),
        (lambda x: lax.while_loop(lambda c: c[0] < 7, lambda c: (c[0] + 2, jnp.cos(c[1])), (0, x))[1], [(4, 1)]),
        (lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x), []),
    ],
    ids=["scan", "for", "while", "cond"],
)
def test_loops_are_folds(function: Callable[..., Any], wanted: list[tuple[int, int]]) -> None:
    assert folds(sf.from_jax(function, np.ones(3))[0]) == wanted


def test_layers_in_a_list_are_a_fold_over_parameters_named_by_their_paths() -> None:
    def model(params: Any, x: Any) -> Any:
        for layer in params["layers"]:
            x = x + jnp.tanh(x @ layer["W"] + layer["b"])
        return {"logits": x @ params["head"]}

    layers = [{"W": reals(3, 3), "b": reals(3)} for _ in range(4)]
    net, params = sf.from_jax(model, {"layers": layers, "head": reals(3, 2)}, reals(5, 3))
    assert folds(net) == [(4, 1)]
    assert set(params) == {"head", *(f"{name}{k}" for name in "Wb" for k in range(4))}
    assert [node.op.name for node in net.inputs] == ["x"]
    x = reals(5, 3)
    expected = model({"layers": layers, "head": params["head"]}, x)["logits"]
    np.testing.assert_allclose(net(params, x=x)["logits"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["residual", pytest.param("recurrent", marks=pytest.mark.slow), pytest.param("transformer", marks=pytest.mark.slow)])
def test_a_net_comes_back_from_jax_with_its_numbers_names_and_folds(name: str) -> None:
    architectures = sf.mappers.ARCHITECTURES
    net = sf.roll(architectures[name].net(3, 4) if name in architectures else CASES[next(iter(CASES))].build(3))
    values, names = values_of(net), {node.op.name for node in net.params}
    params, inputs = {k: v for k, v in values.items() if k in names}, {k: v for k, v in values.items() if k not in names}
    ordered = [inputs[node.op.name] for node in net.inputs]
    with jax.enable_x64(True):
        again, read_params = sf.from_jax(sf.to_jax(net), params, *ordered)
    assert {node.op.name for node in again.inputs} == set(inputs)
    assert set(read_params) == set(params)
    assert folds(again) == folds(net)
    for result, wanted in zip(flatten(again(read_params, **inputs))[0], flatten(net(params, **inputs))[0], strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: lax.while_loop(lambda z: z.sum() < 9, lambda z: z + 1, x), r"the operation 'while' of .*test_from_jax.py.*: the number of its steps"),
        (lambda x: jnp.linalg.inv(x), r"the operation '.*' of float32"),
        (lambda x: jnp.fft.fft(x), r"the operation 'convert_element_type' of float32.*complex64"),
        (lambda x: x.astype(jnp.uint8) + 1, "uint8, which wraps around"),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(NoRule, match=message):
        sf.from_jax(function, np.ones((2, 2), np.float32))


def test_captured_arrays_are_parameters_that_are_not_trained() -> None:
    weights = reals(3, 3)
    net, params = sf.from_jax(lambda x: jnp.tanh(x @ jnp.asarray(weights)), np.ones((2, 3)))
    assert [(node.op.name, node.op.start.deviation) for node in net.params] == [("captured1", 0.0)]
    np.testing.assert_allclose(params["captured1"], weights, rtol=1e-6)


def test_a_custom_derivative_is_opened_and_a_function_in_disguise_is_not_taken_for_jax_own() -> None:
    @jax.custom_jvp
    def relu(x: Any) -> Any:
        return x * 3

    relu.defjvp(lambda primals, tangents: (relu(*primals), tangents[0]))
    net, _ = sf.from_jax(relu, np.ones(2))
    assert np.array_equal(net(x=[-1.0, 2.0]), [-3, 6])


def test_arguments_that_are_no_arrays_are_refused() -> None:
    with pytest.raises(InvalidType, match="is not a function"):
        sf.from_jax(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match=r"the example of 'mode'.*functools.partial"):
        sf.from_jax(lambda x, mode: x, np.ones(2), "train")


def chosen(x: Any) -> Any:
    return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sf.from_jax(chosen), InvalidType, r"^chosen takes \(x.*\).*, got 0 examples \(give an example of each argument: sf\.from_jax\(chosen, x\)\)$"),
        (lambda: sf.from_jax(chosen, np.ones(2), 3), InvalidType, "got 2 examples"),
        (lambda: sf.from_jax(lambda params, x: x @ params["W"], np.ones((2, 2)), {"W": np.ones((2, 2))}), InvalidValue, r"does not take these examples: .* \(test_from_jax\.py, line .*; its arguments: params, x\)$"),
        (lambda: sf.from_jax(chosen, np.ones(2)), NoRule, r"^chosen depends on the values of its inputs in Python, at test_from_jax\.py, line \d+: return x if x\.sum\(\) > 0 else -x \(choose by jnp\.where"),
        (lambda: sf.from_jax(lambda x: x * float(x.sum()), np.ones(2)), NoRule, "in Python, at test_from_jax.py"),
        (lambda: sf.from_jax(lambda x: np.tanh(np.asarray(x)), np.ones(2)), NoRule, "compute by jax.numpy"),
        (lambda: sf.from_jax(lambda key, x: x + jax.random.normal(key, (2,)), jax.random.PRNGKey(0), np.ones(2)), NoRule, "draws random numbers from a key that is an argument"),
    ],
)
def test_mistakes_in_calls_and_functions_say_where_and_what_to_write(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_random_numbers_of_a_known_key_are_constants() -> None:
    key = jax.random.PRNGKey(1)
    net, params = sf.from_jax(lambda x: x + jax.random.normal(key, (2,)), np.zeros(2))
    np.testing.assert_allclose(net(params, x=np.zeros(2)), jax.random.normal(key, (2,)), rtol=1e-6)
