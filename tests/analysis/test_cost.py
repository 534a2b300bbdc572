"""Cost: against longest paths, levels and searches on the exported graph, and against loops that are run."""

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import cases
import networkx as nx
import numpy as np
import pytest
import strategies
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.analysis.counting import cost as cost_module
from symfold.analysis.counting import sharing
from symfold.analysis.counting.distinct_steps import has_distinct_steps
from symfold.analysis.counting.schedule import Progression, peak
from symfold.core.conversion import as_node
from symfold.core.folds import Fold, Select
from symfold.core.nodes import walk
from symfold.errors import NoRule
from symfold.transform.rolling import without_single_steps

X, Y = sf.tensor("x"), sf.tensor("y")
N = sp.Symbol("n", integer=True, positive=True)


def by_graph(net: sf.Net) -> tuple[int, int, int, int]:
    """Work, span, width and connections, from the graph of layers with every step written out."""
    graph = net.graph(level="layer")
    kind = dict(graph.nodes(data="kind"))
    level: dict[str, int] = {}
    for node in nx.topological_sort(graph):
        level[node] = max((level[before] for before in graph.predecessors(node)), default=0) + (kind[node] == "layer")
    layers = [node for node in graph if kind[node] == "layer"]
    longest = nx.dag_longest_path_length(nx.DiGraph((a, b, {"weight": int(kind[b] == "layer")}) for a, b in graph.edges()))
    assert longest == max(level.values(), default=0) or not graph.edges()
    joined = 0
    for source in [*layers, *(node for node in graph if kind[node] == "input" and not graph.in_degree(node))]:  # an entry of an input is that input
        waiting, seen = [source], {source}
        while waiting:
            for after in set(graph.successors(waiting.pop())) - seen:
                seen.add(after)
                joined += kind[after] in ("layer", "output")
                waiting += [after] if kind[after] not in ("layer", "output") else []
    return len(layers), max(level.values(), default=0), max(Counter(level[node] for node in layers).values(), default=0), joined


def measured(net: sf.Net) -> tuple[Any, ...]:
    found = sf.cost(net)
    return found.work, found.span, found.width, found.connections


def written(mapper: Any, layers: Any, state: Any) -> sf.Net:
    """The steps in a Python loop: equal structure is one node."""
    for layer in layers:
        state = mapper(state, layer)
    return sf.Net.of(state)


MAPPERS = {
    "residual": lambda z, f: f(z) + z,
    "feedforward": lambda z, f: f(z),
    "boosting": lambda z, f: f(X) + z,
    "two branches": lambda z, f: f(z) + f(f(z) * z) + z,
    "a deep input": lambda z, f: f(f(f(X))) + z * f(z),
    "a constant": lambda z, f: f(sf.tensor("c") * 0 + 2) + z,
}


@pytest.mark.parametrize("name", MAPPERS)
@pytest.mark.parametrize("depth", [1, 3, 5, 9, 14])
def test_of_one_state(name: str, depth: int) -> None:
    layers = sf.layers(f"f1:{depth + 1}")
    expected = by_graph(written(MAPPERS[name], layers, X))
    assert measured(sf.fold(MAPPERS[name], layers, X)) == expected
    symbolic = sf.fold(MAPPERS[name], sf.layers("f", count=N), X)
    assert tuple(sp.sympify(value).subs(N, depth) for value in measured(symbolic)) == expected


@pytest.mark.slow
@given(recipe=strategies.recipes(), depth=st.integers(1, 30))
@settings(deadline=None, max_examples=60)
def test_of_states_of_several_parts(recipe: strategies.Recipe, depth: int) -> None:
    start = (sf.layer("g")(sf.layer("g")(Y)), X, sf.layer("h")(X))[: len(recipe)]
    mapper, layers = strategies.step_of(recipe, X), sf.layers(f"f1:{depth + 1}")
    assert measured(sf.fold(mapper, layers, start)) == by_graph(written(mapper, layers, start))


SHARED = {name: sf.layer(name) for name in ("g", "h")}
NAMES = ("a", "b", "c", "x", "y")
EXPRESSIONS = st.recursive(
    st.sampled_from(NAMES),
    lambda part: st.one_of(st.tuples(st.sampled_from(["f", *SHARED]), part), st.tuples(st.sampled_from("+*"), part, part)),
    max_leaves=4,
)


def value_of(expression: Any, values: dict[str, Any]) -> Any:
    if isinstance(expression, str):
        return values[expression]
    head, *parts = expression
    first, *others = [value_of(part, values) for part in parts]
    if not others:
        return values[head](first)
    return first + others[0] if head == "+" else first * others[0]


