"""Differences: what is said of two nets is true of them, nothing is said of equal ones, and the graph is both nets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.analysis.equality.difference import difference, elided

X, Y = sf.tensor("x"), sf.tensor("y")
G = sf.layer("g")
MILLION = 1_000_000


def layers(count: Any) -> Any:
    return sf.layers("f", count=count)


def fold(mapper: Callable[[Any, Any], Any], count: Any, start: Any = X) -> sf.Net:
    return sf.fold(mapper, layers(count), start)


def residual(count: Any) -> sf.Net:
    return fold(sf.mappers.residual, count)


def boosting(count: Any) -> sf.Net:
    return fold(sf.mappers.boosting(X), count)


MOVED = "from step 2 on, f_k reads z_{k-1} in A and x in B"

TOLD: dict[str, tuple[Callable[[], tuple[Any, Any]], list[str]]] = {
    "the question": (lambda: (residual(3), boosting(3)), [MOVED]),
    "a million": (lambda: (residual(MILLION), boosting(MILLION)), [MOVED]),
    "symbolic": (lambda: (residual("n"), boosting("n")), [MOVED]),
    "unrolled": (lambda: (sf.unroll(residual(5)), boosting(5)), [MOVED]),
    "two steps": (lambda: (residual(2), boosting(2)), ["in step 2, f2 reads z1 in A and x in B"]),
    "one step": (lambda: (residual(1), boosting(1)), ["nothing moved"]),
    "commuted": (lambda: (residual("n"), fold(lambda z, f: z + f(z), "n")), ["nothing moved"]),
    "feedforward": (lambda: (residual(4), fold(sf.mappers.feedforward, 4)), ["at every step, z_k is f_k(z_{k-1}) + z_{k-1} in A and f_k(z_{k-1}) in B"]),
    "multiplied": (lambda: (residual("n"), fold(sf.mappers.multiplicative, "n")), ["at every step, z_k is f_k(z_{k-1}) + z_{k-1} in A and f_k(z_{k-1})*z_{k-1} in B"]),
    "a coefficient": (lambda: (residual("n"), fold(lambda z, f: z + 0.5 * f(z), "n")), ["at every step, the coefficient of f_k(z_{k-1}) in z_k is 1 in A and 1/2 in B"]),
    "of the state": (lambda: (residual(9), fold(lambda z, f: f(z) - z, 9)), ["at every step, the coefficient of z_{k-1} in z_k is 1 in A and -1 in B"]),
    "the start": (lambda: (residual(3), fold(sf.mappers.residual, 3, 2 * X)), ["the state starts from x in A and 2*x in B"]),
    "from zero": (lambda: (boosting(4), fold(sf.mappers.boosting(X), 4, 0)), ["the state starts from x in A and 0 in B"]),
    "more layers": (lambda: (residual(3), residual(5)), ["only B has the layers f4, f5", "A has 3 steps and B has 5"]),
    "the order": (lambda: (residual(3), sf.fold(sf.mappers.residual, list(layers(3))[::-1], X)), ["the layers of steps 1 to 3 are f1, f2, f3 in A and f3, f2, f1 in B"]),
    "two exchanged": (
        lambda: (residual(3), sf.fold(sf.mappers.residual, [layers(3)[k] for k in (1, 0, 2)], X)),
        ["the layers of steps 1 to 3 are f1, f2, f3 in A and f2, f1, f3 in B"],
    ),
    "names without numbers": (
        lambda: tuple(sf.fold(sf.mappers.residual, [sf.layer(name) for name in order], X) for order in ("abc", "bac")),
        ["the layers of steps 1 to 3 are a, b, c in A and b, a, c in B"],
    ),
    "the second half": (
        lambda: (residual(10), sf.fold(lambda z, item: item[0](z, item[1]), [(sf.mappers.residual if k < 5 else sf.mappers.boosting(X), f) for k, f in enumerate(layers(10))], X)),
        ["in steps 6 to 10, f_k reads z_{k-1} in A and x in B"],
    ),
    "a number times a sum": (
        lambda: (residual("n"), fold(sf.mappers.heun(), "n")),
        [
            "at every step, only B applies f_k, to z_{k-1} + f_k(z_{k-1})",
            "at every step, z_k is f_k(z_{k-1}) + z_{k-1} in A and z_{k-1} + 1/2*f_k(z_{k-1}) + 1/2*f_k(z_{k-1} + f_k(z_{k-1})) in B",
        ],
    ),
    "another layer": (
        lambda: (residual(3), fold(lambda z, f: G(f(z)) + z, 3)),
        ["only B has the layer g", "at every step, only B applies g, to f_k(z_{k-1})", "at every step, z_k is f_k(z_{k-1}) + z_{k-1} in A and g(f_k(z_{k-1})) + z_{k-1} in B"],
    ),
    "twice, to two values": (
        lambda: (fold(lambda z, f: z + f(z) + f(X), "n"), boosting("n")),
        ["from step 2 on, only A applies f_k, to z_{k-1}", "at every step, z_k is z_{k-1} + f_k(z_{k-1}) + f_k(x) in A and f_k(x) + z_{k-1} in B"],
    ),
    "twice, in a row": (
        lambda: (residual(4), fold(lambda z, f: f(f(z)) + z, 4)),
        ["at every step, only B applies f_k, to f_k(z_{k-1})", "at every step, z_k is f_k(z_{k-1}) + z_{k-1} in A and f_k(f_k(z_{k-1})) + z_{k-1} in B"],
    ),
    "a product of applications": (
        lambda: (fold(lambda z, f: f(z) * f(X), 4), residual(4)),
        ["from step 2 on, only A applies f_k, to x", "at every step, z_k is f_k(x)*f_k(z_{k-1}) in A and f_k(z_{k-1}) + z_{k-1} in B"],
    ),
    "one of two applications": (
        lambda: (fold(lambda z, f: f(z) + f(Y), "n"), fold(lambda z, f: f(2 * z) + f(Y), "n")),
        ["at every step, f_k reads z_{k-1} in A and 2*z_{k-1} in B"],
    ),
    "in another order": (
        lambda: (fold(lambda z, f: G(f(z)), 4), fold(lambda z, f: f(G(z)), 4)),
        ["at every step, f_k reads z_{k-1} in A and g(z_{k-1}) in B", "at every step, g reads f_k(z_{k-1}) in A and z_{k-1} in B", "at every step, z_k is g(f_k(z_{k-1})) in A and f_k(g(z_{k-1})) in B"],
    ),
    "the output": (lambda: (residual(3), 2 * residual(3)), ["the output is the last state in A and 2*z_3 in B"]),
    "by hand": (
        lambda: (residual(3), X + layers(3)[0](X) + layers(3)[1](X) + layers(3)[2](X + layers(3)[0](X) + layers(3)[1](X))),
        ["f2 reads x + f1 in A and x in B"],
    ),
    "bodies": (lambda: (residual(3), sf.fold(sf.mappers.residual, sf.layers("f1:4", lambda z: z**2), X)), ["f1, f2, f3 are symbols in A and functions in B"]),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_moved_is_said(case: str) -> None:
    make, sentences = TOLD[case]
    a, b = make()
    found = difference(a, b)
    assert list(found.sentences) == sentences
    assert bool(found) is (sentences != ["nothing moved"])
    assert str(found) == "\n".join(sentences)
    assert str(difference(a, b)) == str(found)


def test_layers_that_only_one_net_has_are_told_of_names_by_a_step() -> None:
    """Runs by a step of 3 that begin one after the other are one run of names; one that stands alone is its names."""
    found = difference(sf.grouped(residual(3 * 10**5), 3), residual(3 * 10**5 + 2))
    assert found.sentences[0] == "only B has the layers f300001, f300002"
    assert difference(residual(5), sf.fold(sf.mappers.residual, layers(5)[::2], X)).sentences[0] == "only A has the layers f2, f4"
    body = sf.layers("f", sf.dense(3, 3), count=9)
    one, other = (sf.fold(sf.mappers.residual, items, sf.tensor("x", (3,))) for items in (body, body[::2]))
    assert difference(one, other).sentences[0] == "only A has the layers f2, f4, f6, f8"


def test_an_input_that_only_one_net_reads_is_said() -> None:
    found = difference(residual(3), fold(lambda z, f: f(z) + Y * z, 3))
    assert found.sentences[0] == "only B reads the input y"


def test_the_names_of_the_nets_are_used() -> None:
    found = difference(residual("n"), boosting("n"), names=("resnet", "boosting"))
    assert str(found) == "from step 2 on, f_k reads z_{k-1} in resnet and x in boosting"
    with pytest.raises(sf.SymfoldError, match="two different names"):
        difference(residual(2), boosting(2), names=("A", "A"))


def test_control_characters_in_names_are_escaped() -> None:
    found = difference(residual("n"), boosting("n"), names=("\x1b[31mA\n", "B\u202e"))
    for shown in (str(found), repr(found), found._repr_html_()):
        assert r"in \x1b[31mA\n and x in B\u202e" in shown and shown.isprintable()


def test_what_no_layer_reads_is_still_a_difference() -> None:
    found = difference(sf.Net.of(sf.tanh(X)), sf.Net.of(sf.sin(X)))
    assert found and found.sentences == ("the output is tanh(x) in A and sin(x) in B",)


# ---------------------------------------------------------------- the graph


def edges(graph: nx.MultiDiGraph) -> Counter[tuple[str, str]]:
    return Counter((source, target) for source, target, _ in graph.edges(keys=True))


@pytest.mark.parametrize("case", TOLD)
def test_the_graph_is_both_graphs_and_says_which_edge_is_whose(case: str) -> None:
    a, b = TOLD[case][0]()
    found = difference(a, b)
    graph = found.graph
    level = graph.graph["level"]
    own = [edges(sf.Net.of(net).graph(level)) for net in (a, b if found else a)]
    sides = [Counter((u, v) for u, v, data in graph.edges(data=True) if data["side"] in ("both", side)) for side in ("first", "second")]
    assert sides == own
    assert all(data["moved"] == (data["side"] != "both") for _, _, data in graph.edges(data=True))
    assert len(found.moved) == sum((own[0] - own[1]).values()) + sum((own[1] - own[0]).values())
    assert set(graph) == {name for net in (a, b if found else a) for name in sf.Net.of(net).graph(level)}


def test_the_moved_edges_of_the_question() -> None:
    moved = difference(residual(3), boosting(3)).moved
    assert {(m.source, m.target, m.side) for m in moved} == {("z1", "f2", "first"), ("z2", "f3", "first"), ("x", "f2", "second"), ("x", "f3", "second")}


def test_a_deep_net_is_drawn_as_its_folds() -> None:
    for count in (MILLION, "n"):
        found = difference(residual(count), boosting(count))
        assert found.graph.graph["level"] == "fold" and len(found.graph) < 10
        assert [(m.source, m.target, m.side) for m in found.moved] == [("x", "fold1", "second")]


def test_a_join_that_is_another_operation_is_marked() -> None:
    nodes = difference(residual(3), fold(sf.mappers.multiplicative, 3)).graph.nodes
    assert [name for name in nodes if nodes[name].get("moved")] == ["z1", "z2", "z3"]


@pytest.mark.parametrize("case", TOLD)
def test_the_graph_is_written_as_graphml(case: str) -> None:
    graph = difference(*TOLD[case][0]()).graph
    text = "\n".join(nx.generate_graphml(graph))
    back = nx.parse_graphml(text, force_multigraph=True)
    assert edges(back) == edges(graph)
    assert Counter(data["side"] for *_, data in back.edges(data=True)) == Counter(data["side"] for *_, data in graph.edges(data=True))


# ---------------------------------------------------------------- against a count by hand

WIRES = {"z": lambda z, f: f(z) + z, "x": lambda z, f: f(X) + z}


@settings(max_examples=40, deadline=None)
@example([("x", "z"), ("x", "z"), ("x", "z"), ("z", "x"), ("z", "z")])  # a run of steps that ends in both nets, before the last step
@given(st.lists(st.tuples(st.sampled_from("zx"), st.sampled_from("zx")), min_size=2, max_size=8))
def test_the_steps_that_are_said_are_those_whose_mapper_differs(choices: list[tuple[str, str]]) -> None:
    f = layers(len(choices))
    nets = [sf.fold(lambda z, item: item[0](z, item[1]), [(WIRES[pair[side]], g) for pair, g in zip(choices, f, strict=True)], X) for side in (0, 1)]
    other = {k + 1 for k, (one, two) in enumerate(choices) if one != two and k > 0}
    found = difference(*nets)
    assert bool(found) is bool(other)
    said: set[int] = set()
    for sentence in found.sentences if found else ():
        where = sentence.partition(", ")[0].split()
        numbers = [int(word) for word in where if word.isdigit()]
        last = len(choices) if where[0] == "from" else numbers[-1]
        said |= set(range(numbers[0], last + 1)) if numbers else set(range(1, last + 1))
    assert said == other
    moved = {int(m.target[1:]) for m in found.moved}
    assert moved == other


def test_a_difference_is_displayed_as_a_list() -> None:
    found = difference(residual("n"), boosting("n"), names=("<a>", "b & c"))
    assert re.sub('</?span[^>]*>', "", found._repr_html_()) == "<ul><li>from step 2 on, <i>f</i><sub><i>k</i></sub> reads <i>z</i><sub><i>k</i>−1</sub> in &lt;a&gt; and x in b &amp; c</li></ul>"


def test_layers_before_and_after_the_blocks_do_not_unroll_them() -> None:
    """A model with a stem and a head: the blocks are compared step by step, and the rest as what it gives."""
    f, g, (stem, head) = sf.layers("f1:5"), sf.layers("g1:5"), sf.layers("stem head")
    post, pre = ((lambda z, fg: fg[0](fg[1](z)) + z), (lambda z, fg: fg[1](fg[0](z)) + z))
    first, second = (head(sf.fold(mapper, sf.zipped(f, g), stem(X))) for mapper in (post, pre))
    assert difference(first, second).sentences == (
        "at every step, g_k reads z_{k-1} in A and f_k(z_{k-1}) in B", "at every step, f_k reads g_k(z_{k-1}) in A and z_{k-1} in B",
        "at every step, z_k is f_k(g_k(z_{k-1})) + z_{k-1} in A and g_k(f_k(z_{k-1})) + z_{k-1} in B",
    )  # fmt: skip
    other = sf.fold(post, sf.zipped(f, g), X)
    assert difference(first, head(other)).sentences[-1] == "the state starts from stem(x) in A and x in B"
    assert difference(first, sf.fold(post, sf.zipped(f, g), stem(X))).sentences[-1] == "the output is head(z_4) in A and the last state in B"


def test_bodies_that_differ_are_told_by_their_operations() -> None:
    f, g = (sf.layers("f1:4", sf.dense(3, 3, activation)) for activation in (sf.tanh, sf.relu))
    first, second = (sf.fold(sf.mappers.residual, layers, sf.tensor("x", (None, 3))) for layers in (f, g))
    assert difference(first, second).sentences == ("f1, f2, f3 have one body (tanh) in A and another (relu) in B",)


def test_long_terms_are_told_without_what_stands_deep_in_brackets_unless_that_is_what_moved() -> None:
    long = "relu(f2 + relu(f1 + relu(x)))" + " + x" * 10
    assert elided(long, "x")[0] == "relu(f2 + relu(...))" + " + x" * 10
    other = long.replace("relu(x)", "tanh(x)")
    assert elided(long, other)[0] != elided(long, other)[1] and elided("f(g(h(x)))", "x") == ("f(g(h(x)))", "x")


def test_lists_of_numbers_that_differ_are_what_moved() -> None:
    def net(base: float) -> sf.Net:
        z: Any = sf.tensor("x")
        for k, layer in enumerate(sf.layers("f1:7")):
            z = z + base**k * layer(z)
        return sf.roll(sf.Net.of(z))

    assert sf.difference(net(0.5), net(0.25)).sentences == (
        "from step 2 on, z_k is z_{k-1} + L1_k*f_k(z_{k-1}) in A and z_{k-1} + L2_k*f_k(z_{k-1}) in B",
        "L1 is [1.0, 0.5, 0.25, ..., 0.03125]", "L2 is [1.0, 0.25, 0.0625, ..., 0.0009765625]",
    )  # fmt: skip
    assert not sf.difference(net(0.5), net(0.5))
