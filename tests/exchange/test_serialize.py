"""Keeping nets: equal after the way out and back, and nothing odd is let in."""

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symfold as sf
from symfold.core.nodes import Node
from symfold.core.values import decode_value, encode_value
from symfold.errors import DataError
from symfold.exchange.plain_data.reader import READERS
from symfold.exchange.plain_data.writer import KINDS

X = sf.tensor("x", (None, 3))
NET = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3, sf.sigmoid)), X)


@pytest.mark.parametrize(
    "net",
    [
        sf.Net.of({"a": X, "b": (X + 1, 2 * X)}),
        sf.Net.of(X * np.array([1.0, np.pi, -0.0]) + np.array(3)),
        sf.Net.of(X * sp.Rational(1, 3) + sp.pi * X ** sp.Float("0.1", 50)),
        sf.Net.of(np.reshape(sf.tensor("y", (None, None)), (-1,))),
        sf.Net.of(sp.besselj(0, sf.tensor("y")) + sp.gamma(sf.tensor("y"))),
        sf.fold(sf.mappers.residual, sf.layers("f", count="n"), sf.tensor("x")),
        sf.fold(sf.mappers.residual, sf.layers("f", count=3 * sp.Symbol("m") + 1), sf.tensor("x")),
        sf.fold(sf.mappers.residual, sf.layers("f1:9", sf.dense(3, 3))[::3], X),
    ],
)
def test_json_and_pickle_bring_back_an_equal_net(net: sf.Net) -> None:
    again = sf.from_json(net.to_json())
    assert again == net and hash(again) == hash(net)
    assert pickle.loads(pickle.dumps(net)) == net


def test_files_from_before_names_had_a_step_are_read() -> None:
    """Names by a step were kept one by one, and names in a row without a step."""
    net = sf.fold(sf.mappers.residual, sf.layers("f1:9", sf.dense(3, 3))[::3], X)
    data = json.loads(net.to_json())
    kept = [field for (kind, *fields), _ in data["nodes"] if kind == "family" for field in fields[:1]]
    assert ["numbered", "f", 1, 3, 3] in kept
    for names in kept:
        names[:] = ["names", *(f"{names[1]}{k}" for k in (1, 4, 7))]
    assert sf.from_json(json.dumps(data)) == net
    assert ["numbered", "f", 1, 3] in [fields[0] for (kind, *fields), _ in json.loads(NET.to_json())["nodes"] if kind == "family"]


def test_numbers_are_kept_to_the_last_bit() -> None:
    x = sf.tensor("x")
    near = sf.Net.of(x * (0.1 + 0.2)), sf.Net.of(x * 0.3)
    assert near[0] != near[1]
    assert [sf.from_json(net.to_json()) for net in near] == list(near)
    assert [float(sf.from_json(net.to_json())(1.0)) for net in near] == [0.1 + 0.2, 0.3]


@pytest.mark.parametrize(
    "value", [NET.blocks[0], NET.outputs[0], sf.layers("f1:4"), sf.layer("f1", sf.dense(2, 2)), sf.dense(2, 2), sf.layers("f", count="n")]
)
def test_the_parts_pickle_and_copy(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value == copy.deepcopy(value) == copy.copy(value)


@pytest.mark.parametrize("value", [None, True, 2, "a", (1, (2,)), range(5, 0, -1), ..., sp.Rational(2, 3), -sp.oo, sp.Symbol("n") / 2])
def test_values_come_back(value: Any) -> None:
    assert decode_value(json.loads(json.dumps(encode_value(value)))) == value


def damaged(change: Any) -> str:
    data = json.loads(NET.to_json())
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON|not a net"),
        ("3", "expected an object, got int"),
        ("{}", "it has no blocks, form"),
        (damaged(lambda d: d.update(symfold=99)), "its format is 99"),
        (damaged(lambda d: d["nodes"][0].__setitem__(0, ["__import__", "os"])), "unknown operation '__import__'"),
        (damaged(lambda d: d["nodes"].__setitem__(0, [["head", "__import__"], []])), "unknown function: '__import__'"),
        (damaged(lambda d: d["nodes"].__setitem__(0, [["head", "lambdify"], []])), "unknown function: 'lambdify'"),
        (damaged(lambda d: d["nodes"].__setitem__(0, [["apply", "eval", []], []])), "unknown primitive 'eval'"),
        (damaged(lambda d: d["nodes"].__setitem__(0, [["number", ["integer", "zz"]], []])), "node 0 cannot be read"),
        (damaged(lambda d: d["nodes"].__setitem__(0, [["number", "1+1"], []])), "not a value that a net can hold"),
        (damaged(lambda d: d["nodes"].__setitem__(0, [["head", "Add"], [7]])), "node 7 is not among the 0 before it"),
        (damaged(lambda d: d["nodes"].__setitem__(0, [["head", "Add"], [-1]])), "node -1 is not among"),
        (damaged(lambda d: d.update(outputs=[0, 1])), "1 places for 2 outputs"),
        (damaged(lambda d: d.update(form=["list", []])), "unknown form 'list'"),
        (damaged(lambda d: d["blocks"][0][0].pop()), "a formal 2 of another block"),
    ],
)
def test_what_is_no_net_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        sf.from_json(text)


def test_a_huge_power_is_refused_not_computed() -> None:
    with pytest.raises(DataError, match="the largest power"):
        decode_value(["Pow", ["integer", "0xa"], ["integer", "0xffffffffff"]])
    tower = ["integer", "0xa"]
    for _ in range(6):
        tower = ["Pow", tower, ["integer", "0x40"]]
    with pytest.raises(DataError, match="the largest power"):
        decode_value(tower)


@pytest.mark.parametrize("value", [1 / sp.sqrt(2), sp.pi / 2, 1 + sp.sqrt(3), sp.nan, sp.oo, sp.Float("0.1"), sp.Rational(1, 3)])
def test_exact_numbers_come_back(value: sp.Expr) -> None:
    assert decode_value(json.loads(json.dumps(encode_value(value))), number=True) == value


def test_a_number_holds_no_size() -> None:
    with pytest.raises(DataError, match="unknown kind of value: 'size'"):
        decode_value(encode_value(sp.Symbol("n", integer=True, positive=True) + 1), number=True)


@pytest.mark.parametrize("width, heads", [(4, 2), (6, 2), (8, 1)])
def test_attention_comes_back_with_its_exact_scale(width: int, heads: int) -> None:
    net = sf.Net.of(sf.layer("a", sf.attention(width, heads))(sf.tensor("x", (None, 3, width))))
    assert sf.from_json(net.to_json()) == net == pickle.loads(pickle.dumps(net))


def test_a_function_without_a_name_of_its_own_is_refused() -> None:
    class odd(sp.Function):
        pass

    with pytest.raises(NotImplementedError, match="the function odd has no row"):
        sf.Net.of(Node(odd, (X,))).to_json()


def test_what_is_written_is_what_can_be_read() -> None:
    assert tuple(READERS) == KINDS
