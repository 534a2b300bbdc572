"""Boosting with real learners: against plain loops, kinks listed one by one, and scikit-learn."""

import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import symfold as sf
from symfold.errors import Diverged, InvalidType, InvalidValue, NoRule, ShapeError, UnknownName
from symfold.training.boosting.steps import zero_of

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((60, 3))
Y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * RANDOM.standard_normal(60)


class Stump:
    """One split, found by trying all of them; and a record of what it was fitted to."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.seen = x.copy(), y.copy()
        best = np.inf
        for column in range(x.shape[1]):
            for value in np.unique(x[:, column])[:-1]:
                left = x[:, column] <= value
                means = y[left].mean(axis=0), y[~left].mean(axis=0)
                cost = ((y[left] - means[0]) ** 2).sum() + ((y[~left] - means[1]) ** 2).sum()
                if cost < best - 1e-9:
                    best, self.split = cost, (column, value, *means)

    def predict(self, x: np.ndarray) -> np.ndarray:
        column, value, low, high = self.split
        return np.stack([low if row[column] <= value else high for row in x])


class Line:
    """Least squares without a constant: cheap, and smooth in what it reads."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.seen = x.copy(), y.copy()
        self.weights = np.linalg.lstsq(x, y, rcond=None)[0]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return x @ self.weights


# ------------------------------ functions for opaque layers


