"""Sequences: one normal form however they were put together, and the entries that went in."""

import contextlib
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symfold as sf
from symfold.core.conversion import as_node
from symfold.core.nodes import Node
from symfold.core.sequences import (
    element,
    join,
    names_of_node,
    numbered_run,
    repeated_value,
    reverse,
    stack,
    strided,
    take,
)
from symfold.core.stacked_inputs import Numbered, StackedInputs, compress
from symfold.errors import ShapeError
from symfold.transform.specialize import with_sizes

U = sf.tensor("u", (5, 2))
STATES = sf.scan(lambda z, f: f(z) + z, sf.layers("f1:5", lambda z: z * 2), sf.tensor("x", (2,))).outputs[0]
SOURCES: list[Node] = [
    *(sf.tensor(f"x{k}", (2,)) for k in range(1, 4)),
    *(element(U, k) for k in range(5)),
    *(element(STATES, k) for k in range(4)),
    as_node(np.array([1.0, 2.0])),
    as_node(np.array([3.0, 4.0])),
    sf.tensor("y", (2,)) + 1,
]
entries = st.lists(st.sampled_from(range(len(SOURCES))), min_size=1, max_size=9)
VALUES: dict[str, Any] = {
    name: np.random.default_rng(len(name) + ord(name[-1])).normal(size=2) for name in ("x", "x1", "x2", "x3", "y")
} | {"u": np.arange(10.0).reshape(5, 2)}


def number(node: Node) -> Any:
    net = sf.Net.of(node)
    return net(**{leaf.op.name: VALUES[leaf.op.name] for leaf in net.inputs})


@given(entries)
def test_stacking_gives_the_entries_back(chosen: list[int]) -> None:
    nodes = [SOURCES[k] for k in chosen]
    whole = stack(nodes)
    assert whole.shape == (len(nodes), 2)
    assert [element(whole, k) for k in range(len(nodes))] == nodes
    assert [element(whole, k - len(nodes)) for k in range(len(nodes))] == nodes
    np.testing.assert_allclose(number(whole), np.stack([number(node) for node in nodes]))


@given(entries, st.integers(0, 9))
def test_the_normal_form_does_not_depend_on_how_a_sequence_was_joined(chosen: list[int], cut: int) -> None:
    nodes = [SOURCES[k] for k in chosen]
    whole = stack(nodes)
    parts = [stack(part) for part in (nodes[:cut], nodes[cut:]) if part]
    assert join(parts) == whole
    assert stack([element(whole, k) for k in range(len(nodes))]) == whole
    assert reverse(reverse(whole)) == whole


@given(entries, st.data())
def test_taking_takes(chosen: list[int], data: Any) -> None:
    whole = stack([SOURCES[k] for k in chosen])
    positions = tuple(data.draw(st.lists(st.integers(0, len(chosen) - 1), min_size=1, max_size=6)))
    np.testing.assert_allclose(number(take(whole, positions)), number(whole)[list(positions)])


def test_named_inputs_are_a_family() -> None:
    assert stack([sf.tensor(f"x{k}", (2,)) for k in (1, 2, 3)]).op == StackedInputs(Numbered("x", 1, 3), (2,))
    assert names_of_node(take(stack(SOURCES[:3]), (2, 0))) == ("x3", "x1")
    assert compress(["f09", "f10"]) == ("f09", "f10")  # f9, f10 are a run; a name with a leading zero is in none


@given(count=st.integers(1, 30), step=st.integers(1, 4), chosen=st.slices(30))
def test_what_is_taken_from_numbered_names_is_what_is_stacked(count: int, step: int, chosen: slice) -> None:
    whole = Node(StackedInputs(Numbered("x", 3, count, step), (2,)))
    positions = range(count)[chosen]
    if positions:
        assert take(whole, positions) == take(whole, tuple(positions)) or positions.step < 0
        assert names_of_node(take(whole, positions)) in (tuple(f"x{3 + step * k}" for k in positions), compress([f"x{3 + step * k}" for k in positions]))
        assert [element(take(whole, positions), k) for k in range(len(positions))] == [element(whole, k) for k in positions]


