"""The adjoint: its numbers against autograd, its blocks counted, its formula against the rule."""

import numpy as np
import pytest
from cases import CASES, Case
from oracles import assert_close, loss_and_gradient, weighted_squares

import symfold as sf
from symfold.core.folds import Fold
from symfold.core.nodes import substitute, walk
from symfold.core.primitives import is_primitive
from symfold.core.sequences import reverse, reverse_row
from symfold.errors import InvalidValue, NoRule
from symfold.frontend.folding import sorted_operands
from symfold.frontend.named_layers import Layer
from symfold.transform.autodiff.derivatives import pullback

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@cases
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_gradient_is_that_of_autograd(case: Case, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = case.values(depth, seed=depth)
    wanted_value, wanted = loss_and_gradient(case, depth, values, monkeypatch)
    value, gradient = sf.value_and_grad(weighted_squares(case.build(depth)), wrt=list(values))(values)
    assert value == pytest.approx(wanted_value, rel=1e-12)
    assert_close(gradient, wanted)


@cases
def test_gradient_is_that_of_finite_differences(case: Case) -> None:
    assert sf.check_grad(weighted_squares(case.build(3))) < 1e-5


@cases
@pytest.mark.parametrize("depth", [3, 10, 60])
def test_the_adjoint_holds_two_blocks_for_each(case: Case, depth: int) -> None:
    """One for the forward step with what it gives out, one for the adjoint step, at every depth."""
    net = case.build(depth)
    both = sf.value_and_grad(weighted_squares(net), wrt=list(case.values(depth)))
    assert len(both.blocks) == 2 * len(net.blocks)
    assert len(both.bindings) == 2 * len(net.bindings)


@cases
def test_gradient_of_the_unrolled_net_is_the_same(case: Case) -> None:
    net, values = case.build(3), case.values(3)
    rolled = sf.grad(weighted_squares(net), wrt=list(values))(values)
    written_out = sf.grad(weighted_squares(sf.unroll(net)), wrt=list(values))(values)
    assert_close(written_out, rolled)


F, X = sf.layers("f1:4"), sf.tensor("x")


def linear(A: np.ndarray) -> object:
    return lambda z: np.dot(z, A)


def opaque(mapper: object) -> sf.Net:
    return sf.fold(mapper, F, X)


def test_the_backward_pass_of_a_fold_is_a_fold_over_the_reversed_list() -> None:
    adjoint = sf.adjoint(opaque(sf.mappers.residual))
    folds = [node for node in walk(adjoint.outputs) if isinstance(node.op, Fold)]
    assert [fold.op.count for fold in folds] == [3, 3]
    assert any(is_primitive(arg, reverse_row) for arg in folds[-1].args)


@pytest.mark.parametrize(
    ("mapper", "wanted"),
    [
        (sf.mappers.feedforward, lambda J, a: J[0].T @ J[1].T @ J[2].T @ a),
        (sf.mappers.residual, lambda J, a: (np.eye(2) + J[0]).T @ (np.eye(2) + J[1]).T @ (np.eye(2) + J[2]).T @ a),
        (sf.mappers.boosting(X), lambda J, a: (np.eye(2) + J[0] + J[1] + J[2]).T @ a),
    ],
)
def test_adjoints_of_linear_layers_are_transposed_products(mapper: object, wanted: object) -> None:
    """Bodies bound first: z -> z A_k, so that the Jacobian in rows is A_k^T."""
    matrices = [np.random.default_rng(k).normal(size=(2, 2)) for k in range(3)]
    net = opaque(mapper).bind({f"f{k + 1}": linear(A) for k, A in enumerate(matrices)})
    cotangent = np.array([0.3, -1.2])
    shaped = net(sf.tensor("x", (2,)))
    given = sf.adjoint(shaped)(a=cotangent)["x"]  # linear: the adjoint does not read x
    np.testing.assert_allclose(given, wanted([A.T for A in matrices], cotangent), rtol=1e-12)  # type: ignore[operator]


def test_an_unused_parameter_has_a_zero_gradient_of_its_shape() -> None:
    unused = sf.layer("f1", lambda z, W, c: np.dot(z, W), W=(3, 3), c=(2, 5))
    loss = sf.Net.of(unused(sf.tensor("x", (4, 3))).sum())
    gradient = sf.grad(loss)({"W1": np.ones((3, 3)), "c1": np.ones((2, 5))}, x=np.ones((4, 3)))
    np.testing.assert_array_equal(gradient["c1"], np.zeros((2, 5)))


def test_a_parameter_used_alone_and_in_a_run_gets_both_cotangents() -> None:
    layers = sf.layers("f1:4", sf.dense(2, 2, np.tanh))
    x = sf.tensor("x", (3, 2))
    loss = sf.Net.of((sf.fold(sf.mappers.residual, layers, x) * layers[1](x)).sum())
    assert set(sf.grad(loss).parts) == {"W1", "W2", "W3", "b1", "b2", "b3"}
    assert sf.check_grad(loss) < 1e-6


def test_second_derivatives_are_derivatives_of_nets() -> None:
    w = sf.parameter("w")
    net = sf.fold(lambda z, k: z * w + k, [1.0, 2.0, 3.0], sf.tensor("x"))
    first = sf.grad(sf.Net.of(net), wrt=["w"])
    second = sf.grad(sf.Net(first.outputs), wrt=["w"])
    x, value = 0.5, 1.7  # z3 = x w^3 + w^2 + 2 w + 3
    assert second(x=x, w=value)["w"] == pytest.approx(6 * x * value + 2)


def test_what_cannot_be_differentiated_says_so() -> None:
    x = sf.tensor("x", (3,))
    with pytest.raises(InvalidValue, match=r"single number, got shape \(3,\)"):
        sf.grad(sf.Net.of(x * sf.parameter("w", (3,))))
    with pytest.raises(InvalidValue, match="no input or parameter 'q'"):
        sf.grad(sf.Net.of((x * x).sum()), wrt=["q"])
    loss = sf.Net.of(sf.fold(sf.mappers.residual, F, sf.tensor("x", ())))
    with pytest.raises(NoRule, match="second derivatives of an opaque layer"):
        sf.grad(sf.Net(sf.grad(loss, wrt=["x"]).outputs), wrt=["x"])


def test_a_gradient_takes_the_inputs_of_its_loss_in_their_order() -> None:
    """Although it may not read them all: of a linear loss it reads none."""
    loss = sf.Net.of((sf.tensor("x", (2,)) * sf.parameter("w", (2,)) + sf.tensor("y", (2,))).sum())
    gradient = sf.grad(loss)
    assert [node.op.name for node in gradient.inputs] == ["x", "y"]
    x, y, w = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])
    for run in (gradient, gradient.compile()):
        np.testing.assert_array_equal(run({"w": w}, x, y)["w"], x)
    assert sf.from_json(gradient.to_json()) == gradient


