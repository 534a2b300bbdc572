"""Counting: what passes through a net, by powers of what passes through a step.

    polynomials, powers         of a path's worth, and of the matrix of a step, closed or as a recurrence
    weights                     what a layer is worth
    transfer                    from inputs to outputs, block by block
    tails, spectrum, paths      how many paths, of which lengths
    schedule, connections, cost work, span, width, wires
    degree                      of a net whose layers are polynomials
"""
