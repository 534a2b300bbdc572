"""Experiments: measurements over seeds of where and when a learner is added.

In: seeds and a budget. Out: a result with bands, its table and its sentences.

    bands            a measure over seeds, mean and standard error; the budget
    epsilon          the strength of layers
    samples          small data sets, split by a seed
    training         one optimizer, learning rates from one grid
    lesions          the cost of removing a layer
    paths            lengths of paths
    where_and_when   the two-by-two table of where and when a learner is added
    learners         the learners of scikit-learn, where they read and when they are fitted
    summary          the results in sentences
    catalogue        the experiments by name
"""

from __future__ import annotations

from typing import Any

from symfold.apps.experiments.bands import Band as Band
from symfold.apps.experiments.bands import Budget as Budget
from symfold.apps.experiments.epsilon import by_strength as by_strength
from symfold.apps.experiments.learners import real_learners as real_learners
from symfold.apps.experiments.lesions import lesion_curves as lesion_curves
from symfold.apps.experiments.paths import path_lengths as path_lengths
from symfold.apps.experiments.summary import summary as summary_of
from symfold.apps.experiments.where_and_when import two_by_two as two_by_two
from symfold.errors import no_name

__all__ = [
    "Band",
    "Budget",
    "by_strength",
    "lesion_curves",
    "path_lengths",
    "real_learners",
    "summary_of",
    "two_by_two",
]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise no_name("sf.experiments", name, __dir__())


def __dir__() -> list[str]:
    return __all__
