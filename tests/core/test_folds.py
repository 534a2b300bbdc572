"""Folds: what is alike, what is captured, what a mapper may and may not do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from cases import values_of

import symfold as sf
from symfold.core.leaves import Constant
from symfold.core.nodes import walk

X = sf.tensor("x", (None, 3))
F = sf.layers("f1:5", sf.dense(3, 3))


def test_neighbouring_like_items_are_one_fold_whatever_their_number() -> None:
    for depth in (1, 2, 50):
        assert len(sf.fold(sf.mappers.residual, sf.layers(f"f1:{depth + 1}"), X).bindings) == 1
    square, cube = sf.layer("a", lambda z: z**2), sf.layer("b", lambda z: z**3)
    assert [b.op.count for b in sf.fold(sf.mappers.residual, [square, square, cube, square], X).bindings] == [2, 1, 1]


def test_the_list_and_the_lazy_layers_give_one_net() -> None:
    assert sf.fold(sf.mappers.residual, list(F), X) == sf.fold(sf.mappers.residual, F, X)


REPEATED = {
    "layer": (sf.mappers.residual, F[0]),
    "opaque layer": (sf.mappers.boosting(X), sf.layer("g")),
    "pair": (lambda z, p: p[0](z) * p[1] + F[0](z), (F[1], sf.tensor("u", (None, 3)))),
    "net": (lambda z, net: net(z) + z, sf.Net.of(sf.layer("g")(sf.tensor("y")))),
    "value": (lambda z, u: z + F[2](u), X * 2),
    "number": (lambda z, a: a * z + sp.cos(a), 0.5),
    "function": (lambda z, step: step(z) + X, sf.tanh),
}


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("case", REPEATED)
def test_an_item_repeated_is_a_list_of_it_at_every_depth(case: str, count: int) -> None:
    mapper, item = REPEATED[case]
    for check in ("ends", "all"):
        assert sf.fold(mapper, sf.repeat(item, count), X, check=check) == sf.fold(mapper, [item] * count, X)
    if count:
        assert sf.scan(mapper, sf.repeat(item, count), X) == sf.scan(mapper, [item] * count, X)
        symbolic = sf.fold(mapper, sf.repeat(item, "n"), X)
        assert sf.roll(symbolic.at(n=count)) == sf.roll(sf.fold(mapper, [item] * count, X))
        assert sf.from_json(symbolic.to_json()) == symbolic


def test_a_repeated_number_is_a_number_at_every_step() -> None:
    net = sf.fold(lambda z, a: a * z + sp.cos(a), sf.repeat(0.5, "n"), sf.tensor("z", ()))
    assert net.at(n=3)(8.0) == pytest.approx(1 + 1.75 * np.cos(0.5), rel=1e-15)


def test_what_is_repeated_is_shared_and_its_gradient_added_up() -> None:
    """One set of parameters; by the gradient of the net whose layers have names of their own, summed over them."""
    depth, apart = 4, sf.fold(sf.mappers.residual, F, X)
    shared = sf.fold(sf.mappers.residual, sf.repeat(F[0], "n"), X)
    assert [node.op.name for node in shared.at(n=depth).params] == ["W1", "b1"]
    values = values_of(shared.at(n=depth))
    loss = lambda net: sf.grad(sf.Net.of((net**2).sum()))  # noqa: E731
    found = loss(shared).at(n=depth)(values)
    each = loss(apart)({"x": values["x"], **{f"{letter}{k}": values[f"{letter}1"] for letter in "Wb" for k in range(1, depth + 1)}})
    for letter in "Wb":
        np.testing.assert_allclose(found[f"{letter}1"], sum(each[f"{letter}{k}"] for k in range(1, depth + 1)), rtol=1e-12)


def test_what_cannot_be_repeated_says_why() -> None:
    calls: list[int] = []
    with pytest.raises(sf.errors.ImpureMapper):
        sf.fold(lambda z, f: (calls.append(1), f(z) * len(calls))[1], sf.repeat(F[0], "n"), X)
    with pytest.raises(sf.errors.InvalidValue, match=r"count=-1 must be a whole number, at least 0, or a symbol such as 'n'"):
        sf.repeat(F[0], -1)
    with pytest.raises(sf.errors.InvalidType, match="a fold over layers needs a start"):
        sf.fold(sf.mappers.residual, sf.repeat(F[0], 3))


@pytest.mark.parametrize(
    "mapper, items",
    [
        (lambda z, g: F[0](g(z)) + z, list(F)),
        (lambda z, g: F[0](g(z)) + z, [F[0]] * 3),
        (lambda z, g: sf.fold(lambda h, k: k(h) + z, [g, F[0]], z), list(F)),
        (lambda z, g: sf.fold(lambda h, k: k(h) + F[0](z), [g, F[0], g], z), list(F)),
        (lambda z, g: sf.fold(lambda h, k: k(h) + g(z), F, z), list(F)),
        (lambda z, p: p[0](p[1](z)), [(F[0], F[0]), (F[1], F[2])]),
        (lambda z, p: p[0](p[1](z)), [(F[1], F[2]), (F[0], F[0])]),
    ],
)
def test_a_layer_may_be_captured_and_an_item_at_once(mapper: Any, items: Any) -> None:
    net = sf.fold(mapper, items, X, check="all")
    values = values_of(net)
    z: Any = X
    for item in items:
        z = mapper(z, item)
    np.testing.assert_allclose(net(values), sf.Net.of(z)(values), rtol=1e-13)


def test_impure_mappers_are_caught() -> None:
    count = [0]

    def counting(z: Any, f: Any) -> Any:
        count[0] += 1
        return f(z) * count[0]

    with pytest.raises(sf.errors.ImpureMapper, match="not a pure function of"):
        sf.fold(counting, F, X)


U, V, R = (sf.tensor(name, (3,)) for name in "uvr")
PURE: dict[str, tuple[Callable[[Any, Any], Any], list[Any]]] = {
    "a number twice in every item": (lambda z, p: p[0] * z + p[1] ** p[0], [(2, 2), (3, 3)]),
    "a value twice in every item": (lambda z, p: sp.exp(p[0]) + sp.exp(p[1]) + sp.tanh(z), [(U, U), (V, V)]),
    "a layer twice in every item": (lambda z, p: p[0](z) * p[1](z), [(f, f) for f in F]),
    "a stack of an item and a captured value": (lambda z, p: z + np.stack([p, R]).sum(axis=0), [U, V]),
    "a stack of an item that is captured": (lambda z, p: z + np.stack([U, p])[1] + np.stack([p, U])[::-1][0], [U, V]),
    "a stack of stacks": (lambda z, p: z + np.stack([np.stack([p, R]), np.stack([U, p])]).sum(axis=0)[0], [U, V]),
    "an entry of an item": (lambda z, p: z + p[0] * p.sum(axis=0), [np.stack([U, V]), np.stack([V, R])]),
    "SymPy collects equal terms": (lambda z, p: sp.exp(p) + sp.exp(U) + sp.tanh(z), [U, V]),
    "SymPy cancels": (lambda z, p: sp.log(p) - sp.log(U) + sp.tanh(z), [U, V]),
    "SymPy collects powers": (lambda z, p: sp.tanh(p) * sp.tanh(U) * sp.tanh(z), [U, V]),
    "SymPy decides": (lambda z, p: sp.Max(p, U) + sp.tanh(z), [U, V]),
}


@pytest.mark.parametrize("name", PURE)
def test_a_pure_mapper_is_never_refused(name: str) -> None:
    mapper, items = PURE[name]
    state = sf.tensor("z", (3,))
    for count in range(1, len(items) + 1):
        folded, written = sf.fold(mapper, items[:count], state, check="all"), state
        for item in items[:count]:
            written = mapper(written, item)
        assert sf.roll(sf.unroll(folded)) == sf.roll(folded) == sf.roll(sf.roll(folded))
        if "layer" not in name:
            values = {node.op.name: np.linspace(0.5, 1, 3) for node in (U, V, R, state)}
            read = {node.op.name for node in folded.inputs}
            np.testing.assert_allclose(
                folded({name: values[name] for name in read}),
                sf.Net.of(written)({name: values[name] for name in {n.op.name for n in sf.Net.of(written).inputs}}),
            )


def test_a_mapper_that_looks_outside_at_a_step_in_the_middle_is_caught_when_all_are_traced() -> None:
    listed = list(F)

    def odd(z: Any, f: Any) -> Any:
        return z if f is listed[1] else f(z)

    assert sf.fold(odd, listed, X) is not None
    with pytest.raises(sf.errors.ImpureMapper, match="step 2"):
        sf.fold(odd, listed, X, check="all")


NUMBER_QUESTIONS = {
    "==": lambda k: k == 4,
    "!=": lambda k: k != 2,
    "in a tuple": lambda k: k in (2, 3),
    "in a set": lambda k: k in {2, 3},
    "in a dict": lambda k: {0: 1}.get(k),
    "of a sum": lambda k: k + 1 == 3,
    "a tensor": lambda k: k == sf.tensor("b", ()),
}
LAYER_QUESTIONS = {
    "==": lambda g: g == F[2],
    "mirrored": lambda g: F[2] == g,
    "in a tuple": lambda g: g in (F[1], F[2]),
    "in the layers": lambda g: g in F,
    "name": lambda g: g.name == "f3",
    "in a dict": lambda g: {F[2]: 1}.get(g),
}


@pytest.mark.parametrize("question", NUMBER_QUESTIONS.values(), ids=list(NUMBER_QUESTIONS))
@pytest.mark.parametrize("items", [range(5), [(k, "tagged") for k in range(5)]], ids=["numbers", "pairs"])
def test_a_mapper_may_not_ask_which_number_it_was_given(question: Any, items: Any) -> None:
    def mapper(z: Any, k: Any) -> Any:
        return z * 2 if question(k[0] if isinstance(k, tuple) else k) else z + 1

    with pytest.raises(sf.errors.InvalidType, match="traced value"):
        sf.fold(mapper, items, X)


@pytest.mark.parametrize("question", LAYER_QUESTIONS.values(), ids=list(LAYER_QUESTIONS))
def test_a_mapper_may_not_ask_which_layer_it_was_given(question: Any) -> None:
    with pytest.raises(sf.errors.InvalidType, match="traced value"):
        sf.fold(lambda z, g: z if question(g) else g(z), F, X)


def test_a_mapper_may_ask_what_a_stand_in_never_is() -> None:
    net = sf.fold(lambda z, k: z if k == "skip" or k is None else z + k, [1, "skip", 2, None], sf.tensor("s", ()))
    assert net(1.0) == 4.0


def test_a_value_of_a_step_does_not_leave_its_mapper() -> None:
    kept: list[Any] = []
    sf.fold(lambda z, f: (kept.append(z), f(z))[1], F, X)
    with pytest.raises(ValueError, match="outside its mapper"):
        _ = sf.Net.of(kept[0] + 1).inputs


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda: sf.fold(3, F, X), TypeError, "a mapper must be a function"),
        (lambda: sf.fold(sf.mappers.residual, F), TypeError, r"a fold over layers needs a start: sf.fold\(mapper, layers, x\)"),
        (lambda: sf.scan(sf.mappers.residual, list(F)), TypeError, r"a scan over layers needs a start: sf.scan\(mapper, layers, x\)"),
        (lambda: sf.fold(F, sf.mappers.residual, X), TypeError, r"the mapper comes first.*got \[f1, f2, f3, f4\] as the mapper"),
        (lambda: sf.fold(sf.mappers.residual, X, F), TypeError, r"the start comes last.*got \[f1, f2, f3, f4\] as the start"),
        (lambda: sf.fold(sf.mappers.residual, F, F, X), TypeError, "fold takes 3 arguments by position, got 4"),
        (lambda: sf.fold(sf.mappers.residual), TypeError, "fold needs 'items'"),
        (lambda: sf.fold("f(z) + z", F, X), TypeError, r"typed as text: sf.mapper\('f\(z\) \+ z'\)"),
        (lambda: sf.fold(sf.mappers.lstm, F, X), TypeError, r"makes a mapper.*lstm\(\*sf.layers\('take forget show new'\)\), inputs, start"),
        (lambda: sf.fold(sf.mappers.gradient_boosting, F, X), TypeError, r"makes a mapper.*sf.mappers.gradient_boosting\(x\), layers, x"),
        (lambda: sf.fold(lambda z, f: f + z, F, sf.tensor("x")), TypeError, r"^step 1 \(f1\): a layer of the fold is a function, not a value \(call it"),
        (lambda: sf.fold(lambda z, f: f(z), (F, F), X), TypeError, r"side by side as sf.zipped\(f, g\)"),
        (lambda: list(zip(sf.layers("f", count="n"), F, strict=False)), TypeError, r"side by side as sf.zipped\(f, g\)"),
        (lambda: sf.layers("f", count="t"), ValueError, "the variable of path polynomials"),
        (lambda: sf.layers("f", count="f"), ValueError, "the name of the layers, too"),
        (lambda: sf.layers("f", count="5"), TypeError, "a number has no quotes: count=5"),
        (lambda: sf.fold(sf.mappers.residual, sf.layers("f", count="n"), X).at(3), TypeError, r"by name: net.at\(n=3\)"),
        (lambda: sf.fold(sf.mappers.residual, F, X)(np.ones((2, 3))), ValueError, r"no value for parameter 'W1'.*net\(params, x\)"),
        (lambda: sf.dropout(0.5), TypeError, r"a value of a net, then the rate, got the number 0.5"),
        (lambda: sf.paths(3), TypeError, "counts the paths of a net, got 3"),
        (lambda: sf.fold(sf.mappers.residual, F, X).formula("latex"), ValueError, r"is a style, not a form \(write style='latex'\)"),
        (lambda: sf.lesion(sf.Net.of(sf.layer("out")(sf.fold(sf.mappers.residual, F, sf.layer("into")(X)))), ["q"]), ValueError, "its layers: into, f1, f2, f3, f4, out"),
        (lambda: sf.dense(3, 3, bias=False), TypeError, "dense has no argument 'bias'"),
        (lambda: sf.fold(sf.mappers.residual, 3, X), TypeError, "a list of items, layers, a tensor or a scan, got 3 of type int"),
        (lambda: sf.fold(sf.mappers.residual, "f1", X), TypeError, "got 'f1' of type str"),
        (lambda: sf.fold(sf.mappers.residual, [], None), TypeError, "no items with no initial state"),
        (lambda: sf.fold(sf.mappers.residual, F, X, check="some"), ValueError, "must be one of 'all', 'ends'"),
        (lambda: sf.fold(lambda z, f: (z, z), F, X), TypeError, r"step 1 \(f1\), state of shape \(None, 3\): .*tuple of 2 after one value"),
        (lambda: sf.fold(lambda z, f: None, F, X), TypeError, "step 1 .*the mapper gave None"),
        (lambda: sf.fold(lambda z, f: z if z > 0 else f(z), F, X), TypeError, "neither true nor false"),
        (lambda: sf.fold(lambda z, f: z if z else f(z), F, X), TypeError, "neither true nor false"),
        (lambda: sf.scan(sf.mappers.residual, [], X), ValueError, "no items has no states"),
        (lambda: np.ones((3, 3)).dot(X), TypeError, "not an array yet"),
        (lambda: X + 1j, TypeError, "cannot make 1j"),
    ],
)
def test_what_cannot_be_folded_says_why(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as error:
        call()
    assert isinstance(error.value, sf.SymfoldError)


def test_the_notebooks_own_class_traces() -> None:
    class Layer:
        def __init__(self, seed: int):
            random = np.random.default_rng(seed)
            self.W, self.b = random.normal(size=(3, 3)), random.normal(size=(1, 3))

        def __call__(self, v: Any) -> Any:
            return 1 / (1 + np.exp(-(np.dot(v, self.W) + self.b)))

    layers = [Layer(k) for k in range(3)]
    net = sf.fold(lambda z, f: f(z) + z, layers, X)
    x = np.random.default_rng(9).normal(size=(2, 3))
    z = x
    for layer in layers:
        z = layer(z) + z
    np.testing.assert_allclose(net(x), z, rtol=1e-14)


def test_sympy_and_numpy_functions_trace_alike() -> None:
    x = sf.tensor("x")
    for theirs, numpys in ((sp.tanh, np.tanh), (sp.exp, np.exp), (sp.sin, np.sin), (sp.Abs, np.abs)):
        assert sf.Net.of(numpys(x))(0.3) == pytest.approx(float(theirs(0.3)))
        assert sf.fold(lambda z, f: f(z), [theirs], x)(0.3) == pytest.approx(float(theirs(0.3)))
    order = [node.op.value for node in walk(sf.Net.of(3 * x + 2).outputs) if isinstance(node.op, Constant)]
    assert order == [3, 2]


def test_sympy_functions_of_a_tensor_are_reduced_as_arrays_are() -> None:
    x, at = sf.tensor("x", (3,)), np.array([-1.0, 0.5, 2.0])
    assert sf.Net.of(np.sum(sp.tanh(x)))(at) == pytest.approx(np.tanh(at).sum())
    assert sf.Net.of(np.dot(sp.tanh(x), sp.exp(x)))(at) == pytest.approx(np.dot(np.tanh(at), np.exp(at)))
    np.testing.assert_allclose(sf.Net.of(np.concatenate([sp.tanh(x), sp.exp(x)]))(at), np.concatenate([np.tanh(at), np.exp(at)]))
    layer = sf.layer("f", lambda z, w: z * np.mean(sp.tanh(w)), w=(3,))
    net = sf.fold(lambda z, f: f(z), [layer], x)
    assert [leaf.op.name for leaf in (*net.inputs, *net.params)] == ["x", "w_f"]
    np.testing.assert_allclose(net({"w_f": at}, x=at), at * np.tanh(at).mean())
    q = sp.Symbol("q")  # of no tensor: NumPy does what it always does
    assert np.sum(sp.tanh(q)) == sp.tanh(q) and np.dot(np.array([q, 1]), q).tolist() == [q**2, q]


def test_layers_add_and_repeat_as_lists_do() -> None:
    f, g, x = sf.layers("f1:4"), sf.layers("g1:3"), sf.tensor("x")
    assert [x] + f == [x, *f] and f + [x] == [*f, x] and f + g == [*f, *g] and (x,) + f == [x, *f]
    assert f * 2 == [*f, *f] == 2 * f
    assert f == list(f) and list(f) == f and f != list(g) and f != g and f == sf.layers("f1:4") and len({f, sf.layers("f1:4")}) == 1
    assert sf.fold(sf.mappers.residual, [x] + f) == sf.fold(sf.mappers.residual, f, x)
    for wrong in (lambda: f + 1, lambda: f * "2", lambda: "a" + f):
        with pytest.raises(TypeError):
            wrong()
    for index in ("f1", 1.0):
        with pytest.raises(sf.errors.InvalidType, match="whole number"):
            f[index]  # type: ignore[call-overload]


def test_a_shape_error_names_the_layer_of_any_step() -> None:
    wide, x = sf.layers("f1:6", sf.dense(2, 3)), sf.tensor("x", (1, 2))
    mixed = [sf.layer("a", sf.dense(2, 2)), *sf.layers("b1:3", sf.dense(2, 3))]
    with pytest.raises(sf.errors.ShapeError, match=r"step 2 \(f2\), state of shape .*: cannot"):
        sf.fold(lambda z, f: f(z), wide, x)
    with pytest.raises(sf.errors.ShapeError, match=r"step 3 \(b2\), state of shape .*: cannot"):
        sf.fold(lambda z, f: f(z), mixed, x)


def test_a_mapper_of_other_arguments_and_a_state_of_another_form_are_said_in_words() -> None:
    def wrong_inside(z: Any, f: Any) -> Any:
        return len(3) + z  # type: ignore[arg-type]

    for mapper in (lambda z: z, lambda z, f, g: z):
        with pytest.raises(sf.errors.InvalidType, match=r"a mapper takes \(state, item\)"):
            sf.fold(mapper, F, X)
    with pytest.raises(TypeError, match="has no len"):
        sf.fold(wrong_inside, F, X)
    with pytest.raises(sf.errors.InvalidType, match=r"keys \['a', 'c'\]"):
        sf.fold(lambda s, f: {"a": s["a"], "c": s["b"]}, F, {"a": X, "b": X})


def test_a_dict_is_a_state_in_any_order_of_its_keys() -> None:
    def swapped(s: Any, f: Any) -> Any:
        return {"b": s["b"] + 1, "a": f(s["a"])}

    def kept(s: Any, f: Any) -> Any:
        return {"a": f(s["a"]), "b": s["b"] + 1}

    init = {"a": X, "b": X}
    assert sf.fold(swapped, F, init) == sf.fold(kept, F, init)
    assert sf.fold(lambda s, f: (s[0], swapped(s[1], f)), F, (X, init)) == sf.fold(lambda s, f: (s[0], kept(s[1], f)), F, (X, init))


FROM_A_NUMBER = [("f(x) + z", 0), ("f(x) * z", 1.5), ("f(x + z) + z", 0), ("f(x)", 0), ("x", 0)]


@pytest.mark.parametrize(("text", "init"), FROM_A_NUMBER)
@pytest.mark.parametrize("shape", [None, (None, 3), (4, 3)])
@pytest.mark.parametrize("kind", [None, sf.dense(3, 3, sf.sigmoid)])
def test_a_fold_from_a_number_settles_at_a_symbolic_depth(text, init, shape, kind):
    """The first step stands apart, as at any depth that is a number; the rest is a fold of n - 1 steps."""
    from symfold.mappers.expressions import parse_mapper

    x = sf.tensor("x", shape) if shape else sf.tensor("x")

    def net(count):
        return sf.fold(parse_mapper(text).make(x), sf.layers("f", kind, count=count), init)

    for depth in (1, 2, 5):
        assert net("n").at(n=depth) == net(depth)
    assert f"k = 1..n, z_0 = {init}" in sf.formula(net("n"))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_its_gradient_and_its_states_are_those_at_that_depth(depth):
    x, dense = sf.tensor("x", (4, 3)), sf.dense(3, 3, sf.sigmoid)
    values = {"x": np.arange(12.0).reshape(4, 3) / 12, "target": np.ones((4, 3))}

    def over(count, run):
        return run(sf.mappers.boosting(x), sf.layers("f", dense, count=count), 0)

    params = over(depth, sf.fold).init(seed=1)
    gradients = [
        sf.grad(sf.squared_error(over("n", sf.fold), sf.tensor("target", (4, 3)))).at(n=depth).compile()(params, **values),
        sf.grad(sf.squared_error(over(depth, sf.fold), sf.tensor("target", (4, 3)))).compile()(params, **values),
    ]
    assert sorted(gradients[0]) == sorted(gradients[1]) == sorted(params)
    assert all(np.array_equal(gradients[0][name], gradients[1][name]) for name in params)
    states = [net.compile()(params, x=values["x"]) for net in (over("n", sf.scan).at(n=depth), over(depth, sf.scan))]
    assert np.array_equal(*states) and states[0].shape == (depth, 4, 3)


def test_what_cannot_settle_says_what_to_do():
    u = sf.tensor("u", (None, 3))
    with pytest.raises(sf.errors.ShapeError, match=r"from \(\) to \(3,\) in a fold of unknown depth \(give the depth a number or give an initial state"):
        sf.fold(lambda z, item: z + item, u, 0)


def test_a_fold_that_captures_the_last_state_of_the_fold_it_goes_on_from_stays_apart() -> None:
    """Its steps read that state beside their own, so the two are no single fold, equal blocks or not."""
    x, y = sf.tensor("x", (2,)), sf.tensor("y", (2,))
    first = sf.fold(lambda z, f: f(z) + y * z, sf.layers("f1:3"), x)
    second = sf.fold(lambda z, f: f(z) + first * z, sf.layers("f3:5"), first)
    rolled = sf.roll(second)
    assert len(rolled.bindings) == 2 and rolled == sf.roll(sf.unroll(second)) == sf.roll(rolled)
    assert sf.formula(rolled, form="steps") == sf.formula(second, form="steps")


def test_an_error_says_the_step_and_the_shapes_around_it() -> None:
    x, wide = sf.tensor("x", (4, 3)), sf.layer("g", lambda z, W: np.dot(z, W), W=(4, 4))
    with pytest.raises(sf.errors.ShapeError, match=r"^step 2 \(f2\), state of shapes \(4, 3\), \(3,\): cannot add \(4, 3\) to \(5,\)"):
        sf.fold(lambda s, p: (p[0](s[0]) + p[1], s[1]), [(F[0], np.ones(3)), (F[1], np.ones(5))], (x, np.ones(3)))
    with pytest.raises(sf.errors.ShapeError, match=r"^layer g, called on shape \(4, 3\): cannot take the dot product"):
        wide(x)
    with pytest.raises(sf.errors.ShapeError, match=r"^step 1 \(f1\), state of shape \(4, 3\): layer g, called on shape \(4, 3\): cannot"):
        sf.fold(lambda z, f: wide(z) + z, F, x)
    net = sf.fold(sf.mappers.residual, F, sf.tensor("x", (None, None)))
    with pytest.raises(sf.errors.ShapeError, match=r"^a step of a fold, state of shape \(4, 5\): cannot take the dot product"):
        net(net.init(seed=0), x=np.ones((4, 5)))
    with pytest.raises(ZeroDivisionError) as caught:
        sf.fold(lambda z, f: f(z) * (1 / 0), F, x)
    assert caught.value.__notes__ == ["in step 1 (f1), state of shape (4, 3)"]


def test_a_net_with_its_parameters_is_the_net():
    """As `sf.from_torch` returns them: `sf.roll(sf.from_torch(module, example))` is a net."""
    net = sf.fold(sf.mappers.residual, sf.layers("f1:4", sf.dense(3, 3)), sf.tensor("x", (None, 3)))
    pair = (net, net.init(seed=0))
    assert sf.Net.of(pair) == net and sf.paths(pair).count == 8 and not sf.difference(pair, net)
