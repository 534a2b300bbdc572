"""A net as a function of JAX's: the numbers of every case and architecture, and JAX's own gradient against ours.

Needs the extra `jax`; skipped, with the reason, where it is missing.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from cases import CASES, values_of
from oracles import assert_close, weighted_squares

import symfold as sf
from symfold.base.trees import flatten
from symfold.errors import InvalidType, NoRule

jax = pytest.importorskip("jax", reason="the extra 'jax' is not installed")

NETS = {name: row.net(3, 4) for name, row in sf.mappers.ARCHITECTURES.items()} | {f"case {name}": case.build(3) for name, case in CASES.items()}


def parted(net: sf.Net) -> tuple[dict[str, Any], dict[str, Any]]:
    values, names = values_of(net), {node.op.name for node in net.params}
    return {k: v for k, v in values.items() if k in names}, {k: v for k, v in values.items() if k not in names}


def leaves(value: Any) -> Mapping[int, Any]:
    return dict(enumerate(map(np.asarray, flatten(value)[0])))


@pytest.mark.parametrize("name", NETS)
def test_a_function_has_the_numbers_of_its_net_and_jax_its_gradient(name: str) -> None:
    net = NETS[name]
    params, inputs = parted(net)
    loss = weighted_squares(net)
    _, gradient = sf.value_and_grad(loss).compile("numpy")(params, **inputs)
    with jax.enable_x64(True):
        assert_close(leaves(jax.jit(sf.to_jax(net))(params, **inputs)), leaves(net.compile("numpy")(params, **inputs)), 1e-12)
        slopes = jax.jit(jax.grad(sf.to_jax(loss)))(params, **inputs)
    assert_close({key: np.asarray(one) for key, one in slopes.items()}, dict(gradient), 1e-10)


def test_it_is_mapped_over_samples_and_sizes_are_free() -> None:
    net = NETS["residual"]
    params, _ = parted(net)
    function = sf.to_jax(net)
    x = np.random.default_rng(0).normal(size=(5, 1, 4))
    with jax.enable_x64(True):
        mapped = jax.vmap(function, in_axes=(None, 0))(params, x)
        whole = function(params, x[:, 0])
    np.testing.assert_allclose(mapped[:, 0], whole, rtol=1e-12)


def test_numbers_keep_their_type() -> None:
    net = NETS["pre_norm"]
    params, inputs = parted(net)
    single = {key: np.float32(value) for key, value in params.items()}
    assert sf.to_jax(net)(single, np.float32(inputs["x"])).dtype == np.float32
    with jax.enable_x64(True):
        assert sf.to_jax(net)(params, inputs["x"]).dtype == np.float64


def test_the_traced_program_is_as_long_at_any_depth() -> None:
    def lines(depth: int) -> int:
        net = sf.fold(sf.mappers.residual, sf.layers(f"f1:{depth + 1}", sf.dense(2, 2, sf.tanh)), sf.tensor("x", (None, 2)))
        text = str(jax.make_jaxpr(sf.to_jax(net))(dict(net.init(seed=0)), np.zeros((3, 2))))
        return text.count("scan[")

    assert lines(3) == lines(30) == 1


def test_what_is_missing_is_named() -> None:
    net = NETS["residual"]
    params, inputs = parted(net)
    with pytest.raises(InvalidType, match="no value for parameter 'W1'"):
        sf.to_jax(net)({}, **inputs)
    with pytest.raises(InvalidType, match="the net takes x; got 0 by position and y by name"):
        sf.to_jax(net)(params, y=inputs["x"])
    with pytest.raises(NoRule, match="opaque"):
        sf.to_jax(sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x")))({}, np.zeros(2))


def test_importing_symfold_imports_no_jax() -> None:
    code = "import sys, symfold, symfold.exchange.jax_function; print('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_a_function_pickles_and_equals_that_of_an_equal_net() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:3", sf.dense(3, 3, np.tanh)), sf.tensor("x", (None, 3)))
    function, params, x = sf.to_jax(net), dict(net.init(seed=0)), np.ones((2, 3))
    again = pickle.loads(pickle.dumps(function))
    assert again == function == sf.to_jax(net) and hash(again) == hash(function)
    np.testing.assert_array_equal(again(params, x), function(params, x))
