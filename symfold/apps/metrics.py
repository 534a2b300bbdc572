"""Metrics of predictions: a few definitions in NumPy, equal to scikit-learn's, so that the command needs no extra.

In: what was predicted and what is true. Out: numbers by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symfold.apps.data import Array


def regression_metrics(predicted: Array, actual: Array) -> dict[str, float]:
    """R2, mean absolute error and root mean squared error; R2 of a constant target is 1 if it is met, else 0.

    >>> regression_metrics(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    {'r2': 0.5, 'mae': 0.5, 'rmse': 0.7071067811865476}
    """
    residual, total = float(np.sum((predicted - actual) ** 2)), float(np.sum((actual - actual.mean()) ** 2))
    return {
        "r2": 1 - residual / total if total else float(residual == 0),
        "mae": float(np.mean(np.abs(predicted - actual))),
        "rmse": float(np.sqrt(np.mean((predicted - actual) ** 2))),
    }


def classification_metrics(probabilities: Array, actual: Any) -> dict[str, Any]:
    """Accuracy, log loss, macro F1 and the confusion matrix, from probabilities and class numbers.

    The matrix has a row per true class. Ties go to the first class. F1 is the mean over the classes that occur, as
    truth or prediction. Probabilities below the smallest step of floating point count as that step.

    >>> classification_metrics(np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([0, 1]))["confusion"]
    [[1, 0], [1, 0]]
    """
    count = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((count, count), dtype=int)
    np.add.at(confusion, (actual, predicted), 1)
    hits, true, guessed = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    present = true + guessed > 0
    tiny = np.finfo(float).eps
    likelihood = np.clip(probabilities[np.arange(len(actual)), actual], tiny, 1 - tiny)
    return {
        "accuracy": float(np.mean(predicted == actual)),
        "log_loss": float(-np.mean(np.log(likelihood))),
        "f1": float(np.mean(2 * hits[present] / (true + guessed)[present])),
        "confusion": confusion.tolist(),
    }
