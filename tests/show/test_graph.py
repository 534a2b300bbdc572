"""Laws of graphs: paths, grids, names that do not change, plain attributes, size that grows with depth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import networkx as nx
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import T, enumerated
from strategies import formulas

import symfold as sf
from symfold.core.leaves import Formal
from symfold.core.nodes import walk
from symfold.errors import InvalidValue, UnknownName
from symfold.mappers import ARCHITECTURES
from symfold.show.graph import LEVELS, UNROLLED, count_steps, fold_nodes
from symfold.show.graph.places import passages

X = sf.tensor("x")
LETTERS = "zywvutsrqp"


def net(mapper, depth, init=X, kind=None):
    return sf.fold(mapper, sf.layers("f", kind, count=depth), init)


MAPPERS = {
    "feedforward": (lambda z, f: f(z), lambda n: T**n),
    "residual": (lambda z, f: f(z) + z, lambda n: (1 + T) ** n),
    "boosting": (lambda z, f: f(X) + z, lambda n: 1 + n * T),
    "doubled": (lambda z, f: f(z) + z + z, lambda n: (2 + T) ** n),
}


@pytest.mark.parametrize("name", MAPPERS)
@given(depth=st.integers(0, 7))
@settings(max_examples=8, deadline=None)
def test_path_polynomials(name, depth):
    mapper, polynomial = MAPPERS[name]
    graph = net(mapper, depth).graph()
    assert enumerated(graph) == sp.expand(polynomial(depth))
    assert nx.is_directed_acyclic_graph(graph)


@pytest.mark.parametrize("depth", [1, 4])
def test_paths_do_not_depend_on_how_folds_are_held(depth):
    held = net(MAPPERS["residual"][0], depth)
    assert enumerated(sf.unroll(held).graph()) == enumerated(sf.roll(held).graph()) == sp.expand((1 + T) ** depth)


def test_parallel_edges_are_kept_with_ports_as_keys():
    graph = sf.Net.of(X + X).graph()
    assert sorted(graph.edges("x", keys=True)) == [("x", "add1", 0), ("x", "add1", 1)]


def test_names_and_kinds():
    graph = net(MAPPERS["residual"][0], 2).graph()
    assert list(graph) == ["x", "f1", "z1", "f2", "z2", "out"]
    assert graph.edges["x", "z1", 1]["kind"] == "skip"
    assert graph.edges["x", "f1", 0]["kind"] == "state"
    assert graph.nodes["z2"] == {
        "kind": "join", "op": "Add", "label": "+", "shape": "(...)", "step": 2, "nesting": 1, "group": "z2", "state": "z2",
    }  # fmt: skip
    boosting = net(MAPPERS["boosting"][0], 2).graph()
    assert {kind for _, end, kind in boosting.edges(data="kind") if boosting.nodes[end]["kind"] == "layer"} == {"capture"}


@pytest.mark.parametrize(
    ("mapper", "skips"),
    [
        (lambda z, f: z * f(z), {("x", "z1")}),
        (lambda z, f: z ** f(z), {("x", "z1")}),
        (lambda z, f: f(z) ** z, {("x", "z1")}),
        (lambda z, f: z - f(z), {("x", "z1")}),
        (lambda z, f: f(z) - 2 * z, {("x", "mul1"), ("mul1", "z1")}),  # the whole way round the layer
        (lambda z, f: f(z) / z, {("x", "z1")}),
        (lambda z, f: f(z) / z**2, {("x", "pow1"), ("pow1", "z1")}),
        (lambda z, f: 0.5 * f(z) + z, {("x", "z1")}),
        (lambda z, f: np.maximum(z, f(z)), {("x", "z1")}),
        (lambda z, f: f(2 * z) + 2 * z, {("mul1", "z1")}),  # what the layer reads as well is not a way round it
        (lambda z, f: f(z), set()),
        (lambda z, f: z + 1, set()),
        (lambda z, f: f(z + z), set()),
        (lambda z, f: f(z, np.tanh(z)), set()),
    ],
)
def test_a_skip_is_what_goes_round_a_layer_whatever_the_join(mapper, skips):
    graph = net(mapper, 1).graph()
    assert {(source, end) for source, end, kind in graph.edges(data="kind") if kind == "skip"} == skips
    assert all(graph.nodes[end]["kind"] == "join" for _, end in skips if end == "z1")


def test_what_transposed_weights_multiply_is_no_skip():
    graph = sf.fold(lambda z, w: np.dot(z, w.T), [sf.tensor(f"W{k}", (3, 3)) for k in (1, 2)], sf.tensor("x", (None, 3))).graph()
    assert "skip" not in {kind for _, _, kind in graph.edges(data="kind")}


Y, Z = sf.tensor("y"), sf.tensor("z")


@pytest.mark.parametrize(
    ("value", "operations"),
    [
        (X / Y, {"div1": ("/", "x", "y")}),
        (X - Y, {"sub1": ("-", "x", "y")}),
        (X * Y / Z, {"mul1": ("*", "x", "y"), "div1": ("/", "mul1", "z")}),
        (X / Y / Z, {"div1": ("/", "x", "y"), "div2": ("/", "div1", "z")}),
        (X / (Y * Z), {"mul1": ("*", "y", "z"), "div1": ("/", "x", "mul1")}),
        (X - Y + Z, {"sub1": ("-", "x", "y"), "add1": ("+", "sub1", "z")}),
        (X - Y * Z, {"mul1": ("*", "y", "z"), "sub1": ("-", "x", "mul1")}),
        (X - Y / Z, {"div1": ("/", "y", "z"), "sub1": ("-", "x", "div1")}),
        (2 / X, {"div1": ("/", "2", "x")}),
        (1 / X, {"div1": ("/", "1", "x")}),
        (-X, {"mul1": ("*", "-1", "x")}),
        ((1 / Y) * X, {"div1": ("/", "x", "y")}),
        (X / Y + Z / Y, {"div1": ("/", "x", "y"), "div2": ("/", "z", "y"), "add1": ("+", "div1", "div2")}),
        ((q := X / Y) * (q + 1), {"div1": ("/", "x", "y"), "add1": ("+", "div1", "1"), "mul1": ("*", "div1", "add1")}),  # read twice
        (X / Y + 1 / Y, {"div1": ("/", "x", "y"), "div2": ("/", "1", "y"), "add1": ("+", "div1", "div2")}),  # a reciprocal of its own
        (X - Y + (-Y) ** 2, {"sub1": ("-", "x", "y"), "mul1": ("*", "-1", "y"), "pow1": ("^", "mul1", "2"), "add1": ("+", "sub1", "pow1")}),
        (sp.Symbol("x") * sp.Symbol("y") / sp.Symbol("z"), {"mul1": ("*", "x", "y"), "div1": ("/", "mul1", "z")}),
        (sp.Symbol("x") / sp.Symbol("y") / sp.Symbol("z"), {"mul1": ("*", "y", "z"), "div1": ("/", "x", "mul1")}),
    ],
)  # fmt: skip
def test_a_difference_and_a_quotient_are_one_node_each(value, operations):
    graph = sf.Net.of(value).graph()
    label = {name: data["label"] for name, data in graph.nodes(data=True)}

    def operands(name):
        read = sorted((port, source) for source, _, port in graph.in_edges(name, data="port"))
        return tuple(label[source] if graph.nodes[source]["kind"] == "constant" else source for _, source in read)

    shown = [name for name, data in graph.nodes(data=True) if data["kind"] in ("join", "primitive")]
    assert {name: (label[name], *operands(name)) for name in shown} == operations


def calculated(graph, given):
    """The number that a graph of arithmetic says, its edges read by their ports."""
    value = {}
    for name in nx.topological_sort(graph):
        data = graph.nodes[name]
        args = [value[source] for _, source in sorted((port, source) for source, _, port in graph.in_edges(name, data="port"))]
        if data["kind"] in ("input", "constant"):
            value[name] = given[name] if data["kind"] == "input" else sp.sympify(data["label"])
        else:
            rule = {"Add": sp.Add, "Sub": lambda a, b: a - b, "Mul": sp.Mul, "Div": lambda a, b: a / b, "Pow": sp.Pow, "output": lambda a: a}
            value[name] = rule[data["op"]](*args)
    return value["out"]


@given(net=formulas(exponents=(-2, -1, 1, 2), quotients=True))
def test_a_graph_of_arithmetic_says_what_is_computed(net):
    given_values = {"x": sp.Rational(3, 7), "y": sp.Rational(-5, 3)}
    assume(not net.expr.has(sp.zoo, sp.nan))
    wanted = sp.sympify(net.expr).subs({sp.Symbol(name): value for name, value in given_values.items()})
    assume(wanted.is_finite and not wanted.has(sp.nan))
    given_by_graph = calculated(net.graph(), given_values)
    assume(given_by_graph.is_finite)
    difference = sp.simplify(given_by_graph - wanted)
    assert difference == 0 or abs(difference) < 1e-12 * (1 + abs(wanted)), difference  # decimal numbers are rounded
    matrix = sf.paths(net).matrix
    for column, node in enumerate(net.inputs):
        assert sp.expand(matrix[0, column] - enumerated(net.graph(), node.op.name)) == 0


@pytest.mark.parametrize("level", ["layer", "primitive", "block"])
def test_quotients_in_steps_and_layers_are_one_node(level):
    steps = sf.fold(lambda z, f: (z - f(z)) / X, sf.layers("f", sf.layer("g", lambda z: z / (1 + z)).kind, count=2), X)
    ops = [data["op"] for _, data in steps.graph(level).nodes(data=True) if data["kind"] in ("join", "primitive")]
    once = 1 if level == "block" else 2
    assert ops.count("Sub") == once and ops.count("Div") == (2 if level == "primitive" else 1) * once and not {"Pow", "Mul"} & set(ops)
    titles = [text for key, text in steps.graph("block").graph.items() if key.startswith("title")]
    assert titles == ["z_{k} = (z_{k-1} - f_{k}(z_{k-1}))/x, k = 1, 2"]


def blocks(kinds):
    """A block of layers a, b, c, d, folded once, with the edges of its graph that are skips."""
    a, b, c, d = sf.layers("a b c d")
    graph = sf.fold(lambda z, _: kinds(z, a, b, c, d), range(1), X).graph()
    return {(source, end) for source, end, kind in graph.edges(data="kind") if kind == "skip"}


@pytest.mark.parametrize(
    ("step", "skips"),
    [
        (lambda z, a, b, c, d: (s := z + b(a(z))) + d(c(s)), {("x", "add1"), ("add1", "z1")}),  # norms before the branches
        (lambda z, a, b, c, d: d((s := b(z + a(z))) + c(s)), {("x", "add1"), ("b", "add2")}),  # and after the sums
        (lambda z, a, b, c, d: np.tanh((s := np.tanh(z + a(z))) + b(s)), {("x", "add1"), ("tanh1", "add2")}),
        (lambda z, a, b, c, d: z + (s := a(z)) + b(s), {("x", "add1")}),  # a way leads past a, so that it is not a stream
        (lambda z, a, b, c, d: a(z) + b(X), set()),  # what it meets does not come from it
        (lambda z, a, b, c, d: (s := a(z)) * sf.sigmoid(s), set()),  # no layer to go round
        (lambda z, a, b, c, d: (s := 2 * z) + a(s), {("mul1", "z1")}),
        (lambda z, a, b, c, d: b(a(z)), set()),
    ],
)
def test_what_all_of_the_state_goes_through_goes_round_a_layer_as_the_state_does(step, skips):
    assert blocks(step) == skips


@pytest.mark.parametrize("name", sf.mappers.ARCHITECTURES)
def test_what_all_goes_through_is_what_no_way_leads_past(name):
    """Against reachability: an operation is passed by all where its removal parts the states from the results."""
    found = 0
    for fold in fold_nodes(sf.mappers.ARCHITECTURES[name].net(3)):
        block = fold.op.block
        walked = walk(block.results)
        states = [node for node in walked if isinstance(node.op, Formal) and node.op.position < fold.op.carries]
        edges = nx.DiGraph()
        edges.add_nodes_from(walked)
        edges.add_edges_from((arg, node) for node in walked for arg in node.args)
        stateful = {node for state in states for node in (state, *nx.descendants(edges, state))}
        ends = {result for result in block.results if result in stateful}
        wanted = set()
        for node in stateful.difference(states):
            rest = edges.subgraph(set(edges) - {node})
            reached = {end for state in states for end in (state, *nx.descendants(rest, state))}
            wanted |= {node} if reached.isdisjoint(ends) else set()
        assert passages(walked, stateful, states, block.results) == wanted
        found += len(wanted)
    assert bool(found) == (name not in {"coupling", "leapfrog", "dense_sum", "lstm", "mixture", "momentum", "fractal"})  # pairs, and no fold


def test_a_sequence_read_backwards_is_read_by_its_entries():
    graph = sf.mappers.ARCHITECTURES["bidirectional"].net(3).graph()
    steps = [(graph.nodes[b]["step"], graph.nodes[b]["layer"], graph.nodes[a]["label"]) for a, b, kind in graph.edges(data="kind") if kind == "item"]
    assert sorted(steps) == sorted((k + (layer == "f"), layer, f"u[{k}]") for k in range(3) for layer in "fg")  # g counts down
    assert "reverse" not in dict(graph.nodes(data="op")).values()
    whole = sf.Net.of(sf.reverse(sf.tensor("u", (3, 2))) + 1).graph()
    assert [data["op"] for _, data in whole.nodes(data=True)] == ["input", "reverse", "constant", "Add", "output"]


@pytest.mark.parametrize(
    ("name", "labels", "titles"),
    [
        ("bidirectional", ["u[k-1]", "u[k-1]"], ["z_{k} = f(z_{k-1}, u[k-1]), k = 1, ..., n", "h_{k-1} = g(h_{k}, u[k-1]), k = n, ..., 1"]),
        ("unet", ["z_{n}", "z_{n+1-k}"], ["z_{k} = f_{k}(z_{k-1}), k = 1, ..., n", "y_{k} = g_{k}(y_{k-1}, z_{n+1-k}), k = 1, ..., n"]),
        ("encoder_decoder", ["u[k-1]", "v[k-n-1]"], ["z_{k} = f(z_{k-1}, u[k-1]), k = 1, ..., n", "z_{k} = g(z_{k-1}, v[k-n-1]), k = n + 1, ..., 2*n"]),
        ("elman", ["u[k-1]"], ["z_{k} = g(z_{k-1}, u[k-1]), k = 1, ..., n"]),
    ],
)
def test_a_folded_graph_says_which_entry_is_read(name, labels, titles):
    graph = sf.mappers.ARCHITECTURES[name].net("n").graph("block")
    found = [data["label"] for _, data in graph.nodes(data=True) if data["op"] == "entry" or (data["kind"] == "input" and "[" in data["label"])]
    assert found == labels
    assert [text for key, text in graph.graph.items() if key.startswith("title")] == titles
    assert len({data["group"] for _, data in graph.nodes(data=True) if "group" in data}) == len(titles)


def test_a_backward_pass_counts_down():
    graph = sf.adjoint(net(MAPPERS["residual"][0], 1000)).graph("block")
    labels = [data["label"] for _, data in graph.nodes(data=True)]
    assert labels.count("f_{k}") == labels.count("z_{k-1}") == 2  # each layer is met forward and backward, at one state
    assert [text for key, text in graph.graph.items() if key.startswith("title")] == [
        "z_{k} = f_{k}(z_{k-1}) + z_{k-1}, k = 1, ..., 1000",
        "a_{k-1} = a_{k} + f_{k}'(z_{k-1})^T a_{k}, k = 1000, ..., 1",
    ]


def test_a_fold_that_goes_on_begins_with_the_last_state():
    f, g, h = sf.layers("f1:3"), sf.layers("g1:3"), sf.layers("h1:2")
    middle = sf.fold(lambda z, f: f(z), g, sf.fold(lambda z, f: f(z) + z, f, X))
    graph = sf.fold(lambda z, f: np.tanh(f(z)), h, middle).graph("fold")
    labels = [data["label"] for _, data in graph.nodes(data=True) if data["kind"] == "fold"]
    assert [label.splitlines()[-1] for label in labels] == ["k = 1, 2", "k = 3, 4", "k = 5"]
    assert labels[-1].startswith("z_{5} = tanh(h1(z_{4}))")


@pytest.mark.parametrize("level", ["step", "layer"])
@pytest.mark.parametrize("name", MAPPERS)
def test_states_have_the_names_of_the_formula(name, level):
    forward = net(MAPPERS[name][0], 3)
    for whole in (forward, sf.adjoint(forward), sf.grad(sf.squared_error(forward, sf.tensor("t")), wrt="x")):
        letters = {str(symbol) for symbol, _ in whole.equations}
        states = {data["state"] for _, data in whole.graph(level).nodes(data=True) if "state" in data}
        assert states <= letters, whole


def test_a_sequence_that_is_read_whole_and_by_entries_is_two_nodes():
    u = sf.tensor("u", (50, 2))
    graph = sf.Net.of(sf.fold(lambda z, v: z + v, u, sf.tensor("x", (2,))) + u).graph("block")
    assert {"u", "u[k-1]"} <= {data["label"] for _, data in graph.nodes(data=True)}


def test_states_read_by_their_number_are_named_by_it():
    states = sf.scan(lambda z, f: f(z), sf.layers("f", count=50), sf.tensor("x", (2,)))
    graph = sf.Net.of({"first": states[0], "fourth": states[3], "last": states[-1]}).graph("block")
    assert [data["label"] for _, data in graph.nodes(data=True) if data["op"] == "entry"] == ["z_{1}", "z_{4}", "z_{50}"]


def test_the_index_of_a_fold_is_no_name_of_the_net():
    gru = sf.mappers.ARCHITECTURES["gru"].net("n")  # which has a layer k
    assert any("j = 1, ..., n" in text for text in gru.graph("block").graph.values())
    assert "j = 1, ..., n" in gru.graph("fold").nodes["fold1"]["label"]


def test_a_sequence_of_one_is_its_entry():
    graph = sf.mappers.ARCHITECTURES["denseformer"].net(3).graph()
    assert {data["op"] for _, data in graph.nodes(data=True)} == {"input", "layer", "stack", "parameter", "Mul", "sum", "output"}
    assert [sorted(graph.predecessors(f"stack{k}")) for k in (1, 2, 3)] == [["f1", "x"], ["f1", "f2", "x"], ["f1", "f2", "f3", "x"]]
    alone = sf.Net.of(np.expand_dims(sf.tensor("v", (2,)), 0) * np.ones((3, 1))).graph()
    assert [data["label"] for _, data in alone.nodes(data=True)] == ["expand", "v", "ones (3, 1)", "*", "out"]


@pytest.mark.parametrize(("layers", "times"), [(1, 4), (3, 1), (3, 4)])
def test_time_by_depth_is_the_grid(layers, times):
    h, u = sf.tensor("h", (2,)), sf.tensor("u", (times, 2))
    deep = sf.fold(lambda inputs, f: sf.scan(lambda h, u: f(h, u), inputs, h), sf.layers("f", count=layers), u)
    graph = deep.graph()
    cells = nx.Graph(graph.subgraph(name for name, kind in graph.nodes(data="kind") if kind == "layer"))
    assert cells.number_of_nodes() == layers * times
    assert nx.is_isomorphic(cells, nx.grid_2d_graph(layers, times))
    named = {data["layer"] for _, data in graph.nodes(data=True) if data["kind"] == "layer"}
    assert named == {f"f{k + 1}" for k in range(layers)}


def test_a_scan_read_by_a_second_fold():
    g, k = sf.layer("g"), sf.layer("k")
    states = sf.scan(lambda h, u: g(h, u), sf.tensor("u", (3, 2)), sf.tensor("h", (2,)))
    graph = sf.fold(lambda s, h: k(s, h), states, sf.tensor("s", (2,))).graph()
    assert [name for name in graph if graph.nodes[name]["kind"] == "layer"] == ["g", "g_2", "g_3", "k", "k_2", "k_3"]
    read = {(a, b) for a, b, kind in graph.edges(data="kind") if kind == "item" and a.startswith("g")}
    assert read == {("g", "k"), ("g_2", "k_2"), ("g_3", "k_3")}


def test_tuple_states_and_several_outputs():
    f, g = sf.layers("f1:3"), sf.layers("g1:3")

    def step(state, pair):
        first = state[0] + pair[0](state[1])
        return first, state[1] + pair[1](first)

    graph = sf.fold(step, list(zip(f, g, strict=True)), (sf.tensor("a"), sf.tensor("b"))).graph()
    assert [name for name in graph if graph.nodes[name]["kind"] == "output"] == ["out1", "out2"]
    assert enumerated(graph, "a", "out1") == sp.expand(1 + T**2)
    assert sum(kind == "skip" for _, _, kind in graph.edges(data="kind")) == 4


def test_boosting_from_zero_and_dense_concatenation():
    graph = net(MAPPERS["boosting"][0], 3, 0).graph()
    assert enumerated(graph) == 3 * T
    assert [data["label"] for _, data in graph.nodes(data=True) if data["kind"] == "constant"] == ["0"]
    dense = net(lambda z, f: np.concatenate([z, f(z)], axis=-1), 3, sf.tensor("x", (None, 3))).graph()
    assert [dense.nodes[f"z{k}"]["shape"] for k in (1, 2, 3)] == ["(None, 6)", "(None, 12)", "(None, 24)"]
    assert sum(kind == "skip" for _, _, kind in dense.edges(data="kind")) == 3


def test_step_level_is_the_notebooks_picture():
    graph = net(MAPPERS["residual"][0], 3).graph(level="step")
    boxes = [name for name, kind in graph.nodes(data="kind") if kind == "step"]
    assert [graph.nodes[box]["label"] for box in boxes] == ["z1 = f1(x) + x", "z2 = f2(z1) + z1", "z3 = f3(z2) + z2"]
    assert [sorted(graph.predecessors(box)) for box in boxes] == [["f1", "x"], ["f2", "z1"], ["f3", "z2"]]
    weighted = net(MAPPERS["residual"][0], 2, sf.tensor("x", (None, 3)), sf.dense(3, 3)).graph(level="step")
    assert "parameter" not in dict(weighted.nodes(data="kind")).values()


def test_fold_level_has_a_node_and_a_loop_a_fold():
    for depth in (5, 10**6, "n"):
        graph = net(MAPPERS["residual"][0], depth).graph(level="fold")
        assert sorted(graph.edges(data="kind")) == [
            ("f", "fold1", "item"), ("fold1", "fold1", "state"), ("fold1", "out", "output"), ("x", "fold1", "state"),
        ]  # fmt: skip
        assert graph.nodes["fold1"]["count"] == depth
        assert graph.nodes["fold1"]["label"].startswith("z_{k} = f_{k}(z_{k-1}) + z_{k-1}\n")


def test_block_level_tells_where_a_layer_reads():
    for name, source in (("residual", "z_k_before"), ("boosting", "x")):
        assert list(net(MAPPERS[name][0], "n").graph(level="block").predecessors("f_k")) == [source]


def test_primitive_level_opens_layers():
    dense = net(MAPPERS["residual"][0], 2, sf.tensor("x", (None, 3)), sf.dense(3, 3, sf.sigmoid))
    graph = dense.graph(level="primitive")
    assert {name for name, kind in graph.nodes(data="kind") if kind == "parameter"} == {"W1", "b1", "W2", "b2"}
    assert [data["op"] for _, data in graph.nodes(data=True) if data.get("layer") == "f2"] == ["dot", "Add", "sigmoid"]
    assert "parameter" not in dict(dense.graph().nodes(data="kind")).values()


def test_a_symbolic_depth_has_only_folded_levels():
    symbolic = net(MAPPERS["residual"][0], "n")
    for level in UNROLLED:
        with pytest.raises(InvalidValue, match=r"depth n is a symbol .*level='fold'"):
            symbolic.graph(level=level)
    assert count_steps(symbolic) == float("inf")


def test_an_unknown_level_names_the_levels():
    with pytest.raises(UnknownName, match=r"unknown level: 'leyer' .*'layer'"):
        net(MAPPERS["residual"][0], 2).graph("leyer")


CASES = {
    "residual": lambda: net(MAPPERS["residual"][0], 3),
    "from zero": lambda: net(MAPPERS["boosting"][0], 3, 0, None),
    "dense": lambda: net(MAPPERS["residual"][0], 3, sf.tensor("x", (None, 3)), sf.dense(3, 3, sf.sigmoid)),
    "arrays": lambda: sf.fold(lambda z, a: z * a + 1, [np.ones(3), np.zeros(3)], sf.tensor("x", (3,))),
    "numbers": lambda: sf.fold(lambda z, a: z**2 - z * a, [1.5, 2.5, 4.0], X),
    "scan": lambda: sf.scan(lambda z, u: z + u, sf.tensor("u", (3, 2)), sf.tensor("x", (2,))),
    "no steps": lambda: net(MAPPERS["residual"][0], 0),
    "dict": lambda: sf.Net.of({"left": X + 1, "right": X * 2}),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", CASES)
def test_attributes_are_plain_and_the_same_net_gives_the_same_bytes(case, level):
    graph, again = CASES[case]().graph(level), CASES[case]().graph(level)
    for data in [*dict(graph.nodes(data=True)).values(), *(data for _, _, data in graph.edges(data=True)), graph.graph]:
        assert all(type(value) in (str, int, float) for value in data.values())
    assert all({"kind", "op", "label", "shape"} <= set(data) for _, data in graph.nodes(data=True))
    assert all(key == data["port"] for _, _, key, data in graph.edges(keys=True, data=True))
    assert json.dumps(nx.node_link_data(graph)) == json.dumps(nx.node_link_data(again))
    assert list(nx.generate_graphml(graph)) == list(nx.generate_graphml(again))


@pytest.mark.slow
def test_names_do_not_change_from_process_to_process():
    code = (
        "import symfold as sf; from symfold.show.export import to_text; x = sf.tensor('x');"
        "print(to_text(sf.fold(lambda z, f: f(x) * z, sf.layers('f1:5'), 1), 'json'))"
    )
    runs = []
    for seed in "12":
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONHASHSEED": seed}
        runs.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment))
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.slow
def test_deep_graphs_are_linear():
    begun = time.perf_counter()
    graph = net(MAPPERS["residual"][0], 100_000).graph()
    assert (len(graph), graph.number_of_edges()) == (200_002, 300_001)
    assert time.perf_counter() - begun < 60


@pytest.mark.parametrize(
    ("start", "title"),
    [
        (lambda x, a, b: a(x) + b(x), "z_{k} = f_{k}(a + b) + z_{k-1}, k = 1, ..., 3"),
        (lambda x, a, b: a(x) * b(x) - x, "z_{k} = f_{k}((a * b) - x) + z_{k-1}, k = 1, ..., 3"),
        (lambda x, a, b: a(x) + b(x) + a(b(x)) + b(a(x)) + (a(x) * b(x) + a(a(x)) * b(b(x))) * 3, "z_{k} = f_{k}(...) + z_{k-1}, k = 1, ..., 3"),
    ],
)
def test_the_title_of_a_step_writes_out_the_sum_that_it_reads(start, title: str) -> None:
    value = start(sf.tensor("x"), sf.layer("a"), sf.layer("b"))
    graph = sf.fold(sf.mappers.boosting(value), sf.layers("f1:4"), value).graph("block")
    assert graph.graph["title z1"] == title


def test_a_step_reads_the_states_of_another_fold_by_their_numbers():
    unet = ARCHITECTURES["unet"].net(3)
    labels = [data["label"] for _, data in unet.graph("fold").nodes(data=True)]
    assert "y_{k} = g_{k}(y_{k-1}, z_{4-k})\nk = 1, ..., 3" in labels
    assert "y_k = g_k(y_{k-1}, z_{4-k})" in unet.formula("fold")
