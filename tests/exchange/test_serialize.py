"""Keeping nets: equal after the way out and back, and nothing odd is let in."""

import copy
import json
import pickle
import time
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


def test_a_number_may_hold_a_depth_and_nothing_else_that_has_a_name() -> None:
    depth = sp.Symbol("n", integer=True, positive=True) + 1
    assert decode_value(encode_value(depth), number=True) == depth
    with pytest.raises(DataError, match="unknown kind of value: 'tuple'"):
        decode_value(encode_value((1, 2)), number=True)


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


def built(*nodes: Any, blocks: Any = (), outputs: Any = (-1,), form: Any = "*") -> str:
    """A net as JSON, from its nodes; outputs count from the end."""
    places = [len(nodes) + place if place < 0 else place for place in outputs]
    return json.dumps({"symfold": 1, "blocks": list(blocks), "nodes": list(nodes), "outputs": places, "form": form})


def input_node(name: Any = "x", shape: Any = ("tuple", 2, 3), role: Any = "input", start: Any = None) -> Any:
    return [["input", name, list(shape), role, start], []]


NAME = ("tuple", ["rest", "the name of a layer"])
LAYER = input_node("f", NAME, "layer")
FORMAL = [["formal", 0, 0, ["tuple", 2, 3]], []]
BLOCK = [["tuple", ["tuple", 2, 3]], [1]]


def fold_of(count: Any = 3, carries: Any = 1, each: Any = (), block: Any = 0) -> Any:
    return [["fold", block, count, carries, list(each)], [0]]


def nested(kind: str, times: int, more: Any) -> Any:
    value: Any = ["constant", "pi"]
    for _ in range(times):
        value = [kind, value, *more]
    return value


