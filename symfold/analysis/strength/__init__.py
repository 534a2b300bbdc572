"""Strength: nets whose layers are scaled by epsilon, as series in epsilon.

In: a net. Out: its series in epsilon, and nets with scaled layers.

    multilinear   sums, products and directional derivatives of nodes, in a canonical form
    jet_folds     a fold in Taylor arithmetic
    jets          Taylor arithmetic: the coefficients of epsilon**0, epsilon**1, ... of each node
    counting      the number of terms of a coefficient
    series_text   a series as a formula
    series        sf.series
    scaling       sf.scaled
    commutator    sf.commutator
"""
