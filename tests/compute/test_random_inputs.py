"""Draws: which inputs rows of tables are picked by, what is drawn for them, and the analyses that draw."""

from html import unescape
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.compute.random_inputs import drawn, rows_of
from symfold.core.conversion import as_node
from symfold.core.primitives import Primitive, broadcast_to, embed, permute, swap
from symfold.errors import GradientError, OutOfRange

ROWS, WIDTH = 7, 3
TABLE, SHORT = sf.parameter("E", (ROWS, WIDTH)), sf.parameter("S", (4, WIDTH))
WORDS, X = sf.tensor("words", (2, 4)), sf.tensor("x", (2, 4, WIDTH))


def seen(numbers: Any, table: Any = TABLE) -> Any:
    return embed(table, as_node(numbers))


def rotating(state: Any, f: Any) -> Any:
    """A state that holds the words still to come."""
    now, later, z = state
    return later, now, f(z) + seen(now)


# nets, and the inputs that rows are picked by with how many there are
PICKING: dict[str, tuple[Any, dict[str, int]]] = {
    "nothing": (X * 2, {}),
    "at once": (seen(WORDS) + X, {"words": ROWS}),
    "two tables": (seen(WORDS) + seen(WORDS, SHORT), {"words": 4}),
    "two inputs": (seen(WORDS) + seen(sf.tensor("places", (2, 4)), SHORT), {"words": ROWS, "places": 4}),
    "a constant table": (seen(WORDS, as_node(np.ones((5, WIDTH)))), {"words": 5}),
    "a table that is an input": (seen(WORDS, sf.tensor("T", (6, WIDTH))), {"words": 6}),
    "moved about": (seen(np.concatenate([WORDS[1:], WORDS[:1]]).reshape(4, 2)), {"words": ROWS}),
    "axes moved": (seen(swap(permute(broadcast_to(WORDS, shape=(3, 2, 4)), axes=(-2, -3, -1)))), {"words": ROWS}),
    "read otherwise too": (seen(WORDS).sum() + WORDS.sum(), {"words": ROWS}),
    "in a layer": (sf.layer("f", lambda z, T: embed(T, z), T=(ROWS, WIDTH))(WORDS), {"words": ROWS}),
    "moved in a layer": (seen(sf.layer("f", lambda z: z[::-1])(WORDS)), {"words": ROWS}),
    "in a fold": (sf.fold(lambda z, f: f(z) + seen(WORDS), sf.layers("f1:4", sf.tanh), X), {"words": ROWS}),
    "one a step": (sf.fold(lambda z, k: sf.tanh(z) + seen(k), WORDS, X[0]), {"words": ROWS}),
    "one a step by names": (sf.fold(lambda z, k: z + seen(k), [sf.tensor(f"k{k}", (4,)) for k in (1, 2, 3)], X), {"k1": ROWS, "k2": ROWS, "k3": ROWS}),
    "a state": (sf.fold(rotating, sf.layers("f1:4", sf.tanh), (WORDS, sf.tensor("later", (2, 4)), X))[2], {"words": ROWS, "later": ROWS}),
    "given out by a scan": (seen(sf.scan(lambda z, k: k, sf.tensor("ks", (3, 2)), sf.tensor("k0", (2,)))[1]), {"ks": ROWS}),
    "in a fold in a fold": (
        sf.fold(lambda z, f: f(sf.fold(lambda h, k: h + seen(k), WORDS, z)), sf.layers("f1:3", sf.tanh), X[0]),
        {"words": ROWS},
    ),
    "its gradient": (sf.grad(sf.Net.of((seen(WORDS) ** 2).sum())), {"words": ROWS}),
}
picking = pytest.mark.parametrize("case", PICKING)


