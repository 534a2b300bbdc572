"""Counting: what passes through a net, by powers of what passes through a step.

powers            powers of the matrix of a step, closed or as a recurrence
weights           what a layer on a path is worth
numbers           the value of the net's constants, exactly
tails             coefficients of a large power of a small polynomial, added up
polynomials       path polynomials, kept as powers
spectrum          the share of paths between two lengths, if there are too many to count exactly
path_rows         the vectors that an interpretation along paths adds and multiplies
running           a fold over such vectors, as a power of a matrix
transfer          from inputs to outputs, block by block
known_weights     SymPy symbols that are weights
schedule          each layer as early as possible: levels
connections       which layers reach which
truncated         a polynomial near a point, up to an order
paths             sf.paths
unread            folds without what nothing reads
fused             folds that take their steps together
sharing           equal values of steps, counted once
degree            the degree of a net whose layers are polynomials
cost              sf.cost: work, span, width, connections, size written out
"""
