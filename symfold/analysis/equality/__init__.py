"""Equality: whether two nets are the same, how that is known, and what moved between them.

    same_form                   one normal form, what sums and products of steps begin at moved out
    comparable                  whether they can be compared
    lazily, agreement, randomised   layers read as random functions
    exactly, residues           in fractions, and modulo a prime
    smooth, precisely, numerical   at random points: in floating point, to many digits
    conditions, counterexample  what suffices; what refutes
    verdict                     the graded answer
    wiring, spans, overlay, difference   what each application reads, and what moved, in words and as a graph
"""
