"""Counting: what passes through a net, by powers of what passes through a step.

    polynomials, powers         of a path's worth, and of the matrix of a step, closed or as a recurrence
    carries                     the arguments that a path leads through
    weights, numbers            what a layer is worth, and what the constants of a net come to
    rows, running, transfer     from inputs to outputs, block by block
    known_weights               SymPy symbols that are weights
    tails, spectrum, paths      how many paths, of which lengths
    unread, fused, sharing      folds without what nothing reads; equal values of steps computed once
    schedule, connections, cost work, span, width, wires
    degree                      of a net whose layers are polynomials
"""