def test_the_notebooks_backward_pass_is_the_true_one_with_the_layer_in_the_place_of_its_transposed_jacobian() -> None:
    notebooks = sf.fold(sf.mappers.residual, [sf.tensor("a"), *reversed(list(F))])
    derived = sf.adjoint(opaque(sf.mappers.residual))
    backward = derived.bindings[-1].op
    layer, _, cotangent = next(node for node in walk(backward.block.results) if is_primitive(node, pullback)).args
    replaced = {node: Layer("f", None, (layer,))(cotangent) for node in walk(backward.block.results) if is_primitive(node, pullback)}
    step = substitute(backward.block.results, replaced)
    state, name = notebooks.bindings[0].op.block.formals
    literal = substitute(notebooks.bindings[0].op.block.results, {state: cotangent, name: layer})
    assert sorted_operands(literal) == sorted_operands(step)  # f(a) + a and a + f(a)
    assert notebooks.bindings[0].args[1] == reverse(derived.bindings[0].args[1])


def test_a_symbolic_depth_has_an_adjoint_and_a_gradient() -> None:
    kind = sf.dense(3, 3, sf.sigmoid)
    x, target = sf.tensor("x", (None, 3)), sf.tensor("t", (None, 3))
    deep = sf.fold(sf.mappers.residual, sf.layers("f", kind, count="n"), x)
    both = sf.value_and_grad(sf.squared_error(deep, target))
    assert len(both.blocks) == 2 and len(sf.adjoint(deep).blocks) == 2
    plain = sf.value_and_grad(sf.squared_error(deep.at(n=4), target))
    params = deep.at(n=4).init(seed=0)
    given = both.at(n=4)(params, x=np.ones((2, 3)), t=np.zeros((2, 3)))
    wanted = plain(params, x=np.ones((2, 3)), t=np.zeros((2, 3)))
    assert given[0] == wanted[0]


def test_what_to_differentiate_by_may_be_named_or_given() -> None:
    layers = sf.layers("f1:5", sf.dense(2, 2, np.tanh))
    x = sf.tensor("x", (3, 2))
    loss = sf.Net.of(sf.fold(sf.mappers.residual, layers, x).sum())
    assert set(sf.grad(loss, x).parts) == set(sf.grad(loss, "x").parts) == set(sf.grad(loss, ["x"]).parts) == {"x"}
    assert set(sf.grad(loss, ["W2", layers[0].params[1]]).parts) == {"W2", "b1"}
    values = {n.op.name: np.ones(n.shape) for n in (x, *loss.params)}
    np.testing.assert_array_equal(sf.grad(loss, ["W2"])(values)["W2"], sf.grad(loss)(values)["W2"])
    with pytest.raises(InvalidValue, match="no input or parameter 3"):
        sf.grad(loss, 3)


def test_a_loss_of_unknown_shape_must_turn_out_a_single_number() -> None:
    both = sf.value_and_grad(sf.Net.of(sf.tensor("x") ** 2), "x")
    assert both(x=3.0)[1]["x"] == 6.0
    for run in (both, both.compile()):
        with pytest.raises(ValueError, match=r"single number, got shape \(3,\)"):
            run(x=np.ones(3))


def test_a_net_without_parameters_has_no_gradient_by_them() -> None:
    x = sf.tensor("x", (3,))
    assert str(sf.grad(np.sum(x * x))) == "a net without outputs"
    assert sf.grad(np.sum(x * x), wrt="x")(x=np.ones(3))["x"].tolist() == [2, 2, 2]
