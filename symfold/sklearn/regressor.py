"""`FoldRegressor`: numbers, one or several per row."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import _check_sample_weight, validate_data

from symfold.base.arguments import NumpyArray
from symfold.core.leaves import tensor
from symfold.frontend.losses import mean_squared_error
from symfold.sklearn.estimator import FoldEstimator, check_step, weighted_rows


class FoldRegressor(RegressorMixin, FoldEstimator):
    """A regressor whose net is a fold of a mapper over `depth` dense layers of `width` units.

    A linear map takes a row to the width, and another takes the last state to the results, one for each column of y.
    `mapper` is a name ("residual", "boosting"), an expression ("f(z) - z"), a function (z, f), or an architecture that
    reads tables ("lstm"). `activation` is a name or a function. `optimizer` is a name, with the rate
    `learning_rate_init` (a number or a schedule), or an `Optimizer`.

    The loss is half of the mean squared error, plus alpha/2 times the sum of the squares of all weights (no biases) per
    sample of a batch, as in scikit-learn. `max_iter` is the number of epochs. Training ends earlier if the loss fell by
    less than `tol` in more than `n_iter_no_change` epochs; with `early_stopping`, if the loss on a held-out fraction
    fell by less in `n_iter_no_change` epochs, and the parameters of the best epoch are returned. Nothing is scaled: use
    a `StandardScaler` for X and a `TransformedTargetRegressor` for y.

    After `fit` there are `net_` (it prints as its formula), `params_`, `history_`, `loss_` (of the last epoch),
    `n_iter_` (epochs), `n_features_in_` and, for data with names, `feature_names_in_`.

    Unlike `MLPRegressor`, the batches of an epoch are nearly equal, a training that reaches `max_iter` does not warn.
    With `warm_start`, `fit` starts from the parameters of the last one. A sample of weight zero is left out.

    >>> X = np.linspace(-2, 2, 50)[:, None]
    >>> y = np.abs(X[:, 0])
    >>> model = FoldRegressor(depth=1, width=8, learning_rate_init=0.02, random_state=0).fit(X, y)
    >>> print(model.net_)
    z0 = into(x)
    z1 = f1(z0) + z0
    y = out(z1)
    >>> model.score(X, y) > 0.9
    True
    """

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Train on rows X and targets y, of shape (samples,) or (samples, outputs)."""
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Train for one more epoch, on rows X and targets y; the optimizer goes on."""
        check_step(self)
        return self._fit(X, y, sample_weight, step=True)

    def _fit(self, X: object, y: object, sample_weight: object, step: bool = False) -> Self:
        reset = not (step and hasattr(self, "params_"))
        rows, target = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64, reset=reset)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, rows, dtype=np.float64)
        self._flat = np.ndim(target) == 1
        table = np.asarray(target, dtype=np.float64).reshape(len(rows), -1)
        kept_rows, table, weights = weighted_rows(np.asarray(rows), table, weights)
        wanted = tensor("y", (None, table.shape[1]))
        loss = lambda net: 0.5 * mean_squared_error(net, wanted)  # noqa: E731
        self._train(kept_rows, table, table.shape[1], loss, weights, step)
        return self

    def predict(self, X: object) -> NumpyArray:
        """The predictions for rows, in the shape of y."""
        results = self._results(X)
        return results[:, 0] if self._flat else results

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