@given(
    parts=st.lists(EXPRESSIONS, min_size=3, max_size=3),
    start=st.lists(st.sampled_from([X, Y, SHARED["g"](X), 0, 1]), min_size=3, max_size=3),
    read=st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True),
    period=st.sampled_from([None, None, 1, 2, 3]),
    depth=st.integers(1, 70),
    most=st.sampled_from([0, 10**6]),
    recognized=st.booleans(),
)
@settings(deadline=None, max_examples=100)
def test_a_fold_costs_what_its_steps_cost(parts: Any, start: Any, read: Any, period: int | None, depth: int, most: int, recognized: bool) -> None:
    """Values that steps share, that stay, that were computed some steps before or are never read; layers that come again."""
    names = sf.layers(f"f1:{(period or depth) + 1}")
    layers = [names[k % len(names)] for k in range(depth)]

    def step(state: Any, f: Any) -> Any:
        values = dict(zip("abc", state, strict=True)) | {"x": X, "y": Y, "f": f} | SHARED
        return tuple(value_of(part, values) for part in parts)

    state = tuple(map(as_node, start))
    folded, steps = (sf.Net.of(tuple(net.outputs[k] for k in read)) for net in (sf.fold(step, layers, state), written(step, layers, state)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "MOST_UNROLLED", most)
        if not recognized:
            patch.setattr(cost_module, "has_distinct_steps", lambda roots: False)
        costs = [replace(sf.cost(net), operations=None) for net in (folded, sf.unroll(folded), sf.roll(sf.unroll(folded)), steps)]
    assert costs == costs[:1] * 4
    assert measured(steps) == by_graph(steps)


@given(
    part=EXPRESSIONS,
    start=st.sampled_from([X, Y, SHARED["g"](X), 0]),
    outside=st.none() | st.sampled_from([SHARED["g"](X), sf.layer("f2")(X), sf.tensor("f3")]),
    depth=st.integers(2, 9),
)
@settings(deadline=None, max_examples=200)
def test_a_fold_of_distinct_steps_shares_nothing(part: Any, start: Any, outside: Any, depth: int) -> None:
    """Also with values from outside that equal values of a step."""
    net = sf.fold(lambda a, f: value_of(part, {"a": a, "b": X, "c": 2, "x": X, "y": Y, "f": f} | SHARED), sf.layers(f"f1:{depth + 1}"), as_node(start))
    net = net if outside is None else sf.Net.of((net, outside))
    fold = next((node.op for node in net.bindings), None)
    if fold is not None and has_distinct_steps(net.outputs):
        operations = [len([node for node in walk(roots) if node.args]) for roots in (fold.block.results, sharing.unrolled(net.outputs))]
        others = [node for node in walk(net.outputs) if node.args and not isinstance(node.op, (Fold, Select))]
        assert operations[1] == fold.count * operations[0] + len(others)


@given(net=strategies.nets())
@settings(deadline=None, max_examples=40)
def test_of_any_net(net: sf.Net) -> None:
    """The graph is that of the net without folds: in it, equal values of different steps are one node."""
    written = net
    while written.bindings:
        written = written.with_outputs(without_single_steps(sf.unroll(written).outputs))
    assert measured(net) == by_graph(written)


@pytest.mark.parametrize("name", cases.CASES)
def test_of_the_acceptance_cases(name: str) -> None:
    net = cases.CASES[name].build(4)
    assert measured(net) == by_graph(net)


def test_a_late_start_is_overtaken_after_many_steps() -> None:
    """The second part starts far ahead and stands still until the first, which grows, has caught up."""
    late = sf.fold(sf.mappers.feedforward, sf.layers("g1:41"), X)
    net = sf.fold(lambda s, f: (f(s[0]), f(s[0]) + s[1]), sf.layers("f1:101"), (X, late._as_node_()))
    assert measured(net) == by_graph(net)
    deep = sf.fold(lambda s, f: (f(s[0]), f(s[1] + s[0])), sf.layers("f", count=10**6), (X, late._as_node_()))
    assert (sf.cost(deep).span, sf.cost(deep).width) == (10**6 + 40, 2)


@given(st.lists(st.builds(Progression, st.integers(0, 9), st.integers(0, 4), st.integers(1, 12)), max_size=6))
def test_the_peak_is_that_of_all_the_levels_listed(done: list[Progression]) -> None:
    listed = Counter(p.start + p.stride * k for p in done for k in range(p.times))
    assert peak(done) == max(listed.values(), default=0)


def test_residual_and_boosting_at_a_million_and_at_n() -> None:
    deep, symbolic = sf.layers("f", count=10**6), sf.layers("f", count=N)
    residual, boosting = (sf.cost(sf.fold(m, deep, X)) for m in (sf.mappers.residual, sf.mappers.boosting(X)))
    assert (residual.work, residual.span, residual.width, residual.tree, residual.dag) == (10**6, 10**6, 1, 2 ** (10**6 + 1) - 2, 2 * 10**6)
    assert (boosting.work, boosting.span, boosting.width, boosting.tree) == (10**6, 1, 10**6, 2 * 10**6)
    assert residual.connections == (10**6 + 1) * (10**6 + 2) // 2
    found = sf.cost(sf.fold(sf.mappers.residual, symbolic, X))
    assert sp.expand(found.connections - (N + 1) * (N + 2) / 2) == 0
    assert [found.tree.subs(N, k) for k in (1, 5)] == [2, sf.cost(sf.fold(sf.mappers.residual, sf.layers("f1:6"), X)).tree]


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_groups_in_parallel_have_the_span_of_their_number(size: int) -> None:
    groups = np.array(sf.layers("f1:13"), dtype=object).reshape(12 // size, size).tolist()
    net = sf.fold(lambda z, group: sum((f(z) for f in group), z), [tuple(group) for group in groups], X)
    assert (sf.cost(net).span, sf.cost(net).width) == (12 // size, size)


def test_operations_are_counted_where_shapes_are_known() -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f", sf.dense(3, 3, np.tanh), count=N), sf.tensor("x", (None, 3)))
    batch = sp.Symbol("x.shape[0]", integer=True, positive=True)
    assert sp.expand(sf.cost(net).operations - N * batch * (9 + 3 + 3 + 3)) == 0
    assert sf.cost(sf.fold(sf.mappers.residual, sf.layers("f1:3"), X)).operations is None


def test_three_symbolic_depths_are_refused_in_words() -> None:
    net: Any = X
    for letter, count in zip("fgh", "lmn", strict=True):
        net = sf.fold(sf.mappers.residual, sf.layers(letter, count=count), net)
    with pytest.raises(NoRule, match="two symbolic depths at most, and the net has l, m, n"):
        sf.cost(net)


def test_a_cost_is_displayed_at_any_depth() -> None:
    found = sf.cost(sf.fold(sf.mappers.residual, sf.layers("f", count=10**6), sf.tensor("x")))
    assert "tree about 10^301030" in repr(found)
    assert "<tr><th>tree</th><td>about 10^301030</td><td>operations of the formula written out in full</td></tr>" in found._repr_html_()


F_N, G_M = sf.layers("f", count="n"), sf.layers("g", count="m")
TWO_DEPTHS: dict[str, Any] = {
    "after another": lambda x: sf.fold(sf.mappers.residual, G_M, sf.fold(sf.mappers.residual, F_N, x)),
    "inside": lambda x: sf.fold(lambda z, f: sf.fold(sf.mappers.residual, G_M, z).outputs[0] + f(z), F_N, x),
    "beside": lambda x: sf.fold(sf.mappers.residual, F_N, x) + sf.fold(sf.mappers.boosting(x), G_M, x),
}


@pytest.mark.parametrize("name", TWO_DEPTHS)
def test_the_cost_in_two_symbolic_depths(name: str) -> None:
    net = TWO_DEPTHS[name](sf.tensor("x"))
    symbolic = vars(sf.cost(net))
    for n, m in ((9, 15), (21, 10)):
        numbers = vars(sf.cost(net.at(n=n, m=m)))
        for field in ("work", "span", "connections", "dag"):
            values = {symbol: {"n": n, "m": m}[symbol.name] for symbol in sp.sympify(symbolic[field] or 0).free_symbols}
            assert symbolic[field] is None or sp.sympify(symbolic[field]).subs(values) == numbers[field]
    assert symbolic["work"] is not None


@pytest.mark.parametrize("shapes, words", [
    ({"y": (4, 3)}, "unknown input: 'y' (must be one of 'x')"),
    ({"x": (4, 5)}, "input 'x' has shape (None, 3), got (4, 5)"),
    ([4, 3], "shapes=[4, 3] is not a dict (give shapes by input, as shapes={'x': (32, 3)})"),
])  # fmt: skip
def test_shapes_are_those_of_inputs(shapes: Any, words: str) -> None:
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    for count in (sf.cost, sf.Net.summary):
        with pytest.raises(sf.errors.SymfoldError, match=re.escape(words)):
            count(net, shapes=shapes)


def test_sizes_given_are_sizes_of_the_net() -> None:
    """A cost for given shapes is that of the net which has them."""
    free, known = (sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3)), sf.tensor("x", (rows, 3))) for rows in (None, 7))
    assert sf.cost(free, shapes={"x": (7, 3)}) == sf.cost(known)
    assert free.summary(shapes={"x": (7, 3)}) == known.summary()
