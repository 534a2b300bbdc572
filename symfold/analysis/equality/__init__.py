"""Equality: whether two nets are the same, how that is known, and what moved between them.

    comparable                  whether they can be compared
    lazily, agreement, randomised   layers read as random functions
    exactly, numerical          in fractions, and at random points
    conditions, counterexample  what suffices; what refutes
    verdict                     the graded answer
    wiring, spans, overlay, difference   what each application reads, and what moved, in words and as a graph
"""