HOSTILE = {
    "a count of 10^18 steps over 3": (built(input_node(shape=("tuple", 3, 2)), FORMAL, [["fold", 0, 10**18, 0, [True]], [0]], blocks=[[["tuple", ["tuple", 2]], []]]), "a fold of"),
    "a negative count": (built(input_node(), FORMAL, fold_of(-1), [["select", 0], [2]], blocks=[BLOCK]), "odd fields"),
    "10^18 carries": (built(input_node(), FORMAL, fold_of(3, 10**18), blocks=[BLOCK]), "odd fields"),
    "a count that is text": (built(input_node(), FORMAL, fold_of("3"), blocks=[BLOCK]), "odd fields"),
    "a state that changes its shape": (built(input_node(), FORMAL, [["apply", "stack", []], [1, 1]], fold_of(), blocks=[[["tuple", ["tuple", 2, 3]], [2]]]), "changes its shape"),
    "a fold as an output": (built(input_node(), FORMAL, fold_of(), blocks=[BLOCK]), "not a value"),
    "a result beyond the last": (built(input_node(), FORMAL, fold_of(), [["select", 1], [2]], blocks=[BLOCK]), "cannot be read|result 1"),
    "a formal outside of blocks": (built(FORMAL), "formal outside"),
    "a formal of another level": (built([["formal", 1, 0, ["tuple", 2, 3]], []]), "a formal"),
    "a formal of another block": (built(input_node(), [["formal", 0, 1, ["tuple", 2, 3]], []], fold_of(), [["select", 0], [2]], blocks=[BLOCK]), "formal 1 of another block"),
    "a block that reads an input": (built(input_node(), fold_of(), [["select", 0], [1]], blocks=[[["tuple", ["tuple", 2, 3]], [0]]]), "reads an input"),
    "a negative size": (built(input_node(shape=("tuple", -1))), "not a shape"),
    "a size of 10^20": (built(input_node(shape=("tuple", 10**20))), "not a shape"),
    "a size that is true": (built(input_node(shape=("tuple", True))), "not a shape"),
    "a size that is not a whole number": (built(input_node(shape=("tuple", 2.5))), "not a shape"),
    "two unknown ends of a shape": (built(input_node(shape=("tuple", ["rest", "x"], ["rest", "y"]))), "not a shape"),
    "a shape that is not a tuple": (built([["input", "x", 3, "input", None], []]), "not a shape"),
    "half a character": (built(input_node("\ud800")), "not a name"),
    "an unknown role": (built(input_node(role="weight")), "role 'weight'"),
    "an input of a layer's shape": (built(input_node(shape=NAME)), "of shape"),
    "an input that starts as a parameter": (built(input_node(start=[0.0, 1.0])), "starts as a parameter"),
    "a layer as an output": (built(LAYER), "not a value"),
    "a layer added to a number": (built(LAYER, [["head", "Add"], [0, 0]]), "Add of something that is not a value"),
    "a layer multiplied": (built(LAYER, [["apply", "dot", []], [0, 0]]), "dot of something that is not a value"),
    "a call without a name": (built(input_node(), [["call", None, 1, 0], [0, 0]]), "without a name"),
    "a call of fewer arguments": (built(LAYER, input_node(), [["call", None, 2, 1], [0, 1]]), "a layer of 1 arguments"),
    "tanh of two arguments": (built(input_node(), [["head", "tanh"], [0, 0]]), "tanh takes 1 argument, got 2"),
    "a power of three": (built(input_node(), [["head", "Pow"], [0, 0, 0]]), "Pow takes 2 arguments, got 3"),
    "a sum of none": (built([["head", "Add"], []]), "Add of 0 arguments"),
    "an attribute too many": (built(input_node(), [["apply", "sum", [["axis", None], ["keepdims", False], ["where", 1]]], [0]]), "attributes"),
    "an attribute of another kind": (built(input_node(), [["apply", "sum", [["axis", "all"], ["keepdims", False]]], [0]]), "axis=all"),
    "an attribute of 10^20": (built(input_node(), [["apply", "windows", [["dilation", ["tuple", 1]], ["fill", 0.0], ["kernel", ["tuple", 10**20]], ["padding", ["tuple", 0]], ["stride", ["tuple", 1]]]], [0]]), "out of bounds"),
    "a range of 10^18": (built(input_node(), [["apply", "take", [["positions", ["range", 0, 10**18, 1]]]], [0]]), "out of bounds"),
    "sizes doubled beyond bounds": (built(input_node(), *([["apply", "concatenate", [["axis", -1]]], [k, k]] for k in range(100))), "not a shape"),
    "a number of 80,000 bits": (built([["number", ["integer", "0x" + "f" * 20_000]], []]), "too many digits"),
    "a power of powers": (built([["number", nested("Pow", 6, [["integer", "0x40"]])], []]), "the largest power"),
    "a power of an expression": (built([["number", ["Pow", ["integer", "0x2"], ["constant", "pi"]]], []]), "the largest power"),
    "doubled 300 times": (built([["number", nested("Mul", 300, [["integer", "0x2"]])], []]), "more than 200 operations"),
    "rounded 30 times": (built([["number", nested("floor", 30, [])], []]), "more than 200 operations"),
    "nested 100,000 deep": (built([["number", 0], []]).replace('["number", 0]', "[" * 100_000 + "]" * 100_000), "not JSON|not a net"),
    "a number that is not real": (built([["number", ["Pow", ["integer", "-0x1"], ["rational", "0x1", "0x2"]]], []]), "not real"),
    "an array of objects": (built([["array", "|O", [1], "00" * 8], []]), "an array of type"),
    "an array of 10^18 numbers": (built([["array", "<f8", [10**9, 10**9], "00" * 8], []]), "cannot be read"),
    "names counted to 10^20": (built([["family", ["numbered", "f", 1, 10**20], ["tuple"], "input", None], []]), "numbered"),
    "names counted backward": (built([["family", ["numbered", "f", 1, 3, -1], ["tuple"], "input", None], []]), "cannot be read|numbered"),
    "a name twice": (built([["family", ["names", "a", "b", "a"], ["tuple"], "input", None], []]), "twice the same"),
    "one name for two things": (built(input_node(), input_node(shape=("tuple", 4)), outputs=(0, 1), form=["tuple", ["*", "*"]]), "'x'"),
    "a key twice": (built(input_node(), outputs=(0, 0), form=["dict", [["a", "*"], ["a", "*"]]]), "a key twice"),
    "more names than entries": (built(input_node(), form=["named", [["names", "a", "b", "c"]]]), "names"),
    "blocks nested 60 deep": (
        built(input_node(), FORMAL, *([["fold", k, 2, 1, []], [1]] if even else [["select", 0], [2 * k + 2]] for k in range(60) for even in (True, False)),
              blocks=[[["tuple", ["tuple", 2, 3]], [1 + 2 * k]] for k in range(61)]),
        "nested more than 50",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_nets_are_refused_at_once(case: str) -> None:
    text, message = HOSTILE[case]
    begin = time.process_time()
    with pytest.raises(DataError, match=message) as error:
        sf.from_json(text)
    assert time.process_time() - begin < 1
    assert len(str(error.value)) < 2100 and str(error.value).isprintable()


def test_what_is_unusual_but_sound_is_read() -> None:
    for text in (
        built(input_node(), FORMAL, fold_of(10**18), [["select", 0], [2]], blocks=[BLOCK]),
        built([["family", ["numbered", "f", 1, 10**15], ["tuple"], "input", None], []]),
        built([["number", ["Mul", ["rational", "0x1", "0x2"], ["Pow", ["constant", "pi"], ["integer", "-0x1"]]]], []]),
        built(input_node("größe"), [["head", "Add"], [0, 0, 0]]),
        sf.Net.of(sp.Symbol("two\n\x1b\0lines") + sp.Function("g" * 2000)(X)).to_json(),
    ):
        net = sf.from_json(text)
        assert sf.from_json(net.to_json()) == net and str(net)
