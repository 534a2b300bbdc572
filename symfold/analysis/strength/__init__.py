"""Strength: what a net becomes as its layers are scaled by epsilon.

    jets, jet_folds             Taylor arithmetic over nodes and folds
    multilinear, counting       the terms of a coefficient, listed and counted
    series_text, series         the series: shown, subtracted, in numbers
    scaling, commutator         a net with its layers scaled; what the order of two layers changes
"""
