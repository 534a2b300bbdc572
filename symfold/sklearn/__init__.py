"""Estimators for scikit-learn (extra `sklearn`): nets over the rows of a table, used as scikit-learn's MLPs are.

In: rows of numbers, and targets or labels. Out: fitted estimators, for pipelines, searches and cross-validation.

    estimator     what both share: arguments, net, training, evaluation
    regressor     numbers, one or several per row
    classifier    labels and their probabilities
"""

from __future__ import annotations

from symfold.errors import MissingPackage

try:
    import sklearn.utils.validation
except ImportError:
    raise MissingPackage(
        "symfold.sklearn needs the package scikit-learn, which is not installed (pip install 'symfold[sklearn]')"
    ) from None
if not hasattr(sklearn.utils.validation, "validate_data"):
    raise MissingPackage(
        f"symfold.sklearn needs scikit-learn 1.6 or later, and {sklearn.__version__} is installed "
        "(pip install -U 'symfold[sklearn]')"
    )

from symfold.sklearn.classifier import FoldClassifier
from symfold.sklearn.regressor import FoldRegressor

__all__ = ["FoldClassifier", "FoldRegressor"]
