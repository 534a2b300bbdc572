"""`FoldClassifier`: labels and their probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from symfold.base.arguments import NumpyArray, quoted
from symfold.base.public import public
from symfold.base.trees import Layered
from symfold.core.leaves import tensor
from symfold.errors import InvalidValue
from symfold.frontend.losses import binary_cross_entropy, cross_entropy
from symfold.sklearn.estimator import FoldEstimator, check_step, weighted_rows
from symfold.training.optimizers import Optimizer


class FoldClassifier(ClassifierMixin, FoldEstimator):
    """A classifier whose net is a fold of a mapper over `depth` dense layers of `width` units.

    The net gives a score per class, or one score for two classes; labels may be numbers or text. The loss is the mean
    cross entropy; `class_weight` maps labels to weights, or is "balanced". All other arguments are those of
    `FoldRegressor`; `early_stopping` watches the loss, not the accuracy. After `fit` there is also `classes_`.

    >>> X = np.linspace(-2, 2, 50)[:, None]
    >>> y = np.where(np.abs(X[:, 0]) > 1, "far", "near")
    >>> model = FoldClassifier("f(x) + z", depth=2, width=8, learning_rate_init=0.02, random_state=0).fit(X, y)
    >>> model.predict([[0.0], [1.8]]), model.predict_proba([[0.0]]).shape
    (array(['near', 'far'], dtype='<U4'), (1, 2))
    """

    @public
    def __init__(
        self,
        mapper: str | Layered = "residual",
        *,
        depth: int = 2,
        width: int = 64,
        activation: str | Layered = "relu",
        optimizer: str | Optimizer = "adam",
        learning_rate_init: Any = 0.001,
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float | None = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
        verbose: bool = False,
        backend: str = "auto",
        dtype: str = "float64",
    ):
        super().__init__(
            mapper,
            depth=depth,
            width=width,
            activation=activation,
            optimizer=optimizer,
            learning_rate_init=learning_rate_init,
            alpha=alpha,
            batch_size=batch_size,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            warm_start=warm_start,
            verbose=verbose,
            backend=backend,
            dtype=dtype,
        )
        self.class_weight = class_weight

    def fit(self, X: object, y: object, sample_weight: object = None) -> Self:
        """Train on rows X and their labels y."""
        return self._fit(X, y, sample_weight)

    def partial_fit(self, X: object, y: object, classes: object = None, sample_weight: object = None) -> Self:
        """Train for one more epoch, on rows X and their labels y; the optimizer goes on.

        The first call takes `classes`, all labels that may come.
        """
        check_step(self)
        if _check_partial_fit_first_call(self, classes):
            self.classes_ = np.unique(np.asarray(classes))
        return self._fit(X, y, sample_weight, step=True)

    def _fit(self, X: object, y: object, sample_weight: object, step: bool = False) -> Self:
        reset = not (step and hasattr(self, "params_"))
        rows, labels = validate_data(self, X, y, dtype=np.float64, reset=reset)
        labels = column_or_1d(labels, warn=True)
        check_classification_targets(labels)
        if not step:
            self.classes_ = np.unique(labels)
        elif unknown := sorted(set(np.unique(labels).tolist()) - set(self.classes_.tolist())):
            raise InvalidValue(
                f"the label {quoted(unknown[0])} is none of the classes {quoted(self.classes_.tolist())}"
            )
        numbers = np.searchsorted(self.classes_, labels)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, rows, dtype=np.float64)
        if self.class_weight is not None:
            of_classes = compute_sample_weight(self.class_weight, labels)
            weights = of_classes if weights is None else weights * of_classes
        kept_rows, numbers, weights = weighted_rows(np.asarray(rows), numbers, weights)
        if len(self.classes_ if step else np.unique(numbers)) < 2:
            label = self.classes_[numbers[0]]
            raise InvalidValue(
                f"y has 1 class, {quoted(label.item() if isinstance(label, np.generic) else label)}, among the samples "
                "of positive weight (a classifier needs samples of two classes or more)"
            )
        if len(self.classes_) == 2:
            target, outputs, wanted = numbers[:, None].astype(float), 1, tensor("y", (None, 1))
            self._train(kept_rows, target, outputs, lambda net: binary_cross_entropy(net, wanted), weights, step)
        else:
            outputs, wanted = len(self.classes_), tensor("y", (None,))
            self._train(kept_rows, numbers, outputs, lambda net: cross_entropy(net, wanted), weights, step)
        return self

    def decision_function(self, X: object) -> NumpyArray:
        """The scores of rows: one per class, or for two classes that of the second one."""
        scores = self._results(X)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_log_proba(self, X: object) -> NumpyArray:
        """The logarithm of the probability of each class, in the order of `classes_`."""
        scores = self._results(X)
        if len(self.classes_) == 2:
            scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
        scores = scores - scores.max(axis=1, keepdims=True)
        result: NumpyArray = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return result

    def predict_proba(self, X: object) -> NumpyArray:
        """The probability of each class, in the order of `classes_`."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: object) -> NumpyArray:
        """The likeliest label for each row."""
        scores = self.decision_function(X)
        places = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        labels: NumpyArray = self.classes_[places]
        return labels