def numbers_for(net: sf.Net, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {**net.init(seed), **drawn({node.op.name: node.shape for node in net.inputs}, rows_of([net]), lambda name: random)}


@picking
def test_what_is_drawn_is_read_and_a_row_beyond_it_is_not(case: str) -> None:
    """By evaluation, which knows nothing of what was found: every row up to the last is there, and the next is not."""
    net, wanted = sf.Net.of(PICKING[case][0]), PICKING[case][1]
    assert rows_of([net]) == rows_of([sf.unroll(net)]) == wanted
    for seed in range(5):
        net(numbers_for(net, seed))
    values = numbers_for(net, 0)
    for name, rows in wanted.items():
        net({**values, name: np.full_like(values[name], rows - 1)})
        with pytest.raises(OutOfRange):
            net({**values, name: np.full_like(values[name], rows)})


def test_draws_take_every_row_and_other_inputs_are_normal() -> None:
    found = drawn({"words": (400,), "x": (400,)}, {"words": 3}, lambda name: np.random.default_rng(1))
    assert set(found["words"].tolist()) == {0, 1, 2}
    np.testing.assert_array_equal(found["x"], np.random.default_rng(1).standard_normal(400))


def test_of_several_nets_the_shortest_table_counts_and_a_length_comes_with_the_shapes() -> None:
    table = sf.tensor("T", (None, WIDTH))
    nets = [sf.Net.of(seen(WORDS)), sf.Net.of(seen(WORDS, table))]
    assert rows_of(nets) == {"words": 1}
    assert rows_of(nets, {"words": (2, 4), "T": (5, WIDTH)}) == {"words": 5}
    assert rows_of(nets, {"words": (2, 4), "T": (50, WIDTH)}) == {"words": ROWS}


def words_of(mapper: Any) -> sf.Net:
    return sf.fold(mapper, sf.layers("f1:4", sf.dense(WIDTH, WIDTH, sf.tanh)), seen(sf.tensor("words", (None, 4))))


def test_nets_that_begin_with_words_are_told_apart_with_numbers_that_differ() -> None:
    residual, boosting = words_of(sf.mappers.residual), words_of(sf.mappers.boosting(seen(sf.tensor("words", (None, 4)))))
    found = sf.verdict(residual, boosting)
    assert found.level == "different" and found.equal is False
    values = {name: np.asarray(value) for name, value in {**found.evidence["inputs"], **found.evidence["params"]}.items()}
    assert set(np.unique(values["words"])) <= set(range(ROWS))
    start = z = y = values["E"][values["words"]]
    for k in (1, 2, 3):
        z = z + np.tanh(z @ values[f"W{k}"] + values[f"b{k}"])
        y = y + np.tanh(start @ values[f"W{k}"] + values[f"b{k}"])
    output, *entry = found.evidence["place"]
    assert (output, found.evidence["values"]) == (0, pytest.approx((z[tuple(entry)], y[tuple(entry)]), rel=1e-9))
    assert f"words = {values['words'].tolist()}" in found.text
    assert found.text.rstrip(".") in " ".join(str(sf.compare(residual, boosting)).replace("Different", "different").split())


def test_nets_that_begin_with_words_agree_in_numbers() -> None:
    z = seen(WORDS)
    double = sf.Net.of(2 * sf.tanh(z) / (1 + sf.tanh(z) ** 2))
    assert sf.verdict(sf.Net.of(sf.tanh(2 * z)), double).level == "numerically equal"
    assert sf.verdict(sf.Net.of(sf.tanh(2 * z) + 1e-3), double).level == "different"


def test_a_counterexample_by_hand_has_a_row_that_is_there() -> None:
    one = sf.tensor("word", ())
    table = as_node(np.array([[3.0], [5.0]]))
    found = sf.verdict(sf.Net.of(seen(one, table) ** 2), sf.Net.of(3 * seen(one, table)))
    assert found.text == "different: with word = 1: 25 against 15"
    same_there = sf.verdict(sf.Net.of(seen(one, table) ** 2), sf.Net.of(8 * seen(one, table) - 15))
    assert same_there.equal is not False  # the rows 0 and 1 are all that there is, and at both the nets agree


@pytest.mark.slow
def test_the_page_measures_nets_that_begin_with_words() -> None:
    """The plots with random layers: how far the nets are apart, and the sweeps, the first of which is the embedding."""
    start, layers = seen(sf.tensor("words", (None, 4))), sf.layers("f1:4")
    page = sf.compare(sf.fold(sf.mappers.residual, layers, start), sf.fold(sf.mappers.boosting(start), layers, start)).to_html()
    assert "Root mean square difference of nets" in page and "Error of sweep s" in page
    assert "the first state" in page and "the input alone" not in page
    assert "the input 'words' picks rows of a table" in unescape(page)


def test_check_grad_leaves_out_what_has_no_slope() -> None:
    loss = sf.Net.of((words_of(sf.mappers.residual) ** 2).sum())
    assert 0 < sf.check_grad(loss) < 1e-6
    assert sf.check_grad(loss, {"words": [[0, 6, 6, 2]] * 5}) < 1e-6
    wrong = Primitive("cube", lambda a: a, lambda xp, a: a**3, lambda node, bar: [bar * 2 * node.args[0] ** 2])
    with pytest.raises(GradientError, match="for 'E'"):
        sf.check_grad(sf.Net.of(wrong(seen(WORDS)).sum()))
    in_time = sf.fold(lambda h, k: np.tanh(h + seen(k)), sf.tensor("ks", (5, None)), sf.tensor("h", (None, WIDTH)))
    assert sf.check_grad(sf.Net.of((in_time**2).sum())) < 1e-6
