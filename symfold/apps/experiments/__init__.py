"""Experiments: trained and random nets measured over seeds; each function gives plain arrays, and states its budget."""

from __future__ import annotations

from symfold.apps.experiments.bands import Band as Band
from symfold.apps.experiments.bands import Budget as Budget
from symfold.apps.experiments.epsilon import by_strength as by_strength
from symfold.apps.experiments.lesions import lesion_curves as lesion_curves
from symfold.apps.experiments.paths import path_lengths as path_lengths
from symfold.apps.experiments.summary import summary as summary_of
from symfold.apps.experiments.where_and_when import two_by_two as two_by_two

__all__ = ["Band", "Budget", "by_strength", "lesion_curves", "path_lengths", "summary_of", "two_by_two"]
