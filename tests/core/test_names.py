"""Names and bodies: one name means one thing, and a name can be given a body."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symfold as sf
from symfold.core.names import MANY, Claims
from symfold.core.stacked_inputs import Numbered, compress, count_of

X = sf.tensor("x", (None, 3))
DENSE = sf.dense(3, 3)
F, G = sf.layers("f1:4", DENSE), sf.layers("g1:4", DENSE)
IN, OUT = sf.layers("a_out1:4", DENSE), sf.layers("out1:4", lambda z, W_a: np.dot(z, W_a), W_a=(3, 3))  # an underscore each


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: sf.Net.of(IN[0](OUT[0](X))), "a_out1 and out1|out1 and a_out1"),
        (lambda: sf.fold(sf.mappers.residual, [*IN, *OUT], X), "both claim the parameter 'W_a_out1'"),
        (lambda: sf.fold(sf.mappers.residual, IN, sf.fold(sf.mappers.residual, OUT, X)), "both claim the parameter 'W_a_out1'"),
        (lambda: sf.Net.of(IN[1](sf.fold(sf.mappers.residual, OUT, X).outputs[0])), "both claim the parameter 'W_a_out2'"),
        (lambda: sf.fold(lambda z, f: sf.fold(sf.mappers.residual, IN, f(z)), OUT, X), "both claim the parameter 'W_a_out1'"),
        (lambda: sf.fold(sf.mappers.residual, [F[0], sf.layer("f1", lambda z: z)], X), "two different layers are named 'f1'"),
        (lambda: sf.Net.of(F[0](X) + sf.tensor("W1", (3,))), "two different tensors are named 'W1'"),
        (lambda: sf.fold(sf.mappers.residual, F, X + sf.tensor("W2", (3,))), "two different tensors are named 'W2'"),
        (lambda: sf.fold(lambda z, f: f(z) + sf.tensor("W1"), F, sf.tensor("x", (3, 3))), "two different tensors are named 'W1'"),
        (lambda: sf.Net.of(sf.tensor("w") * sf.parameter("w", (3,))), "a parameter of shape .3,. and an input of shape ...."),
    ],
)
def test_two_things_of_one_name_are_an_error(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _ = build().params


@pytest.mark.parametrize(
    "build",
    [
        lambda: sf.fold(sf.mappers.residual, [F[0], F[2], F[0]], F[0](X)),
        lambda: sf.unroll(sf.fold(sf.mappers.residual, F, X)),
        lambda: sf.fold(sf.mappers.residual, [*F, *F], F[1](X)),
        lambda: sf.fold(lambda z, f: F[0](f(z)), F, X),
        lambda: sf.fold(lambda z, p: p[0](p[1](z)), list(zip(F, sf.layers("g11:14", DENSE), strict=True)), X),
    ],
)
def test_one_layer_may_be_used_many_times(build: Any) -> None:
    assert {"W1", "b1"} <= {node.op.name for node in build().params}


def test_a_net_in_which_one_name_means_two_things_is_not_made() -> None:
    f, g = sf.layer("f1", lambda z: z * 2), sf.layer("f1", lambda z: z * 3)
    for make in (lambda: sf.fold(sf.mappers.feedforward, [f, g], X), lambda: sf.Net.of(g(f(X))), lambda: sf.Net.of((f(X), g(X)))):
        with pytest.raises(sf.errors.InvalidValue, match="two different layers are named 'f1'"):
            make()


def test_two_layers_may_capture_one_parameter() -> None:
    scale = sf.parameter("scale", (3,))
    a, b = sf.layer("a", lambda z: z * scale), sf.layer("b", lambda z: z + scale)
    assert [node.op.name for node in sf.Net.of(a(b(X))).params] == ["scale"]


def test_a_sympy_symbol_is_the_tensor_of_its_name() -> None:
    w, symbol = sf.parameter("w", (3,)), sp.Symbol("w")
    for net in (sf.Net.of(X * w + sp.tanh(w)), sf.Net.of(X * w) + sp.tanh(symbol), sf.Net.of(X * w + np.tanh(w))):
        assert (net.inputs, net.params) == ((X,), (w,))
        np.testing.assert_allclose(net(x=np.ones((2, 3)), w=np.full(3, 0.5)), np.full((2, 3), 0.5 + np.tanh(0.5)))
    assert sf.Net.of(X) + sp.Symbol("x") == sf.Net.of(X + X)
    assert sf.Net.of(sp.tanh(symbol)) == sf.Net.of(sf.tanh(sf.tensor("w")))
    bound = sf.fold(lambda z, f: f(z) + w, sf.layers("f1:3"), X).bind({"f": lambda z: z * symbol})
    assert (bound.inputs, bound.params) == ((X,), (w,))
    assert sf.Net.of(sf.tensor("x") * w).expr.subs({sf.tensor("x"): 3, w: 2}) == 6


# ---------------------------------------------------------------- bind


def square(z: Any) -> Any:
    return z**2


def double(z: Any) -> Any:
    return 2 * z


H, BOUND = sf.layer("h"), sf.layer("h", DENSE)
OPAQUE, CLOSED = sf.layers("f1:6"), sf.layers("f1:6", DENSE)
MIXED = [sf.layer(f"f{k + 1}", body) for k, body in enumerate([square, square, double, double, square])]


@pytest.mark.parametrize(
    "net, bodies, wanted",
    [
        (
            sf.fold(sf.mappers.residual, OPAQUE, X),
            dict(zip(["f1", "f2", "f3", "f4", "f5"], [square, square, double, double, square], strict=True)),
            sf.fold(sf.mappers.residual, MIXED, X),
        ),
        (sf.fold(sf.mappers.residual, OPAQUE, X), {"f": DENSE}, sf.fold(sf.mappers.residual, CLOSED, X)),
        (sf.unroll(sf.fold(sf.mappers.residual, OPAQUE, X)), {"f": DENSE}, sf.unroll(sf.fold(sf.mappers.residual, CLOSED, X))),
        (
            sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X),
            {"f": DENSE},
            sf.fold(sf.mappers.residual, sf.layers("f", DENSE, count="n"), X),
        ),
        (sf.fold(lambda z, f: H(f(z)), OPAQUE, X), {"h": DENSE}, sf.fold(lambda z, f: BOUND(f(z)), OPAQUE, X)),
        (sf.fold(sf.mappers.residual, [H, H], X), {"h": DENSE}, sf.fold(sf.mappers.residual, [BOUND, BOUND], X)),
        (sf.scan(sf.mappers.residual, OPAQUE, X), {"f": DENSE}, sf.scan(sf.mappers.residual, CLOSED, X)),
        (
            sf.Net.of(sf.layer("k", lambda z: H(z) + 1)(X)),
            {"h": DENSE},
            sf.Net.of(sf.layer("k", lambda z: BOUND(z) + 1)(X)),
        ),
    ],
)
def test_binding_is_folding_over_bound_layers(net: sf.Net, bodies: Any, wanted: sf.Net) -> None:
    assert net.bind(bodies) == wanted


def test_layers_that_become_alike_are_one_fold_once_rolled() -> None:
    def nest(h: Any) -> sf.Net:
        return sf.fold(lambda z, f: sf.fold(lambda y, g: g(y) + z, [h, f], f(z)), CLOSED, X)

    assert sf.roll(nest(H).bind({"h": DENSE})) == sf.roll(nest(BOUND))


@pytest.mark.parametrize(
    "bodies, message",
    [
        ({"g": square}, r"no opaque layer 'g' \(its opaque layers: f1, f2, f3, f4, f5\)"),
        ({"f9": square}, "no opaque layer 'f9'"),
        ({"f1": None}, "no body given for layer 'f1'"),
        ({"f1": 3}, "body must be a function"),
        ({"f1": lambda a, b: a}, "layer f1 takes 2"),
        ([], "takes a dict"),
    ],
)
def test_what_cannot_be_bound_says_why(bodies: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        sf.fold(sf.mappers.residual, OPAQUE, X).bind(bodies)


def test_an_adjoint_of_opaque_layers_is_bound_before_it_is_taken() -> None:
    adjoint = sf.adjoint(sf.fold(sf.mappers.residual, OPAQUE, X))
    with pytest.raises(NotImplementedError, match="bind first, then differentiate"):
        adjoint.bind({"f1": DENSE})


@pytest.mark.parametrize("shape", [3, -1, 2.5, "ab", np.ones((3, 3)), {"a": 1}], ids=str)
def test_a_shape_is_a_tuple(shape: Any) -> None:
    for make in (lambda: sf.tensor("W", shape), lambda: sf.parameter("W", shape), lambda: sf.layer("f", lambda z, W: z + W, W=shape)):
        with pytest.raises(sf.errors.InvalidType, match="shape of 'W' must be a tuple of sizes"):
            make()
    assert sf.tensor("W", np.array([2, 3])) == sf.tensor("W", [2, 3]) == sf.tensor("W", (2, 3))


def test_specs_and_bodies_that_cannot_be_are_said_in_words() -> None:
    with pytest.raises(sf.errors.InvalidValue, match="'f1:' names no layers"):
        sf.layers("f1:")
    with pytest.raises(sf.errors.InvalidType, match=r"no argument for \['W'\]"):
        sf.layer("f", lambda z: z, W=(3, 3))
    for body, word in ((lambda z: (z, z), "tuple of 2"), (lambda z: [z, z], "list of 2"), (lambda z: {"a": z}, "dict of 1")):
        with pytest.raises(sf.errors.InvalidType, match=f"gives one value, got a {word}"):
            sf.layer("f", body)
    assert sf.layer("f", lambda *given: given[0] + given[1], W=(3,)).params[0].shape == (3,)


NUMBERED = st.builds(Numbered, st.sampled_from("fg"), st.integers(0, 300), st.integers(1, 200), st.one_of(st.just(1), st.integers(1, 7)))
LISTED = st.builds(
    lambda prefix, numbers: tuple(f"{prefix}{number}" for number in numbers),
    st.sampled_from("fg"), st.sets(st.integers(0, 500), min_size=1, max_size=3 * MANY).map(sorted),
)  # fmt: skip


@given(names=NUMBERED, other=NUMBERED, position=st.integers(0, 250), cut=st.tuples(st.integers(0, 30), st.integers(1, 30), st.integers(1, 9)))
def test_a_numbered_run_is_the_tuple_of_its_names(names: Numbered, other: Numbered, position: int, cut: tuple[int, int, int]) -> None:
    listed = tuple(names)
    assert len(listed) == names.count == count_of(names) == count_of(listed) and listed[-1] == names.last
    assert compress(listed) == names
    assert [names[k] for k in range(len(listed))] == list(listed) and [f"{names.prefix}{names.number(k)}" for k in range(len(listed))] == list(listed)
    asked = f"{names.prefix}{names.start + position - 25}"
    assert names.position(asked) == (listed.index(asked) if asked in listed else None) and (asked in names) == (asked in listed)
    chosen = range(cut[0], min(len(listed), cut[0] + cut[1] * cut[2]), cut[2])
    assert tuple(names.taken(chosen)) == tuple(listed[k] for k in chosen)
    first = min(cut[0], len(listed))
    assert tuple(names.rest(first)) == listed[first:]
    place = cut[0] % cut[1]
    assert tuple(names.strided(cut[1], place)) == listed[: len(listed) - len(listed) % cut[1]][place :: cut[1]]
    both = {names.start + names.step * k for k in range(names.count)} & {other.start + other.step * k for k in range(other.count)}
    assert names.shared(other) == other.shared(names) == min(both, default=None)


@given(names=NUMBERED, size=st.integers(1, 9), place=st.integers(0, 8), groups=st.integers(1, 9))
def test_symbolically_many_names_are_those_of_every_number(names: Numbered, size: int, place: int, groups: int) -> None:
    m = sp.Symbol("m", integer=True, positive=True)
    deep, known = replace(names, count=size * m), replace(names, count=size * groups)
    taken = deep.strided(size, place % size)
    assert taken.count == m and replace(taken, count=groups) == known.strided(size, place % size)
    assert deep.rest(1).count == size * m - 1 and [deep.rest(1)[k] for k in range(3)] == [deep[k] for k in (1, 2, 3)]
    assert sp.sympify(deep.number(deep.count - 1)).subs(m, groups) == known.number(known.count - 1)
    assert deep.position(deep[10**6]) == 10**6 and deep.shared(replace(deep, start=10**9 * deep.step + deep.start)) == 10**9 * deep.step + deep.start


def test_one_name_has_no_step_and_no_step_is_downward() -> None:
    assert Numbered("f", 4, 1, 3) == Numbered("f", 4, 1) and compress(["f4"]) == Numbered("f", 4, 1)
    assert compress(["f3", "f2", "f1"]) == ("f3", "f2", "f1") and compress(["f1", "f1"]) == ("f1", "f1")
    assert compress(["f1", "f3", "f6"]) == ("f1", "f3", "f6") and compress(["f1", "g2"]) == ("f1", "g2")
    with pytest.raises(sf.errors.InvalidValue, match="step=0"):
        Numbered("f", 1, 3, 0)


@pytest.mark.parametrize(("count", "words"), [(sp.Symbol("m") / 2, "count=m/2 is not a number of layers for every m"), (-2 * sp.Symbol("m"), r"count=-2\*m is not a"), (sp.pi, "count=pi must be a whole number")])
def test_a_depth_that_is_no_number_of_layers(count: Any, words: str) -> None:
    with pytest.raises(sf.errors.SymfoldError, match=words):
        sf.layers("f", count=count)


def test_runs_of_a_million_names_by_a_step_are_claimed_as_three_are() -> None:
    claims = Claims()
    for place in range(3):
        assert claims.add(Numbered("f", place, 10**6, 3), "abc"[place]) is None
    assert claims.add(("f299999",), "c") is None and claims.add(("f299999",), "a") == ("f299999", "c")
    assert claims.add(Numbered("f", 10**7, 5), "a") is None
    assert claims.add(Numbered("f", 2, sp.Symbol("m"), 7), "a") == ("f16", "b")  # type: ignore[arg-type]


@given(claimed=st.lists(st.tuples(st.one_of(NUMBERED, LISTED), st.sampled_from("AB")), max_size=6))
@settings(max_examples=200)
def test_claims_are_those_of_a_dictionary(claimed: list[tuple[Any, str]]) -> None:
    """Against every name by itself: many names at once clash where one of them has another owner."""
    claims, owners = Claims(), dict[str, str]()
    for names, owner in claimed:
        taken = {name for name in names if owners.get(name, owner) != owner}
        clash = claims.add(names, owner)
        assert (clash is not None) == bool(taken)
        if clash is not None:
            assert clash[0] in taken and clash[1] != owner
            return
        owners.update(dict.fromkeys(names, owner))


def test_many_names_dealt_out_to_three_owners() -> None:
    """Each is between two of others, and all are found to be free; then one more is not."""
    claims = Claims()
    for place in range(3):
        assert claims.add(tuple(f"f{k}" for k in range(place, 200_000, 3)), "one") is None
    assert claims.spans == {"f": [(200_000, "one")]}
    assert claims.add(("f199999",), "other") == ("f199999", "one")