def test_every_third_of_symbolically_many_in_their_order_and_from_the_last() -> None:
    m = sp.Symbol("m", integer=True, positive=True)
    deep = sf.layers("f", count=3 * m).stacked_inputs()[0]
    for place in range(3):
        at_four = with_sizes([strided(deep, 3, place), strided(reverse(deep), 3, place)], {m: 4})
        known = with_sizes([deep], {m: 4})[0]
        assert at_four[0] == take(known, range(place, 12, 3))
        assert [element(at_four[1], k) for k in range(4)] == [element(reverse(known), k) for k in range(place, 12, 3)]
    assert strided(sf.tensor("u", (3 * m, 2)), 3, 0) is None


def test_a_repeated_entry_is_one_value() -> None:
    assert repeated_value(stack([SOURCES[0]] * 3)) == SOURCES[0]
    assert repeated_value(stack(SOURCES[:2])) is None


def test_stacking_nothing_says_so() -> None:
    with pytest.raises(ValueError, match="at least one"):
        stack([])


def test_taking_some_entries_again_leaves_out_the_others_as_stacking_them_does() -> None:
    names = sf.layers("a1:4", sf.dense(2, 2)).stacked_inputs()[1]
    u = sf.tensor("u", (3, 2))
    stacked = stack([u[0], sf.tensor("v", (2,)), u[2] + 1])
    for sequence in (names, stacked):
        for positions in ((1, 2, 1), (2, 1, 2), (0, 1, 0), (1, 1), (2, 0, 2, 1)):
            assert take(sequence, positions) == stack([element(sequence, k) for k in positions])


def test_rolling_up_gives_the_same_where_a_state_settles_late() -> None:
    kind = sf.dense(2, 2)
    a, s = sf.layers("a1:3", kind), sf.layer("s", kind)
    net = sf.fold(lambda z, f: f(z), [a[0], s, a[1], s], sf.tensor("y", (2,)))
    assert sf.roll(sf.unroll(net)) == sf.roll(net)


@pytest.mark.parametrize("shape", [(None, 3), None])
def test_a_sequence_of_one_input_takes_its_shape_from_the_numbers(shape: Any) -> None:
    """The input stands in no other place."""
    net = sf.Net.of(sf.stack([sf.tensor("x", shape)]).sum(axis=0))
    values = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(net.compile("numpy")(x=values), values)
    with pytest.raises(ShapeError, match="x") if shape else contextlib.nullcontext():
        net.compile("numpy")(x=np.ones((2, 4)))


def test_a_depth_within_a_step_is_given_its_number() -> None:
    """The count of an inner fold alone is a symbol."""
    n = sp.Symbol("n", integer=True, positive=True)
    inputs, h = sf.tensor("u", (n, None, 3)), sf.tensor("h", (None, 3))
    net = sf.fold(lambda z, f: sf.fold(lambda a, u: f(a) + u, inputs, z), sf.layers("f1:3"), h)
    assert net.at(n=4) == sf.fold(lambda z, f: sf.fold(lambda a, u: f(a) + u, sf.tensor("u", (4, None, 3)), z), sf.layers("f1:3"), h)