@pytest.mark.parametrize("where", ["residual", "boosting"])
def test_functions_are_the_numbers_of_opaque_layers(where: str) -> None:
    functions = {"f1": np.sin, "f2": lambda z: z @ np.diag([1.0, 2.0, 3.0]), "f3": np.square, "of another net": np.cos}
    x = sf.tensor("x")
    step = sf.mappers.mapper(where, x)
    state, states = X, []
    for name in ("f1", "f2", "f3"):
        state = functions[name](X if where == "boosting" else state) + state
        states.append(state)
    net = sf.fold(step, sf.layers("f1:4"), x)
    np.testing.assert_allclose(net(functions, X), state, rtol=1e-14)
    np.testing.assert_allclose(net(X, f1=functions["f1"], f2=functions["f2"], f3=functions["f3"]), state, rtol=1e-14)
    np.testing.assert_allclose(sf.scan(step, sf.layers("f1:4"), x)(functions, X), states, rtol=1e-14)
    body = sf.layer("g", lambda z: 2 * sf.layer("f1")(z))
    np.testing.assert_allclose(sf.Net.of(body(sf.tensor("x")))(functions, X), 2 * np.sin(X), rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda net: net({"f1": np.sin}, X), NoRule, "layer f2 is opaque and has no numbers"),
        (lambda net: net(X, f1=np.sin, f3=np.cos), InvalidType, "no input or parameter 'f3'"),
        (lambda net: net(X, f1=np.sin, f2=lambda z: z[:, 0]), ShapeError, r"layer f2 gave shape \(60,\) for an argument of shape \(60, 3\)"),
        (lambda net: net(sf.tensor("y"), f1=np.sin), InvalidType, "for layer 'f1' applies to numbers only"),
        (lambda net: net(X, f1=np.sin, f2=lambda z: "text"), InvalidType, "f2"),
    ],
)
def test_what_functions_of_layers_may_not_be(call: Callable[[sf.Net], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call(sf.fold(sf.mappers.residual, sf.layers("f1:3"), sf.tensor("x")))


# ------------------------------ stages, against a loop


@pytest.mark.parametrize("where", ["boosting", "residual"])
def test_stages_are_those_of_a_loop(where: str) -> None:
    """The residual is fitted; boosting reads x, a residual net x and the prediction, which is constant at first."""
    result = sf.boost(where, Stump(), X, Y, stages=6, shrinkage=0.3)
    prediction = np.full(60, Y.mean())
    for k, staged in enumerate(result.staged_predict(X)):
        read = np.column_stack([X, prediction]) if where == "residual" and k else X
        stump = Stump()
        stump.fit(read, Y - prediction)
        prediction = prediction + 0.3 * stump.predict(read)
        np.testing.assert_allclose(staged, prediction, rtol=1e-10)
        np.testing.assert_allclose(result.learners[k].seen[0], read, rtol=1e-10)
        np.testing.assert_allclose(result.losses[k + 1], ((Y - prediction) ** 2).sum(), rtol=1e-10)
    np.testing.assert_allclose(result.predict(X), prediction, rtol=1e-10)
    assert len(result.learners) == len(result.steps) == 6 and result.losses[0] == pytest.approx(((Y - Y.mean()) ** 2).sum())


def test_the_net_is_the_one_that_the_mapper_folds() -> None:
    x = sf.tensor("x", (None, 4))
    boosted, residual = (sf.boost(where, Line(), X, Y, stages=3) for where in ("boosting", sf.mappers.residual))
    assert boosted.net == sf.fold(sf.mappers.boosting(x), sf.layers("f1:4"), x)
    assert residual.net == sf.fold(sf.mappers.residual, sf.layers("f1:4"), x)
    assert sf.formula(boosted.net, form="expanded") == "f3(x) + f2(x) + f1(x) + x"
    assert str(sf.paths(residual.net).polynomial) == "t**3 + 3*t**2 + 3*t + 1"
    assert residual.net.graph(level="layer").number_of_nodes() > 3
    np.testing.assert_array_equal(boosted.net(boosted.layers, boosted.rows(X))[:, -1], boosted.predict(X))


@pytest.mark.parametrize(
    "mapper",
    ["f(z) + z", sf.mappers.residual, lambda z, f: z + f(z), lambda x: lambda z, f: f(z) + z, lambda z, f: z + 2 * f(z) / 2],
)
def test_a_mapper_may_be_given_in_every_way(mapper: Any) -> None:
    expected = sf.boost("residual", Line(), X, Y, stages=4).predict(X)
    np.testing.assert_allclose(sf.boost(mapper, Line(), X, Y, stages=4).predict(X), expected, rtol=1e-9)


def test_a_line_search_makes_up_for_a_factor_of_the_mapper() -> None:
    half = sf.boost(lambda x: lambda z, f: f(x) / 4 + z, Line(), X, Y, stages=4)
    np.testing.assert_allclose(half.predict(X), sf.boost("boosting", Line(), X, Y, stages=4).predict(X), rtol=1e-9)
    steps = np.array(sf.boost("boosting", Line(), X, Y, stages=4).steps)
    assert half.steps[0] == pytest.approx(16 * steps[0])  # the gradient is a quarter, and so is what is written


# ------------------------------ losses: gradients, steps and starts known in closed form


def mean_of_squares(prediction: Any, target: Any) -> Any:
    return np.mean((prediction - target) ** 2)


def absolute(prediction: Any, target: Any) -> Any:
    return np.sum(np.abs(target - prediction))


def logistic(prediction: Any, target: Any) -> Any:
    return np.sum(sf.softplus(prediction) - target * prediction)


LABELS = (Y > 0.3).astype(float)
CLASSES = np.eye(3)[(Y > 0).astype(int) + (Y > 0.7)]


def softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("loss", "target", "start", "gradient"),
    [
        ("squared_error", Y, Y.mean(), lambda F: 2 * (Y - F)),
        (mean_of_squares, Y, Y.mean(), lambda F: 2 * (Y - F)),
        (absolute, Y[:59], np.median(Y[:59]), lambda F: np.sign(Y[:59] - F)),
        (logistic, LABELS, np.log(LABELS.mean() / (1 - LABELS.mean())), lambda F: LABELS - 1 / (1 + np.exp(-F))),
        ("squared_error", np.column_stack([Y, Y**2]), [Y.mean(), (Y**2).mean()], lambda F: 2 * (np.column_stack([Y, Y**2]) - F)),
        ("cross_entropy", CLASSES, np.log(CLASSES.mean(axis=0)), lambda F: CLASSES - softmax(F)),
    ],
    ids=["squares", "mean of squares", "absolute", "logistic", "two outputs", "cross-entropy"],
)
def test_learners_are_fitted_to_the_negative_gradient(loss: Any, target: np.ndarray, start: Any, gradient: Any) -> None:
    x = X[: len(target)]
    result = sf.boost("boosting", Line(), x, target, stages=3, loss=loss)
    expected = np.atleast_1d(start)
    free = result.start.mean() - expected.mean() if loss == "cross_entropy" else 0.0  # logits are free up to a constant
    np.testing.assert_allclose(result.start, expected + free, rtol=1e-6, atol=1e-9)
    prediction = np.full(target.shape, result.start if target.ndim == 2 else result.start[0])
    for learner, after in zip(result.learners, result.staged_predict(x), strict=True):
        np.testing.assert_allclose(learner.seen[1], gradient(prediction), rtol=1e-8, atol=1e-12)
        prediction = after


@pytest.mark.parametrize("name", [each for each in ("absolute_error", "binary_cross_entropy", "huber", "mean_squared_error", "poisson") if each in dir(sf.losses)])
def test_losses_by_name_fall(name: str) -> None:
    target = LABELS if name in ("binary_cross_entropy", "poisson") else Y
    losses = sf.boost("boosting", Stump(), X, target, stages=5, loss=name, shrinkage=1.0).losses
    assert all(after < before for before, after in pairwise(losses))


def test_the_step_for_absolute_errors_is_the_best_kink() -> None:
    result = sf.boost("boosting", Line(), X, Y, stages=1, loss=absolute, shrinkage=1.0)
    residual, direction = Y - result.start[0], result.learners[0].predict(X)
    kinks = residual / direction
    best = kinks[np.argmin([np.abs(residual - kink * direction).sum() for kink in kinks])]
    assert result.steps[0] == pytest.approx(best, rel=1e-9)


def test_the_step_for_a_smooth_loss_has_no_slope() -> None:
    result = sf.boost("boosting", Line(), X, LABELS, stages=1, loss=logistic, shrinkage=1.0)
    direction = result.learners[0].predict(X)
    prediction = result.predict(X)
    assert abs(np.sum((LABELS - 1 / (1 + np.exp(-prediction))) * direction)) < 1e-9


def test_zeros_are_found_on_both_sides_and_none_is_a_long_step() -> None:
    assert zero_of(lambda size: size + 7) == -7 and zero_of(lambda size: size) == 0
    assert zero_of(lambda size: np.tanh(size - 30)) == pytest.approx(30)
    assert zero_of(lambda size: -np.exp(-size)) == 8  # no minimum: the first power of two with a thousandth of the slope
    assert zero_of(lambda size: -1.0) == 2**20
    assert 2 <= zero_of(lambda size: float(np.sign(max(size - 3, 0)) + min(size - 2, 0))) <= 3  # a flat minimum


def test_separated_labels_do_not_make_steps_endless() -> None:
    x = np.linspace(-1, 1, 20)[:, None]
    result = sf.boost("boosting", Stump(), x, (x[:, 0] > 0).astype(float), stages=3, loss=logistic, shrinkage=1.0)
    assert 1 < np.abs(result.staged_predict(x)[0]).max() < 20


def test_without_line_search_the_step_is_one() -> None:
    assert sf.boost("boosting", Line(), X, Y, stages=3, line_search=False, shrinkage=0.25).steps == (0.25,) * 3


# ------------------------------ samples and stopping


def test_each_stage_draws_its_rows_once() -> None:
    result, again, other = (sf.boost("boosting", Line(), X, Y, stages=4, subsample=0.5, seed=seed) for seed in (1, 1, 2))
    rows = [{tuple(row) for row in learner.seen[0]} for learner in result.learners]
    assert [len(part) for part in rows] == [30] * 4 and all(part <= set(map(tuple, X)) for part in rows)
    assert len({frozenset(part) for part in rows}) == 4
    np.testing.assert_array_equal(result.predict(X), again.predict(X))
    assert not np.allclose(result.predict(X), other.predict(X))


@pytest.mark.parametrize("validation", [0.3, (X[40:], Y[40:])])
def test_stopping_keeps_the_stages_up_to_the_best(validation: Any) -> None:
    whole = isinstance(validation, tuple)
    x, y = (X[:40], Y[:40]) if whole else (X, Y)
    result = sf.boost("boosting", Stump(), x, y, stages=60, shrinkage=0.5, validation=validation, early_stopping=3)
    kept = len(result.learners)
    assert 0 < kept < 57 and kept == int(np.argmin(result.validation_losses))
    assert len(result.validation_losses) == len(result.losses) == kept + 1 + 3
    if whole:
        assert result.validation_losses[kept] == pytest.approx(((Y[40:] - result.predict(X[40:])) ** 2).sum())
        assert len(result.learners[0].seen[0]) == 40
    else:
        assert len(result.learners[0].seen[0]) == 42
    assert not sf.boost("boosting", Line(), X, Y, validation=(X, -Y), early_stopping=2).learners  # no stage helps there
    assert sf.boost("boosting", Line(), X, Y, stages=4, validation=0.5).learners[3]  # only measured


def test_a_result_survives_pickling() -> None:
    result = sf.boost("residual", Line(), X, Y, stages=3)
    copy = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(copy.predict(X), result.predict(X))
    assert copy.net == result.net and repr(copy) == repr(result) == "Boosted(3 layers: Line)"


# ------------------------------ scikit-learn


@pytest.mark.parametrize("subsample", [1.0, 0.5])
@pytest.mark.parametrize(("depth", "features"), [(1, None), (1, 2), (3, None), (3, 4)])
def test_trees_agree_with_scikit_learn_stage_by_stage(depth: int, features: int | None, subsample: float) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    tree = pytest.importorskip("sklearn.tree")
    x, y = pytest.importorskip("sklearn.datasets").load_diabetes(return_X_y=True)
    settings = {"max_depth": depth, "max_features": features}
    theirs = ensemble.GradientBoostingRegressor(n_estimators=60, subsample=subsample, random_state=3, **settings).fit(x, y)
    ours = sf.boost("boosting", tree.DecisionTreeRegressor(**settings), x, y, stages=60, subsample=subsample, seed=3)
    assert all(np.abs(a - b).max() < 1e-10 for a, b in zip(ours.staged_predict(x), theirs.staged_predict(x), strict=True))


def models() -> list[Any]:
    linear, networks = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("sklearn.neural_network")
    settings = {"solver": "lbfgs", "max_iter": 30, "tol": 10.0, "alpha": 1e-4}
    return [
        linear.Ridge(),
        linear.LinearRegression(fit_intercept=False),
        *(
            networks.MLPRegressor(hidden_layer_sizes=hidden, activation=name, **settings)
            for hidden, name in (((4,), "tanh"), ((3, 2), "logistic"), ((3, 2, 3), "relu"), ((3,), "identity"))
        ),
    ]


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("where", ["boosting", "residual"])
@pytest.mark.parametrize("target", [Y, np.column_stack([Y, -(Y**2)])], ids=["one output", "two"])
def test_differentiable_learners_can_be_trained_end_to_end(where: str, target: np.ndarray) -> None:
    for model in models():
        result = sf.boost(where, model, X, target, stages=3, shrinkage=0.5)
        net, params = result.trainable()
        assert set(params) == {node.op.name for node in net.params}
        np.testing.assert_allclose(net(params, X), result.predict(X), rtol=1e-9, atol=1e-10)
    loss = sf.squared_error(net, sf.tensor("target", (None, *target.shape[1:])))
    done = sf.fit(loss, params, {"x": X, "target": target}, optimizer=sf.sgd(1e-3), epochs=5)
    assert done.history.loss[-1] < done.history.loss[0] == pytest.approx(result.losses[-1])


def test_other_learners_are_refused_by_name() -> None:
    tree, linear = pytest.importorskip("sklearn.tree"), pytest.importorskip("sklearn.linear_model")
    result = sf.boost("residual", [linear.Ridge(), tree.DecisionTreeRegressor(max_depth=1)], X, Y)
    with pytest.raises(InvalidType, match=r"DecisionTreeRegressor is not differentiable.*Ridge"):
        result.trainable()
    with pytest.raises(InvalidType, match="is a classifier"):
        sf.boost("residual", tree.DecisionTreeClassifier(), X, LABELS)


class Linked(Line):
    """A generalized linear model: it has coefficients, and a link."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        super().fit(x, y)
        self.coef_, self.intercept_ = self.weights, 0.0

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.exp(super().predict(x))


def test_a_link_is_not_overlooked() -> None:
    with pytest.raises(InvalidType, match="Linked is not differentiable, or has no known form"):
        sf.boost("boosting", Linked(), X, Y, stages=1).trainable()


# ------------------------------ bad input


@pytest.mark.parametrize(
    ("arguments", "changes", "error", "text"),
    [
        (("resnet", Line(), X, Y), {}, UnknownName, "unknown mapper: 'resnet'"),
        ((3, Line(), X, Y), {}, InvalidType, "mapper=3 is neither a name"),
        ((lambda z, f: z, Line(), X, Y), {}, InvalidType, "does not depend on the layer"),
        (("feedforward", Line(), X, Y), {}, InvalidType, "changes the state even if its layer is zero"),
        (("z*f(z)", Line(), X, Y), {}, InvalidType, "changes the state even if its layer is zero"),
        ((lambda z, f: (f(z) + z) / 2, Line(), X, Y), {}, InvalidType, "let the mapper add the layer to the state"),
        ((lambda z, f: f(f(z)) + z, Line(), X, Y), {}, InvalidType, "calls its layer 2 times"),
        ((lambda z, f: (f(z) + z)[:, 1:], Line(), X, Y), {}, InvalidType, "one state, of the shape of the rows"),
        (("residual", Line, X, Y), {}, InvalidType, "is no regressor with fit and predict"),
        (("residual", sf.dense(3, 3), X, Y), {}, InvalidType, "is no regressor"),
        (("residual", [], X, Y), {}, InvalidValue, "no learners given"),
        (("residual", [Line()], X, Y), {"stages": 2}, InvalidValue, "stages=2 for a list of 1 learners"),
        (("residual", Line(), X, Y), {"stages": 0}, InvalidValue, "stages"),
        (("residual", Line(), X[:, 0], Y), {}, InvalidValue, r"x has shape \(60,\)"),
        (("residual", Line(), X[:5], Y), {}, InvalidValue, r"y has shape \(60,\) for 5 rows"),
        (("residual", Line(), np.where(X > 2, np.nan, X), Y), {}, InvalidValue, "x has entries that are not finite"),
        (("residual", Line(), X, np.where(Y > 1, np.inf, Y)), {}, InvalidValue, "y has entries that are not finite"),
        (("residual", Line(), X, Y), {"loss": "hinge"}, UnknownName, "unknown loss: 'hinge'.*'cross_entropy'"),
        (("residual", Line(), X, Y), {"loss": "l1"}, UnknownName, "unknown loss: 'l1' .must be one of (?!.*'l[12]').*'huber'"),
        (("residual", Line(), X, LABELS), {"loss": "cross_entropy"}, InvalidValue, r"a logit per class.*y has shape \(60,\) .*give one-hot rows"),
        (("residual", Line(), X, LABELS[:, None]), {"loss": sf.losses.cross_entropy}, InvalidValue, r"y has shape \(60, 1\)"),
        (("residual", Line(), X, Y), {"loss": lambda F: F}, InvalidType, "does not take a prediction and a target"),
        (("residual", Line(), X, Y), {"loss": lambda F, t: F - t}, InvalidValue, "a loss is a single number"),
        (("residual", Line(), X, Y), {"shrinkage": 0}, InvalidValue, "shrinkage=0"),
        (("residual", Line(), X, Y), {"subsample": 1.5}, InvalidValue, "subsample=1.5 is not a fraction"),
        (("residual", Line(), X, Y), {"early_stopping": 3}, InvalidValue, "early_stopping=3 needs validation data"),
        (("residual", Line(), X, Y), {"validation": 1.0}, InvalidValue, "validation=1.0 is neither data nor a fraction"),
        (("residual", Line(), X, Y), {"validation": 0.001}, InvalidValue, "leaves 0 to validate by"),
        (("residual", Line(), X, Y), {"validation": (X[:, 1:], Y)}, InvalidValue, r"validation x has shape \(60, 2\)"),
        (("residual", Line(), X, Y), {"validation": (X, Y[:3])}, InvalidValue, "validation y has shape"),
        (("boosting", Line(), X, Y), {"shrinkage": 1e200, "loss": lambda F, t: np.sum((F - t) ** 2)}, Diverged, "at stage 1 .try a smaller shrinkage"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error(arguments: Any, changes: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        sf.boost(*arguments, **changes)


def test_the_code_that_an_error_gives_makes_class_numbers_one_hot() -> None:
    y = [5, 2, 2, 7]
    with pytest.raises(InvalidValue) as raised:
        sf.boost("residual", Line(), X[:4], y, loss="cross_entropy")
    code = str(raised.value).split("y = ")[1].removesuffix(")")
    hot = eval(code, {"np": np, "y": y})
    np.testing.assert_array_equal(hot, np.eye(3)[[1, 0, 0, 2]])
    assert sf.boost("residual", Line(), X[:4], hot, loss="cross_entropy", stages=1).predict(X).shape == (60, 3)


def test_rows_of_other_columns_are_refused() -> None:
    with pytest.raises(InvalidValue, match=r"x has shape \(60, 2\) \(must be \(samples, 3\)"):
        sf.boost("boosting", Line(), X, Y, stages=1).predict(X[:, 1:])


def test_a_learner_gives_a_number_per_row() -> None:
    class Short(Line):
        def predict(self, x: np.ndarray) -> np.ndarray:
            return super().predict(x)[1:]

    with pytest.raises(ShapeError, match=r"Short predicts shape \(59,\) for 60 rows \(give a regressor with 1 number per row\)"):
        sf.boost("boosting", Short(), X, Y, stages=1)


def test_what_cannot_be_improved_stays() -> None:
    result = sf.boost("residual", Stump(), X, np.full(60, 7.0), stages=2)
    assert result.steps == (0.0, 0.0) and result.losses == (0.0, 0.0, 0.0)
    np.testing.assert_array_equal(result.predict(X), 7.0)