def test_the_last_entry_is_counted_from_the_beginning_once_rolled() -> None:
    states = sf.scan(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x", (None, 3)))
    assert sf.roll(states[-1]) == sf.roll(states[2]) == sf.roll(sf.unroll(states[-1]))


ROWS = [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "items",
    [
        [2, 3, 2], [2, 2, 2], [0.5, 0.25, 0.5, 0.25], [True, False, True], [np.inf, 1.0, np.inf], [np.nan, 2, np.nan],
        [np.array(ROWS[0]), np.array(ROWS[1]), np.array(ROWS[0])], np.array([2, 3, 2]), np.array([ROWS[0], ROWS[1], ROWS[0]]), np.full((3, 2), 2.0),
    ],
    ids=str,
)  # fmt: skip
def test_numbers_that_come_again_are_one_array(items: Any) -> None:
    """No positions into a hidden list, however the numbers were given; steps written out roll to the fold."""
    net = sf.fold(lambda z, p: z * p, items, sf.tensor("x"))
    assert "take" not in net.to_json() and sf.roll(sf.unroll(net)) == sf.roll(net)
    z = np.ones(2)
    for item in items:
        z = z * item
    np.testing.assert_array_equal(net(x=np.ones(2)), z)


@pytest.mark.parametrize("items, numbers", [([2, 3, 4], "2, 3, 4"), ([2, 3, 2], "2, 3, 2"), ([0.5, 0.25, 0.5], "0.5, 0.25, 0.5")])
def test_a_fold_over_numbers_is_printed_with_its_numbers(items: list[float], numbers: str) -> None:
    x = sf.tensor("x")
    net = sf.fold(lambda z, p: z * p, items, x)
    assert sf.formula(net, form="fold") == f"z_k = z_{{k-1}}*c_k, k = 1..3, z_0 = x\nc = [{numbers}]"
    assert sf.formula(net, form="expanded") == "((x*{})*{})*{}".format(*numbers.split(", "))
    assert sf.formula(net, form="steps").splitlines()[1] == f"z2 = z1*{numbers.split(', ')[1]}"
    for style in ("unicode", "latex", "mathml"):
        assert "0, 1, 0" not in "".join(sf.formula(net, form=form, style=style) for form in ("fold", "steps", "expanded"))


def test_numbers_that_no_array_holds_exactly_are_kept_as_they_are() -> None:
    third, large = sp.Rational(1, 3), sp.Integer(2**60 + 1)
    net = sf.fold(lambda z, p: z * p, [third, large, third], sf.tensor("x"))
    assert sf.formula(net, form="expanded") == f"((x/3)*{2**60 + 1})/3"
    assert sf.roll(sf.unroll(net)) == sf.roll(net)


def test_large_rows_that_come_again_are_held_once() -> None:
    large = [np.full((1000, 1000), value) for value in (1.0, 2.0)]
    net = sf.fold(lambda z, p: z * p, large * 20, sf.tensor("x", (1000, 1000)))
    assert len(net.to_json()) < 60e6  # of 640e6 digits for 40 rows


@given(
    pieces=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    step=st.integers(1, 3),
    gap=st.sampled_from([0, 0, 0, 1]),
    prefix=st.sampled_from(["f", "f1", "W_"]),
)
def test_numbered_runs_are_joined_as_if_they_were_listed(pieces: list[int], step: int, gap: int, prefix: str) -> None:
    names = Numbered(prefix, 8, sum(pieces) + gap, step)
    starts = [gap * (k == len(pieces) - 1) + sum(pieces[:k]) for k in range(len(pieces))]
    parts = [Node(StackedInputs(names.taken(range(start, start + size)), ())) for start, size in zip(starts, pieces, strict=True)]
    listed = stack([element(part, k) for part in parts for k in range(part.shape[0])])
    assert join(parts) in (listed, *parts)
    assert numbered_run(parts) in (None, listed, *parts)


def test_ranges_of_ranges_are_taken_at_any_length() -> None:
    names = Node(StackedInputs(Numbered("f", 1, 10**18), ()))
    taken = take(reverse(names), range(5, 10**17))
    assert element(taken, 0) == element(names, 10**18 - 6) and taken.shape[0] == 10**17 - 5
    again = take(take(as_node(sf.tensor("u", (10**15,))), range(3, 10**14)), range(2, 10**13))
    assert dict(again.op.attributes)["positions"] == range(5, 10**13 + 3)
